#ifndef BULLA_KEYS_SIGNER_H
#define BULLA_KEYS_SIGNER_H

#include "keys/key.h"

/** Something that signs: a key file today, KMS and PKCS#11 later. */
struct signer;

struct signer_ops {
    /** Append the signature over `message`. */
    int (*sign)(struct signer *s, struct bytes message, struct buf *signature, struct err *err);
    void (*free)(struct signer *s);
};

/** First member of each implementation. */
struct signer {
    const struct signer_ops *ops;
    struct public_key *key; /* the public half, owned */
};

/**
 * Sign, and verify with the public half before anything is returned. Appended to `signature`.
 * ECDSA: DER over SHA-256 whatever the curve, RSA: PKCS#1 v1.5 with SHA-256, Ed25519 pure: what
 * every cosign's `verify --key` accepts without further flags.
 */
int signer_sign(struct signer *s, struct bytes message, struct buf *signature,
                struct err *err) MUST_CHECK;
const struct public_key *signer_key(const struct signer *s);
void signer_free(struct signer *s);
void signer_freep(struct signer **s);

#endif
