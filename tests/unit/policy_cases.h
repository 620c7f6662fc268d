#ifndef BULLA_TESTS_UNIT_POLICY_CASES_H
#define BULLA_TESTS_UNIT_POLICY_CASES_H

/* What tests of `verify policy test` share: a policy in a folder, and files of cases beside it.
 * cmocka's headers come first, in the including file. */

#include "base/limits.h"
#include "registry/registries.h"
#include "tests/unit/evidence.h"
#include "tests/unit/folder.h"
#include "verify/policy_test.h"

#define NOW ((int64_t)1790000000) /* 2026-09-21 */
#define SLSA "https://slsa.dev/provenance/v1"
#define APP "r.example/apps/web"
#define DIGEST "sha256:" VECTOR_HEX

static const char policy_text[] =
    "version: 1\n"
    "name: production\n"
    "unmatched: deny\n"
    "signers:\n"
    "  release: {keys: [p256.pub, rfc6979-p256.pub]}\n"
    "  ci: {key: ed25519.pub}\n"
    "checks:\n"
    "  built:\n"
    "    type: " SLSA "\n"
    "    statements: any\n"
    "    where: [{at: /predicate/builder, is: ours}]\n"
    "floor: {forbid-tags: [latest]}\n"
    "rules:\n"
    "  - {name: secret, images: r.example/secret/**, namespaces: [pay], require: {signed: ci}}\n"
    "  - name: own\n"
    "    images: r.example/apps/own\n"
    "    require: {signed: release, annotations: {env: prod}, repository: same}\n"
    "  - {name: built, images: r.example/apps/built, require: {attested: built, by: ci}}\n"
    "  - {name: soft, images: r.example/soft/**, mode: warn, require: {signed: release}}\n"
    "  - {name: each, images: r.example/each/**, platforms: each, require: {signed: release}}\n"
    "  - name: old\n"
    "    images: r.example/old/**\n"
    "    allow-unsigned: {reason: old, until: 2026-12-01}\n"
    "  - {name: gone, images: r.example/gone/**, deny: use another}\n"
    "  - {name: apps, images: r.example/apps/**, require: {signed: release}}\n";

struct world {
    struct folder folder;
    struct registries *registries;
};

static inline void copy_key(struct world *w, const char *name)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(64 * KIB);
    char path[128];

    snprintf(path, sizeof(path), KEYS "%s", name);
    assert_int_equal(file_read(&pem, path, NULL), 0);
    assert_int_equal(folder_write(&w->folder, name, buf_text(&pem), 0644), 0);
}

static inline int make_world(void **state)
{
    const struct registries_options options = { .user_agent = "bulla-test" };
    struct world *w = calloc(1, sizeof(*w));
    struct err err = ERR_INIT;

    assert_non_null(w);
    assert_int_equal(folder_make(&w->folder), 0);
    EXPECT_OK(registries_new(&w->registries, &options, &err), &err);
    copy_key(w, "p256.pub");
    copy_key(w, "rfc6979-p256.pub");
    copy_key(w, "ed25519.pub");
    assert_int_equal(folder_write(&w->folder, "policy.yaml", policy_text, 0644), 0);
    *state = w;
    return 0;
}

static inline int drop_world(void **state)
{
    struct world *w = *state;

    registries_free(w->registries);
    folder_remove(&w->folder);
    free(w);
    return 0;
}

/* Read a file of this text, in the folder of the policy. */
static inline int read_text(struct policy_test *out, struct world *w, const char *text,
                            const char *policy, struct err *err)
{
    assert_int_equal(folder_write(&w->folder, "cases.yaml", text, 0644), 0);
    const struct policy_test_source source = { folder_path(&w->folder, "cases.yaml"), policy, NOW };
    return policy_test_read(out, &source, err);
}

#define HEAD "version: 1\npolicy: policy.yaml\ncases:\n"

/* One case, whose keys behind its name stand between braces. */
static inline int read_one(struct policy_test *out, struct world *w, const char *keys,
                           struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MIB);

    buf_addf(&text, HEAD "  - {name: one, %s}\n", keys);
    return read_text(out, w, buf_text(&text), NULL, err);
}

#define IMAGE "image: " APP ":1, "
#define NONE "facts: [], "
#define DENY "expect: {verdict: deny}"

#endif
