#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json_pointer.h"
#include "base/limits.h"
#include "evidence/predicate.h"
#include "sign/build_env.h"
#include "sign/provenance.h"
#include "tests/unit/expect.h"
#include "tests/unit/folder.h"

#define COMMIT "2b6e0c9a4f1d7385c6ab9de01f427c5b8830d94e"
#define HEX "9f64a747e1b97f131fabb6b447296c9b6f0201e79fb3c5356e6c77e89b6a806a"
#define COMMIT64 HEX
#define SLSA1 "https://slsa.dev/provenance/v1"

/* --- environments --- */

struct setting {
    const char *name, *value;
};

static const struct setting github[] = {
    { "GITHUB_ACTIONS", "true" },
    { "GITHUB_SERVER_URL", "https://github.com" },
    { "GITHUB_REPOSITORY", "octo/app" },
    { "GITHUB_WORKFLOW_REF", "octo/app/.github/workflows/release.yml@refs/tags/v2.1.0" },
    { "GITHUB_REF", "refs/tags/v2.1.0" },
    { "GITHUB_SHA", COMMIT },
    { "GITHUB_RUN_ID", "8812" },
    { "GITHUB_RUN_ATTEMPT", "3" },
    { "GITHUB_EVENT_NAME", "push" },
    { "GITHUB_REPOSITORY_ID", "17" },
    { "GITHUB_REPOSITORY_OWNER_ID", "4" },
    { "RUNNER_ENVIRONMENT", "github-hosted" },
};

static const struct setting gitlab[] = {
    { "GITLAB_CI", "true" },
    { "CI_PROJECT_URL", "https://gitlab.example/team/app" },
    { "CI_COMMIT_SHA", COMMIT },
    { "CI_COMMIT_REF_NAME", "v2.1.0" },
    { "CI_JOB_ID", "991" },
    { "CI_JOB_NAME", "build image" },
    { "CI_JOB_URL", "https://gitlab.example/team/app/-/jobs/991" },
    { "CI_JOB_STARTED_AT", "2026-03-04T05:06:07Z" },
    { "CI_RUNNER_ID", "12" },
    { "CI_RUNNER_VERSION", "17.5.3" },
    { "CI_RUNNER_REVISION", "2147fb44" },
    { "CI_RUNNER_DESCRIPTION", "small \"runner\"" },
    { "CI_RUNNER_EXECUTABLE_ARCH", "linux/amd64" },
    { "CI_PIPELINE_SOURCE", "push" },
};

static void clear_environment(void)
{
    for (size_t i = 0; i < ARRAY_LEN(github); i++)
        unsetenv(github[i].name);
    for (size_t i = 0; i < ARRAY_LEN(gitlab); i++)
        unsetenv(gitlab[i].name);
}

static void set_github(void)
{
    for (size_t i = 0; i < ARRAY_LEN(github); i++)
        setenv(github[i].name, github[i].value, 1);
}

static void set_gitlab(void)
{
    for (size_t i = 0; i < ARRAY_LEN(gitlab); i++)
        setenv(gitlab[i].name, gitlab[i].value, 1);
}

static int each_begins_clean(void **state)
{
    (void)state;
    clear_environment();
    return 0;
}

/* What was written stands here: the predicate, checked. */
static void expect_provenance(const struct provenance_options *o, struct bytes manifest,
                              const char *wanted)
{
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct err err = ERR_INIT;
    struct json_view root;

    EXPECT_OK(provenance_write(&out, o, manifest, &err), &err);
    EXPECT_BUF(&out, wanted);
    EXPECT_OK(json_scan(&root, buf_bytes(&out), &err), &err);
    EXPECT_OK(predicate_check(SLSA1, root, &err), &err);
}

#define GITHUB_EXTERNAL                                                                            \
    "\"workflow\":{\"ref\":\"refs/tags/v2.1.0\",\"repository\":\"https://github.com/octo/app\","   \
    "\"path\":\".github/workflows/release.yml\"}"
#define GITHUB_SOURCE                                                                              \
    "{\"uri\":\"git+https://github.com/octo/app@refs/tags/v2.1.0\",\"digest\":{\"gitCommit\":"     \
    "\"" COMMIT "\"}}"
#define GITHUB_BUILDER                                                                             \
    "\"builder\":{\"id\":\"https://github.com/octo/app/.github/workflows/release.yml@refs/tags/"   \
    "v2.1.0\"}"

static void github_tells(void **state)
{
    const struct provenance_options none = { .from = NULL };

    (void)state;
    set_github();
    expect_provenance(
        &none, BYTES_NONE,
        "{\"buildDefinition\":{\"buildType\":\"https://actions.github.io/buildtypes/workflow/v1\","
        "\"externalParameters\":{" GITHUB_EXTERNAL "},"
        "\"internalParameters\":{\"github\":{\"event_name\":\"push\",\"repository_id\":\"17\","
        "\"repository_owner_id\":\"4\",\"runner_environment\":\"github-hosted\"}},"
        "\"resolvedDependencies\":[" GITHUB_SOURCE "]},\"runDetails\":{" GITHUB_BUILDER
        ",\"metadata\":{\"invocationId\":\"https://github.com/octo/app/actions/runs/8812/attempts/"
        "3\"}}}");
}

/* The workflow may live in another repository than the source. */
static void github_workflow_of_another_repository(void **state)
{
    const struct provenance_options o = { .from = "github" };
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    (void)state;
    set_github();
    unsetenv("GITHUB_ACTIONS");
    unsetenv("RUNNER_ENVIRONMENT");
    unsetenv("GITHUB_EVENT_NAME");
    unsetenv("GITHUB_REPOSITORY_ID");
    unsetenv("GITHUB_REPOSITORY_OWNER_ID");
    setenv("GITHUB_WORKFLOW_REF", "octo/shared/ci/x.yml@refs/heads/a@b", 1);
    EXPECT_OK(provenance_write(&out, &o, BYTES_NONE, &err), &err);
    assert_non_null(strstr(buf_text(&out),
                           "{\"ref\":\"refs/heads/a@b\",\"repository\":\"https://github.com/octo/"
                           "shared\",\"path\":\"ci/x.yml\"}"));
    assert_non_null(strstr(buf_text(&out), GITHUB_SOURCE));
    assert_null(strstr(buf_text(&out), "internalParameters"));
}

static void gitlab_tells(void **state)
{
    const struct provenance_options o = { .finished = "2026-03-04T05:10:00Z" };

    (void)state;
    set_gitlab();
    expect_provenance(
        &o, BYTES_NONE,
        "{\"buildDefinition\":{\"buildType\":\"https://gitlab.com/gitlab-org/gitlab-runner/-/blob/"
        "2147fb44/PROVENANCE.md\",\"externalParameters\":{\"source\":\"https://gitlab.example/team/"
        "app\",\"entryPoint\":\"build image\"},\"internalParameters\":{\"name\":\"small "
        "\\\"runner\\\"\",\"architecture\":\"linux/amd64\",\"job\":\"991\",\"pipelineSource\":"
        "\"push\"},\"resolvedDependencies\":[{\"uri\":\"git+https://gitlab.example/team/"
        "app@v2.1.0\",\"digest\":{\"gitCommit\":\"" COMMIT "\"}}]},\"runDetails\":{\"builder\":{"
        "\"id\":\"https://gitlab.example/team/app/-/runners/12\",\"version\":{\"gitlab-runner\":"
        "\"2147fb44\"}},\"metadata\":{\"invocationId\":\"https://gitlab.example/team/app/-/jobs/"
        "991\",\"startedOn\":\"2026-03-04T05:06:07Z\",\"finishedOn\":\"2026-03-04T05:10:00Z\"}}}");
}

static const struct variable_row {
    const char *name;
    bool gitlab;
    const char *variable, *value; /* NULL: not set */
    const char *word;             /* NULL: fine */
} variables[] = {
    { "github: no server", false, "GITHUB_SERVER_URL", NULL, "GITHUB_SERVER_URL: not set" },
    { "github: server no URI", false, "GITHUB_SERVER_URL", "github.com", "not a URI" },
    { "github: a password", false, "GITHUB_SERVER_URL", "https://a:b@github.com", "password" },
    { "github: no repository", false, "GITHUB_REPOSITORY", "", "GITHUB_REPOSITORY: not set" },
    { "github: no workflow", false, "GITHUB_WORKFLOW_REF", NULL, "GITHUB_WORKFLOW_REF: not set" },
    { "github: workflow without ref", false, "GITHUB_WORKFLOW_REF", "o/a/w.yml",
      "GITHUB_WORKFLOW_REF: not OWNER" },
    { "github: workflow with an empty ref", false, "GITHUB_WORKFLOW_REF", "o/a/w.yml@",
      "not OWNER" },
    { "github: workflow without path", false, "GITHUB_WORKFLOW_REF", "o/a@r/x", "not OWNER" },
    { "github: workflow with an empty path", false, "GITHUB_WORKFLOW_REF", "o/a/@r", "not OWNER" },
    { "github: workflow without owner", false, "GITHUB_WORKFLOW_REF", "/a/w@r", "not OWNER" },
    { "github: no ref", false, "GITHUB_REF", NULL, "GITHUB_REF: not set" },
    { "github: ref with a blank", false, "GITHUB_REF", "refs/heads/a b", "GITHUB_REF: not a word" },
    { "github: no commit", false, "GITHUB_SHA", NULL, "GITHUB_SHA: not set" },
    { "github: commit one short", false, "GITHUB_SHA", "2b6e0c9a4f1d7385c6ab9de01f427c5b8830d94",
      "GITHUB_SHA: not a commit" },
    { "github: commit one long", false, "GITHUB_SHA", COMMIT "0", "not a commit" },
    { "github: commit in upper case", false, "GITHUB_SHA",
      "2B6E0C9A4F1D7385C6AB9DE01F427C5B8830D94E", "not a commit" },
    { "github: a commit of SHA-256", false, "GITHUB_SHA", COMMIT64, NULL },
    { "github: run no number", false, "GITHUB_RUN_ID", "12a", "GITHUB_RUN_ID: not a number" },
    { "github: no attempt", false, "GITHUB_RUN_ATTEMPT", NULL, "GITHUB_RUN_ATTEMPT: not set" },
    { "github: optional, malformed", false, "GITHUB_REPOSITORY_ID", "x",
      "GITHUB_REPOSITORY_ID: not a number" },
    { "github: optional, with a control character", false, "RUNNER_ENVIRONMENT", "a\nb",
      "RUNNER_ENVIRONMENT" },
    { "github: optional, not set", false, "RUNNER_ENVIRONMENT", NULL, NULL },
    { "gitlab: no project", true, "CI_PROJECT_URL", NULL, "CI_PROJECT_URL: not set" },
    { "gitlab: project no URI", true, "CI_PROJECT_URL", "/team/app", "CI_PROJECT_URL: not a URI" },
    { "gitlab: no commit", true, "CI_COMMIT_SHA", NULL, "CI_COMMIT_SHA: not set" },
    { "gitlab: no ref", true, "CI_COMMIT_REF_NAME", NULL, "CI_COMMIT_REF_NAME: not set" },
    { "gitlab: no job", true, "CI_JOB_NAME", NULL, "CI_JOB_NAME: not set" },
    { "gitlab: no runner", true, "CI_RUNNER_ID", NULL, "CI_RUNNER_ID: not set" },
    { "gitlab: runner no number", true, "CI_RUNNER_ID", "r12", "CI_RUNNER_ID: not a number" },
    { "gitlab: no version", true, "CI_RUNNER_VERSION", NULL, "CI_RUNNER_VERSION: not set" },
    { "gitlab: a released version", true, "CI_RUNNER_VERSION", "v17.5.3", NULL },
    { "gitlab: no time", true, "CI_JOB_STARTED_AT", NULL, NULL },
    { "gitlab: not a time", true, "CI_JOB_STARTED_AT", "today",
      "CI_JOB_STARTED_AT: not an RFC 3339" },
    { "not UTF-8", true, "CI_JOB_NAME", "\xff", "CI_JOB_NAME: not one line" },
};

static void reads_variables(void **state)
{
    const struct variable_row *row = *state;
    const struct provenance_options none = { .from = NULL };
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    clear_environment();
    if (row->gitlab)
        set_gitlab();
    else
        set_github();
    if (row->value == NULL)
        unsetenv(row->variable);
    else
        setenv(row->variable, row->value, 1);
    int r = provenance_write(&out, &none, BYTES_NONE, &err);
    if (row->word == NULL) {
        EXPECT_OK(r, &err);
        return;
    }
    EXPECT_ERR(r, &err, ERR_USAGE, row->word);
    assert_int_equal(out.len, 0);
}

static void which_environment(void **state)
{
    struct provenance_options o = { .from = NULL };
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    (void)state;
    set_github();
    set_gitlab();
    EXPECT_ERR(provenance_write(&out, &o, BYTES_NONE, &err), &err, ERR_USAGE, "say --from");
    o.from = "gitlab";
    EXPECT_OK(provenance_write(&out, &o, BYTES_NONE, &err), &err);
    assert_non_null(strstr(buf_text(&out), "gitlab-runner"));
    buf_reset(&out);
    o.from = "flags";
    EXPECT_ERR(provenance_write(&out, &o, BYTES_NONE, &err), &err, ERR_USAGE, "--builder-id");
    o.from = "GitHub";
    EXPECT_ERR(provenance_write(&out, &o, BYTES_NONE, &err), &err, ERR_USAGE, "not one of github");
    o.from = NULL;
    setenv("GITHUB_ACTIONS", "false", 1);
    setenv("GITLAB_CI", "1", 1);
    EXPECT_ERR(provenance_write(&out, &o, BYTES_NONE, &err), &err, ERR_USAGE, "--builder-id");
}

/* --- flags --- */

#define NEEDED .builder_id = "https://b.example", .build_type = "https://t.example"
#define ONE_PARAMETER .parameters = { (const char *[]) { "target=release" }, 1 }
#define LIST(...)                                                                                  \
    {                                                                                              \
        (const char *[]) { __VA_ARGS__ },                                                          \
            sizeof((const char *[]) { __VA_ARGS__ }) / sizeof(char *)                              \
    }
#define MADE(rest, metadata)                                                                       \
    "{\"buildDefinition\":{\"buildType\":\"https://t.example\",\"externalParameters\":{"           \
    "\"target\":\"release\"}" rest                                                                 \
    "},\"runDetails\":{\"builder\":{\"id\":\"https://b.example\"}" metadata "}}"

static void flags_alone(void **state)
{
    const struct provenance_options least = { NEEDED, ONE_PARAMETER };
    const struct provenance_options all = {
        NEEDED,
        ONE_PARAMETER,
        .source = "https://git.example/team/app",
        .source_commit = COMMIT64,
        .source_ref = "main",
        .base_image = "registry.example:5000/base/debian:12@sha256:" HEX,
        .dependencies =
            LIST("https://files.example/a@b.tar@sha256:" HEX, "pkg:generic/x@1@gitCommit:" COMMIT),
        .invocation_id = "run 7",
        .started = "2026-03-04T05:06:07Z",
        .finished = "2026-03-04T05:06:07.9Z",
    };

    (void)state;
    expect_provenance(&least, BYTES_NONE, MADE("", ""));
    expect_provenance(
        &all, BYTES_NONE,
        MADE(",\"resolvedDependencies\":[{\"uri\":\"git+https://git.example/team/app@main\","
             "\"digest\":{\"gitCommit\":\"" COMMIT64
             "\"}},{\"uri\":\"pkg:oci/debian?repository_url=registry.example%3A5000%2Fbase%"
             "2Fdebian&tag=12\",\"digest\":{\"sha256\":\"" HEX
             "\"}},{\"uri\":\"https://files.example/a@b.tar\",\"digest\":{\"sha256\":\"" HEX
             "\"}},{\"uri\":\"pkg:generic/x@1\",\"digest\":{\"gitCommit\":\"" COMMIT "\"}}]",
             ",\"metadata\":{\"invocationId\":\"run 7\",\"startedOn\":\"2026-03-04T05:06:07Z\","
             "\"finishedOn\":\"2026-03-04T05:06:07.9Z\"}"));
}

static void flags_over_the_environment(void **state)
{
    const struct provenance_options o = {
        .builder_id = "https://b.example",
        .parameters = LIST("extra=a=b", "empty="),
        .source = "git+ssh://git@git.example/other",
        .source_commit = COMMIT64,
        .invocation_id = "i",
        .started = "2026-03-04T05:06:07Z",
    };
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    (void)state;
    set_github();
    EXPECT_OK(provenance_write(&out, &o, BYTES_NONE, &err), &err);
    assert_non_null(strstr(buf_text(&out), GITHUB_EXTERNAL ",\"extra\":\"a=b\",\"empty\":\"\"}"));
    assert_non_null(strstr(buf_text(&out),
                           "[{\"uri\":\"git+ssh://git@git.example/other\",\"digest\":{"
                           "\"gitCommit\":\"" COMMIT64 "\"}}]"));
    assert_non_null(strstr(buf_text(&out),
                           "\"builder\":{\"id\":\"https://b.example\"},\"metadata\":{"
                           "\"invocationId\":\"i\",\"startedOn\":\"2026-03-04T05:06:07Z\"}"));
}

static const struct flag_row {
    const char *name;
    struct provenance_options o;
    const char *word;
} flags[] = {
    { "nothing", { .from = NULL }, "who built the image is not known: --builder-id" },
    { "no build type", { .builder_id = "a:b" }, "--build-type" },
    { "no parameters", { NEEDED }, "--parameter NAME=VALUE" },
    { "builder no URI",
      { .builder_id = "b", .build_type = "a:b", ONE_PARAMETER },
      "--builder-id: not a URI" },
    { "builder empty",
      { .builder_id = "", .build_type = "a:b", ONE_PARAMETER },
      "--builder-id: empty" },
    { "build type no URI",
      { .builder_id = "a:b", .build_type = "t", ONE_PARAMETER },
      "--build-type: not a URI" },
    { "parameter without value",
      { NEEDED, .parameters = LIST("a") },
      "--parameter: not NAME=VALUE" },
    { "parameter without name",
      { NEEDED, .parameters = LIST("=a") },
      "--parameter: not NAME=VALUE" },
    { "parameter of two lines",
      { NEEDED, .parameters = LIST("a=b\nc") },
      "--parameter: not one line" },
    { "parameter given twice", { NEEDED, .parameters = LIST("a=1", "b=1", "a=1") }, "duplicate" },
    { "source without commit",
      { NEEDED, ONE_PARAMETER, .source = "https://g" },
      "--source-commit" },
    { "commit without source",
      { NEEDED, ONE_PARAMETER, .source_commit = COMMIT },
      "need --source" },
    { "ref without source", { NEEDED, ONE_PARAMETER, .source_ref = "main" }, "need --source" },
    { "source no URI",
      { NEEDED, ONE_PARAMETER, .source = "git@git.example:x", .source_commit = COMMIT },
      "--source: not a URI" },
    { "source with a password",
      { NEEDED, ONE_PARAMETER, .source = "https://u:p@git.example/x", .source_commit = COMMIT },
      "--source: it holds a password" },
    { "commit one short",
      { NEEDED, ONE_PARAMETER, .source = "https://g", .source_commit = "2b6e" },
      "--source-commit: not a commit" },
    { "base image without digest",
      { NEEDED, ONE_PARAMETER, .base_image = "debian:12" },
      "--base-image: not IMAGE@DIGEST" },
    { "base image in a layout",
      { NEEDED, ONE_PARAMETER, .base_image = "oci:x@sha256:" HEX },
      "--base-image: not IMAGE" },
    { "base image that is none",
      { NEEDED, ONE_PARAMETER, .base_image = "Debian@sha256:" HEX },
      "--base-image" },
    { "dependency without digest",
      { NEEDED, ONE_PARAMETER, .dependencies = LIST("https://a") },
      "--dependency: not URI@ALGORITHM:HEX" },
    { "dependency, a digest without algorithm",
      { NEEDED, ONE_PARAMETER, .dependencies = LIST("https://a@" HEX) },
      "--dependency: not URI@" },
    { "dependency, an unknown algorithm",
      { NEEDED, ONE_PARAMETER, .dependencies = LIST("https://a@md5:" HEX) },
      "--dependency: not a digest" },
    { "dependency, one digit short",
      { NEEDED, ONE_PARAMETER,
        .dependencies = LIST("https://a@gitCommit:2b6e0c9a4f1d7385c6ab9de01f427c5b8830d94") },
      "--dependency: not a digest" },
    { "dependency, one digit long",
      { NEEDED, ONE_PARAMETER, .dependencies = LIST("https://a@sha256:" HEX "0") },
      "--dependency: not a digest" },
    { "dependency, no hex",
      { NEEDED, ONE_PARAMETER,
        .dependencies = LIST("https://a@sha1:"
                             "2b6e0c9a4f1d7385c6ab9de01f427c5b8830d94g") },
      "--dependency: not a digest" },
    { "dependency no URI",
      { NEEDED, ONE_PARAMETER, .dependencies = LIST("a@sha256:" HEX) },
      "--dependency: not a URI" },
    { "invocation empty",
      { NEEDED, ONE_PARAMETER, .invocation_id = "" },
      "--invocation-id: empty" },
    { "begun, no time",
      { NEEDED, ONE_PARAMETER, .started = "2026-03-04" },
      "--started: not an RFC 3339 time" },
    { "ended, no time",
      { NEEDED, ONE_PARAMETER, .finished = "now" },
      "--finished: not an RFC 3339 time" },
    { "ended before it began",
      { NEEDED, ONE_PARAMETER, .started = "2026-03-04T05:06:07Z",
        .finished = "2026-03-04T05:06:06Z" },
      "--finished: before" },
};

static void refuses_flags(void **state)
{
    const struct flag_row *row = *state;
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    clear_environment();
    EXPECT_ERR(provenance_write(&out, &row->o, BYTES_NONE, &err), &err, ERR_USAGE, row->word);
    assert_int_equal(out.len, 0);
}

static const struct parameters_row {
    const char *name;
    const char *content; /* of the file; NULL: there is none */
    enum err_code code;
    const char *word; /* or what is written */
} parameter_files[] = {
    { "none", "{}", ERR_NONE, "\"externalParameters\":{}" },
    { "some", " { \"n\" : 1.50, \"o\": {\"p\" : []} } \n", ERR_NONE,
      "\"externalParameters\":{\"n\":1.50,\"o\":{\"p\" : []}}" },
    { "an array", "[]", ERR_USAGE, "not a JSON object" },
    { "empty", "", ERR_USAGE, "--parameters-file" },
    { "a name given twice", "{\"a\":1,\"a\":1}", ERR_USAGE, "duplicate" },
    { "not there", NULL, ERR_USAGE, "--parameters-file" },
};

static void parameters_from_a_file(void **state)
{
    const struct parameters_row *row = *state;
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct provenance_options o = { NEEDED };
    struct err err = ERR_INIT;
    struct folder folder;

    clear_environment();
    assert_int_equal(folder_make(&folder), 0);
    if (row->content != NULL)
        assert_int_equal(folder_write(&folder, "p.json", row->content, 0644), 0);
    o.parameters_file = folder_path(&folder, "p.json");
    int r = provenance_write(&out, &o, BYTES_NONE, &err);
    folder_remove(&folder);
    if (row->code != ERR_NONE) {
        EXPECT_ERR(r, &err, row->code, row->word);
        return;
    }
    EXPECT_OK(r, &err);
    assert_non_null(strstr(buf_text(&out), row->word));
}

static void parameters_meet(void **state)
{
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct provenance_options o = { NEEDED, .parameters = LIST("a=1") };
    struct err err = ERR_INIT;
    struct folder folder;

    (void)state;
    assert_int_equal(folder_make(&folder), 0);
    assert_int_equal(folder_write(&folder, "p.json", "{\"a\":2}", 0644), 0);
    o.parameters_file = folder_path(&folder, "p.json");
    EXPECT_ERR(provenance_write(&out, &o, BYTES_NONE, &err), &err, ERR_USAGE, "duplicate");
    assert_int_equal(folder_write(&folder, "p.json", "{\"workflow\":2}", 0644), 0);
    set_github();
    EXPECT_ERR(provenance_write(&out, &o, BYTES_NONE, &err), &err, ERR_USAGE, "duplicate");
    folder_remove(&folder);
}

/* --- the base image --- */

#define BASE(name, digest)                                                                         \
    "{\"annotations\":{\"org.opencontainers.image.base.name\":" name                               \
    ",\"org.opencontainers.image.base.digest\":" digest "}}"
#define BASE_OF(uri)                                                                               \
    MADE(",\"resolvedDependencies\":[{\"uri\":\"" uri "\",\"digest\":{\"sha256\":\"" HEX "\"}}]",  \
         "")

static const struct base_row {
    const char *name;
    const char *manifest;
    const char *uri; /* NULL: none is told */
} bases[] = {
    { "told", BASE("\"docker.io/library/debian:12\"", "\"sha256:" HEX "\""),
      BASE_OF("pkg:oci/debian?repository_url=docker.io%2Flibrary%2Fdebian&tag=12") },
    { "a short name", BASE("\"debian\"", "\"sha256:" HEX "\""),
      BASE_OF("pkg:oci/debian?repository_url=docker.io%2Flibrary%2Fdebian") },
    { "no annotations", "{}", NULL },
    { "an index of none", "{\"manifests\":[]}", NULL },
    { "annotations null", "{\"annotations\":null}", NULL },
    { "name alone", "{\"annotations\":{\"org.opencontainers.image.base.name\":\"debian\"}}", NULL },
    { "digest alone",
      "{\"annotations\":{\"org.opencontainers.image.base.digest\":\"sha256:" HEX "\"}}", NULL },
    { "digest malformed", BASE("\"debian\"", "\"sha256:00\""), NULL },
    { "name malformed", BASE("\"https://debian\"", "\"sha256:" HEX "\""), NULL },
    { "name empty", BASE("\"\"", "\"sha256:" HEX "\""), NULL },
    { "name of a layout", BASE("\"oci:x\"", "\"sha256:" HEX "\""), NULL },
    { "name a number", BASE("1", "\"sha256:" HEX "\""), NULL },
};

static void base_by_annotation(void **state)
{
    const struct base_row *row = *state;
    const struct provenance_options o = { NEEDED, ONE_PARAMETER };
    const struct provenance_options given = { NEEDED, ONE_PARAMETER,
                                              .base_image = "r.example/b@sha256:" HEX };

    clear_environment();
    expect_provenance(&o, bytes_text(row->manifest), row->uri == NULL ? MADE("", "") : row->uri);
    expect_provenance(&given, bytes_text(row->manifest),
                      BASE_OF("pkg:oci/b?repository_url=r.example%2Fb"));
}

static void manifest_malformed(void **state)
{
    const struct provenance_options o = { NEEDED, ONE_PARAMETER };
    struct buf CLEANUP(buf_clear) out = BUF_INIT(MIB);
    struct err err = ERR_INIT;

    (void)state;
    EXPECT_ERR(provenance_write(&out, &o, BYTES_LIT("{"), &err), &err, ERR_MALFORMED, "manifest");
    assert_int_equal(out.len, 0);
}

/* What was there stays in front; its ceiling holds. */
static void appends(void **state)
{
    const struct provenance_options o = { NEEDED, ONE_PARAMETER };
    struct err err = ERR_INIT;
    const size_t length = strlen(MADE("", ""));

    (void)state;
    for (size_t max = length + 3; max <= length + 4; max++) {
        struct buf CLEANUP(buf_clear) out = BUF_INIT(max);
        buf_add_text(&out, "head");
        int r = provenance_write(&out, &o, BYTES_NONE, &err);
        if (max == length + 4) {
            EXPECT_OK(r, &err);
            EXPECT_BUF(&out, "head" MADE("", ""));
        } else
            EXPECT_ERR(r, &err, ERR_LIMIT, "provenance");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(github_tells, each_begins_clean),
        cmocka_unit_test_setup(github_workflow_of_another_repository, each_begins_clean),
        cmocka_unit_test_setup(gitlab_tells, each_begins_clean),
        cmocka_unit_test_setup(which_environment, each_begins_clean),
        cmocka_unit_test_setup(flags_alone, each_begins_clean),
        cmocka_unit_test_setup(flags_over_the_environment, each_begins_clean),
        cmocka_unit_test_setup(parameters_meet, each_begins_clean),
        cmocka_unit_test_setup(manifest_malformed, each_begins_clean),
        cmocka_unit_test_setup(appends, each_begins_clean),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += RUN_ROWS(variables, reads_variables);
    failed += RUN_ROWS(flags, refuses_flags);
    failed += RUN_ROWS(parameter_files, parameters_from_a_file);
    failed += RUN_ROWS(bases, base_by_annotation);
    return failed != 0;
}
