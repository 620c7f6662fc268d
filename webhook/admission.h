#ifndef BULLA_WEBHOOK_ADMISSION_H
#define BULLA_WEBHOOK_ADMISSION_H

#include "webhook/generation.h"
#include "webhook/metrics.h"
#include "webhook/review.h"

/*
 * Reviews answered: /validate judges the final state and never patches; /mutate pins tags in Pods.
 * What is known already is answered on the serving thread; for the rest the exchange waits, without
 * a thread, until all is known or its time is over.
 */

struct admission;
struct exchange;     /* server.h */
struct pull_secrets; /* pull_secrets.h */

struct admission_options {
    struct generations *generations;
    struct lookups *lookups;
    struct metrics *metrics;
    const struct kube_kinds *kinds;    /* NULL: none */
    struct pull_secrets *pull_secrets; /* NULL: those of Pods are not read */
    bool log_allowed;                  /* a line for what is allowed, too */
    int64_t (*clock)(void);            /* of ages, as the look-ups'; NULL: clock_millis() */
};

int admission_new(struct admission **out, const struct admission_options *options,
                  struct err *err) MUST_CHECK;

/** No review is under way, and lookups_stop() has said that no look-up is. NULL is fine. */
void admission_free(struct admission *a);
size_t admission_in_flight(struct admission *a); /* reviews that are not answered and logged yet */

/* Handlers of server_route: `context` is the struct admission. */
void admission_validate(void *context, struct exchange *exchange);
void admission_mutate(void *context, struct exchange *exchange);

/** Milliseconds for a review, from the text of `?timeout=` (NULL: 10 s): min(t - 1.2 s, 0.9 t), at
 * least 300, t at most 30 s. What is no Go duration counts as absent. */
int64_t admission_budget(const char *timeout);

#endif
