#include "policy/distinct.h"

#include <string.h>

#include "base/limits.h"

#define IDENTITIES_MAX (AT_LEAST_LEAVES_MAX * KEYS_MAX)

/* Signers on one side, keys on the other: as many pairs as can be (bipartite matching by augmenting
 * paths). The sizes are those of a policy, not of evidence. */
struct matching {
    const struct policy_signer *signers[AT_LEAST_LEAVES_MAX]; /* different names */
    uint64_t keys[AT_LEAST_LEAVES_MAX];                       /* of each, that may stand for it */
    size_t n;
    const uint8_t *identities[IDENTITIES_MAX]; /* fingerprints, each once */
    size_t owner[IDENTITIES_MAX];              /* the signer that has it; n: nobody */
    bool seen[IDENTITIES_MAX];
    size_t n_identities;
};

/* Leaves of one signer are one: only one of them counts. */
static void add_leaf(struct matching *m, const struct policy_signer *signer, uint64_t keys)
{
    size_t i = 0;

    while (i < m->n && strcmp(m->signers[i]->name, signer->name) != 0)
        i++;
    if (i == m->n) {
        m->signers[m->n] = signer;
        m->keys[m->n++] = 0;
    }
    m->keys[i] |= keys;
}

static size_t identity_of(struct matching *m, const uint8_t *fingerprint)
{
    for (size_t i = 0; i < m->n_identities; i++)
        if (bytes_equal((struct bytes) { m->identities[i], KEY_FINGERPRINT_SIZE },
                        (struct bytes) { fingerprint, KEY_FINGERPRINT_SIZE }))
            return i;
    m->identities[m->n_identities] = fingerprint;
    m->owner[m->n_identities] = SIZE_MAX;
    return m->n_identities++;
}

/* Give the signer a key, moving others to other keys of theirs where that helps. */
/* NOLINTNEXTLINE(misc-no-recursion): each step marks one of at most IDENTITIES_MAX keys for good */
static bool place(struct matching *m, size_t signer)
{
    for (size_t key = 0; key < m->signers[signer]->n && key < KEYS_MAX; key++) {
        if ((m->keys[signer] >> key & 1) == 0)
            continue;
        const size_t identity = identity_of(m, m->signers[signer]->fingerprints[key]);
        if (m->seen[identity])
            continue;
        m->seen[identity] = true;
        if (m->owner[identity] == SIZE_MAX || place(m, m->owner[identity])) {
            m->owner[identity] = signer;
            return true;
        }
    }
    return false;
}

static size_t most(const struct distinct_leaf *leaves, size_t n, bool with_open)
{
    struct matching m = { .n = 0 };
    size_t placed = 0;

    for (size_t i = 0; i < n && i < AT_LEAST_LEAVES_MAX; i++) {
        const bool any_key = with_open && leaves[i].open;
        if (any_key || leaves[i].proven != 0)
            add_leaf(&m, leaves[i].signer, any_key ? UINT64_MAX : leaves[i].proven);
    }
    for (size_t i = 0; i < m.n; i++) {
        memset(m.seen, 0, sizeof(m.seen));
        placed += place(&m, i);
    }
    return placed;
}

void distinct_signers(size_t *sure, size_t *possible, const struct distinct_leaf *leaves, size_t n)
{
    *sure = most(leaves, n, false);
    *possible = most(leaves, n, true);
}
