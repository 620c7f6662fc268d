#ifndef BULLA_EVIDENCE_SIMPLE_SIGNING_H
#define BULLA_EVIDENCE_SIMPLE_SIGNING_H

#include "evidence/fact.h"

#define TYPE_SIMPLE_SIGNING "application/vnd.dev.cosign.simplesigning.v1+json"
#define SIMPLE_SIGNING_CLAIM "cosign container image signature"
#define ANNOTATION_SIGNATURE "dev.cosignproject.cosign/signature"

/** A simple signing payload as it was parsed: claims only, nothing verified. Texts live in the
 * arena. */
struct simple_signing {
    const char *repository;         /* critical.identity.docker-reference */
    struct digest digest;           /* critical.image.docker-manifest-digest */
    const char *type;               /* critical.type */
    struct annotation *annotations; /* string members of `optional` */
    size_t n_annotations;
};

/**
 * Parse a payload whose signature has been verified.
 * -1 with ERR_MALFORMED (not the format; duplicate or case-variant names), ERR_UNSUPPORTED (digest
 * algorithm), ERR_LIMIT, ERR_NOMEM.
 */
int simple_signing_parse(struct simple_signing *out, struct bytes payload, struct arena *arena,
                         struct err *err) MUST_CHECK;

/**
 * The exact bytes that cosign writes (sigstore.md 2.2): Go's HTML-safe escaping, annotations sorted
 * by name, no trailing newline. Appended. `annotations` may be in any order; names must be distinct
 * (ERR_USAGE).
 */
int simple_signing_write(struct buf *out, struct bytes repository, const struct digest *digest,
                         const struct annotation *annotations, size_t n,
                         struct err *err) MUST_CHECK;

#endif
