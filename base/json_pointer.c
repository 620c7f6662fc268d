#include "base/json_pointer.h"

#include <string.h>

#include "base/text.h"

#define TOKEN_BYTES_MAX 1024 /* of one reference token: no format here has a longer name */

int json_pointer_check(struct bytes pointer, struct err *err)
{
    if (pointer.len > 0 && pointer.data[0] != '/')
        return err_set(err, ERR_INVALID, "not a JSON pointer: it does not begin with /");
    for (size_t i = 0; i < pointer.len; i++)
        if (pointer.data[i] == '~' &&
            (i + 1 == pointer.len || (pointer.data[i + 1] != '0' && pointer.data[i + 1] != '1')))
            return err_set(err, ERR_INVALID,
                           "not a JSON pointer: ~ stands for itself only as ~0 (and / is ~1)");
    return 0;
}

/* "~1" is "/", "~0" is "~" (section 4); false where that does not fit or is no escape */
static bool unescape(struct buf *out, struct bytes token)
{
    for (size_t i = 0; i < token.len; i++) {
        char c = (char)token.data[i];
        if (c == '~') {
            if (++i == token.len || (token.data[i] != '0' && token.data[i] != '1'))
                return false;
            c = token.data[i] == '0' ? '~' : '/';
        }
        buf_add_char(out, c);
    }
    return out->state == BUF_FINE;
}

static struct json_view member(struct json_view object, struct bytes token)
{
    struct buf CLEANUP(buf_clear) unescaped = BUF_INIT(TOKEN_BYTES_MAX);
    struct bytes wanted = token;
    struct json_view name, value;

    if (token.len > TOKEN_BYTES_MAX)
        return JSON_VIEW_NONE;
    if (token.len > 0 && memchr(token.data, '~', token.len) != NULL) {
        if (!unescape(&unescaped, token))
            return JSON_VIEW_NONE;
        wanted = buf_bytes(&unescaped);
    }
    for (struct json_walk walk = json_walk(object); json_next(&walk, &name, &value);)
        if (json_string_is(name, wanted))
            return value;
    return JSON_VIEW_NONE;
}

static struct json_view element(struct json_view array, struct bytes token)
{
    struct err not_an_index = ERR_INIT;
    struct json_view value;
    uint64_t index;

    if (decimal_parse(&index, token, SIZE_MAX, &not_an_index) != 0)
        return JSON_VIEW_NONE;
    for (struct json_walk walk = json_walk(array); json_next(&walk, NULL, &value);)
        if (index-- == 0)
            return value;
    return JSON_VIEW_NONE;
}

struct json_view json_pointer_get(struct json_view root, struct bytes pointer)
{
    struct json_view at = root;
    size_t end;

    if (pointer.len > 0 && pointer.data[0] != '/')
        return JSON_VIEW_NONE;
    for (size_t from = 1; from <= pointer.len; from = end + 1) {
        for (end = from; end < pointer.len && pointer.data[end] != '/';)
            end++;
        if (at.kind != JSON_ARRAY && at.kind != JSON_OBJECT)
            return JSON_VIEW_NONE;
        struct bytes token = bytes_part(pointer, from, end - from);
        at = at.kind == JSON_ARRAY ? element(at, token) : member(at, token);
    }
    return at;
}

struct json_view json_at(struct json_view root, const char *pointer)
{
    return json_pointer_get(root, bytes_text(pointer));
}
