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

/* In which of the names is the case another? For the message only. */
static const char *other_case(struct json_view object, const char *const *names, size_t n)
{
    struct json_view found;

    for (size_t i = 0; i + 1 < n; i++) {
        const struct json_member member = { .name = names[i], .value = &found };
        if (json_members(object, &member, 1, JSON_REST_IGNORED, "object", NULL) != 0)
            return names[i];
    }
    return names[n - 1];
}

static int get_json(struct kube_value *out, struct json_view object, const char *const *names,
                    size_t n, struct err *err)
{
    struct json_member members[KUBE_NAMES_MAX] = { { .name = NULL } };

    if (object.kind != JSON_OBJECT)
        return 0;
    for (size_t i = 0; i < n; i++)
        members[i] = (struct json_member) { .name = names[i], .value = &out[i].json };
    if (json_members(object, members, n, JSON_REST_IGNORED, "object", err) == 0)
        return 0;
    return err_set(err, ERR_CONFIG, "%s: written in another case", other_case(object, names, n));
}

static int get_all(struct kube_value *out, struct kube_value mapping, const char *const *names,
                   size_t n, struct err *err)
{
    if (mapping.yaml == NULL)
        return get_json(out, mapping.json, names, n, err);
    for (size_t i = 0; i < n; i++)
        if (get_yaml(&out[i], mapping.yaml, names[i], err) != 0)
            return -1;
    return 0;
}

int kube_get_all(struct kube_value *out, struct kube_value mapping, const char *const *names,
                 size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        out[i] = KUBE_NONE;
    const int got = n <= KUBE_NAMES_MAX
                        ? get_all(out, mapping, names, n, err)
                        : err_set(err, ERR_INTERNAL, "more than %d names", KUBE_NAMES_MAX);
    for (size_t i = 0; i < n; i++)
        if (got != 0 || kube_form(out[i]) == KUBE_NULL)
            out[i] = KUBE_NONE;
    return got;
}

int kube_get(struct kube_value *out, struct kube_value mapping, const char *name, struct err *err)
{
    return kube_get_all(out, mapping, &name, 1, err);
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
