#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "evidence/hint.h"
#include "tests/unit/evidence.h"

#define MATERIAL(m) "{\"mediaType\":\"x\",\"verificationMaterial\":{" m "},"
#define KEY MATERIAL("\"publicKey\":{\"hint\":\"abc\"}")
#define CERTIFICATE MATERIAL("\"certificate\":{\"rawBytes\":\"AA==\"}")
#define CHAIN MATERIAL("\"x509CertificateChain\":{\"certificates\":[]}")
#define MESSAGE "\"messageSignature\":{}}"
/* {"predicateType":"https://slsa.dev/provenance/v1"}, and that of a signature */
#define SLSA_PAYLOAD "eyJwcmVkaWNhdGVUeXBlIjoiaHR0cHM6Ly9zbHNhLmRldi9wcm92ZW5hbmNlL3YxIn0="
#define SIGN_PAYLOAD "eyJwcmVkaWNhdGVUeXBlIjoiaHR0cHM6Ly9zaWdzdG9yZS5kZXYvY29zaWduL3NpZ24vdjEifQ=="
#define ENVELOPE_OF(type, payload)                                                                 \
    "{\"payloadType\":\"" type "\",\"payload\":\"" payload "\",\"signatures\":[]}"
#define DSSE(payload) "\"dsseEnvelope\":" ENVELOPE_OF(TYPE_IN_TOTO, payload) "}"

static const struct row {
    const char *name;
    enum evidence_form form;
    const char *content;
    const char *annotations; /* of a layer, or NULL */
    enum hinted_kind kind;
    enum hinted_signer signer;
    const char *type;
} rows[] = {
    { "statement by a key", EVIDENCE_BUNDLE, KEY DSSE(SLSA_PAYLOAD), NULL, HINTED_STATEMENT,
      HINTED_KEY, "https://slsa.dev/provenance/v1" },
    { "signature by a key", EVIDENCE_BUNDLE, KEY DSSE(SIGN_PAYLOAD), NULL, HINTED_SIGNATURE,
      HINTED_KEY, PREDICATE_COSIGN_SIGN },
    { "by a certificate", EVIDENCE_BUNDLE, CERTIFICATE DSSE(SLSA_PAYLOAD), NULL, HINTED_STATEMENT,
      HINTED_CERTIFICATE, "https://slsa.dev/provenance/v1" },
    { "by an older bundle's chain", EVIDENCE_BUNDLE, CHAIN MESSAGE, NULL, HINTED_MESSAGE,
      HINTED_CERTIFICATE, NULL },
    { "by nobody", EVIDENCE_BUNDLE, MATERIAL("") DSSE(SLSA_PAYLOAD), NULL, HINTED_STATEMENT,
      HINTED_NOBODY, "https://slsa.dev/provenance/v1" },
    { "payload not base64", EVIDENCE_BUNDLE, KEY DSSE("!"), NULL, HINTED_UNKNOWN, HINTED_KEY,
      NULL },
    { "payload not JSON", EVIDENCE_BUNDLE, KEY DSSE("AAAA"), NULL, HINTED_UNKNOWN, HINTED_KEY,
      NULL },
    { "not JSON", EVIDENCE_BUNDLE, "{", NULL, HINTED_UNKNOWN, HINTED_NOBODY, NULL },
    { "an array", EVIDENCE_BUNDLE, "[]", NULL, HINTED_UNKNOWN, HINTED_NOBODY, NULL },
    { "envelope", EVIDENCE_ENVELOPE, ENVELOPE_OF(TYPE_IN_TOTO, SLSA_PAYLOAD), NULL,
      HINTED_STATEMENT, HINTED_NOBODY, "https://slsa.dev/provenance/v1" },
    { "envelope of another payload type", EVIDENCE_ENVELOPE,
      ENVELOPE_OF("application/json", SLSA_PAYLOAD), NULL, HINTED_UNKNOWN, HINTED_NOBODY, NULL },
    { "envelope of a layer with a certificate", EVIDENCE_ENVELOPE,
      ENVELOPE_OF(TYPE_IN_TOTO, SLSA_PAYLOAD), "{\"" ANNOTATION_CERTIFICATE "\":\"PEM\"}",
      HINTED_STATEMENT, HINTED_CERTIFICATE, "https://slsa.dev/provenance/v1" },
    { "simple signing", EVIDENCE_SIMPLE_SIGNING, "anything", "{}", HINTED_SIGNATURE, HINTED_NOBODY,
      NULL },
    { "simple signing with a certificate", EVIDENCE_SIMPLE_SIGNING, "",
      "{\"" ANNOTATION_CERTIFICATE "\":\"PEM\"}", HINTED_SIGNATURE, HINTED_CERTIFICATE, NULL },
    { "an empty certificate is none", EVIDENCE_SIMPLE_SIGNING, "",
      "{\"" ANNOTATION_CERTIFICATE "\":\"\"}", HINTED_SIGNATURE, HINTED_NOBODY, NULL },
};

static void hints(void **state)
{
    const struct row *row = *state;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(64 * KIB);
    struct evidence_hint hint;
    struct err err = ERR_INIT;

    set_of(&set, row->form, bytes_text(row->content), "c2ln");
    if (row->annotations != NULL)
        EXPECT_OK(json_scan(&set.items[0].annotations, bytes_text(row->annotations), &err), &err);
    EXPECT_OK(evidence_hint(&hint, &set.items[0], &arena, &err), &err);
    assert_int_equal(hint.kind, row->kind);
    assert_int_equal(hint.signer, row->signer);
    if (row->type == NULL)
        assert_null(hint.predicate_type);
    else
        assert_string_equal(hint.predicate_type, row->type);
    if (row->signer == HINTED_KEY)
        assert_string_equal(hint.key, "abc");
}

int main(void)
{
    return RUN_ROWS(rows, hints) != 0;
}
