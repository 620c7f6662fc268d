#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/common.h"
#include "evidence/statement.h"
#include "sign/attach.h"
#include "sign/commands.h"
#include "sign/signature.h"
#include "sign/target.h"

/* sign IMAGE...: hang signatures on image digests. */
struct options {
    struct common common;
    struct password_source password;
    const char *key;
    const char *format;
    struct option_list annotations;
    bool recursive;
    bool require_digest;
    bool upload;
    bool yes;
    bool log;
    const char *identity;
    const char *output_signature, *output_payload, *bundle;
};

struct run {
    const struct options *options;
    struct signer *signer;
    struct arena arena;
    struct annotation *annotations;
    size_t n_annotations;
    struct formats formats;
    int64_t created;
};

static int write_output(const char *path, struct bytes content, struct err *err)
{
    return path == NULL ? 0 : file_write(path, content, 0644, err);
}

static int write_outputs(const struct run *run, enum evidence_layout layout,
                         const struct signature *s, struct err *err)
{
    const struct options *o = run->options;
    const bool only = !(run->formats.layouts[LAYOUT_BUNDLE] && run->formats.layouts[LAYOUT_LEGACY]);

    if (layout == LAYOUT_BUNDLE && write_output(o->bundle, buf_bytes(&s->bundle), err) != 0)
        return -1;
    if (layout == LAYOUT_LEGACY || only) {
        if (write_output(o->output_signature, buf_bytes(&s->base64), err) != 0 ||
            write_output(o->output_payload, buf_bytes(&s->payload), err) != 0)
            return -1;
    }
    if (o->upload || o->output_signature != NULL || o->bundle != NULL)
        return 0;
    printf("%s\n", buf_text(layout == LAYOUT_BUNDLE ? &s->bundle : &s->base64));
    return 0;
}

static int sign_layout(const struct run *run, const struct target *t,
                       const struct resolved *subject, enum evidence_layout layout,
                       const struct claims *claims, struct err *err)
{
    struct signature CLEANUP(signature_clear) s;

    if (signature_make(&s, run->signer, layout, &subject->digest, claims, err) != 0 ||
        write_outputs(run, layout, &s, err) != 0)
        return -1;
    if (!run->options->upload)
        return 0;
    if (layout == LAYOUT_LEGACY) {
        const struct legacy_layer layer =
            legacy_signature(buf_bytes(&s.payload), buf_text(&s.base64));
        return attach_legacy(t->evidence, &subject->digest, &layer, t->deadline, err);
    }
    const struct bundle_referrer what = { buf_bytes(&s.bundle), PREDICATE_COSIGN_SIGN,
                                          run->created };
    return attach_bundle(t->evidence, subject, &what, t->deadline, err);
}

static int sign_subject(void *context, const struct target *t, const struct resolved *subject,
                        struct err *err)
{
    const struct run *run = context;
    const struct plan plan = { .signatures = true };
    struct fact_set CLEANUP(fact_set_clear) facts;
    struct buf CLEANUP(buf_clear) identity = BUF_INIT(REFERENCE_MAX);
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &subject->digest);
    reference_identity(&identity, t->reference);
    const struct claims claims = { run->options->identity != NULL ? run->options->identity
                                                                  : buf_text(&identity),
                                   run->annotations, run->n_annotations };
    if (target_facts(&facts, t, signer_key(run->signer), &subject->digest, &plan, err) != 0)
        return err_wrap(err, "%s", digest);
    for (int i = LAYOUT_LEGACY; i <= LAYOUT_BUNDLE; i++) {
        const enum evidence_layout layout = (enum evidence_layout)i;
        if (!run->formats.layouts[layout])
            continue;
        const bool known = signature_known(&facts, run->signer, layout, &claims);
        if (!known && sign_layout(run, t, subject, layout, &claims, err) != 0)
            return err_wrap(err, "%s", digest);
        target_log(t, &subject->digest,
                   known ? "already signed with this key and these claims" : "signed", layout);
    }
    return 0;
}

static int check_outputs(const struct options *o, size_t n, struct err *err)
{
    const bool files =
        o->output_signature != NULL || o->output_payload != NULL || o->bundle != NULL;

    if (files && (n > 1 || o->recursive))
        return err_set(err, ERR_USAGE,
                       "--output-signature, --output-payload and --bundle hold one signature: name "
                       "one image, without --recursive");
    return 0;
}

static int start(struct run *run, struct options *o, int argc, char **argv, struct err *err)
{
    struct reference *images = NULL;
    size_t n = 0;
    bool loose = false;

    if (o->key == NULL)
        return err_set(
            err, ERR_USAGE,
            "no key: --key FILE says what to sign with (keyless signing is not supported "
            "yet)");
    if (o->log)
        return err_set(err, ERR_USAGE, "--tlog-upload: transparency logs are not supported yet");
    if (formats_parse(&run->formats, o->format, err) != 0 ||
        common_annotations(&run->annotations, &run->n_annotations, &o->annotations, &run->arena,
                           err) != 0 ||
        attach_created(&run->created, err) != 0 || common_images(&images, &n, argc, argv, err) != 0)
        return -1;
    int done = check_outputs(o, n, err);
    if (done == 0)
        done = common_start(&o->common, "sign", err);
    if (done == 0)
        done = key_file_signer(&run->signer, o->key, &o->password, &loose, err);
    if (done == 0 && loose)
        log_warn("%s can be read by others: chmod 600 %s", o->key, o->key);
    const struct target_options targets = { &o->common, o->recursive, o->require_digest,
                                            o->upload };
    if (done == 0)
        done = targets_each(&targets, images, n, sign_subject, run, err);
    common_images_free(images, n);
    return done;
}

static int run_image(int argc, char **argv, struct err *err)
{
    struct options o = { .common = COMMON_INIT,
                         .password = PASSWORD_SOURCE_DEFAULT,
                         .upload = true };
    int64_t password_fd = -1;
    const struct option table[] = {
        { "key", 'k', OPTION_TEXT, &o.key, "KEY",
          "private key: file, - (standard input) or env://NAME" },
        { "password-file", 0, OPTION_TEXT, &o.password.file, "FILE",
          "file with the key's password" },
        { "password-fd", 0, OPTION_NUMBER, &password_fd, "FD",
          "file descriptor to read the password from" },
        { "format", 0, OPTION_TEXT, &o.format, "FORMAT",
          "bundle (default), legacy, or bundle,legacy" },
        { "annotations", 'a', OPTION_LIST, &o.annotations, "NAME=VALUE",
          "claim to sign; may be repeated" },
        { "recursive", 'r', OPTION_FLAG, &o.recursive, NULL,
          "sign every manifest of a multi-arch image too" },
        { "require-digest", 0, OPTION_FLAG, &o.require_digest, NULL, "refuse images named by tag" },
        { "upload", 0, OPTION_FLAG, &o.upload, NULL,
          "store the signature (default; --upload=false prints it)" },
        { "output-signature", 0, OPTION_TEXT, &o.output_signature, "FILE",
          "write the signature, base64" },
        { "output-payload", 0, OPTION_TEXT, &o.output_payload, "FILE", "write what was signed" },
        { "bundle", 0, OPTION_TEXT, &o.bundle, "FILE", "write the Sigstore bundle" },
        { "sign-container-identity", 0, OPTION_TEXT, &o.identity, "NAME",
          "repository to claim in a legacy signature instead of the image's" },
        { "yes", 'y', OPTION_FLAG, &o.yes, NULL, NULL },
        { "tlog-upload", 0, OPTION_FLAG, &o.log, NULL, NULL },
        COMMON_OPTIONS(&o.common),
        KEYLESS_OPTIONS,
        { 0 },
    };
    struct run run = { .options = &o, .arena = ARENA_INIT(MIB) };
    int first;
    bool help;

    int done = option_parse(argc, argv, table, &first, &help, err);
    o.password.fd = (int)password_fd;
    if (done == 0 && help)
        option_help(stdout, "sign", &sign_image_command, table);
    else if (done == 0)
        done = start(&run, &o, argc - first, argv + first, err);
    signer_free(run.signer);
    arena_clear(&run.arena);
    common_clear(&o.common);
    option_lists_free(table);
    return done;
}

const struct command sign_image_command = {
    .name = "",
    .summary = "sign images",
    .usage = "IMAGE... --key KEY",
    .details = "IMAGE is a registry reference or oci:DIR[:TAG|@DIGEST]. The digest that was signed "
               "is printed.\n"
               "COSIGN_PASSWORD holds the key's password where no other source is named; "
               "COSIGN_REPOSITORY names\n"
               "a repository for the signatures.",
    .run = run_image,
};
