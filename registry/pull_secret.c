#include "registry/pull_secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"
#include "registry/docker_config.h"
#include "registry/reference.h"

#define KEY_MAX REFERENCE_MAX /* bytes of a key that can name a repository */

void pull_secret_clear(struct pull_secret *s)
{
    secret_free(s->text);
    *s = (struct pull_secret) { NULL, false };
}

void pull_match_clear(struct pull_match *m)
{
    credential_clear(&m->credential);
    free(m->key);
    *m = (struct pull_match) { .key = NULL };
}

/* --- Reading --- */

static const struct form {
    const char *type;
    const char *key; /* in `data` */
    bool bare;
} forms[] = {
    { "kubernetes.io/dockerconfigjson", ".dockerconfigjson", false },
    { "kubernetes.io/dockercfg", ".dockercfg", true },
};

static const struct form *find_form(struct json_view type)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (json_string_is(type, bytes_text(forms[i].type)))
            return &forms[i];
    return NULL;
}

static void wiped_clear(struct buf *b)
{
    if (b->data != NULL)
        secret_wipe(b->data, b->cap);
    buf_clear(b);
}

/* Room for all of it from the start: no copy stays behind in memory that grows. */
static int decode(struct secret **out, struct json_view coded, struct err *err)
{
    struct buf CLEANUP(wiped_clear) text = BUF_INIT(coded.raw.len);
    struct buf CLEANUP(wiped_clear) plain = BUF_INIT(coded.raw.len);

    if (buf_reserve(&text, coded.raw.len) == NULL || buf_reserve(&plain, coded.raw.len) == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (json_string(&text, coded, "data", err) != 0)
        return -1;
    if (base64_decode(&plain, buf_bytes(&text), BASE64_STANDARD, NULL) != 0)
        return err_set(err, ERR_MALFORMED, "data is not base64");
    return secret_copy(out, buf_bytes(&plain), err);
}

/* The entries: of the root, or of its `auths`, which need not be there. */
static int open_auths(struct json_view *out, const struct pull_secret *s, struct err *err)
{
    struct json_view root, auths = JSON_VIEW_NONE;
    const struct json_member member = { "auths", &auths, JSON_OBJECT, false };

    *out = JSON_VIEW_NONE;
    if (json_scan(&root, secret_bytes(s->text), err) != 0)
        return -1;
    if (!s->bare) {
        if (json_members(root, &member, 1, JSON_REST_IGNORED, "docker configuration", err) != 0)
            return -1;
        *out = auths;
        return 0;
    }
    if (root.kind != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "docker configuration: not an object");
    *out = root;
    return 0;
}

static int read_data(struct pull_secret *s, struct json_view data, const struct form *form,
                     struct err *err)
{
    struct json_view coded = JSON_VIEW_NONE, auths;
    const struct json_member member = { form->key, &coded, JSON_STRING, true };

    if (json_members(data, &member, 1, JSON_REST_IGNORED, "data", err) != 0 ||
        decode(&s->text, coded, err) != 0)
        return -1;
    s->bare = form->bare;
    return open_auths(&auths, s, err) == 0 ? 0 : err_wrap(err, "%s", form->key);
}

int pull_secret_read(struct pull_secret *out, struct bytes json, struct err *err)
{
    CLEANUP(pull_secret_clear) struct pull_secret s = { NULL, false };
    struct json_view root, kind, type, data;
    const struct json_member members[] = {
        { "kind", &kind, JSON_STRING, true },
        { "type", &type, JSON_STRING, true },
        { "data", &data, JSON_OBJECT, true },
    };

    *out = (struct pull_secret) { NULL, false };
    if (json.len > PULL_SECRET_JSON_MAX)
        return err_set(err, ERR_LIMIT, "larger than %zu bytes", (size_t)PULL_SECRET_JSON_MAX);
    if (json_scan(&root, json, err) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_IGNORED, "Secret", err) != 0)
        return -1;
    if (!json_string_is(kind, BYTES_LIT("Secret")))
        return err_set(err, ERR_MALFORMED, "kind is not Secret");
    const struct form *form = find_form(type);
    if (form == NULL)
        return err_set(err, ERR_UNSUPPORTED,
                       "its type is neither kubernetes.io/dockerconfigjson nor "
                       "kubernetes.io/dockercfg");
    if (read_data(&s, data, form, err) != 0)
        return -1;
    *out = s;
    s = (struct pull_secret) { NULL, false };
    return 0;
}

/* --- Matching --- */

/* '*' any characters, '?' one; nothing else is special. */
static bool label_fits(struct bytes pattern, struct bytes label)
{
    size_t p = 0, l = 0;
    size_t star = SIZE_MAX, resume = 0; /* behind the last star, and what it has taken */

    while (l < label.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            star = ++p;
            resume = l;
        } else if (p < pattern.len &&
                   (pattern.data[p] == '?' || pattern.data[p] == label.data[l])) {
            p++;
            l++;
        } else if (star != SIZE_MAX) {
            p = star;
            l = ++resume;
        } else
            return false;
    }
    while (p < pattern.len && pattern.data[p] == '*')
        p++;
    return p == pattern.len;
}

/* What stands before `mark`, taken off the front of `rest` together with it. */
static struct bytes take_until(struct bytes *rest, uint8_t mark)
{
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->data, mark, rest->len);
    const size_t len = at == NULL ? rest->len : (size_t)(at - rest->data);
    const struct bytes part = bytes_part(*rest, 0, len);

    *rest = at == NULL ? BYTES_NONE : bytes_part(*rest, len + 1, rest->len);
    return part;
}

static size_t count(struct bytes text, uint8_t mark)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == mark;
    return n;
}

static bool pattern_fits(struct bytes pattern, const char *host)
{
    struct bytes port_wanted = pattern, port = bytes_text(host);
    struct bytes labels_wanted = take_until(&port_wanted, ':');
    struct bytes labels = take_until(&port, ':');

    /* a colon more is an IPv6 address, which has no labels */
    if (count(pattern, ':') > 1 || count(bytes_text(host), ':') > 1 ||
        !bytes_equal(port_wanted, port) || count(labels_wanted, '.') != count(labels, '.'))
        return false;
    while (labels_wanted.len > 0 && labels.len > 0)
        if (!label_fits(take_until(&labels_wanted, '.'), take_until(&labels, '.')))
            return false;
    return labels_wanted.len == labels.len;
}

/* Lower case, and Docker Hub by its name here; a pattern is left as it is written. */
static int host_of_key(char **out, struct bytes host, struct err *err)
{
    *out = NULL;
    if (reference_host(out, host, NULL) == 0)
        return 0;
    *out = mem_text(host, err);
    if (*out == NULL)
        return -1;
    text_lower(*out);
    return 0;
}

static bool host_fits(const char *wanted, const char *host)
{
    return strcmp(wanted, host) == 0 || pattern_fits(bytes_text(wanted), host);
}

/* On a component's boundary. */
static bool path_fits(struct bytes path, const char *repository)
{
    const struct bytes all = bytes_text(repository);

    if (path.len == 0)
        return true;
    const struct bytes folder = bytes_part(path, 1, path.len);
    return repository != NULL && folder.len <= all.len &&
           bytes_equal(folder, bytes_part(all, 0, folder.len)) &&
           (folder.len == all.len || all.data[folder.len] == '/');
}

static struct bytes without_slash(struct bytes path)
{
    return path.len > 1 && path.data[path.len - 1] == '/' ? bytes_part(path, 0, path.len - 1)
                                                          : path;
}

struct place {
    const char *host;
    const char *repository;
};

/* The key as it is compared with others, "host/path"; empty where it does not fit. */
static int fit_key(struct buf *out, struct json_view name, const struct place *place,
                   struct err *err)
{
    struct buf CLEANUP(buf_clear) key = BUF_INIT(name.raw.len);
    char *CLEANUP(mem_freep) host = NULL;

    if (json_string(&key, name, "key", err) != 0)
        return -1;
    if (key.len > KEY_MAX)
        return 0;
    const struct docker_key parts = docker_key_split(buf_bytes(&key));
    const struct bytes path = without_slash(parts.path);
    if (parts.host.len == 0)
        return 0;
    if (host_of_key(&host, parts.host, err) != 0)
        return -1;
    if (!host_fits(host, place->host) || !path_fits(path, place->repository))
        return 0;
    buf_add_text(out, host);
    buf_add_bytes(out, path);
    return buf_check(out, "key", err);
}

static bool is_better(const struct buf *key, const struct pull_match *best)
{
    return key->len > 0 && (best->key == NULL || strcmp(buf_text(key), best->key) > 0);
}

static int take(struct pull_match *best, struct json_view entry, const struct buf *key,
                struct err *err)
{
    CLEANUP(pull_match_clear) struct pull_match m = { .key = NULL };

    if (docker_entry_read(&m.credential, entry, CONFIG_CONTAINERS, err) != 0)
        return err_wrap(err, "auths: %s", buf_text(key));
    if (m.credential.kind == CREDENTIAL_NONE)
        return 0;
    m.key = mem_text(buf_bytes(key), err);
    if (m.key == NULL)
        return -1;
    pull_match_clear(best);
    *best = m;
    m = (struct pull_match) { .key = NULL };
    return 0;
}

int pull_secret_find(struct pull_match *best, const struct pull_secret *s, const char *host,
                     const char *repository, struct err *err)
{
    const struct place place = { host, repository };
    struct json_view auths, name, entry;

    if (open_auths(&auths, s, err) != 0)
        return -1;
    struct json_walk walk = json_walk(auths);
    while (json_next(&walk, &name, &entry)) {
        struct buf CLEANUP(buf_clear) key = BUF_INIT(2 * KEY_MAX);
        if (fit_key(&key, name, &place, err) != 0)
            return -1;
        if (is_better(&key, best) && take(best, entry, &key, err) != 0)
            return -1;
    }
    return 0;
}
