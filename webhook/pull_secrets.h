#ifndef BULLA_WEBHOOK_PULL_SECRETS_H
#define BULLA_WEBHOOK_PULL_SECRETS_H

#include <pthread.h>

#include "engine/lookups.h"
#include "registry/credentials.h"
#include "webhook/review.h"

/*
 * The credentials of a Pod: what the Secrets that its imagePullSecrets name hold, in its own
 * namespace (registry.md 7.5). A Secret that cannot be read is passed over: the image is judged
 * with the credentials that are left, so nothing about a Secret makes a verdict better than its
 * proof does.
 */

/* How old, in milliseconds, a Secret may be, and why one could not be read: a person who mends it
 * does not wait for long. */
#define PULL_SECRETS_KEPT_MS 60000
#define PULL_SECRETS_FAILED_MS 5000

#define PULL_SECRETS_MS 2000 /* time for the Secrets of one Pod: the look-up needs the rest */

struct pull_secrets;

struct pull_secrets_options {
    const char *api;    /* cluster_options.url */
    const char *folder; /* cluster_options.folder */
    const char *user_agent;
    int64_t (*clock)(void); /* of ages, milliseconds; NULL: clock_millis() */
};

/** Errors as cluster_new(). */
int pull_secrets_new(struct pull_secrets **out, const struct pull_secrets_options *options,
                     struct err *err) MUST_CHECK;
void pull_secrets_free(struct pull_secrets *s); /* no source is in use; NULL is fine */

/** Does the API answer, and is the token accepted? -1 with what is wrong. */
int pull_secrets_check(struct pull_secrets *s, struct err *err) MUST_CHECK;

/** The Secrets of one Pod. Must stay where it is while it is in use. */
struct pull_source {
    struct credential_source credentials; /* for struct asking, with `identity` */
    /* SHA-256 of namespace and names, not of what is in the Secrets: telling it takes no I/O, and
     * nothing that is kept under it is older than look-ups may be. */
    uint8_t identity[LOOKUPS_IDENTITY_SIZE];

    struct pull_secrets *secrets;
    const struct review *review;
    pthread_mutex_t lock; /* the images of one Pod ask for its Secrets once */
};

/** Does it name Secrets that can be asked for? */
bool pull_source_named(const struct review *review);

/** The Secrets that a review names, which lives as long. No I/O. -1 with ERR_NOMEM, ERR_CRYPTO:
 * `out` is not to be cleared then. */
int pull_source_init(struct pull_source *out, struct pull_secrets *secrets,
                     const struct review *review, struct err *err) MUST_CHECK;
void pull_source_clear(struct pull_source *source);

#endif
