#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/policy_cases.h"

/* --- Reading --- */

#define FACT(text) IMAGE "facts: [" text "], " DENY

static const struct refused_row {
    const char *keys; /* and the test's name */
    const char *word;
} refused_rows[] = {
    { IMAGE NONE DENY ", more: 1", "[0].more: unknown key; known here: name, image" },
    { IMAGE "fact: [], " DENY, "[0].fact: unknown key; did you mean \"facts\"?" },
    { NONE DENY, "[0]: image is missing" },
    { IMAGE NONE "at: 2026-11-01T00:00:00Z", "[0]: expect is missing" },
    { IMAGE DENY, "[0]: what is known is wanted" },
    { IMAGE NONE "layout: dir, " DENY, "[0]: what is known is wanted" },
    { IMAGE "layout: dir, incomplete: deadline, " DENY, "[0].incomplete: incomplete goes with" },
    { "image: 5, " NONE DENY, "[0].image: a text is wanted here; put it in quotes" },
    { "image: '', " NONE DENY, "[0].image: a text is wanted here" },
    { "image: [a], " NONE DENY, "[0].image: a text is wanted here" },
    { "image: 'a b', " NONE DENY, "[0].image: reference" },
    { "image: oci:dir, " NONE DENY, "[0].image: the name that is judged" },
    { "image: r.example/secret/x:1, " NONE DENY, "[0]: a rule with namespaces could match" },
    { IMAGE "namespace: true, " NONE DENY, "[0].namespace: a text is wanted here; put it" },
    { IMAGE NONE "at: 2026-11-01, " DENY, "[0].at: a time is wanted here" },
    { IMAGE NONE "at: 2026-11-01T00:00:60Z, " DENY, "[0].at: a time is wanted here" },
    { IMAGE NONE "at: 7, " DENY, "[0].at: a time is wanted here" },
    { IMAGE NONE "incomplete: unsigned, " DENY, "\"unsigned\" is not known here; known: not-fou" },
    { IMAGE NONE "incomplete: deadlin, " DENY, "[0].incomplete: \"deadlin\" is not known here; did"
                                               " you mean \"deadline\"?" },
    { IMAGE NONE "incomplete: true, " DENY, "[0].incomplete: a text is wanted" },
    { IMAGE NONE "expect: deny", "[0].expect: a mapping is wanted here" },
    { IMAGE NONE "expect: {}", "[0].expect: verdict is missing" },
    { IMAGE NONE "expect: {verdict: denied}", "[0].expect.verdict: \"denied\" is not known" },
    { IMAGE NONE "expect: {verdict: no}", "\"no\" is not known here; known: deny, unknown, allow" },
    { IMAGE NONE "expect: {verdict: deny, reason: none}", "expect.reason: \"none\" is not known" },
    { IMAGE NONE "expect: {verdict: deny, reason: unsignd}", "did you mean \"unsigned\"?" },
    { IMAGE NONE "expect: {verdict: allow, reason: floor}", "expect.reason: what is allowed has" },
    { IMAGE NONE "expect: {verdict: deny, rule: 1}", "expect.rule: a text is wanted" },
    { IMAGE NONE "expect: {verdict: deny, mode: deny}", "expect.mode: \"deny\" is not known" },
    { IMAGE NONE "expect: {verdict: deny, code: 1}", "expect.code: unknown key" },
    { IMAGE "layout: '', " DENY, "[0].layout: a text is wanted" },
    { IMAGE "layout: 'oci:', " DENY, "[0].layout: a text is wanted" },
    { IMAGE "layout: 'dir:a b', " DENY, "[0].layout: " },
    { IMAGE "facts: {}, " DENY, "[0].facts: a list of facts is wanted here: [] for none" },
    { IMAGE "facts: ~, " DENY, "[0].facts: a list of facts is wanted" },
    { FACT("ci"), "facts[0]: a fact is one of two" },
    { FACT("{by: ci}"), "facts[0]: a fact is one of two" },
    { FACT("{signed: ci, attested: '" SLSA "'}"), "facts[0]: a fact is one of two" },
    { FACT("{signed: cj}"), "facts[0].signed: \"cj\" is not known here; did you mean \"ci\"?" },
    { FACT("{signed: somebody}"), "\"somebody\" is not known here; known: release, ci" },
    { FACT("{signed: ~}"), "facts[0].signed: a text is wanted here" },
    { FACT("{signed: ci, by: ci}"), "facts[0].by: unknown key" },
    { FACT("{signed: ci, annotations: {}}"), "facts[0].annotations: a mapping of claims" },
    { FACT("{signed: ci, annotations: [a]}"), "facts[0].annotations: a mapping of claims" },
    { FACT("{signed: ci, annotations: {a: 1}}"), "annotations.a: a text is wanted here; put it" },
    { FACT("{signed: ci, annotations: {a: \"b\\nc\"}}"), "annotations.a: a text of one line" },
    { FACT("{signed: ci, repository: ''}"), "facts[0].repository: a text is wanted" },
    { FACT("{attested: slsa, by: ci, statement: {predicate: {}}}"), "attested: the predicate type's"
                                                                    " whole URI" },
    { FACT("{attested: '" PREDICATE_COSIGN_SIGN "', by: ci, statement: {predicate: {}}}"),
      "facts[0].attested: this is the type of signatures" },
    { FACT("{attested: '" SLSA "', statement: {predicate: {}}}"), "facts[0]: by is missing" },
    { FACT("{attested: '" SLSA "', by: c1, statement: {predicate: {}}}"), "facts[0].by: \"c1\"" },
    { FACT("{attested: '" SLSA "', by: ci}"), "facts[0]: what was attested is wanted" },
    { FACT("{attested: '" SLSA "', by: ci, statement: {predicate: {}}, file: a.json}"),
      "facts[0]: what was attested is wanted" },
    { FACT("{attested: '" SLSA "', by: ci, statement: []}"), "statement: a mapping is wanted" },
    { FACT("{attested: '" SLSA "', by: ci, statement: {}}"),
      "statement: a statement has a member" },
    { FACT("{attested: '" SLSA "', by: ci, statement: {builder: ours}}"), "a member predicate" },
    { FACT("{attested: '" SLSA "', by: ci, statement: {predicate: {}, builder: 1}}"), "builder" },
    { FACT("{attested: '" SLSA "', by: ci, statement: {predicate: 1}}"), "an object is wanted" },
    { FACT("{attested: '" SLSA "', by: ci, statement: {predicate: {}, predicateType: a}}"),
      "predicateType: not the one that is attested" },
    { FACT("{attested: '" SLSA "', by: ci, statement: {predicate: {}, subject: {}}}"), "subject" },
    { FACT("{attested: '" SLSA "', by: ci, statement: {predicate: {a: \"\\0\"}}}"), "NUL" },
    { FACT("{attested: '" SLSA "', by: ci, file: absent.json}"), "facts[0].file: " },
    { FACT("{attested: '" SLSA "', by: ci, file: policy.yaml}"), "facts[0].file: " },
    { FACT("{attested: '" SLSA "', by: ci, file: 1}"), "facts[0].file: a text is wanted" },
};

static void refused(void **state)
{
    const struct refused_row *row = *state;
    struct policy_test CLEANUP(policy_test_clear) test;
    struct err err = ERR_INIT;
    void *world;

    make_world(&world);
    struct world *w = world;
    EXPECT_ERR(read_one(&test, w, row->keys, &err), &err, ERR_CONFIG, row->word);
    drop_world(&world);
}

static const struct file_row {
    const char *name;
    const char *text;
    enum err_code code;
    const char *word;
} file_rows[] = {
    { "empty", "", ERR_CONFIG, "a mapping is wanted here" },
    { "a list", "- 1\n", ERR_CONFIG, "a mapping is wanted here" },
    { "not YAML", "{", ERR_CONFIG, "cases.yaml:" },
    { "no version", "policy: policy.yaml\ncases: []\n", ERR_CONFIG, "version is missing" },
    { "another version", "version: 2\npolicy: policy.yaml\ncases: []\n", ERR_CONFIG,
      "1:10: version: version 1 is the only one" },
    { "a version in quotes", "version: '1'\npolicy: policy.yaml\ncases: []\n", ERR_CONFIG,
      "version 1 is the only one" },
    { "no cases", "version: 1\npolicy: policy.yaml\n", ERR_CONFIG, "cases is missing" },
    { "an empty list", HEAD "  []\n", ERR_CONFIG, "4:3: cases: a list of cases is wanted here" },
    { "cases by name", HEAD "  a: {}\n", ERR_CONFIG, "cases: a list of cases is wanted here" },
    { "a case that is none", HEAD "  - 1\n", ERR_CONFIG, "cases[0]: a mapping is wanted here" },
    { "misspelt", "version: 1\npolicies: policy.yaml\ncases: []\n", ERR_CONFIG,
      "cases.yaml:2:1: policies: unknown key" },
    { "no policy", "version: 1\ncases: [{}]\n", ERR_CONFIG, "policy is missing" },
    { "a policy that is not there", "version: 1\npolicy: absent.yaml\ncases: [{}]\n", ERR_USAGE,
      "absent.yaml" },
    { "a policy that is wrong", "version: 1\npolicy: cases.yaml\ncases: [{}]\n", ERR_CONFIG,
      "unmatched is missing" },
    { "twice the same name",
      HEAD "  - {name: a, " IMAGE NONE DENY "}\n  - {name: a, " IMAGE NONE DENY "}\n", ERR_CONFIG,
      "5:12: cases[1].name: the case of line 4 has this name" },
    { "the second case", HEAD "  - {name: a, " IMAGE NONE DENY "}\n  - {nam: b}\n", ERR_CONFIG,
      "5:6: cases[1].nam: unknown key; did you mean \"name\"?" },
};

static void wrong_files(void **state)
{
    const struct file_row *row = *state;
    struct policy_test CLEANUP(policy_test_clear) test;
    struct err err = ERR_INIT;
    void *world;

    make_world(&world);
    EXPECT_ERR(read_text(&test, world, row->text, NULL, &err), &err, row->code, row->word);
    drop_world(&world);
}

static void file_that_is_not_there(void **state)
{
    struct world *w = *state;
    struct policy_test CLEANUP(policy_test_clear) test;
    struct err err = ERR_INIT;

    const struct policy_test_source source = { folder_path(&w->folder, "absent"), NULL, NOW };
    EXPECT_ERR(policy_test_read(&test, &source, &err), &err, ERR_USAGE, "absent");
}

/* --policy needs no policy in the file, and wins over one. */
static void policy_from_outside(void **state)
{
    struct world *w = *state;
    const char *texts[] = { "version: 1\ncases: [{name: a, " IMAGE NONE DENY "}]\n",
                            "version: 1\npolicy: absent.yaml\ncases: [{name: a, " IMAGE NONE DENY
                            "}]\n" };
    char path[320];

    snprintf(path, sizeof(path), "%s", folder_path(&w->folder, "policy.yaml"));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct policy_test CLEANUP(policy_test_clear) test;
        struct err err = ERR_INIT;
        EXPECT_OK(read_text(&test, w, texts[i], path, &err), &err);
        assert_int_equal(test.n, 1);
        assert_string_equal(test.policy.policy->name, "production");
    }
}

/* n of something in the list; which of them, in front of its end. */
static int read_many(struct world *w, const char *head, const char *item, size_t n, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    struct policy_test CLEANUP(policy_test_clear) test;

    buf_add_text(&text, head);
    for (size_t i = 0; i < n; i++)
        buf_addf(&text, "%s%zu%s", item, i, "}\n");
    assert_int_equal(buf_check(&text, "text", err), 0);
    return read_text(&test, w, buf_text(&text), NULL, err);
}

static void limits(void **state)
{
    static const char cases[] = "  - {" IMAGE NONE DENY ", name: c";
    static const char facts[] =
        HEAD "  - name: a\n    image: " APP ":1\n    expect: {verdict: deny}\n    facts:\n";
    static const char fact[] = "    - {signed: ci, repository: r";
    struct world *w = *state;
    struct err err = ERR_INIT;

    EXPECT_OK(read_many(w, HEAD, cases, POLICY_TEST_CASES_MAX, &err), &err);
    EXPECT_ERR(read_many(w, HEAD, cases, POLICY_TEST_CASES_MAX + 1, &err), &err, ERR_CONFIG,
               "more than 1000 cases");
    EXPECT_OK(read_many(w, facts, fact, POLICY_TEST_FACTS_MAX, &err), &err);
    EXPECT_ERR(read_many(w, facts, fact, POLICY_TEST_FACTS_MAX + 1, &err), &err, ERR_CONFIG,
               "more than 1000 facts");
}

static int read_annotations(struct world *w, size_t n, size_t len, struct err *err)
{
    struct buf CLEANUP(buf_clear) keys = BUF_INIT(MIB);
    struct policy_test CLEANUP(policy_test_clear) test;

    buf_add_text(&keys, IMAGE DENY ", facts: [{signed: ci, annotations: {");
    for (size_t i = 0; i < n; i++)
        buf_addf(&keys, "%sk%zu: v%0*d", i == 0 ? "" : ", ", i, (int)len - 1, 0);
    buf_add_text(&keys, "}}]");
    return read_one(&test, w, buf_text(&keys), err);
}

static void limits_of_annotations(void **state)
{
    struct world *w = *state;
    struct err err = ERR_INIT;

    EXPECT_OK(read_annotations(w, ANNOTATIONS_MAX, 2, &err), &err);
    EXPECT_ERR(read_annotations(w, ANNOTATIONS_MAX + 1, 2, &err), &err, ERR_CONFIG,
               "more than 256 annotations");
    EXPECT_OK(read_annotations(w, 1, 1024, &err), &err);
    EXPECT_ERR(read_annotations(w, 1, 1025, &err), &err, ERR_CONFIG, "longer than 1024 bytes");
}

/* --- Statements --- */

static const struct statement_row {
    const char *name;
    const char *image;
    const char *fact; /* behind its type and signer */
    const char *json; /* behind "_type" */
} statement_rows[] = {
    { "predicate only", APP "@" DIGEST, "statement: {predicate: {a: b}}",
      "\"subject\":[{\"name\":\"" APP "\",\"digest\":{\"sha256\":\"" VECTOR_HEX "\"}}],"
      "\"predicateType\":\"" SLSA "\",\"predicate\":{\"a\":\"b\"}}" },
    { "no digest, no subject", APP ":1", "statement: {predicate: ~}",
      "\"predicateType\":\"" SLSA "\",\"predicate\":null}" },
    { "a subject of its own", APP "@" DIGEST,
      "statement: {predicate: {}, subject: [{name: x}], predicateType: '" SLSA "'}",
      "\"subject\":[{\"name\":\"x\"}],\"predicateType\":\"" SLSA "\",\"predicate\":{}}" },
    { "kinds of scalars", APP ":1",
      "statement: {predicate: {a: 1, b: -7.5e3, c: '1', d: true, e: ~, f: 010, g: "
      "\"q\\\"\\n\", h: [x, [], {}], i: 99999999999999999999, j: yes, k: 2026-01-01}}",
      "\"predicateType\":\"" SLSA "\",\"predicate\":{\"a\":1,\"b\":-7.5e3,\"c\":\"1\",\"d\":true,"
      "\"e\":null,\"f\":\"010\",\"g\":\"q\\\"\\n\",\"h\":[\"x\",[],{}],"
      "\"i\":99999999999999999999,\"j\":\"yes\",\"k\":\"2026-01-01\"}}" },
    { "from a file", APP ":1", "file: statement.json",
      "\"predicateType\":\"" SLSA "\",\"predicate\":{ \"from\" : \"file\" }}" },
};

static void statements(void **state)
{
    static const char head[] = "{\"_type\":\"" STATEMENT_V1 "\",";
    const struct statement_row *row = *state;
    struct buf CLEANUP(buf_clear) keys = BUF_INIT(64 * KIB);
    struct buf CLEANUP(buf_clear) wanted = BUF_INIT(64 * KIB);
    struct policy_test CLEANUP(policy_test_clear) test;
    struct err err = ERR_INIT;
    void *world;

    make_world(&world);
    struct world *w = world;
    assert_int_equal(folder_write(&w->folder, "statement.json",
                                  "{\"predicate\": { \"from\" : \"file\" }}\n", 0644),
                     0);
    buf_addf(&keys, "image: %s, " DENY ", facts: [{attested: '" SLSA "', by: ci, %s}]", row->image,
             row->fact);
    buf_addf(&wanted, "%s%s", head, row->json);
    EXPECT_OK(read_one(&test, w, buf_text(&keys), &err), &err);
    const struct fact *fact = &test.cases[0].facts.facts[0];
    assert_int_equal(fact->kind, FACT_STATEMENT);
    assert_string_equal(fact->predicate_type, SLSA);
    assert_string_equal(fact->algorithm, "ed25519");
    assert_int_equal(fact->statement.kind, JSON_OBJECT);
    if (!bytes_is(fact->statement.raw, buf_text(&wanted)))
        fail_msg("%.*s", (int)fact->statement.raw.len, (const char *)fact->statement.raw.data);
    assert_true(bytes_equal(fact->payload, fact->statement.raw));
    drop_world(&world);
}

static void signature_facts(void **state)
{
    struct world *w = *state;
    struct policy_test CLEANUP(policy_test_clear) test;
    struct err err = ERR_INIT;

    EXPECT_OK(read_one(&test, w,
                       "image: " APP "@" DIGEST ", " DENY ", facts: [{signed: release}, "
                       "{signed: ci, repository: r/x, annotations: {env: prod, b: '1'}}]",
                       &err),
              &err);
    const struct test_case *c = &test.cases[0];
    const struct digest digest = vector_digest();
    assert_int_equal(c->facts.n, 2);
    assert_int_equal(c->facts.pieces, 2);
    assert_true(c->facts.complete);
    assert_int_equal(c->at, NOW);
    assert_int_equal(c->line, 4);
    const struct fact *f = c->facts.facts;
    assert_int_equal(f[0].kind, FACT_SIGNATURE);
    assert_memory_equal(f[0].fingerprint, test.policy.policy->signers[0].fingerprints[0],
                        KEY_FINGERPRINT_SIZE);
    assert_string_equal(f[0].algorithm, "ecdsa-p256");
    assert_true(digest_equal(&f[0].subject, &digest));
    assert_null(f[0].repository);
    assert_int_equal(f[0].layout, LAYOUT_BUNDLE);
    assert_non_null(strstr(f[0].where, "cases.yaml:4"));
    assert_string_equal(f[1].repository, "r/x");
    assert_int_equal(f[1].layout, LAYOUT_LEGACY);
    assert_string_equal(fact_annotation(&f[1], "env"), "prod");
    assert_string_equal(fact_annotation(&f[1], "b"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_that_is_not_there, make_world, drop_world),
        cmocka_unit_test_setup_teardown(policy_from_outside, make_world, drop_world),
        cmocka_unit_test_setup_teardown(limits, make_world, drop_world),
        cmocka_unit_test_setup_teardown(limits_of_annotations, make_world, drop_world),
        cmocka_unit_test_setup_teardown(signature_facts, make_world, drop_world),
    };
    int failed = RUN_ROWS(refused_rows, refused);

    failed += RUN_ROWS(file_rows, wrong_files);
    failed += RUN_ROWS(statement_rows, statements);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
