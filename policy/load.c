#include "policy/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/text.h"
#include "policy/load_private.h"

#define SUGGESTIONS_MAX 4096 /* words compared with, in one file */
#define HASH_SHOWN 12        /* hexadecimal digits */

int load_mode(struct loader *l, const struct place *at, enum policy_mode *out)
{
    static const char *const words[] = { "enforce", "warn", "audit" };
    size_t word;

    if (load_word(l, at, words, ARRAY_LEN(words), &word) != 0)
        return -1;
    *out = (enum policy_mode)word;
    return 0;
}

/* --- Settings of the whole file --- */

static int read_name(struct loader *l, const struct place *at, void *target)
{
    return load_line(l, at, POLICY_NAME_MAX, &((struct policy *)target)->name);
}

static int read_serial(struct loader *l, const struct place *at, void *target)
{
    if (at->node->kind != YAML_INT || at->node->integer < 0)
        return load_wrong(l, at, "a whole number from 0 on is wanted here");
    ((struct policy *)target)->serial = at->node->integer;
    return 0;
}

static int read_mode(struct loader *l, const struct place *at, void *target)
{
    return load_mode(l, at, &((struct policy *)target)->mode);
}

static int read_unmatched(struct loader *l, const struct place *at, void *target)
{
    static const char *const words[] = { "deny", "warn", "allow" };
    size_t word;

    if (load_word(l, at, words, ARRAY_LEN(words), &word) != 0)
        return -1;
    ((struct policy *)target)->unmatched = (enum policy_unmatched)word;
    return 0;
}

static int read_tags(struct loader *l, const struct place *at, void *target)
{
    static const char *const words[] = { "pin", "require-digest", "allow" };
    size_t word;

    if (load_word(l, at, words, ARRAY_LEN(words), &word) != 0)
        return -1;
    ((struct policy *)target)->tags = (enum policy_tags)word;
    return 0;
}

static int read_templates(struct loader *l, const struct place *at, void *target)
{
    static const char *const words[] = { "warn", "enforce", "ignore" };
    size_t word;

    if (load_word(l, at, words, ARRAY_LEN(words), &word) != 0)
        return -1;
    ((struct policy *)target)->templates = (enum policy_templates)word;
    return 0;
}

static int read_within(struct loader *l, const struct place *at, void *target)
{
    return load_duration(l, at, &((struct policy *)target)->use_proven_within);
}

static int read_unknown(struct loader *l, const struct place *at, void *target)
{
    static const struct load_field fields[] = { { "use-proven-within", read_within, true } };
    static const char *const words[] = { "deny" };
    size_t word;

    if (at->node->kind == YAML_MAPPING)
        return load_mapping(l, at, LOAD_FIELDS(fields), target);
    return load_word(l, at, words, ARRAY_LEN(words), &word);
}

static int refuse_trust(struct loader *l, const struct place *at, void *target)
{
    (void)target;
    return load_wrong_key(l, at, "trust is not supported yet");
}

/* Sections have an order of their own. */
static int in_its_turn(struct loader *l, const struct place *at, void *target)
{
    (void)at;
    (void)target;
    return l->stopped ? -1 : 0;
}

static int read_section(struct loader *l, const struct place *root, const char *name,
                        load_reader *read)
{
    for (size_t i = 0; i < root->node->n; i++) {
        const struct place member = load_member(root, i);
        if (bytes_is(member.key, name))
            return read(l, &member, l->policy);
    }
    return 0;
}

/* A file of another version would be misread from its first line on. */
static int check_version(struct loader *l, const struct place *at, void *target)
{
    (void)target;
    if (at->node->kind == YAML_INT && at->node->integer == 1)
        return 0;
    return load_wrong(l, at, "version 1 is the only one that is known here");
}

static int tell_unused(struct loader *l, const struct place *at, const struct name_table *table)
{
    int result = 0;

    for (size_t i = 0; !l->leaf_lost && i < table->n; i++) {
        const struct place member = load_member(at, i);
        if (!table->used[i])
            result = load_wrong_key(l, &member, "no rule uses it; take it out");
    }
    return result;
}

static int unused_signers(struct loader *l, const struct place *at, void *target)
{
    (void)target;
    return tell_unused(l, at, &l->signers);
}

static int unused_checks(struct loader *l, const struct place *at, void *target)
{
    (void)target;
    return tell_unused(l, at, &l->checks);
}

static int read_policy(struct loader *l, const struct place *root)
{
    static const struct load_field fields[] = {
        { "version", in_its_turn, true },       { "name", read_name, false },
        { "serial", read_serial, false },       { "mode", read_mode, false },
        { "unmatched", read_unmatched, true },  { "tags", read_tags, false },
        { "templates", read_templates, false }, { "unknown", read_unknown, false },
        { "trust", refuse_trust, false },       { "signers", in_its_turn, false },
        { "checks", in_its_turn, false },       { "floor", load_floor, false },
        { "rules", in_its_turn, true },
    };

    /* what refers to names comes after what defines them, and before what asks whether it did */
    static const struct load_field sections[] = {
        { "signers", load_signers, false }, { "checks", load_checks, false },
        { "rules", load_rules, false },     { "signers", unused_signers, false },
        { "checks", unused_checks, false },
    };

    if (load_filled(l, root, YAML_MAPPING) != 0 ||
        read_section(l, root, "version", check_version) != 0)
        return -1;
    l->leaf_lost = yaml_get(root->node, "rules") == NULL;
    int result = load_mapping(l, root, LOAD_FIELDS(fields), l->policy);
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        if (read_section(l, root, sections[i].name, sections[i].read) != 0)
            result = -1;
    return result;
}

/* --- The file --- */

static const char *default_name(struct loader *l)
{
    static const char *const endings[] = { ".yaml", ".yml", ".json" };
    const char *slash = strrchr(l->source->file, '/');
    struct bytes name = bytes_text(slash == NULL ? l->source->file : slash + 1);

    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        const size_t len = strlen(endings[i]);
        if (name.len > len && bytes_is(bytes_part(name, name.len - len, len), endings[i])) {
            name.len -= len;
            break;
        }
    }
    return load_text(l, name);
}

static int describe(struct loader *l)
{
    struct buf CLEANUP(buf_clear) hex = BUF_INIT(2 * HASH_MAX);
    struct policy *policy = l->policy;
    struct err err = ERR_INIT;
    uint8_t hash[HASH_MAX];

    policy->serial = -1;
    policy->name = default_name(l);
    policy->file = load_text(l, bytes_text(l->source->file));
    if (policy->name == NULL || policy->file == NULL)
        return -1;
    if (hash_bytes(hash, HASH_SHA256, l->source->text, &err) != 0)
        return load_stop(l, &err);
    hex_encode(&hex, (struct bytes) { hash, HASH_SHOWN / 2 });
    if (buf_check(&hex, "the hash", &err) != 0)
        return load_stop(l, &err);
    memcpy(policy->hash, buf_text(&hex), sizeof(policy->hash));
    return 0;
}

/* "policy.yaml:3:7: why" of the YAML reader as a finding; without a place it is not of the file. */
static int tell_syntax(struct loader *l, const struct err *why)
{
    const size_t file = strlen(l->source->file) + 1;
    const char *text = err_text(why);
    char *end;

    if (why->code == ERR_NOMEM || strlen(text) <= file || text[file] < '1' || text[file] > '9') {
        *l->err = *why;
        l->stopped = true;
        return -1;
    }
    struct yaml_node place = { .line = (int)strtoul(text + file, &end, 10) };
    if (*end == ':')
        place.column = (int)strtoul(end + 1, &end, 10);
    const struct place at = { .node = &place };
    return load_wrong(l, &at, "%s", strncmp(end, ": ", 2) == 0 ? end + 2 : end);
}

static int read_text(struct loader *l)
{
    CLEANUP(yaml_freep) struct yaml_doc *doc = NULL;
    struct err err = ERR_INIT;

    if (describe(l) != 0)
        return -1;
    if (yaml_parse(&doc, l->source->text, l->source->file, &err) != 0)
        return tell_syntax(l, &err);
    const struct place root = { .node = yaml_root(doc) };
    return read_policy(l, &root);
}

/* The first error stands for all of them. */
static int refused(const struct policy_findings *findings, const char *file, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(ERR_TEXT_MAX * 4);
    size_t i = 0;

    while (i < findings->n && findings->items[i].level != FINDING_ERROR)
        i++;
    if (i == findings->n)
        return err_set(err, ERR_INTERNAL, "%s: refused without a reason", file);
    policy_finding_format(&text, file, &findings->items[i]);
    if (text.state == BUF_NOMEM)
        return err_set(err, ERR_NOMEM, "%s: out of memory", file);
    return err_set(err, ERR_CONFIG, "%s", buf_text(&text));
}

int policy_load(struct policy **out, struct policy_keys *keys, const struct policy_source *source,
                struct policy_findings *findings, struct err *err)
{
    struct policy *CLEANUP(policy_freep) policy = NULL;
    struct err own = ERR_INIT;

    *out = NULL;
    if (source->text.len > CONFIG_FILE_MAX)
        return err_set(err, ERR_LIMIT, "%s: larger than %zu bytes", source->file, CONFIG_FILE_MAX);
    policy = mem_new(1, sizeof(*policy), err);
    if (policy == NULL)
        return -1;
    policy->arena = (struct arena)ARENA_INIT(POLICY_BYTES_MAX);
    struct loader l = { .policy = policy,
                        .keys = keys,
                        .findings = findings,
                        .source = source,
                        .suggestions = SUGGESTIONS_MAX,
                        .err = &own };
    const int result = read_text(&l);
    if (own.code != ERR_NONE)
        return err_set(err, own.code, "%s", err_text(&own));
    if (result != 0 || findings->errors > 0)
        return refused(findings, source->file, err);
    *out = STEAL(policy);
    return 0;
}
