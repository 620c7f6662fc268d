/*
 * Aims at evidence_check() in evidence/check.c and policy_judge() in policy/judge.c, with all that
 * they call: the way from bytes to a verdict. The first byte chooses the form; of a legacy layer,
 * the annotation ends with the first NUL and the payload follows.
 *
 * Nothing that was signed by the key below is in the corpus, and the key was made for this file and
 * its private half thrown away: no input may be allowed. The seeds are validly signed by another
 * key.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "evidence/check.h"
#include "policy/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpEa7SRiT1NNRFyQVvykp1ceogIcq\n"
                              "6jECnQRBl4WUec5CDS3nMOoEiKkOhHXvQQlnMiR4RQ73D81PTsUh6f+NcA==\n"
                              "-----END PUBLIC KEY-----\n";

#define DIGEST "sha256:50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"

static void need(bool held)
{
    if (!held)
        abort();
}

static void judge(const struct fact_set *facts, const struct public_key *key)
{
    CLEANUP(policy_freep) struct policy *policy = NULL;
    const struct reference image = { .host = NULL };
    const struct question question = { .image = &image };
    const struct evidence_found found = { .index = facts };
    CLEANUP(judgement_clear) struct judgement judgement = JUDGEMENT_INIT;
    struct selection selection;

    need(policy_for_keys(&policy, &key, 1, NULL, 0, NULL) == 0);
    policy_select(&selection, policy, &question);
    policy_judge(&judgement, policy, &selection, &question, &found);
    need(judgement.verdict == VERDICT_DENY && judgement.proof == NULL);
    need(judgement.reason != REASON_NONE && !reason_is_unknown(judgement.reason));
    need(memchr(judgement.text, '\0', sizeof(judgement.text)) != NULL && judgement.text[0] != '\0');
}

static void check(struct evidence *piece)
{
    struct evidence_set set = EVIDENCE_SET_INIT;
    CLEANUP(fact_set_clear) struct fact_set facts;
    CLEANUP(public_key_freep) struct public_key *key = NULL;
    struct digest digest;

    set.items = piece;
    set.n = 1;
    need(public_key_parse(&key, BYTES_LIT(key_pem), NULL) == 0);
    need(digest_parse(&digest, BYTES_LIT(DIGEST), NULL) == 0);
    const struct public_key *const keys[] = { key };
    /* No bytes from outside may make a signature undecidable. */
    need(evidence_check(&facts, &set, keys, 1, &digest, NULL) == 0);
    need(facts.n == 0 && facts.reasons.n == 1 && facts.pieces == 1 && facts.complete);
    judge(&facts, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum evidence_form forms[] = { EVIDENCE_SIMPLE_SIGNING, EVIDENCE_BUNDLE,
                                                EVIDENCE_ENVELOPE };
    CLEANUP(buf_clear) struct buf annotation = BUF_INIT(size + 1);
    struct evidence piece = { .where = "the piece", .content = BUF_INIT(size + 1) };

    if (size == 0)
        return 0;
    piece.form = forms[data[0] % 3];
    struct bytes rest = { data + 1, size - 1 };
    if (piece.form == EVIDENCE_SIMPLE_SIGNING) {
        size_t len = 0;
        while (len < rest.len && rest.data[len] != '\0')
            len++;
        buf_add_bytes(&annotation, bytes_part(rest, 0, len));
        rest = bytes_part(rest, len + 1, rest.len);
        piece.signature = buf_text(&annotation);
    }
    buf_add_bytes(&piece.content, rest);
    check(&piece);
    buf_clear(&piece.content);
    return 0;
}
