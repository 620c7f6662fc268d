#include "webhook/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define HOST_MAX 256
#define PORT_TEXT_MAX 8
#define PORT_MAX 65535
/* After accept() ran out of descriptors or memory: long enough not to spin, short against any
 * caller's patience. */
#define PAUSE_MS 50
#define ACCEPT_BATCH 64  /* so that a flood does not keep the watchdog waiting */
#define WATCH_FULL_MS 20 /* when all places are taken: how soon a free one is noticed */

struct listener {
    struct listener_options options;
    int fd;   /* -1: closed */
    int wake; /* eventfd */
    unsigned port;
    pthread_t thread;
    bool running;
    atomic_bool closing, ending;
    pthread_mutex_t lock; /* of closed */
    pthread_cond_t told;
    bool closed;
};

/* --- The address --- */

struct address {
    char host[HOST_MAX]; /* "": any */
    char port[PORT_TEXT_MAX];
};

static int parse_address(struct address *out, const char *text, struct err *err)
{
    const char *colon = strrchr(text, ':');
    struct bytes host = BYTES_NONE;
    uint64_t port = 0;

    *out = (struct address) { .host = { 0 } };
    if (colon == NULL || decimal_parse(&port, bytes_text(colon + 1), PORT_MAX, NULL) != 0)
        return err_set(err, ERR_USAGE, "'%s' is no address to listen on: HOST:PORT is wanted",
                       text);
    host = (struct bytes) { (const uint8_t *)text, (size_t)(colon - text) };
    if (host.len >= 2 && text[0] == '[' && colon[-1] == ']')
        host = bytes_part(host, 1, host.len - 2);
    else if (memchr(text, ':', host.len) != NULL)
        return err_set(err, ERR_USAGE, "'%s': an IPv6 address is written [ADDRESS]:PORT", text);
    if (host.len >= sizeof(out->host))
        return err_set(err, ERR_USAGE, "a host of %zu bytes is too long", host.len);
    if (host.len > 0)
        memcpy(out->host, host.data, host.len);
    memcpy(out->port, colon + 1, strlen(colon + 1));
    return 0;
}

static void infop(struct addrinfo **info)
{
    if (*info != NULL)
        freeaddrinfo(*info);
}

/* A descriptor that listens there, or -1 with errno. */
static int listen_at(const struct addrinfo *at)
{
    int CLEANUP(file_closep) fd =
        socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
    const int yes = 1;
    const int no = 0;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    /* ":PORT" is both families. */
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
    /* Accepted sockets inherit it: an answer is several writes, and none may wait for an ACK. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0)
        return -1;
    int result = fd;
    fd = -1;
    return result;
}

static int open_at(struct listener *l, const char *host, const char *port, struct err *err)
{
    struct addrinfo *CLEANUP(infop) found = NULL;
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    const char *text = l->options.address;

    int r = getaddrinfo(host, port, &hints, &found);
    if (r != 0)
        return err_set(err, ERR_CONFIG, "cannot listen on '%s': %s", text, gai_strerror(r));
    for (const struct addrinfo *at = found; at != NULL && l->fd < 0; at = at->ai_next)
        l->fd = listen_at(at);
    return l->fd >= 0 ? 0 : err_sys(err, ERR_IO, errno, "cannot listen on '%s'", text);
}

static int open_socket(struct listener *l, const struct address *address, struct err *err)
{
    struct err first = ERR_INIT;

    if (*address->host != 0)
        return open_at(l, address->host, address->port, err);
    if (open_at(l, "::", address->port, &first) == 0)
        return 0;
    /* A kernel without IPv6 says so; everything else would be the same for IPv4. */
    if (first.sys == EAFNOSUPPORT)
        return open_at(l, "0.0.0.0", address->port, err);
    if (err != NULL)
        *err = first;
    return -1;
}

static unsigned port_of(int fd)
{
    /* The port stands at the same place in an IPv4 address, which is shorter. */
    struct sockaddr_in6 address = { .sin6_family = AF_UNSPEC };
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    return ntohs(address.sin6_port);
}

/* --- The thread --- */

static bool is_full(const struct listener *l)
{
    return atomic_load(&l->options.watchdog->n) >= l->options.connections;
}

/* Did it run out of descriptors or memory? `*more`: there may be another one. */
static bool accept_one(struct listener *l, bool *more)
{
    struct sockaddr_storage address = { .ss_family = 0 };
    socklen_t len = sizeof(address);

    int fd = accept4(l->fd, (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    *more = fd >= 0;
    if (fd >= 0) {
        l->options.admit(l->options.context, fd, (struct sockaddr *)&address, len);
        return false;
    }
    /* Everything else concerns the one connection that was to be accepted, and it has gone. */
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
}

static bool accept_some(struct listener *l)
{
    bool more = true;
    bool out = false;

    for (int i = 0; i < ACCEPT_BATCH && more && !is_full(l); i++)
        out = accept_one(l, &more);
    return out;
}

static void close_now(struct listener *l)
{
    accept_some(l);
    close(l->fd);
    l->fd = -1;
    pthread_mutex_lock(&l->lock);
    l->closed = true;
    pthread_cond_broadcast(&l->told);
    pthread_mutex_unlock(&l->lock);
}

/* Until something comes or it is time to look again. True: there is something to accept. */
static bool wait_for(struct listener *l, bool paused, bool full)
{
    struct pollfd fds[2] = { { .fd = l->wake, .events = POLLIN },
                             { .fd = paused || full ? -1 : l->fd, .events = POLLIN } };
    int timeout = watchdog_look(l->options.watchdog, full);
    uint64_t count = 0;

    if (paused && timeout > PAUSE_MS)
        timeout = PAUSE_MS;
    if (full && timeout > WATCH_FULL_MS)
        timeout = WATCH_FULL_MS;
    if (poll(fds, 2, timeout) <= 0)
        return false;
    if (fds[0].revents != 0 && read(l->wake, &count, sizeof(count)) < 0)
        return false;
    return fds[1].revents != 0;
}

static void *run(void *context)
{
    struct listener *l = context;
    bool paused = false;
    bool told = false;

    while (!atomic_load(&l->ending)) {
        bool ready = wait_for(l, paused, is_full(l));
        paused = ready && accept_some(l);
        if (paused && !told)
            log_warn("cannot accept connections: out of file descriptors or memory");
        if (ready)
            told = paused;
        if (atomic_load(&l->closing) && l->fd >= 0)
            close_now(l);
    }
    return NULL;
}

static void wake(struct listener *l)
{
    const uint64_t one = 1;

    /* Full means that it is awake already. */
    ssize_t n = write(l->wake, &one, sizeof(one));
    (void)n;
}

/* --- Life --- */

static void listener_freep(struct listener **l)
{
    listener_free(*l);
}

int listener_new(struct listener **out, const struct listener_options *options, struct err *err)
{
    struct listener *CLEANUP(listener_freep) l = NULL;
    struct address address;

    *out = NULL;
    if (parse_address(&address, options->address, err) != 0)
        return -1;
    l = mem_new(1, sizeof(*l), err);
    if (l == NULL)
        return -1;
    l->options = *options;
    l->fd = -1;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->told, NULL);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake < 0)
        return err_sys(err, ERR_IO, errno, "eventfd");
    if (open_socket(l, &address, err) != 0)
        return -1;
    l->port = port_of(l->fd);
    *out = STEAL(l);
    return 0;
}

int listener_run(struct listener *l, struct err *err)
{
    int r = pthread_create(&l->thread, NULL, run, l);

    if (r != 0)
        return err_sys(err, ERR_NOMEM, r, "a thread that accepts");
    l->running = true;
    return 0;
}

unsigned listener_port(const struct listener *l)
{
    return l->port;
}

void listener_close(struct listener *l)
{
    atomic_store(&l->closing, true);
    wake(l);
    pthread_mutex_lock(&l->lock);
    while (l->running && !l->closed)
        pthread_cond_wait(&l->told, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

void listener_free(struct listener *l)
{
    if (l == NULL)
        return;
    if (l->running) {
        atomic_store(&l->ending, true);
        wake(l);
        pthread_join(l->thread, NULL);
    }
    file_closep(&l->fd);
    file_closep(&l->wake);
    pthread_cond_destroy(&l->told);
    pthread_mutex_destroy(&l->lock);
    free(l);
}
