#ifndef BULLA_WEBHOOK_GENERATION_PRIVATE_H
#define BULLA_WEBHOOK_GENERATION_PRIVATE_H

#include <stdatomic.h>

#include "base/file_mark.h"
#include "base/hash.h"
#include "webhook/generation.h"

/* Shared by the files that make up generation.h; nobody else includes it. */

#define GENERATION_HASH 32 /* SHA-256 */

/** How registries are reached, shared by all generations that read the same of it: connections,
 * tokens and TLS sessions stay. */
struct shared_registries {
    struct registries *registries;
    uint8_t inputs[GENERATION_HASH]; /* over all that they were made from */
    atomic_size_t users;
};
void shared_registries_drop(struct shared_registries *shared); /* NULL is fine */

/** A generation with what nobody else may see. */
struct held {
    struct generation shown;
    struct shared_registries *registries;
    atomic_size_t users;
    struct generations *owner;
    struct held *next; /* in the list of those that nobody holds */
};
void held_free(struct held *held);
void held_freep(struct held **held);

/**
 * Read everything. How each file looked before it was read is added to `marks`, also when it fails.
 *
 * @param before  the generation that is served with now, whose registries are shared where they
 * are made from the same; or NULL
 * @return 0, or -1 as generations_new()
 */
int held_load(struct held **out, const struct generations_options *options,
              const struct held *before, struct file_marks *marks, struct err *err) MUST_CHECK;

#endif
