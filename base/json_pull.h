#ifndef BULLA_BASE_JSON_PULL_H
#define BULLA_BASE_JSON_PULL_H

#include <stdbool.h>

#include "base/bytes.h"

/*
 * Reading JSON that comes from outside, over the received bytes: no recursion, no copy, no tree.
 *
 * json_scan() checks the whole document once (RFC 8259; UTF-8; depth at most JSON_DEPTH_MAX; no
 * duplicate member name at any level, compared after unescaping; no NUL in a string; no lone
 * surrogate; nothing but white space after the value). Everything else here walks text that has
 * passed json_scan().
 */

enum json_kind {
    JSON_ABSENT = 0,
    JSON_NULL_VALUE,
    JSON_FALSE_VALUE,
    JSON_TRUE_VALUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_index;

/** One value: its raw text (a string with its quotes). Borrows from the scanned bytes, and from the
 * index that they were scanned with. */
struct json_view {
    enum json_kind kind;
    struct bytes raw;
    const struct json_index *index; /* NULL: none */
};

#define JSON_VIEW_NONE ((struct json_view) { JSON_ABSENT, { NULL, 0 }, NULL })

/** @return 0, or -1 with ERR_MALFORMED (text names the byte offset), ERR_LIMIT (depth,
 * JSON_KEYS_MAX), ERR_NOMEM. */
int json_scan(struct json_view *root, struct bytes text, struct err *err) MUST_CHECK;

/** Where an array or object begins, and the byte behind it; offsets in the text. */
struct json_span {
    uint32_t from, to;
};

/** Ends of arrays and objects, so that walks step over what they do not look into: for documents
 * that are walked many times. The caller gives the room; what does not fit is stepped over byte by
 * byte. */
struct json_index {
    struct json_span *spans; /* in the order of `from` */
    size_t max;
    size_t n;             /* filled by json_scan_indexed() */
    const uint8_t *start; /* likewise */
};

/** json_scan(), filling `index`, which every view that is made from the root then uses. A text of
 * 4 GiB or more is not indexed. */
int json_scan_indexed(struct json_view *root, struct bytes text, struct json_index *index,
                      struct err *err) MUST_CHECK;

/** What to do with members that are not in the table. A name that equals a known one but for case
 * is always refused: readers that fold case would read the document differently. */
enum json_rest { JSON_REST_IGNORED, JSON_REST_REFUSED };

struct json_member {
    const char *name;
    struct json_view *value; /* left JSON_ABSENT when the member is not there */
    enum json_kind want;     /* JSON_ABSENT: any kind. JSON_TRUE_VALUE stands for either boolean */
    bool required;
};

/**
 * Find the members of an object in one pass.
 *
 * @param object  any view; not an object is ERR_MALFORMED
 * @param what    name of the object, for messages: "manifest: config: not an object"
 * @return 0, or -1 with ERR_MALFORMED: missing, of the wrong kind, unknown (JSON_REST_REFUSED),
 * other case. Null where another kind is wanted: refused when required, else as if absent.
 */
int json_members(struct json_view object, const struct json_member *members, size_t n,
                 enum json_rest rest, const char *what, struct err *err) MUST_CHECK;

/** Walk the elements of an array or the members of an object. For anything else there are none. */
struct json_walk {
    const uint8_t *at;
    const uint8_t *end;
    bool object;
    const struct json_index *index;
};
struct json_walk json_walk(struct json_view value);
bool json_next(struct json_walk *walk, struct json_view *name,
               struct json_view *value); /* name may be NULL */
size_t json_count(struct json_view value);

/** A string's content, unescaped, appended. -1 with ERR_MALFORMED when it is not a string; the
 * buffer's errors. The link name is our own: jansson exports a json_string, and a program's symbol
 * would take its place inside that library too. */
int json_string(struct buf *out, struct json_view value, const char *what,
                struct err *err) __asm__("bulla_json_string") MUST_CHECK;

/** Does the string's content equal `text`? Works without unescaping into memory. False for other
 * kinds. */
bool json_string_is(struct json_view value, struct bytes text);

/** The content without copying, when the string holds no escape; else false. */
bool json_string_raw(struct json_view value, struct bytes *content);

/** An integer: no fraction, no exponent, min..max. -1 with ERR_MALFORMED. Link name as above. */
int json_integer(int64_t *out, struct json_view value, int64_t min, int64_t max, const char *what,
                 struct err *err) __asm__("bulla_json_integer") MUST_CHECK;

#endif
