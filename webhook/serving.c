#include "webhook/serving.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"

#define PROBE_MAX (4 * KIB)   /* of an answer to a probe */
#define METRICS_MAX (4 * MIB) /* of the page: 65 hosts and all verdicts are below 200 KiB */
#define PLAIN "text/plain; charset=utf-8"

void serving_healthz(void *context, struct exchange *exchange)
{
    struct buf body = BUF_INIT(PROBE_MAX);

    (void)context;
    buf_add_text(&body, "ok\n");
    exchange_answer(exchange, 200, PLAIN, &body, -1);
}

static void write_details(struct buf *out, struct serving *s)
{
    char loaded[TIME_TEXT_MAX];
    char tried[TIME_TEXT_MAX];
    struct generations_state state;
    const struct generation *now = generation_take(s->generations);
    const struct policy *policy = now->file.policy;

    generations_state(&state, s->generations);
    time_format(loaded, now->loaded);
    time_format(tried, state.tried);
    buf_addf(out, "policy %s", policy->name);
    if (policy->serial >= 0)
        buf_addf(out, " serial %lld", (long long)policy->serial);
    buf_addf(out, " hash %s mode %s\ngeneration %llu loaded %s\n", policy->hash,
             policy_mode_name(policy->mode), (unsigned long long)now->number, loaded);
    if (state.last_failed) {
        buf_addf(out, "last reload failed %s: ", tried);
        text_escape(out, bytes_text(err_text(&state.why)), ERR_TEXT_MAX);
        buf_add_char(out, '\n');
    }
    generation_drop(now);
}

void serving_readyz(void *context, struct exchange *exchange)
{
    struct serving *s = context;
    const bool draining = atomic_load(&s->draining);
    struct buf body = BUF_INIT(PROBE_MAX);

    buf_add_text(&body, draining ? "draining\n" : "ok\n");
    if (exchange_query(exchange, "verbose") != NULL)
        write_details(&body, s);
    exchange_answer(exchange, draining ? 503 : 200, PLAIN, &body, -1);
}

static void read_gauges(struct metrics_gauges *out, struct serving *s, const struct generation *now)
{
    struct generations_state generations;
    struct lookups_state lookups;
    struct server_state server;

    generations_state(&generations, s->generations);
    lookups_state(&lookups, s->lookups);
    server_state(&server, s->server);
    *out = (struct metrics_gauges) {
        .policy = now->file.policy,
        .generation = now->number,
        .loaded = now->loaded,
        .tried = generations.tried,
        .last_failed = generations.last_failed,
        .certificate_expires = now->identity == NULL ? 0 : tls_identity_expires(now->identity),
        .in_flight = admission_in_flight(s->admission),
        .waiting = lookups.waiting,
        .busy = lookups.busy,
        .threads = lookups.threads,
        .cache_bytes = lookups.bytes,
        .cache_entries = lookups.kept,
        .evicted = lookups.evicted,
        .refused = server.refused,
        .cut = server.cut,
        .body_bytes = server.memory,
        .connections = server.connections,
    };
}

void serving_metrics(void *context, struct exchange *exchange)
{
    struct serving *s = context;
    struct metrics_gauges gauges;
    struct buf body = BUF_INIT(METRICS_MAX);
    const struct generation *now = generation_take(s->generations);

    read_gauges(&gauges, s, now);
    metrics_write(&body, s->metrics, &gauges);
    generation_drop(now);
    if (body.state == BUF_FINE) {
        exchange_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", &body, -1);
        return;
    }
    buf_clear(&body);
    exchange_answer(exchange, 500, PLAIN, &body, -1);
}

bool serving_token_is(void *context, struct bytes token)
{
    struct serving *s = context;
    const struct generation *now = generation_take(s->generations);
    /* A generation without a token would be a defect: then nobody may call. */
    const bool is = now->token != NULL && secret_equal(secret_bytes(now->token), token);

    generation_drop(now);
    return is;
}
