#include "engine/kubernetes_private.h"

#include <stdlib.h>
#include <string.h>

#define PATH_MEMBERS 6
#define KUBE_NAME_MAX 253 /* the API server's own, of names and groups */

/* Where a kind keeps its pod spec, whatever the version of its group (admission.md 3.5). */
struct kind_row {
    const char *group;
    const char *kind;
    const char *path[PATH_MEMBERS]; /* NULL behind the last */
    bool is_pod;                    /* what runs: no image is filled in later */
    const char *may_lack;           /* a member that need not be there: then there are no images */
};

#define TEMPLATE                                                                                   \
    {                                                                                              \
        "spec", "template", "spec"                                                                 \
    }

static const struct kind_row kind_rows[] = {
    { .group = "", .kind = "Pod", .path = { "spec" }, .is_pod = true },
    { .group = "", .kind = "PodTemplate", .path = { "template", "spec" } },
    { .group = "", .kind = "ReplicationController", .path = TEMPLATE, .may_lack = "template" },
    { .group = "apps", .kind = "Deployment", .path = TEMPLATE },
    { .group = "apps", .kind = "ReplicaSet", .path = TEMPLATE },
    { .group = "apps", .kind = "StatefulSet", .path = TEMPLATE },
    { .group = "apps", .kind = "DaemonSet", .path = TEMPLATE },
    { .group = "extensions", .kind = "Deployment", .path = TEMPLATE },
    { .group = "extensions", .kind = "ReplicaSet", .path = TEMPLATE },
    { .group = "extensions", .kind = "DaemonSet", .path = TEMPLATE },
    { .group = "extensions", .kind = "Job", .path = TEMPLATE },
    { .group = "batch", .kind = "Job", .path = TEMPLATE },
    { .group = "batch",
      .kind = "CronJob",
      .path = { "spec", "jobTemplate", "spec", "template", "spec" } },
    { .group = "batch", .kind = "JobTemplate", .path = { "template", "spec", "template", "spec" } },
};

/* The fields of a pod spec that name images: `list` of entries, each with `image`, or with it in
 * `member`, an object that need not be there. */
static const struct field_row {
    const char *list;
    const char *member;
    const char *image;
} field_rows[] = {
    { "containers", NULL, "image" },
    { "initContainers", NULL, "image" },
    { "ephemeralContainers", NULL, "image" },
    { "volumes", "image", "reference" }, /* KEP-4639 */
};

/* The kind of an object that has none of its own: an item of a PodList is a Pod. */
struct inherited {
    struct bytes group;
    struct bytes kind;
};

void image_list_clear(struct image_list *list)
{
    arena_clear(&list->arena);
    free(list->images);
    *list = (struct image_list)IMAGE_LIST_INIT;
}

static const struct kind_row *find_row(struct bytes group, struct bytes kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kind_rows); i++)
        if (bytes_is(group, kind_rows[i].group) && bytes_is(kind, kind_rows[i].kind))
            return &kind_rows[i];
    return NULL;
}

bool kube_known(struct bytes group, struct bytes kind)
{
    return find_row(group, kind) != NULL || (group.len == 0 && bytes_is(kind, "List"));
}

bool kube_find_pod_spec(struct kube_value *out, struct bytes group, struct bytes kind,
                        struct kube_value object)
{
    const struct kind_row *row = find_row(group, kind);
    struct kube_value at = object;

    *out = KUBE_NONE;
    if (row == NULL)
        return false;
    for (size_t i = 0; i < PATH_MEMBERS && row->path[i] != NULL; i++) {
        const struct kube_value holder = at;
        if (kube_get(&at, holder, row->path[i], NULL) != 0)
            return false;
    }
    *out = at;
    return kube_form(at) == KUBE_MAPPING;
}

const struct kube_kind *kube_told(const struct kube_walker *w, size_t i)
{
    const struct kube_kind *kind = &w->source->kinds->kinds[i];

    return strcmp(kind->kind, w->kind) == 0 && strcmp(kind->group, w->group) == 0 ? kind : NULL;
}

static const struct kube_kind *find_told(const struct kube_walker *w)
{
    const struct kube_kind *found = NULL;

    if (w->source->kinds == NULL)
        return NULL;
    for (size_t i = 0; i < w->source->kinds->n && found == NULL; i++)
        found = kube_told(w, i);
    return found;
}

static int read_image(struct kube_walker *w, struct kube_value holder, const char *name)
{
    struct kube_value value;

    if (kube_descend(w, &value, holder, name) != 0)
        return -1;
    if (kube_form(value) == KUBE_ABSENT || kube_is(value, BYTES_LIT("")))
        return w->image_required ? kube_refuse(w, holder, "no image") : 0;
    return kube_add(w, value);
}

static int read_entry(struct kube_walker *w, struct kube_value entry, const struct field_row *row)
{
    struct kube_value holder = entry;

    if (kube_form(entry) != KUBE_MAPPING)
        return kube_refuse(w, entry, "not an object");
    if (row->member != NULL) {
        if (kube_descend(w, &holder, entry, row->member) != 0)
            return -1;
        if (kube_form(holder) == KUBE_ABSENT)
            return 0;
        if (kube_form(holder) != KUBE_MAPPING)
            return kube_refuse(w, holder, "not an object");
    }
    return read_image(w, holder, row->image);
}

static int read_entries(struct kube_walker *w, struct kube_value list, const struct field_row *row)
{
    struct kube_walk walk = kube_walk(list);
    struct kube_value name, entry;
    size_t depth = w->depth;

    if (kube_form(list) != KUBE_LIST)
        return kube_refuse(w, list, "not a list");
    for (size_t i = 0; kube_next(&walk, &name, &entry); i++) {
        if (kube_step_into(w, KUBE_NONE, i) != 0)
            return kube_wrap(w, entry);
        if (read_entry(w, entry, row) != 0)
            return -1;
        w->depth = depth;
    }
    return 0;
}

int kube_pod_spec(struct kube_walker *w, struct kube_value spec, size_t *fields)
{
    const char *names[ARRAY_LEN(field_rows)];
    struct kube_value lists[ARRAY_LEN(field_rows)];
    size_t depth = w->depth;

    *fields = 0;
    for (size_t i = 0; i < ARRAY_LEN(field_rows); i++)
        names[i] = field_rows[i].list;
    if (kube_get_all(lists, spec, names, ARRAY_LEN(names), w->err) != 0)
        return kube_wrap(w, spec);
    for (size_t i = 0; i < ARRAY_LEN(field_rows); i++) {
        if (kube_form(lists[i]) == KUBE_ABSENT)
            continue;
        ++*fields;
        if (kube_step_member(w, names[i]) != 0)
            return kube_wrap(w, spec);
        if (read_entries(w, lists[i], &field_rows[i]) != 0)
            return -1;
        w->depth = depth;
    }
    return 0;
}

/* The API server takes no Pod and no template without containers: what has none is no pod spec, or
 * one that is misspelt. */
static int check_containers(struct kube_walker *w, struct kube_value spec)
{
    struct kube_value containers, name, first;

    if (kube_descend(w, &containers, spec, "containers") != 0)
        return -1;
    struct kube_walk walk = kube_walk(containers);
    if (kube_form(containers) == KUBE_ABSENT)
        return kube_refuse(w, spec, "missing");
    if (kube_form(containers) == KUBE_LIST && !kube_next(&walk, &name, &first))
        return kube_refuse(w, containers, "an empty list");
    w->depth--;
    return 0;
}

static int read_known(struct kube_walker *w, struct kube_value object, const struct kind_row *row)
{
    struct kube_value at = object;
    size_t fields;

    for (size_t i = 0; i < PATH_MEMBERS && row->path[i] != NULL; i++) {
        struct kube_value holder = at;
        if (kube_descend(w, &at, holder, row->path[i]) != 0)
            return -1;
        if (kube_form(at) == KUBE_ABSENT && row->may_lack != NULL &&
            strcmp(row->path[i], row->may_lack) == 0)
            return 0;
        if (kube_form(at) == KUBE_ABSENT)
            return kube_refuse(w, holder, "missing");
        if (kube_form(at) != KUBE_MAPPING)
            return kube_refuse(w, at, "not an object");
    }
    w->image_required = row->is_pod;
    return check_containers(w, at) == 0 ? kube_pod_spec(w, at, &fields) : -1;
}

/* "apps/v1" is of the group "apps", "v1" of the core group. */
static int take_group(struct kube_walker *w, struct kube_value api_version)
{
    const char *text;

    if (kube_keep_text(w, &text, api_version, KUBE_NAME_MAX) != 0)
        return -1;
    const char *slash = strchr(text, '/');
    struct bytes group =
        slash != NULL ? bytes_part(bytes_text(text), 0, (size_t)(slash - text)) : BYTES_LIT("");
    const char *version = slash != NULL ? slash + 1 : text;
    if (*version == '\0' || strchr(version, '/') != NULL || (slash != NULL && group.len == 0))
        return kube_refuse(w, api_version, "not of the form GROUP/VERSION or VERSION");
    w->group = arena_text(&w->out->arena, group, w->err);
    return w->group != NULL ? 0 : kube_wrap(w, api_version);
}

static int inherit_kind(struct kube_walker *w, struct kube_value object,
                        const struct inherited *inherited)
{
    struct arena *arena = &w->out->arena;

    if (inherited->kind.len == 0)
        return kube_refuse(w, object,
                           "neither apiVersion nor kind: this is not a Kubernetes object");
    w->group = arena_text(arena, inherited->group, w->err);
    if (w->group == NULL)
        return kube_wrap(w, object);
    w->kind = arena_text(arena, inherited->kind, w->err);
    return w->kind != NULL ? 0 : kube_wrap(w, object);
}

/* What every object has. */
struct head {
    struct kube_value object, api_version, kind, metadata;
};

static int read_head(struct head *out, const struct kube_walker *w, struct kube_value object)
{
    static const char *const names[] = { "apiVersion", "kind", "metadata" };
    struct kube_value values[ARRAY_LEN(names)];

    *out = (struct head) { object, KUBE_NONE, KUBE_NONE, KUBE_NONE };
    if (kube_get_all(values, object, names, ARRAY_LEN(names), w->err) != 0)
        return kube_wrap(w, object);
    *out = (struct head) { object, values[0], values[1], values[2] };
    return 0;
}

static int read_kind(struct kube_walker *w, const struct head *head,
                     const struct inherited *inherited)
{
    const struct kube_value object = head->object;
    const struct kube_value api_version = head->api_version;
    const struct kube_value kind = head->kind;

    if (kube_form(api_version) == KUBE_ABSENT && kube_form(kind) == KUBE_ABSENT)
        return inherit_kind(w, object, inherited);
    if (kube_form(api_version) == KUBE_ABSENT || kube_form(kind) == KUBE_ABSENT)
        return kube_refuse(w, object,
                           kube_form(kind) == KUBE_ABSENT ? "kind is missing"
                                                          : "apiVersion is missing");
    if (kube_step_member(w, "apiVersion") != 0 || take_group(w, api_version) != 0)
        return -1;
    w->depth = 0;
    const char *text;
    if (kube_step_member(w, "kind") != 0 || kube_keep_text(w, &text, kind, KUBE_NAME_MAX) != 0)
        return -1;
    if (*text == '\0')
        return kube_refuse(w, kind, "empty");
    w->kind = text;
    w->depth = 0;
    return 0;
}

/* A member of `metadata`; NULL when it is not there or empty. */
static int read_name(struct kube_walker *w, const char **out, struct kube_value value,
                     const char *member)
{
    size_t depth = w->depth;
    const char *text = NULL;

    *out = NULL;
    if (kube_step_member(w, member) != 0)
        return kube_wrap(w, value);
    if (kube_form(value) != KUBE_ABSENT && kube_keep_text(w, &text, value, KUBE_NAME_MAX) != 0)
        return -1;
    if (text != NULL && *text != '\0')
        *out = text;
    w->depth = depth;
    return 0;
}

static int read_metadata(struct kube_walker *w, const struct head *head)
{
    static const char *const names[] = { "name", "generateName", "namespace" };
    struct kube_value values[ARRAY_LEN(names)];
    const struct kube_value metadata = head->metadata;

    if (kube_step_member(w, "metadata") != 0)
        return kube_wrap(w, head->object);
    if (kube_form(metadata) != KUBE_ABSENT && kube_form(metadata) != KUBE_MAPPING)
        return kube_refuse(w, metadata, "not an object");
    if (kube_get_all(values, metadata, names, ARRAY_LEN(names), w->err) != 0)
        return kube_wrap(w, metadata);
    if (read_name(w, &w->name, values[0], names[0]) != 0 ||
        (w->name == NULL && read_name(w, &w->name, values[1], names[1]) != 0) ||
        read_name(w, &w->namespace, values[2], names[2]) != 0)
        return -1;
    w->depth = 0;
    return 0;
}

/* The kind of a list's items: "Pod" of "PodList", and "" of "List", whose items say it themselves.
 * False for what is no list. */
static bool is_list(struct bytes *items_kind, const char *kind)
{
    static const char end[] = "List";
    size_t len = strlen(kind);

    *items_kind = BYTES_NONE;
    if (len < sizeof(end) - 1 || strcmp(kind + len - (sizeof(end) - 1), end) != 0)
        return false;
    *items_kind = bytes_part(bytes_text(kind), 0, len - (sizeof(end) - 1));
    return true;
}

static int read_object(const struct kube_walker *above, struct kube_value object,
                       const struct inherited *inherited);

/* NOLINTNEXTLINE(misc-no-recursion): two levels of the text each time, at most JSON_DEPTH_MAX */
static int read_items(struct kube_walker *w, struct kube_value items, struct bytes kind)
{
    const struct inherited inherited = { bytes_text(w->group), kind };
    struct kube_walk walk = kube_walk(items);
    struct kube_value name, item;

    if (kube_step_member(w, "items") != 0)
        return kube_wrap(w, items);
    for (size_t i = 0; kube_next(&walk, &name, &item); i++) {
        if (kube_form(item) == KUBE_MAPPING) {
            if (read_object(w, item, &inherited) != 0)
                return -1;
        } else {
            return kube_step_into(w, KUBE_NONE, i) == 0 ? kube_refuse(w, item, "not an object")
                                                        : kube_wrap(w, item);
        }
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): two levels of the text each time, at most JSON_DEPTH_MAX */
static int read_other(struct kube_walker *w, struct kube_value object)
{
    const struct kube_kind *told = find_told(w);
    struct kube_value items;
    struct bytes kind;

    if (told == NULL && is_list(&kind, w->kind)) {
        if (kube_get(&items, object, "items", w->err) != 0)
            return kube_wrap(w, object);
        if (kube_form(items) == KUBE_LIST)
            return read_items(w, items, kind);
        if (*w->group == '\0' && kind.len == 0)
            return kube_refuse(w, object, "items is missing, or not a list");
    }
    w->out->objects++;
    if (told != NULL && told->pointer == NULL)
        return 0;
    return kube_search(w, object);
}

/* NOLINTNEXTLINE(misc-no-recursion): two levels of the text each time, at most JSON_DEPTH_MAX */
static int read_object(const struct kube_walker *above, struct kube_value object,
                       const struct inherited *inherited)
{
    struct kube_walker w;
    struct head head;

    memset(&w, 0, offsetof(struct kube_walker, steps));
    w.out = above->out;
    w.source = above->source;
    w.err = above->err;
    if (read_head(&head, &w, object) != 0 || read_kind(&w, &head, inherited) != 0 ||
        read_metadata(&w, &head) != 0)
        return -1;
    const struct kind_row *row = find_row(bytes_text(w.group), bytes_text(w.kind));
    if (row == NULL)
        return read_other(&w, object);
    w.out->objects++;
    return read_known(&w, object, row);
}

int kube_images(struct image_list *out, const struct kube_source *source, struct kube_value object,
                struct err *err)
{
    const struct inherited nothing = { BYTES_NONE, BYTES_NONE };
    struct kube_walker w;
    size_t n = out->n;
    size_t objects = out->objects;

    memset(&w, 0, offsetof(struct kube_walker, steps));
    w.out = out;
    w.source = source;
    w.err = err;
    if (kube_form(object) != KUBE_MAPPING)
        return kube_refuse(&w, object, "not an object with apiVersion and kind");
    if (read_object(&w, object, &nothing) == 0)
        return 0;
    out->n = n;
    out->objects = objects;
    return -1;
}
