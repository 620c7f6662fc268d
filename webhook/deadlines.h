#ifndef BULLA_WEBHOOK_DEADLINES_H
#define BULLA_WEBHOOK_DEADLINES_H

#include "base/bytes.h"

/*
 * One thread that calls back when a time has come: for reviews that must be answered, known or not.
 */

struct deadlines;

/** The caller allocates it; it must live until it was removed or is over. */
struct deadline {
    int64_t at;                  /* on clock_millis() */
    void (*over)(void *context); /* on the thread of the deadlines, without any lock */
    void *context;
    size_t place; /* of deadlines.c */
};

#define DEADLINES_MAX 65536 /* at once: more reviews than a server has connections */

int deadlines_new(struct deadlines **out, struct err *err) MUST_CHECK;
void deadlines_free(struct deadlines *d); /* none is left; NULL is fine */

/** -1 with ERR_LIMIT, ERR_NOMEM: it is not kept then, and over() is never called. */
int deadlines_add(struct deadlines *d, struct deadline *deadline, struct err *err) MUST_CHECK;

/** True: it was removed, and over() is never called. False: over() is being called, or was. */
bool deadlines_remove(struct deadlines *d, struct deadline *deadline);

#endif
