/* Aims at envelope_parse(), envelope_write() and dsse_message() in evidence/dsse.c. What the strict
 * reading takes the lenient one takes too, and as the same; what is read can be written and read
 * again. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "evidence/dsse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void need_nothing(const struct envelope *e, const struct err *err)
{
    need(err->code == ERR_MALFORMED || err->code == ERR_LIMIT);
    need(e->n_signatures == 0 && e->payload.room.data == NULL && e->payload_type.data == NULL);
}

static void need_same(const struct envelope *a, const struct envelope *b)
{
    need(a->n_signatures == b->n_signatures);
    need(bytes_equal(dsse_payload_bytes(&a->payload), dsse_payload_bytes(&b->payload)));
    need(bytes_equal(buf_bytes(&a->payload_type), buf_bytes(&b->payload_type)));
    for (size_t i = 0; i < a->n_signatures; i++)
        need(bytes_equal(buf_bytes(&a->signatures[i]), buf_bytes(&b->signatures[i])));
}

static void write_again(const struct envelope *e, size_t max)
{
    CLEANUP(buf_clear) struct buf text = BUF_INIT(2 * max + 4 * KIB);
    CLEANUP(envelope_clear) struct envelope back;
    struct json_view root;

    envelope_write(&text, dsse_payload_bytes(&e->payload), buf_bytes(&e->signatures[0]));
    need(json_scan(&root, buf_bytes(&text), NULL) == 0);
    need(envelope_parse(&back, root, JSON_REST_REFUSED, max, NULL) == 0);
    need(bytes_equal(dsse_payload_bytes(&back.payload), dsse_payload_bytes(&e->payload)));
    need(bytes_equal(buf_bytes(&back.signatures[0]), buf_bytes(&e->signatures[0])));
}

/* The end of the message is the payload, behind its length in decimal. */
static void message(struct envelope *e)
{
    const struct bytes payload = dsse_payload_bytes(&e->payload);
    CLEANUP(buf_clear) struct buf head = BUF_INIT(KIB);
    struct bytes text;

    need(dsse_message(&text, &e->payload, buf_bytes(&e->payload_type), NULL) == 0);
    need(bytes_equal(bytes_part(text, text.len - payload.len, payload.len), payload));
    buf_addf(&head, "DSSEv1 %zu ", e->payload_type.len);
    buf_add_bytes(&head, buf_bytes(&e->payload_type));
    buf_addf(&head, " %zu ", payload.len);
    need(bytes_equal(bytes_part(text, 0, text.len - payload.len), buf_bytes(&head)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(envelope_clear) struct envelope strict = { .n_signatures = 0 };
    CLEANUP(envelope_clear) struct envelope lenient = { .n_signatures = 0 };
    struct err strict_err = ERR_INIT, lenient_err = ERR_INIT;
    struct json_view root;

    if (json_scan(&root, (struct bytes) { data, size }, NULL) != 0)
        return 0;
    int strictly = envelope_parse(&strict, root, JSON_REST_REFUSED, size, &strict_err);
    int leniently = envelope_parse(&lenient, root, JSON_REST_IGNORED, size, &lenient_err);
    if (strictly != 0)
        need_nothing(&strict, &strict_err);
    if (leniently != 0) {
        need_nothing(&lenient, &lenient_err);
        need(strictly != 0);
        return 0;
    }
    need(lenient.n_signatures >= 1 && lenient.n_signatures <= ENVELOPE_SIGNATURES_MAX);
    if (strictly == 0)
        need_same(&strict, &lenient);
    write_again(&lenient, size);
    message(&lenient);
    return 0;
}
