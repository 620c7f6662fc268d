#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/option.h"
#include "tests/unit/expect.h"

#define WORDS_MAX 16

struct values {
    bool recursive;
    const char *key;
    int64_t threads;
    int64_t timeout;
    size_t size;
    struct option_list annotations;
    const char *host;
};

static void make_table(struct option table[10], struct values *v)
{
    const struct option rows[10] = {
        { "recursive", 'r', OPTION_FLAG, &v->recursive, NULL, "Sign the children too." },
        { "key", 'k', OPTION_TEXT, &v->key, "KEY", "Key to sign with." },
        { "threads", 0, OPTION_NUMBER, &v->threads, "N", "Workers." },
        { "timeout", 't', OPTION_MILLIS, &v->timeout, "TIME", "Give up after this time." },
        { "size", 0, OPTION_SIZE, &v->size, "SIZE", "Ceiling." },
        { "annotations", 'a', OPTION_LIST, &v->annotations, "KEY=VALUE", "Add an annotation." },
        { "host-with-a-long-name-indeed", 'h', OPTION_TEXT, &v->host, "HOST", "Host to ask." },
        { "keyless", 0, OPTION_REFUSED, NULL, NULL, "keyless signing is not offered" },
        { "hidden", 0, OPTION_FLAG, &v->recursive, NULL, NULL },
        { NULL, 0, OPTION_FLAG, NULL, NULL, NULL },
    };
    memcpy(table, rows, sizeof(rows));
}

/* Splits "a b c" into argv in `copy`; "~" stands for an empty word. */
static int split(char *copy, const char *line, char *argv[WORDS_MAX])
{
    static char empty[] = "";
    char *save = NULL;
    int argc = 0;

    memcpy(copy, line, strlen(line) + 1);
    for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        assert_true(argc < WORDS_MAX - 1);
        argv[argc++] = strcmp(w, "~") == 0 ? empty : w;
    }
    argv[argc] = NULL;
    return argc;
}

struct row {
    const char *line;
    const char *result; /* what was understood, or a word of the refusal */
    bool refused;
};

static const struct row rows[] = {
    { "sign", "", false },
    { "sign image", "image", false },
    { "sign --key k image", "key=k image", false },
    { "sign --key=k image", "key=k image", false },
    { "sign image --key k other", "key=k image other", false },
    { "sign -k k image", "key=k image", false },
    { "sign -kk image", "key=k image", false },
    { "sign --key= image", "key= image", false },
    { "sign --key ~ image", "key= image", false },
    { "sign --key --recursive", "key=--recursive", false },
    { "sign -rk k", "recursive key=k", false },
    { "sign --recursive image", "recursive image", false },
    { "sign --recursive=true", "recursive", false },
    { "sign --recursive=false", "", false },
    { "sign --hidden", "recursive", false },
    { "sign -r false", "recursive false", false },
    { "sign -- --key k", "--key k", false },
    { "sign --key k -- -r", "key=k -r", false },
    { "sign - image", "- image", false },
    { "sign ~", "~", false },
    { "sign --threads 0", "threads=0", false },
    { "sign --threads=9223372036854775807", "threads=9223372036854775807", false },
    { "sign --timeout 500ms", "timeout=500", false },
    { "sign -t30s", "timeout=30000", false },
    { "sign --timeout 3m", "timeout=180000", false },
    { "sign --timeout 1h", "timeout=3600000", false },
    { "sign --timeout 0s", "timeout=0", false },
    { "sign --timeout 2562047788015h", "timeout=9223372036854000000", false },
    { "sign --size 1", "size=1", false },
    { "sign --size 64KiB", "size=65536", false },
    { "sign --size=128MiB", "size=134217728", false },
    { "sign --size 4GiB", "size=4294967296", false },
    { "sign -a x=1 image --annotations y=2 -az=3", "a:x=1 a:y=2 a:z=3 image", false },
    { "sign -a x=1 -a x=1", "a:x=1 a:x=1", false },
    { "sign -h host", "host=host", false }, /* the table's letter comes before help's */
    { "sign --help", "help", false },
    { "sign --key k --help --nonsense", "help", false },

    { "sign --key k --key k", "--key: given twice", true },
    { "sign -k k --key=k", "--key: given twice", true },
    { "sign -rr", "--recursive: given twice", true },
    { "sign --recursive --recursive=false", "--recursive: given twice", true },
    { "sign --recursive=", "neither true nor false", true },
    { "sign --recursive=yes", "'yes' is neither", true },
    { "sign --recursive=True", "neither", true },
    { "sign --key", "--key: KEY is missing", true },
    { "sign -k", "--key: KEY is missing", true },
    { "sign image -rk", "--key: KEY is missing", true },
    { "sign --kye k", "--kye: unknown option; did you mean --key?", true },
    { "sign --kye=secret", "--kye: unknown option; did you mean --key?", true },
    { "sign --recursiv", "--recursiv: unknown option; did you mean --recursive?", true },
    { "sign --recur", "--recur: unknown option", true },
    { "sign --ke k", "did you mean --key?", true },
    { "sign --ke=k", "did you mean --key?", true },
    { "sign --ke", "did you mean --key?", true },
    { "sign --h", "--h: unknown option", true },
    { "sign --hel", "did you mean --help?", true },
    { "sign --help=no", "--help: takes no value", true },
    { "sign --Key k", "did you mean --key?", true },
    { "sign --hidde", "--hidde: unknown option", true },
    { "sign --nonsense", "--nonsense: unknown option", true },
    { "sign --=x", "unknown option", true },
    { "sign -x", "-x: unknown option", true },
    { "sign --key --x -rx", "-x: unknown option", true },
    { "sign -rxk k", "-x: unknown option", true },
    { "sign -r=true", "-=: unknown option", true },
    { "sign --keyless", "--keyless: keyless signing is not offered", true },
    { "sign --keyless=false", "keyless signing is not offered", true },
    { "sign --threads -1", "'-1' is not a whole number", true },
    { "sign --threads 01", "not a whole number", true },
    { "sign --threads 9223372036854775808", "not a whole number", true },
    { "sign --threads=", "'' is not a whole number", true },
    { "sign --threads 1k", "not a whole number", true },
    { "sign --timeout 30", "'30' is not a duration", true },
    { "sign --timeout s", "not a duration", true },
    { "sign --timeout=", "not a duration", true },
    { "sign --timeout 1.5s", "not a duration", true },
    { "sign --timeout -1s", "not a duration", true },
    { "sign --timeout 1S", "not a duration", true },
    { "sign --timeout 1m30s", "not a duration", true },
    { "sign --timeout 1ss", "not a duration", true },
    { "sign --timeout 01s", "not a duration", true },
    { "sign --size 0", "'0' is not a size", true },
    { "sign --size 0MiB", "not a size", true },
    { "sign --size=", "not a size", true },
    { "sign --size MiB", "not a size", true },
    { "sign --size 1MB", "not a size", true },
    { "sign --size 1mib", "not a size", true },
    { "sign --size -1", "not a size", true },
    { "sign --size 01", "not a size", true },
    { "sign --size 4294967297", "4GiB at most", true },
    { "sign --size 9223372036854775808GiB", "not a size", true },
    { "sign --timeout 2562047788016h", "not a duration", true },
};

static void describe(struct buf *out, const struct values *v)
{
    if (v->recursive)
        buf_addf(out, " recursive");
    if (v->key != NULL)
        buf_addf(out, " key=%s", v->key);
    if (v->threads >= 0)
        buf_addf(out, " threads=%lld", (long long)v->threads);
    if (v->timeout >= 0)
        buf_addf(out, " timeout=%lld", (long long)v->timeout);
    if (v->size > 0)
        buf_addf(out, " size=%zu", v->size);
    if (v->host != NULL)
        buf_addf(out, " host=%s", v->host);
    for (size_t i = 0; i < v->annotations.n; i++)
        buf_addf(out, " a:%s", v->annotations.values[i]);
}

static void parse_case(void **state)
{
    CLEANUP(buf_clear) struct buf got = BUF_INIT(1000);
    struct values v = { .threads = -1, .timeout = -1 };
    const struct row *row = *state;
    struct err err = ERR_INIT;
    struct option table[10];
    char *argv[WORDS_MAX];
    char copy[200];
    bool help = true;
    int first = -1;

    make_table(table, &v);
    int argc = split(copy, row->line, argv);
    int r = option_parse(argc, argv, table, &first, &help, &err);
    describe(&got, &v);
    option_lists_free(table);
    assert_null(v.annotations.values);
    if (row->refused) {
        EXPECT_ERR(r, &err, ERR_USAGE, row->result);
        return;
    }
    EXPECT_OK(r, &err);
    if (help) {
        assert_string_equal(row->result, "help");
        return;
    }
    for (int i = first; i < argc; i++)
        buf_addf(&got, " %s", argv[i][0] == '\0' ? "~" : argv[i]);
    assert_string_equal(got.len == 0 ? "" : buf_text(&got) + 1, row->result);
}

static void table_at_the_ceiling(void **state)
{
    static struct option table[OPTIONS_MAX + 2];
    char word[] = "sign";
    char *argv[] = { word, NULL };
    struct err err = ERR_INIT;
    bool value = false;
    bool help;
    int first;

    (void)state;
    for (size_t i = 0; i < OPTIONS_MAX; i++)
        table[i] = (struct option) { "o", (char)(i % 50 + 'A'), OPTION_FLAG, &value, NULL, "x" };
    EXPECT_OK(option_parse(1, argv, table, &first, &help, &err), &err);
    assert_int_equal(first, 1);
    table[OPTIONS_MAX] = table[0];
    EXPECT_ERR(option_parse(1, argv, table, &first, &help, &err), &err, ERR_INTERNAL, "options");
}

static int run_one(int argc, char **argv, struct err *err)
{
    (void)err;
    printf("one %d %s %s\n", argc, argv[0], argv[1] == NULL ? "-" : argv[1]);
    return 1;
}

static int run_main(int argc, char **argv, struct err *err)
{
    (void)err;
    printf("main %d %s %s\n", argc, argv[0], argv[1]);
    return 0;
}

static int run_failing(int argc, char **argv, struct err *err)
{
    (void)argc;
    return err_set(err, ERR_CONFIG, "key %s is\x1b[2J wrong", argv[1]);
}

static int run_silent(int argc, char **argv, struct err *err)
{
    (void)argc;
    (void)argv;
    (void)err;
    return -1;
}

static const struct command with_main[] = {
    { "one", "The first one.", "IMAGE", NULL, run_one },
    { "generate-key-pair", "Make a key pair.", "", NULL, run_one },
    { "failing", "Fails.", "KEY", NULL, run_failing },
    { "silent", "Fails without a word.", "", NULL, run_silent },
    { "", "Sign images.", "IMAGE... --key KEY", NULL, run_main },
    { NULL, NULL, NULL, NULL, NULL },
};

static const struct command without_main[] = {
    { "lint", "Check a policy.", "FILE", NULL, run_one },
    { NULL, NULL, NULL, NULL, NULL },
};

struct main_row {
    const char *line;
    const struct command *commands;
    int status;
    const char *out; /* the whole of standard output, or a part of it when it begins with "*" */
    const char *err;
};

static const struct main_row main_rows[] = {
    { "sign", with_main, 2, "", "*generate-key-pair" },
    { "sign --help", with_main, 0, "*  generate-key-pair  Make a key pair.\n", "" },
    { "sign --help", with_main, 0, "*main 2 sign --help\n", "" },
    { "sign -h", with_main, 0, "*Usage:\n  sign IMAGE... --key KEY\n  sign COMMAND", "" },
    { "sign help", with_main, 0, "*The intro.\n", "" },
    { "sign --version", with_main, 0, "sign 1.2.3\n", "" },
    { "sign help one", with_main, 1, "one 2 one --help\n", "" },
    { "sign help two", with_main, 2, "", "*unknown command 'two'" },
    { "sign help one two", with_main, 2, "", "*help takes one command" },
    { "sign one x", with_main, 1, "one 2 one x\n", "" },
    { "sign one", with_main, 1, "one 1 one -\n", "" },
    { "sign image x", with_main, 0, "main 3 sign image\n", "" },
    { "sign --key k", with_main, 0, "main 3 sign --key\n", "" },
    { "sign ~", with_main, 0, "main 2 sign \n", "" },
    { "sign failing k", with_main, 2, "", "sign: key k is\\x1b[2J wrong\n" },
    { "sign silent", with_main, 3, "", "sign: failed without saying why\n" },
    { "policy", without_main, 2, "", "*Usage:\n  policy COMMAND" },
    { "policy --help", without_main, 0, "*lint  Check a policy.\n", "" },
    { "policy lint f", without_main, 1, "one 2 lint f\n", "" },
    { "policy lnit", without_main, 2, "", "*unknown command 'lnit'; did you mean 'lint'?" },
    { "policy other", without_main, 2, "", "*unknown command 'other'; see \"policy --help\"" },
    { "policy ~", without_main, 2, "", "*unknown command ''" },
};

/* Both streams to files for the time of one call. */
struct streams {
    int saved[2];
    FILE *files[2];
};

static void catch (struct streams *s)
{
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        s->files[i] = tmpfile();
        assert_non_null(s->files[i]);
        s->saved[i] = dup(i + 1);
        dup2(fileno(s->files[i]), i + 1);
    }
}

static void release(struct streams *s, char text[2][4096])
{
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(s->saved[i], i + 1);
        close(s->saved[i]);
        rewind(s->files[i]);
        text[i][fread(text[i], 1, sizeof(text[i]) - 1, s->files[i])] = '\0';
        fclose(s->files[i]);
    }
}

static void assert_shown(const char *got, const char *wanted)
{
    if (wanted[0] != '*')
        assert_string_equal(got, wanted);
    else if (strstr(got, wanted + 1) == NULL)
        fail_msg("'%s' is not in '%s'", wanted + 1, got);
}

static void main_case(void **state)
{
    const struct main_row *row = *state;
    char *argv[WORDS_MAX];
    char text[2][4096];
    struct streams s;
    char copy[200];
    int argc = split(copy, row->line, argv);

    catch (&s);
    int status = option_main(argc, argv, argv[0], "1.2.3", "The intro.", row->commands);
    release(&s, text);
    assert_int_equal(status, row->status);
    assert_shown(text[0], row->out);
    assert_shown(text[1], row->err);
}

static void lost_output_is_a_failure(void **state)
{
    char program[] = "sign";
    char version[] = "--version";
    char one[] = "one";
    char *ask[] = { program, version, NULL };
    char *run[] = { program, one, NULL };
    char text[2][4096];
    struct streams s;

    (void)state;
    catch (&s);
    FILE *full = fopen("/dev/full", "w");
    dup2(fileno(full), STDOUT_FILENO);
    int asked = option_main(2, ask, "sign", "1", "", with_main);
    clearerr(stdout);
    int ran = option_main(2, run, "sign", "1", "", with_main);
    clearerr(stdout);
    fclose(full);
    release(&s, text);
    assert_int_equal(asked, 3);
    assert_int_equal(ran, 1); /* what the command found stays */
    assert_shown(text[1], "*standard output cannot be written");
}

static void help_lists_every_option(void **state)
{
    static const struct command command = { "one", "The first one.", "IMAGE", "Details.", run_one };
    struct option table[10];
    struct values v = { 0 };
    char text[4096];

    (void)state;
    make_table(table, &v);
    FILE *to = tmpfile();
    assert_non_null(to);
    option_help(to, "sign", &command, table);
    rewind(to);
    text[fread(text, 1, sizeof(text) - 1, to)] = '\0';
    fclose(to);
    assert_string_equal(text, "The first one.\n"
                              "\n"
                              "Usage: sign one IMAGE\n"
                              "\n"
                              "Details.\n"
                              "\n"
                              "Options:\n"
                              "  -r, --recursive              Sign the children too.\n"
                              "  -k, --key KEY                Key to sign with.\n"
                              "      --threads N              Workers.\n"
                              "  -t, --timeout TIME           Give up after this time.\n"
                              "      --size SIZE              Ceiling.\n"
                              "  -a, --annotations KEY=VALUE  Add an annotation.\n"
                              "  -h, --host-with-a-long-name-indeed HOST\n"
                              "                               Host to ask.\n"
                              "      --help                   print this help\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_at_the_ceiling),
        cmocka_unit_test(lost_output_is_a_failure),
        cmocka_unit_test(help_lists_every_option),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(rows, parse_case);
    failed += RUN_ROWS(main_rows, main_case);
    return failed != 0;
}
