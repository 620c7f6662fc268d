#ifndef BULLA_TESTS_UNIT_DECISIONS_H
#define BULLA_TESTS_UNIT_DECISIONS_H

/* A review, a policy and what is decided about one by the other. cmocka's headers come first, in
 * the including file. */

#include "tests/unit/evidence.h"
#include "tests/unit/policy_text.h"
#include "tests/unit/reviews.h"
#include "webhook/decision.h"

#define NOW 1800000000 /* seconds */
#define SIGNED_DIGEST "sha256:" VECTOR_HEX
#define OTHER_DIGEST "sha256:1111111111111111111111111111111111111111111111111111111111111111"

#define POLICY_TEXT                                                                                \
    "version: 1\nname: production\nserial: 42\nmode: enforce\nunmatched: deny\ntags: pin\n"        \
    "templates: warn\nunknown: {use-proven-within: 1h}\n"                                          \
    "signers: {vendor: {key: rfc6979-p256.pub}}\n"                                                 \
    "floor: {registries: [\"reg.example/**\"], forbid-tags: [latest]}\nrules:\n"                   \
    "  - {name: denied, images: \"reg.example/denied/**\", deny: use another}\n"                   \
    "  - {name: open, images: \"reg.example/open/**\", allow-unsigned: {reason: old}}\n"           \
    "  - {name: warned, images: \"reg.example/warned/**\", mode: warn, require: {signed: "         \
    "vendor}}\n"                                                                                   \
    "  - {name: audited, images: \"reg.example/audited/**\", mode: audit, require: {signed: "      \
    "vendor}}\n"                                                                                   \
    "  - {name: shops, images: \"reg.example/app/*\", namespaces: [shop], require: {signed: "      \
    "vendor}}\n"

struct decided {
    struct loaded loaded;
    struct review review;
    struct decisions decisions;
};

static inline void decided_clear(struct decided *w)
{
    decisions_clear(&w->decisions);
    review_clear(&w->review);
    loaded_clear(&w->loaded);
}

/** POLICY_TEXT, the first `from` in it replaced by `to` (NULL: as it is). */
static inline void decided_policy(struct decided *w, const char *from, const char *to)
{
    struct buf CLEANUP(buf_clear) changed = BUF_INIT(64 * KIB);
    const char *at = from != NULL ? strstr(POLICY_TEXT, from) : NULL;

    assert_true(from == NULL || at != NULL);
    if (at != NULL) {
        buf_add(&changed, POLICY_TEXT, (size_t)(at - POLICY_TEXT));
        buf_addf(&changed, "%s%s", to, at + strlen(from));
    } else {
        buf_add_text(&changed, POLICY_TEXT);
    }
    w->loaded = (struct loaded)LOADED_INIT;
    load_bytes(&w->loaded, buf_bytes(&changed));
    print_findings(&w->loaded.findings);
    EXPECT_OK(w->loaded.result, &w->loaded.err);
}

/** Parse the review and begin with it. */
static inline void decided_begin(struct decided *w, const struct review_of *of, bool pin)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(16 * MIB);
    struct err err = ERR_INIT;

    review_text(&text, of);
    EXPECT_OK(review_parse(&w->review, buf_bytes(&text), NULL, &err), &err);
    const struct decision_setting setting = {
        .policy = w->loaded.policy, .review = &w->review, .now = NOW, .pin = pin
    };
    EXPECT_OK(decisions_begin(&w->decisions, &setting, &err), &err);
}

/** Of the vector's digest: signed, or (`signature` false) nothing hangs on it. */
static inline void lookup_of(struct lookup *out, bool signature)
{
    struct public_key *CLEANUP(public_key_freep) key = load_key(VECTOR_KEY);
    struct err err = ERR_INIT;

    lookup_init(out);
    out->resolved = true;
    out->digest = vector_digest();
    out->collected = NOW;
    out->has_facts = true;
    out->existence_asked = !signature;
    out->facts.complete = true;
    if (!signature)
        return;
    fact_set_clear(&out->facts);
    EXPECT_OK(check_piece(&out->facts, EVIDENCE_SIMPLE_SIGNING, BYTES_LIT(VECTOR_PAYLOAD),
                          VECTOR_PAYLOAD_SIGNATURE, key, &err),
              &err);
    out->facts.complete = true;
}

/** Nothing could be found out. */
static inline void lookup_lost(struct lookup *out, enum err_code code, const char *why)
{
    lookup_init(out);
    out->collected = NOW;
    err_set(&out->err, code, "%s", why);
}

#endif
