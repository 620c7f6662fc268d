#ifndef BULLA_SIGN_SIGNATURE_H
#define BULLA_SIGN_SIGNATURE_H

#include "evidence/dsse.h"
#include "evidence/fact.h"
#include "keys/signer.h"

/** What is claimed beside the digest. */
struct claims {
    const char *repository; /* docker-reference of the legacy payload */
    const struct annotation *annotations;
    size_t n;
};

/** A signature, made and verified, in one layout. */
struct signature {
    struct buf payload;   /* simple signing payload, or statement */
    struct buf signature; /* raw */
    struct buf base64;    /* of the signature */
    struct buf bundle;    /* LAYOUT_BUNDLE: the whole bundle */
};

void signature_clear(struct signature *signature);

/** Sign a digest. Nothing leaves that the public half does not verify. */
int signature_make(struct signature *out, struct signer *signer, enum evidence_layout layout,
                   const struct digest *digest, const struct claims *claims,
                   struct err *err) MUST_CHECK;

/** Sign an in-toto statement as the payload of a DSSE envelope. The raw signature, appended. */
int signature_statement(struct buf *out, struct signer *signer, struct dsse_payload *statement,
                        struct err *err) MUST_CHECK;

/** The bundle around a statement that `signer` has signed. Appended. */
int signature_bundle(struct buf *out, const struct signer *signer, struct bytes statement,
                     struct bytes signature, struct err *err) MUST_CHECK;

/** Has this signer already said just this? Then signing again adds nothing. */
bool signature_known(const struct fact_set *facts, const struct signer *signer,
                     enum evidence_layout layout, const struct claims *claims);

#endif
