#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>

#include "base/limits.h"
#include "engine/workers.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"
#include "verify/audit.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX64
#define HASH "0123456789ab"

static struct folder folder;

static int make_folder(void **state)
{
    (void)state;
    return folder_make(&folder);
}

static int drop_folder(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

/* --- The map --- */

static void maps_keep_what_they_are_given(void **state)
{
    struct audit_map map = AUDIT_MAP_INIT(5000);
    struct err err = ERR_INIT;
    char text[32];
    (void)state;

    assert_int_equal(audit_map_find(&map, BYTES_LIT("1")), 0);
    for (uint32_t i = 1; i <= 5000; i++) {
        snprintf(text, sizeof(text), "%u", i);
        uint32_t *at = audit_map_at(&map, bytes_text(text), &err);
        assert_non_null(at);
        assert_int_equal(*at, 0);
        *at = i;
    }
    for (uint32_t i = 1; i <= 5000; i++) {
        snprintf(text, sizeof(text), "%u", i);
        assert_int_equal(audit_map_find(&map, bytes_text(text)), i);
    }
    assert_int_equal(*audit_map_at(&map, BYTES_LIT("5000"), &err), 5000);
    assert_int_equal(audit_map_find(&map, BYTES_LIT("5001")), 0);
    assert_null(audit_map_at(&map, BYTES_LIT("5001"), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    audit_map_clear(&map);
    assert_int_equal(audit_map_find(&map, BYTES_LIT("1")), 0);
}

/* --- Workers --- */

static void add_one(void *context, size_t i)
{
    atomic_int *counts = context;

    atomic_fetch_add(&counts[i], 1);
}

static void workers_do_everything_once(void **state)
{
    static const size_t sizes[][2] = { { 0, 4 },  { 1, 1 },    { 1, 16 },   { 2, 1 },
                                       { 16, 4 }, { 100, 16 }, { 100, 256 } };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        atomic_int counts[101] = { 0 };
        struct err err = ERR_INIT;
        EXPECT_OK(workers_each(sizes[i][0], sizes[i][1], add_one, counts, &err), &err);
        for (size_t k = 0; k < 101; k++)
            assert_int_equal(counts[k], k < sizes[i][0] ? 1 : 0);
    }
    assert_int_equal(workers_count(0, 1000), 16);
    assert_int_equal(workers_count(0, 3), 3);
    assert_int_equal(workers_count(7, 1000), 7);
    assert_int_equal(workers_count(257, 1000), 256);
}

/* --- Tags --- */

static void tags_of_evidence(void **state)
{
    static const struct {
        const char *tag;
        bool evidence;
    } rows[] = {
        { "sha256-" HEX64, true },
        { "sha256-" HEX64 ".sig", true },
        { "sha256-" HEX64 ".att", true },
        { "sha256-" HEX64 ".sbom", true },
        { "sha512-" HEX64 HEX64 ".sig", true },
        { "sha512-" HEX64, true }, /* the fallback tag is cut */
        { "sha256-" HEX64 HEX64, false },
        { "sha256-" HEX64 ".exe", false },
        { "sha256-" HEX64 ".", false },
        { "sha256-" HEX64 ".sigs", false },
        { "sha256-" HEX64 "0", false },
        { "sha256-0123", false },
        { "sha256-", false },
        { "sha384-" HEX64, false },
        { "v1", false },
        { "", false },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (audit_tag_is_evidence(bytes_text(rows[i].tag)) != rows[i].evidence)
            fail_msg("%s", rows[i].tag);
}

/* --- Lists --- */

struct list_row {
    const char *name;
    const char *content;
    size_t n;           /* images, or */
    enum err_code code; /* what is wrong */
    const char *word;
};

static const struct list_row list_rows[] = {
    { "one", "localhost:5000/a:1\n", 1, ERR_NONE, "" },
    { "no newline at the end", "localhost:5000/a:1\nlocalhost:5000/b:1", 2, ERR_NONE, "" },
    { "comments and blanks", "# a\n\n  \t\n  # b\n\tlocalhost:5000/a:1 \r\n", 1, ERR_NONE, "" },
    { "every form", "a\na:1\na@" DIGEST "\noci:/tmp/x:v1\n", 4, ERR_NONE, "" },
    { "nothing", "", 0, ERR_USAGE, "names no image" },
    { "only comments", "# a\n\n", 0, ERR_USAGE, "names no image" },
    { "a bad line", "a:1\n\n# c\nA B\n", 0, ERR_USAGE, "list:4: " },
    { "two in a line", "a:1 b:1\n", 0, ERR_USAGE, "list:1: " },
    { "a comment behind", "a:1 # c\n", 0, ERR_USAGE, "list:1: " },
    { "not UTF-8", "a:1\n\xff\n", 0, ERR_USAGE, "list:2: " },
    { "half a digest", "a@sha256:12\n", 0, ERR_USAGE, "list:1: " },
};

static void lists(void **state)
{
    const struct list_row *row = *state;
    struct audit_source *CLEANUP(audit_source_freep) source = NULL;
    struct audit_options o = { .run = RUN_OPTIONS_INIT };
    struct audit_image image;
    struct err err = ERR_INIT;
    bool got = true;
    size_t n = 0;

    assert_int_equal(folder_write(&folder, "list", row->content, 0600), 0);
    o.list = folder_path(&folder, "list");
    if (row->code != ERR_NONE) {
        EXPECT_ERR(audit_source_open(&source, &o, &err), &err, row->code, row->word);
        assert_null(source);
        return;
    }
    EXPECT_OK(audit_source_open(&source, &o, &err), &err);
    assert_int_equal(audit_source_total(source), row->n);
    while (got) {
        EXPECT_OK(audit_source_next(&image, &got, source, NULL, &err), &err);
        assert_int_equal(image.lost.code, ERR_NONE);
        assert_true(!got || image.line > 0);
        audit_image_clear(&image);
        n += got ? 1 : 0;
    }
    assert_int_equal(n, row->n);
}

static void lists_have_a_ceiling(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    (void)state;

    for (int i = 0; i < IMAGES_MAX; i++)
        buf_add_text(&text, "a\n");
    for (int over = 0; over <= 1; over++) {
        struct audit_source *CLEANUP(audit_source_freep) source = NULL;
        struct audit_options o = { .run = RUN_OPTIONS_INIT };
        assert_int_equal(folder_write(&folder, "list", buf_text(&text), 0600), 0);
        o.list = folder_path(&folder, "list");
        if (over == 0)
            EXPECT_OK(audit_source_open(&source, &o, &err), &err);
        else
            EXPECT_ERR(audit_source_open(&source, &o, &err), &err, ERR_LIMIT, "100000");
        buf_add_text(&text, "a\n");
    }
}

static void sources_that_are_refused(void **state)
{
    static const struct {
        const char *repository, *registry, *pattern, *word;
    } rows[] = {
        { "localhost:5000/a:1", NULL, NULL, "one image" },
        { "localhost:5000/a@" DIGEST, NULL, NULL, "one image" },
        { "localhost:5000/A", NULL, NULL, "--repository" },
        { "localhost:5000/a", NULL, "x/y", "'/'" },
        { "localhost:5000/a", NULL, "**x", "--tag-pattern '**x'" },
        { "localhost:5000/a", NULL, "", "--tag-pattern ''" },
        { NULL, "https://a", NULL, "--registry" },
        { NULL, "a/b", NULL, "--registry" },
        { NULL, "", NULL, "--registry" },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct audit_source *source;
        struct audit_options o = { .run = RUN_OPTIONS_INIT,
                                   .repository = rows[i].repository,
                                   .registry = rows[i].registry,
                                   .tag_pattern = rows[i].pattern };
        struct err err = ERR_INIT;
        EXPECT_ERR(audit_source_open(&source, &o, &err), &err, ERR_USAGE, rows[i].word);
        assert_null(source);
    }
}

/* --- The tags of a layout --- */

static void put_tag(struct store *store, const char *tag)
{
    struct err err = ERR_INIT;
    struct digest digest;
    struct buf CLEANUP(buf_clear) body = BUF_INIT(KIB);

    EXPECT_OK(store_put_bytes(store, BYTES_LIT("{}"), &digest, 0, &err), &err);
    buf_addf(&body,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST
             "\",\"config\":{\"mediaType\":\"" TYPE_OCI_EMPTY "\",\"digest\":\"sha256:44136fa355b3"
             "678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},\"layers\":[],"
             "\"annotations\":{\"tag\":\"%s\"}}",
             tag);
    EXPECT_OK(store_put_manifest(store, tag, buf_bytes(&body), TYPE_OCI_MANIFEST, 0, &err), &err);
}

static void fill_layout(struct registries *registries, const char *name)
{
    struct reference CLEANUP(reference_clear) ref = { .host = NULL };
    struct store *CLEANUP(store_freep) store = NULL;
    struct err err = ERR_INIT;

    EXPECT_OK(reference_parse(&ref, bytes_text(name), &err), &err);
    EXPECT_OK(store_open(&store, registries, &ref, STORE_WRITE, &err), &err);
    put_tag(store, "v1");
    put_tag(store, "v2");
    put_tag(store, "latest");
    put_tag(store, "sha256-" HEX64 ".sig");
}

static void tags_of_a_layout(void **state)
{
    static const struct {
        const char *pattern;
        const char *tags;
    } rows[] = { { NULL, "latest v1 v2 " }, { "v*", "v1 v2 " }, { "v1", "v1 " }, { "x*", "" } };
    static const struct registries_options options = { .user_agent = "bulla-test" };
    struct registries *CLEANUP(registries_freep) registries = NULL;
    char name[330];
    struct err err = ERR_INIT;
    (void)state;

    EXPECT_OK(registries_new(&registries, &options, &err), &err);
    snprintf(name, sizeof(name), "oci:%s", folder_path(&folder, "layout"));
    fill_layout(registries, name);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct audit_source *CLEANUP(audit_source_freep) source = NULL;
        struct buf CLEANUP(buf_clear) tags = BUF_INIT(KIB);
        const struct engine_options engine = { .registries = registries, .timeout_ms = 5000 };
        struct audit_options o = { .run = RUN_OPTIONS_INIT,
                                   .repository = name,
                                   .tag_pattern = rows[i].pattern };
        bool got = true;
        EXPECT_OK(audit_source_open(&source, &o, &err), &err);
        while (got) {
            struct audit_image image;
            EXPECT_OK(audit_source_next(&image, &got, source, &engine, &err), &err);
            if (got)
                buf_addf(&tags, "%s ", image.reference.tag);
            audit_image_clear(&image);
        }
        EXPECT_BUF(&tags, rows[i].tags);
        assert_int_equal(audit_source_passed(source), 1);
        assert_int_equal(audit_source_total(source), 0);
    }
}

static void a_repository_that_is_not_there(void **state)
{
    static const struct registries_options options = { .user_agent = "bulla-test" };
    struct registries *CLEANUP(registries_freep) registries = NULL;
    struct audit_source *CLEANUP(audit_source_freep) source = NULL;
    char name[330];
    const struct audit_options o = { .run = RUN_OPTIONS_INIT, .repository = name };
    struct audit_image image;
    struct err err = ERR_INIT;
    bool got;
    (void)state;

    snprintf(name, sizeof(name), "oci:%s", folder_path(&folder, "nowhere"));
    EXPECT_OK(registries_new(&registries, &options, &err), &err);
    const struct engine_options engine = { .registries = registries, .timeout_ms = 5000 };
    EXPECT_OK(audit_source_open(&source, &o, &err), &err);
    EXPECT_ERR(audit_source_next(&image, &got, source, &engine, &err), &err, ERR_NOT_FOUND,
               "nowhere");
    assert_false(got);
    audit_image_clear(&image);
}

/* --- Lines and reading them again --- */

static struct audit_answer answer_of(enum verdict verdict, enum reason_code reason)
{
    return (struct audit_answer) {
        .image = (char *)(uintptr_t) "localhost:5000/a:1",
        .verdict = verdict,
        .mode = MODE_WARN,
        .reason = reason,
        .resolved = true,
        .now = 1793836800,
        .took_ms = 12,
        .text = (char *)(uintptr_t)(verdict == VERDICT_ALLOW ? "" : "why \"not\""),
        .signers = (char *)(uintptr_t) "[\"us\"]",
        .statements = (char *)(uintptr_t) "[]",
        .signatures = 2,
    };
}

static void lines_say_everything(void **state)
{
    struct reference CLEANUP(reference_clear) ref = { .host = NULL };
    struct buf CLEANUP(buf_clear) out = BUF_INIT(64 * KIB);
    const struct policy policy = { .name = "p", .serial = 7 };
    const struct report report = { .format = REPORT_TEXT, .policy = &policy };
    const struct image_question image = { &ref, "shop" };
    const struct policy_rule rule = { .name = "apps" };
    struct audit_answer answer = answer_of(VERDICT_DENY, REASON_UNSIGNED);
    const struct audit_line line = { .image = &image,
                                     .text = "localhost:5000/a:2",
                                     .same_as = "localhost:5000/a:1",
                                     .place = { "list", 3, NULL },
                                     .answer = &answer };
    struct err err = ERR_INIT;
    (void)state;

    EXPECT_OK(reference_parse(&ref, BYTES_LIT("localhost:5000/a:2"), &err), &err);
    answer.rule = &rule;
    EXPECT_OK(digest_parse(&answer.digest, BYTES_LIT(DIGEST), &err), &err);
    EXPECT_OK(audit_line_json(&out, &line, &policy, HASH, &err), &err);
    EXPECT_BUF(&out, "{\"image\":\"localhost:5000/a:2\",\"digest\":\"" DIGEST
                     "\",\"namespace\":\"shop\",\"verdict\":\"deny\",\"mode\":\"warn\",\"rule\":"
                     "\"apps\",\"policy\":{\"name\":\"p\",\"serial\":7,\"hash\":\"" HASH
                     "\"},\"reason\":\"unsigned\",\"message\":\"why \\\"not\\\"\",\"signers\":"
                     "[\"us\"],\"signatures\":2,\"statements\":[],\"at\":\"2026-11-05T00:00:00Z\","
                     "\"ms\":12,\"same-as\":\"localhost:5000/a:1\"}\n");
    buf_reset(&out);
    EXPECT_OK(audit_line_text(&out, &line, &report, &err), &err);
    EXPECT_BUF(&out, "list:3: image localhost:5000/a:2@" DIGEST " denied by rule \"apps\" [warn]: "
                     "unsigned: why \"not\" (as localhost:5000/a:1)\n");
    buf_reset(&out);
    EXPECT_OK(audit_line_sarif(&out, &line, &report, true, &err), &err);
    assert_non_null(strstr(buf_text(&out), "\"startLine\":3"));
    assert_non_null(strstr(buf_text(&out), "\"level\":\"warning\""));
}

#define LINE(image, verdict, reason, hash)                                                         \
    "{\"image\":\"" image "\",\"verdict\":\"" verdict "\",\"mode\":\"warn\",\"policy\":{\"name\":" \
    "\"p\",\"hash\":\"" hash "\"},\"reason\":\"" reason "\"}\n"
#define ALLOWED LINE("h/a:1", "allow", "none", HASH)
#define DENIED LINE("h/b:1", "deny", "unsigned", HASH)
#define UNKNOWN_ONE LINE("h/c:1", "unknown", "deadline", HASH)

struct resume_row {
    const char *name;
    const char *content;
    size_t n;         /* images that are answered */
    const char *left; /* the file afterwards; NULL: as it was */
    enum err_code code;
    const char *word;
};

static const struct resume_row resume_rows[] = {
    { "empty", "", 0, NULL, ERR_NONE, "" },
    { "one", ALLOWED, 1, NULL, ERR_NONE, "" },
    { "all verdicts", ALLOWED DENIED UNKNOWN_ONE, 2, NULL, ERR_NONE, "" },
    { "twice", ALLOWED ALLOWED, 1, NULL, ERR_NONE, "" },
    { "another policy", ALLOWED LINE("h/d:1", "allow", "none", "x"), 1, NULL, ERR_NONE, "" },
    { "half a line", ALLOWED "{\"image\":\"h/b", 1, ALLOWED, ERR_NONE, "" },
    { "the first byte of one", ALLOWED "{", 1, ALLOWED, ERR_NONE, "" },
    { "half a line only", "{\"image\":", 0, "", ERR_NONE, "" },
    { "a whole line without its end", "{\"image\":\"h/a:1\",\"verdict\":\"allow\"}", 0, "",
      ERR_NONE, "" },
    { "another end", ALLOWED "and so on", 0, NULL, ERR_CONFIG, "no line of an audit" },
    { "an end of another object", ALLOWED "{\"other", 0, NULL, ERR_CONFIG, "no line of an audit" },
    { "no JSON", ALLOWED "x\n", 0, NULL, ERR_CONFIG, "lines:2: " },
    { "a blank line", ALLOWED "\n" DENIED, 0, NULL, ERR_CONFIG, "lines:2: " },
    { "another object", "{\"image\":\"h/a:1\"}\n", 0, NULL, ERR_CONFIG, "verdict" },
    { "another type", "{\"image\":1}\n", 0, NULL, ERR_CONFIG, "image" },
    { "another verdict", LINE("h/a:1", "allowed", "none", HASH), 0, NULL, ERR_CONFIG, "verdict" },
    { "another reason", LINE("h/a:1", "deny", "no", HASH), 0, NULL, ERR_CONFIG, "reason" },
};

static void resuming(void **state)
{
    const struct resume_row *row = *state;
    struct audit_map map = AUDIT_MAP_INIT(100);
    struct buf CLEANUP(buf_clear) left = BUF_INIT(64 * KIB);
    struct err err = ERR_INIT;

    assert_int_equal(folder_write(&folder, "lines", row->content, 0600), 0);
    const char *path = folder_path(&folder, "lines");
    if (row->code == ERR_NONE) {
        EXPECT_OK(audit_resume_read(&map, path, HASH, &err), &err);
        assert_int_equal(map.n, row->n);
    } else {
        EXPECT_ERR(audit_resume_read(&map, path, HASH, &err), &err, row->code, row->word);
    }
    EXPECT_OK(file_read(&left, path, &err), &err);
    EXPECT_BUF(&left, row->left != NULL ? row->left : row->content);
    audit_map_clear(&map);
}

static uint32_t find_image(const struct audit_map *map, const char *image, const char *namespace)
{
    struct buf CLEANUP(buf_clear) key = BUF_INIT(KIB);

    audit_finished_key(&key, bytes_text(image), namespace);
    return audit_map_find(map, buf_bytes(&key));
}

static void what_is_resumed_is_known_by_its_words(void **state)
{
    struct audit_map map = AUDIT_MAP_INIT(100);
    struct err err = ERR_INIT;
    (void)state;

    assert_int_equal(folder_write(&folder, "lines", ALLOWED DENIED UNKNOWN_ONE, 0600), 0);
    EXPECT_OK(audit_resume_read(&map, folder_path(&folder, "lines"), HASH, &err), &err);
    const struct audit_finished denied = audit_finished_of(find_image(&map, "h/b:1", NULL));
    assert_int_equal(denied.verdict, VERDICT_DENY);
    assert_int_equal(denied.mode, MODE_WARN);
    assert_int_equal(denied.reason, REASON_UNSIGNED);
    assert_int_equal(audit_finished_of(find_image(&map, "h/a:1", NULL)).verdict, VERDICT_ALLOW);
    assert_int_equal(find_image(&map, "h/c:1", NULL), 0);
    assert_int_equal(find_image(&map, "h/a:1", "shop"), 0);
    assert_int_not_equal(find_image(&map, "h/a:1", NULL), AUDIT_TAKEN);
    audit_map_clear(&map);
    EXPECT_OK(audit_resume_read(&map, folder_path(&folder, "none"), HASH, &err), &err);
    assert_int_equal(map.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_keep_what_they_are_given),
        cmocka_unit_test(workers_do_everything_once),
        cmocka_unit_test(tags_of_evidence),
        cmocka_unit_test(lists_have_a_ceiling),
        cmocka_unit_test(sources_that_are_refused),
        cmocka_unit_test(tags_of_a_layout),
        cmocka_unit_test(a_repository_that_is_not_there),
        cmocka_unit_test(lines_say_everything),
        cmocka_unit_test(what_is_resumed_is_known_by_its_words),
    };

    if (make_folder(NULL) != 0)
        return 1;
    int failed = RUN_ROWS(list_rows, lists) + RUN_ROWS(resume_rows, resuming);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    drop_folder(NULL);
    return failed != 0;
}
