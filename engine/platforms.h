#ifndef BULLA_ENGINE_PLATFORMS_H
#define BULLA_ENGINE_PLATFORMS_H

#include "evidence/fact.h"

/*
 * The runnable platforms of a multi-architecture image and the facts of each (policy.md "Leaves",
 * `platforms: each`).
 */

struct fact_query; /* lookup.h */
struct lookup_times;
struct store;

/** One child of an index that a node can run. */
struct platform {
    const char *name; /* "linux/arm64/v8"; "" for an image that is no index */
    struct digest digest;
};

struct platforms {
    struct arena arena;
    struct platform *items;
    struct fact_set *facts; /* of each, parallel to items */
    size_t n;
};

void platforms_clear(struct platforms *platforms);

/**
 * List the platforms below a digest and gather the facts of each, all at once. An image that is no
 * index is its own only platform. Children whose platform is "unknown/unknown" hold no program.
 * `out` is to be cleared in either case.
 *
 * @param query  its digest is the index's
 * @param times  what it took, the slowest platform's, is added; may be NULL
 * @return 0, or -1 with ERR_LIMIT (more than PLATFORMS_MAX), ERR_UNSUPPORTED (an index below the
 * index, no runnable child), the store's errors, what engine_facts() says
 */
int platforms_gather(struct platforms *out, struct store *store, const struct fact_query *query,
                     struct lookup_times *times, struct err *err) MUST_CHECK;

#endif
