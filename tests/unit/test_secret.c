#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/secret.h"
#include "tests/unit/expect.h"

static void core_dumps_are_off(void **state)
{
    struct err err = ERR_INIT;
    struct rlimit limit;

    (void)state;
    EXPECT_OK(secret_init(&err), &err);
    EXPECT_OK(secret_init(&err), &err); /* a second time is fine */
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 0);
    assert_int_equal(limit.rlim_max, 0);
}

static void made_and_copied(void **state)
{
    CLEANUP(secret_freep) struct secret *fresh = NULL;
    CLEANUP(secret_freep) struct secret *copy = NULL;
    CLEANUP(secret_freep) struct secret *none = NULL;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(secret_new(&fresh, 100, &err), &err);
    assert_int_equal(secret_bytes(fresh).len, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(secret_data(fresh)[i], 0);
    EXPECT_OK(secret_copy(&copy, BYTES_LIT("a\0b"), &err), &err);
    assert_true(bytes_equal(secret_bytes(copy), BYTES_LIT("a\0b")));
    secret_data(copy)[0] = 'z';
    assert_true(bytes_equal(secret_bytes(copy), BYTES_LIT("z\0b")));
    EXPECT_OK(secret_copy(&none, BYTES_NONE, &err), &err);
    assert_int_equal(secret_bytes(none).len, 0);
    assert_int_equal(secret_bytes(NULL).len, 0);
}

static void impossible_size(void **state)
{
    struct secret *s = (struct secret *)&s;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_ERR(secret_new(&s, SIZE_MAX, &err), &err, ERR_NOMEM, "memory");
    assert_null(s);
}

static void compared(void **state)
{
    (void)state;
    assert_true(secret_equal(BYTES_LIT("abc"), BYTES_LIT("abc")));
    assert_true(secret_equal(BYTES_NONE, BYTES_NONE));
    assert_false(secret_equal(BYTES_LIT("abc"), BYTES_LIT("abd")));
    assert_false(secret_equal(BYTES_LIT("abc"), BYTES_LIT("xbc")));
    assert_false(secret_equal(BYTES_LIT("abc"), BYTES_LIT("ab")));
    assert_false(secret_equal(BYTES_LIT("abc"), BYTES_NONE));
}

static void wiped(void **state)
{
    uint8_t data[4] = { 1, 2, 3, 4 };

    (void)state;
    secret_wipe(data, 3);
    assert_int_equal(data[0] + data[1] + data[2], 0);
    assert_int_equal(data[3], 4);
}

static void random_differs(void **state)
{
    uint8_t a[32] = { 0 };
    uint8_t b[32] = { 0 };

    (void)state;
    secret_random(a, sizeof(a));
    secret_random(b, sizeof(b));
    assert_false(secret_equal((struct bytes) { a, sizeof(a) }, (struct bytes) { b, sizeof(b) }));
}

static void freeing_nothing(void **state)
{
    struct secret *s = NULL;

    (void)state;
    secret_free(NULL);
    secret_freep(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_dumps_are_off),
        cmocka_unit_test(made_and_copied),
        cmocka_unit_test(impossible_size),
        cmocka_unit_test(compared),
        cmocka_unit_test(wiped),
        cmocka_unit_test(random_differs),
        cmocka_unit_test(freeing_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
