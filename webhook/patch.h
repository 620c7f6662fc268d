#ifndef BULLA_WEBHOOK_PATCH_H
#define BULLA_WEBHOOK_PATCH_H

#include "webhook/decision.h"

/*
 * The patch of /mutate (RFC 6902): the digest written behind each tag that was pinned, the tag kept
 * as it was written, nothing else touched. Reviewing the patched object again gives none.
 */

#define PATCH_MAX (5 * MIB) /* REVIEW_IMAGES_MAX references and pointers of REFERENCE_MAX bytes */

/** Appended; nothing when there is nothing to pin. -1 with ERR_LIMIT, ERR_NOMEM. */
int patch_write(struct buf *out, const struct decisions *pins, struct err *err) MUST_CHECK;

#endif
