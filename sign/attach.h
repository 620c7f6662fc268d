#ifndef BULLA_SIGN_ATTACH_H
#define BULLA_SIGN_ATTACH_H

#include "evidence/fact.h"
#include "registry/store.h"

/** One layer on its way to cosign's .sig or .att tag (sigstore.md 2.3-2.6). */
struct legacy_layer {
    const char *suffix; /* ".sig", ".att" */
    const char *media_type;
    struct bytes content;          /* nothing: layers are only taken away */
    const char *signature;         /* base64 text; "" on attestation layers */
    const char *predicate_type;    /* of an attestation, else NULL */
    const struct digest *replaces; /* layers that are taken away in the same write */
    size_t n_replaces;
};

/** The layer of a signature: its simple signing payload and the signature in base64. */
struct legacy_layer legacy_signature(struct bytes payload, const char *signature);

/**
 * Add one layer to cosign's tag of a digest. What stands there is
 * kept with all its annotations; the tag is re-read after the write, and written again when another
 * writer was faster. The registry holds the old tag or the new one, whole.
 *
 * @return 0, or -1 with the store's errors; ERR_CONFLICT when other writers won every time
 */
int attach_legacy(struct store *store, const struct digest *subject,
                  const struct legacy_layer *layer, int64_t deadline, struct err *err) MUST_CHECK;

/** A bundle on its way to an image. */
struct bundle_referrer {
    struct bytes bundle;
    const char *predicate_type; /* for the annotation; NULL: a message signature */
    int64_t created;            /* seconds since 1970 */
};

/** Store a bundle as a referrer of `subject` (sigstore.md 3.5). -1 with the store's errors. */
int attach_bundle(struct store *store, const struct resolved *subject,
                  const struct bundle_referrer *what, int64_t deadline, struct err *err) MUST_CHECK;

/** Now, or SOURCE_DATE_EPOCH. -1 with ERR_USAGE when that is not a number. */
int attach_created(int64_t *seconds, struct err *err) MUST_CHECK;

#endif
