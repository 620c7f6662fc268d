#ifndef BULLA_REGISTRY_LINK_H
#define BULLA_REGISTRY_LINK_H

#include "base/bytes.h"

/**
 * Find the first target whose relation is "next" in one Link header value.
 *
 * @param target  as it stands between the angle brackets, at most URL_MAX bytes, borrowed from
 * `value`; BYTES_NONE when there is none. Not resolved and not checked: use http_resolve() and
 * http_same_origin().
 * @return 0, or -1 with ERR_MALFORMED, ERR_LIMIT
 *
 * Spec: RFC 8288 section 3. Relation types fold case, several may stand in one `rel`; only the
 * first `rel` of a link counts; a link with an `anchor` speaks of another resource and is passed
 * over.
 */
int link_next(struct bytes *target, struct bytes value, struct err *err) MUST_CHECK;

#endif
