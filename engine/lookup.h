#ifndef BULLA_ENGINE_LOOKUP_H
#define BULLA_ENGINE_LOOKUP_H

#include "engine/platforms.h"
#include "policy/judge.h"

/*
 * What was looked up about one image under one plan: everything that a judgement stands on, and
 * nothing of the rule, the namespace or the time that it is judged with. So it may be kept and
 * judged again; a verdict may not.
 */

struct engine_options; /* engine.h */
struct image_question;

/** Microseconds spent; 0: the phase was not needed. */
struct lookup_times {
    int64_t resolve, collect, check;
};

/** Immutable once lookup_find() has returned: any number of threads may judge it. */
struct lookup {
    bool resolved;
    struct digest digest; /* when resolved */
    bool has_facts;       /* facts of the digest itself were gathered */
    struct fact_set facts;
    struct platforms *platforms; /* of each platform; NULL: not asked for, or lost */
    struct err platforms_lost;   /* ERR_NONE, or why the platforms could not be listed */
    bool existence_asked;        /* whether the image itself is there was asked */
    struct err existence;        /* ERR_NONE, or why that is not certain */
    struct err err;              /* ERR_NONE, or why nothing may be concluded */
    int64_t collected;           /* seconds, wall clock: when the facts were asked for */
    struct lookup_times times;
};

void lookup_init(struct lookup *lookup);
void lookup_clear(struct lookup *lookup);

/** Was everything read to its end: the facts, the platforms, and whether the image is there, as far
 * as they were asked for? */
bool lookup_complete(const struct lookup *lookup);

/** Bytes that it holds. */
size_t lookup_weight(const struct lookup *lookup);

/** Whose image, which rule selected it. */
struct lookup_query {
    const struct engine_options *engine;
    const struct image_question *image;
    const struct selection *selection; /* SELECTED_RULE; with `digest_only` any */
    const struct digest *digest;       /* NULL: the reference's, or its tag is asked for */
    bool digest_only;                  /* what the tag names, no facts */
    bool existence;                    /* ask whether the image is there, whatever the verdict */
    int64_t now;                       /* judging time: a denial by digest asks for existence */
    struct judgement *judgement;       /* lookup_judge() of it, which is made on the way; NULL: not
                                          wanted. With `digest_only` not looked at */
};

/** Look it up: blocking. Whatever goes wrong is in the lookup. Thread-safe. */
void lookup_find(struct lookup *out, const struct lookup_query *query);

/** Judge what was looked up, with this policy, rule, namespace and time. Takes microseconds; no
 * I/O. `lookup` may be NULL where the selection demands nothing. What the judgement's findings
 * point at lives in the lookup. `out` was initialised, or used before. */
void lookup_judge(struct judgement *out, const struct policy *policy,
                  const struct selection *selection, const struct question *question,
                  const struct lookup *lookup);

/**
 * Does this judgement of a kept lookup stand? Not where it denies an image by digest and nobody has
 * asked whether that image is there at all, since the lookup was made for a rule that allowed: it
 * must be looked up again then.
 */
bool lookup_answers(const struct lookup *lookup, const struct judgement *judgement,
                    const struct reference *image);

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
 *
 * @param times  what it took is added; may be NULL
 */
int engine_facts(struct fact_set *out, struct store *store, const struct fact_query *query,
                 struct lookup_times *times, struct err *err) MUST_CHECK;

/** The facts that a selection looks at, of the digest itself and of its platforms, put into a
 * lookup that was initialised. -1 as engine_facts(). */
int lookup_gather(struct lookup *out, struct store *store, const struct selection *selection,
                  const struct fact_query *query, struct err *err) MUST_CHECK;

#endif
