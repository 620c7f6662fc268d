/* Whatever the text: a policy that keeps every promise of policy/policy.h and can be linted and
 * selected from, or findings with places. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "policy/distinct.h"
#include "policy/lint.h"
#include "policy/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW ((int64_t)1790000000)
#define ED25519                                                                                    \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEAALSJKp0HSmJumedrN+Tebh/LJy2wFKSMoZxyIzyBATA=\n"                               \
    "-----END PUBLIC KEY-----\n"

static void hold(bool property)
{
    if (!property)
        abort();
}

static int read_key(void *context, struct public_key **out, const char *path, struct err *err)
{
    (void)context;
    *out = NULL;
    if (path[0] == 'x')
        return err_set(err, ERR_NOT_FOUND, "%s: not there", path);
    return public_key_parse(out, BYTES_LIT(ED25519), err);
}

static void check_pattern(const struct pattern *pattern)
{
    hold(pattern->n > 0 && pattern->text.len > 0);
    hold(pattern_covers(pattern, pattern));
}

static void check_line(const struct check *line)
{
    hold(line->at != NULL && line->n > 0 && line->line > 0);
    hold((line->over == OVER_ONE_VALUE) == (line->elements == NULL));
    hold(line->operator<CHECK_OPERATORS);
    for (size_t i = 0; i < line->n; i++) {
        hold(line->literals[i].text != NULL && line->literals[i].kind != JSON_ABSENT);
        if (line->operator== CHECK_MATCHES || line->operator== CHECK_NOT_MATCHES)
            check_pattern(&line->literals[i].pattern);
    }
    struct buf CLEANUP(buf_clear) found = BUF_INIT(4 * KIB);
    struct json_view statement;
    hold(json_scan(&statement, BYTES_LIT("{\"a\":[{\"b\":1},{}],\"c\":\"d\"}"), NULL) == 0);
    (void)check_holds(line, statement);
    check_found(&found, line, statement);
    hold(utf8_valid(buf_bytes(&found)));
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most YAML_DEPTH_MAX */
static void check_demand(const struct requirement *r, bool leaf_only)
{
    const bool leaf = r->kind == REQUIRE_SIGNED || r->kind == REQUIRE_ATTESTED;

    hold(r->line > 0 && (leaf || !leaf_only));
    hold(leaf == (r->n == 0) && leaf == (r->signer != NULL));
    hold((r->kind == REQUIRE_ATTESTED) == (r->check != NULL));
    if (r->kind == REQUIRE_AT_LEAST)
        hold(r->at_least >= 1 && r->at_least <= r->n && r->n <= AT_LEAST_LEAVES_MAX);
    for (size_t i = 0; i < r->n; i++)
        check_demand(&r->children[i], r->kind == REQUIRE_AT_LEAST);
}

static void check_rule(const struct policy_rule *rule)
{
    hold(rule->name != NULL && rule->n_images > 0 && rule->line > 0);
    for (size_t i = 0; i < rule->n_images; i++)
        check_pattern(&rule->images[i]);
    for (size_t i = 0; i < rule->n_namespaces; i++)
        check_pattern(&rule->namespaces[i]);
    hold((rule->action == RULE_REQUIRE) == (rule->text == NULL));
    hold(rule->until >= 0 && (rule->until == 0 || rule->action == RULE_ALLOW_UNSIGNED));
    if (rule->action == RULE_REQUIRE)
        check_demand(&rule->require, false);
}

static void check_policy(const struct policy *policy, const struct policy_keys *keys)
{
    hold(policy->n_rules > 0 && strlen(policy->hash) == 12 && policy->serial >= -1);
    hold(policy->use_proven_within >= 0 && keys->n <= POLICY_KEYS_MAX);
    for (size_t i = 0; i < policy->n_signers; i++)
        hold(policy->signers[i].n >= 1 && policy->signers[i].n <= KEYS_MAX);
    for (size_t i = 0; i < policy->n_checks; i++) {
        const struct policy_check *check = &policy->checks[i];
        hold(check->type != NULL && check->n > 0);
        hold(check->time != NULL || (check->statements != CHECK_NEWEST && check->max_age == 0));
        for (size_t k = 0; k < check->n; k++)
            check_line(&check->lines[k]);
    }
    for (size_t i = 0; i < policy->floor.n_registries; i++)
        check_pattern(&policy->floor.registries[i]);
    for (size_t i = 0; i < policy->n_rules; i++)
        check_rule(&policy->rules[i]);
}

static void check_findings(const struct policy_findings *findings)
{
    size_t errors = 0;

    for (size_t i = 0; i < findings->n; i++) {
        const struct policy_finding *f = &findings->items[i];
        hold(text_plain(bytes_text(f->text)) && f->text[0] != '\0');
        hold(text_plain(bytes_text(f->path)));
        hold(i == 0 || f->line >= findings->items[i - 1].line);
        errors += f->level == FINDING_ERROR;
    }
    hold(errors == findings->errors && findings->n <= POLICY_FINDINGS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy *CLEANUP(policy_freep) policy = NULL;
    struct policy_keys CLEANUP(policy_keys_clear) keys = { 0 };
    struct policy_findings CLEANUP(policy_findings_clear) findings = POLICY_FINDINGS_INIT;
    const struct policy_source source = { .text = { data, size },
                                          .file = "p.yaml",
                                          .read_key = read_key };
    struct err err = ERR_INIT;

    if (policy_load(&policy, &keys, &source, &findings, &err) != 0) {
        hold(policy == NULL && (err.code == ERR_CONFIG || err.code == ERR_LIMIT));
        hold(strncmp(err_text(&err), "p.yaml:", strlen("p.yaml:")) == 0);
        hold(err.code == ERR_LIMIT || findings.errors > 0);
        check_findings(&findings);
        return 0;
    }
    hold(policy != NULL && findings.errors == 0);
    check_policy(policy, &keys);
    hold(policy_lint(&findings, policy, NOW, &err) == 0);
    check_findings(&findings);
    return 0;
}
