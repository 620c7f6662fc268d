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

static int entry_parse(struct layout_entry *e, struct json_view value, struct arena *arena,
                       struct err *err)
{
    if (descriptor_parse(&e->descriptor, value, "entry", arena, err) != 0 ||
        entry_name(&e->name, &e->descriptor, arena, err) != 0)
        return -1;
    return annotation_get(&e->kind, e->descriptor.annotations, LAYOUT_KIND, arena, err);
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
        if (entry_parse(&out->entries[i], value, arena, err) != 0)
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

/* What cosign writes beside the image, by the tag that it has in a registry. */
static const struct attached {
    const char *suffix;
    const char *kind;
} attached[] = {
    { ".sig", "dev.cosignproject.cosign/sigs" },
    { ".att", "dev.cosignproject.cosign/atts" },
};

bool layout_entry_is_attached(const struct layout_entry *entry)
{
    for (size_t i = 0; entry->kind != NULL && i < ARRAY_LEN(attached); i++)
        if (strcmp(entry->kind, attached[i].kind) == 0)
            return true;
    return false;
}

const struct digest *layout_index_saved(const struct layout_index *index)
{
    static const char *const images[] = { "dev.cosignproject.cosign/image",
                                          "dev.cosignproject.cosign/imageIndex" };
    const struct digest *found = NULL;

    for (size_t i = 0; i < index->n; i++) {
        const struct layout_entry *e = &index->entries[i];
        if (e->kind == NULL || (strcmp(e->kind, images[0]) != 0 && strcmp(e->kind, images[1]) != 0))
            continue;
        /* What is beside two images could belong to either. */
        if (found != NULL && !digest_equal(found, &e->descriptor.digest))
            return NULL;
        found = &e->descriptor.digest;
    }
    return found;
}

/* The kind of entry that stands for the tag, or NULL. */
static const char *kind_of_tag(const struct layout_index *index, const char *tag)
{
    const struct digest *image = layout_index_saved(index);
    char text[DIGEST_TAG_MAX];

    for (size_t i = 0; image != NULL && i < ARRAY_LEN(attached); i++) {
        digest_tag(text, image, attached[i].suffix);
        if (strcmp(text, tag) == 0)
            return attached[i].kind;
    }
    return NULL;
}

/* The one entry whose text is this; NULL when there is none. */
static int find_one(const struct layout_entry **out, const struct layout_index *index, bool by_kind,
                    const char *text, struct err *err)
{
    *out = NULL;
    for (size_t i = 0; text != NULL && i < index->n; i++) {
        const struct layout_entry *e = &index->entries[i];
        const char *own = by_kind ? e->kind : e->name;
        if (own == NULL || strcmp(own, text) != 0)
            continue;
        if (*out != NULL && !digest_equal(&(*out)->descriptor.digest, &e->descriptor.digest)) {
            *out = NULL;
            return err_set(err, ERR_MALFORMED, "\"%s\" is the %s of two different images", text,
                           by_kind ? "kind" : "name");
        }
        *out = e;
    }
    return 0;
}

int layout_index_find(const struct layout_entry **out, const struct layout_index *index,
                      const char *name, struct err *err)
{
    if (find_one(out, index, false, name, err) != 0)
        return -1;
    if (*out == NULL && find_one(out, index, true, kind_of_tag(index, name), err) != 0)
        return -1;
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
