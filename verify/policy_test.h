#ifndef BULLA_VERIFY_POLICY_TEST_H
#define BULLA_VERIFY_POLICY_TEST_H

#include "engine/engine.h"
#include "engine/policy_file.h"

/*
 * Cases of a policy, in a YAML file, run like unit tests (verify policy test): what the judge says
 * of an image of which these facts are known.
 *
 * The facts of a case are written down, nobody has checked a signature. They exist in this command
 * alone and never leave it: everywhere else evidence_check() is the only constructor of a fact.
 */

/** What a case wants to come out. */
struct test_expected {
    enum verdict verdict;
    enum reason_code reason; /* REASON_NONE: any */
    const char *rule;        /* NULL: any */
    bool with_mode;
    enum policy_mode mode; /* with_mode */
};

struct test_case {
    const char *name;
    struct reference image; /* a name: it is never asked for */
    const char *namespace;  /* NULL: none */
    int64_t at;             /* judging time, seconds */
    struct reference
        layout; /* where evidence is read from; host and repository NULL: from `facts` */
    struct fact_set facts;
    struct test_expected expected;
    int line;
};

struct policy_test {
    struct arena arena; /* texts and statements of the cases */
    const char *file;   /* as it was named */
    struct policy_file policy;
    struct test_case *cases;
    size_t n;
};

/** What a file of cases is read with. */
struct policy_test_source {
    const char *path;
    const char *policy; /* instead of the one that the file names; NULL: that one */
    int64_t now;        /* judging time of the cases that tell none */
};

/**
 * Read cases and the policy that they are about. `out` is to be cleared in either case; it borrows
 * the path.
 *
 * @return 0, or -1 with ERR_CONFIG (the text begins as "cases.yaml:3:7: cases[0].image: ...", or is
 * the policy's first error), ERR_USAGE (a file is not there), ERR_IO, ERR_LIMIT, ERR_NOMEM
 */
int policy_test_read(struct policy_test *out, const struct policy_test_source *source,
                     struct err *err) MUST_CHECK;
void policy_test_clear(struct policy_test *test);

/**
 * Judge one case as the engine judges an image. A written set of facts stands for an image of one
 * platform, which is its own. From a layout, what cannot be read of the image makes it unknown.
 *
 * @param out         zeroed by this call; to be cleared in either case, before the test
 * @param registries  opens layouts; nothing else is asked
 * @return 0, or -1 with ERR_CONFIG (the layout cannot be opened, or its tag names another digest
 * than the image has), ERR_NOMEM
 */
int policy_test_judge(struct image_result *out, const struct policy_test *test,
                      const struct test_case *c, struct registries *registries,
                      struct err *err) MUST_CHECK;

/** Is this what the case expects? */
bool policy_test_passed(const struct test_case *c, const struct judgement *judgement);

/** "ok NAME", or "not ok NAME: expected deny (unsigned), got allow by rule "apps"; FILE:LINE". A
 * line, appended. */
void policy_test_text(struct buf *out, const struct policy_test *test, const struct test_case *c,
                      const struct judgement *judgement);
/** The same as a JSON object. A line, appended. */
void policy_test_json(struct buf *out, const struct policy_test *test, const struct test_case *c,
                      const struct judgement *judgement);

#endif
