#ifndef BULLA_VERIFY_SARIF_H
#define BULLA_VERIFY_SARIF_H

#include <stdio.h>

#include "verify/run.h"

/*
 * Results as SARIF 2.1.0, written as they come: a head, one result for each image, a tail. Reasons
 * are SARIF's rules.
 */

void sarif_begin(FILE *out);
void sarif_end(FILE *out);

/** One result, appended. `first`: no result came before it. */
int sarif_result(struct buf *out, const struct report *report, const struct image_result *result,
                 const struct run_place *place, bool first, struct err *err) MUST_CHECK;

#endif
