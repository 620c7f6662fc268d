#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/http_fixture.h"

/* ---- answers, one row each ---- */

struct row {
    const char *path;
    enum err_code code;
    const char *word;
    long status;
    const char *body; /* or NULL: not looked at */
    int64_t expect_length;
    size_t max_body;
    int seen; /* requests the server gets; 0: not looked at */
    int attempts;
    enum http_method method;
    enum http_follow follow;
    bool no_retry;
    int ms;
};

static const struct row rows[] = {
    { .path = "/ok", .status = 200, .body = "hello", .seen = 1, .expect_length = 5 },
    { .path = "/ok", .status = 200, .body = "", .method = HTTP_HEAD, .expect_length = -1 },
    { .path = "/absent", .status = 404, .body = "", .seen = 1, .expect_length = -1 },
    { .path = "/unauthorized", .status = 401, .body = "no", .seen = 1, .expect_length = -1 },
    { .path = "/no-length", .status = 200, .body = "hello", .expect_length = -1 },
    { .path = "/no-length", .status = 200, .body = "hello", .expect_length = 5 },
    { .path = "/interim", .status = 200, .body = "hello", .expect_length = -1 },
    { .path = "/trailer", .status = 200, .body = "hello", .expect_length = -1 },
    { .path = "/created", .status = 201, .body = "yes", .method = HTTP_POST, .expect_length = -1 },
    { .path = "/created",
      .status = 201,
      .body = "yes",
      .method = HTTP_DELETE,
      .expect_length = -1 },
    /* lengths */
    { .path = "/ok", .code = ERR_INVALID, .word = "longer", .expect_length = 4, .seen = 1 },
    { .path = "/ok", .code = ERR_INVALID, .word = "instead of 6", .expect_length = 6, .seen = 2 },
    { .path = "/no-length", .code = ERR_INVALID, .word = "longer", .expect_length = 4 },
    { .path = "/no-length", .code = ERR_INVALID, .word = "instead", .expect_length = 6 },
    { .path = "/more", .status = 200, .body = "hello", .expect_length = -1 },
    { .path = "/ok", .status = 200, .body = "hello", .expect_length = -1, .max_body = 5 },
    { .path = "/ok",
      .code = ERR_LIMIT,
      .word = "larger than 4",
      .expect_length = -1,
      .max_body = 4,
      .seen = 1 },
    { .path = "/no-length",
      .code = ERR_LIMIT,
      .word = "larger",
      .expect_length = -1,
      .max_body = 4 },
    { .path = "/chunks",
      .code = ERR_LIMIT,
      .word = "larger than 65536",
      .expect_length = -1,
      .seen = 1 },
    { .path = "/chunks", .status = 200, .expect_length = 256 * 1024, .max_body = 256 * 1024 },
    { .path = "/error-chunks", .status = 404, .expect_length = -1, .max_body = 4 },
    { .path = "/gzip", .code = ERR_MALFORMED, .word = "content encoding", .expect_length = -1 },
    { .path = "/headers", .code = ERR_LIMIT, .word = "headers", .expect_length = -1, .seen = 1 },
    { .path = "/not-http", .code = ERR_NETWORK, .word = "not an HTTP answer", .expect_length = -1 },
    /* broken connections */
    { .path = "/cut-header",
      .code = ERR_NETWORK,
      .word = "receiving failed",
      .attempts = 2,
      .expect_length = -1,
      .seen = 2 },
    { .path = "/reset-body",
      .code = ERR_NETWORK,
      .word = "",
      .attempts = 2,
      .expect_length = -1,
      .seen = 2 },
    { .path = "/stop",
      .code = ERR_NETWORK,
      .word = "broken off",
      .attempts = 3,
      .expect_length = -1,
      .seen = 3 },
    { .path = "/nothing",
      .code = ERR_NETWORK,
      .word = "without an answer",
      .attempts = 2,
      .expect_length = -1 },
    { .path = "/nothing",
      .code = ERR_NETWORK,
      .word = "without an answer",
      .expect_length = -1,
      .no_retry = true,
      .seen = 1 },
    { .path = "/drop-once", .status = 200, .body = "hello", .expect_length = -1, .seen = 2 },
    { .path = "/drop-once",
      .status = 200,
      .body = "hello",
      .method = HTTP_POST,
      .expect_length = -1,
      .seen = 2 },
    { .path = "/break-once", .status = 200, .body = "hello", .expect_length = 5, .seen = 2 },
    { .path = "/break-once",
      .code = ERR_NETWORK,
      .word = "broken off",
      .method = HTTP_POST,
      .expect_length = -1,
      .seen = 1 },
    /* deadlines */
    { .path = "/hang", .code = ERR_DEADLINE, .word = "in time", .expect_length = -1, .ms = 300 },
    { .path = "/hang-body",
      .code = ERR_DEADLINE,
      .word = "in time",
      .expect_length = -1,
      .ms = 300 },
    { .path = "/drip", .code = ERR_DEADLINE, .word = "in time", .expect_length = -1, .ms = 300 },
    { .path = "/ok", .code = ERR_DEADLINE, .word = "time ran out", .expect_length = -1, .ms = -1 },
    /* retries by status */
    { .path = "/busy-once", .status = 200, .body = "hello", .expect_length = -1, .seen = 2 },
    { .path = "/busy-once",
      .status = 503,
      .body = "busy",
      .expect_length = -1,
      .no_retry = true,
      .seen = 1 },
    { .path = "/busy-once",
      .status = 503,
      .body = "busy",
      .expect_length = -1,
      .method = HTTP_POST,
      .seen = 1 },
    { .path = "/busy", .status = 503, .body = "busy", .expect_length = -1, .seen = 1 },
    { .path = "/limited",
      .code = ERR_RATE_LIMITED,
      .word = "too many requests",
      .status = 429,
      .body = "slow",
      .expect_length = -1,
      .seen = 1 },
    { .path = "/limit-once", .status = 200, .body = "hello", .expect_length = -1, .seen = 2 },
    { .path = "/limit-second", .status = 200, .body = "hello", .expect_length = -1, .seen = 2 },
    { .path = "/limit-second",
      .code = ERR_RATE_LIMITED,
      .word = "429",
      .status = 429,
      .expect_length = -1,
      .seen = 1,
      .ms = 800 },
    /* redirects */
    { .path = "/hop",
      .status = 200,
      .body = "hello",
      .follow = HTTP_FOLLOW_ANY,
      .expect_length = -1,
      .seen = 2 },
    { .path = "/hop",
      .status = 200,
      .body = "hello",
      .follow = HTTP_FOLLOW_ORIGIN,
      .expect_length = -1,
      .seen = 2 },
    { .path = "/hop", .status = 301, .follow = HTTP_FOLLOW_NEVER, .expect_length = -1, .seen = 1 },
    { .path = "/hop",
      .status = 301,
      .follow = HTTP_FOLLOW_ANY,
      .method = HTTP_PUT,
      .expect_length = -1,
      .seen = 1 },
    { .path = "/hop-307",
      .status = 200,
      .body = "hello",
      .follow = HTTP_FOLLOW_ORIGIN,
      .method = HTTP_PUT,
      .expect_length = -1,
      .seen = 2 },
    { .path = "/no-location", .status = 302, .follow = HTTP_FOLLOW_ANY, .expect_length = -1 },
    { .path = "/loop",
      .code = ERR_LIMIT,
      .word = "too many redirects",
      .follow = HTTP_FOLLOW_ANY,
      .expect_length = -1,
      .seen = REDIRECTS_MAX + 1 },
    { .path = "/file",
      .code = ERR_MALFORMED,
      .word = "redirect",
      .follow = HTTP_FOLLOW_ANY,
      .expect_length = -1 },
    { .path = "/user",
      .code = ERR_MALFORMED,
      .word = "user",
      .follow = HTTP_FOLLOW_ANY,
      .expect_length = -1 },
};

static void test_row(void **state)
{
    const struct row *row = *state;
    void *fixture = NULL;

    setup(&fixture);
    struct fixture *f = fixture;
    f->options.attempts = row->attempts;
    renew(f);
    struct http_request request = request_of(f, row->path);
    request.method = row->method;
    request.follow = row->follow;
    request.no_retry = row->no_retry;
    request.expect_length = row->expect_length;
    if (row->max_body != 0)
        request.max_body = row->max_body;
    int64_t start = clock_millis();
    int64_t ms = row->ms == 0 ? 5000 : row->ms;
    get(f, &request, ms);
    assert_true(clock_millis() - start < ms + 300);
    assert_err(&request, row->code, row->word);
    assert_int_equal(request.status, row->status);
    if (row->code == ERR_NONE)
        assert_string_equal(err_text(&request.err), "");
    else if (row->code != ERR_RATE_LIMITED)
        assert_int_equal(request.response_body.len, 0);
    if (row->body != NULL)
        assert_string_equal(buf_text(&request.response_body), row->body);
    if (row->seen != 0)
        assert_int_equal(server_saw(&f->server, " HTTP/1.1\r\n"), row->seen);
    assert_int_equal(http_exchanges(f->http), atomic_load(&f->observed));
    http_request_clear(&request);
    teardown(&fixture);
}

int main(void)
{
    static struct CMUnitTest tests[ARRAY_LEN(rows)];
    static char names[ARRAY_LEN(rows)][80];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(names[i], sizeof(names[i]), "row %zu: %s", i, rows[i].path);
        tests[i] = (struct CMUnitTest) { .name = names[i], .test_func = test_row };
        memcpy(&tests[i].initial_state, &(const void *) { &rows[i] }, sizeof(void *));
    }
    return cmocka_run_group_tests_name("answers", tests, NULL, NULL) != 0;
}
