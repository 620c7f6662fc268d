#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/common.h"
#include "engine/places.h"
#include "verify/commands.h"
#include "verify/report.h"

/* verify IMAGE... --key K: judge images by a rule that is made of the command line. */

#define REPORT_LINE_MAX (4 * MIB)
#define PROGRESS_AFTER_MS 2000
#define PROGRESS_EVERY_MS 200

struct options {
    struct common common;
    struct option_list keys;
    struct option_list annotations;
    const char *output;
    int64_t workers;
    bool check_claims;
    bool ignore_log;
};

/* Results as they come, in order. */
struct progress {
    struct report report;
    struct tally tally;
    size_t n;
    int64_t started, shown;
};

static void show_progress(struct progress *t)
{
    const int64_t now = clock_millis();

    if (t->n < 2 || now - t->started < PROGRESS_AFTER_MS || now - t->shown < PROGRESS_EVERY_MS ||
        !isatty(2))
        return;
    t->shown = now;
    fprintf(stderr, "\r%zu of %zu images%s", t->tally.done, t->n,
            t->tally.done == t->n ? "\n" : "");
}

static void on_result(void *context, const struct image_result *result)
{
    struct progress *t = context;
    struct buf CLEANUP(buf_clear) line = BUF_INIT(REPORT_LINE_MAX);

    tally_count(&t->tally, result->judgement.verdict);
    if (report_image(&line, &t->report, result, &t->tally.err) == 0)
        fputs(buf_text(&line), stdout);
    show_progress(t);
}

struct inputs {
    struct arena arena;
    struct reference *images;
    size_t n;
    struct public_key **keys;
    size_t n_keys;
    struct policy *policy;
};

static void inputs_clear(struct inputs *in)
{
    common_images_free(in->images, in->n);
    common_public_keys_free(in->keys, in->n_keys);
    policy_free(in->policy);
    arena_clear(&in->arena);
}

static int inputs_read(struct inputs *in, struct options *o, int argc, char **argv, struct err *err)
{
    struct annotation *annotations;
    size_t n;

    if (places_check(err) != 0 ||
        common_annotations(&annotations, &n, &o->annotations, &in->arena, err) != 0 ||
        common_images(&in->images, &in->n, argc, argv, err) != 0 ||
        common_public_keys(&in->keys, &in->n_keys, &o->keys, err) != 0)
        return -1;
    return policy_for_keys(&in->policy, (const struct public_key *const *)in->keys, in->n_keys,
                           annotations, n, err);
}

static int verify(struct options *o, int argc, char **argv, struct err *err)
{
    struct inputs CLEANUP(inputs_clear) in = { .arena = ARENA_INIT(MIB) };
    struct progress progress = { .tally = TALLY_INIT, .started = clock_millis() };
    struct selection selection;

    if (report_format_parse(&progress.report.format, o->output, err) != 0)
        return -1;
    if (!o->check_claims)
        return err_set(err, ERR_USAGE,
                       "--check-claims=false: a signature of another image proves nothing");
    if (!o->ignore_log)
        return err_set(
            err, ERR_USAGE,
            "transparency logs are not supported yet: a key alone is asked for its word");
    if (inputs_read(&in, o, argc, argv, err) != 0 || common_start(&o->common, "verify", err) != 0)
        return -1;
    policy_select(&selection, in.policy, &in.images[0]);
    progress.n = in.n;
    progress.report.rule = selection.rule;
    progress.report.key_names = o->keys.values;
    progress.report.keys = (const struct public_key *const *)in.keys;
    progress.report.n_keys = in.n_keys;
    const struct engine_options engine = {
        .policy = in.policy,
        .registries = o->common.registries,
        .keys = (const struct public_key *const *)in.keys,
        .n_keys = in.n_keys,
        .timeout_ms = o->common.timeout_ms,
        .workers = (int)o->workers,
    };
    if (engine_judge_all(&engine, in.images, in.n, on_result, &progress, err) != 0)
        return -1;
    return tally_exit(&progress.tally, err);
}

static int run_verify(int argc, char **argv, struct err *err)
{
    struct options o = { .common = COMMON_INIT, .check_claims = true, .ignore_log = true };
    const struct option table[] = {
        { "key", 'k', OPTION_LIST, &o.keys, "KEY",
          "public key: file, - (standard input) or env://NAME; of several any one counts" },
        { "annotations", 'a', OPTION_LIST, &o.annotations, "NAME=VALUE",
          "what a signature must claim; may be repeated" },
        { "output", 'o', OPTION_TEXT, &o.output, "FORMAT", "text (default) or json" },
        { "max-workers", 0, OPTION_NUMBER, &o.workers, "N", "images judged at once (default 16)" },
        { "check-claims", 0, OPTION_FLAG, &o.check_claims, NULL, NULL },
        { "insecure-ignore-tlog", 0, OPTION_FLAG, &o.ignore_log, NULL, NULL },
        { "private-infrastructure", 0, OPTION_FLAG, &o.ignore_log, NULL, NULL },
        { "policy", 0, OPTION_REFUSED, NULL, "FILE",
          "policy files are not supported yet: use --key" },
        COMMON_OPTIONS(&o.common),
        KEYLESS_OPTIONS,
        { 0 },
    };
    int first;
    bool help;

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "verify", &verify_image_command, table);
    else if (done == 0)
        done = verify(&o, argc - first, argv + first, err);
    common_clear(&o.common);
    option_lists_free(table);
    return done;
}

const struct command verify_image_command = {
    .name = "",
    .summary = "judge images",
    .usage = "IMAGE... --key KEY",
    .details = "IMAGE is a registry reference or oci:DIR[:TAG|@DIGEST]. Every layout of signatures "
               "is looked for.\n"
               "Exit status: 0 every image is allowed, 1 one is denied, 2 the command line or a "
               "key is wrong, 3 it could\n"
               "not be found out.",
    .run = run_verify,
};
