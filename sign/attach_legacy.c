#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/secret.h"
#include "evidence/dsse.h"
#include "evidence/simple_signing.h"
#include "sign/attach.h"

#define REWRITES_MAX 10 /* with this many a tag has lost every race: something else is wrong */
#define SIGHTINGS                                                                                  \
    2 /* of our layer, a pause between them (registry.md 4.5: no loss in 115 trials) */
#define PAUSE_MS 50 /* first pause; doubled and jittered */

/* One tag being extended. */
struct legacy {
    struct store *store;
    char tag[DIGEST_TAG_MAX];
    const struct legacy_layer *layer;
    char digest[DIGEST_TEXT_MAX]; /* of the layer's content */
    int64_t deadline;
};

struct legacy_layer legacy_signature(struct bytes payload, const char *signature)
{
    return (struct legacy_layer) {
        .suffix = ".sig",
        .media_type = TYPE_SIMPLE_SIGNING,
        .content = payload,
        .signature = signature,
    };
}

static int empty_manifest(struct jx **out, struct err *err)
{
    struct jx *CLEANUP(jx_freep) root = jx_object();

    if (root == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (jx_set(root, "schemaVersion", jx_int(2), err) != 0 ||
        jx_set_text(root, "mediaType", TYPE_OCI_MANIFEST, err) != 0 ||
        jx_set(root, "config", jx_object(), err) != 0 ||
        jx_set(root, "layers", jx_array(), err) != 0)
        return -1;
    *out = STEAL(root);
    return 0;
}

static int descriptor_set(struct jx *object, const char *media_type, struct bytes content,
                          struct digest *digest, struct err *err)
{
    char text[DIGEST_TEXT_MAX];

    if (digest_of(digest, HASH_SHA256, content, err) != 0)
        return -1;
    digest_format(text, digest);
    if (jx_set_text(object, "mediaType", media_type, err) != 0 ||
        jx_set(object, "size", jx_int((int64_t)content.len), err) != 0 ||
        jx_set_text(object, "digest", text, err) != 0)
        return -1;
    return 0;
}

static int add_layer(const struct legacy *l, struct jx *layers, struct err *err)
{
    struct jx *CLEANUP(jx_freep) layer = jx_object();
    struct jx *CLEANUP(jx_freep) annotations = jx_object();

    if (l->layer->content.len == 0)
        return 0;
    if (layer == NULL || annotations == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (jx_set_text(annotations, ANNOTATION_SIGNATURE, l->layer->signature, err) != 0 ||
        (l->layer->predicate_type != NULL &&
         jx_set_text(annotations, ANNOTATION_PREDICATE_TYPE, l->layer->predicate_type, err) != 0) ||
        jx_set_text(layer, "mediaType", l->layer->media_type, err) != 0 ||
        jx_set(layer, "size", jx_int((int64_t)l->layer->content.len), err) != 0 ||
        jx_set_text(layer, "digest", l->digest, err) != 0 ||
        jx_set(layer, "annotations", STEAL(annotations), err) != 0)
        return -1;
    return jx_append(layers, STEAL(layer), err);
}

static bool is_replaced(const struct legacy_layer *layer, const struct jx *descriptor)
{
    char text[DIGEST_TEXT_MAX];

    for (size_t i = 0; i < layer->n_replaces; i++) {
        digest_format(text, &layer->replaces[i]);
        if (bytes_is(jx_text(jx_get(descriptor, "digest")), text))
            return true;
    }
    return false;
}

static int drop_replaced(const struct legacy *l, struct jx *layers, struct err *err)
{
    for (size_t i = jx_size(layers); i > 0; i--)
        if (is_replaced(l->layer, jx_at(layers, i - 1)) && jx_remove(layers, i - 1, err) != 0)
            return -1;
    return 0;
}

/* The image config that cosign keeps beside its signatures: one history entry and one diff id per
 * layer. */
static int config_write(struct buf *out, const struct jx *layers, struct err *err)
{
    const size_t n = jx_size(layers);

    buf_add_text(out, "{\"architecture\":\"\",\"created\":\"0001-01-01T00:00:00Z\",\"history\":[");
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s{\"created\":\"0001-01-01T00:00:00Z\"}", i == 0 ? "" : ",");
    buf_add_text(out, "],\"os\":\"\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
    for (size_t i = 0; i < n; i++) {
        struct bytes digest = jx_text(jx_get(jx_at(layers, i), "digest"));
        buf_addf(out, "%s\"%.*s\"", i == 0 ? "" : ",", (int)digest.len, (const char *)digest.data);
    }
    buf_add_text(out, "]},\"config\":{}}");
    return buf_check(out, "signature config", err);
}

/* The tag as it stands: *root is NULL when there is none. Only a definite "not found" counts as
 * none. */
static int read_tag(struct jx **root, struct manifest *m, struct fetch *f, struct arena *arena,
                    struct err *err)
{
    *root = NULL;
    if (f->err.code == ERR_NOT_FOUND)
        return 0;
    if (f->err.code != ERR_NONE) {
        *err = f->err;
        return -1;
    }
    if (manifest_parse(m, buf_bytes(&f->body), f->media_type, arena, err) != 0)
        return err_wrap(err, "%s", f->tag);
    if (m->kind != MANIFEST_IMAGE)
        return err_set(err, ERR_CONFLICT, "%s: an index stands under this tag", f->tag);
    return jx_parse(root, buf_bytes(&f->body), err);
}

static bool is_ours(const struct legacy *l, const struct jx *layer)
{
    const struct jx *signature = jx_get(jx_get(layer, "annotations"), ANNOTATION_SIGNATURE);

    return bytes_is(jx_text(jx_get(layer, "digest")), l->digest) &&
           bytes_is(jx_text(signature), l->layer->signature);
}

/* Is the tag as it is to be: our layer there, and none that it replaces? */
static bool is_settled(const struct legacy *l, const struct jx *root)
{
    const struct jx *layers = jx_get(root, "layers");
    bool ours = l->layer->content.len == 0;

    for (size_t i = 0; i < jx_size(layers); i++) {
        const struct jx *layer = jx_at(layers, i);
        ours = ours || is_ours(l, layer);
        if (is_replaced(l->layer, layer))
            return false;
    }
    return ours;
}

static int put(const struct legacy *l, struct jx *root, struct err *err)
{
    struct buf CLEANUP(buf_clear) config = BUF_INIT(CONFIG_BLOB_MAX);
    struct buf CLEANUP(buf_clear) body = BUF_INIT(MANIFEST_MAX);
    struct jx *layers = jx_get(root, "layers");
    struct digest digest;
    char type[MEDIA_TYPE_MAX + 1];

    if (drop_replaced(l, layers, err) != 0 || add_layer(l, layers, err) != 0 ||
        config_write(&config, layers, err) != 0)
        return -1;
    struct bytes config_type = jx_text(jx_get(jx_get(root, "config"), "mediaType"));
    snprintf(type, sizeof(type), "%.*s", (int)config_type.len, (const char *)config_type.data);
    if (descriptor_set(jx_get(root, "config"), config_type.len == 0 ? TYPE_OCI_CONFIG : type,
                       buf_bytes(&config), &digest, err) != 0 ||
        jx_write(&body, root, JX_COMPACT, err) != 0)
        return -1;
    struct bytes media_type = jx_text(jx_get(root, "mediaType"));
    snprintf(type, sizeof(type), "%.*s", (int)media_type.len, (const char *)media_type.data);
    if ((l->layer->content.len > 0 &&
         store_put_bytes(l->store, l->layer->content, &digest, l->deadline, err) != 0) ||
        store_put_bytes(l->store, buf_bytes(&config), &digest, l->deadline, err) != 0)
        return -1;
    return store_put_manifest(l->store, l->tag, buf_bytes(&body), type, l->deadline, err);
}

static void pause_for(int round)
{
    uint8_t jitter;

    secret_random(&jitter, sizeof(jitter));
    long ms = ((long)PAUSE_MS << (round < 5 ? round : 5)) * (128 + jitter) / 256;
    clock_sleep(ms);
}

enum { LEGACY_ABSENT, LEGACY_PRESENT };

/* Read the tag; with `add`, extend and write it where our layer is missing. */
static int round_trip(const struct legacy *l, int *state, struct err *err)
{
    struct arena CLEANUP(arena_clear) scratch = ARENA_INIT(MANIFEST_MAX * 2);
    struct fetch CLEANUP(fetch_clear)
        f = { .what = FETCH_TAG, .tag = l->tag, .size = -1, .err = ERR_INIT };
    struct jx *CLEANUP(jx_freep) root = NULL;
    struct manifest m;

    store_fetch(l->store, &f, 1, l->deadline);
    if (read_tag(&root, &m, &f, &scratch, err) != 0)
        return -1;
    *state = LEGACY_PRESENT;
    if (is_settled(l, root))
        return 0;
    *state = LEGACY_ABSENT;
    if (root == NULL && empty_manifest(&root, err) != 0)
        return -1;
    if (jx_size(jx_get(root, "layers")) >= SIGNATURE_LAYERS_MAX + l->layer->n_replaces)
        return err_set(err, ERR_LIMIT, "%s: has %d layers already", l->tag, SIGNATURE_LAYERS_MAX);
    return put(l, root, err);
}

int attach_legacy(struct store *store, const struct digest *subject,
                  const struct legacy_layer *layer, int64_t deadline, struct err *err)
{
    struct legacy l = { .store = store, .layer = layer, .deadline = deadline };
    int sightings = 0, rewrites = 0, state;
    struct digest content;

    if (digest_of(&content, HASH_SHA256, layer->content, err) != 0)
        return -1;
    digest_format(l.digest, &content);
    digest_tag(l.tag, subject, layer->suffix);
    for (int round = 0; sightings < SIGHTINGS; round++) {
        if (round > 0)
            pause_for(rewrites);
        if (round_trip(&l, &state, err) != 0)
            return -1;
        sightings = state == LEGACY_PRESENT ? sightings + 1 : 0;
        rewrites += state == LEGACY_ABSENT;
        if (rewrites > REWRITES_MAX)
            return err_set(err, ERR_CONFLICT, "%s: other writers kept replacing the tag", l.tag);
    }
    return 0;
}
