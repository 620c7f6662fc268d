/* The fact cache: what is kept, what is reached by which question, for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/lookups_world.h"

static int make_world(void **state)
{
    *state = world_new((struct lookups_options) { .workers = 8 });
    return 0;
}

static int drop_world(void **state)
{
    world_free(*state);
    return 0;
}

static struct digest signed_image(struct world *w, const char *repository, const char *name)
{
    struct digest image = memory_image(&w->named, repository, name, name);

    memory_sign(&w->named, repository, &image, w->signer);
    return image;
}

/* --- By digest --- */

static void kept_is_not_looked_up_again(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "app", "one");
    struct ask CLEANUP(ask_clear) a;

    ask_init(&a, w, w->named.host, "app", &image);
    assert_false(ask_kept(&a, w));
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    assert_false(a.tagged);
    const int requests = memory_requests(&w->named);
    assert_true(requests > 0);
    assert_true(ask_kept(&a, w));
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, true);
    assert_int_equal(memory_requests(&w->named), requests);
    assert_true(a.found->lookup.times.collect > 0);
    assert_true(a.found->lookup.times.check > 0);
    assert_int_equal(a.found->lookup.times.resolve, 0);
}

static void kept_for_ten_minutes(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "app", "one");
    struct ask CLEANUP(ask_clear) a;

    ask_init(&a, w, w->named.host, "app", &image);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    atomic_fetch_add(&world_time, LOOKUPS_ALLOW_MS);
    assert_true(ask_kept(&a, w));
    assert_int_equal(kept_age(a.found, world_clock()), LOOKUPS_ALLOW_MS);
    atomic_fetch_add(&world_time, 1);
    assert_false(ask_kept(&a, w));
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    assert_true(ask_kept(&a, w));
}

/* `again` looks up what is kept, and what comes is kept in its place. */
static void asked_again(void **state)
{
    struct world *w = *state;
    struct digest image = memory_image(&w->named, "app", "one", NULL);
    struct ask CLEANUP(ask_clear) a;

    ask_init(&a, w, w->named.host, "app", &image);
    expect_asked(&a, w, VERDICT_DENY, REASON_UNSIGNED, false);
    memory_sign(&w->named, "app", &image, w->signer);
    expect_asked(&a, w, VERDICT_DENY, REASON_UNSIGNED, true);
    a.asking.again = true;
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    a.asking.again = false;
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, true);
}

/* A denial of an image that is there stands; of one that is not there, nothing is concluded, and
 * nothing kept. */
static void image_that_is_not_there(void **state)
{
    struct world *w = *state;
    const struct digest absent = other_digest();
    struct digest image = memory_image(&w->named, "app", "one", NULL);
    struct ask CLEANUP(ask_clear) a;
    struct ask CLEANUP(ask_clear) b;

    ask_init(&a, w, w->named.host, "app", &absent);
    expect_asked(&a, w, VERDICT_UNKNOWN, REASON_NOT_FOUND, false);
    assert_false(ask_kept(&a, w));
    ask_init(&b, w, w->named.host, "app", &image);
    expect_asked(&b, w, VERDICT_DENY, REASON_UNSIGNED, false);
    assert_true(b.found->lookup.existence_asked);
    assert_true(ask_kept(&b, w));
}

/* A signature often follows its image: a denial is taken for a short time, by tag too. */
static void denial_grows_old(void **state)
{
    struct world *w = *state;
    struct digest image = memory_image(&w->named, "app", "one", "v1");
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    struct ask CLEANUP(ask_clear) a;
    struct ask CLEANUP(ask_clear) b;

    ask_init(&a, w, w->named.host, "app", &image);
    ask_init(&b, w, w->named.host, "app:v1", NULL);
    expect_asked(&a, w, VERDICT_DENY, REASON_UNSIGNED, false);
    memory_sign(&w->named, "app", &image, w->signer);
    atomic_fetch_add(&world_time, LOOKUPS_DENY_MS);
    expect_asked(&a, w, VERDICT_DENY, REASON_UNSIGNED, true);
    expect_asked(&b, w, VERDICT_DENY, REASON_UNSIGNED, true);
    const struct question question = ask_question(&a);
    lookup_judge(&judgement, w->policy.policy, &a.selection, &question, &a.found->lookup);
    assert_true(
        kept_answers(&a.found->lookup, &judgement, &a.image, kept_age(a.found, world_clock())));
    atomic_fetch_add(&world_time, 1);
    assert_false(
        kept_answers(&a.found->lookup, &judgement, &a.image, kept_age(a.found, world_clock())));
    assert_true(ask_kept(&a, w)); /* to be judged: another rule may allow */
    expect_asked(&b, w, VERDICT_ALLOW, REASON_NONE, false);
    atomic_fetch_add(&world_time, LOOKUPS_DENY_MS + 1);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, true);
}

/* --- By tag --- */

static void tag_is_kept_for_a_short_time(void **state)
{
    struct world *w = *state;
    struct digest first = signed_image(w, "app", "v1");
    struct ask CLEANUP(ask_clear) a;

    ask_init(&a, w, w->named.host, "app:v1", NULL);
    assert_false(ask_kept(&a, w));
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    assert_true(a.tagged);
    assert_true(digest_equal(&a.found->lookup.digest, &first));
    struct digest second = memory_image(&w->named, "app", "another", "v1");
    atomic_fetch_add(&world_time, LOOKUPS_TAG_MS);
    assert_true(ask_kept(&a, w));
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, true);
    atomic_fetch_add(&world_time, 1);
    assert_false(ask_kept(&a, w));
    expect_asked(&a, w, VERDICT_DENY, REASON_UNSIGNED, false);
    assert_true(digest_equal(&a.found->lookup.digest, &second));
}

/* The tag is asked for again too. */
static void tag_asked_again(void **state)
{
    struct world *w = *state;
    struct ask CLEANUP(ask_clear) a;

    signed_image(w, "app", "v1");
    ask_init(&a, w, w->named.host, "app:v1", NULL);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    memory_image(&w->named, "app", "another", "v1");
    a.asking.again = true;
    expect_asked(&a, w, VERDICT_DENY, REASON_UNSIGNED, false);
}

static void digest_only(void **state)
{
    struct world *w = *state;
    struct digest image = memory_image(&w->named, "app", "v1", "v1");
    struct ask CLEANUP(ask_clear) a;
    struct ask CLEANUP(ask_clear) b;

    ask_init(&a, w, w->named.host, "app:v1", NULL);
    a.asking.digest_only = true;
    ask_begin(&a, w);
    ask_end(&a);
    assert_true(a.found->lookup.resolved);
    assert_true(digest_equal(&a.found->lookup.digest, &image));
    assert_false(a.found->lookup.has_facts);
    assert_true(a.found->lookup.times.resolve > 0);
    assert_true(ask_kept(&a, w));
    expect_verdict(&a, a.found, VERDICT_UNKNOWN, reason_of_error(ERR_INTERNAL)); /* no facts */
    const int requests = memory_requests(&w->named);
    ask_begin(&a, w);
    ask_end(&a);
    assert_true(a.shared);
    assert_int_equal(memory_requests(&w->named), requests);
    ask_init(&b, w, w->named.host, "app", &image); /* nothing to be asked */
    b.asking.digest_only = true;
    ask_begin(&b, w);
    ask_end(&b);
    assert_true(digest_equal(&b.found->lookup.digest, &image));
    assert_int_equal(memory_requests(&w->named), requests);
}

static void failed_tag_is_not_kept(void **state)
{
    struct world *w = *state;
    struct ask CLEANUP(ask_clear) a;

    ask_init(&a, w, w->named.host, "app:v1", NULL);
    expect_asked(&a, w, VERDICT_UNKNOWN, REASON_NOT_FOUND, false);
    assert_false(a.found->lookup.resolved);
    signed_image(w, "app", "v1");
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
}

/* --- Failures --- */

static void failure_is_not_kept(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "app", "one");
    struct ask CLEANUP(ask_clear) a;

    ask_init(&a, w, w->named.host, "app", &image);
    memory_fail(&w->named, 403, 0);
    expect_asked(&a, w, VERDICT_UNKNOWN, REASON_REGISTRY_AUTH, false);
    assert_false(ask_kept(&a, w));
    memory_fail(&w->named, 0, 0);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
}

/* The transport asks again, within the look-up's time: no verdict comes of it. */
static void one_429_denies_nothing(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "app", "one");
    struct ask CLEANUP(ask_clear) a;

    ask_init(&a, w, w->named.host, "app", &image);
    memory_fail(&w->named, 0, 1);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
}

static const struct kept_lookup *proven(struct world *w, struct ask *a, const struct digest *image,
                                        int64_t within)
{
    return lookups_proven(w->lookups, &a->asking, image, within);
}

/* After a failure the last complete look-up is there, up to the age that is asked for. */
static void proven_after_a_failure(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "app", "v1");
    struct ask CLEANUP(ask_clear) a;
    struct ask CLEANUP(ask_clear) b;

    ask_init(&a, w, w->named.host, "app", &image);
    ask_init(&b, w, w->named.host, "app:v1", NULL);
    ask_select(&b);
    ask_select(&a);
    assert_null(proven(w, &a, &image, LOOKUPS_ALLOW_MS));
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    atomic_fetch_add(&world_time, LOOKUPS_ALLOW_MS + 1);
    memory_fail(&w->named, 403, 0);
    expect_asked(&a, w, VERDICT_UNKNOWN, REASON_REGISTRY_AUTH, false);
    const struct kept_lookup *last = proven(w, &a, &image, LOOKUPS_ALLOW_MS + 1);
    assert_non_null(last);
    expect_verdict(&a, last, VERDICT_ALLOW, REASON_NONE);
    kept_drop(last);
    last = proven(w, &b, &image, LOOKUPS_ALLOW_MS + 1); /* by tag, resolved */
    assert_non_null(last);
    kept_drop(last);
    assert_null(proven(w, &a, &image, LOOKUPS_ALLOW_MS));
}

/* What was complete is not proven for ever: a later complete look-up without it replaces it. */
static void proven_is_the_last_complete_one(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "app", "one");
    char path[MEMORY_PATH_MAX];
    struct ask CLEANUP(ask_clear) a;

    ask_init(&a, w, w->named.host, "app", &image);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    memory_signature_path(path, "app", &image);
    memory_remove(&w->named, path);
    a.asking.again = true;
    expect_asked(&a, w, VERDICT_DENY, REASON_UNSIGNED, false);
    const struct kept_lookup *last = proven(w, &a, &image, LOOKUPS_ALLOW_MS);
    assert_non_null(last);
    expect_verdict(&a, last, VERDICT_DENY, REASON_UNSIGNED);
    kept_drop(last);
}

/* --- Who reaches what --- */

static void other_trust_reaches_nothing(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "app", "v1");
    static struct lookups_source other; /* outlives the worker that drops it */
    struct ask CLEANUP(ask_clear) a;
    struct ask CLEANUP(ask_clear) b;

    other = w->source;
    ask_init(&a, w, w->named.host, "app", &image);
    ask_init(&b, w, w->named.host, "app:v1", NULL);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    expect_asked(&b, w, VERDICT_ALLOW, REASON_NONE, true); /* but for the tag */
    other.trust[31] = 1;
    a.asking.source = b.asking.source = &other;
    assert_false(ask_kept(&a, w));
    assert_false(ask_kept(&b, w));
    assert_null(proven(w, &a, &image, LOOKUPS_ALLOW_MS));
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
}

/* The same digest in another repository, or another registry, may have nothing hanging on it. */
static void other_place_reaches_nothing(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "app", "one");
    struct ask CLEANUP(ask_clear) a;
    struct ask CLEANUP(ask_clear) b;
    struct ask CLEANUP(ask_clear) c;

    memory_image(&w->named, "copy", "one", NULL);
    memory_image(&w->other, "app", "one", NULL);
    ask_init(&a, w, w->named.host, "app", &image);
    ask_init(&b, w, w->named.host, "copy", &image);
    ask_init(&c, w, w->other.host, "app", &image);
    expect_asked(&b, w, VERDICT_DENY, REASON_UNSIGNED, false);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    expect_asked(&c, w, VERDICT_DENY, REASON_UNSIGNED, false);
    expect_asked(&b, w, VERDICT_DENY, REASON_UNSIGNED, true);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, true);
}

/* Each field of the plan is a question of its own. */
static void other_plan_reaches_nothing(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "app", "one");
    struct ask CLEANUP(ask_clear) a;

    ask_init(&a, w, w->named.host, "app", &image);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    const struct selection same = a.selection;
    for (int field = 0; field < 7; field++) {
        a.selection = same;
        if (field == 1)
            a.selection.plan.signatures = !same.plan.signatures;
        if (field == 2)
            a.selection.plan.statements = !same.plan.statements;
        if (field == 3)
            a.selection.plan.predicate_type = "";
        if (field == 4)
            a.selection.index = !same.index;
        if (field == 5)
            a.selection.platforms = !same.platforms;
        if (field == 6)
            w->source.engine.max_statement = 1;
        const struct kept_lookup *found = lookups_kept(w->lookups, &a.asking);
        assert_int_equal(found != NULL, field == 0);
        kept_drop(found);
    }
}

/* --- One digest, many judgements --- */

/* From the same kept look-up each namespace has its own rule's verdict, in either order, and a
 * denial by digest stands only when it was asked whether the image is there. */
static void two_rules_of_one_digest(void **state)
{
    struct world *w = *state;
    struct digest image[2] = { signed_image(w, "app", "one"), signed_image(w, "app", "two") };

    world_policy(w, POLICY_TWO);
    for (int order = 0; order < 2; order++) {
        struct ask CLEANUP(ask_clear) strict;
        struct ask CLEANUP(ask_clear) loose;
        struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
        ask_init(&strict, w, w->named.host, "app", &image[order]);
        strict.asking.image.namespace = "prod";
        ask_init(&loose, w, w->named.host, "app", &image[order]);
        loose.asking.image.namespace = "test";
        expect_asked(order == 0 ? &strict : &loose, w, order == 0 ? VERDICT_DENY : VERDICT_ALLOW,
                     order == 0 ? REASON_UNSIGNED : REASON_NONE, false);
        expect_asked(&loose, w, VERDICT_ALLOW, REASON_NONE, true);
        ask_select(&strict);
        const struct kept_lookup *kept = lookups_kept(w->lookups, &strict.asking);
        const struct question question = ask_question(&strict);
        assert_non_null(kept);
        lookup_judge(&judgement, w->policy.policy, &strict.selection, &question, &kept->lookup);
        assert_int_equal(judgement.verdict, VERDICT_DENY);
        assert_int_equal(lookup_answers(&kept->lookup, &judgement, &strict.image), order == 0);
        kept_drop(kept);
        expect_asked(&strict, w, VERDICT_DENY, REASON_UNSIGNED, order == 0);
        assert_true(strict.found->lookup.existence_asked);
        expect_asked(&loose, w, VERDICT_ALLOW, REASON_NONE, true);
    }
}

#define POLICY_UNTIL                                                                               \
    SIGNERS                                                                                        \
    "rules:\n"                                                                                     \
    "- {name: for-now, images: '*/legacy', allow-unsigned: {reason: r, until: 2026-12-31}}\n"      \
    "- {name: all, images: '*/**', require: {signed: release}}\n"

/* What is kept carries no verdict past the day that an exception ends. */
static void exception_that_ends(void **state)
{
    struct world *w = *state;
    struct digest image = memory_image(&w->named, "legacy", "one", "v1");
    struct ask CLEANUP(ask_clear) a;
    struct ask CLEANUP(ask_clear) b;
    enum reason_code reason;

    world_policy(w, POLICY_UNTIL);
    ask_init(&a, w, w->named.host, "legacy:v1", NULL);
    a.asking.digest_only = true; /* as is pinned */
    ask_begin(&a, w);
    ask_end(&a);
    assert_int_equal(a.selection.selected, SELECTED_UNSIGNED);
    ask_init(&b, w, w->named.host, "legacy", &image);
    ask_select(&b);
    assert_int_equal(ask_verdict(&b, a.found, &reason), VERDICT_ALLOW);
    b.asking.now = 1798675199; /* 2026-12-30T23:59:59Z */
    ask_select(&b);
    assert_int_equal(ask_verdict(&b, a.found, &reason), VERDICT_ALLOW);
    b.asking.now++;
    ask_select(&b);
    assert_int_equal(b.selection.selected, SELECTED_RULE);
    assert_int_equal(ask_verdict(&b, a.found, &reason), VERDICT_UNKNOWN); /* a tag's has no facts */
    expect_asked(&b, w, VERDICT_DENY, REASON_UNSIGNED, false);
}

#define POLICY_AGE                                                                                 \
    SIGNERS                                                                                        \
    "checks:\n"                                                                                    \
    "  fresh: {type: 'https://t.example/scan', statements: newest, time: /predicate/at,\n"         \
    "          max-age: 1d, where: [{at: /predicate/ok, is: true}]}\n"                             \
    "rules:\n- {name: all, images: '*/**', require: {attested: fresh, by: release}}\n"

/* An attestation in the legacy layout. */
static void attest(struct world *w, const char *repository, const struct digest *image)
{
    struct buf CLEANUP(buf_clear) statement = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) envelope = BUF_INIT(8192);
    struct buf CLEANUP(buf_clear) body = BUF_INIT(8192);
    char path[MEMORY_PATH_MAX], text[DIGEST_TEXT_MAX], tag[DIGEST_TAG_MAX];
    struct digest layer;

    digest_format(text, image);
    buf_addf(&statement,
             "{\"_type\":\"" STATEMENT_V1 "\",\"subject\":[{\"digest\":{\"sha256\":\"%s\"}}],"
             "\"predicateType\":\"https://t.example/scan\","
             "\"predicate\":{\"ok\":true,\"at\":\"2026-09-21T00:00:00Z\"}}",
             text + strlen("sha256:"));
    make_envelope(&envelope, w->signer, buf_bytes(&statement));
    assert_int_equal(digest_of(&layer, HASH_SHA256, buf_bytes(&envelope), NULL), 0);
    digest_format(text, &layer);
    snprintf(path, sizeof(path), "/v2/%s/blobs/%s", repository, text);
    memory_put(&w->named, path, buf_text(&envelope), "application/octet-stream");
    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST
             "\",\"config\":" MEMORY_CONFIG ",\"layers\":[{\"mediaType\":\"" TYPE_DSSE
             "\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":{\"" ANNOTATION_PREDICATE_TYPE
             "\":\"https://t.example/scan\"}}]}",
             text, envelope.len);
    digest_tag(tag, image, ".att");
    snprintf(path, sizeof(path), "/v2/%s/manifests/%s", repository, tag);
    memory_put(&w->named, path, buf_text(&body), TYPE_OCI_MANIFEST);
}

/* A statement that was fresh when it was looked up grows old while it is kept. */
static void age_on_a_hit(void **state)
{
    struct world *w = *state;
    struct digest image = memory_image(&w->named, "app", "one", NULL);
    struct ask CLEANUP(ask_clear) a;

    world_policy(w, POLICY_AGE);
    attest(w, "app", &image);
    ask_init(&a, w, w->named.host, "app", &image);
    a.asking.now = 1790035200; /* 2026-09-22T00:00:00Z */
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    expect_verdict(&a, a.found, VERDICT_ALLOW, REASON_NONE);
    a.asking.now++;
    expect_verdict(&a, a.found, VERDICT_DENY, REASON_CHECK_FAILED); /* what is kept, judged now */
    expect_asked(&a, w, VERDICT_DENY, REASON_CHECK_FAILED, false);
    assert_true(a.found->lookup.existence_asked);
    expect_asked(&a, w, VERDICT_DENY, REASON_CHECK_FAILED, true);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_world, drop_world)
    const struct CMUnitTest tests[] = {
        TEST(kept_is_not_looked_up_again),
        TEST(kept_for_ten_minutes),
        TEST(asked_again),
        TEST(image_that_is_not_there),
        TEST(denial_grows_old),
        TEST(tag_is_kept_for_a_short_time),
        TEST(tag_asked_again),
        TEST(digest_only),
        TEST(failed_tag_is_not_kept),
        TEST(failure_is_not_kept),
        TEST(one_429_denies_nothing),
        TEST(proven_after_a_failure),
        TEST(proven_is_the_last_complete_one),
        TEST(other_trust_reaches_nothing),
        TEST(other_place_reaches_nothing),
        TEST(other_plan_reaches_nothing),
        TEST(two_rules_of_one_digest),
        TEST(exception_that_ends),
        TEST(age_on_a_hit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
