#include "policy/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"

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

static bool signer_matches(const struct policy_signer *signer, const struct fact *fact)
{
    const struct bytes by = { fact->fingerprint, KEY_FINGERPRINT_SIZE };

    for (size_t i = 0; i < signer->n; i++)
        if (bytes_equal(by, (struct bytes) { signer->fingerprints[i], KEY_FINGERPRINT_SIZE }))
            return true;
    return false;
}

/* The first annotation that the fact does not claim, or NULL. */
static const struct annotation *unclaimed(const struct requirement *require,
                                          const struct fact *fact)
{
    for (size_t i = 0; i < require->n_annotations; i++) {
        const char *claimed = fact_annotation(fact, require->annotations[i].name);
        if (claimed == NULL || strcmp(claimed, require->annotations[i].value) != 0)
            return &require->annotations[i];
    }
    return NULL;
}

/* The first check that the statement does not meet, or NULL. */
static const struct check *unmet(const struct requirement *require, const struct fact *fact)
{
    for (size_t i = 0; i < require->n_checks; i++)
        if (!check_holds(&require->checks[i], fact->statement))
            return &require->checks[i];
    return NULL;
}

static bool type_matches(const struct requirement *require, const struct fact *fact)
{
    if (fact->kind != require->kind)
        return false;
    return require->kind == FACT_SIGNATURE ||
           strcmp(fact->predicate_type, require->predicate_type) == 0;
}

bool requirement_fits(const struct requirement *require, const struct fact *fact)
{
    return signer_matches(require->signer, fact) && type_matches(require, fact) &&
           unclaimed(require, fact) == NULL && unmet(require, fact) == NULL;
}

static void say(struct judgement *out, enum reason_code reason, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Much of what is said stands in evidence that anybody may have written: it is escaped. */
static void say(struct judgement *out, enum reason_code reason, const char *fmt, ...)
{
    char text[JUDGEMENT_TEXT_MAX];
    struct buf CLEANUP(buf_clear) plain = BUF_INIT(JUDGEMENT_TEXT_MAX - 1);
    va_list args;

    out->reason = reason;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    text_escape(&plain, bytes_text(text), JUDGEMENT_TEXT_MAX - 1);
    snprintf(out->text, sizeof(out->text), "%s", buf_text(&plain));
}

static void wrong_type(struct judgement *out, const struct requirement *require,
                       const struct fact *fact)
{
    const char *who = require->signer->name;

    if (require->kind == FACT_SIGNATURE)
        say(out, REASON_WRONG_TYPE, "%s made an attestation (%s), which is not a signature; %s",
            who, fact->predicate_type, fact->where);
    else if (fact->kind == FACT_SIGNATURE)
        say(out, REASON_WRONG_TYPE, "%s made a signature, which is not an attestation; %s", who,
            fact->where);
    else
        say(out, REASON_WRONG_TYPE, "%s made a statement of type %s, not %s; %s", who,
            fact->predicate_type, require->predicate_type, fact->where);
}

/* A fact of the right signer that nearly fits tells most. */
static bool near_miss(struct judgement *out, const struct requirement *require,
                      const struct fact *fact)
{
    struct buf CLEANUP(buf_clear) found = BUF_INIT(KIB);

    if (!signer_matches(require->signer, fact) || !type_matches(require, fact))
        return false;
    const struct annotation *missing = unclaimed(require, fact);
    if (missing != NULL) {
        const char *value = fact_annotation(fact, missing->name);
        say(out, REASON_WRONG_ANNOTATION,
            "the signature claims %.200s for annotation %s, not %s; %s",
            value == NULL ? "nothing" : value, missing->name, missing->value, fact->where);
        return true;
    }
    const struct check *check = unmet(require, fact);
    if (check == NULL)
        return false;
    check_found(&found, check, fact->statement);
    say(out, REASON_CHECK_FAILED, "at %s stands %s, not %s; %s", check->at, buf_text(&found),
        check->is, fact->where);
    return true;
}

/* Of the right signer, but something else. */
static bool far_miss(struct judgement *out, const struct requirement *require,
                     const struct fact *fact)
{
    if (!signer_matches(require->signer, fact) || type_matches(require, fact))
        return false;
    wrong_type(out, require, fact);
    return true;
}

/* Of evidence that became no fact: which reason helps most. Higher is better. */
static int usefulness(enum reason_code code)
{
    static const enum reason_code order[] = {
        REASON_TOO_LARGE,    REASON_MALFORMED,     REASON_UNSUPPORTED,   REASON_WRONG_TYPE,
        REASON_WRONG_SIGNER, REASON_WRONG_SUBJECT, REASON_BAD_SIGNATURE,
    };

    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (order[i] == code)
            return (int)i + 1;
    return 0;
}

static const struct reason *most_useful(const struct reason_list *reasons)
{
    const struct reason *best = NULL;

    for (size_t i = 0; i < reasons->n; i++)
        if (best == NULL || usefulness(reasons->items[i].code) > usefulness(best->code))
            best = &reasons->items[i];
    return best;
}

static void disproven(struct judgement *out, const struct requirement *require,
                      const struct fact_set *facts)
{
    const char *what = require->kind == FACT_SIGNATURE ? "signature" : "attestation";

    for (size_t i = 0; i < facts->n; i++)
        if (near_miss(out, require, &facts->facts[i]))
            return;
    for (size_t i = 0; i < facts->n; i++)
        if (far_miss(out, require, &facts->facts[i]))
            return;
    const struct reason *best = most_useful(&facts->reasons);
    if (best == NULL) {
        say(out, REASON_UNSIGNED, "no %s was found", what);
        return;
    }
    /* `malformed` and `too-large` of a verdict say "could not be found out"; of evidence they only
     * say that this piece proves nothing */
    enum reason_code code = reason_is_unknown(best->code) ? REASON_BAD_SIGNATURE : best->code;
    say(out, code, "found %zu %s%s: %s; %s", facts->pieces, what, facts->pieces == 1 ? "" : "s",
        best->text, best->where);
}

void policy_judge(struct judgement *out, const struct policy_rule *rule,
                  const struct fact_set *facts)
{
    *out = (struct judgement) { .verdict = VERDICT_DENY };
    for (size_t i = 0; i < facts->n; i++)
        if (requirement_fits(&rule->require, &facts->facts[i])) {
            out->proof = &facts->facts[i];
            out->verdict = VERDICT_ALLOW;
            return;
        }
    if (!facts->complete) {
        judgement_unknown(out, &facts->incomplete);
        return;
    }
    disproven(out, &rule->require, facts);
}

void judgement_unknown(struct judgement *out, const struct err *why)
{
    *out = (struct judgement) { .verdict = VERDICT_UNKNOWN };
    say(out, reason_of_error(why->code), "%s", err_text(why));
}
