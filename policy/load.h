#ifndef BULLA_POLICY_LOAD_H
#define BULLA_POLICY_LOAD_H

#include "policy/policy.h"

/*
 * Reading a policy file (policy.md). The file is compiled once into its immutable form; everything
 * that is wrong with it is told at once.
 */

enum finding_level { FINDING_ERROR, FINDING_WARNING };

/** Something about the file. Texts live in the list's arena. */
struct policy_finding {
    enum finding_level level;
    int line, column; /* from 1; 0: of the whole file */
    const char *path; /* "rules[2].require.all[0].by", as the file nests; "" for the whole */
    const char *text; /* what is wrong, and what to do; one sentence without a full stop */
};

struct policy_findings {
    struct arena arena;
    struct policy_finding *items; /* in the order of the file */
    size_t n, cap;
    size_t errors; /* of them */
};

#define POLICY_FINDINGS_INIT                                                                       \
    {                                                                                              \
        .arena = ARENA_INIT(POLICY_FINDINGS_BYTES_MAX)                                             \
    }

void policy_findings_clear(struct policy_findings *findings);

/** Add one. -1 with ERR_NOMEM, ERR_LIMIT (POLICY_FINDINGS_MAX: more are not worth reading). */
int policy_finding_add(struct policy_findings *findings, const struct policy_finding *finding,
                       struct err *err) MUST_CHECK;

/** "policy.yaml:3:7: rules[0].images: ...", appended. */
void policy_finding_format(struct buf *out, const char *file, const struct policy_finding *finding);

/** Reads a key file that the policy names; paths are relative to the policy's folder. Given by who
 * does I/O. -1 with what is wrong with it. */
typedef int policy_read_key(void *context, struct public_key **out, const char *path,
                            struct err *err);

/** Every distinct key of every signer, for evidence_check(). Owned. */
struct policy_keys {
    struct public_key **keys;
    size_t n, cap;
};
void policy_keys_clear(struct policy_keys *keys);

/** What a policy is read from. */
struct policy_source {
    struct bytes text;
    const char *file; /* name for messages and answers, "policy.yaml" */
    policy_read_key *read_key;
    void *context; /* of read_key */
};

/**
 * @param keys      zeroed; to be cleared in either case
 * @param findings  initialised; errors of the file and warnings are added, in its order
 * @return 0, or -1 with ERR_CONFIG when there are errors (the text is the first, as
 * "policy.yaml:3:7: rules[0].images: ..."), ERR_LIMIT, ERR_NOMEM
 */
int policy_load(struct policy **out, struct policy_keys *keys, const struct policy_source *source,
                struct policy_findings *findings, struct err *err) MUST_CHECK;

#endif
