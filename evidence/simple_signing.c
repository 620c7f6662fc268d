#include "evidence/simple_signing.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_pull.h"
#include "base/limits.h"
#include "base/text.h"
#include "evidence/annotations.h"

int simple_signing_parse(struct simple_signing *out, struct bytes payload, struct arena *arena,
                         struct err *err)
{
    struct json_view root, critical, identity, image, type, optional, reference, digest;
    struct buf CLEANUP(buf_clear) text = BUF_INIT(REFERENCE_MAX);

    *out = (struct simple_signing) { 0 };
    const struct json_member top[] = {
        { "critical", &critical, JSON_OBJECT, true },
        { "optional", &optional, JSON_OBJECT, false },
    };
    const struct json_member inner[] = {
        { "identity", &identity, JSON_OBJECT, true },
        { "image", &image, JSON_OBJECT, true },
        { "type", &type, JSON_STRING, true },
    };
    const struct json_member name[] = { { "docker-reference", &reference, JSON_STRING, true } };
    const struct json_member subject[] = { { "docker-manifest-digest", &digest, JSON_STRING,
                                             true } };

    /* containers-signature(5): further members are for others to read */
    if (json_scan(&root, payload, err) != 0 ||
        json_members(root, top, ARRAY_LEN(top), JSON_REST_IGNORED, "payload", err) != 0 ||
        json_members(critical, inner, ARRAY_LEN(inner), JSON_REST_IGNORED, "critical", err) != 0 ||
        json_members(identity, name, ARRAY_LEN(name), JSON_REST_IGNORED, "identity", err) != 0 ||
        json_members(image, subject, ARRAY_LEN(subject), JSON_REST_IGNORED, "image", err) != 0 ||
        json_string(&text, digest, "docker-manifest-digest", err) != 0 ||
        digest_parse(&out->digest, buf_bytes(&text), err) != 0)
        return -1;
    if (json_arena_text(&out->repository, reference, "docker-reference", arena, err) != 0 ||
        json_arena_text(&out->type, type, "type", arena, err) != 0)
        return -1;
    return annotations_parse(&out->annotations, &out->n_annotations, optional, arena, err);
}

/* Go's encoding/json with HTML escaping: '<' '>' '&' and U+2028, U+2029 as \u escapes, other text
 * as it is. */
static void add_go_string(struct buf *out, struct bytes text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c == '\n')
            buf_add_text(out, "\\n");
        else if (c == '\r')
            buf_add_text(out, "\\r");
        else if (c == '\t')
            buf_add_text(out, "\\t");
        else if (c == '\b')
            buf_add_text(out, "\\b");
        else if (c == '\f')
            buf_add_text(out, "\\f");
        else if (c < 0x20 || c == '<' || c == '>' || c == '&')
            buf_addf(out, "\\u%04x", c);
        else if (c == 0xe2 && i + 2 < text.len && text.data[i + 1] == 0x80 &&
                 (text.data[i + 2] == 0xa8 || text.data[i + 2] == 0xa9)) {
            buf_add_text(out, text.data[i + 2] == 0xa8 ? "\\u2028" : "\\u2029");
            i += 2;
        } else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct annotation *)a)->name, ((const struct annotation *)b)->name);
}

static int add_optional(struct buf *out, const struct annotation *annotations, size_t n,
                        struct err *err)
{
    if (n == 0) {
        buf_add_text(out, "null");
        return 0;
    }
    struct annotation *CLEANUP(mem_freep) sorted = mem_new(n, sizeof(*sorted), err);
    if (sorted == NULL)
        return -1;
    memcpy(sorted, annotations, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_name);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(sorted[i - 1].name, sorted[i].name) == 0)
            return err_set(err, ERR_USAGE, "annotation '%s' is given twice", sorted[i].name);
        buf_add_char(out, i == 0 ? '{' : ',');
        add_go_string(out, bytes_text(sorted[i].name));
        buf_add_char(out, ':');
        add_go_string(out, bytes_text(sorted[i].value));
    }
    buf_add_char(out, '}');
    return 0;
}

int simple_signing_write(struct buf *out, struct bytes repository, const struct digest *digest,
                         const struct annotation *annotations, size_t n, struct err *err)
{
    char text[DIGEST_TEXT_MAX];

    digest_format(text, digest);
    buf_add_text(out, "{\"critical\":{\"identity\":{\"docker-reference\":");
    add_go_string(out, repository);
    buf_addf(out,
             "},\"image\":{\"docker-manifest-digest\":\"%s\"},\"type\":\"" SIMPLE_SIGNING_CLAIM
             "\"},",
             text);
    buf_add_text(out, "\"optional\":");
    if (add_optional(out, annotations, n, err) != 0)
        return -1;
    buf_add_char(out, '}');
    return buf_check(out, "payload", err);
}
