#include <arpa/inet.h>
#include <string.h>

#include "base/http_private.h"

struct prefix {
    uint8_t address[16];
    int bits;
};

/* IANA special-purpose registries, and multicast. */
static const struct prefix not_public4[] = {
    { { 0 }, 8 },         { { 10 }, 8 },       { { 100, 64 }, 10 },   { { 127 }, 8 },
    { { 169, 254 }, 16 }, { { 172, 16 }, 12 }, { { 192, 0, 0 }, 24 }, { { 192, 168 }, 16 },
    { { 198, 18 }, 15 },  { { 224 }, 4 },      { { 240 }, 4 },
};
static const struct prefix not_public6[] = {
    { { 0 }, 127 },         /* :: and ::1 */
    { { 0xfe, 0x80 }, 10 }, /* link-local */
    { { 0xfe, 0xc0 }, 10 }, /* site-local, deprecated */
    { { 0xfc }, 7 },        /* unique local, fd00:ec2::254 among them */
    { { 0xff }, 8 },        /* multicast */
};
/* Prefixes that an IPv4 address follows. */
static const struct prefix embedding[] = {
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 },    /* v4-mapped */
    { { 0 }, 96 },                                           /* v4-compatible, deprecated */
    { { 0, 0x64, 0xff, 0x9b }, 96 },                         /* NAT64, RFC 6052 */
    { { 0, 0x64, 0xff, 0x9b, 0, 1, 0, 0, 0, 0, 0, 0 }, 96 }, /* local NAT64, RFC 8215 */
    { { 0x20, 0x02 }, 16 },                                  /* 6to4 */
};

static bool prefix_covers(const struct prefix *p, const uint8_t *address)
{
    int whole = p->bits / 8;
    int rest = p->bits % 8;

    for (int i = 0; i < whole; i++)
        if (p->address[i] != address[i])
            return false;
    return rest == 0 || ((p->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

static bool public4(const uint8_t address[4])
{
    for (size_t i = 0; i < ARRAY_LEN(not_public4); i++)
        if (prefix_covers(&not_public4[i], address))
            return false;
    return true;
}

static bool public6(const uint8_t address[16])
{
    for (size_t i = 0; i < ARRAY_LEN(not_public6); i++)
        if (prefix_covers(&not_public6[i], address))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(embedding); i++)
        if (prefix_covers(&embedding[i], address))
            return public4(address + embedding[i].bits / 8);
    return true;
}

bool http_address_public(const struct sockaddr *address)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    if (address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof(in4));
        return public4((const uint8_t *)&in4.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof(in6));
        return public6(in6.sin6_addr.s6_addr);
    }
    return false;
}

bool http_host_literal_public(const char *host)
{
    char text[INET6_ADDRSTRLEN] = { 0 };
    uint8_t address[16];
    size_t len = strlen(host);

    if (inet_pton(AF_INET, host, address) == 1)
        return public4(address);
    if (host[0] != '[')
        return true;
    if (len < 3 || len - 2 >= sizeof(text))
        return false;
    memcpy(text, host + 1, len - 2);
    return inet_pton(AF_INET6, text, address) == 1 && public6(address);
}

void http_address_text(char out[INET6_ADDRSTRLEN], const struct sockaddr *address)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    const void *from = NULL;

    out[0] = '\0';
    if (address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof(in4));
        from = &in4.sin_addr;
    } else if (address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof(in6));
        from = &in6.sin6_addr;
    }
    if (from == NULL || inet_ntop(address->sa_family, from, out, INET6_ADDRSTRLEN) == NULL)
        memcpy(out, "unknown", sizeof("unknown"));
}
