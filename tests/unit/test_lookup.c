/* One look-up: what it finds, what it takes for complete, what it weighs; and judging it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry/credentials.h"
#include "tests/unit/lookups_world.h"

static int make_world(void **state)
{
    struct world *w = world_new((struct lookups_options) { .workers = 1 });

    w->source.engine.timeout_ms = WAIT_MS;
    *state = w;
    return 0;
}

static int drop_world(void **state)
{
    world_free(*state);
    return 0;
}

static void find(struct lookup *out, struct world *w, struct ask *a, struct judgement *judgement)
{
    ask_select(a);
    const struct lookup_query query = { .engine = &w->source.engine,
                                        .image = &a->asking.image,
                                        .selection = &a->selection,
                                        .digest_only = a->asking.digest_only,
                                        .now = NOW,
                                        .judgement = judgement };
    lookup_find(out, &query);
}

/* The judgement that is made on the way is the one that is made of the lookup. */
static void expect_same(struct world *w, const struct ask *a, const struct lookup *lookup,
                        const struct judgement *judgement)
{
    struct judgement CLEANUP(judgement_clear) again = JUDGEMENT_INIT;
    const struct question question = ask_question(a);

    lookup_judge(&again, w->policy.policy, &a->selection, &question, lookup);
    assert_int_equal(again.verdict, judgement->verdict);
    assert_int_equal(again.reason, judgement->reason);
    assert_string_equal(again.text, judgement->text);
    assert_ptr_equal(again.rule, judgement->rule);
    assert_int_equal(again.mode, judgement->mode);
    assert_ptr_equal(again.proof, judgement->proof);
}

static const struct {
    const char *name;
    const char *tag; /* asked by; NULL: by digest */
    bool there, is_signed;
    int status; /* of the registry */
    enum verdict verdict;
    enum reason_code reason;
    bool complete, existence;
} rows[] = {
    { "signed by digest", NULL, true, true, 0, VERDICT_ALLOW, REASON_NONE, true, false },
    { "signed by tag", "v1", true, true, 0, VERDICT_ALLOW, REASON_NONE, true, false },
    { "unsigned by digest", NULL, true, false, 0, VERDICT_DENY, REASON_UNSIGNED, true, true },
    { "unsigned by tag", "v1", true, false, 0, VERDICT_DENY, REASON_UNSIGNED, true, false },
    { "absent by digest", NULL, false, false, 0, VERDICT_UNKNOWN, REASON_NOT_FOUND, false, true },
    { "absent by tag", "v1", false, false, 0, VERDICT_UNKNOWN, REASON_NOT_FOUND, false, false },
    { "absent with a signature", NULL, false, true, 0, VERDICT_ALLOW, REASON_NONE, true, false },
    { "refused by digest", NULL, true, true, 403, VERDICT_UNKNOWN, REASON_REGISTRY_AUTH, false,
      false },
    { "refused by tag", "v1", true, true, 403, VERDICT_UNKNOWN, REASON_REGISTRY_AUTH, false,
      false },
};

static void found_and_judged(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lookup CLEANUP(lookup_clear) lookup;
        struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
        struct ask CLEANUP(ask_clear) a;
        char repository[16], rest[32];
        const struct digest none = other_digest();
        snprintf(repository, sizeof(repository), "row%zu", i);
        snprintf(rest, sizeof(rest), "%s%s%s", repository, rows[i].tag != NULL ? ":" : "",
                 rows[i].tag != NULL ? rows[i].tag : "");
        const struct digest image =
            rows[i].there ? memory_image(&w->named, repository, rows[i].name, rows[i].tag) : none;
        if (rows[i].is_signed)
            memory_sign(&w->named, repository, &image, w->signer);
        memory_fail(&w->named, rows[i].status, 0);
        ask_init(&a, w, w->named.host, rest, rows[i].tag == NULL ? &image : NULL);
        find(&lookup, w, &a, &judgement);
        print_message("%s: %s %s\n", rows[i].name, verdict_name(judgement.verdict), judgement.text);
        assert_int_equal(judgement.verdict, rows[i].verdict);
        assert_int_equal(judgement.reason, rows[i].reason);
        assert_int_equal(lookup_complete(&lookup), rows[i].complete);
        assert_int_equal(lookup.existence_asked, rows[i].existence);
        assert_int_equal(lookup.times.resolve > 0, rows[i].tag != NULL);
        assert_in_range(lookup.collected, clock_seconds() - 60, clock_seconds());
        assert_true(lookup_answers(&lookup, &judgement, &a.image));
        expect_same(w, &a, &lookup, &judgement);
    }
}

/* Without a place for a judgement the same is looked up. */
static void existence_is_asked_unjudged(void **state)
{
    struct world *w = *state;
    struct digest image = memory_image(&w->named, "app", "one", NULL);
    struct lookup CLEANUP(lookup_clear) lookup;
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    struct ask CLEANUP(ask_clear) a;

    ask_init(&a, w, w->named.host, "app", &image);
    find(&lookup, w, &a, NULL);
    assert_true(lookup.existence_asked);
    assert_true(lookup_complete(&lookup));
    const struct question question = ask_question(&a);
    lookup_judge(&judgement, w->policy.policy, &a.selection, &question, &lookup);
    assert_int_equal(judgement.verdict, VERDICT_DENY);
    lookup.existence_asked = false; /* as one that was made for a rule which allows */
    assert_false(lookup_answers(&lookup, &judgement, &a.image));
    a.image.has_digest = false;
    assert_true(lookup_answers(&lookup, &judgement, &a.image));
    a.image.has_digest = true;
    judgement.verdict = VERDICT_ALLOW;
    assert_true(lookup_answers(&lookup, &judgement, &a.image));
    judgement.verdict = VERDICT_UNKNOWN;
    assert_true(lookup_answers(&lookup, &judgement, &a.image));
}

/* What was not looked up is unknown, whoever asks, never denied or allowed. */
static void judged_without_what_it_needs(void **state)
{
    struct world *w = *state;
    struct digest image = memory_image(&w->named, "app", "one", NULL);
    struct lookup CLEANUP(lookup_clear) lookup;
    struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;
    struct ask CLEANUP(ask_clear) a;

    memory_sign(&w->named, "app", &image, w->signer);
    ask_init(&a, w, w->named.host, "app", &image);
    find(&lookup, w, &a, &j);
    assert_int_equal(j.verdict, VERDICT_ALLOW);
    const struct question question = ask_question(&a);
    lookup_judge(&j, w->policy.policy, &a.selection, &question, NULL);
    assert_int_equal(j.verdict, VERDICT_UNKNOWN);
    assert_ptr_equal(j.rule, a.selection.rule);
    assert_non_null(strstr(j.text, "not looked up"));
    a.selection.platforms = true; /* nobody listed them */
    lookup_judge(&j, w->policy.policy, &a.selection, &question, &lookup);
    assert_int_equal(j.verdict, VERDICT_UNKNOWN);
    a.selection.platforms = false;
    lookup.has_facts = false;
    lookup_judge(&j, w->policy.policy, &a.selection, &question, &lookup);
    assert_int_equal(j.verdict, VERDICT_UNKNOWN);
    lookup.has_facts = true;
    lookup.resolved = false;
    lookup_judge(&j, w->policy.policy, &a.selection, &question, &lookup);
    assert_int_equal(j.verdict, VERDICT_UNKNOWN);
    lookup.resolved = true;
    lookup_judge(&j, w->policy.policy, &a.selection, &question, &lookup);
    assert_int_equal(j.verdict, VERDICT_ALLOW);
    err_set(&lookup.err, ERR_NETWORK, "gone");
    lookup_judge(&j, w->policy.policy, &a.selection, &question, &lookup);
    assert_int_equal(j.verdict, VERDICT_UNKNOWN);
    assert_non_null(strstr(j.text, "gone"));
}

/* A selection that demands nothing is judged without a lookup, and is none. */
static void nothing_to_look_up(void **state)
{
    struct world *w = *state;
    const struct digest image = other_digest();
    struct lookup CLEANUP(lookup_clear) lookup;
    struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;
    struct ask CLEANUP(ask_clear) a;

    world_policy(w, SIGNERS "rules:\n- {name: no, images: '*/**', deny: never}\n"
                            "- {name: all, images: 'x.example/**', require: {signed: release}}\n");
    const int requests = memory_requests(&w->named);
    ask_init(&a, w, w->named.host, "app", &image);
    find(&lookup, w, &a, NULL);
    assert_int_equal(lookup.err.code, ERR_INTERNAL);
    assert_false(lookup_complete(&lookup));
    const struct question question = ask_question(&a);
    lookup_judge(&j, w->policy.policy, &a.selection, &question, NULL);
    assert_int_equal(j.verdict, VERDICT_DENY);
    assert_int_equal(j.reason, REASON_DENIED_BY_RULE);
    assert_true(lookup_answers(NULL, &j, &a.image));
    assert_int_equal(memory_requests(&w->named), requests);
}

static void completeness(void **state)
{
    struct lookup lookup;
    struct platforms platforms = { .n = 0 };
    struct fact_set facts[2];
    (void)state;

    lookup_init(&lookup);
    assert_false(lookup_complete(&lookup)); /* nothing was found out */
    lookup.resolved = true;
    assert_true(lookup_complete(&lookup)); /* a tag's */
    lookup.has_facts = true;
    assert_false(lookup_complete(&lookup));
    lookup.facts.complete = true;
    assert_true(lookup_complete(&lookup));
    lookup.existence_asked = true;
    assert_true(lookup_complete(&lookup));
    lookup.existence.code = ERR_NOT_FOUND;
    assert_false(lookup_complete(&lookup));
    lookup.existence.code = ERR_NONE;
    lookup.platforms_lost.code = ERR_NETWORK;
    assert_false(lookup_complete(&lookup));
    lookup.platforms_lost.code = ERR_NONE;
    fact_set_init(&facts[0]);
    fact_set_init(&facts[1]);
    facts[0].complete = true;
    platforms.facts = facts;
    platforms.n = 2;
    lookup.platforms = &platforms;
    assert_false(lookup_complete(&lookup));
    facts[1].complete = true;
    assert_true(lookup_complete(&lookup));
    lookup.err.code = ERR_NOMEM;
    assert_false(lookup_complete(&lookup));
}

/* What it weighs is at least what its facts hold. */
static void weight(void **state)
{
    struct world *w = *state;
    struct digest image = memory_image(&w->named, "app", "one", NULL);
    struct lookup CLEANUP(lookup_clear) lookup;
    struct lookup empty;
    struct ask CLEANUP(ask_clear) a;

    lookup_init(&empty);
    assert_int_equal(lookup_weight(&empty), sizeof(empty));
    memory_sign(&w->named, "app", &image, w->signer);
    ask_init(&a, w, w->named.host, "app", &image);
    find(&lookup, w, &a, NULL);
    assert_int_equal(lookup.facts.n, 1);
    assert_in_range(lookup_weight(&lookup),
                    sizeof(lookup) + sizeof(struct fact) + lookup.facts.arena.used, 16 * KIB);
}

/* --- Platforms --- */

#define POLICY_EACH                                                                                \
    SIGNERS                                                                                        \
    "rules:\n- {name: all, images: '*/**', platforms: each, require: {signed: release}}\n"

static struct digest put_index(struct world *w, const struct digest *child, const char *type)
{
    struct buf CLEANUP(buf_clear) body = BUF_INIT(4096);
    char path[MEMORY_PATH_MAX], text[DIGEST_TEXT_MAX];
    struct digest digest;

    digest_format(text, child);
    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX
             "\",\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d,"
             "\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}",
             type, text, 300);
    assert_int_equal(digest_of(&digest, HASH_SHA256, buf_bytes(&body), NULL), 0);
    digest_format(text, &digest);
    snprintf(path, sizeof(path), "/v2/app/manifests/%s", text);
    memory_put(&w->named, path, buf_text(&body), TYPE_OCI_INDEX);
    return digest;
}

static void platforms(void **state)
{
    struct world *w = *state;
    struct digest child = memory_image(&w->named, "app", "child", NULL);
    const struct digest index = put_index(w, &child, TYPE_OCI_MANIFEST);
    const struct digest nested = put_index(w, &index, TYPE_OCI_INDEX);
    struct lookup CLEANUP(lookup_clear) lookup;
    struct lookup CLEANUP(lookup_clear) lost;
    struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;
    struct ask CLEANUP(ask_clear) a;
    struct ask CLEANUP(ask_clear) b;

    world_policy(w, POLICY_EACH);
    memory_sign(&w->named, "app", &child, w->signer);
    ask_init(&a, w, w->named.host, "app", &index);
    find(&lookup, w, &a, &j);
    assert_int_equal(j.verdict, VERDICT_ALLOW);
    assert_int_equal(lookup.platforms->n, 1);
    assert_false(lookup.has_facts);
    assert_true(lookup_complete(&lookup));
    assert_true(lookup_weight(&lookup) > sizeof(lookup) + lookup.platforms->facts[0].arena.used);
    assert_true(lookup.times.collect > 0 && lookup.times.check > 0);
    expect_same(w, &a, &lookup, &j);
    ask_init(&b, w, w->named.host, "app", &nested);
    find(&lost, w, &b, &j);
    assert_int_equal(j.verdict, VERDICT_UNKNOWN);
    assert_null(lost.platforms);
    assert_int_equal(lost.platforms_lost.code, ERR_UNSUPPORTED);
    assert_false(lookup_complete(&lost));
    expect_same(w, &b, &lost, &j);
}

/* --- Credentials of whoever asks --- */

#define ONE_LOGIN "Authorization: Basic b25lOnNlY3JldA==\r\n"   /* one:secret */
#define OTHER_LOGIN "Authorization: Basic b3RoZXI6c2VjcmV0\r\n" /* other:secret */

/* Each host has its user. */
static int find_login(void *context, struct credential *out, const char *host,
                      const char *repository, struct err *err)
{
    const struct world *w = context;
    const bool named = strcmp(host, w->named.host) == 0;

    *out = (struct credential) { .kind = CREDENTIAL_BASIC };
    assert_string_equal(repository, named ? "app" : "sigs");
    out->username = mem_text(bytes_text(named ? "one" : "other"), err);
    return out->username == NULL ? -1 : secret_copy(&out->secret, BYTES_LIT("secret"), err);
}

/* registries.yaml sends for the evidence of one registry to the other. */
static struct registries *make_apart(struct world *w)
{
    char text[512];
    struct registries *r;
    struct err err = ERR_INIT;

    snprintf(text, sizeof(text),
             "version: 1\nregistries:\n  %s: {plain-http: true, evidence: [%s/sigs]}\n"
             "  %s: {plain-http: true}\n",
             w->named.host, w->other.host, w->other.host);
    assert_int_equal(folder_write(&w->folder, "apart.yaml", text, 0600), 0);
    const struct registries_options options = { .file = folder_path(&w->folder, "apart.yaml"),
                                                .user_agent = "bulla-test" };
    EXPECT_OK(registries_new(&r, &options, &err), &err);
    return r;
}

/* The places of evidence are asked with the asker's credentials for their hosts, and no host is
 * told those for the other. */
static void credentials_in_every_place(void **state)
{
    struct world *w = *state;
    const struct credential_source source = { find_login, w };
    struct digest image = memory_image(&w->named, "app", "one", "v1");
    struct registries *CLEANUP(registries_freep) apart = make_apart(w);
    struct registries *const before = w->source.engine.registries;
    struct lookup CLEANUP(lookup_clear) with;
    struct lookup CLEANUP(lookup_clear) without;
    struct judgement CLEANUP(judgement_clear) j = JUDGEMENT_INIT;
    struct ask CLEANUP(ask_clear) a;

    memory_sign(&w->other, "sigs", &image, w->signer);
    w->named.login = ONE_LOGIN;
    w->other.login = OTHER_LOGIN;
    w->source.engine.registries = apart;
    w->source.engine.credentials = &source;
    ask_init(&a, w, w->named.host, "app:v1", NULL);
    find(&with, w, &a, &j);
    assert_int_equal(j.verdict, VERDICT_ALLOW);
    assert_true(server_saw(&w->named.server, ONE_LOGIN) > 0);
    assert_true(server_saw(&w->other.server, OTHER_LOGIN) > 0);
    assert_int_equal(server_saw(&w->named.server, OTHER_LOGIN), 0);
    assert_int_equal(server_saw(&w->other.server, ONE_LOGIN), 0);
    w->source.engine.credentials = NULL;
    find(&without, w, &a, &j);
    assert_int_equal(j.verdict, VERDICT_UNKNOWN);
    assert_int_equal(j.reason, REASON_REGISTRY_AUTH);
    w->source.engine.registries = before;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_world, drop_world)
    const struct CMUnitTest tests[] = {
        TEST(found_and_judged),
        TEST(existence_is_asked_unjudged),
        TEST(judged_without_what_it_needs),
        TEST(nothing_to_look_up),
        cmocka_unit_test(completeness),
        TEST(weight),
        TEST(platforms),
        TEST(credentials_in_every_place),
    };
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
