#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "verify/commands.h"
#include "verify/run.h"

/* verify IMAGE...: judge images by a policy, or by a rule that is made of keys. */

struct inputs {
    struct reference *images;
    size_t n;
    struct image_question *questions;
};

static void inputs_clear(struct inputs *in)
{
    free(in->questions);
    common_images_free(in->images, in->n);
}

static int verify(struct run_options *o, int argc, char **argv, struct err *err)
{
    struct inputs CLEANUP(inputs_clear) in = { .n = 0 };
    struct run CLEANUP(run_clear) run = { .file = { .findings = POLICY_FINDINGS_INIT } };

    if (common_images(&in.images, &in.n, argc, argv, err) != 0 || run_start(&run, o, err) != 0 ||
        image_questions(&in.questions, in.images, in.n, o->namespace, err) != 0)
        return -1;
    return run_images(&run, in.questions, NULL, in.n, err);
}

static int run_verify(int argc, char **argv, struct err *err)
{
    struct run_options o = RUN_OPTIONS_INIT;
    const struct option table[] = { RUN_OPTIONS(&o), { 0 } };
    int first;
    bool help;

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "verify", &verify_image_command, table);
    else if (done == 0)
        done = verify(&o, argc - first, argv + first, err);
    common_clear(&o.common);
    option_lists_free(table);
    return done;
}

const struct command verify_image_command = {
    .name = "",
    .summary = "judge images",
    .usage = "IMAGE... (--policy FILE [--namespace NAME] | --key KEY)",
    .details = "IMAGE is a registry reference or oci:DIR[:TAG|@DIGEST]. Every layout of signatures "
               "is looked for.\n"
               "Exit status: 0 every image is allowed, 1 one is denied, 2 the command line, the "
               "policy or a key is\n"
               "wrong, 3 it could not be found out.",
    .run = run_verify,
};
