#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/http_server.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/http.h"
#include "base/limits.h"

/* Every key and certificate here is made for one run and is worth nothing. */

static const struct route routes[] = {
    { "/ok", NULL, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
    { "/down", NULL,
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n" },
};

struct fixture {
    struct server server;
    SSL_CTX *tls;
    X509 *ca;
    EVP_PKEY *ca_key;
    char *ca_pem;
    char client_cert[64], client_key[64]; /* files */
    struct http_host settings;
    struct http *http;
};

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* issuer NULL: its own. */
static X509 *make_certificate(EVP_PKEY *key, const char *name, const char *alternative,
                              X509 *issuer, EVP_PKEY *issuer_key)
{
    static long serial;
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, issuer == NULL ? subject : X509_get_subject_name(issuer));
    X509_set_pubkey(certificate, key);
    add_extension(certificate, NID_basic_constraints,
                  issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (alternative != NULL)
        add_extension(certificate, NID_subject_alt_name, alternative);
    assert_true(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
    return certificate;
}

static char *pem_of(X509 *certificate)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *data = NULL;

    assert_int_equal(PEM_write_bio_X509(out, certificate), 1);
    long len = BIO_get_mem_data(out, &data);
    char *text = strndup(data, (size_t)len);
    BIO_free(out);
    return text;
}

static void use_certificate(struct fixture *f, const char *alternative)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key, "bulla test server", alternative, f->ca, f->ca_key);

    assert_int_equal(SSL_CTX_use_certificate(f->tls, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(f->tls, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static FILE *temporary(char *name, size_t size)
{
    snprintf(name, size, "/tmp/bulla-test-XXXXXX");
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    return fdopen(fd, "w");
}

static void make_client_files(struct fixture *f)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key, "bulla test client", NULL, f->ca, f->ca_key);

    FILE *file = temporary(f->client_cert, sizeof(f->client_cert));
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
    file = temporary(f->client_key, sizeof(f->client_key));
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int host_settings(void *context, struct http_host *out, const char *host, struct err *err)
{
    struct fixture *f = context;

    (void)host;
    (void)err;
    *out = f->settings;
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = ERR_INIT;

    assert_non_null(f);
    f->ca_key = EVP_EC_gen("P-256");
    f->ca = make_certificate(f->ca_key, "bulla test CA", NULL, NULL, f->ca_key);
    f->ca_pem = pem_of(f->ca);
    f->tls = SSL_CTX_new(TLS_server_method());
    assert_non_null(f->tls);
    SSL_CTX_set_session_id_context(f->tls, (const unsigned char *)"bulla", 5);
    use_certificate(f, "IP:127.0.0.1");
    make_client_files(f);
    server_start(&f->server, routes, ARRAY_LEN(routes), f->tls);
    const struct http_options options = { .host = host_settings, .context = f };
    assert_int_equal(http_new(&f->http, &options, &err), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    http_free(f->http);
    server_stop(&f->server);
    SSL_CTX_free(f->tls);
    X509_free(f->ca);
    EVP_PKEY_free(f->ca_key);
    unlink(f->client_cert);
    unlink(f->client_key);
    free(f->ca_pem);
    free(f);
    return 0;
}

/* One GET of `path`, and what came of it. */
static void expect(struct fixture *f, const char *path, enum err_code code, const char *word)
{
    char url[64];

    snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", f->server.port, path);
    struct http_request request = {
        .url = url, .max_body = KIB, .expect_length = -1, .follow = HTTP_FOLLOW_ANY
    };
    http_fetch(f->http, &request, 1, clock_deadline(5000));
    if (request.err.code != code || strstr(err_text(&request.err), word) == NULL)
        fail_msg("%s: %s", err_name(request.err.code), err_text(&request.err));
    if (code == ERR_NONE)
        assert_string_equal(buf_text(&request.response_body), "hello");
    http_request_clear(&request);
}

static void test_untrusted(void **state)
{
    struct fixture *f = *state;

    expect(f, "/ok", ERR_NETWORK, "certificate not trusted: unable to get");
    assert_int_equal(f->server.connections, 1); /* not tried again, and nothing was sent */
    assert_int_equal(server_saw(&f->server, "GET"), 0);
}

static void test_additional(void **state)
{
    struct fixture *f = *state;

    f->settings.ca_pem = f->ca_pem;
    expect(f, "/ok", ERR_NONE, "");
    expect(f, "/ok", ERR_NONE, "");
    assert_int_equal(f->server.connections, 1);
    expect(f, "/down", ERR_NETWORK, "https to http refused");
}

static void test_other_ca(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *other = make_certificate(key, "bulla other test CA", NULL, NULL, key);
    char *pem = pem_of(other);

    f->settings.ca_pem = pem;
    expect(f, "/ok", ERR_NETWORK, "certificate not trusted");
    free(pem);
    X509_free(other);
    EVP_PKEY_free(key);
}

static void test_wrong_name(void **state)
{
    struct fixture *f = *state;

    f->settings.ca_pem = f->ca_pem;
    use_certificate(f, "IP:127.0.0.2,DNS:localhost");
    expect(f, "/ok", ERR_NETWORK, "certificate not trusted: no alternative");
}

static void test_insecure(void **state)
{
    struct fixture *f = *state;

    f->settings.insecure = true;
    expect(f, "/ok", ERR_NONE, "");
}

static void test_bad_pem(void **state)
{
    struct fixture *f = *state;
    char *cut = strdup(f->ca_pem);

    cut[strlen(cut) / 2] = '\0';
    f->settings.ca_pem = cut;
    expect(f, "/ok", ERR_CONFIG, "PEM");
    f->settings.ca_pem = "";
    expect(f, "/ok", ERR_CONFIG, "PEM");
    assert_int_equal(f->server.connections, 0);
    free(cut);
}

static void demand_certificate(struct fixture *f, X509 *issuer)
{
    SSL_CTX_set_verify(f->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(f->tls), issuer);
}

/* Whether the server's alert or the reset behind it arrives first, the word is in the sentence. */
static void test_no_client_certificate(void **state)
{
    struct fixture *f = *state;

    demand_certificate(f, f->ca);
    f->settings.ca_pem = f->ca_pem;
    expect(f, "/ok", ERR_NETWORK, "certificate");
    assert_int_equal(server_saw(&f->server, "GET"), 0);
}

static void test_other_client_certificate(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *other = make_certificate(key, "bulla other test CA", NULL, NULL, key);

    demand_certificate(f, other);
    f->settings.ca_pem = f->ca_pem;
    f->settings.cert_file = f->client_cert;
    f->settings.key_file = f->client_key;
    expect(f, "/ok", ERR_NETWORK, "certificate");
    assert_int_equal(server_saw(&f->server, "GET"), 0);
    X509_free(other);
    EVP_PKEY_free(key);
}

static void test_client_certificate(void **state)
{
    struct fixture *f = *state;

    demand_certificate(f, f->ca);
    f->settings.ca_pem = f->ca_pem;
    f->settings.cert_file = f->client_cert;
    f->settings.key_file = f->client_key;
    expect(f, "/ok", ERR_NONE, "");
}

static void test_old_protocol(void **state)
{
    struct fixture *f = *state;

    SSL_CTX_set_min_proto_version(f->tls, TLS1_1_VERSION);
    SSL_CTX_set_max_proto_version(f->tls, TLS1_1_VERSION);
    SSL_CTX_set_security_level(f->tls, 0);
    f->settings.insecure = true;
    expect(f, "/ok", ERR_NETWORK, "TLS handshake failed");
}

static void test_plain_server(void **state)
{
    struct fixture *f = *state;

    f->server.tls = NULL; /* before the first connection */
    expect(f, "/ok", ERR_NETWORK, "TLS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_untrusted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_additional, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_ca, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_insecure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_pem, setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_client_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_client_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_protocol, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plain_server, setup, teardown),
    };

    hash_init(); /* the programs do: TLS must get along with it */
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
