#include "webhook/pending.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "webhook/answer.h"
#include "webhook/decision_log.h"
#include "webhook/patch.h"
#include "webhook/server.h"

#define RETRY_SECONDS                                                                              \
    1 /* of an overload: the API server comes again, perhaps to another replica                    \
       */

static const char *const paths[] = {
    [METRICS_VALIDATE] = "/validate",
    [METRICS_MUTATE] = "/mutate",
};

/* --- Life --- */

struct pending *pending_new(struct admission *a, struct exchange *exchange, enum metrics_path path,
                            struct err *err)
{
    struct pending *p = mem_new(1, sizeof(*p), err);

    if (p == NULL)
        return NULL;
    p->admission = a;
    p->exchange = exchange;
    p->path = path;
    p->began = clock_micros();
    p->generation = generation_take(a->options.generations);
    p->refs = 1;
    review_init(&p->review);
    return p;
}

void pending_free(struct pending *p)
{
    for (size_t i = 0; p->slots != NULL && i < p->n_slots; i++)
        kept_drop(p->slots[i].found);
    if (p->has_secrets)
        pull_source_clear(&p->secrets);
    decisions_clear(&p->decisions);
    review_clear(&p->review);
    generation_drop(p->generation);
    free(p);
}

static void unref(struct pending *p, size_t n)
{
    pthread_mutex_lock(&p->admission->lock);
    p->refs -= n;
    const bool last = p->refs == 0;
    pthread_mutex_unlock(&p->admission->lock);
    if (last)
        pending_free(p);
}

/* --- The answer --- */

void pending_refuse(struct exchange *exchange, const struct err *why)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(KIB);

    buf_addf(&text, "%s\n", err_text(why));
    exchange_answer(exchange, 503, "text/plain; charset=utf-8", &text, RETRY_SECONDS);
}

static void count(const struct pending *p)
{
    struct metrics *m = p->admission->options.metrics;
    const struct decision *first = decisions_first(&p->decisions);
    const int64_t micros = clock_micros() - p->began;

    for (size_t i = 0; i < p->decisions.n; i++) {
        const struct decision *d = &p->decisions.items[i];
        const int64_t phases[PHASES] = { d->select_micros, d->times.resolve, d->times.collect,
                                         d->times.check, d->judge_micros };
        for (size_t k = 0; k < PHASES; k++)
            if (phases[k] > 0)
                metrics_phase(m, (enum metrics_phase)k, phases[k]);
        metrics_cache(m, d->cache);
        if (!p->decisions.setting.pin)
            metrics_image(m, d->verdict, d->mode, d->reason);
    }
    if (first != NULL)
        metrics_review(m, p->path, first->verdict, first->mode, first->reason, micros);
    else
        metrics_review(m, p->path, VERDICT_ALLOW, p->decisions.setting.policy->mode, REASON_NONE,
                       micros);
}

static void log_decisions(const struct pending *p)
{
    const struct decision_log log = { .decisions = &p->decisions,
                                      .path = paths[p->path],
                                      .total_micros = clock_micros() - p->began,
                                      .allowed = p->admission->options.log_allowed };

    if (p->decisions.n == 0)
        log_debug("review %s of %s %s: no image to decide about", p->review.uid, p->review.resource,
                  p->review.name);
    decision_log(&log);
}

/* Everything is decided: say it. Whoever waits hears it before it is logged and counted. */
static void answer(struct pending *p)
{
    struct buf CLEANUP(buf_clear) patch = BUF_INIT(PATCH_MAX);
    struct buf CLEANUP(buf_clear) body = BUF_INIT(ANSWER_MAX);
    struct answer a = { .review = &p->review,
                        .policy = p->decisions.setting.policy,
                        .decisions = &p->decisions };
    struct err err = ERR_INIT;
    int written = 0;

    if (p->decisions.setting.pin)
        written = patch_write(&patch, &p->decisions, &err);
    a.patch = buf_bytes(&patch);
    if (written == 0)
        written = answer_write(&body, &a, &err);
    struct exchange *exchange = STEAL(p->exchange);
    if (written == 0)
        exchange_answer(exchange, 200, "application/json", &body, -1);
    else
        pending_refuse(exchange, &err);
    log_decisions(p);
    count(p);
    atomic_fetch_sub(&p->admission->in_flight, 1);
}

static void overloaded(struct pending *p, const struct err *why)
{
    const struct policy *policy = p->decisions.setting.policy;
    struct exchange *exchange = STEAL(p->exchange);

    pending_refuse(exchange, why);
    log_info("review %s not answered: %s", p->review.uid, err_text(why));
    metrics_review(p->admission->options.metrics, p->path, VERDICT_UNKNOWN, policy->mode,
                   reason_of_error(why->code), clock_micros() - p->began);
    atomic_fetch_sub(&p->admission->in_flight, 1);
}

/* Judge the last complete look-up where proof could not be fetched (`use-proven-within`). */
static void try_proven(struct pending *p, struct slot *slot)
{
    const int64_t within = p->decisions.setting.policy->use_proven_within;

    if (!decision_wants_proven(&p->decisions, slot->decision))
        return;
    const struct kept_lookup *proven = lookups_proven(p->admission->options.lookups, &slot->asking,
                                                      &slot->decision->digest, within * 1000);
    if (proven == NULL)
        return;
    decision_proven(&p->decisions, slot->decision, &proven->lookup);
    kept_drop(proven);
}

/* Whoever set `answered` calls this, once; the slots are his. */
static void finish(struct pending *p)
{
    for (size_t i = 0; i < p->n_slots; i++) {
        struct slot *slot = &p->slots[i];
        if (slot->known)
            continue;
        const struct lookup *found = slot->found != NULL ? &slot->found->lookup : NULL;
        decision_found(&p->decisions, slot->decision, found, slot->shared);
        try_proven(p, slot);
    }
    answer(p);
}

/* --- Waiting --- */

/* `n` of what was missing is there. True: all is, and the caller has to finish. */
static bool settle(struct pending *p, size_t n)
{
    p->missing -= n;
    if (p->missing > 0 || p->answered)
        return false;
    p->answered = true;
    return true;
}

static void stop_waiting(struct pending *p)
{
    if (deadlines_remove(p->admission->deadlines, &p->deadline))
        unref(p, 1);
}

static void done(struct asking *asking, const struct kept_lookup *found)
{
    struct slot *slot = asking->context;
    struct pending *p = slot->pending;
    const struct kept_lookup *late = found;

    pthread_mutex_lock(&p->admission->lock);
    if (!p->answered) {
        slot->found = found;
        slot->shared = asking->shared;
        late = NULL;
    }
    const bool last = settle(p, 1);
    pthread_mutex_unlock(&p->admission->lock);
    kept_drop(late);
    atomic_fetch_sub(&p->admission->asked, 1);
    if (last) {
        finish(p);
        stop_waiting(p);
    }
    unref(p, 1);
}

static bool claim(struct pending *p)
{
    pthread_mutex_lock(&p->admission->lock);
    const bool mine = !p->answered;
    p->answered = true;
    pthread_mutex_unlock(&p->admission->lock);
    return mine;
}

static void over(void *context)
{
    struct pending *p = context;

    if (claim(p))
        finish(p);
    unref(p, 1);
}

/* The images from the i-th on are not asked for: those that were go on, and fill the cache. */
static void give_up(struct pending *p, size_t unasked, const struct err *why)
{
    atomic_fetch_sub(&p->admission->asked, unasked);
    if (claim(p)) {
        overloaded(p, why);
        stop_waiting(p);
    }
    unref(p, unasked + 1);
}

static void ask_all(struct pending *p, size_t n)
{
    struct lookups *lookups = p->admission->options.lookups;
    struct err err = ERR_INIT;
    size_t asked = 0;

    for (size_t i = 0; i < p->n_slots; i++) {
        if (p->slots[i].known)
            continue;
        if (lookups_ask(lookups, &p->slots[i].asking, &err) != 0) {
            give_up(p, n - asked, &err);
            return;
        }
        asked++;
    }
    pthread_mutex_lock(&p->admission->lock);
    const bool last = settle(p, 1);
    pthread_mutex_unlock(&p->admission->lock);
    if (last) {
        finish(p);
        stop_waiting(p);
    }
    unref(p, 1);
}

/* From here on others may see it: one reference for each asking, one for the deadline, one for the
 * caller, who counts as missing until all is asked. */
static void wait_for(struct pending *p, size_t n)
{
    struct admission *a = p->admission;
    struct err err = ERR_INIT;

    p->missing = n + 1;
    p->refs = n + 2;
    p->deadline.over = over;
    p->deadline.context = p;
    if (atomic_fetch_add(&a->asked, n) + n > ADMISSION_ASKED_MAX)
        err_set(&err, ERR_LIMIT, "more than %d images are being looked up", ADMISSION_ASKED_MAX);
    if (err.code == ERR_NONE && deadlines_add(a->deadlines, &p->deadline, &err) == 0) {
        ask_all(p, n);
        return;
    }
    atomic_fetch_sub(&a->asked, n);
    overloaded(p, &err);
    pending_free(p);
}

static void fill_slot(struct pending *p, struct slot *slot, struct decision *d)
{
    slot->pending = p;
    slot->decision = d;
    slot->asking = (struct asking) { .source = &p->generation->source,
                                     .image = { &d->subject->reference, p->review.namespace },
                                     .selection = d->selection,
                                     .digest_only = p->decisions.setting.pin,
                                     .now = p->decisions.setting.now,
                                     .done = done,
                                     .context = slot };
    if (p->has_secrets) {
        slot->asking.credentials = &p->secrets.credentials;
        slot->asking.identity = p->secrets.identity;
    }
}

/* What is kept but does not settle it must not be taken for the answer again. */
static void take_kept(struct pending *p, struct slot *slot)
{
    const struct admission *a = p->admission;
    const struct kept_lookup *kept = lookups_kept(a->options.lookups, &slot->asking);

    if (kept == NULL)
        return;
    const int64_t now = a->options.clock != NULL ? a->options.clock() : clock_millis();
    slot->known = decision_known(&p->decisions, slot->decision, &kept->lookup, kept_age(kept, now));
    slot->asking.again = !slot->known;
    kept_drop(kept);
}

static size_t look(struct pending *p)
{
    size_t unknown = 0;

    for (size_t i = 0; i < p->decisions.n; i++) {
        struct slot *slot = &p->slots[p->n_slots];
        if (p->decisions.items[i].selection == NULL)
            continue;
        fill_slot(p, slot, &p->decisions.items[i]);
        p->n_slots++;
        take_kept(p, slot);
        unknown += !slot->known;
    }
    return unknown;
}

static int make_slots(struct pending *p, struct err *err)
{
    struct pull_secrets *secrets = p->admission->options.pull_secrets;

    if (secrets != NULL && pull_source_named(&p->review)) {
        if (pull_source_init(&p->secrets, secrets, &p->review, err) != 0)
            return -1;
        p->has_secrets = true;
    }
    p->slots = arena_new(&p->decisions.arena, p->decisions.n, sizeof(*p->slots), err);
    return p->slots != NULL ? 0 : -1;
}

void pending_run(struct pending *p)
{
    struct err err = ERR_INIT;

    atomic_fetch_add(&p->admission->in_flight, 1);
    if (p->decisions.n > 0 && make_slots(p, &err) != 0) {
        overloaded(p, &err);
        pending_free(p);
        return;
    }
    const size_t unknown = look(p);
    if (unknown > 0) {
        wait_for(p, unknown);
        return;
    }
    answer(p);
    pending_free(p);
}
