/* Signature primitives: is this a signature over this message by this key? */
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

#include "base/limits.h"
#include "keys/der.h"
#include "keys/key_impl.h"

#define FIELD_MAX 66                       /* P-521 */
#define ECDSA_DER_MAX (2 * FIELD_MAX + 16) /* two INTEGERs with sign bytes and headers */

/* One way in which a signature can have been made. */
struct attempt {
    enum signature_scheme scheme;
    enum hash_alg hash;
};

/* The curve's own hash, then SHA-256, which signers of old used whatever the curve. */
static const struct attempt p256_attempts[] = { { SCHEME_ECDSA_SHA256, HASH_SHA256 } };
static const struct attempt p384_attempts[] = { { SCHEME_ECDSA_SHA384, HASH_SHA384 },
                                                { SCHEME_ECDSA_SHA256, HASH_SHA256 } };
static const struct attempt p521_attempts[] = { { SCHEME_ECDSA_SHA512, HASH_SHA512 },
                                                { SCHEME_ECDSA_SHA256, HASH_SHA256 } };
static const struct attempt pss_attempts[] = { { SCHEME_RSA_PSS_SHA256, HASH_SHA256 },
                                               { SCHEME_RSA_PSS_SHA384, HASH_SHA384 },
                                               { SCHEME_RSA_PSS_SHA512, HASH_SHA512 } };

static const struct {
    const struct attempt *attempts;
    size_t n;
} ways[] = {
    [KEY_ECDSA_P256] = { p256_attempts, ARRAY_LEN(p256_attempts) },
    [KEY_ECDSA_P384] = { p384_attempts, ARRAY_LEN(p384_attempts) },
    [KEY_ECDSA_P521] = { p521_attempts, ARRAY_LEN(p521_attempts) },
    [KEY_ED25519] = { NULL, 0 },
    [KEY_RSA] = { pss_attempts, ARRAY_LEN(pss_attempts) }, /* PKCS#1 v1.5 goes before */
};

/* RFC 8017 9.2, note 1: what stands before the hash in a DigestInfo. */
#define DIGEST_INFO_SIZE 19
static const struct {
    enum signature_scheme scheme;
    enum hash_alg hash;
    const char *prefix;
} digest_infos[] = {
    { SCHEME_RSA_PKCS1_SHA256, HASH_SHA256,
      "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20" },
    { SCHEME_RSA_PKCS1_SHA384, HASH_SHA384,
      "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30" },
    { SCHEME_RSA_PKCS1_SHA512, HASH_SHA512,
      "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40" },
};

const char *scheme_name(enum signature_scheme scheme)
{
    static const char *const names[] = {
        [SCHEME_NONE] = "none",
        [SCHEME_ECDSA_SHA256] = "ecdsa-sha256",
        [SCHEME_ECDSA_SHA384] = "ecdsa-sha384",
        [SCHEME_ECDSA_SHA512] = "ecdsa-sha512",
        [SCHEME_ED25519] = "ed25519",
        [SCHEME_ED25519PH] = "ed25519ph",
        [SCHEME_RSA_PKCS1_SHA256] = "rsa-pkcs1-sha256",
        [SCHEME_RSA_PKCS1_SHA384] = "rsa-pkcs1-sha384",
        [SCHEME_RSA_PKCS1_SHA512] = "rsa-pkcs1-sha512",
        [SCHEME_RSA_PSS_SHA256] = "rsa-pss-sha256",
        [SCHEME_RSA_PSS_SHA384] = "rsa-pss-sha384",
        [SCHEME_RSA_PSS_SHA512] = "rsa-pss-sha512",
    };

    return (size_t)scheme < ARRAY_LEN(names) ? names[scheme] : "none";
}

static const EVP_MD *evp_md(enum hash_alg alg)
{
    switch (alg) {
    case HASH_SHA256:
        return EVP_sha256();
    case HASH_SHA384:
        return EVP_sha384();
    case HASH_SHA512:
        return EVP_sha512();
    }
    return NULL;
}

static int no_match(struct err *err)
{
    return err_set(err, ERR_INVALID, "the signature does not match the message and this key");
}

/* 1 when the context stands ready; for ECDSA the digest alone decides. */
static int prepare(EVP_PKEY_CTX *ctx, const struct attempt *how)
{
    if (EVP_PKEY_verify_init(ctx) != 1)
        return 0;
    if (how->scheme < SCHEME_RSA_PSS_SHA256)
        return 1;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(ctx, evp_md(how->hash)) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* 1 valid, 0 not, -1 with `err` set. */
static int attempt(const struct public_key *key, const struct attempt *how, const uint8_t *digest,
                   struct bytes signature, struct err *err)
{
    EVP_PKEY_CTX *CLEANUP(crypto_pkey_ctx_freep) ctx =
        EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);

    if (ctx == NULL || prepare(ctx, how) != 1)
        return crypto_fail(err, ERR_CRYPTO, "verifying");
    return crypto_answer(
        EVP_PKEY_verify(ctx, signature.data, signature.len, digest, hash_size(how->hash)), err);
}

/* Every way in turn; a digest is computed once and only when it is needed. */
static int try_all(enum signature_scheme *scheme, const struct public_key *key,
                   struct bytes message, struct bytes signature, struct err *err)
{
    uint8_t digest[HASH_SHA512 + 1][HASH_MAX];
    bool hashed[HASH_SHA512 + 1] = { false };

    for (size_t i = 0; i < ways[key->kind].n; i++) {
        const struct attempt *how = &ways[key->kind].attempts[i];
        if (!hashed[how->hash] && hash_bytes(digest[how->hash], how->hash, message, err) != 0)
            return -1;
        hashed[how->hash] = true;
        int answer = attempt(key, how, digest[how->hash], signature, err);
        if (answer < 0)
            return -1;
        if (answer == 1) {
            *scheme = how->scheme;
            return 0;
        }
    }
    return no_match(err);
}

/* SEQUENCE { r INTEGER, s INTEGER } and nothing after, every length in its shortest form. The
 * numbers may be negative here: such a signature is DER, and never valid. */
static bool is_ecdsa_der(struct bytes signature)
{
    struct bytes body;
    struct bytes number;

    if (!der_take(&signature, DER_SEQUENCE, &body) || signature.len > 0)
        return false;
    for (int i = 0; i < 2; i++) {
        if (!der_take(&body, DER_INTEGER, &number) || number.len == 0)
            return false;
        if (number.len > 1 && ((number.data[0] == 0 && number.data[1] < 0x80) ||
                               (number.data[0] == 0xff && number.data[1] >= 0x80)))
            return false;
    }
    return body.len == 0;
}

static int verify_ecdsa(enum signature_scheme *scheme, const struct public_key *key,
                        struct bytes message, struct bytes signature, struct err *err)
{
    size_t field = ((size_t)key->bits + 7) / 8;
    struct buf CLEANUP(buf_clear) numbers = BUF_INIT(ECDSA_DER_MAX);
    struct buf CLEANUP(buf_clear) der = BUF_INIT(ECDSA_DER_MAX);

    if (is_ecdsa_der(signature))
        return try_all(scheme, key, message, signature, err);
    if (signature.len != 2 * field)
        return err_set(err, ERR_INVALID, "the signature is neither DER nor of the curve's size");
    der_put_unsigned(&numbers, bytes_part(signature, 0, field));
    der_put_unsigned(&numbers, bytes_part(signature, field, field));
    der_put(&der, DER_SEQUENCE, buf_bytes(&numbers));
    if (buf_check(&numbers, "signature", err) != 0 || buf_check(&der, "signature", err) != 0)
        return -1;
    return try_all(scheme, key, message, buf_bytes(&der), err);
}

/* RFC 8032: pure, then prehashed with an empty context. The two sign disjoint inputs, so trying
 * both adds no forgery. */
static int verify_ed25519(enum signature_scheme *scheme, const struct public_key *key,
                          struct bytes message, struct bytes signature, struct err *err)
{
    crypto_sign_state state;

    if (signature.len != ED25519_SIGNATURE_SIZE)
        return err_set(err, ERR_INVALID, "an Ed25519 signature has %d bytes, not %zu",
                       ED25519_SIGNATURE_SIZE, signature.len);
    if (crypto_sign_verify_detached(signature.data, message.data, message.len, key->ed25519) == 0) {
        *scheme = SCHEME_ED25519;
        return 0;
    }
    if (crypto_sign_init(&state) != 0 ||
        crypto_sign_update(&state, message.data, message.len) != 0 ||
        crypto_sign_final_verify(&state, signature.data, key->ed25519) != 0)
        return no_match(err);
    *scheme = SCHEME_ED25519PH;
    return 0;
}

/* The padded number that was signed: 1, 0 when the signature is not one of this modulus, -1. */
static int rsa_recover(uint8_t *out, size_t len, const struct public_key *key,
                       struct bytes signature, struct err *err)
{
    EVP_PKEY_CTX *CLEANUP(crypto_pkey_ctx_freep) ctx =
        EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    size_t got = len;

    if (ctx == NULL || EVP_PKEY_verify_recover_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1)
        return crypto_fail(err, ERR_CRYPTO, "verifying");
    int status = EVP_PKEY_verify_recover(ctx, out, &got, signature.data, signature.len);
    return crypto_answer(status == 1 && got == len ? 1 : 0, err);
}

/* RFC 8017 9.2: the whole encoding is built and compared, nothing in it is parsed. */
static int is_pkcs1(struct bytes padded, size_t i, struct bytes message, struct err *err)
{
    uint8_t want[RSA_BITS_MAX / 8];
    size_t hash = hash_size(digest_infos[i].hash);
    size_t filler = padded.len - 3 - DIGEST_INFO_SIZE - hash;

    memset(want, 0xff, sizeof(want));
    want[0] = 0;
    want[1] = 1;
    want[2 + filler] = 0;
    memcpy(want + 3 + filler, digest_infos[i].prefix, DIGEST_INFO_SIZE);
    if (hash_bytes(want + padded.len - hash, digest_infos[i].hash, message, err) != 0)
        return -1;
    return bytes_equal(padded, (struct bytes) { want, padded.len }) ? 1 : 0;
}

static int verify_rsa(enum signature_scheme *scheme, const struct public_key *key,
                      struct bytes message, struct bytes signature, struct err *err)
{
    uint8_t padded[RSA_BITS_MAX / 8];
    size_t len = ((size_t)key->bits + 7) / 8;

    if (signature.len != len)
        return err_set(err, ERR_INVALID, "the signature has %zu bytes, the RSA key %zu",
                       signature.len, len);
    int answer = rsa_recover(padded, len, key, signature, err);
    if (answer != 1)
        return answer < 0 ? -1 : no_match(err);
    for (size_t i = 0; i < ARRAY_LEN(digest_infos); i++) {
        answer = is_pkcs1((struct bytes) { padded, len }, i, message, err);
        if (answer < 0)
            return -1;
        if (answer == 1) {
            *scheme = digest_infos[i].scheme;
            return 0;
        }
    }
    return try_all(scheme, key, message, signature, err);
}

int public_key_verify(const struct public_key *key, struct bytes message, struct bytes signature,
                      enum signature_scheme *scheme, struct err *err)
{
    enum signature_scheme unused;

    if (scheme == NULL)
        scheme = &unused;
    *scheme = SCHEME_NONE;
    if (signature.len == 0 || signature.len > SIGNATURE_BYTES_MAX)
        return err_set(err, ERR_INVALID, "a signature of %zu bytes", signature.len);
    if (crypto_begin(err) != 0)
        return -1;
    switch (key->kind) {
    case KEY_ECDSA_P256:
    case KEY_ECDSA_P384:
    case KEY_ECDSA_P521:
        return verify_ecdsa(scheme, key, message, signature, err);
    case KEY_ED25519:
        return verify_ed25519(scheme, key, message, signature, err);
    case KEY_RSA:
        return verify_rsa(scheme, key, message, signature, err);
    }
    return err_set(err, ERR_INTERNAL, "key of no kind");
}
