#ifndef BULLA_REGISTRY_PING_H
#define BULLA_REGISTRY_PING_H

#include "registry/registries.h"

/** What GET /v2/ of a host gave, asked without credentials. */
struct registry_ping {
    long status;
    bool plain;       /* over plain HTTP */
    bool credentials; /* there are some for this host */
    int64_t took_ms;
    int64_t ahead;   /* seconds by which the host's clock is ahead of ours */
    bool clock_told; /* it told its time */
};

/**
 * @param host  as in references
 * @return 0 when an answer came, of whatever status; -1 with ERR_USAGE (no host), ERR_CONFIG,
 * ERR_AUTH (credentials cannot be read), ERR_NETWORK, ERR_DEADLINE, ERR_NOMEM
 */
int registry_ping(struct registry_ping *out, struct registries *r, const char *host,
                  int64_t deadline, struct err *err) MUST_CHECK;

/** "Tue, 24 Nov 2026 22:12:57 GMT" (RFC 9110 5.6.7, the preferred form) to seconds since 1970. -1
 * with ERR_MALFORMED. */
int http_date_parse(int64_t *seconds, struct bytes text, struct err *err) MUST_CHECK;

#endif
