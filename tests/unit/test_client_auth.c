/* Authentication of the client: token dance, lies and traps. */
#include "tests/unit/script.h"

static const struct rule token_dance[] = {
    { "GET /token?service=here&scope=repository%3Ademo%2Fapp%3Apull", NULL, NULL, 200, NULL,
      "{\"token\":\"T1\",\"expires_in\":300}" },
    { "GET /v2/", "Authorization: Bearer T1\r\n", NULL, 200, INDEX_TYPE, INDEX_BODY },
    { "GET /v2/", NULL, NULL, 401, BEARER, "{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}" },
    END
};

static void one_token_for_a_batch(void **state)
{
    struct server s;
    struct fetch f[4];
    (void)state;
    server_start(&s, token_dance);
    struct opened o = open_at(s.host, NULL);

    for (size_t i = 0; i < ARRAY_LEN(f); i++)
        f[i] = by_tag();
    store_fetch(o.store, f, ARRAY_LEN(f), soon());
    for (size_t i = 0; i < ARRAY_LEN(f); i++) {
        assert_int_equal(f[i].err.code, ERR_NONE);
        fetch_clear(&f[i]);
    }
    assert_int_equal(count(&s, "GET /token"), 1);
    assert_int_equal(count(&s, "Authorization: Basic"), 0);
    expect(o.store, by_tag(), ERR_NONE, "");
    assert_int_equal(count(&s, "GET /token"), 1); /* the token is kept */
    assert_int_equal(count(&s, "GET /v2/"), 4 + 4 + 1);
    close_it(&o);
    server_stop(&s);
}

static void credentials_go_to_the_realm_of_the_host(void **state)
{
    struct server s;
    (void)state;
    server_start(&s, token_dance);
    struct opened o = open_at(s.host, "me");

    expect(o.store, by_tag(), ERR_NONE, "");
    /* base64("me:secret"), to the token server and nowhere else */
    assert_int_equal(count(&s, "Authorization: Basic bWU6c2VjcmV0\r\n"), 1);
    close_it(&o);
    server_stop(&s);
}

static void refused_token_is_final(void **state)
{
    static const struct rule rules[] = {
        { "GET /token", NULL, NULL, 200, NULL, "{\"token\":\"T1\"}" },
        { "GET /v2/", NULL, NULL, 401,
          "WWW-Authenticate: Bearer realm=\"http://%H/token\",scope=\"repository:demo/app:pull\","
          "error=\"insufficient_scope\"\r\n",
          "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"no\\u001b[2J\"}]}" },
        END
    };
    struct server s;
    (void)state;
    server_start(&s, rules);
    struct opened o = open_at(s.host, NULL);

    expect(o.store, by_tag(), ERR_AUTH, "HTTP 401: UNAUTHORIZED: no\\u001b[2J (no credentials");
    assert_int_equal(count(&s, "GET /v2/"), 2);
    assert_int_equal(count(&s, "GET /token"), 1);
    close_it(&o);
    server_stop(&s);
}

static void realms_that_are_traps(void **state)
{
    static const struct {
        const char *challenge;
        const char *word;
    } rows[] = {
        { "WWW-Authenticate: Bearer realm=\"file:///etc/passwd\"\r\n", "realm" },
        { "WWW-Authenticate: Bearer realm=\"http://user@%H/token\"\r\n", "realm" },
        { "WWW-Authenticate: Negotiate\r\n", "401" },
        { "WWW-Authenticate: Digest realm=\"x\"\r\n", "401" },
        { "", "401" },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct rule rules[] = { { "GET /v2/", NULL, NULL, 401, rows[i].challenge, "" }, END };
        struct server s;
        server_start(&s, rules);
        struct opened o = open_at(s.host, "me");
        expect(o.store, by_tag(), ERR_AUTH, rows[i].word);
        assert_int_equal(count(&s, "Authorization"), 0);
        close_it(&o);
        server_stop(&s);
    }
}

static void bad_token_answers(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum err_code code;
    } rows[] = {
        { 200, "{}", ERR_MALFORMED }, { 200, "{\"token\":\"a\\r\\nX: y\"}", ERR_MALFORMED },
        { 401, "", ERR_AUTH },        { 403, "", ERR_AUTH },
        { 404, "", ERR_AUTH },        { 302, "", ERR_AUTH },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct rule rules[] = { { "GET /token", NULL, NULL, rows[i].status,
                                        "Location: http://%O/\r\n", rows[i].body },
                                      { "GET /v2/", NULL, NULL, 401, BEARER, "" },
                                      END };
        struct server s, other;
        server_start(&other, (const struct rule[]) { END });
        server_start(&s, rules);
        s.other = other.host;
        struct opened o = open_at(s.host, "me");
        expect(o.store, by_tag(), rows[i].code, "token for 127.0.0.1");
        assert_int_equal(other.log.len, 0);
        close_it(&o);
        server_stop(&s);
        server_stop(&other);
    }
}

static void basic_is_sent_at_once_when_learnt(void **state)
{
    static const struct rule rules[] = {
        { "GET /v2/", "Authorization: Basic bWU6c2VjcmV0\r\n", NULL, 200, INDEX_TYPE, INDEX_BODY },
        { "GET /v2/", NULL, NULL, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "" },
        END
    };
    struct server s;
    (void)state;
    server_start(&s, rules);
    struct opened o = open_at(s.host, "me");

    expect(o.store, by_tag(), ERR_NONE, "");
    assert_int_equal(count(&s, "GET /v2/"), 2);
    expect(o.store, by_tag(), ERR_NONE, "");
    assert_int_equal(count(&s, "GET /v2/"), 3);
    close_it(&o);
    o = open_at(s.host, "other"); /* wrong: asked once, not again and again */
    expect(o.store, by_tag(), ERR_AUTH, "no permission");
    assert_int_equal(count(&s, "GET /v2/"), 5);
    close_it(&o);
    o = open_at(s.host, NULL);
    expect(o.store, by_tag(), ERR_AUTH, "no credentials");
    close_it(&o);
    server_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_token_for_a_batch),
        cmocka_unit_test(credentials_go_to_the_realm_of_the_host),
        cmocka_unit_test(refused_token_is_final),
        cmocka_unit_test(realms_that_are_traps),
        cmocka_unit_test(bad_token_answers),
        cmocka_unit_test(basic_is_sent_at_once_when_learnt),
    };
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
