/* Aims at simple_signing_parse() and simple_signing_write() in evidence/simple_signing.c, and
 * through them at annotations_parse(). What is read can be written and read again as the same
 * claims; a failure leaves nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "evidence/annotations.h"
#include "evidence/simple_signing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void again(const struct simple_signing *claims)
{
    CLEANUP(buf_clear) struct buf text = BUF_INIT(8 * PAYLOAD_MAX);
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(8 * MIB);
    struct simple_signing back;

    if (simple_signing_write(&text, bytes_text(claims->repository), &claims->digest,
                             claims->annotations, claims->n_annotations, NULL) != 0)
        return; /* larger than is written */
    need(simple_signing_parse(&back, buf_bytes(&text), &arena, NULL) == 0);
    need(strcmp(back.repository, claims->repository) == 0);
    need(strcmp(back.type, SIMPLE_SIGNING_CLAIM) == 0);
    need(digest_equal(&back.digest, &claims->digest));
    need(annotations_equal(back.annotations, back.n_annotations, claims->annotations,
                           claims->n_annotations));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(8 * MIB);
    struct simple_signing claims;
    struct err err = ERR_INIT;

    if (simple_signing_parse(&claims, (struct bytes) { data, size }, &arena, &err) != 0) {
        need(err.code == ERR_MALFORMED || err.code == ERR_UNSUPPORTED || err.code == ERR_LIMIT);
        need(claims.n_annotations == 0 && claims.annotations == NULL);
        return 0;
    }
    need(err.code == ERR_NONE);
    need(claims.n_annotations <= ANNOTATIONS_MAX);
    again(&claims);
    return 0;
}
