#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "tests/unit/expect.h"
#include "webhook/metrics.h"

#define PAGE_MAX (4 * MIB)

static void write_page(struct buf *out, struct metrics *m, const struct metrics_gauges *gauges)
{
    struct err err = ERR_INIT;

    buf_reset(out);
    metrics_write(out, m, gauges);
    EXPECT_OK(buf_check(out, "page", &err), &err);
}

static void expect_line(const struct buf *page, const char *line)
{
    char whole[512];

    snprintf(whole, sizeof(whole), "\n%s\n", line);
    if (strstr(buf_text(page), whole) == NULL)
        fail_msg("no line %s in\n%s", line, buf_text(page));
}

static void expect_no(const struct buf *page, const char *text)
{
    if (strstr(buf_text(page), text) != NULL)
        fail_msg("%s in\n%s", text, buf_text(page));
}

static void count_golden(struct metrics *m)
{
    metrics_review(m, METRICS_VALIDATE, VERDICT_DENY, MODE_ENFORCE, REASON_UNSIGNED, 300);
    metrics_review(m, METRICS_VALIDATE, VERDICT_DENY, MODE_ENFORCE, REASON_UNSIGNED, 100);
    metrics_review(m, METRICS_MUTATE, VERDICT_UNKNOWN, MODE_WARN, REASON_DEADLINE, 40000001);
    metrics_image(m, VERDICT_ALLOW, MODE_AUDIT, REASON_NONE);
    metrics_phase(m, PHASE_COLLECT, 99999);
    metrics_phase(m, PHASE_JUDGE, -5);
    metrics_cache(m, CACHE_HIT);
    metrics_cache(m, CACHE_PROVEN);
    metrics_bad_request(m);
    metrics_registry(m, "registry.example.com", 200);
    metrics_registry(m, "registry.example.com", 200);
    metrics_registry(m, "registry.example.com", 429);
    metrics_registry(m, "registry.example.com", 0);
    metrics_registry(m, "registry.example.com", 418);
}

static void expect_reviews(const struct buf *page)
{
#define R "bulla_webhook_reviews_total"
    expect_line(page, "# TYPE " R " counter");
    expect_line(page,
                R "{path=\"validate\",verdict=\"deny\",mode=\"enforce\",reason=\"unsigned\"} 2");
    expect_line(page,
                R "{path=\"mutate\",verdict=\"unknown\",mode=\"warn\",reason=\"deadline\"} 1");
    expect_line(page, R "{path=\"mutate\",verdict=\"allow\",mode=\"enforce\",reason=\"none\"} 0");
    expect_no(page, "reason=\"floor\"");
#define I "bulla_webhook_images_total"
    expect_line(page, I "{verdict=\"allow\",mode=\"audit\",reason=\"none\"} 1");
#define L "bulla_webhook_review_seconds"
    expect_line(page, "# TYPE " L " histogram");
    expect_line(page, L "_bucket{path=\"validate\",le=\"0.0001\"} 1");
    expect_line(page, L "_bucket{path=\"validate\",le=\"0.00025\"} 1");
    expect_line(page, L "_bucket{path=\"validate\",le=\"0.0005\"} 2");
    expect_line(page, L "_bucket{path=\"validate\",le=\"+Inf\"} 2");
    expect_line(page, L "_sum{path=\"validate\"} 0.000400");
    expect_line(page, L "_bucket{path=\"mutate\",le=\"30\"} 0");
    expect_line(page, L "_bucket{path=\"mutate\",le=\"+Inf\"} 1");
    expect_line(page, L "_sum{path=\"mutate\"} 40.000001");
    expect_line(page, L "_count{path=\"mutate\"} 1");
    expect_line(page, "bulla_webhook_phase_seconds_bucket{phase=\"collect\",le=\"0.1\"} 1");
    expect_line(page, "bulla_webhook_phase_seconds_bucket{phase=\"collect\",le=\"0.05\"} 0");
    expect_line(page, "bulla_webhook_phase_seconds_sum{phase=\"judge\"} 0.000000");
    expect_line(page, "bulla_webhook_lookups_total{result=\"hit\"} 1");
    expect_line(page, "bulla_webhook_lookups_total{result=\"miss\"} 0");
    expect_line(page, "bulla_webhook_lookups_total{result=\"proven\"} 1");
    expect_line(page, "bulla_webhook_bad_requests_total 1");
}

static void expect_registries(const struct buf *page)
{
#define Q "bulla_webhook_registry_requests_total{host=\"registry.example.com\",status="
    expect_line(page, Q "\"200\"} 2");
    expect_line(page, Q "\"429\"} 1");
    expect_line(page, Q "\"none\"} 1");
    expect_line(page, Q "\"other\"} 1");
}

static void expect_policy(const struct buf *page, int64_t exemption)
{
    char text[128];

    expect_line(page, "bulla_webhook_policy_info{name=\"pro\\\"duc\\\\tion\\n\",serial=\"42\","
                      "hash=\"9a1b2c3d4e5f\",mode=\"warn\"} 1");
    expect_line(page, "bulla_webhook_policy_serial 42");
    snprintf(text, sizeof(text), "bulla_webhook_policy_exemption_expiry_timestamp_seconds %lld",
             (long long)exemption);
    expect_line(page, text);
}

static void expect_gauges(const struct buf *page)
{
    expect_line(page, "bulla_webhook_generation 3");
    expect_line(page, "bulla_webhook_generation_timestamp_seconds 1000");
    expect_line(page, "bulla_webhook_last_reload_timestamp_seconds 2000");
    expect_line(page, "bulla_webhook_last_reload_successful 0");
    expect_line(page, "bulla_webhook_certificate_expiry_timestamp_seconds 3000");
    expect_line(page, "bulla_webhook_reviews_in_flight 4");
    expect_line(page, "bulla_webhook_lookup_queue_length 5");
    expect_line(page, "bulla_webhook_lookup_workers_busy 6");
    expect_line(page, "bulla_webhook_lookup_workers 7");
    expect_line(page, "bulla_webhook_cache_bytes 8");
    expect_line(page, "bulla_webhook_cache_entries 9");
    expect_line(page, "bulla_webhook_cache_evictions_total 10");
    expect_line(page, "bulla_webhook_requests_refused_total 11");
    expect_line(page, "bulla_webhook_connections_cut_total 12");
    expect_line(page, "bulla_webhook_request_body_bytes 13");
    expect_line(page, "bulla_webhook_connections 14");
    expect_no(page, "process_resident_memory_bytes 0\n");
    expect_no(page, "process_open_fds 0\n");
}

static void test_golden(void **state)
{
    struct metrics *m;
    struct err err = ERR_INIT;
    struct buf CLEANUP(buf_clear) page = BUF_INIT(PAGE_MAX);
    const int64_t later = clock_seconds() + 1000;
    const struct policy_rule rules[] = {
        { .name = "past", .until = 5 },
        { .name = "later", .until = later + 7 },
        { .name = "next", .until = later },
        { .name = "for ever" },
    };
    const struct policy policy = { .name = "pro\"duc\\tion\n",
                                   .serial = 42,
                                   .hash = "9a1b2c3d4e5f",
                                   .mode = MODE_WARN,
                                   .rules = rules,
                                   .n_rules = ARRAY_LEN(rules) };
    const struct metrics_gauges gauges = { .policy = &policy,
                                           .generation = 3,
                                           .loaded = 1000,
                                           .tried = 2000,
                                           .last_failed = true,
                                           .certificate_expires = 3000,
                                           .in_flight = 4,
                                           .waiting = 5,
                                           .busy = 6,
                                           .threads = 7,
                                           .cache_bytes = 8,
                                           .cache_entries = 9,
                                           .evicted = 10,
                                           .refused = 11,
                                           .cut = 12,
                                           .body_bytes = 13,
                                           .connections = 14 };

    (void)state;
    EXPECT_OK(metrics_new(&m, &err), &err);
    count_golden(m);
    write_page(&page, m, &gauges);
    expect_reviews(&page);
    expect_registries(&page);
    expect_policy(&page, later);
    expect_gauges(&page);
    metrics_free(m);
}

/* A policy without serial, no certificate, no exemption. */
static void test_absent(void **state)
{
    struct metrics *m;
    struct err err = ERR_INIT;
    struct buf CLEANUP(buf_clear) page = BUF_INIT(PAGE_MAX);
    const struct policy policy = { .name = "p", .serial = -1 };
    const struct metrics_gauges gauges = { .policy = &policy };

    (void)state;
    EXPECT_OK(metrics_new(&m, &err), &err);
    write_page(&page, m, &gauges);
    expect_line(&page,
                "bulla_webhook_policy_info{name=\"p\",serial=\"\",hash=\"\",mode=\"enforce\"} 1");
    expect_line(&page, "bulla_webhook_policy_serial -1");
    expect_line(&page, "bulla_webhook_policy_exemption_expiry_timestamp_seconds 0");
    expect_line(&page, "bulla_webhook_last_reload_successful 1");
    expect_no(&page, "certificate_expiry");
    expect_no(&page, "registry_requests_total{");
    metrics_free(m);
}

/* Sixty-four hosts have a name; the sixty-fifth and whoever is too long are others. */
static void test_hosts(void **state)
{
    struct metrics *m;
    struct err err = ERR_INIT;
    struct buf CLEANUP(buf_clear) page = BUF_INIT(PAGE_MAX);
    const struct metrics_gauges gauges = { .policy = NULL };
    char name[400];

    (void)state;
    EXPECT_OK(metrics_new(&m, &err), &err);
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    metrics_registry(m, name, 200);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 66; i++) {
            snprintf(name, sizeof(name), "h%d.example", i);
            metrics_registry(m, name, 404);
        }
    write_page(&page, m, &gauges);
#define H "bulla_webhook_registry_requests_total{host="
    expect_line(&page, H "\"h0.example\",status=\"404\"} 2");
    expect_line(&page, H "\"h63.example\",status=\"404\"} 2");
    expect_no(&page, "h64.example");
    expect_line(&page, H "\"other\",status=\"404\"} 4");
    expect_line(&page, H "\"other\",status=\"200\"} 1");
    metrics_free(m);
}

#define THREADS 4
#define ROUNDS 20000

static void *count_all(void *context)
{
    struct metrics *m = context;
    char name[32];

    for (int i = 0; i < ROUNDS; i++) {
        snprintf(name, sizeof(name), "h%d", i % 80);
        metrics_registry(m, name, 200);
        metrics_image(m, VERDICT_ALLOW, MODE_ENFORCE, REASON_NONE);
        metrics_phase(m, PHASE_JUDGE, i);
    }
    return NULL;
}

/* No count is lost, and a page can be written meanwhile. */
static void test_threads(void **state)
{
    struct metrics *m;
    struct err err = ERR_INIT;
    struct buf CLEANUP(buf_clear) page = BUF_INIT(PAGE_MAX);
    const struct metrics_gauges gauges = { .policy = NULL };
    pthread_t threads[THREADS];

    (void)state;
    EXPECT_OK(metrics_new(&m, &err), &err);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_all, m), 0);
    for (int i = 0; i < 20; i++)
        write_page(&page, m, &gauges);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    write_page(&page, m, &gauges);
    expect_line(&page, I "{verdict=\"allow\",mode=\"enforce\",reason=\"none\"} 80000");
    expect_line(&page, "bulla_webhook_phase_seconds_count{phase=\"judge\"} 80000");
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
