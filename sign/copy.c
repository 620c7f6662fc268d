#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/common.h"
#include "engine/places.h"
#include "evidence/discover.h"
#include "sign/commands.h"
#include "sign/tree.h"

/* sign copy SRC DST: an image with everything that hangs on it. Bytes and digests stay as they are,
 * so signatures hold; the destination's tag is written last, when all the rest is there. */

#define MEMORY_BLOB_MAX (1 * MIB) /* larger blobs go through a file that has no name */
#define EVIDENCE_DEPTH_MAX 4      /* referrers of referrers */

struct copy {
    struct registries *registries;
    struct store *image; /* where the image is */
    struct store
        *from; /* where its evidence is being read: the image's repository or a further place */
    struct store *to; /* opened when the source is known to be there; owned */
    int64_t deadline;
    size_t manifests, blobs, evidence; /* copied or found, for the summary */
};

static int copy_small(struct copy *c, const struct descriptor *d, struct err *err)
{
    struct fetch CLEANUP(fetch_clear) f = { .what = FETCH_BLOB,
                                            .digest = d->digest,
                                            .size = d->size,
                                            .max = MEMORY_BLOB_MAX,
                                            .err = ERR_INIT };

    store_fetch(c->from, &f, 1, c->deadline);
    if (f.err.code != ERR_NONE) {
        *err = f.err;
        return -1;
    }
    const struct store_blob blob = { .digest = d->digest,
                                     .size = d->size,
                                     .bytes = buf_bytes(&f.body) };
    return store_put_blob(c->to, &blob, c->deadline, err);
}

static int copy_large(struct copy *c, const struct descriptor *d, struct err *err)
{
    const char *folder = getenv("TMPDIR");
    int CLEANUP(file_closep) fd =
        open(folder == NULL ? "/var/tmp" : folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_sys(err, ERR_IO, errno, "temporary file in %s",
                       folder == NULL ? "/var/tmp" : folder);
    if (store_blob_to_file(c->from, &d->digest, d->size, fd, c->deadline, err) != 0)
        return -1;
    const struct store_blob blob = {
        .digest = d->digest, .size = d->size, .fd = fd, .use_fd = true
    };
    return store_put_blob(c->to, &blob, c->deadline, err);
}

static bool is_there(struct copy *c, const struct descriptor *d)
{
    struct fetch CLEANUP(fetch_clear) f = {
        .what = FETCH_BLOB, .digest = d->digest, .size = d->size, .probe = true, .err = ERR_INIT
    };

    store_fetch(c->to, &f, 1, c->deadline);
    return f.err.code == ERR_NONE;
}

static int copy_blob(struct copy *c, const struct descriptor *d, struct err *err)
{
    char digest[DIGEST_TEXT_MAX];
    bool mounted = false;

    c->blobs++;
    digest_format(digest, &d->digest);
    if (is_there(c, d))
        return 0;
    const struct store_blob what = { .digest = d->digest, .size = d->size };
    if (store_mount_blob(c->to, c->from, &what, &mounted, c->deadline, err) != 0)
        return err_wrap(err, "blob %s", digest);
    if (mounted)
        return 0;
    int copied =
        d->size <= (int64_t)MEMORY_BLOB_MAX ? copy_small(c, d, err) : copy_large(c, d, err);
    return copied == 0 ? 0 : err_wrap(err, "blob %s", digest);
}

/* What a manifest refers to, before the manifest. */
static int copy_content(struct copy *c, const struct manifest *m, struct err *err)
{
    if (m->kind == MANIFEST_INDEX)
        return 0;
    if (copy_blob(c, &m->config, err) != 0)
        return -1;
    for (size_t i = 0; i < m->n; i++)
        if (copy_blob(c, &m->entries[i], err) != 0)
            return -1;
    return 0;
}

static int copy_evidence(struct copy *c, const struct digest *digest, int depth, struct err *err);

static int copy_tagged(struct copy *c, const struct tagged *t, struct err *err)
{
    if (!t->found)
        return 0;
    c->evidence++;
    if (copy_content(c, &t->manifest, err) != 0 ||
        store_put_manifest(c->to, t->tag, buf_bytes(&t->body), t->manifest.media_type, c->deadline,
                           err) != 0)
        return err_wrap(err, "%s", t->tag);
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most EVIDENCE_DEPTH_MAX */
static int copy_referrer(struct copy *c, const struct descriptor *r, int depth, struct err *err)
{
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MANIFEST_MAX * 2);
    struct fetch CLEANUP(fetch_clear)
        f = { .what = FETCH_MANIFEST, .digest = r->digest, .size = r->size, .err = ERR_INIT };
    struct manifest m;

    store_fetch(c->from, &f, 1, c->deadline);
    if (f.err.code != ERR_NONE) {
        *err = f.err;
        return -1;
    }
    c->evidence++;
    if (manifest_parse(&m, buf_bytes(&f.body), f.media_type, &scratch, err) != 0 ||
        copy_content(c, &m, err) != 0 ||
        store_put_referrer(c->to, buf_bytes(&f.body), m.media_type, c->deadline, err) != 0)
        return -1;
    return copy_evidence(c, &r->digest, depth + 1, err);
}

/* All of it or an error: what could not be listed is not left behind in silence. */
/* NOLINTNEXTLINE(misc-no-recursion): depth is at most EVIDENCE_DEPTH_MAX */
static int copy_discovered(struct copy *c, const struct digest *digest, int depth, struct err *err)
{
    const struct discover_wants wants = { true, true, true, true };
    struct discovery CLEANUP(discovery_clear) d = { .complete = false };

    if (discover(&d, c->from, digest, &wants, c->deadline, err) != 0)
        return -1;
    if (!d.complete) {
        *err = d.incomplete;
        return -1;
    }
    for (size_t kind = 0; kind < TAGGED_KINDS; kind++)
        if (copy_tagged(c, &d.tagged[kind], err) != 0)
            return -1;
    for (size_t i = 0; i < d.n_referrers; i++)
        if (copy_referrer(c, &d.referrers[i], depth, err) != 0)
            return -1;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most EVIDENCE_DEPTH_MAX */
static int copy_evidence(struct copy *c, const struct digest *digest, int depth, struct err *err)
{
    char text[DIGEST_TEXT_MAX];

    if (depth > EVIDENCE_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "referrers of referrers deeper than %d", EVIDENCE_DEPTH_MAX);
    digest_format(text, digest);
    if (copy_discovered(c, digest, depth, err) != 0)
        return err_wrap(err, "what hangs on %s", text);
    return 0;
}

/* Evidence of one digest, in every place where it may hang. */
struct everywhere {
    struct copy *copy;
    const struct digest *digest;
};

static int copy_place(void *context, struct store *store, const struct err *why, struct err *err)
{
    const struct everywhere *e = context;

    if (store == NULL) {
        *err = *why;
        return -1;
    }
    e->copy->from = store;
    int copied = copy_evidence(e->copy, e->digest, 1, err);
    e->copy->from = e->copy->image;
    return copied;
}

static int copy_node(struct copy *c, const struct tree_node *node, struct err *err)
{
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MANIFEST_MAX * 2);
    struct manifest m;

    c->manifests++;
    if (manifest_parse(&m, buf_bytes(&node->body), node->is.media_type, &scratch, err) != 0 ||
        copy_content(c, &m, err) != 0 ||
        store_put_manifest(c->to, NULL, buf_bytes(&node->body), node->is.media_type, c->deadline,
                           err) != 0)
        return -1;
    struct everywhere everywhere = { c, &node->is.digest };
    return places_each(c->registries, c->image, copy_place, &everywhere, err);
}

static int copy_tree(struct copy *c, const struct tree *tree, const char *tag, struct err *err)
{
    const struct tree_node *root = &tree->nodes[tree->n - 1];

    for (size_t i = 0; i < tree->n; i++)
        if (copy_node(c, &tree->nodes[i], err) != 0)
            return -1;
    if (tag == NULL)
        return 0;
    return store_put_manifest(c->to, tag, buf_bytes(&root->body), root->is.media_type, c->deadline,
                              err);
}

/* DST names where to, not what: a digest there must be the image's own. A layout lists images by
 * tag. */
static int check_target(const struct reference *to, const char *tag, const struct resolved *image,
                        struct err *err)
{
    if (to->has_digest && !digest_equal(&to->digest, &image->digest))
        return err_set(err, ERR_USAGE, "the destination names another digest than the source has");
    if (to->layout && tag == NULL)
        return err_set(err, ERR_USAGE, "a layout lists its images by tag: say oci:%s:TAG",
                       to->repository);
    return 0;
}

static int copy_image(struct copy *c, const struct reference *from, const struct reference *to,
                      struct err *err)
{
    struct tree CLEANUP(tree_clear) tree = { .n = 0 };
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
    struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);
    const char *tag = to->tag != NULL ? to->tag : from->tag;
    struct resolved image;
    char digest[DIGEST_TEXT_MAX];

    if (store_resolve(&image, &body, c->from, from, c->deadline, err) != 0 ||
        tree_load(&tree, c->from, &image, &body, c->deadline, err) != 0)
        return err_wrap(err, "source");
    if (check_target(to, tag, &image, err) != 0 ||
        store_open(&c->to, c->registries, to, STORE_WRITE, err) != 0 ||
        copy_tree(c, &tree, tag, err) != 0)
        return -1;
    reference_name(&name, to);
    digest_format(digest, &image.digest);
    log_info("copied %zu manifests, %zu blobs, %zu pieces of evidence", c->manifests, c->blobs,
             c->evidence);
    printf("%s@%s\n", buf_text(&name), digest);
    return 0;
}

static int copy(struct common *common, char **argv, struct err *err)
{
    struct reference CLEANUP(reference_clear) from = { .host = NULL };
    struct reference CLEANUP(reference_clear) to = { .host = NULL };
    struct store *CLEANUP(store_freep) source = NULL;

    if (reference_parse(&from, bytes_text(argv[0]), err) != 0 ||
        reference_parse(&to, bytes_text(argv[1]), err) != 0 ||
        common_start(common, "sign", err) != 0 ||
        store_open(&source, common->registries, &from, STORE_READ, err) != 0)
        return -1;
    struct copy c = {
        .registries = common->registries,
        .image = source,
        .from = source,
        .deadline = clock_deadline(common->timeout_ms),
    };
    int copied = copy_image(&c, &from, &to, err);
    store_free(c.to);
    return copied;
}

static int run_copy(int argc, char **argv, struct err *err)
{
    struct common common = COMMON_INIT;
    int first;
    bool help;
    const struct option table[] = { COMMON_OPTIONS(&common), { 0 } };

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "sign", &sign_copy_command, table);
    else if (done == 0 && argc - first != 2)
        done = err_set(err, ERR_USAGE, "copy takes a source and a destination");
    else if (done == 0)
        done = copy(&common, argv + first, err);
    common_clear(&common);
    return done;
}

const struct command sign_copy_command = {
    .name = "copy",
    .summary = "copy an image with everything that hangs on it",
    .usage = "SRC DST",
    .details = "Between registries and layouts in any direction. Signatures, attestations and "
               "other referrers come along.",
    .run = run_copy,
};
