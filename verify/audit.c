#include "verify/audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "verify/commands.h"

/* verify audit: judge the images of a list, a repository or a registry, each digest once. */

#define BATCH 512 /* images in work: bounds memory */
#define LINE_MAX_BYTES (4 * MIB)
#define ANSWERS_BYTES_MAX (64 * MIB) /* kept for further names of the same digests */

struct item {
    struct audit_image image;
    char *text;              /* canonical reference */
    uint32_t kept;           /* number of its answer among those that are kept, from 1; 0: `own` */
    struct audit_answer own; /* of what has no digest */
    bool same;               /* the answer is another image's */
};

struct audit {
    const struct audit_options *options;
    struct run run;
    char hash[AUDIT_HASH_MAX];
    struct audit_source *source;
    struct audit_output output;
    struct audit_map finished; /* images of an earlier run, and those taken by this one */

    struct audit_map known;       /* digests: their answers' numbers */
    struct audit_answer *answers; /* without `image`: still to be judged */
    size_t n_answers, cap_answers, bytes;
    size_t old; /* answers of earlier batches */

    struct item items[BATCH];
    struct image_question questions[BATCH]; /* parallel */
    struct image_digest digests[BATCH];     /* parallel */
    size_t n;
    struct image_question asked[BATCH]; /* those that are judged */
    size_t asked_item[BATCH];
    size_t n_asked, judged;
    size_t written;
    struct err err; /* of the batch's results */
};

static void batch_clear(struct audit *a)
{
    for (size_t i = 0; i < a->n; i++) {
        audit_image_clear(&a->items[i].image);
        audit_answer_clear(&a->items[i].own);
        free(a->items[i].text);
        a->items[i] = (struct item) { .text = NULL };
    }
    a->n = 0;
    a->n_asked = 0;
    a->judged = 0;
    a->written = 0;
}

static void answers_clear(struct audit *a)
{
    for (size_t i = 0; i < a->n_answers; i++)
        audit_answer_clear(&a->answers[i]);
    free(a->answers);
    a->answers = NULL;
    a->n_answers = 0;
    a->cap_answers = 0;
    a->bytes = 0;
    audit_map_clear(&a->known);
}

static void audit_freep(struct audit **audit)
{
    struct audit *a = *audit;

    *audit = NULL;
    if (a == NULL)
        return;
    batch_clear(a);
    answers_clear(a);
    audit_map_clear(&a->finished);
    audit_source_freep(&a->source);
    run_clear(&a->run);
    free(a);
}

/* --- A batch --- */

/* *fresh: neither an earlier run nor this one has taken it. */
static int take(struct audit *a, bool *fresh, const char *text, struct err *err)
{
    struct buf CLEANUP(buf_clear) key = BUF_INIT(4 * REFERENCE_MAX);

    audit_finished_key(&key, bytes_text(text), a->options->run.namespace);
    if (buf_check(&key, "image", err) != 0)
        return -1;
    uint32_t *at = audit_map_at(&a->finished, buf_bytes(&key), err);
    if (at == NULL)
        return -1;
    *fresh = *at == 0;
    if (*at == AUDIT_TAKEN) {
        audit_output_repeated(&a->output);
    } else if (!*fresh) {
        const struct audit_finished answer = audit_finished_of(*at);
        const struct judgement judgement = { .verdict = answer.verdict, .mode = answer.mode };
        audit_output_resumed(&a->output, &answer);
        tally_count(&a->run.tally, &judgement);
    }
    *at = AUDIT_TAKEN;
    return 0;
}

static int name_item(struct item *item, struct err *err)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(2 * REFERENCE_MAX);

    reference_format(&name, &item->image.reference);
    if (buf_check(&name, "image", err) != 0)
        return -1;
    item->text = mem_text(buf_bytes(&name), err);
    return item->text != NULL ? 0 : -1;
}

/* One image more, if there is one that is not answered. */
static int add_item(struct audit *a, bool *more, struct err *err)
{
    struct item *item = &a->items[a->n];
    bool fresh;

    *item = (struct item) { .text = NULL };
    if (audit_source_next(&item->image, more, a->source, &a->run.engine, err) != 0) {
        audit_image_clear(&item->image);
        return -1;
    }
    if (!*more)
        return 0;
    a->n++;
    a->questions[a->n - 1] =
        (struct image_question) { &item->image.reference, a->options->run.namespace };
    if (name_item(item, err) != 0 || take(a, &fresh, item->text, err) != 0)
        return -1;
    if (fresh)
        return run_check_namespaces(&a->run, &a->questions[a->n - 1], 1, err);
    audit_image_clear(&item->image);
    mem_freep(&item->text);
    a->n--;
    return 0;
}

static int fill(struct audit *a, bool *more, struct err *err)
{
    while (*more && a->n < BATCH)
        if (add_item(a, more, err) != 0)
            return -1;
    return 0;
}

static int new_answer(struct audit *a, uint32_t *number, struct err *err)
{
    void *answers = a->answers;

    const int grown =
        mem_grow(&answers, &a->cap_answers, a->n_answers, sizeof(*a->answers), UINT32_MAX - 1, err);
    a->answers = answers;
    if (grown != 0)
        return -1;
    a->n_answers++;
    *number = (uint32_t)a->n_answers;
    return 0;
}

static void ask(struct audit *a, size_t i)
{
    a->asked[a->n_asked] = a->questions[i];
    a->asked_item[a->n_asked++] = i;
}

static struct audit_answer *answer_of(struct audit *a, struct item *item)
{
    return item->kept > 0 ? &a->answers[item->kept - 1] : &item->own;
}

static int lose(struct audit *a, size_t i, const struct err *why, struct err *err)
{
    return audit_answer_lost(&a->items[i].own, &a->run.report, &a->questions[i], why, err);
}

/* Which rule judges depends on the name, so the same digest under another name may be another
 * question. What could not be found out is asked again by a later batch. */
static int assign_digest(struct audit *a, size_t i, struct err *err)
{
    const struct image_digest *d = &a->digests[i];
    struct item *item = &a->items[i];
    struct buf CLEANUP(buf_clear) key = BUF_INIT(2 * REFERENCE_MAX);
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &d->digest);
    reference_name(&key, &item->image.reference);
    buf_addf(&key, "\n%s\n%td", digest, d->rule - a->run.engine.policy->rules);
    if (buf_check(&key, "image", err) != 0)
        return -1;
    uint32_t *number = audit_map_at(&a->known, buf_bytes(&key), err);
    if (number == NULL)
        return -1;
    item->same =
        *number != 0 && (*number > a->old || a->answers[*number - 1].verdict != VERDICT_UNKNOWN);
    if (!item->same) {
        if (new_answer(a, number, err) != 0)
            return -1;
        ask(a, i);
    }
    item->kept = *number;
    return 0;
}

static int assign(struct audit *a, size_t i, struct err *err)
{
    struct item *item = &a->items[i];

    if (item->image.lost.code != ERR_NONE)
        return lose(a, i, &item->image.lost, err);
    if (a->digests[i].err.code != ERR_NONE)
        return lose(a, i, &a->digests[i].err, err);
    if (a->digests[i].known)
        return assign_digest(a, i, err);
    ask(a, i);
    return 0;
}

/* --- Results --- */

static int format_line(struct buf *out, struct audit *a, const struct audit_line *line,
                       struct err *err)
{
    switch (a->output.format) {
    case REPORT_JSON:
        return audit_line_json(out, line, a->run.engine.policy, a->hash, err);
    case REPORT_TEXT:
        return audit_line_text(out, line, &a->run.report, err);
    case REPORT_SARIF:
        return audit_line_sarif(out, line, &a->run.report, !a->output.any, err);
    }
    return err_set(err, ERR_INTERNAL, "unknown format");
}

static int write_item(struct audit *a, size_t i, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(LINE_MAX_BYTES);
    struct item *item = &a->items[i];
    const struct audit_answer *answer = answer_of(a, item);
    const struct audit_finished finished = { answer->verdict, answer->mode, answer->reason };
    const struct judgement judgement = { .verdict = answer->verdict, .mode = answer->mode };
    const struct audit_line line = {
        .image = &a->questions[i],
        .text = item->text,
        .same_as = item->same ? answer->image : NULL,
        .place = { item->image.line > 0 ? a->options->list : NULL, item->image.line, NULL },
        .answer = answer,
    };

    if (format_line(&text, a, &line, err) != 0 ||
        audit_output_write(&a->output, buf_bytes(&text), &finished, err) != 0)
        return -1;
    tally_count(&a->run.tally, &judgement);
    return 0;
}

/* All that are answered, in order. */
static int write_ready(struct audit *a, struct err *err)
{
    while (a->written < a->n && answer_of(a, &a->items[a->written])->image != NULL) {
        if (write_item(a, a->written, err) != 0)
            return -1;
        a->written++;
    }
    return 0;
}

static void on_result(void *context, const struct image_result *result)
{
    struct audit *a = context;
    const size_t i = a->asked_item[a->judged++];
    struct audit_answer *answer = answer_of(a, &a->items[i]);

    if (a->err.code != ERR_NONE || audit_answer_make(answer, &a->run.report, result, &a->err) != 0)
        return;
    answer->took_ms += a->digests[i].took_ms;
    if (a->items[i].kept > 0)
        a->bytes += audit_answer_bytes(answer);
    (void)write_ready(a, &a->err);
}

static const struct digest *found(void *context, const struct image_question *image)
{
    const struct audit *a = context;
    const struct image_digest *d = &a->digests[a->asked_item[image - a->asked]];

    return d->known ? &d->digest : NULL;
}

static int judge_batch(struct audit *a, struct err *err)
{
    a->old = a->n_answers;
    if (engine_resolve_all(a->digests, &a->run.engine, a->questions, a->n, err) != 0)
        return -1;
    for (size_t i = 0; i < a->n; i++)
        if (assign(a, i, err) != 0)
            return -1;
    if (engine_judge_all(&a->run.engine, a->asked, a->n_asked, on_result, a, err) != 0)
        return -1;
    if (a->err.code == ERR_NONE && write_ready(a, &a->err) == 0)
        return 0;
    *err = a->err;
    return -1;
}

/* What was taken before a list broke off is judged all the same. */
static int judge_all(struct audit *a, struct err *err)
{
    bool more = true;
    int filled = 0;

    while (more && filled == 0) {
        struct err why = ERR_INIT;
        if (a->bytes > ANSWERS_BYTES_MAX)
            answers_clear(a);
        filled = fill(a, &more, &why);
        if (judge_batch(a, err) != 0)
            return -1;
        batch_clear(a);
        if (filled != 0)
            *err = why;
    }
    return filled;
}

/* --- The command --- */

static int check_source(const struct audit_options *o, int argc, char **argv, struct err *err)
{
    if (argc > 0)
        return err_set(err, ERR_USAGE,
                       "%s: images come from a list (-f FILE), --repository or --registry",
                       argv[0]);
    if ((o->list != NULL) + (o->repository != NULL) + (o->registry != NULL) != 1)
        return err_set(err, ERR_USAGE,
                       "say where the images are: -f FILE, --repository or --registry");
    if (o->list != NULL && o->tag_pattern != NULL)
        return err_set(err, ERR_USAGE, "--tag-pattern goes with --repository or --registry");
    return 0;
}

static int check_options(const struct audit_options *o, struct err *err)
{
    const bool list = o->list != NULL && strcmp(o->list, "-") == 0;

    if (o->resume != NULL && strcmp(o->run.output, "json") != 0)
        return err_set(err, ERR_USAGE,
                       "--resume reads JSON lines and goes on with them: not --output %s",
                       o->run.output);
    for (size_t i = 0; list && i < o->run.keys.n; i++)
        if (strcmp(o->run.keys.values[i], "-") == 0)
            return err_set(err, ERR_USAGE, "-f - and --key - cannot both be standard input");
    if (list && o->run.common.password_stdin)
        return err_set(err, ERR_USAGE,
                       "-f - and --registry-password-stdin cannot both be standard input");
    return 0;
}

static int begin(struct audit *a, struct audit_options *o, struct err *err)
{
    a->options = o;
    if (check_options(o, err) != 0 || audit_source_open(&a->source, o, err) != 0 ||
        run_start(&a->run, &o->run, err) != 0 || audit_source_check(a->source, &a->run, err) != 0 ||
        audit_policy_hash(a->hash, &a->run, err) != 0)
        return -1;
    a->run.engine.found = found;
    a->run.engine.found_context = a;
    if (o->resume != NULL && audit_resume_read(&a->finished, o->resume, a->hash, err) != 0)
        return -1;
    return audit_output_begin(&a->output, o, a->run.report.format, audit_source_total(a->source),
                              err);
}

static int audit(struct audit_options *o, struct err *err)
{
    struct audit *CLEANUP(audit_freep) a = mem_new(1, sizeof(*a), err);
    struct err closing = ERR_INIT;

    if (a == NULL)
        return -1;
    *a = (struct audit) {
        .run = { .file = { .findings = POLICY_FINDINGS_INIT } },
        .finished = AUDIT_MAP_INIT(AUDIT_IMAGES_MAX),
        .known = AUDIT_MAP_INIT(AUDIT_IMAGES_MAX),
        .err = ERR_INIT,
    };
    if (begin(a, o, err) != 0)
        return -1;
    const int judged = judge_all(a, &a->run.tally.err);
    if (audit_output_end(&a->output, audit_source_passed(a->source), &closing) != 0 && judged == 0)
        a->run.tally.err = closing;
    /* A denied image decides the exit status; what broke off is told all the same. */
    if (a->run.tally.denied > 0 && a->run.tally.err.code != ERR_NONE)
        log_error("%s", err_text(&a->run.tally.err));
    return tally_exit(&a->run.tally, err);
}

static int run_audit(int argc, char **argv, struct err *err)
{
    struct audit_options o = { .run = RUN_OPTIONS_INIT };
    const struct option table[] = {
        { "file", 'f', OPTION_TEXT, &o.list, "FILE", "images, one in a line; - is standard input" },
        { "repository", 0, OPTION_TEXT, &o.repository, "REPOSITORY",
          "every tag of HOST/REPOSITORY or oci:DIR" },
        { "registry", 0, OPTION_TEXT, &o.registry, "HOST",
          "every tag of every repository of its catalogue" },
        { "tag-pattern", 0, OPTION_TEXT, &o.tag_pattern, "PATTERN",
          "only tags that match: * stands for any text" },
        { "output-file", 0, OPTION_TEXT, &o.output_file, "FILE",
          "add result lines to FILE instead of standard output" },
        { "resume", 0, OPTION_TEXT, &o.resume, "FILE",
          "skip images that a line of FILE allows or denies" },
        RUN_OPTIONS(&o.run),
        { 0 },
    };
    int first;
    bool help;

    o.run.output = "json";
    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "verify", &verify_audit_command, table);
    else if (done == 0)
        done = check_source(&o, argc - first, argv + first, err) != 0 ? -1 : audit(&o, err);
    common_clear(&o.run.common);
    option_lists_free(table);
    return done;
}

const struct command verify_audit_command = {
    .name = "audit",
    .summary = "judge the images of a list, a repository or a registry",
    .usage = "(-f FILE | --repository REPOSITORY | --registry HOST) (--policy FILE | --key KEY)",
    .details = "Each digest is judged once. Results are JSON lines as they come, unless --output "
               "says text or sarif;\n"
               "a summary goes to standard error. An audit that was interrupted goes on with\n"
               "--resume FILE --output-file FILE. Exit status: as of verify IMAGE.",
    .run = run_audit,
};
