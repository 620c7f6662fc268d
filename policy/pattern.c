#include "policy/pattern.h"

#include <string.h>

#define SEGMENTS_MAX 64 /* of a pattern, and of a text that it can match: names have a few */

static bool is_star(struct bytes text)
{
    return bytes_is(text, "*");
}

static int segment_compile(struct pattern_segment *out, struct bytes text, struct err *err)
{
    size_t stars = 0;

    out->text = text;
    out->many = bytes_is(text, "**");
    if (out->many)
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '*')
            continue;
        if (i + 1 < text.len && text.data[i + 1] == '*')
            return err_set(err, ERR_INVALID, "\"**\" stands alone between slashes");
        stars++;
    }
    if (stars > PATTERN_STARS_MAX)
        return err_set(err, ERR_INVALID, "more than %d stars in one segment", PATTERN_STARS_MAX);
    return 0;
}

static size_t count_segments(struct bytes text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == '/';
    return n;
}

/* The segment that begins at *at; *at moves behind its slash, or past the end after the last. */
static struct bytes next_segment(struct bytes text, size_t *at)
{
    size_t end = *at;

    while (end < text.len && text.data[end] != '/')
        end++;
    struct bytes segment = bytes_part(text, *at, end - *at);
    *at = end + 1;
    return segment;
}

int pattern_compile(struct pattern *out, struct bytes text, struct arena *arena, struct err *err)
{
    const size_t n = count_segments(text);
    size_t at = 0;

    *out = (struct pattern) { 0 };
    if (text.len == 0)
        return err_set(err, ERR_INVALID, "an empty pattern matches nothing");
    if (n > SEGMENTS_MAX)
        return err_set(err, ERR_INVALID, "more than %d segments", SEGMENTS_MAX);
    struct pattern pattern = { .n = n };
    pattern.segments = arena_new(arena, n, sizeof(*pattern.segments), err);
    if (pattern.segments == NULL || arena_bytes(&pattern.text, arena, text, err) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (segment_compile(&pattern.segments[i], next_segment(pattern.text, &at), err) != 0)
            return -1;
    *out = pattern;
    return 0;
}

/* One segment with stars against one of a text: the last star that was met takes in one byte more
 * whenever what follows it does not fit. */
static bool segment_matches(struct bytes pattern, struct bytes text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, taken = 0;

    if (is_star(pattern))
        return text.len > 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            star = p++;
            taken = t;
        } else if (p < pattern.len && pattern.data[p] == text.data[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*')
        p++;
    return p == pattern.len;
}

/* Segments of a text, or of another pattern. */
struct row {
    struct bytes segments[SEGMENTS_MAX];
    size_t n;
};

static bool row_of(struct row *out, struct bytes text)
{
    const size_t n = count_segments(text);
    size_t at = 0;

    if (n > SEGMENTS_MAX)
        return false;
    for (out->n = 0; out->n < n; out->n++)
        out->segments[out->n] = next_segment(text, &at);
    return true;
}

typedef bool segment_test(struct bytes pattern, struct bytes text);

/* The same walk one level up: "**" takes one segment at least. */
static bool row_matches(const struct pattern *p, const struct row *row, segment_test *fits)
{
    size_t i = 0, t = 0, many = SIZE_MAX, taken = 0;

    while (t < row->n) {
        if (i < p->n && p->segments[i].many) {
            many = i++;
            taken = ++t;
        } else if (i < p->n && fits(p->segments[i].text, row->segments[t])) {
            i++;
            t++;
        } else if (many != SIZE_MAX) {
            i = many + 1;
            t = ++taken;
        } else {
            return false;
        }
    }
    return i == p->n;
}

bool pattern_matches(const struct pattern *pattern, struct bytes text)
{
    struct row row;

    return row_of(&row, text) && row_matches(pattern, &row, segment_matches);
}

/* A star of the narrow segment may stand for anything, a slash excepted: a wide segment covers it
 * where its own stars take it in as if it were a letter of its own. */
static bool segment_covers(struct bytes wide, struct bytes narrow)
{
    if (bytes_is(narrow, "**"))
        return false;
    if (is_star(wide))
        return narrow.len > 0;
    if (is_star(narrow))
        return false;
    return segment_matches(wide, narrow);
}

bool pattern_covers(const struct pattern *wide, const struct pattern *narrow)
{
    struct row row;

    return row_of(&row, narrow->text) && row_matches(wide, &row, segment_covers);
}
