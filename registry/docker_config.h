#ifndef BULLA_REGISTRY_DOCKER_CONFIG_H
#define BULLA_REGISTRY_DOCKER_CONFIG_H

#include "base/json_pull.h"
#include "registry/credentials.h"

/* docker's config.json, containers' auth.json and what helpers answer: JSON that holds secrets.
 * Nothing of it is copied but into guarded memory. */

enum config_form {
    CONFIG_DOCKER,     /* config.json: credHelpers, credsStore, auths */
    CONFIG_CONTAINERS, /* auth.json: no credsStore */
    CONFIG_ENVIRONMENT /* DOCKER_AUTH_CONFIG: only the `auth` members */
};

struct config_query {
    enum config_form form;
    const char *host;       /* normalised, as in struct reference */
    const char *repository; /* or NULL */
};

/** What a file has: a credential, or the helper to ask, or nothing (kind none, helper NULL). */
struct config_match {
    struct credential credential; /* its origin is not set */
    char *helper;                 /* suffix */
    char *key;                    /* under which it was found; for a helper what to ask it */
};

void config_match_clear(struct config_match *m);

/**
 * Look a repository up. Order (registry.md 7.4): the longest key that is the repository or a folder
 * of it, then a helper, then the host's own key (with scheme, "/v1/" or in Hub's spellings too).
 *
 * @return 0, or -1 with ERR_CONFIG (not the format), ERR_LIMIT, ERR_NOMEM; no secret is in the text
 */
int docker_config_find(struct config_match *out, struct bytes text,
                       const struct config_query *query, struct err *err) MUST_CHECK;

/**
 * What one entry of `auths` holds; kind none where it is empty. The origin is not set.
 *
 * @param entry  of a scanned text; anything but an object is refused
 * @return 0, or -1 with ERR_CONFIG, ERR_MALFORMED, ERR_LIMIT, ERR_NOMEM; no secret is in the text
 */
int docker_entry_read(struct credential *out, struct json_view entry, enum config_form form,
                      struct err *err) MUST_CHECK;

/** A key of `auths` as host and path: without scheme; the path begins with its '/', and is empty
 * where nothing stands behind the host or an API version alone ("/", "/v1/", "/v2/"). */
struct docker_key {
    struct bytes host, path;
};
struct docker_key docker_key_split(struct bytes key);

/** What a helper is asked for a host that the configuration does not spell: the host, but for
 * Docker Hub its old address. */
const char *docker_server_key(const char *host);

/** A helper's answer to `get`: {"ServerURL", "Username", "Secret"}. -1 with ERR_AUTH, ERR_NOMEM. */
int helper_answer_parse(struct credential *out, struct bytes text, struct err *err) MUST_CHECK;

/** May it stand in an Authorization header: visible ASCII, not empty? */
bool bearer_valid(struct bytes token);

#endif
