#ifndef BULLA_VERIFY_RUN_H
#define BULLA_VERIFY_RUN_H

#include "engine/common.h"
#include "engine/policy_file.h"
#include "verify/report.h"

/*
 * What every command that judges images does: a policy from a file or from keys, the engine over
 * the images, results as they come, an exit status.
 */

struct run_options {
    struct common common;
    const char *policy;
    struct option_list keys;
    struct option_list annotations;
    const char *namespace;
    const char *output;
    int64_t workers;
    bool strict;
    bool check_claims;
    bool ignore_log;
};

#define RUN_OPTIONS_INIT                                                                           \
    {                                                                                              \
        .common = COMMON_INIT, .check_claims = true, .ignore_log = true                            \
    }

/* Rows for a command's table. */
#define RUN_OPTIONS(o)                                                                                 \
    { "policy", 0, OPTION_TEXT, &(o)->policy, "FILE", "policy that judges; or --key" },                \
        { "key",                                                                                       \
          'k',                                                                                         \
          OPTION_LIST,                                                                                 \
          &(o)->keys,                                                                                  \
          "KEY",                                                                                       \
          "public key: file, - (standard input) or env://NAME; of several any one counts" },           \
        { "annotations", 'a',                                                                          \
          OPTION_LIST,   &(o)->annotations,                                                            \
          "NAME=VALUE",  "with --key: what a signature must claim; may be repeated" },                 \
        { "namespace",     'n',    OPTION_TEXT,                                                        \
          &(o)->namespace, "NAME", "with --policy: namespace of images that tell none" },              \
        { "strict",     0,    OPTION_FLAG,                                                             \
          &(o)->strict, NULL, "modes warn and audit do not soften the exit status" },                  \
        { "output", 'o', OPTION_TEXT, &(o)->output, "FORMAT", "text (default), json or sarif" },       \
        { "max-workers", 0, OPTION_NUMBER, &(o)->workers, "N", "images judged at once (default 16)" }, \
        { "check-claims", 0, OPTION_FLAG, &(o)->check_claims, NULL, NULL },                            \
        { "insecure-ignore-tlog", 0, OPTION_FLAG, &(o)->ignore_log, NULL, NULL },                      \
        { "private-infrastructure", 0, OPTION_FLAG, &(o)->ignore_log, NULL, NULL },                    \
        COMMON_OPTIONS(&(o)->common), KEYLESS_OPTIONS

struct run {
    const struct run_options *options;
    struct arena arena;
    struct public_key **keys; /* of --key */
    size_t n_keys;
    struct policy *made;     /* of --key */
    struct policy_file file; /* of --policy */
    struct engine_options engine;
    struct report report;
    struct tally tally;
};

void run_clear(struct run *run);

/** Read keys or policy, and start what images need. `out` is to be cleared in either case. Findings
 * of a policy go to the log. -1 with ERR_USAGE, ERR_CONFIG. */
int run_start(struct run *out, struct run_options *options, struct err *err) MUST_CHECK;

/** Has every image that a rule with namespaces could match a namespace? -1 with ERR_USAGE. */
int run_check_namespaces(const struct run *run, const struct image_question *images, size_t n,
                         struct err *err) MUST_CHECK;

/** Where an image was found, for reports; NULL file: nowhere. */
struct run_place {
    const char *file;
    int line;
    const char *field; /* "spec.containers[0].image" */
};

/**
 * Judge, and print a result for each image in their order.
 *
 * @param places  parallel to images, or NULL
 * @return the exit status, or -1
 */
int run_images(struct run *run, const struct image_question *images, const struct run_place *places,
               size_t n, struct err *err) MUST_CHECK;

#endif
