#ifndef BULLA_WEBHOOK_SERVER_H
#define BULLA_WEBHOOK_SERVER_H

#include "base/bytes.h"
#include "webhook/tls.h"

/*
 * HTTPS by libmicrohttpd: bodies, ceilings, access, answers now or later. The only file that meets
 * libmicrohttpd. It knows nothing of reviews.
 *
 * HTTP/1.1. A body needs a Content-Length (411); above `max_body` it is refused before it is read
 * (413), and so it is when the bodies of all requests would need more than `max_memory` (503).
 */

struct server;
struct exchange; /* one request and its answer */

enum server_access {
    ACCESS_OPEN,  /* probes, metrics */
    ACCESS_CALLER /* who calls must show what the server demands: client certificate, token */
};

/** One path. The table ends with path NULL. */
struct server_route {
    const char *path;
    const char *method; /* "GET" (HEAD too) or "POST" */
    enum server_access access;
    /** Called once the body is there, on a serving thread, which must not wait: answer now, or keep
     * the exchange and answer later from any thread. Exactly one exchange_answer() for each. */
    void (*handle)(void *context, struct exchange *exchange);
};

/** Milliseconds until a connection is shut; 0: what stands here. Bytes that trickle in buy no
 * time. */
struct server_times {
    int64_t header; /* 5 s: from accept to the end of the first header, TLS handshake included */
    int64_t body;   /* 10 s: from the end of the header to the end of the body */
    int64_t answer; /* 30 s: until the client has taken its answer */
    int64_t idle;   /* 150 s: from an answer to the end of the next header; Go's clients close after
                       90 s, and a close of ours that crosses a request would fail it */
};

/* Connections at once. Each costs about 45 KiB under TLS; an API server holds a handful. Three
 * quarters of them may come from one address: a cluster's calls may all come through one proxy, and
 * nobody else may take all. When all are taken, those that idle for a second make room. */
#define SERVER_CONNECTIONS 1024

struct server_options {
    const char *listen; /* "HOST:PORT", ":PORT" or "[::]:PORT"; port 0: any */
    struct tls *tls;    /* NULL: plain HTTP */
    const struct server_route *routes;
    void *context;        /* of handle */
    int threads;          /* 0: one for each processor, at most 4 */
    unsigned connections; /* 0: SERVER_CONNECTIONS */
    size_t max_body;      /* of one request; 0: no bodies */
    size_t max_memory;    /* of all bodies together; above it 503 with Retry-After */
    /** May a caller with this bearer token call? BYTES_NONE: it shows none; true then means that
     * none is wanted now. With ACCESS_CALLER only. NULL: no token is wanted. */
    bool (*token_is)(void *context, struct bytes token);
    struct server_times times;
};

/** `options` need not outlive the call; what they point at must outlive the server. -1 with
 * ERR_USAGE (no such form of address), ERR_CONFIG (no such host), ERR_IO (cannot listen there),
 * ERR_NOMEM. */
int server_start(struct server **out, const struct server_options *options,
                 struct err *err) MUST_CHECK;
unsigned server_port(const struct server *server);

/** No new connections; requests that have begun go on, each answer closes its connection. */
void server_drain(struct server *server);
bool server_idle(struct server *server); /* no request is under way */
/** Connections are cut; who waits for a late answer gets 503 with Retry-After. Exchanges that are
 * still held may be answered afterwards: nobody hears it. NULL is fine. */
void server_stop(struct server *server);

struct server_state {
    unsigned connections;
    size_t memory;    /* of bodies */
    uint64_t refused; /* requests that were answered without their handler */
    uint64_t cut;     /* connections that the watchdog shut */
};
void server_state(struct server_state *out, struct server *server);

/* --- One exchange --- */

const char *exchange_path(const struct exchange *x);
struct bytes exchange_body(const struct exchange *x); /* lives until the answer */
/** Value of a query argument, decoded, or NULL. Of two the first. */
const char *exchange_query(const struct exchange *x, const char *name);
const char *exchange_content_type(const struct exchange *x); /* "" when it has none */
int64_t exchange_began(const struct exchange *x); /* clock_millis() when its header was there */

/** Answer and give up the exchange. `content_type` is a literal. `body` is taken; when
 * it is not whole (its state), a 500 is sent instead. `retry_after` in seconds, -1: none. Any
 * thread, also after the client or the server has gone. */
void exchange_answer(struct exchange *x, unsigned status, const char *content_type,
                     struct buf *body, int retry_after);

#endif
