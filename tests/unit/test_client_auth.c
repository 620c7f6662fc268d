/* Authentication of the client: token dance, lies and traps. */
#include "tests/unit/script.h"

#include "registry/credentials.h"
#include "tests/unit/expect.h"

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

/* A credential of whoever asks: for "demo/app" of one host, and how often it was asked for. */
struct tenant {
    struct credential_source source;
    const char *host;
    const char *user; /* NULL: has none */
    bool fails;
    int asked;
};

static int tenant_find(void *context, struct credential *out, const char *host,
                       const char *repository, struct err *err)
{
    struct tenant *t = context;

    *out = (struct credential) { .kind = CREDENTIAL_NONE };
    t->asked++;
    assert_string_equal(host, t->host);
    assert_string_equal(repository, "demo/app");
    if (t->fails)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (t->user == NULL)
        return 0;
    out->kind = CREDENTIAL_BASIC;
    out->username = strdup(t->user);
    return secret_copy(&out->secret, BYTES_LIT("secret"), err);
}

static struct store *open_as(struct tenant *t, const struct opened *o, const char *host)
{
    const struct reference ref = { .host = (char *)(uintptr_t)host,
                                   .repository = (char *)(uintptr_t) "demo/app" };
    struct store *store;
    struct err err = ERR_INIT;

    t->host = host;
    t->source = (struct credential_source) { tenant_find, t };
    EXPECT_OK(store_open_with(&store, o->registries, &ref, &t->source, &err), &err);
    return store;
}

/* The tenant's first, the configured ones where he has none; a token that one was given is nobody
 * else's. */
static void tenants_have_their_own(void **state)
{
    static const struct rule rules[] = {
        { "GET /token", "Authorization: Basic bWU6c2VjcmV0\r\n", NULL, 200, NULL,
          "{\"token\":\"T1\",\"expires_in\":300}" },
        { "GET /token", NULL, NULL, 401, NULL, "" },
        { "GET /v2/", "Authorization: Bearer T1\r\n", NULL, 200, INDEX_TYPE, INDEX_BODY },
        { "GET /v2/", NULL, NULL, 401, BEARER, "" },
        END
    };
    struct server s;
    struct tenant me = { .user = "me" }, other = { .user = "other" }, none = { .user = NULL };
    (void)state;
    server_start(&s, rules);
    struct opened o = open_at(s.host, NULL);

    struct store *store = open_as(&me, &o, s.host);
    expect(store, by_tag(), ERR_NONE, "");
    expect(store, by_tag(), ERR_NONE, "");
    assert_int_equal(me.asked, 1);
    store_free(store);
    store = open_as(&other, &o, s.host);
    expect(store, by_tag(), ERR_AUTH, "token for");
    store_free(store);
    store = open_as(&none, &o, s.host);
    expect(store, by_tag(), ERR_AUTH, "token for");
    store_free(store);
    expect(o.store, by_tag(), ERR_AUTH, "token for");
    close_it(&o);
    o = open_at(s.host, "me"); /* configured */
    store = open_as(&none, &o, s.host);
    expect(store, by_tag(), ERR_NONE, "");
    assert_int_equal(none.asked, 2);
    store_free(store);
    store = open_as(&other, &o, s.host);
    expect(store, by_tag(), ERR_AUTH, "token for");
    store_free(store);
    close_it(&o);
    server_stop(&s);
}

static void source_that_fails(void **state)
{
    static const struct rule rules[] = { { "GET /v2/", NULL, NULL, 401, BEARER, "" }, END };
    struct server s;
    struct tenant t = { .fails = true };
    (void)state;
    server_start(&s, rules);
    struct opened o = open_at(s.host, "me");

    struct store *store = open_as(&t, &o, s.host);
    expect(store, by_tag(), ERR_NOMEM, "out of memory");
    assert_int_equal(count(&s, "GET /token"), 0);
    store_free(store);
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
        cmocka_unit_test(tenants_have_their_own),
        cmocka_unit_test(source_that_fails),
    };
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
