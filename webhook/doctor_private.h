#ifndef BULLA_WEBHOOK_DOCTOR_PRIVATE_H
#define BULLA_WEBHOOK_DOCTOR_PRIVATE_H

#include "webhook/doctor.h"

/* Shared by the files that make up doctor.h; nobody else includes it. */

enum check_result { CHECK_OK = 0, CHECK_WARN, CHECK_FAIL };

/** One examination. */
struct doctor {
    const struct doctor_options *options;
    int64_t now;                   /* seconds */
    struct tls_identity *identity; /* NULL: it could not be read */
    size_t failed;
};

/** One line: "warn certificate: ends in 3 days". Escaped here. */
void doctor_tell(struct doctor *d, enum check_result result, const char *what, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/** Webhook configurations: do they fit what serves? -1 with ERR_NOMEM. */
int doctor_config(struct doctor *d, const char *path, struct err *err) MUST_CHECK;

#endif
