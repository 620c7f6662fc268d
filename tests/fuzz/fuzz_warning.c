/* Aims at warning_next() in registry/warning.c: it comes to an end, gives out nothing empty and
 * nothing longer than its ceiling, and no more than it was given. */
#include <stdlib.h>

#include "registry/warning.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_clear) struct buf text = BUF_INIT(2 * WARNING_TEXT_MAX);
    struct bytes rest = { data, size };
    size_t left = size;

    while (warning_next(&text, &rest)) {
        if (text.len == 0 || text.len > WARNING_TEXT_MAX || rest.len >= left ||
            text.len >= left - rest.len)
            abort();
        left = rest.len;
    }
    return 0;
}
