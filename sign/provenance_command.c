#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "engine/common.h"
#include "registry/store.h"
#include "sign/commands.h"
#include "sign/provenance.h"

/* sign provenance IMAGE: the predicate alone, to look at, to keep or to sign elsewhere. */
struct options {
    struct common common;
    struct provenance_options provenance;
    const char *output;
};

/* The manifest, for what it tells of the base image; an image that is not there has no provenance.
 */
static int read_manifest(struct buf *body, struct common *common, const char *name, struct err *err)
{
    const int64_t deadline = clock_deadline(common->timeout_ms);
    struct reference CLEANUP(reference_clear) image = { .host = NULL };
    struct store *CLEANUP(store_freep) store = NULL;
    struct resolved resolved;

    if (reference_parse(&image, bytes_text(name), err) != 0 ||
        common_start(common, "sign", err) != 0 ||
        store_open(&store, common->registries, &image, STORE_READ, err) != 0)
        return -1;
    return store_resolve(&resolved, body, store, &image, deadline, err);
}

static void new_line(struct buf *out, size_t depth)
{
    buf_addf(out, "\n%*s", (int)(2 * depth), "");
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One letter of JSON that stands outside of a string, behind `before`. What is empty stays
 * together.
 */
static void indent_letter(struct buf *out, uint8_t c, uint8_t before, size_t *depth)
{
    const bool first = before == '{' || before == '[';
    const bool closes = c == '}' || c == ']';

    if (closes)
        --*depth;
    if (closes != first)
        new_line(out, *depth);
    buf_add_char(out, (char)c);
    if (c == '{' || c == '[')
        ++*depth;
    else if (c == ',')
        new_line(out, *depth);
    else if (c == ':')
        buf_add_char(out, ' ');
}

/* JSON made readable. Every name, string and number stays as it is written. */
static void indent(struct buf *out, struct bytes json)
{
    bool string = false;
    uint8_t before = 0;
    size_t depth = 0;

    for (size_t i = 0; i < json.len; i++) {
        const uint8_t c = json.data[i];
        if (string) {
            buf_add_char(out, (char)c);
            if (c == '\\' && i + 1 < json.len)
                buf_add_char(out, (char)json.data[++i]);
            string = c != '"';
            continue;
        }
        if (is_space(c))
            continue;
        indent_letter(out, c, before, &depth);
        string = c == '"';
        before = c;
    }
    buf_add_char(out, '\n');
}

static int print(const struct options *o, struct bytes predicate, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(64 * MANIFEST_MAX);

    indent(&text, predicate);
    if (buf_check(&text, "provenance", err) != 0)
        return -1;
    if (o->output != NULL)
        return file_write(o->output, buf_bytes(&text), 0644, err);
    fwrite(text.data, 1, text.len, stdout);
    return 0;
}

static int make(struct options *o, int argc, char **argv, struct err *err)
{
    struct buf CLEANUP(buf_clear) manifest = BUF_INIT(MANIFEST_MAX);
    struct buf CLEANUP(buf_clear) predicate = BUF_INIT(2 * MANIFEST_MAX);

    if (argc != 1)
        return err_set(err, ERR_USAGE, "name one image");
    if (read_manifest(&manifest, &o->common, argv[0], err) != 0 ||
        provenance_write(&predicate, &o->provenance, buf_bytes(&manifest), err) != 0)
        return -1;
    return print(o, buf_bytes(&predicate), err);
}

static int run_provenance(int argc, char **argv, struct err *err)
{
    struct options o = { .common = COMMON_INIT };
    const struct option table[] = {
        { "output", 0, OPTION_TEXT, &o.output, "FILE", "write the predicate there" },
        PROVENANCE_OPTIONS(&o.provenance),
        COMMON_OPTIONS(&o.common),
        { 0 },
    };
    int first;
    bool help;

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "sign", &sign_provenance_command, table);
    else if (done == 0)
        done = make(&o, argc - first, argv + first, err);
    common_clear(&o.common);
    option_lists_free(table);
    return done;
}

const struct command sign_provenance_command = {
    .name = "provenance",
    .summary = "print SLSA provenance made from the build environment",
    .usage = "IMAGE [--from SYSTEM]",
    .details = "In GitHub Actions and GitLab CI the environment tells most; options override it or "
               "add to it. Nothing is\n"
               "guessed: what is not known is left out, and what provenance needs is asked for. "
               "`sign attest\n"
               "--provenance-from-env` makes and signs it in one step.",
    .run = run_provenance,
};
