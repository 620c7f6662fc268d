#ifndef BULLA_REGISTRY_REGISTRIES_PRIVATE_H
#define BULLA_REGISTRY_REGISTRIES_PRIVATE_H

#include <pthread.h>

#include "registry/challenge.h"
#include "registry/credentials.h"
#include "registry/registries.h"
#include "registry/token.h"

/** A growing set of texts. */
struct names {
    char **list;
    size_t n, cap;
};
bool names_have(const struct names *names, const char *text);
int names_add(struct names *names, const char *text, struct err *err) MUST_CHECK;
void names_remove(struct names *names, const char *text);
void names_clear(struct names *names);

/** How a host wants to be asked, learnt from its first challenge. */
struct learned {
    char *host; /* wire host */
    enum challenge_scheme scheme;
    char *realm, *service; /* Bearer; service may be NULL */
};

/** A host that was seen to have no referrers API: the question is not asked again for a while. */
struct absence {
    char *host;    /* wire host */
    int64_t until; /* on clock_millis() */
};
#define ABSENCES_MAX 64          /* hosts remembered; the oldest is forgotten first */
#define ABSENCE_MS (5 * 60000LL) /* registries gain the API over time */

struct registries {
    struct registries_options options;
    struct hosts *hosts;
    struct credentials *credentials;
    struct buf ca; /* content of options.ca_file */
    struct tokens *tokens;

    pthread_mutex_t lock;   /* for everything below */
    pthread_cond_t left;    /* a subject was left */
    struct http *http;      /* or NULL: not started yet */
    struct names pems;      /* certificates put together, kept for the transport */
    struct names elsewhere; /* hosts that registries.yaml led to, not the command line */
    struct names opened;    /* hosts that the command line named */
    struct names tls;       /* loopback hosts that were found to speak TLS */
    struct names plain;     /* and those that do not */
    struct names indexing;  /* "host/repository" whose referrers API was seen to work */
    struct names warnings;  /* texts of registries that have been shown */
    struct names subjects;  /* fallback lists that a thread of this process is changing */
    struct learned *learned;
    size_t n_learned, cap_learned;
    struct absence absences[ABSENCES_MAX];
    size_t next_absence;
};

/** The transport, started with the first call. */
int registries_http(struct http **out, struct registries *r, struct err *err) MUST_CHECK;

/** "http" or "https" for a wire host: certain before a credential is sent. */
int registries_scheme(const char **out, struct registries *r, const char *wire,
                      struct err *err) MUST_CHECK;

/** Is it named by registries.yaml only? Its requests carry no credential of the command line. */
bool registries_elsewhere(struct registries *r, const char *host);

bool registries_knows(struct registries *r, const struct names *names, const char *text);
int registries_note(struct registries *r, struct names *names, const char *text,
                    struct err *err) MUST_CHECK;

/** Is this host known to have no referrers API, and: it has none. */
bool registries_lacks_referrers(struct registries *r, const char *wire);
int registries_note_no_referrers(struct registries *r, const char *wire,
                                 struct err *err) MUST_CHECK;

/** One thread of the process at a time in `key`. -1 with ERR_DEADLINE, ERR_NOMEM. */
int registries_enter(struct registries *r, const char *key, int64_t deadline,
                     struct err *err) MUST_CHECK;
void registries_leave(struct registries *r, const char *key);

/** Show the warnings of an answer, if it has any that are new. */
void registries_warn(struct registries *r, const char *host, const struct http_request *answer);

/** Does whoever listens there answer a TLS greeting as TLS does? For loopback hosts only: one
 * connection, nothing of ours is told. False also when nothing else can be said. */
bool loopback_is_plain(const char *host);

#endif
