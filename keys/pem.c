#include "keys/pem.h"

#include <sodium.h>
#include <string.h>

#include "base/text.h"

#define LABEL_MAX 64
#define LINE_BYTES 48 /* 64 columns */

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";

/* Where `mark` stands at the start of a line, or text.len. */
static size_t line_start(struct bytes text, const char *mark)
{
    size_t len = strlen(mark);

    for (size_t at = 0; at + len <= text.len;) {
        if (bytes_starts(bytes_part(text, at, len), mark))
            return at;
        const uint8_t *lf = memchr(text.data + at, '\n', text.len - at);
        if (lf == NULL)
            return text.len;
        at = (size_t)(lf - text.data) + 1;
    }
    return text.len;
}

/* The label and what follows the line; blanks may follow the dashes. */
static bool take_label(struct bytes *text, struct bytes *label)
{
    size_t n = 0;

    while (n < text->len && n <= LABEL_MAX &&
           (text->data[n] == ' ' || (text->data[n] >= '0' && text->data[n] <= '9') ||
            (text->data[n] >= 'A' && text->data[n] <= 'Z')))
        n++;
    struct bytes rest = bytes_part(*text, n, text->len - n);
    if (n == 0 || n > LABEL_MAX || !bytes_starts(rest, dashes))
        return false;
    *label = bytes_part(*text, 0, n);
    rest = bytes_part(rest, sizeof(dashes) - 1, rest.len);
    while (rest.len > 0 && strchr(" \t\r", rest.data[0]) != NULL && rest.data[0] != 0)
        rest = bytes_part(rest, 1, rest.len - 1);
    if (rest.len > 0 && rest.data[0] != '\n')
        return false;
    *text = bytes_part(rest, 1, rest.len);
    return true;
}

int pem_find(struct pem *out, struct bytes text, struct err *err)
{
    struct pem pem = { .label = BYTES_NONE };
    struct bytes end_label;

    *out = pem;
    size_t at = line_start(text, begin_mark);
    if (at == text.len)
        return err_set(err, ERR_CONFIG, "not PEM: no BEGIN line");
    pem.before = bytes_part(text, 0, at);
    struct bytes rest = bytes_part(text, at + sizeof(begin_mark) - 1, text.len);
    if (!take_label(&rest, &pem.label))
        return err_set(err, ERR_CONFIG, "not PEM: the BEGIN line is damaged");
    at = line_start(rest, end_mark);
    if (at == rest.len)
        return err_set(err, ERR_CONFIG, "not PEM: no END line");
    pem.body = bytes_part(rest, 0, at);
    rest = bytes_part(rest, at + sizeof(end_mark) - 1, rest.len);
    if (!take_label(&rest, &end_label) || !bytes_equal(pem.label, end_label))
        return err_set(err, ERR_CONFIG, "not PEM: the END line does not match the BEGIN line");
    if (pem.body.len > 0 && memchr(pem.body.data, ':', pem.body.len) != NULL)
        return err_set(err, ERR_UNSUPPORTED,
                       "PEM with headers is not supported: convert it to PKCS#8");
    pem.after = rest;
    *out = pem;
    return 0;
}

size_t pem_decoded_max(const struct pem *pem)
{
    return pem->body.len / 4 * 3 + 3;
}

int pem_decode(uint8_t *out, size_t max, size_t *len, const struct pem *pem, struct err *err)
{
    *len = 0;
    if (pem->body.len == 0)
        return err_set(err, ERR_CONFIG, "not PEM: the body is empty");
    if (sodium_base642bin(out, max, (const char *)pem->body.data, pem->body.len, " \t\r\n", len,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        *len = 0;
        return err_set(err, ERR_CONFIG, "not PEM: the body is not base64");
    }
    return *len > 0 ? 0 : err_set(err, ERR_CONFIG, "not PEM: the body is empty");
}

void pem_write(struct buf *out, const char *label, struct bytes data)
{
    buf_addf(out, "%s%s%s\n", begin_mark, label, dashes);
    for (size_t at = 0; at < data.len; at += LINE_BYTES) {
        base64_encode(out, bytes_part(data, at, LINE_BYTES), BASE64_STANDARD);
        buf_add_char(out, '\n');
    }
    buf_addf(out, "%s%s%s\n", end_mark, label, dashes);
}

bool pem_blank(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\r' &&
            text.data[i] != '\n')
            return false;
    return true;
}
