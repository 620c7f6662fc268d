#ifndef BULLA_BASE_ERR_H
#define BULLA_BASE_ERR_H

#include "base/cleanup.h"

/* What the caller can do about it. Closed; the table in err.c maps each to its name and exit
 * status. */
enum err_code {
    ERR_NONE = 0,
    ERR_DENIED,      /* policy says no */
    ERR_INVALID,     /* a signature or digest does not match; a denial is a verdict, so as an error:
                        exit 3 */
    ERR_USAGE,       /* the command line is wrong */
    ERR_CONFIG,      /* a policy, key or configuration file is wrong */
    ERR_UNSUPPORTED, /* well formed, but of a kind that is not handled */
    ERR_MALFORMED,   /* bytes are not what they claim to be */
    ERR_LIMIT,       /* larger than is accepted */
    ERR_IO,          /* files */
    ERR_NETWORK,     /* could not be reached, 5xx, TLS */
    ERR_NOT_FOUND,   /* a definite "not there" */
    ERR_RATE_LIMITED, /* 429 */
    ERR_DEADLINE,     /* time ran out */
    ERR_AUTH,         /* 401, 403, credentials */
    ERR_CONFLICT,     /* somebody else changed it, or it may not be overwritten */
    ERR_NOMEM,
    ERR_CRYPTO,   /* the cryptographic library failed: could not decide */
    ERR_INTERNAL, /* a defect of ours */
    ERR_CODES     /* number of codes */
};

#define ERR_TEXT_MAX 512

/**
 * One error, on the caller's stack. The text is written right-aligned in its array, so that context
 * can be put in front without moving it; when it is full the outermost context is lost, never the
 * cause.
 */
struct err {
    enum err_code code;
    int sys; /* errno at the cause, or 0 */
    unsigned short start;
    char text[ERR_TEXT_MAX];
};

#define ERR_INIT                                                                                   \
    {                                                                                              \
        .code = ERR_NONE, .sys = 0, .start = ERR_TEXT_MAX - 1, .text = { 0 }                       \
    }

/** Set the error: always at the cause. Returns -1, so that a failure is one statement. `e` may be
 * NULL. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/** Set from `sys` (an errno value): the text ends with ": <strerror>". Returns -1. */
int err_sys(struct err *e, enum err_code code, int sys, const char *fmt, ...) PRINTF_LIKE(4, 5);

/** Put "<fmt>: " in front of the text. Code and cause stay. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** Back to "no error". */
void err_reset(struct err *e);

/** The message, "" when there is none. Borrowed from `e`. */
const char *err_text(const struct err *e);

/** The code's word ("not-found"), for logs and tests. */
const char *err_name(enum err_code code);

/** The exit status that a command which ends with this code reports: 1, 2 or 3 (architecture.md,
 * "Exit codes"). */
int err_exit(enum err_code code);

#endif
