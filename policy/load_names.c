/* Names that are defined once and referred to by rules. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/suggest.h"
#include "base/text.h"
#include "policy/load_private.h"

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const struct name *)left)->text, ((const struct name *)right)->text);
}

int load_names(struct loader *l, struct name_table *out, const struct yaml_node *mapping)
{
    struct name *sorted = load_new(l, mapping->n, sizeof(*sorted));
    bool *used = load_new(l, mapping->n, sizeof(*used));

    if (sorted == NULL || used == NULL)
        return -1;
    for (size_t i = 0; i < mapping->n; i++) {
        sorted[i] = (struct name) { load_text(l, mapping->pairs[i].key->text), i };
        if (sorted[i].text == NULL)
            return -1;
    }
    qsort(sorted, mapping->n, sizeof(*sorted), compare_names);
    *out = (struct name_table) { sorted, used, mapping->n };
    return 0;
}

int load_defined(struct loader *l, const struct place *at, const char **out)
{
    *out = load_text(l, at->key);
    if (*out == NULL)
        return -1;
    if (at->key.len == 0 || at->key.len > POLICY_NAME_MAX || !text_plain(at->key))
        return load_wrong_key(l, at, "a name has 1 to %d bytes and no control characters",
                              POLICY_NAME_MAX);
    return 0;
}

static const struct name *find_name(const struct name_table *table, const char *text)
{
    const struct name wanted = { text, 0 };

    if (table->n == 0)
        return NULL;
    return bsearch(&wanted, table->sorted, table->n, sizeof(wanted), compare_names);
}

/* The name that was meant counts as used: one slip is one finding. */
static int unknown_name(struct loader *l, const struct place *at, struct name_table *table,
                        const char *what)
{
    const struct bytes text = at->node->text;
    struct suggest near = suggest_begin((const char *)text.data, text.len);

    for (size_t i = 0; i < table->n && l->suggestions > 0; i++, l->suggestions--)
        suggest_try(&near, table->sorted[i].text);
    if (near.best == NULL)
        return load_wrong(l, at, "no %s is named \"%.64s\"", what, (const char *)text.data);
    table->used[find_name(table, near.best)->index] = true;
    return load_wrong(l, at, "no %s is named \"%.64s\"; did you mean \"%s\"?", what,
                      (const char *)text.data, near.best);
}

int load_named(struct loader *l, const struct place *at, struct name_table *table, const char *what,
               size_t *out)
{
    if (load_string(l, at) != 0) {
        l->leaf_lost = true;
        return -1;
    }
    const struct name *name = find_name(table, (const char *)at->node->text.data);
    if (name == NULL)
        return unknown_name(l, at, table, what);
    table->used[name->index] = true;
    *out = name->index;
    return 0;
}
