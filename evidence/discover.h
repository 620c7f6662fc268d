#ifndef BULLA_EVIDENCE_DISCOVER_H
#define BULLA_EVIDENCE_DISCOVER_H

#include "evidence/reason.h"
#include "registry/store.h"

/*
 * What hangs on one digest in one place, as the registry tells it: nothing here is authenticated.
 * One round trip (and one more per further referrers page) asks for every layout at once.
 */

/** What to ask for. */
struct discover_wants {
    bool referrers;    /* referrers API and fallback tag, united */
    bool signatures;   /* cosign's .sig tag */
    bool attestations; /* cosign's .att tag */
    bool sboms;        /* cosign's .sbom tag (sign copy, verify tree) */
};

/** A manifest under one of cosign's tags. */
struct tagged {
    bool found;
    char tag[DIGEST_TAG_MAX];
    struct digest digest;
    struct buf body; /* the manifest's bytes */
    char media_type[MEDIA_TYPE_MAX + 1];
    struct manifest manifest; /* borrows from body */
};

enum tagged_kind { TAGGED_SIG, TAGGED_ATT, TAGGED_SBOM, TAGGED_KINDS };

struct discovery {
    struct arena arena;
    struct buf *pages; /* referrers lists, which descriptors borrow from */
    size_t n_pages;
    size_t cap_pages;
    struct descriptor *referrers; /* as listed: API, then fallback tag; one may stand in both */
    size_t n_referrers;
    size_t cap_referrers;
    struct tagged tagged[TAGGED_KINDS];
    struct reason_list reasons; /* what was there and could not be read as what it claims to be */
    bool complete;              /* every question was answered */
    struct err incomplete;      /* the first that was not */
};

void discovery_clear(struct discovery *d);

/**
 * Ask one place. Failures of single questions make the discovery incomplete, not an error; -1 only
 * with ERR_NOMEM. `out` is to be cleared in either case.
 */
int discover(struct discovery *out, struct store *store, const struct digest *digest,
             const struct discover_wants *wants, int64_t deadline, struct err *err) MUST_CHECK;

#endif
