#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/expect.h"
#include "tests/unit/reviews.h"
#include "webhook/review.h"

#define TEXT_MAX (16 * MIB)
#define A "reg.example/a:1"
#define B "reg.example/b@sha256:1111111111111111111111111111111111111111111111111111111111111111"

static struct kube_kinds kinds = KUBE_KINDS_INIT;

/* "field pointer text[ unchanged]" in lines, then "= text[ refused]" for each subject. */
static void show(struct buf *out, const struct review *r)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        const struct review_field *f = &r->fields[i];
        buf_addf(out, "%s %s %s%s\n", f->image->field, f->image->pointer, f->image->reference,
                 f->unchanged ? " unchanged" : "");
        if (!f->unchanged)
            assert_string_equal(r->subjects[f->subject].text, f->image->reference);
    }
    for (size_t i = 0; i < r->n_subjects; i++)
        buf_addf(out, "= %s%s\n", r->subjects[i].text,
                 r->subjects[i].refused != NULL ? " refused" : "");
}

struct row {
    const char *name;
    struct review_of of;
    const char *want;
};

#define POD_FIELD(i, text) "spec.containers[" #i "].image /spec/containers/" #i "/image " text
#define TEMPLATE_FIELD                                                                             \
    "spec.template.spec.containers[0].image /spec/template/spec/containers/0/image "
#define DEPLOYMENT(k) .group = "apps", .kind = k, .resource = "things"

static const struct row accepted[] = {
    { "a Pod", { .spec = SPEC(CONTAINER(A)) }, POD_FIELD(0, A) "\n= " A "\n" },
    { "every field of a pod spec",
      { .spec = "{\"containers\":[" CONTAINER(A) "],\"initContainers\":[" CONTAINER(
            "b") "],"
                 "\"ephemeralContainers\":[" CONTAINER(
                     "c") "],\"volumes\":[{\"name\":\"v\","
                          "\"image\":{\"reference\":\"d\"}},{\"name\":\"w\"}]}" },
      POD_FIELD(0, A) "\nspec.initContainers[0].image /spec/initContainers/0/image b\n"
                      "spec.ephemeralContainers[0].image /spec/ephemeralContainers/0/image c\n"
                      "spec.volumes[0].image.reference /spec/volumes/0/image/reference d\n"
                      "= " A "\n= b\n= c\n= d\n" },
    { "one image in two fields is one subject",
      { .spec = SPEC(CONTAINER(A) "," CONTAINER(A)) },
      POD_FIELD(0, A) "\n" POD_FIELD(1, A) "\n= " A "\n" },
    { "two spellings are two",
      { .spec = SPEC(CONTAINER("nginx") "," CONTAINER("docker.io/nginx")) },
      POD_FIELD(0, "nginx") "\n" POD_FIELD(1, "docker.io/nginx") "\n= nginx\n= docker.io/nginx\n" },
    { "what is no reference",
      { .spec = SPEC(CONTAINER("A b")) },
      POD_FIELD(0, "A b") "\n= A b refused\n" },
    { "a folder is no reference",
      { .spec = SPEC(CONTAINER("oci:/etc")) },
      POD_FIELD(0, "oci:/etc") "\n= oci:/etc refused\n" },
    { "a Deployment",
      { DEPLOYMENT("Deployment"), .spec = SPEC(CONTAINER(A)) },
      TEMPLATE_FIELD A "\n= " A "\n" },
    { "a StatefulSet",
      { DEPLOYMENT("StatefulSet"), .spec = SPEC(CONTAINER(A)) },
      TEMPLATE_FIELD A "\n= " A "\n" },
    { "a template may leave an image to be filled in",
      { DEPLOYMENT("DaemonSet"), .spec = SPEC("{\"name\":\"c\",\"image\":\"\"}") },
      "" },
    { "a kind that is told",
      { .group = "argoproj.io",
        .kind = "Rollout",
        .resource = "rollouts",
        .spec = SPEC(CONTAINER(A)) },
      TEMPLATE_FIELD A "\n= " A "\n" },
    { "a kind without images",
      { .object = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"image\":\"x\"}}",
        .kind = "ConfigMap",
        .resource = "configmaps" },
      "" },
    { "unchanged",
      { .operation = "UPDATE",
        .spec = SPEC(CONTAINER(A) "," CONTAINER(B)),
        .old = POD_OF(SPEC(CONTAINER(A) "," CONTAINER("c"))) },
      POD_FIELD(0, A) " unchanged\n" POD_FIELD(1, B) "\n= " B "\n" },
    { "moved is changed",
      { .operation = "UPDATE",
        .spec = SPEC(CONTAINER(A) "," CONTAINER(B)),
        .old = POD_OF(SPEC(CONTAINER(B) "," CONTAINER(A))) },
      POD_FIELD(0, A) "\n" POD_FIELD(1, B) "\n= " A "\n= " B "\n" },
    { "unchanged in one field and new in another",
      { .operation = "UPDATE", .spec = SPEC(CONTAINER(A) "," CONTAINER(A)), .old = POD(A) },
      POD_FIELD(0, A) " unchanged\n" POD_FIELD(1, A) "\n= " A "\n" },
    { "of another kind nothing is unchanged",
      { .operation = "UPDATE",
        .spec = SPEC(CONTAINER(A)),
        .old = "{\"apiVersion\":\"x.y/v1\",\"kind\":\"Pod\",\"spec\":{}}" },
      POD_FIELD(0, A) "\n= " A "\n" },
    { "an old object that cannot be read",
      { .operation = "UPDATE", .spec = SPEC(CONTAINER(A)), .old = POD_OF(SPEC(CONTAINER(A) ",3")) },
      POD_FIELD(0, A) "\n= " A "\n" },
    { "on CREATE nothing is unchanged",
      { .spec = SPEC(CONTAINER(A)), .old = POD(A) },
      POD_FIELD(0, A) "\n= " A "\n" },
    { "the old spelling with another letter",
      { .operation = "UPDATE", .spec = SPEC(CONTAINER(A)), .old = POD("reg.example/a:2") },
      POD_FIELD(0, A) "\n= " A "\n" },
    { "an ephemeral container",
      { .operation = "UPDATE",
        .subresource = "ephemeralcontainers",
        .old = POD(A),
        .spec =
            "{\"containers\":[" CONTAINER(A) "],\"ephemeralContainers\":[" CONTAINER("e") "]}" },
      POD_FIELD(0, A) " unchanged\nspec.ephemeralContainers[0].image "
                      "/spec/ephemeralContainers/0/image e\n= e\n" },
    { "DELETE", { .operation = "DELETE", .object = "null", .old = POD(A) }, "" },
    { "CONNECT",
      { .operation = "CONNECT",
        .subresource = "exec",
        .kind = "PodExecOptions",
        .object = "{\"apiVersion\":\"v1\",\"kind\":\"PodExecOptions\"}" },
      "" },
    { "no namespace in the object",
      { .object = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"generateName\":\"w-\"},"
                  "\"spec\":" SPEC(CONTAINER(A)) "}" },
      POD_FIELD(0, A) "\n= " A "\n" },
    { "escapes",
      { .object = "{\"apiVersion\":\"v1\",\"kind\":\"Po\\u0064\",\"metadata\":{},\"spec\":{"
                  "\"containers\":[{\"im\\u0061ge\":\"reg.example\\/a:1\"}]}}" },
      POD_FIELD(0, A) "\n= " A "\n" },
};

static void test_accepted(void **state)
{
    const struct row *row = *state;
    struct review CLEANUP(review_clear) review;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    review_text(&text, &row->of);
    EXPECT_OK(review_parse(&review, buf_bytes(&text), &(struct review_wish) { &kinds, true }, &err),
              &err);
    assert_string_equal(err_text(&review.unreadable), "");
    assert_int_equal(review.unreadable.code, ERR_NONE);
    assert_string_equal(review.uid, "uid-1");
    assert_string_equal(review.user, "jane");
    assert_string_equal(review.name, "web");
    assert_string_equal(review.namespace, "shop");
    assert_int_equal(review.pod, row->of.kind == NULL ||
                                     (row->of.group == NULL && strcmp(row->of.kind, "Pod") == 0));
    show(&shown, &review);
    EXPECT_BUF(&shown, row->want);
}

/* What cannot be read is answered, and denied. */
static const struct unreadable {
    const char *name;
    struct review_of of;
    enum err_code code;
    const char *word;
} unreadable[] = {
    { "no object", { .object = "null" }, ERR_MALFORMED, "request.object" },
    { "a list for an object", { .object = "[]" }, ERR_MALFORMED, "request.object" },
    { "another operation", { .operation = "PATCH" }, ERR_MALFORMED, "request.operation" },
    { "operation in small letters", { .operation = "create" }, ERR_MALFORMED, "operation" },
    { "no kind in the object",
      { .object = "{\"apiVersion\":\"v1\",\"spec\":{}}" },
      ERR_MALFORMED,
      "kind" },
    { "no apiVersion in the object",
      { .object = "{\"kind\":\"Pod\",\"spec\":{}}" },
      ERR_MALFORMED,
      "apiVersion" },
    { "another kind in the object",
      { .object = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"spec\":{}}" },
      ERR_MALFORMED,
      "request.kind" },
    { "a list of Pods for a Pod",
      { .object = "{\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"items\":[]}" },
      ERR_MALFORMED,
      "request.kind" },
    { "another version in the object",
      { .object = "{\"apiVersion\":\"v2\",\"kind\":\"Pod\",\"spec\":{}}" },
      ERR_MALFORMED,
      "request.kind" },
    { "another group in the object",
      { .object = "{\"apiVersion\":\"apps/v1\",\"kind\":\"Pod\",\"spec\":{}}" },
      ERR_MALFORMED,
      "request.kind" },
    { "another namespace in the object",
      { .namespace = "other", .object = POD(A) },
      ERR_MALFORMED,
      "namespace" },
    { "a namespaced object without a namespace",
      { .namespace = "", .object = POD(A) },
      ERR_MALFORMED,
      "namespace" },
    { "no spec", { .object = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}" }, ERR_CONFIG, "missing" },
    { "no containers", { .spec = "{}" }, ERR_CONFIG, "containers" },
    { "an empty list of containers", { .spec = SPEC("") }, ERR_CONFIG, "empty" },
    { "a Pod's container without image",
      { .spec = SPEC("{\"name\":\"c\"}") },
      ERR_CONFIG,
      "no image" },
    { "an image that is a number", { .spec = SPEC("{\"image\":3}") }, ERR_CONFIG, "not a string" },
    { "a member in another case",
      { .spec = "{\"Containers\":[" CONTAINER(A) "]}" },
      ERR_CONFIG,
      "another case" },
    { "a kind that is not told",
      { .group = "x.example", .kind = "Web", .resource = "webs", .spec = SPEC(CONTAINER(A)) },
      ERR_CONFIG,
      "--custom-kind Web.x.example=/spec/template/spec" },
    { "a control character in the namespace",
      { .namespace = "a\\u0001" },
      ERR_MALFORMED,
      "request.namespace" },
};

static void test_unreadable(void **state)
{
    const struct unreadable *row = *state;
    struct review CLEANUP(review_clear) review;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    review_text(&text, &row->of);
    EXPECT_OK(review_parse(&review, buf_bytes(&text), &(struct review_wish) { &kinds, true }, &err),
              &err);
    EXPECT_ERR(review.unreadable.code != ERR_NONE ? -1 : 0, &review.unreadable, row->code,
               row->word);
    assert_int_equal(review.n_fields, 0);
    assert_int_equal(review.n_subjects, 0);
    assert_string_equal(review.uid, "uid-1");
}

#define REVIEW(version, kind, request)                                                             \
    "{\"apiVersion\":\"" version "\",\"kind\":\"" kind "\",\"request\":" request "}"
#define V1 "admission.k8s.io/v1"

static const struct refused {
    const char *name;
    const char *text;
    enum err_code code;
    const char *word;
} refused[] = {
    { "nothing", "", ERR_MALFORMED, "" },
    { "no JSON", "kind: AdmissionReview", ERR_MALFORMED, "" },
    { "text behind it", REVIEW(V1, "AdmissionReview", "{\"uid\":\"u\"}") "x", ERR_MALFORMED, "" },
    { "a duplicate key", REVIEW(V1, "AdmissionReview", "{\"uid\":\"u\",\"uid\":\"u\"}"),
      ERR_MALFORMED, "" },
    { "a list", "[]", ERR_MALFORMED, "AdmissionReview" },
    { "another kind", REVIEW(V1, "Review", "{\"uid\":\"u\"}"), ERR_MALFORMED, "kind" },
    { "a kind in another case", REVIEW(V1, "admissionreview", "{\"uid\":\"u\"}"), ERR_MALFORMED,
      "kind" },
    { "v1beta1", REVIEW("admission.k8s.io/v1beta1", "AdmissionReview", "{\"uid\":\"u\"}"),
      ERR_UNSUPPORTED, "apiVersion" },
    { "no apiVersion", "{\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\"}}", ERR_MALFORMED,
      "apiVersion" },
    { "no request", "{\"apiVersion\":\"" V1 "\",\"kind\":\"AdmissionReview\"}", ERR_MALFORMED,
      "request" },
    { "request null", REVIEW(V1, "AdmissionReview", "null"), ERR_MALFORMED, "request" },
    { "Request", "{\"apiVersion\":\"" V1 "\",\"kind\":\"AdmissionReview\",\"Request\":{}}",
      ERR_MALFORMED, "request" },
    { "no uid", REVIEW(V1, "AdmissionReview", "{}"), ERR_MALFORMED, "uid" },
    { "an empty uid", REVIEW(V1, "AdmissionReview", "{\"uid\":\"\"}"), ERR_MALFORMED, "uid" },
    { "a number for uid", REVIEW(V1, "AdmissionReview", "{\"uid\":7}"), ERR_MALFORMED, "uid" },
    { "a line break in the uid", REVIEW(V1, "AdmissionReview", "{\"uid\":\"a\\nb\"}"),
      ERR_MALFORMED, "uid" },
};

static void test_refused(void **state)
{
    const struct refused *row = *state;
    struct review CLEANUP(review_clear) review;
    struct err err = ERR_INIT;

    EXPECT_ERR(review_parse(&review, bytes_text(row->text), NULL, &err), &err, row->code,
               row->word);
}

static void parse_uid(struct review *review, size_t len, int want)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct buf CLEANUP(buf_clear) uid = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    for (size_t i = 0; i < len; i++)
        buf_add_char(&uid, 'u');
    review_text(&text, &(struct review_of) { .uid = buf_text(&uid), .spec = SPEC(CONTAINER(A)) });
    assert_int_equal(review_parse(review, buf_bytes(&text), NULL, &err), want);
}

/* --- Secrets --- */

#define SECRETS(list) "{\"containers\":[" CONTAINER(A) "],\"imagePullSecrets\":" list "}"
#define NAMED(name) "{\"name\":\"" name "\"}"
#define SIXTY "abcdefghij0123456789abcdefghij0123456789abcdefghij0123456789"
#define LONG SIXTY "." SIXTY "." SIXTY "." SIXTY "." /* 244 */

static const struct row secrets[] = {
    { "none", { .spec = SPEC(CONTAINER(A)) }, "" },
    { "one", { .spec = SECRETS("[" NAMED("regcred") "]") }, "regcred " },
    { "sorted, each once",
      { .spec = SECRETS("[" NAMED("b") "," NAMED("a.b-1") "," NAMED("b") "]") },
      "a.b-1 b " },
    { "an empty list", { .spec = SECRETS("[]") }, "" },
    { "null", { .spec = SECRETS("null") }, "" },
    { "no list", { .spec = SECRETS("{\"name\":\"a\"}") }, "" },
    { "no objects", { .spec = SECRETS("[\"a\",7,null,[]," NAMED("b") "]") }, "b " },
    { "no name", { .spec = SECRETS("[{},{\"name\":7},{\"Name\":\"c\"}," NAMED("b") "]") }, "b " },
    { "the longest", { .spec = SECRETS("[" NAMED(LONG "012345678") "]") }, LONG "012345678 " },
    { "a longer one", { .spec = SECRETS("[" NAMED(LONG "0123456789") "," NAMED("b") "]") }, "b " },
    { "empty", { .spec = SECRETS("[" NAMED("") "]") }, "" },
    { "capitals", { .spec = SECRETS("[" NAMED("Regcred") "]") }, "" },
    { "a slash", { .spec = SECRETS("[" NAMED("a/b") "]") }, "" },
    { "up", { .spec = SECRETS("[" NAMED("..") "," NAMED(".") "," NAMED("a..b") "]") }, "" },
    { "escapes",
      { .spec = SECRETS("[" NAMED("a%2fb") "," NAMED("a?b") "," NAMED("a#b") "]") },
      "" },
    { "a line break", { .spec = SECRETS("[" NAMED("a\\nb") "]") }, "" },
    { "a dash at an end", { .spec = SECRETS("[" NAMED("-a") "," NAMED("a-") "]") }, "" },
    { "an escape that is none", { .spec = SECRETS("[" NAMED("\\u0061") "]") }, "a " },
    { "a Deployment's", { DEPLOYMENT("Deployment"), .spec = SECRETS("[" NAMED("a") "]") }, "a " },
    { "a CronJob's",
      { .group = "batch",
        .kind = "CronJob",
        .object =
            "{\"apiVersion\":\"batch/v1\",\"kind\":\"CronJob\",\"metadata\":{\"name\":\"web\"},"
            "\"spec\":{\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":" SECRETS(
                "[" NAMED("a") "]") "}}}}}" },
      "a " },
    { "elsewhere than in the pod spec",
      { DEPLOYMENT("Deployment"),
        .object =
            "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},"
            "\"spec\":{\"imagePullSecrets\":[" NAMED("a") "],\"template\":{\"spec\":" SPEC(
                CONTAINER(A)) "}}}" },
      "" },
    { "not of a kind that is told",
      { .group = "argoproj.io", .kind = "Rollout", .spec = SECRETS("[" NAMED("a") "]") },
      "" },
    { "of a Pod that goes", { .operation = "DELETE", .spec = SECRETS("[" NAMED("a") "]") }, "" },
};

static void test_secrets(void **state)
{
    const struct row *row = *state;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(TEXT_MAX);
    struct review CLEANUP(review_clear) review;
    struct err err = ERR_INIT;

    review_text(&text, &row->of);
    EXPECT_OK(review_parse(&review, buf_bytes(&text), &(struct review_wish) { &kinds, true }, &err),
              &err);
    for (size_t i = 0; i < review.n_secrets; i++)
        buf_addf(&shown, "%s ", review.secrets[i]);
    EXPECT_BUF(&shown, row->want);
}

static void test_number_of_secrets(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct buf CLEANUP(buf_clear) spec = BUF_INIT(TEXT_MAX);
    struct review CLEANUP(review_clear) review;
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&spec, "{\"containers\":[" CONTAINER(A) "],\"imagePullSecrets\":[");
    for (int i = 0; i < REVIEW_SECRETS_MAX + 1; i++)
        buf_addf(&spec, "%s{\"name\":\"s%d\"}", i > 0 ? "," : "", i);
    buf_add_text(&spec, "]}");
    review_text(&text, &(struct review_of) { .spec = buf_text(&spec) });
    EXPECT_OK(review_parse(&review, buf_bytes(&text), &(struct review_wish) { NULL, true }, &err),
              &err);
    assert_int_equal(review.n_secrets, REVIEW_SECRETS_MAX);
    review_clear(&review);
    EXPECT_OK(review_parse(&review, buf_bytes(&text), NULL, &err), &err);
    assert_int_equal(review.n_secrets, 0); /* nobody wants them */
}

static void test_uid_length(void **state)
{
    struct review CLEANUP(review_clear) longest, longer;

    (void)state;
    parse_uid(&longest, 253, 0);
    assert_int_equal(strlen(longest.uid), 253);
    parse_uid(&longer, 254, -1);
}

static void parse_many(struct review *review, size_t n)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct buf CLEANUP(buf_clear) spec = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    buf_add_text(&spec, "{\"containers\":[");
    for (size_t i = 0; i < n; i++)
        buf_addf(&spec, "%s{\"image\":\"r/i%zu\"}", i > 0 ? "," : "", i);
    buf_add_text(&spec, "]}");
    review_text(&text, &(struct review_of) { .spec = buf_text(&spec) });
    EXPECT_OK(review_parse(review, buf_bytes(&text), NULL, &err), &err);
}

static void test_number_of_images(void **state)
{
    struct review CLEANUP(review_clear) most, more;

    (void)state;
    parse_many(&most, REVIEW_IMAGES_MAX);
    assert_int_equal(most.unreadable.code, ERR_NONE);
    assert_int_equal(most.n_subjects, REVIEW_IMAGES_MAX);
    parse_many(&more, REVIEW_IMAGES_MAX + 1);
    EXPECT_ERR(-1, &more.unreadable, ERR_LIMIT, "more than 512");
    assert_int_equal(more.n_subjects, 0);
}

static void test_depth(void **state)
{
    struct review CLEANUP(review_clear) review;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    for (int i = 0; i < JSON_DEPTH_MAX + 1; i++)
        buf_add_text(&text, "[");
    EXPECT_ERR(review_parse(&review, buf_bytes(&text), NULL, &err), &err, ERR_LIMIT, "");
}

/* Decided by the kind of the object, not by the resource: a scale of a Deployment is a Scale. */
static void test_names(void **state)
{
    static const char text[] =
        "{\"apiVersion\":\"" V1 "\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\","
        "\"kind\":{\"group\":\"autoscaling\",\"version\":\"v1\",\"kind\":\"Scale\"},"
        "\"resource\":{\"group\":\"apps\",\"version\":\"v1\",\"resource\":\"deployments\"},"
        "\"subResource\":\"scale\",\"operation\":\"UPDATE\",\"dryRun\":true,\"userInfo\":{},"
        "\"object\":{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"Scale\",\"spec\":{\"replicas\":"
        "3}}}}";
    struct review CLEANUP(review_clear) r;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(review_parse(&r, bytes_text(text), NULL, &err), &err);
    assert_int_equal(r.unreadable.code, ERR_NONE);
    assert_int_equal(r.operation, REVIEW_UPDATE);
    assert_string_equal(review_operation_name(r.operation), "UPDATE");
    assert_string_equal(r.group, "apps");
    assert_string_equal(r.version, "v1");
    assert_string_equal(r.resource, "deployments");
    assert_string_equal(r.subresource, "scale");
    assert_string_equal(r.kind_group, "autoscaling");
    assert_string_equal(r.kind, "Scale");
    assert_null(r.namespace);
    assert_string_equal(r.name, "");
    assert_string_equal(r.user, "");
    assert_true(r.dry_run && !r.pod);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uid_length),
        cmocka_unit_test(test_number_of_images),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_number_of_secrets),
    };
    int failed = kube_kind_parse(&kinds, "Rollout.argoproj.io=/spec/template/spec", NULL) != 0;
    failed += RUN_ROWS(accepted, test_accepted);
    failed += RUN_ROWS(unreadable, test_unreadable);
    failed += RUN_ROWS(secrets, test_secrets);
    failed += RUN_ROWS(refused, test_refused);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    kube_kinds_clear(&kinds);
    return failed != 0;
}
