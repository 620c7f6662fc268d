#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/http_private.h"
#include "base/mem.h"

#define RETRY_BASE_MS 250
#define RETRY_CAP_MS 10000
#define RETRY_AFTER_MAX 300 /* seconds: longer waits are reported, never waited for */

/* 0 .. limit-1. A poor value on failure costs nothing but jitter. */
static int64_t random_below(int64_t limit)
{
    uint64_t value = 0;

    if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != (ssize_t)sizeof(value))
        value = (uint64_t)clock_millis();
    return (int64_t)(value % (uint64_t)limit);
}

static int job_fail(struct http_job *job, enum err_code code, const char *words)
{
    err_set(&job->request->err, code, "%s: %s", job->url.named, words);
    http_job_return(job);
    return -1;
}

/* ---- another try ---- */

static bool status_passes(long status)
{
    static const long list[] = { 408, 425, 429, 500, 502, 503, 504 };

    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        if (list[i] == status)
            return true;
    return false;
}

/* RFC 9110 section 9.2.2: POST and PATCH may have taken effect. */
static bool repeatable(const struct http_job *job)
{
    const struct http_request *request = job->request;

    if (request->no_retry || (job->sunk && request->restart == NULL))
        return false;
    if (request->method == HTTP_POST || request->method == HTTP_PATCH)
        return !job->answered;
    return true;
}

/* Exponential with full jitter; what the server asks for comes on top of nothing less. */
static int64_t wait_of(const struct http_job *job)
{
    int64_t most = RETRY_BASE_MS;

    for (int i = 1; i < job->tries && most < RETRY_CAP_MS; i++)
        most *= 2;
    if (most > RETRY_CAP_MS)
        most = RETRY_CAP_MS;
    if (job->request->retry_after > 0)
        return job->request->retry_after * 1000 + random_below(RETRY_BASE_MS);
    return random_below(most);
}

/* True when the job is put back for another try. */
static bool retry(struct http_job *job)
{
    const struct http *http = job->http;
    struct http_request *request = job->request;
    int attempts = http->options.attempts > 0 ? http->options.attempts : HTTP_ATTEMPTS_MAX;

    if (job->tries >= attempts || !repeatable(job) || request->retry_after > RETRY_AFTER_MAX)
        return false;
    int64_t ready_at = clock_millis() + wait_of(job);
    if (ready_at >= job->deadline)
        return false;
    if (job->sunk) {
        struct err err = ERR_INIT;
        if (request->restart(request->sink_context, &err) != 0)
            return false;
        job->sunk = false;
    }
    http_exchange_end(job);
    job->state = HTTP_JOB_DELAYED;
    job->ready_at = ready_at;
    if (ready_at < job->http->next_wake)
        job->http->next_wake = ready_at;
    return true;
}

/* ---- redirects ---- */

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool may_follow(const struct http_job *job, bool same_origin)
{
    const struct http_request *request = job->request;
    bool reading = request->method == HTTP_GET || request->method == HTTP_HEAD;

    if (request->follow == HTTP_FOLLOW_NEVER)
        return false;
    /* RFC 9110 section 15.4: the others may turn a request with a body into GET. */
    if (!reading && request->status != 307 && request->status != 308)
        return false;
    return same_origin || (reading && request->follow == HTTP_FOLLOW_ANY);
}

/* Move the job to `to` (taken over), whose host may have to be asked for by the caller. */
static void go_to(struct http_job *job, struct http_url *to, bool same_origin)
{
    struct http *http = job->http;

    http_url_clear(&job->url);
    job->url = *to;
    memset(to, 0, sizeof(*to));
    job->redirects++;
    job->tries = 0;
    http_exchange_end(job);
    if (!same_origin) {
        job->foreign = true;
        http_host_release(http, job->host);
        job->host = http_host_known(http, job->url.named);
    }
    if (job->host != NULL) {
        http_job_enter(job);
        return;
    }
    job->state = HTTP_JOB_ASKING;
    http_job_return(job);
}

/* True when the redirect was dealt with: followed or refused. */
static bool redirect(struct http_job *job)
{
    struct http_request *request = job->request;
    struct buf CLEANUP(buf_clear) target = BUF_INIT(URL_MAX);
    struct http_url CLEANUP(http_url_clear) to = { 0 };
    struct bytes location = http_header(request, "location", 0);

    if (location.len == 0 || request->follow == HTTP_FOLLOW_NEVER)
        return false;
    if (http_resolve(&target, job->url.text, location, &request->err) != 0 ||
        http_url_parse(&to, buf_text(&target), &request->err) != 0) {
        err_wrap(&request->err, "%s: redirect", job->url.named);
        http_job_return(job);
        return true;
    }
    bool same_origin = http_url_origin_equal(&job->url, &to);
    if (!may_follow(job, same_origin))
        return false;
    if (job->redirects >= REDIRECTS_MAX)
        job_fail(job, ERR_LIMIT, "too many redirects");
    else if (job->url.tls && !to.tls)
        job_fail(job, ERR_NETWORK, "redirect from https to http refused");
    else
        go_to(job, &to, same_origin);
    return true;
}

/* ---- what follows ---- */

static void take_retry_after(struct http_job *job)
{
    curl_off_t seconds = 0;

    if (http_header(job->request, "retry-after", 0).len == 0 ||
        curl_easy_getinfo(job->easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK)
        return;
    job->request->retry_after = seconds > 0 ? seconds : 0; /* a date in the past is negative */
}

/* A body that ended early without curl noticing: no length was declared, or another one. */
static bool body_short(const struct http_job *job)
{
    const struct http_request *request = job->request;

    return request->status >= 200 && request->status <= 299 && request->method == HTTP_GET &&
           request->expect_length > job->received;
}

static void answered(struct http_job *job)
{
    struct http_request *request = job->request;

    take_retry_after(job);
    if (is_redirect(request->status) && redirect(job))
        return;
    if (status_passes(request->status) && retry(job))
        return;
    if (request->status == 429)
        job_fail(job, ERR_RATE_LIMITED, "too many requests (429)");
    else if (request->status == 407)
        job_fail(job, ERR_NETWORK, "the proxy asks for credentials (407)");
    else
        http_job_return(job);
}

static void broken_off(struct http_job *job)
{
    /* Proxies truncate now and then; twice the same is how it is. */
    if (job->tries < 2 && retry(job))
        return;
    err_set(&job->request->err, ERR_INVALID, "%s: %lld bytes instead of %lld", job->url.named,
            (long long)job->received, (long long)job->request->expect_length);
    http_job_return(job);
}

static void failed(struct http_job *job, CURLcode rc)
{
    if (rc == CURLE_HTTP2 || rc == CURLE_HTTP2_STREAM)
        job->http1 = true;
    http_failure_set(job, rc);
    if (!job->fault && http_failure_passes(job, rc) && retry(job))
        return;
    http_job_return(job);
}

static void tell_observer(const struct http_job *job)
{
    static const char *const names[] = { "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE" };
    const struct http_options *options = &job->http->options;
    struct buf CLEANUP(buf_clear) url = BUF_INIT(URL_MAX);
    curl_off_t micros = 0;

    if (options->observe == NULL)
        return;
    if (curl_easy_getinfo(job->easy, CURLINFO_TOTAL_TIME_T, &micros) != CURLE_OK)
        micros = 0;
    /* A query may be a credential: signed storage URLs. */
    buf_add(&url, job->url.text, strcspn(job->url.text, "?"));
    options->observe(options->context, names[job->request->method], buf_text(&url),
                     job->request->status, micros);
}

static void exchange_over(struct http_job *job)
{
    if (curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &job->request->status) != CURLE_OK)
        job->request->status = 0;
    atomic_fetch_add(&job->http->exchanges, 1);
    tell_observer(job);
    job->host->active--;
    job->host->answered |= job->request->status != 0;
}

void http_job_exchanged(struct http_job *job, CURLcode rc)
{
    struct http *http = job->http;
    struct http_host_entry *host = job->host;

    http_host_hold(http, host); /* the job may be gone, and its hold, before the last line */
    exchange_over(job);
    job->state = HTTP_JOB_WAITING;
    if (rc != CURLE_OK && !job->cut)
        failed(job, rc);
    else if (body_short(job))
        broken_off(job);
    else
        answered(job);
    http_job_start_waiting(http, host);
    http_host_release(http, host);
}

void http_job_expire(struct http_job *job)
{
    struct http *http = job->http;
    struct http_host_entry *host = job->host;
    bool active = job->state == HTTP_JOB_ACTIVE;

    http_host_hold(http, host);
    if (active)
        exchange_over(job);
    job_fail(job, ERR_DEADLINE,
             active ? "no whole answer in time" : "time ran out before the request could be sent");
    http_job_start_waiting(http, host);
    http_host_release(http, host);
}

/* ---- on the way to the wire ---- */

static void start(struct http_job *job)
{
    job->state = HTTP_JOB_ACTIVE;
    job->tries++;
    if (http_exchange_begin(job, &job->request->err) == 0) {
        job->host->active++;
        return;
    }
    err_wrap(&job->request->err, "%s", job->url.named);
    http_job_return(job);
}

void http_job_start_waiting(struct http *http, struct http_host_entry *host)
{
    struct http_job *next = NULL;
    int64_t now = clock_millis();

    for (struct http_job *job = http->jobs; job != NULL; job = next) {
        next = job->next;
        if (host->active >= host->settings.parallel)
            return;
        if (job->state == HTTP_JOB_WAITING && job->host == host && now < job->deadline)
            start(job);
    }
}

/* What can be said without touching the network. */
static int check_way(struct http_job *job)
{
    const struct http *http = job->http;
    const struct http_host *host = &job->host->settings;

    if (!job->url.tls && !host->plain_http)
        return job_fail(job, ERR_NETWORK, "plain HTTP is not allowed for this host");
    /* Behind a proxy the socket shows the proxy's address only. */
    if (http->options.refuse_private && !host->private_address &&
        !http_host_literal_public(job->url.host))
        return job_fail(job, ERR_NETWORK,
                        "not a public address, and private addresses are not allowed for this "
                        "host");
    return 0;
}

void http_job_enter(struct http_job *job)
{
    job->state = HTTP_JOB_WAITING;
    if (check_way(job) == 0)
        http_job_start_waiting(job->http, job->host);
}
