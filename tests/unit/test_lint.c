#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "policy/lint.h"
#include "tests/unit/expect.h"
#include "tests/unit/policy_text.h"

#define WHOLE POLICIES "whole.yaml"
#define DAY ((int64_t)86400)
#define UNTIL ((int64_t)1830211200) /* 2027-12-31T00:00:00Z, as whole.yaml says */
#define NOW (UNTIL - 400 * DAY)
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Without what lint has to say of it: two lines. */
static size_t lint(struct loaded *l, int64_t now)
{
    if (l->result != 0)
        print_findings(&l->findings);
    EXPECT_OK(l->result, &l->err);
    assert_int_equal(l->findings.n, 0);
    EXPECT_OK(policy_lint(&l->findings, l->policy, now, &l->err), &l->err);
    return l->findings.n;
}

static const struct policy_finding *find(const struct loaded *l, const char *path)
{
    for (size_t i = 0; i < l->findings.n; i++)
        if (strcmp(l->findings.items[i].path, path) == 0)
            return &l->findings.items[i];
    return NULL;
}

static void whole(void **state)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    (void)state;
    load_changed(&l, WHOLE, "version", "version");
    assert_int_equal(lint(&l, NOW), 2);
    expect_finding(&l.findings, 0, FINDING_WARNING, "checks.no-critical.statements", "delete");
    expect_finding(&l.findings, 1, FINDING_WARNING, "rules[2].require.all[0].repository",
                   "name no repository");
    assert_int_equal(l.findings.errors, 0);
    assert_true(l.findings.items[1].line > l.findings.items[0].line);
    assert_int_equal(l.findings.items[1].column, 11); /* of "{signed: ..." */
}

/* whole.yaml with one thing changed: one finding more, or one less where `word` is NULL. */
static const struct lint_row {
    const char *name;
    const char *from;
    const char *to;
    enum finding_level level;
    const char *path;
    const char *word;
} rows[] = {
    { "weak key", "[p256.pub, p384.pub]", "[p256.pub, rsa2048.pub]", FINDING_WARNING,
      "signers.release", "rsa-2048" },
    { "weak floor", "rsa-3072]", "rsa-2048]", FINDING_WARNING, "floor.algorithms", "rsa-2048" },
    { "any", "statements: newest", "statements: any", FINDING_WARNING,
      "checks.no-critical.statements", NULL },
    { "every", "    statements: any\n", "    statements: every\n", FINDING_WARNING,
      "checks.built-by-us.statements", "\"every\"" },
    { "repository", ", repository: same", "", FINDING_WARNING, "rules[2].require.all[0].repository",
      NULL },
    { "covered", "  - name: payments\n    images: Registry.Acme.Example:443/apps/payments/**",
      "  - name: payments\n    images: registry.acme.example/old/x/*", FINDING_ERROR, "rules[2]",
      "rule \"old\" (line" },
    { "covered in part", "images: [registry.acme.example/apps/**, ",
      "images: [registry.acme.example/old/a, ", FINDING_ERROR, "rules[3]", "" },
    { "covered with all namespaces", "    images: registry.acme.example/old/**\n",
      "    images: registry.acme.example/apps/**\n    namespaces: [\"pay*\", \"payments-*\"]\n",
      FINDING_ERROR, "rules[2]", "rule \"old\"" },
    { "not with some namespaces", "    images: registry.acme.example/old/**\n",
      "    images: registry.acme.example/apps/**\n    namespaces: [payments]\n", FINDING_ERROR,
      "rules[2]", "" },
    { "not where the earlier has namespaces", "namespaces: [payments, \"payments-*\"]",
      "namespaces: [\"*\"]", FINDING_ERROR, "rules[3]", "" },
    { "not by what ends",
      "images: registry.acme.example/legacy/report@sha256:" A64 "\n    namespaces: [finance]",
      "images: \"*/**\"", FINDING_ERROR, "rules[1]", "" },
    { "by what does not end",
      "images: registry.acme.example/legacy/report@sha256:" A64
      "\n    namespaces: [finance]\n    allow-unsigned: {reason: \"OPS-1182 "
      "vendor cannot sign\", until: 2027-12-31}",
      "images: registry.acme.example/old/**\n    allow-unsigned: {reason: \"OPS-1182\"}",
      FINDING_ERROR, "rules[1]", "rule \"legacy-report\"" },
    { "digest",
      "  - name: payments\n    images: Registry.Acme.Example:443/apps/payments/**\n"
      "    namespaces: [payments, \"payments-*\"]\n",
      "  - name: digest\n    images: registry.acme.example/old/a@sha256:" A64
      "\n    deny: bad\n  - name: payments\n    images: a.example/b\n",
      FINDING_ERROR, "rules[2]", "rule \"old\"" },
    { "one digest", "    images: registry.acme.example/old/**\n",
      "    images: registry.acme.example/apps/payments/x@sha256:" A64 "\n", FINDING_ERROR,
      "rules[2]", "" },
    { "too few signers", "[{signed: release}, {signed: ci}, {attested: built-by-us, by: inline}]",
      "[{signed: inline}, {attested: built-by-us, by: inline}]", FINDING_ERROR,
      "rules[2].require.all[1]", "no more than 1" },
    { "one key under two names", "    key: ed25519.pub", "    keys: [p256.pub]", FINDING_ERROR,
      "rules[2].require.all[1]", "" },
};

static void change(void **state)
{
    const struct lint_row *row = *state;
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    load_changed(&l, WHOLE, row->from, row->to);
    const size_t n = lint(&l, NOW);
    const struct policy_finding *found = find(&l, row->path);
    if (row->word == NULL || row->word[0] == '\0') { /* the finding is gone, or never was */
        assert_null(found);
        assert_int_equal(n, row->word == NULL ? 1 : 2);
        return;
    }
    if (n != 3)
        print_findings(&l.findings);
    assert_int_equal(n, 3);
    assert_non_null(found);
    assert_int_equal(found->level, row->level);
    assert_non_null(strstr(found->text, row->word));
    assert_int_equal(l.findings.errors, row->level == FINDING_ERROR);
}

/* The only key of one signer is a key of the other, and both are asked for. */
static void same_key(void **state)
{
    static const char text[] =
        "version: 1\nunmatched: deny\n"
        "signers: {a: {key: p256.pub}, b: {key: p256.pub}, c: {keys: [p256.pub, p384.pub]}}\n"
        "rules:\n"
        "  - {name: a, images: h.example/a, require: {atLeast: 2, of: [{signed: a}, {signed: "
        "b}]}}\n"
        "  - {name: b, images: h.example/b, require: {atLeast: 2, of: [{signed: a}, {signed: "
        "c}]}}\n";
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    (void)state;
    load_bytes(&l, bytes_text(text));
    assert_int_equal(lint(&l, NOW), 1);
    expect_finding(&l.findings, 0, FINDING_ERROR, "rules[0].require", "no more than 1");
}

static const struct day_row {
    const char *name;
    int64_t now;
    bool found;
    enum finding_level level;
    const char *word;
} days[] = {
    { "a month and a second before", UNTIL - 30 * DAY - 1, false, FINDING_ERROR, "" },
    { "a month before", UNTIL - 30 * DAY, true, FINDING_WARNING, "less than 30 days" },
    { "a second before", UNTIL - 1, true, FINDING_WARNING, "less than 1 days" },
    { "at it", UNTIL, true, FINDING_ERROR, "ran out on 2027-12-31" },
    { "after it", UNTIL + 400 * DAY, true, FINDING_ERROR, "ran out on 2027-12-31" },
};

static void day(void **state)
{
    const struct day_row *row = *state;
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    load_changed(&l, WHOLE, "version", "version");
    assert_int_equal(lint(&l, row->now), row->found ? 3 : 2);
    const struct policy_finding *found = find(&l, "rules[0].allow-unsigned.until");
    assert_int_equal(found != NULL, row->found);
    if (found == NULL)
        return;
    assert_int_equal(found->level, row->level);
    assert_non_null(strstr(found->text, row->word));
}

/* More rules than are compared with each other: said, not passed over. */
static void many_rules(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    (void)state;
    buf_add_text(&text, "version: 1\nunmatched: deny\nrules:\n");
    for (int i = 0; i < 2000; i++)
        buf_addf(&text, "  - {name: r%d, images: h.example/r%d, deny: no}\n", i, i);
    load_bytes(&l, buf_bytes(&text));
    assert_int_equal(lint(&l, NOW), 1);
    expect_finding(&l.findings, 0, FINDING_WARNING, "rules", "not all were");
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(whole), cmocka_unit_test(same_key),
                                               cmocka_unit_test(many_rules) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(rows, change);
    failed += RUN_ROWS(days, day);
    return failed != 0;
}
