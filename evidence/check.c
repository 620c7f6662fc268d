#include "evidence/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "evidence/bundle.h"
#include "evidence/simple_signing.h"
#include "evidence/statement.h"

/* What all pieces are checked against. */
struct checker {
    struct fact_set *out;
    size_t cap; /* of out->facts */
    const struct public_key *const *keys;
    size_t n_keys;
    const struct digest *digest;
};

static int because(struct checker *c, enum reason_code code, const char *where, const char *text,
                   struct err *err)
{
    const struct reason reason = { code, where, text };

    return reason_add(&c->out->reasons, &c->out->arena, &reason, err);
}

/* Our side failed: nothing may be concluded from that. */
static bool undecided(const struct err *why)
{
    return why->code == ERR_CRYPTO || why->code == ERR_NOMEM || why->code == ERR_INTERNAL;
}

/* A piece that is not what it claims to be: a reason. A failure of ours: passed up. */
static int refuse(struct checker *c, const char *where, const struct err *why, struct err *err)
{
    enum reason_code code = REASON_MALFORMED;

    if (undecided(why)) {
        *err = *why;
        return -1;
    }
    if (why->code == ERR_LIMIT)
        code = REASON_TOO_LARGE;
    if (why->code == ERR_UNSUPPORTED)
        code = REASON_UNSUPPORTED;
    return because(c, code, where, err_text(why), err);
}

/* *key is NULL when no key's signature this is. */
static int find_key(const struct checker *c, struct bytes message, struct bytes signature,
                    const struct public_key **key, enum signature_scheme *scheme, struct err *err)
{
    struct err why = ERR_INIT;

    *key = NULL;
    *scheme = SCHEME_NONE;
    for (size_t i = 0; i < c->n_keys; i++) {
        err_reset(&why);
        if (public_key_verify(c->keys[i], message, signature, scheme, &why) == 0) {
            *key = c->keys[i];
            return 0;
        }
        if (why.code != ERR_INVALID) {
            *err = why;
            return -1;
        }
    }
    return 0;
}

static int add_fact(struct checker *c, const struct fact *fact, const struct public_key *key,
                    struct err *err)
{
    struct fact_set *out = c->out;
    void *facts = out->facts;

    int grown = mem_grow(&facts, &c->cap, out->n, sizeof(*out->facts), SIZE_MAX, err);
    out->facts = facts;
    if (grown != 0)
        return -1;
    struct fact *added = &out->facts[out->n];
    *added = *fact;
    memcpy(added->fingerprint, public_key_fingerprint(key), KEY_FINGERPRINT_SIZE);
    added->algorithm = public_key_algorithm(key);
    added->subject = *c->digest;
    added->where = arena_text(&out->arena, bytes_text(fact->where), err);
    if (added->where == NULL)
        return -1;
    out->n++;
    return 0;
}

static int nobody(struct checker *c, const char *where, struct err *err)
{
    const char *text = c->n_keys == 1
                           ? "the signature is not by the key asked for, or was altered"
                           : "the signature is by none of the keys asked for, or was altered";

    return because(c, REASON_WRONG_SIGNER, where, text, err);
}

static int other_subject(struct checker *c, const char *where, const struct digest *claimed,
                         struct err *err)
{
    char digest[DIGEST_TEXT_MAX];
    char text[DIGEST_TEXT_MAX + 64];

    digest_format(digest, claimed);
    snprintf(text, sizeof(text), "it is a signature of another image, %s", digest);
    return because(c, REASON_WRONG_SUBJECT, where, text, err);
}

static int check_simple_signing(struct checker *c, const struct evidence *e, struct err *err)
{
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(SIGNATURE_BYTES_MAX);
    struct err why = ERR_INIT;
    struct simple_signing claims;
    struct fact fact = {
        .kind = FACT_SIGNATURE, .layout = e->layout, .where = e->where, .carrier = e->carrier
    };
    const struct public_key *key;

    if (base64_decode(&signature, bytes_text(e->signature), BASE64_STANDARD, &why) != 0) {
        if (undecided(&why))
            return refuse(c, e->where, &why, err);
        return because(c, REASON_BAD_SIGNATURE, e->where, "the signature annotation is not base64",
                       err);
    }
    if (find_key(c, buf_bytes(&e->content), buf_bytes(&signature), &key, &fact.scheme, err) != 0)
        return -1;
    if (key == NULL)
        return nobody(c, e->where, err);
    if (arena_bytes(&fact.payload, &c->out->arena, buf_bytes(&e->content), err) != 0 ||
        arena_bytes(&fact.signature, &c->out->arena, buf_bytes(&signature), err) != 0)
        return -1;
    if (simple_signing_parse(&claims, fact.payload, &c->out->arena, &why) != 0)
        return refuse(c, e->where, &why, err);
    if (strcmp(claims.type, SIMPLE_SIGNING_CLAIM) != 0)
        return because(c, REASON_WRONG_TYPE, e->where,
                       "critical.type is not that of an image signature", err);
    if (!digest_equal(&claims.digest, c->digest))
        return other_subject(c, e->where, &claims.digest, err);
    fact.repository = claims.repository;
    fact.annotations = claims.annotations;
    fact.n_annotations = claims.n_annotations;
    return add_fact(c, &fact, key, err);
}

/* The payload is verified: parse it, and only it. Its memory moves into the facts. */
static int check_statement(struct checker *c, struct fact *fact, const struct public_key *key,
                           struct dsse_payload *payload, struct err *err)
{
    struct err why = ERR_INIT;
    struct statement statement;
    struct annotation *annotations;

    if (arena_adopt(&fact->payload, &c->out->arena, &payload->room, err) != 0)
        return -1;
    fact->payload = bytes_part(fact->payload, payload->start, SIZE_MAX);
    if (statement_parse(&statement, fact->payload, &c->out->arena, &why) != 0)
        return refuse(c, fact->where, &why, err);
    if (statement_subject(&statement, c->digest, &annotations, &fact->n_annotations, &c->out->arena,
                          &why) != 0) {
        if (why.code == ERR_INVALID)
            return because(c, REASON_WRONG_SUBJECT, fact->where, err_text(&why), err);
        return refuse(c, fact->where, &why, err);
    }
    fact->annotations = annotations;
    fact->predicate_type = statement.predicate_type;
    fact->statement = statement.root;
    fact->kind = strcmp(statement.predicate_type, PREDICATE_COSIGN_SIGN) == 0 ? FACT_SIGNATURE
                                                                              : FACT_STATEMENT;
    return add_fact(c, fact, key, err);
}

/* Which of the envelope's signatures is by one of our keys; `*key` is NULL when none is. */
static int find_envelope_key(struct checker *c, struct envelope *envelope, struct fact *fact,
                             const struct public_key **key, struct err *err)
{
    struct bytes message;

    *key = NULL;
    if (dsse_message(&message, &envelope->payload, buf_bytes(&envelope->payload_type), err) != 0)
        return -1;
    for (size_t i = 0; i < envelope->n_signatures && *key == NULL; i++) {
        const struct bytes signature = buf_bytes(&envelope->signatures[i]);
        if (find_key(c, message, signature, key, &fact->scheme, err) != 0)
            return -1;
        if (*key != NULL && arena_bytes(&fact->signature, &c->out->arena, signature, err) != 0)
            return -1;
    }
    return 0;
}

static int check_envelope(struct checker *c, struct envelope *envelope, struct fact *fact,
                          const struct public_key **key, struct err *err)
{
    *key = NULL;
    if (!bytes_is(buf_bytes(&envelope->payload_type), TYPE_IN_TOTO))
        return because(c, REASON_WRONG_TYPE, fact->where,
                       "the envelope does not hold an in-toto statement", err);
    if (find_envelope_key(c, envelope, fact, key, err) != 0)
        return -1;
    if (*key == NULL)
        return 0;
    return check_statement(c, fact, *key, &envelope->payload, err);
}

/* The hint is not authenticated, but it tells "altered" from "signed by somebody else" in a
 * message. */
static bool hint_is_ours(const struct checker *c, const struct bundle *bundle)
{
    for (size_t i = 0; i < c->n_keys; i++) {
        struct buf CLEANUP(buf_clear) hint = BUF_INIT(64);
        public_key_hint(&hint, c->keys[i]);
        if (bytes_equal(buf_bytes(&hint), buf_bytes(&bundle->hint)))
            return true;
    }
    return false;
}

static int check_parsed_bundle(struct checker *c, struct bundle *bundle, const struct evidence *e,
                               struct err *err)
{
    struct fact fact = { .layout = e->layout, .where = e->where, .carrier = e->carrier };
    const struct public_key *key;
    size_t reasons = c->out->reasons.n;

    if (bundle->content != BUNDLE_ENVELOPE)
        return because(c, REASON_WRONG_TYPE, e->where, "a message signature names no image", err);
    if (bundle->material == BUNDLE_CERTIFICATE)
        return because(c, REASON_UNSUPPORTED, e->where,
                       "signed with a certificate: keyless verification is not supported yet", err);
    if (check_envelope(c, &bundle->envelope, &fact, &key, err) != 0)
        return -1;
    if (key != NULL || c->out->reasons.n > reasons)
        return 0;
    if (hint_is_ours(c, bundle))
        return because(
            c, REASON_BAD_SIGNATURE, e->where,
            "the bundle names a key asked for, but the signature does not verify: it was altered",
            err);
    return nobody(c, e->where, err);
}

static int check_bundle(struct checker *c, const struct evidence *e, struct err *err)
{
    struct err why = ERR_INIT;
    struct bundle CLEANUP(bundle_clear) bundle;

    if (bundle_parse(&bundle, buf_bytes(&e->content), e->content.len, &why) != 0)
        return refuse(c, e->where, &why, err);
    return check_parsed_bundle(c, &bundle, e, err);
}

static int check_plain_envelope(struct checker *c, const struct evidence *e, struct err *err)
{
    struct err why = ERR_INIT;
    struct json_view root;
    struct envelope CLEANUP(envelope_clear) envelope = { .n_signatures = 0 };
    struct fact fact = { .layout = e->layout, .where = e->where, .carrier = e->carrier };
    const struct public_key *key;
    size_t reasons = c->out->reasons.n;

    if (json_scan(&root, buf_bytes(&e->content), &why) != 0 ||
        envelope_parse(&envelope, root, JSON_REST_IGNORED, e->content.len, &why) != 0)
        return refuse(c, e->where, &why, err);
    if (check_envelope(c, &envelope, &fact, &key, err) != 0)
        return -1;
    if (key != NULL || c->out->reasons.n > reasons)
        return 0;
    return nobody(c, e->where, err);
}

static int check_one(struct checker *c, const struct evidence *e, struct err *err)
{
    switch (e->form) {
    case EVIDENCE_SIMPLE_SIGNING:
        return check_simple_signing(c, e, err);
    case EVIDENCE_BUNDLE:
        return check_bundle(c, e, err);
    case EVIDENCE_ENVELOPE:
        return check_plain_envelope(c, e, err);
    }
    return err_set(err, ERR_INTERNAL, "evidence of no known form");
}

/* Facts may be kept for long, many sets of them: with no more room than they take. */
static void trim(struct fact_set *out)
{
    void *facts = out->n > 0 ? realloc(out->facts, out->n * sizeof(*out->facts)) : NULL;

    if (facts != NULL)
        out->facts = facts;
}

int evidence_check(struct fact_set *out, const struct evidence_set *set,
                   const struct public_key *const *keys, size_t n_keys, const struct digest *digest,
                   struct err *err)
{
    struct checker c = { .out = out, .keys = keys, .n_keys = n_keys, .digest = digest };

    fact_set_init(out);
    for (size_t i = 0; i < set->n; i++)
        out->arena.max += set->items[i].content.len;
    for (size_t i = 0; i < set->reasons.n; i++)
        if (because(&c, set->reasons.items[i].code, set->reasons.items[i].where,
                    set->reasons.items[i].text, err) != 0)
            return -1;
    for (size_t i = 0; i < set->n; i++)
        if (check_one(&c, &set->items[i], err) != 0)
            return -1;
    trim(out);
    out->pieces = set->n + set->reasons.n;
    out->complete = set->complete;
    out->incomplete = set->incomplete;
    return 0;
}
