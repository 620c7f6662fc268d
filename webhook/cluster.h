#ifndef BULLA_WEBHOOK_CLUSTER_H
#define BULLA_WEBHOOK_CLUSTER_H

#include "base/bytes.h"

/*
 * The API server of the cluster, asked with the service account that is mounted. It is told the
 * token, so nothing but the cluster's own certificates vouches for it, and no redirect is followed.
 */

struct cluster;

struct cluster_options {
    const char *url;    /* NULL: as KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT say */
    const char *folder; /* holds `token` and `ca.crt`; NULL: where a cluster mounts them */
    const char *user_agent;
    size_t max_body; /* bytes of one answer */
};

/**
 * Sends nothing. Options are borrowed for life.
 *
 * @return 0, or -1 with ERR_CONFIG (a file is missing or not what it should be, and is named; no
 * URL; plain HTTP to another machine), ERR_NOMEM
 */
int cluster_new(struct cluster **out, const struct cluster_options *options,
                struct err *err) MUST_CHECK;
void cluster_free(struct cluster *c); /* nobody asks any more; NULL is fine */

/** One thing to get, and what came. Set the first group, zero the rest; cluster_get_clear()
 * afterwards, which wipes the body. */
struct cluster_get {
    const char *path; /* from "/api" on; segments need no escaping */

    struct err err; /* ERR_NONE: an answer came, of any status */
    long status;
    struct buf body; /* of a 200 */
};
void cluster_get_clear(struct cluster_get *get);

/** Together, and wait for all, until `deadline` at most. The token is read anew each time, since it
 * is changed in its place. Thread-safe. */
void cluster_fetch(struct cluster *c, struct cluster_get *gets, size_t n, int64_t deadline);

#endif
