#ifndef BULLA_SIGN_TREE_H
#define BULLA_SIGN_TREE_H

#include "registry/store.h"

/** One manifest or index of an image, fetched and checked. */
struct tree_node {
    struct resolved is;
    struct buf body;
    bool index;
};

/** A whole image: every manifest below its root, each digest once, children before parents; the
 * root is last. */
struct tree {
    struct tree_node *nodes;
    size_t n;
    size_t cap;
};

void tree_clear(struct tree *tree);

/**
 * Load the tree below a root whose body has been fetched (moved out of `body`). Nothing is signed
 * or copied before all of it is known to be there. -1 with the store's errors, ERR_UNSUPPORTED (a
 * child of unknown type), ERR_LIMIT.
 */
int tree_load(struct tree *out, struct store *store, const struct resolved *root, struct buf *body,
              int64_t deadline, struct err *err) MUST_CHECK;

#endif
