#ifndef BULLA_POLICY_LEAF_H
#define BULLA_POLICY_LEAF_H

#include "policy/judge.h"

/* One leaf of a requirement against one set of facts: used by judge.c alone. */

/** What judging has at hand. */
struct judging {
    const struct policy *policy;
    const struct question *question;
    struct arena *arena; /* of the judgement */
};

/** What came of a leaf. */
struct leaf_result {
    enum proof proof;
    enum reason_code reason;
    const char *text;
    const struct fact *fact;
    uint64_t keys;          /* bit i: key i of the signer proves it */
    const struct err *lost; /* not everything was read, and why: others of its keys may prove it as
                               well; else NULL */
};

/** Judge one leaf by the facts of one digest. */
struct leaf_result leaf_judge(const struct judging *j, const struct requirement *leaf,
                              const struct fact_set *facts);

/** A text for people in the arena, escaped; where memory is short a fixed one. */
const char *leaf_text(const struct judging *j, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
