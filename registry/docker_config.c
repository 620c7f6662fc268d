#include "registry/docker_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_pull.h"
#include "base/mem.h"
#include "base/text.h"
#include "registry/helper.h"

#define HUB "docker.io"
#define HUB_KEY "https://index.docker.io/v1/" /* how docker has always named it */

void config_match_clear(struct config_match *m)
{
    credential_clear(&m->credential);
    free(m->helper);
    free(m->key);
    *m = (struct config_match) { 0 };
}

const char *docker_server_key(const char *host)
{
    return strcmp(host, HUB) == 0 ? HUB_KEY : host;
}

bool bearer_valid(struct bytes token)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.data[i] <= ' ' || token.data[i] > '~')
            return false;
    return token.len > 0;
}

/* A buffer for a secret has its final room from the start, so that no copy stays behind when it
 * grows, and is wiped. */
static void wiped_clear(struct buf *b)
{
    if (b->data != NULL)
        secret_wipe(b->data, b->cap);
    buf_clear(b);
}

/* The content of a JSON string in a buffer of that kind. */
static int plain_of(struct buf *out, struct json_view view, const char *what, struct err *err)
{
    if (buf_reserve(out, view.raw.len) == NULL)
        return buf_check(out, what, err);
    return json_string(out, view, what, err);
}

static int secret_of(struct secret **out, struct json_view view, const char *what, struct err *err)
{
    struct buf CLEANUP(wiped_clear) plain = BUF_INIT(view.raw.len);

    *out = NULL;
    if (plain_of(&plain, view, what, err) != 0)
        return -1;
    return secret_copy(out, buf_bytes(&plain), err);
}

/* RFC 7617 section 2: no control characters, no colon. */
static int user_of(char **out, struct bytes name, struct err *err)
{
    if (!text_plain(name) || (name.len > 0 && memchr(name.data, ':', name.len) != NULL))
        return err_set(err, ERR_CONFIG, "the user name holds a colon or control characters");
    *out = mem_text(name, err);
    return *out == NULL ? -1 : 0;
}

static bool has_text(struct json_view view)
{
    return view.kind == JSON_STRING && !json_string_is(view, BYTES_NONE);
}

/* "user:password" in base64, perhaps without padding, perhaps with NULs behind it (old docker). */
static int read_auth(struct credential *c, struct json_view auth, struct err *err)
{
    struct buf CLEANUP(wiped_clear) coded = BUF_INIT(auth.raw.len);
    struct buf CLEANUP(wiped_clear) plain = BUF_INIT(auth.raw.len);

    if (plain_of(&coded, auth, "auth", err) != 0)
        return -1;
    if (buf_reserve(&plain, auth.raw.len) == NULL)
        return buf_check(&plain, "auth", err);
    if (base64_decode(&plain, buf_bytes(&coded), BASE64_ANY, NULL) != 0)
        return err_set(err, ERR_CONFIG, "auth is not base64");
    struct bytes pair = buf_bytes(&plain);
    while (pair.len > 0 && pair.data[pair.len - 1] == 0)
        pair.len--;
    const uint8_t *colon = pair.len == 0 ? NULL : memchr(pair.data, ':', pair.len);
    if (colon == NULL)
        return err_set(err, ERR_CONFIG, "auth is not user:password");
    size_t at = (size_t)(colon - pair.data);
    if (user_of(&c->username, bytes_part(pair, 0, at), err) != 0 ||
        secret_copy(&c->secret, bytes_part(pair, at + 1, pair.len), err) != 0)
        return -1;
    c->kind = CREDENTIAL_BASIC;
    return 0;
}

static int read_pair(struct credential *c, struct json_view user, struct json_view password,
                     struct err *err)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(user.raw.len);

    if (json_string(&name, user, "username", err) != 0 ||
        user_of(&c->username, buf_bytes(&name), err) != 0 ||
        secret_of(&c->secret, password, "password", err) != 0)
        return -1;
    c->kind = CREDENTIAL_BASIC;
    return 0;
}

static int read_token(struct credential *c, struct json_view token, enum credential_kind kind,
                      struct err *err)
{
    if (secret_of(&c->secret, token, "token", err) != 0)
        return -1;
    if (kind == CREDENTIAL_BEARER && !bearer_valid(secret_bytes(c->secret)))
        return err_set(err, ERR_CONFIG, "registrytoken holds blanks or control characters");
    c->kind = kind;
    return 0;
}

/* One entry of `auths`. An empty one says "logged in through the store": no credential. */
static int read_entry(struct credential *c, struct json_view entry, enum config_form form,
                      struct err *err)
{
    struct json_view auth = JSON_VIEW_NONE, user = JSON_VIEW_NONE, password = JSON_VIEW_NONE;
    struct json_view identity = JSON_VIEW_NONE, registry = JSON_VIEW_NONE;
    const struct json_member members[] = {
        { "auth", &auth, JSON_STRING, false },
        { "username", &user, JSON_STRING, false },
        { "password", &password, JSON_STRING, false },
        { "identitytoken", &identity, JSON_STRING, false },
        { "registrytoken", &registry, JSON_STRING, false },
    };

    if (json_members(entry, members, ARRAY_LEN(members), JSON_REST_IGNORED, "entry", err) != 0)
        return -1;
    if (form != CONFIG_ENVIRONMENT && has_text(registry))
        return read_token(c, registry, CREDENTIAL_BEARER, err);
    if (form != CONFIG_ENVIRONMENT && has_text(identity))
        return read_token(c, identity, CREDENTIAL_IDENTITY_TOKEN, err);
    if (has_text(auth))
        return read_auth(c, auth, err);
    if (form != CONFIG_ENVIRONMENT && has_text(user))
        return read_pair(c, user, password, err);
    return 0;
}

int docker_entry_read(struct credential *out, struct json_view entry, enum config_form form,
                      struct err *err)
{
    CLEANUP(credential_clear) struct credential c = { 0 };

    *out = (struct credential) { 0 };
    if (read_entry(&c, entry, form, err) != 0)
        return -1;
    *out = c;
    c = (struct credential) { 0 };
    return 0;
}

/* Behind a host only an API version may stand, or the key speaks of a folder alone. */
static bool is_api_path(struct bytes path)
{
    static const char *const paths[] = { "", "/", "/v1", "/v1/", "/v2", "/v2/" };

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (bytes_is(path, paths[i]))
            return true;
    return false;
}

static struct bytes without_scheme(struct bytes key)
{
    if (bytes_starts(key, "https://"))
        return bytes_part(key, strlen("https://"), key.len);
    if (bytes_starts(key, "http://"))
        return bytes_part(key, strlen("http://"), key.len);
    return key;
}

struct docker_key docker_key_split(struct bytes key)
{
    const struct bytes bare = without_scheme(key);
    const uint8_t *slash = bare.len == 0 ? NULL : memchr(bare.data, '/', bare.len);
    const size_t end = slash == NULL ? bare.len : (size_t)(slash - bare.data);
    const struct bytes path = bytes_part(bare, end, bare.len);

    return (struct docker_key) { bytes_part(bare, 0, end), is_api_path(path) ? BYTES_NONE : path };
}

/* How well a key names a host: 0 not at all, else the better the higher. */
static int host_rank(struct bytes key, const char *host)
{
    char *CLEANUP(mem_freep) name = NULL;
    const struct docker_key parts = docker_key_split(key);

    if (strcmp(host, HUB) == 0 && bytes_is(key, HUB_KEY))
        return 3;
    if (bytes_is(key, host))
        return 2;
    if (parts.path.len > 0 || reference_host(&name, parts.host, NULL) != 0)
        return 0;
    return strcmp(name, host) == 0 ? 1 : 0;
}

/* The length of a key that is "host/repository" or a folder of it, else 0. */
static int folder_rank(struct bytes key, const struct config_query *query)
{
    struct buf CLEANUP(buf_clear) full = BUF_INIT(SIZE_MAX);

    if (query->repository == NULL)
        return 0;
    buf_addf(&full, "%s/%s", query->host, query->repository);
    struct bytes all = buf_bytes(&full);
    if (key.len <= strlen(query->host) || key.len > all.len ||
        !bytes_equal(key, bytes_part(all, 0, key.len)))
        return 0;
    /* On a component's boundary: "host/team" says nothing about "host/team-other". */
    if (key.len < all.len && all.data[key.len] != '/')
        return 0;
    return key.data[key.len - 1] == '/' ? 0 : (int)key.len;
}

enum key_rule { KEY_HOST, KEY_FOLDER };

/* A member of an object whose names are hosts or repositories. */
struct found {
    struct json_view value; /* JSON_ABSENT: no name fits */
    char *key;
};

static void found_clear(struct found *f)
{
    free(f->key);
}

/* The member whose name fits best, the first of equals. */
static int best_member(struct found *best, struct json_view object, enum key_rule rule,
                       const struct config_query *query, struct err *err)
{
    struct json_walk walk = json_walk(object);
    struct json_view name, value;
    int best_rank = 0;

    while (object.kind == JSON_OBJECT && json_next(&walk, &name, &value)) {
        struct buf CLEANUP(buf_clear) key = BUF_INIT(name.raw.len);
        if (json_string(&key, name, "key", err) != 0)
            return -1;
        int rank = rule == KEY_HOST ? host_rank(buf_bytes(&key), query->host)
                                    : folder_rank(buf_bytes(&key), query);
        if (rank <= best_rank)
            continue;
        char *copy = mem_text(buf_bytes(&key), err);
        if (copy == NULL)
            return -1;
        free(best->key);
        best->key = copy;
        best->value = value;
        best_rank = rank;
    }
    return 0;
}

/* The members that count. */
struct config {
    struct json_view auths, helpers, store;
};

static int take_entry(struct config_match *m, const struct config *config, enum key_rule rule,
                      const struct config_query *query, struct err *err)
{
    CLEANUP(found_clear) struct found found = { 0 };

    if (best_member(&found, config->auths, rule, query, err) != 0)
        return -1;
    if (found.value.kind == JSON_ABSENT)
        return 0;
    if (read_entry(&m->credential, found.value, query->form, err) != 0)
        return err_wrap(err, "auths: %s", found.key);
    if (m->credential.kind != CREDENTIAL_NONE)
        m->key = STEAL(found.key);
    return 0;
}

static int set_helper(struct config_match *m, struct json_view suffix, const char *ask,
                      struct err *err)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(suffix.raw.len);

    if (json_string(&name, suffix, "helper", err) != 0)
        return -1;
    if (!helper_name_valid(buf_bytes(&name)))
        return err_set(err, ERR_CONFIG, "the helper for %s is not named by a suffix", ask);
    m->helper = mem_text(buf_bytes(&name), err);
    m->key = mem_text(bytes_text(ask), err);
    return m->helper == NULL || m->key == NULL ? -1 : 0;
}

/* credHelpers by host, then credsStore. Docker does not look into `auths` behind a helper. */
static int take_helper(struct config_match *m, const struct config *config,
                       const struct config_query *query, struct err *err)
{
    CLEANUP(found_clear) struct found found = { 0 };

    if (query->form == CONFIG_ENVIRONMENT)
        return 0;
    if (best_member(&found, config->helpers, KEY_HOST, query, err) != 0)
        return -1;
    /* An empty suffix takes a host out of the store. */
    if (has_text(found.value))
        return set_helper(m, found.value, found.key, err);
    if (found.value.kind != JSON_ABSENT && found.value.kind != JSON_STRING)
        return err_set(err, ERR_CONFIG, "credHelpers: %s is not a text", found.key);
    if (found.value.kind == JSON_STRING || query->form != CONFIG_DOCKER || !has_text(config->store))
        return 0;
    return set_helper(m, config->store, docker_server_key(query->host), err);
}

static int find(struct config_match *m, struct bytes text, const struct config_query *query,
                struct err *err)
{
    struct json_view root;
    struct config config = { 0 };
    const struct json_member members[] = {
        { "auths", &config.auths, JSON_OBJECT, false },
        { "credHelpers", &config.helpers, JSON_OBJECT, false },
        { "credsStore", &config.store, JSON_STRING, false },
    };

    if (json_scan(&root, text, err) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_IGNORED, "config", err) != 0)
        return -1;
    if (take_entry(m, &config, KEY_FOLDER, query, err) != 0)
        return -1;
    if (m->key != NULL)
        return 0;
    if (take_helper(m, &config, query, err) != 0)
        return -1;
    return m->key != NULL ? 0 : take_entry(m, &config, KEY_HOST, query, err);
}

int docker_config_find(struct config_match *out, struct bytes text,
                       const struct config_query *query, struct err *err)
{
    CLEANUP(config_match_clear) struct config_match m = { 0 };
    struct err cause = ERR_INIT;

    *out = (struct config_match) { 0 };
    if (find(&m, text, query, &cause) != 0) {
        enum err_code code = cause.code == ERR_MALFORMED ? ERR_CONFIG : cause.code;
        return err_set(err, code, "%s", err_text(&cause));
    }
    *out = m;
    m = (struct config_match) { 0 };
    return 0;
}

static int read_answer(struct credential *c, struct bytes text, struct err *err)
{
    struct json_view root, url = JSON_VIEW_NONE, user = JSON_VIEW_NONE, secret = JSON_VIEW_NONE;
    const struct json_member members[] = {
        { "ServerURL", &url, JSON_STRING, false },
        { "Username", &user, JSON_STRING, true },
        { "Secret", &secret, JSON_STRING, true },
    };

    if (json_scan(&root, text, err) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_IGNORED, "answer", err) != 0)
        return -1;
    if (!has_text(user) && !has_text(secret))
        return 0; /* nothing known: anonymous */
    if (json_string_is(user, BYTES_LIT("<token>")))
        return read_token(c, secret, CREDENTIAL_IDENTITY_TOKEN, err);
    return read_pair(c, user, secret, err);
}

int helper_answer_parse(struct credential *out, struct bytes text, struct err *err)
{
    CLEANUP(credential_clear) struct credential c = { 0 };
    struct err cause = ERR_INIT;

    *out = (struct credential) { 0 };
    if (read_answer(&c, text, &cause) != 0)
        return err_set(err, cause.code == ERR_NOMEM ? ERR_NOMEM : ERR_AUTH, "%s", err_text(&cause));
    *out = c;
    c = (struct credential) { 0 };
    return 0;
}
