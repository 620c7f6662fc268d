#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 64 /* first allocation, bytes */

struct bytes bytes_text(const char *text)
{
    if (text == NULL)
        return BYTES_NONE;
    return (struct bytes) { (const uint8_t *)text, strlen(text) };
}

struct bytes bytes_part(struct bytes all, size_t from, size_t len)
{
    if (from > all.len)
        from = all.len;
    if (len > all.len - from)
        len = all.len - from;
    if (len == 0)
        return BYTES_NONE;
    return (struct bytes) { all.data + from, len };
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (a.data[i] != b.data[i])
            return false;
    return true;
}

bool bytes_is(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_text(text));
}

bool bytes_starts(struct bytes a, const char *prefix)
{
    struct bytes p = bytes_text(prefix);

    return a.len >= p.len && bytes_equal(bytes_part(a, 0, p.len), p);
}

uint8_t *buf_reserve(struct buf *b, size_t more)
{
    if (b->state != BUF_FINE)
        return NULL;
    if (more > b->max || b->len > b->max - more) {
        b->state = BUF_FULL;
        return NULL;
    }
    size_t need = b->len + more + 1;
    if (need <= b->cap)
        return b->data + b->len;
    size_t cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
    while (cap < need)
        cap = cap <= SIZE_MAX / 2 ? cap * 2 : need;
    if (cap > b->max + 1 && b->max < SIZE_MAX)
        cap = b->max + 1;
    uint8_t *data = realloc(b->data, cap);
    if (data == NULL) {
        b->state = BUF_NOMEM;
        return NULL;
    }
    b->data = data;
    b->cap = cap;
    b->data[b->len] = 0;
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    uint8_t *to = buf_reserve(b, len);

    if (to == NULL)
        return;
    if (len > 0)
        memcpy(to, data, len);
    b->len += len;
    b->data[b->len] = 0;
}

void buf_add_bytes(struct buf *b, struct bytes bytes)
{
    buf_add(b, bytes.data, bytes.len);
}

void buf_add_text(struct buf *b, const char *text)
{
    buf_add_bytes(b, bytes_text(text));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list args;

    /* Usually it fits into what is there. */
    const size_t room = b->state == BUF_FINE && b->data != NULL ? b->cap - b->len : 0;
    va_start(args, fmt);
    int n = vsnprintf(room > 0 ? (char *)b->data + b->len : NULL, room, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < room) {
        b->len += (size_t)n;
        return;
    }
    if (room > 0)
        b->data[b->len] = 0;
    uint8_t *to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
    if (to == NULL)
        return;
    va_start(args, fmt);
    n = vsnprintf((char *)to, (size_t)n + 1, fmt, args);
    va_end(args);
    if (n > 0)
        b->len += (size_t)n;
}

int buf_check(const struct buf *b, const char *what, struct err *err)
{
    if (b->state == BUF_FINE)
        return 0;
    if (b->state == BUF_NOMEM)
        return err_set(err, ERR_NOMEM, "%s: out of memory", what);
    return err_set(err, ERR_LIMIT, "%s: larger than %zu bytes", what, b->max);
}

struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes) { b->data, b->len };
}

const char *buf_text(const struct buf *b)
{
    return b->data == NULL ? "" : (const char *)b->data;
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->state = BUF_FINE;
    if (b->data != NULL)
        b->data[0] = 0;
}

void buf_clear(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->cap = 0;
    buf_reset(b);
}

struct buf buf_take(struct buf *b)
{
    struct buf taken = *b;

    b->data = NULL;
    b->cap = 0;
    buf_reset(b);
    return taken;
}
