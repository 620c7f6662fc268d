#include "registry/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/http.h"
#include "base/limits.h"

/* Where credentials may go (registry.md 6.8): the realm is text from whatever host a reference
 * names. */

/* Registries whose token server has another name. */
static const struct pair {
    const char *registry;
    const char *realm;
} pairs[] = {
    { "registry-1.docker.io", "auth.docker.io" },
    { "docker.io", "auth.docker.io" },
    { "registry.gitlab.com", "gitlab.com" },
};

/* Domains below which unrelated parties have names. Two-letter domains with a short second part
 * ("co.uk") are known by their form. */
static const char *const shared_domains[] = {
    "amazonaws.com",      "appspot.com",    "azurecr.io",  "azurewebsites.net",
    "cloudapp.net",       "cloudfront.net", "fly.dev",     "github.io",
    "gitlab.io",          "herokuapp.com",  "netlify.app", "ngrok.io",
    "onrender.com",       "pages.dev",      "pkg.dev",     "run.app",
    "vercel.app",         "web.app",        "windows.net", "workers.dev",
    "cloudapp.azure.com", "icr.io",         "gcr.io",
};

/* "host[:port]" without the port; the brackets of an IPv6 literal stay. */
static struct bytes name_of(struct bytes host)
{
    const uint8_t *bracket = host.len > 0 ? memrchr(host.data, ']', host.len) : NULL;
    const uint8_t *colon = host.len > 0 ? memrchr(host.data, ':', host.len) : NULL;

    if (colon == NULL || (bracket != NULL && colon < bracket))
        return host;
    return bytes_part(host, 0, (size_t)(colon - host.data));
}

static bool ends_with(struct bytes text, const char *suffix)
{
    size_t n = strlen(suffix);

    return text.len >= n && bytes_is(bytes_part(text, text.len - n, n), suffix);
}

static bool is_literal(struct bytes name)
{
    if (name.len == 0 || name.data[0] == '[')
        return true;
    for (size_t i = 0; i < name.len; i++)
        if ((name.data[i] < '0' || name.data[i] > '9') && name.data[i] != '.')
            return false;
    return true;
}

bool host_is_loopback(const char *host)
{
    struct bytes name = name_of(bytes_text(host));

    if (bytes_is(name, "localhost") || bytes_is(name, "[::1]") || ends_with(name, ".localhost"))
        return true;
    size_t dots = 0;
    for (size_t i = 0; i < name.len; i++)
        dots += name.data[i] == '.' ? 1 : 0;
    return is_literal(name) && dots == 3 && bytes_starts(name, "127.");
}

/* What stands after the first label. */
static struct bytes parent_of(struct bytes name)
{
    const uint8_t *dot = name.len > 0 ? memchr(name.data, '.', name.len) : NULL;

    return dot == NULL ? BYTES_NONE : bytes_part(name, (size_t)(dot - name.data) + 1, name.len);
}

/* Does everybody below this domain belong to one party, as far as that can be told? */
static bool one_party(struct bytes domain)
{
    struct bytes top = parent_of(domain);

    if (top.len == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(shared_domains); i++)
        if (bytes_is(domain, shared_domains[i]))
            return false;
    bool two_labels = parent_of(top).len == 0;
    return !(two_labels && top.len == 2 && domain.len - top.len - 1 <= 3);
}

static bool is_below(struct bytes name, struct bytes domain)
{
    return name.len > domain.len + 1 && name.data[name.len - domain.len - 1] == '.' &&
           bytes_equal(bytes_part(name, name.len - domain.len, domain.len), domain);
}

static bool same_party(struct bytes registry, struct bytes realm)
{
    struct bytes domain = parent_of(registry);

    if (bytes_equal(registry, realm))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (bytes_is(registry, pairs[i].registry) && bytes_is(realm, pairs[i].realm))
            return true;
    if (is_literal(registry) || is_literal(realm))
        return false;
    return one_party(domain) && (bytes_equal(realm, domain) || is_below(realm, domain));
}

int realm_check(bool *trusted, const char *realm, const char *registry, struct err *err)
{
    struct buf CLEANUP(buf_clear) realm_host = BUF_INIT(URL_MAX);
    struct buf CLEANUP(buf_clear) registry_host = BUF_INIT(URL_MAX);
    bool http = strncasecmp(registry, "http://", 7) == 0;

    *trusted = false;
    if (strncasecmp(realm, "https://", 8) != 0 && !(http && strncasecmp(realm, "http://", 7) == 0))
        return err_set(err, ERR_AUTH, "the registry's token realm is not an https address");
    if (strchr(realm, '#') != NULL)
        return err_set(err, ERR_AUTH, "the registry's token realm has a fragment");
    if (http_url_host(&realm_host, realm, err) != 0 ||
        http_url_host(&registry_host, registry, err) != 0) {
        if (err != NULL && err->code == ERR_MALFORMED)
            err->code = ERR_AUTH;
        return err_wrap(err, "the registry's token realm");
    }
    struct bytes to = name_of(buf_bytes(&realm_host));
    struct bytes from = name_of(buf_bytes(&registry_host));
    bool inward = host_is_loopback(buf_text(&realm_host)) || bytes_starts(to, "169.254.");
    if (inward && !host_is_loopback(buf_text(&registry_host)) && !bytes_equal(to, from))
        return err_set(err, ERR_AUTH, "the registry's token realm is an address of this machine");
    *trusted = same_party(from, to);
    return 0;
}
