#include "registry/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

#define RESOLVE_ARENA_MAX (32 * MIB) /* what one manifest parses into */

void fetch_clear(struct fetch *f)
{
    buf_clear(&f->body);
    free(f->next);
    f->next = NULL;
}

void store_fetch(struct store *s, struct fetch *fetches, size_t n, int64_t deadline)
{
    s->ops->fetch(s, fetches, n, deadline);
}

int store_blob_to_file(struct store *s, const struct digest *digest, int64_t size, int fd,
                       int64_t deadline, struct err *err)
{
    return s->ops->blob_to_file(s, digest, size, fd, deadline, err);
}

int store_put_blob(struct store *s, const struct store_blob *blob, int64_t deadline,
                   struct err *err)
{
    return s->ops->put_blob(s, blob, deadline, err);
}

int store_mount_blob(struct store *s, const struct store *from, const struct store_blob *what,
                     bool *done, int64_t deadline, struct err *err)
{
    *done = false;
    return s->ops->mount_blob(s, from, what, done, deadline, err);
}

int store_put_manifest(struct store *s, const char *tag, struct bytes body, const char *media_type,
                       int64_t deadline, struct err *err)
{
    return s->ops->put_manifest(s, tag, body, media_type, deadline, err);
}

int store_put_referrer(struct store *s, struct bytes body, const char *media_type, int64_t deadline,
                       struct err *err)
{
    return s->ops->put_referrer(s, body, media_type, deadline, err);
}

int store_remove_referrer(struct store *s, const struct digest *subject,
                          const struct digest *referrer, int64_t deadline, struct err *err)
{
    return s->ops->remove_referrer(s, subject, referrer, deadline, err);
}

int store_tags(struct store *s, struct buf *out, int64_t deadline, struct err *err)
{
    return s->ops->tags(s, out, deadline, err);
}

int store_delete_manifest(struct store *s, const struct digest *digest, int64_t deadline,
                          struct err *err)
{
    return s->ops->delete_manifest(s, digest, deadline, err);
}

void store_free(struct store *s)
{
    if (s != NULL)
        s->ops->free(s);
}

void store_freep(struct store **s)
{
    store_free(*s);
    *s = NULL;
}

int store_put_bytes(struct store *s, struct bytes content, struct digest *digest, int64_t deadline,
                    struct err *err)
{
    struct store_blob blob = { .size = (int64_t)content.len, .bytes = content };

    *digest = (struct digest) { .alg = HASH_SHA256 };
    if (digest_of(&blob.digest, HASH_SHA256, content, err) != 0 ||
        store_put_blob(s, &blob, deadline, err) != 0)
        return -1;
    *digest = blob.digest;
    return 0;
}

/* What was fetched is a manifest that can be read, of the type that it says. */
static int resolved_from(struct resolved *out, const struct fetch *f, struct err *err)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(RESOLVE_ARENA_MAX);
    const char *type = f->media_type[0] != '\0' ? f->media_type : NULL;
    struct manifest m;

    if (manifest_parse(&m, buf_bytes(&f->body), type, &arena, err) != 0)
        return -1;
    int n = snprintf(out->media_type, sizeof(out->media_type), "%s", m.media_type);
    if (n < 0 || (size_t)n >= sizeof(out->media_type))
        return err_set(err, ERR_LIMIT, "media type is longer than %d", MEDIA_TYPE_MAX);
    out->digest = f->found;
    out->size = (int64_t)f->body.len;
    return 0;
}

int store_resolve(struct resolved *out, struct buf *body, struct store *s,
                  const struct reference *ref, int64_t deadline, struct err *err)
{
    struct fetch CLEANUP(fetch_clear) f = { .what = FETCH_TAG, .size = -1, .err = ERR_INIT };

    *out = (struct resolved) { .size = 0 };
    f.tag = ref->tag != NULL || ref->layout ? ref->tag : "latest";
    if (ref->has_digest) {
        f.what = FETCH_MANIFEST;
        f.digest = ref->digest;
    }
    store_fetch(s, &f, 1, deadline);
    if (f.err.code != ERR_NONE)
        return err_set(err, f.err.code, "%s", err_text(&f.err));
    if (resolved_from(out, &f, err) != 0) {
        *out = (struct resolved) { .size = 0 };
        return err_wrap(err, "manifest");
    }
    if (body != NULL)
        buf_add_bytes(body, buf_bytes(&f.body));
    return body != NULL ? buf_check(body, "manifest", err) : 0;
}
