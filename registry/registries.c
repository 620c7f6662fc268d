#include "registry/registries_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "registry/client.h"
#include "registry/layout.h"

/* --- Sets of texts --- */

static size_t names_find(const struct names *names, const char *text)
{
    size_t i = 0;

    while (i < names->n && strcmp(names->list[i], text) != 0)
        i++;
    return i;
}

bool names_have(const struct names *names, const char *text)
{
    return names_find(names, text) < names->n;
}

int names_add(struct names *names, const char *text, struct err *err)
{
    if (names_have(names, text))
        return 0;
    if (mem_grow((void **)&names->list, &names->cap, names->n, sizeof(char *), SIZE_MAX / 16,
                 err) != 0)
        return -1;
    names->list[names->n] = mem_text(bytes_text(text), err);
    if (names->list[names->n] == NULL)
        return -1;
    names->n++;
    return 0;
}

void names_remove(struct names *names, const char *text)
{
    size_t i = names_find(names, text);

    if (i == names->n)
        return;
    free(names->list[i]);
    names->list[i] = names->list[--names->n];
}

void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->list[i]);
    free(names->list);
    *names = (struct names) { NULL, 0, 0 };
}

bool registries_knows(struct registries *r, const struct names *names, const char *text)
{
    pthread_mutex_lock(&r->lock);
    bool known = names_have(names, text);
    pthread_mutex_unlock(&r->lock);
    return known;
}

int registries_note(struct registries *r, struct names *names, const char *text, struct err *err)
{
    pthread_mutex_lock(&r->lock);
    int result = names_add(names, text, err);
    pthread_mutex_unlock(&r->lock);
    return result;
}

static int enter_locked(struct registries *r, const char *key, int64_t deadline, struct err *err)
{
    const struct timespec until = clock_timespec(deadline);

    while (names_have(&r->subjects, key))
        if (pthread_cond_timedwait(&r->left, &r->lock, &until) == ETIMEDOUT)
            return err_set(err, ERR_DEADLINE, "waiting for another thread's update");
    return names_add(&r->subjects, key, err);
}

int registries_enter(struct registries *r, const char *key, int64_t deadline, struct err *err)
{
    pthread_mutex_lock(&r->lock);
    int result = enter_locked(r, key, deadline, err);
    pthread_mutex_unlock(&r->lock);
    return result;
}

void registries_leave(struct registries *r, const char *key)
{
    pthread_mutex_lock(&r->lock);
    names_remove(&r->subjects, key);
    pthread_cond_broadcast(&r->left);
    pthread_mutex_unlock(&r->lock);
}

/* --- How a host is reached --- */

/* The certificates of --ca-file and of the host's own settings, as one text that is kept. */
static int join_pems(const char **out, struct registries *r, const char *of_host, struct err *err)
{
    struct buf CLEANUP(buf_clear) both = BUF_INIT(2 * CONFIG_FILE_MAX + 2);

    *out = of_host;
    if (r->ca.len == 0)
        return 0;
    *out = buf_text(&r->ca);
    if (of_host == NULL)
        return 0;
    buf_addf(&both, "%s\n%s", buf_text(&r->ca), of_host);
    if (buf_check(&both, "certificates", err) != 0)
        return -1;
    pthread_mutex_lock(&r->lock);
    int result = names_add(&r->pems, buf_text(&both), err);
    if (result == 0)
        *out = r->pems.list[names_find(&r->pems, buf_text(&both))];
    pthread_mutex_unlock(&r->lock);
    return result;
}

/* For the transport (base/http.h): the settings of "host[:port]". */
static int host_settings(void *context, struct http_host *out, const char *host, struct err *err)
{
    struct registries *r = context;
    struct host_settings s;

    if (hosts_find(&s, r->hosts, host, err) != 0 || join_pems(&out->ca_pem, r, s.ca_pem, err) != 0)
        return -1;
    out->plain_http = s.plain_http || r->options.plain_http || host_is_loopback(host);
    out->private_address = s.private_address;
    out->insecure = r->options.insecure;
    out->parallel = s.parallel;
    out->cert_file = s.cert_file;
    out->key_file = s.key_file;
    /* The command line's own client certificate is shown to the hosts that it names only. */
    if (out->cert_file == NULL && registries_knows(r, &r->opened, host)) {
        out->cert_file = r->options.cert_file;
        out->key_file = r->options.key_file;
    }
    return 0;
}

static void observe(void *context, const char *method, const char *url, long status, int64_t micros)
{
    const struct registries *r = context;

    r->options.observe(r->options.observe_context, method, url, status, micros);
}

static int start_http(struct registries *r, struct err *err)
{
    const struct http_options options = {
        .user_agent = r->options.user_agent,
        .refuse_private = r->options.refuse_private,
        .host = host_settings,
        .context = r,
        .observe = r->options.observe != NULL ? observe : NULL,
    };

    return http_new(&r->http, &options, err);
}

int registries_http(struct http **out, struct registries *r, struct err *err)
{
    int result = 0;

    pthread_mutex_lock(&r->lock);
    if (r->http == NULL)
        result = start_http(r, err);
    *out = r->http;
    pthread_mutex_unlock(&r->lock);
    return result;
}

/* registry.md 1.6: TLS unless a setting says otherwise or nothing but plain HTTP is spoken on
 * loopback. Found out before anything of ours is sent, and kept. */
int registries_scheme(const char **out, struct registries *r, const char *wire, struct err *err)
{
    struct host_settings s;

    *out = "https";
    if (hosts_find(&s, r->hosts, wire, err) != 0)
        return -1;
    if (s.plain_http || r->options.plain_http) {
        *out = "http";
        return 0;
    }
    if (!host_is_loopback(wire) || (r->options.refuse_private && !s.private_address) ||
        registries_knows(r, &r->tls, wire))
        return 0;
    if (!registries_knows(r, &r->plain, wire)) {
        if (!loopback_is_plain(wire))
            return registries_note(r, &r->tls, wire, err);
        if (registries_note(r, &r->plain, wire, err) != 0)
            return -1;
    }
    *out = "http";
    return 0;
}

bool registries_elsewhere(struct registries *r, const char *host)
{
    return registries_knows(r, &r->elsewhere, host);
}

/* --- Life --- */

static int load(struct registries *r, struct err *err)
{
    const struct registries_options *o = &r->options;
    struct credentials_options credentials = {
        .username = o->username,
        .password = o->password,
        .token = o->token,
        .auth_file = o->auth_file,
        .auth_files = o->auth_files,
        .n_auth_files = o->n_auth_files,
    };

    if (hosts_load(&r->hosts, o->file, err) != 0)
        return -1;
    credentials.hosts = r->hosts;
    if (credentials_new(&r->credentials, &credentials, err) != 0 ||
        tokens_new(&r->tokens, err) != 0)
        return -1;
    if (o->ca_file == NULL || file_read(&r->ca, o->ca_file, err) == 0)
        return 0;
    if (err != NULL && err->code == ERR_NOT_FOUND)
        err->code = ERR_CONFIG; /* the command line names it */
    return -1;
}

int registries_new(struct registries **out, const struct registries_options *options,
                   struct err *err)
{
    struct registries *CLEANUP(registries_freep) r = NULL;

    *out = NULL;
    r = mem_new(1, sizeof(*r), err);
    if (r == NULL)
        return -1;
    r->options = *options;
    r->ca = (struct buf)BUF_INIT(CONFIG_FILE_MAX);
    pthread_mutex_init(&r->lock, NULL);
    clock_cond_init(&r->left);
    if (load(r, err) != 0)
        return -1;
    *out = STEAL(r);
    return 0;
}

static bool lacks(const struct registries *r, const char *wire)
{
    const int64_t now = clock_millis();

    for (size_t i = 0; i < ABSENCES_MAX; i++)
        if (r->absences[i].host != NULL && now < r->absences[i].until &&
            strcmp(r->absences[i].host, wire) == 0)
            return true;
    return false;
}

bool registries_lacks_referrers(struct registries *r, const char *wire)
{
    pthread_mutex_lock(&r->lock);
    bool yes = lacks(r, wire);
    pthread_mutex_unlock(&r->lock);
    return yes;
}

int registries_note_no_referrers(struct registries *r, const char *wire, struct err *err)
{
    char *host = mem_text(bytes_text(wire), err);

    if (host == NULL)
        return -1;
    pthread_mutex_lock(&r->lock);
    if (!lacks(r, wire)) {
        struct absence *a = &r->absences[r->next_absence++ % ABSENCES_MAX];
        free(a->host);
        *a = (struct absence) { STEAL(host), clock_deadline(ABSENCE_MS) };
    }
    pthread_mutex_unlock(&r->lock);
    free(host);
    return 0;
}

static void learned_free(struct registries *r)
{
    for (size_t i = 0; i < ABSENCES_MAX; i++)
        free(r->absences[i].host);
    for (size_t i = 0; i < r->n_learned; i++) {
        free(r->learned[i].host);
        free(r->learned[i].realm);
        free(r->learned[i].service);
    }
    free(r->learned);
}

void registries_free(struct registries *r)
{
    if (r == NULL)
        return;
    http_free(r->http);
    tokens_free(r->tokens);
    credentials_free(r->credentials);
    hosts_free(r->hosts);
    buf_clear(&r->ca);
    names_clear(&r->pems);
    names_clear(&r->elsewhere);
    names_clear(&r->opened);
    names_clear(&r->tls);
    names_clear(&r->plain);
    names_clear(&r->indexing);
    names_clear(&r->warnings);
    names_clear(&r->subjects);
    learned_free(r);
    pthread_cond_destroy(&r->left);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void registries_freep(struct registries **r)
{
    registries_free(*r);
    *r = NULL;
}

static int open_client(struct store **out, struct registries *r, const struct reference *ref,
                       const struct credential_source *credentials, struct err *err)
{
    if (!registries_elsewhere(r, ref->host) &&
        registries_note(r, &r->opened, reference_wire_host(ref), err) != 0)
        return -1;
    return client_open(out, r, ref, credentials, err);
}

int store_open(struct store **out, struct registries *r, const struct reference *ref,
               enum store_access access, struct err *err)
{
    *out = NULL;
    if (ref->layout)
        return layout_open(out, ref, access == STORE_WRITE, err);
    return open_client(out, r, ref, NULL, err);
}

int store_open_with(struct store **out, struct registries *r, const struct reference *ref,
                    const struct credential_source *credentials, struct err *err)
{
    *out = NULL;
    if (!ref->layout)
        return open_client(out, r, ref, credentials, err);
    if (layout_open(out, ref, false, err) != 0)
        return -1;
    (*out)->credentials = credentials; /* further places of its evidence may be registries */
    return 0;
}

int registries_evidence(struct reference *out, struct registries *r, const struct reference *image,
                        size_t i, struct err *err)
{
    struct host_settings s;

    *out = (struct reference) { .host = NULL };
    if (image->layout)
        return err_set(err, ERR_NOT_FOUND, "no further place");
    if (hosts_find(&s, r->hosts, image->host, err) != 0)
        return -1;
    if (i >= s.n_evidence)
        return err_set(err, ERR_NOT_FOUND, "no further place");
    const struct reference *place = &s.evidence[i];
    /* Another host, which the command line did not name: none of its credentials go there. */
    if (!place->layout && strcmp(place->host, image->host) != 0 &&
        !registries_knows(r, &r->opened, reference_wire_host(place)) &&
        registries_note(r, &r->elsewhere, place->host, err) != 0)
        return -1;
    return reference_copy(out, place, err);
}

bool registries_names(struct registries *r, const struct reference *image)
{
    return image->layout || hosts_name(r->hosts, image->host);
}

uint64_t registries_exchanges(struct registries *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t n = r->http != NULL ? http_exchanges(r->http) : 0;
    pthread_mutex_unlock(&r->lock);
    return n;
}
