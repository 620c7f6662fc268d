#ifndef BULLA_KEYS_KEY_BOX_H
#define BULLA_KEYS_KEY_BOX_H

#include "base/secret.h"

/*
 * cosign's box around a private key (sigstore.md 1.1): PEM, in it JSON, in it a nacl/secretbox
 * whose key scrypt derives from a password.
 */

#define KEY_BOX_NONCE_SIZE 24

struct key_box {
    uint64_t cost; /* scrypt's N; r and p are 8 and 1 */
    struct buf salt;
    uint8_t nonce[KEY_BOX_NONCE_SIZE];
    struct buf ciphertext;
};

void key_box_clear(struct key_box *box);

/** Is the first PEM block of `text` such a box? */
bool key_box_is(struct bytes text);

/** Read the first PEM block of `text`. No cryptography. `out` is initialised here and cleared with
 * key_box_clear(). -1 with ERR_CONFIG (another kind of block, each said in its words; damaged;
 * costs other than the three that are used), ERR_NOMEM. */
int key_box_parse(struct key_box *out, struct bytes text, struct err *err) MUST_CHECK;

/** Decrypt: the PKCS#8 DER. -1 with ERR_CONFIG (wrong password or damaged, which cannot be told
 * apart), ERR_NOMEM. */
int key_box_open(struct secret **pkcs8, const struct key_box *box, const struct secret *password,
                 struct err *err) MUST_CHECK;

/** Encrypt with a new salt and nonce; the PEM file is appended to `pem`. -1 with ERR_NOMEM,
 * ERR_LIMIT. */
int key_box_seal(struct buf *pem, struct bytes pkcs8, const struct secret *password,
                 struct err *err) MUST_CHECK;

#endif
