#ifndef BULLA_BASE_FILE_H
#define BULLA_BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/secret.h"

/**
 * Read a whole file, following links ("-" is standard input), appended to `out` up to its ceiling.
 * -1 with ERR_NOT_FOUND, ERR_IO, ERR_LIMIT, ERR_NOMEM; the text names the path.
 */
int file_read(struct buf *out, const char *path, struct err *err) MUST_CHECK;

/** The same into guarded memory (path or "-"); at most `max` bytes. *mode, where wanted, is the
 * file's permission bits. */
int file_read_secret(struct secret **out, const char *path, size_t max, mode_t *mode,
                     struct err *err) MUST_CHECK;
int file_read_secret_fd(struct secret **out, int fd, size_t max, struct err *err) MUST_CHECK;

/**
 * Write aside in the same folder, fsync, rename: readers see the old file or the new one, whole.
 * The umask applies to `mode`. Through a link the file it names is replaced; a device or pipe is
 * written to.
 * -1 with ERR_IO (also for a missing folder), ERR_NOMEM; nothing is left behind.
 */
int file_write(const char *path, struct bytes content, mode_t mode, struct err *err) MUST_CHECK;

/** Create a file that must not exist, without following links (secrets: mode 0600). -1 with
 * ERR_CONFLICT, ERR_IO. */
int file_create(const char *path, struct bytes content, mode_t mode, struct err *err) MUST_CHECK;

int file_write_all(int fd, struct bytes content,
                   struct err *err) MUST_CHECK; /* short writes, EINTR handled */
bool file_exists(const char *path);
void file_closep(int *fd); /* for CLEANUP(): closes when >= 0 */

#endif
