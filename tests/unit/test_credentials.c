#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>

#include "base/clock.h"
#include "base/limits.h"
#include "registry/docker_config.h"
#include "registry/helper.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"

/* base64 of "user:pass:word" */
#define AUTH "\"auth\":\"dXNlcjpwYXNzOndvcmQ=\""
#define AUTHS(members) "{\"auths\":{" members "}}"

static void expect_credential(const struct credential *c, enum credential_kind kind,
                              const char *user, const char *secret)
{
    assert_int_equal(c->kind, kind);
    if (user == NULL)
        assert_null(c->username);
    else
        assert_string_equal(c->username, user);
    assert_true(bytes_is(secret_bytes(c->secret), secret));
}

/* One lookup in one file. */
struct lookup {
    const char *name;
    const char *text;
    enum config_form form;
    const char *host;
    const char *repository;
    enum credential_kind kind;
    const char *user;
    const char *secret;
    const char *helper; /* or the helper to ask */
    const char *key;
};

#define DOCKER CONFIG_DOCKER, "h.x", "team/app"
#define CONTAINERS CONFIG_CONTAINERS, "h.x:5000", "team/app"
#define ON_HUB CONFIG_DOCKER, "docker.io", "library/x"
#define USER CREDENTIAL_BASIC, "user", "pass:word", NULL
#define NOTHING CREDENTIAL_NONE, NULL, "", NULL, NULL

static const struct lookup lookups[] = {
    { "host", AUTHS("\"h.x\":{" AUTH "}"), DOCKER, USER, "h.x" },
    { "no file content", "{}", DOCKER, NOTHING },
    { "another host", AUTHS("\"h.y\":{" AUTH "}"), DOCKER, NOTHING },
    { "longer host", AUTHS("\"h.x.evil\":{" AUTH "}"), DOCKER, NOTHING },
    { "another port", AUTHS("\"h.x:5000\":{" AUTH "}"), DOCKER, NOTHING },
    { "with a scheme", AUTHS("\"https://h.x\":{" AUTH "}"), DOCKER, USER, "https://h.x" },
    { "with an API path", AUTHS("\"https://H.x/v1/\":{" AUTH "}"), DOCKER, USER,
      "https://H.x/v1/" },
    { "with the default port", AUTHS("\"h.x:443\":{" AUTH "}"), DOCKER, USER, "h.x:443" },
    { "exact before spelt otherwise",
      AUTHS("\"https://h.x\":{\"username\":\"a\",\"password\":\"b\"},\"h.x\":{" AUTH "}"), DOCKER,
      USER, "h.x" },
    { "another path is another folder", AUTHS("\"h.x/other\":{" AUTH "}"), DOCKER, NOTHING },
    { "Hub by its old name", AUTHS("\"https://index.docker.io/v1/\":{" AUTH "}"), ON_HUB, USER,
      "https://index.docker.io/v1/" },
    { "Hub by its name", AUTHS("\"docker.io\":{" AUTH "}"), ON_HUB, USER, "docker.io" },
    { "Hub by its wire name", AUTHS("\"registry-1.docker.io\":{" AUTH "}"), ON_HUB, USER,
      "registry-1.docker.io" },
    { "folder", AUTHS("\"h.x:5000/team\":{" AUTH "},\"h.x:5000\":{\"auth\":\"YTpi\"}"), CONTAINERS,
      USER, "h.x:5000/team" },
    { "longest folder",
      AUTHS("\"h.x:5000/team\":{\"auth\":\"YTpi\"},\"h.x:5000/team/app\":{" AUTH "}"), CONTAINERS,
      USER, "h.x:5000/team/app" },
    { "half a component", AUTHS("\"h.x:5000/tea\":{" AUTH "}"), CONTAINERS, NOTHING },
    { "a folder below", AUTHS("\"h.x:5000/team/app/x\":{" AUTH "}"), CONTAINERS, NOTHING },
    { "a folder with a slash behind", AUTHS("\"h.x:5000/team/\":{" AUTH "}"), CONTAINERS, NOTHING },
    { "host of a repository", AUTHS("\"h.x:5000\":{" AUTH "}"), CONTAINERS, USER, "h.x:5000" },
    { "no repository", AUTHS("\"h.x/team\":{" AUTH "}"), CONFIG_CONTAINERS, "h.x", NULL, NOTHING },
    { "without padding", AUTHS("\"h.x\":{\"auth\":\"dXNlcjpwYXNzOndvcmQ\"}"), DOCKER, USER, "h.x" },
    { "NULs behind it", AUTHS("\"h.x\":{\"auth\":\"dXNlcjpwYXNzOndvcmQAAA==\"}"), DOCKER, USER,
      "h.x" },
    { "escapes", AUTHS("\"h\\u002ex\":{\"auth\":\"dXNlcjpwYXNzOndvcm\\u0051=\"}"), DOCKER, USER,
      "h.x" },
    { "user and password",
      AUTHS("\"h.x\":{\"username\":\"user\",\"password\":\"pass:word\",\"email\":\"e\"}"), DOCKER,
      USER, "h.x" },
    { "auth wins over them", AUTHS("\"h.x\":{\"username\":\"a\",\"password\":\"b\"," AUTH "}"),
      DOCKER, USER, "h.x" },
    { "identity token", AUTHS("\"h.x\":{" AUTH ",\"identitytoken\":\"refresh\"}"), DOCKER,
      CREDENTIAL_IDENTITY_TOKEN, NULL, "refresh", NULL, "h.x" },
    { "registry token",
      AUTHS("\"h.x\":{" AUTH ",\"identitytoken\":\"r\",\"registrytoken\":\"bearer\"}"), DOCKER,
      CREDENTIAL_BEARER, NULL, "bearer", NULL, "h.x" },
    { "empty entry", AUTHS("\"h.x\":{}"), DOCKER, NOTHING },
    { "empty auth", AUTHS("\"h.x\":{\"auth\":\"\"}"), DOCKER, NOTHING },
    { "helper of the host", "{\"credHelpers\":{\"h.x\":\"ecr-login\"},\"credsStore\":\"pass\"}",
      DOCKER, CREDENTIAL_NONE, NULL, "", "ecr-login", "h.x" },
    { "store", "{\"credsStore\":\"pass\",\"auths\":{\"h.x\":{" AUTH "}}}", DOCKER, CREDENTIAL_NONE,
      NULL, "", "pass", "h.x" },
    { "store for Hub", "{\"credsStore\":\"pass\"}", ON_HUB, CREDENTIAL_NONE, NULL, "", "pass",
      "https://index.docker.io/v1/" },
    { "helper for Hub", "{\"credHelpers\":{\"docker.io\":\"a\"}}", ON_HUB, CREDENTIAL_NONE, NULL,
      "", "a", "docker.io" },
    { "host taken out of the store",
      "{\"credHelpers\":{\"h.x\":\"\"},\"credsStore\":\"pass\",\"auths\":{\"h.x\":{" AUTH "}}}",
      DOCKER, USER, "h.x" },
    { "folder before helper",
      "{\"credHelpers\":{\"h.x:5000\":\"a\"},\"auths\":{\"h.x:5000/team\":{" AUTH "}}}", CONTAINERS,
      USER, "h.x:5000/team" },
    { "helper before host",
      "{\"credHelpers\":{\"h.x:5000\":\"a\"},\"auths\":{\"h.x:5000\":{" AUTH "}}}", CONTAINERS,
      CREDENTIAL_NONE, NULL, "", "a", "h.x:5000" },
    { "containers know no store", "{\"credsStore\":\"pass\",\"auths\":{\"h.x:5000\":{" AUTH "}}}",
      CONTAINERS, USER, "h.x:5000" },
    { "environment: auth", AUTHS("\"h.x\":{" AUTH ",\"identitytoken\":\"t\"}"), CONFIG_ENVIRONMENT,
      "h.x", NULL, USER, "h.x" },
    { "environment: nothing else",
      "{\"credsStore\":\"pass\",\"auths\":{\"h.x\":{\"username\":\"a\",\"password\":\"b\"}}}",
      CONFIG_ENVIRONMENT, "h.x", NULL, NOTHING },
    { "unknown members", "{\"HttpHeaders\":{\"a\":\"b\"},\"proxies\":{},\"detachKeys\":\"x\"}",
      DOCKER, NOTHING },
};

static void looks_up(void **state)
{
    const struct lookup *row = *state;
    CLEANUP(config_match_clear) struct config_match m;
    struct err err = ERR_INIT;
    const struct config_query query = { row->form, row->host, row->repository };

    EXPECT_OK(docker_config_find(&m, bytes_text(row->text), &query, &err), &err);
    expect_credential(&m.credential, row->kind, row->user, row->secret);
    assert_true(bytes_equal(bytes_text(m.helper), bytes_text(row->helper)));
    assert_true(bytes_equal(bytes_text(m.key), bytes_text(row->key)));
}

struct refused {
    const char *name;
    const char *text;
    const char *word;
};

static const struct refused refused_files[] = {
    { "empty", "", "" },
    { "not JSON", "{\"auths\":", "" },
    { "a list", "[]", "not an object" },
    { "duplicate host", AUTHS("\"h.x\":{},\"h.x\":{}"), "duplicate" },
    { "auths a list", "{\"auths\":[]}", "auths" },
    { "entry a text", AUTHS("\"h.x\":\"x\""), "h.x" },
    { "another case", "{\"Auths\":{}}", "auths" },
    { "not base64", AUTHS("\"h.x\":{\"auth\":\"dXNlcjpwY*Nz\"}"), "not base64" },
    { "auth a number", AUTHS("\"h.x\":{\"auth\":1}"), "auth" },
    { "no colon", AUTHS("\"h.x\":{\"auth\":\"dXNlcg==\"}"), "user:password" },
    { "control character in the user", AUTHS("\"h.x\":{\"auth\":\"YQpiOmM=\"}"), "user name" },
    { "colon in the user", AUTHS("\"h.x\":{\"username\":\"a:b\",\"password\":\"c\"}"),
      "user name" },
    { "user without a password", AUTHS("\"h.x\":{\"username\":\"a\"}"), "password" },
    { "newline in a token", AUTHS("\"h.x\":{\"registrytoken\":\"a\\nb\"}"), "blanks" },
    { "helper a path", "{\"credHelpers\":{\"h.x\":\"../evil\"}}", "suffix" },
    { "helper a number", "{\"credHelpers\":{\"h.x\":1}}", "not a text" },
    { "store a path", "{\"credsStore\":\"a/b\"}", "suffix" },
    { "store a number", "{\"credsStore\":1}", "credsStore" },
};

static void refuses_file(void **state)
{
    const struct refused *row = *state;
    CLEANUP(config_match_clear) struct config_match m;
    struct err err = ERR_INIT;
    const struct config_query query = { CONFIG_DOCKER, "h.x", NULL };

    EXPECT_ERR(docker_config_find(&m, bytes_text(row->text), &query, &err), &err, ERR_CONFIG,
               row->word);
    assert_true(m.key == NULL && m.helper == NULL && m.credential.secret == NULL);
}

static void answers(void **state)
{
    struct err err = ERR_INIT;
    struct credential c;

    (void)state;
    EXPECT_OK(
        helper_answer_parse(
            &c, BYTES_LIT("{\"ServerURL\":\"s\",\"Username\":\"u\",\"Secret\":\"p\\n\"}"), &err),
        &err);
    expect_credential(&c, CREDENTIAL_BASIC, "u", "p\n");
    credential_clear(&c);
    EXPECT_OK(
        helper_answer_parse(&c, BYTES_LIT("{\"Username\":\"<token>\",\"Secret\":\"r\"}"), &err),
        &err);
    expect_credential(&c, CREDENTIAL_IDENTITY_TOKEN, NULL, "r");
    credential_clear(&c);
    EXPECT_OK(helper_answer_parse(&c, BYTES_LIT("{\"Username\":\"\",\"Secret\":\"\"}"), &err),
              &err);
    expect_credential(&c, CREDENTIAL_NONE, NULL, "");
    EXPECT_ERR(helper_answer_parse(&c, BYTES_LIT("{\"Username\":\"u\"}"), &err), &err, ERR_AUTH,
               "Secret");
    EXPECT_ERR(helper_answer_parse(&c, BYTES_LIT("ok"), &err), &err, ERR_AUTH, "");
    EXPECT_ERR(helper_answer_parse(&c, BYTES_NONE, &err), &err, ERR_AUTH, "");
    EXPECT_ERR(helper_answer_parse(&c, BYTES_LIT("{\"Username\":\"a:b\",\"Secret\":\"\"}"), &err),
               &err, ERR_AUTH, "user name");
    assert_null(c.username);
}

/* Helpers, as scripts in a folder that is the PATH's first. */

#define SCRIPT "#!/bin/sh\n"

static const char *const variables[] = { "REGISTRY_AUTH_FILE", "DOCKER_AUTH_CONFIG",
                                         "DOCKER_CONFIG",      "XDG_RUNTIME_DIR",
                                         "XDG_CONFIG_HOME",    "HOME" };

static int make_folder(void **state)
{
    static struct folder f;
    char path[512];
    const char *old = getenv("PATH");

    *state = &f;
    if (folder_make(&f) != 0)
        return -1;
    snprintf(path, sizeof(path), "%s/bin:%s", f.path, old == NULL ? "/usr/bin:/bin" : old);
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
    if (folder_write(&f, "bin/.keep", "", 0600) != 0 || setenv("HOME", f.path, 1) != 0 ||
        setenv("XDG_RUNTIME_DIR", folder_path(&f, "run"), 1) != 0)
        return -1;
    return setenv("PATH", path, 1);
}

static int remove_folder(void **state)
{
    folder_remove(*state);
    return 0;
}

static void helper_runs(void **state)
{
    struct folder *f = *state;
    struct credential c;
    struct err err = ERR_INIT;

    assert_int_equal(folder_write(f, "bin/docker-credential-good",
                                  SCRIPT "[ \"$1\" = get ] || exit 9\n"
                                         "s=$(cat)\necho noise >&2\n"
                                         "echo '{\"Username\":\"u\",\"Secret\":\"of '\"$s\"'\"}'\n",
                                  0700),
                     0);
    EXPECT_OK(helper_get(&c, "good", "h.x:5000", 5000, &err), &err);
    expect_credential(&c, CREDENTIAL_BASIC, "u", "of h.x:5000");
    credential_clear(&c);
}

struct helper_row {
    const char *name;
    const char *script;
    enum err_code code;
    const char *word;
};

static const struct helper_row helper_rows[] = {
    { "not found", SCRIPT "echo 'credentials not found in native keychain'\nexit 1\n", ERR_NONE,
      "" },
    { "nothing known", SCRIPT "echo '{\"Username\":\"\",\"Secret\":\"\"}'\n", ERR_NONE, "" },
    { "does not read its input", SCRIPT "exec 0<&-\necho '{\"Username\":\"\",\"Secret\":\"\"}'\n",
      ERR_NONE, "" },
    { "not found, yet status 0", SCRIPT "echo 'credentials not found in native keychain'\n",
      ERR_AUTH, "" },
    { "another failure", SCRIPT "echo 'keychain is locked'\nexit 1\n", ERR_AUTH,
      "keychain is locked" },
    { "fails on standard error", SCRIPT "echo 'no such thing' >&2\nexit 3\n", ERR_AUTH,
      "status 3: no such thing" },
    { "fails with a control character", SCRIPT "printf 'a\\033b'\nexit 3\n", ERR_AUTH, "a\\x1bb" },
    { "killed", SCRIPT "kill -9 $$\n", ERR_AUTH, "signal 9" },
    { "silent", SCRIPT "exit 0\n", ERR_AUTH, "" },
    { "garbage", SCRIPT "echo hello\n", ERR_AUTH, "" },
    { "too much", SCRIPT "head -c 65537 /dev/zero\n", ERR_LIMIT, "65536" },
    { "no interpreter", "#!/nonexistent/interpreter\n", ERR_AUTH, "cannot be run" },
    { "hangs", SCRIPT "sleep 60\n", ERR_DEADLINE, "in time" },
    { "hangs with its output closed", SCRIPT "exec >&-\nsleep 60\n", ERR_DEADLINE, "in time" },
    { "answers for ever", SCRIPT "while :; do echo x >&2; sleep 0.01; done\n", ERR_DEADLINE,
      "in time" },
};

static void helper_behaves(void **state)
{
    const struct helper_row *row = *state;
    struct folder f = { .name = "" };
    struct credential c;
    struct err err = ERR_INIT;
    int64_t start = clock_millis();

    snprintf(f.path, sizeof(f.path), "%s", getenv("HOME"));
    assert_int_equal(folder_write(&f, "bin/docker-credential-row", row->script, 0700), 0);
    int r = helper_get(&c, "row", "h.x", row->code == ERR_DEADLINE ? 200 : 20000, &err);
    if (row->code == ERR_NONE)
        EXPECT_OK(r, &err);
    else
        EXPECT_ERR(r, &err, row->code, row->word);
    expect_credential(&c, CREDENTIAL_NONE, NULL, "");
    assert_true(clock_millis() - start < 10000);
}

static void helper_names(void **state)
{
    CLEANUP(buf_clear) struct buf text = BUF_INIT(100);
    struct err err = ERR_INIT;
    struct credential c;

    (void)state;
    assert_true(helper_name_valid(BYTES_LIT("ecr-login")));
    assert_true(helper_name_valid(BYTES_LIT("a.b_C-9")));
    assert_false(helper_name_valid(BYTES_LIT("")));
    assert_false(helper_name_valid(BYTES_LIT("a/b")));
    assert_false(helper_name_valid(BYTES_LIT("a b")));
    assert_false(helper_name_valid(BYTES_LIT("a;b")));
    while (text.len < 64)
        buf_add_char(&text, 'a');
    assert_true(helper_name_valid(buf_bytes(&text)));
    buf_add_char(&text, 'a');
    assert_false(helper_name_valid(buf_bytes(&text)));
    EXPECT_ERR(helper_get(&c, "a/b", "h.x", 1000, &err), &err, ERR_CONFIG, "a/b");
    EXPECT_ERR(helper_get(&c, "missing", "h.x", 1000, &err), &err, ERR_AUTH, "cannot be run");
}

/* Where credentials come from. */

static struct credential find(const struct credentials_options *o, const char *host,
                              const char *repository)
{
    CLEANUP(credentials_freep) struct credentials *all = NULL;
    struct credential c = { 0 };
    struct err err = ERR_INIT;

    EXPECT_OK(credentials_new(&all, o, &err), &err);
    EXPECT_OK(credentials_find(&c, all, host, repository, &err), &err);
    return c;
}

static void expect_user(const struct credentials_options *o, const char *host, const char *user,
                        const char *origin)
{
    struct credential c = find(o, host, "team/app");

    if (user == NULL) {
        assert_int_equal(c.kind, CREDENTIAL_NONE);
        assert_null(c.origin);
    } else {
        assert_string_equal(c.username, user);
        assert_non_null(strstr(c.origin, origin));
        assert_null(strstr(c.origin, "secret"));
    }
    credential_clear(&c);
}

static int write_user(struct folder *f, const char *file, const char *host, const char *user)
{
    char text[512];

    snprintf(text, sizeof(text),
             "{\"auths\":{\"%s\":{\"username\":\"%s\",\"password\":\"secret\"}}}", host, user);
    return folder_write(f, file, text, 0600);
}

static void order_of_places(void **state)
{
    struct folder *f = *state;
    const struct credentials_options none = { 0 };

    expect_user(&none, "h.x", NULL, NULL);
    assert_int_equal(write_user(f, ".docker/config.json", "h.x", "home"), 0);
    expect_user(&none, "h.x", "home", ".docker/config.json: h.x");
    expect_user(&none, "h.y", NULL, NULL);
    assert_int_equal(write_user(f, ".config/containers/auth.json", "h.x", "config"), 0);
    expect_user(&none, "h.x", "config", ".config/containers/auth.json");
    assert_int_equal(write_user(f, "run/containers/auth.json", "h.x", "runtime"), 0);
    expect_user(&none, "h.x", "runtime", "run/containers/auth.json");
    assert_int_equal(write_user(f, "d/config.json", "h.x", "docker"), 0);
    setenv("DOCKER_CONFIG", folder_path(f, "d"), 1);
    expect_user(&none, "h.x", "docker", "d/config.json");
    setenv("DOCKER_AUTH_CONFIG", AUTHS("\"h.x\":{" AUTH "}"), 1);
    expect_user(&none, "h.x", "user", "DOCKER_AUTH_CONFIG: h.x");
    setenv("REGISTRY_AUTH_FILE", folder_path(f, "missing.json"), 1);
    expect_user(&none, "h.x", NULL, NULL); /* exclusive, and missing is none */
    assert_int_equal(write_user(f, "r.json", "h.x/team", "registry"), 0);
    setenv("REGISTRY_AUTH_FILE", folder_path(f, "r.json"), 1);
    expect_user(&none, "h.x", "registry", "r.json: h.x/team");
    assert_int_equal(write_user(f, "o.json", "h.x", "option"), 0);
    char path[320];
    snprintf(path, sizeof(path), "%s", folder_path(f, "o.json"));
    const struct credentials_options file = { .auth_file = path };
    expect_user(&file, "h.x", "option", "o.json");
    expect_user(&file, "h.y", NULL, NULL);
    for (size_t i = 0; i < 3; i++)
        unsetenv(variables[i]);
    unlink(folder_path(f, "run/containers/auth.json"));
    unlink(folder_path(f, ".config/containers/auth.json"));
}

static void given_by_option(void **state)
{
    CLEANUP(secret_freep) struct secret *secret = NULL;
    CLEANUP(credentials_freep) struct credentials *all = NULL;
    struct err err = ERR_INIT;
    struct credential c;

    (void)state;
    EXPECT_OK(secret_copy(&secret, BYTES_LIT("token"), &err), &err);
    const struct credentials_options basic = { .username = "me", .password = secret };
    const struct credentials_options bearer = { .token = secret };
    const struct credentials_options half = { .username = "me" };
    const struct credentials_options both = { .username = "m",
                                              .password = secret,
                                              .token = secret };
    const struct credentials_options colon = { .username = "m:e", .password = secret };

    expect_user(&basic, "h.x", "me", "command line");
    c = find(&bearer, "h.x", NULL);
    expect_credential(&c, CREDENTIAL_BEARER, NULL, "token");
    credential_clear(&c);
    EXPECT_ERR(credentials_new(&all, &half, &err), &err, ERR_USAGE, "together");
    EXPECT_ERR(credentials_new(&all, &both, &err), &err, ERR_USAGE, "either");
    EXPECT_ERR(credentials_new(&all, &colon, &err), &err, ERR_USAGE, "colon");
    assert_null(all);
    EXPECT_OK(credentials_new(&all, &basic, &err), &err);
    EXPECT_OK(credentials_find_elsewhere(&c, all, "mirror.x", NULL, &err), &err);
    expect_credential(&c, CREDENTIAL_NONE, NULL, "");
    EXPECT_ERR(credentials_find_elsewhere(&c, all, "a/b", NULL, &err), &err, ERR_USAGE, "host");
}

static void named_host_wins(void **state)
{
    struct folder *f = *state;
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    struct err err = ERR_INIT;

    assert_int_equal(write_user(f, ".docker/config.json", "n.x", "home"), 0);
    assert_int_equal(write_user(f, "named.json", "n.x", "named"), 0);
    assert_int_equal(folder_write(f, "bin/docker-credential-named",
                                  SCRIPT "echo '{\"Username\":\"'$(cat)'\",\"Secret\":\"s\"}'\n",
                                  0700),
                     0);
    EXPECT_OK(
        hosts_parse(&hosts,
                    BYTES_LIT("version: 1\nregistries:\n  n.x: {credentials: {file: named.json}}\n"
                              "  m.x: {credentials: {file: missing.json}}\n"
                              "  o.x: {credentials: {file: named.json}}\n"
                              "  p.x: {credentials: {helper: named}}\n"),
                    folder_path(f, "r.yaml"), &err),
        &err);
    const struct credentials_options o = { .hosts = hosts };
    expect_user(&o, "n.x", "named", "named.json: n.x");
    expect_user(&o, "o.x", NULL, NULL);
    expect_user(&o, "p.x", "p.x", "named: p.x");
    CLEANUP(credentials_freep) struct credentials *all = NULL;
    struct credential c;
    EXPECT_OK(credentials_new(&all, &o, &err), &err);
    EXPECT_ERR(credentials_find(&c, all, "m.x", NULL, &err), &err, ERR_CONFIG, "missing.json");
}

static void bad_places(void **state)
{
    struct folder *f = *state;
    CLEANUP(credentials_freep) struct credentials *all = NULL;
    struct err err = ERR_INIT;
    struct credential c;

    assert_int_equal(folder_write(f, ".docker/config.json", "{", 0600), 0);
    const struct credentials_options none = { 0 };
    EXPECT_OK(credentials_new(&all, &none, &err), &err);
    EXPECT_ERR(credentials_find(&c, all, "h.x", NULL, &err), &err, ERR_CONFIG,
               ".docker/config.json");
    assert_int_equal(folder_write(f, ".docker/config.json", "{\"credsStore\":\"missing\"}", 0600),
                     0);
    EXPECT_ERR(credentials_find(&c, all, "h.x", NULL, &err), &err, ERR_AUTH,
               "docker-credential-missing");
    assert_int_equal(c.kind, CREDENTIAL_NONE);
    unlink(folder_path(f, ".docker/config.json"));
    credentials_freep(&all);
    const struct credentials_options file = { .auth_file = folder_path(f, "missing.json") };
    EXPECT_OK(credentials_new(&all, &file, &err), &err);
    EXPECT_ERR(credentials_find(&c, all, "h.x", NULL, &err), &err, ERR_CONFIG, "missing.json");
}

static void ceiling_of_a_file(void **state)
{
    struct folder *f = *state;
    CLEANUP(credentials_freep) struct credentials *all = NULL;
    CLEANUP(buf_clear) struct buf text = BUF_INIT(2 * CONFIG_FILE_MAX);
    struct err err = ERR_INIT;
    struct credential c;

    buf_add_text(&text, "{}");
    while (text.len < CONFIG_FILE_MAX)
        buf_add_char(&text, ' ');
    assert_int_equal(folder_write(f, "big.json", buf_text(&text), 0600), 0);
    const struct credentials_options file = { .auth_file = folder_path(f, "big.json") };
    EXPECT_OK(credentials_new(&all, &file, &err), &err);
    EXPECT_OK(credentials_find(&c, all, "h.x", NULL, &err), &err);
    buf_add_char(&text, ' ');
    assert_int_equal(folder_write(f, "big.json", buf_text(&text), 0600), 0);
    EXPECT_ERR(credentials_find(&c, all, "h.x", NULL, &err), &err, ERR_LIMIT, "larger");
}

static void *ask(void *context)
{
    struct credential c;
    struct err err = ERR_INIT;
    int r = credentials_find(&c, context, "h.x", NULL, &err);
    bool good = r == 0 && c.kind == CREDENTIAL_BASIC;

    credential_clear(&c);
    return good ? NULL : context;
}

static void helper_is_asked_once(void **state)
{
    struct folder *f = *state;
    CLEANUP(credentials_freep) struct credentials *all = NULL;
    CLEANUP(buf_clear) struct buf lines = BUF_INIT(KIB);
    struct err err = ERR_INIT;
    pthread_t threads[4];

    assert_int_equal(folder_write(f, "bin/docker-credential-once",
                                  SCRIPT "echo x >> \"$HOME/asked\"\n"
                                         "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'\n",
                                  0700),
                     0);
    assert_int_equal(folder_write(f, ".docker/config.json", "{\"credsStore\":\"once\"}", 0600), 0);
    const struct credentials_options none = { 0 };
    EXPECT_OK(credentials_new(&all, &none, &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, all), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    EXPECT_OK(file_read(&lines, folder_path(f, "asked"), &err), &err);
    EXPECT_BUF(&lines, "x\n");
}

int main(void)
{
    void *folder = NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(helper_runs),
        cmocka_unit_test(helper_names),
        cmocka_unit_test(order_of_places),
        cmocka_unit_test(given_by_option),
        cmocka_unit_test(named_host_wins),
        cmocka_unit_test(bad_places),
        cmocka_unit_test(ceiling_of_a_file),
        cmocka_unit_test(helper_is_asked_once),
    };
    int failed = cmocka_run_group_tests(tests, make_folder, remove_folder);

    failed += RUN_ROWS(lookups, looks_up);
    failed += RUN_ROWS(refused_files, refuses_file);
    if (make_folder(&folder) != 0)
        return 1;
    failed += RUN_ROWS(helper_rows, helper_behaves);
    remove_folder(&folder);
    return failed != 0;
}
