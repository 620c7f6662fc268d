#include "base/hash.h"
#include "base/secret.h"
#include "verify/commands.h"

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

/* Words that are commands, not images: until they work they are refused by name. */
static int run_later(int argc, char **argv, struct err *err)
{
    (void)argc;
    return err_set(err, ERR_USAGE, "%s: not supported yet", argv[0]);
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    const struct command commands[] = {
        verify_image_command,
        verify_blob_command,
        verify_tree_command,
        { .name = "attestation", .run = run_later },
        { .name = "manifests", .run = run_later },
        { .name = "audit", .run = run_later },
        { .name = "policy", .run = run_later },
        { 0 },
    };

    hash_init();
    if (secret_init(&err) != 0) {
        fprintf(stderr, "verify: %s\n", err_text(&err));
        return err_exit(err.code);
    }
    return option_main(argc, argv, "verify", STRINGIFY(BULLA_VERSION),
                       "verify judges images by what vouches for them.", commands);
}
