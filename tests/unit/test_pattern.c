#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "policy/pattern.h"
#include "tests/unit/expect.h"

static const struct match_row {
    const char *pattern;
    const char *text;
    bool matches;
} matches[] = {
    { "a", "a", true },
    { "a", "b", false },
    { "a", "", false },
    { "a", "aa", false },
    { "a", "A", false },
    { "a/b", "a/b", true },
    { "a/b", "a", false },
    { "a/b", "a/b/c", false },
    { "a/b", "x/a/b", false },
    { "*", "a", true },
    { "*", "", false }, /* empty only beside other text */
    { "*", "a/b", false },
    { "a/*", "a/b", true },
    { "a/*", "a/", false },
    { "a/*", "a", false },
    { "a/*", "a/b/c", false },
    { "a*", "a", true },
    { "*a", "a", true },
    { "a*", "abc", true },
    { "a*c", "ac", true },
    { "a*c", "abc", true },
    { "a*c", "abcb", false },
    { "a*b*c", "a1b2b3c", true },
    { "a*b*c", "a1c2b", false },
    { "*ab", "aab", true },
    { "*aab", "aaaab", true },
    { "a.c", "abc", false }, /* no regular expressions */
    { "a?c", "abc", false },
    { "[ab]", "a", false },
    { "**", "a", true },
    { "**", "a/b/c", true },
    { "a/**", "a/b", true },
    { "a/**", "a/b/c/d", true },
    { "a/**", "a", false },
    { "a/**", "ab/c", false },
    { "**/c", "a/b/c", true },
    { "**/c", "c", false },
    { "**/c", "a/c/d", false },
    { "a/**/d", "a/b/d", true },
    { "a/**/d", "a/b/c/d", true },
    { "a/**/d", "a/d", false },
    { "a/**/b/**/c", "a/x/b/b/y/c", true },
    { "a/**/b/**/c", "a/b/y/c", false },
    { "**/a/b", "a/a/b", true },
    { "**/a/b", "x/a/a/b", true },
    { "https://github.com/acme/*", "https://github.com/acme/app", true },
    { "https://github.com/acme/*", "https://github.com/acme-evil/app", false },
    { "https://github.com/acme/*", "https://github.com/acme/app/x", false },
    { "https://github.com/acme/*/.github/workflows/release.yml@refs/tags/v*",
      "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2", true },
    { "https://github.com/acme/*/.github/workflows/release.yml@refs/tags/v*",
      "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/v1", false },
    { "https://github.com/acme/*/.github/workflows/release.yml@refs/tags/v*",
      "https://github.com/acme/app/x/.github/workflows/release.yml@refs/tags/v1", false },
    { "registry.example/apps/**", "registry.example/apps/a/b", true },
    { "registry.example/apps/**", "registry.example/apps", false },
    { "*.example/app", "a.example/app", true },
    { "*.example/app", ".example/app", true },
};

static void match(void **state)
{
    const struct match_row *row = *state;
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct pattern pattern;
    struct err err = ERR_INIT;

    EXPECT_OK(pattern_compile(&pattern, bytes_text(row->pattern), &arena, &err), &err);
    assert_int_equal(pattern_matches(&pattern, bytes_text(row->text)), row->matches);
}

static const struct refuse_row {
    const char *pattern;
    const char *word;
} refused[] = {
    { "", "empty" },
    { "a**", "stands alone" },
    { "a/**b", "stands alone" },
    { "***", "stands alone" },
    { "*/a**b/*", "stands alone" },
    { "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a", "stars" },
};

static void refuse(void **state)
{
    const struct refuse_row *row = *state;
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct pattern pattern;
    struct err err = ERR_INIT;

    EXPECT_ERR(pattern_compile(&pattern, bytes_text(row->pattern), &arena, &err), &err, ERR_INVALID,
               row->word);
    assert_int_equal(pattern.n, 0);
}

static const struct cover_row {
    const char *wide, *narrow;
    bool covers;
} covers[] = {
    { "a", "a", true },          { "a", "b", false },         { "*", "a", true },
    { "*", "*", true },          { "*", "a*", true },         { "a*", "*", false },
    { "a*", "ab*", true },       { "ab*", "a*", false },      { "a*c", "a*", false },
    { "a*", "a*c", true },       { "a/**", "a/b", true },     { "a/**", "a/*", true },
    { "a/**", "a/**", true },    { "a/**", "a/b/**", true },  { "a/**", "**", false },
    { "a/*", "a/**", false },    { "**", "a/**/b", true },    { "**", "*", true },
    { "*", "**", false },        { "a/**/c", "a/b/c", true }, { "a/**/c", "a/**/b/c", true },
    { "a/**/c", "a/**", false },
};

/* And what the narrow one matches, the wide one does: on every text of the other table. */
static void cover(void **state)
{
    const struct cover_row *row = *state;
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct pattern wide, narrow;
    struct err err = ERR_INIT;

    EXPECT_OK(pattern_compile(&wide, bytes_text(row->wide), &arena, &err), &err);
    EXPECT_OK(pattern_compile(&narrow, bytes_text(row->narrow), &arena, &err), &err);
    assert_int_equal(pattern_covers(&wide, &narrow), row->covers);
    for (size_t i = 0; row->covers && i < ARRAY_LEN(matches); i++)
        if (pattern_matches(&narrow, bytes_text(matches[i].text)))
            assert_true(pattern_matches(&wide, bytes_text(matches[i].text)));
}

/* 64 segments, and a text of one more; stars and a text that nearly fits cost no more than their
 * product. */
static void ceilings(void **state)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MIB);
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB);
    struct pattern pattern;
    struct err err = ERR_INIT;

    (void)state;
    for (int i = 0; i < 64; i++)
        buf_add_text(&text, i == 0 ? "a" : "/a");
    EXPECT_OK(pattern_compile(&pattern, buf_bytes(&text), &arena, &err), &err);
    assert_true(pattern_matches(&pattern, buf_bytes(&text)));
    EXPECT_OK(pattern_compile(&pattern, BYTES_LIT("**"), &arena, &err), &err);
    assert_true(pattern_matches(&pattern, buf_bytes(&text)));
    buf_add_text(&text, "/a");
    assert_false(pattern_matches(&pattern, buf_bytes(&text)));
    EXPECT_ERR(pattern_compile(&pattern, buf_bytes(&text), &arena, &err), &err, ERR_INVALID,
               "segments");
    EXPECT_OK(pattern_compile(&pattern, BYTES_LIT("*a*a*a*a*a*a*a*a*b"), &arena, &err), &err);
    buf_reset(&text);
    for (int i = 0; i < 100000; i++)
        buf_add_char(&text, 'a');
    assert_false(pattern_matches(&pattern, buf_bytes(&text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ceilings) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(matches, match);
    failed += RUN_ROWS(refused, refuse);
    failed += RUN_ROWS(covers, cover);
    return failed != 0;
}
