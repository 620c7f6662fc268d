#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdalign.h>

#include "base/mem.h"
#include "tests/unit/expect.h"

static void zeroed(void **state)
{
    struct err err = ERR_INIT;
    CLEANUP(mem_freep) int *p = mem_new(4, sizeof(*p), &err);

    (void)state;
    assert_non_null(p);
    for (int i = 0; i < 4; i++)
        assert_int_equal(p[i], 0);
    volatile size_t huge = SIZE_MAX / 2; /* the product overflows */
    CLEANUP(mem_freep) int *q = mem_new(huge, 4, &err);
    EXPECT_ERR(q == NULL ? -1 : 0, &err, ERR_NOMEM, "memory");
}

static void text_is_copied(void **state)
{
    struct err err = ERR_INIT;
    CLEANUP(mem_freep) char *part = mem_text(bytes_part(BYTES_LIT("abcdef"), 1, 3), &err);
    CLEANUP(mem_freep) char *none = mem_text(BYTES_NONE, &err);

    (void)state;
    assert_string_equal(part, "bcd");
    assert_string_equal(none, "");
}

static void arrays_grow_to_their_ceiling(void **state)
{
    CLEANUP(mem_freep) uint16_t *a = NULL;
    struct err err = ERR_INIT;
    size_t cap = 0;
    void *array = NULL;

    (void)state;
    for (size_t n = 0; n < 21; n++) {
        array = a;
        EXPECT_OK(mem_grow(&array, &cap, n, sizeof(*a), 21, &err), &err);
        a = array;
        assert_true(cap > n && cap <= 21);
        assert_int_equal(a[n], 0);
        a[n] = (uint16_t)n;
    }
    assert_int_equal(a[0], 0);
    assert_int_equal(a[20], 20);
    EXPECT_ERR(mem_grow(&array, &cap, 21, sizeof(*a), 21, &err), &err, ERR_LIMIT, "more than 21");
    assert_ptr_equal(array, a);
    assert_int_equal(cap, 21);
}

static void arrays_too_large_to_count(void **state)
{
    struct err err = ERR_INIT;
    void *array = NULL;
    size_t cap = 0;

    (void)state;
    EXPECT_ERR(mem_grow(&array, &cap, 0, SIZE_MAX / 2, 100, &err), &err, ERR_NOMEM, "memory");
    assert_null(array);
    assert_int_equal(cap, 0);
    EXPECT_ERR(mem_grow(&array, &cap, 0, 1, 0, &err), &err, ERR_LIMIT, "more than 0");
}

static void arena_pieces(void **state)
{
    CLEANUP(arena_clear) struct arena a = ARENA_INIT(100000);
    struct err err = ERR_INIT;
    struct bytes copy;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint8_t *p = arena_new(&a, 1, (size_t)(i % 90) + 1, &err);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (int k = 0; k <= i % 90; k++) {
            assert_int_equal(p[k], 0);
            p[k] = 0xff;
        }
    }
    assert_string_equal(arena_text(&a, BYTES_LIT("abc"), &err), "abc");
    assert_string_equal(arena_printf(&a, &err, "%d-%s", 7, "x"), "7-x");
    EXPECT_OK(arena_bytes(&copy, &a, BYTES_LIT("a\0b"), &err), &err);
    assert_true(bytes_equal(copy, BYTES_LIT("a\0b")));
    EXPECT_OK(arena_bytes(&copy, &a, BYTES_NONE, &err), &err);
    assert_int_equal(copy.len, 0);
    arena_clear(&a);
    assert_int_equal(a.used, 0);
    assert_int_equal(a.held, 0);
    assert_non_null(arena_new(&a, 1, 50000, &err)); /* larger than a block, and after clear */
    assert_in_range(a.held, 50000, 50000 + 200);
    assert_non_null(arena_new(&a, 1, 1, &err)); /* a block of its own */
    assert_in_range(a.held, 50000 + 4096, 50000 + 4096 + 400);
}

static void arena_ceiling(void **state)
{
    CLEANUP(arena_clear) struct arena a = ARENA_INIT(10);
    struct err err = ERR_INIT;
    struct bytes copy = BYTES_LIT("x");

    (void)state;
    assert_non_null(arena_new(&a, 2, 5, &err));
    EXPECT_ERR(arena_new(&a, 1, 1, &err) == NULL ? -1 : 0, &err, ERR_LIMIT, "more than 10 bytes");
    EXPECT_ERR(arena_bytes(&copy, &a, BYTES_LIT("x"), &err), &err, ERR_LIMIT, "more than 10");
    assert_int_equal(copy.len, 0);
    EXPECT_ERR(arena_text(&a, BYTES_NONE, &err) == NULL ? -1 : 0, &err, ERR_LIMIT, "more");
    EXPECT_ERR(arena_printf(&a, &err, "x") == NULL ? -1 : 0, &err, ERR_LIMIT, "more");
    arena_clear(&a);
    EXPECT_ERR(arena_new(&a, 1, 11, &err) == NULL ? -1 : 0, &err, ERR_LIMIT, "more than 10");
    EXPECT_ERR(arena_new(&a, SIZE_MAX / 2, 4, &err) == NULL ? -1 : 0, &err, ERR_LIMIT, "more");
    assert_string_equal(arena_text(&a, BYTES_LIT("123456789"), &err), "123456789");
}

/* Memory from elsewhere counts, lives as long as the arena, and small pieces go on. */
static void arena_takes_over(void **state)
{
    CLEANUP(arena_clear) struct arena a = ARENA_INIT(100);
    CLEANUP(buf_clear) struct buf large = BUF_INIT(200);
    struct err err = ERR_INIT;
    struct bytes kept;

    (void)state;
    buf_add_text(&large, "0123456789");
    EXPECT_OK(arena_adopt(&kept, &a, &large, &err), &err);
    assert_true(bytes_is(kept, "0123456789"));
    assert_null(large.data);
    assert_int_equal(a.used, 10);
    assert_non_null(arena_new(&a, 1, 80, &err));
    buf_add_text(&large, "0123456789");
    EXPECT_OK(arena_adopt(&kept, &a, &large, &err), &err);
    buf_add_text(&large, "x");
    EXPECT_ERR(arena_adopt(&kept, &a, &large, &err), &err, ERR_LIMIT, "more than 100");
    assert_null(kept.data);
    EXPECT_BUF(&large, "x");
    arena_clear(&a);
    EXPECT_OK(arena_adopt(&kept, &a, &large, &err), &err);
    EXPECT_OK(arena_adopt(&kept, &a, &large, &err), &err); /* nothing */
    assert_int_equal(kept.len, 0);
}

static void freed_pointers_are_null(void **state)
{
    struct err err = ERR_INIT;
    char *text = mem_text(BYTES_LIT("x"), &err);

    (void)state;
    mem_freep(&text);
    assert_null(text);
    mem_freep(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed),
        cmocka_unit_test(text_is_copied),
        cmocka_unit_test(arrays_grow_to_their_ceiling),
        cmocka_unit_test(arrays_too_large_to_count),
        cmocka_unit_test(arena_pieces),
        cmocka_unit_test(arena_ceiling),
        cmocka_unit_test(arena_takes_over),
        cmocka_unit_test(freed_pointers_are_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
