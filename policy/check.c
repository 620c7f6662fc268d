#include "policy/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_pointer.h"
#include "base/limits.h"
#include "base/text.h"

#define FOUND_MAX 200  /* bytes of a value that a message shows */
#define NUMBER_MAX 512 /* bytes of a number that is compared: longer ones are no amounts */
#define DEPTH_MAX JSON_DEPTH_MAX

const char *check_operator_name(enum check_operator operator)
{
    static const char *const names[CHECK_OPERATORS] = {
        [CHECK_IS] = "is",           [CHECK_NOT] = "not",
        [CHECK_IN] = "in",           [CHECK_NOT_IN] = "not-in",
        [CHECK_MATCHES] = "matches", [CHECK_NOT_MATCHES] = "not-matches",
        [CHECK_EXISTS] = "exists",   [CHECK_AT_LEAST] = "at-least",
        [CHECK_AT_MOST] = "at-most",
    };

    return operator<CHECK_OPERATORS ? names[operator] : "unknown";
}

static bool is_scalar(struct json_view value)
{
    return value.kind != JSON_ABSENT && value.kind != JSON_ARRAY && value.kind != JSON_OBJECT;
}

/* Decimal text to a number. JSON's grammar is a part of strtod's in the C locale, which is the only
 * one that these programs have. */
static bool number_of(double *out, struct bytes text)
{
    char copy[NUMBER_MAX + 1];

    if (text.len == 0 || text.len > NUMBER_MAX)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    char *end;
    *out = strtod(copy, &end);
    return *end == '\0';
}

static bool is_whole(struct bytes number)
{
    for (size_t i = 0; i < number.len; i++)
        if (number.data[i] != '-' && (number.data[i] < '0' || number.data[i] > '9'))
            return false;
    return true;
}

/* JSON writes a whole number in one way only (but for -0): those are compared exactly. */
static bool numbers_equal(struct bytes a, struct bytes b)
{
    double x, y;

    if (is_whole(a) && is_whole(b))
        return bytes_equal(a, b);
    return number_of(&x, a) && number_of(&y, b) && !(x < y) && !(x > y);
}

static bool equals(const struct literal *literal, struct json_view value)
{
    const struct bytes text = bytes_text(literal->text);

    if (!is_scalar(value))
        return false;
    if (literal->kind == JSON_ABSENT)
        return value.kind == JSON_STRING ? json_string_is(value, text)
                                         : bytes_equal(value.raw, text);
    if (literal->kind != value.kind)
        return false;
    if (value.kind == JSON_STRING)
        return json_string_is(value, text);
    return value.kind != JSON_NUMBER || numbers_equal(value.raw, text);
}

static bool equals_one(const struct check *check, struct json_view value)
{
    for (size_t i = 0; i < check->n; i++)
        if (equals(&check->literals[i], value))
            return true;
    return false;
}

static bool matches_one(const struct check *check, struct json_view value)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(value.raw.len);
    struct bytes content;

    if (!json_string_raw(value, &content)) {
        if (json_string(&text, value, "value", NULL) != 0)
            return false;
        content = buf_bytes(&text);
    }
    for (size_t i = 0; i < check->n; i++)
        if (pattern_matches(&check->literals[i].pattern, content))
            return true;
    return false;
}

/* Both are numbers, and the value is not on the wrong side. */
static bool within(const struct check *check, struct json_view value)
{
    double bound, amount;

    if (value.kind != JSON_NUMBER || !number_of(&amount, value.raw) ||
        !number_of(&bound, bytes_text(check->literals[0].text)))
        return false;
    return check->operator== CHECK_AT_LEAST ? amount >= bound : amount <= bound;
}

/* The operator on one value. Negations want a value of their kind as well: what is not there is not
 * "something else". */
static bool satisfies(const struct check *check, struct json_view value)
{
    switch (check->operator) {
    case CHECK_IS:
    case CHECK_IN:
        return equals_one(check, value);
    case CHECK_NOT:
    case CHECK_NOT_IN:
        return is_scalar(value) && !equals_one(check, value);
    case CHECK_MATCHES:
        return value.kind == JSON_STRING && matches_one(check, value);
    case CHECK_NOT_MATCHES:
        return value.kind == JSON_STRING && !matches_one(check, value);
    case CHECK_EXISTS:
        return (value.kind != JSON_ABSENT) == (check->literals[0].kind == JSON_TRUE_VALUE);
    case CHECK_AT_LEAST:
    case CHECK_AT_MOST:
        return within(check, value);
    case CHECK_OPERATORS:
        break;
    }
    return false;
}

/* One walk over the elements of a pointer with stars. */
struct walk {
    const struct check *check;
    size_t elements;  /* that were met */
    size_t satisfied; /* of them */
    bool broken;      /* a star met neither array nor object */
};

static void walk_elements(struct walk *w, struct json_view value, struct bytes rest, int depth);

/* `rest` begins behind a star. */
/* NOLINTNEXTLINE(misc-no-recursion): depth is at most DEPTH_MAX */
static void walk_star(struct walk *w, struct json_view value, struct bytes rest, int depth)
{
    struct json_view element;

    if (value.kind != JSON_ARRAY && value.kind != JSON_OBJECT) {
        w->broken = true;
        return;
    }
    for (struct json_walk walk = json_walk(value); json_next(&walk, NULL, &element);) {
        if (rest.len > 0) {
            walk_elements(w, element, rest, depth + 1);
            continue;
        }
        w->elements++;
        w->satisfied += satisfies(w->check, json_at(element, w->check->at));
    }
}

/* Up to the next "/" followed by a star that is a whole member name. */
static size_t next_star(struct bytes pointer)
{
    for (size_t i = 0; i + 1 < pointer.len; i++)
        if (pointer.data[i] == '/' && pointer.data[i + 1] == '*' &&
            (i + 2 == pointer.len || pointer.data[i + 2] == '/'))
            return i;
    return pointer.len;
}

/* The value at the pointer before the star; `absent` concerns only its last member before the final
 * star. */
/* NOLINTNEXTLINE(misc-no-recursion): depth is at most DEPTH_MAX */
static void walk_elements(struct walk *w, struct json_view value, struct bytes rest, int depth)
{
    const size_t star = next_star(rest);
    const struct bytes before = bytes_part(rest, 0, star);
    const struct bytes after = bytes_part(rest, star + 2, SIZE_MAX);
    const struct json_view found = json_pointer_get(value, before);

    if (depth > DEPTH_MAX) {
        w->broken = true;
        return;
    }
    if (found.kind != JSON_ABSENT || !w->check->absent_passes || after.len > 0) {
        walk_star(w, found, after, depth);
        return;
    }
    /* only the last member may be missing: what holds it must be there */
    size_t last = before.len;
    while (last > 0 && before.data[last - 1] != '/')
        last--;
    const struct bytes parent = bytes_part(before, 0, last == 0 ? 0 : last - 1);
    if (last == 0 || json_pointer_get(value, parent).kind != JSON_OBJECT)
        w->broken = true;
}

bool check_holds(const struct check *check, struct json_view statement)
{
    struct walk w = { .check = check };

    if (check->over == OVER_ONE_VALUE)
        return satisfies(check, json_at(statement, check->at));
    walk_elements(&w, statement, bytes_text(check->elements), 0);
    if (w.broken)
        return false;
    if (w.elements == 0)
        return check->empty_passes;
    return check->over == OVER_EACH ? w.satisfied == w.elements : w.satisfied > 0;
}

void check_found(struct buf *out, const struct check *check, struct json_view statement)
{
    if (check->over != OVER_ONE_VALUE) {
        struct walk w = { .check = check };
        walk_elements(&w, statement, bytes_text(check->elements), 0);
        if (w.broken)
            buf_add_text(out, "something that has no elements");
        else
            buf_addf(out, "%zu of %zu elements that do", w.satisfied, w.elements);
        return;
    }
    const struct json_view value = json_at(statement, check->at);
    if (value.kind == JSON_ABSENT)
        buf_add_text(out, "nothing");
    else if (value.kind == JSON_ARRAY)
        buf_add_text(out, "an array");
    else if (value.kind == JSON_OBJECT)
        buf_add_text(out, "an object");
    else
        text_escape(out, value.raw, FOUND_MAX);
}
