#include "registry/digest.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *prefix;
    enum hash_alg alg;
} algorithms[] = {
    { "sha256:", HASH_SHA256 },
    { "sha512:", HASH_SHA512 },
};

static bool lower_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* image-spec "Digests": algorithm = component *( separator component ), encoded = 1*( alnum / "=" /
 * "_" / "-" ). */
static bool grammar_holds(struct bytes text)
{
    size_t i = 0;
    bool component = false;

    for (; i < text.len && text.data[i] != ':'; i++) {
        bool separator = strchr("+._-", text.data[i]) != NULL && text.data[i] != 0;
        if (!separator && !lower_or_digit(text.data[i]))
            return false;
        if (separator && !component)
            return false;
        component = !separator;
    }
    if (i == text.len || !component || i + 1 == text.len)
        return false;
    for (i++; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!lower_or_digit(c) && !(c >= 'A' && c <= 'Z') && c != '=' && c != '_' && c != '-')
            return false;
    }
    return true;
}

int digest_parse(struct digest *out, struct bytes text, struct err *err)
{
    *out = (struct digest) { 0 };
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        size_t prefix = strlen(algorithms[i].prefix);
        size_t size = hash_size(algorithms[i].alg);
        if (!bytes_starts(text, algorithms[i].prefix))
            continue;
        if (text.len - prefix != 2 * size)
            return err_set(err, ERR_MALFORMED, "digest: %.6s needs %zu hex digits, has %zu",
                           algorithms[i].prefix, 2 * size, text.len - prefix);
        if (hex_decode(out->value, size, bytes_part(text, prefix, 2 * size), err) != 0)
            return err_wrap(err, "digest");
        out->alg = algorithms[i].alg;
        return 0;
    }
    if (!grammar_holds(text))
        return err_set(err, ERR_MALFORMED, "digest: not algorithm:hex");
    size_t name = 0;
    while (text.data[name] != ':')
        name++;
    return err_set(err, ERR_UNSUPPORTED, "digest: algorithm %.*s is not supported",
                   name > 32 ? 32 : (int)name, (const char *)text.data);
}

/* Where an array of the right size is written, hex needs no growing buffer and cannot fail. */
static void put_hex(char *out, const uint8_t *value, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[value[i] >> 4];
        out[2 * i + 1] = digits[value[i] & 15];
    }
    out[2 * len] = 0;
}

void digest_format(char out[DIGEST_TEXT_MAX], const struct digest *digest)
{
    const char *name = hash_name(digest->alg);
    size_t len = strlen(name);

    memcpy(out, name, len);
    out[len] = ':';
    put_hex(out + len + 1, digest->value, hash_size(digest->alg));
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return a->alg == b->alg && bytes_equal((struct bytes) { a->value, hash_size(a->alg) },
                                           (struct bytes) { b->value, hash_size(b->alg) });
}

int digest_of(struct digest *out, enum hash_alg alg, struct bytes content, struct err *err)
{
    *out = (struct digest) { 0 };
    if (alg != HASH_SHA256 && alg != HASH_SHA512)
        return err_set(err, ERR_UNSUPPORTED, "digest: algorithm %s is not supported",
                       hash_name(alg));
    if (hash_bytes(out->value, alg, content, err) != 0) {
        *out = (struct digest) { 0 };
        return err_wrap(err, "digest");
    }
    out->alg = alg;
    return 0;
}

int digest_check(const struct digest *want, int64_t size, struct bytes content, struct err *err)
{
    struct digest found;
    char want_text[DIGEST_TEXT_MAX];
    char found_text[DIGEST_TEXT_MAX];

    if (digest_of(&found, want->alg, content, err) != 0)
        return -1;
    digest_format(want_text, want);
    digest_format(found_text, &found);
    if (!digest_equal(want, &found))
        return err_set(err, ERR_INVALID, "content does not match its digest: wanted %s, found %s",
                       want_text, found_text);
    if (size >= 0 && (uint64_t)size != content.len)
        return err_set(err, ERR_INVALID,
                       "content does not match its size: wanted %lld bytes, found %zu (wanted %s, "
                       "found %s)",
                       (long long)size, content.len, want_text, found_text);
    return 0;
}

void digest_tag(char out[DIGEST_TAG_MAX], const struct digest *digest, const char *suffix)
{
    const char *name = hash_name(digest->alg);
    size_t len = strlen(name);
    size_t shown = hash_size(digest->alg);

    /* distribution-spec "Referrers Tag Schema": the encoded part is cut to 64 characters. */
    if (suffix[0] == 0 && shown > 32)
        shown = 32;
    memcpy(out, name, len);
    out[len] = '-';
    put_hex(out + len + 1, digest->value, shown);
    snprintf(out + len + 1 + 2 * shown, DIGEST_TAG_MAX - len - 1 - 2 * shown, "%s", suffix);
}
