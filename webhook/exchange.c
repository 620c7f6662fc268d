#include "webhook/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

#define QUERY_MAX (8 * KIB) /* decoded: the API server sends one argument of a few bytes */
#define REFUSAL_MAX 1024    /* one line */

int exchanges_new(struct exchanges **out, size_t max_memory, struct err *err)
{
    struct exchanges *all = mem_new(1, sizeof(*all), err);

    *out = all;
    if (all == NULL)
        return -1;
    all->refs = 1;
    all->max_memory = max_memory;
    pthread_mutex_init(&all->lock, NULL);
    return 0;
}

void exchanges_drop(struct exchanges *all)
{
    if (all == NULL || atomic_fetch_sub(&all->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&all->lock);
    free(all);
}

/* --- The list of those that wait --- */

/* False: nobody may wait any more. */
static bool enlist(struct exchange *x)
{
    struct exchanges *all = x->all;

    pthread_mutex_lock(&all->lock);
    bool open = !all->stopping;
    if (open) {
        x->next = all->waiting;
        x->previous = NULL;
        if (x->next != NULL)
            x->next->previous = x;
        all->waiting = x;
        x->listed = true;
    }
    pthread_mutex_unlock(&all->lock);
    return open;
}

/* all->lock is held. */
static void delist(struct exchange *x)
{
    if (!x->listed)
        return;
    if (x->previous != NULL)
        x->previous->next = x->next;
    else
        x->all->waiting = x->next;
    if (x->next != NULL)
        x->next->previous = x->previous;
    x->listed = false;
}

static struct exchange *next_waiting(struct exchanges *all)
{
    pthread_mutex_lock(&all->lock);
    struct exchange *x = all->waiting;
    all->stopping = true;
    if (x != NULL) {
        delist(x);
        atomic_fetch_add(&x->refs, 1);
    }
    pthread_mutex_unlock(&all->lock);
    return x;
}

/* --- Life --- */

int exchange_new(struct exchange **out, struct exchanges *all, struct err *err)
{
    struct exchange *x = mem_new(1, sizeof(*x), err);

    *out = x;
    if (x == NULL)
        return -1;
    x->refs = 1;
    x->all = all;
    atomic_fetch_add(&all->refs, 1);
    atomic_fetch_add(&all->under_way, 1);
    x->began = clock_millis();
    x->query = (struct buf)BUF_INIT(QUERY_MAX);
    pthread_mutex_init(&x->lock, NULL);
    return 0;
}

static void release_body(struct exchange *x)
{
    if (x->body == NULL)
        return;
    free(x->body);
    x->body = NULL;
    atomic_fetch_sub(&x->all->memory, x->length);
}

static void drop(struct exchange *x)
{
    if (atomic_fetch_sub(&x->refs, 1) != 1)
        return;
    release_body(x);
    buf_clear(&x->query);
    buf_clear(&x->answer.body);
    pthread_mutex_destroy(&x->lock);
    exchanges_drop(x->all);
    free(x);
}

void exchange_end(struct exchange *x)
{
    struct exchanges *all = x->all;

    /* Before the share is given up: what stands in the list is alive. */
    pthread_mutex_lock(&all->lock);
    delist(x);
    pthread_mutex_unlock(&all->lock);
    atomic_fetch_sub(&all->under_way, 1);
    drop(x);
}

/* --- Request --- */

static bool holds_nul(struct bytes text)
{
    return text.len > 0 && memchr(text.data, 0, text.len) != NULL;
}

void exchange_add_query(struct exchange *x, struct bytes name, struct bytes value)
{
    size_t before = x->query.len;

    /* What holds a NUL cannot be asked for as text, nor can what does not fit: as if absent. */
    if (holds_nul(name) || holds_nul(value))
        return;
    buf_add_bytes(&x->query, name);
    buf_add_char(&x->query, 0);
    buf_add_bytes(&x->query, value);
    buf_add_char(&x->query, 0);
    if (x->query.state != BUF_FINE) {
        x->query.len = before;
        x->query.state = BUF_FINE;
    }
}

int exchange_reserve(struct exchange *x, size_t length, struct err *err)
{
    struct exchanges *all = x->all;
    size_t before = atomic_fetch_add(&all->memory, length);

    if (length > all->max_memory || before > all->max_memory - length) {
        atomic_fetch_sub(&all->memory, length);
        return err_set(err, ERR_LIMIT, "too many bodies at once");
    }
    x->body = malloc(length); /* not zeroed: pages that are not written to cost nothing */
    if (x->body == NULL) {
        atomic_fetch_sub(&all->memory, length);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    x->length = length;
    return 0;
}

bool exchange_take(struct exchange *x, const void *data, size_t len)
{
    if (x->body == NULL || len > x->length - x->got)
        return false;
    memcpy(x->body + x->got, data, len);
    x->got += len;
    return true;
}

const char *exchange_path(const struct exchange *x)
{
    return x->route->path;
}

struct bytes exchange_body(const struct exchange *x)
{
    return (struct bytes) { x->body, x->got };
}

const char *exchange_query(const struct exchange *x, const char *name)
{
    const char *at = (const char *)x->query.data;
    const char *end = at == NULL ? NULL : at + x->query.len;

    while (at != end) {
        const char *value = at + strlen(at) + 1;
        if (strcmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

const char *exchange_content_type(const struct exchange *x)
{
    return x->content_type;
}

int64_t exchange_began(const struct exchange *x)
{
    return x->began;
}

/* --- Answer --- */

/* x->lock is held, or nobody else knows `x` yet. */
static void set_answer(struct exchange *x, const struct answer *answer)
{
    bool waited = x->state == EXCHANGE_WAITING;

    x->answer = *answer;
    x->state = EXCHANGE_ANSWERED;
    if (waited)
        x->resume(x->connection);
}

static struct answer refusal(unsigned status, const char *text)
{
    struct answer answer = { .status = status,
                             .content_type = "text/plain; charset=utf-8",
                             .body = BUF_INIT(REFUSAL_MAX),
                             .retry_after = -1 };

    buf_add_text(&answer.body, text);
    buf_add_char(&answer.body, '\n');
    return answer;
}

static struct answer stopping(void)
{
    struct answer answer = refusal(503, "this server is being stopped");

    answer.retry_after = 1;
    answer.close = true;
    return answer;
}

void exchange_refuse(struct exchange *x, unsigned status, const char *text)
{
    const struct answer answer = refusal(status, text);

    atomic_fetch_add(&x->all->refused, 1);
    set_answer(x, &answer);
}

bool exchange_answered(struct exchange *x)
{
    pthread_mutex_lock(&x->lock);
    bool answered = x->state == EXCHANGE_ANSWERED;
    pthread_mutex_unlock(&x->lock);
    return answered;
}

bool exchange_handle(struct exchange *x, void *context, void (*suspend)(void *connection))
{
    atomic_fetch_add(&x->refs, 1);
    x->route->handle(context, x);

    pthread_mutex_lock(&x->lock);
    if (x->state != EXCHANGE_ANSWERED && enlist(x)) {
        x->state = EXCHANGE_WAITING;
        suspend(x->connection);
    } else if (x->state != EXCHANGE_ANSWERED) {
        const struct answer answer = stopping();
        set_answer(x, &answer);
    }
    bool answered = x->state == EXCHANGE_ANSWERED;
    pthread_mutex_unlock(&x->lock);
    return answered;
}

void exchange_answer(struct exchange *x, unsigned status, const char *content_type,
                     struct buf *body, int retry_after)
{
    bool whole = body->state == BUF_FINE;
    struct answer answer = { .status = status,
                             .content_type = content_type,
                             .body = buf_take(body),
                             .retry_after = retry_after };

    release_body(x);
    if (!whole) {
        buf_clear(&answer.body);
        answer = refusal(500, "the answer could not be written");
    }
    pthread_mutex_lock(&x->lock);
    if (x->state == EXCHANGE_ANSWERED)
        buf_clear(&answer.body); /* exchanges_stop() was here first */
    else
        set_answer(x, &answer);
    pthread_mutex_unlock(&x->lock);
    drop(x);
}

void exchanges_stop(struct exchanges *all)
{
    for (struct exchange *x; (x = next_waiting(all)) != NULL;) {
        struct answer answer = stopping();

        pthread_mutex_lock(&x->lock);
        if (x->state == EXCHANGE_WAITING)
            set_answer(x, &answer);
        else
            buf_clear(&answer.body);
        pthread_mutex_unlock(&x->lock);
        drop(x);
    }
}
