#include "verify/policy_test.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/platforms.h"

#define LAYOUT_TIME_MS 60000 /* of one case: files on disk */

/* --- Judging --- */

/* What is found out about the image, where a rule asks. */
struct search {
    const struct test_case *c;
    struct engine_options engine;
    struct evidence_found found;
    struct err missing; /* the image itself is not in the layout, its evidence may be */
};

/* A written set of facts is of an image of one platform. */
static void find_written(struct search *s)
{
    s->found.index = &s->c->facts;
    s->found.platforms = &s->c->facts;
    s->found.n_platforms = 1;
    s->found.platforms_known = true;
}

/* The digest that is judged: the layout's tag names it, or the image does. Only what a layout
 * cannot be told to be is an error of the file. */
static int resolve(struct image_result *out, struct search *s, struct store *store,
                   int64_t deadline, struct err *err)
{
    const struct test_case *c = s->c;
    const bool named = c->layout.tag != NULL || c->layout.has_digest;
    struct reference wanted = c->layout; /* borrowed, never cleared */
    struct resolved resolved;

    if (!named && c->image.has_digest) {
        wanted.has_digest = true;
        wanted.digest = c->image.digest;
    }
    if (store_resolve(&resolved, NULL, store, &wanted, deadline, &s->missing) == 0)
        out->digest = resolved.digest;
    else if (wanted.has_digest && s->missing.code == ERR_NOT_FOUND)
        out->digest = wanted.digest;
    else {
        *err = s->missing;
        return -1;
    }
    out->resolved = true;
    return 0;
}

static int find_in_layout(struct image_result *out, struct search *s, struct store *store,
                          struct err *err)
{
    const int64_t deadline = clock_deadline(LAYOUT_TIME_MS);
    const struct fact_query query = { &s->engine, &out->digest, &out->selection.plan, deadline };

    if (resolve(out, s, store, deadline, err) != 0)
        return -1;
    if (out->selection.index) {
        if (engine_facts(&out->facts, store, &query, err) != 0)
            return -1;
        s->found.index = &out->facts;
    }
    if (!out->selection.platforms)
        return 0;
    out->platforms = mem_new(1, sizeof(*out->platforms), err);
    if (out->platforms == NULL)
        return -1;
    s->found.platforms_known =
        platforms_gather(out->platforms, store, &query, &s->found.platforms_lost) == 0;
    s->found.platforms = out->platforms->facts;
    s->found.n_platforms = out->platforms->n;
    return 0;
}

static int check_digest(const struct image_result *out, const struct policy_test *test,
                        const struct test_case *c, struct err *err)
{
    char digest[DIGEST_TEXT_MAX];

    if (!out->resolved || !c->image.has_digest || digest_equal(&out->digest, &c->image.digest))
        return 0;
    digest_format(digest, &out->digest);
    return err_set(err, ERR_CONFIG, "%s:%d: %s: the layout's image is %s, not the one named",
                   test->file, c->line, c->name, digest);
}

static int judge_layout(struct image_result *out, struct search *s, const struct policy_test *test,
                        const struct question *question, struct err *err)
{
    struct store *CLEANUP(store_freep) store = NULL;
    struct err why = ERR_INIT;

    if (store_open(&store, s->engine.registries, &s->c->layout, STORE_READ, err) != 0) {
        err->code = err->code == ERR_NOMEM ? ERR_NOMEM : ERR_CONFIG;
        return err_wrap(err, "%s:%d: %s", test->file, s->c->line, s->c->name);
    }
    const int found = find_in_layout(out, s, store, &why);
    if (check_digest(out, test, s->c, err) != 0)
        return -1;
    if (found != 0) {
        judgement_unknown(&out->judgement, &why);
        return 0;
    }
    policy_judge(&out->judgement, test->policy.policy, &out->selection, question, &s->found);
    if (out->judgement.verdict == VERDICT_DENY && s->missing.code != ERR_NONE)
        judgement_unknown(&out->judgement, &s->missing);
    return 0;
}

int policy_test_judge(struct image_result *out, const struct policy_test *test,
                      const struct test_case *c, struct registries *registries, struct err *err)
{
    const struct policy *policy = test->policy.policy;
    struct search search = {
        .c = c,
        .engine = { .policy = policy,
                    .registries = registries,
                    .keys = (const struct public_key *const *)test->policy.keys.keys,
                    .n_keys = test->policy.keys.n },
        .found = { .platforms_lost = ERR_INIT },
        .missing = ERR_INIT,
    };

    *out = (struct image_result) { .now = c->at, .judgement = JUDGEMENT_INIT };
    fact_set_init(&out->facts);
    const struct question question = { &c->image, c->namespace, c->at };
    policy_select(&out->selection, policy, &question);
    out->judgement.mode = out->selection.mode;
    out->judgement.rule = out->selection.rule;
    if (c->layout.layout && out->selection.selected == SELECTED_RULE)
        return judge_layout(out, &search, test, &question, err);
    find_written(&search);
    policy_judge(&out->judgement, policy, &out->selection, &question, &search.found);
    return 0;
}

bool policy_test_passed(const struct test_case *c, const struct judgement *judgement)
{
    const struct test_expected *e = &c->expected;

    if (judgement->verdict != e->verdict || (e->with_mode && judgement->mode != e->mode) ||
        (e->reason != REASON_NONE && judgement->reason != e->reason))
        return false;
    return e->rule == NULL ||
           (judgement->rule != NULL && strcmp(judgement->rule->name, e->rule) == 0);
}

/* --- Reporting --- */

/* deny (unsigned) by rule "apps" [warn] */
static void add_outcome(struct buf *out, const struct test_expected *e)
{
    buf_add_text(out, verdict_name(e->verdict));
    if (e->reason != REASON_NONE)
        buf_addf(out, " (%s)", reason_name(e->reason));
    if (e->rule != NULL)
        buf_addf(out, " by rule \"%s\"", e->rule);
    if (e->with_mode)
        buf_addf(out, " [%s]", policy_mode_name(e->mode));
}

static struct test_expected outcome_of(const struct test_case *c, const struct judgement *j)
{
    return (struct test_expected) { .verdict = j->verdict,
                                    .reason = j->reason,
                                    .rule = j->rule == NULL ? NULL : j->rule->name,
                                    .with_mode = c->expected.with_mode || j->mode != MODE_ENFORCE,
                                    .mode = j->mode };
}

void policy_test_text(struct buf *out, const struct policy_test *test, const struct test_case *c,
                      const struct judgement *judgement)
{
    const struct test_expected got = outcome_of(c, judgement);

    if (policy_test_passed(c, judgement)) {
        buf_addf(out, "ok %s\n", c->name);
        return;
    }
    buf_addf(out, "not ok %s: expected ", c->name);
    add_outcome(out, &c->expected);
    buf_add_text(out, ", got ");
    add_outcome(out, &got);
    if (judgement->text[0] != '\0')
        buf_addf(out, ": %s", judgement->text);
    buf_add_text(out, "; ");
    text_escape(out, bytes_text(test->file), REFERENCE_MAX);
    buf_addf(out, ":%d\n", c->line);
}

/* "verdict":"deny","reason":"unsigned","rule":"apps","mode":"warn" */
static void add_members(struct buf *out, const struct test_expected *e)
{
    buf_addf(out, "\"verdict\":\"%s\"", verdict_name(e->verdict));
    if (e->reason != REASON_NONE)
        buf_addf(out, ",\"reason\":\"%s\"", reason_name(e->reason));
    if (e->rule != NULL) {
        buf_add_text(out, ",\"rule\":");
        text_json(out, bytes_text(e->rule));
    }
    if (e->with_mode)
        buf_addf(out, ",\"mode\":\"%s\"", policy_mode_name(e->mode));
}

void policy_test_json(struct buf *out, const struct policy_test *test, const struct test_case *c,
                      const struct judgement *judgement)
{
    struct test_expected got = outcome_of(c, judgement);
    struct buf CLEANUP(buf_clear) file = BUF_INIT(REFERENCE_MAX * 4);

    got.with_mode = true;
    text_escape(&file, bytes_text(test->file), REFERENCE_MAX);
    buf_add_text(out, "{\"file\":");
    text_json(out, buf_bytes(&file));
    buf_addf(out, ",\"line\":%d,\"name\":", c->line);
    text_json(out, bytes_text(c->name));
    buf_addf(out, ",\"passed\":%s,", policy_test_passed(c, judgement) ? "true" : "false");
    add_members(out, &got);
    buf_add_text(out, ",\"message\":");
    text_json(out, bytes_text(judgement->text));
    buf_add_text(out, ",\"expected\":{");
    add_members(out, &c->expected);
    buf_add_text(out, "}}\n");
}
