#include "verify/audit_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CAP_FIRST 1024

void audit_map_clear(struct audit_map *map)
{
    free(map->slots);
    *map = (struct audit_map)AUDIT_MAP_INIT(map->max);
}

/* A slot that holds the key, or the free one where it belongs. The key is a hash: its first bytes
 * are as good as any. */
static struct audit_slot *slot_of(struct audit_slot *slots, size_t cap, const uint8_t *key)
{
    const struct bytes wanted = { key, AUDIT_MAP_KEY };
    uint32_t start;

    memcpy(&start, key, sizeof(start));
    for (size_t i = start;; i++) {
        struct audit_slot *slot = &slots[i & (cap - 1)];
        if (slot->number == 0 || bytes_equal(wanted, (struct bytes) { slot->key, AUDIT_MAP_KEY }))
            return slot;
    }
}

/* Never more than half full, so that a free slot is near. */
static int make_room(struct audit_map *map, struct err *err)
{
    const size_t cap = map->cap == 0 ? CAP_FIRST : 2 * map->cap;

    if (map->n >= map->max)
        return err_set(err, ERR_LIMIT, "more than %zu images", map->max);
    if (2 * (map->n + 1) <= map->cap)
        return 0;
    struct audit_slot *slots = mem_new(cap, sizeof(*slots), err);
    if (slots == NULL)
        return -1;
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].number != 0)
            *slot_of(slots, cap, map->slots[i].key) = map->slots[i];
    free(map->slots);
    map->slots = slots;
    map->cap = cap;
    return 0;
}

uint32_t *audit_map_at(struct audit_map *map, struct bytes text, struct err *err)
{
    uint8_t key[HASH_MAX];

    if (hash_bytes(key, HASH_SHA256, text, err) != 0)
        return NULL;
    if (map->cap > 0) {
        struct audit_slot *there = slot_of(map->slots, map->cap, key);
        if (there->number != 0)
            return &there->number;
    }
    if (make_room(map, err) != 0)
        return NULL;
    struct audit_slot *slot = slot_of(map->slots, map->cap, key);
    memcpy(slot->key, key, AUDIT_MAP_KEY);
    map->n++;
    return &slot->number;
}

uint32_t audit_map_find(const struct audit_map *map, struct bytes text)
{
    uint8_t key[HASH_MAX];

    if (map->cap == 0 || hash_bytes(key, HASH_SHA256, text, NULL) != 0)
        return 0;
    return slot_of(map->slots, map->cap, key)->number;
}
