#include "base/hash.h"
#include "base/limits.h"
#include "engine/lookups_private.h"

/* Whoever asks the same of the same place with the same trust has the same key, and nobody else:
 * every field is there with its length or a size of its own. */

#define KEY_TEXT_MAX (16 * KIB) /* a reference and a predicate type are less */

static void add_size(struct buf *out, size_t n)
{
    const uint64_t size = n;

    buf_add(out, &size, sizeof(size));
}

static void add_text(struct buf *out, struct bytes text)
{
    add_size(out, text.len);
    buf_add_bytes(out, text);
}

static void add_flag(struct buf *out, bool flag)
{
    buf_add_char(out, flag ? '1' : '0');
}

static void add_digest(struct buf *out, const struct digest *digest)
{
    char text[DIGEST_TEXT_MAX];

    digest_format(text, digest);
    add_text(out, bytes_text(text));
}

static void add_plan(struct buf *out, const struct asking *asking)
{
    const struct plan *plan = &asking->selection->plan;

    add_flag(out, plan->signatures);
    add_flag(out, plan->statements);
    add_flag(out, plan->predicate_type != NULL);
    add_text(out, bytes_text(plan->predicate_type));
    add_size(out, asking->source->engine.max_statement);
    add_flag(out, asking->selection->index);
    add_flag(out, asking->selection->platforms);
}

int lookup_key(uint8_t out[LOOKUP_KEY_SIZE], const struct asking *asking, enum step_kind kind,
               const struct digest *digest, struct err *err)
{
    const struct reference *image = asking->image.reference;
    struct buf CLEANUP(buf_clear) name = BUF_INIT(KEY_TEXT_MAX);
    struct buf CLEANUP(buf_clear) text = BUF_INIT(2 * KEY_TEXT_MAX);

    reference_name(&name, image);
    buf_add(&text, asking->source->trust, sizeof(asking->source->trust));
    add_flag(&text, asking->identity != NULL);
    if (asking->identity != NULL)
        buf_add(&text, asking->identity, LOOKUPS_IDENTITY_SIZE);
    buf_add_char(&text, kind == STEP_TAG ? 't' : 'f');
    add_text(&text, buf_bytes(&name));
    add_flag(&text, digest != NULL);
    if (digest != NULL)
        add_digest(&text, digest);
    else
        add_text(&text, bytes_text(image->tag));
    if (kind == STEP_FACTS)
        add_plan(&text, asking);
    if (buf_check(&name, "key of a look-up", err) != 0 ||
        buf_check(&text, "key of a look-up", err) != 0)
        return -1;
    return hash_bytes(out, HASH_SHA256, buf_bytes(&text), err);
}
