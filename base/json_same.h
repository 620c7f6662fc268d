#ifndef BULLA_BASE_JSON_SAME_H
#define BULLA_BASE_JSON_SAME_H

#include "base/json.h"

/**
 * Does the tree hold what the text says: every member, element and string? jansson 2.14 drops bytes
 * of a string in silence when its lexer cannot grow a buffer, and gives out the shortened string as
 * success.
 *
 * @return 0, or -1 with ERR_NOMEM (it does not, or that could not be found out), ERR_LIMIT,
 * ERR_MALFORMED (the text)
 */
int json_same(const struct jx *tree, struct bytes text, struct err *err) MUST_CHECK;

#endif
