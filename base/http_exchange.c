#include <string.h>

#include "base/http_private.h"
#include "base/text.h"

#define CONNECT_MS 10000  /* default of options.connect_ms */
#define STALL_SECONDS 60L /* a download that brings nothing for so long is begun again */

static bool header_plain(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.data[i] < 0x20 && text.data[i] != '\t') || text.data[i] == 0x7f)
            return false;
    return true;
}

/* After a hop to another origin only what describes the answer goes along: other headers may hold
 * credentials under any name. */
static bool header_goes_along(const struct http_job *job, const char *name)
{
    static const char *const harmless[] = { "accept", "range" };

    if (!job->foreign)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
        if (text_equal_nocase(bytes_text(name), bytes_text(harmless[i])))
            return true;
    return false;
}

static int append_header(struct http_job *job, const struct http_header *header, struct err *err)
{
    struct buf CLEANUP(buf_clear) line = BUF_INIT(HEADERS_MAX);

    if (header->name[0] == '\0' || strpbrk(header->name, ":; \t") != NULL ||
        !header_plain(bytes_text(header->name)) || !header_plain(bytes_text(header->value)))
        return err_set(err, ERR_MALFORMED, "a request header that is not allowed");
    /* To curl "Name:" removes a header and "Name;" is one without a value. */
    if (header->value[0] == '\0')
        buf_addf(&line, "%s;", header->name);
    else
        buf_addf(&line, "%s: %s", header->name, header->value);
    if (buf_check(&line, "request header", err) != 0)
        return -1;
    struct curl_slist *longer = curl_slist_append(job->headers, buf_text(&line));
    if (longer == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    job->headers = longer;
    return 0;
}

static int make_headers(struct http_job *job, struct err *err)
{
    const struct http_request *request = job->request;

    for (size_t i = 0; i < request->n_headers; i++)
        if (header_goes_along(job, request->headers[i].name) &&
            append_header(job, &request->headers[i], err) != 0)
            return -1;
    if (http_body_length(request) > (int64_t)HTTP_EXPECT_ABOVE)
        return 0;
    struct curl_slist *longer = curl_slist_append(job->headers, "Expect:");
    if (longer == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    job->headers = longer;
    return 0;
}

static bool setup_method(CURL *easy, const struct http_job *job)
{
    static const char *const names[] = {
        [HTTP_GET] = NULL,    [HTTP_HEAD] = NULL,     [HTTP_PUT] = NULL,
        [HTTP_POST] = "POST", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    };
    const struct http_request *request = job->request;
    enum http_method method = request->method;
    bool bad = false;

    if (method == HTTP_HEAD)
        bad |= curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) != CURLE_OK;
    /* As an upload, not by CURLOPT_POSTFIELDS: that would add a content type of its own. */
    if (method == HTTP_PUT || method == HTTP_POST || method == HTTP_PATCH) {
        bad |= curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) != CURLE_OK;
        bad |= curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                                (curl_off_t)http_body_length(request)) != CURLE_OK;
    }
    if (names[method] != NULL)
        bad |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, names[method]) != CURLE_OK;
    if (method == HTTP_GET) {
        bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) != CURLE_OK;
        bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS) != CURLE_OK;
    }
    return !bad;
}

/* Automatic redirects, netrc, cookies, alt-svc and HSTS are off by default and stay so. */
static bool setup_transport(CURL *easy, const struct http_job *job)
{
    const struct http *http = job->http;
    bool old = !job->url.tls || job->http1 ||
               http_body_length(job->request) > (int64_t)HTTP_HTTP2_BODY_MAX;
    long connect_ms = http->options.connect_ms > 0 ? http->options.connect_ms : CONNECT_MS;
    const char *proxy = http_proxy_for(&http->proxies, &job->url);
    bool bad = false;

    bad |= curl_easy_setopt(easy, CURLOPT_URL, job->url.text) != CURLE_OK;
    bad |=
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, job->url.tls ? "https" : "http") != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, http->user_agent) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY, proxy) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "") != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) != CURLE_OK;
    /* Else giving up on a name would wait for the resolver, and every other request with it. */
    bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK;
    bad |=
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                         (long)(old ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS)) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PIPEWAIT, old ? 0L : 1L) != CURLE_OK;
    /* On a reused connection curl would send again by itself. */
    bad |=
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, job->request->no_retry ? 1L : 0L) != CURLE_OK;
    return !bad;
}

static CURL *take_easy(struct http *http)
{
    if (http->n_easies > 0)
        return http->easies[--http->n_easies];
    return curl_easy_init();
}

/* A clean state for every try. */
static void reset_result(struct http_job *job)
{
    struct http_request *request = job->request;

    err_reset(&request->err);
    request->status = 0;
    request->retry_after = -1;
    buf_reset(&request->response_body);
    request->response_body.max = request->max_body;
    buf_reset(&request->response_headers);
    job->proxied = http_proxy_for(&job->http->proxies, &job->url)[0] != '\0';
    job->began = job->answered = job->in_headers = job->cut = job->fault = false;
    job->received = job->sent = 0;
    job->detail[0] = job->refused[0] = '\0';
}

int http_exchange_begin(struct http_job *job, struct err *err)
{
    reset_result(job);
    if (make_headers(job, err) != 0)
        return -1;
    job->easy = take_easy(job->http);
    if (job->easy == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!setup_transport(job->easy, job) || !http_callbacks_setup(job->easy, job) ||
        !setup_method(job->easy, job) ||
        curl_easy_setopt(job->easy, CURLOPT_HTTPHEADER, job->headers) != CURLE_OK ||
        (job->url.tls && !http_tls_setup(job->easy, job)))
        return err_set(err, ERR_INTERNAL, "the HTTP library does not take an option");
    if (curl_multi_add_handle(job->http->multi, job->easy) != CURLM_OK)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

void http_exchange_end(struct http_job *job)
{
    struct http *http = job->http;
    CURL *easy = STEAL(job->easy);

    if (easy != NULL) {
        curl_multi_remove_handle(http->multi, easy); /* fine when it was never added */
        curl_easy_reset(easy);
        if (http->n_easies < HTTP_EASIES_KEPT)
            http->easies[http->n_easies++] = easy;
        else
            curl_easy_cleanup(easy);
    }
    curl_slist_free_all(job->headers);
    job->headers = NULL;
}
