#ifndef BULLA_EVIDENCE_CHECK_H
#define BULLA_EVIDENCE_CHECK_H

#include "evidence/collect.h"

/**
 * Check evidence into facts: the only constructor of a fact. For each piece: find the key that
 * verifies the signature over the received bytes, parse those same bytes, and require that they
 * name `digest`. What does not become a fact leaves a reason.
 *
 * @param out     initialised by this call; clear with fact_set_clear() in either case
 * @param keys    the keys of every signer that the plan can use; n_keys >= 1
 * @return 0, or -1 with ERR_CRYPTO (a signature could not be decided), ERR_NOMEM: nothing may be
 * concluded then
 *
 * The bytes that were signed are the bytes that are parsed. Completeness is the collection's.
 */
int evidence_check(struct fact_set *out, const struct evidence_set *set,
                   const struct public_key *const *keys, size_t n_keys, const struct digest *digest,
                   struct err *err) MUST_CHECK;

#endif
