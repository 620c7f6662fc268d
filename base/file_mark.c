#include "base/file_mark.h"

#include <stdlib.h>

#include "base/mem.h"

void file_marks_clear(struct file_marks *marks)
{
    for (size_t i = 0; marks->items != NULL && i < marks->n; i++)
        free(marks->items[i].path);
    free(marks->items);
    *marks = (struct file_marks) { NULL, 0, 0 };
}

static void look(struct file_mark *mark)
{
    mark->there = stat(mark->path, &mark->what) == 0;
}

static struct file_mark *new_mark(struct file_marks *marks, struct err *err)
{
    void *items = marks->items;

    if (mem_grow(&items, &marks->cap, marks->n, sizeof(*marks->items), FILE_MARKS_MAX, err) != 0)
        return NULL;
    marks->items = items;
    return &marks->items[marks->n];
}

int file_marks_add(struct file_marks *marks, const char *path, struct err *err)
{
    struct file_mark *mark = new_mark(marks, err);

    if (mark == NULL)
        return -1;
    *mark = (struct file_mark) { .path = mem_text(bytes_text(path), err) };
    if (mark->path == NULL)
        return -1;
    look(mark);
    marks->n++;
    return 0;
}

int file_marks_move(struct file_marks *to, struct file_marks *from, struct err *err)
{
    while (from->n > 0) {
        struct file_mark *mark = new_mark(to, err);
        if (mark == NULL)
            return -1;
        *mark = from->items[--from->n];
        to->n++;
    }
    file_marks_clear(from);
    return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The time of the last change of status goes with every other change, and cannot be set back. */
static bool same(const struct file_mark *a, const struct file_mark *b)
{
    if (!a->there || !b->there)
        return a->there == b->there;
    return a->what.st_dev == b->what.st_dev && a->what.st_ino == b->what.st_ino &&
           a->what.st_size == b->what.st_size && same_time(&a->what.st_mtim, &b->what.st_mtim) &&
           same_time(&a->what.st_ctim, &b->what.st_ctim);
}

bool file_marks_same(const struct file_marks *marks)
{
    for (size_t i = 0; i < marks->n; i++) {
        struct file_mark now = { .path = marks->items[i].path };
        look(&now);
        if (!same(&now, &marks->items[i]))
            return false;
    }
    return true;
}

bool file_marks_renew(struct file_marks *marks)
{
    bool unchanged = true;

    for (size_t i = 0; i < marks->n; i++) {
        const struct file_mark before = marks->items[i];
        look(&marks->items[i]);
        unchanged = same(&before, &marks->items[i]) && unchanged;
    }
    return unchanged;
}

int file_marks_copy(struct file_marks *out, const struct file_marks *marks, struct err *err)
{
    *out = (struct file_marks) { NULL, 0, 0 };
    for (size_t i = 0; i < marks->n; i++) {
        struct file_mark *mark = new_mark(out, err);
        char *path = mark == NULL ? NULL : mem_text(bytes_text(marks->items[i].path), err);
        if (path == NULL) {
            file_marks_clear(out);
            return -1;
        }
        *mark = marks->items[i];
        mark->path = path;
        out->n++;
    }
    return 0;
}
