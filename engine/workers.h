#ifndef BULLA_ENGINE_WORKERS_H
#define BULLA_ENGINE_WORKERS_H

#include <pthread.h>
#include <stddef.h>

#include "base/err.h"

/* Threads that work on a number of things at once. What they do is wait for registries, so there
 * are more of them than processors. */

/** Start a thread with a stack of modest size. 0, or an errno value. */
int worker_start(pthread_t *thread, void *(*work)(void *), void *context) MUST_CHECK;

/** How many for n things: `wanted` as an option says it (0: a default), never more than n. */
size_t workers_count(int wanted, size_t n);

/** Run `work` on up to `n` threads (1 or more) and wait for all. As many as can be started; one is
 * enough. -1 with ERR_NOMEM when none could. */
int workers_run(size_t n, void *(*work)(void *), void *context, struct err *err) MUST_CHECK;

/** Call `work` once for each of 0..n-1, in any order, on up to `workers` threads. */
int workers_each(size_t n, size_t workers, void (*work)(void *context, size_t i), void *context,
                 struct err *err) MUST_CHECK;

#endif
