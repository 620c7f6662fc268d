#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "tests/unit/evidence.h"

/* The vector is exactly what sigstore.md 11.2 says: its length and its SHA-256. */
static void vector_is_the_vector(void **state)
{
    struct buf CLEANUP(buf_clear) hex = BUF_INIT(128);
    uint8_t hash[32];

    (void)state;
    assert_int_equal(strlen(VECTOR_PAYLOAD), 245);
    assert_int_equal(hash_bytes(hash, HASH_SHA256, BYTES_LIT(VECTOR_PAYLOAD), NULL), 0);
    hex_encode(&hex, (struct bytes) { hash, 32 });
    EXPECT_BUF(&hex, "6495544479e4fc37d778defab03d5ba6c3e9b02d2787dbfc161221f594a59162");
}

#define HEAD                                                                                       \
    "{\"critical\":{\"identity\":{\"docker-reference\":\"" VECTOR_REPOSITORY                       \
    "\"},\"image\":{\"docker-manifest-digest\":\"sha256:" VECTOR_HEX                               \
    "\"},\"type\":\"cosign container image signature\"},\"optional\":"

static const struct write_row {
    const char *name;
    struct annotation annotations[3];
    size_t n;
    const char *payload;
} writes[] = {
    { "no annotations: null", { { 0 } }, 0, VECTOR_PAYLOAD },
    { "one", { { "env", "prod" } }, 1, HEAD "{\"env\":\"prod\"}}" },
    { "sorted by name",
      { { "b", "2" }, { "a", "1" }, { "B", "3" } },
      3,
      HEAD "{\"B\":\"3\",\"a\":\"1\",\"b\":\"2\"}}" },
    { "a prefix comes first",
      { { "ab", "2" }, { "a", "1" } },
      2,
      HEAD "{\"a\":\"1\",\"ab\":\"2\"}}" },
    { "sorted as bytes, not as signed characters",
      { { "\xc3\xa9", "2" }, { "z", "1" } },
      2,
      HEAD "{\"z\":\"1\",\"\xc3\xa9\":\"2\"}}" },
    { "HTML",
      { { "a", "<b>&</b>" } },
      1,
      HEAD "{\"a\":\"\\u003cb\\u003e\\u0026\\u003c/b\\u003e\"}}" },
    { "quotes and backslashes", { { "a", "\"\\" } }, 1, HEAD "{\"a\":\"\\\"\\\\\"}}" },
    { "short escapes", { { "a", "\b\f\n\r\t" } }, 1, HEAD "{\"a\":\"\\b\\f\\n\\r\\t\"}}" },
    { "controls", { { "a", "\x01\x1f\x7f" } }, 1, HEAD "{\"a\":\"\\u0001\\u001f\x7f\"}}" },
    { "line separators",
      { { "a", "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7\xe2\x81\xa8" } },
      1,
      HEAD "{\"a\":\"\\u2028\\u2029\xe2\x80\xa7\xe2\x81\xa8\"}}" },
    { "names are escaped too", { { "<", "" } }, 1, HEAD "{\"\\u003c\":\"\"}}" },
    { "other text as it is",
      { { "a", "\xf0\x9f\x98\x80'/" } },
      1,
      HEAD "{\"a\":\"\xf0\x9f\x98\x80'/\"}}" },
};

static void write(void **state)
{
    const struct write_row *row = *state;
    const struct digest digest = vector_digest();
    struct buf CLEANUP(buf_clear) out = BUF_INIT(4096);
    struct err err = ERR_INIT;

    EXPECT_OK(simple_signing_write(&out, BYTES_LIT(VECTOR_REPOSITORY), &digest,
                                   row->n == 0 ? NULL : row->annotations, row->n, &err),
              &err);
    EXPECT_BUF(&out, row->payload);
}

/* What is written is read back as the same claims. */
static void write_then_parse(void **state)
{
    const struct write_row *row = *state;
    const struct digest digest = vector_digest();
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct simple_signing claims;
    struct err err = ERR_INIT;

    EXPECT_OK(simple_signing_parse(&claims, bytes_text(row->payload), &arena, &err), &err);
    assert_string_equal(claims.repository, VECTOR_REPOSITORY);
    assert_string_equal(claims.type, SIMPLE_SIGNING_CLAIM);
    assert_true(digest_equal(&claims.digest, &digest));
    assert_int_equal(claims.n_annotations, row->n);
    const struct fact fact = { .annotations = claims.annotations, .n_annotations = row->n };
    for (size_t i = 0; i < row->n; i++)
        assert_string_equal(fact_annotation(&fact, row->annotations[i].name),
                            row->annotations[i].value);
}

static void write_refuses(void **state)
{
    const struct digest digest = vector_digest();
    const struct annotation twice[] = { { "a", "1" }, { "b", "2" }, { "a", "3" } };
    struct buf CLEANUP(buf_clear) out = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) fits = BUF_INIT(245);
    struct buf CLEANUP(buf_clear) small = BUF_INIT(244);
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_ERR(simple_signing_write(&out, BYTES_LIT("r"), &digest, twice, 3, &err), &err, ERR_USAGE,
               "'a' is given twice");
    EXPECT_OK(simple_signing_write(&fits, BYTES_LIT(VECTOR_REPOSITORY), &digest, NULL, 0, &err),
              &err);
    EXPECT_ERR(simple_signing_write(&small, BYTES_LIT(VECTOR_REPOSITORY), &digest, NULL, 0, &err),
               &err, ERR_LIMIT, "payload");
}

static void write_escapes_the_repository(void **state)
{
    const struct digest digest = vector_digest();
    struct buf CLEANUP(buf_clear) out = BUF_INIT(4096);
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(simple_signing_write(&out, BYTES_LIT("oci:a&b\""), &digest, NULL, 0, &err), &err);
    assert_non_null(strstr(buf_text(&out), "\"docker-reference\":\"oci:a\\u0026b\\\"\"}"));
}

#define HEX63 "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545"
#define P(identity, image, type, rest)                                                             \
    "{\"critical\":{\"identity\":" identity ",\"image\":" image ",\"type\":" type "}" rest "}"
#define IDENTITY "{\"docker-reference\":\"r\"}"
#define IMAGE_OF(digest) "{\"docker-manifest-digest\":" digest "}"
#define IMAGE IMAGE_OF("\"sha256:" VECTOR_HEX "\"")
#define TYPE "\"t\""

static const struct parse_row {
    const char *name;
    const char *payload;
    size_t annotations;
} accepted[] = {
    { "optional absent", P(IDENTITY, IMAGE, TYPE, ""), 0 },
    { "optional null", P(IDENTITY, IMAGE, TYPE, ",\"optional\":null"), 0 },
    { "optional empty", P(IDENTITY, IMAGE, TYPE, ",\"optional\":{}"), 0 },
    { "claims of other kinds are left out",
      P(IDENTITY, IMAGE, TYPE,
        ",\"optional\":{\"a\":\"1\",\"timestamp\":1,\"b\":null,\"c\":{},\"d\":[],\"e\":true}"),
      1 },
    { "further members are for others", P(IDENTITY, IMAGE, TYPE, ",\"more\":{\"x\":1}"), 0 },
    { "further members below",
      P("{\"docker-reference\":\"r\",\"x\":1}", IMAGE, TYPE ",\"y\":2", ""), 0 },
    { "white space", " " P(IDENTITY, IMAGE, TYPE, "") "\n", 0 },
    { "escaped names and values",
      P("{\"docker\\u002dreference\":\"\\u0072\"}", IMAGE, "\"\\u0074\"", ""), 0 },
    { "sha512", P(IDENTITY, IMAGE_OF("\"sha512:" VECTOR_HEX VECTOR_HEX "\""), TYPE, ""), 0 },
    { "names that differ in case inside optional",
      P(IDENTITY, IMAGE, TYPE, ",\"optional\":{\"a\":\"1\",\"A\":\"2\"}"), 2 },
};

static void accepts(void **state)
{
    const struct parse_row *row = *state;
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct simple_signing claims;
    struct err err = ERR_INIT;

    EXPECT_OK(simple_signing_parse(&claims, bytes_text(row->payload), &arena, &err), &err);
    assert_string_equal(claims.repository, "r");
    assert_string_equal(claims.type, "t");
    assert_int_equal(claims.n_annotations, row->annotations);
}

static const struct refuse_row {
    const char *name;
    struct bytes payload;
    enum err_code code;
    const char *word;
} refused[] = {
#define R(name, text, code, word)                                                                  \
    {                                                                                              \
        name, { (const uint8_t *)(text), sizeof(text) - 1 }, code, word                            \
    }
    R("empty", "", ERR_MALFORMED, ""),
    R("not JSON", "critical", ERR_MALFORMED, ""),
    R("an array", "[]", ERR_MALFORMED, "not an object"),
    R("a string", "\"critical\"", ERR_MALFORMED, "not an object"),
    R("empty object", "{}", ERR_MALFORMED, "critical: missing"),
    R("one byte short",
      "{\"critical\":{\"identity\":" IDENTITY ",\"image\":" IMAGE ",\"type\":\"t\"}", ERR_MALFORMED,
      ""),
    R("a control behind it", P(IDENTITY, IMAGE, TYPE, "") "\b", ERR_MALFORMED, ""),
    R("truncated", "{\"critical\":{\"identity\":" IDENTITY, ERR_MALFORMED, ""),
    R("trailing byte", P(IDENTITY, IMAGE, TYPE, "") "x", ERR_MALFORMED, ""),
    R("trailing NUL", P(IDENTITY, IMAGE, TYPE, "") "\0", ERR_MALFORMED, ""),
    R("a second document", P(IDENTITY, IMAGE, TYPE, "") "{}", ERR_MALFORMED, ""),
    R("Critical", "{\"Critical\":{}}", ERR_MALFORMED, "another case"),
    R("both cases",
      "{\"critical\":{\"identity\":" IDENTITY ",\"image\":" IMAGE
      ",\"type\":\"t\"},\"CRITICAL\":{}}",
      ERR_MALFORMED, "another case"),
    R("Docker-Reference", P("{\"Docker-Reference\":\"r\"}", IMAGE, TYPE, ""), ERR_MALFORMED,
      "another case"),
    R("Docker-manifest-digest", P(IDENTITY, "{\"Docker-manifest-digest\":\"x\"}", TYPE, ""),
      ERR_MALFORMED, "another case"),
    R("Optional", P(IDENTITY, IMAGE, TYPE, ",\"Optional\":null"), ERR_MALFORMED, "another case"),
    R("duplicate critical", "{\"critical\":{},\"critical\":{}}", ERR_MALFORMED, "duplicate"),
    R("duplicate type", P(IDENTITY, IMAGE, TYPE ",\"type\":\"u\"", ""), ERR_MALFORMED, "duplicate"),
    R("duplicate digest",
      P(IDENTITY,
        "{\"docker-manifest-digest\":\"sha256:" VECTOR_HEX
        "\",\"docker-manifest-digest\":\"sha256:" VECTOR_HEX "\"}",
        TYPE, ""),
      ERR_MALFORMED, "duplicate"),
    R("duplicate after unescaping", P(IDENTITY, IMAGE, TYPE ",\"typ\\u0065\":\"u\"", ""),
      ERR_MALFORMED, "duplicate"),
    R("duplicate claim", P(IDENTITY, IMAGE, TYPE, ",\"optional\":{\"a\":\"1\",\"a\":\"2\"}"),
      ERR_MALFORMED, "duplicate"),
    R("critical null", "{\"critical\":null}", ERR_MALFORMED, "critical"),
    R("identity an array", P("[]", IMAGE, TYPE, ""), ERR_MALFORMED, "identity"),
    R("identity null", P("null", IMAGE, TYPE, ""), ERR_MALFORMED, "identity"),
    R("no identity", "{\"critical\":{\"image\":" IMAGE ",\"type\":\"t\"}}", ERR_MALFORMED,
      "identity: missing"),
    R("no image", "{\"critical\":{\"identity\":" IDENTITY ",\"type\":\"t\"}}", ERR_MALFORMED,
      "image: missing"),
    R("no type", "{\"critical\":{\"identity\":" IDENTITY ",\"image\":" IMAGE "}}", ERR_MALFORMED,
      "type: missing"),
    R("no reference", P("{}", IMAGE, TYPE, ""), ERR_MALFORMED, "docker-reference: missing"),
    R("reference a number", P("{\"docker-reference\":1}", IMAGE, TYPE, ""), ERR_MALFORMED,
      "docker-reference"),
    R("no digest", P(IDENTITY, "{}", TYPE, ""), ERR_MALFORMED, "docker-manifest-digest: missing"),
    R("digest an array", P(IDENTITY, IMAGE_OF("[\"sha256:" VECTOR_HEX "\"]"), TYPE, ""),
      ERR_MALFORMED, "docker-manifest-digest"),
    R("type a number", P(IDENTITY, IMAGE, "1", ""), ERR_MALFORMED, "type"),
    R("optional a string", P(IDENTITY, IMAGE, TYPE, ",\"optional\":\"a\""), ERR_MALFORMED,
      "optional"),
    R("optional an array", P(IDENTITY, IMAGE, TYPE, ",\"optional\":[]"), ERR_MALFORMED, "optional"),
    R("digest empty", P(IDENTITY, IMAGE_OF("\"\""), TYPE, ""), ERR_MALFORMED, "digest"),
    R("digest without algorithm", P(IDENTITY, IMAGE_OF("\"" VECTOR_HEX "\""), TYPE, ""),
      ERR_MALFORMED, "digest"),
    R("digest a digit short", P(IDENTITY, IMAGE_OF("\"sha256:" HEX63 "\""), TYPE, ""),
      ERR_MALFORMED, "digest"),
    R("digest a digit long", P(IDENTITY, IMAGE_OF("\"sha256:" VECTOR_HEX "0\""), TYPE, ""),
      ERR_MALFORMED, "digest"),
    R("digest upper case", P(IDENTITY, IMAGE_OF("\"sha256:" HEX63 "C\""), TYPE, ""), ERR_MALFORMED,
      "digest"),
    R("digest with a blank", P(IDENTITY, IMAGE_OF("\" sha256:" VECTOR_HEX "\""), TYPE, ""),
      ERR_MALFORMED, "digest"),
    R("sha512 of sha256's length", P(IDENTITY, IMAGE_OF("\"sha512:" VECTOR_HEX "\""), TYPE, ""),
      ERR_MALFORMED, "digest"),
    R("another algorithm", P(IDENTITY, IMAGE_OF("\"blake3:" VECTOR_HEX "\""), TYPE, ""),
      ERR_UNSUPPORTED, "blake3"),
    R("escaped NUL", P("{\"docker-reference\":\"r\\u0000s\"}", IMAGE, TYPE, ""), ERR_MALFORMED, ""),
    R("NUL byte", P("{\"docker-reference\":\"r\0s\"}", IMAGE, TYPE, ""), ERR_MALFORMED, ""),
    R("not UTF-8", P("{\"docker-reference\":\"\xff\"}", IMAGE, TYPE, ""), ERR_MALFORMED, ""),
#undef R
};

static void refuses(void **state)
{
    const struct refuse_row *row = *state;
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct simple_signing claims;
    struct err err = ERR_INIT;

    EXPECT_ERR(simple_signing_parse(&claims, row->payload, &arena, &err), &err, row->code,
               row->word);
    assert_null(claims.annotations);
    assert_int_equal(claims.n_annotations, 0);
}

/* A claim count at the ceiling and one over it. */
static void claims_are_bounded(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    for (size_t n = ANNOTATIONS_MAX; n <= ANNOTATIONS_MAX + 1; n++) {
        struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MIB);
        struct buf CLEANUP(buf_clear) payload = BUF_INIT(MIB);
        struct simple_signing claims;
        buf_add_text(&payload, HEAD);
        for (size_t i = 0; i < n; i++)
            buf_addf(&payload, "%c\"n%zu\":\"v\"", i == 0 ? '{' : ',', i);
        buf_add_text(&payload, "}}");
        int r = simple_signing_parse(&claims, buf_bytes(&payload), &arena, &err);
        if (n == ANNOTATIONS_MAX)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "annotations");
    }
}

static void depth_is_bounded(void **state)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MIB);
    struct buf CLEANUP(buf_clear) payload = BUF_INIT(MIB);
    struct simple_signing claims;
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&payload, HEAD "null,\"x\":");
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        buf_add_char(&payload, '[');
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        buf_add_char(&payload, ']');
    buf_add_char(&payload, '}');
    EXPECT_ERR(simple_signing_parse(&claims, buf_bytes(&payload), &arena, &err), &err, ERR_LIMIT,
               "");
}

static void arena_is_the_bound(void **state)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(8);
    struct simple_signing claims;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_ERR(simple_signing_parse(&claims, BYTES_LIT(VECTOR_PAYLOAD), &arena, &err), &err,
               ERR_LIMIT, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_is_the_vector),
        cmocka_unit_test(write_refuses),
        cmocka_unit_test(write_escapes_the_repository),
        cmocka_unit_test(claims_are_bounded),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(arena_is_the_bound),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(writes, write);
    failed += RUN_ROWS(writes, write_then_parse);
    failed += RUN_ROWS(accepted, accepts);
    failed += RUN_ROWS(refused, refuses);
    return failed != 0;
}
