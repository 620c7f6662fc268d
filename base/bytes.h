#ifndef BULLA_BASE_BYTES_H
#define BULLA_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/** Borrowed bytes. `data` may be NULL only when `len` is 0. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES_NONE ((struct bytes) { NULL, 0 })
#define BYTES_LIT(lit) ((struct bytes) { (const uint8_t *)(lit), sizeof(lit) - 1 })

struct bytes bytes_text(const char *text);                          /* NULL gives BYTES_NONE */
struct bytes bytes_part(struct bytes all, size_t from, size_t len); /* clipped to what is there */
bool bytes_equal(struct bytes a, struct bytes b); /* not constant time: public data only */
bool bytes_is(struct bytes a, const char *text);
bool bytes_starts(struct bytes a, const char *prefix);

/**
 * Owned bytes that grow up to `max`, chosen at creation. A failure (ceiling or memory) is sticky:
 * further appends do nothing, and buf_check() tells. One NUL always follows the content, so that
 * buf_text() is a C string.
 */
struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    enum { BUF_FINE = 0, BUF_FULL, BUF_NOMEM } state;
};

#define BUF_INIT(max_)                                                                             \
    {                                                                                              \
        .data = NULL, .len = 0, .cap = 0, .max = (max_), .state = BUF_FINE                         \
    }

void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_bytes(struct buf *b, struct bytes bytes);
void buf_add_text(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** Make room for `more` bytes beyond len; returns where they go, or NULL (state says why). Add to
 * len afterwards. */
uint8_t *buf_reserve(struct buf *b, size_t more);

/** 0 when every append succeeded, else -1 with ERR_LIMIT or ERR_NOMEM naming `what`. */
int buf_check(const struct buf *b, const char *what, struct err *err) MUST_CHECK;

struct bytes buf_bytes(const struct buf *b); /* borrowed until the next append */
const char *buf_text(const struct buf *b);   /* "" when empty; borrowed */
void buf_reset(struct buf *b);               /* empty again, memory kept, state fine */
void buf_clear(struct buf *b);               /* memory freed */
struct buf buf_take(struct buf *b); /* moves the content out; `b` is empty with the same max */

#endif
