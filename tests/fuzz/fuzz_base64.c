/* Aims at base64_decode() and base64_encode() in base/text.c. The first byte picks the form. */
#include <stdlib.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static bool has_any(struct bytes text, const char *chars)
{
    for (size_t i = 0; i < text.len; i++)
        for (const char *c = chars; *c != '\0'; c++)
            if (text.data[i] == (uint8_t)*c)
                return true;
    return false;
}

/* The text that an accepted input has to be, letter by letter. */
static void write_again(struct buf *out, struct bytes raw, struct bytes text, enum base64_form form)
{
    bool url = form == BASE64_URL_UNPADDED || (form == BASE64_ANY && has_any(text, "-_"));
    bool padded = form == BASE64_STANDARD || (form == BASE64_ANY && has_any(text, "="));

    base64_encode(out, raw, url ? BASE64_URL_UNPADDED : BASE64_STANDARD);
    if (!url && !padded)
        while (out->len > 0 && out->data[out->len - 1] == '=')
            out->len--;
    if (url && padded)
        while (out->len % 4 != 0)
            buf_add_char(out, '=');
}

static void decode(struct bytes text, enum base64_form form)
{
    CLEANUP(buf_clear) struct buf raw = BUF_INIT(text.len);
    CLEANUP(buf_clear) struct buf again = BUF_INIT(text.len + 8);
    struct err err = ERR_INIT;
    int r = base64_decode(&raw, text, form, &err);

    need(raw.state == BUF_FINE);
    if (r != 0) {
        need(err.code == ERR_MALFORMED && raw.len == 0);
        return;
    }
    need(err.code == ERR_NONE);
    write_again(&again, buf_bytes(&raw), text, form);
    need(again.state == BUF_FINE && bytes_equal(buf_bytes(&again), text));
}

static void round_trip(struct bytes raw, enum base64_form form)
{
    CLEANUP(buf_clear) struct buf text = BUF_INIT(raw.len * 2 + 8);
    CLEANUP(buf_clear) struct buf back = BUF_INIT(raw.len);

    base64_encode(&text, raw, form);
    need(text.state == BUF_FINE);
    need(base64_decode(&back, buf_bytes(&text), form, NULL) == 0);
    need(bytes_equal(buf_bytes(&back), raw));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes rest = { data + 1, size - 1 };
    enum base64_form form = (enum base64_form)(data[0] % 3);
    decode(rest, form);
    round_trip(rest, form);
    return 0;
}
