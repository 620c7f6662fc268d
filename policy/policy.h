#ifndef BULLA_POLICY_POLICY_H
#define BULLA_POLICY_POLICY_H

#include "evidence/collect.h"
#include "policy/check.h"
#include "policy/pattern.h"
#include "registry/reference.h"

/*
 * Who must have vouched for what (policy.md). No I/O, no clock. Immutable once it is ready: any
 * number of threads may judge with it. load.h reads it from a file.
 */

/** How strictly a verdict is taken. The effective mode is the weaker of the file's and the rule's:
 * the larger. */
enum policy_mode { MODE_ENFORCE = 0, MODE_WARN, MODE_AUDIT };
const char *policy_mode_name(enum policy_mode mode); /* "enforce", "warn", "audit" */

enum policy_unmatched { UNMATCHED_DENY = 0, UNMATCHED_WARN, UNMATCHED_ALLOW };
enum policy_tags { TAGS_PIN = 0, TAGS_REQUIRE_DIGEST, TAGS_ALLOW };
enum policy_templates { TEMPLATES_WARN = 0, TEMPLATES_ENFORCE, TEMPLATES_IGNORE };
enum policy_platforms { PLATFORMS_INDEX = 0, PLATFORMS_EACH, PLATFORMS_INDEX_OR_EACH };

/** Somebody who vouches: any of the keys counts as this one signer. */
struct policy_signer {
    const char *name;
    const uint8_t (*fingerprints)[KEY_FINGERPRINT_SIZE];
    size_t n;
    const char *const *algorithms; /* of each key, "ecdsa-p256"; parallel to fingerprints */
    int line, column;
};

/** Which statements of its type a check looks at. */
enum check_statements { CHECK_ANY, CHECK_EVERY, CHECK_NEWEST };

struct policy_check {
    const char *name;
    const char *type; /* predicate type URI, exact */
    enum check_statements statements;
    const char
        *time; /* JSON pointer to an RFC 3339 text; NULL: none (then CHECK_NEWEST cannot be) */
    int64_t max_age; /* seconds; 0: any age */
    const struct check *lines;
    size_t n;
    int line, column;
};

/** A tree of demands (policy.md principle 4). */
enum require_kind { REQUIRE_SIGNED, REQUIRE_ATTESTED, REQUIRE_ALL, REQUIRE_ANY, REQUIRE_AT_LEAST };

struct requirement {
    enum require_kind kind;
    const struct policy_signer *signer; /* leaves: who */
    const struct annotation *annotations;
    size_t n_annotations;
    bool same_repository;               /* REQUIRE_SIGNED: `repository: same` */
    const struct policy_check *check;   /* REQUIRE_ATTESTED */
    const struct requirement *children; /* connectives: 1 or more; under REQUIRE_AT_LEAST leaves */
    size_t n;
    size_t at_least;  /* REQUIRE_AT_LEAST: 1..n */
    int line, column; /* 0: not from a file */
};

enum rule_action { RULE_REQUIRE = 0, RULE_DENY, RULE_ALLOW_UNSIGNED };

struct policy_rule {
    const char *name;             /* shown in messages */
    const struct pattern *images; /* n_images == 0: every image; no file can say that */
    size_t n_images;
    const struct pattern *namespaces; /* n_namespaces == 0: every namespace, and none */
    size_t n_namespaces;
    enum policy_mode mode;
    enum policy_platforms platforms;
    enum rule_action action;
    struct requirement require; /* RULE_REQUIRE */
    const char *text;           /* RULE_DENY: what is said; RULE_ALLOW_UNSIGNED: the reason */
    int64_t until;              /* RULE_ALLOW_UNSIGNED: seconds; 0: without end */
    int line, column;
};

struct policy_floor {
    const struct pattern *registries; /* n_registries == 0: every one */
    size_t n_registries;
    const char *const
        *algorithms; /* n_algorithms == 0: every one; "rsa-3072" means that or longer */
    size_t n_algorithms;
    const char *const *forbidden_tags;
    size_t n_forbidden_tags;
    int line, column;
};

struct policy {
    struct arena arena; /* everything below lives in it */
    const char *name;   /* shown in every answer */
    const char *file;   /* "policy.yaml"; NULL: made in memory */
    int64_t serial;     /* -1: none */
    char hash[13];      /* first 12 hex digits of the file's SHA-256; "" when made in memory */
    enum policy_mode mode;
    enum policy_unmatched unmatched;
    enum policy_tags tags;
    enum policy_templates templates;
    int64_t use_proven_within; /* seconds; 0: `unknown: deny` */
    const struct policy_signer *signers;
    size_t n_signers;
    const struct policy_check *checks;
    size_t n_checks;
    struct policy_floor floor;
    const struct policy_rule *rules;
    size_t n_rules;
};

/**
 * The policy of `verify --key`: one rule for every image, any of `keys` counts, every annotation
 * must be claimed.
 *
 * @param keys         1..KEYS_MAX; n == 0 is ERR_USAGE: no demand must never mean allow.
 * Fingerprints are copied
 * @param annotations  borrowed for the life of the policy
 */
int policy_for_keys(struct policy **out, const struct public_key *const *keys, size_t n,
                    const struct annotation *annotations, size_t n_annotations,
                    struct err *err) MUST_CHECK;

/**
 * The policy of `verify attestation --key`: one statement that `check` fits, by any of `keys`.
 *
 * @param check  borrowed for the life of the policy
 */
int policy_for_statements(struct policy **out, const struct public_key *const *keys, size_t n,
                          const struct policy_check *check, struct err *err) MUST_CHECK;

void policy_free(struct policy *policy);
void policy_freep(struct policy **policy);

#endif
