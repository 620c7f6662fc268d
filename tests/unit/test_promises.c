/* What the policy format promises, on policies that are read from text: one evidence under many
 * rules, the clock, names of keys and hosts, statements and signatures, a folder that is swapped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/policy_file.h"
#include "policy/judge.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"
#include "tests/unit/policy_text.h"

#define NOW ((int64_t)1798675200) /* 2026-12-31T00:00:00Z */

static void load(struct loaded *l, const char *text)
{
    load_bytes(l, bytes_text(text));
    if (l->result != 0)
        print_findings(&l->findings);
    EXPECT_OK(l->result, &l->err);
}

static const struct policy_signer *signer_of(const struct policy *policy, const char *name)
{
    size_t i = 0;

    while (i < policy->n_signers && strcmp(policy->signers[i].name, name) != 0)
        i++;
    assert_true(i < policy->n_signers);
    return &policy->signers[i];
}

/* A signature by the k-th key of a signer. */
static struct fact signature_by(const struct policy *policy, const char *name, size_t k)
{
    const struct policy_signer *signer = signer_of(policy, name);
    struct fact fact = { .kind = FACT_SIGNATURE,
                         .algorithm = signer->algorithms[k],
                         .where = "the piece" };

    memcpy(fact.fingerprint, signer->fingerprints[k], KEY_FINGERPRINT_SIZE);
    return fact;
}

/* What is asked, and what of it is known. */
struct asked {
    const char *image, *namespace;
    int64_t now;
    struct fact *facts;
    size_t n;
};

static enum reason_code judge(enum verdict *verdict, const struct policy *policy,
                              const struct asked *asked)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    struct reference CLEANUP(reference_clear) image;
    const struct fact_set facts = {
        .facts = asked->facts, .n = asked->n, .complete = true, .incomplete = ERR_INIT
    };
    const struct evidence_found found = { .index = &facts };
    struct selection selection;
    struct err err = ERR_INIT;

    EXPECT_OK(reference_parse(&image, bytes_text(asked->image), &err), &err);
    const struct question question = { &image, asked->namespace, asked->now };
    policy_select(&selection, policy, &question);
    policy_judge(&judgement, policy, &selection, &question, &found);
    *verdict = judgement.verdict;
    return judgement.reason;
}

static void expect(const struct policy *policy, const struct asked *asked, enum verdict verdict,
                   enum reason_code reason)
{
    enum verdict got;
    const enum reason_code why = judge(&got, policy, asked);

    if (got != verdict || why != reason)
        print_error("%s in %s\n", asked->image, asked->namespace == NULL ? "-" : asked->namespace);
    assert_string_equal(verdict_name(got), verdict_name(verdict));
    assert_string_equal(reason_name(why), reason_name(reason));
}

/* --- One digest, many rules --- */

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define AT "@sha256:" HEX

static const char shared[] =
    "version: 1\n"
    "unmatched: deny\n"
    "signers: {release: {key: p256.pub}, ci: {key: ed25519.pub}}\n"
    "rules:\n"
    "  - {name: pay, images: r.example/apps/**, namespaces: [payments], require: {signed: ci}}\n"
    "  - {name: apps, images: r.example/apps/**, require: {signed: release}}\n"
    "  - {name: tools, images: r.example/tools/**, require: {signed: ci}}\n"
    "  - {name: gone, images: r.example/gone/**, deny: gone}\n";

static const struct shared_row {
    const char *image, *namespace;
    enum verdict verdict;
    enum reason_code reason;
} shared_rows[] = {
    { "r.example/apps/web" AT, NULL, VERDICT_ALLOW, REASON_NONE },
    { "r.example/apps/web" AT, "web", VERDICT_ALLOW, REASON_NONE },
    { "r.example/apps/web" AT, "payments", VERDICT_DENY, REASON_UNSIGNED },
    { "r.example/apps/web" AT, "payments-eu", VERDICT_ALLOW, REASON_NONE },
    { "r.example/tools/web" AT, NULL, VERDICT_DENY, REASON_UNSIGNED },
    { "r.example/gone/web" AT, NULL, VERDICT_DENY, REASON_DENIED_BY_RULE },
    { "r.example/other/web" AT, NULL, VERDICT_DENY, REASON_NO_RULE },
};

/* Each has the verdict of its own namespace, repository and rule, whatever was judged before it. */
static void one_digest_many_rules(void **state)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
    const size_t n = ARRAY_LEN(shared_rows);

    (void)state;
    load(&l, shared);
    struct fact fact = signature_by(l.policy, "release", 0);
    for (size_t i = 0; i < n * n * 2; i++) { /* every pair, in both orders */
        const struct shared_row *row = &shared_rows[i % 2 == 0 ? i / 2 % n : i / 2 / n];
        const struct asked asked = { row->image, row->namespace, NOW, &fact, 1 };
        expect(l.policy, &asked, row->verdict, row->reason);
    }
}

/* --- The clock --- */

static void clock_past_until(void **state)
{
    static const char text[] =
        "version: 1\n"
        "unmatched: deny\n"
        "signers: {release: {key: p256.pub}}\n"
        "rules:\n"
        "  - name: old\n"
        "    images: r.example/old/**\n"
        "    allow-unsigned: {reason: OPS-1, until: 2026-12-31}\n"
        "  - {name: rest, images: r.example/old/x, require: {signed: release}}\n";
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    (void)state;
    load(&l, text);
    struct asked asked = { "r.example/old/x", NULL, NOW - 1, NULL, 0 };
    expect(l.policy, &asked, VERDICT_ALLOW, REASON_NONE);
    asked.now = NOW; /* exclusive: 00:00 of that day */
    expect(l.policy, &asked, VERDICT_DENY, REASON_UNSIGNED);
    asked.now = INT64_MAX;
    expect(l.policy, &asked, VERDICT_DENY, REASON_UNSIGNED);
    asked.image = "r.example/old/y"; /* the rule matches nothing, so none does */
    expect(l.policy, &asked, VERDICT_DENY, REASON_NO_RULE);
}

/* --- Names of keys --- */

#define TWO_OF(signers)                                                                            \
    "version: 1\n"                                                                                 \
    "unmatched: deny\n"                                                                            \
    "signers: " signers "\n"                                                                       \
    "rules: [{name: r, images: r.example/**, require: {atLeast: 2, of: [{signed: a}, {signed: "    \
    "b}]}}]\n"

static const struct names_row {
    const char *name, *policy;
    size_t a, b; /* which key of each signs */
    enum verdict verdict;
} names_rows[] = {
    { "two keys", TWO_OF("{a: {key: p256.pub}, b: {key: ed25519.pub}}"), 0, 0, VERDICT_ALLOW },
    { "one key, two names", TWO_OF("{a: {key: p256.pub}, b: {key: p256.pub}}"), 0, 0,
      VERDICT_DENY },
    { "one key in two files", TWO_OF("{a: {key: rsa2048.pub}, b: {key: rsa2048-pkcs1.pub}}"), 0, 0,
      VERDICT_DENY },
    { "a key shared, the other used",
      TWO_OF("{a: {keys: [p256.pub, p384.pub]}, b: {key: p256.pub}}"), 1, 0, VERDICT_ALLOW },
    { "a key shared, and only it used",
      TWO_OF("{a: {keys: [p256.pub, p384.pub]}, b: {key: p256.pub}}"), 0, 0, VERDICT_DENY },
};

static void one_key_under_two_names(void **state)
{
    const struct names_row *row = *state;
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    load(&l, row->policy);
    struct fact facts[] = { signature_by(l.policy, "a", row->a),
                            signature_by(l.policy, "b", row->b) };
    const struct asked asked = { "r.example/x", NULL, NOW, facts, 2 };
    expect(l.policy, &asked, row->verdict,
           row->verdict == VERDICT_ALLOW ? REASON_NONE : REASON_TOO_FEW);
}

/* --- Statements --- */

#define TYPE "https://types.example/t"
#define CHECKED(line)                                                                              \
    "version: 1\n"                                                                                 \
    "unmatched: deny\n"                                                                            \
    "signers: {ci: {key: p256.pub}}\n"                                                             \
    "checks: {c: {type: " TYPE ", statements: any, where: [" line "]}}\n"                          \
    "rules: [{name: r, images: r.example/**, require: {attested: c, by: ci}}]\n"
#define STATEMENT "{\"predicate\":{\"by\":\"ours\",\"n\":3,\"items\":[{\"s\":\"LOW\"}]}}"

static const struct line_row {
    const char *line;
    enum verdict verdict;
} line_rows[] = {
    { "{at: /predicate/by, is: ours}", VERDICT_ALLOW },
    { "{at: /predicate/yb, is: ours}", VERDICT_DENY },
    { "{at: /predicate/by, not: theirs}", VERDICT_ALLOW },
    { "{at: /predicate/yb, not: theirs}", VERDICT_DENY },
    { "{at: predicate, exists: true}", VERDICT_UNKNOWN /* the loader refuses it */ },
    { "{at: /predicate/by, not-in: [theirs]}", VERDICT_ALLOW },
    { "{at: /Predicate/by, not-in: [theirs]}", VERDICT_DENY },
    { "{at: /predicate/by, not-matches: theirs}", VERDICT_ALLOW },
    { "{at: /predicate/by/, not-matches: theirs}", VERDICT_DENY },
    { "{at: /predicate/n, at-least: 3}", VERDICT_ALLOW },
    { "{at: /predicate/m, at-most: 3}", VERDICT_DENY },
    { "{each: /predicate/items/*, at: /s, not-in: [CRITICAL], empty: pass}", VERDICT_ALLOW },
    { "{each: /predicate/item/*, at: /s, not-in: [CRITICAL], empty: pass}", VERDICT_DENY },
    { "{each: /predicat/items/*, at: /s, not-in: [CRITICAL], empty: pass, absent: pass}",
      VERDICT_DENY },
    { "{each: /predicate/items/*, at: /z, not-in: [CRITICAL], empty: pass}", VERDICT_DENY },
    { "{each: /predicate/by/*, at: /s, not-in: [CRITICAL], empty: pass}", VERDICT_DENY },
    { "{one: /predicate/items/*, at: /s, is: LOW, empty: fail}", VERDICT_ALLOW },
    { "{one: /predicate/items/*, at: /s, not: HIGH, empty: fail}", VERDICT_ALLOW },
    { "{one: /predicate/items/*, at: /z, not: HIGH, empty: fail}", VERDICT_DENY },
};

static struct fact statement_by_ci(const struct policy *policy)
{
    struct fact fact = signature_by(policy, "ci", 0);

    fact.kind = FACT_STATEMENT;
    fact.predicate_type = TYPE;
    assert_int_equal(json_scan(&fact.statement, BYTES_LIT(STATEMENT), NULL), 0);
    return fact;
}

static void mistyped_pointers_never_pass(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(line_rows); i++) {
        struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
        char text[1024];
        snprintf(text, sizeof(text), CHECKED("%s"), line_rows[i].line);
        if (line_rows[i].verdict == VERDICT_UNKNOWN) {
            load_bytes(&l, bytes_text(text));
            EXPECT_ERR(l.result, &l.err, ERR_CONFIG, "checks.c.where[0].at");
            continue;
        }
        load(&l, text);
        struct fact fact = statement_by_ci(l.policy);
        const struct asked asked = { "r.example/x", NULL, NOW, &fact, 1 };
        if (line_rows[i].verdict == VERDICT_DENY)
            print_message("%s\n", line_rows[i].line);
        expect(l.policy, &asked, line_rows[i].verdict,
               line_rows[i].verdict == VERDICT_ALLOW ? REASON_NONE : REASON_CHECK_FAILED);
    }
    (void)state;
}

static void an_attestation_is_no_signature(void **state)
{
    struct loaded CLEANUP(loaded_clear) attested = LOADED_INIT;
    struct loaded CLEANUP(loaded_clear) signed_ = LOADED_INIT;

    (void)state;
    load(&attested, CHECKED("{at: /predicate/by, is: ours}"));
    load(&signed_, "version: 1\nunmatched: deny\nsigners: {ci: {key: p256.pub}}\n"
                   "rules: [{name: r, images: r.example/**, require: {signed: ci}}]\n");
    struct fact statement = statement_by_ci(attested.policy);
    struct fact signature = signature_by(attested.policy, "ci", 0);
    const struct asked with_statement = { "r.example/x", NULL, NOW, &statement, 1 };
    const struct asked with_signature = { "r.example/x", NULL, NOW, &signature, 1 };
    expect(signed_.policy, &with_signature, VERDICT_ALLOW, REASON_NONE);
    expect(signed_.policy, &with_statement, VERDICT_DENY, REASON_WRONG_TYPE);
    expect(attested.policy, &with_statement, VERDICT_ALLOW, REASON_NONE);
    expect(attested.policy, &with_signature, VERDICT_DENY, REASON_WRONG_TYPE);
}

/* --- Names of hosts --- */

#define SPELT(pattern)                                                                             \
    "version: 1\n"                                                                                 \
    "unmatched: allow\n"                                                                           \
    "rules: [{name: r, images: \"" pattern "\", deny: this one}]\n"

static const struct spelt_row {
    const char *pattern, *image;
    bool same;
} spelt_rows[] = {
    { SPELT("docker.io/library/busybox"), "busybox", true },
    { SPELT("docker.io/library/busybox"), "busybox:1.36", true },
    { SPELT("docker.io/library/busybox"), "docker.io/busybox", true },
    { SPELT("docker.io/library/busybox"), "index.docker.io/library/busybox", true },
    { SPELT("docker.io/library/busybox"), "registry-1.docker.io/library/busybox", true },
    { SPELT("docker.io/library/busybox"), "DOCKER.IO/library/busybox" AT, true },
    { SPELT("index.docker.io/library/busybox"), "busybox", true },
    { SPELT("DOCKER.IO:443/library/busybox"), "busybox", true },
    { SPELT("docker.io/library/busybox"), "docker.io/other/busybox", false },
    { SPELT("docker.io/library/busybox"), "docker.io.example/library/busybox", false },
    { SPELT("docker.io/library/busybox"), "busybox.example/library/busybox", false },
    { SPELT("r.example/a/*"), "R.EXAMPLE/a/b", true },
    { SPELT("r.example/a/*"), "r.example:443/a/b", true },
    { SPELT("R.Example:443/a/*"), "r.example/a/b", true },
    { SPELT("r.example/a/*"), "r.example:444/a/b", false },
    { SPELT("r.example:444/a/*"), "r.example/a/b", false },
    { SPELT("r.example/a/*"), "xr.example/a/b", false },
    { SPELT("r.example/a/*"), "r.example/a/b/c", false },
    { SPELT("r.example/a/*"), "evil.example/r.example/a/b", false },
};

static void one_host_in_many_spellings(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(spelt_rows); i++) {
        const struct spelt_row *row = &spelt_rows[i];
        struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
        const struct asked asked = { row->image, NULL, NOW, NULL, 0 };
        load(&l, row->pattern);
        expect(l.policy, &asked, row->same ? VERDICT_DENY : VERDICT_ALLOW,
               row->same ? REASON_DENIED_BY_RULE : REASON_NONE);
    }
    (void)state;
}

/* --- A folder that is swapped --- */

/* As Kubernetes mounts a ConfigMap: policy.yaml and key.pub lead through a link `data`, which is
 * replaced as a whole. */
struct swap {
    struct folder folder;
    char link[320], fresh[320];
    atomic_bool stop;
    atomic_size_t swaps;
};

static void *keep_swapping(void *context)
{
    struct swap *swap = context;

    for (size_t i = 0; !swap->stop; i++) {
        if (symlink(i % 2 == 0 ? "new" : "old", swap->fresh) != 0 ||
            rename(swap->fresh, swap->link) != 0)
            return swap;
        swap->swaps++;
    }
    return NULL;
}

static void write_generation(struct swap *swap, const char *name, const char *key)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    char path[128], text[512];

    snprintf(path, sizeof(path), "tests/vectors/keys/%s", key);
    assert_int_equal(file_read(&pem, path, NULL), 0);
    snprintf(path, sizeof(path), "%s/key.pub", name);
    assert_int_equal(folder_write(&swap->folder, path, buf_text(&pem), 0644), 0);
    snprintf(text, sizeof(text),
             "version: 1\nname: %s\nunmatched: deny\nsigners: {s: {key: key.pub}}\n"
             "rules: [{name: r, images: r.example/**, require: {signed: s}}]\n",
             name);
    snprintf(path, sizeof(path), "%s/policy.yaml", name);
    assert_int_equal(folder_write(&swap->folder, path, text, 0644), 0);
}

static void a_swapped_folder_is_never_mixed(void **state)
{
    struct swap swap = { .stop = false, .swaps = 0 };
    size_t seen[2] = { 0, 0 };
    void *broken = NULL;
    pthread_t thread;
    char path[320];

    (void)state;
    assert_int_equal(folder_make(&swap.folder), 0);
    assert_int_equal(mkdir(folder_path(&swap.folder, "old"), 0755), 0);
    assert_int_equal(mkdir(folder_path(&swap.folder, "new"), 0755), 0);
    write_generation(&swap, "old", "p256.pub");
    write_generation(&swap, "new", "ed25519.pub");
    snprintf(swap.link, sizeof(swap.link), "%s", folder_path(&swap.folder, "data"));
    snprintf(swap.fresh, sizeof(swap.fresh), "%s", folder_path(&swap.folder, "fresh"));
    snprintf(path, sizeof(path), "%s", folder_path(&swap.folder, "policy.yaml"));
    assert_int_equal(symlink("old", swap.link), 0);
    assert_int_equal(symlink("data/policy.yaml", path), 0);
    assert_int_equal(pthread_create(&thread, NULL, keep_swapping, &swap), 0);
    for (size_t i = 0; i < 100000 && (i < 2000 || seen[0] == 0 || seen[1] == 0); i++) {
        struct policy_file CLEANUP(policy_file_clear) file = { .findings = POLICY_FINDINGS_INIT };
        struct err err = ERR_INIT;
        EXPECT_OK(policy_file_read(&file, path, &err), &err);
        const bool new = strcmp(file.policy->name, "new") == 0;
        assert_string_equal(file.policy->signers[0].algorithms[0], new ? "ed25519" : "ecdsa-p256");
        seen[new]++;
    }
    swap.stop = true;
    assert_int_equal(pthread_join(thread, &broken), 0);
    assert_null(broken);
    assert_true(swap.swaps > 1 && seen[0] > 0 && seen[1] > 0);
    folder_remove(&swap.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_digest_many_rules),
        cmocka_unit_test(clock_past_until),
        cmocka_unit_test(mistyped_pointers_never_pass),
        cmocka_unit_test(an_attestation_is_no_signature),
        cmocka_unit_test(one_host_in_many_spellings),
        cmocka_unit_test(a_swapped_folder_is_never_mixed),
    };
    int failed = RUN_ROWS(names_rows, one_key_under_two_names);

    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
