#include "engine/kubernetes_private.h"

#include "base/text.h"

#include <string.h>

/* Bytes that a message shows of each: with the longest of all there is still room in an error for
 * the place in the file. */
#define SHOWN_KIND 40
#define SHOWN_NAMESPACE 40
#define SHOWN_NAME 63
#define SHOWN_FIELD 72

static int step_add(struct kube_walker *w, struct kube_step step)
{
    if (w->depth == KUBE_STEPS_MAX)
        return err_set(w->err, ERR_LIMIT, "deeper than %d levels", KUBE_STEPS_MAX);
    w->steps[w->depth++] = step;
    return 0;
}

int kube_step_member(struct kube_walker *w, const char *literal)
{
    return step_add(w, (struct kube_step) { .literal = literal, .name = KUBE_NONE });
}

int kube_step_into(struct kube_walker *w, struct kube_value name, size_t index)
{
    return step_add(w, (struct kube_step) { .name = name, .index = index });
}

static bool is_index(const struct kube_step *step)
{
    return step->literal == NULL && kube_form(step->name) == KUBE_ABSENT;
}

/* A name of the text is not long only because somebody wants it to be: what does not fit makes the
 * buffer that it is added to fail. */
static void step_name(struct buf *out, const struct kube_step *step)
{
    if (step->literal != NULL)
        buf_add_text(out, step->literal);
    else if (kube_text(out, step->name, NULL) != 0 && out->state == BUF_FINE)
        out->state = BUF_FULL;
}

static bool is_plain_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return name.len > 0;
}

/* spec.containers[0].image, as the API server writes paths: a[b.c] for a name that is not plain */
static void path_field(struct buf *out, const struct kube_walker *w)
{
    for (size_t i = 0; i < w->depth; i++) {
        struct buf CLEANUP(buf_clear) name = BUF_INIT(KUBE_PATH_MAX);
        if (is_index(&w->steps[i])) {
            buf_addf(out, "[%zu]", w->steps[i].index);
            continue;
        }
        step_name(&name, &w->steps[i]);
        bool plain = is_plain_name(buf_bytes(&name));
        if (!plain)
            buf_add_char(out, '[');
        else if (out->len > 0)
            buf_add_char(out, '.');
        text_escape(out, buf_bytes(&name), KUBE_PATH_MAX);
        if (!plain)
            buf_add_char(out, ']');
        if (name.state != BUF_FINE)
            out->state = name.state;
    }
}

void kube_path_pointer(struct buf *out, const struct kube_walker *w, size_t less, bool any)
{
    for (size_t i = 0; i + less < w->depth; i++) {
        struct buf CLEANUP(buf_clear) name = BUF_INIT(KUBE_PATH_MAX);
        buf_add_char(out, '/');
        if (is_index(&w->steps[i]) && any)
            buf_add_char(out, '*');
        else if (is_index(&w->steps[i]))
            buf_addf(out, "%zu", w->steps[i].index);
        else
            step_name(&name, &w->steps[i]);
        for (size_t j = 0; j < name.len; j++) {
            char c = (char)name.data[j];
            if (c == '~' || c == '/')
                buf_add_text(out, c == '~' ? "~0" : "~1");
            else
                buf_add_char(out, c);
        }
        if (name.state != BUF_FINE)
            out->state = name.state;
    }
}

/* Line breaks between two places, in either order. */
static size_t breaks(struct bytes text, size_t from, size_t to)
{
    struct bytes rest = bytes_part(text, from < to ? from : to, from < to ? to - from : from - to);
    size_t n = 0;

    while (rest.len > 0) {
        const uint8_t *at = memchr(rest.data, '\n', rest.len);
        if (at == NULL)
            break;
        n++;
        rest = bytes_part(rest, (size_t)(at - rest.data) + 1, rest.len);
    }
    return n;
}

static size_t line_of(const struct kube_walker *w, struct kube_value value)
{
    struct kube_lines *lines = w->source->lines;

    if (value.yaml != NULL)
        return (size_t)value.yaml->line;
    if (lines == NULL || value.json.raw.data == NULL)
        return 0;
    size_t at = (size_t)(value.json.raw.data - lines->text.data);
    size_t n = breaks(lines->text, lines->at, at);
    lines->line = at >= lines->at ? lines->line + n : lines->line - n;
    lines->at = at;
    return lines->line;
}

/* Another part of a message's head. What comes from outside is cut, so that the place in the file,
 * which stands in front, is never lost. */
static void add_part(struct buf *head, const char *between, const char *text, size_t max)
{
    if (text == NULL || *text == '\0')
        return;
    if (head->len > 0)
        buf_add_text(head, between);
    text_escape(head, bytes_text(text), max);
}

int kube_wrap(const struct kube_walker *w, struct kube_value where)
{
    struct buf CLEANUP(buf_clear) object = BUF_INIT(KUBE_PATH_MAX);
    struct buf CLEANUP(buf_clear) field = BUF_INIT(KUBE_PATH_MAX);
    size_t line = line_of(w, where);

    add_part(&object, "", w->kind, SHOWN_KIND);
    add_part(&object, " ", w->name != NULL ? w->namespace : NULL, SHOWN_NAMESPACE);
    add_part(&object, w->namespace != NULL ? "/" : " ", w->name, SHOWN_NAME);
    path_field(&field, w);
    if (object.len > 0 && field.len > 0)
        buf_add_text(&object, ": ");
    text_escape(&object, buf_bytes(&field), SHOWN_FIELD);
    if (object.len > 0)
        err_wrap(w->err, "%s", buf_text(&object));
    if (w->source->file == NULL)
        return -1;
    return line > 0 ? err_wrap(w->err, "%s:%zu", w->source->file, line)
                    : err_wrap(w->err, "%s", w->source->file);
}

int kube_refuse(const struct kube_walker *w, struct kube_value where, const char *why)
{
    err_set(w->err, ERR_CONFIG, "%s", why);
    return kube_wrap(w, where);
}

int kube_descend(struct kube_walker *w, struct kube_value *out, struct kube_value mapping,
                 const char *name)
{
    *out = KUBE_NONE;
    if (kube_get(out, mapping, name, w->err) != 0 || kube_step_member(w, name) != 0)
        return kube_wrap(w, mapping);
    return 0;
}

int kube_keep_text(const struct kube_walker *w, const char **out, struct kube_value value,
                   size_t max)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(max);

    *out = NULL;
    if (kube_text(&text, value, w->err) != 0)
        return kube_wrap(w, value);
    if (!text_plain(buf_bytes(&text)))
        return kube_refuse(w, value, "control characters");
    *out = arena_text(&w->out->arena, buf_bytes(&text), w->err);
    return *out != NULL ? 0 : kube_wrap(w, value);
}

static const char *keep(const struct kube_walker *w, const struct buf *path)
{
    if (buf_check(path, "path", w->err) != 0)
        return NULL;
    return arena_text(&w->out->arena, buf_bytes(path), w->err);
}

static int keep_paths(struct kube_image *image, const struct kube_walker *w)
{
    struct buf CLEANUP(buf_clear) field = BUF_INIT(KUBE_PATH_MAX);
    struct buf CLEANUP(buf_clear) pointer = BUF_INIT(KUBE_PATH_MAX);

    path_field(&field, w);
    kube_path_pointer(&pointer, w, 0, false);
    image->field = keep(w, &field);
    image->pointer = image->field != NULL ? keep(w, &pointer) : NULL;
    return image->pointer != NULL ? 0 : -1;
}

int kube_add(struct kube_walker *w, struct kube_value value)
{
    struct kube_image image = { .kind = w->kind,
                                .group = w->group,
                                .namespace = w->namespace,
                                .name = w->name,
                                .file = w->source->file,
                                .line = line_of(w, value) };

    if (kube_keep_text(w, &image.reference, value, REFERENCE_MAX) != 0)
        return -1;
    if (keep_paths(&image, w) != 0)
        return kube_wrap(w, value);
    void *array = w->out->images;
    size_t max = w->source->max != 0 ? w->source->max : IMAGES_MAX;
    int grown = mem_grow(&array, &w->out->cap, w->out->n, sizeof(image), max, w->err);
    w->out->images = array;
    if (grown != 0)
        return err_wrap(w->err, "images");
    w->out->images[w->out->n++] = image;
    return 0;
}
