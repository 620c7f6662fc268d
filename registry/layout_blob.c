#include "registry/layout_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"

#define PIECE (64 * KIB) /* read at a time from files of any size */
#define BLOB_NAME_MAX 160

/* "blobs/<algorithm>/<hex>": made from a validated digest only. */
static void blob_name(char out[BLOB_NAME_MAX], const struct digest *digest)
{
    char text[DIGEST_TEXT_MAX];

    digest_format(text, digest);
    char *colon = strchr(text, ':');
    *colon = '/';
    snprintf(out, BLOB_NAME_MAX, "blobs/%s", text);
}

/* A folder inside the layout, never through a link. */
static int open_folder(int *fd, const struct layout *l, int at, const char *name, struct err *err)
{
    *fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd >= 0)
        return 0;
    if (errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "%s: folder %s is missing", layout_path(l), name);
    if (errno == ENOTDIR || errno == ELOOP)
        return err_set(err, ERR_MALFORMED, "%s: %s is not a folder", layout_path(l), name);
    return err_sys(err, ERR_IO, errno, "%s: %s", layout_path(l), name);
}

static int open_regular(int *fd, struct stat *st, int at, const char *name)
{
    /* O_NONBLOCK: opening a pipe that was planted here must not hang. */
    *fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return errno;
    if (fstat(*fd, st) != 0)
        return errno;
    return S_ISREG(st->st_mode) ? 0 : ELOOP;
}

/* Open each part of "a/b/c" in turn, so that no part of the way is a link. */
int layout_open_file(int *fd, struct stat *st, const struct layout *l, const char *name,
                     struct err *err)
{
    int CLEANUP(file_closep) folder = -1;
    int CLEANUP(file_closep) file = -1;
    const char *rest = name;
    char part[BLOB_NAME_MAX];

    *fd = -1;
    for (const char *slash = strchr(rest, '/'); slash != NULL; slash = strchr(rest, '/')) {
        int next;
        snprintf(part, sizeof(part), "%.*s", (int)(slash - rest), rest);
        if (open_folder(&next, l, folder >= 0 ? folder : l->dir, part, err) != 0)
            return -1;
        file_closep(&folder);
        folder = next;
        rest = slash + 1;
    }
    int sys = open_regular(&file, st, folder >= 0 ? folder : l->dir, rest);
    if (sys == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "%s/%s: is missing", layout_path(l), name);
    if (sys == ELOOP)
        return err_set(err, ERR_MALFORMED, "%s/%s: not a regular file", layout_path(l), name);
    if (sys != 0)
        return err_sys(err, ERR_IO, sys, "%s/%s", layout_path(l), name);
    *fd = file;
    file = -1;
    return 0;
}

/* Read what there is from offset `at`, up to a piece. *n is 0 at the end. */
static int read_piece(uint8_t *to, size_t *n, int fd, off_t at, struct err *err)
{
    ssize_t got;

    do {
        got = pread(fd, to, PIECE, at);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_sys(err, ERR_IO, errno, "reading");
    *n = (size_t)got;
    return 0;
}

static int read_all(struct buf *out, int fd, size_t size, struct err *err)
{
    size_t n = 1;

    /* The size is told by the file system: room for it in one step, one more piece for growth. */
    if (size <= out->max && buf_reserve(out, size) == NULL)
        return buf_check(out, "file", err);
    while (n > 0) {
        uint8_t piece[4096];
        uint8_t *to = out->cap - out->len > PIECE ? out->data + out->len : piece;
        ssize_t got = pread(fd, to, to == piece ? sizeof(piece) : PIECE, (off_t)out->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(err, ERR_IO, errno, "reading");
        n = (size_t)got;
        if (to == piece)
            buf_add(out, piece, n);
        else
            out->len += n;
        if (buf_check(out, "file", err) != 0)
            return -1;
    }
    if (out->data != NULL)
        out->data[out->len] = 0;
    return 0;
}

int layout_read_file(struct buf *out, struct stat *st, const struct layout *l, const char *name,
                     struct err *err)
{
    int CLEANUP(file_closep) fd = -1;

    if (layout_open_file(&fd, st, l, name, err) != 0)
        return -1;
    if ((uint64_t)st->st_size > out->max)
        return err_set(err, ERR_LIMIT, "%s/%s: larger than %zu bytes", layout_path(l), name,
                       out->max);
    if (read_all(out, fd, (size_t)st->st_size, err) != 0)
        return err_wrap(err, "%s/%s", layout_path(l), name);
    return 0;
}

/* *size: the descriptor's on entry (-1: any), the file's on return. */
static int open_blob(int *fd, int64_t *size, const struct layout *l, const struct digest *digest,
                     struct err *err)
{
    char name[BLOB_NAME_MAX];
    struct stat st = { .st_size = 0 };

    blob_name(name, digest);
    if (layout_open_file(fd, &st, l, name, err) != 0)
        return -1;
    if (*size >= 0 && st.st_size != *size) {
        file_closep(fd);
        return err_set(err, ERR_INVALID, "%s/%s: is %lld bytes, its descriptor says %lld",
                       layout_path(l), name, (long long)st.st_size, (long long)*size);
    }
    *size = st.st_size;
    return 0;
}

int layout_blob_probe(const struct layout *l, const struct digest *digest, int64_t size,
                      struct err *err)
{
    int CLEANUP(file_closep) fd = -1;

    return open_blob(&fd, &size, l, digest, err);
}

int layout_blob_read(struct buf *out, const struct layout *l, const struct digest *digest,
                     int64_t size, struct err *err)
{
    int CLEANUP(file_closep) fd = -1;
    char name[BLOB_NAME_MAX];

    blob_name(name, digest);
    if (open_blob(&fd, &size, l, digest, err) != 0)
        return -1;
    if ((uint64_t)size > out->max)
        return err_set(err, ERR_LIMIT, "%s/%s: larger than %zu bytes", layout_path(l), name,
                       out->max);
    if (read_all(out, fd, (size_t)size, err) != 0 ||
        digest_check(digest, size, buf_bytes(out), err) != 0) {
        buf_reset(out);
        return err_wrap(err, "%s/%s", layout_path(l), name);
    }
    return 0;
}

static int write_at(int fd, const uint8_t *data, size_t len, off_t at, struct err *err)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, data, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, ERR_IO, errno, "writing");
        data += n;
        len -= (size_t)n;
        at += n;
    }
    return 0;
}

/* Copy the whole of `from` to `to` (-1: nowhere), checking digest and size on the way. */
static int copy_checked(int to, int from, const struct digest *want, int64_t size, struct err *err)
{
    struct hash *CLEANUP(hash_freep) hash = NULL;
    uint8_t *CLEANUP(mem_freep) piece = mem_new(1, PIECE, err);
    struct digest got = { .alg = want->alg };
    int64_t at = 0;
    size_t n = 1;

    if (piece == NULL || hash_new(&hash, want->alg, err) != 0)
        return -1;
    while (n > 0) {
        if (read_piece(piece, &n, from, (off_t)at, err) != 0 ||
            (to >= 0 && write_at(to, piece, n, (off_t)at, err) != 0) ||
            hash_add(hash, (struct bytes) { piece, n }, err) != 0)
            return -1;
        at += (int64_t)n;
        if (size >= 0 && at > size)
            break;
    }
    if (size >= 0 && at != size)
        return err_set(err, ERR_INVALID, "content is not %lld bytes long", (long long)size);
    if (hash_end(got.value, hash, err) != 0)
        return -1;
    return digest_equal(&got, want) ? 0 : err_set(err, ERR_INVALID, "does not match its digest");
}

int layout_blob_to_file(struct store *s, const struct digest *digest, int64_t size, int fd,
                        int64_t deadline, struct err *err)
{
    const struct layout *l = (const struct layout *)s;
    int CLEANUP(file_closep) from = -1;
    char name[BLOB_NAME_MAX];

    (void)deadline; /* local files: no wait to bound */
    blob_name(name, digest);
    if (open_blob(&from, &size, l, digest, err) != 0)
        return -1;
    if (copy_checked(fd, from, digest, size, err) != 0)
        return err_wrap(err, "%s/%s", layout_path(l), name);
    return 0;
}

/* A file under a name of its own, until it is finished. */
struct aside {
    int dir; /* borrowed */
    int fd;
    char name[32];
};

static void aside_clear(struct aside *a)
{
    file_closep(&a->fd);
}

static int aside_create(struct aside *a, int dir, struct err *err)
{
    uint8_t random[8];

    *a = (struct aside) { .dir = dir, .fd = -1 };
    secret_random(random, sizeof(random));
    char *at = a->name + snprintf(a->name, sizeof(a->name), ".tmp-");
    for (size_t i = 0; i < sizeof(random); i++)
        at += snprintf(at, 3, "%02x", random[i]);
    a->fd = openat(dir, a->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return a->fd >= 0 ? 0 : err_sys(err, ERR_IO, errno, "creating a file");
}

/* Put the finished file in its place: durable before and after the rename. */
static int settle(struct aside *a, const char *name, struct err *err)
{
    if (fsync(a->fd) != 0)
        return err_sys(err, ERR_IO, errno, "fsync");
    int closed = close(a->fd);
    a->fd = -1;
    if (closed != 0)
        return err_sys(err, ERR_IO, errno, "close");
    if (renameat(a->dir, a->name, a->dir, name) != 0)
        return err_sys(err, ERR_IO, errno, "rename");
    if (fsync(a->dir) != 0)
        return err_sys(err, ERR_IO, errno, "fsync of the folder");
    return 0;
}

/* Rename, unless the guard says that the file to be replaced is another by now. */
static int settle_guarded(struct aside *a, const char *name, struct layout_guard *guard,
                          struct err *err)
{
    bool yes = true;

    if (guard != NULL && guard->unchanged(guard->context, &yes, err) != 0)
        return -1;
    if (!yes) {
        unlinkat(a->dir, a->name, 0);
        return 0;
    }
    if (settle(a, name, err) != 0)
        return -1;
    if (guard != NULL)
        guard->written = true;
    return 0;
}

int layout_replace(int dir, const char *name, struct bytes content, struct layout_guard *guard,
                   struct err *err)
{
    struct aside CLEANUP(aside_clear) a = { .fd = -1 };

    if (aside_create(&a, dir, err) != 0)
        return err_wrap(err, "%s", name);
    if (file_write_all(a.fd, content, err) != 0 || settle_guarded(&a, name, guard, err) != 0) {
        unlinkat(dir, a.name, 0);
        return err_wrap(err, "%s", name);
    }
    return 0;
}

/* blobs/<algorithm>, made when it is missing; *name is the file's name in it. */
static int blob_folder(int *fd, const struct layout *l, const struct digest *digest,
                       struct err *err)
{
    int CLEANUP(file_closep) blobs = -1;

    if (mkdirat(l->dir, "blobs", 0755) != 0 && errno != EEXIST)
        return err_sys(err, ERR_IO, errno, "%s/blobs", layout_path(l));
    if (open_folder(&blobs, l, l->dir, "blobs", err) != 0)
        return -1;
    const char *alg = hash_name(digest->alg);
    if (mkdirat(blobs, alg, 0755) != 0 && errno != EEXIST)
        return err_sys(err, ERR_IO, errno, "%s/blobs/%s", layout_path(l), alg);
    return open_folder(fd, l, blobs, alg, err);
}

static int write_blob(int dir, const char *hex, const struct store_blob *blob, struct err *err)
{
    struct aside CLEANUP(aside_clear) a = { .fd = -1 };

    if (!blob->use_fd)
        return digest_check(&blob->digest, blob->size, blob->bytes, err) != 0
                   ? -1
                   : layout_replace(dir, hex, blob->bytes, NULL, err);
    if (aside_create(&a, dir, err) != 0)
        return -1;
    if (copy_checked(a.fd, blob->fd, &blob->digest, blob->size, err) != 0 ||
        settle(&a, hex, err) != 0) {
        unlinkat(dir, a.name, 0);
        return -1;
    }
    return 0;
}

/* Is the very content there already? A damaged file is written anew. */
static bool blob_is_there(const struct layout *l, const struct store_blob *blob)
{
    int CLEANUP(file_closep) fd = -1;
    int64_t size = blob->size;

    return open_blob(&fd, &size, l, &blob->digest, NULL) == 0 &&
           copy_checked(-1, fd, &blob->digest, size, NULL) == 0;
}

int layout_put_blob(struct store *s, const struct store_blob *blob, int64_t deadline,
                    struct err *err)
{
    const struct layout *l = (const struct layout *)s;
    int CLEANUP(file_closep) dir = -1;
    char name[BLOB_NAME_MAX];

    (void)deadline; /* local files: no wait to bound */
    if (blob_is_there(l, blob))
        return 0;
    blob_name(name, &blob->digest);
    if (blob_folder(&dir, l, &blob->digest, err) != 0)
        return -1;
    if (write_blob(dir, strrchr(name, '/') + 1, blob, err) != 0)
        return err_wrap(err, "%s/%s", layout_path(l), name);
    return 0;
}

int layout_blob_remove(const struct layout *l, const struct digest *digest, struct err *err)
{
    int CLEANUP(file_closep) dir = -1;
    char name[BLOB_NAME_MAX];

    blob_name(name, digest);
    if (blob_folder(&dir, l, digest, err) != 0)
        return -1;
    if (unlinkat(dir, strrchr(name, '/') + 1, 0) != 0 && errno != ENOENT)
        return err_sys(err, ERR_IO, errno, "%s/%s", layout_path(l), name);
    return 0;
}

static void closedirp(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

/* blobs/sha256 for reading its names. */
static int open_blobs(DIR **out, const struct layout *l, struct err *err)
{
    int CLEANUP(file_closep) blobs = -1;
    int CLEANUP(file_closep) folder = -1;

    *out = NULL;
    if (open_folder(&blobs, l, l->dir, "blobs", err) != 0 ||
        open_folder(&folder, l, blobs, "sha256", err) != 0)
        return -1;
    *out = fdopendir(folder);
    if (*out == NULL)
        return err_sys(err, errno == ENOMEM ? ERR_NOMEM : ERR_IO, errno, "%s", layout_path(l));
    folder = -1; /* the DIR's now */
    return 0;
}

static bool blob_digest(struct digest *out, const char *name)
{
    char text[DIGEST_TEXT_MAX];
    int n = snprintf(text, sizeof(text), "sha256:%s", name);

    return n > 0 && (size_t)n < sizeof(text) && digest_parse(out, bytes_text(text), NULL) == 0;
}

int layout_blobs_each(const struct layout *l,
                      int (*visit)(void *context, const struct digest *digest, struct err *err),
                      void *context, struct err *err)
{
    CLEANUP(closedirp) DIR *dir = NULL;
    struct err missing = ERR_INIT;
    struct digest digest;
    size_t seen = 0;

    if (open_blobs(&dir, l, &missing) != 0)
        return missing.code == ERR_NOT_FOUND ? 0
                                             : err_set(err, missing.code, "%s", err_text(&missing));
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? 0 : err_sys(err, ERR_IO, errno, "%s", layout_path(l));
        if (!blob_digest(&digest, entry->d_name))
            continue;
        if (++seen > LAYOUT_ENTRIES_MAX)
            return err_set(err, ERR_LIMIT, "%s: more than %d blobs", layout_path(l),
                           LAYOUT_ENTRIES_MAX);
        if (visit(context, &digest, err) != 0)
            return -1;
    }
}
