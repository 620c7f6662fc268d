#ifndef BULLA_BASE_CLOCK_H
#define BULLA_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

int64_t clock_seconds(void); /* wall clock, seconds since 1970 UTC */
int64_t clock_millis(void);  /* monotonic, for deadlines: milliseconds from an arbitrary start */
int64_t clock_micros(void);  /* the same clock in microseconds, to measure with */

/** A deadline `ms` from now, on the monotonic clock. */
int64_t clock_deadline(int64_t ms);

/** A deadline as clock_cond_init()'s conditions take it; or a length of time. */
struct timespec clock_timespec(int64_t ms);

void clock_sleep(int64_t ms); /* a signal ends it early */

/** A condition that is waited on until a deadline of this clock. */
void clock_cond_init(pthread_cond_t *cond);

#endif
