#include "tests/unit/script.h"

#include "registry/ping.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"

struct date_row {
    const char *name;
    const char *text;
    int64_t seconds; /* 0: refused */
};

static const struct date_row dates[] = {
    { "RFC 9110", "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "today", "Tue, 24 Nov 2026 22:12:57 GMT", 1795558377 },
    { "nothing", "", 0 },
    { "one byte short", "Tue, 24 Nov 2026 22:12:57 GM", 0 },
    { "one byte long", "Tue, 24 Nov 2026 22:12:57 GMT ", 0 },
    { "another zone", "Tue, 24 Nov 2026 22:12:57 CET", 0 },
    { "lower case", "tue, 24 nov 2026 22:12:57 gmt", 0 },
    { "no such month", "Tue, 24 Nox 2026 22:12:57 GMT", 0 },
    { "no such day of the week", "Tux, 24 Nov 2026 22:12:57 GMT", 0 },
    { "no such day", "Tue, 31 Nov 2026 22:12:57 GMT", 0 },
    { "no such hour", "Tue, 24 Nov 2026 24:12:57 GMT", 0 },
    { "no digits", "Tue, 2x Nov 2026 22:12:57 GMT", 0 },
    { "sign", "Tue, +4 Nov 2026 22:12:57 GMT", 0 },
    { "old form", "Tue Nov 24 22:12:57 2026", 0 },
    { "the other old form", "Tuesday, 24-Nov-26 22:12:57 GMT", 0 },
};

static void test_date(void **state)
{
    const struct date_row *row = *state;
    struct err err = ERR_INIT;
    int64_t seconds = 1;

    if (row->seconds == 0) {
        const int r = http_date_parse(&seconds, bytes_text(row->text), &err);
        assert_int_equal(r, -1);
        assert_int_equal(err.code, ERR_MALFORMED);
    } else {
        EXPECT_OK(http_date_parse(&seconds, bytes_text(row->text), &err), &err);
    }
    assert_int_equal(seconds, row->seconds);
}

struct ping_row {
    const char *name;
    struct rule rule;
    bool login; /* there are credentials */
    long status;
    bool clock_told;
};

#define GET "GET /v2/ "

static const struct ping_row pings[] = {
    { "open",
      { GET, NULL, NULL, 200, "Date: Tue, 24 Nov 2020 22:12:57 GMT\r\n", "{}" },
      false,
      200,
      true },
    { "wants credentials",
      { GET, NULL, "Authorization", 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "" },
      true,
      401,
      false },
    { "no registry", { GET, NULL, NULL, 404, "Date: yesterday\r\n", "" }, false, 404, false },
    { "elsewhere",
      { GET, NULL, NULL, 302, "Location: https://example.com/\r\n", "" },
      false,
      302,
      false },
};

static void test_ping(void **state)
{
    const struct ping_row *row = *state;
    const struct rule rules[] = { row->rule, { .request = NULL } };
    struct server server;
    struct folder f;
    struct registries *CLEANUP(registries_freep) r = NULL;
    struct registry_ping ping;
    struct err err = ERR_INIT;
    char text[256] = "{}";

    assert_int_equal(folder_make(&f), 0);
    server_start(&server, rules);
    if (row->login)
        snprintf(text, sizeof(text), "{\"auths\":{\"%s\":{\"username\":\"a\",\"password\":\"b\"}}}",
                 server.host);
    assert_int_equal(folder_write(&f, "login.json", text, 0600), 0);
    const struct registries_options options = { .auth_file = folder_path(&f, "login.json"),
                                                .plain_http = true };
    EXPECT_OK(registries_new(&r, &options, &err), &err);
    EXPECT_OK(registry_ping(&ping, r, server.host, clock_deadline(10000), &err), &err);
    assert_int_equal(ping.status, row->status);
    assert_true(ping.plain);
    assert_int_equal(ping.credentials, row->login);
    assert_int_equal(ping.clock_told, row->clock_told);
    if (row->clock_told)
        assert_true(ping.ahead < -86400);
    registries_freep(&r);
    server_stop(&server);
    folder_remove(&f);
}

static void test_refused(void **state)
{
    struct registries *CLEANUP(registries_freep) r = NULL;
    struct registry_ping ping;
    struct err err = ERR_INIT;
    const struct registries_options options = { .auth_file = no_credentials(), .plain_http = true };
    const struct registries_options missing = { .auth_file = "missing.json", .plain_http = true };

    (void)state;
    EXPECT_OK(registries_new(&r, &options, &err), &err);
    EXPECT_ERR(registry_ping(&ping, r, "127.0.0.1:1", clock_deadline(3000), &err), &err,
               ERR_NETWORK, "refused");
    assert_int_equal(ping.status, 0);
    registries_freep(&r);
    EXPECT_OK(registries_new(&r, &missing, &err), &err);
    EXPECT_ERR(registry_ping(&ping, r, "127.0.0.1:1", clock_deadline(3000), &err), &err, ERR_CONFIG,
               "missing.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_refused) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(dates, test_date);
    failed += RUN_ROWS(pings, test_ping);
    return failed != 0;
}
