#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "registry/layout.h"

#define CONFIG_DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

/* index.json that is not what it should be, and the word that says so. */
struct bad_index {
    const char *name;
    const char *text;
    enum err_code code;
    const char *word;
};

#define ENTRY1                                                                                     \
    "{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"" CONFIG_DIGEST "\",\"size\":2"
#define NAMED(name) ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}}"

static const struct bad_index bad_indexes[] = {
    { "empty", "", ERR_MALFORMED, "" },
    { "cut", "{\"schemaVersion\":2,\"manifests\":[", ERR_MALFORMED, "" },
    { "trailing", "{\"schemaVersion\":2,\"manifests\":[]}x", ERR_MALFORMED, "" },
    { "no manifests", "{\"schemaVersion\":2}", ERR_MALFORMED, "manifests" },
    { "manifests null", "{\"schemaVersion\":2,\"manifests\":null}", ERR_MALFORMED, "manifests" },
    { "manifests object", "{\"schemaVersion\":2,\"manifests\":{}}", ERR_MALFORMED, "manifests" },
    { "version 1", "{\"schemaVersion\":1,\"manifests\":[]}", ERR_UNSUPPORTED, "schemaVersion" },
    { "version text", "{\"schemaVersion\":\"2\",\"manifests\":[]}", ERR_MALFORMED,
      "schemaVersion" },
    { "version twice", "{\"schemaVersion\":2,\"schemaVersion\":2,\"manifests\":[]}", ERR_MALFORMED,
      "" },
    { "other case", "{\"schemaVersion\":2,\"manifests\":[],\"Manifests\":[]}", ERR_MALFORMED,
      "anifests" },
    { "other type",
      "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"manifests\":[]}",
      ERR_MALFORMED, "mediaType" },
    { "entry text", "{\"schemaVersion\":2,\"manifests\":[\"x\"]}", ERR_MALFORMED, "manifests[0]" },
    { "bad digest",
      "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"a/b\",\"digest\":\"sha256:12\","
      "\"size\":2}]}",
      ERR_MALFORMED, "manifests[0]" },
    { "way out",
      "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"a/b\",\"digest\":\"../../x\","
      "\"size\":2}]}",
      ERR_MALFORMED, "manifests[0]" },
    { "negative size",
      "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"a/b\",\"digest\":\"" CONFIG_DIGEST
      "\",\"size\":-1}]}",
      ERR_MALFORMED, "manifests[0]" },
    { "control in name", "{\"schemaVersion\":2,\"manifests\":[" ENTRY1 NAMED("a\\nb") "]}",
      ERR_MALFORMED, "control" },
    { "one name, two images",
      "{\"schemaVersion\":2,\"manifests\":[" ENTRY1 NAMED(
          "v1") ",{\"mediaType\":\"a/b\","
                "\"digest\":\"sha256:"
                "0000000000000000000000000000000000000000000000000000000000000000\","
                "\"size\":2" NAMED("v1") "]}",
      ERR_MALFORMED, "two different images" },
};

/* Read as a tag is: the whole index, then the name. */
static int read_tag(struct bytes text, struct err *err)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MIB);
    const struct layout_entry *e;
    struct layout_index index;

    if (layout_index_parse(&index, text, &arena, err) != 0) {
        assert_null(index.entries);
        assert_int_equal(index.n, 0);
        return -1;
    }
    int result = layout_index_find(&e, &index, "v1", err);
    assert_int_equal(e != NULL, result == 0);
    return result;
}

static void bad_indexes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_indexes); i++) {
        const struct bad_index *b = &bad_indexes[i];
        struct err err = ERR_INIT;
        if (read_tag(bytes_text(b->text), &err) == 0 || err.code != b->code ||
            strstr(err_text(&err), b->word) == NULL)
            fail_msg("%s: %s: %s", b->name, err_name(err.code), err_text(&err));
    }
}

static void good_indexes_are_read(void **state)
{
    static const char *const rows[] = {
        "{\"schemaVersion\":2,\"manifests\":[" ENTRY1 NAMED("v1") "]}",
        "{\"schemaVersion\":2,\"manifests\":[" ENTRY1
        "}," ENTRY1 NAMED("v1") "," ENTRY1 NAMED("v1") "]}",
        " {\"x\":[null],\"manifests\":[" ENTRY1 NAMED("v1") "],\"schemaVersion\":2,"
                                                            "\"mediaType\":\"" TYPE_OCI_INDEX
                                                            "\"}\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        if (read_tag(bytes_text(rows[i]), &err) != 0)
            fail_msg("%zu: %s", i, err_text(&err));
    }
}

/* What `cosign save` writes, by the tag that it would have in a registry. */
#define HEX(c) c "0000000000000000000000000000000000000000000000000000000000000" c c
#define KIND(c, kind)                                                                              \
    "{\"mediaType\":\"" TYPE_OCI_MANIFEST                                                          \
    "\",\"digest\":\"sha256:" HEX(c) "\",\"size\":2,"                                              \
                                     "\"annotations\":{\"kind\":\"dev.cosignproject.cosign/" kind  \
                                     "\"}}"
#define TAGGED(c, tag)                                                                             \
    "{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"sha256:" HEX(                           \
        c) "\",\"size\":2,"                                                                        \
           "\"annotations\":{\"org.opencontainers.image.ref.name\":\"" tag "\"}}"
#define SIG "sha256-" HEX("1") ".sig"
#define ATT "sha256-" HEX("1") ".att"

static void what_cosign_saved_has_its_tags(void **state)
{
    static const struct {
        const char *entries;
        const char *tag;
        const char *digest; /* found, or NULL: not there */
        const char *word;   /* or refused so */
    } rows[] = {
        { KIND("1", "image") "," KIND("2", "sigs"), SIG, "sha256:" HEX("2"), NULL },
        { KIND("2", "sigs") "," KIND("1", "imageIndex"), SIG, "sha256:" HEX("2"), NULL },
        { KIND("1", "image") "," KIND("3", "atts"), ATT, "sha256:" HEX("3"), NULL },
        { KIND("1", "image") "," KIND("1", "image") "," KIND("2", "sigs"), SIG, "sha256:" HEX("2"),
          NULL },
        { KIND("1", "image") "," KIND("2", "sigs") "," KIND("2", "sigs"), SIG, "sha256:" HEX("2"),
          NULL },
        /* a name wins: it was written after */
        { KIND("1", "image") "," KIND("2", "sigs") "," TAGGED("4", SIG), SIG, "sha256:" HEX("4"),
          NULL },
        { KIND("1", "image") "," KIND("2", "sigs"), ATT, NULL, NULL },
        { KIND("1", "image") "," KIND("3", "atts"), SIG, NULL, NULL },
        { KIND("1", "image") "," KIND("2", "sigs"), "sha256-" HEX("2") ".sig", NULL, NULL },
        { KIND("1", "image") "," KIND("2", "sigs"), "sha256-" HEX("1"), NULL, NULL },
        { KIND("1", "image") "," KIND("2", "sigs"), "sha256-" HEX("1") ".sigs", NULL, NULL },
        { KIND("1", "image") "," KIND("2", "sig"), SIG, NULL, NULL },
        { KIND("1", "images") "," KIND("2", "sigs"), SIG, NULL, NULL },
        { KIND("2", "sigs"), SIG, NULL, NULL },
        /* of two images nobody knows whose it is */
        { KIND("1", "image") "," KIND("5", "image") "," KIND("2", "sigs"), SIG, NULL, NULL },
        { KIND("1", "image") "," KIND("2", "sigs") "," KIND("6", "sigs"), SIG, NULL,
          "two different" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(64 * KIB);
        struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MIB);
        const struct layout_entry *e;
        struct layout_index index;
        struct err err = ERR_INIT;
        char digest[DIGEST_TEXT_MAX];
        buf_addf(&text, "{\"schemaVersion\":2,\"manifests\":[%s]}", rows[i].entries);
        assert_int_equal(layout_index_parse(&index, buf_bytes(&text), &arena, &err), 0);
        int found = layout_index_find(&e, &index, rows[i].tag, &err);
        if ((found == 0) != (rows[i].digest != NULL))
            fail_msg("%zu: %s", i, err_text(&err));
        if (found == 0) {
            digest_format(digest, &e->descriptor.digest);
            assert_string_equal(digest, rows[i].digest);
            continue;
        }
        assert_null(e);
        assert_int_equal(err.code, rows[i].word == NULL ? ERR_NOT_FOUND : ERR_MALFORMED);
        assert_non_null(strstr(err_text(&err), rows[i].word == NULL ? "name" : rows[i].word));
    }
}

static void too_many_entries(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(64 * MIB);
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(256 * MIB);
    struct layout_index index;
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&text, "{\"schemaVersion\":2,\"manifests\":[");
    for (int i = 0; i < LAYOUT_ENTRIES_MAX; i++)
        buf_add_text(&text, i > 0 ? "," ENTRY1 "}" : ENTRY1 "}");
    size_t full = text.len;
    buf_add_text(&text, "]}");
    assert_int_equal(layout_index_parse(&index, buf_bytes(&text), &arena, &err), 0);
    assert_int_equal(index.n, LAYOUT_ENTRIES_MAX);
    text.len = full;
    buf_add_text(&text, "," ENTRY1 "}]}");
    assert_int_equal(layout_index_parse(&index, buf_bytes(&text), &arena, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(index.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_indexes_are_refused),
        cmocka_unit_test(good_indexes_are_read),
        cmocka_unit_test(what_cosign_saved_has_its_tags),
        cmocka_unit_test(too_many_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
