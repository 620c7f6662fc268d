#include "engine/common.h"
#include "webhook/doctor.h"
#include "webhook/serve.h"

static int run_serve(int argc, char **argv, struct err *err);

static const struct command serve_command = {
    .name = "",
    .summary = "webhook answers the admission reviews of a Kubernetes API server.",
    .usage = "--policy FILE --tls-cert FILE --tls-key FILE [options]",
    .details =
        "POST /validate and /mutate, GET /healthz and /readyz over TLS; GET /metrics by plain HTTP "
        "on an address\n"
        "of its own. Files are read again within two seconds when they change, and with SIGHUP; a "
        "bad new file\n"
        "is reported and the old configuration serves on. SIGTERM: not ready, drained, ended.\n"
        "Exit status: 0 it was told to end, 2 the command line, the policy or another file is "
        "wrong, 3 it could\n"
        "not begin for another reason.",
    .run = run_serve,
};

static int run_serve(int argc, char **argv, struct err *err)
{
    struct options o = OPTIONS_INIT;
    const struct option table[] = {
        OPTIONS_READ(&o),
        { "listen", 0, OPTION_TEXT, &o.listen, "ADDRESS",
          "where reviews are answered (default :8443)" },
        { "metrics-listen", 0, OPTION_TEXT, &o.metrics_listen, "ADDRESS",
          "where metrics are (default nowhere)" },
        { "custom-kind", 0, OPTION_LIST, &o.custom_kinds, "KIND.GROUP=POINTER",
          "where a kind of one's own names images; may be repeated" },
        { "ignore-kind", 0, OPTION_LIST, &o.ignored_kinds, "KIND.GROUP",
          "a kind whose containers are not run; may be repeated" },
        { "workers", 0, OPTION_NUMBER, &o.workers, "N", "look-ups at once (default 64)" },
        { "queue", 0, OPTION_NUMBER, &o.queue, "N", "look-ups that may wait (default 4096)" },
        { "cache", 0, OPTION_SIZE, &o.cache, "SIZE", "memory of kept look-ups (default 32MiB)" },
        { "memory", 0, OPTION_SIZE, &o.memory, "SIZE",
          "memory of requests at once (default 64MiB)" },
        { "connections", 0, OPTION_NUMBER, &o.connections, "N",
          "open connections at most (default 1024)" },
        { "drain", 0, OPTION_MILLIS, &o.drain_ms, "TIME",
          "time to answer what has begun when told to end (default 20s)" },
        { "drain-delay", 0, OPTION_MILLIS, &o.drain_delay_ms, "TIME",
          "time before that, not ready but still serving (default 3s)" },
        { 0 },
    };
    int first;
    bool help;

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "webhook", &serve_command, table);
    else if (done == 0)
        done = options_check(&o, argc - first, err) != 0 || options_log(&o, LOG_JSON, err) != 0
                   ? -1
                   : serve(&o, err);
    option_lists_free(table);
    return done;
}

static int run_doctor(int argc, char **argv, struct err *err);

static const struct command doctor_command = {
    .name = "doctor",
    .summary = "check what `webhook` would serve with, without serving",
    .usage = "--policy FILE --tls-cert FILE --tls-key FILE [options]",
    .details =
        "Policy, keys, certificate and every registry that registries.yaml names are checked, and "
        "with --config\n"
        "whether the API server would reach and trust it; each check is one line: ok, warn or "
        "fail.\n"
        "Exit status: 0 nothing failed, 1 a check failed, 2 the command line is wrong, 3 it could "
        "not be found\n"
        "out.",
    .run = run_doctor,
};

static int run_doctor(int argc, char **argv, struct err *err)
{
    struct doctor_options o = { .read = OPTIONS_INIT };
    const struct option table[] = {
        { "service", 0, OPTION_TEXT, &o.service, "NAME.NAMESPACE.svc",
          "what the certificate must name" },
        { "config", 0, OPTION_LIST, &o.config, "FILE",
          "webhook configurations as YAML; may be repeated" },
        OPTIONS_READ(&o.read),
        { 0 },
    };
    int first;
    bool help;

    int done = option_parse(argc, argv, table, &first, &help, err);
    if (done == 0 && help)
        option_help(stdout, "webhook", &doctor_command, table);
    else if (done == 0)
        done = options_check(&o.read, argc - first, err) != 0 ||
                       options_log(&o.read, LOG_TEXT, err) != 0
                   ? -1
                   : doctor(&o, err);
    option_lists_free(table);
    return done;
}

int main(int argc, char **argv)
{
    const struct command commands[] = { serve_command, doctor_command, { 0 } };

    return common_main(argc, argv, "webhook",
                       "webhook keeps images out of a cluster that a policy does not allow.",
                       commands);
}
