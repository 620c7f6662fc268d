#ifndef BULLA_WEBHOOK_METRICS_H
#define BULLA_WEBHOOK_METRICS_H

#include "policy/judge.h"

/*
 * What the webhook counts, as Prometheus reads it (text format 0.0.4). Counting is a few atomic
 * additions; labels are closed lists, hosts aside.
 */

struct metrics;

enum metrics_path { METRICS_VALIDATE = 0, METRICS_MUTATE, METRICS_PATHS };
enum metrics_phase {
    PHASE_SELECT = 0,
    PHASE_RESOLVE,
    PHASE_COLLECT,
    PHASE_CHECK,
    PHASE_JUDGE,
    PHASES
};
/** How an image's facts were had. */
enum metrics_cache {
    CACHE_HIT = 0,  /* kept */
    CACHE_MISS,     /* looked up */
    CACHE_PROVEN,   /* the last complete set, under use-proven-within */
    CACHE_UNNEEDED, /* nothing had to be looked up */
    CACHE_CLASSES
};

int metrics_new(struct metrics **out, struct err *err) MUST_CHECK;
void metrics_free(struct metrics *m);

void metrics_review(struct metrics *m, enum metrics_path path, enum verdict verdict,
                    enum policy_mode mode, enum reason_code reason, int64_t micros);
void metrics_image(struct metrics *m, enum verdict verdict, enum policy_mode mode,
                   enum reason_code reason);
void metrics_phase(struct metrics *m, enum metrics_phase phase, int64_t micros);
void metrics_cache(struct metrics *m, enum metrics_cache how);
void metrics_bad_request(struct metrics *m); /* no review could be parsed */
void metrics_registry(struct metrics *m, const char *host, long status); /* status 0: no answer */

/** What is read when the page is asked for. */
struct metrics_gauges {
    const struct policy *policy;
    uint64_t generation;
    int64_t loaded, tried; /* seconds */
    bool last_failed;
    int64_t certificate_expires; /* seconds; 0: none */
    size_t in_flight, waiting, busy, threads;
    size_t cache_bytes, cache_entries;
    uint64_t evicted, refused, cut;
    size_t body_bytes;
    unsigned connections;
};
void metrics_write(struct buf *out, struct metrics *m, const struct metrics_gauges *gauges);

#endif
