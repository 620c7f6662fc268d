#ifndef BULLA_KEYS_PRIVATE_KEY_H
#define BULLA_KEYS_PRIVATE_KEY_H

#include "base/secret.h"
#include "keys/crypto.h"
#include "keys/signer.h"

/* Private keys in memory. Inside of keys/ only. */

/** Read unencrypted PKCS#8 DER, the whole of it. -1 with ERR_CONFIG, ERR_NOMEM. */
int private_key_parse(EVP_PKEY **out, struct bytes pkcs8, struct err *err) MUST_CHECK;

/** As unencrypted PKCS#8 DER. */
int private_key_der(struct secret **pkcs8, EVP_PKEY *key, struct err *err) MUST_CHECK;

/** The public half. -1 with ERR_UNSUPPORTED for kinds and sizes that public_key_parse() refuses. */
int private_key_public(struct public_key **out, EVP_PKEY *key, struct err *err) MUST_CHECK;

/** A signer over `*key`, which moves into it on success. */
int private_key_signer(struct signer **out, EVP_PKEY **key, struct err *err) MUST_CHECK;

/** Encrypt a key into a new key file, after it has proved that its halves belong together. Both
 * buffers are appended to. */
int private_key_seal(struct buf *pem, struct buf *public_pem, EVP_PKEY *key,
                     const struct secret *password, struct err *err) MUST_CHECK;

#endif
