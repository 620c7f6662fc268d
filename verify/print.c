#include "verify/print.h"

#include "base/limits.h"
#include "base/text.h"

#define PIECE (48 * KIB) /* a multiple of 3, so that the pieces' base64 joins */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* From the opening quote to the closing one: the index behind it. */
static size_t string_end(struct bytes text, size_t at)
{
    for (at++; at < text.len && text.data[at] != '"'; at++)
        at += text.data[at] == '\\';
    return at + 1;
}

/* Runs without white space are written whole. */
void print_json_line(FILE *to, struct json_view value)
{
    const struct bytes text = value.raw;
    size_t from = 0;

    for (size_t at = 0; at < text.len;) {
        if (text.data[at] == '"') {
            at = string_end(text, at);
            continue;
        }
        if (is_space(text.data[at])) {
            fwrite(text.data + from, 1, at - from, to);
            from = at + 1;
        }
        at++;
    }
    fwrite(text.data + from, 1, text.len - from, to);
    putc('\n', to);
}

int print_base64(FILE *to, struct bytes content, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(2 * PIECE);

    for (size_t at = 0; at < content.len; at += PIECE) {
        buf_reset(&text);
        base64_encode(&text, bytes_part(content, at, PIECE), BASE64_STANDARD);
        if (buf_check(&text, "base64", err) != 0)
            return -1;
        fwrite(text.data, 1, text.len, to);
    }
    return 0;
}
