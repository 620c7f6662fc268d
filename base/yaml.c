#include "base/yaml.h"

#include "base/limits.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct yaml_stream {
    yaml_parser_t parser;
    const char *name; /* borrowed by yaml_parse(), else `owned` */
    char *owned;
    size_t tree_max; /* bytes of one document's nodes */
    bool failed;
};

struct yaml_doc {
    struct arena arena;
    struct yaml_node *root;
};

/* A sequence or mapping that is still open; its children wait on the pending stack. */
struct level {
    struct yaml_node *node;
    size_t first; /* of its children; a mapping's are key, value, key, value ... */
};

/* One document, or with yaml_parse() all there is. */
struct reader {
    yaml_parser_t *parser;
    const char *name;
    struct err *err;
    struct yaml_doc *doc;
    struct level levels[YAML_DEPTH_MAX];
    size_t depth;
    struct yaml_node **pending;
    size_t len;
    size_t cap;
    bool begun; /* a document has been seen */
};

static void reader_clear(struct reader *r)
{
    free(r->pending);
}

static int refuse(const struct reader *r, yaml_mark_t mark, const char *why)
{
    return err_set(r->err, ERR_CONFIG, "%s:%zu:%zu: %s", r->name, mark.line + 1, mark.column + 1,
                   why);
}

static int refuse_node(const struct reader *r, const struct yaml_node *node, const char *why)
{
    return err_set(r->err, ERR_CONFIG, "%s:%d:%d: %s", r->name, node->line, node->column, why);
}

/* libyaml's texts are constants of its own; none quotes the document. */
static int parser_failed(const struct reader *r)
{
    const yaml_parser_t *p = r->parser;
    const char *why = p->problem != NULL ? p->problem : "not YAML";

    if (p->error == YAML_MEMORY_ERROR)
        return err_set(r->err, ERR_NOMEM, "%s: out of memory", r->name);
    return refuse(r, p->error == YAML_READER_ERROR ? p->mark : p->problem_mark, why);
}

static bool is_plain_integer(struct bytes text, int64_t *value)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    struct bytes digits = bytes_part(text, negative, text.len);

    *value = 0;
    if (digits.len == 0 || (digits.len > 1 && digits.data[0] == '0'))
        return false; /* "010" is eight to some readers and ten to others: a string */
    for (size_t i = 0; i < digits.len; i++) {
        int digit = digits.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, negative ? -digit : digit, value))
            return false;
    }
    return true;
}

/* Our core schema: what a plain scalar means. */
static void resolve(struct yaml_node *node)
{
    int64_t value;

    node->kind = YAML_STRING;
    if (node->text.len == 0 || bytes_is(node->text, "~") || bytes_is(node->text, "null")) {
        node->kind = YAML_NULL;
    } else if (bytes_is(node->text, "true") || bytes_is(node->text, "false")) {
        node->kind = YAML_BOOL;
        node->boolean = bytes_is(node->text, "true");
    } else if (is_plain_integer(node->text, &value)) {
        node->kind = YAML_INT;
        node->integer = value;
    }
}

static struct yaml_node *node_new(const struct reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml_node *node = arena_new(&r->doc->arena, 1, sizeof(*node), r->err);

    if (node == NULL)
        return NULL;
    node->kind = kind;
    node->line = (int)mark.line + 1;
    node->column = (int)mark.column + 1;
    return node;
}

/* The node takes its place: below the open level, or as the root. A key is checked at once. */
static int place(struct reader *r, struct yaml_node *node)
{
    if (r->depth == 0) {
        r->doc->root = node;
        return 0;
    }
    const struct level *level = &r->levels[r->depth - 1];
    bool key = level->node->kind == YAML_MAPPING && (r->len - level->first) % 2 == 0;
    if (key && node->kind != YAML_STRING)
        return refuse_node(r, node, "a key that is not a string (quote it)");
    if (key && bytes_is(node->text, "<<"))
        return refuse_node(r, node, "merge keys are not supported");
    void *array = r->pending;
    size_t most = r->doc->arena.max / sizeof(struct yaml_node);
    int grown = mem_grow(&array, &r->cap, r->len, sizeof(struct yaml_node *), most, r->err);
    r->pending = array;
    if (grown != 0)
        return err_wrap(r->err, "%s", r->name);
    r->pending[r->len++] = node;
    return 0;
}

static int on_scalar(struct reader *r, const yaml_event_t *event)
{
    struct bytes text = { event->data.scalar.value, event->data.scalar.length };
    struct yaml_node *node = node_new(r, YAML_STRING, event->start_mark);

    if (node == NULL || arena_bytes(&node->text, &r->doc->arena, text, r->err) != 0)
        return err_wrap(r->err, "%s", r->name);
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
        return refuse(r, event->start_mark, "NUL in a string");
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (node->plain)
        resolve(node);
    return place(r, node);
}

static int on_open(struct reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
    if (r->depth == YAML_DEPTH_MAX)
        return err_set(r->err, ERR_LIMIT, "%s:%zu:%zu: deeper than %d levels", r->name,
                       mark.line + 1, mark.column + 1, YAML_DEPTH_MAX);
    struct yaml_node *node = node_new(r, kind, mark);
    if (node == NULL)
        return err_wrap(r->err, "%s", r->name);
    if (place(r, node) != 0)
        return -1;
    r->levels[r->depth++] = (struct level) { .node = node, .first = r->len };
    return 0;
}

static int compare_keys(const void *left, const void *right)
{
    struct bytes a = (*(struct yaml_node *const *)left)->text;
    struct bytes b = (*(struct yaml_node *const *)right)->text;
    int order = strcmp((const char *)a.data, (const char *)b.data); /* neither holds a NUL */

    return order != 0 ? order : (a.data > b.data) - (a.data < b.data);
}

static bool comes_before(const struct yaml_node *a, const struct yaml_node *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Sorts the keys in `keys`, which has no further use. */
static int check_duplicates(const struct reader *r, struct yaml_node **keys, size_t n)
{
    if (n < 2)
        return 0;
    qsort(keys, n, sizeof(struct yaml_node *), compare_keys);
    for (size_t i = 1; i < n; i++)
        if (bytes_equal(keys[i - 1]->text, keys[i]->text))
            return refuse_node(r, comes_before(keys[i], keys[i - 1]) ? keys[i - 1] : keys[i],
                               "a duplicate key");
    return 0;
}

static int close_mapping(const struct reader *r, struct yaml_node *node,
                         struct yaml_node **children, size_t n)
{
    node->n = n / 2;
    node->pairs = arena_new(&r->doc->arena, node->n, sizeof(struct yaml_pair), r->err);
    if (node->pairs == NULL)
        return err_wrap(r->err, "%s", r->name);
    for (size_t i = 0; i < node->n; i++) {
        node->pairs[i] = (struct yaml_pair) { children[2 * i], children[2 * i + 1] };
        children[i] = children[2 * i];
    }
    return check_duplicates(r, children, node->n);
}

static int close_sequence(const struct reader *r, struct yaml_node *node,
                          struct yaml_node *const *children, size_t n)
{
    node->n = n;
    node->items = arena_new(&r->doc->arena, n, sizeof(struct yaml_node *), r->err);
    if (node->items == NULL)
        return err_wrap(r->err, "%s", r->name);
    memcpy(node->items, children, n * sizeof(struct yaml_node *));
    return 0;
}

static int on_close(struct reader *r)
{
    const struct level *level = &r->levels[--r->depth];
    size_t n = r->len - level->first;

    if (n == 0)
        return 0;
    struct yaml_node **children = r->pending + level->first;
    r->len = level->first;
    if (level->node->kind == YAML_MAPPING)
        return close_mapping(r, level->node, children, n);
    return close_sequence(r, level->node, children, n);
}

static int on_document(struct reader *r, const yaml_event_t *event)
{
    if (r->begun)
        return refuse(r, event->start_mark, "a second document");
    if (event->data.document_start.version_directive != NULL ||
        event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end)
        return refuse(r, event->start_mark, "directives are not supported");
    r->begun = true;
    return 0;
}

static int refuse_marked(const struct reader *r, const yaml_event_t *event,
                         const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        return refuse(r, event->start_mark, "anchors are not supported");
    return tag != NULL ? refuse(r, event->start_mark, "tags are not supported") : 0;
}

static int on_event(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(r, event);
    case YAML_ALIAS_EVENT:
        return refuse(r, event->start_mark, "aliases are not supported");
    case YAML_SCALAR_EVENT:
        if (refuse_marked(r, event, event->data.scalar.anchor, event->data.scalar.tag) != 0)
            return -1;
        return on_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        if (refuse_marked(r, event, event->data.sequence_start.anchor,
                          event->data.sequence_start.tag) != 0)
            return -1;
        return on_open(r, YAML_SEQUENCE, event->start_mark);
    case YAML_MAPPING_START_EVENT:
        if (refuse_marked(r, event, event->data.mapping_start.anchor,
                          event->data.mapping_start.tag) != 0)
            return -1;
        return on_open(r, YAML_MAPPING, event->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(r);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return 0;
}

/* Up to the first event of the type `last`, or the stream's end. */
static int read_until(struct reader *r, yaml_event_type_t last)
{
    for (;;) {
        yaml_event_t CLEANUP(yaml_event_delete) event = { 0 };
        if (yaml_parser_parse(r->parser, &event) != 1)
            return parser_failed(r);
        if (on_event(r, &event) != 0)
            return -1;
        if (event.type == last || event.type == YAML_STREAM_END_EVENT ||
            event.type == YAML_NO_EVENT) /* behind the end there is one after another */
            return 0;
    }
}

static int stream_begin(struct yaml_stream *stream, struct bytes text, const char *name,
                        struct err *err)
{
    static const uint8_t nothing[1];

    if (yaml_parser_initialize(&stream->parser) != 1)
        return err_set(err, ERR_NOMEM, "%s: out of memory", name);
    yaml_parser_set_encoding(&stream->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&stream->parser, text.len > 0 ? text.data : nothing, text.len);
    stream->name = name;
    return 0;
}

static void stream_end(struct yaml_stream *stream)
{
    yaml_parser_delete(&stream->parser);
    free(stream->owned);
}

static int fill_document(struct yaml_doc *doc, struct yaml_stream *stream, yaml_event_type_t last,
                         bool *begun, struct err *err)
{
    struct reader CLEANUP(reader_clear)
        r = { .parser = &stream->parser, .name = stream->name, .err = err, .doc = doc };

    if (read_until(&r, last) != 0)
        return -1;
    *begun = r.begun;
    if (doc->root != NULL)
        return 0;
    doc->root = node_new(&r, YAML_NULL, (yaml_mark_t) { 0 });
    return doc->root != NULL ? 0 : err_wrap(err, "%s", stream->name);
}

/* `begun`: the stream had not ended yet. */
static int read_document(struct yaml_doc **out, struct yaml_stream *stream, yaml_event_type_t last,
                         bool *begun, struct err *err)
{
    *out = NULL;
    *begun = false;
    struct yaml_doc *CLEANUP(yaml_freep) doc = mem_new(1, sizeof(*doc), err);
    if (doc == NULL)
        return err_wrap(err, "%s", stream->name);
    doc->arena = (struct arena)ARENA_INIT(stream->tree_max);
    if (fill_document(doc, stream, last, begun, err) != 0)
        return -1;
    *out = STEAL(doc);
    return 0;
}

int yaml_parse(struct yaml_doc **out, struct bytes text, const char *name, struct err *err)
{
    struct yaml_stream CLEANUP(stream_end) stream = { .tree_max = YAML_TREE_MAX };
    bool begun;

    *out = NULL;
    if (stream_begin(&stream, text, name, err) != 0)
        return -1;
    return read_document(out, &stream, YAML_STREAM_END_EVENT, &begun, err);
}

int yaml_stream_open(struct yaml_stream **out, struct bytes text, const char *name, size_t tree_max,
                     struct err *err)
{
    *out = NULL;
    struct yaml_stream *CLEANUP(yaml_stream_freep) stream = mem_new(1, sizeof(*stream), err);
    if (stream == NULL)
        return err_wrap(err, "%s", name);
    stream->tree_max = tree_max;
    stream->owned = mem_text(bytes_text(name), err);
    if (stream->owned == NULL)
        return err_wrap(err, "%s", name);
    if (stream_begin(stream, text, stream->owned, err) != 0)
        return -1;
    *out = STEAL(stream);
    return 0;
}

int yaml_stream_next(struct yaml_doc **out, struct yaml_stream *stream, struct err *err)
{
    struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
    bool begun;

    *out = NULL;
    if (stream->failed)
        return err_set(err, ERR_INTERNAL, "%s: read on after an error", stream->name);
    if (read_document(&doc, stream, YAML_DOCUMENT_END_EVENT, &begun, err) != 0) {
        stream->failed = true;
        return -1;
    }
    if (begun)
        *out = STEAL(doc);
    return 0;
}

void yaml_stream_freep(struct yaml_stream **stream)
{
    if (*stream == NULL)
        return;
    stream_end(*stream);
    free(*stream);
    *stream = NULL;
}

const struct yaml_node *yaml_root(const struct yaml_doc *doc)
{
    return doc != NULL ? doc->root : NULL;
}

void yaml_free(struct yaml_doc *doc)
{
    if (doc == NULL)
        return;
    arena_clear(&doc->arena);
    free(doc);
}

void yaml_freep(struct yaml_doc **doc)
{
    yaml_free(*doc);
    *doc = NULL;
}

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
    if (mapping == NULL || mapping->kind != YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->n; i++)
        if (bytes_is(mapping->pairs[i].key->text, key))
            return mapping->pairs[i].value;
    return NULL;
}
