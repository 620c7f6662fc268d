/* Reading a file of cases: verify/policy_test.h. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/yaml.h"
#include "verify/policy_test_private.h"

#define SHOWN_MAX 64       /* of a key or value, in messages */
#define PATH_SHOWN_MAX 256 /* of the way to a value */
#define KNOWN_MAX 512      /* of a list of known words */

/* --- Where a value stands, and what is wrong with it --- */

static void add_path(struct buf *out, const struct spot *at);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document, YAML_DEPTH_MAX */
static void add_path(struct buf *out, const struct spot *at)
{
    if (at->parent == NULL)
        return;
    add_path(out, at->parent);
    if (at->key == NULL) {
        buf_addf(out, "[%zu]", at->index);
        return;
    }
    if (out->len > 0)
        buf_add_char(out, '.');
    text_escape(out, at->key->text, SHOWN_MAX);
}

int spot_failed(const struct test_reader *r, const struct spot *at, struct err *err)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_SHOWN_MAX);

    if (err == NULL || err->code == ERR_NOMEM)
        return -1;
    err->code = ERR_CONFIG; /* whatever it was to its finder, here the file is wrong */
    add_path(&path, at);
    if (path.len > 0)
        err_wrap(err, "%s", buf_text(&path));
    return err_wrap(err, "%s:%d:%d", r->test->file, at->node->line, at->node->column);
}

struct spot spot_member(const struct spot *at, size_t i)
{
    const struct yaml_pair *pair = &at->node->pairs[i];

    return (struct spot) { .parent = at, .key = pair->key, .node = pair->value };
}

struct spot spot_item(const struct spot *at, size_t i)
{
    return (struct spot) { .parent = at, .index = i, .node = at->node->items[i] };
}

bool spot_find(struct spot *out, const struct spot *at, const char *key)
{
    *out = (struct spot) { .parent = at };
    for (size_t i = 0; at->node->kind == YAML_MAPPING && i < at->node->n; i++)
        if (bytes_is(at->node->pairs[i].key->text, key)) {
            *out = spot_member(at, i);
            return true;
        }
    return false;
}

/* --- Shapes --- */

static int unknown_key(const struct test_reader *r, const struct spot *at, struct spot_fields known,
                       struct err *err)
{
    const struct bytes key = at->key->text;
    const struct spot there = { .parent = at->parent, .key = at->key, .node = at->key };
    struct suggest near = suggest_begin((const char *)key.data, key.len);
    struct buf CLEANUP(buf_clear) words = BUF_INIT(KNOWN_MAX);

    for (size_t i = 0; i < known.n; i++) {
        suggest_try(&near, known.items[i].name);
        buf_addf(&words, "%s%s", i == 0 ? "" : ", ", known.items[i].name);
    }
    if (near.best != NULL)
        return spot_wrong(r, &there, err, "unknown key; did you mean \"%s\"?", near.best);
    return spot_wrong(r, &there, err, "unknown key; known here: %s", buf_text(&words));
}

static const struct spot_field *find_field(struct spot_fields fields, struct bytes key)
{
    for (size_t i = 0; i < fields.n; i++)
        if (bytes_is(key, fields.items[i].name))
            return fields.items + i;
    return NULL;
}

int spot_mapping(struct test_reader *r, const struct spot *at, struct spot_fields fields,
                 void *target, struct err *err)
{
    if (at->node->kind != YAML_MAPPING)
        return spot_wrong(r, at, err, "a mapping is wanted here");
    for (size_t i = 0; i < at->node->n; i++) {
        const struct spot member = spot_member(at, i);
        const struct spot_field *field = find_field(fields, member.key->text);
        if (field == NULL)
            return unknown_key(r, &member, fields, err);
        if (field->read != NULL && field->read(r, &member, target, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < fields.n; i++)
        if (fields.items[i].required && yaml_get(at->node, fields.items[i].name) == NULL)
            return spot_wrong(r, at, err, "%s is missing", fields.items[i].name);
    return 0;
}

int spot_line(const char **out, struct test_reader *r, const struct spot *at, size_t max,
              struct err *err)
{
    const struct yaml_node *node = at->node;

    if (node->kind == YAML_INT || node->kind == YAML_BOOL)
        return spot_wrong(r, at, err, "a text is wanted here; put it in quotes");
    if (node->kind != YAML_STRING || node->text.len == 0)
        return spot_wrong(r, at, err, "a text is wanted here");
    if (!text_plain(node->text))
        return spot_wrong(r, at, err,
                          "a text of one line, without control characters, is wanted here");
    if (node->text.len > max)
        return spot_wrong(r, at, err, "longer than %zu bytes", max);
    *out = arena_text(&r->test->arena, node->text, err);
    return *out == NULL ? spot_failed(r, at, err) : 0;
}

int spot_path(const char **out, struct test_reader *r, const struct spot *at, struct err *err)
{
    const char *path;

    if (spot_line(&path, r, at, REFERENCE_MAX, err) != 0)
        return -1;
    *out = path[0] == '/' ? path
                          : arena_printf(&r->test->arena, err, "%.*s%s", (int)r->folder.len,
                                         (const char *)r->folder.data, path);
    return *out == NULL ? spot_failed(r, at, err) : 0;
}

int spot_word(size_t *out, struct test_reader *r, const struct spot *at, struct spot_words known,
              struct err *err)
{
    struct buf CLEANUP(buf_clear) words = BUF_INIT(KNOWN_MAX);
    const char *word;

    if (spot_line(&word, r, at, REFERENCE_MAX, err) != 0)
        return -1;
    struct suggest near = suggest_begin(word, strlen(word));
    for (size_t i = 0; i < known.n; i++) {
        const char *name = known.name(known.context, i);
        if (name != NULL && strcmp(word, name) == 0) {
            *out = i;
            return 0;
        }
        if (name == NULL)
            continue;
        suggest_try(&near, name);
        buf_addf(&words, "%s%s", words.len == 0 ? "" : ", ", name);
    }
    if (near.best != NULL)
        return spot_wrong(r, at, err, "\"%.64s\" is not known here; did you mean \"%s\"?", word,
                          near.best);
    return spot_wrong(r, at, err, "\"%.64s\" is not known here; known: %s", word, buf_text(&words));
}

/* --- What is expected --- */

static const char *verdict_word(const void *context, size_t i)
{
    (void)context;
    return verdict_name((enum verdict)i);
}

static const char *mode_word(const void *context, size_t i)
{
    (void)context;
    return policy_mode_name((enum policy_mode)i);
}

static const char *reason_word(const void *context, size_t i)
{
    (void)context;
    return i == REASON_NONE ? NULL : reason_name((enum reason_code)i);
}

static const char *unknown_word(const void *context, size_t i)
{
    (void)context;
    return reason_is_unknown((enum reason_code)i) ? reason_name((enum reason_code)i) : NULL;
}

static int read_verdict(struct test_reader *r, const struct spot *at, void *target, struct err *err)
{
    struct test_expected *expected = target;
    size_t word;

    if (spot_word(&word, r, at, (struct spot_words) { verdict_word, NULL, VERDICT_ALLOW + 1 },
                  err) != 0)
        return -1;
    expected->verdict = (enum verdict)word;
    return 0;
}

static int read_reason(struct test_reader *r, const struct spot *at, void *target, struct err *err)
{
    struct test_expected *expected = target;
    size_t word;

    if (spot_word(&word, r, at, (struct spot_words) { reason_word, NULL, REASON_CODES }, err) != 0)
        return -1;
    expected->reason = (enum reason_code)word;
    return 0;
}

static int read_rule(struct test_reader *r, const struct spot *at, void *target, struct err *err)
{
    struct test_expected *expected = target;

    return spot_line(&expected->rule, r, at, POLICY_NAME_MAX, err);
}

static int read_mode(struct test_reader *r, const struct spot *at, void *target, struct err *err)
{
    struct test_expected *expected = target;
    size_t word;

    if (spot_word(&word, r, at, (struct spot_words) { mode_word, NULL, MODE_AUDIT + 1 }, err) != 0)
        return -1;
    expected->mode = (enum policy_mode)word;
    expected->with_mode = true;
    return 0;
}

static int read_expected(struct test_reader *r, const struct spot *at, void *target,
                         struct err *err)
{
    static const struct spot_field fields[] = {
        { "verdict", read_verdict, true },
        { "reason", read_reason, false },
        { "rule", read_rule, false },
        { "mode", read_mode, false },
    };
    struct test_case *c = target;
    struct spot reason;

    if (spot_mapping(r, at, SPOT_FIELDS(fields), &c->expected, err) != 0)
        return -1;
    if (c->expected.verdict == VERDICT_ALLOW && spot_find(&reason, at, "reason"))
        return spot_wrong(r, &reason, err, "what is allowed has no reason");
    return 0;
}

/* --- One case --- */

static int read_name(struct test_reader *r, const struct spot *at, void *target, struct err *err)
{
    struct test_case *c = target;

    if (spot_line(&c->name, r, at, POLICY_NAME_MAX, err) != 0)
        return -1;
    for (size_t i = 0; &r->test->cases[i] < c; i++)
        if (strcmp(r->test->cases[i].name, c->name) == 0)
            return spot_wrong(r, at, err, "the case of line %d has this name",
                              r->test->cases[i].line);
    return 0;
}

static int read_image(struct test_reader *r, const struct spot *at, void *target, struct err *err)
{
    struct test_case *c = target;
    const char *text;

    if (spot_line(&text, r, at, REFERENCE_MAX, err) != 0)
        return -1;
    if (reference_parse(&c->image, bytes_text(text), err) != 0)
        return spot_failed(r, at, err);
    if (c->image.layout)
        return spot_wrong(r, at, err,
                          "the name that is judged is wanted here; a layout goes under `layout`");
    return 0;
}

static int read_namespace(struct test_reader *r, const struct spot *at, void *target,
                          struct err *err)
{
    struct test_case *c = target;

    return spot_line(&c->namespace, r, at, POLICY_NAME_MAX, err);
}

static int read_at(struct test_reader *r, const struct spot *at, void *target, struct err *err)
{
    struct test_case *c = target;

    if (at->node->kind != YAML_STRING || time_parse(&c->at, at->node->text, NULL) != 0)
        return spot_wrong(r, at, err, "a time is wanted here, as 2026-11-01T00:00:00Z");
    return 0;
}

/* "DIR[:TAG]", with or without the "oci:" that it has on command lines. */
static int read_layout(struct test_reader *r, const struct spot *at, void *target, struct err *err)
{
    struct test_case *c = target;
    struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX * 2);
    struct yaml_node bare = *at->node;
    const struct spot shortened = { at->parent, at->key, at->index, &bare };
    const char *path;

    if (bytes_starts(bare.text, "oci:"))
        bare.text = bytes_part(bare.text, strlen("oci:"), bare.text.len);
    if (spot_path(&path, r, &shortened, err) != 0)
        return -1;
    buf_addf(&name, "oci:%s", path);
    if (reference_parse(&c->layout, buf_bytes(&name), err) != 0)
        return spot_failed(r, at, err);
    return 0;
}

/* The error whose meaning for a verdict is the word. */
static int read_incomplete(struct test_reader *r, const struct spot *at, void *target,
                           struct err *err)
{
    struct test_case *c = target;
    enum err_code code = ERR_NONE;
    size_t word;

    if (spot_word(&word, r, at, (struct spot_words) { unknown_word, NULL, REASON_CODES }, err) != 0)
        return -1;
    while (code < ERR_CODES - 1 &&
           (code == ERR_NONE || reason_of_error(code) != (enum reason_code)word))
        code++;
    c->facts.complete = false;
    err_set(&c->facts.incomplete, code, "the case says so; %s:%d", r->test->file, at->node->line);
    return 0;
}

/* What depends on more than one key. */
static int finish_case(struct test_reader *r, const struct spot *at, struct test_case *c,
                       struct err *err)
{
    struct spot facts, layout, incomplete;
    const bool written = spot_find(&facts, at, "facts");

    if (written == spot_find(&layout, at, "layout"))
        return spot_wrong(r, at, err,
                          "what is known is wanted: either facts ([] for none) or a layout");
    if (!written && spot_find(&incomplete, at, "incomplete"))
        return spot_wrong(r, &incomplete, err,
                          "incomplete goes with facts: a layout is read to its end or it is not");
    if (c->namespace == NULL && policy_needs_namespace(r->test->policy.policy, &c->image))
        return spot_wrong(r, at, err,
                          "a rule with namespaces could match the image: write its namespace");
    return written ? test_facts_read(r, &facts, c, err) : 0;
}

static int read_case(struct test_reader *r, const struct spot *at, struct test_case *c,
                     struct err *err)
{
    static const struct spot_field fields[] = {
        { "name", read_name, true },
        { "image", read_image, true },
        { "namespace", read_namespace, false },
        { "at", read_at, false },
        { "facts", NULL, false },
        { "layout", read_layout, false },
        { "incomplete", read_incomplete, false },
        { "expect", read_expected, true },
    };

    fact_set_init(&c->facts);
    c->facts.complete = true;
    c->at = r->now;
    c->line = at->node->line;
    if (spot_mapping(r, at, SPOT_FIELDS(fields), c, err) != 0)
        return -1;
    return finish_case(r, at, c, err);
}

/* --- The file --- */

static int read_cases(struct test_reader *r, const struct spot *at, struct err *err)
{
    if (at->node->kind != YAML_SEQUENCE || at->node->n == 0)
        return spot_wrong(r, at, err, "a list of cases is wanted here");
    if (at->node->n > POLICY_TEST_CASES_MAX)
        return spot_wrong(r, at, err, "more than %d cases", POLICY_TEST_CASES_MAX);
    r->test->cases = mem_new(at->node->n, sizeof(*r->test->cases), err);
    if (r->test->cases == NULL)
        return -1;
    for (size_t i = 0; i < at->node->n; i++) {
        const struct spot item = spot_item(at, i);
        r->test->n = i + 1; /* counted first: half a case is cleared too */
        if (read_case(r, &item, &r->test->cases[i], err) != 0)
            return -1;
    }
    return 0;
}

/* A policy that is wrong has a place of its own in its messages. */
static int read_policy(struct test_reader *r, const struct spot *root, const char *path,
                       struct err *err)
{
    struct spot at;

    if (path == NULL) {
        if (!spot_find(&at, root, "policy"))
            return spot_wrong(r, root, err, "policy is missing: name it here or with --policy");
        if (spot_path(&path, r, &at, err) != 0)
            return -1;
    }
    return policy_file_read(&r->test->policy, path, err);
}

static int read_root(struct test_reader *r, const struct spot *root, const char *policy,
                     struct err *err)
{
    static const struct spot_field fields[] = { { "version", NULL, true },
                                                { "policy", NULL, false },
                                                { "cases", NULL, true } };
    struct spot version, cases;

    if (spot_mapping(r, root, SPOT_FIELDS(fields), NULL, err) != 0)
        return -1;
    if (spot_find(&version, root, "version") &&
        (version.node->kind != YAML_INT || version.node->integer != 1))
        return spot_wrong(r, &version, err, "version 1 is the only one that is known here");
    if (read_policy(r, root, policy, err) != 0)
        return -1;
    return spot_find(&cases, root, "cases") ? read_cases(r, &cases, err) : -1;
}

static struct bytes folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? BYTES_LIT("")
                         : bytes_part(bytes_text(path), 0, (size_t)(slash + 1 - path));
}

int policy_test_read(struct policy_test *out, const struct policy_test_source *source,
                     struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
    struct test_reader r = { .test = out, .folder = folder_of(source->path), .now = source->now };

    *out = (struct policy_test) { .arena = ARENA_INIT(POLICY_TEST_BYTES_MAX),
                                  .file = source->path,
                                  .policy = { .findings = POLICY_FINDINGS_INIT } };
    if (file_read(&text, source->path, err) != 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_USAGE;
        return -1;
    }
    if (yaml_parse(&doc, buf_bytes(&text), source->path, err) != 0)
        return -1;
    const struct spot root = { .node = yaml_root(doc) };
    return read_root(&r, &root, source->policy, err);
}

void policy_test_clear(struct policy_test *test)
{
    for (size_t i = 0; i < test->n; i++) {
        reference_clear(&test->cases[i].image);
        reference_clear(&test->cases[i].layout);
        fact_set_clear(&test->cases[i].facts);
    }
    free(test->cases);
    policy_file_clear(&test->policy);
    arena_clear(&test->arena);
    *test = (struct policy_test) { .policy = { .findings = POLICY_FINDINGS_INIT } };
}
