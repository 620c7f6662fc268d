#ifndef BULLA_WEBHOOK_GENERATION_H
#define BULLA_WEBHOOK_GENERATION_H

#include "engine/lookups.h"
#include "engine/policy_file.h"
#include "webhook/tls.h"

/*
 * One immutable generation of everything that is configured: policy, keys, registries, certificate,
 * token. A new file makes a new generation whole or not at all; whoever works with one holds it.
 */

struct generation {
    uint64_t number; /* from 1 */
    int64_t loaded;  /* seconds */
    struct policy_file file;
    struct lookups_source source;  /* engine options, hash of trust; holds this generation */
    struct tls_identity *identity; /* NULL: plain HTTP is served (tests, doctor) */
    struct secret *token;          /* callers must show it; NULL: none */
};

struct generations;

/** Where everything is read from; borrowed for life. */
struct generation_files {
    const char *policy, *registries, *token;
    struct tls_files tls;
    const char *const *auth; /* docker config files, or folders of them */
    size_t n_auth;
};

struct generations_options {
    struct generation_files files;
    struct registries_options registries; /* observe, user agent */
    struct engine_options engine;         /* timeout, max_statement */
    /** Told after every try: what is served with now, and why a new one was not taken (NULL: it
     * was). On the thread that tried. May be NULL. */
    void (*changed)(void *context, const struct generation *now, const struct err *why);
    void *context;
};

/** Load the first. -1 with ERR_CONFIG, ERR_USAGE, ERR_IO, ERR_LIMIT, ERR_NOMEM. */
int generations_new(struct generations **out, const struct generations_options *options,
                    struct err *err) MUST_CHECK;
void generations_free(struct generations *g); /* nobody holds one any more; NULL is fine */

/** The one that is served with now, held. Any thread, nanoseconds. */
const struct generation *generation_take(struct generations *g);
void generation_drop(const struct generation *generation);

/** Load anew: 0 when the new one is served with now. -1, and the old one stays. One thread at a
 * time. */
int generations_reload(struct generations *g, struct err *err) MUST_CHECK;

/** Has a file changed since the last try? By identity, size and time of each file, links followed:
 * a ConfigMap's swapped folder is a change. */
bool generations_stale(struct generations *g);

/** Do the files look as they did at the last call of this? A change is taken when it has been seen
 * twice the same: a file that is still being written is not read. The reloading thread. */
bool generations_settled(struct generations *g);

/** Free what nobody holds any more: whoever drops the last hold of an old generation, a thread that
 * serves, does not pay for it. The reloading thread. */
void generations_reap(struct generations *g);

struct generations_state {
    uint64_t number;
    int64_t tried; /* seconds, of the last try */
    bool last_failed;
    struct err why; /* of it, when it failed */
};
void generations_state(struct generations_state *out, struct generations *g);

#endif
