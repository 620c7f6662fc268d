#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/limits.h"
#include "policy/distinct.h"
#include "policy/judge.h"
#include "tests/unit/expect.h"

/* Facts and policies are made by hand here: only evidence_check() and the loader make them
 * elsewhere. */
#define SLSA "https://slsa.dev/provenance/v1"
#define HOUR 3600
#define DAY (24 * HOUR)
#define NOW ((int64_t)1790000000)

static const uint8_t keys_a[2][KEY_FINGERPRINT_SIZE] = { { 1 }, { 2 } };
static const uint8_t keys_b[1][KEY_FINGERPRINT_SIZE] = { { 3 } };
static const uint8_t keys_c[2][KEY_FINGERPRINT_SIZE] = { { 4 }, { 1 } };
static const struct policy_signer a = { .name = "a", .fingerprints = keys_a, .n = 2 };
static const struct policy_signer b = { .name = "b", .fingerprints = keys_b, .n = 1 };
static const uint8_t keys_d[1][KEY_FINGERPRINT_SIZE] = { { 5 } };
static const struct policy_signer d = { .name = "d", .fingerprints = keys_d, .n = 1 };
static const struct policy_signer c = { .name = "c", .fingerprints = keys_c, .n = 2 };
/* key 1 of `a` under another name */
static const struct policy_signer alias = { .name = "alias", .fingerprints = keys_a, .n = 1 };

static struct fact signature(uint8_t key)
{
    return (struct fact) { .kind = FACT_SIGNATURE,
                           .fingerprint = { key },
                           .algorithm = "ecdsa-p256",
                           .where = "the piece" };
}

static struct fact statement(uint8_t key, const char *body)
{
    struct fact fact = signature(key);
    struct err err = ERR_INIT;

    fact.kind = FACT_STATEMENT;
    fact.predicate_type = SLSA;
    EXPECT_OK(json_scan(&fact.statement, bytes_text(body), &err), &err);
    return fact;
}

static struct fact_set set_of(struct fact *facts, size_t n)
{
    return (struct fact_set) { .facts = facts, .n = n, .complete = true, .incomplete = ERR_INIT };
}

static void lose(struct fact_set *set)
{
    set->complete = false;
    err_set(&set->incomplete, ERR_NETWORK, "connection reset");
}

static enum verdict judge(struct judgement *out, const struct policy_rule *rule,
                          const struct evidence_found *found)
{
    const struct policy policy = { .name = "p", .rules = rule, .n_rules = 1, .serial = -1 };
    const struct reference image = { .host = NULL };
    const struct question question = { .image = &image, .now = NOW };
    struct selection selection;

    policy_select(&selection, &policy, &question);
    policy_judge(out, &policy, &selection, &question, found);
    return out->verdict;
}

/* --- Connectives --- */

/* A leaf in each state: a has signed, b has not, and d may have where the set is lost. */
enum { PR, DI, UN };

static struct requirement leaf_of(int state)
{
    static const struct policy_signer *const signers[] = { [PR] = &a, [DI] = &b, [UN] = &d };

    return (struct requirement) { .kind = REQUIRE_SIGNED, .signer = signers[state] };
}

static const struct tree_row {
    const char *name;
    int leaves[3];
    size_t n;
    enum proof all, any;
} trees[] = {
    { "pr", { PR }, 1, PROVEN, PROVEN },
    { "di", { DI }, 1, DISPROVEN, DISPROVEN },
    { "un", { UN }, 1, UNKNOWN, UNKNOWN },
    { "pr pr", { PR, PR }, 2, PROVEN, PROVEN },
    { "pr di", { PR, DI }, 2, DISPROVEN, PROVEN },
    { "di pr", { DI, PR }, 2, DISPROVEN, PROVEN },
    { "pr un", { PR, UN }, 2, UNKNOWN, PROVEN },
    { "un pr", { UN, PR }, 2, UNKNOWN, PROVEN },
    { "di di", { DI, DI }, 2, DISPROVEN, DISPROVEN },
    { "un un", { UN, UN }, 2, UNKNOWN, UNKNOWN },
    { "pr un pr", { PR, UN, PR }, 3, UNKNOWN, PROVEN },
};

static enum verdict verdict_of(enum proof proof)
{
    return proof == PROVEN ? VERDICT_ALLOW : proof == UNKNOWN ? VERDICT_UNKNOWN : VERDICT_DENY;
}

/* On a set that was not read to its end whatever is not proven is unknown: rows with both a
 * disproven and an unknown leaf are judged by disproven_beside_unknown(). */
static void connectives(void **state)
{
    const struct tree_row *row = *state;
    struct requirement leaves[3];
    struct fact facts[] = { signature(1) };
    struct fact_set index = set_of(facts, 1);
    struct policy_rule rule = { .name = "r" };
    bool unknown = false;

    for (size_t i = 0; i < row->n; i++) {
        leaves[i] = leaf_of(row->leaves[i]);
        unknown = unknown || row->leaves[i] == UN;
    }
    if (unknown)
        lose(&index);
    const struct evidence_found found = { .index = &index };
    for (int any = 0; any <= 1; any++) {
        struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;
        rule.require = (struct requirement) { .kind = any ? REQUIRE_ANY : REQUIRE_ALL,
                                              .children = leaves,
                                              .n = row->n };
        judge(&j, &rule, &found);
        assert_int_equal(j.verdict, verdict_of(any ? row->any : row->all));
        assert_int_equal(j.root->proof, any ? row->any : row->all);
        assert_int_equal(j.reason == REASON_NONE, j.verdict == VERDICT_ALLOW);
        assert_int_equal(j.proof != NULL, j.verdict == VERDICT_ALLOW);
    }
}

/* `annotations` disprove on the index while platforms are lost: under index-or-each that is
 * unknown; under `index` it is disproven, and beats an unknown beside it. */
static void disproven_beside_unknown(void **state)
{
    const struct annotation prod = { "env", "prod" };
    struct fact facts[] = { signature(1) };
    struct fact_set index = set_of(facts, 1);
    const struct evidence_found found = { .index = &index, .platforms_lost = ERR_INIT };
    struct requirement leaves[] = {
        { .kind = REQUIRE_SIGNED, .signer = &a, .annotations = &prod, .n_annotations = 1 },
        { .kind = REQUIRE_SIGNED, .signer = &a },
    };
    struct policy_rule rule = { .name = "r",
                                .require = { .kind = REQUIRE_ALL, .children = leaves, .n = 2 } };
    struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;

    (void)state;
    assert_int_equal(judge(&j, &rule, &found), VERDICT_DENY);
    assert_int_equal(j.reason, REASON_WRONG_ANNOTATION);
    rule.platforms = PLATFORMS_INDEX_OR_EACH; /* which cannot be listed */
    assert_int_equal(judge(&j, &rule, &found), VERDICT_UNKNOWN);
    assert_int_equal(j.root->children[0].proof, UNKNOWN);
    assert_int_equal(j.root->children[1].proof, PROVEN);
}

/* --- atLeast --- */

static const struct distinct_row {
    const char *name;
    struct distinct_leaf leaves[4];
    size_t n, sure, possible;
} distincts[] = {
    { "nobody", { { &a, 0, false } }, 1, 0, 0 },
    { "one", { { &a, 1, false } }, 1, 1, 1 },
    { "two signers", { { &a, 1, false }, { &b, 1, false } }, 2, 2, 2 },
    { "one signer twice", { { &a, 1, false }, { &a, 2, false } }, 2, 1, 1 },
    { "one key under two names", { { &a, 1, false }, { &alias, 1, false } }, 2, 1, 1 },
    { "another key of the one beside it", { { &a, 3, false }, { &alias, 1, false } }, 2, 2, 2 },
    { "the same, the other way round", { { &alias, 1, false }, { &a, 3, false } }, 2, 2, 2 },
    { "a chain of three: a has 1 or 2, c has 4 or 1, alias has 1",
      { { &a, 3, false }, { &c, 3, false }, { &alias, 1, false } },
      3,
      3,
      3 },
    { "three names for one key",
      { { &a, 1, false }, { &c, 2, false }, { &alias, 1, false } },
      3,
      1,
      1 },
    { "one is not known", { { &a, 1, false }, { &b, 0, true } }, 2, 1, 2 },
    { "nothing is known", { { &a, 0, true }, { &b, 0, true } }, 2, 0, 2 },
    { "not known, and only the same key could",
      { { &a, 1, false }, { &alias, 0, true } },
      2,
      1,
      1 },
    { "not known of another key too", { { &a, 1, false }, { &c, 0, true } }, 2, 1, 2 },
};

static void distinct(void **state)
{
    const struct distinct_row *row = *state;
    size_t sure, possible;

    distinct_signers(&sure, &possible, row->leaves, row->n);
    assert_int_equal(sure, row->sure);
    assert_int_equal(possible, row->possible);
}

static void at_least(void **state)
{
    struct fact facts[] = { signature(1), signature(3) };
    struct fact_set index = set_of(facts, 2);
    const struct evidence_found found = { .index = &index };
    const struct requirement leaves[] = {
        { .kind = REQUIRE_SIGNED, .signer = &a },
        { .kind = REQUIRE_SIGNED, .signer = &b },
        { .kind = REQUIRE_SIGNED, .signer = &c },
        { .kind = REQUIRE_SIGNED, .signer = &alias },
    };
    struct policy_rule rule = {
        .name = "r", .require = { .kind = REQUIRE_AT_LEAST, .children = leaves, .n = 4 }
    };

    (void)state;
    for (size_t k = 1; k <= 4; k++) {
        struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;
        rule.require.at_least = k; /* key 1 stands for a, c or alias, but for one of them only */
        assert_int_equal(judge(&j, &rule, &found), k <= 2 ? VERDICT_ALLOW : VERDICT_DENY);
        if (k > 2) {
            assert_int_equal(j.reason, REASON_TOO_FEW);
            assert_non_null(strstr(j.text, "2 of "));
        }
        struct fact_set lost = index;
        lose(&lost);
        const struct evidence_found partly = { .index = &lost };
        const enum verdict then = judge(&j, &rule, &partly);
        assert_int_equal(then, k <= 2 ? VERDICT_ALLOW : VERDICT_UNKNOWN); /* four keys for four */
    }
}

/* --- every, newest, time --- */

#define AT(time, ok) "{\"predicate\":{\"at\":\"" time "\",\"ok\":" ok "}}"
#define T1 "2026-09-21T00:00:00Z" /* NOW is 2026-09-21T13:33:20Z */
#define T2 "2026-09-21T10:00:00Z"
#define FUTURE "2026-09-22T00:00:00Z"

static const struct literal yes = { .kind = JSON_TRUE_VALUE };
static const struct check is_ok = {
    .at = "/predicate/ok", .operator= CHECK_IS, .literals = &yes, .n = 1
};

static const struct time_row {
    const char *name;
    enum check_statements statements;
    int64_t max_age;
    const char *bodies[3];
    bool lost;
    enum verdict verdict;
} times[] = {
    { "any: one good", CHECK_ANY, 0, { AT(T1, "false"), AT(T2, "true") }, false, VERDICT_ALLOW },
    { "any: none good", CHECK_ANY, 0, { AT(T1, "false") }, false, VERDICT_DENY },
    { "any: one good, lost", CHECK_ANY, 0, { AT(T2, "true") }, true, VERDICT_ALLOW },
    { "any: fresh", CHECK_ANY, DAY, { AT(T1, "true") }, false, VERDICT_ALLOW },
    { "any: too old", CHECK_ANY, HOUR, { AT(T2, "true") }, false, VERDICT_DENY },
    { "any: in the future", CHECK_ANY, DAY, { AT(FUTURE, "true") }, false, VERDICT_DENY },
    { "any: not a time", CHECK_ANY, DAY, { AT("today", "true") }, false, VERDICT_DENY },
    { "every: all good", CHECK_EVERY, 0, { AT(T1, "true"), AT(T2, "true") }, false, VERDICT_ALLOW },
    { "every: one bad", CHECK_EVERY, 0, { AT(T1, "true"), AT(T2, "false") }, false, VERDICT_DENY },
    { "every: nothing", CHECK_EVERY, 0, { NULL }, false, VERDICT_DENY },
    { "every: all good, lost", CHECK_EVERY, 0, { AT(T1, "true") }, true, VERDICT_UNKNOWN },
    { "every: one bad, lost", CHECK_EVERY, 0, { AT(T1, "false") }, true, VERDICT_UNKNOWN },
    { "newest: the newest is good",
      CHECK_NEWEST,
      0,
      { AT(T1, "false"), AT(T2, "true") },
      false,
      VERDICT_ALLOW },
    { "newest: the newest is bad",
      CHECK_NEWEST,
      0,
      { AT(T2, "false"), AT(T1, "true") },
      false,
      VERDICT_DENY },
    { "newest: equal times, one bad",
      CHECK_NEWEST,
      0,
      { AT(T2, "true"), AT(T2, "false") },
      false,
      VERDICT_DENY },
    { "newest: equal times, both good",
      CHECK_NEWEST,
      0,
      { AT(T2, "true"), AT(T2, "true") },
      false,
      VERDICT_ALLOW },
    { "newest: an older one without a time",
      CHECK_NEWEST,
      0,
      { AT("", "true"), AT(T2, "true") },
      false,
      VERDICT_DENY },
    { "newest: one in the future",
      CHECK_NEWEST,
      0,
      { AT(FUTURE, "true"), AT(T2, "true") },
      false,
      VERDICT_DENY },
    { "newest: too old", CHECK_NEWEST, HOUR, { AT(T2, "true") }, false, VERDICT_DENY },
    { "newest: young enough", CHECK_NEWEST, DAY, { AT(T2, "true") }, false, VERDICT_ALLOW },
    { "newest: nothing", CHECK_NEWEST, 0, { NULL }, false, VERDICT_DENY },
    { "newest: lost", CHECK_NEWEST, 0, { AT(T2, "true") }, true, VERDICT_UNKNOWN },
};

static void statements_in_time(void **state)
{
    const struct time_row *row = *state;
    const struct policy_check check = { .name = "c",
                                        .type = SLSA,
                                        .statements = row->statements,
                                        .time = row->max_age > 0 || row->statements == CHECK_NEWEST
                                                    ? "/predicate/at"
                                                    : NULL,
                                        .max_age = row->max_age,
                                        .lines = &is_ok,
                                        .n = 1 };
    struct policy_rule rule = {
        .name = "r", .require = { .kind = REQUIRE_ATTESTED, .signer = &a, .check = &check }
    };
    struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;
    struct fact facts[4];
    size_t n = 0;

    for (size_t i = 0; i < 3 && row->bodies[i] != NULL; i++)
        facts[n++] = statement((uint8_t)(i % 2 + 1), row->bodies[i]);
    facts[n++] = statement(3, AT(FUTURE, "false")); /* another's says nothing, whatever it says */
    struct fact_set index = set_of(facts, n);
    if (row->lost)
        lose(&index);
    const struct evidence_found found = { .index = &index };
    assert_int_equal(judge(&j, &rule, &found), row->verdict);
}

/* A statement's own time cannot lie after the time by which it is proven to have been there. */
static void proven_times_bound_the_statement(void **state)
{
    const struct policy_check check = { .name = "c",
                                        .type = SLSA,
                                        .statements = CHECK_ANY,
                                        .time = "/predicate/at",
                                        .lines = &is_ok,
                                        .n = 1 };
    struct policy_rule rule = {
        .name = "r", .require = { .kind = REQUIRE_ATTESTED, .signer = &a, .check = &check }
    };
    struct fact fact = statement(1, AT(T2, "true"));
    struct proven_time proven = { NOW, "log" };
    struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;

    (void)state;
    fact.times = &proven;
    fact.n_times = 1;
    struct fact_set index = set_of(&fact, 1);
    const struct evidence_found found = { .index = &index };
    assert_int_equal(judge(&j, &rule, &found), VERDICT_ALLOW);
    proven.seconds = NOW - 10 * HOUR;
    assert_int_equal(judge(&j, &rule, &found), VERDICT_DENY);
}

/* --- Platforms --- */

static void platforms(void **state)
{
    struct fact one[] = { signature(1) }, other[] = { signature(2) }, wrong[] = { signature(9) };
    struct fact_set sets[] = { set_of(one, 1), set_of(other, 1) };
    struct fact_set index = set_of(wrong, 1);
    struct evidence_found found = {
        .index = &index, .platforms = sets, .n_platforms = 2, .platforms_known = true
    };
    const struct requirement leaves[] = { { .kind = REQUIRE_SIGNED, .signer = &a },
                                          { .kind = REQUIRE_SIGNED, .signer = &b } };
    struct policy_rule rule = { .name = "r", .require = leaves[0] };
    struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;

    (void)state;
    assert_int_equal(judge(&j, &rule, &found), VERDICT_DENY); /* by the index alone */
    rule.platforms = PLATFORMS_EACH;
    assert_int_equal(judge(&j, &rule, &found), VERDICT_ALLOW); /* by either key of a */
    rule.platforms = PLATFORMS_INDEX_OR_EACH;
    assert_int_equal(judge(&j, &rule, &found), VERDICT_ALLOW);
    sets[1] = set_of(wrong, 1);
    assert_int_equal(judge(&j, &rule, &found), VERDICT_DENY);
    lose(&sets[0]); /* a proven one stays proven */
    assert_int_equal(judge(&j, &rule, &found), VERDICT_DENY);
    sets[1] = set_of(NULL, 0);
    lose(&sets[1]);
    assert_int_equal(judge(&j, &rule, &found), VERDICT_UNKNOWN);
    found.platforms_known = false;
    err_set(&found.platforms_lost, ERR_LIMIT, "more than 32");
    assert_int_equal(judge(&j, &rule, &found), VERDICT_UNKNOWN);
    assert_int_equal(j.reason, REASON_TOO_LARGE);
    index = set_of(one, 1);
    assert_int_equal(judge(&j, &rule, &found), VERDICT_ALLOW);
    rule.platforms = PLATFORMS_EACH;
    assert_int_equal(judge(&j, &rule, &found), VERDICT_UNKNOWN);
}

/* Under atLeast the signers are the same on every platform. */
static void at_least_on_each(void **state)
{
    struct fact first[] = { signature(1), signature(3) }, second[] = { signature(1), signature(4) };
    struct fact_set sets[] = { set_of(first, 2), set_of(second, 2) };
    const struct evidence_found found = { .platforms = sets,
                                          .n_platforms = 2,
                                          .platforms_known = true };
    const struct requirement leaves[] = { { .kind = REQUIRE_SIGNED, .signer = &a },
                                          { .kind = REQUIRE_SIGNED, .signer = &b },
                                          { .kind = REQUIRE_SIGNED, .signer = &c } };
    struct policy_rule rule = {
        .name = "r",
        .platforms = PLATFORMS_EACH,
        .require = { .kind = REQUIRE_AT_LEAST, .children = leaves, .n = 3, .at_least = 2 }
    };
    struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;

    (void)state;
    assert_int_equal(judge(&j, &rule, &found), VERDICT_DENY); /* a and b here, a and c there */
    second[1] = signature(3);
    assert_int_equal(judge(&j, &rule, &found), VERDICT_ALLOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disproven_beside_unknown),
        cmocka_unit_test(at_least),
        cmocka_unit_test(proven_times_bound_the_statement),
        cmocka_unit_test(platforms),
        cmocka_unit_test(at_least_on_each),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(trees, connectives);
    failed += RUN_ROWS(distincts, distinct);
    failed += RUN_ROWS(times, statements_in_time);
    return failed != 0;
}
