#include "registry/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/docker_config.h"

#define PREFIX "docker-credential-"
#define SUFFIX_MAX 64   /* longest name of a helper behind the prefix */
#define STDERR_MAX 2048 /* of what a helper says on standard error */
#define SHOWN_MAX 200   /* of what it says, in messages */
#define WAIT_STEP_MS 5  /* between looks at a helper that has closed its output */

bool helper_name_valid(struct bytes suffix)
{
    for (size_t i = 0; i < suffix.len; i++) {
        uint8_t c = suffix.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '.' && c != '_' && c != '-')
            return false;
    }
    return suffix.len > 0 && suffix.len <= SUFFIX_MAX;
}

/* One run of a helper. */
struct run {
    const char *program;
    pid_t pid;
    int in, out, errors; /* our ends and the helper's end of its input */
    int child_out, child_errors;
    struct secret *output; /* HELPER_OUTPUT_MAX and one byte that tells of more */
    size_t output_len;
    struct buf said; /* on standard error, cut */
    int64_t deadline;
    int status;
};

static void run_clear(struct run *r)
{
    int *const fds[] = { &r->in, &r->out, &r->errors, &r->child_out, &r->child_errors };

    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        file_closep(fds[i]);
    if (r->pid > 0) {
        /* The group: a helper that is a script must not leave its child behind. */
        kill(-r->pid, SIGKILL);
        while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    secret_free(r->output);
    buf_clear(&r->said);
}

static int make_pipe(int *reader, int *writer, struct err *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_sys(err, ERR_IO, errno, "pipe");
    *reader = ends[0];
    *writer = ends[1];
    return 0;
}

/* The question is in the pipe before the helper runs: it fits, and nobody can be too early gone for
 * it. */
static int prepare(struct run *r, const char *server, struct err *err)
{
    CLEANUP(file_closep) int question = -1;

    if (make_pipe(&r->in, &question, err) != 0 || make_pipe(&r->out, &r->child_out, err) != 0 ||
        make_pipe(&r->errors, &r->child_errors, err) != 0 ||
        secret_new(&r->output, HELPER_OUTPUT_MAX + 1, err) != 0)
        return -1;
    if (fcntl(question, F_SETFL, O_NONBLOCK) != 0)
        return err_sys(err, ERR_IO, errno, "pipe");
    return file_write_all(question, bytes_text(server), err);
}

static int spawn_with(struct run *r, posix_spawn_file_actions_t *files, posix_spawnattr_t *attr)
{
    char *const argv[] = { (char *)(uintptr_t)r->program, (char *)(uintptr_t) "get", NULL };
    sigset_t none, all;
    int sys = 0;

    sigemptyset(&none);
    sigfillset(&all);
    const short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if ((sys = posix_spawn_file_actions_adddup2(files, r->in, STDIN_FILENO)) != 0 ||
        (sys = posix_spawn_file_actions_adddup2(files, r->child_out, STDOUT_FILENO)) != 0 ||
        (sys = posix_spawn_file_actions_adddup2(files, r->child_errors, STDERR_FILENO)) != 0 ||
        (sys = posix_spawnattr_setflags(attr, flags)) != 0 ||
        (sys = posix_spawnattr_setpgroup(attr, 0)) != 0 ||
        (sys = posix_spawnattr_setsigmask(attr, &none)) != 0 ||
        (sys = posix_spawnattr_setsigdefault(attr, &all)) != 0)
        return sys;
    return posix_spawnp(&r->pid, r->program, files, attr, argv, environ);
}

static int spawn(struct run *r, struct err *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;

    if (posix_spawn_file_actions_init(&files) != 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (posix_spawnattr_init(&attr) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    int sys = spawn_with(r, &files, &attr);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    if (sys != 0) {
        r->pid = 0;
        return err_sys(err, ERR_AUTH, sys, "cannot be run");
    }
    file_closep(&r->in);
    file_closep(&r->child_out);
    file_closep(&r->child_errors);
    return 0;
}

static int remaining_ms(const struct run *r)
{
    int64_t left = r->deadline - clock_millis();

    return left < 0 ? 0 : (int)left;
}

static int late(struct err *err)
{
    return err_set(err, ERR_DEADLINE, "did not answer in time and was ended");
}

static int read_output(struct run *r, struct err *err)
{
    size_t room = HELPER_OUTPUT_MAX + 1 - r->output_len;
    ssize_t n = read(r->out, secret_data(r->output) + r->output_len, room);

    if (n < 0 && errno != EINTR)
        return err_sys(err, ERR_IO, errno, "its output");
    if (n == 0)
        file_closep(&r->out);
    if (n > 0)
        r->output_len += (size_t)n;
    if (r->output_len > HELPER_OUTPUT_MAX)
        return err_set(err, ERR_LIMIT, "answered more than %zu bytes", HELPER_OUTPUT_MAX);
    return 0;
}

static void read_errors(struct run *r)
{
    char piece[512];
    ssize_t n = read(r->errors, piece, sizeof(piece));

    if (n == 0 || (n < 0 && errno != EINTR))
        file_closep(&r->errors);
    if (n > 0 && r->said.state == BUF_FINE)
        buf_add(&r->said, piece, (size_t)n); /* what does not fit is left out */
}

/* Until it closes its output. Its standard error only counts as long as that. */
static int gather(struct run *r, struct err *err)
{
    while (r->out >= 0) {
        struct pollfd fds[] = { { r->out, POLLIN, 0 }, { r->errors, POLLIN, 0 } };
        int left = remaining_ms(r);
        int n = left == 0 ? 0 : poll(fds, ARRAY_LEN(fds), left);
        if (n == 0)
            return late(err);
        if (n < 0 && errno != EINTR)
            return err_sys(err, ERR_IO, errno, "poll");
        if (n > 0 && fds[1].revents != 0)
            read_errors(r);
        if (n > 0 && fds[0].revents != 0 && read_output(r, err) != 0)
            return -1;
    }
    return 0;
}

static int reap(struct run *r, struct err *err)
{
    for (;;) {
        pid_t done = waitpid(r->pid, &r->status, WNOHANG);
        if (done == r->pid)
            break;
        if (done < 0 && errno != EINTR)
            return err_sys(err, ERR_INTERNAL, errno, "waitpid");
        if (remaining_ms(r) == 0)
            return late(err);
        poll(NULL, 0, WAIT_STEP_MS);
    }
    r->pid = 0;
    return 0;
}

static struct bytes trimmed(struct bytes text)
{
    while (text.len > 0 && text.data[text.len - 1] <= ' ')
        text.len--;
    return text;
}

/* Helpers say what went wrong on standard output (registry.md 7.2). */
static int refused(const struct run *r, struct bytes answer, struct err *err)
{
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(4 * SHOWN_MAX);

    text_escape(&shown, answer.len > 0 ? answer : trimmed(buf_bytes(&r->said)), SHOWN_MAX);
    if (WIFSIGNALED(r->status))
        return err_set(err, ERR_AUTH, "ended by signal %d: %s", WTERMSIG(r->status),
                       buf_text(&shown));
    return err_set(err, ERR_AUTH, "failed with status %d: %s", WEXITSTATUS(r->status),
                   buf_text(&shown));
}

static int conclude(struct credential *out, const struct run *r, struct err *err)
{
    struct bytes answer = trimmed(bytes_part(secret_bytes(r->output), 0, r->output_len));

    if (r->said.len > 0)
        log_debug("%s: %s", r->program, buf_text(&r->said));
    if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0)
        return helper_answer_parse(out, answer, err);
    if (WIFEXITED(r->status) && bytes_is(answer, "credentials not found in native keychain"))
        return 0;
    return refused(r, answer, err);
}

int helper_get(struct credential *out, const char *suffix, const char *server, int timeout_ms,
               struct err *err)
{
    struct buf CLEANUP(buf_clear) program = BUF_INIT(sizeof(PREFIX) + SUFFIX_MAX);
    CLEANUP(run_clear)
    struct run r = { .in = -1,
                     .out = -1,
                     .errors = -1,
                     .child_out = -1,
                     .child_errors = -1,
                     .said = BUF_INIT(STDERR_MAX) };

    *out = (struct credential) { 0 };
    if (!helper_name_valid(bytes_text(suffix)))
        return err_set(err, ERR_CONFIG, "\"%s\" is not the name of a credential helper", suffix);
    buf_addf(&program, PREFIX "%s", suffix);
    if (buf_check(&program, "helper", err) != 0)
        return -1;
    r.program = buf_text(&program);
    r.deadline = clock_deadline(timeout_ms);
    if (prepare(&r, server, err) != 0 || spawn(&r, err) != 0 || gather(&r, err) != 0 ||
        reap(&r, err) != 0 || conclude(out, &r, err) != 0)
        return err_wrap(err, "%s", r.program);
    return 0;
}
