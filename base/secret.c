#include "base/secret.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/mem.h"

struct secret {
    uint8_t *data;
    size_t len;
};

int secret_init(struct err *err)
{
    const struct rlimit none = { 0, 0 };

    if (sodium_init() < 0) /* 1 means: was done before */
        return err_set(err, ERR_CRYPTO, "libsodium cannot be initialised");
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return err_sys(err, ERR_IO, errno, "core dumps cannot be switched off");
    return 0;
}

int secret_new(struct secret **out, size_t len, struct err *err)
{
    *out = NULL;
    if (sodium_init() < 0) /* guarded memory without it ends the process; repeating it is cheap */
        return err_set(err, ERR_CRYPTO, "libsodium cannot be initialised");
    CLEANUP(secret_freep) struct secret *s = mem_new(1, sizeof(*s), err);
    if (s == NULL)
        return -1;
    s->data = sodium_malloc(len); /* locks the pages where the limit allows it */
    if (s->data == NULL)
        return err_set(err, ERR_NOMEM, "out of guarded memory");
    sodium_memzero(s->data, len);
    s->len = len;
    *out = STEAL(s);
    return 0;
}

int secret_copy(struct secret **out, struct bytes in, struct err *err)
{
    if (secret_new(out, in.len, err) != 0)
        return -1;
    if (in.len > 0)
        memcpy((*out)->data, in.data, in.len);
    return 0;
}

uint8_t *secret_data(struct secret *s)
{
    return s->data;
}

struct bytes secret_bytes(const struct secret *s)
{
    return s == NULL ? BYTES_NONE : (struct bytes) { s->data, s->len };
}

void secret_free(struct secret *s)
{
    if (s == NULL)
        return;
    sodium_free(s->data); /* wipes */
    mem_freep(&s);
}

void secret_freep(struct secret **s)
{
    secret_free(*s);
    *s = NULL;
}

void secret_wipe(void *data, size_t len)
{
    sodium_memzero(data, len);
}

bool secret_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && sodium_memcmp(a.data, b.data, a.len) == 0;
}

void secret_random(void *out, size_t len)
{
    randombytes_buf(out, len);
}
