#include "keys/crypto.h"

#include <openssl/ecerr.h>
#include <openssl/err.h>
#include <openssl/rsaerr.h>

int crypto_begin(struct err *err)
{
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    bool there = ERR_peek_error() != 0;
    ERR_clear_error();
    return there ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int crypto_fail(struct err *err, enum err_code code, const char *what)
{
    unsigned long first = ERR_peek_error();
    bool memory = false;

    for (unsigned long e = ERR_get_error(); e != 0; e = ERR_get_error())
        memory = memory || ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE;
    if (memory)
        return err_set(err, ERR_NOMEM, "%s: out of memory", what);
    if (first == 0)
        return err_set(err, code, "%s", what);
    return err_set(err, code, "%s (OpenSSL error %08lX)", what, first);
}

bool crypto_is_bad_point(void)
{
    unsigned long e = ERR_peek_error();
    int reason = ERR_GET_REASON(e);

    return ERR_GET_LIB(e) == ERR_LIB_EC &&
           (reason == EC_R_POINT_IS_NOT_ON_CURVE || reason == EC_R_INVALID_ENCODING);
}

enum complaint { COMPLAINT_SIGNATURE, COMPLAINT_POINTER, COMPLAINT_OTHER };

/* What OpenSSL says of a signature that does not match. ECDSA: r or s is out of range, or the sum
 * is the point at infinity. RSA: the number or the padding is wrong. Layers above add that "there
 * was something in" that library. All else in the queue means that something failed. */
static enum complaint complaint_of(unsigned long e)
{
    int reason = ERR_GET_REASON(e);

    switch (ERR_GET_LIB(e)) {
    case ERR_LIB_EC:
        if (reason == EC_R_BAD_SIGNATURE || reason == EC_R_POINT_AT_INFINITY)
            return COMPLAINT_SIGNATURE;
        return reason == ERR_R_EC_LIB ? COMPLAINT_POINTER : COMPLAINT_OTHER;
    case ERR_LIB_RSA:
        return ERR_COMMON_ERROR(e) ? COMPLAINT_OTHER : COMPLAINT_SIGNATURE;
    case ERR_LIB_PROV:
        return reason == ERR_R_RSA_LIB ? COMPLAINT_POINTER : COMPLAINT_OTHER;
    default:
        return COMPLAINT_OTHER;
    }
}

int crypto_answer(int status, struct err *err)
{
    bool signature = false;
    bool pointer = false;

    if (status == 1) {
        ERR_clear_error();
        return 1;
    }
    for (; ERR_peek_error() != 0; (void)ERR_get_error()) {
        enum complaint complaint = complaint_of(ERR_peek_error());
        if (complaint == COMPLAINT_OTHER)
            return crypto_fail(err, ERR_CRYPTO, "verifying");
        signature = signature || complaint == COMPLAINT_SIGNATURE;
        pointer = pointer || complaint == COMPLAINT_POINTER;
    }
    if (pointer && !signature)
        return err_set(err, ERR_CRYPTO, "verifying: the library failed");
    return 0;
}

void crypto_pkey_freep(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}

void crypto_pkey_ctx_freep(EVP_PKEY_CTX **p)
{
    EVP_PKEY_CTX_free(*p);
}

void crypto_md_ctx_freep(EVP_MD_CTX **p)
{
    EVP_MD_CTX_free(*p);
}

void crypto_bn_freep(BIGNUM **p)
{
    BN_free(*p);
}

void crypto_params_freep(OSSL_PARAM **p)
{
    OSSL_PARAM_free(*p);
}

void crypto_param_bld_freep(OSSL_PARAM_BLD **p)
{
    OSSL_PARAM_BLD_free(*p);
}

void crypto_pkcs8_freep(PKCS8_PRIV_KEY_INFO **p)
{
    PKCS8_PRIV_KEY_INFO_free(*p);
}

void crypto_x509_sig_freep(X509_SIG **p)
{
    X509_SIG_free(*p);
}
