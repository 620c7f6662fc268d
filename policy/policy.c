#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

const char *policy_mode_name(enum policy_mode mode)
{
    switch (mode) {
    case MODE_ENFORCE:
        return "enforce";
    case MODE_WARN:
        return "warn";
    case MODE_AUDIT:
        return "audit";
    }
    return "enforce";
}

static const struct policy_signer *
signer_of_keys(struct arena *arena, const struct public_key *const *keys, size_t n, struct err *err)
{
    struct policy_signer *signer = arena_new(arena, 1, sizeof(*signer), err);
    uint8_t(*prints)[KEY_FINGERPRINT_SIZE] = arena_new(arena, n, sizeof(*prints), err);
    const char **algorithms = arena_new(arena, n, sizeof(*algorithms), err);

    if (signer == NULL || prints == NULL || algorithms == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        memcpy(prints[i], public_key_fingerprint(keys[i]), KEY_FINGERPRINT_SIZE);
        algorithms[i] = public_key_algorithm(keys[i]);
    }
    *signer = (struct policy_signer) {
        .name = n == 1 ? "the key" : "any of the keys",
        .fingerprints = (const uint8_t(*)[KEY_FINGERPRINT_SIZE])prints,
        .n = n,
        .algorithms = algorithms,
    };
    return signer;
}

/* One rule for every image, with one leaf. */
static int policy_of_leaf(struct policy **out, const struct public_key *const *keys, size_t n,
                          const struct requirement *leaf, struct err *err)
{
    struct policy *CLEANUP(policy_freep) policy = NULL;

    *out = NULL;
    if (n < 1)
        return err_set(err, ERR_USAGE, "no key is given");
    if (n > KEYS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d keys", KEYS_MAX);
    policy = mem_new(1, sizeof(*policy), err);
    if (policy == NULL)
        return -1;
    *policy = (struct policy) { .arena = ARENA_INIT(MIB), .name = "--key", .serial = -1 };
    struct policy_rule *rule = arena_new(&policy->arena, 1, sizeof(*rule), err);
    if (rule == NULL)
        return -1;
    *rule = (struct policy_rule) { .name = "--key", .action = RULE_REQUIRE, .require = *leaf };
    rule->require.signer = signer_of_keys(&policy->arena, keys, n, err);
    if (rule->require.signer == NULL)
        return -1;
    policy->signers = rule->require.signer;
    policy->n_signers = 1;
    policy->rules = rule;
    policy->n_rules = 1;
    *out = STEAL(policy);
    return 0;
}

int policy_for_keys(struct policy **out, const struct public_key *const *keys, size_t n,
                    const struct annotation *annotations, size_t n_annotations, struct err *err)
{
    const struct requirement leaf = {
        .kind = REQUIRE_SIGNED,
        .annotations = annotations,
        .n_annotations = n_annotations,
    };

    return policy_of_leaf(out, keys, n, &leaf, err);
}

int policy_for_statements(struct policy **out, const struct public_key *const *keys, size_t n,
                          const struct policy_check *check, struct err *err)
{
    const struct requirement leaf = { .kind = REQUIRE_ATTESTED, .check = check };

    return policy_of_leaf(out, keys, n, &leaf, err);
}

void policy_free(struct policy *policy)
{
    if (policy != NULL)
        arena_clear(&policy->arena);
    free(policy);
}

void policy_freep(struct policy **policy)
{
    policy_free(*policy);
    *policy = NULL;
}
