#ifndef BULLA_WEBHOOK_WATCH_H
#define BULLA_WEBHOOK_WATCH_H

#include "webhook/generation.h"

/*
 * A thread that looks at the files of the configuration, and loads a new generation when they have
 * changed. It asks for their times again and again: that costs microseconds, works on every file
 * system, and misses no change behind a chain of links, which notifications of the kernel do.
 */

#define WATCH_INTERVAL_MS 1000 /* a change is taken after it was seen twice: within 2 s */

struct watch;

/** @param interval_ms  0: WATCH_INTERVAL_MS. -1 with ERR_NOMEM, ERR_IO (no thread) */
int watch_start(struct watch **out, struct generations *generations, int64_t interval_ms,
                struct err *err) MUST_CHECK;

/** Load now, changed or not; returns at once. */
void watch_reload(struct watch *watch);

/** End the thread. False: it is still reading files at `deadline` (a file system that hangs), and
 * nothing may be freed; the process can only end. NULL is fine. */
bool watch_stop(struct watch *watch, int64_t deadline);

#endif
