#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/limits.h"
#include "registry/hosts.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"

#define PEM(letter) "-----BEGIN CERTIFICATE-----\n" letter "\n-----END CERTIFICATE-----\n"
#define HEAD "version: 1\nregistries:\n"
#define HOST HEAD "  h.x:\n    "

static int make_files(void **state)
{
    static struct folder f;

    *state = &f;
    if (folder_make(&f) != 0 || folder_write(&f, "ca.pem", PEM("yaml"), 0600) != 0 ||
        folder_write(&f, "none.pem", "nothing\n", 0600) != 0)
        return -1;
    return setenv("HOME", f.path, 1);
}

static int remove_files(void **state)
{
    folder_remove(*state);
    return 0;
}

static void whole_file(void **state)
{
    static const char text[] =
        HEAD "  Registry.Acme.Example:443:\n"
             "    ca: ca.pem\n"
             "    client: {cert: client.pem, key: /etc/client.key}\n"
             "    credentials: {helper: ecr-login}\n"
             "    mirrors: [mirror.acme.example/hub, \"[::1]:5000\"]\n"
             "    evidence: [registry.acme.example/signatures, \"oci:/srv/e\","
             " \"oci:near\"]\n"
             "    parallel: 7\n"
             "  127.0.0.1:5000:\n"
             "    plain-http: true\n"
             "    private: true\n"
             "    credentials: {file: auth.json}\n"
             "  index.docker.io:\n";
    struct folder *f = *state;
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    struct host_settings s;
    struct err err = ERR_INIT;
    char path[320];

    EXPECT_OK(hosts_parse(&hosts, BYTES_LIT(text), folder_path(f, "registries.yaml"), &err), &err);
    EXPECT_OK(hosts_find(&s, hosts, "registry.acme.example", &err), &err);
    assert_true(s.named && !s.plain_http && !s.private_address);
    assert_string_equal(s.ca_pem, PEM("yaml"));
    snprintf(path, sizeof(path), "%s/client.pem", f->path);
    assert_string_equal(s.cert_file, path);
    assert_string_equal(s.key_file, "/etc/client.key");
    assert_string_equal(s.credentials_helper, "ecr-login");
    assert_null(s.credentials_file);
    assert_int_equal(s.n_mirrors, 2);
    assert_string_equal(s.mirrors[0].host, "mirror.acme.example");
    assert_string_equal(s.mirrors[0].prefix, "hub");
    assert_string_equal(s.mirrors[1].host, "[::1]:5000");
    assert_string_equal(s.mirrors[1].prefix, "");
    assert_int_equal(s.n_evidence, 3);
    assert_string_equal(s.evidence[0].repository, "signatures");
    assert_string_equal(s.evidence[1].repository, "/srv/e");
    snprintf(path, sizeof(path), "%s/near", f->path);
    assert_string_equal(s.evidence[2].repository, path);
    assert_true(s.evidence[2].layout);
    assert_int_equal(s.parallel, 7);

    EXPECT_OK(hosts_find(&s, hosts, "127.0.0.1:5000", &err), &err);
    assert_true(s.named && s.plain_http && s.private_address);
    assert_int_equal(s.parallel, HTTP_PARALLEL_NAMED);
    snprintf(path, sizeof(path), "%s/auth.json", f->path);
    assert_string_equal(s.credentials_file, path);

    EXPECT_OK(hosts_find(&s, hosts, "registry-1.docker.io", &err), &err);
    assert_true(s.named);
    EXPECT_OK(hosts_find(&s, hosts, "registry.acme.example:5000", &err), &err);
    assert_false(s.named);
    assert_int_equal(s.parallel, HTTP_PARALLEL_OTHER);
    EXPECT_ERR(hosts_find(&s, hosts, "../x", &err), &err, ERR_USAGE, "host name");
}

/* Asked of what references hold, normalised; a host that certs.d knows is not named by it. */
static void named_hosts(void **state)
{
    static const char text[] = HEAD "  Registry.Acme.Example:443: {}\n  index.docker.io:\n";
    struct folder *f = *state;
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    struct host_settings s;
    struct err err = ERR_INIT;

    EXPECT_OK(hosts_parse(&hosts, BYTES_LIT(text), folder_path(f, "registries.yaml"), &err), &err);
    assert_true(hosts_name(hosts, "registry.acme.example"));
    assert_true(hosts_name(hosts, "docker.io"));
    assert_false(hosts_name(hosts, "registry.acme.example:5000"));
    assert_false(hosts_name(hosts, "acme.example"));
    assert_false(hosts_name(hosts, "quay.example"));
    EXPECT_OK(hosts_find(&s, hosts, "quay.example", &err), &err);
    assert_false(hosts_name(hosts, "quay.example"));
}

struct refused {
    const char *name;
    const char *text;
    const char *place;
    const char *word;
};

static const struct refused refused[] = {
    { "empty", "", ":1:", "mapping" },
    { "no version", "registries: {}", ":1:1:", "version is missing" },
    { "version 2", "version: 2", ":1:10:", "version 1" },
    { "version a text", "version: \"1\"", ":1:10:", "version 1" },
    { "unknown key", "version: 1\nregistrys: {}", ":2:1:", "did you mean \"registries\"" },
    { "registries a list", "version: 1\nregistries: []", ":2:13:", "mapping of hosts" },
    { "host a list", HEAD "  h.x: []", ":3:8:", "mapping" },
    { "not a host", HEAD "  h_x: {}", ":3:3:", "host name" },
    { "a repository for a host", HEAD "  h.x/a: {}", ":3:3:", "host name" },
    { "the same host twice", HEAD "  h.x: {}\n  H.X:443: {}", ":4:3:", "named twice" },
    { "two names of Hub", HEAD "  docker.io: {}\n  index.docker.io: {}", ":4:3:", "named twice" },
    { "unknown setting", HOST "mirors: []", ":4:5:", "did you mean \"mirrors\"" },
    { "setting in another case", HOST "Private: true", ":4:5:", "did you mean \"private\"" },
    { "setting like nothing", HOST "zzzzzzzz: 1", ":4:5:", "unknown key \"zzzzzzzz\"" },
    { "boolean a text", HOST "private: \"true\"", ":4:14:", "true or false" },
    { "boolean yes", HOST "plain-http: yes", ":4:17:", "true or false" },
    { "parallel 0", HOST "parallel: 0", ":4:15:", "1 to 256" },
    { "parallel 257", HOST "parallel: 257", ":4:15:", "1 to 256" },
    { "parallel a text", HOST "parallel: \"8\"", ":4:15:", "1 to 256" },
    { "ca not there", HOST "ca: missing.pem", ":4:9:", "missing.pem" },
    { "ca without a certificate", HOST "ca: none.pem", ":4:9:", "no PEM certificate" },
    { "ca empty", HOST "ca: \"\"", ":4:9:", "a text" },
    { "ca a number", HOST "ca: 5", ":4:9:", "a text" },
    { "client without a key", HOST "client: {cert: a}", ":4:13:", "both" },
    { "client without a certificate", HOST "client: {key: a}", ":4:13:", "both" },
    { "client with more", HOST "client: {cert: a, key: b, kay: c}", ":4:31:", "did you mean" },
    { "credentials empty", HOST "credentials: {}", ":4:18:", "either" },
    { "credentials twofold", HOST "credentials: {file: a, helper: b}", ":4:18:", "either" },
    { "password in the file", HOST "credentials: {password: x}", ":4:19:", "unknown key" },
    { "helper a path", HOST "credentials: {helper: ../x}", ":4:27:", "docker-credential-" },
    { "mirrors a text", HOST "mirrors: m.x", ":4:14:", "a list" },
    { "mirror with a bad path", HOST "mirrors: [m.x/A]", ":4:15:", "repository path" },
    { "mirror with an empty path", HOST "mirrors: [m.x/]", ":4:15:", "repository path" },
    { "mirror not a host", HOST "mirrors: [m_x]", ":4:15:", "host name" },
    { "mirror a URL", HOST "mirrors: [\"https://m.x\"]", ":4:15:", "host name" },
    { "evidence without a host", HOST "evidence: [signatures]", ":4:16:", "write the host" },
    { "evidence on Hub unsaid", HOST "evidence: [acme/signatures]", ":4:16:", "write the host" },
    { "evidence with a tag", HOST "evidence: [h.x/s:1]", ":4:16:", "no tag" },
    { "evidence in a tagged layout", HOST "evidence: [\"oci:/a:1\"]", ":4:16:", "no tag" },
    { "evidence not a name", HOST "evidence: [h.x/S]", ":4:16:", "lower case" },
    { "too many mirrors",
      HOST "mirrors: [a.x, a.x, a.x, a.x, a.x, a.x, a.x, a.x, a.x, a.x, a.x, a.x, a.x, a.x, a.x, "
           "a.x, a.x]",
      ":4:14:", "more than 16" },
};

/* The state is the row; the folder's files are found through HOME. */
static void refuses(void **state)
{
    const struct refused *row = *state;
    struct hosts *hosts = NULL;
    struct err err = ERR_INIT;
    char name[320];

    snprintf(name, sizeof(name), "%s/registries.yaml", getenv("HOME"));
    int r = hosts_parse(&hosts, bytes_text(row->text), name, &err);
    if (strstr(err_text(&err), row->place) == NULL)
        print_error("'%s' has no '%s'\n", err_text(&err), row->place);
    assert_non_null(strstr(err_text(&err), row->place));
    EXPECT_ERR(r, &err, ERR_CONFIG, row->word);
    assert_null(hosts);
}

static void sixteen_places(void **state)
{
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    CLEANUP(buf_clear) struct buf text = BUF_INIT(KIB);
    struct err err = ERR_INIT;
    struct host_settings s;

    (void)state;
    buf_add_text(&text, HOST "evidence: [");
    for (int i = 0; i < HOST_PLACES_MAX; i++)
        buf_addf(&text, "h.x/a%d, ", i);
    buf_add_text(&text, "]\n");
    EXPECT_OK(hosts_parse(&hosts, buf_bytes(&text), "r.yaml", &err), &err);
    EXPECT_OK(hosts_find(&s, hosts, "h.x", &err), &err);
    assert_int_equal(s.n_evidence, HOST_PLACES_MAX);
}

static void files(void **state)
{
    struct folder *f = *state;
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    struct err err = ERR_INIT;

    EXPECT_ERR(hosts_load(&hosts, folder_path(f, "missing.yaml"), &err), &err, ERR_CONFIG,
               "missing.yaml");
    assert_null(hosts);
    assert_int_equal(folder_write(f, "r.yaml", "version: 1\n", 0600), 0);
    EXPECT_OK(hosts_load(&hosts, folder_path(f, "r.yaml"), &err), &err);
    hosts_free(hosts);
    EXPECT_OK(hosts_load(&hosts, NULL, &err), &err);
}

/* What a change of would be a change of how registries are reached. */
static void files_are_told(void **state)
{
    struct folder *f = *state;
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    CLEANUP(file_marks_clear) struct file_marks marks = { NULL, 0, 0 };
    static const struct {
        const char *name;
        bool credentials;
    } wanted[] = { { "ca.pem", false }, { "c", false }, { "k", false }, { "login.json", true } };
    struct err err = ERR_INIT;

    assert_int_equal(folder_write(f, "told.yaml",
                                  HEAD "  b.x:\n    ca: ca.pem\n    client: {cert: c, key: k}\n"
                                       "  a.x: {credentials: {file: login.json}}\n  C.x:\n",
                                  0600),
                     0);
    EXPECT_OK(hosts_load_marked(&hosts, folder_path(f, "told.yaml"), &marks, &err), &err);
    assert_string_equal(marks.items[0].path, folder_path(f, "told.yaml"));
    assert_int_equal(marks.n, 1 + ARRAY_LEN(wanted));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const struct host_file *file = hosts_file(hosts, i);
        assert_string_equal(file->path, folder_path(f, wanted[i].name));
        assert_int_equal(file->credentials, wanted[i].credentials);
        assert_string_equal(marks.items[i + 1].path, file->path);
    }
    assert_null(hosts_file(hosts, ARRAY_LEN(wanted)));
    assert_string_equal(hosts_named(hosts, 0), "b.x");
    assert_string_equal(hosts_named(hosts, 1), "a.x");
    assert_string_equal(hosts_named(hosts, 2), "c.x");
    assert_null(hosts_named(hosts, 3));
    assert_non_null(strstr(hosts_certs_base(hosts, 0), "/.config/containers/certs.d"));
    assert_null(hosts_certs_base(hosts, 3));
}

/* An authority that is not there is noted too: that it comes is a change. */
static void missing_files_are_told(void **state)
{
    struct folder *f = *state;
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    CLEANUP(file_marks_clear) struct file_marks marks = { NULL, 0, 0 };
    struct err err = ERR_INIT;

    assert_int_equal(folder_write(f, "told.yaml", HEAD "  b.x: {ca: later.pem}\n", 0600), 0);
    EXPECT_ERR(hosts_load_marked(&hosts, folder_path(f, "told.yaml"), &marks, &err), &err,
               ERR_CONFIG, "later.pem");
    assert_null(hosts);
    assert_int_equal(marks.n, 2);
    assert_false(marks.items[1].there);
    assert_int_equal(folder_write(f, "later.pem", PEM("x"), 0600), 0);
    assert_false(file_marks_same(&marks));
}

#define CERTS ".config/containers/certs.d/"

static void certs_are_merged(void **state)
{
    struct folder *f = *state;
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    struct host_settings s, again;
    struct err err = ERR_INIT;
    char path[320];

    assert_int_equal(folder_write(f, CERTS "c.x:5000/b.crt", PEM("b"), 0600), 0);
    assert_int_equal(folder_write(f, CERTS "c.x:5000/a.crt", PEM("a"), 0600), 0);
    assert_int_equal(folder_write(f, CERTS "c.x:5000/z.cert", "", 0600), 0);
    assert_int_equal(folder_write(f, CERTS "c.x:5000/z.key", "", 0600), 0);
    assert_int_equal(folder_write(f, CERTS "c.x:5000/README", "", 0600), 0);
    assert_int_equal(folder_write(f, CERTS "docker.io/a.crt", PEM("hub"), 0600), 0);
    EXPECT_OK(
        hosts_parse(&hosts,
                    BYTES_LIT(HEAD "  docker.io:\n    ca: ca.pem\n    client: {cert: c, key: k}\n"),
                    folder_path(f, "r.yaml"), &err),
        &err);
    EXPECT_OK(hosts_find(&s, hosts, "c.x:5000", &err), &err);
    assert_false(s.named);
    assert_string_equal(s.ca_pem, PEM("a") PEM("b"));
    snprintf(path, sizeof(path), "%s/" CERTS "c.x:5000/z.cert", f->path);
    assert_string_equal(s.cert_file, path);
    snprintf(path, sizeof(path), "%s/" CERTS "c.x:5000/z.key", f->path);
    assert_string_equal(s.key_file, path);
    EXPECT_OK(hosts_find(&again, hosts, "C.X:5000", &err), &err);
    assert_ptr_equal(again.ca_pem, s.ca_pem); /* read once */
    EXPECT_OK(hosts_find(&s, hosts, "registry-1.docker.io", &err), &err);
    assert_string_equal(s.ca_pem, PEM("yaml") PEM("hub"));
    assert_non_null(strstr(s.cert_file, "/c"));
}

static void certs_refused(void **state)
{
    struct folder *f = *state;
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    struct host_settings s;
    struct err err = ERR_INIT;

    EXPECT_OK(hosts_load(&hosts, NULL, &err), &err);
    assert_int_equal(folder_write(f, CERTS "d.x/a.cert", "", 0600), 0);
    EXPECT_ERR(hosts_find(&s, hosts, "d.x", &err), &err, ERR_CONFIG, "no .key");
    assert_null(s.cert_file);
    assert_int_equal(folder_write(f, CERTS "e.x/a.key", "", 0600), 0);
    EXPECT_ERR(hosts_find(&s, hosts, "e.x", &err), &err, ERR_CONFIG, "no .cert");
    assert_int_equal(folder_write(f, CERTS "e.x/a.crt", PEM("a"), 0600), 0);
    EXPECT_ERR(hosts_find(&s, hosts, "e.x", &err), &err, ERR_CONFIG, "ends in .cert");
    assert_int_equal(folder_write(f, CERTS "g.x/a.crt", "x", 0600), 0);
    EXPECT_ERR(hosts_find(&s, hosts, "g.x", &err), &err, ERR_CONFIG, "no PEM certificate");
}

static void *ask(void *context)
{
    struct hosts *hosts = context;
    struct host_settings s;
    struct err err = ERR_INIT;

    for (int i = 0; i < 100; i++)
        if (hosts_find(&s, hosts, i % 2 == 0 ? "t.x" : "u.x", &err) != 0 || s.ca_pem == NULL)
            return hosts;
    return NULL;
}

static void many_threads(void **state)
{
    struct folder *f = *state;
    CLEANUP(hosts_freep) struct hosts *hosts = NULL;
    struct err err = ERR_INIT;
    pthread_t threads[4];

    assert_int_equal(folder_write(f, CERTS "t.x/a.crt", PEM("t"), 0600), 0);
    assert_int_equal(folder_write(f, CERTS "u.x/a.crt", PEM("u"), 0600), 0);
    EXPECT_OK(hosts_load(&hosts, NULL, &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, hosts), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

int main(void)
{
    void *folder = NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_file),       cmocka_unit_test(named_hosts),
        cmocka_unit_test(sixteen_places),   cmocka_unit_test(files),
        cmocka_unit_test(files_are_told),   cmocka_unit_test(missing_files_are_told),
        cmocka_unit_test(certs_are_merged), cmocka_unit_test(certs_refused),
        cmocka_unit_test(many_threads),
    };

    int failed = cmocka_run_group_tests(tests, make_files, remove_files);
    if (make_files(&folder) != 0)
        return 1;
    failed += RUN_ROWS(refused, refuses);
    remove_files(&folder);
    return failed != 0;
}
