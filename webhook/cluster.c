#include "webhook/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/http.h"
#include "base/limits.h"
#include "base/mem.h"
#include "registry/docker_config.h"

#define FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"
#define PATH_MAX_BYTES 4096          /* of a file */
#define ACCOUNT_TOKEN_MAX (16 * KIB) /* a JWT of a few audiences is 2 KiB */
#define CA_MAX MIB                   /* a cluster has one or two, of 2 KiB */
#define PARALLEL 16                  /* requests at once: one server, which has others to serve */
#define ATTEMPTS 2                   /* within a deadline that is short */
#define BEARER "Bearer "

struct cluster {
    struct cluster_options options;
    struct buf url; /* without a slash at its end */
    struct buf token_path;
    struct buf ca; /* content of ca.crt */
    bool plain;
    struct http *http;
};

/* --- Life --- */

void cluster_free(struct cluster *c)
{
    if (c == NULL)
        return;
    http_free(c->http);
    buf_clear(&c->url);
    buf_clear(&c->token_path);
    buf_clear(&c->ca);
    free(c);
}

static void cluster_freep(struct cluster **c)
{
    cluster_free(*c);
}

static int set_host(void *context, struct http_host *out, const char *host, struct err *err)
{
    const struct cluster *c = context;

    (void)host;
    (void)err;
    *out = (struct http_host) { .plain_http = c->plain,
                                .private_address = true,
                                .parallel = PARALLEL,
                                .ca_pem = c->plain ? NULL : buf_text(&c->ca),
                                .ca_alone = true };
    return 0;
}

/* As every program in a cluster finds it. */
static int url_of_environment(struct buf *out, struct err *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");

    if (host == NULL || host[0] == '\0' || port == NULL || port[0] == '\0')
        return err_set(
            err, ERR_CONFIG,
            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: outside of "
            "a cluster say where its API is with --kube-api");
    if (strchr(host, ':') != NULL)
        buf_addf(out, "https://[%s]:%s", host, port);
    else
        buf_addf(out, "https://%s:%s", host, port);
    return 0;
}

static bool is_loopback(const char *host)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const size_t len = strlen(names[i]);
        if (strncmp(host, names[i], len) == 0 && (host[len] == '\0' || host[len] == ':'))
            return true;
    }
    return false;
}

/* A token is told to whoever answers: in the clear only to this machine itself. */
static int check_url(struct cluster *c, struct err *err)
{
    struct buf CLEANUP(buf_clear) host = BUF_INIT(URL_MAX);
    const char *url = buf_text(&c->url);

    if (strpbrk(url, "?#") != NULL || http_url_host(&host, url, NULL) != 0)
        return err_set(err, ERR_CONFIG, "%s: not a URL of an API server", url);
    c->plain = strncmp(url, "http://", strlen("http://")) == 0;
    if (c->plain && !is_loopback(buf_text(&host)))
        return err_set(err, ERR_CONFIG, "%s: an API server is asked by https only", url);
    return 0;
}

static int set_url(struct cluster *c, struct err *err)
{
    if (c->options.url != NULL)
        buf_add_text(&c->url, c->options.url);
    else if (url_of_environment(&c->url, err) != 0)
        return -1;
    if (buf_check(&c->url, "URL", err) != 0)
        return -1;
    while (c->url.len > 0 && c->url.data[c->url.len - 1] == '/')
        c->url.data[--c->url.len] = '\0';
    return check_url(c, err);
}

static int read_token(struct secret **out, const struct cluster *c, struct err *err)
{
    return file_read_secret(out, buf_text(&c->token_path), ACCOUNT_TOKEN_MAX, NULL, err);
}

static int set_files(struct cluster *c, struct err *err)
{
    struct secret *CLEANUP(secret_freep) token = NULL;
    struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_MAX_BYTES);
    const char *folder = c->options.folder != NULL ? c->options.folder : FOLDER;

    buf_addf(&path, "%s/ca.crt", folder);
    buf_addf(&c->token_path, "%s/token", folder);
    if (buf_check(&path, "path", err) != 0 || buf_check(&c->token_path, "path", err) != 0 ||
        read_token(&token, c, err) != 0 || file_read(&c->ca, buf_text(&path), err) != 0)
        return -1;
    if (strstr(buf_text(&c->ca), "-----BEGIN CERTIFICATE-----") == NULL)
        return err_set(err, ERR_CONFIG, "%s: no certificate in PEM form", buf_text(&path));
    return 0;
}

int cluster_new(struct cluster **out, const struct cluster_options *options, struct err *err)
{
    struct cluster *CLEANUP(cluster_freep) c = mem_new(1, sizeof(*c), err);

    *out = NULL;
    if (c == NULL)
        return -1;
    c->options = *options;
    c->url = (struct buf)BUF_INIT(URL_MAX);
    c->token_path = (struct buf)BUF_INIT(PATH_MAX_BYTES);
    c->ca = (struct buf)BUF_INIT(CA_MAX);
    const struct http_options http = {
        .user_agent = options->user_agent, .attempts = ATTEMPTS, .host = set_host, .context = c
    };
    if (set_url(c, err) != 0)
        return -1;
    if (set_files(c, err) != 0) {
        if (err->code != ERR_NOMEM)
            err->code = ERR_CONFIG; /* not found is what the command line says, or the Pod */
        return err_wrap(err, "service account");
    }
    if (http_new(&c->http, &http, err) != 0)
        return -1;
    *out = STEAL(c);
    return 0;
}

/* --- Asking --- */

void cluster_get_clear(struct cluster_get *get)
{
    if (get->body.data != NULL)
        secret_wipe(get->body.data, get->body.len);
    buf_clear(&get->body);
}

/* "Bearer TOKEN" with its NUL. */
static int make_header(struct secret **out, const struct cluster *c, struct err *err)
{
    struct secret *CLEANUP(secret_freep) token = NULL;
    const size_t before = strlen(BEARER);

    if (read_token(&token, c, err) != 0)
        return -1;
    struct bytes text = secret_bytes(token);
    while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        text.len--;
    if (!bearer_valid(text))
        return err_set(err, ERR_CONFIG, "%s: not a token", buf_text(&c->token_path));
    if (secret_new(out, before + text.len + 1, err) != 0)
        return -1;
    memcpy(secret_data(*out), BEARER, before);
    memcpy(secret_data(*out) + before, text.data, text.len);
    return 0;
}

/* Into room that was made before: no copy stays behind in memory that grows. */
static int take_piece(void *context, struct bytes piece, struct err *err)
{
    struct buf *body = context;

    buf_add_bytes(body, piece);
    return buf_check(body, "answer", err);
}

static int take_again(void *context, struct err *err)
{
    struct buf *body = context;

    (void)err;
    buf_reset(body);
    return 0;
}

static void take_result(struct cluster_get *get, struct http_request *request)
{
    get->status = request->status;
    if (request->err.code != ERR_NONE)
        get->err = request->err;
    http_request_clear(request);
}

struct asking_all {
    struct cluster *cluster;
    struct cluster_get *gets;
    struct http_request *requests;
    struct buf *urls;
    struct http_header header;
};

static void free_all(struct asking_all *a, size_t n)
{
    for (size_t i = 0; a->urls != NULL && i < n; i++)
        buf_clear(&a->urls[i]);
    free(a->urls);
    free(a->requests);
}

static int make_request(struct asking_all *a, size_t i, struct err *err)
{
    struct cluster_get *get = &a->gets[i];
    const size_t max = a->cluster->options.max_body;

    a->urls[i] = (struct buf)BUF_INIT(URL_MAX);
    buf_addf(&a->urls[i], "%s%s", buf_text(&a->cluster->url), get->path);
    if (buf_check(&a->urls[i], "URL", err) != 0)
        return -1;
    if (buf_reserve(&get->body, max) == NULL)
        return buf_check(&get->body, "answer", err);
    a->requests[i] = (struct http_request) { .method = HTTP_GET,
                                             .url = buf_text(&a->urls[i]),
                                             .headers = &a->header,
                                             .n_headers = 1,
                                             .body_length = -1,
                                             .follow = HTTP_FOLLOW_NEVER,
                                             .max_body = max,
                                             .expect_length = -1,
                                             .sink = take_piece,
                                             .restart = take_again,
                                             .sink_context = &get->body,
                                             .err = ERR_INIT,
                                             .retry_after = -1 };
    return 0;
}

static int fetch_all(struct asking_all *a, size_t n, int64_t deadline, struct err *err)
{
    struct secret *CLEANUP(secret_freep) header = NULL;

    if (make_header(&header, a->cluster, err) != 0)
        return -1;
    a->header = (struct http_header) { "Authorization", (const char *)secret_bytes(header).data };
    for (size_t i = 0; i < n; i++)
        if (make_request(a, i, err) != 0)
            return -1;
    http_fetch(a->cluster->http, a->requests, n, deadline);
    for (size_t i = 0; i < n; i++)
        take_result(&a->gets[i], &a->requests[i]);
    return 0;
}

void cluster_fetch(struct cluster *c, struct cluster_get *gets, size_t n, int64_t deadline)
{
    struct err err = ERR_INIT;
    struct asking_all a = { .cluster = c, .gets = gets };

    for (size_t i = 0; i < n; i++) {
        gets[i].err = (struct err)ERR_INIT;
        gets[i].status = 0;
        gets[i].body = (struct buf)BUF_INIT(c->options.max_body);
    }
    a.requests = mem_new(n, sizeof(*a.requests), &err);
    a.urls = a.requests == NULL ? NULL : mem_new(n, sizeof(*a.urls), &err);
    if (a.urls == NULL || fetch_all(&a, n, deadline, &err) != 0)
        for (size_t i = 0; i < n; i++)
            gets[i].err = err;
    free_all(&a, n);
}
