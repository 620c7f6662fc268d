#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "registry/link.h"
#include "tests/unit/expect.h"

struct row {
    const char *name;
    const char *value;
    const char *target;
};

static const struct row rows[] = {
    { "as registries write it", "</v2/a/tags/list?last=b&n=2>; rel=\"next\"",
      "/v2/a/tags/list?last=b&n=2" },
    { "a bare word", "<x>; rel=next", "x" },
    { "case folds", "<x>; REL=\"NEXT\"", "x" },
    { "several relations", "<x>; rel=\"prefetch next\"", "x" },
    { "several links", "<x>; rel=prev, <y,z>;rel=next , <w>; rel=last", "y,z" },
    { "the first of two", "<x>; rel=next, <y>; rel=next", "x" },
    { "other parameters", "<x>; title=\"a;b,<c>; rel=prev\"; rel=next", "x" },
    { "a parameter without a value", "<x>; crossorigin; rel=next", "x" },
    { "an empty parameter", "<x>;;rel=next;", "x" },
    { "blanks", "\t<x> ; rel = \"next\" ", "x" },
    { "escapes", "<x>; rel=\"ne\\xt\"", "x" },
    { "empty elements", ",, <x>; rel=next,", "x" },
    { "only the first rel counts", "<x>; rel=prev; rel=next", "" },
    { "another relation", "<x>; rel=prev", "" },
    { "a longer word", "<x>; rel=nextish", "" },
    { "no relation", "<x>", "" },
    { "an anchor", "<x>; rel=next; anchor=\"/other\"", "" },
    { "nothing", "", "" },
};

static void finds(void **state)
{
    const struct row *row = *state;
    struct err err = ERR_INIT;
    struct bytes target;

    EXPECT_OK(link_next(&target, bytes_text(row->value), &err), &err);
    assert_true(bytes_is(target, row->target));
}

struct refused {
    const char *name;
    const char *value;
    const char *word;
};

static const struct refused refused[] = {
    { "no brackets", "/v2/x; rel=next", "missing" },
    { "not closed", "</v2/x; rel=next", "not a URL" },
    { "a blank in the target", "<a b>; rel=next", "not a URL" },
    { "a newline in the target", "<a\nb>; rel=next", "not a URL" },
    { "a bracket in the target", "<a<b>; rel=next", "not a URL" },
    { "not ASCII", "<\xc3\xa9>; rel=next", "not a URL" },
    { "quote not closed", "<x>; rel=\"next", "not closed" },
    { "no value", "<x>; rel=", "without a value" },
    { "no semicolon", "<x> rel=next", "text behind" },
    { "an equals sign alone", "<x>; =next", "name is missing" },
    { "garbage behind a good one", "<x>; rel=next, y", "missing" },
};

static void refuses(void **state)
{
    const struct refused *row = *state;
    struct err err = ERR_INIT;
    struct bytes target;

    EXPECT_ERR(link_next(&target, bytes_text(row->value), &err), &err, ERR_MALFORMED, row->word);
    assert_int_equal(target.len, 0);
}

static void ceilings(void **state)
{
    CLEANUP(buf_clear) struct buf text = BUF_INIT(2 * HEADERS_MAX);
    struct err err = ERR_INIT;
    struct bytes target;

    (void)state;
    for (size_t len = URL_MAX; len <= URL_MAX + 1; len++) {
        buf_reset(&text);
        buf_add_char(&text, '<');
        while (text.len < len + 1)
            buf_add_char(&text, 'a');
        buf_add_text(&text, ">;rel=next");
        int r = link_next(&target, buf_bytes(&text), &err);
        if (len == URL_MAX)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "8192");
        assert_int_equal(target.len, len == URL_MAX ? URL_MAX : 0);
    }
    buf_reset(&text);
    while (text.len < HEADERS_MAX)
        buf_add_char(&text, ',');
    EXPECT_OK(link_next(&target, buf_bytes(&text), &err), &err);
    buf_add_char(&text, ',');
    EXPECT_ERR(link_next(&target, buf_bytes(&text), &err), &err, ERR_LIMIT, "65536");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ceilings) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(rows, finds);
    failed += RUN_ROWS(refused, refuses);
    return failed != 0;
}
