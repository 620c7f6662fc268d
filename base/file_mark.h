#ifndef BULLA_BASE_FILE_MARK_H
#define BULLA_BASE_FILE_MARK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/bytes.h"

/*
 * How files look, so that a change can be seen without reading them: one stat() each, links
 * followed, which works on every file system and for folders that are swapped by a link.
 */

#define FILE_MARKS_MAX 65536 /* files of one list: what is more is a mistake */

struct file_mark {
    char *path;
    bool there;
    struct stat what; /* when it is there */
};

struct file_marks {
    struct file_mark *items;
    size_t n, cap;
};

void file_marks_clear(struct file_marks *marks);

/** Note how a file looks now; before it is read, so that what changes while it is being read shows
 * afterwards. That it is not there is noted, too. -1 with ERR_LIMIT, ERR_NOMEM. */
int file_marks_add(struct file_marks *marks, const char *path, struct err *err) MUST_CHECK;

/** Move all marks of `from` behind those of `to`. -1 with ERR_LIMIT, ERR_NOMEM: what was not moved
 * stays in `from`. */
int file_marks_move(struct file_marks *to, struct file_marks *from, struct err *err) MUST_CHECK;

/** Do all files look as they were noted: the same file, of the same size and times? */
bool file_marks_same(const struct file_marks *marks);

/** Note anew how they look. True when nothing had changed. */
bool file_marks_renew(struct file_marks *marks);

/** The same paths with the same marks. -1 with ERR_NOMEM, ERR_LIMIT; `out` is empty then. */
int file_marks_copy(struct file_marks *out, const struct file_marks *marks,
                    struct err *err) MUST_CHECK;

#endif
