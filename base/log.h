#ifndef BULLA_BASE_LOG_H
#define BULLA_BASE_LOG_H

#include "base/bytes.h"

enum log_level { LOG_ERROR = 0, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT = 0, LOG_JSON };

/** What --log-format says; NULL: *format stays. -1 with ERR_USAGE. */
int log_format_parse(enum log_format *format, const char *text, struct err *err) MUST_CHECK;

/** Once, before threads start. Lines go to standard error. */
void log_setup(enum log_level level, enum log_format format, const char *program);
bool log_enabled(enum log_level level);

/** One field of an event. `text` NULL leaves it out. */
struct log_field {
    const char *name;
    const char *text;
};

/** One event, one line, written with one write(): "program: warning: message (k=v ...)" or a JSON
 * object with time, level, msg and the fields. Everything from outside is escaped here. */
void log_event(enum log_level level, const struct log_field *fields, size_t n, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
