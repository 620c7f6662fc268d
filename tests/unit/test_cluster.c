/* What is needed to ask the API server: where it is, and a service account. How it answers is in
 * test_pull_secrets.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/secret.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"
#include "webhook/cluster.h"

static const struct start_row {
    const char *name;
    const char *url;
    const char *token, *ca; /* content, NULL: no file */
    const char *word;
} start_rows[] = {
    { "no token", "https://h.x", NULL, "-----BEGIN CERTIFICATE-----", "/token" },
    { "no authority", "https://h.x", "t", NULL, "/ca.crt" },
    { "an authority that is none", "https://h.x", "t", "text", "no certificate" },
    { "plain HTTP to another", "http://h.x", "t", "-----BEGIN CERTIFICATE-----", "https" },
    { "plain HTTP to what begins so", "http://127.0.0.1.h.x", "t", "-----BEGIN CERTIFICATE-----",
      "https" },
    { "no URL", "h.x:443", "t", "-----BEGIN CERTIFICATE-----", "not a URL" },
    { "a query", "https://h.x/?a", "t", "-----BEGIN CERTIFICATE-----", "not a URL" },
    { "a password", "https://u:p@h.x", "t", "-----BEGIN CERTIFICATE-----", "not a URL" },
    { "no cluster", NULL, "t", "-----BEGIN CERTIFICATE-----", "KUBERNETES_SERVICE_HOST" },
};

static void start_is_refused(void **state)
{
    const struct start_row *row = *state;
    struct folder CLEANUP(folder_remove) folder;
    struct cluster *cluster;
    struct err err = ERR_INIT;

    assert_int_equal(folder_make(&folder), 0);
    if (row->token != NULL)
        assert_int_equal(folder_write(&folder, "token", row->token, 0600), 0);
    if (row->ca != NULL)
        assert_int_equal(folder_write(&folder, "ca.crt", row->ca, 0600), 0);
    const struct cluster_options options = { .url = row->url, .folder = folder.path };
    EXPECT_ERR(cluster_new(&cluster, &options, &err), &err, ERR_CONFIG, row->word);
    assert_null(cluster);
}

int main(void)
{
    struct err err = ERR_INIT;

    hash_init();
    unsetenv("KUBERNETES_SERVICE_HOST");
    if (secret_init(&err) != 0)
        return 1;
    return RUN_ROWS(start_rows, start_is_refused) != 0;
}
