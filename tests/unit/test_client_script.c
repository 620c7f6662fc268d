/* The client against a registry that lies. */
#include "tests/unit/script.h"

/* --- Content --- */

static void content_that_is_not_what_it_says(void **state)
{
    static const char zeros[] =
        "Docker-Content-Digest: "
        "sha256:0000000000000000000000000000000000000000000000000000000000000000\r\n" INDEX_TYPE;
    const struct rule rules[] = { { "GET /v2/demo/app/manifests/v1", NULL, NULL, 200, zeros,
                                    INDEX_BODY },
                                  { "GET /v2/", NULL, NULL, 200, INDEX_TYPE, INDEX_BODY },
                                  END };
    struct server s;
    struct digest wrong = { .alg = HASH_SHA256, .value = { 1 } };
    (void)state;
    server_start(&s, rules);
    struct opened o = open_at(s.host, NULL);

    expect(o.store, by_tag(), ERR_INVALID, "Docker-Content-Digest");
    expect(o.store, (struct fetch) { .what = FETCH_MANIFEST, .digest = wrong, .size = -1 },
           ERR_INVALID, "manifest sha256:0100");
    expect(o.store, (struct fetch) { .what = FETCH_BLOB, .digest = wrong, .size = -1 }, ERR_INVALID,
           "blob sha256:0100");
    expect(o.store, (struct fetch) { .what = FETCH_BLOB, .digest = wrong, .size = 3 }, ERR_INVALID,
           "blob");
    close_it(&o);
    server_stop(&s);
}

static void statuses_have_their_codes(void **state)
{
    static const struct {
        int status;
        enum err_code code;
    } rows[] = {
        { 404, ERR_NOT_FOUND }, { 403, ERR_AUTH },      { 400, ERR_MALFORMED },
        { 409, ERR_CONFLICT },  { 410, ERR_MALFORMED }, { 501, ERR_NETWORK },
        { 206, ERR_MALFORMED }, { 204, ERR_MALFORMED },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct rule rules[] = { { "GET /v2/", NULL, NULL, rows[i].status, NULL, "" }, END };
        char word[20];
        struct server s;
        server_start(&s, rules);
        struct opened o = open_at(s.host, NULL);
        snprintf(word, sizeof(word), "HTTP %d", rows[i].status);
        expect(o.store, by_tag(), rows[i].code, word);
        close_it(&o);
        server_stop(&s);
    }
}

/* --- Warnings --- */

static void take_warning(void *context, const char *host, const char *text)
{
    (void)host;
    buf_addf(context, "%s\n", text);
}

/* RFC 7234 section 5.5, as the distribution specification narrows it. */
static void warnings_are_shown_once(void **state)
{
    static const struct {
        const char *header;
        const char *shown;
    } rows[] = {
        { "299 - \"the storage is almost full\"", "the storage is almost full\n" },
        { "299 - \"a \\\"b\\\" \\\\\"", "a \"b\" \\\n" },
        { "299 - \"one\", 299 - \"two\"", "one\ntwo\n" },
        { "299 - \"\x1b[2Jx\"", " [2Jx\n" }, /* the transport takes controls away */
        { "299 - \"\xe2\x80\xaex\"", "\\xe2\\x80\\xaex\n" },
        { "299 - \"\"", "" },
        { "299 - \"not closed", "" },
        { "299 - \"not closed\\\"", "" },
        { "299 - bare", "" },
        { "299 agent \"x\"", "" },
        { "199 - \"x\"", "" },
        { "2999 - \"x\"", "" },
        { "299", "" },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char headers[200];
        struct buf CLEANUP(buf_clear) shown = BUF_INIT(KIB);
        snprintf(headers, sizeof(headers), INDEX_TYPE "Warning: %s\r\n", rows[i].header);
        const struct rule rules[] = { { "GET /v2/", NULL, NULL, 200, headers, INDEX_BODY }, END };
        struct server s;
        server_start(&s, rules);
        struct opened o = open_with(s.host, NULL, take_warning, &shown);
        expect(o.store, by_tag(), ERR_NONE, "");
        expect(o.store, by_tag(), ERR_NONE, "");
        if (strcmp(buf_text(&shown), rows[i].shown) != 0)
            fail_msg("%s: '%s'", rows[i].header, buf_text(&shown));
        close_it(&o);
        server_stop(&s);
    }
}

/* A registry that writes another text each time, and long ones. */
static void warnings_are_bounded(void **state)
{
    struct buf CLEANUP(buf_clear) headers = BUF_INIT(MIB);
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(MIB);
    struct server s;
    (void)state;

    buf_add_text(&headers, INDEX_TYPE);
    for (int i = 0; i < 40; i++)
        buf_addf(&headers, "Warning: 299 - \"number %d\"\r\n", i);
    const struct rule rules[] = { { "GET /v2/", NULL, NULL, 200, buf_text(&headers), INDEX_BODY },
                                  END };
    server_start(&s, rules);
    struct opened o = open_with(s.host, NULL, take_warning, &shown);
    expect(o.store, by_tag(), ERR_NONE, "");
    assert_non_null(strstr(buf_text(&shown), "number 31\n"));
    assert_null(strstr(buf_text(&shown), "number 32\n"));
    close_it(&o);
    server_stop(&s);
}

static void a_long_warning_is_cut(void **state)
{
    struct buf CLEANUP(buf_clear) headers = BUF_INIT(MIB);
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(MIB);
    struct server s;
    (void)state;

    buf_add_text(&headers, INDEX_TYPE "Warning: 299 - \"");
    for (int i = 0; i < 5000; i++)
        buf_add_char(&headers, 'x');
    buf_add_text(&headers, "\"\r\n");
    const struct rule rules[] = { { "GET /v2/", NULL, NULL, 200, buf_text(&headers), INDEX_BODY },
                                  END };
    server_start(&s, rules);
    struct opened o = open_with(s.host, NULL, take_warning, &shown);
    expect(o.store, by_tag(), ERR_NONE, "");
    assert_int_equal(shown.len, 4096 + 1);
    close_it(&o);
    server_stop(&s);
}

/* --- Referrers --- */

static struct fetch referrers(const char *page)
{
    return (struct fetch) {
        .what = FETCH_REFERRERS, .digest = { .value = { 7 } }, .size = -1, .page = page
    };
}

static void referrers_by_the_table(void **state)
{
    static const struct {
        int status;
        const char *headers;
        const char *body;
        enum err_code code;
    } rows[] = {
        { 200, INDEX_TYPE, INDEX_BODY, ERR_NONE },
        { 200, "Content-Type: application/vnd.oci.image.index.v1+json; charset=utf-8\r\n",
          INDEX_BODY, ERR_NONE },
        { 200, "Content-Type: application/json\r\n", INDEX_BODY, ERR_NONE },
        { 200, "Content-Type: application/json\r\n", "{\"manifests\":[]}", ERR_UNSUPPORTED },
        { 200, "Content-Type: text/html\r\n", "<html>", ERR_UNSUPPORTED },
        { 200, "", INDEX_BODY, ERR_UNSUPPORTED },
        { 200, INDEX_TYPE, "{\"manifests\":", ERR_MALFORMED },
        { 404, "", "404 page not found", ERR_UNSUPPORTED },
        { 400, "", "", ERR_UNSUPPORTED },
        { 405, "", "", ERR_UNSUPPORTED },
        { 406, "", "", ERR_UNSUPPORTED },
        { 303, "Location: http://%O/package\r\n", "", ERR_UNSUPPORTED },
        { 403, "", "", ERR_AUTH },
        { 501, "", "", ERR_NETWORK },
        { 200, INDEX_TYPE "Link: <http://%O/v2/x>; rel=\"next\"\r\n", INDEX_BODY, ERR_MALFORMED },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct rule rules[] = {
            { "GET /v2/", NULL, NULL, rows[i].status, rows[i].headers, rows[i].body }, END
        };
        struct server s, other;
        server_start(&other, (const struct rule[]) { END });
        server_start(&s, rules);
        s.other = other.host;
        struct opened o = open_at(s.host, NULL);
        struct fetch f = referrers(NULL);
        store_fetch(o.store, &f, 1, soon());
        if (f.err.code != rows[i].code)
            fail_msg("%zu: %s: %s", i, err_name(f.err.code), err_text(&f.err));
        assert_int_equal(other.log.len, 0);
        fetch_clear(&f);
        close_it(&o);
        server_stop(&s);
        server_stop(&other);
    }
}

static void pages_of_referrers(void **state)
{
    static const struct rule rules[] = {
        { "GET /v2/demo/app/referrers/sha256:07", "?p=3", NULL, 404, NULL, NULL },
        { "GET /v2/demo/app/referrers/sha256:07", "?p=2", NULL, 200, INDEX_TYPE, INDEX_BODY },
        { "GET /v2/demo/app/referrers/sha256:07", NULL, NULL, 200,
          INDEX_TYPE "Link: <?p=2>; rel=next\r\n", INDEX_BODY },
        END
    };
    struct server s;
    (void)state;
    server_start(&s, rules);
    struct opened o = open_at(s.host, NULL);
    struct fetch first = referrers(NULL), second;

    store_fetch(o.store, &first, 1, soon());
    assert_int_equal(first.err.code, ERR_NONE);
    assert_non_null(first.next);
    second = referrers(first.next);
    store_fetch(o.store, &second, 1, soon());
    assert_int_equal(second.err.code, ERR_NONE);
    assert_null(second.next);
    char *three = first.next;
    three[strlen(three) - 1] = '3'; /* a page that is gone is not "no API", nor "no referrers" */
    expect(o.store, referrers(three), ERR_MALFORMED, "404");
    expect(o.store, referrers("http://127.0.0.1:1/v2/"), ERR_MALFORMED, "another host");
    fetch_clear(&first);
    fetch_clear(&second);
    close_it(&o);
    server_stop(&s);
}

/* --- Pushing --- */

#define SUBJECT "sha256:0700000000000000000000000000000000000000000000000000000000000000"
#define REFERRER                                                                                   \
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","           \
    "\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"" SUBJECT        \
    "\",\"size\":2},\"layers\":[],\"subject\":{\"mediaType\":"                                     \
    "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" SUBJECT "\",\"size\":2}}"

static void locations_stay_on_the_host(void **state)
{
    static const struct {
        const char *location;
        enum err_code code;
        const char *word;
    } rows[] = {
        { "Location: http://%H/up?_state=a%2Fb\r\n", ERR_NONE, "" },
        { "Location: /up?_state=a%2Fb\r\n", ERR_NONE, "" },
        { "Location: http://%O/up\r\n", ERR_MALFORMED, "another host" },
        { "Location: //%O/up\r\n", ERR_MALFORMED, "another host" },
        { "Location: ftp://%H/up\r\n", ERR_MALFORMED, "Location" },
        { "", ERR_MALFORMED, "Location" },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct rule rules[] = {
            { "POST /v2/demo/app/blobs/uploads/ ", NULL, NULL, 202, rows[i].location, "" },
            { "PUT /up?_state=a%2Fb&digest=sha256%3A", "Content-Type: application/octet-stream",
              "x-www-form", 201, "", "" },
            END
        };
        struct server s, other;
        struct err err = ERR_INIT;
        struct digest d;
        server_start(&other, (const struct rule[]) { END });
        server_start(&s, rules);
        s.other = other.host;
        struct opened o = open_at(s.host, NULL);
        int result = store_put_bytes(o.store, BYTES_LIT("hello"), &d, soon(), &err);
        if ((result == 0) != (rows[i].code == ERR_NONE) || err.code != rows[i].code ||
            strstr(err_text(&err), rows[i].word) == NULL)
            fail_msg("%zu: %s: %s", i, err_name(err.code), err_text(&err));
        assert_int_equal(other.log.len, 0);
        close_it(&o);
        server_stop(&s);
        server_stop(&other);
    }
}

static void rewritten_manifest_is_found_out(void **state)
{
    static const struct rule rules[] = {
        { "PUT /v2/", NULL, NULL, 201, "Docker-Content-Digest: " SUBJECT "\r\n", "" }, END
    };
    struct server s;
    struct err err = ERR_INIT;
    (void)state;
    server_start(&s, rules);
    struct opened o = open_at(s.host, NULL);

    assert_int_equal(
        store_put_manifest(o.store, "v1", BYTES_LIT(INDEX_BODY), TYPE_OCI_INDEX, soon(), &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err_text(&err), "another manifest"));
    close_it(&o);
    server_stop(&s);
}

static void oci_subject_is_believed_when_the_api_is_there(void **state)
{
    static const struct rule rules[] = { { "PUT /v2/demo/app/manifests/sha256:", NULL, NULL, 201,
                                           "OCI-Subject: " SUBJECT "\r\n", "" },
                                         { "GET /v2/demo/app/referrers/" SUBJECT, NULL, NULL, 200,
                                           INDEX_TYPE, INDEX_BODY },
                                         END };
    struct server s;
    struct err err = ERR_INIT;
    (void)state;
    server_start(&s, rules);
    struct opened o = open_at(s.host, NULL);

    for (int i = 0; i < 2; i++)
        assert_int_equal(
            store_put_referrer(o.store, BYTES_LIT(REFERRER), TYPE_OCI_MANIFEST, soon(), &err), 0);
    assert_int_equal(count(&s, "GET /v2/demo/app/referrers"), 1); /* confirmed once */
    assert_int_equal(count(&s, "manifests/sha256-"), 0);
    close_it(&o);
    server_stop(&s);
}

static void oci_subject_without_the_api(void **state)
{
    /* The tag is not there before it was put; the server has no memory, so the reads after the PUT
     * are told apart by nothing: the list never shows the entry, and that is reported. */
    static const struct rule rules[] = {
        { "PUT /v2/demo/app/manifests/sha256:", NULL, NULL, 201, "OCI-Subject: " SUBJECT "\r\n",
          "" },
        { "PUT /v2/demo/app/manifests/sha256-07", NULL, NULL, 201, "", "" },
        { "GET /v2/demo/app/manifests/sha256-07", NULL, NULL, 200, INDEX_TYPE, INDEX_BODY },
        END
    };
    struct server s;
    struct err err = ERR_INIT;
    (void)state;
    server_start(&s, rules);
    struct opened o = open_at(s.host, NULL);

    assert_int_equal(store_put_referrer(o.store, BYTES_LIT(REFERRER), TYPE_OCI_MANIFEST,
                                        clock_deadline(1500), &err),
                     -1);
    assert_non_null(strstr(err_text(&err), "could not be confirmed"));
    assert_int_equal(count(&s, "GET /v2/demo/app/referrers"), 1);
    assert_true(count(&s, "PUT /v2/demo/app/manifests/sha256-07") >= 1);
    close_it(&o);
    server_stop(&s);
}

static void unreadable_list_is_never_overwritten(void **state)
{
    static const int statuses[] = { 403, 400, 501 };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        const struct rule rules[] = { { "PUT /v2/", NULL, NULL, 201, "", "" },
                                      { "GET /v2/demo/app/manifests/", NULL, NULL, statuses[i], "",
                                        "" },
                                      END };
        struct server s;
        struct err err = ERR_INIT;
        server_start(&s, rules);
        struct opened o = open_at(s.host, NULL);
        assert_int_equal(store_put_referrer(o.store, BYTES_LIT(REFERRER), TYPE_OCI_MANIFEST,
                                            clock_deadline(1000), &err),
                         -1);
        assert_int_equal(count(&s, "PUT /v2/demo/app/manifests/sha256-"), 0);
        close_it(&o);
        server_stop(&s);
    }
}

static void tags_by_pages(void **state)
{
    static const struct rule rules[] = {
        { "GET /v2/demo/app/tags/list?last=b", NULL, NULL, 200, NULL,
          "{\"tags\":[\"a\",\"sha256:dead\",\"c\",\"bad tag\"]}" },
        { "GET /v2/demo/app/tags/list", NULL, NULL, 200,
          "Link: </v2/demo/app/tags/list?last=b>; rel=\"next\"\r\n", "{\"tags\":[\"b\",\"a\"]}" },
        END
    };
    static const struct rule loop[] = { { "GET /v2/demo/app/tags/list", NULL, NULL, 200,
                                          "Link: </v2/demo/app/tags/list>; rel=\"next\"\r\n",
                                          "{\"tags\":null}" },
                                        END };
    struct buf CLEANUP(buf_clear) tags = BUF_INIT(MIB);
    struct server s;
    struct err err = ERR_INIT;
    (void)state;

    server_start(&s, rules);
    struct opened o = open_at(s.host, NULL);
    assert_int_equal(store_tags(o.store, &tags, soon(), &err), 0);
    assert_string_equal(buf_text(&tags), "a\nb\nc\n");
    close_it(&o);
    server_stop(&s);
    server_start(&s, loop);
    o = open_at(s.host, NULL);
    assert_int_equal(store_tags(o.store, &tags, soon(), &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    close_it(&o);
    server_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_that_is_not_what_it_says),
        cmocka_unit_test(statuses_have_their_codes),
        cmocka_unit_test(warnings_are_shown_once),
        cmocka_unit_test(warnings_are_bounded),
        cmocka_unit_test(a_long_warning_is_cut),
        cmocka_unit_test(referrers_by_the_table),
        cmocka_unit_test(pages_of_referrers),
        cmocka_unit_test(locations_stay_on_the_host),
        cmocka_unit_test(rewritten_manifest_is_found_out),
        cmocka_unit_test(oci_subject_is_believed_when_the_api_is_there),
        cmocka_unit_test(oci_subject_without_the_api),
        cmocka_unit_test(unreadable_list_is_never_overwritten),
        cmocka_unit_test(tags_by_pages),
    };
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
