#include "verify/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/places.h"
#include "verify/sarif.h"

#define REPORT_LINE_MAX (4 * MIB)
#define PROGRESS_AFTER_MS 2000
#define PROGRESS_EVERY_MS 200

void run_clear(struct run *run)
{
    common_public_keys_free(run->keys, run->n_keys);
    policy_free(run->made);
    policy_file_clear(&run->file);
    arena_clear(&run->arena);
}

static int check_options(const struct run_options *o, struct err *err)
{
    if ((o->policy != NULL) == (o->keys.n > 0))
        return err_set(err, ERR_USAGE, "say what judges: --policy FILE or --key KEY");
    if (o->policy != NULL && o->annotations.n > 0)
        return err_set(err, ERR_USAGE, "--annotations goes with --key: a policy tells its own");
    if (o->policy == NULL && o->namespace != NULL)
        return err_set(err, ERR_USAGE, "--namespace goes with --policy");
    if (!o->check_claims)
        return err_set(err, ERR_USAGE,
                       "--check-claims=false: a signature of another image proves nothing");
    if (!o->ignore_log)
        return err_set(
            err, ERR_USAGE,
            "transparency logs are not supported yet: a key alone is asked for its word");
    return 0;
}

static int use_keys(struct run *run, struct err *err)
{
    const struct run_options *o = run->options;
    struct annotation *annotations;
    size_t n;

    if (common_annotations(&annotations, &n, &o->annotations, &run->arena, err) != 0 ||
        common_public_keys(&run->keys, &run->n_keys, &o->keys, err) != 0)
        return -1;
    run->engine.keys = (const struct public_key *const *)run->keys;
    run->engine.n_keys = run->n_keys;
    run->report.key_names = o->keys.values;
    run->report.keys = run->engine.keys;
    run->report.n_keys = run->n_keys;
    if (policy_for_keys(&run->made, run->engine.keys, run->n_keys, annotations, n, err) != 0)
        return -1;
    run->engine.policy = run->made;
    return 0;
}

/* Every finding is told; the first error is the command's. */
static void tell_findings(const struct policy_findings *findings, const char *file)
{
    bool first = true;

    for (size_t i = 0; i < findings->n; i++) {
        const struct policy_finding *f = &findings->items[i];
        if (f->level == FINDING_WARNING)
            log_warn("%s:%d:%d: %s: %s", file, f->line, f->column, f->path, f->text);
        else if (!first)
            log_error("%s:%d:%d: %s: %s", file, f->line, f->column, f->path, f->text);
        first = first && f->level == FINDING_WARNING;
    }
}

static int use_policy(struct run *run, struct err *err)
{
    const int read = policy_file_read(&run->file, run->options->policy, err);

    tell_findings(&run->file.findings, run->options->policy);
    if (read != 0)
        return -1;
    run->engine.policy = run->file.policy;
    run->engine.keys = (const struct public_key *const *)run->file.keys.keys;
    run->engine.n_keys = run->file.keys.n;
    return 0;
}

int run_start(struct run *out, struct run_options *options, struct err *err)
{
    *out = (struct run) {
        .options = options,
        .arena = ARENA_INIT(MIB),
        .file = { .findings = POLICY_FINDINGS_INIT },
        .tally = TALLY_INIT,
    };
    out->tally.strict = options->strict;
    if (report_format_parse(&out->report.format, options->output, err) != 0 ||
        check_options(options, err) != 0 || places_check(err) != 0)
        return -1;
    if ((options->policy == NULL ? use_keys(out, err) : 0) != 0 ||
        common_start(&options->common, "verify", err) != 0 ||
        (options->policy != NULL ? use_policy(out, err) : 0) != 0)
        return -1;
    out->report.policy = out->engine.policy;
    out->engine.registries = options->common.registries;
    out->engine.timeout_ms = options->common.timeout_ms;
    out->engine.workers = (int)options->workers;
    return 0;
}

/* A rule of namespaces cannot be judged without one: guessing either way may be wrong. */
int run_check_namespaces(const struct run *run, const struct image_question *images, size_t n,
                         struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);
        if (images[i].namespace != NULL ||
            !policy_needs_namespace(run->engine.policy, images[i].reference))
            continue;
        reference_format(&name, images[i].reference);
        return err_set(err, ERR_USAGE,
                       "%s: a rule with namespaces could match it: --namespace NAME says its own",
                       buf_text(&name));
    }
    return 0;
}

/* Results as they come, in order. */
struct progress {
    struct run *run;
    const struct run_place *places;
    size_t n;
    int64_t started, shown;
};

static void show_progress(struct progress *p)
{
    const size_t done = p->run->tally.done;
    const int64_t now = clock_millis();

    if (p->n < 2 || now - p->started < PROGRESS_AFTER_MS || now - p->shown < PROGRESS_EVERY_MS ||
        !isatty(2))
        return;
    p->shown = now;
    fprintf(stderr, "\r%zu of %zu images%s", done, p->n, done == p->n ? "\n" : "");
}

static void add_place(struct buf *out, const struct run_place *place)
{
    if (place != NULL && place->file != NULL)
        buf_addf(out, "%s:%d: ", place->file, place->line);
}

static void on_result(void *context, const struct image_result *result)
{
    struct progress *p = context;
    struct run *run = p->run;
    struct buf CLEANUP(buf_clear) line = BUF_INIT(REPORT_LINE_MAX);
    const struct run_place *place = p->places == NULL ? NULL : &p->places[run->tally.done];
    int made;

    if (run->report.format == REPORT_TEXT)
        add_place(&line, place);
    if (run->report.format == REPORT_SARIF)
        made =
            sarif_result(&line, &run->report, result, place, run->tally.done == 0, &run->tally.err);
    else
        made = report_image(&line, &run->report, result, &run->tally.err);
    tally_count(&run->tally, &result->judgement);
    if (made == 0)
        fputs(buf_text(&line), stdout);
    show_progress(p);
}

int run_images(struct run *run, const struct image_question *images, const struct run_place *places,
               size_t n, struct err *err)
{
    struct progress progress = { run, places, n, clock_millis(), 0 };

    if (run_check_namespaces(run, images, n, err) != 0)
        return -1;
    if (run->report.format == REPORT_SARIF)
        sarif_begin(stdout);
    const int judged = engine_judge_all(&run->engine, images, n, on_result, &progress, err);
    if (run->report.format == REPORT_SARIF)
        sarif_end(stdout);
    return judged == 0 ? tally_exit(&run->tally, err) : -1;
}
