#include "evidence/discover.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static const char *const suffixes[TAGGED_KINDS] = {
    [TAGGED_SIG] = ".sig",
    [TAGGED_ATT] = ".att",
    [TAGGED_SBOM] = ".sbom",
};

void discovery_clear(struct discovery *d)
{
    for (size_t i = 0; i < d->n_pages; i++)
        buf_clear(&d->pages[i]);
    free(d->pages);
    free(d->referrers);
    for (size_t i = 0; i < TAGGED_KINDS; i++)
        buf_clear(&d->tagged[i].body);
    arena_clear(&d->arena);
    *d = (struct discovery) { .incomplete = ERR_INIT };
}

/* The first thing that could not be found out is kept: it is what the person must mend first. */
static void incomplete(struct discovery *d, const struct err *why, const char *what)
{
    if (!d->complete)
        return;
    d->complete = false;
    d->incomplete = *why;
    err_wrap(&d->incomplete, "%s", what);
}

static int add_reason(struct discovery *d, enum reason_code code, const char *where,
                      const char *text, struct err *err)
{
    const struct reason reason = { code, where, text };

    return reason_add(&d->reasons, &d->arena, &reason, err);
}

static int add_entries(struct discovery *d, const struct manifest *list, struct err *err)
{
    void *array = d->referrers;

    for (size_t i = 0; i < list->n; i++) {
        int grown = mem_grow(&array, &d->cap_referrers, d->n_referrers, sizeof(*d->referrers),
                             REFERRERS_LISTED_MAX, err);
        d->referrers = array;
        if (grown != 0)
            return -1;
        d->referrers[d->n_referrers++] = list->entries[i];
    }
    return 0;
}

/* cosign copy keeps images under exactly the fallback tag: then that tag holds no list. */
static bool is_image(struct discovery *d, struct bytes body, const char *media_type)
{
    struct manifest m;

    return manifest_parse(&m, body, media_type, &d->arena, NULL) == 0 && m.kind == MANIFEST_IMAGE;
}

/* A list that cannot be read may hide a signature: the place was not read to its end. */
static int take_list(struct discovery *d, struct fetch *f, const char *what, struct err *err)
{
    struct manifest list;
    struct err why = ERR_INIT;
    void *array = d->pages;

    int grown =
        mem_grow(&array, &d->cap_pages, d->n_pages, sizeof(*d->pages), 2 * REFERRER_PAGES_MAX, err);
    d->pages = array;
    if (grown != 0)
        return -1;
    struct buf *page = &d->pages[d->n_pages++];
    *page = buf_take(&f->body);
    if (index_parse(&list, buf_bytes(page), REFERRERS_LISTED_MAX, &d->arena, &why) != 0) {
        if (f->what != FETCH_TAG || !is_image(d, buf_bytes(page), f->media_type))
            incomplete(d, &why, what);
        return 0;
    }
    if (add_entries(d, &list, &why) != 0)
        incomplete(d, &why, what);
    return 0;
}

static int further_pages(struct discovery *d, struct store *store, struct fetch *first,
                         int64_t deadline, struct err *err)
{
    char *next = STEAL(first->next);

    for (int page = 1; next != NULL; page++) {
        struct fetch CLEANUP(fetch_clear) f = { .what = FETCH_REFERRERS,
                                                .digest = first->digest,
                                                .size = -1,
                                                .page = next,
                                                .err = ERR_INIT };
        struct err limit = ERR_INIT;
        if (page == REFERRER_PAGES_MAX) {
            err_set(&limit, ERR_LIMIT, "more than %d pages", REFERRER_PAGES_MAX);
            incomplete(d, &limit, "referrers");
            break;
        }
        store_fetch(store, &f, 1, deadline);
        free(next);
        next = NULL;
        if (f.err.code != ERR_NONE)
            incomplete(d, &f.err, "referrers");
        else if (take_list(d, &f, "referrers", err) != 0)
            return -1;
        next = STEAL(f.next);
    }
    free(next);
    return 0;
}

static int take_tagged(struct discovery *d, enum tagged_kind kind, struct fetch *f, struct err *err)
{
    struct tagged *t = &d->tagged[kind];
    struct err why = ERR_INIT;

    t->body = buf_take(&f->body);
    t->digest = f->found;
    memcpy(t->media_type, f->media_type, sizeof(t->media_type));
    if (manifest_parse(&t->manifest, buf_bytes(&t->body), f->media_type, &d->arena, &why) != 0) {
        if (why.code == ERR_NOMEM || why.code == ERR_LIMIT) {
            incomplete(d, &why, t->tag);
            return 0;
        }
        return add_reason(d, REASON_MALFORMED, t->tag, err_text(&why), err);
    }
    if (t->manifest.kind != MANIFEST_IMAGE)
        return add_reason(d, REASON_MALFORMED, t->tag, "an index, not a manifest", err);
    t->found = true;
    return 0;
}

enum { ASK_API, ASK_FALLBACK, ASK_TAGGED, ASK_MAX = ASK_TAGGED + TAGGED_KINDS };

struct questions {
    struct fetch fetches[ASK_MAX];
    int asked[ASK_MAX]; /* which question stands in each place */
    size_t n;
};

static void questions_clear(struct questions *q)
{
    for (size_t i = 0; i < q->n; i++)
        fetch_clear(&q->fetches[i]);
}

static void ask(struct questions *q, int question, enum fetch_what what, const char *tag,
                const struct digest *digest)
{
    q->asked[q->n] = question;
    q->fetches[q->n++] =
        (struct fetch) { .what = what, .tag = tag, .digest = *digest, .size = -1, .err = ERR_INIT };
}

static int take(struct discovery *d, struct store *store, int question, struct fetch *f,
                int64_t deadline, struct err *err)
{
    const char *what = question == ASK_API        ? "referrers"
                       : question == ASK_FALLBACK ? "referrers tag"
                                                  : d->tagged[question - ASK_TAGGED].tag;

    if (f->err.code == ERR_NOT_FOUND || (question == ASK_API && f->err.code == ERR_UNSUPPORTED))
        return 0; /* a definite answer: nothing there */
    if (f->err.code != ERR_NONE) {
        incomplete(d, &f->err, what);
        return 0;
    }
    if (question >= ASK_TAGGED)
        return take_tagged(d, (enum tagged_kind)(question - ASK_TAGGED), f, err);
    if (take_list(d, f, what, err) != 0)
        return -1;
    return question == ASK_API ? further_pages(d, store, f, deadline, err) : 0;
}

int discover(struct discovery *out, struct store *store, const struct digest *digest,
             const struct discover_wants *wants, int64_t deadline, struct err *err)
{
    const bool tagged[TAGGED_KINDS] = { wants->signatures, wants->attestations, wants->sboms };
    char fallback[DIGEST_TAG_MAX];
    struct questions CLEANUP(questions_clear) q = { .n = 0 };

    *out = (struct discovery) { .arena = ARENA_INIT(EVIDENCE_BYTES_MAX),
                                .complete = true,
                                .incomplete = ERR_INIT };
    digest_tag(fallback, digest, "");
    if (wants->referrers) {
        ask(&q, ASK_API, FETCH_REFERRERS, NULL, digest);
        ask(&q, ASK_FALLBACK, FETCH_TAG, fallback, digest);
    }
    for (int kind = 0; kind < TAGGED_KINDS; kind++) {
        digest_tag(out->tagged[kind].tag, digest, suffixes[kind]);
        if (tagged[kind])
            ask(&q, ASK_TAGGED + kind, FETCH_TAG, out->tagged[kind].tag, digest);
    }
    store_fetch(store, q.fetches, q.n, deadline);
    for (size_t i = 0; i < q.n; i++)
        if (take(out, store, q.asked[i], &q.fetches[i], deadline, err) != 0)
            return -1;
    return 0;
}
