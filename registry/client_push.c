#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/client_private.h"

#define CHUNK (8 * MIB)       /* bytes of one PATCH */
#define CHUNK_MOST (64 * MIB) /* a registry that wants more than this gets one PUT */

/* --- Where an upload goes --- */

/* "https://host/..." without its scheme. */
static const char *after_scheme(const char *url)
{
    const char *at = strstr(url, "://");

    return at != NULL ? at + 3 : url;
}

/* registry.md 9.3: a registry behind a proxy writes http:// for what is https://. Only the scheme
 * differs: ours is kept. */
static int mend_scheme(struct buf *url, const char *ours, struct err *err)
{
    struct buf CLEANUP(buf_clear) mended = BUF_INIT(URL_MAX);

    if (strncmp(buf_text(url), "http://", 7) != 0 || strncmp(ours, "https://", 8) != 0)
        return 0;
    buf_addf(&mended, "https://%s", after_scheme(buf_text(url)));
    if (buf_check(&mended, "Location", err) != 0)
        return -1;
    if (!http_same_origin(buf_text(&mended), ours))
        return 0;
    buf_clear(url);
    *url = buf_take(&mended);
    return 0;
}

/* The Location of an answer: absolute or relative, on the registry itself, for the credentials and
 * the content go there (GHSA-jxpm-75mh-9fp7). */
static int upload_location(struct buf *out, const struct call *c, const struct endpoint *e,
                           struct err *err)
{
    struct bytes location = http_header(&c->http, "location", 0);
    const char *base = c->http.effective_url != NULL ? c->http.effective_url : buf_text(&c->url);

    buf_reset(out);
    if (location.len == 0)
        return err_set(err, ERR_MALFORMED, "%s: upload without a Location", e->host);
    if (http_resolve(out, base, location, err) != 0 || buf_check(out, "Location", err) != 0 ||
        mend_scheme(out, buf_text(&c->url), err) != 0)
        return err_wrap(err, "%s: Location", e->host);
    if (!http_same_origin(buf_text(out), buf_text(&c->url)))
        return err_set(err, ERR_MALFORMED, "%s: upload Location is on another host", e->host);
    return 0;
}

/* The query is opaque and kept byte for byte. */
static void add_digest(struct buf *url, const struct digest *digest)
{
    char text[DIGEST_TEXT_MAX];

    digest_format(text, digest);
    buf_addf(url, "%cdigest=", strchr(buf_text(url), '?') != NULL ? '&' : '?');
    http_escape(url, bytes_text(text));
}

/* --- One upload --- */

struct upload {
    struct endpoint *endpoint;
    const struct store_blob *blob;
    int64_t deadline;
    struct buf location;
    bool chunked;
    size_t chunk;
};

static const char *describe(char out[192], const struct store_blob *blob)
{
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &blob->digest);
    snprintf(out, 192, "upload of %s", digest);
    return out;
}

static int upload_start(struct upload *u, struct err *err)
{
    struct call CLEANUP(call_clear) c = CALL_NONE;
    char what[192];

    call_init(&c, HTTP_POST, "pull,push");
    if (call_url(&c, u->endpoint, err, "blobs/uploads/") != 0)
        return -1;
    if (call_send(u->endpoint, &c, u->deadline, err) != 0 || c.http.status != 202)
        return call_error(&c, u->endpoint, describe(what, u->blob), err);
    struct bytes least = http_header(&c.http, "oci-chunk-min-length", 0);
    u->chunk = CHUNK;
    if (least.len > 0) {
        uint64_t n = 0;
        /* distribution-spec "Pushing a blob in chunks": a header that cannot be read binds to
         * nothing. */
        for (size_t i = 0;
             i < least.len && least.data[i] >= '0' && least.data[i] <= '9' && n <= CHUNK_MOST; i++)
            n = n * 10 + (uint64_t)(least.data[i] - '0');
        u->chunked = n <= CHUNK_MOST && u->blob->use_fd && u->blob->size > (int64_t)CHUNK;
        u->chunk = n > CHUNK && n <= CHUNK_MOST ? (size_t)n : CHUNK;
    }
    return upload_location(&u->location, &c, u->endpoint, err);
}

/* Best effort: what is not cancelled, the registry clears away some day. */
static void upload_cancel(struct upload *u)
{
    struct call CLEANUP(call_clear) c = CALL_NONE;

    if (u->location.len == 0)
        return;
    call_init(&c, HTTP_DELETE, "pull,push");
    buf_add_text(&c.url, buf_text(&u->location));
    c.http.no_retry = true;
    calls_send(u->endpoint, &c, 1, u->deadline);
}

static int read_chunk(uint8_t *to, size_t len, int fd, int64_t at, struct err *err)
{
    while (len > 0) {
        ssize_t n = pread(fd, to, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, ERR_IO, errno, "reading a blob");
        if (n == 0)
            return err_set(err, ERR_IO, "a blob became shorter while it was read");
        to += n;
        len -= (size_t)n;
        at += n;
    }
    return 0;
}

static int send_chunk(struct upload *u, struct bytes part, int64_t at, struct err *err)
{
    struct call CLEANUP(call_clear) c = CALL_NONE;
    char what[192];

    call_init(&c, HTTP_PATCH, "pull,push");
    buf_add_text(&c.url, buf_text(&u->location));
    /* distribution-spec: inclusive, without a unit */
    snprintf(c.text, sizeof(c.text), "%lld-%lld", (long long)at,
             (long long)(at + (int64_t)part.len - 1));
    call_header(&c, "Content-Range", c.text);
    call_header(&c, "Content-Type", "application/octet-stream");
    c.http.body = part;
    /* A part that is sent twice is appended twice. */
    c.http.no_retry = true;
    if (buf_check(&c.url, "Location", err) != 0)
        return -1;
    if (call_send(u->endpoint, &c, u->deadline, err) != 0 || c.http.status != 202)
        return call_error(&c, u->endpoint, describe(what, u->blob), err);
    return upload_location(&u->location, &c, u->endpoint, err);
}

static int send_chunks(struct upload *u, struct err *err)
{
    const struct store_blob *b = u->blob;
    uint8_t *CLEANUP(mem_freep) piece = b->use_fd ? mem_new(1, u->chunk, err) : NULL;

    if (b->use_fd && piece == NULL)
        return -1;
    for (int64_t at = 0; at < b->size;) {
        size_t n = b->size - at < (int64_t)u->chunk ? (size_t)(b->size - at) : u->chunk;
        struct bytes part =
            b->use_fd ? (struct bytes) { piece, n } : bytes_part(b->bytes, (size_t)at, n);
        if ((b->use_fd && read_chunk(piece, n, b->fd, at, err) != 0) ||
            send_chunk(u, part, at, err) != 0)
            return -1;
        at += (int64_t)n;
    }
    return 0;
}

/* The PUT that ends an upload, with the content where it was not sent in chunks. */
static int upload_finish(struct upload *u, long *status, struct err *err)
{
    struct call CLEANUP(call_clear) c = CALL_NONE;
    struct digest told;
    char what[192];

    call_init(&c, HTTP_PUT, "pull,push");
    buf_add_text(&c.url, buf_text(&u->location));
    add_digest(&c.url, &u->blob->digest);
    call_header(&c, "Content-Type", "application/octet-stream");
    c.http.no_retry = true; /* an upload that ended is gone: asked for instead (put_once) */
    if (!u->chunked) {
        c.http.body = u->blob->bytes;
        c.http.use_fd = u->blob->use_fd;
        c.http.body_fd = u->blob->fd;
        c.http.body_length = u->blob->use_fd ? u->blob->size : -1;
    }
    if (buf_check(&c.url, "Location", err) != 0)
        return -1;
    int sent = call_send(u->endpoint, &c, u->deadline, err);
    *status = c.http.status;
    if (sent != 0 || (c.http.status != 201 && c.http.status != 204))
        return call_error(&c, u->endpoint, describe(what, u->blob), err);
    /* 2.8.2 names the sha256 of what was pushed by sha512: only the same algorithm compares. */
    if (answer_digest(&told, &c) && told.alg == u->blob->digest.alg &&
        !digest_equal(&told, &u->blob->digest))
        return err_set(err, ERR_INVALID, "%s: stored %s under another digest", u->endpoint->host,
                       what);
    return 0;
}

static int blob_exists(bool *yes, struct endpoint *e, const struct store_blob *blob,
                       int64_t deadline, struct err *err)
{
    struct call CLEANUP(call_clear) c = CALL_NONE;
    char text[DIGEST_TEXT_MAX];

    *yes = false;
    digest_format(text, &blob->digest);
    call_init(&c, HTTP_HEAD, "pull,push");
    c.http.follow = HTTP_FOLLOW_ANY;
    if (call_url(&c, e, err, "blobs/%s", text) != 0)
        return -1;
    if (call_send(e, &c, deadline, err) != 0)
        return call_error(&c, e, text, err);
    *yes = c.http.status == 200;
    /* What refuses HEAD gets the upload, which needs no permission to read. */
    return *yes || c.http.status == 404 || c.http.status == 403 || c.http.status == 405
               ? 0
               : call_error(&c, e, text, err);
}

/* One upload from its start. *status is that of the last PUT. */
static int upload_once(struct upload *u, long *status, struct err *err)
{
    *status = 0;
    if (upload_start(u, err) != 0)
        return -1;
    if ((u->chunked && send_chunks(u, err) != 0) || upload_finish(u, status, err) != 0) {
        upload_cancel(u);
        return -1;
    }
    return 0;
}

/* registry.md 10.1: after a failure the blob is looked for, and the upload begun once more. 413:
 * the registry, or a proxy before it, wants smaller pieces. */
static int upload(struct upload *u, struct err *err)
{
    struct err first = ERR_INIT;
    bool there;
    long status;

    if (upload_once(u, &status, &first) == 0)
        return 0;
    bool again = first.code == ERR_NETWORK || status == 413 || status == 404;
    if (!again || (status == 413 && u->chunked))
        return err_set(err, first.code, "%s", err_text(&first));
    if (blob_exists(&there, u->endpoint, u->blob, u->deadline, NULL) == 0 && there)
        return 0;
    u->chunked = status == 413;
    return upload_once(u, &status, err);
}

int client_put_blob(struct store *s, const struct store_blob *blob, int64_t deadline,
                    struct err *err)
{
    struct client *c = (struct client *)s;
    struct upload u = {
        .endpoint = &c->original, .blob = blob, .deadline = deadline, .location = BUF_INIT(URL_MAX)
    };
    bool there;

    if (blob_exists(&there, &c->original, blob, deadline, err) != 0)
        return -1;
    if (there)
        return 0;
    int result = upload(&u, err);
    buf_clear(&u.location);
    return result;
}

int client_mount_blob(struct store *s, const struct store *from, const struct store_blob *what,
                      bool *done, int64_t deadline, struct err *err)
{
    struct client *c = (struct client *)s;
    const struct reference *other = &from->repository;
    const struct store_blob blob = { .digest = what->digest, .size = what->size };
    struct upload u = {
        .endpoint = &c->original, .blob = &blob, .deadline = deadline, .location = BUF_INIT(URL_MAX)
    };
    struct call CLEANUP(call_clear) call = CALL_NONE;
    char text[DIGEST_TEXT_MAX];

    *done = false;
    if (other->layout || strcmp(other->host, c->store.repository.host) != 0)
        return 0;
    digest_format(text, &what->digest);
    call_init(&call, HTTP_POST, "pull,push");
    call.from = other->repository;
    if (call_url(&call, &c->original, err, "blobs/uploads/?mount=%s&from=%s", text,
                 other->repository) != 0)
        return -1;
    calls_send(&c->original, &call, 1, deadline);
    /* A registry that does not mount, or a token server that does not give two repositories, only
     * means that the bytes are sent. */
    if (call.http.err.code != ERR_NONE && call.http.err.code != ERR_AUTH)
        return call_error(&call, &c->original, "mount", err);
    *done = call.http.err.code == ERR_NONE && call.http.status == 201;
    /* 202: an upload was begun instead. The caller sends bytes in its own way. */
    if (call.http.status == 202 && upload_location(&u.location, &call, &c->original, NULL) == 0)
        upload_cancel(&u);
    buf_clear(&u.location);
    return 0;
}

/* --- Manifests --- */

/* A registry that stores other bytes than it was sent is found out here. */
static int check_stored(struct pushed *out, const struct call *c, const struct endpoint *e,
                        struct bytes body, struct err *err)
{
    struct digest told, ours;
    struct bytes subject = http_header(&c->http, "oci-subject", 0);

    out->has_subject = subject.len > 0 && digest_parse(&out->subject, subject, NULL) == 0;
    if (!answer_digest(&told, c))
        return 0;
    if (digest_of(&ours, told.alg, body, err) != 0)
        return -1;
    return digest_equal(&told, &ours)
               ? 0
               : err_set(err, ERR_INVALID,
                         "%s/%s: the registry stored another manifest than it "
                         "was sent",
                         e->host, e->repository);
}

/* A tag that may not be overwritten is told in several ways. */
static int put_error(const struct call *c, const struct endpoint *e, const char *name,
                     struct err *err)
{
    call_error(c, e, name, err);
    if (err != NULL && c->http.err.code == ERR_NONE && c->http.status == 400 &&
        strcasestr(err_text(err), "immutable") != NULL)
        err->code = ERR_CONFLICT;
    return -1;
}

int push_manifest(struct pushed *out, struct client *client, const struct manifest_put *put,
                  int64_t deadline, struct err *err)
{
    struct call CLEANUP(call_clear) c = CALL_NONE;
    struct endpoint *e = &client->original;
    char text[DIGEST_TEXT_MAX];

    *out = (struct pushed) { .has_subject = false };
    if (digest_of(&out->digest, HASH_SHA256, put->body, err) != 0)
        return -1;
    if (put->tag != NULL && !tag_valid(bytes_text(put->tag)))
        return err_set(err, ERR_USAGE, "not a tag");
    digest_format(text, &out->digest);
    const char *name = put->tag != NULL ? put->tag : text;
    call_init(&c, HTTP_PUT, "pull,push");
    if (call_url(&c, e, err, "manifests/%s", name) != 0)
        return -1;
    call_header(&c, "Content-Type", put->media_type);
    c.http.body = put->body;
    c.http.no_retry = put->once;
    if (call_send(e, &c, deadline, err) != 0 || (c.http.status != 201 && c.http.status != 200))
        return put_error(&c, e, name, err);
    return check_stored(out, &c, e, put->body, err);
}

int client_put_manifest(struct store *s, const char *tag, struct bytes body, const char *media_type,
                        int64_t deadline, struct err *err)
{
    const struct manifest_put put = { tag, body, media_type, false };
    struct pushed pushed;

    return push_manifest(&pushed, (struct client *)s, &put, deadline, err);
}

int client_delete_manifest(struct store *s, const struct digest *digest, int64_t deadline,
                           struct err *err)
{
    struct endpoint *e = &((struct client *)s)->original;
    struct call CLEANUP(call_clear) c = CALL_NONE;
    char text[DIGEST_TEXT_MAX];

    digest_format(text, digest);
    call_init(&c, HTTP_DELETE, "delete,pull,push");
    if (call_url(&c, e, err, "manifests/%s", text) != 0)
        return -1;
    if (call_send(e, &c, deadline, err) != 0)
        return call_error(&c, e, text, err);
    if (c.http.status == 202 || c.http.status == 200 || c.http.status == 204)
        return 0;
    call_error(&c, e, text, err);
    if (err != NULL && c.http.status == 405)
        return err_wrap(err, "this registry does not delete");
    return -1;
}
