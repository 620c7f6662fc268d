#ifndef BULLA_POLICY_LINT_H
#define BULLA_POLICY_LINT_H

#include "policy/load.h"

/**
 * What a policy that loads still has about it: errors for what can never have an effect or has run
 * out, warnings for what is weak, soon runs out or can be defeated.
 *
 * @param findings  of the loading; these are added in the file's order
 * @param now       seconds since 1970
 * @return 0, whatever was found; -1 with ERR_NOMEM. Above POLICY_FINDINGS_MAX the rest is not told.
 */
int policy_lint(struct policy_findings *findings, const struct policy *policy, int64_t now,
                struct err *err) MUST_CHECK;

#endif
