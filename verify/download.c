#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/common.h"
#include "engine/places.h"
#include "evidence/hint.h"
#include "evidence/predicate.h"
#include "evidence/statement.h"
#include "verify/commands.h"
#include "verify/print.h"

/* verify download attestation|signature|bundle IMAGE: evidence as it hangs there, not verified. */

#define ANNOTATION_CHAIN "dev.sigstore.cosign/chain"
#define ANNOTATION_LOG "dev.sigstore.cosign/bundle"
#define ANNOTATION_TIMESTAMP "dev.sigstore.cosign/rfc3161timestamp"

enum what { WHAT_ATTESTATION, WHAT_SIGNATURE, WHAT_BUNDLE, WHATS };

static const char *what_name(enum what what)
{
    switch (what) {
    case WHAT_ATTESTATION:
        return "attestation";
    case WHAT_SIGNATURE:
        return "signature";
    case WHAT_BUNDLE:
        return "bundle";
    case WHATS:
        break;
    }
    return "evidence";
}

struct options {
    struct common common;
    const char *type;
    const char *folder;
    size_t max_statement;
};

struct download {
    enum what what;
    const char *type; /* predicate type, or NULL */
    const char *folder;
    struct digest digest;
    struct plan plan;
    int64_t deadline;
    struct evidence_set set;
    size_t n; /* pieces given out */
};

static void download_clear(struct download *d)
{
    evidence_set_clear(&d->set);
}

static int what_parse(enum what *out, const char *name, struct err *err)
{
    for (int i = 0; i < WHATS; i++)
        if (strcmp(name, what_name((enum what)i)) == 0) {
            *out = (enum what)i;
            return 0;
        }
    return err_set(err, ERR_USAGE, "download: '%s' is none of attestation, signature, bundle",
                   name);
}

/* What is not asked for is not fetched. */
static void plan_make(struct plan *out, const struct download *d, size_t max_statement)
{
    const bool signatures = d->type == NULL || strcmp(d->type, PREDICATE_COSIGN_SIGN) == 0;

    *out = (struct plan) {
        .signatures = d->what == WHAT_SIGNATURE || (d->what == WHAT_BUNDLE && signatures),
        .statements = d->what == WHAT_ATTESTATION ||
                      (d->what == WHAT_BUNDLE && (d->type == NULL || !signatures)),
        .predicate_type = d->type,
        .max_statement = max_statement,
    };
}

static int fetch_place(void *context, struct store *store, const struct err *why, struct err *err)
{
    struct download *d = context;
    const struct discover_wants wants = {
        .referrers = true,
        .signatures = d->what == WHAT_SIGNATURE,
        .attestations = d->what == WHAT_ATTESTATION,
    };
    const struct evidence_query query = { &d->digest, &d->plan, d->deadline };
    struct discovery CLEANUP(discovery_clear) found = { .complete = false };

    if (store == NULL) {
        if (d->set.complete)
            d->set.incomplete = *why;
        d->set.complete = false;
        return 0;
    }
    if (discover(&found, store, &d->digest, &wants, d->deadline, err) != 0)
        return -1;
    return evidence_fetch(&d->set, store, &found, &query, err);
}

/* The same bytes in two places, or twice in one list, are one piece. */
static bool seen_before(const struct evidence_set *set, size_t i)
{
    const struct evidence *e = &set->items[i];

    for (size_t k = 0; k < i; k++) {
        const struct evidence *other = &set->items[k];
        if (other->form == e->form && digest_equal(&other->digest, &e->digest) &&
            bytes_equal(bytes_text(other->signature), bytes_text(e->signature)))
            return true;
    }
    return false;
}

static bool type_fits(const struct download *d, const struct evidence_hint *hint)
{
    return d->type == NULL ||
           (hint->predicate_type != NULL && strcmp(hint->predicate_type, d->type) == 0);
}

static bool selected(const struct download *d, const struct evidence *e,
                     const struct evidence_hint *hint)
{
    switch (d->what) {
    case WHAT_BUNDLE:
        return e->form == EVIDENCE_BUNDLE && type_fits(d, hint);
    case WHAT_ATTESTATION:
        return type_fits(d, hint) &&
               (e->form == EVIDENCE_ENVELOPE || hint->kind == HINTED_STATEMENT);
    case WHAT_SIGNATURE:
        return e->form == EVIDENCE_SIMPLE_SIGNING || hint->kind == HINTED_SIGNATURE ||
               hint->kind == HINTED_MESSAGE;
    case WHATS:
        break;
    }
    return false;
}

/* An annotation that is text (PEM), as a string; or one that is JSON, as that; else null. */
static int add_annotation(struct buf *out, const struct evidence *e, const char *annotation,
                          bool json, struct err *err)
{
    struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MANIFEST_MAX);
    struct json_view root = JSON_VIEW_NONE;
    const char *text;

    if (annotation_get(&text, e->annotations, annotation, &arena, err) != 0)
        return -1;
    if (text == NULL || text[0] == '\0' ||
        (json && (json_scan(&root, bytes_text(text), NULL) != 0 || root.kind != JSON_OBJECT)))
        buf_add_text(out, "null");
    else if (json)
        buf_add_bytes(out, root.raw);
    else
        text_json(out, bytes_text(text));
    return 0;
}

/* The object that `cosign download signature` prints (sigstore.md 10.3); certificates as the PEM
 * text that hangs there. */
static int legacy_signature(struct buf *out, const struct evidence *e, struct err *err)
{
    buf_add_text(out, "{\"Base64Signature\":");
    text_json(out, bytes_text(e->signature));
    buf_add_text(out, ",\"Payload\":\"");
    base64_encode(out, buf_bytes(&e->content), BASE64_STANDARD);
    buf_add_text(out, "\",\"Cert\":");
    if (add_annotation(out, e, ANNOTATION_CERTIFICATE, false, err) != 0)
        return -1;
    buf_add_text(out, ",\"Chain\":");
    if (add_annotation(out, e, ANNOTATION_CHAIN, false, err) != 0)
        return -1;
    buf_add_text(out, ",\"Bundle\":");
    if (add_annotation(out, e, ANNOTATION_LOG, true, err) != 0)
        return -1;
    buf_add_text(out, ",\"RFC3161Timestamp\":");
    if (add_annotation(out, e, ANNOTATION_TIMESTAMP, true, err) != 0)
        return -1;
    buf_add_char(out, '}');
    return buf_check(out, e->where, err);
}

static const char *file_suffix(enum evidence_form form)
{
    switch (form) {
    case EVIDENCE_SIMPLE_SIGNING:
        return ".sig.json";
    case EVIDENCE_BUNDLE:
        return ".bundle.json";
    case EVIDENCE_ENVELOPE:
        return ".att.json";
    }
    return "";
}

/* Named by the digest of what is in it. */
static int give_file(const struct download *d, const struct evidence *e, struct bytes content,
                     struct err *err)
{
    struct buf CLEANUP(buf_clear) path = BUF_INIT(REFERENCE_MAX + DIGEST_TAG_MAX);
    char name[DIGEST_TAG_MAX];
    struct digest digest;

    if (digest_of(&digest, HASH_SHA256, content, err) != 0)
        return -1;
    digest_tag(name, &digest, file_suffix(e->form));
    buf_addf(&path, "%s/%s", d->folder, name);
    if (buf_check(&path, "--output-dir", err) != 0 ||
        file_write(buf_text(&path), content, 0644, err) != 0)
        return -1;
    puts(buf_text(&path));
    return 0;
}

static int give(struct download *d, const struct evidence *e, struct err *err)
{
    struct buf CLEANUP(buf_clear) legacy = BUF_INIT(2 * MANIFEST_MAX);
    struct bytes content = buf_bytes(&e->content);
    struct json_view root;
    struct err why = ERR_INIT;

    if (e->form == EVIDENCE_SIMPLE_SIGNING) {
        if (legacy_signature(&legacy, e, err) != 0)
            return -1;
        content = buf_bytes(&legacy);
    }
    if (json_scan(&root, content, &why) != 0) {
        if (why.code == ERR_NOMEM) {
            *err = why;
            return -1;
        }
        log_warn("%s: left out: %s", e->where, err_text(&why));
        return 0;
    }
    d->n++;
    if (d->folder != NULL)
        return give_file(d, e, content, err);
    print_json_line(stdout, root);
    return 0;
}

/* Bundles first, then what hangs under cosign's tags. */
static int give_all(struct download *d, bool bundles, struct err *err)
{
    for (size_t i = 0; i < d->set.n; i++) {
        struct arena CLEANUP(arena_clear) arena = ARENA_INIT(MANIFEST_MAX);
        const struct evidence *e = &d->set.items[i];
        struct evidence_hint hint;
        if ((e->form == EVIDENCE_BUNDLE) != bundles || seen_before(&d->set, i))
            continue;
        if (evidence_hint(&hint, e, &arena, err) != 0)
            return -1;
        if (selected(d, e, &hint) && give(d, e, err) != 0)
            return -1;
    }
    return 0;
}

/* 1: everything was read, and there is none. */
static int finish(const struct download *d, const char *image, struct err *err)
{
    const struct reason_list *reasons = &d->set.reasons;

    for (size_t i = 0; i < reasons->n; i++)
        log_info("%s: left out: %s", reasons->items[i].where, reasons->items[i].text);
    if (!d->set.complete) {
        *err = d->set.incomplete;
        return err_wrap(err, "not everything could be read");
    }
    if (d->n > 0)
        return 0;
    if (d->type != NULL)
        log_error("%s: no %s of predicate type %s hangs on it", image, what_name(d->what), d->type);
    else
        log_error("%s: no %s hangs on it", image, what_name(d->what));
    return 1;
}

static int type_find(struct download *d, const char *name, struct err *err)
{
    struct predicate_type type;

    if (name == NULL)
        return 0;
    if (d->what == WHAT_SIGNATURE)
        return err_set(err, ERR_USAGE, "--predicate-type: a signature has none");
    if (predicate_type_find(&type, name, err) != 0)
        return err_wrap(err, "--predicate-type");
    d->type = type.uri;
    return 0;
}

static int download(struct options *o, const char *what, const char *name, struct err *err)
{
    struct reference CLEANUP(reference_clear) image = { .host = NULL };
    struct store *CLEANUP(store_freep) store = NULL;
    struct download CLEANUP(download_clear) d = { .folder = o->folder, .set = EVIDENCE_SET_INIT };
    struct resolved resolved;

    if (what_parse(&d.what, what, err) != 0 || type_find(&d, o->type, err) != 0 ||
        reference_parse(&image, bytes_text(name), err) != 0 ||
        common_start(&o->common, "verify", err) != 0 || places_check(err) != 0 ||
        store_open(&store, o->common.registries, &image, STORE_READ, err) != 0)
        return -1;
    plan_make(&d.plan, &d, o->max_statement);
    d.deadline = clock_deadline(o->common.timeout_ms);
    if (store_resolve(&resolved, NULL, store, &image, d.deadline, err) != 0)
        return -1;
    d.digest = resolved.digest;
    if (places_each(o->common.registries, store, fetch_place, &d, err) != 0 ||
        give_all(&d, true, err) != 0 || give_all(&d, false, err) != 0)
        return -1;
    return finish(&d, name, err);
}

static int run_download(int argc, char **argv, struct err *err)
{
    struct options o = { .common = COMMON_INIT, .max_statement = BUNDLE_STATEMENT_MAX };
    int first;
    bool help;
    const struct option table[] = {
        { "predicate-type", 0, OPTION_TEXT, &o.type, "TYPE",
          "only statements that say they are of this type, by name or URI" },
        { "output-dir", 0, OPTION_TEXT, &o.folder, "DIR",
          "write each piece to a file in this folder and print the names" },
        { "max-statement-size", 0, OPTION_SIZE, &o.max_statement, "SIZE",
          "largest bundle or envelope that is read (default 128MiB)" },
        COMMON_OPTIONS(&o.common),
        { 0 },
    };

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "verify", &verify_download_command, table);
    else if (done == 0 && argc - first != 2)
        done = err_set(err, ERR_USAGE,
                       "download takes a kind (attestation, signature, bundle) and one image");
    else if (done == 0)
        done = download(&o, argv[first], argv[first + 1], err);
    common_clear(&o.common);
    option_lists_free(table);
    return done;
}

const struct command verify_download_command = {
    .name = "download",
    .summary = "print what hangs on an image, not verified",
    .usage = "attestation|signature|bundle IMAGE [--output-dir DIR]",
    .details = "Nothing is verified: `verify attestation` prints verified statements.\n"
               "One JSON object a line; bundles first, then what hangs under cosign's tags.\n"
               "Exit status: 0 something was found, 1 nothing hangs there, 2 the command line is "
               "wrong, 3 it could not be\n"
               "read.",
    .run = run_download,
};
