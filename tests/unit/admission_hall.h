#ifndef BULLA_TESTS_UNIT_ADMISSION_HALL_H
#define BULLA_TESTS_UNIT_ADMISSION_HALL_H

/* Reviews from body to answer, with a registry on loopback and a fact cache; server, generations
 * and metrics are stood in for. cmocka's headers come first, in the including file. */

#include "base/json_pointer.h"
#include "base/json_pull.h"
#include "tests/unit/admission_parts.h"
#include "tests/unit/lookups_world.h"
#include "tests/unit/reviews.h"
#include "webhook/admission.h"
#include "webhook/pending.h"

#define POLICY_APPS                                                                                \
    SIGNERS "%sfloor: {registries: [\"127.0.0.1:*/**\"]}\nrules:\n"                                \
            "- {name: open, images: '*/open', allow-unsigned: {reason: old}}\n"                    \
            "- {name: gone, images: '*/gone', deny: use app}\n"                                    \
            "- {name: soft, images: '*/soft', mode: warn, require: {signed: release}}\n"           \
            "- {name: apps, images: '*/app', require: {signed: release}}\n"

struct hall {
    struct world *world;
    struct admission *admission;
};

static inline void use_policy(struct hall *h, const char *more)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(64 * KIB);

    buf_addf(&text, POLICY_APPS, more);
    wait_state(h->world, 0, 0); /* nobody asks with the old one any more */
    world_policy(h->world, buf_text(&text));
    served.now.file.policy = h->world->policy.policy;
    served.now.source = h->world->source;
}

static inline int make_hall(void **state, struct lookups_options options)
{
    struct hall *h = calloc(1, sizeof(*h));
    struct err err = ERR_INIT;

    memset(&counted, 0, sizeof(counted));
    h->world = world_new(options);
    use_policy(h, "");
    const struct admission_options o = { .generations = &served,
                                         .lookups = h->world->lookups,
                                         .metrics = &counted,
                                         .clock = world_clock };
    EXPECT_OK(admission_new(&h->admission, &o, &err), &err);
    *state = h;
    return 0;
}

static inline int make_plain(void **state)
{
    return make_hall(state, (struct lookups_options) { .workers = 8 });
}

static inline int make_narrow(void **state)
{
    return make_hall(state, (struct lookups_options) { .workers = 1, .queue = 2 });
}

/* What was answered is counted, too. */
static inline void wait_counted(struct hall *h)
{
    const int64_t until = clock_deadline(WAIT_MS);

    while (admission_in_flight(h->admission) > 0 && clock_millis() < until)
        usleep(500);
    assert_int_equal(admission_in_flight(h->admission), 0);
}

static inline int drop_hall(void **state)
{
    struct hall *h = *state;

    memory_close(&h->world->named, false);
    memory_close(&h->world->other, false);
    assert_true(lookups_stop(h->world->lookups, clock_deadline(WAIT_MS)));
    wait_counted(h);
    assert_int_equal(atomic_load(&h->admission->asked), 0);
    admission_free(h->admission);
    assert_int_equal(atomic_load(&served.held), 0);
    world_free(h->world);
    free(h);
    return 0;
}

static inline void exchange_wait(struct exchange *x)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&x->lock);
    while (x->calls == 0 && pthread_cond_timedwait(&x->answered, &x->lock, &until) == 0)
        ;
    const int calls = x->calls;
    pthread_mutex_unlock(&x->lock);
    assert_int_equal(calls, 1);
}

/* Hand in a Pod with these images; "HOST" in a text is the registry. */
static inline void hand_in(struct hall *h, struct exchange *x, const char *images, bool mutate)
{
    struct buf CLEANUP(buf_clear) spec = BUF_INIT(MIB);
    const char *host = h->world->named.host;

    buf_add_text(&spec, "{\"containers\":[");
    for (const char *p = images; *p != '\0';) {
        size_t len = strcspn(p, " ");
        buf_addf(&spec, "%s{\"image\":\"%s/%.*s\"}", p == images ? "" : ",", host, (int)len, p);
        p += len + (p[len] == ' ');
    }
    buf_add_text(&spec, "]}");
    review_text(&x->body, &(struct review_of) { .spec = buf_text(&spec) });
    (mutate ? admission_mutate : admission_validate)(h->admission, x);
}

static inline struct json_view answer_root(const struct exchange *x)
{
    struct json_view root = JSON_VIEW_NONE;
    struct err err = ERR_INIT;

    assert_int_equal(x->status, 200);
    EXPECT_OK(json_scan(&root, buf_bytes(&x->answer), &err), &err);
    return root;
}

/* `code` 0: allowed. */
static inline void expect_answer(const struct exchange *x, int code, const char *word)
{
    const struct json_view root = answer_root(x);
    int64_t told = 0;

    if (json_at(root, "/response/allowed").kind !=
            (code == 0 ? JSON_TRUE_VALUE : JSON_FALSE_VALUE) ||
        strstr(buf_text(&x->answer), word) == NULL)
        print_error("%s\n", buf_text(&x->answer));
    assert_int_equal(json_at(root, "/response/allowed").kind,
                     code == 0 ? JSON_TRUE_VALUE : JSON_FALSE_VALUE);
    if (code != 0)
        assert_int_equal(
            json_integer(&told, json_at(root, "/response/status/code"), 0, 999, "code", NULL), 0);
    assert_int_equal(told, code);
    assert_non_null(strstr(buf_text(&x->answer), word));
}

/* One Pod, handed in and answered. */
static inline void expect_review(struct hall *h, const char *images, int code, const char *word)
{
    struct exchange CLEANUP(exchange_clear) x;

    exchange_make(&x, "10s");
    hand_in(h, &x, images, false);
    exchange_wait(&x);
    expect_answer(&x, code, word);
    wait_counted(h);
}

/* "REPOSITORY[:TAG]@sha256:..." */
static inline const char *image_text(char out[256], const char *name, const struct digest *digest)
{
    char hex[DIGEST_TEXT_MAX];

    digest_format(hex, digest);
    snprintf(out, 256, "%s@%s", name, hex);
    return out;
}

static inline struct digest signed_image(struct hall *h, const char *repository, const char *name)
{
    struct digest image = memory_image(&h->world->named, repository, name, name);

    memory_sign(&h->world->named, repository, &image, h->world->signer);
    return image;
}

#define HALL(test) cmocka_unit_test_setup_teardown(test, make_plain, drop_hall)
#define NARROW(test) cmocka_unit_test_setup_teardown(test, make_narrow, drop_hall)

#endif
