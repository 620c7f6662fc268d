#ifndef BULLA_TESTS_UNIT_CERTIFICATES_H
#define BULLA_TESTS_UNIT_CERTIFICATES_H

/* Certificates for one run, written as files into a folder; worth nothing afterwards. */

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "tests/unit/folder.h"

struct authority {
    X509 *certificate;
    EVP_PKEY *key;
};

struct certificate_wish {
    const char *name;        /* common name */
    int name_len;            /* 0: its length; else it may hold a NUL */
    const char *alternative; /* "DNS:a,IP:127.0.0.1", or NULL */
    const char *usage;       /* extended key usage: "serverAuth", or NULL */
    long from, to;           /* seconds from now */
    bool rsa;
};

static inline void certificate_extend_(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* `by` NULL: signed by itself; an authority, when no usage is wished. */
static inline X509 *certificate_make_(EVP_PKEY *key, const struct certificate_wish *wish,
                                      const struct authority *by)
{
    unsigned char serial[8];
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    bool authority = by == NULL && wish->usage == NULL;
    BIGNUM *number = BN_new();

    assert_int_equal(RAND_bytes(serial, sizeof(serial)), 1);
    BN_bin2bn(serial, sizeof(serial), number);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), wish->from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), wish->to);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)wish->name,
                               wish->name_len > 0 ? wish->name_len : -1, -1, 0);
    X509_set_issuer_name(certificate,
                         by == NULL ? subject : X509_get_subject_name(by->certificate));
    X509_set_pubkey(certificate, key);
    certificate_extend_(certificate, NID_basic_constraints,
                        authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (authority)
        certificate_extend_(certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    if (wish->alternative != NULL)
        certificate_extend_(certificate, NID_subject_alt_name, wish->alternative);
    if (wish->usage != NULL)
        certificate_extend_(certificate, NID_ext_key_usage, wish->usage);
    assert_true(X509_sign(certificate, by == NULL ? key : by->key, EVP_sha256()) > 0);
    return certificate;
}

static inline void pem_write_(struct folder *f, const char *name, X509 *certificate, EVP_PKEY *key)
{
    FILE *file = fopen(folder_path(f, name), "w");

    assert_non_null(file);
    if (certificate != NULL)
        assert_int_equal(PEM_write_X509(file, certificate), 1);
    if (key != NULL)
        assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
}

/* Its certificate as NAME.pem. */
static inline void authority_make(struct authority *out, struct folder *f, const char *name)
{
    const struct certificate_wish wish = { .name = name, .from = -86400, .to = 86400 };
    char file[128];

    out->key = EVP_EC_gen("P-256");
    out->certificate = certificate_make_(out->key, &wish, NULL);
    snprintf(file, sizeof(file), "%s.pem", name);
    pem_write_(f, file, out->certificate, NULL);
}

static inline void authority_clear(struct authority *a)
{
    X509_free(a->certificate);
    EVP_PKEY_free(a->key);
}

/* NAME.crt and NAME.key. */
static inline void certificate_write(struct folder *f, const char *name,
                                     const struct certificate_wish *wish,
                                     const struct authority *by)
{
    EVP_PKEY *key = wish->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *certificate = certificate_make_(key, wish, by);
    char file[128];

    snprintf(file, sizeof(file), "%s.crt", name);
    pem_write_(f, file, certificate, NULL);
    snprintf(file, sizeof(file), "%s.key", name);
    pem_write_(f, file, NULL, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

#endif
