#ifndef BULLA_ENGINE_KUBERNETES_KINDS_H
#define BULLA_ENGINE_KUBERNETES_KINDS_H

#include "base/limits.h"
#include "base/mem.h"
#include "base/option.h"

/*
 * What the command line says about kinds of objects that Bulla does not know: where their images
 * are, or that they are passed over.
 */

#define KUBE_KINDS_MAX 64  /* options given: clusters run tens of operators */
#define KUBE_TOKENS_MAX 32 /* members of one pointer: real ones have ten */
#define KUBE_TEXT_MAX 1024 /* bytes of one option */

struct kube_kind {
    const char *group; /* "" is the core group; any version */
    const char *kind;
    const char *pointer; /* as given, without '?'; NULL: the kind is passed over */
    const char **tokens; /* its members, unescaped; "*" is every one */
    size_t n;
    bool optional; /* an object without it holds no image there */
};

struct kube_kinds {
    struct arena arena;
    struct kube_kind kinds[KUBE_KINDS_MAX];
    size_t n;
};

#define KUBE_KINDS_INIT                                                                            \
    {                                                                                              \
        .arena = ARENA_INIT(MIB), .kinds = { { 0 } }, .n = 0                                       \
    }

/**
 * Add "KIND[.GROUP]=POINTER[?]": a JSON pointer (RFC 6901) that ends at a pod spec or at an image,
 * with "*" for every item of a list or member of a mapping. A kind may be given several.
 *
 * Every object of the kind must hold something at each of its pointers, so that a mistyped one
 * never passes; '?' behind it lifts that.
 *
 * @return 0, or -1 with ERR_USAGE (not of that form; a kind that is read anyway, or is passed
 * over; given twice), ERR_LIMIT, ERR_NOMEM. `kinds` is as it was then.
 */
int kube_kind_parse(struct kube_kinds *kinds, const char *text, struct err *err) MUST_CHECK;

/** Add "KIND[.GROUP]", to be passed over. Errors likewise. */
int kube_ignore_parse(struct kube_kinds *kinds, const char *text, struct err *err) MUST_CHECK;

/** Add all that --custom-kind and --ignore-kind say. Errors likewise, with the option's name. */
int kube_kinds_parse(struct kube_kinds *kinds, const struct option_list *custom,
                     const struct option_list *ignored, struct err *err) MUST_CHECK;

void kube_kinds_clear(struct kube_kinds *kinds);

#endif
