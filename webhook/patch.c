#include "webhook/patch.h"

#include "base/text.h"

static const struct decision *pin_of(const struct decisions *pins,
                                     const struct review_subject *subject)
{
    for (size_t i = 0; i < pins->n; i++)
        if (pins->items[i].subject == subject && pins->items[i].resolved &&
            pins->items[i].verdict == VERDICT_ALLOW)
            return &pins->items[i];
    return NULL;
}

static void add_pin(struct buf *out, const struct kube_image *image, const struct digest *digest)
{
    struct buf CLEANUP(buf_clear) pinned = BUF_INIT(2 * REFERENCE_MAX);
    char text[DIGEST_TEXT_MAX];

    digest_format(text, digest);
    buf_addf(&pinned, "%s@%s", image->reference, text);
    buf_add_text(out, "{\"op\":\"replace\",\"path\":");
    text_json(out, bytes_text(image->pointer));
    buf_add_text(out, ",\"value\":");
    text_json(out, buf_bytes(&pinned));
    buf_add_char(out, '}');
    if (pinned.state != BUF_FINE)
        out->state = pinned.state;
}

int patch_write(struct buf *out, const struct decisions *pins, struct err *err)
{
    const struct review *review = pins->setting.review;
    const char *separator = "[";

    for (size_t i = 0; i < review->n_fields && pins->n > 0; i++) {
        const struct review_field *field = &review->fields[i];
        const struct decision *pin =
            field->unchanged ? NULL : pin_of(pins, &review->subjects[field->subject]);
        if (pin == NULL)
            continue;
        buf_add_text(out, separator);
        add_pin(out, field->image, &pin->digest);
        separator = ",";
    }
    if (separator[0] == ',')
        buf_add_char(out, ']');
    return buf_check(out, "patch", err);
}
