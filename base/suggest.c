#include "base/suggest.h"

#include <string.h>

#define NEAR 2 /* edits; a transposition counts as two */

struct suggest suggest_begin(const char *word, size_t len)
{
    return (struct suggest) { word, len, NULL, NEAR + 1 };
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance, one row of the table at a time. Both words fit the row. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[SUGGEST_WORD_MAX + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 0; i < a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = least(change, least(row[j], row[j + 1]) + 1);
        }
    }
    return row[b_len];
}

void suggest_try(struct suggest *s, const char *known)
{
    size_t len = strlen(known);

    if (s->len > SUGGEST_WORD_MAX || len > SUGGEST_WORD_MAX || len < NEAR)
        return;
    size_t edits = distance(s->word, s->len, known, len);
    /* Half of a short word changed is another word. */
    if (edits >= s->distance || edits >= len)
        return;
    s->best = known;
    s->distance = edits;
}
