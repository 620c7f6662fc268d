#ifndef BULLA_VERIFY_EXPLAIN_H
#define BULLA_VERIFY_EXPLAIN_H

#include "engine/engine.h"

/**
 * Everything that led to one verdict, for people: the rule that was selected, what was looked for
 * and found, which facts came of it and why the rest did not, and the tree of requirements with the
 * line of the policy that wanted each. Appended; texts from outside are escaped.
 */
int explain_image(struct buf *out, const struct policy *policy, const struct image_result *result,
                  struct err *err) MUST_CHECK;

#endif
