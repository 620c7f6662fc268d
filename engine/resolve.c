#include "base/clock.h"
#include "engine/engine.h"
#include "engine/workers.h"

/* What many images name, before any of them is judged: so that tags of one digest can be told. */

struct resolving {
    struct image_digest *out;
    const struct engine_options *engine;
    const struct image_question *images;
};

static void ask(struct image_digest *out, const struct engine_options *engine,
                const struct reference *image)
{
    struct store *CLEANUP(store_freep) store = NULL;
    struct resolved resolved;

    if (store_open_with(&store, engine->registries, image, engine->credentials, &out->err) != 0 ||
        store_resolve(&resolved, NULL, store, image, clock_deadline(engine->timeout_ms),
                      &out->err) != 0)
        return;
    out->digest = resolved.digest;
    out->known = true;
}

static void resolve_one(void *context, size_t i)
{
    struct resolving *r = context;
    const struct image_question *image = &r->images[i];
    struct image_digest *out = &r->out[i];
    const struct question question = { image->reference, image->namespace, clock_seconds() };
    const int64_t began = clock_millis();
    struct selection selection;

    *out = (struct image_digest) { .digest = image->reference->digest, .err = ERR_INIT };
    policy_select(&selection, r->engine->policy, &question);
    if (selection.selected != SELECTED_RULE)
        return;
    out->rule = selection.rule;
    out->known = image->reference->has_digest;
    if (!out->known)
        ask(out, r->engine, image->reference);
    out->took_ms = clock_millis() - began;
}

int engine_resolve_all(struct image_digest *out, const struct engine_options *engine,
                       const struct image_question *images, size_t n, struct err *err)
{
    struct resolving r = { out, engine, images };

    return workers_each(n, workers_count(engine->workers, n), resolve_one, &r, err);
}
