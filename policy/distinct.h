#ifndef BULLA_POLICY_DISTINCT_H
#define BULLA_POLICY_DISTINCT_H

#include "policy/policy.h"

/*
 * `atLeast` (policy.md "Connectives"): leaves count that can be given different signers, which
 * differ in policy name and in identity. One key under two names is one, and so are two keys of one
 * signer.
 */

#define AT_LEAST_LEAVES_MAX 32

struct distinct_leaf {
    const struct policy_signer *signer;
    uint64_t proven; /* bit i: key i of the signer proves the leaf */
    bool open;       /* not everything was read: any of its keys may */
};

/**
 * @param sure      how many leaves can be given different signers that prove them
 * @param possible  how many could, if whatever was not read proved it
 * @param n         at most AT_LEAST_LEAVES_MAX
 */
void distinct_signers(size_t *sure, size_t *possible, const struct distinct_leaf *leaves, size_t n);

#endif
