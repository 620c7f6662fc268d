#ifndef BULLA_BASE_FILE_MAP_H
#define BULLA_BASE_FILE_MAP_H

#include "base/bytes.h"

/** A file's content without copying it: mapped, or, for what cannot be mapped ("-", pipes), read up
 * to `max` bytes. */
struct file_map {
    struct bytes content;
    void *mapped; /* NULL when read */
    struct buf read;
};

/** Follows links. -1 with ERR_NOT_FOUND, ERR_IO, ERR_LIMIT (of what is read), ERR_NOMEM. A file
 * that shrinks while it is mapped ends the program with SIGBUS: no answer is given. */
int file_map(struct file_map *out, const char *path, size_t max, struct err *err) MUST_CHECK;
void file_unmap(struct file_map *map);

#endif
