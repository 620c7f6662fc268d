#include "keys/key_file.h"

#include <string.h>
#include <sys/stat.h>

#include "keys/key_box.h"
#include "keys/key_source.h"
#include "keys/password.h"
#include "keys/pem.h"
#include "keys/private_key.h"

static const struct {
    const char *name;
    const char *type; /* OpenSSL's word */
    const char *group;
    unsigned bits;
} algorithms[] = {
    [KEY_ALGORITHM_ECDSA_P256] = { "ecdsa-p256", "EC", "P-256", 0 },
    [KEY_ALGORITHM_ECDSA_P384] = { "ecdsa-p384", "EC", "P-384", 0 },
    [KEY_ALGORITHM_ED25519] = { "ed25519", "ED25519", NULL, 0 },
    [KEY_ALGORITHM_RSA_2048] = { "rsa-2048", "RSA", NULL, 2048 },
    [KEY_ALGORITHM_RSA_3072] = { "rsa-3072", "RSA", NULL, 3072 },
    [KEY_ALGORITHM_RSA_4096] = { "rsa-4096", "RSA", NULL, 4096 },
};

int key_algorithm_parse(enum key_algorithm *out, const char *name, struct err *err)
{
    *out = KEY_ALGORITHM_ECDSA_P256;
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
        if (strcmp(algorithms[i].name, name) == 0) {
            *out = (enum key_algorithm)i;
            return 0;
        }
    return err_set(err, ERR_USAGE,
                   "%s is not a key algorithm: ecdsa-p256, ecdsa-p384, ed25519, rsa-2048, "
                   "rsa-3072 or rsa-4096",
                   name);
}

static int new_key(EVP_PKEY **out, enum key_algorithm algorithm, struct err *err)
{
    if (crypto_begin(err) != 0)
        return -1;
    EVP_PKEY_CTX *CLEANUP(crypto_pkey_ctx_freep) ctx =
        EVP_PKEY_CTX_new_from_name(NULL, algorithms[algorithm].type, NULL);
    const char *group = algorithms[algorithm].group;
    unsigned bits = algorithms[algorithm].bits;
    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
        (group != NULL && EVP_PKEY_CTX_set_group_name(ctx, group) != 1) ||
        (bits > 0 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) != 1) ||
        EVP_PKEY_generate(ctx, out) != 1)
        return crypto_fail(err, ERR_CRYPTO, "making a key");
    return 0;
}

int key_generate(struct buf *pem, struct buf *public_pem, enum key_algorithm algorithm,
                 const struct secret *password, struct err *err)
{
    EVP_PKEY *CLEANUP(crypto_pkey_freep) key = NULL;

    if (new_key(&key, algorithm, err) != 0)
        return -1;
    return private_key_seal(pem, public_pem, key, password, err);
}

/* Two things cannot both be read from standard input to its end. */
static int check_stdin(const char *source, const struct password_source *password, struct err *err)
{
    if (strcmp(source, "-") == 0 && password_is_stdin(password))
        return err_set(err, ERR_USAGE,
                       "the key and its password cannot both come from standard input");
    return 0;
}

static int open_signer(struct signer **out, struct bytes text, const struct password_source *source,
                       struct err *err)
{
    struct key_box CLEANUP(key_box_clear) box;
    struct secret *CLEANUP(secret_freep) password = NULL;
    struct secret *CLEANUP(secret_freep) pkcs8 = NULL;
    EVP_PKEY *CLEANUP(crypto_pkey_freep) key = NULL;

    if (key_box_parse(&box, text, err) != 0 || password_read(&password, source, err) != 0 ||
        key_box_open(&pkcs8, &box, password, err) != 0 ||
        private_key_parse(&key, secret_bytes(pkcs8), err) != 0)
        return -1;
    return private_key_signer(out, &key, err);
}

int key_file_signer(struct signer **out, const char *source, const struct password_source *password,
                    bool *loose, struct err *err)
{
    struct secret *CLEANUP(secret_freep) text = NULL;
    mode_t mode = 0;

    *out = NULL;
    if (loose != NULL)
        *loose = false;
    if (check_stdin(source, password, err) != 0 || key_source_read(&text, source, &mode, err) != 0)
        return -1;
    if (open_signer(out, secret_bytes(text), password, err) != 0)
        return err_wrap(err, "%s", source);
    if (loose != NULL)
        *loose = (mode & (S_IRWXG | S_IRWXO)) != 0;
    return 0;
}

static int public_half(struct buf *pem, struct bytes text, const struct password_source *password,
                       struct err *err)
{
    struct signer *CLEANUP(signer_freep) signer = NULL;
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct pem block;

    if (pem_find(&block, text, err) != 0)
        return -1;
    if (bytes_is(block.label, "PUBLIC KEY") || bytes_is(block.label, "RSA PUBLIC KEY")) {
        if (public_key_parse(&key, text, err) != 0)
            return -1;
        public_key_pem(pem, key);
    } else {
        if (open_signer(&signer, text, password, err) != 0)
            return -1;
        public_key_pem(pem, signer_key(signer));
    }
    return buf_check(pem, "public key", err);
}

int key_file_public(struct buf *pem, const char *source, const struct password_source *password,
                    struct err *err)
{
    struct secret *CLEANUP(secret_freep) text = NULL;

    if (key_source_read(&text, source, NULL, err) != 0 ||
        (key_box_is(secret_bytes(text)) && check_stdin(source, password, err) != 0))
        return -1;
    if (public_half(pem, secret_bytes(text), password, err) != 0)
        return err_wrap(err, "%s", source);
    return 0;
}
