/* The writing half of base/file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define TEMP_TRIES 8  /* names tried before giving up */
#define TEMP_RANDOM 8 /* random bytes in a temporary name */

int file_write_all(int fd, struct bytes content, struct err *err)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.data, content.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_sys(err, ERR_IO, n < 0 ? errno : EIO, "cannot be written");
        content = bytes_part(content, (size_t)n, content.len);
    }
    return 0;
}

/* A full disk or quota may show only at fsync or close. Takes the descriptor. */
static int write_and_close(int fd, struct bytes content, struct err *err)
{
    CLEANUP(file_closep) int open_fd = fd;

    if (file_write_all(fd, content, err) != 0)
        return -1;
    if (fsync(fd) != 0 && errno != EINVAL) /* EINVAL: pipes and devices have nothing to sync */
        return err_sys(err, ERR_IO, errno, "cannot be written");
    open_fd = -1;
    if (close(fd) != 0 && errno != EINTR)
        return err_sys(err, ERR_IO, errno, "cannot be written");
    return 0;
}

/* Length of the folder part of a path, with its last slash; 0 when there is none. */
static size_t folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

/* Makes a rename or a new name durable. Some file systems cannot do it for a folder. */
static int sync_folder(const char *path, struct err *err)
{
    struct bytes part = { (const uint8_t *)path, folder_len(path) };
    CLEANUP(mem_freep) char *folder = mem_text(part.len > 0 ? part : bytes_text("."), err);

    if (folder == NULL)
        return -1;
    CLEANUP(file_closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL)
        return err_sys(err, ERR_IO, errno, "%s", folder);
    return 0;
}

/* A new file beside `path` under a name of our own. */
static int open_temp(struct buf *name, int *fd, const char *path, mode_t mode, struct err *err)
{
    uint8_t random[TEMP_RANDOM];

    for (int i = 0; i < TEMP_TRIES; i++) {
        buf_reset(name);
        buf_add(name, path, folder_len(path));
        buf_addf(name, ".bulla-");
        secret_random(random, sizeof(random));
        for (size_t k = 0; k < sizeof(random); k++)
            buf_addf(name, "%02x", (unsigned)random[k]);
        if (buf_check(name, path, err) != 0)
            return -1;
        *fd = open(buf_text(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (*fd >= 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    return err_sys(err, ERR_IO, errno, "%s", path);
}

static int replace(const char *path, struct bytes content, mode_t mode, struct err *err)
{
    CLEANUP(buf_clear) struct buf name = BUF_INIT(PATH_MAX);
    int fd = -1;

    if (open_temp(&name, &fd, path, mode, err) != 0)
        return -1;
    int r = write_and_close(fd, content, err);
    if (r == 0 && rename(buf_text(&name), path) != 0)
        r = err_sys(err, ERR_IO, errno, "cannot be replaced");
    if (r != 0) {
        unlink(buf_text(&name));
        return err_wrap(err, "%s", path);
    }
    return sync_folder(path, err);
}

/* A device, pipe or socket (/dev/null, /dev/stdout) is written to, not replaced. */
static int write_through(const char *path, struct bytes content, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return err_sys(err, ERR_IO, errno, "%s", path);
    return write_and_close(fd, content, err) == 0 ? 0 : err_wrap(err, "%s", path);
}

int file_write(const char *path, struct bytes content, mode_t mode, struct err *err)
{
    struct stat st;

    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return write_through(path, content, err);
    /* Through a link the file it names is replaced, in that file's folder. */
    bool linked = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
    CLEANUP(mem_freep) char *target = linked ? realpath(path, NULL) : NULL;
    if (linked && target == NULL)
        return err_sys(err, ERR_IO, errno, "%s", path);
    return replace(target != NULL ? target : path, content, mode, err);
}

int file_create(const char *path, struct bytes content, mode_t mode, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT, "%s: already exists", path);
    if (fd < 0)
        return err_sys(err, ERR_IO, errno, "%s", path);
    if (write_and_close(fd, content, err) != 0) {
        unlink(path);
        return err_wrap(err, "%s", path);
    }
    return sync_folder(path, err);
}
