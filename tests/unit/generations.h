#ifndef BULLA_TESTS_UNIT_GENERATIONS_H
#define BULLA_TESTS_UNIT_GENERATIONS_H

/* A folder with a whole configuration, as a cluster mounts it. cmocka's headers and expect.h come
 * first, in the including file. */

#include <unistd.h>

#include "tests/unit/certificates.h"
#include "webhook/generation.h"

#define KEY_ONE "tests/vectors/keys/rfc6979-p256.pub"
#define KEY_TWO "tests/vectors/keys/ed25519.pub"

#define POLICY(serial)                                                                             \
    "version: 1\nname: production\nserial: " serial "\nunmatched: deny\n"                          \
    "signers:\n  release: {key: release.pub}\n"                                                    \
    "rules:\n  - {name: all, images: \"registry.example.com/**\", require: {signed: release}}\n"

struct configuration {
    struct folder folder;
    struct authority authority;
    char policy[320], registries[320], token[320], auth[320], cert[320], key[320];
    const char *auth_list[1];
    int version;
    struct generations_options options;
};

static inline void configuration_copy_(struct configuration *c, const char *name, const char *from)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(65536);

    assert_int_equal(file_read(&text, from, NULL), 0);
    assert_int_equal(folder_write(&c->folder, name, buf_text(&text), 0600), 0);
}

/** A new version of the mounted folder, swapped in by its link ..data as the kubelet does; the old
 * one is removed. */
static inline void configuration_mount(struct configuration *c, const char *policy, const char *key)
{
    char path[128];
    char old[320];
    char next[320];

    c->version++;
    snprintf(path, sizeof(path), "mount/..v%d/policy.yaml", c->version);
    assert_int_equal(folder_write(&c->folder, path, policy, 0600), 0);
    if (key != NULL) {
        snprintf(path, sizeof(path), "mount/..v%d/release.pub", c->version);
        configuration_copy_(c, path, key);
    }
    snprintf(next, sizeof(next), "%s", folder_path(&c->folder, "mount/..next"));
    snprintf(old, sizeof(old), "%s", folder_path(&c->folder, "mount/..data"));
    snprintf(path, sizeof(path), "..v%d", c->version);
    assert_int_equal(symlink(path, next), 0);
    assert_int_equal(rename(next, old), 0);
    snprintf(path, sizeof(path), "mount/..v%d", c->version - 1);
    if (c->version > 1)
        nftw(folder_path(&c->folder, path), folder_remove_one_, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void configuration_certificate(struct configuration *c)
{
    const struct certificate_wish wish = { .name = "webhook",
                                           .alternative = "DNS:webhook.bulla.svc,IP:127.0.0.1",
                                           .usage = "serverAuth",
                                           .from = -60,
                                           .to = 86400 };

    certificate_write(&c->folder, "server", &wish, &c->authority);
}

static inline int configuration_make(struct configuration *c)
{
    static const char *const links[] = { "policy.yaml", "release.pub" };

    *c = (struct configuration) { .version = 0 };
    if (folder_make(&c->folder) != 0)
        return -1;
    authority_make(&c->authority, &c->folder, "ca");
    configuration_mount(c, POLICY("1"), KEY_ONE);
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        char from[64];
        char to[64];
        snprintf(from, sizeof(from), "..data/%s", links[i]);
        snprintf(to, sizeof(to), "mount/%s", links[i]);
        assert_int_equal(symlink(from, folder_path(&c->folder, to)), 0);
    }
    configuration_certificate(c);
    assert_int_equal(folder_write(&c->folder, "registries.yaml",
                                  "version: 1\nregistries:\n  registry.example.com:\n"
                                  "    ca: ca.pem\n    credentials: {file: login.json}\n",
                                  0600),
                     0);
    assert_int_equal(folder_write(&c->folder, "login.json", "{}", 0600), 0);
    assert_int_equal(folder_write(&c->folder, "pull/a/config.json", "{}", 0600), 0);
    assert_int_equal(folder_write(&c->folder, "token", "first\n", 0600), 0);
    snprintf(c->policy, sizeof(c->policy), "%s", folder_path(&c->folder, "mount/policy.yaml"));
    snprintf(c->registries, sizeof(c->registries), "%s",
             folder_path(&c->folder, "registries.yaml"));
    snprintf(c->token, sizeof(c->token), "%s", folder_path(&c->folder, "token"));
    snprintf(c->auth, sizeof(c->auth), "%s", folder_path(&c->folder, "pull"));
    snprintf(c->cert, sizeof(c->cert), "%s", folder_path(&c->folder, "server.crt"));
    snprintf(c->key, sizeof(c->key), "%s", folder_path(&c->folder, "server.key"));
    c->auth_list[0] = c->auth;
    c->options.files = (struct generation_files) { .policy = c->policy,
                                                   .registries = c->registries,
                                                   .token = c->token,
                                                   .tls = { .cert = c->cert, .key = c->key },
                                                   .auth = c->auth_list,
                                                   .n_auth = 1 };
    c->options.engine.timeout_ms = 1234;
    return 0;
}

static inline void configuration_remove(struct configuration *c)
{
    authority_clear(&c->authority);
    folder_remove(&c->folder);
}

#endif
