#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/json_pointer.h"
#include "base/limits.h"
#include "evidence/predicate.h"
#include "tests/unit/expect.h"

#define VECTORS "tests/vectors/predicates/"
#define SLSA1 "https://slsa.dev/provenance/v1"
#define SLSA02 "https://slsa.dev/provenance/v0.2"
#define SPDX "https://spdx.dev/Document"
#define CYCLONEDX "https://cyclonedx.org/bom"
#define OPENVEX "https://openvex.dev/ns"
#define LINK "https://in-toto.io/Link/v1"
#define VULN "https://cosign.sigstore.dev/attestation/vuln/v1"
#define VULNS "https://in-toto.io/attestation/vulns/v0.2"
#define VSA "https://slsa.dev/verification_summary/v1"
#define CUSTOM "https://cosign.sigstore.dev/attestation/v1"

static struct bytes load(struct buf *file, const char *name)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(KIB);
    struct err err = ERR_INIT;

    buf_addf(&path, VECTORS "%s", name);
    EXPECT_OK(file_read(file, buf_text(&path), &err), &err);
    return buf_bytes(file);
}

/* --- types --- */

static const struct type_row {
    const char *name;
    const char *type;
    const char *uri; /* NULL: refused */
    enum predicate_form form;
    const char *word;
} types[] = {
    { "custom", "custom", CUSTOM, PREDICATE_CUSTOM, NULL },
    { "slsaprovenance", "slsaprovenance", SLSA02, PREDICATE_OBJECT, NULL },
    { "slsaprovenance02", "slsaprovenance02", SLSA02, PREDICATE_OBJECT, NULL },
    { "slsaprovenance1", "slsaprovenance1", SLSA1, PREDICATE_OBJECT, NULL },
    { "spdx", "spdx", SPDX, PREDICATE_TEXT, NULL },
    { "spdxjson", "spdxjson", SPDX, PREDICATE_OBJECT, NULL },
    { "cyclonedx", "cyclonedx", CYCLONEDX, PREDICATE_OBJECT, NULL },
    { "link", "link", LINK, PREDICATE_OBJECT, NULL },
    { "vuln", "vuln", VULN, PREDICATE_OBJECT, NULL },
    { "openvex", "openvex", OPENVEX, PREDICATE_OBJECT, NULL },
    { "a URI", "https://types.example/review/v1", "https://types.example/review/v1",
      PREDICATE_OBJECT, NULL },
    { "a known type's URI", SPDX, SPDX, PREDICATE_OBJECT, NULL },
    { "a short URI", "a:b", "a:b", PREDICATE_OBJECT, NULL },
    { "empty", "", NULL, PREDICATE_OBJECT, "neither" },
    { "another case", "Custom", NULL, PREDICATE_OBJECT, "did you mean custom?" },
    { "one short", "spdxjso", NULL, PREDICATE_OBJECT, "did you mean spdxjson?" },
    { "one long", "openvexx", NULL, PREDICATE_OBJECT, "did you mean openvex?" },
    { "far from all", "provenance", NULL, PREDICATE_OBJECT, "neither a URI nor one of custom" },
    { "no scheme", "types.example/review/v1", NULL, PREDICATE_OBJECT, "neither" },
    { "an empty scheme", "://x", NULL, PREDICATE_OBJECT, "neither" },
    { "a digit first", "1a:b", NULL, PREDICATE_OBJECT, "neither" },
    { "nothing behind the scheme", "https:", NULL, PREDICATE_OBJECT, "neither" },
    { "a blank", "https://types.example/a b", NULL, PREDICATE_OBJECT, "neither" },
    { "a control character", "https://types.example/\x1b[0m", NULL, PREDICATE_OBJECT, "\\x1b" },
    { "not ASCII", "https://types.example/\xc3\xa4", NULL, PREDICATE_OBJECT, "neither" },
    { "a quote", "https://types.example/\"", NULL, PREDICATE_OBJECT, "neither" },
};

static void finds_types(void **state)
{
    const struct type_row *row = *state;
    struct predicate_type type;
    struct err err = ERR_INIT;

    int r = predicate_type_find(&type, row->type, &err);
    if (row->uri == NULL) {
        EXPECT_ERR(r, &err, ERR_USAGE, row->word);
        assert_null(type.uri);
        return;
    }
    EXPECT_OK(r, &err);
    assert_string_equal(type.uri, row->uri);
    assert_int_equal(type.form, row->form);
}

static const struct recognise_row {
    const char *name; /* of the file, or of the text */
    const char *text; /* NULL: a file */
    const char *type;
    enum err_code code;
    const char *word;
} recognised[] = {
    { "slsa1.json", NULL, "slsaprovenance1", ERR_NONE, NULL },
    { "slsa02.json", NULL, "slsaprovenance", ERR_NONE, NULL },
    { "spdx2.json", NULL, "spdxjson", ERR_NONE, NULL },
    { "spdx3.json", NULL, "spdxjson", ERR_NONE, NULL },
    { "spdx-tag-value.spdx", NULL, "spdx", ERR_NONE, NULL },
    { "cyclonedx.json", NULL, "cyclonedx", ERR_NONE, NULL },
    { "openvex.json", NULL, "openvex", ERR_NONE, NULL },
    { "link.json", NULL, "link", ERR_NONE, NULL },
    { "vuln.json", NULL, "vuln", ERR_NONE, NULL },
    { "trivy.json", NULL, "vuln", ERR_NONE, NULL },
    { "grype.json", NULL, "vuln", ERR_NONE, NULL },
    { "sarif.json", NULL, "vuln", ERR_NONE, NULL },
    { "scai.json", NULL, NULL, ERR_USAGE, "not recognised: say --type" },
    { "empty", "", NULL, ERR_USAGE, "not recognised" },
    { "text", "reviewed\n", NULL, ERR_USAGE, "'custom' wraps" },
    { "blanks", " \n\t", NULL, ERR_USAGE, "not recognised" },
    { "not UTF-8", "\xff\xfe", NULL, ERR_USAGE, "not recognised" },
    { "an array", "[]", NULL, ERR_USAGE, "not recognised" },
    { "JSON cut off", "{\"bomFormat\":\"CycloneDX\"", NULL, ERR_CONFIG, "byte" },
    { "a name given twice", "{\"bomFormat\":\"CycloneDX\",\"bomFormat\":\"CycloneDX\"}", NULL,
      ERR_CONFIG, "duplicate" },
    { "a statement", "{\"_type\":\"https://in-toto.io/Statement/v1\"}", NULL, ERR_USAGE,
      "--statement" },
    { "an envelope", "{\"payloadType\":\"\",\"payload\":\"\",\"signatures\":[]}", NULL, ERR_USAGE,
      "envelope" },
    { "a bundle", "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"}", NULL,
      ERR_USAGE, "bundle" },
};

static void recognises(void **state)
{
    const struct recognise_row *row = *state;
    struct buf CLEANUP(buf_clear) file = BUF_INIT(MIB);
    struct predicate_type type;
    struct err err = ERR_INIT;

    int r = predicate_type_recognise(
        &type, row->text == NULL ? load(&file, row->name) : bytes_text(row->text), &err);
    if (row->code != ERR_NONE) {
        EXPECT_ERR(r, &err, row->code, row->word);
        assert_null(type.uri);
        return;
    }
    EXPECT_OK(r, &err);
    assert_string_equal(type.name, row->type);
}

/* --- what is required --- */

static const struct check_row {
    const char *name; /* of the file */
    const char *uri;
    const char *required[12]; /* pointers */
} checks[] = {
    { "slsa1.json",
      SLSA1,
      { "/buildDefinition", "/buildDefinition/buildType", "/buildDefinition/externalParameters",
        "/runDetails", "/runDetails/builder", "/runDetails/builder/id" } },
    { "slsa1-minimal.json", SLSA1, { "/runDetails/builder/id" } },
    { "slsa02.json", SLSA02, { "/builder", "/builder/id", "/buildType" } },
    { "spdx2.json",
      SPDX,
      { "/spdxVersion", "/dataLicense", "/SPDXID", "/name", "/documentNamespace", "/creationInfo",
        "/creationInfo/created", "/creationInfo/creators" } },
    { "spdx2.json", SPDX "/v2.3", { "/name" } },
    { "spdx3.json", SPDX, { "/@graph", "/@graph/0/type", "/@graph/1/type" } },
    { "spdx3.json", SPDX "/v3", { "/@graph" } },
    { "cyclonedx.json", CYCLONEDX, { "/bomFormat", "/specVersion" } },
    { "cyclonedx.json", CYCLONEDX "/v1.6", { "/specVersion" } },
    { "openvex.json",
      OPENVEX,
      { "/@context", "/@id", "/author", "/timestamp", "/version", "/statements",
        "/statements/0/status" } },
    { "openvex.json", OPENVEX "/v0.2.0", { "/author" } },
    { "link.json", LINK, { "/name" } },
    { "link-0.3.json", "https://in-toto.io/attestation/link/v0.3", { "/name" } },
    { "vuln.json",
      VULN,
      { "/scanner", "/scanner/result", "/metadata", "/metadata/scanStartedOn",
        "/metadata/scanFinishedOn" } },
    { "vulns-0.2.json",
      VULNS,
      { "/scanner", "/scanner/uri", "/scanner/result", "/scanner/result/0/id", "/metadata",
        "/metadata/scanStartedOn", "/metadata/scanFinishedOn" } },
    { "vsa.json",
      VSA,
      { "/verifier", "/verifier/id", "/resourceUri", "/policy", "/verificationResult",
        "/verifiedLevels" } },
    { "test-result.json",
      "https://in-toto.io/attestation/test-result/v0.1",
      { "/result", "/configuration" } },
    { "release.json", "https://in-toto.io/attestation/release/v0.2", { "/purl" } },
    { "scai.json",
      "https://in-toto.io/attestation/scai/attribute-report/v0.2",
      { "/attributes", "/attributes/0/attribute" } },
};

static int check_text(const char *uri, struct bytes text, struct err *err)
{
    struct err scanned = ERR_INIT;
    struct json_view root;

    EXPECT_OK(json_scan(&root, text, &scanned), &scanned);
    return predicate_check(uri, root, err);
}

/* The document with what stands at the pointer replaced by `with`, or taken away (NULL). */
static void change(struct buf *out, struct bytes document, const char *pointer, struct jx *with)
{
    struct jx *CLEANUP(jx_freep) root = NULL;
    struct err err = ERR_INIT;
    char name[64] = "";

    EXPECT_OK(jx_parse(&root, document, &err), &err);
    struct jx *at = root;
    for (const char *p = pointer + 1; at != NULL;) {
        size_t len = strcspn(p, "/");
        assert_true(len < sizeof(name));
        memcpy(name, p, len);
        name[len] = '\0';
        if (p[len] == '\0')
            break;
        p += len + 1;
        at = jx_kind(at) == JX_ARRAY ? jx_at(at, (size_t)(name[0] - '0')) : jx_get(at, name);
    }
    assert_non_null(at);
    assert_non_null(jx_get(at, name));
    EXPECT_OK(with == NULL ? jx_delete(at, name, &err) : jx_set(at, name, with, &err), &err);
    EXPECT_OK(jx_write(out, root, JX_COMPACT, &err), &err);
}

static void refuses_change(const struct check_row *row, struct bytes document, const char *pointer,
                           struct jx *with)
{
    struct buf CLEANUP(buf_clear) changed = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    change(&changed, document, pointer, with);
    EXPECT_ERR(check_text(row->uri, buf_bytes(&changed), &err), &err, ERR_CONFIG, pointer);
}

static void checks_required(void **state)
{
    const struct check_row *row = *state;
    struct buf CLEANUP(buf_clear) file = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    const struct bytes document = load(&file, row->name);
    EXPECT_OK(check_text(row->uri, document, &err), &err);
    assert_true(predicate_known(row->uri));
    for (size_t i = 0; i < ARRAY_LEN(row->required) && row->required[i] != NULL; i++) {
        const char *pointer = row->required[i];
        refuses_change(row, document, pointer, NULL);
        refuses_change(row, document, pointer, jx_null());
        /* What may be of any kind. */
        if (strcmp(pointer, "/version") == 0 || strcmp(pointer, "/scanner/result") == 0 ||
            strcmp(pointer, "/statements/0/status") == 0 || strstr(pointer, "/0/") != NULL ||
            strstr(pointer, "/1/") != NULL)
            continue;
        refuses_change(row, document, pointer, jx_int(7));
        refuses_change(row, document, pointer, jx_boolean(false));
    }
}

#define BUILD "\"buildDefinition\":{\"buildType\":\"a:b\",\"externalParameters\":{}"
#define RUN "\"runDetails\":{\"builder\":{\"id\":\"a:b\"}"
#define S(definition, details) "{" BUILD definition "}," RUN details "}}"
#define V(started)                                                                                 \
    "{\"scanner\":{\"result\":[]},\"metadata\":{\"scanStartedOn\":" started                        \
    ",\"scanFinishedOn\":\"2026-01-01T00:00:00Z\"}}"
#define VEX(statements)                                                                            \
    "{\"@context\":\"https://openvex.dev/ns\",\"@id\":\"a:b\",\"author\":\"a\",\"timestamp\":"     \
    "\"2026-01-01T00:00:00Z\",\"version\":1,\"statements\":" statements "}"

static const struct detail_row {
    const char *name;
    const char *uri;
    const char *text;
    const char *word; /* NULL: passes */
} details[] = {
    { "an unknown type: any object", "https://types.example/x", "{\"a\":1}", NULL },
    { "an unknown type: not an array", "https://types.example/x", "[]", "not a JSON object" },
    { "an unknown type: not a string", "https://types.example/x", "\"a\"", "not a JSON object" },
    { "versions are told by /v", SPDX "x", "{}", NULL },
    { "a version of a type that has none", SLSA1 "/v2", "{}", NULL },
    { "an empty object", SLSA1, "{}", "/buildDefinition: missing" },
    { "least", SLSA1, S("", ""), NULL },
    { "invocationID is refused by name", SLSA1, S("", ",\"metadata\":{\"invocationID\":\"1\"}"),
      "/runDetails/metadata: invocationId: written in another case" },
    { "invocationId", SLSA1, S("", ",\"metadata\":{\"invocationId\":\"1\"}"), NULL },
    { "invocationId a number", SLSA1, S("", ",\"metadata\":{\"invocationId\":1}"),
      "/runDetails/metadata/invocationId: not a string" },
    { "invocationId empty", SLSA1, S("", ",\"metadata\":{\"invocationId\":\"\"}"),
      "/runDetails/metadata/invocationId: empty" },
    { "null is as if it were not there", SLSA1,
      S(",\"resolvedDependencies\":null", ",\"metadata\":null"), NULL },
    { "metadata an array", SLSA1, S("", ",\"metadata\":[]"),
      "/runDetails/metadata: not an object" },
    { "no dependencies", SLSA1, S(",\"resolvedDependencies\":[]", ""), NULL },
    { "dependencies an object", SLSA1, S(",\"resolvedDependencies\":{}", ""),
      "/buildDefinition/resolvedDependencies: not an array" },
    { "a dependency that is none", SLSA1, S(",\"resolvedDependencies\":[{},\"x\"]", ""),
      "/buildDefinition/resolvedDependencies/1: not an object" },
    { "a time", SLSA1, S("", ",\"metadata\":{\"startedOn\":\"2026-01-01T00:00:00+02:00\"}"), NULL },
    { "a day", SLSA1, S("", ",\"metadata\":{\"startedOn\":\"2026-01-01\"}"),
      "/runDetails/metadata/startedOn: not an RFC 3339 time" },
    { "a time one short", SLSA1, S("", ",\"metadata\":{\"finishedOn\":\"2026-01-01T00:00:0Z\"}"),
      "/runDetails/metadata/finishedOn: not an RFC 3339 time" },
    { "a time that is a number", SLSA1, S("", ",\"metadata\":{\"finishedOn\":1700000000}"),
      "/runDetails/metadata/finishedOn: not a string" },
    { "a builder without scheme", SLSA1,
      "{" BUILD "},\"runDetails\":{\"builder\":{\"id\":\"builder\"}}}",
      "/runDetails/builder/id: not a URI" },
    { "a builder with an escaped URI", SLSA1,
      "{" BUILD "},\"runDetails\":{\"builder\":{\"id\":\"https:\\/\\/b\"}}}", NULL },
    { "a scheme alone", SLSA1, "{" BUILD "},\"runDetails\":{\"builder\":{\"id\":\"https:\"}}}",
      "/runDetails/builder/id: not a URI" },
    { "members unknown to us", SLSA1, S(",\"x_y\":1", ",\"x\":[]"), NULL },
    { "SPDX 1", SPDX, "{\"spdxVersion\":\"SPDX-1.2\"}",
      "/spdxVersion: does not begin with SPDX-2." },
    { "SPDX with another id", SPDX,
      "{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\",\"SPDXID\":\"SPDXRef-X\"}",
      "/SPDXID: not SPDXRef-DOCUMENT" },
    { "SPDX 3 of nothing", SPDX, "{\"@context\":\"https://spdx.org/rdf/3.0.1/c\",\"@graph\":[]}",
      "/@graph: empty" },
    { "SPDX 3 of another context", SPDX,
      "{\"@context\":\"https://example.com\",\"@graph\":[{\"type\":\"a\"}]}",
      "/@context: does not begin with" },
    { "CycloneDX under another name", CYCLONEDX, "{\"bomFormat\":\"SPDX\",\"specVersion\":\"1\"}",
      "/bomFormat: not CycloneDX" },
    { "OpenVEX", OPENVEX, VEX("[{\"status\":\"fixed\"}]"), NULL },
    { "OpenVEX without statements", OPENVEX, VEX("[]"), "/statements: empty" },
    { "OpenVEX, the second without status", OPENVEX, VEX("[{\"status\":\"fixed\"},{}]"),
      "/statements/1/status: missing" },
    { "link of another type", LINK, "{\"_type\":\"layout\",\"name\":\"n\"}", "/_type: not link" },
    { "link, materials in either form", LINK, "{\"name\":\"n\",\"materials\":{}}", NULL },
    { "vuln", VULN, V("\"2026-01-01T00:00:00Z\""), NULL },
    { "vuln, fractions", VULN, V("\"2026-01-01T00:00:00.123456789Z\""), NULL },
    { "vuln, an empty time", VULN, V("\"\""), "/metadata/scanStartedOn: empty" },
    { "VSA of another result", VSA,
      "{\"verifier\":{\"id\":\"a:b\"},\"resourceUri\":\"r\",\"policy\":{},\"verificationResult\":"
      "\"PASS\",\"verifiedLevels\":[]}",
      "/verificationResult: not PASSED|FAILED" },
    { "VSA with two results in one", VSA,
      "{\"verifier\":{\"id\":\"a:b\"},\"resourceUri\":\"r\",\"policy\":{},\"verificationResult\":"
      "\"PASSED|FAILED\",\"verifiedLevels\":[]}",
      "/verificationResult" },
};

static void checks_details(void **state)
{
    const struct detail_row *row = *state;
    struct err err = ERR_INIT;

    int r = check_text(row->uri, bytes_text(row->text), &err);
    if (row->word == NULL)
        EXPECT_OK(r, &err);
    else
        EXPECT_ERR(r, &err, ERR_CONFIG, row->word);
}

/* --- writing --- */

static int write_as(struct buf *out, const char *name, const struct predicate_input *input,
                    struct err *err)
{
    struct predicate_type type;
    struct err found = ERR_INIT;

    EXPECT_OK(predicate_type_find(&type, name, &found), &found);
    return predicate_write(out, &type, input, err);
}

#define RECORD(uri, version)                                                                       \
    "{\"invocation\":{\"parameters\":[],\"uri\":\"\",\"event_id\":\"\",\"builder.id\":\"\"},"      \
    "\"scanner\":{\"uri\":\"" uri "\",\"version\":\"" version                                      \
    "\",\"db\":{\"uri\":\"\",\"version\":\"\"},\"result\":"
#define TIMES(started, finished)                                                                   \
    "},\"metadata\":{\"scanStartedOn\":\"" started "\",\"scanFinishedOn\":\"" finished "\"}}"

static const struct write_row {
    const char *name; /* of the file */
    const char *type;
    const char *before, *after; /* of the file's JSON */
} written[] = {
    { "slsa1.json", "slsaprovenance1", "", "" },
    { "slsa02.json", "slsaprovenance", "", "" },
    { "slsa02.json", "slsaprovenance02", "", "" },
    { "spdx2.json", "spdxjson", "", "" },
    { "spdx3.json", "spdxjson", "", "" },
    { "cyclonedx.json", "cyclonedx", "", "" },
    { "openvex.json", "openvex", "", "" },
    { "link.json", "link", "", "" },
    { "vuln.json", "vuln", "", "" },
    { "scai.json", "https://types.example/any", "", "" },
    { "trivy.json", "vuln", RECORD("pkg:github/aquasecurity/trivy", ""),
      TIMES("2026-03-04T06:06:09.104726629+01:00", "2026-03-04T06:06:09.104726629+01:00") },
    { "trivy-version.json", VULN, RECORD("pkg:github/aquasecurity/trivy@0.71.0", "0.71.0"),
      TIMES("2026-03-04T05:06:09Z", "2026-03-04T05:06:09Z") },
    { "trivy.json", "https://types.example/any", "", "" },
    { "grype.json", "vuln", RECORD("pkg:github/anchore/grype@0.90.0%2Bdirty", "0.90.0+dirty"),
      TIMES("2026-03-04T05:06:09.5Z", "2026-03-04T05:06:09.5Z") },
    { "sarif.json", "vuln", RECORD("pkg:generic/Scan%20%26%20Report@3.1.4", "3.1.4"),
      TIMES("2026-03-04T05:06:07Z", "2026-03-04T05:06:09Z") },
    { "sarif-no-times.json", "vuln", RECORD("https://scan.example/", "3"),
      TIMES("2026-03-04T05:00:00Z", "2026-03-04T05:00:01Z") },
};

static void writes(void **state)
{
    const struct write_row *row = *state;
    struct buf CLEANUP(buf_clear) file = BUF_INIT(MIB);
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct buf CLEANUP(buf_clear) wanted = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    struct json_view root;

    const struct predicate_input input = { .file = load(&file, row->name),
                                           .scan_started = "2026-03-04T05:00:00Z",
                                           .scan_finished = "2026-03-04T05:00:01Z" };
    EXPECT_OK(json_scan(&root, input.file, &err), &err);
    buf_addf(&wanted, "head%s", row->before);
    buf_add_bytes(&wanted, root.raw);
    buf_add_text(&wanted, row->after);
    buf_add_text(&out, "head");
    EXPECT_OK(write_as(&out, row->type, &input, &err), &err);
    EXPECT_BUF(&out, buf_text(&wanted));
    const struct bytes made = bytes_part(buf_bytes(&out), 4, out.len);
    EXPECT_OK(json_scan(&root, made, &err), &err);
    if (strcmp(row->type, "vuln") == 0)
        EXPECT_OK(predicate_check(VULN, root, &err), &err);
}

#define TIME "2026-01-01T00:00:00Z"
#define SARIF(invocation)                                                                          \
    "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"s\"}},"                    \
    "\"invocations\":[{" invocation "}]}]}"
#define GRYPE(rest) "{\"matches\":[],\"descriptor\":{\"name\":\"grype\"" rest "}}"

static const struct refuse_row {
    const char *name;
    const char *type;
    const char *text;
    const char *started, *finished;
    enum err_code code;
    const char *word;
} refused[] = {
    { "empty", "slsaprovenance1", "", NULL, NULL, ERR_CONFIG, "byte 0" },
    { "not JSON", "cyclonedx", "bom", NULL, NULL, ERR_CONFIG, "byte 0" },
    { "two documents", "cyclonedx", "{}{}", NULL, NULL, ERR_CONFIG, "byte 2" },
    { "a name given twice", "https://types.example/x", "{\"a\":{\"b\":1,\"b\":1}}", NULL, NULL,
      ERR_CONFIG, "duplicate" },
    { "an array", "https://types.example/x", "[1]", NULL, NULL, ERR_CONFIG, "not a JSON object" },
    { "what is missing is named", "slsaprovenance1", "{\"buildDefinition\":{}}", NULL, NULL,
      ERR_CONFIG, "/runDetails: missing" },
    { "a statement", "slsaprovenance1", "{\"_type\":\"https://in-toto.io/Statement/v1\"}", NULL,
      NULL, ERR_CONFIG, "--statement" },
    { "a bundle", "vuln", "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"}", NULL,
      NULL, ERR_CONFIG, "bundle" },
    { "SPDX text as SPDX JSON", "spdxjson", "SPDXVersion: SPDX-2.3\n", NULL, NULL, ERR_CONFIG,
      "byte 0" },
    { "SPDX text that lacks most", "spdx", "SPDXVersion: SPDX-2.3\n", NULL, NULL, ERR_CONFIG,
      "DataLicense: missing" },
    { "SPDX JSON that lacks most", "spdx", "{\"spdxVersion\":\"SPDX-2.3\"}", NULL, NULL, ERR_CONFIG,
      "/dataLicense: missing" },
    { "SPDX of neither form", "spdx", "x", NULL, NULL, ERR_CONFIG, "neither SPDX" },
    { "custom, not UTF-8", "custom", "\xff", NULL, NULL, ERR_CONFIG, "not UTF-8" },
    { "grype without time", "vuln", GRYPE(""), NULL, NULL, ERR_CONFIG,
      "/descriptor/timestamp: missing; --scan-finished" },
    { "grype, time of another kind", "vuln", GRYPE(",\"timestamp\":1"), TIME, TIME, ERR_CONFIG,
      "/descriptor/timestamp: not an RFC 3339 time" },
    { "grype, not a time", "vuln", GRYPE(",\"timestamp\":\"today\""), TIME, TIME, ERR_CONFIG,
      "/descriptor/timestamp: not an RFC 3339 time" },
    { "grype, version of another kind", "vuln", GRYPE(",\"version\":1"), TIME, TIME, ERR_CONFIG,
      "/descriptor/version: not a string" },
    { "SARIF without end", "vuln", SARIF("\"startTimeUtc\":\"" TIME "\""), NULL, NULL, ERR_CONFIG,
      "/runs/0/invocations/0/endTimeUtc: missing; --scan-finished" },
    { "SARIF without beginning", "vuln", SARIF("\"endTimeUtc\":\"" TIME "\""), NULL, NULL,
      ERR_CONFIG, "/runs/0/invocations/0/startTimeUtc: missing; --scan-started" },
    { "SARIF, the flag's end alone", "vuln", SARIF(""), NULL, TIME, ERR_CONFIG, "--scan-started" },
    { "SARIF, the flag is no time", "vuln", SARIF(""), TIME, "2026-01-01", ERR_USAGE,
      "--scan-finished: not an RFC 3339 time" },
    { "SARIF, the flag is empty", "vuln", SARIF(""), "", TIME, ERR_USAGE, "--scan-started" },
    { "SARIF without a name", "vuln",
      "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{}}}]}", TIME, TIME, ERR_CONFIG,
      "/runs/0/tool/driver/name: missing" },
};

static void refuses(void **state)
{
    const struct refuse_row *row = *state;
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    const struct predicate_input input = { bytes_text(row->text), 0, row->started, row->finished };

    EXPECT_ERR(write_as(&out, row->type, &input, &err), &err, row->code, row->word);
}

/* As cosign makes them (sigstore.md 4.3). */
static void texts(void **state)
{
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct buf CLEANUP(buf_clear) file = BUF_INIT(MIB);
    struct buf CLEANUP(buf_clear) content = BUF_INIT(MIB);
    struct predicate_input input = { BYTES_LIT("a \"b\"\n\x01\xc3\xa4"), 1767225600, NULL, NULL };
    struct err err = ERR_INIT;
    struct json_view root;

    (void)state;
    EXPECT_OK(write_as(&out, "custom", &input, &err), &err);
    EXPECT_BUF(&out, "{\"Data\":\"a \\\"b\\\"\\n\\u0001\xc3\xa4\",\"Timestamp\":\"" TIME "\"}");
    buf_reset(&out);
    input.file = BYTES_NONE;
    EXPECT_OK(write_as(&out, "custom", &input, &err), &err);
    EXPECT_BUF(&out, "{\"Data\":\"\",\"Timestamp\":\"" TIME "\"}");
    input.file = BYTES_LIT("a\0b");
    EXPECT_ERR(write_as(&out, "custom", &input, &err), &err, ERR_CONFIG, "not UTF-8 text");
    static const char *const spdx[] = { "spdx-tag-value.spdx", "spdx2.json" };
    for (size_t i = 0; i < ARRAY_LEN(spdx); i++) {
        buf_reset(&out);
        buf_reset(&file);
        buf_reset(&content);
        input.file = load(&file, spdx[i]);
        EXPECT_OK(write_as(&out, "spdx", &input, &err), &err);
        EXPECT_OK(json_scan(&root, buf_bytes(&out), &err), &err);
        EXPECT_OK(json_string(&content, root, "predicate", &err), &err);
        assert_true(bytes_equal(buf_bytes(&content), input.file));
    }
}

/* The buffer's ceiling, met and passed. */
static void ceiling(void **state)
{
    const struct predicate_input input = { BYTES_LIT(" {\"a\":1} \n"), 0, NULL, NULL };
    struct err err = ERR_INIT;

    (void)state;
    for (size_t max = 6; max <= 7; max++) {
        struct buf CLEANUP(buf_clear) out = BUF_INIT(max);
        int r = write_as(&out, "https://types.example/x", &input, &err);
        if (max == 7)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "predicate");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts), cmocka_unit_test(ceiling) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(types, finds_types);
    failed += RUN_ROWS(recognised, recognises);
    failed += RUN_ROWS(checks, checks_required);
    failed += RUN_ROWS(details, checks_details);
    failed += RUN_ROWS(written, writes);
    failed += RUN_ROWS(refused, refuses);
    return failed != 0;
}
