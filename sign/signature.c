#include "sign/signature.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "evidence/annotations.h"
#include "evidence/bundle.h"
#include "evidence/simple_signing.h"
#include "evidence/statement.h"

void signature_clear(struct signature *signature)
{
    buf_clear(&signature->payload);
    buf_clear(&signature->signature);
    buf_clear(&signature->base64);
    buf_clear(&signature->bundle);
}

static int make_legacy(struct signature *s, struct signer *signer, const struct digest *digest,
                       const struct claims *claims, struct err *err)
{
    if (simple_signing_write(&s->payload, bytes_text(claims->repository), digest,
                             claims->annotations, claims->n, err) != 0)
        return -1;
    return signer_sign(signer, buf_bytes(&s->payload), &s->signature, err);
}

int signature_statement(struct buf *out, struct signer *signer, struct dsse_payload *statement,
                        struct err *err)
{
    struct bytes message;

    if (dsse_message(&message, statement, BYTES_LIT(TYPE_IN_TOTO), err) != 0)
        return -1;
    return signer_sign(signer, message, out, err);
}

int signature_bundle(struct buf *out, const struct signer *signer, struct bytes statement,
                     struct bytes signature, struct err *err)
{
    struct buf CLEANUP(buf_clear) hint = BUF_INIT(64);

    public_key_hint(&hint, signer_key(signer));
    return bundle_write_envelope(out, buf_bytes(&hint), statement, signature, err);
}

static int make_bundle(struct signature *s, struct signer *signer, const struct digest *digest,
                       const struct claims *claims, struct err *err)
{
    struct dsse_payload CLEANUP(dsse_payload_clear) payload = DSSE_PAYLOAD_INIT(PAYLOAD_MAX);

    if (statement_write_signature(&s->payload, digest, claims->annotations, claims->n, err) != 0)
        return -1;
    dsse_payload_begin(&payload, 0);
    buf_add_bytes(&payload.room, buf_bytes(&s->payload));
    if (signature_statement(&s->signature, signer, &payload, err) != 0)
        return -1;
    return signature_bundle(&s->bundle, signer, buf_bytes(&s->payload), buf_bytes(&s->signature),
                            err);
}

int signature_make(struct signature *out, struct signer *signer, enum evidence_layout layout,
                   const struct digest *digest, const struct claims *claims, struct err *err)
{
    *out = (struct signature) {
        .payload = BUF_INIT(PAYLOAD_MAX),
        .signature = BUF_INIT(SIGNATURE_BYTES_MAX),
        .base64 = BUF_INIT(2 * SIGNATURE_BYTES_MAX),
        .bundle = BUF_INIT(BUNDLE_SIGNATURE_MAX),
    };
    int made = layout == LAYOUT_LEGACY ? make_legacy(out, signer, digest, claims, err)
                                       : make_bundle(out, signer, digest, claims, err);
    if (made != 0)
        return -1;
    base64_encode(&out->base64, buf_bytes(&out->signature), BASE64_STANDARD);
    return buf_check(&out->base64, "signature", err);
}

bool signature_known(const struct fact_set *facts, const struct signer *signer,
                     enum evidence_layout layout, const struct claims *claims)
{
    const struct bytes ours = { public_key_fingerprint(signer_key(signer)), KEY_FINGERPRINT_SIZE };

    for (size_t i = 0; i < facts->n; i++) {
        const struct fact *fact = &facts->facts[i];
        const struct bytes by = { fact->fingerprint, KEY_FINGERPRINT_SIZE };
        if (fact->kind != FACT_SIGNATURE || fact->layout != layout || !bytes_equal(by, ours))
            continue;
        /* a bundle's statement names no repository */
        if (layout == LAYOUT_LEGACY && strcmp(fact->repository, claims->repository) != 0)
            continue;
        if (annotations_equal(fact->annotations, fact->n_annotations, claims->annotations,
                              claims->n))
            return true;
    }
    return false;
}
