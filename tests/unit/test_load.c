/* Every field of a policy: one input that only this field refuses, beside the accepted one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/expect.h"
#include "tests/unit/policy_text.h"

#define WHOLE POLICIES "whole.yaml"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A128 A64 A64
#define A129 A128 "a"
#define A512 A128 A128 A128 A128
#define WHERE "      - {at: /predicate/kind, is: full}"
#define EACH                                                                                       \
    "      - {each: /predicate/Results/*/Vulnerabilities/*, at: /Severity, not-in: [CRITICAL], "
#define ONE "      - {one: /predicate/scanners/*, at: \"\", is: trivy, empty: fail}"
#define OLD "    images: registry.acme.example/old/**"
#define LINE(text) "      - {" text "}"
#define OLD_IMAGES(text) "    images: " text

/* whole.yaml, which is accepted, with one thing changed: one finding, at that place. */
static const struct refused_row {
    const char *from;
    const char *to;
    const char *path;
    const char *word;
} refused[] = {
    /* the whole file */
    { "version: 1\n", "", "", "version is missing" },
    { "version: 1\n", "version: 2\n", "version", "version 1 is the only" },
    { "version: 1\n", "version: \"1\"\n", "version", "version 1 is the only" },
    { "version: 1\n", "version: 1\nversoin: 1\n", "versoin", "did you mean \"version\"?" },
    { "name: production", "name: \"\"", "name", "none is written" },
    { "name: production", "name: 7", "name", "quotes" },
    { "name: production", "name: \"a\\tb\"", "name", "control" },
    { "name: production", "name: " A129, "name", "longer than 128" },
    { "serial: 42", "serial: -1", "serial", "from 0 on" },
    { "serial: 42", "serial: \"42\"", "serial", "from 0 on" },
    { "mode: enforce", "mode: enforced", "mode", "did you mean \"enforce\"?" },
    { "unmatched: deny\n", "", "", "unmatched is missing" },
    { "unmatched: deny", "unmatched: denied", "unmatched", "known: deny, warn, allow" },
    { "unmatched: deny", "unmatched: dney", "unmatched", "did you mean \"deny\"?" },
    { "unmatched: deny", "unmatched:", "unmatched", "none is written" },
    { "tags: pin", "tags: latest", "tags", "known: pin, require-digest, allow" },
    { "templates: warn", "templates: audit", "templates", "known: warn" },
    { "unknown: {use-proven-within: 24h}", "unknown: allow", "unknown", "known: deny" },
    { "unknown: {use-proven-within: 24h}", "unknown: {}", "unknown", "empty mapping" },
    { "within: 24h", "within: 24", "unknown.use-proven-within", "quotes" },
    { "within: 24h", "within: 0h", "unknown.use-proven-within", "30m, 24h, 7d" },
    { "within: 24h", "within: h", "unknown.use-proven-within", "30m, 24h, 7d" },
    { "within: 24h", "within: 1.5h", "unknown.use-proven-within", "30m, 24h, 7d" },
    { "within: 24h", "within: 1w", "unknown.use-proven-within", "30m, 24h, 7d" },
    { "within: 24h", "within: 3651d", "unknown.use-proven-within", "at most 3650d" },
    { "floor:\n", "trust: {}\nfloor:\n", "trust", "not supported yet" },
    /* signers */
    { "proof: []", "proof: [log]", "signers.release.proof", "not supported yet" },
    { "proof: []", "proof: {}", "signers.release.proof", "not supported yet" },
    { "proof: []", "valid: {from: 2026-01-01}", "signers.release.valid", "not supported yet" },
    { "proof: []", "trust: corp", "signers.release.trust", "not supported yet" },
    { "proof: []", "keylesss: []", "signers.release.keylesss", "did you mean \"keyless\"?" },
    { "proof: []", "key: p521.pub", "signers.release", "only one of key, keys" },
    { "    key: ed25519.pub", "    keyless: {issuer: x}", "signers.ci.keyless",
      "keyless signers are not supported yet" },
    { "    key: ed25519.pub", "    notation: {trust: x}", "signers.ci.notation",
      "Notation signers are not supported yet" },
    { "    key: ed25519.pub", "    proof: []", "signers.ci", "needs key or keys" },
    { "    key: ed25519.pub", "    {}", "signers.ci", "empty mapping" },
    { "    key: ed25519.pub", "    key: [ed25519.pub]", "signers.ci.key", "a text is wanted" },
    { "    key: ed25519.pub", "    key: ed25519-pkcs8.pem", "signers.ci.key", "private key" },
    { "    key: ed25519.pub", "    key: nothing.pub", "signers.ci.key", "nothing.pub" },
    { "    key: ed25519.pub", "    key: \"-----BEGIN X\"", "signers.ci.key", "PEM" },
    { "[p256.pub, p384.pub]", "[]", "signers.release.keys", "empty list" },
    { "[p256.pub, p384.pub]", "p256.pub", "signers.release.keys", "a list is wanted" },
    { "[p256.pub, p384.pub]", "[p256.pub, 7]", "signers.release.keys[1]", "a text is wanted" },
    { "[p256.pub, p384.pub]", "[p256.pub, p256.pub]", "signers.release.keys[1]", "twice" },
    { "  ci:\n", "  spare: {key: p256.pub}\n  ci:\n", "signers.spare", "no rule uses it" },
    /* checks */
    { "  no-critical:\n",
      "  spare: {type: a:b, statements: any, where: [{at: /a, is: b}]}\n"
      "  no-critical:\n",
      "checks.spare", "no rule uses it" },
    { "    type: https://slsa.dev/provenance/v1\n", "", "checks.built-by-us", "type is missing" },
    { "type: https://slsa.dev/provenance/v1", "type: slsaprovenance1", "checks.built-by-us.type",
      "whole URI" },
    { "type: https://slsa.dev/provenance/v1", "type: \"https:\"", "checks.built-by-us.type",
      "whole URI" },
    { "type: https://slsa.dev/provenance/v1", "type: https://sigstore.dev/cosign/sign/v1",
      "checks.built-by-us.type", "signatures" },
    { "    statements: any\n", "", "checks.built-by-us", "statements is missing" },
    { "statements: any", "statements: latest", "checks.built-by-us.statements",
      "any, every, newest" },
    { "    time: /predicate/metadata/scanFinishedOn\n    max-age: 7d\n", "", "checks.no-critical",
      "newest needs" },
    { "    statements: any\n", "    statements: any\n    max-age: 7d\n", "checks.built-by-us",
      "max-age needs" },
    { "time: /pred", "time: pred", "checks.no-critical.time", "begin with /" },
    { "time: /predicate/metadata/scanFinishedOn", "time: \"\"", "checks.no-critical.time",
      "none is written" },
    { "time: /predicate/metadata", "time: /predicate/*", "checks.no-critical.time", "star" },
    { "max-age: 7d", "max-age: 7", "checks.no-critical.max-age", "text is wanted" },
    /* lines */
    { WHERE, LINE("is: full"), "checks.built-by-us.where[1]", "at is missing" },
    { WHERE, LINE("at: /a"), "checks.built-by-us.where[1]", "operator is missing" },
    { WHERE, LINE("at: /a, is: b, not: c"), "checks.built-by-us.where[1]", "more than one" },
    { WHERE, LINE("at: /a, iss: b"), "checks.built-by-us.where[1].iss", "did you mean \"is\"?" },
    { WHERE, LINE("at: a, is: b"), "checks.built-by-us.where[1].at", "begin with /" },
    { WHERE, LINE("at: /a~2, is: b"), "checks.built-by-us.where[1].at", "~" },
    { WHERE, LINE("at: 7, is: b"), "checks.built-by-us.where[1].at", "JSON pointer" },
    { WHERE, LINE("at: , is: b"), "checks.built-by-us.where[1].at", "JSON pointer" },
    { WHERE, LINE("at: \"\", is: b"), "checks.built-by-us.where[1]", "whole statement" },
    { WHERE, LINE("at: /a/*, is: b"), "checks.built-by-us.where[1].at", "each and one" },
    { WHERE, LINE("at: /" A512 A512 ", is: b"), "checks.built-by-us.where[1].at", "1024" },
    { WHERE, LINE("at: /a, is: [b]"), "checks.built-by-us.where[1].is", "one value" },
    { WHERE, LINE("at: /a, is: {b: c}"), "checks.built-by-us.where[1].is", "one value" },
    { WHERE, LINE("at: /a, is: "), "checks.built-by-us.where[1].is", "nothing is written" },
    { WHERE, LINE("at: /a, is: ~"), "checks.built-by-us.where[1].is", "nothing is written" },
    { WHERE, LINE("at: /a, is: -0"), "checks.built-by-us.where[1].is", "write 0" },
    { WHERE, LINE("at: /a, not: 1.5"), "checks.built-by-us.where[1].not", "quotes" },
    { WHERE, LINE("at: /a, not: 0x1f"), "checks.built-by-us.where[1].not", "quotes" },
    { WHERE, LINE("at: /a, is: 0o17"), "checks.built-by-us.where[1].is", "quotes" },
    { WHERE, LINE("at: /a, not: 1e3"), "checks.built-by-us.where[1].not", "quotes" },
    { WHERE, LINE("at: /a, not: 99999999999999999999"), "checks.built-by-us.where[1].not",
      "quotes" },
    { WHERE, LINE("at: /a, not: 010"), "checks.built-by-us.where[1].not", "quotes" },
    { WHERE, LINE("at: /a, not: .5"), "checks.built-by-us.where[1].not", "quotes" },
    { WHERE, LINE("at: /a, not: Yes"), "checks.built-by-us.where[1].not", "quotes" },
    { WHERE, LINE("at: /a, not: True"), "checks.built-by-us.where[1].not", "quotes" },
    { WHERE, LINE("at: /a, in: b"), "checks.built-by-us.where[1].in", "a list is wanted" },
    { WHERE, LINE("at: /a, in: []"), "checks.built-by-us.where[1].in", "empty list" },
    { WHERE, LINE("at: /a, in: [b, [c]]"), "checks.built-by-us.where[1].in[1]", "one value" },
    { WHERE, LINE("at: /a, in: [b, c, b]"), "checks.built-by-us.where[1].in[2]", "twice" },
    { WHERE, LINE("at: /a, not-in: b"), "checks.built-by-us.where[1].not-in", "a list" },
    { WHERE, LINE("at: /a, matches: []"), "checks.built-by-us.where[1].matches", "empty list" },
    { WHERE, LINE("at: /a, matches: \"\""), "checks.built-by-us.where[1].matches", "none" },
    { WHERE, LINE("at: /a, matches: a**"), "checks.built-by-us.where[1].matches", "stands alone" },
    { WHERE, LINE("at: /a, matches: 7"), "checks.built-by-us.where[1].matches", "quotes" },
    { WHERE, LINE("at: /a, not-matches: [b, a**]"), "checks.built-by-us.where[1].not-matches[1]",
      "stands alone" },
    { WHERE, LINE("at: /a, exists: yes"), "checks.built-by-us.where[1].exists", "true or false" },
    { WHERE, LINE("at: /a, at-least: \"7\""), "checks.built-by-us.where[1].at-least", "whole" },
    { WHERE, LINE("at: /a, at-most: 7.5"), "checks.built-by-us.where[1].at-most", "whole" },
    { WHERE, LINE("at: /a, is: b, empty: pass"), "checks.built-by-us.where[1]", "no effect" },
    { WHERE, LINE("at: /a, is: b, absent: pass"), "checks.built-by-us.where[1]", "no effect" },
    { EACH "empty: pass, ", EACH, "checks.no-critical.where[0]", "empty is missing" },
    { EACH "empty: pass", EACH "empty: true", "checks.no-critical.where[0].empty", "quotes" },
    { EACH "empty: pass", EACH "empty: skip", "checks.no-critical.where[0].empty", "fail, pass" },
    { "absent: pass", "absent: deny", "checks.no-critical.where[0].absent", "known: fail" },
    { "Vulnerabilities/*,", "Vulnerabilities,", "checks.no-critical.where[0].each", "ends with" },
    { "Vulnerabilities/*,", "Vulnerabilities*,", "checks.no-critical.where[0].each",
      "stands alone" },
    { ONE, LINE("one: /a/*, at: /*, is: b, empty: fail"), "checks.no-critical.where[1].at",
      "star" },
    { ONE, LINE("one: /a, at: /b, is: b, empty: fail"), "checks.no-critical.where[1].one",
      "ends with" },
    { ONE, LINE("one: /a/*, each: /a/*, at: /b, is: b, empty: fail"), "checks.no-critical.where[1]",
      "exclude" },
    { "    where:\n      - {each:", "    wheer:\n      - {each:", "checks.no-critical.wheer",
      "did you mean \"where\"?" },
    /* floor */
    { "registries: [\"registry.acme.example/**\", ", "registries: [\"nginx\", ",
      "floor.registries[0]", "begins with the registry's host" },
    { "docker.io/library/*\"]", "a.example/b@sha256:" A64 "\"]", "floor.registries[2]",
      "allow-unsigned or deny" },
    { "[ecdsa-p256, ", "[ecdsa-p255, ", "floor.algorithms[0]", "did you mean \"ecdsa-p256\"?" },
    { "[ecdsa-p256, ", "[ecdsa-p384, ", "floor.algorithms[1]", "twice" },
    { "[latest]", "[]", "floor.forbid-tags", "empty list" },
    { "[latest]", "latest", "floor.forbid-tags", "a list" },
    { "[latest]", "[latest, \"v*\"]", "floor.forbid-tags[1]", "without stars" },
    { "[latest]", "[latest, latest]", "floor.forbid-tags[1]", "twice" },
    { "forbid-tags:", "forbid-tag:", "floor.forbid-tag", "did you mean \"forbid-tags\"?" },
    /* images */
    { OLD, OLD_IMAGES("nginx"), "rules[1].images", "begins with the registry's host" },
    { OLD, OLD_IMAGES("acme/app"), "rules[1].images", "begins with the registry's host" },
    { OLD, OLD_IMAGES("\"**\""), "rules[1].images", "*/**" },
    { OLD, OLD_IMAGES("\"**/a\""), "rules[1].images", "*/**" },
    { OLD, OLD_IMAGES("a.example"), "rules[1].images", "no repository" },
    { OLD, OLD_IMAGES("a.example/"), "rules[1].images", "no repository" },
    { OLD, OLD_IMAGES("a.example/b/"), "rules[1].images", "empty part" },
    { OLD, OLD_IMAGES("a.example//b"), "rules[1].images", "empty part" },
    { OLD, OLD_IMAGES("a.example/B"), "rules[1].images", "lower case" },
    { OLD, OLD_IMAGES("a.example/b:1"), "rules[1].images", "no tag" },
    { OLD, OLD_IMAGES("a.example/b:1@sha256:" A64), "rules[1].images", "no tag" },
    { OLD, OLD_IMAGES("\"a.example/b?\""), "rules[1].images", "0x3f" },
    { OLD, OLD_IMAGES("a.example/b@sha256:" A64 "a"), "rules[1].images", "digest" },
    { OLD, OLD_IMAGES("a.example/b@"), "rules[1].images", "digest" },
    { OLD, OLD_IMAGES("a.example/b**"), "rules[1].images", "stands alone" },
    { OLD, OLD_IMAGES("a_b.example/c"), "rules[1].images", "not a registry's host" },
    { OLD, OLD_IMAGES("\"*_b/c\""), "rules[1].images", "not a registry's host" },
    { OLD, OLD_IMAGES("https://a.example/c"), "rules[1].images", "host" },
    { OLD, OLD_IMAGES("docker.io/nginx"), "rules[1].images", "docker.io/library/nginx" },
    { OLD, OLD_IMAGES("index.docker.io/*"), "rules[1].images", "docker.io/library/*" },
    { OLD, OLD_IMAGES("\"oci:\""), "rules[1].images", "oci:DIR" },
    { OLD, OLD_IMAGES("\"oci:/srv/x:1\""), "rules[1].images", "oci:DIR" },
    { OLD, OLD_IMAGES("[]"), "rules[1].images", "empty list" },
    { OLD, OLD_IMAGES("{a: b}"), "rules[1].images", "a text is wanted" },
    { OLD, OLD_IMAGES("[a.example/a, a.example/b, a.example/a]"), "rules[1].images[2]", "twice" },
    { "images: [registry.acme.example/apps/**,", "images: [registry.acme.example/a@sha256:" A64 ",",
      "rules[3].images[0]", "allow-unsigned or deny" },
    /* rules */
    { "[finance]", "[]", "rules[0].namespaces", "empty list" },
    { "[finance]", "[\"**\"]", "rules[0].namespaces[0]", "one part" },
    { "[finance]", "Finance", "rules[0].namespaces", "small letters" },
    { "[finance]", "a/b", "rules[0].namespaces", "small letters" },
    { "[finance]", A64, "rules[0].namespaces", "63" },
    { "[finance]", "[7]", "rules[0].namespaces[0]", "quotes" },
    { "{reason: \"OPS-1182 vendor cannot sign\", ", "{", "rules[0].allow-unsigned",
      "reason is missing" },
    { "\"OPS-1182 vendor cannot sign\"", "\"\"", "rules[0].allow-unsigned.reason", "none" },
    { "\"OPS-1182 vendor cannot sign\"", A512, "rules[0].allow-unsigned.reason", "511" },
    { "2027-12-31}", "2027-12-32}", "rules[0].allow-unsigned.until", "2026-12-31" },
    { "2027-12-31}", "1970-01-01}", "rules[0].allow-unsigned.until", "2026-12-31" },
    { "2027-12-31}", "2027-12-31T00:00:00Z}", "rules[0].allow-unsigned.until", "2026-12-31" },
    { "2027-12-31}", "20271231}", "rules[0].allow-unsigned.until", "a text is wanted" },
    { "until:", "untill:", "rules[0].allow-unsigned.untill", "did you mean \"until\"?" },
    { "deny: use registry.acme.example/apps instead", "deny: true", "rules[1].deny", "quotes" },
    { "    deny: use registry.acme.example/apps instead\n", "", "rules[1]", "deny is missing" },
    { "    deny: use", "    require: {signed: ci}\n    deny: use", "rules[1]", "only one of" },
    { "    deny: use", "    platforms: each\n    deny: use", "rules[1]", "no effect" },
    { "    allow-unsigned:", "    mode: audit\n    allow-unsigned:", "rules[0]", "no effect" },
    { "  - name: old\n    images", "  - images", "rules[1]", "name is missing" },
    { "  - name: old\n", "  - name: payments\n", "rules[2]", "named \"payments\" too" },
    { "    images: registry.acme.example/old/**\n", "", "rules[1]", "images is missing" },
    { "mode: warn", "mode: off", "rules[3].mode", "known: enforce, warn, audit" },
    { "platforms: index-or-each", "platforms: all", "rules[3].platforms", "index, each" },
    /* demands */
    { "{signed: ci, repository: same}", "{sigend: ci, repository: same}",
      "rules[2].require.all[0].sigend", "did you mean \"signed\"?" },
    { "{signed: ci, repository: same}", "{repository: same}", "rules[2].require.all[0]",
      "one of signed, attested" },
    { "{signed: ci, repository: same}", "{}", "rules[2].require.all[0]", "empty mapping" },
    { "{signed: ci, repository: same}", "ci", "rules[2].require.all[0]", "a mapping" },
    { "{signed: ci, repository: same}", "{signed: cj, repository: same}",
      "rules[2].require.all[0].signed", "did you mean \"ci\"?" },
    { "{signed: ci, repository: same}", "{signed: nobody}", "rules[2].require.all[0].signed",
      "no signer is named \"nobody\"" },
    { "{signed: ci, repository: same}", "{signed: built-by-us}", "rules[2].require.all[0].signed",
      "no signer is named" },
    { "{signed: ci, repository: same}", "{signed: [ci]}", "rules[2].require.all[0].signed",
      "a text is wanted" },
    { "{signed: ci, repository: same}", "{signed: ci, attested: built-by-us}",
      "rules[2].require.all[0]", "only one of" },
    { "{signed: ci, repository: same}", "{signed: ci, by: ci}", "rules[2].require.all[0].by",
      "known here: signed, annotations, repository" },
    { "repository: same", "repository: any", "rules[2].require.all[0].repository", "same" },
    { "{atLeast: 2,", "{atLeast: 0,", "rules[2].require.all[1].atLeast", "from 1" },
    { "{atLeast: 2,", "{atLeast: 4,", "rules[2].require.all[1]", "4 of 3 can never be" },
    { "{atLeast: 2,", "{atLeast: 33,", "rules[2].require.all[1].atLeast", "to 32" },
    { "{atLeast: 2,", "{atLeast: \"2\",", "rules[2].require.all[1].atLeast", "a number" },
    { "{atLeast: 2, of: [{signed: release},", "{atLeast: 2, of: [{any: [{signed: release}]},",
      "rules[2].require.all[1].of[0]", "signed and attested only" },
    { "{atLeast: 2, of:", "{atLeast: 2, off:", "rules[2].require.all[1].off",
      "did you mean \"of\"?" },
    { ", by: inline}", "}", "rules[2].require.all[1].of[2]", "by is missing" },
    { "attested: built-by-us", "attested: built-by-use", "rules[2].require.all[1].of[2].attested",
      "did you mean \"built-by-us\"?" },
    { "{env: prod}", "{}", "rules[3].require.any[0].annotations", "empty mapping" },
    { "{env: prod}", "[env]", "rules[3].require.any[0].annotations", "a mapping" },
    { "{env: prod}", "{env: 1}", "rules[3].require.any[0].annotations.env", "quotes" },
    /* what YAML itself refuses */
    { "version: 1\n", "version: 1\nversion: 1\n", "", "duplicate key" },
    { "version: 1\n", "version: !!int 1\n", "", "tags are not supported" },
    { "[latest]", "&a [latest]", "", "anchors are not supported" },
    { "version: 1\n", "version: [1\n", "", "did not find" },
};

static void refuse(void **state)
{
    struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
    const struct refused_row *row = *state;

    load_changed(&l, WHOLE, row->from, row->to);
    if (l.findings.n != 1)
        print_findings(&l.findings);
    expect_finding(&l.findings, 0, FINDING_ERROR, row->path, row->word);
    assert_int_equal(l.findings.n, 1);
    assert_int_equal(l.findings.errors, 1);
    assert_null(l.policy);
    EXPECT_ERR(l.result, &l.err, ERR_CONFIG, row->word);
}

static int run_refused(void)
{
    static char names[ARRAY_LEN(refused)][32];
    static struct CMUnitTest tests[ARRAY_LEN(refused)];

    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        snprintf(names[i], sizeof(names[i]), "refused[%zu]", i);
        tests[i] = (struct CMUnitTest) { .name = names[i],
                                         .test_func = refuse,
                                         .initial_state = (void *)(uintptr_t)&refused[i] };
    }
    return _cmocka_run_group_tests("refused", tests, ARRAY_LEN(refused), NULL, NULL);
}

/* Other ways to write what whole.yaml has. */
static const struct refused_row accepted[] = {
    { "name: production\n", "", "", "" },
    { "serial: 42", "serial: 0", "", "" },
    { "mode: enforce", "mode: audit", "", "" },
    { "unmatched: deny", "unmatched: allow", "", "" },
    { "tags: pin", "tags: require-digest", "", "" },
    { "templates: warn", "templates: ignore", "", "" },
    { "unknown: {use-proven-within: 24h}", "unknown: deny", "", "" },
    { "within: 24h", "within: 3650d", "", "" },
    { "within: 24h", "within: 30m", "", "" },
    { "proof: []", "proof: [ ]", "", "" },
    { "[p256.pub, p384.pub]", "[p256.pub]", "", "" },
    { "    key: ed25519.pub", "    key: p256.pub", "", "" }, /* one key, two signers */
    { WHERE, LINE("at: /a, is: null"), "", "" },
    { WHERE, LINE("at: /a, is: \"1.5\""), "", "" },
    { WHERE, LINE("at: /a, is: \"yes\""), "", "" },
    { WHERE, LINE("at: /a, is: v1.5"), "", "" },
    { WHERE, LINE("at: /a, is: -7"), "", "" },
    { WHERE, LINE("at: /a, in: [1, \"1\"]"), "", "" },
    { WHERE,
      LINE("at: /" A512 A128 A128 A128 A64
           "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, is: b"),
      "", "" },
    { WHERE, LINE("at: /a~0~1b, exists: true"), "", "" },
    { WHERE, LINE("one: /*, at: /a, exists: true, empty: fail, absent: fail"), "", "" },
    { "    statements: any\n", "    statements: every\n    time: /t\n", "", "" },
    { OLD, OLD_IMAGES("\"*/**\""), "", "" },
    { OLD, OLD_IMAGES("\"*.Example:443/x\""), "", "" },
    { OLD, OLD_IMAGES("localhost/x"), "", "" },
    { OLD, OLD_IMAGES("\"[::1]:5000/x\""), "", "" },
    { OLD, OLD_IMAGES("127.0.0.1:5000/**"), "", "" },
    { OLD, OLD_IMAGES("oci:/srv/images/**"), "", "" },
    { OLD, OLD_IMAGES("docker.io/**"), "", "" },
    { OLD, OLD_IMAGES("a.example/b@sha512:" A128), "", "" },
    { "[finance]", "\"*\"", "", "" },
    { "[finance]", "f", "", "" },
    { ", until: 2027-12-31}", "}", "", "" },
    { "{atLeast: 2,", "{atLeast: 3,", "", "" },
};

static void accept(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct loaded CLEANUP(loaded_clear) l = LOADED_INIT;
        load_changed(&l, WHOLE, accepted[i].from, accepted[i].to);
        print_findings(&l.findings);
        EXPECT_OK(l.result, &l.err);
        assert_int_equal(l.findings.n, 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(accept) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += run_refused();
    return failed != 0;
}
