#ifndef BULLA_REGISTRY_CHALLENGE_H
#define BULLA_REGISTRY_CHALLENGE_H

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mem.h"

enum challenge_scheme { CHALLENGE_OTHER = 0, CHALLENGE_BASIC, CHALLENGE_BEARER };

/** One challenge. Texts live in struct challenges; NULL when absent. */
struct challenge {
    enum challenge_scheme scheme;
    const char *realm;
    const char *service;
    const char *scope;
    const char *error;
    const char *error_description;
};

struct challenges {
    struct challenge list[CHALLENGES_MAX];
    size_t n;
    size_t seen; /* bytes of header values so far */
    struct arena texts;
};

#define CHALLENGES_INIT                                                                            \
    {                                                                                              \
        .n = 0, .seen = 0, .texts = ARENA_INIT(2 * CHALLENGE_MAX)                                  \
    }

/**
 * Append the challenges of one WWW-Authenticate value (call once per header line).
 *
 * @return 0, or -1 with ERR_MALFORMED, ERR_LIMIT (CHALLENGE_MAX bytes, CHALLENGES_MAX,
 * CHALLENGE_PARAMS_MAX), ERR_NOMEM; `c` keeps what it had before the call
 *
 * A challenge with a repeated parameter is left out, the others count. Values are unquoted and hold
 * no control characters.
 * Spec: RFC 9110 section 11.6.1; names and schemes fold case.
 */
int challenges_add(struct challenges *c, struct bytes value, struct err *err) MUST_CHECK;
void challenges_clear(struct challenges *c);

/** The one to answer: Bearer that has a realm, else Basic, else NULL. */
const struct challenge *challenges_best(const struct challenges *c);

#endif
