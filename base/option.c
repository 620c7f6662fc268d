#include "base/option.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The C library has a `struct option` of its own, which has to step aside for ours. */
#define option getopt_option
#include <getopt.h>
#undef option

#include "base/limits.h"
#include "base/mem.h"
#include "base/suggest.h"
#include "base/text.h"

#define VALUE_ROW                                                                                  \
    256 /* getopt's value of a long option is this plus its row: no letter is so high */
#define HELP_LETTER 'h'
#define HELP_NAME "help"

struct parser {
    int argc;
    char **argv;
    const struct option *table;
    size_t rows;
    bool seen[OPTIONS_MAX];
    struct getopt_option longs[OPTIONS_MAX + 2]; /* --help and the end */
    char letters[2 * OPTIONS_MAX + 4];
};

static size_t table_rows(const struct option *table)
{
    size_t n = 0;

    while (table[n].name != NULL)
        n++;
    return n;
}

static int wants_argument(const struct option *row)
{
    if (row->kind == OPTION_REFUSED)
        return optional_argument; /* it is refused before the argument matters */
    return row->kind == OPTION_FLAG ? optional_argument : required_argument;
}

/* The table in getopt's terms. The leading ':' makes it tell a missing argument from the unknown.
 */
static void translate(struct parser *p)
{
    char *letter = p->letters;

    *letter++ = ':';
    for (size_t i = 0; i < p->rows; i++) {
        const struct option *row = &p->table[i];
        p->longs[i] =
            (struct getopt_option) { row->name, wants_argument(row), NULL, VALUE_ROW + (int)i };
        if (row->letter == '\0')
            continue;
        *letter++ = row->letter;
        if (wants_argument(row) == required_argument)
            *letter++ = ':';
    }
    *letter++ = HELP_LETTER; /* the first of a kind counts: a row may have this letter */
    *letter = '\0';
    p->longs[p->rows] =
        (struct getopt_option) { HELP_NAME, no_argument, NULL, VALUE_ROW + (int)p->rows };
    p->longs[p->rows + 1] = (struct getopt_option) { NULL, 0, NULL, 0 };
}

/* The row of a value that getopt returned; `rows` stands for --help. */
static size_t find_row(const struct parser *p, int value)
{
    if (value >= VALUE_ROW)
        return (size_t)value - VALUE_ROW;
    for (size_t i = 0; i < p->rows; i++)
        if (p->table[i].letter != '\0' && p->table[i].letter == value)
            return i;
    return p->rows;
}

static int unknown_long(const struct parser *p, const char *word, struct err *err)
{
    size_t len = strcspn(word, "=");
    struct suggest s = suggest_begin(word + 2, len - 2);

    for (size_t i = 0; i < p->rows; i++)
        if (p->table[i].help != NULL && p->table[i].kind != OPTION_REFUSED)
            suggest_try(&s, p->table[i].name);
    suggest_try(&s, HELP_NAME);
    if (s.best != NULL)
        return err_set(err, ERR_USAGE, "%.*s: unknown option; did you mean --%s?", (int)len, word,
                       s.best);
    return err_set(err, ERR_USAGE, "%.*s: unknown option", (int)len, word);
}

/* getopt takes an unambiguous beginning for the whole name. A later option would change what such a
 * command line means, so only whole names are taken here. */
static bool is_whole(const char *word, const char *name)
{
    size_t len = strlen(name);

    return strncmp(word + 2, name, len) == 0 && (word[2 + len] == '\0' || word[2 + len] == '=');
}

static int parse_number(int64_t *out, const char *text, const char *name, struct err *err)
{
    uint64_t value;

    if (decimal_parse(&value, bytes_text(text), INT64_MAX, NULL) != 0)
        return err_set(err, ERR_USAGE, "--%s: '%s' is not a whole number", name, text);
    *out = (int64_t)value;
    return 0;
}

/* A word that follows a number, and what it multiplies. */
struct unit {
    const char *name;
    int64_t factor;
};

/* False when the text is not a number with one of the units, or too large. */
static bool parse_unit(int64_t *out, const char *text, const struct unit *units, size_t n)
{
    const size_t digits = strspn(text, "0123456789");
    const struct bytes number = { (const uint8_t *)text, digits };
    uint64_t value;

    for (size_t i = 0; i < n; i++) {
        const uint64_t most = (uint64_t)(INT64_MAX / units[i].factor);
        if (strcmp(text + digits, units[i].name) != 0 ||
            decimal_parse(&value, number, most, NULL) != 0)
            continue;
        *out = (int64_t)value * units[i].factor;
        return true;
    }
    return false;
}

static int parse_millis(int64_t *out, const char *text, const char *name, struct err *err)
{
    static const struct unit units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }
    };

    if (parse_unit(out, text, units, ARRAY_LEN(units)))
        return 0;
    return err_set(err, ERR_USAGE, "--%s: '%s' is not a duration such as 500ms, 30s, 3m or 1h",
                   name, text);
}

static int parse_size(size_t *out, const char *text, const char *name, struct err *err)
{
    static const struct unit units[] = {
        { "", 1 }, { "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 }
    };
    int64_t bytes;

    if (!parse_unit(&bytes, text, units, ARRAY_LEN(units)) || bytes < 1 || bytes > OPTION_BYTES_MAX)
        return err_set(err, ERR_USAGE,
                       "--%s: '%s' is not a size such as 65536, 512KiB, 128MiB or 1GiB (4GiB at "
                       "most)",
                       name, text);
    *out = (size_t)bytes;
    return 0;
}

static int parse_flag(bool *out, const char *text, const char *name, struct err *err)
{
    if (text != NULL && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return err_set(err, ERR_USAGE, "--%s: '%s' is neither true nor false", name, text);
    *out = text == NULL || strcmp(text, "true") == 0;
    return 0;
}

/* There cannot be more values than words on the command line. */
static int append(struct option_list *list, const char *text, int words, struct err *err)
{
    if (list->values == NULL)
        list->values = mem_new((size_t)words, sizeof(*list->values), err);
    if (list->values == NULL)
        return -1;
    list->values[list->n++] = text;
    return 0;
}

static int take(struct parser *p, size_t i, const char *text, struct err *err)
{
    const struct option *row = &p->table[i];

    if (row->kind == OPTION_REFUSED)
        return err_set(err, ERR_USAGE, "--%s: %s", row->name, row->help);
    if (p->seen[i] && row->kind != OPTION_LIST)
        return err_set(err, ERR_USAGE, "--%s: given twice", row->name);
    p->seen[i] = true;
    switch (row->kind) {
    case OPTION_FLAG:
        return parse_flag(row->value, text, row->name, err);
    case OPTION_TEXT:
        *(const char **)row->value = text;
        return 0;
    case OPTION_NUMBER:
        return parse_number(row->value, text, row->name, err);
    case OPTION_MILLIS:
        return parse_millis(row->value, text, row->name, err);
    case OPTION_SIZE:
        return parse_size(row->value, text, row->name, err);
    case OPTION_LIST:
        return append(row->value, text, p->argc, err);
    case OPTION_REFUSED:
        break;
    }
    return err_set(err, ERR_INTERNAL, "--%s: unknown kind of option", row->name);
}

static int missing_argument(const struct option *row, struct err *err)
{
    return err_set(err, ERR_USAGE, "--%s: %s is missing", row->name,
                   row->argument != NULL ? row->argument : "a value");
}

/* The word of the long option that getopt has just returned: before its argument, when that was a
 * word of its own. */
static const char *option_word(const struct parser *p)
{
    const char *last = p->argv[optind - 1];

    return optarg != NULL && optarg == last ? p->argv[optind - 2] : last;
}

/* What getopt could not take, or took for something that was not written. */
static int check_step(const struct parser *p, int value, struct err *err)
{
    int code = value == ':' ? optopt : value;
    size_t i = find_row(p, code);

    if (value == '?' && optopt == 0)
        return unknown_long(p, option_word(p), err);
    if (value == '?' && optopt < VALUE_ROW)
        return err_set(err, ERR_USAGE, "-%c: unknown option", optopt);
    if (value == '?')
        return err_set(err, ERR_USAGE, "--%s: takes no value", HELP_NAME);
    const char *name = i < p->rows ? p->table[i].name : HELP_NAME;
    if (code >= VALUE_ROW && !is_whole(option_word(p), name))
        return unknown_long(p, option_word(p), err);
    return value == ':' ? missing_argument(&p->table[i], err) : 0;
}

static int parse_all(struct parser *p, bool *help, struct err *err)
{
    optind = 0; /* GNU: forget whatever was parsed before */
    opterr = 0;
    for (;;) {
        int value = getopt_long(p->argc, p->argv, p->letters, p->longs, NULL);
        if (value == -1)
            return 0;
        if (check_step(p, value, err) != 0)
            return -1;
        size_t i = find_row(p, value);
        *help = i == p->rows;
        if (*help)
            return 0;
        if (take(p, i, optarg, err) != 0)
            return -1;
    }
}

int option_parse(int argc, char **argv, const struct option *table, int *first, bool *help,
                 struct err *err)
{
    struct parser p = { .argc = argc, .argv = argv, .table = table, .rows = table_rows(table) };

    *first = argc;
    *help = false;
    if (p.rows > OPTIONS_MAX)
        return err_set(err, ERR_INTERNAL, "more than %d options", OPTIONS_MAX);
    translate(&p);
    if (parse_all(&p, help, err) != 0)
        return -1;
    *first = optind;
    return 0;
}

void option_lists_free(const struct option *table)
{
    for (; table->name != NULL; table++) {
        if (table->kind != OPTION_LIST)
            continue;
        struct option_list *list = table->value;
        free(list->values);
        list->values = NULL;
        list->n = 0;
    }
}
