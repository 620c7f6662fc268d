#include "base/json_pull.h"

#include "base/json_lex.h"
#include "base/text.h"

#include <string.h>

#define NAME_SHOWN 64 /* bytes of an unknown name in a message */

/* Text that has passed json_scan() is walked without checking it again; every step is held inside
 * the view all the same. */

/* Behind the string whose opening quote is at p. */
static const uint8_t *string_end(const uint8_t *p, const uint8_t *end)
{
    bool ascii = true;

    p++;
    while (p < end) {
        p = json_plain_end(p, end, &ascii);
        if (p < end && *p == '"')
            return p + 1;
        p = end - p > 2 ? p + 2 : end;
    }
    return end;
}

/* The end of the array or object at p, if the index knows it; else NULL. */
static const uint8_t *indexed_end(const struct json_index *index, const uint8_t *p)
{
    const size_t from = (size_t)(p - index->start);
    size_t low = 0;
    size_t high = index->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct json_span *span = &index->spans[middle];
        if (span->from == from)
            return index->start + span->to;
        if (span->from < from)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static const uint8_t *container_end(const uint8_t *p, const uint8_t *end,
                                    const struct json_index *index)
{
    const uint8_t *known = index != NULL ? indexed_end(index, p) : NULL;
    size_t depth = 0;

    if (known != NULL && known <= end)
        return known;

    while (p < end) {
        if (*p == '"') {
            p = string_end(p, end);
            continue;
        }
        if (*p == '[' || *p == '{')
            depth++;
        else if ((*p == ']' || *p == '}') && --depth == 0)
            return p + 1;
        p++;
    }
    return end;
}

static const uint8_t *scalar_end(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p > ' ') && *p != ',' && *p != ']' && *p != '}')
        p++;
    return p;
}

/* The value at p; *p is moved behind it. */
static struct json_view value_at(const uint8_t **p, const uint8_t *end,
                                 const struct json_index *index)
{
    const uint8_t *first = *p;
    enum json_kind kind = json_kind_of(*first);

    if (kind == JSON_STRING)
        *p = string_end(first, end);
    else if (kind == JSON_OBJECT || kind == JSON_ARRAY)
        *p = container_end(first, end, index);
    else
        *p = scalar_end(first, end);
    return (struct json_view) { kind, { first, (size_t)(*p - first) }, index };
}

/* Over the one `mark` that may stand at p, and white space on both sides. */
static const uint8_t *skip_mark(const uint8_t *p, const uint8_t *end, uint8_t mark)
{
    p = json_skip_space(p, end);
    if (p < end && *p == mark)
        p = json_skip_space(p + 1, end);
    return p;
}

struct json_walk json_walk(struct json_view value)
{
    struct json_walk walk = { NULL, NULL, value.kind == JSON_OBJECT, value.index };

    if ((value.kind != JSON_OBJECT && value.kind != JSON_ARRAY) || value.raw.len < 2)
        return walk;
    walk.at = value.raw.data + 1;
    walk.end = value.raw.data + value.raw.len - 1;
    return walk;
}

bool json_next(struct json_walk *walk, struct json_view *name, struct json_view *value)
{
    if (name != NULL)
        *name = JSON_VIEW_NONE;
    *value = JSON_VIEW_NONE;
    if (walk->at == walk->end)
        return false;
    const uint8_t *p = skip_mark(walk->at, walk->end, ',');
    if (p < walk->end && walk->object) {
        struct json_view found = value_at(&p, walk->end, walk->index);
        if (name != NULL)
            *name = found;
        p = skip_mark(p, walk->end, ':');
    }
    if (p < walk->end)
        *value = value_at(&p, walk->end, walk->index);
    walk->at = p;
    return value->kind != JSON_ABSENT;
}

size_t json_count(struct json_view value)
{
    struct json_walk walk = json_walk(value);
    struct json_view item;
    size_t n = 0;

    while (json_next(&walk, NULL, &item))
        n++;
    return n;
}

static bool string_content(struct json_view value, struct bytes *content)
{
    *content = BYTES_NONE;
    if (value.kind != JSON_STRING || value.raw.len < 2)
        return false;
    *content = bytes_part(value.raw, 1, value.raw.len - 2);
    return true;
}

int json_string(struct buf *out, struct json_view value, const char *what, struct err *err)
{
    struct bytes content;

    if (!string_content(value, &content))
        return err_set(err, ERR_MALFORMED, "%s: not a string", what);
    if (content.len > 0)
        json_unescape(out, content);
    return buf_check(out, what, err);
}

bool json_string_raw(struct json_view value, struct bytes *content)
{
    if (string_content(value, content) &&
        (content->len == 0 || memchr(content->data, '\\', content->len) == NULL))
        return true;
    *content = BYTES_NONE;
    return false;
}

/* One code point's UTF-8 out of a string's content: a view into the text, or `utf8` filled. */
static struct bytes next_point(struct bytes *content, uint8_t utf8[JSON_POINT_BYTES])
{
    const uint8_t *p = content->data;
    size_t len = 1;
    uint32_t point;
    struct bytes found;

    if (*p == '\\') {
        len = json_escape(&point, p, p + content->len);
        found = (struct bytes) { utf8, json_point_utf8(utf8, point) };
    } else {
        while (len < content->len && (p[len] & 0xc0) == 0x80)
            len++;
        found = bytes_part(*content, 0, len);
    }
    *content = bytes_part(*content, len == 0 ? content->len : len, content->len);
    return found;
}

/* Past the ASCII letters that both begin with: of most names that is all. */
static void skip_same(struct bytes *content, struct bytes *text)
{
    const uint8_t *a = content->data;
    const uint8_t *b = text->data;
    size_t most = content->len < text->len ? content->len : text->len;
    size_t n = 0;

    while (n < most && a[n] == b[n] && a[n] < 0x80 && a[n] != '\\')
        n++;
    *content = bytes_part(*content, n, content->len);
    *text = bytes_part(*text, n, text->len);
}

bool json_string_is(struct json_view value, struct bytes text)
{
    uint8_t utf8[JSON_POINT_BYTES];
    struct bytes content;

    if (!string_content(value, &content))
        return false;
    skip_same(&content, &text);
    while (content.len > 0) {
        struct bytes point = next_point(&content, utf8);
        if (!bytes_equal(point, bytes_part(text, 0, point.len)))
            return false;
        text = bytes_part(text, point.len, text.len);
    }
    return text.len == 0;
}

/* Lower case of ASCII letters, and of the two other code points that Unicode's simple case folding
 * makes ASCII letters: the long s and the Kelvin sign. 0 for all else that is not ASCII. */
static uint8_t fold(struct bytes point)
{
    if (point.len == 1) {
        uint8_t c = point.data[0];
        return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
    if (bytes_is(point, "\xc5\xbf"))
        return 's';
    return bytes_is(point, "\xe2\x84\xaa") ? 'k' : 0;
}

enum name_match { NAME_OTHER, NAME_SAME, NAME_OTHER_CASE };

/* Most names are told apart by their first letter. An escape, and what is not ASCII, may still be
 * one. */
static bool begins_otherwise(struct bytes content, char known)
{
    const uint8_t first = content.len > 0 ? content.data[0] : 0;

    return first < 0x80 && first != '\\' && ((first ^ (uint8_t)known) & ~0x20) != 0;
}

static enum name_match name_match(struct json_view name, const char *known)
{
    enum name_match match = NAME_SAME;
    struct bytes rest = bytes_text(known);
    uint8_t utf8[JSON_POINT_BYTES];
    struct bytes content;

    if (!string_content(name, &content) || begins_otherwise(content, *known))
        return NAME_OTHER;
    skip_same(&content, &rest);
    while (content.len > 0) {
        struct bytes point = next_point(&content, utf8);
        struct bytes want = bytes_part(rest, 0, point.len);
        if (!bytes_equal(point, want)) {
            match = NAME_OTHER_CASE;
            want = bytes_part(rest, 0, 1);
            if (want.len == 0 || fold(point) == 0 || fold(point) != fold(want))
                return NAME_OTHER;
        }
        rest = bytes_part(rest, want.len, rest.len);
    }
    return rest.len == 0 ? match : NAME_OTHER;
}

static const char *kind_word(enum json_kind kind)
{
    static const char *const words[] = {
        [JSON_ABSENT] = "a value",    [JSON_NULL_VALUE] = "null",
        [JSON_FALSE_VALUE] = "false", [JSON_TRUE_VALUE] = "true or false",
        [JSON_NUMBER] = "a number",   [JSON_STRING] = "a string",
        [JSON_ARRAY] = "an array",    [JSON_OBJECT] = "an object",
    };
    return words[kind];
}

static bool kind_fits(enum json_kind want, enum json_kind kind)
{
    return want == JSON_ABSENT || want == kind ||
           (want == JSON_TRUE_VALUE && kind == JSON_FALSE_VALUE);
}

/* Takes the member. Null where another kind is wanted is as if it were not there. */
static int member_take(const struct json_member *member, struct json_view value, const char *what,
                       struct err *err)
{
    if (!kind_fits(member->want, value.kind)) {
        if (value.kind == JSON_NULL_VALUE && !member->required)
            return 0;
        return err_set(err, ERR_MALFORMED, "%s: %s: not %s", what, member->name,
                       kind_word(member->want));
    }
    *member->value = value;
    return 0;
}

static int name_unknown(struct json_view name, const char *what, struct err *err)
{
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(NAME_SHOWN * 4 + 16);

    text_escape(&shown, name.raw, NAME_SHOWN);
    return err_set(err, ERR_MALFORMED, "%s: unknown member %s", what, buf_text(&shown));
}

struct member_table {
    const struct json_member *members;
    size_t n;
    enum json_rest rest;
    const char *what;
};

static int member_place(const struct member_table *t, struct json_view name, struct json_view value,
                        struct err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        switch (name_match(name, t->members[i].name)) {
        case NAME_SAME:
            return member_take(&t->members[i], value, t->what, err);
        case NAME_OTHER_CASE:
            return err_set(err, ERR_MALFORMED, "%s: %s: written in another case", t->what,
                           t->members[i].name);
        case NAME_OTHER:
            break;
        }
    }
    return t->rest == JSON_REST_REFUSED ? name_unknown(name, t->what, err) : 0;
}

static int members_fill(const struct member_table *t, struct json_view object, struct err *err)
{
    struct json_walk walk = json_walk(object);
    struct json_view name;
    struct json_view value;

    if (object.kind != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "%s: not an object", t->what);
    while (json_next(&walk, &name, &value))
        if (member_place(t, name, value, err) != 0)
            return -1;
    for (size_t i = 0; i < t->n; i++)
        if (t->members[i].required && t->members[i].value->kind == JSON_ABSENT)
            return err_set(err, ERR_MALFORMED, "%s: %s: missing", t->what, t->members[i].name);
    return 0;
}

static void members_clear(const struct member_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        *t->members[i].value = JSON_VIEW_NONE;
}

int json_members(struct json_view object, const struct json_member *members, size_t n,
                 enum json_rest rest, const char *what, struct err *err)
{
    const struct member_table table = { members, n, rest, what };

    members_clear(&table);
    if (members_fill(&table, object, err) != 0) {
        members_clear(&table);
        return -1;
    }
    return 0;
}

/* Digits as a negative number, whose range is the larger one. */
static bool negative_of(int64_t *out, struct bytes digits)
{
    *out = 0;
    for (size_t i = 0; i < digits.len; i++) {
        uint8_t c = digits.data[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(*out, 10, out) ||
            __builtin_sub_overflow(*out, c - '0', out))
            return false;
    }
    return digits.len > 0;
}

int json_integer(int64_t *out, struct json_view value, int64_t min, int64_t max, const char *what,
                 struct err *err)
{
    int64_t n = 0;

    *out = 0;
    if (value.kind != JSON_NUMBER)
        return err_set(err, ERR_MALFORMED, "%s: not an integer", what);
    bool negative = value.raw.len > 0 && value.raw.data[0] == '-';
    struct bytes digits = bytes_part(value.raw, negative, value.raw.len);
    for (size_t i = 0; i < digits.len; i++)
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return err_set(err, ERR_MALFORMED, "%s: not an integer", what);
    if (!negative_of(&n, digits) || (!negative && __builtin_sub_overflow(0, n, &n)) || n < min ||
        n > max)
        return err_set(err, ERR_MALFORMED, "%s: not in %lld..%lld", what, (long long)min,
                       (long long)max);
    *out = n;
    return 0;
}
