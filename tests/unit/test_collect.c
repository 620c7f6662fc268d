#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/collect.h"

static const struct plan statements = { .statements = true };
static const struct plan slsa = { .statements = true,
                                  .predicate_type = "https://slsa.dev/provenance/v1" };
static const struct plan spdx = { .statements = true, .predicate_type = PREDICATE_SPDX };
static const struct plan both = { .signatures = true, .statements = true };

/* --- Referrers --- */

static const struct referrer_row {
    const char *name;
    struct referrer referrer;
    bool collected;          /* for a plan of signatures */
    enum reason_code reason; /* or why not */
    enum err_code incomplete;
} referrers[] = {
    { "bundle as cosign lists it",
      { "b", NULL, NULL, TYPED SIGNATURE_ANNOTATIONS, 0 },
      true,
      0,
      0 },
    { "no annotations listed", { "b", NULL, NULL, TYPED, 0 }, true, 0, 0 },
    { "no type listed", { "b", NULL, NULL, "", 0 }, true, 0, 0 },
    { "empty type listed, no annotations",
      { "b", NULL, NULL, ",\"artifactType\":\"" TYPE_OCI_EMPTY "\"", 0 },
      true,
      0,
      0 },
    { "empty type listed, annotations right",
      { "b", NULL, NULL, ",\"artifactType\":\"" TYPE_OCI_EMPTY "\"" SIGNATURE_ANNOTATIONS, 0 },
      true,
      0,
      0 },
    { "config's type listed, annotations right",
      { "b", NULL, NULL, ",\"artifactType\":\"" TYPE_OCI_CONFIG "\"" SIGNATURE_ANNOTATIONS, 0 },
      true,
      0,
      0 },
    { "another type, no annotations",
      { "b", NULL, NULL, ",\"artifactType\":\"application/spdx+json\"", 0 },
      false,
      0,
      0 },
    { "a statement's predicate type", { "b", NULL, NULL, TYPED SLSA_ANNOTATIONS, 0 }, false, 0, 0 },
    { "older bundle type",
      { "b", "application/vnd.dev.sigstore.bundle+json;version=0.2", NULL,
        ",\"artifactType\":\"application/vnd.dev.sigstore.bundle+json;version=0.2\"", 0 },
      true,
      0,
      0 },
    { "untold, and its layer is no bundle", { "b", "text/plain", NULL, "", 0 }, false, 0, 0 },
    { "subject is another image",
      { "b", NULL, OTHER_SUBJECT, TYPED, 0 },
      false,
      REASON_WRONG_SUBJECT,
      0 },
    { "no subject", { "b", NULL, "", TYPED, 0 }, false, REASON_WRONG_SUBJECT, 0 },
    { "layer's size at the ceiling", { "b", NULL, NULL, TYPED, BUNDLE_SIGNATURE_MAX }, true, 0, 0 },
    { "layer's size over the ceiling",
      { "b", NULL, NULL, TYPED, BUNDLE_SIGNATURE_MAX + 1 },
      false,
      0,
      ERR_LIMIT },
};

static void referrer(void **state)
{
    const struct referrer_row *row = *state;
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;

    fake_init(&store);
    add_referrer(&store, &list, &row->referrer);
    fake_page(&store, "", fake_list_end(&list), NULL);
    collect(&set, &store, &signatures);
    assert_int_equal(set.incomplete.code, row->incomplete);
    assert_int_equal(set.complete, row->incomplete == ERR_NONE);
    assert_int_equal(set.reasons.n, row->reason == REASON_NONE ? 0 : 1);
    if (row->reason != REASON_NONE)
        assert_int_equal(set.reasons.items[0].code, row->reason);
    if (row->collected)
        expect_bundle(&set, "b");
    else
        assert_int_equal(set.n, 0);
    assert_true(store.rounds <= 3);
}

static void plan_chooses(void **state)
{
    static const struct {
        const struct plan *plan;
        const char *listed;
        size_t n;
    } rows[] = {
        { &signatures, TYPED SIGNATURE_ANNOTATIONS, 1 },
        { &signatures, TYPED SLSA_ANNOTATIONS, 0 },
        { &statements, TYPED SIGNATURE_ANNOTATIONS, 0 },
        { &statements, TYPED SLSA_ANNOTATIONS, 1 },
        { &both, TYPED SIGNATURE_ANNOTATIONS, 1 },
        { &both, TYPED SLSA_ANNOTATIONS, 1 },
        { &statements, TYPED, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct referrer r = { .content = "b", .listed = rows[i].listed };
        struct fake_store CLEANUP(fake_clear) store;
        struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
        struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
        fake_init(&store);
        add_referrer(&store, &list, &r);
        fake_page(&store, "", fake_list_end(&list), NULL);
        collect(&set, &store, rows[i].plan);
        assert_int_equal(set.n, rows[i].n);
        assert_true(set.complete);
    }
}

/* One type is asked for: others are not fetched, and told of; one that the list does not tell is
 * told by its manifest, or by itself. */
static void one_type_is_collected(void **state)
{
    static const struct {
        const char *listed;  /* the descriptor's members */
        const char *subject; /* the manifest's members */
        const struct plan *plan;
        size_t n, reasons, rounds;
    } rows[] = {
        { TYPED SLSA_ANNOTATIONS, SUBJECT, &slsa, 1, 0, 3 },
        { TYPED SLSA_ANNOTATIONS, SUBJECT, &spdx, 0, 1, 1 },
        { TYPED SIGNATURE_ANNOTATIONS, SUBJECT, &slsa, 0, 0, 1 },
        { TYPED, SUBJECT, &slsa, 1, 0, 3 },
        { TYPED, SUBJECT SLSA_ANNOTATIONS, &slsa, 1, 0, 3 },
        { TYPED, SUBJECT SLSA_ANNOTATIONS, &spdx, 0, 1, 2 },
        { TYPED, SUBJECT SIGNATURE_ANNOTATIONS, &slsa, 0, 0, 2 },
        { TYPED, SUBJECT SLSA_ANNOTATIONS, &signatures, 0, 0, 2 },
        { TYPED, SUBJECT SIGNATURE_ANNOTATIONS, &signatures, 1, 0, 3 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct referrer r = { .content = "b",
                                    .listed = rows[i].listed,
                                    .subject = rows[i].subject };
        struct fake_store CLEANUP(fake_clear) store;
        struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
        struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
        fake_init(&store);
        add_referrer(&store, &list, &r);
        fake_page(&store, "", fake_list_end(&list), NULL);
        collect(&set, &store, rows[i].plan);
        assert_true(set.complete);
        assert_int_equal(set.n, rows[i].n);
        assert_int_equal(set.reasons.n, rows[i].reasons);
        assert_int_equal(store.rounds, rows[i].rounds);
        if (rows[i].reasons == 0)
            continue;
        assert_int_equal(set.reasons.items[0].code, REASON_WRONG_TYPE);
        assert_string_equal(set.reasons.items[0].text,
                            "a statement of type https://slsa.dev/provenance/v1");
    }
}

/* Whatever an image index calls itself in a list, it is no bundle. */
static void an_index_is_not_wanted(void **state)
{
    const struct descriptor image = { .media_type = TYPE_OCI_MANIFEST,
                                      .artifact_type = TYPE_BUNDLE };
    const struct descriptor index = { .media_type = TYPE_OCI_INDEX, .artifact_type = TYPE_BUNDLE };
    const struct plan nothing = { .signatures = false };

    (void)state;
    assert_true(referrer_wanted(&image, &signatures));
    assert_false(referrer_wanted(&index, &signatures));
    /* of what type it is, only the bundle itself can tell */
    assert_true(referrer_wanted(&image, &nothing));
}

/* The same referrer in the API's list and in the fallback tag is one piece. */
static void union_without_doubles(void **state)
{
    const struct referrer in_both = { .content = "both", .listed = TYPED };
    const struct referrer in_api = { .content = "api", .listed = TYPED };
    const struct referrer in_tag = { .content = "tag", .listed = TYPED };
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) api = FAKE_LIST_INIT;
    struct fake_list CLEANUP(fake_list_clear) tag = FAKE_LIST_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;

    (void)state;
    fake_init(&store);
    add_referrer(&store, &api, &in_both);
    add_referrer(&store, &api, &in_api);
    add_referrer(&store, &tag, &in_both);
    add_referrer(&store, &tag, &in_tag);
    fake_page(&store, "", fake_list_end(&api), NULL);
    fake_tag(&store, FALLBACK, fake_list_end(&tag), TYPE_OCI_INDEX);
    collect(&set, &store, &signatures);
    assert_true(set.complete);
    assert_int_equal(set.n, 3);
    EXPECT_BUF(&set.items[0].content, "both");
    EXPECT_BUF(&set.items[1].content, "api");
    EXPECT_BUF(&set.items[2].content, "tag");
    assert_int_equal(store.rounds, 3);
}

static void junk_ahead_is_passed_over(void **state)
{
    const struct referrer good = { .content = "b", .listed = TYPED };
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;

    (void)state;
    fake_init(&store);
    fake_list_junk(&list, 1000, 1, ",\"artifactType\":\"application/spdx+json\"");
    fake_list_junk(&list, 1000, 2, TYPED SLSA_ANNOTATIONS);
    add_referrer(&store, &list, &good);
    fake_page(&store, "", fake_list_end(&list), NULL);
    collect(&set, &store, &signatures);
    assert_true(set.complete);
    expect_bundle(&set, "b");
}

/* With one more of the wanted type the place was not read to its end, and what came still counts.
 */
static void referrers_are_bounded(void **state)
{
    const struct referrer good = { .content = "b", .listed = TYPED };

    (void)state;
    for (size_t n = REFERRERS_MAX; n <= REFERRERS_MAX + 1; n++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
        struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
        char digest[DIGEST_TEXT_MAX];
        fake_init(&store);
        for (size_t i = 0; i + 1 < n; i++) {
            struct buf CLEANUP(buf_clear) body = BUF_INIT(KIB);
            buf_addf(&body,
                     "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"annotations\":{"
                     "\"n\":\"%zu\"}}",
                     i);
            fake_content(&store, FETCH_MANIFEST, buf_text(&body), TYPE_OCI_MANIFEST, digest);
            fake_list_add(&list, digest, body.len, TYPED);
        }
        add_referrer(&store, &list, &good);
        fake_page(&store, "", fake_list_end(&list), NULL);
        collect(&set, &store, &signatures);
        assert_int_equal(set.complete, n == REFERRERS_MAX);
        assert_int_equal(set.incomplete.code, n == REFERRERS_MAX ? ERR_NONE : ERR_LIMIT);
        assert_int_equal(set.n, n == REFERRERS_MAX ? 1 : 0);
    }
}

/* --- What cannot be had --- */

static const struct lost_row {
    const char *name;
    enum fetch_what what;
    enum err_code code;
    const char *word;
} lost[] = {
    { "manifest: gone", FETCH_MANIFEST, ERR_NOT_FOUND, "gone from the registry" },
    { "manifest: 429", FETCH_MANIFEST, ERR_RATE_LIMITED, "scripted" },
    { "manifest: other bytes", FETCH_MANIFEST, ERR_INVALID, "scripted" },
    { "bundle: gone", FETCH_BLOB, ERR_NOT_FOUND, "gone from the registry" },
    { "bundle: 429", FETCH_BLOB, ERR_RATE_LIMITED, "scripted" },
    { "bundle: too large", FETCH_BLOB, ERR_LIMIT, "scripted" },
};

/* What is listed and does not come may be the one signature that is missing. */
static void listed_but_lost(void **state)
{
    const struct lost_row *row = *state;
    const struct referrer good = { .content = "good", .listed = TYPED };
    const struct referrer bad = { .content = "bad", .listed = TYPED };
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;

    fake_init(&store);
    add_referrer(&store, &list, &bad);
    for (size_t i = 0; i < store.n; i++)
        if (store.answers[i].what == row->what)
            store.answers[i].code = row->code;
    add_referrer(&store, &list, &good);
    fake_page(&store, "", fake_list_end(&list), NULL);
    collect(&set, &store, &signatures);
    assert_false(set.complete);
    assert_int_equal(set.incomplete.code, row->code);
    assert_non_null(strstr(err_text(&set.incomplete), row->word));
    assert_non_null(strstr(err_text(&set.incomplete), "referrer sha256:"));
    expect_bundle(&set, "good");
}

static const struct manifest_row {
    const char *name;
    const char *body;
    enum reason_code reason;
    enum err_code incomplete;
} manifests[] = {
    { "not JSON", "[", REASON_MALFORMED, ERR_NONE },
    { "an index", "{\"schemaVersion\":2,\"manifests\":[],\"mediaType\":\"" TYPE_OCI_INDEX "\"}",
      REASON_MALFORMED, ERR_NONE },
    { "no layers", "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[]" SUBJECT "}",
      REASON_NONE, ERR_NONE },
    { "two layers",
      "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" CONFIG "," CONFIG "]" SUBJECT "}",
      REASON_NONE, ERR_NONE },
    { "deeper than is read",
      "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"x\":"
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
      "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
      REASON_NONE, ERR_LIMIT },
};

static void manifest_of_another_shape(void **state)
{
    const struct manifest_row *row = *state;
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    char digest[DIGEST_TEXT_MAX];

    fake_init(&store);
    fake_content(&store, FETCH_MANIFEST, row->body, TYPE_OCI_MANIFEST, digest);
    fake_list_add(&list, digest, strlen(row->body), TYPED);
    fake_page(&store, "", fake_list_end(&list), NULL);
    collect(&set, &store, &signatures);
    assert_int_equal(set.n, 0);
    assert_int_equal(set.incomplete.code, row->incomplete);
    assert_int_equal(set.complete, row->incomplete == ERR_NONE);
    assert_int_equal(set.reasons.n, row->reason == REASON_NONE ? 0 : 1);
    if (row->reason != REASON_NONE)
        assert_int_equal(set.reasons.items[0].code, row->reason);
}

/* --- Several places into one set --- */

static void places_add_up(void **state)
{
    const struct referrer first = { .content = "first", .listed = TYPED };
    const struct referrer second = { .content = "second", .listed = TYPED };
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;

    (void)state;
    for (int place = 0; place < 3; place++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
        fake_init(&store);
        if (place == 1)
            fake_fail(&store, FETCH_REFERRERS, "", ERR_DEADLINE);
        else
            add_referrer(&store, &list, place == 0 ? &first : &second);
        if (place != 1)
            fake_page(&store, "", fake_list_end(&list), NULL);
        collect(&set, &store, &signatures);
        assert_int_equal(set.complete, place == 0);
    }
    assert_int_equal(set.n, 2);
    EXPECT_BUF(&set.items[0].content, "first");
    EXPECT_BUF(&set.items[1].content, "second");
    assert_int_equal(set.incomplete.code, ERR_DEADLINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_chooses),
        cmocka_unit_test(one_type_is_collected),
        cmocka_unit_test(an_index_is_not_wanted),
        cmocka_unit_test(union_without_doubles),
        cmocka_unit_test(junk_ahead_is_passed_over),
        cmocka_unit_test(referrers_are_bounded),
        cmocka_unit_test(places_add_up),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(referrers, referrer);
    failed += RUN_ROWS(lost, listed_but_lost);
    failed += RUN_ROWS(manifests, manifest_of_another_shape);
    return failed != 0;
}
