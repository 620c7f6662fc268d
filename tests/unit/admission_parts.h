#ifndef BULLA_TESTS_UNIT_ADMISSION_PARTS_H
#define BULLA_TESTS_UNIT_ADMISSION_PARTS_H

/* What stands in for server, generations and metrics where admission.h is tested alone: the
 * program's own names, so that its own objects are not linked. Included once per test program,
 * after cmocka.h. */

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "webhook/admission.h"

struct exchange {
    const char *type, *timeout;
    struct buf body;
    int64_t began;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    int calls;
    unsigned status;
    int retry_after;
    int64_t took;
    struct buf answer;
};

struct bytes exchange_body(const struct exchange *x);
const char *exchange_query(const struct exchange *x, const char *name);
const char *exchange_content_type(const struct exchange *x);
int64_t exchange_began(const struct exchange *x);
void exchange_answer(struct exchange *x, unsigned status, const char *content_type,
                     struct buf *body, int retry_after);

struct bytes exchange_body(const struct exchange *x)
{
    return buf_bytes(&x->body);
}

const char *exchange_query(const struct exchange *x, const char *name)
{
    return strcmp(name, "timeout") == 0 ? x->timeout : NULL;
}

const char *exchange_content_type(const struct exchange *x)
{
    return x->type;
}

int64_t exchange_began(const struct exchange *x)
{
    return x->began;
}

/* The body is gone with the answer: nobody may look at it afterwards. */
void exchange_answer(struct exchange *x, unsigned status, const char *content_type,
                     struct buf *body, int retry_after)
{
    pthread_mutex_lock(&x->lock);
    x->calls++;
    x->status = status;
    x->retry_after = retry_after;
    x->took = clock_millis() - x->began;
    x->answer = buf_take(body);
    buf_clear(&x->body);
    if (status == 200 && strcmp(content_type, "application/json") != 0)
        x->calls = -1;
    pthread_cond_signal(&x->answered);
    pthread_mutex_unlock(&x->lock);
}

struct generations {
    struct generation now;
    atomic_int held;
};

static struct generations served;

const struct generation *generation_take(struct generations *g)
{
    atomic_fetch_add(&g->held, 1);
    return &g->now;
}

void generation_drop(const struct generation *generation)
{
    if (generation == &served.now)
        atomic_fetch_sub(&served.held, 1);
}

/* Counts, and nothing of them may be lost. */
struct metrics {
    atomic_int reviews[3], images[3], cache[CACHE_CLASSES], phases[PHASES], bad;
};

static struct metrics counted;

void metrics_review(struct metrics *m, enum metrics_path path, enum verdict verdict,
                    enum policy_mode mode, enum reason_code reason, int64_t micros)
{
    (void)path;
    (void)mode;
    (void)reason;
    (void)micros;
    atomic_fetch_add(&m->reviews[verdict], 1);
}

void metrics_image(struct metrics *m, enum verdict verdict, enum policy_mode mode,
                   enum reason_code reason)
{
    (void)mode;
    (void)reason;
    atomic_fetch_add(&m->images[verdict], 1);
}

void metrics_phase(struct metrics *m, enum metrics_phase phase, int64_t micros)
{
    (void)micros;
    atomic_fetch_add(&m->phases[phase], 1);
}

void metrics_cache(struct metrics *m, enum metrics_cache how)
{
    atomic_fetch_add(&m->cache[how], 1);
}

void metrics_bad_request(struct metrics *m)
{
    atomic_fetch_add(&m->bad, 1);
}

static inline void exchange_make(struct exchange *x, const char *timeout)
{
    *x = (struct exchange) { .type = "application/json",
                             .timeout = timeout,
                             .body = BUF_INIT(REVIEW_BYTES_MAX),
                             .began = clock_millis() };
    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->answered, NULL);
}

static inline void exchange_clear(struct exchange *x)
{
    buf_clear(&x->body);
    buf_clear(&x->answer);
    pthread_mutex_destroy(&x->lock);
    pthread_cond_destroy(&x->answered);
}

#endif
