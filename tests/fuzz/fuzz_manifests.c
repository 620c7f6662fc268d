/* Aims at manifests_read(), kube_images(), kube_kind_parse() and the YAML stream. Whatever the
 * text: images that keep every promise of engine/kubernetes.h, or a refusal that names the file and
 * adds nothing; JSON gives the same images whether JSON's reader or YAML's reads it. A text that
 * has lines beginning with !+ or !- first has options for kinds in them. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/manifests.h"

#define TEXT_MAX (64 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool property)
{
    if (!property)
        abort();
}

static void check_image(const struct kube_image *image)
{
    hold(image->reference != NULL && *image->reference != '\0');
    hold(text_plain(bytes_text(image->reference)) && strlen(image->reference) <= REFERENCE_MAX);
    hold(image->kind != NULL && *image->kind != '\0' && image->group != NULL);
    hold(image->namespace == NULL || *image->namespace != '\0');
    hold(image->name == NULL || *image->name != '\0');
    hold(image->field != NULL && *image->field != '\0' && text_plain(bytes_text(image->field)));
    hold(image->pointer != NULL && *image->pointer == '/');
    hold(strcmp(image->file, "f") == 0 && image->line >= 1);
}

static bool read_checked(struct image_list *list, struct bytes text, const struct kube_kinds *kinds)
{
    struct err err = ERR_INIT;

    if (manifests_read(list, text, "f", kinds, &err) == 0) {
        hold(err.code == ERR_NONE && list->n <= IMAGES_MAX);
        hold(list->n == 0 || list->objects > 0);
        for (size_t i = 0; i < list->n; i++)
            check_image(&list->images[i]);
        return true;
    }
    hold(list->n == 0 && list->objects == 0);
    hold(err.code == ERR_CONFIG || err.code == ERR_LIMIT);
    hold(strncmp(err_text(&err), "f:", 2) == 0 || err.code == ERR_LIMIT);
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_same(const struct image_list *a, const struct image_list *b)
{
    hold(a->n == b->n && a->objects == b->objects);
    for (size_t i = 0; i < a->n; i++) {
        hold(same_text(a->images[i].reference, b->images[i].reference));
        hold(same_text(a->images[i].namespace, b->images[i].namespace));
        hold(same_text(a->images[i].name, b->images[i].name));
        hold(same_text(a->images[i].kind, b->images[i].kind));
        hold(same_text(a->images[i].group, b->images[i].group));
        hold(same_text(a->images[i].pointer, b->images[i].pointer));
        hold(a->images[i].line == b->images[i].line);
    }
}

/* YAML has line breaks that are none to JSON: beyond ASCII, where it folds lines in strings, and a
 * CR alone. */
static bool is_json(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 0x7f || text.data[i] == '\r')
            return false;
    return text.len > 0 && text.data[0] == '{';
}

static void check_as_yaml(const struct image_list *json, struct bytes text,
                          const struct kube_kinds *kinds)
{
    struct image_list CLEANUP(image_list_clear) yaml = IMAGE_LIST_INIT;
    struct buf CLEANUP(buf_clear) marked = BUF_INIT(TEXT_MAX);

    buf_add_text(&marked, "--- ");
    buf_add_bytes(&marked, text);
    if (read_checked(&yaml, buf_bytes(&marked), kinds))
        check_same(json, &yaml);
}

static void add_option(struct kube_kinds *kinds, struct bytes line)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;
    bool ignored = bytes_starts(line, "!-");
    size_t n = kinds->n;

    buf_add_bytes(&text, bytes_part(line, 2, line.len));
    int r = ignored ? kube_ignore_parse(kinds, buf_text(&text), &err)
                    : kube_kind_parse(kinds, buf_text(&text), &err);
    hold((r == 0) == (err.code == ERR_NONE));
    hold(r == 0 || err.code == ERR_USAGE || err.code == ERR_LIMIT);
    hold(kinds->n == n + (r == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kube_kinds CLEANUP(kube_kinds_clear) kinds = KUBE_KINDS_INIT;
    struct image_list CLEANUP(image_list_clear) list = IMAGE_LIST_INIT;
    struct bytes text = { data, size };

    while (bytes_starts(text, "!")) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        add_option(&kinds, bytes_part(text, 0, len));
        text = bytes_part(text, len + 1, text.len);
    }
    if (read_checked(&list, text, &kinds) && is_json(text))
        check_as_yaml(&list, text, &kinds);
    return 0;
}
