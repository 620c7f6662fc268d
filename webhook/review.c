#include "webhook/review.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_pull.h"
#include "base/text.h"

#define API_VERSION "admission.k8s.io/v1"
#define UID_MAX 253        /* the API server sends 36 */
#define NAME_MAX_BYTES 253 /* the API server's own, of names and groups */
#define USER_MAX 1024      /* for the log; longer ones are left out there */
#define INDEX_EACH 32      /* bytes of a body for each place in its index */
#define INDEX_MOST 8192    /* places: as many as REVIEW_IMAGES_MAX containers have parts */
#define REVIEW_ARENA_MAX                                                                           \
    (4 * MIB) /* REVIEW_IMAGES_MAX texts of why they are refused, and names                        \
               */

/* Members of `request`. */
struct request {
    struct json_view uid, operation, kind, resource, subresource, namespace, name, user, object,
        old_object, dry_run;
};

static const char *const operations[] = {
    [REVIEW_CREATE] = "CREATE",
    [REVIEW_UPDATE] = "UPDATE",
    [REVIEW_DELETE] = "DELETE",
    [REVIEW_CONNECT] = "CONNECT",
};

const char *review_operation_name(enum review_operation operation)
{
    return operations[operation];
}

void review_init(struct review *review)
{
    *review = (struct review) {
        .arena = ARENA_INIT(REVIEW_ARENA_MAX),
        .group = "",
        .version = "",
        .resource = "",
        .subresource = "",
        .kind = "",
        .kind_group = "",
        .kind_version = "",
        .name = "",
        .user = "",
        .pod = true, /* until it is known to be none: the stricter of the two */
        .images = IMAGE_LIST_INIT,
        .old = IMAGE_LIST_INIT,
        .unreadable = ERR_INIT,
    };
}

static void drop_images(struct review *review)
{
    for (size_t i = 0; i < review->n_subjects; i++)
        reference_clear(&review->subjects[i].reference);
    review->n_subjects = 0;
    review->n_fields = 0;
    review->n_secrets = 0;
    image_list_clear(&review->images);
    image_list_clear(&review->old);
}

void review_clear(struct review *review)
{
    drop_images(review);
    arena_clear(&review->arena);
    review_init(review);
}

/* A string without control characters of at most `max` bytes, kept; "" where it is absent. */
static int keep_text(const char **out, struct review *r, struct json_view value, const char *what,
                     struct err *err)
{
    struct buf CLEANUP(buf_clear) unescaped = BUF_INIT(NAME_MAX_BYTES);
    struct bytes text;

    *out = "";
    if (value.kind == JSON_ABSENT)
        return 0;
    if (!json_string_raw(value, &text)) {
        if (json_string(&unescaped, value, what, err) != 0)
            return -1;
        text = buf_bytes(&unescaped);
    }
    if (text.len > NAME_MAX_BYTES || !text_plain(text))
        return err_set(err, ERR_MALFORMED, "%s: longer than %d bytes, or control characters", what,
                       NAME_MAX_BYTES);
    const char *kept = arena_text(&r->arena, text, err);
    if (kept == NULL)
        return -1;
    *out = kept;
    return 0;
}
_Static_assert(UID_MAX == NAME_MAX_BYTES, "one ceiling for all of these texts");

/* --- What is asked --- */

/* Room for the ends of the body's larger parts; with more parts than that the last are found the
 * slow way. */
static int make_index(struct json_index *out, struct review *r, size_t len, struct err *err)
{
    const size_t most = len / INDEX_EACH + 1;

    *out = (struct json_index) { .max = most < INDEX_MOST ? most : INDEX_MOST };
    out->spans = arena_new(&r->arena, out->max, sizeof(*out->spans), err);
    return out->spans != NULL ? 0 : -1;
}

static int read_request(struct request *out, struct bytes body, struct json_index *index,
                        struct err *err)
{
    struct json_view root, version, kind, request;
    const struct json_member outer[] = {
        { "apiVersion", &version, JSON_STRING, true },
        { "kind", &kind, JSON_STRING, true },
        { "request", &request, JSON_OBJECT, true },
    };
    const struct json_member inner[] = {
        { "uid", &out->uid, JSON_STRING, true },
        { "operation", &out->operation, JSON_ABSENT, false },
        { "kind", &out->kind, JSON_ABSENT, false },
        { "resource", &out->resource, JSON_ABSENT, false },
        { "subResource", &out->subresource, JSON_ABSENT, false },
        { "namespace", &out->namespace, JSON_ABSENT, false },
        { "name", &out->name, JSON_ABSENT, false },
        { "userInfo", &out->user, JSON_ABSENT, false },
        { "object", &out->object, JSON_ABSENT, false },
        { "oldObject", &out->old_object, JSON_ABSENT, false },
        { "dryRun", &out->dry_run, JSON_ABSENT, false },
    };

    if (json_scan_indexed(&root, body, index, err) != 0 ||
        json_members(root, outer, ARRAY_LEN(outer), JSON_REST_IGNORED, "AdmissionReview", err) != 0)
        return -1;
    if (!json_string_is(kind, BYTES_LIT("AdmissionReview")))
        return err_set(err, ERR_MALFORMED, "kind is not AdmissionReview");
    if (!json_string_is(version, BYTES_LIT(API_VERSION)))
        return err_set(err, ERR_UNSUPPORTED, "apiVersion is not " API_VERSION);
    return json_members(request, inner, ARRAY_LEN(inner), JSON_REST_IGNORED, "request", err);
}

static int read_uid(struct review *r, struct json_view uid, struct err *err)
{
    if (keep_text(&r->uid, r, uid, "request.uid", err) != 0)
        return -1;
    return r->uid[0] != '\0' ? 0 : err_set(err, ERR_MALFORMED, "request.uid: empty");
}

static int read_operation(struct review *r, struct json_view operation, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        if (json_string_is(operation, bytes_text(operations[i]))) {
            r->operation = (enum review_operation)i;
            return 0;
        }
    return err_set(err, ERR_MALFORMED,
                   "request.operation: none of CREATE, UPDATE, DELETE, CONNECT");
}

/* Three names of one thing: {group, version, kind} or {group, version, resource}. */
struct triple {
    const char *what;
    const char *third;
    const char **group, **version, **name;
};

static int read_triple(struct review *r, struct json_view value, const struct triple *t,
                       struct err *err)
{
    struct json_view group, version, name;
    const struct json_member members[] = {
        { "group", &group, JSON_STRING, false },
        { "version", &version, JSON_STRING, true },
        { t->third, &name, JSON_STRING, true },
    };

    if (json_members(value, members, ARRAY_LEN(members), JSON_REST_IGNORED, t->what, err) != 0 ||
        keep_text(t->group, r, group, t->what, err) != 0 ||
        keep_text(t->version, r, version, t->what, err) != 0 ||
        keep_text(t->name, r, name, t->what, err) != 0)
        return -1;
    if (**t->version == '\0' || **t->name == '\0')
        return err_set(err, ERR_MALFORMED, "%s: empty", t->what);
    return 0;
}

/* Absent and null are one to the API server. */
static struct json_view unless_null(struct json_view value)
{
    return value.kind == JSON_NULL_VALUE ? JSON_VIEW_NONE : value;
}

/* Whose request it is stands in the log only, so nothing is wrong with it. */
static int read_user(struct review *r, struct json_view user_info, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(USER_MAX);
    struct json_view username;
    const struct json_member member = { "username", &username, JSON_STRING, false };

    if (json_members(user_info, &member, 1, JSON_REST_IGNORED, "userInfo", NULL) != 0 ||
        json_string(&text, username, "userInfo", NULL) != 0)
        return 0;
    r->user = arena_text(&r->arena, buf_bytes(&text), err);
    return r->user != NULL ? 0 : -1;
}

static int read_names(struct review *r, const struct request *q, struct err *err)
{
    const struct triple kind = { "request.kind", "kind", &r->kind_group, &r->kind_version,
                                 &r->kind };
    const struct triple resource = { "request.resource", "resource", &r->group, &r->version,
                                     &r->resource };

    if (read_operation(r, q->operation, err) != 0 || read_triple(r, q->kind, &kind, err) != 0)
        return -1;
    r->pod = r->kind_group[0] == '\0' && strcmp(r->kind, "Pod") == 0;
    if (read_triple(r, q->resource, &resource, err) != 0 ||
        keep_text(&r->subresource, r, unless_null(q->subresource), "request.subResource", err) !=
            0 ||
        keep_text(&r->namespace, r, unless_null(q->namespace), "request.namespace", err) != 0 ||
        keep_text(&r->name, r, unless_null(q->name), "request.name", err) != 0 ||
        read_user(r, q->user, err) != 0)
        return -1;
    if (r->namespace[0] == '\0')
        r->namespace = NULL;
    r->dry_run = q->dry_run.kind == JSON_TRUE_VALUE;
    return 0;
}

/* --- The object --- */

/* Is it "VERSION", or "GROUP/VERSION", of request.kind? */
static bool is_api_version(const struct review *r, struct json_view value)
{
    struct buf CLEANUP(buf_clear) want = BUF_INIT(2 * NAME_MAX_BYTES + 1);

    buf_add_text(&want, r->kind_group);
    if (want.len > 0)
        buf_add_char(&want, '/');
    buf_add_text(&want, r->kind_version);
    return want.state == BUF_FINE && json_string_is(value, buf_bytes(&want));
}

/* The object is judged as what the request says it is: an object that says otherwise would be read
 * by another row of the table, or in another namespace, than the one that is stored. */
static int check_identity(const struct review *r, struct json_view object, struct err *err)
{
    struct json_view api_version, kind, metadata, namespace = JSON_VIEW_NONE;
    const struct json_member members[] = {
        { "apiVersion", &api_version, JSON_STRING, true },
        { "kind", &kind, JSON_STRING, true },
        { "metadata", &metadata, JSON_OBJECT, false },
    };
    const struct json_member in_metadata = { "namespace", &namespace, JSON_STRING, false };

    if (json_members(object, members, ARRAY_LEN(members), JSON_REST_IGNORED, "request.object",
                     err) != 0)
        return -1;
    if (!json_string_is(kind, bytes_text(r->kind)) || !is_api_version(r, api_version))
        return err_set(err, ERR_MALFORMED,
                       "request.object: apiVersion and kind are not those of request.kind");
    if (metadata.kind == JSON_OBJECT && json_members(metadata, &in_metadata, 1, JSON_REST_IGNORED,
                                                     "request.object.metadata", err) != 0)
        return -1;
    if (namespace.kind == JSON_STRING && !json_string_is(namespace, BYTES_LIT("")) &&
        (r->namespace == NULL || !json_string_is(namespace, bytes_text(r->namespace))))
        return err_set(err, ERR_MALFORMED,
                       "request.object: metadata.namespace is not request.namespace");
    return 0;
}

static bool is_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool review_name_valid(struct bytes name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES || !is_alnum(name.data[0]) ||
        !is_alnum(name.data[name.len - 1]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_alnum(name.data[i]) && name.data[i] != '-' &&
            (name.data[i] != '.' || name.data[i - 1] == '.'))
            return false;
    return true;
}

static bool has_secret(const struct review *r, struct bytes name)
{
    for (size_t i = 0; i < r->n_secrets; i++)
        if (bytes_is(name, r->secrets[i]))
            return true;
    return false;
}

/* A name that no Secret can have names none: nothing is wrong with the images. */
static int add_secret(struct review *r, struct kube_value entry, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(NAME_MAX_BYTES);
    struct kube_value name;

    if (kube_form(entry) != KUBE_MAPPING || kube_get(&name, entry, "name", NULL) != 0 ||
        kube_form(name) != KUBE_STRING || kube_text(&text, name, NULL) != 0 ||
        !review_name_valid(buf_bytes(&text)) || has_secret(r, buf_bytes(&text)))
        return 0;
    if (r->secrets == NULL) {
        r->secrets = arena_new(&r->arena, REVIEW_SECRETS_MAX, sizeof(*r->secrets), err);
        if (r->secrets == NULL)
            return -1;
    }
    r->secrets[r->n_secrets] = arena_text(&r->arena, buf_bytes(&text), err);
    if (r->secrets[r->n_secrets] == NULL)
        return -1;
    r->n_secrets++;
    return 0;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_secrets(struct review *r, struct json_view object, struct err *err)
{
    struct kube_value spec, list, name, entry;

    if (!kube_find_pod_spec(&spec, bytes_text(r->kind_group), bytes_text(r->kind),
                            kube_json(object)) ||
        kube_get(&list, spec, "imagePullSecrets", NULL) != 0)
        return 0;
    struct kube_walk walk = kube_walk(list);
    while (kube_form(list) == KUBE_LIST && r->n_secrets < REVIEW_SECRETS_MAX &&
           kube_next(&walk, &name, &entry))
        if (add_secret(r, entry, err) != 0)
            return -1;
    if (r->n_secrets > 1)
        qsort(r->secrets, r->n_secrets, sizeof(*r->secrets), compare_texts);
    return 0;
}

static int read_images(struct review *r, const struct request *q, const struct kube_kinds *kinds,
                       struct err *err)
{
    const struct kube_source source = { .kinds = kinds, .max = REVIEW_IMAGES_MAX };
    struct err ignored = ERR_INIT;

    if (q->object.kind != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "request.object: missing, or not an object");
    if (check_identity(r, q->object, err) != 0) {
        r->pod = true; /* it is not what the request says: it may be one */
        return -1;
    }
    if (kube_images(&r->images, &source, kube_json(q->object), err) != 0)
        return -1;
    /* What cannot be read has no image that could be unchanged. */
    if (r->operation == REVIEW_UPDATE && q->old_object.kind == JSON_OBJECT && r->images.n > 0 &&
        kube_images(&r->old, &source, kube_json(q->old_object), &ignored) != 0)
        image_list_clear(&r->old);
    return 0;
}

/* Did the same field of the same kind of object name the same image before? An unchanged object's
 * images come in the same order, so the search begins behind the last one that was found. */
static bool was_there(const struct review *r, const struct kube_image *image, size_t *cursor)
{
    for (size_t i = 0; i < r->old.n; i++) {
        size_t at = (*cursor + i) % r->old.n;
        const struct kube_image *old = &r->old.images[at];
        if (strcmp(old->pointer, image->pointer) == 0 &&
            strcmp(old->reference, image->reference) == 0 && strcmp(old->kind, image->kind) == 0 &&
            strcmp(old->group, image->group) == 0) {
            *cursor = at + 1;
            return true;
        }
    }
    return false;
}

/* A reference is refused here once and for all; the reader's own words say why. A layout is a
 * folder of whoever runs this program: no node pulls it, and it is never opened. */
static int set_reference(struct review_subject *subject, struct review *r, struct err *err)
{
    struct err why = ERR_INIT;

    if (reference_parse(&subject->reference, bytes_text(subject->text), &why) == 0) {
        if (!subject->reference.layout)
            return 0;
        err_set(&why, ERR_USAGE, "a folder is no image that a node could pull");
    }
    if (why.code == ERR_NOMEM) {
        *err = why;
        return -1;
    }
    subject->refused = arena_text(&r->arena, bytes_text(err_text(&why)), err);
    return subject->refused != NULL ? 0 : -1;
}

static int find_subject(size_t *out, struct review *r, const char *text, uint32_t *hashes,
                        struct err *err)
{
    const uint32_t hash = text_hash(text); /* only to compare fewer texts */

    for (size_t i = 0; i < r->n_subjects; i++)
        if (hashes[i] == hash && strcmp(r->subjects[i].text, text) == 0) {
            *out = i;
            return 0;
        }
    struct review_subject *subject = &r->subjects[r->n_subjects];
    subject->text = text;
    hashes[r->n_subjects] = hash;
    *out = r->n_subjects++;
    return set_reference(subject, r, err);
}

static int set_fields(struct review *r, struct err *err)
{
    size_t cursor = 0;

    if (r->images.n == 0)
        return 0;
    uint32_t *hashes = arena_new(&r->arena, r->images.n, sizeof(*hashes), err);
    if (hashes == NULL)
        return -1;
    r->fields = arena_new(&r->arena, r->images.n, sizeof(*r->fields), err);
    if (r->fields == NULL)
        return -1;
    r->subjects = arena_new(&r->arena, r->images.n, sizeof(*r->subjects), err);
    if (r->subjects == NULL)
        return -1;
    for (size_t i = 0; i < r->images.n; i++) {
        struct review_field *field = &r->fields[r->n_fields];
        field->image = &r->images.images[i];
        field->unchanged = was_there(r, field->image, &cursor);
        if (!field->unchanged &&
            find_subject(&field->subject, r, field->image->reference, hashes, err) != 0)
            return -1;
        r->n_fields++;
    }
    return 0;
}

static int read_rest(struct review *r, const struct request *q, const struct review_wish *wish,
                     struct err *err)
{
    if (read_names(r, q, err) != 0)
        return -1;
    if (r->operation == REVIEW_DELETE || r->operation == REVIEW_CONNECT)
        return 0;
    if (read_images(r, q, wish->kinds, err) != 0)
        return -1;
    if (wish->secrets && r->images.n > 0 && read_secrets(r, q->object, err) != 0)
        return -1;
    return set_fields(r, err);
}

int review_parse(struct review *out, struct bytes body, const struct review_wish *wish,
                 struct err *err)
{
    static const struct review_wish nothing = { .kinds = NULL };
    struct json_index index;
    struct request q;
    struct err why = ERR_INIT;

    review_init(out);
    if (make_index(&index, out, body.len, err) != 0 || read_request(&q, body, &index, err) != 0 ||
        read_uid(out, q.uid, err) != 0)
        return -1;
    if (read_rest(out, &q, wish != NULL ? wish : &nothing, &why) == 0)
        return 0;
    if (why.code == ERR_NOMEM) { /* not the object's fault: it is to be asked again */
        *err = why;
        return -1;
    }
    drop_images(out);
    out->unreadable = why;
    return 0;
}
