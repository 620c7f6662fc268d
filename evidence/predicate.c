#include "evidence/predicate.h"

#include <string.h>

#include "base/suggest.h"
#include "base/text.h"
#include "evidence/statement.h"
#include "evidence/vulnerability.h"

#define TYPE_VULN "https://cosign.sigstore.dev/attestation/vuln/v1"
#define NAMES                                                                                      \
    "custom, slsaprovenance, slsaprovenance02, slsaprovenance1, spdx, spdxjson, cyclonedx, "       \
    "link, vuln, openvex"

/* cosign's short names (sigstore.md 4.3), and the kinds of file that are each type's. */
static const struct known {
    struct predicate_type type;
    enum document_kind kind; /* DOCUMENT_OTHER: no file is told to be it */
} known[] = {
    { { "custom", "https://cosign.sigstore.dev/attestation/v1", PREDICATE_CUSTOM },
      DOCUMENT_OTHER },
    { { "slsaprovenance", "https://slsa.dev/provenance/v0.2", PREDICATE_OBJECT }, DOCUMENT_SLSA02 },
    { { "slsaprovenance02", "https://slsa.dev/provenance/v0.2", PREDICATE_OBJECT },
      DOCUMENT_OTHER },
    { { "slsaprovenance1", "https://slsa.dev/provenance/v1", PREDICATE_OBJECT }, DOCUMENT_SLSA1 },
    { { "spdx", PREDICATE_SPDX, PREDICATE_TEXT }, DOCUMENT_OTHER },
    { { "spdxjson", PREDICATE_SPDX, PREDICATE_OBJECT }, DOCUMENT_SPDX },
    { { "cyclonedx", "https://cyclonedx.org/bom", PREDICATE_OBJECT }, DOCUMENT_CYCLONEDX },
    { { "link", "https://in-toto.io/Link/v1", PREDICATE_OBJECT }, DOCUMENT_LINK },
    { { "vuln", TYPE_VULN, PREDICATE_OBJECT }, DOCUMENT_VULN },
    { { "openvex", "https://openvex.dev/ns", PREDICATE_OBJECT }, DOCUMENT_OPENVEX },
};

static int unknown_type(const char *name, struct err *err)
{
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(256);
    struct suggest s = suggest_begin(name, strlen(name));

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        suggest_try(&s, known[i].type.name);
    text_escape(&shown, bytes_text(name), SUGGEST_WORD_MAX);
    if (s.best != NULL)
        return err_set(err, ERR_USAGE, "type \"%s\": did you mean %s?", buf_text(&shown), s.best);
    return err_set(err, ERR_USAGE, "type \"%s\": neither a URI nor one of " NAMES,
                   buf_text(&shown));
}

int predicate_type_find(struct predicate_type *out, const char *name, struct err *err)
{
    *out = (struct predicate_type) { .name = NULL };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i].type.name, name) == 0) {
            *out = known[i].type;
            return 0;
        }
    if (!text_is_uri(bytes_text(name)))
        return unknown_type(name, err);
    *out = (struct predicate_type) { NULL, name, PREDICATE_OBJECT };
    return 0;
}

static int type_of(struct predicate_type *out, enum document_kind kind, struct err *err)
{
    const enum document_kind as = vulnerability_is_report(kind) ? DOCUMENT_VULN : kind;

    for (size_t i = 0; kind != DOCUMENT_OTHER && i < ARRAY_LEN(known); i++)
        if (known[i].kind == as) {
            *out = known[i].type;
            return 0;
        }
    if (document_hint(kind) != NULL)
        return err_set(err, ERR_USAGE, "%s", document_hint(kind));
    return err_set(err, ERR_USAGE, "not recognised: say --type; 'custom' wraps any text");
}

static bool begins_as_object(struct bytes file)
{
    size_t i = 0;

    while (i < file.len && strchr(" \t\r\n", file.data[i]) != NULL && file.data[i] != '\0')
        i++;
    return i < file.len && file.data[i] == '{';
}

/* Strictness of verifiers: what they would refuse is not signed. */
static int scan(struct json_view *root, struct bytes file, struct err *err)
{
    if (json_scan(root, file, err) == 0)
        return 0;
    if (err->code == ERR_MALFORMED)
        err->code = ERR_CONFIG;
    return -1;
}

int predicate_type_recognise(struct predicate_type *out, struct bytes file, struct err *err)
{
    struct json_view root;

    *out = (struct predicate_type) { .name = NULL };
    if (document_is_spdx_text(file))
        return predicate_type_find(out, "spdx", err);
    if (!begins_as_object(file))
        return type_of(out, DOCUMENT_OTHER, err);
    if (scan(&root, file, err) != 0)
        return -1;
    return type_of(out, document_kind(root), err);
}

static int write_object(struct buf *out, const char *uri, const struct predicate_input *input,
                        struct err *err)
{
    struct json_view root;

    if (scan(&root, input->file, err) != 0)
        return -1;
    if (predicate_known(uri)) {
        const enum document_kind kind = document_kind(root);
        if (strcmp(uri, TYPE_VULN) == 0 && vulnerability_is_report(kind))
            return vulnerability_write(out, kind, root, input, err);
        if (document_hint(kind) != NULL)
            return err_set(err, ERR_CONFIG, "%s", document_hint(kind));
    }
    if (predicate_check(uri, root, err) != 0)
        return -1;
    buf_add_bytes(out, root.raw);
    return buf_check(out, "predicate", err);
}

/* As a JSON string. NUL is UTF-8, but no reader of ours takes it. */
static int write_string(struct buf *out, struct bytes file, struct err *err)
{
    if (!utf8_valid(file) || (file.len > 0 && memchr(file.data, 0, file.len) != NULL))
        return err_set(err, ERR_CONFIG, "not UTF-8 text");
    text_json(out, file);
    return buf_check(out, "predicate", err);
}

static int write_text(struct buf *out, const char *uri, struct bytes file, struct err *err)
{
    struct json_view root;

    if (begins_as_object(file)) {
        if (scan(&root, file, err) != 0 || predicate_check(uri, root, err) != 0)
            return -1;
    } else if (document_spdx_text_check(file, err) != 0)
        return -1;
    return write_string(out, file, err);
}

static int write_custom(struct buf *out, const struct predicate_input *input, struct err *err)
{
    char time[TIME_TEXT_MAX];

    buf_add_text(out, "{\"Data\":");
    if (write_string(out, input->file, err) != 0)
        return -1;
    time_format(time, input->now);
    buf_addf(out, ",\"Timestamp\":\"%s\"}", time);
    return buf_check(out, "predicate", err);
}

int predicate_write(struct buf *out, const struct predicate_type *type,
                    const struct predicate_input *input, struct err *err)
{
    switch (type->form) {
    case PREDICATE_OBJECT:
        return write_object(out, type->uri, input, err);
    case PREDICATE_TEXT:
        return write_text(out, type->uri, input->file, err);
    case PREDICATE_CUSTOM:
        return write_custom(out, input, err);
    }
    return err_set(err, ERR_INTERNAL, "predicate: unknown form");
}
