#ifndef BULLA_ENGINE_COMMON_H
#define BULLA_ENGINE_COMMON_H

#include "base/option.h"
#include "evidence/fact.h"
#include "keys/key_file.h"
#include "registry/registries.h"

/*
 * The options that every command about images has, and what they make: logging, and how registries
 * are reached.
 */
struct common {
    const char *registries_file;
    const char *username, *password_file, *token_file;
    bool password_stdin;
    const char *auth_file, *ca_file, *cert_file, *key_file;
    bool plain_http, insecure;
    int64_t timeout_ms;
    const char *log_format;
    bool verbose, quiet;

    struct secret *password;
    struct secret *token;
    struct registries *registries;
};

#define COMMON_INIT                                                                                \
    {                                                                                              \
        .timeout_ms = 180000                                                                       \
    }

/* Rows for a command's table. Names are cosign's where cosign has the notion. */
#define COMMON_OPTIONS(c)                                                                               \
    { "registries",          0,      OPTION_TEXT,                                                       \
      &(c)->registries_file, "FILE", "how registries are reached (registries.yaml)" },                  \
        { "allow-http-registry", 0,    OPTION_FLAG,                                                     \
          &(c)->plain_http,      NULL, "plain HTTP is allowed for every registry" },                    \
        { "allow-insecure-registry",                                                                    \
          0,                                                                                            \
          OPTION_FLAG,                                                                                  \
          &(c)->insecure,                                                                               \
          NULL,                                                                                         \
          "do not check registries' certificates" },                                                    \
        { "registry-username", 0, OPTION_TEXT, &(c)->username, "NAME", "user name for the registry" },  \
        { "registry-password-stdin", 0,    OPTION_FLAG,                                                 \
          &(c)->password_stdin,      NULL, "read its password from standard input" },                   \
        { "registry-password-file", 0,      OPTION_TEXT,                                                \
          &(c)->password_file,      "FILE", "or read it from a file" },                                 \
        { "registry-password",                                                                          \
          0,                                                                                            \
          OPTION_REFUSED,                                                                               \
          NULL,                                                                                         \
          "PASSWORD",                                                                                   \
          "secrets are not taken on the command line: use --registry-password-stdin or "                \
          "--registry-password-file" },                                                                 \
        { "registry-token-file", 0,      OPTION_TEXT,                                                   \
          &(c)->token_file,      "FILE", "file with a ready bearer token" },                            \
        { "registry-token", 0,                                                                          \
          OPTION_REFUSED,   NULL,                                                                       \
          "TOKEN",          "secrets are not taken on the command line: use --registry-token-file" },   \
        { "authfile",      0,      OPTION_TEXT,                                                         \
          &(c)->auth_file, "FILE", "credentials file instead of the usual places" },                    \
        { "registry-cacert", 0,      OPTION_TEXT,                                                       \
          &(c)->ca_file,     "FILE", "CA certificates to trust besides the system's" },                 \
        { "registry-client-cert", 0, OPTION_TEXT, &(c)->cert_file, "FILE", "client certificate" },      \
        { "registry-client-key", 0, OPTION_TEXT, &(c)->key_file, "FILE", "its key" },                   \
        { "timeout", 't', OPTION_MILLIS, &(c)->timeout_ms, "TIME", "time for one image (default 3m)" }, \
        { "log-format",     0,        OPTION_TEXT,                                                      \
          &(c)->log_format, "FORMAT", "log lines as text (default) or json" },                          \
        { "verbose", 'd', OPTION_FLAG, &(c)->verbose, NULL, "say what is asked of registries" },        \
    {                                                                                                   \
        "quiet", 'q', OPTION_FLAG, &(c)->quiet, NULL, "errors only"                                     \
    }

/** A whole program: libraries started, then option_main(). */
int common_main(int argc, char **argv, const char *program, const char *intro,
                const struct command *commands);

/** The run function of a word that is a command, not an image, and does not work yet: refused by
 * name. */
int common_not_yet(int argc, char **argv, struct err *err);

/** A signature file as tools write it: base64, perhaps with a newline. Appended to `base64` (may be
 * NULL) as text and to `raw` decoded. -1 with ERR_CONFIG (not there, not base64), ERR_IO,
 * ERR_LIMIT. */
int common_signature_file(struct buf *base64, struct buf *raw, const char *path,
                          struct err *err) MUST_CHECK;

/** After option_parse: log set up, secrets read, registries.yaml read. -1 with ERR_USAGE,
 * ERR_CONFIG. */
int common_start(struct common *c, const char *program, struct err *err) MUST_CHECK;
void common_clear(struct common *c);

/** Positional arguments as image references: all are parsed before any work. At least one, at most
 * IMAGES_MAX. */
int common_images(struct reference **out, size_t *n, int argc, char **argv,
                  struct err *err) MUST_CHECK;
void common_images_free(struct reference *images, size_t n);

/** "k=v" and "k=v,k2=v2" as cosign takes them (sigstore.md 2.2), in the arena. A name given twice
 * is ERR_USAGE. */
int common_annotations(struct annotation **out, size_t *n, const struct option_list *list,
                       struct arena *arena, struct err *err) MUST_CHECK;

/** Public keys named by --key options. ERR_USAGE when there is none. A private key file gives its
 * public half only with its password, so it is refused with a hint. */
int common_public_keys(struct public_key ***out, size_t *n, const struct option_list *list,
                       struct err *err) MUST_CHECK;
void common_public_keys_free(struct public_key **keys, size_t n);

/* Flags of keyless signing and verification, of logs and timestamps: recognised and refused by
 * name. */
#define KEYLESS_REFUSED(name_, argument_)                                                          \
    {                                                                                              \
        name_, 0, OPTION_REFUSED, NULL, argument_,                                                 \
            "keyless signatures, logs and timestamps are not supported yet: use --key"             \
    }
#define KEYLESS_OPTIONS                                                                            \
    KEYLESS_REFUSED("certificate-identity", "ID"),                                                 \
        KEYLESS_REFUSED("certificate-identity-regexp", "RE"),                                      \
        KEYLESS_REFUSED("certificate-oidc-issuer", "URL"),                                         \
        KEYLESS_REFUSED("certificate-oidc-issuer-regexp", "RE"),                                   \
        KEYLESS_REFUSED("certificate", "FILE"), KEYLESS_REFUSED("certificate-chain", "FILE"),      \
        KEYLESS_REFUSED("ca-roots", "FILE"), KEYLESS_REFUSED("ca-intermediates", "FILE"),          \
        KEYLESS_REFUSED("trusted-root", "FILE"), KEYLESS_REFUSED("signing-config", "FILE"),        \
        KEYLESS_REFUSED("use-signed-timestamps", NULL),                                            \
        KEYLESS_REFUSED("timestamp-server-url", "URL"),                                            \
        KEYLESS_REFUSED("timestamp-certificate-chain", "FILE"),                                    \
        KEYLESS_REFUSED("rfc3161-timestamp", "FILE"), KEYLESS_REFUSED("identity-token", "TOKEN"),  \
        KEYLESS_REFUSED("fulcio-url", "URL"), KEYLESS_REFUSED("rekor-url", "URL"),                 \
        KEYLESS_REFUSED("oidc-issuer", "URL"), KEYLESS_REFUSED("sct", "FILE"),                     \
        KEYLESS_REFUSED("sk", NULL), KEYLESS_REFUSED("slot", "SLOT")

#endif
