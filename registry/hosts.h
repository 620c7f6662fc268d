#ifndef BULLA_REGISTRY_HOSTS_H
#define BULLA_REGISTRY_HOSTS_H

#include <stdbool.h>

#include "base/file_mark.h"
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
/** The same, noting in `marks` (or NULL) every file that is read or could not be, and every one
 * that is named to be read later. */
int hosts_load_marked(struct hosts **out, const char *path, struct file_marks *marks,
                      struct err *err) MUST_CHECK;
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

/** A host that registries.yaml names, the i-th, as in struct reference; NULL past the last. */
const char *hosts_named(const struct hosts *hosts, size_t i);

/** A file that registries.yaml names. */
struct host_file {
    const char *path;
    bool credentials; /* read whenever they are needed; the others (certificates, keys) once */
};
/** The i-th, or NULL. */
const struct host_file *hosts_file(const struct hosts *hosts, size_t i);

/** A folder that certs.d folders of hosts are looked for in, there or not; NULL past the last. */
const char *hosts_certs_base(const struct hosts *hosts, size_t i);

/** Does registries.yaml name this host, as reference.host has it? Reads no file. Thread-safe. */
bool hosts_name(struct hosts *hosts, const char *host);

#endif
