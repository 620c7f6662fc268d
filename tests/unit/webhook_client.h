#ifndef BULLA_TESTS_UNIT_WEBHOOK_CLIENT_H
#define BULLA_TESTS_UNIT_WEBHOOK_CLIENT_H

/* A client that can behave badly, and a server with its handlers, for the tests of webhook/server.
 * Included after cmocka.h. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "tests/unit/expect.h"
#include "webhook/server.h"

#define PATIENCE_MS 10000 /* a test that waits longer has failed */

static inline void pause_ms(int64_t ms)
{
    usleep((useconds_t)(ms * 1000));
}

/* --- Client --- */

struct client {
    int fd;
    SSL *ssl;
};

static inline int connect_to(unsigned port)
{
    const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static inline struct client client_plain(unsigned port)
{
    return (struct client) { .fd = connect_to(port) };
}

/* ssl is NULL when the handshake failed. */
static inline struct client client_tls(unsigned port, SSL_CTX *context)
{
    struct client c = { .fd = connect_to(port) };

    c.ssl = SSL_new(context);
    SSL_set_fd(c.ssl, c.fd);
    ERR_clear_error();
    if (SSL_connect(c.ssl) != 1) {
        SSL_free(c.ssl);
        c.ssl = NULL;
    }
    return c;
}

static inline void client_close(struct client *c)
{
    SSL_free(c->ssl);
    if (c->fd >= 0)
        close(c->fd);
    *c = (struct client) { .fd = -1 };
}

static inline bool client_send(struct client *c, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n =
            c->ssl != NULL ? SSL_write(c->ssl, at, (int)len) : send(c->fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool client_text(struct client *c, const char *text)
{
    return client_send(c, text, strlen(text));
}

/* 0 at the end, also when the other side resets. */
static inline size_t client_read(struct client *c, void *to, size_t room)
{
    ssize_t n = c->ssl != NULL ? SSL_read(c->ssl, to, (int)room) : recv(c->fd, to, room, 0);

    return n > 0 ? (size_t)n : 0;
}

struct reply {
    int status;      /* 0: the connection ended without one */
    struct buf head; /* with the status line */
    struct buf body;
};

static inline void reply_clear(struct reply *r)
{
    buf_clear(&r->head);
    buf_clear(&r->body);
}

static inline void client_reply(struct client *c, struct reply *r, bool head_only)
{
    char byte = 0;
    char piece[4096];

    *r = (struct reply) { .head = BUF_INIT(MIB), .body = BUF_INIT(64 * MIB) };
    while (r->head.len < 4 || strcmp(buf_text(&r->head) + r->head.len - 4, "\r\n\r\n") != 0) {
        if (client_read(c, &byte, 1) != 1)
            return;
        buf_add_char(&r->head, byte);
    }
    r->status = atoi(buf_text(&r->head) + strlen("HTTP/1.1 "));
    const char *field = strcasestr(buf_text(&r->head), "\r\nContent-Length: ");
    size_t left = field == NULL || head_only ? 0 : strtoul(field + 18, NULL, 10);
    while (left > 0) {
        size_t n = client_read(c, piece, left < sizeof(piece) ? left : sizeof(piece));
        assert_true(n > 0);
        buf_add(&r->body, piece, n);
        left -= n;
    }
}

/* Send, and expect an answer of this status whose body holds `word`. */
static inline void expect_reply(struct client *c, const char *request, int status, const char *word)
{
    struct reply r;

    assert_true(client_text(c, request));
    client_reply(c, &r, strncmp(request, "HEAD", 4) == 0);
    if (r.status != status || strstr(buf_text(&r.body), word) == NULL)
        fail_msg("%.40s...: expected %d with '%s', have %d with '%s'", request, status, word,
                 r.status, buf_text(&r.body));
    reply_clear(&r);
}

/* Did the server end the connection within PATIENCE_MS? Milliseconds that it took, or -1. */
static inline int64_t until_closed(struct client *c)
{
    int64_t start = clock_millis();
    struct pollfd fd = { .fd = c->fd, .events = POLLIN };
    char piece[4096];

    while (clock_millis() - start < PATIENCE_MS) {
        if (poll(&fd, 1, 100) > 0 && recv(c->fd, piece, sizeof(piece), 0) <= 0)
            return clock_millis() - start;
    }
    return -1;
}

/* --- Server --- */

#define KEPT_MAX 4096

/* What the handlers share. */
struct handling {
    pthread_mutex_t lock;
    struct exchange *kept[KEPT_MAX];
    size_t n_kept;
    atomic_int handled;
    char token[64]; /* "": none is wanted */
};

static inline void answer_text(struct exchange *x, const char *text)
{
    struct buf body = BUF_INIT(MIB);

    buf_add_text(&body, text);
    exchange_answer(x, 200, "text/plain", &body, -1);
}

static inline void handle_hello(void *context, struct exchange *x)
{
    atomic_fetch_add(&((struct handling *)context)->handled, 1);
    answer_text(x, "hello");
}

static inline void handle_empty(void *context, struct exchange *x)
{
    struct buf none = BUF_INIT(0);

    atomic_fetch_add(&((struct handling *)context)->handled, 1);
    exchange_answer(x, 200, "text/plain", &none, -1);
}

static inline void handle_busy(void *context, struct exchange *x)
{
    struct buf none = BUF_INIT(0);

    (void)context;
    exchange_answer(x, 503, "text/plain", &none, 7);
}

/* An answer that did not fit its buffer. */
static inline void handle_cut(void *context, struct exchange *x)
{
    struct buf body = BUF_INIT(4);

    (void)context;
    buf_add_text(&body, "allow");
    exchange_answer(x, 200, "text/plain", &body, -1);
}

static inline void handle_echo(void *context, struct exchange *x)
{
    struct buf body = BUF_INIT(64 * MIB);

    atomic_fetch_add(&((struct handling *)context)->handled, 1);
    buf_add_bytes(&body, exchange_body(x));
    exchange_answer(x, 200, "application/octet-stream", &body, -1);
}

static inline void handle_query(void *context, struct exchange *x)
{
    const char *value = exchange_query(x, "timeout");
    char text[256];

    (void)context;
    snprintf(text, sizeof(text), "[%s] %s", value == NULL ? "none" : value, exchange_path(x));
    answer_text(x, text);
}

static inline void handle_type(void *context, struct exchange *x)
{
    char text[256];

    (void)context;
    snprintf(text, sizeof(text), "[%s]", exchange_content_type(x));
    answer_text(x, text);
}

/* Answered by answer_kept(). */
static inline void handle_keep(void *context, struct exchange *x)
{
    struct handling *h = context;

    pthread_mutex_lock(&h->lock);
    assert_true(h->n_kept < KEPT_MAX);
    h->kept[h->n_kept++] = x;
    pthread_mutex_unlock(&h->lock);
}

static inline void *answer_body(void *x)
{
    struct bytes body = exchange_body(x);
    char text[128];

    snprintf(text, sizeof(text), "%.*s", (int)(body.len < 100 ? body.len : 100),
             (const char *)body.data);
    answer_text(x, text);
    return NULL;
}

/* Another thread answers, while or after the handler returns. */
static inline void handle_race(void *context, struct exchange *x)
{
    pthread_attr_t detached;
    pthread_t thread;

    (void)context;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    assert_int_equal(pthread_create(&thread, &detached, answer_body, x), 0);
    pthread_attr_destroy(&detached);
}

/* Another thread answers before the handler returns. */
static inline void handle_first(void *context, struct exchange *x)
{
    pthread_t thread;

    (void)context;
    assert_int_equal(pthread_create(&thread, NULL, answer_body, x), 0);
    pthread_join(thread, NULL);
}

static inline size_t kept(struct handling *h)
{
    pthread_mutex_lock(&h->lock);
    size_t n = h->n_kept;
    pthread_mutex_unlock(&h->lock);
    return n;
}

static inline void await_kept(struct handling *h, size_t n)
{
    int64_t end = clock_deadline(PATIENCE_MS);

    while (kept(h) < n && clock_millis() < end)
        pause_ms(2);
    assert_int_equal(kept(h), n);
}

static inline void answer_kept(struct handling *h)
{
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->n_kept; i++)
        answer_body(h->kept[i]);
    h->n_kept = 0;
    pthread_mutex_unlock(&h->lock);
}

static inline bool token_is(void *context, struct bytes token)
{
    const struct handling *h = context;

    return *h->token == 0 || bytes_is(token, h->token);
}

static const struct server_route handling_routes[] = {
    { "/hello", "GET", ACCESS_OPEN, handle_hello },
    { "/empty", "GET", ACCESS_OPEN, handle_empty },
    { "/busy", "GET", ACCESS_OPEN, handle_busy },
    { "/cut", "GET", ACCESS_OPEN, handle_cut },
    { "/echo", "POST", ACCESS_OPEN, handle_echo },
    { "/query", "POST", ACCESS_OPEN, handle_query },
    { "/type", "POST", ACCESS_OPEN, handle_type },
    { "/keep", "POST", ACCESS_OPEN, handle_keep },
    { "/race", "POST", ACCESS_OPEN, handle_race },
    { "/first", "POST", ACCESS_OPEN, handle_first },
    { "/caller", "POST", ACCESS_CALLER, handle_echo },
    { NULL, NULL, ACCESS_OPEN, NULL },
};

#define TEST_BODY_MAX (64 * KIB)

static inline struct server_options handling_options(struct handling *h)
{
    return (struct server_options) { .listen = "127.0.0.1:0",
                                     .routes = handling_routes,
                                     .context = h,
                                     .threads = 2,
                                     .max_body = TEST_BODY_MAX,
                                     .max_memory = MIB,
                                     .token_is = token_is };
}

static inline struct server *start(const struct server_options *options)
{
    struct server *server = NULL;
    struct err err = ERR_INIT;

    EXPECT_OK(server_start(&server, options, &err), &err);
    assert_true(server_port(server) > 0);
    return server;
}

static inline struct server_state state_of(struct server *server)
{
    struct server_state state;

    server_state(&state, server);
    return state;
}

static inline void await_connections(struct server *server, unsigned n)
{
    int64_t end = clock_deadline(PATIENCE_MS);

    while (state_of(server).connections != n && clock_millis() < end)
        pause_ms(2);
    assert_int_equal(state_of(server).connections, n);
}

#endif
