#include "webhook/answer.h"

#include <string.h>

#include "base/text.h"
#include "engine/explanation.h"

#define TAIL_MAX 400             /* "and N more" and the policy's name, behind the entries */
#define CAUSE_MAX 256            /* bytes of a cause's message */
#define WARNING_MAX 160          /* bytes of one: the protocol's advice is 120 characters */
#define WARNINGS_MAX 3840        /* of all: above 4096 characters the API server cuts each to 256 */
#define ANNOTATION_MAX (8 * KIB) /* of one annotation: an event of the audit log is a line */
#define SHORT_HEX 12             /* digits of a digest in a warning */

void answer_policy(struct buf *out, const struct policy *policy)
{
    explanation_policy(out, policy);
    if (policy->hash[0] != '\0')
        buf_addf(out, " (%s)", policy->hash);
}

static void add_state(struct buf *out, const struct buf *part)
{
    if (part->state != BUF_FINE)
        out->state = part->state;
}

/* The decisions of one rank after the other; NULL at the end. */
struct ranked {
    const struct decisions *all;
    int rank, last;
    size_t at;
};

static const struct decision *next_ranked(struct ranked *r)
{
    for (; r->rank <= r->last; r->rank++, r->at = 0)
        while (r->at < r->all->n) {
            const struct decision *d = &r->all->items[r->at++];
            if (decision_rank(d) == r->rank)
                return d;
        }
    return NULL;
}

/* Enforced: what an answer says no by. */
static struct ranked enforced(const struct decisions *all)
{
    return (struct ranked) { .all = all, .rank = 0, .last = 1 };
}

static struct ranked every(const struct decisions *all)
{
    return (struct ranked) { .all = all, .rank = 0, .last = DECISION_RANKS - 1 };
}

/* --- Status --- */

static void add_message(struct buf *out, const struct answer *a)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(ANSWER_MESSAGE_MAX);
    struct ranked r = enforced(a->decisions);
    const struct decision *d;
    size_t more = 0;

    while ((d = next_ranked(&r)) != NULL) {
        if (more > 0 || text.len + strlen(d->entry) + TAIL_MAX > ANSWER_MESSAGE_MAX) {
            more++;
            continue;
        }
        buf_add_text(&text, d->entry);
        buf_add_char(&text, '\n');
    }
    if (more > 0)
        buf_addf(&text, "and %zu more\n", more);
    buf_add_text(&text, "policy ");
    answer_policy(&text, a->policy);
    text_json(out, buf_bytes(&text));
    add_state(out, &text);
}

static void add_cause(struct buf *out, const struct decision *d, const char *field,
                      const char *separator)
{
    struct buf CLEANUP(buf_clear) why = BUF_INIT(2 * CAUSE_MAX);

    text_escape(&why, bytes_text(d->why), CAUSE_MAX);
    buf_addf(out, "%s{\"reason\":\"%s\",\"message\":", separator, reason_name(d->reason));
    text_json(out, buf_bytes(&why));
    if (field != NULL) {
        buf_add_text(out, ",\"field\":");
        text_json(out, bytes_text(field));
    }
    buf_add_char(out, '}');
    add_state(out, &why);
}

static bool is_field_of(const struct review *review, size_t i, const struct decision *d)
{
    const struct review_field *field = &review->fields[i];

    return !field->unchanged && &review->subjects[field->subject] == d->subject;
}

static void add_causes(struct buf *out, const struct answer *a)
{
    struct ranked r = enforced(a->decisions);
    const struct decision *d;
    size_t n = 0;

    while (n < ANSWER_CAUSES_MAX && (d = next_ranked(&r)) != NULL) {
        if (d->subject == NULL)
            add_cause(out, d, NULL, n++ > 0 ? "," : "");
        for (size_t i = 0; i < a->review->n_fields && n < ANSWER_CAUSES_MAX; i++)
            if (is_field_of(a->review, i, d))
                add_cause(out, d, a->review->fields[i].image->field, n++ > 0 ? "," : "");
    }
}

/* 403 says no; 503 that it could not be found out, so controllers come back sooner. A denial beside
 * an unknown one decides. */
static void add_status(struct buf *out, const struct answer *a)
{
    const struct review *r = a->review;
    const struct decision *first = decisions_first(a->decisions);
    const bool unknown = first != NULL && first->verdict == VERDICT_UNKNOWN;

    buf_addf(out, ",\"status\":{\"status\":\"Failure\",\"code\":%d,\"reason\":\"%s\",\"message\":",
             unknown ? 503 : 403, unknown ? "ServiceUnavailable" : "Forbidden");
    add_message(out, a);
    buf_add_text(out, ",\"details\":{\"group\":");
    text_json(out, bytes_text(r->group));
    buf_add_text(out, ",\"kind\":");
    text_json(out, bytes_text(r->resource));
    buf_add_text(out, ",\"name\":");
    text_json(out, bytes_text(r->name));
    if (unknown)
        buf_addf(out, ",\"retryAfterSeconds\":%d", ANSWER_RETRY_SECONDS);
    buf_add_text(out, ",\"causes\":[");
    add_causes(out, a);
    buf_add_text(out, "]}}");
}

/* --- Warnings --- */

/* "host/repo:tag@sha256:9a1b2c3d4e5f": what is left out of the digest nobody reads in a warning. */
static void add_short(struct buf *out, const struct decision *d)
{
    char digest[DIGEST_TEXT_MAX];
    struct buf CLEANUP(buf_clear) image = BUF_INIT(2 * REFERENCE_MAX);

    if (d->subject == NULL || d->subject->refused != NULL) {
        decision_image(&image, d);
        text_escape(out, buf_bytes(&image), WARNING_MAX / 2);
        return;
    }
    const struct reference *reference = &d->subject->reference;
    reference_name(out, reference);
    if (reference->tag != NULL)
        buf_addf(out, ":%s", reference->tag);
    if (!reference->has_digest)
        return;
    digest_format(digest, &reference->digest);
    buf_addf(out, "@%.*s", (int)(strcspn(digest, ":") + 1 + SHORT_HEX), digest);
}

static void add_age(struct buf *out, int64_t seconds)
{
    if (seconds < 120)
        buf_addf(out, "%lld seconds", (long long)seconds);
    else if (seconds < 7200)
        buf_addf(out, "%lld minutes", (long long)seconds / 60);
    else
        buf_addf(out, "%lld hours", (long long)seconds / 3600);
}

static bool is_warned(const struct decision *d)
{
    return d->cache == CACHE_PROVEN || (d->verdict != VERDICT_ALLOW && d->mode == MODE_WARN);
}

static void warning(struct buf *out, const struct answer *a, const struct decision *d)
{
    if (d->verdict == VERDICT_ALLOW) {
        buf_add_text(out, "allowed by proof of ");
        add_age(out, d->proof_age);
        buf_addf(out, " ago (%s now): ", reason_name(d->lost));
        add_short(out, d);
        return;
    }
    if (a->decisions->setting.pin)
        buf_add_text(out, "tag could not be pinned");
    else
        buf_add_text(out,
                     d->verdict == VERDICT_UNKNOWN ? "could not be checked" : "would be denied");
    buf_addf(out, " (%s): ", reason_name(d->reason));
    add_short(out, d);
    buf_addf(out, ": %s", d->why);
}

static void add_warnings(struct buf *out, const struct answer *a)
{
    struct ranked r = every(a->decisions);
    const struct decision *d;
    const char *separator = ",\"warnings\":[";
    size_t used = 0, more = 0;

    while ((d = next_ranked(&r)) != NULL) {
        struct buf CLEANUP(buf_clear) whole = BUF_INIT(JUDGEMENT_BYTES_MAX);
        struct buf CLEANUP(buf_clear) fit = BUF_INIT(2 * WARNING_MAX);
        if (!is_warned(d))
            continue;
        if (used + WARNING_MAX > WARNINGS_MAX) {
            more++;
            continue;
        }
        warning(&whole, a, d);
        text_escape(&fit, buf_bytes(&whole), WARNING_MAX);
        buf_add_text(out, separator);
        text_json(out, buf_bytes(&fit));
        separator = ",";
        used += fit.len;
        add_state(out, &whole);
        add_state(out, &fit);
    }
    if (more > 0)
        buf_addf(out, ",\"and %zu more\"", more);
    if (separator[1] == '\0')
        buf_add_char(out, ']');
}

/* --- Audit annotations --- */

static void add_image(struct buf *out, const struct decision *d, bool pinned)
{
    struct buf CLEANUP(buf_clear) image = BUF_INIT(2 * REFERENCE_MAX);
    char digest[DIGEST_TEXT_MAX];

    if (d->subject == NULL)
        buf_add_text(&image, "object");
    else
        text_escape(&image, bytes_text(d->subject->text), REFERENCE_MAX);
    buf_add_text(out, "{\"image\":");
    text_json(out, buf_bytes(&image));
    if (d->resolved) {
        digest_format(digest, &d->digest);
        buf_addf(out, ",\"digest\":\"%s\"", digest);
    }
    if (!pinned)
        buf_addf(out, ",\"verdict\":\"%s\",\"mode\":\"%s\"", verdict_name(d->verdict),
                 policy_mode_name(d->mode));
    if (d->rule != NULL) {
        buf_add_text(out, ",\"rule\":");
        text_json(out, bytes_text(d->rule->name));
    }
    if (d->verdict != VERDICT_ALLOW) {
        buf_addf(out, ",\"reason\":\"%s\",\"message\":", reason_name(d->reason));
        text_json(out, bytes_text(d->why));
    }
    if (d->cache == CACHE_PROVEN)
        buf_addf(out, ",\"reason\":\"%s\",\"proof-age\":%lld", reason_name(d->lost),
                 (long long)d->proof_age);
    buf_add_char(out, '}');
    add_state(out, &image);
}

static void add_images(struct buf *out, const struct decisions *all)
{
    static const size_t tail = sizeof(",{\"more\":512}]") + 8;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(ANNOTATION_MAX);
    struct ranked r = every(all);
    const struct decision *d;
    size_t more = 0;

    while ((d = next_ranked(&r)) != NULL) {
        struct buf CLEANUP(buf_clear) one = BUF_INIT(64 * KIB);
        if (more == 0)
            add_image(&one, d, all->setting.pin && d->verdict == VERDICT_ALLOW);
        add_state(out, &one);
        if (more > 0 || text.len + 1 + one.len + tail > ANNOTATION_MAX) {
            more++;
            continue;
        }
        buf_add_char(&text, text.len == 0 ? '[' : ',');
        buf_add_bytes(&text, buf_bytes(&one));
    }
    if (more > 0)
        buf_addf(&text, "%s{\"more\":%zu}", text.len == 0 ? "[" : ",", more);
    buf_add_char(&text, ']');
    text_json(out, buf_bytes(&text));
    add_state(out, &text);
}

static void add_annotations(struct buf *out, const struct answer *a)
{
    struct buf CLEANUP(buf_clear) policy = BUF_INIT(KIB);

    answer_policy(&policy, a->policy);
    buf_add_text(out, ",\"auditAnnotations\":{\"policy\":");
    text_json(out, buf_bytes(&policy));
    add_state(out, &policy);
    if (a->decisions->n > 0) {
        buf_addf(out,
                 ",\"verdict\":\"%s\",\"images\":", verdict_name(decisions_verdict(a->decisions)));
        add_images(out, a->decisions);
    }
    buf_add_char(out, '}');
}

int answer_write(struct buf *out, const struct answer *a, struct err *err)
{
    const bool allowed = decisions_allow(a->decisions);

    buf_add_text(out, "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\","
                      "\"response\":{\"uid\":");
    text_json(out, bytes_text(a->review->uid));
    buf_addf(out, ",\"allowed\":%s", allowed ? "true" : "false");
    if (!allowed)
        add_status(out, a);
    add_warnings(out, a);
    add_annotations(out, a);
    if (allowed && a->patch.len > 0) {
        buf_add_text(out, ",\"patchType\":\"JSONPatch\",\"patch\":\"");
        base64_encode(out, a->patch, BASE64_STANDARD);
        buf_add_char(out, '"');
    }
    buf_add_text(out, "}}\n");
    return buf_check(out, "answer", err);
}
