#ifndef BULLA_SIGN_ATTESTATION_H
#define BULLA_SIGN_ATTESTATION_H

#include "evidence/dsse.h"
#include "evidence/predicate.h"
#include "evidence/statement.h"
#include "sign/provenance.h"
#include "sign/target.h"

/** What is said of an image, as the command line tells it: exactly one of the first three. */
struct attestation_options {
    const char *predicate; /* file with the predicate, or "-" */
    const char *statement; /* file with a whole statement, or "-" */
    bool from_env;         /* provenance made here */
    const char *type;      /* short name or URI; NULL: told from the file */
    const char *scan_started, *scan_finished;
    struct provenance_options provenance;
    size_t max; /* bytes of one bundle or envelope */
};

/** A statement that is made about one subject after the other; its predicate is held once. */
struct attestation {
    const struct attestation_options *options;
    struct arena arena;
    struct predicate_type type; /* .uri NULL: to be told from the file */
    struct dsse_payload payload;
    bool whole; /* the statement is given as a whole */
    struct statement statement;
};

void attestation_clear(struct attestation *attestation);

/**
 * Read the file, tell its type and check it. `out` is to be cleared in either case.
 * -1 with ERR_USAGE (no source, or several; a type that is not one), ERR_CONFIG (the file is not
 * what it should be: names the JSON pointer), ERR_LIMIT, ERR_IO, ERR_NOMEM.
 */
int attestation_load(struct attestation *out, const struct attestation_options *options,
                     struct err *err) MUST_CHECK;

/** Make `payload` the statement about this subject. -1 with ERR_CONFIG: the statement given is not
 * about it; what the build environment does not tell. */
int attestation_about(struct attestation *attestation, const struct target *target,
                      const struct digest *subject, struct err *err) MUST_CHECK;

#endif
