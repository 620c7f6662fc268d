#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/webhook_client.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Over plain HTTP: bodies, ceilings, late answers, time limits. TLS is in test_server_tls.c. */

static struct handling handling;

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(path, length, body)                                                                   \
    "POST " path " HTTP/1.1\r\nHost: x\r\nContent-Length: " length "\r\n\r\n" body

#define MANY_X "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* --- One request --- */

struct row {
    const char *name;
    const char *request;
    int status;
    const char *word;   /* of the body */
    const char *header; /* in the head, or NULL */
    bool closes;
};

static const struct row rows[] = {
    { "GET", GET("/hello"), 200, "hello", "Content-Type: text/plain\r\n", false },
    { "HEAD", "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n", 200, "", "Content-Length: 5\r\n", false },
    { "POST", POST("/echo", "3", "abc"), 200, "abc", "Content-Length: 3\r\n", false },
    { "empty body", POST("/echo", "0", ""), 200, "", "Content-Length: 0\r\n", false },
    { "empty answer", GET("/empty"), 200, "", "Content-Length: 0\r\n", false },
    { "busy", GET("/busy"), 503, "", "Retry-After: 7\r\n", false },
    { "NUL in a body", POST("/echo", "3", "a\0b"), 200, "a", "Content-Length: 3\r\n", false },
    { "query", POST("/query?timeout=10s", "0", ""), 200, "[10s] /query", NULL, false },
    { "query, encoded", POST("/query?a=b&time%6fut=1%30s", "0", ""), 200, "[10s]", NULL, false },
    { "query, twice", POST("/query?timeout=1s&timeout=2s", "0", ""), 200, "[1s]", NULL, false },
    { "query, without value", POST("/query?timeout", "0", ""), 200, "[]", NULL, false },
    { "query, NUL in it", POST("/query?timeout=1%00s", "0", ""), 200, "[none]", NULL, false },
    { "query, another", POST("/query?timeouts=1s", "0", ""), 200, "[none]", NULL, false },
    { "query, half a code", POST("/query?timeout=%1", "0", ""), 200, "[%1]", NULL, false },
    { "query, as the API server sends it", POST("/query?timeout=30s", "2", "{}"), 200, "[30s]",
      NULL, false },
    { "content type",
      "POST /type HTTP/1.1\r\nHost: x\r\ncontent-type: a/b\r\nContent-Length: 0\r\n\r\n", 200,
      "[a/b]", NULL, false },
    { "no content type", POST("/type", "0", ""), 200, "[]", NULL, false },
    { "content type, endless",
      "POST /type HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Type: a/" MANY_X MANY_X MANY_X
      "\r\n\r\n",
      200, "[]", NULL, false },
    { "no such path", GET("/hell"), 404, "nothing", "text/plain", false },
    { "longer path", GET("/hello/"), 404, "nothing", NULL, false },
    { "no such path, body", POST("/hell", "3", "abc"), 404, "nothing", NULL, false },
    { "GET for POST", GET("/echo"), 405, "method", "Allow: POST\r\n", false },
    { "POST for GET", POST("/hello", "3", "abc"), 405, "method", "Allow: GET, HEAD\r\n", false },
    { "PUT", "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 405, "method",
      "Allow: POST\r\n", false },
    { "DELETE", "DELETE /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 405, "method",
      "Allow: POST\r\n", false },
    { "no length", "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n", 411, "Content-Length", NULL, false },
    { "chunked", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411,
      "Content-Length", NULL, true },
    { "chunked and a length",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      411, "Content-Length", NULL, true },
    { "chunked GET",
      "GET /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
      411, "Content-Length", NULL, false },
    { "two lengths",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400,
      "one Content-Length", NULL, true },
    { "length of letters", POST("/echo", "abc", ""), 400, "", NULL, true },
    { "negative length", POST("/echo", "-1", ""), 400, "", NULL, true },
    { "length with a sign", POST("/echo", "+3", ""), 400, "", NULL, true },
    { "GET with a body", "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 413,
      "too large", NULL, false },
    { "one too long", POST("/echo", "65537", ""), 413, "too large", NULL, true },
    { "far too long", POST("/echo", "9223372036854775807", ""), 413, "too large", NULL, true },
    { "waits for leave, too long",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n",
      413, "too large", NULL, true },
    { "not HTTP", "\x16\x03\x01\x02garbage\r\n\r\n", 0, "", NULL, true },
    { "no host", "GET /hello HTTP/1.1\r\n\r\n", 400, "", NULL, true },
    { "HTTP/1.0", "GET /hello HTTP/1.0\r\n\r\n", 200, "hello", NULL, true },
    { "told to close", "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, "hello",
      "Connection: close\r\n", true },
    { "an answer that is not whole", GET("/cut"), 500, "could not be written", NULL, false },
    { "open to all", POST("/caller", "3", "abc"), 200, "abc", NULL, false },
};

static void answers(void **state)
{
    const struct row *row = *state;
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client c = client_plain(server_port(server));
    struct reply r;
    bool nul = strcmp(row->name, "NUL in a body") == 0;

    assert_true(client_send(&c, row->request, strlen(row->request) + (nul ? 2 : 0)));
    client_reply(&c, &r, strncmp(row->request, "HEAD", 4) == 0);
    assert_int_equal(r.status, row->status);
    assert_non_null(strstr(buf_text(&r.body), row->word));
    if (row->header != NULL)
        assert_non_null(strstr(buf_text(&r.head), row->header));
    if (row->status != 0)
        assert_non_null(strstr(buf_text(&r.head), "\r\nDate: "));
    if (row->closes)
        assert_true(until_closed(&c) >= 0);
    else
        expect_reply(&c, GET("/hello"), 200, "hello");
    reply_clear(&r);
    client_close(&c);
    server_stop(server);
}

/* --- Addresses --- */

struct address_row {
    const char *name;
    const char *listen;
    enum err_code code;
    const char *word;
};

static const struct address_row address_rows[] = {
    { "IPv4", "127.0.0.1:0", ERR_NONE, NULL },
    { "any", ":0", ERR_NONE, NULL },
    { "IPv6", "[::1]:0", ERR_NONE, NULL },
    { "any IPv6", "[::]:0", ERR_NONE, NULL },
    { "name", "localhost:0", ERR_NONE, NULL },
    { "empty", "", ERR_USAGE, "HOST:PORT" },
    { "port alone", "8443", ERR_USAGE, "HOST:PORT" },
    { "no port", "127.0.0.1:", ERR_USAGE, "HOST:PORT" },
    { "port of letters", "127.0.0.1:https", ERR_USAGE, "HOST:PORT" },
    { "port too large", "127.0.0.1:65536", ERR_USAGE, "HOST:PORT" },
    { "bare IPv6", "::1:8443", ERR_USAGE, "[ADDRESS]:PORT" },
    { "no such host", "no.such.host.invalid:0", ERR_CONFIG, "cannot listen" },
    { "not ours", "192.0.2.1:0", ERR_IO, "cannot listen" },
};

static void listens(void **state)
{
    const struct address_row *row = *state;
    struct server_options options = handling_options(&handling);
    struct server *server = NULL;
    struct err err = ERR_INIT;

    options.listen = row->listen;
    int r = server_start(&server, &options, &err);
    if (row->code == ERR_NONE) {
        EXPECT_OK(r, &err);
        assert_true(server_port(server) > 0);
    } else {
        EXPECT_ERR(r, &err, row->code, row->word);
        assert_null(server);
    }
    server_stop(server);
}

static void a_port_is_taken_once(void **state)
{
    struct server_options options = handling_options(&handling);
    struct server *one = start(&options);
    struct server *two = NULL;
    struct err err = ERR_INIT;
    char address[32];

    (void)state;
    snprintf(address, sizeof(address), "127.0.0.1:%u", server_port(one));
    options.listen = address;
    EXPECT_ERR(server_start(&two, &options, &err), &err, ERR_IO, "in use");
    server_stop(one);
    EXPECT_OK(server_start(&two, &options, &err), &err);
    server_stop(two);
}

/* --- Connections that go on --- */

static void keeps_alive_and_pipelines(void **state)
{
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client c = client_plain(server_port(server));

    (void)state;
    for (int i = 0; i < 50; i++)
        expect_reply(&c, POST("/echo", "5", "again"), 200, "again");
    assert_true(client_text(&c, POST("/race", "3", "one") POST("/echo", "3", "two")
                                    POST("/first", "5", "three") GET("/hello")));
    expect_reply(&c, "", 200, "one");
    expect_reply(&c, "", 200, "two");
    expect_reply(&c, "", 200, "three");
    expect_reply(&c, "", 200, "hello");
    assert_int_equal(state_of(server).connections, 1);
    client_close(&c);
    await_connections(server, 0);
    server_stop(server);
}

/* Nagle's algorithm against delayed ACKs would cost 40 ms for each answer. */
static void answers_without_delay(void **state)
{
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client c = client_plain(server_port(server));

    (void)state;
    expect_reply(&c, GET("/hello"), 200, "hello");
    int64_t began = clock_millis();
    for (int i = 0; i < 100; i++)
        expect_reply(&c, POST("/race", "5", "hello"), 200, "hello");
    assert_in_range(clock_millis() - began, 0, 2000);
    client_close(&c);
    server_stop(server);
}

/* --- Bodies --- */

static void send_long(struct client *c, const char *path, size_t len)
{
    char head[128];
    char *body = malloc(len);

    assert_non_null(body);
    memset(body, 'x', len);
    snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path,
             len);
    assert_true(client_text(c, head));
    client_send(c, body, len);
    free(body);
}

static void a_body_may_be_as_long_as_allowed(void **state)
{
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client c = client_plain(server_port(server));
    struct reply r;

    (void)state;
    send_long(&c, "/echo", TEST_BODY_MAX);
    client_reply(&c, &r, false);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, TEST_BODY_MAX);
    reply_clear(&r);
    assert_int_equal(state_of(server).memory, 0);
    assert_int_equal(state_of(server).refused, 0);
    int before = handling.handled;
    assert_true(client_text(&c, POST("/echo", "65537", "")));
    client_reply(&c, &r, false);
    assert_int_equal(r.status, 413);
    reply_clear(&r);
    assert_int_equal(handling.handled, before);
    assert_int_equal(state_of(server).refused, 1);
    client_close(&c);
    server_stop(server);
}

static void memory_is_budgeted(void **state)
{
    struct server_options options = handling_options(&handling);
    struct reply r;

    (void)state;
    options.max_memory = 2 * TEST_BODY_MAX;
    struct server *server = start(&options);
    struct client holders[2], c = client_plain(server_port(server));
    for (size_t i = 0; i < 2; i++) {
        holders[i] = client_plain(server_port(server));
        send_long(&holders[i], "/keep", TEST_BODY_MAX);
    }
    await_kept(&handling, 2);
    assert_int_equal(state_of(server).memory, 2 * TEST_BODY_MAX);
    assert_true(client_text(&c, POST("/echo", "1", "x")));
    client_reply(&c, &r, false);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(buf_text(&r.head), "Retry-After: 1\r\n"));
    reply_clear(&r);
    expect_reply(&c, GET("/hello"), 200, "hello"); /* probes need no body */
    answer_kept(&handling);
    assert_int_equal(state_of(server).memory, 0);
    expect_reply(&c, POST("/echo", "1", "x"), 200, "x");
    client_close(&c);
    for (size_t i = 0; i < 2; i++)
        client_close(&holders[i]);
    server_stop(server);
}

/* What curl does with longer bodies: it asks first. */
static void leave_is_given(void **state)
{
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client c = client_plain(server_port(server));

    (void)state;
    expect_reply(
        &c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        100, "");
    expect_reply(&c, "abc", 200, "abc");
    client_close(&c);
    server_stop(server);
}

static void a_header_has_a_ceiling(void **state)
{
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client c = client_plain(server_port(server));
    struct reply r;

    (void)state;
    client_text(&c, "GET /hello HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 1000 && client_text(&c, "X-Long: " MANY_X "\r\n"); i++)
        ;
    client_reply(&c, &r, false);
    assert_true(r.status == 431 || r.status == 0); /* the reset may overtake the answer */
    reply_clear(&r);
    client_close(&c);
    await_connections(server, 0);
    server_stop(server);
}

/* A client that gives up half-way leaves nothing behind. */
static void half_a_body_is_forgotten(void **state)
{
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client c = client_plain(server_port(server));
    int before = handling.handled;

    (void)state;
    assert_true(client_text(&c, POST("/echo", "1000", "half")));
    while (state_of(server).memory == 0)
        pause_ms(1);
    client_close(&c);
    await_connections(server, 0);
    assert_int_equal(state_of(server).memory, 0);
    assert_int_equal(handling.handled, before);
    server_stop(server);
}

/* --- Late answers --- */

static void five_hundred_wait(void **state)
{
    enum { N = 500 };
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    static struct client clients[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        clients[i] = client_plain(server_port(server));
        assert_true(client_text(&clients[i], POST("/keep", "4", "late")));
    }
    await_kept(&handling, N);
    assert_false(server_idle(server));
    struct client c = client_plain(server_port(server));
    expect_reply(&c, GET("/hello"), 200, "hello"); /* nobody waits behind them */
    answer_kept(&handling);
    for (int i = 0; i < N; i++) {
        expect_reply(&clients[i], "", 200, "late");
        client_close(&clients[i]);
    }
    client_close(&c);
    await_connections(server, 0);
    assert_true(server_idle(server));
    server_stop(server);
}

static void *hurry(void *context)
{
    struct client c = client_plain(server_port(context));

    for (int i = 0; i < 200; i++)
        expect_reply(&c, i % 2 ? POST("/race", "4", "race") : POST("/first", "4", "race"), 200,
                     "race");
    client_close(&c);
    return NULL;
}

static void answers_race_with_handlers(void **state)
{
    enum { N = 8 };
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    pthread_t threads[N];

    (void)state;
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hurry, server), 0);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    server_stop(server);
}

static void a_client_may_go_while_it_waits(void **state)
{
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct client c = client_plain(server_port(server));
        assert_true(client_text(&c, POST("/keep", "4", "late")));
        await_kept(&handling, (size_t)i + 1);
        if (i % 2) /* a reset, not a close */
            setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &(struct linger) { .l_onoff = 1 },
                       sizeof(struct linger));
        client_close(&c);
    }
    answer_kept(&handling);
    await_connections(server, 0);
    assert_true(server_idle(server));
    server_stop(server);
}

/* --- The end --- */

static void stop_answers_those_who_wait(void **state)
{
    enum { N = 20 };
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client clients[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        clients[i] = client_plain(server_port(server));
        assert_true(client_text(&clients[i], POST("/keep", "4", "late")));
    }
    await_kept(&handling, N);
    server_stop(server);
    for (int i = 0; i < N; i++) {
        expect_reply(&clients[i], "", 503, "stopped");
        client_close(&clients[i]);
    }
    answer_kept(&handling); /* nobody hears it, and it touches nothing that is gone */
}

static void *press_on(void *context)
{
    const unsigned *port = context;
    struct client c = client_plain(*port);
    struct reply r = { .status = 200 };

    for (int i = 0; r.status == 200; i++) {
        reply_clear(&r);
        if (!client_text(&c, i % 2 ? POST("/race", "4", "race") : POST("/echo", "4", "echo")))
            break;
        client_reply(&c, &r, false);
        assert_true(r.status == 200 || r.status == 503 || r.status == 0);
    }
    reply_clear(&r);
    client_close(&c);
    return NULL;
}

static void stops_under_load(void **state)
{
    enum { N = 8 };
    const struct server_options options = handling_options(&handling);
    pthread_t threads[N];

    (void)state;
    for (int turn = 0; turn < 10; turn++) {
        struct server *server = start(&options);
        unsigned port = server_port(server);
        for (int i = 0; i < N; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, press_on, &port), 0);
        await_connections(server, N);
        pause_ms(turn);
        server_stop(server);
        for (int i = 0; i < N; i++)
            pthread_join(threads[i], NULL);
    }
}

static void stop_cuts_what_is_half_done(void **state)
{
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client idle = client_plain(server_port(server));
    struct client half = client_plain(server_port(server));
    struct client body = client_plain(server_port(server));

    (void)state;
    expect_reply(&idle, GET("/hello"), 200, "hello");
    assert_true(client_text(&half, "GET /he"));
    assert_true(client_text(&body, POST("/echo", "100", "half")));
    await_connections(server, 3);
    while (state_of(server).memory == 0)
        pause_ms(1);
    server_stop(server);
    assert_true(until_closed(&idle) >= 0);
    assert_true(until_closed(&half) >= 0);
    assert_true(until_closed(&body) >= 0);
    client_close(&idle);
    client_close(&half);
    client_close(&body);
}

static bool refuses_connections(unsigned port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0;

    close(fd);
    return refused;
}

static void drains(void **state)
{
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client waiting = client_plain(server_port(server));
    struct client open = client_plain(server_port(server));
    struct reply r;

    (void)state;
    expect_reply(&open, GET("/hello"), 200, "hello");
    assert_true(client_text(&waiting, POST("/keep", "4", "late")));
    await_kept(&handling, 1);
    server_drain(server);
    assert_true(refuses_connections(server_port(server)));
    assert_false(server_idle(server));
    assert_true(client_text(&open, GET("/hello"))); /* open ones are still served */
    client_reply(&open, &r, false);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(buf_text(&r.head), "Connection: close\r\n"));
    reply_clear(&r);
    assert_true(until_closed(&open) >= 0);
    answer_kept(&handling);
    client_reply(&waiting, &r, false);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(buf_text(&r.head), "Connection: close\r\n"));
    reply_clear(&r);
    assert_true(until_closed(&waiting) >= 0);
    await_connections(server, 0);
    assert_true(server_idle(server));
    client_close(&open);
    client_close(&waiting);
    server_stop(server);
}

/* --- Time limits --- */

static const struct server_times short_times = {
    .header = 200, .body = 300, .answer = 500, .idle = 400
};

static struct server *start_short(void)
{
    struct server_options options = handling_options(&handling);

    options.times = short_times;
    return start(&options);
}

/* One byte every 20 ms for as long as it is taken. Milliseconds until the end, or -1. */
static int64_t drip(struct client *c, const char *bytes)
{
    int64_t began = clock_millis();
    struct pollfd fd = { .fd = c->fd, .events = POLLIN };
    char piece[256];

    for (; clock_millis() - began < PATIENCE_MS; bytes += *bytes != 0) {
        if (*bytes != 0)
            client_send(c, bytes, 1);
        if (poll(&fd, 1, 20) > 0 && recv(c->fd, piece, sizeof(piece), 0) <= 0)
            return clock_millis() - began;
    }
    return -1;
}

struct slow_row {
    const char *name;
    const char *before; /* sent at once, answered with 200; or NULL */
    const char *at_once;
    const char *dripped;
    int64_t limit;
};

static const struct slow_row slow_rows[] = {
    { "says nothing", NULL, "", "", 200 },
    { "drips its header", NULL, "", "GET /hello HTTP/1.1\r\nX: " MANY_X, 200 },
    { "drips blank lines", NULL, "", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", 200 },
    { "sends half a body", NULL, POST("/echo", "100", "half"), "", 300 },
    { "drips its body", NULL, POST("/echo", "1000", ""), MANY_X, 300 },
    { "drips a refused body", NULL, POST("/none", "1000", ""), MANY_X, 300 },
    { "idles", GET("/hello"), "", "", 400 },
    { "drips its second header", GET("/hello"), "", "GET /hello HTTP/1.1\r\nX: " MANY_X, 400 },
    { "drips its second body", GET("/hello"), POST("/echo", "1000", ""), MANY_X, 300 },
};

static void is_cut(void **state)
{
    const struct slow_row *row = *state;
    struct server *server = start_short();
    struct client c = client_plain(server_port(server));

    if (row->before != NULL)
        expect_reply(&c, row->before, 200, "");
    assert_true(client_text(&c, row->at_once));
    int64_t took = drip(&c, row->dripped);
    assert_in_range(took, row->limit - 50, row->limit + 1500);
    await_connections(server, 0);
    assert_int_equal(state_of(server).cut, 1);
    assert_int_equal(state_of(server).memory, 0);
    client_close(&c);
    server_stop(server);
}

/* What waits for us is not cut, and neither is who asks again in time. */
static void work_has_no_limit(void **state)
{
    struct server *server = start_short();
    struct client waiting = client_plain(server_port(server));
    struct client lively = client_plain(server_port(server));

    (void)state;
    assert_true(client_text(&waiting, POST("/keep", "4", "late")));
    await_kept(&handling, 1);
    for (int i = 0; i < 10; i++) {
        expect_reply(&lively, POST("/echo", "5", "hello"), 200, "hello");
        pause_ms(150);
    }
    assert_int_equal(state_of(server).cut, 0);
    answer_kept(&handling);
    expect_reply(&waiting, "", 200, "late");
    client_close(&waiting);
    client_close(&lively);
    server_stop(server);
}

/* Who does not take its answer is cut, too. */
static void an_answer_is_taken_in_time(void **state)
{
    struct server_options options = handling_options(&handling);

    (void)state;
    options.times = short_times;
    options.max_body = 32 * MIB;
    options.max_memory = 64 * MIB;
    struct server *server = start(&options);
    struct client c = client_plain(server_port(server));
    send_long(&c, "/echo", 32 * MIB);
    await_connections(server, 0);
    assert_int_equal(state_of(server).cut, 1);
    client_close(&c);
    server_stop(server);
}

/* --- Room --- */

static void the_idle_make_room(void **state)
{
    enum { N = 16 };
    struct server_options options = handling_options(&handling);
    struct client clients[N];

    (void)state;
    options.connections = N;
    struct server *server = start(&options);
    /* Three quarters are all that one address may have. */
    for (int i = 0; i < 12; i++) {
        clients[i] = client_plain(server_port(server));
        expect_reply(&clients[i], GET("/hello"), 200, "hello");
    }
    struct client c = client_plain(server_port(server));
    assert_true(client_text(&c, GET("/hello")));
    assert_true(until_closed(&c) >= 0);
    client_close(&c);
    assert_int_equal(state_of(server).connections, 12);
    for (int i = 0; i < 12; i++)
        client_close(&clients[i]);
    server_stop(server);
}

static struct client client_from(unsigned port, uint32_t from)
{
    const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
    struct sockaddr_in me = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(from) };
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct client c = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };

    setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(bind(c.fd, (struct sockaddr *)&me, sizeof(me)), 0);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return c;
}

static void all_places_taken(void **state)
{
    enum { N = 16 };
    struct server_options options = handling_options(&handling);
    struct client clients[N];

    (void)state;
    options.connections = N;
    struct server *server = start(&options);
    for (unsigned i = 0; i < N; i++) {
        clients[i] = client_from(server_port(server), INADDR_LOOPBACK + i % 4);
        expect_reply(&clients[i], GET("/hello"), 200, "hello");
    }
    /* The next one waits until one that idles is shut: a second, not the idle limit. */
    struct client c = client_from(server_port(server), INADDR_LOOPBACK + 9);
    int64_t began = clock_millis();
    expect_reply(&c, GET("/hello"), 200, "hello");
    assert_in_range(clock_millis() - began, 100, 5000);
    client_close(&c);
    for (int i = 0; i < N; i++)
        client_close(&clients[i]);
    server_stop(server);
}

/* In a program of its own, so that nothing else runs out of descriptors: 0 when it went well. */
static int run_out_of_descriptors(void)
{
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client first = client_plain(server_port(server));
    struct client others[3];
    struct rusage before, after;

    expect_reply(&first, GET("/hello"), 200, "hello");
    for (int i = 0; i < 3; i++)
        others[i] = (struct client) { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    int next = dup(first.fd); /* the lowest free one: nothing above may be had */
    close(next);
    const struct rlimit none = { .rlim_cur = (rlim_t)next, .rlim_max = (rlim_t)next + 64 };
    const struct rlimit some = { .rlim_cur = (rlim_t)next + 64, .rlim_max = (rlim_t)next + 64 };
    setrlimit(RLIMIT_NOFILE, &none);
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port(server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 3; i++)
        if (connect(others[i].fd, (struct sockaddr *)&a, sizeof(a)) != 0)
            return 2;
    pause_ms(500);
    getrusage(RUSAGE_SELF, &after);
    expect_reply(&first, GET("/hello"), 200, "hello"); /* served all the while */
    if ((after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec -
            before.ru_utime.tv_usec >
        200000)
        return 3; /* it spins */
    setrlimit(RLIMIT_NOFILE, &some);
    for (int i = 0; i < 3; i++)
        expect_reply(&others[i], GET("/hello"), 200, "hello");
    server_stop(server);
    return 0;
}

static void descriptors_may_run_out(void **state)
{
    int status = 0;

    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "test_server", "descriptors", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* --- Tokens --- */

struct token_row {
    const char *name;
    const char *header;
    int status;
    const char *word;
};

static const struct token_row token_rows[] = {
    { "right", "Authorization: Bearer s3cret\r\n", 200, "abc" },
    { "right, another case", "authorization: bearer s3cret\r\n", 200, "abc" },
    { "right, blanks", "Authorization: Bearer   s3cret\r\n", 200, "abc" },
    { "none", "", 401, "is wanted" },
    { "wrong", "Authorization: Bearer secret\r\n", 401, "not known" },
    { "longer", "Authorization: Bearer s3cretX\r\n", 401, "not known" },
    { "shorter", "Authorization: Bearer s3cre\r\n", 401, "not known" },
    { "empty", "Authorization: Bearer \r\n", 401, "is wanted" },
    { "no scheme", "Authorization: s3cret\r\n", 401, "is wanted" },
    { "another scheme", "Authorization: Basic s3cret\r\n", 401, "is wanted" },
    { "scheme glued on", "Authorization: Bearers3cret\r\n", 401, "is wanted" },
    { "twice", "Authorization: Bearer x\r\nAuthorization: Bearer s3cret\r\n", 401, "is wanted" },
};

static void token(void **state)
{
    const struct token_row *row = *state;
    const struct server_options options = handling_options(&handling);
    struct server *server = start(&options);
    struct client c = client_plain(server_port(server));
    struct reply r;
    char request[512];

    strcpy(handling.token, "s3cret");
    int before = handling.handled;
    snprintf(request, sizeof(request),
             "POST /caller HTTP/1.1\r\nHost: x\r\n%sContent-Length: 3\r\n\r\nabc", row->header);
    assert_true(client_text(&c, request));
    client_reply(&c, &r, false);
    assert_int_equal(r.status, row->status);
    assert_non_null(strstr(buf_text(&r.body), row->word));
    if (row->status == 401)
        assert_non_null(strstr(buf_text(&r.head), "WWW-Authenticate: Bearer\r\n"));
    assert_int_equal(handling.handled, before + (row->status == 200));
    reply_clear(&r);
    expect_reply(&c, GET("/hello"), 200, "hello"); /* probes are open */
    client_close(&c);
    server_stop(server);
    *handling.token = 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_is_taken_once),
        cmocka_unit_test(keeps_alive_and_pipelines),
        cmocka_unit_test(answers_without_delay),
        cmocka_unit_test(a_body_may_be_as_long_as_allowed),
        cmocka_unit_test(memory_is_budgeted),
        cmocka_unit_test(leave_is_given),
        cmocka_unit_test(a_header_has_a_ceiling),
        cmocka_unit_test(half_a_body_is_forgotten),
        cmocka_unit_test(five_hundred_wait),
        cmocka_unit_test(answers_race_with_handlers),
        cmocka_unit_test(a_client_may_go_while_it_waits),
        cmocka_unit_test(stop_answers_those_who_wait),
        cmocka_unit_test(stops_under_load),
        cmocka_unit_test(stop_cuts_what_is_half_done),
        cmocka_unit_test(drains),
        cmocka_unit_test(work_has_no_limit),
        cmocka_unit_test(an_answer_is_taken_in_time),
        cmocka_unit_test(the_idle_make_room),
        cmocka_unit_test(all_places_taken),
        cmocka_unit_test(descriptors_may_run_out),
    };

    pthread_mutex_init(&handling.lock, NULL);
    if (argc > 1 && strcmp(argv[1], "descriptors") == 0)
        return run_out_of_descriptors();
    int failed = RUN_ROWS(rows, answers);
    failed += RUN_ROWS(address_rows, listens);
    failed += RUN_ROWS(token_rows, token);
    failed += RUN_ROWS(slow_rows, is_cut);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
