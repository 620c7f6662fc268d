#ifndef BULLA_TESTS_UNIT_COLLECT_H
#define BULLA_TESTS_UNIT_COLLECT_H

/* What tests of collecting share: referrers and layers in a store in memory. cmocka's headers come
 * first, in the including file. */

#include "evidence/bundle.h"
#include "evidence/collect.h"
#include "evidence/simple_signing.h"
#include "evidence/statement.h"
#include "tests/unit/expect.h"
#include "tests/unit/fake_store.h"

#define HEX "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"
#define FALLBACK "sha256-" HEX
#define SUBJECT                                                                                    \
    ",\"subject\":{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"sha256:" HEX               \
    "\",\"size\":2}"
#define OTHER_SUBJECT                                                                              \
    ",\"subject\":{\"mediaType\":\"" TYPE_OCI_MANIFEST                                             \
    "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","   \
    "\"size\":2}"
#define CONFIG                                                                                     \
    "{\"mediaType\":\"" TYPE_OCI_EMPTY                                                             \
    "\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\","   \
    "\"size\":2}"
#define TYPED ",\"artifactType\":\"" TYPE_BUNDLE "\""
#define SIGNED_WITH(predicate)                                                                     \
    ",\"annotations\":{\"" ANNOTATION_BUNDLE_CONTENT                                               \
    "\":\"dsse-envelope\",\"" ANNOTATION_BUNDLE_PREDICATE "\":\"" predicate "\"}"
#define SIGNATURE_ANNOTATIONS SIGNED_WITH(PREDICATE_COSIGN_SIGN)
#define SLSA_ANNOTATIONS SIGNED_WITH("https://slsa.dev/provenance/v1")

static const struct plan signatures = { .signatures = true };

static inline void collect(struct evidence_set *set, struct fake_store *store,
                           const struct plan *plan)
{
    struct digest digest;
    struct err err = ERR_INIT;

    assert_int_equal(digest_parse(&digest, BYTES_LIT("sha256:" HEX), NULL), 0);
    EXPECT_OK(evidence_collect(set, &store->store, &digest, plan, 0, &err), &err);
}

/* A referrer's manifest around a blob, in the store and in the list. */
struct referrer {
    const char *content;    /* of its layer */
    const char *layer_type; /* "" stands for a bundle's */
    const char *subject;
    const char *listed; /* further members of the list's descriptor */
    size_t size;        /* of the layer as the manifest says; 0: the real one */
};

static inline void make_manifest(struct buf *out, const struct referrer *r, const char *digest)
{
    const char *type = r->layer_type == NULL ? TYPE_BUNDLE : r->layer_type;

    buf_addf(out,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"config\":" CONFIG
             ",\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]%s}",
             type, digest, r->size > 0 ? r->size : strlen(r->content),
             r->subject == NULL ? SUBJECT : r->subject);
}

static inline void add_referrer(struct fake_store *store, struct fake_list *list,
                                const struct referrer *r)
{
    struct buf CLEANUP(buf_clear) manifest = BUF_INIT(64 * KIB);
    char digest[DIGEST_TEXT_MAX];

    fake_content(store, FETCH_BLOB, r->content, "", digest);
    make_manifest(&manifest, r, digest);
    fake_content(store, FETCH_MANIFEST, buf_text(&manifest), TYPE_OCI_MANIFEST, digest);
    fake_list_add(list, digest, manifest.len, r->listed);
}

static inline void expect_bundle(const struct evidence_set *set, const char *content)
{
    assert_int_equal(set->n, 1);
    assert_int_equal(set->items[0].form, EVIDENCE_BUNDLE);
    assert_int_equal(set->items[0].layout, LAYOUT_BUNDLE);
    EXPECT_BUF(&set->items[0].content, content);
    assert_null(set->items[0].signature);
    assert_non_null(strstr(set->items[0].where, "referrer sha256:"));
}

/* The manifest under one of cosign's tags. */
struct layers {
    struct buf text;
    size_t n;
};

#define LAYERS_INIT                                                                                \
    {                                                                                              \
        .text = BUF_INIT(MANIFEST_MAX)                                                             \
    }

static inline void layers_clear(struct layers *layers)
{
    buf_clear(&layers->text);
}

/* A layer with one annotation, or, for a NULL value, without. */
static inline void add_annotated(struct layers *layers, const char *digest, size_t size,
                                 const char *name, const char *value)
{
    if (layers->n++ == 0)
        buf_add_text(&layers->text, "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST
                                    "\",\"config\":" CONFIG ",\"layers\":[");
    else
        buf_add_char(&layers->text, ',');
    buf_addf(&layers->text, "{\"mediaType\":\"text/plain\",\"digest\":\"%s\",\"size\":%zu", digest,
             size);
    if (value != NULL)
        buf_addf(&layers->text, ",\"annotations\":{\"%s\":\"%s\"}", name, value);
    buf_add_char(&layers->text, '}');
}

static inline void add_layer(struct layers *layers, const char *digest, size_t size,
                             const char *signature)
{
    add_annotated(layers, digest, size, ANNOTATION_SIGNATURE, signature);
}

static inline void tag_layers(struct fake_store *store, struct layers *layers, const char *tag)
{
    buf_add_text(&layers->text, "]}");
    assert_int_equal(buf_check(&layers->text, "layers", NULL), 0);
    fake_tag(store, tag, buf_text(&layers->text), TYPE_OCI_MANIFEST);
}

#endif
