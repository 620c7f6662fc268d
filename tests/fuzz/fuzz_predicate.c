/* Aims at document_kind(), predicate_type_recognise(), predicate_check() and predicate_write() in
 * evidence/. What is written is JSON that readers take, holds the file, and has passed the check.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json_pointer.h"
#include "base/limits.h"
#include "base/text.h"
#include "evidence/document.h"
#include "evidence/predicate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TIME "2026-01-01T00:00:00Z"

static const char *const types[] = {
    "custom",
    "slsaprovenance",
    "slsaprovenance1",
    "spdx",
    "spdxjson",
    "cyclonedx",
    "link",
    "vuln",
    "openvex",
    "https://types.example/any",
    "https://in-toto.io/attestation/vulns/v0.2",
    "https://slsa.dev/verification_summary/v1",
    "https://in-toto.io/attestation/test-result/v0.1",
    "https://in-toto.io/attestation/scai/attribute-report/v0.2",
};

static void need(bool held)
{
    if (!held)
        abort();
}

static bool expected(const struct err *err)
{
    return (err->code == ERR_CONFIG || err->code == ERR_LIMIT || err->code == ERR_USAGE) &&
           err_text(err)[0] != '\0';
}

/* The file's text, which a string holds. */
static void holds_text(struct json_view string, struct bytes file)
{
    struct buf CLEANUP(buf_clear) content = BUF_INIT(16 * MIB);

    need(json_string(&content, string, "text", NULL) == 0);
    need(bytes_equal(buf_bytes(&content), file));
}

static void holds_file(const struct predicate_type *type, struct json_view made, struct bytes file)
{
    struct json_view root;

    switch (type->form) {
    case PREDICATE_TEXT:
        holds_text(made, file);
        return;
    case PREDICATE_CUSTOM:
        need(json_count(made) == 2);
        holds_text(json_at(made, "/Data"), file);
        return;
    case PREDICATE_OBJECT:
        break;
    }
    need(json_scan(&root, file, NULL) == 0);
    need(predicate_check(type->uri, made, NULL) == 0);
    if (!bytes_equal(made.raw, root.raw))
        need(strcmp(type->name == NULL ? "" : type->name, "vuln") == 0 &&
             bytes_equal(json_at(made, "/scanner/result").raw, root.raw));
}

static void write_as(const struct predicate_type *type, struct bytes file)
{
    const struct predicate_input input = { file, 0, TIME, TIME };
    struct buf CLEANUP(buf_clear) out = BUF_INIT(16 * MIB);
    struct json_view made;
    struct err err = ERR_INIT;

    if (predicate_write(&out, type, &input, &err) != 0) {
        need(expected(&err));
        need(type->form != PREDICATE_CUSTOM || !utf8_valid(file) ||
             memchr(file.data, 0, file.len) != NULL);
        return;
    }
    need(err.code == ERR_NONE);
    if (json_scan(&made, buf_bytes(&out), &err) != 0)
        need(err.code == ERR_LIMIT); /* a record is two levels deeper than its report */
    else
        holds_file(type, made, file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes file = { data, size };
    struct predicate_type type;
    struct err err = ERR_INIT;

    if (predicate_type_recognise(&type, file, &err) == 0) {
        need(err.code == ERR_NONE && type.uri != NULL && type.name != NULL);
        need(type.form == (document_is_spdx_text(file) ? PREDICATE_TEXT : PREDICATE_OBJECT));
        write_as(&type, file);
    } else
        need(expected(&err) && type.uri == NULL);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        need(predicate_type_find(&type, types[i], NULL) == 0);
        write_as(&type, file);
    }
    return 0;
}
