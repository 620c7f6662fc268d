#ifndef BULLA_EVIDENCE_COLLECT_H
#define BULLA_EVIDENCE_COLLECT_H

#include "base/limits.h"
#include "evidence/discover.h"
#include "evidence/fact.h"

/** Which evidence a rule can use. Nothing else is fetched. */
struct plan {
    bool signatures;
    bool statements;
    const char *predicate_type; /* of the statements; NULL: every type */
    size_t max_statement;       /* bytes of one bundle or envelope with a statement; 0:
                                   BUNDLE_STATEMENT_MAX */
};

enum evidence_form {
    EVIDENCE_SIMPLE_SIGNING, /* a .sig layer: content is the payload, `signature` the annotation */
    EVIDENCE_BUNDLE,         /* a referrer: content is the bundle */
    EVIDENCE_ENVELOPE        /* an .att layer: content is a DSSE envelope */
};

/** One raw piece: untrusted, bounded, its digest checked against the list that named it. */
struct evidence {
    enum evidence_form form;
    enum evidence_layout layout;
    const char *where;            /* "sha256-….sig, layer 2" */
    const char *signature;        /* EVIDENCE_SIMPLE_SIGNING, or NULL */
    struct json_view annotations; /* of the layer; EVIDENCE_BUNDLE: none */
    struct digest digest;         /* of the content */
    struct digest carrier;        /* what it hangs by: the referrer's manifest, or the layer */
    struct buf content;
};

/** A piece that is there, as far as the list tells, and could not be read. */
struct unread {
    struct reason why;
    const char *type;      /* predicate type that a bundle's manifest tells, or NULL */
    struct digest carrier; /* as struct evidence has it */
    struct digest digest;  /* of what could not be read: the content, or the carrier */
    int64_t size;          /* as the list tells */
};

struct evidence_set {
    struct arena arena;
    struct evidence *items;
    size_t n;
    size_t cap;
    struct reason_list reasons;
    struct unread *unread; /* pieces that make the set incomplete */
    size_t n_unread;
    size_t cap_unread;
    bool complete;
    struct err incomplete;
};

#define EVIDENCE_SET_INIT                                                                          \
    {                                                                                              \
        .arena = ARENA_INIT(EVIDENCE_BYTES_MAX), .complete = true, .incomplete = ERR_INIT          \
    }

void evidence_set_clear(struct evidence_set *set);

/** Whose evidence is fetched, which of it, and until when. */
struct evidence_query {
    const struct digest *digest;
    const struct plan *plan;
    int64_t deadline;
};

/**
 * Fetch what a discovery found and the plan needs, added to `set`. Rounds: manifests with legacy
 * payloads, bundles. Partial failure makes the set incomplete; -1 only with ERR_NOMEM. Nothing in
 * the set borrows from `found`.
 */
int evidence_fetch(struct evidence_set *set, struct store *store, const struct discovery *found,
                   const struct evidence_query *query, struct err *err) MUST_CHECK;

/**
 * Collect every layout that the plan needs from one place, added to `set` (further places: call
 * again): discovery, then evidence_fetch(). Partial failure makes the set incomplete; -1 only with
 * ERR_NOMEM.
 */
int evidence_collect(struct evidence_set *set, struct store *store, const struct digest *digest,
                     const struct plan *plan, int64_t deadline, struct err *err) MUST_CHECK;

/** Could this referrer be a Sigstore bundle that the plan wants, as far as the list tells? Types
 * and annotations of a list guide the look-up and decide nothing. */
bool referrer_wanted(const struct descriptor *referrer, const struct plan *plan);

#endif
