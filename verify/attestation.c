#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_pointer.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/platforms.h"
#include "evidence/dsse.h"
#include "evidence/predicate.h"
#include "verify/commands.h"
#include "verify/print.h"
#include "verify/run.h"

/* verify attestation IMAGE... --type T --key K: print the statements that are verified. */

enum output { OUTPUT_ENVELOPE, OUTPUT_STATEMENT };

struct options {
    struct run_options run;
    struct option_list checks;
    const char *type;
    const char *output;
    size_t max_statement;
};

/* Results as they come, in order. */
struct printer {
    struct run *run;
    enum output output;
};

/* The envelope as `cosign verify-attestation` prints it, whichever layout it came from. */
static int print_envelope(const struct fact *fact, struct err *err)
{
    fputs("{\"payload\":\"", stdout);
    if (print_base64(stdout, fact->payload, err) != 0)
        return -1;
    fputs("\",\"payloadType\":\"" TYPE_IN_TOTO "\",\"signatures\":[{\"sig\":\"", stdout);
    if (print_base64(stdout, fact->signature, err) != 0)
        return -1;
    puts("\"}]}");
    return 0;
}

/* Is it one of the statements that the verdict stands on? */
/* NOLINTNEXTLINE(misc-no-recursion): the loader bounds the depth of a tree by YAML_DEPTH_MAX */
static bool proves(const struct finding *node, const struct policy *policy,
                   const struct question *question, const struct fact *fact)
{
    if (node->proof == PROVEN && node->require->kind == REQUIRE_ATTESTED &&
        requirement_fits(node->require, policy, question, fact))
        return true;
    for (size_t i = 0; i < node->require->n && node->children != NULL; i++)
        if (proves(&node->children[i], policy, question, fact))
            return true;
    return false;
}

static void print_set(struct printer *p, const struct image_result *result,
                      const struct fact_set *facts, size_t *n)
{
    const struct question question = { result->asked->reference, result->asked->namespace,
                                       result->now };

    for (size_t i = 0; i < facts->n; i++) {
        const struct fact *fact = &facts->facts[i];
        if (!proves(result->judgement.root, p->run->engine.policy, &question, fact))
            continue;
        ++*n;
        if (p->output == OUTPUT_STATEMENT)
            print_json_line(stdout, fact->statement);
        else if (print_envelope(fact, &p->run->tally.err) != 0)
            return;
    }
}

/* How many were printed. */
static size_t print_facts(struct printer *p, const struct image_result *result)
{
    size_t n = 0;

    if (result->judgement.root == NULL)
        return 0;
    print_set(p, result, &result->lookup.facts, &n);
    for (size_t i = 0; result->lookup.platforms != NULL && i < result->lookup.platforms->n; i++)
        print_set(p, result, &result->lookup.platforms->facts[i], &n);
    return n;
}

/* The verdict goes to standard error: standard output holds statements and nothing else. */
static void on_result(void *context, const struct image_result *result)
{
    struct printer *p = context;
    struct tally *tally = &p->run->tally;
    struct buf CLEANUP(buf_clear) line = BUF_INIT(64 * KIB);
    const bool allowed = result->judgement.verdict == VERDICT_ALLOW;

    tally_count(tally, &result->judgement);
    if (report_image(&line, &p->run->report, result, &tally->err) != 0)
        return;
    line.data[--line.len] = 0; /* the line's end is the log's to write */
    if (allowed && print_facts(p, result) == 0) {
        tally->denied++; /* that there is no statement is a failure */
        log_error("%s; but no attestation was asked for", buf_text(&line));
    } else if (allowed)
        log_info("%s", buf_text(&line));
    else
        log_error("%s", buf_text(&line));
}

struct inputs {
    struct arena arena;
    struct reference *images;
    struct image_question *questions;
    size_t n;
    struct predicate_type type;
    struct policy_check check;
    struct policy *made; /* of --key */
};

static void inputs_clear(struct inputs *in)
{
    free(in->questions);
    common_images_free(in->images, in->n);
    policy_free(in->made);
    arena_clear(&in->arena);
}

/* "POINTER=VALUE": a pointer may hold "=" nowhere but in a member's name, which no format here has.
 */
static int parse_check(struct check *out, const char *text, struct arena *arena, struct err *err)
{
    const char *equals = strchr(text, '=');
    struct literal *literal = arena_new(arena, 1, sizeof(*literal), err);

    if (literal == NULL)
        return -1;

    if (equals == NULL)
        return err_set(err, ERR_USAGE, "--check: '%s' is not POINTER=VALUE", text);
    const struct bytes pointer = { (const uint8_t *)text, (size_t)(equals - text) };
    if (json_pointer_check(pointer, err) != 0) {
        err->code = ERR_USAGE;
        return err_wrap(err, "--check: '%s'", text);
    }
    *literal = (struct literal) { .kind = JSON_ABSENT, .text = equals + 1 };
    *out = (struct check) { .at = arena_text(arena, pointer, err), .literals = literal, .n = 1 };
    return out->at == NULL ? -1 : 0;
}

static int parse_checks(struct inputs *in, const struct option_list *list, struct err *err)
{
    struct check *lines;

    in->check = (struct policy_check) {
        .name = "--check", .type = in->type.uri, .statements = CHECK_ANY, .n = list->n
    };
    if (list->n == 0)
        return 0;
    lines = arena_new(&in->arena, list->n, sizeof(*lines), err);
    if (lines == NULL)
        return -1;
    for (size_t i = 0; i < list->n; i++)
        if (parse_check(&lines[i], list->values[i], &in->arena, err) != 0)
            return -1;
    in->check.lines = lines;
    return 0;
}

static int output_parse(enum output *out, const char *name, struct err *err)
{
    *out = OUTPUT_ENVELOPE;
    if (name == NULL || strcmp(name, "json") == 0)
        return 0;
    *out = OUTPUT_STATEMENT;
    if (strcmp(name, "statement") == 0)
        return 0;
    return err_set(err, ERR_USAGE, "--output: '%s' is neither json nor statement", name);
}

/* What the command line says of statements, or that a policy says it. */
static int inputs_read(struct inputs *in, const struct options *o, int argc, char **argv,
                       struct err *err)
{
    if (o->run.policy != NULL && (o->type != NULL || o->checks.n > 0))
        return err_set(err, ERR_USAGE, "--type and --check go with --key: a policy tells its own");
    if (o->run.policy == NULL && o->type == NULL)
        return err_set(err, ERR_USAGE,
                       "--type TYPE says which statements count (cosign's default is custom)");
    if (o->type != NULL && (predicate_type_find(&in->type, o->type, err) != 0 ||
                            parse_checks(in, &o->checks, err) != 0))
        return -1;
    return common_images(&in->images, &in->n, argc, argv, err);
}

/* The rule of --key is about statements here. */
static int use_statements(struct run *run, struct inputs *in, struct err *err)
{
    if (policy_for_statements(&in->made, run->engine.keys, run->engine.n_keys, &in->check, err) !=
        0)
        return -1;
    run->engine.policy = in->made;
    run->report.policy = in->made;
    return 0;
}

static int verify(struct options *o, int argc, char **argv, struct err *err)
{
    struct inputs CLEANUP(inputs_clear) in = { .arena = ARENA_INIT(MIB) };
    struct run CLEANUP(run_clear) run = { .file = { .findings = POLICY_FINDINGS_INIT } };
    struct printer printer = { .run = &run };

    if (output_parse(&printer.output, o->output, err) != 0 ||
        inputs_read(&in, o, argc, argv, err) != 0 || run_start(&run, &o->run, err) != 0 ||
        (o->run.policy == NULL && use_statements(&run, &in, err) != 0) ||
        image_questions(&in.questions, in.images, in.n, o->run.namespace, err) != 0 ||
        run_check_namespaces(&run, in.questions, in.n, err) != 0)
        return -1;
    run.engine.workers = 1; /* statements are large: one image's at a time */
    run.engine.max_statement = o->max_statement;
    if (engine_judge_all(&run.engine, in.questions, in.n, on_result, &printer, err) != 0)
        return -1;
    return tally_exit(&run.tally, err);
}

static int run_attestation(int argc, char **argv, struct err *err)
{
    struct options o = { .run = RUN_OPTIONS_INIT, .max_statement = BUNDLE_STATEMENT_MAX };
    const struct option table[] = {
        { "key", 'k', OPTION_LIST, &o.run.keys, "KEY",
          "public key: file, - (standard input) or env://NAME; of several any one counts" },
        { "type", 0, OPTION_TEXT, &o.type, "TYPE",
          "with --key: predicate type that counts, by name or URI" },
        { "check", 0, OPTION_LIST, &o.checks, "POINTER=VALUE",
          "with --key: what must stand at a JSON pointer of the statement; may be repeated" },
        { "policy", 0, OPTION_TEXT, &o.run.policy, "FILE",
          "policy that judges; statements that prove its rule are printed" },
        { "namespace", 'n', OPTION_TEXT, &o.run.namespace, "NAME",
          "with --policy: namespace of the images" },
        { "strict", 0, OPTION_FLAG, &o.run.strict, NULL,
          "modes warn and audit do not soften the exit status" },
        { "output", 'o', OPTION_TEXT, &o.output, "FORMAT",
          "json (default: the envelope, as cosign prints it) or statement" },
        { "max-statement-size", 0, OPTION_SIZE, &o.max_statement, "SIZE",
          "largest bundle or envelope that is read (default 128MiB)" },
        { "check-claims", 0, OPTION_FLAG, &o.run.check_claims, NULL, NULL },
        { "insecure-ignore-tlog", 0, OPTION_FLAG, &o.run.ignore_log, NULL, NULL },
        { "private-infrastructure", 0, OPTION_FLAG, &o.run.ignore_log, NULL, NULL },
        COMMON_OPTIONS(&o.run.common),
        KEYLESS_OPTIONS,
        { 0 },
    };
    int first;
    bool help;

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "verify", &verify_attestation_command, table);
    else if (done == 0)
        done = verify(&o, argc - first, argv + first, err);
    common_clear(&o.run.common);
    option_lists_free(table);
    return done;
}

const struct command verify_attestation_command = {
    .name = "attestation",
    .summary = "print the attestations of an image that are verified",
    .usage = "IMAGE... (--type TYPE --key KEY [--check POINTER=VALUE] | --policy FILE)",
    .details =
        "TYPE is slsaprovenance (or ...02), slsaprovenance1, spdx, spdxjson, cyclonedx, "
        "link, vuln,\n"
        "openvex, custom, or a URI.\n"
        "Verified statements go to standard output, one JSON object a line; that there is "
        "none is a failure.\n"
        "Exit status: 0 every image has one, 1 one has none, 2 the command line, a policy or a "
        "key is wrong, 3 it\n"
        "could not be found out.",
    .run = run_attestation,
};
