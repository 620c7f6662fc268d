#ifndef BULLA_POLICY_JUDGE_H
#define BULLA_POLICY_JUDGE_H

#include "policy/select.h"

/** Zero is deny: what nobody filled in is not an allow. */
enum verdict { VERDICT_DENY = 0, VERDICT_UNKNOWN, VERDICT_ALLOW };
const char *verdict_name(enum verdict verdict); /* "deny", "unknown", "allow" */

/** Of one demand. Zero is disproven. */
enum proof { DISPROVEN = 0, UNKNOWN, PROVEN };
const char *proof_name(enum proof proof); /* "disproven", "unknown", "proven" */

#define JUDGEMENT_TEXT_MAX 1024

/** What came of one requirement: the tree of these has the form of the rule's. */
struct finding {
    const struct requirement *require;
    enum proof proof;
    enum reason_code reason;  /* REASON_NONE exactly when proven */
    const char *text;         /* why not, escaped, in the judgement's arena; "" when proven */
    const struct fact *fact;  /* leaves: the first that fits; borrowed from its fact set */
    struct finding *children; /* as many as the requirement has */
};

/** A verdict with its whole explanation. */
struct judgement {
    enum verdict verdict;
    enum policy_mode mode;          /* how strictly it is taken */
    const struct policy_rule *rule; /* NULL: none matched, or the floor refused */
    enum reason_code reason;        /* REASON_NONE exactly when allowed */
    char text[JUDGEMENT_TEXT_MAX];  /* the most useful thing, for the person who must mend it,
                                       escaped; "" when allowed */
    const struct fact *proof;       /* a fact that the verdict stands on, when a rule allowed */
    struct finding *root;           /* SELECTED_RULE: the tree; else NULL */
    struct arena arena;
};

#define JUDGEMENT_INIT                                                                             \
    {                                                                                              \
        .arena = ARENA_INIT(JUDGEMENT_BYTES_MAX)                                                   \
    }

void judgement_clear(struct judgement *judgement);

/** Is a leaf of this signer proven in the tree? False for NULL. */
bool finding_proven_by(const struct finding *root, const struct policy_signer *signer);

/** What was found out about one image. */
struct evidence_found {
    const struct fact_set *index;     /* of the image's own digest; NULL: not looked for */
    const struct fact_set *platforms; /* of each runnable platform */
    size_t n_platforms;
    bool platforms_known;      /* they could be listed, 1 or more */
    struct err platforms_lost; /* why not */
};

/**
 * Judge: policy.md "Leaves", "Connectives", "Checks". The one place where allow is assigned.
 *
 * @param selection  of policy_select() with the same question
 * @param found      only looked at for SELECTED_RULE
 */
void policy_judge(struct judgement *out, const struct policy *policy,
                  const struct selection *selection, const struct question *question,
                  const struct evidence_found *found);

/** A judgement that could not be reached because of an error: always VERDICT_UNKNOWN. Mode and rule
 * stay as they are. */
void judgement_unknown(struct judgement *out, const struct err *why);

/** Does this fact fit the leaf, taken alone (policy.md "Leaves", "Checks")? Not of `every` and
 * `newest`, which are about all statements: there it says whether the statement meets the lines. */
bool requirement_fits(const struct requirement *leaf, const struct policy *policy,
                      const struct question *question, const struct fact *fact);

#endif
