#include "keys/key_box.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "base/json_pull.h"
#include "base/limits.h"
#include "base/text.h"
#include "keys/pem.h"

#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_N_WRITTEN 65536
#define SALT_SIZE 32 /* written; any length is read */

_Static_assert(KEY_BOX_NONCE_SIZE == crypto_secretbox_NONCEBYTES, "nonce of XSalsa20-Poly1305");

static const char label_written[] = "ENCRYPTED SIGSTORE PRIVATE KEY";
static const char label_old[] = "ENCRYPTED COSIGN PRIVATE KEY";

/* Legacy, standard and OWASP. Any other cost is refused: the file would choose how much memory and
 * time we spend. */
static const uint64_t costs[] = { 32768, SCRYPT_N_WRITTEN, 131072 };

void key_box_clear(struct key_box *box)
{
    buf_clear(&box->salt);
    buf_clear(&box->ciphertext);
}

static bool label_is_ours(struct bytes label)
{
    return bytes_is(label, label_written) || bytes_is(label, label_old);
}

bool key_box_is(struct bytes text)
{
    struct pem pem;

    return pem_find(&pem, text, NULL) == 0 && label_is_ours(pem.label);
}

static int refuse_label(struct bytes label, struct err *err)
{
    static const struct {
        const char *label;
        const char *text;
    } rows[] = {
        { "PUBLIC KEY", "holds a public key where a private key is expected" },
        { "RSA PUBLIC KEY", "holds a public key where a private key is expected" },
        { "CERTIFICATE", "holds a certificate where a private key is expected" },
        { "PRIVATE KEY", "the private key is not encrypted: take it in with import-key-pair" },
        { "RSA PRIVATE KEY", "the private key is not encrypted: take it in with import-key-pair" },
        { "EC PRIVATE KEY", "the private key is not encrypted: take it in with import-key-pair" },
        { "ENCRYPTED PRIVATE KEY", "encrypted PKCS#8: take it in with import-key-pair" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (bytes_is(label, rows[i].label))
            return err_set(err, ERR_CONFIG, "%s", rows[i].text);
    return err_set(err, ERR_CONFIG, "PEM block %.*s is not an encrypted private key",
                   (int)label.len, (const char *)label.data);
}

/* What is malformed in a file of our own side is a matter of configuration. */
static int as_config(struct err *err)
{
    if (err != NULL && (err->code == ERR_MALFORMED || err->code == ERR_LIMIT))
        err->code = ERR_CONFIG;
    return err_wrap(err, "key file");
}

static int read_base64(struct buf *out, struct json_view value, const char *what, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(KEY_FILE_MAX);

    if (json_string(&text, value, what, err) != 0)
        return -1;
    if (base64_decode(out, buf_bytes(&text), BASE64_STANDARD, err) != 0)
        return err_wrap(err, "%s", what);
    return 0;
}

static int read_params(struct key_box *out, struct json_view params, struct err *err)
{
    struct json_view n;
    struct json_view r;
    struct json_view p;
    const struct json_member members[] = {
        { "N", &n, JSON_NUMBER, true },
        { "r", &r, JSON_NUMBER, true },
        { "p", &p, JSON_NUMBER, true },
    };
    int64_t cost[ARRAY_LEN(members)];

    if (json_members(params, members, ARRAY_LEN(members), JSON_REST_IGNORED, "params", err) != 0 ||
        json_integer(&cost[0], n, 0, INT64_MAX, "N", err) != 0 ||
        json_integer(&cost[1], r, 0, INT64_MAX, "r", err) != 0 ||
        json_integer(&cost[2], p, 0, INT64_MAX, "p", err) != 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(costs); i++)
        if ((uint64_t)cost[0] == costs[i] && cost[1] == SCRYPT_R && cost[2] == SCRYPT_P) {
            out->cost = costs[i];
            return 0;
        }
    return err_set(err, ERR_CONFIG,
                   "scrypt cost N=%" PRId64 " r=%" PRId64 " p=%" PRId64 " is not one of cosign's",
                   cost[0], cost[1], cost[2]);
}

static int read_kdf(struct key_box *out, struct json_view kdf, struct err *err)
{
    struct json_view name;
    struct json_view params;
    struct json_view salt;
    const struct json_member members[] = {
        { "name", &name, JSON_STRING, true },
        { "params", &params, JSON_OBJECT, true },
        { "salt", &salt, JSON_STRING, true },
    };

    if (json_members(kdf, members, ARRAY_LEN(members), JSON_REST_IGNORED, "kdf", err) != 0)
        return -1;
    if (!json_string_is(name, BYTES_LIT("scrypt")))
        return err_set(err, ERR_CONFIG, "kdf is not scrypt");
    if (read_params(out, params, err) != 0)
        return -1;
    return read_base64(&out->salt, salt, "salt", err);
}

static int read_cipher(struct key_box *out, struct json_view cipher, struct err *err)
{
    struct json_view name;
    struct json_view nonce;
    const struct json_member members[] = {
        { "name", &name, JSON_STRING, true },
        { "nonce", &nonce, JSON_STRING, true },
    };
    struct buf CLEANUP(buf_clear) bytes = BUF_INIT(KEY_FILE_MAX);

    if (json_members(cipher, members, ARRAY_LEN(members), JSON_REST_IGNORED, "cipher", err) != 0)
        return -1;
    if (!json_string_is(name, BYTES_LIT("nacl/secretbox")))
        return err_set(err, ERR_CONFIG, "cipher is not nacl/secretbox");
    if (read_base64(&bytes, nonce, "nonce", err) != 0)
        return -1;
    if (bytes.len != KEY_BOX_NONCE_SIZE)
        return err_set(err, ERR_CONFIG, "nonce has %zu bytes, not %d", bytes.len,
                       KEY_BOX_NONCE_SIZE);
    memcpy(out->nonce, bytes.data, KEY_BOX_NONCE_SIZE);
    return 0;
}

static int read_json(struct key_box *out, struct bytes json, struct err *err)
{
    struct json_view root;
    struct json_view kdf;
    struct json_view cipher;
    struct json_view ciphertext;
    const struct json_member members[] = {
        { "kdf", &kdf, JSON_OBJECT, true },
        { "cipher", &cipher, JSON_OBJECT, true },
        { "ciphertext", &ciphertext, JSON_STRING, true },
    };

    if (json_scan(&root, json, err) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_IGNORED, "key", err) != 0 ||
        read_kdf(out, kdf, err) != 0 || read_cipher(out, cipher, err) != 0 ||
        read_base64(&out->ciphertext, ciphertext, "ciphertext", err) != 0)
        return -1;
    if (out->ciphertext.len < crypto_secretbox_MACBYTES)
        return err_set(err, ERR_CONFIG, "ciphertext is too short");
    return 0;
}

int key_box_parse(struct key_box *out, struct bytes text, struct err *err)
{
    struct buf CLEANUP(buf_clear) json = BUF_INIT(KEY_FILE_MAX);
    struct key_box CLEANUP(key_box_clear) box = {
        .salt = BUF_INIT(KEY_FILE_MAX),
        .ciphertext = BUF_INIT(KEY_FILE_MAX),
    };
    struct pem pem;

    *out = box;
    if (text.len > KEY_FILE_MAX)
        return err_set(err, ERR_CONFIG, "larger than a key is");
    if (pem_find(&pem, text, err) != 0)
        return -1;
    if (!label_is_ours(pem.label))
        return refuse_label(pem.label, err);
    size_t max = pem_decoded_max(&pem);
    uint8_t *into = buf_reserve(&json, max);
    if (into == NULL)
        return buf_check(&json, "key file", err);
    if (pem_decode(into, max, &json.len, &pem, err) != 0)
        return -1;
    if (read_json(&box, buf_bytes(&json), err) != 0)
        return as_config(err);
    *out = box;
    box.salt = (struct buf)BUF_INIT(0); /* moved out */
    box.ciphertext = (struct buf)BUF_INIT(0);
    return 0;
}

static int derive(struct secret **key, struct bytes salt, uint64_t cost,
                  const struct secret *password, struct err *err)
{
    struct bytes word = secret_bytes(password);
    struct secret *CLEANUP(secret_freep) derived = NULL;

    if (secret_new(&derived, crypto_secretbox_KEYBYTES, err) != 0)
        return -1;
    if (crypto_pwhash_scryptsalsa208sha256_ll(
            word.data != NULL ? word.data : (const uint8_t *)"", word.len,
            salt.data != NULL ? salt.data : (const uint8_t *)"", salt.len, cost, SCRYPT_R, SCRYPT_P,
            secret_data(derived), crypto_secretbox_KEYBYTES) != 0)
        return err_set(err, ERR_NOMEM, "deriving the key from the password: out of memory");
    *key = STEAL(derived);
    return 0;
}

int key_box_open(struct secret **pkcs8, const struct key_box *box, const struct secret *password,
                 struct err *err)
{
    struct secret *CLEANUP(secret_freep) key = NULL;
    struct secret *CLEANUP(secret_freep) plain = NULL;
    struct bytes ciphertext = buf_bytes(&box->ciphertext);

    *pkcs8 = NULL;
    if (derive(&key, buf_bytes(&box->salt), box->cost, password, err) != 0 ||
        secret_new(&plain, ciphertext.len - crypto_secretbox_MACBYTES, err) != 0)
        return -1;
    if (crypto_secretbox_open_easy(secret_data(plain), ciphertext.data, ciphertext.len, box->nonce,
                                   secret_data(key)) != 0)
        return err_set(err, ERR_CONFIG, "wrong password or damaged key");
    *pkcs8 = STEAL(plain);
    return 0;
}

int key_box_seal(struct buf *pem, struct bytes pkcs8, const struct secret *password,
                 struct err *err)
{
    uint8_t salt[SALT_SIZE];
    uint8_t nonce[KEY_BOX_NONCE_SIZE];
    struct secret *CLEANUP(secret_freep) key = NULL;
    struct buf CLEANUP(buf_clear) box = BUF_INIT(KEY_FILE_MAX);
    struct buf CLEANUP(buf_clear) json = BUF_INIT(KEY_FILE_MAX);

    secret_random(salt, sizeof(salt));
    secret_random(nonce, sizeof(nonce));
    if (derive(&key, (struct bytes) { salt, sizeof(salt) }, SCRYPT_N_WRITTEN, password, err) != 0)
        return -1;
    uint8_t *into = buf_reserve(&box, pkcs8.len + crypto_secretbox_MACBYTES);
    if (into == NULL)
        return buf_check(&box, "key file", err);
    crypto_secretbox_easy(into, pkcs8.data, pkcs8.len, nonce, secret_data(key));
    box.len = pkcs8.len + crypto_secretbox_MACBYTES;

    buf_addf(&json,
             "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":%d,\"r\":%d,\"p\":%d},\"salt\":\"",
             SCRYPT_N_WRITTEN, SCRYPT_R, SCRYPT_P);
    base64_encode(&json, (struct bytes) { salt, sizeof(salt) }, BASE64_STANDARD);
    buf_add_text(&json, "\"},\"cipher\":{\"name\":\"nacl/secretbox\",\"nonce\":\"");
    base64_encode(&json, (struct bytes) { nonce, sizeof(nonce) }, BASE64_STANDARD);
    buf_add_text(&json, "\"},\"ciphertext\":\"");
    base64_encode(&json, buf_bytes(&box), BASE64_STANDARD);
    buf_add_text(&json, "\"}");
    if (buf_check(&json, "key file", err) != 0)
        return -1;
    pem_write(pem, label_written, buf_bytes(&json));
    return buf_check(pem, "key file", err);
}
