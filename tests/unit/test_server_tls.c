#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/certificates.h"
#include "tests/unit/webhook_client.h"

#include "base/secret.h"

/* Over TLS: versions and ciphers, certificates of both sides, what never finishes a handshake. */

#define HOUR 3600
#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(path, length, body)                                                                   \
    "POST " path " HTTP/1.1\r\nHost: x\r\nContent-Length: " length "\r\n\r\n" body

static struct handling handling;
static struct folder folder;
static struct authority ca, clients_ca, other_ca;

/* --- Both sides --- */

static const char *in_folder(char out[320], const char *name, const char *suffix)
{
    snprintf(out, 320, "%s/%s%s", folder.path, name, suffix);
    return out;
}

/* client_ca NULL: none wanted; name NULL: any. */
static struct tls_identity *identity(const char *server, const char *client_ca, const char *name)
{
    char cert[320], key[320], authority[320];
    struct tls_identity *out = NULL;
    struct err err = ERR_INIT;
    struct tls_files files = { .cert = in_folder(cert, server, ".crt"),
                               .key = in_folder(key, server, ".key"),
                               .client_names = &name,
                               .n_client_names = name != NULL };

    if (client_ca != NULL)
        files.client_ca = in_folder(authority, client_ca, ".pem");
    EXPECT_OK(tls_identity_read(&out, &files, &err), &err);
    return out;
}

static struct tls *tls_with(const char *server, const char *client_ca, const char *name)
{
    struct tls_identity *id = identity(server, client_ca, name);
    struct tls *tls = NULL;
    struct err err = ERR_INIT;

    EXPECT_OK(tls_new(&tls, id, &err), &err);
    tls_identity_drop(id);
    return tls;
}

static void use(struct tls *tls, const char *server, const char *client_ca)
{
    struct tls_identity *id = identity(server, client_ca, NULL);

    tls_use(tls, id);
    tls_identity_drop(id);
}

static struct server *serve_within(struct tls *tls, int64_t header_ms)
{
    struct server_options options = handling_options(&handling);

    options.tls = tls;
    options.times.header = header_ms;
    return start(&options);
}

static struct server *serve(struct tls *tls)
{
    return serve_within(tls, 0);
}

/* A client that trusts `ca`; with a certificate of its own where `own` names one. */
static SSL_CTX *client_context(const char *own)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    char file[320];

    assert_non_null(context);
    SSL_CTX_set_security_level(context, 0); /* so that it is the server that refuses */
    assert_int_equal(SSL_CTX_load_verify_file(context, in_folder(file, "ca", ".pem")), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (own != NULL) {
        assert_int_equal(SSL_CTX_use_certificate_chain_file(context, in_folder(file, own, ".crt")),
                         1);
        assert_int_equal(
            SSL_CTX_use_PrivateKey_file(context, in_folder(file, own, ".key"), SSL_FILETYPE_PEM),
            1);
    }
    return context;
}

static void assert_served_by(const struct client *c, const char *name)
{
    char text[128] = "";
    X509 *certificate = SSL_get1_peer_certificate(c->ssl);

    assert_non_null(certificate);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text,
                              sizeof(text));
    X509_free(certificate);
    assert_string_equal(text, name);
}

/* --- Versions and ciphers --- */

struct version_row {
    const char *name;
    int least, most;
    const char *ciphers; /* of TLS 1.2, NULL: any */
    int group;           /* 0: any */
    bool rsa;            /* the server's key */
    bool served;
};

static const struct version_row version_rows[] = {
    { "TLS 1.3", TLS1_3_VERSION, TLS1_3_VERSION, NULL, 0, false, true },
    { "TLS 1.3, RSA", TLS1_3_VERSION, TLS1_3_VERSION, NULL, 0, true, true },
    { "TLS 1.3, P-384", TLS1_3_VERSION, TLS1_3_VERSION, NULL, NID_secp384r1, false, true },
    { "TLS 1.3, X25519", TLS1_3_VERSION, TLS1_3_VERSION, NULL, NID_X25519, false, true },
    { "TLS 1.2", TLS1_2_VERSION, TLS1_2_VERSION, NULL, 0, false, true },
    { "TLS 1.2, RSA", TLS1_2_VERSION, TLS1_2_VERSION, NULL, 0, true, true },
    { "AES-128-GCM", TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 0, false,
      true },
    { "AES-256-GCM", TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384", 0, true, true },
    { "ChaCha20", TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", 0, false, true },
    { "CBC", TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA", 0,
      false, false },
    { "CBC, RSA", TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA", 0,
      true, false },
    { "RSA key exchange", TLS1_2_VERSION, TLS1_2_VERSION, "AES128-GCM-SHA256", 0, true, false },
    { "finite-field DHE", TLS1_2_VERSION, TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", 0, true,
      false },
    { "no encryption", TLS1_2_VERSION, TLS1_2_VERSION, "eNULL", 0, true, false },
    { "TLS 1.1", TLS1_1_VERSION, TLS1_1_VERSION, NULL, 0, true, false },
    { "TLS 1.0", TLS1_VERSION, TLS1_VERSION, NULL, 0, true, false },
};

static void versions(void **state)
{
    const struct version_row *row = *state;
    struct tls *tls = tls_with(row->rsa ? "rsa" : "server", NULL, NULL);
    struct server *server = serve(tls);
    SSL_CTX *context = client_context(NULL);

    SSL_CTX_set_min_proto_version(context, row->least);
    SSL_CTX_set_max_proto_version(context, row->most);
    if (row->ciphers != NULL)
        assert_int_equal(SSL_CTX_set_cipher_list(context, row->ciphers), 1);
    int group = row->group;
    if (group != 0)
        assert_int_equal(SSL_CTX_set1_groups(context, &group, 1), 1);
    struct client c = client_tls(server_port(server), context);
    assert_int_equal(c.ssl != NULL, row->served);
    if (!row->served) /* the server hung up: it was not the client's own rules */
        assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_UNEXPECTED_EOF_WHILE_READING);
    else
        expect_reply(&c, POST("/race", "5", "hello"), 200, "hello");
    client_close(&c);
    SSL_CTX_free(context);
    server_stop(server);
    tls_free(tls);
}

static void speaks_http_1_1(void **state)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    struct tls *tls = tls_with("server", NULL, NULL);
    struct server *server = serve(tls);
    SSL_CTX *context = client_context(NULL);
    const unsigned char *chosen = NULL;
    unsigned len = 0;

    (void)state;
    SSL_CTX_set_alpn_protos(context, both, sizeof(both) - 1);
    struct client c = client_tls(server_port(server), context);
    assert_non_null(c.ssl);
    SSL_get0_alpn_selected(c.ssl, &chosen, &len);
    assert_int_equal(len, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    client_close(&c);
    SSL_CTX_free(context);
    server_stop(server);
    tls_free(tls);
}

/* Requests that came in one record wait inside GnuTLS while the first one is suspended. */
static void pipelines(void **state)
{
    struct tls *tls = tls_with("server", NULL, NULL);
    struct server *server = serve(tls);
    SSL_CTX *context = client_context(NULL);

    (void)state;
    struct client c = client_tls(server_port(server), context);
    for (int i = 0; i < 50; i++) {
        assert_true(client_text(&c, POST("/race", "3", "one") POST("/race", "3", "two")
                                        POST("/first", "5", "three") GET("/hello")));
        expect_reply(&c, "", 200, "one");
        expect_reply(&c, "", 200, "two");
        expect_reply(&c, "", 200, "three");
        expect_reply(&c, "", 200, "hello");
    }
    client_close(&c);
    SSL_CTX_free(context);
    server_stop(server);
    tls_free(tls);
}

static void long_bodies_go_both_ways(void **state)
{
    static char body[TEST_BODY_MAX];
    struct tls *tls = tls_with("server", NULL, NULL);
    struct server *server = serve(tls);
    SSL_CTX *context = client_context(NULL);
    struct reply r;

    (void)state;
    memset(body, 'x', sizeof(body));
    struct client c = client_tls(server_port(server), context);
    for (int i = 0; i < 20; i++) {
        assert_true(client_text(&c, POST("/echo", "65536", "")));
        assert_true(client_send(&c, body, sizeof(body)));
        client_reply(&c, &r, false);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.body.len, sizeof(body));
        assert_memory_equal(r.body.data, body, sizeof(body));
        reply_clear(&r);
    }
    client_close(&c);
    SSL_CTX_free(context);
    server_stop(server);
    tls_free(tls);
}

/* --- The server's certificate --- */

static void a_new_certificate_is_for_new_connections(void **state)
{
    struct tls *tls = tls_with("server", NULL, NULL);
    struct server *server = serve(tls);
    SSL_CTX *context = client_context(NULL);

    (void)state;
    struct client old = client_tls(server_port(server), context);
    assert_served_by(&old, "server");
    use(tls, "second", NULL);
    struct client new = client_tls(server_port(server), context);
    assert_served_by(&new, "second");
    expect_reply(&new, GET("/hello"), 200, "hello");
    expect_reply(&old, POST("/race", "5", "hello"), 200, "hello");
    use(tls, "rsa", NULL); /* another kind of key */
    struct client newest = client_tls(server_port(server), context);
    assert_served_by(&newest, "rsa");
    expect_reply(&old, GET("/hello"), 200, "hello");
    client_close(&old);
    client_close(&new);
    client_close(&newest);
    SSL_CTX_free(context);
    server_stop(server);
    tls_free(tls);
}

struct hurry {
    struct server *server;
    SSL_CTX *context;
};

static void *shake_hands(void *context)
{
    const struct hurry *hurry = context;

    for (int i = 0; i < 20; i++) {
        struct client c = client_tls(server_port(hurry->server), hurry->context);
        assert_non_null(c.ssl);
        expect_reply(&c, POST("/race", "5", "hello"), 200, "hello");
        client_close(&c);
    }
    return NULL;
}

/* Also in the middle of handshakes. */
static void certificates_change_under_load(void **state)
{
    enum { N = 4 };
    struct tls *tls = tls_with("server", NULL, NULL);
    struct server *server = serve(tls);
    struct hurry hurry = { .server = server, .context = client_context(NULL) };
    pthread_t threads[N];

    (void)state;
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, shake_hands, &hurry), 0);
    for (int i = 0; i < 50; i++) {
        use(tls, i % 2 ? "server" : "second", i % 3 ? NULL : "clients");
        pause_ms(3);
    }
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    SSL_CTX_free(hurry.context);
    server_stop(server);
    tls_free(tls);
}

/* --- The client's certificate --- */

struct caller_row {
    const char *name;
    const char *own;       /* NULL: none */
    const char *client_ca; /* NULL: none is wanted */
    const char *may_call;  /* NULL: whoever the CA vouches for */
    int status;
    const char *word;
};

static const struct caller_row caller_rows[] = {
    { "none wanted, none shown", NULL, NULL, NULL, 200, "abc" },
    { "none wanted, one shown", "stranger", NULL, NULL, 200, "abc" },
    { "missing", NULL, "clients", NULL, 403, "is wanted" },
    { "right", "caller", "clients", NULL, 200, "abc" },
    { "for anything", "any-use", "clients", NULL, 200, "abc" },
    { "untrusted", "stranger", "clients", NULL, 403, "not trusted" },
    { "untrusted, same name", "stranger", "clients", "caller", 403, "not trusted" },
    { "of the server's CA", "server-ca-client", "clients", NULL, 403, "not trusted" },
    { "signed by itself", "self", "clients", NULL, 403, "not trusted" },
    { "expired", "expired", "clients", NULL, 403, "expired" },
    { "not yet valid", "future", "clients", NULL, 403, "not trusted" },
    { "for servers", "for-servers", "clients", NULL, 403, "not trusted" },
    { "named, common name", "caller", "clients", "caller", 200, "abc" },
    { "named, DNS", "caller", "clients", "caller.test", 200, "abc" },
    { "named, URI", "caller", "clients", "spiffe://test/caller", 200, "abc" },
    { "another name", "caller", "clients", "other", 403, "may call" },
    { "shorter name", "caller", "clients", "calle", 403, "may call" },
    { "longer name", "caller", "clients", "caller2", 403, "may call" },
    { "another case", "caller", "clients", "Caller", 403, "may call" },
    { "an e-mail address is no name", "caller", "clients", "caller@test", 403, "may call" },
    { "a NUL in a name", "nul", "clients", "caller", 403, "may call" },
};

static void caller_over(const struct caller_row *row, int version)
{
    struct tls *tls = tls_with("server", row->client_ca, row->may_call);
    struct server *server = serve(tls);
    SSL_CTX *context = client_context(row->own);
    int before = handling.handled;

    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    struct client c = client_tls(server_port(server), context);
    assert_non_null(c.ssl);
    expect_reply(&c, GET("/hello"), 200, "hello"); /* probes are asked for none */
    expect_reply(&c, POST("/caller", "3", "abc"), row->status, row->word);
    if (row->status == 200) {
        expect_reply(&c, POST("/caller", "3", "abc"), 200, "abc");
        expect_reply(&c, POST("/caller", "3", "abc"), 200, "abc");
    }
    assert_int_equal(handling.handled, before + (row->status == 200 ? 4 : 1));
    client_close(&c);
    SSL_CTX_free(context);
    server_stop(server);
    tls_free(tls);
}

static void caller(void **state)
{
    caller_over(*state, TLS1_3_VERSION);
    caller_over(*state, TLS1_2_VERSION);
}

/* Whoever is no longer vouched for is out, though its connection stays. */
static void trust_rotates(void **state)
{
    struct tls *tls = tls_with("server", "clients", NULL);
    struct server *server = serve(tls);
    SSL_CTX *context = client_context("caller");

    (void)state;
    struct client c = client_tls(server_port(server), context);
    expect_reply(&c, POST("/caller", "3", "abc"), 200, "abc");
    use(tls, "second", "clients");
    expect_reply(&c, POST("/caller", "3", "abc"), 200, "abc");
    use(tls, "second", "other");
    expect_reply(&c, POST("/caller", "3", "abc"), 403, "not trusted");
    assert_true(until_closed(&c) >= 0);
    use(tls, "second", "clients");
    struct client again = client_tls(server_port(server), context);
    expect_reply(&again, POST("/caller", "3", "abc"), 200, "abc");
    client_close(&c);
    client_close(&again);
    SSL_CTX_free(context);
    server_stop(server);
    tls_free(tls);
}

static void wants_token_and_certificate(void **state)
{
    struct tls *tls = tls_with("server", "clients", NULL);
    struct server *server = serve(tls);
    SSL_CTX *context = client_context("caller");
    SSL_CTX *bare = client_context(NULL);
    const char *const with_token = "POST /caller HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n"
                                   "Content-Length: 3\r\n\r\nabc";

    (void)state;
    strcpy(handling.token, "t");
    struct client c = client_tls(server_port(server), context);
    expect_reply(&c, POST("/caller", "3", "abc"), 401, "token");
    expect_reply(&c, with_token, 200, "abc");
    struct client without = client_tls(server_port(server), bare);
    expect_reply(&without, with_token, 403, "certificate");
    *handling.token = 0;
    client_close(&c);
    client_close(&without);
    SSL_CTX_free(context);
    SSL_CTX_free(bare);
    server_stop(server);
    tls_free(tls);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_get_app_data(ssl);

    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

/* A resumed session would carry the client certificate of another time. */
static void nothing_is_resumed(void **state)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    struct tls *tls = tls_with("server", "clients", NULL);
    struct server *server = serve(tls);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        SSL_CTX *context = client_context("caller");
        SSL_SESSION *session = NULL;
        SSL_CTX_set_max_proto_version(context, versions[i]);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT);
        SSL_CTX_sess_set_new_cb(context, keep_session);
        for (int turn = 0; turn < 2; turn++) {
            struct client c = { .fd = connect_to(server_port(server)) };
            c.ssl = SSL_new(context);
            SSL_set_app_data(c.ssl, &session);
            SSL_set_fd(c.ssl, c.fd);
            if (session != NULL)
                SSL_set_session(c.ssl, session);
            assert_int_equal(SSL_connect(c.ssl), 1);
            expect_reply(&c, POST("/caller", "3", "abc"), 200, "abc");
            assert_int_equal(SSL_session_reused(c.ssl), 0);
            SSL_shutdown(c.ssl);
            client_close(&c);
        }
        SSL_SESSION_free(session);
        SSL_CTX_free(context);
    }
    server_stop(server);
    tls_free(tls);
}

/* --- What is no TLS, or half of it --- */

struct bad_row {
    const char *name;
    const char *text;
    size_t len;
    bool at_once; /* else at the time limit */
};

#define HALF_OPEN_MS 600
#define BYTES(text) text, sizeof(text) - 1
static const struct bad_row bad_rows[] = {
    { "silence", "", 0, false },
    { "half a record", BYTES("\x16\x03\x01"), false },
    { "half a hello", BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage"), false },
    { "plain HTTP", BYTES(GET("/hello")), true },
    { "garbage", BYTES("\x00\xff\xfe\x80garbage that is longer than a record's header"), true },
    { "an alert", BYTES("\x15\x03\x03\x00\x02\x02\x28"), true },
    { "application data first", BYTES("\x17\x03\x03\x00\x05hello"), true },
    { "SSLv2", BYTES("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80"), false },
};

static void is_no_tls(void **state)
{
    const struct bad_row *row = *state;
    struct tls *tls = tls_with("server", NULL, NULL);
    struct server *server = serve_within(tls, HALF_OPEN_MS);
    SSL_CTX *context = client_context(NULL);
    struct client c = client_plain(server_port(server));

    assert_true(client_send(&c, row->text, row->len));
    int64_t took = until_closed(&c);
    assert_in_range(took, row->at_once ? 0 : HALF_OPEN_MS - 50,
                    row->at_once ? HALF_OPEN_MS - 100 : 4000);
    assert_int_equal(state_of(server).cut, !row->at_once);
    await_connections(server, 0);
    struct client good = client_tls(server_port(server), context);
    expect_reply(&good, GET("/hello"), 200, "hello");
    client_close(&good);
    client_close(&c);
    SSL_CTX_free(context);
    server_stop(server);
    tls_free(tls);
}

static void half_open_ones_do_not_hinder(void **state)
{
    enum { N = 200 };
    struct tls *tls = tls_with("server", NULL, NULL);
    struct server *server = serve_within(tls, HALF_OPEN_MS);
    SSL_CTX *context = client_context(NULL);
    struct client half[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        half[i] = client_plain(server_port(server));
        assert_true(client_send(&half[i], "\x16\x03\x01\x02", 4));
    }
    struct client c = client_tls(server_port(server), context);
    int64_t began = clock_millis();
    expect_reply(&c, GET("/hello"), 200, "hello");
    assert_in_range(clock_millis() - began, 0, HALF_OPEN_MS - 50);
    await_connections(server, 1);
    assert_int_equal(state_of(server).cut, N);
    for (int i = 0; i < N; i++)
        client_close(&half[i]);
    client_close(&c);
    SSL_CTX_free(context);
    server_stop(server);
    tls_free(tls);
}

/* The certificate of a client that drops out in the middle is not leaked. */
static void stop_with_half_open_ones(void **state)
{
    struct tls *tls = tls_with("server", NULL, NULL);
    struct server *server = serve(tls);
    SSL_CTX *context = client_context(NULL);
    struct client half = client_plain(server_port(server));
    struct client waiting = client_tls(server_port(server), context);

    (void)state;
    assert_true(client_text(&waiting, POST("/keep", "4", "late")));
    await_kept(&handling, 1);
    await_connections(server, 2);
    server_stop(server);
    tls_free(tls);
    expect_reply(&waiting, "", 503, "stopped");
    answer_kept(&handling);
    client_close(&half);
    client_close(&waiting);
    SSL_CTX_free(context);
}

/* --- Files --- */

static void write_clients(void)
{
    struct certificate_wish wish = {
        .name = "caller",
        .alternative = "DNS:caller.test,URI:spiffe://test/caller,email:caller@test",
        .usage = "clientAuth",
        .from = -HOUR,
        .to = HOUR
    };

    certificate_write(&folder, "caller", &wish, &clients_ca);
    certificate_write(&folder, "stranger", &wish, &other_ca);
    certificate_write(&folder, "server-ca-client", &wish, &ca);
    certificate_write(&folder, "self", &wish, NULL);
    wish.usage = NULL;
    certificate_write(&folder, "any-use", &wish, &clients_ca);
    wish.usage = "serverAuth";
    certificate_write(&folder, "for-servers", &wish, &clients_ca);
    wish.usage = "clientAuth";
    wish.to = -1;
    certificate_write(&folder, "expired", &wish, &clients_ca);
    wish.from = HOUR;
    wish.to = 2 * HOUR;
    certificate_write(&folder, "future", &wish, &clients_ca);
    wish = (struct certificate_wish) {
        .name = "caller", .name_len = sizeof("caller\0x") - 1, .from = -HOUR, .to = HOUR
    };
    wish.name = "caller\0x";
    certificate_write(&folder, "nul", &wish, &clients_ca);
}

static int setup(void)
{
    struct certificate_wish wish = { .name = "server",
                                     .alternative = "IP:127.0.0.1",
                                     .usage = "serverAuth",
                                     .from = -HOUR,
                                     .to = HOUR };

    if (secret_init(NULL) != 0 || folder_make(&folder) != 0)
        return -1;
    authority_make(&ca, &folder, "ca");
    authority_make(&clients_ca, &folder, "clients");
    authority_make(&other_ca, &folder, "other");
    certificate_write(&folder, "server", &wish, &ca);
    wish.name = "second";
    certificate_write(&folder, "second", &wish, &ca);
    wish.name = "rsa";
    wish.rsa = true;
    certificate_write(&folder, "rsa", &wish, &ca);
    write_clients();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_http_1_1),
        cmocka_unit_test(pipelines),
        cmocka_unit_test(long_bodies_go_both_ways),
        cmocka_unit_test(a_new_certificate_is_for_new_connections),
        cmocka_unit_test(certificates_change_under_load),
        cmocka_unit_test(trust_rotates),
        cmocka_unit_test(wants_token_and_certificate),
        cmocka_unit_test(nothing_is_resumed),
        cmocka_unit_test(half_open_ones_do_not_hinder),
        cmocka_unit_test(stop_with_half_open_ones),
    };

    signal(SIGPIPE, SIG_IGN);
    pthread_mutex_init(&handling.lock, NULL);
    if (setup() != 0)
        return 1;
    int failed = RUN_ROWS(version_rows, versions);
    failed += RUN_ROWS(caller_rows, caller);
    failed += RUN_ROWS(bad_rows, is_no_tls);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    authority_clear(&ca);
    authority_clear(&clients_ca);
    authority_clear(&other_ca);
    folder_remove(&folder);
    return failed != 0;
}
