#ifndef BULLA_BASE_MEM_H
#define BULLA_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/** Zeroed memory for n objects of `size` bytes; NULL with ERR_NOMEM (also when n * size overflows).
 * n >= 1. */
void *mem_new(size_t n, size_t size, struct err *err) MUST_CHECK;

/** A NUL-terminated copy of bytes that hold no NUL. free() it. NULL with ERR_NOMEM. */
char *mem_text(struct bytes bytes, struct err *err) MUST_CHECK;

/**
 * Make room for one more element in a growing array of `*cap` elements of `size` bytes holding
 * `len`. New elements are zeroed. -1 with ERR_LIMIT above `max` elements, ERR_NOMEM.
 */
int mem_grow(void **array, size_t *cap, size_t len, size_t size, size_t max,
             struct err *err) MUST_CHECK;

/* For CLEANUP() on `char *` and other malloc'ed pointers. */
void mem_freep(void *pointer_to_pointer);

/**
 * Memory of one lifetime: many small pieces, freed together. Bounded: above `max` bytes allocation
 * fails with ERR_LIMIT. Not thread-safe.
 */
struct arena {
    struct arena_block *blocks;
    size_t used; /* bytes handed out */
    size_t held; /* bytes that it has from the allocator, more than `used` */
    size_t max;
};

#define ARENA_INIT(max_)                                                                           \
    {                                                                                              \
        .blocks = NULL, .used = 0, .held = 0, .max = (max_)                                        \
    }

void *arena_new(struct arena *a, size_t n, size_t size,
                struct err *err) MUST_CHECK; /* zeroed, aligned; n >= 1 */
int arena_bytes(struct bytes *out, struct arena *a, struct bytes in, struct err *err) MUST_CHECK;
char *arena_text(struct arena *a, struct bytes in,
                 struct err *err) MUST_CHECK; /* NUL-terminated copy */
char *arena_printf(struct arena *a, struct err *err, const char *fmt, ...)
    PRINTF_LIKE(3, 4) MUST_CHECK;
/** Take over a buffer's memory: its content lives as long as the arena, and counts. `in` is empty
 * afterwards; on failure it is as it was. */
int arena_adopt(struct bytes *out, struct arena *a, struct buf *in, struct err *err) MUST_CHECK;
void arena_clear(struct arena *a);

#endif
