#include "sign/provenance.h"

#include <string.h>

#include "base/file.h"
#include "base/http.h"
#include "base/json_pointer.h"
#include "base/limits.h"
#include "base/text.h"
#include "evidence/predicate.h"
#include "registry/reference.h"
#include "sign/build_env.h"

#define TYPE_SLSA1 "https://slsa.dev/provenance/v1"
#define BASE_NAME "/annotations/org.opencontainers.image.base.name"
#define BASE_DIGEST "/annotations/org.opencontainers.image.base.digest"
#define BASE_TEXT_MAX (2 * REFERENCE_MAX)

/* Digests of dependencies: in-toto v1 "DigestSet", and how many hex digits each has. */
static const struct algorithm {
    const char *name;
    size_t hex, other_hex;
} algorithms[] = {
    { "sha256", 64, 64 },    { "sha512", 128, 128 }, { "sha384", 96, 96 },  { "sha1", 40, 40 },
    { "gitCommit", 40, 64 }, { "gitTree", 40, 64 },  { "gitBlob", 40, 64 }, { "gitTag", 40, 64 },
};

static const struct {
    const char *flag;
    size_t offset;
    enum build_form form;
} checked[] = {
    { "--builder-id", offsetof(struct provenance_options, builder_id), BUILD_URI },
    { "--build-type", offsetof(struct provenance_options, build_type), BUILD_URI },
    { "--source", offsetof(struct provenance_options, source), BUILD_URI },
    { "--source-commit", offsetof(struct provenance_options, source_commit), BUILD_COMMIT },
    { "--source-ref", offsetof(struct provenance_options, source_ref), BUILD_WORD },
    { "--invocation-id", offsetof(struct provenance_options, invocation_id), BUILD_TEXT },
    { "--started", offsetof(struct provenance_options, started), BUILD_TIME },
    { "--finished", offsetof(struct provenance_options, finished), BUILD_TIME },
};

static int check_options(const struct provenance_options *o, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(checked); i++) {
        const char *value;
        memcpy(&value, (const char *)o + checked[i].offset, sizeof(value));
        if (value != NULL && build_value_check(checked[i].flag, value, checked[i].form, err) != 0)
            return -1;
    }
    return 0;
}

static void override(const char **told, const char *flag)
{
    if (flag != NULL)
        *told = flag;
}

/* Another source or commit has nothing of the environment's. */
static int override_source(struct build_env *env, const struct provenance_options *o,
                           struct err *err)
{
    if (o->source != NULL && o->source_commit == NULL)
        return err_set(err, ERR_USAGE, "--source needs --source-commit");
    if (o->source != NULL || o->source_commit != NULL)
        env->ref = NULL;
    override(&env->repository, o->source);
    override(&env->commit, o->source_commit);
    override(&env->ref, o->source_ref);
    if (env->repository == NULL && (o->source_commit != NULL || o->source_ref != NULL))
        return err_set(err, ERR_USAGE, "--source-commit and --source-ref need --source");
    return 0;
}

static int check_times(const struct build_env *env, const char *finished, struct err *err)
{
    int64_t from, to;

    if (env->started == NULL || finished == NULL)
        return 0;
    if (time_parse(&from, bytes_text(env->started), err) != 0 ||
        time_parse(&to, bytes_text(finished), err) != 0)
        return -1;
    return from <= to ? 0 : err_set(err, ERR_USAGE, "--finished: before the build began");
}

/* Nothing is invented: what the format requires and nobody told is asked for. */
static int gather(struct build_env *env, const struct provenance_options *o, struct arena *arena,
                  struct err *err)
{
    if (check_options(o, err) != 0 || build_env_read(env, o->from, arena, err) != 0)
        return -1;
    if (o->builder_id != NULL)
        env->builder_version = NULL;
    override(&env->builder_id, o->builder_id);
    override(&env->build_type, o->build_type);
    override(&env->invocation_id, o->invocation_id);
    override(&env->started, o->started);
    if (override_source(env, o, err) != 0)
        return -1;
    if (env->builder_id == NULL)
        return err_set(err, ERR_USAGE, "who built the image is not known: --builder-id URI");
    if (env->build_type == NULL)
        return err_set(err, ERR_USAGE, "the type of the build is not known: --build-type URI");
    return check_times(env, o->finished, err);
}

/* The file's members behind what is there. */
static int parameters_file(struct buf *members, const char *path, struct err *err)
{
    struct buf CLEANUP(buf_clear) file = BUF_INIT(CONFIG_FILE_MAX);
    struct json_view root, name, value;

    if (file_read(&file, path, err) != 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_USAGE;
        return err_wrap(err, "--parameters-file");
    }
    if (json_scan(&root, buf_bytes(&file), err) != 0) {
        if (err->code == ERR_MALFORMED)
            err->code = ERR_USAGE;
        return err_wrap(err, "--parameters-file: %s", path);
    }
    if (root.kind != JSON_OBJECT)
        return err_set(err, ERR_USAGE, "--parameters-file: %s: not a JSON object", path);
    for (struct json_walk walk = json_walk(root); json_next(&walk, &name, &value);) {
        if (members->len > 0)
            buf_add_char(members, ',');
        buf_add_bytes(members, name.raw);
        buf_add_char(members, ':');
        buf_add_bytes(members, value.raw);
    }
    return 0;
}

static int parameter_flags(struct buf *members, const struct option_list *list, struct err *err)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *equals = strchr(list->values[i], '=');
        if (equals == NULL || equals == list->values[i])
            return err_set(err, ERR_USAGE, "--parameter: not NAME=VALUE");
        if (!text_plain(bytes_text(list->values[i])))
            return err_set(err, ERR_USAGE, "--parameter: not one line of text");
        if (members->len > 0)
            buf_add_char(members, ',');
        text_json(members,
                  bytes_part(bytes_text(list->values[i]), 0, (size_t)(equals - list->values[i])));
        buf_add_char(members, ':');
        text_json(members, bytes_text(equals + 1));
    }
    return 0;
}

/* externalParameters, whole. Two parameters of one name are not one of them. */
static int write_external(struct buf *out, const struct build_env *env,
                          const struct provenance_options *o, struct err *err)
{
    struct buf CLEANUP(buf_clear) members = BUF_INIT(2 * CONFIG_FILE_MAX);
    struct json_view ignored;

    buf_add_text(&members, env->external);
    if ((o->parameters_file != NULL && parameters_file(&members, o->parameters_file, err) != 0) ||
        parameter_flags(&members, &o->parameters, err) != 0)
        return -1;
    if (members.len == 0 && o->parameters_file == NULL)
        return err_set(err, ERR_USAGE,
                       "the parameters of the build are not known: --parameter NAME=VALUE, or "
                       "--parameters-file FILE with {} when there are none");
    buf_add_char(out, '{');
    buf_add_bytes(out, buf_bytes(&members));
    buf_add_char(out, '}');
    if (buf_check(&members, "parameters", err) != 0 || buf_check(out, "parameters", err) != 0)
        return -1;
    if (json_scan(&ignored, buf_bytes(out), err) == 0)
        return 0;
    if (err->code == ERR_MALFORMED)
        err->code = ERR_USAGE;
    return err_wrap(err, "parameters of the build");
}

/* One element of resolvedDependencies (in-toto v1 "ResourceDescriptor"). */
static void add_dependency(struct buf *out, struct bytes uri, struct bytes algorithm,
                           struct bytes hex)
{
    buf_add_text(out, out->len > 0 ? ",{\"uri\":" : "{\"uri\":");
    text_json(out, uri);
    buf_add_text(out, ",\"digest\":{");
    text_json(out, algorithm);
    buf_add_char(out, ':');
    text_json(out, hex);
    buf_add_text(out, "}}");
}

/* As an SPDX download location: git+URL@REF. */
static int add_source(struct buf *out, const struct build_env *env, struct err *err)
{
    struct buf CLEANUP(buf_clear) uri = BUF_INIT(CONFIG_FILE_MAX);

    if (env->repository == NULL)
        return 0;
    if (!bytes_starts(bytes_text(env->repository), "git+"))
        buf_add_text(&uri, "git+");
    buf_add_text(&uri, env->repository);
    if (env->ref != NULL)
        buf_addf(&uri, "@%s", env->ref);
    if (buf_check(&uri, "source", err) != 0)
        return -1;
    add_dependency(out, buf_bytes(&uri), BYTES_LIT("gitCommit"), bytes_text(env->commit));
    return 0;
}

/* A package URL of type oci: the last part of the name, all of it as a qualifier. */
static int add_image(struct buf *out, const struct reference *image, const struct digest *digest,
                     struct err *err)
{
    struct buf CLEANUP(buf_clear) uri = BUF_INIT(CONFIG_FILE_MAX);
    struct buf CLEANUP(buf_clear) name = BUF_INIT(BASE_TEXT_MAX);
    const char *slash = strrchr(image->repository, '/');
    char text[DIGEST_TEXT_MAX];

    reference_name(&name, image);
    buf_add_text(&uri, "pkg:oci/");
    http_escape(&uri, bytes_text(slash == NULL ? image->repository : slash + 1));
    buf_add_text(&uri, "?repository_url=");
    http_escape(&uri, buf_bytes(&name));
    if (image->tag != NULL)
        buf_addf(&uri, "&tag=%s", image->tag);
    if (buf_check(&name, "base image", err) != 0 || buf_check(&uri, "base image", err) != 0)
        return -1;
    digest_format(text, digest);
    const struct bytes all = bytes_text(text);
    const size_t colon = strcspn(text, ":");
    add_dependency(out, buf_bytes(&uri), bytes_part(all, 0, colon),
                   bytes_part(all, colon + 1, all.len));
    return 0;
}

static int add_named_base(struct buf *out, const char *name, struct err *err)
{
    struct reference CLEANUP(reference_clear) image = { .host = NULL };

    if (reference_parse(&image, bytes_text(name), err) != 0)
        return err_wrap(err, "--base-image");
    if (image.layout || !image.has_digest)
        return err_set(err, ERR_USAGE, "--base-image: not IMAGE@DIGEST of a registry");
    return add_image(out, &image, &image.digest, err);
}

/* The annotations of image-spec "Pre-Defined Annotation Keys". One alone, or what is no name and no
 * digest, tells nothing. */
static int add_annotated_base(struct buf *out, struct bytes manifest, struct err *err)
{
    struct reference CLEANUP(reference_clear) image = { .host = NULL };
    struct buf CLEANUP(buf_clear) name = BUF_INIT(REFERENCE_MAX);
    struct err unusable = ERR_INIT;
    struct digest digest;
    struct json_view root;
    struct bytes text;

    if (manifest.len == 0)
        return 0;
    if (json_scan(&root, manifest, err) != 0)
        return err_wrap(err, "manifest");
    if (!json_string_raw(json_at(root, BASE_DIGEST), &text) ||
        json_string(&name, json_at(root, BASE_NAME), "name", &unusable) != 0 ||
        digest_parse(&digest, text, &unusable) != 0 ||
        reference_parse(&image, buf_bytes(&name), &unusable) != 0 || image.layout)
        return unusable.code == ERR_NOMEM ? err_set(err, ERR_NOMEM, "base image: out of memory")
                                          : 0;
    return add_image(out, &image, &digest, err);
}

static bool digest_fits(struct bytes algorithm, struct bytes hex)
{
    for (size_t i = 0; i < hex.len; i++)
        if (strchr("0123456789abcdef", hex.data[i]) == NULL || hex.data[i] == '\0')
            return false;
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
        if (bytes_is(algorithm, algorithms[i].name))
            return hex.len == algorithms[i].hex || hex.len == algorithms[i].other_hex;
    return false;
}

static int add_given(struct buf *out, const char *text, struct arena *arena, struct err *err)
{
    const char *at = strrchr(text, '@');
    const char *colon = at == NULL ? NULL : strchr(at, ':');

    if (colon == NULL)
        return err_set(err, ERR_USAGE, "--dependency: not URI@ALGORITHM:HEX");
    const struct bytes algorithm = { (const uint8_t *)at + 1, (size_t)(colon - at - 1) };
    if (!digest_fits(algorithm, bytes_text(colon + 1)))
        return err_set(err, ERR_USAGE,
                       "--dependency: not a digest: sha256:, sha384:, sha512:, sha1:, gitCommit:, "
                       "gitTree:, gitBlob: or gitTag: and all its lower-case hex digits");
    const char *uri = arena_text(arena, bytes_part(bytes_text(text), 0, (size_t)(at - text)), err);
    if (uri == NULL || build_value_check("--dependency", uri, BUILD_URI, err) != 0)
        return -1;
    add_dependency(out, bytes_text(uri), algorithm, bytes_text(colon + 1));
    return 0;
}

static int write_dependencies(struct buf *out, const struct build_env *env,
                              const struct provenance_options *o, struct bytes manifest,
                              struct arena *arena, struct err *err)
{
    if (add_source(out, env, err) != 0 ||
        (o->base_image != NULL ? add_named_base(out, o->base_image, err)
                               : add_annotated_base(out, manifest, err)) != 0)
        return -1;
    for (size_t i = 0; i < o->dependencies.n; i++)
        if (add_given(out, o->dependencies.values[i], arena, err) != 0)
            return -1;
    return buf_check(out, "dependencies", err);
}

static void write_run(struct buf *out, const struct build_env *env, const char *finished)
{
    struct buf CLEANUP(buf_clear) metadata = BUF_INIT(CONFIG_FILE_MAX);

    buf_add_text(out, ",\"runDetails\":{\"builder\":{\"id\":");
    text_json(out, bytes_text(env->builder_id));
    if (env->builder_version != NULL)
        buf_addf(out, ",\"version\":{%s}", env->builder_version);
    buf_add_char(out, '}');
    build_member(&metadata, "invocationId", env->invocation_id);
    build_member(&metadata, "startedOn", env->started);
    build_member(&metadata, "finishedOn", finished);
    if (metadata.len > 0)
        buf_addf(out, ",\"metadata\":{%s}", buf_text(&metadata));
    if (metadata.state != BUF_FINE)
        out->state = metadata.state;
    buf_add_text(out, "}}");
}

/* What is written must be what is taken from others. */
static int append_checked(struct buf *out, const struct buf *made, struct err *err)
{
    struct json_view root;

    if (buf_check(made, "provenance", err) != 0)
        return -1;
    if (json_scan(&root, buf_bytes(made), err) != 0 ||
        predicate_check(TYPE_SLSA1, root, err) != 0) {
        if (err->code == ERR_MALFORMED || err->code == ERR_CONFIG)
            err->code = ERR_USAGE;
        return err_wrap(err, "provenance");
    }
    buf_add_bytes(out, root.raw);
    return buf_check(out, "provenance", err);
}

int provenance_write(struct buf *out, const struct provenance_options *o, struct bytes manifest,
                     struct err *err)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MANIFEST_MAX);
    struct buf CLEANUP(buf_clear) made = BUF_INIT(2 * MANIFEST_MAX);
    struct buf CLEANUP(buf_clear) external = BUF_INIT(MANIFEST_MAX);
    struct buf CLEANUP(buf_clear) dependencies = BUF_INIT(MANIFEST_MAX);
    struct build_env env;

    if (gather(&env, o, &arena, err) != 0 || write_external(&external, &env, o, err) != 0 ||
        write_dependencies(&dependencies, &env, o, manifest, &arena, err) != 0)
        return -1;
    buf_add_text(&made, "{\"buildDefinition\":{\"buildType\":");
    text_json(&made, bytes_text(env.build_type));
    buf_add_text(&made, ",\"externalParameters\":");
    buf_add_bytes(&made, buf_bytes(&external));
    if (env.internal[0] != '\0')
        buf_addf(&made, ",\"internalParameters\":{%s}", env.internal);
    if (dependencies.len > 0)
        buf_addf(&made, ",\"resolvedDependencies\":[%s]", buf_text(&dependencies));
    buf_add_char(&made, '}');
    write_run(&made, &env, o->finished);
    return append_checked(out, &made, err);
}

bool provenance_given(const struct provenance_options *options)
{
    const char *const texts[] = {
        options->from,          options->builder_id,
        options->build_type,    options->parameters_file,
        options->source,        options->source_commit,
        options->source_ref,    options->base_image,
        options->invocation_id, options->started,
        options->finished,
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i] != NULL)
            return true;
    return options->parameters.n > 0 || options->dependencies.n > 0;
}
