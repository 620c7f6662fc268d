#ifndef BULLA_KEYS_KEY_FILE_H
#define BULLA_KEYS_KEY_FILE_H

#include "base/secret.h"
#include "keys/signer.h"

/*
 * cosign's encrypted private key file (sigstore.md 1.1): PEM around JSON, scrypt and nacl/secretbox
 * around PKCS#8.
 */

/** Where a password comes from. Asked only when it is needed. */
struct password_source {
    int fd;           /* >= 0: everything up to end of file, one trailing newline cut off */
    const char *file; /* or a file, the same */
    bool confirm;     /* a new key: ask twice on the terminal */
};
#define PASSWORD_SOURCE_DEFAULT                                                                    \
    {                                                                                              \
        .fd = -1, .file = NULL, .confirm = false                                                   \
    }

/** In this order: fd, file, COSIGN_PASSWORD (empty counts), the terminal without echo, else
 * standard input to its end byte for byte (as cosign reads it). -1 with ERR_USAGE ("passwords do
 * not match"), ERR_IO, ERR_LIMIT. */
int password_read(struct secret **out, const struct password_source *source,
                  struct err *err) MUST_CHECK;

enum key_algorithm {
    KEY_ALGORITHM_ECDSA_P256 = 0,
    KEY_ALGORITHM_ECDSA_P384,
    KEY_ALGORITHM_ED25519,
    KEY_ALGORITHM_RSA_2048,
    KEY_ALGORITHM_RSA_3072,
    KEY_ALGORITHM_RSA_4096
};
/** "ecdsa-p256" ... -1 with ERR_USAGE listing the names. */
int key_algorithm_parse(enum key_algorithm *out, const char *name, struct err *err) MUST_CHECK;

/** A new key, encrypted: `pem` receives the file, `public_pem` the public half. */
int key_generate(struct buf *pem, struct buf *public_pem, enum key_algorithm algorithm,
                 const struct secret *password, struct err *err) MUST_CHECK;

/**
 * Take in a foreign private key: PKCS#1, SEC1, PKCS#8, encrypted PKCS#8 (its password in
 * `old_password`), or either cosign header (re-encrypted). -1 with ERR_CONFIG, ERR_UNSUPPORTED,
 * ERR_AUTH (password wrong, or needed and NULL), ERR_CRYPTO (halves that do not belong together).
 */
int key_import(struct buf *pem, struct buf *public_pem, struct bytes foreign,
               const struct secret *old_password, const struct secret *new_password,
               struct err *err) MUST_CHECK;

/**
 * Open a key for signing. `source`: path, "-", "env://NAME"; KMS schemes are ERR_UNSUPPORTED by
 * name. Both cosign headers, the three scrypt costs. A wrong password and a damaged file are told
 * as one (ERR_CONFIG: "wrong password or damaged key"). A file readable by group or others gets
 * *loose = true (the program warns).
 */
int key_file_signer(struct signer **out, const char *source, const struct password_source *password,
                    bool *loose, struct err *err) MUST_CHECK;

/** The public half as PEM: of a cosign key file (needs the password) or of a public key. */
int key_file_public(struct buf *pem, const char *source, const struct password_source *password,
                    struct err *err) MUST_CHECK;

#endif
