#include "registry/auth_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/folder.h"
#include "base/limits.h"
#include "base/mem.h"

#define PATH_LONGEST 4096 /* PATH_MAX of the system, as a ceiling on what is built */

/* What a folder may hold, the first that is there: a Secret's key, docker's name, containers'. */
static const char *const names[] = { ".dockerconfigjson", "config.json", "auth.json" };

void auth_files_clear(struct auth_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        free(files->list[i]);
    free(files->list);
    *files = (struct auth_files) { NULL, 0, 0 };
}

static int add(struct auth_files *files, const char *path, struct err *err)
{
    if (mem_grow((void **)&files->list, &files->cap, files->n, sizeof(*files->list), AUTH_FILES_MAX,
                 err) != 0)
        return err_wrap(err, "credentials files");
    files->list[files->n] = mem_text(bytes_text(path), err);
    if (files->list[files->n] == NULL)
        return -1;
    files->n++;
    return 0;
}

static int add_of_folder(struct auth_files *files, const char *folder, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_LONGEST);
        struct stat what;
        buf_addf(&path, "%s/%s", folder, names[i]);
        if (buf_check(&path, "path of a credentials file", err) != 0)
            return -1;
        if (stat(buf_text(&path), &what) == 0 && !S_ISDIR(what.st_mode))
            return add(files, buf_text(&path), err);
    }
    return 0;
}

static int add_of_subfolders(struct auth_files *files, const char *folder, struct err *err)
{
    struct folder_list CLEANUP(folder_list_clear) l = FOLDER_LIST_INIT;

    if (folder_list(&l, folder, err) != 0)
        return -1;
    for (int i = 0; i < l.n; i++) {
        struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_LONGEST);
        struct stat what;
        buf_addf(&path, "%s/%s", folder, l.entries[i]->d_name);
        if (buf_check(&path, "path of a credentials folder", err) != 0)
            return -1;
        if (stat(buf_text(&path), &what) == 0 && S_ISDIR(what.st_mode) &&
            add_of_folder(files, buf_text(&path), err) != 0)
            return -1;
    }
    return 0;
}

int auth_files_add(struct auth_files *files, const char *path, struct err *err)
{
    struct stat what;

    if (stat(path, &what) != 0)
        return err_sys(err, errno == ENOENT || errno == ENOTDIR ? ERR_CONFIG : ERR_IO, errno, "%s",
                       path);
    if (!S_ISDIR(what.st_mode))
        return add(files, path, err);
    if (add_of_folder(files, path, err) != 0)
        return -1;
    return add_of_subfolders(files, path, err);
}
