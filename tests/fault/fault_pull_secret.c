/*
 * Secrets for pulling images with every allocation failing in turn: what comes is the right
 * credential, or an error that says that memory was short; never another key's, and never "there is
 * none", with which the image would be looked up as somebody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/text.h"
#include "registry/pull_secret.h"
#include "tests/fault/inject.h"
#include "tests/unit/expect.h"

#define ALLOCATIONS_MAX 10000 /* more means that the loop does not end */

static void make_json(struct buf *out)
{
    static const char config[] =
        "{\"auths\":{\"h.x\":{\"auth\":\"YTpw\"},\"*.x/team\":{\"username\":\"b\",\"password\":"
        "\"p\"},\"https://h.x/team/\":{\"username\":\"c\",\"password\":\"p\"}}}";

    buf_add_text(out, "{\"kind\":\"Secret\",\"type\":\"kubernetes.io/dockerconfigjson\",\"data\":{"
                      "\".dockerconfigjson\":\"");
    base64_encode(out, bytes_text(config), BASE64_STANDARD);
    buf_add_text(out, "\"}}");
}

static int read_and_find(struct pull_match *out, struct bytes json, struct err *err)
{
    CLEANUP(pull_secret_clear) struct pull_secret s;

    if (pull_secret_read(&s, json, err) != 0)
        return -1;
    return pull_secret_find(out, &s, "h.x", "team/app", err);
}

static void short_of_memory(void **state)
{
    struct buf CLEANUP(buf_clear) json = BUF_INIT(MIB);
    long n = 1;

    (void)state;
    make_json(&json);
    for (;; n++) {
        CLEANUP(pull_match_clear) struct pull_match m = { .key = NULL };
        struct err err = ERR_INIT;
        inject_arm(n);
        const int found = read_and_find(&m, buf_bytes(&json), &err);
        const bool failed = inject_disarm();
        if (found != 0) {
            assert_true(failed);
            assert_int_equal(err.code, ERR_NOMEM);
            continue;
        }
        assert_string_equal(m.key, "h.x/team");
        assert_string_equal(m.credential.username, "c");
        assert_true(secret_equal(secret_bytes(m.credential.secret), BYTES_LIT("p")));
        if (!failed)
            break;
        assert_true(n < ALLOCATIONS_MAX);
    }
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(short_of_memory) };
    struct err err = ERR_INIT;

    if (inject_libraries() != 0 || secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
