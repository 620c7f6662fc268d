#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_private.h"

struct resolve_row {
    const char *base, *location, *out; /* out NULL: refused */
};

static const struct resolve_row resolve_rows[] = {
    { "https://r.example/v2/a", "/v2/b", "https://r.example/v2/b" },
    { "https://r.example/v2/a", "b", "https://r.example/v2/b" },
    { "https://r.example/v2/a?x=1", "?n=2", "https://r.example/v2/a?n=2" },
    { "https://r.example/v2/a", "//s.example/c", "https://s.example/c" },
    { "https://r.example/v2/a", "https://S.Example:8443/c#f", "https://s.example:8443/c" },
    { "https://r.example/v2/a", "HTTP://s.example/c", "http://s.example/c" },
    { "https://r.example/a/b/c", "../../../d", "https://r.example/d" },
    { "http://[::1]:5000/a", "/b?c=d%2Fe", "http://[::1]:5000/b?c=d%2Fe" },
    { "https://r.example", "/b", "https://r.example/b" },
    { "https://r.example/a", "", NULL },
    { "https://r.example/a", "ftp://r.example/", NULL },
    { "https://r.example/a", "file:///etc/passwd", NULL },
    { "https://r.example/a", "javascript:alert(1)", NULL },
    { "https://r.example/a", "https://u@s.example/", NULL },
    { "https://r.example/a", "https://u:p@s.example/", NULL },
    { "https://r.example/a", "//u:p@s.example/", NULL },
    { "https://r.example/a", "https:///x", NULL },
    { "https://r.example/a", "https://", NULL },
    { "https://r.example/a", "https:/x", NULL },
    { "https://r.example/a", "http:x", NULL },
    { "https://r.example/a", "///x", NULL },
    { "https://r.example/a", "https://s.example\\@t.example/", NULL },
    { "https://r.example/a", "/b c", NULL },
    { "https://r.example/a", "/b\tc", NULL },
    { "https://r.example/a", "/b\nc", NULL },
    { "https://r.example/a", "/\xc3\xa9", NULL },
    { "https://r.example/a", "https://s.example:0/", NULL },
    { "https://r.example/a", "https://s.example:65536/", NULL },
    { "https://r.example/a", "https://s.example:8a/", NULL },
    { "https://r.example/a", "https://[fe80::1%25eth0]/", NULL },
    { "https://r.example/a", "https://[::1/", NULL },
    { "https://r.example/a", "https://s%2eexample%00/", NULL },
    { "ftp://r.example/a", "/b", NULL },
    { "r.example/a", "/b", NULL },
    { "", "/b", NULL },
};

static void test_resolve(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(resolve_rows); i++) {
        const struct resolve_row *row = &resolve_rows[i];
        struct buf CLEANUP(buf_clear) out = BUF_INIT(URL_MAX);
        struct err err = ERR_INIT;
        int result = http_resolve(&out, row->base, bytes_text(row->location), &err);
        if ((result == 0) != (row->out != NULL))
            fail_msg("%s + %s: %s%s", row->base, row->location, buf_text(&out), err_text(&err));
        assert_int_equal(err.code, row->out != NULL ? ERR_NONE : ERR_MALFORMED);
        assert_string_equal(buf_text(&out), row->out != NULL ? row->out : "");
    }
}

static void test_resolve_length(void **state)
{
    struct buf CLEANUP(buf_clear) location = BUF_INIT(URL_MAX + 1);
    struct buf CLEANUP(buf_clear) out = BUF_INIT(URL_MAX);
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&location, "https://r.example/");
    while (location.len < URL_MAX)
        buf_add_char(&location, 'x');
    assert_int_equal(http_resolve(&out, "https://r.example/", buf_bytes(&location), &err), 0);
    assert_int_equal(out.len, URL_MAX);
    buf_reset(&out);
    buf_add_char(&location, 'x');
    assert_int_equal(http_resolve(&out, "https://r.example/", buf_bytes(&location), &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_non_null(strstr(err_text(&err), "too long"));
    assert_int_equal(http_resolve(&out, "https://r.example/",
                                  (struct bytes) { (const uint8_t *)"/a\0b", 4 }, &err),
                     -1);
}

static void test_origin(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        { "https://r.example/a", "https://R.EXAMPLE:443/b?c", true },
        { "http://r.example/a", "http://r.example:80", true },
        { "http://[::1]:1/a", "http://[::1]:1/", true },
        { "https://r.example/", "http://r.example/", false },
        { "https://r.example:80/", "http://r.example/", false },
        { "https://r.example/", "https://r.example:444/", false },
        { "https://r.example/", "https://r.example./", false },
        { "https://r.example/", "https://s.r.example/", false },
        { "https://r.example/", "https://r.exampl/", false },
        { "https://r.example/", "https://r.example@s.example/", false },
        { "nonsense", "nonsense", false },
        { "", "", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (http_same_origin(rows[i].a, rows[i].b) != rows[i].same ||
            http_same_origin(rows[i].b, rows[i].a) != rows[i].same)
            fail_msg("%s %s", rows[i].a, rows[i].b);
}

static void test_host(void **state)
{
    static const struct {
        const char *url, *host;
    } rows[] = {
        { "https://R.Example/a", "r.example" },
        { "https://r.example:443/a", "r.example" },
        { "http://r.example:443/a", "r.example:443" },
        { "http://r.example:80/a", "r.example" },
        { "https://r.example:0443/a", "r.example" },
        { "http://127.0.0.1:5000", "127.0.0.1:5000" },
        { "http://2130706433/", "127.0.0.1" },
        { "https://[::1]:5000/", "[::1]:5000" },
        { "https://r.example:/", "r.example" },
        { "https://r.example:x/", NULL },
        { "https:/r.example/", NULL },
        { "//r.example/", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf CLEANUP(buf_clear) out = BUF_INIT(URL_MAX);
        struct err err = ERR_INIT;
        int result = http_url_host(&out, rows[i].url, &err);
        if ((result == 0) != (rows[i].host != NULL) ||
            strcmp(buf_text(&out), rows[i].host != NULL ? rows[i].host : "") != 0)
            fail_msg("%s: %s%s", rows[i].url, buf_text(&out), err_text(&err));
    }
}

static void test_host_length(void **state)
{
    char url[600];

    (void)state;
    for (int len = 240; len < 260; len++) {
        struct buf CLEANUP(buf_clear) out = BUF_INIT(URL_MAX);
        memcpy(url, "https://", 8);
        memset(url + 8, 'a', (size_t)len);
        memcpy(url + 8 + len, ":8443/", 7);
        bool fits = (size_t)len < HTTP_HOST_MAX - sizeof(":65535");
        assert_int_equal(http_url_host(&out, url, NULL) == 0, fits);
    }
}

static void test_escape(void **state)
{
    struct buf CLEANUP(buf_clear) out = BUF_INIT(100);

    (void)state;
    http_escape(&out, (struct bytes) { (const uint8_t *)"aZ09-._~ /:?#%\0\xff", 16 });
    assert_string_equal(buf_text(&out), "aZ09-._~%20%2F%3A%3F%23%25%00%FF");
}

/* One address inside each refused block, and its public neighbours. */
static void test_address(void **state)
{
    static const struct {
        const char *host;
        bool is_public;
    } rows[] = {
        { "0.0.0.0", false },
        { "1.0.0.0", true },
        { "9.255.255.255", true },
        { "10.0.0.1", false },
        { "11.0.0.0", true },
        { "100.63.255.255", true },
        { "100.64.0.0", false },
        { "100.127.255.255", false },
        { "100.128.0.0", true },
        { "127.0.0.1", false },
        { "169.253.255.255", true },
        { "169.254.169.254", false },
        { "172.15.255.255", true },
        { "172.16.0.0", false },
        { "172.31.255.255", false },
        { "172.32.0.0", true },
        { "192.0.0.8", false },
        { "192.0.1.0", true },
        { "192.168.1.1", false },
        { "192.169.0.0", true },
        { "198.17.255.255", true },
        { "198.19.255.255", false },
        { "198.20.0.0", true },
        { "223.255.255.255", true },
        { "224.0.0.1", false },
        { "240.0.0.1", false },
        { "255.255.255.255", false },
        { "8.8.8.8", true },
        { "[::]", false },
        { "[::1]", false },
        { "[::7f00:1]", false },
        { "[::ffff:10.0.0.1]", false },
        { "[::ffff:8.8.8.8]", true },
        { "[64:ff9b::7f00:1]", false },
        { "[64:ff9b::808:808]", true },
        { "[64:ff9b:1::a00:1]", false },
        { "[2002:a9fe:a9fe::1]", false },
        { "[2002:808:808::1]", true },
        { "[fe80::1]", false },
        { "[febf::1]", false },
        { "[fec0::1]", false },
        { "[fc00::1]", false },
        { "[fd00:ec2::254]", false },
        { "[ff02::1]", false },
        { "[2001:4860:4860::8888]", true },
        { "[:::]", false },
        { "r.example", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (http_host_literal_public(rows[i].host) != rows[i].is_public)
            fail_msg("%s", rows[i].host);
}

static void test_socket_address(void **state)
{
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    struct sockaddr other = { .sa_family = AF_UNIX };
    char text[INET6_ADDRSTRLEN];

    (void)state;
    in4.sin_addr.s_addr = htonl(0x08080808);
    assert_true(http_address_public((struct sockaddr *)&in4));
    http_address_text(text, (struct sockaddr *)&in4);
    assert_string_equal(text, "8.8.8.8");
    in4.sin_addr.s_addr = htonl(0xa9fea9fe);
    assert_false(http_address_public((struct sockaddr *)&in4));
    in6.sin6_addr = in6addr_loopback;
    assert_false(http_address_public((struct sockaddr *)&in6));
    http_address_text(text, (struct sockaddr *)&in6);
    assert_string_equal(text, "::1");
    assert_false(http_address_public(&other));
    http_address_text(text, &other);
    assert_string_equal(text, "unknown");
}

static void test_proxy(void **state)
{
    static const struct {
        const char *url, *none, *proxy;
    } rows[] = {
        { "http://r.example/", NULL, "http://p:1" },
        { "https://r.example/", NULL, "http://s:1" },
        { "https://localhost/", NULL, "" },
        { "https://a.localhost/", NULL, "" },
        { "https://127.8.8.8/", NULL, "" },
        { "https://[::1]/", NULL, "" },
        { "https://[::2]/", NULL, "http://s:1" },
        { "https://r.example/", "*", "" },
        { "https://r.example/", "r.example", "" },
        { "https://r.example/", "x, .R.Example", "" },
        { "https://a.r.example/", "r.example", "" },
        { "https://ar.example/", "r.example", "http://s:1" },
        { "https://r.example/", "a.r.example", "http://s:1" },
        { "https://r.example/", ",. ,", "http://s:1" },
        { "https://10.1.2.3/", "10.0.0.0/8", "" },
        { "https://11.1.2.3/", "10.0.0.0/8", "http://s:1" },
        { "https://10.1.2.3/", "10.0.0.0/33", "http://s:1" },
        { "https://10.1.2.3/", "10.0.0.0/", "http://s:1" },
        { "https://10.1.2.3/", "10.1.2.3", "" },
        { "https://10.1.2.3/", "2.3", "http://s:1" },
        { "https://[2001:db8::1]/", "2001:db8::/32", "" },
        { "https://[2001:db8::1]/", "[2001:db8::1]", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_url CLEANUP(http_url_clear) url = { 0 };
        struct http_proxies CLEANUP(http_proxies_clear) proxies = { 0 };
        struct err err = ERR_INIT;
        unsetenv("all_proxy");
        unsetenv("ALL_PROXY");
        setenv("http_proxy", "http://p:1", 1);
        setenv("https_proxy", "http://s:1", 1);
        setenv("no_proxy", rows[i].none == NULL ? "" : rows[i].none, 1);
        unsetenv("NO_PROXY");
        assert_int_equal(http_proxies_read(&proxies, &err), 0);
        assert_int_equal(http_url_parse(&url, rows[i].url, &err), 0);
        if (strcmp(http_proxy_for(&proxies, &url), rows[i].proxy) != 0)
            fail_msg("%s %s: %s", rows[i].url, rows[i].none, http_proxy_for(&proxies, &url));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve),     cmocka_unit_test(test_resolve_length),
        cmocka_unit_test(test_origin),      cmocka_unit_test(test_host),
        cmocka_unit_test(test_host_length), cmocka_unit_test(test_escape),
        cmocka_unit_test(test_address),     cmocka_unit_test(test_socket_address),
        cmocka_unit_test(test_proxy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
