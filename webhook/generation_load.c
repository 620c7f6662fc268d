#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/limits.h"
#include "base/log.h"
#include "registry/auth_files.h"
#include "registry/docker_config.h"
#include "registry/hosts.h"
#include "webhook/generation_private.h"

#define FINDINGS_LOGGED_MAX 20 /* of a policy: what is more comes again once these are mended */
#define CERTS_DEPTH 2          /* certs.d/HOST/FILE */
#define PATH_LONGEST 4096      /* PATH_MAX of the system, as a ceiling on what is built */

void shared_registries_drop(struct shared_registries *shared)
{
    if (shared == NULL || atomic_fetch_sub_explicit(&shared->users, 1, memory_order_acq_rel) != 1)
        return;
    registries_free(shared->registries);
    free(shared);
}

void held_free(struct held *held)
{
    if (held == NULL)
        return;
    policy_file_clear(&held->shown.file);
    tls_identity_drop(held->shown.identity);
    secret_free(held->shown.token);
    shared_registries_drop(held->registries);
    free(held);
}

void held_freep(struct held **held)
{
    held_free(*held);
    *held = NULL;
}

/* --- Hashes: each part with its length in front, so that no two lists give the same bytes --- */

static int add_part(struct hash *hash, struct bytes part, struct err *err)
{
    uint8_t length[8];

    for (size_t i = 0; i < sizeof(length); i++)
        length[i] = (uint8_t)((uint64_t)part.len >> (8 * i));
    if (hash_add(hash, (struct bytes) { length, sizeof(length) }, err) != 0)
        return -1;
    return hash_add(hash, part, err);
}

static int add_file(struct hash *hash, const char *path, struct err *err)
{
    struct buf CLEANUP(buf_clear) content = BUF_INIT(CONFIG_FILE_MAX);

    if (add_part(hash, bytes_text(path), err) != 0)
        return -1;
    if (file_read(&content, path, err) != 0) {
        err->code = err->code == ERR_NOT_FOUND ? ERR_CONFIG : err->code;
        return -1;
    }
    return add_part(hash, buf_bytes(&content), err);
}

/* --- How registries are reached --- */

/* One reading of it. */
struct inputs {
    struct hash *hash;
    struct file_marks *marks;
};

static int add_certs(struct inputs *in, const char *path, int depth, struct err *err);

/* NOLINTNEXTLINE(misc-no-recursion): CERTS_DEPTH deep */
static int add_certs_folder(struct inputs *in, const char *folder, int depth, struct err *err)
{
    struct folder_list CLEANUP(folder_list_clear) l = FOLDER_LIST_INIT;

    if (folder_list(&l, folder, err) != 0)
        return -1;
    for (int i = 0; i < l.n; i++) {
        struct buf CLEANUP(buf_clear) path = BUF_INIT(PATH_LONGEST);
        buf_addf(&path, "%s/%s", folder, l.entries[i]->d_name);
        if (buf_check(&path, "certs.d", err) != 0 ||
            add_certs(in, buf_text(&path), depth + 1, err) != 0)
            return -1;
    }
    return 0;
}

/* Folders of certs.d are read when a host is asked, and then kept: what is in any of them counts.
 */
/* NOLINTNEXTLINE(misc-no-recursion): CERTS_DEPTH deep */
static int add_certs(struct inputs *in, const char *path, int depth, struct err *err)
{
    if (file_marks_add(in->marks, path, err) != 0)
        return -1;
    const struct file_mark *mark = &in->marks->items[in->marks->n - 1];
    if (!mark->there)
        return 0;
    if (!S_ISDIR(mark->what.st_mode))
        return depth == CERTS_DEPTH ? add_file(in->hash, path, err) : 0;
    return depth < CERTS_DEPTH ? add_certs_folder(in, path, depth, err) : 0;
}

/* Credentials are read whenever they are needed. Here only whether they can be: that the new ones
 * are no docker config should be known at once, not with the next image. */
static int check_credentials(struct file_marks *marks, const char *path, struct err *err)
{
    struct secret *CLEANUP(secret_freep) text = NULL;
    struct config_match CLEANUP(config_match_clear) match = { 0 };
    const struct config_query anything = { .form = CONFIG_DOCKER, .host = "registry.invalid" };

    if (file_marks_add(marks, path, err) != 0)
        return -1;
    if (file_read_secret(&text, path, CONFIG_FILE_MAX, NULL, err) != 0) {
        err->code = err->code == ERR_NOT_FOUND ? ERR_CONFIG : err->code;
        return -1;
    }
    if (docker_config_find(&match, secret_bytes(text), &anything, err) != 0)
        return err_wrap(err, "%s", path);
    return 0;
}

static int add_hosts(struct inputs *in, const char *path, struct err *err)
{
    struct hosts *CLEANUP(hosts_freep) hosts = NULL;
    const struct host_file *file;
    const char *base;

    if (hosts_load_marked(&hosts, path, in->marks, err) != 0)
        return -1;
    if (path != NULL && add_file(in->hash, path, err) != 0)
        return -1;
    for (size_t i = 0; (file = hosts_file(hosts, i)) != NULL; i++)
        if (file->credentials ? check_credentials(in->marks, file->path, err) != 0
                              : add_file(in->hash, file->path, err) != 0)
            return -1;
    for (size_t i = 0; (base = hosts_certs_base(hosts, i)) != NULL; i++)
        if (add_certs(in, base, 0, err) != 0)
            return -1;
    return 0;
}

/* Folders are noted too: what comes into them or goes changes their times. */
static int check_auth(struct file_marks *marks, const struct generation_files *files,
                      struct err *err)
{
    struct auth_files CLEANUP(auth_files_clear) found = { NULL, 0, 0 };

    for (size_t i = 0; i < files->n_auth; i++)
        if (file_marks_add(marks, files->auth[i], err) != 0 ||
            auth_files_add(&found, files->auth[i], err) != 0)
            return -1;
    for (size_t i = 0; i < found.n; i++)
        if (check_credentials(marks, found.list[i], err) != 0)
            return -1;
    return 0;
}

static int inputs_hash(uint8_t out[GENERATION_HASH], struct file_marks *marks,
                       const struct generation_files *files, struct err *err)
{
    struct hash *CLEANUP(hash_freep) hash = NULL;

    if (hash_new(&hash, HASH_SHA256, err) != 0)
        return -1;
    struct inputs in = { hash, marks };
    if (add_hosts(&in, files->registries, err) != 0)
        return -1;
    for (size_t i = 0; i < files->n_auth; i++)
        if (add_part(hash, bytes_text(files->auth[i]), err) != 0)
            return -1;
    return hash_end(out, hash, err);
}

static int new_shared(struct shared_registries **out, const struct generations_options *options,
                      struct err *err)
{
    struct registries_options how = options->registries;
    struct shared_registries *shared = mem_new(1, sizeof(*shared), err);

    if (shared == NULL)
        return -1;
    how.file = options->files.registries;
    how.auth_files = options->files.auth;
    how.n_auth_files = options->files.n_auth;
    how.refuse_private = true; /* whoever may create a Pod names the host */
    how.plain_http = false;
    how.insecure = false;
    if (registries_new(&shared->registries, &how, err) != 0) {
        free(shared);
        return -1;
    }
    atomic_init(&shared->users, 1);
    *out = shared;
    return 0;
}

static bool same_hash(const uint8_t a[GENERATION_HASH], const uint8_t b[GENERATION_HASH])
{
    return bytes_equal((struct bytes) { a, GENERATION_HASH },
                       (struct bytes) { b, GENERATION_HASH });
}

static int use_registries(struct held *held, const struct generations_options *options,
                          const struct held *before, struct file_marks *marks, struct err *err)
{
    uint8_t inputs[GENERATION_HASH];

    if (inputs_hash(inputs, marks, &options->files, err) != 0 ||
        check_auth(marks, &options->files, err) != 0)
        return err_wrap(err, "registries");
    if (before != NULL && same_hash(before->registries->inputs, inputs)) {
        held->registries = before->registries;
        atomic_fetch_add_explicit(&held->registries->users, 1, memory_order_relaxed);
        return 0;
    }
    if (new_shared(&held->registries, options, err) != 0)
        return err_wrap(err, "registries");
    memcpy(held->registries->inputs, inputs, sizeof(inputs));
    return 0;
}

/* --- Policy and trust --- */

/* The first error is the whole reading's, and told with it. */
static void tell_findings(const struct policy_findings *findings, const char *file)
{
    bool first = true;

    for (size_t i = 0; i < findings->n && i < FINDINGS_LOGGED_MAX; i++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(LOG_MESSAGE_MAX);
        const bool error = findings->items[i].level == FINDING_ERROR;
        policy_finding_format(&text, file, &findings->items[i]);
        if (!error)
            log_warn("%s", buf_text(&text));
        else if (!first)
            log_error("%s", buf_text(&text));
        first = first && !error;
    }
}

static int use_policy(struct held *held, const struct generations_options *options,
                      struct file_marks *marks, struct err *err)
{
    struct policy_file *file = &held->shown.file;
    struct engine_options *engine = &held->shown.source.engine;
    const char *path = options->files.policy;

    const int read = policy_file_read(file, path, err);
    tell_findings(&file->findings, path);
    /* What is not noted is not watched: rather no generation. */
    if (file_marks_move(marks, &file->files, read == 0 ? err : NULL) != 0 || read != 0)
        return -1;
    engine->policy = file->policy;
    engine->keys = (const struct public_key *const *)file->keys.keys;
    engine->n_keys = file->keys.n;
    return 0;
}

struct fingerprint {
    uint8_t bytes[KEY_FINGERPRINT_SIZE];
};

static int compare(const void *a, const void *b)
{
    const struct fingerprint *x = a, *y = b;

    for (size_t i = 0; i < KEY_FINGERPRINT_SIZE; i++)
        if (x->bytes[i] != y->bytes[i])
            return x->bytes[i] < y->bytes[i] ? -1 : 1;
    return 0;
}

/* Sorted: which keys are trusted counts, not in which order the file tells them. */
static int add_keys(struct hash *hash, const struct policy_keys *keys, struct err *err)
{
    struct fingerprint *CLEANUP(mem_freep) list = NULL;

    if (keys->n == 0)
        return add_part(hash, BYTES_NONE, err);
    list = mem_new(keys->n, sizeof(*list), err);
    if (list == NULL)
        return -1;
    for (size_t i = 0; i < keys->n; i++)
        memcpy(list[i].bytes, public_key_fingerprint(keys->keys[i]), KEY_FINGERPRINT_SIZE);
    qsort(list, keys->n, sizeof(*list), compare);
    return add_part(hash, (struct bytes) { list[0].bytes, keys->n * sizeof(*list) }, err);
}

static int trust_hash(struct held *held, struct err *err)
{
    struct hash *CLEANUP(hash_freep) hash = NULL;

    if (hash_new(&hash, HASH_SHA256, err) != 0 ||
        add_keys(hash, &held->shown.file.keys, err) != 0 ||
        add_part(hash, (struct bytes) { held->registries->inputs, GENERATION_HASH }, err) != 0 ||
        add_part(hash, bytes_text(getenv("COSIGN_REPOSITORY")), err) != 0)
        return -1;
    return hash_end(held->shown.source.trust, hash, err);
}

/* --- Who serves, who may call --- */

static int use_tls(struct held *held, const struct tls_files *tls, struct file_marks *marks,
                   struct err *err)
{
    const char *const paths[] = { tls->cert, tls->key, tls->client_ca };

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (paths[i] != NULL && file_marks_add(marks, paths[i], err) != 0)
            return -1;
    if (tls->cert == NULL || tls_identity_read(&held->shown.identity, tls, err) == 0)
        return 0;
    err->code = err->code == ERR_NOT_FOUND ? ERR_CONFIG : err->code;
    return -1;
}

static int use_token(struct held *held, const char *path, struct file_marks *marks, struct err *err)
{
    struct secret *CLEANUP(secret_freep) raw = NULL;

    if (path == NULL)
        return 0;
    if (file_marks_add(marks, path, err) != 0)
        return -1;
    if (file_read_secret(&raw, path, TOKEN_MAX, NULL, err) != 0) {
        err->code = err->code == ERR_NOT_FOUND ? ERR_CONFIG : err->code;
        return err_wrap(err, "token");
    }
    struct bytes text = secret_bytes(raw);
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--; /* an editor's, not the token's */
    if (!bearer_valid(text))
        return err_set(err, ERR_CONFIG, "token %s: empty, or holds blanks or control characters",
                       path);
    return secret_copy(&held->shown.token, text, err);
}

int held_load(struct held **out, const struct generations_options *options,
              const struct held *before, struct file_marks *marks, struct err *err)
{
    struct held *CLEANUP(held_freep) held = NULL;

    *out = NULL;
    held = mem_new(1, sizeof(*held), err);
    if (held == NULL)
        return -1;
    held->shown.file = (struct policy_file) { .findings = POLICY_FINDINGS_INIT };
    held->shown.source.engine = options->engine;
    if (use_policy(held, options, marks, err) != 0 ||
        use_registries(held, options, before, marks, err) != 0 || trust_hash(held, err) != 0 ||
        use_tls(held, &options->files.tls, marks, err) != 0 ||
        use_token(held, options->files.token, marks, err) != 0)
        return -1;
    held->shown.source.engine.registries = held->registries->registries;
    held->shown.loaded = clock_seconds();
    *out = STEAL(held);
    return 0;
}
