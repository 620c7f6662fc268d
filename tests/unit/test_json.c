#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "tests/unit/expect.h"

#define TEXT_MAX (4 * MIB)

struct row {
    const char *name;
    struct bytes text;
    enum err_code code; /* ERR_NONE: accepted */
    const char *word;   /* of the message */
    enum jx_kind kind;
};

#define GOOD(kind_, lit)                                                                           \
    {                                                                                              \
#lit, { (const uint8_t *)(lit), sizeof(lit) - 1 }, ERR_NONE, "", kind_                     \
    }
#define BAD(lit, word_)                                                                            \
    {                                                                                              \
#lit, { (const uint8_t *)(lit), sizeof(lit) - 1 }, ERR_MALFORMED, word_, JX_NONE           \
    }

static const struct row rows[] = {
    GOOD(JX_NULL, "null"),
    GOOD(JX_BOOL, " true "),
    GOOD(JX_INTEGER, "-9223372036854775808"),
    GOOD(JX_REAL, "1.5e3"),
    GOOD(JX_STRING, "\"\\ud83d\\ude00\""),
    GOOD(JX_ARRAY, "[]"),
    GOOD(JX_OBJECT, "{\"a\":{\"a\":1},\"A\":2}"),
    BAD("", "line 1, column 0: the text ends too early"),
    BAD("{\"a\":1,\n\"a\":2}", "line 2, column 3: a duplicate"),
    BAD("{\"a\":1,\"\\u0061\":2}", "duplicate"),
    BAD("{} {}", "more text"),
    BAD("{}\0", "line 1, column 3: a NUL"),
    BAD("null\0", "line 1, column 5: a NUL"),
    BAD("[1\0,\n2]", "line 1, column 3: a NUL"),
    BAD("[1,\n2\0]", "line 2, column 2: a NUL"),
    BAD("[1,]", "not JSON"),
    BAD("[1", "ends too early"),
    BAD("01", "not JSON"),
    BAD("'a'", "not JSON"),
    BAD("\"\\u0000\"", "NUL"),
    BAD("{\"\\u0000\":1}", "NUL"),
    BAD("\"\\ud83d\"", "not JSON"),
    BAD("\"\xc3\"", "not UTF-8"),
    BAD("\xef\xbb\xbf{}", "not JSON"),
    BAD("9223372036854775808", "out of range"),
    BAD("-9223372036854775809", "out of range"),
    BAD("1e400", "out of range"),
    BAD("{\"password\": hunter2}", "not JSON"),
};

static void test_parse_row(void **state)
{
    const struct row *row = *state;
    struct jx *v = jx_null();
    struct err err = ERR_INIT;

    int rc = jx_parse(&v, row->text, &err);
    assert_int_equal(jx_kind(v), row->kind);
    assert_null(strstr(err_text(&err), "hunter2"));
    if (row->code == ERR_NONE)
        EXPECT_OK(rc, &err);
    else
        EXPECT_ERR(rc, &err, row->code, row->word);
    jx_free(v);
}

static struct jx *parsed(const char *text)
{
    struct jx *v;
    struct err err = ERR_INIT;

    if (jx_parse(&v, bytes_text(text), &err) != 0)
        fail_msg("%s: %s", text, err_text(&err));
    return v;
}

static enum err_code nested_code(size_t depth, const char *open, const char *close)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct jx *CLEANUP(jx_freep) v = NULL;
    struct err err = ERR_INIT;

    for (size_t i = 0; i < depth; i++)
        buf_add_text(&text, open);
    buf_add_char(&text, '1');
    for (size_t i = 0; i < depth; i++)
        buf_add_text(&text, close);
    return jx_parse(&v, buf_bytes(&text), &err) == 0 ? ERR_NONE : err.code;
}

static void test_depth_is_limited(void **state)
{
    (void)state;
    assert_int_equal(nested_code(JSON_DEPTH_MAX, "[", "]"), ERR_NONE);
    assert_int_equal(nested_code(JSON_DEPTH_MAX + 1, "[", "]"), ERR_LIMIT);
    assert_int_equal(nested_code(JSON_DEPTH_MAX, "{\"a]\\\"\":", "}"), ERR_NONE);
    assert_int_equal(nested_code(JSON_DEPTH_MAX + 1, "{\"a]\\\"\":", "}"), ERR_LIMIT);
    assert_int_equal(nested_code(MIB, "[", "]"), ERR_LIMIT);
    struct jx *v =
        parsed("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]");
    assert_int_equal(jx_size(v), 1);
    jx_free(v);
}

static void test_readers(void **state)
{
    struct jx *v = parsed("{\"s\":\"a\xc3\xa9\",\"n\":-7,\"t\":true,\"l\":[1,\"x\"],\"r\":1.5}");

    (void)state;
    assert_int_equal(jx_size(v), 5);
    assert_true(bytes_is(jx_text(jx_get(v, "s")), "a\xc3\xa9"));
    assert_true(jx_integer(jx_get(v, "n"), 1) == -7);
    assert_true(jx_bool(jx_get(v, "t"), false));
    assert_int_equal(jx_size(jx_get(v, "l")), 2);
    assert_true(bytes_is(jx_text(jx_at(jx_get(v, "l"), 1)), "x"));
    assert_int_equal(jx_kind(jx_get(v, "r")), JX_REAL);

    assert_null(jx_get(v, "S"));
    assert_null(jx_get(jx_get(v, "l"), "s"));
    assert_null(jx_at(v, 0));
    assert_null(jx_at(jx_get(v, "l"), 2));
    assert_null(jx_text(jx_get(v, "n")).data);
    assert_true(jx_integer(jx_get(v, "s"), 1) == 1);
    assert_true(jx_integer(jx_get(v, "r"), 1) == 1);
    assert_false(jx_bool(jx_get(v, "n"), false));
    assert_int_equal(jx_size(jx_get(v, "s")), 0);
    jx_free(v);
}

static void test_nothing_in_nothing_out(void **state)
{
    void *at = NULL;
    const char *name;
    struct jx *value;

    (void)state;
    assert_int_equal(jx_kind(NULL), JX_NONE);
    assert_null(jx_get(NULL, "a"));
    assert_null(jx_at(NULL, 0));
    assert_int_equal(jx_size(NULL), 0);
    assert_null(jx_text(NULL).data);
    assert_true(jx_integer(NULL, 5) == 5);
    assert_true(jx_bool(NULL, true));
    assert_false(jx_next(NULL, &at, &name, &value));
    assert_null(jx_copy(NULL));
    jx_free(NULL);
}

static void test_members_come_in_order(void **state)
{
    static const char *const want[] = { "z", "a", "m", "" };
    struct jx *v = parsed("{\"z\":0,\"a\":1,\"m\":2,\"\":3}");
    void *at = NULL;
    const char *name;
    struct jx *value;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(jx_next(v, &at, &name, &value));
        assert_string_equal(name, want[i]);
        assert_int_equal(jx_integer(value, -1), i);
    }
    assert_false(jx_next(v, &at, &name, &value));
    assert_null(name);
    assert_null(value);
    jx_free(v);
}

static void assert_written(const struct jx *v, enum jx_style style, const char *want)
{
    struct buf out = BUF_INIT(1000);
    struct err err = ERR_INIT;

    buf_add_text(&out, ">");
    assert_int_equal(jx_write(&out, v, style, &err), 0);
    assert_string_equal(buf_text(&out) + 1, want);
    buf_clear(&out);
}

static void test_writers(void **state)
{
    struct jx *v = jx_object();
    struct jx *list = jx_array();
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(jx_append(list, jx_int(INT64_MIN), &err), 0);
    assert_int_equal(jx_append(list, jx_null(), &err), 0);
    assert_int_equal(jx_append(list, jx_boolean(false), &err), 0);
    assert_int_equal(jx_set_text(v, "z", "a/\"\\\n\x7f\xc3\xa9", &err), 0);
    assert_int_equal(jx_set(v, "list", list, &err), 0);
    assert_int_equal(jx_set(v, "empty", jx_string(BYTES_NONE), &err), 0);
    assert_written(
        v, JX_COMPACT,
        "{\"z\":\"a/\\\"\\\\\\n\x7f\xc3\xa9\",\"list\":[-9223372036854775808,null,false],"
        "\"empty\":\"\"}");
    struct jx *copy = jx_copy(v);
    assert_int_equal(jx_delete(v, "z", &err), 0);
    assert_int_equal(jx_delete(v, "z", &err), 0);
    assert_int_equal(jx_remove(jx_get(v, "list"), 0, &err), 0);
    assert_int_equal(jx_set(v, "empty", jx_array(), &err), 0);
    assert_written(v, JX_INDENT,
                   "{\n  \"list\": [\n    null,\n    false\n  ],\n  \"empty\": []\n}");
    assert_int_equal(jx_size(copy), 3);
    assert_int_equal(jx_size(jx_get(copy, "list")), 3);
    assert_int_equal(err.code, ERR_NONE);
    jx_free(v);
    jx_free(copy);
}

static void test_writers_refuse(void **state)
{
    struct jx *CLEANUP(jx_freep) object = jx_object();
    struct jx *CLEANUP(jx_freep) array = jx_array();
    struct err err = ERR_INIT;

    (void)state;
    assert_null(jx_string(BYTES_LIT("\xff")));
    assert_null(jx_string(BYTES_LIT("a\0b")));
    EXPECT_ERR(jx_set(NULL, "a", jx_int(1), &err), &err, ERR_NOMEM, "memory");
    EXPECT_ERR(jx_set(object, "a", NULL, &err), &err, ERR_NOMEM, "memory");
    EXPECT_ERR(jx_append(NULL, jx_int(1), &err), &err, ERR_NOMEM, "memory");
    EXPECT_ERR(jx_append(array, NULL, &err), &err, ERR_NOMEM, "memory");
    EXPECT_ERR(jx_delete(NULL, "a", &err), &err, ERR_NOMEM, "memory");
    EXPECT_ERR(jx_remove(NULL, 0, &err), &err, ERR_NOMEM, "memory");
    EXPECT_ERR(jx_set(array, "a", jx_int(1), &err), &err, ERR_INTERNAL, "");
    EXPECT_ERR(jx_set(object, "\xff", jx_int(1), &err), &err, ERR_INTERNAL, "");
    EXPECT_ERR(jx_set_text(object, "a", "\xff", &err), &err, ERR_MALFORMED, "UTF-8");
    EXPECT_ERR(jx_append(object, jx_int(1), &err), &err, ERR_INTERNAL, "");
    EXPECT_ERR(jx_remove(array, 0, &err), &err, ERR_INTERNAL, "");
    EXPECT_ERR(jx_delete(array, "a", &err), &err, ERR_INTERNAL, "");
    assert_int_equal(jx_size(object) + jx_size(array), 0);
}

static void test_write_respects_the_ceiling(void **state)
{
    struct jx *CLEANUP(jx_freep) v = parsed("{\"a\":\"0123456789\"}");
    struct err err = ERR_INIT;
    struct buf fits = BUF_INIT(18);
    struct buf tight = BUF_INIT(17);

    (void)state;
    assert_int_equal(jx_write(&fits, v, JX_COMPACT, &err), 0);
    EXPECT_ERR(jx_write(&tight, v, JX_COMPACT, &err), &err, ERR_LIMIT, "larger");
    assert_int_equal(jx_write(&fits, NULL, JX_COMPACT, &err), -1);
    buf_clear(&fits);
    buf_clear(&tight);
}

/* Allocations that jansson may still make, and whether one was refused. */
static size_t allowance;
static bool starved;

static void *scarce_malloc(size_t size)
{
    if (allowance == 0) {
        starved = true;
        return NULL;
    }
    allowance--;
    return malloc(size);
}

static void test_short_memory_is_not_a_syntax_error(void **state)
{
    static const char text[] = "{\"name\":\"a string of some length \\u00e9\",\"list\":[1,2.5,true,"
                               "null,{\"x\":{}},\"y\"],\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,"
                               "\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1}";
    size_t refused = 0;

    (void)state;
    json_set_alloc_funcs(scarce_malloc, free);
    for (size_t n = 0;; n++) {
        struct jx *CLEANUP(jx_freep) v = NULL;
        struct err err = ERR_INIT;
        allowance = n;
        starved = false;
        int rc = jx_parse(&v, BYTES_LIT(text), &err);
        if (!starved) {
            assert_int_equal(rc, 0);
            break;
        }
        refused++;
        assert_int_equal(rc, -1);
        assert_int_equal(err.code, ERR_NOMEM);
        assert_null(v);
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(refused > 10);
}

static void test_short_memory_while_writing(void **state)
{
    struct jx *CLEANUP(jx_freep) v = parsed("{\"a\":[{\"b\":1}]}");
    struct buf out = BUF_INIT(100);
    struct err err = ERR_INIT;

    (void)state;
    json_set_alloc_funcs(scarce_malloc, free);
    allowance = 0;
    EXPECT_ERR(jx_write(&out, v, JX_COMPACT, &err), &err, ERR_NOMEM, "memory");
    assert_null(jx_object());
    assert_null(jx_copy(v));
    json_set_alloc_funcs(malloc, free);
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_readers),
        cmocka_unit_test(test_nothing_in_nothing_out),
        cmocka_unit_test(test_members_come_in_order),
        cmocka_unit_test(test_writers),
        cmocka_unit_test(test_writers_refuse),
        cmocka_unit_test(test_write_respects_the_ceiling),
        cmocka_unit_test(test_short_memory_is_not_a_syntax_error),
        cmocka_unit_test(test_short_memory_while_writing),
    };
    int failed = RUN_ROWS(rows, test_parse_row);
    return failed + cmocka_run_group_tests_name("json", tests, NULL, NULL) != 0;
}
