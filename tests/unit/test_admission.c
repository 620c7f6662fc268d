/* Reviews from body to answer: what is decided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/admission_hall.h"

/* --- Decisions --- */

static void test_signed(void **state)
{
    struct hall *h = *state;
    const struct digest image = signed_image(h, "app", "one");
    char text[256];

    expect_review(h, image_text(text, "app", &image), 0, "\"allowed\":true");
    const int requests = memory_requests(&h->world->named);
    assert_true(requests > 0);
    expect_review(h, image_text(text, "app:other", &image), 0, "allow");
    assert_int_equal(memory_requests(&h->world->named), requests);
    assert_int_equal(counted.reviews[VERDICT_ALLOW], 2);
    assert_int_equal(counted.images[VERDICT_ALLOW], 2);
    assert_int_equal(counted.cache[CACHE_MISS], 1);
    assert_int_equal(counted.cache[CACHE_HIT], 1);
    assert_int_equal(counted.phases[PHASE_COLLECT], 1);
}

static void test_unsigned(void **state)
{
    struct hall *h = *state;
    const struct digest image = memory_image(&h->world->named, "app", "one", NULL);
    char text[256];

    expect_review(h, image_text(text, "app", &image), 403, "unsigned");
    assert_int_equal(counted.reviews[VERDICT_DENY], 1);
    assert_int_equal(counted.images[VERDICT_DENY], 1);
}

static void test_other_key(void **state)
{
    struct hall *h = *state;
    const struct digest image = memory_image(&h->world->named, "app", "one", NULL);
    char text[256];

    memory_sign(&h->world->named, "app", &image, h->world->ci);
    expect_review(h, image_text(text, "app", &image), 403, "wrong-signer");
}

static void test_warned(void **state)
{
    struct hall *h = *state;
    const struct digest image = memory_image(&h->world->named, "soft", "one", "one");
    char text[256];

    expect_review(h, image_text(text, "soft", &image), 0, "\"warnings\":[\"would be denied");
    expect_review(h, "soft:one", 0, "\"warnings\":[\"would be denied");
}

/* No packet for what is decided by the text alone. */
static void test_without_packet(void **state)
{
    static const struct {
        const char *image;
        int code;
        const char *word;
    } rows[] = {
        { "app:one", 403, "not-a-digest" },    { "open:one", 403, "not-a-digest" },
        { "gone:one", 403, "denied-by-rule" }, { "elsewhere:one", 403, "no-rule" },
        { "UPPER", 403, "malformed" },
    };
    struct hall *h = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_review(h, rows[i].image, rows[i].code, rows[i].word);
    assert_int_equal(memory_requests(&h->world->named), 0);
    assert_int_equal(counted.cache[CACHE_UNNEEDED], ARRAY_LEN(rows));
}

static void test_several(void **state)
{
    struct hall *h = *state;
    const struct digest good = signed_image(h, "app", "one");
    const struct digest bad = memory_image(&h->world->named, "app", "two", NULL);
    char a[256], b[256], all[800];

    snprintf(all, sizeof(all), "%s %s %s", image_text(a, "app", &good), image_text(b, "app", &bad),
             a);
    expect_review(h, all, 403, "unsigned");
    assert_int_equal(counted.images[VERDICT_ALLOW], 1);
    assert_int_equal(counted.images[VERDICT_DENY], 1);
}

/* --- /mutate --- */

static void test_pinned(void **state)
{
    struct hall *h = *state;
    struct exchange CLEANUP(exchange_clear) x, again;

    signed_image(h, "app", "one");
    memory_image(&h->world->named, "open", "two", "two");
    exchange_make(&x, "5s");
    hand_in(h, &x, "app:one open:two gone:three", true);
    exchange_wait(&x);
    expect_answer(&x, 0, "\"patchType\":\"JSONPatch\"");
    const int requests = memory_requests(&h->world->named);
    exchange_make(&again, "5s");
    hand_in(h, &again, "app:one", true);
    exchange_wait(&again);
    expect_answer(&again, 0, "\"patchType\":\"JSONPatch\"");
    assert_int_equal(memory_requests(&h->world->named), requests);
    wait_counted(h);
    assert_int_equal(counted.images[VERDICT_ALLOW], 0);
}

static void test_not_pinned(void **state)
{
    struct hall *h = *state;
    struct exchange CLEANUP(exchange_clear) x, soft;

    exchange_make(&x, "5s");
    hand_in(h, &x, "app:missing", true);
    exchange_wait(&x);
    expect_answer(&x, 503, "not-found");
    exchange_make(&soft, "5s");
    hand_in(h, &soft, "soft:missing", true);
    exchange_wait(&soft);
    expect_answer(&soft, 0, "tag could not be pinned (not-found)");
    assert_null(strstr(buf_text(&soft.answer), "patch"));
}

/* --- What is no review --- */

static void test_no_review(void **state)
{
    static const struct {
        const char *type, *body;
        unsigned status;
        const char *word;
    } rows[] = {
        { "", "{}", 415, "application/json" },
        { "text/plain", "{}", 415, "application/json" },
        { "application/jsonp", "{}", 415, "application/json" },
        { "application/json", "", 400, "" },
        { "application/json", "{}", 400, "AdmissionReview" },
        { "application/json; charset=utf-8", "{", 400, "" },
        { "Application/JSON", "[]", 400, "AdmissionReview" },
    };
    struct hall *h = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exchange CLEANUP(exchange_clear) x;
        exchange_make(&x, NULL);
        x.type = rows[i].type;
        buf_add_text(&x.body, rows[i].body);
        admission_validate(h->admission, &x);
        exchange_wait(&x);
        assert_int_equal(x.status, rows[i].status);
        assert_int_equal(x.retry_after, -1);
        assert_non_null(strstr(buf_text(&x.answer), rows[i].word));
    }
    assert_int_equal(counted.bad, ARRAY_LEN(rows));
}

static void test_nothing_to_judge(void **state)
{
    struct hall *h = *state;
    struct exchange CLEANUP(exchange_clear) x;

    exchange_make(&x, NULL);
    review_text(&x.body, &(struct review_of) { .operation = "DELETE", .object = "null" });
    admission_validate(h->admission, &x);
    exchange_wait(&x);
    expect_answer(&x, 0, "\"policy\"");
    assert_int_equal(counted.reviews[VERDICT_ALLOW], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HALL(test_signed),           HALL(test_unsigned),       HALL(test_other_key),
        HALL(test_warned),           HALL(test_without_packet), HALL(test_several),
        HALL(test_pinned),           HALL(test_not_pinned),     HALL(test_no_review),
        HALL(test_nothing_to_judge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
