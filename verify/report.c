#include "verify/report.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "engine/explanation.h"

int report_format_parse(enum report_format *out, const char *name, struct err *err)
{
    *out = REPORT_TEXT;
    if (name == NULL || strcmp(name, "text") == 0)
        return 0;
    *out = REPORT_JSON;
    if (strcmp(name, "json") == 0)
        return 0;
    *out = REPORT_SARIF;
    if (strcmp(name, "sarif") == 0)
        return 0;
    return err_set(err, ERR_USAGE, "--output: '%s' is none of text, json, sarif", name);
}

void tally_count(struct tally *tally, const struct judgement *judgement)
{
    const bool soft = judgement->mode != MODE_ENFORCE && !tally->strict;

    tally->done++;
    if (judgement->verdict == VERDICT_ALLOW)
        return;
    if (soft)
        tally->softened++;
    else if (judgement->verdict == VERDICT_DENY)
        tally->denied++;
    else
        tally->unknown++;
}

int tally_exit(const struct tally *tally, struct err *err)
{
    if (tally->denied > 0)
        return 1;
    if (tally->err.code != ERR_NONE) {
        *err = tally->err;
        return -1;
    }
    return tally->unknown > 0 ? 3 : 0;
}

const char *report_key_name(const struct report *report, const struct fact *fact)
{
    const struct bytes by = { fact->fingerprint, KEY_FINGERPRINT_SIZE };

    for (size_t i = 0; i < report->n_keys; i++)
        if (bytes_equal(by, (struct bytes) { public_key_fingerprint(report->keys[i]),
                                             KEY_FINGERPRINT_SIZE }))
            return report->key_names[i];
    return "a key";
}

void report_name(struct buf *out, const struct image_result *result)
{
    explanation_image(out, result->asked->reference,
                      result->lookup.resolved ? &result->lookup.digest : NULL);
}

static void text_allowed(struct buf *out, const struct report *report, const struct fact *proof)
{
    buf_addf(out, " allowed: %s with %s (%s, %s)",
             proof->kind == FACT_STATEMENT ? "attested" : "signed", report_key_name(report, proof),
             scheme_name(proof->scheme), evidence_layout_name(proof->layout));
    for (size_t i = 0; i < proof->n_annotations; i++) {
        buf_add_text(out, i == 0 ? "; claims " : ", ");
        text_escape(out, bytes_text(proof->annotations[i].name), 256);
        buf_add_char(out, '=');
        text_escape(out, bytes_text(proof->annotations[i].value), 256);
    }
    if (proof->n_times == 0)
        buf_add_text(out, "; when it was signed is not proven");
}

static void text_of_key(struct buf *out, const struct report *report,
                        const struct image_result *result)
{
    const struct judgement *j = &result->judgement;

    buf_add_text(out, "image ");
    report_name(out, result);
    if (j->verdict == VERDICT_ALLOW)
        text_allowed(out, report, j->proof);
    else
        buf_addf(out, " %s: %s: %s", explanation_verdict(j->verdict), reason_name(j->reason),
                 j->text);
    buf_add_char(out, '\n');
}

/* --- With a policy --- */

static void text_of_policy(struct buf *out, const struct report *report,
                           const struct image_result *result)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(2 * REFERENCE_MAX);

    buf_add_text(&name, "image ");
    report_name(&name, result);
    if (name.state != BUF_FINE)
        out->state = name.state;
    explanation_write(
        out, &(struct explanation) { buf_bytes(&name), report->policy, &result->judgement });
}

static void json_optional(struct buf *out, const struct fact *fact)
{
    if (fact->n_annotations == 0) {
        buf_add_text(out, fact->layout == LAYOUT_LEGACY ? "null" : "{}");
        return;
    }
    for (size_t i = 0; i < fact->n_annotations; i++) {
        buf_add_char(out, i == 0 ? '{' : ',');
        text_json(out, bytes_text(fact->annotations[i].name));
        buf_add_char(out, ':');
        text_json(out, bytes_text(fact->annotations[i].value));
    }
    buf_add_char(out, '}');
}

/* The element that `cosign verify -o json` prints (sigstore.md 2.9): of a bundle the reference as
 * asked and the predicate type stand where a legacy payload has its own claims. */
static void json_signature(struct buf *out, const struct image_result *result,
                           const struct fact *fact)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(2 * REFERENCE_MAX);
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &fact->subject);
    reference_format(&name, result->asked->reference);
    buf_add_text(out, "{\"critical\":{\"identity\":{\"docker-reference\":");
    text_json(out, fact->repository != NULL ? bytes_text(fact->repository) : buf_bytes(&name));
    buf_addf(out, "},\"image\":{\"docker-manifest-digest\":\"%s\"},\"type\":", digest);
    text_json(out, bytes_text(fact->predicate_type != NULL ? fact->predicate_type
                                                           : "cosign container image signature"));
    buf_add_text(out, "},\"optional\":");
    json_optional(out, fact);
    buf_add_char(out, '}');
}

static void json_allowed(struct buf *out, const struct report *report,
                         const struct image_result *result)
{
    const struct question question = { result->asked->reference, result->asked->namespace,
                                       result->now };
    const char *separator = "[";

    for (size_t i = 0; i < result->lookup.facts.n; i++) {
        if (!requirement_fits(&result->selection.rule->require, report->policy, &question,
                              &result->lookup.facts.facts[i]))
            continue;
        buf_add_text(out, separator);
        json_signature(out, result, &result->lookup.facts.facts[i]);
        separator = ",";
    }
    buf_add_text(out, "]\n");
}

static void json_image(struct buf *out, const struct image_result *result)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(2 * REFERENCE_MAX);
    char digest[DIGEST_TEXT_MAX];

    reference_format(&text, result->asked->reference);
    buf_add_text(out, "{\"image\":");
    text_json(out, buf_bytes(&text));
    if (result->lookup.resolved) {
        digest_format(digest, &result->lookup.digest);
        buf_addf(out, ",\"digest\":\"%s\"", digest);
    }
    if (result->asked->namespace != NULL) {
        buf_add_text(out, ",\"namespace\":");
        text_json(out, bytes_text(result->asked->namespace));
    }
}

static void json_refused(struct buf *out, const struct image_result *result)
{
    const struct judgement *j = &result->judgement;

    json_image(out, result);
    buf_addf(out, ",\"verdict\":\"%s\",\"reason\":\"%s\",\"message\":", verdict_name(j->verdict),
             reason_name(j->reason));
    text_json(out, bytes_text(j->text));
    buf_add_text(out, "}\n");
}

/* The signers on whose leaves the verdict stands, in the policy's order. */
static void json_signers(struct buf *out, const struct policy *policy, const struct finding *root)
{
    const char *separator = "";

    for (size_t i = 0; i < policy->n_signers; i++) {
        if (!finding_proven_by(root, &policy->signers[i]))
            continue;
        buf_add_text(out, separator);
        text_json(out, bytes_text(policy->signers[i].name));
        separator = ",";
    }
}

static void json_policy(struct buf *out, const struct policy *policy)
{
    buf_add_text(out, "\"policy\":{\"name\":");
    text_json(out, bytes_text(policy->name));
    if (policy->serial >= 0)
        buf_addf(out, ",\"serial\":%lld", (long long)policy->serial);
    buf_addf(out, ",\"hash\":\"%s\"}", policy->hash);
}

static void json_of_policy(struct buf *out, const struct report *report,
                           const struct image_result *result)
{
    const struct judgement *j = &result->judgement;

    json_image(out, result);
    buf_addf(out, ",\"verdict\":\"%s\",\"mode\":\"%s\",", verdict_name(j->verdict),
             policy_mode_name(j->mode));
    if (j->rule != NULL) {
        buf_add_text(out, "\"rule\":");
        text_json(out, bytes_text(j->rule->name));
        buf_add_char(out, ',');
    }
    json_policy(out, report->policy);
    buf_addf(out, ",\"reason\":\"%s\",\"message\":", reason_name(j->reason));
    text_json(out, bytes_text(j->text));
    buf_add_text(out, ",\"signers\":[");
    json_signers(out, report->policy, j->root);
    buf_addf(out, "],\"facts\":%zu}\n", result->lookup.facts.n);
}

int report_image(struct buf *out, const struct report *report, const struct image_result *result,
                 struct err *err)
{
    const bool with_keys = report->key_names != NULL;

    if (report->format == REPORT_TEXT && with_keys)
        text_of_key(out, report, result);
    else if (report->format == REPORT_TEXT)
        text_of_policy(out, report, result);
    else if (!with_keys)
        json_of_policy(out, report, result);
    else if (result->judgement.verdict == VERDICT_ALLOW)
        json_allowed(out, report, result);
    else
        json_refused(out, result);
    return buf_check(out, "report", err);
}
