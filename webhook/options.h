#ifndef BULLA_WEBHOOK_OPTIONS_H
#define BULLA_WEBHOOK_OPTIONS_H

#include "base/log.h"
#include "base/option.h"
#include "engine/kubernetes_kinds.h"
#include "webhook/generation.h"
#include "webhook/pull_secrets.h"
#include "webhook/server.h"

/*
 * The command line of `webhook` and `webhook doctor`. Of the options that other programs have for
 * registries only those are here that suit a cluster: what is plain HTTP, private or not checked is
 * said host by host in registries.yaml, and credentials come from files that are mounted.
 */
struct options {
    const char *policy, *registries;
    const char *cert, *key;
    const char *client_ca, *token_file;
    struct option_list client_names;
    struct option_list auth_files;
    int64_t lookup_ms;
    size_t max_statement;
    bool pull_secrets;
    const char *kube_api, *kube_folder;
    const char *log_format;
    bool verbose, quiet;

    const char *listen, *metrics_listen;
    struct option_list custom_kinds, ignored_kinds;
    int64_t workers, queue, connections;
    size_t cache, memory;
    int64_t drain_ms, drain_delay_ms;
};

#define STATEMENT_MAX_DEFAULT (8 * MIB) /* of one bundle with a statement: architecture.md */
#define MEMORY_DEFAULT (64 * MIB)       /* of all bodies: eight of the largest, thousands usually */
#define DRAIN_MS_DEFAULT 20000          /* below a Pod's usual 30 s, with the delay before it */
#define DRAIN_DELAY_MS_DEFAULT 3000     /* until no Service sends new connections any more */

#define OPTIONS_INIT                                                                               \
    {                                                                                              \
        .lookup_ms = LOOKUPS_DEADLINE_MS, .max_statement = STATEMENT_MAX_DEFAULT,                  \
        .listen = ":8443", .workers = LOOKUPS_WORKERS, .queue = LOOKUPS_QUEUE,                     \
        .connections = SERVER_CONNECTIONS, .cache = LOOKUPS_BYTES_DEFAULT,                         \
        .memory = MEMORY_DEFAULT, .drain_ms = DRAIN_MS_DEFAULT,                                    \
        .drain_delay_ms = DRAIN_DELAY_MS_DEFAULT                                                   \
    }

/* Rows that both commands have: what is read. */
#define OPTIONS_READ(o)                                                                             \
    { "policy", 0, OPTION_TEXT, &(o)->policy, "FILE", "policy that judges" },                       \
        { "registries",     0,      OPTION_TEXT,                                                    \
          &(o)->registries, "FILE", "how registries are reached (registries.yaml)" },               \
        { "authfile",  0,                                                                           \
          OPTION_LIST, &(o)->auth_files,                                                            \
          "FILE|DIR",  "Docker credentials, or a folder of mounted ones; may be repeated" },        \
        { "tls-cert", 0, OPTION_TEXT, &(o)->cert, "FILE", "certificate to serve with, its chain" }, \
        { "tls-key", 0, OPTION_TEXT, &(o)->key, "FILE", "its key" },                                \
        { "client-ca",     0,      OPTION_TEXT,                                                     \
          &(o)->client_ca, "FILE", "callers must show a certificate of these authorities" },        \
        { "client-name",      0,      OPTION_LIST,                                                  \
          &(o)->client_names, "NAME", "and it must be of this name; may be repeated" },             \
        { "token-file",     0,      OPTION_TEXT,                                                    \
          &(o)->token_file, "FILE", "callers must show this bearer token" },                        \
        { "max-statement-size", 0,      OPTION_SIZE,                                                \
          &(o)->max_statement,  "SIZE", "largest attestation that is read (default 8MiB)" },        \
        { "lookup-timeout", 0,      OPTION_MILLIS,                                                  \
          &(o)->lookup_ms,  "TIME", "time for looking up one image (default 30s)" },                \
        { "pull-secrets",     0,    OPTION_FLAG,                                                    \
          &(o)->pull_secrets, NULL, "use the credentials that imagePullSecrets of Pods name" },     \
        { "kube-api",     0,     OPTION_TEXT,                                                       \
          &(o)->kube_api, "URL", "of the API that has them (default this cluster's)" },             \
        { "kube-folder",     0,     OPTION_TEXT,                                                    \
          &(o)->kube_folder, "DIR", "service account that may read them (default the Pod's)" },     \
        { "log-format",     0,        OPTION_TEXT,                                                  \
          &(o)->log_format, "FORMAT", "log lines as json (default) or text" },                      \
        { "verbose", 'd', OPTION_FLAG, &(o)->verbose, NULL, "say what is asked of registries" },    \
    {                                                                                               \
        "quiet", 'q', OPTION_FLAG, &(o)->quiet, NULL, "errors only"                                 \
    }

/** After option_parse: what does not go together, and numbers out of range, are ERR_USAGE. */
int options_check(const struct options *o, int positional, struct err *err) MUST_CHECK;

/** Logging as the options say. ERR_USAGE. */
int options_log(const struct options *o, enum log_format otherwise, struct err *err) MUST_CHECK;

/** What a generation is read from; borrows from `o`. */
void options_generations(struct generations_options *out, const struct options *o);

/** With --pull-secrets only. */
void options_pull_secrets(struct pull_secrets_options *out, const struct options *o);

#endif
