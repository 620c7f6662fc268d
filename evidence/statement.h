#ifndef BULLA_EVIDENCE_STATEMENT_H
#define BULLA_EVIDENCE_STATEMENT_H

#include "base/json_pull.h"
#include "evidence/fact.h"

#define STATEMENT_V0_1 "https://in-toto.io/Statement/v0.1"
#define STATEMENT_V1 "https://in-toto.io/Statement/v1"
#define PREDICATE_SPDX "https://spdx.dev/Document"
#define PREDICATE_COSIGN_SIGN "https://sigstore.dev/cosign/sign/v1"

/** An in-toto statement as it was parsed: claims only. Views borrow from the payload, texts live in
 * the arena. */
struct statement {
    const char *predicate_type;
    struct json_view root;      /* the statement itself */
    struct json_view subjects;  /* array, 1..STATEMENT_SUBJECTS_MAX */
    struct json_view predicate; /* object, string (PREDICATE_SPDX), or JSON_ABSENT */
};

/**
 * Parse a payload whose signature has been verified (in-toto attestation v1 "Statement"; v0.1 too).
 * Unknown members are refused as the reference verifier does; `predicate` is an object, null
 * or absent; the text of an SPDX document may be a string. -1 with ERR_MALFORMED, ERR_LIMIT
 * (subjects), ERR_NOMEM.
 */
int statement_parse(struct statement *out, struct bytes payload, struct arena *arena,
                    struct err *err) MUST_CHECK;

/**
 * Does one subject name `digest`? Algorithm and value must both match; other algorithms, names and
 * URIs never count. The first such subject's annotations are given out.
 * @return 0, or -1 with ERR_INVALID (none matches), ERR_MALFORMED (a subject that is not one),
 * ERR_LIMIT, ERR_NOMEM.
 */
int statement_subject(const struct statement *statement, const struct digest *digest,
                      struct annotation **annotations, size_t *n, struct arena *arena,
                      struct err *err) MUST_CHECK;

/**
 * A statement about one image as `cosign attest` writes it (sigstore.md 4.2): v0.1, the image's
 * repository as the subject's name. Begin, append the predicate's JSON, end; the caller checks the
 * buffer.
 */
void statement_begin(struct buf *out, const char *predicate_type, struct bytes repository,
                     const struct digest *digest);
void statement_end(struct buf *out);

/** The statement of an image signature as cosign 3 writes it (sigstore.md 3.6). Appended. */
int statement_write_signature(struct buf *out, const struct digest *digest,
                              const struct annotation *annotations, size_t n,
                              struct err *err) MUST_CHECK;

#endif
