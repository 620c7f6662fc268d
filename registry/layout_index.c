#include "registry/layout_private.h"

#include <string.h>

#include "base/text.h"

/* Names go to terminals and into lists of lines: plain text only. */
static int entry_name(const char **out, const struct descriptor *d, struct arena *arena,
                      struct err *err)
{
    if (annotation_get(out, d->annotations, LAYOUT_REF_NAME, arena, err) != 0)
        return -1;
    if (*out != NULL && !text_plain(bytes_text(*out)))
        return err_set(err, ERR_MALFORMED, "a name holds control characters");
    return 0;
}

static int parse_entries(struct layout_index *out, struct json_view manifests, struct arena *arena,
                         struct err *err)
{
    struct json_walk walk = json_walk(manifests);
    struct json_view value;
    size_t n = json_count(manifests);

    if (n > LAYOUT_ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d entries", LAYOUT_ENTRIES_MAX);
    if (n == 0)
        return 0;
    out->entries = arena_new(arena, n, sizeof(*out->entries), err);
    if (out->entries == NULL)
        return -1;
    for (size_t i = 0; i < n && json_next(&walk, NULL, &value); i++) {
        struct layout_entry *e = &out->entries[i];
        if (descriptor_parse(&e->descriptor, value, "entry", arena, err) != 0 ||
            entry_name(&e->name, &e->descriptor, arena, err) != 0)
            return err_wrap(err, "manifests[%zu]", i);
        out->n = i + 1;
    }
    return 0;
}

/* image-spec "OCI Image Layout", index.json: an image index. Unknown members are kept and ignored.
 */
int layout_index_parse(struct layout_index *out, struct bytes text, struct arena *arena,
                       struct err *err)
{
    struct json_view root, version = JSON_VIEW_NONE, type = JSON_VIEW_NONE,
                           manifests = JSON_VIEW_NONE;
    const struct json_member members[] = {
        { "schemaVersion", &version, JSON_NUMBER, true },
        { "mediaType", &type, JSON_STRING, false },
        { "manifests", &manifests, JSON_ARRAY, true },
    };
    int64_t number;

    *out = (struct layout_index) { NULL, 0 };
    if (json_scan(&root, text, err) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_IGNORED, "index", err) != 0 ||
        json_integer(&number, version, 0, INT32_MAX, "schemaVersion", err) != 0)
        return -1;
    if (number != 2)
        return err_set(err, ERR_UNSUPPORTED, "schemaVersion is %lld, not 2", (long long)number);
    if (type.kind == JSON_STRING && !json_string_is(type, BYTES_LIT(TYPE_OCI_INDEX)))
        return err_set(err, ERR_MALFORMED, "mediaType is not that of an image index");
    if (parse_entries(out, manifests, arena, err) != 0) {
        *out = (struct layout_index) { NULL, 0 };
        return -1;
    }
    return 0;
}

int layout_index_find(const struct layout_entry **out, const struct layout_index *index,
                      const char *name, struct err *err)
{
    *out = NULL;
    for (size_t i = 0; i < index->n; i++) {
        const struct layout_entry *e = &index->entries[i];
        if (e->name == NULL || strcmp(e->name, name) != 0)
            continue;
        if (*out != NULL && !digest_equal(&(*out)->descriptor.digest, &e->descriptor.digest)) {
            *out = NULL;
            return err_set(err, ERR_MALFORMED, "\"%s\" is the name of two different images", name);
        }
        *out = e;
    }
    return *out != NULL ? 0 : err_set(err, ERR_NOT_FOUND, "no image has the name \"%s\"", name);
}

void layout_snapshot_init(struct layout_snapshot *s)
{
    *s = (struct layout_snapshot) { .text = BUF_INIT(LAYOUT_INDEX_MAX),
                                    .arena = ARENA_INIT(LAYOUT_ARENA_MAX) };
}

void layout_snapshot_clear(struct layout_snapshot *s)
{
    buf_clear(&s->text);
    arena_clear(&s->arena);
    s->index = (struct layout_index) { NULL, 0 };
}

int layout_snapshot_read(struct layout_snapshot *s, const struct layout *l, struct err *err)
{
    layout_snapshot_clear(s);
    if (layout_read_file(&s->text, &s->stat, l, "index.json", err) != 0)
        return -1;
    if (layout_index_parse(&s->index, buf_bytes(&s->text), &s->arena, err) != 0)
        return err_wrap(err, "%s/index.json", layout_path(l));
    return 0;
}
