#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "policy/check.h"
#include "tests/unit/expect.h"

/* A statement with a value of every kind, and two reports: one with findings, one without any. */
#define STATEMENT                                                                                  \
    "{\"s\":\"text\",\"e\":\"\",\"esc\":\"a\\/b\\u0041\",\"n\":7,\"f\":7.50,\"neg\":-3,"           \
    "\"big\":9007199254740993,\"exp\":1e3,\"t\":true,\"no\":false,\"z\":null,\"o\":{},\"a\":[],"   \
    "\"R\":[{\"V\":[{\"S\":\"LOW\",\"n\":1},{\"S\":\"HIGH\",\"n\":9}]},{\"V\":[]}],"               \
    "\"M\":[{\"V\":[{\"S\":\"LOW\"}]},{\"W\":1}],\"N\":[{\"V\":null}],\"B\":[{\"V\":\"x\"}],"      \
    "\"H\":{\"x\":{\"S\":\"LOW\"},\"y\":{\"S\":\"LOW\"}},\"L\":[\"LOW\",\"LOW\"],"                 \
    "\"X\":[{\"S\":\"LOW\"},{}]}"

#define TEXT(t)                                                                                    \
    {                                                                                              \
        .kind = JSON_STRING, .text = (t)                                                           \
    }
#define NUMBER(t)                                                                                  \
    {                                                                                              \
        .kind = JSON_NUMBER, .text = (t)                                                           \
    }
#define TRUE_                                                                                      \
    {                                                                                              \
        .kind = JSON_TRUE_VALUE                                                                    \
    }
#define FALSE_                                                                                     \
    {                                                                                              \
        .kind = JSON_FALSE_VALUE                                                                   \
    }
#define NULL_                                                                                      \
    {                                                                                              \
        .kind = JSON_NULL_VALUE                                                                    \
    }
#define ANY(t)                                                                                     \
    {                                                                                              \
        .kind = JSON_ABSENT, .text = (t)                                                           \
    }

static const struct value_row {
    const char *at;
    enum check_operator operator;
    struct literal literals[2];
    bool holds;
} values[] = {
    { "/s", CHECK_IS, { TEXT("text") }, true },
    { "/s", CHECK_IS, { TEXT("tex") }, false },
    { "/s", CHECK_IS, { TEXT("Text") }, false },
    { "/e", CHECK_IS, { TEXT("") }, true },
    { "/esc", CHECK_IS, { TEXT("a/bA") }, true },
    { "/n", CHECK_IS, { NUMBER("7") }, true },
    { "/n", CHECK_IS, { TEXT("7") }, false },
    { "/n", CHECK_IS, { NUMBER("8") }, false },
    { "/f", CHECK_IS, { NUMBER("7.5") }, true },
    { "/exp", CHECK_IS, { NUMBER("1000") }, true },
    { "/big", CHECK_IS, { NUMBER("9007199254740993") }, true },
    { "/big", CHECK_IS, { NUMBER("9007199254740992") }, false },
    { "/t", CHECK_IS, { TRUE_ }, true },
    { "/t", CHECK_IS, { FALSE_ }, false },
    { "/t", CHECK_IS, { TEXT("true") }, false },
    { "/no", CHECK_IS, { FALSE_ }, true },
    { "/z", CHECK_IS, { NULL_ }, true },
    { "/z", CHECK_IS, { FALSE_ }, false },
    { "/missing", CHECK_IS, { NULL_ }, false },
    { "/o", CHECK_IS, { NULL_ }, false },
    { "/t", CHECK_IS, { ANY("true") }, true }, /* --check */
    { "/s", CHECK_IS, { ANY("text") }, true },
    { "/f", CHECK_IS, { ANY("7.5") }, false },
    { "/f", CHECK_IS, { ANY("7.50") }, true },
    { "/o", CHECK_IS, { ANY("{}") }, false },
    { "/s", CHECK_NOT, { TEXT("other") }, true },
    { "/s", CHECK_NOT, { TEXT("text") }, false },
    { "/missing", CHECK_NOT, { TEXT("x") }, false },
    { "/o", CHECK_NOT, { TEXT("x") }, false },
    { "/a", CHECK_NOT, { TEXT("x") }, false },
    { "/s", CHECK_IN, { TEXT("a"), TEXT("text") }, true },
    { "/s", CHECK_IN, { TEXT("a"), TEXT("b") }, false },
    { "/s", CHECK_NOT_IN, { TEXT("a"), TEXT("b") }, true },
    { "/s", CHECK_NOT_IN, { TEXT("a"), TEXT("text") }, false },
    { "/missing", CHECK_NOT_IN, { TEXT("a"), TEXT("b") }, false },
    { "/s", CHECK_EXISTS, { TRUE_ }, true },
    { "/z", CHECK_EXISTS, { TRUE_ }, true },
    { "/o", CHECK_EXISTS, { TRUE_ }, true },
    { "/missing", CHECK_EXISTS, { TRUE_ }, false },
    { "/missing", CHECK_EXISTS, { FALSE_ }, true },
    { "/s", CHECK_EXISTS, { FALSE_ }, false },
    { "/n", CHECK_AT_LEAST, { NUMBER("7") }, true },
    { "/n", CHECK_AT_LEAST, { NUMBER("8") }, false },
    { "/n", CHECK_AT_MOST, { NUMBER("7") }, true },
    { "/n", CHECK_AT_MOST, { NUMBER("6") }, false },
    { "/neg", CHECK_AT_MOST, { NUMBER("0") }, true },
    { "/neg", CHECK_AT_LEAST, { NUMBER("0") }, false },
    { "/f", CHECK_AT_LEAST, { NUMBER("7") }, true },
    { "/exp", CHECK_AT_MOST, { NUMBER("999") }, false },
    { "/s", CHECK_AT_LEAST, { NUMBER("0") }, false },
    { "/missing", CHECK_AT_MOST, { NUMBER("9") }, false },
    { "/z", CHECK_AT_MOST, { NUMBER("9") }, false },
};

static size_t count(const struct literal literals[2])
{
    return literals[1].kind == JSON_ABSENT && literals[1].text == NULL ? 1 : 2;
}

static struct json_view scanned(void)
{
    struct json_view root;
    struct err err = ERR_INIT;

    EXPECT_OK(json_scan(&root, BYTES_LIT(STATEMENT), &err), &err);
    return root;
}

static void value(void **state)
{
    const struct value_row *row = *state;
    const struct check check = { .at = row->at,
                                 .operator= row->operator,
                                 .literals = row->literals,
                                 .n = count(row->literals) };

    assert_int_equal(check_holds(&check, scanned()), row->holds);
}

static const struct pattern_row {
    const char *at;
    const char *pattern;
    bool matches, not_matches;
} patterns[] = {
    { "/s", "te*", true, false },      { "/s", "*", true, false },   { "/s", "t", false, true },
    { "/esc", "a/*", true, false },    { "/esc", "*", false, true }, { "/e", "*", false, true },
    { "/n", "7", false, false }, /* not a text: neither */
    { "/missing", "*", false, false }, { "/o", "*", false, false },
};

static void pattern(void **state)
{
    const struct pattern_row *row = *state;
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct literal literal = { .kind = JSON_STRING, .text = row->pattern };
    struct check check = { .at = row->at, .literals = &literal, .n = 1 };
    struct err err = ERR_INIT;

    EXPECT_OK(pattern_compile(&literal.pattern, bytes_text(row->pattern), &arena, &err), &err);
    check.operator= CHECK_MATCHES;
    assert_int_equal(check_holds(&check, scanned()), row->matches);
    check.operator= CHECK_NOT_MATCHES;
    assert_int_equal(check_holds(&check, scanned()), row->not_matches);
}

enum { EMPTY_PASSES = 1, ABSENT_PASSES = 2 };

static const struct element_row {
    const char *elements;
    const char *at;
    const char *is;
    int passes;
    bool each, some;
} elements[] = {
    { "/H/*", "/S", "LOW", 0, true, true },
    { "/H/*", "/S", "HIGH", 0, false, false },
    { "/L/*", "", "LOW", 0, true, true },
    { "/R/*/V/*", "/S", "LOW", 0, false, true },
    { "/R/*/V/*", "/S", "NONE", 0, false, false },
    { "/a/*", "", "x", 0, false, false },
    { "/a/*", "", "x", EMPTY_PASSES, true, true },
    { "/o/*", "", "x", EMPTY_PASSES, true, true },
    { "/R/*/V/*", "/S", "LOW", EMPTY_PASSES, false, true }, /* one of two arrays is empty */
    { "/M/*/V/*", "/S", "LOW", 0, false, false },           /* the second has no V */
    { "/M/*/V/*", "/S", "LOW", EMPTY_PASSES, false, false },
    { "/M/*/V/*", "/S", "LOW", ABSENT_PASSES, true, true },
    { "/N/*/V/*", "/S", "LOW", EMPTY_PASSES | ABSENT_PASSES, false, false }, /* V is null */
    { "/B/*/V/*", "/S", "LOW", EMPTY_PASSES | ABSENT_PASSES, false, false }, /* V is a text */
    { "/missing/*", "", "x", EMPTY_PASSES, false, false },
    { "/missing/*", "", "x", ABSENT_PASSES, false, false },
    { "/missing/*", "", "x", EMPTY_PASSES | ABSENT_PASSES, true, true },
    { "/missing/V/*", "", "x", EMPTY_PASSES | ABSENT_PASSES, false, false }, /* mistyped */
    { "/missing/*/V/*", "", "x", EMPTY_PASSES | ABSENT_PASSES, false, false },
    { "/s/*", "", "x", EMPTY_PASSES | ABSENT_PASSES, false, false },
    { "/s/V/*", "", "x", EMPTY_PASSES | ABSENT_PASSES, false, false },
    { "/X/*", "/S", "LOW", EMPTY_PASSES | ABSENT_PASSES, false, true }, /* `at` is missing once */
};

static void element(void **state)
{
    const struct element_row *row = *state;
    const struct literal literal = TEXT(row->is);
    struct check check = { .elements = row->elements,
                           .at = row->at,
                           .operator= CHECK_IS,
                           .literals = &literal,
                           .n = 1,
                           .empty_passes = (row->passes & EMPTY_PASSES) != 0,
                           .absent_passes = (row->passes & ABSENT_PASSES) != 0 };
    struct buf CLEANUP(buf_clear) found = BUF_INIT(KIB);

    check.over = OVER_EACH;
    assert_int_equal(check_holds(&check, scanned()), row->each);
    check.over = OVER_SOME;
    assert_int_equal(check_holds(&check, scanned()), row->some);
    check_found(&found, &check, scanned());
    assert_true(found.len > 0);
}

static void operators_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < CHECK_OPERATORS; i++)
        assert_non_null(check_operator_name((enum check_operator)i));
    assert_string_equal(check_operator_name(CHECK_NOT_IN), "not-in");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(operators_have_names) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(values, value);
    failed += RUN_ROWS(patterns, pattern);
    failed += RUN_ROWS(elements, element);
    return failed != 0;
}
