#include "verify/listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "evidence/bundle.h"
#include "evidence/check.h"
#include "evidence/hint.h"
#include "evidence/statement.h"

void listing_clear(struct listing *listing)
{
    free(listing->leaves);
    arena_clear(&listing->arena);
    *listing = (struct listing) { .n = 0 };
}

/* One place under way: found, fetched and checked once. */
struct place {
    struct listing *list;
    const struct listing_query *query;
    const char *name;
    struct plan plan;
    bool checked;
    struct discovery found;
    struct evidence_set set;
    struct fact_set facts;
};

static void place_clear(struct place *p)
{
    discovery_clear(&p->found);
    evidence_set_clear(&p->set);
    fact_set_clear(&p->facts);
}

static const struct evidence *piece_at(const struct place *p, const char *where)
{
    for (size_t i = 0; i < p->set.n; i++)
        if (strcmp(p->set.items[i].where, where) == 0)
            return &p->set.items[i];
    return NULL;
}

static const struct unread *unread_at(const struct place *p, const char *where)
{
    for (size_t i = 0; i < p->set.n_unread; i++)
        if (strcmp(p->set.unread[i].why.where, where) == 0)
            return &p->set.unread[i];
    return NULL;
}

static const struct fact *fact_at(const struct place *p, const char *where)
{
    for (size_t i = 0; i < p->facts.n; i++)
        if (strcmp(p->facts.facts[i].where, where) == 0)
            return &p->facts.facts[i];
    return NULL;
}

static const struct reason *reason_at(const struct reason_list *list, const char *where)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].where, where) == 0)
            return &list->items[i];
    return NULL;
}

static int take_text(const char **out, struct place *p, const char *text, struct err *err)
{
    *out = arena_text(&p->list->arena, bytes_text(text), err);
    return *out == NULL ? -1 : 0;
}

static int verified(struct leaf *leaf, struct place *p, const struct fact *fact, struct err *err)
{
    leaf->outcome = (struct outcome) { .verified = true,
                                       .kind = fact->kind,
                                       .key = report_key_name(p->query->report, fact) };
    if (fact->predicate_type == NULL)
        return 0;
    return take_text(&leaf->outcome.predicate_type, p, fact->predicate_type, err);
}

/* The place's facts and reasons end with it; the leaf stays. */
static int set_outcome(struct leaf *leaf, struct place *p, struct err *err)
{
    const struct unread *unread = unread_at(p, leaf->where);
    const struct fact *fact = fact_at(p, leaf->where);
    const struct reason *why =
        unread != NULL ? &unread->why
                       : reason_at(p->checked ? &p->facts.reasons : &p->set.reasons, leaf->where);

    if (fact != NULL)
        return verified(leaf, p, fact, err);
    if (why != NULL) {
        leaf->outcome.reason = why->code;
        return take_text(&leaf->outcome.message, p, why->text, err);
    }
    if (leaf->outcome.message == NULL)
        leaf->outcome.message = piece_at(p, leaf->where) != NULL
                                    ? "not checked (no --key)"
                                    : "not evidence that can be checked";
    return 0;
}

static int add_leaf(struct place *p, struct leaf *leaf, struct err *err)
{
    struct listing *l = p->list;
    void *leaves = l->leaves;

    if (set_outcome(leaf, p, err) != 0)
        return -1;
    int grown = mem_grow(&leaves, &l->cap, l->n, sizeof(*l->leaves), SIZE_MAX, err);
    l->leaves = leaves;
    if (grown != 0)
        return -1;
    leaf->place = p->name;
    l->leaves[l->n++] = *leaf;
    return 0;
}

static const char *const kind_names[] = {
    [HINTED_UNKNOWN] = NULL,
    [HINTED_SIGNATURE] = "signature",
    [HINTED_STATEMENT] = "statement",
    [HINTED_MESSAGE] = "message-signature",
};

/* What the content tells, where it was read; what the list tells of it, where it was not. */
static int describe(struct leaf *leaf, struct place *p, struct evidence_hint *hint, struct err *err)
{
    const struct evidence *piece = piece_at(p, leaf->where);
    const struct unread *unread = unread_at(p, leaf->where);

    *hint = (struct evidence_hint) { .kind = HINTED_UNKNOWN };
    if (unread != NULL) {
        leaf->digest = unread->digest;
        leaf->size = unread->size;
    }
    if (piece == NULL)
        return 0;
    leaf->digest = piece->digest;
    leaf->size = (int64_t)piece->content.len;
    if (evidence_hint(hint, piece, &p->list->arena, err) != 0)
        return -1;
    leaf->kind = kind_names[hint->kind];
    if (hint->predicate_type != NULL)
        leaf->type = hint->predicate_type;
    leaf->hint = hint->signer == HINTED_CERTIFICATE ? "certificate" : "none";
    if (hint->signer == HINTED_KEY)
        leaf->hint = arena_printf(&p->list->arena, err, "key hint %s", hint->key);
    return leaf->hint == NULL ? -1 : 0;
}

/* A manifest that could not be read as one is shown itself: what hangs by it is not known. */
static int add_unreadable(struct place *p, enum leaf_group group, const struct tagged *t,
                          struct err *err)
{
    struct leaf leaf = {
        .group = group, .layout = "legacy", .digest = t->digest, .size = (int64_t)t->body.len
    };

    if (take_text(&leaf.where, p, t->tag, err) != 0 ||
        take_text(&leaf.type, p, t->media_type, err) != 0)
        return -1;
    return add_leaf(p, &leaf, err);
}

static int add_layer(struct place *p, enum leaf_group group, const struct tagged *t, size_t i,
                     struct err *err)
{
    const struct descriptor *layer = &t->manifest.entries[i];
    struct leaf leaf = {
        .group = group, .layout = "legacy", .digest = layer->digest, .size = layer->size
    };
    struct arena *arena = &p->list->arena;
    struct evidence_hint hint;

    leaf.where = arena_printf(arena, err, "%s, layer %zu", t->tag, i + 1);
    if (leaf.where == NULL)
        return -1;
    if (group == GROUP_ATTESTATIONS &&
        annotation_get(&leaf.type, layer->annotations, ANNOTATION_PREDICATE_TYPE, arena, err) != 0)
        return -1;
    if (leaf.type == NULL && take_text(&leaf.type, p, layer->media_type, err) != 0)
        return -1;
    if (describe(&leaf, p, &hint, err) != 0)
        return -1;
    return add_leaf(p, &leaf, err);
}

static int add_tagged(struct place *p, enum tagged_kind kind, struct err *err)
{
    static const enum leaf_group groups[TAGGED_KINDS] = { [TAGGED_SIG] = GROUP_SIGNATURES,
                                                          [TAGGED_ATT] = GROUP_ATTESTATIONS,
                                                          [TAGGED_SBOM] = GROUP_SBOMS };
    const struct tagged *t = &p->found.tagged[kind];

    if (!t->found)
        return t->body.len > 0 ? add_unreadable(p, groups[kind], t, err) : 0;
    for (size_t i = 0; i < t->manifest.n; i++)
        if (add_layer(p, groups[kind], t, i, err) != 0)
            return -1;
    return 0;
}

/* By its content; a bundle that could not be read stands where the list would have it. */
static enum leaf_group referrer_group(const struct evidence_hint *hint, const char *listed)
{
    switch (hint->kind) {
    case HINTED_SIGNATURE:
    case HINTED_MESSAGE:
        return GROUP_SIGNATURES;
    case HINTED_STATEMENT:
        return GROUP_ATTESTATIONS;
    case HINTED_UNKNOWN:
        break;
    }
    if (listed == NULL)
        return GROUP_OTHERS;
    return strcmp(listed, PREDICATE_COSIGN_SIGN) == 0 ? GROUP_SIGNATURES : GROUP_ATTESTATIONS;
}

static bool is_bundle(const struct place *p, const struct leaf *leaf, const struct descriptor *r)
{
    return piece_at(p, leaf->where) != NULL ||
           (r->artifact_type != NULL &&
            strncmp(r->artifact_type, TYPE_BUNDLE_PREFIX, strlen(TYPE_BUNDLE_PREFIX)) == 0);
}

static int add_referrer(struct place *p, const struct descriptor *r, bool beyond, struct err *err)
{
    struct arena *arena = &p->list->arena;
    struct leaf leaf = { .digest = r->digest, .size = r->size };
    struct evidence_hint hint;
    char digest[DIGEST_TEXT_MAX];
    const char *listed;

    digest_format(digest, &r->digest);
    leaf.where = arena_printf(arena, err, "referrer %s", digest);
    if (leaf.where == NULL ||
        annotation_get(&listed, r->annotations, ANNOTATION_BUNDLE_PREDICATE, arena, err) != 0)
        return -1;
    const struct unread *unread = unread_at(p, leaf.where);
    if (listed == NULL && unread != NULL)
        listed = unread->type;
    const char *type = listed != NULL             ? listed
                       : r->artifact_type != NULL ? r->artifact_type
                                                  : r->media_type;
    if (take_text(&leaf.type, p, type, err) != 0 || describe(&leaf, p, &hint, err) != 0)
        return -1;
    leaf.group = referrer_group(&hint, listed);
    leaf.layout = is_bundle(p, &leaf, r) ? "bundle" : "referrer";
    if (beyond) {
        leaf.outcome.reason = REASON_TOO_LARGE;
        leaf.outcome.message = "not read: there are too many referrers before it";
    }
    return add_leaf(p, &leaf, err);
}

/* The API and the fallback tag may both name one. */
static bool listed_before(const struct discovery *found, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (digest_equal(&found->referrers[k].digest, &found->referrers[i].digest))
            return true;
    return false;
}

static int add_referrers(struct place *p, struct err *err)
{
    size_t wanted = 0;

    for (size_t i = 0; i < p->found.n_referrers; i++) {
        const struct descriptor *r = &p->found.referrers[i];
        if (listed_before(&p->found, i))
            continue;
        const bool counts = referrer_wanted(r, &p->plan);
        if (add_referrer(p, r, counts && wanted >= REFERRERS_MAX, err) != 0)
            return -1;
        wanted += counts;
    }
    return 0;
}

static int read_place(struct place *p, struct store *store, struct err *err)
{
    const struct discover_wants wants = { true, true, true, true };
    const struct listing_query *q = p->query;
    const struct evidence_query query = { q->digest, &p->plan, q->deadline };

    if (discover(&p->found, store, q->digest, &wants, q->deadline, err) != 0 ||
        evidence_fetch(&p->set, store, &p->found, &query, err) != 0)
        return -1;
    p->checked = q->report->n_keys > 0;
    if (!p->checked)
        return 0;
    return evidence_check(&p->facts, &p->set, q->report->keys, q->report->n_keys, q->digest, err);
}

static void not_complete(struct listing *l, const struct err *why)
{
    if (l->complete)
        l->incomplete = *why;
    l->complete = false;
}

static int list_place(void *context, struct store *store, const struct err *why, struct err *err)
{
    struct place *shared = context;
    struct place CLEANUP(place_clear) p = {
        .list = shared->list, .query = shared->query, .plan = shared->plan, .set = EVIDENCE_SET_INIT
    };
    struct buf CLEANUP(buf_clear) name = BUF_INIT(2 * REFERENCE_MAX);

    fact_set_init(&p.facts);
    if (store == NULL) {
        not_complete(p.list, why);
        return 0;
    }
    reference_name(&name, &store->repository);
    if (take_text(&p.name, &p, buf_text(&name), err) != 0 || read_place(&p, store, err) != 0)
        return -1;
    for (int kind = 0; kind < TAGGED_KINDS; kind++)
        if (add_tagged(&p, (enum tagged_kind)kind, err) != 0)
            return -1;
    if (!p.set.complete)
        not_complete(p.list, &p.set.incomplete);
    return add_referrers(&p, err);
}

int listing_make(struct listing *out, struct store *store, const struct listing_query *query,
                 struct err *err)
{
    struct place shared = {
        .list = out,
        .query = query,
        .plan = { .signatures = true, .statements = true, .max_statement = query->max_statement },
    };

    *out = (struct listing) { .arena = ARENA_INIT(EVIDENCE_BYTES_MAX), .complete = true };
    return places_each(query->registries, store, list_place, &shared, err);
}
