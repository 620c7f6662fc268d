#include "evidence/statement.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "evidence/annotations.h"

int statement_parse(struct statement *out, struct bytes payload, struct arena *arena,
                    struct err *err)
{
    struct json_view root, type, subjects, predicate_type, predicate;
    const struct json_member members[] = {
        { "_type", &type, JSON_STRING, true },
        { "subject", &subjects, JSON_ARRAY, true },
        { "predicateType", &predicate_type, JSON_STRING, true },
        { "predicate", &predicate, JSON_ABSENT, false },
    };

    *out = (struct statement) { 0 };
    if (json_scan(&root, payload, err) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_REFUSED, "statement", err) != 0)
        return -1;
    if (!json_string_is(type, BYTES_LIT(STATEMENT_V1)) &&
        !json_string_is(type, BYTES_LIT(STATEMENT_V0_1)))
        return err_set(err, ERR_MALFORMED, "statement: _type is not a known in-toto Statement");
    if (predicate.kind == JSON_NULL_VALUE)
        predicate = JSON_VIEW_NONE;
    /* cosign's `--type spdx` signs a document's text (sigstore.md 4.3): nobody else has a string */
    const bool text =
        predicate.kind == JSON_STRING && json_string_is(predicate_type, BYTES_LIT(PREDICATE_SPDX));
    if (predicate.kind != JSON_OBJECT && predicate.kind != JSON_ABSENT && !text)
        return err_set(err, ERR_MALFORMED, "statement: predicate: not an object");
    size_t count = json_count(subjects);
    if (count == 0)
        return err_set(err, ERR_MALFORMED, "statement: no subject");
    if (count > STATEMENT_SUBJECTS_MAX)
        return err_set(err, ERR_LIMIT, "statement: more than %d subjects", STATEMENT_SUBJECTS_MAX);
    if (json_arena_text(&out->predicate_type, predicate_type, "predicateType", arena, err) != 0)
        return -1;
    out->root = root;
    out->subjects = subjects;
    out->predicate = predicate;
    return 0;
}

/* ResourceDescriptor (in-toto attestation v1): closed, as the reference verifier reads it */
static int subject_parse(struct json_view subject, struct json_view *digests,
                         struct json_view *annotations, struct err *err)
{
    struct json_view name, uri, content, location, media_type;
    const struct json_member members[] = {
        { "digest", digests, JSON_OBJECT, true },
        { "annotations", annotations, JSON_OBJECT, false },
        { "name", &name, JSON_STRING, false },
        { "uri", &uri, JSON_STRING, false },
        { "content", &content, JSON_STRING, false },
        { "downloadLocation", &location, JSON_STRING, false },
        { "mediaType", &media_type, JSON_STRING, false },
    };

    if (json_members(subject, members, ARRAY_LEN(members), JSON_REST_REFUSED, "subject", err) != 0)
        return -1;
    if (json_count(*digests) > SUBJECT_DIGESTS_MAX)
        return err_set(err, ERR_LIMIT, "subject: more than %d digests", SUBJECT_DIGESTS_MAX);
    return 0;
}

/* DigestSet: the algorithm of the image's digest is the one that is compared; names were unique in
 * the scan */
static bool digests_match(struct json_view digests, const struct digest *digest)
{
    char text[DIGEST_TEXT_MAX];
    struct json_view name, value;

    digest_format(text, digest);
    struct bytes algorithm = bytes_text(hash_name(digest->alg));
    struct bytes hex = bytes_text(text + algorithm.len + 1);
    for (struct json_walk walk = json_walk(digests); json_next(&walk, &name, &value);)
        if (json_string_is(name, algorithm))
            return json_string_is(value, hex);
    return false;
}

int statement_subject(const struct statement *statement, const struct digest *digest,
                      struct annotation **annotations, size_t *n, struct arena *arena,
                      struct err *err)
{
    struct json_view subject, digests, claims;
    struct json_view found = JSON_VIEW_NONE;
    bool matched = false;

    *annotations = NULL;
    *n = 0;
    for (struct json_walk walk = json_walk(statement->subjects);
         json_next(&walk, NULL, &subject);) {
        if (subject_parse(subject, &digests, &claims, err) != 0)
            return -1;
        if (!matched && digests_match(digests, digest)) {
            matched = true;
            found = claims;
        }
    }
    if (!matched)
        return err_set(err, ERR_INVALID, "no subject of the statement has this image's digest");
    return annotations_parse(annotations, n, found, arena, err);
}

static void write_digest(struct buf *out, const struct digest *digest)
{
    char text[DIGEST_TEXT_MAX];
    const char *algorithm = hash_name(digest->alg);

    digest_format(text, digest);
    buf_addf(out, "\"digest\":{\"%s\":\"%s\"}", algorithm, text + strlen(algorithm) + 1);
}

void statement_begin(struct buf *out, const char *predicate_type, struct bytes repository,
                     const struct digest *digest)
{
    buf_add_text(out, "{\"_type\":\"" STATEMENT_V0_1 "\",\"subject\":[{\"name\":");
    text_json(out, repository);
    buf_add_char(out, ',');
    write_digest(out, digest);
    buf_add_text(out, "}],\"predicateType\":");
    text_json(out, bytes_text(predicate_type));
    buf_add_text(out, ",\"predicate\":");
}

void statement_end(struct buf *out)
{
    buf_add_char(out, '}');
}

int statement_write_signature(struct buf *out, const struct digest *digest,
                              const struct annotation *annotations, size_t n, struct err *err)
{
    buf_add_text(out, "{\"_type\":\"" STATEMENT_V1 "\",\"subject\":[{");
    write_digest(out, digest);
    buf_add_text(out, ",\"annotations\":{");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        text_json(out, bytes_text(annotations[i].name));
        buf_add_char(out, ':');
        text_json(out, bytes_text(annotations[i].value));
    }
    buf_add_text(out, "}}],\"predicateType\":\"" PREDICATE_COSIGN_SIGN "\",\"predicate\":{}}");
    return buf_check(out, "statement", err);
}
