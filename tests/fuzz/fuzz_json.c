/* The two JSON readers held against each other: what one accepts the other accepts, and then both
 * see the same document. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_pull.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool property)
{
    if (!property)
        abort();
}

/*
 * The differences that are allowed, all of one direction, the pull reader accepting: numbers that
 * fit neither int64_t nor double. (The other way round there is JSON_KEYS_MAX, which no input of
 * a fuzzer's size reaches.)
 */
static bool allowed_difference(enum err_code pull, const struct err *tree)
{
    return pull == ERR_NONE && tree->code == ERR_MALFORMED &&
           strstr(err_text(tree), "a number out of range") != NULL;
}

static void compare(struct json_view view, const struct jx *tree);

static void compare_string(struct json_view view, struct bytes text)
{
    struct buf CLEANUP(buf_clear) plain = BUF_INIT(SIZE_MAX / 2);
    struct err err = ERR_INIT;
    struct bytes raw;

    hold(json_string(&plain, view, "string", &err) == 0);
    hold(bytes_equal(buf_bytes(&plain), text));
    hold(json_string_is(view, text));
    buf_add_char(&plain, 'x');
    hold(!json_string_is(view, buf_bytes(&plain)));
    if (json_string_raw(view, &raw))
        hold(bytes_equal(raw, text));
    else
        hold(memchr(view.raw.data, '\\', view.raw.len) != NULL);
}

static void compare_number(struct json_view view, const struct jx *tree)
{
    struct err err = ERR_INIT;
    int64_t n;
    int rc = json_integer(&n, view, INT64_MIN, INT64_MAX, "number", &err);

    hold((rc == 0) == (jx_kind(tree) == JX_INTEGER));
    hold(rc != 0 || n == jx_integer(tree, 0));
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most JSON_DEPTH_MAX */
static void compare_object(struct json_view view, const struct jx *tree)
{
    struct json_walk walk = json_walk(view);
    struct json_view name;
    struct json_view value;
    const char *tree_name;
    struct jx *tree_value;
    void *at = NULL;

    while (json_next(&walk, &name, &value)) {
        hold(jx_next(tree, &at, &tree_name, &tree_value));
        compare_string(name, bytes_text(tree_name));
        compare(value, tree_value);

        struct json_view found;
        struct json_member member = { tree_name, &found, JSON_ABSENT, true };
        struct err err = ERR_INIT;
        if (json_members(view, &member, 1, JSON_REST_IGNORED, "object", &err) == 0)
            hold(found.raw.data == value.raw.data && found.raw.len == value.raw.len);
        else
            hold(strstr(err_text(&err), "another case") != NULL);
    }
    hold(!jx_next(tree, &at, &tree_name, &tree_value));
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most JSON_DEPTH_MAX */
static void compare_array(struct json_view view, const struct jx *tree)
{
    struct json_walk walk = json_walk(view);
    struct json_view value;
    size_t n = 0;

    while (json_next(&walk, NULL, &value))
        compare(value, jx_at(tree, n++));
    hold(n == jx_size(tree));
}

static enum json_kind kind_of(const struct jx *tree)
{
    static const enum json_kind kinds[] = {
        [JX_NONE] = JSON_ABSENT,    [JX_NULL] = JSON_NULL_VALUE, [JX_BOOL] = JSON_TRUE_VALUE,
        [JX_INTEGER] = JSON_NUMBER, [JX_REAL] = JSON_NUMBER,     [JX_STRING] = JSON_STRING,
        [JX_ARRAY] = JSON_ARRAY,    [JX_OBJECT] = JSON_OBJECT,
    };

    if (jx_kind(tree) == JX_BOOL && !jx_bool(tree, true))
        return JSON_FALSE_VALUE;
    return kinds[jx_kind(tree)];
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most JSON_DEPTH_MAX */
static void compare(struct json_view view, const struct jx *tree)
{
    struct json_view again;
    struct err err = ERR_INIT;

    hold(json_scan(&again, view.raw, &err) == 0);
    hold(again.raw.data == view.raw.data && again.raw.len == view.raw.len);
    hold(view.kind == kind_of(tree) && view.kind != JSON_ABSENT);
    hold(json_count(view) == jx_size(tree));
    if (view.kind == JSON_OBJECT)
        compare_object(view, tree);
    else if (view.kind == JSON_ARRAY)
        compare_array(view, tree);
    else if (view.kind == JSON_STRING)
        compare_string(view, jx_text(tree));
    else if (view.kind == JSON_NUMBER)
        compare_number(view, tree);
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most JSON_DEPTH_MAX */
static void compare_views(struct json_view a, struct json_view b)
{
    struct json_walk walk_a = json_walk(a);
    struct json_walk walk_b = json_walk(b);
    struct json_view name_a, name_b, value_a, value_b;

    hold(a.kind == b.kind && a.raw.data == b.raw.data && a.raw.len == b.raw.len);
    while (json_next(&walk_a, &name_a, &value_a)) {
        hold(json_next(&walk_b, &name_b, &value_b));
        hold(name_a.raw.data == name_b.raw.data && name_a.raw.len == name_b.raw.len);
        compare_views(value_a, value_b);
    }
    hold(!json_next(&walk_b, &name_b, &value_b));
}

/* With an index, whole or too small, every walk sees the same. */
static void scan_indexed(struct json_view root, struct bytes text)
{
    static const size_t rooms[] = { 0, 1, 3, 64 };

    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        struct json_span spans[64];
        struct json_index index = { .spans = spans, .max = rooms[i] };
        struct json_view again;
        hold(json_scan_indexed(&again, text, &index, NULL) == 0);
        hold(index.n <= rooms[i]);
        compare_views(root, again);
    }
}

/* What we write, both readers read. */
static void write_and_read(const struct jx *tree, enum jx_style style)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(SIZE_MAX / 2);
    struct jx *CLEANUP(jx_freep) again = NULL;
    struct json_view view;
    struct err err = ERR_INIT;

    hold(jx_write(&text, tree, style, &err) == 0);
    hold(jx_parse(&again, buf_bytes(&text), &err) == 0);
    hold(json_scan(&view, buf_bytes(&text), &err) == 0);
    compare(view, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { data, size };
    struct jx *CLEANUP(jx_freep) tree = NULL;
    struct json_view view;
    struct err pull_err = ERR_INIT;
    struct err tree_err = ERR_INIT;
    int pull = json_scan(&view, text, &pull_err);
    int parsed = jx_parse(&tree, text, &tree_err);

    hold((pull == 0) == (pull_err.code == ERR_NONE));
    hold((parsed == 0) == (tree_err.code == ERR_NONE));
    if (pull != parsed) {
        hold(allowed_difference(pull_err.code, &tree_err));
        return 0;
    }
    if (pull != 0)
        return 0;
    compare(view, tree);
    scan_indexed(view, text);
    write_and_read(tree, JX_COMPACT);
    write_and_read(tree, JX_INDENT);
    return 0;
}
