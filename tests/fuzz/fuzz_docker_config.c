/* Aims at registry/docker_config.c: files with credentials and answers of helpers. */
#include <stdlib.h>
#include <string.h>

#include "registry/docker_config.h"
#include "registry/helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool held)
{
    if (!held)
        abort();
}

static void check_credential(const struct credential *c)
{
    need((c->kind == CREDENTIAL_NONE) == (c->secret == NULL));
    need((c->kind == CREDENTIAL_BASIC) == (c->username != NULL));
    need(c->username == NULL || strchr(c->username, ':') == NULL);
    need(c->kind != CREDENTIAL_BEARER || bearer_valid(secret_bytes(c->secret)));
}

static void look_up(struct bytes text, const struct config_query *query)
{
    CLEANUP(config_match_clear) struct config_match m;
    struct err err = ERR_INIT;

    if (docker_config_find(&m, text, query, &err) != 0) {
        need(err.code == ERR_CONFIG || err.code == ERR_LIMIT);
        need(m.key == NULL && m.helper == NULL && m.credential.kind == CREDENTIAL_NONE);
        return;
    }
    need(err.code == ERR_NONE);
    check_credential(&m.credential);
    need((m.key != NULL) == (m.helper != NULL || m.credential.kind != CREDENTIAL_NONE));
    need(m.helper == NULL || m.credential.kind == CREDENTIAL_NONE);
    need(m.helper == NULL || helper_name_valid(bytes_text(m.helper)));
    need(m.helper == NULL || query->form != CONFIG_ENVIRONMENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_query queries[] = { { CONFIG_DOCKER, "docker.io", "library/x" },
                                                   { CONFIG_CONTAINERS, "h.x:5000", "a/b" },
                                                   { CONFIG_ENVIRONMENT, "h.x:5000", NULL } };
    struct bytes text = { data, size };
    CLEANUP(credential_clear) struct credential answer;
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(queries); i++)
        look_up(text, &queries[i]);
    if (helper_answer_parse(&answer, text, &err) != 0)
        need(err.code == ERR_AUTH && answer.kind == CREDENTIAL_NONE);
    check_credential(&answer);
    return 0;
}
