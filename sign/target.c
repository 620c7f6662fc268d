#include "sign/target.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/places.h"
#include "sign/tree.h"

int formats_parse(struct formats *out, const char *text, struct err *err)
{
    *out = (struct formats) { { false } };
    if (text == NULL || strcmp(text, "bundle") == 0)
        out->layouts[LAYOUT_BUNDLE] = true;
    else if (strcmp(text, "legacy") == 0)
        out->layouts[LAYOUT_LEGACY] = true;
    else if (strcmp(text, "bundle,legacy") == 0 || strcmp(text, "legacy,bundle") == 0)
        out->layouts[LAYOUT_BUNDLE] = out->layouts[LAYOUT_LEGACY] = true;
    else
        return err_set(err, ERR_USAGE, "--format: '%s' is none of bundle, legacy, bundle,legacy",
                       text);
    return 0;
}

int target_facts(struct fact_set *out, const struct target *target, const struct public_key *key,
                 const struct digest *digest, const struct plan *plan, struct err *err)
{
    const struct engine_options engine = {
        .registries = target->options->common->registries,
        .keys = &key,
        .n_keys = 1,
    };
    const struct fact_query query = { &engine, digest, plan, target->deadline };

    fact_set_init(out);
    if (!target->options->upload)
        return 0;
    if (engine_facts(out, target->evidence, &query, NULL, err) != 0)
        return -1;
    if (out->complete || out->incomplete.code == ERR_LIMIT || out->incomplete.code == ERR_NOT_FOUND)
        return 0;
    *err = out->incomplete;
    return err_wrap(err, "what is signed already");
}

void target_log(const struct target *target, const struct digest *digest, const char *done,
                enum evidence_layout layout)
{
    char text[DIGEST_TEXT_MAX];

    digest_format(text, digest);
    log_info("%s@%s: %s (%s)%s", buf_text(&target->name), text, done, evidence_layout_name(layout),
             target->options->upload ? "" : ", not stored");
}

static int visit_tree(const struct target *t, const struct resolved *root, struct buf *body,
                      target_visit *visit, void *context, struct err *err)
{
    struct tree CLEANUP(tree_clear) tree = { .n = 0 };

    if (!t->options->recursive)
        return visit(context, t, root, err);
    if (tree_load(&tree, t->image, root, body, t->deadline, err) != 0)
        return -1;
    for (size_t i = 0; i < tree.n; i++)
        if (visit(context, t, &tree.nodes[i].is, err) != 0)
            return -1;
    return 0;
}

static int warn_of_tag(const struct target *t, const struct digest *digest, struct err *err)
{
    char text[DIGEST_TEXT_MAX];

    if (t->reference->has_digest)
        return 0;
    if (t->options->require_digest)
        return err_set(err, ERR_USAGE, "--require-digest: the image is named without a digest");
    digest_format(text, digest);
    log_warn("a tag can move: signing %s, which it names now; name images by digest", text);
    return 0;
}

static int open_evidence(struct target *t, struct store **own, struct err *err)
{
    struct reference CLEANUP(reference_clear) named = { .host = NULL };

    t->evidence = t->image;
    if (places_named() == NULL || !t->options->upload)
        return 0;
    if (reference_parse(&named, bytes_text(places_named()), err) != 0 ||
        store_open(own, t->options->common->registries, &named, STORE_WRITE, err) != 0)
        return err_wrap(err, "COSIGN_REPOSITORY");
    t->evidence = *own;
    return 0;
}

/* Is it an image at all? Its own word for its type is what a referrer repeats. */
static int check_type(struct resolved *resolved, const struct buf *body, struct err *err)
{
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MANIFEST_MAX * 2);
    struct manifest m;

    if (manifest_parse(&m, buf_bytes(body), resolved->media_type, &scratch, err) != 0)
        return -1;
    snprintf(resolved->media_type, sizeof(resolved->media_type), "%s", m.media_type);
    return 0;
}

static void target_clear(struct target *t)
{
    buf_clear(&t->name);
}

static int visit_image(const struct target_options *options, const struct reference *image,
                       target_visit *visit, void *context, struct err *err)
{
    struct store *CLEANUP(store_freep) store = NULL;
    struct store *CLEANUP(store_freep) own = NULL;
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
    struct resolved resolved;
    struct target CLEANUP(target_clear) t = {
        .options = options,
        .reference = image,
        .name = BUF_INIT(REFERENCE_MAX),
        .deadline = clock_deadline(options->common->timeout_ms),
    };
    char digest[DIGEST_TEXT_MAX];

    if (store_open(&store, options->common->registries, image, STORE_READ, err) != 0)
        return -1;
    t.image = store;
    reference_name(&t.name, &store->repository);
    if (store_resolve(&resolved, &body, store, image, t.deadline, err) != 0 ||
        check_type(&resolved, &body, err) != 0 || warn_of_tag(&t, &resolved.digest, err) != 0 ||
        open_evidence(&t, &own, err) != 0 ||
        visit_tree(&t, &resolved, &body, visit, context, err) != 0)
        return -1;
    digest_format(digest, &resolved.digest);
    if (options->upload)
        printf("%s@%s\n", buf_text(&t.name), digest);
    return 0;
}

int targets_each(const struct target_options *options, const struct reference *images, size_t n,
                 target_visit *visit, void *context, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct err why = ERR_INIT;
        struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);
        if (visit_image(options, &images[i], visit, context, &why) == 0)
            continue;
        reference_format(&name, &images[i]);
        err_wrap(&why, "%s", buf_text(&name));
        if (err->code != ERR_NONE)
            log_error("%s", err_text(&why));
        else
            *err = why;
    }
    return err->code == ERR_NONE ? 0 : -1;
}
