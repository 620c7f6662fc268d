#include "webhook/deadlines.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#define GONE SIZE_MAX /* place of one that is not in the heap */

/* Of the heap. */
struct entry {
    int64_t at;
    struct deadline *deadline;
};

/* A binary heap, the soonest first; each knows its place, so that any can be taken out. */
struct deadlines {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
    pthread_t thread;
    bool stopping;
    struct entry *heap;
    size_t n, cap;
};

static void put(struct deadlines *d, size_t place, struct entry entry)
{
    d->heap[place] = entry;
    entry.deadline->place = place;
}

static void rise(struct deadlines *d, size_t place)
{
    const struct entry moved = d->heap[place];

    while (place > 0 && d->heap[(place - 1) / 2].at > moved.at) {
        put(d, place, d->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(d, place, moved);
}

static void sink(struct deadlines *d, size_t place)
{
    const struct entry moved = d->heap[place];

    for (;;) {
        size_t child = 2 * place + 1;
        if (child + 1 < d->n && d->heap[child + 1].at < d->heap[child].at)
            child++;
        if (child >= d->n || d->heap[child].at >= moved.at)
            break;
        put(d, place, d->heap[child]);
        place = child;
    }
    put(d, place, moved);
}

static void take_out(struct deadlines *d, struct deadline *deadline)
{
    const size_t place = deadline->place;
    const struct entry last = d->heap[--d->n];

    deadline->place = GONE;
    if (last.deadline == deadline)
        return;
    put(d, place, last);
    rise(d, place);
    sink(d, last.deadline->place);
}

static void wait_until(struct deadlines *d, int64_t at)
{
    const struct timespec until = clock_timespec(at);

    pthread_cond_timedwait(&d->changed, &d->lock, &until);
}

static void *run(void *context)
{
    struct deadlines *d = context;

    pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        if (d->n == 0) {
            pthread_cond_wait(&d->changed, &d->lock);
            continue;
        }
        struct deadline *first = d->heap[0].deadline;
        if (d->heap[0].at > clock_millis()) {
            wait_until(d, d->heap[0].at);
            continue;
        }
        take_out(d, first);
        pthread_mutex_unlock(&d->lock);
        first->over(first->context);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

int deadlines_add(struct deadlines *d, struct deadline *deadline, struct err *err)
{
    pthread_mutex_lock(&d->lock);
    void *heap = d->heap;
    const int grown = mem_grow(&heap, &d->cap, d->n, sizeof(*d->heap), DEADLINES_MAX, err);
    d->heap = heap;
    if (grown == 0) {
        put(d, d->n++, (struct entry) { deadline->at, deadline });
        rise(d, deadline->place);
        if (deadline->place == 0)
            pthread_cond_signal(&d->changed);
    }
    pthread_mutex_unlock(&d->lock);
    return grown;
}

bool deadlines_remove(struct deadlines *d, struct deadline *deadline)
{
    pthread_mutex_lock(&d->lock);
    const bool there = deadline->place != GONE;
    if (there)
        take_out(d, deadline);
    pthread_mutex_unlock(&d->lock);
    return there;
}

int deadlines_new(struct deadlines **out, struct err *err)
{
    *out = NULL;
    struct deadlines *d = mem_new(1, sizeof(*d), err);
    if (d == NULL)
        return -1;
    pthread_mutex_init(&d->lock, NULL);
    clock_cond_init(&d->changed);
    const int failed = pthread_create(&d->thread, NULL, run, d);
    if (failed != 0) {
        free(d);
        return err_sys(err, ERR_NOMEM, failed, "a thread for deadlines");
    }
    *out = d;
    return 0;
}

void deadlines_free(struct deadlines *d)
{
    if (d == NULL)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_signal(&d->changed);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d->heap);
    free(d);
}
