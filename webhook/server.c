#include "webhook/server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "webhook/exchange.h"
#include "webhook/listener.h"
#include "webhook/watchdog.h"

#define THREADS_MAX 4
/* Of a refused request's body that is read, so that the client gets its answer on a connection that
 * goes on: closing with bytes unread resets it, and the answer may be lost. */
#define DISCARD_MAX (64 * KIB)
#define STOP_GRACE_MS 200 /* for the answers of server_stop() to be written */
#define STOP_POLL_MS 1    /* between looks at whether they are */
/* libmicrohttpd's own ceiling stands above ours, which is the listener's: above its own it would
 * close connections without a word. */
#define SPARE_CONNECTIONS 128
#define NUMBER_TEXT_MAX 24
#define UNKNOWN_LENGTH UINT64_MAX

#define HEADER_MS 5000
#define BODY_MS 10000
#define ANSWER_MS 30000
#define IDLE_MS 150000

struct server {
    struct server_options options;
    struct MHD_Daemon *daemon;
    struct listener *listener;
    struct watchdog watchdog;
    struct exchanges *exchanges;
};

/* One connection. */
struct peer {
    struct watched watched;
    struct tls_session *tls;
};

/* --- Connections --- */

static const union MHD_ConnectionInfo *info(struct MHD_Connection *c,
                                            enum MHD_ConnectionInfoType type)
{
    return MHD_get_connection_info(c, type);
}

static struct peer *peer_of(struct MHD_Connection *c)
{
    return info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static struct peer *peer_new(struct server *server, struct MHD_Connection *c)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    struct err err = ERR_INIT;

    if (peer == NULL)
        return NULL;
    /* Without it the handshake fails, and that ends the connection. */
    if (server->options.tls != NULL &&
        tls_session_new(&peer->tls, server->options.tls,
                        info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session, &err) != 0)
        log_warn("connection: %s", err_text(&err));
    watchdog_enter(&server->watchdog, &peer->watched,
                   info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    return peer;
}

static void on_connection(void *context, struct MHD_Connection *c, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = context;
    struct peer *peer = *state;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *state = peer_new(server, c);
        return;
    }
    if (peer == NULL)
        return;
    watchdog_leave(&server->watchdog, &peer->watched);
    tls_session_free(peer->tls);
    free(peer);
    *state = NULL;
}

static void admit(void *context, int fd, const struct sockaddr *address, socklen_t len)
{
    struct server *server = context;

    /* It closes the descriptor when it fails. */
    if (MHD_add_connection(server->daemon, fd, address, len) != MHD_YES)
        log_debug("a connection was not taken");
}

/* --- Header --- */

struct header {
    const char *path, *method;
    const char *content_type;
    unsigned lengths; /* Content-Length fields */
    uint64_t length;  /* of the body; UNKNOWN_LENGTH */
    bool encoded;     /* Transfer-Encoding */
    bool expects;     /* Expect: the client waits before it sends the body */
    unsigned authorizations;
    struct bytes authorization;
};

static enum MHD_Result read_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct header *header = context;
    struct bytes field = bytes_text(name);

    (void)kind;
    if (text_equal_nocase(field, BYTES_LIT("Content-Length"))) {
        if (header->lengths++ > 0 || header->encoded ||
            decimal_parse(&header->length, bytes_text(value), INT64_MAX, NULL) != 0)
            header->length = UNKNOWN_LENGTH;
    } else if (text_equal_nocase(field, BYTES_LIT("Transfer-Encoding"))) {
        header->encoded = true;
        header->length = UNKNOWN_LENGTH;
    } else if (text_equal_nocase(field, BYTES_LIT("Content-Type"))) {
        header->content_type = value;
    } else if (text_equal_nocase(field, BYTES_LIT("Expect"))) {
        header->expects = true;
    } else if (text_equal_nocase(field, BYTES_LIT("Authorization"))) {
        header->authorizations++;
        header->authorization = bytes_text(value);
    }
    return MHD_YES;
}

static enum MHD_Result read_query(void *context, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    exchange_add_query(context, (struct bytes) { (const uint8_t *)name, name_len },
                       (struct bytes) { (const uint8_t *)value, value == NULL ? 0 : value_len });
    return MHD_YES;
}

/* Two tokens are none: which of them would count? */
static struct bytes bearer(const struct header *header)
{
    struct bytes all = header->authorization;
    size_t at = sizeof("Bearer ") - 1;

    if (header->authorizations != 1 ||
        !text_equal_nocase(bytes_part(all, 0, at), BYTES_LIT("Bearer ")))
        return BYTES_NONE;
    while (at < all.len && all.data[at] == ' ')
        at++;
    return bytes_part(all, at, all.len - at);
}

/* --- Is this request answered by its handler? --- */

/* The route of path and method. NULL: refused. */
static const struct server_route *find_route(struct server *server, struct exchange *x,
                                             const struct header *header)
{
    const char *wanted = strcmp(header->method, "HEAD") == 0 ? "GET" : header->method;
    const char *allow = NULL;

    for (const struct server_route *route = server->options.routes; route->path != NULL; route++) {
        if (strcmp(route->path, header->path) != 0)
            continue;
        if (strcmp(route->method, wanted) == 0)
            return route;
        allow = strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method;
    }
    if (allow == NULL) {
        exchange_refuse(x, MHD_HTTP_NOT_FOUND, "there is nothing at this path");
    } else {
        exchange_refuse(x, MHD_HTTP_METHOD_NOT_ALLOWED, "not by this method");
        x->answer.allow = allow;
    }
    return NULL;
}

static bool check_length(struct server *server, struct exchange *x, const struct header *header)
{
    bool post = strcmp(header->method, "POST") == 0;

    if (header->encoded || (post && header->lengths == 0))
        exchange_refuse(x, MHD_HTTP_LENGTH_REQUIRED, "a body needs a Content-Length");
    else if (header->lengths > 0 && header->length == UNKNOWN_LENGTH)
        exchange_refuse(x, MHD_HTTP_BAD_REQUEST, "one Content-Length is wanted, a number");
    else if (header->length > (post ? server->options.max_body : 0))
        exchange_refuse(x, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
    else
        return true;
    return false;
}

static bool check_caller(struct server *server, struct exchange *x, const struct peer *peer,
                         const struct header *header)
{
    struct err err = ERR_INIT;
    struct bytes token = bearer(header);

    if (server->options.tls != NULL && tls_session_caller(peer->tls, &err) != 0) {
        exchange_refuse(x, err.code == ERR_AUTH ? MHD_HTTP_FORBIDDEN : MHD_HTTP_SERVICE_UNAVAILABLE,
                        err_text(&err));
        /* Another certificate needs another handshake. */
        x->answer.close = true;
        return false;
    }
    if (server->options.token_is == NULL ||
        server->options.token_is(server->options.context, token))
        return true;
    exchange_refuse(x, MHD_HTTP_UNAUTHORIZED,
                    token.len == 0 ? "a bearer token is wanted" : "this bearer token is not known");
    x->answer.challenge = true;
    return false;
}

static void reserve(struct exchange *x, size_t length)
{
    struct err err = ERR_INIT;

    if (exchange_reserve(x, length, &err) == 0)
        return;
    exchange_refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE, err_text(&err));
    x->answer.retry_after = 1;
}

/* Sets the route, or refuses. */
static void judge_header(struct server *server, struct exchange *x, const struct peer *peer,
                         const struct header *header)
{
    const struct server_route *route = find_route(server, x, header);

    if (route == NULL || !check_length(server, x, header) ||
        (route->access == ACCESS_CALLER && !check_caller(server, x, peer, header)))
        return;
    if (header->length > 0)
        reserve(x, header->length);
    x->route = route;
}

/* --- Answer --- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    /* Out of memory: an answer without it is still the answer. */
    if (value != NULL && MHD_add_response_header(response, name, value) != MHD_YES)
        log_debug("an answer goes without its %s", name);
}

static void add_headers(struct MHD_Response *response, const struct exchange *x)
{
    const struct answer *answer = &x->answer;
    char seconds[NUMBER_TEXT_MAX];

    add_header(response, "Content-Type", answer->content_type);
    add_header(response, "Allow", answer->allow);
    if (answer->challenge)
        add_header(response, "WWW-Authenticate", "Bearer");
    if (answer->retry_after >= 0) {
        snprintf(seconds, sizeof(seconds), "%d", answer->retry_after);
        add_header(response, "Retry-After", seconds);
    }
    if (answer->close || atomic_load(&x->all->draining))
        add_header(response, "Connection", "close");
}

/* The answer is there: hand it over. */
static enum MHD_Result queue(struct MHD_Connection *c, struct exchange *x)
{
    struct buf *body = &x->answer.body;

    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO; /* the connection ends: no answer is no allow */
    (void)buf_take(body);
    add_headers(response, x);
    watched_stage(&peer_of(c)->watched, WATCH_ANSWER);
    enum MHD_Result result = MHD_queue_response(c, x->answer.status, response);
    MHD_destroy_response(response);
    return result;
}

static void suspend(void *connection)
{
    MHD_suspend_connection(connection);
}

static void resume(void *connection)
{
    MHD_resume_connection(connection);
}

/* --- Requests --- */

static bool is_upload(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;
}

/* The header is there. */
static enum MHD_Result begin(struct server *server, struct MHD_Connection *c, struct header *header,
                             void **state)
{
    struct peer *peer = peer_of(c);
    struct exchange *x = NULL;

    if (peer == NULL || exchange_new(&x, server->exchanges, NULL) != 0)
        return MHD_NO;
    *state = x;
    x->connection = c;
    x->resume = resume;
    MHD_get_connection_values(c, MHD_HEADER_KIND, read_header, header);
    MHD_get_connection_values_n(c, MHD_GET_ARGUMENT_KIND, read_query, x);
    if (header->content_type != NULL && strlen(header->content_type) < CONTENT_TYPE_MAX)
        memcpy(x->content_type, header->content_type, strlen(header->content_type) + 1);
    judge_header(server, x, peer, header);
    watched_stage(&peer->watched, header->length > 0 ? WATCH_BODY : WATCH_WORK);
    if (x->state != EXCHANGE_ANSWERED)
        return MHD_YES;
    /* With a request of these methods the library takes an answer now for a refusal to read on, and
     * closes afterwards; with others it would still read. */
    if (is_upload(header->method) && (header->length > DISCARD_MAX || header->expects))
        return queue(c, x);
    x->discard = DISCARD_MAX;
    return MHD_YES;
}

static enum MHD_Result take_body(struct MHD_Connection *c, struct exchange *x, const char *data,
                                 size_t *size)
{
    size_t len = *size;

    *size = 0;
    if (x->route != NULL && x->state == EXCHANGE_READING) {
        if (!exchange_take(x, data, len))
            return MHD_NO;
        if (x->got == x->length)
            watched_stage(&peer_of(c)->watched, WATCH_WORK);
        return MHD_YES;
    }
    if (len > x->discard)
        return MHD_NO;
    x->discard -= len;
    return MHD_YES;
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd calls it */
static enum MHD_Result on_request(void *context, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct server *server = context;
    struct exchange *x = *state;

    (void)version;
    if (x == NULL) {
        struct header header = { .path = path, .method = method };
        return begin(server, c, &header, state);
    }
    if (*size > 0)
        return take_body(c, x, data, size);
    if (exchange_answered(x))
        return queue(c, x);
    if (x->got != x->length)
        return MHD_NO;
    return exchange_handle(x, server->options.context, suspend) ? queue(c, x) : MHD_YES;
}

static void on_completed(void *context, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *state;
    struct peer *peer = peer_of(c);

    (void)context;
    (void)why;
    *state = NULL;
    if (peer != NULL)
        watched_stage(&peer->watched, WATCH_IDLE);
    if (x != NULL)
        exchange_end(x);
}

PRINTF_LIKE(2, 0) static void on_log(void *context, const char *format, va_list arguments)
{
    char text[LOG_FIELD_MAX];

    (void)context;
    if (!log_enabled(LOG_DEBUG))
        return;
    int n = vsnprintf(text, sizeof(text), format, arguments);
    if (n > 0)
        log_debug("libmicrohttpd: %.*s", (int)strcspn(text, "\n"), text);
}

/* --- Life --- */

static unsigned threads(int wanted)
{
    long n = wanted > 0 ? wanted : sysconf(_SC_NPROCESSORS_ONLN);

    if (wanted <= 0 && n > THREADS_MAX)
        n = THREADS_MAX;
    return n < 1 ? 1 : (unsigned)n;
}

static int start_daemon(struct server *s, struct err *err)
{
    bool tls = s->options.tls != NULL;
    unsigned n = threads(s->options.threads);
    unsigned connections = s->options.connections;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem options[8] = {
        { MHD_OPTION_CONNECTION_LIMIT, (intptr_t)(connections + SPARE_CONNECTIONS), NULL },
        { MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)(connections - connections / 4), NULL },
        { MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL }, /* the watchdog's */
        { MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
    };
    size_t at = 4;

    if (n > 1)
        options[at++] = (struct MHD_OptionItem) { MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)n, NULL };
    if (tls)
        options[at++] = (struct MHD_OptionItem) { MHD_OPTION_HTTPS_PRIORITIES, 0,
                                                  (void *)(uintptr_t)tls_priorities() };
    options[at] = (struct MHD_OptionItem) { MHD_OPTION_END, 0, NULL };
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER,
                                 on_log, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_ARRAY,
                                 options, tls ? MHD_OPTION_HTTPS_CERT_CALLBACK2 : MHD_OPTION_END,
                                 tls_chooser(), MHD_OPTION_END);
    return s->daemon != NULL ? 0 : err_set(err, ERR_NOMEM, "the HTTP server could not be started");
}

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static void set_limits(struct server *s)
{
    const struct server_times *times = &s->options.times;
    int64_t *limits = s->watchdog.limits;

    limits[WATCH_HEADER] = or_default(times->header, HEADER_MS);
    limits[WATCH_BODY] = or_default(times->body, BODY_MS);
    limits[WATCH_ANSWER] = or_default(times->answer, ANSWER_MS);
    limits[WATCH_IDLE] = or_default(times->idle, IDLE_MS);
    if (s->options.connections == 0)
        s->options.connections = SERVER_CONNECTIONS;
}

static void server_freep(struct server **s)
{
    server_stop(*s);
}

int server_start(struct server **out, const struct server_options *options, struct err *err)
{
    struct server *CLEANUP(server_freep) s = mem_new(1, sizeof(*s), err);

    *out = NULL;
    if (s == NULL)
        return -1;
    s->options = *options;
    watchdog_init(&s->watchdog);
    set_limits(s);
    const struct listener_options listening = { .address = s->options.listen,
                                                .connections = s->options.connections,
                                                .watchdog = &s->watchdog,
                                                .admit = admit,
                                                .context = s };
    if (exchanges_new(&s->exchanges, options->max_memory, err) != 0 ||
        listener_new(&s->listener, &listening, err) != 0 || start_daemon(s, err) != 0 ||
        listener_run(s->listener, err) != 0)
        return -1;
    *out = STEAL(s);
    return 0;
}

unsigned server_port(const struct server *server)
{
    return listener_port(server->listener);
}

void server_drain(struct server *server)
{
    atomic_store(&server->exchanges->draining, true);
    listener_close(server->listener);
}

bool server_idle(struct server *server)
{
    return atomic_load(&server->exchanges->under_way) == 0;
}

/* What was just refused may still be written; what else is under way has had its time. */
static void await_answers(struct server *server)
{
    int64_t end = clock_deadline(STOP_GRACE_MS);

    while (!server_idle(server) && clock_millis() < end)
        clock_sleep(STOP_POLL_MS);
}

void server_stop(struct server *server)
{
    if (server == NULL)
        return;
    if (server->daemon != NULL) {
        exchanges_stop(server->exchanges);
        await_answers(server);
    }
    /* The listener first: its thread hands over connections. */
    listener_free(server->listener);
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    watchdog_clear(&server->watchdog);
    exchanges_drop(server->exchanges);
    free(server);
}

void server_state(struct server_state *out, struct server *server)
{
    const struct exchanges *all = server->exchanges;

    *out = (struct server_state) { .connections = atomic_load(&server->watchdog.n),
                                   .memory = atomic_load(&all->memory),
                                   .refused = atomic_load(&all->refused),
                                   .cut = atomic_load(&server->watchdog.cut) };
}
