#include "registry/credentials.h"

#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "registry/auth_files.h"
#include "registry/docker_config.h"
#include "registry/helper.h"

#define PLACES_MAX 4                  /* files that are looked into, one behind the other */
#define PATH_LONGEST 4096             /* PATH_MAX of the system, as a ceiling on what is built */
#define KEPT_MS ((int64_t)300000)     /* answers of helpers do not say when they end: 5 minutes */
#define PASSWD_BUFFER ((size_t)16384) /* for one entry of the user database */
#define GROWTH_MAX ((size_t)65536)    /* by which a file may grow before it is read */

struct place {
    char *path; /* NULL: the environment variable DOCKER_AUTH_CONFIG */
    enum config_form form;
    bool required; /* not there is an error */
};

/* A helper's answer. Its own lock is held while the helper runs, so that one question is asked
 * once and other questions do not wait for it. */
struct kept {
    pthread_mutex_t lock;
    char *helper, *server;
    bool filled;
    int64_t until; /* on clock_millis() */
    struct credential credential;
};

struct credentials {
    struct credentials_options options;
    struct place places[PLACES_MAX];
    size_t n_places;
    pthread_mutex_t lock; /* of the list */
    struct kept *kept[CREDENTIALS_KEPT_MAX];
    size_t n_kept;
};

void credential_clear(struct credential *c)
{
    free(c->username);
    secret_free(c->secret);
    free(c->origin);
    *c = (struct credential) { 0 };
}

static int copy_text(char **out, const char *text, struct err *err)
{
    if (text == NULL)
        return 0;
    *out = mem_text(bytes_text(text), err);
    return *out == NULL ? -1 : 0;
}

static int copy_credential(struct credential *out, const struct credential *in, struct err *err)
{
    CLEANUP(credential_clear) struct credential c = { .kind = in->kind };

    if (copy_text(&c.username, in->username, err) != 0 ||
        copy_text(&c.origin, in->origin, err) != 0 ||
        (in->secret != NULL && secret_copy(&c.secret, secret_bytes(in->secret), err) != 0))
        return -1;
    *out = c;
    c = (struct credential) { 0 };
    return 0;
}

static void kept_free(struct kept *k)
{
    if (k == NULL)
        return;
    pthread_mutex_destroy(&k->lock);
    free(k->helper);
    free(k->server);
    credential_clear(&k->credential);
    free(k);
}

static void kept_freep(struct kept **k)
{
    kept_free(*k);
}

void credentials_free(struct credentials *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n_places; i++)
        free(c->places[i].path);
    for (size_t i = 0; i < c->n_kept; i++)
        kept_free(c->kept[i]);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void credentials_freep(struct credentials **c)
{
    credentials_free(*c);
    *c = NULL;
}

static int add_place(struct credentials *c, const char *folder, const char *file,
                     enum config_form form, struct err *err)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_LONGEST);

    buf_addf(&path, "%s%s", folder, file);
    if (buf_check(&path, "path of a credentials file", err) != 0)
        return -1;
    char *copy = mem_text(buf_bytes(&path), err);
    if (copy == NULL)
        return -1;
    c->places[c->n_places++] = (struct place) { .path = copy, .form = form };
    return 0;
}

/* A variable that says nothing is as one that is not there. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value == NULL || value[0] == 0 ? NULL : value;
}

/* The user's folder; "" in *out when there is none. */
static int home_folder(struct buf *out, struct err *err)
{
    char *CLEANUP(mem_freep) text = NULL;
    struct passwd entry, *found = NULL;
    const char *home = variable("HOME");

    if (home == NULL) {
        text = mem_new(PASSWD_BUFFER, 1, err);
        if (text == NULL)
            return -1;
        if (getpwuid_r(getuid(), &entry, text, PASSWD_BUFFER, &found) == 0 && found != NULL)
            home = found->pw_dir;
    }
    buf_add_text(out, home == NULL ? "" : home);
    return buf_check(out, "home folder", err);
}

static int add_containers(struct credentials *c, const char *home, struct err *err)
{
    static const char file[] = "/containers/auth.json";
    const char *runtime = variable("XDG_RUNTIME_DIR");
    const char *config = variable("XDG_CONFIG_HOME");
    struct buf CLEANUP(buf_clear) run = BUF_INIT(PATH_LONGEST);

    if (runtime != NULL) {
        if (add_place(c, runtime, file, CONFIG_CONTAINERS, err) != 0)
            return -1;
    } else {
        buf_addf(&run, "/%lu/auth.json", (unsigned long)getuid());
        if (add_place(c, "/run/containers", buf_text(&run), CONFIG_CONTAINERS, err) != 0)
            return -1;
    }
    if (config != NULL)
        return add_place(c, config, file, CONFIG_CONTAINERS, err);
    if (home[0] == 0)
        return 0;
    return add_place(c, home, "/.config/containers/auth.json", CONFIG_CONTAINERS, err);
}

/* registry.md 7.4; an explicit file stands alone (7.3). */
static int note_places(struct credentials *c, struct err *err)
{
    const char *explicit = variable("REGISTRY_AUTH_FILE");
    const char *docker = variable("DOCKER_CONFIG");
    struct buf CLEANUP(buf_clear) home = BUF_INIT(PATH_LONGEST);

    if (c->options.auth_file != NULL) {
        if (add_place(c, c->options.auth_file, "", CONFIG_DOCKER, err) != 0)
            return -1;
        c->places[0].required = true;
        return 0;
    }
    if (c->options.n_auth_files > 0)
        return 0; /* they are listed when they are asked */
    if (explicit != NULL)
        return add_place(c, explicit, "", CONFIG_CONTAINERS, err);
    if (home_folder(&home, err) != 0)
        return -1;
    if (variable("DOCKER_AUTH_CONFIG") != NULL)
        c->places[c->n_places++] = (struct place) { .form = CONFIG_ENVIRONMENT };
    if (docker != NULL && add_place(c, docker, "/config.json", CONFIG_DOCKER, err) != 0)
        return -1;
    if (add_containers(c, buf_text(&home), err) != 0)
        return -1;
    if (docker != NULL || home.len == 0)
        return 0; /* the variable stands for the folder in the home folder */
    return add_place(c, buf_text(&home), "/.docker/config.json", CONFIG_DOCKER, err);
}

static int check_options(const struct credentials_options *o, struct err *err)
{
    struct bytes user = bytes_text(o->username);

    if ((o->username == NULL) != (o->password == NULL))
        return err_set(err, ERR_USAGE, "a user name and a password belong together");
    if (o->auth_file != NULL && o->n_auth_files > 0)
        return err_set(err, ERR_USAGE, "either one credentials file or several");
    if (o->username != NULL && o->token != NULL)
        return err_set(err, ERR_USAGE, "either a password or a token");
    if (user.len > 0 && (!text_plain(user) || memchr(user.data, ':', user.len) != NULL))
        return err_set(err, ERR_USAGE, "the user name holds a colon or control characters");
    if (o->token != NULL && !bearer_valid(secret_bytes(o->token)))
        return err_set(err, ERR_USAGE, "the token is empty or holds blanks");
    return 0;
}

int credentials_new(struct credentials **out, const struct credentials_options *options,
                    struct err *err)
{
    CLEANUP(credentials_freep) struct credentials *c = NULL;

    *out = NULL;
    if (check_options(options, err) != 0)
        return -1;
    c = mem_new(1, sizeof(*c), err);
    if (c == NULL)
        return -1;
    pthread_mutex_init(&c->lock, NULL);
    c->options = *options;
    if (c->options.helper_ms <= 0)
        c->options.helper_ms = HELPER_TIMEOUT_MS;
    if (note_places(c, err) != 0)
        return -1;
    *out = STEAL(c);
    return 0;
}

static int set_origin(struct credential *c, const char *place, const char *key, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(2 * PATH_LONGEST + REFERENCE_MAX);

    if (c->kind == CREDENTIAL_NONE)
        return 0;
    free(c->origin);
    buf_addf(&text, "%s%s%s", place, key == NULL ? "" : ": ", key == NULL ? "" : key);
    c->origin = NULL;
    if (buf_check(&text, "origin", err) != 0)
        return -1;
    return copy_text(&c->origin, buf_text(&text), err);
}

/* With the list's lock held. NULL without an error: the list is full, nothing is kept. */
static int kept_entry(struct kept **out, struct credentials *c, const char *helper,
                      const char *server, struct err *err)
{
    CLEANUP(kept_freep) struct kept *k = NULL;

    *out = NULL;
    for (size_t i = 0; i < c->n_kept; i++)
        if (strcmp(c->kept[i]->helper, helper) == 0 && strcmp(c->kept[i]->server, server) == 0)
            *out = c->kept[i];
    if (*out != NULL || c->n_kept == CREDENTIALS_KEPT_MAX)
        return 0;
    k = mem_new(1, sizeof(*k), err);
    if (k == NULL)
        return -1;
    pthread_mutex_init(&k->lock, NULL);
    if (copy_text(&k->helper, helper, err) != 0 || copy_text(&k->server, server, err) != 0)
        return -1;
    *out = c->kept[c->n_kept++] = STEAL(k);
    return 0;
}

static int fill_kept(struct kept *k, int timeout_ms, struct err *err)
{
    if (k->filled && clock_millis() < k->until)
        return 0;
    k->filled = false;
    credential_clear(&k->credential);
    if (helper_get(&k->credential, k->helper, k->server, timeout_ms, err) != 0)
        return -1;
    k->filled = true;
    k->until = clock_deadline(KEPT_MS);
    return 0;
}

static int ask_helper(struct credential *out, struct credentials *c, const char *helper,
                      const char *server, struct err *err)
{
    struct kept *k = NULL;

    pthread_mutex_lock(&c->lock);
    int r = kept_entry(&k, c, helper, server, err);
    pthread_mutex_unlock(&c->lock);
    if (r != 0)
        return -1;
    if (k == NULL)
        return helper_get(out, helper, server, c->options.helper_ms, err);
    pthread_mutex_lock(&k->lock);
    r = fill_kept(k, c->options.helper_ms, err);
    if (r == 0)
        r = copy_credential(out, &k->credential, err);
    pthread_mutex_unlock(&k->lock);
    return r;
}

/* What is asked: one question through all places. */
struct question {
    struct credentials *all;
    struct config_query query;
};

static int find_in_text(struct credential *out, const struct question *q, struct bytes text,
                        const char *place, struct err *err)
{
    CLEANUP(config_match_clear) struct config_match m = { 0 };
    CLEANUP(credential_clear) struct credential c = { 0 };

    if (docker_config_find(&m, text, &q->query, err) != 0)
        return err_wrap(err, "%s", place);
    if (m.helper != NULL) {
        if (ask_helper(&c, q->all, m.helper, m.key, err) != 0)
            return err_wrap(err, "%s", place);
    } else {
        c = m.credential;
        m.credential = (struct credential) { 0 };
    }
    if (set_origin(&c, place, m.key, err) != 0)
        return -1;
    *out = c;
    c = (struct credential) { 0 };
    return 0;
}

/* Guarded memory for the largest file would cost more than reading the usual one. */
static size_t file_ceiling(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0 ||
        (uint64_t)st.st_size >= CONFIG_FILE_MAX - GROWTH_MAX)
        return CONFIG_FILE_MAX;
    return (size_t)st.st_size + GROWTH_MAX;
}

static int find_in_file(struct credential *out, const struct question *q, const char *path,
                        bool required, struct err *err)
{
    CLEANUP(secret_freep) struct secret *text = NULL;
    struct err cause = ERR_INIT;

    if (file_read_secret(&text, path, file_ceiling(path), NULL, &cause) == 0)
        return find_in_text(out, q, secret_bytes(text), path, err);
    if (cause.code == ERR_NOT_FOUND && !required)
        return 0;
    return err_set(err, cause.code == ERR_NOT_FOUND ? ERR_CONFIG : cause.code, "%s",
                   err_text(&cause));
}

/* What registries.yaml says of the host is all there is for it. *told says whether it does. */
static int find_named(struct credential *out, bool *told, struct question *q, struct err *err)
{
    struct host_settings settings;

    *told = false;
    if (q->all->options.hosts == NULL)
        return 0;
    if (hosts_find(&settings, q->all->options.hosts, q->query.host, err) != 0)
        return -1;
    *told = settings.credentials_file != NULL || settings.credentials_helper != NULL;
    if (settings.credentials_file != NULL) {
        q->query.form = CONFIG_DOCKER;
        return find_in_file(out, q, settings.credentials_file, true, err);
    }
    if (settings.credentials_helper == NULL)
        return 0;
    const char *server = docker_server_key(q->query.host);
    if (ask_helper(out, q->all, settings.credentials_helper, server, err) != 0)
        return err_wrap(err, "host %s", q->query.host);
    return set_origin(out, settings.credentials_helper, server, err);
}

static int find_in_place(struct credential *out, struct question *q, const struct place *place,
                         struct err *err)
{
    q->query.form = place->form;
    if (place->path != NULL)
        return find_in_file(out, q, place->path, place->required, err);
    struct bytes text = bytes_text(variable("DOCKER_AUTH_CONFIG"));
    return text.len == 0 ? 0 : find_in_text(out, q, text, "DOCKER_AUTH_CONFIG", err);
}

/* Listed anew each time: a Secret that was swapped, or came, shows with the next question. */
static int find_listed(struct credential *out, struct question *q, struct err *err)
{
    struct auth_files CLEANUP(auth_files_clear) files = { NULL, 0, 0 };
    const struct credentials_options *o = &q->all->options;

    q->query.form = CONFIG_DOCKER;
    for (size_t i = 0; i < o->n_auth_files; i++)
        if (auth_files_add(&files, o->auth_files[i], err) != 0)
            return -1;
    for (size_t i = 0; i < files.n && out->kind == CREDENTIAL_NONE; i++)
        if (find_in_file(out, q, files.list[i], true, err) != 0)
            return -1;
    return 0;
}

static int find_anywhere(struct credential *out, struct question *q, struct err *err)
{
    bool told = false;

    if (find_named(out, &told, q, err) != 0)
        return -1;
    for (size_t i = 0; !told && i < q->all->n_places && out->kind == CREDENTIAL_NONE; i++)
        if (find_in_place(out, q, &q->all->places[i], err) != 0)
            return -1;
    return told ? 0 : find_listed(out, q, err);
}

int credentials_find_elsewhere(struct credential *out, struct credentials *c, const char *host,
                               const char *repository, struct err *err)
{
    char *CLEANUP(mem_freep) name = NULL;
    CLEANUP(credential_clear) struct credential found = { 0 };
    struct question q = { .all = c };

    *out = (struct credential) { 0 };
    if (reference_host(&name, bytes_text(host), err) != 0)
        return -1;
    q.query.host = name;
    q.query.repository = repository;
    if (find_anywhere(&found, &q, err) != 0)
        return err_wrap(err, "credentials of %s", name);
    log_debug("credentials of %s: %s", name,
              found.origin == NULL ? "none, anonymous" : found.origin);
    *out = found;
    found = (struct credential) { 0 };
    return 0;
}

int credentials_find(struct credential *out, struct credentials *c, const char *host,
                     const char *repository, struct err *err)
{
    const struct credentials_options *o = &c->options;
    CLEANUP(credential_clear) struct credential found = { .kind = CREDENTIAL_BEARER };

    *out = (struct credential) { 0 };
    if (o->username == NULL && o->token == NULL)
        return credentials_find_elsewhere(out, c, host, repository, err);
    if (o->username != NULL)
        found.kind = CREDENTIAL_BASIC;
    if (copy_text(&found.username, o->username, err) != 0 ||
        secret_copy(&found.secret, secret_bytes(o->username != NULL ? o->password : o->token),
                    err) != 0 ||
        set_origin(&found, "the command line", NULL, err) != 0)
        return -1;
    *out = found;
    found = (struct credential) { 0 };
    return 0;
}
