#ifndef BULLA_VERIFY_AUDIT_MAP_H
#define BULLA_VERIFY_AUDIT_MAP_H

#include "base/hash.h"

/* Numbers under texts of any length, which are known by their SHA-256 only. Bounded. */

#define AUDIT_MAP_KEY 32

struct audit_slot {
    uint8_t key[AUDIT_MAP_KEY];
    uint32_t number; /* 0: the slot is free */
};

struct audit_map {
    struct audit_slot *slots;
    size_t n, cap; /* cap is a power of two, or 0 */
    size_t max;
};

#define AUDIT_MAP_INIT(max_)                                                                       \
    {                                                                                              \
        .slots = NULL, .n = 0, .cap = 0, .max = (max_)                                             \
    }

void audit_map_clear(struct audit_map *map); /* empty again, memory freed */

/** Where the number of this text stands, made when it is not there: 0 then, and to be set to
 * something else before the next call. Borrowed until the next call. NULL with ERR_LIMIT
 * (`max` texts), ERR_NOMEM, ERR_CRYPTO. */
uint32_t *audit_map_at(struct audit_map *map, struct bytes text, struct err *err) MUST_CHECK;

/** The number of this text, or 0. */
uint32_t audit_map_find(const struct audit_map *map, struct bytes text);

#endif
