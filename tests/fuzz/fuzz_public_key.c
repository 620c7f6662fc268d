/* Aims at public_key_parse, public_key_parse_der and the DER reader; then at the signature readers
 * with the rest of the input. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "keys/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted is written back to the same key. */
static void check_key(const struct public_key *key)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(2 * KEY_FILE_MAX);
    struct public_key *CLEANUP(public_key_freep) again = NULL;

    public_key_pem(&pem, key);
    if (public_key_parse(&again, buf_bytes(&pem), NULL) != 0)
        abort();
    if (!bytes_equal(public_key_der(key), public_key_der(again)) ||
        public_key_bits(key) != public_key_bits(again))
        abort();
    if (public_key_kind(key) == KEY_RSA &&
        (public_key_bits(key) < 2048 || public_key_bits(key) > 8192))
        abort();
}

/* Nobody signed this message, so no input may verify. For keys under the input's control, such as
 * points of small order, that is not so: only the key here is ours. */
static void check_signature(struct bytes signature)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\n"
                              "Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"
                              "-----END PUBLIC KEY-----\n";
    struct public_key *CLEANUP(public_key_freep) key = NULL;
    enum signature_scheme scheme;
    struct err err = ERR_INIT;

    if (public_key_parse(&key, BYTES_LIT(pem), &err) != 0)
        abort();
    if (public_key_verify(key, BYTES_LIT("never signed"), signature, &scheme, &err) == 0 ||
        err.code != ERR_INVALID || scheme != SCHEME_NONE)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { data, size };
    struct public_key *CLEANUP(public_key_freep) from_pem = NULL;
    struct public_key *CLEANUP(public_key_freep) from_der = NULL;
    struct err err = ERR_INIT;

    if (size > KEY_FILE_MAX)
        return 0;
    if (public_key_parse(&from_pem, text, &err) == 0)
        check_key(from_pem);
    else if (from_pem != NULL || (err.code != ERR_CONFIG && err.code != ERR_UNSUPPORTED))
        abort();
    err_reset(&err);
    if (public_key_parse_der(&from_der, text, &err) == 0)
        check_key(from_der);
    else if (from_der != NULL || (err.code != ERR_CONFIG && err.code != ERR_UNSUPPORTED))
        abort();
    check_signature(text);
    return 0;
}
