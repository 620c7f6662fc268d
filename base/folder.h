#ifndef BULLA_BASE_FOLDER_H
#define BULLA_BASE_FOLDER_H

#include <dirent.h>

#include "base/err.h"

/** The entries of a folder, by name. */
struct folder_list {
    struct dirent **entries;
    int n;
};

#define FOLDER_LIST_INIT ((struct folder_list) { NULL, 0 })

/** All but those that begin with "..": the folder itself, the one above it, and what Kubernetes
 * keeps in a mounted folder for its own use. -1 with ERR_IO, ERR_NOMEM; the text names the
 * path. */
int folder_list(struct folder_list *out, const char *path, struct err *err) MUST_CHECK;
void folder_list_clear(struct folder_list *list);

#endif
