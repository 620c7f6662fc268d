#ifndef BULLA_BASE_JSON_LEX_H
#define BULLA_BASE_JSON_LEX_H

#include "base/json_pull.h"

/* The letters of JSON text, for json_scan.c and json_pull.c only. */

#define JSON_POINT_BYTES 4 /* longest UTF-8 form of one code point */

/** The kind of the value whose first byte is `first`; JSON_NUMBER for all that no other begins
 * with. */
enum json_kind json_kind_of(uint8_t first);

/** The first byte of p..end that is not white space (RFC 8259 section 2), or end. */
const uint8_t *json_skip_space(const uint8_t *p, const uint8_t *end);

/**
 * Run over a string's plain bytes, eight at a time.
 *
 * @param ascii  cleared when a byte above 0x7f was passed; else left alone
 * @return the first byte that is a quote, a backslash or a control character, or end
 */
const uint8_t *json_plain_end(const uint8_t *p, const uint8_t *end, bool *ascii);

/**
 * Decode the escape sequence at p, a surrogate pair as one.
 *
 * @param point  the code point; 0 on failure
 * @return its length in the text, or 0: no such escape, cut off, a lone surrogate, or NUL
 */
size_t json_escape(uint32_t *point, const uint8_t *p, const uint8_t *end);

/** UTF-8 of a code point. @return 1..4, the length */
size_t json_point_utf8(uint8_t out[JSON_POINT_BYTES], uint32_t point);

/** Append the unescaped content of a scanned string, given without its quotes. */
void json_unescape(struct buf *out, struct bytes content);

#endif
