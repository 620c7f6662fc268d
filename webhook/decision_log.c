#include "webhook/decision_log.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "engine/explanation.h"
#include "webhook/answer.h"

#define MILLIS_TEXT 24

static const char *cached_word(enum metrics_cache cache)
{
    switch (cache) {
    case CACHE_HIT:
        return "yes";
    case CACHE_MISS:
        return "no";
    case CACHE_PROVEN:
        return "proven";
    case CACHE_UNNEEDED:
    case CACHE_CLASSES:
        break;
    }
    return NULL;
}

/* "1.234", or NULL for a phase that there was none of. */
static const char *millis(char out[MILLIS_TEXT], int64_t micros)
{
    if (micros <= 0)
        return NULL;
    snprintf(out, MILLIS_TEXT, "%lld.%03d", (long long)(micros / 1000), (int)(micros % 1000));
    return out;
}

static const char *unless_empty(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static void log_one(const struct decision_log *log, const struct decision *d, const char *policy)
{
    const struct review *r = log->decisions->setting.review;
    const bool pinned = log->decisions->setting.pin && d->verdict == VERDICT_ALLOW;
    char digest[DIGEST_TEXT_MAX] = "", age[MILLIS_TEXT] = "";
    char select[MILLIS_TEXT], resolve[MILLIS_TEXT], collect[MILLIS_TEXT], check[MILLIS_TEXT],
        judge[MILLIS_TEXT], total[MILLIS_TEXT];

    if (d->resolved)
        digest_format(digest, &d->digest);
    if (d->cache == CACHE_PROVEN)
        snprintf(age, sizeof(age), "%lld", (long long)d->proof_age);
    const enum reason_code reason = d->cache == CACHE_PROVEN ? d->lost : d->reason;
    const struct log_field fields[] = {
        { "uid", r->uid },
        { "path", log->path },
        { "operation", review_operation_name(r->operation) },
        { "kind", unless_empty(r->kind) },
        { "subresource", unless_empty(r->subresource) },
        { "namespace", r->namespace },
        { "name", unless_empty(r->name) },
        { "user", unless_empty(r->user) },
        { "dry_run", r->dry_run ? "yes" : NULL },
        { "image", d->subject != NULL ? d->subject->text : NULL },
        { "digest", unless_empty(digest) },
        { "verdict", pinned ? NULL : verdict_name(d->verdict) },
        { "mode", policy_mode_name(d->mode) },
        { "rule", d->rule != NULL ? d->rule->name : NULL },
        { "reason", reason != REASON_NONE ? reason_name(reason) : NULL },
        { "why", unless_empty(d->why) },
        { "policy", policy },
        { "cached", cached_word(d->cache) },
        { "proof_age_seconds", unless_empty(age) },
        { "select_ms", millis(select, d->select_micros) },
        { "resolve_ms", millis(resolve, d->times.resolve) },
        { "collect_ms", millis(collect, d->times.collect) },
        { "check_ms", millis(check, d->times.check) },
        { "judge_ms", millis(judge, d->judge_micros) },
        { "total_ms", millis(total, log->total_micros) },
    };

    log_event(LOG_INFO, fields, ARRAY_LEN(fields), "%s %s", d->subject != NULL ? "image" : "object",
              pinned ? "pinned" : explanation_verdict(d->verdict));
}

void decision_log(const struct decision_log *log)
{
    struct buf CLEANUP(buf_clear) policy = BUF_INIT(KIB);

    if (!log_enabled(LOG_INFO))
        return;
    for (size_t i = 0; i < log->decisions->n; i++) {
        const struct decision *d = &log->decisions->items[i];
        if (d->verdict == VERDICT_ALLOW && !log->allowed && d->cache != CACHE_PROVEN)
            continue;
        if (policy.len == 0)
            answer_policy(&policy, log->decisions->setting.policy);
        log_one(log, d, buf_text(&policy));
    }
}
