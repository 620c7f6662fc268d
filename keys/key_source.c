#include "keys/key_source.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"

/* References of cosign that name a key outside a file (sigstore.md 1.3). */
static const struct {
    const char *prefix;
    const char *name;
} refused[] = {
    { "awskms://", "AWS KMS" },
    { "gcpkms://", "Google Cloud KMS" },
    { "azurekms://", "Azure Key Vault" },
    { "hashivault://", "HashiCorp Vault" },
    { "pkcs11:", "PKCS#11 tokens" },
    { "k8s://", "keys in Kubernetes secrets" },
    { "gitlab://", "keys in GitLab variables" },
    { "github://", "keys in GitHub secrets" },
    { "http://", "fetching keys" },
    { "https://", "fetching keys" },
};

static int refuse_remote(const char *source, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (bytes_starts(bytes_text(source), refused[i].prefix))
            return err_set(err, ERR_UNSUPPORTED, "%s: %s: not supported yet, use a key file",
                           source, refused[i].name);
    if (strstr(source, "://") != NULL)
        return err_set(err, ERR_UNSUPPORTED, "%s: not supported, use a key file", source);
    return 0;
}

static int read_env(struct secret **out, const char *source, const char *name, struct err *err)
{
    const char *value = getenv(name);

    if (value == NULL)
        return err_set(err, ERR_CONFIG, "%s: the variable is not set", source);
    if (strlen(value) > KEY_FILE_MAX)
        return err_set(err, ERR_CONFIG, "%s: larger than a key is", source);
    return secret_copy(out, bytes_text(value), err);
}

int key_source_read(struct secret **out, const char *source, mode_t *mode, struct err *err)
{
    static const char env[] = "env://";

    *out = NULL;
    if (mode != NULL)
        *mode = 0;
    if (bytes_starts(bytes_text(source), env))
        return read_env(out, source, source + sizeof(env) - 1, err);
    if (refuse_remote(source, err) != 0)
        return -1;
    struct err cause = ERR_INIT;
    if (file_read_secret(out, source, KEY_FILE_MAX, mode, &cause) == 0)
        return 0;
    /* a key that is not there, cannot be read or is none is a wrong command line, not bad luck */
    if (err != NULL) {
        *err = cause;
        err->code = cause.code == ERR_NOMEM ? ERR_NOMEM : ERR_CONFIG;
    }
    return -1;
}
