#ifndef BULLA_BASE_HTTP_H
#define BULLA_BASE_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * HTTP over libcurl: one multi handle on one thread of its own. Callers submit one or several
 * requests and wait for all of them; each request carries its own result. Redirects are followed
 * here, by our rules; authentication is not known here (registry/ adds headers).
 */

/** How one host and port is reached. Constant for the life of the transport. */
struct http_host {
    bool plain_http;      /* http:// URLs are allowed; without it they are refused */
    bool private_address; /* may resolve to loopback, link-local or private addresses where those
                             are refused */
    bool insecure;        /* certificate is not checked */
    int parallel;         /* requests in flight; 0: HTTP_PARALLEL_OTHER */
    const char *ca_pem;   /* certificates added to the system's (file content), or NULL */
    bool ca_alone;        /* they are not added: nothing but them is trusted */
    const char *cert_file, *key_file; /* client certificate, or NULL */
};

struct http_options {
    const char *user_agent;
    bool refuse_private; /* non-public addresses are refused at the socket unless the host says
                            private_address */
    int connect_ms;      /* 0: 10 s */
    int attempts;        /* 0: HTTP_ATTEMPTS_MAX */
    /** Settings of "host[:port]" (lower case, default ports left out); asked once per host, on a
     * caller's thread; strings are borrowed for the life of the transport. NULL: all hosts have the
     * defaults. */
    int (*host)(void *context, struct http_host *out, const char *host, struct err *err);
    void *context;
    /** Told of every wire exchange as it ends (tries and redirects too), on the transport thread;
     * `url` without its query. May be NULL. */
    void (*observe)(void *context, const char *method, const char *url, long status,
                    int64_t micros);
};

struct http;
int http_new(struct http **out, const struct http_options *options, struct err *err) MUST_CHECK;
void http_free(struct http *http); /* no request may be under way */
void http_freep(struct http **http);

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_PUT, HTTP_POST, HTTP_PATCH, HTTP_DELETE };

enum http_follow {
    HTTP_FOLLOW_NEVER,  /* a redirect is the result */
    HTTP_FOLLOW_ORIGIN, /* same scheme, host and port only; another target is the result */
    HTTP_FOLLOW_ANY     /* GET and HEAD: any https host (http only from http); on the first hop to
                           another origin all headers but Accept and Range are dropped for ever, as is a
                           client certificate. The other methods follow 307 and 308 inside their origin
                           only (HTTP_FOLLOW_ORIGIN too) */
};

struct http_header {
    const char *name;
    const char *value;
};

/** One request and its result. Set the first group, zero the rest; http_request_clear() afterwards.
 */
struct http_request {
    enum http_method method;
    const char *url;                   /* absolute, http or https, no user information */
    const struct http_header *headers; /* "Authorization" among them is bound to the URL's origin */
    size_t n_headers;
    struct bytes body; /* sent from memory: not copied, must live until the fetch returns */
    int body_fd;       /* or, when body_length >= 0 and use_fd: sent from this file's offset 0 */
    int64_t body_length;
    bool use_fd;
    enum http_follow follow;
    bool no_retry;   /* one try only (password grants, non-idempotent posts) */
    size_t max_body; /* ceiling on the body of a 2xx answer; others are cut at ERROR_BODY_MAX, and
                        so is, where this is 0, the answer to all but GET */
    int64_t expect_length; /* -1: unknown. A body of another length is ERR_INVALID */
    /** Where a 2xx body goes instead of `response_body`, piece by piece on the transport thread; -1
     * aborts (with err). Never called again after a retry without restart() first. */
    int (*sink)(void *context, struct bytes piece, struct err *err);
    int (*restart)(void *context, struct err *err);
    void *sink_context;

    /* The result. */
    struct err
        err;     /* ERR_NONE: an answer came (of any status). ERR_NETWORK, ERR_DEADLINE, ERR_LIMIT,
                    ERR_RATE_LIMITED (the last answer was 429: status is set too), ERR_INVALID,
                    ERR_MALFORMED, ERR_IO, ERR_NOMEM, or what options.host and sink reported */
    long status; /* of the last answer, 0 when none or when err says otherwise */
    struct buf response_body; /* its max is set by http_fetch from max_body */
    struct buf
        response_headers; /* "name: value\n" lines, names in lower case, of the last answer */
    char *effective_url;  /* after redirects */
    int64_t retry_after;  /* seconds, or -1 */
};

/**
 * Submit n requests together and wait for all. Blocking; any thread.
 *
 * @param deadline  on clock_millis(); what has not answered by then ends with ERR_DEADLINE, the
 * others keep their results. Retries (connection failures, 408 425 429 500 502 503 504, GET HEAD
 * PUT DELETE always, POST and PATCH only when nothing was received; exponential with full jitter,
 * Retry-After honoured up to 5 minutes) stay inside it: a wait that would end past the deadline is
 * not begun.
 */
void http_fetch(struct http *http, struct http_request *requests, size_t n, int64_t deadline);

/** Value of a response header; `nth` counts repeated ones from 0. BYTES_NONE when absent. */
struct bytes http_header(const struct http_request *request, const char *name, size_t nth);

void http_request_clear(struct http_request *request); /* what the result owns */

/** Scheme, host (lower case) and effective port equal? False for anything that does not parse. */
bool http_same_origin(const char *a, const char *b);

/** `location` resolved against `base` (RFC 3986), into `out`. -1 with ERR_MALFORMED: not http(s),
 * user information, longer than URL_MAX. */
int http_resolve(struct buf *out, const char *base, struct bytes location,
                 struct err *err) MUST_CHECK;

/** "host[:port]" of a URL in lower case, default port left out, appended. */
int http_url_host(struct buf *out, const char *url, struct err *err) MUST_CHECK;

/** Percent-encode for a query or path segment (unreserved characters stay), appended. */
void http_escape(struct buf *out, struct bytes text);

/** Wire exchanges so far (tries and redirects counted), for --debug and benchmarks. */
uint64_t http_exchanges(const struct http *http);

#endif
