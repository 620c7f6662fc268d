#ifndef BULLA_EVIDENCE_REASON_H
#define BULLA_EVIDENCE_REASON_H

#include <stdbool.h>

#include "base/mem.h"

/*
 * Why an image is not allowed, or why a piece of evidence did not become a fact. One closed list;
 * the same word appears in text, JSON, metrics, audit annotations and documentation.
 */
enum reason_code {
    REASON_NONE = 0,
    /* the image's owner can mend it */
    REASON_UNSIGNED,
    REASON_WRONG_SIGNER,
    REASON_WRONG_SUBJECT,
    REASON_WRONG_TYPE,
    REASON_BAD_SIGNATURE,
    REASON_EXPIRED,
    REASON_NOT_YET_VALID,
    REASON_TOO_FEW,
    REASON_CHECK_FAILED,
    REASON_FLOOR,
    REASON_NO_RULE,
    REASON_NOT_A_DIGEST,
    REASON_UNTRUSTED_LOG,
    REASON_UNTRUSTED_TIME,
    REASON_REVOKED,
    REASON_UNSUPPORTED,
    REASON_DENIED_BY_RULE,
    REASON_WRONG_ANNOTATION,
    REASON_WRONG_REPOSITORY,
    /* it could not be found out */
    REASON_NOT_FOUND,
    REASON_REGISTRY_AUTH,
    REASON_REGISTRY_UNREACHABLE,
    REASON_RATE_LIMITED,
    REASON_DEADLINE,
    REASON_TOO_LARGE,
    REASON_MALFORMED,
    REASON_CODES /* number of codes */
};

/** The word, e.g. "wrong-signer"; "none" for REASON_NONE. */
const char *reason_name(enum reason_code code);

/** Does the code say that it could not be found out? `malformed` does for an image; of evidence it
 * is a reason only. */
bool reason_is_unknown(enum reason_code code);

/** What an error of fetching something means for a verdict: always one of the "could not be found
 * out" codes. */
enum reason_code reason_of_error(enum err_code code);

/** One reason, about one piece of evidence. Texts live in the arena of the list's owner. */
struct reason {
    enum reason_code code;
    const char *where; /* "sha256-….sig, layer 2" */
    const char *text;  /* in words for the person who must mend it */
};

struct reason_list {
    struct reason *items; /* in an arena */
    size_t n;
    size_t cap;
};

/** Append a copy, its texts copied into the arena. -1 with ERR_LIMIT, ERR_NOMEM. */
int reason_add(struct reason_list *list, struct arena *arena, const struct reason *reason,
               struct err *err) MUST_CHECK;

#endif
