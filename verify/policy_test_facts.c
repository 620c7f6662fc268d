/* Reading the facts of a case: verify/policy_test.h. */
#include <string.h>

#include "base/file.h"
#include "base/json_pointer.h"
#include "base/limits.h"
#include "base/text.h"
#include "evidence/statement.h"
#include "verify/policy_test_private.h"

#define ANNOTATION_MAX 1024 /* a name or a value */
#define TYPE_MAX 1024       /* of a predicate type */

/* A fact under way. */
struct draft {
    struct fact *fact;
    const struct test_case *c;
};

/* --- YAML as JSON --- */

/* A plain scalar is a number where JSON has it as one: 7.5 is a text to YAML's reader here. */
static bool is_number(const struct yaml_node *node)
{
    struct json_view view;

    return node->plain && json_scan(&view, node->text, NULL) == 0 && view.kind == JSON_NUMBER;
}

static void add_scalar(struct buf *out, const struct yaml_node *node)
{
    if (node->kind == YAML_NULL)
        buf_add_text(out, "null");
    else if (node->kind == YAML_BOOL)
        buf_add_text(out, node->boolean ? "true" : "false");
    else if (is_number(node))
        buf_add_bytes(out, node->text);
    else
        text_json(out, node->text);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document, YAML_DEPTH_MAX */
static void add_json(struct buf *out, const struct yaml_node *node)
{
    const bool mapping = node->kind == YAML_MAPPING;

    if (!mapping && node->kind != YAML_SEQUENCE) {
        add_scalar(out, node);
        return;
    }
    buf_add_char(out, mapping ? '{' : '[');
    for (size_t i = 0; i < node->n; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        if (mapping) {
            text_json(out, node->pairs[i].key->text);
            buf_add_char(out, ':');
        }
        add_json(out, mapping ? node->pairs[i].value : node->items[i]);
    }
    buf_add_char(out, mapping ? '}' : ']');
}

/* --- Statements --- */

/* What was written of a statement, and what it lacks. */
struct pieces {
    struct json_view type, subject, predicate_type, predicate;
};

static bool predicate_fits(const struct json_view *predicate, const char *type)
{
    return predicate->kind == JSON_OBJECT || predicate->kind == JSON_NULL_VALUE ||
           (predicate->kind == JSON_STRING && strcmp(type, PREDICATE_SPDX) == 0);
}

/* in-toto attestation v1 "Statement": these members and no other. */
static int take_apart(struct pieces *out, struct json_view root, const char *type, struct err *err)
{
    const struct json_member members[] = {
        { "_type", &out->type, JSON_STRING, false },
        { "subject", &out->subject, JSON_ARRAY, false },
        { "predicateType", &out->predicate_type, JSON_STRING, false },
        { "predicate", &out->predicate, JSON_ABSENT, false },
    };

    *out = (struct pieces) { .type = JSON_VIEW_NONE };
    if (root.kind == JSON_OBJECT && json_at(root, "/predicate").kind == JSON_ABSENT)
        return err_set(err, ERR_CONFIG,
                       "a statement has a member predicate: write {predicate: ...} around it");
    if (json_members(root, members, ARRAY_LEN(members), JSON_REST_REFUSED, "statement", err) != 0)
        return -1;
    if (!predicate_fits(&out->predicate, type))
        return err_set(err, ERR_CONFIG, "statement: predicate: an object is wanted here");
    if (out->predicate_type.kind == JSON_STRING &&
        !json_string_is(out->predicate_type, bytes_text(type)))
        return err_set(err, ERR_CONFIG, "statement: predicateType: not the one that is attested");
    return 0;
}

static void add_subject(struct buf *out, const struct reference *image)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &image->digest);
    const char *colon = strchr(digest, ':');
    reference_name(&name, image);
    buf_add_text(out, "\"subject\":[{\"name\":");
    text_json(out, buf_bytes(&name));
    buf_addf(out, ",\"digest\":{\"%.*s\":\"%s\"}}],", (int)(colon - digest), digest, colon + 1);
}

/* Every statement that becomes a fact says what it is of and of which type. */
static void put_together(struct buf *out, const struct pieces *p, const struct draft *d)
{
    buf_add_text(out, "{\"_type\":");
    if (p->type.kind == JSON_STRING)
        buf_add_bytes(out, p->type.raw);
    else
        buf_add_text(out, "\"" STATEMENT_V1 "\"");
    buf_add_char(out, ',');
    if (p->subject.kind == JSON_ARRAY) {
        buf_add_text(out, "\"subject\":");
        buf_add_bytes(out, p->subject.raw);
        buf_add_char(out, ',');
    } else if (d->c->image.has_digest)
        add_subject(out, &d->c->image);
    buf_add_text(out, "\"predicateType\":");
    text_json(out, bytes_text(d->fact->predicate_type));
    buf_add_text(out, ",\"predicate\":");
    buf_add_bytes(out, p->predicate.raw);
    buf_add_char(out, '}');
}

static int use_statement(struct test_reader *r, const struct draft *d, struct bytes json,
                         struct err *err)
{
    struct buf CLEANUP(buf_clear) whole = BUF_INIT(BUNDLE_STATEMENT_MAX);
    struct pieces pieces;
    struct json_view root;

    if (json_scan(&root, json, err) != 0 ||
        take_apart(&pieces, root, d->fact->predicate_type, err) != 0)
        return -1;
    put_together(&whole, &pieces, d);
    if (buf_check(&whole, "statement", err) != 0 ||
        arena_adopt(&d->fact->payload, &r->test->arena, &whole, err) != 0)
        return -1;
    return json_scan(&d->fact->statement, d->fact->payload, err);
}

static int read_written(struct test_reader *r, const struct spot *at, const struct draft *d,
                        struct err *err)
{
    struct buf CLEANUP(buf_clear) json = BUF_INIT(BUNDLE_STATEMENT_MAX);

    if (at->node->kind != YAML_MAPPING)
        return spot_wrong(r, at, err, "a mapping is wanted here: {predicate: {...}}");
    add_json(&json, at->node);
    if (buf_check(&json, "statement", err) != 0 || use_statement(r, d, buf_bytes(&json), err) != 0)
        return spot_failed(r, at, err);
    return 0;
}

static int read_file(struct test_reader *r, const struct spot *at, const struct draft *d,
                     struct err *err)
{
    struct buf CLEANUP(buf_clear) json = BUF_INIT(BUNDLE_STATEMENT_MAX);
    const char *path;

    if (spot_path(&path, r, at, err) != 0)
        return -1;
    if (file_read(&json, path, err) != 0)
        return spot_failed(r, at, err);
    if (use_statement(r, d, buf_bytes(&json), err) != 0) {
        err_wrap(err, "%s", path);
        return spot_failed(r, at, err);
    }
    return 0;
}

static int read_statement(struct test_reader *r, const struct spot *at, const struct draft *d,
                          struct err *err)
{
    struct spot written, file;
    const bool is_written = spot_find(&written, at, "statement");

    if (is_written == spot_find(&file, at, "file"))
        return spot_wrong(r, at, err, "what was attested is wanted: either statement or file");
    return is_written ? read_written(r, &written, d, err) : read_file(r, &file, d, err);
}

/* --- Facts --- */

static const char *signer_word(const void *context, size_t i)
{
    const struct policy *policy = context;

    return policy->signers[i].name;
}

/* Made by the signer's first key: any of its keys counts as this one signer. */
static int read_signer(struct test_reader *r, const struct spot *at, void *target, struct err *err)
{
    const struct policy *policy = r->test->policy.policy;
    const struct draft *d = target;
    size_t i;

    if (spot_word(&i, r, at, (struct spot_words) { signer_word, policy, policy->n_signers }, err) !=
        0)
        return -1;
    memcpy(d->fact->fingerprint, policy->signers[i].fingerprints[0], KEY_FINGERPRINT_SIZE);
    d->fact->algorithm = policy->signers[i].algorithms[0];
    return 0;
}

static int read_annotations(struct test_reader *r, const struct spot *at, void *target,
                            struct err *err)
{
    const struct draft *d = target;

    if (at->node->kind != YAML_MAPPING || at->node->n == 0)
        return spot_wrong(r, at, err, "a mapping of claims is wanted here");
    if (at->node->n > ANNOTATIONS_MAX)
        return spot_wrong(r, at, err, "more than %d annotations", ANNOTATIONS_MAX);
    struct annotation *list = arena_new(&r->test->arena, at->node->n, sizeof(*list), err);
    if (list == NULL)
        return spot_failed(r, at, err);
    for (size_t i = 0; i < at->node->n; i++) {
        const struct spot value = spot_member(at, i);
        const struct spot name = { at, value.key, 0, value.key };
        if (spot_line(&list[i].name, r, &name, ANNOTATION_MAX, err) != 0 ||
            spot_line(&list[i].value, r, &value, ANNOTATION_MAX, err) != 0)
            return -1;
    }
    d->fact->annotations = list;
    d->fact->n_annotations = at->node->n;
    return 0;
}

/* Bundles' signatures name no repository (policy.md "Leaves"). */
static int read_repository(struct test_reader *r, const struct spot *at, void *target,
                           struct err *err)
{
    const struct draft *d = target;

    d->fact->layout = LAYOUT_LEGACY;
    return spot_line(&d->fact->repository, r, at, REFERENCE_MAX, err);
}

static int read_type(struct test_reader *r, const struct spot *at, void *target, struct err *err)
{
    const struct draft *d = target;

    if (spot_line(&d->fact->predicate_type, r, at, TYPE_MAX, err) != 0)
        return -1;
    if (!text_is_uri(bytes_text(d->fact->predicate_type)))
        return spot_wrong(r, at, err, "the predicate type's whole URI is wanted here");
    if (strcmp(d->fact->predicate_type, PREDICATE_COSIGN_SIGN) == 0)
        return spot_wrong(r, at, err, "this is the type of signatures: write it as signed");
    return 0;
}

static int read_signature_fact(struct test_reader *r, const struct spot *at, struct draft *d,
                               struct err *err)
{
    static const struct spot_field fields[] = {
        { "signed", read_signer, true },
        { "annotations", read_annotations, false },
        { "repository", read_repository, false },
    };

    d->fact->kind = FACT_SIGNATURE;
    return spot_mapping(r, at, SPOT_FIELDS(fields), d, err);
}

static int read_statement_fact(struct test_reader *r, const struct spot *at, struct draft *d,
                               struct err *err)
{
    static const struct spot_field fields[] = {
        { "attested", read_type, true },
        { "by", read_signer, true },
        { "statement", NULL, false },
        { "file", NULL, false },
    };

    d->fact->kind = FACT_STATEMENT;
    if (spot_mapping(r, at, SPOT_FIELDS(fields), d, err) != 0)
        return -1;
    return read_statement(r, at, d, err);
}

static int read_fact(struct test_reader *r, const struct spot *at, struct draft *d, struct err *err)
{
    struct spot key;

    *d->fact = (struct fact) { .layout = LAYOUT_BUNDLE, .subject = d->c->image.digest };
    d->fact->where = arena_printf(&r->test->arena, err, "%s:%d", r->test->file, at->node->line);
    if (d->fact->where == NULL)
        return spot_failed(r, at, err);
    const bool is_signed = spot_find(&key, at, "signed");
    if (is_signed == spot_find(&key, at, "attested"))
        return spot_wrong(r, at, err, "a fact is one of two: {signed: ...} or {attested: ...}");
    return is_signed ? read_signature_fact(r, at, d, err) : read_statement_fact(r, at, d, err);
}

int test_facts_read(struct test_reader *r, const struct spot *at, struct test_case *c,
                    struct err *err)
{
    if (at->node->kind != YAML_SEQUENCE)
        return spot_wrong(r, at, err, "a list of facts is wanted here: [] for none");
    if (at->node->n > POLICY_TEST_FACTS_MAX)
        return spot_wrong(r, at, err, "more than %d facts", POLICY_TEST_FACTS_MAX);
    if (at->node->n == 0)
        return 0;
    c->facts.facts = mem_new(at->node->n, sizeof(*c->facts.facts), err);
    if (c->facts.facts == NULL)
        return -1;
    for (size_t i = 0; i < at->node->n; i++) {
        const struct spot item = spot_item(at, i);
        struct draft draft = { &c->facts.facts[i], c };
        if (read_fact(r, &item, &draft, err) != 0)
            return -1;
    }
    c->facts.n = c->facts.pieces = at->node->n;
    return 0;
}
