/* The catalogue of a registry that follows a script. */
#include "tests/unit/script.h"

#include "registry/catalog.h"

#define JSON_TYPE "Content-Type: application/json\r\n"

struct catalog_case {
    struct server server;
    struct opened opened;
    struct catalog *catalog;
    struct buf names;
    bool more;
    struct err err;
};

static void start(struct catalog_case *c, const struct rule *rules)
{
    *c = (struct catalog_case) { .names = BUF_INIT(KIB), .err = ERR_INIT };
    server_start(&c->server, rules);
    c->opened = open_at(c->server.host, "me");
    if (catalog_open(&c->catalog, c->opened.registries, c->server.host, &c->err) != 0)
        fail_msg("%s", err_text(&c->err));
}

static int page(struct catalog_case *c)
{
    return catalog_page(&c->names, &c->more, c->catalog, soon(), &c->err);
}

static void end(struct catalog_case *c)
{
    buf_clear(&c->names);
    catalog_free(c->catalog);
    close_it(&c->opened);
    server_stop(&c->server);
}

static void pages_follow_links(void **state)
{
    static const struct rule rules[] = {
        { "GET /v2/_catalog?last=b&n=2", NULL, NULL, 200, JSON_TYPE,
          "{\"repositories\":[\"c/d\",\"Not A Name\",\"\",\"e\"]}" },
        { "GET /v2/_catalog ", NULL, NULL, 200,
          JSON_TYPE "Link: </v2/_catalog?last=b&n=2>; rel=\"next\"\r\n",
          "{\"repositories\":[\"a\",\"b\"]}" },
        END,
    };
    struct catalog_case c;
    (void)state;

    start(&c, rules);
    assert_int_equal(page(&c), 0);
    assert_true(c.more);
    assert_string_equal(buf_text(&c.names), "a\nb\n");
    assert_int_equal(page(&c), 0);
    assert_false(c.more);
    assert_string_equal(buf_text(&c.names), "a\nb\nc/d\ne\n");
    end(&c);
}

static void its_scope_is_the_catalogue(void **state)
{
    static const struct rule rules[] = {
        { "GET /token?service=here&scope=registry%3Acatalog%3A%2A", NULL, NULL, 200, NULL,
          "{\"token\":\"T1\",\"expires_in\":300}" },
        { "GET /token", NULL, NULL, 400, NULL, "" },
        { "GET /v2/_catalog", NULL, "Authorization: Bearer T1\r\n", 401, BEARER, "" },
        { "GET /v2/_catalog", NULL, NULL, 200, JSON_TYPE, "{\"repositories\":[\"a\"]}" },
        END,
    };
    struct catalog_case c;
    (void)state;

    start(&c, rules);
    if (page(&c) != 0)
        fail_msg("%s\n%s", err_text(&c.err), buf_text(&c.server.log));
    assert_string_equal(buf_text(&c.names), "a\n");
    end(&c);
}

static void answers_by_the_table(void **state)
{
    static const struct {
        int status;
        const char *headers;
        const char *body;
        enum err_code code;
        const char *word;
    } rows[] = {
        { 200, JSON_TYPE, "{\"repositories\":[]}", ERR_NONE, "" },
        { 200, JSON_TYPE, "{\"repositories\":null}", ERR_NONE, "" },
        { 200, "", "{\"more\":1,\"repositories\":[\"a\"]}", ERR_NONE, "" },
        { 200, JSON_TYPE, "{}", ERR_MALFORMED, "repositories" },
        { 200, JSON_TYPE, "{\"repositories\":\"a\"}", ERR_MALFORMED, "not an array" },
        { 200, JSON_TYPE, "{\"repositories\":[1]}", ERR_MALFORMED, "name of a repository" },
        { 200, JSON_TYPE, "[]", ERR_MALFORMED, "catalogue" },
        { 200, JSON_TYPE, "", ERR_MALFORMED, "" },
        { 200, JSON_TYPE "Link: <http://%O/v2/_catalog>; rel=next\r\n", "{\"repositories\":[]}",
          ERR_MALFORMED, "another host" },
        { 200, JSON_TYPE "Link: </v2/_catalog>; rel=next\r\n", "{\"repositories\":[]}",
          ERR_MALFORMED, "the same page" },
        { 401, "", "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"no\"}]}", ERR_AUTH,
          ": catalogue: HTTP 401: UNAUTHORIZED" },
        { 403, "", "", ERR_AUTH, "HTTP 403" },
        { 404, "", "", ERR_NOT_FOUND, "HTTP 404" },
        { 405, "", "", ERR_UNSUPPORTED, "HTTP 405" },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct rule rules[] = {
            { "GET /v2/_catalog", NULL, NULL, rows[i].status, rows[i].headers, rows[i].body }, END
        };
        struct catalog_case c;
        start(&c, rules);
        const int done = page(&c);
        if (c.err.code != rows[i].code || strstr(err_text(&c.err), rows[i].word) == NULL)
            fail_msg("row %zu: %s: %s", i, err_name(c.err.code), err_text(&c.err));
        assert_int_equal(done, rows[i].code == ERR_NONE ? 0 : -1);
        assert_false(c.more);
        end(&c);
    }
}

static void names_have_a_ceiling(void **state)
{
    static const struct rule rules[] = { { "GET /v2/_catalog", NULL, NULL, 200, JSON_TYPE,
                                           "{\"repositories\":[\"abc\",\"abcd\"]}" },
                                         END };
    static const struct {
        size_t max;
        enum err_code code;
    } rows[] = { { 9, ERR_NONE }, { 8, ERR_LIMIT } };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct catalog_case c;
        start(&c, rules);
        c.names.max = rows[i].max;
        assert_int_equal(page(&c), rows[i].code == ERR_NONE ? 0 : -1);
        assert_int_equal(c.err.code, rows[i].code);
        end(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_follow_links),
        cmocka_unit_test(its_scope_is_the_catalogue),
        cmocka_unit_test(answers_by_the_table),
        cmocka_unit_test(names_have_a_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
