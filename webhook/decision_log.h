#ifndef BULLA_WEBHOOK_DECISION_LOG_H
#define BULLA_WEBHOOK_DECISION_LOG_H

#include "webhook/decision.h"

/*
 * A line of the log for each image that was decided about, with the review's uid; none for a review
 * without images.
 */

struct decision_log {
    const struct decisions *decisions;
    const char *path;     /* "/validate" */
    int64_t total_micros; /* of the whole review, so far */
    bool allowed;         /* a line for what is allowed, too */
};

void decision_log(const struct decision_log *log);

#endif
