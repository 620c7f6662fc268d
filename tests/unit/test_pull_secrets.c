/* The Secrets of Pods, read through an API that answers well, badly, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/secret_server.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "tests/unit/certificates.h"
#include "tests/unit/expect.h"
#include "webhook/pull_secrets.h"

#define CONFIG(user) "{\"auths\":{\"h.x\":{\"username\":\"" user "\",\"password\":\"hidden\"}}}"
#define TOKEN "first-token"

static _Atomic int64_t test_time;

static int64_t test_clock(void)
{
    return atomic_load(&test_time);
}

static bool send_shop(struct conn *conn)
{
    return send_secret(conn, CONFIG("shop"));
}

static bool send_bank(struct conn *conn)
{
    return send_secret(conn, CONFIG("bank"));
}

static bool send_broken(struct conn *conn)
{
    return send_secret(conn, "{\"auths\":{\"h.x\":{\"auth\":\"%%\"}}}");
}

/* Not there at first, then there. */
static bool send_late(struct conn *conn)
{
    if (conn->nth > 0)
        return send_secret(conn, CONFIG("late"));
    conn_text(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    return true;
}

static bool redirect(struct conn *conn)
{
    char text[256];

    snprintf(text, sizeof(text), "HTTP/1.1 307 There\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             conn->server->elsewhere);
    conn_text(conn, text);
    return true;
}

static bool send_large(struct conn *conn)
{
    char piece[4096];

    memset(piece, ' ', sizeof(piece));
    conn_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n");
    for (int i = 0; i < 2048 && !conn->server->stopping; i++)
        conn_send(conn, piece, sizeof(piece));
    return true;
}

#define BIG_BYTES 700000 /* twelve of them are more than is kept, eleven are not */

static bool send_big(struct conn *conn)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB);

    buf_add_text(&text, CONFIG("big"));
    while (text.len < BIG_BYTES)
        buf_add_char(&text, ' ');
    return send_secret(conn, buf_text(&text));
}

#define BIG(n)                                                                                     \
    {                                                                                              \
        PATH("big" n, "regcred"), send_big, NULL                                                   \
    }
#define EMPTY(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"

static const struct route routes[] = {
    { "/api", NULL, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" },
    { PATH("shop", "regcred"), send_shop, NULL },
    { PATH("bank", "regcred"), send_bank, NULL },
    { PATH("shop", "late"), send_late, NULL },
    BIG("0"),
    BIG("1"),
    BIG("2"),
    BIG("3"),
    BIG("4"),
    BIG("5"),
    BIG("6"),
    BIG("7"),
    BIG("8"),
    BIG("9"),
    BIG("10"),
    BIG("11"),
    { PATH("shop", "broken"), send_broken, NULL },
    { PATH("shop", "forbidden"), NULL, EMPTY("403 Forbidden") },
    { PATH("shop", "unauthorized"), NULL, EMPTY("401 Unauthorized") },
    { PATH("shop", "not-json"), NULL, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<p>" },
    { PATH("shop", "opaque"), NULL,
      "HTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\n"
      "{\"kind\":\"Secret\",\"type\":\"Opaque\",\"data\":{}}" },
    { PATH("shop", "hangs"), hang, NULL },
    { PATH("shop", "elsewhere"), redirect, NULL },
    { PATH("shop", "large"), send_large, NULL },
};

struct world {
    struct folder folder;
    struct authority authority;
    SSL_CTX *tls;
    struct server server, other;
    char url[64];
    struct pull_secrets *secrets;
};

static SSL_CTX *make_tls(struct folder *f)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    assert_int_equal(SSL_CTX_use_certificate_file(tls, folder_path(f, "api.crt"), SSL_FILETYPE_PEM),
                     1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(tls, folder_path(f, "api.key"), SSL_FILETYPE_PEM),
                     1);
    return tls;
}

static int make_secrets(struct world *w, struct err *err)
{
    const struct pull_secrets_options options = {
        .api = w->url, .folder = w->folder.path, .user_agent = "bulla-test", .clock = test_clock
    };
    return pull_secrets_new(&w->secrets, &options, err);
}

static int make_world(void **state)
{
    static const struct certificate_wish wish = { .name = "api",
                                                  .alternative = "IP:127.0.0.1",
                                                  .usage = "serverAuth",
                                                  .from = -3600,
                                                  .to = 3600 };
    struct world *w = calloc(1, sizeof(*w));
    struct err err = ERR_INIT;

    assert_non_null(w);
    atomic_store(&test_time, 1000000);
    assert_int_equal(folder_make(&w->folder), 0);
    authority_make(&w->authority, &w->folder, "ca");
    pem_write_(&w->folder, "ca.crt", w->authority.certificate, NULL);
    certificate_write(&w->folder, "api", &wish, &w->authority);
    assert_int_equal(folder_write(&w->folder, "token", TOKEN "\n", 0600), 0);
    w->tls = make_tls(&w->folder);
    server_start(&w->server, routes, ARRAY_LEN(routes), w->tls);
    server_start(&w->other, routes, ARRAY_LEN(routes), w->tls);
    snprintf(w->url, sizeof(w->url), "https://127.0.0.1:%u/", w->server.port);
    EXPECT_OK(make_secrets(w, &err), &err);
    *state = w;
    return 0;
}

static int drop_world(void **state)
{
    struct world *w = *state;

    pull_secrets_free(w->secrets);
    server_stop(&w->server);
    server_stop(&w->other);
    SSL_CTX_free(w->tls);
    authority_clear(&w->authority);
    folder_remove(&w->folder);
    free(w);
    return 0;
}

/* A review that names these. */
struct named {
    struct review review;
    const char *names[REVIEW_SECRETS_MAX];
    struct pull_source source;
};

/* "NAME NAME": sorted. */
static void name_secrets(struct named *out, struct world *w, const char *namespace,
                         const char *names)
{
    static const char *const known[] = { "absent", "broken",  "elsewhere",   "forbidden",
                                         "hangs",  "large",   "late",        "not-json",
                                         "opaque", "regcred", "unauthorized" };
    struct err err = ERR_INIT;

    review_init(&out->review);
    out->review.namespace = namespace;
    out->review.secrets = out->names;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strstr(names, known[i]) != NULL)
            out->names[out->review.n_secrets++] = known[i];
    assert_true(pull_source_named(&out->review));
    EXPECT_OK(pull_source_init(&out->source, w->secrets, &out->review, &err), &err);
}

static void named_clear(struct named *n)
{
    pull_source_clear(&n->source);
    review_clear(&n->review);
}

/* `user` NULL: nothing is found. */
static void expect_found(struct named *n, const char *host, const char *user)
{
    CLEANUP(credential_clear) struct credential c;
    const struct credential_source *source = &n->source.credentials;
    struct err err = ERR_INIT;

    EXPECT_OK(source->find(source->context, &c, host, "team/app", &err), &err);
    assert_int_equal(c.kind, user != NULL ? CREDENTIAL_BASIC : CREDENTIAL_NONE);
    if (user == NULL)
        return;
    assert_string_equal(c.username, user);
    assert_true(secret_equal(secret_bytes(c.secret), BYTES_LIT("hidden")));
    assert_non_null(strstr(c.origin, "Secret "));
    assert_non_null(strstr(c.origin, n->review.namespace));
    assert_null(strstr(c.origin, "hidden"));
}

static void found_in_its_namespace(void **state)
{
    struct world *w = *state;
    CLEANUP(named_clear) struct named shop;
    CLEANUP(named_clear) struct named bank;

    name_secrets(&shop, w, "shop", "regcred");
    name_secrets(&bank, w, "bank", "regcred");
    for (int i = 0; i < 2; i++) { /* asked for, then kept */
        expect_found(&shop, "h.x", "shop");
        expect_found(&bank, "h.x", "bank");
        expect_found(&shop, "g.x", NULL);
    }
    assert_int_equal(server_saw(&w->server, "GET /api/v1/"), 2);
    assert_int_equal(server_saw(&w->server, "Authorization: Bearer " TOKEN "\r\n"), 2);
    assert_memory_not_equal(shop.source.identity, bank.source.identity, LOOKUPS_IDENTITY_SIZE);
}

static void kept_for_a_minute(void **state)
{
    struct world *w = *state;
    CLEANUP(named_clear) struct named n;

    name_secrets(&n, w, "shop", "regcred");
    expect_found(&n, "h.x", "shop");
    atomic_fetch_add(&test_time, PULL_SECRETS_KEPT_MS);
    expect_found(&n, "h.x", "shop");
    assert_int_equal(server_saw(&w->server, "GET "), 1);
    atomic_fetch_add(&test_time, 1);
    expect_found(&n, "h.x", "shop");
    assert_int_equal(server_saw(&w->server, "GET "), 2);
}

static void token_is_read_anew(void **state)
{
    struct world *w = *state;
    CLEANUP(named_clear) struct named n;

    name_secrets(&n, w, "shop", "regcred");
    expect_found(&n, "h.x", "shop");
    assert_int_equal(folder_write(&w->folder, "token", "second-token", 0600), 0);
    atomic_fetch_add(&test_time, PULL_SECRETS_KEPT_MS + 1);
    expect_found(&n, "h.x", "shop");
    assert_int_equal(server_saw(&w->server, "Bearer second-token\r\n"), 1);
    assert_int_equal(folder_write(&w->folder, "token", "not a token", 0600), 0);
    atomic_fetch_add(&test_time, PULL_SECRETS_KEPT_MS + 1);
    expect_found(&n, "h.x", NULL);
    assert_int_equal(server_saw(&w->server, "GET "), 2);
}

static void failure_is_kept_for_a_short_time(void **state)
{
    struct world *w = *state;
    CLEANUP(named_clear) struct named n;

    name_secrets(&n, w, "shop", "late");
    expect_found(&n, "h.x", NULL);
    atomic_fetch_add(&test_time, PULL_SECRETS_FAILED_MS);
    expect_found(&n, "h.x", NULL);
    assert_int_equal(server_saw(&w->server, "GET "), 1);
    atomic_fetch_add(&test_time, 1);
    expect_found(&n, "h.x", "late");
    assert_int_equal(server_saw(&w->server, "GET "), 2);
}

/* Each is passed over; the others count. */
static const struct row {
    const char *name;
    const char *names;
    int requests; /* to the API, at most */
} rows[] = {
    { "not there", "absent regcred", 2 },
    { "forbidden", "forbidden regcred", 2 },
    { "not let in", "unauthorized regcred", 2 },
    { "no JSON", "not-json regcred", 2 },
    { "of another type", "opaque regcred", 2 },
    { "with an entry that is broken", "broken regcred", 2 },
    { "too large", "large regcred", 3 },
};

static void passed_over(void **state)
{
    const struct row *row = *state;
    void *made;
    CLEANUP(named_clear) struct named n;

    make_world(&made);
    struct world *w = made;
    name_secrets(&n, w, "shop", row->names);
    expect_found(&n, "h.x", "shop");
    expect_found(&n, "h.x", "shop");
    assert_true(server_saw(&w->server, "GET ") <= row->requests);
    drop_world(&made);
}

static void hanging_costs_two_seconds(void **state)
{
    struct world *w = *state;
    CLEANUP(named_clear) struct named n;
    const int64_t began = clock_millis();

    name_secrets(&n, w, "shop", "hangs regcred");
    expect_found(&n, "h.x", "shop");
    const int64_t took = clock_millis() - began;
    assert_true(took >= PULL_SECRETS_MS - 100 && took < PULL_SECRETS_MS + 3000);
    expect_found(&n, "h.x", "shop"); /* known to hang */
    assert_true(clock_millis() - began < took + 1000);
}

static void redirect_is_not_followed(void **state)
{
    struct world *w = *state;
    char url[128];
    CLEANUP(named_clear) struct named n;

    snprintf(url, sizeof(url), "https://127.0.0.1:%u" PATH("shop", "regcred"), w->other.port);
    w->server.elsewhere = url;
    name_secrets(&n, w, "shop", "elsewhere");
    expect_found(&n, "h.x", NULL);
    w->server.elsewhere = PATH("shop", "regcred"); /* not even to itself */
    atomic_fetch_add(&test_time, PULL_SECRETS_FAILED_MS + 1);
    expect_found(&n, "h.x", NULL);
    assert_int_equal(server_saw(&w->server, "GET "), 2);
    assert_int_equal(server_saw(&w->other, "GET "), 0);
}

static void more_than_a_wave(void **state)
{
    struct world *w = *state;
    CLEANUP(named_clear) struct named n;

    name_secrets(&n, w, "shop",
                 "absent broken forbidden late not-json opaque regcred unauthorized");
    assert_int_equal(n.review.n_secrets, 8);
    expect_found(&n, "h.x", "shop");
    assert_int_equal(server_saw(&w->server, "GET "), 8);
}

/* Whoever is not vouched for by the account's own authority is told nothing. */
static void another_authority(void **state)
{
    struct world *w = *state;
    struct authority CLEANUP(authority_clear) stranger;
    struct err err = ERR_INIT;
    CLEANUP(named_clear) struct named n;

    authority_make(&stranger, &w->folder, "stranger");
    pem_write_(&w->folder, "ca.crt", stranger.certificate, NULL);
    pull_secrets_free(w->secrets);
    EXPECT_OK(make_secrets(w, &err), &err);
    name_secrets(&n, w, "shop", "regcred");
    expect_found(&n, "h.x", NULL);
    assert_int_equal(server_saw(&w->server, "GET "), 0);
    EXPECT_ERR(pull_secrets_check(w->secrets, &err), &err, ERR_NETWORK, "certificate");
}

static void checked(void **state)
{
    struct world *w = *state;
    struct err err = ERR_INIT;

    EXPECT_OK(pull_secrets_check(w->secrets, &err), &err);
    assert_int_equal(server_saw(&w->server, "GET /api HTTP"), 1);
    assert_int_equal(folder_write(&w->folder, "token", "", 0600), 0);
    EXPECT_ERR(pull_secrets_check(w->secrets, &err), &err, ERR_CONFIG, "not a token");
}

#define ENTRIES_MAX 1024

/* One in a namespace of its own, a millisecond after the one before. */
static void find_absent(struct world *w, int i)
{
    CLEANUP(named_clear) struct named n;
    char namespace[16];

    snprintf(namespace, sizeof(namespace), "n%d", i);
    atomic_fetch_add(&test_time, 1);
    name_secrets(&n, w, namespace, "absent");
    expect_found(&n, "h.x", NULL);
}

static void number_is_bounded(void **state)
{
    struct world *w = *state;

    log_setup(LOG_ERROR, LOG_TEXT, "test");
    for (int i = 0; i < ENTRIES_MAX; i++)
        find_absent(w, i);
    find_absent(w, 0);
    assert_int_equal(server_saw(&w->server, "GET "), ENTRIES_MAX);
    find_absent(w, ENTRIES_MAX); /* in the place of the oldest */
    find_absent(w, 1);
    assert_int_equal(server_saw(&w->server, "GET "), ENTRIES_MAX + 1);
    find_absent(w, 0);
    assert_int_equal(server_saw(&w->server, "GET "), ENTRIES_MAX + 2);
    log_setup(LOG_WARN, LOG_TEXT, "test");
}

static void find_big(struct world *w, int i)
{
    CLEANUP(named_clear) struct named n;
    char namespace[16];

    snprintf(namespace, sizeof(namespace), "big%d", i);
    atomic_fetch_add(&test_time, 1);
    name_secrets(&n, w, namespace, "regcred");
    expect_found(&n, "h.x", "big");
}

static void bytes_are_bounded(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 11; i++)
        find_big(w, i);
    find_big(w, 0);
    assert_int_equal(server_saw(&w->server, "GET "), 11);
    find_big(w, 11);
    find_big(w, 1);
    assert_int_equal(server_saw(&w->server, "GET "), 12);
    find_big(w, 0);
    assert_int_equal(server_saw(&w->server, "GET "), 13);
}

struct runner {
    struct named *named;
    bool found;
    pthread_t thread;
};

static void *run(void *context)
{
    struct runner *r = context;
    const struct credential_source *source = &r->named->source.credentials;
    CLEANUP(credential_clear) struct credential c;

    r->found = source->find(source->context, &c, "h.x", "app", NULL) == 0 &&
               c.kind == CREDENTIAL_BASIC && strcmp(c.username, "shop") == 0;
    return NULL;
}

/* The images of one Pod ask once; of several, more threads than may ask at once. */
static void many_at_once(void **state)
{
    struct world *w = *state;
    CLEANUP(named_clear) struct named one;
    struct named others[12];
    struct runner runners[24];

    name_secrets(&one, w, "shop", "regcred");
    for (size_t i = 0; i < ARRAY_LEN(runners); i++) {
        const bool own = i % 2 == 1;
        if (own)
            name_secrets(&others[i / 2], w, "shop", "regcred");
        runners[i] = (struct runner) { .named = own ? &others[i / 2] : &one };
        assert_int_equal(pthread_create(&runners[i].thread, NULL, run, &runners[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(runners); i++) {
        pthread_join(runners[i].thread, NULL);
        assert_true(runners[i].found);
    }
    assert_true(server_saw(&w->server, "GET ") <= 13);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        named_clear(&others[i]);
}

/* Names and namespace tell sources apart, however they are cut. */
static void identities(void **state)
{
    struct world *w = *state;
    CLEANUP(named_clear) struct named one;
    CLEANUP(named_clear) struct named same;
    CLEANUP(named_clear) struct named more;
    CLEANUP(named_clear) struct named other;

    name_secrets(&one, w, "shop", "late");
    name_secrets(&same, w, "shop", "late");
    name_secrets(&more, w, "shop", "late regcred");
    name_secrets(&other, w, "shoplate", "regcred");
    assert_memory_equal(one.source.identity, same.source.identity, LOOKUPS_IDENTITY_SIZE);
    assert_memory_not_equal(one.source.identity, more.source.identity, LOOKUPS_IDENTITY_SIZE);
    assert_memory_not_equal(more.source.identity, other.source.identity, LOOKUPS_IDENTITY_SIZE);
    assert_int_equal(server_saw(&w->server, "GET "), 0);
}

static void what_is_not_asked_for(void **state)
{
    struct review review;
    const char *name = "regcred";

    (void)state;
    review_init(&review);
    review.namespace = "shop";
    assert_false(pull_source_named(&review)); /* names nothing */
    review.secrets = &name;
    review.n_secrets = 1;
    assert_true(pull_source_named(&review));
    review.namespace = NULL; /* of the whole cluster */
    assert_false(pull_source_named(&review));
    review.namespace = "../kube-system";
    assert_false(pull_source_named(&review));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_world, drop_world)
    const struct CMUnitTest tests[] = {
        TEST(found_in_its_namespace),
        TEST(kept_for_a_minute),
        TEST(token_is_read_anew),
        TEST(failure_is_kept_for_a_short_time),
        TEST(hanging_costs_two_seconds),
        TEST(redirect_is_not_followed),
        TEST(more_than_a_wave),
        TEST(another_authority),
        TEST(checked),
        TEST(identities),
        TEST(number_is_bounded),
        TEST(bytes_are_bounded),
        TEST(many_at_once),
        cmocka_unit_test(what_is_not_asked_for),
    };
    struct err err = ERR_INIT;
    int failed;

    hash_init();
    if (secret_init(&err) != 0)
        return 1;
    failed = RUN_ROWS(rows, passed_over);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
