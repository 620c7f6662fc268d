#include "engine/places.h"

#include <stdlib.h>
#include <string.h>

const char *places_named(void)
{
    const char *name = getenv("COSIGN_REPOSITORY");

    return name == NULL || name[0] == '\0' ? NULL : name;
}

static int named_reference(struct reference *out, struct err *err)
{
    if (reference_parse(out, bytes_text(places_named()), err) != 0)
        return err_wrap(err, "COSIGN_REPOSITORY");
    return 0;
}

int places_check(struct err *err)
{
    struct reference CLEANUP(reference_clear) ref = { .host = NULL };

    return places_named() == NULL ? 0 : named_reference(&ref, err);
}

static bool same_place(const struct reference *a, const struct reference *b)
{
    return a->layout == b->layout && (a->layout || strcmp(a->host, b->host) == 0) &&
           strcmp(a->repository, b->repository) == 0;
}

struct walk {
    struct registries *registries;
    const struct store *image;
    const struct reference *named; /* by COSIGN_REPOSITORY, or NULL: visited last, and once */
    places_visit *visit;
    void *context;
};

static int visit_place(const struct walk *w, const struct reference *place, struct err *err)
{
    struct store *CLEANUP(store_freep) store = NULL;
    struct err why = ERR_INIT;

    if (store_open_with(&store, w->registries, place, w->image->credentials, &why) != 0)
        return w->visit(w->context, NULL, &why, err);
    return w->visit(w->context, store, NULL, err);
}

static int visit_configured(const struct walk *w, struct err *err)
{
    for (size_t i = 0;; i++) {
        struct reference CLEANUP(reference_clear) place = { .host = NULL };
        struct err last = ERR_INIT;
        if (registries_evidence(&place, w->registries, &w->image->repository, i, &last) != 0) {
            if (last.code == ERR_NOT_FOUND)
                return 0;
            *err = last;
            return -1;
        }
        bool again = same_place(&place, &w->image->repository) ||
                     (w->named != NULL && same_place(&place, w->named));
        if (!again && visit_place(w, &place, err) != 0)
            return -1;
    }
}

int places_each(struct registries *registries, struct store *image, places_visit *visit,
                void *context, struct err *err)
{
    struct reference CLEANUP(reference_clear) named = { .host = NULL };
    const bool has_name = places_named() != NULL;
    const struct walk w = { registries, image, has_name ? &named : NULL, visit, context };

    if (has_name && named_reference(&named, err) != 0)
        return -1;
    if (visit(context, image, NULL, err) != 0 || visit_configured(&w, err) != 0)
        return -1;
    return has_name && !same_place(&named, &image->repository) ? visit_place(&w, &named, err) : 0;
}
