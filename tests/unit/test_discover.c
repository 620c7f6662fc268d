#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "evidence/discover.h"
#include "tests/unit/expect.h"
#include "tests/unit/fake_store.h"

#define HEX "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"
#define FALLBACK "sha256-" HEX
#define H(c) "sha256:" c c c c c c c c c c c c c c c c
#define A H("aaaa")
#define B H("bbbb")
#define C H("cccc")
#define EMPTY_DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define CONFIG "{\"mediaType\":\"" TYPE_OCI_CONFIG "\",\"digest\":\"" EMPTY_DIGEST "\",\"size\":2}"
#define IMAGE                                                                                      \
    "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"config\":" CONFIG              \
    ",\"layers\":[" CONFIG "]}"

static const struct discover_wants everything = { true, true, true, true };

static void ask(struct discovery *out, struct fake_store *store, const struct discover_wants *wants)
{
    struct digest digest;
    struct err err = ERR_INIT;

    assert_int_equal(digest_parse(&digest, BYTES_LIT("sha256:" HEX), NULL), 0);
    EXPECT_OK(discover(out, &store->store, &digest, wants, 0, &err), &err);
}

static void list_of(struct fake_list *list, const char *first, const char *second)
{
    fake_list_add(list, first, 2, "");
    if (second != NULL)
        fake_list_add(list, second, 2, "");
    fake_list_end(list);
}

static void expect_digest(const struct discovery *d, size_t i, const char *digest)
{
    char text[DIGEST_TEXT_MAX];

    digest_format(text, &d->referrers[i].digest);
    assert_string_equal(text, digest);
}

static void nothing_there(void **state)
{
    struct fake_store CLEANUP(fake_clear) store;
    struct discovery CLEANUP(discovery_clear) d;

    (void)state;
    fake_init(&store);
    ask(&d, &store, &everything);
    assert_true(d.complete);
    assert_int_equal(d.n_referrers, 0);
    assert_int_equal(d.reasons.n, 0);
    for (int i = 0; i < TAGGED_KINDS; i++)
        assert_false(d.tagged[i].found);
    assert_string_equal(d.tagged[TAGGED_SIG].tag, FALLBACK ".sig");
    assert_string_equal(d.tagged[TAGGED_ATT].tag, FALLBACK ".att");
    assert_string_equal(d.tagged[TAGGED_SBOM].tag, FALLBACK ".sbom");
    assert_int_equal(store.rounds, 1);
    assert_int_equal(store.asked, 5);
}

static void only_what_is_wanted(void **state)
{
    static const struct {
        struct discover_wants wants;
        size_t asked;
    } rows[] = {
        { { false, false, false, false }, 0 }, { { true, false, false, false }, 2 },
        { { false, true, false, false }, 1 },  { { false, false, true, false }, 1 },
        { { false, false, false, true }, 1 },  { { true, true, false, false }, 3 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct discovery CLEANUP(discovery_clear) d;
        fake_init(&store);
        ask(&d, &store, &rows[i].wants);
        assert_int_equal(store.asked, rows[i].asked);
        assert_true(d.complete);
    }
}

static void no_api_but_a_fallback_tag(void **state)
{
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
    struct discovery CLEANUP(discovery_clear) d;

    (void)state;
    fake_init(&store);
    list_of(&list, A, B);
    fake_tag(&store, FALLBACK, buf_text(&list.text), TYPE_OCI_INDEX);
    ask(&d, &store, &everything);
    assert_true(d.complete);
    assert_int_equal(d.n_referrers, 2);
    expect_digest(&d, 0, A);
    expect_digest(&d, 1, B);
}

/* A registry that got the API later has old signatures under the tag only. */
static void api_and_fallback_are_united(void **state)
{
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) api = FAKE_LIST_INIT;
    struct fake_list CLEANUP(fake_list_clear) tag = FAKE_LIST_INIT;
    struct discovery CLEANUP(discovery_clear) d;

    (void)state;
    fake_init(&store);
    list_of(&api, A, B);
    list_of(&tag, B, C);
    fake_page(&store, "", buf_text(&api.text), NULL);
    fake_tag(&store, FALLBACK, buf_text(&tag.text), TYPE_OCI_INDEX);
    ask(&d, &store, &everything);
    assert_true(d.complete);
    assert_int_equal(d.n_referrers, 4);
    expect_digest(&d, 0, A);
    expect_digest(&d, 3, C);
}

static void empty_list(void **state)
{
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
    struct discovery CLEANUP(discovery_clear) d;

    (void)state;
    fake_init(&store);
    fake_page(&store, "", fake_list_end(&list), NULL);
    ask(&d, &store, &everything);
    assert_true(d.complete);
    assert_int_equal(d.n_referrers, 0);
}

/* --- Failures of single questions --- */

static const struct fail_row {
    const char *name;
    enum fetch_what what;
    const char *key;
    enum err_code code;
    bool complete;
    const char *word;
} fails[] = {
    { "API: unsupported", FETCH_REFERRERS, "", ERR_UNSUPPORTED, true, "" },
    { "API: not found", FETCH_REFERRERS, "", ERR_NOT_FOUND, true, "" },
    { "API: 429", FETCH_REFERRERS, "", ERR_RATE_LIMITED, false, "referrers: scripted" },
    { "API: 401", FETCH_REFERRERS, "", ERR_AUTH, false, "referrers: scripted" },
    { "API: network", FETCH_REFERRERS, "", ERR_NETWORK, false, "referrers: scripted" },
    { "API: malformed", FETCH_REFERRERS, "", ERR_MALFORMED, false, "referrers: scripted" },
    { "fallback: not found", FETCH_TAG, FALLBACK, ERR_NOT_FOUND, true, "" },
    { "fallback: unsupported", FETCH_TAG, FALLBACK, ERR_UNSUPPORTED, false, "referrers tag" },
    { "fallback: 429", FETCH_TAG, FALLBACK, ERR_RATE_LIMITED, false, "referrers tag" },
    { ".sig: not found", FETCH_TAG, FALLBACK ".sig", ERR_NOT_FOUND, true, "" },
    { ".sig: 429", FETCH_TAG, FALLBACK ".sig", ERR_RATE_LIMITED, false, ".sig: scripted" },
    { ".sig: deadline", FETCH_TAG, FALLBACK ".sig", ERR_DEADLINE, false, ".sig: scripted" },
    { ".sig: too large", FETCH_TAG, FALLBACK ".sig", ERR_LIMIT, false, ".sig: scripted" },
    { ".sig: other digest", FETCH_TAG, FALLBACK ".sig", ERR_INVALID, false, ".sig: scripted" },
    { ".att: 429", FETCH_TAG, FALLBACK ".att", ERR_RATE_LIMITED, false, ".att: scripted" },
    { ".sbom: 429", FETCH_TAG, FALLBACK ".sbom", ERR_RATE_LIMITED, false, ".sbom: scripted" },
};

static void one_question_fails(void **state)
{
    const struct fail_row *row = *state;
    struct fake_store CLEANUP(fake_clear) store;
    struct discovery CLEANUP(discovery_clear) d;

    fake_init(&store);
    fake_fail(&store, row->what, row->key, row->code);
    ask(&d, &store, &everything);
    assert_int_equal(d.complete, row->complete);
    assert_int_equal(d.incomplete.code, row->complete ? ERR_NONE : row->code);
    assert_non_null(strstr(err_text(&d.incomplete), row->word));
}

/* The other questions' answers still count, and the first failure is the one that is told. */
static void failures_do_not_hide_the_rest(void **state)
{
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
    struct discovery CLEANUP(discovery_clear) d;

    (void)state;
    fake_init(&store);
    list_of(&list, A, NULL);
    fake_fail(&store, FETCH_REFERRERS, "", ERR_AUTH);
    fake_tag(&store, FALLBACK, buf_text(&list.text), TYPE_OCI_INDEX);
    fake_tag(&store, FALLBACK ".sig", IMAGE, TYPE_OCI_MANIFEST);
    fake_fail(&store, FETCH_TAG, FALLBACK ".att", ERR_RATE_LIMITED);
    ask(&d, &store, &everything);
    assert_false(d.complete);
    assert_int_equal(d.incomplete.code, ERR_AUTH);
    assert_int_equal(d.n_referrers, 1);
    assert_true(d.tagged[TAGGED_SIG].found);
}

/* --- Lists that are none --- */

static const struct list_row {
    const char *name;
    const char *body;
    enum err_code code;
} lists[] = {
    { "not JSON", "[", ERR_MALFORMED },
    { "empty", "", ERR_MALFORMED },
    { "an image manifest", IMAGE, ERR_MALFORMED },
    { "schema 1", "{\"schemaVersion\":1,\"mediaType\":\"" TYPE_OCI_INDEX "\",\"manifests\":[]}",
      ERR_UNSUPPORTED },
    { "no manifests", "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\"}", ERR_MALFORMED },
    { "an entry that is none",
      "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\",\"manifests\":[{}]}",
      ERR_MALFORMED },
    { "an entry of an unknown digest",
      "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX
      "\",\"manifests\":[{\"mediaType\":\"" TYPE_OCI_MANIFEST
      "\",\"size\":2,\"digest\":\"blake3:00\"}]}",
      ERR_UNSUPPORTED },
};

static void unreadable_list(void **state)
{
    const struct list_row *row = *state;

    for (int i = 0; i < 2; i++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct discovery CLEANUP(discovery_clear) d;
        const bool image = strcmp(row->body, IMAGE) == 0;
        fake_init(&store);
        if (i == 0)
            fake_page(&store, "", row->body, NULL);
        else
            fake_tag(&store, FALLBACK, row->body, image ? TYPE_OCI_MANIFEST : TYPE_OCI_INDEX);
        ask(&d, &store, &everything);
        /* cosign copy keeps images under the fallback tag: there it is no list, and no failure */
        const bool fine = i == 1 && image;
        assert_int_equal(d.complete, fine);
        assert_int_equal(d.incomplete.code, fine ? ERR_NONE : row->code);
        assert_int_equal(d.n_referrers, 0);
    }
}

/* --- Pages --- */

static void script_pages(struct fake_store *store, size_t pages)
{
    char at[32], next[32];

    for (size_t i = 0; i < pages; i++) {
        struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
        snprintf(at, sizeof(at), "%zu", i);
        snprintf(next, sizeof(next), "%zu", i + 1);
        fake_list_junk(&list, 3, i, "");
        fake_page(store, i == 0 ? "" : at, fake_list_end(&list), i + 1 < pages ? next : NULL);
    }
}

static void pages_are_followed(void **state)
{
    static const size_t counts[] = { 1, 2, REFERRER_PAGES_MAX - 1, REFERRER_PAGES_MAX,
                                     REFERRER_PAGES_MAX + 1 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct discovery CLEANUP(discovery_clear) d;
        const bool fits = counts[i] <= REFERRER_PAGES_MAX;
        fake_init(&store);
        script_pages(&store, counts[i]);
        ask(&d, &store, &everything);
        assert_int_equal(d.complete, fits);
        assert_int_equal(d.incomplete.code, fits ? ERR_NONE : ERR_LIMIT);
        assert_int_equal(d.n_referrers, 3 * (fits ? counts[i] : REFERRER_PAGES_MAX));
    }
}

static void later_page_fails(void **state)
{
    static const enum err_code codes[] = { ERR_NOT_FOUND, ERR_RATE_LIMITED, ERR_MALFORMED };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct fake_list CLEANUP(fake_list_clear) list = FAKE_LIST_INIT;
        struct discovery CLEANUP(discovery_clear) d;
        fake_init(&store);
        list_of(&list, A, NULL);
        fake_page(&store, "", buf_text(&list.text), "more");
        fake_fail(&store, FETCH_REFERRERS, "more", codes[i]);
        ask(&d, &store, &everything);
        assert_false(d.complete);
        assert_int_equal(d.incomplete.code, codes[i]);
        assert_int_equal(d.n_referrers, 1);
    }
}

/* A list longer than an index's ordinary children, as registries send that do not page. */
static void long_page(void **state)
{
    struct fake_store CLEANUP(fake_clear) store;
    struct fake_list CLEANUP(fake_list_clear) api = FAKE_LIST_INIT;
    struct fake_list CLEANUP(fake_list_clear) tag = FAKE_LIST_INIT;
    struct discovery CLEANUP(discovery_clear) d;

    (void)state;
    fake_init(&store);
    fake_list_junk(&api, INDEX_CHILDREN_MAX + 500, 1, "");
    fake_list_junk(&tag, INDEX_CHILDREN_MAX + 1, 2, "");
    fake_page(&store, "", fake_list_end(&api), NULL);
    fake_tag(&store, FALLBACK, fake_list_end(&tag), TYPE_OCI_INDEX);
    ask(&d, &store, &everything);
    assert_true(d.complete);
    assert_int_equal(d.n_referrers, 2 * INDEX_CHILDREN_MAX + 501);
}

/* --- Tags --- */

static const struct tag_row {
    const char *name;
    const char *body;
    const char *media_type;
    bool found;
    const char *reason; /* a word of it, or NULL */
} tags[] = {
    { "image", IMAGE, TYPE_OCI_MANIFEST, true, NULL },
    { "image of an untold type", IMAGE, "", true, NULL },
    { "image without mediaType", "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[]}",
      TYPE_OCI_MANIFEST, true, NULL },
    { "index", "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\",\"manifests\":[]}",
      TYPE_OCI_INDEX, false, "an index" },
    { "not JSON", "{", TYPE_OCI_MANIFEST, false, "manifest" },
    { "served as another type", IMAGE, TYPE_OCI_INDEX, false, "served as" },
    { "no layers", "{\"schemaVersion\":2,\"config\":" CONFIG "}", TYPE_OCI_MANIFEST, false,
      "layers" },
    { "unknown type", "{\"schemaVersion\":2}", "application/x", false, "not supported" },
};

static void tagged_manifest(void **state)
{
    const struct tag_row *row = *state;
    struct fake_store CLEANUP(fake_clear) store;
    struct discovery CLEANUP(discovery_clear) d;

    fake_init(&store);
    fake_tag(&store, FALLBACK ".sig", row->body, row->media_type);
    ask(&d, &store, &everything);
    assert_true(d.complete);
    assert_int_equal(d.tagged[TAGGED_SIG].found, row->found);
    assert_int_equal(d.reasons.n, row->reason == NULL ? 0 : 1);
    if (row->reason != NULL) {
        assert_int_equal(d.reasons.items[0].code, REASON_MALFORMED);
        assert_string_equal(d.reasons.items[0].where, FALLBACK ".sig");
        assert_non_null(strstr(d.reasons.items[0].text, row->reason));
    } else {
        struct digest digest;
        assert_int_equal(digest_of(&digest, HASH_SHA256, bytes_text(row->body), NULL), 0);
        assert_true(digest_equal(&d.tagged[TAGGED_SIG].digest, &digest));
    }
}

static void layers_are_bounded(void **state)
{
    (void)state;
    for (int n = SIGNATURE_LAYERS_MAX; n <= SIGNATURE_LAYERS_MAX + 1; n++) {
        struct fake_store CLEANUP(fake_clear) store;
        struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
        struct discovery CLEANUP(discovery_clear) d;
        fake_init(&store);
        buf_add_text(&body, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":");
        for (int i = 0; i < n; i++)
            buf_addf(&body, "%c" CONFIG, i == 0 ? '[' : ',');
        buf_add_text(&body, "]}");
        fake_tag(&store, FALLBACK ".sig", buf_text(&body), TYPE_OCI_MANIFEST);
        ask(&d, &store, &everything);
        assert_int_equal(d.complete, n == SIGNATURE_LAYERS_MAX);
        assert_int_equal(d.incomplete.code, d.complete ? ERR_NONE : ERR_LIMIT);
        assert_int_equal(d.tagged[TAGGED_SIG].found, d.complete);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_there),
        cmocka_unit_test(only_what_is_wanted),
        cmocka_unit_test(no_api_but_a_fallback_tag),
        cmocka_unit_test(api_and_fallback_are_united),
        cmocka_unit_test(empty_list),
        cmocka_unit_test(failures_do_not_hide_the_rest),
        cmocka_unit_test(pages_are_followed),
        cmocka_unit_test(later_page_fails),
        cmocka_unit_test(long_page),
        cmocka_unit_test(layers_are_bounded),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(fails, one_question_fails);
    failed += RUN_ROWS(lists, unreadable_list);
    failed += RUN_ROWS(tags, tagged_manifest);
    return failed != 0;
}
