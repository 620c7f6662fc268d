#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/collect.h"

static const struct plan statements = { .statements = true };

/* --- .sig and .att --- */

static void signature_layers(void **state)
{
    struct fake_store CLEANUP(fake_clear) store;
    struct layers CLEANUP(layers_clear) layers = LAYERS_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    char digest[DIGEST_TEXT_MAX];

    (void)state;
    fake_init(&store);
    fake_content(&store, FETCH_BLOB, "payload", "", digest);
    add_layer(&layers, digest, 7, "c2ln");
    add_layer(&layers, digest, 7, NULL);
    add_layer(&layers, digest, 7, "");
    tag_layers(&store, &layers, FALLBACK ".sig");
    collect(&set, &store, &signatures);
    assert_true(set.complete);
    assert_int_equal(set.n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(set.items[i].form, EVIDENCE_SIMPLE_SIGNING);
        assert_int_equal(set.items[i].layout, LAYOUT_LEGACY);
        EXPECT_BUF(&set.items[i].content, "payload");
        assert_string_equal(set.items[i].signature, i == 0 ? "c2ln" : "");
        assert_string_equal(set.items[i].where,
                            i == 0 ? FALLBACK ".sig, layer 1" : FALLBACK ".sig, layer 3");
    }
    assert_int_equal(set.reasons.n, 1);
    assert_int_equal(set.reasons.items[0].code, REASON_MALFORMED);
    assert_string_equal(set.reasons.items[0].where, FALLBACK ".sig, layer 2");
    assert_int_equal(store.rounds, 2);
}

static void attestation_layers(void **state)
{
    struct fake_store CLEANUP(fake_clear) store;
    struct layers CLEANUP(layers_clear) layers = LAYERS_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) none = EVIDENCE_SET_INIT;
    char digest[DIGEST_TEXT_MAX];

    (void)state;
    fake_init(&store);
    fake_content(&store, FETCH_BLOB, "envelope", "", digest);
    add_layer(&layers, digest, 8, "");
    add_layer(&layers, digest, 8, NULL);
    tag_layers(&store, &layers, FALLBACK ".att");
    collect(&set, &store, &statements);
    assert_true(set.complete);
    assert_int_equal(set.n, 2);
    assert_int_equal(set.items[0].form, EVIDENCE_ENVELOPE);
    assert_int_equal(set.items[0].layout, LAYOUT_LEGACY);
    assert_null(set.items[1].signature);
    collect(&none, &store, &signatures);
    assert_int_equal(none.n, 0);
    assert_true(none.complete);
}

/* Of .att layers the annotation tells the type; of those of other types, sixteen are told of. */
static void layers_of_one_type(void **state)
{
    const struct plan slsa = { .statements = true, .predicate_type = "https://slsa.dev/v1" };
    struct fake_store CLEANUP(fake_clear) store;
    struct layers CLEANUP(layers_clear) layers = LAYERS_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    char digest[DIGEST_TEXT_MAX];

    (void)state;
    fake_init(&store);
    fake_content(&store, FETCH_BLOB, "envelope", "", digest);
    add_annotated(&layers, digest, 8, ANNOTATION_PREDICATE_TYPE, "https://slsa.dev/v1");
    for (size_t i = 0; i < 20; i++)
        add_annotated(&layers, digest, 8, ANNOTATION_PREDICATE_TYPE, "https://slsa.dev/v2");
    add_layer(&layers, digest, 8, "");
    tag_layers(&store, &layers, FALLBACK ".att");
    collect(&set, &store, &slsa);
    assert_true(set.complete);
    assert_int_equal(set.n, 2);
    assert_string_equal(set.items[0].where, FALLBACK ".att, layer 1");
    assert_string_equal(set.items[1].where, FALLBACK ".att, layer 22");
    assert_true(digest_equal(&set.items[0].carrier, &set.items[0].digest));
    assert_int_equal(set.reasons.n, 16);
    assert_int_equal(set.reasons.items[0].code, REASON_WRONG_TYPE);
    assert_string_equal(set.reasons.items[0].where, FALLBACK ".att, layer 2");
}

static void layers_are_bounded(void **state)
{
    (void)state;
    for (size_t n = SIGNATURE_LAYERS_MAX; n <= SIGNATURE_LAYERS_MAX + 1; n++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct layers CLEANUP(layers_clear) layers = LAYERS_INIT;
        struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
        char digest[DIGEST_TEXT_MAX];
        fake_init(&store);
        fake_content(&store, FETCH_BLOB, "payload", "", digest);
        for (size_t i = 0; i < n; i++)
            add_layer(&layers, digest, 7, "c2ln");
        tag_layers(&store, &layers, FALLBACK ".sig");
        collect(&set, &store, &signatures);
        const bool fits = n == SIGNATURE_LAYERS_MAX;
        assert_int_equal(set.complete, fits);
        assert_int_equal(set.incomplete.code, fits ? ERR_NONE : ERR_LIMIT);
        assert_int_equal(set.n, fits ? n : 0);
    }
}

/* Sizes are added up before anything is asked for. */
static void bytes_are_bounded(void **state)
{
    const size_t most = EVIDENCE_BYTES_MAX / PAYLOAD_MAX;

    (void)state;
    for (size_t n = most; n <= most + 1; n++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct layers CLEANUP(layers_clear) layers = LAYERS_INIT;
        struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
        char digest[DIGEST_TEXT_MAX];
        fake_init(&store);
        fake_content(&store, FETCH_BLOB, "payload", "", digest);
        for (size_t i = 0; i < n; i++)
            add_layer(&layers, digest, PAYLOAD_MAX, "c2ln");
        tag_layers(&store, &layers, FALLBACK ".sig");
        collect(&set, &store, &signatures);
        assert_int_equal(set.n, most);
        assert_int_equal(set.complete, n == most);
        assert_int_equal(store.asked, 3 + most);
        if (n > most) {
            assert_int_equal(set.incomplete.code, ERR_LIMIT);
            assert_non_null(strstr(err_text(&set.incomplete), "bytes of evidence"));
        }
    }
}

static void payload_is_bounded(void **state)
{
    (void)state;
    for (size_t size = PAYLOAD_MAX; size <= PAYLOAD_MAX + 1; size++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct layers CLEANUP(layers_clear) layers = LAYERS_INIT;
        struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
        char digest[DIGEST_TEXT_MAX];
        fake_init(&store);
        fake_content(&store, FETCH_BLOB, "payload", "", digest);
        add_layer(&layers, digest, size, "c2ln");
        tag_layers(&store, &layers, FALLBACK ".sig");
        collect(&set, &store, &signatures);
        assert_int_equal(set.complete, size == PAYLOAD_MAX);
        assert_int_equal(set.incomplete.code, size == PAYLOAD_MAX ? ERR_NONE : ERR_LIMIT);
    }
}

/* How much of one statement is taken is the plan's to say, in both layouts. */
static void statements_are_bounded_by_the_plan(void **state)
{
    static const struct {
        struct plan plan;
        size_t largest;
    } rows[] = {
        { { .statements = true }, BUNDLE_STATEMENT_MAX },
        { { .statements = true, .max_statement = 8 * MIB }, 8 * MIB },
        { { .signatures = true, .max_statement = 8 * MIB }, BUNDLE_SIGNATURE_MAX },
    };
    const struct referrer bundle = { .content = "b", .listed = TYPED };

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
        struct layers CLEANUP(layers_clear) layers = LAYERS_INIT;
        struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
        const struct plan *plan = &rows[i / 2].plan;
        char digest[DIGEST_TEXT_MAX];
        fake_init(&store);
        if (i % 2 == 0) {
            add_referrer(&store, &list, &bundle);
            fake_page(&store, "", fake_list_end(&list), NULL);
        } else {
            fake_content(&store, FETCH_BLOB, "envelope", "", digest);
            add_layer(&layers, digest, 8, NULL);
            tag_layers(&store, &layers, FALLBACK ".att");
        }
        collect(&set, &store, plan);
        const bool looked_at = i % 2 == 0 || plan->statements;
        assert_int_equal(set.n, looked_at ? 1 : 0);
        assert_int_equal(store.largest, looked_at ? rows[i / 2].largest : 0);
    }
}

/* --- What cannot be had --- */

static const struct broken_row {
    const char *name;
    const char *body; /* of the .sig tag, or NULL: there is none */
    const char *media_type;
    enum err_code fail; /* of the .sig tag */
    enum reason_code reason;
    enum err_code incomplete;
} broken[] = {
    { "nothing", NULL, NULL, ERR_NONE, REASON_NONE, ERR_NONE },
    { "not JSON", "{", TYPE_OCI_MANIFEST, ERR_NONE, REASON_MALFORMED, ERR_NONE },
    { "an index", "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\",\"manifests\":[]}",
      TYPE_OCI_INDEX, ERR_NONE, REASON_MALFORMED, ERR_NONE },
    { "429", NULL, NULL, ERR_RATE_LIMITED, REASON_NONE, ERR_RATE_LIMITED },
    { "401", NULL, NULL, ERR_AUTH, REASON_NONE, ERR_AUTH },
    { "deadline", NULL, NULL, ERR_DEADLINE, REASON_NONE, ERR_DEADLINE },
};

/* A bundle beside it is collected all the same. */
static void broken_tag(void **state)
{
    const struct broken_row *row = *state;
    const struct referrer good = { .content = "b", .listed = TYPED };
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;

    fake_init(&store);
    add_referrer(&store, &list, &good);
    fake_page(&store, "", fake_list_end(&list), NULL);
    if (row->body != NULL)
        fake_tag(&store, FALLBACK ".sig", row->body, row->media_type);
    if (row->fail != ERR_NONE)
        fake_fail(&store, FETCH_TAG, FALLBACK ".sig", row->fail);
    collect(&set, &store, &signatures);
    expect_bundle(&set, "b");
    assert_int_equal(set.incomplete.code, row->incomplete);
    assert_int_equal(set.complete, row->incomplete == ERR_NONE);
    assert_int_equal(set.reasons.n, row->reason == REASON_NONE ? 0 : 1);
    if (row->reason != REASON_NONE)
        assert_int_equal(set.reasons.items[0].code, row->reason);
}

static void payload_is_lost(void **state)
{
    struct fake_store CLEANUP(fake_clear) store;
    struct layers CLEANUP(layers_clear) layers = LAYERS_INIT;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;

    (void)state;
    fake_init(&store);
    add_layer(&layers, "sha256:" HEX, 7, "c2ln");
    tag_layers(&store, &layers, FALLBACK ".sig");
    collect(&set, &store, &signatures);
    assert_false(set.complete);
    assert_int_equal(set.incomplete.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err_text(&set.incomplete), ".sig, layer 1"));
    assert_int_equal(set.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature_layers),
        cmocka_unit_test(attestation_layers),
        cmocka_unit_test(layers_of_one_type),
        cmocka_unit_test(layers_are_bounded),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(payload_is_bounded),
        cmocka_unit_test(statements_are_bounded_by_the_plan),
        cmocka_unit_test(payload_is_lost),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(broken, broken_tag);
    return failed != 0;
}
