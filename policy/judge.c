#include "policy/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "policy/distinct.h"
#include "policy/leaf.h"

const char *verdict_name(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_DENY:
        return "deny";
    case VERDICT_UNKNOWN:
        return "unknown";
    case VERDICT_ALLOW:
        return "allow";
    }
    return "deny";
}

const char *proof_name(enum proof proof)
{
    switch (proof) {
    case DISPROVEN:
        return "disproven";
    case UNKNOWN:
        return "unknown";
    case PROVEN:
        return "proven";
    }
    return "disproven";
}

void judgement_clear(struct judgement *judgement)
{
    arena_clear(&judgement->arena);
    *judgement = (struct judgement)JUDGEMENT_INIT;
}

static void say(struct judgement *out, enum reason_code reason, const char *text)
{
    struct buf CLEANUP(buf_clear) plain = BUF_INIT(JUDGEMENT_TEXT_MAX - 1);

    out->reason = reason;
    text_escape(&plain, bytes_text(text), JUDGEMENT_TEXT_MAX - 1);
    snprintf(out->text, sizeof(out->text), "%s", buf_text(&plain));
}

void judgement_unknown(struct judgement *out, const struct err *why)
{
    out->verdict = VERDICT_UNKNOWN;
    out->proof = NULL;
    out->root = NULL;
    say(out, reason_of_error(why->code), err_text(why));
}

/* One tree being judged by one image's evidence. */
struct judge {
    struct judging at;
    const struct selection *selection;
    const struct evidence_found *found;
    bool short_of_memory;
};

/* Keys that prove a leaf, per requirement: under `atLeast` the signers must differ. */
struct leaf_keys {
    uint64_t proven;        /* bit i: key i of the leaf's signer */
    const struct err *lost; /* any of its keys may turn out to: this was not read; else NULL */
};

static void set_finding(struct finding *out, const struct leaf_result *result)
{
    out->proof = result->proof;
    out->reason = result->proof == PROVEN ? REASON_NONE : result->reason;
    out->text = result->proof == PROVEN ? "" : result->text;
    out->fact = result->fact;
}

/* Every platform proves the leaf; the keys are those that do on each. */
static struct leaf_result judge_platforms(struct judge *j, const struct requirement *leaf)
{
    const struct evidence_found *found = j->found;
    struct leaf_result worst = { .proof = PROVEN, .keys = UINT64_MAX, .text = "" };
    const struct err *lost = NULL;

    if (!found->platforms_known || found->n_platforms == 0)
        return (struct leaf_result) { .proof = UNKNOWN,
                                      .lost = &found->platforms_lost,
                                      .reason = reason_of_error(found->platforms_lost.code),
                                      .text = leaf_text(&j->at, "platforms: %s",
                                                        err_text(&found->platforms_lost)) };
    for (size_t i = 0; i < found->n_platforms; i++) {
        const struct leaf_result one = leaf_judge(&j->at, leaf, &found->platforms[i]);
        if (lost == NULL)
            lost = one.lost;
        if (one.proof < worst.proof) {
            const uint64_t keys = worst.keys & one.keys;
            worst = one;
            worst.keys = keys;
        } else {
            worst.keys &= one.keys;
            if (worst.fact == NULL && worst.proof == PROVEN)
                worst.fact = one.fact;
        }
    }
    worst.lost = worst.proof == DISPROVEN ? NULL : lost; /* no reading can mend that */
    return worst;
}

/* "index-or-each" is decided leaf by leaf: either way proves it. Both are looked at in any case:
 * under `atLeast` the keys of the one may be free where those of the other are taken. */
static struct leaf_result judge_leaf(struct judge *j, const struct requirement *leaf)
{
    struct leaf_result index = { .text = "" };

    if (j->selection->index && j->found->index != NULL)
        index = leaf_judge(&j->at, leaf, j->found->index);
    if (!j->selection->platforms)
        return index;
    const struct leaf_result each = judge_platforms(j, leaf);
    if (!j->selection->index)
        return each;
    struct leaf_result best = each.proof > index.proof ? each : index;
    best.keys = index.keys | (each.proof == PROVEN ? each.keys : 0);
    best.lost = index.lost != NULL ? index.lost : each.lost;
    return best;
}

static void judge_node(struct judge *j, struct finding *out, struct leaf_keys *keys);

/* The child that decides: for `all` the worst, for the others the best; the first of them. */
static const struct finding *decisive(const struct finding *node, bool worst)
{
    const struct finding *pick = &node->children[0];

    for (size_t i = 1; i < node->require->n; i++) {
        const struct finding *child = &node->children[i];
        if (worst ? child->proof < pick->proof : child->proof > pick->proof)
            pick = child;
    }
    return pick;
}

static void take(struct finding *out, const struct finding *child)
{
    out->proof = child->proof;
    out->reason = child->reason;
    out->text = child->text;
    out->fact = child->fact;
}

/* `any` that nothing proves names what nearest did: a reason that says more than "unsigned". */
static const struct finding *nearest(const struct finding *node, enum proof proof)
{
    const struct finding *pick = NULL;

    for (size_t i = 0; i < node->require->n; i++) {
        const struct finding *child = &node->children[i];
        if (child->proof != proof)
            continue;
        if (pick == NULL || (pick->reason == REASON_UNSIGNED && child->reason != REASON_UNSIGNED))
            pick = child;
    }
    return pick;
}

static void judge_any_of(struct finding *out)
{
    const struct finding *best = decisive(out, false);

    take(out, best->proof == PROVEN ? best : nearest(out, best->proof));
}

/* What was not read, of the first leaf that it could still help. */
static const struct err *first_lost(const struct leaf_keys *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (keys[i].lost != NULL)
            return keys[i].lost;
    return NULL;
}

static void judge_at_least(struct judge *j, struct finding *out, const struct leaf_keys *keys)
{
    const struct requirement *r = out->require;
    struct distinct_leaf leaves[AT_LEAST_LEAVES_MAX];
    size_t sure, possible;

    for (size_t i = 0; i < r->n; i++)
        leaves[i] =
            (struct distinct_leaf) { r->children[i].signer, keys[i].proven, keys[i].lost != NULL };
    distinct_signers(&sure, &possible, leaves, r->n);
    out->proof = sure >= r->at_least ? PROVEN : possible >= r->at_least ? UNKNOWN : DISPROVEN;
    if (out->proof == PROVEN) {
        const struct finding *best = decisive(out, false);
        take(out, best);
        return;
    }
    const struct finding *near = nearest(out, out->proof);
    const struct err *lost = out->proof == UNKNOWN ? first_lost(keys, r->n) : NULL;
    const char *why = lost != NULL ? err_text(lost) : near != NULL ? near->text : "";
    out->reason = lost != NULL ? reason_of_error(lost->code) : REASON_TOO_FEW;
    out->text = leaf_text(&j->at, "%zu of %zu different signers that are needed%s%s", sure,
                          r->at_least, why[0] == '\0' ? "" : "; ", why);
}

/* NOLINTNEXTLINE(misc-no-recursion): the loader bounds the depth of a tree by YAML_DEPTH_MAX */
static void judge_children(struct judge *j, struct finding *out)
{
    const struct requirement *r = out->require;
    struct leaf_keys keys[AT_LEAST_LEAVES_MAX] = { { 0 } };

    out->children = arena_new(j->at.arena, r->n, sizeof(*out->children), NULL);
    if (out->children == NULL || (r->kind == REQUIRE_AT_LEAST && r->n > AT_LEAST_LEAVES_MAX)) {
        j->short_of_memory = true;
        return;
    }
    for (size_t i = 0; i < r->n; i++) {
        struct leaf_keys unused;
        out->children[i].require = &r->children[i];
        judge_node(j, &out->children[i], r->kind == REQUIRE_AT_LEAST ? &keys[i] : &unused);
    }
    if (r->kind == REQUIRE_ALL)
        take(out, decisive(out, true));
    else if (r->kind == REQUIRE_ANY)
        judge_any_of(out);
    else
        judge_at_least(j, out, keys);
}

/* NOLINTNEXTLINE(misc-no-recursion): the loader bounds the depth of a tree by YAML_DEPTH_MAX */
static void judge_node(struct judge *j, struct finding *out, struct leaf_keys *keys)
{
    const struct requirement *r = out->require;

    out->text = "";
    *keys = (struct leaf_keys) { 0 };
    if (r->kind != REQUIRE_SIGNED && r->kind != REQUIRE_ATTESTED) {
        if (r->n > 0)
            judge_children(j, out);
        return;
    }
    const struct leaf_result result = judge_leaf(j, r);
    set_finding(out, &result);
    keys->proven = result.proof == PROVEN ? result.keys : 0;
    keys->lost = result.lost;
}

/* NOLINTNEXTLINE(misc-no-recursion): the loader bounds the depth of a tree by YAML_DEPTH_MAX */
bool finding_proven_by(const struct finding *root, const struct policy_signer *signer)
{
    if (root == NULL)
        return false;
    if (root->proof == PROVEN && root->require->signer == signer)
        return true;
    for (size_t i = 0; i < root->require->n && root->children != NULL; i++)
        if (finding_proven_by(&root->children[i], signer))
            return true;
    return false;
}

static void judge_rule(struct judgement *out, struct judge *j)
{
    struct leaf_keys keys;

    struct finding *root = arena_new(&out->arena, 1, sizeof(*root), NULL);
    if (root != NULL) {
        root->require = &j->selection->rule->require;
        judge_node(j, root, &keys);
    }
    if (root == NULL || j->short_of_memory) {
        const struct err why = { .code = ERR_NOMEM, .text = "no memory to judge" };
        judgement_unknown(out, &why);
        return;
    }
    out->root = root;
    out->proof = root->fact;
    switch (root->proof) {
    case PROVEN:
        out->verdict = VERDICT_ALLOW;
        return;
    case UNKNOWN:
        out->verdict = VERDICT_UNKNOWN;
        break;
    case DISPROVEN:
        out->verdict = VERDICT_DENY;
        break;
    }
    say(out, root->reason, root->text);
}

void policy_judge(struct judgement *out, const struct policy *policy,
                  const struct selection *selection, const struct question *question,
                  const struct evidence_found *found)
{
    judgement_clear(out);
    struct judge j = { .at = { policy, question, &out->arena },
                       .selection = selection,
                       .found = found };

    out->mode = selection->mode;
    out->rule = selection->rule;
    switch (selection->selected) {
    case SELECTED_RULE:
        judge_rule(out, &j);
        return;
    case SELECTED_UNSIGNED:
        out->verdict = VERDICT_ALLOW;
        return;
    case SELECTED_UNMATCHED:
        if (policy->unmatched == UNMATCHED_ALLOW) {
            out->verdict = VERDICT_ALLOW;
            return;
        }
        break;
    case SELECTED_REFUSED:
    case SELECTED_DENIED:
        break;
    }
    say(out, selection->reason, selection->text);
}
