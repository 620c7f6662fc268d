/* Aims at review_parse() and the extractor, decisions_begin() and what follows, answer_write() and
 * patch_write(). Whatever the review: every answer is JSON that echoes the uid; no image is let in
 * that nobody vouched for; and a Pod that runs something new is never allowed. */
#include <stdlib.h>
#include <string.h>

#include "base/json_pointer.h"
#include "base/json_pull.h"
#include "base/text.h"
#include "policy/load.h"
#include "webhook/answer.h"
#include "webhook/patch.h"

#define NOW 1800000000
#define KEY                                                                                        \
    "-----BEGIN PUBLIC KEY-----\\n"                                                                \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2ctClLPkssZcoGyuV5zg+JvJ9Wlp\\n"                          \
    "AD4oJ9Zel3kTgz4BXdytvRQaLEwpGzfJ3QFTs89Pn8EXMdS/00s9UmK/Kw==\\n"                              \
    "-----END PUBLIC KEY-----\\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char policy_text[] = "version: 1\nname: fuzz\nunmatched: deny\ntemplates: enforce\n"
                                  "signers: {s: {key: \"" KEY "\"}}\n"
                                  "rules: [{name: all, images: \"*/**\", require: {signed: s}}]\n";

static void hold(bool property)
{
    if (!property)
        abort();
}

struct loaded {
    struct policy *policy;
    struct policy_keys keys;
    struct policy_findings findings;
};

static void loaded_clear(struct loaded *l)
{
    policy_freep(&l->policy);
    policy_keys_clear(&l->keys);
    policy_findings_clear(&l->findings);
}

static void load(struct loaded *out)
{
    const struct policy_source source = { .text = bytes_text(policy_text), .file = "p.yaml" };

    *out = (struct loaded) { .findings = POLICY_FINDINGS_INIT };
    hold(policy_load(&out->policy, &out->keys, &source, &out->findings, NULL) == 0);
}

static void check_review(const struct review *r)
{
    hold(r->uid != NULL && r->uid[0] != '\0' && text_plain(bytes_text(r->uid)));
    hold(r->n_fields <= REVIEW_IMAGES_MAX && r->n_subjects <= r->n_fields);
    hold(r->unreadable.code == ERR_NONE || r->n_fields == 0);
    for (size_t i = 0; i < r->n_fields; i++) {
        const struct review_field *f = &r->fields[i];
        hold(f->unchanged ? r->operation == REVIEW_UPDATE : f->subject < r->n_subjects);
        hold(f->unchanged || strcmp(r->subjects[f->subject].text, f->image->reference) == 0);
    }
    hold(r->n_secrets <= REVIEW_SECRETS_MAX);
    for (size_t i = 0; i < r->n_secrets; i++) {
        hold(review_name_valid(bytes_text(r->secrets[i])));
        hold(i == 0 || strcmp(r->secrets[i - 1], r->secrets[i]) < 0);
    }
}

/* A registry that knows the image and has nothing that vouches for it; none at all for every second
 * one. */
static void find(struct decisions *all, struct decision *d, bool there)
{
    struct lookup CLEANUP(lookup_clear) lookup;

    lookup_init(&lookup);
    lookup.resolved = true;
    lookup.collected = NOW;
    lookup.has_facts = true;
    lookup.existence_asked = true;
    lookup.facts.complete = true;
    if (d->resolved)
        lookup.digest = d->digest;
    decision_found(all, d, there ? &lookup : NULL, false);
}

static struct json_view answer_of(struct buf *out, const struct decisions *all, struct bytes patch)
{
    const struct answer answer = { all->setting.review, all->setting.policy, all, patch };
    struct json_view root;

    hold(answer_write(out, &answer, NULL) == 0);
    hold(json_scan(&root, buf_bytes(out), NULL) == 0);
    hold(json_string_is(json_at(root, "/response/uid"), bytes_text(all->setting.review->uid)));
    return root;
}

/* Read with other eyes than the extractor's: does a Pod that is created name an image? */
static bool runs_something(struct bytes body)
{
    struct json_view root;

    hold(json_scan(&root, body, NULL) == 0);
    return json_string_is(json_at(root, "/request/operation"), BYTES_LIT("CREATE")) &&
           json_string_is(json_at(root, "/request/kind/kind"), BYTES_LIT("Pod")) &&
           json_string_is(json_at(root, "/request/kind/group"), BYTES_LIT("")) &&
           (json_at(root, "/request/object/spec/containers/0/image").kind == JSON_STRING ||
            json_at(root, "/request/object/spec/initContainers/0/image").kind == JSON_STRING ||
            json_at(root, "/request/object/spec/volumes/0/image/reference").kind == JSON_STRING);
}

static void validate(const struct decision_setting *setting, struct bytes body)
{
    struct decisions CLEANUP(decisions_clear) all;
    struct buf CLEANUP(buf_clear) out = BUF_INIT(ANSWER_MAX);

    hold(decisions_begin(&all, setting, NULL) == 0);
    hold(all.n == setting->review->n_subjects || setting->review->unreadable.code != ERR_NONE);
    for (size_t i = 0; i < all.n; i++) {
        if (all.items[i].selection != NULL)
            find(&all, &all.items[i], i % 2 == 0);
        hold(all.items[i].verdict != VERDICT_ALLOW);
        hold(all.items[i].mode == MODE_ENFORCE && all.items[i].reason != REASON_NONE);
        hold(strlen(all.items[i].entry) <= DECISION_ENTRY_MAX);
    }
    const struct json_view root = answer_of(&out, &all, BYTES_NONE);
    const bool allowed = json_at(root, "/response/allowed").kind == JSON_TRUE_VALUE;
    hold(allowed == (all.n == 0));
    hold(!allowed || !runs_something(body));
    hold(json_at(root, "/response/patch").kind == JSON_ABSENT);
}

static void mutate(const struct decision_setting *setting)
{
    struct decisions CLEANUP(decisions_clear) all;
    struct buf CLEANUP(buf_clear) patch = BUF_INIT(PATCH_MAX);
    struct buf CLEANUP(buf_clear) out = BUF_INIT(ANSWER_MAX);
    struct json_view changes;

    hold(decisions_begin(&all, setting, NULL) == 0);
    for (size_t i = 0; i < all.n; i++)
        find(&all, &all.items[i], true);
    hold(patch_write(&patch, &all, NULL) == 0);
    hold((patch.len == 0) == (all.n == 0));
    hold(patch.len == 0 || json_scan(&changes, buf_bytes(&patch), NULL) == 0);
    hold(patch.len == 0 || json_count(changes) >= all.n);
    const struct json_view root = answer_of(&out, &all, buf_bytes(&patch));
    hold((json_at(root, "/response/patch").kind == JSON_STRING) == (all.n > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct review CLEANUP(review_clear) review;
    struct loaded CLEANUP(loaded_clear) loaded;
    const struct bytes body = { data, size };
    struct err err = ERR_INIT;

    load(&loaded);
    if (review_parse(&review, body, &(struct review_wish) { NULL, true }, &err) != 0) {
        hold(err.code != ERR_NONE && review.n_subjects == 0);
        return 0;
    }
    check_review(&review);
    struct decision_setting setting = { loaded.policy, &review, NOW, false };
    validate(&setting, body);
    setting.pin = true;
    mutate(&setting);
    return 0;
}
