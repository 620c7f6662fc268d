#ifndef BULLA_EVIDENCE_ANNOTATIONS_H
#define BULLA_EVIDENCE_ANNOTATIONS_H

#include "base/json_pull.h"
#include "evidence/fact.h"

/** The string members of an object, in order; members of other kinds are not claims that can be
 * compared and are left out. Absent or null: none. -1 with ERR_MALFORMED (another kind), ERR_LIMIT
 * (ANNOTATIONS_MAX), ERR_NOMEM. */
int annotations_parse(struct annotation **out, size_t *n, struct json_view object,
                      struct arena *arena, struct err *err) MUST_CHECK;

/** A string's content as text in the arena. */
int json_arena_text(const char **out, struct json_view string, const char *what,
                    struct arena *arena, struct err *err) MUST_CHECK;

/** The same set, order aside? */
bool annotations_equal(const struct annotation *a, size_t n_a, const struct annotation *b,
                       size_t n_b);

#endif
