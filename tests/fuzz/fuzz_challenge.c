/* Aims at registry/challenge.c. Lines of the input are header values. */
#include <stdlib.h>
#include <string.h>

#include "registry/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void check_text(const char *text)
{
    for (; text != NULL && *text != 0; text++)
        need(((unsigned char)*text >= ' ' && *text != 0x7f) || *text == '\t');
}

static void check(const struct challenges *c)
{
    const struct challenge *best = challenges_best(c);

    need(c->n <= CHALLENGES_MAX && c->seen <= CHALLENGE_MAX);
    for (size_t i = 0; i < c->n; i++) {
        check_text(c->list[i].realm);
        check_text(c->list[i].service);
        check_text(c->list[i].scope);
        check_text(c->list[i].error);
        check_text(c->list[i].error_description);
    }
    need(best == NULL || best->scheme == CHALLENGE_BASIC || best->realm != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(challenges_clear) struct challenges c = CHALLENGES_INIT;
    struct bytes rest = { data, size };

    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
        size_t before = c.n;
        struct err err = ERR_INIT;
        int r = challenges_add(&c, bytes_part(rest, 0, len), &err);
        need(r == 0 ? err.code == ERR_NONE && c.n >= before
                    : (err.code == ERR_MALFORMED || err.code == ERR_LIMIT) && c.n == before);
        check(&c);
        rest = bytes_part(rest, len + 1, rest.len);
    }
    return 0;
}
