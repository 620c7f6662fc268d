#include "base/hash.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/mem.h"

struct hash {
    EVP_MD_CTX *ctx;
    size_t size;
};

static const struct {
    const char *name;
    size_t size;
    const EVP_MD *(*md)(void);
} rows[] = {
    [HASH_SHA256] = { "sha256", 32, EVP_sha256 },
    [HASH_SHA384] = { "sha384", 48, EVP_sha384 },
    [HASH_SHA512] = { "sha512", 64, EVP_sha512 },
};

/* OpenSSL's queue is per thread and survives success: emptied before each call and after a failure.
 */
static int crypto_error(struct err *err, const char *what)
{
    bool nomem = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;

    ERR_clear_error();
    if (nomem)
        return err_set(err, ERR_NOMEM, "%s: out of memory", what);
    return err_set(err, ERR_CRYPTO, "%s: the cryptographic library failed", what);
}

void hash_init(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

size_t hash_size(enum hash_alg alg)
{
    return rows[alg].size;
}

const char *hash_name(enum hash_alg alg)
{
    return rows[alg].name;
}

int hash_bytes(uint8_t *out, enum hash_alg alg, struct bytes in, struct err *err)
{
    unsigned int len = 0;

    ERR_clear_error();
    if (EVP_Digest(in.data, in.len, out, &len, rows[alg].md(), NULL) != 1 || len != rows[alg].size)
        return crypto_error(err, rows[alg].name);
    return 0;
}

int hash_new(struct hash **out, enum hash_alg alg, struct err *err)
{
    *out = NULL;
    CLEANUP(hash_freep) struct hash *h = mem_new(1, sizeof(*h), err);
    if (h == NULL)
        return -1;
    ERR_clear_error();
    h->ctx = EVP_MD_CTX_new();
    if (h->ctx == NULL)
        return err_set(err, ERR_NOMEM, "%s: out of memory", rows[alg].name);
    if (EVP_DigestInit_ex(h->ctx, rows[alg].md(), NULL) != 1)
        return crypto_error(err, rows[alg].name);
    h->size = rows[alg].size;
    *out = STEAL(h);
    return 0;
}

int hash_add(struct hash *h, struct bytes in, struct err *err)
{
    ERR_clear_error();
    if (EVP_DigestUpdate(h->ctx, in.data, in.len) != 1)
        return crypto_error(err, "hash");
    return 0;
}

int hash_end(uint8_t *out, struct hash *h, struct err *err)
{
    unsigned int len = 0;

    ERR_clear_error();
    if (EVP_DigestFinal_ex(h->ctx, out, &len) != 1 || len != h->size)
        return crypto_error(err, "hash");
    return 0;
}

void hash_free(struct hash *h)
{
    if (h == NULL)
        return;
    EVP_MD_CTX_free(h->ctx);
    mem_freep(&h);
}

void hash_freep(struct hash **h)
{
    hash_free(*h);
    *h = NULL;
}
