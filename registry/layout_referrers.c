#include "registry/layout_private.h"

#include <string.h>

#include "base/text.h"

#define MANIFEST_ARENA_MAX (32 * MIB) /* texts and descriptors of one manifest */

static int walk_one(struct layout_walk *w, const struct descriptor *d, int depth, struct err *err);

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most INDEX_DEPTH_MAX */
static int walk_children(struct layout_walk *w, const struct manifest *m, int depth,
                         struct err *err)
{
    if (m->kind != MANIFEST_INDEX)
        return 0;
    if (depth >= INDEX_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "indexes are nested deeper than %d", INDEX_DEPTH_MAX);
    for (size_t i = 0; i < m->n; i++) {
        struct err child = ERR_INIT;
        if (walk_one(w, &m->entries[i], depth + 1, &child) == 0)
            continue;
        /* image-spec "blobs": a layout may lack blobs that are held elsewhere. */
        if (child.code != ERR_NOT_FOUND)
            return err_set(err, child.code, "%s", err_text(&child));
    }
    return 0;
}

/* A manifest without the needle and without an escape cannot hold the digest as text. */
static bool may_hold(struct bytes body, struct bytes needle)
{
    return needle.len == 0 || memchr(body.data, '\\', body.len) != NULL ||
           memmem(body.data, body.len, needle.data, needle.len) != NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most INDEX_DEPTH_MAX */
static int walk_one(struct layout_walk *w, const struct descriptor *d, int depth, struct err *err)
{
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MANIFEST_ARENA_MAX);
    struct manifest m;
    char text[DIGEST_TEXT_MAX];

    /* Entries of other types are not manifests and refer to nothing. */
    if (!media_type_is_index(d->media_type) && !media_type_is_manifest(d->media_type))
        return 0;
    if (++w->seen > LAYOUT_ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %d manifests", layout_path(w->layout),
                       LAYOUT_ENTRIES_MAX);
    if (layout_blob_read(&body, w->layout, &d->digest, d->size, err) != 0)
        return -1;
    if (body.len == 0 ||
        (!media_type_is_index(d->media_type) && !may_hold(buf_bytes(&body), w->needle)))
        return 0;
    if (manifest_parse(&m, buf_bytes(&body), d->media_type, &arena, err) != 0) {
        digest_format(text, &d->digest);
        return err_wrap(err, "%s: %s", layout_path(w->layout), text);
    }
    if (w->visit(w->context, d, &m, err) != 0)
        return -1;
    return walk_children(w, &m, depth, err);
}

int layout_walk_index(struct layout_walk *w, const struct layout_index *index, struct err *err)
{
    for (size_t i = 0; i < index->n; i++) {
        struct err entry = ERR_INIT;
        if (walk_one(w, &index->entries[i].descriptor, 0, &entry) == 0)
            continue;
        /* Not "there is none": what is listed here was there once. */
        enum err_code code = entry.code == ERR_NOT_FOUND ? ERR_MALFORMED : entry.code;
        return err_set(err, code, "index.json: manifests[%zu]: %s", i, err_text(&entry));
    }
    return 0;
}

/* --- What is listed nowhere --- */

/* The same for one blob of which nothing is known. A damaged one is not passed over: it may have
 * been a manifest. */
static int look_at(void *context, const struct digest *digest, struct err *err)
{
    struct layout_walk *w = context;
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MANIFEST_ARENA_MAX);
    struct err why = ERR_INIT;
    struct manifest m;

    if (layout_blob_read(&body, w->layout, digest, -1, &why) != 0) {
        if (why.code == ERR_LIMIT)
            return 0; /* larger than any manifest */
        return err_set(err, why.code, "%s", err_text(&why));
    }
    if (body.len == 0 || body.data[0] != '{' || !may_hold(buf_bytes(&body), w->needle))
        return 0;
    if (manifest_parse(&m, buf_bytes(&body), NULL, &arena, &why) != 0)
        return why.code != ERR_NOMEM ? 0 : err_set(err, ERR_NOMEM, "%s", err_text(&why));
    const struct descriptor d = { .digest = *digest,
                                  .size = (int64_t)body.len,
                                  .media_type = m.media_type };
    return w->visit(w->context, &d, &m, err);
}

/* --- The list of referrers --- */

struct referrers {
    struct buf *out;
    const struct digest *subject;
    struct digest *listed; /* so far */
    size_t n, cap;
};

static bool is_listed(const struct referrers *r, const struct digest *digest)
{
    for (size_t i = 0; i < r->n; i++)
        if (digest_equal(&r->listed[i], digest))
            return true;
    return false;
}

static void add_member(struct buf *out, const char *name, const char *text)
{
    if (text == NULL)
        return;
    buf_addf(out, ",\"%s\":", name);
    text_json(out, bytes_text(text));
}

/* distribution-spec "Listing Referrers": the descriptor carries the manifest's artifact type and
 * its annotations. */
static int add_referrer(void *context, const struct descriptor *d, const struct manifest *m,
                        struct err *err)
{
    struct referrers *r = context;
    char digest[DIGEST_TEXT_MAX];

    if (m->subject == NULL || !digest_equal(&m->subject->digest, r->subject) ||
        is_listed(r, &d->digest))
        return 0;
    if (mem_grow((void **)&r->listed, &r->cap, r->n, sizeof(*r->listed), LAYOUT_ENTRIES_MAX, err) !=
        0)
        return -1;
    digest_format(digest, &d->digest);
    buf_addf(r->out, "%s{\"digest\":\"%s\",\"size\":%lld", r->n > 0 ? "," : "", digest,
             (long long)d->size);
    r->listed[r->n++] = d->digest;
    add_member(r->out, "mediaType", m->media_type);
    add_member(r->out, "artifactType", m->artifact_type);
    if (m->annotations.kind == JSON_OBJECT) {
        buf_add_text(r->out, ",\"annotations\":");
        buf_add_bytes(r->out, m->annotations.raw);
    }
    buf_add_char(r->out, '}');
    return 0;
}

int layout_referrers(struct buf *out, const struct layout *l, const struct layout_index *index,
                     const struct digest *subject, struct err *err)
{
    const struct digest *saved = layout_index_saved(index);
    char text[DIGEST_TEXT_MAX];
    struct referrers r = { .out = out, .subject = subject };
    struct layout_walk w = { .layout = l, .visit = add_referrer, .context = &r };

    digest_format(text, subject);
    w.needle = bytes_text(strchr(text, ':') + 1);
    buf_add_text(out, "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\",\"manifests\":[");
    int result = layout_walk_index(&w, index, err);
    if (result == 0 && saved != NULL && digest_equal(saved, subject))
        result = layout_blobs_each(l, look_at, &w, err);
    mem_freep(&r.listed);
    buf_add_text(out, "]}");
    if (result == 0)
        result = buf_check(out, "list of referrers", err);
    if (result != 0)
        buf_reset(out);
    return result;
}

/* --- Is it a child? --- */

struct child {
    const struct digest *digest;
    bool found;
};

static int look_for_child(void *context, const struct descriptor *d, const struct manifest *m,
                          struct err *err)
{
    struct child *c = context;

    (void)d;
    (void)err; /* cannot fail */
    for (size_t i = 0; m->kind == MANIFEST_INDEX && i < m->n; i++)
        c->found = c->found || digest_equal(&m->entries[i].digest, c->digest);
    return 0;
}

int layout_is_child(bool *yes, const struct layout *l, const struct layout_index *index,
                    const struct digest *digest, struct err *err)
{
    struct child c = { .digest = digest };
    struct layout_walk w = { .layout = l, .visit = look_for_child, .context = &c };

    *yes = false;
    if (layout_walk_index(&w, index, err) != 0)
        return -1;
    *yes = c.found;
    return 0;
}
