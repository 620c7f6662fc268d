#include "policy/select.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"

static void refuse(struct selection *out, enum selected selected, enum reason_code reason,
                   const char *fmt, ...) PRINTF_LIKE(4, 5);
static void refuse(struct selection *out, enum selected selected, enum reason_code reason,
                   const char *fmt, ...)
{
    va_list args;

    out->selected = selected;
    out->reason = reason;
    va_start(args, fmt);
    vsnprintf(out->text, sizeof(out->text), fmt, args);
    va_end(args);
}

static bool any_matches(const struct pattern *patterns, size_t n, struct bytes text)
{
    for (size_t i = 0; i < n; i++)
        if (pattern_matches(&patterns[i], text))
            return true;
    return false;
}

/* What patterns of images are compared with. One with a digest names one image:
 * "host/repo@sha256:…". */
struct image_names {
    struct buf name;
    struct buf pinned; /* with the digest; empty: the image has none */
};

static void image_names_clear(struct image_names *names)
{
    buf_clear(&names->name);
    buf_clear(&names->pinned);
}

static void image_names_make(struct image_names *out, const struct reference *image)
{
    char digest[DIGEST_TEXT_MAX];

    *out =
        (struct image_names) { BUF_INIT(REFERENCE_MAX), BUF_INIT(REFERENCE_MAX + DIGEST_TEXT_MAX) };
    reference_name(&out->name, image);
    if (!image->has_digest)
        return;
    digest_format(digest, &image->digest);
    reference_name(&out->pinned, image);
    buf_addf(&out->pinned, "@%s", digest);
}

static bool image_matches(const struct policy_rule *rule, const struct image_names *names)
{
    return rule->n_images == 0 ||
           any_matches(rule->images, rule->n_images, buf_bytes(&names->name)) ||
           (names->pinned.len > 0 &&
            any_matches(rule->images, rule->n_images, buf_bytes(&names->pinned)));
}

static bool namespace_matches(const struct policy_rule *rule, const char *namespace)
{
    if (rule->n_namespaces == 0)
        return true;
    return namespace != NULL &&
           any_matches(rule->namespaces, rule->n_namespaces, bytes_text(namespace));
}

/* An exemption that has run out matches nothing. */
static bool in_force(const struct policy_rule *rule, int64_t now)
{
    return rule->action != RULE_ALLOW_UNSIGNED || rule->until == 0 || now < rule->until;
}

static const struct policy_rule *find_rule(const struct policy *policy, const struct question *q)
{
    struct image_names CLEANUP(image_names_clear) names;

    image_names_make(&names, q->image);
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        if (in_force(rule, q->now) && namespace_matches(rule, q->namespace) &&
            image_matches(rule, &names))
            return rule;
    }
    return NULL;
}

bool policy_needs_namespace(const struct policy *policy, const struct reference *image)
{
    struct image_names CLEANUP(image_names_clear) names;

    image_names_make(&names, image);
    for (size_t i = 0; i < policy->n_rules; i++)
        if (policy->rules[i].n_namespaces > 0 && image_matches(&policy->rules[i], &names))
            return true;
    return false;
}

/* --- The floor --- */

/* The tag counts only where it decides: beside a digest it is the attacker's text. */
static const char *tag_of(const struct reference *image)
{
    if (image->has_digest)
        return NULL;
    return image->tag == NULL ? "latest" : image->tag;
}

static bool floor_refuses(struct selection *out, const struct policy_floor *floor,
                          const struct reference *image)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);
    const char *tag = tag_of(image);

    if (floor->n_registries > 0)
        reference_name(&name, image);
    if (floor->n_registries > 0 &&
        !any_matches(floor->registries, floor->n_registries, buf_bytes(&name))) {
        refuse(out, SELECTED_REFUSED, REASON_FLOOR, "%.200s is in none of the floor's registries",
               buf_text(&name));
        return true;
    }
    for (size_t i = 0; tag != NULL && i < floor->n_forbidden_tags; i++)
        if (strcmp(tag, floor->forbidden_tags[i]) == 0) {
            refuse(out, SELECTED_REFUSED, REASON_FLOOR, "the floor forbids tag %s", tag);
            return true;
        }
    return false;
}

/* --- The plan --- */

/* Every type is fetched where two are asked for: the list of types is not worth a second filter. */
static void plan_add(struct plan *plan, const struct requirement *r, bool *several);

static void plan_statements(struct plan *plan, const char *type, bool *several)
{
    if (!plan->statements && !*several)
        plan->predicate_type = type;
    else if (plan->predicate_type != NULL && strcmp(plan->predicate_type, type) != 0) {
        plan->predicate_type = NULL;
        *several = true;
    }
    plan->statements = true;
}

/* NOLINTNEXTLINE(misc-no-recursion): the loader bounds the depth of a tree by YAML_DEPTH_MAX */
static void plan_add(struct plan *plan, const struct requirement *r, bool *several)
{
    if (r->kind == REQUIRE_SIGNED)
        plan->signatures = true;
    if (r->kind == REQUIRE_ATTESTED)
        plan_statements(plan, r->check->type, several);
    for (size_t i = 0; i < r->n; i++)
        plan_add(plan, &r->children[i], several);
}

static void select_rule(struct selection *out, const struct policy_rule *rule)
{
    bool several = false;

    out->selected = SELECTED_RULE;
    plan_add(&out->plan, &rule->require, &several);
    out->index = rule->platforms != PLATFORMS_EACH;
    out->platforms = rule->platforms != PLATFORMS_INDEX;
}

static enum policy_mode weaker(enum policy_mode a, enum policy_mode b)
{
    return a > b ? a : b;
}

static void unmatched(struct selection *out, const struct policy *policy)
{
    static const enum policy_mode modes[] = { [UNMATCHED_DENY] = MODE_ENFORCE,
                                              [UNMATCHED_WARN] = MODE_WARN,
                                              [UNMATCHED_ALLOW] = MODE_ENFORCE };

    out->mode = weaker(policy->mode, modes[policy->unmatched]);
    refuse(out, SELECTED_UNMATCHED, REASON_NO_RULE, "no rule matches it");
}

void policy_select(struct selection *out, const struct policy *policy,
                   const struct question *question)
{
    *out = (struct selection) { .mode = policy->mode };
    if (floor_refuses(out, &policy->floor, question->image))
        return;
    out->rule = find_rule(policy, question);
    if (out->rule == NULL) {
        unmatched(out, policy);
        return;
    }
    out->mode = weaker(policy->mode, out->rule->mode);
    switch (out->rule->action) {
    case RULE_DENY:
        refuse(out, SELECTED_DENIED, REASON_DENIED_BY_RULE, "%s", out->rule->text);
        return;
    case RULE_ALLOW_UNSIGNED:
        out->selected = SELECTED_UNSIGNED;
        return;
    case RULE_REQUIRE:
        select_rule(out, out->rule);
        return;
    }
}
