#ifndef BULLA_EVIDENCE_DSSE_H
#define BULLA_EVIDENCE_DSSE_H

#include "base/json_pull.h"
#include "base/limits.h"

#define TYPE_IN_TOTO "application/vnd.in-toto+json"
#define TYPE_DSSE "application/vnd.dsse.envelope.v1+json"
#define ANNOTATION_PREDICATE_TYPE "predicateType" /* of an .att layer */

#define DSSE_TYPE_MAX 256 /* media types end at 255 */
#define DSSE_HEAD_MAX 320 /* "DSSEv1", two lengths of 20 digits, the type, blanks */

/**
 * A payload with room before it for its PAE head, so that what is signed is one piece of memory and
 * a large payload is never copied. Begin it, append the payload to `room`, ask for the message.
 */
struct dsse_payload {
    struct buf room;
    size_t appended; /* offset of what was appended */
    size_t start;    /* offset of the payload */
};

#define DSSE_PAYLOAD_INIT(max_)                                                                    \
    {                                                                                              \
        .room = BUF_INIT(DSSE_HEAD_MAX + (max_))                                                   \
    }

/** @param front  bytes that dsse_payload_front() may put before what is appended */
void dsse_payload_begin(struct dsse_payload *payload, size_t front);

/** The payload is now `front` and what was appended. Again with another front: it takes the place
 * of the first. -1 with ERR_LIMIT: more than was begun with. */
int dsse_payload_front(struct dsse_payload *payload, struct bytes front,
                       struct err *err) MUST_CHECK;
void dsse_payload_clear(struct dsse_payload *payload);
struct bytes dsse_payload_bytes(const struct dsse_payload *payload);

/** The bytes that are signed: "DSSEv1 LEN(type) type LEN(body) body" (DSSE protocol.md "PAE").
 * Borrowed until the next append. -1 with ERR_LIMIT (type, payload), ERR_NOMEM. */
int dsse_message(struct bytes *out, struct dsse_payload *payload, struct bytes type,
                 struct err *err) MUST_CHECK;

/** A DSSE envelope (DSSE 1.0.2, envelope.md), decoded, not verified. `keyid` is a hint that nothing
 * signs: not read. */
struct envelope {
    struct buf payload_type;
    struct dsse_payload payload;
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

/** An envelope as a JSON object, members in cosign's order. Appended. */
void envelope_write(struct buf *out, struct bytes payload, struct bytes signature);

#endif
