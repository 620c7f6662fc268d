#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "tests/unit/expect.h"

#define NOT_BASE64 NULL
#define NOT_A_TIME INT64_MIN

static void hex(void **state)
{
    CLEANUP(buf_clear) struct buf out = BUF_INIT(8);
    struct err err = ERR_INIT;
    uint8_t raw[2];

    (void)state;
    hex_encode(&out, BYTES_LIT("\x00\xff\xa9"));
    EXPECT_BUF(&out, "00ffa9");
    hex_encode(&out, BYTES_NONE);
    hex_encode(&out, BYTES_LIT("\x10"));
    EXPECT_BUF(&out, "00ffa910");
    hex_encode(&out, BYTES_LIT("\x10"));
    EXPECT_ERR(buf_check(&out, "hex", &err), &err, ERR_LIMIT, "larger");
    EXPECT_OK(hex_decode(raw, 2, BYTES_LIT("09af"), &err), &err);
    assert_int_equal(raw[0], 0x09);
    assert_int_equal(raw[1], 0xaf);
    EXPECT_OK(hex_decode(raw, 0, BYTES_NONE, &err), &err);
}

static void hex_refused(void **state)
{
    const struct {
        struct bytes text;
        const char *word;
    } rows[] = {
        { BYTES_LIT("09a"), "4 hex" },     { BYTES_LIT("09af0"), "4 hex" },
        { BYTES_LIT("09af00"), "4 hex" },  { BYTES_LIT(""), "4 hex" },
        { BYTES_LIT("09AF"), "lower" },    { BYTES_LIT("09ag"), "lower" },
        { BYTES_LIT("09a/"), "lower" },    { BYTES_LIT("0:af"), "lower" },
        { BYTES_LIT(" 9af"), "lower" },    { BYTES_LIT("09a\0"), "lower" },
        { BYTES_LIT("09a\xc1"), "lower" },
    };
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[2] = { 1, 1 };
        EXPECT_ERR(hex_decode(raw, 2, rows[i].text, &err), &err, ERR_MALFORMED, rows[i].word);
        assert_int_equal(raw[0] + raw[1], 0);
    }
}

struct base64_row {
    const char *name;
    const char *text;
    const char *standard; /* what each form decodes it to; NULL: refused */
    const char *url;
    const char *any;
};

static const struct base64_row base64_rows[] = {
    /* RFC 4648 section 10 */
    { "empty", "", "", "", "" },
    { "one byte", "Zg==", "f", NOT_BASE64, "f" },
    { "two bytes", "Zm8=", "fo", NOT_BASE64, "fo" },
    { "three bytes", "Zm9v", "foo", "foo", "foo" },
    { "one byte, no padding", "Zg", NOT_BASE64, "f", "f" },
    { "two bytes, no padding", "Zm8", NOT_BASE64, "fo", "fo" },
    { "one byte, half a padding", "Zg=", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "two bytes, padding too long", "Zm8==", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "three bytes, padded", "Zm9v=", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "three bytes, a group of padding", "Zm9v====", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "one digit", "Z", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "one digit padded", "Z===", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "five digits", "Zm9vY", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "padding only", "====", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "one padding only", "=", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "standard alphabet", "+/+/", "\xfb\xff\xbf", NOT_BASE64, "\xfb\xff\xbf" },
    { "URL alphabet", "-_-_", NOT_BASE64, "\xfb\xff\xbf", "\xfb\xff\xbf" },
    { "URL alphabet padded", "-_-_Zg==", NOT_BASE64, NOT_BASE64,
      "\xfb\xff\xbf"
      "f" },
    { "alphabets mixed", "+_+_", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "spare bits set", "Zh==", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "spare bits set, no padding", "Zh", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "spare bit of two bytes", "Zm9=", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "leading blank", " Zm9v", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "trailing newline", "Zm9v\n", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "newline within", "Zm9v\nZm9v", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "text after padding", "Zg==Zm9v", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "padding inside", "Z=g=", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "no digit", "Zm9*", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
    { "high byte", "Zm9\xc3", NOT_BASE64, NOT_BASE64, NOT_BASE64 },
};

static void base64_case(void **state)
{
    const struct base64_row *row = *state;
    const char *const wanted[] = {
        [BASE64_STANDARD] = row->standard, [BASE64_URL_UNPADDED] = row->url, [BASE64_ANY] = row->any
    };

    for (int form = BASE64_STANDARD; form <= BASE64_ANY; form++) {
        CLEANUP(buf_clear) struct buf out = BUF_INIT(100);
        struct err err = ERR_INIT;
        buf_add_text(&out, "<");
        int r = base64_decode(&out, bytes_text(row->text), (enum base64_form)form, &err);
        if (wanted[form] == NOT_BASE64) {
            EXPECT_ERR(r, &err, ERR_MALFORMED, "base64");
            EXPECT_BUF(&out, "<");
            continue;
        }
        EXPECT_OK(r, &err);
        assert_int_equal(buf_text(&out)[0], '<');
        assert_string_equal(buf_text(&out) + 1, wanted[form]);
    }
}

static void base64_written(void **state)
{
    CLEANUP(buf_clear) struct buf out = BUF_INIT(100);

    (void)state;
    base64_encode(&out,
                  BYTES_LIT("\xfb\xff\xbf"
                            "f"),
                  BASE64_STANDARD);
    EXPECT_BUF(&out, "+/+/Zg==");
    base64_encode(&out,
                  BYTES_LIT("\xfb\xff\xbf"
                            "f"),
                  BASE64_URL_UNPADDED);
    EXPECT_BUF(&out, "+/+/Zg==-_-_Zg");
    base64_encode(&out, BYTES_LIT("fo"), BASE64_ANY);
    EXPECT_BUF(&out, "+/+/Zg==-_-_ZgZm8=");
    base64_encode(&out, BYTES_NONE, BASE64_STANDARD);
    EXPECT_BUF(&out, "+/+/Zg==-_-_ZgZm8=");
}

static void base64_at_the_ceiling(void **state)
{
    CLEANUP(buf_clear) struct buf out = BUF_INIT(3);
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(base64_decode(&out, BYTES_LIT("Zm9v"), BASE64_STANDARD, &err), &err);
    EXPECT_BUF(&out, "foo");
    EXPECT_ERR(base64_decode(&out, BYTES_LIT("Zg=="), BASE64_STANDARD, &err), &err, ERR_LIMIT,
               "larger than 3");
    EXPECT_BUF(&out, "foo");
    EXPECT_OK(buf_check(&out, "as it was", &err), &err);
    buf_add_char(&out, 'x');
    EXPECT_ERR(base64_decode(&out, BYTES_NONE, BASE64_ANY, &err), &err, ERR_LIMIT, "larger");
    buf_clear(&out);
    base64_encode(&out, BYTES_LIT("f"), BASE64_STANDARD);
    EXPECT_ERR(buf_check(&out, "it", &err), &err, ERR_LIMIT, "larger");
    EXPECT_BUF(&out, "");
}

static void base64_holds_nul(void **state)
{
    CLEANUP(buf_clear) struct buf out = BUF_INIT(100);
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(base64_decode(&out, BYTES_LIT("AAAA"), BASE64_STANDARD, &err), &err);
    assert_true(bytes_equal(buf_bytes(&out), BYTES_LIT("\0\0\0")));
    EXPECT_ERR(base64_decode(&out, BYTES_LIT("AAA\0"), BASE64_STANDARD, &err), &err, ERR_MALFORMED,
               "base64");
}

struct time_row {
    const char *name;
    const char *text;
    int64_t seconds;
    const char *written; /* NULL: as `text` */
};

static const struct time_row time_rows[] = {
    { "epoch", "1970-01-01T00:00:00Z", 0, NULL },
    { "before the epoch", "1969-12-31T23:59:59Z", -1, NULL },
    { "date command", "2026-01-02T03:04:05Z", 1767323045, NULL },
    { "leap day", "2000-02-29T00:00:00Z", 951782400, NULL },
    { "day after leap day", "2024-03-01T00:00:00Z", 1709251200, NULL },
    { "2038", "2038-01-19T03:14:08Z", 2147483648, NULL },
    { "first", "0001-01-01T00:00:00Z", -62135596800, NULL },
    { "last", "9999-12-31T23:59:59Z", 253402300799, NULL },
    /* RFC 3339 section 5.8 */
    { "fraction", "1985-04-12T23:20:50.52Z", 482196050, "1985-04-12T23:20:50Z" },
    { "offset west", "1996-12-19T16:39:57-08:00", 851042397, "1996-12-20T00:39:57Z" },
    { "offset east", "1937-01-01T12:00:27.87+00:20", -1041337173, "1937-01-01T11:40:27Z" },
    { "fraction before the epoch", "1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59Z" },
    { "nanoseconds", "2026-01-02T03:04:05.123456789Z", 1767323045, "2026-01-02T03:04:05Z" },
    { "lower case", "2026-01-02t03:04:05z", 1767323045, "2026-01-02T03:04:05Z" },
    { "unknown offset", "2026-01-02T03:04:05-00:00", 1767323045, "2026-01-02T03:04:05Z" },
    { "empty", "", NOT_A_TIME, NULL },
    { "date only", "2026-01-02", NOT_A_TIME, NULL },
    { "no offset", "2026-01-02T03:04:05", NOT_A_TIME, NULL },
    { "one short", "2026-01-02T03:04:5Z", NOT_A_TIME, NULL },
    { "one long", "2026-01-02T03:04:05Z ", NOT_A_TIME, NULL },
    { "leading blank", " 2026-01-02T03:04:05Z", NOT_A_TIME, NULL },
    { "blank for T", "2026-01-02 03:04:05Z", NOT_A_TIME, NULL },
    { "five digits of year", "12026-01-02T03:04:05Z", NOT_A_TIME, NULL },
    { "three digits of year", "026-01-02T03:04:05Z", NOT_A_TIME, NULL },
    { "year zero", "0000-01-02T03:04:05Z", NOT_A_TIME, NULL },
    { "month zero", "2026-00-02T03:04:05Z", NOT_A_TIME, NULL },
    { "month 13", "2026-13-02T03:04:05Z", NOT_A_TIME, NULL },
    { "day zero", "2026-01-00T03:04:05Z", NOT_A_TIME, NULL },
    { "day 32", "2026-01-32T03:04:05Z", NOT_A_TIME, NULL },
    { "31 April", "2026-04-31T03:04:05Z", NOT_A_TIME, NULL },
    { "29 February 2026", "2026-02-29T03:04:05Z", NOT_A_TIME, NULL },
    { "29 February 1900", "1900-02-29T03:04:05Z", NOT_A_TIME, NULL },
    { "30 February 2024", "2024-02-30T03:04:05Z", NOT_A_TIME, NULL },
    { "hour 24", "2026-01-02T24:00:00Z", NOT_A_TIME, NULL },
    { "minute 60", "2026-01-02T03:60:00Z", NOT_A_TIME, NULL },
    { "leap second", "2016-12-31T23:59:60Z", NOT_A_TIME, NULL },
    { "empty fraction", "2026-01-02T03:04:05.Z", NOT_A_TIME, NULL },
    { "comma fraction", "2026-01-02T03:04:05,5Z", NOT_A_TIME, NULL },
    { "offset hour 24", "2026-01-02T03:04:05+24:00", NOT_A_TIME, NULL },
    { "offset minute 60", "2026-01-02T03:04:05+01:60", NOT_A_TIME, NULL },
    { "offset without colon", "2026-01-02T03:04:05+0100", NOT_A_TIME, NULL },
    { "offset hours only", "2026-01-02T03:04:05+01", NOT_A_TIME, NULL },
    { "before year 1 by offset", "0001-01-01T00:00:00+00:01", NOT_A_TIME, NULL },
    { "after year 9999 by offset", "9999-12-31T23:59:59-00:01", NOT_A_TIME, NULL },
    { "sign", "-026-01-02T03:04:05Z", NOT_A_TIME, NULL },
};

static void time_case(void **state)
{
    const struct time_row *row = *state;
    struct err err = ERR_INIT;
    char text[TIME_TEXT_MAX];
    int64_t seconds = 7;
    int r = time_parse(&seconds, bytes_text(row->text), &err);

    if (row->seconds == NOT_A_TIME) {
        EXPECT_ERR(r, &err, ERR_MALFORMED, "RFC 3339");
        assert_int_equal(seconds, 0);
        return;
    }
    EXPECT_OK(r, &err);
    assert_int_equal(seconds, row->seconds);
    time_format(text, seconds);
    assert_string_equal(text, row->written != NULL ? row->written : row->text);
}

static void time_out_of_range(void **state)
{
    static const int64_t rows[] = { -62135596801, 253402300800, INT64_MIN, INT64_MAX };
    char text[TIME_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        time_format(text, rows[i]);
        assert_string_equal(text, "-");
    }
}

/* Every day of ten thousand years, forth and back. */
static void time_every_day(void **state)
{
    struct err err = ERR_INIT;
    char text[TIME_TEXT_MAX];
    int64_t back;

    (void)state;
    for (int64_t day = -719162; day <= 2932896; day += 13) {
        time_format(text, day * 86400 + 3723);
        assert_int_equal(time_parse(&back, bytes_text(text), &err), 0);
        assert_int_equal(back, day * 86400 + 3723);
    }
}

static void decimals(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        uint64_t value;
        const char *word; /* of the refusal */
    } rows[] = {
        { "0", 0, 0, NULL },
        { "9", 9, 9, NULL },
        { "10", 9, 0, "above 9" },
        { "1", 0, 0, "above 0" },
        { "65535", 65535, 65535, NULL },
        { "65536", 65535, 0, "above 65535" },
        { "18446744073709551615", UINT64_MAX, UINT64_MAX, NULL },
        { "18446744073709551616", UINT64_MAX, 0, "above" },
        { "99999999999999999999", UINT64_MAX, 0, "above" },
        { "", 9, 0, "decimal" },
        { "00", 9, 0, "decimal" },
        { "07", 9, 0, "decimal" },
        { "+7", 9, 0, "decimal" },
        { "-7", 9, 0, "decimal" },
        { " 7", 9, 0, "decimal" },
        { "7 ", 9, 0, "decimal" },
        { "0x7", 9, 0, "decimal" },
        { "7e1", 99, 0, "decimal" },
    };
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t value = 77;
        int r = decimal_parse(&value, bytes_text(rows[i].text), rows[i].max, &err);
        if (rows[i].word == NULL)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_MALFORMED, rows[i].word);
        assert_true(value == rows[i].value);
    }
}

struct utf8_row {
    const char *name;
    const char *text;
    bool valid;
    bool plain;
    const char *escaped;
};

static const struct utf8_row utf8_rows[] = {
    { "empty", "", true, true, "" },
    { "ASCII", "a~ \\", true, true, "a~ \\" },
    { "two bytes", "\xc2\xa0\xdf\xbf", true, true, "\xc2\xa0\xdf\xbf" },
    { "three bytes", "\xe0\xa0\x80\xef\xbf\xbf", true, true, "\xe0\xa0\x80\xef\xbf\xbf" },
    { "four bytes", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true, true,
      "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
    { "beside the surrogates", "\xed\x9f\xbf\xee\x80\x80", true, true, "\xed\x9f\xbf\xee\x80\x80" },
    { "newline", "a\nb", true, false, "a\\x0ab" },
    { "escape", "\x1b[2J", true, false, "\\x1b[2J" },
    { "DEL", "\x7f", true, false, "\\x7f" },
    { "C1 first", "\xc2\x80", true, false, "\\xc2\\x80" },
    { "C1 last", "\xc2\x9f", true, false, "\\xc2\\x9f" },
    { "turned direction", "\xe2\x80\xae", true, true, "\\xe2\\x80\\xae" },
    { "isolate", "\xe2\x81\xa6", true, true, "\\xe2\\x81\\xa6" },
    { "line separator", "\xe2\x80\xa8", true, true, "\\xe2\\x80\\xa8" },
    { "quotation mark beside them", "\xe2\x80\xa7\xe2\x80\xaf", true, true,
      "\xe2\x80\xa7\xe2\x80\xaf" },
    { "lone continuation", "\x80", false, false, "\\x80" },
    { "overlong two", "\xc1\xbf", false, false, "\\xc1\\xbf" },
    { "overlong three", "\xe0\x9f\xbf", false, false, "\\xe0\\x9f\\xbf" },
    { "overlong four", "\xf0\x8f\xbf\xbf", false, false, "\\xf0\\x8f\\xbf\\xbf" },
    { "surrogate", "\xed\xa0\x80", false, false, "\\xed\\xa0\\x80" },
    { "last surrogate", "\xed\xbf\xbf", false, false, "\\xed\\xbf\\xbf" },
    { "above the last", "\xf4\x90\x80\x80", false, false, "\\xf4\\x90\\x80\\x80" },
    { "no such first byte", "\xf5\x80\x80\x80", false, false, "\\xf5\\x80\\x80\\x80" },
    { "cut short by the end", "a\xe2\x82", false, false, "a\\xe2\\x82" },
    { "cut short by a letter", "\xe2\x82z", false, false, "\\xe2\\x82z" },
};

static void utf8_case(void **state)
{
    CLEANUP(buf_clear) struct buf out = BUF_INIT(100);
    const struct utf8_row *row = *state;
    struct bytes text = bytes_text(row->text);

    assert_int_equal(utf8_valid(text), row->valid);
    assert_int_equal(text_plain(text), row->plain);
    text_escape(&out, text, 100);
    EXPECT_BUF(&out, row->escaped);
}

static void nul_is_valid_but_not_plain(void **state)
{
    (void)state;
    assert_true(utf8_valid(BYTES_LIT("a\0b")));
    assert_false(text_plain(BYTES_LIT("a\0b")));
}

static void escape_is_cut_between_characters(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *shown;
    } rows[] = {
        { "abcdef", 6, "abcdef" },
        { "abcdef", 5, "ab..." },
        { "abcdef", 3, "..." },
        { "abcdef", 2, "" },
        { "abcdef", 0, "" },
        { "", 0, "" },
        { "a\xc3\xa9\xc3\xa9z", 5, "a..." }, /* and no half of a letter */
        { "a\xc3\xa9\xc3\xa9z", 6, "a\xc3\xa9\xc3\xa9z" },
        { "\n\n", 8, "\\x0a\\x0a" },
        { "\n\n", 7, "\\x0a..." },
        { "\n\n", 6, "..." },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_clear) struct buf out = BUF_INIT(100);
        buf_add_text(&out, "<");
        text_escape(&out, bytes_text(rows[i].text), rows[i].max);
        buf_add_text(&out, ">");
        CLEANUP(buf_clear) struct buf wanted = BUF_INIT(100);
        buf_addf(&wanted, "<%s>", rows[i].shown);
        EXPECT_BUF(&out, buf_text(&wanted));
    }
}

static void json_strings(void **state)
{
    CLEANUP(buf_clear) struct buf out = BUF_INIT(200);

    (void)state;
    text_json(&out, BYTES_LIT(""));
    text_json(&out, BYTES_LIT("plain /<&>' \x7f\xc3\xa9"));
    text_json(&out, BYTES_LIT("\"\\"));
    text_json(&out, BYTES_LIT("\b\t\n\f\r"));
    text_json(&out, BYTES_LIT("a\0\x01\x1f"
                              "b"));
    EXPECT_BUF(&out, "\"\"\"plain /<&>' \x7f\xc3\xa9\"\"\\\"\\\\\"\"\\b\\t\\n\\f\\r\""
                     "\"a\\u0000\\u0001\\u001fb\"");
}

static void letter_case(void **state)
{
    char text[] = "ABCxyz09[@`{\xc3\x89";

    (void)state;
    assert_true(text_equal_nocase(BYTES_LIT("Content-TYPE"), BYTES_LIT("content-type")));
    assert_false(text_equal_nocase(BYTES_LIT("content-type"), BYTES_LIT("content-typ")));
    assert_false(text_equal_nocase(BYTES_LIT("["), BYTES_LIT("{")));
    assert_false(text_equal_nocase(BYTES_LIT("@"), BYTES_LIT("`")));
    assert_true(text_equal_nocase(BYTES_NONE, BYTES_NONE));
    text_lower(text);
    assert_string_equal(text, "abcxyz09[@`{\xc3\x89");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex),
        cmocka_unit_test(hex_refused),
        cmocka_unit_test(base64_written),
        cmocka_unit_test(base64_at_the_ceiling),
        cmocka_unit_test(base64_holds_nul),
        cmocka_unit_test(time_out_of_range),
        cmocka_unit_test(time_every_day),
        cmocka_unit_test(decimals),
        cmocka_unit_test(nul_is_valid_but_not_plain),
        cmocka_unit_test(escape_is_cut_between_characters),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(letter_case),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(base64_rows, base64_case);
    failed += RUN_ROWS(time_rows, time_case);
    failed += RUN_ROWS(utf8_rows, utf8_case);
    return failed != 0;
}
