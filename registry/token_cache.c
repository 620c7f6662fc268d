#include "registry/token.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#define NEAR_END_MS (10 * 1000) /* a token with less left is asked for anew */

struct entry {
    char *key;
    struct secret *token; /* NULL while it is asked for */
    int64_t expires;      /* on clock_millis() */
    bool asked;           /* somebody is asking */
};

struct tokens {
    pthread_mutex_t lock;
    pthread_cond_t settled;
    struct entry *entries;
    size_t n, cap;
};

int tokens_new(struct tokens **out, struct err *err)
{
    struct tokens *t = mem_new(1, sizeof(*t), err);

    *out = NULL;
    if (t == NULL)
        return -1;
    pthread_mutex_init(&t->lock, NULL);
    clock_cond_init(&t->settled);
    *out = t;
    return 0;
}

static void entry_clear(struct entry *e)
{
    free(e->key);
    secret_free(e->token);
    *e = (struct entry) { .key = NULL };
}

void tokens_free(struct tokens *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n; i++)
        entry_clear(&t->entries[i]);
    free(t->entries);
    pthread_cond_destroy(&t->settled);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct entry *find(struct tokens *t, const char *key)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->entries[i].key, key) == 0)
            return &t->entries[i];
    return NULL;
}

static void drop(struct tokens *t, struct entry *e)
{
    entry_clear(e);
    *e = t->entries[--t->n];
    t->entries[t->n] = (struct entry) { .key = NULL };
}

static int copy_if_fresh(struct secret **out, const struct entry *e, struct err *err)
{
    if (e == NULL || e->token == NULL || clock_millis() + NEAR_END_MS > e->expires)
        return 0;
    return secret_copy(out, secret_bytes(e->token), err);
}

int tokens_find(struct secret **out, struct tokens *t, const char *key, struct err *err)
{
    *out = NULL;
    pthread_mutex_lock(&t->lock);
    int result = copy_if_fresh(out, find(t, key), err);
    pthread_mutex_unlock(&t->lock);
    return result;
}

/* The one that ends first makes room; one that is being asked for stays. */
static void make_room(struct tokens *t)
{
    struct entry *oldest = NULL;

    for (size_t i = 0; i < t->n; i++)
        if (!t->entries[i].asked && (oldest == NULL || t->entries[i].expires < oldest->expires))
            oldest = &t->entries[i];
    if (oldest != NULL)
        drop(t, oldest);
}

static int claim_new(struct tokens *t, const char *key, struct err *err)
{
    if (t->n == TOKENS_MAX)
        make_room(t);
    if (mem_grow((void **)&t->entries, &t->cap, t->n, sizeof(*t->entries), TOKENS_MAX, err) != 0)
        return -1;
    char *copy = mem_text(bytes_text(key), err);
    if (copy == NULL)
        return -1;
    t->entries[t->n++] = (struct entry) { .key = copy, .asked = true };
    return 0;
}

static int claim_locked(struct secret **out, struct tokens *t, const char *key, int64_t deadline,
                        struct err *err)
{
    const struct timespec until = clock_timespec(deadline);
    struct entry *e = find(t, key);

    while (e != NULL && e->asked) {
        if (clock_millis() > deadline ||
            pthread_cond_timedwait(&t->settled, &t->lock, &until) == ETIMEDOUT)
            return err_set(err, ERR_DEADLINE, "no token in time");
        e = find(t, key);
    }
    if (copy_if_fresh(out, e, err) != 0)
        return -1;
    if (*out != NULL)
        return 0;
    if (e == NULL)
        return claim_new(t, key, err);
    e->asked = true;
    return 0;
}

int tokens_claim(struct secret **out, struct tokens *t, const char *key, int64_t deadline,
                 struct err *err)
{
    *out = NULL;
    pthread_mutex_lock(&t->lock);
    int result = claim_locked(out, t, key, deadline, err);
    pthread_mutex_unlock(&t->lock);
    return result;
}

void tokens_put(struct tokens *t, const char *key, const struct secret *token, int64_t lifetime)
{
    pthread_mutex_lock(&t->lock);
    struct entry *e = find(t, key);
    if (e != NULL) {
        secret_freep(&e->token);
        e->asked = false;
        e->expires = clock_millis() + lifetime;
        if (token == NULL || secret_copy(&e->token, secret_bytes(token), NULL) != 0)
            drop(t, e);
    }
    pthread_cond_broadcast(&t->settled);
    pthread_mutex_unlock(&t->lock);
}

void tokens_forget(struct tokens *t, const char *key, struct bytes stale)
{
    pthread_mutex_lock(&t->lock);
    struct entry *e = find(t, key);
    if (e != NULL && !e->asked && secret_equal(secret_bytes(e->token), stale))
        drop(t, e);
    pthread_mutex_unlock(&t->lock);
}
