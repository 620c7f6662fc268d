#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/http_fixture.h"

static void test_headers(void **state)
{
    struct fixture *f = *state;
    struct http_request request = request_of(f, "/ok");

    get(f, &request, 5000);
    assert_hello(&request);
    assert_true(bytes_is(http_header(&request, "X-One", 0), "first"));
    assert_true(bytes_is(http_header(&request, "x-one", 1), "second"));
    assert_int_equal(http_header(&request, "x-one", 2).len, 0);
    assert_int_equal(http_header(&request, "x-on", 0).len, 0);
    assert_int_equal(http_header(&request, "x-one:", 0).len, 0);
    assert_int_equal(http_header(&request, "empty", 0).len, 0);
    assert_int_equal(http_header(&request, "", 0).len, 0);
    assert_string_equal(request.effective_url, request.url);
    assert_int_equal(request.retry_after, -1);
    assert_int_equal(server_saw(&f->server, "User-Agent: bulla-test\r\n"), 1);
    http_request_clear(&request);

    request = request_of(f, "/unauthorized");
    get(f, &request, 5000);
    assert_true(bytes_is(http_header(&request, "www-authenticate", 1), "Basic"));
    http_request_clear(&request);

    request = request_of(f, "/trailer");
    get(f, &request, 5000);
    assert_int_equal(http_header(&request, "x-late", 0).len, 0);
    http_request_clear(&request);

    request = request_of(f, "/interim");
    get(f, &request, 5000);
    assert_int_equal(http_header(&request, "link", 0).len, 0);
    http_request_clear(&request);
}

static void test_request_headers(void **state)
{
    struct fixture *f = *state;
    static const struct http_header bad[] = {
        { "X-A", "a\r\nX-B: b" }, { "X-A", "a\nb" }, { "X-A\r\n", "a" },
        { "X A", "a" },           { "", "a" },       { "X-A:", "a: b" },
        { "X-A", "\x7f" },
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct http_request request = request_of(f, "/ok");
        request.headers = &bad[i];
        request.n_headers = 1;
        get(f, &request, 5000);
        assert_err(&request, ERR_MALFORMED, "request header");
        http_request_clear(&request);
    }
    assert_int_equal(server_saw(&f->server, "GET"), 0);
    static const struct http_header good[] = { { "X-A", "" }, { "Accept", "a/b, c/d" } };
    struct http_request request = request_of(f, "/ok");
    request.headers = good;
    request.n_headers = ARRAY_LEN(good);
    get(f, &request, 5000);
    assert_hello(&request);
    assert_int_equal(server_saw(&f->server, "\r\nX-A:\r\n"), 1);
    assert_int_equal(server_saw(&f->server, "\r\nAccept: a/b, c/d\r\n"), 1);
    http_request_clear(&request);
}

static void test_refused_connection(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);
    char url[64];

    /* Bound but not listening: nobody else can have the port. */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/?secret=1", ntohs(address.sin_port));
    f->options.attempts = 2;
    renew(f);
    struct http_request request = request_of(f, "/ok");
    request.url = url;
    get(f, &request, 5000);
    assert_err(&request, ERR_NETWORK, ": connection refused");
    assert_null(strstr(err_text(&request.err), "secret"));
    assert_int_equal(http_exchanges(f->http), 2);
    http_request_clear(&request);
    close(fd);
}

static void test_other_origin(void **state)
{
    struct fixture *f = *state;
    struct server second;
    char url[64];
    static const struct http_header headers[] = { { "Authorization", "Bearer secret" },
                                                  { "X-Token", "secret" },
                                                  { "Accept", "a/b" } };

    server_start(&second, routes, ARRAY_LEN(routes), NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/elsewhere?sig=1", second.port);
    f->server.elsewhere = url;
    second.elsewhere = url_of(f, "/ok"); /* and back again */
    struct http_request request = request_of(f, "/elsewhere");
    request.headers = headers;
    request.n_headers = ARRAY_LEN(headers);
    get(f, &request, 5000);
    assert_hello(&request);
    assert_string_equal(request.effective_url, url_of(f, "/ok"));
    assert_int_equal(server_saw(&second, "/elsewhere?sig=1"), 1);
    assert_int_equal(server_saw(&second, "secret"), 0);
    assert_int_equal(server_saw(&second, "Accept: a/b"), 1);
    assert_int_equal(server_saw(&f->server, "Authorization"), 1); /* the first request only */
    assert_int_equal(f->asked, 2);
    http_request_clear(&request);

    request = request_of(f, "/elsewhere");
    request.follow = HTTP_FOLLOW_ORIGIN;
    get(f, &request, 5000);
    assert_err(&request, ERR_NONE, NULL);
    assert_int_equal(request.status, 307);
    http_request_clear(&request);

    request = request_of(f, "/elsewhere");
    request.method = HTTP_PUT;
    get(f, &request, 5000);
    assert_int_equal(request.status, 307);
    http_request_clear(&request);
    assert_int_equal(server_saw(&second, "GET"), 1);
    server_stop(&second);
}

static void test_host_refused(void **state)
{
    struct fixture *f = *state;
    struct http_request request = request_of(f, "/ok");

    f->refuse_host = true;
    get(f, &request, 5000);
    assert_err(&request, ERR_CONFIG, "half a client certificate");
    http_request_clear(&request);

    f->refuse_host = false;
    f->options.host = NULL; /* defaults: no plain HTTP */
    renew(f);
    request = request_of(f, "/ok");
    get(f, &request, 5000);
    assert_err(&request, ERR_NETWORK, "plain HTTP is not allowed");
    http_request_clear(&request);
    assert_int_equal(server_saw(&f->server, "GET"), 0);

    request = request_of(f, "/ok");
    request.url = "ftp://127.0.0.1/";
    get(f, &request, 5000);
    assert_err(&request, ERR_MALFORMED, "http");
    http_request_clear(&request);
}

static void test_many(void **state)
{
    struct fixture *f = *state;
    struct http_request requests[100];

    f->parallel = 8;
    renew(f);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        requests[i] = request_of(f, "/slow");
    http_fetch(f->http, requests, ARRAY_LEN(requests), clock_deadline(10000));
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        assert_hello(&requests[i]);
        http_request_clear(&requests[i]);
    }
    assert_int_equal(f->asked, 1);
    assert_true(f->server.most_under_way <= 8);
    assert_true(f->server.most_under_way >= 2);
    assert_true(f->server.connections <= 8); /* kept alive */
}

static void test_batch(void **state)
{
    struct fixture *f = *state;
    struct http_request requests[] = { request_of(f, "/ok"), request_of(f, "/absent"),
                                       request_of(f, "/limited"), request_of(f, "/hang"),
                                       request_of(f, "/ok") };

    requests[4].url = "nonsense";
    http_fetch(f->http, requests, ARRAY_LEN(requests), clock_deadline(300));
    assert_hello(&requests[0]);
    assert_err(&requests[1], ERR_NONE, NULL);
    assert_int_equal(requests[1].status, 404);
    assert_err(&requests[2], ERR_RATE_LIMITED, "too many requests");
    assert_int_equal(requests[2].status, 429);
    assert_int_equal(requests[2].retry_after, 100000);
    assert_err(&requests[3], ERR_DEADLINE, "in time");
    assert_err(&requests[4], ERR_MALFORMED, "URL");
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        http_request_clear(&requests[i]);
    http_fetch(f->http, NULL, 0, 0);
}

/* Requests behind hanging ones at a full host end with the deadline too, and say so. */
static void test_queue_deadline(void **state)
{
    struct fixture *f = *state;
    struct http_request requests[3];

    f->parallel = 1;
    renew(f);
    for (size_t i = 0; i < 3; i++)
        requests[i] = request_of(f, "/hang");
    int64_t start = clock_millis();
    http_fetch(f->http, requests, 3, clock_deadline(200));
    assert_true(clock_millis() - start < 500);
    assert_err(&requests[0], ERR_DEADLINE, "no whole answer");
    assert_err(&requests[2], ERR_DEADLINE, "before the request could be sent");
    for (size_t i = 0; i < 3; i++)
        http_request_clear(&requests[i]);
    assert_int_equal(server_saw(&f->server, "GET"), 1);
}

static void test_upload(void **state)
{
    static const size_t sizes[] = { 0, 1, 70000, 3000000 };
    struct fixture *f = *state;
    FILE *file = tmpfile();

    assert_non_null(file);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf CLEANUP(buf_clear) content = BUF_INIT(4 * MIB);
        for (size_t k = 0; k < sizes[i]; k++)
            buf_add_char(&content, (char)(k * 7));
        assert_int_equal(pwrite(fileno(file), buf_text(&content), sizes[i], 0), sizes[i]);
        for (int from_file = 0; from_file < 2; from_file++) {
            pthread_mutex_lock(&f->server.lock);
            memset(f->server.counts, 0, sizeof(f->server.counts));
            buf_reset(&f->server.seen);
            pthread_mutex_unlock(&f->server.lock);
            struct http_request request = request_of(f, "/busy-once");
            request.method = HTTP_PUT;
            request.use_fd = from_file == 1;
            request.body_fd = fileno(file);
            request.body_length = (int64_t)sizes[i];
            request.body = buf_bytes(&content);
            get(f, &request, 10000);
            assert_hello(&request);
            assert_true(bytes_equal(buf_bytes(&f->server.last_body), buf_bytes(&content)));
            assert_int_equal(server_saw(&f->server, "PUT"), 2);
            assert_int_equal(server_saw(&f->server, "Expect:"), sizes[i] > 65536 ? 2 : 0);
            assert_int_equal(server_saw(&f->server, "Content-Type"), 0);
            http_request_clear(&request);
        }
    }
    struct http_request request = request_of(f, "/created");
    request.method = HTTP_PUT;
    request.use_fd = true;
    request.body_fd = fileno(file);
    request.body_length = 3000001; /* one more than there is */
    get(f, &request, 10000);
    assert_err(&request, ERR_IO, "shorter");
    http_request_clear(&request);
    fclose(file);
}

static void test_methods(void **state)
{
    static const struct {
        enum http_method method;
        const char *line;
    } methods[] = {
        { HTTP_GET, "GET /created " },     { HTTP_HEAD, "HEAD /created " },
        { HTTP_PUT, "PUT /created " },     { HTTP_POST, "POST /created " },
        { HTTP_PATCH, "PATCH /created " }, { HTTP_DELETE, "DELETE /created " },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct http_request request = request_of(f, "/created");
        request.method = methods[i].method;
        if (request.method != HTTP_GET)
            request.max_body = 0; /* an answer that is not wanted does no harm */
        /* HEAD answers have no body, but this server sends one: no reuse after it. */
        if (request.method == HTTP_HEAD)
            request.url = url_of(f, "/created?head");
        get(f, &request, 5000);
        assert_err(&request, ERR_NONE, NULL);
        assert_int_equal(request.status, 201);
        http_request_clear(&request);
        if (request.method != HTTP_HEAD)
            assert_int_equal(server_saw(&f->server, methods[i].line), 1);
    }
}

struct sink {
    struct buf text;
    int restarts;
    bool refuse;
};

static int sink_take(void *context, struct bytes piece, struct err *err)
{
    struct sink *sink = context;

    if (sink->refuse)
        return err_set(err, ERR_IO, "disk full");
    buf_add_bytes(&sink->text, piece);
    return 0;
}

static int sink_restart(void *context, struct err *err)
{
    struct sink *sink = context;

    (void)err;
    sink->restarts++;
    buf_reset(&sink->text);
    return 0;
}

static void test_sink(void **state)
{
    struct fixture *f = *state;
    struct sink sink = { .text = BUF_INIT(100) };
    struct http_request request = request_of(f, "/break-once");

    request.sink = sink_take;
    request.restart = sink_restart;
    request.sink_context = &sink;
    get(f, &request, 5000);
    assert_err(&request, ERR_NONE, NULL);
    assert_string_equal(buf_text(&sink.text), "hello");
    assert_int_equal(sink.restarts, 1);
    assert_int_equal(request.response_body.len, 0);
    http_request_clear(&request);

    buf_reset(&sink.text);
    request = request_of(f, "/stop"); /* no restart(): no second try */
    request.sink = sink_take;
    request.sink_context = &sink;
    get(f, &request, 5000);
    assert_err(&request, ERR_NETWORK, "broken off");
    assert_int_equal(server_saw(&f->server, "/stop"), 1);
    http_request_clear(&request);

    sink.refuse = true;
    request = request_of(f, "/ok");
    request.sink = sink_take;
    request.sink_context = &sink;
    get(f, &request, 5000);
    assert_err(&request, ERR_IO, "disk full");
    http_request_clear(&request);
    buf_clear(&sink.text);

    request = request_of(f, "/unauthorized"); /* not a 2xx: not for the sink */
    request.sink = sink_take;
    request.sink_context = &sink;
    get(f, &request, 5000);
    assert_int_equal(request.status, 401);
    assert_string_equal(buf_text(&request.response_body), "no");
    http_request_clear(&request);
}

static void test_private_address(void **state)
{
    struct fixture *f = *state;
    char url[64];

    f->options.refuse_private = true;
    renew(f);
    struct http_request request = request_of(f, "/ok");
    get(f, &request, 5000);
    assert_err(&request, ERR_NETWORK, "not a public address");
    http_request_clear(&request);

    /* A name: found out at the socket only. */
    snprintf(url, sizeof(url), "http://localhost:%u/ok", f->server.port);
    request = request_of(f, "/ok");
    request.url = url;
    get(f, &request, 5000);
    assert_err(&request, ERR_NETWORK, "is not a public one");
    http_request_clear(&request);
    assert_int_equal(f->server.connections, 0);
    assert_int_equal(http_exchanges(f->http), 1); /* and not tried again */

    f->private_address = true;
    renew(f);
    request = request_of(f, "/ok");
    get(f, &request, 5000);
    assert_hello(&request);
    http_request_clear(&request);
}

/* The server as a proxy: what is sent to it, and that its own private address is no obstacle. */
static void test_proxy(void **state)
{
    struct fixture *f = *state;
    char proxy[64];

    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", f->server.port);
    setenv("http_proxy", proxy, 1);
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    f->options.refuse_private = true;
    renew(f);
    unsetenv("http_proxy");
    struct http_request request = request_of(f, "/ok");
    request.url = "http://registry.example/ok";
    get(f, &request, 5000);
    assert_err(&request, ERR_NONE, NULL);
    assert_int_equal(server_saw(&f->server, "GET http://registry.example/ok HTTP/1.1"), 1);
    http_request_clear(&request);

    request = request_of(f, "/ok");
    request.url = "http://10.1.2.3/ok"; /* the proxy would go there */
    get(f, &request, 5000);
    assert_err(&request, ERR_NETWORK, "not a public address");
    http_request_clear(&request);
    assert_int_equal(server_saw(&f->server, "10.1.2.3"), 0);
}

/* A proxy that opens no tunnel: its own word, and nothing is asked again that cannot go better. */
static void test_proxy_tunnel(void **state)
{
    static const struct {
        const char *host;
        const char *word;
        int asked;
    } rows[] = {
        { "asks.test", "the proxy asks for credentials (407)", 1 },
        { "forbids.test", "the proxy refuses to connect (HTTP 403)", 1 },
        { "fails.test", "the proxy refuses to connect (HTTP 502)", 2 },
        { "shuts.test", "Proxy CONNECT aborted", 2 },
        { "asks.test", "the proxy asks for credentials (407)", 1 },
    };
    struct fixture *f = *state;
    char proxy[64], url[64], line[64];

    snprintf(proxy, sizeof(proxy), "http://u:wrong@127.0.0.1:%u", f->server.port);
    setenv("https_proxy", proxy, 1);
    f->options.attempts = 2;
    renew(f);
    unsetenv("https_proxy");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request request = request_of(f, "/ok");
        const struct http_header secret = { "Authorization", "Basic c2VjcmV0" };
        snprintf(url, sizeof(url), "https://%s/ok", rows[i].host);
        snprintf(line, sizeof(line), "CONNECT %s:443 HTTP/1.1", rows[i].host);
        request.url = url;
        request.headers = &secret;
        request.n_headers = 1;
        int before = server_saw(&f->server, line);
        get(f, &request, 5000);
        assert_err(&request, ERR_NETWORK, rows[i].word);
        assert_null(strstr(err_text(&request.err), "wrong"));
        assert_int_equal(server_saw(&f->server, line) - before, rows[i].asked);
        http_request_clear(&request);
    }
    assert_true(server_saw(&f->server, "\r\nProxy-Authorization: Basic dTp3cm9uZw==") > 0);
    assert_int_equal(server_saw(&f->server, "\r\nAuthorization"), 0);
}

static void *caller(void *context)
{
    struct fixture *f = context;

    for (int i = 0; i < 5; i++) {
        struct http_request requests[] = { request_of(f, "/ok"), request_of(f, "/hop") };
        http_fetch(f->http, requests, 2, clock_deadline(5000));
        for (int k = 0; k < 2; k++) {
            if (requests[k].status != 200)
                return f;
            http_request_clear(&requests[k]);
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[8];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, caller, f), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *failed = f;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(f->asked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_request_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_origin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_upload, setup, teardown),
        cmocka_unit_test_setup_teardown(test_methods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink, setup, teardown),
        cmocka_unit_test_setup_teardown(test_private_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proxy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proxy_tunnel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
