/* The fact cache at work: single flight, workers, quotas, bounds, stopping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/lookups_world.h"

#define MANY 20
#define WORKERS 8

static int make_world(void **state)
{
    *state = world_new((struct lookups_options) { .workers = WORKERS, .queue = 16 });
    return 0;
}

static int drop_world(void **state)
{
    world_free(*state);
    return 0;
}

static struct digest signed_image(struct world *w, const char *name)
{
    struct digest image = memory_image(&w->named, "app", name, name);

    memory_sign(&w->named, "app", &image, w->signer);
    return image;
}

/* The requests of one look-up, once the registry is known. */
static int requests_of_one(struct world *w)
{
    int requests = 0;

    for (int i = 0; i < 2; i++) {
        struct digest image = signed_image(w, i == 0 ? "first" : "second");
        struct ask CLEANUP(ask_clear) a;
        requests = memory_requests(&w->named);
        ask_init(&a, w, w->named.host, "app", &image);
        expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    }
    return memory_requests(&w->named) - requests;
}

/* --- Single flight --- */

static void one_look_up_for_many(void **state)
{
    struct world *w = *state;
    struct ask asks[MANY];
    int owners = 0;

    const int cost = requests_of_one(w);
    struct digest image = signed_image(w, "one");
    const int before = memory_requests(&w->named);
    memory_close(&w->named, true);
    for (int i = 0; i < MANY; i++) {
        ask_init(&asks[i], w, w->named.host, "app", &image);
        asks[i].asking.again = i % 2 == 1; /* joins too: it is under way */
        ask_begin(&asks[i], w);
    }
    wait_state(w, 1, 0);
    memory_close(&w->named, false);
    for (int i = 0; i < MANY; i++) {
        ask_end(&asks[i]);
        expect_verdict(&asks[i], asks[i].found, VERDICT_ALLOW, REASON_NONE);
        assert_ptr_equal(asks[i].found, asks[0].found);
        owners += !asks[i].shared;
    }
    assert_int_equal(owners, 1);
    assert_int_equal(memory_requests(&w->named), before + cost);
    for (int i = 0; i < MANY; i++)
        ask_clear(&asks[i]);
}

/* Many by tag, and by the digest that it names: one look-up of each. */
static void one_look_up_by_tag(void **state)
{
    struct world *w = *state;
    struct ask asks[MANY];

    const int cost = requests_of_one(w);
    struct digest image = signed_image(w, "v1");
    const int before = memory_requests(&w->named);
    memory_close(&w->named, true);
    for (int i = 0; i < MANY; i++) {
        ask_init(&asks[i], w, w->named.host, i % 2 == 0 ? "app:v1" : "app",
                 i % 2 == 0 ? NULL : &image);
        ask_begin(&asks[i], w);
    }
    wait_state(w, 2, 0);
    memory_close(&w->named, false);
    for (int i = 0; i < MANY; i++) {
        ask_end(&asks[i]);
        expect_verdict(&asks[i], asks[i].found, VERDICT_ALLOW, REASON_NONE);
        assert_int_equal(asks[i].tagged, i % 2 == 0);
    }
    assert_int_equal(memory_requests(&w->named), before + cost + 1);
    for (int i = 0; i < MANY; i++)
        ask_clear(&asks[i]);
}

/* Who asks with credentials of his own shares with those who have the same, and nobody else:
 * neither what is under way nor what is kept. */
static void identities_share_nothing(void **state)
{
    static const uint8_t one[LOOKUPS_IDENTITY_SIZE] = { 1 }, other[LOOKUPS_IDENTITY_SIZE] = { 2 };
    static const uint8_t *const identities[] = { one, other, NULL, one };
    struct world *w = *state;
    struct ask asks[ARRAY_LEN(identities)];

    const int cost = requests_of_one(w);
    struct digest image = signed_image(w, "one");
    const int before = memory_requests(&w->named);
    memory_close(&w->named, true);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        ask_init(&asks[i], w, w->named.host, "app", &image);
        asks[i].asking.identity = identities[i];
        assert_false(ask_kept(&asks[i], w));
        ask_begin(&asks[i], w);
    }
    wait_state(w, 3, 0);
    memory_close(&w->named, false);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        ask_end(&asks[i]);
        expect_verdict(&asks[i], asks[i].found, VERDICT_ALLOW, REASON_NONE);
        assert_int_equal(asks[i].shared, i == 3);
        assert_true(ask_kept(&asks[i], w));
    }
    assert_int_equal(memory_requests(&w->named), before + 3 * cost);
    assert_ptr_equal(asks[3].found, asks[0].found);
    assert_ptr_not_equal(asks[1].found, asks[0].found);
    assert_ptr_not_equal(asks[2].found, asks[0].found);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        ask_clear(&asks[i]);
}

/* What one kept neither another nor one without credentials reaches, by digest, by tag, or as the
 * last that was complete. */
static void identities_keep_apart(void **state)
{
    static const uint8_t one[LOOKUPS_IDENTITY_SIZE] = { 1 }, other[LOOKUPS_IDENTITY_SIZE] = { 2 };
    static const uint8_t *const strangers[] = { other, NULL };
    struct world *w = *state;
    struct digest image = signed_image(w, "v1");
    struct ask CLEANUP(ask_clear) a;
    struct ask CLEANUP(ask_clear) tag;

    ask_init(&a, w, w->named.host, "app", &image);
    ask_init(&tag, w, w->named.host, "app:v1", NULL);
    a.asking.identity = tag.asking.identity = one;
    expect_asked(&tag, w, VERDICT_ALLOW, REASON_NONE, false);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, true);
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        a.asking.identity = tag.asking.identity = strangers[i];
        assert_false(ask_kept(&a, w));
        assert_false(ask_kept(&tag, w));
        assert_null(lookups_proven(w->lookups, &a.asking, &image, LOOKUPS_ALLOW_MS));
    }
    a.asking.identity = one;
    const struct kept_lookup *proven =
        lookups_proven(w->lookups, &a.asking, &image, LOOKUPS_ALLOW_MS);
    assert_non_null(proven);
    kept_drop(proven);
}

/* A registry that hangs holds up those who asked it then, not those who ask once it answers. */
static void hanging_is_not_joined(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "one");
    struct ask asks[4];

    memory_close(&w->named, true);
    for (int i = 0; i < 4; i++) {
        ask_init(&asks[i], w, w->named.host, "app", &image);
        ask_begin(&asks[i], w);
        wait_state(w, i < 2 ? 1 : 2, 0);
        atomic_fetch_add(&world_time, i == 0 ? LOOKUPS_JOIN_MS : 1);
    }
    memory_close(&w->named, false);
    for (int i = 0; i < 4; i++) {
        ask_end(&asks[i]);
        expect_verdict(&asks[i], asks[i].found, VERDICT_ALLOW, REASON_NONE);
    }
    assert_ptr_equal(asks[0].found, asks[1].found);
    assert_ptr_equal(asks[2].found, asks[3].found);
    assert_ptr_not_equal(asks[0].found, asks[2].found);
    expect_asked(&asks[3], w, VERDICT_ALLOW, REASON_NONE, true);
    for (int i = 0; i < 4; i++)
        ask_clear(&asks[i]);
}

/* A failure is everybody's who waited, and nobody's after that. */
static void failure_is_given_to_those_who_waited(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "one");
    struct ask asks[4];

    memory_close(&w->named, true);
    memory_fail(&w->named, 403, 0);
    for (int i = 0; i < 4; i++) {
        ask_init(&asks[i], w, w->named.host, "app", &image);
        ask_begin(&asks[i], w);
    }
    memory_close(&w->named, false);
    for (int i = 0; i < 4; i++) {
        ask_end(&asks[i]);
        expect_verdict(&asks[i], asks[i].found, VERDICT_UNKNOWN, REASON_REGISTRY_AUTH);
    }
    memory_fail(&w->named, 0, 0);
    expect_asked(&asks[3], w, VERDICT_ALLOW, REASON_NONE, false);
    for (int i = 0; i < 4; i++)
        ask_clear(&asks[i]);
}

/* Who joins the flight of a question that is allowed, and is denied himself, learns whether the
 * image is there. */
static void joined_and_denied(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "one");
    struct ask CLEANUP(ask_clear) loose;
    struct ask strict[3];

    world_policy(w, POLICY_TWO);
    ask_init(&loose, w, w->named.host, "app", &image);
    memory_close(&w->named, true);
    ask_begin(&loose, w);
    for (int i = 0; i < 3; i++) {
        ask_init(&strict[i], w, w->named.host, "app", &image);
        strict[i].asking.image.namespace = "prod";
        ask_begin(&strict[i], w);
    }
    memory_close(&w->named, false);
    ask_end(&loose);
    assert_false(loose.found->lookup.existence_asked);
    expect_verdict(&loose, loose.found, VERDICT_ALLOW, REASON_NONE);
    for (int i = 0; i < 3; i++) {
        ask_end(&strict[i]);
        assert_true(strict[i].found->lookup.existence_asked);
        expect_verdict(&strict[i], strict[i].found, VERDICT_DENY, REASON_UNSIGNED);
        ask_clear(&strict[i]);
    }
    expect_asked(&loose, w, VERDICT_ALLOW, REASON_NONE, true);
}

/* --- Workers --- */

/* Images at a registry that nobody has named: so many, from `first` on. */
static void ask_other(struct world *w, struct ask *asks, int first, int n)
{
    char name[32];

    for (int i = first; i < first + n; i++) {
        snprintf(name, sizeof(name), "other-%d", i);
        struct digest image = memory_image(&w->other, "app", name, NULL);
        ask_init(&asks[i], w, w->other.host, "app", &image);
        ask_begin(&asks[i], w);
    }
}

static void end_all(struct ask *asks, int n, enum verdict verdict, enum reason_code reason)
{
    for (int i = 0; i < n; i++) {
        ask_end(&asks[i]);
        expect_verdict(&asks[i], asks[i].found, verdict, reason);
        ask_clear(&asks[i]);
    }
}

/* A registry that hangs and is not named holds a quarter of the workers; others overtake. */
static void unnamed_host_holds_a_quarter(void **state)
{
    struct world *w = *state;
    struct ask asks[6];
    struct ask CLEANUP(ask_clear) a;
    struct digest image = signed_image(w, "one");

    memory_close(&w->other, true);
    ask_other(w, asks, 0, 6);
    wait_state(w, WORKERS / 4, 4);
    ask_init(&a, w, w->named.host, "app", &image);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    wait_state(w, WORKERS / 4, 4);
    memory_close(&w->other, false);
    end_all(asks, 6, VERDICT_DENY, REASON_UNSIGNED);
    wait_state(w, 0, 0);
}

/* One that is named may hold them all. */
static void named_host_holds_all(void **state)
{
    struct world *w = *state;
    struct ask asks[WORKERS + 2];
    struct lookups_state now;
    char name[32];

    memory_close(&w->named, true);
    for (int i = 0; i < WORKERS + 2; i++) {
        snprintf(name, sizeof(name), "image-%d", i);
        struct digest image = memory_image(&w->named, "app", name, NULL);
        ask_init(&asks[i], w, w->named.host, "app", &image);
        ask_begin(&asks[i], w);
    }
    wait_state(w, WORKERS, 2);
    lookups_state(&now, w->lookups);
    assert_int_equal(now.threads, WORKERS);
    memory_close(&w->named, false);
    end_all(asks, WORKERS + 2, VERDICT_DENY, REASON_UNSIGNED);
}

/* The whole queue is theirs, and not more. */
static void full_queue_of_a_named_host(void **state)
{
    struct world *w = *state;
    struct ask asks[WORKERS + 16];
    struct ask CLEANUP(ask_clear) refused;
    const struct digest another = other_digest();
    struct err err = ERR_INIT;

    memory_close(&w->named, true);
    for (int i = 0; i < WORKERS + 16; i++) {
        char name[32];
        snprintf(name, sizeof(name), "image-%d", i);
        struct digest image = memory_image(&w->named, "app", name, NULL);
        ask_init(&asks[i], w, w->named.host, "app", &image);
        ask_begin(&asks[i], w);
        if (i < WORKERS)
            wait_state(w, (size_t)i + 1, 0);
    }
    wait_state(w, WORKERS, 16);
    ask_init(&refused, w, w->named.host, "app", &another);
    ask_select(&refused);
    EXPECT_ERR(lookups_ask(w->lookups, &refused.asking, &err), &err, ERR_LIMIT, "16");
    memory_close(&w->named, false);
    end_all(asks, WORKERS + 16, VERDICT_DENY, REASON_UNSIGNED);
}

/* Threads are started as they are needed. */
static void threads_as_needed(void **state)
{
    struct world *w = *state;
    struct lookups_state now;

    lookups_state(&now, w->lookups);
    assert_int_equal(now.threads, 0);
    for (int i = 0; i < 10; i++) {
        char name[32];
        struct ask CLEANUP(ask_clear) a;
        snprintf(name, sizeof(name), "image-%d", i);
        struct digest image = memory_image(&w->named, "app", name, NULL);
        ask_init(&a, w, w->named.host, "app", &image);
        expect_asked(&a, w, VERDICT_DENY, REASON_UNSIGNED, false);
        wait_state(w, 0, 0);
    }
    lookups_state(&now, w->lookups);
    assert_in_range(now.threads, 1, 2);
    assert_int_equal(now.kept, 10);
}

/* What does not fit into the queue is refused at once; what joins a flight needs no place. A
 * quarter of the places is kept from hosts that are not named. */
static void full_queue(void **state)
{
    struct world *w = *state;
    struct ask asks[14];
    struct ask CLEANUP(ask_clear) joins;
    struct ask CLEANUP(ask_clear) named;
    struct ask CLEANUP(ask_clear) refused;
    const struct digest another = other_digest();
    struct digest image = signed_image(w, "one");
    struct err err = ERR_INIT;

    memory_close(&w->other, true);
    ask_other(w, asks, 0, 2);
    wait_state(w, 2, 0);
    ask_other(w, asks, 2, 12);
    wait_state(w, 2, 12);
    ask_init(&refused, w, w->other.host, "app", &another);
    ask_select(&refused);
    const int held = w->held;
    EXPECT_ERR(lookups_ask(w->lookups, &refused.asking, &err), &err, ERR_LIMIT, "waiting");
    assert_int_equal(w->held, held);
    ask_init(&named, w, w->named.host, "app", &image);
    expect_asked(&named, w, VERDICT_ALLOW, REASON_NONE, false);
    ask_init(&joins, w, w->other.host, "app", &asks[13].image.digest);
    ask_begin(&joins, w);
    memory_close(&w->other, false);
    end_all(asks, 14, VERDICT_DENY, REASON_UNSIGNED);
    ask_end(&joins);
    expect_verdict(&joins, joins.found, VERDICT_DENY, REASON_UNSIGNED);
    assert_int_equal(refused.calls, 0);
}

/* The deadline is the look-up's, not the configuration's for one image. */
static void deadline_is_the_look_ups(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "one");
    struct ask CLEANUP(ask_clear) a;
    const int64_t began = clock_millis();

    assert_true(lookups_stop(w->lookups, clock_deadline(WAIT_MS)));
    lookups_free(w->lookups);
    world_lookups(w, (struct lookups_options) { .workers = 1, .deadline_ms = 300 });
    memory_close(&w->named, true);
    ask_init(&a, w, w->named.host, "app", &image);
    expect_asked(&a, w, VERDICT_UNKNOWN, REASON_DEADLINE, false);
    assert_in_range(clock_millis() - began, 250, 5000);
}

/* --- Bytes --- */

/* Bounded in bytes: the least recently used goes first; what is held stays. */
static void eviction(void **state)
{
    struct world *w = *state;
    struct lookups_state now;
    struct ask CLEANUP(ask_clear) first;
    struct ask CLEANUP(ask_clear) second;

    assert_true(lookups_stop(w->lookups, clock_deadline(WAIT_MS)));
    lookups_free(w->lookups);
    world_lookups(w, (struct lookups_options) { .workers = 2, .max_bytes = 64 * KIB });
    struct digest images[2] = { signed_image(w, "one"), signed_image(w, "two") };
    ask_init(&first, w, w->named.host, "app", &images[0]);
    ask_init(&second, w, w->named.host, "app", &images[1]);
    expect_asked(&first, w, VERDICT_ALLOW, REASON_NONE, false);
    expect_asked(&second, w, VERDICT_ALLOW, REASON_NONE, false);
    for (int i = 0; i < 40; i++) {
        struct ask CLEANUP(ask_clear) a;
        char name[32];
        snprintf(name, sizeof(name), "image-%d", i);
        struct digest image = memory_image(&w->other, "app", name, NULL);
        memory_image(&w->other, "app", name, NULL);
        ask_init(&a, w, w->other.host, "app", &image);
        expect_asked(&a, w, VERDICT_DENY, REASON_UNSIGNED, false);
        assert_true(ask_kept(&second, w)); /* used, so it stays */
        lookups_state(&now, w->lookups);
        assert_in_range(now.bytes, 1, 64 * KIB);
    }
    assert_true(now.evicted > 0);
    assert_int_equal(now.kept + now.evicted, 42);
    assert_false(ask_kept(&first, w));
    expect_verdict(&first, first.found, VERDICT_ALLOW, REASON_NONE);
}

/* What is larger than the whole cache is answered and not kept. */
static void too_large_to_keep(void **state)
{
    struct world *w = *state;
    struct digest image = signed_image(w, "one");
    struct ask CLEANUP(ask_clear) a;
    struct lookups_state now;

    assert_true(lookups_stop(w->lookups, clock_deadline(WAIT_MS)));
    lookups_free(w->lookups);
    world_lookups(w, (struct lookups_options) { .max_bytes = 1 });
    ask_init(&a, w, w->named.host, "app", &image);
    expect_asked(&a, w, VERDICT_ALLOW, REASON_NONE, false);
    assert_false(ask_kept(&a, w));
    lookups_state(&now, w->lookups);
    assert_int_equal(now.kept, 0);
    assert_int_equal(now.bytes, 0);
}

/* --- Stopping --- */

/* What waits is answered at once, what runs is waited for; nothing new is begun. */
static void stop_while_busy(void **state)
{
    struct world *w = *state;
    struct ask asks[4];
    struct ask CLEANUP(ask_clear) tag;
    struct ask CLEANUP(ask_clear) late;
    const struct digest another = other_digest();
    struct err err = ERR_INIT;

    memory_close(&w->other, true);
    memory_close(&w->named, true);
    signed_image(w, "v1");
    ask_init(&tag, w, w->named.host, "app:v1", NULL);
    ask_begin(&tag, w);
    ask_other(w, asks, 0, 4);
    wait_state(w, 3, 2);
    assert_false(lookups_stop(w->lookups, clock_deadline(50)));
    for (int i = 2; i < 4; i++) {
        ask_end(&asks[i]);
        expect_verdict(&asks[i], asks[i].found, VERDICT_UNKNOWN, REASON_DEADLINE);
    }
    ask_init(&late, w, w->other.host, "app", &another);
    ask_select(&late);
    EXPECT_ERR(lookups_ask(w->lookups, &late.asking, &err), &err, ERR_LIMIT, "stopped");
    memory_close(&w->other, false);
    memory_close(&w->named, false);
    assert_true(lookups_stop(w->lookups, clock_deadline(WAIT_MS)));
    ask_end(&tag); /* resolved, and not looked up any more */
    expect_verdict(&tag, tag.found, VERDICT_UNKNOWN, REASON_DEADLINE);
    end_all(asks, 2, VERDICT_DENY, REASON_UNSIGNED);
    ask_clear(&asks[2]);
    ask_clear(&asks[3]);
}

static void stop_without_work(void **state)
{
    struct lookups *l = NULL;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(lookups_new(&l, &(struct lookups_options) { 0 }, &err), &err);
    assert_true(lookups_stop(l, clock_millis()));
    assert_true(lookups_stop(l, clock_millis()));
    lookups_free(l);
    lookups_free(NULL);
}

/* --- A layout --- */

/* No review asks for one, and it is only unknown. */
static void layout(void **state)
{
    struct world *w = *state;
    struct ask CLEANUP(ask_clear) a = { .asking = { .source = &w->source, .done = ask_done } };
    char text[400];
    struct err err = ERR_INIT;

    pthread_mutex_init(&a.lock, NULL);
    pthread_cond_init(&a.answered, NULL);
    snprintf(text, sizeof(text), "oci:%s", folder_path(&w->folder, "nowhere"));
    EXPECT_OK(reference_parse(&a.image, bytes_text(text), &err), &err);
    a.asking.context = &a;
    a.asking.selection = &a.selection;
    a.asking.image.reference = &a.image;
    a.selection = (struct selection) { .selected = SELECTED_RULE, .index = true };
    EXPECT_OK(lookups_ask(w->lookups, &a.asking, &err), &err);
    ask_end(&a);
    assert_int_equal(a.found->lookup.err.code, ERR_NOT_FOUND);
    assert_null(lookups_kept(w->lookups, &a.asking));
}

/* --- All at once --- */

#define THREADS 4
#define ROUNDS 60

struct storm {
    struct world *w;
    struct digest images[6];
    int wrong;
};

/* Asks by digest and tag, takes what is kept, in a mixed order. */
static void *storm_run(void *context)
{
    struct storm *s = context;
    struct ask asks[6];
    static const char *const tags[] = {
        "app:i0", "app:i1", "app:i2", "app:i3", "app:i4", "app:i5"
    };

    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < 6; i++) {
            const bool by_tag = (round + i) % 3 == 0;
            ask_init(&asks[i], s->w, s->w->named.host, by_tag ? tags[i] : "app",
                     by_tag ? NULL : &s->images[i]);
            asks[i].asking.again = (round + i) % 5 == 0;
            ask_select(&asks[i]);
            if (lookups_ask(s->w->lookups, &asks[i].asking, NULL) != 0) {
                s->wrong++;
                asks[i].calls = 1;
            }
            kept_drop(lookups_kept(s->w->lookups, &asks[i].asking));
        }
        for (size_t i = 0; i < 6; i++) {
            enum reason_code reason;
            pthread_mutex_lock(&asks[i].lock);
            while (asks[i].calls == 0)
                pthread_cond_wait(&asks[i].answered, &asks[i].lock);
            pthread_mutex_unlock(&asks[i].lock);
            if (asks[i].found == NULL || ask_verdict(&asks[i], asks[i].found, &reason) !=
                                             (i < 3 ? VERDICT_ALLOW : VERDICT_DENY))
                s->wrong++;
            ask_clear(&asks[i]);
        }
    }
    return NULL;
}

/* Many threads, a cache that is too small, more questions than workers. */
static void storm(void **state)
{
    struct world *w = *state;
    struct storm storms[THREADS];
    pthread_t threads[THREADS];
    struct storm common = { .w = w };

    assert_true(lookups_stop(w->lookups, clock_deadline(WAIT_MS)));
    lookups_free(w->lookups);
    world_lookups(w, (struct lookups_options) { .workers = 4, .max_bytes = 24 * KIB });
    for (size_t i = 0; i < 6; i++) {
        char name[8];
        snprintf(name, sizeof(name), "i%zu", i);
        common.images[i] = memory_image(&w->named, "app", name, name);
        if (i < 3)
            memory_sign(&w->named, "app", &common.images[i], w->signer);
    }
    for (int i = 0; i < THREADS; i++) {
        storms[i] = common;
        assert_int_equal(pthread_create(&threads[i], NULL, storm_run, &storms[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(storms[i].wrong, 0);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_world, drop_world)
    const struct CMUnitTest tests[] = {
        TEST(one_look_up_for_many),
        TEST(one_look_up_by_tag),
        TEST(identities_share_nothing),
        TEST(identities_keep_apart),
        TEST(hanging_is_not_joined),
        TEST(failure_is_given_to_those_who_waited),
        TEST(joined_and_denied),
        TEST(unnamed_host_holds_a_quarter),
        TEST(named_host_holds_all),
        TEST(threads_as_needed),
        TEST(full_queue),
        TEST(full_queue_of_a_named_host),
        TEST(deadline_is_the_look_ups),
        TEST(eviction),
        TEST(too_large_to_keep),
        TEST(stop_while_busy),
        cmocka_unit_test(stop_without_work),
        TEST(layout),
        TEST(storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
