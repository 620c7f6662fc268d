#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "webhook/generation_private.h"

/* What failed for a reason that no file shows (memory, the system) is tried again after this. */
#define TRY_AGAIN_MS 30000

struct generations {
    struct generations_options options;
    struct file_marks tried;  /* the reloading thread's: how all files looked at the last try */
    struct file_marks looked; /* and when they were looked at since */
    bool has_looked;
    int64_t again; /* on clock_millis(): when to try again without a change */

    pthread_mutex_t lock; /* for everything below: held for a few instructions */
    struct held *now;
    struct held *dead; /* nobody holds them */
    struct generations_state state;
};

/* --- Holding --- */

static void hold(void *context)
{
    struct held *held = context;

    atomic_fetch_add_explicit(&held->users, 1, memory_order_relaxed);
}

/* The last one only puts it on a list: freeing takes the time of closing connections. */
static void drop(void *context)
{
    struct held *held = context;
    struct generations *g = held->owner;

    if (atomic_fetch_sub_explicit(&held->users, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_lock(&g->lock);
    held->next = g->dead;
    g->dead = held;
    pthread_mutex_unlock(&g->lock);
}

/* Under the lock the current generation has its own hold, so the count that is raised is never 0.
 */
const struct generation *generation_take(struct generations *g)
{
    pthread_mutex_lock(&g->lock);
    struct held *held = g->now;
    hold(held);
    pthread_mutex_unlock(&g->lock);
    return &held->shown;
}

void generation_drop(const struct generation *generation)
{
    if (generation != NULL)
        drop(generation->source.context);
}

void generations_reap(struct generations *g)
{
    pthread_mutex_lock(&g->lock);
    struct held *dead = STEAL(g->dead);
    pthread_mutex_unlock(&g->lock);
    while (dead != NULL) {
        struct held *next = dead->next;
        held_free(dead);
        dead = next;
    }
}

/* --- Reloading --- */

static bool is_passing(enum err_code code)
{
    return code == ERR_NOMEM || code == ERR_IO || code == ERR_CRYPTO;
}

static struct held *exchange(struct generations *g, struct held *next)
{
    pthread_mutex_lock(&g->lock);
    struct held *before = g->now;
    next->shown.number = before == NULL ? 1 : before->shown.number + 1;
    g->now = next;
    g->state.number = next->shown.number;
    pthread_mutex_unlock(&g->lock);
    return before;
}

static void note_try(struct generations *g, const struct err *why)
{
    pthread_mutex_lock(&g->lock);
    g->state.tried = clock_seconds();
    g->state.last_failed = why != NULL;
    g->state.why = why == NULL ? (struct err)ERR_INIT : *why;
    pthread_mutex_unlock(&g->lock);
    g->again = why != NULL && is_passing(why->code) ? clock_deadline(TRY_AGAIN_MS) : INT64_MAX;
}

static int load(struct generations *g, struct err *err)
{
    struct file_marks CLEANUP(file_marks_clear) marks = { NULL, 0, 0 };
    struct held *CLEANUP(held_freep) next = NULL;

    /* Only this thread changes what is served with now. */
    const int loaded = held_load(&next, &g->options, g->now, &marks, err);
    file_marks_clear(&g->tried);
    g->tried = marks;
    marks = (struct file_marks) { NULL, 0, 0 };
    g->has_looked = false;
    if (loaded != 0)
        return -1;
    next->owner = g;
    next->shown.source.hold = hold;
    next->shown.source.drop = drop;
    next->shown.source.context = next;
    atomic_init(&next->users, 1);
    struct held *before = exchange(g, STEAL(next));
    if (before != NULL)
        drop(before);
    return 0;
}

int generations_reload(struct generations *g, struct err *err)
{
    struct err cause = ERR_INIT;
    const struct err *why = load(g, &cause) != 0 ? &cause : NULL;

    note_try(g, why);
    if (g->options.changed != NULL) {
        const struct generation *now = generation_take(g);
        g->options.changed(g->options.context, now, why);
        generation_drop(now);
    }
    generations_reap(g);
    if (why == NULL)
        return 0;
    if (err != NULL)
        *err = cause;
    return -1;
}

bool generations_stale(struct generations *g)
{
    return clock_millis() >= g->again || !file_marks_same(&g->tried);
}

bool generations_settled(struct generations *g)
{
    if (!g->has_looked) {
        file_marks_clear(&g->looked);
        g->has_looked = file_marks_copy(&g->looked, &g->tried, NULL) == 0;
    }
    /* Without memory for the comparison: better a file half written, which is refused, than never.
     */
    return !g->has_looked || file_marks_renew(&g->looked);
}

void generations_state(struct generations_state *out, struct generations *g)
{
    pthread_mutex_lock(&g->lock);
    *out = g->state;
    pthread_mutex_unlock(&g->lock);
}

/* --- Life --- */

int generations_new(struct generations **out, const struct generations_options *options,
                    struct err *err)
{
    struct generations *g = mem_new(1, sizeof(*g), err);

    *out = NULL;
    if (g == NULL)
        return -1;
    g->options = *options;
    pthread_mutex_init(&g->lock, NULL);
    if (load(g, err) != 0) {
        generations_free(g);
        return -1;
    }
    note_try(g, NULL);
    *out = g;
    return 0;
}

void generations_free(struct generations *g)
{
    if (g == NULL)
        return;
    if (g->now != NULL)
        drop(STEAL(g->now));
    generations_reap(g);
    file_marks_clear(&g->tried);
    file_marks_clear(&g->looked);
    pthread_mutex_destroy(&g->lock);
    free(g);
}
