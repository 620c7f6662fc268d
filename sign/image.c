#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/common.h"
#include "engine/engine.h"
#include "engine/places.h"
#include "evidence/statement.h"
#include "sign/attach.h"
#include "sign/commands.h"
#include "sign/signature.h"
#include "sign/tree.h"

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
    bool layouts[2]; /* by enum evidence_layout */
    const char *evidence_repository;
    int64_t created;
};

static int formats_parse(bool layouts[2], const char *format, struct err *err)
{
    if (format == NULL || strcmp(format, "bundle") == 0)
        layouts[LAYOUT_BUNDLE] = true;
    else if (strcmp(format, "legacy") == 0)
        layouts[LAYOUT_LEGACY] = true;
    else if (strcmp(format, "bundle,legacy") == 0 || strcmp(format, "legacy,bundle") == 0)
        layouts[LAYOUT_BUNDLE] = layouts[LAYOUT_LEGACY] = true;
    else
        return err_set(err, ERR_USAGE, "--format: '%s' is none of bundle, legacy, bundle,legacy",
                       format);
    return 0;
}

static int write_output(const char *path, struct bytes content, struct err *err)
{
    return path == NULL ? 0 : file_write(path, content, 0644, err);
}

static int write_outputs(const struct run *run, enum evidence_layout layout,
                         const struct signature *s, struct err *err)
{
    const struct options *o = run->options;
    const bool only = !(run->layouts[LAYOUT_BUNDLE] && run->layouts[LAYOUT_LEGACY]);

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

/* One image on its way. */
struct target {
    struct run *run;
    struct store *image;    /* where the image is */
    struct store *evidence; /* where its evidence goes: the same, or COSIGN_REPOSITORY's */
    struct claims claims;
    int64_t deadline;
};

static int sign_layout(struct target *t, const struct resolved *subject,
                       enum evidence_layout layout, struct err *err)
{
    struct signature CLEANUP(signature_clear) s;

    if (signature_make(&s, t->run->signer, layout, &subject->digest, &t->claims, err) != 0 ||
        write_outputs(t->run, layout, &s, err) != 0)
        return -1;
    if (!t->run->options->upload)
        return 0;
    if (layout == LAYOUT_LEGACY)
        return attach_legacy(t->evidence, &subject->digest, buf_bytes(&s.payload),
                             buf_text(&s.base64), t->deadline, err);
    const struct bundle_referrer what = { buf_bytes(&s.bundle), PREDICATE_COSIGN_SIGN,
                                          t->run->created };
    return attach_bundle(t->evidence, subject, &what, t->deadline, err);
}

/* What this signer has said of the digest already. Too much to read is no reason not to sign;
 * anything else that could not be read is: the write would fail as well, or double what is there.
 */
static int known_facts(struct target *t, const struct digest *digest, struct fact_set *facts,
                       struct err *err)
{
    const struct public_key *key = signer_key(t->run->signer);
    const struct engine_options engine = {
        .registries = t->run->options->common.registries,
        .keys = &key,
        .n_keys = 1,
    };
    const struct plan plan = { .signatures = true };

    if (!t->run->options->upload)
        return 0;
    const struct fact_query query = { &engine, digest, &plan, t->deadline };
    if (engine_facts(facts, t->evidence, &query, err) != 0)
        return -1;
    if (facts->complete || facts->incomplete.code == ERR_LIMIT ||
        facts->incomplete.code == ERR_NOT_FOUND)
        return 0;
    *err = facts->incomplete;
    return err_wrap(err, "existing signatures");
}

static int sign_digest(struct target *t, const struct resolved *subject, struct err *err)
{
    struct fact_set CLEANUP(fact_set_clear) facts;
    char digest[DIGEST_TEXT_MAX];
    struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);

    fact_set_init(&facts);
    digest_format(digest, &subject->digest);
    reference_name(&name, &t->image->repository);
    if (known_facts(t, &subject->digest, &facts, err) != 0)
        return err_wrap(err, "%s", digest);
    for (int layout = LAYOUT_LEGACY; layout <= LAYOUT_BUNDLE; layout++) {
        const char *how = evidence_layout_name((enum evidence_layout)layout);
        if (!t->run->layouts[layout])
            continue;
        if (signature_known(&facts, t->run->signer, (enum evidence_layout)layout, &t->claims)) {
            log_info("%s@%s: already signed with this key and these claims (%s)", buf_text(&name),
                     digest, how);
            continue;
        }
        if (sign_layout(t, subject, (enum evidence_layout)layout, err) != 0)
            return err_wrap(err, "%s", digest);
        log_info("%s@%s: signed (%s)%s", buf_text(&name), digest, how,
                 t->run->options->upload ? "" : ", not stored");
    }
    return 0;
}

static int sign_tree(struct target *t, const struct resolved *root, struct buf *body,
                     struct err *err)
{
    struct tree CLEANUP(tree_clear) tree = { .n = 0 };

    if (!t->run->options->recursive)
        return sign_digest(t, root, err);
    if (tree_load(&tree, t->image, root, body, t->deadline, err) != 0)
        return -1;
    /* Children first: an interrupted run never leaves a signed index with unsigned children. */
    for (size_t i = 0; i < tree.n; i++)
        if (sign_digest(t, &tree.nodes[i].is, err) != 0)
            return -1;
    return 0;
}

static int warn_of_tag(const struct run *run, const struct reference *image,
                       const struct resolved *resolved, struct err *err)
{
    char digest[DIGEST_TEXT_MAX];

    if (image->has_digest)
        return 0;
    if (run->options->require_digest)
        return err_set(err, ERR_USAGE, "--require-digest: the image is named without a digest");
    digest_format(digest, &resolved->digest);
    log_warn("a tag can move: signing %s, which it names now; name images by digest", digest);
    return 0;
}

static int open_evidence(struct target *t, struct store **own, struct err *err)
{
    struct reference CLEANUP(reference_clear) named = { .host = NULL };
    const struct options *o = t->run->options;

    t->evidence = t->image;
    if (t->run->evidence_repository == NULL || !o->upload)
        return 0;
    if (reference_parse(&named, bytes_text(t->run->evidence_repository), err) != 0 ||
        store_open(own, o->common.registries, &named, STORE_WRITE, err) != 0)
        return err_wrap(err, "COSIGN_REPOSITORY");
    t->evidence = *own;
    return 0;
}

/* Is it an image at all? Its own word for its type is what a referrer repeats. */
static int check_type(struct resolved *resolved, const struct buf *body, struct err *err)
{
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MANIFEST_MAX * 2);
    struct manifest m;

    if (manifest_parse(&m, buf_bytes(body), resolved->media_type, &scratch, err) != 0)
        return -1;
    snprintf(resolved->media_type, sizeof(resolved->media_type), "%s", m.media_type);
    return 0;
}

static int sign_image(struct run *run, const struct reference *image, struct err *err)
{
    const struct options *o = run->options;
    struct store *CLEANUP(store_freep) store = NULL;
    struct store *CLEANUP(store_freep) own = NULL;
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
    struct buf CLEANUP(buf_clear) identity = BUF_INIT(REFERENCE_MAX);
    struct resolved resolved;
    struct target t = { .run = run, .deadline = clock_deadline(o->common.timeout_ms) };

    if (store_open(&store, o->common.registries, image, STORE_READ, err) != 0)
        return -1;
    t.image = store;
    reference_identity(&identity, image);
    t.claims = (struct claims) { o->identity != NULL ? o->identity : buf_text(&identity),
                                 run->annotations, run->n_annotations };
    if (store_resolve(&resolved, &body, store, image, t.deadline, err) != 0 ||
        check_type(&resolved, &body, err) != 0 || warn_of_tag(run, image, &resolved, err) != 0 ||
        open_evidence(&t, &own, err) != 0 || sign_tree(&t, &resolved, &body, err) != 0)
        return -1;
    struct buf CLEANUP(buf_clear) line = BUF_INIT(REFERENCE_MAX + DIGEST_TEXT_MAX);
    char digest[DIGEST_TEXT_MAX];
    reference_name(&line, image);
    digest_format(digest, &resolved.digest);
    if (o->upload)
        printf("%s@%s\n", buf_text(&line), digest);
    return 0;
}

/* Every image is tried; the first failure decides the exit status. */
static int sign_all(struct run *run, const struct reference *images, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct err why = ERR_INIT;
        struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);
        if (sign_image(run, &images[i], &why) == 0)
            continue;
        reference_format(&name, &images[i]);
        err_wrap(&why, "%s", buf_text(&name));
        if (err->code != ERR_NONE)
            log_error("%s", err_text(&why));
        else
            *err = why;
    }
    return err->code == ERR_NONE ? 0 : -1;
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
    if (formats_parse(run->layouts, o->format, err) != 0 ||
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
    if (done == 0)
        done = sign_all(run, images, n, err);
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
    struct run run = { .options = &o,
                       .arena = ARENA_INIT(MIB),
                       .evidence_repository = places_named() };
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
