#ifndef BULLA_ENGINE_POLICY_FILE_H
#define BULLA_ENGINE_POLICY_FILE_H

#include "base/file_mark.h"
#include "policy/load.h"

/** A policy read from a file, with the keys of its signers. */
struct policy_file {
    struct policy *policy; /* NULL: it has errors */
    struct policy_keys keys;
    struct policy_findings findings; /* errors and warnings, in the file's order */
    struct file_marks files;         /* what was read, and what could not be, as it looked before */
};

/**
 * Read a policy and the key files that it names. Links are followed once, at the beginning: every
 * file is read from the folder that the policy's own link leads to now, so that a folder that is
 * swapped meanwhile (Kubernetes swaps mounted ConfigMaps so) never gives the policy of one and the
 * keys of the other. `out` is to be cleared in either case.
 *
 * @return 0, or -1 with ERR_CONFIG (errors in it: `out->findings` has them all), ERR_USAGE (not
 * there), ERR_IO, ERR_LIMIT, ERR_NOMEM
 */
int policy_file_read(struct policy_file *out, const char *path, struct err *err) MUST_CHECK;

void policy_file_clear(struct policy_file *file);

#endif
