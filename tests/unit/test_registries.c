/* What registries.yaml and the command line say, as it shows on the wire; uploads in pieces. */
#include "tests/unit/script.h"

#include "registry/registries_private.h"
#include "tests/unit/folder.h"

#define EMPTY_DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define BASIC "WWW-Authenticate: Basic realm=\"x\"\r\n"
#define ANY_REQUEST(status, headers, body)                                                         \
    {                                                                                              \
        "", NULL, NULL, status, headers, body                                                      \
    }

static int load_yaml(struct registries **out, struct folder *f, const char *yaml, const char *user,
                     const struct secret *password)
{
    struct err err = ERR_INIT;
    static char path[400];

    assert_int_equal(folder_write(f, "registries.yaml", yaml, 0600), 0);
    snprintf(path, sizeof(path), "%s", folder_path(f, "registries.yaml"));
    const struct registries_options options = {
        .file = path, .auth_file = no_credentials(), .username = user, .password = password
    };
    if (registries_new(out, &options, &err) != 0)
        fail_msg("%s", err_text(&err));
    return 0;
}

static struct store *open_host(struct registries *r, const char *host)
{
    struct reference ref = { .host = (char *)(uintptr_t)host,
                             .repository = (char *)(uintptr_t) "demo/app" };
    struct store *s;
    struct err err = ERR_INIT;

    if (store_open(&s, r, &ref, STORE_READ, &err) != 0)
        fail_msg("%s", err_text(&err));
    return s;
}

/* --- Mirrors --- */

struct mirrored {
    struct folder folder;
    struct server original, mirror;
    struct registries *registries;
    struct secret *password;
    struct store *store;
};

static void mirrored_start(struct mirrored *m, const struct rule *original,
                           const struct rule *mirror)
{
    struct err err = ERR_INIT;
    char yaml[400];

    server_start(&m->original, original);
    server_start(&m->mirror, mirror);
    assert_int_equal(folder_make(&m->folder), 0);
    assert_int_equal(secret_copy(&m->password, BYTES_LIT("secret"), &err), 0);
    snprintf(yaml, sizeof(yaml),
             "version: 1\nregistries:\n  %s:\n    plain-http: true\n    mirrors: [%s/hub]\n"
             "  %s: {plain-http: true}\n",
             m->original.host, m->mirror.host, m->mirror.host);
    load_yaml(&m->registries, &m->folder, yaml, "me", m->password);
    m->store = open_host(m->registries, m->original.host);
}

static void mirrored_stop(struct mirrored *m)
{
    store_free(m->store);
    registries_free(m->registries);
    secret_free(m->password);
    server_stop(&m->original);
    server_stop(&m->mirror);
    folder_remove(&m->folder);
    unlink(no_credentials());
}

static struct fetch empty_blob(void)
{
    struct fetch f = { .what = FETCH_BLOB, .size = 2 };
    struct err err = ERR_INIT;

    assert_int_equal(digest_parse(&f.digest, BYTES_LIT(EMPTY_DIGEST), &err), 0);
    return f;
}

static void mirror_answers_for_a_digest_and_not_for_a_tag(void **state)
{
    static const struct rule original[] = {
        { "GET /v2/demo/app/manifests/v1", NULL, NULL, 200, INDEX_TYPE, INDEX_BODY }, END
    };
    static const struct rule mirror[] = { { "GET /v2/hub/demo/app/blobs/" EMPTY_DIGEST, NULL, NULL,
                                            200, NULL, "{}" },
                                          ANY_REQUEST(200, INDEX_TYPE, "not what was asked for") };
    struct mirrored m;
    struct fetch f[2];
    (void)state;

    mirrored_start(&m, original, mirror);
    f[0] = empty_blob();
    f[1] = by_tag();
    store_fetch(m.store, f, 2, soon());
    for (size_t i = 0; i < 2; i++) {
        if (f[i].err.code != ERR_NONE)
            fail_msg("%s", err_text(&f[i].err));
        fetch_clear(&f[i]);
    }
    assert_int_equal(count(&m.mirror, "GET /"), 1);
    assert_int_equal(count(&m.original, "GET /"), 1);
    mirrored_stop(&m);
}

static void original_is_asked_when_the_mirror_fails(void **state)
{
    static const struct rule original[] = {
        { "GET /v2/demo/app/blobs/" EMPTY_DIGEST, NULL, NULL, 200, NULL, "{}" }, END
    };
    static const struct rule mirrors[][2] = {
        { ANY_REQUEST(404, NULL, NULL), END },
        { ANY_REQUEST(200, NULL, "[]"), END }, /* other content of the same size */
        { ANY_REQUEST(401, BASIC, NULL), END },
        { ANY_REQUEST(501, NULL, NULL), END },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(mirrors); i++) {
        struct mirrored m;
        mirrored_start(&m, original, mirrors[i]);
        expect(m.store, empty_blob(), ERR_NONE, "");
        assert_int_equal(count(&m.mirror, "GET /"), 1);
        assert_int_equal(count(&m.original, "GET /"), 1);
        /* The command line's password is the original's alone. */
        assert_int_equal(count(&m.mirror, "Authorization"), 0);
        mirrored_stop(&m);
    }
}

static void not_found_is_the_originals_word(void **state)
{
    static const struct rule original[] = { ANY_REQUEST(501, NULL, NULL), END };
    static const struct rule mirror[] = { ANY_REQUEST(404, NULL, NULL), END };
    struct mirrored m;
    (void)state;

    mirrored_start(&m, original, mirror);
    expect(m.store, empty_blob(), ERR_NETWORK, "HTTP 501");
    mirrored_stop(&m);
}

/* --- Evidence --- */

static void evidence_places_get_no_password_of_the_command_line(void **state)
{
    static const struct rule rules[] = { ANY_REQUEST(401, BASIC, NULL), END };
    struct folder f;
    struct server image, place;
    struct registries *r;
    struct secret *password;
    struct reference ref, at;
    struct store *s;
    struct err err = ERR_INIT;
    char yaml[400];
    (void)state;

    server_start(&image, rules);
    server_start(&place, rules);
    assert_int_equal(folder_make(&f), 0);
    assert_int_equal(secret_copy(&password, BYTES_LIT("secret"), &err), 0);
    snprintf(yaml, sizeof(yaml),
             "version: 1\nregistries:\n  %s:\n    plain-http: true\n"
             "    evidence: [%s/sigs, \"oci:/srv/evidence\"]\n  %s: {plain-http: true}\n",
             image.host, place.host, place.host);
    load_yaml(&r, &f, yaml, "me", password);
    ref = (struct reference) { .host = image.host, .repository = (char *)(uintptr_t) "demo/app" };
    s = open_host(r, image.host);
    expect(s, by_tag(), ERR_AUTH, "401");
    store_free(s);
    assert_int_equal(count(&image, "Authorization: Basic"), 1);

    assert_int_equal(registries_evidence(&at, r, &ref, 0, &err), 0);
    assert_string_equal(at.host, place.host);
    assert_string_equal(at.repository, "sigs");
    assert_int_equal(store_open(&s, r, &at, STORE_READ, &err), 0);
    expect(s, by_tag(), ERR_AUTH, "401");
    store_free(s);
    reference_clear(&at);
    assert_int_equal(count(&place, "GET /v2/sigs/manifests/v1"), 1);
    assert_int_equal(count(&place, "Authorization"), 0);

    assert_int_equal(registries_evidence(&at, r, &ref, 1, &err), 0);
    assert_true(at.layout);
    assert_string_equal(at.repository, "/srv/evidence");
    reference_clear(&at);
    assert_int_equal(registries_evidence(&at, r, &ref, 2, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    registries_free(r);
    secret_free(password);
    server_stop(&image);
    server_stop(&place);
    folder_remove(&f);
    unlink(no_credentials());
}

/* --- TLS or not --- */

struct answerer {
    int fd;
    const char *bytes;
    size_t len;
};

static void *answer_once(void *context)
{
    struct answerer *a = context;
    char in[200];
    int fd = accept(a->fd, NULL, NULL);

    if (recv(fd, in, sizeof(in), 0) > 0 && a->len > 0)
        send(fd, a->bytes, a->len, MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static bool probe(const char *bytes, size_t len)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(at);
    struct answerer a = { socket(AF_INET, SOCK_STREAM, 0), bytes, len };
    pthread_t thread;
    char host[40];

    assert_int_equal(bind(a.fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(a.fd, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(listen(a.fd, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_once, &a), 0);
    snprintf(host, sizeof(host), "127.0.0.1:%d", ntohs(at.sin_port));
    bool plain = loopback_is_plain(host);
    pthread_join(thread, NULL);
    close(a.fd);
    return plain;
}

static void only_http_is_plain(void **state)
{
    static const char alert[] = { 0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28 };
    static const char handshake[] = { 0x16, 0x03, 0x03, 0x00, 0x04 };
    (void)state;

    assert_true(probe("HTTP/1.1 400 Bad Request\r\n\r\n", 28));
    assert_false(probe(alert, sizeof(alert)));
    assert_false(probe(handshake, sizeof(handshake)));
    assert_false(probe("", 0));                     /* hangs up */
    assert_false(loopback_is_plain("127.0.0.1:1")); /* nobody there: not settled by that */
}

static void plain_registry_on_loopback_is_found_out(void **state)
{
    static const struct rule rules[] = { { "GET /v2/demo/app/manifests/v1", NULL, NULL, 200,
                                           INDEX_TYPE, INDEX_BODY },
                                         ANY_REQUEST(400, NULL, NULL) };
    const struct registries_options options = { .auth_file = NULL };
    struct server s;
    struct registries *r;
    struct err err = ERR_INIT;
    (void)state;

    server_start(&s, rules);
    assert_int_equal(registries_new(&r, &options, &err), 0);
    struct store *store = open_host(r, s.host);
    expect(store, by_tag(), ERR_NONE, "");
    expect(store, by_tag(), ERR_NONE, "");
    assert_int_equal(count(&s, "\x16\x03\x01"), 1); /* asked once */
    store_free(store);
    registries_free(r);
    /* where private addresses are refused, nothing is sent there at all */
    const struct registries_options strict = { .refuse_private = true };
    buf_reset(&s.log);
    assert_int_equal(registries_new(&r, &strict, &err), 0);
    store = open_host(r, s.host);
    struct fetch f = by_tag();
    store_fetch(store, &f, 1, clock_deadline(1000));
    assert_int_not_equal(f.err.code, ERR_NONE);
    assert_int_equal(s.log.len, 0);
    fetch_clear(&f);
    store_free(store);
    registries_free(r);
    server_stop(&s);
}

/* --- Uploads in pieces --- */

static void too_large_at_once_goes_in_pieces(void **state)
{
    static const struct rule rules[] = {
        { "POST /v2/demo/app/blobs/uploads/ ", NULL, NULL, 202, "Location: /up?n=0\r\n", "" },
        { "PATCH /up?n=0", "Content-Range: 0-8388607\r\n", NULL, 202, "Location: /up?n=1\r\n", "" },
        { "PATCH /up?n=1", "Content-Range: 8388608-8388611\r\n", NULL, 202, "Location: /up?n=2\r\n",
          "" },
        { "PUT /up?n=2&digest=sha256%3A", "Content-Length: 0\r\n", NULL, 201, "", "" },
        { "PUT /up?n=0&digest=", NULL, NULL, 413, "", "" },
        { "DELETE /up?n=0", NULL, NULL, 204, "", "" },
        END
    };
    const size_t size = 8 * MIB + 4;
    uint8_t *data = calloc(1, size);
    struct store_blob blob = { .size = (int64_t)size, .bytes = { data, size } };
    struct server s;
    struct err err = ERR_INIT;
    (void)state;

    server_start(&s, rules);
    struct opened o = open_at(s.host, NULL);
    assert_int_equal(digest_of(&blob.digest, HASH_SHA256, blob.bytes, &err), 0);
    if (store_put_blob(o.store, &blob, soon(), &err) != 0)
        fail_msg("%s", err_text(&err));
    assert_int_equal(count(&s, "DELETE /up?n=0"), 1); /* the first upload was given up */
    assert_int_equal(count(&s, "PATCH /up"), 2);
    close_it(&o);
    server_stop(&s);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mirror_answers_for_a_digest_and_not_for_a_tag),
        cmocka_unit_test(original_is_asked_when_the_mirror_fails),
        cmocka_unit_test(not_found_is_the_originals_word),
        cmocka_unit_test(evidence_places_get_no_password_of_the_command_line),
        cmocka_unit_test(only_http_is_plain),
        cmocka_unit_test(plain_registry_on_loopback_is_found_out),
        cmocka_unit_test(too_large_at_once_goes_in_pieces),
    };
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
