#ifndef BULLA_REGISTRY_AUTH_FILES_H
#define BULLA_REGISTRY_AUTH_FILES_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

/*
 * Several docker configs, as clusters mount them: a file; a folder that holds one (a Secret of type
 * kubernetes.io/dockerconfigjson has it as .dockerconfigjson); a folder of such folders.
 */

/** Paths of files that are there, in the order in which they are looked into. */
struct auth_files {
    char **list;
    size_t n, cap;
};
void auth_files_clear(struct auth_files *files);

/**
 * Add what `path` stands for: itself, or the files in it by the order of their names. Names that
 * begin with ".." are those of a swapped mount itself and are passed over, so nothing is met twice.
 * -1 with ERR_CONFIG (not there), ERR_IO, ERR_LIMIT (AUTH_FILES_MAX), ERR_NOMEM.
 */
int auth_files_add(struct auth_files *files, const char *path, struct err *err) MUST_CHECK;

#endif
