#include "webhook/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/version.h"
#include "webhook/process.h"

#define HOSTS 64       /* registry hosts counted by name: a cluster uses a handful */
#define HOST_NAME 300  /* bytes: a DNS name of 253 and a port; longer ones count as others */
#define OTHER HOSTS    /* the row of all other hosts */
#define MODES 3        /* of enum policy_mode */
#define VERDICTS 3     /* of enum verdict */
#define STATUS_TEXT 16 /* bytes of a status label */

typedef _Atomic(uint64_t) counter;

/* Upper bounds in microseconds, and as they are shown. From a warm review to the longest that an
 * API server waits. */
static const struct {
    int64_t micros;
    const char *le;
} buckets[] = {
    { 100, "0.0001" },  { 250, "0.00025" }, { 500, "0.0005" },  { 1000, "0.001" },
    { 2500, "0.0025" }, { 5000, "0.005" },  { 10000, "0.01" },  { 25000, "0.025" },
    { 50000, "0.05" },  { 100000, "0.1" },  { 250000, "0.25" }, { 500000, "0.5" },
    { 1000000, "1" },   { 2500000, "2.5" }, { 5000000, "5" },   { 10000000, "10" },
    { 30000000, "30" },
};
#define BUCKETS ARRAY_LEN(buckets)

struct histogram {
    counter in[BUCKETS + 1]; /* the last: above all bounds */
    counter micros;
};

/* Statuses by name; any other answer counts as "other". */
static const struct {
    long status;
    const char *text;
} statuses[] = {
    { 0, "none" },  { 200, "200" }, { 206, "206" }, { 301, "301" }, { 302, "302" },
    { 304, "304" }, { 307, "307" }, { 308, "308" }, { 400, "400" }, { 401, "401" },
    { 403, "403" }, { 404, "404" }, { 405, "405" }, { 408, "408" }, { 429, "429" },
    { 500, "500" }, { 502, "502" }, { 503, "503" }, { 504, "504" },
};
#define STATUSES (ARRAY_LEN(statuses) + 1)

struct host_row {
    char name[HOST_NAME];
    counter answers[STATUSES];
};

struct metrics {
    int64_t started; /* seconds */
    counter reviews[METRICS_PATHS][VERDICTS][MODES][REASON_CODES];
    counter images[VERDICTS][MODES][REASON_CODES];
    struct histogram latency[METRICS_PATHS];
    struct histogram phases[PHASES];
    counter cache[CACHE_CLASSES];
    counter bad_requests;
    pthread_mutex_t naming; /* of a host that was not met before */
    atomic_size_t n_hosts;  /* rows that have a name: written before it is counted */
    struct host_row hosts[HOSTS + 1];
};

static const char *const path_names[] = {
    [METRICS_VALIDATE] = "validate", [METRICS_MUTATE] = "mutate"
};
static const char *const phase_names[] = { [PHASE_SELECT] = "select",
                                           [PHASE_RESOLVE] = "resolve",
                                           [PHASE_COLLECT] = "collect",
                                           [PHASE_CHECK] = "check",
                                           [PHASE_JUDGE] = "judge" };
static const char *const cache_names[] = { [CACHE_HIT] = "hit",
                                           [CACHE_MISS] = "miss",
                                           [CACHE_PROVEN] = "proven",
                                           [CACHE_UNNEEDED] = "unneeded" };
_Static_assert(ARRAY_LEN(path_names) == METRICS_PATHS, "a name for each path");
_Static_assert(ARRAY_LEN(phase_names) == PHASES, "a name for each phase");
_Static_assert(ARRAY_LEN(cache_names) == CACHE_CLASSES, "a name for each class");

int metrics_new(struct metrics **out, struct err *err)
{
    struct metrics *m = mem_new(1, sizeof(*m), err);

    *out = NULL;
    if (m == NULL)
        return -1;
    m->started = clock_seconds();
    pthread_mutex_init(&m->naming, NULL);
    memcpy(m->hosts[OTHER].name, "other", sizeof("other"));
    *out = m;
    return 0;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    pthread_mutex_destroy(&m->naming);
    free(m);
}

/* --- Counting --- */

static void count(counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static uint64_t value(const counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

static void observe(struct histogram *h, int64_t micros)
{
    size_t i = 0;

    if (micros < 0)
        micros = 0;
    while (i < BUCKETS && micros > buckets[i].micros)
        i++;
    count(&h->in[i], 1);
    count(&h->micros, (uint64_t)micros);
}

void metrics_review(struct metrics *m, enum metrics_path path, enum verdict verdict,
                    enum policy_mode mode, enum reason_code reason, int64_t micros)
{
    count(&m->reviews[path][verdict][mode][reason], 1);
    observe(&m->latency[path], micros);
}

void metrics_image(struct metrics *m, enum verdict verdict, enum policy_mode mode,
                   enum reason_code reason)
{
    count(&m->images[verdict][mode][reason], 1);
}

void metrics_phase(struct metrics *m, enum metrics_phase phase, int64_t micros)
{
    observe(&m->phases[phase], micros);
}

void metrics_cache(struct metrics *m, enum metrics_cache how)
{
    count(&m->cache[how], 1);
}

void metrics_bad_request(struct metrics *m)
{
    count(&m->bad_requests, 1);
}

static size_t find_host(const struct metrics *m, const char *host)
{
    const size_t n = atomic_load_explicit(&m->n_hosts, memory_order_acquire);
    size_t i = 0;

    while (i < n && strcmp(m->hosts[i].name, host) != 0)
        i++;
    return i < n ? i : OTHER;
}

/* Names may come from whoever creates a Pod: only so many get a row of their own. */
static size_t name_host(struct metrics *m, const char *host)
{
    const size_t len = strlen(host);

    pthread_mutex_lock(&m->naming);
    size_t row = find_host(m, host);
    const size_t n = atomic_load_explicit(&m->n_hosts, memory_order_relaxed);
    if (row == OTHER && n < HOSTS && len < HOST_NAME) {
        row = n;
        memcpy(m->hosts[row].name, host, len + 1);
        atomic_store_explicit(&m->n_hosts, n + 1, memory_order_release);
    }
    pthread_mutex_unlock(&m->naming);
    return row;
}

void metrics_registry(struct metrics *m, const char *host, long status)
{
    size_t row = find_host(m, host);
    size_t i = 0;

    if (row == OTHER && atomic_load_explicit(&m->n_hosts, memory_order_acquire) < HOSTS)
        row = name_host(m, host);
    while (i < ARRAY_LEN(statuses) && statuses[i].status != status)
        i++;
    count(&m->hosts[row].answers[i], 1);
}

/* --- The page --- */

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* One number without labels. */
static void number(struct buf *out, const char *name, const char *type, const char *help,
                   uint64_t n)
{
    head(out, name, type, help);
    buf_addf(out, "%s %llu\n", name, (unsigned long long)n);
}

/* The value of a label: backslash, quote and newline are escaped. */
static void label(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            buf_add_char(out, '\\');
        if (*text == '\n')
            buf_add_text(out, "\\n");
        else
            buf_add_char(out, *text);
    }
}

/* Shown when it was counted; what is allowed always, so that a rate has a beginning. */
static bool is_shown(uint64_t n, size_t verdict, size_t mode, size_t reason)
{
    return n > 0 || (verdict == VERDICT_ALLOW && mode == MODE_ENFORCE && reason == REASON_NONE);
}

static void verdicts(struct buf *out, const char *name, const char *path,
                     counter of[VERDICTS][MODES][REASON_CODES])
{
    for (size_t i = 0; i < VERDICTS * MODES * REASON_CODES; i++) {
        const size_t reason = i % REASON_CODES;
        const size_t mode = i / REASON_CODES % MODES;
        const size_t verdict = i / REASON_CODES / MODES;
        const uint64_t n = value(&of[verdict][mode][reason]);
        if (!is_shown(n, verdict, mode, reason))
            continue;
        buf_addf(out, "%s{%s%s%sverdict=\"%s\",mode=\"%s\",reason=\"%s\"} %llu\n", name,
                 path == NULL ? "" : "path=\"", path == NULL ? "" : path, path == NULL ? "" : "\",",
                 verdict_name((enum verdict)verdict), policy_mode_name((enum policy_mode)mode),
                 reason_name((enum reason_code)reason), (unsigned long long)n);
    }
}

static void histogram(struct buf *out, const char *name, const char *label_name, const char *of,
                      const struct histogram *h)
{
    uint64_t total = 0;

    for (size_t i = 0; i <= BUCKETS; i++) {
        total += value(&h->in[i]);
        buf_addf(out, "%s_bucket{%s=\"%s\",le=\"%s\"} %llu\n", name, label_name, of,
                 i < BUCKETS ? buckets[i].le : "+Inf", (unsigned long long)total);
    }
    const uint64_t micros = value(&h->micros);
    buf_addf(out, "%s_sum{%s=\"%s\"} %llu.%06llu\n", name, label_name, of,
             (unsigned long long)(micros / 1000000), (unsigned long long)(micros % 1000000));
    buf_addf(out, "%s_count{%s=\"%s\"} %llu\n", name, label_name, of, (unsigned long long)total);
}

static void write_reviews(struct buf *out, struct metrics *m)
{
    head(out, "bulla_webhook_reviews_total", "counter", "Reviews that were answered.");
    for (size_t i = 0; i < METRICS_PATHS; i++)
        verdicts(out, "bulla_webhook_reviews_total", path_names[i], m->reviews[i]);
    head(out, "bulla_webhook_images_total", "counter", "Images of reviews that were judged.");
    verdicts(out, "bulla_webhook_images_total", NULL, m->images);
    head(out, "bulla_webhook_review_seconds", "histogram",
         "Time from a whole review to its answer.");
    for (size_t i = 0; i < METRICS_PATHS; i++)
        histogram(out, "bulla_webhook_review_seconds", "path", path_names[i], &m->latency[i]);
    head(out, "bulla_webhook_phase_seconds", "histogram", "Time of one image in one phase.");
    for (size_t i = 0; i < PHASES; i++)
        histogram(out, "bulla_webhook_phase_seconds", "phase", phase_names[i], &m->phases[i]);
    head(out, "bulla_webhook_lookups_total", "counter", "How the facts of images were had.");
    for (size_t i = 0; i < CACHE_CLASSES; i++)
        buf_addf(out, "bulla_webhook_lookups_total{result=\"%s\"} %llu\n", cache_names[i],
                 (unsigned long long)value(&m->cache[i]));
    number(out, "bulla_webhook_bad_requests_total", "counter",
           "Requests that held no review to answer.", value(&m->bad_requests));
}

static void write_registries(struct buf *out, struct metrics *m)
{
    const size_t n = atomic_load_explicit(&m->n_hosts, memory_order_acquire);

    head(out, "bulla_webhook_registry_requests_total", "counter",
         "Requests to registries by the status of the answer.");
    for (size_t row = 0; row <= HOSTS; row++) {
        if (row >= n && row != OTHER)
            continue;
        for (size_t i = 0; i < STATUSES; i++) {
            const uint64_t answers = value(&m->hosts[row].answers[i]);
            if (answers == 0)
                continue;
            buf_add_text(out, "bulla_webhook_registry_requests_total{host=\"");
            label(out, m->hosts[row].name);
            buf_addf(out, "\",status=\"%s\"} %llu\n",
                     i < ARRAY_LEN(statuses) ? statuses[i].text : "other",
                     (unsigned long long)answers);
        }
    }
}

/* When the next image loses its exemption; 0: none will. */
static int64_t next_until(const struct policy *policy, int64_t now)
{
    int64_t soonest = 0;

    for (size_t i = 0; i < policy->n_rules; i++) {
        const int64_t until = policy->rules[i].until;
        if (until > now && (soonest == 0 || until < soonest))
            soonest = until;
    }
    return soonest;
}

static void write_policy(struct buf *out, const struct metrics_gauges *g)
{
    const struct policy *policy = g->policy;

    if (policy == NULL)
        return;
    head(out, "bulla_webhook_policy_info", "gauge", "The policy that is served with now.");
    buf_add_text(out, "bulla_webhook_policy_info{name=\"");
    label(out, policy->name);
    buf_addf(out, "\",serial=\"");
    if (policy->serial >= 0)
        buf_addf(out, "%lld", (long long)policy->serial);
    buf_addf(out, "\",hash=\"%s\",mode=\"%s\"} 1\n", policy->hash, policy_mode_name(policy->mode));
    head(out, "bulla_webhook_policy_serial", "gauge", "Its serial, -1 when it has none.");
    buf_addf(out, "bulla_webhook_policy_serial %lld\n", (long long)policy->serial);
    head(out, "bulla_webhook_policy_exemption_expiry_timestamp_seconds", "gauge",
         "When the next exemption of a rule ends, 0 when none will.");
    buf_addf(out, "bulla_webhook_policy_exemption_expiry_timestamp_seconds %lld\n",
             (long long)next_until(policy, clock_seconds()));
}

static void write_generation(struct buf *out, const struct metrics_gauges *g)
{
    write_policy(out, g);
    number(out, "bulla_webhook_generation", "gauge",
           "Generation of the configuration that is served with now.", g->generation);
    number(out, "bulla_webhook_generation_timestamp_seconds", "gauge", "When it was loaded.",
           (uint64_t)g->loaded);
    number(out, "bulla_webhook_last_reload_timestamp_seconds", "gauge",
           "When loading the configuration was tried last.", (uint64_t)g->tried);
    number(out, "bulla_webhook_last_reload_successful", "gauge",
           "Whether the last try was taken; if not, the generation before it serves on.",
           g->last_failed ? 0 : 1);
    if (g->certificate_expires != 0)
        number(out, "bulla_webhook_certificate_expiry_timestamp_seconds", "gauge",
               "When the certificate that is served ends.",
               g->certificate_expires < 0 ? 0 : (uint64_t)g->certificate_expires);
}

static void write_load(struct buf *out, const struct metrics_gauges *g)
{
    number(out, "bulla_webhook_reviews_in_flight", "gauge", "Reviews that wait for look-ups.",
           g->in_flight);
    number(out, "bulla_webhook_lookup_queue_length", "gauge", "Look-ups that wait for a worker.",
           g->waiting);
    number(out, "bulla_webhook_lookup_workers_busy", "gauge", "Workers that look something up.",
           g->busy);
    number(out, "bulla_webhook_lookup_workers", "gauge", "Workers that were started.", g->threads);
    number(out, "bulla_webhook_cache_bytes", "gauge", "Memory of kept look-ups.", g->cache_bytes);
    number(out, "bulla_webhook_cache_entries", "gauge", "Look-ups that are kept.",
           g->cache_entries);
    number(out, "bulla_webhook_cache_evictions_total", "counter",
           "Look-ups that made room for others.", g->evicted);
    number(out, "bulla_webhook_requests_refused_total", "counter",
           "Requests that were answered before they were read: who calls, form, size, memory.",
           g->refused);
    number(out, "bulla_webhook_connections_cut_total", "counter",
           "Connections that were shut because the client took too long.", g->cut);
    number(out, "bulla_webhook_request_body_bytes", "gauge", "Memory of bodies being handled.",
           g->body_bytes);
    number(out, "bulla_webhook_connections", "gauge", "Open connections of callers.",
           g->connections);
}

void metrics_write(struct buf *out, struct metrics *m, const struct metrics_gauges *gauges)
{
    struct process_usage usage;

    write_reviews(out, m);
    write_registries(out, m);
    write_generation(out, gauges);
    write_load(out, gauges);
    head(out, "bulla_webhook_build_info", "gauge", "The program.");
    buf_addf(out, "bulla_webhook_build_info{version=\"%s\"} 1\n", VERSION_TEXT);
    process_usage(&usage);
    number(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
           usage.resident);
    number(out, "process_open_fds", "gauge", "Number of open file descriptors.", usage.open_fds);
    number(out, "process_max_fds", "gauge", "Maximum number of open file descriptors.",
           usage.max_fds);
    head(out, "process_cpu_seconds_total", "counter",
         "Total user and system CPU time spent in seconds.");
    buf_addf(out, "process_cpu_seconds_total %llu.%06llu\n",
             (unsigned long long)(usage.cpu_micros / 1000000),
             (unsigned long long)(usage.cpu_micros % 1000000));
    number(out, "process_start_time_seconds", "gauge",
           "Start time of the process since unix epoch in seconds.", (uint64_t)m->started);
}
