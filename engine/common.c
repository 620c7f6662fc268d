#include "engine/common.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"

int common_main(int argc, char **argv, const char *program, const char *intro,
                const struct command *commands)
{
    struct err err = ERR_INIT;

    hash_init();
    if (secret_init(&err) != 0) {
        fprintf(stderr, "%s: %s\n", program, err_text(&err));
        return err_exit(err.code);
    }
    return option_main(argc, argv, program, VERSION_TEXT, intro, commands);
}

int common_not_yet(int argc, char **argv, struct err *err)
{
    (void)argc;
    return err_set(err, ERR_USAGE, "%s: not supported yet", argv[0]);
}

int common_signature_file(struct buf *base64, struct buf *raw, const char *path, struct err *err)
{
    struct buf CLEANUP(buf_clear) file = BUF_INIT(KEY_FILE_MAX);

    if (file_read(&file, path, err) != 0) {
        err->code = err->code == ERR_NOT_FOUND ? ERR_CONFIG : err->code;
        return -1;
    }
    struct bytes text = buf_bytes(&file);
    while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        text.len--;
    if (base64_decode(raw, text, BASE64_STANDARD, err) != 0 || raw->len == 0)
        return err_set(err, ERR_CONFIG, "%s: not a base64 signature", path);
    if (base64 == NULL)
        return 0;
    buf_add_bytes(base64, text);
    return buf_check(base64, "signature", err);
}

static int log_start(const struct common *c, const char *program, struct err *err)
{
    enum log_format format = LOG_TEXT;

    if (log_format_parse(&format, c->log_format, err) != 0)
        return -1;
    log_setup(c->quiet ? LOG_ERROR : c->verbose ? LOG_DEBUG : LOG_INFO, format, program);
    return 0;
}

/* One trailing newline is an editor's, not the secret's. */
static int read_secret(struct secret **out, const char *path, struct err *err)
{
    struct secret *CLEANUP(secret_freep) raw = NULL;

    if (file_read_secret(&raw, path, PASSWORD_MAX, NULL, err) != 0)
        return -1;
    struct bytes content = secret_bytes(raw);
    if (content.len > 0 && content.data[content.len - 1] == '\n')
        content.len--;
    return secret_copy(out, content, err);
}

static int secrets_read(struct common *c, struct err *err)
{
    if (c->password_stdin && c->password_file != NULL)
        return err_set(err, ERR_USAGE,
                       "--registry-password-stdin and --registry-password-file exclude each other");
    const char *password = c->password_stdin ? "-" : c->password_file;
    if ((password == NULL) != (c->username == NULL))
        return err_set(err, ERR_USAGE, "--registry-username and its password go together");
    if (password != NULL && read_secret(&c->password, password, err) != 0)
        return err_wrap(err, "registry password");
    if (c->token_file != NULL && read_secret(&c->token, c->token_file, err) != 0)
        return err_wrap(err, "registry token");
    return 0;
}

static void observe(void *context, const char *method, const char *url, long status, int64_t micros)
{
    (void)context;
    log_debug("%s %s: %ld in %lld ms", method, url, status, (long long)(micros / 1000));
}

static void warn(void *context, const char *host, const char *text)
{
    (void)context;
    log_warn("%s says: %s", host, text);
}

int common_start(struct common *c, const char *program, struct err *err)
{
    if (log_start(c, program, err) != 0 || secrets_read(c, err) != 0)
        return -1;
    const struct registries_options options = {
        .file = c->registries_file,
        .user_agent = "bulla/" VERSION_TEXT,
        .username = c->username,
        .password = c->password,
        .token = c->token,
        .auth_file = c->auth_file,
        .ca_file = c->ca_file,
        .cert_file = c->cert_file,
        .key_file = c->key_file,
        .plain_http = c->plain_http,
        .insecure = c->insecure,
        .observe = c->verbose ? observe : NULL,
        .warn = warn,
    };
    return registries_new(&c->registries, &options, err);
}

void common_clear(struct common *c)
{
    registries_free(c->registries);
    secret_free(c->password);
    secret_free(c->token);
    c->registries = NULL;
    c->password = c->token = NULL;
}

int common_images(struct reference **out, size_t *n, int argc, char **argv, struct err *err)
{
    *out = NULL;
    *n = 0;
    if (argc < 1)
        return err_set(err, ERR_USAGE, "no image is named");
    if (argc > IMAGES_MAX)
        return err_set(err, ERR_USAGE, "more than %d images", IMAGES_MAX);
    struct reference *images = mem_new((size_t)argc, sizeof(*images), err);
    if (images == NULL)
        return -1;
    for (int i = 0; i < argc; i++)
        if (reference_parse(&images[i], bytes_text(argv[i]), err) != 0) {
            common_images_free(images, (size_t)argc);
            return -1;
        }
    *out = images;
    *n = (size_t)argc;
    return 0;
}

void common_images_free(struct reference *images, size_t n)
{
    for (size_t i = 0; images != NULL && i < n; i++)
        reference_clear(&images[i]);
    free(images);
}

/* How many items "a=1,b=2" holds. */
static size_t item_count(const struct option_list *list)
{
    size_t n = list->n;

    for (size_t i = 0; i < list->n; i++)
        for (const char *c = list->values[i]; *c != '\0'; c++)
            n += *c == ',';
    return n;
}

static int annotation_parse(struct annotation *out, struct bytes item, struct arena *arena,
                            struct err *err)
{
    const uint8_t *equals = item.len > 0 ? memchr(item.data, '=', item.len) : NULL;

    if (equals == NULL || equals == item.data)
        return err_set(err, ERR_USAGE, "annotation '%.*s' is not NAME=VALUE", (int)item.len,
                       (const char *)item.data);
    size_t name = (size_t)(equals - item.data);
    if (!text_plain(item))
        return err_set(err, ERR_USAGE, "annotation '%.*s': not plain UTF-8 text", (int)name,
                       (const char *)item.data);
    out->name = arena_text(arena, bytes_part(item, 0, name), err);
    out->value = arena_text(arena, bytes_part(item, name + 1, item.len), err);
    return out->name == NULL || out->value == NULL ? -1 : 0;
}

static int annotation_add(struct annotation *list, size_t *n, struct bytes item,
                          struct arena *arena, struct err *err)
{
    if (annotation_parse(&list[*n], item, arena, err) != 0)
        return -1;
    for (size_t i = 0; i < *n; i++)
        if (strcmp(list[i].name, list[*n].name) == 0)
            return err_set(err, ERR_USAGE, "annotation '%s' is given twice", list[i].name);
    (*n)++;
    return 0;
}

int common_annotations(struct annotation **out, size_t *n, const struct option_list *list,
                       struct arena *arena, struct err *err)
{
    const size_t most = item_count(list);

    *out = NULL;
    *n = 0;
    if (most == 0)
        return 0;
    if (most > ANNOTATIONS_MAX)
        return err_set(err, ERR_USAGE, "more than %d annotations", ANNOTATIONS_MAX);
    struct annotation *annotations = arena_new(arena, most, sizeof(*annotations), err);
    size_t used = 0;
    if (annotations == NULL)
        return -1;
    for (size_t i = 0; i < list->n; i++) {
        const char *item = list->values[i];
        while (item != NULL) {
            const char *comma = strchr(item, ',');
            size_t len = comma == NULL ? strlen(item) : (size_t)(comma - item);
            if (annotation_add(annotations, &used, bytes_part(bytes_text(item), 0, len), arena,
                               err) != 0)
                return -1;
            item = comma == NULL ? NULL : comma + 1;
        }
    }
    *out = annotations;
    *n = used;
    return 0;
}

int common_public_keys(struct public_key ***out, size_t *n, const struct option_list *list,
                       struct err *err)
{
    *out = NULL;
    *n = 0;
    if (list->n == 0)
        return err_set(err, ERR_USAGE, "no key: say whose signature counts with --key FILE");
    if (list->n > KEYS_MAX)
        return err_set(err, ERR_USAGE, "more than %d keys", KEYS_MAX);
    struct public_key **keys = mem_new(list->n, sizeof(struct public_key *), err);
    if (keys == NULL)
        return -1;
    for (size_t i = 0; i < list->n; i++)
        if (public_key_load(&keys[i], list->values[i], err) != 0) {
            common_public_keys_free(keys, list->n);
            return -1;
        }
    *out = keys;
    *n = list->n;
    return 0;
}

void common_public_keys_free(struct public_key **keys, size_t n)
{
    for (size_t i = 0; keys != NULL && i < n; i++)
        public_key_free(keys[i]);
    free(keys);
}
