#include "webhook/options.h"

#include <string.h>

#include "base/limits.h"
#include "base/version.h"

#define USER_AGENT "bulla-webhook/" VERSION_TEXT

#define WORKERS_MAX 1024        /* each is a thread that waits for a registry */
#define QUEUE_MAX 1000000       /* look-ups that wait: a kilobyte each */
#define CONNECTIONS_MAX 1000000 /* more than a process may have open */
#define WAIT_MAX_MS (60 * 60000LL)

static int check_range(const char *name, int64_t value, int64_t min, int64_t max, struct err *err)
{
    if (value >= min && value <= max)
        return 0;
    return err_set(err, ERR_USAGE, "--%s: a number from %lld to %lld is wanted", name,
                   (long long)min, (long long)max);
}

static int check_wait(const char *name, int64_t millis, struct err *err)
{
    if (millis <= WAIT_MAX_MS)
        return 0;
    return err_set(err, ERR_USAGE, "--%s: longer than an hour", name);
}

int options_check(const struct options *o, int positional, struct err *err)
{
    if (positional > 0)
        return err_set(err, ERR_USAGE, "images are not named on the command line: a cluster asks");
    if (o->policy == NULL)
        return err_set(err, ERR_USAGE, "no policy: say what judges with --policy FILE");
    if (o->cert == NULL || o->key == NULL)
        return err_set(err, ERR_USAGE,
                       "--tls-cert and --tls-key are needed: API servers call "
                       "webhooks over TLS only");
    if (o->client_names.n > 0 && o->client_ca == NULL)
        return err_set(err, ERR_USAGE,
                       "--client-name needs --client-ca: a name alone proves "
                       "nothing");
    if (!o->pull_secrets && (o->kube_api != NULL || o->kube_folder != NULL))
        return err_set(err, ERR_USAGE, "--kube-api and --kube-folder need --pull-secrets");
    if (check_range("workers", o->workers, 1, WORKERS_MAX, err) != 0 ||
        check_range("queue", o->queue, 1, QUEUE_MAX, err) != 0 ||
        check_range("connections", o->connections, 4, CONNECTIONS_MAX, err) != 0)
        return -1;
    if (o->lookup_ms < 1)
        return err_set(err, ERR_USAGE, "--lookup-timeout: no time at all");
    if (o->memory < REVIEW_BYTES_MAX)
        return err_set(err, ERR_USAGE, "--memory: less than one review may have (8MiB)");
    if (check_wait("lookup-timeout", o->lookup_ms, err) != 0 ||
        check_wait("drain", o->drain_ms, err) != 0 ||
        check_wait("drain-delay", o->drain_delay_ms, err) != 0)
        return -1;
    return 0;
}

int options_log(const struct options *o, enum log_format otherwise, struct err *err)
{
    enum log_format format = otherwise;

    if (log_format_parse(&format, o->log_format, err) != 0)
        return -1;
    log_setup(o->quiet ? LOG_ERROR : o->verbose ? LOG_DEBUG : LOG_INFO, format, "webhook");
    return 0;
}

void options_generations(struct generations_options *out, const struct options *o)
{
    *out = (struct generations_options) {
        .files = { .policy = o->policy,
                   .registries = o->registries,
                   .token = o->token_file,
                   .tls = { .cert = o->cert,
                            .key = o->key,
                            .client_ca = o->client_ca,
                            .client_names = o->client_names.values,
                            .n_client_names = o->client_names.n },
                   .auth = o->auth_files.values,
                   .n_auth = o->auth_files.n },
        .registries = { .user_agent = USER_AGENT },
        .engine = { .timeout_ms = o->lookup_ms, .max_statement = o->max_statement },
    };
}

void options_pull_secrets(struct pull_secrets_options *out, const struct options *o)
{
    *out = (struct pull_secrets_options) { .api = o->kube_api,
                                           .folder = o->kube_folder,
                                           .user_agent = USER_AGENT };
}
