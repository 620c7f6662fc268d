#ifndef BULLA_POLICY_JUDGE_H
#define BULLA_POLICY_JUDGE_H

#include "policy/policy.h"

/** Zero is deny: what nobody filled in is not an allow. */
enum verdict { VERDICT_DENY = 0, VERDICT_UNKNOWN, VERDICT_ALLOW };
const char *verdict_name(enum verdict verdict); /* "deny", "unknown", "allow" */

#define JUDGEMENT_TEXT_MAX 1024

/** A verdict with its explanation. */
struct judgement {
    enum verdict verdict;
    enum reason_code reason;       /* REASON_NONE exactly when allowed */
    char text[JUDGEMENT_TEXT_MAX]; /* the most useful thing, for the person who must mend it,
                                      escaped; "" when allowed */
    const struct fact *proof; /* the fact that fits, when allowed; borrowed from the fact set */
};

/**
 * Judge facts by a rule: proven if one fact fits all of the requirement; else unknown, if any place
 * that could hold such a fact was not read to its end; else disproven (policy.md "Leaves"). The one
 * place where allow is assigned.
 */
void policy_judge(struct judgement *out, const struct policy_rule *rule,
                  const struct fact_set *facts);

/** A judgement that could not be reached because of an error: always VERDICT_UNKNOWN. */
void judgement_unknown(struct judgement *out, const struct err *why);

/** Does this fact fit the requirement? Signer, claims and kind within one fact. */
bool requirement_fits(const struct requirement *require, const struct fact *fact);

#endif
