#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry/challenge.h"
#include "tests/unit/expect.h"

struct row {
    const char *name;
    const char *value;
    size_t n;
    const char *realm, *service, *scope; /* of the one to answer */
    enum challenge_scheme best;          /* CHALLENGE_OTHER: none */
};

static const struct row rows[] = {
    { "bearer",
      "Bearer "
      "realm=\"https://auth.example/token\",service=\"reg\",scope=\"repository:demo/"
      "app:pull,push\"",
      1, "https://auth.example/token", "reg", "repository:demo/app:pull,push", CHALLENGE_BEARER },
    { "basic", "Basic realm=\"basic-realm\"", 1, "basic-realm", NULL, NULL, CHALLENGE_BASIC },
    { "bearer is preferred", "Basic realm=b, Bearer realm=\"r\"", 2, "r", NULL, NULL,
      CHALLENGE_BEARER },
    { "bearer without a realm is of no use", "Bearer service=s, Basic realm=b", 2, "b", NULL, NULL,
      CHALLENGE_BASIC },
    { "case folds", "bEARER REALM=\"r\", Service=s", 1, "r", "s", NULL, CHALLENGE_BEARER },
    { "blanks around signs", "Bearer  realm =\t\"r\" ,  service = s ", 1, "r", "s", NULL,
      CHALLENGE_BEARER },
    { "escapes", "Bearer realm=\"a\\\"b\\\\c\"", 1, "a\"b\\c", NULL, NULL, CHALLENGE_BEARER },
    { "empty quoted value", "Bearer realm=\"\"", 1, "", NULL, NULL, CHALLENGE_BEARER },
    { "no parameters", "Negotiate", 1, NULL, NULL, NULL, CHALLENGE_OTHER },
    { "no parameters, then another", "Negotiate, Basic realm=b", 2, "b", NULL, NULL,
      CHALLENGE_BASIC },
    { "token68", "NTLM TlRMTVNTUAAC==, Basic realm=b", 2, "b", NULL, NULL, CHALLENGE_BASIC },
    { "empty elements", ", ,Basic realm=b,,", 1, "b", NULL, NULL, CHALLENGE_BASIC },
    { "unknown parameter", "Basic realm=b, charset=\"UTF-8\"", 1, "b", NULL, NULL,
      CHALLENGE_BASIC },
    { "repeated parameter", "Bearer realm=a, REALM=b", 0, NULL, NULL, NULL, CHALLENGE_OTHER },
    { "repeated beside a good one", "Bearer realm=a, realm=b, Basic realm=c", 1, "c", NULL, NULL,
      CHALLENGE_BASIC },
    { "nothing", "", 0, NULL, NULL, NULL, CHALLENGE_OTHER },
    { "commas only", " , ,", 0, NULL, NULL, NULL, CHALLENGE_OTHER },
    { "two resources", "Bearer realm=r,scope=\"repository:a:pull repository:b:pull\"", 1, "r", NULL,
      "repository:a:pull repository:b:pull", CHALLENGE_BEARER },
};

static void expect_text(const char *found, const char *wanted)
{
    if (wanted == NULL)
        assert_null(found);
    else
        assert_string_equal(found, wanted);
}

static void reads(void **state)
{
    const struct row *row = *state;
    CLEANUP(challenges_clear) struct challenges c = CHALLENGES_INIT;
    struct err err = ERR_INIT;

    EXPECT_OK(challenges_add(&c, bytes_text(row->value), &err), &err);
    assert_int_equal(c.n, row->n);
    const struct challenge *best = challenges_best(&c);
    if (row->best == CHALLENGE_OTHER) {
        assert_null(best);
        return;
    }
    assert_int_equal(best->scheme, row->best);
    expect_text(best->realm, row->realm);
    expect_text(best->service, row->service);
    expect_text(best->scope, row->scope);
}

struct refused {
    const char *name;
    const char *value;
    const char *word;
};

static const struct refused refused[] = {
    { "parameter without a scheme", "realm=\"r\"", "without a scheme" },
    { "not closed", "Bearer realm=\"r", "not closed" },
    { "ends in a backslash", "Bearer realm=\"r\\", "not closed" },
    { "no value", "Bearer realm=,service=s", "without a scheme" }, /* token68 */
    { "no value at the end", "Bearer service=s, realm=", "without a value" },
    { "no comma", "Bearer realm=\"r\" service=\"s\"", "text after" },
    { "text behind a quote", "Bearer realm=\"r\"x", "text after" },
    { "newline in a value", "Bearer realm=\"a\nb\"", "control" },
    { "escaped newline", "Bearer realm=\"a\\\nb\"", "control" },
    { "DEL in a value", "Bearer realm=\"a\x7f\"", "control" },
    { "quoted scheme", "\"Bearer\" realm=r", "missing" },
    { "scheme with a slash", "Bea/rer realm=r", "blank" },
    { "not ASCII", "\xc3\xa9", "missing" },
};

static void refuses(void **state)
{
    const struct refused *row = *state;
    CLEANUP(challenges_clear) struct challenges c = CHALLENGES_INIT;
    struct err err = ERR_INIT;

    EXPECT_OK(challenges_add(&c, BYTES_LIT("Basic realm=before"), &err), &err);
    EXPECT_ERR(challenges_add(&c, bytes_text(row->value), &err), &err, ERR_MALFORMED, row->word);
    assert_int_equal(c.n, 1);
    assert_string_equal(challenges_best(&c)->realm, "before");
}

static void errors_and_lines(void **state)
{
    CLEANUP(challenges_clear) struct challenges c = CHALLENGES_INIT;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(challenges_add(&c, BYTES_LIT("Basic realm=b"), &err), &err);
    EXPECT_OK(challenges_add(&c,
                             BYTES_LIT("Bearer realm=r,error=\"insufficient_scope\","
                                       "error_description=\"no, really\""),
                             &err),
              &err);
    assert_int_equal(c.n, 2);
    assert_string_equal(challenges_best(&c)->error, "insufficient_scope");
    assert_string_equal(challenges_best(&c)->error_description, "no, really");
}

static void ceilings(void **state)
{
    CLEANUP(challenges_clear) struct challenges c = CHALLENGES_INIT;
    CLEANUP(buf_clear) struct buf text = BUF_INIT(2 * CHALLENGE_MAX);
    struct err err = ERR_INIT;

    (void)state;
    for (int i = 0; i < CHALLENGES_MAX; i++)
        EXPECT_OK(challenges_add(&c, BYTES_LIT("X"), &err), &err);
    EXPECT_ERR(challenges_add(&c, BYTES_LIT("X"), &err), &err, ERR_LIMIT, "more than 16");
    assert_int_equal(c.n, CHALLENGES_MAX);
    challenges_clear(&c);

    buf_add_text(&text, "Bearer realm=r");
    for (int i = 1; i < CHALLENGE_PARAMS_MAX; i++)
        buf_addf(&text, ",p%d=v", i);
    EXPECT_OK(challenges_add(&c, buf_bytes(&text), &err), &err);
    buf_add_text(&text, ",more=v");
    EXPECT_ERR(challenges_add(&c, buf_bytes(&text), &err), &err, ERR_LIMIT, "16 parameters");
    assert_int_equal(c.n, 1);
    challenges_clear(&c);

    buf_reset(&text);
    buf_add_text(&text, "Bearer realm=\"");
    while (text.len < CHALLENGE_MAX - 1)
        buf_add_char(&text, 'a');
    buf_add_char(&text, '"');
    EXPECT_OK(challenges_add(&c, buf_bytes(&text), &err), &err);
    EXPECT_ERR(challenges_add(&c, BYTES_LIT("X"), &err), &err, ERR_LIMIT, "8192 bytes");
    challenges_clear(&c);
    buf_add_char(&text, ' ');
    EXPECT_ERR(challenges_add(&c, buf_bytes(&text), &err), &err, ERR_LIMIT, "8192 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_and_lines),
        cmocka_unit_test(ceilings),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(rows, reads);
    failed += RUN_ROWS(refused, refuses);
    return failed != 0;
}
