#ifndef BULLA_BASE_JSON_SCAN_H
#define BULLA_BASE_JSON_SCAN_H

#include "base/bytes.h"

/** json_scan() for the verdict alone, with its errors. For json.c, where jansson's names leave no
 * room for those of json_pull.h. */
int json_check(struct bytes text, struct err *err) MUST_CHECK;

#endif
