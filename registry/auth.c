#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/call.h"

/*
 * How a call is authenticated (registry.md 6.1). Nothing is sent at first; what the first challenge
 * of a host teaches is used for later calls from the start.
 */

/* --- What hosts have taught --- */

/* A copy of what is known of one host. */
struct lesson {
    enum challenge_scheme scheme; /* CHALLENGE_OTHER: nothing yet */
    char *realm, *service;
};

static void lesson_clear(struct lesson *l)
{
    free(l->realm);
    free(l->service);
}

static int copy_text(char **out, const char *text, struct err *err)
{
    *out = NULL;
    if (text == NULL)
        return 0;
    *out = mem_text(bytes_text(text), err);
    return *out != NULL ? 0 : -1;
}

static struct learned *find_learned(struct registries *r, const char *wire)
{
    for (size_t i = 0; i < r->n_learned; i++)
        if (strcmp(r->learned[i].host, wire) == 0)
            return &r->learned[i];
    return NULL;
}

static int recall(struct lesson *out, struct endpoint *e, struct err *err)
{
    struct registries *r = e->registries;
    int result = 0;

    *out = (struct lesson) { CHALLENGE_OTHER, NULL, NULL };
    pthread_mutex_lock(&r->lock);
    const struct learned *l = find_learned(r, e->wire);
    if (l != NULL) {
        out->scheme = l->scheme;
        result = copy_text(&out->realm, l->realm, err) != 0 ||
                         copy_text(&out->service, l->service, err) != 0
                     ? -1
                     : 0;
    }
    pthread_mutex_unlock(&r->lock);
    return result;
}

static int new_learned(struct learned **out, struct registries *r, const char *wire,
                       struct err *err)
{
    if (mem_grow((void **)&r->learned, &r->cap_learned, r->n_learned, sizeof(*r->learned),
                 SIZE_MAX / sizeof(*r->learned), err) != 0)
        return -1;
    struct learned *l = &r->learned[r->n_learned];
    if (copy_text(&l->host, wire, err) != 0)
        return -1;
    r->n_learned++;
    *out = l;
    return 0;
}

static int remember_locked(struct registries *r, const char *wire, const struct challenge *c,
                           struct err *err)
{
    struct learned *l = find_learned(r, wire);
    char *CLEANUP(mem_freep) realm = NULL;
    char *CLEANUP(mem_freep) service = NULL;

    if (l == NULL && new_learned(&l, r, wire, err) != 0)
        return -1;
    if (copy_text(&realm, c->scheme == CHALLENGE_BEARER ? c->realm : NULL, err) != 0 ||
        copy_text(&service, c->service, err) != 0)
        return -1;
    free(l->realm);
    free(l->service);
    l->scheme = c->scheme;
    l->realm = STEAL(realm);
    l->service = STEAL(service);
    return 0;
}

static int remember(struct endpoint *e, const struct challenge *c, struct err *err)
{
    pthread_mutex_lock(&e->registries->lock);
    int result = remember_locked(e->registries, e->wire, c, err);
    pthread_mutex_unlock(&e->registries->lock);
    return result;
}

/* --- Headers --- */

static int bearer_header(struct secret **out, const struct secret *token, struct err *err)
{
    struct bytes t = secret_bytes(token);

    *out = NULL;
    if (secret_new(out, t.len + sizeof("Bearer "), err) != 0)
        return -1;
    uint8_t *at = secret_data(*out); /* zeroed: the NUL is there */
    memcpy(at, "Bearer ", 7);
    memcpy(at + 7, t.data, t.len);
    return 0;
}

static int set_basic(struct call *c, struct endpoint *e, bool *set, struct err *err)
{
    const struct credential *credential;

    *set = false;
    if (endpoint_credential(&credential, e, err) != 0)
        return -1;
    if (credential->kind != CREDENTIAL_BASIC)
        return 0;
    secret_freep(&c->authorization);
    *set = true;
    return basic_header(&c->authorization, credential, err);
}

static int set_token(struct call *c, const struct secret *token, const char *key, struct err *err)
{
    secret_freep(&c->authorization);
    mem_freep(&c->token_key);
    return bearer_header(&c->authorization, token, err) != 0 ||
                   copy_text(&c->token_key, key, err) != 0
               ? -1
               : 0;
}

static int scope_of(struct buf *out, const struct endpoint *e, const struct call *c,
                    const char *actions, struct err *err)
{
    struct buf CLEANUP(buf_clear) plain = BUF_INIT(2 * KIB);

    if (e->repository[0] == '\0')
        buf_addf(&plain, "registry:catalog:%s", actions);
    else
        buf_addf(&plain, "repository:%s:%s", e->repository, actions);
    if (c->from != NULL)
        buf_addf(&plain, " repository:%s:pull", c->from);
    if (buf_check(&plain, "scope", err) != 0)
        return -1;
    return scope_canonical(out, buf_bytes(&plain), err);
}

/* Who gives the tokens. */
struct issuer {
    const char *realm;
    const char *service; /* or NULL */
};

/* registry.md 6.7: origin, realm, service, scope and credential. */
static int token_key(struct buf *out, const struct endpoint *e, struct issuer from,
                     const char *scope, struct err *err)
{
    buf_addf(out, "%s\n%s\n%s\n%s\n%s", e->wire, from.realm,
             from.service != NULL ? from.service : "", scope, e->identity);
    return buf_check(out, "token", err);
}

static int use_cached(struct call *c, struct endpoint *e, const struct lesson *l,
                      const char *actions, struct err *err)
{
    struct buf CLEANUP(buf_clear) scope = BUF_INIT(2 * KIB);
    struct buf CLEANUP(buf_clear) key = BUF_INIT(4 * URL_MAX);
    struct secret *CLEANUP(secret_freep) token = NULL;

    if (scope_of(&scope, e, c, actions, err) != 0 ||
        token_key(&key, e, (struct issuer) { l->realm, l->service }, buf_text(&scope), err) != 0 ||
        tokens_find(&token, e->registries->tokens, buf_text(&key), err) != 0)
        return -1;
    return token == NULL ? 0 : set_token(c, token, buf_text(&key), err);
}

int auth_prepare(struct call *c, struct endpoint *e, struct err *err)
{
    struct lesson CLEANUP(lesson_clear) l = { CHALLENGE_OTHER, NULL, NULL };
    const struct credential *credential;
    bool set;

    if (recall(&l, e, err) != 0)
        return -1;
    if (l.scheme == CHALLENGE_OTHER)
        return 0;
    if (endpoint_credential(&credential, e, err) != 0)
        return -1;
    c->anonymous = credential->kind == CREDENTIAL_NONE;
    if (credential->kind == CREDENTIAL_BEARER)
        return set_token(c, credential->secret, NULL, err);
    if (l.scheme == CHALLENGE_BASIC)
        return set_basic(c, e, &set, err);
    if (use_cached(c, e, &l, c->actions, err) != 0)
        return -1;
    /* A token to push with serves to pull. */
    if (c->authorization == NULL && strcmp(c->actions, "pull") == 0)
        return use_cached(c, e, &l, "pull,push", err);
    return 0;
}

/* --- Answering a challenge --- */

static int collect(struct challenges *out, const struct call *c)
{
    struct bytes value;

    for (size_t i = 0; (value = http_header(&c->http, "www-authenticate", i)).len > 0; i++) {
        struct err why = ERR_INIT;
        /* One unreadable line does not spoil the others; of a flood, what fits counts. */
        if (challenges_add(out, value, &why) != 0 && why.code == ERR_NOMEM)
            return -1;
    }
    return 0;
}

static int answer_basic(struct call *c, struct endpoint *e, bool *again, struct err *err)
{
    bool sent = c->authorization != NULL;
    bool set;

    if (set_basic(c, e, &set, err) != 0)
        return -1;
    /* The same password once more would only help to lock the account. */
    *again = set && !sent;
    return 0;
}

static int claim_token(struct call *c, struct endpoint *e, const struct token_request *q,
                       const char *key, struct err *err)
{
    struct tokens *cache = e->registries->tokens;
    struct secret *CLEANUP(secret_freep) token = NULL;
    struct token_grant grant;

    if (tokens_claim(&token, cache, key, q->deadline, err) != 0)
        return -1;
    if (token != NULL)
        return set_token(c, token, key, err);
    if (token_fetch(&grant, e, q, err) != 0) {
        tokens_put(cache, key, NULL, 0);
        return -1;
    }
    tokens_put(cache, key, grant.token, grant.lifetime);
    token = grant.token;
    return set_token(c, token, key, err);
}

/* The token that was refused is used up, for everybody. */
static void forget_sent(struct call *c, struct endpoint *e)
{
    if (c->token_key == NULL || c->authorization == NULL)
        return;
    struct bytes header = secret_bytes(c->authorization); /* "Bearer " token NUL */
    tokens_forget(e->registries->tokens, c->token_key, bytes_part(header, 7, header.len - 8));
}

static int answer_bearer(struct call *c, struct endpoint *e, const struct challenge *challenge,
                         int64_t deadline, struct err *err)
{
    struct buf CLEANUP(buf_clear) scope = BUF_INIT(2 * KIB);
    struct buf CLEANUP(buf_clear) theirs = BUF_INIT(2 * KIB);
    struct buf CLEANUP(buf_clear) key = BUF_INIT(4 * URL_MAX);
    const struct issuer from = { challenge->realm, challenge->service };
    const struct credential *credential; /* so that the identity is known */

    if (endpoint_credential(&credential, e, err) != 0 ||
        scope_of(&scope, e, c, c->actions, err) != 0 ||
        token_key(&key, e, from, buf_text(&scope), err) != 0 ||
        scope_canonical(&theirs, bytes_text(challenge->scope), err) != 0)
        return -1;
    bool same = theirs.len == 0 || bytes_equal(buf_bytes(&scope), buf_bytes(&theirs));
    const struct token_request q = {
        .realm = challenge->realm,
        .service = challenge->service,
        .scope = buf_text(&scope),
        .other_scope = same ? NULL : buf_text(&theirs),
        .registry_url = buf_text(&c->url),
        .deadline = deadline,
    };
    forget_sent(c, e);
    return claim_token(c, e, &q, buf_text(&key), err);
}

/* registry.md 9.1, 5: a challenge from where a redirect led is not the registry's. */
static bool from_elsewhere(const struct call *c)
{
    const char *answered = c->http.effective_url;

    return answered != NULL && strcmp(answered, buf_text(&c->url)) != 0 &&
           !http_same_origin(answered, buf_text(&c->url));
}

int auth_answer(struct call *c, struct endpoint *e, bool *again, int64_t deadline, struct err *err)
{
    struct challenges CLEANUP(challenges_clear) all = CHALLENGES_INIT;
    const struct credential *credential;

    *again = false;
    if (from_elsewhere(c))
        return 0;
    if (collect(&all, c) != 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    const struct challenge *best = challenges_best(&all);
    if (best == NULL)
        return 0;
    if (remember(e, best, err) != 0 || endpoint_credential(&credential, e, err) != 0)
        return -1;
    c->anonymous = credential->kind == CREDENTIAL_NONE;
    if (credential->kind == CREDENTIAL_BEARER) {
        *again = c->authorization == NULL;
        return set_token(c, credential->secret, NULL, err);
    }
    if (best->scheme == CHALLENGE_BASIC)
        return answer_basic(c, e, again, err);
    if (answer_bearer(c, e, best, deadline, err) != 0)
        return -1;
    *again = true;
    return 0;
}
