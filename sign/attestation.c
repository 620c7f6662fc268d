#include "sign/attestation.h"

#include <string.h>

#include "base/file_map.h"
#include "base/limits.h"
#include "sign/attach.h"

#define PROVENANCE_TYPE "slsaprovenance1"
#define STATEMENT_HEAD_MAX (16 * KIB) /* type, repository and predicate type, all escaped */

void attestation_clear(struct attestation *attestation)
{
    dsse_payload_clear(&attestation->payload);
    arena_clear(&attestation->arena);
}

/* A file that is not what it should be is the command line's fault. */
static int of_file(const char *path, struct err *err)
{
    if (err->code == ERR_MALFORMED || err->code == ERR_UNSUPPORTED || err->code == ERR_INVALID)
        err->code = ERR_CONFIG;
    return err_wrap(err, "%s", path);
}

/* A signature is made by `sign IMAGE`, which says what it is. */
static int refuse_signature(const char *predicate_type, struct err *err)
{
    if (strcmp(predicate_type, PREDICATE_COSIGN_SIGN) != 0)
        return 0;
    return err_set(err, ERR_USAGE, "type %s is that of image signatures: use `sign IMAGE`",
                   predicate_type);
}

static int take_predicate(struct attestation *a, struct bytes file, struct err *err)
{
    const struct attestation_options *o = a->options;
    struct predicate_input input = { .file = file,
                                     .scan_started = o->scan_started,
                                     .scan_finished = o->scan_finished };

    if ((a->type.uri == NULL && predicate_type_recognise(&a->type, file, err) != 0) ||
        attach_created(&input.now, err) != 0)
        return -1;
    dsse_payload_begin(&a->payload, STATEMENT_HEAD_MAX);
    if (predicate_write(&a->payload.room, &a->type, &input, err) != 0)
        return -1;
    statement_end(&a->payload.room);
    return buf_check(&a->payload.room, "statement", err);
}

static int take_statement(struct attestation *a, struct bytes file, struct err *err)
{
    const char *wanted = a->type.uri;
    struct json_view root;

    if (json_scan(&root, file, err) != 0)
        return -1;
    dsse_payload_begin(&a->payload, 0);
    buf_add_bytes(&a->payload.room, root.raw);
    if (buf_check(&a->payload.room, "statement", err) != 0 ||
        statement_parse(&a->statement, dsse_payload_bytes(&a->payload), &a->arena, err) != 0 ||
        refuse_signature(a->statement.predicate_type, err) != 0)
        return -1;
    if (a->statement.predicate.kind == JSON_OBJECT &&
        predicate_check(a->statement.predicate_type, a->statement.predicate, err) != 0)
        return err_wrap(err, "/predicate");
    a->whole = true;
    a->type.uri = a->statement.predicate_type;
    if (wanted == NULL || strcmp(wanted, a->type.uri) == 0)
        return 0;
    return err_set(err, ERR_CONFIG, "the statement is of type %s, not %s", a->type.uri, wanted);
}

static int load_file(struct attestation *a, const char *path,
                     int (*take)(struct attestation *a, struct bytes file, struct err *err),
                     struct err *err)
{
    struct file_map CLEANUP(file_unmap) file = { .mapped = NULL };

    if (file_map(&file, path, a->options->max, err) != 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_USAGE;
        return -1;
    }
    if (file.content.len > a->options->max)
        return err_set(err, ERR_LIMIT,
                       "%s: larger than %zu bytes; --max-statement-size allows more", path,
                       a->options->max);
    return take(a, file.content, err) == 0 ? 0 : of_file(path, err);
}

static int choose_type(struct attestation *a, struct err *err)
{
    const struct attestation_options *o = a->options;
    struct predicate_type made;

    if (o->type != NULL && (predicate_type_find(&a->type, o->type, err) != 0 ||
                            refuse_signature(a->type.uri, err) != 0))
        return -1;
    if (!o->from_env)
        return 0;
    if (predicate_type_find(&made, PROVENANCE_TYPE, err) != 0)
        return -1;
    if (a->type.uri != NULL && strcmp(a->type.uri, made.uri) != 0)
        return err_set(err, ERR_USAGE,
                       "--provenance-from-env makes type " PROVENANCE_TYPE ", not %s", o->type);
    a->type = made;
    return 0;
}

/* An option that would go unheard is a mistake. */
static int check_unused(const struct attestation_options *o, struct err *err)
{
    if (!o->from_env && provenance_given(&o->provenance))
        return err_set(err, ERR_USAGE,
                       "options of provenance (--builder-id, --source and so on) go with "
                       "--provenance-from-env");
    if (o->predicate == NULL && (o->scan_started != NULL || o->scan_finished != NULL))
        return err_set(err, ERR_USAGE, "--scan-started and --scan-finished go with --predicate");
    return 0;
}

int attestation_load(struct attestation *out, const struct attestation_options *options,
                     struct err *err)
{
    const int sources =
        (options->predicate != NULL) + (options->statement != NULL) + options->from_env;

    *out = (struct attestation) {
        .options = options,
        .arena = ARENA_INIT(MIB),
        .payload = DSSE_PAYLOAD_INIT(options->max + STATEMENT_HEAD_MAX),
    };
    if (sources != 1)
        return err_set(err, ERR_USAGE,
                       "say what is attested: one of --predicate FILE, --statement FILE, "
                       "--provenance-from-env");
    if (check_unused(options, err) != 0 || choose_type(out, err) != 0)
        return -1;
    if (options->statement != NULL)
        return load_file(out, options->statement, take_statement, err);
    return options->from_env ? 0 : load_file(out, options->predicate, take_predicate, err);
}

/* The build environment, and what the image's own manifest says of its base. */
static int make_provenance(struct attestation *a, const struct target *t,
                           const struct digest *subject, struct err *err)
{
    struct fetch CLEANUP(fetch_clear)
        f = { .what = FETCH_MANIFEST, .digest = *subject, .size = -1, .err = ERR_INIT };

    store_fetch(t->image, &f, 1, t->deadline);
    if (f.err.code != ERR_NONE) {
        *err = f.err;
        return -1;
    }
    dsse_payload_begin(&a->payload, STATEMENT_HEAD_MAX);
    if (provenance_write(&a->payload.room, &a->options->provenance, buf_bytes(&f.body), err) != 0)
        return -1;
    statement_end(&a->payload.room);
    return buf_check(&a->payload.room, "statement", err);
}

static int check_subject(struct attestation *a, const struct digest *subject, struct err *err)
{
    struct annotation *annotations;
    size_t n;

    return statement_subject(&a->statement, subject, &annotations, &n, &a->arena, err);
}

/* What is signed is what everybody's verifier will read: ours reads it first. A predicate that is
 * nested as deeply as it may be is too deep inside a statement. */
static int read_back(struct attestation *a, const struct digest *subject, struct err *err)
{
    arena_clear(&a->arena);
    if (statement_parse(&a->statement, dsse_payload_bytes(&a->payload), &a->arena, err) != 0)
        return -1;
    return check_subject(a, subject, err);
}

int attestation_about(struct attestation *attestation, const struct target *target,
                      const struct digest *subject, struct err *err)
{
    struct buf CLEANUP(buf_clear) head = BUF_INIT(STATEMENT_HEAD_MAX);

    if (attestation->whole)
        return check_subject(attestation, subject, err) == 0
                   ? 0
                   : of_file(attestation->options->statement, err);
    if (attestation->options->from_env && make_provenance(attestation, target, subject, err) != 0)
        return -1;
    statement_begin(&head, attestation->type.uri, buf_bytes(&target->name), subject);
    if (buf_check(&head, "statement", err) != 0 ||
        dsse_payload_front(&attestation->payload, buf_bytes(&head), err) != 0)
        return -1;
    if (read_back(attestation, subject, err) == 0)
        return 0;
    return err_wrap(err, "the statement would not be readable");
}
