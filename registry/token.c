#include "registry/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_pull.h"
#include "base/limits.h"
#include "base/mem.h"

#define SCOPE_MAX (4 * KIB)
#define SCOPE_PARTS_MAX 64
#define TOKEN_LIFE_DEFAULT_S 60 /* token specification: when expires_in is absent */

/* --- The answer --- */

static int64_t clamp_life(int64_t seconds)
{
    if (seconds > TOKEN_LIFE_MAX_MS / 1000)
        return TOKEN_LIFE_MAX_MS;
    return seconds * 1000 < TOKEN_LIFE_MIN_MS ? TOKEN_LIFE_MIN_MS : seconds * 1000;
}

static int token_life(int64_t *lifetime, struct json_view expires, struct err *err)
{
    int64_t seconds = TOKEN_LIFE_DEFAULT_S;

    /* A fraction or a number out of range says nothing that is worth a refusal. */
    if (expires.kind == JSON_NUMBER &&
        json_integer(&seconds, expires, INT64_MIN, INT64_MAX, "expires_in", NULL) != 0)
        seconds = TOKEN_LIFE_DEFAULT_S;
    if (seconds < 0)
        return err_set(err, ERR_MALFORMED, "token answer: expires_in is negative");
    *lifetime = clamp_life(seconds);
    return 0;
}

static void wipe_buf(struct buf *b)
{
    if (b->data != NULL)
        secret_wipe(b->data, b->cap);
    buf_clear(b);
}

/* Visible ASCII only: it becomes part of a header line. */
static bool fit_for_header(struct bytes token)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.data[i] <= ' ' || token.data[i] > '~')
            return false;
    return token.len > 0;
}

int token_parse(struct secret **token, int64_t *lifetime, struct bytes body, struct err *err)
{
    struct json_view root, access = JSON_VIEW_NONE, plain = JSON_VIEW_NONE,
                           expires = JSON_VIEW_NONE;
    const struct json_member members[] = {
        { "access_token", &access, JSON_STRING, false },
        { "token", &plain, JSON_STRING, false },
        { "expires_in", &expires, JSON_ABSENT, false },
    };
    struct buf CLEANUP(wipe_buf) text = BUF_INIT(TOKEN_MAX);

    *token = NULL;
    *lifetime = 0;
    /* Reserved at once, so that no growth leaves a copy behind. */
    if (buf_reserve(&text, body.len < TOKEN_MAX ? body.len : TOKEN_MAX) == NULL)
        return buf_check(&text, "token answer", err);
    if (json_scan(&root, body, err) != 0 ||
        json_members(root, members, ARRAY_LEN(members), JSON_REST_IGNORED, "token answer", err) !=
            0 ||
        token_life(lifetime, expires, err) != 0)
        return -1;
    struct json_view value = access.kind == JSON_STRING && access.raw.len > 2 ? access : plain;
    if (value.kind != JSON_STRING)
        return err_set(err, ERR_MALFORMED, "token answer: holds no token");
    if (json_string(&text, value, "token", err) != 0)
        return -1;
    if (!fit_for_header(buf_bytes(&text)))
        return err_set(err, ERR_MALFORMED, "token answer: the token is not visible ASCII");
    return secret_copy(token, buf_bytes(&text), err);
}

/* --- Scopes --- */

static int compare_parts(const void *a, const void *b)
{
    const struct bytes *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = n > 0 ? memcmp(x->data, y->data, n) : 0;

    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* Split at any run of `separator`, sort, drop repeats. */
static int split_sorted(struct bytes *parts, size_t *n, struct bytes text, char separator,
                        struct err *err)
{
    size_t count = 0, kept = 0;

    for (size_t at = 0; at < text.len;) {
        const uint8_t *end = memchr(text.data + at, separator, text.len - at);
        size_t len = end == NULL ? text.len - at : (size_t)(end - (text.data + at));
        if (len > 0 && count == SCOPE_PARTS_MAX)
            return err_set(err, ERR_LIMIT, "scope: more than %d parts", SCOPE_PARTS_MAX);
        if (len > 0)
            parts[count++] = bytes_part(text, at, len);
        at += len + 1;
    }
    qsort(parts, count, sizeof(*parts), compare_parts);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !bytes_equal(parts[i], parts[kept - 1]))
            parts[kept++] = parts[i];
    *n = kept;
    return 0;
}

/* A name may hold a colon (a port): the actions stand after the last one. */
static int add_resource(struct buf *out, struct bytes resource, struct err *err)
{
    struct bytes actions[SCOPE_PARTS_MAX];
    const uint8_t *colon = memrchr(resource.data, ':', resource.len);
    size_t n = 0;

    if (colon == NULL || memchr(resource.data, ':', resource.len) == colon) {
        buf_add_bytes(out, resource);
        return 0;
    }
    size_t head = (size_t)(colon - resource.data) + 1;
    if (split_sorted(actions, &n, bytes_part(resource, head, resource.len), ',', err) != 0)
        return -1;
    buf_add_bytes(out, bytes_part(resource, 0, head));
    for (size_t i = 0; i < n; i++)
        if (bytes_is(actions[i], "*")) {
            buf_add_char(out, '*');
            return 0;
        }
    for (size_t i = 0; i < n; i++) {
        buf_add_text(out, i > 0 ? "," : "");
        buf_add_bytes(out, actions[i]);
    }
    return 0;
}

int scope_canonical(struct buf *out, struct bytes scope, struct err *err)
{
    struct bytes parts[SCOPE_PARTS_MAX], again[SCOPE_PARTS_MAX];
    struct buf CLEANUP(buf_clear) text = BUF_INIT(SCOPE_MAX);
    size_t n = 0;

    if (split_sorted(parts, &n, scope, ' ', err) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        buf_add_text(&text, i > 0 ? " " : "");
        if (add_resource(&text, parts[i], err) != 0)
            return -1;
    }
    if (buf_check(&text, "scope", err) != 0)
        return -1;
    /* Once more: the order may have changed with the actions. */
    if (split_sorted(again, &n, buf_bytes(&text), ' ', err) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        buf_add_text(out, i > 0 ? " " : "");
        buf_add_bytes(out, again[i]);
    }
    return buf_check(out, "scope", err);
}
