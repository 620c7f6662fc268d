#ifndef BULLA_EVIDENCE_HINT_H
#define BULLA_EVIDENCE_HINT_H

#include "evidence/collect.h"

#define ANNOTATION_CERTIFICATE "dev.sigstore.cosign/certificate"

/* What a piece of evidence says it is, for listing and sorting. Nothing here is authenticated, and
 * nothing may be decided by it. */

enum hinted_kind {
    HINTED_UNKNOWN = 0, /* it cannot be read as what it hangs there as */
    HINTED_SIGNATURE,   /* of an image */
    HINTED_STATEMENT,
    HINTED_MESSAGE /* a bundle with a signature of bytes: it names no image */
};

enum hinted_signer { HINTED_NOBODY = 0, HINTED_KEY, HINTED_CERTIFICATE };

struct evidence_hint {
    enum hinted_kind kind;
    const char *predicate_type; /* of the statement that it holds, in the arena; or NULL */
    enum hinted_signer signer;
    const char *key; /* HINTED_KEY: what the bundle says of it, in the arena */
};

/**
 * Read leniently: bundles of every version and with every kind of signer are described, checked or
 * not. `piece` may be of any content; what cannot be read is HINTED_UNKNOWN. -1 only with
 * ERR_NOMEM, ERR_LIMIT (the arena).
 */
int evidence_hint(struct evidence_hint *out, const struct evidence *piece, struct arena *arena,
                  struct err *err) MUST_CHECK;

#endif
