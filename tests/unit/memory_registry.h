#ifndef BULLA_TESTS_UNIT_MEMORY_REGISTRY_H
#define BULLA_TESTS_UNIT_MEMORY_REGISTRY_H

/* A registry in memory, on loopback, that can be held up and made to fail; every request counts.
 * Included once per test program, after cmocka.h. */

#include "tests/unit/evidence.h"
#include "tests/unit/http_server.h"

#include "base/limits.h"
#include "registry/manifest.h"

#define MEMORY_CONFIG                                                                              \
    "{\"mediaType\":\"" TYPE_OCI_EMPTY                                                             \
    "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","   \
    "\"size\":2}"
#define MEMORY_PATH_MAX 256

/** What is there under a path. */
struct memory_object {
    char path[MEMORY_PATH_MAX];
    char *body;
    const char *type;
};

struct memory_registry {
    struct server server; /* first: its connections lead here */
    struct route routes[SERVER_ROUTES_MAX];
    struct memory_object objects[SERVER_ROUTES_MAX];
    char host[32];
    pthread_mutex_t gate;
    pthread_cond_t opened;
    bool closed;       /* answers wait */
    int status;        /* answered to everything; 0: what is there */
    int limited;       /* so many requests more are answered with 429 */
    int served;        /* requests, but for those of connecting */
    const char *login; /* "Authorization: Basic ...": all else is refused; NULL: nothing is */
};

static inline bool memory_wait(struct memory_registry *r, int *status)
{
    pthread_mutex_lock(&r->gate);
    r->served++;
    while (r->closed && !r->server.stopping)
        pthread_cond_wait(&r->opened, &r->gate);
    *status = r->status;
    if (r->limited > 0) {
        r->limited--;
        *status = 429;
    }
    pthread_mutex_unlock(&r->gate);
    return *status == 0;
}

static inline struct memory_object *memory_find(struct memory_registry *r, const char *path)
{
    for (size_t i = 0; i < r->server.n_routes; i++)
        if (strcmp(r->objects[i].path, path) == 0)
            return &r->objects[i];
    return NULL;
}

static inline bool memory_serve(struct conn *conn)
{
    struct memory_registry *r = (struct memory_registry *)conn->server;
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    char path[MEMORY_PATH_MAX] = "";
    int status;

    const char *from = strchr(buf_text(&conn->head), ' ') + 1;
    snprintf(path, sizeof(path), "%.*s", (int)strcspn(from, " ?"), from);
    if (!memory_wait(r, &status)) {
        buf_addf(&out, "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", status);
        conn_send(conn, out.data, out.len);
        return true;
    }
    if (r->login != NULL && strstr(buf_text(&conn->head), r->login) == NULL) {
        conn_text(conn, "HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
                        "Content-Length: 0\r\n\r\n");
        return true;
    }
    pthread_mutex_lock(&r->server.lock);
    const struct memory_object *object = memory_find(r, path);
    if (object == NULL)
        abort(); /* its route leads here */
    buf_addf(&out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
             object->type, strlen(object->body));
    if (strncmp(buf_text(&conn->head), "HEAD", 4) != 0)
        buf_add_text(&out, object->body);
    pthread_mutex_unlock(&r->server.lock);
    conn_send(conn, out.data, out.len);
    return true;
}

/** Put, or replace. */
static inline void memory_put(struct memory_registry *r, const char *path, const char *body,
                              const char *type)
{
    pthread_mutex_lock(&r->server.lock);
    struct memory_object *object = memory_find(r, path);
    if (object == NULL) {
        const size_t i = r->server.n_routes;
        assert_true(i < SERVER_ROUTES_MAX);
        object = &r->objects[i];
        snprintf(object->path, sizeof(object->path), "%s", path);
        r->routes[i] = (struct route) { .path = object->path, .action = memory_serve };
        r->server.n_routes++;
    }
    free(object->body);
    object->body = strdup(body);
    object->type = type;
    pthread_mutex_unlock(&r->server.lock);
}

/** It is not there any more: the name stands for nothing. */
static inline void memory_remove(struct memory_registry *r, const char *path)
{
    pthread_mutex_lock(&r->server.lock);
    struct memory_object *object = memory_find(r, path);
    if (object != NULL)
        object->path[0] = '\0';
    pthread_mutex_unlock(&r->server.lock);
}

static inline void memory_start(struct memory_registry *r)
{
    memset(r, 0, sizeof(*r));
    pthread_mutex_init(&r->gate, NULL);
    pthread_cond_init(&r->opened, NULL);
    server_start(&r->server, r->routes, 0, NULL);
    snprintf(r->host, sizeof(r->host), "127.0.0.1:%u", r->server.port);
    memory_put(r, "/v2/", "{}", "application/json");
}

/** Answers wait from now on, or no longer. */
static inline void memory_close(struct memory_registry *r, bool closed)
{
    pthread_mutex_lock(&r->gate);
    r->closed = closed;
    pthread_cond_broadcast(&r->opened);
    pthread_mutex_unlock(&r->gate);
}

static inline void memory_fail(struct memory_registry *r, int status, int limited)
{
    pthread_mutex_lock(&r->gate);
    r->status = status;
    r->limited = limited;
    pthread_mutex_unlock(&r->gate);
}

static inline void memory_stop(struct memory_registry *r)
{
    memory_close(r, false);
    server_stop(&r->server);
    for (size_t i = 0; i < SERVER_ROUTES_MAX; i++)
        free(r->objects[i].body);
    pthread_cond_destroy(&r->opened);
    pthread_mutex_destroy(&r->gate);
}

/** Requests so far, of whatever kind. */
static inline int memory_requests(struct memory_registry *r)
{
    return server_saw(&r->server, " HTTP/1.1\r\n");
}

/* --- Images --- */

/** An image, different for each name, in a repository; under a tag when `tag` is not NULL. */
static inline struct digest memory_image(struct memory_registry *r, const char *repository,
                                         const char *name, const char *tag)
{
    struct buf CLEANUP(buf_clear) body = BUF_INIT(4096);
    char path[MEMORY_PATH_MAX], text[DIGEST_TEXT_MAX];
    struct digest digest;

    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST
             "\",\"config\":" MEMORY_CONFIG ",\"layers\":[],\"annotations\":{\"name\":\"%s\"}}",
             name);
    assert_int_equal(digest_of(&digest, HASH_SHA256, buf_bytes(&body), NULL), 0);
    digest_format(text, &digest);
    snprintf(path, sizeof(path), "/v2/%s/manifests/%s", repository, text);
    memory_put(r, path, buf_text(&body), TYPE_OCI_MANIFEST);
    if (tag != NULL) {
        snprintf(path, sizeof(path), "/v2/%s/manifests/%s", repository, tag);
        memory_put(r, path, buf_text(&body), TYPE_OCI_MANIFEST);
    }
    return digest;
}

static inline void memory_signature_path(char path[MEMORY_PATH_MAX], const char *repository,
                                         const struct digest *image)
{
    char tag[DIGEST_TAG_MAX];

    digest_tag(tag, image, ".sig");
    snprintf(path, MEMORY_PATH_MAX, "/v2/%s/manifests/%s", repository, tag);
}

/** Sign it in the legacy layout. */
static inline void memory_sign(struct memory_registry *r, const char *repository,
                               const struct digest *image, struct signer *signer)
{
    struct buf CLEANUP(buf_clear) payload = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) body = BUF_INIT(8192);
    char path[MEMORY_PATH_MAX], text[DIGEST_TEXT_MAX];
    struct digest layer;
    struct err err = ERR_INIT;

    EXPECT_OK(simple_signing_write(&payload, BYTES_LIT("r"), image, NULL, 0, &err), &err);
    sign_base64(&signature, signer, buf_bytes(&payload));
    assert_int_equal(digest_of(&layer, HASH_SHA256, buf_bytes(&payload), NULL), 0);
    digest_format(text, &layer);
    snprintf(path, sizeof(path), "/v2/%s/blobs/%s", repository, text);
    memory_put(r, path, buf_text(&payload), "application/octet-stream");
    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST
             "\",\"config\":" MEMORY_CONFIG ",\"layers\":[{\"mediaType\":\"" TYPE_SIMPLE_SIGNING
             "\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":{\"" ANNOTATION_SIGNATURE
             "\":\"%s\"}}]}",
             text, payload.len, buf_text(&signature));
    memory_signature_path(path, repository, image);
    memory_put(r, path, buf_text(&body), TYPE_OCI_MANIFEST);
}

#endif
