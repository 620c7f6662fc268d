#ifndef BULLA_REGISTRY_LAYOUT_PRIVATE_H
#define BULLA_REGISTRY_LAYOUT_PRIVATE_H

#include <sys/stat.h>

#include "base/limits.h"
#include "registry/layout.h"

#define LAYOUT_REF_NAME "org.opencontainers.image.ref.name"
#define LAYOUT_KIND "kind"           /* cosign's annotation of what it saved */
#define LAYOUT_ARENA_MAX (128 * MIB) /* descriptors of LAYOUT_ENTRIES_MAX entries */

struct layout {
    struct store store; /* first */
    int dir;            /* the folder */
};

/** index.json as read: bytes, entries, and what tells whether it has changed since. */
struct layout_snapshot {
    struct buf text;
    struct arena arena;
    struct layout_index index;
    struct stat stat;
};
void layout_snapshot_init(struct layout_snapshot *s);
void layout_snapshot_clear(struct layout_snapshot *s);
int layout_snapshot_read(struct layout_snapshot *s, const struct layout *l,
                         struct err *err) MUST_CHECK;

const char *layout_path(const struct layout *l);

/* Files (layout_blob.c). */

/** Open a regular file relative to the folder, without following links. */
int layout_open_file(int *fd, struct stat *st, const struct layout *l, const char *name,
                     struct err *err) MUST_CHECK;
int layout_read_file(struct buf *out, struct stat *st, const struct layout *l, const char *name,
                     struct err *err) MUST_CHECK;
/** Write aside, fsync, rename in the folder `dir`. `unchanged` (may be NULL) is asked just before
 * the rename; when it says no, nothing is written and *written is false. */
struct layout_guard {
    int (*unchanged)(void *context, bool *yes, struct err *err);
    void *context;
    bool written;
};
int layout_replace(int dir, const char *name, struct bytes content, struct layout_guard *guard,
                   struct err *err) MUST_CHECK;

/** Read a blob whole; digest and size (-1: any) checked. */
int layout_blob_read(struct buf *out, const struct layout *l, const struct digest *digest,
                     int64_t size, struct err *err) MUST_CHECK;
/** Only that it is there as a regular file of that size. */
int layout_blob_probe(const struct layout *l, const struct digest *digest, int64_t size,
                      struct err *err) MUST_CHECK;
int layout_blob_to_file(struct store *s, const struct digest *digest, int64_t size, int fd,
                        int64_t deadline, struct err *err) MUST_CHECK;
int layout_put_blob(struct store *s, const struct store_blob *blob, int64_t deadline,
                    struct err *err) MUST_CHECK;
/** Every blob under blobs/sha256, in no order. A folder that is missing holds none. -1 with what
 * `visit` reports, ERR_LIMIT (LAYOUT_ENTRIES_MAX), ERR_IO. */
int layout_blobs_each(const struct layout *l,
                      int (*visit)(void *context, const struct digest *digest, struct err *err),
                      void *context, struct err *err) MUST_CHECK;
int layout_blob_remove(const struct layout *l, const struct digest *digest,
                       struct err *err) MUST_CHECK;

/* index.json under the lock (layout_write.c). */
int layout_lock(int *fd, const struct layout *l, int64_t deadline, struct err *err) MUST_CHECK;
int layout_create(const struct layout *l, struct err *err) MUST_CHECK;
int layout_put_manifest(struct store *s, const char *tag, struct bytes body, const char *media_type,
                        int64_t deadline, struct err *err) MUST_CHECK;
int layout_put_referrer(struct store *s, struct bytes body, const char *media_type,
                        int64_t deadline, struct err *err) MUST_CHECK;
int layout_remove_referrer(struct store *s, const struct digest *subject,
                           const struct digest *referrer, int64_t deadline, struct err *err);
int layout_delete_manifest(struct store *s, const struct digest *digest, int64_t deadline,
                           struct err *err) MUST_CHECK;

/* Walking what is listed (layout_referrers.c). */
struct layout_walk {
    const struct layout *layout;
    /** Told of every manifest that can be read, and of the descriptor that led there. */
    int (*visit)(void *context, const struct descriptor *d, const struct manifest *m,
                 struct err *err);
    void *context;
    struct bytes needle; /* manifests that cannot hold this text are not parsed; none: all are */
    size_t seen;
};
int layout_walk_index(struct layout_walk *w, const struct layout_index *index,
                      struct err *err) MUST_CHECK;
int layout_referrers(struct buf *out, const struct layout *l, const struct layout_index *index,
                     const struct digest *subject, struct err *err) MUST_CHECK;
/** Is the digest a child of an index that is listed? */
int layout_is_child(bool *yes, const struct layout *l, const struct layout_index *index,
                    const struct digest *digest, struct err *err) MUST_CHECK;

#endif
