/* Aims at digest_parse(), digest_format() and digest_tag() in registry/digest.c. */
#include <stdlib.h>
#include <string.h>

#include "registry/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { data, size };
    struct err err = ERR_INIT;
    struct digest digest, again;
    const struct digest none = { 0 };
    char back[DIGEST_TEXT_MAX];
    char tag[DIGEST_TAG_MAX];

    if (digest_parse(&digest, text, &err) != 0) {
        need(err.code == ERR_MALFORMED || err.code == ERR_UNSUPPORTED);
        need(digest_equal(&digest, &none));
        return 0;
    }
    need(err.code == ERR_NONE);
    digest_format(back, &digest);
    need(bytes_is(text, back));
    need(digest_parse(&again, bytes_text(back), NULL) == 0 && digest_equal(&digest, &again));
    digest_tag(tag, &digest, ".sig");
    need(strlen(tag) == size + 4);
    digest_tag(tag, &digest, "");
    need(strlen(tag) == 7 + 64);
    return 0;
}
