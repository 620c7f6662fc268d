#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "engine/common.h"
#include "engine/places.h"
#include "verify/commands.h"
#include "verify/listing.h"

/* verify tree IMAGE: what hangs on an image in every layout, verified or why not. */

#define OUTPUT_MAX (256 * MIB) /* of everything that a place may list */

struct options {
    struct common common;
    struct option_list keys;
    const char *output;
    size_t max_statement;
};

struct keys {
    struct public_key **keys;
    size_t n;
};

static void keys_clear(struct keys *keys)
{
    common_public_keys_free(keys->keys, keys->n);
}

static int print(const struct listing *l, const struct reference *image,
                 const struct digest *digest, enum report_format format, struct err *err)
{
    struct buf CLEANUP(buf_clear) place = BUF_INIT(2 * REFERENCE_MAX);
    struct buf CLEANUP(buf_clear) name = BUF_INIT(2 * REFERENCE_MAX);
    struct buf CLEANUP(buf_clear) out = BUF_INIT(OUTPUT_MAX);
    char text[DIGEST_TEXT_MAX];

    digest_format(text, digest);
    reference_name(&place, image);
    buf_addf(&name, "%s@%s", buf_text(&place), text);
    if (format == REPORT_JSON)
        listing_json(&out, l, buf_text(&name), digest);
    else
        listing_text(&out, l, buf_text(&name), buf_text(&place));
    if (buf_check(&out, "tree", err) != 0)
        return -1;
    fwrite(out.data, 1, out.len, stdout);
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
    struct listing CLEANUP(listing_clear) l = { .n = 0 };
    struct report report = { .key_names = o->keys.values };
    struct resolved resolved;

    if (report_format_parse(&report.format, o->output, err) != 0 ||
        reference_parse(&image, bytes_text(name), err) != 0 ||
        (o->keys.n > 0 && common_public_keys(&keys.keys, &keys.n, &o->keys, err) != 0) ||
        common_start(&o->common, "verify", err) != 0 || places_check(err) != 0 ||
        store_open(&store, o->common.registries, &image, STORE_READ, err) != 0)
        return -1;
    report.keys = (const struct public_key *const *)keys.keys;
    report.n_keys = keys.n;
    const struct listing_query query = {
        .registries = o->common.registries,
        .digest = &resolved.digest,
        .report = &report,
        .max_statement = o->max_statement,
        .deadline = clock_deadline(o->common.timeout_ms),
    };
    if (store_resolve(&resolved, NULL, store, &image, query.deadline, err) != 0 ||
        listing_make(&l, store, &query, err) != 0)
        return -1;
    return print(&l, &image, &resolved.digest, report.format, err);
}

static int run_tree(int argc, char **argv, struct err *err)
{
    struct options o = { .common = COMMON_INIT, .max_statement = BUNDLE_STATEMENT_MAX };
    int first;
    bool help;
    const struct option table[] = {
        { "key", 'k', OPTION_LIST, &o.keys, "KEY", "check with this public key; may be repeated" },
        { "output", 'o', OPTION_TEXT, &o.output, "FORMAT", "text (default) or json" },
        { "max-statement-size", 0, OPTION_SIZE, &o.max_statement, "SIZE",
          "largest bundle or envelope that is read (default 128MiB)" },
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
    .details = "Types, sizes and signers are what is said there; only what is verified is known.",
    .run = run_tree,
};
