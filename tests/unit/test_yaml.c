#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/yaml.h"
#include "tests/unit/expect.h"

#define TEXT_MAX (4 * MIB)
#define HASTE_MS 500 /* far above what a refusal takes, far below what libyaml would */

struct scalar_row {
    const char *name; /* and the value of `k` */
    enum yaml_kind kind;
    const char *scalar;
    int64_t integer;
    bool boolean;
};

static const struct scalar_row scalars[] = {
    { "", YAML_NULL, "", 0, false },
    { "~", YAML_NULL, "~", 0, false },
    { "null", YAML_NULL, "null", 0, false },
    { "Null", YAML_STRING, "Null", 0, false },
    { "NULL", YAML_STRING, "NULL", 0, false },
    { "\"\"", YAML_STRING, "", 0, false },
    { "'null'", YAML_STRING, "null", 0, false },
    { "\"~\"", YAML_STRING, "~", 0, false },
    { "true", YAML_BOOL, "true", 0, true },
    { "false", YAML_BOOL, "false", 0, false },
    { "True", YAML_STRING, "True", 0, false },
    { "yes", YAML_STRING, "yes", 0, false },
    { "off", YAML_STRING, "off", 0, false },
    { "'true'", YAML_STRING, "true", 0, false },
    { "0", YAML_INT, "0", 0, false },
    { "-0", YAML_INT, "-0", 0, false },
    { "42", YAML_INT, "42", 42, false },
    { "-42", YAML_INT, "-42", -42, false },
    { "9223372036854775807", YAML_INT, "9223372036854775807", INT64_MAX, false },
    { "9223372036854775808", YAML_STRING, "9223372036854775808", 0, false },
    { "-9223372036854775808", YAML_INT, "-9223372036854775808", INT64_MIN, false },
    { "-9223372036854775809", YAML_STRING, "-9223372036854775809", 0, false },
    { "+1", YAML_STRING, "+1", 0, false },
    { "010", YAML_STRING, "010", 0, false },
    { "0x10", YAML_STRING, "0x10", 0, false },
    { "0o10", YAML_STRING, "0o10", 0, false },
    { "1_000", YAML_STRING, "1_000", 0, false },
    { "1.5", YAML_STRING, "1.5", 0, false },
    { "1e3", YAML_STRING, "1e3", 0, false },
    { "12:30", YAML_STRING, "12:30", 0, false },
    { ".inf", YAML_STRING, ".inf", 0, false },
    { "-a", YAML_STRING, "-a", 0, false },
    { "'42'", YAML_STRING, "42", 0, false },
    { "2026-01-02", YAML_STRING, "2026-01-02", 0, false },
    { "|\n  one\n  two\n", YAML_STRING, "one\ntwo\n", 0, false },
    { ">\n  42", YAML_STRING, "42", 0, false },
    { "\"a\\tb\\u00e9\"", YAML_STRING, "a\tb\xc3\xa9", 0, false },
    { "plain words # and a comment", YAML_STRING, "plain words", 0, false },
};

static void test_scalar(void **state)
{
    const struct scalar_row *row = *state;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
    struct err err = ERR_INIT;

    buf_addf(&text, "k: %s", row->name);
    EXPECT_OK(yaml_parse(&doc, buf_bytes(&text), "p.yaml", &err), &err);
    const struct yaml_node *node = yaml_get(yaml_root(doc), "k");
    assert_non_null(node);
    assert_int_equal(node->kind, row->kind);
    assert_true(bytes_is(node->text, row->scalar));
    assert_int_equal(node->text.data[node->text.len], 0);
    assert_true(node->integer == row->integer);
    assert_int_equal(node->boolean, row->boolean);
}

struct bad_row {
    const char *name;
    struct bytes text;
    enum err_code code;
    const char *word;
};

#define BAD(lit, word_)                                                                            \
    {                                                                                              \
#lit, { (const uint8_t *)(lit), sizeof(lit) - 1 }, ERR_CONFIG, word_                       \
    }

static const struct bad_row bad[] = {
    BAD("a: &x 1\n", "p.yaml:1:4: anchors"),
    BAD("a: &x [1]\n", "p.yaml:1:4: anchors"),
    BAD("&x a: 1\n", "anchors"),
    BAD("a: 1\nb: *x\n", "p.yaml:2:4: aliases"),
    BAD("a: !!str 1\n", "p.yaml:1:4: tags"),
    BAD("a: ! 1\n", "tags"),
    BAD("a: !x {}\n", "tags"),
    BAD("a: !!seq []\n", "tags"),
    BAD("%YAML 1.2\n---\na: 1\n", "directives"),
    BAD("%TAG ! tag:x,2000:\n---\na: 1\n", "directives"),
    BAD("a: 1\n---\nb: 2\n", "p.yaml:2:1: a second document"),
    BAD("a: 1\n...\nb: 2\n", "p.yaml:3:1:"),
    BAD("---\n---\n", "a second document"),
    BAD("x:\n  <<: {a: 1}\n", "p.yaml:2:3: merge keys"),
    BAD("\"<<\": 1\n", "merge keys"),
    BAD("a: 1\nb: 2\na: 3\n", "p.yaml:3:1: a duplicate key"),
    BAD("a: 1\n\"a\": 2\n", "p.yaml:2:1: a duplicate key"),
    BAD("{a: 1, b: {}, \"\\x61\": 2}\n", "p.yaml:1:15: a duplicate key"),
    BAD("- {x: [{b: 1, b: 1}]}\n", "duplicate"),
    BAD("1: a\n", "p.yaml:1:1: a key that is not a string"),
    BAD("true: a\n", "not a string"),
    BAD("~: a\n", "not a string"),
    BAD("?\n: a\n", "not a string"),
    BAD("[a]: b\n", "not a string"),
    BAD("? {a: b}\n: c\n", "not a string"),
    BAD("a: \"x\\0y\"\n", "p.yaml:1:4: NUL"),
    BAD("a: x\0y\n", "p.yaml:"),
    BAD("a: \xff\n", "p.yaml:"),
    BAD("a: \xed\xa0\x80\n", "p.yaml:"),
    BAD("\xff\xfe"
        "a\0",
        "p.yaml:"),
    BAD("a: [1\n", "p.yaml:"),
    BAD("a: 'x\n", "p.yaml:"),
    BAD("a:\n\t- b\n", "p.yaml:2:1:"),
    BAD("a: b: c\n", "p.yaml:1:5:"),
    BAD("a: @x\n", "p.yaml:1:4:"),
    BAD("a: 1\n b: 2\n", "p.yaml:2:"),
};

static void test_bad(void **state)
{
    const struct bad_row *row = *state;
    struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
    struct err err = ERR_INIT;

    EXPECT_ERR(yaml_parse(&doc, row->text, "p.yaml", &err), &err, row->code, row->word);
    assert_null(doc);
}

static void test_empty_documents_are_null(void **state)
{
    static const char *const texts[] = {
        "", "\n", "# only a comment\n", "---\n", "---\n...\n", "~"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
        struct err err = ERR_INIT;
        EXPECT_OK(yaml_parse(&doc, bytes_text(texts[i]), "p.yaml", &err), &err);
        assert_int_equal(yaml_root(doc)->kind, YAML_NULL);
        assert_true(yaml_root(doc)->line >= 1 && yaml_root(doc)->column >= 1);
    }
}

static void test_tree(void **state)
{
    static const char text[] = "---\n"
                               "version: 1\n"
                               "rules:\n"
                               "  - name: first\n"
                               "    images: [\"a/**\", b]\n"
                               "  - {}\n"
                               "  - []\n"
                               "z: {y: }\n";
    struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(yaml_parse(&doc, BYTES_LIT(text), "p.yaml", &err), &err);
    const struct yaml_node *root = yaml_root(doc);
    assert_int_equal(root->kind, YAML_MAPPING);
    assert_int_equal(root->n, 3);
    assert_int_equal(root->line, 2);
    assert_true(bytes_is(root->pairs[1].key->text, "rules"));
    const struct yaml_node *rules = yaml_get(root, "rules");
    assert_int_equal(rules->kind, YAML_SEQUENCE);
    assert_int_equal(rules->n, 3);
    const struct yaml_node *images = yaml_get(rules->items[0], "images");
    assert_int_equal(images->n, 2);
    assert_true(bytes_is(images->items[0]->text, "a/**"));
    assert_int_equal(images->items[1]->line, 5);
    assert_int_equal(images->items[1]->column, 22);
    assert_int_equal(rules->items[1]->kind, YAML_MAPPING);
    assert_int_equal(rules->items[1]->n, 0);
    assert_int_equal(rules->items[2]->kind, YAML_SEQUENCE);
    assert_int_equal(rules->items[2]->n, 0);
    assert_int_equal(yaml_get(yaml_get(root, "z"), "y")->kind, YAML_NULL);
    assert_null(yaml_get(root, "Version"));
    assert_null(yaml_get(rules, "name"));
    assert_null(yaml_get(NULL, "name"));
    assert_null(yaml_root(NULL));
}

static enum err_code code_of(struct bytes text, struct err *err)
{
    struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;

    err_reset(err);
    int rc = yaml_parse(&doc, text, "p.yaml", err);
    assert_int_equal(rc, err->code == ERR_NONE ? 0 : -1);
    return err->code;
}

static void repeat(struct buf *out, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        buf_add_text(out, text);
}

struct stream_row {
    const char *name;  /* the text */
    const char *roots; /* the scalar of each document, or its kind; then the error, if any */
};

static const struct stream_row streams[] = {
    { "", "" },
    { "# nothing\n", "" },
    { "---\n", "null@2 " },
    { "a\n", "a@1 " },
    { "a\n---\nb\n", "a@1 b@3 " },
    { "---\na\n---\n# none\n---\n- b\n", "a@2 null@5 list@6 " },
    { "a\n...\n---\n{b: c}\n...\n", "a@1 map@4 " },
    { "--- a\n--- |\n  ---\n  b\n", "a@1 ---\nb\n@2 " },
    { "a\n---\n[b\n", "a@1 p:4:1: did not find expected ',' or ']'" },
    { "a\n---\n*b\n---\nc\n", "a@1 p:3:1: aliases are not supported" },
    { "a\n---\n- &b c\n", "a@1 p:3:3: anchors are not supported" },
    { "a: 1\n---\na: 1\na: 2\n", "map@1 p:4:1: a duplicate key" },
    { "a\n...\n%YAML 1.1\n---\nb\n", "a@1 p:3:1: directives are not supported" },
};

static void show_root(struct buf *out, const struct yaml_node *root)
{
    if (root->kind == YAML_MAPPING || root->kind == YAML_SEQUENCE)
        buf_add_text(out, root->kind == YAML_MAPPING ? "map" : "list");
    else if (root->kind == YAML_NULL)
        buf_add_text(out, "null");
    else
        buf_add_bytes(out, root->text);
    buf_addf(out, "@%d ", root->line);
}

static void test_stream(void **state)
{
    const struct stream_row *row = *state;
    struct yaml_stream *CLEANUP(yaml_stream_freep) stream = NULL;
    struct buf CLEANUP(buf_clear) got = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;
    char name[] = "p";

    EXPECT_OK(yaml_stream_open(&stream, bytes_text(row->name), name, YAML_TREE_MAX, &err), &err);
    name[0] = 'q'; /* it is copied */
    for (;;) {
        struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
        int r = yaml_stream_next(&doc, stream, &err);
        assert_int_equal(r, err.code == ERR_NONE ? 0 : -1);
        if (doc == NULL)
            break;
        show_root(&got, yaml_root(doc));
    }
    buf_add_text(&got, err_text(&err));
    EXPECT_BUF(&got, row->roots);
    struct yaml_doc *CLEANUP(yaml_freep) after = NULL;
    if (err.code != ERR_NONE) {
        err_reset(&err);
        EXPECT_ERR(yaml_stream_next(&after, stream, &err), &err, ERR_INTERNAL, "after an error");
    } else {
        EXPECT_OK(yaml_stream_next(&after, stream, &err), &err);
    }
    assert_null(after);
}

/* The ceiling is of each document, not of the stream. */
static void test_stream_trees_are_limited(void **state)
{
    static const char text[] = "[a, b, c, d]\n---\n[a, b, c, d]\n---\n[a, b, c, d, e, f, g, h]\n";
    struct yaml_stream *CLEANUP(yaml_stream_freep) stream = NULL;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(yaml_stream_open(&stream, BYTES_LIT(text), "p", 8 * sizeof(struct yaml_node), &err),
              &err);
    for (int i = 0; i < 3; i++) {
        struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
        int r = yaml_stream_next(&doc, stream, &err);
        if (i < 2)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "p");
    }
}

static void test_depth_is_limited(void **state)
{
    static const struct {
        const char *open;
        const char *middle;
        const char *close;
    } forms[] = { { "[", "1", "]" }, { "{a: ", "1", "}" }, { "- ", "1", "" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        for (size_t depth = YAML_DEPTH_MAX; depth <= YAML_DEPTH_MAX + 1; depth++) {
            struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
            struct err err = ERR_INIT;
            repeat(&text, depth, forms[i].open);
            buf_add_text(&text, forms[i].middle);
            repeat(&text, depth, forms[i].close);
            enum err_code code = code_of(buf_bytes(&text), &err);
            assert_int_equal(code, depth > YAML_DEPTH_MAX ? ERR_LIMIT : ERR_NONE);
            assert_true(code == ERR_NONE || strstr(err_text(&err), "p.yaml:1:") != NULL);
        }
    }
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_bombs_are_refused_at_once(void **state)
{
    static const char *const pieces[] = { "[", "{", "{a: ", "- ", "? ", "[{a: " };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
        struct err err = ERR_INIT;
        repeat(&text, MIB / strlen(pieces[i]), pieces[i]);
        int64_t start = now_ms();
        enum err_code code = code_of(buf_bytes(&text), &err);
        assert_true(code == ERR_LIMIT || code == ERR_CONFIG);
        assert_true(now_ms() - start < HASTE_MS);
    }
}

static void test_tree_is_limited(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    buf_add_char(&text, '[');
    repeat(&text, MIB, "a,");
    buf_add_char(&text, ']');
    assert_int_equal(code_of(buf_bytes(&text), &err), ERR_LIMIT);
    assert_non_null(strstr(err_text(&err), "p.yaml"));
}

static void test_many_keys(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    for (int i = 0; i < 50000; i++)
        buf_addf(&text, "k%d: 1\n", i);
    assert_int_equal(code_of(buf_bytes(&text), &err), ERR_NONE);
    buf_add_text(&text, "k7: 1\n");
    assert_int_equal(code_of(buf_bytes(&text), &err), ERR_CONFIG);
    assert_string_equal(err_text(&err), "p.yaml:50001:1: a duplicate key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_documents_are_null),
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_stream_trees_are_limited),
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_bombs_are_refused_at_once),
        cmocka_unit_test(test_tree_is_limited),
        cmocka_unit_test(test_many_keys),
    };
    int failed =
        RUN_ROWS(scalars, test_scalar) + RUN_ROWS(bad, test_bad) + RUN_ROWS(streams, test_stream);
    return failed + cmocka_run_group_tests_name("yaml", tests, NULL, NULL) != 0;
}
