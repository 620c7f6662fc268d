/* `floor` and `rules` of a policy. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "policy/load_private.h"
#include "policy/select.h"

#define OUTCOME_TEXT_MAX (SELECTION_TEXT_MAX - 1) /* of a reason or denial: it is shown whole */

/* --- The floor --- */

static int read_registries(struct loader *l, const struct place *at, void *target)
{
    struct policy_floor *floor = target;
    struct load_patterns patterns = { 0 };

    if (load_filled(l, at, YAML_SEQUENCE) != 0 || load_images(l, at, false, &patterns) != 0)
        return -1;
    floor->registries = patterns.items;
    floor->n_registries = patterns.n;
    return 0;
}

static int read_algorithms(struct loader *l, const struct place *at, void *target)
{
    static const char *const words[] = { "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519",
                                         "rsa-2048",   "rsa-3072",   "rsa-4096" };
    struct policy_floor *floor = target;
    int result = 0;
    size_t word;

    if (load_filled(l, at, YAML_SEQUENCE) != 0)
        return -1;
    const char **algorithms = load_new(l, at->node->n, sizeof(*algorithms));
    if (algorithms == NULL)
        return -1;
    for (size_t i = 0; i < at->node->n && !l->stopped; i++) {
        const struct place item = load_item(at, i);
        if (load_word(l, &item, words, ARRAY_LEN(words), &word) != 0)
            result = -1;
        else
            algorithms[i] = words[word];
    }
    floor->algorithms = algorithms;
    floor->n_algorithms = at->node->n;
    return load_unlike(l, at) != 0 ? -1 : result;
}

static int read_tag(struct loader *l, const struct place *at, const char **out)
{
    if (load_string(l, at) != 0)
        return -1;
    if (!tag_valid(at->node->text))
        return load_wrong(l, at, "not a tag; each is written out, without stars");
    *out = load_text(l, at->node->text);
    return *out == NULL ? -1 : 0;
}

static int read_tags(struct loader *l, const struct place *at, void *target)
{
    struct policy_floor *floor = target;
    int result = 0;

    if (load_filled(l, at, YAML_SEQUENCE) != 0)
        return -1;
    const char **tags = load_new(l, at->node->n, sizeof(*tags));
    if (tags == NULL)
        return -1;
    for (size_t i = 0; i < at->node->n && !l->stopped; i++) {
        const struct place item = load_item(at, i);
        if (read_tag(l, &item, &tags[i]) != 0)
            result = -1;
    }
    floor->forbidden_tags = tags;
    floor->n_forbidden_tags = at->node->n;
    return load_unlike(l, at) != 0 ? -1 : result;
}

int load_floor(struct loader *l, const struct place *at, void *target)
{
    static const struct load_field fields[] = { { "registries", read_registries, false },
                                                { "algorithms", read_algorithms, false },
                                                { "forbid-tags", read_tags, false } };
    struct policy *policy = target;

    policy->floor.line = at->name->line;
    policy->floor.column = at->name->column;
    return load_mapping(l, at, LOAD_FIELDS(fields), &policy->floor);
}

/* --- Rules --- */

static int read_name(struct loader *l, const struct place *at, void *target)
{
    return load_line(l, at, POLICY_NAME_MAX, &((struct policy_rule *)target)->name);
}

static int read_images(struct loader *l, const struct place *at, void *target)
{
    struct policy_rule *rule = target;
    struct load_patterns patterns = { 0 };
    const bool digests = yaml_get(at->parent->node, "require") == NULL;

    if (load_images(l, at, digests, &patterns) != 0)
        return -1;
    rule->images = patterns.items;
    rule->n_images = patterns.n;
    return 0;
}

static int read_namespaces(struct loader *l, const struct place *at, void *target)
{
    struct policy_rule *rule = target;
    struct load_patterns patterns = { 0 };

    if (load_namespaces(l, at, &patterns) != 0)
        return -1;
    rule->namespaces = patterns.items;
    rule->n_namespaces = patterns.n;
    return 0;
}

static int read_mode(struct loader *l, const struct place *at, void *target)
{
    return load_mode(l, at, &((struct policy_rule *)target)->mode);
}

static int read_platforms(struct loader *l, const struct place *at, void *target)
{
    static const char *const words[] = { "index", "each", "index-or-each" };
    size_t word;

    if (load_word(l, at, words, ARRAY_LEN(words), &word) != 0)
        return -1;
    ((struct policy_rule *)target)->platforms = (enum policy_platforms)word;
    return 0;
}

static int read_require(struct loader *l, const struct place *at, void *target)
{
    struct policy_rule *rule = target;

    rule->action = RULE_REQUIRE;
    return load_requirement(l, at, &rule->require);
}

static int read_deny(struct loader *l, const struct place *at, void *target)
{
    struct policy_rule *rule = target;

    rule->action = RULE_DENY;
    return load_line(l, at, OUTCOME_TEXT_MAX, &rule->text);
}

static int read_reason(struct loader *l, const struct place *at, void *target)
{
    return load_line(l, at, OUTCOME_TEXT_MAX, &((struct policy_rule *)target)->text);
}

static int read_until(struct loader *l, const struct place *at, void *target)
{
    return load_date(l, at, &((struct policy_rule *)target)->until);
}

static int read_allow_unsigned(struct loader *l, const struct place *at, void *target)
{
    static const struct load_field fields[] = { { "reason", read_reason, true },
                                                { "until", read_until, false } };

    ((struct policy_rule *)target)->action = RULE_ALLOW_UNSIGNED;
    return load_mapping(l, at, LOAD_FIELDS(fields), target);
}

/* What would be read and have no effect. */
static int check_effect(struct loader *l, const struct place *at, const struct policy_rule *rule)
{
    if (rule->action != RULE_REQUIRE && yaml_get(at->node, "platforms") != NULL)
        return load_wrong(l, at, "platforms has no effect without require");
    if (rule->action == RULE_ALLOW_UNSIGNED && yaml_get(at->node, "mode") != NULL)
        return load_wrong(l, at, "mode has no effect on what is allowed");
    return 0;
}

static int read_rule(struct loader *l, const struct place *at, struct policy_rule *out)
{
    static const struct load_field fields[] = {
        { "name", read_name, true },
        { "images", read_images, true },
        { "namespaces", read_namespaces, false },
        { "mode", read_mode, false },
        { "platforms", read_platforms, false },
        { "require", read_require, false },
        { "allow-unsigned", read_allow_unsigned, false },
        { "deny", read_deny, false },
    };
    static const char *const outcomes[] = { "require", "allow-unsigned", "deny" };
    const size_t n = load_count(at->node, outcomes, ARRAY_LEN(outcomes));

    out->line = at->node->line;
    out->column = at->node->column;
    l->leaf_lost |= n == 0; /* perhaps a misspelt `require` */
    const int result = load_mapping(l, at, LOAD_FIELDS(fields), out);
    if (n > 1)
        return load_wrong(l, at, "only one of require, allow-unsigned and deny in each rule");
    if (result != 0)
        return -1;
    if (n == 0)
        return load_wrong(l, at, "one of require, allow-unsigned and deny is missing");
    return check_effect(l, at, out);
}

struct named_rule {
    const struct policy_rule *rule;
    size_t index;
};

static int compare_rules(const void *left, const void *right)
{
    const struct named_rule *a = left, *b = right;
    const int order = strcmp(a->rule->name, b->rule->name);

    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

/* Messages tell rules apart by their names. */
static int check_names(struct loader *l, const struct place *at, const struct policy_rule *rules)
{
    struct named_rule *sorted = load_new(l, at->node->n, sizeof(*sorted));
    int result = 0;
    size_t n = 0;

    if (sorted == NULL)
        return -1;
    for (size_t i = 0; i < at->node->n; i++)
        if (rules[i].name != NULL)
            sorted[n++] = (struct named_rule) { &rules[i], i };
    qsort(sorted, n, sizeof(*sorted), compare_rules);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(sorted[i - 1].rule->name, sorted[i].rule->name) != 0)
            continue;
        const struct place item = load_item(at, sorted[i].index);
        result =
            load_wrong(l, &item, "an earlier rule is named \"%.64s\" too", sorted[i].rule->name);
    }
    return result;
}

int load_rules(struct loader *l, const struct place *at, void *target)
{
    struct policy *policy = target;
    int result = 0;

    if (load_filled(l, at, YAML_SEQUENCE) != 0) {
        l->leaf_lost = true;
        return -1;
    }
    struct policy_rule *rules = load_new(l, at->node->n, sizeof(*rules));
    if (rules == NULL)
        return -1;
    for (size_t i = 0; i < at->node->n && !l->stopped; i++) {
        const struct place item = load_item(at, i);
        if (read_rule(l, &item, &rules[i]) != 0)
            result = -1;
    }
    policy->rules = rules;
    policy->n_rules = at->node->n;
    return check_names(l, at, rules) != 0 ? -1 : result;
}
