#ifndef BULLA_POLICY_POLICY_H
#define BULLA_POLICY_POLICY_H

#include "evidence/collect.h"
#include "policy/check.h"
#include "registry/reference.h"

/*
 * Who must have vouched for an image. No I/O, no clock. Immutable once built: any number of threads
 * may judge with it.
 */

/** Somebody who vouches: any of the keys counts as this one signer. */
struct policy_signer {
    const char *name;
    const uint8_t (*fingerprints)[KEY_FINGERPRINT_SIZE];
    size_t n;
};

/** One fact that fits all of it: `signed`, a signature by `signer` that claims all of
 * `annotations`; or `attested`, a statement by `signer` of just this type that meets every check.
 */
struct requirement {
    enum fact_kind kind;
    const struct policy_signer *signer;
    const struct annotation *annotations; /* FACT_SIGNATURE */
    size_t n_annotations;
    const char *predicate_type; /* FACT_STATEMENT */
    const struct check *checks;
    size_t n_checks;
};

struct policy_rule {
    const char *name; /* shown in messages */
    struct requirement require;
};

struct policy;

/** Which statements count. */
struct policy_statement {
    const char *predicate_type;
    const struct check *checks;
    size_t n_checks;
};

/**
 * The policy of `verify --key`: one rule for every image, any of `keys` counts, every annotation
 * must be claimed.
 *
 * @param keys         1..KEYS_MAX; n == 0 is ERR_USAGE: no demand must never mean allow.
 * Fingerprints are copied
 * @param annotations  borrowed for the life of the policy
 */
int policy_for_keys(struct policy **out, const struct public_key *const *keys, size_t n,
                    const struct annotation *annotations, size_t n_annotations,
                    struct err *err) MUST_CHECK;

/**
 * The policy of `verify attestation --key`: one statement of `predicate_type` by any of `keys` that
 * meets every check.
 *
 * @param keys  as above
 * @param statement  its texts and checks are borrowed for the life of the policy
 */
int policy_for_statements(struct policy **out, const struct public_key *const *keys, size_t n,
                          const struct policy_statement *statement, struct err *err) MUST_CHECK;
void policy_free(struct policy *policy);
void policy_freep(struct policy **policy);

/** Which rule judges this image, and what evidence it can use. Nothing is looked up. */
struct selection {
    const struct policy_rule *rule;
    struct plan plan;
};
void policy_select(struct selection *out, const struct policy *policy,
                   const struct reference *image);

#endif
