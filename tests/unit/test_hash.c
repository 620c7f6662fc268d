#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/text.h"
#include "tests/unit/expect.h"

struct row {
    const char *name;
    enum hash_alg alg;
    const char *text;
    const char *hex;
};

/* FIPS 180-4 example values of the standard's authors, and the empty message. */
static const struct row rows[] = {
    { "sha256", HASH_SHA256, "abc",
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "sha256", HASH_SHA256, "",
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "sha256", HASH_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "sha384", HASH_SHA384, "abc",
      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
      "8086072ba1e7cc2358baeca134c825a7" },
    { "sha512", HASH_SHA512, "abc",
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
};

static void assert_hex(const uint8_t *raw, const struct row *row)
{
    CLEANUP(buf_clear) struct buf hex = BUF_INIT(HASH_MAX * 2);

    hex_encode(&hex, (struct bytes) { raw, hash_size(row->alg) });
    EXPECT_BUF(&hex, row->hex);
}

static void known_value(void **state)
{
    const struct row *row = *state;
    struct err err = ERR_INIT;
    uint8_t raw[HASH_MAX];

    assert_string_equal(hash_name(row->alg), row->name);
    assert_int_equal(hash_size(row->alg) * 2, strlen(row->hex));
    EXPECT_OK(hash_bytes(raw, row->alg, bytes_text(row->text), &err), &err);
    assert_hex(raw, row);
}

static void known_value_by_bytes(void **state)
{
    CLEANUP(hash_freep) struct hash *h = NULL;
    const struct row *row = *state;
    struct bytes text = bytes_text(row->text);
    struct err err = ERR_INIT;
    uint8_t raw[HASH_MAX];

    EXPECT_OK(hash_new(&h, row->alg, &err), &err);
    EXPECT_OK(hash_add(h, BYTES_NONE, &err), &err);
    for (size_t i = 0; i < text.len; i++)
        EXPECT_OK(hash_add(h, bytes_part(text, i, 1), &err), &err);
    EXPECT_OK(hash_end(raw, h, &err), &err);
    assert_hex(raw, row);
}

static void no_bytes_at_all(void **state)
{
    struct err err = ERR_INIT;
    uint8_t raw[HASH_MAX];

    (void)state;
    EXPECT_OK(hash_bytes(raw, HASH_SHA256, BYTES_NONE, &err), &err);
    assert_hex(raw, &rows[1]);
}

/* Only as many bytes are written as the algorithm has. */
static void output_is_not_overrun(void **state)
{
    struct err err = ERR_INIT;
    uint8_t raw[HASH_MAX];

    (void)state;
    memset(raw, 0xa5, sizeof(raw));
    EXPECT_OK(hash_bytes(raw, HASH_SHA384, BYTES_LIT("x"), &err), &err);
    for (size_t i = 48; i < sizeof(raw); i++)
        assert_int_equal(raw[i], 0xa5);
}

static void freeing_nothing(void **state)
{
    struct hash *h = NULL;

    (void)state;
    hash_free(NULL);
    hash_freep(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bytes_at_all),
        cmocka_unit_test(output_is_not_overrun),
        cmocka_unit_test(freeing_nothing),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(rows, known_value);
    failed += RUN_ROWS(rows, known_value_by_bytes);
    return failed != 0;
}
