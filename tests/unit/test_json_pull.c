#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_pull.h"
#include "base/limits.h"
#include "tests/unit/expect.h"

#define TEXT_MAX (4 * MIB)

struct row {
    const char *name;
    struct bytes text;
    enum err_code code; /* ERR_NONE: accepted */
    const char *word;   /* of the message */
    enum json_kind kind;
};

#define GOOD(kind_, lit)                                                                           \
    {                                                                                              \
#lit, { (const uint8_t *)(lit), sizeof(lit) - 1 }, ERR_NONE, "", kind_                     \
    }
#define BAD(lit, word_)                                                                            \
    {                                                                                              \
#lit, { (const uint8_t *)(lit), sizeof(lit) - 1 }, ERR_MALFORMED, word_, JSON_ABSENT       \
    }

static const struct row rows[] = {
    GOOD(JSON_NULL_VALUE, "null"),
    GOOD(JSON_TRUE_VALUE, " \t\r\ntrue \n"),
    GOOD(JSON_FALSE_VALUE, "false"),
    BAD("", "byte 0: the text ends"),
    BAD("  ", "byte 2: the text ends"),
    BAD("nul", "no value"),
    BAD("nulll", "byte 4: more text"),
    BAD("True", "no value"),
    BAD("\xef\xbb\xbf"
        "1",
        "no value"),
    BAD("1\0", "byte 1: more text"),
    BAD("\x0b"
        "1",
        "no value"),
    BAD("// 1\n1", "no value"),
    BAD("1 1", "byte 2: more text"),
    BAD("}", "no value"),

    GOOD(JSON_NUMBER, "0"),
    GOOD(JSON_NUMBER, "-0"),
    GOOD(JSON_NUMBER, "-12.50e+07"),
    GOOD(JSON_NUMBER, "1E400"),
    GOOD(JSON_NUMBER, "123456789012345678901234567890"),
    BAD("-", "no value"),
    BAD("+1", "no value"),
    BAD("01", "leading zero"),
    BAD("-01", "leading zero"),
    BAD("1.", "after its point"),
    BAD(".5", "no value"),
    BAD("1e", "exponent"),
    BAD("1e+", "exponent"),
    BAD("0x10", "more text"),
    BAD("NaN", "no value"),
    BAD("-Infinity", "no value"),

    GOOD(JSON_STRING, "\"\""),
    GOOD(JSON_STRING, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\x7f\""),
    GOOD(JSON_STRING, "\"\xf0\x9f\x98\x80 \xc3\xa9 plain text of some length\""),
    BAD("\"", "does not end"),
    BAD("\"abcdefgh", "does not end"),
    BAD("\"abc\\\"", "does not end"),
    BAD("'a'", "no value"),
    BAD("\"\n\"", "control"),
    BAD("\"12345678\x1f\"", "byte 9: a control"),
    BAD("\"a\0b\"", "control"),
    BAD("\"\\x41\"", "escape"),
    BAD("\"\\", "escape"),
    BAD("\"\\\0\"", "escape"),
    BAD("\"\\N\"", "escape"),
    BAD("\"\\u12\"", "escape"),
    BAD("\"\\u12g4\"", "escape"),
    BAD("\"\\U0041\"", "escape"),
    BAD("\"\\u0000\"", "escape"),
    BAD("\"\\ud83d\"", "escape"),
    BAD("\"\\ud83dx\"", "escape"),
    BAD("\"\\ud83d\\n\"", "escape"),
    BAD("\"\\ud83d\\ud83d\"", "escape"),
    BAD("\"\\ude00\"", "escape"),
    BAD("\"\xc3\"", "not UTF-8"),
    BAD("\"\xc0\xaf\"", "not UTF-8"),
    BAD("\"\xed\xa0\x80\"", "not UTF-8"),
    BAD("\"\xf4\x90\x80\x80\"", "not UTF-8"),
    BAD("{\"\xff\":1}", "not UTF-8"),

    GOOD(JSON_ARRAY, "[]"),
    GOOD(JSON_ARRAY, "[ 1 , [ ] , {} ]"),
    BAD("[", "ends too early"),
    BAD("[1", "ends too early"),
    BAD("[1,", "ends too early"),
    BAD("[1,]", "no value"),
    BAD("[,1]", "no value"),
    BAD("[1 2]", "no comma"),
    BAD("[1}", "no comma"),
    BAD("[]]", "more text"),

    GOOD(JSON_OBJECT, "{}"),
    GOOD(JSON_OBJECT, "{ \"a\" : 1 , \"A\" : { \"a\" : [ { \"a\" : 2 } , { \"a\" : 3 } ] } }"),
    GOOD(JSON_OBJECT, "{\"\":1}"),
    BAD("{", "ends too early"),
    BAD("{\"a\"", "no colon"),
    BAD("{\"a\":", "ends too early"),
    BAD("{\"a\":1", "ends too early"),
    BAD("{\"a\":1,", "ends too early"),
    BAD("{\"a\":1,}", "no member name"),
    BAD("{,}", "no member name"),
    BAD("{a:1}", "no member name"),
    BAD("{1:1}", "no member name"),
    BAD("{\"a\" 1}", "no colon"),
    BAD("{\"a\"=1}", "no colon"),
    BAD("{\"a\"::1}", "no value"),
    BAD("{\"a\":1]", "no comma"),
    BAD("{\"a\":1 \"b\":1}", "no comma"),
    BAD("{\"a\":1,\"a\":1}", "byte 7: a duplicate"),
    BAD("{\"a\":1,\"b\":2,\"\\u0061\":1}", "byte 13: a duplicate"),
    BAD("{\"\":1,\"\":1}", "duplicate"),
    BAD("[{\"x\":{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":1}}]", "duplicate"),
};

static void test_scan_row(void **state)
{
    const struct row *row = *state;
    struct json_view root;
    struct err err = ERR_INIT;
    uint8_t *exact = malloc(row->text.len > 0 ? row->text.len : 1);

    assert_non_null(exact);
    if (row->text.len > 0)
        memcpy(exact, row->text.data, row->text.len);
    int rc = json_scan(&root, (struct bytes) { exact, row->text.len }, &err);
    assert_int_equal(root.kind, row->kind);
    if (row->code == ERR_NONE) {
        EXPECT_OK(rc, &err);
        assert_true(root.raw.data >= exact && root.raw.len <= row->text.len);
    } else {
        assert_null(root.raw.data);
        EXPECT_ERR(rc, &err, row->code, row->word);
    }
    free(exact);
}

static struct json_view scanned(const char *text)
{
    struct json_view root;
    struct err err = ERR_INIT;

    if (json_scan(&root, bytes_text(text), &err) != 0)
        fail_msg("%s: %s", text, err_text(&err));
    return root;
}

static enum err_code scan_code(const struct buf *text, struct err *err)
{
    struct json_view root;

    assert_int_equal(text->state, BUF_FINE);
    err_reset(err);
    return json_scan(&root, buf_bytes(text), err) == 0 ? ERR_NONE : err->code;
}

static void nest(struct buf *out, size_t depth, bool objects)
{
    buf_reset(out);
    for (size_t i = 0; i < depth; i++)
        buf_add_text(out, objects ? "{\"a\":" : "[");
    buf_add_char(out, '1');
    for (size_t i = 0; i < depth; i++)
        buf_add_char(out, objects ? '}' : ']');
}

static void test_depth_is_limited(void **state)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    for (int objects = 0; objects <= 1; objects++) {
        nest(&text, JSON_DEPTH_MAX, objects == 1);
        assert_int_equal(scan_code(&text, &err), ERR_NONE);
        nest(&text, JSON_DEPTH_MAX + 1, objects == 1);
        assert_int_equal(scan_code(&text, &err), ERR_LIMIT);
        assert_non_null(strstr(err_text(&err), "deeper"));
    }
    buf_reset(&text);
    for (size_t i = 0; i < MIB; i++)
        buf_add_char(&text, '[');
    assert_int_equal(scan_code(&text, &err), ERR_LIMIT);
    buf_clear(&text);
}

/* `n` members, the last of them named like member `twin` when that is not negative. */
static void many_members(struct buf *out, size_t n, long twin)
{
    buf_reset(out);
    buf_add_text(out, "{\"up\":");
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s\"%zu\":[]", i == 0 ? "{" : ",",
                 i == n - 1 && twin >= 0 ? (size_t)twin : i);
    buf_add_text(out, "}}");
}

static void test_members_are_limited(void **state)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    many_members(&text, JSON_KEYS_MAX, -1);
    assert_int_equal(scan_code(&text, &err), ERR_NONE);
    many_members(&text, JSON_KEYS_MAX, 0);
    assert_int_equal(scan_code(&text, &err), ERR_MALFORMED);
    assert_non_null(strstr(err_text(&err), "duplicate"));
    many_members(&text, JSON_KEYS_MAX + 1, -1);
    assert_int_equal(scan_code(&text, &err), ERR_LIMIT);
    assert_non_null(strstr(err_text(&err), "more than 65536"));
    buf_clear(&text);
}

static void test_every_twin_is_found(void **state)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    for (size_t n = 2; n < 300; n += n < 20 ? 1 : 37) {
        for (size_t twin = 0; twin + 1 < n; twin++) {
            many_members(&text, n, (long)twin);
            assert_int_equal(scan_code(&text, &err), ERR_MALFORMED);
            assert_non_null(strstr(err_text(&err), "duplicate"));
        }
        many_members(&text, n, -1);
        assert_int_equal(scan_code(&text, &err), ERR_NONE);
    }
    buf_clear(&text);
}

/* Many open objects, each with many members, so that the names outgrow their first place. */
static void test_names_of_nested_objects_are_kept_apart(void **state)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    for (int level = 0; level < JSON_DEPTH_MAX; level++) {
        for (int i = 0; i < 40; i++)
            buf_addf(&text, "%s\"%d\":0", i == 0 ? "{" : ",", i);
        buf_add_text(&text, ",\"in\":");
    }
    buf_add_text(&text, "0");
    for (int level = 0; level < JSON_DEPTH_MAX; level++)
        buf_add_text(&text, level == JSON_DEPTH_MAX - 1 ? ",\"39\":0}" : ",\"40\":0}");
    assert_int_equal(scan_code(&text, &err), ERR_MALFORMED);
    assert_non_null(strstr(err_text(&err), "duplicate"));
    buf_clear(&text);
}

static void test_walk(void **state)
{
    struct json_walk walk = json_walk(
        scanned("{ \"a\" : [ 1 , \"]\\\"}\" ] ,\"b\":{\"c\":{}}, \"\\u0063\" :-1.5e3,\"d\":null}"));
    struct json_view name;
    struct json_view value;
    static const struct {
        const char *name;
        const char *raw;
        enum json_kind kind;
    } want[] = {
        { "a", "[ 1 , \"]\\\"}\" ]", JSON_ARRAY },
        { "b", "{\"c\":{}}", JSON_OBJECT },
        { "c", "-1.5e3", JSON_NUMBER },
        { "d", "null", JSON_NULL_VALUE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(json_next(&walk, &name, &value));
        assert_true(json_string_is(name, bytes_text(want[i].name)));
        assert_true(bytes_is(value.raw, want[i].raw));
        assert_int_equal(value.kind, want[i].kind);
    }
    assert_false(json_next(&walk, &name, &value));
    assert_false(json_next(&walk, &name, &value));
    assert_int_equal(name.kind, JSON_ABSENT);
    assert_int_equal(value.kind, JSON_ABSENT);
}

/* What is small, or does not fit, has no place; all else is stepped over by its place. */
static void test_index(void **state)
{
    static const char sixty_four[] = "[\"123456789012345678901234567890"
                                     "123456789012345678901234567890\"]";
    static const char text[] = "{\"a\":[1],\"b\":%s,\"c\":{\"d\":%s}}";
    struct buf CLEANUP(buf_clear) whole = BUF_INIT(TEXT_MAX);
    struct json_span spans[4];
    struct json_view root, b, c;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(strlen(sixty_four), 64);
    buf_addf(&whole, text, sixty_four, sixty_four);
    const struct json_member members[] = { { "b", &b, JSON_ARRAY, true },
                                           { "c", &c, JSON_OBJECT, true } };
    for (size_t max = 0; max <= 4; max++) {
        struct json_index index = { .spans = spans, .max = max };
        EXPECT_OK(json_scan_indexed(&root, buf_bytes(&whole), &index, &err), &err);
        assert_true(index.n <= max);
        EXPECT_OK(json_members(root, members, 2, JSON_REST_IGNORED, "root", &err), &err);
        assert_true(bytes_is(b.raw, sixty_four));
        assert_int_equal(c.raw.len, 64 + strlen("{\"d\":}"));
    }
    assert_int_equal(spans[1].from, strlen("{\"a\":[1],\"b\":"));
    assert_int_equal(spans[1].to - spans[1].from, 64);
}

static void test_count(void **state)
{
    (void)state;
    assert_int_equal(json_count(scanned("[]")), 0);
    assert_int_equal(json_count(scanned("[ ]")), 0);
    assert_int_equal(json_count(scanned("{ }")), 0);
    assert_int_equal(json_count(scanned("[1,[2,3],\"4,5\"]")), 3);
    assert_int_equal(json_count(scanned("{\"a,b\":1,\"c\":[1,2]}")), 2);
    assert_int_equal(json_count(scanned("\"[1,2]\"")), 0);
    assert_int_equal(json_count(scanned("12")), 0);
    assert_int_equal(json_count(JSON_VIEW_NONE), 0);
}

static void test_string(void **state)
{
    static const struct {
        const char *json;
        const char *text;
        bool raw;
    } strings[] = {
        { "\"\"", "", true },
        { "\"plain, of more than eight bytes\"", "plain, of more than eight bytes", true },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", false },
        { "\"a\\u0041\\u00e9\\u20AC\\ud83D\\uDE00z\"", "aA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z",
          false },
        { "\"\xc3\xa9\xe2\x82\xac\"", "\xc3\xa9\xe2\x82\xac", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct json_view view = scanned(strings[i].json);
        struct buf out = BUF_INIT(100);
        struct err err = ERR_INIT;
        struct bytes raw;
        buf_add_char(&out, '>');
        assert_int_equal(json_string(&out, view, "s", &err), 0);
        assert_string_equal(buf_text(&out) + 1, strings[i].text);
        assert_true(json_string_is(view, bytes_text(strings[i].text)));
        assert_false(json_string_is(view, bytes_text("other")));
        buf_add_char(&out, '<');
        assert_false(json_string_is(view, bytes_part(buf_bytes(&out), 1, out.len)));
        if (out.len > 2)
            assert_false(json_string_is(view, bytes_part(buf_bytes(&out), 1, out.len - 3)));
        assert_int_equal(json_string_raw(view, &raw), strings[i].raw);
        assert_true(!strings[i].raw || bytes_is(raw, strings[i].text));
        buf_clear(&out);
    }
}

static void test_string_refuses(void **state)
{
    struct buf out = BUF_INIT(3);
    struct err err = ERR_INIT;
    struct bytes raw;

    (void)state;
    assert_int_equal(json_string(&out, scanned("12"), "payload", &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_string_equal(err_text(&err), "payload: not a string");
    assert_int_equal(json_string(&out, scanned("\"abc\""), "payload", &err), 0);
    assert_int_equal(json_string(&out, scanned("\"d\""), "payload", &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_false(json_string_raw(scanned("12"), &raw));
    assert_false(json_string_raw(JSON_VIEW_NONE, &raw));
    assert_false(json_string_is(scanned("12"), bytes_text("12")));
    assert_false(json_string_is(JSON_VIEW_NONE, BYTES_NONE));
    buf_clear(&out);
}

static void test_integer(void **state)
{
    static const struct {
        const char *json;
        int64_t min;
        int64_t max;
        int64_t want;
        const char *word; /* NULL: accepted */
    } numbers[] = {
        { "0", 0, 0, 0, NULL },
        { "-0", 0, 0, 0, NULL },
        { "42", 0, 42, 42, NULL },
        { "43", 0, 42, 0, "not in 0..42" },
        { "-1", 0, 42, 0, "not in" },
        { "9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, NULL },
        { "9223372036854775808", INT64_MIN, INT64_MAX, 0, "not in" },
        { "-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, NULL },
        { "-9223372036854775809", INT64_MIN, INT64_MAX, 0, "not in" },
        { "92233720368547758070", INT64_MIN, INT64_MAX, 0, "not in" },
        { "1.0", 0, 42, 0, "not an integer" },
        { "1e1", 0, 42, 0, "not an integer" },
        { "\"1\"", 0, 42, 0, "not an integer" },
        { "true", 0, 42, 0, "not an integer" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct err err = ERR_INIT;
        int64_t n = 7;
        int rc = json_integer(&n, scanned(numbers[i].json), numbers[i].min, numbers[i].max, "size",
                              &err);
        assert_int_equal(rc, numbers[i].word == NULL ? 0 : -1);
        assert_true(n == numbers[i].want);
        assert_int_equal(err.code, numbers[i].word == NULL ? ERR_NONE : ERR_MALFORMED);
        assert_true(numbers[i].word == NULL || strstr(err_text(&err), numbers[i].word) != NULL);
    }
}

struct members_row {
    const char *text;
    const char *word; /* NULL: accepted */
    enum json_rest rest;
};

static const struct members_row members_rows[] = {
    { "{\"key\":\"v\",\"flag\":true}", NULL, JSON_REST_REFUSED },
    { "{\"key\":\"v\",\"flag\":false,\"any\":{}}", NULL, JSON_REST_REFUSED },
    { "{\"\\u006bey\":\"v\"}", NULL, JSON_REST_REFUSED },
    { "{\"key\":\"v\",\"any\":null,\"flag\":null}", NULL, JSON_REST_REFUSED },
    { "{\"key\":\"v\",\"more\":1,\"ke\":1,\"keys\":1,\"\":1}", NULL, JSON_REST_IGNORED },
    { "{\"key\":\"v\",\"\xc5\xbf\":1,\"k\xc3\xa9y\":1}", NULL, JSON_REST_IGNORED },
    { "[\"key\"]", "thing: not an object", JSON_REST_IGNORED },
    { "\"key\"", "thing: not an object", JSON_REST_IGNORED },
    { "{}", "thing: key: missing", JSON_REST_IGNORED },
    { "{\"key\":null}", "thing: key: not a string", JSON_REST_IGNORED },
    { "{\"key\":1}", "thing: key: not a string", JSON_REST_IGNORED },
    { "{\"key\":[\"v\"]}", "thing: key: not a string", JSON_REST_IGNORED },
    { "{\"key\":\"v\",\"flag\":1}", "flag: not true or false", JSON_REST_IGNORED },
    { "{\"key\":\"v\",\"more\":1}", "unknown member \"more\"", JSON_REST_REFUSED },
    { "{\"key\":\"v\",\"a\\nb\":1}", "unknown member", JSON_REST_REFUSED },
    { "{\"key\":\"v\",\"\":1}", "unknown member \"\"", JSON_REST_REFUSED },
    { "{\"key\":\"v\",\"Key\":1}", "key: written in another case", JSON_REST_IGNORED },
    { "{\"KEY\":\"v\"}", "key: written in another case", JSON_REST_IGNORED },
    { "{\"\\u004bey\":\"v\"}", "key: written in another case", JSON_REST_IGNORED },
    { "{\"\xe2\x84\xaa"
      "ey\":\"v\"}",
      "another case", JSON_REST_IGNORED },
    { "{\"\\u212aey\":\"v\"}", "another case", JSON_REST_IGNORED },
    { "{\"key\":\"v\",\"\xc5\xbfize\":1}", "size: written in another case", JSON_REST_IGNORED },
};

static void test_members_row(void **state)
{
    const struct members_row *row = *state;
    struct json_view key = { JSON_NUMBER, BYTES_LIT("1"), NULL };
    struct json_view flag = key;
    struct json_view any = key;
    struct json_view size = key;
    const struct json_member members[] = {
        { "key", &key, JSON_STRING, true },
        { "flag", &flag, JSON_TRUE_VALUE, false },
        { "any", &any, JSON_ABSENT, false },
        { "size", &size, JSON_NUMBER, false },
    };
    struct err err = ERR_INIT;

    int rc =
        json_members(scanned(row->text), members, ARRAY_LEN(members), row->rest, "thing", &err);
    if (row->word == NULL) {
        EXPECT_OK(rc, &err);
        assert_true(bytes_is(key.raw, "\"v\""));
        assert_int_not_equal(flag.kind, JSON_NULL_VALUE);
    } else {
        EXPECT_ERR(rc, &err, ERR_MALFORMED, row->word);
        assert_int_equal(key.kind, JSON_ABSENT);
        assert_int_equal(flag.kind, JSON_ABSENT);
    }
    assert_int_equal(size.kind, JSON_ABSENT);
}

static void test_any_kind_takes_null(void **state)
{
    struct json_view any;
    const struct json_member members[] = { { "any", &any, JSON_ABSENT, true } };

    (void)state;
    assert_int_equal(
        json_members(scanned("{\"any\":null}"), members, 1, JSON_REST_REFUSED, "thing", NULL), 0);
    assert_int_equal(any.kind, JSON_NULL_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_members_are_limited),
        cmocka_unit_test(test_every_twin_is_found),
        cmocka_unit_test(test_names_of_nested_objects_are_kept_apart),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_string),
        cmocka_unit_test(test_string_refuses),
        cmocka_unit_test(test_integer),
        cmocka_unit_test(test_any_kind_takes_null),
    };
    int failed = RUN_ROWS(rows, test_scan_row) + RUN_ROWS(members_rows, test_members_row);
    return failed + cmocka_run_group_tests_name("json_pull", tests, NULL, NULL) != 0;
}
