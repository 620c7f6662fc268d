#ifndef BULLA_WEBHOOK_SERVING_H
#define BULLA_WEBHOOK_SERVING_H

#include <stdatomic.h>

#include "webhook/admission.h"
#include "webhook/server.h"

/* The whole program while it serves; and what it answers beside reviews. */

struct serving {
    struct metrics *metrics;
    struct generations *generations;
    struct lookups *lookups;
    struct pull_secrets *pull_secrets; /* or NULL */
    struct admission *admission;
    struct tls *tls;
    struct server *server;         /* reviews and probes */
    struct server *metrics_server; /* or NULL */
    struct watch *watch;
    atomic_bool draining;
};

/* Handlers of server_route: `context` is the struct serving. */

/** 200 "ok" as long as there is a process that can answer. */
void serving_healthz(void *context, struct exchange *exchange);

/** 200 "ok", or 503 while draining. With ?verbose what is served with, and why the last reload was
 * not taken: a bad new file makes no Pod unready, since the old generation serves. */
void serving_readyz(void *context, struct exchange *exchange);

void serving_metrics(void *context, struct exchange *exchange);

/** For server_options.token_is. */
bool serving_token_is(void *context, struct bytes token);

#endif
