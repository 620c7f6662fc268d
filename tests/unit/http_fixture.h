#ifndef BULLA_TESTS_HTTP_FIXTURE_H
#define BULLA_TESTS_HTTP_FIXTURE_H

/* The scripted server with its paths, and a transport that may talk to it. */
#include "tests/unit/http_server.h"

#include "base/clock.h"
#include "base/http.h"
#include "base/limits.h"

/* ---- what the server does ---- */

static inline bool shut(struct conn *conn)
{
    (void)conn;
    return false;
}

static inline bool hang(struct conn *conn)
{
    char c = 0;

    return conn_read(conn, &c, 1) == 1; /* until the client or the test gives up */
}

static inline bool drip(struct conn *conn)
{
    for (int i = 0; i < 200 && !conn->server->stopping; i++) {
        conn_text(conn, "x");
        usleep(50000);
    }
    return false;
}

static inline bool answer_nth(struct conn *conn, const char *first)
{
    conn_text(conn, conn->nth == 0 ? first : "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    return true;
}

static inline bool busy_once(struct conn *conn)
{
    return answer_nth(conn, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
}

static inline bool limit_once(struct conn *conn)
{
    return answer_nth(
        conn, "HTTP/1.1 429 Slow\r\nRetry-After: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: "
              "0\r\n\r\n");
}

static inline bool limit_second(struct conn *conn)
{
    return answer_nth(conn, "HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
}

static inline bool drop_once(struct conn *conn)
{
    if (conn->nth == 0)
        return conn_reset(conn);
    return answer_nth(conn, "");
}

static inline bool break_once(struct conn *conn)
{
    conn_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    if (conn->nth == 0)
        return false;
    conn_text(conn, "llo");
    return true;
}

static inline bool elsewhere(struct conn *conn)
{
    char text[256];

    snprintf(text, sizeof(text), "HTTP/1.1 307 There\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             conn->server->elsewhere);
    conn_text(conn, text);
    return true;
}

static inline bool big_chunks(struct conn *conn)
{
    char piece[4096];

    memset(piece, 'x', sizeof(piece));
    for (int i = 0; i < 64; i++) {
        conn_text(conn, "1000\r\n");
        conn_send(conn, piece, sizeof(piece));
        conn_text(conn, "\r\n");
    }
    conn_text(conn, "0\r\n\r\n");
    return true;
}

static inline bool slow(struct conn *conn)
{
    usleep(5000);
    conn_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    return true;
}

static inline bool many_headers(struct conn *conn)
{
    conn_text(conn, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 70; i++) {
        char line[1100];
        memset(line, 'v', sizeof(line));
        int n = snprintf(line, 16, "X-%d: ", i);
        line[n] = 'v';
        memcpy(line + 1024, "\r\n", 2);
        conn_send(conn, line, 1026);
    }
    conn_text(conn, "Content-Length: 0\r\n\r\n");
    return true;
}

static inline bool reset_now(struct conn *conn)
{
    usleep(20000); /* let the bytes before the reset arrive */
    return conn_reset(conn);
}

#define TEXT(status, headers, body) "HTTP/1.1 " status "\r\n" headers "\r\n" body
static const struct route routes[] = {
    { "/ok", NULL,
      TEXT("200 OK",
           "X-One: first\r\nx-one:second\r\nEmpty:\r\n folded: no\r\nContent-Length: 5\r\n",
           "hello") },
    { "/slow", slow, NULL },
    { "/hang", hang, NULL },
    { "/hang-body", hang, TEXT("200 OK", "Content-Length: 5\r\n", "he") },
    { "/cut-header", reset_now, "HTTP/1.1 200 O" },
    { "/reset-body", reset_now, TEXT("200 OK", "Content-Length: 100\r\n", "0123456789") },
    { "/stop", shut, TEXT("200 OK", "Content-Length: 100\r\n", "0123456789") },
    { "/nothing", shut, NULL },
    { "/drip", drip, TEXT("200 OK", "Content-Length: 1000\r\n", "") },
    { "/more", shut, TEXT("200 OK", "Content-Length: 5\r\n", "hello world") },
    { "/no-length", shut, TEXT("200 OK", "Connection: close\r\n", "hello") },
    { "/loop", NULL, TEXT("302 Found", "Location: /loop\r\nContent-Length: 0\r\n", "") },
    { "/hop", NULL, TEXT("301 Moved", "Location: ok\r\nContent-Length: 0\r\n", "") },
    { "/hop-307", NULL, TEXT("307 Moved", "Location: ok\r\nContent-Length: 0\r\n", "") },
    { "/file", NULL,
      TEXT("302 Found", "Location: file:///etc/passwd\r\nContent-Length: 0\r\n", "") },
    { "/user", NULL,
      TEXT("302 Found", "Location: http://a:b@127.0.0.1/\r\nContent-Length: 0\r\n", "") },
    { "/elsewhere", elsewhere, NULL },
    { "/no-location", NULL, TEXT("302 Found", "Content-Length: 0\r\n", "") },
    { "/limited", NULL, TEXT("429 Slow", "Retry-After: 100000\r\nContent-Length: 4\r\n", "slow") },
    { "/limit-once", limit_once, NULL },
    { "/limit-second", limit_second, NULL },
    { "/busy", NULL, TEXT("503 Busy", "Retry-After: 3600\r\nContent-Length: 4\r\n", "busy") },
    { "/busy-once", busy_once, NULL },
    { "/drop-once", drop_once, NULL },
    { "/break-once", break_once, NULL },
    { "/unauthorized", NULL,
      TEXT("401 No",
           "WWW-Authenticate: Bearer realm=\"a\"\r\nWWW-Authenticate: Basic\r\n"
           "Content-Length: 2\r\n",
           "no") },
    { "/chunks", big_chunks, TEXT("200 OK", "Transfer-Encoding: chunked\r\n", "") },
    { "/error-chunks", big_chunks, TEXT("404 No", "Transfer-Encoding: chunked\r\n", "") },
    { "/gzip", NULL, TEXT("200 OK", "Content-Encoding: gzip\r\nContent-Length: 5\r\n", "hello") },
    { "/headers", many_headers, NULL },
    { "/not-http", shut, "SSH-2.0-none\r\n" },
    { "/created", NULL, TEXT("201 Created", "Location: /x\r\nContent-Length: 3\r\n", "yes") },
    { "/interim", NULL,
      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" TEXT("200 OK", "Content-Length: 5\r\n",
                                                            "hello") },
    /* As a proxy. */
    { "asks.test:443", NULL,
      TEXT("407 Who", "Proxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0\r\n", "") },
    { "forbids.test:443", NULL, TEXT("403 No", "Content-Length: 0\r\n", "") },
    { "fails.test:443", NULL, TEXT("502 Bad", "Content-Length: 0\r\n", "") },
    { "shuts.test:443", shut, NULL },
    { "/trailer", NULL,
      TEXT("200 OK", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n") },
};

/* ---- harness ---- */

struct fixture {
    struct server server;
    struct http *http;
    struct http_options options;
    int asked;
    int parallel;
    bool private_address;
    bool refuse_host;
    atomic_int observed;
};

static inline int host_settings(void *context, struct http_host *out, const char *host,
                                struct err *err)
{
    struct fixture *f = context;

    (void)host;
    f->asked++;
    if (f->refuse_host)
        return err_set(err, ERR_CONFIG, "half a client certificate");
    out->plain_http = true;
    out->parallel = f->parallel;
    out->private_address = f->private_address;
    return 0;
}

static inline void observe(void *context, const char *method, const char *url, long status,
                           int64_t micros)
{
    struct fixture *f = context;

    (void)status;
    assert_true(micros >= 0);
    assert_true(strlen(method) >= 3);
    assert_null(strchr(url, '?'));
    atomic_fetch_add(&f->observed, 1);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = ERR_INIT;

    assert_non_null(f);
    server_start(&f->server, routes, ARRAY_LEN(routes), NULL);
    f->options = (struct http_options) {
        .user_agent = "bulla-test", .host = host_settings, .observe = observe, .context = f
    };
    assert_int_equal(http_new(&f->http, &f->options, &err), 0);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    http_free(f->http);
    server_stop(&f->server);
    free(f);
    return 0;
}

/* The transport again, with f->options as they are now. */
static inline void renew(struct fixture *f)
{
    struct err err = ERR_INIT;

    http_free(f->http);
    assert_int_equal(http_new(&f->http, &f->options, &err), 0);
}

static inline const char *url_of(const struct fixture *f, const char *path)
{
    static _Thread_local char text[8][128];
    static _Thread_local unsigned turn;
    char *out = text[turn++ % 8];

    snprintf(out, sizeof(text[0]), "http://127.0.0.1:%u%s", f->server.port, path);
    return out;
}

static inline struct http_request request_of(const struct fixture *f, const char *path)
{
    return (struct http_request) {
        .url = url_of(f, path), .follow = HTTP_FOLLOW_ANY, .max_body = 64 * KIB, .expect_length = -1
    };
}

static inline void get(struct fixture *f, struct http_request *request, int64_t ms)
{
    http_fetch(f->http, request, 1, clock_deadline(ms));
}

static inline void assert_err(const struct http_request *request, enum err_code code,
                              const char *word)
{
    if (request->err.code != code || (word != NULL && !strstr(err_text(&request->err), word)))
        fail_msg("%s: expected %s with '%s', have %s: %s", request->url, err_name(code),
                 word == NULL ? "" : word, err_name(request->err.code), err_text(&request->err));
}

static inline void assert_hello(const struct http_request *request)
{
    assert_err(request, ERR_NONE, NULL);
    assert_int_equal(request->status, 200);
    assert_string_equal(buf_text(&request->response_body), "hello");
}

#endif
