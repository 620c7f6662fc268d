/*
 * The transport and the registry client against a scripted registry, with every allocation failing
 * in turn - ours, OpenSSL's and jansson's, on every thread; not libcurl's, whose version 7.88 does
 * not survive all of its own. Each round is a whole life: options read, transport started, token
 * fetched, request answered, all of it freed. It ends with the right answer, or with an error that
 * says that it could not be found out; short memory never turns into "not there" or "has no such
 * API", on which a verdict would be built.
 *
 * The registry is another process: its own allocations are not counted.
 */
#include "tests/unit/script.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/fault/inject.h"
#include "tests/unit/expect.h"

#define ALLOCATIONS_MAX 100000 /* more means that the loop does not end */
#define ROUND_MS 5000
#define BLOB "what a digest names"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define SUBJECT "sha256:9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"
#define REFERRER                                                                                   \
    "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST "\","                                     \
    "\"artifactType\":\"application/x\",\"config\":{\"mediaType\":\"application/x\","              \
    "\"digest\":\"" SUBJECT "\",\"size\":3},\"layers\":[],"                                        \
    "\"subject\":{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"" SUBJECT "\",\"size\":3}}"
#define LOGGED_IN "Authorization: Bearer T1\r\n"
#define PATH "/v2/demo/app/"

static const struct rule rules[] = {
    { "GET /token", "Authorization: Basic bWU6c2VjcmV0\r\n", NULL, 200, NULL,
      "{\"token\":\"T1\",\"expires_in\":300}" },
    { "GET /v2/", NULL, LOGGED_IN, 401, BEARER, "{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}" },
    { "PUT /v2/", NULL, LOGGED_IN, 401, BEARER, "" },
    { "POST /v2/", NULL, LOGGED_IN, 401, BEARER, "" },
    { "HEAD /v2/", NULL, LOGGED_IN, 401, BEARER, "" },
    { "GET " PATH "manifests/", NULL, NULL, 200, INDEX_TYPE, INDEX_BODY },
    { "GET " PATH "referrers/", NULL, NULL, 200, INDEX_TYPE, INDEX_BODY },
    { "GET " PATH "blobs/", NULL, NULL, 200, NULL, BLOB },
    { "GET " PATH "tags/list", "last=", NULL, 200, NULL, "{\"tags\":[\"v2\"]}" },
    { "GET " PATH "tags/list", NULL, NULL, 200,
      "Link: </v2/demo/app/tags/list?last=v1>; rel=\"next\"\r\n", "{\"tags\":[\"v1\"]}" },
    { "HEAD " PATH "blobs/", NULL, NULL, 404, NULL, "" },
    { "POST " PATH "blobs/uploads/", NULL, NULL, 202, "Location: /v2/demo/app/up/1?a=b\r\n", "" },
    { "PUT " PATH "up/1?a=b&digest=sha256", BLOB, NULL, 201, NULL, "" },
    { "PUT " PATH "manifests/", REFERRER, NULL, 201, "OCI-Subject: " SUBJECT "\r\n", "" },
    { "PUT " PATH "manifests/", INDEX_BODY, NULL, 201, NULL, "" },
    END
};

struct world {
    pid_t server;
    char host[32];
    char credentials[64]; /* a file that holds none */
    struct secret *password;
    struct digest blob, index;
};

static int64_t in_time(void)
{
    return clock_deadline(ROUND_MS);
}

/* --- What is tried --- */

static int fetch_one(struct store *store, struct fetch f, const char *want, struct err *err)
{
    store_fetch(store, &f, 1, in_time());
    if (f.err.code == ERR_NONE)
        EXPECT_BUF(&f.body, want);
    else
        assert_int_equal(f.body.len, 0);
    *err = f.err;
    fetch_clear(&f);
    return err->code == ERR_NONE ? 0 : -1;
}

static int by_its_tag(const struct world *w, struct store *store, struct err *err)
{
    (void)w;
    return fetch_one(store, by_tag(), INDEX_BODY, err);
}

/* Three that are independent: one may fail and the others come. */
static int several(const struct world *w, struct store *store, struct err *err)
{
    struct fetch f[] = {
        { .what = FETCH_MANIFEST, .digest = w->index, .size = -1 },
        { .what = FETCH_BLOB, .digest = w->blob, .size = sizeof(BLOB) - 1 },
        { .what = FETCH_REFERRERS, .digest = w->index },
    };
    static const char *const want[] = { INDEX_BODY, BLOB, INDEX_BODY };

    store_fetch(store, f, ARRAY_LEN(f), in_time());
    for (size_t i = 0; i < ARRAY_LEN(f); i++) {
        if (f[i].err.code == ERR_NONE)
            EXPECT_BUF(&f[i].body, want[i]);
        else
            *err = f[i].err;
        fetch_clear(&f[i]);
    }
    return err->code == ERR_NONE ? 0 : -1;
}

static int into_a_file(const struct world *w, struct store *store, struct err *err)
{
    char got[sizeof(BLOB)] = { 0 };
    FILE *file = tmpfile();

    assert_non_null(file);
    int done = store_blob_to_file(store, &w->blob, sizeof(BLOB) - 1, fileno(file), in_time(), err);
    if (done == 0) {
        assert_int_equal(pread(fileno(file), got, sizeof(got), 0), sizeof(BLOB) - 1);
        assert_string_equal(got, BLOB);
    }
    fclose(file);
    return done;
}

static int all_tags(const struct world *w, struct store *store, struct err *err)
{
    struct buf CLEANUP(buf_clear) tags = BUF_INIT(KIB);

    (void)w;
    if (store_tags(store, &tags, in_time(), err) != 0)
        return -1;
    EXPECT_BUF(&tags, "v1\nv2\n"); /* never the first page alone */
    return 0;
}

static int a_blob_up(const struct world *w, struct store *store, struct err *err)
{
    const struct store_blob blob = { .digest = w->blob,
                                     .size = sizeof(BLOB) - 1,
                                     .bytes = BYTES_LIT(BLOB) };

    return store_put_blob(store, &blob, in_time(), err);
}

static int a_manifest_up(const struct world *w, struct store *store, struct err *err)
{
    (void)w;
    return store_put_manifest(store, "v1", BYTES_LIT(INDEX_BODY), OCI_INDEX, in_time(), err);
}

static int a_referrer_up(const struct world *w, struct store *store, struct err *err)
{
    (void)w;
    return store_put_referrer(store, BYTES_LIT(REFERRER), OCI_MANIFEST, in_time(), err);
}

/* --- The loop --- */

static struct world world;

static int one_life(int (*what)(const struct world *, struct store *, struct err *),
                    struct err *err)
{
    const struct registries_options options = {
        .user_agent = "bulla-test/1",
        .auth_file = world.credentials,
        .username = "me",
        .password = world.password,
        .plain_http = true,
    };
    const struct reference ref = { .host = world.host,
                                   .repository = (char *)(uintptr_t) "demo/app" };
    struct registries *CLEANUP(registries_freep) registries = NULL;
    struct store *CLEANUP(store_freep) store = NULL;

    if (registries_new(&registries, &options, err) != 0 ||
        store_open(&store, registries, &ref, STORE_WRITE, err) != 0)
        return -1;
    return what(&world, store, err);
}

/* It could not be found out. Nobody takes one of these for an answer. Two origins that could not be
 * compared count as different, so that nothing goes where it should not. */
static void expect_undecided(const struct err *err, long n)
{
    static const enum err_code undecided[] = { ERR_NOMEM, ERR_CRYPTO, ERR_INTERNAL, ERR_NETWORK };
    bool found = err->code == ERR_MALFORMED && strstr(err_text(err), "on another host") != NULL;

    for (size_t i = 0; i < ARRAY_LEN(undecided); i++)
        found = found || err->code == undecided[i];
    if (!found)
        fail_msg("allocation %ld: %s: %s", n, err_name(err->code), err_text(err));
    assert_true(err_text(err)[0] != '\0');
}

struct row {
    const char *name;
    int (*what)(const struct world *, struct store *, struct err *);
};

static const struct row rows[] = {
    { "a tag", by_its_tag },
    { "several at once", several },
    { "a blob into a file", into_a_file },
    { "every tag", all_tags },
    { "putting a blob", a_blob_up },
    { "putting a manifest", a_manifest_up },
    { "putting a referrer", a_referrer_up },
};

static void short_of_memory(void **state)
{
    const struct row *row = *state;

    for (long n = 1;; n++) {
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int status = one_life(row->what, &err);
        bool fired = inject_disarm();
        if (status != 0) {
            if (!fired)
                fail_msg("without a failure: %s", err_text(&err));
            expect_undecided(&err, n);
        }
        if (!fired)
            break;
    }
}

/* --- The other process --- */

static int serve_rules(int to)
{
    const struct timeval patience = { .tv_usec = 100000 };
    struct server s;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    server_start(&s, rules);
    /* For the connections too: one request at a time is served, and some connections bring none. */
    setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (write(to, s.host, sizeof(s.host)) != (ssize_t)sizeof(s.host))
        return 1;
    for (;;)
        pause();
}

static int world_make(void)
{
    int ends[2];
    struct err err = ERR_INIT;

    if (pipe(ends) != 0)
        return -1;
    world.server = fork();
    if (world.server == 0)
        _exit(serve_rules(ends[1]));
    ssize_t n = read(ends[0], world.host, sizeof(world.host));
    close(ends[0]);
    close(ends[1]);
    snprintf(world.credentials, sizeof(world.credentials), "%s", no_credentials());
    if (world.server < 0 || n != (ssize_t)sizeof(world.host) ||
        secret_copy(&world.password, BYTES_LIT("secret"), &err) != 0)
        return -1;
    return digest_of(&world.blob, HASH_SHA256, BYTES_LIT(BLOB), &err) != 0 ||
                   digest_of(&world.index, HASH_SHA256, BYTES_LIT(INDEX_BODY), &err) != 0
               ? -1
               : 0;
}

static void world_clear(void)
{
    if (world.server > 0) {
        kill(world.server, SIGTERM);
        waitpid(world.server, NULL, 0);
    }
    unlink(world.credentials);
    secret_free(world.password);
}

int main(void)
{
    struct err err = ERR_INIT;
    int failed = 1;

    if (inject_libraries() != 0 || secret_init(&err) != 0)
        return 1;
    if (world_make() == 0)
        failed = RUN_ROWS(rows, short_of_memory);
    world_clear();
    return failed != 0;
}
