#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fault/inject.h"
#include "tests/unit/certificates.h"
#include "tests/unit/webhook_client.h"

#include "base/secret.h"

/*
 * The server with each of its allocations failing in turn: it does not start, or it answers
 * rightly, or it refuses, or it hangs up. Never another answer, and it goes on afterwards.
 */

#define ALLOCATIONS_MAX 10000 /* more means that the loop does not end */
#define HOUR 3600
#define REQUEST                                                                                    \
    "POST /caller?timeout=10s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"                        \
    "Connection: close\r\n\r\nhello"

static struct handling handling;
static struct folder folder;
static struct authority ca;
static struct tls_identity *identity;

static int read_identity(struct tls_identity **out, struct err *err)
{
    static const char *const names[] = { "server", "other" };
    char cert[320], key[320], client_ca[320];
    const struct tls_files files = {
        .cert = cert, .key = key, .client_ca = client_ca, .client_names = names, .n_client_names = 2
    };

    snprintf(cert, sizeof(cert), "%s", folder_path(&folder, "server.crt"));
    snprintf(key, sizeof(key), "%s", folder_path(&folder, "server.key"));
    snprintf(client_ca, sizeof(client_ca), "%s", folder_path(&folder, "ca.pem"));
    return tls_identity_read(out, &files, err);
}

static void identities(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        struct tls_identity *read = NULL;
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int r = read_identity(&read, &err);
        bool fired = inject_disarm();
        if (fired && r != 0) {
            assert_int_equal(err.code, ERR_NOMEM);
            assert_null(read);
        }
        tls_identity_drop(read);
        if (!fired) {
            assert_int_equal(r, 0);
            return;
        }
    }
}

/* True: an answer came, and it was the right one. Allocates nothing that is counted. */
static bool ask(unsigned port, SSL_CTX *context)
{
    struct client c = client_tls(port, context);
    char text[4096] = "";
    size_t len = 0;
    bool right = false;

    if (c.ssl != NULL && client_text(&c, REQUEST))
        for (size_t n = 1; n > 0 && !right && len < sizeof(text) - 1; len += n) {
            n = client_read(&c, text + len, sizeof(text) - 1 - len);
            right =
                strncmp(text, "HTTP/1.1 200 ", 13) == 0 && strstr(text, "\r\n\r\nhello") != NULL;
        }
    if (!right && len > 0)
        assert_true(strncmp(text, "HTTP/1.1 5", 10) == 0);
    client_close(&c);
    return right;
}

static SSL_CTX *client_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    assert_non_null(context);
    assert_int_equal(
        SSL_CTX_use_certificate_chain_file(context, folder_path(&folder, "server.crt")), 1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(context, folder_path(&folder, "server.key"), SSL_FILETYPE_PEM),
        1);
    return context;
}

static void requests(void **state)
{
    struct server_options options = handling_options(&handling);
    SSL_CTX *context = client_context();
    struct err err = ERR_INIT;
    bool fired = true;

    (void)state;
    EXPECT_OK(tls_new(&options.tls, identity, &err), &err);
    struct server *server = start(&options);
    assert_true(ask(server_port(server), context));
    for (long n = 1; fired; n++) {
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        bool right = ask(server_port(server), context);
        await_connections(server, 0);
        fired = inject_disarm();
        assert_true(fired || right);
        assert_int_equal(state_of(server).memory, 0);
    }
    assert_true(ask(server_port(server), context));
    await_connections(server, 0);
    assert_true(server_idle(server));
    server_stop(server);
    tls_free(options.tls);
    SSL_CTX_free(context);
}

static void starts(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        struct server_options options = handling_options(&handling);
        struct server *server = NULL;
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int r = tls_new(&options.tls, identity, &err);
        if (r == 0)
            r = server_start(&server, &options, &err);
        bool fired = inject_disarm();
        if (r != 0)
            assert_int_equal(err.code, ERR_NOMEM);
        server_stop(server);
        tls_free(options.tls);
        if (!fired) {
            assert_int_equal(r, 0);
            return;
        }
    }
}

int main(void)
{
    const struct certificate_wish wish = { .name = "server", .from = -HOUR, .to = HOUR };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities),
        cmocka_unit_test(starts),
        cmocka_unit_test(requests),
    };

    signal(SIGPIPE, SIG_IGN);
    pthread_mutex_init(&handling.lock, NULL);
    if (secret_init(NULL) != 0 || folder_make(&folder) != 0)
        return 1;
    authority_make(&ca, &folder, "ca");
    certificate_write(&folder, "server", &wish, &ca);
    int failed = 1;
    if (read_identity(&identity, NULL) == 0)
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    tls_identity_drop(identity);
    authority_clear(&ca);
    folder_remove(&folder);
    return failed != 0;
}
