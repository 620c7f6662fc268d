#ifndef BULLA_REGISTRY_MANIFEST_H
#define BULLA_REGISTRY_MANIFEST_H

#include "base/json_pull.h"
#include "base/mem.h"
#include "registry/digest.h"

#define MEDIA_TYPE_MAX 255

#define TYPE_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define TYPE_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define TYPE_OCI_EMPTY "application/vnd.oci.empty.v1+json"
#define TYPE_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

/** image-spec "Descriptor". Texts live in the arena given to the parser; views borrow from the
 * parsed bytes. */
struct descriptor {
    const char *media_type;
    const char *artifact_type; /* or NULL */
    struct digest digest;
    int64_t size; /* 0..2^53 */
    struct json_view annotations;
    const char *os, *architecture, *variant; /* of `platform`, or NULL */
    struct json_view raw;
};

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

struct manifest {
    enum manifest_kind kind;
    const char *media_type;
    const char *artifact_type; /* the effective one: artifactType, else config.mediaType; NULL where
                                  neither */
    struct descriptor config;  /* MANIFEST_IMAGE */
    struct descriptor *entries; /* layers, or the index's manifests */
    size_t n;
    struct descriptor *subject; /* or NULL */
    struct json_view annotations;
};

/**
 * Parse a manifest or index (OCI or Docker schema 2) whose digest and size have been checked.
 *
 * @param content_type  of the response, parameters allowed; NULL or a generic type: the mediaType
 * member alone decides, and where that is missing too (OCI makes it optional) the shape
 * @param arena         owns texts and arrays of `out`
 * @return 0, or -1 with ERR_MALFORMED, ERR_UNSUPPORTED (schema 1, unknown types), ERR_LIMIT,
 * ERR_NOMEM.
 *
 * One byte string is never read as two things (GHSA-mc8v-mgrf-8f4m): both `manifests` and any of
 * config, layers, fsLayers, history is refused, as are mediaType and content type that disagree,
 * and names differing in case.
 */
int manifest_parse(struct manifest *out, struct bytes body, const char *content_type,
                   struct arena *arena, struct err *err) MUST_CHECK;

/** The same for an index that is a list (a referrers answer, a layout's index.json): of up to `max`
 * entries, and ERR_MALFORMED for an image manifest. */
int index_parse(struct manifest *out, struct bytes body, size_t max, struct arena *arena,
                struct err *err) MUST_CHECK;

/** An annotation's value as text in the arena; NULL (and no error) when absent or not a string; on
 * ERR_NOMEM/ERR_LIMIT *out is NULL and -1. */
int annotation_get(const char **out, struct json_view annotations, const char *name,
                   struct arena *arena, struct err *err) MUST_CHECK;

/** One descriptor object, as in manifests and layouts. `what` names it in messages. */
int descriptor_parse(struct descriptor *out, struct json_view view, const char *what,
                     struct arena *arena, struct err *err) MUST_CHECK;

bool media_type_is_index(const char *type);    /* OCI or Docker */
bool media_type_is_manifest(const char *type); /* OCI or Docker image manifest */

#endif
