#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/limits.h"
#include "registry/auth_files.h"
#include "registry/credentials.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"

/* "user" and the word "pass" */
#define USER(host, name)                                                                           \
    "{\"auths\":{\"" host "\":{\"username\":\"" name "\",\"password\":\"pass\"}}}"

static void put(struct folder *f, const char *name, const char *text)
{
    assert_int_equal(folder_write(f, name, text, 0600), 0);
}

static void link_to(struct folder *f, const char *target, const char *name)
{
    const char *path = folder_path(f, name);

    unlink(path);
    assert_int_equal(symlink(target, path), 0);
}

/* As the kubelet mounts a Secret: files are links through ..data, which is swapped. */
static void mount_secret(struct folder *f, const char *name, const char *version, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/..%s/.dockerconfigjson", name, version);
    put(f, path, text);
    snprintf(path, sizeof(path), "..%s", version);
    char data[128];
    snprintf(data, sizeof(data), "%s/..data", name);
    link_to(f, path, data);
    snprintf(data, sizeof(data), "%s/.dockerconfigjson", name);
    link_to(f, "..data/.dockerconfigjson", data);
}

static void expect_user(struct credentials *all, const char *host, const char *user)
{
    struct credential CLEANUP(credential_clear) c = { 0 };
    struct err err = ERR_INIT;

    EXPECT_OK(credentials_find(&c, all, host, NULL, &err), &err);
    if (user == NULL)
        assert_int_equal(c.kind, CREDENTIAL_NONE);
    else
        assert_string_equal(c.username, user);
}

static void test_order(void **state)
{
    struct folder *f = *state;
    struct auth_files CLEANUP(auth_files_clear) files = { NULL, 0, 0 };
    struct err err = ERR_INIT;
    char path[400];

    put(f, "all/b/config.json", "{}");
    put(f, "all/a/auth.json", "{}");
    put(f, "all/a/notes.txt", "passed over");
    put(f, "all/c/none", "passed over");
    put(f, "all/config.json", "{}");
    put(f, "all/..hidden/config.json", "{}");
    put(f, "one.json", "{}");
    EXPECT_OK(auth_files_add(&files, folder_path(f, "one.json"), &err), &err);
    EXPECT_OK(auth_files_add(&files, folder_path(f, "all"), &err), &err);
    assert_int_equal(files.n, 4);
    static const char *const wanted[] = { "one.json", "all/config.json", "all/a/auth.json",
                                          "all/b/config.json" };
    for (size_t i = 0; i < files.n; i++) {
        snprintf(path, sizeof(path), "%s", folder_path(f, wanted[i]));
        assert_string_equal(files.list[i], path);
    }
    EXPECT_ERR(auth_files_add(&files, folder_path(f, "missing"), &err), &err, ERR_CONFIG,
               "missing");
    EXPECT_ERR(auth_files_add(&files, folder_path(f, "one.json/x"), &err), &err, ERR_CONFIG, "x");
    assert_int_equal(files.n, 4);
}

static void test_ceiling(void **state)
{
    struct folder *f = *state;
    struct auth_files CLEANUP(auth_files_clear) files = { NULL, 0, 0 };
    struct err err = ERR_INIT;
    char path[400];

    put(f, "x.json", "{}");
    snprintf(path, sizeof(path), "%s", folder_path(f, "x.json"));
    for (size_t i = 0; i < AUTH_FILES_MAX; i++)
        EXPECT_OK(auth_files_add(&files, path, &err), &err);
    EXPECT_ERR(auth_files_add(&files, path, &err), &err, ERR_LIMIT, "credentials files");
    assert_int_equal(files.n, AUTH_FILES_MAX);
}

/* One object asked again and again, as endpoints do, while Secrets are swapped below it. */
static void test_rotation(void **state)
{
    struct folder *f = *state;
    struct credentials *CLEANUP(credentials_freep) all = NULL;
    struct err err = ERR_INIT;
    char folder[400];
    const char *const list[] = { folder };

    mount_secret(f, "pull/team", "1", USER("h.x", "old"));
    mount_secret(f, "pull/other", "1", USER("o.x", "other"));
    snprintf(folder, sizeof(folder), "%s", folder_path(f, "pull"));
    const struct credentials_options options = { .auth_files = list, .n_auth_files = 1 };
    const struct credentials_options both = { .auth_file = folder,
                                              .auth_files = list,
                                              .n_auth_files = 1 };
    EXPECT_ERR(credentials_new(&all, &both, &err), &err, ERR_USAGE, "either");
    EXPECT_OK(credentials_new(&all, &options, &err), &err);
    expect_user(all, "h.x", "old");
    expect_user(all, "o.x", "other");
    expect_user(all, "n.x", NULL);
    mount_secret(f, "pull/team", "2", USER("h.x", "new"));
    expect_user(all, "h.x", "new");
    mount_secret(f, "pull/late", "1", USER("n.x", "late"));
    expect_user(all, "n.x", "late");
}

/* What cannot be read is never taken for "no credentials". */
static void test_bad(void **state)
{
    struct folder *f = *state;
    struct credentials *CLEANUP(credentials_freep) all = NULL;
    struct credential c;
    struct err err = ERR_INIT;
    char folder[400];
    const char *const list[] = { folder };

    put(f, "broken/a/config.json", "{");
    put(f, "broken/b/config.json", USER("h.x", "user"));
    snprintf(folder, sizeof(folder), "%s", folder_path(f, "broken"));
    const struct credentials_options options = { .auth_files = list, .n_auth_files = 1 };
    EXPECT_OK(credentials_new(&all, &options, &err), &err);
    EXPECT_ERR(credentials_find(&c, all, "h.x", NULL, &err), &err, ERR_CONFIG, "broken/a");
    assert_int_equal(c.kind, CREDENTIAL_NONE);
    put(f, "broken/a/config.json", "{}");
    expect_user(all, "h.x", "user");
    folder_remove(f);
    EXPECT_ERR(credentials_find(&c, all, "h.x", NULL, &err), &err, ERR_CONFIG, "broken");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_bad),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown) != 0;
}
