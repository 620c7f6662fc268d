#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_pointer.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/common.h"
#include "engine/places.h"
#include "evidence/dsse.h"
#include "evidence/predicate.h"
#include "verify/commands.h"
#include "verify/print.h"
#include "verify/report.h"

/* verify attestation IMAGE... --type T --key K: print the statements that are verified. */

enum output { OUTPUT_ENVELOPE, OUTPUT_STATEMENT };

struct options {
    struct common common;
    struct option_list keys;
    struct option_list checks;
    const char *type;
    const char *output;
    size_t max_statement;
    bool check_claims;
    bool ignore_log;
};

/* Results as they come, in order. */
struct printer {
    struct report report;
    struct tally tally;
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

static void print_facts(struct printer *t, const struct image_result *result)
{
    for (size_t i = 0; i < result->facts.n; i++) {
        const struct fact *fact = &result->facts.facts[i];
        if (!requirement_fits(&t->report.rule->require, fact))
            continue;
        if (t->output == OUTPUT_STATEMENT)
            print_json_line(stdout, fact->statement);
        else if (print_envelope(fact, &t->tally.err) != 0)
            return;
    }
}

/* The verdict goes to standard error: standard output holds statements and nothing else. */
static void on_result(void *context, const struct image_result *result)
{
    struct printer *t = context;
    struct buf CLEANUP(buf_clear) line = BUF_INIT(64 * KIB);
    const enum verdict verdict = result->judgement.verdict;

    tally_count(&t->tally, verdict);
    if (verdict == VERDICT_ALLOW)
        print_facts(t, result);
    if (report_image(&line, &t->report, result, &t->tally.err) != 0)
        return;
    line.data[--line.len] = 0; /* the line's end is the log's to write */
    if (verdict == VERDICT_ALLOW)
        log_info("%s", buf_text(&line));
    else
        log_error("%s", buf_text(&line));
}

struct inputs {
    struct arena arena;
    struct reference *images;
    size_t n;
    struct public_key **keys;
    size_t n_keys;
    struct predicate_type type;
    struct check *checks;
    struct policy *policy;
};

static void inputs_clear(struct inputs *in)
{
    common_images_free(in->images, in->n);
    common_public_keys_free(in->keys, in->n_keys);
    policy_free(in->policy);
    arena_clear(&in->arena);
}

/* "POINTER=VALUE": a pointer may hold "=" nowhere but in a member's name, which no format here has.
 */
static int parse_check(struct check *out, const char *text, struct arena *arena, struct err *err)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL)
        return err_set(err, ERR_USAGE, "--check: '%s' is not POINTER=VALUE", text);
    const struct bytes pointer = { (const uint8_t *)text, (size_t)(equals - text) };
    if (json_pointer_check(pointer, err) != 0) {
        err->code = ERR_USAGE;
        return err_wrap(err, "--check: '%s'", text);
    }
    out->at = arena_text(arena, pointer, err);
    out->is = equals + 1;
    return out->at == NULL ? -1 : 0;
}

static int parse_checks(struct inputs *in, const struct option_list *list, struct err *err)
{
    if (list->n == 0)
        return 0;
    in->checks = arena_new(&in->arena, list->n, sizeof(*in->checks), err);
    if (in->checks == NULL)
        return -1;
    for (size_t i = 0; i < list->n; i++)
        if (parse_check(&in->checks[i], list->values[i], &in->arena, err) != 0)
            return -1;
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

static int check_options(const struct options *o, struct err *err)
{
    if (o->type == NULL)
        return err_set(err, ERR_USAGE,
                       "--type TYPE says which statements count (cosign's default is custom)");
    if (!o->check_claims)
        return err_set(err, ERR_USAGE,
                       "--check-claims=false: a statement about another image proves nothing");
    if (!o->ignore_log)
        return err_set(
            err, ERR_USAGE,
            "transparency logs are not supported yet: a key alone is asked for its word");
    return 0;
}

static int inputs_read(struct inputs *in, const struct options *o, int argc, char **argv,
                       struct err *err)
{
    if (check_options(o, err) != 0 || predicate_type_find(&in->type, o->type, err) != 0 ||
        parse_checks(in, &o->checks, err) != 0 || places_check(err) != 0 ||
        common_images(&in->images, &in->n, argc, argv, err) != 0 ||
        common_public_keys(&in->keys, &in->n_keys, &o->keys, err) != 0)
        return -1;
    const struct policy_statement statement = { in->type.uri, in->checks, o->checks.n };
    return policy_for_statements(&in->policy, (const struct public_key *const *)in->keys,
                                 in->n_keys, &statement, err);
}

static int verify(struct options *o, int argc, char **argv, struct err *err)
{
    struct inputs CLEANUP(inputs_clear) in = { .arena = ARENA_INIT(MIB) };
    struct printer printer = { .tally = TALLY_INIT };
    struct selection selection;

    if (output_parse(&printer.output, o->output, err) != 0 ||
        inputs_read(&in, o, argc, argv, err) != 0 || common_start(&o->common, "verify", err) != 0)
        return -1;
    policy_select(&selection, in.policy, &in.images[0]);
    printer.report.rule = selection.rule;
    printer.report.key_names = o->keys.values;
    printer.report.keys = (const struct public_key *const *)in.keys;
    printer.report.n_keys = in.n_keys;
    const struct engine_options engine = {
        .policy = in.policy,
        .registries = o->common.registries,
        .keys = (const struct public_key *const *)in.keys,
        .n_keys = in.n_keys,
        .timeout_ms = o->common.timeout_ms,
        .workers = 1, /* statements are large: one image's at a time */
        .max_statement = o->max_statement,
    };
    if (engine_judge_all(&engine, in.images, in.n, on_result, &printer, err) != 0)
        return -1;
    return tally_exit(&printer.tally, err);
}

static int run_attestation(int argc, char **argv, struct err *err)
{
    struct options o = { .common = COMMON_INIT,
                         .check_claims = true,
                         .ignore_log = true,
                         .max_statement = BUNDLE_STATEMENT_MAX };
    const struct option table[] = {
        { "key", 'k', OPTION_LIST, &o.keys, "KEY",
          "public key: file, - (standard input) or env://NAME; of several any one counts" },
        { "type", 0, OPTION_TEXT, &o.type, "TYPE", "predicate type that counts, by name or URI" },
        { "check", 0, OPTION_LIST, &o.checks, "POINTER=VALUE",
          "what must stand at a JSON pointer of the statement; may be repeated" },
        { "output", 'o', OPTION_TEXT, &o.output, "FORMAT",
          "json (default: the envelope, as cosign prints it) or statement" },
        { "max-statement-size", 0, OPTION_SIZE, &o.max_statement, "SIZE",
          "largest bundle or envelope that is read (default 128MiB)" },
        { "check-claims", 0, OPTION_FLAG, &o.check_claims, NULL, NULL },
        { "insecure-ignore-tlog", 0, OPTION_FLAG, &o.ignore_log, NULL, NULL },
        { "private-infrastructure", 0, OPTION_FLAG, &o.ignore_log, NULL, NULL },
        { "policy", 0, OPTION_REFUSED, NULL, "FILE",
          "policy files are not supported yet: use --key and --check" },
        COMMON_OPTIONS(&o.common),
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
    common_clear(&o.common);
    option_lists_free(table);
    return done;
}

const struct command verify_attestation_command = {
    .name = "attestation",
    .summary = "print the attestations of an image that are verified",
    .usage = "IMAGE... --type TYPE --key KEY [--check POINTER=VALUE]",
    .details = "TYPE is slsaprovenance (or ...02), slsaprovenance1, spdx, spdxjson, cyclonedx, "
               "link, vuln, "
               "openvex, custom, or a URI.\n"
               "Verified statements go to standard output, one JSON object a line; that there is "
               "none is a failure.\n"
               "Exit status: 0 every image has one, 1 one has none, 2 the command line or a key is "
               "wrong, 3 it could not\n"
               "be found out.",
    .run = run_attestation,
};
