#ifndef BULLA_REGISTRY_DIGEST_H
#define BULLA_REGISTRY_DIGEST_H

#include "base/hash.h"

/** A content digest: sha256 or sha512, nothing else (image-spec "Digests"; other algorithms are
 * refused). */
struct digest {
    enum hash_alg alg;
    uint8_t value[HASH_MAX];
};

#define DIGEST_TEXT_MAX 136 /* "sha512:" + 128 hex digits + NUL */

/** "sha256:<64 lower-case hex>" or "sha512:<128>". -1 with ERR_MALFORMED, or ERR_UNSUPPORTED for a
 * well-formed digest of another algorithm. */
int digest_parse(struct digest *out, struct bytes text, struct err *err) MUST_CHECK;
void digest_format(char out[DIGEST_TEXT_MAX], const struct digest *digest);
bool digest_equal(const struct digest *a, const struct digest *b);
int digest_of(struct digest *out, enum hash_alg alg, struct bytes content,
              struct err *err) MUST_CHECK;

/** Content matches size (-1: any) and digest? -1 with ERR_INVALID naming both digests. */
int digest_check(const struct digest *want, int64_t size, struct bytes content,
                 struct err *err) MUST_CHECK;

/** "sha256-<hex>" + suffix: cosign's tags (suffix ".sig", ".att", whole hex) and the referrers
 * fallback tag (suffix "", hex cut to 64 characters as the distribution specification says). */
#define DIGEST_TAG_MAX 160
void digest_tag(char out[DIGEST_TAG_MAX], const struct digest *digest, const char *suffix);

#endif
