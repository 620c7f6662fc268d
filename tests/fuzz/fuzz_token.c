/* Aims at token_parse(), scope_canonical() and realm_check() of registry/token.h: the input is read
 * as each in turn. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"
#include "registry/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_token(struct bytes in)
{
    struct secret *CLEANUP(secret_freep) token = NULL;
    struct err err = ERR_INIT;
    int64_t life;

    if (token_parse(&token, &life, in, &err) != 0) {
        if (token != NULL || err.code == ERR_NONE)
            abort();
        return;
    }
    struct bytes t = secret_bytes(token);
    if (t.len == 0 || t.len > TOKEN_MAX || life < TOKEN_LIFE_MIN_MS || life > TOKEN_LIFE_MAX_MS)
        abort();
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] <= ' ' || t.data[i] > '~')
            abort();
}

/* The canonical form is its own canonical form. */
static void check_scope(struct bytes in)
{
    struct buf CLEANUP(buf_clear) once = BUF_INIT(64 * KIB), twice = BUF_INIT(64 * KIB);
    struct err err = ERR_INIT;

    if (scope_canonical(&once, in, &err) != 0)
        return;
    if (scope_canonical(&twice, buf_bytes(&once), &err) != 0 ||
        !bytes_equal(buf_bytes(&once), buf_bytes(&twice)))
        abort();
}

/* From an https registry elsewhere, credentials go nowhere but https, and never to this machine. */
static void check_realm(struct bytes in)
{
    char *CLEANUP(mem_freep) realm = NULL;
    struct err err = ERR_INIT;
    bool trusted;

    if (in.len > URL_MAX || memchr(in.data, 0, in.len) != NULL)
        return;
    realm = mem_text(in, &err);
    if (realm == NULL)
        return;
    int result = realm_check(&trusted, realm, "https://registry.example.com/v2/", &err);
    if (result != 0 && (trusted || err.code == ERR_NONE))
        abort();
    if (result == 0 && strncasecmp(realm, "https://", 8) != 0)
        abort();
    if (trusted && strcasestr(realm, "example.com") == NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    struct err err = ERR_INIT;

    if (copy == NULL || secret_init(&err) != 0)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    check_token((struct bytes) { copy, size });
    check_scope((struct bytes) { copy, size });
    check_realm((struct bytes) { copy, size });
    free(copy);
    return 0;
}
