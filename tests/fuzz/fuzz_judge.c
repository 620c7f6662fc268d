/* Whatever policy, image and facts the input chooses, and whatever a statement says: nothing is
 * allowed without proof, what is lost never improves a verdict, and every answer explains itself.
 *
 * The input is one statement behind the bytes that choose (tests/unit/random_judging.h); a newline
 * is between them. */
#include <stdlib.h>

#include "base/text.h"
#include "tests/unit/random_judging.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool property)
{
    if (!property)
        abort();
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most 4 */
static void check_finding(const struct finding *finding)
{
    const struct requirement *r = finding->require;
    size_t proven = 0;

    hold((finding->proof == PROVEN) == (finding->reason == REASON_NONE));
    hold((finding->proof == PROVEN) == (finding->text[0] == '\0'));
    hold(text_plain(bytes_text(finding->text)));
    hold(finding->proof != PROVEN || finding->fact != NULL);
    hold((r->n == 0) == (finding->children == NULL));
    for (size_t i = 0; i < r->n && finding->children != NULL; i++) {
        check_finding(&finding->children[i]);
        proven += finding->children[i].proof == PROVEN;
    }
    if (r->kind == REQUIRE_ALL)
        hold((finding->proof == PROVEN) == (proven == r->n));
    if (r->kind == REQUIRE_ANY)
        hold((finding->proof == PROVEN) == (proven > 0));
    if (r->kind == REQUIRE_AT_LEAST)
        hold(finding->proof != PROVEN || proven >= r->at_least);
}

static bool within(const struct world *w, const struct fact *fact)
{
    const struct fact *all = w->facts[0];

    return fact >= all && fact < all + (size_t)WORLD_SETS * WORLD_FACTS;
}

static void check_judgement(const struct world *w, const struct selection *s,
                            const struct judgement *j)
{
    hold(j->mode == s->mode && j->rule == s->rule);
    hold((j->verdict == VERDICT_ALLOW) == (j->reason == REASON_NONE));
    hold((j->verdict == VERDICT_ALLOW) == (j->text[0] == '\0'));
    hold((j->verdict == VERDICT_UNKNOWN) == reason_is_unknown(j->reason));
    hold(text_plain(bytes_text(j->text)) && utf8_valid(bytes_text(j->text)));
    hold((s->selected == SELECTED_RULE) == (j->root != NULL));
    hold(j->proof == NULL || within(w, j->proof));
    if (j->root != NULL) {
        check_finding(j->root);
        hold((j->verdict == VERDICT_ALLOW) == (j->root->proof == PROVEN));
    }
}

/* Under the strict conditions no image is allowed but by a fact. */
static void check_strict(struct world *w)
{
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    struct selection s;

    world_strict(w);
    world_judge(&judgement, &s, w);
    check_judgement(w, &s, &judgement);
    if (judgement.verdict == VERDICT_ALLOW)
        hold(judgement.proof != NULL && s.selected == SELECTED_RULE);
    for (size_t i = 0; i < WORLD_SETS; i++)
        world_lose(&w->sets[i]);
    const enum verdict lost = world_verdict(w);
    hold(lost == judgement.verdict || lost == VERDICT_UNKNOWN);
    for (size_t i = 0; i < WORLD_SETS; i++)
        w->sets[i].n = 0;
    hold(world_verdict(w) != VERDICT_ALLOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size == 0 ? NULL : memchr(data, '\n', size);
    const size_t chosen = line == NULL ? size : (size_t)(line - data);
    struct choices c = { data, chosen, 0 };
    struct json_view statement = JSON_VIEW_NONE;
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    struct world CLEANUP(world_clear) w;
    struct selection s;

    if (line != NULL &&
        json_scan(&statement, (struct bytes) { line + 1, size - chosen - 1 }, NULL) != 0)
        statement = JSON_VIEW_NONE;
    hold(world_make(&w, &c, statement));
    world_judge(&judgement, &s, &w);
    check_judgement(&w, &s, &judgement);
    check_strict(&w);
    return 0;
}
