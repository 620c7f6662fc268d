#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "keys/key_file.h"
#include "sign/commands.h"

/* sign generate-key-pair, import-key-pair, public-key: files that cosign reads and writes too. */

/* The private half is created exclusively: a key is never overwritten unless that is asked for. */
static int write_pair(const char *prefix, const struct buf *pem, const struct buf *public_pem,
                      bool force, struct err *err)
{
    char *CLEANUP(mem_freep) private_path = NULL;
    char *CLEANUP(mem_freep) public_path = NULL;

    if (asprintf(&private_path, "%s.key", prefix) < 0 ||
        asprintf(&public_path, "%s.pub", prefix) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    int written = force ? file_write(private_path, buf_bytes(pem), 0600, err)
                        : file_create(private_path, buf_bytes(pem), 0600, err);
    if (written != 0 && err->code == ERR_CONFLICT) {
        err_set(err, ERR_USAGE,
                "%s exists; --force replaces it, and what only that key can prove is lost then",
                private_path);
        return -1;
    }
    if (written != 0 || file_write(public_path, buf_bytes(public_pem), 0644, err) != 0)
        return -1;
    fprintf(stderr, "Private key written to %s\nPublic key written to %s\n", private_path,
            public_path);
    return 0;
}

/* Before the password is asked for: nobody types one in vain. */
static int check_free(const char *prefix, bool force, struct err *err)
{
    char *CLEANUP(mem_freep) path = NULL;

    if (asprintf(&path, "%s.key", prefix) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!force && file_exists(path))
        return err_set(
            err, ERR_USAGE,
            "%s exists; --force replaces it, and what only that key can prove is lost then", path);
    return 0;
}

static int no_arguments(int argc, int first, char **argv, struct err *err)
{
    if (first < argc)
        return err_set(err, ERR_USAGE, "unexpected argument '%s'", argv[first]);
    return 0;
}

static int generate(const char *algorithm_name, const char *prefix,
                    const struct password_source *source, bool force, struct err *err)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) public_pem = BUF_INIT(KEY_FILE_MAX);
    struct secret *CLEANUP(secret_freep) password = NULL;
    enum key_algorithm algorithm = KEY_ALGORITHM_ECDSA_P256;

    if ((algorithm_name != NULL && key_algorithm_parse(&algorithm, algorithm_name, err) != 0) ||
        check_free(prefix, force, err) != 0 || password_read(&password, source, err) != 0 ||
        key_generate(&pem, &public_pem, algorithm, password, err) != 0)
        return -1;
    return write_pair(prefix, &pem, &public_pem, force, err);
}

static int run_generate(int argc, char **argv, struct err *err)
{
    struct password_source source = PASSWORD_SOURCE_DEFAULT;
    const char *algorithm = NULL, *prefix = "cosign";
    int64_t password_fd = -1;
    bool force = false, help;
    int first;
    const struct option table[] = {
        { "algorithm", 0, OPTION_TEXT, &algorithm, "NAME",
          "ecdsa-p256 (default), ecdsa-p384, ed25519, rsa-2048, rsa-3072, rsa-4096" },
        { "output-key-prefix", 'o', OPTION_TEXT, &prefix, "PREFIX",
          "write PREFIX.key and PREFIX.pub (default cosign)" },
        { "password-file", 0, OPTION_TEXT, &source.file, "FILE", "file with the password" },
        { "password-fd", 0, OPTION_NUMBER, &password_fd, "FD",
          "file descriptor to read the password from" },
        { "force", 0, OPTION_FLAG, &force, NULL, "replace an existing key" },
        { "kms", 0, OPTION_REFUSED, NULL, "URI", "key management services are not supported yet" },
        { 0 },
    };

    source.confirm = true;
    if (option_parse(argc, argv, table, &first, &help, err) != 0)
        return -1;
    if (help) {
        option_help(stdout, "sign", &sign_generate_key_pair_command, table);
        return 0;
    }
    source.fd = (int)password_fd;
    if (no_arguments(argc, first, argv, err) != 0)
        return -1;
    return generate(algorithm, prefix, &source, force, err);
}

/* What import-key-pair is told. */
struct import_options {
    const char *path, *prefix;
    const char *old_password; /* file with the password of the key as it comes */
    struct password_source password;
    bool force;
};

static int read_old_password(struct secret **out, const struct import_options *o, struct err *err)
{
    const struct password_source source = { .fd = -1, .file = o->old_password };

    return o->old_password == NULL ? 0 : password_read(out, &source, err);
}

static int import(const struct import_options *o, struct err *err)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) public_pem = BUF_INIT(KEY_FILE_MAX);
    struct secret *CLEANUP(secret_freep) foreign = NULL;
    struct secret *CLEANUP(secret_freep) old = NULL;
    struct secret *CLEANUP(secret_freep) password = NULL;

    if (o->path == NULL)
        return err_set(err, ERR_USAGE, "--key FILE: the key to import");
    if (check_free(o->prefix, o->force, err) != 0 || read_old_password(&old, o, err) != 0)
        return -1;
    if (file_read_secret(&foreign, o->path, KEY_FILE_MAX, NULL, err) != 0) {
        err->code = err->code == ERR_NOT_FOUND ? ERR_USAGE : err->code;
        return -1;
    }
    if (password_read(&password, &o->password, err) != 0)
        return -1;
    if (key_import(&pem, &public_pem, secret_bytes(foreign), old, password, err) != 0) {
        if (err->code == ERR_AUTH && old == NULL)
            return err_set(err, ERR_USAGE,
                           "%s is encrypted: --old-password-file FILE holds its password", o->path);
        return err_wrap(err, "%s", o->path);
    }
    return write_pair(o->prefix, &pem, &public_pem, o->force, err);
}

static int run_import(int argc, char **argv, struct err *err)
{
    struct import_options o = { .prefix = "import-cosign", .password = PASSWORD_SOURCE_DEFAULT };
    int64_t password_fd = -1;
    bool yes = false, help;
    int first;
    const struct option table[] = {
        { "key", 'k', OPTION_TEXT, &o.path, "FILE",
          "private key as PEM: PKCS#1, SEC1, PKCS#8, or a cosign key file" },
        { "old-password-file", 0, OPTION_TEXT, &o.old_password, "FILE",
          "file with the password of an encrypted key, as it comes" },
        { "output-key-prefix", 'o', OPTION_TEXT, &o.prefix, "PREFIX",
          "write PREFIX.key and PREFIX.pub (default import-cosign)" },
        { "password-file", 0, OPTION_TEXT, &o.password.file, "FILE", "file with the new password" },
        { "password-fd", 0, OPTION_NUMBER, &password_fd, "FD",
          "file descriptor to read the new password from" },
        { "force", 0, OPTION_FLAG, &o.force, NULL, "replace an existing key" },
        { "yes", 'y', OPTION_FLAG, &yes, NULL, NULL },
        { 0 },
    };

    o.password.confirm = true;
    if (option_parse(argc, argv, table, &first, &help, err) != 0)
        return -1;
    if (help) {
        option_help(stdout, "sign", &sign_import_key_pair_command, table);
        return 0;
    }
    o.password.fd = (int)password_fd;
    if (no_arguments(argc, first, argv, err) != 0)
        return -1;
    return import(&o, err);
}

static int print_public(const char *key, const struct password_source *source, const char *outfile,
                        struct err *err)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);

    if (key == NULL)
        return err_set(err, ERR_USAGE, "--key KEY: the key whose public half is wanted");
    if (key_file_public(&pem, key, source, err) != 0)
        return -1;
    if (outfile != NULL)
        return file_write(outfile, buf_bytes(&pem), 0644, err);
    fputs(buf_text(&pem), stdout);
    return 0;
}

static int run_public(int argc, char **argv, struct err *err)
{
    struct password_source source = PASSWORD_SOURCE_DEFAULT;
    const char *key = NULL, *outfile = NULL;
    int64_t password_fd = -1;
    int first;
    bool help;
    const struct option table[] = {
        { "key", 'k', OPTION_TEXT, &key, "KEY", "file, - (standard input) or env://NAME" },
        { "outfile", 0, OPTION_TEXT, &outfile, "FILE", "write there instead of standard output" },
        { "password-file", 0, OPTION_TEXT, &source.file, "FILE", "file with the password" },
        { "password-fd", 0, OPTION_NUMBER, &password_fd, "FD",
          "file descriptor to read the password from" },
        { 0 },
    };

    if (option_parse(argc, argv, table, &first, &help, err) != 0)
        return -1;
    if (help) {
        option_help(stdout, "sign", &sign_public_key_command, table);
        return 0;
    }
    source.fd = (int)password_fd;
    if (no_arguments(argc, first, argv, err) != 0)
        return -1;
    return print_public(key, &source, outfile, err);
}

const struct command sign_generate_key_pair_command = {
    .name = "generate-key-pair",
    .summary = "make a key pair",
    .usage = "[--algorithm NAME] [--output-key-prefix PREFIX]",
    .details = "The private key is encrypted in cosign's form. Its password comes from "
               "--password-fd, --password-file,\n"
               "COSIGN_PASSWORD, the terminal, or standard input.",
    .run = run_generate,
};

const struct command sign_import_key_pair_command = {
    .name = "import-key-pair",
    .summary = "take in a key made elsewhere",
    .usage = "--key FILE [--output-key-prefix PREFIX]",
    .details = "The imported key is encrypted in cosign's form with the new password.",
    .run = run_import,
};

const struct command sign_public_key_command = {
    .name = "public-key",
    .summary = "print the public half of a key",
    .usage = "--key KEY",
    .run = run_public,
};
