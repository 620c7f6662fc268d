#ifndef BULLA_REGISTRY_REGISTRIES_H
#define BULLA_REGISTRY_REGISTRIES_H

#include "base/http.h"
#include "base/secret.h"
#include "registry/store.h"

/*
 * How registries are reached: registries.yaml (policy.md), certs.d, credentials, tokens, and the
 * one transport of the process. The transport starts with the first registry that is opened, so
 * that work on layouts alone costs none of it.
 */
struct registries;

struct registries_options {
    const char *file;       /* registries.yaml, or NULL */
    const char *user_agent; /* "bulla-verify/0.1.0" */
    const char *username;   /* with `password`: for every registry host named on the command line */
    const struct secret *password;
    const struct secret *token;    /* a ready bearer token */
    const char *auth_file;         /* instead of the usual places (registry.md 7.3) */
    const char *const *auth_files; /* or several: files, or folders of them (auth_files.h) */
    size_t n_auth_files;
    const char *ca_file; /* added to the system's */
    const char *cert_file, *key_file;
    bool plain_http;     /* plain HTTP is allowed for every host */
    bool insecure;       /* certificates are not checked */
    bool refuse_private; /* see http.h */
    void (*observe)(void *context, const char *method, const char *url, long status,
                    int64_t micros);
    /** Told of what a registry wants people to read (distribution-spec, Warning headers), once per
     * text, fit to print; on a caller's thread. May be NULL. */
    void (*warn)(void *context, const char *host, const char *text);
    void *observe_context; /* of both */
};

/** Reads the file (ERR_CONFIG with file:line:column) but opens nothing. Options' texts are borrowed
 * for life. */
int registries_new(struct registries **out, const struct registries_options *options,
                   struct err *err) MUST_CHECK;
void registries_free(struct registries *r);
void registries_freep(struct registries **r);

enum store_access { STORE_READ, STORE_WRITE };

/** Open the repository of a reference. No packet is sent. Plain HTTP: loopback hosts (TLS is tried
 * first), hosts that registries.yaml says, or everywhere with options.plain_http. For a layout:
 * STORE_READ requires that it is one, STORE_WRITE makes it. */
int store_open(struct store **out, struct registries *r, const struct reference *ref,
               enum store_access access, struct err *err) MUST_CHECK;

/** store_open() for reading, with credentials that come before the configured ones: for the host
 * and path of `ref` alone, never for its mirrors. `credentials` must live as long as the store;
 * NULL: none. */
int store_open_with(struct store **out, struct registries *r, const struct reference *ref,
                    const struct credential_source *credentials, struct err *err) MUST_CHECK;

/** Further places where evidence of this image may hang (registries.yaml `evidence`): the i-th, as
 * a reference of the repository, or ERR_NOT_FOUND past the last. A place "host/path" stands for the
 * repository path itself, as COSIGN_REPOSITORY does. */
int registries_evidence(struct reference *out, struct registries *r, const struct reference *image,
                        size_t i, struct err *err) MUST_CHECK;

/** Does registries.yaml name the host of this image? A layout has none to be named, and is as good
 * as one that is. Reads no file. */
bool registries_names(struct registries *r, const struct reference *image);

uint64_t registries_exchanges(struct registries *r); /* HTTP exchanges so far */

#endif
