#ifndef BULLA_ENGINE_LOOKUPS_H
#define BULLA_ENGINE_LOOKUPS_H

#include "engine/engine.h"

/*
 * The fact cache of a long-lived process, with its workers (architecture.md, "I/O and
 * concurrency"). Look-ups are kept, never verdicts. What is asked for while it is being looked up
 * already is asked once. Bounded in bytes, workers and waiting questions.
 *
 * A kept look-up is found by: evidence repository, digest, plan, and the hash of trust (signers,
 * registries, credentials) of the generation that asks, with the identity of the asker's own
 * credentials where he has any. After a change of trust what was kept before cannot be reached.
 */

struct lookups;

struct lookups_options {
    size_t max_bytes;       /* of what is kept; 0: LOOKUPS_BYTES_DEFAULT */
    int workers;            /* threads at most, started as they are needed; 0: LOOKUPS_WORKERS */
    size_t queue;           /* questions that may wait for a worker; 0: LOOKUPS_QUEUE */
    int64_t deadline_ms;    /* of one look-up, longer than any waiter's; 0: LOOKUPS_DEADLINE_MS */
    int64_t (*clock)(void); /* of ages, milliseconds; NULL: clock_millis() */
};

#define LOOKUPS_IDENTITY_SIZE 32 /* SHA-256 */

#define LOOKUPS_BYTES_DEFAULT (32 * MIB)
#define LOOKUPS_WORKERS 64
#define LOOKUPS_QUEUE 4096
#define LOOKUPS_DEADLINE_MS 30000

/* How old, in milliseconds, what a verdict stands on may be. A signature often follows the push of
 * the image, so a denial is asked again soon; what could not be found out is never kept. */
#define LOOKUPS_ALLOW_MS (10 * 60000)
#define LOOKUPS_DENY_MS 15000
#define LOOKUPS_TAG_MS 10000

/* A look-up that runs for longer than this is joined no more: its registry may hang, and answer
 * whoever asks anew. */
#define LOOKUPS_JOIN_MS 5000

int lookups_new(struct lookups **out, const struct lookups_options *options,
                struct err *err) MUST_CHECK;

/** No new work is begun; what runs is waited for until `deadline`. True: all has ended, and
 * lookups_free() may follow. False: workers are still busy; nothing may be freed, only the process
 * ended. */
bool lookups_stop(struct lookups *l, int64_t deadline);
void lookups_free(struct lookups *l); /* after lookups_stop() said true; NULL is fine */

/** What one generation of configuration asks with. Immutable, and held while an asking needs it. */
struct lookups_source {
    struct engine_options engine;
    uint8_t trust[32]; /* SHA-256 over signers, registries and credentials */
    void (*hold)(void *context);
    void (*drop)(void *context);
    void *context;
};

/** A look-up that is kept or was asked for, counted. Immutable. */
struct kept_lookup {
    struct lookup lookup;
    int64_t made;      /* on the clock of ages: when it was begun, so never younger than it is */
    struct kept *self; /* of lookups.c */
};

/** One question. The caller allocates it and sets the first group; it must live, with all that it
 * points at, until `done` was called. */
struct asking {
    const struct lookups_source *source;
    struct image_question image;       /* borrowed */
    const struct selection *selection; /* borrowed */
    bool digest_only;                  /* what the tag names, no facts */
    bool again;                        /* what is kept is not taken for an answer */
    int64_t now;                       /* judging time, seconds */
    /* Credentials of whoever asks, borrowed, and LOOKUPS_IDENTITY_SIZE bytes that tell them from
     * any other's; both NULL: none. What is found with them answers nobody of another identity. */
    const struct credential_source *credentials;
    const uint8_t *identity;
    /** Called once, on a worker's thread or inside lookups_ask(), without any lock held. `found` is
     * held for the callee: kept_drop(). Its judgement stands: nothing is to be asked again. */
    void (*done)(struct asking *asking, const struct kept_lookup *found);
    void *context;

    /* In `done`: */
    bool shared;                   /* it was there, or another asking's: "cached" in logs */
    const struct kept_lookup *tag; /* what the tag was found to name, while `done` runs; or NULL */

    struct asking *next; /* of lookups.c */
};

/**
 * What is kept for this question and young enough (LOOKUPS_ALLOW_MS, and LOOKUPS_TAG_MS for what a
 * tag names), held; or NULL. Microseconds, no I/O: for the threads that serve. `done` and `again`
 * are not looked at.
 */
const struct kept_lookup *lookups_kept(struct lookups *l, const struct asking *asking);

/** The last complete look-up of this question, of whatever age up to `within_ms`, held; or NULL
 * (policy.md, `use-proven-within`). A tag must have been resolved: `digest` is the image's. */
const struct kept_lookup *lookups_proven(struct lookups *l, const struct asking *asking,
                                         const struct digest *digest, int64_t within_ms);

void kept_hold(const struct kept_lookup *kept);
void kept_drop(const struct kept_lookup *kept); /* NULL is fine */
int64_t kept_age(const struct kept_lookup *kept, int64_t now_ms);

/**
 * Does this judgement of what was found `age_ms` ago stand? A denial does not when it is older than
 * LOOKUPS_DENY_MS, nor where lookup_answers() says no: ask for it then, with `again`.
 */
bool kept_answers(const struct lookup *found, const struct judgement *judgement,
                  const struct reference *image, int64_t age_ms);

/**
 * Ask: `done` will be called exactly once. -1, and it is never called: ERR_LIMIT (the queue is
 * full, or this is being stopped), ERR_NOMEM, ERR_CRYPTO.
 *
 * A host that registries.yaml does not name may hold at most a quarter of the workers, all such
 * hosts together at most three quarters; what waits behind them for other hosts is taken first.
 */
int lookups_ask(struct lookups *l, struct asking *asking, struct err *err) MUST_CHECK;

/** For metrics. */
struct lookups_state {
    size_t bytes, kept; /* what is kept */
    size_t waiting;     /* look-ups that no worker has begun */
    size_t busy, threads;
    uint64_t evicted;
};
void lookups_state(struct lookups_state *out, struct lookups *l);

#endif
