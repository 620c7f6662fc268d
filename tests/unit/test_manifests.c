#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "engine/manifests.h"
#include "tests/unit/expect.h"

#define TEXT_MAX (300 * MIB)
#define VECTORS "tests/vectors/kubernetes/"
#define JSON_POD(image)                                                                            \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"" image "\"}]" \
    "}}"
#define YAML_POD(image) "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: " image "\n"

static void show_long(struct buf *out, const struct image_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct kube_image *image = &list->images[i];
        buf_addf(out, "%zu %s/%s %s%s%s %s %s\n", image->line,
                 image->namespace != NULL ? image->namespace : "-",
                 image->name != NULL ? image->name : "-", image->kind,
                 *image->group != '\0' ? "." : "", image->group, image->field, image->reference);
    }
}

/* "line:reference line:reference" */
static void show(struct buf *out, const struct image_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        buf_addf(out, "%s%zu:%s", i > 0 ? " " : "", list->images[i].line,
                 list->images[i].reference);
}

struct golden_row {
    const char *name;
    const char *wanted;
    size_t objects;
};

static const struct golden_row goldens[] = {
    { VECTORS "helm.yaml", VECTORS "helm.images", 6 },
    { VECTORS "pods.json", VECTORS "pods.images", 2 },
};

static void test_golden(void **state)
{
    const struct golden_row *row = *state;
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct buf CLEANUP(buf_clear) want = BUF_INIT(TEXT_MAX);
    struct buf CLEANUP(buf_clear) got = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    EXPECT_OK(file_read(&text, row->name, &err), &err);
    EXPECT_OK(file_read(&want, row->wanted, &err), &err);
    EXPECT_OK(manifests_read(&list, buf_bytes(&text), row->name, NULL, &err), &err);
    show_long(&got, &list);
    EXPECT_BUF(&got, buf_text(&want));
    assert_int_equal(list.objects, row->objects);
    for (size_t i = 0; i < list.n; i++)
        assert_string_equal(list.images[i].file, row->name);
}

struct row {
    const char *name; /* the text */
    const char *want;
    size_t objects;
};

static const struct row accepted[] = {
    { "", "", 0 },
    { "\n \n", "", 0 },
    { "# only a comment\n", "", 0 },
    { "---\n", "", 0 },
    { "---\n# a\n---\n# b\n---\n", "", 0 },
    { "null\n", "", 0 },
    { YAML_POD("r/a"), "5:r/a", 1 },
    { "---\n" YAML_POD("r/a") "...\n", "6:r/a", 1 },
    { YAML_POD("r/a") "---\n" YAML_POD("r/b"), "5:r/a 11:r/b", 2 },
    { YAML_POD("r/a") "...\n---\n# none\n---\n" YAML_POD("r/b"), "5:r/a 14:r/b", 2 },
    { "# c\n---\n" YAML_POD("\"r/\\x61\""), "7:r/a", 1 },
    { "---\r\napiVersion: v1\r\nkind: Pod\r\nspec: {containers: [{image: r/a}]}\r\n", "4:r/a", 1 },
    { "--- " JSON_POD("r/a") "\n--- " JSON_POD("r/b") "\n", "1:r/a 2:r/b", 2 },
    { JSON_POD("r/a"), "1:r/a", 1 },
    { "\n\t " JSON_POD("r/a") "\r\n", "2:r/a", 1 },
    { JSON_POD("r/a") "\n" JSON_POD("r/b") "\n", "1:r/a 2:r/b", 2 },
    { JSON_POD("r/a") JSON_POD("r/b") "\n\n" JSON_POD("r/c"), "1:r/a 1:r/b 3:r/c", 3 },
    { JSON_POD("r/}\\\"{"), "1:r/}\"{", 1 },
    { JSON_POD("r/\\\\"), "1:r/\\", 1 },
    { "{\"kind\":\"Pod\",\n\"spec\":{\n\"initContainers\":[\n{\"image\":\"r/b\"}],\n"
      "\"containers\":[{\n\"image\":\n\"r/a\"}]},\"apiVersion\":\"v1\"}",
      "7:r/a 4:r/b", 1 },
};

static void test_accepted(void **state)
{
    const struct row *row = *state;
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct buf CLEANUP(buf_clear) got = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    EXPECT_OK(manifests_read(&list, bytes_text(row->name), "f", NULL, &err), &err);
    show(&got, &list);
    EXPECT_BUF(&got, row->want);
    assert_int_equal(list.objects, row->objects);
}

struct refused_row {
    const char *name; /* the text */
    const char *word;
    enum err_code code;
};

#define BAD(text, word_)                                                                           \
    {                                                                                              \
        .name = (text), .word = (word_), .code = ERR_CONFIG                                        \
    }

static const struct refused_row refused[] = {
    BAD("a: 1\n", "f:1: neither apiVersion nor kind"),
    BAD("text\n", "f:1: not an object"),
    BAD("- apiVersion: v1\n  kind: Pod\n", "f:1: not an object"),
    BAD(YAML_POD("r/a") "---\ntext\n", "f:7: not an object"),
    BAD(YAML_POD("r/a") "---\na: 1\n", "f:7: neither"),
    BAD(YAML_POD("r/a") "---\n" YAML_POD("1"), "f:11: Pod: spec.containers[0].image: not a string"),
    BAD(YAML_POD("r/a") "---\n" YAML_POD(""), "f:11: Pod: spec.containers[0].image: no image"),
    BAD("x: &x {image: r/a}\n", "f:1:4: anchors"),
    BAD(YAML_POD("r/a") "---\na: *x\n", "f:7:4: aliases"),
    BAD(YAML_POD("r/a") "---\n<<: {a: b}\n", "f:7:1: merge keys"),
    BAD(YAML_POD("r/a") "---\na: !!str b\n", "f:7:4: tags"),
    BAD(YAML_POD("r/a") "...\n%YAML 1.1\n---\n" YAML_POD("r/b"), "f:7:1: directives"),
    BAD(YAML_POD("r/a") "kind: Pod\n", "f:6:1: a duplicate key"),
    BAD(YAML_POD("r/a") "---\n" YAML_POD("[r/b"), "f:"),
    BAD(YAML_POD("r/a") "---\n{{ if .Values.x }}\n", "f:7:"),
    BAD("{{ if .Values.x }}\n", "f:1: the JSON value that begins here: byte 1"),
    BAD("{apiVersion: v1}\n", "f:1: the JSON value that begins here"),
    BAD("[]", "f:1: not an object"),
    BAD("[" JSON_POD("r/a") "]", "f:1: not an object"),
    BAD("{}", "f:1: neither apiVersion nor kind"),
    BAD("{", "f:1: the JSON value"),
    BAD("{\"a\":\"", "f:1: the JSON value"),
    BAD("{\"a\":\"\\", "f:1: the JSON value"),
    BAD("{]", "f:1: the JSON value"),
    BAD("{\"a\":1,\"a\":2}", "a duplicate member name"),
    BAD("{\"a\":1,\"\\u0061\":2}", "a duplicate member name"),
    BAD(JSON_POD("r/a") "\n{\"a\":1,}", "f:2: the JSON value that begins here: byte 7"),
    BAD(JSON_POD("r/a") "\n\n{}", "f:3: neither"),
    BAD(JSON_POD("r/a") "," JSON_POD("r/b"), "f:1: no JSON object behind the one before"),
    BAD(JSON_POD("r/a") "\n---\n" JSON_POD("r/b"), "f:2: no JSON object behind"),
    BAD(JSON_POD("r/a") "\nnull\n", "f:2: no JSON object behind"),
    BAD(JSON_POD("r/a") "\n}", "f:2: no JSON object behind"),
    BAD(JSON_POD("r/a") "\n# c\n", "f:2: no JSON object behind"),
    BAD(JSON_POD("r/a") "\n\n" JSON_POD(""), "f:3: Pod: spec.containers[0].image: no image"),
    BAD("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[\n{\"image\":\n1}]}}",
        "f:3: Pod: spec.containers[0].image: not a string"),
    BAD(JSON_POD("r/\xff"), "not UTF-8"),
    BAD(JSON_POD("r/\\u0000"), "not allowed"),
};

static void test_refused(void **state)
{
    const struct refused_row *row = *state;
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct err err = ERR_INIT;

    EXPECT_OK(manifests_read(&list, BYTES_LIT(JSON_POD("r/first")), "g", NULL, &err), &err);
    EXPECT_ERR(manifests_read(&list, bytes_text(row->name), "f", NULL, &err), &err, row->code,
               row->word);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.objects, 1);
    assert_string_equal(list.images[0].reference, "r/first");
}

static void repeat(struct buf *out, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        buf_add_text(out, text);
}

/* Nested lists, to the depth that both readers take and one further. */
static void test_depth_is_limited(void **state)
{
    static const char *const heads[] = { "", "--- " };

    (void)state;
    for (size_t form = 0; form < ARRAY_LEN(heads); form++) {
        for (size_t lists = 31; lists <= 32; lists++) {
            struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
            struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
            struct err err = ERR_INIT;
            buf_add_text(&text, heads[form]);
            repeat(&text, lists, "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [");
            buf_add_text(&text, "{\"apiVersion\": \"v1\", \"kind\": \"A\"}");
            repeat(&text, lists, "]}");
            int r = manifests_read(&list, buf_bytes(&text), "f", NULL, &err);
            if (lists == 31) {
                EXPECT_OK(r, &err);
                assert_int_equal(list.objects, 1);
            } else {
                EXPECT_ERR(r, &err, ERR_LIMIT, "deeper");
            }
        }
    }
}

static void test_text_is_limited(void **state)
{
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&text, JSON_POD("r/a"));
    size_t more = MANIFESTS_BYTES_MAX + 1 - text.len;
    uint8_t *spaces = buf_reserve(&text, more);
    assert_non_null(spaces);
    memset(spaces, ' ', more);
    text.len += more;
    struct bytes most = bytes_part(buf_bytes(&text), 0, MANIFESTS_BYTES_MAX);
    EXPECT_OK(manifests_read(&list, most, "f", NULL, &err), &err);
    EXPECT_ERR(manifests_read(&list, buf_bytes(&text), "f", NULL, &err), &err, ERR_LIMIT,
               "f: more than");
    assert_int_equal(list.n, 1);
}

static void test_files_come_together(void **state)
{
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    char file[] = "a.yaml";
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(manifests_read(&list, BYTES_LIT(YAML_POD("r/a")), file, NULL, &err), &err);
    file[0] = 'b';
    EXPECT_OK(manifests_read(&list, BYTES_LIT(JSON_POD("r/b")), file, NULL, &err), &err);
    assert_int_equal(list.n, 2);
    assert_string_equal(list.images[0].file, "a.yaml");
    assert_string_equal(list.images[1].file, "b.yaml");
}

/* As a large cluster prints them: all lines are right, and going back and forth costs little. */
static void test_many_pods(void **state)
{
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;
    enum { PODS = 20000 };

    (void)state;
    buf_add_text(&text, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n");
    for (int i = 0; i < PODS; i++)
        buf_addf(&text,
                 "%s{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"initContainers\":[\n"
                 "{\"image\":\"r/i\"}],\"containers\":[{\n\"image\":\"r/c\"}]}}\n",
                 i > 0 ? "," : "");
    buf_add_text(&text, "]}");
    EXPECT_OK(manifests_read(&list, buf_bytes(&text), "f", NULL, &err), &err);
    assert_int_equal(list.n, 2 * PODS);
    assert_int_equal(list.objects, PODS);
    for (size_t i = 0; i < list.n; i++) {
        bool init = i % 2 == 1;
        assert_string_equal(list.images[i].reference, init ? "r/i" : "r/c");
        assert_int_equal(list.images[i].line, 2 + 3 * (i / 2) + (init ? 1 : 2));
    }
}

static void test_kinds_are_heeded(void **state)
{
    static const char text[] = "apiVersion: x.example/v1\nkind: Web\nspec:\n  image: r/a\n---\n"
                               "apiVersion: y.example/v1\nkind: Job\ncontainers: [{image: r/b}]\n";
    struct kube_kinds CLEANUP(kube_kinds_clear) kinds = KUBE_KINDS_INIT;
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct buf CLEANUP(buf_clear) got = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(kube_kind_parse(&kinds, "Web.x.example=/spec/image", &err), &err);
    EXPECT_ERR(manifests_read(&list, BYTES_LIT(text), "f", &kinds, &err), &err, ERR_CONFIG,
               "f:8: Job: containers[0].image: an image in a kind that is not known");
    EXPECT_OK(kube_ignore_parse(&kinds, "Job.y.example", &err), &err);
    EXPECT_OK(manifests_read(&list, BYTES_LIT(text), "f", &kinds, &err), &err);
    show(&got, &list);
    EXPECT_BUF(&got, "4:r/a");
    assert_int_equal(list.objects, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth_is_limited),    cmocka_unit_test(test_text_is_limited),
        cmocka_unit_test(test_files_come_together), cmocka_unit_test(test_many_pods),
        cmocka_unit_test(test_kinds_are_heeded),
    };
    int failed = RUN_ROWS(goldens, test_golden) + RUN_ROWS(accepted, test_accepted) +
                 RUN_ROWS(refused, test_refused);
    return failed + cmocka_run_group_tests_name("manifests", tests, NULL, NULL) != 0;
}
