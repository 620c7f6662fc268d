#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "registry/token.h"

/* --- The answer of a token server --- */

struct answer {
    const char *name;
    const char *body;
    enum err_code code;
    const char *word; /* of the text, or the token */
    int64_t life_s;
};

static const struct answer answers[] = {
    { "token", "{\"token\":\"abc.def\"}", ERR_NONE, "abc.def", 60 },
    { "access", "{\"access_token\":\"abc\",\"expires_in\":300}", ERR_NONE, "abc", 300 },
    { "both", "{\"token\":\"a\",\"access_token\":\"b\",\"expires_in\":61}", ERR_NONE, "b", 61 },
    { "empty access", "{\"token\":\"a\",\"access_token\":\"\"}", ERR_NONE, "a", 60 },
    { "null access", "{\"token\":\"a\",\"access_token\":null}", ERR_NONE, "a", 60 },
    { "escaped", "{\"token\":\"\\u0061b\"}", ERR_NONE, "ab", 60 },
    { "short life", "{\"token\":\"a\",\"expires_in\":5}", ERR_NONE, "a", 60 },
    { "no life", "{\"token\":\"a\",\"expires_in\":0}", ERR_NONE, "a", 60 },
    { "long life", "{\"token\":\"a\",\"expires_in\":3601}", ERR_NONE, "a", 3600 },
    { "endless", "{\"token\":\"a\",\"expires_in\":1e99}", ERR_NONE, "a", 60 },
    { "life in words", "{\"token\":\"a\",\"expires_in\":\"300\"}", ERR_NONE, "a", 60 },
    { "extra", "{\"token\":\"a\",\"scope\":\"x\",\"issued_at\":\"y\"}", ERR_NONE, "a", 60 },
    { "negative", "{\"token\":\"a\",\"expires_in\":-1}", ERR_MALFORMED, "negative", 0 },
    { "none", "{}", ERR_MALFORMED, "no token", 0 },
    { "empty", "{\"token\":\"\"}", ERR_MALFORMED, "visible", 0 },
    { "number", "{\"token\":5}", ERR_MALFORMED, "token", 0 },
    { "line break", "{\"token\":\"a\\r\\nX: y\"}", ERR_MALFORMED, "visible", 0 },
    { "space", "{\"token\":\"a b\"}", ERR_MALFORMED, "visible", 0 },
    { "not ASCII", "{\"token\":\"\xc3\xa9\"}", ERR_MALFORMED, "visible", 0 },
    { "twice", "{\"token\":\"a\",\"token\":\"b\"}", ERR_MALFORMED, "", 0 },
    { "other case", "{\"Token\":\"a\",\"token\":\"b\"}", ERR_MALFORMED, "", 0 },
    { "array", "[\"a\"]", ERR_MALFORMED, "", 0 },
    { "no body", "", ERR_MALFORMED, "", 0 },
    { "HTML", "<html>", ERR_MALFORMED, "", 0 },
};

static void answers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        const struct answer *a = &answers[i];
        struct secret *CLEANUP(secret_freep) token = NULL;
        struct err err = ERR_INIT;
        int64_t life;
        int result = token_parse(&token, &life, bytes_text(a->body), &err);
        if ((result == 0) != (a->code == ERR_NONE) || err.code != a->code)
            fail_msg("%s: %s: %s", a->name, err_name(err.code), err_text(&err));
        if (result == 0) {
            if (!bytes_is(secret_bytes(token), a->word) || life != a->life_s * 1000)
                fail_msg("%s: another token or life", a->name);
        } else if (token != NULL || strstr(err_text(&err), a->word) == NULL) {
            fail_msg("%s: %s", a->name, err_text(&err));
        }
    }
}

static void token_size_at_its_limit(void **state)
{
    struct buf CLEANUP(buf_clear) body = BUF_INIT(2 * TOKEN_MAX);
    struct secret *token;
    struct err err = ERR_INIT;
    int64_t life;

    (void)state;
    for (size_t n = TOKEN_MAX; n <= TOKEN_MAX + 1; n++) {
        buf_reset(&body);
        buf_add_text(&body, "{\"token\":\"");
        for (size_t i = 0; i < n; i++)
            buf_add_char(&body, 'x');
        buf_add_text(&body, "\"}");
        int result = token_parse(&token, &life, buf_bytes(&body), &err);
        assert_int_equal(result, n == TOKEN_MAX ? 0 : -1);
        secret_free(token);
    }
    assert_int_equal(err.code, ERR_LIMIT);
}

/* --- Scopes --- */

static void scopes_have_one_form(void **state)
{
    static const char *const rows[][2] = {
        { "repository:a/b:push,pull", "repository:a/b:pull,push" },
        { "repository:a/b:pull,pull", "repository:a/b:pull" },
        { "repository:a/b:pull,*,push", "repository:a/b:*" },
        { "  repository:b:pull   repository:a:pull ", "repository:a:pull repository:b:pull" },
        { "repository:a:push,pull repository:a:pull,push", "repository:a:pull,push" },
        { "repository:host:5000/a:pull", "repository:host:5000/a:pull" },
        { "registry:catalog:*", "registry:catalog:*" },
        { "odd", "odd" },
        { "", "" },
    };
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf CLEANUP(buf_clear) out = BUF_INIT(1024);
        assert_int_equal(scope_canonical(&out, bytes_text(rows[i][0]), &err), 0);
        assert_string_equal(buf_text(&out), rows[i][1]);
    }
}

/* --- Realms --- */

struct realm {
    const char *registry;
    const char *realm;
    enum { REFUSED, ANONYMOUS, TRUSTED } want;
};

static const struct realm realms[] = {
    { "https://registry.example.com/v2/", "https://registry.example.com/token", TRUSTED },
    { "https://registry.example.com/v2/", "https://REGISTRY.example.com/token?a=b", TRUSTED },
    { "https://registry.example.com:5000/v2/", "https://registry.example.com/token", TRUSTED },
    { "https://registry.example.com/v2/", "https://auth.example.com/token", TRUSTED },
    { "https://registry.example.com/v2/", "https://example.com/token", TRUSTED },
    { "https://registry.example.com/v2/", "https://a.b.example.com/token", TRUSTED },
    { "https://registry-1.docker.io/v2/", "https://auth.docker.io/token", TRUSTED },
    { "https://registry.gitlab.com/v2/", "https://gitlab.com/jwt/auth", TRUSTED },
    { "https://example.com/v2/", "https://auth.example.com/token", ANONYMOUS },
    { "https://registry.example.com/v2/", "https://evil.example/token", ANONYMOUS },
    { "https://registry.example.com/v2/", "https://evilexample.com/token", ANONYMOUS },
    { "https://registry.example.com/v2/", "https://example.com.evil.net/token", ANONYMOUS },
    { "https://evil.co.uk/v2/", "https://victim.co.uk/token", ANONYMOUS },
    { "https://evil.azurecr.io/v2/", "https://victim.azurecr.io/token", ANONYMOUS },
    { "https://evil.amazonaws.com/v2/", "https://x.amazonaws.com/token", ANONYMOUS },
    { "https://192.0.2.1/v2/", "https://192.0.2.2/token", ANONYMOUS },
    { "https://192.0.2.1:5000/v2/", "https://192.0.2.1:5001/token", TRUSTED },
    { "http://127.0.0.1:5000/v2/", "http://127.0.0.1:5001/token", TRUSTED },
    { "http://localhost:5000/v2/", "https://localhost:5001/token", TRUSTED },
    { "https://registry.example.com/v2/", "http://registry.example.com/token", REFUSED },
    { "https://registry.example.com/v2/", "https://127.0.0.1/token", REFUSED },
    { "https://registry.example.com/v2/", "https://localhost/token", REFUSED },
    { "https://registry.example.com/v2/", "https://[::1]/token", REFUSED },
    { "https://registry.example.com/v2/", "https://169.254.169.254/latest", REFUSED },
    { "https://registry.example.com/v2/", "https://user@registry.example.com/token", REFUSED },
    { "https://registry.example.com/v2/", "https://registry.example.com/token#x", REFUSED },
    { "https://registry.example.com/v2/", "/token", REFUSED },
    { "https://registry.example.com/v2/", "file:///etc/passwd", REFUSED },
    { "https://registry.example.com/v2/", "https://", REFUSED },
    { "https://registry.example.com/v2/", "", REFUSED },
};

static void realms_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(realms); i++) {
        const struct realm *r = &realms[i];
        struct err err = ERR_INIT;
        bool trusted;
        int result = realm_check(&trusted, r->realm, r->registry, &err);
        int got = result != 0 ? REFUSED : trusted ? TRUSTED : ANONYMOUS;
        if (got != (int)r->want || (result != 0 && (err.code != ERR_AUTH || trusted)))
            fail_msg("%s for %s: %d, %s", r->realm, r->registry, got, err_text(&err));
    }
}

static void loopback_names(void **state)
{
    static const char *const yes[] = { "localhost", "localhost:5000", "x.localhost:1",
                                       "127.0.0.1", "127.1.2.3:5000", "[::1]",
                                       "[::1]:5000" };
    static const char *const no[] = { "localhost.example.com",
                                      "127.0.0.1.example.com",
                                      "notlocalhost",
                                      "10.0.0.1",
                                      "[::2]",
                                      "127.0.0",
                                      "" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(host_is_loopback(yes[i]));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(host_is_loopback(no[i]));
}

/* --- The cache --- */

static struct secret *make_token(const char *text)
{
    struct secret *s;
    struct err err = ERR_INIT;

    assert_int_equal(secret_copy(&s, bytes_text(text), &err), 0);
    return s;
}

static void tokens_are_kept_per_key(void **state)
{
    struct tokens *t;
    struct secret *found, *CLEANUP(secret_freep) token = make_token("abc");
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(tokens_new(&t, &err), 0);
    assert_int_equal(tokens_find(&found, t, "k", &err), 0);
    assert_null(found);
    assert_int_equal(tokens_claim(&found, t, "k", clock_deadline(100), &err), 0);
    assert_null(found);
    assert_int_equal(tokens_find(&found, t, "k", &err), 0); /* being asked for */
    assert_null(found);
    assert_int_equal(tokens_claim(&found, t, "k", clock_deadline(50), &err), -1);
    assert_int_equal(err.code, ERR_DEADLINE);
    tokens_put(t, "k", token, TOKEN_LIFE_MIN_MS);
    assert_int_equal(tokens_find(&found, t, "k", &err), 0);
    assert_true(bytes_is(secret_bytes(found), "abc"));
    secret_free(found);
    assert_int_equal(tokens_find(&found, t, "other", &err), 0);
    assert_null(found);
    tokens_forget(t, "k", BYTES_LIT("newer"));
    assert_int_equal(tokens_find(&found, t, "k", &err), 0);
    assert_non_null(found);
    secret_free(found);
    tokens_forget(t, "k", BYTES_LIT("abc"));
    assert_int_equal(tokens_find(&found, t, "k", &err), 0);
    assert_null(found);
    tokens_free(t);
}

static void token_near_its_end_is_not_used(void **state)
{
    struct tokens *t;
    struct secret *found, *CLEANUP(secret_freep) token = make_token("abc");
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(tokens_new(&t, &err), 0);
    assert_int_equal(tokens_claim(&found, t, "k", clock_deadline(100), &err), 0);
    tokens_put(t, "k", token, 9000);
    assert_int_equal(tokens_claim(&found, t, "k", clock_deadline(100), &err), 0);
    assert_null(found);
    tokens_put(t, "k", NULL, 0); /* failed: the next one asks */
    assert_int_equal(tokens_claim(&found, t, "k", clock_deadline(100), &err), 0);
    assert_null(found);
    tokens_put(t, "k", NULL, 0);
    tokens_free(t);
}

static void cache_is_bounded(void **state)
{
    struct tokens *t;
    struct secret *found, *CLEANUP(secret_freep) token = make_token("abc");
    struct err err = ERR_INIT;
    char key[20];

    (void)state;
    assert_int_equal(tokens_new(&t, &err), 0);
    for (int i = 0; i <= TOKENS_MAX; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(tokens_claim(&found, t, key, clock_deadline(100), &err), 0);
        assert_null(found);
        tokens_put(t, key, i < TOKENS_MAX ? token : NULL, TOKEN_LIFE_MIN_MS + i);
    }
    assert_int_equal(tokens_find(&found, t, "k0", &err), 0); /* the first to end made room */
    assert_null(found);
    assert_int_equal(tokens_find(&found, t, "k1", &err), 0);
    assert_non_null(found);
    secret_free(found);
    tokens_free(t);
}

struct asker {
    struct tokens *tokens;
    int *asked;
    bool got;
};

static void *ask(void *context)
{
    struct asker *a = context;
    struct secret *CLEANUP(secret_freep) found = NULL;
    struct err err = ERR_INIT;

    if (tokens_claim(&found, a->tokens, "k", clock_deadline(5000), &err) != 0)
        return NULL;
    if (found == NULL) {
        struct secret *CLEANUP(secret_freep) token = make_token("abc");
        __atomic_add_fetch(a->asked, 1, __ATOMIC_SEQ_CST);
        usleep(20000);
        tokens_put(a->tokens, "k", token, TOKEN_LIFE_MIN_MS);
        a->got = true;
        return NULL;
    }
    a->got = bytes_is(secret_bytes(found), "abc");
    return NULL;
}

static void one_asks_for_all(void **state)
{
    struct tokens *t;
    struct asker askers[8];
    pthread_t threads[8];
    struct err err = ERR_INIT;
    int asked = 0;

    (void)state;
    assert_int_equal(tokens_new(&t, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        askers[i] = (struct asker) { t, &asked, false };
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(askers); i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < ARRAY_LEN(askers); i++)
        assert_true(askers[i].got);
    assert_int_equal(asked, 1);
    tokens_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(token_size_at_its_limit),
        cmocka_unit_test(scopes_have_one_form),
        cmocka_unit_test(realms_are_judged),
        cmocka_unit_test(loopback_names),
        cmocka_unit_test(tokens_are_kept_per_key),
        cmocka_unit_test(token_near_its_end_is_not_used),
        cmocka_unit_test(cache_is_bounded),
        cmocka_unit_test(one_asks_for_all),
    };
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
