#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/decisions.h"
#include "tests/unit/expect.h"

#define APP "reg.example/app/web"
#define AT_SIGNED "@" SIGNED_DIGEST
#define DEPLOYED .group = "apps", .kind = "Deployment", .resource = "deployments"

/* What is said of one image before anything is looked up. */
static const struct before {
    const char *name;
    const char *image;
    bool template;
    const char *from, *to; /* change of the policy */
    enum verdict verdict;  /* with `need` not looked at */
    enum policy_mode mode;
    enum reason_code reason;
    const char *word; /* of why */
    bool need;        /* it is to be looked up */
} before[] = {
    { .name = "by digest", .image = APP AT_SIGNED, .need = true },
    { .name = "tag and digest", .image = APP ":1" AT_SIGNED, .need = true },
    { .name = "a tag is not judged",
      .image = APP ":1",
      .reason = REASON_NOT_A_DIGEST,
      .word = "/mutate" },
    { .name = "a tag of an image that may be unsigned",
      .image = "reg.example/open/x:1",
      .reason = REASON_NOT_A_DIGEST,
      .word = "/mutate" },
    { .name = "a tag where digests are required",
      .image = APP ":1",
      .from = "tags: pin",
      .to = "tags: require-digest",
      .reason = REASON_NOT_A_DIGEST,
      .word = "require-digest" },
    { .name = "a tag where tags are allowed",
      .image = APP ":1",
      .from = "tags: pin",
      .to = "tags: allow",
      .need = true },
    { .name = "a tag under warn is judged",
      .image = "reg.example/warned/x:1",
      .mode = MODE_WARN,
      .need = true },
    { .name = "a tag under audit is judged",
      .image = "reg.example/audited/x:1",
      .mode = MODE_AUDIT,
      .need = true },
    { .name = "a tag in a template is judged",
      .image = APP ":1",
      .template = true,
      .mode = MODE_WARN,
      .need = true },
    { .name = "a tag in an enforced template is judged",
      .image = APP ":1",
      .template = true,
      .from = "templates: warn",
      .to = "templates: enforce",
      .need = true },
    { .name = "unsigned is allowed by digest",
      .image = "reg.example/open/x" AT_SIGNED,
      .verdict = VERDICT_ALLOW },
    { .name = "denied by name",
      .image = "reg.example/denied/x" AT_SIGNED,
      .reason = REASON_DENIED_BY_RULE,
      .word = "use another" },
    { .name = "denied by name with a tag",
      .image = "reg.example/denied/x:1",
      .reason = REASON_DENIED_BY_RULE,
      .word = "use another" },
    { .name = "no rule",
      .image = "reg.example/other/x" AT_SIGNED,
      .reason = REASON_NO_RULE,
      .word = "no rule" },
    { .name = "no rule, let in",
      .image = "reg.example/other/x:1",
      .from = "unmatched: deny",
      .to = "unmatched: allow",
      .verdict = VERDICT_ALLOW },
    { .name = "no rule, warned",
      .image = "reg.example/other/x:1",
      .from = "unmatched: deny",
      .to = "unmatched: warn",
      .mode = MODE_WARN,
      .reason = REASON_NO_RULE,
      .word = "no rule" },
    { .name = "the floor's registries",
      .image = "evil.example/app/web" AT_SIGNED,
      .reason = REASON_FLOOR,
      .word = "registries" },
    { .name = "the floor's tags",
      .image = APP ":latest",
      .reason = REASON_FLOOR,
      .word = "latest" },
    { .name = "the floor, the file under warn",
      .image = APP ":latest",
      .from = "mode: enforce",
      .to = "mode: warn",
      .mode = MODE_WARN,
      .reason = REASON_FLOOR,
      .word = "latest" },
    { .name = "the floor in a template",
      .image = APP ":latest",
      .template = true,
      .mode = MODE_WARN,
      .reason = REASON_FLOOR,
      .word = "latest" },
    { .name = "no reference",
      .image = "Reg.Example/UPPER",
      .reason = REASON_MALFORMED,
      .word = "" },
    { .name = "a folder",
      .image = "oci:/var/lib/images:1",
      .reason = REASON_MALFORMED,
      .word = "folder" },
    { .name = "no reference, though unmatched are let in",
      .image = "a b",
      .from = "unmatched: deny",
      .to = "unmatched: allow",
      .reason = REASON_MALFORMED },
    { .name = "no reference under audit",
      .image = "a b",
      .from = "mode: enforce",
      .to = "mode: audit",
      .mode = MODE_AUDIT,
      .reason = REASON_MALFORMED },
};

static void test_before(void **state)
{
    const struct before *row = *state;
    struct decided CLEANUP(decided_clear) w;
    struct buf CLEANUP(buf_clear) spec = BUF_INIT(4096);
    struct review_of of = { 0 };

    buf_addf(&spec, SPEC("{\"name\":\"c\",\"image\":\"%s\"}"), row->image);
    of.spec = buf_text(&spec);
    if (row->template)
        of = (struct review_of) { DEPLOYED, .spec = buf_text(&spec) };
    decided_policy(&w, row->from, row->to);
    decided_begin(&w, &of, false);
    assert_int_equal(w.decisions.n, 1);
    const struct decision *d = &w.decisions.items[0];
    assert_int_equal(d->selection != NULL, row->need);
    assert_int_equal(d->mode, row->mode);
    assert_int_equal(d->verdict, row->need ? VERDICT_DENY : row->verdict);
    if (row->need)
        return;
    assert_int_equal(d->reason, row->reason);
    assert_int_equal(d->cache, CACHE_UNNEEDED);
    if (row->verdict == VERDICT_ALLOW) {
        assert_string_equal(d->why, "");
        assert_string_equal(d->entry, "");
    } else {
        assert_non_null(strstr(d->why, row->word != NULL ? row->word : ""));
        assert_non_null(strstr(d->entry, reason_name(row->reason)));
        assert_non_null(strstr(d->entry, "(production#42"));
    }
    assert_int_equal(decisions_allow(&w.decisions),
                     row->verdict == VERDICT_ALLOW || row->mode != MODE_ENFORCE);
}

/* By what was looked up. */
enum found { SIGNED, UNSIGNED, INCOMPLETE, UNREACHABLE, NOT_FOUND, LATE };

static void make_lookup(struct lookup *out, enum found found)
{
    if (found == SIGNED || found == UNSIGNED || found == INCOMPLETE) {
        lookup_of(out, found == SIGNED);
        if (found == INCOMPLETE) {
            out->facts.complete = false;
            err_set(&out->facts.incomplete, ERR_RATE_LIMITED, "429");
        }
        return;
    }
    lookup_lost(out, found == NOT_FOUND ? ERR_NOT_FOUND : ERR_NETWORK, "it is away");
}

static const struct after {
    const char *name;
    const char *image;
    enum found found;
    enum verdict verdict;
    enum policy_mode mode;
    enum reason_code reason;
    bool allowed;
    bool proven; /* the last complete look-up is worth a try */
} after[] = {
    { .name = "signed",
      .image = APP AT_SIGNED,
      .found = SIGNED,
      .verdict = VERDICT_ALLOW,
      .allowed = true },
    { .name = "unsigned", .image = APP AT_SIGNED, .found = UNSIGNED, .reason = REASON_UNSIGNED },
    { .name = "unsigned under warn",
      .image = "reg.example/warned/x" AT_SIGNED,
      .found = UNSIGNED,
      .mode = MODE_WARN,
      .reason = REASON_UNSIGNED,
      .allowed = true },
    { .name = "unsigned under audit",
      .image = "reg.example/audited/x" AT_SIGNED,
      .found = UNSIGNED,
      .mode = MODE_AUDIT,
      .reason = REASON_UNSIGNED,
      .allowed = true },
    { .name = "not everything was read",
      .image = APP AT_SIGNED,
      .found = INCOMPLETE,
      .verdict = VERDICT_UNKNOWN,
      .reason = REASON_RATE_LIMITED,
      .proven = true },
    { .name = "unreachable",
      .image = APP AT_SIGNED,
      .found = UNREACHABLE,
      .verdict = VERDICT_UNKNOWN,
      .reason = REASON_REGISTRY_UNREACHABLE,
      .proven = true },
    { .name = "unreachable under warn",
      .image = "reg.example/warned/x" AT_SIGNED,
      .found = UNREACHABLE,
      .mode = MODE_WARN,
      .verdict = VERDICT_UNKNOWN,
      .reason = REASON_REGISTRY_UNREACHABLE,
      .allowed = true,
      .proven = true },
    { .name = "a tag that cannot be resolved has no last proof",
      .image = "reg.example/warned/x:1",
      .found = UNREACHABLE,
      .mode = MODE_WARN,
      .verdict = VERDICT_UNKNOWN,
      .reason = REASON_REGISTRY_UNREACHABLE,
      .allowed = true },
    { .name = "not there",
      .image = APP AT_SIGNED,
      .found = NOT_FOUND,
      .verdict = VERDICT_UNKNOWN,
      .reason = REASON_NOT_FOUND },
    { .name = "not in time",
      .image = APP AT_SIGNED,
      .found = LATE,
      .verdict = VERDICT_UNKNOWN,
      .reason = REASON_DEADLINE,
      .proven = true },
};

static void begin_image(struct decided *w, const char *image, bool pin)
{
    struct buf CLEANUP(buf_clear) spec = BUF_INIT(4096);

    buf_addf(&spec, SPEC("{\"name\":\"c\",\"image\":\"%s\"}"), image);
    decided_begin(w, &(struct review_of) { .spec = buf_text(&spec) }, pin);
}

static void test_after(void **state)
{
    const struct after *row = *state;
    struct decided CLEANUP(decided_clear) w;
    struct lookup CLEANUP(lookup_clear) lookup;

    decided_policy(&w, NULL, NULL);
    begin_image(&w, row->image, false);
    make_lookup(&lookup, row->found);
    struct decision *d = &w.decisions.items[0];
    assert_non_null(d->selection);
    assert_false(decisions_allow(&w.decisions) && d->mode == MODE_ENFORCE);
    decision_found(&w.decisions, d, row->found == LATE ? NULL : &lookup, false);
    assert_int_equal(d->verdict, row->verdict);
    assert_int_equal(d->mode, row->mode);
    assert_int_equal(d->reason, row->reason);
    assert_int_equal(d->cache, CACHE_MISS);
    assert_int_equal(decisions_allow(&w.decisions), row->allowed);
    assert_int_equal(decisions_verdict(&w.decisions), row->verdict);
    assert_int_equal(decision_wants_proven(&w.decisions, d), row->proven);
    assert_int_equal(row->verdict == VERDICT_ALLOW, d->why[0] == '\0');
}

/* What is kept settles it when it allows, and for a while when it denies. */
static void test_known(void **state)
{
    static const struct {
        enum found found;
        int64_t age;
        bool known;
    } rows[] = {
        { SIGNED, 0, true },
        { SIGNED, LOOKUPS_ALLOW_MS, true },
        { UNSIGNED, LOOKUPS_DENY_MS, true },
        { UNSIGNED, LOOKUPS_DENY_MS + 1, false },
        { INCOMPLETE, 0, false },
        { UNREACHABLE, 0, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decided CLEANUP(decided_clear) w;
        struct lookup CLEANUP(lookup_clear) lookup;
        decided_policy(&w, NULL, NULL);
        begin_image(&w, APP AT_SIGNED, false);
        make_lookup(&lookup, rows[i].found);
        struct decision *d = &w.decisions.items[0];
        assert_int_equal(decision_known(&w.decisions, d, &lookup, rows[i].age), rows[i].known);
        assert_int_equal(d->verdict == VERDICT_ALLOW, rows[i].found == SIGNED);
        if (rows[i].known)
            assert_int_equal(d->cache, CACHE_HIT);
    }
}

/* A denial of an image that nobody looked for is none. */
static void test_known_existence(void **state)
{
    struct decided CLEANUP(decided_clear) w;
    struct lookup CLEANUP(lookup_clear) lookup;

    (void)state;
    decided_policy(&w, NULL, NULL);
    begin_image(&w, APP AT_SIGNED, false);
    make_lookup(&lookup, UNSIGNED);
    lookup.existence_asked = false;
    assert_false(decision_known(&w.decisions, &w.decisions.items[0], &lookup, 0));
    assert_false(decisions_allow(&w.decisions));
}

struct proven_row {
    const char *name;
    int64_t age;
    bool other; /* digest */
    enum found found;
    bool allowed;
};

static const struct proven_row proven_rows[] = {
    { "now", 0, false, SIGNED, true },
    { "an hour ago", 3600, false, SIGNED, true },
    { "a second more", 3601, false, SIGNED, false },
    { "a clock that was set back", -5, false, SIGNED, true },
    { "of another digest", 0, true, SIGNED, false },
    { "no proof then either", 0, false, UNSIGNED, false },
    { "nothing then either", 0, false, UNREACHABLE, false },
};

static void test_proven(void **state)
{
    const struct proven_row *row = *state;
    struct decided CLEANUP(decided_clear) w;
    struct lookup CLEANUP(lookup_clear) lookup;

    decided_policy(&w, NULL, NULL);
    begin_image(&w, APP AT_SIGNED, false);
    struct decision *d = &w.decisions.items[0];
    decision_found(&w.decisions, d, NULL, false);
    assert_true(decision_wants_proven(&w.decisions, d));
    make_lookup(&lookup, row->found);
    lookup.collected = NOW - row->age;
    if (row->other)
        lookup.digest = other_digest();
    decision_proven(&w.decisions, d, &lookup);
    assert_int_equal(decisions_allow(&w.decisions), row->allowed);
    assert_int_equal(d->verdict, row->allowed ? VERDICT_ALLOW : VERDICT_UNKNOWN);
    assert_int_equal(d->cache, row->allowed ? CACHE_PROVEN : CACHE_MISS);
    if (row->allowed) {
        assert_int_equal(d->lost, REASON_DEADLINE);
        assert_int_equal(d->proof_age, row->age > 0 ? row->age : 0);
    }
}

static void test_proven_not_wanted(void **state)
{
    struct decided CLEANUP(decided_clear) w;

    (void)state;
    decided_policy(&w, "unknown: {use-proven-within: 1h}", "unknown: deny");
    begin_image(&w, APP AT_SIGNED, false);
    decision_found(&w.decisions, &w.decisions.items[0], NULL, false);
    assert_false(decision_wants_proven(&w.decisions, &w.decisions.items[0]));
}

/* A review without images, and one whose images are no business of the policy. */
static void test_nothing(void **state)
{
    static const struct {
        struct review_of of;
        const char *from, *to;
    } rows[] = {
        { { .operation = "DELETE", .object = "null" }, NULL, NULL },
        { { .operation = "UPDATE", .spec = SPEC(CONTAINER("x")), .old = POD("x") }, NULL, NULL },
        { { DEPLOYED, .spec = SPEC(CONTAINER("evil.example/x")) },
          "templates: warn",
          "templates: ignore" },
        { { DEPLOYED, .spec = SPEC("3") }, "templates: warn", "templates: ignore" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decided CLEANUP(decided_clear) w;
        decided_policy(&w, rows[i].from, rows[i].to);
        decided_begin(&w, &rows[i].of, false);
        assert_int_equal(w.decisions.n, 0);
        assert_true(decisions_allow(&w.decisions));
        assert_int_equal(decisions_verdict(&w.decisions), VERDICT_ALLOW);
        assert_null(decisions_first(&w.decisions));
    }
}

static void test_unreadable(void **state)
{
    static const struct {
        struct review_of of;
        const char *from, *to;
        enum policy_mode mode;
    } rows[] = {
        { { .spec = SPEC("3") }, NULL, NULL, MODE_ENFORCE },
        { { .spec = SPEC("3") }, "templates: warn", "templates: ignore", MODE_ENFORCE },
        { { .spec = SPEC("3") }, "mode: enforce", "mode: warn", MODE_WARN },
        { { .spec = SPEC("3") }, "mode: enforce", "mode: audit", MODE_AUDIT },
        { { DEPLOYED, .spec = SPEC("3") }, NULL, NULL, MODE_WARN },
        { { DEPLOYED, .spec = SPEC("3") }, "templates: warn", "templates: enforce", MODE_ENFORCE },
        { { .operation = "PATCH" }, "templates: warn", "templates: ignore", MODE_ENFORCE },
        { { .kind = "ConfigMap", .object = POD(APP ":1") }, NULL, NULL, MODE_ENFORCE },
        { { DEPLOYED, .object = POD(APP ":1") },
          "templates: warn",
          "templates: ignore",
          MODE_ENFORCE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decided CLEANUP(decided_clear) w;
        decided_policy(&w, rows[i].from, rows[i].to);
        decided_begin(&w, &rows[i].of, false);
        assert_int_equal(w.decisions.n, 1);
        assert_int_equal(w.decisions.items[0].verdict, VERDICT_DENY);
        assert_int_equal(w.decisions.items[0].mode, rows[i].mode);
        assert_int_equal(w.decisions.items[0].reason, REASON_MALFORMED);
        assert_int_equal(decisions_allow(&w.decisions), rows[i].mode != MODE_ENFORCE);
    }
}

/* Which tags /mutate asks for. */
static void test_pin(void **state)
{
    static const struct {
        const char *image;
        struct review_of of;
        const char *from, *to;
        size_t n;
    } rows[] = {
        { APP ":1", { 0 }, NULL, NULL, 1 },
        { APP, { 0 }, "forbid-tags: [latest]", "forbid-tags: [old]", 1 },
        { APP, { 0 }, NULL, NULL, 0 }, /* the tag latest, which the floor refuses */
        { "reg.example/open/x:1", { 0 }, NULL, NULL, 1 },
        { "reg.example/warned/x:1", { 0 }, NULL, NULL, 1 },
        { "reg.example/denied/x:1", { 0 }, NULL, NULL, 0 },
        { "reg.example/other/x:1", { 0 }, NULL, NULL, 0 },
        { "reg.example/other/x:1", { 0 }, "unmatched: deny", "unmatched: allow", 0 },
        { "evil.example/x:1", { 0 }, NULL, NULL, 0 },
        { APP ":1" AT_SIGNED, { 0 }, NULL, NULL, 0 },
        { "a b", { 0 }, NULL, NULL, 0 },
        { "oci:/x:1", { 0 }, NULL, NULL, 0 },
        { APP ":1", { 0 }, "tags: pin", "tags: require-digest", 0 },
        { APP ":1", { 0 }, "tags: pin", "tags: allow", 0 },
        { APP ":1", { DEPLOYED }, "templates: warn", "templates: enforce", 0 },
        { APP ":1", { .operation = "UPDATE" }, NULL, NULL, 1 },
        { APP ":1", { .operation = "UPDATE", .old = POD(APP ":1") }, NULL, NULL, 0 },
        { APP ":1", { .operation = "PATCH" }, NULL, NULL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decided CLEANUP(decided_clear) w;
        struct buf CLEANUP(buf_clear) spec = BUF_INIT(4096);
        struct review_of of = rows[i].of;
        buf_addf(&spec, SPEC("{\"name\":\"c\",\"image\":\"%s\"}"), rows[i].image);
        of.spec = buf_text(&spec);
        decided_policy(&w, rows[i].from, rows[i].to);
        decided_begin(&w, &of, true);
        assert_int_equal(w.decisions.n, rows[i].n);
        if (rows[i].n > 0)
            assert_non_null(w.decisions.items[0].selection);
    }
}

static void test_pin_found(void **state)
{
    static const struct {
        const char *image;
        enum found found;
        bool resolved, allowed;
    } rows[] = {
        { APP ":1", SIGNED, true, true },
        { APP ":1", UNSIGNED, true, true }, /* what it is worth, /validate says */
        { APP ":1", UNREACHABLE, false, false },
        { APP ":1", NOT_FOUND, false, false },
        { APP ":1", LATE, false, false },
        { "reg.example/warned/x:1", UNREACHABLE, false, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct decided CLEANUP(decided_clear) w;
        struct lookup CLEANUP(lookup_clear) lookup;
        decided_policy(&w, NULL, NULL);
        begin_image(&w, rows[i].image, true);
        make_lookup(&lookup, rows[i].found);
        struct decision *d = &w.decisions.items[0];
        decision_found(&w.decisions, d, rows[i].found == LATE ? NULL : &lookup, false);
        assert_int_equal(d->resolved, rows[i].resolved);
        assert_int_equal(d->verdict, rows[i].resolved ? VERDICT_ALLOW : VERDICT_UNKNOWN);
        assert_int_equal(decisions_allow(&w.decisions), rows[i].allowed);
        assert_false(decision_wants_proven(&w.decisions, d));
    }
}

/* One selection for all images of a rule, and the namespace of the request. */
static void test_selections(void **state)
{
    struct decided CLEANUP(decided_clear) w;

    (void)state;
    decided_policy(&w, NULL, NULL);
    decided_begin(
        &w,
        &(struct review_of) { .spec = SPEC(CONTAINER(APP AT_SIGNED) "," CONTAINER(
                                  "reg.example/warned/x:1") "," CONTAINER(APP "2" AT_SIGNED)) },
        false);
    assert_int_equal(w.decisions.n, 3);
    assert_ptr_equal(w.decisions.items[0].selection, w.decisions.items[2].selection);
    assert_ptr_not_equal(w.decisions.items[0].selection, w.decisions.items[1].selection);
    assert_string_equal(w.decisions.items[0].selection->rule->name, "shops");
}

static void test_namespace(void **state)
{
    struct decided CLEANUP(decided_clear) w;

    (void)state;
    decided_policy(&w, NULL, NULL);
    decided_begin(
        &w,
        &(struct review_of) { .namespace = "elsewhere", .spec = SPEC(CONTAINER(APP AT_SIGNED)) },
        false);
    assert_int_equal(w.decisions.items[0].reason, REASON_NO_RULE);
}

/* The most useful first. */
static void test_rank(void **state)
{
    static const struct decision order[] = {
        { .verdict = VERDICT_DENY, .mode = MODE_ENFORCE },
        { .verdict = VERDICT_UNKNOWN, .mode = MODE_ENFORCE },
        { .verdict = VERDICT_DENY, .mode = MODE_WARN },
        { .verdict = VERDICT_UNKNOWN, .mode = MODE_WARN },
        { .verdict = VERDICT_DENY, .mode = MODE_AUDIT },
        { .verdict = VERDICT_UNKNOWN, .mode = MODE_AUDIT },
        { .verdict = VERDICT_ALLOW, .mode = MODE_ENFORCE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_int_equal(decision_rank(&order[i]), i);
    assert_int_equal(ARRAY_LEN(order), DECISION_RANKS);
    struct decision items[] = { order[6], order[3], order[1] };
    const struct decisions all = { .items = items, .n = 3 };
    assert_ptr_equal(decisions_first(&all), &items[2]);
    assert_int_equal(decisions_verdict(&all), VERDICT_UNKNOWN);
    assert_false(decisions_allow(&all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_known_existence),
        cmocka_unit_test(test_proven_not_wanted),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_pin),
        cmocka_unit_test(test_pin_found),
        cmocka_unit_test(test_selections),
        cmocka_unit_test(test_namespace),
        cmocka_unit_test(test_rank),
    };
    int failed = RUN_ROWS(before, test_before);

    failed += RUN_ROWS(after, test_after);
    failed += RUN_ROWS(proven_rows, test_proven);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
