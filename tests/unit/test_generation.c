#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "tests/unit/expect.h"
#include "tests/unit/generations.h"

/* One test's configuration and what is loaded from it. */
struct fixture {
    struct configuration files;
    struct generations *generations;
    int told;      /* calls of changed() */
    int told_why;  /* of them, with a failure */
    uint64_t last; /* the generation told last */
};

static void changed(void *context, const struct generation *now, const struct err *why)
{
    struct fixture *f = context;

    f->told++;
    f->told_why += why != NULL;
    f->last = now->number;
}

static int make(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = ERR_INIT;

    if (f == NULL || configuration_make(&f->files) != 0)
        return -1;
    f->files.options.changed = changed;
    f->files.options.context = f;
    if (generations_new(&f->generations, &f->files.options, &err) != 0) {
        print_error("%s\n", err_text(&err));
        return -1;
    }
    *state = f;
    return 0;
}

static int clear(void **state)
{
    struct fixture *f = *state;

    generations_free(f->generations);
    configuration_remove(&f->files);
    free(f);
    return 0;
}

static void put(struct fixture *f, const char *name, const char *text)
{
    assert_int_equal(folder_write(&f->files.folder, name, text, 0600), 0);
}

/* What two generations have in common. */
struct seen {
    uint64_t number;
    int64_t serial;
    uint8_t trust[32];
    uint8_t key[KEY_FINGERPRINT_SIZE];
    const struct registries *registries;
    const struct tls_identity *identity;
};

static struct seen look(struct fixture *f)
{
    const struct generation *now = generation_take(f->generations);
    struct seen seen = { .number = now->number,
                         .serial = now->file.policy->serial,
                         .registries = now->source.engine.registries,
                         .identity = now->identity };

    memcpy(seen.trust, now->source.trust, sizeof(seen.trust));
    assert_int_equal(now->source.engine.n_keys, 1);
    assert_int_equal(now->source.engine.timeout_ms, 1234);
    assert_ptr_equal(now->source.engine.policy, now->file.policy);
    memcpy(seen.key, public_key_fingerprint(now->source.engine.keys[0]), sizeof(seen.key));
    generation_drop(now);
    return seen;
}

static void reload(struct fixture *f)
{
    struct err err = ERR_INIT;

    EXPECT_OK(generations_reload(f->generations, &err), &err);
}

static void test_first(void **state)
{
    struct fixture *f = *state;
    const struct seen seen = look(f);
    struct generations_state now;
    const struct generation *generation = generation_take(f->generations);

    assert_int_equal(seen.number, 1);
    assert_int_equal(seen.serial, 1);
    assert_string_equal(generation->file.policy->name, "production");
    assert_true(bytes_is(secret_bytes(generation->token), "first"));
    assert_non_null(generation->identity);
    generation_drop(generation);
    assert_false(generations_stale(f->generations));
    generations_state(&now, f->generations);
    assert_int_equal(now.number, 1);
    assert_false(now.last_failed);
    assert_true(now.tried > 0);
    assert_int_equal(f->told, 0);
}

/* --- What changes what --- */

static void change_nothing(struct fixture *f)
{
    (void)f;
}

static void change_serial(struct fixture *f)
{
    configuration_mount(&f->files, POLICY("2"), KEY_ONE);
}

static void change_key(struct fixture *f)
{
    configuration_mount(&f->files, POLICY("1"), KEY_TWO);
}

static void change_registries(struct fixture *f)
{
    put(f, "registries.yaml",
        "version: 1\nregistries:\n  registry.example.com:\n"
        "    ca: ca.pem\n    credentials: {file: login.json}\n    parallel: 7\n");
}

static void change_authority(struct fixture *f)
{
    struct authority other;

    authority_make(&other, &f->files.folder, "ca");
    authority_clear(&other);
}

static void change_login(struct fixture *f)
{
    put(f, "login.json", "{\"auths\":{}}");
}

static void change_pull_secret(struct fixture *f)
{
    put(f, "pull/a/config.json", "{\"auths\":{}}");
}

static void change_new_pull_secret(struct fixture *f)
{
    put(f, "pull/b/config.json", "{}");
}

static void change_token(struct fixture *f)
{
    put(f, "token", "second");
}

static void change_certificate(struct fixture *f)
{
    configuration_certificate(&f->files);
}

struct change {
    const char *name;
    void (*change)(struct fixture *f);
    bool trust;      /* the hash is another */
    bool registries; /* reached anew */
    bool unseen;     /* no file has changed */
};

static const struct change changes[] = {
    { "nothing", change_nothing, false, false, true },
    { "serial of the policy", change_serial, false, false, false },
    { "key of a signer", change_key, true, false, false },
    { "registries.yaml", change_registries, true, true, false },
    { "authority of a registry", change_authority, true, true, false },
    { "credentials of a registry", change_login, false, false, false },
    { "pull secret", change_pull_secret, false, false, false },
    { "one more pull secret", change_new_pull_secret, false, false, false },
    { "token", change_token, false, false, false },
    { "certificate", change_certificate, false, false, false },
};

static void test_change(void **row)
{
    const struct change *change = *row;
    struct fixture *f = NULL;

    assert_int_equal(make((void **)&f), 0);
    const struct seen before = look(f);
    change->change(f);
    assert_int_equal(generations_stale(f->generations), !change->unseen);
    reload(f);
    const struct seen after = look(f);
    assert_false(generations_stale(f->generations));
    assert_int_equal(after.number, 2);
    assert_int_equal(f->told, 1);
    assert_int_equal(f->told_why, 0);
    assert_int_equal(f->last, 2);
    const struct bytes one = { before.trust, 32 };
    const struct bytes two = { after.trust, 32 };
    assert_int_equal(!bytes_equal(one, two), change->trust);
    assert_int_equal(before.registries != after.registries, change->registries);
    clear((void **)&f);
}

/* --- What is refused: the old one serves on --- */

static void break_syntax(struct fixture *f)
{
    configuration_mount(&f->files, "version: 1\nunmatched: [\n", KEY_ONE);
}

static void break_misspelt(struct fixture *f)
{
    configuration_mount(&f->files, POLICY("2") "mood: x\n", KEY_ONE);
}

static void break_key_missing(struct fixture *f)
{
    configuration_mount(&f->files, POLICY("2"), NULL);
}

static void break_policy_gone(struct fixture *f)
{
    unlink(folder_path(&f->files.folder, "mount/..data"));
}

static void break_registries(struct fixture *f)
{
    put(f, "registries.yaml", "version: 2\n");
}

static void break_authority_gone(struct fixture *f)
{
    unlink(folder_path(&f->files.folder, "ca.pem"));
}

static void break_login(struct fixture *f)
{
    put(f, "login.json", "{");
}

static void break_login_gone(struct fixture *f)
{
    unlink(folder_path(&f->files.folder, "login.json"));
}

static void break_pull_secret(struct fixture *f)
{
    put(f, "pull/a/config.json", "[");
}

static void break_token_empty(struct fixture *f)
{
    put(f, "token", "\n");
}

static void break_token_blank(struct fixture *f)
{
    put(f, "token", "two words");
}

static void break_token_gone(struct fixture *f)
{
    unlink(folder_path(&f->files.folder, "token"));
}

static void break_other_key(struct fixture *f)
{
    const struct certificate_wish wish = { .name = "x", .from = -60, .to = 60 };

    certificate_write(&f->files.folder, "other", &wish, &f->files.authority);
    char from[320];
    snprintf(from, sizeof(from), "%s", folder_path(&f->files.folder, "other.key"));
    assert_int_equal(rename(from, f->files.key), 0);
}

static void break_certificate_empty(struct fixture *f)
{
    put(f, "server.crt", "");
}

struct refusal {
    const char *name;
    void (*change)(struct fixture *f);
    enum err_code code;
    const char *word;
};

static const struct refusal refusals[] = {
    { "no YAML", break_syntax, ERR_CONFIG, "policy.yaml:" },
    { "misspelt word", break_misspelt, ERR_CONFIG, "policy.yaml:9:1" },
    { "key that is not there", break_key_missing, ERR_CONFIG, "release.pub" },
    { "policy that is not there", break_policy_gone, ERR_USAGE, "policy.yaml" },
    { "registries.yaml of another version", break_registries, ERR_CONFIG, "registries.yaml:1:" },
    { "authority that is not there", break_authority_gone, ERR_CONFIG, "ca.pem" },
    { "login that is no JSON", break_login, ERR_CONFIG, "login.json" },
    { "login that is not there", break_login_gone, ERR_CONFIG, "login.json" },
    { "pull secret that is none", break_pull_secret, ERR_CONFIG, "pull/a/config.json" },
    { "empty token", break_token_empty, ERR_CONFIG, "token" },
    { "token with a blank", break_token_blank, ERR_CONFIG, "blank" },
    { "token that is not there", break_token_gone, ERR_CONFIG, "token" },
    { "key of another certificate", break_other_key, ERR_CONFIG, "server" },
    { "no certificate", break_certificate_empty, ERR_CONFIG, "server.crt" },
};

/* And what was refused is looked at again only when it has changed. */
static void test_refusal(void **row)
{
    const struct refusal *refusal = *row;
    struct fixture *f = NULL;
    struct err err = ERR_INIT;
    struct generations_state now;

    assert_int_equal(make((void **)&f), 0);
    const struct seen before = look(f);
    refusal->change(f);
    assert_true(generations_stale(f->generations));
    EXPECT_ERR(generations_reload(f->generations, &err), &err, refusal->code, refusal->word);
    assert_false(generations_stale(f->generations));
    const struct seen after = look(f);
    assert_int_equal(after.number, before.number);
    assert_ptr_equal(after.registries, before.registries);
    assert_ptr_equal(after.identity, before.identity);
    generations_state(&now, f->generations);
    assert_true(now.last_failed);
    assert_non_null(strstr(err_text(&now.why), refusal->word));
    assert_int_equal(f->told_why, 1);
    assert_int_equal(f->last, 1);
    clear((void **)&f);
}

/* The file that was missing comes: that is a change, though nothing else is touched. */
static void test_missing_comes(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;

    break_key_missing(f);
    EXPECT_ERR(generations_reload(f->generations, &err), &err, ERR_CONFIG, "release.pub");
    assert_false(generations_stale(f->generations));
    char path[64];
    snprintf(path, sizeof(path), "mount/..v%d/release.pub", f->files.version);
    configuration_copy_(&f->files, path, KEY_TWO);
    assert_true(generations_stale(f->generations));
    reload(f);
    assert_int_equal(look(f).serial, 2);
    break_authority_gone(f);
    EXPECT_ERR(generations_reload(f->generations, &err), &err, ERR_CONFIG, "ca.pem");
    assert_false(generations_stale(f->generations));
    change_authority(f);
    assert_true(generations_stale(f->generations));
    reload(f);
    assert_int_equal(look(f).number, 3);
}

/* What a folder of certs.d holds is read once, when a host is asked: so it is watched, too. */
static void test_certs(void **state)
{
    struct fixture *f = *state;

    reload(f); /* with the home folder of this test */
    const struct seen before = look(f);
    put(f, ".config/containers/certs.d/registry.example.com/ca.crt",
        "-----BEGIN CERTIFICATE-----\n");
    assert_true(generations_stale(f->generations));
    reload(f);
    const struct seen come = look(f);
    assert_ptr_not_equal(come.registries, before.registries);
    put(f, ".config/containers/certs.d/registry.example.com/ca.crt",
        "-----BEGIN CERTIFICATE-----\nother\n");
    assert_true(generations_stale(f->generations));
    reload(f);
    assert_ptr_not_equal(look(f).registries, come.registries);
}

static int make_at_home(void **state)
{
    if (make(state) != 0)
        return -1;
    return setenv("HOME", ((struct fixture *)*state)->files.folder.path, 1);
}

/* A generation that somebody holds stays whole, whatever is loaded meanwhile. */
static void test_held(void **state)
{
    struct fixture *f = *state;
    const struct generation *held = generation_take(f->generations);

    change_key(f);
    reload(f);
    change_registries(f);
    reload(f);
    generations_reap(f->generations);
    assert_int_equal(held->number, 1);
    assert_string_equal(held->file.policy->name, "production");
    assert_int_equal(held->source.engine.n_keys, 1);
    held->source.hold(held->source.context);
    generation_drop(held);
    generations_reap(f->generations);
    assert_int_equal(held->number, 1);
    held->source.drop(held->source.context);
    generations_reap(f->generations);
    generation_drop(NULL);
    assert_int_equal(look(f).number, 3);
}

/* A change counts when it looks the same twice. */
static void test_settled(void **state)
{
    struct fixture *f = *state;

    put(f, "token", "half");
    assert_true(generations_stale(f->generations));
    assert_false(generations_settled(f->generations));
    put(f, "token", "half and more");
    assert_true(generations_stale(f->generations));
    assert_false(generations_settled(f->generations));
    assert_true(generations_settled(f->generations));
    put(f, "token", "whole");
    assert_false(generations_settled(f->generations));
    assert_true(generations_settled(f->generations));
    reload(f);
    assert_false(generations_stale(f->generations));
}

static void test_not_loaded(void **state)
{
    struct configuration files;
    struct generations *none;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(configuration_make(&files), 0);
    files.options.files.policy = "missing.yaml";
    EXPECT_ERR(generations_new(&none, &files.options, &err), &err, ERR_USAGE, "missing.yaml");
    assert_null(none);
    files.options.files.policy = files.policy;
    files.options.files.registries = "missing-registries.yaml";
    EXPECT_ERR(generations_new(&none, &files.options, &err), &err, ERR_CONFIG,
               "missing-registries.yaml");
    assert_null(none);
    generations_free(NULL);
    configuration_remove(&files);
}

/* --- Threads --- */

#define TAKERS 4
#define TAKES 20000

static void *take_many(void *context)
{
    struct generations *g = context;
    uint64_t last = 0;

    for (int i = 0; i < TAKES; i++) {
        const struct generation *now = generation_take(g);
        if (now->number < last || now->source.engine.policy != now->file.policy ||
            now->file.policy->serial < 1)
            return g;
        last = now->number;
        generation_drop(now);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[TAKERS];
    void *failed;

    for (size_t i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, f->generations), 0);
    for (int i = 0; i < 8; i++) {
        (i % 2 == 0 ? change_key : change_serial)(f);
        reload(f);
    }
    for (size_t i = 0; i < TAKERS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(look(f).number, 9);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_first),
        TEST(test_missing_comes),
        TEST(test_held),
        TEST(test_settled),
        cmocka_unit_test(test_not_loaded),
        TEST(test_threads),
        cmocka_unit_test_setup_teardown(test_certs, make_at_home, clear),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(changes, test_change);
    failed += RUN_ROWS(refusals, test_refusal);
    return failed != 0;
}
