/* The tree of demands under `require` (policy.md principle 4). */
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "policy/distinct.h"
#include "policy/load_private.h"

#define ANNOTATION_MAX 4096 /* of one value */

static int read_signer_name(struct loader *l, const struct place *at, void *target)
{
    struct requirement *leaf = target;
    size_t i;

    if (load_named(l, at, &l->signers, "signer", &i) != 0)
        return -1;
    leaf->signer = &l->policy->signers[i];
    return 0;
}

static int read_check_name(struct loader *l, const struct place *at, void *target)
{
    struct requirement *leaf = target;
    size_t i;

    if (load_named(l, at, &l->checks, "check", &i) != 0)
        return -1;
    leaf->check = &l->policy->checks[i];
    return 0;
}

static int read_annotations(struct loader *l, const struct place *at, void *target)
{
    struct requirement *leaf = target;
    int result = 0;

    if (load_filled(l, at, YAML_MAPPING) != 0)
        return -1;
    if (at->node->n > ANNOTATIONS_MAX)
        return load_wrong(l, at, "more than %d annotations", ANNOTATIONS_MAX);
    struct annotation *annotations = load_new(l, at->node->n, sizeof(*annotations));
    if (annotations == NULL)
        return -1;
    for (size_t i = 0; i < at->node->n && !l->stopped; i++) {
        const struct place member = load_member(at, i);
        if (load_defined(l, &member, &annotations[i].name) != 0 ||
            load_line(l, &member, ANNOTATION_MAX, &annotations[i].value) != 0)
            result = -1;
    }
    leaf->annotations = annotations;
    leaf->n_annotations = at->node->n;
    return result;
}

static int read_repository(struct loader *l, const struct place *at, void *target)
{
    static const char *const words[] = { "same" };
    size_t word;

    if (load_word(l, at, words, ARRAY_LEN(words), &word) != 0)
        return -1;
    ((struct requirement *)target)->same_repository = true;
    return 0;
}

/* `all`, `any`, `of`: one demand or more. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document, YAML_DEPTH_MAX */
static int read_children(struct loader *l, const struct place *at, void *target)
{
    struct requirement *r = target;
    int result = 0;

    if (load_filled(l, at, YAML_SEQUENCE) != 0) {
        l->leaf_lost = true;
        return -1;
    }
    struct requirement *children = load_new(l, at->node->n, sizeof(*children));
    if (children == NULL)
        return -1;
    for (size_t i = 0; i < at->node->n && !l->stopped; i++) {
        const struct place item = load_item(at, i);
        if (load_requirement(l, &item, &children[i]) != 0)
            result = -1;
    }
    r->children = children;
    r->n = at->node->n;
    return result;
}

static int read_at_least(struct loader *l, const struct place *at, void *target)
{
    if (at->node->kind != YAML_INT || at->node->integer < 1 ||
        at->node->integer > AT_LEAST_LEAVES_MAX)
        return load_wrong(l, at, "a number from 1 to %d is wanted here", AT_LEAST_LEAVES_MAX);
    ((struct requirement *)target)->at_least = (size_t)at->node->integer;
    return 0;
}

static const struct load_field signed_fields[] = { { "signed", read_signer_name, true },
                                                   { "annotations", read_annotations, false },
                                                   { "repository", read_repository, false } };
static const struct load_field attested_fields[] = { { "attested", read_check_name, true },
                                                     { "by", read_signer_name, true } };
static const struct load_field all_fields[] = { { "all", read_children, true } };
static const struct load_field any_fields[] = { { "any", read_children, true } };
static const struct load_field at_least_fields[] = { { "atLeast", read_at_least, true },
                                                     { "of", read_children, true } };

/* By enum require_kind; the first key of each tells which it is. */
static const struct load_fields forms[] = {
    [REQUIRE_SIGNED] = { signed_fields, ARRAY_LEN(signed_fields) },
    [REQUIRE_ATTESTED] = { attested_fields, ARRAY_LEN(attested_fields) },
    [REQUIRE_ALL] = { all_fields, ARRAY_LEN(all_fields) },
    [REQUIRE_ANY] = { any_fields, ARRAY_LEN(any_fields) },
    [REQUIRE_AT_LEAST] = { at_least_fields, ARRAY_LEN(at_least_fields) },
};
#define KINDS "signed, attested, all, any or atLeast"

static bool known_anywhere(struct bytes key)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        for (size_t k = 0; k < forms[i].n; k++)
            if (bytes_is(key, forms[i].items[k].name))
                return true;
    return false;
}

/* None of the words that say what is demanded: the misspelt ones are told, or that it is missing.
 */
static int no_form(struct loader *l, const struct place *at)
{
    bool misspelt = false;
    const char *meant;

    for (size_t i = 0; i < at->node->n; i++) {
        const struct place member = load_member(at, i);
        if (known_anywhere(member.key))
            continue;
        misspelt = true;
        (void)load_unknown(l, &member, forms, ARRAY_LEN(forms), &meant);
    }
    return misspelt ? -1 : load_wrong(l, at, "one of " KINDS " is wanted here");
}

static int check_leaves(struct loader *l, const struct place *at, const struct requirement *r)
{
    const struct yaml_node *of = yaml_get(at->node, "of");

    if (r->n > AT_LEAST_LEAVES_MAX)
        return load_wrong(l, at, "atLeast goes over more than %d demands", AT_LEAST_LEAVES_MAX);
    if (r->at_least > r->n)
        return load_wrong(l, at, "atLeast %zu of %zu can never be", r->at_least, r->n);
    for (size_t i = 0; i < r->n; i++) {
        const struct place list = { .parent = at, .key = BYTES_LIT("of"), .node = of };
        const struct place item = load_item(&list, i);
        if (r->children[i].kind != REQUIRE_SIGNED && r->children[i].kind != REQUIRE_ATTESTED)
            return load_wrong(l, &item, "atLeast counts signed and attested only");
    }
    return 0;
}

/* Which of the forms it has, and how many. */
static size_t find_form(enum require_kind *kind, const struct yaml_node *node)
{
    size_t n = 0;

    *kind = REQUIRE_SIGNED;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (yaml_get(node, forms[i].items[0].name) == NULL)
            continue;
        *kind = (enum require_kind)i;
        n++;
    }
    return n;
}

/* Is everything there that tells whom the demand uses? */
static bool is_told(const struct yaml_node *node, struct load_fields form)
{
    for (size_t i = 0; i < form.n; i++)
        if (form.items[i].required && yaml_get(node, form.items[i].name) == NULL)
            return false;
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document, YAML_DEPTH_MAX */
int load_requirement(struct loader *l, const struct place *at, struct requirement *out)
{
    const size_t n = find_form(&out->kind, at->node);

    out->line = at->node->line;
    out->column = at->node->column;
    l->leaf_lost |= n != 1 || !is_told(at->node, forms[out->kind]);
    if (load_filled(l, at, YAML_MAPPING) != 0)
        return -1;
    if (n == 0)
        return no_form(l, at);
    if (n > 1)
        return load_wrong(l, at, "only one of " KINDS " in each demand");
    if (load_mapping(l, at, forms[out->kind], out) != 0)
        return -1;
    return out->kind == REQUIRE_AT_LEAST ? check_leaves(l, at, out) : 0;
}
