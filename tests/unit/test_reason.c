#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "evidence/fact.h"
#include "evidence/reason.h"
#include "tests/unit/expect.h"

/* The words are an interface: scripts and dashboards know them (architecture.md, "reason codes").
 */
static const struct code_row {
    const char *name;
    enum reason_code code;
    bool unknown;
} codes[] = {
    { "none", REASON_NONE, false },
    { "unsigned", REASON_UNSIGNED, false },
    { "wrong-signer", REASON_WRONG_SIGNER, false },
    { "wrong-subject", REASON_WRONG_SUBJECT, false },
    { "wrong-type", REASON_WRONG_TYPE, false },
    { "bad-signature", REASON_BAD_SIGNATURE, false },
    { "expired", REASON_EXPIRED, false },
    { "not-yet-valid", REASON_NOT_YET_VALID, false },
    { "too-few", REASON_TOO_FEW, false },
    { "check-failed", REASON_CHECK_FAILED, false },
    { "floor", REASON_FLOOR, false },
    { "no-rule", REASON_NO_RULE, false },
    { "not-a-digest", REASON_NOT_A_DIGEST, false },
    { "untrusted-log", REASON_UNTRUSTED_LOG, false },
    { "untrusted-time", REASON_UNTRUSTED_TIME, false },
    { "revoked", REASON_REVOKED, false },
    { "unsupported", REASON_UNSUPPORTED, false },
    { "denied-by-rule", REASON_DENIED_BY_RULE, false },
    { "wrong-annotation", REASON_WRONG_ANNOTATION, false },
    { "wrong-repository", REASON_WRONG_REPOSITORY, false },
    { "not-found", REASON_NOT_FOUND, true },
    { "registry-auth", REASON_REGISTRY_AUTH, true },
    { "registry-unreachable", REASON_REGISTRY_UNREACHABLE, true },
    { "rate-limited", REASON_RATE_LIMITED, true },
    { "deadline", REASON_DEADLINE, true },
    { "too-large", REASON_TOO_LARGE, true },
    { "malformed", REASON_MALFORMED, true },
};
_Static_assert(ARRAY_LEN(codes) == REASON_CODES, "every code has a row");

static void code_has_its_word(void **state)
{
    const struct code_row *row = *state;

    assert_string_equal(reason_name(row->code), row->name);
    assert_int_equal(reason_is_unknown(row->code), row->unknown);
}

static const struct error_row {
    const char *name;
    enum err_code error;
    enum reason_code reason;
} errors[] = {
    { "none", ERR_NONE, REASON_REGISTRY_UNREACHABLE },
    { "denied", ERR_DENIED, REASON_REGISTRY_AUTH },
    { "invalid", ERR_INVALID, REASON_MALFORMED },
    { "usage", ERR_USAGE, REASON_MALFORMED },
    { "config", ERR_CONFIG, REASON_REGISTRY_UNREACHABLE },
    { "unsupported", ERR_UNSUPPORTED, REASON_MALFORMED },
    { "malformed", ERR_MALFORMED, REASON_MALFORMED },
    { "limit", ERR_LIMIT, REASON_TOO_LARGE },
    { "io", ERR_IO, REASON_REGISTRY_UNREACHABLE },
    { "network", ERR_NETWORK, REASON_REGISTRY_UNREACHABLE },
    { "not found", ERR_NOT_FOUND, REASON_NOT_FOUND },
    { "rate limited", ERR_RATE_LIMITED, REASON_RATE_LIMITED },
    { "deadline", ERR_DEADLINE, REASON_DEADLINE },
    { "auth", ERR_AUTH, REASON_REGISTRY_AUTH },
    { "conflict", ERR_CONFLICT, REASON_REGISTRY_UNREACHABLE },
    { "no memory", ERR_NOMEM, REASON_TOO_LARGE },
    { "crypto", ERR_CRYPTO, REASON_REGISTRY_UNREACHABLE },
    { "internal", ERR_INTERNAL, REASON_REGISTRY_UNREACHABLE },
};
_Static_assert(ARRAY_LEN(errors) == ERR_CODES, "every error has a row");

static void error_means_unknown(void **state)
{
    const struct error_row *row = *state;

    assert_int_equal(reason_of_error(row->error), row->reason);
    assert_true(reason_is_unknown(row->reason));
}

static void codes_out_of_range(void **state)
{
    (void)state;
    /* read through an integer: no enumerator has the value */
    const unsigned beyond = REASON_CODES, past = ERR_CODES;
    assert_string_equal(reason_name((enum reason_code)beyond), "none");
    assert_int_equal(reason_of_error((enum err_code)past), REASON_REGISTRY_UNREACHABLE);
}

static void list_grows_in_order(void **state)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(1024 * 1024);
    struct reason_list list = { 0 };
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        const struct reason reason = { .code = (enum reason_code)(i % REASON_CODES),
                                       .where = "w",
                                       .text = arena_printf(&arena, &err, "%zu", i) };
        EXPECT_OK(reason_add(&list, &arena, &reason, &err), &err);
    }
    assert_int_equal(list.n, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(list.items[i].code, i % REASON_CODES);
        assert_int_equal(strtoul(list.items[i].text, NULL, 10), i);
    }
}

static void list_is_bounded_by_its_arena(void **state)
{
    const size_t texts = sizeof("w") + sizeof("t");
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(4 * (sizeof(struct reason) + texts));
    const struct reason reason = { .code = REASON_UNSIGNED, .where = "w", .text = "t" };
    struct reason_list list = { 0 };
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        EXPECT_OK(reason_add(&list, &arena, &reason, &err), &err);
    EXPECT_ERR(reason_add(&list, &arena, &reason, &err), &err, ERR_LIMIT, "");
    assert_int_equal(list.n, 4);
}

static void layouts_have_names(void **state)
{
    (void)state;
    assert_string_equal(evidence_layout_name(LAYOUT_LEGACY), "legacy");
    assert_string_equal(evidence_layout_name(LAYOUT_BUNDLE), "bundle");
}

static void annotation_by_name(void **state)
{
    const struct annotation claims[] = { { "env", "prod" }, { "team", "" } };
    const struct fact fact = { .annotations = claims, .n_annotations = 2 };
    const struct fact bare = { .n_annotations = 0 };

    (void)state;
    assert_string_equal(fact_annotation(&fact, "env"), "prod");
    assert_string_equal(fact_annotation(&fact, "team"), "");
    assert_null(fact_annotation(&fact, "en"));
    assert_null(fact_annotation(&fact, "Env"));
    assert_null(fact_annotation(&fact, ""));
    assert_null(fact_annotation(&bare, "env"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_out_of_range),           cmocka_unit_test(list_grows_in_order),
        cmocka_unit_test(list_is_bounded_by_its_arena), cmocka_unit_test(layouts_have_names),
        cmocka_unit_test(annotation_by_name),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(codes, code_has_its_word);
    failed += RUN_ROWS(errors, error_means_unknown);
    return failed != 0;
}
