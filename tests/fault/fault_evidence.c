/* Fails every single allocation while evidence is checked and judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/secret.h"
#include "tests/fault/inject.h"
#include "tests/unit/evidence.h"
#include "tests/unit/fake_store.h"

#define ALLOCATIONS_MAX 100000 /* a loop that never ends is a failed test */

enum piece { PAYLOAD, BUNDLE, ENVELOPE };

static const struct row {
    const char *name;
    enum piece piece;
    const char *other; /* key that it is checked by, or NULL: its own */
} rows[] = {
    { "good payload", PAYLOAD, NULL },
    { "good bundle", BUNDLE, NULL },
    { "good envelope", ENVELOPE, NULL },
    { "payload by another key", PAYLOAD, KEYS "p256.pub" },
    { "bundle by another key", BUNDLE, KEYS "p256.pub" },
    { "envelope by another kind of key", ENVELOPE, KEYS "ed25519.pub" },
};

static void make_set(struct evidence_set *set, enum piece piece)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);

    if (piece == PAYLOAD) {
        set_of(set, EVIDENCE_SIMPLE_SIGNING, BYTES_LIT(VECTOR_PAYLOAD), VECTOR_PAYLOAD_SIGNATURE);
        return;
    }
    if (piece == BUNDLE)
        vector_bundle(&text);
    else
        vector_envelope(&text);
    set_of(set, piece == BUNDLE ? EVIDENCE_BUNDLE : EVIDENCE_ENVELOPE, buf_bytes(&text), NULL);
}

static void expect_short_of_memory(const struct err *err, long n)
{
    if (err->code != ERR_NOMEM && err->code != ERR_CRYPTO)
        print_error("allocation %ld: %s: %s\n", n, err_name(err->code), err_text(err));
    assert_true(err->code == ERR_NOMEM || err->code == ERR_CRYPTO);
}

/* What is told of a run that ended well is what is told without any failure: a good piece is not
 * made a bad one, and a bad one never a good one. */
static void checking_and_judging(void **state)
{
    const struct row *row = *state;
    struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct policy *CLEANUP(policy_freep) policy = NULL;
    const struct reference image = { .host = NULL };
    const struct digest digest = vector_digest();
    const enum verdict right = row->other == NULL ? VERDICT_ALLOW : VERDICT_DENY;
    const struct question question = { .image = &image };
    struct selection selection;

    make_set(&set, row->piece);
    key = load_key(row->other == NULL ? VECTOR_KEY : row->other);
    const struct public_key *const keys[] = { key };
    assert_int_equal(policy_for_keys(&policy, keys, 1, NULL, 0, NULL), 0);
    policy_select(&selection, policy, &question);
    for (long n = 1;; n++) {
        struct fact_set CLEANUP(fact_set_clear) facts;
        struct judgement CLEANUP(judgement_clear) judgement = JUDGEMENT_INIT;
        const struct evidence_found found = { .index = &facts };
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int status = evidence_check(&facts, &set, keys, 1, &digest, &err);
        policy_judge(&judgement, policy, &selection, &question, &found);
        bool fired = inject_disarm();
        if (status != 0) {
            assert_true(fired);
            expect_short_of_memory(&err, n);
            assert_int_equal(judgement.verdict, VERDICT_UNKNOWN);
        } else if (!fired || judgement.verdict != VERDICT_UNKNOWN) { /* judging needs memory too */
            assert_int_equal(judgement.verdict, right);
        }
        if (!fired)
            break;
    }
}

/* --- Collecting --- */

#define CONFIG                                                                                     \
    "{\"mediaType\":\"" TYPE_OCI_EMPTY                                                             \
    "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","   \
    "\"size\":2}"
#define FALLBACK "sha256-" VECTOR_HEX

static void script(struct fake_store *store)
{
    struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
    struct buf CLEANUP(buf_clear) bundle = BUF_INIT(8192);
    struct buf CLEANUP(buf_clear) manifest = BUF_INIT(8192);
    char digest[DIGEST_TEXT_MAX];

    vector_bundle(&bundle);
    fake_content(store, FETCH_BLOB, buf_text(&bundle), "", digest);
    buf_addf(&manifest,
             "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[{\"mediaType\":\"" TYPE_BUNDLE
             "\",\"digest\":\"%s\",\"size\":%zu}],\"subject\":{\"mediaType\":\"" TYPE_OCI_MANIFEST
             "\",\"digest\":\"sha256:" VECTOR_HEX "\",\"size\":2}}",
             digest, bundle.len);
    fake_content(store, FETCH_MANIFEST, buf_text(&manifest), TYPE_OCI_MANIFEST, digest);
    fake_list_add(&list, digest, manifest.len, ",\"artifactType\":\"" TYPE_BUNDLE "\"");
    fake_page(store, "", fake_list_end(&list), NULL);
    fake_content(store, FETCH_BLOB, VECTOR_PAYLOAD, "", digest);
    buf_reset(&manifest);
    buf_addf(&manifest,
             "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[{\"mediaType\":\"x\","
             "\"digest\":\"%s\",\"size\":%zu,\"annotations\":{\"" ANNOTATION_SIGNATURE
             "\":\"" VECTOR_PAYLOAD_SIGNATURE "\"}}]}",
             digest, strlen(VECTOR_PAYLOAD));
    fake_tag(store, FALLBACK ".sig", buf_text(&manifest), TYPE_OCI_MANIFEST);
}

/* Short memory makes the set incomplete or the call fail; a set that says it is complete is. */
static void collecting(void **state)
{
    const struct plan plan = { .signatures = true };
    const struct digest digest = vector_digest();
    struct fake_store CLEANUP(fake_clear) store;

    (void)state;
    fake_init(&store);
    script(&store);
    for (long n = 1;; n++) {
        struct evidence_set CLEANUP(evidence_set_clear) set = EVIDENCE_SET_INIT;
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int status = evidence_collect(&set, &store.store, &digest, &plan, 0, &err);
        bool fired = inject_disarm();
        if (status != 0 || !set.complete) {
            assert_true(fired);
            expect_short_of_memory(status != 0 ? &err : &set.incomplete, n);
        } else {
            assert_int_equal(set.n, 2);
            assert_int_equal(set.reasons.n, 0);
        }
        if (!fired)
            break;
    }
}

/* Everything once, so that what OpenSSL sets up for good is set up. */
static int warm_up(void)
{
    static const char *const files[] = { VECTOR_KEY, KEYS "ed25519.pub" };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct public_key *CLEANUP(public_key_freep) key = NULL;
        const uint8_t zeros[64] = { 0 };
        if (public_key_load(&key, files[i], &err) != 0 ||
            public_key_verify(key, BYTES_LIT("m"), (struct bytes) { zeros, 64 }, NULL, &err) == 0)
            return -1;
        err_reset(&err);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(collecting) };
    struct err err = ERR_INIT;
    int failed = 0;

    if (inject_libraries() != 0 || secret_init(&err) != 0 || warm_up() != 0)
        return 1;
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    failed += RUN_ROWS(rows, checking_and_judging);
    return failed != 0;
}
