#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/certificates.h"
#include "tests/unit/expect.h"

#include "base/clock.h"
#include "base/secret.h"
#include "webhook/tls.h"

/* What an identity is read from. How it serves is in test_server_tls.c. */

static struct folder folder;
static struct authority ca;

#define HOUR 3600

struct row {
    const char *name;
    const char *cert, *key, *client_ca; /* files of the folder */
    bool names;
    enum err_code code; /* ERR_NONE: read */
    const char *word;
};

static const struct row rows[] = {
    { "fine", "server.crt", "server.key", NULL, false, ERR_NONE, NULL },
    { "RSA", "rsa.crt", "rsa.key", NULL, false, ERR_NONE, NULL },
    { "with callers", "server.crt", "server.key", "ca.pem", true, ERR_NONE, NULL },
    { "for anything", "plain.crt", "plain.key", NULL, false, ERR_NONE, NULL },
    { "expired", "expired.crt", "expired.key", NULL, false, ERR_NONE, NULL },
    { "chain", "chain.crt", "server.key", NULL, false, ERR_NONE, NULL },
    { "chain upside down", "upside.crt", "server.key", NULL, false, ERR_CONFIG, "leaf first" },
    { "for clients", "client.crt", "client.key", NULL, false, ERR_CONFIG, "not for servers" },
    { "another key", "server.crt", "plain.key", NULL, false, ERR_CONFIG, "not the key" },
    { "encrypted key", "server.crt", "locked.key", NULL, false, ERR_CONFIG, "encrypted" },
    { "no key", "server.crt", "server.crt", NULL, false, ERR_CONFIG, "private key" },
    { "no certificate", "server.key", "server.key", NULL, false, ERR_CONFIG, "certificate" },
    { "empty certificate", "empty", "server.key", NULL, false, ERR_CONFIG, "certificate" },
    { "empty key", "server.crt", "empty", NULL, false, ERR_CONFIG, "private key" },
    { "certificate missing", "none", "server.key", NULL, false, ERR_NOT_FOUND, "none" },
    { "key missing", "server.crt", "none", NULL, false, ERR_NOT_FOUND, "none" },
    { "CA missing", "server.crt", "server.key", "none", false, ERR_NOT_FOUND, "none" },
    { "CA empty", "server.crt", "server.key", "empty", false, ERR_CONFIG, "empty" },
    { "CA is a key", "server.crt", "server.key", "server.key", false, ERR_CONFIG, "server.key" },
    { "names without CA", "server.crt", "server.key", NULL, true, ERR_CONFIG, "without a CA" },
    { "cut certificate", "cut.crt", "server.key", NULL, false, ERR_CONFIG, "cut.crt" },
};

static const char *in_folder(char out[320], const char *name)
{
    if (name == NULL)
        return NULL;
    snprintf(out, 320, "%s/%s", folder.path, name);
    return out;
}

static int read_row(struct tls_identity **out, const struct row *row, struct err *err)
{
    static const char *const names[] = { "a", "b" };
    char cert[320], key[320], client_ca[320];
    const struct tls_files files = { .cert = in_folder(cert, row->cert),
                                     .key = in_folder(key, row->key),
                                     .client_ca = in_folder(client_ca, row->client_ca),
                                     .client_names = names,
                                     .n_client_names = row->names ? 2 : 0 };

    return tls_identity_read(out, &files, err);
}

static void reads(void **state)
{
    const struct row *row = *state;
    struct tls_identity *identity = NULL;
    struct err err = ERR_INIT;

    int r = read_row(&identity, row, &err);
    if (row->code == ERR_NONE) {
        EXPECT_OK(r, &err);
        assert_non_null(identity);
    } else {
        EXPECT_ERR(r, &err, row->code, row->word);
        assert_null(identity);
    }
    tls_identity_drop(identity);
}

static void tells_when_it_expires(void **state)
{
    static const struct row row = { "", "server.crt", "server.key", NULL, false, 0, NULL };
    struct tls_identity *identity = NULL;
    struct err err = ERR_INIT;
    int64_t expected = clock_seconds() + HOUR;

    (void)state;
    EXPECT_OK(read_row(&identity, &row, &err), &err);
    assert_in_range(tls_identity_expires(identity), expected - 60, expected);
    tls_identity_drop(identity);
}

static void knows_its_names(void **state)
{
    static const struct row row = { "", "server.crt", "server.key", NULL, false, 0, NULL };
    static const struct {
        const char *host;
        bool named;
    } hosts[] = {
        { "bulla.system.svc", true }, { "BULLA.system.SVC", true },
        { "127.0.0.1", true },        { "a.wild.test", true },
        { "a.b.wild.test", false },   { "wild.test", false },
        { "127.0.0.2", false },       { "bulla.system", false },
        { "server", false },          { "", false },
    };
    struct tls_identity *identity = NULL;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(read_row(&identity, &row, &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (tls_identity_names(identity, hosts[i].host) != hosts[i].named)
            fail_msg("'%s'", hosts[i].host);
    tls_identity_drop(identity);
}

static void a_common_name_is_no_name(void **state)
{
    static const struct row row = { "", "bare.crt", "bare.key", NULL, false, 0, NULL };
    struct tls_identity *identity = NULL;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(read_row(&identity, &row, &err), &err);
    assert_false(tls_identity_names(identity, "server.test"));
    tls_identity_drop(identity);
}

static void is_counted(void **state)
{
    static const struct row row = { "", "server.crt", "server.key", "ca.pem", true, 0, NULL };
    struct tls_identity *one = NULL;
    struct tls_identity *two = NULL;
    struct tls *tls = NULL;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(read_row(&one, &row, &err), &err);
    EXPECT_OK(read_row(&two, &row, &err), &err);
    EXPECT_OK(tls_new(&tls, one, &err), &err);
    tls_identity_drop(one);
    tls_use(tls, two);
    tls_use(tls, two);
    tls_identity_drop(two);
    tls_free(tls);
    tls_free(NULL);
    tls_identity_drop(NULL);
}

static void join(const char *to, const char *first, const char *second)
{
    struct buf text = BUF_INIT(1 << 20);

    assert_int_equal(file_read(&text, folder_path(&folder, first), NULL), 0);
    assert_int_equal(file_read(&text, folder_path(&folder, second), NULL), 0);
    assert_int_equal(folder_write(&folder, to, buf_text(&text), 0600), 0);
    buf_clear(&text);
}

static void write_odd_files(void)
{
    struct buf text = BUF_INIT(1 << 20);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = NULL;

    join("chain.crt", "server.crt", "ca.pem");
    join("upside.crt", "ca.pem", "server.crt");
    assert_int_equal(folder_write(&folder, "empty", "", 0600), 0);
    assert_int_equal(file_read(&text, folder_path(&folder, "server.crt"), NULL), 0);
    text.data[text.len / 2] = 0;
    assert_int_equal(folder_write(&folder, "cut.crt", buf_text(&text), 0600), 0);
    buf_clear(&text);
    file = fopen(folder_path(&folder, "locked.key"), "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "x", 1, NULL, NULL),
                     1);
    fclose(file);
    EVP_PKEY_free(key);
}

static int setup(void **state)
{
    struct certificate_wish wish = { .name = "server",
                                     .alternative =
                                         "DNS:bulla.system.svc,DNS:*.wild.test,IP:127.0.0.1",
                                     .usage = "serverAuth",
                                     .from = -HOUR,
                                     .to = HOUR };

    (void)state;
    if (secret_init(NULL) != 0 || folder_make(&folder) != 0)
        return -1;
    authority_make(&ca, &folder, "ca");
    certificate_write(&folder, "server", &wish, &ca);
    wish.rsa = true;
    certificate_write(&folder, "rsa", &wish, &ca);
    wish.rsa = false;
    wish.to = -1;
    certificate_write(&folder, "expired", &wish, &ca);
    wish.to = HOUR;
    wish.usage = NULL;
    certificate_write(&folder, "plain", &wish, &ca);
    wish.usage = "clientAuth";
    certificate_write(&folder, "client", &wish, &ca);
    wish = (struct certificate_wish) { .name = "server.test", .from = -HOUR, .to = HOUR };
    certificate_write(&folder, "bare", &wish, &ca);
    write_odd_files();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    authority_clear(&ca);
    folder_remove(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_when_it_expires),
        cmocka_unit_test(knows_its_names),
        cmocka_unit_test(a_common_name_is_no_name),
        cmocka_unit_test(is_counted),
    };

    if (setup(NULL) != 0)
        return 1;
    int failed = RUN_ROWS(rows, reads);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    teardown(NULL);
    return failed != 0;
}
