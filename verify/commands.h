#ifndef BULLA_VERIFY_COMMANDS_H
#define BULLA_VERIFY_COMMANDS_H

#include "base/option.h"

/* One row per command; each is defined in the file named for it. */
extern const struct command verify_image_command;       /* verify IMAGE... */
extern const struct command verify_attestation_command; /* attestation.c */
extern const struct command verify_blob_command;        /* blob.c */
extern const struct command verify_tree_command;        /* tree.c */
extern const struct command verify_download_command;    /* download.c */
extern const struct command verify_manifests_command;   /* manifests.c */
extern const struct command verify_audit_command;       /* audit.c */
extern const struct command verify_policy_command;      /* policy.c */

#endif
