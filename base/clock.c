#include "base/clock.h"

#include <time.h>

int64_t clock_seconds(void)
{
    return (int64_t)time(NULL);
}

int64_t clock_micros(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_millis(void)
{
    return clock_micros() / 1000;
}

int64_t clock_deadline(int64_t ms)
{
    return clock_millis() + ms;
}
