#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "registry/manifest.h"
#include "tests/unit/expect.h"

#define H64 "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define DIGEST "\"digest\":\"sha256:" H64 "\""
#define EMPTY "{\"mediaType\":\"" TYPE_OCI_EMPTY "\"," DIGEST ",\"size\":2}"
#define CONFIG "{\"mediaType\":\"" TYPE_OCI_CONFIG "\"," DIGEST ",\"size\":2}"
#define V2 "\"schemaVersion\":2"
#define TYPED(t) "\"mediaType\":\"" t "\""
#define IMAGE V2 ",\"config\":" CONFIG ",\"layers\":[" EMPTY "]"
#define INDEX V2 ",\"manifests\":[" CONFIG "]"
#define LAYER(members) "{" V2 ",\"config\":" CONFIG ",\"layers\":[{" members "}]}"
#define ARENA (8 * MIB)

struct accepted {
    const char *name;
    const char *body;
    const char *content_type;
    enum manifest_kind kind;
    const char *media_type;
    const char *artifact_type;
    size_t n;
    bool subject;
};

static const struct accepted accepted[] = {
    { "OCI image", "{" IMAGE "," TYPED(TYPE_OCI_MANIFEST) "}", TYPE_OCI_MANIFEST, MANIFEST_IMAGE,
      TYPE_OCI_MANIFEST, TYPE_OCI_CONFIG, 1, false },
    { "without mediaType", "{" IMAGE "}", TYPE_OCI_MANIFEST, MANIFEST_IMAGE, TYPE_OCI_MANIFEST,
      TYPE_OCI_CONFIG, 1, false },
    { "type only in the body", "{" IMAGE "," TYPED(TYPE_OCI_MANIFEST) "}", NULL, MANIFEST_IMAGE,
      TYPE_OCI_MANIFEST, TYPE_OCI_CONFIG, 1, false },
    { "type nowhere, image by shape", "{" IMAGE "}", "application/json", MANIFEST_IMAGE,
      TYPE_OCI_MANIFEST, TYPE_OCI_CONFIG, 1, false },
    { "type nowhere, index by shape", "{" INDEX "}", NULL, MANIFEST_INDEX, TYPE_OCI_INDEX, NULL, 1,
      false },
    { "parameters and case of the content type", "{" IMAGE "," TYPED(TYPE_OCI_MANIFEST) "}",
      " Application/vnd.oci.image.manifest.v1+JSON ; charset=utf-8", MANIFEST_IMAGE,
      TYPE_OCI_MANIFEST, TYPE_OCI_CONFIG, 1, false },
    { "OCI index", "{" INDEX "," TYPED(TYPE_OCI_INDEX) "}", TYPE_OCI_INDEX, MANIFEST_INDEX,
      TYPE_OCI_INDEX, NULL, 1, false },
    { "empty index", "{" V2 ",\"manifests\":[]}", TYPE_OCI_INDEX, MANIFEST_INDEX, TYPE_OCI_INDEX,
      NULL, 0, false },
    { "no layers", "{" V2 ",\"config\":" CONFIG ",\"layers\":[]}", TYPE_OCI_MANIFEST,
      MANIFEST_IMAGE, TYPE_OCI_MANIFEST, TYPE_OCI_CONFIG, 0, false },
    { "Docker image", "{" IMAGE "," TYPED(TYPE_DOCKER_MANIFEST) "}", TYPE_DOCKER_MANIFEST,
      MANIFEST_IMAGE, TYPE_DOCKER_MANIFEST, TYPE_OCI_CONFIG, 1, false },
    { "Docker list", "{" INDEX "," TYPED(TYPE_DOCKER_LIST) "}", "application/octet-stream",
      MANIFEST_INDEX, TYPE_DOCKER_LIST, NULL, 1, false },
    { "artifact with a subject", "{" IMAGE ",\"artifactType\":\"a/b\",\"subject\":" EMPTY "}",
      TYPE_OCI_MANIFEST, MANIFEST_IMAGE, TYPE_OCI_MANIFEST, "a/b", 1, true },
    { "index with a subject", "{" INDEX ",\"artifactType\":\"a/b\",\"subject\":" EMPTY "}",
      TYPE_OCI_INDEX, MANIFEST_INDEX, TYPE_OCI_INDEX, "a/b", 1, true },
    { "escaped texts",
      "{" V2 ",\"config\":" CONFIG ",\"layers\":[],\"artifactType\":\"a\\/\\u0062\"}",
      TYPE_OCI_MANIFEST, MANIFEST_IMAGE, TYPE_OCI_MANIFEST, "a/b", 0, false },
    { "empty artifactType is none", "{" IMAGE ",\"artifactType\":\"\"}", TYPE_OCI_MANIFEST,
      MANIFEST_IMAGE, TYPE_OCI_MANIFEST, TYPE_OCI_CONFIG, 1, false },
    { "null subject is none", "{" IMAGE ",\"subject\":null}", TYPE_OCI_MANIFEST, MANIFEST_IMAGE,
      TYPE_OCI_MANIFEST, TYPE_OCI_CONFIG, 1, false },
    { "unknown members", "{" IMAGE ",\"x\":{\"y\":[1]}}", TYPE_OCI_MANIFEST, MANIFEST_IMAGE,
      TYPE_OCI_MANIFEST, TYPE_OCI_CONFIG, 1, false },
    { "urls and data are nothing",
      LAYER("\"mediaType\":\"a/b\"," DIGEST ",\"size\":9007199254740992,\"urls\":[\"http://x\"],"
            "\"data\":\"e30=\""),
      TYPE_OCI_MANIFEST, MANIFEST_IMAGE, TYPE_OCI_MANIFEST, TYPE_OCI_CONFIG, 1, false },
};

static void accepts(void **state)
{
    const struct accepted *row = *state;
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(ARENA);
    struct err err = ERR_INIT;
    struct manifest m;

    EXPECT_OK(manifest_parse(&m, bytes_text(row->body), row->content_type, &arena, &err), &err);
    assert_int_equal(m.kind, row->kind);
    assert_string_equal(m.media_type, row->media_type);
    assert_int_equal(m.n, row->n);
    assert_int_equal(m.subject != NULL, row->subject);
    if (row->artifact_type == NULL)
        assert_null(m.artifact_type);
    else
        assert_string_equal(m.artifact_type, row->artifact_type);
}

struct refused {
    const char *name;
    const char *body;
    const char *content_type;
    enum err_code code;
    const char *word;
};

#define OCI TYPE_OCI_MANIFEST, ERR_MALFORMED

static const struct refused refused[] = {
    { "empty", "", OCI, "" },
    { "not JSON", "{", OCI, "" },
    { "an array", "[]", OCI, "not an object" },
    { "text behind it", "{" IMAGE "} x", OCI, "" },
    { "duplicate member", "{" IMAGE ",\"layers\":[]}", OCI, "duplicate" },
    { "another case", "{" IMAGE ",\"Manifests\":[]}", OCI, "anifests" },
    { "another case in a descriptor",
      LAYER("\"mediaType\":\"a/b\"," DIGEST ",\"size\":1,\"Digest\":\"\""), OCI, "igest" },
    { "another case of a member that is not used",
      LAYER("\"mediaType\":\"a/b\"," DIGEST ",\"size\":1,\"URLS\":[]"), OCI, "urls" },
    { "layers and manifests", "{" IMAGE ",\"manifests\":[]}", OCI, "ambiguous" },
    { "manifests null beside layers", "{" IMAGE ",\"manifests\":null}", OCI, "ambiguous" },
    { "manifests and config", "{" INDEX ",\"config\":" CONFIG "}", TYPE_OCI_INDEX, ERR_MALFORMED,
      "ambiguous" },
    { "manifests and fsLayers", "{" INDEX ",\"fsLayers\":[]}", TYPE_OCI_INDEX, ERR_MALFORMED,
      "ambiguous" },
    { "manifests and history", "{" INDEX ",\"history\":[]}", TYPE_OCI_INDEX, ERR_MALFORMED,
      "ambiguous" },
    { "index served as an image", "{" INDEX "}", OCI, "manifests" },
    { "image served as an index", "{" IMAGE "}", TYPE_OCI_INDEX, ERR_MALFORMED, "missing" },
    { "mediaType is not the content type", "{" IMAGE "," TYPED(TYPE_DOCKER_MANIFEST) "}", OCI,
      "served as" },
    { "index by mediaType, image by content type", "{" INDEX "," TYPED(TYPE_OCI_INDEX) "}", OCI,
      "served as" },
    { "mediaType says index, the shape image", "{" IMAGE "," TYPED(TYPE_OCI_INDEX) "}", NULL,
      ERR_MALFORMED, "missing" },
    { "mediaType not a text", "{" IMAGE ",\"mediaType\":1}", OCI, "mediaType" },
    { "Docker without mediaType", "{" IMAGE "}", TYPE_DOCKER_MANIFEST, ERR_MALFORMED,
      "mediaType is missing" },
    { "no schemaVersion", "{\"config\":" CONFIG ",\"layers\":[]}", OCI,
      "schemaVersion is missing" },
    { "schemaVersion 3", "{\"schemaVersion\":3,\"config\":" CONFIG ",\"layers\":[]}", OCI,
      "schemaVersion" },
    { "schemaVersion a text", "{\"schemaVersion\":\"2\",\"config\":" CONFIG ",\"layers\":[]}", OCI,
      "schemaVersion" },
    { "schemaVersion 2.0", "{\"schemaVersion\":2.0,\"config\":" CONFIG ",\"layers\":[]}", OCI,
      "schemaVersion" },
    { "schema 1", "{\"schemaVersion\":1,\"fsLayers\":[],\"history\":[]}",
      "application/vnd.docker.distribution.manifest.v1+prettyjws", ERR_UNSUPPORTED, "schema 1" },
    { "schema 1 by type", "{" IMAGE "}", "application/vnd.docker.distribution.manifest.v1+json",
      ERR_UNSUPPORTED, "not supported" },
    { "retired artifact manifest",
      "{" V2 ",\"blobs\":[]," TYPED("application/vnd.oci.artifact.manifest.v1+json") "}", NULL,
      ERR_UNSUPPORTED, "artifact" },
    { "a page", "{" IMAGE "}", "text/html", ERR_UNSUPPORTED, "text/html" },
    { "unknown mediaType", "{" IMAGE "," TYPED("a/b") "}", NULL, ERR_UNSUPPORTED, "a/b" },
    { "no config", "{" V2 ",\"layers\":[]}", OCI, "config is missing" },
    { "config null", "{" V2 ",\"layers\":[],\"config\":null}", OCI, "config" },
    { "no layers", "{" V2 ",\"config\":" CONFIG "}", OCI, "layers is missing" },
    { "layers an object", "{" V2 ",\"config\":" CONFIG ",\"layers\":{}}", OCI, "not an array" },
    { "layers null", "{" V2 ",\"config\":" CONFIG ",\"layers\":null}", OCI, "not an array" },
    { "layer not an object", "{" V2 ",\"config\":" CONFIG ",\"layers\":[1]}", OCI, "layers[0]" },
    { "subject a text", "{" IMAGE ",\"subject\":\"x\"}", OCI, "subject" },
    { "annotations an array", "{" IMAGE ",\"annotations\":[]}", OCI, "annotations" },
    { "layer without a type", LAYER(DIGEST ",\"size\":1"), OCI, "mediaType" },
    { "layer with an empty type", LAYER("\"mediaType\":\"\"," DIGEST ",\"size\":1"), OCI,
      "mediaType" },
    { "type with a control character", LAYER("\"mediaType\":\"a\\nb\"," DIGEST ",\"size\":1"), OCI,
      "control" },
    { "layer without a digest", LAYER("\"mediaType\":\"a/b\",\"size\":1"), OCI, "digest" },
    { "layer with a bad digest", LAYER("\"mediaType\":\"a/b\",\"size\":1,\"digest\":\"sha256:0\""),
      OCI, "layers[0]: digest" },
    { "layer with an unknown digest",
      LAYER("\"mediaType\":\"a/b\",\"size\":1,\"digest\":\"md5:00\""), TYPE_OCI_MANIFEST,
      ERR_UNSUPPORTED, "md5" },
    { "digest as a path", LAYER("\"mediaType\":\"a/b\",\"size\":1,\"digest\":\"../../../x\""), OCI,
      "digest" },
    { "layer without a size", LAYER("\"mediaType\":\"a/b\"," DIGEST), OCI, "size" },
    { "negative size", LAYER("\"mediaType\":\"a/b\"," DIGEST ",\"size\":-1"), OCI, "size" },
    { "size above 2^53", LAYER("\"mediaType\":\"a/b\"," DIGEST ",\"size\":9007199254740993"), OCI,
      "size" },
    { "size a fraction", LAYER("\"mediaType\":\"a/b\"," DIGEST ",\"size\":1.5"), OCI, "size" },
    { "size with an exponent", LAYER("\"mediaType\":\"a/b\"," DIGEST ",\"size\":1e2"), OCI,
      "size" },
    { "size a text", LAYER("\"mediaType\":\"a/b\"," DIGEST ",\"size\":\"1\""), OCI, "size" },
    { "platform a text", LAYER("\"mediaType\":\"a/b\"," DIGEST ",\"size\":1,\"platform\":\"x\""),
      OCI, "platform" },
    { "os a number", LAYER("\"mediaType\":\"a/b\"," DIGEST ",\"size\":1,\"platform\":{\"os\":1}"),
      OCI, "os" },
};

static void refuses(void **state)
{
    const struct refused *row = *state;
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(ARENA);
    struct err err = ERR_INIT;
    struct manifest m;

    EXPECT_ERR(manifest_parse(&m, bytes_text(row->body), row->content_type, &arena, &err), &err,
               row->code, row->word);
    assert_null(m.media_type);
    assert_null(m.entries);
}

static void fields(void **state)
{
    static const char body[] =
        "{" V2 ",\"manifests\":[{\"mediaType\":\"" TYPE_OCI_MANIFEST "\"," DIGEST
        ",\"size\":7,\"artifactType\":\"x/y\",\"annotations\":{\"a\":\"b\\u0063\",\"n\":1},"
        "\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}}],"
        "\"annotations\":{\"k\":\"v\"}}";
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(ARENA);
    struct err err = ERR_INIT;
    struct manifest m;
    const char *text = NULL;
    char digest[DIGEST_TEXT_MAX];

    (void)state;
    EXPECT_OK(manifest_parse(&m, BYTES_LIT(body), NULL, &arena, &err), &err);
    const struct descriptor *d = &m.entries[0];
    digest_format(digest, &d->digest);
    assert_string_equal(digest, "sha256:" H64);
    assert_int_equal(d->size, 7);
    assert_string_equal(d->artifact_type, "x/y");
    assert_string_equal(d->os, "linux");
    assert_string_equal(d->architecture, "arm64");
    assert_string_equal(d->variant, "v8");
    assert_int_equal(d->raw.raw.data[0], '{');
    EXPECT_OK(annotation_get(&text, d->annotations, "a", &arena, &err), &err);
    assert_string_equal(text, "bc");
    EXPECT_OK(annotation_get(&text, d->annotations, "n", &arena, &err), &err);
    assert_null(text); /* not a text */
    EXPECT_OK(annotation_get(&text, d->annotations, "k", &arena, &err), &err);
    assert_null(text);
    EXPECT_OK(annotation_get(&text, m.annotations, "k", &arena, &err), &err);
    assert_string_equal(text, "v");
    EXPECT_OK(annotation_get(&text, JSON_VIEW_NONE, "k", &arena, &err), &err);
    assert_null(text);
}

static void add_many(struct buf *b, const char *one, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_add_text(b, i == 0 ? "" : ",");
        buf_add_text(b, one);
    }
}

static void expect_limit(const char *before, const char *one, const char *after, size_t max)
{
    for (size_t n = max; n <= max + 1; n++) {
        CLEANUP(arena_clear) struct arena arena = ARENA_INIT(ARENA);
        CLEANUP(buf_clear) struct buf text = BUF_INIT(MANIFEST_MAX);
        struct err err = ERR_INIT;
        struct manifest m;
        buf_add_text(&text, before);
        add_many(&text, one, n);
        buf_add_text(&text, after);
        int r = manifest_parse(&m, buf_bytes(&text), NULL, &arena, &err);
        if (n == max)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "more than");
        assert_int_equal(m.n, n == max ? max : 0);
    }
}

static void ceilings(void **state)
{
    (void)state;
    expect_limit("{" V2 ",\"manifests\":[", EMPTY, "]}", INDEX_CHILDREN_MAX);
    expect_limit("{" V2 ",\"config\":" CONFIG ",\"layers\":[", EMPTY, "]}", SIGNATURE_LAYERS_MAX);
}

static void ceiling_of_annotations(void **state)
{
    (void)state;
    for (size_t n = ANNOTATIONS_MAX; n <= ANNOTATIONS_MAX + 1; n++) {
        CLEANUP(arena_clear) struct arena arena = ARENA_INIT(ARENA);
        CLEANUP(buf_clear) struct buf text = BUF_INIT(MANIFEST_MAX);
        struct err err = ERR_INIT;
        struct manifest m;
        buf_add_text(&text, "{" IMAGE ",\"annotations\":{");
        for (size_t i = 0; i < n; i++)
            buf_addf(&text, "%s\"k%zu\":\"\"", i == 0 ? "" : ",", i);
        buf_add_text(&text, "}}");
        int r = manifest_parse(&m, buf_bytes(&text), NULL, &arena, &err);
        if (n == ANNOTATIONS_MAX)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "annotations");
    }
}

static void ceiling_of_bytes(void **state)
{
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(ARENA);
    CLEANUP(buf_clear) struct buf text = BUF_INIT(MANIFEST_MAX + 1);
    struct err err = ERR_INIT;
    struct manifest m;

    (void)state;
    buf_add_text(&text, "{" IMAGE "}");
    while (text.len < MANIFEST_MAX)
        buf_add_char(&text, ' ');
    EXPECT_OK(manifest_parse(&m, buf_bytes(&text), NULL, &arena, &err), &err);
    buf_add_char(&text, ' ');
    EXPECT_ERR(manifest_parse(&m, buf_bytes(&text), NULL, &arena, &err), &err, ERR_LIMIT, "larger");
}

static void ceiling_of_types(void **state)
{
    (void)state;
    for (size_t n = MEDIA_TYPE_MAX; n <= MEDIA_TYPE_MAX + 1; n++) {
        CLEANUP(arena_clear) struct arena arena = ARENA_INIT(ARENA);
        CLEANUP(buf_clear) struct buf text = BUF_INIT(MANIFEST_MAX);
        struct err err = ERR_INIT;
        struct manifest m;
        buf_add_text(&text, "{" IMAGE ",\"artifactType\":\"");
        for (size_t i = 0; i < n; i++)
            buf_add_char(&text, 'a');
        buf_add_text(&text, "\"}");
        int r = manifest_parse(&m, buf_bytes(&text), NULL, &arena, &err);
        if (n == MEDIA_TYPE_MAX)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "longer than 255");
    }
}

static void lists(void **state)
{
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(ARENA);
    CLEANUP(buf_clear) struct buf text = BUF_INIT(MANIFEST_MAX);
    struct err err = ERR_INIT;
    struct manifest m;

    (void)state;
    buf_add_text(&text, "{" V2 ",\"manifests\":[");
    add_many(&text, EMPTY, INDEX_CHILDREN_MAX + 1);
    buf_add_text(&text, "]}");
    EXPECT_OK(index_parse(&m, buf_bytes(&text), INDEX_CHILDREN_MAX + 1, &arena, &err), &err);
    assert_int_equal(m.n, INDEX_CHILDREN_MAX + 1);
    EXPECT_ERR(index_parse(&m, buf_bytes(&text), INDEX_CHILDREN_MAX, &arena, &err), &err, ERR_LIMIT,
               "more than 1000");
    /* an empty list as Go servers write it; not so in an image index */
    const struct bytes null_list = BYTES_LIT("{\"schemaVersion\":2,\"manifests\":null}");
    EXPECT_OK(index_parse(&m, null_list, 9, &arena, &err), &err);
    assert_int_equal(m.n, 0);
    EXPECT_ERR(manifest_parse(&m, null_list, TYPE_OCI_INDEX, &arena, &err), &err, ERR_MALFORMED,
               "manifests");
    EXPECT_ERR(index_parse(&m, BYTES_LIT("{\"schemaVersion\":2}"), 9, &arena, &err), &err,
               ERR_MALFORMED, "");
    EXPECT_ERR(index_parse(&m, BYTES_LIT("{" IMAGE "}"), 9, &arena, &err), &err, ERR_MALFORMED,
               "image manifest");
    assert_null(m.media_type);
}

static void memory_is_bounded(void **state)
{
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(64);
    struct err err = ERR_INIT;
    struct manifest m;

    (void)state;
    EXPECT_ERR(manifest_parse(&m, BYTES_LIT("{" IMAGE "}"), NULL, &arena, &err), &err, ERR_LIMIT,
               "64 bytes");
}

static void kinds(void **state)
{
    (void)state;
    assert_true(media_type_is_index(TYPE_OCI_INDEX) && media_type_is_index(TYPE_DOCKER_LIST));
    assert_true(media_type_is_manifest(TYPE_OCI_MANIFEST) &&
                media_type_is_manifest(TYPE_DOCKER_MANIFEST));
    assert_false(media_type_is_index(TYPE_OCI_MANIFEST) || media_type_is_manifest(TYPE_OCI_INDEX));
    assert_false(media_type_is_index(NULL) || media_type_is_manifest("") ||
                 media_type_is_manifest(TYPE_OCI_CONFIG));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(ceilings),
        cmocka_unit_test(ceiling_of_annotations),
        cmocka_unit_test(ceiling_of_bytes),
        cmocka_unit_test(ceiling_of_types),
        cmocka_unit_test(lists),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(kinds),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(accepted, accepts);
    failed += RUN_ROWS(refused, refuses);
    return failed != 0;
}
