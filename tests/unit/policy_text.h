#ifndef BULLA_TESTS_UNIT_POLICY_TEXT_H
#define BULLA_TESTS_UNIT_POLICY_TEXT_H

/* Loading a policy of tests/vectors/policies, changed in one place. cmocka's headers and expect.h
 * come first, in the including file. */

#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "policy/load.h"

#define POLICIES "tests/vectors/policies/"

struct loaded {
    struct policy *policy;
    struct policy_keys keys;
    struct policy_findings findings;
    struct err err;
    int result;
    size_t files; /* key files that were read */
};

#define LOADED_INIT                                                                                \
    {                                                                                              \
        .findings = POLICY_FINDINGS_INIT, .err = ERR_INIT                                          \
    }

static inline void loaded_clear(struct loaded *l)
{
    policy_freep(&l->policy);
    policy_keys_clear(&l->keys);
    policy_findings_clear(&l->findings);
}

static inline int read_vector_key(void *context, struct public_key **out, const char *path,
                                  struct err *err)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(KEY_FILE_MAX);
    char name[256];

    *out = NULL;
    ((struct loaded *)context)->files++;
    snprintf(name, sizeof(name), "tests/vectors/keys/%s", path);
    if (file_read(&pem, name, err) != 0)
        return -1;
    return public_key_parse(out, buf_bytes(&pem), err);
}

static inline void load_bytes(struct loaded *l, struct bytes text)
{
    const struct policy_source source = {
        .text = text, .file = "policy.yaml", .read_key = read_vector_key, .context = l
    };

    l->result = policy_load(&l->policy, &l->keys, &source, &l->findings, &l->err);
}

/** The file's text with the first `from` replaced by `to`. */
static inline void load_changed(struct loaded *l, const char *file, const char *from,
                                const char *to)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    struct buf CLEANUP(buf_clear) changed = BUF_INIT(2 * CONFIG_FILE_MAX);
    struct err err = ERR_INIT;

    EXPECT_OK(file_read(&text, file, &err), &err);
    const char *at = strstr(buf_text(&text), from);
    assert_non_null(at);
    buf_add(&changed, text.data, (size_t)(at - buf_text(&text)));
    buf_add_text(&changed, to);
    buf_add_text(&changed, at + strlen(from));
    load_bytes(l, buf_bytes(&changed));
}

/** The one finding there is. */
static inline void expect_finding(const struct policy_findings *findings, size_t i,
                                  enum finding_level level, const char *path, const char *word)
{
    assert_true(i < findings->n);
    const struct policy_finding *f = &findings->items[i];
    if (f->level != level || strcmp(f->path, path) != 0 || strstr(f->text, word) == NULL)
        print_error("%d:%d: %s: %s\nexpected %s: ...%s...\n", f->line, f->column, f->path, f->text,
                    path, word);
    assert_int_equal(f->level, level);
    assert_string_equal(f->path, path);
    assert_non_null(strstr(f->text, word));
}

static inline void print_findings(const struct policy_findings *findings)
{
    for (size_t i = 0; i < findings->n; i++)
        print_error("%d:%d: %s: %s\n", findings->items[i].line, findings->items[i].column,
                    findings->items[i].path, findings->items[i].text);
}

#endif
