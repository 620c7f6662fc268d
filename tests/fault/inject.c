#include "tests/fault/inject.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static atomic_bool armed;
static atomic_bool fired;
static atomic_long left; /* allocations up to and including the one that fails */

static bool fails(void)
{
    if (!atomic_load(&armed) || atomic_fetch_sub(&left, 1) != 1)
        return false;
    atomic_store(&fired, true);
    return true;
}

void inject_arm(long n)
{
    atomic_store(&left, n);
    atomic_store(&fired, false);
    atomic_store(&armed, true);
}

bool inject_disarm(void)
{
    atomic_store(&armed, false);
    return atomic_load(&fired);
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size > 0 ? malloc(size) : NULL;
}

static void *openssl_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (size > 0)
        return realloc(old, size);
    free(old);
    return NULL;
}

static void openssl_free(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

/* jansson takes plain function pointers; these keep the calls in a wrapped object. */
static void *jansson_malloc(size_t size)
{
    return malloc(size);
}

static void jansson_free(void *old)
{
    free(old);
}

int inject_libraries(void)
{
    json_set_alloc_funcs(jansson_malloc, jansson_free);
    return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1 ? 0 : -1;
}
