#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/evidence.h"

#define OTHER_HEX "0000000000000000000000000000000000000000000000000000000000000000"
#define HEX512 VECTOR_HEX VECTOR_HEX
#define OURS "{\"digest\":{\"sha256\":\"" VECTOR_HEX "\"}}"
#define OTHER "{\"digest\":{\"sha256\":\"" OTHER_HEX "\"}}"
#define S(type, subjects, rest)                                                                    \
    "{\"_type\":\"" type "\",\"subject\":" subjects ",\"predicateType\":\"p\"" rest "}"
#define V1(subjects) S(STATEMENT_V1, subjects, "")

static const struct accept_row {
    const char *name;
    const char *text;
    enum json_kind predicate;
} accepted[] = {
    { "v1", V1("[" OURS "]"), JSON_ABSENT },
    { "v0.1", S(STATEMENT_V0_1, "[" OURS "]", ""), JSON_ABSENT },
    { "predicate", S(STATEMENT_V1, "[" OURS "]", ",\"predicate\":{}"), JSON_OBJECT },
    { "predicate null", S(STATEMENT_V1, "[" OURS "]", ",\"predicate\":null"), JSON_ABSENT },
    { "the text of an SPDX document",
      "{\"_type\":\"" STATEMENT_V0_1 "\",\"predicateType\":\"" PREDICATE_SPDX
      "\",\"subject\":[" OURS "],\"predicate\":\"SPDXVersion: SPDX-2.3\"}",
      JSON_STRING },
    { "escaped type", S("https:\\/\\/in-toto.io\\/Statement\\/v1", "[" OURS "]", ""), JSON_ABSENT },
};

static void accepts(void **state)
{
    const struct accept_row *row = *state;
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct statement statement;
    struct err err = ERR_INIT;

    EXPECT_OK(statement_parse(&statement, bytes_text(row->text), &arena, &err), &err);
    assert_string_equal(statement.predicate_type,
                        row->predicate == JSON_STRING ? PREDICATE_SPDX : "p");
    assert_true(bytes_equal(statement.root.raw, bytes_text(row->text)));
    assert_int_equal(statement.predicate.kind, row->predicate);
    assert_int_equal(json_count(statement.subjects), 1);
}

static const struct refuse_row {
    const char *name;
    const char *text;
    enum err_code code;
    const char *word;
} refused[] = {
    { "empty text", "", ERR_MALFORMED, "" },
    { "not an object", "[]", ERR_MALFORMED, "not an object" },
    { "empty object", "{}", ERR_MALFORMED, "missing" },
    { "trailing byte", V1("[" OURS "]") "}", ERR_MALFORMED, "" },
    { "truncated", "{\"_type\":\"" STATEMENT_V1 "\"", ERR_MALFORMED, "" },
    { "v2", S("https://in-toto.io/Statement/v2", "[" OURS "]", ""), ERR_MALFORMED, "_type" },
    { "v1 one long", S(STATEMENT_V1 "0", "[" OURS "]", ""), ERR_MALFORMED, "_type" },
    { "v1 one short", S("https://in-toto.io/Statement/v", "[" OURS "]", ""), ERR_MALFORMED,
      "_type" },
    { "type in another case", S("https://in-toto.io/statement/v1", "[" OURS "]", ""), ERR_MALFORMED,
      "_type" },
    { "type empty", S("", "[" OURS "]", ""), ERR_MALFORMED, "_type" },
    { "type null", "{\"_type\":null,\"subject\":[" OURS "],\"predicateType\":\"p\"}", ERR_MALFORMED,
      "_type" },
    { "no type", "{\"subject\":[" OURS "],\"predicateType\":\"p\"}", ERR_MALFORMED,
      "_type: missing" },
    { "no subject", "{\"_type\":\"" STATEMENT_V1 "\",\"predicateType\":\"p\"}", ERR_MALFORMED,
      "subject: missing" },
    { "no predicate type", "{\"_type\":\"" STATEMENT_V1 "\",\"subject\":[" OURS "]}", ERR_MALFORMED,
      "predicateType: missing" },
    { "predicate type a number",
      "{\"_type\":\"" STATEMENT_V1 "\",\"subject\":[" OURS "],\"predicateType\":1}", ERR_MALFORMED,
      "predicateType" },
    { "subjects an object", V1(OURS), ERR_MALFORMED, "subject" },
    { "no subjects", V1("[]"), ERR_MALFORMED, "no subject" },
    { "predicate an array", S(STATEMENT_V1, "[" OURS "]", ",\"predicate\":[]"), ERR_MALFORMED,
      "predicate" },
    { "predicate a string", S(STATEMENT_V1, "[" OURS "]", ",\"predicate\":\"\""), ERR_MALFORMED,
      "predicate" },
    { "a string of a type that begins like SPDX's",
      "{\"_type\":\"" STATEMENT_V1 "\",\"predicateType\":\"" PREDICATE_SPDX
      "/v2\",\"subject\":[" OURS "],\"predicate\":\"\"}",
      ERR_MALFORMED, "predicate" },
    { "predicate a number", S(STATEMENT_V1, "[" OURS "]", ",\"predicate\":1"), ERR_MALFORMED,
      "predicate" },
    { "unknown member", S(STATEMENT_V1, "[" OURS "]", ",\"x\":1"), ERR_MALFORMED,
      "unknown member" },
    { "Subject besides", S(STATEMENT_V1, "[" OURS "]", ",\"Subject\":[]"), ERR_MALFORMED,
      "another case" },
    { "predicatetype", S(STATEMENT_V1, "[" OURS "]", ",\"predicatetype\":\"q\""), ERR_MALFORMED,
      "another case" },
    { "duplicate subject", S(STATEMENT_V1, "[" OTHER "]", ",\"subject\":[" OURS "]"), ERR_MALFORMED,
      "duplicate" },
    { "duplicate inside the predicate",
      S(STATEMENT_V1, "[" OURS "]", ",\"predicate\":{\"a\":1,\"a\":2}"), ERR_MALFORMED,
      "duplicate" },
};

static void refuses(void **state)
{
    const struct refuse_row *row = *state;
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct statement statement;
    struct err err = ERR_INIT;

    EXPECT_ERR(statement_parse(&statement, bytes_text(row->text), &arena, &err), &err, row->code,
               row->word);
    assert_null(statement.predicate_type);
    assert_int_equal(statement.subjects.kind, JSON_ABSENT);
}

static const struct subject_row {
    const char *name;
    const char *subjects;
    enum err_code code; /* ERR_NONE: it is ours */
    const char *word;
    size_t annotations;
} subjects[] = {
    { "ours", "[" OURS "]", ERR_NONE, "", 0 },
    { "ours second", "[" OTHER "," OURS "]", ERR_NONE, "", 0 },
    { "ours first", "[" OURS "," OTHER "]", ERR_NONE, "", 0 },
    { "ours among several digests",
      "[{\"digest\":{\"sha1\":\"00\",\"sha256\":\"" VECTOR_HEX "\"}}]", ERR_NONE, "", 0 },
    { "all members of a ResourceDescriptor",
      "[{\"name\":\"n\",\"uri\":\"u\",\"content\":\"\",\"downloadLocation\":\"d\",\"mediaType\":"
      "\"m\",\"annotations\":{},\"digest\":{\"sha256\":\"" VECTOR_HEX "\"}}]",
      ERR_NONE, "", 0 },
    { "annotations null", "[{\"annotations\":null,\"digest\":{\"sha256\":\"" VECTOR_HEX "\"}}]",
      ERR_NONE, "", 0 },
    { "annotations",
      "[{\"annotations\":{\"a\":\"1\",\"n\":2},\"digest\":{\"sha256\":\"" VECTOR_HEX "\"}}]",
      ERR_NONE, "", 1 },
    { "annotations of another subject do not count",
      "[{\"annotations\":{\"a\":\"1\"},\"digest\":{\"sha256\":\"" OTHER_HEX "\"}}," OURS "]",
      ERR_NONE, "", 0 },
    { "the first that matches gives the annotations",
      "[" OURS ",{\"annotations\":{\"a\":\"1\"},\"digest\":{\"sha256\":\"" VECTOR_HEX "\"}}]",
      ERR_NONE, "", 0 },
    { "another", "[" OTHER "]", ERR_INVALID, "no subject", 0 },
    { "no digests", "[{\"digest\":{}}]", ERR_INVALID, "no subject", 0 },
    { "our hex under another algorithm", "[{\"digest\":{\"sha512\":\"" VECTOR_HEX "\"}}]",
      ERR_INVALID, "no subject", 0 },
    { "our hex under SHA256", "[{\"digest\":{\"SHA256\":\"" VECTOR_HEX "\"}}]", ERR_INVALID,
      "no subject", 0 },
    { "our digest with its prefix", "[{\"digest\":{\"sha256\":\"sha256:" VECTOR_HEX "\"}}]",
      ERR_INVALID, "no subject", 0 },
    { "one digit long", "[{\"digest\":{\"sha256\":\"" VECTOR_HEX "0\"}}]", ERR_INVALID,
      "no subject", 0 },
    { "a prefix of ours", "[{\"digest\":{\"sha256\":\"50d858e0985ecc7f\"}}]", ERR_INVALID,
      "no subject", 0 },
    { "empty digest", "[{\"digest\":{\"sha256\":\"\"}}]", ERR_INVALID, "no subject", 0 },
    { "upper case",
      "[{\"digest\":{\"sha256\":"
      "\"50D858E0985ECC7F60418AAF0CC5AB587F42C2570A884095A9E8CCACD0F6545C\"}}]",
      ERR_INVALID, "no subject", 0 },
    { "digest in the name", "[{\"name\":\"sha256:" VECTOR_HEX "\",\"digest\":{}}]", ERR_INVALID,
      "no subject", 0 },
    { "digest in an array", "[{\"digest\":{\"sha256\":[\"" VECTOR_HEX "\"]}}]", ERR_INVALID,
      "no subject", 0 },
    { "digest null", "[{\"digest\":null}]", ERR_MALFORMED, "digest", 0 },
    { "no digest", "[{\"name\":\"n\"}]", ERR_MALFORMED, "digest: missing", 0 },
    { "digest a string", "[{\"digest\":\"sha256:" VECTOR_HEX "\"}]", ERR_MALFORMED, "digest", 0 },
    { "a string", "[\"" VECTOR_HEX "\"]", ERR_MALFORMED, "not an object", 0 },
    { "null", "[null]", ERR_MALFORMED, "not an object", 0 },
    { "bad one behind ours", "[" OURS ",{}]", ERR_MALFORMED, "digest: missing", 0 },
    { "unknown member", "[{\"digest\":{\"sha256\":\"" VECTOR_HEX "\"},\"x\":1}]", ERR_MALFORMED,
      "unknown member", 0 },
    { "Digest", "[{\"Digest\":{\"sha256\":\"" VECTOR_HEX "\"}}]", ERR_MALFORMED, "another case",
      0 },
    { "annotations an array", "[{\"annotations\":[],\"digest\":{\"sha256\":\"" VECTOR_HEX "\"}}]",
      ERR_MALFORMED, "annotations", 0 },
};

static int match(const char *list, const struct digest *digest, struct annotation **annotations,
                 size_t *n, struct arena *arena, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB);
    struct statement statement;
    struct err why = ERR_INIT;

    buf_addf(&text, "{\"_type\":\"" STATEMENT_V1 "\",\"subject\":%s,\"predicateType\":\"p\"}",
             list);
    EXPECT_OK(statement_parse(&statement, buf_bytes(&text), arena, &why), &why);
    return statement_subject(&statement, digest, annotations, n, arena, err);
}

static void subject(void **state)
{
    const struct subject_row *row = *state;
    const struct digest digest = vector_digest();
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct annotation *annotations;
    size_t n;
    struct err err = ERR_INIT;

    int r = match(row->subjects, &digest, &annotations, &n, &arena, &err);
    if (row->code != ERR_NONE) {
        EXPECT_ERR(r, &err, row->code, row->word);
        assert_null(annotations);
        assert_int_equal(n, 0);
        return;
    }
    EXPECT_OK(r, &err);
    assert_int_equal(n, row->annotations);
    if (n == 1)
        assert_string_equal(annotations[0].value, "1");
}

/* An image with a sha512 digest is named by sha512, not by the first half of it under sha256. */
static void sha512_image(void **state)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct annotation *annotations;
    struct digest digest;
    size_t n;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(digest_parse(&digest, BYTES_LIT("sha512:" HEX512), &err), &err);
    EXPECT_OK(match("[{\"digest\":{\"sha512\":\"" HEX512 "\"}}]", &digest, &annotations, &n, &arena,
                    &err),
              &err);
    EXPECT_ERR(match("[" OURS "]", &digest, &annotations, &n, &arena, &err), &err, ERR_INVALID,
               "no subject");
    EXPECT_ERR(match("[{\"digest\":{\"sha256\":\"" HEX512 "\"}}]", &digest, &annotations, &n,
                     &arena, &err),
               &err, ERR_INVALID, "no subject");
}

static void subjects_are_bounded(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    for (size_t n = STATEMENT_SUBJECTS_MAX; n <= STATEMENT_SUBJECTS_MAX + 1; n++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB);
        struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MIB);
        struct statement statement;
        buf_add_text(&text, "{\"_type\":\"" STATEMENT_V1 "\",\"predicateType\":\"p\",\"subject\":");
        for (size_t i = 0; i < n; i++)
            buf_addf(&text, "%c" OTHER, i == 0 ? '[' : ',');
        buf_add_text(&text, "]}");
        int r = statement_parse(&statement, buf_bytes(&text), &arena, &err);
        if (n == STATEMENT_SUBJECTS_MAX)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "subjects");
    }
}

static void digests_are_bounded(void **state)
{
    const struct digest digest = vector_digest();
    struct err err = ERR_INIT;

    (void)state;
    for (size_t n = SUBJECT_DIGESTS_MAX; n <= SUBJECT_DIGESTS_MAX + 1; n++) {
        struct buf CLEANUP(buf_clear) list = BUF_INIT(MIB);
        struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MIB);
        struct annotation *annotations;
        size_t count;
        buf_add_text(&list, "[{\"digest\":{\"sha256\":\"" VECTOR_HEX "\"");
        for (size_t i = 1; i < n; i++)
            buf_addf(&list, ",\"x%zu\":\"\"", i);
        buf_add_text(&list, "}}]");
        int r = match(buf_text(&list), &digest, &annotations, &count, &arena, &err);
        if (n == SUBJECT_DIGESTS_MAX)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "digests");
    }
}

static void written_form(void **state)
{
    const struct digest digest = vector_digest();
    const struct annotation claims[] = { { "b", "2" }, { "a", "\"<" } };
    struct buf CLEANUP(buf_clear) bare = BUF_INIT(4096);
    struct buf CLEANUP(buf_clear) claimed = BUF_INIT(4096);
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct statement statement;
    struct annotation *annotations;
    size_t n;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(statement_write_signature(&bare, &digest, NULL, 0, &err), &err);
    EXPECT_BUF(&bare,
               "{\"_type\":\"" STATEMENT_V1 "\",\"subject\":[{\"digest\":{\"sha256\":\"" VECTOR_HEX
               "\"},\"annotations\":{}}],\"predicateType\":\"" PREDICATE_COSIGN_SIGN
               "\",\"predicate\":{}}");
    EXPECT_OK(statement_write_signature(&claimed, &digest, claims, 2, &err), &err);
    EXPECT_OK(statement_parse(&statement, buf_bytes(&claimed), &arena, &err), &err);
    assert_string_equal(statement.predicate_type, PREDICATE_COSIGN_SIGN);
    EXPECT_OK(statement_subject(&statement, &digest, &annotations, &n, &arena, &err), &err);
    assert_int_equal(n, 2);
    assert_string_equal(annotations[0].name, "b");
    assert_string_equal(annotations[1].value, "\"<");
}

static void writing_is_bounded(void **state)
{
    const struct digest digest = vector_digest();
    struct buf CLEANUP(buf_clear) small = BUF_INIT(100);
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_ERR(statement_write_signature(&small, &digest, NULL, 0, &err), &err, ERR_LIMIT,
               "statement");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha512_image),        cmocka_unit_test(subjects_are_bounded),
        cmocka_unit_test(digests_are_bounded), cmocka_unit_test(written_form),
        cmocka_unit_test(writing_is_bounded),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(accepted, accepts);
    failed += RUN_ROWS(refused, refuses);
    failed += RUN_ROWS(subjects, subject);
    return failed != 0;
}
