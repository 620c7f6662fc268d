#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "tests/unit/expect.h"

static void set_and_wrap(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_string_equal(err_text(&err), "");
    assert_int_equal(err_set(&err, ERR_MALFORMED, "not %s", "base64"), -1);
    assert_int_equal(err_wrap(&err, "payload"), -1);
    assert_int_equal(err_wrap(&err, "signature %d", 2), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_string_equal(err_text(&err), "signature 2: payload: not base64");
}

static void set_again_replaces(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    err_sys(&err, ERR_IO, ENOENT, "first");
    err_set(&err, ERR_USAGE, "second");
    assert_int_equal(err.code, ERR_USAGE);
    assert_int_equal(err.sys, 0);
    assert_string_equal(err_text(&err), "second");
    err_reset(&err);
    assert_int_equal(err.code, ERR_NONE);
    assert_string_equal(err_text(&err), "");
}

static void sys_keeps_errno(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(err_sys(&err, ERR_IO, EACCES, "file %s", "x"), -1);
    assert_int_equal(err.sys, EACCES);
    assert_string_equal(err_text(&err), "file x: Permission denied");
}

static void nobody_listens(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_IO, "x"), -1);
    assert_int_equal(err_sys(NULL, ERR_IO, EIO, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
    err_reset(NULL);
}

static void full_keeps_the_cause(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    err_set(&err, ERR_LIMIT, "the cause");
    for (int i = 0; i < 100; i++)
        err_wrap(&err, "context number %d", i);
    size_t len = strlen(err_text(&err));
    assert_true(len <= ERR_TEXT_MAX - 1);
    assert_string_equal(err_text(&err) + len - 9, "the cause");
    assert_non_null(strstr(err_text(&err), "context number 0: the cause"));
    assert_null(strstr(err_text(&err), "context number 99"));
}

static void text_at_the_ceiling(void **state)
{
    char longest[ERR_TEXT_MAX + 1];
    struct err err = ERR_INIT;

    (void)state;
    memset(longest, 'a', sizeof(longest) - 1);
    longest[ERR_TEXT_MAX] = '\0';
    longest[ERR_TEXT_MAX - 1] = '\0';
    err_set(&err, ERR_LIMIT, "%s", longest);
    assert_int_equal(strlen(err_text(&err)), ERR_TEXT_MAX - 1);
    longest[ERR_TEXT_MAX - 1] = 'a';
    err_set(&err, ERR_LIMIT, "%s", longest);
    assert_int_equal(strlen(err_text(&err)), ERR_TEXT_MAX - 1);
    err_wrap(&err, "lost");
    assert_int_equal(strlen(err_text(&err)), ERR_TEXT_MAX - 1);
    assert_int_equal(err_text(&err)[0], 'a');
}

static void every_code_has_a_word_and_a_status(void **state)
{
    (void)state;
    for (int i = 1; i < ERR_CODES; i++) {
        int status = err_exit((enum err_code)i);
        assert_true(status >= 1 && status <= 3);
        assert_true(strlen(err_name((enum err_code)i)) > 1);
    }
    assert_int_equal(err_exit(ERR_NONE), 0);
    assert_int_equal(err_exit(ERR_DENIED), 1);
    assert_int_equal(err_exit(ERR_INVALID), 3);
    assert_int_equal(err_exit(ERR_USAGE), 2);
    assert_int_equal(err_exit(ERR_CONFIG), 2);
    assert_int_equal(err_exit(ERR_NETWORK), 3);
    assert_int_equal(err_exit(ERR_NOMEM), 3);
    assert_int_equal(err_exit(ERR_CODES), 3);
    assert_string_equal(err_name(ERR_NOT_FOUND), "not-found");
    assert_string_equal(err_name(ERR_CODES), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_wrap),
        cmocka_unit_test(set_again_replaces),
        cmocka_unit_test(sys_keeps_errno),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(full_keeps_the_cause),
        cmocka_unit_test(text_at_the_ceiling),
        cmocka_unit_test(every_code_has_a_word_and_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
