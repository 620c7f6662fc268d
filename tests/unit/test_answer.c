/* Answers, byte for byte: tests/vectors/answers. And what bounds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/json_pointer.h"
#include "base/json_pull.h"
#include "tests/unit/decisions.h"
#include "tests/unit/expect.h"
#include "webhook/answer.h"
#include "webhook/patch.h"

#define ANSWERS "tests/vectors/answers/"
#define APP "reg.example/app/web"
#define AT_SIGNED "@" SIGNED_DIGEST
#define AT_OTHER "@" OTHER_DIGEST
#define WARNED "reg.example/warned/x"
#define AUDITED "reg.example/audited/x"

enum found { SIGNED, UNSIGNED, UNREACHABLE, LATE, PROVEN_BEFORE };

static const struct row {
    const char *name; /* of the file, too */
    struct review_of of;
    const char *from, *to;
    bool pin;
    enum found found[3]; /* of each that is looked up, in order */
    int code;            /* 0: allowed */
    size_t warnings;
} rows[] = {
    { .name = "none", .of = { .operation = "DELETE", .object = "null" } },
    { .name = "allowed", .of = { .spec = SPEC(CONTAINER(APP AT_SIGNED)) } },
    { .name = "unsigned",
      .of = { .spec = SPEC(CONTAINER(APP ":1.4" AT_SIGNED)) },
      .found = { UNSIGNED },
      .code = 403 },
    { .name = "unknown",
      .of = { .spec = SPEC(CONTAINER(APP AT_SIGNED)) },
      .found = { UNREACHABLE },
      .code = 503 },
    { .name = "late",
      .of = { .spec = SPEC(CONTAINER(APP AT_SIGNED)) },
      .found = { LATE },
      .code = 503 },
    { .name = "both",
      .code = 403,
      .found = { UNREACHABLE, UNSIGNED, SIGNED },
      .of = { .spec = SPEC(CONTAINER(APP AT_OTHER) "," CONTAINER(APP AT_SIGNED) "," CONTAINER(
                  APP "2" AT_SIGNED) "," CONTAINER(APP AT_SIGNED)) } },
    { .name = "tag", .of = { .spec = SPEC(CONTAINER(APP ":1.4")) }, .code = 403 },
    { .name = "floor", .of = { .spec = SPEC(CONTAINER("evil.example/x:1")) }, .code = 403 },
    { .name = "reference",
      .of = { .spec = SPEC(CONTAINER("\\\"<b> \\u2028\\u202e")) },
      .code = 403 },
    { .name = "unreadable", .of = { .spec = SPEC("{\"name\":\"c\"}") }, .code = 403 },
    { .name = "warned",
      .found = { UNSIGNED, UNREACHABLE },
      .warnings = 2,
      .of = { .spec = SPEC(CONTAINER(WARNED AT_SIGNED) "," CONTAINER(WARNED ":2")) } },
    { .name = "audited",
      .found = { UNSIGNED },
      .of = { .spec = SPEC(CONTAINER(AUDITED AT_SIGNED)) } },
    { .name = "template",
      .found = { UNSIGNED },
      .warnings = 2,
      .of = { .group = "apps",
              .kind = "Deployment",
              .resource = "deployments",
              .spec = SPEC(CONTAINER(APP ":1") "," CONTAINER("evil.example/x")) } },
    { .name = "proven",
      .found = { PROVEN_BEFORE },
      .warnings = 1,
      .of = { .spec = SPEC(CONTAINER(APP AT_SIGNED)) } },
    { .name = "pinned",
      .pin = true,
      .of = { .spec = SPEC(
                  CONTAINER(APP ":1.4") "," CONTAINER(APP AT_SIGNED) "," CONTAINER(APP ":1.4")) } },
    { .name = "nothing-to-pin",
      .pin = true,
      .of = { .spec = SPEC(CONTAINER(APP AT_SIGNED) "," CONTAINER("evil.example/x:1")) } },
    { .name = "not-pinned",
      .pin = true,
      .found = { UNREACHABLE },
      .code = 503,
      .of = { .spec = SPEC(CONTAINER(APP ":1.4")) } },
    { .name = "one-not-pinned",
      .pin = true,
      .found = { UNREACHABLE, SIGNED },
      .warnings = 1,
      .of = { .spec = SPEC(CONTAINER(WARNED ":1") "," CONTAINER(APP ":1.4")) } },
};

static void decide(struct decided *w, struct decision *d, enum found found)
{
    struct lookup CLEANUP(lookup_clear) lookup;

    if (found == UNREACHABLE)
        lookup_lost(&lookup, ERR_NETWORK, "reg.example: connection refused");
    else
        lookup_of(&lookup, found != UNSIGNED);
    lookup.times = (struct lookup_times) { 0 };
    if (d->resolved)
        lookup.digest = d->digest;
    decision_found(&w->decisions, d, found == LATE || found == PROVEN_BEFORE ? NULL : &lookup,
                   false);
    lookup.collected = NOW - 17 * 60;
    if (found == PROVEN_BEFORE)
        decision_proven(&w->decisions, d, &lookup);
}

static void write_answer(struct buf *out, struct decided *w)
{
    struct buf CLEANUP(buf_clear) patch = BUF_INIT(PATCH_MAX);
    struct err err = ERR_INIT;

    if (w->decisions.setting.pin)
        EXPECT_OK(patch_write(&patch, &w->decisions, &err), &err);
    const struct answer answer = { &w->review, w->loaded.policy, &w->decisions, buf_bytes(&patch) };
    EXPECT_OK(answer_write(out, &answer, &err), &err);
}

static void expect_file(const struct buf *got, const char *name)
{
    struct buf CLEANUP(buf_clear) wanted = BUF_INIT(MIB);
    char path[128];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), ANSWERS "%s.json", name);
    if (getenv("WRITE_ANSWERS") != NULL)
        EXPECT_OK(file_write(path, buf_bytes(got), 0644, &err), &err);
    EXPECT_OK(file_read(&wanted, path, &err), &err);
    EXPECT_BUF(got, buf_text(&wanted));
}

/* Every answer is an AdmissionReview, allows what it should, and says of a denial what its code
 * is. */
static void check_answer(const struct buf *got, int code, size_t warnings, bool patch)
{
    struct json_view root;
    struct err err = ERR_INIT;

    EXPECT_OK(json_scan(&root, buf_bytes(got), &err), &err);
    assert_true(json_string_is(json_at(root, "/kind"), BYTES_LIT("AdmissionReview")));
    assert_true(json_string_is(json_at(root, "/response/uid"), BYTES_LIT("uid-1")));
    assert_int_equal(json_at(root, "/response/allowed").kind,
                     code == 0 ? JSON_TRUE_VALUE : JSON_FALSE_VALUE);
    assert_int_equal(json_count(json_at(root, "/response/warnings")), warnings);
    int64_t told = 0;
    if (code != 0)
        EXPECT_OK(json_integer(&told, json_at(root, "/response/status/code"), 0, 999, "code", &err),
                  &err);
    assert_int_equal(told, code);
    assert_int_equal(json_at(root, "/response/status").kind, code == 0 ? JSON_ABSENT : JSON_OBJECT);
    assert_int_equal(json_at(root, "/response/status/details/retryAfterSeconds").kind,
                     code == 503 ? JSON_NUMBER : JSON_ABSENT);
    assert_int_equal(json_at(root, "/response/patch").kind, patch ? JSON_STRING : JSON_ABSENT);
    assert_int_equal(json_at(root, "/response/patchType").kind, patch ? JSON_STRING : JSON_ABSENT);
    assert_int_equal(json_at(root, "/response/auditAnnotations/policy").kind, JSON_STRING);
}

static void test_golden(void **state)
{
    const struct row *row = *state;
    struct decided CLEANUP(decided_clear) w;
    struct buf CLEANUP(buf_clear) got = BUF_INIT(ANSWER_MAX);
    size_t asked = 0;

    decided_policy(&w, row->from, row->to);
    decided_begin(&w, &row->of, row->pin);
    for (size_t i = 0; i < w.decisions.n; i++)
        if (w.decisions.items[i].selection != NULL)
            decide(&w, &w.decisions.items[i], row->found[asked++]);
    write_answer(&got, &w);
    check_answer(&got, row->code, row->warnings, strstr(row->name, "pinned") && row->code == 0);
    expect_file(&got, row->name);
}

/* As many images as there may be, all denied, with names as long as they may be. */
static void begin_many(struct decided *w, const char *repository, size_t n, size_t length)
{
    struct buf CLEANUP(buf_clear) spec = BUF_INIT(4 * MIB);

    buf_add_text(&spec, "{\"containers\":[");
    for (size_t i = 0; i < n; i++) {
        buf_addf(&spec, "%s{\"image\":\"%s/i%zu", i > 0 ? "," : "", repository, i);
        for (size_t k = 0; k < length; k++)
            buf_add_char(&spec, 'x');
        buf_add_text(&spec, AT_SIGNED "\"}");
    }
    buf_add_text(&spec, "]}");
    decided_begin(w, &(struct review_of) { .spec = buf_text(&spec) }, false);
}

static size_t text_length(struct json_view view)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(ANSWER_MAX);

    assert_int_equal(json_string(&text, view, "text", NULL), 0);
    return text.len;
}

static void test_bounded(void **state)
{
    static const size_t lengths[] = { 1, 200 };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
        struct decided CLEANUP(decided_clear) w;
        struct buf CLEANUP(buf_clear) got = BUF_INIT(ANSWER_MAX);
        struct json_view root;
        decided_policy(&w, NULL, NULL);
        begin_many(&w, "reg.example/denied", REVIEW_IMAGES_MAX, lengths[k]);
        write_answer(&got, &w);
        check_answer(&got, 403, 0, false);
        assert_int_equal(json_scan(&root, buf_bytes(&got), NULL), 0);
        struct buf CLEANUP(buf_clear) message = BUF_INIT(ANSWER_MAX);
        assert_int_equal(
            json_string(&message, json_at(root, "/response/status/message"), "message", NULL), 0);
        assert_true(message.len <= ANSWER_MESSAGE_MAX);
        assert_non_null(strstr(buf_text(&message), "\nand "));
        assert_non_null(strstr(buf_text(&message), " more\npolicy production#42"));
        assert_int_equal(json_count(json_at(root, "/response/status/details/causes")),
                         ANSWER_CAUSES_MAX);
        assert_true(text_length(json_at(root, "/response/auditAnnotations/images")) <= 8 * KIB);
        assert_true(got.len < 64 * KIB);
    }
}

static void test_warnings_bounded(void **state)
{
    struct decided CLEANUP(decided_clear) w;
    struct buf CLEANUP(buf_clear) got = BUF_INIT(ANSWER_MAX);
    struct json_view root, name, value;
    size_t total = 0, n = 0;

    (void)state;
    decided_policy(&w, "mode: enforce", "mode: warn");
    begin_many(&w, "reg.example/denied", REVIEW_IMAGES_MAX, 30);
    write_answer(&got, &w);
    assert_int_equal(json_scan(&root, buf_bytes(&got), NULL), 0);
    struct json_walk walk = json_walk(json_at(root, "/response/warnings"));
    while (json_next(&walk, &name, &value)) {
        assert_true(text_length(value) <= 160);
        total += text_length(value);
        n++;
    }
    assert_true(total < 4096 && n > 10);
    assert_non_null(strstr(buf_text(&got), " more\"]"));
}

/* What is cut is cut between two characters. */
static void test_why_cut(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        struct decided CLEANUP(decided_clear) w;
        struct buf CLEANUP(buf_clear) spec = BUF_INIT(16 * KIB);
        struct buf CLEANUP(buf_clear) got = BUF_INIT(ANSWER_MAX);
        buf_add_text(&spec, "{\"containers\":[{\"image\":\"");
        for (size_t i = 0; i < shift; i++)
            buf_add_char(&spec, 'x');
        for (int i = 0; i < 300; i++)
            buf_add_text(&spec, "\xe2\x82\xac");
        buf_add_text(&spec, "\"}]}");
        decided_policy(&w, NULL, NULL);
        decided_begin(&w, &(struct review_of) { .spec = buf_text(&spec) }, false);
        const struct decision *d = &w.decisions.items[0];
        assert_true(strlen(d->entry) <= DECISION_ENTRY_MAX && strlen(d->why) <= DECISION_WHY_MAX);
        assert_true(utf8_valid(bytes_text(d->entry)) && utf8_valid(bytes_text(d->why)));
        write_answer(&got, &w);
        check_answer(&got, 403, 0, false);
    }
}

/* A rule of many leaves says what fits. */
static void test_entry_cut(void **state)
{
    struct decided CLEANUP(decided_clear) w;
    struct buf CLEANUP(buf_clear) rule = BUF_INIT(16 * KIB);
    struct buf CLEANUP(buf_clear) got = BUF_INIT(ANSWER_MAX);

    (void)state;
    buf_add_text(&rule, "namespaces: [shop], require: {all: [");
    for (int i = 0; i < 30; i++)
        buf_addf(&rule, "%s{signed: vendor, annotations: {a: b%d}}", i > 0 ? ", " : "", i);
    buf_add_text(&rule, "]}}\n  - {name: rest, images: \"reg.example/rest/**\", require: {signed: "
                        "vendor}}\n");
    decided_policy(&w, "namespaces: [shop], require: {signed: vendor}}\n", buf_text(&rule));
    decided_begin(&w, &(struct review_of) { .spec = SPEC(CONTAINER(APP AT_SIGNED)) }, false);
    decide(&w, &w.decisions.items[0], UNSIGNED);
    const char *entry = w.decisions.items[0].entry;
    assert_int_equal(strlen(entry), DECISION_ENTRY_MAX);
    assert_string_equal(entry + strlen(entry) - 3, "...");
    write_answer(&got, &w);
    check_answer(&got, 403, 0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_warnings_bounded),
        cmocka_unit_test(test_why_cut),
        cmocka_unit_test(test_entry_cut),
    };
    int failed = RUN_ROWS(rows, test_golden);

    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
