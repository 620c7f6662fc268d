#include "base/json_lex.h"

#include <string.h>

#define ESCAPE_U_LEN 6 /* \uXXXX */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The unit of a \uXXXX at p, or -1. */
static int32_t utf16_unit(const uint8_t *p, const uint8_t *end)
{
    int32_t unit = 0;

    if (end - p < ESCAPE_U_LEN || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < ESCAPE_U_LEN; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t escape_u(uint32_t *point, const uint8_t *p, const uint8_t *end)
{
    int32_t unit = utf16_unit(p, end);

    if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return 0;
    if (unit < 0xd800 || unit > 0xdbff) {
        *point = (uint32_t)unit;
        return ESCAPE_U_LEN;
    }
    int32_t low = utf16_unit(p + ESCAPE_U_LEN, end);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *point = 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    return (size_t)2 * ESCAPE_U_LEN;
}

size_t json_escape(uint32_t *point, const uint8_t *p, const uint8_t *end)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char means[] = "\"\\/\b\f\n\r\t";

    *point = 0;
    if (end - p < 2 || p[1] == '\0')
        return 0;
    if (p[1] == 'u')
        return escape_u(point, p, end);
    const char *letter = strchr(letters, p[1]);
    if (letter == NULL)
        return 0;
    *point = (uint8_t)means[letter - letters];
    return 2;
}

size_t json_point_utf8(uint8_t out[JSON_POINT_BYTES], uint32_t point)
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (uint8_t)(lead[len] | point);
    return len;
}

void json_unescape(struct buf *out, struct bytes content)
{
    const uint8_t *p = content.data;
    const uint8_t *end = p + content.len;
    bool ascii = true;

    while (p < end) {
        const uint8_t *stop = json_plain_end(p, end, &ascii);
        buf_add(out, p, (size_t)(stop - p));
        uint32_t point;
        uint8_t utf8[JSON_POINT_BYTES];
        size_t len = json_escape(&point, stop, end);
        if (len == 0)
            return;
        buf_add(out, utf8, json_point_utf8(utf8, point));
        p = stop + len;
    }
}
