#include <pthread.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "engine/workers.h"

#define WINDOW 256 /* results that may wait for an earlier one: bounds memory */

struct slot {
    bool ready;
    struct image_result result;
};

/* Many images on a bounded pool. Results are handed on in order; a worker that is far ahead waits.
 */
struct pool {
    const struct engine_options *engine;
    const struct image_question *images;
    size_t n;
    void (*done)(void *context, const struct image_result *result);
    void *context;

    pthread_mutex_t lock;
    pthread_cond_t room; /* `handed` has moved */
    size_t taken;        /* images that workers have begun */
    size_t handed;       /* results handed on */
    bool handing;        /* a worker is in `done` */
    struct slot *slots;  /* image i in slot i % window */
    size_t window;
};

static bool take(struct pool *pool, size_t *i)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->taken < pool->n && pool->taken - pool->handed >= pool->window)
        pthread_cond_wait(&pool->room, &pool->lock);
    bool more = pool->taken < pool->n;
    if (more)
        *i = pool->taken++;
    pthread_mutex_unlock(&pool->lock);
    return more;
}

/* Whoever completes the next result in order hands on all that are ready; `done` runs outside the
 * lock. */
static void hand_on(struct pool *pool, size_t i)
{
    pthread_mutex_lock(&pool->lock);
    pool->slots[i % pool->window].ready = true;
    while (!pool->handing && pool->slots[pool->handed % pool->window].ready) {
        struct slot *next = &pool->slots[pool->handed % pool->window];
        pool->handing = true;
        pthread_mutex_unlock(&pool->lock);
        pool->done(pool->context, &next->result);
        image_result_clear(&next->result);
        pthread_mutex_lock(&pool->lock);
        next->ready = false;
        pool->handing = false;
        pool->handed++;
        pthread_cond_broadcast(&pool->room);
    }
    pthread_mutex_unlock(&pool->lock);
}

static void *work(void *context)
{
    struct pool *pool = context;
    size_t i;

    while (take(pool, &i)) {
        engine_judge(&pool->slots[i % pool->window].result, pool->engine, &pool->images[i]);
        hand_on(pool, i);
    }
    return NULL;
}

static void judge_one(const struct engine_options *engine, const struct image_question *image,
                      void (*done)(void *context, const struct image_result *result), void *context)
{
    struct image_result CLEANUP(image_result_clear) result;

    engine_judge(&result, engine, image);
    done(context, &result);
}

int engine_judge_all(const struct engine_options *engine, const struct image_question *images,
                     size_t n, void (*done)(void *context, const struct image_result *result),
                     void *context, struct err *err)
{
    struct pool pool = {
        .engine = engine, .images = images, .n = n, .done = done, .context = context
    };

    if (n == 0)
        return 0;
    if (n == 1) {
        judge_one(engine, images, done, context);
        return 0;
    }
    pool.window = n < WINDOW ? n : WINDOW;
    pool.slots = mem_new(pool.window, sizeof(*pool.slots), err);
    if (pool.slots == NULL)
        return -1;
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.room, NULL);
    int ran = workers_run(workers_count(engine->workers, n), work, &pool, err);
    pthread_cond_destroy(&pool.room);
    pthread_mutex_destroy(&pool.lock);
    free(pool.slots);
    return ran;
}
