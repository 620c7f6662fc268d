#ifndef BULLA_KEYS_KEY_SOURCE_H
#define BULLA_KEYS_KEY_SOURCE_H

#include <sys/types.h>

#include "base/secret.h"

/**
 * The bytes of a key from "path", "-" (standard input) or "env://NAME", at most KEY_FILE_MAX.
 *
 * @param mode  permission bits of a file, 0 for the other sources; may be NULL
 * @return 0, or -1 with ERR_UNSUPPORTED (KMS, tokens, remote stores: by name), ERR_CONFIG (no such
 * file or variable, larger than a key), ERR_IO, ERR_NOMEM. The text names the source.
 */
int key_source_read(struct secret **out, const char *source, mode_t *mode,
                    struct err *err) MUST_CHECK;

#endif
