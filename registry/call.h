#ifndef BULLA_REGISTRY_CALL_H
#define BULLA_REGISTRY_CALL_H

#include "registry/registries_private.h"

/* Calls to one repository of one host, with the authentication that they turn out to need. */

/** A repository on a host: the original, or a mirror of it. */
struct endpoint {
    struct registries *registries;
    char *host;                             /* as in references: whose credentials are used */
    const char *wire;                       /* the host to connect to */
    char *repository;                       /* "": the registry itself, for its catalogue */
    bool elsewhere;                         /* not named on the command line */
    const struct credential_source *source; /* asked before the configured credentials, or NULL */

    pthread_mutex_t lock;
    bool credential_known;
    struct credential credential;
    char identity[2 * HASH_MAX + 1]; /* hash of the credential, for the token cache */
};

int endpoint_init(struct endpoint *e, struct registries *r, const char *host,
                  const char *repository, struct err *err) MUST_CHECK;
void endpoint_clear(struct endpoint *e);
int endpoint_credential(const struct credential **out, struct endpoint *e,
                        struct err *err) MUST_CHECK;
/** "https://host/v2/repository/" + path (of the registry itself "https://host/v2/" + path),
 * appended. Settles http or https. */
int endpoint_url(struct buf *out, struct endpoint *e, const char *path, struct err *err) MUST_CHECK;

#define CALL_HEADERS_MAX 6

/** One request. call_init(), then call_url() or a whole URL in `url`; call_clear() afterwards. */
struct call {
    struct http_request http; /* the result; url and headers are filled in on sending */
    struct buf url;
    struct http_header headers[CALL_HEADERS_MAX];
    size_t n_headers;
    const char *actions; /* of the scope: "pull", "pull,push" */
    const char *from;    /* a second repository to pull from, or NULL */
    char text[128];      /* for a header's value that must live as long */

    struct secret *authorization; /* header value with its NUL, or NULL */
    char *token_key;              /* of the cached token in it, or NULL */
    bool anonymous;               /* there are no credentials for this registry */
};

#define CALL_NONE                                                                                  \
    {                                                                                              \
        .n_headers = 0                                                                             \
    }

void call_init(struct call *c, enum http_method method, const char *actions);
int call_url(struct call *c, struct endpoint *e, struct err *err, const char *fmt, ...)
    PRINTF_LIKE(4, 5) MUST_CHECK;
void call_header(struct call *c, const char *name, const char *value);
void call_clear(struct call *c);

/**
 * Send n calls together and wait for all. A 401 is answered once: one token is asked for per scope,
 * and only the calls that need it are sent again. Each call has its own result in `http`; ERR_AUTH
 * there says why a challenge could not be answered.
 */
void calls_send(struct endpoint *e, struct call *calls, size_t n, int64_t deadline);

/** One call, where it fails with err set when no answer came. */
int call_send(struct endpoint *e, struct call *c, int64_t deadline, struct err *err) MUST_CHECK;

/** The error of an answer that is not the wanted one: "HOST: WHAT: HTTP 404: CODE: message".
 * Returns -1. */
int call_error(const struct call *c, const struct endpoint *e, const char *what, struct err *err);

/* auth.c, for call.c */

/** Put in front what is known to be wanted: Basic credentials, or a cached token. */
int auth_prepare(struct call *c, struct endpoint *e, struct err *err) MUST_CHECK;
/** After a 401: *again says that the call has a new authorization. -1 with the reason. */
int auth_answer(struct call *c, struct endpoint *e, bool *again, int64_t deadline,
                struct err *err) MUST_CHECK;

/* token_fetch.c, for auth.c */

/** What is asked of a token server. */
struct token_request {
    const char *realm;
    const char *service;      /* or NULL */
    const char *scope;        /* ours */
    const char *other_scope;  /* the challenge's, or NULL */
    const char *registry_url; /* the call's */
    int64_t deadline;
};
struct token_grant {
    struct secret *token; /* owned by the caller */
    int64_t lifetime;     /* milliseconds */
};
int token_fetch(struct token_grant *out, struct endpoint *e, const struct token_request *q,
                struct err *err) MUST_CHECK;
/** "Basic base64(user:password)" with its NUL. */
int basic_header(struct secret **out, const struct credential *c, struct err *err) MUST_CHECK;

#endif
