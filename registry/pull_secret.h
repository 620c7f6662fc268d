#ifndef BULLA_REGISTRY_PULL_SECRET_H
#define BULLA_REGISTRY_PULL_SECRET_H

#include "registry/credentials.h"

/*
 * A Secret of a cluster that holds credentials for pulling images (registry.md 7.5). It is the
 * property of whoever may write in its namespace: only `auths` counts, and no helper is ever run
 * for it.
 */

/** As the API gives it. Kubernetes lets a Secret hold 1 MiB, but a thousand registries are less
 * than half of that; the rest is for the names of who changed it. */
#define PULL_SECRET_JSON_MAX (MIB + 64 * KIB)

struct pull_secret {
    struct secret *text; /* docker's configuration, checked to be an object; NULL: none */
    bool bare;           /* it is the map of `auths` itself (kubernetes.io/dockercfg) */
};

void pull_secret_clear(struct pull_secret *s);

/**
 * Read a v1 Secret.
 *
 * @param json  the API's answer, borrowed for the call only
 * @return 0, or -1 with ERR_UNSUPPORTED (a Secret of another type), ERR_MALFORMED (no Secret, or
 * what it holds is no docker configuration), ERR_LIMIT, ERR_NOMEM; no secret is in the text
 */
int pull_secret_read(struct pull_secret *out, struct bytes json, struct err *err) MUST_CHECK;

/** The best credential of several Secrets so far. */
struct pull_match {
    struct credential credential; /* its origin is not set */
    char *key;                    /* host and path that it was found under; NULL: nothing yet */
};
void pull_match_clear(struct pull_match *m);

/**
 * The kubelet's search: a key's host is compared label by label, where '*' and '?' stand for
 * characters of one label; ports are equal; its path is the repository or a folder of it. Of the
 * keys that fit the last in the order of their bytes counts, so a longer path comes before a
 * shorter one and a name before a pattern. Better than what `best` has, it takes its place.
 *
 * Stricter than the kubelet: "host/team" says nothing about "host/team-other".
 *
 * @param host        as in struct reference
 * @param repository  or NULL: keys with a path do not fit
 * @return 0, or -1 with ERR_CONFIG, ERR_MALFORMED (an entry that fits is not what it should be),
 * ERR_LIMIT, ERR_NOMEM; `best` is what was found before it then
 */
int pull_secret_find(struct pull_match *best, const struct pull_secret *s, const char *host,
                     const char *repository, struct err *err) MUST_CHECK;

#endif
