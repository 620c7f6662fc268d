#include "registry/layout_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#define LOCK_POLL_MS 10
#define CREATE_WAIT_MS 10000 /* for another process that makes the same layout */
#define REDO_MAX 100         /* times that a peer without locks may come between */

/* Held while the descriptor is open, against other threads too: each has a file of its own. */
int layout_lock(int *fd, const struct layout *l, int64_t deadline, struct err *err)
{
    int CLEANUP(file_closep) lock =
        openat(l->dir, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);

    *fd = -1;
    if (lock < 0)
        return err_sys(err, ERR_IO, errno, "%s/.lock", layout_path(l));
    while (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_sys(err, ERR_IO, errno, "%s/.lock", layout_path(l));
        if (clock_millis() + LOCK_POLL_MS > deadline)
            return err_set(err, ERR_DEADLINE, "%s: layout is locked by another process",
                           layout_path(l));
        clock_sleep(LOCK_POLL_MS);
    }
    *fd = lock;
    lock = -1;
    return 0;
}

/* Nobody's files are taken for a layout: only what another maker of one leaves may be there. */
static int check_empty(const struct layout *l, struct err *err)
{
    int fd = openat(l->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool other = false;

    if (dir == NULL) {
        int sys = errno;
        file_closep(&fd);
        return err_sys(err, ERR_IO, sys, "%s", layout_path(l));
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        other =
            other || (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                      strcmp(e->d_name, ".lock") != 0 && strcmp(e->d_name, "blobs") != 0 &&
                      strcmp(e->d_name, "oci-layout") != 0 &&
                      strcmp(e->d_name, "index.json") != 0 && strncmp(e->d_name, ".tmp-", 5) != 0);
    closedir(dir);
    return other ? err_set(err, ERR_CONFLICT, "%s: is not empty and not an OCI layout",
                           layout_path(l))
                 : 0;
}

int layout_create(const struct layout *l, struct err *err)
{
    static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    static const char index[] =
        "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\",\"manifests\":[]}";
    int CLEANUP(file_closep) lock = -1;

    if (check_empty(l, err) != 0 || layout_lock(&lock, l, clock_deadline(CREATE_WAIT_MS), err) != 0)
        return -1;
    if (mkdirat(l->dir, "blobs", 0755) != 0 && errno != EEXIST)
        return err_sys(err, ERR_IO, errno, "%s/blobs", layout_path(l));
    if (faccessat(l->dir, "index.json", F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
        layout_replace(l->dir, "index.json", bytes_text(index), NULL, err) != 0)
        return err_wrap(err, "%s", layout_path(l));
    if (layout_replace(l->dir, "oci-layout", bytes_text(version), NULL, err) != 0)
        return err_wrap(err, "%s", layout_path(l));
    return 0;
}

/* --- Changing index.json --- */

/* What to do with the list of entries: read as `index`, changed as `manifests`. */
struct edit {
    int (*apply)(void *context, struct jx *manifests, const struct layout_index *index,
                 bool *changed, struct err *err);
    void *context;
};

struct guarded {
    const struct layout *layout;
    const struct layout_snapshot *before;
};

/* Peers take no locks (registry.md 12.4): is index.json still the file that was read? */
static int still_the_same(void *context, bool *yes, struct err *err)
{
    const struct guarded *g = context;
    struct layout_snapshot CLEANUP(layout_snapshot_clear) now;

    layout_snapshot_init(&now);
    if (layout_read_file(&now.text, &now.stat, g->layout, "index.json", err) != 0)
        return -1;
    *yes = now.stat.st_ino == g->before->stat.st_ino &&
           bytes_equal(buf_bytes(&now.text), buf_bytes(&g->before->text));
    return 0;
}

/* One try. *done is false when somebody else wrote in between. */
static int edit_once(const struct layout *l, const struct edit *edit, bool *done, struct err *err)
{
    struct layout_snapshot CLEANUP(layout_snapshot_clear) before;
    struct jx *CLEANUP(jx_freep) root = NULL;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(LAYOUT_INDEX_MAX);
    struct guarded guarded = { l, &before };
    struct layout_guard guard = { still_the_same, &guarded, false };
    bool changed = false;

    layout_snapshot_init(&before);
    if (layout_snapshot_read(&before, l, err) != 0 ||
        jx_parse(&root, buf_bytes(&before.text), err) != 0 ||
        edit->apply(edit->context, jx_get(root, "manifests"), &before.index, &changed, err) != 0)
        return -1;
    *done = !changed;
    if (!changed)
        return 0;
    if (jx_write(&text, root, JX_COMPACT, err) != 0 || buf_check(&text, "index.json", err) != 0 ||
        layout_replace(l->dir, "index.json", buf_bytes(&text), &guard, err) != 0)
        return err_wrap(err, "%s", layout_path(l));
    *done = guard.written;
    return 0;
}

static int edit_index(const struct layout *l, const struct edit *edit, int64_t deadline,
                      struct err *err)
{
    int CLEANUP(file_closep) lock = -1;
    bool done = false;

    if (layout_lock(&lock, l, deadline, err) != 0)
        return -1;
    for (int i = 0; i < REDO_MAX && !done; i++) {
        if (i > 0 && clock_millis() > deadline)
            break;
        if (edit_once(l, edit, &done, err) != 0)
            return -1;
    }
    return done ? 0
                : err_set(err, ERR_CONFLICT, "%s: index.json is being changed by another program",
                          layout_path(l));
}

/* --- The edits --- */

struct entry_edit {
    const char *name; /* or NULL: a referrer */
    const char *media_type;
    const char *artifact_type; /* or NULL */
    struct digest digest;
    size_t size;
    bool has_subject;
};

static int new_entry(struct jx **out, const struct entry_edit *e, struct err *err)
{
    struct jx *CLEANUP(jx_freep) entry = jx_object();
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &e->digest);
    if (jx_set_text(entry, "mediaType", e->media_type, err) != 0 ||
        jx_set_text(entry, "digest", digest, err) != 0 ||
        jx_set(entry, "size", jx_int((int64_t)e->size), err) != 0 ||
        (e->artifact_type != NULL &&
         jx_set_text(entry, "artifactType", e->artifact_type, err) != 0))
        return -1;
    if (e->name != NULL) {
        struct jx *annotations = jx_object();
        if (jx_set_text(annotations, LAYOUT_REF_NAME, e->name, err) != 0) {
            jx_free(annotations);
            return -1;
        }
        if (jx_set(entry, "annotations", annotations, err) != 0)
            return -1;
    }
    *out = STEAL(entry);
    return 0;
}

/* Replace everything inside `to` by the members of `from`: an entry keeps its place in the list. */
static int replace_members(struct jx *to, const struct jx *from, struct err *err)
{
    static const char *const own[] = { "mediaType", "digest", "size",        "artifactType",
                                       "platform",  "urls",   "annotations", "data" };
    void *at = NULL;
    const char *name;
    struct jx *value;

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (jx_delete(to, own[i], err) != 0)
            return -1;
    while (jx_next(from, &at, &name, &value))
        if (jx_set(to, name, jx_copy(value), err) != 0)
            return -1;
    return 0;
}

/* The first entry of the name is changed in place, further ones go. */
static int set_name(void *context, struct jx *manifests, const struct layout_index *index,
                    bool *changed, struct err *err)
{
    const struct entry_edit *e = context;
    struct jx *CLEANUP(jx_freep) entry = NULL;
    size_t first = SIZE_MAX, same = 0, named = 0;

    for (size_t i = 0; i < index->n; i++) {
        const struct layout_entry *old = &index->entries[i];
        if (old->name == NULL || strcmp(old->name, e->name) != 0)
            continue;
        first = named++ == 0 ? i : first;
        same += digest_equal(&old->descriptor.digest, &e->digest) ? 1 : 0;
    }
    if (named == 1 && same == 1)
        return 0;
    *changed = true;
    if (new_entry(&entry, e, err) != 0)
        return -1;
    if (named == 0)
        return jx_append(manifests, STEAL(entry), err);
    for (size_t i = index->n; i-- > first + 1;)
        if (index->entries[i].name != NULL && strcmp(index->entries[i].name, e->name) == 0 &&
            jx_remove(manifests, i, err) != 0)
            return -1;
    return replace_members(jx_at(manifests, first), entry, err);
}

static int add_nameless(void *context, struct jx *manifests, const struct layout_index *index,
                        bool *changed, struct err *err)
{
    const struct entry_edit *e = context;
    struct jx *entry;

    for (size_t i = 0; i < index->n; i++)
        if (digest_equal(&index->entries[i].descriptor.digest, &e->digest))
            return 0;
    *changed = true;
    return new_entry(&entry, e, err) != 0 ? -1 : jx_append(manifests, entry, err);
}

/* The manifest as a blob; what index.json needs to know of it. */
static int store_manifest(struct entry_edit *e, struct store *s, struct bytes body,
                          struct arena *arena, struct err *err)
{
    struct store_blob blob = { .size = (int64_t)body.len, .bytes = body };
    struct manifest m;

    if (digest_of(&blob.digest, HASH_SHA256, body, err) != 0 ||
        manifest_parse(&m, body, e->media_type, arena, err) != 0 ||
        layout_put_blob(s, &blob, 0, err) != 0)
        return -1;
    e->digest = blob.digest;
    e->size = body.len;
    e->artifact_type = m.subject != NULL ? m.artifact_type : NULL;
    e->has_subject = m.subject != NULL;
    return 0;
}

int layout_put_manifest(struct store *s, const char *tag, struct bytes body, const char *media_type,
                        int64_t deadline, struct err *err)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(LAYOUT_ARENA_MAX);
    struct entry_edit e = { .name = tag, .media_type = media_type };
    struct edit edit = { set_name, &e };

    if (store_manifest(&e, s, body, &arena, err) != 0)
        return -1;
    return tag == NULL ? 0 : edit_index((const struct layout *)s, &edit, deadline, err);
}

int layout_put_referrer(struct store *s, struct bytes body, const char *media_type,
                        int64_t deadline, struct err *err)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(LAYOUT_ARENA_MAX);
    struct entry_edit e = { .media_type = media_type };
    struct edit edit = { add_nameless, &e };

    if (store_manifest(&e, s, body, &arena, err) != 0)
        return -1;
    if (!e.has_subject)
        return err_set(err, ERR_MALFORMED, "the manifest has no subject");
    return edit_index((const struct layout *)s, &edit, deadline, err);
}

static int drop_digest(void *context, struct jx *manifests, const struct layout_index *index,
                       bool *changed, struct err *err)
{
    const struct digest *digest = context;

    for (size_t i = index->n; i-- > 0;) {
        if (!digest_equal(&index->entries[i].descriptor.digest, digest))
            continue;
        *changed = true;
        if (jx_remove(manifests, i, err) != 0)
            return -1;
    }
    return 0;
}

int layout_delete_manifest(struct store *s, const struct digest *digest, int64_t deadline,
                           struct err *err)
{
    const struct layout *l = (const struct layout *)s;
    struct layout_snapshot CLEANUP(layout_snapshot_clear) after;
    struct digest wanted = *digest;
    struct edit edit = { drop_digest, &wanted };
    bool child = true;

    layout_snapshot_init(&after);
    if (layout_blob_probe(l, digest, -1, err) != 0 || edit_index(l, &edit, deadline, err) != 0 ||
        layout_snapshot_read(&after, l, err) != 0)
        return -1;
    /* Where that cannot be told, the file stays: it is unreachable, and does no harm. */
    if (layout_is_child(&child, l, &after.index, digest, NULL) != 0 || child)
        return 0;
    return layout_blob_remove(l, digest, err);
}

/* What an entry of the index does not list is nobody's referrer. */
int layout_remove_referrer(struct store *s, const struct digest *subject,
                           const struct digest *referrer, int64_t deadline, struct err *err)
{
    (void)subject;
    if (layout_delete_manifest(s, referrer, deadline, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    err_reset(err);
    return 0;
}
