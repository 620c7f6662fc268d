#include "policy/leaf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_pointer.h"
#include "base/limits.h"
#include "base/text.h"

const char *leaf_text(const struct judging *j, const char *fmt, ...)
{
    char raw[JUDGEMENT_TEXT_MAX];
    struct buf CLEANUP(buf_clear) plain = BUF_INIT(JUDGEMENT_TEXT_MAX - 1);
    va_list args;

    va_start(args, fmt);
    vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    text_escape(&plain, bytes_text(raw), JUDGEMENT_TEXT_MAX - 1);
    const char *text = arena_text(j->arena, buf_bytes(&plain), NULL);
    return text == NULL ? "no memory to say why" : text;
}

/* --- Does a fact fit? --- */

/* Which of the signer's keys made it; n when none did. */
static size_t key_of(const struct policy_signer *signer, const struct fact *fact)
{
    const struct bytes by = { fact->fingerprint, KEY_FINGERPRINT_SIZE };
    size_t i = 0;

    while (i < signer->n &&
           !bytes_equal(by, (struct bytes) { signer->fingerprints[i], KEY_FINGERPRINT_SIZE }))
        i++;
    return i;
}

static bool is_by(const struct policy_signer *signer, const struct fact *fact)
{
    return key_of(signer, fact) < signer->n;
}

/* "rsa-3072" of the floor means that or longer. */
static bool algorithm_allowed(const struct policy_floor *floor, const char *algorithm)
{
    static const char *const rsa[] = { "rsa-2048", "rsa-3072", "rsa-4096" };
    size_t length = 0;

    for (size_t i = 0; i < ARRAY_LEN(rsa); i++)
        if (strcmp(algorithm, rsa[i]) == 0)
            length = i + 1;
    for (size_t i = 0; i < floor->n_algorithms; i++) {
        if (strcmp(algorithm, floor->algorithms[i]) == 0)
            return true;
        for (size_t k = 0; k < length; k++)
            if (strcmp(floor->algorithms[i], rsa[k]) == 0)
                return true;
    }
    return floor->n_algorithms == 0;
}

/* The first annotation that the fact does not claim, or NULL. */
static const struct annotation *unclaimed(const struct requirement *leaf, const struct fact *fact)
{
    for (size_t i = 0; i < leaf->n_annotations; i++) {
        const char *claimed = fact_annotation(fact, leaf->annotations[i].name);
        if (claimed == NULL || strcmp(claimed, leaf->annotations[i].value) != 0)
            return &leaf->annotations[i];
    }
    return NULL;
}

static bool repository_fits(const struct requirement *leaf, const struct question *question,
                            const struct fact *fact)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);

    if (!leaf->same_repository)
        return true;
    reference_name(&name, question->image);
    return fact->repository != NULL &&
           reference_same_repository(bytes_text(fact->repository), buf_bytes(&name));
}

/* The first line that the statement does not meet, or NULL. */
static const struct check *unmet(const struct policy_check *check, const struct fact *fact)
{
    for (size_t i = 0; i < check->n; i++)
        if (!check_holds(&check->lines[i], fact->statement))
            return &check->lines[i];
    return NULL;
}

/* The time that the statement tells of itself (policy.md "Checks"): an RFC 3339 text that lies
 * neither after the judging time nor after a time by which the signature is proven to have been
 * there. */
static bool time_of(int64_t *out, const struct policy_check *check, const struct question *question,
                    const struct fact *fact)
{
    const struct json_view value = json_at(fact->statement, check->time);
    struct bytes text;

    if (value.kind != JSON_STRING || !json_string_raw(value, &text) ||
        time_parse(out, text, NULL) != 0 || *out > question->now)
        return false;
    for (size_t i = 0; i < fact->n_times; i++)
        if (*out > fact->times[i].seconds)
            return false;
    return true;
}

static bool fresh(const struct policy_check *check, const struct question *question,
                  const struct fact *fact)
{
    int64_t seconds;

    if (check->time == NULL)
        return true;
    return time_of(&seconds, check, question, fact) &&
           (check->max_age == 0 || question->now - seconds <= check->max_age);
}

static bool is_of_kind(const struct requirement *leaf, const struct fact *fact)
{
    if (leaf->kind == REQUIRE_SIGNED)
        return fact->kind == FACT_SIGNATURE;
    return leaf->kind == REQUIRE_ATTESTED && fact->kind == FACT_STATEMENT &&
           strcmp(fact->predicate_type, leaf->check->type) == 0;
}

bool requirement_fits(const struct requirement *leaf, const struct policy *policy,
                      const struct question *question, const struct fact *fact)
{
    if (!is_of_kind(leaf, fact) || !is_by(leaf->signer, fact) ||
        !algorithm_allowed(&policy->floor, fact->algorithm))
        return false;
    if (leaf->kind == REQUIRE_SIGNED)
        return unclaimed(leaf, fact) == NULL && repository_fits(leaf, question, fact);
    return unmet(leaf->check, fact) == NULL && fresh(leaf->check, question, fact);
}

/* --- Why not? --- */

static struct leaf_result because(enum reason_code reason, const char *text)
{
    return (struct leaf_result) { .reason = reason, .text = text };
}

/* A signature of the right signer that does not fit: what is missing. */
static struct leaf_result signature_misses(const struct judging *j, const struct requirement *leaf,
                                           const struct fact *fact)
{
    const struct annotation *missing = unclaimed(leaf, fact);

    if (missing == NULL)
        return because(REASON_WRONG_REPOSITORY,
                       leaf_text(j, "the signature names %.300s as its repository; %s",
                                 fact->repository == NULL ? "nothing" : fact->repository,
                                 fact->where));
    const char *value = fact_annotation(fact, missing->name);
    return because(REASON_WRONG_ANNOTATION,
                   leaf_text(j, "the signature claims %.200s for annotation %s, not %s; %s",
                             value == NULL ? "nothing" : value, missing->name, missing->value,
                             fact->where));
}

static const char *literals_text(struct buf *out, const struct check *line)
{
    for (size_t i = 0; i < line->n && i < 4; i++)
        buf_addf(out, "%s%.100s", i == 0 ? "" : ", ",
                 line->literals[i].text == NULL ? "true or false" : line->literals[i].text);
    if (line->n > 4)
        buf_addf(out, " and %zu more", line->n - 4);
    return buf_text(out);
}

static struct leaf_result statement_misses(const struct judging *j, const struct requirement *leaf,
                                           const struct fact *fact)
{
    const struct check *line = unmet(leaf->check, fact);
    struct buf CLEANUP(buf_clear) found = BUF_INIT(KIB);
    struct buf CLEANUP(buf_clear) wanted = BUF_INIT(KIB);

    if (line == NULL)
        return because(REASON_CHECK_FAILED,
                       leaf_text(j,
                                 "the time at %s is missing, not one, in the future or too old; "
                                 "%s",
                                 leaf->check->time, fact->where));
    check_found(&found, line, fact->statement);
    return because(REASON_CHECK_FAILED,
                   leaf_text(j, "at %s%s stands %s, wanted: %s %s; %s",
                             line->over == OVER_ONE_VALUE ? "" : line->elements, line->at,
                             buf_text(&found), check_operator_name(line->operator),
                             literals_text(&wanted, line), fact->where));
}

/* Of the right signer, and of another kind or type. */
static struct leaf_result wrong_kind(const struct judging *j, const struct requirement *leaf,
                                     const struct fact *fact)
{
    const char *who = leaf->signer->name;

    if (leaf->kind == REQUIRE_SIGNED)
        return because(REASON_WRONG_TYPE,
                       leaf_text(j, "%s made an attestation (%s), which is not a signature; %s",
                                 who, fact->predicate_type, fact->where));
    if (fact->kind == FACT_SIGNATURE)
        return because(
            REASON_WRONG_TYPE,
            leaf_text(j, "%s made a signature, which is not an attestation; %s", who, fact->where));
    return because(REASON_WRONG_TYPE,
                   leaf_text(j, "%s made a statement of type %s, not %s; %s", who,
                             fact->predicate_type, leaf->check->type, fact->where));
}

static struct leaf_result near_miss(const struct judging *j, const struct requirement *leaf,
                                    const struct fact *fact)
{
    if (!algorithm_allowed(&j->policy->floor, fact->algorithm))
        return because(REASON_FLOOR, leaf_text(j,
                                               "%s signed with %s, which the floor does not "
                                               "allow; %s",
                                               leaf->signer->name, fact->algorithm, fact->where));
    return leaf->kind == REQUIRE_SIGNED ? signature_misses(j, leaf, fact)
                                        : statement_misses(j, leaf, fact);
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

static struct leaf_result nothing_fits(const struct judging *j, const struct requirement *leaf,
                                       const struct fact_set *facts)
{
    const char *what = leaf->kind == REQUIRE_SIGNED ? "signature" : "attestation";
    const struct reason *best = most_useful(&facts->reasons);

    if (best == NULL)
        return because(REASON_UNSIGNED, facts->n == 0 ? leaf_text(j, "no %s was found", what)
                                                      : leaf_text(j, "no %s by %s was found", what,
                                                                  leaf->signer->name));
    /* `malformed` and `too-large` of a verdict say "could not be found out"; of evidence they only
     * say that this piece proves nothing */
    const enum reason_code code = reason_is_unknown(best->code) ? REASON_BAD_SIGNATURE : best->code;
    return because(code, leaf_text(j, "found %zu %s%s: %s; %s", facts->pieces, what,
                                   facts->pieces == 1 ? "" : "s", best->text, best->where));
}

/* A fact of the right signer that nearly fits tells most. */
static struct leaf_result why_not(const struct judging *j, const struct requirement *leaf,
                                  const struct fact_set *facts)
{
    const struct fact *other = NULL;

    for (size_t i = 0; i < facts->n; i++) {
        const struct fact *fact = &facts->facts[i];
        if (!is_by(leaf->signer, fact))
            continue;
        if (is_of_kind(leaf, fact))
            return near_miss(j, leaf, fact);
        if (other == NULL)
            other = fact;
    }
    return other != NULL ? wrong_kind(j, leaf, other) : nothing_fits(j, leaf, facts);
}

/* --- Judging --- */

static struct leaf_result not_known(const struct judging *j, const struct err *why)
{
    return (struct leaf_result) { .proof = UNKNOWN,
                                  .reason = reason_of_error(why->code),
                                  .text = leaf_text(j, "%s", err_text(why)) };
}

/* One fact is enough. */
static struct leaf_result judge_any(const struct judging *j, const struct requirement *leaf,
                                    const struct fact_set *facts)
{
    struct leaf_result result = { .text = "" };

    for (size_t i = 0; i < facts->n; i++) {
        const struct fact *fact = &facts->facts[i];
        if (!requirement_fits(leaf, j->policy, j->question, fact))
            continue;
        if (result.fact == NULL)
            result.fact = fact;
        result.proof = PROVEN;
        result.keys |= (uint64_t)1 << key_of(leaf->signer, fact);
    }
    if (result.proof == PROVEN)
        return result;
    return facts->complete ? why_not(j, leaf, facts) : not_known(j, &facts->incomplete);
}

/* Which statements `every` and `newest` are about: those of the type by the signer; the floor's
 * algorithms are about facts, and a fact with another does not count. */
static bool counts(const struct judging *j, const struct requirement *leaf, const struct fact *fact)
{
    return is_of_kind(leaf, fact) && is_by(leaf->signer, fact) &&
           algorithm_allowed(&j->policy->floor, fact->algorithm);
}

/* The latest time among those that count; false where one has none. */
static bool newest_time(const struct judging *j, const struct requirement *leaf,
                        const struct fact_set *facts, int64_t *latest, const struct fact **bad)
{
    int64_t seconds;

    *latest = INT64_MIN;
    for (size_t i = 0; i < facts->n; i++) {
        if (!counts(j, leaf, &facts->facts[i]))
            continue;
        if (!time_of(&seconds, leaf->check, j->question, &facts->facts[i])) {
            *bad = &facts->facts[i];
            return false;
        }
        if (seconds > *latest)
            *latest = seconds;
    }
    return true;
}

/* Is this statement one that must pass? */
static bool must_pass(const struct judging *j, const struct requirement *leaf,
                      const struct fact *fact, int64_t latest)
{
    int64_t seconds;

    if (!counts(j, leaf, fact))
        return false;
    return leaf->check->statements == CHECK_EVERY ||
           (time_of(&seconds, leaf->check, j->question, fact) && seconds == latest);
}

/* `every` and `newest`: unknown unless everything was read, disproven where there is nothing. */
static struct leaf_result judge_all_of(const struct judging *j, const struct requirement *leaf,
                                       const struct fact_set *facts)
{
    struct leaf_result result = { .text = "" };
    const struct fact *bad = NULL;
    int64_t latest = 0;

    if (!facts->complete)
        return not_known(j, &facts->incomplete);
    if (leaf->check->statements == CHECK_NEWEST && !newest_time(j, leaf, facts, &latest, &bad))
        return near_miss(j, leaf, bad);
    for (size_t i = 0; i < facts->n; i++) {
        const struct fact *fact = &facts->facts[i];
        if (!must_pass(j, leaf, fact, latest))
            continue;
        if (!requirement_fits(leaf, j->policy, j->question, fact))
            return near_miss(j, leaf, fact);
        if (result.fact == NULL)
            result.fact = fact;
        result.keys |= (uint64_t)1 << key_of(leaf->signer, fact);
    }
    if (result.fact == NULL)
        return why_not(j, leaf, facts);
    result.proof = PROVEN;
    return result;
}

struct leaf_result leaf_judge(const struct judging *j, const struct requirement *leaf,
                              const struct fact_set *facts)
{
    const bool all = leaf->kind == REQUIRE_ATTESTED && leaf->check->statements != CHECK_ANY;
    struct leaf_result result = all ? judge_all_of(j, leaf, facts) : judge_any(j, leaf, facts);

    result.lost = facts->complete ? NULL : &facts->incomplete;
    return result;
}
