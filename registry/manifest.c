#include "registry/manifest.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"

#define SIZE_LARGEST ((int64_t)1 << 53) /* every JSON reader agrees up to here (RFC 7493, 2.2) */
#define SHOWN_MAX 80                    /* of a type from outside, in messages */

#define TYPE_OCI_ARTIFACT "application/vnd.oci.artifact.manifest.v1+json"
#define TYPE_DOCKER_V1 "application/vnd.docker.distribution.manifest.v1+json"
#define TYPE_DOCKER_V1_SIGNED "application/vnd.docker.distribution.manifest.v1+prettyjws"

enum type_rule { TYPE_IMAGE, TYPE_INDEX, TYPE_REFUSED };

static const struct type_row {
    const char *name;
    enum type_rule rule;
    bool named_in_body; /* the mediaType member is mandatory (Docker schema 2) */
    size_t max;         /* of its entries */
} types[] = {
    { TYPE_OCI_MANIFEST, TYPE_IMAGE, false, SIGNATURE_LAYERS_MAX },
    { TYPE_OCI_INDEX, TYPE_INDEX, false, INDEX_CHILDREN_MAX },
    { TYPE_DOCKER_MANIFEST, TYPE_IMAGE, true, SIGNATURE_LAYERS_MAX },
    { TYPE_DOCKER_LIST, TYPE_INDEX, true, INDEX_CHILDREN_MAX },
    { TYPE_OCI_ARTIFACT, TYPE_REFUSED, false, 0 },
    { TYPE_DOCKER_V1, TYPE_REFUSED, false, 0 },
    { TYPE_DOCKER_V1_SIGNED, TYPE_REFUSED, false, 0 },
};

/* What servers say when they do not know (registry.md 2.5): no statement about the kind. */
static const char *const generic_types[] = { "", "application/json", "application/octet-stream",
                                             "binary/octet-stream", "text/plain" };

static const struct type_row *type_find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (text_equal_nocase(name, bytes_text(types[i].name)))
            return &types[i];
    return NULL;
}

static bool type_has_rule(const char *type, enum type_rule rule)
{
    const struct type_row *row = type == NULL ? NULL : type_find(bytes_text(type));

    return row != NULL && row->rule == rule;
}

bool media_type_is_index(const char *type)
{
    return type_has_rule(type, TYPE_INDEX);
}

bool media_type_is_manifest(const char *type)
{
    return type_has_rule(type, TYPE_IMAGE);
}

static int string_get(const char **out, struct json_view view, const char *what,
                      struct arena *arena, struct err *err)
{
    struct bytes raw;
    struct buf CLEANUP(buf_clear) plain = BUF_INIT(view.raw.len); /* unescaping never lengthens */

    *out = NULL;
    if (json_string_raw(view, &raw)) {
        *out = arena_text(arena, raw, err);
    } else {
        if (json_string(&plain, view, what, err) != 0)
            return -1;
        *out = arena_text(arena, buf_bytes(&plain), err);
    }
    return *out == NULL ? -1 : 0;
}

/* A media type or artifact type; an optional one that is absent or empty is NULL. */
static int type_get(const char **out, struct json_view view, const char *what, struct arena *arena,
                    struct err *err)
{
    *out = NULL;
    if (view.kind == JSON_ABSENT || json_string_is(view, BYTES_NONE))
        return 0;
    if (view.raw.len > 6 * MEDIA_TYPE_MAX + 2) /* even when every character is \uXXXX */
        return err_set(err, ERR_LIMIT, "%s: longer than %d bytes", what, MEDIA_TYPE_MAX);
    if (string_get(out, view, what, arena, err) != 0)
        return -1;
    struct bytes text = bytes_text(*out);
    if (text.len <= MEDIA_TYPE_MAX && text_plain(text))
        return 0;
    *out = NULL;
    if (text.len > MEDIA_TYPE_MAX)
        return err_set(err, ERR_LIMIT, "%s: longer than %d bytes", what, MEDIA_TYPE_MAX);
    return err_set(err, ERR_MALFORMED, "%s: holds control characters", what);
}

static int check_annotations(struct json_view annotations, struct err *err)
{
    if (json_count(annotations) > ANNOTATIONS_MAX)
        return err_set(err, ERR_LIMIT, "annotations: more than %d", ANNOTATIONS_MAX);
    return 0;
}

int annotation_get(const char **out, struct json_view annotations, const char *name,
                   struct arena *arena, struct err *err)
{
    struct json_walk walk = json_walk(annotations);
    struct json_view key, value;
    struct bytes wanted = bytes_text(name);

    *out = NULL;
    if (annotations.kind != JSON_OBJECT)
        return 0;
    while (json_next(&walk, &key, &value))
        if (json_string_is(key, wanted))
            return value.kind == JSON_STRING ? string_get(out, value, "annotation", arena, err) : 0;
    return 0;
}

static int parse_platform(struct descriptor *d, struct json_view view, struct arena *arena,
                          struct err *err)
{
    struct json_view os = JSON_VIEW_NONE, architecture = JSON_VIEW_NONE, variant = JSON_VIEW_NONE;
    const struct json_member members[] = {
        { "os", &os, JSON_STRING, false },
        { "architecture", &architecture, JSON_STRING, false },
        { "variant", &variant, JSON_STRING, false },
    };

    if (view.kind == JSON_ABSENT)
        return 0;
    /* os.version, os.features and what comes later do not choose what is judged. */
    if (json_members(view, members, ARRAY_LEN(members), JSON_REST_IGNORED, "platform", err) != 0 ||
        type_get(&d->os, os, "platform: os", arena, err) != 0 ||
        type_get(&d->architecture, architecture, "platform: architecture", arena, err) != 0)
        return -1;
    return type_get(&d->variant, variant, "platform: variant", arena, err);
}

static int parse_digest(struct digest *out, struct json_view view, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(view.raw.len);

    if (json_string(&text, view, "digest", err) != 0)
        return -1;
    return digest_parse(out, buf_bytes(&text), err);
}

static int parse_descriptor(struct descriptor *d, struct json_view view, struct arena *arena,
                            struct err *err)
{
    struct json_view media_type = JSON_VIEW_NONE, digest = JSON_VIEW_NONE, size = JSON_VIEW_NONE;
    struct json_view artifact = JSON_VIEW_NONE, platform = JSON_VIEW_NONE, ignored = JSON_VIEW_NONE;
    const struct json_member members[] = {
        { "mediaType", &media_type, JSON_STRING, true },
        { "digest", &digest, JSON_STRING, true },
        { "size", &size, JSON_NUMBER, true },
        { "artifactType", &artifact, JSON_STRING, false },
        { "annotations", &d->annotations, JSON_OBJECT, false },
        { "platform", &platform, JSON_OBJECT, false },
        /* Never followed, never used (registry.md 2.2, 9.3); here so that other spellings are
         * refused. */
        { "urls", &ignored, JSON_ABSENT, false },
        { "data", &ignored, JSON_ABSENT, false },
    };

    if (json_members(view, members, ARRAY_LEN(members), JSON_REST_IGNORED, "descriptor", err) !=
            0 ||
        type_get(&d->media_type, media_type, "mediaType", arena, err) != 0 ||
        type_get(&d->artifact_type, artifact, "artifactType", arena, err) != 0 ||
        parse_digest(&d->digest, digest, err) != 0 ||
        json_integer(&d->size, size, 0, SIZE_LARGEST, "size", err) != 0 ||
        parse_platform(d, platform, arena, err) != 0 || check_annotations(d->annotations, err) != 0)
        return -1;
    if (d->media_type == NULL)
        return err_set(err, ERR_MALFORMED, "mediaType is empty");
    d->raw = view;
    return 0;
}

int descriptor_parse(struct descriptor *out, struct json_view view, const char *what,
                     struct arena *arena, struct err *err)
{
    struct descriptor d = { 0 };

    *out = (struct descriptor) { 0 };
    if (parse_descriptor(&d, view, arena, err) != 0)
        return err_wrap(err, "%s", what);
    *out = d;
    return 0;
}

/* The members that tell what a document is, all of any kind: even a null `manifests` beside
 * `layers` is one document that could be read as two. */
struct document {
    struct json_view schema, media_type, artifact_type;
    struct json_view config, layers, manifests, subject, annotations;
    struct json_view fs_layers, history; /* schema 1 */
    size_t max;                          /* of layers or manifests that are read */
    bool null_is_empty;                  /* a list that is null has no entries */
};

static int read_members(struct document *doc, struct bytes body, struct err *err)
{
    struct json_view root;
    const struct json_member members[] = {
        { "schemaVersion", &doc->schema, JSON_NUMBER, false },
        { "mediaType", &doc->media_type, JSON_STRING, false },
        { "artifactType", &doc->artifact_type, JSON_STRING, false },
        { "config", &doc->config, JSON_ABSENT, false },
        { "layers", &doc->layers, JSON_ABSENT, false },
        { "manifests", &doc->manifests, JSON_ABSENT, false },
        { "subject", &doc->subject, JSON_OBJECT, false },
        { "annotations", &doc->annotations, JSON_OBJECT, false },
        { "fsLayers", &doc->fs_layers, JSON_ABSENT, false },
        { "history", &doc->history, JSON_ABSENT, false },
    };
    int64_t version = 0;

    if (body.len > MANIFEST_MAX)
        return err_set(err, ERR_LIMIT, "larger than %zu bytes", MANIFEST_MAX);
    /* Unknown members are ignored: image-spec "Extensibility". */
    if (json_scan(&root, body, err) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_IGNORED, "document", err) != 0)
        return -1;
    if (doc->manifests.kind != JSON_ABSENT &&
        (doc->config.kind != JSON_ABSENT || doc->layers.kind != JSON_ABSENT ||
         doc->fs_layers.kind != JSON_ABSENT || doc->history.kind != JSON_ABSENT))
        return err_set(err, ERR_MALFORMED, "ambiguous: it is an index and an image manifest");
    if (doc->schema.kind == JSON_ABSENT)
        return err_set(err, ERR_MALFORMED, "schemaVersion is missing");
    if (json_integer(&version, doc->schema, 1, 2, "schemaVersion", err) != 0)
        return -1;
    if (version == 1)
        return err_set(err, ERR_UNSUPPORTED, "Docker schema 1 is obsolete and not supported");
    return check_annotations(doc->annotations, err);
}

static int unknown_type(struct bytes type, struct err *err)
{
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(SHOWN_MAX * 4);

    text_escape(&shown, type, SHOWN_MAX);
    return err_set(err, ERR_UNSUPPORTED, "type \"%s\" is not supported", buf_text(&shown));
}

/* A Content-Type without its parameters and blanks (RFC 9110 section 8.3.1). */
static struct bytes bare_type(const char *content_type)
{
    struct bytes type = bytes_text(content_type);
    const char *end = content_type == NULL ? NULL : strchr(content_type, ';');

    if (end != NULL)
        type.len = (size_t)(end - content_type);
    while (type.len > 0 && (type.data[type.len - 1] == ' ' || type.data[type.len - 1] == '\t'))
        type.len--;
    while (type.len > 0 && (type.data[0] == ' ' || type.data[0] == '\t'))
        type = bytes_part(type, 1, type.len);
    for (size_t i = 0; i < ARRAY_LEN(generic_types); i++)
        if (text_equal_nocase(type, bytes_text(generic_types[i])))
            return BYTES_NONE;
    return type;
}

/* What the document is: Content-Type first, confirmed by mediaType, then by the shape. */
static int decide_type(const struct type_row **out, const struct document *doc,
                       const char *content_type, struct err *err)
{
    struct bytes outer = bare_type(content_type);
    struct buf CLEANUP(buf_clear) inner = BUF_INIT(doc->media_type.raw.len);

    if (doc->media_type.kind != JSON_ABSENT &&
        json_string(&inner, doc->media_type, "mediaType", err) != 0)
        return -1;
    if (doc->media_type.kind != JSON_ABSENT && outer.len > 0 &&
        !text_equal_nocase(outer, buf_bytes(&inner)))
        return err_set(err, ERR_MALFORMED, "its mediaType is not the type it was served as");
    struct bytes type = outer.len > 0 ? outer : buf_bytes(&inner);
    if (doc->media_type.kind == JSON_ABSENT && outer.len == 0)
        type = bytes_text(doc->manifests.kind != JSON_ABSENT ? TYPE_OCI_INDEX : TYPE_OCI_MANIFEST);
    const struct type_row *row = type_find(type);
    if (row == NULL || row->rule == TYPE_REFUSED)
        return unknown_type(type, err);
    if (row->named_in_body && doc->media_type.kind == JSON_ABSENT)
        return err_set(err, ERR_MALFORMED, "mediaType is missing");
    *out = row;
    return 0;
}

static int parse_entries(struct manifest *m, const struct document *doc, struct arena *arena,
                         struct err *err)
{
    const bool index = m->kind == MANIFEST_INDEX;
    const char *what = index ? "manifests" : "layers";
    struct json_view list = index ? doc->manifests : doc->layers;
    struct json_walk walk = json_walk(list);
    struct json_view item;
    size_t n = json_count(list);

    if (doc->null_is_empty && list.kind == JSON_NULL_VALUE)
        return 0;
    if (list.kind != JSON_ARRAY)
        return err_set(err, ERR_MALFORMED, "%s %s", what,
                       list.kind == JSON_ABSENT ? "is missing" : "is not an array");
    if (n > doc->max)
        return err_set(err, ERR_LIMIT, "%s: more than %zu", what, doc->max);
    if (n == 0)
        return 0;
    m->entries = arena_new(arena, n, sizeof(*m->entries), err);
    if (m->entries == NULL)
        return -1;
    while (json_next(&walk, NULL, &item)) {
        if (parse_descriptor(&m->entries[m->n], item, arena, err) != 0)
            return err_wrap(err, "%s[%zu]", what, m->n);
        m->n++;
    }
    return 0;
}

static int parse_document(struct manifest *m, const struct document *doc, struct arena *arena,
                          struct err *err)
{
    const bool index = m->kind == MANIFEST_INDEX;

    if (!index && doc->manifests.kind != JSON_ABSENT)
        return err_set(err, ERR_MALFORMED, "an image manifest with manifests");
    if (!index && doc->config.kind == JSON_ABSENT)
        return err_set(err, ERR_MALFORMED, "config is missing");
    if (!index && descriptor_parse(&m->config, doc->config, "config", arena, err) != 0)
        return -1;
    if (parse_entries(m, doc, arena, err) != 0 ||
        type_get(&m->artifact_type, doc->artifact_type, "artifactType", arena, err) != 0)
        return -1;
    if (m->artifact_type == NULL)
        m->artifact_type = m->config.media_type; /* NULL in an index */
    m->annotations = doc->annotations;
    if (doc->subject.kind == JSON_ABSENT)
        return 0;
    m->subject = arena_new(arena, 1, sizeof(*m->subject), err);
    if (m->subject == NULL)
        return -1;
    return descriptor_parse(m->subject, doc->subject, "subject", arena, err);
}

int manifest_parse(struct manifest *out, struct bytes body, const char *content_type,
                   struct arena *arena, struct err *err)
{
    struct document doc = { 0 };
    struct manifest m = { 0 };
    const struct type_row *row = NULL;

    *out = (struct manifest) { 0 };
    if (read_members(&doc, body, err) != 0 || decide_type(&row, &doc, content_type, err) != 0)
        return err_wrap(err, "manifest");
    m.kind = row->rule == TYPE_INDEX ? MANIFEST_INDEX : MANIFEST_IMAGE;
    m.media_type = row->name;
    doc.max = row->max;
    if (parse_document(&m, &doc, arena, err) != 0)
        return err_wrap(err, "%s", m.kind == MANIFEST_INDEX ? "index" : "manifest");
    *out = m;
    return 0;
}

int index_parse(struct manifest *out, struct bytes body, size_t max, struct arena *arena,
                struct err *err)
{
    struct document doc = { 0 };
    struct manifest m = { .kind = MANIFEST_INDEX };
    const struct type_row *row = NULL;

    *out = (struct manifest) { 0 };
    if (read_members(&doc, body, err) != 0 || decide_type(&row, &doc, NULL, err) != 0)
        return err_wrap(err, "index");
    if (row->rule != TYPE_INDEX)
        return err_set(err, ERR_MALFORMED, "index: it is an image manifest");
    m.media_type = row->name;
    doc.max = max;
    doc.null_is_empty = true; /* as Go servers write an empty list of referrers */
    if (parse_document(&m, &doc, arena, err) != 0)
        return err_wrap(err, "index");
    *out = m;
    return 0;
}
