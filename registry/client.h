#ifndef BULLA_REGISTRY_CLIENT_H
#define BULLA_REGISTRY_CLIENT_H

#include "registry/registries.h"

/** A repository in a registry, over the distribution API (registry.md 3). No packet is sent.
 * `credentials` as in store_open_with(). */
int client_open(struct store **out, struct registries *r, const struct reference *ref,
                const struct credential_source *credentials, struct err *err) MUST_CHECK;

#endif
