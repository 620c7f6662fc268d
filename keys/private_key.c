#include "keys/private_key.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "keys/key_box.h"

struct private_signer {
    struct signer signer;
    EVP_PKEY *key;
};

int private_key_parse(EVP_PKEY **out, struct bytes pkcs8, struct err *err)
{
    *out = NULL;
    if (crypto_begin(err) != 0)
        return -1;
    const unsigned char *at = pkcs8.data;
    PKCS8_PRIV_KEY_INFO *CLEANUP(crypto_pkcs8_freep) info =
        d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
    if (info == NULL)
        return crypto_fail(err, ERR_CONFIG, "not a PKCS#8 private key");
    if (at != pkcs8.data + pkcs8.len)
        return err_set(err, ERR_CONFIG, "trailing data after the private key");
    *out = EVP_PKCS82PKEY(info);
    return *out != NULL ? 0 : crypto_fail(err, ERR_CONFIG, "the private key cannot be read");
}

int private_key_der(struct secret **pkcs8, EVP_PKEY *key, struct err *err)
{
    *pkcs8 = NULL;
    if (crypto_begin(err) != 0)
        return -1;
    PKCS8_PRIV_KEY_INFO *CLEANUP(crypto_pkcs8_freep) info = EVP_PKEY2PKCS8(key);
    int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
    if (len <= 0)
        return crypto_fail(err, ERR_CRYPTO, "encoding the private key");
    struct secret *CLEANUP(secret_freep) der = NULL;
    if (secret_new(&der, (size_t)len, err) != 0)
        return -1;
    unsigned char *at = secret_data(der);
    if (i2d_PKCS8_PRIV_KEY_INFO(info, &at) != len)
        return crypto_fail(err, ERR_CRYPTO, "encoding the private key");
    *pkcs8 = STEAL(der);
    return 0;
}

int private_key_public(struct public_key **out, EVP_PKEY *key, struct err *err)
{
    struct buf CLEANUP(buf_clear) der = BUF_INIT(KEY_FILE_MAX);

    *out = NULL;
    if (crypto_begin(err) != 0)
        return -1;
    int len = i2d_PUBKEY(key, NULL);
    if (len <= 0)
        return crypto_fail(err, ERR_CRYPTO, "encoding the public key");
    unsigned char *at = buf_reserve(&der, (size_t)len);
    if (at == NULL)
        return buf_check(&der, "public key", err);
    if (i2d_PUBKEY(key, &at) != len)
        return crypto_fail(err, ERR_CRYPTO, "encoding the public key");
    der.len = (size_t)len;
    return public_key_parse_der(out, buf_bytes(&der), err);
}

/* ECDSA and RSA over SHA-256 (for RSA, PKCS#1 v1.5 is the default), Ed25519 over the message. */
static int private_sign(struct signer *s, struct bytes message, struct buf *signature,
                        struct err *err)
{
    struct private_signer *self = (struct private_signer *)s;
    const EVP_MD *md = public_key_kind(s->key) == KEY_ED25519 ? NULL : EVP_sha256();
    size_t len = (size_t)EVP_PKEY_get_size(self->key);

    if (crypto_begin(err) != 0)
        return -1;
    uint8_t *into = buf_reserve(signature, len);
    if (into == NULL)
        return buf_check(signature, "signature", err);
    EVP_MD_CTX *CLEANUP(crypto_md_ctx_freep) ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, md, NULL, self->key) != 1 ||
        EVP_DigestSign(ctx, into, &len, message.data, message.len) != 1)
        return crypto_fail(err, ERR_CRYPTO, "signing");
    signature->len += len;
    return 0;
}

static void private_free(struct signer *s)
{
    struct private_signer *self = (struct private_signer *)s;

    EVP_PKEY_free(self->key);
    public_key_free(s->key);
    free(self);
}

static const struct signer_ops private_ops = { .sign = private_sign, .free = private_free };

int private_key_signer(struct signer **out, EVP_PKEY **key, struct err *err)
{
    struct public_key *CLEANUP(public_key_freep) public = NULL;

    *out = NULL;
    if (private_key_public(&public, *key, err) != 0)
        return -1;
    struct private_signer *self = mem_new(1, sizeof(*self), err);
    if (self == NULL)
        return -1;
    self->signer.ops = &private_ops;
    self->signer.key = STEAL(public);
    self->key = STEAL(*key);
    *out = &self->signer;
    return 0;
}

int private_key_seal(struct buf *pem, struct buf *public_pem, EVP_PKEY *key,
                     const struct secret *password, struct err *err)
{
    struct signer *CLEANUP(signer_freep) signer = NULL;
    struct secret *CLEANUP(secret_freep) pkcs8 = NULL;
    struct buf CLEANUP(buf_clear) proof = BUF_INIT(SIGNATURE_BYTES_MAX);

    if (EVP_PKEY_up_ref(key) != 1)
        return err_set(err, ERR_CRYPTO, "private key");
    EVP_PKEY *CLEANUP(crypto_pkey_freep) shared = key;
    if (private_key_signer(&signer, &shared, err) != 0)
        return -1;
    if (signer_sign(signer, BYTES_LIT("key pair"), &proof, err) != 0)
        return err_wrap(err, "the halves of the key do not belong together");
    if (private_key_der(&pkcs8, key, err) != 0 ||
        key_box_seal(pem, secret_bytes(pkcs8), password, err) != 0)
        return -1;
    public_key_pem(public_pem, signer_key(signer));
    return buf_check(public_pem, "public key", err);
}
