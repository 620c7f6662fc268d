#include "evidence/annotations.h"

#include <string.h>

#include "base/limits.h"

int json_arena_text(const char **out, struct json_view string, const char *what,
                    struct arena *arena, struct err *err)
{
    struct bytes raw;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(string.raw.len + 1);

    *out = NULL;
    if (json_string_raw(string, &raw))
        *out = arena_text(arena, raw, err);
    else if (json_string(&text, string, what, err) == 0)
        *out = arena_text(arena, buf_bytes(&text), err);
    return *out == NULL ? -1 : 0;
}

int annotations_parse(struct annotation **out, size_t *n, struct json_view object,
                      struct arena *arena, struct err *err)
{
    struct json_view name, value;

    *out = NULL;
    *n = 0;
    if (object.kind == JSON_ABSENT || object.kind == JSON_NULL_VALUE)
        return 0;
    if (object.kind != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "annotations: not an object");
    size_t count = json_count(object);
    if (count > ANNOTATIONS_MAX)
        return err_set(err, ERR_LIMIT, "annotations: more than %d", ANNOTATIONS_MAX);
    if (count == 0)
        return 0;
    struct annotation *list = arena_new(arena, count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    size_t used = 0;
    for (struct json_walk walk = json_walk(object); json_next(&walk, &name, &value);) {
        if (value.kind != JSON_STRING)
            continue;
        if (json_arena_text(&list[used].name, name, "annotation", arena, err) != 0 ||
            json_arena_text(&list[used].value, value, "annotation", arena, err) != 0)
            return -1;
        used++;
    }
    *out = list;
    *n = used;
    return 0;
}

static const char *value_of(const struct annotation *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return list[i].value;
    return NULL;
}

bool annotations_equal(const struct annotation *a, size_t n_a, const struct annotation *b,
                       size_t n_b)
{
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++) {
        const char *value = value_of(b, n_b, a[i].name);
        if (value == NULL || strcmp(value, a[i].value) != 0)
            return false;
    }
    return true;
}
