#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/http_private.h"
#include "base/mem.h"
#include "base/text.h"

int http_new(struct http **out, const struct http_options *options, struct err *err)
{
    struct http *CLEANUP(http_freep) http = NULL;

    *out = NULL;
    http = mem_new(1, sizeof(*http), err);
    if (http == NULL)
        return -1;
    pthread_mutex_init(&http->lock, NULL);
    pthread_cond_init(&http->host_ready, NULL);
    http->options = *options;
    http->events.set = http->events.wake = -1;
    http->user_agent =
        mem_text(bytes_text(options->user_agent != NULL ? options->user_agent : "bulla"), err);
    if (http->user_agent == NULL || http_proxies_read(&http->proxies, err) != 0)
        return -1;
    *out = STEAL(http);
    return 0;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    http_thread_stop(http);
    http_hosts_free(http);
    http_proxies_clear(&http->proxies);
    free(http->user_agent);
    pthread_cond_destroy(&http->host_ready);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

void http_freep(struct http **http)
{
    http_free(*http);
    *http = NULL;
}

uint64_t http_exchanges(const struct http *http)
{
    return atomic_load(&http->exchanges);
}

static void clear_result(struct http_request *request)
{
    err_reset(&request->err);
    request->status = 0;
    request->response_body = (struct buf)BUF_INIT(request->max_body);
    request->response_headers = (struct buf)BUF_INIT(HEADERS_MAX);
    request->effective_url = NULL;
    request->retry_after = -1;
}

void http_request_clear(struct http_request *request)
{
    buf_clear(&request->response_body);
    buf_clear(&request->response_headers);
    free(request->effective_url);
    request->effective_url = NULL;
}

/* On the caller's thread: everything that may be refused or blocks before the wire. */
static int prepare(struct http_job *job)
{
    struct http_request *request = job->request;

    if (http_url_parse(&job->url, request->url == NULL ? "" : request->url, &request->err) != 0)
        return -1;
    return http_host_get(&job->host, job->http, job->url.named, &request->err);
}

void http_incoming_add(struct http *http, struct http_job *job)
{
    job->next = NULL;
    if (http->incoming_last != NULL)
        http->incoming_last->next = job;
    else
        http->incoming = job;
    http->incoming_last = job;
}

/* Lock held. The job's host is known. */
static void hand_over(struct http *http, struct http_job *job)
{
    if (!http->started && http_thread_start(http, &job->request->err) != 0) {
        struct http_host_entry *host = STEAL(job->host);
        host->refs--;
        return;
    }
    job->batch->pending++;
    http_incoming_add(http, job);
}

static void wake(struct http *http)
{
    if (!http->started || !http->waiting)
        return;
    http->waiting = false;
    http_events_wake(http);
}

/* A redirect led to a host that has not been asked for yet. Lock held, but not while asking. */
static void answer_asking(struct http_batch *batch)
{
    struct http_job *job = batch->asking;
    struct http *http = job->http;

    batch->asking = job->next;
    pthread_mutex_unlock(&http->lock);
    err_reset(&job->request->err);
    int found = http_host_get(&job->host, http, job->url.named, &job->request->err);
    pthread_mutex_lock(&http->lock);
    if (found != 0)
        return;
    hand_over(http, job);
    wake(http);
}

static void wait_for(sem_t *changed)
{
    while (sem_wait(changed) != 0 && errno == EINTR)
        continue;
}

static void run_batch(struct http *http, struct http_job *jobs, size_t n)
{
    struct http_batch *batch = jobs[0].batch;

    for (size_t i = 0; i < n; i++)
        if (prepare(&jobs[i]) != 0)
            jobs[i].host = NULL;
    pthread_mutex_lock(&http->lock);
    for (size_t i = 0; i < n; i++)
        if (jobs[i].host != NULL)
            hand_over(http, &jobs[i]);
    wake(http);
    while (batch->pending > 0 || batch->owed > 0) {
        pthread_mutex_unlock(&http->lock);
        wait_for(&batch->changed);
        pthread_mutex_lock(&http->lock);
        batch->owed--;
        while (batch->asking != NULL)
            answer_asking(batch);
    }
    pthread_mutex_unlock(&http->lock);
}

/* Hand the result over; what did not end with an answer has neither body nor status.
 */
static void finish(struct http_job *job)
{
    struct http_request *request = job->request;

    if (request->err.code != ERR_NONE && request->err.code != ERR_RATE_LIMITED) {
        buf_clear(&request->response_body);
        request->status = 0;
    }
    request->effective_url = STEAL(job->url.text);
    http_url_clear(&job->url);
}

void http_fetch(struct http *http, struct http_request *requests, size_t n, int64_t deadline)
{
    struct http_batch batch = { 0 };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < n; i++)
        clear_result(&requests[i]);
    if (n == 0)
        return;
    struct http_job *CLEANUP(mem_freep) jobs = mem_new(n, sizeof(*jobs), &err);
    if (jobs == NULL) {
        for (size_t i = 0; i < n; i++)
            requests[i].err = err;
        return;
    }
    sem_init(&batch.changed, 0, 0);
    for (size_t i = 0; i < n; i++) {
        jobs[i].http = http;
        jobs[i].batch = &batch;
        jobs[i].request = &requests[i];
        jobs[i].deadline = deadline;
    }
    run_batch(http, jobs, n);
    for (size_t i = 0; i < n; i++)
        finish(&jobs[i]);
    sem_destroy(&batch.changed);
}

struct bytes http_header(const struct http_request *request, const char *name, size_t nth)
{
    struct bytes rest = buf_bytes(&request->response_headers);
    struct bytes wanted = bytes_text(name);

    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
        struct bytes line = bytes_part(rest, 0, len);
        rest = bytes_part(rest, len + 1, rest.len);
        if (line.len < wanted.len + 2 || line.data[wanted.len] != ':' ||
            !text_equal_nocase(bytes_part(line, 0, wanted.len), wanted))
            continue;
        if (nth == 0)
            return bytes_part(line, wanted.len + 2, line.len);
        nth--;
    }
    return BYTES_NONE;
}
