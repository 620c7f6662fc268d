#include <stdlib.h>
#include <string.h>

#include "registry/client_private.h"

#define TAG_PAGE_MAX (32 * MIB) /* some registries send all tags in one answer */

/* --- Tags --- */

/* Lists of tags hold rubbish in some registries (digests, for one): what is no tag is passed over.
 */
static int add_tags(struct names *tags, struct bytes body, struct err *err)
{
    struct json_view root, list = JSON_VIEW_NONE, value;
    const struct json_member members[] = { { "tags", &list, JSON_ARRAY, false } };
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TAG_PAGE_MAX);

    if (json_scan(&root, body, err) != 0 ||
        json_members(root, members, 1, JSON_REST_IGNORED, "list of tags", err) != 0)
        return -1;
    struct json_walk walk = json_walk(list);
    while (json_next(&walk, NULL, &value)) {
        buf_reset(&text);
        if (json_string(&text, value, "tag", err) != 0)
            return -1;
        if (!tag_valid(buf_bytes(&text)))
            continue;
        if (mem_grow((void **)&tags->list, &tags->cap, tags->n, sizeof(char *), TAGS_MAX, err) != 0)
            return -1;
        tags->list[tags->n] = mem_text(buf_bytes(&text), err);
        if (tags->list[tags->n] == NULL)
            return -1;
        tags->n++;
    }
    return 0;
}

/* One page; *next is the URL of the one after it, or NULL. */
static int tags_page(struct names *tags, char **next, struct endpoint *e, int64_t deadline,
                     struct err *err)
{
    struct call CLEANUP(call_clear) c = CALL_NONE;
    char *CLEANUP(mem_freep) url = STEAL(*next);

    call_init(&c, HTTP_GET, "pull");
    c.http.max_body = TAG_PAGE_MAX;
    if (url != NULL)
        buf_add_text(&c.url, url);
    else if (call_url(&c, e, err, "tags/list") != 0)
        return -1;
    if (buf_check(&c.url, "URL", err) != 0)
        return -1;
    if (call_send(e, &c, deadline, err) != 0 || c.http.status != 200)
        return call_error(&c, e, "tags", err);
    if (add_tags(tags, buf_bytes(&c.http.response_body), err) != 0)
        return err_wrap(err, "%s/%s", e->host, e->repository);
    return answer_next(next, &c, e, err);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int client_tags(struct store *s, struct buf *out, int64_t deadline, struct err *err)
{
    struct client *c = (struct client *)s;
    struct names CLEANUP(names_clear) tags = { NULL, 0, 0 };
    char *CLEANUP(mem_freep) next = NULL;

    for (int page = 0; page == 0 || next != NULL; page++) {
        if (page == TAG_PAGES_MAX)
            return err_set(err, ERR_LIMIT, "%s: more than %d pages of tags", c->original.host,
                           TAG_PAGES_MAX);
        if (tags_page(&tags, &next, &c->original, deadline, err) != 0)
            return -1;
    }
    if (tags.n > 0)
        qsort(tags.list, tags.n, sizeof(*tags.list), compare_texts);
    for (size_t i = 0; i < tags.n; i++)
        if (i == 0 || strcmp(tags.list[i], tags.list[i - 1]) != 0)
            buf_addf(out, "%s\n", tags.list[i]);
    return buf_check(out, "list of tags", err);
}

/* --- Life --- */

static void client_free(struct store *s)
{
    struct client *c = (struct client *)s;

    for (size_t i = 0; i < c->n_mirrors; i++)
        endpoint_clear(&c->mirrors[i]);
    free(c->mirrors);
    endpoint_clear(&c->original);
    reference_clear(&c->store.repository);
    free(c);
}

static const struct store_ops client_ops = {
    .fetch = client_fetch,
    .blob_to_file = client_blob_to_file,
    .put_blob = client_put_blob,
    .mount_blob = client_mount_blob,
    .put_manifest = client_put_manifest,
    .put_referrer = client_put_referrer,
    .remove_referrer = client_remove_referrer,
    .tags = client_tags,
    .delete_manifest = client_delete_manifest,
    .free = client_free,
};

static int open_mirror(struct endpoint *e, struct registries *r, const struct mirror *m,
                       const char *repository, struct err *err)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(REFERENCE_MAX);

    buf_addf(&path, "%s%s%s", m->prefix, m->prefix[0] != '\0' ? "/" : "", repository);
    if (buf_check(&path, "mirror", err) != 0 ||
        endpoint_init(e, r, m->host, buf_text(&path), err) != 0)
        return -1;
    /* A mirror is another party: the command line's credentials are the original's. */
    e->elsewhere = true;
    return 0;
}

static int open_mirrors(struct client *c, struct registries *r, struct err *err)
{
    const struct reference *ref = &c->store.repository;
    struct host_settings s;

    if (hosts_find(&s, r->hosts, ref->host, err) != 0)
        return -1;
    if (s.n_mirrors == 0)
        return 0;
    c->mirrors = mem_new(s.n_mirrors, sizeof(*c->mirrors), err);
    if (c->mirrors == NULL)
        return -1;
    for (size_t i = 0; i < s.n_mirrors; i++) {
        c->n_mirrors = i + 1;
        if (open_mirror(&c->mirrors[i], r, &s.mirrors[i], ref->repository, err) != 0)
            return -1;
    }
    return 0;
}

int client_open(struct store **out, struct registries *r, const struct reference *ref,
                const struct credential_source *credentials, struct err *err)
{
    struct client *c = mem_new(1, sizeof(*c), err);

    *out = NULL;
    if (c == NULL)
        return -1;
    c->store.ops = &client_ops;
    c->store.credentials = credentials;
    struct store *CLEANUP(store_freep) store = &c->store;
    if (reference_copy(&c->store.repository, ref, err) != 0)
        return -1;
    mem_freep(&c->store.repository.tag);
    c->store.repository.has_digest = false;
    if (endpoint_init(&c->original, r, ref->host, ref->repository, err) != 0 ||
        open_mirrors(c, r, err) != 0)
        return -1;
    c->original.source = credentials;
    *out = STEAL(store);
    return 0;
}
