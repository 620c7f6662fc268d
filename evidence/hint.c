#include "evidence/hint.h"

#include <string.h>

#include "base/json_pointer.h"
#include "base/text.h"
#include "evidence/annotations.h"
#include "evidence/dsse.h"
#include "evidence/simple_signing.h"
#include "evidence/statement.h"

#define TEXT_MAX 1024 /* of a hint: fingerprints have 44 characters, type URIs some more */

/* Text from outside, or NULL where it is not a string that can be a hint. */
static int hinted_text(const char **out, struct json_view string, struct arena *arena,
                       struct err *err)
{
    *out = NULL;
    if (string.kind != JSON_STRING || string.raw.len <= 2 || string.raw.len > TEXT_MAX)
        return 0;
    return json_arena_text(out, string, "hint", arena, err);
}

/* A large payload is decoded once, looked into, and let go. */
static int payload_decode(struct buf *out, struct json_view payload, struct err *err)
{
    struct buf CLEANUP(buf_clear) unescaped = BUF_INIT(payload.raw.len);
    struct bytes text;

    if (!json_string_raw(payload, &text)) {
        if (json_string(&unescaped, payload, "payload", err) != 0)
            return -1;
        text = buf_bytes(&unescaped);
    }
    return base64_decode(out, text, BASE64_ANY, err);
}

/* A DSSE envelope holds what its statement says; one with anything else in it is not known here. */
static int hint_envelope(struct evidence_hint *out, struct json_view envelope, struct arena *arena,
                         struct err *err)
{
    const struct json_view payload = json_at(envelope, "/payload");
    struct buf CLEANUP(buf_clear) content = BUF_INIT(payload.raw.len);
    struct json_view root;
    struct err why = ERR_INIT;

    if (payload.kind != JSON_STRING ||
        !json_string_is(json_at(envelope, "/payloadType"), BYTES_LIT(TYPE_IN_TOTO)))
        return 0;
    if (payload_decode(&content, payload, &why) != 0 ||
        json_scan(&root, buf_bytes(&content), &why) != 0) {
        if (why.code != ERR_NOMEM)
            return 0;
        *err = why;
        return -1;
    }
    if (hinted_text(&out->predicate_type, json_at(root, "/predicateType"), arena, err) != 0)
        return -1;
    if (out->predicate_type == NULL)
        return 0;
    out->kind = strcmp(out->predicate_type, PREDICATE_COSIGN_SIGN) == 0 ? HINTED_SIGNATURE
                                                                        : HINTED_STATEMENT;
    return 0;
}

/* sigstore.md 3.2: a chain stands where older bundles have more than the certificate */
static int hint_bundle(struct evidence_hint *out, struct json_view root, struct arena *arena,
                       struct err *err)
{
    const struct json_view envelope = json_at(root, "/dsseEnvelope");
    const struct json_view hint = json_at(root, "/verificationMaterial/publicKey/hint");

    if (json_at(root, "/verificationMaterial/certificate").kind == JSON_OBJECT ||
        json_at(root, "/verificationMaterial/x509CertificateChain").kind == JSON_OBJECT)
        out->signer = HINTED_CERTIFICATE;
    else if (hinted_text(&out->key, hint, arena, err) != 0)
        return -1;
    if (out->key != NULL)
        out->signer = HINTED_KEY;
    if (json_at(root, "/messageSignature").kind == JSON_OBJECT)
        out->kind = HINTED_MESSAGE;
    return envelope.kind == JSON_OBJECT ? hint_envelope(out, envelope, arena, err) : 0;
}

/* A layer's signer stands in its annotations: a certificate (sigstore.md 2.5), or nothing. */
static int hint_layer(struct evidence_hint *out, const struct evidence *piece, struct arena *arena,
                      struct err *err)
{
    const char *certificate;

    if (annotation_get(&certificate, piece->annotations, ANNOTATION_CERTIFICATE, arena, err) != 0)
        return -1;
    if (certificate != NULL && certificate[0] != '\0')
        out->signer = HINTED_CERTIFICATE;
    return 0;
}

int evidence_hint(struct evidence_hint *out, const struct evidence *piece, struct arena *arena,
                  struct err *err)
{
    struct json_view root;
    struct err why = ERR_INIT;

    *out = (struct evidence_hint) { .kind = HINTED_UNKNOWN };
    if (hint_layer(out, piece, arena, err) != 0)
        return -1;
    if (piece->form == EVIDENCE_SIMPLE_SIGNING) {
        out->kind = HINTED_SIGNATURE;
        return 0;
    }
    if (json_scan(&root, buf_bytes(&piece->content), &why) != 0) {
        if (why.code != ERR_NOMEM)
            return 0;
        *err = why;
        return -1;
    }
    return piece->form == EVIDENCE_BUNDLE ? hint_bundle(out, root, arena, err)
                                          : hint_envelope(out, root, arena, err);
}
