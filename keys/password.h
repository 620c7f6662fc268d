#ifndef BULLA_KEYS_PASSWORD_H
#define BULLA_KEYS_PASSWORD_H

#include "keys/key_file.h"

/* Inside of keys/ only. */

/** Would password_read() take standard input to its end? */
bool password_is_stdin(const struct password_source *source);

/**
 * Ask on a terminal: `prompt` to standard error, one line from `fd` without echo. Whatever ends the
 * process meanwhile, the terminal has its echo back. -1 with ERR_IO (nothing entered, interrupted),
 * ERR_LIMIT.
 */
int terminal_ask(struct secret **out, int fd, const char *prompt, struct err *err) MUST_CHECK;

#endif
