#ifndef BULLA_TESTS_UNIT_SCRIPT_H
#define BULLA_TESTS_UNIT_SCRIPT_H

/* A registry that follows a script, for the tests of the client. Included once per test program. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/secret.h"
#include "registry/registries.h"

/* --- The server --- */

/* What is answered to a request that starts with `request` ("GET /v2/") and, where `with` is there,
 * holds that text; `without` the contrary. The first row that fits is taken. "%H" in headers and
 * bodies stands for the server's own host and port, "%O" for the other server's. */
struct rule {
    const char *request;
    const char *with;
    const char *without;
    int status;
    const char *headers; /* each line ends with \r\n */
    const char *body;
};

struct server {
    int fd;
    char host[32];
    const char *other; /* host and port of another server */
    const struct rule *rules;
    pthread_t thread;
    pthread_mutex_t lock;
    struct buf log; /* every request, whole */
    int stop[2];
};

static inline void expand(struct buf *out, const char *text, const struct server *s)
{
    for (; *text != '\0'; text++) {
        if (text[0] == '%' && (text[1] == 'H' || text[1] == 'O')) {
            buf_add_text(out, text[1] == 'H' ? s->host : s->other);
            text++;
        } else {
            buf_add_char(out, *text);
        }
    }
}

static inline bool fits(const struct rule *r, const char *request)
{
    return strncmp(request, r->request, strlen(r->request)) == 0 &&
           (r->with == NULL || strstr(request, r->with) != NULL) &&
           (r->without == NULL || strstr(request, r->without) == NULL);
}

static inline void answer(struct server *s, int fd, const char *request)
{
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB), body = BUF_INIT(MIB);
    const struct rule *r = s->rules;

    while (r->request != NULL && !fits(r, request))
        r++;
    expand(&body, r->body != NULL ? r->body : "", s);
    buf_addf(&out, "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %zu\r\n",
             r->request != NULL ? r->status : 404, body.len);
    expand(&out, r->headers != NULL ? r->headers : "", s);
    buf_add_text(&out, "\r\n");
    if (strncmp(request, "HEAD", 4) != 0)
        buf_add_bytes(&out, buf_bytes(&body));
    send(fd, out.data, out.len, MSG_NOSIGNAL);
}

/* One request with its body, then one answer. */
static inline void serve(struct server *s, int fd)
{
    struct buf CLEANUP(buf_clear) in = BUF_INIT(16 * MIB);
    size_t want = 0;

    while (want == 0 || in.len < want) {
        uint8_t piece[4096];
        ssize_t n = recv(fd, piece, sizeof(piece), 0);
        if (n <= 0)
            return;
        buf_add(&in, piece, (size_t)n);
        const char *end = memmem(in.data, in.len, "\r\n\r\n", 4);
        if (end == NULL || want != 0)
            continue;
        const char *length = strcasestr(buf_text(&in), "content-length: ");
        want = (size_t)(end - buf_text(&in)) + 4;
        if (length != NULL && length < end)
            want += strtoul(length + 16, NULL, 10);
    }
    pthread_mutex_lock(&s->lock);
    buf_add_bytes(&s->log, bytes_part(buf_bytes(&in), 0, 8 * KIB));
    buf_add_char(&s->log, '\n');
    pthread_mutex_unlock(&s->lock);
    answer(s, fd, buf_text(&in));
}

static inline void *run(void *context)
{
    struct server *s = context;

    for (;;) {
        struct pollfd p[2] = { { s->fd, POLLIN, 0 }, { s->stop[0], POLLIN, 0 } };
        if (poll(p, 2, -1) < 0 || p[1].revents != 0)
            return NULL;
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            continue;
        serve(s, fd);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
}

static inline void server_start(struct server *s, const struct rule *rules)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);

    *s = (struct server) { .rules = rules, .other = "x", .log = BUF_INIT(4 * MIB) };
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    snprintf(s->host, sizeof(s->host), "127.0.0.1:%d", ntohs(a.sin_port));
    assert_int_equal(listen(s->fd, 64), 0);
    assert_int_equal(pipe(s->stop), 0);
    pthread_mutex_init(&s->lock, NULL);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

static inline void server_stop(struct server *s)
{
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    pthread_join(s->thread, NULL);
    close(s->fd);
    close(s->stop[0]);
    close(s->stop[1]);
    buf_clear(&s->log);
    pthread_mutex_destroy(&s->lock);
}

static inline size_t count(struct server *s, const char *text)
{
    size_t n = 0, len = strlen(text);

    pthread_mutex_lock(&s->lock);
    for (size_t at = 0; at + len <= s->log.len; at++)
        n += bytes_is(bytes_part(buf_bytes(&s->log), at, len), text) ? 1 : 0;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* --- Helpers --- */

struct opened {
    struct registries *registries;
    struct store *store;
    struct secret *password;
};

/* A file of credentials that holds none: what the user's own files say must not matter here. */
static inline const char *no_credentials(void)
{
    static char path[64];

    snprintf(path, sizeof(path), "/tmp/bulla-auth-%d.json", (int)getpid());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{}", f);
    fclose(f);
    return path;
}

static inline struct opened open_with(const char *host, const char *user,
                                      void (*warn)(void *, const char *, const char *),
                                      void *context)
{
    struct opened o = { NULL, NULL, NULL };
    struct err err = ERR_INIT;
    struct reference ref = { .host = (char *)(uintptr_t)host,
                             .repository = (char *)(uintptr_t) "demo/app" };
    struct registries_options options = { .user_agent = "bulla-test/1",
                                          .auth_file = no_credentials(),
                                          .username = user,
                                          .plain_http = true,
                                          .warn = warn,
                                          .observe_context = context };

    assert_int_equal(secret_copy(&o.password, BYTES_LIT("secret"), &err), 0);
    options.password = user != NULL ? o.password : NULL;
    if (registries_new(&o.registries, &options, &err) != 0 ||
        store_open(&o.store, o.registries, &ref, STORE_WRITE, &err) != 0)
        fail_msg("%s", err_text(&err));
    return o;
}

static inline struct opened open_at(const char *host, const char *user)
{
    return open_with(host, user, NULL, NULL);
}

static inline void close_it(struct opened *o)
{
    store_free(o->store);
    registries_free(o->registries);
    secret_free(o->password);
    unlink(no_credentials());
}

static inline int64_t soon(void)
{
    return clock_deadline(8000);
}

static inline struct fetch by_tag(void)
{
    return (struct fetch) { .what = FETCH_TAG, .tag = "v1", .size = -1 };
}

static inline void expect(struct store *s, struct fetch f, enum err_code code, const char *word)
{
    store_fetch(s, &f, 1, soon());
    if (f.err.code != code || strstr(err_text(&f.err), word) == NULL)
        fail_msg("%s: %s", err_name(f.err.code), err_text(&f.err));
    if (code != ERR_NONE)
        assert_int_equal(f.body.len, 0);
    fetch_clear(&f);
}

#define INDEX_TYPE "Content-Type: application/vnd.oci.image.index.v1+json\r\n"
#define INDEX_BODY                                                                                 \
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","              \
    "\"manifests\":[]}"
#define BEARER "WWW-Authenticate: Bearer realm=\"http://%H/token\",service=\"here\"\r\n"
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, NULL, 404, NULL, NULL                                                          \
    }

#endif
