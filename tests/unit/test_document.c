#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "evidence/document.h"
#include "tests/unit/expect.h"

#define VECTORS "tests/vectors/predicates/"

static enum document_kind kind_of(struct bytes text)
{
    struct err err = ERR_INIT;
    struct json_view root;

    EXPECT_OK(json_scan(&root, text, &err), &err);
    return document_kind(root);
}

static const struct file_row {
    const char *name; /* of the file */
    enum document_kind kind;
} files[] = {
    { "slsa1.json", DOCUMENT_SLSA1 },          { "slsa1-minimal.json", DOCUMENT_SLSA1 },
    { "slsa02.json", DOCUMENT_SLSA02 },        { "spdx2.json", DOCUMENT_SPDX },
    { "spdx3.json", DOCUMENT_SPDX },           { "cyclonedx.json", DOCUMENT_CYCLONEDX },
    { "openvex.json", DOCUMENT_OPENVEX },      { "link.json", DOCUMENT_LINK },
    { "link-0.3.json", DOCUMENT_LINK },        { "vuln.json", DOCUMENT_VULN },
    { "trivy.json", DOCUMENT_TRIVY },          { "trivy-version.json", DOCUMENT_TRIVY },
    { "grype.json", DOCUMENT_GRYPE },          { "sarif.json", DOCUMENT_SARIF },
    { "sarif-no-times.json", DOCUMENT_SARIF }, { "vsa.json", DOCUMENT_OTHER },
    { "test-result.json", DOCUMENT_OTHER },    { "release.json", DOCUMENT_OTHER },
    { "scai.json", DOCUMENT_OTHER },
};

static void tells_files(void **state)
{
    const struct file_row *row = *state;
    struct buf CLEANUP(buf_clear) path = BUF_INIT(KIB);
    struct buf CLEANUP(buf_clear) file = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    buf_addf(&path, VECTORS "%s", row->name);
    EXPECT_OK(file_read(&file, buf_text(&path), &err), &err);
    assert_int_equal(kind_of(buf_bytes(&file)), row->kind);
}

static const struct text_row {
    const char *name;
    const char *text;
    enum document_kind kind;
} texts[] = {
    { "nothing", "{}", DOCUMENT_OTHER },
    { "an array", "[{\"bomFormat\":\"CycloneDX\"}]", DOCUMENT_OTHER },
    { "a string", "\"bomFormat\"", DOCUMENT_OTHER },
    { "CycloneDX", "{\"bomFormat\":\"CycloneDX\"}", DOCUMENT_CYCLONEDX },
    { "CycloneDX, escaped", "{\"bom\\u0046ormat\":\"Cyclone\\u0044X\"}", DOCUMENT_CYCLONEDX },
    { "CycloneDX in another case", "{\"bomFormat\":\"cyclonedx\"}", DOCUMENT_OTHER },
    { "CycloneDX, one short", "{\"bomFormat\":\"CycloneD\"}", DOCUMENT_OTHER },
    { "CycloneDX, another member", "{\"bomformat\":\"CycloneDX\"}", DOCUMENT_OTHER },
    { "CycloneDX, not a string", "{\"bomFormat\":[\"CycloneDX\"]}", DOCUMENT_OTHER },
    { "SPDX", "{\"spdxVersion\":\"SPDX-2.3\"}", DOCUMENT_SPDX },
    { "SPDX, a number", "{\"spdxVersion\":2.3}", DOCUMENT_OTHER },
    { "SPDX 3 without graph", "{\"@context\":\"https://spdx.org/rdf/3.0.1/c\"}", DOCUMENT_OTHER },
    { "SPDX 3, another context", "{\"@context\":\"https://spdx.org/rdf/4\",\"@graph\":[]}",
      DOCUMENT_OTHER },
    { "OpenVEX", "{\"@context\":\"https:\\/\\/openvex.dev\\/ns\",\"statements\":[]}",
      DOCUMENT_OPENVEX },
    { "OpenVEX, another context", "{\"@context\":\"https://openvex.dev/n\",\"statements\":[]}",
      DOCUMENT_OTHER },
    { "OpenVEX, statements an object",
      "{\"@context\":\"https://openvex.dev/ns\",\"statements\":{}}", DOCUMENT_OTHER },
    { "trivy", "{\"SchemaVersion\":2,\"ArtifactName\":\"a\",\"Results\":[]}", DOCUMENT_TRIVY },
    { "trivy without results", "{\"SchemaVersion\":2,\"ArtifactName\":\"a\"}", DOCUMENT_OTHER },
    { "trivy, version a string", "{\"SchemaVersion\":\"2\",\"ArtifactName\":\"a\",\"Results\":[]}",
      DOCUMENT_OTHER },
    { "grype", "{\"matches\":[],\"descriptor\":{\"name\":\"grype\"}}", DOCUMENT_GRYPE },
    { "grype, another tool", "{\"matches\":[],\"descriptor\":{\"name\":\"syft\"}}",
      DOCUMENT_OTHER },
    { "grype without matches", "{\"descriptor\":{\"name\":\"grype\"}}", DOCUMENT_OTHER },
    { "SARIF", "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{}}}]}", DOCUMENT_SARIF },
    { "SARIF by its schema", "{\"version\":\"2.1.0\",\"runs\":[],\"$schema\":\"s\"}",
      DOCUMENT_SARIF },
    { "SARIF, another version", "{\"version\":\"2.0.0\",\"runs\":[{\"tool\":{\"driver\":{}}}]}",
      DOCUMENT_OTHER },
    { "SARIF without a tool", "{\"version\":\"2.1.0\",\"runs\":[{}]}", DOCUMENT_OTHER },
    { "vuln", "{\"scanner\":{\"result\":null},\"metadata\":{\"scanFinishedOn\":\"t\"}}",
      DOCUMENT_VULN },
    { "vuln without result", "{\"scanner\":{},\"metadata\":{\"scanFinishedOn\":\"t\"}}",
      DOCUMENT_OTHER },
    { "vuln without its end", "{\"scanner\":{\"result\":null},\"metadata\":{}}", DOCUMENT_OTHER },
    { "SLSA 1", "{\"buildDefinition\":{},\"runDetails\":{}}", DOCUMENT_SLSA1 },
    { "SLSA 1, half of it", "{\"buildDefinition\":{}}", DOCUMENT_OTHER },
    { "SLSA 0.2", "{\"builder\":{},\"buildType\":\"t\"}", DOCUMENT_SLSA02 },
    { "SLSA 0.2, builder a string", "{\"builder\":\"b\",\"buildType\":\"t\"}", DOCUMENT_OTHER },
    { "link", "{\"_type\":\"link\",\"name\":\"n\",\"materials\":[]}", DOCUMENT_LINK },
    { "link, another type", "{\"_type\":\"layout\",\"name\":\"n\",\"materials\":[]}",
      DOCUMENT_OTHER },
    { "statement", "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{}}",
      DOCUMENT_STATEMENT },
    { "envelope", "{\"payloadType\":\"t\",\"payload\":\"\",\"signatures\":[]}", DOCUMENT_ENVELOPE },
    { "envelope without payload", "{\"payloadType\":\"t\",\"signatures\":[]}", DOCUMENT_OTHER },
    { "bundle", "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"}",
      DOCUMENT_BUNDLE },
    { "a manifest", "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\"}",
      DOCUMENT_OTHER },
    { "evidence before all else",
      "{\"bomFormat\":\"CycloneDX\",\"_type\":\"https://in-toto.io/Statement/v1\"}",
      DOCUMENT_STATEMENT },
};

static void tells_texts(void **state)
{
    const struct text_row *row = *state;

    assert_int_equal(kind_of(bytes_text(row->text)), row->kind);
}

static void hints(void **state)
{
    (void)state;
    assert_non_null(strstr(document_hint(DOCUMENT_STATEMENT), "--statement"));
    assert_non_null(strstr(document_hint(DOCUMENT_ENVELOPE), "envelope"));
    assert_non_null(strstr(document_hint(DOCUMENT_BUNDLE), "sign attach bundle"));
    assert_null(document_hint(DOCUMENT_OTHER));
    assert_null(document_hint(DOCUMENT_SARIF));
}

#define TAGS                                                                                       \
    "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: a\n"     \
    "DocumentNamespace: https://a\nCreator: Tool: a\n"
#define CREATED "Created: 2026-01-01T00:00:00Z\n"

static const struct spdx_row {
    const char *name;
    const char *text;
    bool is;          /* begins as one */
    const char *word; /* of the error, NULL: complete */
} spdx[] = {
    { "complete", TAGS CREATED, true, NULL },
    { "without the last line's end", TAGS "Created: 2026-01-01T00:00:00Z", true, NULL },
    { "line ends of another system",
      "SPDXVersion: SPDX-2.3\r\nDataLicense: CC0-1.0\r\nSPDXID: S\r\nDocumentName: a\r\n"
      "DocumentNamespace: https://a\r\nCreator: Tool: a\r\nCreated: t\r\n",
      true, NULL },
    { "behind a comment", "# c\n\n  " TAGS CREATED, true, NULL },
    { "behind a byte order mark", "\xef\xbb\xbf" TAGS CREATED, true, NULL },
    { "nothing", "", false, "neither" },
    { "a comment alone", "# SPDXVersion: SPDX-2.3\n", false, "neither" },
    { "another first line", "x\n" TAGS CREATED, false, "neither" },
    { "another case", "spdxversion: SPDX-2.3\n", false, "neither" },
    { "one missing", TAGS, true, "Created: missing" },
    { "one without value", TAGS "Created: \r\n", true, "Created: missing" },
    { "one inside of another line", TAGS "PackageComment: " CREATED, true, "Created: missing" },
};

static void spdx_text(void **state)
{
    const struct spdx_row *row = *state;
    struct err err = ERR_INIT;

    assert_int_equal(document_is_spdx_text(bytes_text(row->text)), row->is);
    int r = document_spdx_text_check(bytes_text(row->text), &err);
    if (row->word == NULL)
        EXPECT_OK(r, &err);
    else
        EXPECT_ERR(r, &err, ERR_CONFIG, row->word);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(hints) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(files, tells_files);
    failed += RUN_ROWS(texts, tells_texts);
    failed += RUN_ROWS(spdx, spdx_text);
    return failed != 0;
}
