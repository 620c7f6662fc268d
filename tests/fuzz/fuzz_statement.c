/* Aims at statement_parse() and statement_subject() in evidence/statement.c. A subject matches
 * exactly where the digest's text stands under its algorithm. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "evidence/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

/* Is the digest named by one of the subjects, read in another way than the code does? */
static bool names(const struct statement *s, struct bytes algorithm, struct bytes hex)
{
    struct json_view subject, name, value, digests;

    for (struct json_walk walk = json_walk(s->subjects); json_next(&walk, NULL, &subject);)
        for (struct json_walk in = json_walk(subject); json_next(&in, &name, &value);) {
            if (!json_string_is(name, BYTES_LIT("digest")))
                continue;
            digests = value;
            for (struct json_walk set = json_walk(digests); json_next(&set, &name, &value);)
                if (json_string_is(name, algorithm) && json_string_is(value, hex))
                    return true;
        }
    return false;
}

static void match(const struct statement *s, const char *text)
{
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(8 * MIB);
    const char *colon = strchr(text, ':');
    const struct bytes algorithm = { (const uint8_t *)text, (size_t)(colon - text) };
    struct annotation *annotations;
    struct digest digest;
    size_t n;
    struct err err = ERR_INIT;

    need(digest_parse(&digest, bytes_text(text), NULL) == 0);
    int r = statement_subject(s, &digest, &annotations, &n, &arena, &err);
    if (r == 0 || err.code == ERR_INVALID)
        need((r == 0) == names(s, algorithm, bytes_text(colon + 1)));
    if (r == 0)
        need(n <= ANNOTATIONS_MAX && (n == 0 || annotations != NULL));
    else
        need(n == 0 && annotations == NULL && err.code != ERR_NONE);
}

#define HEX "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_clear) struct arena arena = ARENA_INIT(8 * MIB);
    struct statement statement;
    struct err err = ERR_INIT;

    if (statement_parse(&statement, (struct bytes) { data, size }, &arena, &err) != 0) {
        need(err.code == ERR_MALFORMED || err.code == ERR_LIMIT);
        need(statement.predicate_type == NULL && statement.subjects.kind == JSON_ABSENT);
        return 0;
    }
    need(err.code == ERR_NONE && statement.predicate_type != NULL);
    need(json_count(statement.subjects) <= STATEMENT_SUBJECTS_MAX);
    need(statement.predicate.kind == JSON_OBJECT || statement.predicate.kind == JSON_ABSENT);
    match(&statement, "sha256:" HEX);
    match(&statement, "sha512:" HEX HEX);
    return 0;
}
