#ifndef BULLA_TESTS_HTTP_SERVER_H
#define BULLA_TESTS_HTTP_SERVER_H

/*
 * A scripted HTTP/1.1 server on loopback, one thread per connection, for the tests of the
 * transport. A test gives a table of paths; each has an action that writes raw bytes, so that
 * every way of answering wrongly can be had. Included once per test program, after cmocka.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

struct server;

struct conn {
    struct server *server;
    int fd;
    SSL *ssl;
    int nth;         /* which request to this path, from 0 */
    struct buf head; /* of the request */
    struct buf body; /* of the request */
    struct conn *next;
    pthread_t thread;
};

struct route {
    const char *path;
    /** Answer; false closes the connection. */
    bool (*action)(struct conn *conn);
    const char *text; /* sent by action_raw() */
};

#define SERVER_ROUTES_MAX 64

struct server {
    const struct route *routes;
    size_t n_routes;
    SSL_CTX *tls;
    int fd;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock;
    atomic_bool stopping;
    struct conn *conns;
    int counts[SERVER_ROUTES_MAX];
    int under_way, most_under_way, connections;
    struct buf seen; /* heads of all requests */
    struct buf last_body;
    const char *elsewhere; /* for redirects */
};

static inline void conn_send(struct conn *conn, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = conn->ssl != NULL ? SSL_write(conn->ssl, at, (int)len)
                                      : send(conn->fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += n;
        len -= (size_t)n;
    }
}

static inline void conn_text(struct conn *conn, const char *text)
{
    conn_send(conn, text, strlen(text));
}

static inline ssize_t conn_read(struct conn *conn, char *to, size_t room)
{
    return conn->ssl != NULL ? SSL_read(conn->ssl, to, (int)room) : recv(conn->fd, to, room, 0);
}

/* A close that the client sees as a reset. */
static inline bool conn_reset(struct conn *conn)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    return false;
}

static inline bool read_head(struct conn *conn)
{
    char c = 0;

    buf_reset(&conn->head);
    while (conn->head.len < 4 ||
           strcmp(buf_text(&conn->head) + conn->head.len - 4, "\r\n\r\n") != 0) {
        if (conn_read(conn, &c, 1) != 1)
            return false;
        if (c == 0x16 && conn->head.len == 0) { /* a TLS handshake for a server without TLS */
            conn_text(conn, "HTTP/1.0 400 Bad Request\r\n\r\n");
            return false;
        }
        buf_add_char(&conn->head, c);
    }
    return true;
}

static inline bool read_body(struct conn *conn)
{
    const char *field = strcasestr(buf_text(&conn->head), "\r\nContent-Length: ");
    size_t left = field == NULL ? 0 : strtoul(field + 18, NULL, 10);
    char piece[4096];

    buf_reset(&conn->body);
    while (left > 0) {
        ssize_t n = conn_read(conn, piece, left < sizeof(piece) ? left : sizeof(piece));
        if (n <= 0)
            return false;
        buf_add(&conn->body, piece, (size_t)n);
        left -= (size_t)n;
    }
    return true;
}

static inline const struct route *find_route(struct conn *conn)
{
    struct server *server = conn->server;
    const char *path = strchr(buf_text(&conn->head), ' ');
    size_t len = path == NULL ? 0 : strcspn(path + 1, " ?");

    for (size_t i = 0; i < server->n_routes; i++)
        if (path != NULL && strlen(server->routes[i].path) == len &&
            strncmp(path + 1, server->routes[i].path, len) == 0) {
            conn->nth = server->counts[i]++;
            return &server->routes[i];
        }
    return NULL;
}

static inline bool serve_one(struct conn *conn)
{
    struct server *server = conn->server;

    if (!read_head(conn))
        return false;
    if (strcasestr(buf_text(&conn->head), "Expect: 100-continue") != NULL)
        conn_text(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    bool whole = read_body(conn);
    pthread_mutex_lock(&server->lock);
    const struct route *route = find_route(conn);
    buf_add_bytes(&server->seen, buf_bytes(&conn->head));
    buf_reset(&server->last_body);
    buf_add_bytes(&server->last_body, buf_bytes(&conn->body));
    server->under_way++;
    if (server->under_way > server->most_under_way)
        server->most_under_way = server->under_way;
    pthread_mutex_unlock(&server->lock);
    bool more = false;
    if (!whole)
        more = false;
    else if (route == NULL)
        conn_text(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    else if (route->text != NULL)
        conn_text(conn, route->text);
    if (whole && route != NULL && route->action != NULL)
        more = route->action(conn);
    else if (whole)
        more = true;
    pthread_mutex_lock(&server->lock);
    server->under_way--;
    pthread_mutex_unlock(&server->lock);
    return more;
}

static inline void *serve_conn(void *context)
{
    struct conn *conn = context;
    bool fine = true;

    if (conn->server->tls != NULL) {
        conn->ssl = SSL_new(conn->server->tls);
        SSL_set_fd(conn->ssl, conn->fd);
        fine = SSL_accept(conn->ssl) == 1;
    }
    while (fine && serve_one(conn))
        ;
    SSL_free(conn->ssl);
    pthread_mutex_lock(&conn->server->lock);
    close(conn->fd);
    conn->fd = -1;
    pthread_mutex_unlock(&conn->server->lock);
    return NULL;
}

static inline void *serve(void *context)
{
    struct server *server = context;
    sigset_t pipe;

    /* For this thread and those it makes; the transport must manage by itself. */
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        pthread_mutex_lock(&server->lock);
        if (fd < 0 || server->stopping) {
            pthread_mutex_unlock(&server->lock);
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        struct conn *conn = calloc(1, sizeof(*conn));
        assert_non_null(conn);
        conn->server = server;
        conn->fd = fd;
        conn->head.max = conn->body.max = SIZE_MAX / 4;
        conn->next = server->conns;
        server->conns = conn;
        server->connections++;
        assert_int_equal(pthread_create(&conn->thread, NULL, serve_conn, conn), 0);
        pthread_mutex_unlock(&server->lock);
    }
}

static inline void server_start(struct server *server, const struct route *routes, size_t n,
                                SSL_CTX *tls)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);

    memset(server, 0, sizeof(*server));
    server->routes = routes;
    server->n_routes = n;
    assert_true(n <= SERVER_ROUTES_MAX);
    server->tls = tls;
    server->seen.max = server->last_body.max = SIZE_MAX / 4;
    pthread_mutex_init(&server->lock, NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->fd >= 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->fd, 128), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static inline void server_stop(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    for (struct conn *conn = server->conns; conn != NULL; conn = conn->next)
        if (conn->fd >= 0)
            shutdown(conn->fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    shutdown(server->fd, SHUT_RDWR); /* ends accept() */
    pthread_join(server->thread, NULL);
    close(server->fd);
    while (server->conns != NULL) {
        struct conn *conn = server->conns;
        server->conns = conn->next;
        pthread_join(conn->thread, NULL);
        buf_clear(&conn->head);
        buf_clear(&conn->body);
        free(conn);
    }
    buf_clear(&server->seen);
    buf_clear(&server->last_body);
    pthread_mutex_destroy(&server->lock);
}

/* Requests seen so far that contain `text`. */
static inline int server_saw(struct server *server, const char *text)
{
    int count = 0;

    pthread_mutex_lock(&server->lock);
    for (const char *at = buf_text(&server->seen); (at = strcasestr(at, text)) != NULL; at++)
        count++;
    pthread_mutex_unlock(&server->lock);
    return count;
}

#endif
