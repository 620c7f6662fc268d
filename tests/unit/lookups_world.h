#ifndef BULLA_TESTS_UNIT_LOOKUPS_WORLD_H
#define BULLA_TESTS_UNIT_LOOKUPS_WORLD_H

/* Two registries, one that registries.yaml names and one that it does not, a policy, a fact cache
 * with a clock of its own, and questions to it. cmocka's headers come first, in the including file.
 */

#include <stdatomic.h>

#include "base/clock.h"
#include "engine/lookups.h"
#include "tests/unit/folder.h"
#include "tests/unit/memory_registry.h"
#include "tests/unit/policy_text.h"

#define WAIT_MS 20000  /* what a test waits for at most */
#define NOW 1790000000 /* 2026-09-21 */

#define POLICY_BEGIN "version: 1\nunmatched: deny\n"
#define SIGNERS POLICY_BEGIN "signers: {release: {key: p256.pub}}\n"
#define POLICY_PLAIN SIGNERS "rules:\n- {name: all, images: '*/**', require: {signed: release}}\n"

/* Each namespace its own rule. */
#define POLICY_TWO                                                                                 \
    POLICY_BEGIN                                                                                   \
    "signers: {release: {key: p256.pub}, ci: {key: ed25519.pub}}\n"                                \
    "rules:\n"                                                                                     \
    "- {name: strict, images: '*/**', namespaces: [prod], require: {signed: ci}}\n"                \
    "- {name: loose, images: '*/**', require: {signed: release}}\n"

struct world {
    struct memory_registry named, other;
    struct folder folder;
    struct registries *registries;
    struct signer *signer, *ci;
    struct loaded policy;
    struct lookups_source source;
    atomic_int held; /* of the source */
    struct lookups *lookups;
};

static _Atomic int64_t world_time;

static inline int64_t world_clock(void)
{
    return atomic_load(&world_time);
}

static inline void world_hold(void *context)
{
    atomic_fetch_add(&((struct world *)context)->held, 1);
}

static inline void world_drop(void *context)
{
    atomic_fetch_sub(&((struct world *)context)->held, 1);
}

static inline void world_registries(struct world *w)
{
    char text[256], path[320];
    struct err err = ERR_INIT;

    assert_int_equal(folder_make(&w->folder), 0);
    snprintf(text, sizeof(text), "version: 1\nregistries:\n  %s: {plain-http: true}\n",
             w->named.host);
    assert_int_equal(folder_write(&w->folder, "registries.yaml", text, 0600), 0);
    snprintf(path, sizeof(path), "%s", folder_path(&w->folder, "registries.yaml"));
    const struct registries_options options = { .file = path,
                                                .user_agent = "bulla-test",
                                                .plain_http = true };
    EXPECT_OK(registries_new(&w->registries, &options, &err), &err);
}

/* Ask with this policy from now on; the trust is the same. */
static inline void world_policy(struct world *w, const char *policy)
{
    loaded_clear(&w->policy);
    w->policy = (struct loaded)LOADED_INIT;
    load_bytes(&w->policy, bytes_text(policy));
    print_findings(&w->policy.findings);
    assert_int_equal(w->policy.result, 0);
    w->source.engine.policy = w->policy.policy;
    w->source.engine.keys = (const struct public_key *const *)w->policy.keys.keys;
    w->source.engine.n_keys = w->policy.keys.n;
}

static inline void world_lookups(struct world *w, struct lookups_options options)
{
    struct err err = ERR_INIT;

    options.clock = world_clock;
    if (options.deadline_ms == 0)
        options.deadline_ms = 10000;
    EXPECT_OK(lookups_new(&w->lookups, &options, &err), &err);
}

static inline struct world *world_new(struct lookups_options options)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    atomic_store(&world_time, 1000000);
    memory_start(&w->named);
    memory_start(&w->other);
    world_registries(w);
    w->signer = load_signer(KEYS "p256-pkcs8.pem");
    w->ci = load_signer(KEYS "ed25519-pkcs8.pem");
    w->source = (struct lookups_source) { .engine = { .registries = w->registries,
                                                      .timeout_ms = 1 }, /* nobody's */
                                          .hold = world_hold,
                                          .drop = world_drop,
                                          .context = w };
    world_policy(w, POLICY_PLAIN);
    world_lookups(w, options);
    return w;
}

static inline void world_free(struct world *w)
{
    memory_close(&w->named, false);
    memory_close(&w->other, false);
    assert_true(lookups_stop(w->lookups, clock_deadline(WAIT_MS)));
    lookups_free(w->lookups);
    assert_int_equal(w->held, 0);
    loaded_clear(&w->policy);
    signer_free(w->signer);
    signer_free(w->ci);
    registries_free(w->registries);
    memory_stop(&w->named);
    memory_stop(&w->other);
    folder_remove(&w->folder);
    free(w);
}

/* --- Questions --- */

struct ask {
    struct asking asking;
    struct reference image;
    struct selection selection;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    int calls;
    bool shared, tagged; /* as told in `done` */
    const struct kept_lookup *found;
};

/* On a worker's thread: no assertion of cmocka's. */
static inline void ask_done(struct asking *asking, const struct kept_lookup *found)
{
    struct ask *a = asking->context;

    pthread_mutex_lock(&a->lock);
    a->calls++;
    a->found = found;
    a->shared = asking->shared;
    a->tagged = asking->tag != NULL;
    pthread_cond_signal(&a->answered);
    pthread_mutex_unlock(&a->lock);
}

/** "HOST/" and `rest`; a digest is added when it is not NULL. */
static inline void ask_init(struct ask *a, struct world *w, const char *host, const char *rest,
                            const struct digest *digest)
{
    char text[512], hex[DIGEST_TEXT_MAX] = "";
    struct err err = ERR_INIT;

    *a = (struct ask) { .asking = { .source = &w->source, .done = ask_done, .now = NOW } };
    if (digest != NULL)
        digest_format(hex, digest);
    snprintf(text, sizeof(text), "%s/%s%s%s", host, rest, digest != NULL ? "@" : "", hex);
    EXPECT_OK(reference_parse(&a->image, bytes_text(text), &err), &err);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->answered, NULL);
    a->asking.context = a;
    a->asking.selection = &a->selection;
    a->asking.image = (struct image_question) { &a->image, NULL };
}

static inline struct question ask_question(const struct ask *a)
{
    return (struct question) { &a->image, a->asking.image.namespace, a->asking.now };
}

static inline void ask_select(struct ask *a)
{
    const struct question question = ask_question(a);

    policy_select(&a->selection, a->asking.source->engine.policy, &question);
}

static inline void ask_forget(struct ask *a)
{
    kept_drop(a->found);
    a->found = NULL;
    a->calls = 0;
}

static inline void ask_clear(struct ask *a)
{
    kept_drop(a->found);
    reference_clear(&a->image);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->answered);
}

static inline void ask_begin(struct ask *a, struct world *w)
{
    struct err err = ERR_INIT;

    ask_forget(a);
    ask_select(a);
    EXPECT_OK(lookups_ask(w->lookups, &a->asking, &err), &err);
}

static inline void ask_end(struct ask *a)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&a->lock);
    while (a->calls == 0 && pthread_cond_timedwait(&a->answered, &a->lock, &until) == 0)
        ;
    const int calls = a->calls;
    pthread_mutex_unlock(&a->lock);
    assert_int_equal(calls, 1);
    assert_non_null(a->found);
}

static inline enum verdict ask_verdict(const struct ask *a, const struct kept_lookup *found,
                                       enum reason_code *reason)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    const struct question question = ask_question(a);

    lookup_judge(&judgement, a->asking.source->engine.policy, &a->selection, &question,
                 &found->lookup);
    *reason = judgement.reason;
    return judgement.verdict;
}

static inline void expect_verdict(const struct ask *a, const struct kept_lookup *found,
                                  enum verdict verdict, enum reason_code reason)
{
    enum reason_code why;
    const enum verdict got = ask_verdict(a, found, &why);

    if (got != verdict || why != reason)
        print_error("%s (%s): %s; expected %s (%s)\n", verdict_name(got), reason_name(why),
                    err_text(&found->lookup.err), verdict_name(verdict), reason_name(reason));
    assert_int_equal(got, verdict);
    assert_int_equal(why, reason);
}

/** Ask, wait, judge: the verdict, its reason, and whether the answer was there already. */
static inline void expect_asked(struct ask *a, struct world *w, enum verdict verdict,
                                enum reason_code reason, bool shared)
{
    ask_begin(a, w);
    ask_end(a);
    expect_verdict(a, a->found, verdict, reason);
    assert_int_equal(a->shared, shared);
}

/** What is kept for the question, judged; VERDICT_UNKNOWN when nothing is. */
static inline bool ask_kept(struct ask *a, struct world *w)
{
    ask_select(a);
    const struct kept_lookup *found = lookups_kept(w->lookups, &a->asking);
    const bool kept = found != NULL;

    kept_drop(found);
    return kept;
}

/** Wait until this many look-ups run and so many wait. */
static inline void wait_state(struct world *w, size_t busy, size_t waiting)
{
    const int64_t deadline = clock_deadline(WAIT_MS);
    struct lookups_state state;

    for (;;) {
        lookups_state(&state, w->lookups);
        if (state.busy == busy && state.waiting == waiting)
            return;
        if (clock_millis() > deadline)
            fail_msg("%zu busy, %zu waiting; expected %zu, %zu", state.busy, state.waiting, busy,
                     waiting);
        usleep(1000);
    }
}

#endif
