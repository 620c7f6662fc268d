/* Aims at registry/pull_secret.c: a Secret as the API gives it, and the configuration inside. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "registry/pull_secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void check_match(const struct pull_match *m, const char *host, const char *repository)
{
    const struct credential *c = &m->credential;

    need((m->key == NULL) == (c->kind == CREDENTIAL_NONE));
    need((c->kind == CREDENTIAL_NONE) == (c->secret == NULL));
    need((c->kind == CREDENTIAL_BASIC) == (c->username != NULL));
    need(c->username == NULL || strchr(c->username, ':') == NULL);
    if (m->key == NULL)
        return;
    /* Behind its host a key has nothing, or a folder of the repository. */
    const char *slash = strchr(m->key, '/');
    if (slash == NULL)
        return;
    const size_t len = strlen(slash + 1);
    need(repository != NULL && strncmp(slash + 1, repository, len) == 0);
    need(repository[len] == '\0' || repository[len] == '/');
    need(strncmp(m->key, host, (size_t)(slash - m->key)) == 0 || strpbrk(m->key, "*?") != NULL);
}

static void search(const struct pull_secret *s, const char *host, const char *repository)
{
    CLEANUP(pull_match_clear) struct pull_match m = { .key = NULL };
    struct err err = ERR_INIT;

    if (pull_secret_find(&m, s, host, repository, &err) != 0)
        need(err.code == ERR_CONFIG || err.code == ERR_MALFORMED || err.code == ERR_LIMIT);
    check_match(&m, host, repository);
}

static void look(struct bytes json)
{
    CLEANUP(pull_secret_clear) struct pull_secret s;
    struct err err = ERR_INIT;

    if (pull_secret_read(&s, json, &err) != 0) {
        need(s.text == NULL);
        need(err.code == ERR_UNSUPPORTED || err.code == ERR_MALFORMED || err.code == ERR_LIMIT);
        return;
    }
    search(&s, "docker.io", "library/x");
    search(&s, "h.x:5000", "team/app");
    search(&s, "h.x", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf CLEANUP(buf_clear) json = BUF_INIT(PULL_SECRET_JSON_MAX);

    look((struct bytes) { data, size });
    /* And as what such a Secret holds: base64 is not found by chance. */
    buf_add_text(&json, "{\"kind\":\"Secret\",\"type\":\"kubernetes.io/dockerconfigjson\","
                        "\"data\":{\".dockerconfigjson\":\"");
    base64_encode(&json, (struct bytes) { data, size }, BASE64_STANDARD);
    buf_add_text(&json, "\"}}");
    if (json.state == BUF_FINE)
        look(buf_bytes(&json));
    return 0;
}
