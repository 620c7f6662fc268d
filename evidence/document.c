#include "evidence/document.h"

#include <string.h>

#include "base/json_pointer.h"
#include "base/limits.h"

#define MARKS_MAX 4

/* Members of the document that tell what it is. They are found in one pass: it may be large. */
enum member {
    TYPE,
    MEDIA_TYPE,
    PAYLOAD_TYPE,
    PAYLOAD,
    SIGNATURES,
    CONTEXT,
    GRAPH,
    STATEMENTS,
    SPDX_VERSION,
    BOM_FORMAT,
    SCHEMA_VERSION,
    ARTIFACT_NAME,
    ARTIFACT_TYPE,
    RESULTS,
    DESCRIPTOR,
    MATCHES,
    SCHEMA,
    VERSION,
    RUNS,
    SCANNER,
    METADATA,
    BUILD_DEFINITION,
    RUN_DETAILS,
    BUILDER,
    BUILD_TYPE,
    NAME,
    COMMAND,
    MATERIALS,
    BYPRODUCTS,
    MEMBERS
};

static const char *const member_names[MEMBERS] = {
    [TYPE] = "_type",
    [MEDIA_TYPE] = "mediaType",
    [PAYLOAD_TYPE] = "payloadType",
    [PAYLOAD] = "payload",
    [SIGNATURES] = "signatures",
    [CONTEXT] = "@context",
    [GRAPH] = "@graph",
    [STATEMENTS] = "statements",
    [SPDX_VERSION] = "spdxVersion",
    [BOM_FORMAT] = "bomFormat",
    [SCHEMA_VERSION] = "SchemaVersion",
    [ARTIFACT_NAME] = "ArtifactName",
    [ARTIFACT_TYPE] = "ArtifactType",
    [RESULTS] = "Results",
    [DESCRIPTOR] = "descriptor",
    [MATCHES] = "matches",
    [SCHEMA] = "$schema",
    [VERSION] = "version",
    [RUNS] = "runs",
    [SCANNER] = "scanner",
    [METADATA] = "metadata",
    [BUILD_DEFINITION] = "buildDefinition",
    [RUN_DETAILS] = "runDetails",
    [BUILDER] = "builder",
    [BUILD_TYPE] = "buildType",
    [NAME] = "name",
    [COMMAND] = "command",
    [MATERIALS] = "materials",
    [BYPRODUCTS] = "byproducts",
};

/* One thing that must hold of a document. */
struct mark {
    enum member member;
    const char *below;   /* pointer from the member on, or NULL: the member itself */
    enum json_kind kind; /* JSON_ABSENT: it is there, of any kind */
    const char *text;    /* of a string: what it begins with, or NULL */
};

/* The first row whose marks all hold decides. What is evidence already comes first: it may hold
 * anything. */
static const struct form {
    enum document_kind kind;
    size_t n;
    struct mark marks[MARKS_MAX];
} forms[] = {
    { DOCUMENT_BUNDLE,
      1,
      { { MEDIA_TYPE, NULL, JSON_STRING, "application/vnd.dev.sigstore.bundle" } } },
    { DOCUMENT_ENVELOPE,
      3,
      { { PAYLOAD_TYPE, NULL, JSON_STRING, NULL },
        { PAYLOAD, NULL, JSON_STRING, NULL },
        { SIGNATURES, NULL, JSON_ARRAY, NULL } } },
    { DOCUMENT_STATEMENT, 1, { { TYPE, NULL, JSON_STRING, "https://in-toto.io/Statement/" } } },
    { DOCUMENT_CYCLONEDX, 1, { { BOM_FORMAT, NULL, JSON_STRING, "CycloneDX" } } },
    { DOCUMENT_SPDX, 1, { { SPDX_VERSION, NULL, JSON_STRING, "SPDX-" } } },
    { DOCUMENT_SPDX,
      2,
      { { CONTEXT, NULL, JSON_STRING, "https://spdx.org/rdf/3" },
        { GRAPH, NULL, JSON_ARRAY, NULL } } },
    { DOCUMENT_OPENVEX,
      2,
      { { CONTEXT, NULL, JSON_STRING, "https://openvex.dev/ns" },
        { STATEMENTS, NULL, JSON_ARRAY, NULL } } },
    { DOCUMENT_TRIVY,
      3,
      { { SCHEMA_VERSION, NULL, JSON_NUMBER, NULL },
        { ARTIFACT_NAME, NULL, JSON_STRING, NULL },
        { RESULTS, NULL, JSON_ARRAY, NULL } } },
    { DOCUMENT_TRIVY,
      3,
      { { SCHEMA_VERSION, NULL, JSON_NUMBER, NULL },
        { ARTIFACT_NAME, NULL, JSON_STRING, NULL },
        { ARTIFACT_TYPE, NULL, JSON_STRING, NULL } } },
    { DOCUMENT_GRYPE,
      2,
      { { DESCRIPTOR, "/name", JSON_STRING, "grype" }, { MATCHES, NULL, JSON_ARRAY, NULL } } },
    { DOCUMENT_SARIF,
      3,
      { { VERSION, NULL, JSON_STRING, "2.1.0" },
        { RUNS, NULL, JSON_ARRAY, NULL },
        { SCHEMA, NULL, JSON_STRING, NULL } } },
    { DOCUMENT_SARIF,
      2,
      { { VERSION, NULL, JSON_STRING, "2.1.0" }, { RUNS, "/0/tool/driver", JSON_OBJECT, NULL } } },
    { DOCUMENT_VULN,
      2,
      { { SCANNER, "/result", JSON_ABSENT, NULL },
        { METADATA, "/scanFinishedOn", JSON_STRING, NULL } } },
    { DOCUMENT_SLSA1,
      2,
      { { BUILD_DEFINITION, NULL, JSON_OBJECT, NULL }, { RUN_DETAILS, NULL, JSON_OBJECT, NULL } } },
    { DOCUMENT_SLSA02,
      2,
      { { BUILDER, NULL, JSON_OBJECT, NULL }, { BUILD_TYPE, NULL, JSON_STRING, NULL } } },
    { DOCUMENT_LINK,
      3,
      { { TYPE, NULL, JSON_STRING, "link" },
        { NAME, NULL, JSON_STRING, NULL },
        { MATERIALS, NULL, JSON_ABSENT, NULL } } },
    { DOCUMENT_LINK,
      4,
      { { NAME, NULL, JSON_STRING, NULL },
        { MATERIALS, NULL, JSON_ABSENT, NULL },
        { BYPRODUCTS, NULL, JSON_OBJECT, NULL },
        { COMMAND, NULL, JSON_ARRAY, NULL } } },
};

bool document_starts(struct json_view string, const char *prefix)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    struct err ignored = ERR_INIT;
    struct bytes raw;

    if (json_string_raw(string, &raw))
        return bytes_starts(raw, prefix);
    return json_string(&text, string, "text", &ignored) == 0 &&
           bytes_starts(buf_bytes(&text), prefix);
}

static void members_find(struct json_view found[MEMBERS], struct json_view root)
{
    struct json_view name, value;

    for (struct json_walk walk = json_walk(root); json_next(&walk, &name, &value);)
        for (size_t i = 0; i < MEMBERS; i++)
            if (json_string_is(name, bytes_text(member_names[i])))
                found[i] = value;
}

static bool mark_holds(const struct mark *mark, const struct json_view found[MEMBERS])
{
    struct json_view value = found[mark->member];

    if (mark->below != NULL)
        value = json_at(value, mark->below);
    if (mark->kind == JSON_ABSENT)
        return value.kind != JSON_ABSENT;
    return value.kind == mark->kind && (mark->text == NULL || document_starts(value, mark->text));
}

enum document_kind document_kind(struct json_view root)
{
    struct json_view found[MEMBERS] = { 0 };

    if (root.kind != JSON_OBJECT)
        return DOCUMENT_OTHER;
    members_find(found, root);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        size_t held = 0;
        while (held < forms[i].n && mark_holds(&forms[i].marks[held], found))
            held++;
        if (held == forms[i].n)
            return forms[i].kind;
    }
    return DOCUMENT_OTHER;
}

const char *document_hint(enum document_kind kind)
{
    switch (kind) {
    case DOCUMENT_STATEMENT:
        return "an in-toto statement, not a predicate: use --statement";
    case DOCUMENT_ENVELOPE:
        return "a DSSE envelope, which is signed already, not a predicate";
    case DOCUMENT_BUNDLE:
        return "a Sigstore bundle, which is signed already, not a predicate: use `sign attach "
               "bundle`";
    case DOCUMENT_OTHER:
    case DOCUMENT_SPDX:
    case DOCUMENT_CYCLONEDX:
    case DOCUMENT_OPENVEX:
    case DOCUMENT_SLSA1:
    case DOCUMENT_SLSA02:
    case DOCUMENT_LINK:
    case DOCUMENT_VULN:
    case DOCUMENT_TRIVY:
    case DOCUMENT_GRYPE:
    case DOCUMENT_SARIF:
        break;
    }
    return NULL;
}

/* The next line without its end and the blanks before it; false at the end. */
static bool next_line(struct bytes *line, struct bytes *rest)
{
    if (rest->len == 0)
        return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    const size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    *line = bytes_part(*rest, 0, len);
    *rest = bytes_part(*rest, len + 1, rest->len);
    while (line->len > 0 && (line->data[0] == ' ' || line->data[0] == '\t'))
        *line = bytes_part(*line, 1, line->len);
    return true;
}

static bool is_empty(struct bytes line)
{
    return line.len == 0 || line.data[0] == '#' || bytes_is(line, "\r");
}

/* A byte order mark is what some editors put before the first line. */
static struct bytes without_mark(struct bytes file)
{
    return bytes_starts(file, "\xef\xbb\xbf") ? bytes_part(file, 3, file.len) : file;
}

bool document_is_spdx_text(struct bytes file)
{
    struct bytes rest = without_mark(file);
    struct bytes line;

    while (next_line(&line, &rest))
        if (!is_empty(line))
            return bytes_starts(line, "SPDXVersion:");
    return false;
}

/* Is there something behind the tag? */
static bool has_value(struct bytes line, const char *tag)
{
    if (!bytes_starts(line, tag))
        return false;
    for (size_t i = strlen(tag); i < line.len; i++)
        if (line.data[i] > ' ')
            return true;
    return false;
}

int document_spdx_text_check(struct bytes file, struct err *err)
{
    static const char *const tags[] = {
        "SPDXVersion:", "DataLicense:",       "SPDXID:", "DocumentName:", "Creator:",
        "Created:",     "DocumentNamespace:",
    };
    bool found[ARRAY_LEN(tags)] = { false };
    struct bytes rest = without_mark(file);
    struct bytes line;

    if (!document_is_spdx_text(file))
        return err_set(err, ERR_CONFIG,
                       "neither SPDX tag-value text nor SPDX JSON ('custom' wraps any text)");
    while (next_line(&line, &rest))
        for (size_t i = 0; i < ARRAY_LEN(tags); i++)
            found[i] = found[i] || has_value(line, tags[i]);
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (!found[i])
            return err_set(err, ERR_CONFIG, "%s missing", tags[i]);
    return 0;
}
