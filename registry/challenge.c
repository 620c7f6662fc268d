#include "registry/challenge.h"

#include <string.h>

#include "base/text.h"

/* One header value being read. */
struct parser {
    struct challenges *to;
    struct bytes rest;
    struct challenge now;                     /* the challenge under way */
    bool open;                                /* there is one */
    bool spoilt;                              /* it repeats a parameter */
    struct bytes names[CHALLENGE_PARAMS_MAX]; /* of its parameters */
    size_t n_names;
};

static bool is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* tchar (RFC 9110 section 5.6.2) */
static bool is_token(uint8_t c)
{
    return is_word(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token68(uint8_t c)
{
    return is_word(c) || (c != 0 && strchr("-._~+/", c) != NULL);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_separator(uint8_t c)
{
    return is_blank(c) || c == ',';
}

/* Cut the longest head whose bytes all are of one class. */
static struct bytes take_while(struct bytes *rest, bool (*is)(uint8_t))
{
    size_t n = 0;

    while (n < rest->len && is(rest->data[n]))
        n++;
    struct bytes taken = bytes_part(*rest, 0, n);
    *rest = bytes_part(*rest, n, rest->len);
    return taken;
}

static bool take_char(struct bytes *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != (uint8_t)c)
        return false;
    *rest = bytes_part(*rest, 1, rest->len);
    return true;
}

static bool at_element_end(struct bytes rest)
{
    take_while(&rest, is_blank);
    return rest.len == 0 || rest.data[0] == ',';
}

static int malformed(struct err *err, const char *why)
{
    return err_set(err, ERR_MALFORMED, "challenge: %s", why);
}

static int close_challenge(struct parser *p, struct err *err)
{
    if (p->open && !p->spoilt) {
        if (p->to->n == CHALLENGES_MAX)
            return err_set(err, ERR_LIMIT, "challenge: more than %d", CHALLENGES_MAX);
        p->to->list[p->to->n++] = p->now;
    }
    p->now = (struct challenge) { 0 };
    p->open = false;
    p->spoilt = false;
    p->n_names = 0;
    return 0;
}

static int open_challenge(struct parser *p, struct bytes scheme, struct err *err)
{
    if (close_challenge(p, err) != 0)
        return -1;
    p->open = true;
    if (text_equal_nocase(scheme, BYTES_LIT("bearer")))
        p->now.scheme = CHALLENGE_BEARER;
    else if (text_equal_nocase(scheme, BYTES_LIT("basic")))
        p->now.scheme = CHALLENGE_BASIC;
    return 0;
}

/* quoted-string (RFC 9110 section 5.6.4) behind its opening quote; `out` has the content. */
static int take_quoted(struct buf *out, struct bytes *rest, struct err *err)
{
    while (rest->len > 0) {
        uint8_t c = rest->data[0];
        *rest = bytes_part(*rest, 1, rest->len);
        if (c == '"')
            return buf_check(out, "challenge", err);
        if (c == '\\') {
            if (rest->len == 0)
                break;
            c = rest->data[0];
            *rest = bytes_part(*rest, 1, rest->len);
        }
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return malformed(err, "control character in a value");
        buf_add_char(out, (char)c);
    }
    return malformed(err, "quotation mark is not closed");
}

static const char **field_of(struct challenge *c, struct bytes name)
{
    const struct {
        const char *name;
        const char **field;
    } fields[] = {
        { "realm", &c->realm },
        { "service", &c->service },
        { "scope", &c->scope },
        { "error", &c->error },
        { "error_description", &c->error_description },
    };

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (text_equal_nocase(name, bytes_text(fields[i].name)))
            return fields[i].field;
    return NULL;
}

static int note_name(struct parser *p, struct bytes name, struct err *err)
{
    for (size_t i = 0; i < p->n_names; i++)
        if (text_equal_nocase(p->names[i], name))
            p->spoilt = true;
    if (p->n_names == CHALLENGE_PARAMS_MAX)
        return err_set(err, ERR_LIMIT, "challenge: more than %d parameters", CHALLENGE_PARAMS_MAX);
    p->names[p->n_names++] = name;
    return 0;
}

/* auth-param behind its equals sign. */
static int take_value(struct parser *p, struct bytes name, struct err *err)
{
    struct buf CLEANUP(buf_clear) value = BUF_INIT(CHALLENGE_MAX);
    const char **field = field_of(&p->now, name);

    if (!p->open)
        return malformed(err, "a parameter without a scheme");
    if (note_name(p, name, err) != 0)
        return -1;
    take_while(&p->rest, is_blank);
    if (take_char(&p->rest, '"')) {
        if (take_quoted(&value, &p->rest, err) != 0)
            return -1;
    } else {
        buf_add_bytes(&value, take_while(&p->rest, is_token));
        if (value.len == 0)
            return buf_check(&value, "challenge", err) != 0
                       ? -1
                       : malformed(err, "a parameter without a value");
    }
    if (!at_element_end(p->rest))
        return malformed(err, "text after a parameter's value");
    if (field == NULL || p->spoilt)
        return buf_check(&value, "challenge", err);
    *field = arena_text(&p->to->texts, buf_bytes(&value), err);
    return *field == NULL ? -1 : 0;
}

/* Behind a scheme and a blank: token68 is passed over, since neither Basic nor Bearer challenges
 * have one. What is not token68 is a parameter, for the next turn. */
static bool skip_token68(struct bytes *rest)
{
    struct bytes ahead = *rest;

    if (take_while(&ahead, is_token68).len == 0)
        return false;
    while (take_char(&ahead, '='))
        ;
    if (!at_element_end(ahead))
        return false;
    *rest = ahead;
    return true;
}

static int take_element(struct parser *p, struct err *err)
{
    struct bytes name = take_while(&p->rest, is_token);
    struct bytes ahead = p->rest;

    if (name.len == 0)
        return malformed(err, "a scheme or parameter name is missing");
    size_t blanks = take_while(&ahead, is_blank).len;
    if (take_char(&ahead, '=')) {
        p->rest = ahead;
        return take_value(p, name, err);
    }
    if (open_challenge(p, name, err) != 0)
        return -1;
    if (at_element_end(p->rest))
        return 0;
    if (blanks == 0)
        return malformed(err, "a scheme is not followed by a blank");
    p->rest = ahead;
    /* It stands instead of parameters: none may follow. */
    return skip_token68(&p->rest) ? close_challenge(p, err) : 0;
}

int challenges_add(struct challenges *c, struct bytes value, struct err *err)
{
    struct parser p = { .to = c, .rest = value };
    const size_t before = c->n;
    int failed = 0;

    if (value.len > CHALLENGE_MAX || c->seen > CHALLENGE_MAX - value.len)
        return err_set(err, ERR_LIMIT, "challenge: longer than %zu bytes", CHALLENGE_MAX);
    c->seen += value.len;
    take_while(&p.rest, is_separator);
    while (p.rest.len > 0 && failed == 0) {
        failed = take_element(&p, err);
        take_while(&p.rest, is_separator);
    }
    if (failed != 0 || close_challenge(&p, err) != 0) {
        memset(&c->list[before], 0, (CHALLENGES_MAX - before) * sizeof(c->list[0]));
        c->n = before;
        return -1;
    }
    return 0;
}

void challenges_clear(struct challenges *c)
{
    arena_clear(&c->texts);
    memset(c->list, 0, sizeof(c->list));
    c->n = 0;
    c->seen = 0;
}

const struct challenge *challenges_best(const struct challenges *c)
{
    const struct challenge *basic = NULL;

    for (size_t i = 0; i < c->n; i++) {
        if (c->list[i].scheme == CHALLENGE_BEARER && c->list[i].realm != NULL)
            return &c->list[i];
        if (c->list[i].scheme == CHALLENGE_BASIC && basic == NULL)
            basic = &c->list[i];
    }
    return basic;
}
