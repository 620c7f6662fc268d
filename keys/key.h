#ifndef BULLA_KEYS_KEY_H
#define BULLA_KEYS_KEY_H

#include "base/bytes.h"
#include "base/hash.h"

enum key_kind { KEY_ECDSA_P256, KEY_ECDSA_P384, KEY_ECDSA_P521, KEY_ED25519, KEY_RSA };

/** How a signature was made. Chosen by the key, never by the message. */
enum signature_scheme {
    SCHEME_NONE = 0,
    SCHEME_ECDSA_SHA256,
    SCHEME_ECDSA_SHA384,
    SCHEME_ECDSA_SHA512,
    SCHEME_ED25519,
    SCHEME_ED25519PH,
    SCHEME_RSA_PKCS1_SHA256,
    SCHEME_RSA_PKCS1_SHA384,
    SCHEME_RSA_PKCS1_SHA512,
    SCHEME_RSA_PSS_SHA256,
    SCHEME_RSA_PSS_SHA384,
    SCHEME_RSA_PSS_SHA512
};
const char *scheme_name(enum signature_scheme scheme);

#define KEY_FINGERPRINT_SIZE 32 /* SHA-256 of the SubjectPublicKeyInfo DER */

/** A public key. Immutable; any number of threads may verify with it. */
struct public_key;

/**
 * Parse PEM: exactly one block `PUBLIC KEY` (SubjectPublicKeyInfo) or `RSA PUBLIC KEY` (PKCS#1),
 * white space around it. -1 with ERR_CONFIG (not PEM, trailing data in the DER, a private key, a
 * certificate: each said in its words), ERR_UNSUPPORTED (kind, curve, RSA under 2048 bits or over
 * 8192), ERR_NOMEM.
 */
int public_key_parse(struct public_key **out, struct bytes pem, struct err *err) MUST_CHECK;
int public_key_parse_der(struct public_key **out, struct bytes spki, struct err *err) MUST_CHECK;

/** From "path", "-" (standard input), "env://NAME"; a key file with a private key is told apart in
 * the message. */
int public_key_load(struct public_key **out, const char *source, struct err *err) MUST_CHECK;

int public_key_copy(struct public_key **out, const struct public_key *in,
                    struct err *err) MUST_CHECK;
void public_key_free(struct public_key *key);
void public_key_freep(struct public_key **key);

enum key_kind public_key_kind(const struct public_key *key);
int public_key_bits(const struct public_key *key);
const char *public_key_algorithm(
    const struct public_key *key); /* "ecdsa-p256" "ecdsa-p384" "ecdsa-p521" "ed25519"
                                      "rsa-2048" "rsa-3072" "rsa-4096" or "rsa" */
struct bytes public_key_der(const struct public_key *key); /* SubjectPublicKeyInfo, borrowed */
const uint8_t *
public_key_fingerprint(const struct public_key *key); /* KEY_FINGERPRINT_SIZE bytes */
void public_key_hint(
    struct buf *out,
    const struct public_key *key); /* base64 of the fingerprint: the bundle's hint */
void public_key_pem(struct buf *out, const struct public_key *key);

/**
 * Is `signature` one over `message` by this key?
 *
 * Tried in order (sigstore.md 1.5): ECDSA with the curve's hash, then SHA-256 (DER; fixed-width
 * r||s when it is not DER); Ed25519 pure, then Ed25519ph with empty context; RSA PKCS#1 v1.5 with
 * SHA-256, SHA-384, SHA-512, then PSS with salt length = hash length, same hashes.
 *
 * @param scheme  which one matched; SCHEME_NONE on failure. May be NULL.
 * @return 0: it is. -1 with ERR_INVALID: it is not. ERR_CRYPTO or ERR_NOMEM: could not be decided.
 */
int public_key_verify(const struct public_key *key, struct bytes message, struct bytes signature,
                      enum signature_scheme *scheme, struct err *err) MUST_CHECK;

#endif
