#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "registry/client_private.h"
#include "registry/link.h"

/* --- What is asked --- */

static int manifest_request(struct call *c, struct endpoint *e, const struct fetch *f,
                            struct err *err)
{
    char digest[DIGEST_TEXT_MAX];

    call_header(c, "Accept", CLIENT_ACCEPT);
    if (f->what == FETCH_TAG) {
        if (f->tag == NULL || !tag_valid(bytes_text(f->tag)))
            return err_set(err, ERR_USAGE, "not a tag");
        /* Nothing but the registry vouches for a tag: its answer is not fetched elsewhere. */
        return call_url(c, e, err, "manifests/%s", f->tag);
    }
    c->http.follow = HTTP_FOLLOW_ANY;
    digest_format(digest, &f->digest);
    return call_url(c, e, err, "manifests/%s", digest);
}

static int referrers_request(struct call *c, struct endpoint *e, const struct fetch *f,
                             struct err *err)
{
    char digest[DIGEST_TEXT_MAX];

    call_header(c, "Accept", TYPE_OCI_INDEX);
    digest_format(digest, &f->digest);
    if (f->page == NULL)
        return call_url(c, e, err, "referrers/%s", digest);
    if (call_url(c, e, err, "%s", "") != 0)
        return -1;
    if (!http_same_origin(buf_text(&c->url), f->page))
        return err_set(err, ERR_MALFORMED, "the next page is on another host");
    buf_reset(&c->url);
    buf_add_text(&c->url, f->page);
    return buf_check(&c->url, "URL", err);
}

int fetch_request(struct call *c, struct endpoint *e, const struct fetch *f, struct err *err)
{
    char digest[DIGEST_TEXT_MAX];

    call_init(c, f->probe ? HTTP_HEAD : HTTP_GET, "pull");
    c->http.max_body = f->max > 0 ? f->max : MANIFEST_MAX;
    if (!f->probe && (f->what == FETCH_MANIFEST || f->what == FETCH_BLOB))
        c->http.expect_length = f->size;
    switch (f->what) {
    case FETCH_MANIFEST:
    case FETCH_TAG:
        return manifest_request(c, e, f, err);
    case FETCH_BLOB:
        c->http.follow = HTTP_FOLLOW_ANY;
        digest_format(digest, &f->digest);
        return call_url(c, e, err, "blobs/%s", digest);
    case FETCH_REFERRERS:
        return referrers_request(c, e, f, err);
    }
    return err_set(err, ERR_INTERNAL, "unknown kind of fetch");
}

/* --- What is answered --- */

bool answer_digest(struct digest *out, const struct call *c)
{
    struct bytes value = http_header(&c->http, "docker-content-digest", 0);

    return value.len > 0 && digest_parse(out, value, NULL) == 0;
}

void answer_type(char out[MEDIA_TYPE_MAX + 1], const struct call *c)
{
    struct bytes value = http_header(&c->http, "content-type", 0);
    size_t n = 0;

    while (n < value.len && value.data[n] > ' ' && value.data[n] < 0x7f && value.data[n] != ';')
        n++;
    snprintf(out, MEDIA_TYPE_MAX + 1, "%.*s", n <= MEDIA_TYPE_MAX ? (int)n : 0,
             n > 0 ? (const char *)value.data : "");
    text_lower(out);
}

/* RFC 8288; registry.md 9.3: pages stay on the origin, for the credentials go with them. */
int answer_next(char **out, const struct call *c, const struct endpoint *e, struct err *err)
{
    struct buf CLEANUP(buf_clear) url = BUF_INIT(URL_MAX);
    const char *base = c->http.effective_url != NULL ? c->http.effective_url : buf_text(&c->url);
    struct bytes target = BYTES_NONE, value;

    *out = NULL;
    for (size_t i = 0; target.len == 0; i++) {
        value = http_header(&c->http, "link", i);
        if (value.len == 0)
            return 0;
        if (link_next(&target, value, err) != 0)
            return err_wrap(err, "%s: Link", e->host);
    }
    if (http_resolve(&url, base, target, err) != 0 || buf_check(&url, "URL", err) != 0)
        return err_wrap(err, "%s: Link", e->host);
    if (!http_same_origin(buf_text(&url), buf_text(&c->url)))
        return err_set(err, ERR_MALFORMED, "%s: the next page is on another host", e->host);
    if (strcmp(buf_text(&url), buf_text(&c->url)) == 0)
        return err_set(err, ERR_MALFORMED, "%s: the next page is the same page", e->host);
    *out = mem_text(buf_bytes(&url), err);
    return *out != NULL ? 0 : -1;
}

static const char *name_fetch(char out[256], const struct fetch *f)
{
    static const char *const words[] = {
        [FETCH_MANIFEST] = "manifest",
        [FETCH_TAG] = "tag",
        [FETCH_BLOB] = "blob",
        [FETCH_REFERRERS] = "referrers of",
    };
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &f->digest);
    snprintf(out, 256, "%s %s", words[f->what], f->what == FETCH_TAG ? f->tag : digest);
    return out;
}

/* Content by digest: the body is what was asked for, whatever the headers say. */
static int check_content(struct fetch *f)
{
    struct bytes body = buf_bytes(&f->body);

    if (digest_check(&f->digest, f->size, body, &f->err) != 0)
        return -1;
    f->found = f->digest;
    return 0;
}

/* registry.md 2.2, rule 2: the digest of a tag is ours to compute; a header that says otherwise is
 * fatal. */
static int check_tag(struct fetch *f, const struct call *c)
{
    struct digest told, real;
    struct bytes body = buf_bytes(&f->body);

    if (digest_of(&f->found, HASH_SHA256, body, &f->err) != 0)
        return -1;
    if (!answer_digest(&told, c))
        return 0;
    if (digest_of(&real, told.alg, body, &f->err) != 0)
        return -1;
    return digest_equal(&real, &told)
               ? 0
               : err_set(&f->err, ERR_INVALID,
                         "the manifest does not match the Docker-Content-Digest header");
}

/* Does the body say that it is an OCI index? */
static bool is_index(struct bytes body, bool type_needed)
{
    struct json_view root, type = JSON_VIEW_NONE, manifests = JSON_VIEW_NONE;
    const struct json_member members[] = { { "mediaType", &type, JSON_STRING, false },
                                           { "manifests", &manifests, JSON_ABSENT, true } };

    if (json_scan(&root, body, NULL) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_IGNORED, "list", NULL) != 0)
        return false;
    /* Go servers write an empty list as null. */
    if (manifests.kind != JSON_ARRAY && manifests.kind != JSON_NULL_VALUE)
        return false;
    return json_string_is(type, BYTES_LIT(TYPE_OCI_INDEX)) ||
           (type.kind == JSON_ABSENT && !type_needed);
}

/* registry.md 4.2: what does and what does not show that there is a referrers API. A page after the
 * first has shown it already. */
static bool no_referrers_api(const struct fetch *f, const struct call *c)
{
    long status = c->http.status;

    return f->page == NULL && (status == 400 || status == 404 || status == 405 || status == 406 ||
                               (status >= 300 && status < 400));
}

/* A router that does not know the path says so in its own words; a 404 in the registry's words may
 * be about the repository. Short of memory, the host is asked again. */
static void note_absence(const struct call *c, const struct endpoint *e)
{
    char type[MEDIA_TYPE_MAX + 1];

    answer_type(type, c);
    if (c->http.status == 405 || (c->http.status == 404 && strcmp(type, "application/json") != 0)) {
        if (registries_note_no_referrers(e->registries, e->wire, NULL) != 0)
            return;
    }
}

static int check_referrers(struct fetch *f, const struct call *c, const struct endpoint *e)
{
    bool index = strcmp(f->media_type, TYPE_OCI_INDEX) == 0;
    bool json = strcmp(f->media_type, "application/json") == 0;

    if (!index && !(json && is_index(buf_bytes(&f->body), true)))
        return err_set(&f->err, f->page == NULL ? ERR_UNSUPPORTED : ERR_MALFORMED,
                       "%s answers with something that is not a list of referrers", e->host);
    if (!is_index(buf_bytes(&f->body), false))
        return err_set(&f->err, ERR_MALFORMED, "%s: list of referrers: not an index", e->host);
    snprintf(f->media_type, sizeof(f->media_type), "%s", TYPE_OCI_INDEX);
    return digest_of(&f->found, HASH_SHA256, buf_bytes(&f->body), &f->err) != 0 ||
                   answer_next(&f->next, c, e, &f->err) != 0
               ? -1
               : 0;
}

static int check_answer(struct fetch *f, const struct call *c, const struct endpoint *e)
{
    if (f->probe) {
        if (!answer_digest(&f->found, c))
            f->found = f->digest;
        return 0;
    }
    switch (f->what) {
    case FETCH_MANIFEST:
    case FETCH_BLOB:
        return check_content(f);
    case FETCH_TAG:
        return check_tag(f, c);
    case FETCH_REFERRERS:
        return check_referrers(f, c, e);
    }
    return err_set(&f->err, ERR_INTERNAL, "unknown kind of fetch");
}

void fetch_result(struct fetch *f, struct call *c, const struct endpoint *e)
{
    char name[256];

    err_reset(&f->err);
    if (f->what == FETCH_REFERRERS && c->http.err.code == ERR_NONE && no_referrers_api(f, c)) {
        err_set(&f->err, ERR_UNSUPPORTED, "%s/%s has no referrers API (HTTP %ld)", e->host,
                e->repository, c->http.status);
        note_absence(c, e);
        return;
    }
    if (c->http.err.code != ERR_NONE || c->http.status != 200) {
        call_error(c, e, name_fetch(name, f), &f->err);
        /* A list that was begun is not absent. */
        if (f->what == FETCH_REFERRERS && f->err.code == ERR_NOT_FOUND)
            f->err.code = ERR_MALFORMED;
        return;
    }
    answer_type(f->media_type, c);
    if (!f->probe)
        f->body = buf_take(&c->http.response_body);
    if (check_answer(f, c, e) != 0) {
        err_wrap(&f->err, "%s/%s: %s", e->host, e->repository, name_fetch(name, f));
        buf_clear(&f->body);
    }
}
