/* Aims at evidence_hint() in evidence/hint.c: any content of any form is described, never refused,
 * and a bundle that the strict reader takes is described as what it is. */
#include <stdlib.h>

#include "base/limits.h"
#include "evidence/bundle.h"
#include "evidence/hint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void agree(const struct evidence_hint *hint, struct bytes content)
{
    CLEANUP(bundle_clear) struct bundle bundle;

    if (bundle_parse(&bundle, content, content.len, NULL) != 0)
        return;
    need((hint->signer == HINTED_CERTIFICATE) == (bundle.material == BUNDLE_CERTIFICATE));
    need((hint->kind == HINTED_MESSAGE) == (bundle.content == BUNDLE_MESSAGE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum evidence_form forms[] = { EVIDENCE_SIMPLE_SIGNING, EVIDENCE_BUNDLE,
                                                EVIDENCE_ENVELOPE };

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        CLEANUP(arena_clear) struct arena arena = ARENA_INIT(MIB);
        CLEANUP(buf_clear) struct buf content = BUF_INIT(size);
        struct evidence piece = { .form = forms[i], .where = "the piece" };
        struct evidence_hint hint;
        buf_add(&content, data, size);
        piece.content = content;
        need(evidence_hint(&hint, &piece, &arena, NULL) == 0);
        need((hint.key != NULL) == (hint.signer == HINTED_KEY));
        if (forms[i] == EVIDENCE_BUNDLE)
            agree(&hint, (struct bytes) { data, size });
    }
    return 0;
}
