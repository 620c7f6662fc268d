#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/evidence.h"

/* --- Good evidence becomes a fact --- */

static const struct good_row {
    const char *name;
    const char *key;
    const char *algorithm;
    enum signature_scheme scheme;
} good[] = {
    { "P-256", "p256-pkcs8.pem", "ecdsa-p256", SCHEME_ECDSA_SHA256 },
    { "P-384", "p384-pkcs8.pem", "ecdsa-p384", SCHEME_ECDSA_SHA256 },
    { "Ed25519", "ed25519-pkcs8.pem", "ed25519", SCHEME_ED25519 },
    { "RSA", "rsa2048-pkcs1.pem", "rsa-2048", SCHEME_RSA_PKCS1_SHA256 },
};

static struct signer *open_signer(const char *name)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(256);

    buf_addf(&path, KEYS "%s", name);
    return load_signer(buf_text(&path));
}

static const struct annotation claims[] = { { "env", "prod" }, { "team", "<a&b>" } };

static void expect_fact(const struct fact_set *facts, const struct good_row *row,
                        const struct public_key *key, enum fact_kind kind)
{
    const struct digest digest = vector_digest();

    assert_int_equal(facts->n, 1);
    assert_int_equal(facts->reasons.n, 0);
    assert_int_equal(facts->pieces, 1);
    assert_true(facts->complete);
    const struct fact *fact = &facts->facts[0];
    assert_int_equal(fact->kind, kind);
    assert_memory_equal(fact->fingerprint, public_key_fingerprint(key), KEY_FINGERPRINT_SIZE);
    assert_string_equal(fact->algorithm, row->algorithm);
    assert_int_equal(fact->scheme, row->scheme);
    assert_true(digest_equal(&fact->subject, &digest));
    assert_string_equal(fact->where, "the piece");
    assert_int_equal(fact->n_times, 0);
    if (kind == FACT_SIGNATURE) {
        assert_int_equal(fact->n_annotations, 2);
        assert_string_equal(fact_annotation(fact, "env"), "prod");
        assert_string_equal(fact_annotation(fact, "team"), "<a&b>");
    }
}

static void simple_signing(void **state)
{
    const struct good_row *row = *state;
    const struct digest digest = vector_digest();
    struct signer *CLEANUP(signer_freep) signer = open_signer(row->key);
    struct buf CLEANUP(buf_clear) payload = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(4096);
    struct fact_set CLEANUP(fact_set_clear) facts;
    struct err err = ERR_INIT;

    EXPECT_OK(simple_signing_write(&payload, BYTES_LIT("r"), &digest, claims, 2, &err), &err);
    sign_base64(&signature, signer, buf_bytes(&payload));
    EXPECT_OK(check_piece(&facts, EVIDENCE_SIMPLE_SIGNING, buf_bytes(&payload),
                          buf_text(&signature), signer_key(signer), &err),
              &err);
    expect_fact(&facts, row, signer_key(signer), FACT_SIGNATURE);
    assert_string_equal(facts.facts[0].repository, "r");
    assert_null(facts.facts[0].predicate_type);
    assert_int_equal(facts.facts[0].layout, LAYOUT_LEGACY);
    assert_true(bytes_equal(facts.facts[0].payload, buf_bytes(&payload)));
    assert_int_equal(verdict_of(&facts, signer_key(signer)), VERDICT_ALLOW);
}

static void signature_statement(struct buf *out)
{
    const struct digest digest = vector_digest();

    assert_int_equal(statement_write_signature(out, &digest, claims, 2, NULL), 0);
}

static void bundle(void **state)
{
    const struct good_row *row = *state;
    struct signer *CLEANUP(signer_freep) signer = open_signer(row->key);
    struct buf CLEANUP(buf_clear) statement = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
    struct fact_set CLEANUP(fact_set_clear) facts;
    struct err err = ERR_INIT;

    signature_statement(&statement);
    make_bundle(&text, signer, buf_bytes(&statement));
    EXPECT_OK(
        check_piece(&facts, EVIDENCE_BUNDLE, buf_bytes(&text), NULL, signer_key(signer), &err),
        &err);
    expect_fact(&facts, row, signer_key(signer), FACT_SIGNATURE);
    assert_null(facts.facts[0].repository);
    assert_string_equal(facts.facts[0].predicate_type, PREDICATE_COSIGN_SIGN);
    assert_int_equal(facts.facts[0].layout, LAYOUT_BUNDLE);
    assert_true(bytes_equal(facts.facts[0].payload, buf_bytes(&statement)));
    assert_int_equal(verdict_of(&facts, signer_key(signer)), VERDICT_ALLOW);
}

#define ATTESTATION                                                                                \
    "{\"_type\":\"" STATEMENT_V0_1 "\",\"predicateType\":\"https://slsa.dev/provenance/v1\","      \
    "\"subject\":[{\"name\":\"x\",\"digest\":{\"sha256\":\"" VECTOR_HEX "\"}}],"                   \
    "\"predicate\":{\"a\":1}}"

/* An attestation is a statement fact in either layout, and never proves a signature. */
static void attestation(void **state)
{
    const struct good_row *row = *state;
    struct signer *CLEANUP(signer_freep) signer = open_signer(row->key);
    struct buf CLEANUP(buf_clear) envelope = BUF_INIT(8192);
    struct buf CLEANUP(buf_clear) in_bundle = BUF_INIT(8192);
    struct buf *const forms[] = { &envelope, &in_bundle };
    struct err err = ERR_INIT;

    make_envelope(&envelope, signer, BYTES_LIT(ATTESTATION));
    make_bundle(&in_bundle, signer, BYTES_LIT(ATTESTATION));
    for (int i = 0; i < 2; i++) {
        struct fact_set CLEANUP(fact_set_clear) facts;
        EXPECT_OK(check_piece(&facts, i == 0 ? EVIDENCE_ENVELOPE : EVIDENCE_BUNDLE,
                              buf_bytes(forms[i]), NULL, signer_key(signer), &err),
                  &err);
        expect_fact(&facts, row, signer_key(signer), FACT_STATEMENT);
        assert_string_equal(facts.facts[0].predicate_type, "https://slsa.dev/provenance/v1");
        assert_int_equal(facts.facts[0].layout, i == 0 ? LAYOUT_LEGACY : LAYOUT_BUNDLE);
        assert_int_equal(verdict_of(&facts, signer_key(signer)), VERDICT_DENY);
    }
}

/* The vectors of sigstore.md 11.2 and 11.4, made by another program. */
static void vectors(void **state)
{
    struct public_key *CLEANUP(public_key_freep) key = load_key(VECTOR_KEY);
    struct buf CLEANUP(buf_clear) in_bundle = BUF_INIT(8192);
    struct buf CLEANUP(buf_clear) envelope = BUF_INIT(8192);
    struct err err = ERR_INIT;

    (void)state;
    vector_bundle(&in_bundle);
    vector_envelope(&envelope);
    const struct {
        enum evidence_form form;
        struct bytes content;
        const char *signature;
    } rows[] = {
        { EVIDENCE_SIMPLE_SIGNING, BYTES_LIT(VECTOR_PAYLOAD), VECTOR_PAYLOAD_SIGNATURE },
        { EVIDENCE_BUNDLE, buf_bytes(&in_bundle), NULL },
        { EVIDENCE_ENVELOPE, buf_bytes(&envelope), NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fact_set CLEANUP(fact_set_clear) facts;
        EXPECT_OK(check_piece(&facts, rows[i].form, rows[i].content, rows[i].signature, key, &err),
                  &err);
        assert_int_equal(facts.n, 1);
        assert_int_equal(facts.facts[0].kind, FACT_SIGNATURE);
        assert_int_equal(verdict_of(&facts, key), VERDICT_ALLOW);
    }
}

/* --- The refused neighbours: each is signed by the key asked for unless it says otherwise --- */

struct made {
    struct buf content;
    struct buf signature;
};

static void made_clear(struct made *made)
{
    buf_clear(&made->content);
    buf_clear(&made->signature);
}

/* What a row is made into; `signer` is by the key asked for. */
typedef void maker(struct made *out, struct signer *signer, const char *text);

static void payload_by_key(struct made *out, struct signer *signer, const char *text)
{
    buf_add_text(&out->content, text);
    sign_base64(&out->signature, signer, buf_bytes(&out->content));
}

static void payload_by_other(struct made *out, struct signer *signer, const char *text)
{
    struct signer *CLEANUP(signer_freep) other = load_signer(KEYS "ed25519-pkcs8.pem");

    (void)signer;
    payload_by_key(out, other, text);
}

static void payload_altered(struct made *out, struct signer *signer, const char *text)
{
    payload_by_key(out, signer, text);
    out->content.data[out->content.len - 2] ^= 1;
}

static void payload_annotation(struct made *out, struct signer *signer, const char *text)
{
    (void)signer;
    buf_add_text(&out->content, VECTOR_PAYLOAD);
    buf_add_text(&out->signature, text);
}

/* The signature's alphabet and padding are cosign's alone in the annotation. */
static void payload_overpadded(struct made *out, struct signer *signer, const char *text)
{
    payload_by_key(out, signer, text);
    while (out->signature.data[out->signature.len - 1] == '=')
        out->signature.data[--out->signature.len] = '\0';
    buf_add_char(&out->signature, '=');
    buf_add_char(&out->signature, '=');
    buf_add_char(&out->signature, '=');
}

static void payload_signed_as_dsse(struct made *out, struct signer *signer, const char *text)
{
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);

    buf_add_text(&out->content, text);
    sign_dsse(&raw, signer, TYPE_IN_TOTO, buf_bytes(&out->content));
    base64_encode(&out->signature, buf_bytes(&raw), BASE64_STANDARD);
}

static void plain(struct made *out, struct signer *signer, const char *text)
{
    (void)signer;
    buf_add_text(&out->content, text);
}

static void bundle_by_key(struct made *out, struct signer *signer, const char *text)
{
    make_bundle(&out->content, signer, bytes_text(text));
}

static void bundle_by_other(struct made *out, struct signer *signer, const char *text)
{
    struct signer *CLEANUP(signer_freep) other = load_signer(KEYS "ed25519-pkcs8.pem");

    (void)signer;
    make_bundle(&out->content, other, bytes_text(text));
}

static void envelope_by_key(struct made *out, struct signer *signer, const char *text)
{
    make_envelope(&out->content, signer, bytes_text(text));
}

static void envelope_by_other(struct made *out, struct signer *signer, const char *text)
{
    struct signer *CLEANUP(signer_freep) other = load_signer(KEYS "ed25519-pkcs8.pem");

    (void)signer;
    make_envelope(&out->content, other, bytes_text(text));
}

/* Another signer's bundle that names our key. */
static void bundle_hint_lies(struct made *out, struct signer *signer, const char *text)
{
    struct signer *CLEANUP(signer_freep) other = load_signer(KEYS "ed25519-pkcs8.pem");
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);
    struct buf CLEANUP(buf_clear) hint = BUF_INIT(64);

    sign_dsse(&raw, other, TYPE_IN_TOTO, bytes_text(text));
    public_key_hint(&hint, signer_key(signer));
    assert_int_equal(bundle_write_envelope(&out->content, buf_bytes(&hint), bytes_text(text),
                                           buf_bytes(&raw), NULL),
                     0);
}

/* Signed as it stands, over the statement itself: DSSE signs the PAE. */
static void bundle_without_pae(struct made *out, struct signer *signer, const char *text)
{
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);
    struct buf CLEANUP(buf_clear) hint = BUF_INIT(64);

    assert_int_equal(signer_sign(signer, bytes_text(text), &raw, NULL), 0);
    public_key_hint(&hint, signer_key(signer));
    assert_int_equal(bundle_write_envelope(&out->content, buf_bytes(&hint), bytes_text(text),
                                           buf_bytes(&raw), NULL),
                     0);
}

static void bundle_message(struct made *out, struct signer *signer, const char *text)
{
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);
    struct buf CLEANUP(buf_clear) hint = BUF_INIT(64);
    const struct digest digest = vector_digest();

    assert_int_equal(signer_sign(signer, bytes_text(text), &raw, NULL), 0);
    public_key_hint(&hint, signer_key(signer));
    assert_int_equal(
        bundle_write_message(&out->content, buf_bytes(&hint), digest.value, buf_bytes(&raw), NULL),
        0);
}

/* An envelope of another payload type around the text, signed as such. */
static void typed_envelope(struct buf *out, struct signer *signer, const char *type,
                           const char *text)
{
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);

    sign_dsse(&raw, signer, type, bytes_text(text));
    buf_add_text(out, "{\"payload\":\"");
    base64_encode(out, bytes_text(text), BASE64_STANDARD);
    buf_addf(out, "\",\"payloadType\":\"%s\",\"signatures\":[{\"sig\":\"", type);
    base64_encode(out, buf_bytes(&raw), BASE64_STANDARD);
    buf_add_text(out, "\"}]}");
}

static void envelope_of_type(struct made *out, struct signer *signer, const char *text)
{
    typed_envelope(&out->content, signer, text, VECTOR_STATEMENT);
}

static void bundle_with(struct made *out, struct signer *signer, const char *material,
                        const char *type)
{
    buf_addf(&out->content,
             "{\"mediaType\":\"" TYPE_BUNDLE "\",\"verificationMaterial\":%s,\"dsseEnvelope\":",
             material);
    typed_envelope(&out->content, signer, type, VECTOR_STATEMENT);
    buf_add_char(&out->content, '}');
}

static void bundle_of_type(struct made *out, struct signer *signer, const char *text)
{
    bundle_with(out, signer, "{\"publicKey\":{}}", text);
}

static void bundle_of_material(struct made *out, struct signer *signer, const char *text)
{
    bundle_with(out, signer, text, TYPE_IN_TOTO);
}

#define OTHER_HEX "0000000000000000000000000000000000000000000000000000000000000000"
#define PAYLOAD(type, digest)                                                                      \
    "{\"critical\":{\"identity\":{\"docker-reference\":\"r\"},\"image\":{\"docker-manifest-"       \
    "digest\":\"" digest "\"},\"type\":\"" type "\"},\"optional\":null}"
#define STATEMENT(hex, predicate)                                                                  \
    "{\"_type\":\"" STATEMENT_V1 "\",\"subject\":[{\"digest\":{\"sha256\":\"" hex                  \
    "\"}}],\"predicateType\":\"" predicate "\",\"predicate\":{}}"

static const struct bad_row {
    const char *name;
    enum evidence_form form;
    maker *make;
    const char *text;
    enum reason_code code;
    const char *word;
} bad[] = {
    /* simple signing */
    { "payload: by another key", EVIDENCE_SIMPLE_SIGNING, payload_by_other, VECTOR_PAYLOAD,
      REASON_WRONG_SIGNER, "not by the key" },
    { "payload: altered", EVIDENCE_SIMPLE_SIGNING, payload_altered, VECTOR_PAYLOAD,
      REASON_WRONG_SIGNER, "altered" },
    { "payload: of another image", EVIDENCE_SIMPLE_SIGNING, payload_by_key,
      PAYLOAD(SIMPLE_SIGNING_CLAIM, "sha256:" OTHER_HEX), REASON_WRONG_SUBJECT, OTHER_HEX },
    { "payload: of the image by another algorithm", EVIDENCE_SIMPLE_SIGNING, payload_by_key,
      PAYLOAD(SIMPLE_SIGNING_CLAIM, "sha512:" VECTOR_HEX VECTOR_HEX), REASON_WRONG_SUBJECT,
      "sha512" },
    { "payload: unknown algorithm", EVIDENCE_SIMPLE_SIGNING, payload_by_key,
      PAYLOAD(SIMPLE_SIGNING_CLAIM, "blake3:" VECTOR_HEX), REASON_UNSUPPORTED, "blake3" },
    { "payload: of another type", EVIDENCE_SIMPLE_SIGNING, payload_by_key,
      PAYLOAD("atomic container signature", "sha256:" VECTOR_HEX), REASON_WRONG_TYPE,
      "critical.type" },
    { "payload: type with more behind it", EVIDENCE_SIMPLE_SIGNING, payload_by_key,
      PAYLOAD(SIMPLE_SIGNING_CLAIM "s", "sha256:" VECTOR_HEX), REASON_WRONG_TYPE, "critical.type" },
    { "payload: no type", EVIDENCE_SIMPLE_SIGNING, payload_by_key,
      PAYLOAD("", "sha256:" VECTOR_HEX), REASON_WRONG_TYPE, "critical.type" },
    { "payload: signature annotation empty", EVIDENCE_SIMPLE_SIGNING, payload_annotation, "",
      REASON_WRONG_SIGNER, "" },
    { "payload: signature annotation not base64", EVIDENCE_SIMPLE_SIGNING, payload_annotation, "*",
      REASON_BAD_SIGNATURE, "base64" },
    { "payload: signature annotation too long", EVIDENCE_SIMPLE_SIGNING, payload_overpadded,
      VECTOR_PAYLOAD, REASON_BAD_SIGNATURE, "base64" },
    { "payload: url alphabet", EVIDENCE_SIMPLE_SIGNING, payload_annotation,
      "MEUCIB7qMqZHyI2S52nJcxSX2Xs3JHP55fY3_"
      "cBwtxyU8cj0AiEAtKI2BfHn-XBn9s3VLZ2U2-8lpMOHc0xtH36pI1x3YcU=",
      REASON_BAD_SIGNATURE, "base64" },
    { "payload: not JSON", EVIDENCE_SIMPLE_SIGNING, payload_by_key, "signed", REASON_MALFORMED,
      "" },
    { "payload: empty", EVIDENCE_SIMPLE_SIGNING, payload_by_key, "", REASON_MALFORMED, "" },
    { "payload: duplicate digest", EVIDENCE_SIMPLE_SIGNING, payload_by_key,
      "{\"critical\":{\"identity\":{\"docker-reference\":\"r\"},\"image\":{\"docker-manifest-"
      "digest\":\"sha256:" OTHER_HEX "\",\"docker-manifest-digest\":\"sha256:" VECTOR_HEX
      "\"},\"type\":\"" SIMPLE_SIGNING_CLAIM "\"}}",
      REASON_MALFORMED, "duplicate" },
    { "payload: a statement", EVIDENCE_SIMPLE_SIGNING, payload_by_key, VECTOR_STATEMENT,
      REASON_MALFORMED, "critical" },
    { "payload: a statement signed as DSSE", EVIDENCE_SIMPLE_SIGNING, payload_signed_as_dsse,
      VECTOR_STATEMENT, REASON_WRONG_SIGNER, "" },
    { "payload: signed as DSSE", EVIDENCE_SIMPLE_SIGNING, payload_signed_as_dsse, VECTOR_PAYLOAD,
      REASON_WRONG_SIGNER, "" },
    /* bundles */
    { "bundle: by another key", EVIDENCE_BUNDLE, bundle_by_other, VECTOR_STATEMENT,
      REASON_WRONG_SIGNER, "not by the key" },
    { "bundle: altered, as its hint tells", EVIDENCE_BUNDLE, bundle_hint_lies, VECTOR_STATEMENT,
      REASON_BAD_SIGNATURE, "altered" },
    { "bundle: signed without PAE", EVIDENCE_BUNDLE, bundle_without_pae, VECTOR_STATEMENT,
      REASON_BAD_SIGNATURE, "altered" },
    { "bundle: of another image", EVIDENCE_BUNDLE, bundle_by_key,
      STATEMENT(OTHER_HEX, PREDICATE_COSIGN_SIGN), REASON_WRONG_SUBJECT, "no subject" },
    { "bundle: a simple signing payload", EVIDENCE_BUNDLE, bundle_by_key, VECTOR_PAYLOAD,
      REASON_MALFORMED, "statement" },
    { "bundle: an empty payload", EVIDENCE_BUNDLE, bundle_by_key, "", REASON_MALFORMED, "" },
    { "bundle: of another payload type", EVIDENCE_BUNDLE, bundle_of_type, "application/json",
      REASON_WRONG_TYPE, "in-toto" },
    { "bundle: payload type with parameters", EVIDENCE_BUNDLE, bundle_of_type, TYPE_IN_TOTO ";v=1",
      REASON_WRONG_TYPE, "in-toto" },
    { "bundle: payload type in another case", EVIDENCE_BUNDLE, bundle_of_type,
      "application/vnd.in-Toto+json", REASON_WRONG_TYPE, "in-toto" },
    { "bundle: payload type empty", EVIDENCE_BUNDLE, bundle_of_type, "", REASON_WRONG_TYPE,
      "in-toto" },
    { "bundle: with a certificate", EVIDENCE_BUNDLE, bundle_of_material,
      "{\"certificate\":{\"rawBytes\":\"\"}}", REASON_UNSUPPORTED, "certificate" },
    { "bundle: with key and certificate", EVIDENCE_BUNDLE, bundle_of_material,
      "{\"publicKey\":{},\"certificate\":{}}", REASON_MALFORMED, "exactly one" },
    { "bundle: a message signature", EVIDENCE_BUNDLE, bundle_message, "example", REASON_WRONG_TYPE,
      "names no image" },
    { "bundle: v0.1", EVIDENCE_BUNDLE, plain,
      "{\"mediaType\":\"application/vnd.dev.sigstore.bundle+json;version=0.1\","
      "\"verificationMaterial\":{\"publicKey\":{}}}",
      REASON_UNSUPPORTED, "v0.3" },
    { "bundle: a plain envelope", EVIDENCE_BUNDLE, envelope_by_key, VECTOR_STATEMENT,
      REASON_MALFORMED, "bundle" },
    { "bundle: not JSON", EVIDENCE_BUNDLE, plain, "bundle", REASON_MALFORMED, "" },
    { "bundle: empty", EVIDENCE_BUNDLE, plain, "", REASON_MALFORMED, "" },
    /* envelopes */
    { "envelope: by another key", EVIDENCE_ENVELOPE, envelope_by_other, ATTESTATION,
      REASON_WRONG_SIGNER, "not by the key" },
    { "envelope: of another image", EVIDENCE_ENVELOPE, envelope_by_key,
      STATEMENT(OTHER_HEX, "https://slsa.dev/provenance/v1"), REASON_WRONG_SUBJECT, "no subject" },
    { "envelope: of another payload type", EVIDENCE_ENVELOPE, envelope_of_type, "application/json",
      REASON_WRONG_TYPE, "in-toto" },
    { "envelope: a bundle", EVIDENCE_ENVELOPE, bundle_by_key, VECTOR_STATEMENT, REASON_MALFORMED,
      "envelope" },
    { "envelope: not JSON", EVIDENCE_ENVELOPE, plain, "{", REASON_MALFORMED, "" },
    { "envelope: not base64", EVIDENCE_ENVELOPE, plain,
      "{\"payload\":\"*\",\"payloadType\":\"" TYPE_IN_TOTO "\",\"signatures\":[{\"sig\":\"AA\"}]}",
      REASON_MALFORMED, "payload" },
    { "envelope: no signatures", EVIDENCE_ENVELOPE, plain,
      "{\"payload\":\"\",\"payloadType\":\"" TYPE_IN_TOTO "\",\"signatures\":[]}", REASON_MALFORMED,
      "no signatures" },
};

static void refused(void **state)
{
    const struct bad_row *row = *state;
    struct signer *CLEANUP(signer_freep) signer = load_signer(KEYS "p256-pkcs8.pem");
    struct made CLEANUP(made_clear) made = { BUF_INIT(16384), BUF_INIT(16384) };
    struct fact_set CLEANUP(fact_set_clear) facts;
    struct err err = ERR_INIT;

    row->make(&made, signer, row->text);
    EXPECT_OK(check_piece(&facts, row->form, buf_bytes(&made.content),
                          row->form == EVIDENCE_SIMPLE_SIGNING ? buf_text(&made.signature) : NULL,
                          signer_key(signer), &err),
              &err);
    assert_int_equal(facts.n, 0);
    assert_int_equal(facts.pieces, 1);
    assert_int_equal(facts.reasons.n, 1);
    assert_string_equal(reason_name(facts.reasons.items[0].code), reason_name(row->code));
    assert_string_equal(facts.reasons.items[0].where, "the piece");
    if (strstr(facts.reasons.items[0].text, row->word) == NULL)
        fail_msg("'%s' has no '%s'", facts.reasons.items[0].text, row->word);
    assert_int_equal(verdict_of(&facts, signer_key(signer)), VERDICT_DENY);
}

/* --- Sets of several --- */

static void add_piece(struct evidence_set *set, enum evidence_form form, const char *content,
                      const char *signature)
{
    void *items = set->items;

    assert_int_equal(mem_grow(&items, &set->cap, set->n, sizeof(*set->items), 100, NULL), 0);
    set->items = items;
    set->items[set->n] = (struct evidence) {
        .form = form, .where = "w", .signature = signature, .content = BUF_INIT(8192)
    };
    buf_add_text(&set->items[set->n++].content, content);
}

/* Good and bad side by side, facts and reasons of each; what collecting found out is kept. */
static void several_pieces(void **state)
{
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    struct public_key *CLEANUP(public_key_freep) key = load_key(VECTOR_KEY);
    struct public_key *CLEANUP(public_key_freep) other = load_key(KEYS "ed25519.pub");
    const struct public_key *const keys[] = { other, key };
    const struct reason reason = { .code = REASON_MALFORMED, .where = "tag", .text = "an index" };
    const struct digest digest = vector_digest();
    struct buf CLEANUP(buf_clear) in_bundle = BUF_INIT(8192);
    struct fact_set CLEANUP(fact_set_clear) facts;
    struct err err = ERR_INIT;

    (void)state;
    vector_bundle(&in_bundle);
    EXPECT_OK(reason_add(&set.reasons, &set.arena, &reason, &err), &err);
    for (int i = 0; i < 10; i++) {
        add_piece(&set, EVIDENCE_SIMPLE_SIGNING, VECTOR_PAYLOAD, VECTOR_PAYLOAD_SIGNATURE);
        add_piece(&set, EVIDENCE_SIMPLE_SIGNING, VECTOR_PAYLOAD " ", VECTOR_PAYLOAD_SIGNATURE);
        add_piece(&set, EVIDENCE_BUNDLE, buf_text(&in_bundle), NULL);
    }
    set.complete = false;
    err_set(&set.incomplete, ERR_RATE_LIMITED, "slow down");
    EXPECT_OK(evidence_check(&facts, &set, keys, 2, &digest, &err), &err);
    assert_int_equal(facts.n, 20);
    assert_int_equal(facts.pieces, 31);
    assert_int_equal(facts.reasons.n, 11);
    assert_int_equal(facts.reasons.items[0].code, REASON_MALFORMED);
    assert_string_equal(facts.reasons.items[0].where, "tag");
    assert_int_equal(facts.reasons.items[1].code, REASON_WRONG_SIGNER);
    assert_non_null(strstr(facts.reasons.items[1].text, "none of the keys"));
    assert_false(facts.complete);
    assert_int_equal(facts.incomplete.code, ERR_RATE_LIMITED);
    assert_int_equal(verdict_of(&facts, key), VERDICT_ALLOW);
    assert_int_equal(verdict_of(&facts, other), VERDICT_UNKNOWN);
}

/* Facts outlive the evidence that they were made from. */
static void facts_stand_alone(void **state)
{
    struct public_key *CLEANUP(public_key_freep) key = load_key(VECTOR_KEY);
    char *signature = strdup(VECTOR_PAYLOAD_SIGNATURE);
    struct fact_set CLEANUP(fact_set_clear) facts;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(check_piece(&facts, EVIDENCE_SIMPLE_SIGNING, BYTES_LIT(VECTOR_PAYLOAD), signature,
                          key, &err),
              &err);
    free(signature);
    assert_true(bytes_equal(facts.facts[0].payload, BYTES_LIT(VECTOR_PAYLOAD)));
    assert_string_equal(facts.facts[0].repository, VECTOR_REPOSITORY);
}

static void nothing_to_check(void **state)
{
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    struct public_key *CLEANUP(public_key_freep) key = load_key(VECTOR_KEY);
    const struct public_key *const keys[] = { key };
    const struct digest digest = vector_digest();
    struct fact_set CLEANUP(fact_set_clear) facts;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(evidence_check(&facts, &set, keys, 1, &digest, &err), &err);
    assert_int_equal(facts.n, 0);
    assert_int_equal(facts.pieces, 0);
    assert_true(facts.complete);
    assert_int_equal(verdict_of(&facts, key), VERDICT_DENY);
}

/* An envelope with several signatures counts once, whichever of them is ours. */
static void second_signature_is_ours(void **state)
{
    struct public_key *CLEANUP(public_key_freep) key = load_key(VECTOR_KEY);
    struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
    struct fact_set CLEANUP(fact_set_clear) facts;
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&text, "{\"payload\":\"");
    base64_encode(&text, BYTES_LIT(VECTOR_STATEMENT), BASE64_STANDARD);
    buf_add_text(&text,
                 "\",\"payloadType\":\"" TYPE_IN_TOTO
                 "\",\"signatures\":[{\"sig\":\"AAAA\"},{\"sig\":\"" VECTOR_STATEMENT_SIGNATURE
                 "\"},{\"sig\":\"" VECTOR_STATEMENT_SIGNATURE "\"}]}");
    EXPECT_OK(check_piece(&facts, EVIDENCE_ENVELOPE, buf_bytes(&text), NULL, key, &err), &err);
    assert_int_equal(facts.n, 1);
    assert_int_equal(facts.reasons.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(several_pieces),
        cmocka_unit_test(facts_stand_alone),
        cmocka_unit_test(nothing_to_check),
        cmocka_unit_test(second_signature_is_ours),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(good, simple_signing);
    failed += RUN_ROWS(good, bundle);
    failed += RUN_ROWS(good, attestation);
    failed += RUN_ROWS(bad, refused);
    return failed != 0;
}
