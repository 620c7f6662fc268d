/* What holds of every policy and all facts: thousands of each, drawn by a generator with fixed
 * seeds, so that a failure names a world that can be drawn again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/json_pointer.h"
#include "base/text.h"
#include "tests/unit/expect.h"
#include "tests/unit/random_judging.h"

#define WORLDS 20000
#define DRAWN 600 /* bytes: more than a world takes */

/* SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void draw(struct world *w, uint64_t seed)
{
    uint8_t bytes[DRAWN];
    struct choices c = { bytes, sizeof(bytes), 0 };
    uint64_t state = seed;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(next_random(&state) >> 32);
    assert_true(world_make(w, &c, JSON_VIEW_NONE));
    assert_true(c.at < c.len);
}

static void hold(bool property, uint64_t seed, const char *what)
{
    if (!property)
        print_error("world %llu: %s\n", (unsigned long long)seed, what);
    assert_true(property);
}

/* --- A second opinion ---
 *
 * What policy.md says of "proven", in the plainest way: every assignment is tried. */

static size_t model_key(const struct policy_signer *signer, const struct fact *fact)
{
    for (size_t k = 0; k < signer->n; k++)
        if (signer->fingerprints[k][0] == fact->fingerprint[0])
            return k;
    return SIZE_MAX;
}

static bool model_floor(const struct policy *policy, const struct fact *fact)
{
    return policy->floor.n_algorithms == 0 || strcmp(fact->algorithm, "ecdsa-p256") == 0 ||
           strcmp(fact->algorithm, "rsa-4096") == 0;
}

static bool model_about(const struct world *w, const struct requirement *leaf,
                        const struct fact *fact)
{
    const bool signature = leaf->kind == REQUIRE_SIGNED;

    return signature == (fact->kind == FACT_SIGNATURE) &&
           (signature || strcmp(leaf->check->type, fact->predicate_type) == 0) &&
           model_key(leaf->signer, fact) != SIZE_MAX && model_floor(&w->policy, fact);
}

static bool model_time(int64_t *out, const struct world *w, const struct requirement *leaf,
                       const struct fact *fact)
{
    const struct json_view at = json_at(fact->statement, leaf->check->time);

    return at.kind == JSON_STRING &&
           time_parse(out, bytes_part(at.raw, 1, at.raw.len - 2), NULL) == 0 &&
           *out <= w->question.now && (fact->n_times == 0 || *out <= fact->times[0].seconds);
}

static bool model_signature(const struct world *w, const struct requirement *leaf,
                            const struct fact *fact)
{
    const char *env = fact->n_annotations == 0 ? "" : fact->annotations[0].value;
    char own[64];

    snprintf(own, sizeof(own), "%s/%s", w->image.host, w->image.repository);
    return (leaf->n_annotations == 0 || strcmp(env, "prod") == 0) &&
           (!leaf->same_repository ||
            (fact->repository != NULL && strcmp(fact->repository, own) == 0));
}

static bool model_passes(const struct world *w, const struct requirement *leaf,
                         const struct fact *fact)
{
    int64_t at;

    if (leaf->kind == REQUIRE_SIGNED)
        return model_signature(w, leaf, fact);
    for (size_t i = 0; i < leaf->check->n; i++)
        if (!check_holds(&leaf->check->lines[i], fact->statement))
            return false;
    return leaf->check->time == NULL ||
           (model_time(&at, w, leaf, fact) &&
            (leaf->check->max_age == 0 || w->question.now - at <= leaf->check->max_age));
}

/* Is this statement the newest, as far as times can be told? */
static bool model_newest(const struct world *w, const struct requirement *leaf,
                         const struct fact_set *set, const struct fact *fact)
{
    int64_t at, other;

    if (!model_time(&at, w, leaf, fact))
        return true; /* a bad time fails the leaf */
    for (size_t i = 0; i < set->n; i++)
        if (model_about(w, leaf, &set->facts[i]) && model_time(&other, w, leaf, &set->facts[i]) &&
            other > at)
            return false;
    return true;
}

/* Keys that prove the leaf by one set; none: it is not proven. */
static uint64_t model_set(const struct world *w, const struct requirement *leaf,
                          const struct fact_set *set)
{
    const bool all = leaf->kind == REQUIRE_ATTESTED && leaf->check->statements != CHECK_ANY;
    const bool newest = all && leaf->check->statements == CHECK_NEWEST;
    uint64_t keys = 0;

    if (all && !set->complete)
        return 0;
    for (size_t i = 0; i < set->n; i++) {
        const struct fact *fact = &set->facts[i];
        if (!model_about(w, leaf, fact) || (newest && !model_newest(w, leaf, set, fact)))
            continue;
        if (model_passes(w, leaf, fact))
            keys |= (uint64_t)1 << model_key(leaf->signer, fact);
        else if (all)
            return 0;
    }
    return keys;
}

struct model_leaf {
    bool proven;
    uint64_t keys; /* under atLeast: those of the same signers on every platform */
};

static struct model_leaf model_leaf(const struct world *w, enum policy_platforms where,
                                    const struct requirement *leaf)
{
    const uint64_t index = where == PLATFORMS_EACH ? 0 : model_set(w, leaf, &w->sets[0]);
    const bool asked = where != PLATFORMS_INDEX && w->found.platforms_known;
    struct model_leaf each = { asked, asked ? UINT64_MAX : 0 };

    for (size_t i = 0; asked && i < w->found.n_platforms; i++) {
        const uint64_t keys = model_set(w, leaf, &w->found.platforms[i]);
        each.proven = each.proven && keys != 0;
        each.keys &= keys;
    }
    return (struct model_leaf) { index != 0 || each.proven, index | each.keys };
}

/* The most leaves, from the i-th on, that can have signers and identities of their own. */
/* NOLINTNEXTLINE(misc-no-recursion): one step for each of at most 4 leaves */
static size_t model_distinct(const struct world *w, enum policy_platforms where,
                             const struct requirement *r, size_t i, uint64_t taken)
{
    if (i == r->n)
        return 0;
    const struct policy_signer *signer = r->children[i].signer;
    const uint64_t name = (uint64_t)1 << (32 + (signer - w->signers));
    const struct model_leaf leaf = model_leaf(w, where, &r->children[i]);
    size_t best = model_distinct(w, where, r, i + 1, taken);
    for (size_t k = 0; leaf.proven && k < signer->n; k++) {
        const uint64_t use = name | (uint64_t)1 << signer->fingerprints[k][0];
        if ((leaf.keys >> k & 1) == 0 || (taken & use) != 0)
            continue;
        const size_t with = 1 + model_distinct(w, where, r, i + 1, taken | use);
        best = with > best ? with : best;
    }
    return best;
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most 4 */
static bool model_proven(const struct world *w, enum policy_platforms where,
                         const struct requirement *r)
{
    bool all = true, any = false;

    if (r->kind == REQUIRE_SIGNED || r->kind == REQUIRE_ATTESTED)
        return model_leaf(w, where, r).proven;
    if (r->kind == REQUIRE_AT_LEAST)
        return model_distinct(w, where, r, 0, 0) >= r->at_least;
    for (size_t i = 0; i < r->n; i++) {
        const bool proven = model_proven(w, where, &r->children[i]);
        all = all && proven;
        any = any || proven;
    }
    return r->kind == REQUIRE_ALL ? all : any;
}

/* --- Properties --- */

/* Under `mode: enforce`, `unmatched: deny` and without allow-unsigned: allowed exactly where the
 * rule's requirement is proven. */
static void allowed_exactly_when_proven(void **state)
{
    size_t allowed = 0;

    (void)state;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
        struct world CLEANUP(world_clear) w;
        struct selection s;
        draw(&w, seed);
        world_strict(&w);
        world_judge(&judgement, &s, &w);
        const bool proven =
            s.selected == SELECTED_RULE && model_proven(&w, s.rule->platforms, &s.rule->require);
        hold((judgement.verdict == VERDICT_ALLOW) == proven, seed, "allowed is not proven");
        hold((judgement.reason == REASON_NONE) == proven, seed, "a reason is missing, or needless");
        hold(!proven || (judgement.root->proof == PROVEN && judgement.proof != NULL), seed,
             "allowed without a fact");
        allowed += proven;
    }
    /* else nothing would have been tried */
    assert_true(allowed > WORLDS / 20 && allowed < WORLDS / 2);
}

static void nothing_is_allowed_without_facts(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        struct world CLEANUP(world_clear) w;
        draw(&w, seed);
        world_strict(&w);
        for (size_t i = 0; i < WORLD_SETS; i++)
            w.sets[i].n = 0;
        hold(world_verdict(&w) != VERDICT_ALLOW, seed, "allowed without a fact");
    }
}

/* Under `unknown: deny`: what was lost may leave a verdict as it is, or make it unknown. */
static void losing_evidence_never_improves(void **state)
{
    size_t changed = 0;

    (void)state;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        struct world CLEANUP(world_clear) w;
        uint64_t dice = seed ^ 0x5eed;
        draw(&w, seed);
        const enum verdict before = world_verdict(&w);
        for (size_t i = 0; i < WORLD_SETS; i++) {
            if (next_random(&dice) % 2 == 0)
                continue;
            world_lose(&w.sets[i]);
            while (w.sets[i].n > 0 && next_random(&dice) % 2 == 0)
                world_remove(&w.sets[i], next_random(&dice) % w.sets[i].n);
        }
        if (next_random(&dice) % 4 == 0)
            w.found.platforms_known = false;
        const enum verdict after = world_verdict(&w);
        hold(after == before || after == VERDICT_UNKNOWN, seed, "a loss changed the verdict");
        changed += after != before;
    }
    assert_true(changed > WORLDS / 50);
}

/* Where no check has `every` or `newest`. */
static void removing_a_fact_never_allows(void **state)
{
    size_t worse = 0;

    (void)state;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        struct world CLEANUP(world_clear) w;
        uint64_t dice = seed ^ 0x5eed;
        draw(&w, seed);
        world_any_only(&w);
        enum verdict before = world_verdict(&w);
        for (size_t left = 4; left > 0; left--) {
            struct fact_set *set = &w.sets[next_random(&dice) % WORLD_SETS];
            if (set->n == 0)
                continue;
            world_remove(set, next_random(&dice) % set->n);
            const enum verdict after = world_verdict(&w);
            hold(after <= before, seed, "a fact less improved the verdict");
            worse += after < before;
            before = after;
        }
    }
    assert_true(worse > WORLDS / 100);
}

static void shuffle(struct fact_set *set, uint64_t *dice)
{
    for (size_t i = set->n; i > 1; i--) {
        const size_t k = next_random(dice) % i;
        const struct fact held = set->facts[k];
        set->facts[k] = set->facts[i - 1];
        set->facts[i - 1] = held;
    }
}

/* A verdict "unknown" says what could not be found out, and only where something was lost. */
static void unknown_only_where_something_was_lost(void **state)
{
    size_t unknown = 0;

    (void)state;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
        struct world CLEANUP(world_clear) w;
        struct selection s;
        bool lost = false;
        draw(&w, seed);
        world_judge(&judgement, &s, &w);
        for (size_t i = 0; i < WORLD_SETS; i++)
            lost = lost || !w.sets[i].complete;
        hold(judgement.verdict != VERDICT_UNKNOWN || lost || !w.found.platforms_known, seed,
             "unknown, though everything was read");
        hold((judgement.verdict == VERDICT_UNKNOWN) == reason_is_unknown(judgement.reason), seed,
             "a reason of another kind than the verdict");
        unknown += judgement.verdict == VERDICT_UNKNOWN;
    }
    assert_true(unknown > WORLDS / 100);
}

static void order_of_facts_does_not_matter(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        struct world CLEANUP(world_clear) w;
        uint64_t dice = seed ^ 0x5eed;
        draw(&w, seed);
        const enum verdict before = world_verdict(&w);
        for (size_t i = 0; i < WORLD_SETS; i++)
            shuffle(&w.sets[i], &dice);
        hold(world_verdict(&w) == before, seed, "another order, another verdict");
    }
}

/* Whoever can push may add what a stranger signed: it must not matter. */
static void strangers_do_not_matter(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        struct world CLEANUP(world_clear) w;
        struct fact more[WORLD_FACTS + 1];
        draw(&w, seed);
        struct fact_set *set = &w.sets[seed % WORLD_SETS];
        const enum verdict before = world_verdict(&w);
        memcpy(more, set->facts, sizeof(more[0]) * set->n);
        more[set->n] = w.facts[0][0]; /* whatever it says, if anything */
        more[set->n].algorithm = "ecdsa-p256";
        more[set->n].where = "the stranger's";
        more[set->n].fingerprint[0] = 1 + WORLD_STRANGER;
        set->facts = more;
        set->n++;
        hold(world_verdict(&w) == before, seed, "a stranger changed the verdict");
    }
}

static void modes_change_no_verdict(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        struct world CLEANUP(world_clear) w;
        draw(&w, seed);
        const enum verdict before = world_verdict(&w);
        w.policy.mode = (enum policy_mode)(seed % 3);
        for (size_t i = 0; i < WORLD_RULES; i++)
            w.rules[i].mode = (enum policy_mode)(seed / 3 % 3);
        hold(world_verdict(&w) == before, seed, "a mode changed the verdict");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowed_exactly_when_proven),
        cmocka_unit_test(nothing_is_allowed_without_facts),
        cmocka_unit_test(losing_evidence_never_improves),
        cmocka_unit_test(removing_a_fact_never_allows),
        cmocka_unit_test(unknown_only_where_something_was_lost),
        cmocka_unit_test(order_of_facts_does_not_matter),
        cmocka_unit_test(strangers_do_not_matter),
        cmocka_unit_test(modes_change_no_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
