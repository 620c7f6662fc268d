#include "registry/registries_private.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define PROBE_MS 2000 /* to this very machine */

/* A TLS 1.2 ClientHello with one cipher suite and nothing else: enough for a TLS server to answer
 * with a handshake or alert record. What speaks HTTP answers "HTTP/1.x 400" or hangs up. */
static const uint8_t hello[] = {
    0x16, 0x03, 0x01, 0x00, 0x2d,       /* record: handshake, 45 bytes */
    0x01, 0x00, 0x00, 0x29, 0x03, 0x03, /* ClientHello, 41 bytes, TLS 1.2 */
    /* 32 bytes "random", from which nothing is derived. They end as an HTTP header does, so that a
     * server which waits for a line is not kept waiting. */
    'b', 'u', 'l', 'l', 'a', ' ', 'a', 's', 'k', 's', ' ', 'i', 'f', ' ', 't', 'h', 'i', 's', ' ',
    'i', 's', ' ', 'T', 'L', 'S', '.', '.', '.', '\r', '\n', '\r', '\n', 0x00, /* no session */
    0x00, 0x02, 0xc0, 0x2f, /* ECDHE-RSA-AES128-GCM-SHA256 */
    0x01, 0x00,             /* no compression */
};
_Static_assert(sizeof(hello) == 5 + 45, "record length");

static bool wait_for(int fd, short events, int64_t deadline)
{
    struct pollfd p = { .fd = fd, .events = events };
    int n;

    do {
        int64_t left = deadline - clock_millis();
        n = poll(&p, 1, left > 0 ? (int)left : 0);
    } while (n < 0 && errno == EINTR);
    return n == 1;
}

static bool connect_to(int fd, const struct addrinfo *a, int64_t deadline)
{
    int failure = 0;
    socklen_t len = sizeof(failure);

    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return true;
    return errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline) &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) == 0 && failure == 0;
}

/* The first octet of the answer: 'H' of an HTTP status line. Alert (21) and handshake (22) records
 * are TLS. */
static bool answers_http(int fd, int64_t deadline)
{
    uint8_t first;

    if (send(fd, hello, sizeof(hello), MSG_NOSIGNAL) != (ssize_t)sizeof(hello))
        return false;
    return wait_for(fd, POLLIN, deadline) && recv(fd, &first, 1, 0) == 1 && first == 'H';
}

/* "host[:port]" in two. */
static int split_host(struct buf *name, struct buf *port, const char *host)
{
    const char *bracket = strrchr(host, ']');
    const char *colon = strrchr(bracket != NULL ? bracket : host, ':');
    size_t len = colon != NULL ? (size_t)(colon - host) : strlen(host);

    if (host[0] == '[' && len > 2)
        buf_add(name, host + 1, len - 2);
    else
        buf_add(name, host, len);
    buf_add_text(port, colon != NULL ? colon + 1 : "443");
    return name->state == BUF_FINE && port->state == BUF_FINE ? 0 : -1;
}

bool loopback_is_plain(const char *host)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);
    struct buf CLEANUP(buf_clear) port = BUF_INIT(REFERENCE_MAX);
    struct addrinfo want = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    int64_t deadline = clock_deadline(PROBE_MS);
    bool plain = false, reached = false;

    if (split_host(&name, &port, host) != 0 ||
        getaddrinfo(buf_text(&name), buf_text(&port), &want, &list) != 0)
        return false;
    for (const struct addrinfo *a = list; a != NULL && !reached; a = a->ai_next) {
        int CLEANUP(file_closep) fd =
            socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        reached = fd >= 0 && connect_to(fd, a, deadline);
        plain = reached && answers_http(fd, deadline);
    }
    freeaddrinfo(list);
    /* Nothing listens on the TLS port of a host without a port: plain HTTP has a port of its own */
    return plain || (!reached && strcmp(buf_text(&port), "443") == 0);
}
