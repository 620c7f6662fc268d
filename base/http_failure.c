#include <errno.h>
#include <string.h>

#include "base/http_private.h"
#include "base/text.h"

struct failure {
    CURLcode rc;
    bool passes; /* another try may go better */
    bool detail; /* curl's own text says more */
    const char *words;
};

static const struct failure failures[] = {
    { CURLE_COULDNT_RESOLVE_PROXY, false, false, "name of the proxy not found" },
    { CURLE_COULDNT_RESOLVE_HOST, true, false, "host name not found" },
    { CURLE_COULDNT_CONNECT, true, false, "no connection" },
    { CURLE_HTTP2, true, true, "HTTP/2 failed" },
    { CURLE_PARTIAL_FILE, true, false, "answer broken off" },
    { CURLE_OPERATION_TIMEDOUT, true, false, "timed out" },
    { CURLE_SSL_CONNECT_ERROR, false, true, "TLS handshake failed" },
    { CURLE_GOT_NOTHING, true, false, "connection closed without an answer" },
    { CURLE_SEND_ERROR, true, true, "sending failed" },
    { CURLE_RECV_ERROR, true, true, "receiving failed" },
    { CURLE_HTTP2_STREAM, true, true, "HTTP/2 failed" },
    { CURLE_PEER_FAILED_VERIFICATION, false, true, "certificate not trusted" },
    { CURLE_SSL_CERTPROBLEM, false, true, "client certificate" },
    { CURLE_SSL_CACERT_BADFILE, false, true, "trusted certificates" },
    { CURLE_PROXY, false, true, "proxy" },
    { CURLE_UNSUPPORTED_PROTOCOL, false, false, "not an HTTP answer" },
    { CURLE_WEIRD_SERVER_REPLY, false, false, "not an HTTP answer" },
};

static const struct failure *failure_of(CURLcode rc)
{
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (failures[i].rc == rc)
            return &failures[i];
    return NULL;
}

/* A handshake that the network broke may go better; one that the two sides could not agree on
 * never does. curl has one code for both. */
static bool handshake_broken(const struct http_job *job)
{
    return strstr(job->detail, "SSL_connect: ") != NULL ||
           strstr(job->detail, "unexpected eof") != NULL;
}

/* A server that sent more than it had announced left bytes on a kept connection, which the next
 * answer begins with: a new connection may do better. */
static bool kept_connection(const struct http_job *job)
{
    long made = 1;

    return curl_easy_getinfo(job->easy, CURLINFO_NUM_CONNECTS, &made) == CURLE_OK && made == 0;
}

/* What a proxy answered instead of opening a tunnel, or 0. */
static long tunnel_refused(const struct http_job *job)
{
    long status = 0;

    if (!job->proxied ||
        curl_easy_getinfo(job->easy, CURLINFO_HTTP_CONNECTCODE, &status) != CURLE_OK)
        return 0;
    return status >= 300 ? status : 0;
}

/* RFC 8446 section 4.4.2.4: a server that misses or refuses a client certificate can say so only
 * after the client has finished, and the reset that follows may overtake its words. */
static bool closed_before_any_answer(const struct http_job *job, CURLcode rc)
{
    static const CURLcode closed[] = { CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
                                       CURLE_HTTP2, CURLE_HTTP2_STREAM };

    if (!job->url.tls || job->answered || job->host->answered)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        if (closed[i] == rc)
            return true;
    return false;
}

bool http_failure_passes(const struct http_job *job, CURLcode rc)
{
    const struct failure *failure = failure_of(rc);
    long status = tunnel_refused(job);

    if (job->refused[0] != '\0')
        return false;
    /* Wrong credentials that are sent again may lock an account. */
    if (status != 0)
        return status >= 500 || status == 429;
    if (rc == CURLE_SSL_CONNECT_ERROR)
        return handshake_broken(job);
    if (rc == CURLE_UNSUPPORTED_PROTOCOL || rc == CURLE_WEIRD_SERVER_REPLY)
        return kept_connection(job);
    /* A name that is not there the second time is not there. */
    if (rc == CURLE_COULDNT_RESOLVE_HOST)
        return job->tries < 2;
    return failure != NULL && failure->passes;
}

/* curl's text without what the sentence around it says already; parts may come from the server. */
static void detail_text(struct buf *out, const char *detail)
{
    static const char *const said[] = { "SSL certificate problem: ", "SSL: ",
                                        "OpenSSL SSL_connect: " };

    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        if (strncmp(detail, said[i], strlen(said[i])) == 0)
            detail += strlen(said[i]);
    text_escape(out, bytes_text(detail), ERR_TEXT_MAX / 2);
}

/* What the system says of a connection that could not be made. */
static int system_error(CURL *easy)
{
    long sys = 0;

    if (curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &sys) != CURLE_OK)
        return 0;
    return (int)sys;
}

static void set_connect(struct http_job *job)
{
    const char *via = job->proxied ? " to the proxy" : "";
    int sys = system_error(job->easy);

    if (sys == ECONNREFUSED)
        err_set(&job->request->err, ERR_NETWORK, "connection%s refused", via);
    else if (sys != 0)
        err_sys(&job->request->err, ERR_NETWORK, sys, "no connection%s", via);
    else
        err_set(&job->request->err, ERR_NETWORK, "no connection%s", via);
}

static void set_tunnel(struct http_job *job, long status)
{
    if (status == 407)
        err_set(&job->request->err, ERR_NETWORK, "the proxy asks for credentials (407)");
    else
        err_set(&job->request->err, ERR_NETWORK, "the proxy refuses to connect (HTTP %ld)", status);
}

static void set_known(struct http_job *job, const struct failure *failure)
{
    struct buf CLEANUP(buf_clear) detail = BUF_INIT(ERR_TEXT_MAX);

    if (failure->detail)
        detail_text(&detail, job->detail);
    if (closed_before_any_answer(job, failure->rc) &&
        strstr(buf_text(&detail), "certificate") == NULL)
        buf_addf(&detail, "%s(%s)", detail.len > 0 ? " " : "",
                 job->host->settings.cert_file == NULL ? "is a client certificate wanted?"
                                                       : "is the client certificate refused?");
    if (detail.len > 0)
        err_set(&job->request->err, ERR_NETWORK, "%s: %s", failure->words, buf_text(&detail));
    else
        err_set(&job->request->err, ERR_NETWORK, "%s", failure->words);
}

void http_failure_set(struct http_job *job, CURLcode rc)
{
    const struct failure *failure = failure_of(rc);
    struct err *err = &job->request->err;
    long status = tunnel_refused(job);

    if (job->fault)
        ; /* a callback has said why */
    else if (job->refused[0] != '\0')
        err_set(err, ERR_NETWORK,
                "address %s is not a public one and private addresses are not allowed for this "
                "host",
                job->refused);
    else if (rc == CURLE_OUT_OF_MEMORY)
        err_set(err, ERR_NOMEM, "out of memory");
    else if (status != 0)
        set_tunnel(job, status);
    else if (rc == CURLE_COULDNT_CONNECT)
        set_connect(job);
    else if (failure != NULL)
        set_known(job, failure);
    else
        err_set(err, ERR_NETWORK, "%s", curl_easy_strerror(rc));
    err_wrap(err, "%s", job->url.named);
}
