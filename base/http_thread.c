#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/http_private.h"

#define CONNECTIONS_KEPT 64L
#define IDLE_MS 3600000 /* nothing to do: any long time, a wake-up ends it */

static void link_job(struct http *http, struct http_job *job)
{
    job->next = NULL;
    job->prev = http->jobs_last;
    if (http->jobs_last != NULL)
        http->jobs_last->next = job;
    else
        http->jobs = job;
    http->jobs_last = job;
}

static void unlink_job(struct http *http, struct http_job *job)
{
    if (job->prev != NULL)
        job->prev->next = job->next;
    else
        http->jobs = job->next;
    if (job->next != NULL)
        job->next->prev = job->prev;
    else
        http->jobs_last = job->prev;
    job->next = job->prev = NULL;
}

void http_job_return(struct http_job *job)
{
    struct http *http = job->http;
    struct http_batch *batch = job->batch;
    bool asking = job->state == HTTP_JOB_ASKING;

    http_exchange_end(job);
    unlink_job(http, job);
    http_host_release(http, job->host);
    job->host = NULL;
    /* From the unlock on the job is the caller's, and may be gone; the batch too, unless it is owed
     * a wake-up. */
    pthread_mutex_lock(&http->lock);
    if (asking) {
        job->next = batch->asking;
        batch->asking = job;
    }
    batch->pending--;
    bool owed = asking || batch->pending == 0;
    if (owed)
        batch->owed++;
    pthread_mutex_unlock(&http->lock);
    if (owed)
        sem_post(&batch->changed);
}

/* False when the thread is to end. */
static bool take_incoming(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    struct http_job *job = STEAL(http->incoming);
    bool stopping = http->stopping;
    http->incoming_last = NULL;
    http->waiting = true;
    pthread_mutex_unlock(&http->lock);
    while (job != NULL) {
        struct http_job *next = job->next;
        link_job(http, job);
        if (job->deadline < http->next_wake)
            http->next_wake = job->deadline;
        http_job_enter(job);
        job = next;
    }
    return !stopping;
}

static struct http_job *due(struct http *http, int64_t now)
{
    struct http_job *job = http->jobs;

    while (job != NULL && now < job->deadline &&
           !(job->state == HTTP_JOB_DELAYED && now >= job->ready_at))
        job = job->next;
    return job;
}

/* Deadlines and ended waits. From the front after each, since one may move others. */
static void run_timers(struct http *http)
{
    int64_t now = clock_millis();
    struct http_job *job = NULL;

    if (now < http->next_wake)
        return;
    while ((job = due(http, now)) != NULL)
        if (now >= job->deadline)
            http_job_expire(job);
        else
            http_job_enter(job);
    http->next_wake = INT64_MAX;
    for (job = http->jobs; job != NULL; job = job->next) {
        int64_t at = job->state == HTTP_JOB_DELAYED ? job->ready_at : job->deadline;
        if (at < http->next_wake)
            http->next_wake = at;
    }
}

static void end_exchanges(struct http *http)
{
    int left = 0;
    CURLMsg *message = NULL;
    char *job = NULL;

    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        CURLcode rc = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job) == CURLE_OK)
            http_job_exchanged((struct http_job *)(void *)job, rc);
    }
}

/* curl does not tell which transfer it could not go on with: left alone, one of them would wait for
 * its deadline. */
static void give_up(struct http *http)
{
    struct http_job *job = http->jobs;

    while (job != NULL)
        if (job->state == HTTP_JOB_ACTIVE) {
            http_job_exchanged(job, CURLE_OUT_OF_MEMORY);
            job = http->jobs; /* one may move others */
        } else {
            job = job->next;
        }
}

static int pause_of(const struct http *http)
{
    if (http->next_wake == INT64_MAX)
        return IDLE_MS;
    int64_t pause = http->next_wake - clock_millis();
    if (pause < 0)
        return 0;
    return pause < IDLE_MS ? (int)pause : IDLE_MS;
}

static void *run(void *context)
{
    struct http *http = context;

    while (take_incoming(http)) {
        run_timers(http);
        bool fine = http_events_run(http, pause_of(http));
        end_exchanges(http);
        if (!fine)
            give_up(http);
    }
    return NULL;
}

/* Signals are for the threads of the program; SIGPIPE from a TLS connection is for nobody. */
static int create(struct http *http)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&http->thread, NULL, run, http);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

int http_thread_start(struct http *http, struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "the HTTP library does not start");
    http->multi = curl_multi_init();
    http->next_wake = INT64_MAX;
    if (http->multi == NULL ||
        curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT) != CURLM_OK ||
        http_events_open(http, err) != 0 || create(http) != 0) {
        curl_multi_cleanup(STEAL(http->multi));
        http_events_close(http);
        curl_global_cleanup();
        return err_set(err, ERR_NOMEM, "no HTTP transport: out of memory or threads");
    }
    http->started = true;
    return 0;
}

void http_thread_stop(struct http *http)
{
    if (!http->started)
        return;
    pthread_mutex_lock(&http->lock);
    http->stopping = true;
    pthread_mutex_unlock(&http->lock);
    http_events_wake(http);
    pthread_join(http->thread, NULL);
    for (size_t i = 0; i < http->n_easies; i++)
        curl_easy_cleanup(http->easies[i]);
    curl_multi_cleanup(http->multi);
    http_events_close(http);
    curl_global_cleanup();
    http->started = false;
}
