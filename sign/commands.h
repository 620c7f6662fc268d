#ifndef BULLA_SIGN_COMMANDS_H
#define BULLA_SIGN_COMMANDS_H

#include "base/option.h"

/* One row per command; each is defined in the file named for it. */
extern const struct command sign_image_command;             /* sign IMAGE... */
extern const struct command sign_blob_command;              /* blob.c */
extern const struct command sign_generate_key_pair_command; /* keys.c */
extern const struct command sign_import_key_pair_command;
extern const struct command sign_public_key_command;
extern const struct command sign_provenance_command; /* provenance_command.c */
extern const struct command sign_attest_command;     /* attest.c */
extern const struct command sign_attach_command;     /* attach.c */
extern const struct command sign_copy_command;       /* copy.c */

#endif
