/* Whatever the text: a tree that keeps every promise of base/yaml.h, or a refusal with a place. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool property)
{
    if (!property)
        abort();
}

static void check_node(const struct yaml_node *node, size_t depth);

static void check_scalar(const struct yaml_node *node)
{
    hold(node->text.data != NULL || node->text.len == 0);
    hold(utf8_valid(node->text));
    if (node->text.data != NULL)
        hold(strlen((const char *)node->text.data) == node->text.len);
    hold(node->n == 0 && node->pairs == NULL && node->items == NULL);
    if (node->kind == YAML_BOOL)
        hold(bytes_is(node->text, node->boolean ? "true" : "false"));
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most YAML_DEPTH_MAX */
static void check_mapping(const struct yaml_node *node, size_t depth)
{
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *key = node->pairs[i].key;
        hold(key->kind == YAML_STRING && !bytes_is(key->text, "<<"));
        check_node(key, depth + 1);
        check_node(node->pairs[i].value, depth + 1);
        hold(yaml_get(node, (const char *)key->text.data) == node->pairs[i].value);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most YAML_DEPTH_MAX */
static void check_node(const struct yaml_node *node, size_t depth)
{
    if (node == NULL)
        abort();
    hold(node->line >= 1 && node->column >= 1 && depth <= YAML_DEPTH_MAX);
    if (node->kind == YAML_MAPPING) {
        check_mapping(node, depth);
    } else if (node->kind == YAML_SEQUENCE) {
        for (size_t i = 0; i < node->n; i++)
            check_node(node->items[i], depth + 1);
    } else {
        check_scalar(node);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
    struct err err = ERR_INIT;

    if (yaml_parse(&doc, (struct bytes) { data, size }, "f.yaml", &err) == 0) {
        hold(err.code == ERR_NONE);
        check_node(yaml_root(doc), 0);
        return 0;
    }
    hold(doc == NULL);
    hold(err.code == ERR_CONFIG || err.code == ERR_LIMIT);
    hold(strncmp(err_text(&err), "f.yaml:", strlen("f.yaml:")) == 0);
    return 0;
}
