#ifndef BULLA_BASE_SECRET_H
#define BULLA_BASE_SECRET_H

#include "base/bytes.h"

/** Secret bytes in guarded, locked-where-possible memory; wiped when freed. Never copied to the
 * stack, never logged. */
struct secret;

/** Once in main, before the first secret: libsodium initialised, core dumps off. */
int secret_init(struct err *err) MUST_CHECK;

int secret_new(struct secret **out, size_t len, struct err *err) MUST_CHECK; /* zeroed, len >= 0 */
int secret_copy(struct secret **out, struct bytes in, struct err *err) MUST_CHECK;
uint8_t *secret_data(struct secret *s);
struct bytes secret_bytes(const struct secret *s); /* s may be NULL: none */
void secret_free(struct secret *s);                /* wipes; NULL is fine */
void secret_freep(struct secret **s);

void secret_wipe(void *data, size_t len);
bool secret_equal(struct bytes a, struct bytes b); /* constant time in the content */
void secret_random(void *out, size_t len);

#endif
