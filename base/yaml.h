#ifndef BULLA_BASE_YAML_H
#define BULLA_BASE_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * One YAML document as a tree, from libyaml's events, with a core schema of our own: `true` and
 * `false` are the only booleans; null is `null`, `~` or nothing; integers are [-]decimal; every
 * other plain scalar and every quoted one is a string. No aliases, anchors, tags, merge keys,
 * directives; no second document but in a stream. Depth is counted on every event (YAML_DEPTH_MAX).
 * Mapping keys are strings; a duplicate is refused.
 */

enum yaml_kind { YAML_NULL, YAML_BOOL, YAML_INT, YAML_STRING, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_kind kind;
    int line;          /* from 1 */
    int column;        /* from 1 */
    struct bytes text; /* scalars: as written (quotes and escapes resolved), NUL-terminated */
    bool plain;        /* a scalar without quotes */
    bool boolean;
    int64_t integer;
    struct yaml_pair *pairs;  /* mapping, in order */
    struct yaml_node **items; /* sequence */
    size_t n;                 /* pairs or items */
};

struct yaml_pair {
    struct yaml_node *key;
    struct yaml_node *value;
};

struct yaml_doc; /* owns all nodes */

/** @param name  file name for messages ("policy.yaml:3:7: ...").
 * @return 0, or -1 with ERR_CONFIG (with name:line:column), ERR_LIMIT, ERR_NOMEM. An empty document
 * is a null root. */
int yaml_parse(struct yaml_doc **out, struct bytes text, const char *name,
               struct err *err) MUST_CHECK;

/*
 * A text of several documents ("---" before each, "..." after), read one after another under the
 * same rules. A document of comments only has a null root.
 */
struct yaml_stream; /* borrows the text */

/** @param tree_max  bytes of one document's nodes, in place of YAML_TREE_MAX
 * @return 0, or -1 with ERR_NOMEM */
int yaml_stream_open(struct yaml_stream **out, struct bytes text, const char *name, size_t tree_max,
                     struct err *err) MUST_CHECK;

/** The next document, or NULL behind the last. Errors as of yaml_parse(); nothing can be read after
 * one. */
int yaml_stream_next(struct yaml_doc **out, struct yaml_stream *stream, struct err *err) MUST_CHECK;
void yaml_stream_freep(struct yaml_stream **stream);

const struct yaml_node *yaml_root(const struct yaml_doc *doc);
/* The link name is our own: libyaml exports a yaml_free and calls it through the symbol table,
 * where a program's function of that name would take its place. */
void yaml_free(struct yaml_doc *doc) __asm__("bulla_yaml_free");
void yaml_freep(struct yaml_doc **doc);

const struct yaml_node *yaml_get(const struct yaml_node *mapping,
                                 const char *key); /* NULL when absent */

#endif
