#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/secret.h"
#include "base/text.h"
#include "keys/der.h"
#include "keys/key.h"
#include "tests/unit/expect.h"

#define FOLDER "tests/vectors/keys/"

static void load(struct buf *out, const char *name)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(KIB);
    struct err err = ERR_INIT;

    buf_addf(&path, "%s%s", FOLDER, name);
    buf_reset(out);
    EXPECT_OK(file_read(out, buf_text(&path), &err), &err);
}

struct key_row {
    const char *file;
    enum key_kind kind;
    int bits;
    const char *algorithm;
};

static const struct key_row good_keys[] = {
    { "p256.pub", KEY_ECDSA_P256, 256, "ecdsa-p256" },
    { "rfc6979-p256.pub", KEY_ECDSA_P256, 256, "ecdsa-p256" },
    { "p384.pub", KEY_ECDSA_P384, 384, "ecdsa-p384" },
    { "p521.pub", KEY_ECDSA_P521, 521, "ecdsa-p521" },
    { "ed25519.pub", KEY_ED25519, 256, "ed25519" },
    { "rsa2048.pub", KEY_RSA, 2048, "rsa-2048" },
    { "rsa2048-pkcs1.pub", KEY_RSA, 2048, "rsa-2048" },
};

static void key_is_read(void **state)
{
    const struct key_row *row = *state;
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) written = BUF_INIT(KEY_FILE_MAX);
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct public_key *CLEANUP(public_key_freep) copy = NULL;
    struct public_key *CLEANUP(public_key_freep) again = NULL;
    struct err err = ERR_INIT;
    uint8_t digest[HASH_MAX];

    load(&pem, row->file);
    EXPECT_OK(public_key_parse(&key, buf_bytes(&pem), &err), &err);
    assert_int_equal(public_key_kind(key), row->kind);
    assert_int_equal(public_key_bits(key), row->bits);
    assert_string_equal(public_key_algorithm(key), row->algorithm);
    EXPECT_OK(hash_bytes(digest, HASH_SHA256, public_key_der(key), &err), &err);
    assert_memory_equal(public_key_fingerprint(key), digest, KEY_FINGERPRINT_SIZE);

    public_key_pem(&written, key);
    if (strstr(row->file, "pkcs1") == NULL)
        EXPECT_BUF(&written, buf_text(&pem));
    EXPECT_OK(public_key_copy(&copy, key, &err), &err);
    public_key_free(STEAL(key));
    EXPECT_OK(public_key_parse(&again, buf_bytes(&written), &err), &err);
    assert_true(bytes_equal(public_key_der(copy), public_key_der(again)));
}

/* sigstore.md 11.1 */
static void hint_is_the_documented_one(void **state)
{
    struct buf CLEANUP(buf_clear) hint = BUF_INIT(KIB);
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(public_key_load(&key, FOLDER "rfc6979-p256.pub", &err), &err);
    public_key_hint(&hint, key);
    EXPECT_BUF(&hint, "Wnp4zKSg9CDZvGK7Zpw8J1njn3I9OuENy+DwgVoH7NQ=");
}

struct bad_row {
    const char *source;
    enum err_code code;
    const char *word;
};

static const struct bad_row bad_files[] = {
    { "p256-compressed.pub", ERR_CONFIG, "uncompressed" },
    { "p256-explicit.pub", ERR_UNSUPPORTED, "explicit" },
    { "secp256k1.pub", ERR_UNSUPPORTED, "curve" },
    { "rsa1024.pub", ERR_UNSUPPORTED, "1024 bits" },
    { "rsa2047.pub", ERR_UNSUPPORTED, "2047 bits" },
    { "x25519.pub", ERR_UNSUPPORTED, "kind of key" },
    { "rsa-pss.pub", ERR_UNSUPPORTED, "kind of key" },
    { "certificate.pem", ERR_CONFIG, "certificate" },
    { "p256-pkcs8.pem", ERR_CONFIG, "private key" },
    { "rfc6979-p256.key", ERR_CONFIG, "private key" },
    { "p256-sec1-with-parameters.pem", ERR_CONFIG, "EC PARAMETERS" },
    { "message.txt", ERR_CONFIG, "not PEM" },
    { "nothing.pub", ERR_CONFIG, "nothing.pub" },
};

static void file_is_refused(void **state)
{
    const struct bad_row *row = *state;
    struct buf CLEANUP(buf_clear) path = BUF_INIT(KIB);
    struct public_key *key = NULL;
    struct err err = ERR_INIT;

    buf_addf(&path, "%s%s", FOLDER, row->source);
    EXPECT_ERR(public_key_load(&key, buf_text(&path), &err), &err, row->code, row->word);
    assert_null(key);
}

static const struct bad_row bad_sources[] = {
    { "awskms://alias/x", ERR_UNSUPPORTED, "AWS" },
    { "gcpkms://x", ERR_UNSUPPORTED, "Google" },
    { "azurekms://x", ERR_UNSUPPORTED, "Azure" },
    { "hashivault://x", ERR_UNSUPPORTED, "Vault" },
    { "pkcs11:token=x", ERR_UNSUPPORTED, "PKCS#11" },
    { "k8s://ns/name", ERR_UNSUPPORTED, "Kubernetes" },
    { "gitlab://1", ERR_UNSUPPORTED, "GitLab" },
    { "github://a/b", ERR_UNSUPPORTED, "GitHub" },
    { "http://h/k.pub", ERR_UNSUPPORTED, "use a key file" },
    { "https://h/k.pub", ERR_UNSUPPORTED, "use a key file" },
    { "other://x", ERR_UNSUPPORTED, "use a key file" },
    { "env://BULLA_TEST_UNSET", ERR_CONFIG, "not set" },
    { "env://", ERR_CONFIG, "not set" },
};

static void source_is_refused(void **state)
{
    const struct bad_row *row = *state;
    struct public_key *key = NULL;
    struct err err = ERR_INIT;

    EXPECT_ERR(public_key_load(&key, row->source, &err), &err, row->code, row->word);
    assert_null(key);
}

static void key_from_the_environment(void **state)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct err err = ERR_INIT;

    (void)state;
    load(&pem, "p256.pub");
    assert_int_equal(setenv("BULLA_TEST_KEY", buf_text(&pem), 1), 0);
    EXPECT_OK(public_key_load(&key, "env://BULLA_TEST_KEY", &err), &err);
    unsetenv("BULLA_TEST_KEY");
}

#define BEGIN "-----BEGIN PUBLIC KEY-----\n"
#define END "-----END PUBLIC KEY-----\n"
#define BODY                                                                                       \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\n"                           \
    "Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"

struct pem_row {
    const char *name;
    const char *text;
    enum err_code code;
    const char *word;
};

static const struct pem_row pem_rows[] = {
    { "pem: one block", BEGIN BODY END, ERR_NONE, "" },
    { "pem: white space around", " \t\r\n" BEGIN BODY END "\n \t\r\n", ERR_NONE, "" },
    { "pem: CR LF, no last line end",
      "-----BEGIN PUBLIC KEY-----\r\n" BODY "-----END PUBLIC KEY-----", ERR_NONE, "" },
    { "pem: empty", "", ERR_CONFIG, "no BEGIN" },
    { "pem: text before", "x\n" BEGIN BODY END, ERR_CONFIG, "text around" },
    { "pem: text after", BEGIN BODY END "x", ERR_CONFIG, "text around" },
    { "pem: two blocks", BEGIN BODY END BEGIN BODY END, ERR_CONFIG, "exactly one" },
    { "pem: not at the start of a line", " " BEGIN BODY END, ERR_CONFIG, "no BEGIN" },
    { "pem: no end", BEGIN BODY, ERR_CONFIG, "no END" },
    { "pem: no begin", BODY END, ERR_CONFIG, "no BEGIN" },
    { "pem: no body", BEGIN END, ERR_CONFIG, "empty" },
    { "pem: blank body", BEGIN "\n" END, ERR_CONFIG, "empty" },
    { "pem: wrong letter", BEGIN "MFkw*\n" END, ERR_CONFIG, "base64" },
    { "pem: cut base64", BEGIN "MFkwE\n" END, ERR_CONFIG, "base64" },
    { "pem: headers", BEGIN "Proc-Type: 4,ENCRYPTED\n\n" BODY END, ERR_UNSUPPORTED, "headers" },
    { "pem: other end", BEGIN BODY "-----END PRIVATE KEY-----\n", ERR_CONFIG, "does not match" },
    { "pem: four dashes", "-----BEGIN PUBLIC KEY----\n" BODY END, ERR_CONFIG, "damaged" },
    { "pem: lower case", "-----begin public key-----\n" BODY END, ERR_CONFIG, "no BEGIN" },
    { "pem: no label", "-----BEGIN -----\n" BODY END, ERR_CONFIG, "damaged" },
    { "pem: control in the label", "-----BEGIN \x1b[2J-----\n" BODY END, ERR_CONFIG, "damaged" },
    { "pem: text after the label", "-----BEGIN PUBLIC KEY-----x\n" BODY END, ERR_CONFIG,
      "damaged" },
};

static void pem_text(void **state)
{
    const struct pem_row *row = *state;
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct err err = ERR_INIT;
    int status = public_key_parse(&key, bytes_text(row->text), &err);

    if (row->code == ERR_NONE) {
        EXPECT_OK(status, &err);
        return;
    }
    EXPECT_ERR(status, &err, row->code, row->word);
    assert_null(key);
}

/* Every length is wrong, every single byte changed either changes the key or is refused. */
static void damaged_der(void **state)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct public_key *other = NULL;
    struct err err = ERR_INIT;
    uint8_t der[1024];

    (void)state;
    load(&pem, "rsa2048.pub");
    EXPECT_OK(public_key_parse(&key, buf_bytes(&pem), &err), &err);
    struct bytes whole = public_key_der(key);
    for (size_t len = 0; len < whole.len; len++)
        EXPECT_ERR(public_key_parse_der(&other, bytes_part(whole, 0, len), &err), &err, ERR_CONFIG,
                   "DER");
    memcpy(der, whole.data, whole.len);
    der[whole.len] = 0;
    EXPECT_ERR(public_key_parse_der(&other, (struct bytes) { der, whole.len + 1 }, &err), &err,
               ERR_CONFIG, "trailing");
    for (size_t i = 0; i < whole.len * 8; i++) {
        der[i / 8] ^= (uint8_t)(1 << i % 8);
        if (public_key_parse_der(&other, (struct bytes) { der, whole.len }, &err) == 0)
            assert_memory_not_equal(public_key_fingerprint(other), public_key_fingerprint(key),
                                    KEY_FINGERPRINT_SIZE);
        public_key_freep(&other);
        err_reset(&err);
        der[i / 8] ^= (uint8_t)(1 << i % 8);
    }
}

/* SEC 1 3.2.2.1: coordinates below p, on the curve. */
static void point_off_the_curve(void **state)
{
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct public_key *other = NULL;
    struct err err = ERR_INIT;
    uint8_t der[91];
    struct bytes whole = { der, sizeof(der) };

    (void)state;
    EXPECT_OK(public_key_load(&key, FOLDER "p256.pub", &err), &err);
    assert_int_equal(public_key_der(key).len, sizeof(der));
    memcpy(der, public_key_der(key).data, sizeof(der));
    der[90] ^= 1;
    EXPECT_ERR(public_key_parse_der(&other, whole, &err), &err, ERR_CONFIG, "not on the curve");
    memset(der + 27, 0xff, 64);
    EXPECT_ERR(public_key_parse_der(&other, whole, &err), &err, ERR_CONFIG, "not on the curve");
    memset(der + 27, 0, 64);
    EXPECT_ERR(public_key_parse_der(&other, whole, &err), &err, ERR_CONFIG, "not on the curve");
    assert_null(other);
}

/* RSA numbers made by hand: size of the modulus in bits, last byte of it, exponent. */
struct rsa_row {
    const char *name;
    size_t bits;
    uint8_t last;
    const char *exponent;
    size_t exponent_len;
    enum err_code code;
    const char *word;
};

static const struct rsa_row rsa_rows[] = {
    { "rsa 2048", 2048, 1, "\x01\x00\x01", 3, ERR_NONE, "" },
    { "rsa 2047", 2047, 1, "\x01\x00\x01", 3, ERR_UNSUPPORTED, "2047 bits" },
    { "rsa 8192", 8192, 1, "\x01\x00\x01", 3, ERR_NONE, "" },
    { "rsa 8193", 8193, 1, "\x01\x00\x01", 3, ERR_UNSUPPORTED, "8193 bits" },
    { "rsa even modulus", 2048, 2, "\x01\x00\x01", 3, ERR_CONFIG, "even modulus" },
    { "rsa e=3", 2048, 1, "\x03", 1, ERR_NONE, "" },
    { "rsa e=1", 2048, 1, "\x01", 1, ERR_CONFIG, "exponent" },
    { "rsa e=0", 2048, 1, "\x00", 1, ERR_CONFIG, "exponent" },
    { "rsa e=4", 2048, 1, "\x04", 1, ERR_CONFIG, "exponent" },
    { "rsa e of 31 bits", 2048, 1, "\x7f\xff\xff\xff", 4, ERR_NONE, "" },
    { "rsa e of 32 bits", 2048, 1, "\x80\x00\x00\x01", 4, ERR_UNSUPPORTED, "31 bits" },
    { "rsa e of 5 bytes", 2048, 1, "\x01\x00\x00\x00\x01", 5, ERR_UNSUPPORTED, "31 bits" },
};

static void rsa_numbers(void **state)
{
    const struct rsa_row *row = *state;
    uint8_t modulus[1100] = { 0 };
    size_t len = (row->bits + 7) / 8;
    struct buf CLEANUP(buf_clear) numbers = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) der = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct err err = ERR_INIT;

    modulus[0] = (uint8_t)(1 << (row->bits + 7) % 8);
    modulus[len - 1] = row->last;
    der_put_unsigned(&numbers, (struct bytes) { modulus, len });
    der_put_unsigned(&numbers,
                     (struct bytes) { (const uint8_t *)row->exponent, row->exponent_len });
    der_put(&der, DER_SEQUENCE, buf_bytes(&numbers));
    buf_add_text(&pem, "-----BEGIN RSA PUBLIC KEY-----\n");
    base64_encode(&pem, buf_bytes(&der), BASE64_STANDARD);
    buf_add_text(&pem, "\n-----END RSA PUBLIC KEY-----\n");
    int status = public_key_parse(&key, buf_bytes(&pem), &err);
    if (row->code == ERR_NONE)
        EXPECT_OK(status, &err);
    else
        EXPECT_ERR(status, &err, row->code, row->word);
}

static void too_large(void **state)
{
    struct public_key *key = NULL;
    struct err err = ERR_INIT;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(2 * KEY_FILE_MAX);

    (void)state;
    buf_add_text(&text, BEGIN BODY END);
    while (text.len < KEY_FILE_MAX)
        buf_add_char(&text, '\n');
    EXPECT_OK(public_key_parse(&key, buf_bytes(&text), &err), &err);
    public_key_freep(&key);
    buf_add_char(&text, '\n');
    EXPECT_ERR(public_key_parse(&key, buf_bytes(&text), &err), &err, ERR_CONFIG, "larger");
}

struct signature_row {
    const char *signature;
    const char *key;
    enum signature_scheme scheme;
};

/* Made by the openssl command. */
static const struct signature_row signatures[] = {
    { "p256.sha256.sig", "p256.pub", SCHEME_ECDSA_SHA256 },
    { "p384.sha384.sig", "p384.pub", SCHEME_ECDSA_SHA384 },
    { "p384.sha256.sig", "p384.pub", SCHEME_ECDSA_SHA256 },
    { "p521.sha512.sig", "p521.pub", SCHEME_ECDSA_SHA512 },
    { "p521.sha256.sig", "p521.pub", SCHEME_ECDSA_SHA256 },
    { "ed25519.sig", "ed25519.pub", SCHEME_ED25519 },
    { "rsa2048.pkcs1-sha256.sig", "rsa2048.pub", SCHEME_RSA_PKCS1_SHA256 },
    { "rsa2048.pkcs1-sha384.sig", "rsa2048.pub", SCHEME_RSA_PKCS1_SHA384 },
    { "rsa2048.pkcs1-sha512.sig", "rsa2048.pub", SCHEME_RSA_PKCS1_SHA512 },
    { "rsa2048.pss-sha256.sig", "rsa2048.pub", SCHEME_RSA_PSS_SHA256 },
    { "rsa2048.pss-sha384.sig", "rsa2048.pub", SCHEME_RSA_PSS_SHA384 },
    { "rsa2048.pss-sha512.sig", "rsa2048.pub", SCHEME_RSA_PSS_SHA512 },
    { "rsa2048.pss-salt20.sig", "rsa2048.pub", SCHEME_NONE },
    { "p256.sha256.sig", "p384.pub", SCHEME_NONE },
    { "p256.sha256.sig", "rfc6979-p256.pub", SCHEME_NONE },
    { "p256.sha256.sig", "ed25519.pub", SCHEME_NONE },
    { "p256.sha256.sig", "rsa2048.pub", SCHEME_NONE },
    { "ed25519.sig", "p256.pub", SCHEME_NONE },
    { "rsa2048.pkcs1-sha256.sig", "p256.pub", SCHEME_NONE },
};

static void refused(const struct public_key *key, struct bytes message, struct bytes signature)
{
    enum signature_scheme scheme = SCHEME_ED25519;
    struct err err = ERR_INIT;

    EXPECT_ERR(public_key_verify(key, message, signature, &scheme, &err), &err, ERR_INVALID,
               "signature");
    assert_int_equal(scheme, SCHEME_NONE);
}

/* Every bit flipped, every byte dropped or doubled, both ends cut, one byte more. */
static void mutants_are_refused(const struct public_key *key, struct bytes message,
                                struct bytes signature)
{
    uint8_t copy[SIGNATURE_BYTES_MAX + 1];
    struct bytes mutant = { copy, signature.len };

    memcpy(copy, signature.data, signature.len);
    for (size_t i = 0; i < signature.len * 8; i++) {
        copy[i / 8] ^= (uint8_t)(1 << i % 8);
        refused(key, message, mutant);
        copy[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t i = 0; i < signature.len; i++) {
        refused(key, message, bytes_part(signature, 0, i));
        refused(key, message, bytes_part(signature, i + 1, signature.len));
        memcpy(copy, signature.data, i + 1); /* doubled */
        memcpy(copy + i + 1, signature.data + i, signature.len - i);
        refused(key, message, (struct bytes) { copy, signature.len + 1 });
        memcpy(copy, signature.data, i); /* dropped */
        memcpy(copy + i, signature.data + i + 1, signature.len - i - 1);
        refused(key, message, (struct bytes) { copy, signature.len - 1 });
    }
    memcpy(copy, signature.data, signature.len);
    copy[signature.len] = 0;
    refused(key, message, (struct bytes) { copy, signature.len + 1 });
    refused(key, bytes_part(message, 1, message.len), signature);
    refused(key, BYTES_NONE, signature);
}

static void signature_is_judged(void **state)
{
    const struct signature_row *row = *state;
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) message = BUF_INIT(KIB);
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(KIB);
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    enum signature_scheme scheme = SCHEME_NONE;
    struct err err = ERR_INIT;

    load(&pem, row->key);
    load(&message, "message.txt");
    load(&signature, row->signature);
    EXPECT_OK(public_key_parse(&key, buf_bytes(&pem), &err), &err);
    if (row->scheme == SCHEME_NONE) {
        refused(key, buf_bytes(&message), buf_bytes(&signature));
        return;
    }
    EXPECT_OK(public_key_verify(key, buf_bytes(&message), buf_bytes(&signature), &scheme, &err),
              &err);
    assert_int_equal(scheme, row->scheme);
    EXPECT_OK(public_key_verify(key, buf_bytes(&message), buf_bytes(&signature), NULL, &err), &err);
    mutants_are_refused(key, buf_bytes(&message), buf_bytes(&signature));
}

/* RFC 8032 7.3: Ed25519ph over "abc". */
static void ed25519ph(void **state)
{
    static const char spki_hex[] =
        "302a300506032b6570032100"
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf";
    static const char signature_hex[] =
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406";
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    enum signature_scheme scheme = SCHEME_NONE;
    struct err err = ERR_INIT;
    uint8_t spki[44];
    uint8_t signature[64];

    (void)state;
    EXPECT_OK(hex_decode(spki, sizeof(spki), BYTES_LIT(spki_hex), &err), &err);
    EXPECT_OK(hex_decode(signature, sizeof(signature), BYTES_LIT(signature_hex), &err), &err);
    EXPECT_OK(public_key_parse_der(&key, (struct bytes) { spki, sizeof(spki) }, &err), &err);
    struct bytes sig = { signature, sizeof(signature) };
    EXPECT_OK(public_key_verify(key, BYTES_LIT("abc"), sig, &scheme, &err), &err);
    assert_int_equal(scheme, SCHEME_ED25519PH);
    mutants_are_refused(key, BYTES_LIT("abc"), sig);
}

static void signature_sizes(void **state)
{
    static const uint8_t zeros[SIGNATURE_BYTES_MAX + 1] = { 0 };
    static const char *const files[] = { "p256.pub", "p521.pub", "ed25519.pub", "rsa2048.pub" };
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct public_key *CLEANUP(public_key_freep) key = NULL;
        load(&pem, files[i]);
        EXPECT_OK(public_key_parse(&key, buf_bytes(&pem), &err), &err);
        for (size_t len = 0; len <= sizeof(zeros); len++)
            refused(key, BYTES_LIT("m"), (struct bytes) { zeros, len });
    }
}

struct job {
    const struct public_key *key;
    struct bytes message;
    struct bytes signature;
    int failed;
};

static void *verify_often(void *arg)
{
    struct job *job = arg;
    struct err err = ERR_INIT;

    for (int i = 0; i < 50; i++)
        if (public_key_verify(job->key, job->message, job->signature, NULL, &err) != 0)
            job->failed++;
    return NULL;
}

static void one_key_many_threads(void **state)
{
    struct buf CLEANUP(buf_clear) message = BUF_INIT(KIB);
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(KIB);
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct err err = ERR_INIT;
    struct job jobs[4];
    pthread_t threads[ARRAY_LEN(jobs)];

    (void)state;
    load(&message, "message.txt");
    load(&signature, "p256.sha256.sig");
    EXPECT_OK(public_key_load(&key, FOLDER "p256.pub", &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        jobs[i] = (struct job) { key, buf_bytes(&message), buf_bytes(&signature), 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &jobs[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(jobs[i].failed, 0);
    }
}

static void schemes_have_names(void **state)
{
    (void)state;
    assert_string_equal(scheme_name(SCHEME_NONE), "none");
    assert_string_equal(scheme_name(SCHEME_ECDSA_SHA256), "ecdsa-sha256");
    assert_string_equal(scheme_name(SCHEME_RSA_PSS_SHA512), "rsa-pss-sha512");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hint_is_the_documented_one),
        cmocka_unit_test(key_from_the_environment),
        cmocka_unit_test(damaged_der),
        cmocka_unit_test(point_off_the_curve),
        cmocka_unit_test(too_large),
        cmocka_unit_test(ed25519ph),
        cmocka_unit_test(signature_sizes),
        cmocka_unit_test(one_key_many_threads),
        cmocka_unit_test(schemes_have_names),
    };
    struct err err = ERR_INIT;
    int failed = 0;

    if (secret_init(&err) != 0)
        return 1;
    failed += RUN_ROWS(good_keys, key_is_read);
    failed += RUN_ROWS(bad_files, file_is_refused);
    failed += RUN_ROWS(bad_sources, source_is_refused);
    failed += RUN_ROWS(pem_rows, pem_text);
    failed += RUN_ROWS(rsa_rows, rsa_numbers);
    failed += RUN_ROWS(signatures, signature_is_judged);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
