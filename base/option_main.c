/* The printing and dispatching half of base/option.h. */
#include "base/option.h"

#include <string.h>

#include "base/bytes.h"
#include "base/suggest.h"
#include "base/text.h"

#define COLUMN_MAX 34 /* help texts start here at the latest; a longer name has its own line */
#define ERROR_SHOWN_MAX 4096 /* bytes of an error after escaping */

/* "  -a, --annotation KEY=VALUE" or with `name_only` just the width of it. */
static int option_left(char *out, size_t size, const struct option *row)
{
    char letter[8] = "    ";

    if (row->letter != '\0')
        snprintf(letter, sizeof(letter), "-%c, ", row->letter);
    return snprintf(out, size, "  %s--%s%s%s", letter, row->name, row->argument != NULL ? " " : "",
                    row->argument != NULL ? row->argument : "");
}

static bool is_shown(const struct option *row)
{
    return row->help != NULL && row->kind != OPTION_REFUSED;
}

static void print_row(FILE *to, const char *left, int width, const char *text)
{
    if ((int)strlen(left) <= width)
        fprintf(to, "%-*s  %s\n", width, left, text);
    else
        fprintf(to, "%s\n%*s  %s\n", left, width, "", text);
}

void option_help(FILE *to, const char *program, const struct command *command,
                 const struct option *table)
{
    struct option help = { "help", 'h', OPTION_FLAG, NULL, NULL, "print this help" };
    char left[160];
    int width = option_left(left, sizeof(left), &help);

    fprintf(to, "%s\n\nUsage: %s%s%s %s\n", command->summary, program,
            command->name[0] == '\0' ? "" : " ", command->name, command->usage);
    if (command->details != NULL)
        fprintf(to, "\n%s\n", command->details);
    for (const struct option *row = table; row->name != NULL; row++) {
        if (row->letter == help.letter)
            help.letter = '\0';
        int n = is_shown(row) ? option_left(left, sizeof(left), row) : 0;
        if (n > width && n <= COLUMN_MAX)
            width = n;
    }
    fprintf(to, "\nOptions:\n");
    for (const struct option *row = table; row->name != NULL; row++) {
        if (!is_shown(row))
            continue;
        option_left(left, sizeof(left), row);
        print_row(to, left, width, row->help);
    }
    option_left(left, sizeof(left), &help);
    print_row(to, left, width, help.help);
}

static const struct command *find_command(const struct command *commands, const char *name)
{
    for (; commands->name != NULL; commands++)
        if (strcmp(commands->name, name) == 0)
            return commands;
    return NULL;
}

void option_commands(FILE *to, const char *program, const char *intro,
                     const struct command *commands)
{
    const struct command *main_command = find_command(commands, "");
    int width = 0;

    fprintf(to, "%s\n\nUsage:\n", intro);
    if (main_command != NULL)
        fprintf(to, "  %s %s\n", program, main_command->usage);
    fprintf(to, "  %s COMMAND ...\n\nCommands:\n", program);
    for (const struct command *c = commands; c->name != NULL; c++)
        if (c->summary != NULL && (int)strlen(c->name) > width)
            width = (int)strlen(c->name);
    for (const struct command *c = commands; c->name != NULL; c++)
        if (c->name[0] != '\0' && c->summary != NULL)
            fprintf(to, "  %-*s  %s\n", width, c->name, c->summary);
    fprintf(to, "\n\"%s help COMMAND\" tells more.\n", program);
}

/* An error may quote what came from outside, which must not reach the terminal as it is. */
static void print_error(const char *program, const struct err *err)
{
    CLEANUP(buf_clear) struct buf shown = BUF_INIT(ERROR_SHOWN_MAX);

    text_escape(&shown, bytes_text(err_text(err)), ERROR_SHOWN_MAX);
    if (shown.state != BUF_FINE)
        fprintf(stderr, "%s: out of memory\n", program);
    else
        fprintf(stderr, "%s: %s\n", program, buf_text(&shown));
}

/* Whatever goes wrong, the status is not 0: a failure without a code is a defect of ours. */
static int run(const struct command *command, int argc, char **argv, const char *program)
{
    struct err err = ERR_INIT;
    int status = command->run(argc, argv, &err);

    if (status >= 0)
        return status;
    if (err.code == ERR_NONE)
        err_set(&err, ERR_INTERNAL, "failed without saying why");
    print_error(program, &err);
    return err_exit(err.code);
}

static int unknown_command(const struct command *commands, const char *name, const char *program)
{
    struct suggest s = suggest_begin(name, strlen(name));
    struct err err = ERR_INIT;

    for (; commands->name != NULL; commands++)
        suggest_try(&s, commands->name);
    if (s.best != NULL)
        err_set(&err, ERR_USAGE, "unknown command '%s'; did you mean '%s'?", name, s.best);
    else
        err_set(&err, ERR_USAGE, "unknown command '%s'; see \"%s --help\"", name, program);
    print_error(program, &err);
    return err_exit(err.code);
}

static int run_help(const struct command *command, char *name, const char *program)
{
    char flag[] = "--help";
    char *argv[] = { name, flag, NULL };

    return run(command, 2, argv, program);
}

/* The list of commands, then the help of the main one, which has no name to ask by. */
static int help_all(char *name, const char *program, const char *intro,
                    const struct command *commands)
{
    const struct command *main_command = find_command(commands, "");

    option_commands(stdout, program, intro, commands);
    if (main_command == NULL)
        return 0;
    printf("\n");
    return run_help(main_command, name, program);
}

static int dispatch(int argc, char **argv, const char *program, const char *intro,
                    const struct command *commands)
{
    const struct command *command = find_command(commands, argv[1]);

    if (command != NULL && argv[1][0] != '\0')
        return run(command, argc - 1, argv + 1, program);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help_all(argv[0], program, intro, commands);
    if (strcmp(argv[1], "help") == 0) {
        const struct command *asked = argc == 3 ? find_command(commands, argv[2]) : NULL;
        if (asked != NULL)
            return run_help(asked, argv[2], program);
        if (argc == 2)
            return help_all(argv[0], program, intro, commands);
        if (argc == 3)
            return unknown_command(commands, argv[2], program);
        fprintf(stderr, "%s: help takes one command\n", program);
        return err_exit(ERR_USAGE);
    }
    command = find_command(commands, "");
    if (command != NULL)
        return run(command, argc, argv, program);
    return unknown_command(commands, argv[1], program);
}

/* Results that could not be written are not results. */
static int finish(int status, const char *program)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return status;
    fprintf(stderr, "%s: standard output cannot be written\n", program);
    return status == 0 ? err_exit(ERR_IO) : status;
}

int option_main(int argc, char **argv, const char *program, const char *version, const char *intro,
                const struct command *commands)
{
    if (argc < 2) {
        option_commands(stderr, program, intro, commands);
        return err_exit(ERR_USAGE);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("%s %s\n", program, version);
        return finish(0, program);
    }
    return finish(dispatch(argc, argv, program, intro, commands), program);
}
