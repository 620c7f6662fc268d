#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "evidence/hint.h"
#include "tests/unit/collect.h"
#include "tests/unit/evidence.h"
#include "verify/listing.h"
#include "verify/print.h"

#define CERTIFIED                                                                                  \
    "{\"mediaType\":\"" TYPE_BUNDLE                                                                \
    "\",\"verificationMaterial\":{\"certificate\":{\"rawBytes\":\"MAA=\"},\"tlogEntries\":[]},"    \
    "\"dsseEnvelope\":{\"payload\":\"eyJwcmVkaWNhdGVUeXBlIjoiaHR0cHM6Ly9zbHNhLmRldi9wcm92ZW5hbm"   \
    "NlL3YxIn0=\",\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[{\"sig\":"      \
    "\"AAAA\"}]}}"
#define THING ",\"artifactType\":\"application/vnd.thing\""
#define NO_CHECK "\"outcome\":{\"verified\":false,\"message\":\"not checked (no --key)\"}}"

/* A store in memory that passes for the layout "oci:fake", the key that checks, and what is listed.
 */
struct world {
    struct fake_store store;
    struct fake_list list;
    struct public_key *key;
    struct listing listing;
    struct buf out;
    struct digest digest;
};

static void world_make(struct world *w)
{
    *w = (struct world) { .list = FAKE_LIST_INIT, .out = BUF_INIT(MIB), .digest = vector_digest() };
    fake_init(&w->store);
    w->store.store.repository.layout = true;
    w->store.store.repository.repository = strdup("fake");
    w->key = load_key(VECTOR_KEY);
}

static void world_clear(struct world *w)
{
    free(w->store.store.repository.repository);
    fake_clear(&w->store);
    fake_list_clear(&w->list);
    public_key_free(w->key);
    listing_clear(&w->listing);
    buf_clear(&w->out);
}

static void make_list(struct world *w, size_t n_keys, size_t max_statement)
{
    static const char *const names[] = { "release.pub" };
    const struct public_key *const keys[] = { w->key };
    const struct report report = { .key_names = names, .keys = keys, .n_keys = n_keys };
    const struct listing_query query = { .digest = &w->digest,
                                         .report = &report,
                                         .max_statement = max_statement };
    struct err err = ERR_INIT;

    fake_page(&w->store, "", fake_list_end(&w->list), NULL);
    EXPECT_OK(listing_make(&w->listing, &w->store.store, &query, &err), &err);
}

static const char *text_of(struct world *w)
{
    buf_reset(&w->out);
    listing_text(&w->out, &w->listing, "oci:fake@d", "oci:fake");
    return buf_text(&w->out);
}

static const char *json_of(struct world *w)
{
    struct json_view root;

    buf_reset(&w->out);
    listing_json(&w->out, &w->listing, "oci:fake@d", &w->digest);
    assert_int_equal(json_scan(&root, buf_bytes(&w->out), NULL), 0);
    return buf_text(&w->out);
}

static void expect_part(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("lacks: %s\nin: %s", part, text);
}

static void sign_legacy(struct world *w)
{
    struct layers CLEANUP(layers_clear) layers = LAYERS_INIT;
    char digest[DIGEST_TEXT_MAX];

    fake_content(&w->store, FETCH_BLOB, VECTOR_PAYLOAD, "", digest);
    add_layer(&layers, digest, strlen(VECTOR_PAYLOAD), VECTOR_PAYLOAD_SIGNATURE);
    tag_layers(&w->store, &layers, FALLBACK ".sig");
}

static void sign_bundle(struct world *w)
{
    struct buf CLEANUP(buf_clear) bundle = BUF_INIT(64 * KIB);

    vector_bundle(&bundle);
    const struct referrer r = { .content = buf_text(&bundle), .listed = TYPED };
    add_referrer(&w->store, &w->list, &r);
}

static void nothing(void **state)
{
    struct world CLEANUP(world_clear) w;

    (void)state;
    world_make(&w);
    make_list(&w, 1, 0);
    assert_true(w.listing.complete);
    assert_string_equal(text_of(&w), "oci:fake@d\n└── nothing hangs on this image\n");
    assert_string_equal(json_of(&w), "{\"image\":\"oci:fake@d\",\"digest\":\"sha256:" VECTOR_HEX
                                     "\",\"complete\":true,\"evidence\":[]}\n");
}

/* Digests of what one_of_each() hangs on the image: the payload of sigstore.md 11.2, "sbom", and a
 * manifest around "x". */
#define PAYLOAD_DIGEST "sha256:6495544479e4fc37d778defab03d5ba6c3e9b02d2787dbfc161221f594a59162"
#define SBOM_DIGEST "sha256:98f3ae1ef67113d8140d4f6cb8d2830070e21ea48f091be519659846c771a374"
#define THING_DIGEST "sha256:6c3f7a1fb5b7a436cfb5e9df6076d844360aa06835f4cef694015bea0715e2a5"

static void hang_one_of_each(struct world *w)
{
    struct layers CLEANUP(layers_clear) sbom = LAYERS_INIT;
    const struct referrer thing = { .content = "x", .layer_type = "text/plain", .listed = THING };
    char digest[DIGEST_TEXT_MAX];

    sign_legacy(w);
    fake_content(&w->store, FETCH_BLOB, "sbom", "", digest);
    add_annotated(&sbom, digest, 4, "", NULL);
    tag_layers(&w->store, &sbom, FALLBACK ".sbom");
    add_referrer(&w->store, &w->list, &thing);
}

static void as_text(void **state)
{
    struct world CLEANUP(world_clear) w;

    (void)state;
    world_make(&w);
    hang_one_of_each(&w);
    make_list(&w, 1, 0);
    assert_true(w.listing.complete);
    assert_int_equal(w.store.rounds, 2); /* nothing is asked twice */
    assert_string_equal(text_of(&w),
                        "oci:fake@d\n"
                        "├── Signatures\n"
                        "│   └── " FALLBACK ".sig, layer 1\n"
                        "│       type: text/plain\n"
                        "│       " PAYLOAD_DIGEST ", 245 bytes; signer, as it says: none\n"
                        "│       verified with release.pub: signature\n"
                        "├── SBOMs\n"
                        "│   └── " FALLBACK ".sbom, layer 1\n"
                        "│       type: text/plain\n"
                        "│       " SBOM_DIGEST ", 4 bytes\n"
                        "│       not evidence that can be checked\n"
                        "└── Other referrers\n"
                        "    └── referrer " THING_DIGEST "\n"
                        "        type: application/vnd.thing\n"
                        "        " THING_DIGEST ", 518 bytes\n"
                        "        not evidence that can be checked\n");
}

static void as_json(void **state)
{
    struct world CLEANUP(world_clear) w;

    (void)state;
    world_make(&w);
    hang_one_of_each(&w);
    make_list(&w, 1, 0);
    assert_string_equal(
        json_of(&w),
        "{\"image\":\"oci:fake@d\",\"digest\":\"sha256:" VECTOR_HEX
        "\",\"complete\":true,\"evidence\":[{\"layout\":\"legacy\",\"place\":\"oci:fake\","
        "\"where\":\"" FALLBACK ".sig, layer 1\",\"kind\":\"signature\",\"type\":\"text/plain\","
        "\"digest\":\"" PAYLOAD_DIGEST "\",\"size\":245,\"hint\":\"none\",\"outcome\":"
        "{\"verified\":true,\"key\":\"release.pub\",\"kind\":\"signature\"}},"
        "{\"layout\":\"legacy\",\"place\":\"oci:fake\",\"where\":\"" FALLBACK ".sbom, layer 1\","
        "\"type\":\"text/plain\",\"digest\":\"" SBOM_DIGEST "\",\"size\":4,\"outcome\":"
        "{\"verified\":false,\"message\":\"not evidence that can be checked\"}},"
        "{\"layout\":\"referrer\",\"place\":\"oci:fake\",\"where\":\"referrer " THING_DIGEST
        "\",\"type\":\"application/vnd.thing\",\"digest\":\"" THING_DIGEST
        "\",\"size\":518,\"outcome\":{\"verified\":false,\"message\":"
        "\"not evidence that can be checked\"}}]}\n");
}

static void bundle_by_a_key(void **state)
{
    struct world CLEANUP(world_clear) w;

    (void)state;
    world_make(&w);
    sign_bundle(&w);
    make_list(&w, 1, 0);
    expect_part(text_of(&w), "└── Signatures\n");
    expect_part(text_of(&w), "type: " PREDICATE_COSIGN_SIGN "\n");
    expect_part(text_of(&w), "signer, as it says: key hint " VECTOR_HINT "\n");
    expect_part(text_of(&w), "verified with release.pub: signature\n");
}

static void without_a_key(void **state)
{
    struct world CLEANUP(world_clear) w;

    (void)state;
    world_make(&w);
    sign_bundle(&w);
    make_list(&w, 0, 0);
    expect_part(json_of(&w), "\"hint\":\"key hint " VECTOR_HINT "\"," NO_CHECK);
    assert_true(w.listing.complete);
}

/* What GitHub stores: sigstore.md 4.6 */
static void bundle_by_a_certificate(void **state)
{
    struct world CLEANUP(world_clear) w;
    const struct referrer r = { .content = CERTIFIED, .listed = TYPED };

    (void)state;
    world_make(&w);
    add_referrer(&w.store, &w.list, &r);
    make_list(&w, 1, 0);
    expect_part(text_of(&w), "└── Attestations\n");
    expect_part(text_of(&w), "type: https://slsa.dev/provenance/v1\n");
    expect_part(text_of(&w), "signer, as it says: certificate\n");
    expect_part(text_of(&w), "        unsupported: signed with a certificate");
}

/* A list may claim a signature's type for anything: the content decides the group. */
static void content_decides(void **state)
{
    struct world CLEANUP(world_clear) w;
    const struct referrer r = { .content = CERTIFIED, .listed = TYPED SIGNATURE_ANNOTATIONS };

    (void)state;
    world_make(&w);
    add_referrer(&w.store, &w.list, &r);
    make_list(&w, 1, 0);
    expect_part(text_of(&w), "└── Attestations\n");
}

static void of_another_subject(void **state)
{
    struct world CLEANUP(world_clear) w;
    const struct referrer r = { .content = CERTIFIED, .subject = OTHER_SUBJECT, .listed = TYPED };

    (void)state;
    world_make(&w);
    add_referrer(&w.store, &w.list, &r);
    make_list(&w, 0, 0);
    expect_part(text_of(&w), "wrong-subject: its manifest's subject is not this image\n");
}

static void text_is_escaped(void **state)
{
    struct world CLEANUP(world_clear) w;
    const struct referrer r = { .content = "x",
                                .layer_type = "text/plain",
                                .listed = TYPED SIGNED_WITH("a\\u001b[31m\\nb") };

    (void)state;
    world_make(&w);
    add_referrer(&w.store, &w.list, &r);
    make_list(&w, 0, 0);
    expect_part(text_of(&w), "type: a\\x1b[31m\\x0ab\n");
    expect_part(json_of(&w), "\"type\":\"a\\u001b[31m\\nb\"");
}

static void unreadable_manifest(void **state)
{
    struct world CLEANUP(world_clear) w;

    (void)state;
    world_make(&w);
    fake_tag(&w.store, FALLBACK ".att", "{\"schemaVersion\":2}", TYPE_OCI_MANIFEST);
    make_list(&w, 1, 0);
    expect_part(text_of(&w), "└── Attestations\n    └── " FALLBACK ".att\n");
    expect_part(text_of(&w), ", 19 bytes\n        malformed: ");
}

/* One byte more than is read: what is known stands there, and why it is not more. */
static void beyond_the_ceiling(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        struct world CLEANUP(world_clear) w;
        const struct referrer r = { .content = CERTIFIED, .listed = TYPED SLSA_ANNOTATIONS };
        world_make(&w);
        sign_legacy(&w);
        add_referrer(&w.store, &w.list, &r);
        make_list(&w, 1, strlen(CERTIFIED) - more);
        expect_part(text_of(&w), "verified with release.pub: signature\n");
        assert_int_equal(w.listing.complete, more == 0);
        if (more == 0)
            continue;
        assert_int_equal(w.listing.incomplete.code, ERR_LIMIT);
        expect_part(text_of(&w), "└── Attestations\n");
        expect_part(text_of(&w), "type: https://slsa.dev/provenance/v1\n");
        expect_part(text_of(&w), " bytes\n        too-large: ");
        expect_part(text_of(&w), " are read\n");
    }
}

/* Where the list does not tell what it is (a fallback tag), its manifest does. */
static void beyond_the_ceiling_untold(void **state)
{
    struct world CLEANUP(world_clear) w;
    const struct referrer r = { .content = CERTIFIED,
                                .subject = SUBJECT SLSA_ANNOTATIONS,
                                .listed = "" };

    (void)state;
    world_make(&w);
    add_referrer(&w.store, &w.list, &r);
    make_list(&w, 1, 1);
    expect_part(text_of(&w), "└── Attestations\n");
    expect_part(text_of(&w), "type: https://slsa.dev/provenance/v1\n");
    expect_part(text_of(&w), "too-large: ");
}

static void place_that_fails(void **state)
{
    struct world CLEANUP(world_clear) w;

    (void)state;
    world_make(&w);
    fake_fail(&w.store, FETCH_TAG, FALLBACK ".sig", ERR_RATE_LIMITED);
    make_list(&w, 1, 0);
    assert_false(w.listing.complete);
    assert_int_equal(w.listing.incomplete.code, ERR_RATE_LIMITED);
    expect_part(text_of(&w), "└── nothing was found\n");
    expect_part(json_of(&w), "\"complete\":false");
}

static const struct line {
    const char *name, *text, *want;
} lines[] = {
    { "as it is", "{\"a\":[1,2]}", "{\"a\":[1,2]}\n" },
    { "white space", "{ \"a\"\t:\r\n [1 ,2 ] }", "{\"a\":[1,2]}\n" },
    { "inside strings", "[\" a  b \" , \"\\\" \\\\\" , 1 ]", "[\" a  b \",\"\\\" \\\\\",1]\n" },
    { "a string", "\"a b\"", "\"a b\"\n" },
    { "a number", " 1 ", "1\n" },
};

static void one_line(void **state)
{
    const struct line *row = *state;
    struct json_view root;
    char *text = NULL;
    size_t len = 0;

    assert_int_equal(json_scan(&root, bytes_text(row->text), NULL), 0);
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    print_json_line(to, root);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, row->want);
    free(text);
}

/* Pieces join: about the size of one, and beyond two. */
static void base64_in_pieces(void **state)
{
    static const size_t sizes[] = { 0, 1, 2, 3, 49151, 49152, 49153, 98305 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf CLEANUP(buf_clear) in = BUF_INIT(MIB);
        struct buf CLEANUP(buf_clear) want = BUF_INIT(MIB);
        struct err err = ERR_INIT;
        char *text = NULL;
        size_t len = 0;
        for (size_t k = 0; k < sizes[i]; k++)
            buf_add_char(&in, (char)(k * 7));
        base64_encode(&want, buf_bytes(&in), BASE64_STANDARD);
        FILE *to = open_memstream(&text, &len);
        assert_non_null(to);
        EXPECT_OK(print_base64(to, buf_bytes(&in), &err), &err);
        assert_int_equal(fclose(to), 0);
        assert_string_equal(text, buf_text(&want));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing),
        cmocka_unit_test(as_text),
        cmocka_unit_test(as_json),
        cmocka_unit_test(bundle_by_a_key),
        cmocka_unit_test(without_a_key),
        cmocka_unit_test(bundle_by_a_certificate),
        cmocka_unit_test(content_decides),
        cmocka_unit_test(of_another_subject),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(unreadable_manifest),
        cmocka_unit_test(beyond_the_ceiling),
        cmocka_unit_test(beyond_the_ceiling_untold),
        cmocka_unit_test(place_that_fails),
        cmocka_unit_test(base64_in_pieces),
    };

    unsetenv("COSIGN_REPOSITORY");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(lines, one_line);
    return failed != 0;
}
