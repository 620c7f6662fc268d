#ifndef BULLA_BASE_JSON_POINTER_H
#define BULLA_BASE_JSON_POINTER_H

#include "base/json_pull.h"

/** Is it a JSON pointer (RFC 6901 section 3): "" or "/..." with "~" only as "~0" and "~1"? -1 with
 * ERR_INVALID. */
int json_pointer_check(struct bytes pointer, struct err *err) MUST_CHECK;

/**
 * The value that a pointer names in a scanned document (RFC 6901 section 4). JSON_VIEW_NONE when
 * nothing is there: also for "-", for an array index with a leading zero, and where the pointer is
 * not one.
 */
struct json_view json_pointer_get(struct json_view root, struct bytes pointer);

/** The same for a pointer that stands in the program. */
struct json_view json_at(struct json_view root, const char *pointer);

#endif
