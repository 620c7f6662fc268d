#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

#define LINE_USUAL 1023 /* bytes: what needs more grows */

/* Set once by log_setup() before threads start, only read afterwards. */
static struct {
    enum log_level level;
    enum log_format format;
    const char *program;
} settings = { LOG_WARN, LOG_TEXT, "bulla" };

struct event {
    enum log_level level;
    struct bytes message;
    const struct log_field *fields;
    size_t n;
};

static const struct {
    const char *text;
    const char *json;
} names[] = {
    [LOG_ERROR] = { "error", "error" },
    [LOG_WARN] = { "warning", "warn" },
    [LOG_INFO] = { "info", "info" },
    [LOG_DEBUG] = { "debug", "debug" },
};

int log_format_parse(enum log_format *format, const char *text, struct err *err)
{
    if (text == NULL)
        return 0;
    if (strcmp(text, "json") == 0)
        *format = LOG_JSON;
    else if (strcmp(text, "text") == 0)
        *format = LOG_TEXT;
    else
        return err_set(err, ERR_USAGE, "--log-format: '%s' is neither text nor json", text);
    return 0;
}

void log_setup(enum log_level level, enum log_format format, const char *program)
{
    settings.level = level;
    settings.format = format;
    settings.program = program;
}

bool log_enabled(enum log_level level)
{
    return level <= settings.level;
}

/* As a JSON string; bytes that are not UTF-8, and controls, become \xNN first. */
static void add_json(struct buf *line, struct buf *shown, struct bytes text, size_t max)
{
    buf_reset(shown);
    text_escape(shown, text, max);
    text_json(line, buf_bytes(shown));
}

/* In text a value is quoted unless it is one plain word. */
static bool is_word(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] == '"' || text.data[i] == '=' ||
            text.data[i] == '(' || text.data[i] == ')')
            return false;
    return text.len > 0;
}

static void write_text(struct buf *line, const struct event *event)
{
    CLEANUP(buf_clear) struct buf shown = BUF_INIT(LOG_MESSAGE_MAX);
    const char *before = " (";

    buf_addf(line, "%s: %s: ", settings.program, names[event->level].text);
    text_escape(line, event->message, LOG_MESSAGE_MAX);
    for (size_t i = 0; i < event->n; i++) {
        struct bytes value = bytes_text(event->fields[i].text);
        if (event->fields[i].text == NULL)
            continue;
        buf_addf(line, "%s%s=", before, event->fields[i].name);
        before = " ";
        if (is_word(value))
            text_escape(line, value, LOG_FIELD_MAX);
        else
            add_json(line, &shown, value, LOG_FIELD_MAX);
    }
    buf_add_text(line, before[1] == '\0' ? ")\n" : "\n");
}

static void write_json(struct buf *line, const struct event *event)
{
    CLEANUP(buf_clear) struct buf shown = BUF_INIT(LOG_MESSAGE_MAX);
    char now[TIME_TEXT_MAX];

    (void)buf_reserve(line, LINE_USUAL);
    (void)buf_reserve(&shown, LINE_USUAL);
    time_format(now, clock_seconds());
    buf_addf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", now, names[event->level].json);
    add_json(line, &shown, event->message, LOG_MESSAGE_MAX);
    for (size_t i = 0; i < event->n; i++) {
        if (event->fields[i].text == NULL)
            continue;
        buf_add_char(line, ',');
        text_json(line, bytes_text(event->fields[i].name));
        buf_add_char(line, ':');
        add_json(line, &shown, bytes_text(event->fields[i].text), LOG_FIELD_MAX);
    }
    buf_add_text(line, "}\n");
}

static void write_event(const struct event *event)
{
    CLEANUP(buf_clear) struct buf line = BUF_INIT(LOG_LINE_MAX);

    if (settings.format == LOG_JSON)
        write_json(&line, event);
    else
        write_text(&line, event);
    struct bytes out = buf_bytes(&line);
    if (line.state == BUF_FULL)
        out = BYTES_LIT("{\"level\":\"error\",\"msg\":\"event too large to log\"}\n");
    if (line.state == BUF_NOMEM)
        out = BYTES_LIT("{\"level\":\"error\",\"msg\":\"out of memory, event not logged\"}\n");
    /* There is nowhere to tell that standard error cannot be written. */
    if (file_write_all(STDERR_FILENO, out, NULL) != 0)
        return;
}

static void log_args(struct event *event, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

static void log_args(struct event *event, const char *fmt, va_list args)
{
    char message[LOG_MESSAGE_MAX];

    if (!log_enabled(event->level))
        return;
    int n = vsnprintf(message, sizeof(message), fmt, args);
    if (n < 0)
        message[0] = '\0';
    event->message = bytes_text(message);
    write_event(event);
}

void log_event(enum log_level level, const struct log_field *fields, size_t n, const char *fmt, ...)
{
    struct event event = { level, BYTES_NONE, fields, n };
    va_list args;

    va_start(args, fmt);
    log_args(&event, fmt, args);
    va_end(args);
}

void log_error(const char *fmt, ...)
{
    struct event event = { LOG_ERROR, BYTES_NONE, NULL, 0 };
    va_list args;

    va_start(args, fmt);
    log_args(&event, fmt, args);
    va_end(args);
}

void log_warn(const char *fmt, ...)
{
    struct event event = { LOG_WARN, BYTES_NONE, NULL, 0 };
    va_list args;

    va_start(args, fmt);
    log_args(&event, fmt, args);
    va_end(args);
}

void log_info(const char *fmt, ...)
{
    struct event event = { LOG_INFO, BYTES_NONE, NULL, 0 };
    va_list args;

    va_start(args, fmt);
    log_args(&event, fmt, args);
    va_end(args);
}

void log_debug(const char *fmt, ...)
{
    struct event event = { LOG_DEBUG, BYTES_NONE, NULL, 0 };
    va_list args;

    va_start(args, fmt);
    log_args(&event, fmt, args);
    va_end(args);
}
