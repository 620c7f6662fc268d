#ifndef BULLA_VERIFY_POLICY_TEST_PRIVATE_H
#define BULLA_VERIFY_POLICY_TEST_PRIVATE_H

#include "base/yaml.h"
#include "verify/policy_test.h"

/* What the parts of the reader of cases share: policy_test_read.c and policy_test_facts.c. */

/** One reading of a file. */
struct test_reader {
    struct policy_test *test;
    struct bytes folder; /* of the file, with its last slash; empty: the current one */
    int64_t now;
};

/** Where a value stands: the way to it from the root, as a list on the stack. */
struct spot {
    const struct spot *parent;   /* NULL: the root */
    const struct yaml_node *key; /* in a mapping */
    size_t index;                /* in a sequence: key is NULL */
    const struct yaml_node *node;
};

typedef int spot_reader(struct test_reader *r, const struct spot *at, void *target,
                        struct err *err);

/** A key of a mapping. */
struct spot_field {
    const char *name;
    spot_reader *read; /* NULL: it is looked at later */
    bool required;
};

struct spot_fields {
    const struct spot_field *items;
    size_t n;
};
#define SPOT_FIELDS(array) ((struct spot_fields) { (array), ARRAY_LEN(array) })

/** Known words 0..n-1; NULL is none. */
struct spot_words {
    const char *(*name)(const void *context, size_t i);
    const void *context;
    size_t n;
};

/** The error that is set is about this value: it begins with "cases.yaml:3:7: cases[0].image: "
 * from now on, and is ERR_CONFIG unless memory was short. Always -1. */
int spot_failed(const struct test_reader *r, const struct spot *at, struct err *err);
/** Something is wrong at this value, in the words of a format. Always -1, which whoever reads one
 * file at a time can see here. */
#define spot_wrong(r, at, err, ...)                                                                \
    (err_set(err, ERR_CONFIG, __VA_ARGS__), (void)spot_failed(r, at, err), -1)

struct spot spot_member(const struct spot *at, size_t i); /* pair i of a mapping */
struct spot spot_item(const struct spot *at, size_t i);   /* item i of a sequence */
bool spot_find(struct spot *out, const struct spot *at, const char *key);

/** A mapping with these keys and no other. */
int spot_mapping(struct test_reader *r, const struct spot *at, struct spot_fields fields,
                 void *target, struct err *err) MUST_CHECK;
/** A text of one line, 1..max bytes, in the test's arena. */
int spot_line(const char **out, struct test_reader *r, const struct spot *at, size_t max,
              struct err *err) MUST_CHECK;
/** A path, relative to the file's folder. */
int spot_path(const char **out, struct test_reader *r, const struct spot *at,
              struct err *err) MUST_CHECK;
/** Which of these words; the nearest is named otherwise. */
int spot_word(size_t *out, struct test_reader *r, const struct spot *at, struct spot_words known,
              struct err *err) MUST_CHECK;

/** The facts of a case whose image is read. */
int test_facts_read(struct test_reader *r, const struct spot *at, struct test_case *c,
                    struct err *err) MUST_CHECK;

#endif
