#include "engine/platforms.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "engine/lookup.h"
#include "engine/workers.h"

void platforms_clear(struct platforms *platforms)
{
    for (size_t i = 0; i < platforms->n; i++)
        fact_set_clear(&platforms->facts[i]);
    free(platforms->facts);
    free(platforms->items);
    arena_clear(&platforms->arena);
    *platforms = (struct platforms) { .arena = ARENA_INIT(MIB) };
}

static int add(struct platforms *p, size_t *cap, const struct digest *digest, const char *name,
               struct err *err)
{
    void *items = p->items;

    const int grown = mem_grow(&items, cap, p->n, sizeof(*p->items), PLATFORMS_MAX, err);
    p->items = items;
    if (grown != 0)
        return err_wrap(err, "platforms");
    p->items[p->n].digest = *digest;
    p->items[p->n].name = arena_text(&p->arena, bytes_text(name), err);
    if (p->items[p->n].name == NULL)
        return -1;
    p->n++;
    return 0;
}

/* Attestations of build tools stand in indexes as children of an unknown platform. */
static bool runnable(const struct descriptor *child)
{
    return child->os == NULL || child->architecture == NULL || strcmp(child->os, "unknown") != 0 ||
           strcmp(child->architecture, "unknown") != 0;
}

static int add_child(struct platforms *p, size_t *cap, const struct descriptor *child,
                     struct err *err)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(KIB);

    if (!media_type_is_manifest(child->media_type) || media_type_is_index(child->media_type))
        return err_set(err, ERR_UNSUPPORTED, "the index holds a %s, whose platform is not known",
                       child->media_type);
    buf_addf(&name, "%s/%s", child->os == NULL ? "?" : child->os,
             child->architecture == NULL ? "?" : child->architecture);
    if (child->variant != NULL)
        buf_addf(&name, "/%s", child->variant);
    return add(p, cap, &child->digest, buf_text(&name), err);
}

static int list(struct platforms *p, struct store *store, const struct fact_query *query,
                struct err *err)
{
    struct fetch CLEANUP(fetch_clear)
        f = { .what = FETCH_MANIFEST, .digest = *query->digest, .size = -1, .err = ERR_INIT };
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MANIFEST_MAX * 2);
    struct manifest m;
    size_t cap = 0;

    store_fetch(store, &f, 1, query->deadline);
    if (f.err.code != ERR_NONE) {
        *err = f.err;
        return -1;
    }
    if (manifest_parse(&m, buf_bytes(&f.body), f.media_type, &scratch, err) != 0)
        return -1;
    if (m.kind == MANIFEST_IMAGE)
        return add(p, &cap, query->digest, "", err);
    for (size_t i = 0; i < m.n; i++)
        if (runnable(&m.entries[i]) && add_child(p, &cap, &m.entries[i], err) != 0)
            return -1;
    if (p->n == 0)
        return err_set(err, ERR_UNSUPPORTED, "the index has no platform that can be run");
    return 0;
}

/* One platform's facts, on a thread of its own: all wait for the network at once. */
struct job {
    struct fact_set *out;
    struct store *store;
    struct fact_query query;
    pthread_t thread;
    struct lookup_times times;
    struct err err;
    bool started;
};

static void *run(void *context)
{
    struct job *job = context;

    if (engine_facts(job->out, job->store, &job->query, &job->times, &job->err) != 0 &&
        job->err.code == ERR_NONE)
        err_set(&job->err, ERR_INTERNAL, "facts of a platform");
    return NULL;
}

static int gather(struct platforms *p, struct store *store, const struct fact_query *query,
                  struct lookup_times *slowest, struct err *err)
{
    struct job jobs[PLATFORMS_MAX];

    for (size_t i = 0; i < p->n; i++) {
        jobs[i] =
            (struct job) { .out = &p->facts[i], .store = store, .query = *query, .err = ERR_INIT };
        jobs[i].query.digest = &p->items[i].digest;
        jobs[i].started = i + 1 < p->n && worker_start(&jobs[i].thread, run, &jobs[i]) == 0;
        if (!jobs[i].started)
            run(&jobs[i]); /* the last on this thread, and whatever finds no thread */
    }
    for (size_t i = 0; i < p->n; i++) {
        if (jobs[i].started)
            pthread_join(jobs[i].thread, NULL);
        if (jobs[i].times.collect + jobs[i].times.check > slowest->collect + slowest->check)
            *slowest = jobs[i].times;
        if (jobs[i].err.code != ERR_NONE && err->code == ERR_NONE)
            *err = jobs[i].err;
    }
    return err->code == ERR_NONE ? 0 : -1;
}

int platforms_gather(struct platforms *out, struct store *store, const struct fact_query *query,
                     struct lookup_times *times, struct err *err)
{
    const int64_t began = clock_micros();
    struct lookup_times slowest = { 0 };
    struct err why = ERR_INIT;

    *out = (struct platforms) { .arena = ARENA_INIT(MIB) };
    if (list(out, store, query, err) != 0) {
        out->n = 0;
        return -1;
    }
    out->facts = mem_new(out->n, sizeof(*out->facts), err);
    if (out->facts == NULL) {
        out->n = 0;
        return -1;
    }
    for (size_t i = 0; i < out->n; i++)
        fact_set_init(&out->facts[i]);
    const int64_t listed = clock_micros() - began;
    const int gathered = gather(out, store, query, &slowest, &why);
    if (times != NULL) {
        times->collect += listed + slowest.collect;
        times->check += slowest.check;
    }
    if (gathered == 0)
        return 0;
    *err = why;
    return -1;
}
