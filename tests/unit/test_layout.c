#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/secret.h"
#include "registry/layout.h"
#include "registry/registries.h"
#include "tests/unit/expect.h"

/* A folder per test, removed afterwards. */
struct place {
    char dir[64];
    char layout[80];
    struct reference ref;
};

static int make_place(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    snprintf(p->dir, sizeof(p->dir), "/tmp/bulla-layout-XXXXXX");
    if (mkdtemp(p->dir) == NULL)
        return -1;
    snprintf(p->layout, sizeof(p->layout), "%s/l", p->dir);
    p->ref = (struct reference) { .repository = p->layout, .layout = true };
    *state = p;
    return 0;
}

static void remove_tree(const char *path)
{
    char *const argv[] = { (char *)(uintptr_t) "rm", (char *)(uintptr_t) "-rf",
                           (char *)(uintptr_t)path, NULL };
    pid_t pid = fork();

    if (pid == 0) {
        execvp("rm", argv);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
}

static int drop_place(void **state)
{
    struct place *p = *state;

    remove_tree(p->dir);
    free(p);
    return 0;
}

static struct store *open_it(const struct place *p, bool write)
{
    struct store *s;
    struct err err = ERR_INIT;

    if (layout_open(&s, &p->ref, write, &err) != 0)
        fail_msg("%s", err_text(&err));
    return s;
}

static void write_file(const struct place *p, const char *name, const char *text)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", p->layout, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void read_index(const struct place *p, struct buf *out)
{
    char path[200];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), "%s/index.json", p->layout);
    assert_int_equal(file_read(out, path, &err), 0);
}

static int64_t soon(void)
{
    return clock_deadline(5000);
}

#define CONFIG_DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

/* A manifest that differs by `name`; of a subject when there is one. */
static void manifest_text(struct buf *out, const char *name, const struct digest *subject)
{
    char text[DIGEST_TEXT_MAX];

    buf_addf(out,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"artifactType\":"
             "\"application/x-%s\",\"config\":{\"mediaType\":\"" TYPE_OCI_EMPTY
             "\",\"digest\":\"" CONFIG_DIGEST "\",\"size\":2},\"layers\":[]",
             name);
    if (subject != NULL) {
        digest_format(text, subject);
        buf_addf(out,
                 ",\"subject\":{\"mediaType\":\"" TYPE_OCI_MANIFEST
                 "\",\"digest\":\"%s\",\"size\":2}",
                 text);
    }
    buf_addf(out, ",\"annotations\":{\"name\":\"%s\"}}", name);
}

static struct digest put_image(struct store *s, const char *tag, const char *name)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    struct digest digest;
    struct err err = ERR_INIT;

    manifest_text(&text, name, NULL);
    if (store_put_bytes(s, BYTES_LIT("{}"), &digest, soon(), &err) != 0 ||
        store_put_manifest(s, tag, buf_bytes(&text), TYPE_OCI_MANIFEST, soon(), &err) != 0)
        fail_msg("%s", err_text(&err));
    assert_int_equal(digest_of(&digest, HASH_SHA256, buf_bytes(&text), &err), 0);
    return digest;
}

static struct digest put_referrer(struct store *s, const char *name, const struct digest *subject)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    struct digest digest;
    struct err err = ERR_INIT;

    manifest_text(&text, name, subject);
    if (store_put_referrer(s, buf_bytes(&text), TYPE_OCI_MANIFEST, soon(), &err) != 0)
        fail_msg("%s", err_text(&err));
    assert_int_equal(digest_of(&digest, HASH_SHA256, buf_bytes(&text), &err), 0);
    return digest;
}

static size_t count_referrers(struct store *s, const struct digest *subject)
{
    struct fetch CLEANUP(fetch_clear)
        f = { .what = FETCH_REFERRERS, .digest = *subject, .size = -1 };
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MIB);
    struct manifest m;
    struct err err = ERR_INIT;

    store_fetch(s, &f, 1, soon());
    if (f.err.code != ERR_NONE)
        fail_msg("%s", err_text(&f.err));
    assert_string_equal(f.media_type, TYPE_OCI_INDEX);
    assert_int_equal(manifest_parse(&m, buf_bytes(&f.body), f.media_type, &arena, &err), 0);
    for (size_t i = 0; i < m.n; i++) {
        assert_non_null(m.entries[i].artifact_type);
        assert_true(m.entries[i].annotations.kind == JSON_OBJECT);
    }
    return m.n;
}

static void expect_fetch(struct store *s, struct fetch f, enum err_code code, const char *word)
{
    store_fetch(s, &f, 1, soon());
    if (f.err.code != code)
        fail_msg("%s: %s", err_name(f.err.code), err_text(&f.err));
    assert_non_null(strstr(err_text(&f.err), word));
    if (code != ERR_NONE)
        assert_int_equal(f.body.len, 0);
    fetch_clear(&f);
}

static void image_goes_in_and_comes_out(void **state)
{
    struct store *s = open_it(*state, true);
    struct digest image = put_image(s, "v1", "one");
    struct resolved r;
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
    struct reference ref = { .repository = ((struct place *)*state)->layout, .layout = true };
    struct err err = ERR_INIT;

    ref.tag = (char *)(uintptr_t) "v1";
    assert_int_equal(store_resolve(&r, &body, s, &ref, soon(), &err), 0);
    assert_true(digest_equal(&r.digest, &image));
    assert_int_equal(r.size, body.len);
    assert_string_equal(r.media_type, TYPE_OCI_MANIFEST);
    ref.tag = NULL; /* the only one */
    assert_int_equal(store_resolve(&r, NULL, s, &ref, soon(), &err), 0);
    assert_true(digest_equal(&r.digest, &image));
    ref.has_digest = true;
    ref.digest = image;
    assert_int_equal(store_resolve(&r, NULL, s, &ref, soon(), &err), 0);
    store_free(s);
    s = open_it(*state, false); /* and a reader sees it */
    assert_int_equal(store_resolve(&r, NULL, s, &ref, soon(), &err), 0);
    store_free(s);
}

static void one_batch_keeps_results_apart(void **state)
{
    struct store *s = open_it(*state, true);
    struct digest image = put_image(s, "v1", "one");
    struct digest absent = image;
    absent.value[0] ^= 1;
    struct fetch f[] = {
        { .what = FETCH_TAG, .tag = "v1", .size = -1 },
        { .what = FETCH_TAG, .tag = "v2", .size = -1 },
        { .what = FETCH_MANIFEST, .digest = absent, .size = -1 },
        { .what = FETCH_BLOB, .digest = image, .size = -1, .probe = true },
        { .what = FETCH_BLOB, .digest = image, .size = 3 },
        { .what = FETCH_MANIFEST, .digest = image, .size = -1, .max = 10 },
    };
    const enum err_code want[] = { ERR_NONE, ERR_NOT_FOUND, ERR_NOT_FOUND,
                                   ERR_NONE, ERR_INVALID,   ERR_LIMIT };

    store_fetch(s, f, ARRAY_LEN(f), soon());
    for (size_t i = 0; i < ARRAY_LEN(f); i++) {
        assert_int_equal(f[i].err.code, want[i]);
        assert_int_equal(f[i].body.len > 0, want[i] == ERR_NONE && !f[i].probe);
        fetch_clear(&f[i]);
    }
    store_free(s);
}

static void referrers_are_listed_once(void **state)
{
    struct store *s = open_it(*state, true);
    struct digest image = put_image(s, "v1", "one");
    struct digest other = put_image(s, "v2", "two");
    struct buf CLEANUP(buf_clear) before = BUF_INIT(MIB), after = BUF_INIT(MIB);

    assert_int_equal(count_referrers(s, &image), 0);
    put_referrer(s, "a", &image);
    put_referrer(s, "b", &image);
    put_referrer(s, "c", &other);
    read_index(*state, &before);
    put_referrer(s, "a", &image); /* idempotent */
    read_index(*state, &after);
    assert_true(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
    assert_int_equal(count_referrers(s, &image), 2);
    assert_int_equal(count_referrers(s, &other), 1);
    store_free(s);
}

static void a_referrer_is_removed(void **state)
{
    struct store *s = open_it(*state, true);
    struct digest image = put_image(s, "v1", "one");
    struct digest a = put_referrer(s, "a", &image);
    struct err err = ERR_INIT;

    put_referrer(s, "b", &image);
    EXPECT_OK(store_remove_referrer(s, &image, &a, soon(), &err), &err);
    assert_int_equal(count_referrers(s, &image), 1);
    EXPECT_OK(store_remove_referrer(s, &image, &a, soon(), &err), &err); /* again */
    assert_int_equal(count_referrers(s, &image), 1);
    store_free(s);
}

static void referrers_are_found_through_an_index(void **state)
{
    struct store *s = open_it(*state, true);
    struct digest image = put_image(s, "v1", "one");
    struct buf CLEANUP(buf_clear) child = BUF_INIT(4096), index = BUF_INIT(4096);
    struct digest digest;
    char text[DIGEST_TEXT_MAX], tag[DIGEST_TAG_MAX];
    struct err err = ERR_INIT;

    manifest_text(&child, "nested", &image);
    assert_int_equal(store_put_bytes(s, buf_bytes(&child), &digest, soon(), &err), 0);
    digest_format(text, &digest);
    /* with a second child that is not there: layouts may be sparse */
    buf_addf(&index,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\",\"manifests\":["
             "{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu},"
             "{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"sha256:%064d\",\"size\":7}]}",
             text, child.len, 0);
    digest_tag(tag, &image, "");
    assert_int_equal(store_put_manifest(s, tag, buf_bytes(&index), TYPE_OCI_INDEX, soon(), &err),
                     0);
    assert_int_equal(count_referrers(s, &image), 1);
    expect_fetch(s, (struct fetch) { .what = FETCH_TAG, .tag = tag, .size = -1 }, ERR_NONE, "");
    store_free(s);
}

static void a_lost_referrer_is_not_unsigned(void **state)
{
    struct place *p = *state;
    struct store *s = open_it(p, true);
    struct digest image = put_image(s, "v1", "one");
    struct digest lost = put_referrer(s, "a", &image);
    char text[DIGEST_TEXT_MAX], path[300];

    digest_format(text, &lost);
    snprintf(path, sizeof(path), "%s/blobs/sha256/%s", p->layout, text + 7);
    assert_int_equal(unlink(path), 0);
    expect_fetch(s, (struct fetch) { .what = FETCH_REFERRERS, .digest = image, .size = -1 },
                 ERR_MALFORMED, "missing");
    store_free(s);
}

/* A referrer as a blob alone, as `cosign save` leaves bundles. */
static struct digest put_unlisted(struct store *s, const char *name, const struct digest *subject)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    struct digest digest;
    struct err err = ERR_INIT;

    manifest_text(&text, name, subject);
    if (store_put_bytes(s, buf_bytes(&text), &digest, soon(), &err) != 0)
        fail_msg("%s", err_text(&err));
    return digest;
}

/* index.json as cosign writes it for one image. */
static void write_saved(const struct place *p, const struct digest *image, const char *kind)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
    char digest[DIGEST_TEXT_MAX];
    struct stat st;
    char path[300];

    digest_format(digest, image);
    snprintf(path, sizeof(path), "%s/blobs/sha256/%s", p->layout, digest + 7);
    assert_int_equal(stat(path, &st), 0);
    buf_addf(&text,
             "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" TYPE_OCI_MANIFEST
             "\",\"digest\":\"%s\",\"size\":%lld,\"annotations\":"
             "{\"kind\":\"dev.cosignproject.cosign/%s\"}}]}",
             digest, (long long)st.st_size, kind);
    write_file(p, "index.json", buf_text(&text));
}

static void unlisted_referrers_of_a_saved_image(void **state)
{
    struct place *p = *state;
    struct store *s = open_it(p, true);
    struct digest image = put_image(s, "v1", "one");
    struct digest other = put_image(s, "v2", "two");
    struct digest bundle = put_unlisted(s, "a", &image), json, large;
    struct buf CLEANUP(buf_clear) blob = BUF_INIT(8 * MIB);
    struct err err = ERR_INIT;
    char text[DIGEST_TEXT_MAX], name[200];

    /* Only of an image that cosign saved are they looked for. */
    assert_int_equal(count_referrers(s, &image), 0);
    write_saved(p, &image, "sigs");
    assert_int_equal(count_referrers(s, &image), 0);
    write_saved(p, &other, "image");
    assert_int_equal(count_referrers(s, &image), 0);
    write_saved(p, &image, "image");
    assert_int_equal(count_referrers(s, &image), 1);
    assert_int_equal(count_referrers(s, &other), 0);
    put_unlisted(s, "b", &image);
    put_unlisted(s, "c", &other);
    assert_int_equal(count_referrers(s, &image), 2);
    put_referrer(s, "b", &image); /* listed as well: once */
    assert_int_equal(count_referrers(s, &image), 2);
    /* Blobs that speak of the image and are no manifests, or too large for one. */
    digest_format(text, &image);
    buf_addf(&blob, "{\"subject\":{\"digest\":\"%s\"}}", text);
    assert_int_equal(store_put_bytes(s, buf_bytes(&blob), &json, soon(), &err), 0);
    while (blob.len <= MANIFEST_MAX)
        buf_add_text(&blob, "                                                                ");
    assert_int_equal(store_put_bytes(s, buf_bytes(&blob), &large, soon(), &err), 0);
    write_file(p, "blobs/sha256/note", "not a blob");
    assert_int_equal(count_referrers(s, &image), 2);
    /* One that is damaged may have been one. */
    digest_format(text, &bundle);
    snprintf(name, sizeof(name), "blobs/sha256/%s", text + 7);
    write_file(p, name, "{}");
    expect_fetch(s, (struct fetch) { .what = FETCH_REFERRERS, .digest = image, .size = -1 },
                 ERR_INVALID, "digest");
    store_free(s);
}

static void unknown_members_and_order_stay(void **state)
{
    struct store *s = open_it(*state, true);
    struct digest a = put_image(s, "a", "one"), c;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB), index = BUF_INIT(MIB);
    char digest[DIGEST_TEXT_MAX];
    struct err err = ERR_INIT;

    digest_format(digest, &a);
    buf_addf(&index,
             "{\"x-own\":[1,{\"y\":2.5}],\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
             "\"" TYPE_OCI_MANIFEST
             "\",\"digest\":\"%s\",\"size\":%d,\"x-more\":true,\"annotations\":"
             "{\"org.opencontainers.image.ref.name\":\"zz\",\"kept\":\"yes\"}}],\"annotations\":"
             "{\"q\":\"r\"}}",
             digest, 344);
    write_file(*state, "index.json", buf_text(&index));
    c = put_image(s, "b", "two");
    read_index(*state, &text);
    assert_non_null(strstr(buf_text(&text), "{\"x-own\":[1,{\"y\":2.5}],\"schemaVersion\":2,"));
    assert_non_null(strstr(buf_text(&text), "\"x-more\":true"));
    assert_non_null(strstr(buf_text(&text), "\"kept\":\"yes\""));
    assert_non_null(strstr(buf_text(&text), "\"annotations\":{\"q\":\"r\"}"));
    assert_true(strstr(buf_text(&text), "zz") < strstr(buf_text(&text), "\"b\""));
    assert_int_equal(store_delete_manifest(s, &c, soon(), &err), 0);
    buf_reset(&text);
    assert_int_equal(store_tags(s, &text, soon(), &err), 0);
    assert_string_equal(buf_text(&text), "zz\n");
    store_free(s);
}

static void tags_move_and_are_sorted(void **state)
{
    struct store *s = open_it(*state, true);
    struct buf CLEANUP(buf_clear) tags = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    struct fetch CLEANUP(fetch_clear) f = { .what = FETCH_TAG, .tag = "b", .size = -1 };

    put_image(s, "b", "one");
    put_image(s, "a", "one");
    struct digest two = put_image(s, "b", "two");
    assert_int_equal(store_tags(s, &tags, soon(), &err), 0);
    assert_string_equal(buf_text(&tags), "a\nb\n");
    store_fetch(s, &f, 1, soon());
    assert_true(digest_equal(&f.found, &two));
    expect_fetch(s, (struct fetch) { .what = FETCH_TAG, .size = -1 }, ERR_USAGE, "several images");
    store_free(s);
}

static void delete_takes_all_names(void **state)
{
    struct store *s = open_it(*state, true);
    struct digest image = put_image(s, "a", "one");
    struct buf CLEANUP(buf_clear) tags = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    put_image(s, "b", "one");
    assert_int_equal(store_delete_manifest(s, &image, soon(), &err), 0);
    assert_int_equal(store_tags(s, &tags, soon(), &err), 0);
    assert_int_equal(tags.len, 0);
    assert_int_equal(store_delete_manifest(s, &image, soon(), &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    store_free(s);
}

static void blobs_by_file_both_ways(void **state)
{
    struct place *p = *state;
    struct store *s = open_it(p, true);
    const size_t size = 300000;
    uint8_t *data = malloc(size), *back = malloc(size);
    char path[100];
    struct err err = ERR_INIT;

    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    snprintf(path, sizeof(path), "%s/file", p->dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(fd, data, size), size);
    struct store_blob blob = { .size = (int64_t)size, .fd = fd, .use_fd = true };
    assert_int_equal(digest_of(&blob.digest, HASH_SHA512, (struct bytes) { data, size }, &err), 0);
    assert_int_equal(store_put_blob(s, &blob, soon(), &err), 0);
    assert_int_equal(store_put_blob(s, &blob, soon(), &err), 0);
    int to = open(path, O_RDWR | O_TRUNC);
    assert_int_equal(store_blob_to_file(s, &blob.digest, blob.size, to, soon(), &err), 0);
    assert_int_equal(pread(to, back, size, 0), size);
    assert_memory_equal(back, data, size);
    blob.digest.value[3] ^= 1;
    assert_int_equal(store_put_blob(s, &blob, soon(), &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    close(fd);
    close(to);
    free(data);
    free(back);
    store_free(s);
}

static void damaged_blob_is_refused_and_mended(void **state)
{
    struct place *p = *state;
    struct store *s = open_it(p, true);
    struct digest image = put_image(s, "v1", "one");
    char text[DIGEST_TEXT_MAX], name[200], path[300];

    digest_format(text, &image);
    snprintf(name, sizeof(name), "blobs/sha256/%s", text + 7);
    snprintf(path, sizeof(path), "%s/%s", p->layout, name);
    struct fetch f = { .what = FETCH_MANIFEST, .digest = image, .size = -1 };
    write_file(p, name, "something else");
    expect_fetch(s, f, ERR_INVALID, "sha256");
    put_image(s, "v1", "one");
    expect_fetch(s, f, ERR_NONE, "");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("../../index.json", path), 0);
    expect_fetch(s, f, ERR_MALFORMED, "not a regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_fetch(s, f, ERR_MALFORMED, "not a regular file");
    store_free(s);
}

static void folders_behind_links_are_refused(void **state)
{
    struct place *p = *state;
    struct store *s = open_it(p, true);
    struct digest image = put_image(s, "v1", "one");
    char path[200], other[200];

    snprintf(path, sizeof(path), "%s/blobs/sha256", p->layout);
    snprintf(other, sizeof(other), "%s/other", p->dir);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    expect_fetch(s, (struct fetch) { .what = FETCH_BLOB, .digest = image, .size = -1 },
                 ERR_MALFORMED, "not a folder");
    store_free(s);
}

/* What cannot be read is named, and never overwritten. */
static void bad_index_is_refused(void **state)
{
    static const char cut[] = "{\"schemaVersion\":2,\"manifests\":[";
    struct place *p = *state;
    struct store *s = open_it(p, true);
    struct buf CLEANUP(buf_clear) m = BUF_INIT(4096), after = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    write_file(p, "index.json", cut);
    expect_fetch(s, (struct fetch) { .what = FETCH_TAG, .tag = "v1", .size = -1 }, ERR_MALFORMED,
                 "index.json");
    manifest_text(&m, "x", NULL);
    assert_int_equal(store_put_manifest(s, "v", buf_bytes(&m), TYPE_OCI_MANIFEST, soon(), &err),
                     -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    read_index(p, &after);
    assert_string_equal(buf_text(&after), cut);
    store_free(s);
}

static void what_is_no_layout(void **state)
{
    struct place *p = *state;
    struct store *s;
    struct err err = ERR_INIT;

    assert_int_equal(layout_open(&s, &p->ref, false, &err), -1);
    assert_null(s);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(mkdir(p->layout, 0700), 0);
    assert_int_equal(layout_open(&s, &p->ref, false, &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_non_null(strstr(err_text(&err), "oci-layout"));
    write_file(p, "oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}");
    assert_int_equal(layout_open(&s, &p->ref, true, &err), -1);
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    write_file(p, "oci-layout", "{}");
    assert_int_equal(layout_open(&s, &p->ref, true, &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    write_file(p, "oci-layout", "rubbish");
    assert_int_equal(layout_open(&s, &p->ref, false, &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    remove_tree(p->layout);
    assert_int_equal(mkdir(p->layout, 0700), 0);
    write_file(p, "letter.txt", "dear");
    assert_int_equal(layout_open(&s, &p->ref, true, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err_text(&err), "not empty"));
}

static void lock_of_another_is_waited_for(void **state)
{
    struct place *p = *state;
    struct store *s = open_it(p, true);
    struct buf CLEANUP(buf_clear) m = BUF_INIT(4096);
    struct err err = ERR_INIT;
    char path[200];

    snprintf(path, sizeof(path), "%s/.lock", p->layout);
    int fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    manifest_text(&m, "x", NULL);
    int64_t begun = clock_millis();
    assert_int_equal(
        store_put_manifest(s, "v", buf_bytes(&m), TYPE_OCI_MANIFEST, clock_deadline(200), &err),
        -1);
    assert_in_range(clock_millis() - begun, 150, 1000);
    assert_int_equal(err.code, ERR_DEADLINE);
    assert_non_null(strstr(err_text(&err), "locked by another process"));
    close(fd);
    assert_int_equal(store_put_manifest(s, "v", buf_bytes(&m), TYPE_OCI_MANIFEST, soon(), &err), 0);
    store_free(s);
}

struct writer {
    struct place *place;
    struct digest image;
    int number;
};

static void *write_one(void *context)
{
    struct writer *w = context;
    struct store *s = open_it(w->place, true);
    char name[20];

    snprintf(name, sizeof(name), "w%d", w->number);
    put_referrer(s, name, &w->image);
    store_free(s);
    return NULL;
}

static void eight_writers_lose_nothing(void **state)
{
    struct store *s = open_it(*state, true);
    struct digest image = put_image(s, "v1", "one");
    struct writer w[8];
    pthread_t threads[8];

    for (int i = 0; i < 8; i++) {
        w[i] = (struct writer) { *state, image, i };
        assert_int_equal(pthread_create(&threads[i], NULL, write_one, &w[i]), 0);
    }
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count_referrers(s, &image), 8);
    store_free(s);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(image_goes_in_and_comes_out),
        ROW(one_batch_keeps_results_apart),
        ROW(a_referrer_is_removed),
        ROW(referrers_are_listed_once),
        ROW(referrers_are_found_through_an_index),
        ROW(a_lost_referrer_is_not_unsigned),
        ROW(unlisted_referrers_of_a_saved_image),
        ROW(unknown_members_and_order_stay),
        ROW(tags_move_and_are_sorted),
        ROW(delete_takes_all_names),
        ROW(blobs_by_file_both_ways),
        ROW(damaged_blob_is_refused_and_mended),
        ROW(folders_behind_links_are_refused),
        ROW(bad_index_is_refused),
        ROW(what_is_no_layout),
        ROW(lock_of_another_is_waited_for),
        ROW(eight_writers_lose_nothing),
    };
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
