/* Aims at pem_find, pem_decode and key_box_parse: everything of a key file before scrypt. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "keys/key_box.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { data, size };
    struct key_box CLEANUP(key_box_clear) box;
    struct err err = ERR_INIT;

    if (key_box_parse(&box, text, &err) != 0) {
        if (err.code != ERR_CONFIG && err.code != ERR_UNSUPPORTED)
            abort();
        if (box.salt.len != 0 || box.ciphertext.len != 0 || box.cost != 0)
            abort();
        return 0;
    }
    if (err.code != ERR_NONE || !key_box_is(text) || size > KEY_FILE_MAX)
        abort();
    if (box.cost != 32768 && box.cost != 65536 && box.cost != 131072)
        abort();
    if (box.ciphertext.len < 16)
        abort();
    return 0;
}
