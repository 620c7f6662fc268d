#ifndef BULLA_TESTS_UNIT_RANDOM_JUDGING_H
#define BULLA_TESTS_UNIT_RANDOM_JUDGING_H

/* A policy, an image and facts, chosen by bytes: of a generator (tests/unit/test_property.c) or of
 * a fuzzer (tests/fuzz/fuzz_judge.c). No policy that is not well formed comes out. */

#include <string.h>

#include "base/limits.h"
#include "policy/judge.h"

#define WORLD_NOW ((int64_t)1790000000) /* 2026-09-21T14:13:20Z */

enum {
    WORLD_IDENTITIES = 6, /* keys that exist */
    WORLD_STRANGER = WORLD_IDENTITIES,
    WORLD_SIGNERS = 4,
    WORLD_KEYS = 3, /* of one signer, at most */
    WORLD_CHECKS = 4,
    WORLD_LINES = 2, /* of one check, at most */
    WORLD_NODES = 64,
    WORLD_RULES = 4,
    WORLD_SETS = 4, /* the index's own, then those of platforms */
    WORLD_FACTS = 6 /* of one set, at most */
};

struct choices {
    const uint8_t *data;
    size_t len, at;
};

/** One of n; the first where the bytes have run out. */
static inline size_t choose(struct choices *c, size_t n)
{
    return c->at < c->len ? c->data[c->at++] % n : 0;
}

struct world {
    struct arena arena;
    struct policy policy;
    uint8_t fingerprints[WORLD_SIGNERS][WORLD_KEYS][KEY_FINGERPRINT_SIZE];
    const char *algorithms[WORLD_SIGNERS][WORLD_KEYS];
    struct policy_signer signers[WORLD_SIGNERS];
    struct check lines[WORLD_CHECKS][WORLD_LINES];
    struct policy_check checks[WORLD_CHECKS];
    struct requirement nodes[WORLD_NODES];
    size_t n_nodes;
    struct pattern images[WORLD_RULES], namespaces[WORLD_RULES];
    struct policy_rule rules[WORLD_RULES];
    struct reference image;
    struct question question;
    struct fact facts[WORLD_SETS][WORLD_FACTS];
    struct fact_set sets[WORLD_SETS];
    struct evidence_found found;
    struct json_view extra; /* one more statement, or JSON_ABSENT */
    bool broken;            /* memory was short */
};

static const char *const world_types[] = { "https://types.example/a", "https://types.example/b" };

static const char *const world_statements[] = {
    "{\"predicate\":{\"by\":\"ours\",\"level\":3,\"at\":\"2026-09-20T00:00:00Z\","
    "\"items\":[{\"s\":\"LOW\"}]}}",
    "{\"predicate\":{\"by\":\"theirs\",\"level\":1,\"at\":\"2026-09-21T00:00:00Z\",\"items\":[]}}",
    "{\"predicate\":{\"by\":\"ours\",\"level\":2,\"at\":\"2026-09-21T00:00:00Z\","
    "\"items\":[{\"s\":\"CRITICAL\"},{\"s\":\"LOW\"}]}}",
    "{\"predicate\":{\"by\":\"ours\",\"level\":9,\"at\":\"2030-01-01T00:00:00Z\"}}",
    "{\"predicate\":{\"by\":[\"ours\"],\"level\":\"3\",\"at\":12,\"items\":\"LOW\"}}",
    "{\"predicate\":null}",
};

static const struct literal world_literals[] = {
    { .kind = JSON_STRING, .text = "ours" },     { .kind = JSON_NUMBER, .text = "2" },
    { .kind = JSON_STRING, .text = "CRITICAL" }, { .kind = JSON_STRING, .text = "LOW" },
    { .kind = JSON_TRUE_VALUE, .text = "true" }, { .kind = JSON_FALSE_VALUE, .text = "false" },
};

/* The last one is mistyped: it is never met. */
#define WORLD_LINE_MISTYPED 6
static const struct check world_lines[] = {
    { .at = "/predicate/by", .operator= CHECK_IS, .literals = &world_literals[0], .n = 1 },
    { .at = "/predicate/level", .operator= CHECK_AT_LEAST, .literals = &world_literals[1], .n = 1 },
    { .over = OVER_EACH,
      .elements = "/predicate/items/*",
      .at = "/s",
      .operator= CHECK_NOT_IN,
      .literals = &world_literals[2],
      .n = 1,
      .empty_passes = true,
      .absent_passes = true },
    { .over = OVER_SOME,
      .elements = "/predicate/items/*",
      .at = "/s",
      .operator= CHECK_IS,
      .literals = &world_literals[3],
      .n = 1 },
    { .at = "/predicate/by", .operator= CHECK_EXISTS, .literals = &world_literals[4], .n = 1 },
    { .at = "/predicate/no", .operator= CHECK_EXISTS, .literals = &world_literals[5], .n = 1 },
    { .at = "/predicate/yb", .operator= CHECK_NOT, .literals = &world_literals[2], .n = 1 },
};

static inline const char *world_algorithm(size_t identity)
{
    static const char *const names[] = { "ecdsa-p256", "ed25519", "rsa-2048", "rsa-4096" };

    return names[identity % ARRAY_LEN(names)];
}

static inline void world_signers(struct world *w, struct choices *c)
{
    static const char *const names[WORLD_SIGNERS] = { "one", "two", "three", "four" };

    for (size_t i = 0; i < WORLD_SIGNERS; i++) {
        const size_t n = 1 + choose(c, WORLD_KEYS);
        const size_t first = choose(c, WORLD_IDENTITIES);
        for (size_t k = 0; k < n; k++) {
            const size_t identity = (first + k) % WORLD_IDENTITIES; /* each at most once */
            w->fingerprints[i][k][0] = (uint8_t)(1 + identity);
            w->algorithms[i][k] = world_algorithm(identity);
        }
        w->signers[i] =
            (struct policy_signer) { .name = names[i],
                                     .fingerprints =
                                         (const uint8_t(*)[KEY_FINGERPRINT_SIZE])w->fingerprints[i],
                                     .algorithms = w->algorithms[i],
                                     .n = n };
    }
}

static inline void world_checks(struct world *w, struct choices *c)
{
    for (size_t i = 0; i < WORLD_CHECKS; i++) {
        const size_t n = 1 + choose(c, WORLD_LINES);
        const size_t how = choose(c, 6);
        for (size_t k = 0; k < n; k++)
            w->lines[i][k] = world_lines[choose(c, ARRAY_LEN(world_lines))];
        w->checks[i] = (struct policy_check) {
            .name = "check",
            .type = world_types[i % ARRAY_LEN(world_types)],
            .statements = how == 4   ? CHECK_EVERY
                          : how == 5 ? CHECK_NEWEST
                                     : CHECK_ANY,
            .time = how >= 3 ? "/predicate/at" : NULL,
            .max_age = how == 3 ? 86400 : 0,
            .lines = w->lines[i],
            .n = n,
        };
    }
}

static inline void world_leaf(struct world *w, struct choices *c, struct requirement *out)
{
    static const struct annotation wanted = { "env", "prod" };
    const size_t what = choose(c, 8);

    out->signer = &w->signers[choose(c, WORLD_SIGNERS)];
    out->kind = what < 5 ? REQUIRE_SIGNED : REQUIRE_ATTESTED;
    if (out->kind == REQUIRE_ATTESTED)
        out->check = &w->checks[choose(c, WORLD_CHECKS)];
    if (what == 3) {
        out->annotations = &wanted;
        out->n_annotations = 1;
    }
    out->same_repository = what == 4;
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most 3 */
static inline void world_tree(struct world *w, struct choices *c, struct requirement *out,
                              int depth)
{
    const size_t what = depth == 0 ? 0 : choose(c, 5);
    const size_t n = 1 + choose(c, 4);

    if (what <= 1 || w->n_nodes + n > WORLD_NODES) {
        world_leaf(w, c, out);
        return;
    }
    struct requirement *children = &w->nodes[w->n_nodes];
    w->n_nodes += n;
    out->kind = what == 2 ? REQUIRE_ALL : what == 3 ? REQUIRE_ANY : REQUIRE_AT_LEAST;
    out->children = children;
    out->n = n;
    out->at_least = 1 + choose(c, n);
    for (size_t i = 0; i < n; i++)
        world_tree(w, c, &children[i], out->kind == REQUIRE_AT_LEAST ? 0 : depth - 1);
}

static inline void world_pattern(struct world *w, struct pattern *out, const char *text)
{
    w->broken = w->broken || pattern_compile(out, bytes_text(text), &w->arena, NULL) != 0;
}

static inline void world_rules(struct world *w, struct choices *c)
{
    static const char *const images[] = { "registry.example/**", "registry.example/apps/*",
                                          "docker.io/library/*", "registry.example/old/**" };
    static const char *const namespaces[] = { "payments", "pay*" };
    static const int64_t ends[] = { 0, WORLD_NOW - 1, WORLD_NOW, WORLD_NOW + 1 };

    for (size_t i = 0; i < WORLD_RULES; i++) {
        struct policy_rule *rule = &w->rules[i];
        const size_t action = choose(c, 8);
        world_pattern(w, &w->images[i], images[choose(c, ARRAY_LEN(images))]);
        world_pattern(w, &w->namespaces[i], namespaces[choose(c, ARRAY_LEN(namespaces))]);
        *rule = (struct policy_rule) {
            .name = "rule",
            .images = &w->images[i],
            .n_images = 1,
            .namespaces = &w->namespaces[i],
            .n_namespaces = choose(c, 4) == 3,
            .mode = (enum policy_mode)choose(c, 3),
            .platforms = (enum policy_platforms)choose(c, 3),
            .action = action < 6    ? RULE_REQUIRE
                      : action == 6 ? RULE_DENY
                                    : RULE_ALLOW_UNSIGNED,
            .text = "said by the rule",
            .until = ends[choose(c, ARRAY_LEN(ends))],
        };
        world_tree(w, c, &rule->require, 3);
    }
}

static inline void world_policy(struct world *w, struct choices *c)
{
    static const char *const algorithms[] = { "ecdsa-p256", "rsa-3072" };
    static const char *const tags[] = { "latest" };

    world_signers(w, c);
    world_checks(w, c);
    world_rules(w, c);
    w->policy = (struct policy) {
        .name = "policy",
        .serial = -1,
        .mode = choose(c, 4) == 3 ? MODE_AUDIT : MODE_ENFORCE,
        .unmatched = (enum policy_unmatched)choose(c, 3),
        .signers = w->signers,
        .n_signers = WORLD_SIGNERS,
        .checks = w->checks,
        .n_checks = WORLD_CHECKS,
        .rules = w->rules,
        .n_rules = 1 + choose(c, WORLD_RULES),
        .floor = { .algorithms = algorithms,
                   .n_algorithms = choose(c, 4) == 3 ? ARRAY_LEN(algorithms) : 0,
                   .forbidden_tags = tags,
                   .n_forbidden_tags = choose(c, 4) == 3 },
    };
}

static inline void world_fact(struct world *w, struct choices *c, struct fact *out)
{
    static const struct annotation claims[] = { { "env", "prod" }, { "env", "test" } };
    static const char *const repositories[] = { NULL, "registry.example/apps/web",
                                                "registry.example/apps/other" };
    static const struct proven_time times[] = { { WORLD_NOW - 100, "corp" }, { 1, "corp" } };
    const size_t identity = choose(c, WORLD_IDENTITIES + 1);
    const size_t claim = choose(c, 4);
    const size_t time = choose(c, 6);

    *out = (struct fact) {
        .kind = choose(c, 2) == 0 ? FACT_SIGNATURE : FACT_STATEMENT,
        .fingerprint = { (uint8_t)(1 + identity) },
        .algorithm = world_algorithm(identity),
        .repository = repositories[choose(c, ARRAY_LEN(repositories))],
        .where = "the piece",
    };
    if (claim < ARRAY_LEN(claims)) {
        out->annotations = &claims[claim];
        out->n_annotations = 1;
    }
    if (time < ARRAY_LEN(times)) {
        out->times = &times[time];
        out->n_times = 1;
    }
    if (out->kind == FACT_SIGNATURE)
        return;
    const size_t statement =
        choose(c, ARRAY_LEN(world_statements) + (w->extra.kind != JSON_ABSENT));
    out->predicate_type = world_types[choose(c, ARRAY_LEN(world_types))];
    out->statement = w->extra;
    if (statement < ARRAY_LEN(world_statements))
        w->broken = w->broken ||
                    json_scan(&out->statement, bytes_text(world_statements[statement]), NULL) != 0;
}

static inline void world_lose(struct fact_set *set)
{
    set->complete = false;
    err_set(&set->incomplete, ERR_NETWORK, "the registry did not answer");
}

static inline void world_evidence(struct world *w, struct choices *c)
{
    for (size_t i = 0; i < WORLD_SETS; i++) {
        w->sets[i] = (struct fact_set) { .facts = w->facts[i],
                                         .n = choose(c, WORLD_FACTS + 1),
                                         .complete = true,
                                         .incomplete = ERR_INIT };
        for (size_t k = 0; k < w->sets[i].n; k++)
            world_fact(w, c, &w->facts[i][k]);
        if (choose(c, 8) == 7)
            world_lose(&w->sets[i]);
    }
    w->found = (struct evidence_found) { .index = &w->sets[0],
                                         .platforms = &w->sets[1],
                                         .n_platforms = 1 + choose(c, WORLD_SETS - 1),
                                         .platforms_known = choose(c, 8) != 7,
                                         .platforms_lost = ERR_INIT };
    err_set(&w->found.platforms_lost, ERR_NETWORK, "the index could not be read");
}

/** Choose everything; false when memory was short. `extra` is a scanned statement or JSON_ABSENT.
 * To be cleared in either case. */
static inline bool world_make(struct world *w, struct choices *c, struct json_view extra)
{
    static const char *const images[] = { "registry.example/apps/web",
                                          "REGISTRY.example:443/apps/web:1", "busybox:1",
                                          "registry.example/old/x" };
    static const char *const namespaces[] = { NULL, "payments", "sandbox" };

    *w = (struct world) { .arena = ARENA_INIT(MIB), .extra = extra };
    world_policy(w, c);
    world_evidence(w, c);
    w->broken =
        w->broken ||
        reference_parse(&w->image, bytes_text(images[choose(c, ARRAY_LEN(images))]), NULL) != 0;
    w->question = (struct question) { .image = &w->image,
                                      .namespace = namespaces[choose(c, ARRAY_LEN(namespaces))],
                                      .now = WORLD_NOW };
    return !w->broken;
}

static inline void world_clear(struct world *w)
{
    reference_clear(&w->image);
    arena_clear(&w->arena);
}

/** The conditions under which nothing is allowed without proof (policy.md): everything is enforced,
 * what no rule matches is denied, nothing may be unsigned. */
static inline void world_strict(struct world *w)
{
    w->policy.mode = MODE_ENFORCE;
    w->policy.unmatched = UNMATCHED_DENY;
    for (size_t i = 0; i < WORLD_RULES; i++) {
        w->rules[i].mode = MODE_ENFORCE;
        if (w->rules[i].action == RULE_ALLOW_UNSIGNED)
            w->rules[i].action = RULE_DENY;
    }
}

/** No check is about all statements. */
static inline void world_any_only(struct world *w)
{
    for (size_t i = 0; i < WORLD_CHECKS; i++)
        w->checks[i].statements = CHECK_ANY;
}

static inline void world_judge(struct judgement *out, struct selection *selection,
                               const struct world *w)
{
    policy_select(selection, &w->policy, &w->question);
    policy_judge(out, &w->policy, selection, &w->question, &w->found);
}

static inline enum verdict world_verdict(const struct world *w)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    struct selection selection;

    world_judge(&judgement, &selection, w);
    return judgement.verdict;
}

/** Take fact i out of a set, the others in their order. */
static inline void world_remove(struct fact_set *set, size_t i)
{
    memmove(&set->facts[i], &set->facts[i + 1], (set->n - i - 1) * sizeof(set->facts[0]));
    set->n--;
}

#endif
