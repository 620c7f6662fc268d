#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/workers.h"
#include "policy/pattern.h"
#include "verify/audit.h"

/* Where the images of an audit come from: a list, the tags of a repository, or those of every
 * repository of a registry. Lists of registries are read as they are needed. */

#define LIST_MAX (64 * MIB)
#define NAMES_MAX (16 * MIB)
#define TAGS_BYTES_MAX (64 * MIB) /* the tags of one repository */
#define LISTINGS_MAX 16           /* repositories whose tags are asked for at once */

/* The tags of one repository. */
struct listing {
    struct reference repository;
    struct buf tags; /* lines */
    struct err err;
};

struct audit_source {
    const struct audit_options *options;
    struct arena arena;
    struct pattern pattern;

    struct buf list;
    struct bytes rest; /* of the list */
    int line;
    size_t total;

    struct reference repository;
    char *host;
    struct catalog *catalog;
    struct buf names; /* a page of the catalogue, lines */
    struct bytes names_left;
    bool more; /* repositories, or pages of them, are still to be asked for */

    struct listing listings[LISTINGS_MAX];
    size_t n, at;
    struct bytes tags_left; /* of listing `at` */
    size_t passed;
};

void audit_image_clear(struct audit_image *image)
{
    reference_clear(&image->reference);
}

static void listings_clear(struct audit_source *s)
{
    for (size_t i = 0; i < s->n; i++) {
        reference_clear(&s->listings[i].repository);
        buf_clear(&s->listings[i].tags);
    }
    s->n = 0;
    s->at = 0;
}

void audit_source_freep(struct audit_source **source)
{
    struct audit_source *s = *source;

    *source = NULL;
    if (s == NULL)
        return;
    listings_clear(s);
    catalog_free(s->catalog);
    reference_clear(&s->repository);
    free(s->host);
    buf_clear(&s->list);
    buf_clear(&s->names);
    arena_clear(&s->arena);
    free(s);
}

size_t audit_source_total(const struct audit_source *source)
{
    return source->total;
}

size_t audit_source_passed(const struct audit_source *source)
{
    return source->passed;
}

/* --- Lines --- */

static bool next_line(struct bytes *line, struct bytes *rest)
{
    if (rest->len == 0)
        return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    const size_t len = end != NULL ? (size_t)(end - rest->data) : rest->len;

    *line = bytes_part(*rest, 0, len);
    *rest = bytes_part(*rest, len + 1, rest->len);
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && is_blank(text.data[0]))
        text = bytes_part(text, 1, text.len - 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* The next line that names an image. */
static bool next_entry(struct bytes *entry, struct bytes *rest, int *number)
{
    while (next_line(entry, rest)) {
        ++*number;
        *entry = trim(*entry);
        if (entry->len > 0 && entry->data[0] != '#')
            return true;
    }
    return false;
}

/* --- A list --- */

static const char *list_name(const struct audit_source *s)
{
    return strcmp(s->options->list, "-") == 0 ? "stdin" : s->options->list;
}

static int parse_entry(struct reference *out, const struct audit_source *s, struct bytes entry,
                       int line, struct err *err)
{
    if (reference_parse(out, entry, err) != 0)
        return err_wrap(err, "%s:%d", list_name(s), line);
    return 0;
}

static int list_read(struct audit_source *s, struct err *err)
{
    struct bytes entry;
    int line = 0;

    if (file_read(&s->list, s->options->list, err) != 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_USAGE;
        return -1;
    }
    struct bytes rest = buf_bytes(&s->list);
    while (next_entry(&entry, &rest, &line)) {
        struct reference CLEANUP(reference_clear) ref = { .host = NULL };
        if (s->total++ == IMAGES_MAX)
            return err_set(err, ERR_LIMIT, "%s: more than %d images", list_name(s), IMAGES_MAX);
        if (parse_entry(&ref, s, entry, line, err) != 0)
            return -1;
    }
    s->rest = buf_bytes(&s->list);
    return s->total > 0 ? 0 : err_set(err, ERR_USAGE, "%s: names no image", list_name(s));
}

int audit_source_check(const struct audit_source *source, const struct run *run, struct err *err)
{
    struct bytes rest = buf_bytes(&source->list), entry;
    int line = 0;

    while (next_entry(&entry, &rest, &line)) {
        struct reference CLEANUP(reference_clear) ref = { .host = NULL };
        const struct image_question question = { &ref, source->options->run.namespace };
        if (parse_entry(&ref, source, entry, line, err) != 0)
            return -1;
        if (run_check_namespaces(run, &question, 1, err) != 0)
            return err_wrap(err, "%s:%d", list_name(source), line);
    }
    return 0;
}

static int next_listed(struct audit_image *out, bool *got, struct audit_source *s, struct err *err)
{
    struct bytes entry;

    *got = next_entry(&entry, &s->rest, &s->line);
    out->line = s->line;
    return *got ? parse_entry(&out->reference, s, entry, s->line, err) : 0;
}

/* --- Tags --- */

/* cosign's tags and the specification's fallback tag are made of a digest. A tag that only looks
 * like one is an image. */
bool audit_tag_is_evidence(struct bytes tag)
{
    static const char *const suffixes[] = { "", ".sig", ".att", ".sbom" };
    size_t hex = 0;

    if (!bytes_starts(tag, "sha256-") && !bytes_starts(tag, "sha512-"))
        return false;
    struct bytes rest = bytes_part(tag, strlen("sha256-"), tag.len);
    while (hex < rest.len && memchr("0123456789abcdef", rest.data[hex], 16) != NULL)
        hex++;
    if (hex != 64 && (hex != 128 || tag.data[3] != '5'))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (bytes_is(bytes_part(rest, hex, rest.len), suffixes[i]))
            return true;
    return false;
}

/* What the workers share that list tags. */
struct listing_all {
    struct audit_source *source;
    const struct engine_options *engine;
};

static void list_tags(void *context, size_t i)
{
    const struct listing_all *all = context;
    struct audit_source *s = all->source;
    const struct engine_options *engine = all->engine;
    struct listing *l = &s->listings[i];
    struct store *CLEANUP(store_freep) store = NULL;

    if (store_open(&store, engine->registries, &l->repository, STORE_READ, &l->err) == 0 &&
        store_tags(store, &l->tags, clock_deadline(engine->timeout_ms), &l->err) == 0)
        return;
    /* Registries keep the names of repositories whose last image is gone. */
    if (s->catalog != NULL && l->err.code == ERR_NOT_FOUND)
        err_reset(&l->err);
}

static int add_listing(struct audit_source *s, const struct reference *repository, struct err *err)
{
    struct listing *l = &s->listings[s->n];

    *l = (struct listing) { .tags = BUF_INIT(TAGS_BYTES_MAX), .err = ERR_INIT };
    if (reference_copy(&l->repository, repository, err) != 0)
        return -1;
    s->n++;
    return 0;
}

static int open_catalog(struct audit_source *s, const struct engine_options *engine,
                        struct err *err)
{
    return s->catalog != NULL ? 0 : catalog_open(&s->catalog, engine->registries, s->host, err);
}

/* Repositories from the catalogue, as many as are listed at once. */
static int add_repositories(struct audit_source *s, const struct engine_options *engine,
                            struct err *err)
{
    struct bytes name;

    if (open_catalog(s, engine, err) != 0)
        return -1;
    while (s->names_left.len == 0 && s->more) {
        buf_reset(&s->names);
        if (catalog_page(&s->names, &s->more, s->catalog, clock_deadline(engine->timeout_ms),
                         err) != 0)
            return -1;
        s->names_left = buf_bytes(&s->names);
    }
    while (s->n < LISTINGS_MAX && next_line(&name, &s->names_left)) {
        char *CLEANUP(mem_freep) repository = mem_text(name, err);
        const struct reference ref = { .host = s->host, .repository = repository };
        if (repository == NULL || add_listing(s, &ref, err) != 0)
            return -1;
    }
    return 0;
}

/* None afterwards: there are no more. */
static int fill_listings(struct audit_source *s, const struct engine_options *engine,
                         struct err *err)
{
    struct listing_all all = { s, engine };

    listings_clear(s);
    if (s->host != NULL) {
        if (add_repositories(s, engine, err) != 0)
            return -1;
    } else if (s->more) {
        s->more = false;
        if (add_listing(s, &s->repository, err) != 0)
            return -1;
    }
    if (workers_each(s->n, workers_count(engine->workers, s->n), list_tags, &all, err) != 0)
        return -1;
    s->tags_left = s->n > 0 ? buf_bytes(&s->listings[0].tags) : BYTES_NONE;
    return 0;
}

static bool wanted(struct audit_source *s, struct bytes tag)
{
    if (audit_tag_is_evidence(tag)) {
        s->passed++;
        return false;
    }
    return s->options->tag_pattern == NULL || pattern_matches(&s->pattern, tag);
}

static int make_image(struct audit_image *out, const struct listing *l, struct bytes tag,
                      struct err *err)
{
    if (reference_copy(&out->reference, &l->repository, err) != 0)
        return -1;
    out->reference.tag = mem_text(tag, err);
    return out->reference.tag != NULL ? 0 : -1;
}

static void next_listing(struct audit_source *s)
{
    buf_clear(&s->listings[s->at].tags);
    s->at++;
    s->tags_left = s->at < s->n ? buf_bytes(&s->listings[s->at].tags) : BYTES_NONE;
}

/* The one repository that was named must be there; of many, one that cannot be listed is an image
 * that could not be found out about. */
static int lost_listing(struct audit_image *out, bool *got, struct audit_source *s, struct err *err)
{
    const struct listing *l = &s->listings[s->at];

    if (s->host == NULL) {
        *err = l->err;
        return -1;
    }
    out->lost = l->err;
    if (reference_copy(&out->reference, &l->repository, err) != 0)
        return -1;
    *got = true;
    next_listing(s);
    return 0;
}

static int next_tag(struct audit_image *out, bool *got, struct audit_source *s,
                    const struct engine_options *engine, struct err *err)
{
    struct bytes tag;

    for (;;) {
        if (s->at == s->n && fill_listings(s, engine, err) != 0)
            return -1;
        if (s->n == 0)
            return 0;
        if (s->listings[s->at].err.code != ERR_NONE)
            return lost_listing(out, got, s, err);
        while (next_line(&tag, &s->tags_left)) {
            if (!wanted(s, tag))
                continue;
            *got = true;
            return make_image(out, &s->listings[s->at], tag, err);
        }
        next_listing(s);
    }
}

int audit_source_next(struct audit_image *out, bool *got, struct audit_source *source,
                      const struct engine_options *engine, struct err *err)
{
    *out = (struct audit_image) { .lost = ERR_INIT };
    *got = false;
    if (source->options->list != NULL)
        return next_listed(out, got, source, err);
    return next_tag(out, got, source, engine, err);
}

/* --- Opening --- */

static int parse_repository(struct audit_source *s, struct err *err)
{
    if (reference_parse(&s->repository, bytes_text(s->options->repository), err) != 0)
        return err_wrap(err, "--repository");
    if (s->repository.tag != NULL || s->repository.has_digest)
        return err_set(err, ERR_USAGE, "--repository: '%s' names one image, not its repository",
                       s->options->repository);
    return 0;
}

static int parse_pattern(struct audit_source *s, struct err *err)
{
    const char *text = s->options->tag_pattern;

    if (text == NULL)
        return 0;
    if (strchr(text, '/') != NULL)
        return err_set(err, ERR_USAGE, "--tag-pattern: a tag holds no '/'");
    if (pattern_compile(&s->pattern, bytes_text(text), &s->arena, err) != 0) {
        err->code = ERR_USAGE;
        return err_wrap(err, "--tag-pattern '%s'", text);
    }
    return 0;
}

int audit_source_open(struct audit_source **out, const struct audit_options *options,
                      struct err *err)
{
    struct audit_source *CLEANUP(audit_source_freep) s = mem_new(1, sizeof(*s), err);

    *out = NULL;
    if (s == NULL)
        return -1;
    *s = (struct audit_source) { .options = options,
                                 .arena = ARENA_INIT(64 * KIB),
                                 .list = BUF_INIT(LIST_MAX),
                                 .names = BUF_INIT(NAMES_MAX),
                                 .more = true };
    if (options->list != NULL && list_read(s, err) != 0)
        return -1;
    if (options->repository != NULL && parse_repository(s, err) != 0)
        return -1;
    if (options->registry != NULL &&
        reference_host(&s->host, bytes_text(options->registry), err) != 0)
        return err_wrap(err, "--registry");
    if (parse_pattern(s, err) != 0)
        return -1;
    *out = STEAL(s);
    return 0;
}
