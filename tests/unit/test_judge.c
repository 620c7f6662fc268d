#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "policy/judge.h"
#include "tests/unit/expect.h"

#define KEYS "tests/vectors/keys/"

/* Facts are made by hand here: only evidence_check() makes them elsewhere. */
static const struct annotation env_prod[] = { { "env", "prod" }, { "team", "a" } };
static const struct annotation env_test[] = { { "env", "test" } };
static const struct annotation empty_value[] = { { "env", "" } };

static const uint8_t ours[2][KEY_FINGERPRINT_SIZE] = { { 1 }, { 2 } };
static const struct policy_signer signer = { .name = "release", .fingerprints = ours, .n = 2 };

static struct fact fact_of(enum fact_kind kind, uint8_t fingerprint,
                           const struct annotation *annotations, size_t n)
{
    return (struct fact) {
        .kind = kind,
        .fingerprint = { fingerprint },
        .annotations = annotations,
        .n_annotations = n,
        .algorithm = "ecdsa-p256",
        .predicate_type = kind == FACT_STATEMENT ? "https://slsa.dev/provenance/v1" : NULL,
        .where = "the piece",
    };
}

/* A rule judged by the facts of the image's own digest. */
static void judge_rule(struct judgement *out, const struct policy_rule *rule,
                       const struct fact_set *facts)
{
    const struct policy policy = { .name = "p", .rules = rule, .n_rules = 1, .serial = -1 };
    const struct reference image = { .host = NULL };
    const struct question question = { .image = &image };
    const struct evidence_found found = { .index = facts };
    struct selection selection;

    policy_select(&selection, &policy, &question);
    policy_judge(out, &policy, &selection, &question, &found);
}

static bool fits(const struct requirement *leaf, const struct fact *fact)
{
    const struct policy policy = { .name = "p" };
    const struct reference image = { .host = NULL };
    const struct question question = { .image = &image };

    return requirement_fits(leaf, &policy, &question, fact);
}

enum { COMPLETE, INCOMPLETE };

static const struct truth_row {
    const char *name;
    enum fact_kind kind;
    uint8_t fingerprint; /* 0: there is no fact */
    const struct annotation *claims;
    size_t n_claims;
    const struct annotation *wanted;
    size_t n_wanted;
    int complete;
    enum verdict verdict;
    enum reason_code reason;
    const char *word;
} truth[] = {
#define NONE NULL, 0
#define SIG FACT_SIGNATURE
#define STM FACT_STATEMENT
    { "fits, complete", SIG, 1, NONE, NONE, COMPLETE, VERDICT_ALLOW, REASON_NONE, "" },
    { "fits, incomplete", SIG, 1, NONE, NONE, INCOMPLETE, VERDICT_ALLOW, REASON_NONE, "" },
    { "second key fits", SIG, 2, NONE, NONE, COMPLETE, VERDICT_ALLOW, REASON_NONE, "" },
    { "nothing, complete", SIG, 0, NONE, NONE, COMPLETE, VERDICT_DENY, REASON_UNSIGNED,
      "no signature was found" },
    { "nothing, incomplete", SIG, 0, NONE, NONE, INCOMPLETE, VERDICT_UNKNOWN, REASON_RATE_LIMITED,
      "slow down" },
    { "other signer, complete", SIG, 3, NONE, NONE, COMPLETE, VERDICT_DENY, REASON_UNSIGNED, "" },
    { "other signer, incomplete", SIG, 3, NONE, NONE, INCOMPLETE, VERDICT_UNKNOWN,
      REASON_RATE_LIMITED, "slow down" },
    { "statement, complete", STM, 1, NONE, NONE, COMPLETE, VERDICT_DENY, REASON_WRONG_TYPE,
      "is not a signature" },
    { "statement, incomplete", STM, 1, NONE, NONE, INCOMPLETE, VERDICT_UNKNOWN, REASON_RATE_LIMITED,
      "slow down" },
    { "statement with all that is wanted", STM, 1, env_prod, 2, env_prod, 2, COMPLETE, VERDICT_DENY,
      REASON_WRONG_TYPE, "https://slsa.dev/provenance/v1" },
    { "statement of another", STM, 3, NONE, NONE, COMPLETE, VERDICT_DENY, REASON_UNSIGNED, "" },
    { "claims more than is wanted", SIG, 1, env_prod, 2, env_prod, 1, COMPLETE, VERDICT_ALLOW,
      REASON_NONE, "" },
    { "claims just what is wanted", SIG, 1, env_prod, 2, env_prod, 2, COMPLETE, VERDICT_ALLOW,
      REASON_NONE, "" },
    { "claims less than is wanted", SIG, 1, env_prod, 1, env_prod, 2, COMPLETE, VERDICT_DENY,
      REASON_WRONG_ANNOTATION, "annotation team" },
    { "claims another value", SIG, 1, env_test, 1, env_prod, 1, COMPLETE, VERDICT_DENY,
      REASON_WRONG_ANNOTATION, "claims test for annotation env, not prod" },
    { "claims another value, incomplete", SIG, 1, env_test, 1, env_prod, 1, INCOMPLETE,
      VERDICT_UNKNOWN, REASON_RATE_LIMITED, "slow down" },
    { "claims nothing", SIG, 1, NONE, env_prod, 1, COMPLETE, VERDICT_DENY, REASON_WRONG_ANNOTATION,
      "nothing" },
    { "empty value is not absence", SIG, 1, NONE, empty_value, 1, COMPLETE, VERDICT_DENY,
      REASON_WRONG_ANNOTATION, "nothing" },
    { "empty value claimed", SIG, 1, empty_value, 1, empty_value, 1, COMPLETE, VERDICT_ALLOW,
      REASON_NONE, "" },
    { "the right claims by another", SIG, 3, env_prod, 2, env_prod, 2, COMPLETE, VERDICT_DENY,
      REASON_UNSIGNED, "" },
#undef NONE
#undef SIG
#undef STM
};

static void three_values(void **state)
{
    const struct truth_row *row = *state;
    struct fact fact = fact_of(row->kind, row->fingerprint, row->claims, row->n_claims);
    struct fact_set set = { .facts = &fact,
                            .n = row->fingerprint == 0 ? 0 : 1,
                            .complete = row->complete == COMPLETE,
                            .incomplete = ERR_INIT };
    const struct policy_rule rule = {
        .name = "r",
        .require = { .signer = &signer, .annotations = row->wanted, .n_annotations = row->n_wanted }
    };
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    if (row->complete == INCOMPLETE)
        err_set(&set.incomplete, ERR_RATE_LIMITED, "slow down");
    judge_rule(&judgement, &rule, &set);
    assert_int_equal(judgement.verdict, row->verdict);
    assert_string_equal(reason_name(judgement.reason), reason_name(row->reason));
    assert_non_null(strstr(judgement.text, row->word));
    assert_int_equal(judgement.verdict == VERDICT_ALLOW, judgement.reason == REASON_NONE);
    assert_int_equal(judgement.verdict == VERDICT_ALLOW, judgement.text[0] == '\0');
    assert_ptr_equal(judgement.proof, row->verdict == VERDICT_ALLOW ? &fact : NULL);
    assert_int_equal(fits(&rule.require, &fact),
                     row->verdict == VERDICT_ALLOW && row->fingerprint != 0);
}

#define SLSA "https://slsa.dev/provenance/v1"
#define BODY                                                                                       \
    "{\"predicate\":{\"id\":\"b\",\"n\":1.0,\"t\":true,\"z\":null,\"o\":{},\"a\":[\"x\"],\"/"      \
    "\":\"s\"}}"

/* A --check. */
struct demand {
    const char *at, *is;
};

static const struct attested_row {
    const char *name;
    enum fact_kind kind;
    uint8_t fingerprint;
    const char *type;
    struct demand check; /* .at NULL: none */
    enum verdict verdict;
    enum reason_code reason;
    const char *word;
} attested_rows[] = {
#define STM FACT_STATEMENT
    { "of the type", STM, 1, SLSA, { 0 }, VERDICT_ALLOW, REASON_NONE, "" },
    { "of the type by the second key", STM, 2, SLSA, { 0 }, VERDICT_ALLOW, REASON_NONE, "" },
    { "by another",
      STM,
      3,
      SLSA,
      { 0 },
      VERDICT_DENY,
      REASON_UNSIGNED,
      "no attestation by release was found" },
    { "of another type",
      STM,
      1,
      SLSA "0",
      { 0 },
      VERDICT_DENY,
      REASON_WRONG_TYPE,
      "of type " SLSA "0, not " SLSA },
    { "of the type but for its end",
      STM,
      1,
      "https://slsa.dev/provenance/v",
      { 0 },
      VERDICT_DENY,
      REASON_WRONG_TYPE,
      "not " SLSA },
    { "a signature",
      FACT_SIGNATURE,
      1,
      SLSA,
      { 0 },
      VERDICT_DENY,
      REASON_WRONG_TYPE,
      "made a signature, which is not an attestation" },
    { "string", STM, 1, SLSA, { "/predicate/id", "b" }, VERDICT_ALLOW, REASON_NONE, "" },
    { "another string",
      STM,
      1,
      SLSA,
      { "/predicate/id", "c" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "at /predicate/id stands \"b\", wanted: is c" },
    { "longer string",
      STM,
      1,
      SLSA,
      { "/predicate/id", "bb" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "" },
    { "quoted string",
      STM,
      1,
      SLSA,
      { "/predicate/id", "\"b\"" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "" },
    { "empty", STM, 1, SLSA, { "/predicate/id", "" }, VERDICT_DENY, REASON_CHECK_FAILED, "" },
    { "number as written",
      STM,
      1,
      SLSA,
      { "/predicate/n", "1.0" },
      VERDICT_ALLOW,
      REASON_NONE,
      "" },
    { "number otherwise",
      STM,
      1,
      SLSA,
      { "/predicate/n", "1" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "stands 1.0" },
    { "true", STM, 1, SLSA, { "/predicate/t", "true" }, VERDICT_ALLOW, REASON_NONE, "" },
    { "not false",
      STM,
      1,
      SLSA,
      { "/predicate/t", "false" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "" },
    { "null", STM, 1, SLSA, { "/predicate/z", "null" }, VERDICT_ALLOW, REASON_NONE, "" },
    { "absent is not null",
      STM,
      1,
      SLSA,
      { "/predicate/x", "null" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "stands nothing" },
    { "absent is not empty",
      STM,
      1,
      SLSA,
      { "/predicate/x", "" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "nothing" },
    { "object",
      STM,
      1,
      SLSA,
      { "/predicate/o", "{}" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "an object" },
    { "array",
      STM,
      1,
      SLSA,
      { "/predicate/a", "[\"x\"]" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "an array" },
    { "element", STM, 1, SLSA, { "/predicate/a/0", "x" }, VERDICT_ALLOW, REASON_NONE, "" },
    { "no such element",
      STM,
      1,
      SLSA,
      { "/predicate/a/1", "x" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "" },
    { "leading zero",
      STM,
      1,
      SLSA,
      { "/predicate/a/00", "x" },
      VERDICT_DENY,
      REASON_CHECK_FAILED,
      "" },
    { "escaped name", STM, 1, SLSA, { "/predicate/~1", "s" }, VERDICT_ALLOW, REASON_NONE, "" },
    { "met by another's statement",
      STM,
      3,
      SLSA,
      { "/predicate/id", "b" },
      VERDICT_DENY,
      REASON_UNSIGNED,
      "" },
#undef STM
};

/* Beside the verdict: the same facts, incomplete, never deny. */
static void attested(void **state)
{
    const struct attested_row *row = *state;
    struct fact fact = fact_of(row->kind, row->fingerprint, NULL, 0);
    struct fact_set set = { .facts = &fact, .n = 1, .complete = true, .incomplete = ERR_INIT };
    const struct literal literal = { .kind = JSON_ABSENT, .text = row->check.is };
    const struct check line = { .at = row->check.at, .literals = &literal, .n = 1 };
    const struct policy_check check = { .name = "c",
                                        .type = SLSA,
                                        .statements = CHECK_ANY,
                                        .lines = &line,
                                        .n = row->check.at != NULL };
    struct policy_rule rule = {
        .name = "r", .require = { .kind = REQUIRE_ATTESTED, .signer = &signer, .check = &check }
    };
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    struct err err = ERR_INIT;

    fact.predicate_type = row->type;
    EXPECT_OK(json_scan(&fact.statement, BYTES_LIT(BODY), &err), &err);
    judge_rule(&judgement, &rule, &set);
    assert_int_equal(judgement.verdict, row->verdict);
    assert_string_equal(reason_name(judgement.reason), reason_name(row->reason));
    assert_non_null(strstr(judgement.text, row->word));
    set.complete = false;
    err_set(&set.incomplete, ERR_RATE_LIMITED, "slow down");
    judge_rule(&judgement, &rule, &set);
    assert_int_equal(judgement.verdict,
                     row->verdict == VERDICT_ALLOW ? VERDICT_ALLOW : VERDICT_UNKNOWN);
    rule.require.kind = REQUIRE_SIGNED; /* a statement never is one, whatever it says */
    set.complete = true;
    judge_rule(&judgement, &rule, &set);
    if (row->kind == FACT_STATEMENT)
        assert_int_equal(judgement.verdict, VERDICT_DENY);
}

/* What evidence says is shown escaped. */
static void texts_are_escaped(void **state)
{
    struct fact fact = fact_of(FACT_STATEMENT, 1, NULL, 0);
    const struct fact_set set = { .facts = &fact, .n = 1, .complete = true };
    const struct policy_rule rule = { .name = "r", .require = { .signer = &signer } };
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    (void)state;
    fact.predicate_type = "a\x1b[31m\nb";
    judge_rule(&judgement, &rule, &set);
    assert_non_null(strstr(judgement.text, "(a\\x1b[31m\\x0ab)"));
    assert_null(strchr(judgement.text, '\n'));
}

/* Signer and claims must meet in one fact. */
static void facts_are_not_added_up(void **state)
{
    struct fact facts[] = {
        fact_of(FACT_SIGNATURE, 1, env_test, 1), /* ours, claims test */
        fact_of(FACT_SIGNATURE, 3, env_prod, 2), /* another's, claims prod */
        fact_of(FACT_STATEMENT, 1, env_prod, 2), /* ours, an attestation */
    };
    const struct fact_set set = { .facts = facts, .n = ARRAY_LEN(facts), .complete = true };
    const struct policy_rule rule = {
        .name = "r", .require = { .signer = &signer, .annotations = env_prod, .n_annotations = 1 }
    };
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    (void)state;
    judge_rule(&judgement, &rule, &set);
    assert_int_equal(judgement.verdict, VERDICT_DENY);
    assert_int_equal(judgement.reason, REASON_WRONG_ANNOTATION);
}

/* A fingerprint that differs in its last byte only is another key. */
static void whole_fingerprint_counts(void **state)
{
    struct fact fact = fact_of(FACT_SIGNATURE, 1, NULL, 0);
    const struct fact_set set = { .facts = &fact, .n = 1, .complete = true };
    const struct policy_rule rule = { .name = "r", .require = { .signer = &signer } };
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    (void)state;
    fact.fingerprint[KEY_FINGERPRINT_SIZE - 1] ^= 1;
    judge_rule(&judgement, &rule, &set);
    assert_int_equal(judgement.verdict, VERDICT_DENY);
}

static void signer_without_keys_fits_nothing(void **state)
{
    static const struct policy_signer nobody = { .name = "nobody" };
    const struct fact fact = fact_of(FACT_SIGNATURE, 0, NULL, 0);
    const struct requirement require = { .signer = &nobody };

    (void)state;
    assert_false(fits(&require, &fact));
}

static void first_fact_that_fits_is_the_proof(void **state)
{
    struct fact facts[] = {
        fact_of(FACT_SIGNATURE, 3, NULL, 0),
        fact_of(FACT_SIGNATURE, 2, NULL, 0),
        fact_of(FACT_SIGNATURE, 1, NULL, 0),
    };
    const struct fact_set set = { .facts = facts, .n = ARRAY_LEN(facts), .complete = true };
    const struct policy_rule rule = { .name = "r", .require = { .signer = &signer } };
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    (void)state;
    judge_rule(&judgement, &rule, &set);
    assert_int_equal(judgement.verdict, VERDICT_ALLOW);
    assert_ptr_equal(judgement.proof, &facts[1]);
}

/* --- Which reason of evidence is told --- */

static const struct useful_row {
    const char *name;
    enum reason_code codes[3];
    size_t n;
    enum reason_code told;
    const char *word;
} useful[] = {
    { "one", { REASON_WRONG_SIGNER }, 1, REASON_WRONG_SIGNER, "found 1 signature: text 0" },
    { "bad signature before wrong signer",
      { REASON_WRONG_SIGNER, REASON_BAD_SIGNATURE },
      2,
      REASON_BAD_SIGNATURE,
      "found 2 signatures: text 1" },
    { "wrong subject before wrong signer",
      { REASON_WRONG_SUBJECT, REASON_WRONG_SIGNER },
      2,
      REASON_WRONG_SUBJECT,
      "text 0" },
    { "wrong signer before wrong type",
      { REASON_WRONG_TYPE, REASON_WRONG_SIGNER, REASON_WRONG_TYPE },
      3,
      REASON_WRONG_SIGNER,
      "text 1" },
    { "the first of equals",
      { REASON_WRONG_SIGNER, REASON_WRONG_SIGNER },
      2,
      REASON_WRONG_SIGNER,
      "text 0" },
    { "malformed evidence is no unknown image",
      { REASON_MALFORMED },
      1,
      REASON_BAD_SIGNATURE,
      "text 0" },
    { "too large evidence is no unknown image",
      { REASON_TOO_LARGE },
      1,
      REASON_BAD_SIGNATURE,
      "text 0" },
    { "unsupported", { REASON_MALFORMED, REASON_UNSUPPORTED }, 2, REASON_UNSUPPORTED, "text 1" },
};

static void most_useful_reason(void **state)
{
    static const char *const texts[] = { "text 0", "text 1", "text 2" };
    const struct useful_row *row = *state;
    struct reason reasons[3];
    const struct fact_set set = { .reasons = { reasons, row->n, 3 },
                                  .pieces = row->n,
                                  .complete = true };
    const struct policy_rule rule = { .name = "r", .require = { .signer = &signer } };
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    for (size_t i = 0; i < row->n; i++)
        reasons[i] = (struct reason) { row->codes[i], "where", texts[i] };
    judge_rule(&judgement, &rule, &set);
    assert_int_equal(judgement.verdict, VERDICT_DENY);
    assert_string_equal(reason_name(judgement.reason), reason_name(row->told));
    assert_non_null(strstr(judgement.text, row->word));
    assert_non_null(strstr(judgement.text, "where"));
}

/* --- Bounds and defaults --- */

static void zero_is_deny(void **state)
{
    const struct judgement nothing = { 0 };

    (void)state;
    assert_int_equal(nothing.verdict, VERDICT_DENY);
    assert_string_equal(verdict_name(nothing.verdict), "deny");
    assert_string_equal(verdict_name(VERDICT_UNKNOWN), "unknown");
    assert_string_equal(verdict_name(VERDICT_ALLOW), "allow");
    const unsigned beyond = VERDICT_ALLOW + 1;
    assert_string_equal(verdict_name((enum verdict)beyond), "deny");
}

static void text_is_bounded(void **state)
{
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(4 * JUDGEMENT_TEXT_MAX);
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    struct reason reason = { .code = REASON_WRONG_SIGNER };
    const struct fact_set set = { .reasons = { &reason, 1, 1 }, .pieces = 1, .complete = true };
    const struct policy_rule rule = { .name = "r", .require = { .signer = &signer } };

    (void)state;
    for (size_t n = JUDGEMENT_TEXT_MAX - 100; n <= 2 * JUDGEMENT_TEXT_MAX; n++) {
        buf_reset(&shown);
        for (size_t i = 0; i < n; i++)
            buf_add_char(&shown, 'x');
        reason.where = reason.text = buf_text(&shown);
        judge_rule(&judgement, &rule, &set);
        assert_true(memchr(judgement.text, '\0', sizeof(judgement.text)) != NULL);
        assert_int_equal(judgement.verdict, VERDICT_DENY);
    }
}

/* A hostile claim is shown without its controls. */
static void claims_are_escaped(void **state)
{
    static const struct annotation hostile[] = { { "env", "\x1b[2Jprod" } };
    struct fact fact = fact_of(FACT_SIGNATURE, 1, hostile, 1);
    const struct fact_set set = { .facts = &fact, .n = 1, .complete = true };
    const struct policy_rule rule = {
        .name = "r", .require = { .signer = &signer, .annotations = env_prod, .n_annotations = 1 }
    };
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    (void)state;
    judge_rule(&judgement, &rule, &set);
    assert_null(strchr(judgement.text, '\x1b'));
    assert_non_null(strstr(judgement.text, "\\x1b[2Jprod"));
}

static void an_error_is_unknown(void **state)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    (void)state;
    for (unsigned code = 0; code < ERR_CODES; code++) {
        struct err err = ERR_INIT;
        if (code != ERR_NONE)
            err_set(&err, (enum err_code)code, "it failed");
        judgement_unknown(&judgement, &err);
        assert_int_equal(judgement.verdict, VERDICT_UNKNOWN);
        assert_true(reason_is_unknown(judgement.reason));
        assert_string_equal(judgement.text, code == ERR_NONE ? "" : "it failed");
        assert_null(judgement.proof);
    }
}

/* A set that nobody filled in was not read to its end. */
static void fresh_facts_are_unknown(void **state)
{
    struct fact_set CLEANUP(fact_set_clear) set;
    const struct policy_rule rule = { .name = "r", .require = { .signer = &signer } };
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    (void)state;
    fact_set_init(&set);
    judge_rule(&judgement, &rule, &set);
    assert_int_equal(judgement.verdict, VERDICT_UNKNOWN);
}

/* --- The policy of --key --- */

static void number_of_keys(void **state)
{
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    const struct public_key *keys[KEYS_MAX + 1];
    const struct reference image = { .host = NULL };
    const struct question question = { .image = &image };
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(public_key_load(&key, KEYS "p256.pub", &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        keys[i] = key;
    const size_t fine[] = { 1, 2, KEYS_MAX };
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        struct policy *CLEANUP(policy_freep) policy = NULL;
        struct selection selection;
        EXPECT_OK(policy_for_keys(&policy, keys, fine[i], NULL, 0, &err), &err);
        policy_select(&selection, policy, &question);
        assert_true(selection.plan.signatures);
        assert_false(selection.plan.statements);
        assert_int_equal(selection.rule->require.signer->n, fine[i]);
        assert_memory_equal(selection.rule->require.signer->fingerprints[fine[i] - 1],
                            public_key_fingerprint(key), KEY_FINGERPRINT_SIZE);
    }
    struct policy *none = (struct policy *)&none;
    EXPECT_ERR(policy_for_keys(&none, keys, 0, NULL, 0, &err), &err, ERR_USAGE, "no key");
    assert_null(none);
    none = (struct policy *)&none;
    EXPECT_ERR(policy_for_keys(&none, keys, KEYS_MAX + 1, NULL, 0, &err), &err, ERR_LIMIT,
               "more than");
    assert_null(none);
}

static void any_of_the_keys(void **state)
{
    static const char *const files[] = { KEYS "p256.pub", KEYS "ed25519.pub", KEYS "p384.pub" };
    struct public_key *keys[3] = { NULL };
    struct policy *CLEANUP(policy_freep) policy = NULL;
    const struct reference image = { .host = NULL };
    const struct question question = { .image = &image };
    struct selection selection;
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        EXPECT_OK(public_key_load(&keys[i], files[i], &err), &err);
    EXPECT_OK(
        policy_for_keys(&policy, (const struct public_key *const *)keys, 2, env_prod, 2, &err),
        &err);
    policy_select(&selection, policy, &question);
    for (size_t i = 0; i < 3; i++) {
        struct fact fact = fact_of(FACT_SIGNATURE, 0, env_prod, 2);
        memcpy(fact.fingerprint, public_key_fingerprint(keys[i]), KEY_FINGERPRINT_SIZE);
        assert_int_equal(fits(&selection.rule->require, &fact), i < 2);
        fact.n_annotations = 1;
        assert_false(fits(&selection.rule->require, &fact));
        public_key_free(keys[i]);
    }
}

static void freeing_nothing(void **state)
{
    struct policy *policy = NULL;

    (void)state;
    policy_free(NULL);
    policy_freep(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_not_added_up),
        cmocka_unit_test(whole_fingerprint_counts),
        cmocka_unit_test(signer_without_keys_fits_nothing),
        cmocka_unit_test(first_fact_that_fits_is_the_proof),
        cmocka_unit_test(zero_is_deny),
        cmocka_unit_test(text_is_bounded),
        cmocka_unit_test(claims_are_escaped),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(an_error_is_unknown),
        cmocka_unit_test(fresh_facts_are_unknown),
        cmocka_unit_test(number_of_keys),
        cmocka_unit_test(any_of_the_keys),
        cmocka_unit_test(freeing_nothing),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(truth, three_values);
    failed += RUN_ROWS(attested_rows, attested);
    failed += RUN_ROWS(useful, most_useful_reason);
    return failed != 0;
}
