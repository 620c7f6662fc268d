#include "registry/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "registry/hosts_private.h"

#define TEXTS_MAX (64 * MIB) /* certificates of all hosts and what the file says */

struct host_entry *hosts_lookup(const struct hosts *hosts, const char *host)
{
    for (size_t i = 0; i < hosts->n; i++)
        if (strcmp(hosts->entries[i].host, host) == 0)
            return &hosts->entries[i];
    return NULL;
}

struct host_entry *hosts_add(struct hosts *hosts, const char *host, struct err *err)
{
    void *entries = hosts->entries;
    struct host_entry *entry;

    if (mem_grow(&entries, &hosts->cap, hosts->n, sizeof(*entry), HOSTS_MAX, err) != 0)
        return NULL;
    hosts->entries = entries;
    char *copy = mem_text(bytes_text(host), err);
    if (copy == NULL)
        return NULL;
    entry = &hosts->entries[hosts->n++];
    *entry = (struct host_entry) { .host = copy, .settings = { .parallel = HTTP_PARALLEL_OTHER } };
    return entry;
}

void hosts_free(struct hosts *hosts)
{
    if (hosts == NULL)
        return;
    for (size_t i = 0; i < hosts->n; i++) {
        struct host_entry *entry = &hosts->entries[i];
        for (size_t k = 0; k < entry->settings.n_evidence; k++)
            reference_clear(&entry->evidence[k]);
        free(entry->host);
    }
    for (size_t i = 0; i < CERTS_BASES; i++)
        free(hosts->certs_bases[i]);
    free(hosts->unknown);
    free(hosts->entries);
    free(hosts->files);
    arena_clear(&hosts->texts);
    pthread_mutex_destroy(&hosts->lock);
    free(hosts);
}

void hosts_freep(struct hosts **hosts)
{
    hosts_free(*hosts);
    *hosts = NULL;
}

static int set_certs_bases(struct hosts *hosts, struct err *err)
{
    const char *home = getenv("HOME");
    const char *const bases[CERTS_BASES] = { "/.config/containers/certs.d",
                                             "/etc/containers/certs.d", "/etc/docker/certs.d" };

    for (size_t i = 0; i < CERTS_BASES; i++) {
        struct buf CLEANUP(buf_clear) path = BUF_INIT(URL_MAX);
        if (i == 0 && (home == NULL || home[0] != '/'))
            continue;
        buf_add_text(&path, i == 0 ? home : "");
        buf_add_text(&path, bases[i]);
        if (buf_check(&path, "certs.d", err) != 0)
            return -1;
        hosts->certs_bases[i] = mem_text(buf_bytes(&path), err);
        if (hosts->certs_bases[i] == NULL)
            return -1;
    }
    return 0;
}

static struct hosts *hosts_new(struct err *err)
{
    struct hosts *hosts = mem_new(1, sizeof(*hosts), err);

    if (hosts == NULL)
        return NULL;
    pthread_mutex_init(&hosts->lock, NULL);
    hosts->texts.max = TEXTS_MAX;
    if (set_certs_bases(hosts, err) == 0)
        return hosts;
    hosts_free(hosts);
    return NULL;
}

static int parse(struct hosts **out, struct bytes text, const char *name, struct file_marks *marks,
                 struct err *err)
{
    struct hosts *CLEANUP(hosts_freep) hosts = hosts_new(err);

    *out = NULL;
    if (hosts == NULL || hosts_read_yaml(hosts, text, name, marks, err) != 0)
        return -1;
    *out = STEAL(hosts);
    return 0;
}

int hosts_parse(struct hosts **out, struct bytes text, const char *name, struct err *err)
{
    return parse(out, text, name, NULL, err);
}

int hosts_load(struct hosts **out, const char *path, struct err *err)
{
    return hosts_load_marked(out, path, NULL, err);
}

int hosts_load_marked(struct hosts **out, const char *path, struct file_marks *marks,
                      struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);

    *out = NULL;
    if (path == NULL) {
        *out = hosts_new(err);
        return *out == NULL ? -1 : 0;
    }
    if (marks != NULL && file_marks_add(marks, path, err) != 0)
        return -1;
    if (file_read(&text, path, err) != 0) {
        if (err != NULL && err->code == ERR_NOT_FOUND)
            err->code = ERR_CONFIG; /* the command line names it */
        return -1;
    }
    return parse(out, buf_bytes(&text), path, marks, err);
}

/* With the lock held. */
static int find(struct host_settings *out, struct hosts *hosts, const char *host, struct err *err)
{
    struct host_entry *entry = hosts_lookup(hosts, host);
    char *folder = NULL;

    if (entry != NULL && entry->certs_merged) {
        *out = entry->settings;
        return 0;
    }
    if (hosts->unknown != NULL && strcmp(hosts->unknown, host) == 0) {
        *out = (struct host_settings) { .parallel = HTTP_PARALLEL_OTHER };
        return 0;
    }
    if (certs_folder(&folder, hosts, host, err) != 0)
        return -1;
    if (entry == NULL && folder == NULL) {
        /* Nothing is known, and of one host at a time is that kept: names can come from anybody. */
        mem_freep(&hosts->unknown);
        hosts->unknown = mem_text(bytes_text(host), err);
        *out = (struct host_settings) { .parallel = HTTP_PARALLEL_OTHER };
        return hosts->unknown == NULL ? -1 : 0;
    }
    if (entry == NULL && (entry = hosts_add(hosts, host, err)) == NULL)
        return -1;
    if (folder != NULL && certs_merge(entry, hosts, folder, err) != 0)
        return err_wrap(err, "host %s", host);
    entry->certs_merged = true;
    *out = entry->settings;
    return 0;
}

int hosts_find(struct host_settings *out, struct hosts *hosts, const char *host, struct err *err)
{
    char *CLEANUP(mem_freep) name = NULL;

    *out = (struct host_settings) { 0 };
    if (reference_host(&name, bytes_text(host), err) != 0)
        return -1;
    pthread_mutex_lock(&hosts->lock);
    int r = find(out, hosts, name, err);
    pthread_mutex_unlock(&hosts->lock);
    return r;
}

const char *hosts_named(const struct hosts *hosts, size_t i)
{
    return i < hosts->n_named ? hosts->entries[i].host : NULL;
}

const struct host_file *hosts_file(const struct hosts *hosts, size_t i)
{
    return i < hosts->n_files ? &hosts->files[i] : NULL;
}

const char *hosts_certs_base(const struct hosts *hosts, size_t i)
{
    size_t seen = 0;

    for (size_t k = 0; k < CERTS_BASES; k++)
        if (hosts->certs_bases[k] != NULL && seen++ == i)
            return hosts->certs_bases[k];
    return NULL;
}

bool hosts_name(struct hosts *hosts, const char *host)
{
    pthread_mutex_lock(&hosts->lock);
    const struct host_entry *entry = hosts_lookup(hosts, host);
    bool named = entry != NULL && entry->settings.named;
    pthread_mutex_unlock(&hosts->lock);
    return named;
}
