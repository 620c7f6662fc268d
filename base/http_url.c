#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_private.h"
#include "base/mem.h"
#include "base/text.h"

static void curlu_freep(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void curl_textp(char **text)
{
    curl_free(*text);
}

/* RFC 3986 knows printable ASCII only; a backslash is a slash to some parsers and not to others. */
static int check_characters(struct bytes text, struct err *err)
{
    if (text.len == 0 || text.len > URL_MAX)
        return err_set(err, ERR_MALFORMED, text.len == 0 ? "empty URL" : "URL too long");
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f || text.data[i] == '\\')
            return err_set(err, ERR_MALFORMED, "URL with a character that is not allowed");
    return 0;
}

/* "http://" or "https://" and not a third slash: curl is content with one to three. */
static int check_scheme(struct bytes text, bool *tls, struct err *err)
{
    size_t rest = 0;

    if (text_equal_nocase(bytes_part(text, 0, 8), BYTES_LIT("https://")))
        rest = 8;
    else if (text_equal_nocase(bytes_part(text, 0, 7), BYTES_LIT("http://")))
        rest = 7;
    if (rest == 0)
        return err_set(err, ERR_MALFORMED, "not an http or https URL");
    if (rest == text.len || text.data[rest] == '/')
        return err_set(err, ERR_MALFORMED, "URL without a host");
    *tls = rest == 8;
    return 0;
}

/* DNS names and IPv4 literals, or an IPv6 literal without a zone. */
static int take_host(struct http_url *out, char *host, struct err *err)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
    static const char literal[] = "0123456789abcdef:.";
    size_t len = strlen(host);
    bool fine = false;

    text_lower(host);
    if (len >= HTTP_HOST_MAX - sizeof(":65535"))
        return err_set(err, ERR_MALFORMED, "URL with a host name that is too long");
    if (host[0] == '[')
        fine = len > 2 && strspn(host + 1, literal) == len - 2 && host[len - 1] == ']';
    else
        fine = len > 0 && strspn(host, name) == len;
    if (!fine)
        return err_set(err, ERR_MALFORMED, "URL with a host name that is not allowed");
    snprintf(out->host, sizeof(out->host), "%s", host);
    return 0;
}

static int url_error(CURLUcode code, struct err *err)
{
    if (code == CURLUE_OUT_OF_MEMORY)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (code == CURLUE_USER_NOT_ALLOWED)
        return err_set(err, ERR_MALFORMED, "URL with user information");
    return err_set(err, ERR_MALFORMED, "not a URL: %s", curl_url_strerror(code));
}

static int take_port(struct http_url *out, CURLU *url, struct err *err)
{
    char *CLEANUP(curl_textp) text = NULL;
    uint64_t port = 0;

    CURLUcode code = curl_url_get(url, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT);
    if (code == CURLUE_OUT_OF_MEMORY)
        return url_error(code, err);
    if (code != CURLUE_OK || decimal_parse(&port, bytes_text(text), 65535, err) != 0 || port == 0)
        return err_set(err, ERR_MALFORMED, "URL with a port that is not valid");
    out->port = (uint16_t)port;
    int n = snprintf(out->named, sizeof(out->named),
                     out->port == (out->tls ? 443 : 80) ? "%s" : "%s:%u", out->host,
                     (unsigned)out->port);
    return n > 0 && (size_t)n < sizeof(out->named)
               ? 0
               : err_set(err, ERR_MALFORMED, "URL with a host name that is too long");
}

static int take_parts(struct http_url *out, CURLU *url, struct err *err)
{
    char *CLEANUP(curl_textp) host = NULL;
    char *CLEANUP(curl_textp) zone = NULL;
    char *CLEANUP(curl_textp) text = NULL;

    CURLUcode code = curl_url_get(url, CURLUPART_HOST, &host, 0);
    if (code != CURLUE_OK)
        return url_error(code, err);
    code = curl_url_get(url, CURLUPART_ZONEID, &zone, 0);
    if (code == CURLUE_OK)
        return err_set(err, ERR_MALFORMED, "URL with an address zone");
    if (code != CURLUE_NO_ZONEID)
        return url_error(code, err);
    if (take_host(out, host, err) != 0 || take_port(out, url, err) != 0)
        return -1;
    code = curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
    if (code == CURLUE_OK)
        code = curl_url_set(url, CURLUPART_HOST, out->host, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_URL, &text, 0);
    if (code != CURLUE_OK)
        return url_error(code, err);
    if (check_characters(bytes_text(text), err) != 0)
        return -1;
    out->text = mem_text(bytes_text(text), err);
    return out->text != NULL ? 0 : -1;
}

int http_url_parse(struct http_url *out, const char *text, struct err *err)
{
    CURLU *CLEANUP(curlu_freep) url = NULL;

    memset(out, 0, sizeof(*out));
    if (check_characters(bytes_text(text), err) != 0 ||
        check_scheme(bytes_text(text), &out->tls, err) != 0)
        return -1;
    url = curl_url();
    if (url == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER);
    if (code != CURLUE_OK)
        return url_error(code, err);
    if (take_parts(out, url, err) == 0)
        return 0;
    http_url_clear(out);
    return -1;
}

void http_url_clear(struct http_url *url)
{
    free(url->text);
    memset(url, 0, sizeof(*url));
}

bool http_url_origin_equal(const struct http_url *a, const struct http_url *b)
{
    return a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}

bool http_same_origin(const char *a, const char *b)
{
    struct http_url CLEANUP(http_url_clear) left = { 0 };
    struct http_url CLEANUP(http_url_clear) right = { 0 };

    return http_url_parse(&left, a, NULL) == 0 && http_url_parse(&right, b, NULL) == 0 &&
           http_url_origin_equal(&left, &right);
}

/* What curl would take for a host although the slashes are one too many or too few. */
static int check_location(struct bytes location, struct err *err)
{
    bool tls = false;

    if (check_characters(location, err) != 0)
        return -1;
    if (bytes_starts(location, "///"))
        return err_set(err, ERR_MALFORMED, "URL without a host");
    if (text_equal_nocase(bytes_part(location, 0, 5), BYTES_LIT("http:")) ||
        text_equal_nocase(bytes_part(location, 0, 6), BYTES_LIT("https:")))
        return check_scheme(location, &tls, err);
    return 0;
}

int http_resolve(struct buf *out, const char *base, struct bytes location, struct err *err)
{
    struct http_url CLEANUP(http_url_clear) from = { 0 };
    struct http_url CLEANUP(http_url_clear) to = { 0 };
    CURLU *CLEANUP(curlu_freep) url = NULL;
    char *CLEANUP(mem_freep) relative = NULL;
    char *CLEANUP(curl_textp) text = NULL;

    if (http_url_parse(&from, base, err) != 0 || check_location(location, err) != 0)
        return -1;
    relative = mem_text(location, err);
    if (relative == NULL)
        return -1;
    url = curl_url();
    if (url == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    CURLUcode code = curl_url_set(url, CURLUPART_URL, from.text, 0);
    if (code == CURLUE_OK)
        code = curl_url_set(url, CURLUPART_URL, relative, CURLU_DISALLOW_USER);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_URL, &text, 0);
    if (code != CURLUE_OK)
        return url_error(code, err);
    if (http_url_parse(&to, text, err) != 0)
        return -1;
    buf_add_text(out, to.text);
    return buf_check(out, "URL", err);
}

int http_url_host(struct buf *out, const char *url, struct err *err)
{
    struct http_url CLEANUP(http_url_clear) parsed = { 0 };

    if (http_url_parse(&parsed, url, err) != 0)
        return -1;
    buf_add_text(out, parsed.named);
    return buf_check(out, "host", err);
}

void http_escape(struct buf *out, struct bytes text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != 0 && strchr(plain, text.data[i]) != NULL)
            buf_add_char(out, (char)text.data[i]);
        else
            buf_addf(out, "%%%02X", text.data[i]);
}
