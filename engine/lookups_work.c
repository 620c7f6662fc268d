#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "engine/lookups_private.h"
#include "engine/workers.h"

/* Flights: what is asked for, who waits for it, and the workers that look it up. */

/* --- Answers --- */

/* The hold on `found` goes to whoever asked; the asking may be gone afterwards. */
static void answer(struct asking *asking, const struct kept_lookup *found)
{
    const struct lookups_source *source = asking->source;
    const struct kept_lookup *tag = asking->tag;

    asking->done(asking, found);
    kept_drop(tag);
    if (source->drop != NULL)
        source->drop(source->context);
}

static void answer_failed(struct lookups *l, struct asking *asking, const struct err *why)
{
    struct kept *kept = kept_new(NULL);

    if (kept == NULL) {
        kept = l->no_memory;
        kept_hold(&kept->seen);
    } else {
        kept->seen.lookup.err = *why;
        kept->seen.made = lookups_now(l);
    }
    answer(asking, &kept->seen);
}

void flights_fail(struct lookups *l, struct flight *flights, const struct err *why)
{
    while (flights != NULL) {
        struct flight *next = flights->next;
        struct asking *asking = flights->waiting;
        while (asking != NULL) {
            struct asking *rest = asking->next;
            answer_failed(l, asking, why);
            asking = rest;
        }
        free(flights);
        flights = next;
    }
}

/* --- Flights --- */

static unsigned host_counter(const struct reference *image)
{
    return text_hash(image->layout ? "" : image->host) % HOST_COUNTERS;
}

static struct flight *flight_new(const struct asking *asking, struct step step, struct err *err)
{
    const struct reference *image = asking->image.reference;
    struct flight *f = mem_new(1, sizeof(*f), err);
    const struct digest *digest = image->has_digest ? &image->digest : NULL;

    if (f == NULL)
        return NULL;
    if (asking->tag != NULL)
        digest = &asking->tag->lookup.digest;
    if (lookup_key(f->keep_as, asking, step.kind, digest, err) != 0) {
        free(f);
        return NULL;
    }
    memcpy(f->node.key, f->keep_as, LOOKUP_KEY_SIZE);
    f->node.key[0] ^= step.sure;
    f->kind = step.kind;
    f->sure = step.sure;
    f->named = registries_names(asking->source->engine.registries, image);
    f->host = host_counter(image);
    if (digest != NULL)
        f->digest = *digest;
    f->last = &f->waiting;
    return f;
}

static void flight_join(struct flight *f, struct asking *asking)
{
    asking->next = NULL;
    *f->last = asking;
    f->last = &asking->next;
}

static bool may_run(const struct lookups *l, const struct flight *f)
{
    return f->named || (l->others_busy < l->of_others && l->host_busy[f->host] < l->of_host);
}

static void *work(void *context);

/* With the lock held, for a flight at the queue's end. What may not run yet is taken by the worker
 * that makes it possible. A thread is started at most as often as there may be workers, ever. */
static int wake(struct lookups *l, const struct flight *f, struct err *err)
{
    if (l->waiting > l->idle && l->threads < (size_t)l->options.workers && may_run(l, f) &&
        worker_start(&l->handles[l->threads], work, l) == 0) {
        l->threads++;
        l->running++;
    }
    if (l->threads == 0)
        return err_set(err, ERR_NOMEM, "no worker thread could be started");
    pthread_cond_signal(&l->work);
    return 0;
}

/* With the lock held. */
static int enqueue(struct lookups *l, struct flight *f, struct err *err)
{
    *l->queue_last = f;
    struct flight **before = l->queue_last;
    l->queue_last = &f->next;
    l->waiting++;
    l->others_waiting += !f->named;
    if (wake(l, f, err) == 0) {
        table_add(&l->flights, &f->node);
        return 0;
    }
    *before = NULL;
    l->queue_last = before;
    l->waiting--;
    l->others_waiting -= !f->named;
    return -1;
}

/* With the lock held: has the queue no place for this one? */
static bool is_full(const struct lookups *l, const struct flight *f)
{
    return l->waiting >= l->options.queue || (!f->named && l->others_waiting >= l->queue_of_others);
}

/* With the lock held: does this flight hang? */
static bool hangs(const struct lookups *l, const struct flight *f)
{
    return f->begun != 0 && lookups_now(l) - f->begun > LOOKUPS_JOIN_MS;
}

/* What is kept, or a place on a flight. */
struct placing {
    struct asking *asking;
    struct step step;
    struct flight *fresh; /* a new flight, NULL once it is needed */
    struct kept *found;   /* held, or NULL: the asking waits */
};

/* With the lock held. */
static int place(struct lookups *l, struct placing *p, struct err *err)
{
    const int64_t within = p->step.kind == STEP_TAG ? LOOKUPS_TAG_MS : LOOKUPS_ALLOW_MS;
    struct flight *f = (struct flight *)table_find(&l->flights, p->fresh->node.key);

    if (l->stopping)
        return err_set(err, ERR_LIMIT, "nothing more is looked up: this is being stopped");
    if (!p->step.again && !p->step.sure)
        p->found = lookups_find(l, p->fresh->keep_as, within);
    if (p->found != NULL)
        return 0;
    const bool full = is_full(l, p->fresh);
    if (f != NULL && (full || !hangs(l, f))) {
        flight_join(f, p->asking);
        return 0;
    }
    if (full && !p->step.admitted)
        return err_set(err, ERR_LIMIT, "%zu look-ups are waiting already", l->waiting);
    flight_join(p->fresh, p->asking);
    if (enqueue(l, p->fresh, err) != 0)
        return -1;
    if (f != NULL)
        table_remove(&l->flights, &f->node);
    p->fresh = NULL;
    return 0;
}

/* Does what was found answer this question now? If not, it is looked up: `step` says how. */
static bool stands(const struct asking *asking, const struct kept_lookup *found, int64_t now,
                   struct step *step)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    const struct reference *image = asking->image.reference;
    const struct question question = { image, asking->image.namespace, asking->now };

    lookup_judge(&judgement, asking->source->engine.policy, asking->selection, &question,
                 &found->lookup);
    if (kept_answers(&found->lookup, &judgement, image, kept_age(found, now)))
        return true;
    step->again = true;
    step->sure = !lookup_answers(&found->lookup, &judgement, image);
    return false;
}

int asking_go(struct lookups *l, struct asking *asking, struct step step, struct err *err)
{
    for (;;) {
        struct placing p = { asking, step, flight_new(asking, step, err), NULL };
        if (p.fresh == NULL)
            return -1;
        pthread_mutex_lock(&l->lock);
        const int placed = place(l, &p, err);
        pthread_mutex_unlock(&l->lock);
        free(p.fresh);
        if (placed != 0)
            return -1;
        if (p.found == NULL)
            return 0;
        if (step.kind == STEP_TAG && !asking->digest_only) {
            asking->tag = &p.found->seen;
            step.kind = STEP_FACTS;
        } else if (step.kind == STEP_TAG || stands(asking, &p.found->seen, lookups_now(l), &step)) {
            asking->shared = true;
            answer(asking, &p.found->seen);
            return 0;
        } else
            kept_drop(&p.found->seen);
    }
}

/* --- What came --- */

/* A question that was accepted goes on: it is answered in any case. */
static void go_on(struct lookups *l, struct asking *asking, struct step step)
{
    struct err err = ERR_INIT;

    step.admitted = true;
    if (asking_go(l, asking, step, &err) == 0)
        return;
    if (err.code == ERR_LIMIT)
        err.code = ERR_DEADLINE; /* being stopped is no limit of the image */
    answer_failed(l, asking, &err);
}

/* `first`: it is this question that was looked up. */
static void settle(struct lookups *l, const struct flight *f, struct asking *asking, bool first,
                   struct kept *kept)
{
    const bool failed = kept->seen.lookup.err.code != ERR_NONE;
    struct step next = { .kind = STEP_FACTS, .again = asking->again };

    if (f->kind == STEP_TAG && !asking->digest_only && !failed) {
        kept_hold(&kept->seen);
        asking->tag = &kept->seen;
        go_on(l, asking, next);
        return;
    }
    /* what has just come is not old, however long it took */
    if (f->kind == STEP_FACTS && !first && !f->sure &&
        !stands(asking, &kept->seen, kept->seen.made, &next)) {
        go_on(l, asking, next);
        return;
    }
    asking->shared = !first;
    kept_hold(&kept->seen);
    answer(asking, &kept->seen);
}

/* The first one's question, with a deadline that is nobody's in particular. */
static void look_up(struct lookups *l, const struct flight *f, struct kept *kept)
{
    const struct asking *asking = f->waiting;
    struct engine_options engine = asking->source->engine;
    const struct lookup_query query = {
        .engine = &engine,
        .image = &asking->image,
        .selection = asking->selection,
        .digest = f->kind == STEP_FACTS ? &f->digest : NULL,
        .digest_only = f->kind == STEP_TAG,
        .existence = f->sure,
        .now = asking->now,
    };

    engine.timeout_ms = l->options.deadline_ms;
    engine.found = NULL;
    engine.credentials = asking->credentials;
    kept->seen.made = lookups_now(l);
    lookup_find(&kept->seen.lookup, &query);
}

/* Nobody joins it any more. What is complete is kept; what has to go for it is handed out. */
static struct kept *flight_end(struct lookups *l, struct flight *f, struct kept *kept)
{
    struct kept *dropped = NULL;

    pthread_mutex_lock(&l->lock);
    table_remove(&l->flights, &f->node);
    if (lookup_complete(&kept->seen.lookup)) {
        memcpy(kept->node.key, f->keep_as, LOOKUP_KEY_SIZE);
        dropped = cache_put(&l->cache, kept);
    }
    pthread_mutex_unlock(&l->lock);
    return dropped;
}

static void fly(struct lookups *l, struct flight *f)
{
    struct kept *kept = kept_new(NULL);

    if (kept == NULL) {
        kept = l->no_memory;
        kept_hold(&kept->seen);
    } else
        look_up(l, f, kept);
    cache_release(flight_end(l, f, kept));
    struct asking *asking = f->waiting;
    for (bool first = true; asking != NULL; first = false) {
        struct asking *rest = asking->next; /* it may be gone once it is answered */
        settle(l, f, asking, first, kept);
        asking = rest;
    }
    kept_drop(&kept->seen);
    free(f);
}

/* --- Workers --- */

/* With the lock held: the first in the queue that may run. */
static struct flight *take(struct lookups *l)
{
    struct flight **at = &l->queue;

    while (*at != NULL && !may_run(l, *at))
        at = &(*at)->next;
    struct flight *f = *at;
    if (f == NULL)
        return NULL;
    *at = f->next;
    if (l->queue_last == &f->next)
        l->queue_last = at;
    f->next = NULL;
    f->begun = lookups_now(l);
    l->waiting--;
    l->others_waiting -= !f->named;
    return f;
}

/* With the lock held. */
static void begin(struct lookups *l, unsigned host, bool named)
{
    l->busy++;
    l->others_busy += !named;
    l->host_busy[host] += !named;
}

/* With the lock held. */
static void end(struct lookups *l, unsigned host, bool named)
{
    l->busy--;
    l->others_busy -= !named;
    l->host_busy[host] -= !named;
}

static void *work(void *context)
{
    struct lookups *l = context;

    pthread_mutex_lock(&l->lock);
    for (;;) {
        struct flight *f = take(l);
        if (f == NULL && l->stopping)
            break;
        if (f == NULL) {
            l->idle++;
            pthread_cond_wait(&l->work, &l->lock);
            l->idle--;
            continue;
        }
        const unsigned host = f->host;
        const bool named = f->named;
        begin(l, host, named);
        pthread_mutex_unlock(&l->lock);
        fly(l, f);
        pthread_mutex_lock(&l->lock);
        end(l, host, named);
    }
    l->running--;
    pthread_cond_signal(&l->ended);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}
