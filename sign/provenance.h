#ifndef BULLA_SIGN_PROVENANCE_H
#define BULLA_SIGN_PROVENANCE_H

#include "base/bytes.h"
#include "base/option.h"

/** What the command line says of the build: it overrides what the environment tells, or adds to it.
 * Zeroed: nothing. */
struct provenance_options {
    const char *from; /* "github", "gitlab", "flags"; NULL: told from the environment */
    const char *builder_id, *build_type;
    struct option_list parameters; /* NAME=VALUE of externalParameters */
    const char *parameters_file;   /* a JSON object of them */
    const char *source, *source_commit, *source_ref;
    const char *base_image;          /* NAME@sha256:HEX */
    struct option_list dependencies; /* URI@ALGORITHM:HEX */
    const char *invocation_id;
    const char *started, *finished;
};

/** Does the command line say anything of the build? */
bool provenance_given(const struct provenance_options *options);

/* Rows for a command's table; option_lists_free() frees its lists. */
#define PROVENANCE_OPTIONS(o)                                                                      \
    {                                                                                              \
        "from",                                                                                    \
        0,                                                                                         \
        OPTION_TEXT,                                                                               \
        &(o)->from,                                                                                \
        "SYSTEM",                                                                                  \
        "build environment: github, gitlab or flags (default: told from the environment)"          \
    },                                                                                             \
        { "builder-id", 0, OPTION_TEXT, &(o)->builder_id, "URI", "who built the image" },          \
        { "build-type",     0,     OPTION_TEXT,                                                    \
          &(o)->build_type, "URI", "how to read the parameters of the build" },                    \
        { "parameter",  0,                                                                         \
          OPTION_LIST,  &(o)->parameters,                                                          \
          "NAME=VALUE", "parameter of the build that its user chose; may be repeated" },           \
        { "parameters-file",     0,      OPTION_TEXT,                                              \
          &(o)->parameters_file, "FILE", "JSON object of such parameters; {} says: none" },        \
        { "source", 0, OPTION_TEXT, &(o)->source, "URI", "repository of the source" },             \
        { "source-commit", 0, OPTION_TEXT, &(o)->source_commit, "HEX", "its commit" },             \
        { "source-ref", 0, OPTION_TEXT, &(o)->source_ref, "REF", "its branch or tag" },            \
        { "base-image",   0,                                                                       \
          OPTION_TEXT,    &(o)->base_image,                                                        \
          "IMAGE@DIGEST", "image that it is built on (default: as its annotations tell)" },        \
        { "dependency",        0,                                                                  \
          OPTION_LIST,         &(o)->dependencies,                                                 \
          "URI@ALGORITHM:HEX", "another dependency of the build; may be repeated" },               \
        { "invocation-id", 0, OPTION_TEXT, &(o)->invocation_id, "ID", "name of the build's run" }, \
        { "started", 0, OPTION_TEXT, &(o)->started, "TIME", "when the build began (RFC 3339)" },   \
    {                                                                                              \
        "finished", 0, OPTION_TEXT, &(o)->finished, "TIME", "when it ended"                        \
    }

/**
 * Append a SLSA v1 provenance predicate as JSON: what the build environment and the options tell,
 * and the base image that the image's own annotations name (org.opencontainers.image.base.name and
 * .digest). What nobody tells is left out; where the format requires it, it is an error.
 *
 * @param manifest  the image's manifest or index, whose digest has been checked, or BYTES_NONE
 * @return 0, or -1 with ERR_USAGE naming the variable or the option that is missing or wrong;
 * ERR_MALFORMED (the manifest), ERR_IO, ERR_LIMIT, ERR_NOMEM. `out` is as it was then.
 */
int provenance_write(struct buf *out, const struct provenance_options *o, struct bytes manifest,
                     struct err *err) MUST_CHECK;

#endif
