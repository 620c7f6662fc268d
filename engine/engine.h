#ifndef BULLA_ENGINE_ENGINE_H
#define BULLA_ENGINE_ENGINE_H

#include "engine/lookup.h"
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
    /* Of whoever asks, before the configured ones (store_open_with); NULL: none. */
    const struct credential_source *credentials;
    int64_t timeout_ms;   /* of one image */
    int workers;          /* 0: a default for the number of images */
    size_t max_statement; /* bytes of one bundle or envelope with a statement; 0: the default */
    /* What an image's tag was found to name already (engine_resolve_all), or NULL: it is asked for.
     * Any thread. NULL: nothing was. */
    const struct digest *(*found)(void *context, const struct image_question *image);
    void *found_context;
};

/** An image to be judged. */
struct image_question {
    const struct reference *reference;
    const char *namespace; /* NULL: none */
};

/** Questions about these images, all in one namespace (NULL: none). free() them. */
int image_questions(struct image_question **out, const struct reference *images, size_t n,
                    const char *namespace, struct err *err) MUST_CHECK;

/** What was found out about one image. */
struct image_result {
    const struct image_question *asked;
    int64_t now; /* the judging time, seconds */
    int64_t took_ms;
    struct selection selection; /* which rule, before anything was looked up */
    struct lookup lookup;       /* empty where nothing had to be looked up */
    struct judgement judgement; /* points into it */
};
void image_result_clear(struct image_result *result);

/** Judge one image. Whatever goes wrong is in the judgement: there is no other outcome. What no
 * rule demands anything of is not looked up. Thread-safe. */
void engine_judge(struct image_result *out, const struct engine_options *engine,
                  const struct image_question *image);

/**
 * Judge many. `done` is called once for each, in the order of `images`, by one thread at a time.
 * -1 with ERR_NOMEM (no worker could be started).
 */
int engine_judge_all(const struct engine_options *engine, const struct image_question *images,
                     size_t n, void (*done)(void *context, const struct image_result *result),
                     void *context, struct err *err) MUST_CHECK;

/** What an image names, found out before it is judged. */
struct image_digest {
    const struct policy_rule
        *rule; /* whose demands are looked up; NULL: judged without a look-up */
    bool known;
    struct digest digest; /* when known */
    struct err err;       /* why a tag's is not known */
    int64_t took_ms;
};

/**
 * For each image the rule that judges it, and the digest that is judged: named, or asked for. What
 * no rule demands anything of is not asked for. -1 with ERR_NOMEM (no worker could be started).
 */
int engine_resolve_all(struct image_digest *out, const struct engine_options *engine,
                       const struct image_question *images, size_t n, struct err *err) MUST_CHECK;

#endif
