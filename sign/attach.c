#include "sign/attach.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/common.h"
#include "evidence/bundle.h"
#include "evidence/simple_signing.h"
#include "evidence/statement.h"
#include "sign/commands.h"

/* sign attach signature|bundle: hang on an image what was made elsewhere. Nothing is verified but
 * that it speaks of this image: whoever verifies it has the key. */
struct attach_options {
    struct common common;
    const char *signature, *payload;
};

struct attached {
    struct store *store;
    struct resolved image;
    int64_t deadline;
};

static int open_image(struct attached *a, struct common *common, const char *name, struct err *err)
{
    struct reference CLEANUP(reference_clear) image = { .host = NULL };
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MANIFEST_MAX * 2);
    struct manifest m;

    a->deadline = clock_deadline(common->timeout_ms);
    if (reference_parse(&image, bytes_text(name), err) != 0 ||
        common_start(common, "sign", err) != 0 ||
        store_open(&a->store, common->registries, &image, STORE_READ, err) != 0 ||
        store_resolve(&a->image, &body, a->store, &image, a->deadline, err) != 0 ||
        manifest_parse(&m, buf_bytes(&body), a->image.media_type, &scratch, err) != 0)
        return -1;
    snprintf(a->image.media_type, sizeof(a->image.media_type), "%s", m.media_type);
    return 0;
}

static int attach_signature(struct attached *a, const struct attach_options *o, struct err *err)
{
    struct buf CLEANUP(buf_clear) base64 = BUF_INIT(2 * SIGNATURE_BYTES_MAX);
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);
    struct buf CLEANUP(buf_clear) payload = BUF_INIT(PAYLOAD_MAX);
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MIB);
    struct simple_signing claims;

    if (o->signature == NULL || o->payload == NULL)
        return err_set(err, ERR_USAGE, "--signature FILE and --payload FILE are both needed");
    if (common_signature_file(&base64, &raw, o->signature, err) != 0 ||
        file_read(&payload, o->payload, err) != 0)
        return -1;
    if (simple_signing_parse(&claims, buf_bytes(&payload), &scratch, err) != 0) {
        err->code = ERR_CONFIG;
        return err_wrap(err, "%s", o->payload);
    }
    if (!digest_equal(&claims.digest, &a->image.digest))
        return err_set(err, ERR_CONFIG, "%s: the payload is of another image", o->payload);
    const struct legacy_layer layer = legacy_signature(buf_bytes(&payload), buf_text(&base64));
    return attach_legacy(a->store, &a->image.digest, &layer, a->deadline, err);
}

/* The predicate type for the referrer's annotation, and the check that the statement is about this
 * image. */
static int statement_of(struct statement *out, const struct bundle *bundle,
                        const struct digest *digest, struct arena *arena, struct err *err)
{
    struct annotation *annotations;
    size_t n;

    if (bundle->content != BUNDLE_ENVELOPE)
        return err_set(err, ERR_CONFIG, "a message signature names no image");
    if (statement_parse(out, dsse_payload_bytes(&bundle->envelope.payload), arena, err) != 0 ||
        statement_subject(out, digest, &annotations, &n, arena, err) != 0)
        return -1;
    return 0;
}

static int attach_bundle_file(struct attached *a, const char *path, struct err *err)
{
    struct buf CLEANUP(buf_clear) json = BUF_INIT(BUNDLE_STATEMENT_MAX);
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MIB);
    struct bundle CLEANUP(bundle_clear) bundle = { .log_entries = 0 };
    struct statement statement;
    int64_t created;

    if (file_read(&json, path, err) != 0 || attach_created(&created, err) != 0)
        return -1;
    if (bundle_parse(&bundle, buf_bytes(&json), json.len, err) != 0 ||
        statement_of(&statement, &bundle, &a->image.digest, &scratch, err) != 0) {
        err->code = ERR_CONFIG;
        return err_wrap(err, "%s", path);
    }
    const struct bundle_referrer what = { buf_bytes(&json), statement.predicate_type, created };
    return attach_bundle(a->store, &a->image, &what, a->deadline, err);
}

static int attach_what(int argc, char **argv, struct attach_options *o, struct err *err)
{
    struct attached a = { .store = NULL };
    char digest[DIGEST_TEXT_MAX];
    int done;

    if (argc == 2 && strcmp(argv[0], "signature") == 0) {
        done = open_image(&a, &o->common, argv[1], err);
        if (done == 0)
            done = attach_signature(&a, o, err);
    } else if (argc == 3 && strcmp(argv[0], "bundle") == 0) {
        done = open_image(&a, &o->common, argv[1], err);
        if (done == 0)
            done = attach_bundle_file(&a, argv[2], err);
    } else
        done = err_set(err, ERR_USAGE,
                       "say 'attach signature IMAGE --signature F --payload F' or 'attach bundle "
                       "IMAGE F'");
    if (done == 0) {
        digest_format(digest, &a.image.digest);
        log_info("%s attached to %s", argv[0], digest);
    }
    store_free(a.store);
    return done;
}

static int run_attach(int argc, char **argv, struct err *err)
{
    struct attach_options o = { .common = COMMON_INIT };
    int first;
    bool help;
    const struct option table[] = {
        { "signature", 0, OPTION_TEXT, &o.signature, "FILE", "the signature, base64" },
        { "payload", 0, OPTION_TEXT, &o.payload, "FILE",
          "the simple signing payload that was signed" },
        COMMON_OPTIONS(&o.common),
        { 0 },
    };

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "sign", &sign_attach_command, table);
    else if (done == 0)
        done = attach_what(argc - first, argv + first, &o, err);
    common_clear(&o.common);
    return done;
}

const struct command sign_attach_command = {
    .name = "attach",
    .summary = "hang a signature or bundle made elsewhere on an image",
    .usage = "signature IMAGE --signature FILE --payload FILE | bundle IMAGE FILE",
    .run = run_attach,
};
