/* The list of what is wrong with a policy, and the list of its keys. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "policy/load.h"

void policy_findings_clear(struct policy_findings *findings)
{
    arena_clear(&findings->arena);
    free(findings->items);
    *findings = (struct policy_findings)POLICY_FINDINGS_INIT;
}

static bool comes_after(const struct policy_finding *a, const struct policy_finding *b)
{
    return a->line != b->line ? a->line > b->line : a->column > b->column;
}

int policy_finding_add(struct policy_findings *findings, const struct policy_finding *finding,
                       struct err *err)
{
    struct policy_finding copy = *finding;
    void *array = findings->items;
    size_t at = findings->n;

    copy.path = arena_text(&findings->arena, bytes_text(finding->path), err);
    copy.text = arena_text(&findings->arena, bytes_text(finding->text), err);
    if (copy.path == NULL || copy.text == NULL)
        return -1;
    const int grown =
        mem_grow(&array, &findings->cap, findings->n, sizeof(copy), POLICY_FINDINGS_MAX, err);
    findings->items = array;
    if (grown != 0)
        return -1;
    while (at > 0 && comes_after(&findings->items[at - 1], &copy))
        at--;
    memmove(&findings->items[at + 1], &findings->items[at], (findings->n - at) * sizeof(copy));
    findings->items[at] = copy;
    findings->n++;
    findings->errors += copy.level == FINDING_ERROR;
    return 0;
}

void policy_finding_format(struct buf *out, const char *file, const struct policy_finding *finding)
{
    buf_add_text(out, file);
    if (finding->line > 0)
        buf_addf(out, ":%d:%d", finding->line, finding->column);
    buf_addf(out, ": %s%s%s", finding->path, finding->path[0] == '\0' ? "" : ": ", finding->text);
}

void policy_keys_clear(struct policy_keys *keys)
{
    for (size_t i = 0; i < keys->n; i++)
        public_key_free(keys->keys[i]);
    free(keys->keys);
    *keys = (struct policy_keys) { .keys = NULL };
}
