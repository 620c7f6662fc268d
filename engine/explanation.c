#include "engine/explanation.h"

void explanation_image(struct buf *out, const struct reference *image, const struct digest *digest)
{
    char text[DIGEST_TEXT_MAX];

    reference_format(out, image);
    if (digest == NULL || image->has_digest)
        return;
    digest_format(text, digest);
    buf_addf(out, "@%s", text);
}

void explanation_policy(struct buf *out, const struct policy *policy)
{
    buf_add_text(out, policy->name);
    if (policy->serial >= 0)
        buf_addf(out, "#%lld", (long long)policy->serial);
}

void explanation_requirement(struct buf *out, const struct requirement *require)
{
    switch (require->kind) {
    case REQUIRE_SIGNED:
        buf_addf(out, "signed by %s", require->signer->name);
        return;
    case REQUIRE_ATTESTED:
        buf_addf(out, "attested %s by %s", require->check->name, require->signer->name);
        return;
    case REQUIRE_ALL:
        buf_add_text(out, "all of");
        return;
    case REQUIRE_ANY:
        buf_add_text(out, "any of");
        return;
    case REQUIRE_AT_LEAST:
        buf_addf(out, "at least %zu different signers of", require->at_least);
        return;
    }
}

const char *explanation_verdict(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_ALLOW:
        return "allowed";
    case VERDICT_UNKNOWN:
        return "unknown";
    case VERDICT_DENY:
        return "denied";
    }
    return "denied";
}

/* " by rule "applications" (production#42, policy.yaml:61)" */
static void add_rule(struct buf *out, const struct policy *policy, const struct judgement *j)
{
    if (j->rule != NULL)
        buf_addf(out, " by rule \"%s\"", j->rule->name);
    buf_add_text(out, " (");
    explanation_policy(out, policy);
    if (policy->file != NULL && j->rule != NULL && j->rule->line > 0)
        buf_addf(out, ", %s:%d", policy->file, j->rule->line);
    buf_add_char(out, ')');
    if (j->mode != MODE_ENFORCE)
        buf_addf(out, " [%s]", policy_mode_name(j->mode));
}

/* What the verdict falls by: its leaves. */
/* NOLINTNEXTLINE(misc-no-recursion): the loader bounds the depth of a tree by YAML_DEPTH_MAX */
static void add_leaves(struct buf *out, const struct finding *finding)
{
    const bool leaf =
        finding->require->kind == REQUIRE_SIGNED || finding->require->kind == REQUIRE_ATTESTED;

    if (finding->proof == PROVEN)
        return;
    if (leaf || finding->require->kind == REQUIRE_AT_LEAST) {
        buf_add_text(out, "  ");
        explanation_requirement(out, finding->require);
        buf_addf(out, ": %s: %s\n", reason_name(finding->reason), finding->text);
    }
    for (size_t i = 0; i < finding->require->n && finding->children != NULL; i++)
        add_leaves(out, &finding->children[i]);
}

/* What it stands on. */
static void add_proof(struct buf *out, const struct judgement *j)
{
    if (j->rule == NULL) {
        buf_add_text(out, ": no rule matches it");
        return;
    }
    if (j->rule->action == RULE_ALLOW_UNSIGNED) {
        buf_addf(out, ": unsigned is allowed: %s", j->rule->text);
        return;
    }
    buf_addf(out, ": %s (%s, %s)", j->proof->kind == FACT_STATEMENT ? "attested" : "signed",
             scheme_name(j->proof->scheme), evidence_layout_name(j->proof->layout));
}

void explanation_write(struct buf *out, const struct explanation *e)
{
    const struct judgement *j = e->judgement;

    buf_add_bytes(out, e->what);
    buf_addf(out, " %s", explanation_verdict(j->verdict));
    add_rule(out, e->policy, j);
    if (j->verdict == VERDICT_ALLOW) {
        add_proof(out, j);
        buf_add_char(out, '\n');
        return;
    }
    if (j->root == NULL) {
        buf_addf(out, ": %s: %s\n", reason_name(j->reason), j->text);
        return;
    }
    buf_addf(out, ": %s\n", reason_name(j->reason));
    add_leaves(out, j->root);
}
