/*
 * The fact cache with every allocation failing in turn: each question that was taken is answered
 * once, short memory is never an allow nor "not signed", and nothing wrong is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"
#include "engine/lookups.h"
#include "tests/fault/inject.h"
#include "tests/unit/evidence.h"
#include "tests/unit/folder.h"
#include "tests/unit/policy_text.h"

#define ALLOCATIONS_MAX 100000 /* more means that the loop does not end */
#define WAIT_S 20
#define ASKS 4
#define CONFIG                                                                                     \
    "{\"mediaType\":\"" TYPE_OCI_EMPTY                                                             \
    "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","   \
    "\"size\":2}"

/* Who asks in `prod` is denied. */
#define POLICY                                                                                     \
    "version: 1\nunmatched: deny\n"                                                                \
    "signers: {release: {key: p256.pub}, ci: {key: ed25519.pub}}\n"                                \
    "rules:\n"                                                                                     \
    "- {name: strict, images: '*/**', namespaces: [prod], require: {signed: ci}}\n"                \
    "- {name: loose, images: '*/**', require: {signed: release}}\n"

struct world {
    struct folder folder;
    struct registries *registries;
    struct loaded policy;
    struct lookups_source source;
    struct digest image;
};

struct ask {
    struct asking asking;
    struct reference image;
    struct selection selection;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    int calls;
    const struct kept_lookup *found;
    bool taken;
};

static void done(struct asking *asking, const struct kept_lookup *found)
{
    struct ask *a = asking->context;

    pthread_mutex_lock(&a->lock);
    a->calls++;
    a->found = found;
    pthread_cond_signal(&a->answered);
    pthread_mutex_unlock(&a->lock);
}

static void parse_image(struct reference *out, struct world *w, const char *rest)
{
    char text[400];

    snprintf(text, sizeof(text), "oci:%s%s", folder_path(&w->folder, "layout"), rest);
    assert_int_equal(reference_parse(out, bytes_text(text), NULL), 0);
}

/* An image under a tag, signed in the legacy layout. */
static void fill(struct world *w)
{
    struct reference CLEANUP(reference_clear) layout;
    struct store *CLEANUP(store_freep) store = NULL;
    struct signer *CLEANUP(signer_freep) signer = load_signer(KEYS "p256-pkcs8.pem");
    struct buf CLEANUP(buf_clear) payload = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) body = BUF_INIT(8192);
    char text[DIGEST_TEXT_MAX], tag[DIGEST_TAG_MAX];
    struct digest digest;
    struct err err = ERR_INIT;

    parse_image(&layout, w, "");
    EXPECT_OK(store_open(&store, w->registries, &layout, STORE_WRITE, &err), &err);
    EXPECT_OK(store_put_bytes(store, BYTES_LIT("{}"), &digest, 0, &err), &err);
    buf_add_text(&body, "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST
                        "\",\"config\":" CONFIG ",\"layers\":[]}");
    EXPECT_OK(store_put_manifest(store, "v1", buf_bytes(&body), TYPE_OCI_MANIFEST, 0, &err), &err);
    EXPECT_OK(digest_of(&w->image, HASH_SHA256, buf_bytes(&body), &err), &err);
    EXPECT_OK(simple_signing_write(&payload, BYTES_LIT("r"), &w->image, NULL, 0, &err), &err);
    sign_base64(&signature, signer, buf_bytes(&payload));
    EXPECT_OK(store_put_bytes(store, buf_bytes(&payload), &digest, 0, &err), &err);
    digest_format(text, &digest);
    digest_tag(tag, &w->image, ".sig");
    buf_reset(&body);
    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"config\":" CONFIG
             ",\"layers\":[{\"mediaType\":\"" TYPE_SIMPLE_SIGNING
             "\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":{\"" ANNOTATION_SIGNATURE
             "\":\"%s\"}}]}",
             text, payload.len, buf_text(&signature));
    EXPECT_OK(store_put_manifest(store, tag, buf_bytes(&body), TYPE_OCI_MANIFEST, 0, &err), &err);
}

static int world_make(void **state)
{
    static struct world world = { .policy = LOADED_INIT };
    static const struct registries_options options = { .user_agent = "test" };
    struct world *w = &world;

    *state = w;
    assert_int_equal(folder_make(&w->folder), 0);
    assert_int_equal(registries_new(&w->registries, &options, NULL), 0);
    load_bytes(&w->policy, BYTES_LIT(POLICY));
    assert_int_equal(w->policy.result, 0);
    w->source.engine = (struct engine_options) {
        .policy = w->policy.policy,
        .registries = w->registries,
        .keys = (const struct public_key *const *)w->policy.keys.keys,
        .n_keys = w->policy.keys.n,
    };
    fill(w);
    return 0;
}

static int world_clear(void **state)
{
    struct world *w = *state;

    loaded_clear(&w->policy);
    registries_free(w->registries);
    folder_remove(&w->folder);
    return 0;
}

static struct question question_of(const struct ask *a)
{
    return (struct question) { &a->image, a->asking.image.namespace, a->asking.now };
}

/* By tag and by digest, allowed and denied: the second and the fourth are of `prod`. The selection
 * is of the rule that matches every image: a layout has no host that a pattern could name. */
static void ask_init(struct ask *a, struct world *w, size_t i)
{
    char rest[DIGEST_TEXT_MAX + 1] = "@";

    *a = (struct ask) { .asking = { .source = &w->source, .done = done, .now = 1790000000 } };
    digest_format(rest + 1, &w->image);
    parse_image(&a->image, w, i < 2 ? rest : ":v1");
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->answered, NULL);
    a->asking.context = a;
    a->asking.selection = &a->selection;
    a->asking.image.reference = &a->image;
    a->selection = (struct selection) { .selected = SELECTED_RULE,
                                        .rule = &w->policy.policy->rules[i % 2 == 1 ? 0 : 1],
                                        .plan = { .signatures = true },
                                        .index = true };
}

static void ask_clear(struct ask *a)
{
    kept_drop(a->found);
    reference_clear(&a->image);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->answered);
}

static void ask_end(struct ask *a)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&a->lock);
    while (a->taken && a->calls == 0 && pthread_cond_timedwait(&a->answered, &a->lock, &until) == 0)
        ;
    const int calls = a->calls;
    pthread_mutex_unlock(&a->lock);
    assert_int_equal(calls, a->taken ? 1 : 0);
}

/* The right verdict, or unknown where memory was short. */
static void expect_right(const struct ask *a, size_t i, bool fired)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    const struct question question = question_of(a);
    const enum verdict right = i % 2 == 0 ? VERDICT_ALLOW : VERDICT_DENY;

    assert_non_null(a->found);
    lookup_judge(&judgement, a->asking.source->engine.policy, &a->selection, &question,
                 &a->found->lookup);
    if (!fired || judgement.verdict != VERDICT_UNKNOWN)
        assert_int_equal(judgement.verdict, right);
}

/* All questions at once, then each alone from what is kept. Was the allocation reached? */
static bool run(struct world *w, struct lookups *l, long n)
{
    struct ask asks[ASKS];
    struct err err[ASKS];

    for (size_t i = 0; i < ASKS; i++)
        ask_init(&asks[i], w, i);
    inject_arm(n);
    for (size_t i = 0; i < ASKS; i++) {
        err[i] = (struct err)ERR_INIT;
        asks[i].taken = lookups_ask(l, &asks[i].asking, &err[i]) == 0;
    }
    for (size_t i = 0; i < ASKS; i++)
        ask_end(&asks[i]);
    const bool fired = inject_disarm();
    for (size_t i = 0; i < ASKS; i++) {
        if (asks[i].taken)
            expect_right(&asks[i], i, fired);
        else
            assert_true(err[i].code == ERR_NOMEM || err[i].code == ERR_CRYPTO);
        assert_true(asks[i].taken || fired);
        ask_clear(&asks[i]);
    }
    return fired;
}

static void asking(void **state)
{
    struct world *w = *state;

    for (long n = 1;; n++) {
        const struct lookups_options options = { .workers = 2 };
        struct lookups *l = NULL;
        assert_true(n < ALLOCATIONS_MAX);
        assert_int_equal(lookups_new(&l, &options, NULL), 0);
        const bool fired = run(w, l, n);
        assert_false(run(w, l, ALLOCATIONS_MAX)); /* nothing wrong was kept */
        assert_true(lookups_stop(l, clock_deadline(WAIT_S * 1000)));
        lookups_free(l);
        if (!fired)
            break;
    }
}

static void making(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        struct lookups *l = NULL;
        struct err err = ERR_INIT;
        inject_arm(n);
        const int made = lookups_new(&l, &(struct lookups_options) { 0 }, &err);
        const bool fired = inject_disarm();
        assert_int_equal(made, fired ? -1 : 0);
        assert_int_equal(err.code, fired ? ERR_NOMEM : ERR_NONE);
        assert_int_equal(l != NULL, !fired);
        lookups_free(l);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(asking), cmocka_unit_test(making) };
    struct err err = ERR_INIT;

    if (inject_libraries() != 0 || secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, world_make, world_clear) != 0;
}
