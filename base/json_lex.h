#ifndef BULLA_BASE_JSON_LEX_H
#define BULLA_BASE_JSON_LEX_H

#include <string.h>

#include "base/json_pull.h"

/* The letters of JSON text, for those who read it byte by byte (and text_json()). Where every byte
 * goes through is inline: the calls would cost as much as the work. */

#define JSON_POINT_BYTES 4 /* longest UTF-8 form of one code point */

/** The kind of the value whose first byte is `first`; JSON_NUMBER for all that no other begins
 * with. */
static inline enum json_kind json_kind_of(uint8_t first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE_VALUE;
    case 'f':
        return JSON_FALSE_VALUE;
    case 'n':
        return JSON_NULL_VALUE;
    default:
        return JSON_NUMBER;
    }
}

/** The first byte of p..end that is not white space (RFC 8259 section 2), or end. */
static inline const uint8_t *json_skip_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* Eight bytes at once, the first in the lowest byte. */
#define JSON_EACH_BYTE (~UINT64_C(0) / 255) /* 0x0101... */
#define JSON_HIGH_BITS (JSON_EACH_BYTE * 0x80)

static inline uint64_t json_load(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
}

/* The high bit of each byte that is zero; bytes above such a one may show it falsely. */
static inline uint64_t json_zero_byte(uint64_t word)
{
    return (word - JSON_EACH_BYTE) & ~word & JSON_HIGH_BITS;
}

/* The high bit of the first byte that ends plain text, perhaps more above it; 0: none does. */
static inline uint64_t json_special_byte(uint64_t word)
{
    const uint64_t control = (word - JSON_EACH_BYTE * 0x20) & ~word & JSON_HIGH_BITS;

    return json_zero_byte(word ^ JSON_EACH_BYTE * '"') |
           json_zero_byte(word ^ JSON_EACH_BYTE * '\\') | control;
}

/**
 * Run over a string's plain bytes.
 *
 * @param ascii  cleared when a byte above 0x7f was passed; else left alone
 * @return the first byte that is a quote, a backslash or a control character, or end
 */
static inline const uint8_t *json_plain_end(const uint8_t *p, const uint8_t *end, bool *ascii)
{
    uint64_t seen = 0;

    while (end - p >= 8) {
        const uint64_t word = json_load(p);
        const uint64_t special = json_special_byte(word);
        if (special != 0) {
            const int bits = __builtin_ctzll(special) & ~7; /* of the bytes in front of it */
            seen |= word & ((UINT64_C(1) << bits) - 1);
            p += bits / 8;
            end = p;
            break;
        }
        seen |= word;
        p += 8;
    }
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20)
        seen |= *p++;
    if ((seen & JSON_HIGH_BITS) != 0)
        *ascii = false;
    return p;
}

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
