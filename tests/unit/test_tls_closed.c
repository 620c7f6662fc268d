#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <gnutls/gnutls.h>

#include "tests/unit/certificates.h"
#include "tests/unit/webhook_client.h"

#include "base/secret.h"

/* What libmicrohttpd has freed is left alone: GnuTLS's own functions are met here on their way. A
 * sanitizer does not see inside of GnuTLS. */

#define CONNECTIONS 20
#define SESSIONS_MAX 64
#define HOUR 3600

static struct {
    pthread_mutex_t lock;
    gnutls_session_t gone[SESSIONS_MAX]; /* ended, and not begun anew at the same place */
    unsigned ended, touched;
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The lock is held. */
static gnutls_session_t *find_gone(gnutls_session_t session)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (seen.gone[i] == session)
            return &seen.gone[i];
    return NULL;
}

/* The next one of this name, behind this program's. */
static void real(void *out, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(out, &found, sizeof(found));
}

int gnutls_init(gnutls_session_t *session, unsigned flags)
{
    int (*next)(gnutls_session_t *, unsigned);

    real(&next, "gnutls_init");
    const int result = next(session, flags);
    pthread_mutex_lock(&seen.lock);
    gnutls_session_t *gone = find_gone(*session);
    if (gone != NULL)
        *gone = NULL;
    pthread_mutex_unlock(&seen.lock);
    return result;
}

void gnutls_deinit(gnutls_session_t session)
{
    void (*next)(gnutls_session_t);

    real(&next, "gnutls_deinit");
    pthread_mutex_lock(&seen.lock);
    *find_gone(NULL) = session;
    seen.ended++;
    pthread_mutex_unlock(&seen.lock);
    next(session);
}

void gnutls_db_set_ptr(gnutls_session_t session, void *pointer)
{
    void (*next)(gnutls_session_t, void *);

    real(&next, "gnutls_db_set_ptr");
    pthread_mutex_lock(&seen.lock);
    const bool gone = find_gone(session) != NULL;
    seen.touched += gone;
    pthread_mutex_unlock(&seen.lock);
    if (!gone)
        next(session, pointer);
}

static struct tls *make_tls(const struct folder *folder)
{
    char cert[320], key[320];
    struct tls_identity *identity = NULL;
    struct tls *tls = NULL;
    struct err err = ERR_INIT;

    snprintf(cert, sizeof(cert), "%s/server.crt", folder->path);
    snprintf(key, sizeof(key), "%s/server.key", folder->path);
    EXPECT_OK(tls_identity_read(&identity, &(struct tls_files) { .cert = cert, .key = key }, &err),
              &err);
    EXPECT_OK(tls_new(&tls, identity, &err), &err);
    tls_identity_drop(identity);
    return tls;
}

static void closed_sessions_are_left_alone(void **state)
{
    struct handling handling = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct tls *tls = make_tls(*state);
    struct server_options options = handling_options(&handling);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    options.tls = tls;
    struct server *server = start(&options);
    for (int i = 0; i < CONNECTIONS; i++) {
        struct client c = client_tls(server_port(server), context);
        expect_reply(&c, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 200, "");
        client_close(&c);
        await_connections(server, 0);
    }
    server_stop(server);
    assert_int_equal(seen.ended, CONNECTIONS);
    assert_int_equal(seen.touched, 0);
    SSL_CTX_free(context);
    tls_free(tls);
}

int main(void)
{
    static struct folder folder;
    struct authority ca;
    const struct certificate_wish wish = { .name = "server",
                                           .alternative = "IP:127.0.0.1",
                                           .usage = "serverAuth",
                                           .from = -HOUR,
                                           .to = HOUR };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(closed_sessions_are_left_alone, &folder),
    };

    signal(SIGPIPE, SIG_IGN);
    if (secret_init(NULL) != 0 || folder_make(&folder) != 0)
        return 1;
    authority_make(&ca, &folder, "ca");
    certificate_write(&folder, "server", &wish, &ca);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    authority_clear(&ca);
    folder_remove(&folder);
    return failed != 0;
}
