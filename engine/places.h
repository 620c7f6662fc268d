#ifndef BULLA_ENGINE_PLACES_H
#define BULLA_ENGINE_PLACES_H

#include "registry/registries.h"

/*
 * The places where evidence of an image may hang: its own repository, those that registries.yaml
 * names for its host, and the one that COSIGN_REPOSITORY names.
 */

/** COSIGN_REPOSITORY, or NULL when it is unset or empty. */
const char *places_named(void);

/** COSIGN_REPOSITORY names a repository? -1 with ERR_USAGE: to be told before any work. */
int places_check(struct err *err) MUST_CHECK;

/** Opened for reading; `store` is NULL, with `why`, when it cannot be opened: then it was not read.
 * -1 ends the walk. */
typedef int places_visit(void *context, struct store *store, const struct err *why,
                         struct err *err);

/** Visit every place once, the image's own repository first; each with the credentials that the
 * image's was opened with. -1 with what the visitor or the configuration says. */
int places_each(struct registries *registries, struct store *image, places_visit *visit,
                void *context, struct err *err) MUST_CHECK;

#endif
