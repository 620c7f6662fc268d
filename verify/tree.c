#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/common.h"
#include "engine/engine.h"
#include "engine/places.h"
#include "evidence/bundle.h"
#include "evidence/discover.h"
#include "verify/commands.h"
#include "verify/report.h"

/* verify tree IMAGE: what hangs on an image in every layout, verified or why not. */

struct options {
    struct common common;
    struct option_list keys;
    const char *output;
};

/* One thing that hangs on the image. */
struct leaf {
    const char *where; /* as facts and reasons name it */
    const char *type;  /* what the registry says it is: a hint */
    struct digest digest;
    int64_t size;
};

struct listing {
    struct arena arena;
    struct leaf *leaves;
    size_t n, cap;
    bool checked; /* keys were given: facts hold what came of it */
    struct fact_set facts;
    struct report report;
    bool complete;
    struct err incomplete;
};

static void listing_clear(struct listing *l)
{
    free(l->leaves);
    fact_set_clear(&l->facts);
    arena_clear(&l->arena);
}

static int add_leaf(struct listing *l, const struct leaf *leaf, struct err *err)
{
    void *leaves = l->leaves;

    int grown = mem_grow(&leaves, &l->cap, l->n, sizeof(*l->leaves), SIZE_MAX, err);
    l->leaves = leaves;
    if (grown != 0)
        return -1;
    l->leaves[l->n++] = *leaf;
    return 0;
}

static int add_tagged(struct listing *l, const struct tagged *t, struct err *err)
{
    for (size_t i = 0; t->found && i < t->manifest.n; i++) {
        const struct descriptor *d = &t->manifest.entries[i];
        struct leaf leaf = { .digest = d->digest, .size = d->size };
        leaf.where = arena_printf(&l->arena, err, "%s, layer %zu", t->tag, i + 1);
        leaf.type = arena_text(&l->arena, bytes_text(d->media_type), err);
        if (leaf.where == NULL || leaf.type == NULL || add_leaf(l, &leaf, err) != 0)
            return -1;
    }
    return 0;
}

static bool listed(const struct listing *l, const struct digest *digest)
{
    for (size_t i = 0; i < l->n; i++)
        if (digest_equal(&l->leaves[i].digest, digest))
            return true;
    return false;
}

static int add_referrer(struct listing *l, const struct descriptor *r, struct err *err)
{
    struct leaf leaf = { .digest = r->digest, .size = r->size };
    char digest[DIGEST_TEXT_MAX];
    const char *predicate;

    if (listed(l, &r->digest))
        return 0;
    digest_format(digest, &r->digest);
    if (annotation_get(&predicate, r->annotations, ANNOTATION_BUNDLE_PREDICATE, &l->arena, err) !=
        0)
        return -1;
    const char *type = predicate != NULL          ? predicate
                       : r->artifact_type != NULL ? r->artifact_type
                                                  : r->media_type;
    leaf.where = arena_printf(&l->arena, err, "referrer %s", digest);
    leaf.type = arena_text(&l->arena, bytes_text(type), err);
    if (leaf.where == NULL || leaf.type == NULL)
        return -1;
    return add_leaf(l, &leaf, err);
}

/* One question to every place where evidence may hang. */
struct asked {
    struct listing *listing;
    const struct digest *digest;
    int64_t deadline;
};

static int list_place(void *context, struct store *store, const struct err *why, struct err *err)
{
    const struct discover_wants wants = { true, true, true, true };
    struct discovery CLEANUP(discovery_clear) d = { .complete = false };
    const struct asked *a = context;
    struct listing *l = a->listing;

    if (store == NULL) {
        l->incomplete = l->complete ? *why : l->incomplete;
        l->complete = false;
        return 0;
    }
    if (discover(&d, store, a->digest, &wants, a->deadline, err) != 0)
        return -1;
    for (size_t kind = 0; kind < TAGGED_KINDS; kind++)
        if (add_tagged(l, &d.tagged[kind], err) != 0)
            return -1;
    for (size_t i = 0; i < d.n_referrers; i++)
        if (add_referrer(l, &d.referrers[i], err) != 0)
            return -1;
    if (l->complete && !d.complete)
        l->incomplete = d.incomplete;
    l->complete = l->complete && d.complete;
    return 0;
}

/* "verified with release.pub", a reason, or "not checked" */
static void add_outcome(struct buf *out, const struct listing *l, const struct leaf *leaf)
{
    if (!l->checked) {
        buf_add_text(out, "not checked");
        return;
    }
    for (size_t i = 0; i < l->facts.n; i++) {
        const struct fact *fact = &l->facts.facts[i];
        if (strcmp(fact->where, leaf->where) != 0)
            continue;
        buf_addf(out, "verified with %s", report_key_name(&l->report, fact));
        return;
    }
    for (size_t i = 0; i < l->facts.reasons.n; i++) {
        const struct reason *reason = &l->facts.reasons.items[i];
        if (strcmp(reason->where, leaf->where) != 0)
            continue;
        buf_addf(out, "%s: ", reason_name(reason->code));
        text_escape(out, bytes_text(reason->text), 512);
        return;
    }
    buf_add_text(out, "not evidence that can be checked");
}

static void print_text(const struct listing *l, const char *name)
{
    printf("%s\n", name);
    for (size_t i = 0; i < l->n; i++) {
        struct buf CLEANUP(buf_clear) line = BUF_INIT(16 * KIB);
        const char *branch = i + 1 == l->n ? "└── " : "├── ";
        buf_add_text(&line, branch);
        text_escape(&line, bytes_text(l->leaves[i].where), 512);
        buf_add_text(&line, ": ");
        text_escape(&line, bytes_text(l->leaves[i].type), 512);
        buf_addf(&line, ", %lld bytes: ", (long long)l->leaves[i].size);
        add_outcome(&line, l, &l->leaves[i]);
        printf("%s\n", buf_text(&line));
    }
    if (l->n == 0)
        printf("└── nothing hangs on this image\n");
}

static void print_json(const struct listing *l, const char *name)
{
    struct buf CLEANUP(buf_clear) out = BUF_INIT(64 * MIB);
    struct buf CLEANUP(buf_clear) outcome = BUF_INIT(16 * KIB);
    char digest[DIGEST_TEXT_MAX];

    buf_add_text(&out, "{\"image\":");
    text_json(&out, bytes_text(name));
    buf_addf(&out, ",\"complete\":%s,\"evidence\":[", l->complete ? "true" : "false");
    for (size_t i = 0; i < l->n; i++) {
        const struct leaf *leaf = &l->leaves[i];
        digest_format(digest, &leaf->digest);
        buf_add_text(&out, i == 0 ? "{\"where\":" : ",{\"where\":");
        text_json(&out, bytes_text(leaf->where));
        buf_add_text(&out, ",\"type\":");
        text_json(&out, bytes_text(leaf->type));
        buf_addf(&out, ",\"digest\":\"%s\",\"size\":%lld,\"outcome\":", digest,
                 (long long)leaf->size);
        buf_reset(&outcome);
        add_outcome(&outcome, l, leaf);
        text_json(&out, buf_bytes(&outcome));
        buf_add_char(&out, '}');
    }
    buf_add_text(&out, "]}");
    printf("%s\n", buf_text(&out));
}

struct keys {
    struct public_key **keys;
    size_t n;
};

static void keys_clear(struct keys *keys)
{
    common_public_keys_free(keys->keys, keys->n);
}

static int check(struct listing *l, const struct options *o, const struct keys *keys,
                 struct store *store, const struct digest *digest, struct err *err)
{
    const struct plan plan = { .signatures = true, .statements = true };
    const struct engine_options engine = {
        .registries = o->common.registries,
        .keys = (const struct public_key *const *)keys->keys,
        .n_keys = keys->n,
    };

    if (keys->n == 0)
        return 0;
    l->checked = true;
    l->report.key_names = o->keys.values;
    l->report.keys = engine.keys;
    l->report.n_keys = keys->n;
    const struct fact_query query = { &engine, digest, &plan,
                                      clock_deadline(o->common.timeout_ms) };
    return engine_facts(&l->facts, store, &query, err);
}

static int print(const struct listing *l, const struct reference *image,
                 const struct digest *digest, struct err *err)
{
    struct buf CLEANUP(buf_clear) name = BUF_INIT(2 * REFERENCE_MAX);
    char text[DIGEST_TEXT_MAX];

    reference_name(&name, image);
    digest_format(text, digest);
    buf_addf(&name, "@%s", text);
    if (l->report.format == REPORT_JSON)
        print_json(l, buf_text(&name));
    else
        print_text(l, buf_text(&name));
    if (l->complete)
        return 0;
    *err = l->incomplete;
    return err_wrap(err, "the list is not complete");
}

static int tree(struct options *o, const char *name, struct err *err)
{
    struct reference CLEANUP(reference_clear) image = { .host = NULL };
    struct keys CLEANUP(keys_clear) keys = { .n = 0 };
    struct store *CLEANUP(store_freep) store = NULL;
    struct listing CLEANUP(listing_clear)
        l = { .arena = ARENA_INIT(EVIDENCE_BYTES_MAX), .complete = true };
    struct resolved resolved;

    fact_set_init(&l.facts);
    if (report_format_parse(&l.report.format, o->output, err) != 0 ||
        reference_parse(&image, bytes_text(name), err) != 0 ||
        (o->keys.n > 0 && common_public_keys(&keys.keys, &keys.n, &o->keys, err) != 0) ||
        common_start(&o->common, "verify", err) != 0 ||
        store_open(&store, o->common.registries, &image, STORE_READ, err) != 0)
        return -1;
    const int64_t deadline = clock_deadline(o->common.timeout_ms);
    struct asked asked = { &l, &resolved.digest, deadline };
    if (places_check(err) != 0 ||
        store_resolve(&resolved, NULL, store, &image, deadline, err) != 0 ||
        places_each(o->common.registries, store, list_place, &asked, err) != 0 ||
        check(&l, o, &keys, store, &resolved.digest, err) != 0)
        return -1;
    return print(&l, &image, &resolved.digest, err);
}

static int run_tree(int argc, char **argv, struct err *err)
{
    struct options o = { .common = COMMON_INIT };
    int first;
    bool help;
    const struct option table[] = {
        { "key", 'k', OPTION_LIST, &o.keys, "KEY", "check with this public key; may be repeated" },
        { "output", 'o', OPTION_TEXT, &o.output, "FORMAT", "text (default) or json" },
        COMMON_OPTIONS(&o.common),
        { 0 },
    };

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "verify", &verify_tree_command, table);
    else if (done == 0 && argc - first != 1)
        done = err_set(err, ERR_USAGE, "tree shows one image");
    else if (done == 0)
        done = tree(&o, argv[first], err);
    common_clear(&o.common);
    option_lists_free(table);
    return done;
}

const struct command verify_tree_command = {
    .name = "tree",
    .summary = "show what hangs on an image",
    .usage = "IMAGE [--key KEY]",
    .details = "Types are what the registry says; only what is verified is known.",
    .run = run_tree,
};
