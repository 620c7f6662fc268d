#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_pull.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "tests/fault/inject.h"

/* Short memory is ERR_NOMEM, never "malformed", and leaves nothing behind. */

#define MEMBERS 300 /* more than json_scan() holds without allocating, twice over */

static const char document[] =
    "{\"name\":\"a string \\u00e9\",\"list\":[1,2.5,true,null,{\"x\":{}}],"
    "\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1}";

static void test_scan(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB);
    long n = 1;

    (void)state;
    for (int i = 0; i < MEMBERS; i++)
        buf_addf(&text, "%s\"\\u0061 name %d\":0", i == 0 ? "{" : ",", i);
    buf_add_char(&text, '}');
    for (;; n++) {
        struct json_view root;
        struct err err = ERR_INIT;
        inject_arm(n);
        int rc = json_scan(&root, buf_bytes(&text), &err);
        if (!inject_disarm())
            break;
        assert_int_equal(rc, -1);
        assert_int_equal(err.code, ERR_NOMEM);
        assert_int_equal(root.kind, JSON_ABSENT);
    }
    assert_true(n > MEMBERS);
}

static void test_parse(void **state)
{
    long n = 1;

    (void)state;
    for (;; n++) {
        struct jx *CLEANUP(jx_freep) v = NULL;
        struct err err = ERR_INIT;
        inject_arm(n);
        int rc = jx_parse(&v, BYTES_LIT(document), &err);
        if (!inject_disarm()) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, -1);
        assert_int_equal(err.code, ERR_NOMEM);
        assert_null(v);
    }
    assert_true(n > 10);
}

/* Builds a document of each kind of value and writes it. */
static int build(struct buf *out, struct err *err)
{
    struct jx *CLEANUP(jx_freep) root = jx_object();
    struct jx *CLEANUP(jx_freep) list = jx_array();

    if (jx_append(list, jx_int(1), err) != 0 || jx_append(list, jx_boolean(true), err) != 0 ||
        jx_append(list, jx_null(), err) != 0 || jx_set_text(root, "text", "words", err) != 0 ||
        jx_set(root, "list", STEAL(list), err) != 0)
        return -1;
    struct jx *CLEANUP(jx_freep) copy = jx_copy(root);
    return jx_write(out, copy, JX_INDENT, err);
}

static void test_build(void **state)
{
    long n = 1;

    (void)state;
    for (;; n++) {
        struct buf CLEANUP(buf_clear) out = BUF_INIT(KIB);
        struct err err = ERR_INIT;
        inject_arm(n);
        int rc = build(&out, &err);
        if (!inject_disarm()) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, -1);
        assert_int_equal(err.code, ERR_NOMEM);
    }
    assert_true(n > 10);
}

/* libyaml's own allocations are out of reach here: these are the tree's. */
static void test_yaml(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB);
    long n = 1;

    (void)state;
    for (int i = 0; i < MEMBERS; i++)
        buf_addf(&text, "key%d: {a: [b, 1]}\n", i);
    for (;; n++) {
        struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
        struct err err = ERR_INIT;
        inject_arm(n);
        int rc = yaml_parse(&doc, buf_bytes(&text), "p.yaml", &err);
        if (!inject_disarm()) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, -1);
        assert_int_equal(err.code, ERR_NOMEM);
        assert_null(doc);
    }
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_yaml),
    };

    if (inject_libraries() != 0)
        return 1;
    return cmocka_run_group_tests_name("json and yaml", tests, NULL, NULL) != 0;
}
