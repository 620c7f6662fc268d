#ifndef BULLA_SIGN_BUILD_ENV_H
#define BULLA_SIGN_BUILD_ENV_H

#include "base/mem.h"

/** Who says how the image was built. */
enum build_source { BUILD_FLAGS, BUILD_GITHUB, BUILD_GITLAB };

/** What a build environment tells of the build, in the terms of SLSA provenance v1. What it does
 * not tell is NULL; texts live in the arena. */
struct build_env {
    enum build_source source;
    const char *builder_id;
    const char *builder_version; /* members of a JSON object, or NULL */
    const char *build_type;
    const char *external; /* members of externalParameters as JSON, "" when none */
    const char *internal; /* of internalParameters, "" when none */
    const char *repository, *commit, *ref;
    const char *invocation_id;
    const char *started; /* RFC 3339 */
};

/**
 * Read the build environment. The only reader of its variables.
 *
 * @param from  "github", "gitlab", "flags" (nothing is read), or NULL: told from the variables that
 * each system sets (GITHUB_ACTIONS, GITLAB_CI)
 * @return 0, or -1 with ERR_USAGE naming the variable that is not set or not what it should be;
 * ERR_NOMEM
 *
 * GitHub: the build type and members of actions/attest-build-provenance (sigstore.md 4.6). GitLab:
 * those of the provenance that its runner writes, but for the commit, which is a gitCommit here.
 */
int build_env_read(struct build_env *out, const char *from, struct arena *arena,
                   struct err *err) MUST_CHECK;

/* What a value must look like; also for flags. */
enum build_form {
    BUILD_TEXT,   /* one line of text */
    BUILD_WORD,   /* text without blanks */
    BUILD_URI,    /* a URI: scheme, no blanks, no password in it */
    BUILD_COMMIT, /* 40 or 64 lower-case hex digits */
    BUILD_DIGITS,
    BUILD_TIME /* RFC 3339 */
};

/** Is the value of this form? -1 with ERR_USAGE: "NAME: not a URI". */
int build_value_check(const char *name, const char *value, enum build_form form,
                      struct err *err) MUST_CHECK;

/** Append ,"name":"value" to members of an object, without the comma where they begin; nothing for
 * NULL. */
void build_member(struct buf *out, const char *name, const char *value);

#endif
