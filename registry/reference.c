#include "registry/reference.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"

#define HUB "docker.io"
#define PATH_MAX_LEN 255 /* of a repository path (registry.md 1.4) */
#define TAG_MAX_LEN 128
#define HOST_MAX_LEN 253 /* RFC 1035 section 2.3.4, as text */
#define LABEL_MAX_LEN 63 /* the same */
#define IMAGE_ID_LEN 64  /* a bare name of so many hex digits is an image id to docker */
#define SHOWN_MAX 128    /* of the text, in messages */
#define LAYOUT_PREFIX "oci:"

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Index of the first or last `c`, or text.len. */
static size_t find_first(struct bytes text, char c)
{
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.data, c, text.len);

    return at == NULL ? text.len : (size_t)(at - text.data);
}

static size_t find_last(struct bytes text, char c)
{
    const uint8_t *at = text.len == 0 ? NULL : memrchr(text.data, c, text.len);

    return at == NULL ? text.len : (size_t)(at - text.data);
}

static struct bytes after(struct bytes text, size_t at)
{
    return bytes_part(text, at + 1, text.len);
}

bool tag_valid(struct bytes tag)
{
    if (tag.len == 0 || tag.len > TAG_MAX_LEN)
        return false;
    for (size_t i = 0; i < tag.len; i++) {
        uint8_t c = tag.data[i];
        bool word = is_lower(c) || is_upper(c) || is_digit(c) || c == '_';
        if (!word && (i == 0 || (c != '.' && c != '-')))
            return false;
    }
    return true;
}

/* component = run *( ( "." / "_" / "__" / 1*"-" ) run ) */
static bool component_valid(struct bytes part)
{
    size_t i = 0;

    while (i < part.len) {
        size_t run = i;
        while (i < part.len && (is_lower(part.data[i]) || is_digit(part.data[i])))
            i++;
        if (i == run)
            return false;
        if (i == part.len)
            return true;
        size_t sep = i;
        uint8_t c = part.data[i];
        while (i < part.len && part.data[i] == c)
            i++;
        size_t most = c == '.' ? 1 : c == '_' ? 2 : c == '-' ? part.len : 0;
        if (i - sep > most)
            return false;
    }
    return false; /* empty, or ends with a separator */
}

bool repository_valid(struct bytes path)
{
    if (path.len == 0 || path.len > PATH_MAX_LEN)
        return false;
    for (;;) {
        size_t slash = find_first(path, '/');
        if (!component_valid(bytes_part(path, 0, slash)))
            return false;
        if (slash == path.len)
            return true;
        path = after(path, slash);
    }
}

static bool dns_valid(struct bytes name)
{
    if (name.len == 0 || name.len > HOST_MAX_LEN)
        return false;
    for (;;) {
        size_t dot = find_first(name, '.');
        struct bytes label = bytes_part(name, 0, dot);
        if (label.len == 0 || label.len > LABEL_MAX_LEN || label.data[0] == '-' ||
            label.data[label.len - 1] == '-')
            return false;
        for (size_t i = 0; i < label.len; i++) {
            uint8_t c = label.data[i];
            if (!is_lower(c) && !is_upper(c) && !is_digit(c) && c != '-')
                return false;
        }
        if (dot == name.len)
            return true;
        name = after(name, dot);
    }
}

/* Hex digits and colons only: a zone or a dotted tail would be read by libcurl, but is no part of
 * the reference grammar (registry.md 1.5). */
static bool ipv6_valid(struct bytes inside)
{
    char text[INET6_ADDRSTRLEN] = { 0 };
    struct in6_addr address;

    if (inside.len == 0 || inside.len >= sizeof(text))
        return false;
    for (size_t i = 0; i < inside.len; i++)
        if (!is_hex(inside.data[i]) && inside.data[i] != ':')
            return false;
    memcpy(text, inside.data, inside.len);
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* Split "host[:port]" and check both; *port is empty when there is none. */
static bool host_split(struct bytes text, struct bytes *name, struct bytes *port)
{
    size_t end = find_first(text, ':');
    uint64_t number;

    *port = BYTES_NONE;
    if (bytes_starts(text, "[")) {
        end = find_first(text, ']');
        if (end == text.len || !ipv6_valid(bytes_part(text, 1, end - 1)))
            return false;
        end++;
        if (end < text.len && text.data[end] != ':')
            return false;
    } else if (!dns_valid(bytes_part(text, 0, end))) {
        return false;
    }
    *name = bytes_part(text, 0, end);
    if (text_equal_nocase(*name, BYTES_LIT("oci")))
        return false; /* "oci:443/x" is a layout: such a host could not be written */
    if (end == text.len)
        return true;
    *port = after(text, end);
    return decimal_parse(&number, *port, 65535, NULL) == 0 && number > 0;
}

/* A host of one label is written with its port, for without one "host/x" is a path on Docker Hub.
 * Two images must never have one canonical name. */
static bool needs_port(struct bytes name)
{
    return !bytes_starts(name, "[") && find_first(name, '.') == name.len &&
           !text_equal_nocase(name, BYTES_LIT("localhost"));
}

static int add_host(struct buf *out, struct bytes name, struct bytes port, struct err *err)
{
    if (port.len == 0 || bytes_is(port, "443"))
        port = needs_port(name) ? BYTES_LIT("443") : BYTES_NONE;
    buf_add_bytes(out, name);
    buf_add_text(out, port.len > 0 ? ":" : "");
    buf_add_bytes(out, port);
    return buf_check(out, "host", err);
}

int reference_host(char **out, struct bytes text, struct err *err)
{
    static const char *const hub[] = { "index.docker.io", "registry-1.docker.io",
                                       "registry.hub.docker.com" };
    struct buf CLEANUP(buf_clear) full = BUF_INIT(REFERENCE_MAX);
    struct bytes name, port;

    *out = NULL;
    if (!host_split(text, &name, &port))
        return err_set(err, ERR_USAGE, "\"%.*s\" is not a host name with an optional port",
                       (int)(text.len > SHOWN_MAX ? SHOWN_MAX : text.len),
                       text.len == 0 ? "" : (const char *)text.data);
    if (add_host(&full, name, port, err) != 0)
        return -1;
    char *host = mem_text(buf_bytes(&full), err);
    if (host == NULL)
        return -1;
    text_lower(host);
    for (size_t i = 0; i < ARRAY_LEN(hub); i++)
        if (strcmp(host, hub[i]) == 0)
            host[0] = 0;
    if (host[0] == 0)
        memcpy(host, HUB, sizeof(HUB)); /* every alias is longer */
    *out = host;
    return 0;
}

/* The rule of registry.md 1.2 step 4, for the part before the first slash. */
static bool is_domain(struct bytes first)
{
    if (bytes_is(first, "localhost") || bytes_starts(first, "["))
        return true;
    for (size_t i = 0; i < first.len; i++)
        if (first.data[i] == '.' || first.data[i] == ':' || is_upper(first.data[i]))
            return true;
    return false;
}

static int wrong_path(struct bytes path, struct err *err)
{
    if (path.len == 0)
        return err_set(err, ERR_USAGE, "the repository is empty");
    if (path.len > PATH_MAX_LEN)
        return err_set(err, ERR_USAGE, "the repository is longer than %d characters", PATH_MAX_LEN);
    for (size_t i = 0; i < path.len; i++)
        if (is_upper(path.data[i]))
            return err_set(err, ERR_USAGE, "the repository \"%.*s\" must be lower case",
                           (int)path.len, (const char *)path.data);
    return err_set(err, ERR_USAGE, "\"%.*s\" is not a repository name", (int)path.len,
                   (const char *)path.data);
}

static int set_name(struct reference *ref, struct bytes name, struct err *err)
{
    size_t slash = find_first(name, '/');
    struct bytes host = BYTES_LIT(HUB);
    struct buf CLEANUP(buf_clear) path = BUF_INIT(REFERENCE_MAX + sizeof("library/"));

    if (slash < name.len && is_domain(bytes_part(name, 0, slash))) {
        host = bytes_part(name, 0, slash);
        name = after(name, slash);
    }
    if (reference_host(&ref->host, host, err) != 0)
        return -1;
    if (strcmp(ref->host, HUB) == 0 && find_first(name, '/') == name.len && name.len > 0)
        buf_add_text(&path, "library/");
    buf_add_bytes(&path, name);
    if (buf_check(&path, "the repository", err) != 0)
        return -1;
    if (!repository_valid(buf_bytes(&path)))
        return wrong_path(buf_bytes(&path), err);
    ref->repository = mem_text(buf_bytes(&path), err);
    return ref->repository == NULL ? -1 : 0;
}

static int set_digest(struct reference *ref, struct bytes text, struct err *err)
{
    if (digest_parse(&ref->digest, text, err) != 0) {
        err->code = ERR_USAGE; /* whatever is wrong with it, the caller's words are wrong */
        return -1;
    }
    ref->has_digest = true;
    return 0;
}

static int set_tag(struct reference *ref, struct bytes text, struct err *err)
{
    if (text.len > TAG_MAX_LEN)
        return err_set(err, ERR_USAGE, "the tag is longer than %d characters", TAG_MAX_LEN);
    if (!tag_valid(text))
        return err_set(err, ERR_USAGE, "\"%.*s\" is not a tag", (int)text.len,
                       text.len == 0 ? "" : (const char *)text.data);
    ref->tag = mem_text(text, err);
    return ref->tag == NULL ? -1 : 0;
}

static bool is_image_id(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_digit(text.data[i]) && !(text.data[i] >= 'a' && text.data[i] <= 'f'))
            return false;
    return text.len == IMAGE_ID_LEN;
}

static int parse_registry(struct reference *ref, struct bytes text, struct err *err)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return err_set(err, ERR_USAGE, "byte %zu is a blank or not printable ASCII", i);
    if (is_image_id(text))
        return err_set(err, ERR_USAGE, "64 hex digits are an image id, not a name");
    size_t at = find_first(text, '@');
    if (at < text.len && set_digest(ref, after(text, at), err) != 0)
        return -1;
    struct bytes name = bytes_part(text, 0, at);
    size_t colon = find_last(name, ':');
    /* Before a slash the colon belongs to the port. */
    if (colon < name.len && find_first(after(name, colon), '/') == name.len - colon - 1) {
        if (set_tag(ref, after(name, colon), err) != 0)
            return -1;
        name = bytes_part(name, 0, colon);
    }
    return set_name(ref, name, err);
}

/* A directory may hold '@' and ':' before its last slash; behind it they introduce digest and tag.
 */
static int parse_layout(struct reference *ref, struct bytes text, struct err *err)
{
    size_t slash = find_last(text, '/');
    size_t last = slash == text.len ? 0 : slash + 1;
    struct bytes name = bytes_part(text, last, text.len);
    size_t at = find_first(name, '@');
    size_t colon = find_last(bytes_part(name, 0, at), ':');
    size_t end = last + at;

    ref->layout = true;
    if (!text_plain(text))
        return err_set(err, ERR_USAGE, "the directory is not plain UTF-8 text");
    if (at < name.len && set_digest(ref, after(name, at), err) != 0)
        return -1;
    if (colon < at && at < name.len)
        return err_set(err, ERR_USAGE, "a layout takes a tag or a digest, not both");
    if (find_first(bytes_part(name, 0, at), ':') < colon)
        return err_set(
            err, ERR_USAGE,
            "two \":\" behind the last \"/\": write the directory with a \"/\" at its end");
    if (colon < at) {
        if (set_tag(ref, after(name, colon), err) != 0)
            return -1;
        end = last + colon;
    }
    if (end == 0)
        return err_set(err, ERR_USAGE, "the directory of the layout is missing");
    ref->repository = mem_text(bytes_part(text, 0, end), err);
    return ref->repository == NULL ? -1 : 0;
}

/* "https://" and its like: the commonest mistake, worth a hint. */
static size_t scheme_length(struct bytes text)
{
    size_t colon = find_first(text, ':');

    if (!bytes_starts(bytes_part(text, colon, text.len), "://"))
        return 0;
    return colon;
}

static int parse_any(struct reference *ref, struct bytes text, struct err *err)
{
    size_t prefix = strlen(LAYOUT_PREFIX);
    size_t scheme = scheme_length(text);

    if (text.len == 0)
        return err_set(err, ERR_USAGE, "it is empty");
    if (text.len > REFERENCE_MAX)
        return err_set(err, ERR_USAGE, "it is longer than %zu bytes", (size_t)REFERENCE_MAX);
    if (scheme > 0 && bytes_starts(text, LAYOUT_PREFIX))
        return err_set(err, ERR_USAGE, "write oci:DIRECTORY, without \"//\"");
    if (scheme > 0)
        return err_set(err, ERR_USAGE, "a reference has no URL scheme: leave out \"%.*s://\"",
                       scheme > SHOWN_MAX ? SHOWN_MAX : (int)scheme, (const char *)text.data);
    if (bytes_starts(text, LAYOUT_PREFIX))
        return parse_layout(ref, bytes_part(text, prefix, text.len), err);
    return parse_registry(ref, text, err);
}

int reference_parse(struct reference *out, struct bytes text, struct err *err)
{
    struct reference CLEANUP(reference_clear) ref = { 0 };
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(4 * SHOWN_MAX);
    struct err cause = ERR_INIT;

    *out = (struct reference) { 0 };
    if (parse_any(&ref, text, &cause) == 0) {
        *out = ref;
        ref = (struct reference) { 0 };
        return 0;
    }
    text_escape(&shown, text, SHOWN_MAX);
    return err_set(err, cause.code, "reference \"%s\": %s", buf_text(&shown), err_text(&cause));
}
