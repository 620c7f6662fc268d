#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry/digest.h"
#include "tests/unit/expect.h"

#define H16 "0123456789abcdef"
#define H63 H16 H16 H16 "0123456789abcde"
#define H64 H16 H16 H16 H16
#define EMPTY_OBJECT "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

struct row {
    const char *name;
    const char *text;
    enum err_code code;
    const char *word;
};

static const struct row rows[] = {
    { "sha256", "sha256:" H64, ERR_NONE, "" },
    { "sha512", "sha512:" H64 H64, ERR_NONE, "" },
    { "one digit short", "sha256:" H63, ERR_MALFORMED, "64 hex digits" },
    { "one digit long", "sha256:" H64 "0", ERR_MALFORMED, "64 hex digits" },
    { "sha512 one short", "sha512:" H64 H63, ERR_MALFORMED, "128 hex digits" },
    { "sha512 of half the length", "sha512:" H64, ERR_MALFORMED, "128 hex digits" },
    { "no digits", "sha256:", ERR_MALFORMED, "64 hex digits" },
    { "upper case", "sha256:" H63 "F", ERR_MALFORMED, "lower" },
    { "not hex", "sha256:" H63 "g", ERR_MALFORMED, "lower" },
    { "slash inside", "sha256:" H63 "/", ERR_MALFORMED, "lower" },
    { "empty", "", ERR_MALFORMED, "algorithm:hex" },
    { "no colon", "sha256" H64, ERR_MALFORMED, "algorithm:hex" },
    { "upper-case algorithm", "SHA256:" H64, ERR_MALFORMED, "algorithm:hex" },
    { "leading blank", " sha256:" H64, ERR_MALFORMED, "algorithm:hex" },
    { "no algorithm", ":" H64, ERR_MALFORMED, "algorithm:hex" },
    { "separator at the end", "sha256+:" H64, ERR_MALFORMED, "algorithm:hex" },
    { "two separators", "a+_b:" H64, ERR_MALFORMED, "algorithm:hex" },
    { "path", "../../x:y", ERR_MALFORMED, "algorithm:hex" },
    { "another algorithm", "blake3:" H64, ERR_UNSUPPORTED, "blake3" },
    { "sha384", "sha384:" H64, ERR_UNSUPPORTED, "sha384" },
    { "compound algorithm", "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564",
      ERR_UNSUPPORTED, "sha256+b64u" },
    { "another algorithm, nothing", "blake3:", ERR_MALFORMED, "algorithm:hex" },
    { "another algorithm, a slash", "blake3:a/b", ERR_MALFORMED, "algorithm:hex" },
};

static void parse(void **state)
{
    const struct row *row = *state;
    struct err err = ERR_INIT;
    struct digest digest;
    const struct digest none = { 0 };
    char text[DIGEST_TEXT_MAX];

    int r = digest_parse(&digest, bytes_text(row->text), &err);
    if (row->code == ERR_NONE) {
        EXPECT_OK(r, &err);
        digest_format(text, &digest);
        assert_string_equal(text, row->text);
        return;
    }
    EXPECT_ERR(r, &err, row->code, row->word);
    assert_true(digest_equal(&digest, &none));
}

static void of_content(void **state)
{
    struct err err = ERR_INIT;
    struct digest digest, other;
    char text[DIGEST_TEXT_MAX];

    (void)state;
    EXPECT_OK(digest_of(&digest, HASH_SHA256, BYTES_LIT("{}"), &err), &err);
    digest_format(text, &digest);
    assert_string_equal(text, EMPTY_OBJECT);
    EXPECT_OK(digest_of(&other, HASH_SHA512, BYTES_LIT("{}"), &err), &err);
    assert_false(digest_equal(&digest, &other));
    EXPECT_ERR(digest_of(&other, HASH_SHA384, BYTES_LIT("{}"), &err), &err, ERR_UNSUPPORTED,
               "sha384");
}

static void check(void **state)
{
    struct err err = ERR_INIT;
    struct digest digest;

    (void)state;
    EXPECT_OK(digest_parse(&digest, BYTES_LIT(EMPTY_OBJECT), &err), &err);
    EXPECT_OK(digest_check(&digest, 2, BYTES_LIT("{}"), &err), &err);
    EXPECT_OK(digest_check(&digest, -1, BYTES_LIT("{}"), &err), &err);
    EXPECT_ERR(digest_check(&digest, 1, BYTES_LIT("{}"), &err), &err, ERR_INVALID,
               "wanted 1 bytes");
    EXPECT_ERR(digest_check(&digest, 3, BYTES_LIT("{}"), &err), &err, ERR_INVALID, "found 2");
    EXPECT_ERR(digest_check(&digest, 2, BYTES_LIT("{ "), &err), &err, ERR_INVALID, EMPTY_OBJECT);
    EXPECT_ERR(digest_check(&digest, -1, BYTES_NONE, &err), &err, ERR_INVALID,
               "e3b0c44298fc1c149afbf4c8996fb924"); /* what was found is named too */
}

static void tags(void **state)
{
    struct err err = ERR_INIT;
    struct digest digest;
    char tag[DIGEST_TAG_MAX];

    (void)state;
    EXPECT_OK(digest_parse(&digest, BYTES_LIT("sha256:" H64), &err), &err);
    digest_tag(tag, &digest, ".sig");
    assert_string_equal(tag, "sha256-" H64 ".sig");
    digest_tag(tag, &digest, "");
    assert_string_equal(tag, "sha256-" H64);
    EXPECT_OK(digest_parse(&digest, BYTES_LIT("sha512:" H64 H64), &err), &err);
    digest_tag(tag, &digest, "");
    assert_string_equal(tag, "sha512-" H64);
    digest_tag(tag, &digest, ".att");
    assert_string_equal(tag, "sha512-" H64 H64 ".att");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_content),
        cmocka_unit_test(check),
        cmocka_unit_test(tags),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(rows, parse);
    return failed != 0;
}
