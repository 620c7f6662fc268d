#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "evidence/statement.h"
#include "keys/key_file.h"
#include "sign/attach.h"
#include "sign/commands.h"
#include "sign/signature.h"
#include "tests/fault/inject.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"

/*
 * The whole way over an OCI layout with every allocation failing in turn: judging never turns short
 * memory into an allow or into "not signed", and signing leaves the layout whole, as it was or with
 * the complete signature.
 */

#define ALLOCATIONS_MAX 100000 /* more means that the loop does not end */
#define MINUTE_MS 60000
#define CONFIG                                                                                     \
    "{\"mediaType\":\"" TYPE_OCI_EMPTY                                                             \
    "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","   \
    "\"size\":2}"

struct world {
    struct folder folder;
    struct registries *registries;
    char layout[32]; /* the layout that `store` is open on, in the folder */
    struct store *store;
    struct signer *signer;
    const struct public_key *key;
    struct policy *policy;
    struct engine_options engine;
};

static int make_key(struct world *w, struct err *err)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) public_pem = BUF_INIT(KEY_FILE_MAX);
    struct secret *CLEANUP(secret_freep) password = NULL;
    struct password_source source = PASSWORD_SOURCE_DEFAULT;
    char path[320];
    bool loose;

    if (secret_copy(&password, BYTES_LIT("test"), err) != 0 ||
        key_generate(&pem, &public_pem, KEY_ALGORITHM_ECDSA_P256, password, err) != 0 ||
        folder_write(&w->folder, "test.key", buf_text(&pem), 0600) != 0 ||
        folder_write(&w->folder, "password", "test", 0600) != 0)
        return -1;
    snprintf(path, sizeof(path), "%s", folder_path(&w->folder, "password"));
    source.file = path;
    return key_file_signer(&w->signer, folder_path(&w->folder, "test.key"), &source, &loose, err);
}

static void parse_image(struct reference *out, struct world *w, const char *tag)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);

    buf_addf(&text, "oci:%s", folder_path(&w->folder, w->layout));
    if (tag != NULL)
        buf_addf(&text, ":%s", tag);
    assert_int_equal(reference_parse(out, buf_bytes(&text), NULL), 0);
}

/* Work on a new layout from now on. */
static int open_layout(struct world *w, const char *name, struct err *err)
{
    struct reference CLEANUP(reference_clear) layout;

    store_free(w->store);
    w->store = NULL;
    snprintf(w->layout, sizeof(w->layout), "%s", name);
    parse_image(&layout, w, NULL);
    return store_open(&w->store, w->registries, &layout, STORE_WRITE, err);
}

static int world_make(void **state)
{
    static struct world world;
    struct world *w = &world;
    const struct registries_options options = { .user_agent = "test" };
    struct err err = ERR_INIT;

    *state = w;
    if (folder_make(&w->folder) != 0 || make_key(w, &err) != 0 ||
        registries_new(&w->registries, &options, &err) != 0)
        return -1;
    if (open_layout(w, "layout", &err) != 0)
        return -1;
    w->key = signer_key(w->signer);
    if (policy_for_keys(&w->policy, &w->key, 1, NULL, 0, &err) != 0)
        return -1;
    w->engine = (struct engine_options) {
        .policy = w->policy,
        .registries = w->registries,
        .keys = &w->key,
        .n_keys = 1,
        .timeout_ms = MINUTE_MS,
    };
    return 0;
}

static int world_clear(void **state)
{
    struct world *w = *state;

    policy_free(w->policy);
    store_free(w->store);
    registries_free(w->registries);
    signer_free(w->signer);
    folder_remove(&w->folder);
    return 0;
}

static void put_image(struct resolved *out, struct world *w, const char *tag)
{
    struct buf CLEANUP(buf_clear) body = BUF_INIT(4096);
    struct digest config;

    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"config\":" CONFIG
             ",\"layers\":[],\"annotations\":{\"name\":\"%s\"}}",
             tag);
    assert_int_equal(store_put_bytes(w->store, BYTES_LIT("{}"), &config, 0, NULL), 0);
    assert_int_equal(
        store_put_manifest(w->store, tag, buf_bytes(&body), TYPE_OCI_MANIFEST, 0, NULL), 0);
    *out = (struct resolved) { .size = (int64_t)body.len };
    snprintf(out->media_type, sizeof(out->media_type), "%s", TYPE_OCI_MANIFEST);
    assert_int_equal(digest_of(&out->digest, HASH_SHA256, buf_bytes(&body), NULL), 0);
}

static int sign(struct world *w, const struct resolved *image, enum evidence_layout layout,
                struct err *err)
{
    const struct claims claims = { .repository = "registry.example/app" };
    const int64_t deadline = clock_deadline(MINUTE_MS);
    struct signature CLEANUP(signature_clear) s;

    if (signature_make(&s, w->signer, layout, &image->digest, &claims, err) != 0)
        return -1;
    if (layout == LAYOUT_LEGACY) {
        const struct legacy_layer layer =
            legacy_signature(buf_bytes(&s.payload), buf_text(&s.base64));
        return attach_legacy(w->store, &image->digest, &layer, deadline, err);
    }
    const struct bundle_referrer what = { buf_bytes(&s.bundle), PREDICATE_COSIGN_SIGN, 0 };
    return attach_bundle(w->store, image, &what, deadline, err);
}

static enum verdict judge(struct world *w, const char *tag, enum reason_code *reason)
{
    struct image_result CLEANUP(image_result_clear) result;
    struct reference CLEANUP(reference_clear) image;

    parse_image(&image, w, tag);
    const struct image_question question = { &image, NULL };
    engine_judge(&result, &w->engine, &question);
    if (result.judgement.verdict == VERDICT_UNKNOWN)
        print_error("%s: %s\n", tag, result.judgement.text);
    *reason = result.judgement.reason;
    return result.judgement.verdict;
}

/* `right` when memory sufficed for an answer, else unknown: never the other answer. */
static void judge_short_of_memory(struct world *w, const char *tag, enum verdict right)
{
    struct reference CLEANUP(reference_clear) image;

    parse_image(&image, w, tag);
    for (long n = 1;; n++) {
        struct image_result CLEANUP(image_result_clear) result;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        const struct image_question question = { &image, NULL };
        engine_judge(&result, &w->engine, &question);
        bool fired = inject_disarm();
        if (!fired || result.judgement.verdict != VERDICT_UNKNOWN)
            assert_int_equal(result.judgement.verdict, right);
        if (!fired)
            break;
    }
}

static void judging(void **state)
{
    struct world *w = *state;
    struct resolved image;

    put_image(&image, w, "plain");
    put_image(&image, w, "bundle");
    assert_int_equal(sign(w, &image, LAYOUT_BUNDLE, NULL), 0);
    put_image(&image, w, "legacy");
    assert_int_equal(sign(w, &image, LAYOUT_LEGACY, NULL), 0);
    judge_short_of_memory(w, "plain", VERDICT_DENY);
    judge_short_of_memory(w, "bundle", VERDICT_ALLOW);
    judge_short_of_memory(w, "legacy", VERDICT_ALLOW);
}

/* Every `step`-th allocation, where each round costs time. */
static void sign_short_of_memory(struct world *w, enum evidence_layout layout, long step)
{
    for (long n = 1;; n += step) {
        struct err err = ERR_INIT;
        struct resolved image;
        enum reason_code reason;
        char tag[32];
        assert_true(n < ALLOCATIONS_MAX);
        snprintf(tag, sizeof(tag), "%s-%ld", evidence_layout_name(layout), n);
        assert_int_equal(open_layout(w, tag, &err), 0);
        put_image(&image, w, tag);
        inject_arm(n);
        int status = sign(w, &image, layout, &err);
        bool fired = inject_disarm();
        if (status != 0) {
            assert_true(fired);
            assert_int_not_equal(err.code, ERR_NONE);
        }
        enum verdict verdict = judge(w, tag, &reason);
        if (status == 0)
            assert_int_equal(verdict, VERDICT_ALLOW);
        else if (verdict != VERDICT_ALLOW) /* a whole signature, or none */
            assert_int_equal(reason, REASON_UNSIGNED);
        if (!fired)
            break;
    }
}

static void signing(void **state)
{
    sign_short_of_memory(*state, LAYOUT_BUNDLE, 1);
}

/* A round that gets to its end has paused to see whether another writer was faster. */
static void signing_a_tag(void **state)
{
    sign_short_of_memory(*state, LAYOUT_LEGACY, 7);
}

static int copy(char *from, char *to, struct err *err)
{
    char name[] = "copy";
    char *argv[] = { name, from, to, NULL };

    return sign_copy_command.run(3, argv, err);
}

/* What a copy that broke off has left: no tag, or everything that hangs on the image. */
static void judge_copy(struct world *w, int status)
{
    struct image_result CLEANUP(image_result_clear) result;
    struct reference CLEANUP(reference_clear) image;

    parse_image(&image, w, "v1");
    const struct image_question question = { &image, NULL };
    engine_judge(&result, &w->engine, &question);
    if (status == 0 || result.judgement.verdict != VERDICT_UNKNOWN)
        assert_int_equal(result.judgement.verdict, VERDICT_ALLOW);
}

static void copying(void **state)
{
    struct world *w = *state;
    struct resolved image;
    char from[400], to[400];
    struct err err = ERR_INIT;

    EXPECT_OK(open_layout(w, "source", &err), &err);
    put_image(&image, w, "v1");
    EXPECT_OK(sign(w, &image, LAYOUT_BUNDLE, &err), &err);
    EXPECT_OK(sign(w, &image, LAYOUT_LEGACY, &err), &err);
    snprintf(from, sizeof(from), "oci:%s:v1", folder_path(&w->folder, "source"));
    for (long n = 1;; n++) {
        assert_true(n < ALLOCATIONS_MAX);
        snprintf(w->layout, sizeof(w->layout), "copy-%ld", n);
        snprintf(to, sizeof(to), "oci:%s:v1", folder_path(&w->folder, w->layout));
        inject_arm(n);
        int status = copy(from, to, &err);
        bool fired = inject_disarm();
        if (status != 0) {
            assert_true(fired);
            assert_int_not_equal(err.code, ERR_NONE);
            err_reset(&err);
        }
        judge_copy(w, status);
        if (!fired)
            break;
        EXPECT_OK(copy(from, to, &err), &err); /* begun again, it ends */
        judge_copy(w, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(judging), cmocka_unit_test(signing),
                                        cmocka_unit_test(signing_a_tag),
                                        cmocka_unit_test(copying) };
    struct err err = ERR_INIT;

    if (inject_libraries() != 0 || secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, world_make, world_clear) != 0;
}
