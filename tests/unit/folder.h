#ifndef BULLA_TESTS_UNIT_FOLDER_H
#define BULLA_TESTS_UNIT_FOLDER_H

/* A temporary folder for one test program, with files made in it by name. */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/file.h"

struct folder {
    char path[64];
    char name[320]; /* the last one asked for with folder_path() */
};

static inline int folder_make(struct folder *f)
{
    snprintf(f->path, sizeof(f->path), "/tmp/bulla-test-XXXXXX");
    return mkdtemp(f->path) == NULL ? -1 : 0;
}

static inline const char *folder_path(struct folder *f, const char *name)
{
    snprintf(f->name, sizeof(f->name), "%s/%s", f->path, name);
    return f->name;
}

/* Write a file, making the folders above it. */
static inline int folder_write(struct folder *f, const char *name, const char *content, mode_t mode)
{
    char path[320];

    snprintf(path, sizeof(path), "%s/%s", f->path, name);
    for (char *p = path + strlen(f->path) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = 0;
        mkdir(path, 0700);
        *p = '/';
    }
    return file_write(path, bytes_text(content), mode, NULL);
}

static inline int folder_remove_one_(const char *path, const struct stat *st, int kind,
                                     struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void folder_remove(struct folder *f)
{
    nftw(f->path, folder_remove_one_, 8, FTW_DEPTH | FTW_PHYS);
}

/** For one test of a group, which has the folder as its state. */
static inline int folder_setup(void **state)
{
    static struct folder folder;

    *state = &folder;
    return folder_make(&folder);
}

static inline int folder_teardown(void **state)
{
    folder_remove(*state);
    return 0;
}

#endif
