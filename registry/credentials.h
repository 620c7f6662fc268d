#ifndef BULLA_REGISTRY_CREDENTIALS_H
#define BULLA_REGISTRY_CREDENTIALS_H

#include "base/secret.h"
#include "registry/hosts.h"

enum credential_kind {
    CREDENTIAL_NONE = 0,       /* anonymous */
    CREDENTIAL_BASIC,          /* username and password */
    CREDENTIAL_IDENTITY_TOKEN, /* refresh token for the token endpoint's POST form */
    CREDENTIAL_BEARER          /* a ready bearer token */
};

struct credential {
    enum credential_kind kind;
    char *username;        /* CREDENTIAL_BASIC, else NULL */
    struct secret *secret; /* password or token; NULL when anonymous */
    char *origin;          /* where it was found ("FILE: KEY"), holds no secret; NULL: nowhere */
};

void credential_clear(struct credential *c);

/**
 * Credentials of whoever asks, beside those that are configured, and asked first. `find` answers as
 * credentials_find() does, on any thread, blocking: CREDENTIAL_NONE where it has none for this host
 * and repository, and then the configured ones count. What it gives is sent to no other host.
 */
struct credential_source {
    int (*find)(void *context, struct credential *out, const char *host, const char *repository,
                struct err *err);
    void *context;
};

struct credentials_options {
    const char *username; /* with `password` */
    const struct secret *password;
    const struct secret *token;    /* a ready bearer token */
    const char *auth_file;         /* instead of every usual place */
    const char *const *auth_files; /* or several: files, or folders of them (auth_files.h); the
                                      first that knows a host counts */
    size_t n_auth_files;
    struct hosts *hosts; /* credentials that registries.yaml names, or NULL */
    int helper_ms;       /* time for one run of a helper; 0: HELPER_TIMEOUT_MS */
};

/**
 * The resolver of registry.md 7.4. Order: the options' own credential, registries.yaml, auth_file,
 * REGISTRY_AUTH_FILE, DOCKER_AUTH_CONFIG, DOCKER_CONFIG, containers auth.json (runtime, then
 * config), ~/.docker/config.json. An explicit file (option, variable, registries.yaml) is
 * exclusive.
 *
 * Options are borrowed for life. Places are noted here, read when asked.
 */
struct credentials;
int credentials_new(struct credentials **out, const struct credentials_options *options,
                    struct err *err) MUST_CHECK;
void credentials_free(struct credentials *c);
void credentials_freep(struct credentials **c);

/**
 * The credential for a repository of a host, CREDENTIAL_NONE when there is none.
 *
 * @param out   owned by the caller, credential_clear(); zeroed on failure
 * @param host  as in struct reference; wire names of Docker Hub are understood
 * @param repository  path, or NULL for the host alone
 * @return 0, or -1 with ERR_AUTH, ERR_DEADLINE (a helper failed: never taken for anonymous,
 * CVE-2021-41092), ERR_CONFIG (a file is not what it should be), ERR_IO, ERR_LIMIT, ERR_NOMEM
 *
 * Thread-safe, blocking: may run a helper, whose answer is kept for a while.
 */
int credentials_find(struct credential *out, struct credentials *c, const char *host,
                     const char *repository, struct err *err) MUST_CHECK;

/** The same without the options' username, password and token: for hosts that the command line does
 * not name (mirrors, evidence places). */
int credentials_find_elsewhere(struct credential *out, struct credentials *c, const char *host,
                               const char *repository, struct err *err) MUST_CHECK;

#endif
