#ifndef BULLA_SIGN_ATTACH_H
#define BULLA_SIGN_ATTACH_H

#include "evidence/fact.h"
#include "registry/store.h"

/**
 * Add one signature to cosign's .sig tag of a digest (sigstore.md 2.3-2.5). What stands there is
 * kept with all its annotations; the tag is re-read after the write, and written again when another
 * writer was faster. The registry holds the old tag or the new one, whole.
 *
 * @param signature  base64 text
 * @return 0, or -1 with the store's errors; ERR_CONFLICT when other writers won every time
 */
int attach_legacy(struct store *store, const struct digest *subject, struct bytes payload,
                  const char *signature, int64_t deadline, struct err *err) MUST_CHECK;

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
