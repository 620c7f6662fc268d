#ifndef BULLA_VERIFY_REPORT_H
#define BULLA_VERIFY_REPORT_H

#include "base/option.h"
#include "engine/engine.h"

enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_SARIF };
/** "text", "json", "sarif"; NULL is text. ERR_USAGE. */
int report_format_parse(enum report_format *out, const char *name, struct err *err) MUST_CHECK;

/** What results are reported with. */
struct report {
    enum report_format format;
    const struct policy *policy;
    const char *const *key_names; /* --key: as given on the command line, parallel to keys; with a
                                     policy file NULL */
    const struct public_key *const *keys;
    size_t n_keys;
};

/** Verdicts of a whole command. */
struct tally {
    bool strict; /* modes do not soften: --strict */
    size_t done, denied, unknown;
    size_t softened; /* denied or unknown under warn or audit; not in the two above */
    struct err err;  /* a result that could not be reported */
};

#define TALLY_INIT                                                                                 \
    {                                                                                              \
        .err = ERR_INIT                                                                            \
    }

void tally_count(struct tally *tally, const struct judgement *judgement);

/** A denied image decides, even beside unknown ones: 1, then an error of reporting (-1), then 3. */
int tally_exit(const struct tally *tally, struct err *err) MUST_CHECK;

/** The name under which the fact's key was given. */
const char *report_key_name(const struct report *report, const struct fact *fact);

/** "host/repo:tag" as asked, and the digest that was judged. Appended. */
void report_name(struct buf *out, const struct image_result *result);

/**
 * One image's result, appended; every line ends with a newline.
 * Text with --key: one line, "image REF@DIGEST allowed: ...", "denied: REASON: ...", "unknown:
 * REASON: ...". Text with a policy: the rule and the policy besides, and below it a line for each
 * leaf that is not proven (policy.md "What a denial says").
 * JSON with --key: for an allowed image the array that cosign prints, one element for each
 * signature that fits; otherwise, and always with a policy, one object.
 */
int report_image(struct buf *out, const struct report *report, const struct image_result *result,
                 struct err *err) MUST_CHECK;

#endif
