#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/expect.h"

static void borrowed(void **state)
{
    struct bytes all = BYTES_LIT("sha256:abc");

    (void)state;
    assert_int_equal(bytes_text(NULL).len, 0);
    assert_int_equal(bytes_text("ab").len, 2);
    assert_true(bytes_is(all, "sha256:abc"));
    assert_false(bytes_is(all, "sha256:ab"));
    assert_false(bytes_is(all, "sha256:abcd"));
    assert_false(bytes_is(all, "sha256:abC"));
    assert_true(bytes_is(BYTES_NONE, ""));
    assert_true(bytes_starts(all, "sha256:"));
    assert_true(bytes_starts(all, ""));
    assert_true(bytes_starts(all, "sha256:abc"));
    assert_false(bytes_starts(all, "sha256:abcd"));
    assert_false(bytes_starts(all, "sha512:"));
    assert_true(bytes_equal(BYTES_LIT("a\0b"), BYTES_LIT("a\0b")));
    assert_false(bytes_equal(BYTES_LIT("a\0b"), BYTES_LIT("a\0c")));
}

static void parts_are_clipped(void **state)
{
    struct bytes all = BYTES_LIT("0123456789");

    (void)state;
    assert_true(bytes_is(bytes_part(all, 2, 3), "234"));
    assert_true(bytes_is(bytes_part(all, 0, 10), "0123456789"));
    assert_true(bytes_is(bytes_part(all, 9, 10), "9"));
    assert_true(bytes_is(bytes_part(all, 1, SIZE_MAX), "123456789"));
    assert_int_equal(bytes_part(all, 10, 1).len, 0);
    assert_int_equal(bytes_part(all, SIZE_MAX, SIZE_MAX).len, 0);
    assert_int_equal(bytes_part(BYTES_NONE, 0, 1).len, 0);
}

static void appends(void **state)
{
    CLEANUP(buf_clear) struct buf b = BUF_INIT(1000);
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_BUF(&b, "");
    buf_add(&b, "a", 1);
    buf_add_text(&b, "bc");
    buf_add_char(&b, 'd');
    buf_addf(&b, "%d-%s", 12, "x");
    buf_add_bytes(&b, BYTES_NONE);
    buf_add_text(&b, "");
    EXPECT_BUF(&b, "abcd12-x");
    EXPECT_OK(buf_check(&b, "it", &err), &err);
    buf_reset(&b);
    EXPECT_BUF(&b, "");
    uint8_t *to = buf_reserve(&b, 2);
    assert_non_null(to);
    memcpy(to, "xy", 3);
    b.len += 2;
    EXPECT_BUF(&b, "xy");
}

static void ceiling(void **state)
{
    CLEANUP(buf_clear) struct buf b = BUF_INIT(4);
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&b, "1234");
    EXPECT_OK(buf_check(&b, "it", &err), &err);
    buf_add_char(&b, '5');
    EXPECT_ERR(buf_check(&b, "the body", &err), &err, ERR_LIMIT, "the body: larger than 4");
    EXPECT_BUF(&b, "1234");
    buf_add_text(&b, ""); /* sticky, also for what would fit */
    EXPECT_ERR(buf_check(&b, "it", &err), &err, ERR_LIMIT, "larger");
    buf_reset(&b);
    EXPECT_OK(buf_check(&b, "it", &err), &err);
    assert_null(buf_reserve(&b, SIZE_MAX));
    buf_reset(&b);
    buf_addf(&b, "%s", "12345");
    EXPECT_ERR(buf_check(&b, "it", &err), &err, ERR_LIMIT, "larger");
    EXPECT_BUF(&b, "");
}

static void ceiling_of_nothing(void **state)
{
    CLEANUP(buf_clear) struct buf b = BUF_INIT(0);
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&b, "");
    EXPECT_OK(buf_check(&b, "it", &err), &err);
    buf_add_char(&b, 'x');
    EXPECT_ERR(buf_check(&b, "it", &err), &err, ERR_LIMIT, "larger than 0");
}

static void grows_from_piece_to_piece(void **state)
{
    CLEANUP(buf_clear) struct buf b = BUF_INIT(100000);

    (void)state;
    for (int i = 0; i < 100000; i++)
        buf_add_char(&b, (char)('a' + i % 26));
    assert_int_equal(b.state, BUF_FINE);
    assert_int_equal(b.len, 100000);
    assert_int_equal(b.data[99999], 'a' + 99999 % 26);
    assert_int_equal(b.data[100000], 0);
    assert_true(b.cap <= 100001);
    buf_add_char(&b, 'x');
    assert_int_equal(b.state, BUF_FULL);
}

static void taken(void **state)
{
    CLEANUP(buf_clear) struct buf b = BUF_INIT(10);

    (void)state;
    buf_add_text(&b, "abc");
    CLEANUP(buf_clear) struct buf t = buf_take(&b);
    EXPECT_BUF(&t, "abc");
    EXPECT_BUF(&b, "");
    assert_int_equal(b.max, 10);
    buf_add_text(&b, "de");
    EXPECT_BUF(&b, "de");
    EXPECT_BUF(&t, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(borrowed),
        cmocka_unit_test(parts_are_clipped),
        cmocka_unit_test(appends),
        cmocka_unit_test(ceiling),
        cmocka_unit_test(ceiling_of_nothing),
        cmocka_unit_test(grows_from_piece_to_piece),
        cmocka_unit_test(taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
