#include "base/json_scan.h"

#include "base/json_lex.h"
#include "base/limits.h"
#include "base/text.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_FEW 128 /* members that are open together without allocating: 640 bytes of text */

struct name {
    uint64_t hash;
    size_t offset;
};

struct level {
    bool object;
    size_t first; /* of its names */
};

/*
 * The names of all open objects lie on one stack, as keyed hashes; an object's are sorted and
 * compared when it closes. The key is drawn for each scan, so that nobody can prepare names that
 * collide; two different names among 65536 do so with a chance of 2^-33, and then a good document
 * is refused, never a bad one accepted.
 */
struct scan {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    struct err *err;
    size_t depth;
    struct level levels[JSON_DEPTH_MAX];
    struct name *names; /* `few` or `many` */
    struct name *many;
    size_t len;
    size_t cap;
    bool keyed;
    uint8_t key[crypto_shorthash_KEYBYTES];
    struct name few[NAMES_FEW];
};

/* What may come next. */
enum step { STEP_VALUE, STEP_FIRST_ITEM, STEP_FIRST_NAME, STEP_NAME, STEP_AFTER };

static void scan_clear(struct scan *s)
{
    free(s->many);
}

static int malformed(const struct scan *s, const uint8_t *where, const char *what)
{
    return err_set(s->err, ERR_MALFORMED, "byte %zu: %s", (size_t)(where - s->start), what);
}

static size_t offset(const struct scan *s)
{
    return (size_t)(s->at - s->start);
}

/* Over the string at s->at. `content` is left without its quotes, escapes as they are. */
static int scan_string(struct scan *s, struct bytes *content, bool *escaped)
{
    const uint8_t *first = s->at + 1;
    const uint8_t *p = first;
    bool ascii = true;

    *escaped = false;
    for (;;) {
        uint32_t point;
        p = json_plain_end(p, s->end, &ascii);
        if (p == s->end)
            return malformed(s, s->at, "a string that does not end");
        if (*p == '"')
            break;
        if (*p != '\\')
            return malformed(s, p, "a control character in a string");
        size_t len = json_escape(&point, p, s->end);
        if (len == 0)
            return malformed(s, p, "an escape that is not allowed");
        *escaped = true;
        p += len;
    }
    *content = (struct bytes) { first, (size_t)(p - first) };
    if (!ascii && !utf8_valid(*content))
        return malformed(s, s->at, "a string that is not UTF-8");
    s->at = p + 1;
    return 0;
}

static const uint8_t *skip_digits(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* RFC 8259 section 6. What may not follow the number is refused by the next step. */
static int scan_number(struct scan *s)
{
    const uint8_t *p = s->at + (*s->at == '-');
    const uint8_t *digits = p;

    p = skip_digits(p, s->end);
    if (p == digits)
        return malformed(s, s->at, "no value");
    if (*digits == '0' && p - digits > 1)
        return malformed(s, s->at, "a number with a leading zero");
    if (p < s->end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, s->end);
        if (p == digits)
            return malformed(s, s->at, "a number without digits after its point");
    }
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < s->end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = skip_digits(p, s->end);
        if (p == digits)
            return malformed(s, s->at, "a number without digits in its exponent");
    }
    s->at = p;
    return 0;
}

static int scan_word(struct scan *s, const char *word)
{
    struct bytes rest = { s->at, (size_t)(s->end - s->at) };

    if (!bytes_starts(rest, word))
        return malformed(s, s->at, "no value");
    s->at += strlen(word);
    return 0;
}

static int scan_open(struct scan *s, bool object, enum step *step)
{
    if (s->depth == JSON_DEPTH_MAX)
        return err_set(s->err, ERR_LIMIT, "byte %zu: deeper than %d levels", offset(s),
                       JSON_DEPTH_MAX);
    s->levels[s->depth++] = (struct level) { .object = object, .first = s->len };
    s->at++;
    *step = object ? STEP_FIRST_NAME : STEP_FIRST_ITEM;
    return 0;
}

static int scan_value(struct scan *s, enum step *step)
{
    struct bytes content;
    bool escaped;

    *step = STEP_AFTER;
    switch (json_kind_of(*s->at)) {
    case JSON_OBJECT:
        return scan_open(s, true, step);
    case JSON_ARRAY:
        return scan_open(s, false, step);
    case JSON_STRING:
        return scan_string(s, &content, &escaped);
    case JSON_TRUE_VALUE:
        return scan_word(s, "true");
    case JSON_FALSE_VALUE:
        return scan_word(s, "false");
    case JSON_NULL_VALUE:
        return scan_word(s, "null");
    case JSON_ABSENT:
    case JSON_NUMBER:
        break;
    }
    return scan_number(s);
}

static int names_grow(struct scan *s)
{
    /* at most JSON_KEYS_MAX for each of JSON_DEPTH_MAX levels: no overflow */
    struct name *more = realloc(s->many, s->cap * 2 * sizeof(*more));

    if (more == NULL)
        return err_set(s->err, ERR_NOMEM, "out of memory");
    if (s->many == NULL)
        memcpy(more, s->few, s->len * sizeof(*more));
    s->many = more;
    s->names = more;
    s->cap *= 2;
    return 0;
}

static int name_hash(struct scan *s, uint64_t *hash, struct bytes content, bool escaped)
{
    struct buf CLEANUP(buf_clear) plain = BUF_INIT(SIZE_MAX / 2);
    uint8_t out[crypto_shorthash_BYTES];
    static const uint8_t nothing[1];

    if (!s->keyed)
        randombytes_buf(s->key, sizeof(s->key));
    s->keyed = true;
    if (escaped) {
        json_unescape(&plain, content);
        if (buf_check(&plain, "name", s->err) != 0)
            return -1;
        content = buf_bytes(&plain);
    }
    crypto_shorthash(out, content.len > 0 ? content.data : nothing, content.len, s->key);
    memcpy(hash, out, sizeof(*hash));
    return 0;
}

static int scan_name(struct scan *s, enum step *step)
{
    const uint8_t *first = s->at;
    struct bytes content;
    bool escaped;
    uint64_t hash;

    if (*first != '"')
        return malformed(s, first, "no member name");
    if (scan_string(s, &content, &escaped) != 0 || name_hash(s, &hash, content, escaped) != 0)
        return -1;
    if (s->len - s->levels[s->depth - 1].first == JSON_KEYS_MAX)
        return err_set(s->err, ERR_LIMIT, "byte %zu: more than %d members", offset(s),
                       JSON_KEYS_MAX);
    if (s->len == s->cap && names_grow(s) != 0)
        return -1;
    s->names[s->len++] = (struct name) { .hash = hash, .offset = (size_t)(first - s->start) };
    s->at = json_skip_space(s->at, s->end);
    if (s->at == s->end || *s->at != ':')
        return malformed(s, s->at, "no colon after a member name");
    s->at++;
    *step = STEP_VALUE;
    return 0;
}

/* Shell's sort: in place, and its bad cases cannot be prepared, because the hashes are keyed. */
static void names_sort(struct name *names, size_t n)
{
    size_t gap = 1;

    while (gap < n / 3)
        gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3) {
        for (size_t i = gap; i < n; i++) {
            struct name name = names[i];
            size_t at = i;
            for (; at >= gap && names[at - gap].hash > name.hash; at -= gap)
                names[at] = names[at - gap];
            names[at] = name;
        }
    }
}

static int scan_close(struct scan *s, enum step *step)
{
    size_t first = s->levels[--s->depth].first;
    struct name *names = s->names + first;
    size_t n = s->len - first;

    names_sort(names, n);
    for (size_t i = 1; i < n; i++) {
        if (names[i - 1].hash != names[i].hash)
            continue;
        size_t a = names[i - 1].offset;
        size_t b = names[i].offset;
        return malformed(s, s->start + (a > b ? a : b), "a duplicate member name");
    }
    s->len = first;
    s->at++;
    *step = STEP_AFTER;
    return 0;
}

static int scan_after(struct scan *s, enum step *step)
{
    bool object = s->levels[s->depth - 1].object;

    if (*s->at == (object ? '}' : ']'))
        return scan_close(s, step);
    if (*s->at != ',')
        return malformed(s, s->at, object ? "no comma or } after a member" : "no comma or ]");
    s->at++;
    *step = object ? STEP_NAME : STEP_VALUE;
    return 0;
}

static int scan_step(struct scan *s, enum step *step)
{
    s->at = json_skip_space(s->at, s->end);
    if (s->at == s->end)
        return malformed(s, s->at, "the text ends too early");
    switch (*step) {
    case STEP_FIRST_ITEM:
        return *s->at == ']' ? scan_close(s, step) : scan_value(s, step);
    case STEP_FIRST_NAME:
        return *s->at == '}' ? scan_close(s, step) : scan_name(s, step);
    case STEP_NAME:
        return scan_name(s, step);
    case STEP_AFTER:
        return scan_after(s, step);
    case STEP_VALUE:
        break;
    }
    return scan_value(s, step);
}

int json_scan(struct json_view *root, struct bytes text, struct err *err)
{
    *root = JSON_VIEW_NONE;
    if (text.len == 0)
        return err_set(err, ERR_MALFORMED, "byte 0: the text ends too early");
    struct scan CLEANUP(scan_clear) s;
    memset(&s, 0, offsetof(struct scan, few));
    s.start = s.at = text.data;
    s.end = text.data + text.len;
    s.err = err;
    s.names = s.few;
    s.cap = NAMES_FEW;
    const uint8_t *first = json_skip_space(s.at, s.end);
    enum step step = STEP_VALUE;
    do {
        if (scan_step(&s, &step) != 0)
            return -1;
    } while (s.depth > 0);
    const uint8_t *last = s.at;
    s.at = json_skip_space(s.at, s.end);
    if (s.at != s.end)
        return malformed(&s, s.at, "more text after the value");
    *root = (struct json_view) { json_kind_of(*first), { first, (size_t)(last - first) } };
    return 0;
}

int json_check(struct bytes text, struct err *err)
{
    struct json_view root;

    return json_scan(&root, text, err);
}
