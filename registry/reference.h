#ifndef BULLA_REGISTRY_REFERENCE_H
#define BULLA_REGISTRY_REFERENCE_H

#include "registry/digest.h"

/** An image reference, normalised: registry reference (registry.md section 1) or
 * "oci:DIR[:TAG|@DIGEST]". */
struct reference {
    char *host; /* "docker.io", "localhost:5000", "[::1]:5000": lower case, ":443" dropped, Hub
                   aliases folded; NULL for a layout */
    char *repository; /* "library/busybox"; of a layout the directory */
    char *tag;        /* or NULL */
    bool has_digest;
    bool layout;
    struct digest digest;
};

/** @return 0, or -1 with ERR_USAGE: what is wrong and where; a URL scheme gets a hint. `out` is
 * zeroed on failure. */
int reference_parse(struct reference *out, struct bytes text, struct err *err) MUST_CHECK;
int reference_copy(struct reference *out, const struct reference *in, struct err *err) MUST_CHECK;
void reference_clear(struct reference *ref);

/** "docker.io/library/busybox:1@sha256:...": canonical, appended. */
void reference_format(struct buf *out, const struct reference *ref);
/** "docker.io/library/busybox" or "oci:DIR", appended. */
void reference_name(struct buf *out, const struct reference *ref);
/** The repository as cosign's payloads name it: "index.docker.io/library/busybox", appended. Of a
 * layout: the name "oci:DIR" stands for nothing elsewhere, but cosign has no better either. */
void reference_identity(struct buf *out, const struct reference *ref);
/** Do two repository names ("index.docker.io/library/x", "docker.io/x") mean one repository? False
 * when either does not parse. */
bool reference_same_repository(struct bytes a, struct bytes b);
/** Host to connect to: "registry-1.docker.io" for docker.io, else the host. */
const char *reference_wire_host(const struct reference *ref);
/** Normalise "host[:port]": lower case, ":443" dropped (but added to a host of one label other than
 * localhost: "host/x" would be a path on Docker Hub), Hub's names folded to "docker.io". free() it.
 * -1 with ERR_USAGE, ERR_NOMEM. */
int reference_host(char **out, struct bytes text, struct err *err) MUST_CHECK;
bool tag_valid(struct bytes tag);
bool repository_valid(struct bytes path);

#endif
