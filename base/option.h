#ifndef BULLA_BASE_OPTION_H
#define BULLA_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

/*
 * Command lines, driven by one table that also prints the help (getopt_long underneath). A repeated
 * option is refused unless its row says OPTION_LIST; `--` is honoured; a flag may be written
 * --flag=true|false; an unknown flag gets a suggestion.
 */

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_NUMBER, /* int64_t, 0 or more */
    OPTION_MILLIS, /* int64_t milliseconds, written "500ms", "30s", "3m", "1h" */
    OPTION_SIZE,   /* size_t bytes, 1 or more, written "4096", "64KiB", "128MiB", "1GiB" */
    OPTION_LIST,   /* struct option_list: may be repeated */
    OPTION_REFUSED /* recognised, and refused with `help` as the reason (ERR_USAGE) */
};

struct option_list {
    const char **values; /* in order, borrowed from argv */
    size_t n;
};

struct option {
    const char *name; /* long name without dashes; NULL ends the table */
    char letter;      /* or 0 */
    enum option_kind kind;
    void *value;          /* where it goes; untouched when the option is not given */
    const char *argument; /* word for the help: "FILE"; NULL for flags */
    const char *help;     /* one line; NULL: works, not shown in the help */
};

struct command {
    const char
        *name; /* "generate-key-pair"; NULL ends the table. "" is the program's own main command */
    const char *summary; /* one line; NULL: not in the list of commands */
    const char *usage;   /* "IMAGE... --key KEY" */
    const char *details; /* further help text, or NULL */
    int (*run)(int argc, char **argv,
               struct err *err); /* exit status; -1 with err set: err_exit(err.code) */
};

/**
 * Parse argv[1..]. Positional arguments are moved to argv[*first..argc).
 * *help is set when --help was given (the caller prints and returns 0).
 * -1 with ERR_USAGE. option_lists_free() frees what OPTION_LIST rows allocated.
 */
int option_parse(int argc, char **argv, const struct option *table, int *first, bool *help,
                 struct err *err) MUST_CHECK;
void option_lists_free(const struct option *table);

/** "Usage: sign generate-key-pair ..." with every option. To stdout for --help. */
void option_help(FILE *to, const char *program, const struct command *command,
                 const struct option *table);
/** The list of commands. */
void option_commands(FILE *to, const char *program, const char *intro,
                     const struct command *commands);

/**
 * Run a program: pick the command whose name is argv[1] (it gets argv from its own name on), else
 * the "" command (it gets all of argv). At the top level --help, --version and `help [COMMAND]`,
 * which runs the command with --help; no argument at all prints the list of commands (status 2).
 * Prints an error as "program: text" to standard error; returns the exit status, never 0 after an
 * error or when standard output could not be written. `program` may be two words ("verify policy")
 * for a command that has commands.
 */
int option_main(int argc, char **argv, const char *program, const char *version, const char *intro,
                const struct command *commands);

#endif
