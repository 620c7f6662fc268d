#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "registry/client_private.h"

/*
 * Making a manifest discoverable as a referrer: through the API where there is one, else in the
 * index under the fallback tag (distribution-spec "Pushing manifests with a subject").
 *
 * There is no compare-and-swap, so writers lose each other's entries. The rule that lost none in
 * the measurements of registry.md 4.5: write, pause at random, read again; done when the entry was
 * seen SIGHTINGS times in a row; written anew from a fresh read when it is missing. Only a clean
 * 404 before anything was seen means "no index yet".
 */
#define SIGHTINGS 2
#define PAUSE_MS 100  /* base; at least four round trips */
#define REWRITES 10   /* then it is reported */
#define READ_TRIES 20 /* of reads that fail while others write */
#define REFERRER_ARENA_MAX (32 * MIB)

struct listing {
    struct client *client;
    char tag[DIGEST_TAG_MAX];
    struct jx *entry; /* the descriptor to be listed; NULL: `digest` is not to be listed */
    struct digest digest;
    int64_t deadline;
    int64_t pause_ms;
    bool existed; /* the index was seen or written by us */
};

/* Jittered between half and one and a half, doubled with each round up to eight times. */
static int rest(const struct listing *l, int round, struct err *err)
{
    uint32_t random;
    int64_t ms = l->pause_ms << (round < 3 ? round : 3);

    secret_random(&random, sizeof(random));
    ms = ms / 2 + (int64_t)(random % (uint32_t)(ms + 1));
    if (clock_millis() + ms > l->deadline)
        return err_set(err, ERR_DEADLINE, "no time left");
    clock_sleep(ms);
    return 0;
}

/* --- The index --- */

static struct jx *new_index(void)
{
    struct jx *CLEANUP(jx_freep) index = jx_object();

    if (jx_set(index, "schemaVersion", jx_int(2), NULL) != 0 ||
        jx_set_text(index, "mediaType", TYPE_OCI_INDEX, NULL) != 0 ||
        jx_set(index, "manifests", jx_array(), NULL) != 0)
        return NULL;
    return STEAL(index);
}

/* Whatever else is in the document is kept. */
static int parse_index(struct jx **out, struct bytes body, struct err *err)
{
    struct jx *CLEANUP(jx_freep) index = NULL;

    if (jx_parse(&index, body, err) != 0)
        return -1;
    const struct jx *type = jx_get(index, "mediaType");
    if (jx_kind(jx_get(index, "manifests")) != JX_ARRAY ||
        (type != NULL && !bytes_is(jx_text(type), TYPE_OCI_INDEX)))
        return err_set(err, ERR_CONFLICT, "holds something else than a list of referrers");
    *out = STEAL(index);
    return 0;
}

/* Where the index (NULL: none) lists the digest; its size when it does not. */
static size_t index_find(const struct jx *index, const struct digest *digest)
{
    const struct jx *manifests = jx_get(index, "manifests");
    const size_t n = jx_size(manifests);
    char text[DIGEST_TEXT_MAX];
    size_t i = 0;

    digest_format(text, digest);
    while (i < n && !bytes_is(jx_text(jx_get(jx_at(manifests, i), "digest")), text))
        i++;
    return i;
}

static bool index_lists(const struct jx *index, const struct digest *digest)
{
    return index_find(index, digest) < jx_size(jx_get(index, "manifests"));
}

/* As it is to be. */
static int edit_index(const struct listing *l, struct jx *index, struct err *err)
{
    struct jx *manifests = jx_get(index, "manifests");

    if (l->entry != NULL)
        return jx_append(manifests, jx_copy(l->entry), err);
    while (index_lists(index, &l->digest))
        if (jx_remove(manifests, index_find(index, &l->digest), err) != 0)
            return -1;
    return 0;
}

/* What a read said. */
enum reading { READ_INDEX, READ_NOTHING, READ_AGAIN, READ_FAILED };

static enum reading read_once(struct jx **out, struct listing *l, struct err *err)
{
    struct fetch CLEANUP(fetch_clear) f = { .what = FETCH_TAG, .tag = l->tag, .size = -1 };

    client_fetch(&l->client->store, &f, 1, l->deadline);
    if (f.err.code == ERR_NONE) {
        if (parse_index(out, buf_bytes(&f.body), err) != 0) {
            err_wrap(err, "tag %s", l->tag);
            return READ_FAILED;
        }
        l->existed = true;
        return READ_INDEX;
    }
    err_set(err, f.err.code, "%s", err_text(&f.err));
    if (f.err.code == ERR_NOT_FOUND && !l->existed)
        return READ_NOTHING;
    /* Measured: while the tag is rewritten, reads may answer 500, or 404. */
    return f.err.code == ERR_NOT_FOUND || f.err.code == ERR_NETWORK || f.err.code == ERR_INVALID
               ? READ_AGAIN
               : READ_FAILED;
}

/* *out is NULL when there is no index yet. */
static int read_index(struct jx **out, struct listing *l, struct err *err)
{
    *out = NULL;
    for (int i = 0; i < READ_TRIES; i++) {
        switch (read_once(out, l, err)) {
        case READ_INDEX:
        case READ_NOTHING:
            err_reset(err);
            return 0;
        case READ_FAILED:
            return -1;
        case READ_AGAIN:
            break;
        }
        if (rest(l, 0, err) != 0)
            return -1;
    }
    return -1;
}

static int write_index(struct listing *l, struct jx *index, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(MANIFEST_MAX);
    struct manifest_put put = { .tag = l->tag, .media_type = TYPE_OCI_INDEX, .once = true };
    struct pushed pushed;

    if (edit_index(l, index, err) != 0 || jx_write(&text, index, JX_COMPACT, err) != 0 ||
        buf_check(&text, "list of referrers", err) != 0)
        return -1;
    put.body = buf_bytes(&text);
    l->existed = true;
    return push_manifest(&pushed, l->client, &put, l->deadline, err);
}

/* Read, and write when the index is not as it is to be. *settled: it was. */
static int round_of(struct listing *l, bool *settled, struct err *err)
{
    struct jx *CLEANUP(jx_freep) index = NULL;
    struct err failure = ERR_INIT;

    *settled = false;
    if (read_index(&index, l, err) != 0)
        return -1;
    if (index_lists(index, &l->digest) == (l->entry != NULL)) {
        *settled = true;
        return 0;
    }
    if (index == NULL)
        index = new_index();
    if (index == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (write_index(l, index, &failure) == 0)
        return 0;
    /* Somebody else writes at the same time: the next round sees what came of it. */
    if (failure.code == ERR_NETWORK || failure.code == ERR_CONFLICT)
        return 0;
    return err_set(err, failure.code, "%s", err_text(&failure));
}

static int settle(struct listing *l, struct err *err)
{
    int64_t started = clock_millis();
    bool settled;
    int seen = 0;

    if (round_of(l, &settled, err) != 0)
        return -1;
    if (settled) /* by an earlier run */
        return 0;
    int64_t trips = 2 * (clock_millis() - started); /* a read and a write: twice that is four */
    l->pause_ms = trips > PAUSE_MS ? trips : PAUSE_MS;
    for (int rewrites = 1; rewrites <= REWRITES;) {
        if (rest(l, rewrites - 1, err) != 0 || round_of(l, &settled, err) != 0)
            return -1;
        seen = settled ? seen + 1 : 0;
        rewrites += settled ? 0 : 1;
        if (seen == SIGHTINGS)
            return 0;
    }
    return err_set(err, ERR_CONFLICT, "the entry was overwritten %d times", REWRITES);
}

static int make_entry(struct jx **out, const struct manifest *m, struct bytes body,
                      const struct digest *digest, struct err *err)
{
    struct jx *CLEANUP(jx_freep) entry = jx_object();
    struct jx *annotations = NULL;
    char text[DIGEST_TEXT_MAX];

    digest_format(text, digest);
    if (jx_set_text(entry, "mediaType", m->media_type, err) != 0 ||
        jx_set_text(entry, "digest", text, err) != 0 ||
        jx_set(entry, "size", jx_int((int64_t)body.len), err) != 0 ||
        (m->artifact_type != NULL &&
         jx_set_text(entry, "artifactType", m->artifact_type, err) != 0))
        return -1;
    if (m->annotations.kind == JSON_OBJECT &&
        (jx_parse(&annotations, m->annotations.raw, err) != 0 ||
         jx_set(entry, "annotations", annotations, err) != 0))
        return -1;
    *out = STEAL(entry);
    return 0;
}

/* Threads of this process need not race each other. */
static int settle_alone(struct listing *l, const struct digest *subject, struct err *err)
{
    struct endpoint *e = &l->client->original;
    struct buf CLEANUP(buf_clear) key = BUF_INIT(REFERENCE_MAX);

    digest_tag(l->tag, subject, "");
    buf_addf(&key, "%s/%s:%s", e->host, e->repository, l->tag);
    if (buf_check(&key, "tag", err) != 0 ||
        registries_enter(e->registries, buf_text(&key), l->deadline, err) != 0)
        return -1;
    int result = settle(l, err);
    registries_leave(e->registries, buf_text(&key));
    return result;
}

static int list_in_tag(struct client *c, const struct manifest *m, struct bytes body,
                       int64_t deadline, struct err *err)
{
    struct jx *CLEANUP(jx_freep) entry = NULL;
    struct listing l = { .client = c, .deadline = deadline, .pause_ms = PAUSE_MS };

    if (digest_of(&l.digest, HASH_SHA256, body, err) != 0 ||
        make_entry(&entry, m, body, &l.digest, err) != 0)
        return -1;
    l.entry = entry;
    return settle_alone(&l, &m->subject->digest, err);
}

/* --- The API --- */

/* registry.md 4.4: some registries have sent OCI-Subject without having the API. Asked once per
 * repository. */
static int api_is_real(bool *yes, struct client *c, const struct digest *subject, int64_t deadline,
                       struct err *err)
{
    struct registries *r = c->original.registries;
    struct fetch CLEANUP(fetch_clear)
        f = { .what = FETCH_REFERRERS, .digest = *subject, .size = -1 };
    struct buf CLEANUP(buf_clear) key = BUF_INIT(REFERENCE_MAX);

    *yes = false;
    buf_addf(&key, "%s/%s", c->original.host, c->original.repository);
    if (buf_check(&key, "repository", err) != 0)
        return -1;
    if (registries_knows(r, &r->indexing, buf_text(&key))) {
        *yes = true;
        return 0;
    }
    client_fetch(&c->store, &f, 1, deadline);
    if (f.err.code == ERR_UNSUPPORTED)
        return 0;
    if (f.err.code != ERR_NONE)
        return err_set(err, f.err.code, "%s", err_text(&f.err));
    *yes = true;
    return registries_note(r, &r->indexing, buf_text(&key), err);
}

int client_put_referrer(struct store *s, struct bytes body, const char *media_type,
                        int64_t deadline, struct err *err)
{
    struct client *c = (struct client *)s;
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(REFERRER_ARENA_MAX);
    const struct manifest_put put = { NULL, body, media_type, false };
    struct pushed pushed;
    struct manifest m;
    bool api = false;
    char text[DIGEST_TEXT_MAX];

    if (manifest_parse(&m, body, media_type, &arena, err) != 0)
        return -1;
    if (m.subject == NULL)
        return err_set(err, ERR_MALFORMED, "the manifest has no subject");
    if (push_manifest(&pushed, c, &put, deadline, err) != 0)
        return -1;
    bool told = pushed.has_subject && digest_equal(&pushed.subject, &m.subject->digest);
    int result = told ? api_is_real(&api, c, &m.subject->digest, deadline, err) : 0;
    if (result == 0 && !api)
        result = list_in_tag(c, &m, body, deadline, err);
    if (result == 0)
        return 0;
    digest_format(text, &pushed.digest);
    return err_wrap(err, "stored as %s, but it could not be confirmed that it is listed", text);
}

int client_remove_referrer(struct store *s, const struct digest *subject,
                           const struct digest *referrer, int64_t deadline, struct err *err)
{
    struct client *c = (struct client *)s;
    struct listing l = {
        .client = c, .digest = *referrer, .deadline = deadline, .pause_ms = PAUSE_MS
    };
    struct fetch CLEANUP(fetch_clear)
        f = { .what = FETCH_REFERRERS, .digest = *subject, .size = -1 };
    struct err why = ERR_INIT;
    char text[DIGEST_TEXT_MAX];

    if (settle_alone(&l, subject, err) != 0)
        return -1;
    if (client_delete_manifest(s, referrer, deadline, &why) == 0 || why.code == ERR_NOT_FOUND)
        return 0;
    client_fetch(s, &f, 1, deadline);
    if (f.err.code == ERR_UNSUPPORTED) /* no API: what the tag does not list is not found */
        return 0;
    digest_format(text, referrer);
    *err = why;
    return err_wrap(err, "referrer %s stays", text);
}
