#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_row {
    const char *name;
    int exit;
};

static const struct err_row rows[] = {
    [ERR_NONE] = { "none", 0 },
    [ERR_DENIED] = { "denied", 1 },
    [ERR_INVALID] = { "invalid", 3 },
    [ERR_USAGE] = { "usage", 2 },
    [ERR_CONFIG] = { "config", 2 },
    [ERR_UNSUPPORTED] = { "unsupported", 2 },
    [ERR_MALFORMED] = { "malformed", 3 },
    [ERR_LIMIT] = { "limit", 3 },
    [ERR_IO] = { "io", 3 },
    [ERR_NETWORK] = { "network", 3 },
    [ERR_NOT_FOUND] = { "not-found", 3 },
    [ERR_RATE_LIMITED] = { "rate-limited", 3 },
    [ERR_DEADLINE] = { "deadline", 3 },
    [ERR_AUTH] = { "auth", 3 },
    [ERR_CONFLICT] = { "conflict", 3 },
    [ERR_NOMEM] = { "out-of-memory", 3 },
    [ERR_CRYPTO] = { "crypto", 3 },
    [ERR_INTERNAL] = { "internal", 3 },
};
_Static_assert(ARRAY_LEN(rows) == ERR_CODES, "every code has a row");

/* Put text in front of what is there; when it does not fit, the head of the new text is lost. */
static void prepend(struct err *e, const char *text, size_t len)
{
    size_t room = e->start;

    if (len > room) {
        text += len - room;
        len = room;
    }
    e->start = (unsigned short)(room - len);
    memcpy(e->text + e->start, text, len);
}

static void prepend_format(struct err *e, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

static void prepend_format(struct err *e, const char *fmt, va_list args)
{
    char text[ERR_TEXT_MAX];
    int n = vsnprintf(text, sizeof(text), fmt, args);

    if (n > 0)
        prepend(e, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

void err_reset(struct err *e)
{
    if (e == NULL)
        return;
    e->code = ERR_NONE;
    e->sys = 0;
    e->start = ERR_TEXT_MAX - 1;
    e->text[ERR_TEXT_MAX - 1] = '\0';
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list args;

    if (e == NULL)
        return -1;
    err_reset(e);
    e->code = code;
    va_start(args, fmt);
    prepend_format(e, fmt, args);
    va_end(args);
    return -1;
}

int err_sys(struct err *e, enum err_code code, int sys, const char *fmt, ...)
{
    char reason[128];
    va_list args;

    if (e == NULL)
        return -1;
    err_reset(e);
    e->code = code;
    e->sys = sys;
    const char *text = strerror_r(sys, reason, sizeof(reason));
    prepend(e, text, strlen(text));
    prepend(e, ": ", 2);
    va_start(args, fmt);
    prepend_format(e, fmt, args);
    va_end(args);
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    va_list args;

    if (e == NULL)
        return -1;
    prepend(e, ": ", 2);
    va_start(args, fmt);
    prepend_format(e, fmt, args);
    va_end(args);
    return -1;
}

const char *err_text(const struct err *e)
{
    return e->text + e->start;
}

const char *err_name(enum err_code code)
{
    return (unsigned)code < ERR_CODES ? rows[code].name : "unknown";
}

int err_exit(enum err_code code)
{
    return (unsigned)code < ERR_CODES ? rows[code].exit : 3;
}
