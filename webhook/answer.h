#ifndef BULLA_WEBHOOK_ANSWER_H
#define BULLA_WEBHOOK_ANSWER_H

#include "webhook/decision.h"

/*
 * The AdmissionReview that answers one (admission.md 3.3; policy.md "What a denial says").
 */

#define ANSWER_MAX (8 * MIB)    /* an answer with a patch of REVIEW_IMAGES_MAX long names */
#define ANSWER_MESSAGE_MAX 4096 /* policy.md */
#define ANSWER_CAUSES_MAX 64    /* details.causes */
#define ANSWER_RETRY_SECONDS                                                                       \
    2 /* when it could not be found out: a look-up that goes on is there                           \
       */

struct answer {
    const struct review *review;
    const struct policy *policy;
    const struct decisions *decisions;
    struct bytes patch; /* RFC 6902, of /mutate; BYTES_NONE: none */
};

/** Appended. -1 with ERR_LIMIT, ERR_NOMEM: then there is no answer. */
int answer_write(struct buf *out, const struct answer *answer, struct err *err) MUST_CHECK;

/** "production#42 (1a2b3c4d5e6f)". Appended. */
void answer_policy(struct buf *out, const struct policy *policy);

#endif
