#include "policy/check.h"

#include "base/json_pointer.h"
#include "base/limits.h"
#include "base/text.h"

#define FOUND_MAX 200 /* bytes of a value that a message shows */

bool check_holds(const struct check *check, struct json_view statement)
{
    const struct json_view value = json_at(statement, check->at);

    switch (value.kind) {
    case JSON_STRING:
        return json_string_is(value, bytes_text(check->is));
    case JSON_NUMBER:
    case JSON_TRUE_VALUE:
    case JSON_FALSE_VALUE:
    case JSON_NULL_VALUE:
        return bytes_is(value.raw, check->is);
    case JSON_ABSENT:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return false;
    }
    return false;
}

void check_found(struct buf *out, const struct check *check, struct json_view statement)
{
    const struct json_view value = json_at(statement, check->at);

    if (value.kind == JSON_ABSENT)
        buf_add_text(out, "nothing");
    else if (value.kind == JSON_ARRAY)
        buf_add_text(out, "an array");
    else if (value.kind == JSON_OBJECT)
        buf_add_text(out, "an object");
    else
        text_escape(out, value.raw, FOUND_MAX);
}
