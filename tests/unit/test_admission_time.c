/* Reviews from body to answer: what is late, too much, or kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/admission_hall.h"

/* --- Time --- */

/* A registry that hangs: the answer comes in time and says so, and what comes later fills the
 * cache. */
static void test_late(void **state)
{
    struct hall *h = *state;
    const struct digest image = signed_image(h, "app", "one");
    struct exchange CLEANUP(exchange_clear) x;
    char text[256];

    memory_close(&h->world->named, true);
    exchange_make(&x, "1s");
    hand_in(h, &x, image_text(text, "app", &image), false);
    assert_int_equal(admission_in_flight(h->admission), 1);
    exchange_wait(&x);
    expect_answer(&x, 503, "deadline");
    assert_true(x.took >= 290 && x.took < 900);
    assert_non_null(strstr(buf_text(&x.answer), "retryAfterSeconds"));
    memory_close(&h->world->named, false);
    wait_state(h->world, 0, 0);
    const int requests = memory_requests(&h->world->named);
    expect_review(h, text, 0, "allow");
    assert_int_equal(memory_requests(&h->world->named), requests);
}

/* The time counts from the request's header. */
static void test_late_already(void **state)
{
    struct hall *h = *state;
    const struct digest image = signed_image(h, "app", "one");
    struct exchange CLEANUP(exchange_clear) x;
    char text[256];

    memory_close(&h->world->named, true);
    exchange_make(&x, "10s");
    x.began -= 60000;
    hand_in(h, &x, image_text(text, "app", &image), false);
    exchange_wait(&x);
    expect_answer(&x, 503, "deadline");
    assert_true(x.took < 60000 + 5000);
}

#define STORM 40

/* Many reviews of one image: one look-up. */
static void test_storm(void **state)
{
    struct hall *h = *state;
    const struct digest image = signed_image(h, "app", "one");
    struct exchange x[STORM];
    char text[256];

    memory_close(&h->world->named, true);
    for (size_t i = 0; i < STORM; i++) {
        exchange_make(&x[i], "30s");
        hand_in(h, &x[i], image_text(text, "app", &image), false);
    }
    assert_int_equal(admission_in_flight(h->admission), STORM);
    wait_state(h->world, 1, 0);
    memory_close(&h->world->named, false);
    for (size_t i = 0; i < STORM; i++) {
        exchange_wait(&x[i]);
        expect_answer(&x[i], 0, "allow");
        exchange_clear(&x[i]);
    }
    wait_counted(h);
    assert_true(memory_requests(&h->world->named) <= 6);
    assert_int_equal(counted.cache[CACHE_MISS], 1);
}

/* All in time, or over at the same moment: each is answered once. */
static void test_race(void **state)
{
    struct hall *h = *state;
    struct exchange x[STORM];

    memory_close(&h->world->named, true);
    for (size_t i = 0; i < STORM; i++) {
        char text[256], name[16];
        snprintf(name, sizeof(name), "i%zu", i % 4);
        const struct digest image = memory_image(&h->world->named, "app", name, NULL);
        exchange_make(&x[i], "1s");
        hand_in(h, &x[i], image_text(text, "app", &image), false);
    }
    usleep(280000);
    memory_close(&h->world->named, false);
    for (size_t i = 0; i < STORM; i++) {
        exchange_wait(&x[i]);
        assert_null(strstr(buf_text(&x[i].answer), "\"allowed\":true"));
        exchange_clear(&x[i]);
    }
}

/* --- Full --- */

static void test_queue_full(void **state)
{
    struct hall *h = *state;
    struct exchange x[8];
    size_t refused = 0;

    memory_close(&h->world->named, true);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        char text[256], name[16];
        snprintf(name, sizeof(name), "i%zu", i);
        const struct digest image = signed_image(h, "app", name);
        exchange_make(&x[i], "30s");
        hand_in(h, &x[i], image_text(text, "app", &image), false);
    }
    memory_close(&h->world->named, false);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        exchange_wait(&x[i]);
        if (x[i].status == 503) {
            assert_int_equal(x[i].retry_after, 1);
            refused++;
        } else {
            expect_answer(&x[i], 0, "allow");
        }
        exchange_clear(&x[i]);
    }
    wait_counted(h);
    assert_in_range(refused, 5, 6);
    assert_int_equal(counted.reviews[VERDICT_UNKNOWN], refused);
}

/* A review of several images that cannot all be asked for is refused whole. */
static void test_queue_full_within(void **state)
{
    struct hall *h = *state;
    struct exchange CLEANUP(exchange_clear) x;
    struct buf CLEANUP(buf_clear) all = BUF_INIT(64 * KIB);

    for (int i = 0; i < 8; i++) {
        char text[256], name[16];
        snprintf(name, sizeof(name), "i%d", i);
        const struct digest image = memory_image(&h->world->named, "app", name, NULL);
        buf_addf(&all, "%s%s", i > 0 ? " " : "", image_text(text, "app", &image));
    }
    memory_close(&h->world->named, true);
    exchange_make(&x, "30s");
    hand_in(h, &x, buf_text(&all), false);
    exchange_wait(&x);
    assert_int_equal(x.status, 503);
    assert_int_equal(x.retry_after, 1);
    assert_int_equal(admission_in_flight(h->admission), 0);
}

/* --- Kept and proven --- */

/* A signature often follows the push: a denial is asked again soon. */
static void test_denied_then_signed(void **state)
{
    struct hall *h = *state;
    const struct digest image = memory_image(&h->world->named, "app", "one", NULL);
    char text[256];

    expect_review(h, image_text(text, "app", &image), 403, "unsigned");
    memory_sign(&h->world->named, "app", &image, h->world->signer);
    expect_review(h, text, 403, "unsigned");
    atomic_fetch_add(&world_time, LOOKUPS_DENY_MS + 1);
    expect_review(h, text, 0, "allow");
}

static void test_proven(void **state)
{
    struct hall *h = *state;
    const struct digest image = signed_image(h, "app", "one");
    const struct digest other = signed_image(h, "app", "two");
    char text[256], unseen[256];

    use_policy(h, "unknown: {use-proven-within: 1h}\n");
    expect_review(h, image_text(text, "app", &image), 0, "allow");
    memory_fail(&h->world->named, 500, 0);
    atomic_fetch_add(&world_time, LOOKUPS_ALLOW_MS + 1);
    expect_review(h, text, 0, "allowed by proof of");
    assert_int_equal(counted.cache[CACHE_PROVEN], 1);
    expect_review(h, image_text(unseen, "app", &other), 503, "registry-unreachable");
    atomic_fetch_add(&world_time, 3600000);
    expect_review(h, text, 503, "registry-unreachable");
    use_policy(h, "unknown: deny\n");
    expect_review(h, text, 503, "registry-unreachable");
}

/* At the deadline, too. */
static void test_proven_late(void **state)
{
    struct hall *h = *state;
    const struct digest image = signed_image(h, "app", "one");
    struct exchange CLEANUP(exchange_clear) x;
    char text[256];

    use_policy(h, "unknown: {use-proven-within: 1h}\n");
    expect_review(h, image_text(text, "app", &image), 0, "allow");
    memory_close(&h->world->named, true);
    atomic_fetch_add(&world_time, LOOKUPS_ALLOW_MS + 1);
    exchange_make(&x, "1s");
    hand_in(h, &x, text, false);
    exchange_wait(&x);
    expect_answer(&x, 0, "(deadline now)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HALL(test_late),
        HALL(test_late_already),
        HALL(test_storm),
        HALL(test_race),
        NARROW(test_queue_full),
        NARROW(test_queue_full_within),
        HALL(test_denied_then_signed),
        HALL(test_proven),
        HALL(test_proven_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
