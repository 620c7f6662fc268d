#include "registry/link.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"

#define LINK_VALUE_MAX HEADERS_MAX /* as much as is kept of a response's headers */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_token(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void skip_blanks(struct bytes *rest)
{
    while (rest->len > 0 && is_blank(rest->data[0]))
        *rest = bytes_part(*rest, 1, rest->len);
}

static bool take_char(struct bytes *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != (uint8_t)c)
        return false;
    *rest = bytes_part(*rest, 1, rest->len);
    return true;
}

static struct bytes take_token(struct bytes *rest)
{
    size_t n = 0;

    while (n < rest->len && is_token(rest->data[n]))
        n++;
    struct bytes token = bytes_part(*rest, 0, n);
    *rest = bytes_part(*rest, n, rest->len);
    return token;
}

static int malformed(struct err *err, const char *why)
{
    return err_set(err, ERR_MALFORMED, "link: %s", why);
}

/* "<URI-Reference>": no blank, control or angle bracket inside. */
static int take_target(struct bytes *target, struct bytes *rest, struct err *err)
{
    size_t n = 0;

    if (!take_char(rest, '<'))
        return malformed(err, "a target in angle brackets is missing");
    while (n < rest->len && rest->data[n] > ' ' && rest->data[n] <= '~' && rest->data[n] != '<' &&
           rest->data[n] != '>')
        n++;
    if (n == rest->len || rest->data[n] != '>')
        return malformed(err, "a target is not a URL in angle brackets");
    if (n > URL_MAX)
        return err_set(err, ERR_LIMIT, "link: target is longer than %zu bytes", URL_MAX);
    *target = bytes_part(*rest, 0, n);
    *rest = bytes_part(*rest, n + 1, rest->len);
    return 0;
}

/* Relation types stand apart by blanks (RFC 8288 section 3.3) and fold case (2.1.1). */
static bool names_next(struct bytes relations)
{
    while (relations.len > 0) {
        size_t n = 0;
        while (n < relations.len && !is_blank(relations.data[n]))
            n++;
        if (text_equal_nocase(bytes_part(relations, 0, n), BYTES_LIT("next")))
            return true;
        relations = bytes_part(relations, n + 1, relations.len);
    }
    return false;
}

static int take_value(struct buf *out, struct bytes *rest, struct err *err)
{
    if (!take_char(rest, '"')) {
        struct bytes token = take_token(rest);
        if (token.len == 0)
            return malformed(err, "a parameter without a value");
        buf_add_bytes(out, token);
        return buf_check(out, "link", err);
    }
    while (rest->len > 0) {
        uint8_t c = rest->data[0];
        *rest = bytes_part(*rest, 1, rest->len);
        if (c == '"')
            return buf_check(out, "link", err);
        if (c == '\\' && rest->len > 0) {
            c = rest->data[0];
            *rest = bytes_part(*rest, 1, rest->len);
        }
        buf_add_char(out, (char)c);
    }
    return malformed(err, "quotation mark is not closed");
}

struct relation {
    bool seen; /* a `rel` was there: the ones behind it do not count (RFC 8288 section 3.3) */
    bool next;
    bool elsewhere; /* `anchor`: the link is not about what was asked for */
};

static int take_parameter(struct relation *relation, struct bytes *rest, struct err *err)
{
    struct buf CLEANUP(buf_clear) value = BUF_INIT(LINK_VALUE_MAX);
    struct bytes name = take_token(rest);

    if (name.len == 0) {
        skip_blanks(rest);
        if (rest->len == 0 || rest->data[0] == ';' || rest->data[0] == ',')
            return 0; /* an empty parameter: appendix B.3 passes over it */
        return malformed(err, "a parameter's name is missing");
    }
    skip_blanks(rest);
    if (take_char(rest, '=')) {
        skip_blanks(rest);
        if (take_value(&value, rest, err) != 0)
            return -1;
    }
    if (text_equal_nocase(name, BYTES_LIT("anchor")))
        relation->elsewhere = true;
    if (text_equal_nocase(name, BYTES_LIT("rel")) && !relation->seen) {
        relation->seen = true;
        relation->next = names_next(buf_bytes(&value));
    }
    return 0;
}

static int take_link(struct bytes *target, struct relation *relation, struct bytes *rest,
                     struct err *err)
{
    if (take_target(target, rest, err) != 0)
        return -1;
    skip_blanks(rest);
    while (take_char(rest, ';')) {
        skip_blanks(rest);
        if (take_parameter(relation, rest, err) != 0)
            return -1;
        skip_blanks(rest);
    }
    if (rest->len > 0 && rest->data[0] != ',')
        return malformed(err, "text behind a link");
    return 0;
}

int link_next(struct bytes *target, struct bytes value, struct err *err)
{
    struct bytes rest = value;
    struct bytes found = BYTES_NONE;

    *target = BYTES_NONE;
    if (value.len > LINK_VALUE_MAX)
        return err_set(err, ERR_LIMIT, "link: longer than %zu bytes", LINK_VALUE_MAX);
    for (;;) {
        struct relation relation = { 0 };
        struct bytes here;
        skip_blanks(&rest);
        if (take_char(&rest, ','))
            continue; /* empty list elements (RFC 9110 section 5.6.1) */
        if (rest.len == 0)
            break;
        if (take_link(&here, &relation, &rest, err) != 0)
            return -1;
        if (relation.next && !relation.elsewhere && found.len == 0)
            found = here;
    }
    *target = found;
    return 0;
}
