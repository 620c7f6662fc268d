/* Aims at bundle_parse() in evidence/bundle.c and at both of its writers. Exactly one content is
 * set; what is read can be written and read again; a failure leaves nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "evidence/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void need_nothing(const struct bundle *b, const struct err *err)
{
    need(err->code == ERR_MALFORMED || err->code == ERR_UNSUPPORTED || err->code == ERR_LIMIT);
    need(b->hint.data == NULL && b->signature.data == NULL && b->message_digest.data == NULL);
    need(b->envelope.n_signatures == 0 && b->envelope.payload.room.data == NULL);
}

static int write_again(struct buf *out, const struct bundle *b)
{
    if (b->content == BUNDLE_MESSAGE)
        return bundle_write_message(out, buf_bytes(&b->hint), b->message_digest.data,
                                    buf_bytes(&b->signature), NULL);
    return bundle_write_envelope(out, buf_bytes(&b->hint), dsse_payload_bytes(&b->envelope.payload),
                                 buf_bytes(&b->envelope.signatures[0]), NULL);
}

static void again(const struct bundle *b, size_t size)
{
    CLEANUP(buf_clear) struct buf text = BUF_INIT(8 * size + 16 * KIB);
    CLEANUP(bundle_clear) struct bundle back;

    need(write_again(&text, b) == 0);
    need(bundle_parse(&back, buf_bytes(&text), size, NULL) == 0);
    need(back.content == b->content && back.material == BUNDLE_PUBLIC_KEY);
    need(bytes_equal(buf_bytes(&back.hint), buf_bytes(&b->hint)));
    need(bytes_equal(buf_bytes(&back.signature), buf_bytes(&b->signature)));
    need(bytes_equal(dsse_payload_bytes(&back.envelope.payload),
                     dsse_payload_bytes(&b->envelope.payload)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(bundle_clear) struct bundle b;
    struct err err = ERR_INIT;

    if (bundle_parse(&b, (struct bytes) { data, size }, size, &err) != 0) {
        need_nothing(&b, &err);
        return 0;
    }
    need(err.code == ERR_NONE);
    need(b.log_entries <= size);
    if (b.content == BUNDLE_ENVELOPE)
        need(b.envelope.n_signatures == 1 && b.signature.len == 0 && b.message_digest.len == 0);
    else
        need(b.envelope.n_signatures == 0 && b.signature.len > 0 &&
             b.message_digest.len == hash_size(b.digest_algorithm));
    if (b.content == BUNDLE_ENVELOPE || b.digest_algorithm == HASH_SHA256)
        again(&b, size);
    return 0;
}
