#ifndef BULLA_SIGN_TARGET_H
#define BULLA_SIGN_TARGET_H

#include "engine/common.h"
#include "evidence/collect.h"
#include "registry/store.h"

/*
 * What is signed: the digests that images name, and where their evidence goes. A tag is resolved
 * once.
 */

/** How targets are found, the same for every image. */
struct target_options {
    const struct common *common;
    bool recursive;      /* every manifest of a multi-arch image too */
    bool require_digest; /* images named by tag are refused */
    bool upload;         /* evidence is stored */
};

/** One image on its way. */
struct target {
    const struct target_options *options;
    const struct reference *reference; /* as asked */
    struct store *image;               /* where the image is */
    struct store *evidence; /* where its evidence goes: the same, or COSIGN_REPOSITORY's */
    struct buf name;        /* "host/repository", without tag and digest */
    int64_t deadline;
};

/** One manifest of the image: what is done to it. -1 ends this image. */
typedef int target_visit(void *context, const struct target *target, const struct resolved *subject,
                         struct err *err);

/**
 * Visit the digest of every image; with `recursive` every manifest below it first, so that an
 * interrupted run never leaves a signed index with unsigned children. What was visited is printed,
 * where evidence is stored. Every image is tried; the first failure is the result.
 */
int targets_each(const struct target_options *options, const struct reference *images, size_t n,
                 target_visit *visit, void *context, struct err *err) MUST_CHECK;

/**
 * What this key has said of the digest already; nothing, where nothing is stored. Too much to read
 * is no reason not to sign (`facts->complete` tells); anything else that could not be read is: the
 * write would fail as well, or double what is there.
 */
int target_facts(struct fact_set *out, const struct target *target, const struct public_key *key,
                 const struct digest *digest, const struct plan *plan, struct err *err) MUST_CHECK;

/** "host/repository@sha256:…: " and what was done, as an information line. */
void target_log(const struct target *target, const struct digest *digest, const char *done,
                enum evidence_layout layout);

/** Layouts by enum evidence_layout. */
struct formats {
    bool layouts[2];
};

/** "bundle" (also for NULL), "legacy", "bundle,legacy". -1 with ERR_USAGE. */
int formats_parse(struct formats *out, const char *text, struct err *err) MUST_CHECK;

#endif
