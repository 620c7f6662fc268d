#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/limits.h"
#include "registry/hosts_private.h"

#define PATH_LONGEST 4096 /* PATH_MAX of the system, as a ceiling on what is built */

int certs_read(struct buf *pem, const char *path, struct err *err)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    struct buf CLEANUP(buf_clear) text = BUF_INIT(HOST_CA_MAX);

    if (file_read(&text, path, err) != 0) {
        if (err != NULL && err->code == ERR_NOT_FOUND)
            err->code = ERR_CONFIG; /* a file that is named and is not there is a mistake */
        return -1;
    }
    if (text.len == 0 || memchr(text.data, 0, text.len) != NULL ||
        memmem(text.data, text.len, begin, sizeof(begin) - 1) == NULL)
        return err_set(err, ERR_CONFIG, "%s: holds no PEM certificate", path);
    buf_add_bytes(pem, buf_bytes(&text));
    if (text.data[text.len - 1] != '\n')
        buf_add_char(pem, '\n');
    return buf_check(pem, path, err);
}

int certs_folder(char **out, struct hosts *hosts, const char *host, struct err *err)
{
    *out = NULL;
    for (size_t i = 0; i < CERTS_BASES; i++) {
        struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_LONGEST);
        struct stat st;
        if (hosts->certs_bases[i] == NULL)
            continue;
        buf_addf(&path, "%s/%s", hosts->certs_bases[i], host);
        if (buf_check(&path, "certs.d", err) != 0)
            return -1;
        if (stat(buf_text(&path), &st) != 0 || !S_ISDIR(st.st_mode))
            continue;
        *out = arena_text(&hosts->texts, buf_bytes(&path), err);
        return *out == NULL ? -1 : 0;
    }
    return 0;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t tail = strlen(suffix);

    return len > tail && strcmp(name + len - tail, suffix) == 0;
}

/* Is "<stem of name><suffix>" in the folder? The stem is what stands before `old`. */
static bool has_partner(const struct folder_list *l, const char *name, const char *old,
                        const char *suffix)
{
    size_t stem = strlen(name) - strlen(old);

    for (int i = 0; i < l->n; i++)
        if (strncmp(l->entries[i]->d_name, name, stem) == 0 &&
            strcmp(l->entries[i]->d_name + stem, suffix) == 0)
            return true;
    return false;
}

static int lone_half(const struct folder_list *l, const char *folder, const char *name,
                     struct err *err)
{
    if (ends_with(name, ".cert"))
        return err_set(err, ERR_CONFIG, "%s: %s has no .key beside it", folder, name);
    if (has_partner(l, name, ".key", ".crt"))
        return err_set(err, ERR_CONFIG,
                       "%s: %s has a .crt beside it; a client certificate ends in .cert (.crt is "
                       "for certificate authorities)",
                       folder, name);
    return err_set(err, ERR_CONFIG, "%s: %s has no .cert beside it", folder, name);
}

static int set_pair(struct host_entry *entry, struct hosts *hosts, const char *folder,
                    const char *name, struct err *err)
{
    int stem = (int)(strlen(name) - strlen(".cert"));

    if (entry->settings.cert_file != NULL)
        return 0; /* registries.yaml wins; here the first pair in the order of names */
    const char *cert = arena_printf(&hosts->texts, err, "%s/%s", folder, name);
    const char *key = arena_printf(&hosts->texts, err, "%s/%.*s.key", folder, stem, name);
    if (cert == NULL || key == NULL)
        return -1;
    entry->settings.cert_file = cert;
    entry->settings.key_file = key;
    return 0;
}

static int check_pairs(const struct folder_list *l, const char *folder, struct err *err)
{
    for (int i = 0; i < l->n; i++) {
        const char *name = l->entries[i]->d_name;
        if ((ends_with(name, ".cert") && !has_partner(l, name, ".cert", ".key")) ||
            (ends_with(name, ".key") && !has_partner(l, name, ".key", ".cert")))
            return lone_half(l, folder, name, err);
    }
    return 0;
}

static int add_authority(struct buf *pem, const char *folder, const char *name, struct err *err)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_LONGEST);

    buf_addf(&path, "%s/%s", folder, name);
    if (buf_check(&path, "certs.d", err) != 0)
        return -1;
    return certs_read(pem, buf_text(&path), err);
}

int certs_merge(struct host_entry *entry, struct hosts *hosts, const char *folder, struct err *err)
{
    struct folder_list CLEANUP(folder_list_clear) l = FOLDER_LIST_INIT;
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(HOST_CA_MAX);
    struct host_entry merged = *entry;

    if (folder_list(&l, folder, err) != 0 || check_pairs(&l, folder, err) != 0)
        return -1;
    buf_add_text(&pem, entry->settings.ca_pem == NULL ? "" : entry->settings.ca_pem);
    for (int i = 0; i < l.n; i++) {
        const char *name = l.entries[i]->d_name;
        if (ends_with(name, ".crt") && add_authority(&pem, folder, name, err) != 0)
            return -1;
        if (ends_with(name, ".cert") && set_pair(&merged, hosts, folder, name, err) != 0)
            return -1;
    }
    if (pem.len > 0) {
        merged.settings.ca_pem = arena_text(&hosts->texts, buf_bytes(&pem), err);
        if (merged.settings.ca_pem == NULL)
            return -1;
    }
    *entry = merged;
    return 0;
}
