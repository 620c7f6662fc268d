#include <string.h>

#include "base/json_pointer.h"
#include "base/text.h"
#include "evidence/document.h"
#include "evidence/predicate.h"
#include "evidence/statement.h"

#define FIELDS_MAX 24 /* of one predicate type */
#define POINTER_MAX 128
#define URI_MAX 65536 /* of one with escapes */

enum rule {
    RULE_ANY,     /* there, of any kind */
    RULE_TEXT,    /* string, not empty */
    RULE_URI,     /* string with a scheme */
    RULE_TIME,    /* string, RFC 3339 */
    RULE_WORD,    /* one of the words of `text`, which bars part */
    RULE_PREFIX,  /* string that begins with `text` */
    RULE_OBJECT,  /* object */
    RULE_ARRAY,   /* array */
    RULE_OBJECTS, /* array of objects, each with the member `text` unless that is NULL */
    RULE_SOME     /* the same, at least one */
};

/* A field of a predicate. Parents stand before what they hold, and the members of one object stand
 * together: they are found in one pass, since a predicate may be large. */
struct field {
    const char *pointer;
    enum rule rule;
    bool required;
    const char *text;
};

/* SLSA provenance v1, "Schema" and "Fields"; `invocationId` in any other case is refused by name
 * (cosign renames it, and others then read another document). */
static const struct field slsa1[] = {
    { "/buildDefinition", RULE_OBJECT, true, NULL },
    { "/runDetails", RULE_OBJECT, true, NULL },
    { "/buildDefinition/buildType", RULE_URI, true, NULL },
    { "/buildDefinition/externalParameters", RULE_OBJECT, true, NULL },
    { "/buildDefinition/internalParameters", RULE_OBJECT, false, NULL },
    { "/buildDefinition/resolvedDependencies", RULE_OBJECTS, false, NULL },
    { "/runDetails/builder", RULE_OBJECT, true, NULL },
    { "/runDetails/metadata", RULE_OBJECT, false, NULL },
    { "/runDetails/byproducts", RULE_OBJECTS, false, NULL },
    { "/runDetails/builder/id", RULE_URI, true, NULL },
    { "/runDetails/builder/version", RULE_OBJECT, false, NULL },
    { "/runDetails/builder/builderDependencies", RULE_OBJECTS, false, NULL },
    { "/runDetails/metadata/invocationId", RULE_TEXT, false, NULL },
    { "/runDetails/metadata/startedOn", RULE_TIME, false, NULL },
    { "/runDetails/metadata/finishedOn", RULE_TIME, false, NULL },
};

/* SLSA provenance v0.2, "Fields" */
static const struct field slsa02[] = {
    { "/builder", RULE_OBJECT, true, NULL },
    { "/buildType", RULE_URI, true, NULL },
    { "/invocation", RULE_OBJECT, false, NULL },
    { "/metadata", RULE_OBJECT, false, NULL },
    { "/materials", RULE_OBJECTS, false, NULL },
    { "/builder/id", RULE_URI, true, NULL },
    { "/metadata/buildStartedOn", RULE_TIME, false, NULL },
    { "/metadata/buildFinishedOn", RULE_TIME, false, NULL },
};

/* SPDX 2.3, clause 6 "Document creation information" */
static const struct field spdx2[] = {
    { "/spdxVersion", RULE_PREFIX, true, "SPDX-2." },
    { "/dataLicense", RULE_TEXT, true, NULL },
    { "/SPDXID", RULE_WORD, true, "SPDXRef-DOCUMENT" },
    { "/name", RULE_TEXT, true, NULL },
    { "/documentNamespace", RULE_URI, true, NULL },
    { "/creationInfo", RULE_OBJECT, true, NULL },
    { "/creationInfo/created", RULE_TIME, true, NULL },
    { "/creationInfo/creators", RULE_ARRAY, true, NULL },
};

/* SPDX 3.0.1, "Serialization": a JSON-LD document with a graph of elements */
static const struct field spdx3[] = {
    { "/@context", RULE_PREFIX, true, "https://spdx.org/rdf/3" },
    { "/@graph", RULE_SOME, true, "type" },
};

/* CycloneDX JSON schema, "required" */
static const struct field cyclonedx[] = {
    { "/bomFormat", RULE_WORD, true, "CycloneDX" },
    { "/specVersion", RULE_TEXT, true, NULL },
};

/* OpenVEX 0.2.0, "Document Struct Fields" and "Statement Fields" */
static const struct field openvex[] = {
    { "/@context", RULE_PREFIX, true, "https://openvex.dev/ns" },
    { "/@id", RULE_URI, true, NULL },
    { "/author", RULE_TEXT, true, NULL },
    { "/timestamp", RULE_TIME, true, NULL },
    { "/version", RULE_ANY, true, NULL },
    { "/statements", RULE_SOME, true, "status" },
};

/* in-toto specification, "Link": `materials` is an object in some versions, a list in others */
static const struct field link_type[] = {
    { "/_type", RULE_WORD, false, "link" },       { "/name", RULE_TEXT, true, NULL },
    { "/command", RULE_ARRAY, false, NULL },      { "/byproducts", RULE_OBJECT, false, NULL },
    { "/environment", RULE_OBJECT, false, NULL },
};

/* cosign's vulnerability record (sigstore.md 4.3) */
static const struct field vuln[] = {
    { "/invocation", RULE_OBJECT, false, NULL },
    { "/scanner", RULE_OBJECT, true, NULL },
    { "/metadata", RULE_OBJECT, true, NULL },
    { "/scanner/result", RULE_ANY, true, NULL },
    { "/scanner/db", RULE_OBJECT, false, NULL },
    { "/metadata/scanStartedOn", RULE_TIME, true, NULL },
    { "/metadata/scanFinishedOn", RULE_TIME, true, NULL },
};

/* in-toto attestation, predicate "Vulnerabilities" 0.1 and 0.2 */
static const struct field vulns[] = {
    { "/scanner", RULE_OBJECT, true, NULL },
    { "/metadata", RULE_OBJECT, true, NULL },
    { "/scanner/uri", RULE_TEXT, true, NULL },
    { "/scanner/result", RULE_OBJECTS, true, "id" },
    { "/metadata/scanStartedOn", RULE_TIME, true, NULL },
    { "/metadata/scanFinishedOn", RULE_TIME, true, NULL },
};

/* SLSA verification summary v1, "Fields" */
static const struct field vsa[] = {
    { "/verifier", RULE_OBJECT, true, NULL },
    { "/timeVerified", RULE_TIME, false, NULL },
    { "/resourceUri", RULE_TEXT, true, NULL },
    { "/policy", RULE_OBJECT, true, NULL },
    { "/inputAttestations", RULE_OBJECTS, false, NULL },
    { "/verificationResult", RULE_WORD, true, "PASSED|FAILED" },
    { "/verifiedLevels", RULE_ARRAY, true, NULL },
    { "/verifier/id", RULE_URI, true, NULL },
};

/* in-toto attestation, predicates "Test Result", "Release", "SCAI" */
static const struct field test_result[] = {
    { "/result", RULE_WORD, true, "PASSED|WARNED|FAILED" },
    { "/configuration", RULE_OBJECTS, true, NULL },
};
static const struct field release[] = {
    { "/purl", RULE_URI, true, NULL },
};
static const struct field scai[] = {
    { "/attributes", RULE_SOME, true, "attribute" },
};

/* The first row that fits decides. */
static const struct schema {
    const char *uri;
    bool versioned;   /* "/v..." behind it too */
    const char *when; /* only where this is there; NULL: always */
    const struct field *fields;
    size_t n;
} schemas[] = {
    { "https://slsa.dev/provenance/v1", false, NULL, slsa1, ARRAY_LEN(slsa1) },
    { "https://slsa.dev/provenance/v0.2", false, NULL, slsa02, ARRAY_LEN(slsa02) },
    { PREDICATE_SPDX, true, "/@context", spdx3, ARRAY_LEN(spdx3) },
    { PREDICATE_SPDX, true, NULL, spdx2, ARRAY_LEN(spdx2) },
    { "https://cyclonedx.org/bom", true, NULL, cyclonedx, ARRAY_LEN(cyclonedx) },
    { "https://openvex.dev/ns", true, NULL, openvex, ARRAY_LEN(openvex) },
    { "https://in-toto.io/Link", true, NULL, link_type, ARRAY_LEN(link_type) },
    { "https://in-toto.io/attestation/link", true, NULL, link_type, ARRAY_LEN(link_type) },
    { "https://cosign.sigstore.dev/attestation/vuln/v1", false, NULL, vuln, ARRAY_LEN(vuln) },
    { "https://in-toto.io/attestation/vulns", true, NULL, vulns, ARRAY_LEN(vulns) },
    { "https://slsa.dev/verification_summary/v1", false, NULL, vsa, ARRAY_LEN(vsa) },
    { "https://in-toto.io/attestation/test-result", true, NULL, test_result,
      ARRAY_LEN(test_result) },
    { "https://in-toto.io/attestation/release", true, NULL, release, ARRAY_LEN(release) },
    { "https://in-toto.io/attestation/scai", true, NULL, scai, ARRAY_LEN(scai) },
    { "https://in-toto.io/attestation/scai/attribute-report", true, NULL, scai, ARRAY_LEN(scai) },
    { "https://in-toto.io/scai/attribute-report", true, NULL, scai, ARRAY_LEN(scai) },
};

static bool schema_names(const struct schema *schema, const char *uri)
{
    const size_t len = strlen(schema->uri);

    if (strncmp(uri, schema->uri, len) != 0)
        return false;
    return uri[len] == '\0' || (schema->versioned && strncmp(uri + len, "/v", 2) == 0);
}

bool predicate_known(const char *uri)
{
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++)
        if (schema_names(&schemas[i], uri))
            return true;
    return false;
}

static int wrong(const char *pointer, const char *what, struct err *err)
{
    return err_set(err, ERR_CONFIG, "%s: %s", pointer, what);
}

/* A scheme and something behind it; what a URI's parts are is the reader's concern. */
static bool has_scheme(struct json_view value)
{
    struct buf CLEANUP(buf_clear) unescaped = BUF_INIT(URI_MAX);
    struct err ignored = ERR_INIT;
    struct bytes text;

    if (!json_string_raw(value, &text)) {
        if (json_string(&unescaped, value, "URI", &ignored) != 0)
            return false;
        text = buf_bytes(&unescaped);
    }
    const uint8_t *colon = text.len == 0 ? NULL : memchr(text.data, ':', text.len);
    return colon != NULL && colon != text.data && colon + 1 != text.data + text.len;
}

static bool is_time(struct json_view value)
{
    struct err ignored = ERR_INIT;
    struct bytes text;
    int64_t seconds;

    return json_string_raw(value, &text) && time_parse(&seconds, text, &ignored) == 0;
}

static int check_word(const struct field *field, struct json_view value, struct err *err)
{
    for (const char *word = field->text; *word != '\0';) {
        const size_t len = strcspn(word, "|");
        if (json_string_is(value, (struct bytes) { (const uint8_t *)word, len }))
            return 0;
        word += len + (word[len] == '|');
    }
    return err_set(err, ERR_CONFIG, "%s: not %s", field->pointer, field->text);
}

static int check_string(const struct field *field, struct json_view value, struct err *err)
{
    if (value.kind != JSON_STRING)
        return wrong(field->pointer, "not a string", err);
    if (json_string_is(value, BYTES_NONE))
        return wrong(field->pointer, "empty", err);
    if (field->rule == RULE_URI && !has_scheme(value))
        return wrong(field->pointer, "not a URI", err);
    if (field->rule == RULE_TIME && !is_time(value))
        return wrong(field->pointer, "not an RFC 3339 time", err);
    if (field->rule == RULE_PREFIX && !document_starts(value, field->text))
        return err_set(err, ERR_CONFIG, "%s: does not begin with %s", field->pointer, field->text);
    return field->rule == RULE_WORD ? check_word(field, value, err) : 0;
}

static bool has_member(struct json_view object, const char *name)
{
    struct json_view key, value;

    for (struct json_walk walk = json_walk(object); json_next(&walk, &key, &value);)
        if (json_string_is(key, bytes_text(name)))
            return value.kind != JSON_NULL_VALUE;
    return false;
}

static int check_objects(const struct field *field, struct json_view value, struct err *err)
{
    struct json_view element;
    size_t i = 0;

    if (value.kind != JSON_ARRAY)
        return wrong(field->pointer, "not an array", err);
    for (struct json_walk walk = json_walk(value); json_next(&walk, NULL, &element); i++) {
        if (element.kind != JSON_OBJECT)
            return err_set(err, ERR_CONFIG, "%s/%zu: not an object", field->pointer, i);
        if (field->text != NULL && !has_member(element, field->text))
            return err_set(err, ERR_CONFIG, "%s/%zu/%s: missing", field->pointer, i, field->text);
    }
    return i == 0 && field->rule == RULE_SOME ? wrong(field->pointer, "empty", err) : 0;
}

/* Absent, null and empty mean the same to readers of in-toto (v1 "Parsing rules"); an empty string
 * or list is refused where something is required. */
static int check_field(const struct field *field, struct json_view value, struct err *err)
{
    if (value.kind == JSON_ABSENT || value.kind == JSON_NULL_VALUE)
        return field->required ? wrong(field->pointer, "missing", err) : 0;
    switch (field->rule) {
    case RULE_ANY:
        return 0;
    case RULE_TEXT:
    case RULE_URI:
    case RULE_TIME:
    case RULE_WORD:
    case RULE_PREFIX:
        return check_string(field, value, err);
    case RULE_OBJECT:
        return value.kind == JSON_OBJECT ? 0 : wrong(field->pointer, "not an object", err);
    case RULE_ARRAY:
        return value.kind == JSON_ARRAY ? 0 : wrong(field->pointer, "not an array", err);
    case RULE_OBJECTS:
    case RULE_SOME:
        return check_objects(field, value, err);
    }
    return 0;
}

/* Length of the pointer to what holds the field. */
static size_t parent_len(const struct field *field)
{
    return (size_t)(strrchr(field->pointer, '/') - field->pointer);
}

static bool same_parent(const struct field *a, const struct field *b)
{
    const size_t len = parent_len(a);

    return parent_len(b) == len && strncmp(a->pointer, b->pointer, len) == 0;
}

/* The members of one object: fields[from..to). */
static int check_object(const struct schema *schema, size_t from, size_t to,
                        struct json_view values[FIELDS_MAX], struct json_view object,
                        struct err *err)
{
    struct json_member members[FIELDS_MAX];
    const size_t len = parent_len(&schema->fields[from]);
    char parent[POINTER_MAX] = "predicate";

    if (len > 0 && len < sizeof(parent)) {
        memcpy(parent, schema->fields[from].pointer, len);
        parent[len] = '\0';
    }
    for (size_t i = from; i < to; i++)
        members[i - from] = (struct json_member) { schema->fields[i].pointer + len + 1, &values[i],
                                                   JSON_ABSENT, false };
    if (json_members(object, members, to - from, JSON_REST_IGNORED, parent, err) != 0) {
        err->code = ERR_CONFIG;
        return -1;
    }
    for (size_t i = from; i < to; i++)
        if (check_field(&schema->fields[i], values[i], err) != 0)
            return -1;
    return 0;
}

/* What holds the field: the predicate, or a field before it. */
static struct json_view parent_of(const struct schema *schema, size_t at,
                                  const struct json_view values[FIELDS_MAX],
                                  struct json_view predicate)
{
    const size_t len = parent_len(&schema->fields[at]);

    if (len == 0)
        return predicate;
    for (size_t i = 0; i < at; i++)
        if (strlen(schema->fields[i].pointer) == len &&
            strncmp(schema->fields[i].pointer, schema->fields[at].pointer, len) == 0)
            return values[i];
    return JSON_VIEW_NONE;
}

static int check_schema(const struct schema *schema, struct json_view predicate, struct err *err)
{
    struct json_view values[FIELDS_MAX] = { 0 };
    size_t to;

    for (size_t from = 0; from < schema->n; from = to) {
        to = from + 1;
        while (to < schema->n && same_parent(&schema->fields[from], &schema->fields[to]))
            to++;
        const struct json_view object = parent_of(schema, from, values, predicate);
        if (object.kind == JSON_OBJECT && check_object(schema, from, to, values, object, err) != 0)
            return -1;
    }
    return 0;
}

int predicate_check(const char *uri, struct json_view predicate, struct err *err)
{
    if (predicate.kind != JSON_OBJECT)
        return err_set(err, ERR_CONFIG, "the predicate is not a JSON object");
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++)
        if (schema_names(&schemas[i], uri) &&
            (schemas[i].when == NULL || json_at(predicate, schemas[i].when).kind != JSON_ABSENT))
            return check_schema(&schemas[i], predicate, err);
    return 0;
}
