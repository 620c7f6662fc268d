#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/text.h"
#include "keys/key_box.h"
#include "keys/key_file.h"
#include "keys/pem.h"
#include "tests/unit/expect.h"

#define FOLDER "tests/vectors/keys/"
#define MESSAGE BYTES_LIT("what is signed")

static const struct password_source no_source = PASSWORD_SOURCE_DEFAULT;

static void load(struct buf *out, const char *name)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(KIB);
    struct err err = ERR_INIT;

    buf_addf(&path, "%s%s", FOLDER, name);
    buf_reset(out);
    EXPECT_OK(file_read(out, buf_text(&path), &err), &err);
}

static struct secret *word(const char *text)
{
    struct secret *secret = NULL;
    struct err err = ERR_INIT;

    EXPECT_OK(secret_copy(&secret, bytes_text(text), &err), &err);
    return secret;
}

static void write_temp(char path[], struct bytes content)
{
    struct err err = ERR_INIT;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    EXPECT_OK(file_write_all(fd, content, &err), &err);
    close(fd);
}

/* Signs, and the public half of a file accepts. */
static void signs_for(struct signer *signer, const char *public_file)
{
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(KIB);
    struct buf CLEANUP(buf_clear) path = BUF_INIT(KIB);
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct err err = ERR_INIT;

    buf_addf(&path, "%s%s", FOLDER, public_file);
    EXPECT_OK(public_key_load(&key, buf_text(&path), &err), &err);
    EXPECT_OK(signer_sign(signer, MESSAGE, &signature, &err), &err);
    EXPECT_OK(public_key_verify(key, MESSAGE, buf_bytes(&signature), NULL, &err), &err);
    assert_true(bytes_equal(public_key_der(signer_key(signer)), public_key_der(key)));
}

struct open_row {
    const char *file;
    const char *password;
    enum err_code code;
    const char *text;
};

static const struct open_row open_rows[] = {
    { "rfc6979-p256.key", "hunter2", ERR_NONE, "" },
    { "cosign-header-n32768.key", "", ERR_NONE, "" },
    { "owasp-n131072.key", "pass word\n", ERR_NONE, "" },
    { "owasp-n131072.key", "pass word", ERR_CONFIG, "wrong password or damaged key" },
    { "rfc6979-p256.key", "hunter3", ERR_CONFIG, "wrong password or damaged key" },
    { "rfc6979-p256.key", "", ERR_CONFIG, "wrong password or damaged key" },
    { "p256-pkcs8.pem", "x", ERR_CONFIG, "not encrypted: take it in with import-key-pair" },
    { "p256-pkcs8-encrypted.pem", "old", ERR_CONFIG, "import-key-pair" },
    { "rsa2048-pkcs1.pem", "x", ERR_CONFIG, "not encrypted" },
    { "rsa2048-pkcs1-headers.pem", "old", ERR_UNSUPPORTED, "headers" },
    { "p256.pub", "x", ERR_CONFIG, "public key" },
    { "certificate.pem", "x", ERR_CONFIG, "certificate" },
    { "message.txt", "x", ERR_CONFIG, "not PEM" },
    { "nothing.key", "x", ERR_CONFIG, "nothing.key" },
};

static void file_is_opened(void **state)
{
    const struct open_row *row = *state;
    struct buf CLEANUP(buf_clear) path = BUF_INIT(KIB);
    struct signer *CLEANUP(signer_freep) signer = NULL;
    struct err err = ERR_INIT;

    buf_addf(&path, "%s%s", FOLDER, row->file);
    assert_int_equal(setenv("COSIGN_PASSWORD", row->password, 1), 0);
    int status = key_file_signer(&signer, buf_text(&path), &no_source, NULL, &err);
    unsetenv("COSIGN_PASSWORD");
    if (row->code == ERR_NONE) {
        EXPECT_OK(status, &err);
        signs_for(signer, "rfc6979-p256.pub");
        return;
    }
    EXPECT_ERR(status, &err, row->code, row->text);
    assert_null(signer);
}

#define SALT "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define NONCE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
#define TAG16 "AAAAAAAAAAAAAAAAAAAAAA=="
#define JSON(name, n, r, p, salt, cipher, nonce, ciphertext)                                       \
    "{\"kdf\":{\"name\":\"" name "\",\"params\":{\"N\":" n ",\"r\":" r ",\"p\":" p                 \
    "},\"salt\":\"" salt "\"},\"cipher\":{\"name\":\"" cipher "\",\"nonce\":\"" nonce              \
    "\"},\"ciphertext\":\"" ciphertext "\"}"
#define COST(n, r, p) JSON("scrypt", n, r, p, SALT, "nacl/secretbox", NONCE, TAG16)

struct box_row {
    const char *name;
    const char *json;
    enum err_code code;
    const char *text;
};

static const struct box_row box_rows[] = {
    { "box: standard cost", COST("65536", "8", "1"), ERR_NONE, "" },
    { "box: legacy cost", COST("32768", "8", "1"), ERR_NONE, "" },
    { "box: OWASP cost", COST("131072", "8", "1"), ERR_NONE, "" },
    { "box: N too small", COST("16384", "8", "1"), ERR_CONFIG, "cost" },
    { "box: N too large", COST("262144", "8", "1"), ERR_CONFIG, "cost" },
    { "box: N off by one", COST("65537", "8", "1"), ERR_CONFIG, "cost" },
    { "box: N zero", COST("0", "8", "1"), ERR_CONFIG, "cost" },
    { "box: N negative", COST("-65536", "8", "1"), ERR_CONFIG, "N" },
    { "box: N with fraction", COST("65536.0", "8", "1"), ERR_CONFIG, "N" },
    { "box: N over 64 bits", COST("18446744073709617152", "8", "1"), ERR_CONFIG, "N" },
    { "box: N a string", COST("\"65536\"", "8", "1"), ERR_CONFIG, "N" },
    { "box: r", COST("65536", "9", "1"), ERR_CONFIG, "cost" },
    { "box: p", COST("65536", "8", "2"), ERR_CONFIG, "cost" },
    { "box: another kdf", JSON("argon2id", "65536", "8", "1", SALT, "nacl/secretbox", NONCE, TAG16),
      ERR_CONFIG, "scrypt" },
    { "box: another cipher", JSON("scrypt", "65536", "8", "1", SALT, "aes", NONCE, TAG16),
      ERR_CONFIG, "secretbox" },
    { "box: empty salt", JSON("scrypt", "65536", "8", "1", "", "nacl/secretbox", NONCE, TAG16),
      ERR_NONE, "" },
    { "box: salt not base64",
      JSON("scrypt", "65536", "8", "1", "A", "nacl/secretbox", NONCE, TAG16), ERR_CONFIG, "salt" },
    { "box: nonce of 23",
      JSON("scrypt", "65536", "8", "1", SALT, "nacl/secretbox",
           "AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", TAG16),
      ERR_CONFIG, "nonce has 23" },
    { "box: nonce of 25",
      JSON("scrypt", "65536", "8", "1", SALT, "nacl/secretbox",
           "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==", TAG16),
      ERR_CONFIG, "nonce has 25" },
    { "box: empty nonce", JSON("scrypt", "65536", "8", "1", SALT, "nacl/secretbox", "", TAG16),
      ERR_CONFIG, "nonce has 0" },
    { "box: ciphertext of 15",
      JSON("scrypt", "65536", "8", "1", SALT, "nacl/secretbox", NONCE, "AAAAAAAAAAAAAAAAAAAA"),
      ERR_CONFIG, "too short" },
    { "box: empty ciphertext", JSON("scrypt", "65536", "8", "1", SALT, "nacl/secretbox", NONCE, ""),
      ERR_CONFIG, "too short" },
    { "box: no JSON", "x", ERR_CONFIG, "key file" },
    { "box: an array", "[]", ERR_CONFIG, "key" },
    { "box: an empty object", "{}", ERR_CONFIG, "kdf" },
    { "box: text after", COST("65536", "8", "1") "x", ERR_CONFIG, "key file" },
    { "box: kdf null", "{\"kdf\":null,\"cipher\":{},\"ciphertext\":\"\"}", ERR_CONFIG, "kdf" },
};

static void box_is_parsed(void **state)
{
    const struct box_row *row = *state;
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct key_box CLEANUP(key_box_clear) box;
    struct err err = ERR_INIT;

    buf_add_text(&pem, "text before is skipped\n");
    pem_write(&pem, "ENCRYPTED SIGSTORE PRIVATE KEY", bytes_text(row->json));
    buf_add_text(&pem, "text after too\n");
    assert_true(key_box_is(buf_bytes(&pem)));
    int status = key_box_parse(&box, buf_bytes(&pem), &err);
    if (row->code == ERR_NONE) {
        EXPECT_OK(status, &err);
        return;
    }
    EXPECT_ERR(status, &err, row->code, row->text);
    assert_int_equal(box.ciphertext.len, 0);
}

/* What is in the box must be PKCS#8 and nothing more. */
static void content_is_checked(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(KEY_FILE_MAX);
    struct key_box CLEANUP(key_box_clear) box;
    struct secret *CLEANUP(secret_freep) password = word("hunter2");
    struct secret *CLEANUP(secret_freep) pkcs8 = NULL;
    struct err err = ERR_INIT;
    uint8_t more[139];

    (void)state;
    load(&text, "rfc6979-p256.key");
    EXPECT_OK(key_box_parse(&box, buf_bytes(&text), &err), &err);
    EXPECT_OK(key_box_open(&pkcs8, &box, password, &err), &err);
    assert_int_equal(secret_bytes(pkcs8).len, 138);
    memcpy(more, secret_bytes(pkcs8).data, 138);
    more[138] = 0;
    const struct {
        struct bytes content;
        const char *word;
    } rows[] = {
        { { more, 139 }, "trailing" },
        { { more, 137 }, "PKCS#8" },
        { { more, 0 }, "PKCS#8" },
    };
    assert_int_equal(setenv("COSIGN_PASSWORD", "hunter2", 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[] = "/tmp/bulla-test-XXXXXX";
        struct signer *signer = NULL;
        buf_reset(&text);
        EXPECT_OK(key_box_seal(&text, rows[i].content, password, &err), &err);
        write_temp(path, buf_bytes(&text));
        EXPECT_ERR(key_file_signer(&signer, path, &no_source, NULL, &err), &err, ERR_CONFIG,
                   rows[i].word);
        assert_null(signer);
        unlink(path);
    }
    unsetenv("COSIGN_PASSWORD");
}

static void loose_permissions_are_told(void **state)
{
    static const struct {
        mode_t mode;
        bool loose;
    } rows[] = { { 0600, false }, { 0400, false }, { 0640, true }, { 0604, true } };
    struct buf CLEANUP(buf_clear) text = BUF_INIT(KEY_FILE_MAX);
    char path[] = "/tmp/bulla-test-XXXXXX";
    struct err err = ERR_INIT;

    (void)state;
    load(&text, "cosign-header-n32768.key");
    write_temp(path, buf_bytes(&text));
    assert_int_equal(setenv("COSIGN_PASSWORD", "", 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct signer *CLEANUP(signer_freep) signer = NULL;
        bool loose = !rows[i].loose;
        assert_int_equal(chmod(path, rows[i].mode), 0);
        EXPECT_OK(key_file_signer(&signer, path, &no_source, &loose, &err), &err);
        assert_int_equal(loose, rows[i].loose);
    }
    unsetenv("COSIGN_PASSWORD");
    unlink(path);
}

struct make_row {
    const char *name;
    enum key_algorithm algorithm;
    enum signature_scheme scheme;
};

static const struct make_row make_rows[] = {
    { "ecdsa-p256", KEY_ALGORITHM_ECDSA_P256, SCHEME_ECDSA_SHA256 },
    { "ecdsa-p384", KEY_ALGORITHM_ECDSA_P384, SCHEME_ECDSA_SHA256 },
    { "ed25519", KEY_ALGORITHM_ED25519, SCHEME_ED25519 },
    { "rsa-2048", KEY_ALGORITHM_RSA_2048, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa-3072", KEY_ALGORITHM_RSA_3072, SCHEME_RSA_PKCS1_SHA256 },
};

static void made_key_signs(void **state)
{
    const struct make_row *row = *state;
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) public_pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) exported = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(SIGNATURE_BYTES_MAX);
    struct secret *CLEANUP(secret_freep) password = word("a password");
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    struct signer *CLEANUP(signer_freep) signer = NULL;
    char path[] = "/tmp/bulla-test-XXXXXX";
    enum key_algorithm algorithm;
    enum signature_scheme scheme;
    struct err err = ERR_INIT;

    EXPECT_OK(key_algorithm_parse(&algorithm, row->name, &err), &err);
    assert_int_equal(algorithm, row->algorithm);
    EXPECT_OK(key_generate(&pem, &public_pem, algorithm, password, &err), &err);
    assert_true(bytes_starts(buf_bytes(&pem), "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
    EXPECT_OK(public_key_parse(&key, buf_bytes(&public_pem), &err), &err);
    assert_string_equal(public_key_algorithm(key), row->name);

    write_temp(path, buf_bytes(&pem));
    assert_int_equal(setenv("COSIGN_PASSWORD", "a password", 1), 0);
    EXPECT_OK(key_file_signer(&signer, path, &no_source, NULL, &err), &err);
    EXPECT_OK(key_file_public(&exported, path, &no_source, &err), &err);
    unsetenv("COSIGN_PASSWORD");
    unlink(path);
    EXPECT_BUF(&exported, buf_text(&public_pem));
    buf_add_text(&signature, "before:");
    EXPECT_OK(signer_sign(signer, MESSAGE, &signature, &err), &err);
    struct bytes made = bytes_part(buf_bytes(&signature), 7, signature.len);
    EXPECT_OK(public_key_verify(key, MESSAGE, made, &scheme, &err), &err);
    assert_int_equal(scheme, row->scheme);
}

/* Member order and spelling of cosign's writer, sizes included. */
static void written_form(void **state)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) public_pem = BUF_INIT(KEY_FILE_MAX);
    struct secret *CLEANUP(secret_freep) password = word("");
    struct err err = ERR_INIT;
    struct pem block;
    uint8_t json[1024] = { 0 };
    size_t len;

    (void)state;
    EXPECT_OK(key_generate(&pem, &public_pem, KEY_ALGORITHM_ECDSA_P256, password, &err), &err);
    EXPECT_OK(pem_find(&block, buf_bytes(&pem), &err), &err);
    EXPECT_OK(pem_decode(json, sizeof(json) - 1, &len, &block, &err), &err);
    struct bytes text = { json, len };
    assert_true(bytes_starts(text, "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":65536,\"r\":8,"
                                   "\"p\":1},\"salt\":\""));
    json[len] = 0;
    assert_non_null(
        strstr((const char *)json, "\"},\"cipher\":{\"name\":\"nacl/secretbox\",\"nonce\":\""));
    assert_non_null(strstr((const char *)json, "\"},\"ciphertext\":\""));
    /* 138 bytes of P-256 and the tag of 16 are 208 characters of base64 */
    assert_int_equal(len, strlen(COST("65536", "8", "1")) - strlen(TAG16) + 208);
}

static void algorithm_names(void **state)
{
    static const char *const bad[] = { "",           "ecdsa",    "ecdsa-p25", "ecdsa-p2566",
                                       "ECDSA-P256", "rsa-1024", "rsa" };
    enum key_algorithm algorithm;
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(key_algorithm_parse(&algorithm, "rsa-4096", &err), &err);
    assert_int_equal(algorithm, KEY_ALGORITHM_RSA_4096);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        EXPECT_ERR(key_algorithm_parse(&algorithm, bad[i], &err), &err, ERR_USAGE, "ecdsa-p384");
}

struct import_row {
    const char *file;
    const char *password; /* of the foreign file; NULL: none is known */
    const char *public_file;
    enum err_code code;
    const char *text;
};

static const struct import_row import_rows[] = {
    { "p256-pkcs8.pem", NULL, "p256.pub", ERR_NONE, "" },
    { "p256-sec1-with-parameters.pem", NULL, "p256.pub", ERR_NONE, "" },
    { "p256-pkcs8-encrypted.pem", "old", "p256.pub", ERR_NONE, "" },
    { "p256-pkcs8-encrypted.pem", "new", NULL, ERR_AUTH, "wrong password" },
    { "p256-pkcs8-encrypted.pem", "", NULL, ERR_AUTH, "wrong password" },
    { "p256-pkcs8-encrypted.pem", NULL, NULL, ERR_AUTH, "password is needed" },
    { "p384-pkcs8.pem", NULL, "p384.pub", ERR_NONE, "" },
    { "p521-pkcs8.pem", NULL, "p521.pub", ERR_NONE, "" },
    { "ed25519-pkcs8.pem", NULL, "ed25519.pub", ERR_NONE, "" },
    { "rsa2048-pkcs1.pem", NULL, "rsa2048.pub", ERR_NONE, "" },
    { "cosign-header-n32768.key", "", "rfc6979-p256.pub", ERR_NONE, "" },
    { "cosign-header-n32768.key", "x", NULL, ERR_AUTH, "wrong password" },
    { "cosign-header-n32768.key", NULL, NULL, ERR_AUTH, "password is needed" },
    { "rsa2048-pkcs1-headers.pem", "old", NULL, ERR_UNSUPPORTED, "headers" },
    { "rsa1024-pkcs8.pem", NULL, NULL, ERR_UNSUPPORTED, "1024 bits" },
    { "rsa2056-pkcs8.pem", NULL, NULL, ERR_UNSUPPORTED, "2056 bits" },
    { "secp256k1-pkcs8.pem", NULL, NULL, ERR_UNSUPPORTED, "curve" },
    { "p256.pub", NULL, NULL, ERR_CONFIG, "public key" },
    { "certificate.pem", NULL, NULL, ERR_CONFIG, "certificate" },
    { "message.txt", NULL, NULL, ERR_CONFIG, "not PEM" },
};

static void foreign_key(void **state)
{
    const struct import_row *row = *state;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) public_pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) expected = BUF_INIT(KEY_FILE_MAX);
    struct secret *CLEANUP(secret_freep) old = row->password != NULL ? word(row->password) : NULL;
    struct secret *CLEANUP(secret_freep) new = word("another");
    struct err err = ERR_INIT;

    load(&text, row->file);
    int status = key_import(&pem, &public_pem, buf_bytes(&text), old, new, &err);
    if (row->code != ERR_NONE) {
        EXPECT_ERR(status, &err, row->code, row->text);
        assert_int_equal(pem.len, 0);
        assert_int_equal(public_pem.len, 0);
        return;
    }
    EXPECT_OK(status, &err);
    load(&expected, row->public_file);
    EXPECT_BUF(&public_pem, buf_text(&expected));
    assert_true(key_box_is(buf_bytes(&pem)));
}

/* The two halves of a key that do not belong together: found before anything is written. */
static void mismatched_halves(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) foreign = BUF_INIT(KEY_FILE_MAX);
    struct public_key *CLEANUP(public_key_freep) other = NULL;
    struct secret *CLEANUP(secret_freep) password = word("x");
    struct err err = ERR_INIT;
    struct pem block;
    uint8_t der[256];
    size_t len;

    (void)state;
    load(&text, "p256-pkcs8.pem");
    EXPECT_OK(public_key_load(&other, FOLDER "rfc6979-p256.pub", &err), &err);
    EXPECT_OK(pem_find(&block, buf_bytes(&text), &err), &err);
    EXPECT_OK(pem_decode(der, sizeof(der), &len, &block, &err), &err);
    memcpy(der + len - 64, public_key_der(other).data + 27, 64);
    pem_write(&foreign, "PRIVATE KEY", (struct bytes) { der, len });
    buf_reset(&text);
    EXPECT_ERR(key_import(&pem, &text, buf_bytes(&foreign), NULL, password, &err), &err, ERR_CRYPTO,
               "do not belong together");
    assert_int_equal(pem.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_is_checked), cmocka_unit_test(loose_permissions_are_told),
        cmocka_unit_test(written_form),       cmocka_unit_test(algorithm_names),
        cmocka_unit_test(mismatched_halves),
    };
    struct err err = ERR_INIT;
    int failed = 0;

    if (secret_init(&err) != 0)
        return 1;
    hash_init(); /* the programs do: encrypted keys must get along with it */
    failed += RUN_ROWS(open_rows, file_is_opened);
    failed += RUN_ROWS(box_rows, box_is_parsed);
    failed += RUN_ROWS(make_rows, made_key_signs);
    failed += RUN_ROWS(import_rows, foreign_key);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0;
}
