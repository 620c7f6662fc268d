#ifndef BULLA_POLICY_LOAD_PRIVATE_H
#define BULLA_POLICY_LOAD_PRIVATE_H

#include "base/yaml.h"
#include "policy/load.h"

/* What the parts of the loader share. Nothing here is used outside policy/load*.c. */

/** A name that something defines, for looking it up. */
struct name {
    const char *text;
    size_t index; /* of what it names */
};

struct name_table {
    struct name *sorted;
    bool *used; /* by index */
    size_t n;
};

/**
 * One reading of a file. What is wrong with the file becomes a finding and reading goes on; running
 * out of memory is kept in `err` and ends it.
 */
struct loader {
    struct policy *policy;
    struct policy_keys *keys;
    struct policy_findings *findings;
    const struct policy_source *source;
    struct name_table signers; /* indexes of policy->signers */
    struct name_table checks;
    size_t suggestions; /* known words that may still be compared with: bounds a hostile file */
    bool leaf_lost;     /* a leaf could not be read: whom it used is not known */
    bool stopped;       /* for good: memory, or more findings than anybody reads */
    struct err *err;    /* why, unless it was the findings; with the file's name */
};

/** Where a value stands: the way to it from the root, as a list on the stack. */
struct place {
    const struct place *parent; /* NULL: the root */
    struct bytes key;           /* in a mapping */
    size_t index;               /* in a sequence: key.data is NULL */
    const struct yaml_node *node;
    const struct yaml_node *name; /* the key's own node, or NULL */
};

/*
 * Readers return 0, or -1 once a finding says what is wrong (or the loader has stopped). What they
 * did not read stays as it was.
 */
typedef int load_reader(struct loader *l, const struct place *at, void *target);

/** A key of a mapping. */
struct load_field {
    const char *name;
    load_reader *read;
    bool required;
};

struct load_fields {
    const struct load_field *items;
    size_t n;
};
#define LOAD_FIELDS(array) ((struct load_fields) { (array), ARRAY_LEN(array) })

/** Something is wrong at this value, or with its key. Always -1. The text is escaped. */
int load_wrong(struct loader *l, const struct place *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
int load_wrong_key(struct loader *l, const struct place *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/** Memory of the policy, zeroed; NULL when the loader has stopped. n may be 0. */
void *load_new(struct loader *l, size_t n, size_t size);
const char *load_text(struct loader *l, struct bytes text);
/** Keep an error that is not of the file. Always -1. */
int load_stop(struct loader *l, const struct err *err);

struct place load_member(const struct place *at, size_t i); /* pair i of a mapping */
struct place load_item(const struct place *at, size_t i);   /* item i of a sequence */

/** A mapping that is not empty, with these keys and no other. */
int load_mapping(struct loader *l, const struct place *at, struct load_fields fields,
                 void *target) MUST_CHECK;
/** The key stands where none of this name can: suggests one of the fields, `meant`, NULL when none
 * is near. Always -1. */
int load_unknown(struct loader *l, const struct place *at, const struct load_fields *fields,
                 size_t n, const char **meant);
/** A value of this kind that is not empty: YAML_MAPPING or YAML_SEQUENCE. */
int load_filled(struct loader *l, const struct place *at, enum yaml_kind kind) MUST_CHECK;
/** Which of these words; names the nearest otherwise. */
int load_word(struct loader *l, const struct place *at, const char *const *words, size_t n,
              size_t *out) MUST_CHECK;
/** A text of one line, 1..max bytes, in the policy's memory. */
int load_line(struct loader *l, const struct place *at, size_t max, const char **out) MUST_CHECK;
/** Is it a text at all, not empty? */
int load_string(struct loader *l, const struct place *at) MUST_CHECK;
/** Say of every scalar that stands twice in the list so. */
int load_unlike(struct loader *l, const struct place *at) MUST_CHECK;
/** Seconds of "30m", "24h", "7d". */
int load_duration(struct loader *l, const struct place *at, int64_t *out) MUST_CHECK;
/** "2026-12-31": seconds at its 00:00 UTC. */
int load_date(struct loader *l, const struct place *at, int64_t *out) MUST_CHECK;
/** How many keys of the mapping are of these names? */
size_t load_count(const struct yaml_node *mapping, const char *const *names, size_t n);

/* --- load_names.c --- */

/** The keys of a mapping as names of things 0..n-1. */
int load_names(struct loader *l, struct name_table *out,
               const struct yaml_node *mapping) MUST_CHECK;
/** The key of this value as the name of what it defines. */
int load_defined(struct loader *l, const struct place *at, const char **out) MUST_CHECK;
/** What a name at this place refers to, marked as used. */
int load_named(struct loader *l, const struct place *at, struct name_table *table, const char *what,
               size_t *out) MUST_CHECK;

/* --- load_pattern.c --- */

/** A text or a list of texts as patterns of images; with a digest only where `digests`. */
struct load_patterns {
    const struct pattern *items;
    size_t n;
};
int load_images(struct loader *l, const struct place *at, bool digests,
                struct load_patterns *out) MUST_CHECK;
int load_namespaces(struct loader *l, const struct place *at, struct load_patterns *out) MUST_CHECK;
/** One pattern without rules of its own. */
int load_pattern(struct loader *l, const struct place *at, struct pattern *out) MUST_CHECK;

/* --- the sections --- */

load_reader load_signers, load_checks, load_floor, load_rules; /* target: the policy */
int load_mode(struct loader *l, const struct place *at, enum policy_mode *out) MUST_CHECK;
/** A tree of demands. */
int load_requirement(struct loader *l, const struct place *at, struct requirement *out) MUST_CHECK;

#endif
