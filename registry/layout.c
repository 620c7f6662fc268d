#include "registry/layout_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define OCI_LAYOUT_MAX (4 * KIB) /* the file oci-layout: 30 bytes as written by everybody */

const char *layout_path(const struct layout *l)
{
    return l->store.repository.repository;
}

/* --- Fetching --- */

/* index.json, read once for a batch and only when something in it needs it. */
struct batch {
    const struct layout *layout;
    struct layout_snapshot snapshot;
    bool read;
};

static int batch_index(const struct layout_index **out, struct batch *b, struct err *err)
{
    if (!b->read && layout_snapshot_read(&b->snapshot, b->layout, err) != 0)
        return -1;
    b->read = true;
    *out = &b->snapshot.index;
    return 0;
}

static void set_media_type(struct fetch *f, const char *type)
{
    if (type != NULL)
        snprintf(f->media_type, sizeof(f->media_type), "%s", type);
}

static int take_blob(struct fetch *f, const struct layout *l, const struct digest *digest,
                     int64_t size)
{
    int result = f->probe ? layout_blob_probe(l, digest, size, &f->err)
                          : layout_blob_read(&f->body, l, digest, size, &f->err);

    if (result == 0)
        f->found = *digest;
    return result;
}

/* An image of its own: no referrer, no index under a fallback or signature tag. */
static int is_image(bool *yes, const struct layout *l, const struct layout_entry *e,
                    struct err *err)
{
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(LAYOUT_ARENA_MAX);
    const struct descriptor *d = &e->descriptor;
    struct manifest m;

    *yes = false;
    if (e->name != NULL &&
        (strncmp(e->name, "sha256-", 7) == 0 || strncmp(e->name, "sha512-", 7) == 0))
        return 0;
    if (layout_entry_is_attached(e) ||
        (!media_type_is_index(d->media_type) && !media_type_is_manifest(d->media_type)))
        return 0;
    if (layout_blob_read(&body, l, &d->digest, d->size, err) != 0 ||
        manifest_parse(&m, buf_bytes(&body), d->media_type, &arena, err) != 0)
        return -1;
    *yes = m.subject == NULL;
    return 0;
}

/* The image of a reference without tag and digest: the only one there is. */
static int only_image(const struct layout_entry **out, const struct layout *l,
                      const struct layout_index *index, struct err *err)
{
    *out = NULL;
    for (size_t i = 0; i < index->n; i++) {
        bool image;
        if (is_image(&image, l, &index->entries[i], err) != 0)
            return -1;
        if (!image)
            continue;
        if (*out != NULL &&
            !digest_equal(&(*out)->descriptor.digest, &index->entries[i].descriptor.digest)) {
            *out = NULL;
            return err_set(err, ERR_USAGE, "holds several images: add :TAG or @DIGEST");
        }
        *out = &index->entries[i];
    }
    return *out != NULL ? 0 : err_set(err, ERR_NOT_FOUND, "holds no image");
}

static int fetch_tag(struct fetch *f, struct batch *b)
{
    const struct layout_index *index;
    const struct layout_entry *e;

    if (batch_index(&index, b, &f->err) != 0)
        return -1;
    int found = f->tag != NULL ? layout_index_find(&e, index, f->tag, &f->err)
                               : only_image(&e, b->layout, index, &f->err);
    if (found != 0)
        return err_wrap(&f->err, "%s", layout_path(b->layout));
    if (take_blob(f, b->layout, &e->descriptor.digest, e->descriptor.size) != 0) {
        /* The name is there, so this is damage and not an answer. */
        if (f->err.code == ERR_NOT_FOUND)
            f->err.code = ERR_MALFORMED;
        return -1;
    }
    set_media_type(f, e->descriptor.media_type);
    return 0;
}

/* The type, where index.json tells it: older manifests do not say it themselves. */
static int fetch_manifest(struct fetch *f, struct batch *b)
{
    const struct layout_index *index;

    if (batch_index(&index, b, &f->err) != 0 || take_blob(f, b->layout, &f->digest, f->size) != 0)
        return -1;
    for (size_t i = 0; i < index->n; i++)
        if (digest_equal(&index->entries[i].descriptor.digest, &f->digest)) {
            set_media_type(f, index->entries[i].descriptor.media_type);
            break;
        }
    return 0;
}

static int fetch_referrers(struct fetch *f, struct batch *b)
{
    const struct layout_index *index;

    if (batch_index(&index, b, &f->err) != 0 ||
        layout_referrers(&f->body, b->layout, index, &f->digest, &f->err) != 0)
        return -1;
    set_media_type(f, TYPE_OCI_INDEX);
    return digest_of(&f->found, HASH_SHA256, buf_bytes(&f->body), &f->err);
}

static void fetch_one(struct fetch *f, struct batch *b)
{
    int result = 0;

    err_reset(&f->err);
    f->body = (struct buf)BUF_INIT(f->max > 0 ? f->max : MANIFEST_MAX);
    f->media_type[0] = '\0';
    f->found = (struct digest) { .alg = HASH_SHA256 };
    f->next = NULL;
    switch (f->what) {
    case FETCH_MANIFEST:
        result = fetch_manifest(f, b);
        break;
    case FETCH_TAG:
        result = fetch_tag(f, b);
        break;
    case FETCH_BLOB:
        result = take_blob(f, b->layout, &f->digest, f->size);
        break;
    case FETCH_REFERRERS:
        result = fetch_referrers(f, b);
        break;
    }
    if (result != 0)
        buf_clear(&f->body);
}

static void layout_fetch(struct store *s, struct fetch *fetches, size_t n, int64_t deadline)
{
    struct batch b = { .layout = (const struct layout *)s };

    (void)deadline; /* local files: no wait to bound */
    layout_snapshot_init(&b.snapshot);
    for (size_t i = 0; i < n; i++)
        fetch_one(&fetches[i], &b);
    layout_snapshot_clear(&b.snapshot);
}

/* --- The rest of the table --- */

static int layout_mount_blob(struct store *s, const struct store *from,
                             const struct store_blob *what, bool *done, int64_t deadline,
                             struct err *err)
{
    (void)from;
    (void)deadline;
    /* Layouts share nothing; what is here already needs no bytes. */
    *done = layout_blob_probe((const struct layout *)s, &what->digest, what->size, err) == 0;
    err_reset(err);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int layout_tags(struct store *s, struct buf *out, int64_t deadline, struct err *err)
{
    struct layout_snapshot CLEANUP(layout_snapshot_clear) now;
    size_t n = 0;

    (void)deadline;
    layout_snapshot_init(&now);
    if (layout_snapshot_read(&now, (const struct layout *)s, err) != 0)
        return -1;
    const char **CLEANUP(mem_freep) names = mem_new(now.index.n + 1, sizeof(*names), err);
    if (names == NULL)
        return -1;
    for (size_t i = 0; i < now.index.n; i++)
        if (now.index.entries[i].name != NULL)
            names[n++] = now.index.entries[i].name;
    qsort(names, n, sizeof(*names), compare_names);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            buf_addf(out, "%s\n", names[i]);
    return buf_check(out, "list of tags", err);
}

static void layout_free(struct store *s)
{
    struct layout *l = (struct layout *)s;

    file_closep(&l->dir);
    reference_clear(&l->store.repository);
    free(l);
}

static const struct store_ops layout_ops = {
    .fetch = layout_fetch,
    .blob_to_file = layout_blob_to_file,
    .put_blob = layout_put_blob,
    .mount_blob = layout_mount_blob,
    .put_manifest = layout_put_manifest,
    .put_referrer = layout_put_referrer,
    .remove_referrer = layout_remove_referrer,
    .tags = layout_tags,
    .delete_manifest = layout_delete_manifest,
    .free = layout_free,
};

/* --- Opening --- */

/* image-spec "oci-layout file": the marker of a layout, with its version. */
static int check_version(const struct layout *l, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(OCI_LAYOUT_MAX);
    struct json_view root, version = JSON_VIEW_NONE;
    const struct json_member members[] = { { "imageLayoutVersion", &version, JSON_STRING, true } };
    struct bytes number;
    struct stat st;

    if (layout_read_file(&text, &st, l, "oci-layout", err) != 0)
        return -1;
    if (json_scan(&root, buf_bytes(&text), err) != 0 ||
        json_members(root, members, 1, JSON_REST_IGNORED, "oci-layout", err) != 0)
        return err_wrap(err, "%s/oci-layout", layout_path(l));
    if (!json_string_raw(version, &number) || !bytes_starts(number, "1."))
        return err_set(err, ERR_UNSUPPORTED, "%s/oci-layout: not of version 1", layout_path(l));
    return 0;
}

static int open_dir(struct layout *l, bool write, struct err *err)
{
    const char *path = layout_path(l);

    if (write && mkdir(path, 0755) != 0 && errno != EEXIST)
        return err_sys(err, ERR_IO, errno, "%s", path);
    l->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->dir >= 0)
        return 0;
    if (errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "%s: no such folder", path);
    return err_sys(err, errno == ENOTDIR ? ERR_MALFORMED : ERR_IO, errno, "%s", path);
}

static int open_layout(struct layout *l, bool write, struct err *err)
{
    struct err version = ERR_INIT;

    if (open_dir(l, write, err) != 0)
        return -1;
    if (check_version(l, &version) == 0)
        return 0;
    if (version.code == ERR_NOT_FOUND && write)
        return layout_create(l, err);
    if (version.code == ERR_NOT_FOUND)
        return err_set(err, ERR_MALFORMED, "%s: not an OCI layout: the file oci-layout is missing",
                       layout_path(l));
    return err_set(err, version.code, "%s", err_text(&version));
}

int layout_open(struct store **out, const struct reference *ref, bool write, struct err *err)
{
    struct layout *l = mem_new(1, sizeof(*l), err);

    *out = NULL;
    if (l == NULL)
        return -1;
    l->dir = -1;
    l->store.ops = &layout_ops;
    struct store *CLEANUP(store_freep) store = &l->store;
    if (reference_copy(&l->store.repository, ref, err) != 0)
        return -1;
    mem_freep(&l->store.repository.tag);
    l->store.repository.has_digest = false;
    if (open_layout(l, write, err) != 0)
        return -1;
    *out = STEAL(store);
    return 0;
}
