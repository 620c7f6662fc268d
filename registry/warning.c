#include <string.h>

#include "base/text.h"
#include "registry/registries_private.h"
#include "registry/warning.h"

/*
 * distribution-spec "Warnings": what a registry wants people to read, as RFC 7234 section 5.5 has
 * it: code 299, no agent, a quoted text. Shown once per text, and never acted on.
 */

#define WARNINGS_MAX 32 /* texts of one process: a registry may write a new one each time */

/* Behind the opening quote; *rest is what follows the closing one. False when there is none. */
static bool take_quoted(struct buf *out, struct bytes *rest)
{
    for (size_t i = 0; i < rest->len; i++) {
        uint8_t c = rest->data[i];
        if (c == '"') {
            *rest = bytes_part(*rest, i + 1, rest->len);
            return true;
        }
        if (c == '\\' && ++i < rest->len)
            c = rest->data[i];
        if (i < rest->len && out->len < WARNING_TEXT_MAX)
            buf_add_char(out, (char)c);
    }
    return false;
}

bool warning_next(struct buf *out, struct bytes *rest)
{
    static const char start[] = "299 - \"";

    buf_reset(out);
    while (rest->len > 0 && (rest->data[0] == ' ' || rest->data[0] == ','))
        *rest = bytes_part(*rest, 1, rest->len);
    if (!bytes_starts(*rest, start))
        return false;
    *rest = bytes_part(*rest, sizeof(start) - 1, rest->len);
    return take_quoted(out, rest) && out->len > 0;
}

/* Is it a new one? Short of memory it counts as old: nothing depends on it. */
static bool note(struct registries *r, const char *text)
{
    pthread_mutex_lock(&r->lock);
    bool fresh = r->warnings.n < WARNINGS_MAX && !names_have(&r->warnings, text) &&
                 names_add(&r->warnings, text, NULL) == 0;
    pthread_mutex_unlock(&r->lock);
    return fresh;
}

static void tell(struct registries *r, const char *host, struct bytes text)
{
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(4 * WARNING_TEXT_MAX);

    text_escape(&shown, text, WARNING_TEXT_MAX);
    if (shown.len > 0 && note(r, buf_text(&shown)))
        r->options.warn(r->options.observe_context, host, buf_text(&shown));
}

void registries_warn(struct registries *r, const char *host, const struct http_request *answer)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(2 * WARNING_TEXT_MAX);
    struct bytes value;

    if (r->options.warn == NULL || answer->err.code != ERR_NONE)
        return;
    for (size_t i = 0; (value = http_header(answer, "warning", i)).len > 0; i++)
        while (warning_next(&text, &value))
            tell(r, host, buf_bytes(&text));
}
