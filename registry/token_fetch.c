#include <string.h>

#include "base/text.h"
#include "registry/call.h"

#define CLIENT_ID "bulla"
#define PASSWORD_FORM_MAX (2 * TOKEN_MAX)

static void wipe_buf(struct buf *b)
{
    if (b->data != NULL)
        secret_wipe(b->data, b->cap);
    buf_clear(b);
}

/* A buffer that never moves, so that wiping it wipes everything. */
static int reserve(struct buf *b, size_t size, struct err *err)
{
    return buf_reserve(b, size) != NULL ? 0 : buf_check(b, "credentials", err);
}

int basic_header(struct secret **out, const struct credential *c, struct err *err)
{
    struct bytes password = secret_bytes(c->secret);
    struct bytes user = bytes_text(c->username);
    struct buf CLEANUP(wipe_buf) plain = BUF_INIT(PASSWORD_FORM_MAX);
    struct buf CLEANUP(wipe_buf) header = BUF_INIT(2 * PASSWORD_FORM_MAX);

    *out = NULL;
    if (reserve(&plain, user.len + password.len + 1, err) != 0 ||
        reserve(&header, 2 * (user.len + password.len + 16), err) != 0)
        return -1;
    buf_add_bytes(&plain, user);
    buf_add_char(&plain, ':');
    buf_add_bytes(&plain, password);
    buf_add_text(&header, "Basic ");
    base64_encode(&header, buf_bytes(&plain), BASE64_STANDARD);
    buf_add_char(&header, '\0');
    if (buf_check(&plain, "credentials", err) != 0 || buf_check(&header, "credentials", err) != 0)
        return -1;
    return secret_copy(out, buf_bytes(&header), err);
}

static void add_parameter(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, "%s=", name);
    http_escape(out, bytes_text(value));
}

/* registry.md 6.4: the realm's own query is kept. */
static int get_url(struct buf *out, const struct token_request *q, struct err *err)
{
    buf_add_text(out, q->realm);
    buf_add_char(out, strchr(q->realm, '?') != NULL ? '&' : '?');
    if (q->service != NULL) {
        add_parameter(out, "service", q->service);
        buf_add_char(out, '&');
    }
    add_parameter(out, "scope", q->scope);
    if (q->other_scope != NULL) {
        buf_add_char(out, '&');
        add_parameter(out, "scope", q->other_scope);
    }
    return buf_check(out, "token request", err);
}

/* registry.md 6.5: one scope parameter with spaces, and the refresh token in the body. */
static int post_form(struct buf *out, const struct token_request *q, struct bytes refresh,
                     struct err *err)
{
    if (reserve(out, PASSWORD_FORM_MAX + 3 * refresh.len, err) != 0)
        return -1;
    buf_add_text(out, "grant_type=refresh_token&client_id=" CLIENT_ID "&");
    if (q->service != NULL) {
        add_parameter(out, "service", q->service);
        buf_add_char(out, '&');
    }
    add_parameter(out, "scope", q->scope);
    if (q->other_scope != NULL) {
        buf_add_text(out, "%20");
        http_escape(out, bytes_text(q->other_scope));
    }
    buf_add_text(out, "&refresh_token=");
    http_escape(out, refresh);
    return buf_check(out, "token request", err);
}

static int take_answer(struct token_grant *out, const struct http_request *http, struct err *err)
{
    if (http->err.code != ERR_NONE)
        return err_set(err, http->err.code, "%s", err_text(&http->err));
    switch (http->status) {
    case 200:
        return token_parse(&out->token, &out->lifetime, buf_bytes(&http->response_body), err);
    case 401:
    case 403:
        return err_set(err, ERR_AUTH, "HTTP %ld: the credentials are refused, or give no access",
                       http->status);
    case 429:
        return err_set(err, ERR_RATE_LIMITED, "HTTP 429");
    default:
        return err_set(err, http->status >= 500 ? ERR_NETWORK : ERR_AUTH, "HTTP %ld", http->status);
    }
}

static int ask(struct token_grant *out, struct endpoint *e, struct http_request *http,
               int64_t deadline, struct err *err)
{
    struct http *transport;

    http->max_body = TOKEN_MAX;
    http->expect_length = -1;
    http->follow = HTTP_FOLLOW_ORIGIN;
    if (registries_http(&transport, e->registries, err) != 0)
        return -1;
    http_fetch(transport, http, 1, deadline);
    int result = take_answer(out, http, err);
    if (http->response_body.data != NULL)
        secret_wipe(http->response_body.data, http->response_body.cap);
    http_request_clear(http);
    return result;
}

static int ask_get(struct token_grant *out, struct endpoint *e, const struct token_request *q,
                   const struct credential *c, struct err *err)
{
    struct buf CLEANUP(buf_clear) url = BUF_INIT(URL_MAX);
    struct secret *CLEANUP(secret_freep) basic = NULL;
    struct http_header header = { "Authorization", NULL };
    struct http_request http = { .method = HTTP_GET };

    if (get_url(&url, q, err) != 0 || (c != NULL && basic_header(&basic, c, err) != 0))
        return -1;
    header.value = (const char *)secret_bytes(basic).data;
    http.url = buf_text(&url);
    http.headers = &header;
    http.n_headers = basic != NULL ? 1 : 0;
    return ask(out, e, &http, q->deadline, err);
}

static int ask_post(struct token_grant *out, struct endpoint *e, const struct token_request *q,
                    const struct credential *c, struct err *err)
{
    struct buf CLEANUP(wipe_buf) form = BUF_INIT(2 * PASSWORD_FORM_MAX + 3 * TOKEN_MAX);
    const struct http_header header = { "Content-Type", "application/x-www-form-urlencoded" };
    struct http_request http = { .method = HTTP_POST, .url = q->realm };

    if (post_form(&form, q, secret_bytes(c->secret), err) != 0)
        return -1;
    http.headers = &header;
    http.n_headers = 1;
    http.body = buf_bytes(&form);
    return ask(out, e, &http, q->deadline, err);
}

int token_fetch(struct token_grant *out, struct endpoint *e, const struct token_request *q,
                struct err *err)
{
    const struct credential *c;
    bool trusted;

    *out = (struct token_grant) { NULL, 0 };
    if (realm_check(&trusted, q->realm, q->registry_url, err) != 0 ||
        endpoint_credential(&c, e, err) != 0)
        return -1;
    bool known = c->kind == CREDENTIAL_BASIC || c->kind == CREDENTIAL_IDENTITY_TOKEN;
    int result = known && trusted && c->kind == CREDENTIAL_IDENTITY_TOKEN
                     ? ask_post(out, e, q, c, err)
                     : ask_get(out, e, q, known && trusted ? c : NULL, err);
    if (result == 0)
        return 0;
    /* registry.md 6.8: why a registry that the user has logged in to says no must not be a riddle.
     */
    if (known && !trusted)
        err_wrap(err, "the token server is another party, and was sent no credentials");
    return err_wrap(err, "token for %s/%s", e->host, e->repository);
}
