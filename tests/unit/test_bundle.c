#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/evidence.h"

#define OTHER_SPELLING "application/vnd.dev.sigstore.bundle+json;version=0.3"
#define ENVELOPE "{\"payload\":\"YQ==\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"c2ln\"}]}"
#define KEY "{\"publicKey\":{\"hint\":\"h\"}}"
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" /* 32 bytes */
#define MESSAGE_OF(alg, digest, sig)                                                               \
    "{\"messageDigest\":{\"algorithm\":\"" alg "\",\"digest\":\"" digest                           \
    "\"},\"signature\":\"" sig "\"}"
#define MESSAGE MESSAGE_OF("SHA2_256", ZEROS, "c2ln")
#define B(type, material, content)                                                                 \
    "{\"mediaType\":\"" type "\",\"verificationMaterial\":" material "," content "}"
#define DSSE(envelope) B(TYPE_BUNDLE, KEY, "\"dsseEnvelope\":" envelope)
#define SIGNED(message) B(TYPE_BUNDLE, KEY, "\"messageSignature\":" message)
#define MATERIAL(text) B(TYPE_BUNDLE, text, "\"dsseEnvelope\":" ENVELOPE)

static const struct accept_row {
    const char *name;
    const char *text;
    enum bundle_content content;
    enum bundle_material material;
    const char *hint;
    size_t log_entries;
} accepted[] = {
    { "v0.3", DSSE(ENVELOPE), BUNDLE_ENVELOPE, BUNDLE_PUBLIC_KEY, "h", 0 },
    { "v0.3 in the older spelling", B(OTHER_SPELLING, KEY, "\"dsseEnvelope\":" ENVELOPE),
      BUNDLE_ENVELOPE, BUNDLE_PUBLIC_KEY, "h", 0 },
    { "message", SIGNED(MESSAGE), BUNDLE_MESSAGE, BUNDLE_PUBLIC_KEY, "h", 0 },
    { "no hint", MATERIAL("{\"publicKey\":{}}"), BUNDLE_ENVELOPE, BUNDLE_PUBLIC_KEY, "", 0 },
    { "hint null", MATERIAL("{\"publicKey\":{\"hint\":null}}"), BUNDLE_ENVELOPE, BUNDLE_PUBLIC_KEY,
      "", 0 },
    { "certificate", MATERIAL("{\"certificate\":{\"rawBytes\":\"\"}}"), BUNDLE_ENVELOPE,
      BUNDLE_CERTIFICATE, "", 0 },
    { "certificate chain", MATERIAL("{\"x509CertificateChain\":{\"certificates\":[]}}"),
      BUNDLE_ENVELOPE, BUNDLE_CERTIFICATE, "", 0 },
    { "null beside the one that is set",
      MATERIAL("{\"certificate\":null,\"publicKey\":{\"hint\":\"h\"}}"), BUNDLE_ENVELOPE,
      BUNDLE_PUBLIC_KEY, "h", 0 },
    { "null content beside the one that is set",
      B(TYPE_BUNDLE, KEY, "\"messageSignature\":null,\"dsseEnvelope\":" ENVELOPE), BUNDLE_ENVELOPE,
      BUNDLE_PUBLIC_KEY, "h", 0 },
    { "log entries are counted",
      MATERIAL("{\"publicKey\":{\"hint\":\"h\"},\"tlogEntries\":[{},{},{}]}"), BUNDLE_ENVELOPE,
      BUNDLE_PUBLIC_KEY, "h", 3 },
    { "timestamps are passed over",
      MATERIAL("{\"publicKey\":{\"hint\":\"h\"},\"tlogEntries\":[],\"timestampVerificationData\":"
               "{\"rfc3161Timestamps\":[{}]}}"),
      BUNDLE_ENVELOPE, BUNDLE_PUBLIC_KEY, "h", 0 },
    { "any order and white space",
      "\n{ \"dsseEnvelope\" : " ENVELOPE " , \"verificationMaterial\": " KEY
      ",\"mediaType\":\"" TYPE_BUNDLE "\" }\n",
      BUNDLE_ENVELOPE, BUNDLE_PUBLIC_KEY, "h", 0 },
};

static void accepts(void **state)
{
    const struct accept_row *row = *state;
    struct bundle CLEANUP(bundle_clear) bundle;
    struct err err = ERR_INIT;

    EXPECT_OK(bundle_parse(&bundle, bytes_text(row->text), 1024, &err), &err);
    assert_int_equal(bundle.content, row->content);
    assert_int_equal(bundle.material, row->material);
    assert_int_equal(bundle.log_entries, row->log_entries);
    EXPECT_BUF(&bundle.hint, row->hint);
    if (row->content == BUNDLE_ENVELOPE) {
        assert_true(bytes_is(dsse_payload_bytes(&bundle.envelope.payload), "a"));
        assert_int_equal(bundle.envelope.n_signatures, 1);
    } else {
        EXPECT_BUF(&bundle.signature, "sig");
        assert_int_equal(bundle.digest_algorithm, HASH_SHA256);
        assert_int_equal(bundle.message_digest.len, 32);
    }
}

static const struct refuse_row {
    const char *name;
    const char *text;
    enum err_code code;
    const char *word;
} refused[] = {
    { "empty", "", ERR_MALFORMED, "" },
    { "not an object", "[]", ERR_MALFORMED, "not an object" },
    { "empty object", "{}", ERR_MALFORMED, "missing" },
    { "trailing byte", DSSE(ENVELOPE) "{", ERR_MALFORMED, "" },
    { "v0.1",
      B("application/vnd.dev.sigstore.bundle+json;version=0.1", KEY, "\"dsseEnvelope\":" ENVELOPE),
      ERR_UNSUPPORTED, "v0.3" },
    { "v0.2",
      B("application/vnd.dev.sigstore.bundle+json;version=0.2", KEY, "\"dsseEnvelope\":" ENVELOPE),
      ERR_UNSUPPORTED, "v0.3" },
    { "v0.4", B("application/vnd.dev.sigstore.bundle.v0.4+json", KEY, "\"dsseEnvelope\":" ENVELOPE),
      ERR_UNSUPPORTED, "v0.3" },
    { "v0.3 one long", B(TYPE_BUNDLE " ", KEY, "\"dsseEnvelope\":" ENVELOPE), ERR_UNSUPPORTED,
      "v0.3" },
    { "v0.3 one short",
      B("application/vnd.dev.sigstore.bundle.v0.3+jso", KEY, "\"dsseEnvelope\":" ENVELOPE),
      ERR_UNSUPPORTED, "v0.3" },
    { "v0.3 in another case",
      B("application/vnd.dev.sigstore.Bundle.v0.3+json", KEY, "\"dsseEnvelope\":" ENVELOPE),
      ERR_UNSUPPORTED, "v0.3" },
    { "type empty", B("", KEY, "\"dsseEnvelope\":" ENVELOPE), ERR_UNSUPPORTED, "v0.3" },
    { "no type", "{\"verificationMaterial\":" KEY ",\"dsseEnvelope\":" ENVELOPE "}", ERR_MALFORMED,
      "mediaType: missing" },
    { "no material", "{\"mediaType\":\"" TYPE_BUNDLE "\",\"dsseEnvelope\":" ENVELOPE "}",
      ERR_MALFORMED, "verificationMaterial: missing" },
    { "material null", MATERIAL("null"), ERR_MALFORMED, "verificationMaterial" },
    { "material empty", MATERIAL("{}"), ERR_MALFORMED, "exactly one" },
    { "key and certificate", MATERIAL("{\"publicKey\":{},\"certificate\":{}}"), ERR_MALFORMED,
      "exactly one" },
    { "key and chain", MATERIAL("{\"publicKey\":{},\"x509CertificateChain\":{}}"), ERR_MALFORMED,
      "exactly one" },
    { "chain and certificate", MATERIAL("{\"certificate\":{},\"x509CertificateChain\":{}}"),
      ERR_MALFORMED, "exactly one" },
    { "all null", MATERIAL("{\"publicKey\":null,\"certificate\":null}"), ERR_MALFORMED,
      "exactly one" },
    { "key a string", MATERIAL("{\"publicKey\":\"h\"}"), ERR_MALFORMED, "publicKey" },
    { "unknown material", MATERIAL("{\"publicKey\":{},\"x\":1}"), ERR_MALFORMED, "unknown member" },
    { "unknown member of the key", MATERIAL("{\"publicKey\":{\"rawBytes\":\"\"}}"), ERR_MALFORMED,
      "unknown member" },
    { "hint a number", MATERIAL("{\"publicKey\":{\"hint\":1}}"), ERR_MALFORMED, "hint" },
    { "log entries an object", MATERIAL("{\"publicKey\":{},\"tlogEntries\":{}}"), ERR_MALFORMED,
      "tlogEntries" },
    { "snake case material",
      "{\"mediaType\":\"" TYPE_BUNDLE "\",\"verification_material\":" KEY
      ",\"dsseEnvelope\":" ENVELOPE "}",
      ERR_MALFORMED, "unknown member" },
    { "snake case envelope", B(TYPE_BUNDLE, KEY, "\"dsse_envelope\":" ENVELOPE), ERR_MALFORMED,
      "unknown member" },
    { "snake case key", MATERIAL("{\"public_key\":{\"hint\":\"h\"}}"), ERR_MALFORMED,
      "unknown member" },
    { "other case", B(TYPE_BUNDLE, KEY, "\"DsseEnvelope\":" ENVELOPE), ERR_MALFORMED,
      "another case" },
    { "neither content", "{\"mediaType\":\"" TYPE_BUNDLE "\",\"verificationMaterial\":" KEY "}",
      ERR_MALFORMED, "exactly one" },
    { "both contents",
      B(TYPE_BUNDLE, KEY, "\"dsseEnvelope\":" ENVELOPE ",\"messageSignature\":" MESSAGE),
      ERR_MALFORMED, "exactly one" },
    { "both null", B(TYPE_BUNDLE, KEY, "\"dsseEnvelope\":null,\"messageSignature\":null"),
      ERR_MALFORMED, "exactly one" },
    { "envelope a string", DSSE("\"\""), ERR_MALFORMED, "dsseEnvelope" },
    { "unknown member", B(TYPE_BUNDLE, KEY, "\"x\":1,\"dsseEnvelope\":" ENVELOPE), ERR_MALFORMED,
      "unknown member" },
    { "duplicate member",
      B(TYPE_BUNDLE, KEY, "\"dsseEnvelope\":" ENVELOPE ",\"dsseEnvelope\":" ENVELOPE),
      ERR_MALFORMED, "duplicate" },
    { "two signatures",
      DSSE("{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"c2ln\"},{\"sig\":"
           "\"c2ln\"}]}"),
      ERR_MALFORMED, "2 signatures" },
    { "no signature", DSSE("{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}"),
      ERR_MALFORMED, "no signatures" },
    { "unknown member of the envelope",
      DSSE("{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"c2ln\"}],\"x\":1}"),
      ERR_MALFORMED, "unknown member" },
    { "unknown member of the signature",
      DSSE("{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"c2ln\",\"x\":1}]}"),
      ERR_MALFORMED, "unknown member" },
    { "message algorithm unknown", SIGNED(MESSAGE_OF("SHA3_256", ZEROS, "c2ln")), ERR_UNSUPPORTED,
      "algorithm" },
    { "message algorithm unspecified",
      SIGNED(MESSAGE_OF("HASH_ALGORITHM_UNSPECIFIED", ZEROS, "c2ln")), ERR_UNSUPPORTED,
      "algorithm" },
    { "message digest of another length", SIGNED(MESSAGE_OF("SHA2_512", ZEROS, "c2ln")),
      ERR_MALFORMED, "length" },
    { "message digest empty", SIGNED(MESSAGE_OF("SHA2_256", "", "c2ln")), ERR_MALFORMED, "length" },
    { "message digest not base64", SIGNED(MESSAGE_OF("SHA2_256", "*", "c2ln")), ERR_MALFORMED,
      "digest" },
    { "message without signature",
      SIGNED("{\"messageDigest\":{\"algorithm\":\"SHA2_256\",\"digest\":\"" ZEROS "\"}}"),
      ERR_MALFORMED, "signature: missing" },
    { "message signature empty", SIGNED(MESSAGE_OF("SHA2_256", ZEROS, "")), ERR_MALFORMED,
      "empty" },
    { "message without digest", SIGNED("{\"signature\":\"c2ln\"}"), ERR_MALFORMED,
      "messageDigest: missing" },
};

static void refuses(void **state)
{
    const struct refuse_row *row = *state;
    struct bundle bundle;
    struct err err = ERR_INIT;

    EXPECT_ERR(bundle_parse(&bundle, bytes_text(row->text), 1024, &err), &err, row->code,
               row->word);
    assert_null(bundle.hint.data);
    assert_null(bundle.envelope.payload.room.data);
    assert_int_equal(bundle.envelope.n_signatures, 0);
    assert_null(bundle.signature.data);
    assert_null(bundle.message_digest.data);
}

static void payload_is_bounded(void **state)
{
    struct bundle CLEANUP(bundle_clear) bundle;
    struct bundle refused_one;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(bundle_parse(&bundle, BYTES_LIT(DSSE(ENVELOPE)), 1, &err), &err);
    EXPECT_ERR(bundle_parse(&refused_one, BYTES_LIT(DSSE(ENVELOPE)), 0, &err), &err, ERR_LIMIT,
               "payload");
}

static void hint_is_bounded(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    for (int n = 1024; n <= 1025; n++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
        struct bundle CLEANUP(bundle_clear) bundle;
        buf_addf(&text,
                 "{\"mediaType\":\"" TYPE_BUNDLE
                 "\",\"verificationMaterial\":{\"publicKey\":{\"hint\":\"%0*d\"}},"
                 "\"dsseEnvelope\":" ENVELOPE "}",
                 n, 0);
        int r = bundle_parse(&bundle, buf_bytes(&text), 1024, &err);
        if (n == 1024)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "hint");
    }
}

static void written_envelope(void **state)
{
    struct buf CLEANUP(buf_clear) out = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) small = BUF_INIT(64);
    struct bundle CLEANUP(bundle_clear) bundle;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(bundle_write_envelope(&out, BYTES_LIT("h\""), BYTES_LIT("a"), BYTES_LIT("sig"), &err),
              &err);
    EXPECT_BUF(&out, "{\"mediaType\":\"" TYPE_BUNDLE
                     "\",\"verificationMaterial\":{\"publicKey\":{\"hint\":\"h\\\"\"}},"
                     "\"dsseEnvelope\":{\"payload\":\"YQ==\",\"payloadType\":\"" TYPE_IN_TOTO
                     "\",\"signatures\":[{\"sig\":\"c2ln\"}]}}");
    EXPECT_OK(bundle_parse(&bundle, buf_bytes(&out), 1024, &err), &err);
    EXPECT_BUF(&bundle.hint, "h\"");
    EXPECT_ERR(
        bundle_write_envelope(&small, BYTES_LIT("h"), BYTES_LIT("a"), BYTES_LIT("sig"), &err), &err,
        ERR_LIMIT, "bundle");
}

static void written_message(void **state)
{
    const uint8_t zeros[32] = { 0 };
    struct buf CLEANUP(buf_clear) out = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) small = BUF_INIT(64);
    struct bundle CLEANUP(bundle_clear) bundle;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(bundle_write_message(&out, BYTES_LIT("h"), zeros, BYTES_LIT("sig"), &err), &err);
    EXPECT_BUF(&out, SIGNED(MESSAGE));
    EXPECT_OK(bundle_parse(&bundle, buf_bytes(&out), 1024, &err), &err);
    assert_int_equal(bundle.content, BUNDLE_MESSAGE);
    EXPECT_ERR(bundle_write_message(&small, BYTES_LIT("h"), zeros, BYTES_LIT("sig"), &err), &err,
               ERR_LIMIT, "bundle");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_is_bounded),
        cmocka_unit_test(hint_is_bounded),
        cmocka_unit_test(written_envelope),
        cmocka_unit_test(written_message),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(accepted, accepts);
    failed += RUN_ROWS(refused, refuses);
    return failed != 0;
}
