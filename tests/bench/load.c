#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/*
 * load PORT PATH CONNECTIONS SECONDS REQUESTS EXPECTED BODY...: posts the bodies (files) in turn
 * over so many kept TLS connections to 127.0.0.1, each as soon as the answer to the one before is
 * there, until the time or the number of requests is over (0: not bounded by it). An answer must be
 * a 200 that holds the text EXPECTED. One line: figures as NAME=VALUE, times in microseconds. Exits
 * 1 when an answer was another. One thread, so that it takes little of the machine that it shares
 * with the server.
 */

#define ANSWER_MAX (64 * 1024)
#define EVENTS 64
#define CONNECTIONS_MAX 1024
#define SAMPLES_MAX (4 * 1000 * 1000)

struct request {
    char *data;
    size_t len;
};

struct peer {
    SSL *tls;
    int fd;
    const struct request *request; /* NULL: nothing is asked */
    size_t sent;
    char answer[ANSWER_MAX];
    size_t got;
    int64_t began;
    uint32_t waits; /* for these events */
};

struct load {
    struct request *requests;
    size_t n_requests, at;
    const char *expected;
    int epoll;
    uint32_t *samples; /* microseconds */
    size_t n_samples, started, limit, failed;
    int64_t end;
    size_t busy;
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(3);
}

static void read_request(struct request *out, const char *path, const char *url)
{
    FILE *file = fopen(path, "rb");
    char head[1024];

    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        die(path);
    long size = ftell(file);
    rewind(file);
    int n = snprintf(head, sizeof(head),
                     "POST %s HTTP/1.1\r\nHost: webhook.bulla.svc:443\r\n"
                     "User-Agent: kube-apiserver-admission\r\nContent-Length: %ld\r\n"
                     "Accept: application/json, */*\r\nContent-Type: application/json\r\n"
                     "Accept-Encoding: gzip\r\n\r\n",
                     url, size);
    if (size < 0 || n < 0 || (size_t)n >= sizeof(head))
        die(path);
    out->len = (size_t)n + (size_t)size;
    out->data = malloc(out->len);
    if (out->data == NULL)
        die("memory");
    memcpy(out->data, head, (size_t)n);
    if (fread(out->data + n, 1, (size_t)size, file) != (size_t)size)
        die(path);
    fclose(file);
}

static void open_peer(struct peer *peer, SSL_CTX *context, uint16_t port)
{
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons(port),
                                         .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    const int yes = 1;

    peer->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (peer->fd < 0 || connect(peer->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect");
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    peer->tls = SSL_new(context);
    if (peer->tls == NULL || SSL_set_fd(peer->tls, peer->fd) != 1 || SSL_connect(peer->tls) != 1) {
        ERR_print_errors_fp(stderr);
        exit(3);
    }
    if (fcntl(peer->fd, F_SETFL, O_NONBLOCK) != 0)
        die("connection");
}

/* Did it go on, or is it to be waited for? Anything else ends the measurement. */
static bool goes_on(struct load *load, struct peer *peer, int result)
{
    if (result > 0)
        return true;
    const int why = SSL_get_error(peer->tls, result);
    struct epoll_event event = { .events = why == SSL_ERROR_WANT_WRITE ? EPOLLOUT : EPOLLIN,
                                 .data.ptr = peer };
    if (peer->waits == event.events && (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE))
        return false;
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
        fprintf(stderr, "load: the connection ended\n");
        exit(3);
    }
    if (epoll_ctl(load->epoll, EPOLL_CTL_MOD, peer->fd, &event) != 0)
        die("epoll");
    peer->waits = event.events;
    return false;
}

static void begin(struct load *load, struct peer *peer)
{
    const int64_t now = now_ns();

    if ((load->limit > 0 && load->started == load->limit) || (load->end > 0 && now >= load->end) ||
        load->started == SAMPLES_MAX) {
        peer->request = NULL;
        load->busy--;
        return;
    }
    load->started++;
    peer->request = &load->requests[load->at];
    load->at = (load->at + 1) % load->n_requests;
    peer->sent = peer->got = 0;
    peer->began = now;
}

/* Is the answer whole? */
static bool complete(const struct peer *peer)
{
    const char *end = strstr(peer->answer, "\r\n\r\n");
    const char *length = strcasestr(peer->answer, "\r\nContent-Length:");

    if (end == NULL)
        return false;
    if (length == NULL || length > end) {
        fprintf(stderr, "load: an answer without length: %s\n", peer->answer);
        exit(3);
    }
    const size_t body = strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
    return peer->got >= (size_t)(end + 4 - peer->answer) + body;
}

static void judge(struct load *load, const struct peer *peer)
{
    load->samples[load->n_samples++] = (uint32_t)((now_ns() - peer->began) / 1000);
    if (strncmp(peer->answer, "HTTP/1.1 200 ", 13) == 0 &&
        strstr(peer->answer, load->expected) != NULL)
        return;
    if (load->failed++ == 0)
        fprintf(stderr, "load: not what was expected:\n%s\n", peer->answer);
}

static bool send_some(struct load *load, struct peer *peer)
{
    const struct request *request = peer->request;

    while (peer->sent < request->len) {
        const int n =
            SSL_write(peer->tls, request->data + peer->sent, (int)(request->len - peer->sent));
        if (!goes_on(load, peer, n))
            return false;
        peer->sent += (size_t)n;
    }
    return true;
}

/* As far as it goes without waiting. */
static void run(struct load *load, struct peer *peer)
{
    while (peer->request != NULL) {
        if (!send_some(load, peer))
            return;
        if (peer->got == ANSWER_MAX - 1)
            die("an answer is too large");
        const int n =
            SSL_read(peer->tls, peer->answer + peer->got, (int)(ANSWER_MAX - 1 - peer->got));
        if (!goes_on(load, peer, n))
            return;
        peer->got += (size_t)n;
        peer->answer[peer->got] = 0;
        if (complete(peer)) {
            judge(load, peer);
            begin(load, peer);
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const uint32_t one = *(const uint32_t *)a;
    const uint32_t other = *(const uint32_t *)b;

    return one < other ? -1 : one > other;
}

static void report(struct load *load, int64_t nanoseconds)
{
    const size_t n = load->n_samples;

    if (n == 0)
        exit(3);
    qsort(load->samples, n, sizeof(*load->samples), by_size);
    printf("requests=%zu seconds=%.3f rate=%.0f p50=%u p90=%u p99=%u max=%u failed=%zu\n", n,
           (double)nanoseconds / 1e9, (double)n * 1e9 / (double)nanoseconds, load->samples[n / 2],
           load->samples[n * 9 / 10], load->samples[n * 99 / 100], load->samples[n - 1],
           load->failed);
}

static void serve(struct load *load)
{
    struct epoll_event events[EVENTS];

    while (load->busy > 0) {
        const int n = epoll_wait(load->epoll, events, EVENTS, 60000);
        if (n == 0)
            errno = ETIMEDOUT;
        if (n <= 0)
            die("no answer");
        for (int i = 0; i < n; i++)
            run(load, events[i].data.ptr);
    }
}

static void start(struct load *load, char **argv)
{
    const size_t n = strtoul(argv[3], NULL, 10);
    const double seconds = strtod(argv[4], NULL);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct peer *peers = calloc(n, sizeof(*peers));

    if (n == 0 || n > CONNECTIONS_MAX || context == NULL || peers == NULL)
        die("set-up");
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    for (size_t i = 0; i < n; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &peers[i] };
        open_peer(&peers[i], context, (uint16_t)strtoul(argv[1], NULL, 10));
        peers[i].waits = event.events;
        if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, peers[i].fd, &event) != 0)
            die("epoll");
    }
    const int64_t began = now_ns();
    load->end = seconds > 0 ? began + (int64_t)(seconds * 1e9) : 0;
    load->limit = strtoul(argv[5], NULL, 10);
    load->busy = n;
    for (size_t i = 0; i < n; i++) {
        begin(load, &peers[i]);
        run(load, &peers[i]);
    }
    serve(load);
    report(load, now_ns() - began);
}

int main(int argc, char **argv)
{
    struct load load = { .epoll = epoll_create1(EPOLL_CLOEXEC) };

    if (argc < 8)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    load.n_requests = (size_t)argc - 7;
    load.requests = calloc(load.n_requests, sizeof(*load.requests));
    load.samples = malloc(SAMPLES_MAX * sizeof(*load.samples));
    load.expected = argv[6];
    if (load.epoll < 0 || load.requests == NULL || load.samples == NULL)
        die("memory");
    for (size_t i = 0; i < load.n_requests; i++)
        read_request(&load.requests[i], argv[7 + i], argv[2]);
    start(&load, argv);
    return load.failed > 0;
}
