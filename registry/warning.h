#ifndef BULLA_REGISTRY_WARNING_H
#define BULLA_REGISTRY_WARNING_H

#include "base/bytes.h"

#define WARNING_TEXT_MAX 4096 /* distribution-spec: longer ones need not be shown */

/**
 * The next text of a `Warning` header that is for people (distribution-spec "Warnings": code 299,
 * no agent, a quoted text), unquoted and cut, in the place of what `out` held.
 *
 * @param rest  what of the value is not read yet; moves on
 * @return false when nothing that is shown follows
 */
bool warning_next(struct buf *out, struct bytes *rest);

#endif
