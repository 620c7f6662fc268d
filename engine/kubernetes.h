#ifndef BULLA_ENGINE_KUBERNETES_H
#define BULLA_ENGINE_KUBERNETES_H

#include "engine/kubernetes_kinds.h"
#include "engine/kubernetes_value.h"

/*
 * The images that a Kubernetes object names. One table of kinds, one of image fields, one walk, for
 * manifests and for admission reviews (admission.md 3.5).
 */

#define KUBE_IMAGES_BYTES_MAX (256 * MIB) /* texts of one list: IMAGES_MAX images of 2.5 KiB */

/** Texts are without control characters; NULL where the object does not say. */
struct kube_image {
    const char *reference;
    const char *kind;
    const char *group;     /* "" is the core group */
    const char *namespace; /* metadata.namespace */
    const char *name;      /* metadata.name, else metadata.generateName */
    const char *field;     /* for people: spec.containers[0].image */
    const char *pointer;   /* for patches, of the object: /spec/containers/0/image */
    const char *file;      /* as kube_source says */
    size_t line;           /* from 1; 0 when it is not known */
};

struct image_list {
    struct arena arena; /* of all texts */
    struct kube_image *images;
    size_t n;
    size_t cap;
    size_t objects; /* that were read, with images or without; a List's items, not the List */
};

#define IMAGE_LIST_INIT                                                                            \
    {                                                                                              \
        .arena = ARENA_INIT(KUBE_IMAGES_BYTES_MAX), .images = NULL, .n = 0, .cap = 0, .objects = 0 \
    }

void image_list_clear(struct image_list *list);

/** Counts the lines of a JSON text from the place that was asked for last: places are asked for in
 * nearly the order of the text. */
struct kube_lines {
    struct bytes text;
    size_t at;   /* 0 at first */
    size_t line; /* of `at`: 1 at first */
};

/** Where an object came from. */
struct kube_source {
    const char *file;               /* for messages, and borrowed by the images; may be NULL */
    struct kube_lines *lines;       /* of the JSON text; NULL: lines are not known */
    const struct kube_kinds *kinds; /* may be NULL */
    size_t max;                     /* images in the list; 0: IMAGES_MAX */
};

/**
 * Add the images of one object, or of all items of a List, to `out`.
 *
 * Objects of other kinds hold no images, but none with something like a pod's containers in it is
 * passed over unless `kinds` says so.
 *
 * @return 0, or -1 with ERR_CONFIG (not an object, a field of the wrong shape, a kind that must be
 * explained; the text names file, line, object and field), ERR_LIMIT, ERR_NOMEM. `out->n` and
 * `out->objects` are as they were then.
 */
int kube_images(struct image_list *out, const struct kube_source *source, struct kube_value object,
                struct err *err) MUST_CHECK;

/** The pod spec of an object of a kind of the table. False: of another kind, or there is none. */
bool kube_find_pod_spec(struct kube_value *out, struct bytes group, struct bytes kind,
                        struct kube_value object);

/** Is it a kind of the table: read without being told how? */
bool kube_known(struct bytes group, struct bytes kind);

#endif
