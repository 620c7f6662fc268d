/* What is told of judged images, byte for byte: text, JSON and SARIF beside tests/vectors/reports.
 * The SARIF file is validated against the published schema in tests/integration/t_policy.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/expect.h"

#include "base/version.h"
#include "tests/unit/policy_text.h"
#include "verify/explain.h"
#include "verify/sarif.h"

#define REPORTS "tests/vectors/reports/"
#define NOW ((int64_t)1790000000)
#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TYPE "https://slsa.dev/provenance/v1"
static const char policy_text[] =
    "version: 1\n"
    "name: production\n"
    "serial: 42\n"
    "unmatched: deny\n"
    "signers: {release: {keys: [p256.pub, p384.pub]}, ci: {key: ed25519.pub}}\n"
    "checks:\n"
    "  built: {type: " TYPE ", statements: any, where: [{at: /predicate/by, is: ours}]}\n"
    "floor: {forbid-tags: [latest]}\n"
    "rules:\n"
    "  - name: apps\n"
    "    images: r.example/apps/**\n"
    "    require:\n"
    "      all:\n"
    "        - {signed: release, annotations: {env: prod}}\n"
    "        - any: [{attested: built, by: ci}, {signed: ci}]\n"
    "  - name: two\n"
    "    images: r.example/two/**\n"
    "    namespaces: [payments]\n"
    "    require: {atLeast: 2, of: [{signed: release}, {signed: ci}]}\n"
    "  - {name: soft, images: r.example/soft/**, mode: warn, require: {signed: release}}\n"
    "  - {name: seen, images: r.example/seen/**, mode: audit, require: {signed: release}}\n"
    "  - {name: gone, images: r.example/gone/**, deny: 'use \"apps\"'}\n"
    "  - name: old\n"
    "    images: r.example/old/**\n"
    "    allow-unsigned: {reason: OPS-1, until: 2099-12-31}\n";

/* Which facts there are. */
enum {
    BY_RELEASE = 1,
    BY_CI = 2,
    BUILT = 4,       /* a statement by ci */
    BUILT_OTHER = 8, /* that does not pass */
    LOST = 16,
    HOSTILE = 32 /* release signed a claim that is made to disturb terminals */
};

static const struct asked {
    const char *image, *namespace;
    int facts;
    struct run_place place;
} asked[] = {
    { "r.example/apps/web:1", NULL, BY_RELEASE | BUILT, { NULL, 0, NULL } },
    { "r.example/apps/web@" DIGEST, "web", BY_RELEASE | BY_CI, { "app.yaml", 12, "image" } },
    { "r.example/apps/web:2", NULL, 0, { "app.yaml", 30, "image" } },
    { "r.example/apps/web:3", NULL, BY_RELEASE | BUILT_OTHER, { NULL, 0, NULL } },
    { "r.example/apps/web:4", NULL, HOSTILE | BY_CI, { NULL, 0, NULL } },
    { "r.example/apps/web:5", NULL, BY_RELEASE | LOST, { NULL, 0, NULL } },
    { "r.example/two/web:1", "payments", BY_RELEASE | BY_CI, { NULL, 0, NULL } },
    { "r.example/two/web:2", "payments", BY_RELEASE, { NULL, 0, NULL } },
    { "r.example/two/web:3", "payments", BY_RELEASE | LOST, { NULL, 0, NULL } },
    { "r.example/soft/web:1", NULL, 0, { NULL, 0, NULL } },
    { "r.example/seen/web:1", NULL, LOST, { NULL, 0, NULL } },
    { "r.example/gone/web:1", NULL, BY_RELEASE, { NULL, 0, NULL } },
    { "r.example/old/web:1", NULL, 0, { NULL, 0, NULL } },
    { "r.example/apps/web", NULL, BY_RELEASE | BUILT, { NULL, 0, NULL } },
    { "r.example/none/web:1", NULL, BY_RELEASE, { NULL, 0, NULL } },
};

/* One image, judged. */
struct judged {
    struct reference image;
    struct image_question question;
    struct fact facts[4];
    struct image_result result;
};

static void judged_clear(struct judged *j)
{
    judgement_clear(&j->result.judgement);
    reference_clear(&j->image);
}

static void add_fact(struct judged *j, const struct policy *policy, size_t signer, const char *body)
{
    static const struct annotation claims[] = { { "env", "prod" } };
    struct fact *fact = &j->facts[j->result.lookup.facts.n++];

    *fact =
        (struct fact) { .kind = body == NULL ? FACT_SIGNATURE : FACT_STATEMENT,
                        .algorithm = policy->signers[signer].algorithms[0],
                        .scheme = signer == 0 ? SCHEME_ECDSA_SHA256 : SCHEME_ED25519,
                        .subject = j->result.lookup.digest,
                        .repository = body == NULL ? "r.example/apps/web" : NULL,
                        .annotations = body == NULL ? claims : NULL,
                        .n_annotations = body == NULL,
                        .predicate_type = body == NULL ? NULL : TYPE,
                        .layout = body == NULL ? LAYOUT_LEGACY : LAYOUT_BUNDLE,
                        .where = body == NULL ? "sha256-aaaa.sig, layer 1" : "bundle sha256:bbbb" };
    memcpy(fact->fingerprint, policy->signers[signer].fingerprints[0], KEY_FINGERPRINT_SIZE);
    if (body != NULL)
        assert_int_equal(json_scan(&fact->statement, bytes_text(body), NULL), 0);
}

static void add_facts(struct judged *j, const struct policy *policy, int facts)
{
    static const struct annotation hostile[] = { { "env", "\x1b[2J\n\"<b>\xe2\x80\xae" } };

    if ((facts & (BY_RELEASE | HOSTILE)) != 0)
        add_fact(j, policy, 0, NULL);
    if ((facts & HOSTILE) != 0)
        j->facts[0].annotations = hostile;
    if ((facts & BY_CI) != 0)
        add_fact(j, policy, 1, NULL);
    if ((facts & BUILT) != 0)
        add_fact(j, policy, 1, "{\"predicate\":{\"by\":\"ours\"}}");
    if ((facts & BUILT_OTHER) != 0)
        add_fact(j, policy, 1, "{\"predicate\":{\"by\":\"the\\u0007others\"}}");
}

static void judge(struct judged *j, const struct policy *policy, const struct asked *what)
{
    const struct evidence_found found = { .index = &j->result.lookup.facts };
    struct err err = ERR_INIT;

    *j = (struct judged) { .result = { .now = NOW, .judgement = JUDGEMENT_INIT } };
    EXPECT_OK(reference_parse(&j->image, bytes_text(what->image), &err), &err);
    EXPECT_OK(digest_parse(&j->result.lookup.digest, BYTES_LIT(DIGEST), &err), &err);
    j->question = (struct image_question) { &j->image, what->namespace };
    j->result.asked = &j->question;
    j->result.lookup.facts =
        (struct fact_set) { .facts = j->facts, .complete = true, .incomplete = ERR_INIT };
    add_facts(j, policy, what->facts);
    j->result.lookup.facts.pieces = j->result.lookup.facts.n;
    if ((what->facts & LOST) != 0) {
        j->result.lookup.facts.complete = false;
        err_set(&j->result.lookup.facts.incomplete, ERR_NETWORK, "r.example: connection refused");
    }
    const struct question question = { &j->image, what->namespace, NOW };
    policy_select(&j->result.selection, policy, &question);
    j->result.lookup.resolved = j->result.selection.selected == SELECTED_RULE;
    policy_judge(&j->result.judgement, policy, &j->result.selection, &question, &found);
}

/* The first line that differs. */
static void show_difference(const char *path, const char *got, const char *wanted)
{
    size_t i = 0;

    while (got[i] != '\0' && got[i] == wanted[i])
        i++;
    while (i > 0 && got[i - 1] != '\n')
        i--;
    print_error("%s, from byte %zu on: got\n%.400s\nnot\n%.400s\n", path, i, got + i, wanted + i);
}

/* The program's own version changes: the file has a mark in its place. With WRITE_REPORTS in the
 * environment the files are written instead, to be read before they are kept. */
static void expect_file(const struct buf *got, const char *name)
{
    static const char own[] = "\"version\":\"" VERSION_TEXT "\"";
    struct buf CLEANUP(buf_clear) wanted = BUF_INIT(MIB);
    struct buf CLEANUP(buf_clear) marked = BUF_INIT(MIB);
    char path[128];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), REPORTS "%s", name);
    const char *at = strstr(buf_text(got), own);
    if (at != NULL) {
        buf_add(&marked, got->data, (size_t)(at - buf_text(got)));
        buf_add_text(&marked, "\"version\":\"@VERSION@\"");
    }
    buf_add_text(&marked, at == NULL ? buf_text(got) : at + strlen(own));
    if (getenv("WRITE_REPORTS") != NULL)
        EXPECT_OK(file_write(path, buf_bytes(&marked), 0644, &err), &err);
    EXPECT_OK(file_read(&wanted, path, &err), &err);
    if (strcmp(buf_text(&marked), buf_text(&wanted)) != 0)
        show_difference(path, buf_text(&marked), buf_text(&wanted));
    assert_true(bytes_equal(buf_bytes(&marked), buf_bytes(&wanted)));
}

static void report_all(enum report_format format, const char *name)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
    struct buf CLEANUP(buf_clear) got = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    load_bytes(&l, bytes_text(policy_text));
    EXPECT_OK(l.result, &l.err);
    const struct report report = { .format = format, .policy = l.policy };
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct judged CLEANUP(judged_clear) j;
        judge(&j, l.policy, &asked[i]);
        EXPECT_OK(report_image(&got, &report, &j.result, &err), &err);
    }
    expect_file(&got, name);
}

static void text(void **state)
{
    (void)state;
    report_all(REPORT_TEXT, "report.txt");
}

static void json(void **state)
{
    (void)state;
    report_all(REPORT_JSON, "report.jsonl");
}

static void sarif(void **state)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
    struct buf CLEANUP(buf_clear) got = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    char *memory = NULL;
    size_t size;

    (void)state;
    load_bytes(&l, bytes_text(policy_text));
    EXPECT_OK(l.result, &l.err);
    const struct report report = { .format = REPORT_SARIF, .policy = l.policy };
    FILE *out = open_memstream(&memory, &size);
    assert_non_null(out);
    sarif_begin(out);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct buf CLEANUP(buf_clear) line = BUF_INIT(MIB);
        struct judged CLEANUP(judged_clear) j;
        judge(&j, l.policy, &asked[i]);
        EXPECT_OK(sarif_result(&line, &report, &j.result, &asked[i].place, i == 0, &err), &err);
        fputs(buf_text(&line), out);
    }
    sarif_end(out);
    assert_int_equal(fclose(out), 0);
    buf_add_text(&got, memory);
    free(memory);
    expect_file(&got, "report.sarif");
}

static void explanation(void **state)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
    struct buf CLEANUP(buf_clear) got = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    (void)state;
    load_bytes(&l, bytes_text(policy_text));
    EXPECT_OK(l.result, &l.err);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct judged CLEANUP(judged_clear) j;
        judge(&j, l.policy, &asked[i]);
        EXPECT_OK(explain_image(&got, l.policy, &j.result, &err), &err);
        buf_add_char(&got, '\n');
    }
    expect_file(&got, "explained.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(json),
        cmocka_unit_test(sarif),
        cmocka_unit_test(explanation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
