#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json_pointer.h"
#include "tests/unit/expect.h"

/* RFC 6901 section 5 */
#define DOCUMENT                                                                                   \
    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"      \
    "\"k\\\"l\":6,\" \":7,\"m~n\":8,\"deep\":{\"\":{\"\":\"x\"}},\"\\u00e9\":9}"

static const struct row {
    const char *pointer;
    const char *raw; /* NULL: nothing is there */
} rows[] = {
    { "", DOCUMENT },
    { "/foo", "[\"bar\",\"baz\"]" },
    { "/foo/0", "\"bar\"" },
    { "/foo/1", "\"baz\"" },
    { "/", "0" },
    { "/a~1b", "1" },
    { "/c%d", "2" },
    { "/e^f", "3" },
    { "/g|h", "4" },
    { "/i\\j", "5" },
    { "/k\"l", "6" },
    { "/ ", "7" },
    { "/m~0n", "8" },
    { "/deep//", "\"x\"" },
    { "/\xc3\xa9", "9" },
    { "/foo/2", NULL },
    { "/foo/-", NULL },
    { "/foo/00", NULL },
    { "/foo/01", NULL },
    { "/foo/+1", NULL },
    { "/foo/ 1", NULL },
    { "/foo/", NULL },
    { "/foo/18446744073709551616", NULL },
    { "/foo/0/0", NULL },
    { "/fo", NULL },
    { "/fooo", NULL },
    { "/Foo", NULL },
    { "/a/b", NULL },
    { "/m~1n", NULL },
    { "/m~01n", NULL },
    { "foo", NULL },
    { "/m~n", NULL },
    { "/m~", NULL },
    { "/m~2n", NULL },
};

static void found(void **state)
{
    const struct row *row = *state;
    struct json_view root;
    struct err err = ERR_INIT;

    EXPECT_OK(json_scan(&root, BYTES_LIT(DOCUMENT), &err), &err);
    const struct json_view value = json_at(root, row->pointer);
    if (row->raw == NULL)
        assert_int_equal(value.kind, JSON_ABSENT);
    else
        assert_true(bytes_is(value.raw, row->raw));
}

static const struct syntax_row {
    const char *pointer;
    const char *word; /* NULL: it is one */
} syntax[] = {
    { "", NULL },       { "/", NULL },  { "/a/0/~0~1", NULL }, { "a", "begin with /" },
    { "#/a", "begin" }, { "/~", "~0" }, { "/a~/b", "~0" },     { "/~2", "~0" },
};

static void checked(void **state)
{
    const struct syntax_row *row = *state;
    struct err err = ERR_INIT;

    if (row->word == NULL)
        EXPECT_OK(json_pointer_check(bytes_text(row->pointer), &err), &err);
    else
        EXPECT_ERR(json_pointer_check(bytes_text(row->pointer), &err), &err, ERR_INVALID,
                   row->word);
}

/* A name longer than any that is looked for is not found, and costs nothing. */
static void long_names(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
    struct buf CLEANUP(buf_clear) pointer = BUF_INIT(8192);
    struct json_view root;
    struct err err = ERR_INIT;

    (void)state;
    for (int n = 1024; n <= 1025; n++) {
        buf_reset(&text);
        buf_reset(&pointer);
        buf_addf(&text, "{\"%0*d\":1}", n, 0);
        buf_addf(&pointer, "/%0*d", n, 0);
        EXPECT_OK(json_scan(&root, buf_bytes(&text), &err), &err);
        assert_int_equal(json_pointer_get(root, buf_bytes(&pointer)).kind,
                         n == 1024 ? JSON_NUMBER : JSON_ABSENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(long_names) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(rows, found);
    failed += RUN_ROWS(syntax, checked);
    return failed != 0;
}
