/* What /mutate writes: applied to the object, and the object reviewed again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json_pointer.h"
#include "base/json_pull.h"
#include "tests/unit/decisions.h"
#include "tests/unit/expect.h"
#include "webhook/patch.h"

#define APP "reg.example/app/web"
#define LONG_TAG                                                                                   \
    "a23456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"   \
    "12345678901234567890123456789012345678"

static void pin_all(struct decided *w, bool found)
{
    struct lookup CLEANUP(lookup_clear) lookup;

    if (found)
        lookup_of(&lookup, false);
    else
        lookup_lost(&lookup, ERR_NETWORK, "away");
    for (size_t i = 0; i < w->decisions.n; i++)
        decision_found(&w->decisions, &w->decisions.items[i], &lookup, false);
}

/* The text of a view with the value at `pointer` replaced. */
static void replace(struct buf *out, const struct buf *object, const char *pointer,
                    struct json_view value)
{
    struct json_view root;

    assert_int_equal(json_scan(&root, buf_bytes(object), NULL), 0);
    const struct json_view old = json_pointer_get(root, bytes_text(pointer));
    assert_int_equal(old.kind, JSON_STRING);
    buf_add(out, object->data, (size_t)(old.raw.data - object->data));
    buf_add_bytes(out, value.raw);
    buf_add_text(out, (const char *)old.raw.data + old.raw.len);
}

/* RFC 6902, as far as it goes here: only `replace` of what is there. Returns how many. */
static size_t apply(struct buf *object, struct bytes patch)
{
    struct json_view root, name, operation, path, value;
    size_t n = 0;

    assert_int_equal(json_scan(&root, patch, NULL), 0);
    assert_int_equal(root.kind, JSON_ARRAY);
    struct json_walk walk = json_walk(root);
    while (json_next(&walk, &name, &operation)) {
        struct buf CLEANUP(buf_clear) pointer = BUF_INIT(4096);
        struct buf changed = BUF_INIT(MIB);
        assert_int_equal(json_count(operation), 3);
        assert_true(json_string_is(json_at(operation, "/op"), BYTES_LIT("replace")));
        path = json_at(operation, "/path");
        value = json_at(operation, "/value");
        assert_int_equal(json_string(&pointer, path, "path", NULL), 0);
        assert_int_equal(value.kind, JSON_STRING);
        replace(&changed, object, buf_text(&pointer), value);
        buf_clear(object);
        *object = changed;
        n++;
    }
    return n;
}

static const struct row {
    const char *name;
    const char *spec;
    size_t n;        /* changes */
    const char *now; /* of the object afterwards */
    const char *old; /* UPDATE */
} rows[] = {
    { "a tag", SPEC(CONTAINER(APP ":1.4")), 1, "\"" APP ":1.4@" SIGNED_DIGEST "\"", NULL },
    { "no tag", SPEC(CONTAINER("reg.example/open/x")), 0, "\"reg.example/open/x\"", NULL },
    { "a digest is left alone", SPEC(CONTAINER(APP ":1@" OTHER_DIGEST)), 0, OTHER_DIGEST, NULL },
    { "the floor's is left alone", SPEC(CONTAINER(APP ":latest")), 0, ":latest\"", NULL },
    { "twice", SPEC(CONTAINER(APP ":1") "," CONTAINER(APP ":1")), 2, SIGNED_DIGEST, NULL },
    { "the longest tag", SPEC(CONTAINER(APP ":" LONG_TAG)), 1, LONG_TAG "@" SIGNED_DIGEST, NULL },
    { "every field",
      "{\"containers\":[" CONTAINER(APP ":1") "],\"initContainers\":[" CONTAINER(
          APP ":2") "],"
                    "\"ephemeralContainers\":[" CONTAINER(
                        APP ":3") "],\"volumes\":[{\"name\":\"v\",\"image\":{"
                                  "\"reference\":\"" APP ":4\"}}]}",
      4, APP ":4@" SIGNED_DIGEST, NULL },
    { "escapes", SPEC("{\"image\":\"reg.example\\/app\\/web:1\"}"), 1, APP ":1@" SIGNED_DIGEST,
      NULL },
    { "unchanged is left alone", SPEC(CONTAINER(APP ":1") "," CONTAINER(APP ":2")), 1,
      APP ":2@" SIGNED_DIGEST, POD(APP ":1") },
    { "only what is new", SPEC(CONTAINER(APP ":1") "," CONTAINER(APP ":1")), 1,
      APP ":1@" SIGNED_DIGEST, POD(APP ":1") },
};

static void test_patch(void **state)
{
    const struct row *row = *state;
    struct decided CLEANUP(decided_clear) w, again;
    struct buf CLEANUP(buf_clear) patch = BUF_INIT(PATCH_MAX);
    struct buf CLEANUP(buf_clear) none = BUF_INIT(PATCH_MAX);
    struct buf CLEANUP(buf_clear) object = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    buf_addf(&object,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\"},\"spec\":%s}",
             row->spec);
    struct review_of of = { .object = buf_text(&object),
                            .operation = row->old != NULL ? "UPDATE" : NULL,
                            .old = row->old };
    decided_policy(&w, NULL, NULL);
    decided_begin(&w, &of, true);
    pin_all(&w, true);
    EXPECT_OK(patch_write(&patch, &w.decisions, &err), &err);
    if (row->n == 0)
        EXPECT_BUF(&patch, "");
    else
        assert_int_equal(apply(&object, buf_bytes(&patch)), row->n);
    assert_non_null(strstr(buf_text(&object), row->now));

    of.object = buf_text(&object);
    decided_policy(&again, NULL, NULL);
    decided_begin(&again, &of, true);
    assert_int_equal(again.decisions.n, 0);
    EXPECT_OK(patch_write(&none, &again.decisions, &err), &err);
    EXPECT_BUF(&none, "");
}

/* The pinned text is the same image, and no other than what was asked for. */
static void test_same_image(void **state)
{
    static const char *const texts[] = { APP ":1.4", "nginx:1", "Docker.io/nginx:1" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct reference CLEANUP(reference_clear) before, after;
        struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
        buf_addf(&text, "%s@%s", texts[i], SIGNED_DIGEST);
        assert_int_equal(reference_parse(&before, bytes_text(texts[i]), NULL), 0);
        assert_int_equal(reference_parse(&after, buf_bytes(&text), NULL), 0);
        assert_string_equal(before.host, after.host);
        assert_string_equal(before.repository, after.repository);
        assert_string_equal(before.tag, after.tag);
        assert_true(after.has_digest);
    }
}

static void test_lost(void **state)
{
    struct decided CLEANUP(decided_clear) w;
    struct buf CLEANUP(buf_clear) patch = BUF_INIT(PATCH_MAX);
    struct err err = ERR_INIT;

    (void)state;
    decided_policy(&w, NULL, NULL);
    decided_begin(&w, &(struct review_of) { .spec = SPEC(CONTAINER(APP ":1")) }, true);
    pin_all(&w, false);
    EXPECT_OK(patch_write(&patch, &w.decisions, &err), &err);
    EXPECT_BUF(&patch, "");
}

static void test_bounded(void **state)
{
    struct decided CLEANUP(decided_clear) w;
    struct buf CLEANUP(buf_clear) patch = BUF_INIT(16);
    struct err err = ERR_INIT;

    (void)state;
    decided_policy(&w, NULL, NULL);
    decided_begin(&w, &(struct review_of) { .spec = SPEC(CONTAINER(APP ":1")) }, true);
    pin_all(&w, true);
    EXPECT_ERR(patch_write(&patch, &w.decisions, &err), &err, ERR_LIMIT, "patch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_image),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_bounded),
    };
    int failed = RUN_ROWS(rows, test_patch);

    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
