#include "registry/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

#define MESSAGE_MAX 240 /* of a registry's own words in an error */

/* --- Endpoints --- */

int endpoint_init(struct endpoint *e, struct registries *r, const char *host,
                  const char *repository, struct err *err)
{
    *e = (struct endpoint) { .registries = r };
    pthread_mutex_init(&e->lock, NULL);
    e->host = mem_text(bytes_text(host), err);
    e->repository = mem_text(bytes_text(repository), err);
    if (e->host == NULL || e->repository == NULL)
        return -1;
    const struct reference ref = { .host = e->host };
    e->wire = reference_wire_host(&ref);
    e->elsewhere = registries_elsewhere(r, host);
    return 0;
}

void endpoint_clear(struct endpoint *e)
{
    if (e->registries == NULL)
        return;
    free(e->host);
    free(e->repository);
    credential_clear(&e->credential);
    pthread_mutex_destroy(&e->lock);
    *e = (struct endpoint) { .registries = NULL };
}

/* Tenants with different credentials never share a token: the key names the credential. */
static int identify(struct endpoint *e, struct err *err)
{
    struct hash *CLEANUP(hash_freep) hash = NULL;
    struct buf CLEANUP(buf_clear) hex = BUF_INIT(sizeof(e->identity));
    uint8_t digest[HASH_MAX];
    const struct credential *c = &e->credential;
    uint8_t kind = (uint8_t)c->kind;

    if (hash_new(&hash, HASH_SHA256, err) != 0 ||
        hash_add(hash, (struct bytes) { &kind, 1 }, err) != 0 ||
        hash_add(hash, bytes_text(c->username), err) != 0 ||
        hash_add(hash, (struct bytes) { (const uint8_t *)"", 1 }, err) != 0 ||
        hash_add(hash, secret_bytes(c->secret), err) != 0 || hash_end(digest, hash, err) != 0)
        return -1;
    hex_encode(&hex, (struct bytes) { digest, hash_size(HASH_SHA256) });
    snprintf(e->identity, sizeof(e->identity), "%s", buf_text(&hex));
    return buf_check(&hex, "credential", err);
}

/* The asker's own come first. For his host alone: what is found here is sent nowhere else. */
static int find_anywhere(struct endpoint *e, struct err *err)
{
    struct registries *r = e->registries;
    const char *repository = e->repository[0] != '\0' ? e->repository : NULL;

    if (e->source != NULL) {
        if (e->source->find(e->source->context, &e->credential, e->host, repository, err) != 0)
            return -1;
        if (e->credential.kind != CREDENTIAL_NONE)
            return 0;
        credential_clear(&e->credential);
    }
    if (e->elsewhere)
        return credentials_find_elsewhere(&e->credential, r->credentials, e->host, repository, err);
    return credentials_find(&e->credential, r->credentials, e->host, repository, err);
}

static int find_credential(struct endpoint *e, struct err *err)
{
    if (find_anywhere(e, err) != 0)
        return -1;
    if (identify(e, err) != 0) {
        credential_clear(&e->credential);
        return -1;
    }
    e->credential_known = true;
    return 0;
}

int endpoint_credential(const struct credential **out, struct endpoint *e, struct err *err)
{
    int result = 0;

    pthread_mutex_lock(&e->lock);
    if (!e->credential_known)
        result = find_credential(e, err);
    pthread_mutex_unlock(&e->lock);
    *out = &e->credential;
    return result;
}

int endpoint_url(struct buf *out, struct endpoint *e, const char *path, struct err *err)
{
    const char *scheme;

    if (registries_scheme(&scheme, e->registries, e->wire, err) != 0)
        return -1;
    buf_addf(out, "%s://%s/v2/%s%s%s", scheme, e->wire, e->repository,
             e->repository[0] != '\0' ? "/" : "", path);
    return buf_check(out, "URL", err);
}

/* --- Calls --- */

void call_init(struct call *c, enum http_method method, const char *actions)
{
    *c = (struct call) {
        .http = { .method = method,
                  .expect_length = -1,
                  .body_length = -1,
                  .retry_after = -1,
                  .max_body = ERROR_BODY_MAX,
                  .follow = HTTP_FOLLOW_ORIGIN,
                  .err = ERR_INIT },
        .url = BUF_INIT(URL_MAX),
        .actions = actions,
    };
}

int call_url(struct call *c, struct endpoint *e, struct err *err, const char *fmt, ...)
{
    char text[512]; /* every path of ours: tags end at 128, digests at 136 */
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(text))
        return err_set(err, ERR_LIMIT, "path is too long");
    return endpoint_url(&c->url, e, text, err);
}

void call_header(struct call *c, const char *name, const char *value)
{
    if (c->n_headers < CALL_HEADERS_MAX - 1) /* one is kept for Authorization */
        c->headers[c->n_headers++] = (struct http_header) { name, value };
}

void call_clear(struct call *c)
{
    http_request_clear(&c->http);
    buf_clear(&c->url);
    secret_freep(&c->authorization);
    mem_freep(&c->token_key);
}

/* The wire form: the call's own headers, then Authorization. */
static void wire_form(struct http_request *out, struct call *c)
{
    size_t n = c->n_headers;

    if (c->authorization != NULL)
        c->headers[n++] =
            (struct http_header) { "Authorization",
                                   (const char *)secret_bytes(c->authorization).data };
    c->http.url = buf_text(&c->url);
    c->http.headers = c->headers;
    c->http.n_headers = n;
    *out = c->http;
}

/* Calls that are sent together, and which of them are. */
struct wave {
    struct endpoint *endpoint;
    struct call *calls;
    size_t n;
    bool *chosen;
    int64_t deadline;
};

static int try_wave(struct wave *w, struct err *err)
{
    struct http_request *CLEANUP(mem_freep) wire = NULL;
    struct http *http;
    size_t count = 0;

    for (size_t i = 0; i < w->n; i++)
        count += w->chosen[i] ? 1 : 0;
    if (count == 0)
        return 0;
    wire = mem_new(count, sizeof(*wire), err);
    count = 0;
    if (wire == NULL || registries_http(&http, w->endpoint->registries, err) != 0)
        return -1;
    for (size_t i = 0; i < w->n; i++)
        if (w->chosen[i])
            wire_form(&wire[count++], &w->calls[i]);
    http_fetch(http, wire, count, w->deadline);
    count = 0;
    for (size_t i = 0; i < w->n; i++)
        if (w->chosen[i]) {
            w->calls[i].http = wire[count++];
            registries_warn(w->endpoint->registries, w->endpoint->host, &w->calls[i].http);
        }
    return 0;
}

static void send_wave(struct wave *w)
{
    struct err why = ERR_INIT;

    if (try_wave(w, &why) == 0)
        return;
    for (size_t i = 0; i < w->n; i++)
        if (w->chosen[i])
            w->calls[i].http.err = why;
}

/* The calls that were refused and can be sent again with something better: chosen. */
static void answer_challenges(struct wave *w)
{
    for (size_t i = 0; i < w->n; i++) {
        struct http_request *http = &w->calls[i].http;
        struct err why = ERR_INIT;
        w->chosen[i] = false;
        if (http->err.code != ERR_NONE || http->status != 401)
            continue;
        if (auth_answer(&w->calls[i], w->endpoint, &w->chosen[i], w->deadline, &why) != 0) {
            w->chosen[i] = false;
            http->err = why;
        }
        if (w->chosen[i])
            http_request_clear(http);
    }
}

void calls_send(struct endpoint *e, struct call *calls, size_t n, int64_t deadline)
{
    struct err why = ERR_INIT;
    bool *CLEANUP(mem_freep) chosen = mem_new(n > 0 ? n : 1, sizeof(*chosen), &why);
    struct wave w = { e, calls, n, chosen, deadline };

    for (size_t i = 0; i < n; i++) {
        if (chosen == NULL)
            calls[i].http.err = why;
        else
            chosen[i] = calls[i].http.err.code == ERR_NONE &&
                        auth_prepare(&calls[i], e, &calls[i].http.err) == 0;
    }
    if (chosen == NULL)
        return;
    send_wave(&w);
    answer_challenges(&w);
    send_wave(&w);
}

int call_send(struct endpoint *e, struct call *c, int64_t deadline, struct err *err)
{
    calls_send(e, c, 1, deadline);
    if (c->http.err.code == ERR_NONE)
        return 0;
    return err_set(err, c->http.err.code, "%s", err_text(&c->http.err));
}

/* --- Errors --- */

/* registry.md 5: the first error of the body, in the registry's words, made fit to print. */
static void add_reason(struct buf *out, struct bytes body)
{
    struct json_view root, errors = JSON_VIEW_NONE, first = JSON_VIEW_NONE;
    struct json_view code = JSON_VIEW_NONE, message = JSON_VIEW_NONE;
    const struct json_member top[] = { { "errors", &errors, JSON_ARRAY, false },
                                       { "message", &message, JSON_STRING, false } };
    const struct json_member inner[] = { { "code", &code, JSON_STRING, false },
                                         { "message", &message, JSON_STRING, false } };
    struct json_view views[2];
    struct bytes raw;

    if (json_scan(&root, body, NULL) != 0 || root.kind != JSON_OBJECT ||
        json_members(root, top, ARRAY_LEN(top), JSON_REST_IGNORED, "error", NULL) != 0)
        return;
    struct json_walk walk = json_walk(errors);
    if (json_next(&walk, NULL, &first) &&
        json_members(first, inner, ARRAY_LEN(inner), JSON_REST_IGNORED, "error", NULL) != 0)
        return;
    views[0] = code;
    views[1] = message;
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        if (views[i].kind != JSON_STRING)
            continue;
        raw = bytes_part(views[i].raw, 1, views[i].raw.len - 2);
        buf_add_text(out, ": ");
        text_escape(out, raw, MESSAGE_MAX);
    }
}

/* registry.md 5, "Classification": status first. */
static enum err_code code_of(long status)
{
    static const struct row {
        long status;
        enum err_code code;
    } rows[] = {
        { 401, ERR_AUTH },        { 403, ERR_AUTH },         { 404, ERR_NOT_FOUND },
        { 405, ERR_UNSUPPORTED }, { 408, ERR_NETWORK },      { 409, ERR_CONFLICT },
        { 412, ERR_CONFLICT },    { 429, ERR_RATE_LIMITED },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].status == status)
            return rows[i].code;
    return status >= 500 ? ERR_NETWORK : ERR_MALFORMED;
}

static const char *hint(const struct call *c, long status)
{
    if (status == 401 || status == 403)
        return c->authorization == NULL || c->anonymous ? " (no credentials; or it does not exist)"
                                                        : " (no permission; or it does not exist)";
    return status >= 300 && status < 400 ? " (a redirect that is not followed)" : "";
}

int call_error(const struct call *c, const struct endpoint *e, const char *what, struct err *err)
{
    struct buf CLEANUP(buf_clear) reason = BUF_INIT(4 * KIB);
    const char *slash = e->repository[0] != '\0' ? "/" : "";

    if (c->http.err.code != ERR_NONE) {
        err_set(err, c->http.err.code, "%s", err_text(&c->http.err));
        return err_wrap(err, "%s%s%s: %s", e->host, slash, e->repository, what);
    }
    add_reason(&reason, buf_bytes(&c->http.response_body));
    return err_set(err, code_of(c->http.status), "%s%s%s: %s: HTTP %ld%s%s", e->host, slash,
                   e->repository, what, c->http.status, buf_text(&reason), hint(c, c->http.status));
}
