#include <stdio.h>

#include "base/file.h"
#include "base/file_map.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/common.h"
#include "evidence/bundle.h"
#include "policy/judge.h"
#include "verify/commands.h"
#include "verify/report.h"

/* verify blob FILE: a file against its bundle or its bare signature. */
struct blob_options {
    struct option_list keys;
    const char *bundle, *signature, *output;
};

/* What was found out about a blob. */
struct outcome {
    enum verdict verdict;
    enum reason_code reason;
    const char *text;
    size_t key;
    enum signature_scheme scheme;
};

static int refuse(struct outcome *f, enum reason_code reason, const char *text)
{
    *f = (struct outcome) { .verdict = VERDICT_DENY, .reason = reason, .text = text };
    return 0;
}

/* A file that is named and not there is a wrong command line, not something that could not be found
 * out. */
static int misnamed(struct err *err)
{
    if (err->code == ERR_NOT_FOUND)
        err->code = ERR_USAGE;
    return -1;
}

struct blob_keys {
    struct public_key **keys;
    size_t n;
};

static int check_signature(struct outcome *f, const struct blob_keys *keys, struct bytes content,
                           struct bytes signature, struct err *err)
{
    struct err why = ERR_INIT;

    for (size_t i = 0; i < keys->n; i++) {
        err_reset(&why);
        if (public_key_verify(keys->keys[i], content, signature, &f->scheme, &why) == 0) {
            f->key = i;
            f->verdict = VERDICT_ALLOW;
            return 0;
        }
        if (why.code != ERR_INVALID) {
            *err = why;
            return -1;
        }
    }
    return refuse(f, REASON_BAD_SIGNATURE,
                  "the signature is not one of this file by a key asked for");
}

static int check_bundle(struct outcome *f, const struct blob_options *o,
                        const struct blob_keys *keys, struct bytes content, struct err *err)
{
    struct buf CLEANUP(buf_clear) json = BUF_INIT(BUNDLE_STATEMENT_MAX);
    struct bundle CLEANUP(bundle_clear) bundle = { .log_entries = 0 };
    uint8_t digest[HASH_MAX];

    if (file_read(&json, o->bundle, err) != 0)
        return misnamed(err);
    if (bundle_parse(&bundle, buf_bytes(&json), json.len, err) != 0) {
        err->code = ERR_CONFIG;
        return err_wrap(err, "%s", o->bundle);
    }
    if (bundle.content != BUNDLE_MESSAGE)
        return refuse(f, REASON_WRONG_TYPE,
                      "the bundle holds an attestation, not a signature of a file");
    if (bundle.material == BUNDLE_CERTIFICATE)
        return refuse(f, REASON_UNSUPPORTED,
                      "signed with a certificate: keyless verification is not supported yet");
    if (hash_bytes(digest, bundle.digest_algorithm, content, err) != 0)
        return -1;
    if (!bytes_equal(buf_bytes(&bundle.message_digest),
                     (struct bytes) { digest, hash_size(bundle.digest_algorithm) }))
        return refuse(f, REASON_WRONG_SUBJECT, "the bundle is of other content: digests differ");
    return check_signature(f, keys, content, buf_bytes(&bundle.signature), err);
}

static int check_bare(struct outcome *f, const struct blob_options *o, const struct blob_keys *keys,
                      struct bytes content, struct err *err)
{
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(SIGNATURE_BYTES_MAX);

    if (common_signature_file(NULL, &signature, o->signature, err) != 0)
        return -1;
    return check_signature(f, keys, content, buf_bytes(&signature), err);
}

static void print_finding(const struct outcome *f, const struct blob_options *o, const char *path,
                          enum report_format format)
{
    struct buf CLEANUP(buf_clear) line = BUF_INIT(64 * KIB);
    const bool allowed = f->verdict == VERDICT_ALLOW;

    if (format == REPORT_JSON) {
        buf_add_text(&line, "{\"blob\":");
        text_json(&line, bytes_text(path));
        buf_addf(&line,
                 ",\"verdict\":\"%s\",\"reason\":\"%s\",\"message\":", verdict_name(f->verdict),
                 reason_name(f->reason));
        text_json(&line, bytes_text(allowed ? "" : f->text));
        buf_add_char(&line, '}');
    } else if (allowed)
        buf_addf(&line, "blob %s allowed: signed with %s (%s); when it was signed is not proven",
                 path, o->keys.values[f->key], scheme_name(f->scheme));
    else
        buf_addf(&line, "blob %s denied: %s: %s", path, reason_name(f->reason), f->text);
    printf("%s\n", buf_text(&line));
}

static int verify_blob(const struct blob_options *o, const char *path, struct err *err)
{
    struct file_map CLEANUP(file_unmap) file = { .mapped = NULL };
    struct blob_keys keys = { .n = 0 };
    struct outcome f = { .verdict = VERDICT_DENY };
    enum report_format format;

    if (report_format_parse(&format, o->output, err) != 0)
        return -1;
    if ((o->bundle == NULL) == (o->signature == NULL))
        return err_set(err, ERR_USAGE,
                       "say where the signature is: --bundle FILE or --signature FILE");
    if (common_public_keys(&keys.keys, &keys.n, &o->keys, err) != 0)
        return -1;
    int checked = 0;
    if (file_map(&file, path, BLOB_READ_MAX, err) != 0)
        checked = misnamed(err);
    else
        checked = o->bundle != NULL ? check_bundle(&f, o, &keys, file.content, err)
                                    : check_bare(&f, o, &keys, file.content, err);
    common_public_keys_free(keys.keys, keys.n);
    if (checked != 0)
        return -1;
    print_finding(&f, o, path, format);
    return f.verdict == VERDICT_ALLOW ? 0 : 1;
}

static int run_blob(int argc, char **argv, struct err *err)
{
    struct blob_options o = { .bundle = NULL };
    bool ignore_log = true, help;
    int first;
    const struct option table[] = {
        { "key", 'k', OPTION_LIST, &o.keys, "KEY",
          "public key: file, - (standard input) or env://NAME; of several any one counts" },
        { "bundle", 0, OPTION_TEXT, &o.bundle, "FILE", "the Sigstore bundle" },
        { "signature", 0, OPTION_TEXT, &o.signature, "FILE", "or the bare signature, base64" },
        { "output", 'o', OPTION_TEXT, &o.output, "FORMAT", "text (default) or json" },
        { "insecure-ignore-tlog", 0, OPTION_FLAG, &ignore_log, NULL, NULL },
        KEYLESS_OPTIONS,
        { 0 },
    };

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "verify", &verify_blob_command, table);
    else if (done == 0 && argc - first != 1)
        done = err_set(err, ERR_USAGE, "one file is verified at a time");
    else if (done == 0 && !ignore_log)
        done = err_set(err, ERR_USAGE, "transparency logs are not supported yet");
    else if (done == 0)
        done = verify_blob(&o, argv[first], err);
    option_lists_free(table);
    return done;
}

const struct command verify_blob_command = {
    .name = "blob",
    .summary = "verify a file",
    .usage = "FILE --bundle FILE --key KEY",
    .details = "Exit status: 0 allowed, 1 denied, 2 the command line, a key or the bundle is "
               "wrong, 3 it could not be\n"
               "found out.",
    .run = run_blob,
};
