#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/http_private.h"
#include "base/text.h"

/* What curl calls while an exchange runs; all on the transport thread. */

static bool wanted_status(long status)
{
    return status >= 200 && status <= 299;
}

int64_t http_body_length(const struct http_request *request)
{
    return request->use_fd ? request->body_length : (int64_t)request->body.len;
}

static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_job *job = context;

    (void)purpose;
    if (job->http->options.refuse_private && !job->host->settings.private_address &&
        !job->proxied && !http_address_public(&address->addr)) {
        http_address_text(job->refused, &address->addr);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Called on reused connections too, which on_socket() never sees. */
static int on_request(void *context, char *to, char *from, int to_port, int from_port)
{
    struct http_job *job = context;
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    bool fine = false;

    (void)from;
    (void)to_port;
    (void)from_port;
    if (!job->http->options.refuse_private || job->host->settings.private_address || job->proxied)
        return CURL_PREREQFUNC_OK;
    if (inet_pton(AF_INET, to, &in4.sin_addr) == 1)
        fine = http_address_public((const struct sockaddr *)&in4);
    else if (inet_pton(AF_INET6, to, &in6.sin6_addr) == 1)
        fine = http_address_public((const struct sockaddr *)&in6);
    if (fine)
        return CURL_PREREQFUNC_OK;
    snprintf(job->refused, sizeof(job->refused), "%s", to);
    return CURL_PREREQFUNC_ABORT;
}

static size_t read_body(struct http_job *job, char *to, size_t room)
{
    const struct http_request *request = job->request;
    int64_t left = http_body_length(request) - job->sent;
    ssize_t n = 0;

    if (left <= 0)
        return 0;
    if (room > (uint64_t)left)
        room = (size_t)left;
    if (!request->use_fd) {
        memcpy(to, request->body.data + job->sent, room);
        job->sent += (int64_t)room;
        return room;
    }
    do
        n = pread(request->body_fd, to, room, job->sent);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        job->fault = true;
        if (n < 0)
            err_sys(&job->request->err, ERR_IO, errno, "reading the file to send");
        else
            err_set(&job->request->err, ERR_IO, "the file to send became shorter");
        return CURL_READFUNC_ABORT;
    }
    job->sent += n;
    return (size_t)n;
}

static size_t on_read(char *to, size_t size, size_t n, void *context)
{
    return read_body(context, to, size * n);
}

static int on_seek(void *context, curl_off_t offset, int origin)
{
    struct http_job *job = context;

    if (origin != SEEK_SET || offset < 0 || offset > http_body_length(job->request))
        return CURL_SEEKFUNC_FAIL;
    job->sent = offset;
    return CURL_SEEKFUNC_OK;
}

static struct bytes trimmed(struct bytes text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bytes_part(text, 1, text.len);
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]) != NULL)
        text.len--;
    return text;
}

/* RFC 9110 section 5.5: CR, LF and NUL inside a value are invalid; our lines must stay lines. */
static void add_header(struct buf *out, struct bytes name, struct bytes value)
{
    uint8_t *to = buf_reserve(out, name.len + value.len + 3);

    if (to == NULL)
        return;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        *to++ = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
    }
    *to++ = ':';
    *to++ = ' ';
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        *to++ = c < 0x20 && c != '\t' ? ' ' : c;
    }
    *to++ = '\n';
    *to = 0;
    out->len += name.len + value.len + 3;
}

static size_t on_header(char *data, size_t size, size_t n, void *context)
{
    struct http_job *job = context;
    struct bytes line = { (const uint8_t *)data, size * n };
    struct buf *out = &job->request->response_headers;

    job->answered = true;
    if (bytes_starts(line, "HTTP/")) { /* the next answer: interim ones (1xx) come before */
        buf_reset(out);
        job->in_headers = true;
        return line.len;
    }
    if (!job->in_headers) /* trailers */
        return line.len;
    struct bytes text = trimmed(line);
    if (text.len == 0) {
        job->in_headers = false;
        return line.len;
    }
    const uint8_t *colon = memchr(text.data, ':', text.len);
    if (colon == NULL || text.data != line.data) /* not a field, or obsolete folding */
        return line.len;
    size_t at = (size_t)(colon - text.data);
    add_header(out, trimmed(bytes_part(text, 0, at)), trimmed(bytes_part(text, at + 1, text.len)));
    if (buf_check(out, "headers of the answer", &job->request->err) != 0) {
        job->fault = true;
        return 0;
    }
    return line.len;
}

static int check_length(const struct http_request *request, int64_t length, struct err *err)
{
    if (request->expect_length >= 0 && length > request->expect_length)
        return err_set(err, ERR_INVALID, "longer than the %lld bytes it should have",
                       (long long)request->expect_length);
    if ((uint64_t)length > request->max_body)
        return err_set(err, ERR_LIMIT, "larger than %zu bytes", request->max_body);
    return 0;
}

/* Once, before the first piece of a 2xx body. What curl was told is checked before it is sent. */
static int begin_body(struct http_job *job, struct err *err)
{
    struct http_request *request = job->request;
    struct bytes coding = http_header(request, "content-encoding", 0);
    curl_off_t declared = -1;

    if (coding.len > 0 && !text_equal_nocase(coding, BYTES_LIT("identity")))
        return err_set(err, ERR_MALFORMED, "an answer with a content encoding");
    if (curl_easy_getinfo(job->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &declared) != CURLE_OK)
        declared = -1;
    return declared < 0 ? 0 : check_length(request, declared, err);
}

static int take_piece(struct http_job *job, struct bytes piece, struct err *err)
{
    struct http_request *request = job->request;

    if (!job->began && begin_body(job, err) != 0)
        return -1;
    job->began = true;
    if (piece.len > INT64_MAX - (uint64_t)job->received)
        return err_set(err, ERR_LIMIT, "answer too large");
    job->received += (int64_t)piece.len;
    if (check_length(request, job->received, err) != 0)
        return -1;
    if (request->sink != NULL) {
        job->sunk = true;
        return request->sink(request->sink_context, piece, err);
    }
    buf_add_bytes(&request->response_body, piece);
    return buf_check(&request->response_body, "answer", err);
}

/* An error's body, or one that nobody wants: kept as far as the ceiling goes. */
static bool keep_piece(struct http_job *job, struct bytes piece)
{
    struct buf *out = &job->request->response_body;

    out->max = ERROR_BODY_MAX;
    job->cut = piece.len > ERROR_BODY_MAX - out->len;
    buf_add_bytes(out, bytes_part(piece, 0, ERROR_BODY_MAX - out->len));
    return !job->cut && out->state == BUF_FINE;
}

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
    struct http_job *job = context;
    struct http_request *request = job->request;
    struct bytes piece = { (const uint8_t *)data, size * n };
    long status = 0;

    curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!wanted_status(status) || (request->max_body == 0 && request->method != HTTP_GET))
        return keep_piece(job, piece) ? piece.len : 0;
    if (take_piece(job, piece, &request->err) == 0)
        return piece.len;
    if (request->err.code == ERR_NONE) /* a sink that did not say why */
        err_set(&request->err, ERR_INTERNAL, "answer not taken");
    job->fault = true;
    return 0;
}

bool http_callbacks_setup(CURL *easy, struct http_job *job)
{
    bool bad = false;

    bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, job) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, job->detail) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, job) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, job) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, job) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, job) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_READDATA, job) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek) != CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_SEEKDATA, job) != CURLE_OK;
    return !bad;
}
