#include "webhook/watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

struct watch {
    struct generations *generations;
    int64_t interval_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool reload, stop, ended; /* under the lock */
};

/* Until the next look. *forced: somebody asked for it. False: it is over. */
static bool wait_next(struct watch *w, bool *forced)
{
    const struct timespec until = clock_timespec(clock_deadline(w->interval_ms));

    pthread_mutex_lock(&w->lock);
    while (!w->stop && !w->reload && pthread_cond_timedwait(&w->woken, &w->lock, &until) == 0)
        ;
    *forced = w->reload;
    w->reload = false;
    const bool on = !w->stop;
    pthread_mutex_unlock(&w->lock);
    return on;
}

static void *run(void *context)
{
    struct watch *w = context;
    bool forced;

    while (wait_next(w, &forced)) {
        struct err why = ERR_INIT;
        generations_reap(w->generations);
        if (!forced && !(generations_stale(w->generations) && generations_settled(w->generations)))
            continue;
        /* Who wants to know was told: the generations' own `changed`. */
        if (generations_reload(w->generations, &why) != 0)
            continue;
    }
    pthread_mutex_lock(&w->lock);
    w->ended = true;
    pthread_cond_signal(&w->woken);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int watch_start(struct watch **out, struct generations *generations, int64_t interval_ms,
                struct err *err)
{
    struct watch *w = mem_new(1, sizeof(*w), err);

    *out = NULL;
    if (w == NULL)
        return -1;
    w->generations = generations;
    w->interval_ms = interval_ms > 0 ? interval_ms : WATCH_INTERVAL_MS;
    pthread_mutex_init(&w->lock, NULL);
    clock_cond_init(&w->woken);
    const int sys = pthread_create(&w->thread, NULL, run, w);
    if (sys != 0) {
        pthread_cond_destroy(&w->woken);
        pthread_mutex_destroy(&w->lock);
        free(w);
        return err_sys(err, ERR_IO, sys, "no thread to watch files");
    }
    *out = w;
    return 0;
}

static void wake(struct watch *w, bool *what)
{
    pthread_mutex_lock(&w->lock);
    *what = true;
    pthread_cond_signal(&w->woken);
    pthread_mutex_unlock(&w->lock);
}

void watch_reload(struct watch *watch)
{
    wake(watch, &watch->reload);
}

bool watch_stop(struct watch *watch, int64_t deadline)
{
    const struct timespec until = clock_timespec(deadline);

    if (watch == NULL)
        return true;
    wake(watch, &watch->stop);
    pthread_mutex_lock(&watch->lock);
    while (!watch->ended && pthread_cond_timedwait(&watch->woken, &watch->lock, &until) == 0)
        ;
    const bool ended = watch->ended;
    pthread_mutex_unlock(&watch->lock);
    if (!ended)
        return false;
    pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->woken);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
    return true;
}
