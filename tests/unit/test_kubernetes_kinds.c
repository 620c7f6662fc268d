#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/kubernetes_kinds.h"
#include "tests/unit/expect.h"

#define TEXT_MAX (64 * KIB)

struct option_row {
    const char *name; /* the option */
    enum err_code code;
    const char *word;
    bool ignore;
};

static const struct option_row options[] = {
    { "Rollout.argoproj.io=/spec/template/spec", ERR_NONE, "", false },
    { "Thing=/spec", ERR_NONE, "", false },
    { "A1.x-y.example=/a/*/b~0~1/0?", ERR_NONE, "", false },
    { "", ERR_USAGE, "not of the form", false },
    { "Thing", ERR_USAGE, "Thing: not of the form KIND.GROUP=POINTER", false },
    { "Thing=", ERR_USAGE, "not of the form", false },
    { "Thing=?", ERR_USAGE, "not of the form", false },
    { "=/spec", ERR_USAGE, "not of the form", false },
    { ".group=/spec", ERR_USAGE, "not of the form", false },
    { "Thing.=/spec", ERR_USAGE, "not of the form", false },
    { "Thing.a..b=/spec", ERR_USAGE, "not of the form", false },
    { "Thing.a.=/spec", ERR_USAGE, "not of the form", false },
    { "Thing.A=/spec", ERR_USAGE, "not of the form", false },
    { "Thing/v1=/spec", ERR_USAGE, "not of the form", false },
    { "Thing.a/v1=/spec", ERR_USAGE, "not of the form", false },
    { "Th\ning=/spec", ERR_USAGE, "Th\\x0aing", false },
    { "Thing=spec", ERR_USAGE, "not a JSON pointer", false },
    { "Thing=/spec/~2", ERR_USAGE, "not a JSON pointer", false },
    { "Thing=/", ERR_USAGE, "empty member", false },
    { "Thing=/spec/", ERR_USAGE, "empty member", false },
    { "Thing=/spec//a", ERR_USAGE, "empty member", false },
    { "Pod=/spec", ERR_USAGE, "always read", false },
    { "Deployment.apps=/spec", ERR_USAGE, "always read", false },
    { "Deployment.extensions=/spec", ERR_USAGE, "always read", false },
    { "List=/items", ERR_USAGE, "always read", false },
    { "Pod.example=/spec", ERR_NONE, "", false },
    { "Known.example=/a", ERR_USAGE, "given twice", false },
    { "Known.example=/b", ERR_NONE, "", false },
    { "Passed.example=/a", ERR_USAGE, "both read and passed over", false },
    { "Thing", ERR_NONE, "", true },
    { "Thing.example", ERR_NONE, "", true },
    { "", ERR_USAGE, "not of the form", true },
    { "Thing.example=/spec", ERR_USAGE, "not of the form", true },
    { "Pod", ERR_USAGE, "always read", true },
    { "List", ERR_USAGE, "always read", true },
    { "Known.example", ERR_USAGE, "both read and passed over", true },
    { "Passed.example", ERR_USAGE, "given twice", true },
    { "Passed", ERR_NONE, "", true },
};

static void test_option(void **state)
{
    const struct option_row *row = *state;
    struct kube_kinds CLEANUP(kube_kinds_clear) kinds = KUBE_KINDS_INIT;
    struct err err = ERR_INIT;

    EXPECT_OK(kube_kind_parse(&kinds, "Known.example=/a", &err), &err);
    EXPECT_OK(kube_ignore_parse(&kinds, "Passed.example", &err), &err);
    int r = row->ignore ? kube_ignore_parse(&kinds, row->name, &err)
                        : kube_kind_parse(&kinds, row->name, &err);
    if (row->code == ERR_NONE)
        EXPECT_OK(r, &err);
    else
        EXPECT_ERR(r, &err, row->code, row->word);
    assert_int_equal(kinds.n, row->code == ERR_NONE ? 3 : 2);
}

static void test_option_parts(void **state)
{
    struct kube_kinds CLEANUP(kube_kinds_clear) kinds = KUBE_KINDS_INIT;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(kube_kind_parse(&kinds, "A.b.c=/x/*/y~1z~0?", &err), &err);
    EXPECT_OK(kube_ignore_parse(&kinds, "B", &err), &err);
    const struct kube_kind *kind = kinds.kinds;
    assert_string_equal(kind->kind, "A");
    assert_string_equal(kind->group, "b.c");
    assert_string_equal(kind->pointer, "/x/*/y~1z~0");
    assert_true(kind->optional);
    assert_int_equal(kind->n, 3);
    assert_string_equal(kind->tokens[2], "y/z~");
    assert_string_equal(kinds.kinds[1].kind, "B");
    assert_string_equal(kinds.kinds[1].group, "");
    assert_null(kinds.kinds[1].pointer);
}

static void test_option_limits(void **state)
{
    struct kube_kinds CLEANUP(kube_kinds_clear) kinds = KUBE_KINDS_INIT;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    for (int over = 0; over <= 1; over++) {
        buf_reset(&text);
        buf_addf(&text, "A%d=", over);
        for (int i = 0; i < KUBE_TOKENS_MAX + over; i++)
            buf_add_text(&text, "/a");
        if (over)
            EXPECT_ERR(kube_kind_parse(&kinds, buf_text(&text), &err), &err, ERR_LIMIT, "members");
        else
            EXPECT_OK(kube_kind_parse(&kinds, buf_text(&text), &err), &err);
    }
    for (int over = 0; over <= 1; over++) {
        buf_reset(&text);
        buf_addf(&text, "B=/");
        while (text.len < KUBE_TEXT_MAX + 1 + (size_t)over) /* the "=" does not count */
            buf_add_char(&text, 'a');
        if (over)
            EXPECT_ERR(kube_kind_parse(&kinds, buf_text(&text), &err), &err, ERR_LIMIT, "longer");
        else
            EXPECT_OK(kube_kind_parse(&kinds, buf_text(&text), &err), &err);
    }
    for (int i = 0; kinds.n < KUBE_KINDS_MAX; i++) {
        buf_reset(&text);
        buf_addf(&text, "C%d", i);
        EXPECT_OK(kube_ignore_parse(&kinds, buf_text(&text), &err), &err);
    }
    EXPECT_ERR(kube_ignore_parse(&kinds, "D", &err), &err, ERR_LIMIT, "kinds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_option_parts),
        cmocka_unit_test(test_option_limits),
    };
    int failed = RUN_ROWS(options, test_option);
    return failed + cmocka_run_group_tests_name("kubernetes_kinds", tests, NULL, NULL) != 0;
}
