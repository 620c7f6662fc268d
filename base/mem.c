#include "base/mem.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROW_FIRST 8     /* elements */
#define ARENA_FIRST 1024 /* bytes of an arena's first block, */
#define ARENA_BLOCK 4096 /* and of a later one: it takes as much again as it has, up to this */

struct arena_block {
    struct arena_block *next;
    void *adopted; /* memory that came from elsewhere, or NULL */
    size_t used;
    size_t cap;
    alignas(max_align_t) uint8_t data[];
};

void *mem_new(size_t n, size_t size, struct err *err)
{
    void *p = calloc(n, size);

    if (p == NULL)
        err_set(err, ERR_NOMEM, "out of memory");
    return p;
}

char *mem_text(struct bytes bytes, struct err *err)
{
    char *text = mem_new(bytes.len + 1, 1, err);

    if (text != NULL && bytes.len > 0)
        memcpy(text, bytes.data, bytes.len);
    return text;
}

int mem_grow(void **array, size_t *cap, size_t len, size_t size, size_t max, struct err *err)
{
    size_t bytes;

    if (len < *cap)
        return 0;
    if (len >= max)
        return err_set(err, ERR_LIMIT, "more than %zu", max);
    size_t want = *cap == 0 ? GROW_FIRST : *cap * 2;
    if (want > max)
        want = max;
    if (__builtin_mul_overflow(want, size, &bytes))
        return err_set(err, ERR_NOMEM, "out of memory");
    void *grown = realloc(*array, bytes);
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    memset((uint8_t *)grown + *cap * size, 0, (want - *cap) * size);
    *array = grown;
    *cap = want;
    return 0;
}

void mem_freep(void *pointer_to_pointer)
{
    void **p = pointer_to_pointer;

    free(*p);
    *p = NULL;
}

static struct arena_block *arena_block_for(struct arena *a, size_t len, struct err *err)
{
    if (a->blocks != NULL && a->blocks->cap - a->blocks->used >= len)
        return a->blocks;
    size_t cap = a->held < ARENA_FIRST ? ARENA_FIRST : a->held;
    if (cap > ARENA_BLOCK)
        cap = ARENA_BLOCK;
    if (cap < len)
        cap = len;
    struct arena_block *block = malloc(sizeof(*block) + cap);
    if (block == NULL) {
        err_set(err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    block->adopted = NULL;
    block->used = 0;
    block->cap = cap;
    block->next = a->blocks;
    a->blocks = block;
    a->held += sizeof(*block) + cap;
    return block;
}

void *arena_new(struct arena *a, size_t n, size_t size, struct err *err)
{
    size_t len;
    const size_t align = alignof(max_align_t);

    if (__builtin_mul_overflow(n, size, &len) || len > a->max || a->used > a->max - len) {
        err_set(err, ERR_LIMIT, "more than %zu bytes of memory for one item", a->max);
        return NULL;
    }
    size_t padded = (len + align - 1) / align * align;
    struct arena_block *block = arena_block_for(a, padded, err);
    if (block == NULL)
        return NULL;
    void *p = block->data + block->used;
    block->used += padded;
    a->used += len;
    memset(p, 0, padded);
    return p;
}

char *arena_text(struct arena *a, struct bytes in, struct err *err)
{
    char *text = arena_new(a, in.len + 1, 1, err);

    if (text != NULL && in.len > 0)
        memcpy(text, in.data, in.len);
    return text;
}

int arena_bytes(struct bytes *out, struct arena *a, struct bytes in, struct err *err)
{
    *out = BYTES_NONE;
    char *copy = arena_text(a, in, err);
    if (copy == NULL)
        return -1;
    *out = (struct bytes) { (const uint8_t *)copy, in.len };
    return 0;
}

char *arena_printf(struct arena *a, struct err *err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = n < 0 ? NULL : arena_new(a, (size_t)n + 1, 1, err);
    if (text == NULL)
        return NULL;
    va_start(args, fmt);
    n = vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}

int arena_adopt(struct bytes *out, struct arena *a, struct buf *in, struct err *err)
{
    *out = BYTES_NONE;
    if (in->len > a->max || a->used > a->max - in->len)
        return err_set(err, ERR_LIMIT, "more than %zu bytes of memory for one item", a->max);
    struct arena_block *block = mem_new(1, sizeof(*block), err);
    if (block == NULL)
        return -1;
    const struct buf taken = buf_take(in);
    block->adopted = taken.data;
    a->used += taken.len;
    a->held += sizeof(*block) + taken.cap;
    *out = (struct bytes) { taken.data, taken.len };
    /* behind the first, which small pieces are still cut from */
    struct arena_block **where = a->blocks == NULL ? &a->blocks : &a->blocks->next;
    block->next = *where;
    *where = block;
    return 0;
}

void arena_clear(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks->adopted);
        free(a->blocks);
        a->blocks = next;
    }
    a->used = a->held = 0;
}
