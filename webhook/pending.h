#ifndef BULLA_WEBHOOK_PENDING_H
#define BULLA_WEBHOOK_PENDING_H

#include <pthread.h>
#include <stdatomic.h>

#include "webhook/admission.h"
#include "webhook/deadlines.h"
#include "webhook/decision.h"
#include "webhook/pull_secrets.h"

/* One review on its way to its answer: for admission.c and pending.c only. */

/* Images that are being asked for, of all reviews together; each holds about 1 KiB until its
 * look-up has ended. More than look-ups may wait: several reviews ask the same. */
#define ADMISSION_ASKED_MAX 32768

struct admission {
    struct admission_options options;
    struct deadlines *deadlines;
    pthread_mutex_t lock; /* of the parts of each pending review that are marked so */
    atomic_size_t in_flight;
    atomic_size_t asked;
};

struct pending;

/** One image that is looked up. */
struct slot {
    struct asking asking;
    struct pending *pending;
    struct decision *decision;
    bool known;
    /* under the lock until the review is `answered`; nothing else of an asking that is not back may
     * be read that look-ups write */
    const struct kept_lookup *found;
    bool shared;
};

struct pending {
    struct admission *admission;
    struct exchange *exchange;
    enum metrics_path path;
    const struct generation *generation;
    struct review review;
    struct decisions decisions;
    struct pull_source secrets; /* of the Pod; in use as long as an asking is */
    bool has_secrets;
    int64_t began; /* clock_micros() */
    struct deadline deadline;
    struct slot *slots;
    size_t n_slots;
    /* under the admission's lock */
    size_t missing;
    size_t refs;
    bool answered; /* by somebody, who alone goes on with it; nobody adds what was found any more */
};

/** NULL: no memory. The generation is held. */
struct pending *pending_new(struct admission *a, struct exchange *exchange, enum metrics_path path,
                            struct err *err);

/** It was not shared with anybody: free it. */
void pending_free(struct pending *p);

/** Take what is kept; answer at once, or ask and answer when all is known or the time is over.
 * Gives `p` and its exchange up. */
void pending_run(struct pending *p);

/** There is no answer: overloaded, or short of memory. The client is to come again. */
void pending_refuse(struct exchange *exchange, const struct err *why);

#endif
