#ifndef BULLA_REGISTRY_HOSTS_PRIVATE_H
#define BULLA_REGISTRY_HOSTS_PRIVATE_H

#include <pthread.h>

#include "base/mem.h"
#include "registry/hosts.h"

/* Shared by the files that make up hosts.h; nobody else includes it. */

#define CERTS_BASES 3 /* certs.d folders: the user's, containers', docker's */

struct host_entry {
    char *host; /* normalised */
    struct host_settings settings;
    struct reference *evidence; /* what settings.evidence shows: its texts are malloc'ed */
    bool certs_merged;
};

struct hosts {
    pthread_mutex_t lock; /* entries and texts, after loading */
    struct arena texts;
    struct host_entry *entries;
    size_t n, cap;
    size_t n_named;          /* of them, those of the file: the first */
    struct host_file *files; /* that the file names: their texts are in `texts` */
    size_t n_files, cap_files;
    char *certs_bases[CERTS_BASES]; /* NULL where there is none */
    char *unknown; /* the last host that nothing is known of: many look-ups in a row are of one */
};

/** A new entry, in hosts->entries: borrowed until the next one is added. ERR_LIMIT, ERR_NOMEM. */
struct host_entry *hosts_add(struct hosts *hosts, const char *host, struct err *err) MUST_CHECK;
struct host_entry *hosts_lookup(const struct hosts *hosts, const char *host);

/** Append the certificates of a PEM file to `pem`. ERR_CONFIG: not there, or none in it. */
int certs_read(struct buf *pem, const char *path, struct err *err) MUST_CHECK;

/** The certs.d folder of a host in texts, NULL (and 0) when there is none. */
int certs_folder(char **out, struct hosts *hosts, const char *host, struct err *err) MUST_CHECK;

/** Merge a certs.d folder into the entry. */
int certs_merge(struct host_entry *entry, struct hosts *hosts, const char *folder,
                struct err *err) MUST_CHECK;

/** Read registries.yaml into an empty `hosts`; `marks` may be NULL. */
int hosts_read_yaml(struct hosts *hosts, struct bytes text, const char *name,
                    struct file_marks *marks, struct err *err) MUST_CHECK;

#endif
