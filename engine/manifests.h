#ifndef BULLA_ENGINE_MANIFESTS_H
#define BULLA_ENGINE_MANIFESTS_H

#include "engine/kubernetes.h"

/* Texts of Kubernetes manifests: what `helm template`, `kustomize build` and `kubectl get -o json`
 * print. */

#define MANIFESTS_BYTES_MAX (256 * MIB) /* one text: a cluster of 10000 Pods prints 100 MiB */
#define MANIFESTS_TREE_MAX (512 * MIB)  /* nodes of one YAML document; JSON has none */

/**
 * Add the images of every object of a text to `out`, in the order of the text.
 *
 * A text whose first byte that is not white space is '{' or '[' is JSON, one value after another
 * (with or without lines between them); anything else is YAML documents. Empty documents hold
 * nothing; a text without any object at all adds nothing, which out->objects tells.
 *
 * @param file   name for messages and results; copied
 * @param kinds  may be NULL
 * @return 0, or -1 with ERR_CONFIG (not such a text, or as kube_images()), ERR_LIMIT, ERR_NOMEM;
 * the text names file and line. `out->n` and `out->objects` are as they were then.
 */
int manifests_read(struct image_list *out, struct bytes text, const char *file,
                   const struct kube_kinds *kinds, struct err *err) MUST_CHECK;

#endif
