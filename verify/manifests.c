#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file_map.h"
#include "base/folder.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/manifests.h"
#include "verify/commands.h"
#include "verify/run.h"

/* verify manifests FILE|DIR|-...: judge every image of Kubernetes manifests. */

#define FOLDER_DEPTH_MAX 16 /* of folders below the one that is named */
#define FOLDER_FILES_MAX 100000

struct options {
    struct run_options run;
    struct option_list custom_kinds;
    struct option_list ignored_kinds;
};

struct inputs {
    struct kube_kinds kinds;
    struct image_list list;
    struct reference *references; /* parallel to the list's images */
    struct image_question *questions;
    struct run_place *places;
    size_t n; /* references that were parsed */
    size_t files;
};

static void inputs_clear(struct inputs *in)
{
    for (size_t i = 0; i < in->n; i++)
        reference_clear(&in->references[i]);
    free(in->references);
    free(in->questions);
    free(in->places);
    image_list_clear(&in->list);
    kube_kinds_clear(&in->kinds);
}

static int read_text(struct inputs *in, const char *path, struct err *err)
{
    struct file_map CLEANUP(file_unmap) file = { .mapped = NULL };

    if (in->files++ == FOLDER_FILES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d files", FOLDER_FILES_MAX);
    if (file_map(&file, path, MANIFESTS_BYTES_MAX, err) != 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_USAGE;
        return -1;
    }
    return manifests_read(&in->list, file.content, strcmp(path, "-") == 0 ? "stdin" : path,
                          &in->kinds, err);
}

/* Manifests by their names, as kubectl takes them from a folder. */
static bool is_manifest(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static int read_path(struct inputs *in, const char *path, int depth, bool named, struct err *err);

/* NOLINTNEXTLINE(misc-no-recursion): depth is at most FOLDER_DEPTH_MAX */
static int read_folder(struct inputs *in, const char *path, int depth, struct err *err)
{
    struct folder_list CLEANUP(folder_list_clear) l = FOLDER_LIST_INIT;

    if (depth == FOLDER_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "%s: folders deeper than %d", path, FOLDER_DEPTH_MAX);
    if (folder_list(&l, path, err) != 0)
        return -1;
    for (int i = 0; i < l.n; i++) {
        struct buf CLEANUP(buf_clear) child = BUF_INIT(64 * KIB);
        if (l.entries[i]->d_name[0] == '.')
            continue;
        buf_addf(&child, "%s/%s", path, l.entries[i]->d_name);
        if (buf_check(&child, "path", err) != 0 ||
            read_path(in, buf_text(&child), depth + 1, false, err) != 0)
            return -1;
    }
    return 0;
}

/* A file that is named is read whatever it is called. */
/* NOLINTNEXTLINE(misc-no-recursion): depth is at most FOLDER_DEPTH_MAX */
static int read_path(struct inputs *in, const char *path, int depth, bool named, struct err *err)
{
    struct stat what;

    if (strcmp(path, "-") == 0 && named)
        return read_text(in, path, err);
    if (stat(path, &what) != 0)
        return err_sys(err, errno == ENOENT ? ERR_USAGE : ERR_IO, errno, "%s", path);
    if (S_ISDIR(what.st_mode))
        return read_folder(in, path, depth, err);
    return named || is_manifest(path) ? read_text(in, path, err) : 0;
}

static int parse_reference(struct inputs *in, const struct kube_image *image, struct err *err)
{
    if (reference_parse(&in->references[in->n], bytes_text(image->reference), err) != 0) {
        err->code = ERR_CONFIG;
        return err_wrap(err, "%s:%zu: %s %s: %s", image->file, image->line, image->kind,
                        image->name == NULL ? "" : image->name, image->field);
    }
    in->n++;
    return 0;
}

/* Where a manifest tells no namespace, --namespace does. */
static int make_questions(struct inputs *in, const char *namespace, struct err *err)
{
    const size_t n = in->list.n;

    in->references = mem_new(n, sizeof(*in->references), err);
    in->questions = mem_new(n, sizeof(*in->questions), err);
    in->places = mem_new(n, sizeof(*in->places), err);
    if (in->references == NULL || in->questions == NULL || in->places == NULL)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct kube_image *image = &in->list.images[i];
        if (parse_reference(in, image, err) != 0)
            return -1;
        if (in->references[i].layout)
            return err_set(err, ERR_CONFIG, "%s:%zu: %s: a layout on disk is no image of a cluster",
                           image->file, image->line, image->field);
        in->questions[i] =
            (struct image_question) { &in->references[i],
                                      image->namespace != NULL ? image->namespace : namespace };
        in->places[i] = (struct run_place) { image->file, (int)image->line, image->field };
    }
    return 0;
}

static int manifests(struct options *o, int argc, char **argv, struct err *err)
{
    struct inputs CLEANUP(inputs_clear) in = { .kinds = KUBE_KINDS_INIT, .list = IMAGE_LIST_INIT };
    struct run CLEANUP(run_clear) run = { .file = { .findings = POLICY_FINDINGS_INIT } };

    if (argc == 0)
        return err_set(err, ERR_USAGE, "name manifests: files, folders, or - for standard input");
    if (kube_kinds_parse(&in.kinds, &o->custom_kinds, &o->ignored_kinds, err) != 0)
        return -1;
    for (int i = 0; i < argc; i++)
        if (read_path(&in, argv[i], 0, true, err) != 0)
            return -1;
    if (run_start(&run, &o->run, err) != 0)
        return -1;
    if (in.list.objects == 0)
        return err_set(err, ERR_CONFIG, "no Kubernetes object was found: nothing was judged");
    if (in.list.n == 0) {
        log_info("%zu objects, none of which names an image", in.list.objects);
        return 0;
    }
    if (make_questions(&in, o->run.namespace, err) != 0)
        return -1;
    return run_images(&run, in.questions, in.places, in.n, err);
}

static int run_manifests(int argc, char **argv, struct err *err)
{
    struct options o = { .run = RUN_OPTIONS_INIT };
    const struct option table[] = {
        { "custom-kind", 0, OPTION_LIST, &o.custom_kinds, "KIND.GROUP=POINTER",
          "where a kind of one's own names images; may be repeated" },
        { "ignore-kind", 0, OPTION_LIST, &o.ignored_kinds, "KIND.GROUP",
          "a kind whose containers are not run; may be repeated" },
        RUN_OPTIONS(&o.run),
        { 0 },
    };
    int first;
    bool help;

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "verify", &verify_manifests_command, table);
    else if (done == 0)
        done = manifests(&o, argc - first, argv + first, err);
    common_clear(&o.run.common);
    option_lists_free(table);
    return done;
}

const struct command verify_manifests_command = {
    .name = "manifests",
    .summary = "judge every image of Kubernetes manifests",
    .usage = "FILE|DIR|-... (--policy FILE [--namespace NAME] | --key KEY)",
    .details =
        "YAML and JSON, as `helm template`, `kustomize build` and `kubectl get -o json` print "
        "them; of a folder\n"
        "the files *.yaml, *.yml and *.json. What cannot be understood is an error, never "
        "passed over.\n"
        "Exit status: 0 every image is allowed, 1 one is denied, 2 the command line, the "
        "policy or a manifest\n"
        "is wrong, 3 it could not be found out.",
    .run = run_manifests,
};
