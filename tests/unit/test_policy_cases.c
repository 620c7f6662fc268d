#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_cases.h"

/* --- Verdicts --- */

#define BUILT(by, builder)                                                                         \
    "facts: [{attested: '" SLSA "', by: " by ", statement: {predicate: {builder: " builder "}}}]"
#define EXPECT(text) ", expect: {verdict: " text "}"

static const struct verdict_row {
    const char *keys; /* and the test's name */
    bool passed;
    enum verdict verdict;
    enum reason_code reason;
} verdict_rows[] = {
    { "image: " APP ":1, facts: []" EXPECT("deny"), true, VERDICT_DENY, REASON_UNSIGNED },
    { "image: " APP ":1, facts: []" EXPECT("deny, reason: unsigned, rule: apps, mode: enforce"),
      true, VERDICT_DENY, REASON_UNSIGNED },
    { "image: " APP ":1, facts: []" EXPECT("allow"), false, VERDICT_DENY, REASON_UNSIGNED },
    { "image: " APP ":1, facts: []" EXPECT("unknown"), false, VERDICT_DENY, REASON_UNSIGNED },
    { "image: " APP ":1, facts: []" EXPECT("deny, reason: too-few"), false, VERDICT_DENY,
      REASON_UNSIGNED },
    { "image: " APP ":1, facts: []" EXPECT("deny, rule: app"), false, VERDICT_DENY,
      REASON_UNSIGNED },
    { "image: " APP ":1, facts: []" EXPECT("deny, mode: warn"), false, VERDICT_DENY,
      REASON_UNSIGNED },
    { "image: " APP ":1, facts: [{signed: release}]" EXPECT("allow, rule: apps"), true,
      VERDICT_ALLOW, REASON_NONE },
    { "image: " APP ":1, facts: [{signed: ci}]" EXPECT("deny"), true, VERDICT_DENY,
      REASON_UNSIGNED },
    { "image: " APP ", facts: [{signed: release}]" EXPECT("deny, reason: floor"), true,
      VERDICT_DENY, REASON_FLOOR },
    { "image: " APP ", facts: []" EXPECT("deny, rule: apps"), false, VERDICT_DENY, REASON_FLOOR },
    { "image: other.example/x:1, facts: []" EXPECT("deny, reason: no-rule"), true, VERDICT_DENY,
      REASON_NO_RULE },
    { "image: r.example/gone/x:1, facts: []" EXPECT("deny, reason: denied-by-rule, rule: gone"),
      true, VERDICT_DENY, REASON_DENIED_BY_RULE },
    { "image: r.example/soft/x:1, facts: []" EXPECT("deny, mode: warn"), true, VERDICT_DENY,
      REASON_UNSIGNED },
    { "image: r.example/old/x:1, facts: [], at: 2026-11-30T23:59:59Z" EXPECT("allow, rule: old"),
      true, VERDICT_ALLOW, REASON_NONE },
    { "image: r.example/old/x:1, facts: [], at: 2026-12-01T00:00:00Z" EXPECT("deny"), true,
      VERDICT_DENY, REASON_NO_RULE },
    { "image: r.example/old/x:1, facts: []" EXPECT("allow"), true, VERDICT_ALLOW, REASON_NONE },
    { "image: r.example/secret/x:1, namespace: pay, facts: [{signed: ci}]" EXPECT("allow"), true,
      VERDICT_ALLOW, REASON_NONE },
    { "image: r.example/secret/x:1, namespace: web, facts: [{signed: ci}]" EXPECT("deny"), true,
      VERDICT_DENY, REASON_NO_RULE },
    { "image: r.example/each/x:1, facts: [{signed: release}]" EXPECT("allow"), true, VERDICT_ALLOW,
      REASON_NONE },
    { "image: r.example/each/x:1, facts: []" EXPECT("deny"), true, VERDICT_DENY, REASON_UNSIGNED },
    { "image: r.example/each/x:1, facts: [], incomplete: too-large" EXPECT("unknown"), true,
      VERDICT_UNKNOWN, REASON_TOO_LARGE },
    { "image: r.example/apps/own:1, facts: [{signed: release}]" EXPECT("deny"), true, VERDICT_DENY,
      REASON_WRONG_ANNOTATION },
    { "image: r.example/apps/own:1, facts: [{signed: release, annotations: {env: prod}}]" EXPECT(
          "deny"),
      true, VERDICT_DENY, REASON_WRONG_REPOSITORY },
    { "image: r.example/apps/own:1, facts: [{signed: release, annotations: {env: prod}, "
      "repository: r.example/apps/own}]" EXPECT("allow"),
      true, VERDICT_ALLOW, REASON_NONE },
    { "image: r.example/apps/built:1, " BUILT("ci", "ours") EXPECT("allow"), true, VERDICT_ALLOW,
      REASON_NONE },
    { "image: r.example/apps/built:1, " BUILT("ci", "theirs") EXPECT("deny"), true, VERDICT_DENY,
      REASON_CHECK_FAILED },
    { "image: r.example/apps/built:1, " BUILT("release", "ours") EXPECT("deny"), true, VERDICT_DENY,
      REASON_UNSIGNED },
    { "image: r.example/apps/built:1, facts: [{signed: ci}]" EXPECT("deny"), true, VERDICT_DENY,
      REASON_WRONG_TYPE },
    /* what is proven stays so; what is not may still be */
    { "image: " APP ":1, facts: [{signed: release}], incomplete: deadline" EXPECT("allow"), true,
      VERDICT_ALLOW, REASON_NONE },
    { "image: " APP ":1, facts: [], incomplete: not-found" EXPECT("unknown"), true, VERDICT_UNKNOWN,
      REASON_NOT_FOUND },
    { "image: " APP ":1, facts: [], incomplete: registry-auth" EXPECT("unknown"), true,
      VERDICT_UNKNOWN, REASON_REGISTRY_AUTH },
    { "image: " APP ":1, facts: [], incomplete: registry-unreachable" EXPECT("unknown"), true,
      VERDICT_UNKNOWN, REASON_REGISTRY_UNREACHABLE },
    { "image: " APP ":1, facts: [], incomplete: rate-limited" EXPECT("unknown"), true,
      VERDICT_UNKNOWN, REASON_RATE_LIMITED },
    { "image: " APP ":1, facts: [], incomplete: deadline" EXPECT("unknown"), true, VERDICT_UNKNOWN,
      REASON_DEADLINE },
    { "image: " APP ":1, facts: [], incomplete: malformed" EXPECT("unknown"), true, VERDICT_UNKNOWN,
      REASON_MALFORMED },
};

static void verdicts(void **state)
{
    const struct verdict_row *row = *state;
    struct policy_test CLEANUP(policy_test_clear) test;
    struct image_result CLEANUP(image_result_clear) result;
    struct err err = ERR_INIT;
    void *world;

    make_world(&world);
    struct world *w = world;
    EXPECT_OK(read_one(&test, w, row->keys, &err), &err);
    EXPECT_OK(policy_test_judge(&result, &test, &test.cases[0], w->registries, &err), &err);
    assert_int_equal(result.judgement.verdict, row->verdict);
    assert_string_equal(reason_name(result.judgement.reason), reason_name(row->reason));
    assert_int_equal(policy_test_passed(&test.cases[0], &result.judgement), row->passed);
    drop_world(&world);
}

/* --- Reports --- */

static void report(struct buf *text, struct buf *json, struct world *w, const char *keys)
{
    struct policy_test CLEANUP(policy_test_clear) test;
    struct image_result CLEANUP(image_result_clear) result;
    struct err err = ERR_INIT;

    EXPECT_OK(read_one(&test, w, keys, &err), &err);
    test.file = "cases.yaml";
    EXPECT_OK(policy_test_judge(&result, &test, &test.cases[0], w->registries, &err), &err);
    buf_reset(text);
    buf_reset(json);
    policy_test_text(text, &test, &test.cases[0], &result.judgement);
    policy_test_json(json, &test, &test.cases[0], &result.judgement);
}

static void reports(void **state)
{
    struct world *w = *state;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) json = BUF_INIT(4096);

    report(&text, &json, w, "image: " APP ":1, facts: [{signed: release}]" EXPECT("allow"));
    EXPECT_BUF(&text, "ok one\n");
    EXPECT_BUF(&json, "{\"file\":\"cases.yaml\",\"line\":4,\"name\":\"one\",\"passed\":true,"
                      "\"verdict\":\"allow\",\"rule\":\"apps\",\"mode\":\"enforce\","
                      "\"message\":\"\",\"expected\":{\"verdict\":\"allow\"}}\n");
    report(&text, &json, w,
           "image: " APP ":1, facts: [{signed: release}]" EXPECT("deny, reason: unsigned"));
    EXPECT_BUF(&text, "not ok one: expected deny (unsigned), got allow by rule \"apps\"; "
                      "cases.yaml:4\n");
    report(&text, &json, w,
           "image: r.example/soft/x:1, facts: []" EXPECT("allow, rule: apps, mode: audit"));
    EXPECT_BUF(&text, "not ok one: expected allow by rule \"apps\" [audit], got deny (unsigned) by "
                      "rule \"soft\" [warn]: no signature was found; cases.yaml:4\n");
    EXPECT_BUF(&json, "{\"file\":\"cases.yaml\",\"line\":4,\"name\":\"one\",\"passed\":false,"
                      "\"verdict\":\"deny\",\"reason\":\"unsigned\",\"rule\":\"soft\","
                      "\"mode\":\"warn\",\"message\":\"no signature was found\",\"expected\":"
                      "{\"verdict\":\"allow\",\"rule\":\"apps\",\"mode\":\"audit\"}}\n");
    report(&text, &json, w, "image: other.example/x:1, facts: []" EXPECT("allow"));
    EXPECT_BUF(&text, "not ok one: expected allow, got deny (no-rule): no rule matches it; "
                      "cases.yaml:4\n");
}

/* --- Layouts --- */

static struct store *open_layout(struct world *w)
{
    struct reference CLEANUP(reference_clear) ref = { .host = NULL };
    struct store *store = NULL;
    char name[400];
    struct err err = ERR_INIT;

    snprintf(name, sizeof(name), "oci:%s", folder_path(&w->folder, "evidence"));
    EXPECT_OK(reference_parse(&ref, bytes_text(name), &err), &err);
    EXPECT_OK(store_open(&store, w->registries, &ref, STORE_WRITE, &err), &err);
    return store;
}

#define EMPTY "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

static struct digest put_image(struct store *store, const char *name)
{
    struct buf CLEANUP(buf_clear) body = BUF_INIT(4096);
    struct digest digest;
    struct err err = ERR_INIT;

    EXPECT_OK(store_put_bytes(store, BYTES_LIT("{}"), &digest, 0, &err), &err);
    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST
             "\",\"config\":{\"mediaType\":\"" TYPE_OCI_EMPTY "\",\"digest\":\"" EMPTY
             "\",\"size\":2},\"layers\":[],\"annotations\":{\"name\":\"%s\"}}",
             name);
    EXPECT_OK(store_put_manifest(store, name, buf_bytes(&body), TYPE_OCI_MANIFEST, 0, &err), &err);
    EXPECT_OK(digest_of(&digest, HASH_SHA256, buf_bytes(&body), &err), &err);
    return digest;
}

static void sign(struct store *store, const struct digest *subject)
{
    struct signer *CLEANUP(signer_freep) signer = load_signer(KEYS "p256-pkcs8.pem");
    struct buf CLEANUP(buf_clear) statement = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) bundle = BUF_INIT(8192);
    struct buf CLEANUP(buf_clear) body = BUF_INIT(4096);
    char layer[DIGEST_TEXT_MAX], image[DIGEST_TEXT_MAX];
    struct digest digest;
    struct err err = ERR_INIT;

    EXPECT_OK(statement_write_signature(&statement, subject, NULL, 0, &err), &err);
    make_bundle(&bundle, signer, buf_bytes(&statement));
    EXPECT_OK(store_put_bytes(store, buf_bytes(&bundle), &digest, 0, &err), &err);
    digest_format(layer, &digest);
    digest_format(image, subject);
    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"artifactType\":"
             "\"" TYPE_BUNDLE "\",\"config\":{\"mediaType\":\"" TYPE_OCI_EMPTY
             "\",\"digest\":\"" EMPTY "\",\"size\":2},\"layers\":[{\"mediaType\":\"" TYPE_BUNDLE
             "\",\"digest\":\"%s\",\"size\":%zu}],\"subject\":{\"mediaType\":\"" TYPE_OCI_MANIFEST
             "\",\"digest\":\"%s\",\"size\":2}}",
             layer, bundle.len, image);
    EXPECT_OK(store_put_referrer(store, buf_bytes(&body), TYPE_OCI_MANIFEST, 0, &err), &err);
}

static void judge_layout(struct world *w, const char *image, const char *layout,
                         enum verdict verdict, enum reason_code reason)
{
    struct buf CLEANUP(buf_clear) keys = BUF_INIT(4096);
    struct policy_test CLEANUP(policy_test_clear) test;
    struct image_result CLEANUP(image_result_clear) result;
    struct err err = ERR_INIT;

    buf_addf(&keys, "image: '%s', layout: '%s', " DENY, image, layout);
    EXPECT_OK(read_one(&test, w, buf_text(&keys), &err), &err);
    EXPECT_OK(policy_test_judge(&result, &test, &test.cases[0], w->registries, &err), &err);
    if (result.judgement.verdict != verdict || result.judgement.reason != reason)
        fail_msg("%s %s: %s, %s", image, layout, verdict_name(result.judgement.verdict),
                 result.judgement.text);
}

static void layouts(void **state)
{
    struct world *w = *state;
    struct store *CLEANUP(store_freep) store = open_layout(w);
    const struct digest image = put_image(store, "signed");
    const struct digest plain = put_image(store, "plain");
    char digest[DIGEST_TEXT_MAX], by_digest[256];

    sign(store, &image);
    judge_layout(w, APP ":1", "evidence:signed", VERDICT_ALLOW, REASON_NONE);
    judge_layout(w, APP ":1", "oci:evidence:signed", VERDICT_ALLOW, REASON_NONE);
    judge_layout(w, APP ":1", "evidence:plain", VERDICT_DENY, REASON_UNSIGNED);
    judge_layout(w, APP ":1", "evidence:absent", VERDICT_UNKNOWN, REASON_NOT_FOUND);
    judge_layout(w, "r.example/each/x:1", "evidence:signed", VERDICT_ALLOW, REASON_NONE);
    judge_layout(w, "r.example/each/x:1", "evidence:plain", VERDICT_DENY, REASON_UNSIGNED);
    digest_format(digest, &image);
    snprintf(by_digest, sizeof(by_digest), APP "@%s", digest);
    judge_layout(w, by_digest, "evidence", VERDICT_ALLOW, REASON_NONE);
    judge_layout(w, by_digest, "evidence:signed", VERDICT_ALLOW, REASON_NONE);
    digest_format(digest, &plain);
    snprintf(by_digest, sizeof(by_digest), APP "@%s", digest);
    judge_layout(w, by_digest, "evidence", VERDICT_DENY, REASON_UNSIGNED);
    judge_layout(w, APP "@" DIGEST, "evidence", VERDICT_UNKNOWN, REASON_NOT_FOUND);
    /* no rule asks: the layout is not looked at */
    judge_layout(w, "other.example/x:1", "absent", VERDICT_DENY, REASON_NO_RULE);
}

static void expect_wrong_layout(struct world *w, const char *keys, const char *word)
{
    struct policy_test CLEANUP(policy_test_clear) test;
    struct image_result CLEANUP(image_result_clear) result;
    struct err err = ERR_INIT;

    EXPECT_OK(read_one(&test, w, keys, &err), &err);
    EXPECT_ERR(policy_test_judge(&result, &test, &test.cases[0], w->registries, &err), &err,
               ERR_CONFIG, word);
}

static void wrong_layouts(void **state)
{
    struct world *w = *state;
    struct store *CLEANUP(store_freep) store = open_layout(w);

    put_image(store, "signed");
    expect_wrong_layout(w, "image: " APP ":1, layout: absent, " DENY, "cases.yaml:4: one: ");
    expect_wrong_layout(w, "image: " APP "@" DIGEST ", layout: 'evidence:signed', " DENY,
                        "not the one named");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reports, make_world, drop_world),
        cmocka_unit_test_setup_teardown(layouts, make_world, drop_world),
        cmocka_unit_test_setup_teardown(wrong_layouts, make_world, drop_world),
    };
    int failed = RUN_ROWS(verdict_rows, verdicts);

    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
