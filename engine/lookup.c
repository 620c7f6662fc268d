#include "engine/lookup.h"

#include <stdlib.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "engine/places.h"
#include "evidence/check.h"

void lookup_init(struct lookup *lookup)
{
    *lookup =
        (struct lookup) { .platforms_lost = ERR_INIT, .existence = ERR_INIT, .err = ERR_INIT };
    fact_set_init(&lookup->facts);
}

static void platforms_drop(struct lookup *lookup)
{
    if (lookup->platforms != NULL)
        platforms_clear(lookup->platforms);
    free(lookup->platforms);
    lookup->platforms = NULL;
}

void lookup_clear(struct lookup *lookup)
{
    platforms_drop(lookup);
    fact_set_clear(&lookup->facts);
    lookup_init(lookup);
}

bool lookup_complete(const struct lookup *lookup)
{
    if (!lookup->resolved || lookup->err.code != ERR_NONE ||
        lookup->platforms_lost.code != ERR_NONE ||
        (lookup->existence_asked && lookup->existence.code != ERR_NONE) ||
        (lookup->has_facts && !lookup->facts.complete))
        return false;
    for (size_t i = 0; lookup->platforms != NULL && i < lookup->platforms->n; i++)
        if (!lookup->platforms->facts[i].complete)
            return false;
    return true;
}

static size_t facts_weight(const struct fact_set *facts)
{
    return facts->arena.held + facts->n * sizeof(*facts->facts);
}

size_t lookup_weight(const struct lookup *lookup)
{
    const struct platforms *p = lookup->platforms;
    size_t weight = sizeof(*lookup) + facts_weight(&lookup->facts);

    if (p == NULL)
        return weight;
    weight += sizeof(*p) + p->arena.held + p->n * (sizeof(*p->items) + sizeof(*p->facts));
    for (size_t i = 0; i < p->n; i++)
        weight += facts_weight(&p->facts[i]);
    return weight;
}

/* --- Facts --- */

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
                 struct lookup_times *times, struct err *err)
{
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    struct collection c = { &set, query };
    const int64_t began = clock_micros();

    fact_set_init(out);
    if (places_each(query->engine->registries, store, collect_from, &c, err) != 0)
        return -1;
    const int64_t collected = clock_micros();
    const int checked =
        evidence_check(out, &set, query->engine->keys, query->engine->n_keys, query->digest, err);
    if (times != NULL) {
        times->collect += collected - began;
        times->check += clock_micros() - collected;
    }
    return checked;
}

/* Evidence of the platforms that could not be had makes what needs it unknown, nothing else. */
static int gather_platforms(struct lookup *out, struct store *store, const struct fact_query *query,
                            struct err *err)
{
    out->platforms = mem_new(1, sizeof(*out->platforms), err);
    if (out->platforms == NULL)
        return -1;
    if (platforms_gather(out->platforms, store, query, &out->times, &out->platforms_lost) == 0)
        return 0;
    if (out->platforms_lost.code == ERR_NONE)
        err_set(&out->platforms_lost, ERR_INTERNAL, "platforms");
    platforms_drop(out);
    return 0;
}

int lookup_gather(struct lookup *out, struct store *store, const struct selection *selection,
                  const struct fact_query *query, struct err *err)
{
    if (selection->index) {
        if (engine_facts(&out->facts, store, query, &out->times, err) != 0)
            return -1;
        out->has_facts = true;
    }
    return selection->platforms ? gather_platforms(out, store, query, err) : 0;
}

/* --- One look-up --- */

struct search {
    struct lookup *out;
    const struct lookup_query *query;
    const struct reference *image;
    struct store *store;
    int64_t deadline;
};

static void search_clear(struct search *s)
{
    store_free(s->store);
}

/* The digest that is judged: told, named, or what the tag names now. */
static int resolve(struct search *s, struct err *err)
{
    const struct digest *told = s->query->digest;
    struct resolved resolved = { .size = -1 };
    const int64_t began = clock_micros();

    if (told != NULL || s->image->has_digest) {
        s->out->digest = told != NULL ? *told : s->image->digest;
        s->out->resolved = true;
        return 0;
    }
    const int asked = store_resolve(&resolved, NULL, s->store, s->image, s->deadline, err);
    s->out->times.resolve = clock_micros() - began;
    if (asked != 0)
        return -1;
    s->out->digest = resolved.digest;
    s->out->resolved = true;
    return 0;
}

static int find(struct search *s, struct err *err)
{
    const struct engine_options *engine = s->query->engine;
    struct plan plan = s->query->selection->plan;

    if (s->query->selection->selected != SELECTED_RULE && !s->query->digest_only)
        return err_set(err, ERR_INTERNAL, "there is nothing to look up");
    if (store_open_with(&s->store, engine->registries, s->image, engine->credentials, err) != 0 ||
        resolve(s, err) != 0)
        return -1;
    if (s->query->digest_only)
        return 0;
    plan.max_statement = engine->max_statement;
    const struct fact_query query = { engine, &s->out->digest, &plan, s->deadline };
    return lookup_gather(s->out, s->store, s->query->selection, &query, err);
}

/* A digest that nothing vouches for may not even be there: that is a different answer. */
static void ask_existence(struct search *s)
{
    struct fetch CLEANUP(fetch_clear) f = {
        .what = FETCH_MANIFEST, .digest = s->out->digest, .size = -1, .probe = true, .err = ERR_INIT
    };
    const int64_t began = clock_micros();

    store_fetch(s->store, &f, 1, s->deadline);
    s->out->times.collect += clock_micros() - began;
    s->out->existence_asked = true;
    s->out->existence = f.err;
}

/* A denial does not stand while it is not certain that the image is there. */
static void mind_existence(struct judgement *judgement, const struct lookup *lookup)
{
    if (judgement->verdict == VERDICT_DENY && lookup->existence_asked &&
        lookup->existence.code != ERR_NONE)
        judgement_unknown(judgement, &lookup->existence);
}

static void judge_found(struct search *s)
{
    const struct lookup_query *q = s->query;
    const struct question question = { s->image, q->image->namespace, q->now };
    struct judgement CLEANUP(judgement_clear) own = JUDGEMENT_INIT;
    struct judgement *judgement = q->judgement != NULL ? q->judgement : &own;
    const bool found = s->out->err.code == ERR_NONE;
    const bool may_ask = found && (s->image->has_digest || q->existence);

    if (q->judgement != NULL || (may_ask && !q->existence))
        lookup_judge(judgement, q->engine->policy, q->selection, &question, s->out);
    if (!may_ask || (!q->existence && judgement->verdict != VERDICT_DENY))
        return;
    ask_existence(s);
    mind_existence(judgement, s->out);
}

void lookup_find(struct lookup *out, const struct lookup_query *query)
{
    struct search CLEANUP(search_clear)
        s = { .out = out,
              .query = query,
              .image = query->image->reference,
              .deadline = clock_deadline(query->engine->timeout_ms) };

    lookup_init(out);
    out->collected = clock_seconds();
    if (find(&s, &out->err) != 0 && out->err.code == ERR_NONE)
        err_set(&out->err, ERR_INTERNAL, "looking the image up");
    if (!query->digest_only)
        judge_found(&s);
}

/* --- Judging --- */

/* What this selection needs was looked up; else why not. */
static bool usable(const struct lookup *lookup, const struct selection *selection, struct err *why)
{
    if (lookup != NULL && lookup->err.code != ERR_NONE) {
        *why = lookup->err;
        return false;
    }
    if (lookup != NULL && lookup->resolved && (lookup->has_facts || !selection->index) &&
        (lookup->platforms != NULL || lookup->platforms_lost.code != ERR_NONE ||
         !selection->platforms))
        return true;
    err_set(why, ERR_INTERNAL, "it was not looked up");
    return false;
}

void lookup_judge(struct judgement *out, const struct policy *policy,
                  const struct selection *selection, const struct question *question,
                  const struct lookup *lookup)
{
    struct evidence_found found = { .platforms_lost = ERR_INIT };
    struct err why = ERR_INIT;

    if (selection->selected != SELECTED_RULE) {
        policy_judge(out, policy, selection, question, &found);
        return;
    }
    if (!usable(lookup, selection, &why)) {
        judgement_clear(out);
        out->mode = selection->mode;
        out->rule = selection->rule;
        judgement_unknown(out, &why);
        return;
    }
    if (lookup->has_facts)
        found.index = &lookup->facts;
    if (lookup->platforms != NULL) {
        found.platforms = lookup->platforms->facts;
        found.n_platforms = lookup->platforms->n;
        found.platforms_known = true;
    }
    found.platforms_lost = lookup->platforms_lost;
    policy_judge(out, policy, selection, question, &found);
    mind_existence(out, lookup);
}

bool lookup_answers(const struct lookup *lookup, const struct judgement *judgement,
                    const struct reference *image)
{
    return lookup == NULL || judgement->verdict != VERDICT_DENY || !image->has_digest ||
           lookup->existence_asked;
}
