#include "engine/places.h"

#include <stdlib.h>

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

struct walk {
    struct registries *registries;
    places_visit *visit;
    void *context;
};

static int visit_place(const struct walk *w, const struct reference *place, struct err *err)
{
    struct store *CLEANUP(store_freep) store = NULL;
    struct err why = ERR_INIT;

    if (store_open(&store, w->registries, place, STORE_READ, &why) != 0)
        return w->visit(w->context, NULL, &why, err);
    return w->visit(w->context, store, NULL, err);
}

static int visit_configured(const struct walk *w, const struct reference *image, struct err *err)
{
    for (size_t i = 0;; i++) {
        struct reference CLEANUP(reference_clear) place = { .host = NULL };
        struct err last = ERR_INIT;
        if (registries_evidence(&place, w->registries, image, i, &last) != 0) {
            if (last.code == ERR_NOT_FOUND)
                return 0;
            *err = last;
            return -1;
        }
        if (visit_place(w, &place, err) != 0)
            return -1;
    }
}

int places_each(struct registries *registries, struct store *image, places_visit *visit,
                void *context, struct err *err)
{
    const struct walk w = { registries, visit, context };
    struct reference CLEANUP(reference_clear) named = { .host = NULL };

    if (visit(context, image, NULL, err) != 0 || visit_configured(&w, &image->repository, err) != 0)
        return -1;
    if (places_named() == NULL)
        return 0;
    return named_reference(&named, err) == 0 ? visit_place(&w, &named, err) : -1;
}
