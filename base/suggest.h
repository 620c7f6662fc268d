#ifndef BULLA_BASE_SUGGEST_H
#define BULLA_BASE_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

#define SUGGEST_WORD_MAX 64 /* longer words are never suggested for */

/** A running search for the known word that a misspelt one was meant to be. */
struct suggest {
    const char *word; /* what was written, `len` bytes of it */
    size_t len;
    const char *best; /* nearest known word so far, or NULL: none is near */
    size_t distance;
};

/** Begin with the first `len` bytes of `word`, borrowed. */
struct suggest suggest_begin(const char *word, size_t len);

/** Consider one known word, borrowed. */
void suggest_try(struct suggest *s, const char *known);

#endif
