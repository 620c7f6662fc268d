#include "base/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"

/* *done stays false for what has no length to map: an empty file, a pipe, a device. */
static int map_regular(struct file_map *out, const char *path, bool *done, struct err *err)
{
    int CLEANUP(file_closep) fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    *done = false;
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", path);
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return 0;
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return err_sys(err, ERR_IO, errno, "%s", path);
    out->mapped = data;
    out->content = (struct bytes) { data, (size_t)st.st_size };
    *done = true;
    return 0;
}

int file_map(struct file_map *out, const char *path, size_t max, struct err *err)
{
    bool done = false;

    *out = (struct file_map) { .read = BUF_INIT(max) };
    if (strcmp(path, "-") != 0 && map_regular(out, path, &done, err) != 0)
        return -1;
    if (done)
        return 0;
    if (file_read(&out->read, path, err) != 0)
        return -1;
    out->content = buf_bytes(&out->read);
    return 0;
}

void file_unmap(struct file_map *map)
{
    if (map->mapped != NULL)
        munmap(map->mapped, map->content.len);
    buf_clear(&map->read);
    *map = (struct file_map) { .mapped = NULL };
}
