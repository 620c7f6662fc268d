#ifndef BULLA_WEBHOOK_TLS_H
#define BULLA_WEBHOOK_TLS_H

#include "base/bytes.h"

/*
 * The TLS side of the listener, by GnuTLS: TLS 1.2 with AEAD and 1.3, a certificate that can be
 * changed while serving, client certificates. The only file that meets GnuTLS.
 */

/** Certificate, key and who may call; immutable, counted. */
struct tls_identity;

struct tls_files {
    const char *cert, *key;          /* PEM; the chain, leaf first */
    const char *client_ca;           /* NULL: no client certificate is wanted */
    const char *const *client_names; /* subjects that may call: a common name or a DNS or URI
                                        subject alternative name, exact; none: whoever the CA
                                        vouches for */
    size_t n_client_names;
};

/**
 * Read and check: the key fits the certificate, the certificate is for servers.
 * -1 with ERR_CONFIG (the text names the file), ERR_IO, ERR_NOMEM.
 */
int tls_identity_read(struct tls_identity **out, const struct tls_files *files,
                      struct err *err) MUST_CHECK;
struct tls_identity *tls_identity_hold(struct tls_identity *identity);
void tls_identity_drop(struct tls_identity *identity);             /* NULL is fine */
int64_t tls_identity_expires(const struct tls_identity *identity); /* seconds: leaf, not after */
/** Does the leaf name this host (RFC 6125; an address by its IP name)? */
bool tls_identity_names(const struct tls_identity *identity, const char *host);
int64_t tls_identity_begins(const struct tls_identity *identity); /* seconds: leaf, not before */
/** Would a client that trusts these PEM certificates alone trust the chain now? -1 with ERR_CONFIG
 * (they are none), ERR_INVALID (no; the text says why), ERR_NOMEM. */
int tls_identity_trusted(const struct tls_identity *identity, struct bytes authorities,
                         struct err *err) MUST_CHECK;

/** What a listener serves with; the identity behind it can be replaced at any time. */
struct tls;
int tls_new(struct tls **out, struct tls_identity *identity, struct err *err) MUST_CHECK;
void tls_free(struct tls *tls);
/** New connections get it; those that are open keep theirs. */
void tls_use(struct tls *tls, struct tls_identity *identity);

/* --- For the listener: `session` is a connection's gnutls_session_t --- */

/** Versions and ciphers, as a GnuTLS priority string. */
const char *tls_priorities(void);

/** What GnuTLS calls for the certificate of a session: a gnutls_certificate_retrieve_function3. */
void (*tls_chooser(void))(void);

/** One connection's side. It serves with one identity from its handshake to its end. */
struct tls_session;

/** Before the handshake. -1 with ERR_NOMEM; the handshake will fail then. */
int tls_session_new(struct tls_session **out, struct tls *tls, void *session,
                    struct err *err) MUST_CHECK;
void tls_session_free(struct tls_session *s); /* the session may be gone; NULL is fine */

/**
 * May this client call, by the certificate that it has shown? Judged by the identity of now, not of
 * the handshake: who is no longer vouched for is out at once. Only on the thread that serves the
 * connection. That it may is kept for TLS_RECHECK_MS.
 *
 * @param s  NULL, when tls_session_new() failed: nobody may call
 *
 * @return 0, also when no client certificate is wanted. -1 with ERR_AUTH (none, untrusted, another
 * name; one line that may be shown to the client), ERR_NOMEM
 */
int tls_session_caller(struct tls_session *s, struct err *err) MUST_CHECK;

#define TLS_RECHECK_MS 60000 /* so that a certificate that has expired meanwhile is noticed */

#endif
