/* What judging and loading cost, without any I/O: tests/bench/policy.sh. Prints one line for each
 * measurement: its name, the median of its rounds, the aim. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "policy/judge.h"
#include "policy/lint.h"
#include "policy/load.h"

#define ROUNDS 15
#define NOW ((int64_t)1790000000)
#define TYPE "https://slsa.dev/provenance/v1"
#define PEM                                                                                        \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEAALSJKp0HSmJumedrN+Tebh/LJy2wFKSMoZxyIzyBATA=\n"                               \
    "-----END PUBLIC KEY-----\n"

static void need(int result, const struct err *err)
{
    if (result == 0)
        return;
    fprintf(stderr, "policy: %s\n", err_text(err));
    exit(1);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* What is measured: `times` times in one round. */
struct work {
    const char *name;
    void (*run)(void *context);
    void *context;
    size_t times;
    double unit; /* of a second: 1e6 */
    const char *unit_name;
    double aim; /* in that unit; 0: none */
};

static double measure(const struct work *work)
{
    double rounds[ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++) {
        const double began = seconds();
        for (size_t k = 0; k < work->times; k++)
            work->run(work->context);
        rounds[i] = (seconds() - began) / (double)work->times * work->unit;
    }
    qsort(rounds, ROUNDS, sizeof(rounds[0]), by_size);
    const double median = rounds[ROUNDS / 2];
    printf("%-58s %9.2f %s", work->name, median, work->unit_name);
    if (work->aim > 0)
        printf("  aim %g: %s", work->aim, median < work->aim ? "met" : "MISSED");
    printf("\n");
    return median;
}

/* --- Loading --- */

static int read_key(void *context, struct public_key **out, const char *path, struct err *err)
{
    (void)context;
    (void)path;
    return public_key_parse(out, BYTES_LIT(PEM), err);
}

static int load(struct policy **policy, struct bytes text, struct err *err)
{
    struct policy_keys CLEANUP(policy_keys_clear) keys = { 0 };
    struct policy_findings CLEANUP(policy_findings_clear) findings = POLICY_FINDINGS_INIT;
    const struct policy_source source = { .text = text, .file = "p.yaml", .read_key = read_key };

    return policy_load(policy, &keys, &source, &findings, err);
}

static void load_well(void *context)
{
    struct policy *CLEANUP(policy_freep) policy = NULL;
    struct err err = ERR_INIT;

    need(load(&policy, buf_bytes(context), &err), &err);
}

static void load_badly(void *context)
{
    struct policy *policy;
    struct err err = ERR_INIT;

    if (load(&policy, buf_bytes(context), &err) == 0) {
        fprintf(stderr, "policy: a hostile policy was loaded\n");
        exit(1);
    }
}

static void fill(struct buf *out, const char *head, const char *more)
{
    buf_add_text(out, head);
    while (out->len + strlen(more) <= CONFIG_FILE_MAX)
        buf_add_text(out, more);
}

#define HEAD                                                                                       \
    "version: 1\nunmatched: deny\nsigners: {s: {key: s.pub}, t: {key: t.pub}}\n"                   \
    "checks: {c: {type: " TYPE ", statements: any, where: [{at: /predicate/builder/id, matches: "  \
    "\"https://ci.example/*\"}, {at: /predicate/level, at-least: 3}, {each: /predicate/items/*, "  \
    "at: /severity, not-in: [CRITICAL, HIGH], empty: pass}]}}\n"

static void large_policy(struct buf *out)
{
    buf_add_text(out, HEAD "rules:\n  - {name: c, images: r.example/c, require: {attested: c, by: "
                           "s}}\n");
    for (size_t i = 0; out->len + 256 <= CONFIG_FILE_MAX; i++)
        buf_addf(out,
                 "  - name: rule-%zu\n    images: [registry.example/team-%zu/**]\n    require: "
                 "{all: [{signed: s}, {signed: t}]}\n",
                 i, i);
}

static const struct hostile {
    const char *name, *head, *more;
} hostiles[] = {
    { "refusing 1 MiB of [", "", "[" },
    { "refusing 1 MiB of {", "", "{" },
    { "refusing 1 MiB of nested sequences", "", "- " },
    { "refusing 1 MiB of nested mappings", "", "? " },
    { "refusing 1 MiB of anchors", "a: ", "&a " },
    { "refusing 1 MiB of aliases", "a: &a [", "*a," },
    { "refusing 1 MiB of quotes", "a: ", "\"" },
};

static void loading(void)
{
    struct buf CLEANUP(buf_clear) large = BUF_INIT(CONFIG_FILE_MAX);

    large_policy(&large);
    measure(&(struct work) { "loading 1 MiB of rules", load_well, &large, 1, 1e3, "ms", 50 });
    for (size_t i = 0; i < ARRAY_LEN(hostiles); i++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
        fill(&text, hostiles[i].head, hostiles[i].more);
        measure(&(struct work) { hostiles[i].name, load_badly, &text, 1, 1e3, "ms", 10 });
    }
}

/* --- Judging --- */

#define RULES 50
#define FACTS 10
#define STATEMENT                                                                                  \
    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"" TYPE "\",\"predicate\":" \
    "{\"builder\":{\"id\":\"https://ci.example/build\"},\"level\":%d,\"items\":[{\"severity\":"    \
    "\"LOW\"},{\"severity\":\"MEDIUM\"}]}}"

struct judging {
    struct policy *policy;
    struct reference image;
    struct fact facts[FACTS];
    char statements[FACTS][512];
    struct fact_set set;
};

static void judge_one(void *context)
{
    const struct judging *j = context;
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    const struct question question = { &j->image, "web", NOW };
    const struct evidence_found found = { .index = &j->set };
    struct selection selection;

    policy_select(&selection, j->policy, &question);
    policy_judge(&judgement, j->policy, &selection, &question, &found);
    if ((judgement.verdict == VERDICT_ALLOW) != (j->set.n == FACTS)) {
        fprintf(stderr, "policy: %s: %s\n", verdict_name(judgement.verdict), judgement.text);
        exit(1);
    }
}

/* The last of 50 rules matches; of 10 facts the last two count. */
static void judging(void)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    struct judging j = { .set = { .complete = true } };
    struct err err = ERR_INIT;

    buf_add_text(&text, HEAD "rules:\n");
    for (size_t i = 1; i < RULES; i++)
        buf_addf(&text,
                 "  - {name: r%zu, images: registry.example/team-%zu/**, require: {signed: "
                 "s}}\n",
                 i, i);
    buf_add_text(&text, "  - {name: last, images: registry.example/apps/**, require: {all: [{"
                        "signed: s}, {attested: c, by: t}]}}\n");
    need(load(&j.policy, buf_bytes(&text), &err), &err);
    need(reference_parse(&j.image, bytes_text("registry.example/apps/web:1"), &err), &err);
    for (size_t i = 0; i < FACTS; i++) {
        struct fact *fact = &j.facts[i];
        snprintf(j.statements[i], sizeof(j.statements[i]), STATEMENT, i + 1 == FACTS ? 3 : 1);
        *fact = (struct fact) { .kind = i + 2 == FACTS ? FACT_SIGNATURE : FACT_STATEMENT,
                                .algorithm = "ed25519",
                                .predicate_type = TYPE,
                                .where = "a piece" };
        memcpy(fact->fingerprint, j.policy->signers[0].fingerprints[0], KEY_FINGERPRINT_SIZE);
        need(json_scan(&fact->statement, bytes_text(j.statements[i]), &err), &err);
    }
    j.set.facts = j.facts;
    j.set.n = FACTS;
    measure(&(struct work) { "judging one image, 50 rules, 10 facts: allowed", judge_one, &j, 2000,
                             1e6, "us", 20 });
    j.set.n = FACTS - 1;
    measure(&(struct work) { "judging one image, 50 rules, 9 facts: denied, with reasons",
                             judge_one, &j, 2000, 1e6, "us", 20 });
    reference_clear(&j.image);
    policy_free(j.policy);
}

/* --- Hostile predicates --- */

#define PREDICATE (64 * MIB)

struct checking {
    struct check check;
    struct json_view statement;
};

static void check_one(void *context)
{
    const struct checking *c = context;

    if (check_holds(&c->check, c->statement)) {
        fprintf(stderr, "policy: a hostile predicate passes\n");
        exit(1);
    }
}

static void scan_one(void *context)
{
    struct json_view *statement = context;
    struct err err = ERR_INIT;

    need(json_scan(statement, statement->raw, &err), &err);
}

/* `more` between head and tail, as often as it fits. */
static const struct predicate {
    const char *name, *head, *more, *tail;
    struct check check; /* its literals are added */
} predicates[] = {
    { "one value behind a long string", "{\"x\":\"", "aaaaaaaa", "\",\"predicate\":{\"v\":2}}",
      { .at = "/predicate/v", .operator= CHECK_IS } },
      { "one value behind many members' values", "{\"x\":[0", ",[],{},1", "],\"predicate\":2}",
        { .at = "/predicate", .operator= CHECK_IS } },
        { "one value, eight levels down",
          "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"x\":[0", ",1", "],\"v\":2}}}}}}}}",
          { .at = "/a/a/a/a/a/a/a/v", .operator= CHECK_IS } },
          { "each of many numbers",
            "{\"predicate\":[0",
            ",1",
            "]}",
            { .over = OVER_EACH,
              .elements = "/predicate/*",
              .at = "/s",
              .operator= CHECK_NOT_IN,
              .empty_passes = true } },
          { "one of many objects", "{\"predicate\":[{}", ",{\"s\":1}", "]}",
            { .over = OVER_SOME, .elements = "/predicate/*", .at = "/s", .operator= CHECK_IS } },
            { "one of many arrays in arrays", "{\"predicate\":[[]", ",[1,2,3,4]", "]}",
              { .over = OVER_SOME, .elements = "/predicate/*/*", .at = "", .operator= CHECK_IS } },
              { "a text against a pattern of 16 stars", "{\"predicate\":\"", "aaaaaaab", "\"}",
                {
                    .at = "/predicate",
                    .operator= CHECK_MATCHES } },
              };

static void hostile_predicate(const struct predicate *p)
{
    static const struct literal zero = { .kind = JSON_STRING, .text = "no such text" };
    struct buf CLEANUP(buf_clear) text = BUF_INIT(PREDICATE + KIB);
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MIB);
    struct literal pattern = { .kind = JSON_STRING, .text = "pattern" };
    struct checking c = { .check = p->check };
    struct err err = ERR_INIT;
    char name[128];

    need(pattern_compile(&pattern.pattern,
                         bytes_text("*aab*aab*aab*aab*aab*aab*aab*aab*aab*aab*"
                                    "aab*aab*aab*aab*aac*x"),
                         &arena, &err),
         &err);
    c.check.literals = p->check.operator== CHECK_MATCHES ? &pattern : & zero;
    c.check.n = 1;
    buf_add_text(&text, p->head);
    while (text.len + strlen(p->more) <= PREDICATE)
        buf_add_text(&text, p->more);
    buf_add_text(&text, p->tail);
    need(buf_check(&text, "predicate", &err), &err);
    need(json_scan(&c.statement, buf_bytes(&text), &err), &err);
    const double size = (double)text.len / 1e9; /* so that the unit is one nanosecond */
    snprintf(name, sizeof(name), "  %s", p->name);
    measure(&(struct work) { name, check_one, &c, 1, 1 / size, "ns/B", 0 });
    measure(&(struct work) { "    reading it", scan_one, &c.statement, 1, 1 / size, "ns/B", 0 });
}

int main(void)
{
    judging();
    loading();
    printf("64 MiB of a hostile predicate, time of one line of a check for each byte:\n");
    for (size_t i = 0; i < ARRAY_LEN(predicates); i++)
        hostile_predicate(&predicates[i]);
    return 0;
}
