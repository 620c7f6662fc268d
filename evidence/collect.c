#include "evidence/collect.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "evidence/annotations.h"
#include "evidence/bundle.h"
#include "evidence/simple_signing.h"
#include "evidence/statement.h"

#define TYPE_TOLD_MAX 1024  /* of a predicate type that is kept for a message */
#define OTHER_TYPES_TOLD 16 /* reasons about statements that nobody asked for */

void evidence_set_clear(struct evidence_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        buf_clear(&set->items[i].content);
    free(set->items);
    free(set->unread);
    arena_clear(&set->arena);
    *set = (struct evidence_set)EVIDENCE_SET_INIT;
}

/* One thing that is being fetched on the way to evidence. */
struct pending {
    enum evidence_form form;
    const char *where;
    const char *signature;
    struct json_view annotations;
    const char *type; /* predicate type that a bundle's manifest tells, or NULL */
    struct digest carrier;
};

static void incomplete(struct evidence_set *set, const struct err *why, const char *what)
{
    if (!set->complete)
        return;
    set->complete = false;
    set->incomplete = *why;
    if (what != NULL)
        err_wrap(&set->incomplete, "%s", what);
}

/* Lost on the way: the set is incomplete, and the piece is told of. */
static int add_unread(struct evidence_set *set, const struct pending *p, const struct fetch *f,
                      const struct err *why, struct err *err)
{
    void *unread = set->unread;

    incomplete(set, why, p->where);
    int grown =
        mem_grow(&unread, &set->cap_unread, set->n_unread, sizeof(*set->unread), SIZE_MAX, err);
    set->unread = unread;
    if (grown != 0)
        return -1;
    const char *text = arena_text(&set->arena, bytes_text(err_text(why)), err);
    if (text == NULL)
        return -1;
    set->unread[set->n_unread++] = (struct unread) {
        .why = { reason_of_error(why->code), p->where, text },
        .type = p->type,
        .carrier = p->carrier,
        .digest = f->digest,
        .size = f->size,
    };
    return 0;
}

static int add_reason(struct evidence_set *set, enum reason_code code, const char *where,
                      const char *text, struct err *err)
{
    const struct reason reason = { code, where, text };

    return reason_add(&set->reasons, &set->arena, &reason, err);
}

static int take_reasons(struct evidence_set *set, const struct discovery *d, struct err *err)
{
    for (size_t i = 0; i < d->reasons.n; i++)
        if (add_reason(set, d->reasons.items[i].code, d->reasons.items[i].where,
                       d->reasons.items[i].text, err) != 0)
            return -1;
    if (!d->complete)
        incomplete(set, &d->incomplete, NULL);
    return 0;
}

static struct json_view annotation_view(struct json_view annotations, const char *wanted)
{
    struct json_view name, value;

    for (struct json_walk walk = json_walk(annotations); json_next(&walk, &name, &value);)
        if (json_string_is(name, bytes_text(wanted)))
            return value;
    return JSON_VIEW_NONE;
}

/* What a list says of a piece of evidence. */
enum fit { FIT_OTHER_THING, FIT_OTHER_TYPE, FIT_WANTED };

static enum fit type_fit(struct json_view predicate_type, const struct plan *plan)
{
    if (predicate_type.kind != JSON_STRING)
        return FIT_WANTED; /* not told: the statement itself decides */
    if (json_string_is(predicate_type, BYTES_LIT(PREDICATE_COSIGN_SIGN)))
        return plan->signatures ? FIT_WANTED : FIT_OTHER_THING;
    if (!plan->statements)
        return FIT_OTHER_THING;
    return plan->predicate_type == NULL ||
                   json_string_is(predicate_type, bytes_text(plan->predicate_type))
               ? FIT_WANTED
               : FIT_OTHER_TYPE;
}

static enum fit referrer_fit(const struct descriptor *referrer, const struct plan *plan)
{
    const char *type = referrer->artifact_type;
    struct json_view content = annotation_view(referrer->annotations, ANNOTATION_BUNDLE_CONTENT);

    if (!media_type_is_manifest(referrer->media_type))
        return FIT_OTHER_THING;
    bool bundle =
        type != NULL && strncmp(type, TYPE_BUNDLE_PREFIX, strlen(TYPE_BUNDLE_PREFIX)) == 0;
    /* Registries that give the config's type say nothing of the artifact's (ggcr): annotations or
     * manifest decide. */
    bool untold = type == NULL || strcmp(type, TYPE_OCI_EMPTY) == 0;
    if (!bundle && !untold && content.kind != JSON_STRING)
        return FIT_OTHER_THING;
    return type_fit(annotation_view(referrer->annotations, ANNOTATION_BUNDLE_PREDICATE), plan);
}

bool referrer_wanted(const struct descriptor *referrer, const struct plan *plan)
{
    return referrer_fit(referrer, plan) == FIT_WANTED;
}

/* A growing list of fetches, with what each is for. */
struct wave {
    struct fetch *fetches;
    struct pending *pending;
    size_t n;
    size_t cap;
    size_t cap_pending;
};

#define WAVE_MAX (REFERRERS_MAX + 2 * SIGNATURE_LAYERS_MAX)

/* One collection under way. */
struct collector {
    struct evidence_set *set;
    const struct digest *digest;
    const struct plan *plan;
    int64_t bytes_left; /* of everything that may still be fetched */
    size_t others;      /* pieces of other types that were told of */
    struct wave second; /* referrers' manifests, legacy payloads */
    struct wave third;  /* bundles */
};

static void wave_clear(struct wave *w)
{
    for (size_t i = 0; i < w->n; i++)
        fetch_clear(&w->fetches[i]);
    free(w->fetches);
    free(w->pending);
}

static void collector_clear(struct collector *c)
{
    wave_clear(&c->second);
    wave_clear(&c->third);
}

static int wave_add(struct wave *w, const struct fetch *f, const struct pending *p, struct err *err)
{
    void *fetches = w->fetches, *pending = w->pending;

    int grown = mem_grow(&fetches, &w->cap, w->n, sizeof(*w->fetches), WAVE_MAX, err);
    w->fetches = fetches;
    if (grown != 0)
        return -1;
    grown = mem_grow(&pending, &w->cap_pending, w->n, sizeof(*w->pending), WAVE_MAX, err);
    w->pending = pending;
    if (grown != 0)
        return -1;
    w->fetches[w->n] = *f;
    w->pending[w->n++] = *p;
    return 0;
}

static size_t statement_max(const struct plan *plan)
{
    return plan->max_statement > 0 ? plan->max_statement : BUNDLE_STATEMENT_MAX;
}

/* Of everything together: two of the largest statements, and never less than what signatures have.
 */
static size_t evidence_max(const struct plan *plan)
{
    const size_t statements = plan->statements ? 2 * statement_max(plan) : 0;

    return statements > EVIDENCE_BYTES_MAX ? statements : EVIDENCE_BYTES_MAX;
}

/* Sizes come from lists and are enforced on arrival, so memory is bounded before the first byte is
 * asked for. */
static int collector_add(struct collector *c, struct wave *w, const struct fetch *f,
                         const struct pending *p, struct err *err)
{
    struct err limit = ERR_INIT;

    if (f->max > 0 && f->size > (int64_t)f->max)
        err_set(&limit, ERR_LIMIT, "%lld bytes, and at most %zu are read", (long long)f->size,
                f->max);
    else if (f->size > c->bytes_left)
        err_set(&limit, ERR_LIMIT, "with it more than %zu bytes of evidence",
                evidence_max(c->plan));
    if (limit.code != ERR_NONE)
        return add_unread(c->set, p, f, &limit, err);
    c->bytes_left -= f->size;
    return wave_add(w, f, p, err);
}

static bool wave_has(const struct wave *w, const struct digest *digest)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->fetches[i].what == FETCH_MANIFEST && digest_equal(&w->fetches[i].digest, digest))
            return true;
    return false;
}

/* What is there instead, for the person who looks for a statement of one type. */
static int tell_other_type(struct collector *c, const char *where, struct json_view predicate_type,
                           struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(KIB);

    if (c->others++ >= OTHER_TYPES_TOLD)
        return 0;
    buf_add_text(&text, "a statement of type ");
    text_escape(&text, bytes_part(predicate_type.raw, 1, predicate_type.raw.len - 2), 256);
    return add_reason(c->set, REASON_WRONG_TYPE, where, buf_text(&text), err);
}

static int plan_referrer(struct collector *c, const struct descriptor *r, struct err *err)
{
    char text[DIGEST_TEXT_MAX];
    struct pending p = { .form = EVIDENCE_BUNDLE, .carrier = r->digest };

    digest_format(text, &r->digest);
    p.where = arena_printf(&c->set->arena, err, "referrer %s", text);
    if (p.where == NULL)
        return -1;
    if (referrer_fit(r, c->plan) == FIT_OTHER_TYPE)
        return tell_other_type(c, p.where,
                               annotation_view(r->annotations, ANNOTATION_BUNDLE_PREDICATE), err);
    struct fetch f = {
        .what = FETCH_MANIFEST, .digest = r->digest, .size = r->size, .err = ERR_INIT
    };
    return collector_add(c, &c->second, &f, &p, err);
}

/* The first REFERRERS_MAX of the types that the plan wants; more are not looked into, and that is
 * said. */
static int plan_referrers(struct collector *c, const struct discovery *d, struct err *err)
{
    struct err limit = ERR_INIT;
    size_t used = 0;

    for (size_t i = 0; i < d->n_referrers; i++) {
        const struct descriptor *r = &d->referrers[i];
        const enum fit fit = referrer_fit(r, c->plan);
        if (fit == FIT_OTHER_THING || wave_has(&c->second, &r->digest))
            continue;
        if (fit == FIT_WANTED && used++ == REFERRERS_MAX) {
            err_set(&limit, ERR_LIMIT, "more than %d referrers of the types asked for",
                    REFERRERS_MAX);
            incomplete(c->set, &limit, "referrers");
            return 0;
        }
        if (plan_referrer(c, r, err) != 0)
            return -1;
    }
    return 0;
}

static int copy_view(struct json_view *out, struct json_view view, struct arena *arena,
                     struct err *err)
{
    out->kind = view.kind;
    return arena_bytes(&out->raw, arena, view.raw, err);
}

static int plan_layer(struct collector *c, const struct tagged *t, enum evidence_form form,
                      size_t i, struct err *err)
{
    const struct descriptor *layer = &t->manifest.entries[i];
    struct arena *arena = &c->set->arena;
    struct pending p = { .form = form, .carrier = layer->digest };
    struct fetch f = {
        .what = FETCH_BLOB, .digest = layer->digest, .size = layer->size, .err = ERR_INIT
    };

    f.max = form == EVIDENCE_SIMPLE_SIGNING ? PAYLOAD_MAX : statement_max(c->plan);
    p.where = arena_printf(arena, err, "%s, layer %zu", t->tag, i + 1);
    if (p.where == NULL || copy_view(&p.annotations, layer->annotations, arena, err) != 0)
        return -1;
    if (form == EVIDENCE_SIMPLE_SIGNING) {
        if (annotation_get(&p.signature, layer->annotations, ANNOTATION_SIGNATURE, arena, err) != 0)
            return -1;
        if (p.signature == NULL)
            return add_reason(c->set, REASON_MALFORMED, p.where,
                              "the layer has no signature annotation", err);
        return collector_add(c, &c->second, &f, &p, err);
    }
    const struct json_view type = annotation_view(layer->annotations, ANNOTATION_PREDICATE_TYPE);
    if (type_fit(type, c->plan) == FIT_OTHER_TYPE)
        return tell_other_type(c, p.where, type, err);
    return collector_add(c, &c->second, &f, &p, err);
}

static int plan_tagged(struct collector *c, const struct tagged *t, enum evidence_form form,
                       struct err *err)
{
    /* cosign does not look at a layer's media type; nor do we: the payload says what it is */
    for (size_t i = 0; t->found && i < t->manifest.n; i++)
        if (plan_layer(c, t, form, i, err) != 0)
            return -1;
    return 0;
}

static int add_item(struct evidence_set *set, const struct pending *p, struct fetch *f,
                    struct err *err)
{
    void *items = set->items;

    int grown = mem_grow(&items, &set->cap, set->n, sizeof(*set->items), SIZE_MAX, err);
    set->items = items;
    if (grown != 0)
        return -1;
    set->items[set->n++] = (struct evidence) {
        .form = p->form,
        .layout = p->form == EVIDENCE_BUNDLE ? LAYOUT_BUNDLE : LAYOUT_LEGACY,
        .where = p->where,
        .signature = p->signature,
        .annotations = p->annotations,
        .digest = f->digest,
        .carrier = p->carrier,
        .content = buf_take(&f->body),
    };
    return 0;
}

/* A bundle referrer has exactly one layer, of a bundle's type (sigstore.md 3.5); anything else is
 * something else. */
static int plan_bundle(struct collector *c, struct fetch *f, const struct pending *p,
                       struct err *err)
{
    struct manifest m;
    struct err why = ERR_INIT;
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MANIFEST_MAX * 2);

    if (manifest_parse(&m, buf_bytes(&f->body), f->media_type, &scratch, &why) != 0) {
        if (why.code == ERR_NOMEM || why.code == ERR_LIMIT) /* of ours: the piece was not read */
            return add_unread(c->set, p, f, &why, err);
        return add_reason(c->set, REASON_MALFORMED, p->where, err_text(&why), err);
    }
    if (m.kind != MANIFEST_IMAGE || m.n != 1 ||
        strncmp(m.entries[0].media_type, TYPE_BUNDLE_PREFIX, strlen(TYPE_BUNDLE_PREFIX)) != 0)
        return 0;
    if (m.subject == NULL || !digest_equal(&m.subject->digest, c->digest))
        return add_reason(c->set, REASON_WRONG_SUBJECT, p->where,
                          "its manifest's subject is not this image", err);
    const struct json_view type = annotation_view(m.annotations, ANNOTATION_BUNDLE_PREDICATE);
    const enum fit fit = type_fit(type, c->plan); /* where the list did not tell */
    if (fit == FIT_OTHER_TYPE)
        return tell_other_type(c, p->where, type, err);
    if (fit == FIT_OTHER_THING)
        return 0;
    struct fetch blob = { .what = FETCH_BLOB,
                          .digest = m.entries[0].digest,
                          .size = m.entries[0].size,
                          .err = ERR_INIT };
    const bool statement =
        c->plan->statements && !json_string_is(type, BYTES_LIT(PREDICATE_COSIGN_SIGN));
    blob.max = statement ? statement_max(c->plan) : BUNDLE_SIGNATURE_MAX;
    struct pending bundle = *p;
    if (type.kind == JSON_STRING && type.raw.len <= TYPE_TOLD_MAX &&
        json_arena_text(&bundle.type, type, "predicate type", &c->set->arena, err) != 0)
        return -1;
    return collector_add(c, &c->third, &blob, &bundle, err);
}

static int take_fetch(struct collector *c, struct fetch *f, const struct pending *p,
                      struct err *err)
{
    struct err lost = ERR_INIT;

    if (f->err.code == ERR_NOT_FOUND) {
        err_set(&lost, ERR_NOT_FOUND, "listed, but gone from the registry");
        return add_unread(c->set, p, f, &lost, err);
    }
    if (f->err.code != ERR_NONE)
        return add_unread(c->set, p, f, &f->err, err);
    if (f->what == FETCH_MANIFEST)
        return plan_bundle(c, f, p, err);
    return add_item(c->set, p, f, err);
}

static int run_wave(struct collector *c, struct wave *w, struct store *store, int64_t deadline,
                    struct err *err)
{
    if (w->n == 0)
        return 0;
    store_fetch(store, w->fetches, w->n, deadline);
    for (size_t i = 0; i < w->n; i++)
        if (take_fetch(c, &w->fetches[i], &w->pending[i], err) != 0)
            return -1;
    return 0;
}

int evidence_fetch(struct evidence_set *set, struct store *store, const struct discovery *found,
                   const struct evidence_query *query, struct err *err)
{
    const struct plan *plan = query->plan;
    struct collector CLEANUP(collector_clear)
        c = { .set = set, .digest = query->digest, .plan = plan };

    c.bytes_left = (int64_t)evidence_max(plan);
    if (take_reasons(set, found, err) != 0 || plan_referrers(&c, found, err) != 0 ||
        (plan->signatures &&
         plan_tagged(&c, &found->tagged[TAGGED_SIG], EVIDENCE_SIMPLE_SIGNING, err) != 0) ||
        (plan->statements &&
         plan_tagged(&c, &found->tagged[TAGGED_ATT], EVIDENCE_ENVELOPE, err) != 0))
        return -1;
    if (run_wave(&c, &c.second, store, query->deadline, err) != 0)
        return -1;
    return run_wave(&c, &c.third, store, query->deadline, err);
}

int evidence_collect(struct evidence_set *set, struct store *store, const struct digest *digest,
                     const struct plan *plan, int64_t deadline, struct err *err)
{
    const struct discover_wants wants = {
        .referrers = true,
        .signatures = plan->signatures,
        .attestations = plan->statements,
    };
    const struct evidence_query query = { digest, plan, deadline };
    struct discovery CLEANUP(discovery_clear) d = { .complete = false };

    if (discover(&d, store, digest, &wants, deadline, err) != 0)
        return -1;
    return evidence_fetch(set, store, &d, &query, err);
}
