/* The client against a real registry with TLS of its own authority and a password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/secret.h"
#include "registry/registries.h"
#include "tests/unit/registry_server.h"

/* me:secret, a password of this test only */
#define HTPASSWD "me:$2y$04$CwYL/pwq2DxsxQTbaaNxjeO75jts2LLOP/YOnjKwyOeg4FRTtX6Di\n"

static int write_text(const struct registry_server *s, const char *name, const char *text)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/%s", s->dir, name);
    FILE *f = fopen(path, "w");
    if (f == NULL)
        return -1;
    fputs(text, f);
    return fclose(f);
}

/* A certificate for 127.0.0.1 that is its own authority, made for this run. */
static int make_certificate(const struct registry_server *s)
{
    char key[100], cert[100];
    int status = -1;

    snprintf(key, sizeof(key), "%s/key.pem", s->dir);
    snprintf(cert, sizeof(cert), "%s/cert.pem", s->dir);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bulla test",
               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert,
               (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    return status == 0 ? 0 : -1;
}

static int start_server(void **state)
{
    static struct registry_server s;
    char more[600];

    *state = &s;
    if (registry_folder(&s) != 0 || make_certificate(&s) != 0 ||
        write_text(&s, "htpasswd", HTPASSWD) != 0 || write_text(&s, "auth.json", "{}") != 0)
        return -1;
    snprintf(more, sizeof(more),
             "  tls: {certificate: %s/cert.pem, key: %s/key.pem}\n"
             "auth:\n  htpasswd: {realm: x, path: %s/htpasswd}\n",
             s.dir, s.dir, s.dir);
    return registry_start(&s, more);
}

static int stop_server(void **state)
{
    registry_stop(*state);
    return 0;
}

struct asked {
    bool ca;
    const char *user;
    const char *password;
};

/* Push one blob, and read a tag that is not there. */
static enum err_code push(const struct registry_server *s, struct asked a, struct err *err)
{
    struct registries *r;
    struct store *store;
    struct secret *password;
    struct digest digest;
    char ca[100], auth[100];
    struct reference ref = { .host = (char *)(uintptr_t)s->host,
                             .repository = (char *)(uintptr_t) "demo/app" };
    struct registries_options options = { .username = a.user };

    snprintf(ca, sizeof(ca), "%s/cert.pem", s->dir);
    snprintf(auth, sizeof(auth), "%s/auth.json", s->dir);
    assert_int_equal(secret_copy(&password, bytes_text(a.password), err), 0);
    options.auth_file = auth;
    options.password = a.user != NULL ? password : NULL;
    options.ca_file = a.ca ? ca : NULL;
    assert_int_equal(registries_new(&r, &options, err), 0);
    assert_int_equal(store_open(&store, r, &ref, STORE_WRITE, err), 0);
    int result = store_put_bytes(store, BYTES_LIT("hello"), &digest, clock_deadline(10000), err);
    assert_int_equal(result == 0, err->code == ERR_NONE);
    store_free(store);
    registries_free(r);
    secret_free(password);
    return err->code;
}

static void password_over_tls(void **state)
{
    struct err err = ERR_INIT;

    if (push(*state, (struct asked) { true, "me", "secret" }, &err) != ERR_NONE)
        fail_msg("%s", err_text(&err));
}

static void wrong_password(void **state)
{
    struct err err = ERR_INIT;

    assert_int_equal(push(*state, (struct asked) { true, "me", "wrong" }, &err), ERR_AUTH);
    assert_non_null(strstr(err_text(&err), "no permission"));
}

static void no_password(void **state)
{
    struct err err = ERR_INIT;

    assert_int_equal(push(*state, (struct asked) { true, NULL, "" }, &err), ERR_AUTH);
    assert_non_null(strstr(err_text(&err), "no credentials"));
}

/* Loopback or not: a certificate that is not trusted never leads to plain HTTP. */
static void unknown_authority(void **state)
{
    struct err err = ERR_INIT;

    assert_int_equal(push(*state, (struct asked) { false, "me", "secret" }, &err), ERR_NETWORK);
    assert_non_null(strstr(err_text(&err), "certificate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(password_over_tls),
        cmocka_unit_test(wrong_password),
        cmocka_unit_test(no_password),
        cmocka_unit_test(unknown_authority),
    };
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, start_server, stop_server) != 0;
}
