#include "engine/common.h"
#include "verify/commands.h"

int main(int argc, char **argv)
{
    const struct command commands[] = {
        verify_image_command, verify_attestation_command, verify_blob_command,
        verify_tree_command,  verify_download_command,    verify_manifests_command,
        verify_audit_command, verify_policy_command,      { 0 },
    };

    return common_main(argc, argv, "verify", "verify judges images by what vouches for them.",
                       commands);
}
