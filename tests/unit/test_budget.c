#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/expect.h"
#include "webhook/admission.h"

static void test_budget(void **state)
{
    static const struct {
        const char *timeout;
        int64_t want;
    } rows[] = {
        { NULL, 8800 },
        { "10s", 8800 },
        { "30s", 27000 },
        { "5s", 3800 },
        { "2s", 800 },
        { "1s", 300 },
        { "1.5s", 300 },
        { "1m", 27000 },
        { "1h", 27000 },
        { "0m10s", 8800 },
        { "10000ms", 8800 },
        { "+10s", 8800 },
        { "0s", 300 },
        { "13s", 11700 },
        { "12s", 10800 },
        { "11s", 9800 },
        { "2.25s", 1050 },
        { ".5s", 300 },
        { "3.s", 1800 },
        { "3000000us", 1800 },
        { "3000000\xc2\xb5s", 1800 },
        { "3000000000ns", 1800 },
        { "99999999999999999999h", 27000 },
        { "1s1s1s", 1800 },
        /* none */
        { "", 8800 },
        { "10", 8800 },
        { "s", 8800 },
        { "-5s", 8800 },
        { "5 s", 8800 },
        { "5s ", 8800 },
        { "5x", 8800 },
        { "+", 8800 },
        { ".s", 8800 },
        { "5s3", 8800 },
        { "1e3s", 8800 },
        { "5S", 8800 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const int64_t got = admission_budget(rows[i].timeout);
        if (got != rows[i].want)
            print_error("%s: %lld\n", rows[i].timeout, (long long)got);
        assert_int_equal(got, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
