#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

struct policy {
    struct policy_rule rule;
    struct policy_signer signer;
    uint8_t fingerprints[KEYS_MAX][KEY_FINGERPRINT_SIZE];
};

static int policy_new(struct policy **out, const struct public_key *const *keys, size_t n,
                      const struct requirement *require, struct err *err)
{
    *out = NULL;
    if (n < 1)
        return err_set(err, ERR_USAGE, "no key is given");
    if (n > KEYS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d keys", KEYS_MAX);
    struct policy *policy = mem_new(1, sizeof(*policy), err);
    if (policy == NULL)
        return -1;
    for (size_t i = 0; i < n; i++)
        memcpy(policy->fingerprints[i], public_key_fingerprint(keys[i]), KEY_FINGERPRINT_SIZE);
    policy->signer = (struct policy_signer) {
        .name = n == 1 ? "the key" : "any of the keys",
        .fingerprints = (const uint8_t(*)[KEY_FINGERPRINT_SIZE])policy->fingerprints,
        .n = n,
    };
    policy->rule = (struct policy_rule) { .name = "--key", .require = *require };
    policy->rule.require.signer = &policy->signer;
    *out = policy;
    return 0;
}

int policy_for_keys(struct policy **out, const struct public_key *const *keys, size_t n,
                    const struct annotation *annotations, size_t n_annotations, struct err *err)
{
    const struct requirement require = {
        .kind = FACT_SIGNATURE,
        .annotations = annotations,
        .n_annotations = n_annotations,
    };

    return policy_new(out, keys, n, &require, err);
}

int policy_for_statements(struct policy **out, const struct public_key *const *keys, size_t n,
                          const struct policy_statement *statement, struct err *err)
{
    const struct requirement require = {
        .kind = FACT_STATEMENT,
        .predicate_type = statement->predicate_type,
        .checks = statement->checks,
        .n_checks = statement->n_checks,
    };

    return policy_new(out, keys, n, &require, err);
}

void policy_free(struct policy *policy)
{
    free(policy);
}

void policy_freep(struct policy **policy)
{
    policy_free(*policy);
    *policy = NULL;
}

void policy_select(struct selection *out, const struct policy *policy,
                   const struct reference *image)
{
    (void)image; /* one rule, for every image */
    *out = (struct selection) { .rule = &policy->rule };
    out->plan.signatures = policy->rule.require.kind == FACT_SIGNATURE;
    out->plan.statements = policy->rule.require.kind == FACT_STATEMENT;
    out->plan.predicate_type = policy->rule.require.predicate_type;
}
