/* Fails every single allocation while keys are read, used and made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/secret.h"
#include "keys/key_box.h"
#include "keys/key_file.h"
#include "keys/pem.h"
#include "keys/private_key.h"
#include "tests/fault/inject.h"
#include "tests/unit/expect.h"

#define FOLDER "tests/vectors/keys/"
#define ALLOCATIONS_MAX 100000 /* a loop that never ends is a failed test */

struct row {
    const char *key;
    const char *signature;
    enum signature_scheme scheme;
};

static const struct row rows[] = {
    { "p256.pub", "p256.sha256.sig", SCHEME_ECDSA_SHA256 },
    { "p384.pub", "p384.sha256.sig", SCHEME_ECDSA_SHA256 },
    { "p521.pub", "p521.sha512.sig", SCHEME_ECDSA_SHA512 },
    { "ed25519.pub", "ed25519.sig", SCHEME_ED25519 },
    { "rsa2048.pub", "rsa2048.pkcs1-sha512.sig", SCHEME_RSA_PKCS1_SHA512 },
    { "rsa2048.pub", "rsa2048.pss-sha512.sig", SCHEME_RSA_PSS_SHA512 },
};

static void load(struct buf *out, const char *name)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(KIB);
    struct err err = ERR_INIT;

    buf_addf(&path, "%s%s", FOLDER, name);
    EXPECT_OK(file_read(out, buf_text(&path), &err), &err);
}

/* Memory was short, or OpenSSL failed for that reason and did not say so. */
static void expect_short_of_memory(const struct err *err, long n)
{
    if (err->code != ERR_NOMEM && err->code != ERR_CRYPTO)
        print_error("allocation %ld: %s: %s\n", n, err_name(err->code), err_text(err));
    assert_true(err->code == ERR_NOMEM || err->code == ERR_CRYPTO);
}

static void reading_a_key(void **state)
{
    const struct row *row = *state;
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);

    load(&pem, row->key);
    for (long n = 1;; n++) {
        struct public_key *CLEANUP(public_key_freep) key = NULL;
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int status = public_key_parse(&key, buf_bytes(&pem), &err);
        bool fired = inject_disarm();
        if (status != 0) {
            assert_true(fired);
            assert_null(key);
            expect_short_of_memory(&err, n);
        }
        if (!fired)
            break;
    }
}

/* A good signature is accepted or the failure is told; never is it called invalid. */
static void verifying(void **state)
{
    const struct row *row = *state;
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) message = BUF_INIT(KIB);
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(KIB);
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct err first = ERR_INIT;

    load(&pem, row->key);
    load(&message, "message.txt");
    load(&signature, row->signature);
    EXPECT_OK(public_key_parse(&key, buf_bytes(&pem), &first), &first);
    for (long n = 1;; n++) {
        enum signature_scheme scheme;
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int status =
            public_key_verify(key, buf_bytes(&message), buf_bytes(&signature), &scheme, &err);
        bool fired = inject_disarm();
        assert_int_equal(scheme, status == 0 ? row->scheme : SCHEME_NONE);
        if (status != 0) {
            assert_true(fired);
            expect_short_of_memory(&err, n);
        }
        if (!fired)
            break;
    }
}

static void tampered(void **state)
{
    const struct row *row = *state;
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) message = BUF_INIT(KIB);
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(KIB);
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct err first = ERR_INIT;

    load(&pem, row->key);
    load(&message, "message.txt");
    load(&signature, row->signature);
    EXPECT_OK(public_key_parse(&key, buf_bytes(&pem), &first), &first);
    signature.data[signature.len - 1] ^= 1;
    for (long n = 1;; n++) {
        enum signature_scheme scheme;
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int status =
            public_key_verify(key, buf_bytes(&message), buf_bytes(&signature), &scheme, &err);
        bool fired = inject_disarm();
        assert_int_equal(status, -1);
        assert_int_equal(scheme, SCHEME_NONE);
        if (!fired) {
            assert_int_equal(err.code, ERR_INVALID);
            break;
        }
    }
}

static void opening_a_box(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(KEY_FILE_MAX);

    (void)state;
    load(&text, "rfc6979-p256.key");
    for (long n = 1;; n++) {
        struct key_box CLEANUP(key_box_clear) box;
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int status = key_box_parse(&box, buf_bytes(&text), &err);
        bool fired = inject_disarm();
        if (status != 0) {
            assert_true(fired);
            assert_int_equal(err.code, ERR_NOMEM);
        }
        if (!fired)
            break;
    }
}

/* From PKCS#8 to a signature and back to PKCS#8: what a key file does around scrypt, which would
 * cost a tenth of a second in each round. */
static void using_a_private_key(void **state)
{
    const char *file = *state;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(KEY_FILE_MAX);
    struct err first = ERR_INIT;
    struct pem block;
    uint8_t der[KIB];
    size_t len;

    load(&text, file);
    EXPECT_OK(pem_find(&block, buf_bytes(&text), &first), &first);
    EXPECT_OK(pem_decode(der, sizeof(der), &len, &block, &first), &first);
    for (long n = 1;; n++) {
        struct buf CLEANUP(buf_clear) signature = BUF_INIT(KIB);
        struct secret *CLEANUP(secret_freep) again = NULL;
        struct signer *CLEANUP(signer_freep) signer = NULL;
        EVP_PKEY *CLEANUP(crypto_pkey_freep) key = NULL;
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        bool done = private_key_parse(&key, (struct bytes) { der, len }, &err) == 0 &&
                    private_key_der(&again, key, &err) == 0 &&
                    private_key_signer(&signer, &key, &err) == 0 &&
                    signer_sign(signer, BYTES_LIT("m"), &signature, &err) == 0;
        bool fired = inject_disarm();
        if (done) {
            assert_true(bytes_equal(secret_bytes(again), (struct bytes) { der, len }));
            EXPECT_OK(public_key_verify(signer_key(signer), BYTES_LIT("m"), buf_bytes(&signature),
                                        NULL, &err),
                      &err);
        } else {
            assert_true(fired);
            assert_int_equal(signature.len, 0);
            assert_true(err.code != ERR_NONE && err.code != ERR_INVALID);
        }
        if (!fired)
            break;
    }
}

/* Whole key files. scrypt costs a fifth of a second in each round that gets as far, so a
 * sample of the allocations fails; what is on either side of scrypt is tried without gaps above. */
struct sample {
    long first, step;
};

static void making_a_key_file(void **state)
{
    const struct sample *sample = *state;
    struct secret *CLEANUP(secret_freep) password = NULL;
    struct err start = ERR_INIT;

    EXPECT_OK(secret_copy(&password, BYTES_LIT("test"), &start), &start);
    for (long n = sample->first;; n += sample->step) {
        struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
        struct buf CLEANUP(buf_clear) public_pem = BUF_INIT(KEY_FILE_MAX);
        struct err err = ERR_INIT;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int status = key_generate(&pem, &public_pem, KEY_ALGORITHM_ECDSA_P256, password, &err);
        bool fired = inject_disarm();
        if (status != 0) {
            assert_true(fired);
            expect_short_of_memory(&err, n);
        } else {
            assert_true(key_box_is(buf_bytes(&pem)));
            assert_true(public_pem.len > 0);
        }
        if (!fired)
            break;
    }
}

static void opening_a_key_file(void **state)
{
    const struct sample *sample = *state;
    const struct password_source password = PASSWORD_SOURCE_DEFAULT; /* of the environment */
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct err start = ERR_INIT;

    setenv("COSIGN_PASSWORD", "hunter2", 1);
    EXPECT_OK(public_key_load(&key, FOLDER "rfc6979-p256.pub", &start), &start);
    for (long n = sample->first;; n += sample->step) {
        struct signer *CLEANUP(signer_freep) signer = NULL;
        struct buf CLEANUP(buf_clear) signature = BUF_INIT(KIB);
        struct err err = ERR_INIT;
        bool loose;
        assert_true(n < ALLOCATIONS_MAX);
        inject_arm(n);
        int status = key_file_signer(&signer, FOLDER "rfc6979-p256.key", &password, &loose, &err);
        if (status == 0)
            status = signer_sign(signer, BYTES_LIT("m"), &signature, &err);
        bool fired = inject_disarm();
        if (status == 0) {
            EXPECT_OK(public_key_verify(key, BYTES_LIT("m"), buf_bytes(&signature), NULL, &err),
                      &err);
        } else {
            assert_true(fired);
            assert_int_equal(signature.len, 0);
            expect_short_of_memory(&err, n);
        }
        if (!fired)
            break;
    }
}

/* Everything once, so that what OpenSSL sets up for good is set up. */
static int warm_up(void)
{
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct public_key *CLEANUP(public_key_freep) key = NULL;
        struct buf CLEANUP(buf_clear) path = BUF_INIT(KIB);
        uint8_t zeros[512] = { 0 };
        enum signature_scheme scheme;
        buf_addf(&path, "%s%s", FOLDER, rows[i].key);
        if (public_key_load(&key, buf_text(&path), &err) != 0)
            return -1;
        size_t len = public_key_kind(key) == KEY_RSA ? 256 : 64;
        if (public_key_verify(key, BYTES_LIT("m"), (struct bytes) { zeros, len }, &scheme, &err) ==
            0)
            return -1;
        err_reset(&err);
    }
    return 0;
}

int main(void)
{
    static struct sample making[] = { { 1, 181 }, { 60, 181 } };
    static struct sample opening[] = { { 1, 499 }, { 250, 499 } };
    const struct CMUnitTest tests[] = {
        { "making a key file", making_a_key_file, NULL, NULL, &making[0] },
        { "making a key file, others", making_a_key_file, NULL, NULL, &making[1] },
        { "opening a key file", opening_a_key_file, NULL, NULL, &opening[0] },
        { "opening a key file, others", opening_a_key_file, NULL, NULL, &opening[1] },
        cmocka_unit_test(opening_a_box),
        { "p256-pkcs8.pem", using_a_private_key, NULL, NULL, (void *)(uintptr_t) "p256-pkcs8.pem" },
        { "ed25519-pkcs8.pem", using_a_private_key, NULL, NULL,
          (void *)(uintptr_t) "ed25519-pkcs8.pem" },
    };
    struct err err = ERR_INIT;
    int failed = 0;

    if (inject_libraries() != 0 || secret_init(&err) != 0 || warm_up() != 0)
        return 1;
    failed += RUN_ROWS(rows, reading_a_key);
    failed += RUN_ROWS(rows, verifying);
    failed += RUN_ROWS(rows, tampered);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
