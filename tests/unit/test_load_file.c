/* What becomes of a policy file: its compiled form, its limits. Each field's refusals are in
 * test_load.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/expect.h"
#include "tests/unit/policy_text.h"

#define WHOLE POLICIES "whole.yaml"

static void expect_pattern(const struct pattern *pattern, const char *text)
{
    assert_true(bytes_is(pattern->text, text));
}

static void whole_settings(const struct policy *p)
{
    assert_string_equal(p->name, "production");
    assert_string_equal(p->file, "policy.yaml");
    assert_int_equal(p->serial, 42);
    assert_int_equal(strlen(p->hash), 12);
    assert_int_equal(p->mode, MODE_ENFORCE);
    assert_int_equal(p->unmatched, UNMATCHED_DENY);
    assert_int_equal(p->tags, TAGS_PIN);
    assert_int_equal(p->templates, TEMPLATES_WARN);
    assert_int_equal(p->use_proven_within, 86400);
    assert_int_equal(p->floor.n_registries, 3);
    assert_int_equal(p->floor.n_algorithms, 5);
    assert_string_equal(p->floor.algorithms[4], "rsa-3072");
    assert_int_equal(p->floor.n_forbidden_tags, 1);
    assert_string_equal(p->floor.forbidden_tags[0], "latest");
    assert_true(p->floor.line > 0);
}

static void whole_signers(const struct policy *p, const struct policy_keys *keys)
{
    assert_int_equal(p->n_signers, 3);
    assert_int_equal(keys->n, 4);
    assert_string_equal(p->signers[0].name, "release");
    assert_int_equal(p->signers[0].n, 2);
    assert_string_equal(p->signers[0].algorithms[1], "ecdsa-p384");
    assert_memory_equal(p->signers[0].fingerprints[1], public_key_fingerprint(keys->keys[1]),
                        KEY_FINGERPRINT_SIZE);
    assert_string_equal(p->signers[2].algorithms[0], "ecdsa-p521");
    assert_int_equal(p->signers[0].line, 12);
}

static void whole_checks(const struct policy *p)
{
    const struct policy_check *c = &p->checks[0];

    assert_int_equal(p->n_checks, 2);
    assert_string_equal(c->type, "https://slsa.dev/provenance/v1");
    assert_int_equal(c->statements, CHECK_ANY);
    assert_int_equal(c->n, 9);
    assert_int_equal(c->lines[0].operator, CHECK_MATCHES);
    expect_pattern(&c->lines[0].literals[0].pattern, "https://github.com/acme/*");
    assert_int_equal(c->lines[2].operator, CHECK_NOT);
    assert_int_equal(c->lines[2].literals[0].kind, JSON_NUMBER);
    assert_int_equal(c->lines[3].n, 5);
    assert_int_equal(c->lines[3].literals[2].kind, JSON_NUMBER);
    assert_int_equal(c->lines[3].literals[3].kind, JSON_TRUE_VALUE);
    assert_int_equal(c->lines[3].literals[4].kind, JSON_NULL_VALUE);
    assert_int_equal(c->lines[6].literals[0].kind, JSON_FALSE_VALUE);
    assert_int_equal(c->lines[8].operator, CHECK_AT_MOST);
    assert_true(c->lines[8].line > c->lines[7].line && c->lines[7].line > 0);
    c = &p->checks[1];
    assert_int_equal(c->statements, CHECK_NEWEST);
    assert_string_equal(c->time, "/predicate/metadata/scanFinishedOn");
    assert_int_equal(c->max_age, 7 * 86400);
    assert_int_equal(c->lines[0].over, OVER_EACH);
    assert_string_equal(c->lines[0].elements, "/predicate/Results/*/Vulnerabilities/*");
    assert_string_equal(c->lines[0].at, "/Severity");
    assert_true(c->lines[0].empty_passes && c->lines[0].absent_passes);
    assert_int_equal(c->lines[1].over, OVER_SOME);
    assert_string_equal(c->lines[1].at, "");
    assert_true(!c->lines[1].empty_passes && !c->lines[1].absent_passes);
}

static void whole_rules(const struct policy *p)
{
    const struct policy_rule *r = p->rules;

    assert_int_equal(p->n_rules, 4);
    assert_int_equal(r[0].action, RULE_ALLOW_UNSIGNED);
    assert_int_equal(r[0].until, 1830211200); /* 2027-12-31T00:00:00Z */
    assert_string_equal(r[0].text, "OPS-1182 vendor cannot sign");
    expect_pattern(&r[0].namespaces[0], "finance");
    assert_int_equal(r[1].action, RULE_DENY);
    assert_string_equal(r[1].text, "use registry.acme.example/apps instead");
    expect_pattern(&r[2].images[0], "registry.acme.example/apps/payments/**");
    assert_int_equal(r[2].require.kind, REQUIRE_ALL);
    assert_true(r[2].require.children[0].same_repository);
    assert_ptr_equal(r[2].require.children[0].signer, &p->signers[1]);
    const struct requirement *some = &r[2].require.children[1];
    assert_int_equal(some->kind, REQUIRE_AT_LEAST);
    assert_int_equal(some->at_least, 2);
    assert_int_equal(some->n, 3);
    assert_int_equal(some->children[2].kind, REQUIRE_ATTESTED);
    assert_ptr_equal(some->children[2].check, &p->checks[0]);
    assert_ptr_equal(some->children[2].signer, &p->signers[2]);
    assert_int_equal(r[3].mode, MODE_WARN);
    assert_int_equal(r[3].platforms, PLATFORMS_INDEX_OR_EACH);
    assert_int_equal(r[3].n_images, 2);
    assert_int_equal(r[3].require.kind, REQUIRE_ANY);
    assert_string_equal(r[3].require.children[0].annotations[0].name, "env");
    assert_string_equal(r[3].require.children[0].annotations[0].value, "prod");
    assert_true(r[3].line > r[2].line && r[2].require.line > r[2].line);
}

static void whole(void **state)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    (void)state;
    load_changed(&l, WHOLE, "version: 1", "version: 1");
    print_findings(&l.findings);
    EXPECT_OK(l.result, &l.err);
    whole_settings(l.policy);
    whole_signers(l.policy, &l.keys);
    whole_checks(l.policy);
    whole_rules(l.policy);
}

/* YAML and JSON of the same policy; the defaults; the name is the file's. */
static void shortest(void **state)
{
    static const char *const files[] = { POLICIES "shortest.yaml", POLICIES "shortest.json" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
        load_changed(&l, files[i], "release", "release");
        EXPECT_OK(l.result, &l.err);
        assert_string_equal(l.policy->name, "policy");
        assert_int_equal(l.policy->serial, -1);
        assert_int_equal(l.policy->use_proven_within, 0);
        assert_int_equal(l.policy->floor.n_registries, 0);
        assert_int_equal(l.policy->rules[0].platforms, PLATFORMS_INDEX);
        assert_int_equal(l.policy->rules[0].require.kind, REQUIRE_SIGNED);
    }
}

static const struct host_row {
    const char *written;
    const char *normal;
} hosts[] = {
    { "Registry.Example:443/a", "registry.example/a" },
    { "registry.example:5000/a", "registry.example:5000/a" },
    { "index.docker.io/library/nginx", "docker.io/library/nginx" },
    { "registry.hub.docker.com/a/**", "docker.io/a/**" },
    { "\"*.Example:443/a\"", "*.example/a" },
    { "\"*:5000/a\"", "*:5000/a" },
    { "one:5000/a", "one:5000/a" },
    { "one:443/a", "one:443/a" }, /* without its port it would be a path on the Hub */
    { "\"oci:/srv/Images/**\"", "oci:/srv/Images/**" },
};

static void host(void **state)
{
    const struct host_row *row = *state;
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    load_changed(&l, WHOLE, "registry.acme.example/old/**", row->written);
    EXPECT_OK(l.result, &l.err);
    expect_pattern(&l.policy->rules[1].images[0], row->normal);
}

static void long_name(int n, size_t findings)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(4 * KIB);
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    buf_addf(&text,
             "version: 1\nunmatched: deny\nsigners: {%0*d: {key: p256.pub}}\n"
             "rules: [{name: a, images: a.example/b, require: {signed: \"%0*d\"}}]\n",
             n, 0, n, 0);
    load_bytes(&l, buf_bytes(&text));
    assert_int_equal(l.findings.n, findings);
    if (findings > 0)
        assert_non_null(strstr(l.findings.items[0].text, "1 to 128 bytes"));
}

static void names(void **state)
{
    (void)state;
    long_name(128, 0);
    long_name(129, 1);
}

/* All of a file's mistakes at once, in its order, each once. */
static void all_at_once(void **state)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
    static const char text[] = "version: 1\n"
                               "unmatchd: deny\n"
                               "rules:\n"
                               "  - {name: a, images: nginx, require: {signed: relaese}}\n"
                               "  - {name: b, images: a.example/b, require: {signed: c, x: y}}\n"
                               "signers:\n"
                               "  release: {key: p256.pub}\n"
                               "  spare: {key: p384.pub}\n";

    (void)state;
    load_bytes(&l, bytes_text(text));
    EXPECT_ERR(l.result, &l.err, ERR_CONFIG, "policy.yaml:2:1: unmatchd: unknown key");
    print_findings(&l.findings);
    assert_int_equal(l.findings.n, 6);
    expect_finding(&l.findings, 0, FINDING_ERROR, "unmatchd", "did you mean \"unmatched\"?");
    expect_finding(&l.findings, 1, FINDING_ERROR, "rules[0].images", "host");
    expect_finding(&l.findings, 2, FINDING_ERROR, "rules[0].require.signed", "\"release\"");
    expect_finding(&l.findings, 3, FINDING_ERROR, "rules[1].require.signed", "no signer");
    expect_finding(&l.findings, 4, FINDING_ERROR, "rules[1].require.x", "unknown key");
    expect_finding(&l.findings, 5, FINDING_ERROR, "signers.spare", "no rule uses it");
    assert_int_equal(l.findings.items[1].line, 4);
    assert_int_equal(l.findings.items[1].column, 23);
}

static void refused_whole(void **state)
{
    static const char *const texts[] = { "", "[]", "a", "{}", "# nothing\n", "null" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
        load_bytes(&l, bytes_text(texts[i]));
        EXPECT_ERR(l.result, &l.err, ERR_CONFIG, "mapping");
        assert_int_equal(l.findings.n, 1);
    }
}

static void size_limit(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX + 1);
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_OK(file_read(&text, POLICIES "shortest.yaml", &err), &err);
    buf_add_char(&text, '#');
    while (text.len < CONFIG_FILE_MAX)
        buf_add_char(&text, '.');
    struct loaded CLEANUP(loaded_clear) fits = LOADED_INIT;
    load_bytes(&fits, buf_bytes(&text));
    EXPECT_OK(fits.result, &fits.err);
    buf_add_char(&text, '.');
    struct loaded CLEANUP(loaded_clear) longer = LOADED_INIT;
    load_bytes(&longer, buf_bytes(&text));
    EXPECT_ERR(longer.result, &longer.err, ERR_LIMIT, "policy.yaml: larger than");
}

static void hostile(void **state)
{
    static const char *const units[] = { "[", "{", "{a: ", "- ", "a: ", "[a,", "\"", "&", "x\n" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
        struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
        while (text.len + strlen(units[i]) <= CONFIG_FILE_MAX)
            buf_add_text(&text, units[i]);
        load_bytes(&l, buf_bytes(&text));
        assert_int_equal(l.result, -1);
        assert_true(l.err.code == ERR_CONFIG || l.err.code == ERR_LIMIT);
        assert_true(l.findings.n <= POLICY_FINDINGS_MAX);
    }
}

/* One finding too many: what was found stands for all. */
static void many_findings(void **state)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    (void)state;
    for (int i = 0; i < 5000; i++)
        buf_addf(&text, "unmatch%d: deny\n", i);
    buf_add_text(&text, "version: 1\n");
    load_bytes(&l, buf_bytes(&text));
    EXPECT_ERR(l.result, &l.err, ERR_CONFIG, "unmatch0: unknown key");
    assert_int_equal(l.findings.n, POLICY_FINDINGS_MAX);
}

/* `n` keys of one signer; different ones are not needed to pass the ceiling. */
static void keys_of_one(void **state)
{
    struct buf CLEANUP(buf_clear) list = BUF_INIT(4 * KIB);
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    (void)state;
    buf_add_text(&list, "[p256.pub");
    for (int i = 1; i < KEYS_MAX + 1; i++)
        buf_add_text(&list, ", p256.pub");
    buf_add_char(&list, ']');
    load_changed(&l, WHOLE, "[p256.pub, p384.pub]", buf_text(&list));
    expect_finding(&l.findings, 0, FINDING_ERROR, "signers.release.keys", "more than 64 keys");
    assert_int_equal(l.findings.n, 1);
    assert_int_equal(l.files, 1);
}

/* An Ed25519 key for each number. */
static int make_key(void *context, struct public_key **out, const char *path, struct err *err)
{
    uint8_t der[44] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };

    (void)context;
    memcpy(der + 12, path, strlen(path));
    return public_key_parse_der(out, (struct bytes) { der, sizeof(der) }, err);
}

static void many_keys(int n, const char *word)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    buf_add_text(&text, "version: 1\nunmatched: deny\nsigners:\n");
    for (int i = 0; i < n; i++)
        buf_addf(&text, "  s%d: {key: key-%d}\n", i, i);
    buf_add_text(&text, "rules:\n");
    for (int i = 0; i < n; i++)
        buf_addf(&text, "  - {name: r%d, images: h.example/a, require: {signed: s%d}}\n", i, i);
    const struct policy_source source = { .text = buf_bytes(&text),
                                          .file = "policy.yaml",
                                          .read_key = make_key };
    l.result = policy_load(&l.policy, &l.keys, &source, &l.findings, &l.err);
    if (word == NULL)
        EXPECT_OK(l.result, &l.err);
    else
        EXPECT_ERR(l.result, &l.err, ERR_CONFIG, word);
    assert_int_equal(l.keys.n, POLICY_KEYS_MAX);
}

static void keys_of_all(void **state)
{
    (void)state;
    many_keys(POLICY_KEYS_MAX, NULL);
    many_keys(POLICY_KEYS_MAX + 1, "more than 1024 different keys");
}

static void leaves(int n, const char *word)
{
    struct buf CLEANUP(buf_clear) list = BUF_INIT(4 * KIB);
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    buf_add_text(&list, "of: [{signed: release}");
    for (int i = 3; i < n; i++)
        buf_add_text(&list, ", {signed: ci}");
    load_changed(&l, WHOLE, "of: [{signed: release}", buf_text(&list));
    if (word == NULL)
        EXPECT_OK(l.result, &l.err);
    else
        EXPECT_ERR(l.result, &l.err, ERR_CONFIG, word);
}

static void leaves_of_at_least(void **state)
{
    (void)state;
    leaves(32, NULL);
    leaves(33, "more than 32");
}

/* A finding never carries the file's control characters to a terminal. */
static void escaped(void **state)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;

    (void)state;
    load_bytes(&l, BYTES_LIT("version: 1\nunmatched: \"\\e[2J\"\n\"\\e[31m\": 1\n"));
    assert_int_equal(l.result, -1);
    for (size_t i = 0; i < l.findings.n; i++) {
        assert_null(strchr(l.findings.items[i].text, '\x1b'));
        assert_null(strchr(l.findings.items[i].path, '\x1b'));
    }
    assert_null(strchr(err_text(&l.err), '\x1b'));
}

static void format(void **state)
{
    static const struct policy_finding placed = { FINDING_ERROR, 3, 7, "rules[0]", "why" };
    static const struct policy_finding whole_file = { FINDING_WARNING, 0, 0, "", "why" };
    struct buf CLEANUP(buf_clear) out = BUF_INIT(KIB);

    (void)state;
    policy_finding_format(&out, "p.yaml", &placed);
    EXPECT_BUF(&out, "p.yaml:3:7: rules[0]: why");
    buf_reset(&out);
    policy_finding_format(&out, "p.yaml", &whole_file);
    EXPECT_BUF(&out, "p.yaml: why");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(shortest),
        cmocka_unit_test(names),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(refused_whole),
        cmocka_unit_test(size_limit),
        cmocka_unit_test(hostile),
        cmocka_unit_test(many_findings),
        cmocka_unit_test(keys_of_one),
        cmocka_unit_test(keys_of_all),
        cmocka_unit_test(leaves_of_at_least),
        cmocka_unit_test(escaped),
        cmocka_unit_test(format),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(hosts, host);
    return failed != 0;
}
