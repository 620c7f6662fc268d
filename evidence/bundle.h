#ifndef BULLA_EVIDENCE_BUNDLE_H
#define BULLA_EVIDENCE_BUNDLE_H

#include "base/hash.h"
#include "evidence/dsse.h"

#define TYPE_BUNDLE "application/vnd.dev.sigstore.bundle.v0.3+json"
#define TYPE_BUNDLE_PREFIX "application/vnd.dev.sigstore.bundle"
#define ANNOTATION_BUNDLE_CONTENT "dev.sigstore.bundle.content"
#define ANNOTATION_BUNDLE_PREDICATE "dev.sigstore.bundle.predicateType"

enum bundle_content { BUNDLE_ENVELOPE, BUNDLE_MESSAGE };
enum bundle_material { BUNDLE_PUBLIC_KEY, BUNDLE_CERTIFICATE };

/** A Sigstore bundle v0.3 (sigstore.md 3.1-3.3), decoded, not verified. */
struct bundle {
    enum bundle_content content;
    enum bundle_material material;
    struct buf hint;          /* BUNDLE_PUBLIC_KEY: an unauthenticated hint, for messages only */
    struct envelope envelope; /* BUNDLE_ENVELOPE: exactly one signature */
    struct buf signature;     /* BUNDLE_MESSAGE */
    enum hash_alg digest_algorithm;
    struct buf message_digest;
    size_t log_entries; /* present, not looked into */
};

void bundle_clear(struct bundle *bundle);

/**
 * @param max_payload  ceiling on the decoded payload
 * @return 0, or -1 with ERR_MALFORMED (unknown, duplicate, missing members: the reference reader is
 * as strict), ERR_UNSUPPORTED (another bundle version), ERR_LIMIT, ERR_NOMEM; `out` is cleared
 * then.
 */
int bundle_parse(struct bundle *out, struct bytes json, size_t max_payload,
                 struct err *err) MUST_CHECK;

/** A bundle with a DSSE envelope and a key hint, as cosign writes it. Appended. */
int bundle_write_envelope(struct buf *out, struct bytes hint, struct bytes payload,
                          struct bytes signature, struct err *err) MUST_CHECK;

/** A bundle with a message signature over content of this SHA-256. Appended. */
int bundle_write_message(struct buf *out, struct bytes hint, const uint8_t sha256[32],
                         struct bytes signature, struct err *err) MUST_CHECK;

#endif
