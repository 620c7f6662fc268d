/* The client against a real registry: docker-registry of the distribution, on loopback, over plain
 * HTTP, which is found out as it would be for a user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/secret.h"
#include "registry/registries.h"
#include "tests/unit/registry_server.h"

#define CONFIG_DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define WRITERS 8

/* --- The registry --- */

struct server {
    struct registry_server at;
    char repository[32]; /* of the test: one each */
    int tests;
};

static int start_server(void **state)
{
    static struct server s;

    *state = &s;
    return registry_folder(&s.at) != 0 ? -1 : registry_start(&s.at, "");
}

static int stop_server(void **state)
{
    registry_stop(&((struct server *)*state)->at);
    return 0;
}

/* --- Helpers --- */

struct opened {
    struct registries *registries;
    struct store *store;
};

static struct opened open_repository(const struct server *s, const char *repository)
{
    const struct registries_options options = { .user_agent = "bulla-test/1",
                                                .auth_file = "/dev/null" };
    struct reference ref = { .host = (char *)(uintptr_t)s->at.host,
                             .repository = (char *)(uintptr_t)repository };
    struct opened o;
    struct err err = ERR_INIT;

    if (registries_new(&o.registries, &options, &err) != 0 ||
        store_open(&o.store, o.registries, &ref, STORE_WRITE, &err) != 0)
        fail_msg("%s", err_text(&err));
    return o;
}

static struct opened open_fresh(void **state)
{
    struct server *s = *state;

    snprintf(s->repository, sizeof(s->repository), "demo/app%d", s->tests++);
    return open_repository(s, s->repository);
}

static void close_it(struct opened *o)
{
    store_free(o->store);
    registries_free(o->registries);
}

static int64_t soon(void)
{
    return clock_deadline(20000);
}

static void good(int result, const struct err *err)
{
    if (result != 0)
        fail_msg("%s: %s", err_name(err->code), err_text(err));
}

static void manifest_text(struct buf *out, const char *name, const struct digest *subject)
{
    char text[DIGEST_TEXT_MAX];

    buf_addf(out,
             "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"artifactType\":\"application/x-%s\","
             "\"config\":{\"mediaType\":\"%s\",\"digest\":\"" CONFIG_DIGEST
             "\",\"size\":2},\"layers\":[]",
             TYPE_OCI_MANIFEST, name, TYPE_OCI_EMPTY);
    if (subject != NULL) {
        digest_format(text, subject);
        buf_addf(out, ",\"subject\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":2}",
                 TYPE_OCI_MANIFEST, text);
    }
    buf_addf(out, ",\"annotations\":{\"name\":\"%s\"}}", name);
}

static struct digest put_image(struct store *s, const char *tag, const char *name)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    struct digest digest;
    struct err err = ERR_INIT;

    manifest_text(&text, name, NULL);
    good(store_put_bytes(s, BYTES_LIT("{}"), &digest, soon(), &err), &err);
    good(store_put_manifest(s, tag, buf_bytes(&text), TYPE_OCI_MANIFEST, soon(), &err), &err);
    good(digest_of(&digest, HASH_SHA256, buf_bytes(&text), &err), &err);
    return digest;
}

static size_t listed_in_tag(struct store *s, const struct digest *subject)
{
    char tag[DIGEST_TAG_MAX];
    struct fetch CLEANUP(fetch_clear) f = { .what = FETCH_TAG, .tag = tag, .size = -1 };
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MIB);
    struct manifest m;
    struct err err = ERR_INIT;

    digest_tag(tag, subject, "");
    store_fetch(s, &f, 1, soon());
    if (f.err.code == ERR_NOT_FOUND)
        return 0;
    good(f.err.code == ERR_NONE ? 0 : -1, &f.err);
    assert_string_equal(f.media_type, TYPE_OCI_INDEX);
    good(manifest_parse(&m, buf_bytes(&f.body), f.media_type, &arena, &err), &err);
    for (size_t i = 0; i < m.n; i++) {
        assert_non_null(m.entries[i].artifact_type);
        assert_int_equal(m.entries[i].annotations.kind, JSON_OBJECT);
    }
    return m.n;
}

/* --- Tests --- */

static void image_goes_in_and_comes_out(void **state)
{
    struct opened o = open_fresh(state);
    struct digest image = put_image(o.store, "v1", "one");
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
    struct reference ref = { .tag = (char *)(uintptr_t) "v1" };
    struct resolved r;
    struct err err = ERR_INIT;

    good(store_resolve(&r, &body, o.store, &ref, soon(), &err), &err);
    assert_true(digest_equal(&r.digest, &image));
    assert_int_equal(r.size, body.len);
    assert_string_equal(r.media_type, TYPE_OCI_MANIFEST);
    ref.has_digest = true;
    ref.digest = image;
    ref.tag = (char *)(uintptr_t) "not-looked-at";
    good(store_resolve(&r, NULL, o.store, &ref, soon(), &err), &err);
    close_it(&o);
}

static void one_batch_keeps_results_apart(void **state)
{
    struct opened o = open_fresh(state);
    struct digest image = put_image(o.store, "v1", "one");
    struct digest absent = image, config;
    struct err err = ERR_INIT;
    absent.value[0] ^= 1;
    good(digest_parse(&config, BYTES_LIT(CONFIG_DIGEST), &err), &err);
    struct fetch f[] = {
        { .what = FETCH_TAG, .tag = "v1", .size = -1 },
        { .what = FETCH_TAG, .tag = "v2", .size = -1 },
        { .what = FETCH_MANIFEST, .digest = absent, .size = -1 },
        { .what = FETCH_BLOB, .digest = config, .size = 2 },
        { .what = FETCH_BLOB, .digest = config, .size = -1, .probe = true },
        { .what = FETCH_TAG, .tag = "v1", .size = -1, .probe = true },
        { .what = FETCH_MANIFEST, .digest = image, .size = 3 },
        { .what = FETCH_MANIFEST, .digest = image, .size = -1, .max = 10 },
        { .what = FETCH_REFERRERS, .digest = image, .size = -1 },
        { .what = FETCH_TAG, .tag = "no/tag", .size = -1 },
    };
    const enum err_code want[] = { ERR_NONE,        ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NONE,
                                   ERR_NONE,        ERR_NONE,      ERR_INVALID,   ERR_LIMIT,
                                   ERR_UNSUPPORTED, ERR_USAGE };

    store_fetch(o.store, f, ARRAY_LEN(f), soon());
    for (size_t i = 0; i < ARRAY_LEN(f); i++) {
        if (f[i].err.code != want[i])
            fail_msg("%zu: %s: %s", i, err_name(f[i].err.code), err_text(&f[i].err));
        assert_int_equal(f[i].body.len > 0, want[i] == ERR_NONE && !f[i].probe);
    }
    assert_true(digest_equal(&f[5].found, &image));
    assert_non_null(strstr(err_text(&f[1].err), "MANIFEST_UNKNOWN"));
    assert_non_null(strstr(err_text(&f[1].err), "HTTP 404"));
    for (size_t i = 0; i < ARRAY_LEN(f); i++)
        fetch_clear(&f[i]);
    close_it(&o);
}

static void large_blob_by_file_both_ways(void **state)
{
    struct opened o = open_fresh(state);
    const struct server *server = *state;
    const size_t size = 12 * MIB + 17;
    uint8_t *data = malloc(size), *back = malloc(size);
    char path[100];
    struct err err = ERR_INIT;

    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    snprintf(path, sizeof(path), "%s/file", server->at.dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(fd, data, size), size);
    struct store_blob blob = { .size = (int64_t)size, .fd = fd, .use_fd = true };
    good(digest_of(&blob.digest, HASH_SHA256, (struct bytes) { data, size }, &err), &err);
    good(store_put_blob(o.store, &blob, soon(), &err), &err);
    good(store_put_blob(o.store, &blob, soon(), &err), &err);
    int to = open(path, O_RDWR | O_TRUNC);
    good(store_blob_to_file(o.store, &blob.digest, blob.size, to, soon(), &err), &err);
    assert_int_equal(pread(to, back, size, 0), size);
    assert_memory_equal(back, data, size);
    assert_int_equal(store_blob_to_file(o.store, &blob.digest, 5, to, soon(), &err), -1);
    assert_int_equal(err.code, ERR_INVALID);

    struct opened other = open_repository(server, "demo/other");
    bool done;
    good(store_mount_blob(other.store, o.store, &blob, &done, soon(), &err), &err);
    assert_true(done);
    struct store_blob missing = { .digest = blob.digest, .size = 9 };
    missing.digest.value[9] ^= 1;
    good(store_mount_blob(other.store, o.store, &missing, &done, soon(), &err), &err);
    assert_false(done);
    close_it(&other);
    close(fd);
    close(to);
    free(data);
    free(back);
    close_it(&o);
}

static void wrong_digest_is_not_stored(void **state)
{
    struct opened o = open_fresh(state);
    struct store_blob blob = { .size = 2, .bytes = BYTES_LIT("{}") };
    struct err err = ERR_INIT;

    blob.digest.value[0] = 1;
    assert_int_equal(store_put_blob(o.store, &blob, soon(), &err), -1);
    assert_non_null(strstr(err_text(&err), "DIGEST_INVALID"));
    close_it(&o);
}

static void tags_and_delete(void **state)
{
    struct opened o = open_fresh(state);
    struct digest image = put_image(o.store, "v1", "one");
    struct buf CLEANUP(buf_clear) tags = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    put_image(o.store, "b2", "two");
    put_image(o.store, "a3", "one");
    good(store_tags(o.store, &tags, soon(), &err), &err);
    assert_string_equal(buf_text(&tags), "a3\nb2\nv1\n");
    good(store_delete_manifest(o.store, &image, soon(), &err), &err);
    buf_reset(&tags);
    good(store_tags(o.store, &tags, soon(), &err), &err);
    assert_string_equal(buf_text(&tags), "b2\n");
    assert_int_equal(store_delete_manifest(o.store, &image, soon(), &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_it(&o);
}

static void missing_blob_is_told(void **state)
{
    struct opened o = open_fresh(state);
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    struct err err = ERR_INIT;

    manifest_text(&text, "x", NULL);
    assert_int_equal(
        store_put_manifest(o.store, "v1", buf_bytes(&text), TYPE_OCI_MANIFEST, soon(), &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_non_null(strstr(err_text(&err), "MANIFEST_BLOB_UNKNOWN"));
    close_it(&o);
}

struct writer {
    const struct server *server;
    const char *repository;
    struct digest image;
    int number;
    struct err err;
};

static void *write_one(void *context)
{
    struct writer *w = context;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    struct opened o = open_repository(w->server, w->repository);
    char name[20];

    snprintf(name, sizeof(name), "w%d", w->number);
    manifest_text(&text, name, &w->image);
    w->err = (struct err)ERR_INIT;
    if (store_put_referrer(o.store, buf_bytes(&text), TYPE_OCI_MANIFEST, soon(), &w->err) == 0)
        err_reset(&w->err);
    close_it(&o);
    return NULL;
}

static void eight_writers_lose_nothing(void **state)
{
    struct opened o = open_fresh(state);
    struct server *s = *state;
    struct digest image = put_image(o.store, "v1", "one");
    struct writer w[WRITERS];
    pthread_t threads[WRITERS];

    for (int i = 0; i < WRITERS; i++) {
        w[i] = (struct writer) {
            .server = s, .repository = s->repository, .image = image, .number = i
        };
        assert_int_equal(pthread_create(&threads[i], NULL, write_one, &w[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        if (w[i].err.code != ERR_NONE)
            fail_msg("%d: %s", i, err_text(&w[i].err));
    assert_int_equal(listed_in_tag(o.store, &image), WRITERS);
    write_one(&w[3]); /* idempotent */
    assert_int_equal(listed_in_tag(o.store, &image), WRITERS);
    close_it(&o);
}

/* Taken off the list and deleted; the others stay; again changes nothing. */
static void a_referrer_is_removed(void **state)
{
    struct opened o = open_fresh(state);
    struct server *s = *state;
    struct digest image = put_image(o.store, "v1", "one");
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    struct digest removed;
    struct err err = ERR_INIT;

    for (int i = 0; i < 3; i++) {
        struct writer w = { .server = s, .repository = s->repository, .image = image, .number = i };
        write_one(&w);
        assert_int_equal(w.err.code, ERR_NONE);
    }
    manifest_text(&text, "w1", &image);
    assert_int_equal(digest_of(&removed, HASH_SHA256, buf_bytes(&text), &err), 0);
    assert_int_equal(listed_in_tag(o.store, &image), 3);
    good(store_remove_referrer(o.store, &image, &removed, soon(), &err), &err);
    assert_int_equal(listed_in_tag(o.store, &image), 2);
    struct fetch CLEANUP(fetch_clear)
        f = { .what = FETCH_MANIFEST, .digest = removed, .size = -1, .err = ERR_INIT };
    store_fetch(o.store, &f, 1, soon());
    assert_int_equal(f.err.code, ERR_NOT_FOUND);
    good(store_remove_referrer(o.store, &image, &removed, soon(), &err), &err);
    assert_int_equal(listed_in_tag(o.store, &image), 2);
    close_it(&o);
}

static void foreign_content_of_the_fallback_tag_stays(void **state)
{
    struct opened o = open_fresh(state);
    struct digest image = put_image(o.store, "v1", "one");
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    char tag[DIGEST_TAG_MAX];
    struct err err = ERR_INIT;

    digest_tag(tag, &image, "");
    put_image(o.store, tag, "squatter");
    manifest_text(&text, "sig", &image);
    assert_int_equal(store_put_referrer(o.store, buf_bytes(&text), TYPE_OCI_MANIFEST, soon(), &err),
                     -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err_text(&err), "stored as sha256:"));
    close_it(&o);
}

static void nobody_listens(void **state)
{
    struct server s = *(struct server *)*state;
    struct err err = ERR_INIT;
    struct resolved r;
    const struct reference ref = { .tag = NULL };

    snprintf(s.at.host, sizeof(s.at.host), "127.0.0.1:%d", registry_free_port());
    struct opened o = open_repository(&s, "demo/app");
    int64_t begun = clock_millis();
    assert_int_equal(store_resolve(&r, NULL, o.store, &ref, clock_deadline(1500), &err), -1);
    assert_true(err.code == ERR_NETWORK || err.code == ERR_DEADLINE);
    assert_in_range(clock_millis() - begun, 0, 2500);
    close_it(&o);
}

static void few_exchanges(void **state)
{
    struct opened o = open_fresh(state);
    struct digest image = put_image(o.store, "v1", "one");
    struct err err = ERR_INIT;
    struct resolved r;
    const struct reference ref = { .tag = (char *)(uintptr_t) "v1" };
    (void)image;
    struct opened again = open_repository(*state, ((struct server *)*state)->repository);

    assert_int_equal(registries_exchanges(again.registries), 0);
    good(store_resolve(&r, NULL, again.store, &ref, soon(), &err), &err);
    assert_int_equal(registries_exchanges(again.registries), 1);
    close_it(&again);
    close_it(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_goes_in_and_comes_out),
        cmocka_unit_test(one_batch_keeps_results_apart),
        cmocka_unit_test(large_blob_by_file_both_ways),
        cmocka_unit_test(wrong_digest_is_not_stored),
        cmocka_unit_test(tags_and_delete),
        cmocka_unit_test(missing_blob_is_told),
        cmocka_unit_test(eight_writers_lose_nothing),
        cmocka_unit_test(a_referrer_is_removed),
        cmocka_unit_test(foreign_content_of_the_fallback_tag_stays),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(few_exchanges),
    };
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, start_server, stop_server) != 0;
}
