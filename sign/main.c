#include "engine/common.h"
#include "sign/commands.h"

int main(int argc, char **argv)
{
    const struct command commands[] = {
        sign_image_command,
        sign_attest_command,
        sign_provenance_command,
        sign_blob_command,
        sign_generate_key_pair_command,
        sign_import_key_pair_command,
        sign_public_key_command,
        sign_attach_command,
        sign_copy_command,
        { 0 },
    };

    return common_main(argc, argv, "sign", "sign attaches signatures to image digests.", commands);
}
