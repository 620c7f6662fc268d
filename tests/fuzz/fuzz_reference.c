/* Aims at registry/reference.c and registry/reference_text.c. What is accepted has one canonical
 * form, which means the same image when it is read again. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "registry/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void names(const struct reference *ref)
{
    CLEANUP(buf_clear) struct buf name = BUF_INIT(2 * REFERENCE_MAX);
    CLEANUP(buf_clear) struct buf identity = BUF_INIT(2 * REFERENCE_MAX);
    char *CLEANUP(mem_freep) host = NULL;

    reference_name(&name, ref);
    reference_identity(&identity, ref);
    need(reference_same_repository(buf_bytes(&name), buf_bytes(&identity)));
    if (ref->layout)
        return;
    need(repository_valid(bytes_text(ref->repository)));
    need(reference_host(&host, bytes_text(reference_wire_host(ref)), NULL) == 0);
    need(same_text(host, ref->host));
    need(strcmp(ref->host, "..") != 0 && strchr(ref->host, '/') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(reference_clear) struct reference ref, again, copy;
    CLEANUP(buf_clear) struct buf text = BUF_INIT(2 * REFERENCE_MAX);
    struct err err = ERR_INIT;

    again = (struct reference) { 0 };
    copy = (struct reference) { 0 };
    if (reference_parse(&ref, (struct bytes) { data, size }, &err) != 0) {
        need(err.code == ERR_USAGE && err_text(&err)[0] != 0);
        need(ref.host == NULL && ref.repository == NULL && ref.tag == NULL && !ref.has_digest);
        return 0;
    }
    need(err.code == ERR_NONE && (ref.host == NULL) == ref.layout && ref.repository != NULL);
    need(ref.tag == NULL || tag_valid(bytes_text(ref.tag)));
    reference_format(&text, &ref);
    need(reference_parse(&again, buf_bytes(&text), NULL) == 0);
    need(reference_copy(&copy, &ref, NULL) == 0);
    need(same_text(again.host, copy.host) && same_text(again.repository, copy.repository) &&
         same_text(again.tag, copy.tag) && again.has_digest == copy.has_digest &&
         again.layout == copy.layout && digest_equal(&again.digest, &copy.digest));
    names(&ref);
    return 0;
}
