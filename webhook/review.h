#ifndef BULLA_WEBHOOK_REVIEW_H
#define BULLA_WEBHOOK_REVIEW_H

#include "engine/kubernetes.h"
#include "registry/reference.h"

/*
 * One AdmissionReview (admission.k8s.io/v1), read from the received bytes: what is asked, and which
 * images it is about (admission.md 3.2, 3.5).
 */

enum review_operation { REVIEW_CREATE = 0, REVIEW_UPDATE, REVIEW_DELETE, REVIEW_CONNECT };
const char *review_operation_name(enum review_operation operation); /* "CREATE" */

/** One field that names an image. */
struct review_field {
    const struct kube_image *image; /* field, pointer, text */
    bool unchanged;                 /* UPDATE: field and text both stood in oldObject */
    size_t subject;                 /* index of the distinct image; not set when unchanged */
};

/** One distinct image text of the fields that are not unchanged. Texts are compared as they are
 * written: two spellings of one image are two subjects and share their look-up all the same. */
struct review_subject {
    const char *text;
    struct reference reference; /* when not refused */
    const char *refused;        /* NULL, or why the text names no image that a node could pull */
};

struct review {
    struct arena arena;
    const char *uid;
    enum review_operation operation;
    const char *group, *version, *resource, *subresource; /* "" where absent */
    const char *kind, *kind_group, *kind_version; /* of the object: not always the resource's */
    const char *namespace;                        /* NULL: cluster-scoped */
    const char *name;                             /* "" when not known yet */
    const char *user; /* userInfo.username, "" when absent; for the log */
    bool dry_run;
    bool pod; /* a Pod, or not known to be none; all else with images is a template */
    struct image_list images, old;
    struct review_field *fields;
    size_t n_fields;
    struct review_subject *subjects;
    size_t n_subjects;
    const char **secrets; /* where wished, names of spec.imagePullSecrets, sorted, each once; those
                             that no Secret can have are left out */
    size_t n_secrets;
    struct err unreadable; /* ERR_NONE, or why the object's images could not be read: to be denied,
                              since nobody knows what it would run. No images then */
};

/** Names of Secrets that count: Pods have one or two. What follows is left out. */
#define REVIEW_SECRETS_MAX 32

/** Can it name a namespace, or what is in one: a DNS subdomain (RFC 1123)? Then it can stand in a
 * path as it is. */
bool review_name_valid(struct bytes name);

void review_init(struct review *review);
void review_clear(struct review *review);

/** What else is wanted of it. */
struct review_wish {
    const struct kube_kinds *kinds; /* custom kinds, or NULL */
    bool secrets;                   /* names of its imagePullSecrets */
};

/**
 * @param wish  NULL: nothing else
 * @param body  borrowed for the call only
 * @return 0 when there is a review that can be answered: `uid` is set, and what else is wrong is
 * in `unreadable`. -1 with ERR_MALFORMED, ERR_UNSUPPORTED (another version), ERR_LIMIT, ERR_NOMEM:
 * nothing to answer to. `out` is to be cleared in either case.
 */
int review_parse(struct review *out, struct bytes body, const struct review_wish *wish,
                 struct err *err) MUST_CHECK;

#endif
