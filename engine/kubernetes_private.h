#ifndef BULLA_ENGINE_KUBERNETES_PRIVATE_H
#define BULLA_ENGINE_KUBERNETES_PRIVATE_H

#include "base/limits.h"
#include "engine/kubernetes.h"

/* The walk over one object, for the files kubernetes*.c only. */

/* No text is deeper than YAML_DEPTH_MAX or JSON_DEPTH_MAX; members that are missing add a few. */
#define KUBE_STEPS_MAX 80
#define KUBE_PATH_MAX 4096 /* bytes of a path: JSON's member names may be of any length */

/* One of: a member named by our table, a member of the text, an item of a list. */
struct kube_step {
    const char *literal;
    struct kube_value name;
    size_t index;
};

struct kube_walker {
    struct image_list *out;
    const struct kube_source *source;
    struct err *err;
    const char *group; /* these four NULL until they are known */
    const char *kind;
    const char *namespace;
    const char *name;
    bool image_required; /* else a container may leave it to be filled in */
    uint64_t found;      /* bit i: something was at the pointer of source->kinds->kinds[i] */
    size_t depth;
    struct kube_step steps[KUBE_STEPS_MAX];
};

/** Go down one step. To go up, set `depth` back. */
int kube_step_member(struct kube_walker *w, const char *literal) MUST_CHECK;
int kube_step_into(struct kube_walker *w, struct kube_value name, size_t index) MUST_CHECK;

/** The path to where the walk is, without its last `less` steps. `any`: "*" for every index. */
void kube_path_pointer(struct buf *out, const struct kube_walker *w, size_t less, bool any);

/** Refuse the object: "file:line: Kind namespace/name: field: why". Returns -1. */
int kube_refuse(const struct kube_walker *w, struct kube_value where, const char *why);

/** Put file, line, object and field in front of an error that is set. Returns -1. */
int kube_wrap(const struct kube_walker *w, struct kube_value where);

/** One step down, to the member `name`; KUBE_NONE when it is not there. */
int kube_descend(struct kube_walker *w, struct kube_value *out, struct kube_value mapping,
                 const char *name) MUST_CHECK;

/** A string of at most `max` bytes without control characters, kept as long as the list. */
int kube_keep_text(const struct kube_walker *w, const char **out, struct kube_value value,
                   size_t max) MUST_CHECK;

/** Add the image at `value`, a string, where the walk is. */
int kube_add(struct kube_walker *w, struct kube_value value) MUST_CHECK;

/** All images of a pod spec. `*fields`: how many of its lists are there. */
int kube_pod_spec(struct kube_walker *w, struct kube_value spec, size_t *fields) MUST_CHECK;

/** An object of a kind that is not in the table. */
int kube_search(struct kube_walker *w, struct kube_value object) MUST_CHECK;

/** What the command line says about kind i, if it is this object's. NULL otherwise. */
const struct kube_kind *kube_told(const struct kube_walker *w, size_t i);

#endif
