#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/expect.h"
#include "webhook/deadlines.h"

#define MANY 3000
#define WAIT_MS 20000

/* Deadlines that note when they came, and in which order. */
struct due {
    struct deadline deadline;
    atomic_int calls;
    int nth;
    int64_t when;
};

static atomic_int calls, order;

static void came(void *context)
{
    struct due *due = context;

    due->when = clock_millis();
    due->nth = atomic_fetch_add(&order, 1);
    atomic_fetch_add(&due->calls, 1);
    atomic_fetch_add(&calls, 1);
}

static void add(struct deadlines *d, struct due *due, int64_t at)
{
    struct err err = ERR_INIT;

    due->deadline = (struct deadline) { .at = at, .over = came, .context = due };
    EXPECT_OK(deadlines_add(d, &due->deadline, &err), &err);
}

static void wait_calls(int n)
{
    const int64_t until = clock_deadline(WAIT_MS);

    while (atomic_load(&calls) < n && clock_millis() < until)
        usleep(500);
    assert_int_equal(atomic_load(&calls), n);
}

static int make(void **state)
{
    atomic_store(&calls, 0);
    atomic_store(&order, 0);
    return deadlines_new((struct deadlines **)state, NULL);
}

static int drop(void **state)
{
    deadlines_free(*state);
    return 0;
}

static void test_order(void **state)
{
    struct due dues[4] = { 0 };
    const int64_t now = clock_millis();
    static const int64_t after[] = { 120, 40, 200, 80 };
    static const int want[] = { 2, 0, 3, 1 };

    for (size_t i = 0; i < ARRAY_LEN(dues); i++)
        add(*state, &dues[i], now + after[i]);
    wait_calls(ARRAY_LEN(dues));
    for (size_t i = 0; i < ARRAY_LEN(dues); i++) {
        assert_int_equal(dues[i].nth, want[i]);
        assert_true(dues[i].when >= now + after[i]);
        assert_false(deadlines_remove(*state, &dues[i].deadline));
    }
}

static void test_past(void **state)
{
    struct due due = { 0 };

    add(*state, &due, 0);
    wait_calls(1);
}

/* A sooner one that comes later is not slept over. */
static void test_sooner(void **state)
{
    struct due far = { 0 }, near = { 0 };

    add(*state, &far, clock_deadline(60000));
    usleep(20000);
    add(*state, &near, clock_deadline(20));
    wait_calls(1);
    assert_int_equal(near.calls, 1);
    assert_true(deadlines_remove(*state, &far.deadline));
    assert_false(deadlines_remove(*state, &far.deadline));
    assert_int_equal(far.calls, 0);
}

/* Taken out anywhere in the heap, what is left still comes in order. */
static void test_many(void **state)
{
    struct due *dues = calloc(MANY, sizeof(*dues));
    const int64_t base = clock_deadline(150);
    int left = 0, last = -1;

    assert_non_null(dues);
    for (size_t i = 0; i < MANY; i++)
        add(*state, &dues[i], base + (int64_t)(i * 7919 % 100));
    for (size_t i = 0; i < MANY; i++) {
        if (i % 3 != 0)
            left++;
        else
            assert_true(deadlines_remove(*state, &dues[i].deadline));
    }
    wait_calls(left);
    for (int64_t at = base; at < base + 100; at++) {
        int highest = last;
        for (size_t i = 0; i < MANY; i++) {
            if (i % 3 == 0 || dues[i].deadline.at != at)
                continue;
            assert_true(dues[i].nth > last);
            highest = dues[i].nth > highest ? dues[i].nth : highest;
        }
        last = highest;
    }
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(dues[i].calls, i % 3 != 0);
    free(dues);
}

/* Removed or called, never both and never neither. */
struct race {
    struct deadlines *deadlines;
    struct due *dues;
    atomic_int removed;
};

static void *remove_all(void *context)
{
    struct race *race = context;

    for (size_t i = 0; i < MANY; i++)
        if (deadlines_remove(race->deadlines, &race->dues[i].deadline))
            atomic_fetch_add(&race->removed, 1);
    return NULL;
}

static void test_race(void **state)
{
    struct race race = { .deadlines = *state, .dues = calloc(MANY, sizeof(*race.dues)) };
    pthread_t threads[2];

    assert_non_null(race.dues);
    for (size_t i = 0; i < MANY; i++)
        add(*state, &race.dues[i], clock_deadline((int64_t)i / 500));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, remove_all, &race), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    wait_calls(MANY - atomic_load(&race.removed));
    free(race.dues);
}

static void test_most(void **state)
{
    struct due *dues = calloc(DEADLINES_MAX + 1, sizeof(*dues));
    struct err err = ERR_INIT;

    assert_non_null(dues);
    for (size_t i = 0; i < DEADLINES_MAX; i++)
        add(*state, &dues[i], clock_deadline(600000));
    dues[DEADLINES_MAX].deadline = dues[0].deadline;
    EXPECT_ERR(deadlines_add(*state, &dues[DEADLINES_MAX].deadline, &err), &err, ERR_LIMIT,
               "65536");
    for (size_t i = 0; i < DEADLINES_MAX; i++)
        assert_true(deadlines_remove(*state, &dues[i].deadline));
    free(dues);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
    const struct CMUnitTest tests[] = {
        TEST(test_order), TEST(test_past), TEST(test_sooner),
        TEST(test_many),  TEST(test_race), TEST(test_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
