#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "engine/lookups_private.h"

#define BUCKETS_MIN 64
#define BUCKETS_MAX (1024 * 1024)
#define KEPT_TYPICAL (4 * KIB) /* one signed image */

/* --- Table --- */

int table_init(struct table *table, size_t buckets, struct err *err)
{
    table->n = BUCKETS_MIN;
    while (table->n < buckets && table->n < BUCKETS_MAX)
        table->n *= 2;
    table->buckets = mem_new(table->n, sizeof(struct node *), err);
    return table->buckets != NULL ? 0 : -1;
}

/* The keys are digests: any of their bits are as good as a hash. */
static struct node **bucket(const struct table *table, const uint8_t key[LOOKUP_KEY_SIZE])
{
    size_t hash;

    memcpy(&hash, key, sizeof(hash));
    return &table->buckets[hash & (table->n - 1)];
}

static bool same_key(const struct node *node, const uint8_t key[LOOKUP_KEY_SIZE])
{
    return bytes_equal((struct bytes) { node->key, LOOKUP_KEY_SIZE },
                       (struct bytes) { key, LOOKUP_KEY_SIZE });
}

struct node *table_find(const struct table *table, const uint8_t key[LOOKUP_KEY_SIZE])
{
    struct node *node = *bucket(table, key);

    while (node != NULL && !same_key(node, key))
        node = node->chain;
    return node;
}

void table_add(struct table *table, struct node *node)
{
    struct node **first = bucket(table, node->key);

    node->chain = *first;
    *first = node;
}

void table_remove(struct table *table, struct node *node)
{
    struct node **at = bucket(table, node->key);

    while (*at != NULL && *at != node)
        at = &(*at)->chain;
    if (*at == node)
        *at = node->chain;
    node->chain = NULL;
}

/* --- Counted look-ups --- */

struct kept *kept_new(struct err *err)
{
    struct kept *kept = mem_new(1, sizeof(*kept), err);

    if (kept == NULL)
        return NULL;
    lookup_init(&kept->seen.lookup);
    kept->seen.self = kept;
    atomic_init(&kept->holders, 1);
    return kept;
}

void kept_hold(const struct kept_lookup *kept)
{
    atomic_fetch_add(&kept->self->holders, 1);
}

void kept_drop(const struct kept_lookup *kept)
{
    if (kept == NULL || atomic_fetch_sub(&kept->self->holders, 1) != 1)
        return;
    struct kept *self = kept->self;
    lookup_clear(&self->seen.lookup);
    free(self);
}

int64_t kept_age(const struct kept_lookup *kept, int64_t now_ms)
{
    return now_ms - kept->made;
}

bool kept_answers(const struct lookup *found, const struct judgement *judgement,
                  const struct reference *image, int64_t age_ms)
{
    return lookup_answers(found, judgement, image) &&
           (judgement->verdict != VERDICT_DENY || age_ms <= LOOKUPS_DENY_MS);
}

/* --- Cache --- */

int cache_init(struct cache *cache, size_t max_bytes, struct err *err)
{
    cache->max_bytes = max_bytes;
    return table_init(&cache->table, max_bytes / KEPT_TYPICAL, err);
}

void cache_clear(struct cache *cache)
{
    struct kept *kept = cache->newest;

    cache->newest = cache->oldest = NULL;
    cache_release(kept);
    free(cache->table.buckets);
}

static void unlink_kept(struct cache *cache, struct kept *kept)
{
    if (kept->newer != NULL)
        kept->newer->older = kept->older;
    else
        cache->newest = kept->older;
    if (kept->older != NULL)
        kept->older->newer = kept->newer;
    else
        cache->oldest = kept->newer;
    kept->newer = kept->older = NULL;
}

static void link_newest(struct cache *cache, struct kept *kept)
{
    kept->older = cache->newest;
    kept->newer = NULL;
    if (cache->newest != NULL)
        cache->newest->newer = kept;
    else
        cache->oldest = kept;
    cache->newest = kept;
}

struct kept *cache_find(struct cache *cache, const uint8_t key[LOOKUP_KEY_SIZE])
{
    struct kept *kept = (struct kept *)table_find(&cache->table, key);

    if (kept != NULL && kept != cache->newest) {
        unlink_kept(cache, kept);
        link_newest(cache, kept);
    }
    return kept;
}

/* Put in front of what was dropped. */
static void drop(struct cache *cache, struct kept *kept, struct kept **dropped)
{
    table_remove(&cache->table, &kept->node);
    unlink_kept(cache, kept);
    cache->bytes -= kept->weight;
    cache->n--;
    kept->older = *dropped;
    *dropped = kept;
}

struct kept *cache_put(struct cache *cache, struct kept *kept)
{
    struct kept *dropped = NULL;
    struct kept *before = (struct kept *)table_find(&cache->table, kept->node.key);

    kept->weight = sizeof(*kept) - sizeof(kept->seen.lookup) + lookup_weight(&kept->seen.lookup);
    if (before != NULL && before->seen.made > kept->seen.made)
        return NULL;
    if (before != NULL)
        drop(cache, before, &dropped);
    if (kept->weight > cache->max_bytes)
        return dropped;
    kept_hold(&kept->seen);
    table_add(&cache->table, &kept->node);
    link_newest(cache, kept);
    cache->bytes += kept->weight;
    cache->n++;
    while (cache->bytes > cache->max_bytes && cache->oldest != NULL) {
        drop(cache, cache->oldest, &dropped);
        cache->evicted++;
    }
    return dropped;
}

void cache_release(struct kept *dropped)
{
    while (dropped != NULL) {
        struct kept *next = dropped->older;
        kept_drop(&dropped->seen);
        dropped = next;
    }
}
