#ifndef BULLA_REGISTRY_CATALOG_H
#define BULLA_REGISTRY_CATALOG_H

#include "registry/registries.h"

/*
 * The repositories of a registry: GET /v2/_catalog, which is no part of the distribution
 * specification. Registries that answer it do so as the specification's lists of tags are answered:
 * pages with a Link to the next. Many do not, or only to administrators.
 */
struct catalog;

/**
 * @param host  as in references, from reference_host()
 * No packet is sent.
 */
int catalog_open(struct catalog **out, struct registries *r, const char *host,
                 struct err *err) MUST_CHECK;
void catalog_free(struct catalog *c); /* NULL is fine */
void catalog_freep(struct catalog **c);

/**
 * The next page: names of repositories, appended to `out` as lines. What is no name of a repository
 * is passed over.
 *
 * @param more  another page follows
 * @return 0, or -1 with ERR_AUTH, ERR_NOT_FOUND or ERR_UNSUPPORTED (the registry tells nobody),
 * ERR_MALFORMED, ERR_LIMIT (CATALOG_PAGES_MAX, the ceiling of `out`), ERR_NETWORK, ERR_DEADLINE,
 * ERR_RATE_LIMITED, ERR_NOMEM. After an error there is no next page.
 */
int catalog_page(struct buf *out, bool *more, struct catalog *c, int64_t deadline,
                 struct err *err) MUST_CHECK;

#endif
