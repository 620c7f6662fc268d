/* `signers` of a policy: names for keys. */
#include <string.h>

#include "base/limits.h"
#include "policy/load_private.h"

#define PEM_BEGIN "-----BEGIN"

/* One signer being read. */
struct signer_reading {
    struct policy_signer *signer;
    uint8_t (*prints)[KEY_FINGERPRINT_SIZE];
    const char **algorithms;
};

/* Each different key once; takes it. */
static int keep_key(struct loader *l, const struct place *at, struct public_key **key)
{
    struct policy_keys *keys = l->keys;
    const struct bytes print = { public_key_fingerprint(*key), KEY_FINGERPRINT_SIZE };
    struct err err = ERR_INIT;
    void *array = keys->keys;

    for (size_t i = 0; i < keys->n; i++)
        if (bytes_equal(
                (struct bytes) { public_key_fingerprint(keys->keys[i]), KEY_FINGERPRINT_SIZE },
                print))
            return 0;
    const int grown =
        mem_grow(&array, &keys->cap, keys->n, sizeof(struct public_key *), POLICY_KEYS_MAX, &err);
    keys->keys = array;
    if (grown != 0)
        return err.code == ERR_LIMIT
                   ? load_wrong(l, at, "more than %d different keys", POLICY_KEYS_MAX)
                   : load_stop(l, &err);
    keys->keys[keys->n++] = STEAL(*key);
    return 0;
}

static int read_public_key(struct loader *l, const struct place *at, struct public_key **out)
{
    const struct bytes text = at->node->text;
    struct err err = ERR_INIT;
    int result;

    if (bytes_starts(text, PEM_BEGIN))
        result = public_key_parse(out, text, &err);
    else
        result = l->source->read_key(l->source->context, out, (const char *)text.data, &err);
    if (result == 0)
        return 0;
    if (err.code == ERR_NOMEM || err.code == ERR_CRYPTO || err.code == ERR_INTERNAL)
        return load_stop(l, &err); /* nothing is known of the key */
    return load_wrong(l, at, "%s", err_text(&err));
}

static bool has_key(const struct signer_reading *s, const struct public_key *key)
{
    const struct bytes print = { public_key_fingerprint(key), KEY_FINGERPRINT_SIZE };

    for (size_t i = 0; i < s->signer->n; i++)
        if (bytes_equal((struct bytes) { s->prints[i], KEY_FINGERPRINT_SIZE }, print))
            return true;
    return false;
}

static int add_key(struct loader *l, const struct place *at, struct signer_reading *s)
{
    struct public_key *CLEANUP(public_key_freep) key = NULL;

    if (load_string(l, at) != 0 || read_public_key(l, at, &key) != 0)
        return -1;
    if (has_key(s, key))
        return load_wrong(l, at, "the same key stands here twice");
    memcpy(s->prints[s->signer->n], public_key_fingerprint(key), KEY_FINGERPRINT_SIZE);
    s->algorithms[s->signer->n] = public_key_algorithm(key);
    s->signer->n++;
    return keep_key(l, at, &key);
}

static int begin_keys(struct loader *l, struct signer_reading *s, size_t n)
{
    s->prints = load_new(l, n, sizeof(*s->prints));
    s->algorithms = load_new(l, n, sizeof(*s->algorithms));
    if (s->prints == NULL || s->algorithms == NULL)
        return -1;
    s->signer->n = 0;
    s->signer->fingerprints = (const uint8_t(*)[KEY_FINGERPRINT_SIZE])s->prints;
    s->signer->algorithms = s->algorithms;
    return 0;
}

static int read_key(struct loader *l, const struct place *at, void *target)
{
    struct signer_reading *s = target;

    return begin_keys(l, s, 1) != 0 ? -1 : add_key(l, at, s);
}

static int read_keys(struct loader *l, const struct place *at, void *target)
{
    struct signer_reading *s = target;
    int result = 0;

    if (load_filled(l, at, YAML_SEQUENCE) != 0)
        return -1;
    if (at->node->n > KEYS_MAX)
        return load_wrong(l, at, "more than %d keys of one signer", KEYS_MAX);
    if (begin_keys(l, s, at->node->n) != 0)
        return -1;
    for (size_t i = 0; i < at->node->n && !l->stopped; i++) {
        const struct place item = load_item(at, i);
        if (add_key(l, &item, s) != 0)
            result = -1;
    }
    return result;
}

/* What is part of the format and not checked yet is refused, and never read past. */
static int refuse_keyless(struct loader *l, const struct place *at, void *target)
{
    (void)target;
    return load_wrong_key(l, at, "keyless signers are not supported yet");
}

static int refuse_notation(struct loader *l, const struct place *at, void *target)
{
    (void)target;
    return load_wrong_key(l, at, "Notation signers are not supported yet");
}

static int refuse_entry(struct loader *l, const struct place *at, void *target)
{
    (void)target;
    return load_wrong_key(l, at, "%s is not supported yet", (const char *)at->key.data);
}

/* No proof is what keys have when nothing is written. */
static int read_proof(struct loader *l, const struct place *at, void *target)
{
    if (at->node->kind == YAML_SEQUENCE && at->node->n == 0)
        return 0;
    return refuse_entry(l, at, target);
}

static int read_signer(struct loader *l, const struct place *at, struct policy_signer *out)
{
    static const struct load_field fields[] = {
        { "key", read_key, false },
        { "keys", read_keys, false },
        { "valid", refuse_entry, false },
        { "proof", read_proof, false },
        { "trust", refuse_entry, false },
        { "keyless", refuse_keyless, false },
        { "notation", refuse_notation, false },
    };
    static const char *const kinds[] = { "key", "keys", "keyless", "notation" };
    struct signer_reading s = { .signer = out };
    const int result = load_mapping(l, at, LOAD_FIELDS(fields), &s);
    const size_t n = load_count(at->node, kinds, ARRAY_LEN(kinds));

    if (n > 1)
        return load_wrong(l, at, "only one of key, keys, keyless and notation makes a signer");
    if (n == 0 && result == 0)
        return load_wrong(l, at, "a signer needs key or keys");
    return result;
}

int load_signers(struct loader *l, const struct place *at, void *target)
{
    struct policy *policy = target;
    int result = 0;

    if (load_filled(l, at, YAML_MAPPING) != 0 || load_names(l, &l->signers, at->node) != 0)
        return -1;
    struct policy_signer *signers = load_new(l, at->node->n, sizeof(*signers));
    if (signers == NULL)
        return -1;
    policy->signers = signers;
    policy->n_signers = at->node->n;
    for (size_t i = 0; i < at->node->n && !l->stopped; i++) {
        const struct place member = load_member(at, i);
        if (load_defined(l, &member, &signers[i].name) != 0)
            result = -1;
        signers[i].line = member.name->line;
        signers[i].column = member.name->column;
        if (read_signer(l, &member, &signers[i]) != 0)
            result = -1;
    }
    return result;
}
