#ifndef BULLA_REGISTRY_HOSTS_H
#define BULLA_REGISTRY_HOSTS_H

#include <stdbool.h>

#include "registry/reference.h"

/* How each registry host is reached: registries.yaml (design/policy.md), with certs.d merged in. */

/** "mirror.acme.example/hub": repository R of the original is `prefix`/R there. */
struct mirror {
    char *host;   /* normalised as reference.host is */
    char *prefix; /* "" or a repository path */
};

/** What is known of one host. Borrowed from struct hosts, constant for its life. */
struct host_settings {
    bool named; /* registries.yaml names it */
    bool plain_http;
    bool private_address;
    int parallel;                     /* requests in flight: never 0 */
    const char *ca_pem;               /* added to the system's certificates, or NULL */
    const char *cert_file, *key_file; /* client pair, both or neither */
    const char *credentials_file;     /* docker config form, or NULL */
    const char *credentials_helper;   /* suffix of docker-credential-<suffix>, or NULL */
    const struct mirror *mirrors;     /* in order of preference */
    size_t n_mirrors;
    const struct reference *evidence; /* repositories and layouts: no tag, no digest */
    size_t n_evidence;
};

struct hosts;

/**
 * Read registries.yaml. A closed format: an unknown key is refused, with a suggestion.
 *
 * @param path  the file, or NULL: no host is named. Paths in it are relative to its folder.
 * @return 0, or -1 with ERR_CONFIG (file:line:column), ERR_NOT_FOUND, ERR_IO, ERR_LIMIT, ERR_NOMEM
 *
 * Certificates named with `ca` are read at once; the client pair and certs.d when a host is asked
 * for.
 */
int hosts_load(struct hosts **out, const char *path, struct err *err) MUST_CHECK;
/** The same from memory; `name` stands in messages and its folder is the base of paths. */
int hosts_parse(struct hosts **out, struct bytes text, const char *name,
                struct err *err) MUST_CHECK;
void hosts_free(struct hosts *hosts);
void hosts_freep(struct hosts **hosts);

/**
 * The settings of "host[:port]" in any spelling (case, ":443" and Hub's aliases are normalised).
 * certs.d (registry.md 8.1): the first existing folder for the host is used alone; its certificates
 * are added to `ca`, its client pair counts where registries.yaml has none.
 *
 * Thread-safe. -1 with ERR_USAGE (not a host), ERR_CONFIG (certs.d), ERR_IO, ERR_LIMIT, ERR_NOMEM.
 */
int hosts_find(struct host_settings *out, struct hosts *hosts, const char *host,
               struct err *err) MUST_CHECK;

#endif
