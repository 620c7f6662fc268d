/* Aims at http_resolve(), http_url_host(), http_same_origin(): URLs of redirects, links, realms. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/http.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* What every accepted URL is like. */
static void check_url(const char *url)
{
    struct buf CLEANUP(buf_clear) host = BUF_INIT(URL_MAX);
    struct buf CLEANUP(buf_clear) again = BUF_INIT(URL_MAX);
    const char *authority = strstr(url, "://");

    must(strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
    must(strlen(url) <= URL_MAX && strchr(url, '#') == NULL);
    must(authority != NULL && memchr(authority, '@', strcspn(authority + 3, "/?") + 3) == NULL);
    must(http_url_host(&host, url, NULL) == 0 && host.len > 0);
    must(strpbrk(buf_text(&host), "/@?#\\ %ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL);
    must(http_same_origin(url, url));
    must(http_resolve(&again, url, bytes_text(url), NULL) == 0);
    must(bytes_is(buf_bytes(&again), url)); /* normal form */
}

/* The first line is a base, the rest what is resolved against it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf CLEANUP(buf_clear) base = BUF_INIT(SIZE_MAX / 4);
    struct buf CLEANUP(buf_clear) rest = BUF_INIT(SIZE_MAX / 4);
    struct buf CLEANUP(buf_clear) out = BUF_INIT(URL_MAX);
    struct buf CLEANUP(buf_clear) host = BUF_INIT(URL_MAX);
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    size_t first = end == NULL ? size : (size_t)(end - data);
    struct bytes all = { data, size };
    struct err err = ERR_INIT;

    buf_add_bytes(&base, bytes_part(all, 0, first));
    buf_add_bytes(&rest, bytes_part(all, first + 1, size));
    int resolved = http_resolve(&out, buf_text(&base), buf_bytes(&rest), &err);
    must((resolved == 0) == (err.code == ERR_NONE));
    if (resolved == 0)
        check_url(buf_text(&out));
    else
        must(out.len == 0);
    if (http_url_host(&host, buf_text(&base), NULL) == 0)
        must(http_same_origin(buf_text(&base), buf_text(&base)));
    else
        must(!http_same_origin(buf_text(&base), buf_text(&base)));
    return 0;
}
