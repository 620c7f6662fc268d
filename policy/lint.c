#include "policy/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "policy/distinct.h"

#define SOON_DAYS 30
#define DAY ((int64_t)86400)
#define COMPARISONS_MAX 500000 /* of two patterns: some tenths of a second */
#define TEXT_MAX 512
#define PATH_MAX_LEN 1024

struct linter {
    struct policy_findings *findings;
    const struct policy *policy;
    int64_t now;
    struct arena patterns; /* made for comparing */
    size_t comparisons;    /* left */
    bool full;             /* more findings than anybody reads */
    struct err *err;
};

/* 0, or -1 with ERR_NOMEM. */
static int tell(struct linter *l, const struct policy_finding *where, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static int tell(struct linter *l, const struct policy_finding *where, const char *fmt, ...)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct policy_finding finding = *where;
    struct err err = ERR_INIT;
    char raw[TEXT_MAX];
    va_list args;

    if (l->full)
        return 0;
    va_start(args, fmt);
    vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    text_escape(&text, bytes_text(raw), TEXT_MAX);
    if (text.state == BUF_NOMEM)
        return err_set(l->err, ERR_NOMEM, "out of memory");
    finding.text = buf_text(&text);
    if (policy_finding_add(l->findings, &finding, &err) == 0)
        return 0;
    l->full = err.code == ERR_LIMIT;
    return l->full ? 0 : err_set(l->err, err.code, "%s", err_text(&err));
}

/* The path is borrowed from the buffer. */
static int set_path(struct linter *l, struct policy_finding *where, const struct buf *path)
{
    if (path->state == BUF_NOMEM)
        return err_set(l->err, ERR_NOMEM, "out of memory");
    where->path = buf_text(path);
    return 0;
}

static void path_to(struct buf *out, const char *section, const char *name)
{
    buf_addf(out, "%s.", section);
    text_escape(out, bytes_text(name), POLICY_NAME_MAX);
}

/* --- Rules that never judge --- */

/* An image is matched by its name without the digest too (select.c): what takes in the name takes
 * in the digest's pattern. */
static int without_digest(struct pattern *out, struct linter *l, const struct pattern *pattern)
{
    const struct bytes text = pattern->text;
    const uint8_t *at = memchr(text.data, '@', text.len);

    *out = *pattern;
    if (at == NULL)
        return 0;
    return pattern_compile(out, bytes_part(text, 0, (size_t)(at - text.data)), &l->patterns,
                           l->err);
}

static bool one_covers(struct linter *l, const struct pattern *wide, size_t n,
                       const struct pattern *narrow)
{
    for (size_t i = 0; i < n && l->comparisons > 0; i++, l->comparisons--)
        if (pattern_covers(&wide[i], narrow))
            return true;
    return false;
}

static int images_covered(bool *out, struct linter *l, const struct policy_rule *earlier,
                          const struct policy_rule *rule)
{
    struct pattern bare;

    *out = false;
    for (size_t i = 0; i < rule->n_images; i++) {
        if (one_covers(l, earlier->images, earlier->n_images, &rule->images[i]))
            continue;
        if (without_digest(&bare, l, &rule->images[i]) != 0)
            return -1;
        if (bare.text.len == rule->images[i].text.len ||
            !one_covers(l, earlier->images, earlier->n_images, &bare))
            return 0;
    }
    *out = true;
    return 0;
}

static bool namespaces_covered(struct linter *l, const struct policy_rule *earlier,
                               const struct policy_rule *rule)
{
    if (earlier->n_namespaces == 0)
        return true;
    for (size_t i = 0; i < rule->n_namespaces; i++)
        if (!one_covers(l, earlier->namespaces, earlier->n_namespaces, &rule->namespaces[i]))
            return false;
    return rule->n_namespaces > 0;
}

/* An exemption with an end lets later rules have their turn. */
static bool ends(const struct policy_rule *rule)
{
    return rule->action == RULE_ALLOW_UNSIGNED && rule->until != 0;
}

static int lint_covered(struct linter *l, const struct policy_finding *where, size_t index)
{
    const struct policy_rule *rules = l->policy->rules;

    for (size_t i = 0; i < index && l->comparisons > 0; i++) {
        bool covered;
        if (ends(&rules[i]) || !namespaces_covered(l, &rules[i], &rules[index]))
            continue;
        if (images_covered(&covered, l, &rules[i], &rules[index]) != 0)
            return -1;
        arena_clear(&l->patterns);
        if (covered)
            return tell(l, where,
                        "never judges an image: rule \"%.128s\" (line %d) matches all of its "
                        "images before it",
                        rules[i].name, rules[i].line);
    }
    return 0;
}

/* --- Exemptions --- */

static int lint_until(struct linter *l, const struct policy_finding *rule,
                      const struct policy_rule *exemption)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_MAX_LEN);
    struct policy_finding where = *rule;
    char day[TIME_TEXT_MAX];

    if (!ends(exemption) || l->now < exemption->until - SOON_DAYS * DAY)
        return 0;
    time_format(day, exemption->until);
    day[strlen("2026-12-31")] = '\0';
    buf_addf(&path, "%s.allow-unsigned.until", rule->path);
    if (set_path(l, &where, &path) != 0)
        return -1;
    if (l->now >= exemption->until)
        return tell(l, &where, "ran out on %s: the rule matches nothing any more", day);
    where.level = FINDING_WARNING;
    return tell(l, &where, "runs out on %s, in less than %d days", day,
                (int)((exemption->until - l->now - 1) / DAY) + 1);
}

/* --- Demands --- */

static int lint_leaf(struct linter *l, struct policy_finding where, const struct requirement *leaf)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_MAX_LEN);

    if (!leaf->same_repository)
        return 0;
    buf_addf(&path, "%s.repository", where.path);
    if (set_path(l, &where, &path) != 0)
        return -1;
    where.level = FINDING_WARNING;
    return tell(l, &where,
                "signatures in bundles, as cosign 3 makes them, name no repository and never "
                "count here");
}

/* Could as many signers be told apart, even if everything were proven? */
static int lint_at_least(struct linter *l, const struct policy_finding *where,
                         const struct requirement *r)
{
    struct distinct_leaf leaves[AT_LEAST_LEAVES_MAX] = { 0 };
    size_t sure, possible, n = 0;

    for (size_t i = 0; i < r->n && n < AT_LEAST_LEAVES_MAX; i++)
        if (r->children[i].signer != NULL)
            leaves[n++] = (struct distinct_leaf) { r->children[i].signer, 0, true };
    distinct_signers(&sure, &possible, leaves, n);
    if (possible >= r->at_least)
        return 0;
    return tell(l, where,
                "can never be met: atLeast %zu, but the demands can be given no more than %zu "
                "different signers with keys of their own",
                r->at_least, possible);
}

static int lint_demand(struct linter *l, const struct policy_finding *where,
                       const struct requirement *r);

/* NOLINTNEXTLINE(misc-no-recursion): the loader bounds the depth of a tree by YAML_DEPTH_MAX */
static int lint_demand(struct linter *l, const struct policy_finding *where,
                       const struct requirement *r)
{
    static const char *const lists[] = { [REQUIRE_SIGNED] = "",
                                         [REQUIRE_ATTESTED] = "",
                                         [REQUIRE_ALL] = "all",
                                         [REQUIRE_ANY] = "any",
                                         [REQUIRE_AT_LEAST] = "of" };
    struct policy_finding at = *where;

    at.line = r->line;
    at.column = r->column;
    if (r->kind == REQUIRE_SIGNED)
        return lint_leaf(l, at, r);
    if (r->kind == REQUIRE_AT_LEAST && lint_at_least(l, &at, r) != 0)
        return -1;
    for (size_t i = 0; i < r->n; i++) {
        struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_MAX_LEN);
        buf_addf(&path, "%s.%s[%zu]", where->path, lists[r->kind], i);
        if (set_path(l, &at, &path) != 0 || lint_demand(l, &at, &r->children[i]) != 0)
            return -1;
    }
    return 0;
}

static int lint_rule(struct linter *l, size_t index)
{
    const struct policy_rule *rule = &l->policy->rules[index];
    char path[64];
    char require[80];
    const struct policy_finding where = { .line = rule->line,
                                          .column = rule->column,
                                          .path = path };

    snprintf(path, sizeof(path), "rules[%zu]", index);
    if (lint_covered(l, &where, index) != 0 || lint_until(l, &where, rule) != 0)
        return -1;
    if (rule->action != RULE_REQUIRE)
        return 0;
    snprintf(require, sizeof(require), "%s.require", path);
    const struct policy_finding demand = { .line = rule->line,
                                           .column = rule->column,
                                           .path = require };
    return lint_demand(l, &demand, &rule->require);
}

/* --- Keys and checks --- */

static bool is_weak(const char *algorithm)
{
    return strcmp(algorithm, "rsa-2048") == 0;
}

static int lint_signer(struct linter *l, const struct policy_signer *signer)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_MAX_LEN);

    path_to(&path, "signers", signer->name);
    struct policy_finding where = { .level = FINDING_WARNING,
                                    .line = signer->line,
                                    .column = signer->column };
    if (set_path(l, &where, &path) != 0)
        return -1;
    for (size_t i = 0; i < signer->n; i++)
        if (is_weak(signer->algorithms[i]))
            return tell(l, &where, "has a weak key: %s; use ecdsa-p256, ed25519 or rsa-3072",
                        signer->algorithms[i]);
    return 0;
}

static int lint_floor(struct linter *l)
{
    const struct policy_floor *floor = &l->policy->floor;
    const struct policy_finding where = { .level = FINDING_WARNING,
                                          .line = floor->line,
                                          .column = floor->column,
                                          .path = "floor.algorithms" };

    for (size_t i = 0; i < floor->n_algorithms; i++)
        if (is_weak(floor->algorithms[i]) &&
            tell(l, &where, "lets in a weak algorithm: %s", floor->algorithms[i]) != 0)
            return -1;
    return 0;
}

static int lint_check(struct linter *l, const struct policy_check *check)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_MAX_LEN);

    if (check->statements == CHECK_ANY)
        return 0;
    path_to(&path, "checks", check->name);
    buf_add_text(&path, ".statements");
    struct policy_finding where = { .level = FINDING_WARNING,
                                    .line = check->line,
                                    .column = check->column };
    if (set_path(l, &where, &path) != 0)
        return -1;
    return tell(l, &where,
                "whoever can delete evidence in the registry can take away the statement that "
                "\"%s\" would refuse",
                check->statements == CHECK_EVERY ? "every" : "newest");
}

static int lint_all(struct linter *l)
{
    const struct policy *policy = l->policy;
    const struct policy_finding whole = { .level = FINDING_WARNING, .path = "rules" };

    for (size_t i = 0; i < policy->n_signers; i++)
        if (lint_signer(l, &policy->signers[i]) != 0)
            return -1;
    for (size_t i = 0; i < policy->n_checks; i++)
        if (lint_check(l, &policy->checks[i]) != 0)
            return -1;
    if (lint_floor(l) != 0)
        return -1;
    for (size_t i = 0; i < policy->n_rules; i++)
        if (lint_rule(l, i) != 0)
            return -1;
    if (l->comparisons > 0)
        return 0;
    return tell(l, &whole, "too many to compare each with all before it: not all were");
}

static void linter_clear(struct linter *l)
{
    arena_clear(&l->patterns);
}

int policy_lint(struct policy_findings *findings, const struct policy *policy, int64_t now,
                struct err *err)
{
    struct linter CLEANUP(linter_clear) l = { .findings = findings,
                                              .policy = policy,
                                              .now = now,
                                              .patterns = ARENA_INIT(POLICY_BYTES_MAX),
                                              .comparisons = COMPARISONS_MAX,
                                              .err = err };

    return lint_all(&l);
}
