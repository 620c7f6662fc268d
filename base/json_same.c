#include "base/json_same.h"

#include "base/json_pull.h"
#include "base/limits.h"

static bool same(const struct jx *tree, struct json_view view, int depth);

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most JSON_DEPTH_MAX */
static bool same_member(const struct jx *object, struct json_view name, struct json_view value,
                        int depth)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(name.raw.len);

    if (json_string(&text, name, "name", NULL) != 0)
        return false;
    return same(jx_get(object, buf_text(&text)), value, depth);
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most JSON_DEPTH_MAX */
static bool same_children(const struct jx *tree, struct json_view view, int depth)
{
    struct json_walk walk = json_walk(view);
    struct json_view name, value;
    size_t n = 0;

    for (; json_next(&walk, &name, &value); n++) {
        bool equal = view.kind == JSON_OBJECT ? same_member(tree, name, value, depth)
                                              : same(jx_at(tree, n), value, depth);
        if (!equal)
            return false;
    }
    return n == jx_size(tree);
}

/* Numbers and words are read without a buffer that grows: their kinds suffice. */
/* NOLINTNEXTLINE(misc-no-recursion): depth is at most JSON_DEPTH_MAX */
static bool same(const struct jx *tree, struct json_view view, int depth)
{
    if (depth > JSON_DEPTH_MAX)
        return false;
    switch (jx_kind(tree)) {
    case JX_NONE:
        return false;
    case JX_NULL:
        return view.kind == JSON_NULL_VALUE;
    case JX_BOOL:
        return view.kind == (jx_bool(tree, false) ? JSON_TRUE_VALUE : JSON_FALSE_VALUE);
    case JX_INTEGER:
    case JX_REAL:
        return view.kind == JSON_NUMBER;
    case JX_STRING:
        return json_string_is(view, jx_text(tree));
    case JX_ARRAY:
        return view.kind == JSON_ARRAY && same_children(tree, view, depth + 1);
    case JX_OBJECT:
        return view.kind == JSON_OBJECT && same_children(tree, view, depth + 1);
    }
    return false;
}

int json_same(const struct jx *tree, struct bytes text, struct err *err)
{
    struct json_view root;

    if (json_scan(&root, text, err) != 0)
        return -1;
    if (same(tree, root, 0))
        return 0;
    return err_set(err, ERR_NOMEM, "out of memory");
}
