#include "registry/catalog.h"

#include <stdlib.h>

#include "base/json_pull.h"
#include "base/limits.h"
#include "registry/client_private.h"

#define CATALOG_PAGE_MAX (8 * MIB) /* some registries send all names in one answer */

struct catalog {
    struct endpoint endpoint;
    char *next; /* URL of the next page; NULL before the first */
    int pages;
};

int catalog_open(struct catalog **out, struct registries *r, const char *host, struct err *err)
{
    struct catalog *CLEANUP(catalog_freep) c = mem_new(1, sizeof(*c), err);

    *out = NULL;
    if (c == NULL || endpoint_init(&c->endpoint, r, host, "", err) != 0)
        return -1;
    const struct reference named = { .host = c->endpoint.host };
    if (!c->endpoint.elsewhere &&
        registries_note(r, &r->opened, reference_wire_host(&named), err) != 0)
        return -1;
    *out = STEAL(c);
    return 0;
}

void catalog_free(struct catalog *c)
{
    if (c == NULL)
        return;
    endpoint_clear(&c->endpoint);
    free(c->next);
    free(c);
}

void catalog_freep(struct catalog **c)
{
    catalog_free(*c);
    *c = NULL;
}

/* Go servers write an empty list as null. An answer without a list is not an empty registry. */
static int add_names(struct buf *out, struct bytes body, struct err *err)
{
    struct json_view root, list = JSON_VIEW_NONE, value;
    const struct json_member members[] = { { "repositories", &list, JSON_ABSENT, true } };
    struct buf CLEANUP(buf_clear) name = BUF_INIT(CATALOG_PAGE_MAX);

    if (json_scan(&root, body, err) != 0 ||
        json_members(root, members, 1, JSON_REST_IGNORED, "catalogue", err) != 0)
        return -1;
    if (list.kind != JSON_ARRAY && list.kind != JSON_NULL_VALUE)
        return err_set(err, ERR_MALFORMED, "catalogue: repositories: not an array");
    struct json_walk walk = json_walk(list);
    while (json_next(&walk, NULL, &value)) {
        buf_reset(&name);
        if (json_string(&name, value, "name of a repository", err) != 0)
            return -1;
        if (!repository_valid(buf_bytes(&name)))
            continue;
        buf_add_bytes(out, buf_bytes(&name));
        buf_add_char(out, '\n');
    }
    return buf_check(out, "catalogue", err);
}

/* No `n`: how much a page holds is for the registry to say, and some refuse what is more than
 * theirs. */
int catalog_page(struct buf *out, bool *more, struct catalog *c, int64_t deadline, struct err *err)
{
    struct call CLEANUP(call_clear) call = CALL_NONE;
    struct endpoint *e = &c->endpoint;
    char *CLEANUP(mem_freep) url = STEAL(c->next);

    *more = false;
    if (c->pages++ == CATALOG_PAGES_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %d pages of repositories", e->host,
                       CATALOG_PAGES_MAX);
    call_init(&call, HTTP_GET, "*");
    call.http.max_body = CATALOG_PAGE_MAX;
    if (url != NULL)
        buf_add_text(&call.url, url);
    else if (call_url(&call, e, err, "_catalog") != 0)
        return -1;
    if (call_send(e, &call, deadline, err) != 0 || call.http.status != 200)
        return call_error(&call, e, "catalogue", err);
    if (add_names(out, buf_bytes(&call.http.response_body), err) != 0)
        return err_wrap(err, "%s", e->host);
    if (answer_next(&c->next, &call, e, err) != 0)
        return -1;
    *more = c->next != NULL;
    return 0;
}
