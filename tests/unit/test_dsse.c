#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "tests/unit/evidence.h"

static const struct pae_row {
    const char *name;
    struct bytes type;
    struct bytes body;
    struct bytes pae;
} paes[] = {
#define B(text)                                                                                    \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
    /* sigstore.md 4.1; DSSE protocol.md */
    { "of the specification", B("http://example.com/HelloWorld"), B("hello world"),
      B("DSSEv1 29 http://example.com/HelloWorld 11 hello world") },
    { "empty", B(""), B(""), B("DSSEv1 0  0 ") },
    { "empty body", B(TYPE_IN_TOTO), B(""), B("DSSEv1 28 " TYPE_IN_TOTO " 0 ") },
    { "lengths are of bytes", B("\xc3\xa9"), B("\xe2\x82\xac"),
      B("DSSEv1 2 \xc3\xa9 3 \xe2\x82\xac") },
    { "binary body", B("t"), B("\0\xff\n"), B("DSSEv1 1 t 3 \0\xff\n") },
    { "blanks do not move the border", B("a 1 b"), B("c"), B("DSSEv1 5 a 1 b 1 c") },
#undef B
};

static void pae(void **state)
{
    const struct pae_row *row = *state;
    struct dsse_payload CLEANUP(dsse_payload_clear) payload = DSSE_PAYLOAD_INIT(1024);
    struct bytes message;

    dsse_payload_begin(&payload, 0);
    buf_add_bytes(&payload.room, row->body);
    assert_int_equal(dsse_message(&message, &payload, row->type, NULL), 0);
    assert_true(bytes_equal(message, row->pae));
    assert_true(bytes_equal(dsse_payload_bytes(&payload), row->body));
}

/* sigstore.md 11.4: 256 bytes and their SHA-256 */
static void pae_of_the_statement(void **state)
{
    struct dsse_payload CLEANUP(dsse_payload_clear) payload = DSSE_PAYLOAD_INIT(1024);
    struct bytes message;
    struct buf CLEANUP(buf_clear) hex = BUF_INIT(128);
    uint8_t hash[32];

    (void)state;
    assert_int_equal(strlen(VECTOR_STATEMENT), 213);
    dsse_payload_begin(&payload, 0);
    buf_add_text(&payload.room, VECTOR_STATEMENT);
    assert_int_equal(dsse_message(&message, &payload, BYTES_LIT(TYPE_IN_TOTO), NULL), 0);
    assert_int_equal(message.len, 256);
    assert_int_equal(hash_bytes(hash, HASH_SHA256, message, NULL), 0);
    hex_encode(&hex, (struct bytes) { hash, 32 });
    EXPECT_BUF(&hex, "2517f6bfb72434935a0a2b935c2e99d95a9703baeab78924a84ad04988fd84ae");
}

/* The type, the payload: at the ceiling and one byte over; a payload that grows after it was
 * signed. */
static void message_is_bounded(void **state)
{
    char type[DSSE_TYPE_MAX + 2] = { 0 };
    struct dsse_payload CLEANUP(dsse_payload_clear) payload = DSSE_PAYLOAD_INIT(4);
    struct bytes message;
    struct err err = ERR_INIT;

    (void)state;
    memset(type, 't', sizeof(type) - 1);
    dsse_payload_begin(&payload, 0);
    buf_add_text(&payload.room, "abc");
    EXPECT_ERR(dsse_message(&message, &payload, bytes_text(type), &err), &err, ERR_LIMIT,
               "payloadType");
    assert_null(message.data);
    type[DSSE_TYPE_MAX] = 0;
    EXPECT_OK(dsse_message(&message, &payload, bytes_text(type), &err), &err);
    buf_add_text(&payload.room, "d");
    EXPECT_OK(dsse_message(&message, &payload, BYTES_LIT("t"), &err), &err);
    assert_true(bytes_is(message, "DSSEv1 1 t 4 abcd"));
    buf_add_text(&payload.room, "e");
    EXPECT_ERR(dsse_message(&message, &payload, BYTES_LIT("t"), &err), &err, ERR_LIMIT, "payload");
}

/* A head that changes while the body stays. */
static void fronts_change(void **state)
{
    struct dsse_payload CLEANUP(dsse_payload_clear) payload = DSSE_PAYLOAD_INIT(64);
    struct bytes message;
    struct err err = ERR_INIT;

    (void)state;
    dsse_payload_begin(&payload, 4);
    buf_add_text(&payload.room, "body");
    assert_true(bytes_is(dsse_payload_bytes(&payload), "body"));
    EXPECT_OK(dsse_payload_front(&payload, BYTES_LIT("head"), &err), &err);
    EXPECT_OK(dsse_message(&message, &payload, BYTES_LIT("t"), &err), &err);
    assert_true(bytes_is(message, "DSSEv1 1 t 8 headbody"));
    EXPECT_OK(dsse_payload_front(&payload, BYTES_LIT("h"), &err), &err);
    EXPECT_OK(dsse_message(&message, &payload, BYTES_LIT("t"), &err), &err);
    assert_true(bytes_is(message, "DSSEv1 1 t 5 hbody"));
    EXPECT_ERR(dsse_payload_front(&payload, BYTES_LIT("12345"), &err), &err, ERR_LIMIT, "before");
    EXPECT_OK(dsse_payload_front(&payload, BYTES_NONE, &err), &err);
    assert_true(bytes_is(dsse_payload_bytes(&payload), "body"));
    dsse_payload_begin(&payload, 0); /* anew */
    assert_int_equal(dsse_payload_bytes(&payload).len, 0);
}

static int parse(struct envelope *out, const char *text, enum json_rest rest, size_t max,
                 struct err *err)
{
    struct json_view root;
    struct err why = ERR_INIT;

    EXPECT_OK(json_scan(&root, bytes_text(text), &why), &why);
    return envelope_parse(out, root, rest, max, err);
}

#define ENVELOPE(payload, sigs)                                                                    \
    "{\"payload\":" payload ",\"payloadType\":\"t\",\"signatures\":" sigs "}"
#define SIG "[{\"sig\":\"c2ln\"}]"

enum mode { BOTH, PLAIN_ONLY };

static const struct accept_row {
    const char *name;
    const char *text;
    enum mode mode;
    const char *payload;
    size_t signatures;
} accepted[] = {
    { "minimal", ENVELOPE("\"Pz8/\"", SIG), BOTH, "???", 1 },
    { "empty payload", ENVELOPE("\"\"", SIG), BOTH, "", 1 },
    { "url alphabet", ENVELOPE("\"Pz8_\"", SIG), BOTH, "???", 1 },
    { "padded", ENVELOPE("\"YQ==\"", SIG), BOTH, "a", 1 },
    { "unpadded", ENVELOPE("\"YQ\"", SIG), BOTH, "a", 1 },
    { "escaped slash", ENVELOPE("\"Pz8\\/\"", SIG), BOTH, "???", 1 },
    { "escaped letter", ENVELOPE("\"\\u0059Q==\"", SIG), BOTH, "a", 1 },
    { "key id", ENVELOPE("\"YQ==\"", "[{\"sig\":\"c2ln\",\"keyid\":\"any\"}]"), BOTH, "a", 1 },
    { "empty key id", ENVELOPE("\"YQ==\"", "[{\"keyid\":\"\",\"sig\":\"c2ln\"}]"), BOTH, "a", 1 },
    { "null key id", ENVELOPE("\"YQ==\"", "[{\"keyid\":null,\"sig\":\"c2ln\"}]"), BOTH, "a", 1 },
    { "two signatures", ENVELOPE("\"YQ==\"", "[{\"sig\":\"c2ln\"},{\"sig\":\"c2ln\"}]"), BOTH, "a",
      2 },
    { "unknown member",
      "{\"x\":1,\"payload\":\"YQ==\",\"payloadType\":\"t\",\"signatures\":" SIG "}", PLAIN_ONLY,
      "a", 1 },
    { "unknown member of a signature", ENVELOPE("\"YQ==\"", "[{\"sig\":\"c2ln\",\"cert\":\"c\"}]"),
      PLAIN_ONLY, "a", 1 },
};

static void accepts(void **state)
{
    const struct accept_row *row = *state;
    const enum json_rest rests[] = { JSON_REST_IGNORED, JSON_REST_REFUSED };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
        struct envelope CLEANUP(envelope_clear) envelope;
        int r = parse(&envelope, row->text, rests[i], 1024, &err);
        if (row->mode == PLAIN_ONLY && rests[i] == JSON_REST_REFUSED) {
            EXPECT_ERR(r, &err, ERR_MALFORMED, "unknown member");
            assert_int_equal(envelope.n_signatures, 0);
            continue;
        }
        EXPECT_OK(r, &err);
        assert_true(bytes_is(dsse_payload_bytes(&envelope.payload), row->payload));
        EXPECT_BUF(&envelope.payload_type, "t");
        assert_int_equal(envelope.n_signatures, row->signatures);
        for (size_t s = 0; s < envelope.n_signatures; s++)
            EXPECT_BUF(&envelope.signatures[s], "sig");
    }
}

static const struct refuse_row {
    const char *name;
    const char *text;
    enum err_code code;
    const char *word;
} refused[] = {
    { "not an object", "[]", ERR_MALFORMED, "not an object" },
    { "null", "null", ERR_MALFORMED, "not an object" },
    { "empty", "{}", ERR_MALFORMED, "missing" },
    { "no payload", "{\"payloadType\":\"t\",\"signatures\":" SIG "}", ERR_MALFORMED,
      "payload: missing" },
    { "no type", "{\"payload\":\"\",\"signatures\":" SIG "}", ERR_MALFORMED,
      "payloadType: missing" },
    { "no list", "{\"payload\":\"\",\"payloadType\":\"t\"}", ERR_MALFORMED, "signatures: missing" },
    { "payload null", ENVELOPE("null", SIG), ERR_MALFORMED, "payload" },
    { "payload an object", ENVELOPE("{}", SIG), ERR_MALFORMED, "payload" },
    { "payload with white space", ENVELOPE("\"YQ==\\n\"", SIG), ERR_MALFORMED, "payload" },
    { "payload with mixed alphabets", ENVELOPE("\"-+++\"", SIG), ERR_MALFORMED, "payload" },
    { "payload with spare bits", ENVELOPE("\"YR==\"", SIG), ERR_MALFORMED, "payload" },
    { "payload half padded", ENVELOPE("\"YQ=\"", SIG), ERR_MALFORMED, "payload" },
    { "payload of an impossible length", ENVELOPE("\"YWJjZ\"", SIG), ERR_MALFORMED, "payload" },
    { "text after padding", ENVELOPE("\"YQ==YQ==\"", SIG), ERR_MALFORMED, "payload" },
    { "signatures an object", ENVELOPE("\"\"", "{\"sig\":\"c2ln\"}"), ERR_MALFORMED, "signatures" },
    { "no signatures", ENVELOPE("\"\"", "[]"), ERR_MALFORMED, "no signatures" },
    { "signature a string", ENVELOPE("\"\"", "[\"c2ln\"]"), ERR_MALFORMED, "not an object" },
    { "signature null", ENVELOPE("\"\"", "[null]"), ERR_MALFORMED, "not an object" },
    { "signature without sig", ENVELOPE("\"\"", "[{\"keyid\":\"k\"}]"), ERR_MALFORMED,
      "sig: missing" },
    { "sig null", ENVELOPE("\"\"", "[{\"sig\":null}]"), ERR_MALFORMED, "sig" },
    { "sig empty", ENVELOPE("\"\"", "[{\"sig\":\"\"}]"), ERR_MALFORMED, "sig: empty" },
    { "sig not base64", ENVELOPE("\"\"", "[{\"sig\":\"*\"}]"), ERR_MALFORMED, "sig" },
    { "second sig bad", ENVELOPE("\"\"", "[{\"sig\":\"c2ln\"},{\"sig\":\"*\"}]"), ERR_MALFORMED,
      "sig" },
    { "key id a number", ENVELOPE("\"\"", "[{\"sig\":\"c2ln\",\"keyid\":1}]"), ERR_MALFORMED,
      "keyid" },
    { "Payload", "{\"Payload\":\"\",\"payloadType\":\"t\",\"signatures\":" SIG "}", ERR_MALFORMED,
      "another case" },
    { "payloadtype besides",
      "{\"payload\":\"\",\"payloadType\":\"t\",\"payloadtype\":\"u\",\"signatures\":" SIG "}",
      ERR_MALFORMED, "another case" },
    { "Sig", ENVELOPE("\"\"", "[{\"sig\":\"c2ln\",\"Sig\":\"c2ln\"}]"), ERR_MALFORMED,
      "another case" },
};

static void refuses(void **state)
{
    const struct refuse_row *row = *state;
    const enum json_rest rests[] = { JSON_REST_IGNORED, JSON_REST_REFUSED };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
        struct envelope envelope;
        EXPECT_ERR(parse(&envelope, row->text, rests[i], 1024, &err), &err, row->code, row->word);
        assert_int_equal(envelope.n_signatures, 0);
        assert_null(envelope.payload.room.data);
        assert_null(envelope.payload_type.data);
        assert_null(envelope.signatures[0].data);
    }
}

static void many_signatures(struct buf *out, size_t n)
{
    buf_add_text(out, "{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[");
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s{\"sig\":\"c2ln\"}", i == 0 ? "" : ",");
    buf_add_text(out, "]}");
}

static void signatures_are_bounded(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    for (size_t n = ENVELOPE_SIGNATURES_MAX; n <= ENVELOPE_SIGNATURES_MAX + 1; n++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(4096);
        struct envelope CLEANUP(envelope_clear) envelope;
        many_signatures(&text, n);
        int r = parse(&envelope, buf_text(&text), JSON_REST_IGNORED, 1024, &err);
        if (n == ENVELOPE_SIGNATURES_MAX) {
            EXPECT_OK(r, &err);
            assert_int_equal(envelope.n_signatures, n);
        } else {
            EXPECT_ERR(r, &err, ERR_LIMIT, "signatures");
        }
    }
}

/* Payload, type and signature at their ceilings and one byte over. */
static void sizes_are_bounded(void **state)
{
    const struct {
        size_t payload, type, signature;
        bool fits;
    } rows[] = {
        { 99, 256, SIGNATURE_BYTES_MAX, true },
        { 100, 256, SIGNATURE_BYTES_MAX, false },
        { 99, 257, SIGNATURE_BYTES_MAX, false },
        { 99, 256, SIGNATURE_BYTES_MAX + 1, false },
    };
    uint8_t zeros[SIGNATURE_BYTES_MAX + 1] = { 0 };
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(8192);
        struct envelope CLEANUP(envelope_clear) envelope;
        buf_add_text(&text, "{\"payload\":\"");
        base64_encode(&text, (struct bytes) { zeros, rows[i].payload }, BASE64_STANDARD);
        buf_addf(&text, "\",\"payloadType\":\"%0*d", (int)rows[i].type, 0);
        buf_add_text(&text, "\",\"signatures\":[{\"sig\":\"");
        base64_encode(&text, (struct bytes) { zeros, rows[i].signature }, BASE64_STANDARD);
        buf_add_text(&text, "\"}]}");
        int r = parse(&envelope, buf_text(&text), JSON_REST_REFUSED, 99, &err);
        if (rows[i].fits)
            EXPECT_OK(r, &err);
        else
            EXPECT_ERR(r, &err, ERR_LIMIT, "");
    }
}

static void written_form(void **state)
{
    struct buf CLEANUP(buf_clear) out = BUF_INIT(4096);
    struct envelope CLEANUP(envelope_clear) envelope;
    struct err err = ERR_INIT;

    (void)state;
    envelope_write(&out, BYTES_LIT("???"), BYTES_LIT("sig"));
    EXPECT_BUF(&out, "{\"payload\":\"Pz8/\",\"payloadType\":\"application/vnd.in-toto+json\","
                     "\"signatures\":[{\"sig\":\"c2ln\"}]}");
    EXPECT_OK(parse(&envelope, buf_text(&out), JSON_REST_REFUSED, 1024, &err), &err);
    assert_true(bytes_is(dsse_payload_bytes(&envelope.payload), "???"));
    EXPECT_BUF(&envelope.payload_type, TYPE_IN_TOTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pae_of_the_statement), cmocka_unit_test(message_is_bounded),
        cmocka_unit_test(fronts_change),        cmocka_unit_test(signatures_are_bounded),
        cmocka_unit_test(sizes_are_bounded),    cmocka_unit_test(written_form),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(paes, pae);
    failed += RUN_ROWS(accepted, accepts);
    failed += RUN_ROWS(refused, refuses);
    return failed != 0;
}
