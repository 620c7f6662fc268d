#ifndef BULLA_EVIDENCE_FACT_H
#define BULLA_EVIDENCE_FACT_H

#include "base/json_pull.h"
#include "evidence/reason.h"
#include "keys/key.h"
#include "registry/digest.h"

/*
 * A fact: something that cryptography has shown about one digest. evidence_check() (check.h) is the
 * only constructor. Signature facts come from simple signing and from DSSE of predicate type
 * PREDICATE_COSIGN_SIGN; statement facts from DSSE of every other type. An attestation is not a
 * signature.
 */
enum fact_kind { FACT_SIGNATURE, FACT_STATEMENT };

enum evidence_layout { LAYOUT_LEGACY, LAYOUT_BUNDLE };
const char *evidence_layout_name(enum evidence_layout layout); /* "legacy", "bundle" */

/** A claim of the signed payload. */
struct annotation {
    const char *name;
    const char *value;
};

/** A time that a trust entry proves the signature to be no younger than. */
struct proven_time {
    int64_t seconds;
    const char *trust;
};

struct fact {
    enum fact_kind kind;
    uint8_t fingerprint[KEY_FINGERPRINT_SIZE]; /* of the key that signed */
    const char *algorithm;                     /* of that key, "ecdsa-p256" */
    enum signature_scheme scheme;
    struct digest subject;
    const char *repository; /* claimed by the payload, or NULL */
    const struct annotation *annotations;
    size_t n_annotations;
    const char *predicate_type; /* DSSE only, else NULL */
    struct json_view statement; /* DSSE only: the payload, scanned */
    struct bytes payload;       /* the signed bytes: simple signing payload, or statement */
    struct bytes signature;     /* the raw signature over it (DSSE: over its PAE) */
    const struct proven_time *times;
    size_t n_times;
    enum evidence_layout layout;
    const char *where;     /* the piece of evidence, for people */
    struct digest carrier; /* what it hangs by: the referrer's manifest, or the layer */
};

/** What was made of the evidence of one digest. Owns everything in it. */
struct fact_set {
    struct arena arena;
    struct fact *facts;
    size_t n;
    struct reason_list reasons; /* why other pieces became no facts */
    size_t pieces;              /* of evidence looked at */
    bool complete;              /* every place that could hold evidence was read to its end */
    struct err incomplete;      /* the first thing that was not, when not complete */
};

void fact_set_init(struct fact_set *set);
void fact_set_clear(struct fact_set *set);

/** Value of a claimed annotation, or NULL. */
const char *fact_annotation(const struct fact *fact, const char *name);

#endif
