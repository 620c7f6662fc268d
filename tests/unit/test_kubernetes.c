#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "engine/kubernetes.h"
#include "tests/unit/expect.h"

#define TEXT_MAX (64 * MIB)
#define C "{containers: [{name: c, image: reg.example/a:1}]}"

/* YAML's tree as JSON text, so that each row goes both ways. */
static void to_json(struct buf *out, const struct yaml_node *node);

/* NOLINTNEXTLINE(misc-no-recursion): rows are shallow */
static void children_to_json(struct buf *out, const struct yaml_node *node)
{
    bool mapping = node->kind == YAML_MAPPING;

    buf_add_char(out, mapping ? '{' : '[');
    for (size_t i = 0; i < node->n; i++) {
        buf_add_text(out, i > 0 ? "," : "");
        if (mapping) {
            text_json(out, node->pairs[i].key->text);
            buf_add_char(out, ':');
        }
        to_json(out, mapping ? node->pairs[i].value : node->items[i]);
    }
    buf_add_char(out, mapping ? '}' : ']');
}

/* NOLINTNEXTLINE(misc-no-recursion): rows are shallow */
static void to_json(struct buf *out, const struct yaml_node *node)
{
    if (node->kind == YAML_MAPPING || node->kind == YAML_SEQUENCE)
        children_to_json(out, node);
    else if (node->kind == YAML_STRING)
        text_json(out, node->text);
    else if (node->kind == YAML_NULL)
        buf_add_text(out, "null");
    else
        buf_add_bytes(out, node->text);
}

/* Each image in one line: "namespace/name Kind.group field pointer reference". */
static void show(struct buf *out, const struct image_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct kube_image *image = &list->images[i];
        buf_addf(out, "%s/%s %s.%s %s %s %s\n", image->namespace != NULL ? image->namespace : "-",
                 image->name != NULL ? image->name : "-", image->kind, image->group, image->field,
                 image->pointer, image->reference);
    }
}

static int read_yaml(struct image_list *list, const char *text, const struct kube_kinds *kinds,
                     struct err *err)
{
    const struct kube_source source = { .file = "f.yaml", .kinds = kinds };
    struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;

    if (yaml_parse(&doc, bytes_text(text), "f.yaml", err) != 0)
        return -1;
    return kube_images(list, &source, kube_yaml(yaml_root(doc)), err);
}

static int read_json(struct image_list *list, const char *text, const struct kube_kinds *kinds,
                     struct err *err)
{
    const struct kube_source source = { .kinds = kinds };
    struct buf CLEANUP(buf_clear) json = BUF_INIT(TEXT_MAX);
    struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
    struct json_view root;

    if (yaml_parse(&doc, bytes_text(text), "f.yaml", err) != 0)
        return -1;
    to_json(&json, yaml_root(doc));
    if (json_scan(&root, buf_bytes(&json), err) != 0)
        return -1;
    return kube_images(list, &source, kube_json(root), err);
}

struct row {
    const char *name;
    const char *text;
    const char *want;    /* the images, as show() writes them */
    const char *kinds;   /* one --custom-kind, or NULL */
    const char *ignored; /* one --ignore-kind, or NULL */
};

#define ONE(kind_, path, pointer) "-/n " kind_ " " path " " pointer " reg.example/a:1\n"
#define TEMPLATE(api, kind_)                                                                       \
    "{apiVersion: " api ", kind: " kind_ ", metadata: {name: n}, spec: {template: {spec: " C "}}}"
#define TEMPLATE_WANT(kind_)                                                                       \
    ONE(kind_, "spec.template.spec.containers[0].image", "/spec/template/spec/containers/0/image")
#define POD(spec) "{apiVersion: v1, kind: Pod, metadata: {name: n}, spec: " spec "}"
#define DEPLOYMENT(spec)                                                                           \
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: n}, spec: {template: {spec: " spec   \
    "}}}"
#define ROLLOUT(spec)                                                                              \
    "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: n}, spec: " spec "}"
#define TASK(spec)                                                                                 \
    "{apiVersion: tekton.dev/v1, kind: Task, metadata: {name: n, namespace: ci}, spec: " spec "}"

static const struct row accepted[] = {
    { .name = "Pod",
      .text = POD(C),
      .want = ONE("Pod.", "spec.containers[0].image", "/spec/containers/0/image") },
    { .name = "PodTemplate",
      .text = "{apiVersion: v1, kind: PodTemplate, metadata: {name: n}, template: {spec: " C "}}",
      .want = ONE("PodTemplate.", "template.spec.containers[0].image",
                  "/template/spec/containers/0/"
                  "image") },
    { "ReplicationController", TEMPLATE("v1", "ReplicationController"),
      TEMPLATE_WANT("ReplicationController."), NULL, NULL },
    { "ReplicationController without a template",
      "{apiVersion: v1, kind: ReplicationController, spec: {template: null}}", "", NULL, NULL },
    { "Deployment", TEMPLATE("apps/v1", "Deployment"), TEMPLATE_WANT("Deployment.apps"), NULL,
      NULL },
    { "Deployment of an old version", TEMPLATE("apps/v1beta2", "Deployment"),
      TEMPLATE_WANT("Deployment.apps"), NULL, NULL },
    { "Deployment of an old group", TEMPLATE("extensions/v1beta1", "Deployment"),
      TEMPLATE_WANT("Deployment.extensions"), NULL, NULL },
    { "ReplicaSet", TEMPLATE("apps/v1", "ReplicaSet"), TEMPLATE_WANT("ReplicaSet.apps"), NULL,
      NULL },
    { "ReplicaSet of an old group", TEMPLATE("extensions/v1beta1", "ReplicaSet"),
      TEMPLATE_WANT("ReplicaSet.extensions"), NULL, NULL },
    { "StatefulSet", TEMPLATE("apps/v1", "StatefulSet"), TEMPLATE_WANT("StatefulSet.apps"), NULL,
      NULL },
    { "DaemonSet", TEMPLATE("apps/v1", "DaemonSet"), TEMPLATE_WANT("DaemonSet.apps"), NULL, NULL },
    { "DaemonSet of an old group", TEMPLATE("extensions/v1beta1", "DaemonSet"),
      TEMPLATE_WANT("DaemonSet.extensions"), NULL, NULL },
    { "Job", TEMPLATE("batch/v1", "Job"), TEMPLATE_WANT("Job.batch"), NULL, NULL },
    { "Job of an old group", TEMPLATE("extensions/v1beta1", "Job"), TEMPLATE_WANT("Job.extensions"),
      NULL, NULL },
    { .name = "CronJob",
      .text = "{apiVersion: batch/v1beta1, kind: CronJob, metadata: {name: n}, spec: "
              "{jobTemplate: {spec: {template: {spec: " C "}}}}}",
      .want = ONE("CronJob.batch", "spec.jobTemplate.spec.template.spec.containers[0].image",
                  "/spec/jobTemplate/spec/template/spec/containers/0/image") },
    { .name = "JobTemplate",
      .text = "{apiVersion: batch/v2alpha1, kind: JobTemplate, metadata: {name: n}, template: "
              "{spec: {template: {spec: " C "}}}}",
      .want = ONE("JobTemplate.batch", "template.spec.template.spec.containers[0].image",
                  "/template/spec/template/spec/containers/0/image") },
    { .name = "every field of a pod spec",
      .text = POD("{volumes: [{name: e, emptyDir: {}}, {name: v, image: {reference: r/v:1}}], "
                  "ephemeralContainers: [{name: d, image: r/d:1}], "
                  "initContainers: [{name: i, image: r/i:1}, {name: j, image: r/j:1}], "
                  "containers: [{name: a, image: r/a:1}, {name: b, image: r/b:1}]}"),
      .want = "-/n Pod. spec.containers[0].image /spec/containers/0/image r/a:1\n"
              "-/n Pod. spec.containers[1].image /spec/containers/1/image r/b:1\n"
              "-/n Pod. spec.initContainers[0].image /spec/initContainers/0/image r/i:1\n"
              "-/n Pod. spec.initContainers[1].image /spec/initContainers/1/image r/j:1\n"
              "-/n Pod. spec.ephemeralContainers[0].image /spec/ephemeralContainers/0/image r/d:1\n"
              "-/n Pod. spec.volumes[1].image.reference /spec/volumes/1/image/reference r/v:1\n" },
    { .name = "lists that are null",
      .text = POD("{containers: [{image: r/a}], initContainers: null, volumes: ~}"),
      .want = "-/n Pod. spec.containers[0].image /spec/containers/0/image r/a\n" },
    { "a template whose image is filled in later",
      DEPLOYMENT("{containers: [{name: a}, {image: \"\"}, {image: null}], "
                 "volumes: [{image: {}}, {image: null}]}"),
      "", NULL, NULL },
    { .name = "namespace and generateName",
      .text = "{apiVersion: v1, kind: Pod, metadata: {generateName: n-, namespace: shop}, "
              "spec: {containers: [{image: r/a}]}}",
      .want = "shop/n- Pod. spec.containers[0].image /spec/containers/0/image r/a\n" },
    { .name = "empty names",
      .text = "{apiVersion: v1, kind: Pod, metadata: {name: '', generateName: g, namespace: ''}, "
              "spec: {containers: [{image: r/a}]}}",
      .want = "-/g Pod. spec.containers[0].image /spec/containers/0/image r/a\n" },
    { .name = "no metadata",
      .text = "{apiVersion: v1, kind: Pod, spec: {containers: [{image: r/a}]}}",
      .want = "-/- Pod. spec.containers[0].image /spec/containers/0/image r/a\n" },
    { "List", "{apiVersion: v1, kind: List, items: [" POD(C) ", " POD(C) "]}",
      ONE("Pod.", "spec.containers[0].image", "/spec/containers/0/image")
          ONE("Pod.", "spec.containers[0].image", "/spec/containers/0/image"),
      NULL, NULL },
    { "List of a List",
      "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: List, items: "
      "[" TEMPLATE("batch/v1", "Job") "]}]}",
      TEMPLATE_WANT("Job.batch"), NULL, NULL },
    { "List of nothing", "{apiVersion: v1, kind: List, items: []}", "", NULL, NULL },
    { "PodList whose items do not say their kind",
      "{apiVersion: v1, kind: PodList, items: [{metadata: {name: n}, spec: " C "}]}",
      ONE("Pod.", "spec.containers[0].image", "/spec/containers/0/image"), NULL, NULL },
    { "DeploymentList",
      "{apiVersion: apps/v1, kind: DeploymentList, items: [{metadata: {name: n}, "
      "spec: {template: {spec: " C "}}}]}",
      TEMPLATE_WANT("Deployment.apps"), NULL, NULL },
    { "a kind that only ends in List", "{apiVersion: x.example/v1, kind: AllowList, spec: {a: b}}",
      "", NULL, NULL },
    { "kinds without images",
      "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Service, spec: {ports: "
      "[{port: 80}]}}, {apiVersion: v1, kind: ConfigMap, data: {image: x}}, "
      "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, spec: {properties: "
      "{containers: {type: array, items: {properties: {image: {type: string}}}}}}}]}",
      "", NULL, NULL },
    { "an unknown kind, containers without images",
      ROLLOUT("{containers: [{name: a}, "
              "{image: ''}, {image: {tag: x}}]}"),
      "", NULL, NULL },
    { .name = "a custom kind's pod spec",
      .text = ROLLOUT("{template: {spec: " C "}}"),
      .want = TEMPLATE_WANT("Rollout.argoproj.io"),
      .kinds = "Rollout.argoproj.io=/spec/template/spec" },
    { .name = "a custom kind's images",
      .text = TASK("{steps: [{image: r/a}, {image: r/b}]}"),
      .want = "ci/n Task.tekton.dev spec.steps[0].image /spec/steps/0/image r/a\n"
              "ci/n Task.tekton.dev spec.steps[1].image /spec/steps/1/image r/b\n",
      .kinds = "Task.tekton.dev=/spec/steps/*/image" },
    { .name = "a custom kind's second image",
      .text = TASK("{extra: [{image: r/a}, {image: r/b}]}"),
      .want = "ci/n Task.tekton.dev spec.extra[1].image /spec/extra/1/image r/b\n",
      .kinds = "Task.tekton.dev=/spec/extra/1/image" },
    { .name = "a custom kind, every member, names that need escapes",
      .text = TASK("{pods: {'a/b~c': {containers: [{image: r/a}]}, p: {initContainers: "
                   "[{image: r/b}]}}}"),
      .want = "ci/n Task.tekton.dev spec.pods[a/b~c].containers[0].image "
              "/spec/pods/a~1b~0c/containers/0/image r/a\n"
              "ci/n Task.tekton.dev spec.pods.p.initContainers[0].image "
              "/spec/pods/p/initContainers/0/image r/b\n",
      .kinds = "Task.tekton.dev=/spec/pods/*" },
    { .name = "a custom kind, an escaped pointer",
      .text = TASK("{'x/y~z': r/a}"),
      .want = "ci/n Task.tekton.dev spec[x/y~z] /spec/x~1y~0z r/a\n",
      .kinds = "Task.tekton.dev=/spec/x~1y~0z" },
    { .name = "a custom kind, nothing at an optional pointer",
      .text = ROLLOUT("{workloadRef: {name: w}, template: null}"),
      .want = "",
      .kinds = "Rollout.argoproj.io=/spec/template/spec?" },
    { "a custom kind of another group", ROLLOUT("{x: y}"), "", "Rollout.example=/spec/a", NULL },
    { .name = "a kind that is passed over",
      .text = ROLLOUT("{template: {spec: " C "}}"),
      .want = "",
      .ignored = "Rollout.argoproj.io" },
};

static void kinds_of(struct kube_kinds *kinds, const struct row *row)
{
    struct err err = ERR_INIT;

    if (row->kinds != NULL)
        EXPECT_OK(kube_kind_parse(kinds, row->kinds, &err), &err);
    if (row->ignored != NULL)
        EXPECT_OK(kube_ignore_parse(kinds, row->ignored, &err), &err);
}

static void test_accepted(void **state)
{
    const struct row *row = *state;
    struct kube_kinds CLEANUP(kube_kinds_clear) kinds = KUBE_KINDS_INIT;
    struct image_list CLEANUP(image_list_clear) yaml = IMAGE_LIST_INIT;
    struct image_list CLEANUP(image_list_clear) json = IMAGE_LIST_INIT;
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    kinds_of(&kinds, row);
    EXPECT_OK(read_yaml(&yaml, row->text, &kinds, &err), &err);
    show(&shown, &yaml);
    EXPECT_BUF(&shown, row->want);
    for (size_t i = 0; i < yaml.n; i++) {
        assert_string_equal(yaml.images[i].file, "f.yaml");
        assert_int_equal(yaml.images[i].line, 1);
    }
    buf_reset(&shown);
    EXPECT_OK(read_json(&json, row->text, &kinds, &err), &err);
    show(&shown, &json);
    EXPECT_BUF(&shown, row->want);
    assert_int_equal(yaml.objects, json.objects);
}

struct refused_row {
    const char *name; /* the text */
    const char *word; /* behind the file's place */
    const char *kinds;
};

static const struct refused_row refused[] = {
    { "[]", "f.yaml:1: not an object", NULL },
    { "text", "not an object", NULL },
    { "42", "not an object", NULL },
    { "{}", "neither apiVersion nor kind", NULL },
    { "{metadata: {name: n}}", "neither apiVersion nor kind", NULL },
    { "{apiVersion: null, kind: null}", "neither apiVersion nor kind", NULL },
    { "{apiVersion: v1}", "kind is missing", NULL },
    { "{kind: Pod}", "apiVersion is missing", NULL },
    { "{apiVersion: 1, kind: Pod}", "f.yaml:1: apiVersion: not a string", NULL },
    { "{apiVersion: '', kind: Pod}", "apiVersion: not of the form", NULL },
    { "{apiVersion: /v1, kind: Pod}", "apiVersion: not of the form", NULL },
    { "{apiVersion: apps/, kind: Pod}", "apiVersion: not of the form", NULL },
    { "{apiVersion: a/b/c, kind: Pod}", "apiVersion: not of the form", NULL },
    { "{apiVersion: v1, kind: ''}", "kind: empty", NULL },
    { "{apiVersion: v1, kind: [Pod]}", "kind: not a string", NULL },
    { "{apiVersion: v1, kind: \"a\\tb\"}", "kind: control characters", NULL },
    { "{apiVersion: v1, Kind: Pod}", "kind: written in another case", NULL },
    { "{apiVersion: v1, kind: Pod, metadata: [], spec: " C "}", "Pod: metadata: not an object",
      NULL },
    { "{apiVersion: v1, kind: Pod, metadata: {name: 1}, spec: " C "}",
      "Pod: metadata.name: not a string", NULL },
    { "{apiVersion: v1, kind: Pod, metadata: {namespace: {}}, spec: " C "}",
      "metadata.namespace: not a string", NULL },
    { "{apiVersion: v1, kind: Pod, metadata: {namespace: s, Name: n}, spec: " C "}",
      "name: written in another case", NULL },
    { "{apiVersion: v1, kind: Pod, metadata: {name: n, namespace: s}}",
      "f.yaml:1: Pod s/n: spec: missing", NULL },
    { POD("null"), "Pod n: spec: missing", NULL },
    { POD("[]"), "spec: not an object", NULL },
    { POD("{}"), "spec.containers: missing", NULL },
    { POD("{containers: null}"), "spec.containers: missing", NULL },
    { POD("{containers: []}"), "spec.containers: an empty list", NULL },
    { POD("{containers: {}}"), "spec.containers: not a list", NULL },
    { POD("{containers: x}"), "spec.containers: not a list", NULL },
    { POD("{containers: [null]}"), "spec.containers[0]: not an object", NULL },
    { POD("{containers: [r/a]}"), "spec.containers[0]: not an object", NULL },
    { POD("{containers: [{image: r/a}, {name: b}]}"), "spec.containers[1].image: no image", NULL },
    { POD("{containers: [{image: ''}]}"), "spec.containers[0].image: no image", NULL },
    { POD("{containers: [{image: null}]}"), "spec.containers[0].image: no image", NULL },
    { POD("{containers: [{image: 1}]}"), "spec.containers[0].image: not a string", NULL },
    { POD("{containers: [{image: true}]}"), "spec.containers[0].image: not a string", NULL },
    { POD("{containers: [{image: [r/a]}]}"), "spec.containers[0].image: not a string", NULL },
    { POD("{containers: [{image: \"r/a\\n\"}]}"), "image: control characters", NULL },
    { POD("{containers: [{image: r/a, Image: r/b}]}"), "image: written in another case", NULL },
    { POD("{Containers: [{image: r/a}]}"), "containers: written in another case", NULL },
    { POD("{containers: [{image: r/a}], initContainers: [{name: i}]}"),
      "spec.initContainers[0].image: no image", NULL },
    { POD("{containers: [{image: r/a}], initContainers: {}}"), "spec.initContainers: not a list",
      NULL },
    { POD("{containers: [{image: r/a}], ephemeralContainers: [{name: i}]}"),
      "spec.ephemeralContainers[0].image: no image", NULL },
    { POD("{containers: [{image: r/a}], volumes: [{image: {}}]}"),
      "spec.volumes[0].image.reference: no image", NULL },
    { POD("{containers: [{image: r/a}], volumes: [{image: r/v}]}"),
      "spec.volumes[0].image: not an object", NULL },
    { POD("{containers: [{image: r/a}], volumes: [{image: {reference: 1}}]}"),
      "spec.volumes[0].image.reference: not a string", NULL },
    { DEPLOYMENT("{containers: [{image: 1}]}"),
      "Deployment n: spec.template.spec.containers[0].image: not a string", NULL },
    { DEPLOYMENT("{container: [{image: r/a}]}"), "spec.template.spec.containers: missing", NULL },
    { "{apiVersion: apps/v1, kind: Deployment, spec: {template: null}}", "spec.template: missing",
      NULL },
    { "{apiVersion: v1, kind: ReplicationController, spec: null}", "spec: missing", NULL },
    { "{apiVersion: v1, kind: ReplicationController, spec: {template: {}}}",
      "spec.template.spec: missing", NULL },
    { "{apiVersion: batch/v1, kind: CronJob, spec: {template: {spec: " C "}}}",
      "spec.jobTemplate: missing", NULL },
    { "{apiVersion: v1, kind: List}", "List: items is missing", NULL },
    { "{apiVersion: v1, kind: List, items: {}}", "items is missing, or not a list", NULL },
    { "{apiVersion: v1, kind: List, items: [x]}", "List: items[0]: not an object", NULL },
    { "{apiVersion: v1, kind: List, items: [{spec: " C "}]}", "neither apiVersion nor kind", NULL },
    { "{apiVersion: v1, kind: PodList, items: [{kind: Pod}]}", "apiVersion is missing", NULL },
    { "{apiVersion: v1, kind: PodList, items: [null]}", "PodList: items[0]: not an object", NULL },
    { "{apiVersion: v1, kind: PodList, items: [{spec: {containers: [{}]}}]}", "no image", NULL },
    { ROLLOUT("{template: {spec: " C "}}"),
      "Rollout n: spec.template.spec.containers[0].image: an image in a kind that is not known: "
      "say --custom-kind Rollout.argoproj.io=/spec/template/spec or --ignore-kind "
      "with that kind",
      NULL },
    { "{apiVersion: foo/v1, kind: Pod, spec: " C "}", "--custom-kind Pod.foo=/spec or ", NULL },
    { "{apiVersion: v1, kind: pod, spec: " C "}", "--custom-kind pod=/spec or ", NULL },
    { ROLLOUT("{a: [{initContainers: [{image: r/a}]}]}"),
      "--custom-kind Rollout.argoproj.io=/spec/a/* or ", NULL },
    { ROLLOUT("{ephemeralContainers: [{image: r/a}]}"), "=/spec or ", NULL },
    { "{apiVersion: foo/v1, kind: Bare, containers: [{image: r/a}]}",
      "--custom-kind Bare.foo=/containers/*/image or ", NULL },
    { TASK("{steps: [{image: r/a}]}"), "--custom-kind Task.tekton.dev=/spec/steps/*/image or ",
      NULL },
    { TASK("{sidecars: [{image: r/a}]}"), "=/spec/sidecars/*/image or ", NULL },
    { TASK("{templates: [{container: {image: r/a}}]}"), "=/spec/templates/*/container/image or ",
      NULL },
    { TASK("{steps: [{image: r/a}], sidecars: [{image: r/b}]}"), "=/spec/sidecars/*/image or ",
      "Task.tekton.dev=/spec/steps/*/image" },
    { TASK("{steps: []}"), "nothing is at /spec/steps/*/image",
      "Task.tekton.dev=/spec/steps/*/image" },
    { TASK("{a: null}"), "nothing is at /spec/a", "Task.tekton.dev=/spec/a" },
    { TASK("{a: ''}"), "Task ci/n: spec.a: no image", "Task.tekton.dev=/spec/a" },
    { TASK("{a: 1}"), "neither a pod spec nor an image", "Task.tekton.dev=/spec/a" },
    { TASK("{a: []}"), "neither a pod spec nor an image", "Task.tekton.dev=/spec/a" },
    { TASK("{a: {name: x}}"), "neither a pod spec nor an image", "Task.tekton.dev=/spec/a?" },
    { TASK("{a: {containers: [{name: x}]}}"), "spec.a.containers[0].image: no image",
      "Task.tekton.dev=/spec/a" },
    { TASK("{a: [{image: r/a}]}"), "nothing is at /spec/a/1/image",
      "Task.tekton.dev=/spec/a/1/image" },
};

static void test_refused(void **state)
{
    const struct refused_row *row = *state;
    const struct row with = { .kinds = row->kinds };
    struct kube_kinds CLEANUP(kube_kinds_clear) kinds = KUBE_KINDS_INIT;
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct err err = ERR_INIT;

    kinds_of(&kinds, &with);
    EXPECT_OK(read_yaml(&list, POD(C), &kinds, &err), &err);
    EXPECT_ERR(read_yaml(&list, row->name, &kinds, &err), &err, ERR_CONFIG, row->word);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.objects, 1);
    const char *word = strncmp(row->word, "f.yaml:1: ", 10) == 0 ? row->word + 10 : row->word;
    EXPECT_ERR(read_json(&list, row->name, &kinds, &err), &err, ERR_CONFIG, word);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.objects, 1);
}

/* The last of as many kinds as there may be is heeded too. */
static void test_last_kind_is_heeded(void **state)
{
    struct kube_kinds CLEANUP(kube_kinds_clear) kinds = KUBE_KINDS_INIT;
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct err err = ERR_INIT;

    (void)state;
    for (int i = 0; i < KUBE_KINDS_MAX - 1; i++) {
        char text[64];
        snprintf(text, sizeof(text), "C%d", i);
        EXPECT_OK(kube_ignore_parse(&kinds, text, &err), &err);
    }
    EXPECT_OK(kube_kind_parse(&kinds, "Task.tekton.dev=/spec/a", &err), &err);
    EXPECT_OK(read_yaml(&list, TASK("{a: r/a}"), &kinds, &err), &err);
    assert_int_equal(list.n, 1);
    EXPECT_ERR(read_yaml(&list, TASK("{b: r/a}"), &kinds, &err), &err, ERR_CONFIG, "nothing");
}

static void image_of(struct buf *text, size_t len)
{
    buf_reset(text);
    buf_add_text(text, "{apiVersion: v1, kind: Pod, spec: {containers: [{image: ");
    for (size_t i = 0; i < len; i++)
        buf_add_char(text, 'a');
    buf_add_text(text, "}]}}");
}

static void test_reference_is_limited(void **state)
{
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    (void)state;
    image_of(&text, REFERENCE_MAX);
    EXPECT_OK(read_yaml(&list, buf_text(&text), NULL, &err), &err);
    assert_int_equal(strlen(list.images[0].reference), REFERENCE_MAX);
    image_of(&text, REFERENCE_MAX + 1);
    EXPECT_ERR(read_yaml(&list, buf_text(&text), NULL, &err), &err, ERR_LIMIT,
               "spec.containers[0].image");
    assert_int_equal(list.n, 1);
}

static void test_images_are_limited(void **state)
{
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    const struct kube_source source = { .file = "f.json" };
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct json_view root;
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&text, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[");
    for (int i = 0; i < IMAGES_MAX; i++)
        buf_add_text(&text, "{\"image\":\"a\"},");
    struct buf CLEANUP(buf_clear) over = BUF_INIT(TEXT_MAX);
    buf_add_bytes(&over, buf_bytes(&text));
    buf_add_text(&over, "{\"image\":\"a\"}]}}");
    text.data[--text.len] = '\0';
    buf_add_text(&text, "]}}");
    EXPECT_OK(json_scan(&root, buf_bytes(&text), &err), &err);
    EXPECT_OK(kube_images(&list, &source, kube_json(root), &err), &err);
    assert_int_equal(list.n, IMAGES_MAX);
    image_list_clear(&list);
    EXPECT_OK(json_scan(&root, buf_bytes(&over), &err), &err);
    EXPECT_ERR(kube_images(&list, &source, kube_json(root), &err), &err, ERR_LIMIT, "images");
    assert_int_equal(list.n, 0);
}

/* Names and kinds as long as they please leave the place in the file readable. */
static void test_long_names_do_not_hide_the_place(void **state)
{
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    char name[254];
    struct err err = ERR_INIT;

    (void)state;
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    buf_addf(&text,
             "{apiVersion: x/v1, kind: %s, metadata: {name: %s, namespace: %s}, "
             "%s: {containers: [{image: a}]}}",
             name, name, name, name);
    EXPECT_ERR(read_yaml(&list, buf_text(&text), NULL, &err), &err, ERR_CONFIG, "f.yaml:1: xxx");
    buf_reset(&text);
    buf_addf(&text, "{apiVersion: x/v1, kind: %sx}", name);
    EXPECT_ERR(read_yaml(&list, buf_text(&text), NULL, &err), &err, ERR_LIMIT, "f.yaml:1: kind");
}

static void test_known(void **state)
{
    (void)state;
    assert_true(kube_known(BYTES_LIT(""), BYTES_LIT("Pod")));
    assert_true(kube_known(BYTES_LIT("batch"), BYTES_LIT("CronJob")));
    assert_true(kube_known(BYTES_LIT(""), BYTES_LIT("List")));
    assert_false(kube_known(BYTES_LIT("apps"), BYTES_LIT("Pod")));
    assert_false(kube_known(BYTES_LIT(""), BYTES_LIT("pod")));
    assert_false(kube_known(BYTES_LIT(""), BYTES_LIT("Pods")));
    assert_false(kube_known(BYTES_LIT(""), BYTES_LIT("Po")));
    assert_false(kube_known(BYTES_LIT(""), BYTES_LIT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_kind_is_heeded),
        cmocka_unit_test(test_reference_is_limited),
        cmocka_unit_test(test_images_are_limited),
        cmocka_unit_test(test_long_names_do_not_hide_the_place),
        cmocka_unit_test(test_known),
    };
    int failed = RUN_ROWS(accepted, test_accepted) + RUN_ROWS(refused, test_refused);
    return failed + cmocka_run_group_tests_name("kubernetes", tests, NULL, NULL) != 0;
}
