#ifndef BULLA_TESTS_UNIT_REVIEWS_H
#define BULLA_TESTS_UNIT_REVIEWS_H

/* AdmissionReviews as the API server writes them, for tests of the webhook. */

#include "base/bytes.h"
#include "base/limits.h"

/** What differs from a Pod "web" in the namespace "shop" that is created. NULL, false: as there. */
struct review_of {
    const char *uid, *operation, *group, *kind, *resource, *subresource, *namespace;
    const char *object; /* as a whole */
    const char *spec;   /* of the Pod, or of the template of anything else */
    const char *old;    /* oldObject, as a whole */
};

#define POD_OF(spec)                                                                               \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"namespace\":"        \
    "\"shop\"},\"spec\":" spec "}"
#define CONTAINER(image) "{\"name\":\"c\",\"image\":\"" image "\"}"
#define SPEC(containers) "{\"containers\":[" containers "]}"
#define POD(image) POD_OF(SPEC(CONTAINER(image)))

static inline const char *or_else(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

/** Appended. */
static inline void review_text(struct buf *out, const struct review_of *r)
{
    const char *group = or_else(r->group, "");
    const char *kind = or_else(r->kind, "Pod");

    buf_addf(out,
             "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{"
             "\"uid\":\"%s\",\"kind\":{\"group\":\"%s\",\"version\":\"v1\",\"kind\":\"%s\"},"
             "\"resource\":{\"group\":\"%s\",\"version\":\"v1\",\"resource\":\"%s\"},",
             or_else(r->uid, "uid-1"), group, kind, group, or_else(r->resource, "pods"));
    if (r->subresource != NULL)
        buf_addf(out, "\"subResource\":\"%s\",", r->subresource);
    buf_addf(out,
             "\"name\":\"web\",\"namespace\":\"%s\",\"operation\":\"%s\",\"userInfo\":{"
             "\"username\":\"jane\",\"groups\":[\"dev\"]},\"object\":",
             or_else(r->namespace, "shop"), or_else(r->operation, "CREATE"));
    if (r->object != NULL)
        buf_add_text(out, r->object);
    else
        buf_addf(out,
                 "{\"apiVersion\":\"%s%sv1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"web\","
                 "\"namespace\":\"%s\"},\"spec\":%s%s%s}",
                 group, group[0] != '\0' ? "/" : "", kind, or_else(r->namespace, "shop"),
                 group[0] != '\0' ? "{\"template\":{\"spec\":" : "",
                 or_else(r->spec, "{\"containers\":[]}"), group[0] != '\0' ? "}}" : "");
    buf_addf(out, ",\"oldObject\":%s,\"dryRun\":false}}", or_else(r->old, "null"));
}

#endif
