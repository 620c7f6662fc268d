#ifndef BULLA_BASE_CLOCK_H
#define BULLA_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_seconds(void); /* wall clock, seconds since 1970 UTC */
int64_t clock_millis(void);  /* monotonic, for deadlines: milliseconds from an arbitrary start */
int64_t clock_micros(void);  /* the same clock in microseconds, to measure with */

/** A deadline `ms` from now, on the monotonic clock. */
int64_t clock_deadline(int64_t ms);

#endif
