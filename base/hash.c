#include "base/hash.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

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

/* What the provider has for each, looked up once; NULL: to be looked up at every use. */
static EVP_MD *fetched[ARRAY_LEN(rows)];

static void fetch_all(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        fetched[i] = EVP_MD_fetch(NULL, rows[i].name, NULL);
}

static const EVP_MD *md_of(enum hash_alg alg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, fetch_all);
    return fetched[alg] != NULL ? fetched[alg] : rows[alg].md();
}

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

/* What only costs here: taking everything apart at exit; words for the errors of OpenSSL, whose
 * numbers we tell; and a table of its built-in ciphers by name. Whoever needs a cipher, TLS too,
 * fetches it from a provider. */
void hash_init(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                            OPENSSL_INIT_NO_ADD_ALL_CIPHERS,
                        NULL);
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
    if (EVP_Digest(in.data, in.len, out, &len, md_of(alg), NULL) != 1 || len != rows[alg].size)
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
    if (EVP_DigestInit_ex(h->ctx, md_of(alg), NULL) != 1)
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
