/* Aims at manifest_parse(), index_parse() and annotation_get() in registry/manifest.c. One byte
 * string is never read as two things. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "registry/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void check_descriptor(const struct descriptor *d)
{
    need(d->media_type != NULL && d->media_type[0] != 0 && strlen(d->media_type) <= MEDIA_TYPE_MAX);
    need(d->size >= 0 && d->size <= (int64_t)1 << 53);
    need(d->digest.alg == HASH_SHA256 || d->digest.alg == HASH_SHA512);
    need(d->raw.kind == JSON_OBJECT);
}

static void check(const struct manifest *m, struct arena *arena)
{
    const char *text;

    need(m->kind == MANIFEST_INDEX ? media_type_is_index(m->media_type)
                                   : media_type_is_manifest(m->media_type));
    need(m->n <= INDEX_CHILDREN_MAX && json_count(m->annotations) <= ANNOTATIONS_MAX);
    need((m->kind == MANIFEST_IMAGE) == (m->config.media_type != NULL));
    if (m->kind == MANIFEST_IMAGE)
        check_descriptor(&m->config);
    for (size_t i = 0; i < m->n; i++)
        check_descriptor(&m->entries[i]);
    if (m->subject != NULL)
        check_descriptor(m->subject);
    need(annotation_get(&text, m->annotations, "k", arena, NULL) == 0);
}

static bool parse(struct manifest *m, struct bytes body, const char *type, struct arena *arena)
{
    struct err err = ERR_INIT;
    int r = manifest_parse(m, body, type, arena, &err);

    need((r == 0) == (err.code == ERR_NONE));
    if (r == 0) {
        check(m, arena);
        return true;
    }
    need(m->media_type == NULL && m->entries == NULL && m->n == 0);
    need(err.code == ERR_MALFORMED || err.code == ERR_UNSUPPORTED || err.code == ERR_LIMIT);
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = { TYPE_OCI_MANIFEST, TYPE_OCI_INDEX, TYPE_DOCKER_MANIFEST,
                                         TYPE_DOCKER_LIST };
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(64 * MIB);
    struct bytes body = { data, size };
    struct manifest m;
    bool image = false, index = false;

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (!parse(&m, body, types[i], &arena))
            continue;
        image = image || m.kind == MANIFEST_IMAGE;
        index = index || m.kind == MANIFEST_INDEX;
    }
    need(!(image && index));
    if (parse(&m, body, NULL, &arena))
        need(m.kind == MANIFEST_IMAGE ? image : index);
    bool list = index_parse(&m, body, INDEX_CHILDREN_MAX, &arena, NULL) == 0;
    need(!list || (index && m.kind == MANIFEST_INDEX));
    return 0;
}
