#include "sign/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

void tree_clear(struct tree *tree)
{
    for (size_t i = 0; i < tree->n; i++)
        buf_clear(&tree->nodes[i].body);
    free(tree->nodes);
    *tree = (struct tree) { .n = 0 };
}

static bool tree_has(const struct tree *tree, const struct digest *digest)
{
    for (size_t i = 0; i < tree->n; i++)
        if (digest_equal(&tree->nodes[i].is.digest, digest))
            return true;
    return false;
}

static int tree_add(struct tree *tree, const struct resolved *is, struct buf *body, bool index,
                    struct err *err)
{
    void *nodes = tree->nodes;

    int grown =
        mem_grow(&nodes, &tree->cap, tree->n, sizeof(*tree->nodes), INDEX_CHILDREN_MAX, err);
    tree->nodes = nodes;
    if (grown != 0)
        return err_wrap(err, "manifests of one image");
    tree->nodes[tree->n++] =
        (struct tree_node) { .is = *is, .body = buf_take(body), .index = index };
    return 0;
}

struct loader {
    struct tree *tree;
    struct store *store;
    int64_t deadline;
};

static int visit(struct loader *l, const struct resolved *is, struct buf *body, int depth,
                 struct err *err);

/* The children of one index that are not known yet, fetched in one round. */
struct children {
    struct fetch *fetches;
    size_t n;
};

static void children_clear(struct children *c)
{
    for (size_t i = 0; i < c->n; i++)
        fetch_clear(&c->fetches[i]);
    free(c->fetches);
}

static int children_fetch(struct children *c, struct loader *l, const struct manifest *index,
                          struct err *err)
{
    if (index->n == 0)
        return 0;
    c->fetches = mem_new(index->n, sizeof(*c->fetches), err);
    if (c->fetches == NULL)
        return -1;
    for (size_t i = 0; i < index->n; i++) {
        const struct descriptor *child = &index->entries[i];
        if (!media_type_is_index(child->media_type) && !media_type_is_manifest(child->media_type))
            return err_set(err, ERR_UNSUPPORTED, "entry %zu of the index: type %s", i + 1,
                           child->media_type);
        if (!tree_has(l->tree, &child->digest))
            c->fetches[c->n++] = (struct fetch) { .what = FETCH_MANIFEST,
                                                  .digest = child->digest,
                                                  .size = child->size,
                                                  .err = ERR_INIT };
    }
    store_fetch(l->store, c->fetches, c->n, l->deadline);
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most INDEX_DEPTH_MAX */
static int visit_children(struct loader *l, const struct manifest *index, int depth,
                          struct err *err)
{
    struct children CLEANUP(children_clear) c = { .n = 0 };

    if (children_fetch(&c, l, index, err) != 0)
        return -1;
    for (size_t i = 0; i < c.n; i++) {
        struct fetch *f = &c.fetches[i];
        struct resolved is = { .digest = f->digest, .size = (int64_t)f->body.len };
        if (f->err.code != ERR_NONE) {
            *err = f->err;
            return err_wrap(err, "entry of the index");
        }
        memcpy(is.media_type, f->media_type, sizeof(is.media_type));
        if (visit(l, &is, &f->body, depth + 1, err) != 0)
            return -1;
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most INDEX_DEPTH_MAX */
static int visit(struct loader *l, const struct resolved *is, struct buf *body, int depth,
                 struct err *err)
{
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MANIFEST_MAX * 2);
    struct manifest m;

    if (tree_has(l->tree, &is->digest))
        return 0;
    if (depth > INDEX_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "indexes nested deeper than %d", INDEX_DEPTH_MAX);
    if (manifest_parse(&m, buf_bytes(body), is->media_type, &scratch, err) != 0)
        return -1;
    bool index = m.kind == MANIFEST_INDEX;
    if (index && visit_children(l, &m, depth, err) != 0)
        return -1;
    struct resolved known = *is;
    snprintf(known.media_type, sizeof(known.media_type), "%s", m.media_type);
    return tree_add(l->tree, &known, body, index, err);
}

int tree_load(struct tree *out, struct store *store, const struct resolved *root, struct buf *body,
              int64_t deadline, struct err *err)
{
    struct loader l = { out, store, deadline };

    *out = (struct tree) { .n = 0 };
    if (visit(&l, root, body, 1, err) == 0)
        return 0;
    tree_clear(out);
    return -1;
}
