#ifndef BULLA_POLICY_SELECT_H
#define BULLA_POLICY_SELECT_H

#include "policy/policy.h"

/*
 * Which rule judges an image, before anything is looked up (policy.md "Images", "Outcomes").
 */

enum selected {
    SELECTED_REFUSED = 0, /* by the floor */
    SELECTED_DENIED,      /* a rule denies it by name */
    SELECTED_UNMATCHED,   /* no rule matches */
    SELECTED_UNSIGNED,    /* a rule allows it unsigned */
    SELECTED_RULE         /* a rule demands something: `plan` */
};

#define SELECTION_TEXT_MAX 512

struct selection {
    enum selected selected;
    const struct policy_rule *rule; /* NULL: SELECTED_REFUSED, SELECTED_UNMATCHED */
    enum policy_mode mode;          /* effective */
    enum reason_code reason;        /* REASON_NONE for SELECTED_UNSIGNED, SELECTED_RULE */
    char text[SELECTION_TEXT_MAX];  /* why, for people; "" with REASON_NONE */
    struct plan plan;               /* SELECTED_RULE: what it can use */
    bool index;                     /* evidence of the image's own digest is looked at */
    bool platforms;                 /* evidence of each platform's is */
};

/** What is known of an image before it is looked up. */
struct question {
    const struct reference *image;
    const char *namespace; /* NULL: none */
    int64_t now;           /* judging time, seconds */
};

void policy_select(struct selection *out, const struct policy *policy,
                   const struct question *question);

/** Could a rule with namespaces match this image, so that a namespace must be told? */
bool policy_needs_namespace(const struct policy *policy, const struct reference *image);

#endif
