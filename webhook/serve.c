#include "webhook/serve.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/places.h"
#include "webhook/process.h"
#include "webhook/serving.h"
#include "webhook/watch.h"

#define POLL_MS 10             /* between looks at whether all is answered */
#define METRICS_CONNECTIONS 64 /* scrapers */
#define ADDRESS_MAX 320        /* bytes: a host name and a port */
#define SERIAL_TEXT 24         /* bytes of a serial in decimal */
#define STOP_MS 1000           /* for threads that only have to notice */

/* --- What is told --- */

static void observe(void *context, const char *method, const char *url, long status, int64_t micros)
{
    struct buf CLEANUP(buf_clear) host = BUF_INIT(URL_MAX);

    if (http_url_host(&host, url, NULL) == 0)
        metrics_registry(context, buf_text(&host), status);
    log_debug("%s %s: %ld in %lld ms", method, url, status, (long long)(micros / 1000));
}

static void warn(void *context, const char *host, const char *text)
{
    (void)context;
    log_warn("%s says: %s", host, text);
}

#define POLICY_FIELDS 3
static void policy_fields(struct log_field out[POLICY_FIELDS], char serial[SERIAL_TEXT],
                          const struct policy *policy)
{
    snprintf(serial, SERIAL_TEXT, "%lld", (long long)policy->serial);
    out[0] = (struct log_field) { "policy", policy->name };
    out[1] = (struct log_field) { "serial", policy->serial < 0 ? NULL : serial };
    out[2] = (struct log_field) { "hash", policy->hash };
}

static void changed(void *context, const struct generation *now, const struct err *why)
{
    struct serving *s = context;
    struct log_field fields[POLICY_FIELDS];
    char serial[SERIAL_TEXT];
    const unsigned long long number = now->number;

    policy_fields(fields, serial, now->file.policy);
    if (why != NULL) {
        log_event(LOG_ERROR, fields, POLICY_FIELDS, "reload failed, generation %llu serves on: %s",
                  number, err_text(why));
        return;
    }
    tls_use(s->tls, now->identity);
    log_event(LOG_INFO, fields, POLICY_FIELDS, "reloaded: generation %llu", number);
}

/* The address asked for, with the port that it became. */
static void address_text(char out[ADDRESS_MAX], const char *listen, const struct server *server)
{
    const char *colon = strrchr(listen, ':');
    const int host = colon == NULL ? 0 : (int)(colon - listen);

    snprintf(out, ADDRESS_MAX, "%.*s:%u", host < ADDRESS_MAX / 2 ? host : 0, listen,
             server_port(server));
}

static void tell_listening(struct serving *s, const struct options *o)
{
    struct log_field fields[POLICY_FIELDS + 2];
    char serial[SERIAL_TEXT];
    char address[ADDRESS_MAX];
    char metrics[ADDRESS_MAX];
    const struct generation *now = generation_take(s->generations);

    policy_fields(fields, serial, now->file.policy);
    address_text(address, o->listen, s->server);
    fields[POLICY_FIELDS] = (struct log_field) { "address", address };
    if (s->metrics_server != NULL)
        address_text(metrics, o->metrics_listen, s->metrics_server);
    fields[POLICY_FIELDS + 1] =
        (struct log_field) { "metrics", s->metrics_server == NULL ? NULL : metrics };
    log_event(LOG_INFO, fields, ARRAY_LEN(fields), "listening");
    generation_drop(now);
}

/* --- Start --- */

static void validate(void *context, struct exchange *exchange)
{
    const struct serving *s = context;

    admission_validate(s->admission, exchange);
}

static void mutate(void *context, struct exchange *exchange)
{
    const struct serving *s = context;

    admission_mutate(s->admission, exchange);
}

static const struct server_route routes[] = {
    { "/validate", "POST", ACCESS_CALLER, validate },
    { "/mutate", "POST", ACCESS_CALLER, mutate },
    { "/healthz", "GET", ACCESS_OPEN, serving_healthz },
    { "/readyz", "GET", ACCESS_OPEN, serving_readyz },
    { .path = NULL },
};

static const struct server_route metrics_routes[] = {
    { "/metrics", "GET", ACCESS_OPEN, serving_metrics },
    { .path = NULL },
};

static int start_generations(struct serving *s, const struct options *o, struct err *err)
{
    struct generations_options generations;

    options_generations(&generations, o);
    generations.registries.observe = observe;
    generations.registries.warn = warn;
    generations.registries.observe_context = s->metrics;
    generations.changed = changed;
    generations.context = s;
    return generations_new(&s->generations, &generations, err);
}

static int start_tls(struct serving *s, struct err *err)
{
    const struct generation *now = generation_take(s->generations);
    const int made = tls_new(&s->tls, now->identity, err);

    generation_drop(now);
    return made;
}

static int start_pull_secrets(struct serving *s, const struct options *o, struct err *err)
{
    struct pull_secrets_options options;

    if (!o->pull_secrets)
        return 0;
    options_pull_secrets(&options, o);
    if (pull_secrets_new(&s->pull_secrets, &options, err) != 0)
        return err_wrap(err, "--pull-secrets");
    return 0;
}

static int start_admission(struct serving *s, const struct options *o,
                           const struct kube_kinds *kinds, struct err *err)
{
    const struct lookups_options lookups = { .max_bytes = o->cache,
                                             .workers = (int)o->workers,
                                             .queue = (size_t)o->queue,
                                             .deadline_ms = o->lookup_ms };

    if (start_pull_secrets(s, o, err) != 0 || lookups_new(&s->lookups, &lookups, err) != 0)
        return -1;
    const struct admission_options admission = { .generations = s->generations,
                                                 .lookups = s->lookups,
                                                 .metrics = s->metrics,
                                                 .kinds = kinds,
                                                 .pull_secrets = s->pull_secrets,
                                                 .log_allowed = true };
    return admission_new(&s->admission, &admission, err);
}

static int start_servers(struct serving *s, const struct options *o, struct err *err)
{
    const struct server_options reviews = { .listen = o->listen,
                                            .tls = s->tls,
                                            .routes = routes,
                                            .context = s,
                                            .connections = (unsigned)o->connections,
                                            .max_body = REVIEW_BYTES_MAX,
                                            .max_memory = o->memory,
                                            .token_is =
                                                o->token_file == NULL ? NULL : serving_token_is };
    const struct server_options metrics = { .listen = o->metrics_listen,
                                            .routes = metrics_routes,
                                            .context = s,
                                            .threads = 1,
                                            .connections = METRICS_CONNECTIONS };

    /* The page of metrics asks the server of reviews for its state: that one is first. */
    if (server_start(&s->server, &reviews, err) != 0)
        return err_wrap(err, "--listen %s", o->listen);
    if (o->metrics_listen != NULL && server_start(&s->metrics_server, &metrics, err) != 0)
        return err_wrap(err, "--metrics-listen %s", o->metrics_listen);
    return 0;
}

static int start(struct serving *s, const struct options *o, const struct kube_kinds *kinds,
                 struct err *err)
{
    if (metrics_new(&s->metrics, err) != 0 || start_generations(s, o, err) != 0 ||
        start_tls(s, err) != 0 || start_admission(s, o, kinds, err) != 0 ||
        start_servers(s, o, err) != 0)
        return -1;
    return watch_start(&s->watch, s->generations, 0, err);
}

/* --- End --- */

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Until one of the set comes, or the deadline: 0 then. */
static int wait_signal(const sigset_t *set, int64_t deadline)
{
    for (;;) {
        const int64_t left = deadline - clock_millis();
        if (left <= 0)
            return 0;
        const struct timespec wait = clock_timespec(left);
        const int came = sigtimedwait(set, NULL, &wait);
        if (came > 0)
            return came;
    }
}

static void serve_until_told(struct serving *s, const sigset_t *set)
{
    int came = 0;

    while (sigwait(set, &came) == 0 && came == SIGHUP)
        watch_reload(s->watch);
    log_info("%s: not ready any more", came == SIGINT ? "SIGINT" : "SIGTERM");
}

/* Endpoints take a while to forget this process: new connections are served until then, unless a
 * second signal says not to wait. */
static void wait_forgotten(const sigset_t *set, int64_t delay_ms)
{
    const int64_t until = clock_deadline(delay_ms);
    int came = SIGHUP;

    while (came == SIGHUP)
        came = wait_signal(set, until);
}

static bool all_answered(struct serving *s, int64_t deadline)
{
    for (;;) {
        if (server_idle(s->server) && admission_in_flight(s->admission) == 0)
            return true;
        if (clock_millis() >= deadline)
            return false;
        clock_sleep(POLL_MS);
    }
}

/* False: threads still work with what would be freed. */
static bool stop(struct serving *s, int64_t deadline)
{
    if (!watch_stop(s->watch, deadline))
        return false;
    s->watch = NULL;
    /* nobody waits for what hangs: with its answer, if any, nothing is done */
    if (s->lookups != NULL && !lookups_stop(s->lookups, deadline))
        return false;
    return s->admission == NULL || admission_in_flight(s->admission) == 0;
}

static void clear(struct serving *s)
{
    server_stop(s->metrics_server);
    server_stop(s->server);
    admission_free(s->admission);
    lookups_free(s->lookups);
    pull_secrets_free(s->pull_secrets);
    tls_free(s->tls);
    generations_free(s->generations);
    metrics_free(s->metrics);
}

static void drain(struct serving *s, const struct options *o, const sigset_t *set)
{
    atomic_store(&s->draining, true);
    wait_forgotten(set, o->drain_delay_ms);
    const int64_t deadline = clock_deadline(o->drain_ms);
    server_drain(s->server);
    if (!all_answered(s, deadline))
        log_warn("reviews are still unanswered: ending");
    /* nobody waits for the look-ups that still run: they are not waited for until the deadline */
    if (stop(s, clock_deadline(STOP_MS))) {
        clear(s);
        log_info("ended");
        return;
    }
    log_warn("look-ups are still under way: ending");
    _exit(0);
}

int serve(const struct options *options, struct err *err)
{
    struct kube_kinds CLEANUP(kube_kinds_clear) kinds = KUBE_KINDS_INIT;
    struct serving s = { .metrics = NULL };
    sigset_t set;

    block_signals(&set); /* before there are threads */
    process_allow_files();
    if (places_check(err) != 0 ||
        kube_kinds_parse(&kinds, &options->custom_kinds, &options->ignored_kinds, err) != 0)
        return -1;
    if (start(&s, options, kinds.n == 0 ? NULL : &kinds, err) != 0) {
        /* Nothing was asked for yet: nothing can hang. */
        if (stop(&s, clock_deadline(STOP_MS)))
            clear(&s);
        return -1;
    }
    tell_listening(&s, options);
    serve_until_told(&s, &set);
    drain(&s, options, &set);
    return 0;
}
