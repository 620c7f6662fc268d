#ifndef BULLA_REGISTRY_CLIENT_PRIVATE_H
#define BULLA_REGISTRY_CLIENT_PRIVATE_H

#include "registry/call.h"
#include "registry/client.h"

/* Exact types, no wildcard (registry.md 3.2). Signing and verifying send the same list, else one
 * tag could mean two images. */
#define CLIENT_ACCEPT                                                                              \
    TYPE_OCI_INDEX ", " TYPE_OCI_MANIFEST ", " TYPE_DOCKER_LIST ", " TYPE_DOCKER_MANIFEST

struct client {
    struct store store; /* first */
    struct endpoint original;
    struct endpoint *mirrors; /* for manifests and blobs by digest */
    size_t n_mirrors;
};

/* client_fetch.c */
void client_fetch(struct store *s, struct fetch *fetches, size_t n, int64_t deadline);
int client_blob_to_file(struct store *s, const struct digest *digest, int64_t size, int fd,
                        int64_t deadline, struct err *err) MUST_CHECK;

/* client_answer.c */

/** The request for one fetch. */
int fetch_request(struct call *c, struct endpoint *e, const struct fetch *f,
                  struct err *err) MUST_CHECK;
/** Turn an answer into the fetch's result; the body is moved. */
void fetch_result(struct fetch *f, struct call *c, const struct endpoint *e);
/** The digest header, when it is there and can be read. */
bool answer_digest(struct digest *out, const struct call *c);
/** The media type without parameters, in lower case; "" when there is none. */
void answer_type(char out[MEDIA_TYPE_MAX + 1], const struct call *c);
/** The `next` page of a list, whole; NULL when this was the last. */
int answer_next(char **out, const struct call *c, const struct endpoint *e,
                struct err *err) MUST_CHECK;

/* client_push.c */
int client_put_blob(struct store *s, const struct store_blob *blob, int64_t deadline,
                    struct err *err) MUST_CHECK;
int client_mount_blob(struct store *s, const struct store *from, const struct store_blob *what,
                      bool *done, int64_t deadline, struct err *err) MUST_CHECK;
int client_put_manifest(struct store *s, const char *tag, struct bytes body, const char *media_type,
                        int64_t deadline, struct err *err) MUST_CHECK;
int client_delete_manifest(struct store *s, const struct digest *digest, int64_t deadline,
                           struct err *err) MUST_CHECK;

struct pushed {
    struct digest digest;
    bool has_subject; /* the registry says that it has noted a subject */
    struct digest subject;
};
/** PUT under a tag, or by digest when tag is NULL. */
struct manifest_put {
    const char *tag;
    struct bytes body;
    const char *media_type;
    bool once; /* never sent again by itself: others may have written since */
};
int push_manifest(struct pushed *out, struct client *c, const struct manifest_put *put,
                  int64_t deadline, struct err *err) MUST_CHECK;

/* referrers.c */
int client_put_referrer(struct store *s, struct bytes body, const char *media_type,
                        int64_t deadline, struct err *err) MUST_CHECK;
int client_remove_referrer(struct store *s, const struct digest *subject,
                           const struct digest *referrer, int64_t deadline, struct err *err);

#endif
