/* Reading the parts that every section of a policy is made of: mappings, words, texts, times. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/suggest.h"
#include "base/text.h"
#include "policy/load_private.h"

#define PATH_TEXT_MAX 1024 /* of a path in a finding */
#define KEY_TEXT_MAX 64    /* of one key in it */
#define FINDING_TEXT_MAX 512
#define KNOWN_SHOWN_MAX 300 /* of the list of known words */
#define DURATION_DAYS_MAX 3650
#define MEANT_MAX 16 /* misspelt keys of one mapping that are told apart */

int load_stop(struct loader *l, const struct err *err)
{
    if (l->stopped)
        return -1;
    l->stopped = true;
    *l->err = *err;
    return err_wrap(l->err, "%s", l->source->file);
}

static void add_path(struct buf *out, const struct place *at);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document, YAML_DEPTH_MAX */
static void add_path(struct buf *out, const struct place *at)
{
    if (at->parent == NULL)
        return;
    add_path(out, at->parent);
    if (at->key.data == NULL) {
        buf_addf(out, "[%zu]", at->index);
        return;
    }
    if (out->len > 0)
        buf_add_char(out, '.');
    text_escape(out, at->key, KEY_TEXT_MAX);
}

static int add_finding(struct loader *l, const struct place *at, const struct yaml_node *where,
                       const char *raw)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_TEXT_MAX);
    struct buf CLEANUP(buf_clear) text = BUF_INIT(FINDING_TEXT_MAX);
    struct err err = ERR_INIT;

    if (l->stopped)
        return -1;
    add_path(&path, at);
    text_escape(&text, bytes_text(raw), FINDING_TEXT_MAX);
    if (path.state == BUF_NOMEM || text.state == BUF_NOMEM) {
        err_set(&err, ERR_NOMEM, "out of memory");
        return load_stop(l, &err);
    }
    const struct policy_finding finding = { .level = FINDING_ERROR,
                                            .line = where->line,
                                            .column = where->column,
                                            .path = buf_text(&path),
                                            .text = buf_text(&text) };
    if (policy_finding_add(l->findings, &finding, &err) == 0)
        return -1;
    if (err.code == ERR_LIMIT)
        l->stopped = true; /* enough is known: what was found stands for all */
    else
        load_stop(l, &err);
    return -1;
}

int load_wrong(struct loader *l, const struct place *at, const char *fmt, ...)
{
    char raw[FINDING_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    return add_finding(l, at, at->node, raw);
}

int load_wrong_key(struct loader *l, const struct place *at, const char *fmt, ...)
{
    char raw[FINDING_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    return add_finding(l, at, at->name != NULL ? at->name : at->node, raw);
}

void *load_new(struct loader *l, size_t n, size_t size)
{
    struct err err = ERR_INIT;
    void *memory = arena_new(&l->policy->arena, n == 0 ? 1 : n, size, &err);

    if (memory == NULL)
        load_stop(l, &err);
    return memory;
}

const char *load_text(struct loader *l, struct bytes text)
{
    struct err err = ERR_INIT;
    const char *copy = arena_text(&l->policy->arena, text, &err);

    if (copy == NULL)
        load_stop(l, &err);
    return copy;
}

struct place load_member(const struct place *at, size_t i)
{
    const struct yaml_pair *pair = &at->node->pairs[i];

    return (struct place) {
        .parent = at, .key = pair->key->text, .node = pair->value, .name = pair->key
    };
}

struct place load_item(const struct place *at, size_t i)
{
    return (struct place) { .parent = at, .index = i, .node = at->node->items[i] };
}

/* --- Mappings --- */

/* Nearest known word so far; comparing costs, and a hostile file asks often. */
static void suggest(struct loader *l, struct suggest *near, const char *known)
{
    if (l->suggestions == 0)
        return;
    l->suggestions--;
    suggest_try(near, known);
}

static void known_words(struct buf *out, const struct load_fields *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < fields[i].n; k++)
            buf_addf(out, "%s%s", out->len == 0 ? "" : ", ", fields[i].items[k].name);
}

int load_unknown(struct loader *l, const struct place *at, const struct load_fields *fields,
                 size_t n, const char **meant)
{
    struct suggest near = suggest_begin((const char *)at->key.data, at->key.len);
    struct buf CLEANUP(buf_clear) known = BUF_INIT(KNOWN_SHOWN_MAX);

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < fields[i].n; k++)
            suggest(l, &near, fields[i].items[k].name);
    *meant = near.best;
    if (near.best != NULL)
        return load_wrong_key(l, at, "unknown key; did you mean \"%s\"?", near.best);
    known_words(&known, fields, n);
    return load_wrong_key(l, at, "unknown key; known here: %s", buf_text(&known));
}

int load_filled(struct loader *l, const struct place *at, enum yaml_kind kind)
{
    const char *what = kind == YAML_MAPPING ? "mapping" : "list";

    if (at->node->kind != kind)
        return load_wrong(l, at, "a %s is wanted here", what);
    if (at->node->n == 0)
        return load_wrong(l, at, "an empty %s says nothing; leave it out or fill it", what);
    return 0;
}

static const struct load_field *find_field(const struct load_field *items, size_t n,
                                           struct bytes key)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_is(key, items[i].name))
            return &items[i];
    return NULL;
}

/* What is not there, unless it was misspelt and told already. */
static int tell_missing(struct loader *l, const struct place *at, struct load_fields fields,
                        const char *const *meant, size_t n)
{
    int result = 0;

    for (size_t i = 0; i < fields.n; i++) {
        const struct load_field *field = &fields.items[i];
        bool told = !field->required || yaml_get(at->node, field->name) != NULL;
        for (size_t k = 0; k < n; k++)
            told |= strcmp(meant[k], field->name) == 0;
        if (!told)
            result = load_wrong(l, at, "%s is missing", field->name);
    }
    return result;
}

int load_mapping(struct loader *l, const struct place *at, struct load_fields fields, void *target)
{
    const char *meant[MEANT_MAX];
    size_t n_meant = 0;
    int result = 0;

    if (load_filled(l, at, YAML_MAPPING) != 0)
        return -1;
    for (size_t i = 0; i < at->node->n && !l->stopped; i++) {
        const struct place member = load_member(at, i);
        const struct load_field *field = find_field(fields.items, fields.n, member.key);
        const char *near = NULL;
        if (field != NULL ? field->read(l, &member, target) != 0
                          : load_unknown(l, &member, &fields, 1, &near) != 0)
            result = -1;
        if (near != NULL && n_meant < MEANT_MAX)
            meant[n_meant++] = near;
    }
    if (tell_missing(l, at, fields, meant, n_meant) != 0)
        result = -1;
    return l->stopped ? -1 : result;
}

size_t load_count(const struct yaml_node *mapping, const char *const *names, size_t n)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += yaml_get(mapping, names[i]) != NULL;
    return found;
}

/* --- Scalars --- */

int load_string(struct loader *l, const struct place *at)
{
    const struct yaml_node *node = at->node;

    if (node->kind == YAML_STRING && node->text.len > 0)
        return 0;
    if (node->kind == YAML_INT || node->kind == YAML_BOOL)
        return load_wrong(l, at, "a text is wanted here; put it in quotes");
    return load_wrong(l, at, "a text is wanted here%s",
                      node->kind == YAML_NULL || node->kind == YAML_STRING ? ", and none is written"
                                                                           : "");
}

int load_line(struct loader *l, const struct place *at, size_t max, const char **out)
{
    if (load_string(l, at) != 0)
        return -1;
    if (!text_plain(at->node->text))
        return load_wrong(l, at, "a text of one line, without control characters, is wanted here");
    if (at->node->text.len > max)
        return load_wrong(l, at, "longer than %zu bytes", max);
    *out = load_text(l, at->node->text);
    return *out == NULL ? -1 : 0;
}

static int wrong_word(struct loader *l, const struct place *at, const char *const *words, size_t n)
{
    const struct bytes text = at->node->text;
    struct suggest near = suggest_begin((const char *)text.data, text.len);
    struct buf CLEANUP(buf_clear) known = BUF_INIT(KNOWN_SHOWN_MAX);

    for (size_t i = 0; i < n; i++) {
        suggest(l, &near, words[i]);
        buf_addf(&known, "%s%s", i == 0 ? "" : ", ", words[i]);
    }
    if (near.best != NULL)
        return load_wrong(l, at, "\"%.64s\" is not known here; did you mean \"%s\"?",
                          (const char *)text.data, near.best);
    return load_wrong(l, at, "\"%.64s\" is not known here; known: %s", (const char *)text.data,
                      buf_text(&known));
}

int load_word(struct loader *l, const struct place *at, const char *const *words, size_t n,
              size_t *out)
{
    if (load_string(l, at) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (bytes_is(at->node->text, words[i])) {
            *out = i;
            return 0;
        }
    return wrong_word(l, at, words, n);
}

/* A number and its unit: no fractions, and not nothing, which would mean something else. */
int load_duration(struct loader *l, const struct place *at, int64_t *out)
{
    static const struct {
        uint8_t unit;
        int64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    const struct bytes text = at->node->text;
    uint64_t number = 0;
    int64_t unit = 0;

    if (load_string(l, at) != 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (text.data[text.len - 1] == units[i].unit)
            unit = units[i].seconds;
    if (unit == 0 ||
        decimal_parse(&number, bytes_part(text, 0, text.len - 1),
                      (uint64_t)(DURATION_DAYS_MAX * (int64_t)86400 / unit), NULL) != 0 ||
        number == 0)
        return load_wrong(l, at, "a number with its unit is wanted here: 30m, 24h, 7d; at most %dd",
                          DURATION_DAYS_MAX);
    *out = (int64_t)number * unit;
    return 0;
}

int load_date(struct loader *l, const struct place *at, int64_t *out)
{
    char midnight[] = "2026-12-31T00:00:00Z";
    const size_t day = strlen("2026-12-31");
    int64_t seconds = 0;

    if (load_string(l, at) != 0)
        return -1;
    if (at->node->text.len == day) {
        memcpy(midnight, at->node->text.data, day);
        if (time_parse(&seconds, bytes_text(midnight), NULL) != 0)
            seconds = 0;
    }
    if (seconds <= 0) /* 0 would mean without end */
        return load_wrong(l, at, "a day is wanted here, as 2026-12-31");
    *out = seconds;
    return 0;
}

/* --- Lists --- */

static int compare_items(const void *left, const void *right)
{
    const struct yaml_node *a = ((const struct place *)left)->node;
    const struct yaml_node *b = ((const struct place *)right)->node;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    const int order = strcmp((const char *)a->text.data, (const char *)b->text.data);
    if (order != 0)
        return order;
    return a->line != b->line ? a->line - b->line : a->column - b->column;
}

static bool is_scalar(const struct yaml_node *node)
{
    return node->kind != YAML_SEQUENCE && node->kind != YAML_MAPPING;
}

int load_unlike(struct loader *l, const struct place *at)
{
    struct err err = ERR_INIT;
    int result = 0;
    size_t n = 0;

    if (at->node->n < 2)
        return 0;
    struct place *CLEANUP(mem_freep) items = mem_new(at->node->n, sizeof(*items), &err);
    if (items == NULL)
        return load_stop(l, &err);
    for (size_t i = 0; i < at->node->n; i++)
        if (is_scalar(at->node->items[i]))
            items[n++] = load_item(at, i);
    qsort(items, n, sizeof(*items), compare_items);
    for (size_t i = 1; i < n; i++)
        if (items[i - 1].node->kind == items[i].node->kind &&
            bytes_equal(items[i - 1].node->text, items[i].node->text))
            result = load_wrong(l, &items[i], "stands here twice");
    return result;
}
