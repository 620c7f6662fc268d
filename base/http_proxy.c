#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_private.h"
#include "base/mem.h"
#include "base/text.h"

/*
 * The choice is made here and handed to curl as a plain "this proxy" or "none": the address policy
 * must know whether a socket leads to the host or to a proxy, and curl does not tell.
 */

/* The first variable that is set and not empty. */
static int first_of(char **out, const char *const *names, struct err *err)
{
    for (; *names != NULL; names++) {
        const char *value = getenv(*names);
        if (value == NULL || value[0] == '\0')
            continue;
        *out = mem_text(bytes_text(value), err);
        return *out != NULL ? 0 : -1;
    }
    return 0;
}

int http_proxies_read(struct http_proxies *out, struct err *err)
{
    /* HTTP_PROXY in capitals is not read: under CGI a client sets it (CVE-2016-5385). */
    static const char *const http[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };
    static const char *const https[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                         NULL };
    static const char *const none[] = { "no_proxy", "NO_PROXY", NULL };

    memset(out, 0, sizeof(*out));
    if (first_of(&out->http, http, err) == 0 && first_of(&out->https, https, err) == 0 &&
        first_of(&out->none, none, err) == 0)
        return 0;
    http_proxies_clear(out);
    return -1;
}

void http_proxies_clear(struct http_proxies *proxies)
{
    free(proxies->http);
    free(proxies->https);
    free(proxies->none);
    memset(proxies, 0, sizeof(*proxies));
}

/* The address of a literal host: its family, or 0 for a name. */
static int literal(uint8_t out[16], struct bytes text)
{
    char name[INET6_ADDRSTRLEN] = { 0 };

    if (text.len >= 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
        text = bytes_part(text, 1, text.len - 2);
    if (text.len == 0 || text.len >= sizeof(name))
        return 0;
    memcpy(name, text.data, text.len);
    if (inet_pton(AF_INET, name, out) == 1)
        return AF_INET;
    return inet_pton(AF_INET6, name, out) == 1 ? AF_INET6 : 0;
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++)
        if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
            return false;
    return true;
}

/* "10.0.0.0/8", "[::1]", "192.0.2.1" against a literal host. */
static bool address_listed(struct bytes pattern, int family, const uint8_t *address)
{
    const uint8_t *slash = pattern.len == 0 ? NULL : memchr(pattern.data, '/', pattern.len);
    size_t len = slash == NULL ? pattern.len : (size_t)(slash - pattern.data);
    uint64_t width = family == AF_INET ? 32 : 128;
    uint64_t bits = width;
    uint8_t listed[16];

    if (slash != NULL &&
        decimal_parse(&bits, bytes_part(pattern, len + 1, pattern.len), width, NULL) != 0)
        return false;
    return literal(listed, bytes_part(pattern, 0, len)) == family &&
           bits_equal(listed, address, (unsigned)bits);
}

/* "example.com" and ".example.com" cover the name and all below it. */
static bool name_listed(struct bytes pattern, struct bytes host)
{
    while (pattern.len > 0 && pattern.data[0] == '.')
        pattern = bytes_part(pattern, 1, pattern.len);
    if (pattern.len == 0 || pattern.len > host.len)
        return false;
    size_t before = host.len - pattern.len;
    return text_equal_nocase(pattern, bytes_part(host, before, pattern.len)) &&
           (before == 0 || host.data[before - 1] == '.');
}

static bool listed(const char *list, const char *host)
{
    uint8_t address[16];
    struct bytes name = bytes_text(host);
    int family = literal(address, name);

    while (*list != '\0') {
        size_t len = strcspn(list, ", \t");
        struct bytes pattern = { (const uint8_t *)list, len };
        if (bytes_is(pattern, "*") || (family != 0 && address_listed(pattern, family, address)) ||
            (family == 0 && name_listed(pattern, name)))
            return true;
        list += len;
        list += strspn(list, ", \t");
    }
    return false;
}

const char *http_proxy_for(const struct http_proxies *proxies, const struct http_url *url)
{
    const char *proxy = url->tls ? proxies->https : proxies->http;

    if (proxy == NULL || listed("localhost,127.0.0.0/8,::1", url->host) ||
        (proxies->none != NULL && listed(proxies->none, url->host)))
        return "";
    return proxy;
}
