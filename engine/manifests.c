#include "engine/manifests.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct bytes skip_space(struct bytes text)
{
    size_t n = 0;

    while (n < text.len && is_space(text.data[n]))
        n++;
    return bytes_part(text, n, text.len);
}

/*
 * Where the JSON value that begins the text ends, by its brackets outside strings. Of text that is
 * not JSON some end is found: json_scan() then refuses the piece, and every piece must pass it.
 */
static size_t value_end(struct bytes text)
{
    bool in_string = false;
    size_t depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (in_string) {
            in_string = c != '"';
            i += c == '\\';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return text.len;
}

static size_t line_at(const struct kube_lines *lines, const uint8_t *at)
{
    size_t line = lines->line;

    for (const uint8_t *p = lines->text.data + lines->at; p < at; p++)
        line += *p == '\n';
    return line;
}

/* What JSON's reader says of malformed bytes is here said of a file that the user gave. */
static int refuse_json(const struct kube_source *source, struct bytes rest, struct err *err)
{
    if (err != NULL && err->code == ERR_MALFORMED)
        err->code = ERR_CONFIG;
    return err_wrap(err, "%s:%zu: the JSON value that begins here", source->file,
                    line_at(source->lines, rest.data));
}

static int read_json(struct image_list *out, const struct kube_source *source, struct bytes text,
                     struct err *err)
{
    struct bytes rest = skip_space(text);
    struct json_view root;

    while (rest.len > 0) {
        if (*rest.data != '{' && *rest.data != '[')
            return err_set(err, ERR_CONFIG, "%s:%zu: no JSON object behind the one before",
                           source->file, line_at(source->lines, rest.data));
        struct bytes value = bytes_part(rest, 0, value_end(rest));
        if (json_scan(&root, value, err) != 0)
            return refuse_json(source, rest, err);
        if (kube_images(out, source, kube_json(root), err) != 0)
            return -1;
        rest = skip_space(bytes_part(rest, value.len, rest.len));
    }
    return 0;
}

static int read_yaml(struct image_list *out, const struct kube_source *source, struct bytes text,
                     struct err *err)
{
    struct yaml_stream *CLEANUP(yaml_stream_freep) stream = NULL;

    if (yaml_stream_open(&stream, text, source->file, MANIFESTS_TREE_MAX, err) != 0)
        return -1;
    for (;;) {
        struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
        if (yaml_stream_next(&doc, stream, err) != 0)
            return -1;
        if (doc == NULL)
            return 0;
        const struct yaml_node *root = yaml_root(doc);
        if (root->kind != YAML_NULL && kube_images(out, source, kube_yaml(root), err) != 0)
            return -1;
    }
}

int manifests_read(struct image_list *out, struct bytes text, const char *file,
                   const struct kube_kinds *kinds, struct err *err)
{
    struct kube_lines lines = { .text = text, .at = 0, .line = 1 };
    struct kube_source source = { .lines = &lines, .kinds = kinds };
    struct bytes begin = skip_space(text);
    size_t n = out->n;
    size_t objects = out->objects;

    if (text.len > MANIFESTS_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %zu bytes", file, MANIFESTS_BYTES_MAX);
    source.file = arena_text(&out->arena, bytes_text(file), err);
    if (source.file == NULL)
        return err_wrap(err, "%s", file);
    bool json = begin.len > 0 && (*begin.data == '{' || *begin.data == '[');
    if ((json ? read_json(out, &source, text, err) : read_yaml(out, &source, text, err)) == 0)
        return 0;
    out->n = n;
    out->objects = objects;
    return -1;
}
