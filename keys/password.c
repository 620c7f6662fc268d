#include "keys/password.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

static const char variable[] = "COSIGN_PASSWORD";

bool password_is_stdin(const struct password_source *source)
{
    if (source->fd >= 0)
        return source->fd == STDIN_FILENO;
    if (source->file != NULL)
        return strcmp(source->file, "-") == 0;
    return getenv(variable) == NULL && isatty(STDIN_FILENO) != 1;
}

/* A text editor ends the file with a newline that nobody counts as part of the password. */
static int without_newline(struct secret **out, const struct secret *whole, struct err *err)
{
    struct bytes text = secret_bytes(whole);

    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    return secret_copy(out, text, err);
}

static int read_given(struct secret **out, const struct password_source *source, struct err *err)
{
    struct secret *CLEANUP(secret_freep) whole = NULL;
    int status = source->fd >= 0 ? file_read_secret_fd(&whole, source->fd, PASSWORD_MAX, err)
                                 : file_read_secret(&whole, source->file, PASSWORD_MAX, NULL, err);

    if (status != 0) {
        if (err != NULL && err->code == ERR_NOT_FOUND)
            err->code = ERR_USAGE;
        return err_wrap(err, "password");
    }
    return without_newline(out, whole, err);
}

static int read_variable(struct secret **out, const char *value, struct err *err)
{
    if (strlen(value) > PASSWORD_MAX)
        return err_set(err, ERR_LIMIT, "password: longer than %zu bytes", PASSWORD_MAX);
    return secret_copy(out, bytes_text(value), err);
}

static int read_terminal(struct secret **out, bool confirm, struct err *err)
{
    struct secret *CLEANUP(secret_freep) first = NULL;
    struct secret *CLEANUP(secret_freep) second = NULL;

    if (terminal_ask(&first, STDIN_FILENO, "Enter password for private key: ", err) != 0)
        return -1;
    if (confirm) {
        if (terminal_ask(&second, STDIN_FILENO, "Enter password for private key again: ", err) != 0)
            return -1;
        if (!secret_equal(secret_bytes(first), secret_bytes(second)))
            return err_set(err, ERR_USAGE, "passwords do not match");
    }
    *out = STEAL(first);
    return 0;
}

int password_read(struct secret **out, const struct password_source *source, struct err *err)
{
    *out = NULL;
    if (source->fd >= 0 || source->file != NULL)
        return read_given(out, source, err);
    const char *value = getenv(variable);
    if (value != NULL)
        return read_variable(out, value, err);
    if (isatty(STDIN_FILENO) == 1)
        return read_terminal(out, source->confirm, err);
    /* cosign takes every byte here: a newline from echo is part of the password (sigstore.md 1.2)
     */
    if (file_read_secret_fd(out, STDIN_FILENO, PASSWORD_MAX, err) != 0)
        return err_wrap(err, "password");
    return 0;
}
