#include "base/hash.h"
#include "base/secret.h"
#include "sign/commands.h"

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
        sign_image_command,
        sign_blob_command,
        sign_generate_key_pair_command,
        sign_import_key_pair_command,
        sign_public_key_command,
        sign_attach_command,
        sign_copy_command,
        { .name = "attest", .run = run_later },
        { .name = "provenance", .run = run_later },
        { 0 },
    };

    hash_init();
    if (secret_init(&err) != 0) {
        fprintf(stderr, "sign: %s\n", err_text(&err));
        return err_exit(err.code);
    }
    return option_main(argc, argv, "sign", STRINGIFY(BULLA_VERSION),
                       "sign attaches signatures to image digests.", commands);
}
