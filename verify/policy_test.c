#include "verify/policy_test.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"

#define LAYOUT_TIME_MS 60000 /* of one case: files on disk */

/* --- Judging --- */

/* A written set of facts is of an image of one platform. */
static void judge_written(struct image_result *out, const struct policy *policy,
                          const struct test_case *c, const struct question *question)
{
    const struct evidence_found found = { .index = &c->facts,
                                          .platforms = &c->facts,
                                          .n_platforms = 1,
                                          .platforms_known = true,
                                          .platforms_lost = ERR_INIT };

    policy_judge(&out->judgement, policy, &out->selection, question, &found);
}

/* The digest that is judged: the layout's tag names it, or the image does. The image itself may be
 * missing where its evidence is not. Only what a layout cannot be told to be is an error. */
static int resolve(struct lookup *out, const struct test_case *c, struct store *store,
                   int64_t deadline, struct err *err)
{
    const bool named = c->layout.tag != NULL || c->layout.has_digest;
    struct reference wanted = c->layout; /* borrowed, never cleared */
    struct resolved resolved;

    if (!named && c->image.has_digest) {
        wanted.has_digest = true;
        wanted.digest = c->image.digest;
    }
    out->existence_asked = true;
    if (store_resolve(&resolved, NULL, store, &wanted, deadline, &out->existence) == 0)
        out->digest = resolved.digest;
    else if (wanted.has_digest && out->existence.code == ERR_NOT_FOUND)
        out->digest = wanted.digest;
    else {
        *err = out->existence;
        return -1;
    }
    out->resolved = true;
    return 0;
}

static void find_in_layout(struct image_result *out, const struct engine_options *engine,
                           const struct test_case *c, struct store *store)
{
    const int64_t deadline = clock_deadline(LAYOUT_TIME_MS);
    const struct fact_query query = { engine, &out->lookup.digest, &out->selection.plan, deadline };
    struct err why = ERR_INIT;

    if (resolve(&out->lookup, c, store, deadline, &why) != 0 ||
        lookup_gather(&out->lookup, store, &out->selection, &query, &why) != 0)
        out->lookup.err = why;
}

static int check_digest(const struct image_result *out, const struct policy_test *test,
                        const struct test_case *c, struct err *err)
{
    char digest[DIGEST_TEXT_MAX];

    if (!out->lookup.resolved || !c->image.has_digest ||
        digest_equal(&out->lookup.digest, &c->image.digest))
        return 0;
    digest_format(digest, &out->lookup.digest);
    return err_set(err, ERR_CONFIG, "%s:%d: %s: the layout's image is %s, not the one named",
                   test->file, c->line, c->name, digest);
}

static int judge_layout(struct image_result *out, const struct engine_options *engine,
                        const struct policy_test *test, const struct test_case *c, struct err *err)
{
    struct store *CLEANUP(store_freep) store = NULL;
    const struct question question = { &c->image, c->namespace, c->at };

    if (store_open(&store, engine->registries, &c->layout, STORE_READ, err) != 0) {
        err->code = err->code == ERR_NOMEM ? ERR_NOMEM : ERR_CONFIG;
        return err_wrap(err, "%s:%d: %s", test->file, c->line, c->name);
    }
    find_in_layout(out, engine, c, store);
    if (check_digest(out, test, c, err) != 0)
        return -1;
    lookup_judge(&out->judgement, engine->policy, &out->selection, &question, &out->lookup);
    return 0;
}

int policy_test_judge(struct image_result *out, const struct policy_test *test,
                      const struct test_case *c, struct registries *registries, struct err *err)
{
    const struct engine_options engine = {
        .policy = test->policy.policy,
        .registries = registries,
        .keys = (const struct public_key *const *)test->policy.keys.keys,
        .n_keys = test->policy.keys.n,
    };
    const struct question question = { &c->image, c->namespace, c->at };

    *out = (struct image_result) { .now = c->at, .judgement = JUDGEMENT_INIT };
    lookup_init(&out->lookup);
    policy_select(&out->selection, engine.policy, &question);
    if (c->layout.layout && out->selection.selected == SELECTED_RULE)
        return judge_layout(out, &engine, test, c, err);
    judge_written(out, engine.policy, c, &question);
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
