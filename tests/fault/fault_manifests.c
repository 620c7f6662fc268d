#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/manifests.h"
#include "tests/fault/inject.h"

/* Short memory is ERR_NOMEM, and no image of a text that was not read to its end stays. */

static const char yaml[] = "apiVersion: v1\nkind: Pod\nmetadata: {name: n, namespace: s}\nspec:\n"
                           "  containers:\n  - {name: c, image: r/a}\n---\napiVersion: x/v1\n"
                           "kind: Web\nspec: {image: r/b}\n";
static const char json[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"n\"},"
    "\"spec\":{\"containers\":[{\"image\":\"r/\\u0061\"}]}}]}\n"
    "{\"apiVersion\":\"x/v1\",\"kind\":\"Web\",\"spec\":{\"image\":\"r/b\"}}";

static void read_failing(struct bytes text)
{
    for (long n = 1;; n++) {
        struct kube_kinds CLEANUP(kube_kinds_clear) kinds = KUBE_KINDS_INIT;
        struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
        struct err err = ERR_INIT;
        inject_arm(n);
        int r = kube_kind_parse(&kinds, "Web.x=/spec/image", &err);
        if (r == 0)
            r = manifests_read(&list, text, "f", &kinds, &err);
        bool failed = inject_disarm();
        assert_int_equal(r, failed ? -1 : 0);
        assert_int_equal(err.code, failed ? ERR_NOMEM : ERR_NONE);
        assert_int_equal(list.n, failed ? 0 : 2);
        assert_int_equal(list.objects, failed ? 0 : 2);
        if (!failed) {
            assert_true(n > 10);
            break;
        }
    }
}

static void test_yaml(void **state)
{
    (void)state;
    read_failing(BYTES_LIT(yaml));
}

static void test_json(void **state)
{
    (void)state;
    read_failing(BYTES_LIT(json));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_json),
    };
    return inject_libraries() != 0 || cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
