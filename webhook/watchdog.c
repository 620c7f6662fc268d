#include "webhook/watchdog.h"

#include <sys/socket.h>

#include "base/clock.h"

#define STAGE_BITS 3
#define STAGE_MASK ((1U << STAGE_BITS) - 1)
/* How late a limit may be noticed: a fifth of the shortest, not below what a scan costs, not above
 * a second. */
#define LOOK_PART 5
#define LOOK_MIN_MS 5
#define LOOK_MAX_MS 1000
#define LOOK_CROWDED_MS 50

void watchdog_init(struct watchdog *w)
{
    *w = (struct watchdog) { .first = NULL };
    pthread_mutex_init(&w->lock, NULL);
}

void watchdog_clear(struct watchdog *w)
{
    pthread_mutex_destroy(&w->lock);
}

void watched_stage(struct watched *watched, enum watch_stage stage)
{
    uint64_t now = (uint64_t)clock_millis();

    atomic_store_explicit(&watched->stage, now << STAGE_BITS | stage, memory_order_relaxed);
}

void watchdog_enter(struct watchdog *w, struct watched *watched, int fd)
{
    watched->fd = fd;
    watched->shut = false;
    watched->previous = NULL;
    watched_stage(watched, WATCH_HEADER);
    pthread_mutex_lock(&w->lock);
    watched->next = w->first;
    if (w->first != NULL)
        w->first->previous = watched;
    w->first = watched;
    atomic_fetch_add(&w->n, 1);
    pthread_mutex_unlock(&w->lock);
}

void watchdog_leave(struct watchdog *w, struct watched *watched)
{
    pthread_mutex_lock(&w->lock);
    if (watched->previous != NULL)
        watched->previous->next = watched->next;
    else
        w->first = watched->next;
    if (watched->next != NULL)
        watched->next->previous = watched->previous;
    atomic_fetch_sub(&w->n, 1);
    pthread_mutex_unlock(&w->lock);
}

static bool is_over(const struct watchdog *w, struct watched *watched, int64_t now, bool crowded)
{
    uint64_t packed = atomic_load_explicit(&watched->stage, memory_order_relaxed);
    unsigned stage = (unsigned)(packed & STAGE_MASK);
    int64_t limit = w->limits[stage];

    if (stage == WATCH_WORK || watched->shut)
        return false;
    if (crowded && stage == WATCH_IDLE && limit > WATCH_CROWDED_IDLE_MS)
        limit = WATCH_CROWDED_IDLE_MS;
    return now - (int64_t)(packed >> STAGE_BITS) >= limit;
}

static int look_again(const struct watchdog *w, bool crowded)
{
    int64_t shortest = LOOK_MAX_MS * LOOK_PART;

    for (int i = 0; i < WATCH_STAGES; i++)
        if (i != WATCH_WORK && w->limits[i] < shortest)
            shortest = w->limits[i];
    shortest /= LOOK_PART;
    if (crowded && shortest > LOOK_CROWDED_MS)
        shortest = LOOK_CROWDED_MS;
    return (int)(shortest < LOOK_MIN_MS ? LOOK_MIN_MS : shortest);
}

int watchdog_look(struct watchdog *w, bool crowded)
{
    int64_t now = clock_millis();

    pthread_mutex_lock(&w->lock);
    for (struct watched *watched = w->first; watched != NULL; watched = watched->next) {
        if (!is_over(w, watched, now, crowded))
            continue;
        /* Under the lock: its owner leaves the list before the descriptor is closed, so this is no
         * other connection's yet. */
        atomic_fetch_add(&w->cut, 1);
        watched->shut = true;
        shutdown(watched->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&w->lock);
    /* Also when nothing is watched: what was just accepted enters the list on its own thread. */
    return look_again(w, crowded);
}
