#ifndef BULLA_ENGINE_ENGINE_H
#define BULLA_ENGINE_ENGINE_H

#include "policy/judge.h"
#include "registry/registries.h"

/*
 * Select, collect, check and judge in one call, for one image or for many on a bounded pool of
 * workers.
 */

struct engine_options {
    const struct policy *policy;
    struct registries *registries;
    const struct public_key *const *keys; /* of every signer of the policy */
    size_t n_keys;
    int64_t timeout_ms;   /* of one image */
    int workers;          /* 0: a default for the number of images */
    size_t max_statement; /* bytes of one bundle or envelope with a statement; 0: the default */
};

/** What was found out about one image. */
struct image_result {
    const struct reference *reference; /* as asked, normalised */
    bool resolved;
    struct digest digest; /* what was judged, when resolved */
    struct judgement judgement;
    struct fact_set facts;
};
void image_result_clear(struct image_result *result);

/** Judge one image. Whatever goes wrong is in the judgement: there is no other outcome.
 * Thread-safe. */
void engine_judge(struct image_result *out, const struct engine_options *engine,
                  const struct reference *image);

/**
 * Judge many. `done` is called once for each, in the order of `images`, by one thread at a time.
 * -1 with ERR_NOMEM (no worker could be started).
 */
int engine_judge_all(const struct engine_options *engine, const struct reference *images, size_t n,
                     void (*done)(void *context, const struct image_result *result), void *context,
                     struct err *err) MUST_CHECK;

/** Whose evidence is looked for, which of it, and until when. */
struct fact_query {
    const struct engine_options *engine; /* registries, keys */
    const struct digest *digest;
    const struct plan *plan;
    int64_t deadline;
};

/**
 * Facts of one digest, from the image's repository and every further place where its evidence may
 * hang. -1 with ERR_NOMEM, ERR_CRYPTO, or what the configuration of a place says; `out` is to be
 * cleared in either case.
 */
int engine_facts(struct fact_set *out, struct store *store, const struct fact_query *query,
                 struct err *err) MUST_CHECK;

#endif
