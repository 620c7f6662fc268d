#include "keys/key.h"

#include <openssl/core_names.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"
#include "keys/der.h"
#include "keys/key_impl.h"
#include "keys/key_source.h"
#include "keys/pem.h"

#define RSA_EXPONENT_BYTES_MAX 4

/* Content of the object identifiers, DER. */
#define OID_EC BYTES_LIT("\x2a\x86\x48\xce\x3d\x02\x01")
#define OID_RSA BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
#define OID_ED25519 BYTES_LIT("\x2b\x65\x70")

struct curve {
    enum key_kind kind;
    int bits;
    size_t field; /* bytes of one coordinate */
    const char *group;
    struct bytes oid;
};

static const struct curve curves[] = {
    { KEY_ECDSA_P256,
      256,
      32,
      "P-256",
      { (const uint8_t *)"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8 } },
    { KEY_ECDSA_P384, 384, 48, "P-384", { (const uint8_t *)"\x2b\x81\x04\x00\x22", 5 } },
    { KEY_ECDSA_P521, 521, 66, "P-521", { (const uint8_t *)"\x2b\x81\x04\x00\x23", 5 } },
};

/* SubjectPublicKeyInfo, taken apart (RFC 5280 4.1). */
struct spki {
    struct bytes oid;
    struct bytes params; /* whole values after the algorithm's identifier */
    struct bytes key;
};

static int spki_read(struct spki *out, struct bytes der, struct err *err)
{
    struct bytes spki;
    struct bytes algorithm;

    *out = (struct spki) { .oid = BYTES_NONE };
    if (!der_take(&der, DER_SEQUENCE, &spki) || !der_take(&spki, DER_SEQUENCE, &algorithm) ||
        !der_take(&algorithm, DER_OID, &out->oid) || !der_take_bits(&spki, &out->key) ||
        spki.len > 0)
        return err_set(err, ERR_CONFIG, "not a public key: the DER is damaged");
    if (der.len > 0)
        return err_set(err, ERR_CONFIG, "trailing data after the public key");
    out->params = algorithm;
    return 0;
}

static int key_from_params(EVP_PKEY **out, const char *type, OSSL_PARAM *params, struct err *err)
{
    EVP_PKEY_CTX *CLEANUP(crypto_pkey_ctx_freep) ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1)
        return crypto_fail(err, ERR_CRYPTO, "public key");
    if (EVP_PKEY_fromdata(ctx, out, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return crypto_is_bad_point()
                   ? crypto_fail(err, ERR_CONFIG, "public key: its point is not on the curve")
                   : crypto_fail(err, ERR_CRYPTO, "public key");
    return 0;
}

/* Building the key from its parts costs a fifth of d2i_PUBKEY(), which looks for decoders first. */
static int read_ec(struct public_key *key, const struct spki *spki, struct err *err)
{
    struct bytes params = spki->params;
    const struct curve *curve = NULL;
    struct bytes oid;

    if (!der_take(&params, DER_OID, &oid) || params.len > 0)
        return err_set(err, ERR_UNSUPPORTED, "elliptic curve with explicit parameters");
    for (size_t i = 0; i < ARRAY_LEN(curves); i++)
        if (bytes_equal(oid, curves[i].oid))
            curve = &curves[i];
    if (curve == NULL)
        return err_set(err, ERR_UNSUPPORTED,
                       "elliptic curve is not supported: P-256, P-384 and P-521 are");
    if (spki->key.len != 1 + 2 * curve->field || spki->key.data[0] != 0x04)
        return err_set(err, ERR_CONFIG, "not an uncompressed point of %s", curve->group);

    char group[8] = { 0 };
    memcpy(group, curve->group, strlen(curve->group));
    uint8_t point[1 + 2 * 66];
    memcpy(point, spki->key.data, spki->key.len);
    OSSL_PARAM list[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, spki->key.len),
        OSSL_PARAM_construct_end(),
    };
    key->kind = curve->kind;
    key->bits = curve->bits;
    return key_from_params(&key->pkey, "EC", list, err);
}

static int bits_of(struct bytes number)
{
    int bits = (int)number.len * 8;

    for (unsigned top = 0x80; top > 0 && (number.data[0] & top) == 0; top >>= 1)
        bits--;
    return bits;
}

/* RFC 8017 A.1.1, and the bounds of what is worth trusting. */
static int rsa_numbers(struct bytes *n, struct bytes *e, struct bytes der, struct err *err)
{
    struct bytes body;

    if (!der_take(&der, DER_SEQUENCE, &body) || !der_take_unsigned(&body, n) ||
        !der_take_unsigned(&body, e) || body.len > 0)
        return err_set(err, ERR_CONFIG, "not an RSA public key: the DER is damaged");
    if (der.len > 0)
        return err_set(err, ERR_CONFIG, "trailing data after the RSA public key");
    int bits = bits_of(*n);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "RSA key of %d bits: %d to %d are supported", bits,
                       RSA_BITS_MIN, RSA_BITS_MAX);
    if ((n->data[n->len - 1] & 1) == 0)
        return err_set(err, ERR_CONFIG, "RSA key with an even modulus");
    if (e->len > RSA_EXPONENT_BYTES_MAX || bits_of(*e) > 31)
        return err_set(err, ERR_UNSUPPORTED, "RSA key with a public exponent over 31 bits");
    if ((e->data[e->len - 1] & 1) == 0 || (e->len == 1 && e->data[0] < 3))
        return err_set(err, ERR_CONFIG, "RSA key with a public exponent that is even or 1");
    return 0;
}

static int read_rsa(struct public_key *key, const struct spki *spki, struct err *err)
{
    struct bytes n;
    struct bytes e;

    if (!bytes_equal(spki->params, BYTES_LIT("\x05\x00")))
        return err_set(err, ERR_CONFIG, "RSA key with algorithm parameters");
    if (rsa_numbers(&n, &e, spki->key, err) != 0)
        return -1;
    BIGNUM *CLEANUP(crypto_bn_freep) modulus = BN_bin2bn(n.data, (int)n.len, NULL);
    BIGNUM *CLEANUP(crypto_bn_freep) exponent = BN_bin2bn(e.data, (int)e.len, NULL);
    OSSL_PARAM_BLD *CLEANUP(crypto_param_bld_freep) build = OSSL_PARAM_BLD_new();
    if (modulus == NULL || exponent == NULL || build == NULL ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
        return crypto_fail(err, ERR_CRYPTO, "public key");
    OSSL_PARAM *CLEANUP(crypto_params_freep) params = OSSL_PARAM_BLD_to_param(build);
    if (params == NULL)
        return crypto_fail(err, ERR_CRYPTO, "public key");
    key->kind = KEY_RSA;
    key->bits = bits_of(n);
    return key_from_params(&key->pkey, "RSA", params, err);
}

/* RFC 8410 section 3: no parameters, 32 bytes. */
static int read_ed25519(struct public_key *key, const struct spki *spki, struct err *err)
{
    if (spki->params.len > 0 || spki->key.len != ED25519_KEY_SIZE)
        return err_set(err, ERR_CONFIG, "not an Ed25519 public key: the DER is damaged");
    memcpy(key->ed25519, spki->key.data, ED25519_KEY_SIZE);
    key->kind = KEY_ED25519;
    key->bits = 256;
    return 0;
}

static int read_kind(struct public_key *key, const struct spki *spki, struct err *err)
{
    if (bytes_equal(spki->oid, OID_EC))
        return read_ec(key, spki, err);
    if (bytes_equal(spki->oid, OID_RSA))
        return read_rsa(key, spki, err);
    if (bytes_equal(spki->oid, OID_ED25519))
        return read_ed25519(key, spki, err);
    return err_set(err, ERR_UNSUPPORTED,
                   "kind of key is not supported: ECDSA, Ed25519 and RSA are");
}

int public_key_parse_der(struct public_key **out, struct bytes spki, struct err *err)
{
    struct spki parts;

    *out = NULL;
    if (crypto_begin(err) != 0 || spki_read(&parts, spki, err) != 0)
        return -1;
    struct public_key *CLEANUP(public_key_freep) key =
        mem_new(1, sizeof(struct public_key) + spki.len, err);
    if (key == NULL)
        return -1;
    key->der_len = spki.len;
    memcpy(key->der, spki.data, spki.len);
    if (read_kind(key, &parts, err) != 0 ||
        hash_bytes(key->fingerprint, HASH_SHA256, spki, err) != 0)
        return -1;
    *out = STEAL(key);
    return 0;
}

/* `RSA PUBLIC KEY` holds the bare PKCS#1 structure: dress it as a SubjectPublicKeyInfo. */
static int parse_pkcs1(struct public_key **out, struct bytes pkcs1, struct err *err)
{
    struct buf CLEANUP(buf_clear) algorithm = BUF_INIT(64);
    struct buf CLEANUP(buf_clear) bits = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) body = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) spki = BUF_INIT(KEY_FILE_MAX);

    der_put(&algorithm, DER_OID, OID_RSA);
    der_put(&algorithm, DER_NULL, BYTES_NONE);
    buf_add_char(&bits, 0);
    buf_add_bytes(&bits, pkcs1);
    der_put(&body, DER_SEQUENCE, buf_bytes(&algorithm));
    der_put(&body, DER_BIT_STRING, buf_bytes(&bits));
    der_put(&spki, DER_SEQUENCE, buf_bytes(&body));
    if (buf_check(&algorithm, "public key", err) != 0 || buf_check(&bits, "public key", err) != 0 ||
        buf_check(&body, "public key", err) != 0 || buf_check(&spki, "public key", err) != 0)
        return -1;
    return public_key_parse_der(out, buf_bytes(&spki), err);
}

static int refuse_label(struct bytes label, struct err *err)
{
    const char private_word[] = "PRIVATE KEY";
    size_t n = sizeof(private_word) - 1;

    if (label.len >= n && bytes_is(bytes_part(label, label.len - n, n), private_word))
        return err_set(err, ERR_CONFIG, "holds a private key where a public key is expected");
    if (bytes_is(label, "CERTIFICATE"))
        return err_set(err, ERR_CONFIG, "holds a certificate where a public key is expected");
    return err_set(err, ERR_CONFIG, "PEM block %.*s is not a public key", (int)label.len,
                   (const char *)label.data);
}

int public_key_parse(struct public_key **out, struct bytes pem, struct err *err)
{
    struct pem block;

    *out = NULL;
    if (pem.len > KEY_FILE_MAX)
        return err_set(err, ERR_CONFIG, "larger than a key is");
    if (pem_find(&block, pem, err) != 0)
        return -1;
    bool pkcs1 = bytes_is(block.label, "RSA PUBLIC KEY");
    if (!pkcs1 && !bytes_is(block.label, "PUBLIC KEY"))
        return refuse_label(block.label, err);
    if (!pem_blank(block.before) || !pem_blank(block.after))
        return err_set(err, ERR_CONFIG,
                       "text around the PUBLIC KEY block: exactly one is expected");

    struct buf CLEANUP(buf_clear) der = BUF_INIT(KEY_FILE_MAX);
    size_t max = pem_decoded_max(&block);
    uint8_t *into = buf_reserve(&der, max);
    if (into == NULL)
        return buf_check(&der, "public key", err);
    if (pem_decode(into, max, &der.len, &block, err) != 0)
        return -1;
    return pkcs1 ? parse_pkcs1(out, buf_bytes(&der), err)
                 : public_key_parse_der(out, buf_bytes(&der), err);
}

int public_key_load(struct public_key **out, const char *source, struct err *err)
{
    struct secret *CLEANUP(secret_freep) pem = NULL;

    *out = NULL;
    if (key_source_read(&pem, source, NULL, err) != 0)
        return -1;
    if (public_key_parse(out, secret_bytes(pem), err) != 0)
        return err_wrap(err, "%s", source);
    return 0;
}

int public_key_copy(struct public_key **out, const struct public_key *in, struct err *err)
{
    size_t size = sizeof(struct public_key) + in->der_len;

    *out = NULL;
    struct public_key *key = mem_new(1, size, err);
    if (key == NULL)
        return -1;
    memcpy(key, in, size);
    if (key->pkey != NULL && EVP_PKEY_up_ref(key->pkey) != 1) {
        free(key);
        return err_set(err, ERR_CRYPTO, "public key");
    }
    *out = key;
    return 0;
}

void public_key_free(struct public_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

void public_key_freep(struct public_key **key)
{
    public_key_free(*key);
    *key = NULL;
}

enum key_kind public_key_kind(const struct public_key *key)
{
    return key->kind;
}

int public_key_bits(const struct public_key *key)
{
    return key->bits;
}

static const char *rsa_algorithm(int bits)
{
    switch (bits) {
    case 2048:
        return "rsa-2048";
    case 3072:
        return "rsa-3072";
    case 4096:
        return "rsa-4096";
    default:
        return "rsa";
    }
}

const char *public_key_algorithm(const struct public_key *key)
{
    switch (key->kind) {
    case KEY_ECDSA_P256:
        return "ecdsa-p256";
    case KEY_ECDSA_P384:
        return "ecdsa-p384";
    case KEY_ECDSA_P521:
        return "ecdsa-p521";
    case KEY_ED25519:
        return "ed25519";
    case KEY_RSA:
        return rsa_algorithm(key->bits);
    }
    return "";
}

struct bytes public_key_der(const struct public_key *key)
{
    return (struct bytes) { key->der, key->der_len };
}

const uint8_t *public_key_fingerprint(const struct public_key *key)
{
    return key->fingerprint;
}

void public_key_hint(struct buf *out, const struct public_key *key)
{
    base64_encode(out, (struct bytes) { key->fingerprint, KEY_FINGERPRINT_SIZE }, BASE64_STANDARD);
}

void public_key_pem(struct buf *out, const struct public_key *key)
{
    pem_write(out, "PUBLIC KEY", public_key_der(key));
}
