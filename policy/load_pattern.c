/* Patterns of a policy (policy.md "Images"): a host that is normalised as references are, then a
 * repository; of namespaces one segment. */
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "policy/load_private.h"

#define HUB "docker.io"
#define LAYOUT "oci:"
#define NAMESPACE_MAX 63 /* RFC 1123 label: what Kubernetes admits as a namespace */

/* A pattern of images in its parts. */
struct parts {
    struct bytes host;
    struct bytes path;   /* behind the host's slash */
    struct bytes digest; /* behind "@"; data is NULL: none */
};

static size_t find(struct bytes text, char c)
{
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.data, c, text.len);

    return at == NULL ? text.len : (size_t)(at - text.data);
}

static bool has(struct bytes text, char c)
{
    return find(text, c) < text.len;
}

int load_pattern(struct loader *l, const struct place *at, struct pattern *out)
{
    struct err err = ERR_INIT;

    if (load_string(l, at) != 0)
        return -1;
    if (!text_plain(at->node->text) || at->node->text.len > REFERENCE_MAX)
        return load_wrong(l, at, "too long for a pattern, or with control characters");
    if (pattern_compile(out, at->node->text, &l->policy->arena, &err) == 0)
        return 0;
    if (err.code == ERR_INVALID)
        return load_wrong(l, at, "%s", err_text(&err));
    return load_stop(l, &err);
}

static bool host_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(".-:[]*", c) != NULL);
}

/* "*.example:443" is "*.example"; a star takes the place of what reference_host() would check. */
static int starred_host(struct loader *l, const struct place *at, struct bytes host,
                        struct buf *out)
{
    const struct bytes tail = BYTES_LIT(":443");

    for (size_t i = 0; i < host.len; i++)
        if (!host_character(host.data[i]))
            return load_wrong(l, at, "the part before the first slash is not a registry's host");
    if (bytes_is(host, "**"))
        return load_wrong(l, at,
                          "a pattern begins with a registry's host: for every registry "
                          "write */**");
    if (host.len > tail.len && bytes_equal(bytes_part(host, host.len - tail.len, tail.len), tail))
        host.len -= tail.len;
    for (size_t i = 0; i < host.len; i++) {
        const uint8_t c = host.data[i];
        buf_add_char(out, (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    }
    return 0;
}

/* The host as references have it. A first part that would not be read as a host is a repository
 * whose host was left out. */
static int write_host(struct loader *l, const struct place *at, struct bytes host, struct buf *out)
{
    char *CLEANUP(mem_freep) normal = NULL;
    struct err err = ERR_INIT;

    if (has(host, '*'))
        return starred_host(l, at, host, out);
    if (!has(host, '.') && !has(host, ':') && !bytes_is(host, "localhost"))
        return load_wrong(l, at, "a pattern begins with the registry's host, as %s/library/nginx",
                          HUB);
    if (reference_host(&normal, host, &err) != 0)
        return err.code == ERR_NOMEM
                   ? load_stop(l, &err)
                   : load_wrong(l, at, "the part before the first slash is not a registry's host");
    buf_add_text(out, normal);
    return 0;
}

static int check_path(struct loader *l, const struct place *at, struct bytes path)
{
    for (size_t i = 0; i < path.len; i++) {
        const uint8_t c = path.data[i];
        if (c == ':')
            return load_wrong(l, at,
                              "a pattern has no tag: beside a digest a tag is only what "
                              "somebody wrote");
        if (c >= 'A' && c <= 'Z')
            return load_wrong(l, at, "a repository is lower case: this would match nothing");
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("._-/*", c) != NULL) ||
            c == '\0')
            return load_wrong(l, at, "no repository's name has the character 0x%02x", c);
        if (c == '/' && (i == 0 || i + 1 == path.len || path.data[i - 1] == '/'))
            return load_wrong(l, at, "an empty part between slashes matches nothing");
    }
    if (path.len == 0)
        return load_wrong(l, at, "no repository behind the host; for all of them write /**");
    return 0;
}

static int check_digest(struct loader *l, const struct place *at, const struct parts *parts,
                        bool allowed)
{
    struct digest digest;

    if (parts->digest.data == NULL)
        return 0;
    if (!allowed)
        return load_wrong(l, at, "a digest belongs only in rules with allow-unsigned or deny");
    if (digest_parse(&digest, parts->digest, NULL) != 0)
        return load_wrong(l, at, "not a digest behind @: sha256: and 64 hexadecimal digits");
    return 0;
}

/* One segment behind the Hub's name never matches: its official images are docker.io/library/NAME.
 */
static int check_hub(struct loader *l, const struct place *at, const struct buf *host,
                     struct bytes path)
{
    if (!bytes_is(buf_bytes(host), HUB) || has(path, '/') || bytes_is(path, "**"))
        return 0;
    return load_wrong(l, at, "matches nothing: an official image's name is %s/library/%.64s", HUB,
                      (const char *)at->node->text.data + (at->node->text.len - path.len));
}

static struct parts split(struct bytes text)
{
    const size_t slash = find(text, '/'), at_sign = find(text, '@');
    struct parts parts = { .host = bytes_part(text, 0, slash) };
    const struct bytes rest = bytes_part(text, slash + 1, text.len);

    parts.path = bytes_part(rest, 0, find(rest, '@'));
    if (at_sign < text.len)
        parts.digest = (struct bytes) { text.data + at_sign + 1, text.len - at_sign - 1 };
    return parts;
}

static int compile_image(struct loader *l, const struct place *at, const struct parts *parts,
                         struct buf *name, struct pattern *out)
{
    struct err err = ERR_INIT;

    buf_add_char(name, '/');
    buf_add_bytes(name, parts->path);
    if (parts->digest.data != NULL) {
        buf_add_char(name, '@');
        buf_add_bytes(name, parts->digest);
    }
    if (buf_check(name, "the pattern", &err) == 0 &&
        pattern_compile(out, buf_bytes(name), &l->policy->arena, &err) == 0)
        return 0;
    if (err.code == ERR_INVALID)
        return load_wrong(l, at, "%s", err_text(&err));
    return load_stop(l, &err);
}

/* "oci:DIR": a layout on disk has no host and is matched as it is written. */
static int read_layout(struct loader *l, const struct place *at, struct pattern *out)
{
    const struct bytes folder = bytes_part(at->node->text, strlen(LAYOUT), at->node->text.len);

    if (folder.len == 0 || has(folder, ':') || has(folder, '@'))
        return load_wrong(l, at, "a layout's pattern is %sDIR, without tag or digest", LAYOUT);
    return load_pattern(l, at, out);
}

static int read_image(struct loader *l, const struct place *at, bool digests, struct pattern *out)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);

    if (load_string(l, at) != 0)
        return -1;
    const struct bytes text = at->node->text;
    if (!text_plain(text) || text.len > REFERENCE_MAX / 2)
        return load_wrong(l, at, "too long for a pattern, or with control characters");
    if (bytes_starts(text, LAYOUT))
        return read_layout(l, at, out);
    const struct parts parts = split(text);
    if (write_host(l, at, parts.host, &name) != 0 || check_path(l, at, parts.path) != 0 ||
        check_digest(l, at, &parts, digests) != 0 || check_hub(l, at, &name, parts.path) != 0)
        return -1;
    return compile_image(l, at, &parts, &name, out);
}

static int read_name_pattern(struct loader *l, const struct place *at, struct pattern *out)
{
    return read_image(l, at, false, out);
}

static int read_digest_pattern(struct loader *l, const struct place *at, struct pattern *out)
{
    return read_image(l, at, true, out);
}

static bool namespace_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '*';
}

static int read_namespace(struct loader *l, const struct place *at, struct pattern *out)
{
    const struct bytes text = at->node->text;

    if (load_string(l, at) != 0)
        return -1;
    if (bytes_is(text, "**"))
        return load_wrong(l, at, "a namespace is one part: write *");
    if (text.len > NAMESPACE_MAX)
        return load_wrong(l, at, "no namespace is longer than %d characters", NAMESPACE_MAX);
    for (size_t i = 0; i < text.len; i++)
        if (!namespace_character(text.data[i]))
            return load_wrong(l, at, "no namespace has that name: small letters, digits and -");
    return load_pattern(l, at, out);
}

typedef int pattern_reader(struct loader *l, const struct place *at, struct pattern *out);

/* A text, or a list of them. */
static int read_patterns(struct loader *l, const struct place *at, pattern_reader *read,
                         struct load_patterns *out)
{
    const bool list = at->node->kind == YAML_SEQUENCE;
    int result = 0;

    if (list && load_filled(l, at, YAML_SEQUENCE) != 0)
        return -1;
    const size_t n = list ? at->node->n : 1;
    struct pattern *patterns = load_new(l, n, sizeof(*patterns));
    if (patterns == NULL)
        return -1;
    for (size_t i = 0; i < n && !l->stopped; i++) {
        const struct place item = list ? load_item(at, i) : *at;
        if (read(l, &item, &patterns[i]) != 0)
            result = -1;
    }
    if (list && load_unlike(l, at) != 0)
        result = -1;
    *out = (struct load_patterns) { patterns, n };
    return result;
}

int load_images(struct loader *l, const struct place *at, bool digests, struct load_patterns *out)
{
    return read_patterns(l, at, digests ? read_digest_pattern : read_name_pattern, out);
}

int load_namespaces(struct loader *l, const struct place *at, struct load_patterns *out)
{
    return read_patterns(l, at, read_namespace, out);
}
