#include "webhook/admission.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "webhook/pending.h"
#include "webhook/server.h"

#define JSON_TYPE "application/json"

static void refuse(struct admission *a, struct exchange *exchange, unsigned status, const char *why)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(2 * KIB);

    buf_addf(&text, "%s\n", why);
    metrics_bad_request(a->options.metrics);
    exchange_answer(exchange, status, "text/plain; charset=utf-8", &text, -1);
}

/* "application/json", with parameters or without. */
static bool is_json(const char *type)
{
    const struct bytes text = bytes_text(type);
    const size_t len = sizeof(JSON_TYPE) - 1;

    return text_equal_nocase(bytes_part(text, 0, len), BYTES_LIT(JSON_TYPE)) &&
           (text.len == len || type[len] == ';' || type[len] == ' ');
}

/* Nothing to answer to: the caller's failurePolicy decides, and hears why. */
static void refuse_review(struct admission *a, struct exchange *exchange, const struct err *err)
{
    if (err->code == ERR_NOMEM)
        pending_refuse(exchange, err);
    else
        refuse(a, exchange, err->code == ERR_LIMIT ? 413 : 400, err_text(err));
}

static int read_review(struct pending *p, struct err *err)
{
    const struct admission *a = p->admission;
    const int64_t budget = admission_budget(exchange_query(p->exchange, "timeout"));
    const struct review_wish wish = { .kinds = a->options.kinds,
                                      .secrets = a->options.pull_secrets != NULL };

    p->deadline.at = exchange_began(p->exchange) + budget;
    if (review_parse(&p->review, exchange_body(p->exchange), &wish, err) != 0)
        return -1;
    const struct decision_setting setting = { .policy = p->generation->file.policy,
                                              .review = &p->review,
                                              .now = clock_seconds(),
                                              .pin = p->path == METRICS_MUTATE };
    return decisions_begin(&p->decisions, &setting, err);
}

static void handle(struct admission *a, struct exchange *exchange, enum metrics_path path)
{
    struct err err = ERR_INIT;

    if (!is_json(exchange_content_type(exchange))) {
        refuse(a, exchange, 415, "the content type of a review is " JSON_TYPE);
        return;
    }
    struct pending *p = pending_new(a, exchange, path, &err);
    if (p == NULL) {
        pending_refuse(exchange, &err);
        return;
    }
    if (read_review(p, &err) != 0) {
        refuse_review(a, exchange, &err);
        pending_free(p);
        return;
    }
    pending_run(p);
}

void admission_validate(void *context, struct exchange *exchange)
{
    handle(context, exchange, METRICS_VALIDATE);
}

void admission_mutate(void *context, struct exchange *exchange)
{
    handle(context, exchange, METRICS_MUTATE);
}

size_t admission_in_flight(struct admission *a)
{
    return atomic_load(&a->in_flight);
}

int admission_new(struct admission **out, const struct admission_options *options, struct err *err)
{
    *out = NULL;
    struct admission *a = mem_new(1, sizeof(*a), err);
    if (a == NULL)
        return -1;
    a->options = *options;
    pthread_mutex_init(&a->lock, NULL);
    if (deadlines_new(&a->deadlines, err) != 0) {
        admission_free(a);
        return -1;
    }
    *out = a;
    return 0;
}

void admission_free(struct admission *a)
{
    if (a == NULL)
        return;
    deadlines_free(a->deadlines);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
