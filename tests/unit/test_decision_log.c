/* A line of the log for each image: JSON, its fields, and which are not written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/json_pull.h"
#include "base/log.h"
#include "tests/unit/decisions.h"
#include "tests/unit/expect.h"
#include "webhook/decision_log.h"

#define APP "reg.example/app/web"
#define SIGNED_IMAGE APP "@" SIGNED_DIGEST

/* What was written to standard error meanwhile. */
static void write_log(struct buf *out, const struct decision_log *log)
{
    struct err err = ERR_INIT;
    char path[] = "/tmp/bulla-log-XXXXXX";
    const int file = mkstemp(path);
    const int saved = dup(STDERR_FILENO);

    assert_true(file >= 0 && saved >= 0);
    dup2(file, STDERR_FILENO);
    decision_log(log);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(file);
    EXPECT_OK(file_read(out, path, &err), &err);
    remove(path);
}

static void expect_member(struct json_view line, const char *name, const char *text)
{
    struct json_view found;
    const struct json_member member = { name, &found, JSON_STRING, false };
    struct err err = ERR_INIT;

    EXPECT_OK(json_members(line, &member, 1, JSON_REST_IGNORED, "line", &err), &err);
    if (text == NULL) {
        assert_int_equal(found.kind, JSON_ABSENT);
        return;
    }
    if (!json_string_is(found, bytes_text(text)))
        print_error("%s: %.*s\n", name, (int)found.raw.len, (const char *)found.raw.data);
    assert_true(json_string_is(found, bytes_text(text)));
}

static size_t lines(const struct buf *text)
{
    size_t n = 0;

    for (size_t i = 0; i < text->len; i++)
        n += text->data[i] == '\n';
    return n;
}

enum found { SIGNED, UNSIGNED, LATE, PROVEN_BEFORE };

static void decide(struct decided *w, const struct review_of *of, enum found found, bool pin)
{
    struct lookup CLEANUP(lookup_clear) lookup;

    decided_policy(w, NULL, NULL);
    decided_begin(w, of, pin);
    lookup_of(&lookup, found != UNSIGNED);
    lookup.times = (struct lookup_times) { 1500, 2000000, 7 };
    lookup.collected = NOW - 60;
    for (size_t i = 0; i < w->decisions.n; i++) {
        struct decision *d = &w->decisions.items[i];
        if (d->selection == NULL)
            continue;
        decision_found(&w->decisions, d, found == LATE || found == PROVEN_BEFORE ? NULL : &lookup,
                       false);
        if (found == PROVEN_BEFORE)
            decision_proven(&w->decisions, d, &lookup);
        d->judge_micros = 12;
    }
}

static const struct row {
    const char *name;
    struct review_of of;
    enum found found;
    bool pin, allowed; /* are lines of allowed images wanted? */
    size_t n;
    const char *msg, *image, *digest, *verdict, *mode, *rule, *reason, *cached, *age;
} rows[] = {
    { "denied",
      { .spec = SPEC(CONTAINER(SIGNED_IMAGE)) },
      UNSIGNED,
      false,
      false,
      1,
      "image denied",
      SIGNED_IMAGE,
      SIGNED_DIGEST,
      "deny",
      "enforce",
      "shops",
      "unsigned",
      "no",
      NULL },
    { "allowed is not logged",
      { .spec = SPEC(CONTAINER(SIGNED_IMAGE)) },
      SIGNED,
      false,
      false,
      0,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL },
    { "allowed",
      { .spec = SPEC(CONTAINER(SIGNED_IMAGE)) },
      SIGNED,
      false,
      true,
      1,
      "image allowed",
      SIGNED_IMAGE,
      SIGNED_DIGEST,
      "allow",
      "enforce",
      "shops",
      NULL,
      "no",
      NULL },
    { "late",
      { .spec = SPEC(CONTAINER(SIGNED_IMAGE)) },
      LATE,
      false,
      false,
      1,
      "image unknown",
      SIGNED_IMAGE,
      SIGNED_DIGEST,
      "unknown",
      "enforce",
      "shops",
      "deadline",
      "no",
      NULL },
    { "proven before is always logged",
      { .spec = SPEC(CONTAINER(SIGNED_IMAGE)) },
      PROVEN_BEFORE,
      false,
      false,
      1,
      "image allowed",
      SIGNED_IMAGE,
      SIGNED_DIGEST,
      "allow",
      "enforce",
      "shops",
      "deadline",
      "proven",
      "60" },
    { "not looked up",
      { .spec = SPEC(CONTAINER(APP ":1")) },
      SIGNED,
      false,
      false,
      1,
      "image denied",
      APP ":1",
      NULL,
      "deny",
      "enforce",
      "shops",
      "not-a-digest",
      NULL,
      NULL },
    { "unreadable",
      { .spec = SPEC("3") },
      SIGNED,
      false,
      false,
      1,
      "object denied",
      NULL,
      NULL,
      "deny",
      "enforce",
      NULL,
      "malformed",
      NULL,
      NULL },
    { "pinned",
      { .spec = SPEC(CONTAINER(APP ":1")) },
      SIGNED,
      true,
      true,
      1,
      "image pinned",
      APP ":1",
      SIGNED_DIGEST,
      NULL,
      "enforce",
      "shops",
      NULL,
      "no",
      NULL },
    { "no image",
      { .operation = "DELETE", .object = "null" },
      SIGNED,
      false,
      true,
      0,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL },
    { "what disturbs a log",
      { .spec = SPEC(CONTAINER("a\\u2028\\\"b")) },
      SIGNED,
      false,
      false,
      1,
      "image denied",
      "a\\xe2\\x80\\xa8\"b",
      NULL,
      "deny",
      "enforce",
      NULL,
      "malformed",
      NULL,
      NULL },
};

static void test_row(void **state)
{
    const struct row *row = *state;
    struct decided CLEANUP(decided_clear) w;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB);
    struct json_view line;
    struct err err = ERR_INIT;

    decide(&w, &row->of, row->found, row->pin);
    const struct decision_log log = { &w.decisions, row->pin ? "/mutate" : "/validate", 2001500,
                                      row->allowed };
    write_log(&text, &log);
    assert_int_equal(lines(&text), row->n);
    if (row->n == 0)
        return;
    EXPECT_OK(json_scan(&line, buf_bytes(&text), &err), &err);
    expect_member(line, "msg", row->msg);
    expect_member(line, "level", "info");
    expect_member(line, "uid", "uid-1");
    expect_member(line, "path", log.path);
    expect_member(line, "namespace", "shop");
    expect_member(line, "name", "web");
    expect_member(line, "kind", "Pod");
    expect_member(line, "operation", "CREATE");
    expect_member(line, "user", "jane");
    expect_member(line, "image", row->image);
    expect_member(line, "digest", row->digest);
    expect_member(line, "verdict", row->verdict);
    expect_member(line, "mode", row->mode);
    expect_member(line, "rule", row->rule);
    expect_member(line, "reason", row->reason);
    expect_member(line, "cached", row->cached);
    expect_member(line, "proof_age_seconds", row->age);
    expect_member(line, "total_ms", "2001.500");
    const bool looked_up =
        row->cached != NULL && strcmp(row->cached, "no") == 0 && row->found != LATE;
    expect_member(line, "resolve_ms", looked_up ? "1.500" : NULL);
    expect_member(line, "collect_ms", looked_up ? "2000.000" : NULL);
    expect_member(line, "check_ms", looked_up ? "0.007" : NULL);
}

static void test_level(void **state)
{
    struct decided CLEANUP(decided_clear) w;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB);

    (void)state;
    decide(&w, &(struct review_of) { .spec = SPEC(CONTAINER(SIGNED_IMAGE)) }, UNSIGNED, false);
    const struct decision_log log = { &w.decisions, "/validate", 0, true };
    log_setup(LOG_WARN, LOG_JSON, "webhook");
    write_log(&text, &log);
    log_setup(LOG_INFO, LOG_JSON, "webhook");
    EXPECT_BUF(&text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_level) };

    log_setup(LOG_INFO, LOG_JSON, "webhook");
    int failed = RUN_ROWS(rows, test_row);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
