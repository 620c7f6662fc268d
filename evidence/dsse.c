#include "evidence/dsse.h"

#include <string.h>

#include "base/text.h"

void dsse_payload_begin(struct dsse_payload *payload, size_t front)
{
    buf_reset(&payload->room);
    payload->appended = payload->start = DSSE_HEAD_MAX + front;
    if (buf_reserve(&payload->room, payload->start) != NULL)
        payload->room.len = payload->start;
}

int dsse_payload_front(struct dsse_payload *payload, struct bytes front, struct err *err)
{
    if (buf_check(&payload->room, "payload", err) != 0)
        return -1;
    if (front.len > payload->appended - DSSE_HEAD_MAX)
        return err_set(err, ERR_LIMIT, "payload: more than %zu bytes before its body",
                       payload->appended - DSSE_HEAD_MAX);
    payload->start = payload->appended - front.len;
    if (front.len > 0)
        memcpy(payload->room.data + payload->start, front.data, front.len);
    return 0;
}

void dsse_payload_clear(struct dsse_payload *payload)
{
    buf_clear(&payload->room);
}

struct bytes dsse_payload_bytes(const struct dsse_payload *payload)
{
    return bytes_part(buf_bytes(&payload->room), payload->start, SIZE_MAX);
}

int dsse_message(struct bytes *out, struct dsse_payload *payload, struct bytes type,
                 struct err *err)
{
    const size_t len = dsse_payload_bytes(payload).len;
    struct buf CLEANUP(buf_clear) head = BUF_INIT(DSSE_HEAD_MAX);

    *out = BYTES_NONE;
    if (type.len > DSSE_TYPE_MAX)
        return err_set(err, ERR_LIMIT, "payloadType: longer than %d bytes", DSSE_TYPE_MAX);
    buf_addf(&head, "DSSEv1 %zu ", type.len);
    buf_add_bytes(&head, type);
    buf_addf(&head, " %zu ", len);
    if (buf_check(&payload->room, "payload", err) != 0 || buf_check(&head, "PAE", err) != 0)
        return -1;
    uint8_t *from = payload->room.data + payload->start - head.len;
    memcpy(from, head.data, head.len);
    *out = (struct bytes) { from, head.len + len };
    return 0;
}

void envelope_clear(struct envelope *envelope)
{
    buf_clear(&envelope->payload_type);
    dsse_payload_clear(&envelope->payload);
    for (size_t i = 0; i < ENVELOPE_SIGNATURES_MAX; i++)
        buf_clear(&envelope->signatures[i]);
    envelope->n_signatures = 0;
}

/* base64 straight from the document where the string holds no escape, which is how everybody writes
 * it */
static int decode(struct buf *out, struct json_view string, const char *what, struct err *err)
{
    struct bytes raw;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(string.raw.len);

    if (!json_string_raw(string, &raw)) {
        if (json_string(&text, string, what, err) != 0)
            return -1;
        raw = buf_bytes(&text);
    }
    if (base64_decode(out, raw, BASE64_ANY, err) != 0)
        return err_wrap(err, "%s", what);
    return 0;
}

static int signatures_parse(struct envelope *out, struct json_view list, enum json_rest rest,
                            struct err *err)
{
    struct json_view entry, sig, keyid;
    const struct json_member members[] = {
        { "sig", &sig, JSON_STRING, true },
        { "keyid", &keyid, JSON_STRING, false },
    };

    for (struct json_walk walk = json_walk(list); json_next(&walk, NULL, &entry);) {
        if (out->n_signatures == ENVELOPE_SIGNATURES_MAX)
            return err_set(err, ERR_LIMIT, "envelope: more than %d signatures",
                           ENVELOPE_SIGNATURES_MAX);
        struct buf *signature = &out->signatures[out->n_signatures];
        if (json_members(entry, members, ARRAY_LEN(members), rest, "signature", err) != 0 ||
            decode(signature, sig, "sig", err) != 0)
            return -1;
        if (signature->len == 0)
            return err_set(err, ERR_MALFORMED, "sig: empty");
        out->n_signatures++;
    }
    if (out->n_signatures == 0)
        return err_set(err, ERR_MALFORMED, "envelope: no signatures");
    return 0;
}

static int payload_parse(struct dsse_payload *out, struct json_view payload, struct err *err)
{
    struct err why = ERR_INIT;

    dsse_payload_begin(out, 0);
    if (decode(&out->room, payload, "payload", &why) == 0)
        return 0;
    if (why.code == ERR_LIMIT) /* the room for the head is none of the caller's */
        return err_set(err, ERR_LIMIT, "payload: larger than %zu bytes",
                       out->room.max - DSSE_HEAD_MAX);
    return err_set(err, why.code, "%s", err_text(&why));
}

static int parse(struct envelope *out, struct json_view view, enum json_rest rest, struct err *err)
{
    struct json_view payload, type, signatures;
    const struct json_member members[] = {
        { "payload", &payload, JSON_STRING, true },
        { "payloadType", &type, JSON_STRING, true },
        { "signatures", &signatures, JSON_ARRAY, true },
    };

    if (json_members(view, members, ARRAY_LEN(members), rest, "envelope", err) != 0 ||
        json_string(&out->payload_type, type, "payloadType", err) != 0 ||
        payload_parse(&out->payload, payload, err) != 0)
        return -1;
    return signatures_parse(out, signatures, rest, err);
}

int envelope_parse(struct envelope *out, struct json_view view, enum json_rest rest,
                   size_t max_payload, struct err *err)
{
    *out = (struct envelope) {
        .payload_type = BUF_INIT(DSSE_TYPE_MAX),
        .payload = DSSE_PAYLOAD_INIT(max_payload),
    };
    for (size_t i = 0; i < ENVELOPE_SIGNATURES_MAX; i++)
        out->signatures[i].max = SIGNATURE_BYTES_MAX;
    if (parse(out, view, rest, err) == 0)
        return 0;
    envelope_clear(out);
    return -1;
}

void envelope_write(struct buf *out, struct bytes payload, struct bytes signature)
{
    buf_add_text(out, "{\"payload\":\"");
    base64_encode(out, payload, BASE64_STANDARD);
    buf_add_text(out, "\",\"payloadType\":\"" TYPE_IN_TOTO "\",\"signatures\":[{\"sig\":\"");
    base64_encode(out, signature, BASE64_STANDARD);
    buf_add_text(out, "\"}]}");
}
