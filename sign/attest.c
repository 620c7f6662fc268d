#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "evidence/bundle.h"
#include "sign/attach.h"
#include "sign/attestation.h"
#include "sign/commands.h"
#include "sign/signature.h"

/* sign attest IMAGE...: hang signed statements on image digests. */
struct options {
    struct common common;
    struct password_source password;
    struct attestation_options what;
    const char *key;
    const char *format;
    const char *bundle;
    bool replace;
    bool recursive;
    bool require_digest;
    bool upload;
    bool no_upload;
    bool yes;
    bool log;
};

struct run {
    const struct options *options;
    struct signer *signer;
    struct attestation attestation;
    struct formats formats;
    int64_t created;
};

/* A statement of the same type by the same key that hangs there already. Payloads are large: what
 * is kept of one is its hash. */
struct existing {
    enum evidence_layout layout;
    struct digest carrier;
    struct digest payload;
};

struct existing_list {
    struct existing *items;
    size_t n;
    size_t cap;
};

static void existing_clear(struct existing_list *list)
{
    free(list->items);
}

static int existing_add(struct existing_list *list, const struct fact *fact, struct err *err)
{
    void *items = list->items;

    const int grown = mem_grow(&items, &list->cap, list->n, sizeof(*list->items), SIZE_MAX, err);
    list->items = items;
    if (grown != 0)
        return -1;
    struct existing *added = &list->items[list->n];
    *added = (struct existing) { .layout = fact->layout, .carrier = fact->carrier };
    if (digest_of(&added->payload, HASH_SHA256, fact->payload, err) != 0)
        return -1;
    list->n++;
    return 0;
}

static int existing_load(struct existing_list *list, const struct run *run, const struct target *t,
                         const struct digest *digest, struct err *err)
{
    const struct plan plan = { .statements = true,
                               .predicate_type = run->attestation.type.uri,
                               .max_statement = run->options->what.max };
    struct fact_set CLEANUP(fact_set_clear) facts;

    if (target_facts(&facts, t, signer_key(run->signer), digest, &plan, err) != 0)
        return -1;
    if (run->options->replace && !facts.complete) {
        *err = facts.incomplete;
        return err_wrap(err, "--replace: what is there could not be read");
    }
    for (size_t i = 0; i < facts.n; i++)
        if (facts.facts[i].kind == FACT_STATEMENT &&
            strcmp(facts.facts[i].predicate_type, plan.predicate_type) == 0 &&
            existing_add(list, &facts.facts[i], err) != 0)
            return -1;
    return 0;
}

/* One statement being stored in one layout. */
struct storing {
    struct run *run;
    const struct target *target;
    const struct resolved *subject;
    enum evidence_layout layout;
    struct bytes signature;
    bool known;              /* this very statement is there already */
    struct digest *replaced; /* what it takes the place of, with --replace */
    size_t n_replaced;
};

/* Is the very statement there? What else is there of its type is listed, when it is to be replaced.
 */
static int compare(struct storing *s, const struct existing_list *list, struct err *err)
{
    const struct bytes payload = dsse_payload_bytes(&s->run->attestation.payload);
    struct digest hash;

    if (list->n == 0)
        return 0;
    s->replaced = mem_new(list->n, sizeof(*s->replaced), err);
    if (s->replaced == NULL || digest_of(&hash, HASH_SHA256, payload, err) != 0)
        return -1;
    for (size_t i = 0; i < list->n; i++) {
        const struct existing *e = &list->items[i];
        if (e->layout != s->layout)
            continue;
        if (digest_equal(&e->payload, &hash))
            s->known = true;
        else if (s->run->options->replace)
            s->replaced[s->n_replaced++] = e->carrier;
    }
    return 0;
}

static void storing_clear(struct storing *s)
{
    free(s->replaced);
}

static int write_outputs(const struct storing *s, const struct buf *content, struct err *err)
{
    const struct options *o = s->run->options;

    if (o->bundle != NULL && s->layout == LAYOUT_BUNDLE)
        return file_write(o->bundle, buf_bytes(content), 0644, err);
    if (!o->upload && o->bundle == NULL)
        printf("%s\n", buf_text(content));
    return 0;
}

static int remove_replaced(const struct storing *s, struct err *err)
{
    const struct target *t = s->target;

    for (size_t i = 0; i < s->n_replaced; i++)
        if (store_remove_referrer(t->evidence, &s->subject->digest, &s->replaced[i], t->deadline,
                                  err) != 0)
            return err_wrap(err, "stored, but the statement that it replaces is still there");
    return 0;
}

/* The new one first: an interrupted run leaves both, never none. */
static int store_bundle(const struct storing *s, struct bytes bundle, struct err *err)
{
    const struct target *t = s->target;
    const struct bundle_referrer what = { bundle, s->run->attestation.type.uri, s->run->created };

    if (attach_bundle(t->evidence, s->subject, &what, t->deadline, err) != 0)
        return -1;
    return remove_replaced(s, err);
}

static int store_legacy(const struct storing *s, struct bytes envelope, struct err *err)
{
    const struct legacy_layer layer = {
        .suffix = ".att",
        .media_type = TYPE_DSSE,
        .content = envelope,
        .signature = "",
        .predicate_type = s->run->attestation.type.uri,
        .replaces = s->replaced,
        .n_replaces = s->n_replaced,
    };

    return attach_legacy(s->target->evidence, &s->subject->digest, &layer, s->target->deadline,
                         err);
}

static int store(const struct storing *s, struct err *err)
{
    const struct bytes statement = dsse_payload_bytes(&s->run->attestation.payload);
    struct buf CLEANUP(buf_clear) content = BUF_INIT(s->run->options->what.max);

    if (s->layout == LAYOUT_LEGACY)
        envelope_write(&content, statement, s->signature);
    else if (signature_bundle(&content, s->run->signer, statement, s->signature, err) != 0)
        return err_wrap(err, "--max-statement-size");
    if (buf_check(&content, "--max-statement-size: envelope", err) != 0 ||
        write_outputs(s, &content, err) != 0)
        return -1;
    if (!s->run->options->upload)
        return 0;
    return s->layout == LAYOUT_LEGACY ? store_legacy(s, buf_bytes(&content), err)
                                      : store_bundle(s, buf_bytes(&content), err);
}

static const char *done_word(const struct storing *s)
{
    if (s->known && s->n_replaced == 0)
        return "already attested by this key";
    return s->n_replaced > 0 ? "attested, replacing what was there" : "attested";
}

static int attest_layout(struct storing *s, const struct existing_list *list, struct buf *signature,
                         struct err *err)
{
    int stored = 0;

    if (compare(s, list, err) != 0)
        return -1;
    if (!s->known && signature->len == 0 &&
        signature_statement(signature, s->run->signer, &s->run->attestation.payload, err) != 0)
        return -1;
    s->signature = buf_bytes(signature);
    if (!s->known)
        stored = store(s, err);
    else if (s->n_replaced > 0)
        stored =
            s->layout == LAYOUT_BUNDLE ? remove_replaced(s, err) : store_legacy(s, BYTES_NONE, err);
    if (stored != 0)
        return -1;
    target_log(s->target, &s->subject->digest, done_word(s), s->layout);
    return 0;
}

static int attest_subject(void *context, const struct target *t, const struct resolved *subject,
                          struct err *err)
{
    struct run *run = context;
    struct existing_list CLEANUP(existing_clear) list = { .n = 0 };
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(SIGNATURE_BYTES_MAX);
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &subject->digest);
    if (existing_load(&list, run, t, &subject->digest, err) != 0 ||
        attestation_about(&run->attestation, t, &subject->digest, err) != 0)
        return err_wrap(err, "%s", digest);
    for (int layout = LAYOUT_LEGACY; layout <= LAYOUT_BUNDLE; layout++) {
        struct storing CLEANUP(storing_clear) s = {
            .run = run, .target = t, .subject = subject, .layout = (enum evidence_layout)layout
        };
        if (run->formats.layouts[layout] && attest_layout(&s, &list, &signature, err) != 0)
            return err_wrap(err, "%s", digest);
    }
    return 0;
}

static int check_outputs(const struct options *o, size_t n, struct err *err)
{
    if (o->bundle != NULL && (n > 1 || o->recursive))
        return err_set(err, ERR_USAGE,
                       "--bundle holds one attestation: name one image, without --recursive");
    if (o->key == NULL)
        return err_set(err, ERR_USAGE,
                       "no key: --key FILE says what to sign with (keyless signing is not "
                       "supported yet)");
    if (o->log)
        return err_set(err, ERR_USAGE, "--tlog-upload: transparency logs are not supported yet");
    return 0;
}

static int start(struct run *run, struct options *o, int argc, char **argv, struct err *err)
{
    struct reference *images = NULL;
    size_t n = 0;
    bool loose = false;

    o->upload = o->upload && !o->no_upload;
    if (check_outputs(o, (size_t)argc, err) != 0 ||
        formats_parse(&run->formats, o->format, err) != 0 ||
        attach_created(&run->created, err) != 0 ||
        attestation_load(&run->attestation, &o->what, err) != 0 ||
        common_images(&images, &n, argc, argv, err) != 0)
        return -1;
    const struct target_options targets = { &o->common, o->recursive, o->require_digest,
                                            o->upload };
    int done = common_start(&o->common, "sign", err);
    if (done == 0)
        done = key_file_signer(&run->signer, o->key, &o->password, &loose, err);
    if (done == 0 && loose)
        log_warn("%s can be read by others: chmod 600 %s", o->key, o->key);
    if (done == 0)
        done = targets_each(&targets, images, n, attest_subject, run, err);
    common_images_free(images, n);
    return done;
}

static int run_attest(int argc, char **argv, struct err *err)
{
    struct options o = { .common = COMMON_INIT,
                         .password = PASSWORD_SOURCE_DEFAULT,
                         .what = { .max = BUNDLE_STATEMENT_MAX },
                         .upload = true };
    int64_t password_fd = -1;
    const struct option table[] = {
        { "key", 'k', OPTION_TEXT, &o.key, "KEY",
          "private key: file, - (standard input) or env://NAME" },
        { "password-file", 0, OPTION_TEXT, &o.password.file, "FILE",
          "file with the key's password" },
        { "password-fd", 0, OPTION_NUMBER, &password_fd, "FD",
          "file descriptor to read the password from" },
        { "predicate", 0, OPTION_TEXT, &o.what.predicate, "FILE",
          "predicate, SBOM or scanner report to attest; - is standard input" },
        { "statement", 0, OPTION_TEXT, &o.what.statement, "FILE",
          "or a whole in-toto statement whose subject is the image" },
        { "provenance-from-env", 0, OPTION_FLAG, &o.what.from_env, NULL,
          "or SLSA provenance made from the build environment" },
        { "type", 0, OPTION_TEXT, &o.what.type, "TYPE",
          "type of the predicate, by name or URI; told from the file where it can be" },
        { "scan-started", 0, OPTION_TEXT, &o.what.scan_started, "TIME",
          "when the scan began, where its report does not tell" },
        { "scan-finished", 0, OPTION_TEXT, &o.what.scan_finished, "TIME", "when it ended" },
        { "format", 0, OPTION_TEXT, &o.format, "FORMAT",
          "bundle (default), legacy, or bundle,legacy" },
        { "replace", 0, OPTION_FLAG, &o.replace, NULL,
          "take away older statements of this type by this key" },
        { "recursive", 'r', OPTION_FLAG, &o.recursive, NULL,
          "attest every manifest of a multi-arch image too" },
        { "require-digest", 0, OPTION_FLAG, &o.require_digest, NULL, "refuse images named by tag" },
        { "upload", 0, OPTION_FLAG, &o.upload, NULL,
          "store the attestation (default; --upload=false prints it)" },
        { "no-upload", 0, OPTION_FLAG, &o.no_upload, NULL, NULL },
        { "bundle", 0, OPTION_TEXT, &o.bundle, "FILE", "write the Sigstore bundle" },
        { "max-statement-size", 0, OPTION_SIZE, &o.what.max, "SIZE",
          "largest bundle or envelope (default 128MiB, which is what is read by default)" },
        { "yes", 'y', OPTION_FLAG, &o.yes, NULL, NULL },
        { "tlog-upload", 0, OPTION_FLAG, &o.log, NULL, NULL },
        PROVENANCE_OPTIONS(&o.what.provenance),
        COMMON_OPTIONS(&o.common),
        KEYLESS_OPTIONS,
        { 0 },
    };
    struct run run = { .options = &o };
    int first;
    bool help;

    int done = option_parse(argc, argv, table, &first, &help, err);
    o.password.fd = (int)password_fd;
    if (done == 0 && help)
        option_help(stdout, "sign", &sign_attest_command, table);
    else if (done == 0)
        done = start(&run, &o, argc - first, argv + first, err);
    signer_free(run.signer);
    attestation_clear(&run.attestation);
    common_clear(&o.common);
    option_lists_free(table);
    return done;
}

const struct command sign_attest_command = {
    .name = "attest",
    .summary = "attest what is known of images: provenance, SBOM, scan",
    .usage = "IMAGE... --key KEY (--predicate FILE | --statement FILE | --provenance-from-env) "
             "[--type TYPE]",
    .details = "TYPE is slsaprovenance (or ...02), slsaprovenance1, spdx, spdxjson, cyclonedx, "
               "link, vuln, "
               "openvex, custom, or a URI.\n"
               "Without it the type is told from the file: SPDX, CycloneDX, OpenVEX, SLSA "
               "provenance, reports of trivy\n"
               "and grype, SARIF.",
    .run = run_attest,
};
