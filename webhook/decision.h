#ifndef BULLA_WEBHOOK_DECISION_H
#define BULLA_WEBHOOK_DECISION_H

#include "engine/lookups.h"
#include "webhook/metrics.h"
#include "webhook/review.h"

/*
 * What is decided about a review, image by image (policy.md "Outcomes", "Tags"): what nothing has
 * to be looked up for at once, the rest by what was looked up. No I/O and no clock.
 *
 * A text that names no image a node could pull, and an object that cannot be read, are denied as
 * `malformed`: of the closed list the one word that says it. It is a denial and not "could not be
 * found out", since nothing will be different when it is asked again.
 */

struct decision_setting {
    const struct policy *policy;
    const struct review *review;
    int64_t now; /* judging time, seconds */
    bool pin;    /* /mutate: digests of tags are wanted, nothing is judged */
};

/** One image's. Texts live in the arena of the decisions. */
struct decision {
    const struct review_subject *subject; /* NULL: the object, which could not be read */
    const struct selection *selection;    /* to be looked up with; NULL: nothing to be looked up */
    enum verdict verdict;                 /* deny until something else was said */
    enum policy_mode mode;                /* how strictly it is taken */
    const struct policy_rule *rule;       /* or NULL */
    enum reason_code reason;              /* REASON_NONE exactly when allowed */
    const char *why;                      /* one line; "" when allowed */
    const char *entry; /* all of it, as policy.md "What a denial says", without the last newline;
                          "" when allowed */
    bool resolved;
    struct digest digest; /* when resolved */
    enum metrics_cache cache;
    int64_t proof_age;     /* CACHE_PROVEN: seconds */
    enum reason_code lost; /* CACHE_PROVEN: why it could not be proven anew */
    struct lookup_times times;
    int64_t select_micros, judge_micros;
};

struct decisions {
    struct decision_setting setting;
    struct arena arena;
    struct decision *items;
    size_t n;
};

#define DECISION_ENTRY_MAX 1000 /* bytes of an entry: under 1 KiB (policy.md) */
#define DECISION_WHY_MAX 400

/**
 * Select a rule for each image and decide what costs no packet. With `pin` there is an item for
 * each image that is to be pinned, and no other.
 *
 * @param setting  its parts are borrowed for the life of the decisions
 * @return 0, or -1 with ERR_NOMEM. `out` is to be cleared in either case.
 */
int decisions_begin(struct decisions *out, const struct decision_setting *setting,
                    struct err *err) MUST_CHECK;
void decisions_clear(struct decisions *d);

/** Decide by what is kept since `age_ms`. False: it is not known well enough, and has to be asked
 * for. */
bool decision_known(struct decisions *all, struct decision *d, const struct lookup *kept,
                    int64_t age_ms);

/** Decide by what was found, perhaps for another. NULL: nothing was in time. */
void decision_found(struct decisions *all, struct decision *d, const struct lookup *found,
                    bool shared);

/** Is the last complete look-up of `d->digest` worth a try (`use-proven-within`)? */
bool decision_wants_proven(const struct decisions *all, const struct decision *d);

/** Decide by it: only an allow counts, and only if it is as young as the policy says. */
void decision_proven(struct decisions *all, struct decision *d, const struct lookup *proven);

/** Order of usefulness, from 0: enforced before warned before audited before allowed; denied before
 * unknown. */
#define DECISION_RANKS 7
int decision_rank(const struct decision *d);

/** The one that the answer stands on: the first of the lowest rank. NULL: there are none. */
const struct decision *decisions_first(const struct decisions *all);

/** Nothing enforced is denied or unknown. */
bool decisions_allow(const struct decisions *all);

/** The worst verdict of all images, however strictly it is taken; allow when there are none. */
enum verdict decisions_verdict(const struct decisions *all);

/** The image as the answer shows it, with its digest when known; "object". Appended. */
void decision_image(struct buf *out, const struct decision *d);

#endif
