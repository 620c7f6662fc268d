#ifndef BULLA_BASE_HTTP_PRIVATE_H
#define BULLA_BASE_HTTP_PRIVATE_H

/*
 * Inside of the HTTP transport: shared by http*.c only.
 *
 *   http.c           API, hand-over between callers and the transport thread
 *   http_thread.c    the transport thread: one loop over one curl multi handle
 *   http_events.c    what that loop waits for
 *   http_job.c       what follows an exchange: result, redirect or another try
 *   http_exchange.c  one wire exchange: headers and options of an easy handle
 *   http_callbacks.c what curl calls while it runs: address policy, bodies, ceilings
 *   http_failure.c   curl's results in our words and codes
 *   http_host.c      settings of hosts
 *   http_tls.c       TLS options and trust stores
 *   http_url.c       URLs
 *   http_address.c   which addresses are public
 *   http_proxy.c     proxies of the environment
 */

#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/http.h"
#include "base/limits.h"

#if LIBCURL_VERSION_NUM < 0x075700
#error "libcurl 7.87 or later is needed"
#endif

#define HTTP_HOST_MAX 256    /* a host name and its port as text, with the NUL */
#define HTTP_BUCKETS 64      /* of the host table */
#define HTTP_HOSTS_KEPT 1024 /* above this, hosts without requests are forgotten */
#define HTTP_EASIES_KEPT 64  /* idle easy handles kept for reuse */
#define HTTP_EXPECT_ABOVE                                                                          \
    (64 * KIB) /* smaller bodies are not worth a round trip for 100-continue */
#define HTTP_HTTP2_BODY_MAX (1 * MIB) /* libcurl 7.88 sends larger ones faster over HTTP/1.1 */

/* A parsed URL. */
struct http_url {
    bool tls;
    uint16_t port;             /* effective */
    char host[HTTP_HOST_MAX];  /* lower case, IPv6 in brackets */
    char named[HTTP_HOST_MAX]; /* "host[:port]", default port left out */
    char *text;                /* normalised, without fragment; owned */
};

/** -1 with ERR_MALFORMED, ERR_NOMEM. `out` is empty then. */
int http_url_parse(struct http_url *out, const char *text, struct err *err) MUST_CHECK;
void http_url_clear(struct http_url *url);
bool http_url_origin_equal(const struct http_url *a, const struct http_url *b);

/** Is the address one of the public internet? Embedded IPv4 addresses are judged as such. */
bool http_address_public(const struct sockaddr *address);
/** The same of a host as it stands in a URL; a name (not a literal address) is true. */
bool http_host_literal_public(const char *host);
/** An address in words, for errors. */
void http_address_text(char out[INET6_ADDRSTRLEN], const struct sockaddr *address);

/* Proxies as libcurl reads them from the environment; each NULL or owned. */
struct http_proxies {
    char *http, *https, *none;
};
int http_proxies_read(struct http_proxies *out, struct err *err) MUST_CHECK;
void http_proxies_clear(struct http_proxies *proxies);
/** The proxy for a URL, "" when it is reached directly. Borrowed. */
const char *http_proxy_for(const struct http_proxies *proxies, const struct http_url *url);

/* What is known of one host and port. Under http.lock but for `active` and `answered`, which the
 * transport thread owns. */
struct http_host_entry {
    struct http_host_entry *next;
    char name[HTTP_HOST_MAX];
    struct http_host settings;
    enum { HTTP_HOST_NEW = 0, HTTP_HOST_ASKING, HTTP_HOST_READY } state;
    size_t refs;
    void *store;   /* X509_STORE with the host's additional certificates, or NULL */
    int active;    /* exchanges under way */
    bool answered; /* it has, at least once */
};

/** The entry, its settings asked for at need: blocking, on a caller's thread, lock not held.
 * Released with http_host_release(). -1 with what options.host reports, ERR_NOMEM. */
int http_host_get(struct http_host_entry **out, struct http *http, const char *name,
                  struct err *err) MUST_CHECK;
/** The entry when its settings are known already, else NULL. Never blocks on I/O. */
struct http_host_entry *http_host_known(struct http *http, const char *name);
/** One more holder of an entry that the caller holds. */
void http_host_hold(struct http *http, struct http_host_entry *entry);
void http_host_release(struct http *http, struct http_host_entry *entry);
void http_hosts_free(struct http *http);

/** A store of the system's certificates and those of `pem`; `alone`: of the latter. -1 with
 * ERR_CONFIG, ERR_NOMEM. */
int http_tls_store(void **out, const char *pem, bool alone, struct err *err) MUST_CHECK;
void http_tls_store_free(void *store);

enum http_job_state {
    HTTP_JOB_WAITING, /* for a place at its host */
    HTTP_JOB_ACTIVE,
    HTTP_JOB_DELAYED, /* until ready_at, then tried again */
    HTTP_JOB_ASKING   /* its caller must find the settings of a redirect's host */
};

/* One request on its way. Owned by the transport thread between hand-over and completion. */
struct http_job {
    struct http_job *next, *prev;
    struct http *http;
    struct http_batch *batch;
    struct http_request *request;
    int64_t deadline;
    enum http_job_state state;
    int64_t ready_at; /* HTTP_JOB_DELAYED */
    struct http_url url;
    struct http_host_entry *host;
    bool foreign; /* a redirect led to another origin: no credentials any more */
    bool http1;   /* HTTP/2 failed */
    int redirects;
    int tries;
    /* Of the exchange under way. */
    CURL *easy;
    struct curl_slist *headers;
    bool proxied;
    bool began;      /* first piece of the body has been seen */
    bool answered;   /* something of an answer arrived */
    bool in_headers; /* of the answer that counts */
    bool cut;        /* the rest of an error's body is not wanted */
    bool sunk;       /* the sink has been called since the last restart() */
    bool fault;      /* request->err was set by a callback: final */
    int64_t received;
    int64_t sent;
    char detail[CURL_ERROR_SIZE];
    char refused[INET6_ADDRSTRLEN]; /* the address that the policy refused, or "" */
};

/* One http_fetch(). Under http.lock, but for the semaphore: it is raised after the lock has been
 * let go, so that whoever wakes up does not run into it. */
struct http_batch {
    size_t pending; /* jobs with the transport thread */
    size_t owed;    /* times that `changed` is or will be raised: all are waited for */
    struct http_job *asking;
    sem_t changed;
};

/* What the transport thread waits for. */
struct http_events {
    int set;     /* epoll */
    int wake;    /* eventfd: callers have handed something over */
    int64_t due; /* when curl wants to be called, on clock_millis(); INT64_MAX: not by itself */
};

struct http {
    struct http_options options;
    char *user_agent;
    struct http_proxies proxies;
    atomic_uint_fast64_t exchanges;

    pthread_mutex_t lock;
    pthread_cond_t host_ready;
    bool started, stopping;
    bool waiting; /* the transport thread has taken what was handed over: it must be woken */
    pthread_t thread;
    CURLM *multi;
    struct http_job *incoming; /* handed over, oldest first */
    struct http_job *incoming_last;
    struct http_host_entry *hosts[HTTP_BUCKETS];
    size_t n_hosts;

    /* The transport thread's own. */
    struct http_job *jobs, *jobs_last;
    int64_t next_wake;
    struct http_events events;
    CURL *easies[HTTP_EASIES_KEPT];
    size_t n_easies;
};

/** Start the thread. Lock held. -1 with ERR_NOMEM, ERR_INTERNAL. */
int http_thread_start(struct http *http, struct err *err) MUST_CHECK;
void http_thread_stop(struct http *http);

/** The epoll set of the multi handle. -1 with ERR_IO, ERR_NOMEM; closed then. */
int http_events_open(struct http *http, struct err *err) MUST_CHECK;
void http_events_close(struct http *http);
void http_events_wake(struct http *http); /* any thread */
/** Wait at most so long, and let curl act on what happened. False: it could not, for want of
 * memory, and some transfer has lost its socket or its timer for good. */
bool http_events_run(struct http *http, int pause_ms);

/** Give a job back to its batch: done, or asking for a host. */
void http_job_return(struct http_job *job);
/** Take up a job whose host is known: check the way, then wait for a place. */
void http_job_enter(struct http_job *job);
/** What follows when an exchange has ended with `rc`. */
void http_job_exchanged(struct http_job *job, CURLcode rc);
/** End a job at its deadline. */
void http_job_expire(struct http_job *job);
/** Move on every job of the host that has a place now. */
void http_job_start_waiting(struct http *http, struct http_host_entry *host);

/** Set up and begin one exchange. -1 with ERR_NOMEM, ERR_MALFORMED, ERR_UNSUPPORTED. */
int http_exchange_begin(struct http_job *job, struct err *err) MUST_CHECK;
/** Take the exchange off the multi handle. */
void http_exchange_end(struct http_job *job);
/** Length of what is sent. */
int64_t http_body_length(const struct http_request *request);
bool http_callbacks_setup(CURL *easy, struct http_job *job);
/** TLS options of the exchange. */
bool http_tls_setup(CURL *easy, const struct http_job *job);

/** Does curl's result allow another try of an idempotent request? */
bool http_failure_passes(const struct http_job *job, CURLcode rc);
/** Set request->err from curl's result. */
void http_failure_set(struct http_job *job, CURLcode rc);

/** Add to the end of the jobs handed over. Lock held. */
void http_incoming_add(struct http *http, struct http_job *job);

#endif
