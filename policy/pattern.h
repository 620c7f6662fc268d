#ifndef BULLA_POLICY_PATTERN_H
#define BULLA_POLICY_PATTERN_H

#include "base/mem.h"

/*
 * Patterns of policy.md (principle 5): anchored, made of segments between slashes. "*" stands for
 * one segment or a part of one, "**", alone in its segment, for one or more segments; everything
 * else is literal. "*" may be empty only beside other text. No regular expressions.
 */

#define PATTERN_STARS_MAX                                                                          \
    16 /* in one segment: matching takes no more steps than text times these */

struct pattern_segment {
    struct bytes text; /* with its stars; borrowed from the arena */
    bool many;         /* "**" */
};

struct pattern {
    struct bytes text; /* as written, for messages */
    struct pattern_segment *segments;
    size_t n;
};

/**
 * Compile into the arena. -1 with ERR_INVALID ("**" beside other text, too many stars or segments,
 * empty), ERR_LIMIT, ERR_NOMEM.
 */
int pattern_compile(struct pattern *out, struct bytes text, struct arena *arena,
                    struct err *err) MUST_CHECK;

/** Does the whole text match? */
bool pattern_matches(const struct pattern *pattern, struct bytes text);

/** Does `wide` match whatever `narrow` matches? True only where that is certain. */
bool pattern_covers(const struct pattern *wide, const struct pattern *narrow);

#endif
