#ifndef BULLA_ENGINE_LOOKUPS_PRIVATE_H
#define BULLA_ENGINE_LOOKUPS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/lookups.h"

/* Shared by the files that make up lookups.h; nobody else includes it. */

#define LOOKUP_KEY_SIZE 32 /* SHA-256 */

/* --- Keys (lookups_key.c) --- */

/** A question is answered in one step or two: what the tag names, then facts of that digest. */
enum step_kind { STEP_TAG, STEP_FACTS };

/** The key of this step of the question. -1 with ERR_NOMEM, ERR_CRYPTO. */
int lookup_key(uint8_t out[LOOKUP_KEY_SIZE], const struct asking *asking, enum step_kind kind,
               const struct digest *digest, struct err *err) MUST_CHECK;

/* --- What is kept (lookups_cache.c) --- */

/** First member of what stands in a table. */
struct node {
    uint8_t key[LOOKUP_KEY_SIZE];
    struct node *chain;
};

struct table {
    struct node **buckets;
    size_t n; /* a power of two */
};

int table_init(struct table *table, size_t buckets, struct err *err) MUST_CHECK;
struct node *table_find(const struct table *table, const uint8_t key[LOOKUP_KEY_SIZE]);
void table_add(struct table *table, struct node *node);
void table_remove(struct table *table, struct node *node);

/** The holder of a look-up: counted, in a cache or not. */
struct kept {
    struct node node;
    struct kept_lookup seen;
    atomic_size_t holders;
    size_t weight;
    struct kept *newer, *older; /* by use; `older` also links what was dropped */
};

/** An empty look-up, held once. */
struct kept *kept_new(struct err *err) MUST_CHECK;

struct cache {
    struct table table;
    struct kept *newest, *oldest;
    size_t bytes, n;
    size_t max_bytes;
    uint64_t evicted;
};

int cache_init(struct cache *cache, size_t max_bytes, struct err *err) MUST_CHECK;
void cache_clear(struct cache *cache);

/** The look-up of a key, or NULL; it counts as used. */
struct kept *cache_find(struct cache *cache, const uint8_t key[LOOKUP_KEY_SIZE]);

/** Keep this look-up under its node's key, if there is none that was begun later. It is held once
 * more then. What has to go is handed out for cache_release(), outside of any lock. */
struct kept *cache_put(struct cache *cache, struct kept *kept) MUST_CHECK;
void cache_release(struct kept *dropped);

/* --- Workers (lookups_work.c) --- */

#define HOST_COUNTERS 256 /* hosts that share one share a quota: never too much is allowed */

/** One look-up that is asked for, with all who wait for it. Its node's key is that of the step; of
 * one that surely asks for existence another one. */
struct flight {
    struct node node;
    uint8_t keep_as[LOOKUP_KEY_SIZE];
    enum step_kind kind;
    bool sure;              /* whether the image is there is asked, whatever the verdict */
    bool named;             /* the host, by registries.yaml */
    unsigned host;          /* its counter */
    int64_t begun;          /* by a worker; 0: it waits in the queue */
    struct digest digest;   /* STEP_FACTS */
    struct asking *waiting; /* the first one's question is asked */
    struct asking **last;
    struct flight *next; /* in the queue */
};

struct lookups {
    struct lookups_options options;
    size_t of_host, of_others; /* workers that one unnamed host, that all of them may hold */
    size_t queue_of_others;    /* places in the queue for them */
    struct kept *no_memory;    /* the answer when there is none for another */

    pthread_mutex_t lock; /* of all below; nothing slow happens under it */
    pthread_cond_t work;  /* a flight has been queued, or no more will be */
    pthread_cond_t ended; /* a worker has */
    bool stopping;
    struct cache cache;
    struct table flights; /* queued and running, but for those that hang: a newer one is there */
    struct flight *queue;
    struct flight **queue_last;
    size_t waiting, others_waiting; /* in it: all, and those of unnamed hosts */
    pthread_t *handles;             /* of workers, `threads` of them */
    size_t threads, running, idle, busy;
    size_t others_busy;
    size_t host_busy[HOST_COUNTERS];
};

/** The clock of ages. */
int64_t lookups_now(const struct lookups *l);

/** With the lock held: what is kept under a key, at most `within_ms` old, held; or NULL. */
struct kept *lookups_find(struct lookups *l, const uint8_t key[LOOKUP_KEY_SIZE], int64_t within_ms);

/** One step of a question. */
struct step {
    enum step_kind kind;
    bool again;    /* what is kept is not taken */
    bool sure;     /* whether the image is there is asked, whatever the verdict */
    bool admitted; /* accepted before: no full queue refuses it */
};

/** Take a question on from this step: it is answered or waits, or -1 with the errors of
 * lookups_ask(). */
int asking_go(struct lookups *l, struct asking *asking, struct step step,
              struct err *err) MUST_CHECK;

/** Answer every question that waits for these flights, linked by `next`, with an error, and free
 * them. They are in no table. */
void flights_fail(struct lookups *l, struct flight *flights, const struct err *why);

#endif
