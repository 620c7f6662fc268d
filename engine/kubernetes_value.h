#ifndef BULLA_ENGINE_KUBERNETES_VALUE_H
#define BULLA_ENGINE_KUBERNETES_VALUE_H

#include "base/json_pull.h"
#include "base/yaml.h"

/*
 * A value of a Kubernetes object, whichever text it came from: a node of a YAML tree, or a view of
 * scanned JSON. The walk over image fields is written once, over this.
 */

enum kube_form { KUBE_ABSENT = 0, KUBE_NULL, KUBE_STRING, KUBE_LIST, KUBE_MAPPING, KUBE_OTHER };

struct kube_value {
    const struct yaml_node *yaml; /* or */
    struct json_view json;
};

#define KUBE_NONE ((struct kube_value) { NULL, { JSON_ABSENT, { NULL, 0 }, NULL } })

struct kube_value kube_yaml(const struct yaml_node *node);
struct kube_value kube_json(struct json_view view);
enum kube_form kube_form(struct kube_value value);

/**
 * A member of a mapping; KUBE_NONE when it is not there or null, as the API server reads them.
 * -1 with ERR_CONFIG when a name differs from it in case only: readers that fold case would read
 * the object differently (admission.md 3.6).
 */
int kube_get(struct kube_value *out, struct kube_value mapping, const char *name,
             struct err *err) MUST_CHECK;

/** kube_get() of several names in one pass over the mapping: out[i] for names[i]. */
#define KUBE_NAMES_MAX 8
int kube_get_all(struct kube_value *out, struct kube_value mapping, const char *const *names,
                 size_t n, struct err *err) MUST_CHECK;

/** Is it a string with exactly this content? */
bool kube_is(struct kube_value value, struct bytes text);

/** A string's content, appended. -1 with ERR_CONFIG when it is none; the buffer's errors. */
int kube_text(struct buf *out, struct kube_value value, struct err *err) MUST_CHECK;

/** Walk the members of a mapping or the items of a list. For anything else there are none. */
struct kube_walk {
    const struct yaml_node *yaml;
    size_t at;
    struct json_walk json;
};
struct kube_walk kube_walk(struct kube_value value);
bool kube_next(struct kube_walk *walk, struct kube_value *name, struct kube_value *value);

#endif
