#include "evidence/fact.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

const char *evidence_layout_name(enum evidence_layout layout)
{
    switch (layout) {
    case LAYOUT_LEGACY:
        return "legacy";
    case LAYOUT_BUNDLE:
        return "bundle";
    }
    return "unknown";
}

void fact_set_init(struct fact_set *set)
{
    *set = (struct fact_set) { .arena = ARENA_INIT(FACTS_BYTES_MAX), .incomplete = ERR_INIT };
}

void fact_set_clear(struct fact_set *set)
{
    free(set->facts);
    arena_clear(&set->arena);
    fact_set_init(set);
}

const char *fact_annotation(const struct fact *fact, const char *name)
{
    for (size_t i = 0; i < fact->n_annotations; i++)
        if (strcmp(fact->annotations[i].name, name) == 0)
            return fact->annotations[i].value;
    return NULL;
}
