#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP ((size_t)64 * 1024) /* bytes asked for at once */
#define SECRET_FIRST ((size_t)4096)   /* most keys and passwords fit */

static int open_error(const char *path, int sys, struct err *err)
{
    enum err_code code = sys == ENOENT || sys == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;

    return err_sys(err, code, sys, "%s", path);
}

/* "-" is a copy of standard input, so that every descriptor is closed alike. */
static int open_input(int *fd, const char *path, struct err *err)
{
    if (strcmp(path, "-") == 0)
        *fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    else
        *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return *fd < 0 ? open_error(path, errno, err) : 0;
}

static ssize_t read_some(int fd, void *to, size_t len)
{
    for (;;) {
        ssize_t n = read(fd, to, len);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

/* Appends up to the buffer's ceiling; at the ceiling one more byte tells whether it was all. */
static int read_into(struct buf *out, int fd, struct err *err)
{
    char probe;

    for (;;) {
        size_t room = out->max - out->len;
        size_t step = room < READ_STEP ? room : READ_STEP;
        uint8_t *to = buf_reserve(out, step);
        if (to == NULL)
            return buf_check(out, "content", err);
        ssize_t n = step == 0 ? read_some(fd, &probe, 1) : read_some(fd, to, step);
        if (n < 0)
            return err_sys(err, ERR_IO, errno, "cannot be read");
        if (n > 0 && step == 0)
            return err_set(err, ERR_LIMIT, "larger than %zu bytes", out->max);
        if (n == 0)
            return 0;
        out->len += (size_t)n;
    }
}

int file_read(struct buf *out, const char *path, struct err *err)
{
    CLEANUP(file_closep) int fd = -1;
    size_t before = out->len;

    if (open_input(&fd, path, err) != 0)
        return -1;
    int r = read_into(out, fd, err);
    if (r != 0)
        out->len = before;
    if (out->data != NULL)
        out->data[out->len] = 0;
    return r == 0 ? 0 : err_wrap(err, "%s", path);
}

/* Double the room, up to `most`. */
static int secret_grow(struct secret **s, size_t most, struct err *err)
{
    CLEANUP(secret_freep) struct secret *old = STEAL(*s);
    size_t len = secret_bytes(old).len;

    if (secret_new(s, len < most / 2 ? len * 2 : most, err) != 0)
        return -1;
    memcpy(secret_data(*s), secret_data(old), len);
    return 0;
}

/* Guarded memory is locked and wiped page by page: it begins with one page, not with the ceiling.
 */
int file_read_secret_fd(struct secret **out, int fd, size_t max, struct err *err)
{
    CLEANUP(secret_freep) struct secret *all = NULL;
    size_t len = 0;

    *out = NULL;
    if (secret_new(&all, max < SECRET_FIRST ? max + 1 : SECRET_FIRST, err) != 0)
        return -1;
    for (;;) {
        ssize_t n = read_some(fd, secret_data(all) + len, secret_bytes(all).len - len);
        if (n < 0)
            return err_sys(err, ERR_IO, errno, "cannot be read");
        if (n == 0)
            return secret_copy(out, bytes_part(secret_bytes(all), 0, len), err);
        len += (size_t)n;
        if (len > max)
            return err_set(err, ERR_LIMIT, "larger than %zu bytes", max);
        if (len == secret_bytes(all).len && secret_grow(&all, max + 1, err) != 0)
            return -1;
    }
}

int file_read_secret(struct secret **out, const char *path, size_t max, mode_t *mode,
                     struct err *err)
{
    CLEANUP(file_closep) int fd = -1;
    struct stat st;

    *out = NULL;
    if (mode != NULL)
        *mode = 0;
    if (open_input(&fd, path, err) != 0)
        return -1;
    if (fstat(fd, &st) != 0)
        return err_sys(err, ERR_IO, errno, "%s", path);
    if (file_read_secret_fd(out, fd, max, err) != 0)
        return err_wrap(err, "%s", path);
    if (mode != NULL)
        *mode = st.st_mode & 07777;
    return 0;
}

bool file_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

void file_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
