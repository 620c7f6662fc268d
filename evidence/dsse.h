#ifndef BULLA_EVIDENCE_DSSE_H
#define BULLA_EVIDENCE_DSSE_H

#include "base/json_pull.h"
#include "base/limits.h"

#define TYPE_IN_TOTO "application/vnd.in-toto+json"
#define TYPE_DSSE "application/vnd.dsse.envelope.v1+json"

/** A DSSE envelope (DSSE 1.0.2, envelope.md), decoded, not verified. `keyid` is a hint that nothing
 * signs: not read. */
struct envelope {
    struct buf payload_type;
    struct buf payload;
    struct buf signatures[ENVELOPE_SIGNATURES_MAX];
    size_t n_signatures; /* 1 or more */
};

void envelope_clear(struct envelope *envelope);

/**
 * @param rest        JSON_REST_REFUSED inside a bundle (strict protobuf JSON), JSON_REST_IGNORED
 * for plain envelopes
 * @param max_payload ceiling on the decoded payload, bytes
 * @return 0, or -1 with ERR_MALFORMED, ERR_LIMIT, ERR_NOMEM; `out` is cleared then.
 */
int envelope_parse(struct envelope *out, struct json_view view, enum json_rest rest,
                   size_t max_payload, struct err *err) MUST_CHECK;

/** The bytes that are signed: "DSSEv1 LEN(type) type LEN(body) body" (DSSE protocol.md "PAE").
 * Appended. */
void dsse_pae(struct buf *out, struct bytes payload_type, struct bytes payload);

/** An envelope as a JSON object, members in cosign's order. Appended. */
void envelope_write(struct buf *out, struct bytes payload, struct bytes signature);

#endif
