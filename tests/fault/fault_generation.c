#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/log.h"
#include "tests/fault/inject.h"
#include "tests/unit/expect.h"
#include "tests/unit/generations.h"

/* Short memory while a generation is loaded: the old one serves on, whole, and the next try
 * succeeds. GnuTLS' own allocations are not counted. */

static bool short_of_memory(const struct err *err)
{
    return err->code == ERR_NOMEM || err->code == ERR_CRYPTO;
}

static void first(void **state)
{
    struct configuration *c = *state;

    for (long n = 1;; n++) {
        struct generations *g = NULL;
        struct err err = ERR_INIT;
        inject_arm(n);
        const int r = generations_new(&g, &c->options, &err);
        const bool failed = inject_disarm();
        if (r != 0) {
            assert_true(failed);
            if (!short_of_memory(&err))
                print_error("allocation %ld: %s\n", n, err_text(&err));
            assert_true(short_of_memory(&err));
            assert_null(g);
        }
        generations_free(g);
        if (!failed) {
            EXPECT_OK(r, &err);
            assert_true(n > 50);
            return;
        }
    }
}

/* A key that is trusted no more must not be trusted on because memory was short twice. */
static void reload(void **state)
{
    struct configuration *c = *state;
    struct generations *g;
    struct err err = ERR_INIT;
    uint64_t number = 1;

    EXPECT_OK(generations_new(&g, &c->options, &err), &err);
    for (long n = 1;; n++) {
        struct generations_state now;
        inject_arm(n);
        const int r = generations_reload(g, &err);
        const bool failed = inject_disarm();
        number += r == 0;
        generations_state(&now, g);
        assert_int_equal(now.number, number);
        assert_int_equal(now.last_failed, r != 0);
        const struct generation *held = generation_take(g);
        assert_int_equal(held->number, number);
        assert_int_equal(held->source.engine.n_keys, 1);
        assert_int_equal(held->file.policy->n_rules, 1);
        generation_drop(held);
        if (r != 0)
            assert_true(short_of_memory(&err));
        err_reset(&err);
        if (!failed)
            break;
    }
    EXPECT_OK(generations_reload(g, &err), &err);
    generations_free(g);
}

/* Whether the files changed is answered without memory, too: then they are read. */
static void settled(void **state)
{
    struct configuration *c = *state;
    struct generations *g;
    struct err err = ERR_INIT;

    EXPECT_OK(generations_new(&g, &c->options, &err), &err);
    assert_int_equal(folder_write(&c->folder, "token", "other", 0600), 0);
    inject_arm(1);
    assert_true(generations_stale(g));
    assert_true(generations_settled(g));
    assert_true(inject_disarm());
    assert_false(generations_settled(g));
    assert_true(generations_settled(g));
    generations_free(g);
}

static int make(void **state)
{
    static struct configuration configuration;

    *state = &configuration;
    return configuration_make(&configuration);
}

static int clear(void **state)
{
    configuration_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first),
        cmocka_unit_test(reload),
        cmocka_unit_test(settled),
    };

    if (inject_libraries() != 0)
        return 1;
    hash_init();
    log_setup(LOG_ERROR, LOG_TEXT, "fault_generation");
    if (secret_init(NULL) != 0)
        return 1;
    return cmocka_run_group_tests(tests, make, clear) != 0;
}
