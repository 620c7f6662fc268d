#include "base/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int is_own(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strncmp(entry->d_name, "..", 2) != 0;
}

int folder_list(struct folder_list *out, const char *path, struct err *err)
{
    *out = FOLDER_LIST_INIT;
    const int n = scandir(path, &out->entries, is_own, alphasort);
    if (n < 0)
        return err_sys(err, errno == ENOMEM ? ERR_NOMEM : ERR_IO, errno, "%s", path);
    out->n = n;
    return 0;
}

void folder_list_clear(struct folder_list *list)
{
    for (int i = 0; i < list->n; i++)
        free(list->entries[i]);
    free(list->entries);
    *list = FOLDER_LIST_INIT;
}
