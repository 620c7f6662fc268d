#ifndef BULLA_REGISTRY_HELPER_H
#define BULLA_REGISTRY_HELPER_H

#include "registry/credentials.h"

/** Is it the <suffix> of a docker-credential-<suffix>: letters, digits, ".", "_", "-", never a
 * path? */
bool helper_name_valid(struct bytes suffix);

/**
 * Ask docker-credential-<suffix>, found on PATH, for a server's credential. No shell; the helper
 * has this process's environment and none of its files.
 *
 * @param server      as it stands in the configuration, or the host
 * @param timeout_ms  for the whole run; then the helper and its children are killed
 * @return 0 (CREDENTIAL_NONE: it has nothing for this server), or -1 with ERR_AUTH: any other
 * failure, ERR_DEADLINE, ERR_LIMIT, ERR_NOMEM
 *
 * Spec: registry.md 7.2.
 */
int helper_get(struct credential *out, const char *suffix, const char *server, int timeout_ms,
               struct err *err) MUST_CHECK;

#endif
