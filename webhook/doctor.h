#ifndef BULLA_WEBHOOK_DOCTOR_H
#define BULLA_WEBHOOK_DOCTOR_H

#include "webhook/options.h"

/** What is checked beside what `webhook` itself would read. */
struct doctor_options {
    struct options read;
    const char *service;       /* "NAME.NAMESPACE.svc", or NULL */
    struct option_list config; /* files with webhook configurations */
};

/**
 * Check a configuration as it would serve: one line on standard output for each check, "ok", "warn"
 * or "fail". @return exit status: 0, or 1 when a check failed; -1 with ERR_NOMEM
 */
int doctor(const struct doctor_options *options, struct err *err) MUST_CHECK;

#endif
