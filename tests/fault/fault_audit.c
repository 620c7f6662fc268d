#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "tests/fault/inject.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"
#include "verify/audit.h"

/*
 * The parts of an audit with every allocation failing in turn: a list is read whole or not at all,
 * an image that an earlier run answered is never forgotten in silence, and what cannot be found out
 * stays unknown.
 */

#define ALLOCATIONS_MAX 100000 /* more means that the loop does not end */
#define HASH "0123456789ab"
#define LINE(image)                                                                                \
    "{\"image\":\"" image "\",\"verdict\":\"deny\",\"mode\":\"enforce\",\"policy\":{\"name\":"     \
    "\"p\",\"hash\":\"" HASH "\"},\"reason\":\"unsigned\"}\n"

static struct folder folder;

static void expect_short(int result, const struct err *err)
{
    assert_int_equal(result, -1);
    if (err->code != ERR_NOMEM && err->code != ERR_CRYPTO)
        fail_msg("%s: %s", err_name(err->code), err_text(err));
}

static int read_list(size_t *n, const struct audit_options *o, struct err *err)
{
    struct audit_source *CLEANUP(audit_source_freep) source = NULL;
    struct audit_image image;
    bool got = true;

    *n = 0;
    if (audit_source_open(&source, o, err) != 0)
        return -1;
    while (got) {
        const int next = audit_source_next(&image, &got, source, NULL, err);
        audit_image_clear(&image);
        if (next != 0)
            return -1;
        *n += got ? 1 : 0;
    }
    return 0;
}

static void lists(void **state)
{
    struct audit_options o = { .run = RUN_OPTIONS_INIT };
    bool failed = true;
    (void)state;

    assert_int_equal(folder_write(&folder, "list", "a:1\n# c\nb:1\noci:/tmp/x:1\n", 0600), 0);
    o.list = folder_path(&folder, "list");
    for (long i = 1; failed && i < ALLOCATIONS_MAX; i++) {
        struct err err = ERR_INIT;
        size_t n;
        inject_arm(i);
        const int result = read_list(&n, &o, &err);
        failed = inject_disarm();
        if (result == 0)
            assert_int_equal(n, 3);
        else
            expect_short(result, &err);
    }
    assert_false(failed);
}

static void lines_of_an_earlier_run(void **state)
{
    bool failed = true;
    (void)state;

    assert_int_equal(folder_write(&folder, "lines", LINE("h/a:1") LINE("h/b:1"), 0600), 0);
    const char *path = folder_path(&folder, "lines");
    for (long i = 1; failed && i < ALLOCATIONS_MAX; i++) {
        struct audit_map map = AUDIT_MAP_INIT(10);
        struct err err = ERR_INIT;
        inject_arm(i);
        const int result = audit_resume_read(&map, path, HASH, &err);
        failed = inject_disarm();
        if (result == 0)
            assert_int_equal(map.n, 2);
        else
            expect_short(result, &err);
        audit_map_clear(&map);
    }
    assert_false(failed);
}

/* The answer of an image that could not be had, and its line. */
static int lose(struct buf *out, struct err *err)
{
    struct reference CLEANUP(reference_clear) ref = { .host = NULL };
    struct audit_answer CLEANUP(audit_answer_clear) answer = { .image = NULL };
    const struct policy policy = { .name = "p", .serial = -1 };
    const struct report report = { .policy = &policy };
    const struct image_question image = { &ref, NULL };
    const struct audit_line line = { .image = &image, .text = "h/a:1", .answer = &answer };
    struct err why = ERR_INIT;

    err_set(&why, ERR_NETWORK, "down");
    if (reference_parse(&ref, BYTES_LIT("h.example/a:1"), err) != 0 ||
        audit_answer_lost(&answer, &report, &image, &why, err) != 0)
        return -1;
    assert_int_equal(answer.verdict, VERDICT_UNKNOWN);
    return audit_line_json(out, &line, &policy, HASH, err);
}

static void what_is_lost_is_unknown(void **state)
{
    bool failed = true;
    (void)state;

    for (long i = 1; failed && i < ALLOCATIONS_MAX; i++) {
        struct buf CLEANUP(buf_clear) out = BUF_INIT(64 * KIB);
        struct err err = ERR_INIT;
        inject_arm(i);
        const int result = lose(&out, &err);
        failed = inject_disarm();
        if (result == 0)
            assert_non_null(strstr(buf_text(&out), "\"verdict\":\"unknown\""));
        else
            expect_short(result, &err);
    }
    assert_false(failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(lines_of_an_earlier_run),
        cmocka_unit_test(what_is_lost_is_unknown),
    };

    if (inject_libraries() != 0 || folder_make(&folder) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    folder_remove(&folder);
    return failed != 0;
}
