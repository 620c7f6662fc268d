/* Secrets of a cluster that hold credentials for registries: their forms, and the kubelet's
 * search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/text.h"
#include "registry/pull_secret.h"
#include "tests/unit/expect.h"

#define CONFIG "kubernetes.io/dockerconfigjson"
#define BARE "kubernetes.io/dockercfg"

/* {"kind":"Secret","type":TYPE,"data":{KEY:base64(text)}} */
static void make_json(struct buf *out, const char *type, const char *key, const char *text)
{
    buf_addf(out, "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"type\":\"%s\",\"data\":{\"%s\":\"",
             type, key);
    base64_encode(out, bytes_text(text), BASE64_STANDARD);
    buf_add_text(out, "\"}}");
}

static void read_text(struct pull_secret *out, const char *type, const char *key, const char *text)
{
    struct buf CLEANUP(buf_clear) json = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    make_json(&json, type, key, text);
    EXPECT_OK(pull_secret_read(out, buf_bytes(&json), &err), &err);
}

/* --- Which key fits --- */

#define ENTRY(user) "{\"username\":\"" user "\",\"password\":\"p\"}"

static const struct match_row {
    const char *name;
    const char *auths; /* without its braces */
    const char *host, *repository;
    const char *user; /* NULL: nothing fits */
} match_rows[] = {
    { "host", "\"h.x\":" ENTRY("a"), "h.x", "team/app", "a" },
    { "another host", "\"h.x\":" ENTRY("a"), "g.x", "team/app", NULL },
    { "host in another case", "\"H.X\":" ENTRY("a"), "h.x", "app", "a" },
    { "a host that only begins so", "\"h.x\":" ENTRY("a"), "h.xy", "app", NULL },
    { "a host that only ends so", "\"h.x\":" ENTRY("a"), "evil-h.x", "app", NULL },
    { "https", "\"https://h.x\":" ENTRY("a"), "h.x", "app", "a" },
    { "http", "\"http://h.x\":" ENTRY("a"), "h.x", "app", "a" },
    { "another scheme", "\"ftp://h.x\":" ENTRY("a"), "h.x", "app", NULL },
    { "v1", "\"https://h.x/v1/\":" ENTRY("a"), "h.x", "app", "a" },
    { "v2", "\"https://h.x/v2/\":" ENTRY("a"), "h.x", "app", "a" },
    { "v3 is a folder", "\"https://h.x/v3/\":" ENTRY("a"), "h.x", "app", NULL },
    { "port", "\"h.x:5000\":" ENTRY("a"), "h.x:5000", "app", "a" },
    { "another port", "\"h.x:5000\":" ENTRY("a"), "h.x:5001", "app", NULL },
    { "a port where none is", "\"h.x:5000\":" ENTRY("a"), "h.x", "app", NULL },
    { "none where a port is", "\"h.x\":" ENTRY("a"), "h.x:5000", "app", NULL },
    { "folder", "\"h.x/team\":" ENTRY("a"), "h.x", "team/app", "a" },
    { "folder with slash", "\"h.x/team/\":" ENTRY("a"), "h.x", "team/app", "a" },
    { "repository", "\"h.x/team/app\":" ENTRY("a"), "h.x", "team/app", "a" },
    { "no component's boundary", "\"h.x/team\":" ENTRY("a"), "h.x", "team-evil/app", NULL },
    { "deeper", "\"h.x/team/app/x\":" ENTRY("a"), "h.x", "team/app", NULL },
    { "folder, the host alone", "\"h.x/team\":" ENTRY("a"), "h.x", NULL, NULL },
    { "host, the host alone", "\"h.x\":" ENTRY("a"), "h.x", NULL, "a" },
    { "longer path first", "\"h.x\":" ENTRY("a") ",\"h.x/t\":" ENTRY("b"), "h.x", "t/x", "b" },
    { "longer path first, in any order", "\"h.x/t\":" ENTRY("b") ",\"h.x\":" ENTRY("a"), "h.x",
      "t/x", "b" },
    { "the shorter where the longer does not fit", "\"h.x\":" ENTRY("a") ",\"h.x/t\":" ENTRY("b"),
      "h.x", "u/x", "a" },
    { "label", "\"*.x.y\":" ENTRY("a"), "h.x.y", "app", "a" },
    { "label, no star across dots", "\"*.y\":" ENTRY("a"), "h.x.y", "app", NULL },
    { "label, fewer of them", "\"*.x.y\":" ENTRY("a"), "x.y", "app", NULL },
    { "a part of a label", "\"reg-*-?.x\":" ENTRY("a"), "reg-eu-1.x", "app", "a" },
    { "a part of a label that is not there", "\"reg-*-?.x\":" ENTRY("a"), "reg-eu-.x", "app",
      NULL },
    { "two stars", "\"*a*b.x\":" ENTRY("a"), "xaabab.x", "app", "a" },
    { "two stars and more", "\"*a*b.x\":" ENTRY("a"), "xaababc.x", "app", NULL },
    { "label with port", "\"*.x:50\":" ENTRY("a"), "h.x:50", "app", "a" },
    { "label with another port", "\"*.x:50\":" ENTRY("a"), "h.x:51", "app", NULL },
    { "no pattern for ports", "\"h.x:*\":" ENTRY("a"), "h.x:51", "app", NULL },
    { "label with folder", "\"*.x/t\":" ENTRY("a"), "h.x", "t/app", "a" },
    { "label with another folder", "\"*.x/t\":" ENTRY("a"), "h.x", "tt/app", NULL },
    { "no pattern for folders", "\"h.x/*\":" ENTRY("a"), "h.x", "t/app", NULL },
    { "a name before a pattern", "\"*.x/t\":" ENTRY("a") ",\"h.x\":" ENTRY("b"), "h.x", "t/app",
      "b" },
    { "a star is every host of one label", "\"*\":" ENTRY("a"), "h.x", "app", NULL },
    { "brackets are no pattern", "\"[h].x\":" ENTRY("a"), "h.x", "app", NULL },
    { "an IPv6 address", "\"[::1]:5000\":" ENTRY("a"), "[::1]:5000", "app", "a" },
    { "a pattern is no IPv6 address", "\"*:5000\":" ENTRY("a"), "[::1]:5000", "app", NULL },
    { "Hub", "\"https://index.docker.io/v1/\":" ENTRY("a"), "docker.io", "library/x", "a" },
    { "Hub by name", "\"docker.io\":" ENTRY("a"), "docker.io", "library/x", "a" },
    { "Hub's folder", "\"docker.io/team\":" ENTRY("a"), "docker.io", "library/x", NULL },
    { "empty key", "\"\":" ENTRY("a"), "h.x", "app", NULL },
    { "scheme alone", "\"https://\":" ENTRY("a"), "h.x", "app", NULL },
    { "empty entry", "\"h.x\":{}", "h.x", "app", NULL },
    { "empty entry, the next counts", "\"h.x/t\":{},\"h.x\":" ENTRY("a"), "h.x", "t/x", "a" },
    { "auth", "\"h.x\":{\"auth\":\"YTpw\"}", "h.x", "app", "a" },
    { "others are not looked at", "\"g.x\":{\"auth\":7},\"h.x\":" ENTRY("a"), "h.x", "app", "a" },
    { "no entries", "", "h.x", "app", NULL },
};

static void expect_user(const struct pull_secret *s, const struct match_row *row)
{
    CLEANUP(pull_match_clear) struct pull_match m = { .key = NULL };
    struct err err = ERR_INIT;

    EXPECT_OK(pull_secret_find(&m, s, row->host, row->repository, &err), &err);
    assert_int_equal(m.key != NULL, row->user != NULL);
    assert_int_equal(m.credential.kind, row->user != NULL ? CREDENTIAL_BASIC : CREDENTIAL_NONE);
    if (row->user != NULL) {
        assert_string_equal(m.credential.username, row->user);
        assert_true(secret_equal(secret_bytes(m.credential.secret), BYTES_LIT("p")));
    }
}

static void key_fits(void **state)
{
    const struct match_row *row = *state;
    char text[512];
    CLEANUP(pull_secret_clear) struct pull_secret config;
    CLEANUP(pull_secret_clear) struct pull_secret bare;

    snprintf(text, sizeof(text), "{\"auths\":{%s}}", row->auths);
    read_text(&config, CONFIG, ".dockerconfigjson", text);
    expect_user(&config, row);
    snprintf(text, sizeof(text), "{%s}", row->auths);
    read_text(&bare, BARE, ".dockercfg", text);
    expect_user(&bare, row);
}

/* --- Entries and members that are refused, or never looked at --- */

static const struct bad_row {
    const char *name;
    const char *auths;
    enum err_code code;
    const char *word;
} bad_rows[] = {
    { "not base64", "\"h.x\":{\"auth\":\"%%\"}", ERR_CONFIG, "auth is not base64" },
    { "no colon", "\"h.x\":{\"auth\":\"YWI=\"}", ERR_CONFIG, "not user:password" },
    { "not an object", "\"h.x\":\"text\"", ERR_MALFORMED, "not an object" },
    { "a user with a colon", "\"h.x\":" ENTRY("a:b"), ERR_CONFIG, "colon" },
    { "a token with blanks", "\"h.x\":{\"registrytoken\":\"a b\"}", ERR_CONFIG, "blanks" },
};

static void entry_is_refused(void **state)
{
    const struct bad_row *row = *state;
    char text[512];
    CLEANUP(pull_secret_clear) struct pull_secret s;
    CLEANUP(pull_match_clear) struct pull_match m = { .key = NULL };
    struct err err = ERR_INIT;

    snprintf(text, sizeof(text), "{\"auths\":{%s}}", row->auths);
    read_text(&s, CONFIG, ".dockerconfigjson", text);
    EXPECT_ERR(pull_secret_find(&m, &s, "h.x", "app", &err), &err, row->code, row->word);
    assert_null(m.key);
    assert_int_equal(m.credential.kind, CREDENTIAL_NONE);
}

static void helpers_are_never_asked(void **state)
{
    CLEANUP(pull_secret_clear) struct pull_secret s;
    CLEANUP(pull_match_clear) struct pull_match m = { .key = NULL };
    struct err err = ERR_INIT;

    (void)state;
    read_text(
        &s, CONFIG, ".dockerconfigjson",
        "{\"credsStore\":\"evil\",\"credHelpers\":{\"h.x\":\"evil\"},\"auths\":{\"g.x\":{}}}");
    EXPECT_OK(pull_secret_find(&m, &s, "h.x", "app", &err), &err);
    assert_null(m.key);
    assert_int_equal(m.credential.kind, CREDENTIAL_NONE);
}

static void best_of_several(void **state)
{
    CLEANUP(pull_secret_clear) struct pull_secret one;
    CLEANUP(pull_secret_clear) struct pull_secret two;
    CLEANUP(pull_match_clear) struct pull_match m = { .key = NULL };
    struct err err = ERR_INIT;

    (void)state;
    read_text(&one, CONFIG, ".dockerconfigjson", "{\"auths\":{\"h.x/t\":" ENTRY("one") "}}");
    read_text(&two, CONFIG, ".dockerconfigjson",
              "{\"auths\":{\"h.x\":" ENTRY("two") ",\"h.x/t\":" ENTRY("three") "}}");
    EXPECT_OK(pull_secret_find(&m, &one, "h.x", "t/app", &err), &err);
    EXPECT_OK(pull_secret_find(&m, &two, "h.x", "t/app", &err), &err);
    assert_string_equal(m.credential.username, "one"); /* the first of equals */
    assert_string_equal(m.key, "h.x/t");
}

static void tokens(void **state)
{
    CLEANUP(pull_secret_clear) struct pull_secret s;
    CLEANUP(pull_match_clear) struct pull_match m = { .key = NULL };
    struct err err = ERR_INIT;

    (void)state;
    read_text(&s, CONFIG, ".dockerconfigjson",
              "{\"auths\":{\"h.x\":{\"auth\":\"YTo=\",\"identitytoken\":\"t\"}}}");
    EXPECT_OK(pull_secret_find(&m, &s, "h.x", "app", &err), &err);
    assert_int_equal(m.credential.kind, CREDENTIAL_IDENTITY_TOKEN);
}

/* --- Secrets --- */

static const struct secret_row {
    const char *name;
    const char *json;
    enum err_code code;
    const char *word;
} secret_rows[] = {
    { "nothing", "", ERR_MALFORMED, "" },
    { "no JSON", "{", ERR_MALFORMED, "" },
    { "a list", "[]", ERR_MALFORMED, "not an object" },
    { "an error of the API", "{\"kind\":\"Status\",\"type\":\"x\",\"data\":{}}", ERR_MALFORMED,
      "kind is not Secret" },
    { "no kind", "{\"type\":\"" CONFIG "\",\"data\":{}}", ERR_MALFORMED, "kind" },
    { "no type", "{\"kind\":\"Secret\",\"data\":{}}", ERR_MALFORMED, "type" },
    { "another type", "{\"kind\":\"Secret\",\"type\":\"Opaque\",\"data\":{}}", ERR_UNSUPPORTED,
      "type" },
    { "no data", "{\"kind\":\"Secret\",\"type\":\"" CONFIG "\"}", ERR_MALFORMED, "data" },
    { "without its key", "{\"kind\":\"Secret\",\"type\":\"" CONFIG "\",\"data\":{}}", ERR_MALFORMED,
      ".dockerconfigjson" },
    { "the other type's key",
      "{\"kind\":\"Secret\",\"type\":\"" CONFIG "\",\"data\":{\".dockercfg\":\"e30=\"}}",
      ERR_MALFORMED, ".dockerconfigjson" },
    { "and the other way round",
      "{\"kind\":\"Secret\",\"type\":\"" BARE "\",\"data\":{\".dockerconfigjson\":\"e30=\"}}",
      ERR_MALFORMED, ".dockercfg" },
    { "no text", "{\"kind\":\"Secret\",\"type\":\"" BARE "\",\"data\":{\".dockercfg\":{}}}",
      ERR_MALFORMED, ".dockercfg" },
    { "not base64", "{\"kind\":\"Secret\",\"type\":\"" BARE "\",\"data\":{\".dockercfg\":\"{}\"}}",
      ERR_MALFORMED, "not base64" },
    { "base64 of no JSON",
      "{\"kind\":\"Secret\",\"type\":\"" BARE "\",\"data\":{\".dockercfg\":\"eA==\"}}",
      ERR_MALFORMED, ".dockercfg" },
    { "base64 of nothing",
      "{\"kind\":\"Secret\",\"type\":\"" BARE "\",\"data\":{\".dockercfg\":\"\"}}", ERR_MALFORMED,
      ".dockercfg" },
    { "base64 of a list",
      "{\"kind\":\"Secret\",\"type\":\"" BARE "\",\"data\":{\".dockercfg\":\"W10=\"}}",
      ERR_MALFORMED, "not an object" },
    { "auths is a list", /* {"auths":[]} */
      "{\"kind\":\"Secret\",\"type\":\"" CONFIG
      "\",\"data\":{\".dockerconfigjson\":\"eyJhdXRocyI6W119\"}}",
      ERR_MALFORMED, "auths" },
};

static void secret_is_refused(void **state)
{
    const struct secret_row *row = *state;
    CLEANUP(pull_secret_clear) struct pull_secret s;
    struct err err = ERR_INIT;

    EXPECT_ERR(pull_secret_read(&s, bytes_text(row->json), &err), &err, row->code, row->word);
    assert_null(s.text);
}

static void size_is_limited(void **state)
{
    struct buf CLEANUP(buf_clear) json = BUF_INIT(PULL_SECRET_JSON_MAX + 1);
    CLEANUP(pull_secret_clear) struct pull_secret s;
    CLEANUP(pull_secret_clear) struct pull_secret t;
    struct err err = ERR_INIT;

    (void)state;
    make_json(&json, CONFIG, ".dockerconfigjson", "{}");
    while (json.len < PULL_SECRET_JSON_MAX)
        buf_add_char(&json, ' ');
    EXPECT_OK(pull_secret_read(&s, buf_bytes(&json), &err), &err);
    buf_add_char(&json, ' ');
    EXPECT_ERR(pull_secret_read(&t, buf_bytes(&json), &err), &err, ERR_LIMIT, "larger");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helpers_are_never_asked),
        cmocka_unit_test(best_of_several),
        cmocka_unit_test(tokens),
        cmocka_unit_test(size_is_limited),
    };
    struct err err = ERR_INIT;
    int failed;

    if (secret_init(&err) != 0)
        return 1;
    failed = RUN_ROWS(match_rows, key_fits);
    failed += RUN_ROWS(bad_rows, entry_is_refused);
    failed += RUN_ROWS(secret_rows, secret_is_refused);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
