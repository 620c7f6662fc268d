#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/client_private.h"

/* --- Batches --- */

static void start(struct fetch *f)
{
    err_reset(&f->err);
    f->body = (struct buf)BUF_INIT(f->max > 0 ? f->max : MANIFEST_MAX);
    f->media_type[0] = '\0';
    f->found = (struct digest) { .alg = HASH_SHA256 };
    f->next = NULL;
}

static void fail_chosen(struct fetch *fetches, const size_t *which, size_t n, const struct err *why)
{
    for (size_t i = 0; i < n; i++)
        fetches[which[i]].err = *why;
}

/* One wave to one endpoint for the fetches that `which` names. */
static void fetch_from(struct endpoint *e, struct fetch *fetches, const size_t *which, size_t n,
                       int64_t deadline)
{
    struct err why = ERR_INIT;
    struct call *CLEANUP(mem_freep) calls = n > 0 ? mem_new(n, sizeof(*calls), &why) : NULL;

    if (calls == NULL) {
        fail_chosen(fetches, which, n, &why);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (fetch_request(&calls[i], e, &fetches[which[i]], &why) != 0)
            calls[i].http.err = why;
    calls_send(e, calls, n, deadline);
    for (size_t i = 0; i < n; i++) {
        fetch_result(&fetches[which[i]], &calls[i], e);
        call_clear(&calls[i]);
    }
}

/* Mirrors hold what a digest names; a tag and a list are the original's own word. */
static bool from_mirror(const struct fetch *f)
{
    return f->what == FETCH_MANIFEST || f->what == FETCH_BLOB;
}

/* The fetches that a mirror may answer and none has yet. */
static size_t still_wanted(size_t *which, const struct fetch *fetches, size_t n, bool first)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        if (from_mirror(&fetches[i]) && (first || fetches[i].err.code != ERR_NONE))
            which[count++] = i;
    return count;
}

static void ask_mirrors(struct client *c, struct fetch *fetches, size_t n, size_t *which,
                        int64_t deadline)
{
    for (size_t m = 0; m < c->n_mirrors; m++) {
        size_t count = still_wanted(which, fetches, n, m == 0);
        for (size_t i = 0; i < count; i++)
            err_reset(&fetches[which[i]].err);
        if (count > 0)
            fetch_from(&c->mirrors[m], fetches, which, count, deadline);
    }
}

/* What is known without asking: this host has no referrers API (registry.md 4.2: found out by
 * behaviour, once per host). */
static bool known_already(const struct client *c, struct fetch *f)
{
    if (f->what != FETCH_REFERRERS || f->page != NULL ||
        !registries_lacks_referrers(c->original.registries, c->original.wire))
        return false;
    err_set(&f->err, ERR_UNSUPPORTED, "%s has no referrers API", c->original.host);
    return true;
}

/* registry.md 3.4: a HEAD that does not tell the digest is asked again with GET. */
static void ask_again(struct client *c, struct fetch *f, int64_t deadline)
{
    struct fetch CLEANUP(fetch_clear) whole = { .what = FETCH_TAG, .tag = f->tag, .size = -1 };
    const size_t first = 0;

    start(&whole);
    fetch_from(&c->original, &whole, &first, 1, deadline);
    f->err = whole.err;
    f->found = whole.found;
}

void client_fetch(struct store *s, struct fetch *fetches, size_t n, int64_t deadline)
{
    static const struct digest none;
    struct client *c = (struct client *)s;
    struct err why = ERR_INIT;
    size_t *CLEANUP(mem_freep) which = mem_new(n > 0 ? n : 1, sizeof(*which), &why);
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        start(&fetches[i]);
        if (which == NULL)
            fetches[i].err = why;
    }
    if (which == NULL)
        return;
    ask_mirrors(c, fetches, n, which, deadline);
    for (size_t i = 0; i < n; i++)
        if ((c->n_mirrors == 0 || !from_mirror(&fetches[i]) || fetches[i].err.code != ERR_NONE) &&
            !known_already(c, &fetches[i]))
            which[count++] = i;
    fetch_from(&c->original, fetches, which, count, deadline);
    for (size_t i = 0; i < n; i++)
        if (fetches[i].probe && fetches[i].what == FETCH_TAG && fetches[i].err.code == ERR_NONE &&
            digest_equal(&fetches[i].found, &none))
            ask_again(c, &fetches[i], deadline);
}

/* --- One blob into a file --- */

struct to_file {
    const struct digest *want;
    int64_t size; /* or -1 */
    int fd;
    off_t at;
    struct hash *hash;
};

static int take_piece(void *context, struct bytes piece, struct err *err)
{
    struct to_file *t = context;

    if (hash_add(t->hash, piece, err) != 0)
        return -1;
    while (piece.len > 0) {
        ssize_t n = pwrite(t->fd, piece.data, piece.len, t->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, ERR_IO, errno, "writing a blob");
        t->at += n;
        piece = bytes_part(piece, (size_t)n, piece.len);
    }
    return 0;
}

static int restart(void *context, struct err *err)
{
    struct to_file *t = context;

    hash_freep(&t->hash);
    t->at = 0;
    return hash_new(&t->hash, t->want->alg, err);
}

static int blob_from(struct to_file *t, struct endpoint *e, int64_t deadline, struct err *err)
{
    const struct digest *want = t->want;
    struct call CLEANUP(call_clear) c = CALL_NONE;
    struct digest got = { .alg = want->alg };
    const struct fetch f = {
        .what = FETCH_BLOB, .digest = *want, .size = t->size, .max = SIZE_MAX
    };
    char text[DIGEST_TEXT_MAX];

    if (fetch_request(&c, e, &f, err) != 0 || restart(t, err) != 0)
        return -1;
    c.http.sink = take_piece;
    c.http.restart = restart;
    c.http.sink_context = t;
    digest_format(text, want);
    if (call_send(e, &c, deadline, err) != 0 || c.http.status != 200)
        return call_error(&c, e, text, err);
    if (t->size >= 0 && t->at != t->size)
        return err_set(err, ERR_INVALID, "%s: blob %s is not %lld bytes long", e->host, text,
                       (long long)t->size);
    if (hash_end(got.value, t->hash, err) != 0)
        return -1;
    if (!digest_equal(&got, want))
        return err_set(err, ERR_INVALID, "%s: blob %s does not match its digest", e->host, text);
    return 0;
}

int client_blob_to_file(struct store *s, const struct digest *digest, int64_t size, int fd,
                        int64_t deadline, struct err *err)
{
    struct client *c = (struct client *)s;
    struct to_file t = { .want = digest, .size = size, .fd = fd };
    int result = -1;

    for (size_t m = 0; m < c->n_mirrors && result != 0; m++)
        result = blob_from(&t, &c->mirrors[m], deadline, NULL);
    if (result != 0)
        result = blob_from(&t, &c->original, deadline, err);
    hash_freep(&t.hash);
    if (result == 0 && ftruncate(fd, t.at) != 0)
        return err_sys(err, ERR_IO, errno, "writing a blob");
    return result;
}
