#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/file_mark.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"

static void put(struct folder *f, const char *name, const char *text)
{
    assert_int_equal(folder_write(f, name, text, 0600), 0);
}

/* In place, with the times of before: what a careless copy does. */
static void overwrite(struct folder *f, const char *name, const char *text)
{
    const char *path = folder_path(f, name);
    struct stat before;

    assert_int_equal(stat(path, &before), 0);
    const int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
    const struct timespec times[2] = { before.st_atim, before.st_mtim };
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void change_none(struct folder *f)
{
    (void)f;
}

static void change_longer(struct folder *f)
{
    put(f, "a", "longer");
}

static void change_other_file_of_same_size(struct folder *f)
{
    put(f, "a", "two");
}

static void change_in_place_with_old_times(struct folder *f)
{
    overwrite(f, "a", "two");
}

static void change_gone(struct folder *f)
{
    unlink(folder_path(f, "a"));
}

static void change_come(struct folder *f)
{
    put(f, "missing", "x");
}

static void change_into_folder(struct folder *f)
{
    put(f, "sub/x", "x");
}

static void change_behind_link(struct folder *f)
{
    char link[400];

    snprintf(link, sizeof(link), "%s", folder_path(f, "data"));
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("new", link), 0);
}

struct row {
    const char *name;
    void (*change)(struct folder *f);
    bool same;
};

static const struct row rows[] = {
    { "nothing", change_none, true },
    { "longer", change_longer, false },
    { "another file of the same size", change_other_file_of_same_size, false },
    { "in place, with the old times", change_in_place_with_old_times, false },
    { "gone", change_gone, false },
    { "come", change_come, false },
    { "something came into a folder", change_into_folder, false },
    { "a folder behind a link was swapped", change_behind_link, false },
};

/* Its own folder for each, so that no change is another's. */
static void test_change(void **state)
{
    const struct row *row = *state;
    struct file_marks CLEANUP(file_marks_clear) marks = { NULL, 0, 0 };
    struct file_marks CLEANUP(file_marks_clear) copy = { NULL, 0, 0 };
    struct folder f;
    struct err err = ERR_INIT;

    assert_int_equal(folder_make(&f), 0);
    put(&f, "a", "one");
    put(&f, "sub/y", "y");
    put(&f, "old/file", "same");
    put(&f, "new/file", "same");
    assert_int_equal(symlink("old", folder_path(&f, "data")), 0);
    EXPECT_OK(file_marks_add(&marks, folder_path(&f, "a"), &err), &err);
    EXPECT_OK(file_marks_add(&marks, folder_path(&f, "missing"), &err), &err);
    EXPECT_OK(file_marks_add(&marks, folder_path(&f, "sub"), &err), &err);
    EXPECT_OK(file_marks_add(&marks, folder_path(&f, "data/file"), &err), &err);
    EXPECT_OK(file_marks_copy(&copy, &marks, &err), &err);
    assert_true(file_marks_same(&marks));
    row->change(&f);
    assert_int_equal(file_marks_same(&marks), row->same);
    assert_int_equal(file_marks_same(&copy), row->same);
    assert_int_equal(file_marks_renew(&copy), row->same);
    assert_true(file_marks_same(&copy));
    assert_true(file_marks_renew(&copy));
    assert_int_equal(file_marks_same(&marks), row->same);
    folder_remove(&f);
}

static void test_move(void **state)
{
    struct folder *f = *state;
    struct file_marks CLEANUP(file_marks_clear) to = { NULL, 0, 0 };
    struct file_marks CLEANUP(file_marks_clear) from = { NULL, 0, 0 };
    struct err err = ERR_INIT;

    put(f, "a", "one");
    EXPECT_OK(file_marks_add(&to, folder_path(f, "a"), &err), &err);
    EXPECT_OK(file_marks_add(&from, folder_path(f, "b"), &err), &err);
    EXPECT_OK(file_marks_add(&from, folder_path(f, "c"), &err), &err);
    EXPECT_OK(file_marks_move(&to, &from, &err), &err);
    assert_int_equal(to.n, 3);
    assert_int_equal(from.n, 0);
    assert_true(file_marks_same(&to));
    put(f, "c", "new");
    assert_false(file_marks_same(&to));
    assert_true(file_marks_same(&from));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_move) };
    int failed = cmocka_run_group_tests(tests, folder_setup, folder_teardown);

    failed += RUN_ROWS(rows, test_change);
    return failed != 0;
}
