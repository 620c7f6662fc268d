#include "evidence/bundle.h"

#include "base/text.h"

#define HINT_MAX 1024 /* a fingerprint is 44 characters; other signers use free text */

void bundle_clear(struct bundle *bundle)
{
    buf_clear(&bundle->hint);
    envelope_clear(&bundle->envelope);
    buf_clear(&bundle->signature);
    buf_clear(&bundle->message_digest);
}

static int version_check(struct json_view media_type, struct err *err)
{
    if (json_string_is(media_type, BYTES_LIT(TYPE_BUNDLE)) ||
        json_string_is(media_type,
                       BYTES_LIT("application/vnd.dev.sigstore.bundle+json;version=0.3")))
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "bundle: mediaType is not that of a v0.3 bundle");
}

static int base64_member(struct buf *out, struct json_view string, const char *what,
                         struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(string.raw.len);

    if (json_string(&text, string, what, err) != 0)
        return -1;
    if (base64_decode(out, buf_bytes(&text), BASE64_ANY, err) != 0)
        return err_wrap(err, "%s", what);
    return 0;
}

/* A oneof: exactly one of the three is set (bundle.proto "VerificationMaterial.content"). */
static int material_parse(struct bundle *out, struct json_view material, struct err *err)
{
    struct json_view key, chain, certificate, entries, timestamps, hint;
    const struct json_member members[] = {
        { "publicKey", &key, JSON_OBJECT, false },
        { "x509CertificateChain", &chain, JSON_OBJECT, false },
        { "certificate", &certificate, JSON_OBJECT, false },
        { "tlogEntries", &entries, JSON_ARRAY, false },
        { "timestampVerificationData", &timestamps, JSON_OBJECT, false },
    };
    const struct json_member key_members[] = { { "hint", &hint, JSON_STRING, false } };

    if (json_members(material, members, ARRAY_LEN(members), JSON_REST_REFUSED,
                     "verificationMaterial", err) != 0)
        return -1;
    int set =
        (key.kind == JSON_OBJECT) + (chain.kind == JSON_OBJECT) + (certificate.kind == JSON_OBJECT);
    if (set != 1)
        return err_set(err, ERR_MALFORMED,
                       "verificationMaterial: not exactly one of publicKey, certificate");
    out->log_entries = json_count(entries);
    out->material = key.kind == JSON_OBJECT ? BUNDLE_PUBLIC_KEY : BUNDLE_CERTIFICATE;
    if (out->material == BUNDLE_CERTIFICATE)
        return 0;
    if (json_members(key, key_members, ARRAY_LEN(key_members), JSON_REST_REFUSED, "publicKey",
                     err) != 0)
        return -1;
    return hint.kind == JSON_STRING ? json_string(&out->hint, hint, "hint", err) : 0;
}

static int digest_algorithm_parse(enum hash_alg *out, struct json_view name, struct err *err)
{
    static const struct {
        const char *name;
        enum hash_alg alg;
    } known[] = { { "SHA2_256", HASH_SHA256 },
                  { "SHA2_384", HASH_SHA384 },
                  { "SHA2_512", HASH_SHA512 } };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (json_string_is(name, bytes_text(known[i].name))) {
            *out = known[i].alg;
            return 0;
        }
    return err_set(err, ERR_UNSUPPORTED,
                   "messageDigest: algorithm is not SHA2_256, SHA2_384 or SHA2_512");
}

static int message_parse(struct bundle *out, struct json_view message, struct err *err)
{
    struct json_view digest, signature, algorithm, value;
    const struct json_member members[] = {
        { "messageDigest", &digest, JSON_OBJECT, true },
        { "signature", &signature, JSON_STRING, true },
    };
    const struct json_member digest_members[] = {
        { "algorithm", &algorithm, JSON_STRING, true },
        { "digest", &value, JSON_STRING, true },
    };

    if (json_members(message, members, ARRAY_LEN(members), JSON_REST_REFUSED, "messageSignature",
                     err) != 0 ||
        json_members(digest, digest_members, ARRAY_LEN(digest_members), JSON_REST_REFUSED,
                     "messageDigest", err) != 0 ||
        digest_algorithm_parse(&out->digest_algorithm, algorithm, err) != 0 ||
        base64_member(&out->message_digest, value, "digest", err) != 0 ||
        base64_member(&out->signature, signature, "signature", err) != 0)
        return -1;
    if (out->message_digest.len != hash_size(out->digest_algorithm))
        return err_set(err, ERR_MALFORMED, "messageDigest: wrong length for its algorithm");
    if (out->signature.len == 0)
        return err_set(err, ERR_MALFORMED, "signature: empty");
    return 0;
}

static int content_parse(struct bundle *out, struct json_view envelope, struct json_view message,
                         size_t max_payload, struct err *err)
{
    if ((envelope.kind == JSON_OBJECT) == (message.kind == JSON_OBJECT))
        return err_set(err, ERR_MALFORMED,
                       "bundle: not exactly one of dsseEnvelope, messageSignature");
    if (message.kind == JSON_OBJECT) {
        out->content = BUNDLE_MESSAGE;
        return message_parse(out, message, err);
    }
    out->content = BUNDLE_ENVELOPE;
    if (envelope_parse(&out->envelope, envelope, JSON_REST_REFUSED, max_payload, err) != 0)
        return -1;
    /* bundle.proto: "must contain only a single signature" */
    if (out->envelope.n_signatures != 1)
        return err_set(err, ERR_MALFORMED, "bundle: %zu signatures in the envelope, not 1",
                       out->envelope.n_signatures);
    return 0;
}

static int parse(struct bundle *out, struct bytes json, size_t max_payload, struct err *err)
{
    struct json_view root, media_type, material, envelope, message;
    const struct json_member members[] = {
        { "mediaType", &media_type, JSON_STRING, true },
        { "verificationMaterial", &material, JSON_OBJECT, true },
        { "dsseEnvelope", &envelope, JSON_OBJECT, false },
        { "messageSignature", &message, JSON_OBJECT, false },
    };

    if (json_scan(&root, json, err) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_REFUSED, "bundle", err) != 0 ||
        version_check(media_type, err) != 0 || material_parse(out, material, err) != 0)
        return -1;
    return content_parse(out, envelope, message, max_payload, err);
}

int bundle_parse(struct bundle *out, struct bytes json, size_t max_payload, struct err *err)
{
    *out = (struct bundle) {
        .hint = BUF_INIT(HINT_MAX),
        .signature = BUF_INIT(SIGNATURE_BYTES_MAX),
        .message_digest = BUF_INIT(HASH_MAX),
    };
    if (parse(out, json, max_payload, err) == 0)
        return 0;
    bundle_clear(out);
    return -1;
}

static void write_head(struct buf *out, struct bytes hint)
{
    buf_add_text(out, "{\"mediaType\":\"" TYPE_BUNDLE
                      "\",\"verificationMaterial\":{\"publicKey\":{\"hint\":");
    text_json(out, hint);
    buf_add_text(out, "}},");
}

int bundle_write_envelope(struct buf *out, struct bytes hint, struct bytes payload,
                          struct bytes signature, struct err *err)
{
    write_head(out, hint);
    buf_add_text(out, "\"dsseEnvelope\":");
    envelope_write(out, payload, signature);
    buf_add_char(out, '}');
    return buf_check(out, "bundle", err);
}

int bundle_write_message(struct buf *out, struct bytes hint, const uint8_t sha256[32],
                         struct bytes signature, struct err *err)
{
    write_head(out, hint);
    buf_add_text(
        out, "\"messageSignature\":{\"messageDigest\":{\"algorithm\":\"SHA2_256\",\"digest\":\"");
    base64_encode(out, (struct bytes) { sha256, 32 }, BASE64_STANDARD);
    buf_add_text(out, "\"},\"signature\":\"");
    base64_encode(out, signature, BASE64_STANDARD);
    buf_add_text(out, "\"}}");
    return buf_check(out, "bundle", err);
}
