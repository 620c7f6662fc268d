#ifndef BULLA_KEYS_KEY_IMPL_H
#define BULLA_KEYS_KEY_IMPL_H

#include "keys/crypto.h"
#include "keys/key.h"

/* Inside of keys/ only. */

#define ED25519_KEY_SIZE 32
#define ED25519_SIGNATURE_SIZE 64

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX                                                                               \
    8192 /* one verification costs 0.4 ms; larger ones are an attack on the CPU                    \
          */

struct public_key {
    enum key_kind kind;
    int bits;
    EVP_PKEY *pkey;                    /* NULL for Ed25519, which libsodium verifies */
    uint8_t ed25519[ED25519_KEY_SIZE]; /* for Ed25519 only */
    uint8_t fingerprint[KEY_FINGERPRINT_SIZE];
    size_t der_len;
    uint8_t der[]; /* SubjectPublicKeyInfo */
};

#endif
