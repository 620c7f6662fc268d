#include <stdio.h>

#include "base/file.h"
#include "base/file_map.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/common.h"
#include "evidence/bundle.h"
#include "keys/key_file.h"
#include "sign/commands.h"

/* sign blob FILE: a signature of a file, as a Sigstore bundle. */
struct blob_options {
    const char *key, *bundle, *output_signature;
    struct password_source password;
};

static int sign_content(struct signer *signer, struct bytes content, const struct blob_options *o,
                        struct err *err)
{
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(SIGNATURE_BYTES_MAX);
    struct buf CLEANUP(buf_clear) base64 = BUF_INIT(2 * SIGNATURE_BYTES_MAX);
    struct buf CLEANUP(buf_clear) bundle = BUF_INIT(BUNDLE_SIGNATURE_MAX);
    struct buf CLEANUP(buf_clear) hint = BUF_INIT(64);
    uint8_t digest[32];

    public_key_hint(&hint, signer_key(signer));
    if (signer_sign(signer, content, &signature, err) != 0 ||
        hash_bytes(digest, HASH_SHA256, content, err) != 0 ||
        bundle_write_message(&bundle, buf_bytes(&hint), digest, buf_bytes(&signature), err) != 0)
        return -1;
    base64_encode(&base64, buf_bytes(&signature), BASE64_STANDARD);
    if (buf_check(&base64, "signature", err) != 0)
        return -1;
    if (o->bundle != NULL && file_write(o->bundle, buf_bytes(&bundle), 0644, err) != 0)
        return -1;
    if (o->output_signature != NULL)
        return file_write(o->output_signature, buf_bytes(&base64), 0644, err);
    if (o->bundle == NULL)
        printf("%s\n", buf_text(&base64));
    return 0;
}

static int sign_file(const struct blob_options *o, const char *path, struct err *err)
{
    struct signer *CLEANUP(signer_freep) signer = NULL;
    struct file_map CLEANUP(file_unmap) file = { .mapped = NULL };
    bool loose = false;

    if (o->key == NULL)
        return err_set(err, ERR_USAGE, "no key: --key FILE says what to sign with");
    log_setup(LOG_INFO, LOG_TEXT, "sign");
    if (file_map(&file, path, BLOB_READ_MAX, err) != 0) {
        err->code =
            err->code == ERR_NOT_FOUND ? ERR_USAGE : err->code; /* the command line names it */
        return -1;
    }
    if (key_file_signer(&signer, o->key, &o->password, &loose, err) != 0)
        return -1;
    if (loose)
        log_warn("%s can be read by others: chmod 600 %s", o->key, o->key);
    return sign_content(signer, file.content, o, err);
}

static int run_blob(int argc, char **argv, struct err *err)
{
    struct blob_options o = { .password = PASSWORD_SOURCE_DEFAULT };
    int64_t password_fd = -1;
    int first;
    bool help, yes = false;
    const struct option table[] = {
        { "key", 'k', OPTION_TEXT, &o.key, "KEY",
          "private key: file, - (standard input) or env://NAME" },
        { "bundle", 0, OPTION_TEXT, &o.bundle, "FILE", "write the Sigstore bundle" },
        { "output-signature", 0, OPTION_TEXT, &o.output_signature, "FILE",
          "write the signature, base64" },
        { "password-file", 0, OPTION_TEXT, &o.password.file, "FILE",
          "file with the key's password" },
        { "password-fd", 0, OPTION_NUMBER, &password_fd, "FD",
          "file descriptor to read the password from" },
        { "yes", 'y', OPTION_FLAG, &yes, NULL, NULL },
        KEYLESS_OPTIONS,
        { 0 },
    };

    if (option_parse(argc, argv, table, &first, &help, err) != 0)
        return -1;
    if (help) {
        option_help(stdout, "sign", &sign_blob_command, table);
        return 0;
    }
    o.password.fd = (int)password_fd;
    if (argc - first != 1)
        return err_set(err, ERR_USAGE, "one file is signed at a time");
    return sign_file(&o, argv[first], err);
}

const struct command sign_blob_command = {
    .name = "blob",
    .summary = "sign a file",
    .usage = "FILE --key KEY --bundle FILE",
    .details = "FILE - is standard input. Without --bundle and --output-signature the signature is "
               "printed.",
    .run = run_blob,
};
