#include "keys/der.h"

#include "base/cleanup.h"

#define LENGTH_BYTES_MAX 3 /* 16 MiB: far above any key */

/* X.690 10.1: the length in as few bytes as it takes. */
static bool take_length(struct bytes *in, size_t *len)
{
    if (in->len == 0)
        return false;
    size_t value = in->data[0];
    *in = bytes_part(*in, 1, in->len - 1);
    if (value < 0x80) {
        *len = value;
        return true;
    }
    size_t n = value & 0x7f;
    if (n == 0 || n > LENGTH_BYTES_MAX || in->len < n || in->data[0] == 0)
        return false;
    value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | in->data[i];
    *in = bytes_part(*in, n, in->len - n);
    *len = value;
    return value >= 0x80;
}

bool der_take(struct bytes *in, uint8_t tag, struct bytes *content)
{
    struct bytes rest = *in;
    size_t len = 0;

    *content = BYTES_NONE;
    if (rest.len == 0 || rest.data[0] != tag)
        return false;
    rest = bytes_part(rest, 1, rest.len - 1);
    if (!take_length(&rest, &len) || len > rest.len)
        return false;
    *content = bytes_part(rest, 0, len);
    *in = bytes_part(rest, len, rest.len - len);
    return true;
}

bool der_take_unsigned(struct bytes *in, struct bytes *value)
{
    struct bytes rest = *in;
    struct bytes content;

    *value = BYTES_NONE;
    if (!der_take(&rest, DER_INTEGER, &content) || content.len == 0 || content.data[0] >= 0x80)
        return false;
    if (content.len > 1 && content.data[0] == 0) {
        if (content.data[1] < 0x80)
            return false;
        content = bytes_part(content, 1, content.len - 1);
    }
    *value = content;
    *in = rest;
    return true;
}

bool der_take_bits(struct bytes *in, struct bytes *value)
{
    struct bytes rest = *in;
    struct bytes content;

    *value = BYTES_NONE;
    if (!der_take(&rest, DER_BIT_STRING, &content) || content.len == 0 || content.data[0] != 0)
        return false;
    *value = bytes_part(content, 1, content.len - 1);
    *in = rest;
    return true;
}

static void put_header(struct buf *out, uint8_t tag, size_t len)
{
    buf_add_char(out, (char)tag);
    if (len >= 0x100)
        buf_add_char(out, (char)0x82);
    else if (len >= 0x80)
        buf_add_char(out, (char)0x81);
    if (len >= 0x100)
        buf_add_char(out, (char)(len >> 8 & 0xff));
    buf_add_char(out, (char)(len & 0xff));
}

void der_put(struct buf *out, uint8_t tag, struct bytes content)
{
    put_header(out, tag, content.len);
    buf_add_bytes(out, content);
}

void der_put_unsigned(struct buf *out, struct bytes value)
{
    while (value.len > 1 && value.data[0] == 0)
        value = bytes_part(value, 1, value.len - 1);
    bool sign = value.len == 0 || value.data[0] >= 0x80;
    put_header(out, DER_INTEGER, value.len + (sign ? 1 : 0));
    if (sign)
        buf_add_char(out, 0);
    buf_add_bytes(out, value);
}
