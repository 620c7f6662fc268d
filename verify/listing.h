#ifndef BULLA_VERIFY_LISTING_H
#define BULLA_VERIFY_LISTING_H

#include "engine/places.h"
#include "evidence/reason.h"
#include "verify/report.h"

/* What hangs on one digest in every place, and what came of it. */

enum leaf_group { GROUP_SIGNATURES, GROUP_ATTESTATIONS, GROUP_SBOMS, GROUP_OTHERS, LEAF_GROUPS };

/** What came of a leaf: verified with a key; or not, for a reason or (REASON_NONE) because it was
 * not checked. */
struct outcome {
    bool verified;
    enum fact_kind kind;        /* verified: of what, */
    const char *predicate_type; /* of which type, or NULL, */
    const char *key;            /* and with which key, as it was named */
    enum reason_code reason;
    const char *message; /* not verified: in words */
};

/** One thing that hangs on the image. All but a verified outcome is what the place says. */
struct leaf {
    enum leaf_group group;
    const char *place;  /* the repository or layout where it was found */
    const char *layout; /* "legacy", "bundle", "referrer" */
    const char *where;  /* as facts and reasons name it */
    const char *kind;   /* "signature", "statement", "message-signature"; NULL where not known */
    const char *type;   /* predicate type, artifact type, media type: the most telling of them */
    const char *hint;   /* of the signer: "key hint TEXT", "certificate", "none"; NULL: not read */
    struct digest digest; /* of the content; where that is not known, of the manifest */
    int64_t size;         /* its size */
    struct outcome outcome;
};

struct listing {
    struct arena arena;
    struct leaf *leaves;
    size_t n, cap;
    bool complete;
    struct err incomplete; /* the first thing that could not be read */
};

void listing_clear(struct listing *listing);

struct listing_query {
    struct registries *registries;
    const struct digest *digest;
    const struct report *report; /* its keys check; none: nothing is checked */
    size_t max_statement;
    int64_t deadline;
};

/**
 * List every place, the image's own (`store`) first. What could not be read makes the listing
 * incomplete. -1 with ERR_NOMEM, ERR_CRYPTO, ERR_LIMIT, or what the configuration of a place says;
 * `out` is to be cleared in either case.
 */
int listing_make(struct listing *out, struct store *store, const struct listing_query *query,
                 struct err *err) MUST_CHECK;

/** One listing as a tree in text, its leaves in groups. `name` and `place` (the image's own) are
 * plain text. Appended. */
void listing_text(struct buf *out, const struct listing *listing, const char *name,
                  const char *place);

/** As one JSON object with members image, digest, complete, evidence. Appended. */
void listing_json(struct buf *out, const struct listing *listing, const char *name,
                  const struct digest *digest);

#endif
