#include "evidence/reason.h"

#include <string.h>

static const char *const names[] = {
    [REASON_NONE] = "none",
    [REASON_UNSIGNED] = "unsigned",
    [REASON_WRONG_SIGNER] = "wrong-signer",
    [REASON_WRONG_SUBJECT] = "wrong-subject",
    [REASON_WRONG_TYPE] = "wrong-type",
    [REASON_BAD_SIGNATURE] = "bad-signature",
    [REASON_EXPIRED] = "expired",
    [REASON_NOT_YET_VALID] = "not-yet-valid",
    [REASON_TOO_FEW] = "too-few",
    [REASON_CHECK_FAILED] = "check-failed",
    [REASON_FLOOR] = "floor",
    [REASON_NO_RULE] = "no-rule",
    [REASON_NOT_A_DIGEST] = "not-a-digest",
    [REASON_UNTRUSTED_LOG] = "untrusted-log",
    [REASON_UNTRUSTED_TIME] = "untrusted-time",
    [REASON_REVOKED] = "revoked",
    [REASON_UNSUPPORTED] = "unsupported",
    [REASON_DENIED_BY_RULE] = "denied-by-rule",
    [REASON_WRONG_ANNOTATION] = "wrong-annotation",
    [REASON_WRONG_REPOSITORY] = "wrong-repository",
    [REASON_NOT_FOUND] = "not-found",
    [REASON_REGISTRY_AUTH] = "registry-auth",
    [REASON_REGISTRY_UNREACHABLE] = "registry-unreachable",
    [REASON_RATE_LIMITED] = "rate-limited",
    [REASON_DEADLINE] = "deadline",
    [REASON_TOO_LARGE] = "too-large",
    [REASON_MALFORMED] = "malformed",
};
_Static_assert(ARRAY_LEN(names) == REASON_CODES, "every code has a name");

const char *reason_name(enum reason_code code)
{
    return (unsigned)code < REASON_CODES ? names[code] : "none";
}

bool reason_is_unknown(enum reason_code code)
{
    return code >= REASON_NOT_FOUND;
}

/* Digests that do not match what was asked for (ERR_INVALID) are bytes that are not what they claim
 * to be. Whatever is our own side's failure counts as "the registry could not be asked". */
static const enum reason_code of_error[] = {
    [ERR_NONE] = REASON_REGISTRY_UNREACHABLE,
    [ERR_DENIED] = REASON_REGISTRY_AUTH,
    [ERR_INVALID] = REASON_MALFORMED,
    [ERR_USAGE] = REASON_MALFORMED,
    [ERR_CONFIG] = REASON_REGISTRY_UNREACHABLE,
    [ERR_UNSUPPORTED] = REASON_MALFORMED,
    [ERR_MALFORMED] = REASON_MALFORMED,
    [ERR_LIMIT] = REASON_TOO_LARGE,
    [ERR_IO] = REASON_REGISTRY_UNREACHABLE,
    [ERR_NETWORK] = REASON_REGISTRY_UNREACHABLE,
    [ERR_NOT_FOUND] = REASON_NOT_FOUND,
    [ERR_RATE_LIMITED] = REASON_RATE_LIMITED,
    [ERR_DEADLINE] = REASON_DEADLINE,
    [ERR_AUTH] = REASON_REGISTRY_AUTH,
    [ERR_CONFLICT] = REASON_REGISTRY_UNREACHABLE,
    [ERR_NOMEM] = REASON_TOO_LARGE,
    [ERR_CRYPTO] = REASON_REGISTRY_UNREACHABLE,
    [ERR_INTERNAL] = REASON_REGISTRY_UNREACHABLE,
};
_Static_assert(ARRAY_LEN(of_error) == ERR_CODES, "every error has a reason");

enum reason_code reason_of_error(enum err_code code)
{
    return (unsigned)code < ERR_CODES ? of_error[code] : REASON_REGISTRY_UNREACHABLE;
}

int reason_add(struct reason_list *list, struct arena *arena, const struct reason *reason,
               struct err *err)
{
    if (list->n == list->cap) {
        size_t cap = list->cap == 0 ? 4 : list->cap * 2;
        struct reason *grown = arena_new(arena, cap, sizeof(*grown), err);
        if (grown == NULL)
            return -1;
        if (list->n > 0)
            memcpy(grown, list->items, list->n * sizeof(*grown));
        list->items = grown;
        list->cap = cap;
    }
    struct reason *added = &list->items[list->n];
    added->code = reason->code;
    added->where = arena_text(arena, bytes_text(reason->where), err);
    added->text = arena_text(arena, bytes_text(reason->text), err);
    if (added->where == NULL || added->text == NULL)
        return -1;
    list->n++;
    return 0;
}
