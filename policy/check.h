#ifndef BULLA_POLICY_CHECK_H
#define BULLA_POLICY_CHECK_H

#include "base/json_pull.h"
#include "policy/pattern.h"

/*
 * Demands on a verified statement: JSON pointer, operator, literal (policy.md "Checks"). No loops
 * but over the statement, no clock. A statement of n bytes costs no more than n steps for each
 * level of a pointer.
 */

enum check_operator {
    CHECK_IS,
    CHECK_NOT,
    CHECK_IN,
    CHECK_NOT_IN,
    CHECK_MATCHES,
    CHECK_NOT_MATCHES,
    CHECK_EXISTS,
    CHECK_AT_LEAST,
    CHECK_AT_MOST,
    CHECK_OPERATORS /* number of operators */
};
const char *check_operator_name(enum check_operator operator); /* "not-in" */

/** A value to compare with. */
struct literal {
    enum json_kind kind;    /* JSON_STRING, JSON_NUMBER, JSON_TRUE_VALUE, JSON_FALSE_VALUE,
                               JSON_NULL_VALUE; JSON_ABSENT: --check's, which means whatever stands
                               there by its text */
    const char *text;       /* of a string; a number as written; of JSON_ABSENT */
    struct pattern pattern; /* CHECK_MATCHES, CHECK_NOT_MATCHES */
};

/** Which elements a line is about. */
enum check_over {
    OVER_ONE_VALUE, /* `at` alone, from the statement's root */
    OVER_EACH,      /* `each`: every element satisfies */
    OVER_SOME       /* `one`: some element does */
};

/** One line of a check. */
struct check {
    enum check_over over;
    enum check_operator operator;
    const char *elements; /* OVER_EACH, OVER_SOME: a pointer with "*" members */
    const char *at;       /* JSON pointer; under OVER_EACH and OVER_SOME from the element on */
    const struct literal *literals; /* n >= 1; CHECK_EXISTS: one, true or false */
    size_t n;
    bool empty_passes;  /* the whole pointer yields no element */
    bool absent_passes; /* the last member before the final "*" is not there */
    int line;           /* of the policy; 0: the command line */
};

/** Does the statement meet it? Whatever is not there, or is of another kind than the operator
 * wants, does not meet it; a "*" that meets neither an array nor an object fails the line. */
bool check_holds(const struct check *check, struct json_view statement);

/** What stands there instead, for people: a scalar's text, "an object", "nothing". Appended,
 * escaped. */
void check_found(struct buf *out, const struct check *check, struct json_view statement);

#endif
