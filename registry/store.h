#ifndef BULLA_REGISTRY_STORE_H
#define BULLA_REGISTRY_STORE_H

#include "registry/manifest.h"
#include "registry/reference.h"

/*
 * One repository: in a registry (client.c) or an OCI layout on disk (layout.c). Both answer the
 * same table of functions. Whatever is returned has had its digest and size checked; nothing is
 * returned that has not.
 */

enum fetch_what {
    FETCH_MANIFEST, /* by `digest` */
    FETCH_TAG,      /* the manifest a `tag` names now */
    FETCH_BLOB,     /* by `digest` */
    FETCH_REFERRERS /* the list of what refers to `digest`: an OCI index; `next` says that there is
                       another page. ERR_UNSUPPORTED: this repository has no referrers API, only the
                       fallback tag can tell */
};

/** One thing to fetch, and what came. Set the first group, zero the rest; fetch_clear() afterwards.
 */
struct fetch {
    enum fetch_what what;
    const char *tag;
    struct digest digest;
    int64_t size;     /* the descriptor's, -1 when not known */
    size_t max;       /* ceiling on the body; 0: MANIFEST_MAX */
    const char *page; /* FETCH_REFERRERS: `next` of the page before, or NULL */
    bool probe;       /* only whether it is there: body stays empty (HEAD) */

    struct err err; /* ERR_NONE: it came. ERR_NOT_FOUND only where the answer was definite */
    struct buf body;
    char media_type[MEDIA_TYPE_MAX +
                    1];  /* of manifests and lists, without parameters; "" when not told */
    struct digest found; /* of the body (with `probe`: what the registry claims) */
    char *next;
};

void fetch_clear(struct fetch *f);

struct store;
struct credential_source; /* credentials.h */

/** Stores the bytes of a blob that is read from a file. */
struct store_blob {
    struct digest digest;
    int64_t size;
    struct bytes bytes; /* from memory, or */
    int fd;             /* from this file (offset 0) when use_fd */
    bool use_fd;
};

struct store_ops {
    /** Independent look-ups in one round trip; each has its own result. */
    void (*fetch)(struct store *s, struct fetch *fetches, size_t n, int64_t deadline);
    /** Fetch one blob of any size piece by piece into `fd` (from offset 0); digest and size are
     * checked. */
    int (*blob_to_file)(struct store *s, const struct digest *digest, int64_t size, int fd,
                        int64_t deadline, struct err *err);
    /** Present afterwards; already present is success. */
    int (*put_blob)(struct store *s, const struct store_blob *blob, int64_t deadline,
                    struct err *err);
    /** Try to take a blob from another repository of the same place without moving bytes: `what`
     * gives digest and size. *done says whether. */
    int (*mount_blob)(struct store *s, const struct store *from, const struct store_blob *what,
                      bool *done, int64_t deadline, struct err *err);
    /** Under a tag, or by digest when tag is NULL. What it refers to must be there already. */
    int (*put_manifest)(struct store *s, const char *tag, struct bytes body, const char *media_type,
                        int64_t deadline, struct err *err);
    /** Store a manifest with a subject and make it discoverable as that subject's referrer (API, or
     * fallback tag with its concurrent-update rule, registry.md 4.4-4.5; in a layout an entry of
     * index.json). Idempotent. */
    int (*put_referrer)(struct store *s, struct bytes body, const char *media_type,
                        int64_t deadline, struct err *err);
    /** No longer found as a referrer of `subject` afterwards: taken off the fallback tag's list,
     * and its manifest deleted where the registry deletes. One that is not there is success.
     * ERR_UNSUPPORTED: it stays, since the referrers API lists it and nothing is deleted there. */
    int (*remove_referrer)(struct store *s, const struct digest *subject,
                           const struct digest *referrer, int64_t deadline, struct err *err);
    /** Every tag, sorted, appended as lines to `out`. */
    int (*tags)(struct store *s, struct buf *out, int64_t deadline, struct err *err);
    int (*delete_manifest)(struct store *s, const struct digest *digest, int64_t deadline,
                           struct err *err);
    void (*free)(struct store *s);
};

/** First member of each implementation. */
struct store {
    const struct store_ops *ops;
    struct reference repository; /* host and path, or layout and directory; no tag, no digest */
    /* Whose credentials come before the configured ones, here and in the places that hang together
     * with it; borrowed, NULL: nobody's. */
    const struct credential_source *credentials;
};

/* The operations, through the table. Thread-safe: any number of threads may use one store. */
void store_fetch(struct store *s, struct fetch *fetches, size_t n, int64_t deadline);
int store_blob_to_file(struct store *s, const struct digest *digest, int64_t size, int fd,
                       int64_t deadline, struct err *err) MUST_CHECK;
int store_put_blob(struct store *s, const struct store_blob *blob, int64_t deadline,
                   struct err *err) MUST_CHECK;
int store_mount_blob(struct store *s, const struct store *from, const struct store_blob *what,
                     bool *done, int64_t deadline, struct err *err) MUST_CHECK;
int store_put_manifest(struct store *s, const char *tag, struct bytes body, const char *media_type,
                       int64_t deadline, struct err *err) MUST_CHECK;
int store_put_referrer(struct store *s, struct bytes body, const char *media_type, int64_t deadline,
                       struct err *err) MUST_CHECK;
int store_remove_referrer(struct store *s, const struct digest *subject,
                          const struct digest *referrer, int64_t deadline,
                          struct err *err) MUST_CHECK;
int store_tags(struct store *s, struct buf *out, int64_t deadline, struct err *err) MUST_CHECK;
int store_delete_manifest(struct store *s, const struct digest *digest, int64_t deadline,
                          struct err *err) MUST_CHECK;
void store_free(struct store *s); /* NULL is fine */
void store_freep(struct store **s);

/** One blob or manifest from memory, in one call. */
int store_put_bytes(struct store *s, struct bytes content, struct digest *digest, int64_t deadline,
                    struct err *err) MUST_CHECK;

/**
 * What a reference names now: its manifest's digest, size and media type, having fetched and hashed
 * the manifest. With a digest in the reference the tag is not looked at. `body` (may be NULL)
 * receives the manifest's bytes.
 */
struct resolved {
    struct digest digest;
    int64_t size;
    char media_type[MEDIA_TYPE_MAX + 1];
};
int store_resolve(struct resolved *out, struct buf *body, struct store *s,
                  const struct reference *ref, int64_t deadline, struct err *err) MUST_CHECK;

#endif
