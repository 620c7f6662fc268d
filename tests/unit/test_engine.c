#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "tests/unit/evidence.h"
#include "tests/unit/folder.h"

#define CONFIG                                                                                     \
    "{\"mediaType\":\"" TYPE_OCI_EMPTY                                                             \
    "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","   \
    "\"size\":2}"
#define MINUTE_MS 60000

/* Layouts in a folder, with images "signed", "legacy", "attested", "other" (by another key) and
 * "plain" in the layout "main". */
struct world {
    struct folder folder;
    struct registries *registries;
    struct signer *signer;
    const struct public_key *key;
    struct policy *policy;
    struct engine_options engine;
};

static void parse_ref(struct reference *out, struct world *w, const char *layout, const char *rest)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    struct err err = ERR_INIT;

    buf_addf(&text, "oci:%s%s", folder_path(&w->folder, layout), rest);
    EXPECT_OK(reference_parse(out, buf_bytes(&text), &err), &err);
}

static struct store *open_layout(struct world *w, const char *layout)
{
    struct reference CLEANUP(reference_clear) ref;
    struct store *store = NULL;
    struct err err = ERR_INIT;

    parse_ref(&ref, w, layout, "");
    EXPECT_OK(store_open(&store, w->registries, &ref, STORE_WRITE, &err), &err);
    return store;
}

/* An image under a tag, different for each name. */
static struct digest put_image(struct store *store, const char *name)
{
    struct buf CLEANUP(buf_clear) body = BUF_INIT(4096);
    struct digest digest;
    struct err err = ERR_INIT;

    EXPECT_OK(store_put_bytes(store, BYTES_LIT("{}"), &digest, 0, &err), &err);
    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"config\":" CONFIG
             ",\"layers\":[],\"annotations\":{\"name\":\"%s\"}}",
             name);
    EXPECT_OK(store_put_manifest(store, name, buf_bytes(&body), TYPE_OCI_MANIFEST, 0, &err), &err);
    EXPECT_OK(digest_of(&digest, HASH_SHA256, buf_bytes(&body), &err), &err);
    return digest;
}

/* The layer's digest is given out. */
static struct digest put_bundle(struct store *store, const struct digest *subject,
                                struct bytes bundle)
{
    struct buf CLEANUP(buf_clear) body = BUF_INIT(4096);
    char layer[DIGEST_TEXT_MAX], image[DIGEST_TEXT_MAX];
    struct digest digest;
    struct err err = ERR_INIT;

    EXPECT_OK(store_put_bytes(store, BYTES_LIT("{}"), &digest, 0, &err), &err);
    EXPECT_OK(store_put_bytes(store, bundle, &digest, 0, &err), &err);
    digest_format(layer, &digest);
    digest_format(image, subject);
    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"artifactType\":"
             "\"" TYPE_BUNDLE "\",\"config\":" CONFIG ",\"layers\":[{\"mediaType\":\"" TYPE_BUNDLE
             "\",\"digest\":\"%s\",\"size\":%zu}],\"subject\":{\"mediaType\":\"" TYPE_OCI_MANIFEST
             "\",\"digest\":\"%s\",\"size\":2}}",
             layer, bundle.len, image);
    EXPECT_OK(store_put_referrer(store, buf_bytes(&body), TYPE_OCI_MANIFEST, 0, &err), &err);
    return digest;
}

static struct digest sign_bundle(struct store *store, const struct digest *subject,
                                 struct signer *signer)
{
    struct buf CLEANUP(buf_clear) statement = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) bundle = BUF_INIT(8192);

    assert_int_equal(statement_write_signature(&statement, subject, NULL, 0, NULL), 0);
    make_bundle(&bundle, signer, buf_bytes(&statement));
    return put_bundle(store, subject, buf_bytes(&bundle));
}

static void attest(struct store *store, const struct digest *subject, struct signer *signer)
{
    struct buf CLEANUP(buf_clear) statement = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) bundle = BUF_INIT(8192);
    char image[DIGEST_TEXT_MAX];

    digest_format(image, subject);
    buf_addf(&statement,
             "{\"_type\":\"" STATEMENT_V1 "\",\"subject\":[{\"digest\":{\"sha256\":\"%s\"}}],"
             "\"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":{}}",
             image + strlen("sha256:"));
    make_bundle(&bundle, signer, buf_bytes(&statement));
    put_bundle(store, subject, buf_bytes(&bundle));
}

static void sign_legacy(struct store *store, const struct digest *subject, struct signer *signer)
{
    struct buf CLEANUP(buf_clear) payload = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) body = BUF_INIT(8192);
    char layer[DIGEST_TEXT_MAX], tag[DIGEST_TAG_MAX];
    struct digest digest;
    struct err err = ERR_INIT;

    EXPECT_OK(simple_signing_write(&payload, BYTES_LIT("r"), subject, NULL, 0, &err), &err);
    sign_base64(&signature, signer, buf_bytes(&payload));
    EXPECT_OK(store_put_bytes(store, BYTES_LIT("{}"), &digest, 0, &err), &err);
    EXPECT_OK(store_put_bytes(store, buf_bytes(&payload), &digest, 0, &err), &err);
    digest_format(layer, &digest);
    digest_tag(tag, subject, ".sig");
    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"config\":" CONFIG
             ",\"layers\":[{\"mediaType\":\"" TYPE_SIMPLE_SIGNING
             "\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":{\"" ANNOTATION_SIGNATURE
             "\":\"%s\"}}]}",
             layer, payload.len, buf_text(&signature));
    EXPECT_OK(store_put_manifest(store, tag, buf_bytes(&body), TYPE_OCI_MANIFEST, 0, &err), &err);
}

static void fill(struct world *w)
{
    struct store *CLEANUP(store_freep) store = open_layout(w, "main");
    struct signer *CLEANUP(signer_freep) other = load_signer(KEYS "ed25519-pkcs8.pem");
    struct digest digest = put_image(store, "signed");

    sign_bundle(store, &digest, w->signer);
    digest = put_image(store, "legacy");
    sign_legacy(store, &digest, w->signer);
    digest = put_image(store, "attested");
    attest(store, &digest, w->signer);
    digest = put_image(store, "other");
    sign_bundle(store, &digest, other);
    put_image(store, "plain");
}

static int make_world(void **state)
{
    static const struct registries_options options = { .user_agent = "bulla-test" };
    struct world *w = calloc(1, sizeof(*w));
    struct err err = ERR_INIT;

    assert_non_null(w);
    assert_int_equal(folder_make(&w->folder), 0);
    EXPECT_OK(registries_new(&w->registries, &options, &err), &err);
    w->signer = load_signer(KEYS "p256-pkcs8.pem");
    w->key = signer_key(w->signer);
    EXPECT_OK(policy_for_keys(&w->policy, &w->key, 1, NULL, 0, &err), &err);
    w->engine = (struct engine_options) { .policy = w->policy,
                                          .registries = w->registries,
                                          .keys = &w->key,
                                          .n_keys = 1,
                                          .timeout_ms = MINUTE_MS };
    fill(w);
    *state = w;
    return 0;
}

static int drop_world(void **state)
{
    struct world *w = *state;

    unsetenv("COSIGN_REPOSITORY");
    policy_free(w->policy);
    signer_free(w->signer);
    registries_free(w->registries);
    folder_remove(&w->folder);
    free(w);
    return 0;
}

static void expect_judged(struct world *w, const char *layout, const char *rest,
                          enum verdict verdict, const char *reason)
{
    struct reference CLEANUP(reference_clear) ref;
    struct image_result CLEANUP(image_result_clear) result;

    parse_ref(&ref, w, layout, rest);
    const struct image_question question = { &ref, NULL };
    engine_judge(&result, &w->engine, &question);
    if (result.judgement.verdict != verdict ||
        strcmp(reason_name(result.judgement.reason), reason) != 0)
        fail_msg("%s%s: %s, %s: %s", layout, rest, verdict_name(result.judgement.verdict),
                 reason_name(result.judgement.reason), result.judgement.text);
    assert_ptr_equal(result.asked->reference, &ref);
    assert_int_equal(result.judgement.proof != NULL, verdict == VERDICT_ALLOW);
    assert_int_equal(result.judgement.text[0] == '\0', verdict == VERDICT_ALLOW);
}

static void by_tag(void **state)
{
    struct world *w = *state;

    expect_judged(w, "main", ":signed", VERDICT_ALLOW, "none");
    expect_judged(w, "main", ":legacy", VERDICT_ALLOW, "none");
    expect_judged(w, "main", ":attested", VERDICT_DENY, "wrong-type");
    expect_judged(w, "main", ":other", VERDICT_DENY, "wrong-signer");
    expect_judged(w, "main", ":plain", VERDICT_DENY, "unsigned");
    expect_judged(w, "main", ":absent", VERDICT_UNKNOWN, "not-found");
    expect_judged(w, "nowhere", ":signed", VERDICT_UNKNOWN, "not-found");
}

static void digest_rest(char out[DIGEST_TEXT_MAX + 1], const struct digest *digest)
{
    out[0] = '@';
    digest_format(out + 1, digest);
}

static void by_digest(void **state)
{
    struct world *w = *state;
    struct store *CLEANUP(store_freep) store = open_layout(w, "main");
    const struct digest absent = other_digest();
    char rest[DIGEST_TEXT_MAX + 1];
    struct digest digest = put_image(store, "signed");

    digest_rest(rest, &digest);
    expect_judged(w, "main", rest, VERDICT_ALLOW, "none");
    digest = put_image(store, "plain");
    digest_rest(rest, &digest);
    expect_judged(w, "main", rest, VERDICT_DENY, "unsigned");
    digest_rest(rest, &absent);
    expect_judged(w, "main", rest, VERDICT_UNKNOWN, "not-found");
}

/* A tag beside a digest is not looked at: what is judged is what will be pulled. */
static void digest_beats_tag(void **state)
{
    struct world *w = *state;
    struct store *CLEANUP(store_freep) store = open_layout(w, "main");
    struct reference CLEANUP(reference_clear) ref;
    struct image_result CLEANUP(image_result_clear) result;

    parse_ref(&ref, w, "main", ":signed");
    ref.digest = put_image(store, "plain");
    ref.has_digest = true;
    const struct image_question question = { &ref, NULL };
    engine_judge(&result, &w->engine, &question);
    assert_int_equal(result.judgement.verdict, VERDICT_DENY);
    assert_true(result.lookup.resolved);
    assert_true(digest_equal(&result.lookup.digest, &ref.digest));
}

/* One bit of one stored piece of evidence, or the whole of it. */
static void damage_blob(struct world *w, const struct digest *digest, bool remove_it)
{
    struct buf CLEANUP(buf_clear) content = BUF_INIT(64 * KIB);
    char text[DIGEST_TEXT_MAX], name[DIGEST_TEXT_MAX + 32];
    struct err err = ERR_INIT;

    digest_format(text, digest);
    snprintf(name, sizeof(name), "main/blobs/sha256/%s", text + strlen("sha256:"));
    const char *path = folder_path(&w->folder, name);
    if (remove_it) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    EXPECT_OK(file_read(&content, path, &err), &err);
    content.data[content.len - 1] ^= 1;
    EXPECT_OK(file_write(path, buf_bytes(&content), 0644, &err), &err);
}

static void damaged_evidence_is_unknown(void **state)
{
    struct world *w = *state;
    struct store *CLEANUP(store_freep) store = open_layout(w, "main");
    struct digest image = put_image(store, "damaged");
    struct digest blob = sign_bundle(store, &image, w->signer);

    expect_judged(w, "main", ":damaged", VERDICT_ALLOW, "none");
    damage_blob(w, &blob, false);
    expect_judged(w, "main", ":damaged", VERDICT_UNKNOWN, "malformed");
    damage_blob(w, &blob, true);
    expect_judged(w, "main", ":damaged", VERDICT_UNKNOWN, "not-found");
}

static void damaged_layout_is_unknown(void **state)
{
    struct world *w = *state;
    struct store *CLEANUP(store_freep) store = open_layout(w, "broken");

    put_image(store, "plain");
    assert_int_equal(folder_write(&w->folder, "broken/index.json", "{", 0644), 0);
    expect_judged(w, "broken", ":plain", VERDICT_UNKNOWN, "malformed");
}

/* Evidence kept elsewhere counts; a place that cannot be read makes nothing allowed or denied. */
static void evidence_in_another_place(void **state)
{
    struct world *w = *state;
    struct store *CLEANUP(store_freep) store = open_layout(w, "main");
    struct store *CLEANUP(store_freep) elsewhere = open_layout(w, "elsewhere");
    struct buf CLEANUP(buf_clear) place = BUF_INIT(4096);
    const struct digest image = put_image(store, "plain");

    buf_addf(&place, "oci:%s", folder_path(&w->folder, "elsewhere"));
    setenv("COSIGN_REPOSITORY", buf_text(&place), 1);
    expect_judged(w, "main", ":plain", VERDICT_DENY, "unsigned");
    sign_bundle(elsewhere, &image, w->signer);
    expect_judged(w, "main", ":plain", VERDICT_ALLOW, "none");
    buf_addf(&place, "-not-there");
    setenv("COSIGN_REPOSITORY", buf_text(&place), 1);
    expect_judged(w, "main", ":plain", VERDICT_UNKNOWN, "not-found");
    expect_judged(w, "main", ":signed", VERDICT_ALLOW, "none");
    setenv("COSIGN_REPOSITORY", "http://no/reference", 1);
    expect_judged(w, "main", ":plain", VERDICT_UNKNOWN, "malformed");
    unsetenv("COSIGN_REPOSITORY");
}

/* Nobody listens on port 1. */
static void registry_that_cannot_be_reached(void **state)
{
    struct world *w = *state;
    struct reference CLEANUP(reference_clear) ref;
    struct image_result CLEANUP(image_result_clear) result;
    struct engine_options engine = w->engine;
    struct err err = ERR_INIT;

    engine.timeout_ms = 200;
    EXPECT_OK(reference_parse(&ref, BYTES_LIT("127.0.0.1:1/a:b"), &err), &err);
    const struct image_question question = { &ref, NULL };
    engine_judge(&result, &engine, &question);
    assert_int_equal(result.judgement.verdict, VERDICT_UNKNOWN);
    assert_true(reason_is_unknown(result.judgement.reason));
    assert_false(result.lookup.resolved);
}

/* --- Many images --- */

struct handed {
    const struct reference *images;
    size_t n;
    size_t slow; /* how many of the first are handed on slowly */
    atomic_bool busy;
    size_t wrong;
};

static const struct {
    const char *layout;
    const char *rest;
    enum verdict verdict;
} kinds[] = {
    { "main", ":signed", VERDICT_ALLOW },   { "main", ":plain", VERDICT_DENY },
    { "main", ":absent", VERDICT_UNKNOWN }, { "main", ":legacy", VERDICT_ALLOW },
    { "nowhere", ":x", VERDICT_UNKNOWN },
};

/* cmocka's assertions jump, which a thread of the pool must not: what is wrong is counted. */
static void take_result(void *context, const struct image_result *result)
{
    struct handed *h = context;

    if (atomic_exchange(&h->busy, true))
        h->wrong++;
    if (result->asked->reference != &h->images[h->n] ||
        result->judgement.verdict != kinds[h->n % ARRAY_LEN(kinds)].verdict)
        h->wrong++;
    if (h->n < h->slow)
        usleep(20000);
    h->n++;
    atomic_store(&h->busy, false);
}

#define MANY 300 /* more than the window of results that may wait */

static void judge_many(struct world *w, size_t n, int workers, size_t slow)
{
    struct reference *images = calloc(n > 0 ? n : 1, sizeof(*images));
    struct engine_options engine = w->engine;
    struct handed handed = { .images = images, .slow = slow };
    struct err err = ERR_INIT;

    assert_non_null(images);
    engine.workers = workers;
    for (size_t i = 0; i < n; i++)
        parse_ref(&images[i], w, kinds[i % ARRAY_LEN(kinds)].layout,
                  kinds[i % ARRAY_LEN(kinds)].rest);
    struct image_question *questions = NULL;
    EXPECT_OK(image_questions(&questions, images, n > 0 ? n : 1, NULL, &err), &err);
    EXPECT_OK(engine_judge_all(&engine, questions, n, take_result, &handed, &err), &err);
    free(questions);
    assert_int_equal(handed.n, n);
    assert_int_equal(handed.wrong, 0);
    for (size_t i = 0; i < n; i++)
        reference_clear(&images[i]);
    free(images);
}

static void many_in_order(void **state)
{
    struct world *w = *state;

    judge_many(w, 0, 0, 0);
    judge_many(w, 1, 0, 0);
    judge_many(w, 2, 0, 0);
    judge_many(w, MANY, 0, 0);
    judge_many(w, MANY, 1, 0);
    judge_many(w, MANY, 1000, 0);
}

/* The first results are handed on so slowly that the workers run into the window. */
static void workers_wait_for_the_window(void **state)
{
    judge_many(*state, 2 * MANY, 8, 3);
}

static void result_is_cleared(void **state)
{
    struct world *w = *state;
    struct reference CLEANUP(reference_clear) ref;
    struct image_result result;

    parse_ref(&ref, w, "main", ":signed");
    const struct image_question question = { &ref, NULL };
    engine_judge(&result, &w->engine, &question);
    assert_int_equal(result.lookup.facts.n, 1);
    image_result_clear(&result);
    assert_int_equal(result.judgement.verdict, VERDICT_DENY);
    assert_null(result.judgement.proof);
    assert_null(result.lookup.facts.facts);
    image_result_clear(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_tag),
        cmocka_unit_test(by_digest),
        cmocka_unit_test(digest_beats_tag),
        cmocka_unit_test(damaged_evidence_is_unknown),
        cmocka_unit_test(damaged_layout_is_unknown),
        cmocka_unit_test(evidence_in_another_place),
        cmocka_unit_test(registry_that_cannot_be_reached),
        cmocka_unit_test(many_in_order),
        cmocka_unit_test(workers_wait_for_the_window),
        cmocka_unit_test(result_is_cleared),
    };

    return cmocka_run_group_tests(tests, make_world, drop_world) != 0;
}
