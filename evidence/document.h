#ifndef BULLA_EVIDENCE_DOCUMENT_H
#define BULLA_EVIDENCE_DOCUMENT_H

#include "base/json_pull.h"

/*
 * What a file is, told from its content: SBOMs, scanner reports and predicates as tools write them,
 * and what is evidence already.
 */
enum document_kind {
    DOCUMENT_OTHER = 0,
    DOCUMENT_SPDX, /* 2.x or 3 */
    DOCUMENT_CYCLONEDX,
    DOCUMENT_OPENVEX,
    DOCUMENT_SLSA1,
    DOCUMENT_SLSA02,
    DOCUMENT_LINK,
    DOCUMENT_VULN,  /* cosign's vulnerability record, ready made */
    DOCUMENT_TRIVY, /* trivy image --format json */
    DOCUMENT_GRYPE, /* grype -o json */
    DOCUMENT_SARIF, /* 2.1.0 */
    DOCUMENT_STATEMENT,
    DOCUMENT_ENVELOPE,
    DOCUMENT_BUNDLE
};

/** The kind of a scanned document. Strict: DOCUMENT_OTHER where the marks of a kind are not all
 * there. */
enum document_kind document_kind(struct json_view root);

/** For statements, envelopes and bundles, which are no predicates: "an in-toto statement: ..." and
 * what to do with it. NULL for all other kinds. */
const char *document_hint(enum document_kind kind);

/** Is it an SPDX tag-value document (SPDX 2.3, clause 6: it begins with its version, comments and
 * empty lines aside)? */
bool document_is_spdx_text(struct bytes file);

/** The fields that every SPDX 2 tag-value document has (SPDX 2.3, clause 6). -1 with ERR_CONFIG
 * naming the tag that is missing. */
int document_spdx_text_check(struct bytes file, struct err *err) MUST_CHECK;

/** Does the string's content, unescaped, begin with `prefix`? False for other kinds. */
bool document_starts(struct json_view string, const char *prefix);

#endif
