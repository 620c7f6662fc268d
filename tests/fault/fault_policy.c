#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/lint.h"
#include "tests/fault/inject.h"
#include "tests/unit/expect.h"
#include "tests/unit/policy_text.h"

/* Short memory while a policy is read is ERR_NOMEM, of OpenSSL's own ERR_CRYPTO, never a finding,
 * and leaves nothing behind. */

#define NOW ((int64_t)1830211200) /* when whole.yaml's exemption runs out */

static const char wrong[] = "version: 1\n"
                            "unmatched: deny\n"
                            "signers: {a: {key: p256.pub}, b: {key: nothing.pub}}\n"
                            "rules: [{name: a, images: nginx, require: {signed: c}}]\n";

/* What OpenSSL sets up once it never sets up again where that failed. */
static void warm_up(void)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    load_changed(&l, POLICIES "whole.yaml", "version", "version");
}

static bool short_of_memory(const struct err *err)
{
    return err->code == ERR_NOMEM || err->code == ERR_CRYPTO;
}

static void good(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(file_read(&text, POLICIES "whole.yaml", &err), &err);
    for (long n = 1;; n++) {
        struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
        inject_arm(n);
        load_bytes(&l, buf_bytes(&text));
        if (!inject_disarm()) {
            EXPECT_OK(l.result, &l.err);
            assert_true(n > 50);
            return;
        }
        if (l.result == 0 && l.policy->n_rules == 4)
            continue; /* OpenSSL does without some of its caches */
        if (!short_of_memory(&l.err))
            print_error("allocation %ld: %s\n", n, err_text(&l.err));
        assert_int_equal(l.result, -1);
        assert_true(short_of_memory(&l.err));
        assert_null(l.policy);
        assert_int_equal(l.findings.n, 0);
    }
}

static void bad(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
        inject_arm(n);
        load_bytes(&l, bytes_text(wrong));
        const bool failed = inject_disarm();
        assert_int_equal(l.result, -1);
        assert_null(l.policy);
        assert_true((failed && short_of_memory(&l.err)) ||
                    (l.err.code == ERR_CONFIG && l.findings.n == 5));
        if (!failed)
            return;
    }
}

static void lint(void **state)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    (void)state;
    load_changed(&l, POLICIES "whole.yaml", "version", "version");
    EXPECT_OK(l.result, &l.err);
    for (long n = 1;; n++) {
        struct policy_findings CLEANUP(policy_findings_clear) findings = POLICY_FINDINGS_INIT;
        inject_arm(n);
        int rc = policy_lint(&findings, l.policy, NOW, &l.err);
        if (!inject_disarm()) {
            EXPECT_OK(rc, &l.err);
            assert_int_equal(findings.n, 3);
            return;
        }
        EXPECT_ERR(rc, &l.err, ERR_NOMEM, "");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(bad),
                                               cmocka_unit_test(lint) };

    if (inject_libraries() != 0)
        return 1;
    warm_up();
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
