#ifndef BULLA_VERIFY_REPORT_H
#define BULLA_VERIFY_REPORT_H

#include "base/option.h"
#include "engine/engine.h"

enum report_format { REPORT_TEXT, REPORT_JSON };
/** "text" or "json"; NULL is text. ERR_USAGE. */
int report_format_parse(enum report_format *out, const char *name, struct err *err) MUST_CHECK;

/** What results are reported with. */
struct report {
    enum report_format format;
    const struct policy_rule *rule;
    const char *const *key_names; /* as given on the command line, parallel to keys */
    const struct public_key *const *keys;
    size_t n_keys;
};

/** Verdicts of a whole command. */
struct tally {
    size_t done, denied, unknown;
    struct err err; /* a result that could not be reported */
};

#define TALLY_INIT                                                                                 \
    {                                                                                              \
        .err = ERR_INIT                                                                            \
    }

void tally_count(struct tally *tally, enum verdict verdict);

/** A denied image decides, even beside unknown ones: 1, then an error of reporting (-1), then 3. */
int tally_exit(const struct tally *tally, struct err *err) MUST_CHECK;

/** The name under which the fact's key was given. */
const char *report_key_name(const struct report *report, const struct fact *fact);

/**
 * One image's result, one line, appended.
 * Text: "image REF@DIGEST allowed: ...", "denied: REASON: ...", "unknown: REASON: ...".
 * JSON: for an allowed image the array that cosign prints, one element for each signature that
 * fits; otherwise an object with image, digest, verdict, reason, message.
 */
int report_image(struct buf *out, const struct report *report, const struct image_result *result,
                 struct err *err) MUST_CHECK;

#endif
