/* Aims at hex_decode() and hex_encode() in base/text.c. The first byte is the length that is asked
 * for. */
#include <stdlib.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void decode(struct bytes text, size_t len)
{
    CLEANUP(buf_clear) struct buf again = BUF_INIT(512);
    struct err err = ERR_INIT;
    uint8_t raw[255];

    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = 0xa5;
    int r = hex_decode(raw, len, text, &err);
    for (size_t i = 0; i < sizeof(raw); i++)
        need(i < len ? r == 0 || raw[i] == 0 : raw[i] == 0xa5);
    need(err.code == (r == 0 ? ERR_NONE : ERR_MALFORMED));
    if (r != 0)
        return;
    hex_encode(&again, (struct bytes) { raw, len });
    need(bytes_equal(buf_bytes(&again), text));
}

static void round_trip(struct bytes raw)
{
    CLEANUP(buf_clear) struct buf text = BUF_INIT(512);
    uint8_t back[255];

    hex_encode(&text, raw);
    need(text.len == raw.len * 2);
    need(hex_decode(back, raw.len, buf_bytes(&text), NULL) == 0);
    need(bytes_equal((struct bytes) { back, raw.len }, raw));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes rest = { data + 1, size - 1 };
    decode(rest, data[0]);
    round_trip(bytes_part(rest, 0, 255));
    return 0;
}
