#ifndef BULLA_BASE_HASH_H
#define BULLA_BASE_HASH_H

#include <stdint.h>

#include "base/bytes.h"

enum hash_alg { HASH_SHA256 = 0, HASH_SHA384, HASH_SHA512 };
#define HASH_MAX 64

/** Once in main, before any other use of OpenSSL: switches off what it would set up and take apart
 * for nobody, which together costs more than verifying a signature. */
void hash_init(void);

size_t hash_size(enum hash_alg alg);      /* 32, 48, 64 */
const char *hash_name(enum hash_alg alg); /* "sha256" ... */

/** Hash in one call into out[hash_size(alg)]. -1 with ERR_CRYPTO or ERR_NOMEM. Thread-safe. */
int hash_bytes(uint8_t *out, enum hash_alg alg, struct bytes in, struct err *err) MUST_CHECK;

/** Hash piece by piece. */
struct hash;
int hash_new(struct hash **out, enum hash_alg alg, struct err *err) MUST_CHECK;
int hash_add(struct hash *h, struct bytes in, struct err *err) MUST_CHECK;
int hash_end(uint8_t *out, struct hash *h,
             struct err *err) MUST_CHECK; /* afterwards only hash_free */
void hash_free(struct hash *h);
void hash_freep(struct hash **h);

#endif
