#ifndef BULLA_EVIDENCE_PREDICATE_H
#define BULLA_EVIDENCE_PREDICATE_H

#include "base/json_pull.h"

/** How the file that is given becomes the predicate. */
enum predicate_form {
    PREDICATE_OBJECT, /* the file is a JSON object and is the predicate */
    PREDICATE_TEXT,   /* the file's text as a JSON string: `spdx` */
    PREDICATE_CUSTOM  /* {"Data": text, "Timestamp": time}: any file of valid UTF-8 */
};

struct predicate_type {
    const char *name; /* short name, or NULL */
    const char *uri;
    enum predicate_form form;
};

/**
 * A --type: a short name of cosign's (custom slsaprovenance slsaprovenance02 slsaprovenance1 spdx
 * spdxjson cyclonedx link vuln openvex), or an absolute URI, which is PREDICATE_OBJECT; `uri` then
 * borrows from `name`. -1 with ERR_USAGE and a suggestion.
 */
int predicate_type_find(struct predicate_type *out, const char *name, struct err *err) MUST_CHECK;

/** The type that a file is of, told from the file. -1 with ERR_USAGE (not recognised, or signed
 * evidence already: says what to do), ERR_CONFIG (it begins as JSON and is not), ERR_LIMIT,
 * ERR_NOMEM. */
int predicate_type_recognise(struct predicate_type *out, struct bytes file,
                             struct err *err) MUST_CHECK;

/** What the predicate is made of. */
struct predicate_input {
    struct bytes file;
    int64_t now;                              /* of PREDICATE_CUSTOM's Timestamp */
    const char *scan_started, *scan_finished; /* RFC 3339 or NULL: used where the file tells none */
};

/**
 * Append the predicate of this type made of the file. Known types are checked for their required
 * fields first. Under vuln's URI reports of trivy, of grype and in SARIF are wrapped in cosign's
 * vulnerability record, their JSON byte for byte as `/scanner/result`. The file is copied once.
 * -1 with ERR_CONFIG naming the JSON pointer (of the file) that is missing or wrong; ERR_USAGE (a
 * time given that is none); ERR_LIMIT, ERR_NOMEM. `out` may hold a part then.
 */
int predicate_write(struct buf *out, const struct predicate_type *type,
                    const struct predicate_input *input, struct err *err) MUST_CHECK;

/**
 * The required fields of a known predicate type (by URI, versioned URIs like it), and the kinds of
 * the optional ones. Of an unknown type any object passes. -1 with ERR_CONFIG:
 * "/buildDefinition/buildType: missing", "...: not a string".
 */
int predicate_check(const char *uri, struct json_view predicate, struct err *err) MUST_CHECK;

/** Does predicate_check() know fields of this type? */
bool predicate_known(const char *uri);

#endif
