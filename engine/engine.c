#include "engine/engine.h"

#include <stdlib.h>

#include "base/clock.h"
#include "engine/places.h"
#include "engine/platforms.h"
#include "evidence/check.h"

void image_result_clear(struct image_result *result)
{
    judgement_clear(&result->judgement);
    fact_set_clear(&result->facts);
    if (result->platforms != NULL)
        platforms_clear(result->platforms);
    free(result->platforms);
    *result = (struct image_result) { .resolved = false };
}

int image_questions(struct image_question **out, const struct reference *images, size_t n,
                    const char *namespace, struct err *err)
{
    *out = mem_new(n, sizeof(**out), err);
    if (*out == NULL)
        return -1;
    for (size_t i = 0; i < n; i++)
        (*out)[i] = (struct image_question) { &images[i], namespace };
    return 0;
}

/* One collection over several places. */
struct collection {
    struct evidence_set *set;
    const struct fact_query *query;
};

/* A place that cannot be opened was not read: the set is incomplete, the other places still count.
 */
static int collect_from(void *context, struct store *store, const struct err *why, struct err *err)
{
    struct collection *c = context;

    if (store != NULL)
        return evidence_collect(c->set, store, c->query->digest, c->query->plan, c->query->deadline,
                                err);
    if (c->set->complete)
        c->set->incomplete = *why;
    c->set->complete = false;
    return 0;
}

int engine_facts(struct fact_set *out, struct store *store, const struct fact_query *query,
                 struct err *err)
{
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    struct collection c = { &set, query };

    fact_set_init(out);
    if (places_each(query->engine->registries, store, collect_from, &c, err) != 0)
        return -1;
    return evidence_check(out, &set, query->engine->keys, query->engine->n_keys, query->digest,
                          err);
}

/* A digest that nothing vouches for may not even be there: that is a different answer. */
static int check_exists(struct store *store, const struct digest *digest, int64_t deadline,
                        struct err *err)
{
    struct fetch CLEANUP(fetch_clear) f = {
        .what = FETCH_MANIFEST, .digest = *digest, .size = -1, .probe = true, .err = ERR_INIT
    };

    store_fetch(store, &f, 1, deadline);
    if (f.err.code == ERR_NONE)
        return 0;
    *err = f.err;
    return -1;
}

/* The digest that is judged: named, or what the tag names now. */
static int resolve(struct image_result *out, const struct engine_options *engine,
                   struct store *store, int64_t deadline, struct err *err)
{
    const struct reference *image = out->asked->reference;
    const struct digest *found =
        engine->found != NULL ? engine->found(engine->found_context, out->asked) : NULL;
    struct resolved resolved = { .size = -1 };

    out->digest = found != NULL ? *found : image->digest;
    if (!image->has_digest && found == NULL) {
        if (store_resolve(&resolved, NULL, store, image, deadline, err) != 0)
            return -1;
        out->digest = resolved.digest;
    }
    out->resolved = true;
    return 0;
}

/* Evidence of the platforms that could not be had makes what needs it unknown, nothing else. */
static int find_platforms(struct image_result *out, struct evidence_found *found,
                          struct store *store, const struct fact_query *query, struct err *err)
{
    out->platforms = mem_new(1, sizeof(*out->platforms), err);
    if (out->platforms == NULL)
        return -1;
    if (platforms_gather(out->platforms, store, query, &found->platforms_lost) != 0)
        return 0;
    found->platforms = out->platforms->facts;
    found->n_platforms = out->platforms->n;
    found->platforms_known = true;
    return 0;
}

static int find(struct image_result *out, struct evidence_found *found, struct store *store,
                const struct fact_query *query, struct err *err)
{
    if (out->selection.index) {
        if (engine_facts(&out->facts, store, query, err) != 0)
            return -1;
        found->index = &out->facts;
    }
    return out->selection.platforms ? find_platforms(out, found, store, query, err) : 0;
}

static int judge(struct image_result *out, const struct engine_options *engine,
                 const struct question *question, struct err *err)
{
    struct store *CLEANUP(store_freep) store = NULL;
    struct evidence_found found = { .platforms_lost = ERR_INIT };
    const int64_t deadline = clock_deadline(engine->timeout_ms);
    const struct fact_query query = { engine, &out->digest, &out->selection.plan, deadline };

    if (out->selection.selected != SELECTED_RULE) {
        policy_judge(&out->judgement, engine->policy, &out->selection, question, &found);
        return 0;
    }
    if (store_open(&store, engine->registries, question->image, STORE_READ, err) != 0 ||
        resolve(out, engine, store, deadline, err) != 0 ||
        find(out, &found, store, &query, err) != 0)
        return -1;
    policy_judge(&out->judgement, engine->policy, &out->selection, question, &found);
    if (out->judgement.verdict == VERDICT_DENY && question->image->has_digest)
        return check_exists(store, &out->digest, deadline, err);
    return 0;
}

void engine_judge(struct image_result *out, const struct engine_options *engine,
                  const struct image_question *image)
{
    const int64_t began = clock_millis();
    struct err err = ERR_INIT;

    *out = (struct image_result) { .asked = image,
                                   .now = clock_seconds(),
                                   .judgement = JUDGEMENT_INIT };
    fact_set_init(&out->facts);
    const struct question question = { image->reference, image->namespace, out->now };
    policy_select(&out->selection, engine->policy, &question);
    out->selection.plan.max_statement = engine->max_statement;
    out->judgement.mode = out->selection.mode;
    out->judgement.rule = out->selection.rule;
    if (judge(out, engine, &question, &err) != 0)
        judgement_unknown(&out->judgement, &err);
    out->took_ms = clock_millis() - began;
}
