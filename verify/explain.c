#include "verify/explain.h"

#include "base/limits.h"
#include "base/text.h"
#include "engine/explanation.h"
#include "engine/platforms.h"
#include "verify/report.h"

#define DEPTH_MAX YAML_DEPTH_MAX

static void add_line_of(struct buf *out, const struct policy *policy, int line)
{
    if (policy->file != NULL && line > 0)
        buf_addf(out, " (%s:%d)", policy->file, line);
}

static void add_selection(struct buf *out, const struct policy *policy, const struct selection *s)
{
    buf_add_text(out, "policy ");
    explanation_policy(out, policy);
    if (policy->hash[0] != '\0')
        buf_addf(out, " (%s)", policy->hash);
    buf_addf(out, ", mode %s\n", policy_mode_name(s->mode));
    switch (s->selected) {
    case SELECTED_REFUSED:
        buf_add_text(out, "the floor refuses it; nothing was looked up");
        add_line_of(out, policy, policy->floor.line);
        break;
    case SELECTED_UNMATCHED:
        buf_add_text(out, "no rule matches; nothing was looked up");
        break;
    case SELECTED_DENIED:
    case SELECTED_UNSIGNED:
    case SELECTED_RULE:
        buf_addf(out, "rule \"%s\"", s->rule->name);
        add_line_of(out, policy, s->rule->line);
        if (s->selected != SELECTED_RULE)
            buf_addf(out, " %s it by name; nothing was looked up",
                     s->selected == SELECTED_DENIED ? "denies" : "allows");
        break;
    }
    buf_add_char(out, '\n');
}

static void add_plan(struct buf *out, const struct selection *s)
{
    buf_add_text(out, "looked for");
    if (s->plan.signatures)
        buf_add_text(out, " signatures");
    if (s->plan.statements)
        buf_addf(out, "%s statements of %s", s->plan.signatures ? " and" : "",
                 s->plan.predicate_type == NULL ? "every type" : s->plan.predicate_type);
    buf_addf(out, ", on %s\n",
             !s->platforms ? "the image's own digest"
             : s->index    ? "the image's own digest, or each platform"
                           : "each platform");
}

static const char *signer_name(const struct policy *policy, const struct fact *fact)
{
    const struct bytes by = { fact->fingerprint, KEY_FINGERPRINT_SIZE };

    for (size_t i = 0; i < policy->n_signers; i++)
        for (size_t k = 0; k < policy->signers[i].n; k++)
            if (bytes_equal(by, (struct bytes) { policy->signers[i].fingerprints[k],
                                                 KEY_FINGERPRINT_SIZE }))
                return policy->signers[i].name;
    return "a key of no signer";
}

static void add_fact(struct buf *out, const struct policy *policy, const struct fact *fact)
{
    buf_addf(out, "  fact: %s by %s (%s, %s)",
             fact->kind == FACT_SIGNATURE ? "signature" : "statement", signer_name(policy, fact),
             fact->algorithm, evidence_layout_name(fact->layout));
    if (fact->kind == FACT_STATEMENT) {
        buf_add_text(out, " of type ");
        text_escape(out, bytes_text(fact->predicate_type), 256);
    }
    for (size_t i = 0; i < fact->n_annotations; i++) {
        buf_add_text(out, i == 0 ? "; claims " : ", ");
        text_escape(out, bytes_text(fact->annotations[i].name), 128);
        buf_add_char(out, '=');
        text_escape(out, bytes_text(fact->annotations[i].value), 128);
    }
    if (fact->repository != NULL) {
        buf_add_text(out, "; for repository ");
        text_escape(out, bytes_text(fact->repository), 256);
    }
    buf_addf(out, "; %s\n", fact->where);
}

static void add_facts(struct buf *out, const struct policy *policy, const char *of,
                      const struct fact_set *facts)
{
    buf_addf(out, "found%s: %zu piece%s of evidence, %zu fact%s", of, facts->pieces,
             facts->pieces == 1 ? "" : "s", facts->n, facts->n == 1 ? "" : "s");
    if (facts->complete)
        buf_add_text(out, "; everything was read\n");
    else {
        buf_add_text(out, "; not everything could be read: ");
        text_escape(out, bytes_text(err_text(&facts->incomplete)), 512);
        buf_add_char(out, '\n');
    }
    for (size_t i = 0; i < facts->n; i++)
        add_fact(out, policy, &facts->facts[i]);
    for (size_t i = 0; i < facts->reasons.n; i++) {
        const struct reason *r = &facts->reasons.items[i];
        buf_addf(out, "  no fact: %s: ", reason_name(r->code));
        text_escape(out, bytes_text(r->text), 512);
        buf_addf(out, "; %s\n", r->where);
    }
}

static void add_found(struct buf *out, const struct policy *policy,
                      const struct image_result *result)
{
    if (result->selection.index)
        add_facts(out, policy, "", &result->lookup.facts);
    for (size_t i = 0; result->lookup.platforms != NULL && i < result->lookup.platforms->n; i++) {
        const struct platform *p = &result->lookup.platforms->items[i];
        struct buf CLEANUP(buf_clear) of = BUF_INIT(KIB);
        char digest[DIGEST_TEXT_MAX];
        digest_format(digest, &p->digest);
        buf_add_text(&of, " on ");
        text_escape(&of, bytes_text(p->name[0] == '\0' ? "the image" : p->name), 128);
        buf_addf(&of, " (%s)", digest);
        add_facts(out, policy, buf_text(&of), &result->lookup.platforms->facts[i]);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): the loader bounds the depth of a tree by YAML_DEPTH_MAX */
static void add_tree(struct buf *out, const struct policy *policy, const struct finding *node,
                     int depth)
{
    buf_addf(out, "%*s%-9s ", 2 * depth, "", proof_name(node->proof));
    explanation_requirement(out, node->require);
    add_line_of(out, policy, node->require->line);
    if (node->proof == PROVEN && node->fact != NULL)
        buf_addf(out, ": %s", node->fact->where);
    if (node->proof != PROVEN)
        buf_addf(out, ": %s: %s", reason_name(node->reason), node->text);
    buf_add_char(out, '\n');
    for (size_t i = 0; i < node->require->n && node->children != NULL && depth < DEPTH_MAX; i++)
        add_tree(out, policy, &node->children[i], depth + 1);
}

int explain_image(struct buf *out, const struct policy *policy, const struct image_result *result,
                  struct err *err)
{
    const struct judgement *j = &result->judgement;

    buf_add_text(out, "image ");
    report_name(out, result);
    if (result->asked->namespace != NULL)
        buf_addf(out, " in namespace %s", result->asked->namespace);
    buf_add_char(out, '\n');
    add_selection(out, policy, &result->selection);
    if (result->selection.selected == SELECTED_RULE) {
        add_plan(out, &result->selection);
        if (result->lookup.resolved)
            add_found(out, policy, result);
    }
    if (j->root != NULL)
        add_tree(out, policy, j->root, 0);
    buf_addf(out, "verdict: %s", verdict_name(j->verdict));
    if (j->verdict != VERDICT_ALLOW)
        buf_addf(out, ": %s: %s", reason_name(j->reason), j->text);
    buf_add_char(out, '\n');
    return buf_check(out, "explanation", err);
}
