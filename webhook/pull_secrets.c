#include "webhook/pull_secrets.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "registry/pull_secret.h"
#include "webhook/cluster.h"

#define ENTRIES_MAX 1024     /* Secrets that are known, or known not to be: namespaces have a few */
#define KEPT_BYTES (8 * MIB) /* of what they hold: guarded memory */
#define NAME_MAX_BYTES 512   /* NAMESPACE/NAME, each at most 253 */
#define WAVE 4               /* Secrets asked for together: bounds the memory of one question */
#define ASKING_MAX 4         /* threads that ask at once: bounds that of all, to 17 MiB */
#define CHECK_MS 10000       /* for the doctor */

/** What was read, shared by the cache and by whoever searches it. */
struct held {
    struct pull_secret secret;
    atomic_size_t holders;
    atomic_bool told; /* that an entry of it is not what it should be */
};

struct entry {
    char name[NAME_MAX_BYTES]; /* NAMESPACE/NAME */
    int64_t made;
    struct held *held;    /* or NULL: */
    enum err_code failed; /* why there is none */
    bool told;            /* it has been logged */
};

struct pull_secrets {
    struct cluster *cluster;
    int64_t (*clock)(void);
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t left;  /* a thread asks no more */
    size_t asking;
    size_t n, bytes;
    struct entry entries[ENTRIES_MAX];
};

/* --- What is held --- */

static void held_drop(struct held *held)
{
    if (held == NULL || atomic_fetch_sub(&held->holders, 1) != 1)
        return;
    pull_secret_clear(&held->secret);
    free(held);
}

static size_t held_bytes(const struct held *held)
{
    return held == NULL ? 0 : secret_bytes(held->secret.text).len;
}

/* --- The cache --- */

static int64_t now_of(const struct pull_secrets *s)
{
    return s->clock != NULL ? s->clock() : clock_millis();
}

/* With the lock held. */
static struct entry *find_entry(struct pull_secrets *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->entries[i].name, name) == 0)
            return &s->entries[i];
    return NULL;
}

/* Is it known, or known not to be there? Then it is held, or NULL. */
static bool known(struct held **out, struct pull_secrets *s, const char *name)
{
    const int64_t now = now_of(s);

    *out = NULL;
    pthread_mutex_lock(&s->lock);
    const struct entry *entry = find_entry(s, name);
    const bool young =
        entry != NULL &&
        now - entry->made <= (entry->held != NULL ? PULL_SECRETS_KEPT_MS : PULL_SECRETS_FAILED_MS);
    if (young && entry->held != NULL) {
        *out = entry->held;
        atomic_fetch_add(&(*out)->holders, 1);
    }
    pthread_mutex_unlock(&s->lock);
    return young;
}

/* With the lock held. */
static void remove_entry(struct pull_secrets *s, struct entry *entry)
{
    s->bytes -= held_bytes(entry->held);
    held_drop(entry->held);
    *entry = s->entries[--s->n];
}

/* With the lock held: the oldest go until this many bytes more have room. */
static void make_room(struct pull_secrets *s, size_t bytes)
{
    while (s->n > 0 && (s->n == ENTRIES_MAX || s->bytes + bytes > KEPT_BYTES)) {
        struct entry *oldest = &s->entries[0];
        for (size_t i = 1; i < s->n; i++)
            if (s->entries[i].made < oldest->made)
                oldest = &s->entries[i];
        remove_entry(s, oldest);
    }
}

/* What came, held once more by the cache; or why nothing did. True: nobody has been told yet. */
static bool keep(struct pull_secrets *s, const char *name, int64_t made, struct held *held,
                 enum err_code failed)
{
    struct entry fresh = { .made = made, .held = held, .failed = failed, .told = held == NULL };

    snprintf(fresh.name, sizeof(fresh.name), "%s", name);
    pthread_mutex_lock(&s->lock);
    struct entry *old = find_entry(s, name);
    const bool told = old != NULL && old->told && old->failed == failed;
    if (old != NULL)
        remove_entry(s, old);
    make_room(s, held_bytes(held));
    if (held != NULL)
        atomic_fetch_add(&held->holders, 1);
    s->bytes += held_bytes(held);
    s->entries[s->n++] = fresh;
    pthread_mutex_unlock(&s->lock);
    return held == NULL && !told;
}

/* --- Asking --- */

/* The answer as an error that says what to do about it. */
static int check_status(const struct cluster_get *get, struct err *err)
{
    if (get->err.code != ERR_NONE) {
        *err = get->err;
        return -1;
    }
    switch (get->status) {
    case 200:
        return 0;
    case 401:
        return err_set(err, ERR_AUTH, "HTTP 401: the service account's token is not accepted");
    case 403:
        return err_set(err, ERR_DENIED,
                       "HTTP 403: the service account needs `get` on secrets in this namespace "
                       "(RBAC)");
    case 404:
        return err_set(err, ERR_NOT_FOUND, "HTTP 404: there is no such Secret");
    default:
        return err_set(err, ERR_NETWORK, "HTTP %ld", get->status);
    }
}

static struct held *read_held(const struct cluster_get *get, struct err *err)
{
    if (check_status(get, err) != 0)
        return NULL;
    struct held *held = mem_new(1, sizeof(*held), err);
    if (held == NULL)
        return NULL;
    atomic_init(&held->holders, 1);
    if (pull_secret_read(&held->secret, buf_bytes(&get->body), err) == 0)
        return held;
    held_drop(held);
    return NULL;
}

/* One Secret on its way. */
struct wanted {
    char name[NAME_MAX_BYTES];
    char path[NAME_MAX_BYTES + 64];
    struct held *held; /* NULL: passed over */
    bool known;
};

static void take_answer(struct pull_secrets *s, struct wanted *w, struct cluster_get *get,
                        int64_t began)
{
    struct err err = ERR_INIT;

    w->held = read_held(get, &err);
    w->known = true;
    if (keep(s, w->name, began, w->held, err.code))
        log_warn("Secret %s is passed over: %s", w->name, err_text(&err));
    cluster_get_clear(get);
}

/* A place among those that ask. False: there was none in time. */
static bool enter(struct pull_secrets *s, int64_t deadline)
{
    const struct timespec until = clock_timespec(deadline);
    int waited = 0;

    pthread_mutex_lock(&s->lock);
    while (s->asking == ASKING_MAX && waited == 0)
        waited = pthread_cond_timedwait(&s->left, &s->lock, &until);
    const bool entered = s->asking < ASKING_MAX;
    s->asking += entered;
    pthread_mutex_unlock(&s->lock);
    return entered;
}

static void leave(struct pull_secrets *s)
{
    pthread_mutex_lock(&s->lock);
    s->asking--;
    pthread_cond_signal(&s->left);
    pthread_mutex_unlock(&s->lock);
}

/* The next few of them that are not known. */
static size_t next_wave(struct wanted *wave[WAVE], struct cluster_get gets[WAVE],
                        struct wanted *wanted, size_t n)
{
    size_t chosen = 0;

    for (size_t i = 0; i < n && chosen < WAVE; i++)
        if (!wanted[i].known) {
            wave[chosen] = &wanted[i];
            gets[chosen] = (struct cluster_get) { .path = wanted[i].path };
            chosen++;
        }
    return chosen;
}

static void fetch(struct pull_secrets *s, struct wanted *wanted, size_t n, int64_t deadline)
{
    struct wanted *wave[WAVE];
    struct cluster_get gets[WAVE];

    for (size_t k; (k = next_wave(wave, gets, wanted, n)) > 0;) {
        const int64_t began = now_of(s);
        cluster_fetch(s->cluster, gets, k, deadline);
        for (size_t i = 0; i < k; i++)
            take_answer(s, wave[i], &gets[i], began);
    }
}

static bool all_known(struct pull_secrets *s, struct wanted *wanted, size_t n)
{
    bool all = true;

    for (size_t i = 0; i < n; i++) {
        wanted[i].known = known(&wanted[i].held, s, wanted[i].name);
        all &= wanted[i].known;
    }
    return all;
}

static void gather(struct pull_source *source, struct wanted *wanted)
{
    struct pull_secrets *s = source->secrets;
    const struct review *r = source->review;
    const int64_t deadline = clock_deadline(PULL_SECRETS_MS);

    for (size_t i = 0; i < r->n_secrets; i++) {
        struct wanted *w = &wanted[i];
        snprintf(w->name, sizeof(w->name), "%s/%s", r->namespace, r->secrets[i]);
        snprintf(w->path, sizeof(w->path), "/api/v1/namespaces/%s/secrets/%s", r->namespace,
                 r->secrets[i]);
    }
    pthread_mutex_lock(&source->lock);
    if (!all_known(s, wanted, r->n_secrets) && enter(s, deadline)) {
        fetch(s, wanted, r->n_secrets, deadline);
        leave(s);
    }
    pthread_mutex_unlock(&source->lock);
}

/* --- Searching --- */

static int search_one(struct pull_match *best, struct wanted *w, const char *host,
                      const char *repository, struct err *err)
{
    struct err why = ERR_INIT;

    if (pull_secret_find(best, &w->held->secret, host, repository, &why) != 0) {
        if (why.code == ERR_NOMEM) {
            *err = why;
            return -1;
        }
        if (!atomic_exchange(&w->held->told, true))
            log_warn("Secret %s: %s", w->name, err_text(&why));
    }
    if (best->key == NULL || best->credential.origin != NULL)
        return 0;
    struct buf CLEANUP(buf_clear) origin = BUF_INIT(2 * REFERENCE_MAX);
    buf_addf(&origin, "Secret %s: %s", w->name, best->key);
    if (buf_check(&origin, "origin", err) != 0)
        return -1;
    best->credential.origin = mem_text(buf_bytes(&origin), err);
    return best->credential.origin != NULL ? 0 : -1;
}

static int find(void *context, struct credential *out, const char *host, const char *repository,
                struct err *err)
{
    CLEANUP(pull_match_clear) struct pull_match best = { .key = NULL };
    struct pull_source *source = context;
    const size_t n = source->review->n_secrets;
    int found = 0;

    *out = (struct credential) { .kind = CREDENTIAL_NONE };
    struct wanted *CLEANUP(mem_freep) wanted = mem_new(n, sizeof(*wanted), err);
    if (wanted == NULL)
        return -1;
    gather(source, wanted);
    for (size_t i = 0; i < n; i++) {
        if (found == 0 && wanted[i].held != NULL)
            found = search_one(&best, &wanted[i], host, repository, err);
        held_drop(wanted[i].held);
    }
    if (found != 0)
        return -1;
    *out = best.credential;
    best.credential = (struct credential) { .kind = CREDENTIAL_NONE };
    return 0;
}

/* --- Sources --- */

bool pull_source_named(const struct review *review)
{
    return review->n_secrets > 0 && review->namespace != NULL &&
           review_name_valid(bytes_text(review->namespace));
}

static int identify(struct pull_source *source, struct err *err)
{
    struct hash *CLEANUP(hash_freep) hash = NULL;
    const struct review *r = source->review;

    /* with the NUL behind each: no two lists are spelt alike */
    if (hash_new(&hash, HASH_SHA256, err) != 0 ||
        hash_add(hash, (struct bytes) { (const uint8_t *)r->namespace, strlen(r->namespace) + 1 },
                 err) != 0)
        return -1;
    for (size_t i = 0; i < r->n_secrets; i++) {
        const struct bytes name = { (const uint8_t *)r->secrets[i], strlen(r->secrets[i]) + 1 };
        if (hash_add(hash, name, err) != 0)
            return -1;
    }
    return hash_end(source->identity, hash, err);
}

int pull_source_init(struct pull_source *out, struct pull_secrets *secrets,
                     const struct review *review, struct err *err)
{
    *out =
        (struct pull_source) { .credentials = { find, out }, .secrets = secrets, .review = review };
    if (identify(out, err) != 0)
        return -1;
    pthread_mutex_init(&out->lock, NULL);
    return 0;
}

void pull_source_clear(struct pull_source *source)
{
    pthread_mutex_destroy(&source->lock);
}

/* --- Life --- */

int pull_secrets_new(struct pull_secrets **out, const struct pull_secrets_options *options,
                     struct err *err)
{
    const struct cluster_options cluster = { .url = options->api,
                                             .folder = options->folder,
                                             .user_agent = options->user_agent,
                                             .max_body = PULL_SECRET_JSON_MAX };

    *out = NULL;
    struct pull_secrets *s = mem_new(1, sizeof(*s), err);
    if (s == NULL)
        return -1;
    s->clock = options->clock;
    pthread_mutex_init(&s->lock, NULL);
    clock_cond_init(&s->left);
    if (cluster_new(&s->cluster, &cluster, err) != 0) {
        pull_secrets_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void pull_secrets_free(struct pull_secrets *s)
{
    if (s == NULL)
        return;
    while (s->n > 0)
        remove_entry(s, &s->entries[0]);
    cluster_free(s->cluster);
    pthread_cond_destroy(&s->left);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int pull_secrets_check(struct pull_secrets *s, struct err *err)
{
    struct cluster_get get = { .path = "/api" };

    cluster_fetch(s->cluster, &get, 1, clock_deadline(CHECK_MS));
    const int checked = check_status(&get, err);
    cluster_get_clear(&get);
    return checked;
}
