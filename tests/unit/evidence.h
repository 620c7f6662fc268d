#ifndef BULLA_TESTS_UNIT_EVIDENCE_H
#define BULLA_TESTS_UNIT_EVIDENCE_H

/* What tests of evidence share: the vectors of sigstore.md 11 and the means to make evidence.
 * cmocka's headers come first, in the including file. */

#include <openssl/pem.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"
#include "evidence/bundle.h"
#include "evidence/check.h"
#include "evidence/simple_signing.h"
#include "evidence/statement.h"
#include "keys/private_key.h"
#include "policy/judge.h"
#include "tests/unit/expect.h"

#define KEYS "tests/vectors/keys/"
#define VECTOR_KEY KEYS "rfc6979-p256.pub"

/* sigstore.md 11.2 */
#define VECTOR_HEX "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"
#define VECTOR_REPOSITORY "registry.example.com/team/app"
#define VECTOR_PAYLOAD                                                                             \
    "{\"critical\":{\"identity\":{\"docker-reference\":\"" VECTOR_REPOSITORY                       \
    "\"},\"image\":{\"docker-manifest-digest\":\"sha256:" VECTOR_HEX                               \
    "\"},\"type\":\"cosign container image signature\"},\"optional\":null}"
#define VECTOR_PAYLOAD_SIGNATURE                                                                   \
    "MEUCIB7qMqZHyI2S52nJcxSX2Xs3JHP55fY3/"                                                        \
    "cBwtxyU8cj0AiEAtKI2BfHn+XBn9s3VLZ2U2+8lpMOHc0xtH36pI1x3YcU="

/* sigstore.md 11.4 */
#define VECTOR_STATEMENT                                                                           \
    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{\"sha256\":"         \
    "\"" VECTOR_HEX "\"}}],\"predicateType\":\"https://sigstore.dev/cosign/sign/v1\","             \
    "\"predicate\":{}}"
#define VECTOR_STATEMENT_SIGNATURE                                                                 \
    "MEYCIQCIx5x/DhJwsDrkbm1DZre97f2GdKtjIyjQu8YPGYlWbwIhAOVbN7C4qI/"                              \
    "By1nxHL/EaWi3cGZ9E8j3oHtCDOlIjx20"
#define VECTOR_HINT "Wnp4zKSg9CDZvGK7Zpw8J1njn3I9OuENy+DwgVoH7NQ="

static inline struct digest vector_digest(void)
{
    struct digest digest;

    assert_int_equal(digest_parse(&digest, BYTES_LIT("sha256:" VECTOR_HEX), NULL), 0);
    return digest;
}

static inline struct digest other_digest(void)
{
    struct digest digest;

    assert_int_equal(digest_of(&digest, HASH_SHA256, BYTES_LIT("another"), NULL), 0);
    return digest;
}

static inline struct public_key *load_key(const char *path)
{
    struct public_key *key;
    struct err err = ERR_INIT;

    EXPECT_OK(public_key_load(&key, path, &err), &err);
    return key;
}

/* A signer over an unencrypted PEM file. */
static inline struct signer *load_signer(const char *path)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(64 * KIB);
    struct signer *signer = NULL;
    struct err err = ERR_INIT;

    EXPECT_OK(file_read(&pem, path, &err), &err);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(key);
    EXPECT_OK(private_key_signer(&signer, &key, &err), &err);
    return signer;
}

/* The signature over `message`, in base64. */
static inline void sign_base64(struct buf *out, struct signer *signer, struct bytes message)
{
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);
    struct err err = ERR_INIT;

    EXPECT_OK(signer_sign(signer, message, &raw, &err), &err);
    base64_encode(out, buf_bytes(&raw), BASE64_STANDARD);
}

/* The raw signature of a DSSE envelope. */
static inline void sign_dsse(struct buf *out, struct signer *signer, const char *type,
                             struct bytes payload)
{
    struct dsse_payload CLEANUP(dsse_payload_clear) room = DSSE_PAYLOAD_INIT(payload.len);
    struct bytes message;
    struct err err = ERR_INIT;

    dsse_payload_begin(&room, 0);
    buf_add_bytes(&room.room, payload);
    EXPECT_OK(dsse_message(&message, &room, bytes_text(type), &err), &err);
    EXPECT_OK(signer_sign(signer, message, out, &err), &err);
}

/* The envelope or bundle that cosign writes around this payload. */
static inline void make_envelope(struct buf *out, struct signer *signer, struct bytes payload)
{
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);

    sign_dsse(&raw, signer, TYPE_IN_TOTO, payload);
    envelope_write(out, payload, buf_bytes(&raw));
}

static inline void make_bundle(struct buf *out, struct signer *signer, struct bytes payload)
{
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);
    struct buf CLEANUP(buf_clear) hint = BUF_INIT(64);
    struct err err = ERR_INIT;

    sign_dsse(&raw, signer, TYPE_IN_TOTO, payload);
    public_key_hint(&hint, signer_key(signer));
    EXPECT_OK(bundle_write_envelope(out, buf_bytes(&hint), payload, buf_bytes(&raw), &err), &err);
}

/* The bundle and the envelope of sigstore.md 11.4. */
static inline void vector_envelope(struct buf *out)
{
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);

    assert_int_equal(
        base64_decode(&raw, BYTES_LIT(VECTOR_STATEMENT_SIGNATURE), BASE64_STANDARD, NULL), 0);
    envelope_write(out, BYTES_LIT(VECTOR_STATEMENT), buf_bytes(&raw));
}

static inline void vector_bundle(struct buf *out)
{
    struct buf CLEANUP(buf_clear) raw = BUF_INIT(SIGNATURE_BYTES_MAX);

    assert_int_equal(
        base64_decode(&raw, BYTES_LIT(VECTOR_STATEMENT_SIGNATURE), BASE64_STANDARD, NULL), 0);
    assert_int_equal(bundle_write_envelope(out, BYTES_LIT(VECTOR_HINT), BYTES_LIT(VECTOR_STATEMENT),
                                           buf_bytes(&raw), NULL),
                     0);
}

/* A set of one piece of evidence, content copied to an exact size; evidence_set_clear() it. */
static inline void set_of(struct evidence_set *out, enum evidence_form form, struct bytes content,
                          const char *signature)
{
    *out = (struct evidence_set)EVIDENCE_SET_INIT;
    out->items = calloc(1, sizeof(*out->items));
    assert_non_null(out->items);
    out->n = out->cap = 1;
    out->items[0] = (struct evidence) {
        .form = form,
        .layout = form == EVIDENCE_BUNDLE ? LAYOUT_BUNDLE : LAYOUT_LEGACY,
        .where = "the piece",
        .signature = signature,
        .content = BUF_INIT(content.len),
    };
    buf_add_bytes(&out->items[0].content, content);
}

/* Check one piece by one key. */
static inline int check_piece(struct fact_set *facts, enum evidence_form form, struct bytes content,
                              const char *signature, const struct public_key *key, struct err *err)
{
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    const struct digest digest = vector_digest();

    set_of(&set, form, content, signature);
    return evidence_check(facts, &set, &key, 1, &digest, err);
}

/* What a policy of this one key says about facts. */
static inline enum verdict verdict_of(const struct fact_set *facts, const struct public_key *key)
{
    struct policy *CLEANUP(policy_freep) policy = NULL;
    const struct reference image = { .host = NULL };
    const struct question question = { .image = &image };
    const struct evidence_found found = { .index = facts };
    struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
    struct selection selection;
    struct err err = ERR_INIT;

    EXPECT_OK(policy_for_keys(&policy, &key, 1, NULL, 0, &err), &err);
    policy_select(&selection, policy, &question);
    policy_judge(&judgement, policy, &selection, &question, &found);
    return judgement.verdict;
}

#endif
