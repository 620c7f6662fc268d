#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "tests/unit/expect.h"

/* Each test works in a folder of its own, which is the current one. */
struct place {
    char folder[64];
    int back; /* the folder before */
};

static int enter(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    if (place == NULL)
        return -1;
    snprintf(place->folder, sizeof(place->folder), "/tmp/bulla-file-XXXXXX");
    place->back = open(".", O_RDONLY | O_DIRECTORY);
    *state = place;
    if (place->back < 0 || mkdtemp(place->folder) == NULL || chdir(place->folder) != 0)
        return -1;
    umask(022);
    return 0;
}

static int leave(void **state)
{
    struct place *place = *state;
    DIR *folder = opendir(".");

    for (struct dirent *e = folder == NULL ? NULL : readdir(folder); e != NULL; e = readdir(folder))
        if (unlink(e->d_name) != 0)
            rmdir(e->d_name);
    if (folder != NULL)
        closedir(folder);
    int r = fchdir(place->back);
    close(place->back);
    r |= rmdir(place->folder);
    free(place);
    return r;
}

static size_t count_entries(void)
{
    DIR *folder = opendir(".");
    size_t n = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n - 2; /* without . and .. */
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode;
}

static void assert_content(const char *path, const char *text)
{
    CLEANUP(buf_clear) struct buf b = BUF_INIT(1000);
    struct err err = ERR_INIT;

    EXPECT_OK(file_read(&b, path, &err), &err);
    EXPECT_BUF(&b, text);
}

static void put(const char *path, const char *text)
{
    struct err err = ERR_INIT;

    EXPECT_OK(file_write(path, bytes_text(text), 0644, &err), &err);
}

/* Run `fn` with standard input coming from a file. */
static int with_stdin(const char *path)
{
    int saved = dup(STDIN_FILENO);
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    dup2(fd, STDIN_FILENO);
    close(fd);
    return saved;
}

static void restore_stdin(int saved)
{
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
}

static void read_whole(void **state)
{
    CLEANUP(buf_clear) struct buf b = BUF_INIT(1000);
    struct err err = ERR_INIT;

    (void)state;
    put("a", "content");
    put("empty", "");
    assert_int_equal(symlink("a", "link"), 0);
    buf_add_text(&b, "<");
    EXPECT_OK(file_read(&b, "a", &err), &err);
    EXPECT_OK(file_read(&b, "empty", &err), &err);
    EXPECT_OK(file_read(&b, "link", &err), &err); /* links are followed */
    EXPECT_BUF(&b, "<contentcontent");
}

static void read_refused(void **state)
{
    CLEANUP(buf_clear) struct buf b = BUF_INIT(1000);
    struct err err = ERR_INIT;

    (void)state;
    put("a", "content");
    assert_int_equal(mkdir("d", 0755), 0);
    assert_int_equal(symlink("gone", "dangling"), 0);
    assert_int_equal(symlink("loop", "loop"), 0);
    buf_add_text(&b, "<");
    EXPECT_ERR(file_read(&b, "none", &err), &err, ERR_NOT_FOUND, "none: No such file");
    EXPECT_ERR(file_read(&b, "a/b", &err), &err, ERR_NOT_FOUND, "a/b: Not a directory");
    EXPECT_ERR(file_read(&b, "dangling", &err), &err, ERR_NOT_FOUND, "dangling");
    EXPECT_ERR(file_read(&b, "", &err), &err, ERR_NOT_FOUND, "No such file");
    EXPECT_ERR(file_read(&b, "d", &err), &err, ERR_IO, "d: cannot be read");
    EXPECT_ERR(file_read(&b, "loop", &err), &err, ERR_IO, "loop");
    EXPECT_BUF(&b, "<");
}

static void read_at_the_ceiling(void **state)
{
    CLEANUP(buf_clear) struct buf exact = BUF_INIT(7);
    CLEANUP(buf_clear) struct buf small = BUF_INIT(7);
    struct err err = ERR_INIT;

    (void)state;
    put("a", "content");
    EXPECT_OK(file_read(&exact, "a", &err), &err);
    EXPECT_BUF(&exact, "content");
    buf_add_text(&small, "<");
    EXPECT_ERR(file_read(&small, "a", &err), &err, ERR_LIMIT, "a: larger than 7");
    EXPECT_BUF(&small, "<");
}

static void read_many_steps(void **state)
{
    CLEANUP(buf_clear) struct buf b = BUF_INIT(300000);
    CLEANUP(buf_clear) struct buf back = BUF_INIT(300000);
    struct err err = ERR_INIT;

    (void)state;
    for (int i = 0; i < 300000; i++)
        buf_add_char(&b, (char)(i % 251));
    EXPECT_OK(file_write("large", buf_bytes(&b), 0644, &err), &err);
    EXPECT_OK(file_read(&back, "large", &err), &err);
    assert_true(bytes_equal(buf_bytes(&b), buf_bytes(&back)));
}

static void read_standard_input(void **state)
{
    CLEANUP(secret_freep) struct secret *s = NULL;
    struct err err = ERR_INIT;

    (void)state;
    put("a", "typed");
    int saved = with_stdin("a");
    assert_content("-", "typed");
    assert_int_equal(lseek(STDIN_FILENO, 0, SEEK_SET), 0);
    EXPECT_OK(file_read_secret(&s, "-", 10, NULL, &err), &err);
    restore_stdin(saved);
    assert_true(bytes_is(secret_bytes(s), "typed"));
}

static void read_secret(void **state)
{
    CLEANUP(secret_freep) struct secret *s = NULL;
    struct err err = ERR_INIT;
    mode_t mode = 7;

    (void)state;
    put("key", "secret");
    assert_int_equal(chmod("key", 0640), 0);
    assert_int_equal(symlink("key", "link"), 0);
    EXPECT_OK(file_read_secret(&s, "link", 6, &mode, &err), &err);
    assert_true(bytes_is(secret_bytes(s), "secret"));
    assert_int_equal(mode, 0640);
    secret_freep(&s);
    EXPECT_ERR(file_read_secret(&s, "key", 5, &mode, &err), &err, ERR_LIMIT, "key: larger than 5");
    assert_null(s);
    assert_int_equal(mode, 0);
    EXPECT_ERR(file_read_secret(&s, "none", 5, NULL, &err), &err, ERR_NOT_FOUND, "none");
    EXPECT_ERR(file_read_secret(&s, "/", 5, NULL, &err), &err, ERR_IO, "cannot be read");
    EXPECT_ERR(file_read_secret_fd(&s, -1, 5, &err), &err, ERR_IO, "cannot be read");
    put("empty", "");
    EXPECT_OK(file_read_secret(&s, "empty", 0, NULL, &err), &err);
    assert_int_equal(secret_bytes(s).len, 0);
}

/* Around the steps in which the guarded memory grows. */
static void read_secret_of_any_size(void **state)
{
    static const size_t sizes[] = { 4095, 4096, 4097, 8191, 8192, 8193, 20000 };
    struct err err = ERR_INIT;
    char text[20001];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(secret_freep) struct secret *s = NULL;
        for (size_t at = 0; at < sizes[i]; at++)
            text[at] = (char)('a' + at % 23);
        text[sizes[i]] = '\0';
        put("long", text);
        EXPECT_OK(file_read_secret(&s, "long", sizes[i], NULL, &err), &err);
        assert_true(bytes_is(secret_bytes(s), text));
        secret_freep(&s);
        EXPECT_ERR(file_read_secret(&s, "long", sizes[i] - 1, NULL, &err), &err, ERR_LIMIT,
                   "larger than");
        assert_null(s);
    }
}

static void read_secret_in_drops(void **state)
{
    CLEANUP(secret_freep) struct secret *s = NULL;
    struct err err = ERR_INIT;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    EXPECT_OK(file_write_all(ends[1], BYTES_LIT("pass"), &err), &err);
    EXPECT_OK(file_write_all(ends[1], BYTES_LIT("word"), &err), &err);
    close(ends[1]);
    EXPECT_OK(file_read_secret_fd(&s, ends[0], 100, &err), &err);
    close(ends[0]);
    assert_true(bytes_is(secret_bytes(s), "password"));
}

static void written_whole(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    put("a", "old");
    put("a", "new and longer");
    assert_content("a", "new and longer");
    assert_int_equal(mode_of("a") & 07777, 0644);
    EXPECT_OK(file_write("./b", BYTES_NONE, 0600, &err), &err);
    assert_content("b", "");
    assert_int_equal(mode_of("b") & 07777, 0600);
    assert_int_equal(count_entries(), 2);
}

static void written_through_a_link(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    put("a", "old");
    assert_int_equal(symlink("a", "link"), 0);
    assert_int_equal(symlink("gone", "dangling"), 0);
    put("link", "new");
    assert_true(S_ISLNK(mode_of("link")));
    assert_content("a", "new");
    EXPECT_ERR(file_write("dangling", BYTES_LIT("x"), 0644, &err), &err, ERR_IO, "dangling");
    assert_int_equal(count_entries(), 3);
}

static void pipes_are_written_to(void **state)
{
    struct err err = ERR_INIT;
    char got[8] = "";

    (void)state;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    int reader = open("pipe", O_RDONLY | O_NONBLOCK);
    EXPECT_OK(file_write("pipe", BYTES_LIT("x"), 0644, &err), &err);
    assert_int_equal(read(reader, got, sizeof(got)), 1);
    close(reader);
    assert_string_equal(got, "x");
    assert_true(S_ISFIFO(mode_of("pipe")));
}

static void write_refused(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(mkdir("d", 0755), 0);
    EXPECT_ERR(file_write("none/a", BYTES_LIT("x"), 0644, &err), &err, ERR_IO, "none/a");
    EXPECT_ERR(file_write("d", BYTES_LIT("x"), 0644, &err), &err, ERR_IO, "d: Is a directory");
    EXPECT_ERR(file_write("", BYTES_LIT("x"), 0644, &err), &err, ERR_IO, "");
    EXPECT_ERR(file_write_all(-1, BYTES_LIT("x"), &err), &err, ERR_IO, "cannot be written");
    assert_int_equal(count_entries(), 1);
}

/* Writing past the limit of a file's size fails as a full disk does. */
static void failing_write_leaves_the_old_file(void **state)
{
    struct rlimit small = { 0, 0 };
    struct rlimit before;
    struct err err = ERR_INIT;
    char large[100];

    (void)state;
    put("a", "old");
    memset(large, 'x', sizeof(large));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct bytes content = { (const uint8_t *)large, sizeof(large) };
    int written = file_write("a", content, 0644, &err);
    struct err created_err = ERR_INIT;
    int created = file_create("b", content, 0600, &created_err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_ERR(written, &err, ERR_IO, "a: cannot be written: File too large");
    EXPECT_ERR(created, &created_err, ERR_IO, "b: cannot be written");
    assert_content("a", "old");
    assert_int_equal(count_entries(), 1);
}

static void created_once(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(file_create("key", BYTES_LIT("secret"), 0600, &err), &err);
    assert_int_equal(mode_of("key") & 07777, 0600);
    EXPECT_ERR(file_create("key", BYTES_LIT("other"), 0600, &err), &err, ERR_CONFLICT,
               "key: already exists");
    assert_content("key", "secret");
    EXPECT_ERR(file_create("none/key", BYTES_LIT("x"), 0600, &err), &err, ERR_IO, "none/key");
}

static void create_follows_no_link(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    put("a", "old");
    assert_int_equal(symlink("a", "link"), 0);
    assert_int_equal(symlink("gone", "dangling"), 0);
    EXPECT_ERR(file_create("link", BYTES_LIT("x"), 0600, &err), &err, ERR_CONFLICT, "exists");
    EXPECT_ERR(file_create("dangling", BYTES_LIT("x"), 0600, &err), &err, ERR_CONFLICT, "exists");
    assert_content("a", "old");
    assert_false(file_exists("gone"));
    assert_int_equal(count_entries(), 3);
}

static void existence(void **state)
{
    (void)state;
    put("a", "");
    assert_int_equal(symlink("gone", "dangling"), 0);
    assert_true(file_exists("a"));
    assert_true(file_exists("."));
    assert_false(file_exists("b"));
    assert_false(file_exists("dangling"));
}

static void folder_entries(void **state)
{
    struct folder_list CLEANUP(folder_list_clear) list = FOLDER_LIST_INIT;
    struct err err = ERR_INIT;

    (void)state;
    put("b", "");
    put(".hidden", "");
    put("..of-a-mount", "");
    put("a", "");
    EXPECT_OK(folder_list(&list, ".", &err), &err);
    assert_int_equal(list.n, 3);
    assert_string_equal(list.entries[0]->d_name, ".hidden");
    assert_string_equal(list.entries[1]->d_name, "a");
    assert_string_equal(list.entries[2]->d_name, "b");
    folder_list_clear(&list);
    EXPECT_ERR(folder_list(&list, "a", &err), &err, ERR_IO, "a: ");
    EXPECT_ERR(folder_list(&list, "gone", &err), &err, ERR_IO, "gone: ");
    assert_int_equal(list.n, 0);
}

#define IN_FOLDER(fn) cmocka_unit_test_setup_teardown(fn, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(read_whole),
        IN_FOLDER(read_refused),
        IN_FOLDER(read_at_the_ceiling),
        IN_FOLDER(read_many_steps),
        IN_FOLDER(read_standard_input),
        IN_FOLDER(read_secret),
        IN_FOLDER(read_secret_of_any_size),
        IN_FOLDER(read_secret_in_drops),
        IN_FOLDER(written_whole),
        IN_FOLDER(written_through_a_link),
        IN_FOLDER(pipes_are_written_to),
        IN_FOLDER(write_refused),
        IN_FOLDER(failing_write_leaves_the_old_file),
        IN_FOLDER(created_once),
        IN_FOLDER(create_follows_no_link),
        IN_FOLDER(existence),
        IN_FOLDER(folder_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
