#include "engine/kubernetes_value.h"

#include "base/text.h"

struct kube_value kube_yaml(const struct yaml_node *node)
{
    return (struct kube_value) { .yaml = node, .json = JSON_VIEW_NONE };
}

struct kube_value kube_json(struct json_view view)
{
    return (struct kube_value) { .yaml = NULL, .json = view };
}

static enum kube_form form_of_yaml(enum yaml_kind kind)
{
    static const enum kube_form forms[] = {
        [YAML_NULL] = KUBE_NULL,     [YAML_BOOL] = KUBE_OTHER,    [YAML_INT] = KUBE_OTHER,
        [YAML_STRING] = KUBE_STRING, [YAML_SEQUENCE] = KUBE_LIST, [YAML_MAPPING] = KUBE_MAPPING,
    };
    return forms[kind];
}

static enum kube_form form_of_json(enum json_kind kind)
{
    static const enum kube_form forms[] = {
        [JSON_ABSENT] = KUBE_ABSENT,     [JSON_NULL_VALUE] = KUBE_NULL,
        [JSON_FALSE_VALUE] = KUBE_OTHER, [JSON_TRUE_VALUE] = KUBE_OTHER,
        [JSON_NUMBER] = KUBE_OTHER,      [JSON_STRING] = KUBE_STRING,
        [JSON_ARRAY] = KUBE_LIST,        [JSON_OBJECT] = KUBE_MAPPING,
    };
    return forms[kind];
}

enum kube_form kube_form(struct kube_value value)
{
    return value.yaml != NULL ? form_of_yaml(value.yaml->kind) : form_of_json(value.json.kind);
}

static int get_yaml(struct kube_value *out, const struct yaml_node *mapping, const char *name,
                    struct err *err)
{
    if (mapping->kind != YAML_MAPPING)
        return 0;
    for (size_t i = 0; i < mapping->n; i++) {
        struct bytes key = mapping->pairs[i].key->text;
        if (bytes_is(key, name))
            *out = kube_yaml(mapping->pairs[i].value);
        else if (text_equal_nocase(key, bytes_text(name)))
            return err_set(err, ERR_CONFIG, "%s: written in another case", name);
    }
    return 0;
}

static int get_json(struct kube_value *out, struct json_view object, const char *name,
                    struct err *err)
{
    struct json_view found;
    const struct json_member member = { .name = name, .value = &found, .want = JSON_ABSENT };

    if (object.kind != JSON_OBJECT)
        return 0;
    if (json_members(object, &member, 1, JSON_REST_IGNORED, "object", err) != 0)
        return err_set(err, ERR_CONFIG, "%s: written in another case", name);
    *out = kube_json(found);
    return 0;
}

int kube_get(struct kube_value *out, struct kube_value mapping, const char *name, struct err *err)
{
    *out = KUBE_NONE;
    int r = mapping.yaml != NULL ? get_yaml(out, mapping.yaml, name, err)
                                 : get_json(out, mapping.json, name, err);

    if (r != 0 || kube_form(*out) == KUBE_NULL)
        *out = KUBE_NONE;
    return r;
}

bool kube_is(struct kube_value value, struct bytes text)
{
    if (value.yaml == NULL)
        return json_string_is(value.json, text);
    return value.yaml->kind == YAML_STRING && bytes_equal(value.yaml->text, text);
}

int kube_text(struct buf *out, struct kube_value value, struct err *err)
{
    if (kube_form(value) != KUBE_STRING)
        return err_set(err, ERR_CONFIG, "not a string");
    if (value.yaml == NULL)
        return json_string(out, value.json, "text", err);
    buf_add_bytes(out, value.yaml->text);
    return buf_check(out, "text", err);
}

struct kube_walk kube_walk(struct kube_value value)
{
    struct kube_walk walk = { .yaml = value.yaml, .at = 0, .json = json_walk(value.json) };

    return walk;
}

bool kube_next(struct kube_walk *walk, struct kube_value *name, struct kube_value *value)
{
    const struct yaml_node *yaml = walk->yaml;

    *name = KUBE_NONE;
    *value = KUBE_NONE;
    if (yaml == NULL)
        return json_next(&walk->json, &name->json, &value->json);
    if (walk->at >= yaml->n)
        return false;
    if (yaml->kind == YAML_MAPPING) {
        *name = kube_yaml(yaml->pairs[walk->at].key);
        *value = kube_yaml(yaml->pairs[walk->at].value);
    } else {
        *value = kube_yaml(yaml->items[walk->at]);
    }
    walk->at++;
    return true;
}
