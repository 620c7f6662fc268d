#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/places.h"
#include "policy/lint.h"
#include "registry/hosts.h"
#include "registry/ping.h"
#include "webhook/answer.h"
#include "webhook/doctor_private.h"

#define LINE_MAX_BYTES 2048 /* of one check */
#define DAY 86400           /* seconds */
#define CERTIFICATE_DAYS 14 /* of life that a certificate should have left */
#define CLOCK_SECONDS 60    /* by which clocks may differ unnoticed */
#define PING_MS 10000       /* for one registry */

void doctor_tell(struct doctor *d, enum check_result result, const char *what, const char *fmt, ...)
{
    static const char *const words[] = { "ok", "warn", "fail" };
    char text[LINE_MAX_BYTES];
    struct buf CLEANUP(buf_clear) shown = BUF_INIT(4 * LINE_MAX_BYTES);
    va_list args;

    va_start(args, fmt);
    const int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    text_escape(&shown, bytes_text(n < 0 ? "" : text), LINE_MAX_BYTES);
    printf("%-4s %s: %s\n", words[result], what, buf_text(&shown));
    if (result == CHECK_FAIL)
        d->failed++;
}

/* Told; the other checks go on, unless memory is short (-1). */
static int tell_failed(struct doctor *d, const char *what, const struct err *why, struct err *err)
{
    doctor_tell(d, CHECK_FAIL, what, "%s", err_text(why));
    if (why->code != ERR_NOMEM)
        return 0;
    *err = *why;
    return -1;
}

/* --- Policy and keys --- */

static void tell_policy(struct doctor *d, const struct policy_file *file)
{
    const struct policy *p = file->policy;
    struct buf CLEANUP(buf_clear) name = BUF_INIT(LINE_MAX_BYTES);

    answer_policy(&name, p);
    doctor_tell(d, CHECK_OK, "policy", "%s, mode %s, %zu rules", buf_text(&name),
                policy_mode_name(p->mode), p->n_rules);
    doctor_tell(d, CHECK_OK, "keys", "%zu of %zu signers", file->keys.n, p->n_signers);
}

static int check_policy(struct doctor *d, struct err *err)
{
    struct policy_file CLEANUP(policy_file_clear) file = { .findings = POLICY_FINDINGS_INIT };
    const char *path = d->options->read.policy;
    struct err why = ERR_INIT;

    int done = policy_file_read(&file, path, &why);
    if (done == 0)
        done = policy_lint(&file.findings, file.policy, d->now, &why);
    for (size_t i = 0; i < file.findings.n; i++) {
        struct buf CLEANUP(buf_clear) text = BUF_INIT(LINE_MAX_BYTES);
        const struct policy_finding *finding = &file.findings.items[i];
        policy_finding_format(&text, path, finding);
        doctor_tell(d, finding->level == FINDING_ERROR ? CHECK_FAIL : CHECK_WARN, "policy", "%s",
                    buf_text(&text));
    }
    if (file.policy != NULL)
        tell_policy(d, &file);
    /* what the file's findings say was told */
    if (done == 0 || (file.findings.errors > 0 && why.code != ERR_NOMEM))
        return 0;
    return tell_failed(d, "policy", &why, err);
}

/* --- Certificate --- */

static void check_life(struct doctor *d)
{
    const int64_t begins = tls_identity_begins(d->identity);
    const int64_t ends = tls_identity_expires(d->identity);
    char from[TIME_TEXT_MAX];
    char until[TIME_TEXT_MAX];

    time_format(from, begins);
    time_format(until, ends);
    if (begins > d->now)
        doctor_tell(d, CHECK_FAIL, "certificate", "not valid before %s: or this clock is wrong",
                    from);
    else if (ends <= d->now)
        doctor_tell(d, CHECK_FAIL, "certificate", "expired at %s", until);
    else if (ends - d->now < CERTIFICATE_DAYS * (int64_t)DAY)
        doctor_tell(d, CHECK_WARN, "certificate", "expires at %s, in less than %d days", until,
                    CERTIFICATE_DAYS);
    else
        doctor_tell(d, CHECK_OK, "certificate", "valid until %s", until);
}

static void check_service(struct doctor *d, const char *service)
{
    if (tls_identity_names(d->identity, service))
        doctor_tell(d, CHECK_OK, "certificate", "names %s", service);
    else
        doctor_tell(d, CHECK_FAIL, "certificate", "does not name %s among its alternative names",
                    service);
}

static int check_certificate(struct doctor *d, struct err *err)
{
    struct generations_options all;
    struct err why = ERR_INIT;

    options_generations(&all, &d->options->read);
    if (tls_identity_read(&d->identity, &all.files.tls, &why) != 0)
        return tell_failed(d, "certificate", &why, err);
    check_life(d);
    if (d->options->service != NULL)
        check_service(d, d->options->service);
    return 0;
}

/* --- Registries --- */

static void tell_clock(struct doctor *d, const char *host, const struct registry_ping *ping)
{
    if (!ping->clock_told)
        return;
    if (llabs(ping->ahead) > CLOCK_SECONDS)
        doctor_tell(d, CHECK_WARN, "clock", "%lld seconds %s %s's: ages and dates are judged by it",
                    llabs(ping->ahead), ping->ahead > 0 ? "behind" : "ahead of", host);
    else
        doctor_tell(d, CHECK_OK, "clock", "agrees with %s's", host);
}

static void check_registry(struct doctor *d, struct registries *r, const char *host)
{
    struct registry_ping ping;
    struct err why = ERR_INIT;

    if (registry_ping(&ping, r, host, clock_deadline(PING_MS), &why) != 0) {
        doctor_tell(d, CHECK_FAIL, "registry", "%s: %s", host, err_text(&why));
        return;
    }
    const bool usable = ping.status == 200 || ping.status == 401;
    doctor_tell(d, usable ? CHECK_OK : CHECK_WARN, "registry",
                "%s: %s/v2/ answers %ld in %lld ms; %s", host, ping.plain ? "http, " : "",
                ping.status, (long long)ping.took_ms,
                ping.credentials ? "there are credentials" : "no credentials, anonymous");
    tell_clock(d, host, &ping);
}

/* That all that is named can be read was checked with the whole. */
static int check_registries(struct doctor *d, struct registries *r, struct err *err)
{
    struct hosts *CLEANUP(hosts_freep) hosts = NULL;
    const char *host;
    size_t n = 0;

    if (hosts_load(&hosts, d->options->read.registries, err) != 0)
        return -1;
    for (; (host = hosts_named(hosts, n)) != NULL; n++)
        check_registry(d, r, host);
    if (n == 0)
        doctor_tell(d, CHECK_WARN, "registry",
                    "none is named in --registries: none was asked, and each may use a quarter of "
                    "the workers only");
    return 0;
}

/* --- All --- */

/* As `webhook` reads it at its start: what fails here keeps it from serving. */
static int check_whole(struct doctor *d, struct err *err)
{
    struct generations_options all;
    struct generations *generations;
    struct err why = ERR_INIT;

    options_generations(&all, &d->options->read);
    if (generations_new(&generations, &all, &why) != 0)
        return tell_failed(d, "files", &why, err);
    doctor_tell(d, CHECK_OK, "files", "all that is named can be read");
    const struct generation *now = generation_take(generations);
    const int done = check_registries(d, now->source.engine.registries, err);
    generation_drop(now);
    generations_free(generations);
    return done;
}

static void check_callers(struct doctor *d)
{
    const struct options *o = &d->options->read;

    if (o->client_ca != NULL && o->client_names.n == 0)
        doctor_tell(d, CHECK_WARN, "callers",
                    "whoever has a certificate of --client-ca may call: say who with "
                    "--client-name");
    else if (o->client_ca != NULL || o->token_file != NULL)
        doctor_tell(d, CHECK_OK, "callers", "must show %s",
                    o->client_ca != NULL ? "a certificate" : "a token");
    else
        doctor_tell(d, CHECK_OK, "callers",
                    "are not asked who they are (--client-ca, --token-file)");
}

/* A warning only: `webhook` would serve, and pass over what it cannot read. But for the files. */
static int check_pull_secrets(struct doctor *d, struct err *err)
{
    struct pull_secrets_options options;
    struct pull_secrets *secrets;
    struct err why = ERR_INIT;

    if (!d->options->read.pull_secrets)
        return 0;
    options_pull_secrets(&options, &d->options->read);
    if (pull_secrets_new(&secrets, &options, &why) != 0)
        return tell_failed(d, "pull-secrets", &why, err);
    if (pull_secrets_check(secrets, &why) == 0)
        doctor_tell(d, CHECK_OK, "pull-secrets", "the API answers, and takes the token");
    else
        doctor_tell(d, CHECK_WARN, "pull-secrets", "the API: %s", err_text(&why));
    pull_secrets_free(secrets);
    return 0;
}

static int check_all(struct doctor *d, struct err *err)
{
    if (check_policy(d, err) != 0 || check_certificate(d, err) != 0)
        return -1;
    check_callers(d);
    if (check_whole(d, err) != 0 || check_pull_secrets(d, err) != 0)
        return -1;
    for (size_t i = 0; i < d->options->config.n; i++)
        if (doctor_config(d, d->options->config.values[i], err) != 0)
            return -1;
    return 0;
}

int doctor(const struct doctor_options *options, struct err *err)
{
    struct doctor d = { .options = options, .now = clock_seconds() };

    if (places_check(err) != 0)
        return -1;
    const int done = check_all(&d, err);
    tls_identity_drop(d.identity);
    return done != 0 ? -1 : d.failed > 0;
}
