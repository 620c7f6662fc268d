/* Aims at registry/layout_index.c: index.json of an image layout. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "registry/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct layout_index *index, const struct layout_entry *e)
{
    const struct layout_entry *found;
    struct err err = ERR_INIT;

    if (e->descriptor.media_type == NULL || e->descriptor.size < 0)
        abort();
    if (e->name == NULL)
        return;
    if (!text_plain(bytes_text(e->name)))
        abort();
    /* Found under its name, or the name is refused: never another image. */
    if (layout_index_find(&found, index, e->name, &err) == 0) {
        if (!digest_equal(&found->descriptor.digest, &e->descriptor.digest))
            abort();
    } else if (found != NULL || err.code != ERR_MALFORMED) {
        abort();
    }
}

static void check_index(struct bytes text)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * MIB);
    struct layout_index index;
    struct err err = ERR_INIT;

    if (layout_index_parse(&index, text, &arena, &err) != 0) {
        if (index.n != 0 || index.entries != NULL || err.code == ERR_NONE ||
            err_text(&err)[0] == '\0')
            abort();
        return;
    }
    for (size_t i = 0; i < index.n && i < 64; i++)
        check_entry(&index, &index.entries[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    check_index((struct bytes) { copy, size });
    free(copy);
    return 0;
}
