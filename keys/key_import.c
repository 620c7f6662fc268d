/* Taking in private keys that other programs made. */
#include <openssl/pkcs12.h>

#include "base/limits.h"
#include "keys/key_box.h"
#include "keys/key_file.h"
#include "keys/key_impl.h"
#include "keys/pem.h"
#include "keys/private_key.h"

/* How the DER in a PEM block is read. */
typedef int reader(EVP_PKEY **out, struct bytes der, const struct secret *password,
                   struct err *err);

static int read_pkcs8(EVP_PKEY **out, struct bytes der, const struct secret *password,
                      struct err *err)
{
    (void)password;
    return private_key_parse(out, der, err);
}

static int read_typed(EVP_PKEY **out, int type, struct bytes der, struct err *err)
{
    const unsigned char *at = der.data;

    if (crypto_begin(err) != 0)
        return -1;
    EVP_PKEY *CLEANUP(crypto_pkey_freep) key = d2i_PrivateKey(type, NULL, &at, (long)der.len);
    if (key == NULL)
        return crypto_fail(err, ERR_CONFIG, "the private key cannot be read");
    if (at != der.data + der.len)
        return err_set(err, ERR_CONFIG, "trailing data after the private key");
    *out = STEAL(key);
    return 0;
}

static int read_pkcs1(EVP_PKEY **out, struct bytes der, const struct secret *password,
                      struct err *err)
{
    (void)password;
    return read_typed(out, EVP_PKEY_RSA, der, err);
}

static int read_sec1(EVP_PKEY **out, struct bytes der, const struct secret *password,
                     struct err *err)
{
    (void)password;
    return read_typed(out, EVP_PKEY_EC, der, err);
}

static int read_encrypted(EVP_PKEY **out, struct bytes der, const struct secret *password,
                          struct err *err)
{
    const unsigned char *at = der.data;

    if (password == NULL)
        return err_set(err, ERR_AUTH, "the private key is encrypted: its password is needed");
    if (crypto_begin(err) != 0)
        return -1;
    X509_SIG *CLEANUP(crypto_x509_sig_freep) box = d2i_X509_SIG(NULL, &at, (long)der.len);
    if (box == NULL)
        return crypto_fail(err, ERR_CONFIG, "not encrypted PKCS#8");
    if (at != der.data + der.len)
        return err_set(err, ERR_CONFIG, "trailing data after the private key");
    struct bytes word = secret_bytes(password);
    PKCS8_PRIV_KEY_INFO *CLEANUP(crypto_pkcs8_freep) info =
        PKCS8_decrypt(box, word.data != NULL ? (const char *)word.data : "", (int)word.len);
    if (info == NULL)
        return crypto_fail(err, ERR_AUTH, "wrong password or damaged key");
    *out = EVP_PKCS82PKEY(info);
    return *out != NULL ? 0 : crypto_fail(err, ERR_CONFIG, "the private key cannot be read");
}

static const struct {
    const char *label;
    reader *read;
} readers[] = {
    { "PRIVATE KEY", read_pkcs8 },
    { "RSA PRIVATE KEY", read_pkcs1 },
    { "EC PRIVATE KEY", read_sec1 },
    { "ENCRYPTED PRIVATE KEY", read_encrypted },
};

static int refuse_label(struct bytes label, struct err *err)
{
    if (bytes_is(label, "PUBLIC KEY") || bytes_is(label, "RSA PUBLIC KEY"))
        return err_set(err, ERR_CONFIG, "holds a public key where a private key is expected");
    if (bytes_is(label, "CERTIFICATE"))
        return err_set(err, ERR_CONFIG, "holds a certificate where a private key is expected");
    return err_set(err, ERR_UNSUPPORTED, "PEM block %.*s is not a private key that can be imported",
                   (int)label.len, (const char *)label.data);
}

static int read_block(EVP_PKEY **out, const struct pem *block, const struct secret *password,
                      struct err *err)
{
    struct secret *CLEANUP(secret_freep) der = NULL;
    size_t max = pem_decoded_max(block);
    size_t len;

    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        if (!bytes_is(block->label, readers[i].label))
            continue;
        if (secret_new(&der, max, err) != 0 ||
            pem_decode(secret_data(der), max, &len, block, err) != 0)
            return -1;
        return readers[i].read(out, bytes_part(secret_bytes(der), 0, len), password, err);
    }
    return refuse_label(block->label, err);
}

static int read_box(EVP_PKEY **out, struct bytes text, const struct secret *password,
                    struct err *err)
{
    struct key_box CLEANUP(key_box_clear) box;
    struct secret *CLEANUP(secret_freep) pkcs8 = NULL;

    if (key_box_parse(&box, text, err) != 0)
        return -1;
    if (password == NULL)
        return err_set(err, ERR_AUTH, "the private key is encrypted: its password is needed");
    if (key_box_open(&pkcs8, &box, password, err) != 0) {
        if (err != NULL && err->code == ERR_CONFIG)
            err->code = ERR_AUTH;
        return -1;
    }
    return private_key_parse(out, secret_bytes(pkcs8), err);
}

static int read_foreign(EVP_PKEY **out, struct bytes text, const struct secret *password,
                        struct err *err)
{
    struct pem block;

    if (text.len > KEY_FILE_MAX)
        return err_set(err, ERR_CONFIG, "larger than a key is");
    if (key_box_is(text))
        return read_box(out, text, password, err);
    if (pem_find(&block, text, err) != 0)
        return -1;
    /* `openssl ecparam -genkey` writes the curve's name in a block of its own first */
    if (bytes_is(block.label, "EC PARAMETERS") && pem_find(&block, block.after, err) != 0)
        return -1;
    return read_block(out, &block, password, err);
}

/* cosign's sizes (sigstore.md 1.3); curves and kinds are checked with the public half. */
static int check_size(EVP_PKEY *key, struct err *err)
{
    int bits = EVP_PKEY_get_bits(key);

    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || bits == 2048 || bits == 3072 || bits == 4096)
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "RSA key of %d bits: import takes 2048, 3072 and 4096",
                   bits);
}

int key_import(struct buf *pem, struct buf *public_pem, struct bytes foreign,
               const struct secret *old_password, const struct secret *new_password,
               struct err *err)
{
    EVP_PKEY *CLEANUP(crypto_pkey_freep) key = NULL;

    if (read_foreign(&key, foreign, old_password, err) != 0 || check_size(key, err) != 0)
        return -1;
    return private_key_seal(pem, public_pem, key, new_password, err);
}
