#ifndef BULLA_KEYS_PEM_H
#define BULLA_KEYS_PEM_H

#include "base/bytes.h"

/** One PEM block (RFC 7468); everything borrows from the text. */
struct pem {
    struct bytes label;  /* "PUBLIC KEY" */
    struct bytes body;   /* base64 with its line breaks */
    struct bytes before; /* text before the block */
    struct bytes after;  /* text after it */
};

/** Find the first block. -1 with ERR_CONFIG: there is none, the label is not upper-case ASCII, no
 * matching END line, RFC 1421 headers (ERR_UNSUPPORTED: old encryption of OpenSSL). */
int pem_find(struct pem *out, struct bytes text, struct err *err) MUST_CHECK;

/** How many bytes pem_decode() may need. */
size_t pem_decoded_max(const struct pem *pem);

/** Decode the body into out[max]; spaces and line breaks are skipped, all else is strict. -1 with
 * ERR_CONFIG, also for an empty body. */
int pem_decode(uint8_t *out, size_t max, size_t *len, const struct pem *pem,
               struct err *err) MUST_CHECK;

/** Append a block: 64 columns, LF. */
void pem_write(struct buf *out, const char *label, struct bytes data);

bool pem_blank(struct bytes text); /* nothing but white space */

#endif
