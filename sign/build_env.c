#include "sign/build_env.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"

#define GITHUB_BUILD_TYPE "https://actions.github.io/buildtypes/workflow/v1"

static bool is_word(const char *value)
{
    return text_plain(bytes_text(value)) && strpbrk(value, " \t") == NULL;
}

/* A password in a URI would be published with the provenance. */
static bool has_password(const char *uri)
{
    const char *authority = strstr(uri, "://");

    if (authority == NULL)
        return false;
    authority += 3;
    const size_t len = strcspn(authority, "/?#");
    const char *at = memchr(authority, '@', len);
    return at != NULL && memchr(authority, ':', (size_t)(at - authority)) != NULL;
}

static bool is_commit(const char *value)
{
    const size_t len = strlen(value);

    return (len == 40 || len == 64) && strspn(value, "0123456789abcdef") == len;
}

static bool is_time(const char *value)
{
    struct err ignored = ERR_INIT;
    int64_t seconds;

    return time_parse(&seconds, bytes_text(value), &ignored) == 0;
}

static const char *wrong_with(const char *value, enum build_form form)
{
    switch (form) {
    case BUILD_TEXT:
        return text_plain(bytes_text(value)) ? NULL : "not one line of text";
    case BUILD_WORD:
        return is_word(value) ? NULL : "not a word: it holds blanks or control characters";
    case BUILD_URI:
        if (!text_is_uri(bytes_text(value)))
            return "not a URI";
        return has_password(value) ? "it holds a password, which would be published" : NULL;
    case BUILD_COMMIT:
        return is_commit(value) ? NULL : "not a commit: 40 or 64 lower-case hex digits";
    case BUILD_DIGITS:
        return value[strspn(value, "0123456789")] == '\0' ? NULL : "not a number";
    case BUILD_TIME:
        return is_time(value) ? NULL : "not an RFC 3339 time";
    }
    return "unknown form";
}

int build_value_check(const char *name, const char *value, enum build_form form, struct err *err)
{
    const char *wrong = value[0] == '\0' ? "empty" : wrong_with(value, form);

    return wrong == NULL ? 0 : err_set(err, ERR_USAGE, "%s: %s", name, wrong);
}

void build_member(struct buf *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    if (out->len > 0)
        buf_add_char(out, ',');
    text_json(out, bytes_text(name));
    buf_add_char(out, ':');
    text_json(out, bytes_text(value));
}

struct variable {
    const char *name;
    const char **value;
    enum build_form form;
    bool required;
};

/* NULL when not set or empty, which systems do not tell apart. */
static const char *variable(const char *name)
{
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): nothing sets it */

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static int variables_read(const struct variable *variables, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct variable *v = &variables[i];
        *v->value = variable(v->name);
        if (*v->value == NULL && v->required)
            return err_set(err, ERR_USAGE, "%s: not set", v->name);
        if (*v->value != NULL && build_value_check(v->name, *v->value, v->form, err) != 0)
            return -1;
    }
    return 0;
}

static int keep(const char **out, struct arena *arena, const struct buf *text, struct err *err)
{
    if (buf_check(text, "build environment", err) != 0)
        return -1;
    *out = arena_text(arena, buf_bytes(text), err);
    return *out == NULL ? -1 : 0;
}

/* GITHUB_WORKFLOW_REF: "OWNER/REPO/PATH@REF". */
struct workflow {
    const char *repository; /* URL */
    const char *path;
    const char *ref;
};

static int workflow_split(struct workflow *out, const char *server, const char *text,
                          struct arena *arena, struct err *err)
{
    const char *at = strchr(text, '@');
    const char *owner_end = strchr(text, '/');
    const char *path = owner_end == NULL ? NULL : strchr(owner_end + 1, '/');

    if (at == NULL || path == NULL || path + 1 >= at || at[1] == '\0' || owner_end == text ||
        path == owner_end + 1)
        return err_set(err, ERR_USAGE, "GITHUB_WORKFLOW_REF: not OWNER/REPOSITORY/PATH@REF");
    out->repository = arena_printf(arena, err, "%s/%.*s", server, (int)(path - text), text);
    out->path = arena_printf(arena, err, "%.*s", (int)(at - path - 1), path + 1);
    out->ref = at + 1;
    return out->repository == NULL || out->path == NULL ? -1 : 0;
}

struct github {
    const char *server, *repository, *workflow, *ref, *commit, *run, *attempt;
    const char *event, *repository_id, *owner_id, *runner;
};

static int github_read(struct github *g, struct err *err)
{
    const struct variable variables[] = {
        { "GITHUB_SERVER_URL", &g->server, BUILD_URI, true },
        { "GITHUB_REPOSITORY", &g->repository, BUILD_WORD, true },
        { "GITHUB_WORKFLOW_REF", &g->workflow, BUILD_WORD, true },
        { "GITHUB_REF", &g->ref, BUILD_WORD, true },
        { "GITHUB_SHA", &g->commit, BUILD_COMMIT, true },
        { "GITHUB_RUN_ID", &g->run, BUILD_DIGITS, true },
        { "GITHUB_RUN_ATTEMPT", &g->attempt, BUILD_DIGITS, true },
        { "GITHUB_EVENT_NAME", &g->event, BUILD_WORD, false },
        { "GITHUB_REPOSITORY_ID", &g->repository_id, BUILD_DIGITS, false },
        { "GITHUB_REPOSITORY_OWNER_ID", &g->owner_id, BUILD_DIGITS, false },
        { "RUNNER_ENVIRONMENT", &g->runner, BUILD_WORD, false },
    };

    return variables_read(variables, ARRAY_LEN(variables), err);
}

static int github_parameters(struct build_env *out, const struct github *g,
                             const struct workflow *w, struct arena *arena, struct err *err)
{
    struct buf CLEANUP(buf_clear) members = BUF_INIT(CONFIG_FILE_MAX);
    struct buf CLEANUP(buf_clear) whole = BUF_INIT(CONFIG_FILE_MAX);

    build_member(&members, "ref", w->ref);
    build_member(&members, "repository", w->repository);
    build_member(&members, "path", w->path);
    buf_addf(&whole, "\"workflow\":{%s}", buf_text(&members));
    if (buf_check(&members, "build environment", err) != 0 ||
        keep(&out->external, arena, &whole, err) != 0)
        return -1;
    buf_reset(&members);
    buf_reset(&whole);
    build_member(&members, "event_name", g->event);
    build_member(&members, "repository_id", g->repository_id);
    build_member(&members, "repository_owner_id", g->owner_id);
    build_member(&members, "runner_environment", g->runner);
    if (members.len > 0)
        buf_addf(&whole, "\"github\":{%s}", buf_text(&members));
    if (buf_check(&members, "build environment", err) != 0)
        return -1;
    return keep(&out->internal, arena, &whole, err);
}

static int from_github(struct build_env *out, struct arena *arena, struct err *err)
{
    struct github g = { .server = NULL };
    struct workflow w = { .repository = NULL };

    if (github_read(&g, err) != 0 || workflow_split(&w, g.server, g.workflow, arena, err) != 0 ||
        github_parameters(out, &g, &w, arena, err) != 0)
        return -1;
    out->builder_id = arena_printf(arena, err, "%s/%s", g.server, g.workflow);
    out->build_type = GITHUB_BUILD_TYPE;
    out->repository = arena_printf(arena, err, "%s/%s", g.server, g.repository);
    out->commit = g.commit;
    out->ref = g.ref;
    out->invocation_id = arena_printf(arena, err, "%s/%s/actions/runs/%s/attempts/%s", g.server,
                                      g.repository, g.run, g.attempt);
    return out->builder_id == NULL || out->repository == NULL || out->invocation_id == NULL ? -1
                                                                                            : 0;
}

struct gitlab {
    const char *project, *commit, *ref, *job, *job_name, *job_url, *started;
    const char *runner, *version, *revision, *runner_name, *architecture, *pipeline_source;
};

static int gitlab_read(struct gitlab *g, struct err *err)
{
    const struct variable variables[] = {
        { "CI_PROJECT_URL", &g->project, BUILD_URI, true },
        { "CI_COMMIT_SHA", &g->commit, BUILD_COMMIT, true },
        { "CI_COMMIT_REF_NAME", &g->ref, BUILD_WORD, true },
        { "CI_JOB_ID", &g->job, BUILD_DIGITS, true },
        { "CI_JOB_NAME", &g->job_name, BUILD_TEXT, true },
        { "CI_JOB_URL", &g->job_url, BUILD_URI, true },
        { "CI_JOB_STARTED_AT", &g->started, BUILD_TIME, false },
        { "CI_RUNNER_ID", &g->runner, BUILD_DIGITS, true },
        { "CI_RUNNER_VERSION", &g->version, BUILD_WORD, true },
        { "CI_RUNNER_REVISION", &g->revision, BUILD_WORD, true },
        { "CI_RUNNER_DESCRIPTION", &g->runner_name, BUILD_TEXT, false },
        { "CI_RUNNER_EXECUTABLE_ARCH", &g->architecture, BUILD_WORD, false },
        { "CI_PIPELINE_SOURCE", &g->pipeline_source, BUILD_WORD, false },
    };

    return variables_read(variables, ARRAY_LEN(variables), err);
}

static int gitlab_parameters(struct build_env *out, const struct gitlab *g, struct arena *arena,
                             struct err *err)
{
    struct buf CLEANUP(buf_clear) external = BUF_INIT(CONFIG_FILE_MAX);
    struct buf CLEANUP(buf_clear) internal = BUF_INIT(CONFIG_FILE_MAX);

    build_member(&external, "source", g->project);
    build_member(&external, "entryPoint", g->job_name);
    build_member(&internal, "name", g->runner_name);
    build_member(&internal, "architecture", g->architecture);
    build_member(&internal, "job", g->job);
    build_member(&internal, "pipelineSource", g->pipeline_source);
    return keep(&out->external, arena, &external, err) != 0 ||
                   keep(&out->internal, arena, &internal, err) != 0
               ? -1
               : 0;
}

static int from_gitlab(struct build_env *out, struct arena *arena, struct err *err)
{
    struct buf CLEANUP(buf_clear) version = BUF_INIT(CONFIG_FILE_MAX);
    struct gitlab g = { .project = NULL };

    if (gitlab_read(&g, err) != 0 || gitlab_parameters(out, &g, arena, err) != 0)
        return -1;
    /* The runner names its release only where the version is a tag, else its revision. */
    const char *release = g.version[0] == 'v' ? g.version : g.revision;
    build_member(&version, "gitlab-runner", release);
    if (keep(&out->builder_version, arena, &version, err) != 0)
        return -1;
    out->builder_id = arena_printf(arena, err, "%s/-/runners/%s", g.project, g.runner);
    out->build_type = arena_printf(
        arena, err, "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/%s/PROVENANCE.md", release);
    out->repository = g.project;
    out->commit = g.commit;
    out->ref = g.ref;
    out->invocation_id = g.job_url;
    out->started = g.started;
    return out->builder_id == NULL || out->build_type == NULL ? -1 : 0;
}

static bool is_set(const char *name)
{
    const char *value = variable(name);

    return value != NULL && strcmp(value, "true") == 0;
}

static int source_find(enum build_source *out, const char *from, struct err *err)
{
    static const char *const words[] = {
        [BUILD_FLAGS] = "flags", [BUILD_GITHUB] = "github", [BUILD_GITLAB] = "gitlab"
    };
    const bool github = is_set("GITHUB_ACTIONS");
    const bool gitlab = is_set("GITLAB_CI");

    *out = github ? BUILD_GITHUB : gitlab ? BUILD_GITLAB : BUILD_FLAGS;
    if (from == NULL && github && gitlab)
        return err_set(err, ERR_USAGE,
                       "GITHUB_ACTIONS and GITLAB_CI are both set: say --from github or gitlab");
    if (from == NULL)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], from) == 0) {
            *out = (enum build_source)i;
            return 0;
        }
    return err_set(err, ERR_USAGE, "--from: not one of github, gitlab, flags");
}

int build_env_read(struct build_env *out, const char *from, struct arena *arena, struct err *err)
{
    int done = 0;

    *out = (struct build_env) { .external = "", .internal = "" };
    if (source_find(&out->source, from, err) != 0)
        return -1;
    switch (out->source) {
    case BUILD_FLAGS:
        break;
    case BUILD_GITHUB:
        done = from_github(out, arena, err);
        break;
    case BUILD_GITLAB:
        done = from_gitlab(out, arena, err);
        break;
    }
    if (done != 0)
        *out = (struct build_env) { .external = "", .internal = "" };
    return done;
}
