#include "engine/lookups.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "engine/lookups_private.h"

#define WORKERS_MOST 1024   /* more than any machine is served by */
#define FLIGHTS_TYPICAL 512 /* under way at once */

int64_t lookups_now(const struct lookups *l)
{
    return l->options.clock != NULL ? l->options.clock() : clock_millis();
}

/* --- Life --- */

static void fill_options(struct lookups *l, const struct lookups_options *options)
{
    struct lookups_options *o = &l->options;

    *o = *options;
    if (o->max_bytes == 0)
        o->max_bytes = LOOKUPS_BYTES_DEFAULT;
    if (o->workers <= 0)
        o->workers = LOOKUPS_WORKERS;
    if (o->workers > WORKERS_MOST)
        o->workers = WORKERS_MOST;
    if (o->queue == 0)
        o->queue = LOOKUPS_QUEUE;
    if (o->deadline_ms == 0)
        o->deadline_ms = LOOKUPS_DEADLINE_MS;
    const size_t quarter = (size_t)o->workers / 4;
    l->of_host = quarter > 0 ? quarter : 1;
    l->of_others = (size_t)o->workers > l->of_host ? (size_t)o->workers - l->of_host : 1;
    l->queue_of_others = o->queue - o->queue / 4;
}

static void init_locks(struct lookups *l)
{

    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    clock_cond_init(&l->ended);
}

static void lookups_freep(struct lookups **l)
{
    lookups_free(*l);
}

int lookups_new(struct lookups **out, const struct lookups_options *options, struct err *err)
{
    struct lookups *CLEANUP(lookups_freep) l = NULL;

    *out = NULL;
    l = mem_new(1, sizeof(*l), err);
    if (l == NULL)
        return -1;
    init_locks(l);
    fill_options(l, options);
    l->queue_last = &l->queue;
    l->handles = mem_new((size_t)l->options.workers, sizeof(*l->handles), err);
    l->no_memory = kept_new(err);
    if (l->handles == NULL || l->no_memory == NULL ||
        cache_init(&l->cache, l->options.max_bytes, err) != 0 ||
        table_init(&l->flights, FLIGHTS_TYPICAL, err) != 0)
        return -1;
    err_set(&l->no_memory->seen.lookup.err, ERR_NOMEM, "out of memory");
    *out = STEAL(l);
    return 0;
}

void lookups_free(struct lookups *l)
{
    if (l == NULL)
        return;
    cache_clear(&l->cache);
    free(l->flights.buckets);
    free(l->handles);
    if (l->no_memory != NULL)
        kept_drop(&l->no_memory->seen);
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->ended);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* No more work: what nobody has begun is given up. */
static struct flight *stop_queue(struct lookups *l)
{
    pthread_mutex_lock(&l->lock);
    struct flight *queued = l->queue;
    for (struct flight *f = queued; f != NULL; f = f->next)
        table_remove(&l->flights, &f->node);
    l->stopping = true;
    l->queue = NULL;
    l->queue_last = &l->queue;
    l->waiting = l->others_waiting = 0;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    return queued;
}

bool lookups_stop(struct lookups *l, int64_t deadline)
{
    const struct timespec until = clock_timespec(deadline);
    struct err why = ERR_INIT;
    int waited = 0;

    err_set(&why, ERR_DEADLINE, "it was not looked up: this is being stopped");
    flights_fail(l, stop_queue(l), &why);
    pthread_mutex_lock(&l->lock);
    while (l->running > 0 && waited == 0)
        waited = pthread_cond_timedwait(&l->ended, &l->lock, &until);
    const bool ended = l->running == 0;
    const size_t threads = ended ? l->threads : 0;
    if (ended)
        l->threads = 0;
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < threads; i++)
        pthread_join(l->handles[i], NULL);
    return ended;
}

/* --- Questions --- */

struct kept *lookups_find(struct lookups *l, const uint8_t key[LOOKUP_KEY_SIZE], int64_t within_ms)
{
    struct kept *kept = cache_find(&l->cache, key);

    if (kept == NULL || kept_age(&kept->seen, lookups_now(l)) > within_ms)
        return NULL;
    kept_hold(&kept->seen);
    return kept;
}

static const struct kept_lookup *find(struct lookups *l, const struct asking *asking,
                                      enum step_kind kind, const struct digest *digest,
                                      int64_t within_ms)
{
    uint8_t key[LOOKUP_KEY_SIZE];

    if (lookup_key(key, asking, kind, digest, NULL) != 0)
        return NULL;
    pthread_mutex_lock(&l->lock);
    const struct kept *kept = lookups_find(l, key, within_ms);
    pthread_mutex_unlock(&l->lock);
    return kept != NULL ? &kept->seen : NULL;
}

/* What is known before anything is asked, of a tag or of a digest. */
static const struct digest *named_digest(const struct asking *asking)
{
    return asking->image.reference->has_digest ? &asking->image.reference->digest : NULL;
}

static enum step_kind first_step(const struct asking *asking)
{
    return asking->digest_only || named_digest(asking) == NULL ? STEP_TAG : STEP_FACTS;
}

const struct kept_lookup *lookups_kept(struct lookups *l, const struct asking *asking)
{
    if (first_step(asking) == STEP_FACTS)
        return find(l, asking, STEP_FACTS, named_digest(asking), LOOKUPS_ALLOW_MS);
    const struct kept_lookup *tag = find(l, asking, STEP_TAG, named_digest(asking), LOOKUPS_TAG_MS);
    if (tag == NULL || asking->digest_only)
        return tag;
    const struct kept_lookup *facts =
        find(l, asking, STEP_FACTS, &tag->lookup.digest, LOOKUPS_ALLOW_MS);
    kept_drop(tag);
    return facts;
}

const struct kept_lookup *lookups_proven(struct lookups *l, const struct asking *asking,
                                         const struct digest *digest, int64_t within_ms)
{
    return find(l, asking, STEP_FACTS, digest, within_ms);
}

int lookups_ask(struct lookups *l, struct asking *asking, struct err *err)
{
    const struct lookups_source *source = asking->source;
    const struct step step = { .kind = first_step(asking), .again = asking->again };

    asking->next = NULL;
    asking->tag = NULL;
    asking->shared = false;
    if (source->hold != NULL)
        source->hold(source->context);
    if (asking_go(l, asking, step, err) == 0)
        return 0;
    kept_drop(asking->tag);
    asking->tag = NULL;
    if (source->drop != NULL)
        source->drop(source->context);
    return -1;
}

void lookups_state(struct lookups_state *out, struct lookups *l)
{
    pthread_mutex_lock(&l->lock);
    *out = (struct lookups_state) { .bytes = l->cache.bytes,
                                    .kept = l->cache.n,
                                    .waiting = l->waiting,
                                    .busy = l->busy,
                                    .threads = l->threads,
                                    .evicted = l->cache.evicted };
    pthread_mutex_unlock(&l->lock);
}
