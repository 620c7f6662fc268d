#include "engine/kubernetes_kinds.h"

#include "base/json_pointer.h"
#include "base/text.h"
#include "engine/kubernetes.h"

#include <string.h>

void kube_kinds_clear(struct kube_kinds *kinds)
{
    arena_clear(&kinds->arena);
    kinds->n = 0;
}

static bool is_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_kind(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_alnum(text.data[i]))
            return false;
    return text.len > 0;
}

/* A DNS name: lower case, no empty label. */
static bool is_group(struct bytes text)
{
    uint8_t last = '.';

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool upper = c >= 'A' && c <= 'Z';
        if (upper || !(is_alnum(c) || c == '-' || (c == '.' && last != '.')))
            return false;
        last = c;
    }
    return last != '.';
}

/* The text up to `mark`; *rest is what follows it, or nothing with false when there is none. */
static bool cut(struct bytes *head, struct bytes *rest, struct bytes text, uint8_t mark)
{
    const uint8_t *at = text.len > 0 ? memchr(text.data, mark, text.len) : NULL;

    *head = text;
    *rest = BYTES_NONE;
    if (at == NULL)
        return false;
    *head = bytes_part(text, 0, (size_t)(at - text.data));
    *rest = bytes_part(text, head->len + 1, text.len);
    return true;
}

static int parse_name(struct kube_kind *out, struct kube_kinds *kinds, struct bytes text,
                      struct err *err)
{
    struct bytes kind, group;

    if ((cut(&kind, &group, text, '.') && !is_group(group)) || !is_kind(kind))
        return err_set(err, ERR_USAGE, "not of the form KIND or KIND.GROUP");
    if (kube_known(group, kind))
        return err_set(err, ERR_USAGE, "the images of this kind are always read");
    out->kind = arena_text(&kinds->arena, kind, err);
    out->group = out->kind != NULL ? arena_text(&kinds->arena, group, err) : NULL;
    return out->group != NULL ? 0 : -1;
}

/* "~1" is "/", "~0" is "~" (RFC 6901 section 4); that nothing else follows "~" was checked. */
static const char *token_text(struct arena *arena, struct bytes token, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(KUBE_TEXT_MAX);

    for (size_t i = 0; i < token.len; i++) {
        char c = (char)token.data[i];
        if (c == '~')
            c = token.data[++i] == '0' ? '~' : '/';
        buf_add_char(&text, c);
    }
    return buf_check(&text, "pointer", err) == 0 ? arena_text(arena, buf_bytes(&text), err) : NULL;
}

static int parse_tokens(struct kube_kind *out, struct arena *arena, struct bytes pointer,
                        struct err *err)
{
    struct bytes rest = bytes_part(pointer, 1, pointer.len), token;
    bool more = true;

    out->tokens = arena_new(arena, KUBE_TOKENS_MAX, sizeof(*out->tokens), err);
    if (out->tokens == NULL)
        return -1;
    while (more) {
        if (out->n == KUBE_TOKENS_MAX)
            return err_set(err, ERR_LIMIT, "a pointer of more than %d members", KUBE_TOKENS_MAX);
        more = cut(&token, &rest, rest, '/');
        if (token.len == 0)
            return err_set(err, ERR_USAGE, "a pointer with an empty member");
        out->tokens[out->n] = token_text(arena, token, err);
        if (out->tokens[out->n++] == NULL)
            return -1;
    }
    return 0;
}

static int parse_pointer(struct kube_kind *out, struct arena *arena, struct bytes text,
                         struct err *err)
{
    out->optional = text.len > 0 && text.data[text.len - 1] == '?';
    struct bytes pointer = bytes_part(text, 0, text.len - out->optional);
    if (pointer.len == 0)
        return err_set(err, ERR_USAGE, "not of the form KIND.GROUP=POINTER");
    if (json_pointer_check(pointer, err) != 0) {
        if (err != NULL)
            err->code = ERR_USAGE;
        return -1;
    }
    out->pointer = arena_text(arena, pointer, err);
    return out->pointer != NULL ? parse_tokens(out, arena, pointer, err) : -1;
}

/* Twice the same, or both read and passed over. */
static int check_conflicts(const struct kube_kinds *kinds, const struct kube_kind *one,
                           struct err *err)
{
    for (size_t i = 0; i < kinds->n; i++) {
        const struct kube_kind *other = &kinds->kinds[i];
        if (strcmp(one->kind, other->kind) != 0 || strcmp(one->group, other->group) != 0)
            continue;
        if (one->pointer == NULL || other->pointer == NULL)
            return err_set(err, ERR_USAGE,
                           one->pointer == other->pointer ? "given twice"
                                                          : "both read and passed over");
        if (strcmp(one->pointer, other->pointer) == 0)
            return err_set(err, ERR_USAGE, "given twice");
    }
    return 0;
}

static int add_kind(struct kube_kinds *kinds, struct bytes name, const struct bytes *pointer,
                    struct err *err)
{
    struct kube_kind one = { 0 };

    if (name.len + (pointer != NULL ? pointer->len : 0) > KUBE_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "longer than %d bytes", KUBE_TEXT_MAX);
    if (kinds->n == KUBE_KINDS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d kinds", KUBE_KINDS_MAX);
    if (parse_name(&one, kinds, name, err) != 0)
        return -1;
    if (pointer != NULL && parse_pointer(&one, &kinds->arena, *pointer, err) != 0)
        return -1;
    if (check_conflicts(kinds, &one, err) != 0)
        return -1;
    kinds->kinds[kinds->n++] = one;
    return 0;
}

/* The option as the user wrote it, in front of what is wrong with it. */
static int tell_option(const char *text, struct err *err)
{
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(ERR_TEXT_MAX);

    text_escape(&shown, bytes_text(text), ERR_TEXT_MAX / 2);
    return err_wrap(err, "%s", buf_text(&shown));
}

int kube_kind_parse(struct kube_kinds *kinds, const char *text, struct err *err)
{
    struct bytes name, pointer;

    cut(&name, &pointer, bytes_text(text), '=');
    return add_kind(kinds, name, &pointer, err) == 0 ? 0 : tell_option(text, err);
}

int kube_ignore_parse(struct kube_kinds *kinds, const char *text, struct err *err)
{
    return add_kind(kinds, bytes_text(text), NULL, err) == 0 ? 0 : tell_option(text, err);
}

int kube_kinds_parse(struct kube_kinds *kinds, const struct option_list *custom,
                     const struct option_list *ignored, struct err *err)
{
    for (size_t i = 0; i < custom->n; i++)
        if (kube_kind_parse(kinds, custom->values[i], err) != 0)
            return err_wrap(err, "--custom-kind");
    for (size_t i = 0; i < ignored->n; i++)
        if (kube_ignore_parse(kinds, ignored->values[i], err) != 0)
            return err_wrap(err, "--ignore-kind");
    return 0;
}
