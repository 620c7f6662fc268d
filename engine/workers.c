#include "engine/workers.h"

#include <stdatomic.h>

#include "base/limits.h"

#define WORKERS_DEFAULT 16
#define WORKERS_MAX 256

/* Looking an image up needs less than a tenth of it; sanitizers make frames several times as large.
 */
#define STACK_SIZE (1 * MIB)

int worker_start(pthread_t *thread, void *(*work)(void *), void *context)
{
    pthread_attr_t attributes;

    int failed = pthread_attr_init(&attributes);
    if (failed != 0)
        return failed;
    failed = pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (failed == 0)
        failed = pthread_create(thread, &attributes, work, context);
    pthread_attr_destroy(&attributes);
    return failed;
}

size_t workers_count(int wanted, size_t n)
{
    size_t workers = wanted > 0 ? (size_t)wanted : WORKERS_DEFAULT;

    if (workers > WORKERS_MAX)
        workers = WORKERS_MAX;
    return workers < n ? workers : n;
}

int workers_run(size_t n, void *(*work)(void *), void *context, struct err *err)
{
    pthread_t threads[WORKERS_MAX];
    size_t started = 0;

    if (n > WORKERS_MAX)
        n = WORKERS_MAX;
    while (started < n && worker_start(&threads[started], work, context) == 0)
        started++;
    if (started == 0)
        return err_set(err, ERR_NOMEM, "no worker thread could be started");
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

struct each {
    atomic_size_t next;
    size_t n;
    void (*work)(void *context, size_t i);
    void *context;
};

static void *take_each(void *context)
{
    struct each *each = context;
    size_t i;

    while ((i = atomic_fetch_add(&each->next, 1)) < each->n)
        each->work(each->context, i);
    return NULL;
}

int workers_each(size_t n, size_t workers, void (*work)(void *context, size_t i), void *context,
                 struct err *err)
{
    struct each each = { .n = n, .work = work, .context = context };

    if (n == 0)
        return 0;
    if (n > 1 && workers > 1)
        return workers_run(workers, take_each, &each, err);
    take_each(&each);
    return 0;
}
