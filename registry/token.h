#ifndef BULLA_REGISTRY_TOKEN_H
#define BULLA_REGISTRY_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"

/* Bearer tokens: what a token server answers, where one may be asked, and the cache (registry.md
 * 6.3 to 6.8). */

#define TOKEN_LIFE_MIN_MS (60 * 1000)   /* what is told to live shorter lives so long */
#define TOKEN_LIFE_MAX_MS (3600 * 1000) /* and nothing longer */
#define TOKENS_MAX 4096                 /* cached tokens */

/**
 * Parse a token server's answer.
 *
 * @param token     new, owned by the caller: visible ASCII, fit for a header
 * @param lifetime  milliseconds, TOKEN_LIFE_MIN_MS..TOKEN_LIFE_MAX_MS
 * @return 0, or -1 with ERR_MALFORMED, ERR_LIMIT, ERR_NOMEM
 *
 * `access_token` goes before `token`. The token is opaque: it is not looked into.
 */
int token_parse(struct secret **token, int64_t *lifetime, struct bytes body,
                struct err *err) MUST_CHECK;

/**
 * May tokens of the registry at URL `registry` be asked for at `realm`, and may credentials go
 * there?
 *
 * @param trusted  the realm is of the same party: same host, a built-in pair, or the same domain.
 * False: an anonymous token at most.
 * @return 0, or -1 with ERR_AUTH: not an absolute https URL (http only where the registry is
 * reached by http), user information, a fragment, or a loopback address named by a host elsewhere
 */
int realm_check(bool *trusted, const char *realm, const char *registry, struct err *err) MUST_CHECK;

/** "type:name:actions[ type:name:actions...]" with actions sorted and unique ("*" alone where it
 * is among them), resources sorted and unique: equal scopes have equal texts. What does not have
 * the form is kept as it is. Appended. */
int scope_canonical(struct buf *out, struct bytes scope, struct err *err) MUST_CHECK;

/** Localhost by name or literal: "localhost[:port]", "*.localhost", 127.0.0.0/8, "[::1]". */
bool host_is_loopback(const char *host);

/** The cache. Thread-safe; one asking per key at a time. */
struct tokens;
int tokens_new(struct tokens **out, struct err *err) MUST_CHECK;
void tokens_free(struct tokens *t);

/** A copy of the cached token, or NULL: not there, or too near its end. -1 with ERR_NOMEM. */
int tokens_find(struct secret **out, struct tokens *t, const char *key, struct err *err) MUST_CHECK;

/**
 * The same, for somebody who would ask for it: waits while another thread asks. When *out is NULL
 * the caller asks, and ends with tokens_put(). -1 with ERR_DEADLINE, ERR_NOMEM.
 */
int tokens_claim(struct secret **out, struct tokens *t, const char *key, int64_t deadline,
                 struct err *err) MUST_CHECK;

/** Ends a claim. `token` NULL: the asking failed; waiters ask for themselves. Copied; a failure to
 * keep it only costs another asking. */
void tokens_put(struct tokens *t, const char *key, const struct secret *token, int64_t lifetime);

/** Drop the token of that key when it is still `stale`. */
void tokens_forget(struct tokens *t, const char *key, struct bytes stale);

#endif
