/* Aims at exchange_add_query() and exchange_query(): the arguments of a request's URL. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "webhook/exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* What precedes `separator`, with it taken off `rest`. */
static struct bytes cut(struct bytes *rest, int separator)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, separator, rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    struct bytes part = bytes_part(*rest, 0, len);

    *rest = bytes_part(*rest, len + 1, rest->len);
    return part;
}

static bool has_nul(struct bytes text)
{
    return text.len > 0 && memchr(text.data, 0, text.len) != NULL;
}

/* "name=value&name=value", not decoded. The first value of the first name that can be told as text
 * is what is found. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(SIZE_MAX / 4);
    struct bytes rest = { data, size };
    struct bytes first = BYTES_NONE;
    struct exchanges *all = NULL;
    struct exchange *x = NULL;
    bool known = false;

    must(exchanges_new(&all, 0, NULL) == 0 && exchange_new(&x, all, NULL) == 0);
    while (rest.len > 0) {
        struct bytes value = cut(&rest, '&');
        struct bytes key = cut(&value, '=');
        exchange_add_query(x, key, value);
        if (!known && size < 4096 && !has_nul(key) && !has_nul(value)) {
            known = true;
            buf_add_bytes(&name, key);
            first = value;
        }
    }
    const char *found = exchange_query(x, buf_text(&name));
    must(!known || (found != NULL && bytes_is(first, found)));
    must(exchange_query(x, "\x01not there") == NULL || size >= 10);
    exchange_end(x);
    must(atomic_load(&all->refs) == 1);
    exchanges_drop(all);
    return 0;
}
