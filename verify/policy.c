#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "engine/policy_file.h"
#include "policy/lint.h"
#include "verify/commands.h"
#include "verify/explain.h"
#include "verify/policy_test.h"
#include "verify/run.h"

/* verify policy lint|explain|test: what is wrong with a policy, what it says of an image and why,
 * and whether it says what it should. */

#define PROGRAM "verify policy"
#define EXPLANATION_MAX (64 * MIB)
#define LINE_MAX_BYTES (64 * KIB)
static int json_wanted(bool *out, const char *format, struct err *err)
{
    enum report_format parsed;

    *out = false;
    if (report_format_parse(&parsed, format, err) != 0 || parsed == REPORT_SARIF)
        return err_set(err, ERR_USAGE, "--output: '%s' is neither text nor json", format);
    *out = parsed == REPORT_JSON;
    return 0;
}

/* What is done with each of the files: the exit status of one, or -1. */
typedef int file_work(void *context, const char *path, struct err *err);

/* The worst of all files; one that is wrong does not hide what is to be said of the others. */
static int each_file(int argc, char **argv, file_work *work, void *context, struct err *err)
{
    int worst = 0;

    if (argc < 1)
        return err_set(err, ERR_USAGE, "no file is named");
    log_setup(LOG_INFO, LOG_TEXT, PROGRAM);
    for (int i = 0; i < argc; i++) {
        struct err why = ERR_INIT;
        int status = work(context, argv[i], &why);
        if (status < 0) {
            log_error("%s", err_text(&why));
            status = err_exit(why.code);
        }
        worst = status > worst ? status : worst;
    }
    return worst;
}

/* --- lint --- */

struct lint {
    int64_t now;
    bool json;
};

static const char *level_name(enum finding_level level)
{
    return level == FINDING_ERROR ? "error" : "warning";
}

static void finding_text(struct buf *out, const char *file, const struct policy_finding *f)
{
    text_escape(out, bytes_text(file), REFERENCE_MAX);
    if (f->line > 0)
        buf_addf(out, ":%d:%d", f->line, f->column);
    buf_addf(out, ": %s: %s%s%s\n", level_name(f->level), f->path, f->path[0] == '\0' ? "" : ": ",
             f->text);
}

static void finding_json(struct buf *out, const char *file, const struct policy_finding *f)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);

    text_escape(&name, bytes_text(file), REFERENCE_MAX);
    buf_add_text(out, "{\"file\":");
    text_json(out, buf_bytes(&name));
    buf_addf(out, ",\"line\":%d,\"column\":%d,\"level\":\"%s\",\"path\":", f->line, f->column,
             level_name(f->level));
    text_json(out, bytes_text(f->path));
    buf_add_text(out, ",\"text\":");
    text_json(out, bytes_text(f->text));
    buf_add_text(out, "}\n");
}

static int print_findings(const struct lint *lint, const char *path,
                          const struct policy_findings *findings, struct err *err)
{
    for (size_t i = 0; i < findings->n; i++) {
        struct buf CLEANUP(buf_clear) line = BUF_INIT(LINE_MAX_BYTES);
        if (lint->json)
            finding_json(&line, path, &findings->items[i]);
        else
            finding_text(&line, path, &findings->items[i]);
        if (buf_check(&line, "finding", err) != 0)
            return -1;
        fputs(buf_text(&line), stdout);
    }
    return 0;
}

static int lint_file(void *context, const char *path, struct err *err)
{
    struct policy_file CLEANUP(policy_file_clear) file = { .findings = POLICY_FINDINGS_INIT };
    const struct lint *lint = context;
    struct err why = ERR_INIT;
    int done = policy_file_read(&file, path, &why);

    if (done == 0)
        done = policy_lint(&file.findings, file.policy, lint->now, &why);
    if (print_findings(lint, path, &file.findings, err) != 0)
        return -1;
    if (file.findings.errors > 0)
        return err_exit(ERR_CONFIG); /* all is said */
    if (done == 0)
        return 0;
    *err = why;
    return -1;
}

static int lint(const char *at, const char *output, int argc, char **argv, struct err *err)
{
    struct lint lint = { .now = clock_seconds() };

    if (json_wanted(&lint.json, output, err) != 0)
        return -1;
    if (at != NULL && time_parse(&lint.now, bytes_text(at), NULL) != 0)
        return err_set(err, ERR_USAGE, "--at: '%s' is not a time as 2026-11-01T00:00:00Z", at);
    return each_file(argc, argv, lint_file, &lint, err);
}

static const struct command lint_command;

static int run_lint(int argc, char **argv, struct err *err)
{
    const char *at = NULL, *output = NULL;
    const struct option table[] = {
        { "at", 0, OPTION_TEXT, &at, "TIME", "judge by this time (RFC 3339) instead of now" },
        { "output", 'o', OPTION_TEXT, &output, "FORMAT", "text (default) or json" },
        { 0 },
    };
    int first;
    bool help;

    if (option_parse(argc, argv, table, &first, &help, err) != 0)
        return -1;
    if (help) {
        option_help(stdout, PROGRAM, &lint_command, table);
        return 0;
    }
    return lint(at, output, argc - first, argv + first, err);
}

static const struct command lint_command = {
    .name = "lint",
    .summary = "say what is wrong with a policy, and what is weak",
    .usage = "FILE... [--at TIME] [--output text|json]",
    .details = "Findings go to standard output, in the file's order: FILE:LINE:COLUMN: "
               "error|warning: PATH: TEXT.\n"
               "Exit status: 0 no errors, 2 errors, 3 a file or a key could not be read.",
    .run = run_lint,
};

/* --- explain --- */

static int print_explanation(struct run *run, const struct image_question *question,
                             struct err *err)
{
    struct image_result CLEANUP(image_result_clear) result = { .judgement = JUDGEMENT_INIT };
    struct buf CLEANUP(buf_clear) text = BUF_INIT(EXPLANATION_MAX);

    lookup_init(&result.lookup);
    if (run_check_namespaces(run, question, 1, err) != 0)
        return -1;
    engine_judge(&result, &run->engine, question);
    if (explain_image(&text, run->engine.policy, &result, err) != 0)
        return -1;
    fputs(buf_text(&text), stdout);
    tally_count(&run->tally, &result.judgement);
    return tally_exit(&run->tally, err);
}

static int explain(struct run_options *o, int argc, char **argv, struct err *err)
{
    struct reference CLEANUP(reference_clear) image = { .host = NULL };
    struct run CLEANUP(run_clear) run = { .file = { .findings = POLICY_FINDINGS_INIT } };

    if (argc != 1)
        return err_set(err, ERR_USAGE, "one image is explained");
    if (o->policy == NULL)
        return err_set(err, ERR_USAGE, "--policy FILE says what judges it");
    if (reference_parse(&image, bytes_text(argv[0]), err) != 0 || run_start(&run, o, err) != 0)
        return -1;
    const struct image_question question = { &image, o->namespace };
    return print_explanation(&run, &question, err);
}

static const struct command explain_command;

static int run_explain(int argc, char **argv, struct err *err)
{
    struct run_options o = RUN_OPTIONS_INIT;
    const struct option table[] = {
        { "policy", 0, OPTION_TEXT, &o.policy, "FILE", "policy that judges" },
        { "namespace", 'n', OPTION_TEXT, &o.namespace, "NAME", "namespace of the image" },
        { "strict", 0, OPTION_FLAG, &o.strict, NULL,
          "modes warn and audit do not soften the exit status" },
        COMMON_OPTIONS(&o.common),
        { 0 },
    };
    int first;
    bool help;

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, PROGRAM, &explain_command, table);
    else if (done == 0)
        done = explain(&o, argc - first, argv + first, err);
    common_clear(&o.common);
    return done;
}

static const struct command explain_command = {
    .name = "explain",
    .summary = "show what a policy says of an image, and all that led to it",
    .usage = "IMAGE --policy FILE [--namespace NAME]",
    .details = "The rule that was selected, what was looked for and found, and what came of each "
               "demand.\n"
               "Exit status: that of verify IMAGE.",
    .run = run_explain,
};

/* --- test --- */

struct tests {
    const char *policy;
    bool json;
    int64_t now;
    struct registries *registries;
    size_t passed, failed;
};

static void tests_clear(struct tests *tests)
{
    registries_free(tests->registries);
}

static int test_case(struct tests *tests, const struct policy_test *test, const struct test_case *c,
                     struct err *err)
{
    struct image_result CLEANUP(image_result_clear) result = { .judgement = JUDGEMENT_INIT };
    struct buf CLEANUP(buf_clear) line = BUF_INIT(LINE_MAX_BYTES);

    lookup_init(&result.lookup);
    if (policy_test_judge(&result, test, c, tests->registries, err) != 0)
        return -1;
    if (tests->json)
        policy_test_json(&line, test, c, &result.judgement);
    else
        policy_test_text(&line, test, c, &result.judgement);
    if (buf_check(&line, "result", err) != 0)
        return -1;
    fputs(buf_text(&line), stdout);
    if (policy_test_passed(c, &result.judgement))
        tests->passed++;
    else
        tests->failed++;
    return 0;
}

static int test_file(void *context, const char *path, struct err *err)
{
    struct policy_test CLEANUP(policy_test_clear) test = { .file = path };
    struct tests *tests = context;
    const struct policy_test_source source = { path, tests->policy, tests->now };
    const size_t failed = tests->failed;

    if (policy_test_read(&test, &source, err) != 0)
        return -1;
    for (size_t i = 0; i < test.n; i++)
        if (test_case(tests, &test, &test.cases[i], err) != 0)
            return -1;
    return tests->failed > failed ? 1 : 0;
}

static int test(struct tests *tests, const char *output, int argc, char **argv, struct err *err)
{
    static const struct registries_options none = { .user_agent = "bulla" };

    if (json_wanted(&tests->json, output, err) != 0 ||
        registries_new(&tests->registries, &none, err) != 0)
        return -1;
    /* A test looks at nothing but what its file names. */
    unsetenv("COSIGN_REPOSITORY");
    const int status = each_file(argc, argv, test_file, tests, err);
    if (status >= 0 && !tests->json)
        printf("%zu passed, %zu failed\n", tests->passed, tests->failed);
    return status;
}

static const struct command test_command;

static int run_test(int argc, char **argv, struct err *err)
{
    struct tests CLEANUP(tests_clear) tests = { .now = clock_seconds() };
    const char *output = NULL;
    const struct option table[] = {
        { "policy", 0, OPTION_TEXT, &tests.policy, "FILE",
          "test this policy instead of the one that each file names" },
        { "output", 'o', OPTION_TEXT, &output, "FORMAT", "text (default) or json" },
        { 0 },
    };
    int first;
    bool help;

    if (option_parse(argc, argv, table, &first, &help, err) != 0)
        return -1;
    if (help) {
        option_help(stdout, PROGRAM, &test_command, table);
        return 0;
    }
    return test(&tests, output, argc - first, argv + first, err);
}

static const struct command test_command = {
    .name = "test",
    .summary = "run cases that say what a policy should say",
    .usage = "FILE... [--policy FILE] [--output text|json]",
    .details = "Each case names an image, what is known of it, and the verdict that is expected. "
               "Nothing is asked of\n"
               "a registry.\n"
               "Exit status: 0 every case passed, 1 one failed, 2 a file is wrong, 3 it could not "
               "be read.",
    .run = run_test,
};

/* --- All three --- */

static int run_policy(int argc, char **argv, struct err *err)
{
    const struct command commands[] = { lint_command, explain_command, test_command, { 0 } };

    (void)err;
    return option_main(argc, argv, PROGRAM, VERSION_TEXT, "verify policy looks after policy files.",
                       commands);
}

const struct command verify_policy_command = {
    .name = "policy",
    .summary = "lint, explain and test policy files",
    .usage = "lint|explain|test ...",
    .run = run_policy,
};
