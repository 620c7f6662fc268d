#include "engine/engine.h"

#include "base/clock.h"
#include "engine/places.h"
#include "evidence/check.h"

void image_result_clear(struct image_result *result)
{
    fact_set_clear(&result->facts);
    *result = (struct image_result) { .resolved = false };
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

static int judge(struct image_result *out, const struct engine_options *engine,
                 const struct reference *image, struct err *err)
{
    struct selection selection;
    struct store *CLEANUP(store_freep) store = NULL;
    struct resolved resolved = { .size = -1 };
    const int64_t deadline = clock_deadline(engine->timeout_ms);

    policy_select(&selection, engine->policy, image);
    selection.plan.max_statement = engine->max_statement;
    if (store_open(&store, engine->registries, image, STORE_READ, err) != 0)
        return -1;
    out->digest = image->digest;
    if (!image->has_digest) {
        if (store_resolve(&resolved, NULL, store, image, deadline, err) != 0)
            return -1;
        out->digest = resolved.digest;
    }
    out->resolved = true;
    const struct fact_query query = { engine, &out->digest, &selection.plan, deadline };
    if (engine_facts(&out->facts, store, &query, err) != 0)
        return -1;
    policy_judge(&out->judgement, selection.rule, &out->facts);
    if (out->judgement.verdict == VERDICT_DENY && image->has_digest)
        return check_exists(store, &out->digest, deadline, err);
    return 0;
}

void engine_judge(struct image_result *out, const struct engine_options *engine,
                  const struct reference *image)
{
    struct err err = ERR_INIT;

    *out = (struct image_result) { .reference = image };
    fact_set_init(&out->facts);
    if (judge(out, engine, image, &err) != 0)
        judgement_unknown(&out->judgement, &err);
}
