#include "keys/signer.h"

#include "base/limits.h"

int signer_sign(struct signer *s, struct bytes message, struct buf *signature, struct err *err)
{
    struct buf CLEANUP(buf_clear) made = BUF_INIT(SIGNATURE_BYTES_MAX);

    if (s->ops->sign(s, message, &made, err) != 0)
        return -1;
    /* a fault while signing would publish a wrong signature, and of some schemes the key */
    if (public_key_verify(s->key, message, buf_bytes(&made), NULL, err) != 0) {
        if (err != NULL && err->code == ERR_INVALID)
            err->code = ERR_CRYPTO;
        return err_wrap(err, "checking the new signature");
    }
    buf_add_bytes(signature, buf_bytes(&made));
    return buf_check(signature, "signature", err);
}

const struct public_key *signer_key(const struct signer *s)
{
    return s->key;
}

void signer_free(struct signer *s)
{
    if (s != NULL)
        s->ops->free(s);
}

void signer_freep(struct signer **s)
{
    signer_free(*s);
    *s = NULL;
}
