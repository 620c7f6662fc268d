#include "base/json_scan.h"

#include "base/json_lex.h"
#include "base/limits.h"
#include "base/text.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_FEW 128 /* members that are open together without allocating: 640 bytes of text */
#define NAMES_PLAIN 8 /* so many names are compared each with each */
#define SPAN_LEAST 64 /* bytes of an array or object that is worth a place in the index */
#define NO_SPAN SIZE_MAX

struct name {
    uint64_t hash; /* set when the object closes, where there are many */
    size_t offset; /* of the content in the text */
    size_t len;    /* of the content, as it stands there */
    bool escaped;
};

struct level {
    bool object;
    size_t first; /* of its names */
    size_t span;  /* of its place in the index */
};

/*
 * The names of all open objects lie on one stack. When an object closes, few are compared as they
 * are; many as keyed hashes, sorted. The key is drawn for each scan, so that nobody can prepare
 * names that collide; two different names among 65536 do so with a chance of 2^-33, and then a good
 * document is refused, never a bad one accepted.
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
    struct json_index *index; /* or NULL */
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

static size_t span_open(struct scan *s)
{
    struct json_index *index = s->index;

    if (index == NULL || index->n == index->max)
        return NO_SPAN;
    index->spans[index->n] = (struct json_span) { .from = (uint32_t)offset(s) };
    return index->n++;
}

/* s->at is behind it. A small one without any within is forgotten again. */
static void span_close(struct scan *s, size_t span)
{
    struct json_index *index = s->index;

    if (index == NULL || span == NO_SPAN)
        return;
    index->spans[span].to = (uint32_t)offset(s);
    if (span == index->n - 1 && index->spans[span].to - index->spans[span].from < SPAN_LEAST)
        index->n--;
}

static int scan_open(struct scan *s, bool object, enum step *step)
{
    if (s->depth == JSON_DEPTH_MAX)
        return err_set(s->err, ERR_LIMIT, "byte %zu: deeper than %d levels", offset(s),
                       JSON_DEPTH_MAX);
    s->levels[s->depth++] =
        (struct level) { .object = object, .first = s->len, .span = span_open(s) };
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

static int name_hash(struct scan *s, struct name *name)
{
    struct buf CLEANUP(buf_clear) plain = BUF_INIT(SIZE_MAX / 2);
    struct bytes content = { s->start + name->offset, name->len };
    uint8_t out[crypto_shorthash_BYTES];
    static const uint8_t nothing[1];

    if (!s->keyed)
        randombytes_buf(s->key, sizeof(s->key));
    s->keyed = true;
    if (name->escaped) {
        json_unescape(&plain, content);
        if (buf_check(&plain, "name", s->err) != 0)
            return -1;
        content = buf_bytes(&plain);
    }
    crypto_shorthash(out, content.len > 0 ? content.data : nothing, content.len, s->key);
    memcpy(&name->hash, out, sizeof(name->hash));
    return 0;
}

static int scan_name(struct scan *s, enum step *step)
{
    const uint8_t *first = s->at;
    struct bytes content;
    bool escaped;

    if (*first != '"')
        return malformed(s, first, "no member name");
    if (scan_string(s, &content, &escaped) != 0)
        return -1;
    if (s->len - s->levels[s->depth - 1].first == JSON_KEYS_MAX)
        return err_set(s->err, ERR_LIMIT, "byte %zu: more than %d members", offset(s),
                       JSON_KEYS_MAX);
    if (s->len == s->cap && names_grow(s) != 0)
        return -1;
    s->names[s->len++] = (struct name) { .offset = (size_t)(content.data - s->start),
                                         .len = content.len,
                                         .escaped = escaped };
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

static int duplicate(const struct scan *s, const struct name *a, const struct name *b)
{
    const size_t later = a->offset > b->offset ? a->offset : b->offset;

    return malformed(s, s->start + later - 1, "a duplicate member name");
}

/* Escapes make one name of different texts: those are for the hashes. */
static bool are_plain(const struct name *names, size_t n)
{
    if (n > NAMES_PLAIN)
        return false;
    for (size_t i = 0; i < n; i++)
        if (names[i].escaped)
            return false;
    return true;
}

static struct bytes name_bytes(const struct scan *s, const struct name *name)
{
    return (struct bytes) { s->start + name->offset, name->len };
}

static int compare_plain(const struct scan *s, const struct name *names, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (names[k].len == names[i].len &&
                bytes_equal(name_bytes(s, &names[k]), name_bytes(s, &names[i])))
                return duplicate(s, &names[k], &names[i]);
    return 0;
}

static int compare_hashed(struct scan *s, struct name *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (name_hash(s, &names[i]) != 0)
            return -1;
    names_sort(names, n);
    for (size_t i = 1; i < n; i++)
        if (names[i - 1].hash == names[i].hash)
            return duplicate(s, &names[i - 1], &names[i]);
    return 0;
}

static int scan_close(struct scan *s, enum step *step)
{
    const struct level *level = &s->levels[--s->depth];
    struct name *names = s->names + level->first;
    const size_t n = s->len - level->first;

    if (are_plain(names, n) ? compare_plain(s, names, n) != 0 : compare_hashed(s, names, n) != 0)
        return -1;
    s->len = level->first;
    s->at++;
    span_close(s, level->span);
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

static int scan_text(struct json_view *root, struct bytes text, struct json_index *index,
                     struct err *err)
{
    *root = JSON_VIEW_NONE;
    if (text.len == 0)
        return err_set(err, ERR_MALFORMED, "byte 0: the text ends too early");
    struct scan CLEANUP(scan_clear) s;
    memset(&s, 0, offsetof(struct scan, few));
    s.start = s.at = text.data;
    s.end = text.data + text.len;
    s.err = err;
    s.index = index;
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
    *root = (struct json_view) { json_kind_of(*first), { first, (size_t)(last - first) }, index };
    return 0;
}

int json_scan(struct json_view *root, struct bytes text, struct err *err)
{
    return scan_text(root, text, NULL, err);
}

int json_scan_indexed(struct json_view *root, struct bytes text, struct json_index *index,
                      struct err *err)
{
    index->n = 0;
    index->start = text.data;
    return scan_text(root, text, text.len < UINT32_MAX ? index : NULL, err);
}

int json_check(struct bytes text, struct err *err)
{
    struct json_view root;

    return json_scan(&root, text, err);
}
