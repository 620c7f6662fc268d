#ifndef BULLA_KEYS_DER_H
#define BULLA_KEYS_DER_H

#include "base/bytes.h"

/*
 * The little of DER (X.690 clause 10) that keys and signatures need: definite lengths in their
 * shortest form, single-byte tags. Readers take from the front of `*in`; what they refuse leaves
 * `*in` as it was and the output empty.
 */

enum {
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30
};

/** Take one value with this tag; `content` borrows. */
bool der_take(struct bytes *in, uint8_t tag, struct bytes *content);

/** Take one INTEGER, shortest form, zero or more; `value` is big-endian without the sign byte (one
 * zero byte for 0). */
bool der_take_unsigned(struct bytes *in, struct bytes *value);

/** Take a BIT STRING of whole bytes. */
bool der_take_bits(struct bytes *in, struct bytes *value);

/** Append one value. `content` is at most 65535 bytes. */
void der_put(struct buf *out, uint8_t tag, struct bytes content);

/** Append an INTEGER from big-endian bytes; leading zeros are cut off. */
void der_put_unsigned(struct buf *out, struct bytes value);

#endif
