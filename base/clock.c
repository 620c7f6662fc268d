#include "base/clock.h"

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

struct timespec clock_timespec(int64_t ms)
{
    return (struct timespec) { .tv_sec = (time_t)(ms / 1000),
                               .tv_nsec = (long)(ms % 1000) * 1000000 };
}

void clock_sleep(int64_t ms)
{
    const struct timespec time = clock_timespec(ms);

    nanosleep(&time, NULL);
}

void clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}
