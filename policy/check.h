#ifndef BULLA_POLICY_CHECK_H
#define BULLA_POLICY_CHECK_H

#include "base/json_pull.h"

/** One demand on a verified statement: the value at a JSON pointer (RFC 6901) is this. */
struct check {
    const char *at;
    const char
        *is; /* text of a string; a number, true, false or null as written in the statement */
};

/** Does the statement meet it? A value that is not there, an array or an object never does. */
bool check_holds(const struct check *check, struct json_view statement);

/** What stands there, for people: a scalar's text, "an object", "nothing". Appended, escaped. */
void check_found(struct buf *out, const struct check *check, struct json_view statement);

#endif
