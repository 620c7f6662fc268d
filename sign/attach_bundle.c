#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "evidence/bundle.h"
#include "sign/attach.h"

#define EMPTY_CONFIG "{}"

int attach_created(int64_t *seconds, struct err *err)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    uint64_t value;

    *seconds = clock_seconds();
    if (epoch == NULL)
        return 0;
    if (decimal_parse(&value, bytes_text(epoch), INT64_MAX, err) != 0) {
        err_reset(err);
        return err_set(err, ERR_USAGE, "SOURCE_DATE_EPOCH: not a number of seconds");
    }
    *seconds = (int64_t)value;
    return 0;
}

/* Members in cosign's order; config.artifactType is what `cosign clean` knows bundle referrers by.
 */
static int manifest_write(struct buf *out, const struct resolved *subject,
                          const struct bundle_referrer *what, struct err *err)
{
    struct digest layer, config;
    char layer_text[DIGEST_TEXT_MAX], config_text[DIGEST_TEXT_MAX], subject_text[DIGEST_TEXT_MAX];
    char time[TIME_TEXT_MAX];

    if (digest_of(&layer, HASH_SHA256, what->bundle, err) != 0 ||
        digest_of(&config, HASH_SHA256, BYTES_LIT(EMPTY_CONFIG), err) != 0)
        return -1;
    digest_format(layer_text, &layer);
    digest_format(config_text, &config);
    digest_format(subject_text, &subject->digest);
    time_format(time, what->created);
    buf_addf(out,
             "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_MANIFEST
             "\",\"config\":{\"mediaType\":\"" TYPE_OCI_EMPTY
             "\",\"size\":2,\"digest\":\"%s\",\"artifactType\":\"" TYPE_BUNDLE
             "\"},\"layers\":[{\"mediaType\":\"" TYPE_BUNDLE
             "\",\"size\":%zu,\"digest\":\"%s\"}],\"annotations\":{\"" ANNOTATION_BUNDLE_CONTENT
             "\":\"%s\"",
             config_text, what->bundle.len, layer_text,
             what->predicate_type == NULL ? "message-signature" : "dsse-envelope");
    if (what->predicate_type != NULL) {
        buf_add_text(out, ",\"" ANNOTATION_BUNDLE_PREDICATE "\":");
        text_json(out, bytes_text(what->predicate_type));
    }
    buf_addf(out,
             ",\"org.opencontainers.image.created\":\"%s\"},\"subject\":{\"mediaType\":", time);
    text_json(out, bytes_text(subject->media_type));
    buf_addf(out, ",\"size\":%lld,\"digest\":\"%s\"},\"artifactType\":\"" TYPE_BUNDLE "\"}",
             (long long)subject->size, subject_text);
    return buf_check(out, "referrer manifest", err);
}

int attach_bundle(struct store *store, const struct resolved *subject,
                  const struct bundle_referrer *what, int64_t deadline, struct err *err)
{
    struct buf CLEANUP(buf_clear) manifest = BUF_INIT(MANIFEST_MAX);
    struct digest digest;

    if (manifest_write(&manifest, subject, what, err) != 0 ||
        store_put_bytes(store, what->bundle, &digest, deadline, err) != 0 ||
        store_put_bytes(store, BYTES_LIT(EMPTY_CONFIG), &digest, deadline, err) != 0)
        return -1;
    return store_put_referrer(store, buf_bytes(&manifest), TYPE_OCI_MANIFEST, deadline, err);
}
