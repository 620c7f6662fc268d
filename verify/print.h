#ifndef BULLA_VERIFY_PRINT_H
#define BULLA_VERIFY_PRINT_H

#include <stdio.h>

#include "base/json_pull.h"

/* Large values, written piece by piece: whether the stream took them is for its owner to ask. */

/** A scanned value and a newline, the value in one line: white space outside strings carries
 * nothing and is left out. */
void print_json_line(FILE *to, struct json_view value);

/** In standard base64, without a newline. -1 with ERR_NOMEM: a part is missing. */
int print_base64(FILE *to, struct bytes content, struct err *err) MUST_CHECK;

#endif
