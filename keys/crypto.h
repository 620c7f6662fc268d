#ifndef BULLA_KEYS_CRYPTO_H
#define BULLA_KEYS_CRYPTO_H

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "base/bytes.h"

/*
 * Manners with OpenSSL: its error queue is per thread and survives success, so every piece of work
 * starts with crypto_begin() and each failure is drained into `struct err`.
 */

/** Empty the error queue, and make sure that the thread has one: without it a failed allocation
 * looks like a signature that does not match. -1 with ERR_NOMEM. */
int crypto_begin(struct err *err) MUST_CHECK;

/** Drain the queue: ERR_NOMEM when memory was short, else `code` with "what" and the number of the
 * first complaint, which `openssl errstr` puts into words: hash_init() leaves these out. Returns
 * -1. */
int crypto_fail(struct err *err, enum err_code code, const char *what);

/**
 * The answer of an OpenSSL verification call: 1 it is valid, 0 it is not, -1 with ERR_NOMEM or
 * ERR_CRYPTO it could not be decided. Only the value 1 of `status` is success, and a failure is
 * "not valid" only when the queue holds nothing but complaints about the signature.
 */
int crypto_answer(int status, struct err *err) MUST_CHECK;

/** Does the queue start with the complaint that a point is not on its curve? Whatever else stops
 * OpenSSL from taking a key whose numbers we have checked is a failure of its own. */
bool crypto_is_bad_point(void);

/* For CLEANUP(). */
void crypto_pkey_freep(EVP_PKEY **p);
void crypto_pkey_ctx_freep(EVP_PKEY_CTX **p);
void crypto_md_ctx_freep(EVP_MD_CTX **p);
void crypto_bn_freep(BIGNUM **p);
void crypto_params_freep(OSSL_PARAM **p);
void crypto_param_bld_freep(OSSL_PARAM_BLD **p);
void crypto_pkcs8_freep(PKCS8_PRIV_KEY_INFO **p);
void crypto_x509_sig_freep(X509_SIG **p);

#endif
