#ifndef BULLA_WEBHOOK_EXCHANGE_H
#define BULLA_WEBHOOK_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "webhook/server.h"

/*
 * The inside of an exchange, for server.c. It has two owners, the connection and the handler, and
 * dies with the second: so a late answer is harmless when the client or the whole server has gone.
 */

/** What the exchanges of one server share. Counted: by the server and by each exchange. */
struct exchanges {
    atomic_size_t refs;
    atomic_size_t memory; /* of bodies */
    size_t max_memory;
    atomic_size_t under_way; /* from the header to the end of the answer */
    _Atomic uint64_t refused;
    atomic_bool draining;
    pthread_mutex_t lock; /* of what follows */
    bool stopping;        /* nobody may wait any more */
    struct exchange *waiting;
};

struct answer {
    unsigned status;
    const char *content_type;
    struct buf body;
    int retry_after;   /* seconds, -1: none */
    const char *allow; /* 405: the method there is, else NULL */
    bool challenge;    /* 401: says which credentials are wanted */
    bool close;        /* the connection, after this answer */
};

enum exchange_state {
    EXCHANGE_READING = 0, /* body, then the handler runs */
    EXCHANGE_WAITING,     /* the connection is suspended */
    EXCHANGE_ANSWERED
};

#define CONTENT_TYPE_MAX 128 /* bytes with the NUL */

struct exchange {
    atomic_int refs;
    struct exchanges *all;
    const struct server_route *route; /* NULL: refused */
    int64_t began;
    struct buf query;                    /* "name NUL value NUL" for each argument */
    char content_type[CONTENT_TYPE_MAX]; /* "": none, or longer than any real one */
    uint8_t *body;
    size_t length, got; /* of the body: as it is announced, as it has come */
    size_t discard;     /* bytes of a refused request's body that are still read and thrown away */

    pthread_mutex_t lock; /* of what follows */
    enum exchange_state state;
    struct answer answer; /* EXCHANGE_ANSWERED */
    void (*resume)(void *connection);
    void *connection;

    bool listed; /* under all->lock, with the links */
    struct exchange *next, *previous;
};

int exchanges_new(struct exchanges **out, size_t max_memory, struct err *err) MUST_CHECK;
void exchanges_drop(struct exchanges *all); /* NULL is fine */
/** Answer 503 to all that wait, and let nobody wait from now on. */
void exchanges_stop(struct exchanges *all);

/** The connection's share. */
int exchange_new(struct exchange **out, struct exchanges *all, struct err *err) MUST_CHECK;
void exchange_end(struct exchange *x); /* gives it up, answered or not */

void exchange_add_query(struct exchange *x, struct bytes name, struct bytes value);
/** Room for a body of `length` bytes. -1: the bodies of all requests leave none (ERR_LIMIT), or
 * ERR_NOMEM. */
int exchange_reserve(struct exchange *x, size_t length, struct err *err) MUST_CHECK;
/** False: more than was announced. */
bool exchange_take(struct exchange *x, const void *data, size_t len);

/** Let the handler run. True: the answer is there. False: it will come later, and then `resume` is
 * called with the connection, which `suspend` has suspended meanwhile. */
bool exchange_handle(struct exchange *x, void *context, void (*suspend)(void *connection));
/** Is the answer there? For a connection that was resumed. */
bool exchange_answered(struct exchange *x);
/** Answer without handler: one line of text. Nothing but the connection may own the exchange. */
void exchange_refuse(struct exchange *x, unsigned status, const char *text);

#endif
