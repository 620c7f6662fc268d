#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fault/inject.h"
#include "tests/unit/admission_parts.h"
#include "tests/unit/decisions.h"
#include "webhook/deadlines.h"
#include "webhook/pending.h"

/*
 * A review from body to answer with every allocation failing in turn, the look-ups stood in for:
 * there is one answer, it is no allow that the whole run does not give, and where memory was short
 * it is 503 or a denial. What a failure leaves undone is freed.
 */

#define ALLOCATIONS_MAX 100000 /* more means that the loop does not end */
#define APP "reg.example/app/web"

/* What is kept, and what is found when it is asked for. */
static struct kept_lookup found;
static bool kept;

const struct kept_lookup *lookups_kept(struct lookups *l, const struct asking *asking)
{
    (void)l;
    (void)asking;
    return kept ? &found : NULL;
}

const struct kept_lookup *lookups_proven(struct lookups *l, const struct asking *asking,
                                         const struct digest *digest, int64_t within_ms)
{
    (void)l;
    (void)asking;
    (void)digest;
    (void)within_ms;
    return NULL;
}

void kept_drop(const struct kept_lookup *dropped)
{
    (void)dropped;
}

int64_t kept_age(const struct kept_lookup *aged, int64_t now_ms)
{
    (void)aged;
    (void)now_ms;
    return 0;
}

bool kept_answers(const struct lookup *answer, const struct judgement *judgement,
                  const struct reference *image, int64_t age_ms)
{
    (void)age_ms; /* see kept_age() */
    return lookup_answers(answer, judgement, image);
}

int lookups_ask(struct lookups *l, struct asking *asking, struct err *err)
{
    (void)l;
    (void)err;
    asking->done(asking, &found);
    return 0;
}

static struct admission *admission;

struct row {
    const char *name;
    struct review_of of;
    bool mutate, is_signed, is_kept;
    bool allowed; /* when nothing fails */
};

static const struct row rows[] = {
    { "signed", { .spec = SPEC(CONTAINER(APP "@" SIGNED_DIGEST)) }, false, true, false, true },
    { "signed, kept", { .spec = SPEC(CONTAINER(APP "@" SIGNED_DIGEST)) }, false, true, true, true },
    { "unsigned", { .spec = SPEC(CONTAINER(APP "@" SIGNED_DIGEST)) }, false, false, false, false },
    { "unsigned, kept",
      { .spec = SPEC(CONTAINER(APP "@" SIGNED_DIGEST)) },
      false,
      false,
      true,
      false },
    { "several",
      { .spec = SPEC(CONTAINER(APP "@" SIGNED_DIGEST) "," CONTAINER("a b") "," CONTAINER(
            "reg.example/denied/x:1") "," CONTAINER("reg.example/warned/x@" SIGNED_DIGEST)) },
      false,
      true,
      false,
      false },
    { "unreadable", { .spec = SPEC("3") }, false, true, false, false },
    { "an update",
      { .operation = "UPDATE",
        .old = POD(APP ":1"),
        .spec = SPEC(CONTAINER(APP ":1") "," CONTAINER(APP "@" SIGNED_DIGEST)) },
      false,
      true,
      false,
      true },
    { "an update of what is not vouched for",
      { .operation = "UPDATE",
        .old = POD(APP ":1"),
        .spec = SPEC(CONTAINER(APP ":1") "," CONTAINER(APP "@" SIGNED_DIGEST)) },
      false,
      false,
      false,
      false },
    { "pinned", { .spec = SPEC(CONTAINER(APP ":1")) }, true, true, false, true },
};

static bool allows(const struct exchange *x)
{
    return x->status == 200 && strstr(buf_text(&x->answer), "\"allowed\":true") != NULL;
}

/* Who is short of memory for the answer says 503; who is short of it for a text of the answer says
 * less. */
static void check(const struct row *row, const struct exchange *x, bool failed)
{
    assert_int_equal(x->calls, 1);
    assert_true(x->status == 200 || (failed && x->status == 503 && x->retry_after == 1));
    assert_true(!allows(x) || row->allowed);
    assert_true(failed || allows(x) == row->allowed);
    assert_int_equal(admission_in_flight(admission), 0);
    assert_int_equal(atomic_load(&admission->asked), 0);
    assert_int_equal(atomic_load(&served.held), 0);
}

static void test_row(void **state)
{
    const struct row *row = *state;
    long n = 1;

    lookup_of(&found.lookup, row->is_signed);
    kept = row->is_kept;
    for (; n < ALLOCATIONS_MAX; n++) {
        struct exchange x;
        exchange_make(&x, "10s");
        review_text(&x.body, &row->of);
        inject_arm(n);
        (row->mutate ? admission_mutate : admission_validate)(admission, &x);
        const bool failed = inject_disarm();
        check(row, &x, failed);
        exchange_clear(&x);
        if (!failed)
            break;
    }
    assert_in_range(n, 10, ALLOCATIONS_MAX - 1);
    lookup_clear(&found.lookup);
}

static int run(void)
{
    struct decided CLEANUP(decided_clear) w = { .decisions = { .n = 0 } };
    const struct admission_options options = { .generations = &served, .metrics = &counted };

    review_init(&w.review);
    decided_policy(&w, NULL, NULL);
    served.now.file.policy = w.loaded.policy;
    if (admission_new(&admission, &options, NULL) != 0)
        return 1;
    const int failed = RUN_ROWS(rows, test_row);
    admission_free(admission);
    return failed != 0;
}

int main(void)
{
    return inject_libraries() != 0 || run() != 0;
}
