/* One line from a terminal without echo. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "keys/password.h"

/* What usually ends or stops a program that waits at a prompt. They are held back while the echo is
 * off, seen through a descriptor, and delivered once the terminal is as it was. */
static const int held_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

enum line_end { LINE_DONE, LINE_SIGNAL, LINE_FAILED };

struct terminal {
    int fd;
    int signals;
    struct termios before;
    sigset_t mask_before;
};

static int echo_off(struct terminal *t, struct err *err)
{
    struct termios quiet;
    sigset_t held;

    sigemptyset(&held);
    for (size_t i = 0; i < ARRAY_LEN(held_signals); i++)
        sigaddset(&held, held_signals[i]);
    if (tcgetattr(t->fd, &t->before) != 0)
        return err_sys(err, ERR_IO, errno, "password: terminal");
    t->signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
    if (t->signals < 0)
        return err_sys(err, ERR_IO, errno, "password: signals");
    (void)pthread_sigmask(SIG_BLOCK, &held, &t->mask_before);
    quiet = t->before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
    quiet.c_lflag |= ICANON | ISIG | ECHONL;
    if (tcsetattr(t->fd, TCSAFLUSH, &quiet) == 0)
        return 0;
    int sys = errno;
    (void)pthread_sigmask(SIG_SETMASK, &t->mask_before, NULL);
    file_closep(&t->signals);
    return err_sys(err, ERR_IO, sys, "password: terminal");
}

/* The terminal first, then the signals: one that waits is delivered in this call. */
static void echo_back(struct terminal *t)
{
    (void)tcsetattr(t->fd, TCSADRAIN, &t->before);
    file_closep(&t->signals);
    (void)pthread_sigmask(SIG_SETMASK, &t->mask_before, NULL);
}

static enum line_end wait_byte(const struct terminal *t, uint8_t *byte, struct err *err)
{
    struct pollfd both[] = { { .fd = t->signals, .events = POLLIN },
                             { .fd = t->fd, .events = POLLIN } };

    for (;;) {
        if (poll(both, ARRAY_LEN(both), -1) < 0) {
            if (errno == EINTR)
                continue;
            err_sys(err, ERR_IO, errno, "password: terminal");
            return LINE_FAILED;
        }
        if (both[0].revents != 0)
            return LINE_SIGNAL;
        ssize_t n = read(t->fd, byte, 1);
        if (n == 1)
            return LINE_DONE;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n == 0)
            err_set(err, ERR_IO, "password: nothing was entered");
        else
            err_sys(err, ERR_IO, errno, "password: terminal");
        return LINE_FAILED;
    }
}

/* Up to the end of the line; what is too long is read to its end and refused. */
static enum line_end read_line(const struct terminal *t, struct secret *line, size_t *len,
                               struct err *err)
{
    *len = 0;
    for (;;) {
        uint8_t *into = secret_data(line) + (*len < PASSWORD_MAX ? *len : PASSWORD_MAX);
        enum line_end end = wait_byte(t, into, err);
        if (end != LINE_DONE)
            return end;
        if (*into == '\n')
            break;
        ++*len;
    }
    if (*len <= PASSWORD_MAX)
        return LINE_DONE;
    err_set(err, ERR_LIMIT, "password: longer than %zu bytes", PASSWORD_MAX);
    return LINE_FAILED;
}

int terminal_ask(struct secret **out, int fd, const char *prompt, struct err *err)
{
    struct secret *CLEANUP(secret_freep) line = NULL;
    enum line_end end;
    size_t len;

    *out = NULL;
    if (secret_new(&line, PASSWORD_MAX + 1, err) != 0)
        return -1;
    do { /* again after a stop: the shell has had the terminal meanwhile */
        struct terminal t = { .fd = fd, .signals = -1 };
        if (echo_off(&t, err) != 0)
            return -1;
        if (file_write_all(STDERR_FILENO, bytes_text(prompt), err) != 0) {
            echo_back(&t);
            return -1;
        }
        end = read_line(&t, line, &len, err);
        echo_back(&t);
    } while (end == LINE_SIGNAL);
    if (end == LINE_FAILED)
        return -1;
    return secret_copy(out, bytes_part(secret_bytes(line), 0, len), err);
}
