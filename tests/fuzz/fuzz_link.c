/* Aims at link_next() in registry/link.c. */
#include <stdlib.h>

#include "base/limits.h"
#include "registry/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = ERR_INIT;
    struct bytes target;

    if (link_next(&target, (struct bytes) { data, size }, &err) != 0) {
        need(target.len == 0 && (err.code == ERR_MALFORMED || err.code == ERR_LIMIT));
        return 0;
    }
    need(err.code == ERR_NONE && target.len <= URL_MAX);
    if (target.len == 0)
        return 0;
    need(target.data > data && target.data + target.len < data + size);
    need(target.data[-1] == '<' && target.data[target.len] == '>');
    for (size_t i = 0; i < target.len; i++)
        need(target.data[i] > ' ' && target.data[i] < 0x7f);
    return 0;
}
