/* Reviews of Pods that name Secrets, with a registry that lets nobody in without a password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/admission_hall.h"
#include "tests/unit/secret_server.h"
#include "webhook/pull_secrets.h"

#define LOGIN "Authorization: Basic bWU6c2VjcmV0\r\n" /* me:secret */
#define MANY 24

static char config[256]; /* of the registry, for the API's answer: set before there are threads */

static bool send_config(struct conn *conn)
{
    return send_secret(conn, config);
}

static const struct route routes[] = {
    { PATH("shop", "regcred"), send_config, NULL },
    { PATH("bank", "regcred"), NULL, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" },
    { PATH("shop", "hangs"), hang, NULL },
};

struct lobby {
    struct hall *hall;
    struct server api;
    struct folder folder;
    struct pull_secrets *secrets;
};

static int make_lobby(void **state)
{
    struct lobby *l = calloc(1, sizeof(*l));
    char url[64];
    void *hall;
    struct err err = ERR_INIT;

    assert_non_null(l);
    make_plain(&hall);
    l->hall = hall;
    snprintf(config, sizeof(config), "{\"auths\":{\"%s\":{\"auth\":\"bWU6c2VjcmV0\"}}}",
             l->hall->world->named.host);
    l->hall->world->named.login = LOGIN;
    server_start(&l->api, routes, ARRAY_LEN(routes), NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", l->api.port);
    assert_int_equal(folder_make(&l->folder), 0);
    assert_int_equal(folder_write(&l->folder, "token", "t", 0600), 0);
    assert_int_equal(folder_write(&l->folder, "ca.crt", "-----BEGIN CERTIFICATE-----", 0600), 0);
    const struct pull_secrets_options options = { .api = url, .folder = l->folder.path };
    EXPECT_OK(pull_secrets_new(&l->secrets, &options, &err), &err);
    l->hall->admission->options.pull_secrets = l->secrets;
    *state = l;
    return 0;
}

static int drop_lobby(void **state)
{
    struct lobby *l = *state;
    void *hall = l->hall;

    drop_hall(&hall);
    pull_secrets_free(l->secrets);
    server_stop(&l->api);
    folder_remove(&l->folder);
    free(l);
    return 0;
}

/* `secret` NULL: none is named. */
static void hand_in_pod(struct lobby *l, struct exchange *x, const char *namespace,
                        const char *image, const char *secret)
{
    struct buf CLEANUP(buf_clear) spec = BUF_INIT(MIB);

    buf_addf(&spec, "{\"containers\":[{\"image\":\"%s/%s\"}]", l->hall->world->named.host, image);
    if (secret != NULL)
        buf_addf(&spec, ",\"imagePullSecrets\":[{\"name\":\"%s\"}]", secret);
    buf_add_char(&spec, '}');
    review_text(&x->body, &(struct review_of) { .namespace = namespace, .spec = buf_text(&spec) });
    admission_validate(l->hall->admission, x);
}

static void expect_pod(struct lobby *l, const char *namespace, const char *image,
                       const char *secret, const char *word)
{
    struct exchange CLEANUP(exchange_clear) x;

    exchange_make(&x, "10s");
    hand_in_pod(l, &x, namespace, image, secret);
    exchange_wait(&x);
    expect_answer(&x, word == NULL ? 0 : 503, word == NULL ? "allow" : word);
    wait_counted(l->hall);
}

/* Whatever was found with a Secret is for its namespace and its name alone. */
static void only_with_the_secret(void **state)
{
    struct lobby *l = *state;
    const struct digest image = signed_image(l->hall, "app", "one");
    char text[256];

    image_text(text, "app", &image);
    expect_pod(l, "shop", text, NULL, "registry-auth");
    for (int i = 0; i < 2; i++) {
        expect_pod(l, "shop", text, "regcred", NULL);
        expect_pod(l, "shop", text, NULL, "registry-auth");
        expect_pod(l, "shop", text, "absent", "registry-auth");
        expect_pod(l, "bank", text, "regcred", "registry-auth");
    }
    assert_int_equal(server_saw(&l->api, "GET " PATH("shop", "regcred")), 1);
}

static void not_when_it_is_off(void **state)
{
    struct lobby *l = *state;
    const struct digest image = signed_image(l->hall, "app", "one");
    char text[256];

    l->hall->admission->options.pull_secrets = NULL;
    expect_pod(l, "shop", image_text(text, "app", &image), "regcred", "registry-auth");
    assert_int_equal(server_saw(&l->api, "GET "), 0);
}

/* A password is no proof. */
static void unsigned_all_the_same(void **state)
{
    struct lobby *l = *state;
    const struct digest image = memory_image(&l->hall->world->named, "app", "bare", "bare");
    struct exchange CLEANUP(exchange_clear) x;
    char text[256];

    exchange_make(&x, "10s");
    hand_in_pod(l, &x, "shop", image_text(text, "app", &image), "regcred");
    exchange_wait(&x);
    expect_answer(&x, 403, "unsigned");
}

/* The answer comes in its time; the look-up that still asks for the Secret uses what belongs to a
 * review that has been answered. */
static void hanging_api(void **state)
{
    struct lobby *l = *state;
    const struct digest image = signed_image(l->hall, "app", "one");
    struct exchange x[2];
    char text[256];

    image_text(text, "app", &image);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        exchange_make(&x[i], "1s");
        hand_in_pod(l, &x[i], "shop", text, "hangs");
    }
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        exchange_wait(&x[i]);
        expect_answer(&x[i], 503, "deadline");
        assert_true(x[i].took < 900);
        exchange_clear(&x[i]);
    }
    wait_counted(l->hall);
    wait_state(l->hall->world, 0, 0);
    expect_pod(l, "shop", text, "hangs", "registry-auth"); /* known to hang */
    assert_int_equal(server_saw(&l->api, "GET "), 1);
}

/* Many Pods with one Secret, many images each. */
static void storm(void **state)
{
    struct lobby *l = *state;
    struct exchange x[MANY];
    struct digest images[4];
    char text[256];

    for (size_t i = 0; i < ARRAY_LEN(images); i++) {
        char name[] = { 'n', (char)('0' + i), '\0' };
        images[i] = signed_image(l->hall, "app", name);
    }
    for (size_t i = 0; i < MANY; i++) {
        exchange_make(&x[i], "30s");
        image_text(text, "app", &images[i % ARRAY_LEN(images)]);
        hand_in_pod(l, &x[i], "shop", text, i % 3 == 2 ? NULL : "regcred");
    }
    for (size_t i = 0; i < MANY; i++) {
        exchange_wait(&x[i]);
        expect_answer(&x[i], i % 3 == 2 ? 503 : 0, i % 3 == 2 ? "registry-auth" : "allow");
        exchange_clear(&x[i]);
    }
    wait_counted(l->hall);
    assert_true(server_saw(&l->api, "GET ") <= (int)ARRAY_LEN(images));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_lobby, drop_lobby)
    const struct CMUnitTest tests[] = {
        TEST(only_with_the_secret),
        TEST(not_when_it_is_off),
        TEST(unsigned_all_the_same),
        TEST(hanging_api),
        TEST(storm),
    };
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
