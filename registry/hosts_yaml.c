#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/yaml.h"
#include "registry/helper.h"
#include "registry/hosts_private.h"

#define KEY_SHOWN_MAX 64 /* of a key or value, in messages */
#define HOST_FILES 4     /* that one host can name: ca, cert, key, credentials */

/* One reading of the file. */
struct reader {
    struct hosts *hosts;
    const char *name;
    struct bytes folder; /* of the file, without its last slash */
    bool versioned;
    struct file_marks *marks; /* of what is read, or NULL */
    struct host_entry *entry; /* the host under way */
};

/* A mapping is a table of keys, each with its reader. */
struct key {
    const char *name;
    int (*read)(struct reader *r, const struct yaml_node *value, struct err *err);
};

/* Every message begins with file:line:column, once: where it was first known. */
static int located(const struct reader *r, const struct yaml_node *node, struct err *err)
{
    return err_wrap(err, "%s:%d:%d", r->name, node->line, node->column);
}

static int wrong(const struct reader *r, const struct yaml_node *node, const char *what,
                 struct err *err)
{
    err_set(err, ERR_CONFIG, "%s", what);
    return located(r, node, err);
}

static int unknown_key(const struct reader *r, const struct yaml_node *key, const struct key *keys,
                       size_t n, struct err *err)
{
    struct suggest near = suggest_begin((const char *)key->text.data, key->text.len);
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(KEY_SHOWN_MAX * 4);

    for (size_t i = 0; i < n; i++)
        suggest_try(&near, keys[i].name);
    text_escape(&shown, key->text, KEY_SHOWN_MAX);
    if (near.best != NULL)
        err_set(err, ERR_CONFIG, "unknown key \"%s\"; did you mean \"%s\"?", buf_text(&shown),
                near.best);
    else
        err_set(err, ERR_CONFIG, "unknown key \"%s\"", buf_text(&shown));
    return located(r, key, err);
}

static int read_mapping(struct reader *r, const struct yaml_node *node, const struct key *keys,
                        size_t n, struct err *err)
{
    if (node->kind != YAML_MAPPING)
        return wrong(r, node, "a mapping is wanted here", err);
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *key = node->pairs[i].key;
        size_t k = 0;
        while (k < n && !bytes_is(key->text, keys[k].name))
            k++;
        if (k == n)
            return unknown_key(r, key, keys, n, err);
        if (keys[k].read(r, node->pairs[i].value, err) != 0)
            return -1;
    }
    return 0;
}

static int read_text(struct bytes *out, struct reader *r, const struct yaml_node *node,
                     struct err *err)
{
    if (node->kind != YAML_STRING || node->text.len == 0)
        return wrong(r, node, "a text is wanted here", err);
    if (!text_plain(node->text) || node->text.len > REFERENCE_MAX)
        return wrong(r, node, "too long, or holds control characters", err);
    *out = node->text;
    return 0;
}

static int read_bool(bool *out, struct reader *r, const struct yaml_node *node, struct err *err)
{
    if (node->kind != YAML_BOOL)
        return wrong(r, node, "true or false is wanted here", err);
    *out = node->boolean;
    return 0;
}

/* A path in the file is relative to the file's folder. */
static int join_path(const char **out, struct reader *r, struct bytes path, struct err *err)
{
    bool absolute = path.len > 0 && path.data[0] == '/';

    *out = arena_printf(&r->hosts->texts, err, "%.*s%s%.*s", absolute ? 0 : (int)r->folder.len,
                        (const char *)r->folder.data, absolute ? "" : "/", (int)path.len,
                        (const char *)path.data);
    return *out == NULL ? -1 : 0;
}

static int note_file(struct reader *r, const char *path, bool credentials, struct err *err)
{
    struct hosts *hosts = r->hosts;
    void *files = hosts->files;

    if (mem_grow(&files, &hosts->cap_files, hosts->n_files, sizeof(*hosts->files),
                 HOSTS_MAX * HOST_FILES, err) != 0)
        return -1;
    hosts->files = files;
    hosts->files[hosts->n_files++] = (struct host_file) { path, credentials };
    return r->marks == NULL ? 0 : file_marks_add(r->marks, path, err);
}

static int read_path(const char **out, struct reader *r, const struct yaml_node *node,
                     bool credentials, struct err *err)
{
    struct bytes text;

    if (read_text(&text, r, node, err) != 0 || join_path(out, r, text, err) != 0)
        return -1;
    return note_file(r, *out, credentials, err);
}

static int read_ca(struct reader *r, const struct yaml_node *value, struct err *err)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(HOST_CA_MAX);
    const char *path = NULL;

    if (read_path(&path, r, value, false, err) != 0)
        return -1;
    if (certs_read(&pem, path, err) != 0)
        return located(r, value, err);
    r->entry->settings.ca_pem = arena_text(&r->hosts->texts, buf_bytes(&pem), err);
    return r->entry->settings.ca_pem == NULL ? -1 : 0;
}

static int read_cert(struct reader *r, const struct yaml_node *value, struct err *err)
{
    return read_path(&r->entry->settings.cert_file, r, value, false, err);
}

static int read_key(struct reader *r, const struct yaml_node *value, struct err *err)
{
    return read_path(&r->entry->settings.key_file, r, value, false, err);
}

static int read_client(struct reader *r, const struct yaml_node *value, struct err *err)
{
    static const struct key keys[] = { { "cert", read_cert }, { "key", read_key } };

    if (read_mapping(r, value, keys, ARRAY_LEN(keys), err) != 0)
        return -1;
    if (r->entry->settings.cert_file == NULL || r->entry->settings.key_file == NULL)
        return wrong(r, value, "a client pair needs both cert and key", err);
    return 0;
}

static int read_credentials_file(struct reader *r, const struct yaml_node *value, struct err *err)
{
    return read_path(&r->entry->settings.credentials_file, r, value, true, err);
}

static int read_credentials_helper(struct reader *r, const struct yaml_node *value, struct err *err)
{
    struct bytes text;

    if (read_text(&text, r, value, err) != 0)
        return -1;
    if (!helper_name_valid(text))
        return wrong(r, value, "a helper is named by the part behind docker-credential-", err);
    r->entry->settings.credentials_helper = arena_text(&r->hosts->texts, text, err);
    return r->entry->settings.credentials_helper == NULL ? -1 : 0;
}

static int read_credentials(struct reader *r, const struct yaml_node *value, struct err *err)
{
    static const struct key keys[] = { { "file", read_credentials_file },
                                       { "helper", read_credentials_helper } };

    if (read_mapping(r, value, keys, ARRAY_LEN(keys), err) != 0)
        return -1;
    if ((r->entry->settings.credentials_file == NULL) ==
        (r->entry->settings.credentials_helper == NULL))
        return wrong(r, value, "credentials come from either a file or a helper", err);
    return 0;
}

static int check_places(struct reader *r, const struct yaml_node *list, struct err *err)
{
    if (list->kind != YAML_SEQUENCE)
        return wrong(r, list, "a list is wanted here", err);
    if (list->n > HOST_PLACES_MAX) {
        err_set(err, ERR_CONFIG, "more than %d places", HOST_PLACES_MAX);
        return located(r, list, err);
    }
    return 0;
}

static int set_mirror(struct mirror *mirror, struct reader *r, struct bytes text, struct err *err)
{
    char *CLEANUP(mem_freep) host = NULL;
    const uint8_t *slash = memchr(text.data, '/', text.len);
    size_t end = slash == NULL ? text.len : (size_t)(slash - text.data);
    struct bytes prefix = bytes_part(text, end + 1, text.len);

    if (reference_host(&host, bytes_part(text, 0, end), err) != 0)
        return -1;
    if (slash != NULL && !repository_valid(prefix))
        return err_set(err, ERR_CONFIG, "\"%.*s\" is not a repository path", (int)prefix.len,
                       prefix.len == 0 ? "" : (const char *)prefix.data);
    mirror->host = arena_text(&r->hosts->texts, bytes_text(host), err);
    mirror->prefix = arena_text(&r->hosts->texts, prefix, err);
    return mirror->host == NULL || mirror->prefix == NULL ? -1 : 0;
}

static int config_error(struct reader *r, const struct yaml_node *node, struct err *err)
{
    if (err != NULL && err->code == ERR_USAGE)
        err->code = ERR_CONFIG; /* the words are the file's, not the command line's */
    return located(r, node, err);
}

static int read_mirrors(struct reader *r, const struct yaml_node *value, struct err *err)
{
    struct host_settings *s = &r->entry->settings;
    struct bytes text;

    if (check_places(r, value, err) != 0)
        return -1;
    if (value->n == 0)
        return 0;
    struct mirror *mirrors = arena_new(&r->hosts->texts, value->n, sizeof(*mirrors), err);
    if (mirrors == NULL)
        return -1;
    for (size_t i = 0; i < value->n; i++) {
        if (read_text(&text, r, value->items[i], err) != 0)
            return -1;
        if (set_mirror(&mirrors[i], r, text, err) != 0)
            return config_error(r, value->items[i], err);
    }
    s->mirrors = mirrors;
    s->n_mirrors = value->n;
    return 0;
}

/* A name without its host would silently mean Docker Hub. */
static int check_host_written(const struct reference *ref, struct bytes text, struct err *err)
{
    char *CLEANUP(mem_freep) host = NULL;
    const uint8_t *slash = memchr(text.data, '/', text.len);
    size_t end = slash == NULL ? 0 : (size_t)(slash - text.data);

    if (reference_host(&host, bytes_part(text, 0, end), NULL) == 0 && strcmp(host, ref->host) == 0)
        return 0;
    return err_set(err, ERR_CONFIG, "\"%.*s\": write the host in front of the repository",
                   (int)text.len, (const char *)text.data);
}

static int set_evidence(struct reference *ref, struct reader *r, struct bytes text, struct err *err)
{
    const char *folder = NULL;

    if (reference_parse(ref, text, err) != 0)
        return -1;
    if (ref->tag != NULL || ref->has_digest)
        return err_set(err, ERR_CONFIG, "\"%.*s\": a place has no tag and no digest", (int)text.len,
                       (const char *)text.data);
    if (!ref->layout)
        return check_host_written(ref, text, err);
    if (join_path(&folder, r, bytes_text(ref->repository), err) != 0)
        return -1;
    char *copy = mem_text(bytes_text(folder), err);
    if (copy == NULL)
        return -1;
    free(ref->repository);
    ref->repository = copy;
    return 0;
}

static int read_evidence(struct reader *r, const struct yaml_node *value, struct err *err)
{
    struct host_entry *entry = r->entry;
    struct bytes text;

    if (check_places(r, value, err) != 0)
        return -1;
    if (value->n == 0)
        return 0;
    entry->evidence = arena_new(&r->hosts->texts, value->n, sizeof(*entry->evidence), err);
    if (entry->evidence == NULL)
        return -1;
    entry->settings.evidence = entry->evidence;
    for (size_t i = 0; i < value->n; i++) {
        if (read_text(&text, r, value->items[i], err) != 0)
            return -1;
        entry->settings.n_evidence = i + 1; /* counted first: hosts_free() clears half a one too */
        if (set_evidence(&entry->evidence[i], r, text, err) != 0)
            return config_error(r, value->items[i], err);
    }
    return 0;
}

static int read_parallel(struct reader *r, const struct yaml_node *value, struct err *err)
{
    if (value->kind != YAML_INT || value->integer < 1 || value->integer > HOST_PARALLEL_MAX) {
        err_set(err, ERR_CONFIG, "a number from 1 to %d is wanted here", HOST_PARALLEL_MAX);
        return located(r, value, err);
    }
    r->entry->settings.parallel = (int)value->integer;
    return 0;
}

static int read_plain_http(struct reader *r, const struct yaml_node *value, struct err *err)
{
    return read_bool(&r->entry->settings.plain_http, r, value, err);
}

static int read_private(struct reader *r, const struct yaml_node *value, struct err *err)
{
    return read_bool(&r->entry->settings.private_address, r, value, err);
}

static int read_host(struct reader *r, const struct yaml_node *name, const struct yaml_node *value,
                     struct err *err)
{
    static const struct key keys[] = {
        { "ca", read_ca },
        { "client", read_client },
        { "credentials", read_credentials },
        { "mirrors", read_mirrors },
        { "evidence", read_evidence },
        { "parallel", read_parallel },
        { "plain-http", read_plain_http },
        { "private", read_private },
    };
    char *CLEANUP(mem_freep) host = NULL;

    if (reference_host(&host, name->text, err) != 0)
        return config_error(r, name, err);
    if (hosts_lookup(r->hosts, host) != NULL) {
        err_set(err, ERR_CONFIG, "host %s is named twice", host);
        return located(r, name, err);
    }
    r->entry = hosts_add(r->hosts, host, err);
    if (r->entry == NULL)
        return located(r, name, err);
    r->hosts->n_named = r->hosts->n;
    r->entry->settings.named = true;
    r->entry->settings.parallel = HTTP_PARALLEL_NAMED;
    if (value->kind == YAML_NULL)
        return 0; /* named, with nothing to say */
    return read_mapping(r, value, keys, ARRAY_LEN(keys), err);
}

static int read_registries(struct reader *r, const struct yaml_node *value, struct err *err)
{
    if (value->kind != YAML_MAPPING)
        return wrong(r, value, "registries: a mapping of hosts is wanted here", err);
    for (size_t i = 0; i < value->n; i++)
        if (read_host(r, value->pairs[i].key, value->pairs[i].value, err) != 0)
            return -1;
    return 0;
}

static int read_version(struct reader *r, const struct yaml_node *value, struct err *err)
{
    if (value->kind != YAML_INT || value->integer != 1)
        return wrong(r, value, "version 1 is the only one there is", err);
    r->versioned = true;
    return 0;
}

int hosts_read_yaml(struct hosts *hosts, struct bytes text, const char *name,
                    struct file_marks *marks, struct err *err)
{
    static const struct key keys[] = { { "version", read_version },
                                       { "registries", read_registries } };
    CLEANUP(yaml_freep) struct yaml_doc *doc = NULL;
    const char *slash = strrchr(name, '/');
    struct reader r = { .hosts = hosts, .name = name, .marks = marks };

    r.folder =
        slash == NULL ? BYTES_LIT(".") : bytes_part(bytes_text(name), 0, (size_t)(slash - name));
    if (yaml_parse(&doc, text, name, err) != 0)
        return -1;
    const struct yaml_node *root = yaml_root(doc);
    if (read_mapping(&r, root, keys, ARRAY_LEN(keys), err) != 0)
        return -1;
    if (!r.versioned)
        return wrong(&r, root, "version is missing: write \"version: 1\"", err);
    return 0;
}
