#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/platforms.h"
#include "verify/audit.h"
#include "verify/sarif.h"

/* What was found out about an image, kept for other names of it, and written as a line. */

#define LIST_MAX                                                                                   \
    (256 * KIB) /* of signers or predicate types: the rule's, or those of 256 facts                \
                 */

void audit_answer_clear(struct audit_answer *answer)
{
    free(answer->image);
    free(answer->text);
    free(answer->signers);
    free(answer->statements);
    *answer = (struct audit_answer) { .image = NULL };
}

static size_t text_bytes(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

size_t audit_answer_bytes(const struct audit_answer *answer)
{
    return sizeof(*answer) + text_bytes(answer->image) + text_bytes(answer->text) +
           text_bytes(answer->signers) + text_bytes(answer->statements);
}

/* --- Lists --- */

/* Does the array, whose end is still to be written, hold the text? */
static bool holds(struct buf *list, const char *text)
{
    struct json_view value;
    bool found = false;

    buf_add_char(list, ']');
    struct json_walk walk = json_walk((struct json_view) { JSON_ARRAY, buf_bytes(list), NULL });
    while (list->state == BUF_FINE && !found && json_next(&walk, NULL, &value))
        found = json_string_is(value, bytes_text(text));
    if (list->state == BUF_FINE)
        list->len--;
    return found;
}

static void add_once(struct buf *list, const char *text)
{
    if (holds(list, text))
        return;
    if (list->len > 1)
        buf_add_char(list, ',');
    text_json(list, bytes_text(text));
}

/* The signers of the leaves that are proven, in the rule's order. */
/* NOLINTNEXTLINE(misc-no-recursion): the loader bounds the depth of a tree by YAML_DEPTH_MAX */
static void add_signers(struct buf *list, const struct finding *finding)
{
    if (finding->require->signer != NULL && finding->proof == PROVEN)
        add_once(list, finding->require->signer->name);
    for (size_t i = 0; i < finding->require->n && finding->children != NULL; i++)
        add_signers(list, &finding->children[i]);
}

/* With --key the signers are the keys, as they were given. */
static void add_keys(struct buf *list, const struct report *report,
                     const struct image_result *result)
{
    const struct question question = { result->asked->reference, result->asked->namespace,
                                       result->now };

    for (size_t i = 0; i < result->lookup.facts.n; i++)
        if (requirement_fits(&result->selection.rule->require, report->policy, &question,
                             &result->lookup.facts.facts[i]))
            add_once(list, report_key_name(report, &result->lookup.facts.facts[i]));
}

static int write_signers(char **out, const struct report *report, const struct image_result *result,
                         struct err *err)
{
    struct buf CLEANUP(buf_clear) list = BUF_INIT(LIST_MAX);
    const struct judgement *j = &result->judgement;

    buf_add_char(&list, '[');
    if (j->root != NULL && report->key_names != NULL)
        add_keys(&list, report, result);
    else if (j->root != NULL)
        add_signers(&list, j->root);
    buf_add_char(&list, ']');
    if (buf_check(&list, "signers", err) != 0)
        return -1;
    *out = mem_text(buf_bytes(&list), err);
    return *out != NULL ? 0 : -1;
}

static void count_facts(size_t *signatures, struct buf *statements, const struct fact_set *facts)
{
    for (size_t i = 0; i < facts->n; i++) {
        const struct fact *fact = &facts->facts[i];
        if (fact->kind == FACT_SIGNATURE)
            ++*signatures;
        else
            add_once(statements, fact->predicate_type);
    }
}

static int write_evidence(struct audit_answer *out, const struct image_result *result,
                          struct err *err)
{
    struct buf CLEANUP(buf_clear) list = BUF_INIT(LIST_MAX);

    buf_add_char(&list, '[');
    count_facts(&out->signatures, &list, &result->lookup.facts);
    for (size_t i = 0; result->lookup.platforms != NULL && i < result->lookup.platforms->n; i++)
        count_facts(&out->signatures, &list, &result->lookup.platforms->facts[i]);
    buf_add_char(&list, ']');
    if (buf_check(&list, "statements", err) != 0)
        return -1;
    out->statements = mem_text(buf_bytes(&list), err);
    return out->statements != NULL ? 0 : -1;
}

/* --- Answers --- */

static int make(struct audit_answer *out, const struct report *report,
                const struct image_result *result, struct err *err)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(2 * REFERENCE_MAX);
    const struct judgement *j = &result->judgement;

    *out = (struct audit_answer) {
        .verdict = j->verdict,
        .mode = j->mode,
        .reason = j->reason,
        .rule = j->rule,
        .resolved = result->lookup.resolved,
        .digest = result->lookup.digest,
        .now = result->now,
        .took_ms = result->took_ms,
    };
    reference_format(&name, result->asked->reference);
    if (buf_check(&name, "image", err) != 0)
        return -1;
    out->image = mem_text(buf_bytes(&name), err);
    out->text = mem_text(bytes_text(j->text), err);
    if (out->image == NULL || out->text == NULL)
        return -1;
    return write_signers(&out->signers, report, result, err) != 0 ||
                   write_evidence(out, result, err) != 0
               ? -1
               : 0;
}

int audit_answer_make(struct audit_answer *out, const struct report *report,
                      const struct image_result *result, struct err *err)
{
    if (make(out, report, result, err) == 0)
        return 0;
    audit_answer_clear(out);
    return -1;
}

int audit_answer_lost(struct audit_answer *out, const struct report *report,
                      const struct image_question *image, const struct err *why, struct err *err)
{
    struct image_result CLEANUP(image_result_clear)
        result = { .asked = image, .now = clock_seconds(), .judgement = JUDGEMENT_INIT };
    const struct question question = { image->reference, image->namespace, result.now };

    lookup_init(&result.lookup);
    policy_select(&result.selection, report->policy, &question);
    result.judgement.mode = result.selection.mode;
    result.judgement.rule = result.selection.rule;
    judgement_unknown(&result.judgement, why);
    return audit_answer_make(out, report, &result, err);
}

/* --- Lines --- */

/* --key has no file: what it asks is its keys and annotations, in the order they were given. */
int audit_policy_hash(char out[AUDIT_HASH_MAX], const struct run *run, struct err *err)
{
    struct hash *CLEANUP(hash_freep) hash = NULL;
    struct buf CLEANUP(buf_clear) hex = BUF_INIT(2 * HASH_MAX + 1);
    const struct option_list *claims = &run->options->annotations;
    uint8_t digest[HASH_MAX];

    memcpy(out, run->engine.policy->hash, AUDIT_HASH_MAX);
    if (run->made == NULL)
        return 0;
    if (hash_new(&hash, HASH_SHA256, err) != 0)
        return -1;
    for (size_t i = 0; i < run->n_keys; i++)
        if (hash_add(hash,
                     (struct bytes) { public_key_fingerprint(run->keys[i]), KEY_FINGERPRINT_SIZE },
                     err) != 0)
            return -1;
    for (size_t i = 0; i < claims->n; i++)
        if (hash_add(hash,
                     (struct bytes) { (const uint8_t *)claims->values[i],
                                      strlen(claims->values[i]) + 1 },
                     err) != 0)
            return -1;
    if (hash_end(digest, hash, err) != 0)
        return -1;
    hex_encode(&hex, (struct bytes) { digest, (AUDIT_HASH_MAX - 1) / 2 });
    if (buf_check(&hex, "hash", err) != 0)
        return -1;
    memcpy(out, buf_text(&hex), AUDIT_HASH_MAX);
    return 0;
}

static void add_text(struct buf *out, const char *name, const char *text)
{
    buf_addf(out, ",\"%s\":", name);
    text_json(out, bytes_text(text));
}

static void add_policy(struct buf *out, const struct policy *policy, const char *hash)
{
    buf_add_text(out, ",\"policy\":{\"name\":");
    text_json(out, bytes_text(policy->name));
    if (policy->serial >= 0)
        buf_addf(out, ",\"serial\":%lld", (long long)policy->serial);
    add_text(out, "hash", hash);
    buf_add_char(out, '}');
}

int audit_line_json(struct buf *out, const struct audit_line *line, const struct policy *policy,
                    const char *hash, struct err *err)
{
    const struct audit_answer *a = line->answer;
    char digest[DIGEST_TEXT_MAX], at[TIME_TEXT_MAX];

    buf_add_text(out, "{\"image\":");
    text_json(out, bytes_text(line->text));
    digest_format(digest, &a->digest);
    if (a->resolved)
        add_text(out, "digest", digest);
    if (line->image->namespace != NULL)
        add_text(out, "namespace", line->image->namespace);
    add_text(out, "verdict", verdict_name(a->verdict));
    add_text(out, "mode", policy_mode_name(a->mode));
    if (a->rule != NULL)
        add_text(out, "rule", a->rule->name);
    add_policy(out, policy, hash);
    add_text(out, "reason", reason_name(a->reason));
    add_text(out, "message", a->text);
    buf_addf(out, ",\"signers\":%s,\"signatures\":%zu,\"statements\":%s", a->signers, a->signatures,
             a->statements);
    time_format(at, a->now);
    add_text(out, "at", at);
    buf_addf(out, ",\"ms\":%lld", (long long)a->took_ms);
    if (line->same_as != NULL)
        add_text(out, "same-as", line->same_as);
    buf_add_text(out, "}\n");
    return buf_check(out, "report", err);
}

/* The result that this answer came from, as far as reports about one line need it. */
static void result_of(struct image_result *out, const struct audit_line *line)
{
    const struct audit_answer *a = line->answer;

    *out = (struct image_result) {
        .asked = line->image,
        .lookup = { .resolved = a->resolved, .digest = a->digest },
        .now = a->now,
        .judgement = { .verdict = a->verdict,
                       .mode = a->mode,
                       .rule = a->rule,
                       .reason = a->reason },
    };
    memcpy(out->judgement.text, a->text, strlen(a->text) + 1);
}

int audit_line_text(struct buf *out, const struct audit_line *line, const struct report *report,
                    struct err *err)
{
    static const char *const words[] = {
        [VERDICT_ALLOW] = "allowed", [VERDICT_DENY] = "denied", [VERDICT_UNKNOWN] = "unknown"
    };
    const struct audit_answer *a = line->answer;
    struct image_result result;

    result_of(&result, line);
    if (line->place.file != NULL)
        buf_addf(out, "%s:%d: ", line->place.file, line->place.line);
    buf_add_text(out, "image ");
    report_name(out, &result);
    buf_addf(out, " %s", words[a->verdict]);
    if (a->rule != NULL && report->key_names == NULL)
        buf_addf(out, " by rule \"%s\"", a->rule->name);
    if (a->mode != MODE_ENFORCE)
        buf_addf(out, " [%s]", policy_mode_name(a->mode));
    if (a->verdict != VERDICT_ALLOW)
        buf_addf(out, ": %s: %s", reason_name(a->reason), a->text);
    if (line->same_as != NULL)
        buf_addf(out, " (as %s)", line->same_as);
    buf_add_char(out, '\n');
    return buf_check(out, "report", err);
}

int audit_line_sarif(struct buf *out, const struct audit_line *line, const struct report *report,
                     bool first, struct err *err)
{
    struct image_result result;

    result_of(&result, line);
    return sarif_result(out, report, &result, &line->place, first, err);
}
