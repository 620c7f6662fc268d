#include "engine/kubernetes_private.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Bytes that a message shows of each */
#define SHOWN_KIND 40
#define SHOWN_POINTER 72

/* What operators call their lists of containers. Images of an unknown kind in one of these are
 * never passed over. */
static const struct guard_row {
    const char *name;
    bool of_pod; /* a field of a pod spec */
} guard_rows[] = {
    { "containers", true }, { "initContainers", true }, { "ephemeralContainers", true },
    { "sidecars", false },  { "steps", false },         { "container", false },
};

static bool step_fits(const struct kube_step *step, const char *token)
{
    char index[24];

    if (strcmp(token, "*") == 0)
        return true;
    if (kube_form(step->name) != KUBE_ABSENT)
        return kube_is(step->name, bytes_text(token));
    int n = snprintf(index, sizeof(index), "%zu", step->index);
    return n > 0 && (size_t)n < sizeof(index) && strcmp(index, token) == 0;
}

/* Is the walk at the pointer of a kind that the command line names? All such are marked found. */
static bool at_pointer(struct kube_walker *w, bool mark)
{
    bool any = false;

    for (size_t i = 0; w->source->kinds != NULL && i < w->source->kinds->n; i++) {
        const struct kube_kind *kind = kube_told(w, i);
        bool fits = kind != NULL && kind->pointer != NULL && kind->n == w->depth;
        for (size_t t = 0; fits && t < kind->n; t++)
            fits = step_fits(&w->steps[t], kind->tokens[t]);
        any = any || fits;
        if (fits && mark)
            w->found |= (uint64_t)1 << i;
    }
    return any;
}
_Static_assert(KUBE_KINDS_MAX <= 64, "a bit for each");

static int take_pointed(struct kube_walker *w, struct kube_value value)
{
    static const char neither[] = "neither a pod spec nor an image";
    size_t fields;

    if (kube_form(value) == KUBE_STRING) {
        if (kube_is(value, BYTES_LIT("")))
            return kube_refuse(w, value, "no image");
        return kube_add(w, value);
    }
    if (kube_form(value) != KUBE_MAPPING)
        return kube_refuse(w, value, neither);
    w->image_required = true;
    if (kube_pod_spec(w, value, &fields) != 0)
        return -1;
    return fields > 0 ? 0 : kube_refuse(w, value, neither);
}

/* How many steps above the walk a guarded name stands: containers[0].image, container.image. 0 when
 * there is none. */
static size_t guarded(const struct kube_walker *w, const struct guard_row **row)
{
    *row = NULL;
    if (w->depth < 2 || !kube_is(w->steps[w->depth - 1].name, BYTES_LIT("image")))
        return 0;
    size_t up = kube_form(w->steps[w->depth - 2].name) == KUBE_ABSENT ? 3 : 2;
    if (up > w->depth)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(guard_rows); i++) {
        if (!kube_is(w->steps[w->depth - up].name, bytes_text(guard_rows[i].name)))
            continue;
        *row = &guard_rows[i];
        return up;
    }
    return 0;
}

/* The kind as the command line's options name it. */
static void add_kind(struct buf *out, const struct kube_walker *w)
{
    text_escape(out, bytes_text(w->kind), SHOWN_KIND);
    if (*w->group != '\0')
        buf_add_char(out, '.');
    text_escape(out, bytes_text(w->group), SHOWN_KIND);
}

/* The option that would tell is shown: of a pod's containers the pod spec, else the image. */
static int refuse_guarded(struct kube_walker *w, struct kube_value value, size_t up, bool of_pod)
{
    struct buf CLEANUP(buf_clear) pointer = BUF_INIT(KUBE_PATH_MAX);
    struct buf CLEANUP(buf_clear) why = BUF_INIT(ERR_TEXT_MAX);

    kube_path_pointer(&pointer, w, of_pod && up < w->depth ? up : 0, true);
    buf_add_text(&why, "an image in a kind that is not known: say --custom-kind ");
    add_kind(&why, w);
    buf_add_char(&why, '=');
    text_escape(&why, buf_bytes(&pointer), SHOWN_POINTER);
    buf_add_text(&why, " or --ignore-kind with that kind");
    return kube_refuse(w, value, buf_text(&why));
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most JSON_DEPTH_MAX or YAML_DEPTH_MAX */
static int search(struct kube_walker *w, struct kube_value value)
{
    const struct guard_row *row;
    struct kube_walk walk = kube_walk(value);
    struct kube_value name, child;
    size_t depth = w->depth;

    if (kube_form(value) == KUBE_NULL)
        return 0;
    if (at_pointer(w, true))
        return take_pointed(w, value);
    size_t up = kube_form(value) == KUBE_STRING ? guarded(w, &row) : 0;
    if (up > 0 && !kube_is(value, BYTES_LIT("")))
        return refuse_guarded(w, value, up, row->of_pod);
    for (size_t i = 0; kube_next(&walk, &name, &child); i++) {
        if (kube_step_into(w, name, i) != 0)
            return kube_wrap(w, child);
        if (search(w, child) != 0)
            return -1;
        w->depth = depth;
    }
    return 0;
}

int kube_search(struct kube_walker *w, struct kube_value object)
{
    if (search(w, object) != 0)
        return -1;
    for (size_t i = 0; w->source->kinds != NULL && i < w->source->kinds->n; i++) {
        const struct kube_kind *kind = kube_told(w, i);
        if (kind == NULL || kind->optional || (w->found & ((uint64_t)1 << i)) != 0)
            continue;
        err_set(w->err, ERR_CONFIG,
                "nothing is at %s, as --custom-kind says (with ? behind it, it may be missing)",
                kind->pointer);
        return kube_wrap(w, object);
    }
    return 0;
}
