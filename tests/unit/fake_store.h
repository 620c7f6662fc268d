#ifndef BULLA_TESTS_UNIT_FAKE_STORE_H
#define BULLA_TESTS_UNIT_FAKE_STORE_H

/* A store in memory with scripted answers. What has no answer is not there; without a page given,
 * there is no referrers API. cmocka's headers come first, in the including file. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "registry/store.h"

struct fake_answer {
    enum fetch_what what;
    char key[DIGEST_TAG_MAX]; /* tag, digest, or page */
    enum err_code code;
    char *body;
    const char *media_type;
    char *next;
};

struct fake_store {
    struct store store;
    struct fake_answer *answers;
    size_t n;
    size_t asked;   /* questions */
    size_t rounds;  /* calls */
    size_t largest; /* ceiling asked for, of blobs */
};

static inline void fake_key(char out[DIGEST_TAG_MAX], const struct fetch *f)
{
    char digest[DIGEST_TEXT_MAX];

    digest_format(digest, &f->digest);
    if (f->what == FETCH_TAG)
        snprintf(out, DIGEST_TAG_MAX, "%s", f->tag);
    else if (f->what == FETCH_REFERRERS)
        snprintf(out, DIGEST_TAG_MAX, "%s", f->page == NULL ? "" : f->page);
    else
        snprintf(out, DIGEST_TAG_MAX, "%s", digest);
}

static inline void fake_fetch_one(struct fake_store *s, struct fetch *f)
{
    char key[DIGEST_TAG_MAX];
    const struct fake_answer *found = NULL;
    size_t max = f->max > 0 ? f->max : MANIFEST_MAX;

    s->asked++;
    if (f->what == FETCH_BLOB && max > s->largest)
        s->largest = max;
    fake_key(key, f);
    for (size_t i = 0; i < s->n && found == NULL; i++)
        if (s->answers[i].what == f->what && strcmp(s->answers[i].key, key) == 0)
            found = &s->answers[i];
    err_reset(&f->err);
    f->media_type[0] = '\0';
    if (found == NULL)
        err_set(&f->err, f->what == FETCH_REFERRERS ? ERR_UNSUPPORTED : ERR_NOT_FOUND, "not here");
    else if (found->code != ERR_NONE)
        err_set(&f->err, found->code, "scripted");
    else if (strlen(found->body) > max || (f->size >= 0 && (size_t)f->size > max))
        err_set(&f->err, ERR_LIMIT, "larger than is asked for");
    if (f->err.code != ERR_NONE)
        return;
    f->body = (struct buf)BUF_INIT(max);
    buf_add_text(&f->body, found->body);
    snprintf(f->media_type, sizeof(f->media_type), "%s", found->media_type);
    /* tests of short memory meet these too */
    if (buf_check(&f->body, "body", &f->err) != 0 ||
        digest_of(&f->found, HASH_SHA256, buf_bytes(&f->body), &f->err) != 0)
        return;
    f->next = found->next == NULL ? NULL : mem_text(bytes_text(found->next), &f->err);
}

static inline void fake_fetch(struct store *store, struct fetch *fetches, size_t n,
                              int64_t deadline)
{
    struct fake_store *s = (struct fake_store *)store;

    (void)deadline;
    s->rounds++;
    for (size_t i = 0; i < n; i++)
        fake_fetch_one(s, &fetches[i]);
}

static const struct store_ops fake_ops = { .fetch = fake_fetch };

static inline void fake_init(struct fake_store *s)
{
    *s = (struct fake_store) { .store.ops = &fake_ops };
}

static inline void fake_clear(struct fake_store *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->answers[i].body);
        free(s->answers[i].next);
    }
    free(s->answers);
}

static inline struct fake_answer *fake_add(struct fake_store *s, enum fetch_what what,
                                           const char *key)
{
    s->answers = realloc(s->answers, (s->n + 1) * sizeof(*s->answers));
    assert_non_null(s->answers);
    struct fake_answer *added = &s->answers[s->n++];
    *added = (struct fake_answer) { .what = what };
    snprintf(added->key, sizeof(added->key), "%s", key);
    return added;
}

/** Content by digest. Gives the digest as text. */
static inline void fake_content(struct fake_store *s, enum fetch_what what, const char *body,
                                const char *media_type, char digest[DIGEST_TEXT_MAX])
{
    struct digest of;

    assert_int_equal(digest_of(&of, HASH_SHA256, bytes_text(body), NULL), 0);
    digest_format(digest, &of);
    struct fake_answer *added = fake_add(s, what, digest);
    added->body = strdup(body);
    added->media_type = media_type;
}

static inline void fake_tag(struct fake_store *s, const char *tag, const char *body,
                            const char *media_type)
{
    struct fake_answer *added = fake_add(s, FETCH_TAG, tag);

    added->body = strdup(body);
    added->media_type = media_type;
}

/** A page of the referrers list: "" is the first. */
static inline void fake_page(struct fake_store *s, const char *page, const char *body,
                             const char *next)
{
    struct fake_answer *added = fake_add(s, FETCH_REFERRERS, page);

    added->body = strdup(body);
    added->media_type = TYPE_OCI_INDEX;
    added->next = next == NULL ? NULL : strdup(next);
}

static inline void fake_fail(struct fake_store *s, enum fetch_what what, const char *key,
                             enum err_code code)
{
    fake_add(s, what, key)->code = code;
}

/* --- Lists of descriptors --- */

struct fake_list {
    struct buf text;
    size_t n;
};

#define FAKE_LIST_INIT                                                                             \
    {                                                                                              \
        .text = BUF_INIT(8 * MIB)                                                                  \
    }

static inline void fake_list_clear(struct fake_list *list)
{
    buf_clear(&list->text);
}

/** `rest` is further members, each with a comma in front. */
static inline void fake_list_add(struct fake_list *list, const char *digest, size_t size,
                                 const char *rest)
{
    if (list->n++ == 0)
        buf_add_text(&list->text,
                     "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\",\"manifests\":[");
    else
        buf_add_char(&list->text, ',');
    buf_addf(&list->text,
             "{\"mediaType\":\"" TYPE_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu%s}", digest,
             size, rest);
}

/** The whole index. */
static inline const char *fake_list_end(struct fake_list *list)
{
    if (list->n == 0)
        buf_add_text(&list->text,
                     "{\"schemaVersion\":2,\"mediaType\":\"" TYPE_OCI_INDEX "\",\"manifests\":[");
    buf_add_text(&list->text, "]}");
    assert_int_equal(buf_check(&list->text, "list", NULL), 0);
    return buf_text(&list->text);
}

/** `n` descriptors of nothing that exists, told apart by `seed`. */
static inline void fake_list_junk(struct fake_list *list, size_t n, size_t seed, const char *rest)
{
    char digest[DIGEST_TEXT_MAX];

    for (size_t i = 0; i < n; i++) {
        snprintf(digest, sizeof(digest), "sha256:%032zx%032zx", seed, i);
        fake_list_add(list, digest, 2, rest);
    }
}

#endif
