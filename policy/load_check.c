/* `checks` of a policy: what a statement must say. */
#include <string.h>

#include "base/json_pointer.h"
#include "base/limits.h"
#include "base/text.h"
#include "evidence/statement.h"
#include "policy/load_private.h"

#define TYPE_MAX 1024 /* of a predicate type */

/* --- Pointers --- */

/* Members of a pointer that are "*" alone, and whether one has a star beside other text. */
struct stars {
    size_t n;
    bool last;    /* the last member is one */
    bool partial; /* a star beside other text */
};

static struct stars count_stars(struct bytes pointer)
{
    struct stars stars = { 0 };

    for (size_t i = 0; i < pointer.len; i++) {
        if (pointer.data[i] != '*')
            continue;
        const bool ends = i + 1 == pointer.len;
        if (i > 0 && pointer.data[i - 1] == '/' && (ends || pointer.data[i + 1] == '/')) {
            stars.n++;
            stars.last = ends;
        } else {
            stars.partial = true;
        }
    }
    return stars;
}

static int read_pointer(struct loader *l, const struct place *at, const char **out)
{
    struct err err = ERR_INIT;

    if (at->node->kind != YAML_STRING)
        return load_wrong(l, at, "a JSON pointer is wanted here, as /predicate/builder/id");
    if (json_pointer_check(at->node->text, &err) != 0)
        return load_wrong(l, at, "%s", err_text(&err));
    if (at->node->text.len > POLICY_POINTER_MAX || !text_plain(at->node->text))
        return load_wrong(l, at, "a pointer longer than %d bytes, or with control characters",
                          POLICY_POINTER_MAX);
    *out = load_text(l, at->node->text);
    return *out == NULL ? -1 : 0;
}

/* A pointer to one value. */
static int read_single(struct loader *l, const struct place *at, const char **out)
{
    const struct stars stars = count_stars(at->node->text);

    if (read_pointer(l, at, out) != 0)
        return -1;
    if (stars.n > 0 || stars.partial)
        return load_wrong(l, at, "a star has no meaning here; each and one go through elements");
    return 0;
}

static int read_elements(struct loader *l, const struct place *at, const char **out)
{
    const struct stars stars = count_stars(at->node->text);

    if (read_pointer(l, at, out) != 0)
        return -1;
    if (stars.partial)
        return load_wrong(l, at, "a star stands alone between slashes");
    if (!stars.last)
        return load_wrong(l, at, "the pointer ends with /*: the elements that are gone through");
    return 0;
}

/* --- Literals --- */

/* YAML readers differ about what these are, and JSON has numbers that ours has not: taken for a
 * text, `not` would let pass what was to be refused. */
static bool looks_like_more(struct bytes text)
{
    static const char *const words[] = {
        "yes", "no", "on", "off", "y", "n", "true", "false", "null"
    };
    const struct bytes unsigned_part =
        bytes_part(text, text.data[0] == '-' || text.data[0] == '+', text.len);

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (text_equal_nocase(text, bytes_text(words[i])))
            return true;
    if (unsigned_part.len == 0 || unsigned_part.data[0] == '.')
        return true;
    /* YAML 1.1 and 1.2 between them: 0x1f, 0o17, 0b101 */
    if (unsigned_part.len > 2 && unsigned_part.data[0] == '0' &&
        strchr("xXoObB", unsigned_part.data[1]) != NULL)
        return true;
    for (size_t i = 0; i < unsigned_part.len; i++)
        if (strchr("0123456789.eE+-_xX", unsigned_part.data[i]) == NULL)
            return false;
    return unsigned_part.data[0] >= '0' && unsigned_part.data[0] <= '9';
}

static int read_text_literal(struct loader *l, const struct place *at, struct literal *out)
{
    const struct bytes text = at->node->text;

    if (!utf8_valid(text))
        return load_wrong(l, at, "not UTF-8");
    if (at->node->plain && looks_like_more(text))
        return load_wrong(l, at,
                          "\"%.64s\" may be meant as more than a text: put it in quotes, or "
                          "write a whole number, true, false or null",
                          (const char *)text.data);
    out->kind = JSON_STRING;
    out->text = load_text(l, text);
    return out->text == NULL ? -1 : 0;
}

static int read_constant(struct loader *l, const struct place *at, enum json_kind kind,
                         struct literal *out)
{
    *out = (struct literal) { .kind = kind, .text = load_text(l, at->node->text) };
    return out->text == NULL ? -1 : 0;
}

static int read_literal(struct loader *l, const struct place *at, struct literal *out)
{
    switch (at->node->kind) {
    case YAML_STRING:
        return read_text_literal(l, at, out);
    case YAML_INT:
        if (bytes_is(at->node->text, "-0"))
            return load_wrong(l, at, "write 0");
        return read_constant(l, at, JSON_NUMBER, out);
    case YAML_BOOL:
        return read_constant(l, at, at->node->boolean ? JSON_TRUE_VALUE : JSON_FALSE_VALUE, out);
    case YAML_NULL:
        if (!bytes_is(at->node->text, "null"))
            return load_wrong(l, at, "nothing is written here; for JSON's null write null");
        return read_constant(l, at, JSON_NULL_VALUE, out);
    case YAML_SEQUENCE:
    case YAML_MAPPING:
        break;
    }
    return load_wrong(l, at,
                      "one value is wanted here: a text, a whole number, true, false or "
                      "null");
}

static int read_pattern_literal(struct loader *l, const struct place *at, struct literal *out)
{
    out->kind = JSON_STRING;
    if (load_pattern(l, at, &out->pattern) != 0)
        return -1;
    out->text = (const char *)out->pattern.text.data;
    return 0;
}

static int read_exists(struct loader *l, const struct place *at, struct literal *out)
{
    if (at->node->kind != YAML_BOOL)
        return load_wrong(l, at, "true or false is wanted here");
    return read_literal(l, at, out);
}

static int read_bound(struct loader *l, const struct place *at, struct literal *out)
{
    if (at->node->kind != YAML_INT)
        return load_wrong(l, at, "a whole number is wanted here");
    return read_literal(l, at, out);
}

/* --- Operators --- */

typedef int literal_reader(struct loader *l, const struct place *at, struct literal *out);

struct operator_form {
    literal_reader *read;
    bool list;   /* a list may be written */
    bool single; /* one may be written */
};

static const struct operator_form operators[CHECK_OPERATORS] = {
    [CHECK_IS] = { read_literal, false, true },
    [CHECK_NOT] = { read_literal, false, true },
    [CHECK_IN] = { read_literal, true, false },
    [CHECK_NOT_IN] = { read_literal, true, false },
    [CHECK_MATCHES] = { read_pattern_literal, true, true },
    [CHECK_NOT_MATCHES] = { read_pattern_literal, true, true },
    [CHECK_EXISTS] = { read_exists, false, true },
    [CHECK_AT_LEAST] = { read_bound, false, true },
    [CHECK_AT_MOST] = { read_bound, false, true },
};

static enum check_operator operator_of(struct bytes key)
{
    enum check_operator operator= CHECK_IS;

    while (operator<CHECK_OPERATORS && !bytes_is(key, check_operator_name(operator)))
        operator=(enum check_operator)(operator+ 1);
    return operator;
}

static int read_operator(struct loader *l, const struct place *at, void *target)
{
    struct check *check = target;
    const enum check_operator operator= operator_of(at->key);
    const struct operator_form *form = &operators[operator];
    const bool list = at->node->kind == YAML_SEQUENCE && form->list;
    int result = 0;

    if ((list || !form->single) && load_filled(l, at, YAML_SEQUENCE) != 0)
        return -1;
    const size_t n = list ? at->node->n : 1;
    struct literal *literals = load_new(l, n, sizeof(*literals));
    if (literals == NULL)
        return -1;
    for (size_t i = 0; i < n && !l->stopped; i++) {
        const struct place item = list ? load_item(at, i) : *at;
        if (form->read(l, &item, &literals[i]) != 0)
            result = -1;
    }
    check->operator= operator;
    check->literals = literals;
    check->n = n;
    return list && load_unlike(l, at) != 0 ? -1 : result;
}

/* --- Lines --- */

static int read_at(struct loader *l, const struct place *at, void *target)
{
    struct check *check = target;

    return read_single(l, at, &check->at);
}

static int read_each(struct loader *l, const struct place *at, void *target)
{
    struct check *check = target;

    check->over = OVER_EACH;
    return read_elements(l, at, &check->elements);
}

static int read_one(struct loader *l, const struct place *at, void *target)
{
    struct check *check = target;

    check->over = OVER_SOME;
    return read_elements(l, at, &check->elements);
}

static int read_outcome(struct loader *l, const struct place *at, bool *passes)
{
    static const char *const words[] = { "fail", "pass" };
    size_t word;

    if (load_word(l, at, words, ARRAY_LEN(words), &word) != 0)
        return -1;
    *passes = word == 1;
    return 0;
}

static int read_empty(struct loader *l, const struct place *at, void *target)
{
    return read_outcome(l, at, &((struct check *)target)->empty_passes);
}

static int read_absent(struct loader *l, const struct place *at, void *target)
{
    return read_outcome(l, at, &((struct check *)target)->absent_passes);
}

/* Which keys go together. */
static int check_line_keys(struct loader *l, const struct place *at)
{
    static const char *const walks[] = { "each", "one" };
    static const char *const outcomes[] = { "empty", "absent" };
    const size_t over = load_count(at->node, walks, ARRAY_LEN(walks));
    size_t n = 0;

    for (enum check_operator o = CHECK_IS; o < CHECK_OPERATORS; o = (enum check_operator)(o + 1))
        n += yaml_get(at->node, check_operator_name(o)) != NULL;
    if (n != 1)
        return load_wrong(l, at, "%s",
                          n == 0 ? "an operator is missing: is, not, in, not-in, matches, "
                                   "not-matches, exists, at-least or at-most"
                                 : "more than one operator; write a line for each");
    if (over > 1)
        return load_wrong(l, at, "each and one exclude each other");
    if (over == 1 && yaml_get(at->node, "empty") == NULL)
        return load_wrong(l, at, "empty is missing: whether no element at all is pass or fail");
    if (over == 0 && load_count(at->node, outcomes, ARRAY_LEN(outcomes)) > 0)
        return load_wrong(l, at, "empty and absent have no effect without each or one");
    if (over == 0 && yaml_get(at->node, "at")->text.len == 0)
        return load_wrong(l, at, "at names the whole statement; write the value's pointer");
    return 0;
}

static int read_line(struct loader *l, const struct place *at, struct check *out)
{
    static const struct load_field fields[] = {
        { "at", read_at, true },
        { "each", read_each, false },
        { "one", read_one, false },
        { "empty", read_empty, false },
        { "absent", read_absent, false },
        { "is", read_operator, false },
        { "not", read_operator, false },
        { "in", read_operator, false },
        { "not-in", read_operator, false },
        { "matches", read_operator, false },
        { "not-matches", read_operator, false },
        { "exists", read_operator, false },
        { "at-least", read_operator, false },
        { "at-most", read_operator, false },
    };

    out->line = at->node->line;
    if (load_mapping(l, at, LOAD_FIELDS(fields), out) != 0)
        return -1;
    return check_line_keys(l, at);
}

/* --- Checks --- */

/* RFC 3986 section 3: a scheme and what it is of. */
static bool is_uri(struct bytes text)
{
    size_t i = 0;

    while (i < text.len && text.data[i] != ':') {
        const uint8_t c = text.data[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            return false;
        i++;
    }
    return i > 0 && i + 1 < text.len && memchr(text.data, ' ', text.len) == NULL;
}

static int read_type(struct loader *l, const struct place *at, void *target)
{
    struct policy_check *check = target;

    if (load_line(l, at, TYPE_MAX, &check->type) != 0)
        return -1;
    if (!is_uri(at->node->text))
        return load_wrong(l, at,
                          "the predicate type's whole URI is wanted here, as "
                          "https://slsa.dev/provenance/v1");
    if (strcmp(check->type, PREDICATE_COSIGN_SIGN) == 0)
        return load_wrong(l, at,
                          "this is the type of signatures, which are no statements; "
                          "write signed in the rule");
    return 0;
}

static int read_statements(struct loader *l, const struct place *at, void *target)
{
    static const char *const words[] = { "any", "every", "newest" };
    size_t word;

    if (load_word(l, at, words, ARRAY_LEN(words), &word) != 0)
        return -1;
    ((struct policy_check *)target)->statements = (enum check_statements)word;
    return 0;
}

static int read_time(struct loader *l, const struct place *at, void *target)
{
    if (at->node->kind == YAML_STRING && at->node->text.len == 0)
        return load_wrong(l, at, "a JSON pointer is wanted here, and none is written");
    return read_single(l, at, &((struct policy_check *)target)->time);
}

static int read_max_age(struct loader *l, const struct place *at, void *target)
{
    return load_duration(l, at, &((struct policy_check *)target)->max_age);
}

static int read_where(struct loader *l, const struct place *at, void *target)
{
    struct policy_check *check = target;
    int result = 0;

    if (load_filled(l, at, YAML_SEQUENCE) != 0)
        return -1;
    struct check *lines = load_new(l, at->node->n, sizeof(*lines));
    if (lines == NULL)
        return -1;
    for (size_t i = 0; i < at->node->n && !l->stopped; i++) {
        const struct place item = load_item(at, i);
        if (read_line(l, &item, &lines[i]) != 0)
            result = -1;
    }
    check->lines = lines;
    check->n = at->node->n;
    return result;
}

static int read_check(struct loader *l, const struct place *at, struct policy_check *out)
{
    static const struct load_field fields[] = {
        { "type", read_type, true },   { "statements", read_statements, true },
        { "time", read_time, false },  { "max-age", read_max_age, false },
        { "where", read_where, true },
    };
    const bool timed = yaml_get(at->node, "time") != NULL;
    int result = load_mapping(l, at, LOAD_FIELDS(fields), out);

    if (!timed && out->statements == CHECK_NEWEST)
        result = load_wrong(l, at, "time is missing: newest needs the pointer to its time");
    if (!timed && yaml_get(at->node, "max-age") != NULL)
        result = load_wrong(l, at, "time is missing: max-age needs the pointer to a time");
    return result;
}

int load_checks(struct loader *l, const struct place *at, void *target)
{
    struct policy *policy = target;
    int result = 0;

    if (load_filled(l, at, YAML_MAPPING) != 0 || load_names(l, &l->checks, at->node) != 0)
        return -1;
    struct policy_check *checks = load_new(l, at->node->n, sizeof(*checks));
    if (checks == NULL)
        return -1;
    policy->checks = checks;
    policy->n_checks = at->node->n;
    for (size_t i = 0; i < at->node->n && !l->stopped; i++) {
        const struct place member = load_member(at, i);
        if (load_defined(l, &member, &checks[i].name) != 0)
            result = -1;
        checks[i].line = member.name->line;
        checks[i].column = member.name->column;
        if (read_check(l, &member, &checks[i]) != 0)
            result = -1;
    }
    return result;
}
