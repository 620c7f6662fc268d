#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <fcntl.h>

#include "base/limits.h"
#include "keys/key_file.h"
#include "keys/password.h"
#include "tests/unit/expect.h"

#define WAIT_MS 10000

static void expect_password(const struct secret *password, const char *text)
{
    assert_true(bytes_is(secret_bytes(password), text));
}

/* A pipe that gives `text` and ends. */
static int pipe_with(struct bytes text)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], text.data, text.len), (ssize_t)text.len);
    close(fds[1]);
    return fds[0];
}

struct fd_row {
    const char *name;
    const char *given;
    const char *password;
};

static const struct fd_row fd_rows[] = {
    { "fd: plain", "secret", "secret" },
    { "fd: one newline is cut", "secret\n", "secret" },
    { "fd: only one", "secret\n\n", "secret\n" },
    { "fd: inner newline stays", "a\nb", "a\nb" },
    { "fd: CR stays", "secret\r\n", "secret\r" },
    { "fd: empty", "", "" },
    { "fd: newline alone", "\n", "" },
};

static void from_descriptor(void **state)
{
    const struct fd_row *row = *state;
    struct secret *CLEANUP(secret_freep) password = NULL;
    struct password_source source = PASSWORD_SOURCE_DEFAULT;
    struct err err = ERR_INIT;

    source.fd = pipe_with(bytes_text(row->given));
    EXPECT_OK(password_read(&password, &source, &err), &err);
    close(source.fd);
    expect_password(password, row->password);
}

static void from_file(void **state)
{
    char path[] = "/tmp/bulla-test-XXXXXX";
    struct secret *CLEANUP(secret_freep) password = NULL;
    struct secret *none = NULL;
    struct password_source source = PASSWORD_SOURCE_DEFAULT;
    struct err err = ERR_INIT;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "of a file\n", 10), 10);
    close(fd);
    source.file = path;
    EXPECT_OK(password_read(&password, &source, &err), &err);
    expect_password(password, "of a file");
    unlink(path);
    EXPECT_ERR(password_read(&none, &source, &err), &err, ERR_USAGE, "password");
    assert_null(none);
}

static void lengths(void **state)
{
    static char text[PASSWORD_MAX + 2];
    struct err err = ERR_INIT;

    (void)state;
    memset(text, 'p', sizeof(text) - 1);
    for (size_t len = PASSWORD_MAX; len <= PASSWORD_MAX + 1; len++) {
        struct secret *CLEANUP(secret_freep) given = NULL;
        struct secret *CLEANUP(secret_freep) variable = NULL;
        struct password_source source = PASSWORD_SOURCE_DEFAULT;
        text[len] = '\0';
        source.fd = pipe_with(bytes_text(text));
        int first = password_read(&given, &source, &err);
        close(source.fd);
        struct err second_err = ERR_INIT;
        source.fd = -1;
        assert_int_equal(setenv("COSIGN_PASSWORD", text, 1), 0);
        int second = password_read(&variable, &source, &second_err);
        unsetenv("COSIGN_PASSWORD");
        if (len == PASSWORD_MAX) {
            EXPECT_OK(first, &err);
            EXPECT_OK(second, &second_err);
            assert_int_equal(secret_bytes(given).len, PASSWORD_MAX);
            text[len] = 'p';
        } else {
            EXPECT_ERR(first, &err, ERR_LIMIT, "password");
            EXPECT_ERR(second, &second_err, ERR_LIMIT, "password");
        }
    }
}

static void order_of_sources(void **state)
{
    struct password_source source = PASSWORD_SOURCE_DEFAULT;
    struct secret *CLEANUP(secret_freep) first = NULL;
    struct secret *CLEANUP(secret_freep) second = NULL;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(setenv("COSIGN_PASSWORD", "", 1), 0);
    EXPECT_OK(password_read(&first, &source, &err), &err); /* set and empty counts */
    expect_password(first, "");
    assert_false(password_is_stdin(&source));
    source.fd = pipe_with(BYTES_LIT("fd"));
    source.file = "/nonexistent";
    EXPECT_OK(password_read(&second, &source, &err), &err);
    expect_password(second, "fd");
    close(source.fd);
    unsetenv("COSIGN_PASSWORD");
}

/* Standard input that is no terminal is taken byte for byte. */
static void from_standard_input(void **state)
{
    struct password_source source = PASSWORD_SOURCE_DEFAULT;
    struct secret *CLEANUP(secret_freep) password = NULL;
    struct signer *signer = NULL;
    struct err err = ERR_INIT;
    int saved = dup(STDIN_FILENO);
    int fd = pipe_with(BYTES_LIT("with newline\n"));

    (void)state;
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    assert_true(password_is_stdin(&source));
    EXPECT_ERR(key_file_signer(&signer, "-", &source, NULL, &err), &err, ERR_USAGE, "both");
    EXPECT_OK(password_read(&password, &source, &err), &err);
    expect_password(password, "with newline\n");
    dup2(saved, STDIN_FILENO);
    close(saved);
}

/* A child at a terminal of its own: reports through its exit status. */
static int child_at_terminal(const char *name, bool confirm, const char *expected)
{
    struct password_source source = PASSWORD_SOURCE_DEFAULT;
    struct secret *password = NULL;
    struct err err = ERR_INIT;

    setsid(); /* so that the terminal becomes the controlling one and its signals arrive */
    int fd = open(name, O_RDWR);
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        return 10;
    source.confirm = confirm;
    if (password_read(&password, &source, &err) != 0)
        return err.code == ERR_USAGE ? 1 : err.code == ERR_LIMIT ? 2 : 11;
    int status = bytes_is(secret_bytes(password), expected) ? 0 : 12;
    secret_free(password);
    return status;
}

/* Everything that the terminal shows, until it holds `text`. */
static void wait_for(int master, struct buf *shown, const char *text)
{
    while (strstr(buf_text(shown), text) == NULL) {
        struct pollfd one = { .fd = master, .events = POLLIN };
        uint8_t piece[256];
        assert_int_equal(poll(&one, 1, WAIT_MS), 1);
        ssize_t n = read(master, piece, sizeof(piece));
        assert_true(n > 0);
        buf_add(shown, piece, (size_t)n);
    }
}

static void type(int master, const char *text)
{
    assert_int_equal(write(master, text, strlen(text)), (ssize_t)strlen(text));
}

static bool echoes(int master)
{
    struct termios now;

    assert_int_equal(tcgetattr(master, &now), 0);
    return (now.c_lflag & ECHO) != 0;
}

struct terminal_row {
    const char *name;
    const char *first;
    const char *second; /* NULL: not asked again */
    const char *password;
    int status;   /* exit status of the child */
    int signal;   /* or the signal that ended it */
    bool by_kill; /* sent from outside instead of typed */
};

static const struct terminal_row terminal_rows[] = {
    { "terminal: one line", "pass word\n", NULL, "pass word", 0, 0, false },
    { "terminal: empty line", "\n", NULL, "", 0, 0, false },
    { "terminal: confirmed", "abc\n", "abc\n", "abc", 0, 0, false },
    { "terminal: confirmation differs", "abc\n", "abd\n", "abc", 1, 0, false },
    { "terminal: end of file", "\x04", NULL, "", 11, 0, false },
    { "terminal: interrupted", "ab\x03", NULL, "", 0, SIGINT, false },
    { "terminal: terminated", "ab", NULL, "", 0, SIGTERM, true },
};

static void at_terminal(void **state)
{
    const struct terminal_row *row = *state;
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(64 * KIB);
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    int status;

    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    const char *name = ptsname(master);
    assert_non_null(name);
    int keep = open(name, O_RDWR | O_NOCTTY); /* the terminal outlives the child */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(child_at_terminal(name, row->second != NULL, row->password));

    wait_for(master, &shown, "Enter password for private key: ");
    assert_false(echoes(master));
    type(master, row->first);
    if (row->second != NULL) {
        wait_for(master, &shown, "Enter password for private key again: ");
        type(master, row->second);
    }
    if (row->by_kill)
        assert_int_equal(kill(child, row->signal), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (row->signal != 0) {
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), row->signal);
    } else {
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), row->status);
    }
    assert_true(echoes(master));
    assert_null(strstr(buf_text(&shown), "pass word"));
    close(keep);
    close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_file),
        cmocka_unit_test(lengths),
        cmocka_unit_test(order_of_sources),
        cmocka_unit_test(from_standard_input),
    };
    struct err err = ERR_INIT;
    int failed = 0;

    if (secret_init(&err) != 0)
        return 1;
    unsetenv("COSIGN_PASSWORD");
    failed += RUN_ROWS(fd_rows, from_descriptor);
    failed += RUN_ROWS(terminal_rows, at_terminal);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
