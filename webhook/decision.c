#include "webhook/decision.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "engine/explanation.h"

#define DECISIONS_BYTES_MAX (4 * MIB) /* REVIEW_IMAGES_MAX entries with their short forms */
#define IMAGE_SHOWN_MAX 512           /* bytes of a text that is no reference */

static const char pin_text[] =
    "it has no digest, and what a tag names can change. /mutate pins tags (tags: pin): it was not "
    "asked, or its change was undone. Or write NAME@sha256:...";
static const char digest_text[] =
    "it has no digest, and what a tag names can change (tags: require-digest): write "
    "NAME@sha256:...";
static const char late_text[] =
    "not known within the time that there was for an answer; the look-up goes on: try again";

void decisions_clear(struct decisions *d)
{
    arena_clear(&d->arena);
    *d = (struct decisions) { .arena = ARENA_INIT(DECISIONS_BYTES_MAX) };
}

void decision_image(struct buf *out, const struct decision *d)
{
    if (d->subject == NULL)
        buf_add_text(out, "object");
    else if (d->subject->refused != NULL)
        text_escape(out, bytes_text(d->subject->text), IMAGE_SHOWN_MAX);
    else
        explanation_image(out, &d->subject->reference, d->resolved ? &d->digest : NULL);
}

/* --- What is said --- */

/* At most `max` bytes; what is cut ends with "...", not in the middle of a character. */
static struct bytes cut(struct buf *out, struct bytes text, size_t max)
{
    static const char end[] = "...";
    size_t len = text.len;

    while (len > 0 && text.data[len - 1] == '\n')
        len--;
    if (len > max) {
        len = max - strlen(end);
        while (len > 0 && (text.data[len] & 0xc0) == 0x80)
            len--;
    }
    buf_add(out, text.data, len);
    if (text.len > max)
        buf_add_text(out, end);
    return buf_bytes(out);
}

/* Where memory is short the reason's word has to do. */
static const char *keep(struct decisions *all, const struct decision *d, struct bytes text,
                        size_t max)
{
    struct buf CLEANUP(buf_clear) fit = BUF_INIT(2 * JUDGEMENT_TEXT_MAX);
    const struct bytes shown = cut(&fit, text, max);
    const char *kept = fit.state == BUF_FINE ? arena_text(&all->arena, shown, NULL) : NULL;

    return kept != NULL ? kept : reason_name(d->reason);
}

static void write_entry(struct buf *out, const struct decisions *all, const struct decision *d,
                        const struct judgement *judgement)
{
    struct buf CLEANUP(buf_clear) image = BUF_INIT(2 * REFERENCE_MAX);

    if (d->subject != NULL)
        buf_add_text(&image, "image ");
    decision_image(&image, d);
    explanation_write(out,
                      &(struct explanation) { buf_bytes(&image), all->setting.policy, judgement });
}

/* Take over a judgement. */
static void conclude(struct decisions *all, struct decision *d, struct judgement *judgement)
{
    struct buf CLEANUP(buf_clear) entry = BUF_INIT(JUDGEMENT_BYTES_MAX);

    judgement->mode = d->mode;
    d->verdict = judgement->verdict;
    d->rule = judgement->rule;
    d->reason = judgement->reason;
    d->why = "";
    d->entry = "";
    if (d->verdict == VERDICT_ALLOW)
        return;
    d->why = keep(all, d, bytes_text(judgement->text), DECISION_WHY_MAX);
    write_entry(&entry, all, d, judgement);
    d->entry = keep(all, d, buf_bytes(&entry), DECISION_ENTRY_MAX);
}

static void deny(struct decisions *all, struct decision *d, enum reason_code reason,
                 const char *text)
{
    struct judgement judgement = JUDGEMENT_INIT;
    struct buf CLEANUP(buf_clear) plain = BUF_INIT(JUDGEMENT_TEXT_MAX);

    text_escape(&plain, bytes_text(text), JUDGEMENT_TEXT_MAX - 1);
    judgement.rule = d->rule;
    judgement.reason = reason;
    snprintf(judgement.text, sizeof(judgement.text), "%s", buf_text(&plain));
    conclude(all, d, &judgement);
}

static void unknown(struct decisions *all, struct decision *d, const struct err *why)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    judgement.rule = d->rule;
    judgement_unknown(&judgement, why);
    conclude(all, d, &judgement);
}

/* --- Before anything is looked up --- */

static enum policy_mode weaker(enum policy_mode a, enum policy_mode b)
{
    return a > b ? a : b;
}

/* How strictly anything about this object is taken at most. */
static enum policy_mode ceiling(const struct decision_setting *s)
{
    const bool warned = !s->review->pod && s->policy->templates == TEMPLATES_WARN;

    return warned ? MODE_WARN : MODE_ENFORCE;
}

/* Is there nothing to be looked at: a template that the policy ignores? */
static bool ignored(const struct decision_setting *s)
{
    return !s->review->pod && s->policy->templates == TEMPLATES_IGNORE;
}

/* The selections of one rule are the same for all images: 500 images need one copy. */
static const struct selection *keep_selection(struct decisions *all,
                                              const struct selection *selection, struct err *err)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->items[i].selection != NULL && all->items[i].selection->rule == selection->rule)
            return all->items[i].selection;
    struct selection *kept = arena_new(&all->arena, 1, sizeof(*kept), err);
    if (kept != NULL)
        *kept = *selection;
    return kept;
}

static struct question question_of(const struct decision_setting *s,
                                   const struct review_subject *subject)
{
    return (struct question) { &subject->reference, s->review->namespace, s->now };
}

/* What is judged is what the node pulls: not what a tag names now (policy.md "Tags"). */
static bool lacks_digest(const struct decision_setting *s, const struct decision *d,
                         const struct selection *selection)
{
    return s->review->pod && s->policy->tags != TAGS_ALLOW && d->mode == MODE_ENFORCE &&
           !d->subject->reference.has_digest &&
           (selection->selected == SELECTED_RULE || selection->selected == SELECTED_UNSIGNED);
}

static int begin_selected(struct decisions *all, struct decision *d,
                          const struct selection *selection, struct err *err)
{
    const struct decision_setting *s = &all->setting;

    d->mode = weaker(selection->mode, ceiling(s));
    d->rule = selection->rule;
    if (lacks_digest(s, d, selection)) {
        deny(all, d, REASON_NOT_A_DIGEST, s->policy->tags == TAGS_PIN ? pin_text : digest_text);
        return 0;
    }
    if (selection->selected == SELECTED_RULE) {
        d->selection = keep_selection(all, selection, err);
        return d->selection != NULL ? 0 : -1;
    }
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    const struct question question = question_of(s, d->subject);
    lookup_judge(&judgement, s->policy, selection, &question, NULL);
    conclude(all, d, &judgement);
    return 0;
}

static int begin_image(struct decisions *all, const struct review_subject *subject, struct err *err)
{
    const struct decision_setting *s = &all->setting;
    struct decision *d = &all->items[all->n];
    const int64_t began = clock_micros();
    struct selection selection;

    *d = (struct decision) { .subject = subject, .cache = CACHE_UNNEEDED, .why = "", .entry = "" };
    d->resolved = subject->reference.has_digest;
    d->digest = subject->reference.digest;
    if (subject->refused != NULL) {
        d->mode = weaker(s->policy->mode, ceiling(s));
        deny(all, d, REASON_MALFORMED, subject->refused);
    } else {
        const struct question question = question_of(s, subject);
        policy_select(&selection, s->policy, &question);
        if (begin_selected(all, d, &selection, err) != 0)
            return -1;
    }
    d->select_micros = clock_micros() - began;
    all->n++;
    return 0;
}

/* Only what a rule lets in, or demands something of, is worth a question to a registry, and nothing
 * that the floor refuses. */
static int begin_pin(struct decisions *all, const struct review_subject *subject, struct err *err)
{
    const struct decision_setting *s = &all->setting;
    struct decision *d = &all->items[all->n];
    struct selection selection;

    if (subject->refused != NULL || subject->reference.has_digest)
        return 0;
    const struct question question = question_of(s, subject);
    policy_select(&selection, s->policy, &question);
    if (selection.selected != SELECTED_RULE && selection.selected != SELECTED_UNSIGNED)
        return 0;
    *d = (struct decision) {
        .subject = subject, .mode = selection.mode, .rule = selection.rule, .why = "", .entry = ""
    };
    d->selection = keep_selection(all, &selection, err);
    if (d->selection == NULL)
        return -1;
    all->n++;
    return 0;
}

static void begin_unreadable(struct decisions *all)
{
    const struct decision_setting *s = &all->setting;
    const struct err *why = &s->review->unreadable;
    struct decision *d = &all->items[all->n++];

    *d = (struct decision) { .cache = CACHE_UNNEEDED };
    d->mode = weaker(s->policy->mode, ceiling(s));
    deny(all, d, why->code == ERR_LIMIT ? REASON_TOO_LARGE : REASON_MALFORMED, err_text(why));
}

int decisions_begin(struct decisions *out, const struct decision_setting *setting, struct err *err)
{
    const struct review *review = setting->review;
    const bool unreadable = review->unreadable.code != ERR_NONE;

    *out = (struct decisions) { .setting = *setting, .arena = ARENA_INIT(DECISIONS_BYTES_MAX) };
    if (setting->pin && (unreadable || !review->pod || setting->policy->tags != TAGS_PIN))
        return 0;
    if (ignored(setting) || (!unreadable && review->n_subjects == 0))
        return 0;
    out->items =
        arena_new(&out->arena, unreadable ? 1 : review->n_subjects, sizeof(*out->items), err);
    if (out->items == NULL)
        return -1;
    if (unreadable)
        begin_unreadable(out);
    for (size_t i = 0; i < review->n_subjects; i++)
        if ((setting->pin ? begin_pin : begin_image)(out, &review->subjects[i], err) != 0)
            return -1;
    return 0;
}

/* --- By what was looked up --- */

static void take_lookup(struct decision *d, const struct lookup *found, bool shared)
{
    if (found->resolved) {
        d->resolved = true;
        d->digest = found->digest;
    }
    d->cache = shared ? CACHE_HIT : CACHE_MISS;
    if (!shared)
        d->times = found->times;
}

/* A digest is all that is wanted: what it is worth is for /validate to say. */
static void found_digest(struct decisions *all, struct decision *d, const struct lookup *lookup)
{
    struct err why = lookup->err;

    if (lookup->resolved && why.code == ERR_NONE) {
        d->verdict = VERDICT_ALLOW;
        d->reason = REASON_NONE;
        return;
    }
    if (why.code == ERR_NONE)
        err_set(&why, ERR_INTERNAL, "the tag was not looked up");
    unknown(all, d, &why);
}

static void judge(const struct decisions *all, struct decision *d, const struct lookup *lookup,
                  struct judgement *judgement)
{
    const struct question question = question_of(&all->setting, d->subject);
    const int64_t began = clock_micros();

    lookup_judge(judgement, all->setting.policy, d->selection, &question, lookup);
    d->judge_micros += clock_micros() - began;
}

bool decision_known(struct decisions *all, struct decision *d, const struct lookup *kept,
                    int64_t age_ms)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;

    if (all->setting.pin) {
        if (!kept->resolved || kept->err.code != ERR_NONE)
            return false;
        take_lookup(d, kept, true);
        found_digest(all, d, kept);
        return true;
    }
    judge(all, d, kept, &judgement);
    if (judgement.verdict == VERDICT_UNKNOWN ||
        !kept_answers(kept, &judgement, &d->subject->reference, age_ms))
        return false;
    take_lookup(d, kept, true);
    conclude(all, d, &judgement);
    return true;
}

void decision_found(struct decisions *all, struct decision *d, const struct lookup *found,
                    bool shared)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    struct err late = ERR_INIT;

    if (found == NULL) {
        err_set(&late, ERR_DEADLINE, "%s", late_text);
        d->cache = CACHE_MISS;
        unknown(all, d, &late);
        return;
    }
    take_lookup(d, found, shared);
    if (all->setting.pin) {
        found_digest(all, d, found);
        return;
    }
    judge(all, d, found, &judgement);
    conclude(all, d, &judgement);
}

/* --- use-proven-within --- */

/* Is it the fetching that failed? A registry that says "not there", or gives what cannot be read or
 * is too large, has answered. */
static bool not_fetched(enum reason_code reason)
{
    return reason == REASON_REGISTRY_UNREACHABLE || reason == REASON_REGISTRY_AUTH ||
           reason == REASON_RATE_LIMITED || reason == REASON_DEADLINE;
}

bool decision_wants_proven(const struct decisions *all, const struct decision *d)
{
    return !all->setting.pin && all->setting.policy->use_proven_within > 0 &&
           d->selection != NULL && d->verdict == VERDICT_UNKNOWN && d->resolved &&
           not_fetched(d->reason);
}

void decision_proven(struct decisions *all, struct decision *d, const struct lookup *proven)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    const int64_t age = all->setting.now - proven->collected;

    if (age > all->setting.policy->use_proven_within || !proven->resolved ||
        !digest_equal(&proven->digest, &d->digest))
        return;
    judge(all, d, proven, &judgement);
    if (judgement.verdict != VERDICT_ALLOW)
        return;
    d->lost = d->reason;
    d->cache = CACHE_PROVEN;
    d->proof_age = age > 0 ? age : 0;
    conclude(all, d, &judgement);
}

/* --- All of them --- */

int decision_rank(const struct decision *d)
{
    static const int of_mode[] = { [MODE_ENFORCE] = 0, [MODE_WARN] = 2, [MODE_AUDIT] = 4 };

    if (d->verdict == VERDICT_ALLOW)
        return DECISION_RANKS - 1;
    return of_mode[d->mode] + (d->verdict == VERDICT_UNKNOWN);
}

const struct decision *decisions_first(const struct decisions *all)
{
    const struct decision *first = NULL;

    for (size_t i = 0; i < all->n; i++)
        if (first == NULL || decision_rank(&all->items[i]) < decision_rank(first))
            first = &all->items[i];
    return first;
}

bool decisions_allow(const struct decisions *all)
{
    size_t passed = 0;

    for (size_t i = 0; i < all->n; i++)
        if (all->items[i].verdict == VERDICT_ALLOW || all->items[i].mode != MODE_ENFORCE)
            passed++;
    return passed == all->n;
}

enum verdict decisions_verdict(const struct decisions *all)
{
    enum verdict worst = VERDICT_ALLOW;

    for (size_t i = 0; i < all->n; i++)
        if (all->items[i].verdict < worst)
            worst = all->items[i].verdict;
    return worst;
}
