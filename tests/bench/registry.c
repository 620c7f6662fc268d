#include <microhttpd.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * registry [referrers]: a registry in memory, by plain HTTP on a port that it prints: pushed to,
 * pulled from, with the referrers API when told so. It takes little of the machine that it shares
 * with what is measured, and it can do what others cannot:
 *
 *   PUT /bench/delay?ms=N   every answer under /v2/ comes N milliseconds after its request
 *   GET /bench/log          a line for each request since the last call of this:
 *                           microseconds when it came and when it was answered, number of its
 *                           connection, method, path, status
 *
 * Not for anything else: it believes whoever pushes.
 */

#define PATH_MAX_BYTES 1024
#define LOG_MAX (1024 * 1024)
#define BODY_MAX (64 * 1024 * 1024)
#define CONNECTIONS_MAX 8192U /* many signers with many connections each */
#define DIGEST_TEXT 72        /* "sha256:" and 64 digits, with its NUL */

struct object {
    char *path;
    char type[128];
    char digest[DIGEST_TEXT];
    char *data;
    size_t len;
};

struct line {
    int64_t came, answered;
    unsigned connection, status;
    char method[8];
    char path[200];
};

struct registry {
    pthread_mutex_t lock;
    void *objects; /* tsearch()'s tree of them, by path */
    struct line *lines;
    size_t n_lines;
    unsigned connections, uploads;
    int delay_ms;
    bool referrers;
};

/* One request. */
struct request {
    int64_t came;
    char *data;
    size_t len, room;
};

struct answer {
    unsigned status;
    const char *type, *digest, *location;
    char *data; /* borrowed, unless `owned` */
    size_t len;
    bool owned;
};

static int64_t micros(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void sleep_until(int64_t at)
{
    const struct timespec t = { .tv_sec = at / 1000000, .tv_nsec = (long)(at % 1000000) * 1000 };

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static void digest_of(char out[DIGEST_TEXT], const void *data, size_t len)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t at = (size_t)snprintf(out, DIGEST_TEXT, "sha256:");

    if (EVP_Digest(data, len, hash, NULL, EVP_sha256(), NULL) != 1)
        abort();
    for (size_t i = 0; i < 32; i++)
        at += (size_t)snprintf(out + at, DIGEST_TEXT - at, "%02x", hash[i]);
}

/* --- Objects. The lock is held. --- */

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct object *)a)->path, ((const struct object *)b)->path);
}

static struct object *find(struct registry *r, const char *path)
{
    const struct object wanted = { .path = (char *)(uintptr_t)path };
    void *found = tfind(&wanted, &r->objects, compare);

    return found == NULL ? NULL : *(struct object **)found;
}

static struct object *make(struct registry *r, const char *path)
{
    struct object *object = find(r, path);

    if (object != NULL)
        return object;
    object = must(calloc(1, sizeof(*object)));
    object->path = must(strdup(path));
    must(tsearch(object, &r->objects, compare));
    return object;
}

/* What is replaced is not freed: it may be on its way to somebody. */
static void put(struct registry *r, const char *path, const char *type, const char *data,
                size_t len)
{
    struct object *object = make(r, path);
    char digest[DIGEST_TEXT];

    digest_of(digest, data, len);
    if (strcmp(object->digest, digest) == 0)
        return;
    snprintf(object->type, sizeof(object->type), "%s", type);
    memcpy(object->digest, digest, sizeof(digest));
    object->data = must(malloc(len + 1));
    memcpy(object->data, data, len);
    object->data[len] = 0;
    object->len = len;
}

/* The text of a member, as who pushes here writes it; "" when there is none. */
static void member(char *out, size_t size, const char *json, const char *name)
{
    const char *at = json == NULL ? NULL : strstr(json, name);
    const char *begin = at == NULL ? NULL : strchr(at + strlen(name) + 1, '"');
    const char *end = begin == NULL ? NULL : strchr(begin + 1, '"');

    out[0] = 0;
    if (end != NULL)
        snprintf(out, size, "%.*s", (int)(end - begin - 1), begin + 1);
}

/* A manifest with a subject is a referrer of it. */
static void enter_referrer(struct registry *r, const char *repository, const char *json, size_t len)
{
    const char *subject = strstr(json, "\"subject\"");
    char of[DIGEST_TEXT], own[DIGEST_TEXT], type[128], path[PATH_MAX_BYTES];
    char *list = NULL;

    if (!r->referrers || subject == NULL)
        return;
    member(of, sizeof(of), subject, "\"digest\"");
    member(type, sizeof(type), json, "\"artifactType\"");
    digest_of(own, json, len);
    const char *annotations = strstr(json, "\"annotations\"");
    const char *end = annotations == NULL ? NULL : strchr(annotations, '}');
    snprintf(path, sizeof(path), "%s/referrers/%s", repository, of);
    const int n =
        asprintf(&list,
                 "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
                 "\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
                 "\"digest\":\"%s\",\"size\":%zu,\"artifactType\":\"%s\"%s%.*s}]}",
                 own, len, type, end == NULL ? "" : ",",
                 end == NULL ? 0 : (int)(end + 1 - annotations), end == NULL ? "" : annotations);
    if (n < 0)
        abort();
    put(r, path, "application/vnd.oci.image.index.v1+json", list, (size_t)n);
    free(list);
}

/* --- Requests --- */

static const char *header(struct MHD_Connection *c, const char *name)
{
    const char *value = MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);

    return value == NULL ? "" : value;
}

static struct answer put_manifest(struct registry *r, const char *path, const char *tail,
                                  const char *type, const struct request *request)
{
    char digest[DIGEST_TEXT], repository[PATH_MAX_BYTES], by_digest[PATH_MAX_BYTES];

    digest_of(digest, request->data, request->len);
    snprintf(repository, sizeof(repository), "%.*s", (int)(tail - path), path);
    snprintf(by_digest, sizeof(by_digest), "%.200s/manifests/%s", repository, digest);
    put(r, by_digest, type, request->data, request->len);
    put(r, path, type, request->data, request->len);
    enter_referrer(r, repository, request->data, request->len);
    return (struct answer) { .status = 201, .digest = find(r, by_digest)->digest };
}

static struct answer push(struct registry *r, struct MHD_Connection *c, const char *method,
                          const char *path, const struct request *request)
{
    const char *uploads = strstr(path, "/blobs/uploads/");
    const char *manifests = strstr(path, "/manifests/");
    const char *digest = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "digest");
    char text[PATH_MAX_BYTES], *location = NULL;

    if (uploads != NULL && strcmp(method, "POST") == 0 && digest == NULL) {
        if (asprintf(&location, "http://%s%.*s/blobs/uploads/%u?state=1", header(c, "Host"),
                     (int)(uploads - path), path, r->uploads++) < 0)
            abort();
        return (struct answer) { .status = 202, .location = location };
    }
    if (uploads != NULL && digest != NULL && strcmp(method, "PATCH") != 0) {
        snprintf(text, sizeof(text), "%.*s/blobs/%s", (int)(uploads - path), path, digest);
        put(r, text, "application/octet-stream", request->data, request->len);
        return (struct answer) { .status = 201 };
    }
    if (manifests != NULL && strcmp(method, "PUT") == 0)
        return put_manifest(r, path, manifests, header(c, "Content-Type"), request);
    return (struct answer) { .status = 405 };
}

static struct answer pull(struct registry *r, const char *path)
{
    static char none[] = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+"
                         "json\",\"manifests\":[]}";
    const struct object *object = find(r, path);

    if (strcmp(path, "/v2/") == 0)
        return (struct answer) { .status = 200 };
    if (object != NULL)
        return (struct answer) { .status = 200,
                                 .type = object->type,
                                 .digest = object->digest,
                                 .data = object->data,
                                 .len = object->len };
    if (r->referrers && strstr(path, "/referrers/sha256:") != NULL)
        return (struct answer) { .status = 200,
                                 .type = "application/vnd.oci.image.index.v1+json",
                                 .data = none,
                                 .len = strlen(none) };
    return (struct answer) { .status = 404 };
}

static struct answer control(struct registry *r, struct MHD_Connection *c, const char *path)
{
    const char *ms = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "ms");
    struct answer answer = { .status = 200, .type = "text/plain", .owned = true };

    if (strcmp(path, "/bench/delay") == 0 && ms != NULL) {
        r->delay_ms = (int)strtol(ms, NULL, 10);
        return answer;
    }
    FILE *out = must(open_memstream(&answer.data, &answer.len));
    for (size_t i = 0; i < r->n_lines; i++) {
        const struct line *l = &r->lines[i];
        fprintf(out, "%lld %lld %u %s %s %u\n", (long long)l->came, (long long)l->answered,
                l->connection, l->method, l->path, l->status);
    }
    fclose(out);
    r->n_lines = 0;
    return answer;
}

static void note(struct registry *r, struct MHD_Connection *c, const char *method, const char *path,
                 const struct request *request, unsigned status)
{
    void *number = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    if (r->n_lines == LOG_MAX)
        return;
    struct line *line = &r->lines[r->n_lines++];
    *line = (struct line) { .came = request->came,
                            .answered = micros(),
                            .connection = (unsigned)(uintptr_t)number,
                            .status = status };
    snprintf(line->method, sizeof(line->method), "%s", method);
    snprintf(line->path, sizeof(line->path), "%s", path);
}

static enum MHD_Result give(struct MHD_Connection *c, struct answer *a)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        a->len, a->data, a->owned ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);

    if (response == NULL)
        return MHD_NO;
    if (a->type != NULL)
        MHD_add_response_header(response, "Content-Type", a->type);
    if (a->digest != NULL)
        MHD_add_response_header(response, "Docker-Content-Digest", a->digest);
    if (a->location != NULL)
        MHD_add_response_header(response, "Location", a->location);
    enum MHD_Result result = MHD_queue_response(c, a->status, response);
    MHD_destroy_response(response);
    free((void *)(uintptr_t)a->location);
    return result;
}

static enum MHD_Result answer(struct registry *r, struct MHD_Connection *c, const char *method,
                              const char *path, const struct request *request)
{
    const bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    const bool ours = strncmp(path, "/bench/", 7) == 0;
    struct answer a;

    if (!ours && r->delay_ms > 0)
        sleep_until(request->came + r->delay_ms * 1000LL);
    pthread_mutex_lock(&r->lock);
    if (ours)
        a = control(r, c, path);
    else
        a = reads ? pull(r, path) : push(r, c, method, path, request);
    if (!ours)
        note(r, c, method, path, request, a.status);
    pthread_mutex_unlock(&r->lock);
    return give(c, &a);
}

static enum MHD_Result collect(struct request *request, const char *data, size_t *size)
{
    if (request->len + *size > BODY_MAX)
        return MHD_NO;
    if (request->len + *size >= request->room) {
        request->room = (request->len + *size + 1) * 2;
        request->data = must(realloc(request->data, request->room));
    }
    memcpy(request->data + request->len, data, *size);
    request->len += *size;
    request->data[request->len] = 0;
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct request *request = *state;

    (void)version;
    if (request == NULL) {
        request = *state = must(calloc(1, sizeof(*request)));
        request->came = micros();
        return MHD_YES;
    }
    if (*size > 0)
        return collect(request, data, size);
    if (request->data == NULL)
        request->data = must(calloc(1, 1));
    return answer(context, c, method, path, request);
}

static void on_completed(void *context, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct request *request = *state;

    (void)context, (void)c, (void)why;
    if (request == NULL)
        return;
    free(request->data);
    free(request);
}

static void on_connection(void *context, struct MHD_Connection *c, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    struct registry *r = context;

    (void)c;
    if (code != MHD_CONNECTION_NOTIFY_STARTED)
        return;
    pthread_mutex_lock(&r->lock);
    *state = (void *)(uintptr_t)++r->connections;
    pthread_mutex_unlock(&r->lock);
}

int main(int argc, char **argv)
{
    static struct registry r = { .lock = PTHREAD_MUTEX_INITIALIZER };
    sigset_t ends;
    int got;

    r.referrers = argc == 2 && strcmp(argv[1], "referrers") == 0;
    r.lines = must(calloc(LOG_MAX, sizeof(*r.lines)));
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL,
        NULL, on_request, &r, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, &r, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        &r, MHD_OPTION_END);
    if (daemon == NULL)
        return 3;
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&ends, &got);
    MHD_stop_daemon(daemon);
    return 0;
}
