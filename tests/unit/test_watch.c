#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "tests/unit/expect.h"
#include "tests/unit/generations.h"
#include "webhook/watch.h"

#define INTERVAL_MS 10
#define PATIENCE_MS 20000 /* for machines under load; nothing waits so long */

struct fixture {
    struct configuration files;
    struct generations *generations;
    struct watch *watch;
    atomic_int taken, refused; /* reloads */
};

static void changed(void *context, const struct generation *now, const struct err *why)
{
    struct fixture *f = context;

    (void)now;
    atomic_fetch_add(why == NULL ? &f->taken : &f->refused, 1);
}

static int make(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = ERR_INIT;

    if (f == NULL || configuration_make(&f->files) != 0)
        return -1;
    f->files.options.changed = changed;
    f->files.options.context = f;
    EXPECT_OK(generations_new(&f->generations, &f->files.options, &err), &err);
    EXPECT_OK(watch_start(&f->watch, f->generations, INTERVAL_MS, &err), &err);
    *state = f;
    return 0;
}

static int clear(void **state)
{
    struct fixture *f = *state;

    assert_true(watch_stop(f->watch, clock_deadline(PATIENCE_MS)));
    generations_free(f->generations);
    configuration_remove(&f->files);
    free(f);
    return 0;
}

static bool comes(atomic_int *count, int wanted)
{
    const int64_t deadline = clock_deadline(PATIENCE_MS);

    while (atomic_load(count) < wanted && clock_millis() < deadline)
        clock_sleep(2);
    return atomic_load(count) >= wanted;
}

static int64_t serial(struct fixture *f)
{
    const struct generation *now = generation_take(f->generations);
    const int64_t serial = now->file.policy->serial;

    generation_drop(now);
    return serial;
}

/* What the folder's swap brings is taken, by itself and once; what is wrong is told once, and the
 * mended one is taken. */
static void test_swap(void **state)
{
    struct fixture *f = *state;

    configuration_mount(&f->files, POLICY("2"), KEY_TWO);
    assert_true(comes(&f->taken, 1));
    assert_int_equal(serial(f), 2);
    configuration_mount(&f->files, "nonsense", KEY_TWO);
    assert_true(comes(&f->refused, 1));
    assert_int_equal(serial(f), 2);
    clock_sleep(10 * INTERVAL_MS);
    assert_int_equal(atomic_load(&f->refused), 1);
    configuration_mount(&f->files, POLICY("3"), KEY_ONE);
    assert_true(comes(&f->taken, 2));
    assert_int_equal(serial(f), 3);
    clock_sleep(10 * INTERVAL_MS);
    assert_int_equal(atomic_load(&f->taken), 2);
    assert_int_equal(atomic_load(&f->refused), 1);
}

/* Asked for, it is loaded though nothing has changed. */
static void test_forced(void **state)
{
    struct fixture *f = *state;

    clock_sleep(5 * INTERVAL_MS);
    assert_int_equal(atomic_load(&f->taken), 0);
    watch_reload(f->watch);
    assert_true(comes(&f->taken, 1));
    watch_reload(f->watch);
    assert_true(comes(&f->taken, 2));
    assert_int_equal(serial(f), 1);
}

static void test_stop(void **state)
{
    struct configuration files;
    struct generations *generations;
    struct watch *watch;
    struct err err = ERR_INIT;

    (void)state;
    assert_true(watch_stop(NULL, 0));
    assert_int_equal(configuration_make(&files), 0);
    EXPECT_OK(generations_new(&generations, &files.options, &err), &err);
    /* Asleep for a minute, it is woken. */
    EXPECT_OK(watch_start(&watch, generations, 60000, &err), &err);
    const int64_t before = clock_millis();
    assert_true(watch_stop(watch, clock_deadline(PATIENCE_MS)));
    assert_true(clock_millis() - before < 10000);
    generations_free(generations);
    configuration_remove(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_swap, make, clear),
        cmocka_unit_test_setup_teardown(test_forced, make, clear),
        cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
