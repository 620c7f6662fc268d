#ifndef BULLA_WEBHOOK_WATCHDOG_H
#define BULLA_WEBHOOK_WATCHDOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Time limits of connections that no client can stretch. libmicrohttpd's own time-out begins anew
 * with every byte, so a client that drips lives for ever under it; here a limit holds for a whole
 * stage. Shutting is shutdown(2): who serves the connection sees its end and closes it.
 */

enum watch_stage {
    WATCH_HEADER = 0, /* accepted: handshake, first header */
    WATCH_BODY,
    WATCH_WORK, /* ours to answer: no limit */
    WATCH_ANSWER,
    WATCH_IDLE /* up to the end of the next header */
};
#define WATCH_STAGES 5

/** One connection, embedded in its owner's record. */
struct watched {
    int fd;
    _Atomic uint64_t stage; /* milliseconds of its begin, then the stage in the last three bits */
    bool shut;
    struct watched *next, *previous;
};

struct watchdog {
    pthread_mutex_t lock; /* of the list */
    struct watched *first;
    atomic_uint n;
    _Atomic uint64_t cut;
    int64_t limits[WATCH_STAGES]; /* milliseconds; WATCH_WORK has none */
};

void watchdog_init(struct watchdog *w);
void watchdog_clear(struct watchdog *w); /* nothing is watched any more */

/** From accept to just before close, while `fd` is certainly this connection's. */
void watchdog_enter(struct watchdog *w, struct watched *watched, int fd);
void watchdog_leave(struct watchdog *w, struct watched *watched);

/** A stage begins now. On the connection's thread; no lock. */
void watched_stage(struct watched *watched, enum watch_stage stage);

/**
 * Shut what is past its limit.
 *
 * @param crowded  there is no room for new connections: those that idle longer than
 *                 WATCH_CROWDED_IDLE_MS make some
 * @return milliseconds after which to look again
 */
int watchdog_look(struct watchdog *w, bool crowded);

#define WATCH_CROWDED_IDLE_MS 1000

#endif
