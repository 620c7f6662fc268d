#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/reference.h"

void reference_clear(struct reference *ref)
{
    free(ref->host);
    free(ref->repository);
    free(ref->tag);
    *ref = (struct reference) { 0 };
}

static int copy_text(char **out, const char *in, struct err *err)
{
    if (in == NULL)
        return 0;
    *out = mem_text(bytes_text(in), err);
    return *out == NULL ? -1 : 0;
}

int reference_copy(struct reference *out, const struct reference *in, struct err *err)
{
    struct reference CLEANUP(reference_clear) copy = { 0 };

    *out = (struct reference) { 0 };
    if (copy_text(&copy.host, in->host, err) != 0 ||
        copy_text(&copy.repository, in->repository, err) != 0 ||
        copy_text(&copy.tag, in->tag, err) != 0)
        return -1;
    copy.has_digest = in->has_digest;
    copy.layout = in->layout;
    copy.digest = in->digest;
    *out = copy;
    copy = (struct reference) { 0 };
    return 0;
}

static void add_name(struct buf *out, const char *host, const struct reference *ref)
{
    buf_add_text(out, ref->layout ? "oci:" : host);
    if (!ref->layout)
        buf_add_char(out, '/');
    buf_add_text(out, ref->repository);
}

void reference_name(struct buf *out, const struct reference *ref)
{
    add_name(out, ref->host, ref);
}

void reference_format(struct buf *out, const struct reference *ref)
{
    reference_name(out, ref);
    if (ref->tag != NULL) {
        buf_add_char(out, ':');
        buf_add_text(out, ref->tag);
    }
    if (ref->has_digest) {
        char text[DIGEST_TEXT_MAX];
        digest_format(text, &ref->digest);
        buf_add_char(out, '@');
        buf_add_text(out, text);
    }
}

static bool on_hub(const struct reference *ref)
{
    return !ref->layout && strcmp(ref->host, "docker.io") == 0;
}

void reference_identity(struct buf *out, const struct reference *ref)
{
    add_name(out, on_hub(ref) ? "index.docker.io" : ref->host, ref);
}

const char *reference_wire_host(const struct reference *ref)
{
    return on_hub(ref) ? "registry-1.docker.io" : ref->host;
}

bool reference_same_repository(struct bytes a, struct bytes b)
{
    struct reference CLEANUP(reference_clear) left = { 0 };
    struct reference CLEANUP(reference_clear) right = { 0 };

    if (reference_parse(&left, a, NULL) != 0 || reference_parse(&right, b, NULL) != 0)
        return false;
    if (left.tag != NULL || left.has_digest || right.tag != NULL || right.has_digest)
        return false; /* names of images, not of repositories */
    if (left.layout != right.layout || strcmp(left.repository, right.repository) != 0)
        return false;
    return left.layout || strcmp(left.host, right.host) == 0;
}
