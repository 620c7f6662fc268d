#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/secret.h"
#include "base/text.h"
#include "keys/key.h"
#include "tests/unit/expect.h"

#define FOLDER "tests/vectors/wycheproof/"

struct row {
    const char *file; /* without .json */
    enum signature_scheme scheme;
    size_t tests; /* so that a file that lost its content is noticed */
};

static const struct row rows[] = {
    { "ecdsa_secp256r1_sha256_test", SCHEME_ECDSA_SHA256, 484 },
    { "ecdsa_secp256r1_sha256_p1363_test", SCHEME_ECDSA_SHA256, 262 },
    { "ecdsa_secp384r1_sha384_test", SCHEME_ECDSA_SHA384, 504 },
    { "ecdsa_secp384r1_sha384_p1363_test", SCHEME_ECDSA_SHA384, 280 },
    { "ecdsa_secp384r1_sha256_test", SCHEME_ECDSA_SHA256, 472 },
    { "ecdsa_secp521r1_sha512_test", SCHEME_ECDSA_SHA512, 542 },
    { "ed25519_test", SCHEME_ED25519, 151 },
    { "rsa_signature_2048_sha256_test", SCHEME_RSA_PKCS1_SHA256, 259 },
    { "rsa_signature_2048_sha384_test", SCHEME_RSA_PKCS1_SHA384, 258 },
    { "rsa_signature_2048_sha512_test", SCHEME_RSA_PKCS1_SHA512, 259 },
    { "rsa_signature_3072_sha256_test", SCHEME_RSA_PKCS1_SHA256, 259 },
    { "rsa_signature_3072_sha384_test", SCHEME_RSA_PKCS1_SHA384, 259 },
    { "rsa_signature_4096_sha256_test", SCHEME_RSA_PKCS1_SHA256, 258 },
    { "rsa_signature_4096_sha384_test", SCHEME_RSA_PKCS1_SHA384, 259 },
    { "rsa_signature_4096_sha512_test", SCHEME_RSA_PKCS1_SHA512, 259 },
    { "rsa_pss_2048_sha256_mgf1_32_test", SCHEME_RSA_PSS_SHA256, 108 },
    { "rsa_pss_3072_sha256_mgf1_32_test", SCHEME_RSA_PSS_SHA256, 108 },
    { "rsa_pss_4096_sha256_mgf1_32_test", SCHEME_RSA_PSS_SHA256, 108 },
    { "rsa_pss_2048_sha384_mgf1_48_test", SCHEME_RSA_PSS_SHA384, 141 },
    { "rsa_pss_4096_sha384_mgf1_48_test", SCHEME_RSA_PSS_SHA384, 141 },
    { "rsa_pss_4096_sha512_mgf1_64_test", SCHEME_RSA_PSS_SHA512, 179 },
    /* the salt is not of the hash's length: nothing is accepted */
    { "rsa_pss_2048_sha256_mgf1_0_test", SCHEME_NONE, 103 },
};

/* What the suite calls "acceptable", by flag: ours to decide, and all of it is refused.
 * MissingNull: a DigestInfo without its NULL; RFC 8017 9.2 has verifiers that compare the encoding
 * refuse it. */
static const char *const acceptable_refused[] = { "MissingNull" };

/* Signatures that are invalid under the one scheme of their file, and valid under another that we
 * try too. This list must match exactly. */
static const struct {
    const char *file;
    int64_t id;
    enum signature_scheme scheme;
} other_scheme[] = {
    { "rsa_signature_2048_sha256_test", 221, SCHEME_RSA_PKCS1_SHA384 },
    { "rsa_signature_2048_sha256_test", 223, SCHEME_RSA_PKCS1_SHA512 },
    { "rsa_signature_2048_sha256_test", 257, SCHEME_RSA_PSS_SHA256 },
    { "rsa_signature_2048_sha384_test", 221, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_signature_2048_sha384_test", 223, SCHEME_RSA_PKCS1_SHA512 },
    { "rsa_signature_2048_sha384_test", 258, SCHEME_RSA_PSS_SHA384 },
    { "rsa_signature_2048_sha512_test", 221, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_signature_2048_sha512_test", 223, SCHEME_RSA_PKCS1_SHA384 },
    { "rsa_signature_2048_sha512_test", 258, SCHEME_RSA_PSS_SHA512 },
    { "rsa_signature_3072_sha256_test", 222, SCHEME_RSA_PKCS1_SHA384 },
    { "rsa_signature_3072_sha256_test", 224, SCHEME_RSA_PKCS1_SHA512 },
    { "rsa_signature_3072_sha256_test", 258, SCHEME_RSA_PSS_SHA256 },
    { "rsa_signature_3072_sha384_test", 222, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_signature_3072_sha384_test", 224, SCHEME_RSA_PKCS1_SHA512 },
    { "rsa_signature_3072_sha384_test", 259, SCHEME_RSA_PSS_SHA384 },
    { "rsa_signature_4096_sha256_test", 222, SCHEME_RSA_PKCS1_SHA384 },
    { "rsa_signature_4096_sha256_test", 224, SCHEME_RSA_PKCS1_SHA512 },
    { "rsa_signature_4096_sha256_test", 258, SCHEME_RSA_PSS_SHA256 },
    { "rsa_signature_4096_sha384_test", 222, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_signature_4096_sha384_test", 224, SCHEME_RSA_PKCS1_SHA512 },
    { "rsa_signature_4096_sha384_test", 259, SCHEME_RSA_PSS_SHA384 },
    { "rsa_signature_4096_sha512_test", 222, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_signature_4096_sha512_test", 224, SCHEME_RSA_PKCS1_SHA384 },
    { "rsa_signature_4096_sha512_test", 259, SCHEME_RSA_PSS_SHA512 },
    { "rsa_pss_2048_sha256_mgf1_32_test", 108, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_pss_3072_sha256_mgf1_32_test", 108, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_pss_4096_sha256_mgf1_32_test", 108, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_pss_2048_sha384_mgf1_48_test", 140, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_pss_2048_sha384_mgf1_48_test", 141, SCHEME_RSA_PKCS1_SHA384 },
    { "rsa_pss_4096_sha384_mgf1_48_test", 140, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_pss_4096_sha384_mgf1_48_test", 141, SCHEME_RSA_PKCS1_SHA384 },
    { "rsa_pss_4096_sha512_mgf1_64_test", 178, SCHEME_RSA_PKCS1_SHA256 },
    { "rsa_pss_4096_sha512_mgf1_64_test", 179, SCHEME_RSA_PKCS1_SHA512 },
    { "rsa_pss_2048_sha256_mgf1_0_test", 69, SCHEME_RSA_PSS_SHA256 },
    { "rsa_pss_2048_sha256_mgf1_0_test", 103, SCHEME_RSA_PKCS1_SHA256 },
};

static enum signature_scheme excepted(const char *file, int64_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(other_scheme); i++)
        if (strcmp(other_scheme[i].file, file) == 0 && other_scheme[i].id == id)
            return other_scheme[i].scheme;
    return SCHEME_NONE;
}

static void read_hex(struct buf *out, const struct jx *object, const char *name)
{
    struct bytes text = jx_text(jx_get(object, name));
    struct err err = ERR_INIT;

    buf_reset(out);
    uint8_t *into = buf_reserve(out, text.len / 2);
    assert_non_null(into);
    EXPECT_OK(hex_decode(into, text.len / 2, text, &err), &err);
    out->len = text.len / 2;
}

static enum signature_scheme expected(const struct row *row, const struct jx *test, int64_t id)
{
    struct bytes result = jx_text(jx_get(test, "result"));

    if (bytes_is(result, "valid"))
        return row->scheme;
    if (bytes_is(result, "acceptable")) {
        struct bytes flag = jx_text(jx_at(jx_get(test, "flags"), 0));
        for (size_t i = 0; i < ARRAY_LEN(acceptable_refused); i++)
            if (bytes_is(flag, acceptable_refused[i]))
                return SCHEME_NONE;
        fail_msg("test %d: flag is not decided", (int)id);
    }
    return excepted(row->file, id);
}

static bool run_vector(const struct row *row, const struct public_key *key, const struct jx *test)
{
    struct buf CLEANUP(buf_clear) message = BUF_INIT(MIB);
    struct buf CLEANUP(buf_clear) signature = BUF_INIT(MIB);
    int64_t id = jx_integer(jx_get(test, "tcId"), -1);
    enum signature_scheme want = expected(row, test, id);
    enum signature_scheme scheme = SCHEME_ED25519PH;
    struct err err = ERR_INIT;

    read_hex(&message, test, "msg");
    read_hex(&signature, test, "sig");
    int status = public_key_verify(key, buf_bytes(&message), buf_bytes(&signature), &scheme, &err);
    bool fine = scheme == want && status == (want == SCHEME_NONE ? -1 : 0) &&
                err.code == (want == SCHEME_NONE ? ERR_INVALID : ERR_NONE);
    if (!fine)
        print_error("%s %d: %s (%s), wanted %s\n", row->file, (int)id, scheme_name(scheme),
                    err_text(&err), scheme_name(want));
    return fine;
}

static void every_vector(void **state)
{
    const struct row *row = *state;
    struct buf CLEANUP(buf_clear) path = BUF_INIT(KIB);
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4 * MIB);
    struct buf CLEANUP(buf_clear) der = BUF_INIT(MIB);
    struct jx *CLEANUP(jx_freep) root = NULL;
    struct err err = ERR_INIT;
    size_t tests = 0;
    size_t wrong = 0;

    buf_addf(&path, "%s%s.json", FOLDER, row->file);
    EXPECT_OK(file_read(&text, buf_text(&path), &err), &err);
    EXPECT_OK(jx_parse(&root, buf_bytes(&text), &err), &err);
    const struct jx *groups = jx_get(root, "testGroups");
    for (size_t g = 0; g < jx_size(groups); g++) {
        const struct jx *group = jx_at(groups, g);
        struct public_key *CLEANUP(public_key_freep) key = NULL;
        read_hex(&der, group, "publicKeyDer");
        EXPECT_OK(public_key_parse_der(&key, buf_bytes(&der), &err), &err);
        const struct jx *list = jx_get(group, "tests");
        for (size_t t = 0; t < jx_size(list); t++, tests++)
            wrong += run_vector(row, key, jx_at(list, t)) ? 0 : 1;
    }
    assert_int_equal(tests, row->tests);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    struct err err = ERR_INIT;

    if (secret_init(&err) != 0)
        return 1;
    return RUN_ROWS(rows, every_vector) != 0;
}
