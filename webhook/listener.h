#ifndef BULLA_WEBHOOK_LISTENER_H
#define BULLA_WEBHOOK_LISTENER_H

#include <sys/socket.h>

#include "base/err.h"
#include "webhook/watchdog.h"

/*
 * A listening socket and the thread that accepts on it and runs the watchdog. We accept ourselves
 * because libmicrohttpd, out of file descriptors, either spins or stops listening until a
 * connection of the same thread ends.
 */

struct listener;

struct listener_options {
    const char *address;  /* "HOST:PORT", ":PORT", "[ADDRESS]:PORT" */
    unsigned connections; /* watched at most */
    struct watchdog *watchdog;
    /** A new connection: `fd` is given away, whatever becomes of it. */
    void (*admit)(void *context, int fd, const struct sockaddr *address, socklen_t len);
    void *context;
};

/** Listens when it returns; accepts after listener_run(). -1 with ERR_USAGE, ERR_CONFIG, ERR_IO,
 * ERR_NOMEM. */
int listener_new(struct listener **out, const struct listener_options *options,
                 struct err *err) MUST_CHECK;
int listener_run(struct listener *l, struct err *err) MUST_CHECK;
unsigned listener_port(const struct listener *l);
/** Accept what waits already, then listen no more; the watchdog stays. */
void listener_close(struct listener *l);
void listener_free(struct listener *l); /* NULL is fine */

#endif
