#ifndef BULLA_BASE_TEXT_H
#define BULLA_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/** Lower-case hex of `in`, appended. */
void hex_encode(struct buf *out, struct bytes in);

/** Exactly 2 * len lower-case hex digits into out[len]. -1 with ERR_MALFORMED otherwise; out is
 * zeroed then. */
int hex_decode(uint8_t *out, size_t len, struct bytes text, struct err *err) MUST_CHECK;

enum base64_form {
    BASE64_STANDARD,     /* RFC 4648 section 4, padded */
    BASE64_URL_UNPADDED, /* RFC 4648 section 5, without padding */
    BASE64_ANY /* either alphabet (never mixed), padded or not: DSSE and protobuf JSON readers */
};

/** Appended. BASE64_ANY writes the standard form. */
void base64_encode(struct buf *out, struct bytes in, enum base64_form form);

/**
 * Strict: no white space, no text after padding, spare bits zero. Appended to `out`.
 * -1 with ERR_MALFORMED, or the buffer's ERR_LIMIT/ERR_NOMEM; `out` is as it was then.
 */
int base64_decode(struct buf *out, struct bytes text, enum base64_form form,
                  struct err *err) MUST_CHECK;

/**
 * RFC 3339 date-time to seconds since 1970 UTC; fractions are cut off, offsets applied, `:60`
 * refused, years 0001..9999. -1 with ERR_MALFORMED.
 */
int time_parse(int64_t *seconds, struct bytes text, struct err *err) MUST_CHECK;

#define TIME_TEXT_MAX 32
/** "2026-01-02T03:04:05Z". Out of range years give "-". */
void time_format(char out[TIME_TEXT_MAX], int64_t seconds);

/** Unsigned decimal digits only, no sign, no leading zero but "0" itself, at most `max`. -1 with
 * ERR_MALFORMED. */
int decimal_parse(uint64_t *out, struct bytes text, uint64_t max, struct err *err) MUST_CHECK;

bool utf8_valid(struct bytes text); /* no surrogates, no overlong forms, at most U+10FFFF */
bool text_plain(struct bytes text); /* valid UTF-8 without control characters (C0, DEL, C1) */

/** An absolute URI: a scheme, a colon, and only characters that a URI has (RFC 3986). Its parts are
 * not looked at. */
bool text_is_uri(struct bytes text);

/** `text` from outside made fit for a terminal or log line: controls, marks that turn the direction
 * of text, line separators and invalid bytes as \xNN. Appends at most `max` bytes; what is cut ends
 * with "...". */
void text_escape(struct buf *out, struct bytes text, size_t max);

/** As a JSON string with its quotes (RFC 8259: only what must be escaped is). `text` must be valid
 * UTF-8. */
void text_json(struct buf *out, struct bytes text);

bool text_equal_nocase(struct bytes a, struct bytes b); /* ASCII only */
void text_lower(char *text);                            /* ASCII only, in place */

/** FNV-1a, for tables: whoever chooses the texts can make them collide. */
uint32_t text_hash(const char *text);

#endif
