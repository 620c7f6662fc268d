#ifndef BULLA_TESTS_UNIT_EXPECT_H
#define BULLA_TESTS_UNIT_EXPECT_H

/* What unit tests share. cmocka's headers come first, in the including file. */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

/** The call that returned `r` succeeded and left the error alone. */
#define EXPECT_OK(r, err) expect_ok_((r), (err), __FILE__, __LINE__)

/** It failed with this code, and the text holds `word`. The error is reset for the next call. */
#define EXPECT_ERR(r, err, code, word) expect_err_((r), (err), (code), (word), __FILE__, __LINE__)

/** A buffer holds exactly this text, and its NUL. */
#define EXPECT_BUF(buf, text)                                                                      \
    do {                                                                                           \
        assert_int_equal((buf)->len, strlen(text));                                                \
        assert_string_equal(buf_text(buf), (text));                                                \
    } while (0)

static inline void expect_ok_(int r, const struct err *err, const char *file, int line)
{
    if (r != 0 || err->code != ERR_NONE)
        print_error("%s: %s\n", err_name(err->code), err_text(err));
    _assert_int_equal((unsigned long)r, 0, file, line);
    _assert_int_equal(err->code, ERR_NONE, file, line);
}

static inline void expect_err_(int r, struct err *err, enum err_code code, const char *word,
                               const char *file, int line)
{
    if (r == 0 || err->code != code || strstr(err_text(err), word) == NULL)
        print_error("returned %d, %s: '%s'; expected %s with '%s'\n", r, err_name(err->code),
                    err_text(err), err_name(code), word);
    _assert_true(r == -1, "r == -1", file, line);
    _assert_int_equal(err->code, code, file, line);
    _assert_true(strstr(err_text(err), word) != NULL, word, file, line);
    err_reset(err);
}

/**
 * One test per row, named by the row's first member, a `const char *`. The row is the test's state.
 * Returns the number of failures.
 */
#define RUN_ROWS(rows, fn) run_rows_(#fn, (rows), ARRAY_LEN(rows), sizeof((rows)[0]), (fn))

static inline int run_rows_(const char *group, const void *rows, size_t n, size_t size,
                            CMUnitTestFunction fn)
{
    struct CMUnitTest *tests = calloc(n, sizeof(*tests));

    if (tests == NULL)
        return 1;
    for (size_t i = 0; i < n; i++) {
        const char *row = (const char *)rows + i * size;
        memcpy(&tests[i].name, row, sizeof(tests[i].name));
        tests[i].test_func = fn;
        tests[i].initial_state = (void *)(uintptr_t)row; /* cmocka's state is not const */
    }
    int failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
    free(tests);
    return failed;
}

#endif
