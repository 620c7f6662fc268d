#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "verify/audit.h"
#include "verify/sarif.h"

/* Where results go: whole lines, a progress line on a terminal, the summary. */

#define PROGRESS_AFTER_MS 2000
#define PROGRESS_EVERY_MS 200

/* --- The summary --- */

static void clear_progress(struct audit_output *out)
{
    if (out->shown > 0)
        fputs("\n", stderr);
    out->shown = 0;
}

/* The reasons, the most frequent first; of equals the earlier in the list of reasons. */
static void tell_reasons(const struct audit_counts *c)
{
    bool told[REASON_CODES] = { [REASON_NONE] = true };

    for (;;) {
        int most = REASON_NONE;
        for (int code = REASON_NONE + 1; code < REASON_CODES; code++)
            if (!told[code] && c->reasons[code] > (most == REASON_NONE ? 0 : c->reasons[most]))
                most = code;
        if (most == REASON_NONE)
            return;
        told[most] = true;
        log_info("%8zu %s", c->reasons[most], reason_name((enum reason_code)most));
    }
}

static void tell_summary(const struct audit_output *out, size_t passed)
{
    const struct audit_counts *c = &out->counts;

    log_info("%zu images: %zu allowed, %zu denied, %zu unknown", c->images,
             c->verdicts[VERDICT_ALLOW], c->verdicts[VERDICT_DENY], c->verdicts[VERDICT_UNKNOWN]);
    tell_reasons(c);
    if (c->resumed > 0)
        log_info("%zu of them were answered in %s already", c->resumed, out->options->resume);
    if (c->repeated > 0)
        log_info("%zu images were named more than once", c->repeated);
    if (passed > 0)
        log_info("%zu tags of signatures and referrers are passed over", passed);
}

/* --- Interruption --- */

/* What the caller ignores (nohup) stays ignored. */
static void watched(sigset_t *set)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        struct sigaction now;
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(set, signals[i]);
    }
}

/* With the lock held no line is half written. It is never given back: the process ends. */
static void *watch(void *context)
{
    struct audit_output *out = context;
    sigset_t set;
    int sig;

    watched(&set);
    if (sigwait(&set, &sig) != 0)
        return NULL;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_mutex_lock(&out->lock);
    clear_progress(out);
    if (out->document != NULL) {
        sarif_end(out->document);
        fflush(out->document);
    }
    log_warn("interrupted: what is not answered yet is left out");
    tell_summary(out, 0);
    signal(sig, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(sig);
    return NULL;
}

/* Every thread that starts later has the signals blocked: only the watcher takes them. */
static int start_watcher(struct audit_output *out, struct err *err)
{
    sigset_t set;

    watched(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&out->watcher, NULL, watch, out) != 0) {
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        return err_set(err, ERR_NOMEM, "no thread could be started");
    }
    out->watching = true;
    return 0;
}

static void stop_watcher(struct audit_output *out)
{
    sigset_t set;

    if (!out->watching)
        return;
    pthread_cancel(out->watcher);
    pthread_join(out->watcher, NULL);
    watched(&set);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    out->watching = false;
}

/* --- Opening and closing --- */

/* A line that is added after half a line would be lost with it. */
static int check_end(int fd, const char *path, struct err *err)
{
    struct stat what;
    char last;

    if (fstat(fd, &what) != 0)
        return err_sys(err, ERR_IO, errno, "%s", path);
    if (!S_ISREG(what.st_mode) || what.st_size == 0)
        return 0;
    if (pread(fd, &last, 1, what.st_size - 1) != 1)
        return err_sys(err, ERR_IO, errno, "%s", path);
    return last == '\n' ? 0
                        : err_set(err, ERR_USAGE, "%s ends in half a line: --resume %s cuts it off",
                                  path, path);
}

static int open_file(struct audit_output *out, struct err *err)
{
    const char *path = out->options->output_file;
    const int how = out->format == REPORT_SARIF ? O_WRONLY | O_TRUNC : O_RDWR | O_APPEND;

    if (path == NULL)
        return 0;
    out->fd = open(path, how | O_CREAT | O_CLOEXEC, 0666);
    if (out->fd < 0)
        return err_sys(err, ERR_IO, errno, "%s", path);
    return out->format == REPORT_SARIF ? 0 : check_end(out->fd, path, err);
}

static int open_document(struct audit_output *out, struct err *err)
{
    if (out->format != REPORT_SARIF)
        return 0;
    out->document = out->options->output_file == NULL ? stdout : fdopen(out->fd, "w");
    if (out->document == NULL)
        return err_sys(err, ERR_IO, errno, "%s", out->options->output_file);
    sarif_begin(out->document);
    return 0;
}

static int close_output(struct audit_output *out, struct err *err)
{
    const char *path = out->options->output_file;
    int closed = 0;

    pthread_mutex_destroy(&out->lock);
    if (path == NULL)
        return 0;
    if (out->document != NULL)
        closed = fclose(out->document);
    else if (out->fd >= 0)
        closed = close(out->fd);
    return closed == 0 ? 0 : err_sys(err, ERR_IO, errno, "%s", path);
}

int audit_output_begin(struct audit_output *out, const struct audit_options *options,
                       enum report_format format, size_t total, struct err *err)
{
    *out = (struct audit_output) {
        .options = options,
        .format = format,
        .fd = STDOUT_FILENO,
        .total = total,
        .started = clock_millis(),
    };
    pthread_mutex_init(&out->lock, NULL);
    if (open_file(out, err) == 0 && open_document(out, err) == 0 && start_watcher(out, err) == 0)
        return 0;
    (void)close_output(out, NULL);
    return -1;
}

int audit_output_end(struct audit_output *out, size_t passed, struct err *err)
{
    stop_watcher(out);
    clear_progress(out);
    if (out->document != NULL)
        sarif_end(out->document);
    tell_summary(out, passed);
    return close_output(out, err);
}

/* --- Writing --- */

static void count(struct audit_output *out, const struct audit_finished *answer)
{
    out->counts.images++;
    out->counts.verdicts[answer->verdict]++;
    out->counts.reasons[answer->reason]++;
}

static void show_progress(struct audit_output *out)
{
    const int64_t now = clock_millis();

    if (now - out->started < PROGRESS_AFTER_MS || now - out->shown < PROGRESS_EVERY_MS ||
        !isatty(STDERR_FILENO))
        return;
    out->shown = now;
    if (out->total > 0)
        fprintf(stderr, "\r%zu of %zu images", out->counts.images + out->counts.repeated,
                out->total);
    else
        fprintf(stderr, "\r%zu images", out->counts.images);
}

static int write_line(struct audit_output *out, struct bytes line, struct err *err)
{
    if (out->document == NULL)
        return file_write_all(out->fd, line, err);
    if (fwrite(line.data, 1, line.len, out->document) != line.len)
        return err_sys(err, ERR_IO, errno, "results");
    return 0;
}

int audit_output_write(struct audit_output *out, struct bytes line,
                       const struct audit_finished *answer, struct err *err)
{
    pthread_mutex_lock(&out->lock);
    const int written = write_line(out, line, err);
    if (written == 0) {
        out->any = true;
        count(out, answer);
        show_progress(out);
    }
    pthread_mutex_unlock(&out->lock);
    return written;
}

void audit_output_resumed(struct audit_output *out, const struct audit_finished *answer)
{
    pthread_mutex_lock(&out->lock);
    out->counts.resumed++;
    count(out, answer);
    pthread_mutex_unlock(&out->lock);
}

void audit_output_repeated(struct audit_output *out)
{
    pthread_mutex_lock(&out->lock);
    out->counts.repeated++;
    pthread_mutex_unlock(&out->lock);
}
