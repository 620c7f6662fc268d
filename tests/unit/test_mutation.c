/*
 * Every small change of a valid proof ends in "no". What nothing signs - the hint, the key id, how
 * base64 is spelt - is listed, and the list must match exactly: a byte more or less is a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/evidence.h"

enum change { FLIP, CUT_FRONT, CUT_BACK, DROP, DOUBLE, CHANGES };

/* What is changed: the content, or the signature annotation of a legacy layer. */
struct target {
    const char *name;
    enum evidence_form form;
    struct bytes content;
    const char *annotation;
    bool change_annotation;
    /* Where a change may go unseen: behind the one text, before the other. Both "": nowhere */
    const char *after, *before;
    size_t accepted[CHANGES];
};

static bool allowed(const struct target *t, struct bytes mutant, const struct public_key *key)
{
    struct fact_set CLEANUP(fact_set_clear) facts;
    char annotation[512] = { 0 };
    struct err err = ERR_INIT;

    if (t->change_annotation) {
        assert_true(mutant.len < sizeof(annotation));
        if (mutant.len > 0)
            memcpy(annotation, mutant.data, mutant.len);
        mutant = t->content;
    }
    /* A mutant is decided on: it is not by our key, or not what it claims. */
    EXPECT_OK(check_piece(&facts, t->form, mutant,
                          t->change_annotation ? annotation : t->annotation, key, &err),
              &err);
    if (facts.n == 0)
        assert_int_equal(facts.reasons.n, 1);
    return verdict_of(&facts, key) == VERDICT_ALLOW;
}

struct run {
    const struct target *target;
    const struct public_key *key;
    struct bytes original;
    size_t from, to; /* where changes may go unseen */
    size_t accepted[CHANGES];
};

static void try_mutant(struct run *run, enum change change, size_t at, struct bytes mutant)
{
    if (!allowed(run->target, mutant, run->key))
        return;
    run->accepted[change]++;
    if (at < run->from || at >= run->to)
        fail_msg("%s: change %d at byte %zu was allowed: %.*s", run->target->name, change, at,
                 (int)mutant.len, (const char *)mutant.data);
}

static void flip_bits(struct run *run)
{
    struct buf CLEANUP(buf_clear) mutant = BUF_INIT(run->original.len);

    buf_add_bytes(&mutant, run->original);
    for (size_t i = 0; i < mutant.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            mutant.data[i] ^= (uint8_t)(1 << bit);
            try_mutant(run, FLIP, i, buf_bytes(&mutant));
            mutant.data[i] ^= (uint8_t)(1 << bit);
        }
}

static void cut(struct run *run)
{
    const struct bytes all = run->original;

    for (size_t i = 0; i < all.len; i++) {
        try_mutant(run, CUT_BACK, i, bytes_part(all, 0, i));
        try_mutant(run, CUT_FRONT, i, bytes_part(all, i + 1, all.len));
    }
}

static void drop_and_double(struct run *run)
{
    const struct bytes all = run->original;

    for (size_t i = 0; i < all.len; i++) {
        struct buf CLEANUP(buf_clear) dropped = BUF_INIT(all.len);
        struct buf CLEANUP(buf_clear) doubled = BUF_INIT(all.len + 1);
        buf_add_bytes(&dropped, bytes_part(all, 0, i));
        buf_add_bytes(&dropped, bytes_part(all, i + 1, all.len));
        buf_add_bytes(&doubled, bytes_part(all, 0, i + 1));
        buf_add_bytes(&doubled, bytes_part(all, i, all.len));
        try_mutant(run, DROP, i, buf_bytes(&dropped));
        try_mutant(run, DOUBLE, i, buf_bytes(&doubled));
    }
}

static void find_unsigned(struct run *run)
{
    const char *text = (const char *)run->original.data;
    const char *after = run->target->after;

    if (after[0] == '\0')
        return;
    const char *from = memmem(text, run->original.len, after, strlen(after));
    assert_non_null(from);
    run->from = (size_t)(from - text) + strlen(after);
    const char *to = strstr(from + strlen(after), run->target->before);
    assert_non_null(to);
    run->to = (size_t)(to - text);
}

static void every_change(const struct target *target)
{
    struct public_key *CLEANUP(public_key_freep) key = load_key(VECTOR_KEY);
    struct run run = { .target = target, .key = key, .original = target->content };

    if (target->change_annotation)
        run.original = bytes_text(target->annotation);
    assert_true(allowed(target, run.original, key));
    find_unsigned(&run);
    flip_bits(&run);
    cut(&run);
    drop_and_double(&run);
    for (int change = 0; change < CHANGES; change++)
        if (run.accepted[change] != target->accepted[change])
            fail_msg("%s: change %d went unseen %zu times, not %zu", target->name, change,
                     run.accepted[change], target->accepted[change]);
}

static void legacy_payload(void **state)
{
    const struct target target = {
        .name = "payload",
        .form = EVIDENCE_SIMPLE_SIGNING,
        .content = BYTES_LIT(VECTOR_PAYLOAD),
        .annotation = VECTOR_PAYLOAD_SIGNATURE,
        .after = "",
    };

    (void)state;
    every_change(&target);
}

static void legacy_annotation(void **state)
{
    const struct target target = {
        .name = "annotation",
        .form = EVIDENCE_SIMPLE_SIGNING,
        .content = BYTES_LIT(VECTOR_PAYLOAD),
        .annotation = VECTOR_PAYLOAD_SIGNATURE,
        .change_annotation = true,
        .after = "",
    };

    (void)state;
    every_change(&target);
}

static void envelope(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
    struct target target = { .name = "envelope", .form = EVIDENCE_ENVELOPE, .after = "" };

    (void)state;
    vector_envelope(&text);
    target.content = buf_bytes(&text);
    every_change(&target);
}

/* Members that are not known are passed over in a plain envelope, so that the name of the key id
 * may change too: each of its five letters in seven bits (the eighth makes it no UTF-8), less the
 * one that only changes its case. Of the value, "abc", every flip goes unseen that leaves a JSON
 * string: one makes 'b' a quote. */
static void envelope_with_key_id(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
    struct target target = {
        .name = "envelope with key id",
        .form = EVIDENCE_ENVELOPE,
        .after = VECTOR_STATEMENT_SIGNATURE "\",\"",
        .before = "\"}]}",
        .accepted = { [FLIP] = 5 * 6 + 3 * 7 - 1, [DROP] = 8, [DOUBLE] = 8 },
    };

    (void)state;
    buf_add_text(&text, "{\"payload\":\"");
    base64_encode(&text, BYTES_LIT(VECTOR_STATEMENT), BASE64_STANDARD);
    buf_add_text(&text, "\",\"payloadType\":\"" TYPE_IN_TOTO
                        "\",\"signatures\":[{\"sig\":\"" VECTOR_STATEMENT_SIGNATURE
                        "\",\"keyid\":\"abc\"}]}");
    target.content = buf_bytes(&text);
    every_change(&target);
}

/* How many flips of a character leave it an ordinary one inside a JSON string. */
static size_t harmless_flips(struct bytes text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            int c = text.data[i] ^ (1 << bit);
            n += c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
        }
    return n;
}

static void bundle(void **state)
{
    const size_t hint = strlen(VECTOR_HINT);
    struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
    struct target target = {
        .name = "bundle",
        .form = EVIDENCE_BUNDLE,
        .after = "\"hint\":\"",
        .before = "\"}},",
        .accepted = { [FLIP] = harmless_flips(BYTES_LIT(VECTOR_HINT)),
                      [DROP] = hint,
                      [DOUBLE] = hint },
    };

    (void)state;
    /* 44 characters of seven bits; in 29 of them, those that are no lower-case letters, one flip
     * makes a control */
    assert_int_equal(target.accepted[FLIP], 44 * 7 - 29);
    vector_bundle(&text);
    target.content = buf_bytes(&text);
    every_change(&target);
}

/* --- Other spellings of the same bytes: the whole list --- */

static const struct spelling {
    const char *name;
    const char *type;
    const char *payload; /* of "{}" with more behind it */
    const char *before;  /* in front of the document */
    bool allowed;
} spellings[] = {
    { "as it is", TYPE_BUNDLE, "%s", "", true },
    { "older media type", "application/vnd.dev.sigstore.bundle+json;version=0.3", "%s", "", true },
    { "escaped media type", "application\\/vnd.dev.sigstore.bundle.v0.3+json", "%s", "", true },
    { "white space in front", TYPE_BUNDLE, "%s", " \t\r\n", true },
    { "other white space", TYPE_BUNDLE, "%s", "\f", false },
    { "byte order mark", TYPE_BUNDLE, "%s", "\xef\xbb\xbf", false },
    { "blank in the payload", TYPE_BUNDLE, "%s ", "", false },
    { "line end in the payload", TYPE_BUNDLE, "%s\\n", "", false },
    { "padding too much", TYPE_BUNDLE, "%s=", "", false },
};

static void spelt(struct buf *out, const struct spelling *row, const char *payload, const char *sig)
{
    buf_addf(out, "%s{\"mediaType\":\"%s\",\"verificationMaterial\":{\"publicKey\":{}},",
             row->before, row->type);
    buf_add_text(out, "\"dsseEnvelope\":{\"payload\":\"");
    for (const char *c = row->payload; *c != '\0'; c++) {
        if (c[0] == '%' && c[1] == 's') {
            buf_add_text(out, payload);
            c++;
        } else {
            buf_add_char(out, *c);
        }
    }
    buf_addf(out, "\",\"payloadType\":\"" TYPE_IN_TOTO "\",\"signatures\":[{\"sig\":\"%s\"}]}}",
             sig);
}

static void spelling(void **state)
{
    const struct spelling *row = *state;
    struct public_key *CLEANUP(public_key_freep) key = load_key(VECTOR_KEY);
    struct buf CLEANUP(buf_clear) payload = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
    struct fact_set CLEANUP(fact_set_clear) facts;
    struct err err = ERR_INIT;

    base64_encode(&payload, BYTES_LIT(VECTOR_STATEMENT), BASE64_STANDARD);
    spelt(&text, row, buf_text(&payload), VECTOR_STATEMENT_SIGNATURE);
    EXPECT_OK(check_piece(&facts, EVIDENCE_BUNDLE, buf_bytes(&text), NULL, key, &err), &err);
    assert_int_equal(verdict_of(&facts, key) == VERDICT_ALLOW, row->allowed);
}

/* The url alphabet, with and without padding, of a statement whose base64 has both. */
static void base64_spellings(void **state)
{
    static const char statement[] =
        "{\"_type\":\"" STATEMENT_V1 "\",\"subject\":[{\"name\":\"???~~~>>>\",\"digest\":"
        "{\"sha256\":\"" VECTOR_HEX "\"}}],\"predicateType\":\"" PREDICATE_COSIGN_SIGN "\"} ";
    static const struct spelling as_it_is = { "", TYPE_BUNDLE, "%s", "", true };
    struct signer *CLEANUP(signer_freep) signer = load_signer(KEYS "p256-pkcs8.pem");
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);

    (void)state;
    sign_dsse(&raw, signer, TYPE_IN_TOTO, BYTES_LIT(statement));
    for (int form = 0; form < 4; form++) {
        const enum base64_form payload_form = form & 1 ? BASE64_URL_UNPADDED : BASE64_STANDARD;
        const enum base64_form sig_form = form & 2 ? BASE64_URL_UNPADDED : BASE64_STANDARD;
        struct buf CLEANUP(buf_clear) payload = BUF_INIT(4096);
        struct buf CLEANUP(buf_clear) sig = BUF_INIT(4096);
        struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
        struct fact_set CLEANUP(fact_set_clear) facts;
        struct err err = ERR_INIT;
        base64_encode(&payload, BYTES_LIT(statement), payload_form);
        base64_encode(&sig, buf_bytes(&raw), sig_form);
        spelt(&text, &as_it_is, buf_text(&payload), buf_text(&sig));
        EXPECT_OK(
            check_piece(&facts, EVIDENCE_BUNDLE, buf_bytes(&text), NULL, signer_key(signer), &err),
            &err);
        assert_int_equal(verdict_of(&facts, signer_key(signer)), VERDICT_ALLOW);
    }
}

/* --- Valid parts put together wrongly --- */

/* The bundle around `payload` with the signature of `signed_payload`, both by one key. */
static void mixed_bundle(struct buf *out, struct signer *signer, struct bytes payload,
                         struct bytes signed_payload)
{
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);

    sign_dsse(&raw, signer, TYPE_IN_TOTO, signed_payload);
    assert_int_equal(bundle_write_envelope(out, BYTES_LIT("h"), payload, buf_bytes(&raw), NULL), 0);
}

static void swapped_signatures(void **state)
{
    const struct digest digests[] = { vector_digest(), other_digest() };
    struct signer *CLEANUP(signer_freep) signer = load_signer(KEYS "p256-pkcs8.pem");
    struct buf CLEANUP(buf_clear) ours = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) theirs = BUF_INIT(4096);

    (void)state;
    assert_int_equal(statement_write_signature(&ours, &digests[0], NULL, 0, NULL), 0);
    assert_int_equal(statement_write_signature(&theirs, &digests[1], NULL, 0, NULL), 0);
    const struct bytes payloads[] = { buf_bytes(&ours), buf_bytes(&theirs) };
    for (int i = 0; i < 4; i++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
        struct fact_set CLEANUP(fact_set_clear) facts;
        struct err err = ERR_INIT;
        mixed_bundle(&text, signer, payloads[i & 1], payloads[i >> 1]);
        EXPECT_OK(
            check_piece(&facts, EVIDENCE_BUNDLE, buf_bytes(&text), NULL, signer_key(signer), &err),
            &err);
        assert_int_equal(verdict_of(&facts, signer_key(signer)),
                         i == 0 ? VERDICT_ALLOW : VERDICT_DENY);
    }
}

/* Each vector's signature on the other's payload. */
static void vectors_swapped(void **state)
{
    struct public_key *CLEANUP(public_key_freep) key = load_key(VECTOR_KEY);
    const struct {
        const char *payload, *signature;
    } rows[] = {
        { VECTOR_PAYLOAD, VECTOR_STATEMENT_SIGNATURE },
        { VECTOR_STATEMENT, VECTOR_STATEMENT_SIGNATURE },
        { VECTOR_STATEMENT, VECTOR_PAYLOAD_SIGNATURE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fact_set CLEANUP(fact_set_clear) facts;
        struct err err = ERR_INIT;
        EXPECT_OK(check_piece(&facts, EVIDENCE_SIMPLE_SIGNING, bytes_text(rows[i].payload),
                              rows[i].signature, key, &err),
                  &err);
        assert_int_equal(verdict_of(&facts, key), VERDICT_DENY);
    }
}

/* Good evidence shown for another image. */
static void replayed_under_another_image(void **state)
{
    struct public_key *CLEANUP(public_key_freep) key = load_key(VECTOR_KEY);
    const struct public_key *const keys[] = { key };
    const struct digest other = other_digest();
    struct buf CLEANUP(buf_clear) in_bundle = BUF_INIT(8192);
    struct err err = ERR_INIT;

    (void)state;
    vector_bundle(&in_bundle);
    for (int i = 0; i < 2; i++) {
        struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
        struct fact_set CLEANUP(fact_set_clear) facts;
        if (i == 0)
            set_of(&set, EVIDENCE_SIMPLE_SIGNING, BYTES_LIT(VECTOR_PAYLOAD),
                   VECTOR_PAYLOAD_SIGNATURE);
        else
            set_of(&set, EVIDENCE_BUNDLE, buf_bytes(&in_bundle), NULL);
        EXPECT_OK(evidence_check(&facts, &set, keys, 1, &other, &err), &err);
        assert_int_equal(facts.n, 0);
        assert_int_equal(facts.reasons.items[0].code, REASON_WRONG_SUBJECT);
        assert_int_equal(verdict_of(&facts, key), VERDICT_DENY);
    }
}

/* --- Attestations --- */

#define ATTESTATION                                                                                \
    "{\"_type\":\"" STATEMENT_V0_1 "\",\"subject\":[{\"name\":\"x\",\"digest\":{\"sha256\":"       \
    "\"" VECTOR_HEX "\"}}],\"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":{"   \
    "\"a\":[1,\"b\"]}}"

/* Whatever is still accepted is the very statement that was signed, and never a signature. */
static void same_or_nothing(enum evidence_form form, struct bytes mutant,
                            const struct public_key *key)
{
    struct fact_set CLEANUP(fact_set_clear) facts;
    struct err err = ERR_INIT;

    EXPECT_OK(check_piece(&facts, form, mutant, NULL, key, &err), &err);
    assert_int_equal(facts.n + facts.reasons.n, 1);
    if (facts.n == 0)
        return;
    assert_int_equal(facts.facts[0].kind, FACT_STATEMENT);
    assert_true(bytes_is(facts.facts[0].payload, ATTESTATION));
    assert_int_equal(verdict_of(&facts, key), VERDICT_DENY);
}

static void attestations(void **state)
{
    static const enum evidence_form forms[] = { EVIDENCE_ENVELOPE, EVIDENCE_BUNDLE };
    struct signer *CLEANUP(signer_freep) signer = load_signer(KEYS "p256-pkcs8.pem");

    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
        if (forms[f] == EVIDENCE_BUNDLE)
            make_bundle(&text, signer, BYTES_LIT(ATTESTATION));
        else
            make_envelope(&text, signer, BYTES_LIT(ATTESTATION));
        for (size_t i = 0; i < text.len; i++) {
            for (int bit = 0; bit < 8; bit++) {
                text.data[i] ^= (uint8_t)(1 << bit);
                same_or_nothing(forms[f], buf_bytes(&text), signer_key(signer));
                text.data[i] ^= (uint8_t)(1 << bit);
            }
            same_or_nothing(forms[f], bytes_part(buf_bytes(&text), 0, i), signer_key(signer));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legacy_payload),
        cmocka_unit_test(legacy_annotation),
        cmocka_unit_test(envelope),
        cmocka_unit_test(envelope_with_key_id),
        cmocka_unit_test(bundle),
        cmocka_unit_test(base64_spellings),
        cmocka_unit_test(swapped_signatures),
        cmocka_unit_test(vectors_swapped),
        cmocka_unit_test(replayed_under_another_image),
        cmocka_unit_test(attestations),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(spellings, spelling);
    return failed != 0;
}
