#include "base/json.h"

#include "base/json_same.h"
#include "base/json_scan.h"
#include "base/limits.h"
#include "base/text.h"

#include <jansson.h>
#include <string.h>

#define INDENT 2 /* columns, JX_INDENT */

/* struct jx is jansson's json_t under a name of ours. */
static json_t *value_of(struct jx *v)
{
    return (json_t *)v;
}

static const json_t *value_of_const(const struct jx *v)
{
    return (const json_t *)v;
}

static struct jx *jx_of(json_t *value)
{
    return (struct jx *)value;
}

/* Brackets outside strings. jansson recurses to a limit of its own, 2048 levels, so ours comes
 * first; in text that is not JSON the count means nothing, and jansson refuses that. */
static bool too_deep(struct bytes text)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else if ((c == '[' || c == '{') && ++depth > JSON_DEPTH_MAX)
            return true;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return false;
}

/* Words of our own: jansson's texts quote the document, which may hold a secret. */
static const char *refusal(const json_error_t *error)
{
    static const struct {
        enum json_error_code code;
        const char *words;
    } rows[] = {
        { json_error_invalid_utf8, "not UTF-8" },
        { json_error_premature_end_of_input, "the text ends too early" },
        { json_error_end_of_input_expected, "more text after the value" },
        { json_error_null_character, "NUL in a string" },
        { json_error_null_byte_in_key, "NUL in a member name" },
        { json_error_duplicate_key, "a duplicate member name" },
        { json_error_numeric_overflow, "a number out of range" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].code == json_error_code(error))
            return rows[i].words;
    return "not JSON";
}

/*
 * jansson says "syntax error", or nothing, when an allocation fails inside its lexer. Text that the
 * other reader accepts has no syntax error: then it was the memory. Numbers that do not fit 64 bits
 * are the one thing that only jansson refuses.
 */
static int parse_failed(struct bytes text, const json_error_t *error, struct err *err)
{
    bool overflow = json_error_code(error) == json_error_numeric_overflow;

    if (!overflow && json_check(text, err) == 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!overflow && err != NULL && err->code == ERR_NOMEM)
        return -1;
    return err_set(err, ERR_MALFORMED, "line %d, column %d: %s", error->line, error->column,
                   refusal(error));
}

static int nul_refused(struct bytes text, struct err *err)
{
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0; text.data[i] != '\0'; i++) {
        column = text.data[i] == '\n' ? 1 : column + 1;
        line += text.data[i] == '\n';
    }
    return err_set(err, ERR_MALFORMED, "line %zu, column %zu: a NUL byte", line, column);
}

int jx_parse(struct jx **out, struct bytes text, struct err *err)
{
    const char *data = text.len > 0 ? (const char *)text.data : "";
    json_error_t error;

    *out = NULL;
    if (too_deep(text))
        return err_set(err, ERR_LIMIT, "deeper than %d levels", JSON_DEPTH_MAX);
    /* jansson loses a NUL that follows a number or a word */
    if (memchr(data, '\0', text.len) != NULL)
        return nul_refused(text, err);
    memset(&error, 0, sizeof(error));
    struct jx *CLEANUP(jx_freep) tree =
        jx_of(json_loadb(data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error));
    if (tree == NULL)
        return parse_failed(text, &error, err);
    if (json_same(tree, text, err) != 0)
        return -1;
    *out = STEAL(tree);
    return 0;
}

void jx_free(struct jx *v)
{
    json_decref(value_of(v));
}

void jx_freep(struct jx **v)
{
    jx_free(*v);
    *v = NULL;
}

enum jx_kind jx_kind(const struct jx *v)
{
    if (v == NULL)
        return JX_NONE;
    switch (json_typeof(value_of_const(v))) {
    case JSON_OBJECT:
        return JX_OBJECT;
    case JSON_ARRAY:
        return JX_ARRAY;
    case JSON_STRING:
        return JX_STRING;
    case JSON_INTEGER:
        return JX_INTEGER;
    case JSON_REAL:
        return JX_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JX_BOOL;
    case JSON_NULL:
        return JX_NULL;
    }
    return JX_NONE;
}

struct jx *jx_get(const struct jx *object, const char *name)
{
    return jx_of(json_object_get(value_of_const(object), name));
}

struct jx *jx_at(const struct jx *array, size_t i)
{
    return jx_of(json_array_get(value_of_const(array), i));
}

size_t jx_size(const struct jx *v)
{
    const json_t *value = value_of_const(v);

    return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

struct bytes jx_text(const struct jx *string)
{
    const json_t *value = value_of_const(string);

    if (!json_is_string(value))
        return BYTES_NONE;
    return (struct bytes) { (const uint8_t *)json_string_value(value), json_string_length(value) };
}

int64_t jx_integer(const struct jx *v, int64_t otherwise)
{
    const json_t *value = value_of_const(v);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool jx_bool(const struct jx *v, bool otherwise)
{
    const json_t *value = value_of_const(v);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

bool jx_next(const struct jx *object, void **at, const char **name, struct jx **value)
{
    /* jansson's iterator wants an object that may be changed, and does not change it */
    json_t *from = (json_t *)(uintptr_t)object;

    *name = NULL;
    *value = NULL;
    *at = *at == NULL ? json_object_iter(from) : json_object_iter_next(from, *at);
    if (*at == NULL)
        return false;
    *name = json_object_iter_key(*at);
    *value = jx_of(json_object_iter_value(*at));
    return true;
}

struct jx *jx_object(void)
{
    return jx_of(json_object());
}

struct jx *jx_array(void)
{
    return jx_of(json_array());
}

struct jx *jx_string(struct bytes utf8)
{
    const char *data = utf8.len > 0 ? (const char *)utf8.data : "";

    if (memchr(data, '\0', utf8.len) != NULL)
        return NULL;
    return jx_of(json_stringn(data, utf8.len));
}

struct jx *jx_int(int64_t n)
{
    return jx_of(json_integer(n));
}

struct jx *jx_boolean(bool b)
{
    return jx_of(json_boolean(b));
}

struct jx *jx_null(void)
{
    return jx_of(json_null());
}

int jx_set(struct jx *object, const char *name, struct jx *value, struct err *err)
{
    bool wrong = object != NULL && value != NULL &&
                 (jx_kind(object) != JX_OBJECT || !utf8_valid(bytes_text(name)));

    if (json_object_set_new(value_of(object), name, value_of(value)) == 0)
        return 0;
    if (wrong)
        return err_set(err, ERR_INTERNAL, "a member set that JSON cannot hold");
    return err_set(err, ERR_NOMEM, "out of memory");
}

int jx_set_text(struct jx *object, const char *name, const char *text, struct err *err)
{
    struct bytes utf8 = bytes_text(text);

    if (!utf8_valid(utf8))
        return err_set(err, ERR_MALFORMED, "%s: not UTF-8", name);
    return jx_set(object, name, text != NULL ? jx_string(utf8) : NULL, err);
}

int jx_append(struct jx *array, struct jx *value, struct err *err)
{
    bool wrong = array != NULL && value != NULL && jx_kind(array) != JX_ARRAY;

    if (json_array_append_new(value_of(array), value_of(value)) == 0)
        return 0;
    if (wrong)
        return err_set(err, ERR_INTERNAL, "an element appended to what is not an array");
    return err_set(err, ERR_NOMEM, "out of memory");
}

int jx_delete(struct jx *object, const char *name, struct err *err)
{
    if (object == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (jx_kind(object) != JX_OBJECT)
        return err_set(err, ERR_INTERNAL, "%s: deleted from what is not an object", name);
    if (jx_get(object, name) == NULL || json_object_del(value_of(object), name) == 0)
        return 0;
    return err_set(err, ERR_INTERNAL, "%s: cannot be deleted", name);
}

int jx_remove(struct jx *array, size_t i, struct err *err)
{
    if (array == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (json_array_remove(value_of(array), i) != 0)
        return err_set(err, ERR_INTERNAL, "no element %zu to remove", i);
    return 0;
}

struct jx *jx_copy(const struct jx *v)
{
    return jx_of(json_deep_copy(value_of_const(v)));
}

static int write_piece(const char *text, size_t len, void *out)
{
    struct buf *b = out;

    buf_add(b, text, len);
    return b->state == BUF_FINE ? 0 : -1;
}

int jx_write(struct buf *out, const struct jx *v, enum jx_style style, struct err *err)
{
    size_t flags = JSON_ENCODE_ANY | (style == JX_INDENT ? JSON_INDENT(INDENT) : JSON_COMPACT);
    bool written = json_dump_callback(value_of_const(v), write_piece, out, flags) == 0;

    if (buf_check(out, "JSON", err) != 0)
        return -1;
    return written ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}
