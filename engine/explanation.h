#ifndef BULLA_ENGINE_EXPLANATION_H
#define BULLA_ENGINE_EXPLANATION_H

#include "policy/judge.h"

/*
 * A verdict in words for people (policy.md "What a denial says"): the same in the command's output
 * and in the webhook's answers.
 */

/** "host/repo:tag" as asked, and the digest that was judged where it has none (NULL: not known).
 * Appended, as is everything here. */
void explanation_image(struct buf *out, const struct reference *image, const struct digest *digest);

/** "production#42", or "production". */
void explanation_policy(struct buf *out, const struct policy *policy);

/** "signed by ci", "attested built-by-us by ci", "all of", "at least 2 different signers of". */
void explanation_requirement(struct buf *out, const struct requirement *require);

/** "allowed", "unknown", "denied". */
const char *explanation_verdict(enum verdict verdict);

/** What was judged by a policy. */
struct explanation {
    struct bytes what; /* as it is shown, escaped: "image " with explanation_image() */
    const struct policy *policy;
    const struct judgement *judgement;
};

/**
 * What came of it, with rule and policy, and below it a line for each leaf that is not proven:
 *
 *     image REF denied by rule "applications" (production#42, policy.yaml:61): wrong-signer
 *       signed by ci: wrong-signer: ...
 *
 * Every line ends with a newline.
 */
void explanation_write(struct buf *out, const struct explanation *e);

#endif
