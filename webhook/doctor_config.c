#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/http.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/yaml.h"
#include "webhook/doctor_private.h"

#define TIMEOUT_DEFAULT 10 /* seconds, where a configuration says none */
#define TIMEOUT_MIN 3      /* below it a cold look-up has less than two seconds */
#define NAME_TEXT 512      /* bytes of a webhook's name in messages */

/* A configuration under examination, and what all its webhooks together ask about. */
struct config {
    struct doctor *doctor;
    bool mutating;
    bool pods, updates, ephemeral;
};

/* One webhook of it. */
struct hook {
    struct config *config;
    const struct yaml_node *node;
    char name[NAME_TEXT];
};

static void tell(const struct hook *h, enum check_result result, const char *text)
{
    doctor_tell(h->config->doctor, result, "configuration", "%s: %s", h->name, text);
}

/* Strings of our own files hold no NUL, which the reader refuses. */
static const char *text_of(const struct yaml_node *node)
{
    return node == NULL || node->kind != YAML_STRING ? "" : (const char *)node->text.data;
}

static const struct yaml_node *get(const struct yaml_node *node, const char *key)
{
    return node == NULL || node->kind != YAML_MAPPING ? NULL : yaml_get(node, key);
}

static bool list_has(const struct yaml_node *list, const char *text)
{
    if (list == NULL || list->kind != YAML_SEQUENCE)
        return false;
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(text_of(list->items[i]), text) == 0)
            return true;
    return false;
}

static bool list_has_or_all(const struct yaml_node *list, const char *text)
{
    return list_has(list, text) || list_has(list, "*");
}

/* --- Where it calls --- */

static void check_path(const struct hook *h, const char *path)
{
    const char *wanted = h->config->mutating ? "/mutate" : "/validate";
    char text[128];

    snprintf(text, sizeof(text), "the path is not %s, which answers reviews of this kind", wanted);
    if (strcmp(path, wanted) != 0)
        tell(h, CHECK_FAIL, text);
}

static void check_name(const struct hook *h, const char *host)
{
    char text[NAME_TEXT];
    const bool named = tls_identity_names(h->config->doctor->identity, host);

    snprintf(text, sizeof(text), "the certificate %s %s", named ? "names" : "does not name", host);
    tell(h, named ? CHECK_OK : CHECK_FAIL, text);
}

static void check_service(const struct hook *h, const struct yaml_node *service)
{
    const char *path = text_of(get(service, "path"));
    char host[NAME_TEXT];

    snprintf(host, sizeof(host), "%s.%s.svc", text_of(get(service, "name")),
             text_of(get(service, "namespace")));
    check_name(h, host);
    check_path(h, path);
}

static void check_url(const struct hook *h, const char *url)
{
    struct buf CLEANUP(buf_clear) host = BUF_INIT(URL_MAX);
    const char *scheme = "https://";
    const char *path =
        strncmp(url, scheme, strlen(scheme)) == 0 ? strchr(url + strlen(scheme), '/') : NULL;

    if (path == NULL || http_url_host(&host, url, NULL) != 0) {
        tell(h, CHECK_FAIL, "the url is not https://HOST/PATH");
        return;
    }
    char name[NAME_TEXT];
    const char *text = buf_text(&host);
    const char *colon = strrchr(text, ':');
    const bool bracket = text[0] == '[';
    const size_t skip = bracket ? 1 : 0;
    const char *end = bracket ? strchr(text, ']') : colon;
    const size_t len = end == NULL ? strlen(text) : (size_t)(end - text) - skip;
    snprintf(name, sizeof(name), "%.*s", (int)len, text + skip);
    check_name(h, name);
    const size_t until = strcspn(path, "?");
    snprintf(name, sizeof(name), "%.*s", (int)until, path);
    check_path(h, name);
}

static void check_authority(const struct hook *h, const struct yaml_node *bundle)
{
    struct buf CLEANUP(buf_clear) pem = BUF_INIT(CONFIG_FILE_MAX);
    struct err why = ERR_INIT;
    char text[NAME_TEXT + ERR_TEXT_MAX];

    if (bundle == NULL || bundle->kind != YAML_STRING || bundle->text.len == 0) {
        tell(h, CHECK_WARN,
             "no caBundle: unless something puts one in, the API server trusts the system's "
             "authorities only");
        return;
    }
    if (base64_decode(&pem, bundle->text, BASE64_STANDARD, NULL) != 0)
        tell(h, CHECK_FAIL, "caBundle is not base64: a placeholder?");
    else if (tls_identity_trusted(h->config->doctor->identity, buf_bytes(&pem), &why) != 0) {
        snprintf(text, sizeof(text), "caBundle does not trust the certificate: %s", err_text(&why));
        tell(h, CHECK_FAIL, text);
    } else
        tell(h, CHECK_OK, "caBundle trusts the certificate");
}

static void check_client(const struct hook *h)
{
    const struct yaml_node *client = get(h->node, "clientConfig");
    const struct yaml_node *service = get(client, "service");
    const char *url = text_of(get(client, "url"));

    if (h->config->doctor->identity == NULL)
        return; /* that it cannot be read was told */
    if (service != NULL)
        check_service(h, service);
    else if (url[0] != '\0')
        check_url(h, url);
    else
        tell(h, CHECK_FAIL, "clientConfig has neither service nor url");
    check_authority(h, get(client, "caBundle"));
}

/* --- How it calls --- */

static void check_policies(const struct hook *h)
{
    const char *failure = text_of(get(h->node, "failurePolicy"));
    const bool fail = failure[0] == '\0' || strcmp(failure, "Fail") == 0;

    if (!fail && !h->config->mutating)
        tell(h, CHECK_FAIL, "failurePolicy is not Fail: while nobody answers, every image gets in");
    if (fail && h->config->mutating)
        tell(h, CHECK_WARN,
             "failurePolicy is Fail: Ignore is safe, since /validate refuses what "
             "was not pinned");
    if (strcmp(text_of(get(h->node, "sideEffects")), "None") != 0)
        tell(h, CHECK_WARN, "sideEffects is not None: there are none, and dry runs need it");
    if (strcmp(text_of(get(h->node, "matchPolicy")), "Exact") == 0)
        tell(h, CHECK_WARN, "matchPolicy is Exact: objects of other versions get past");
    if (!list_has(get(h->node, "admissionReviewVersions"), "v1"))
        tell(h, CHECK_FAIL, "admissionReviewVersions lacks v1, which is what is spoken");
    if (get(h->node, "objectSelector") != NULL && get(h->node, "objectSelector")->n > 0)
        tell(h, CHECK_WARN, "objectSelector: whoever sets or leaves out a label gets past");
}

static void check_timeout(const struct hook *h)
{
    const struct yaml_node *node = get(h->node, "timeoutSeconds");
    const int64_t seconds = node == NULL             ? TIMEOUT_DEFAULT
                            : node->kind == YAML_INT ? node->integer
                                                     : 0;

    if (seconds < 1 || seconds > 30)
        tell(h, CHECK_FAIL, "timeoutSeconds is not a number from 1 to 30");
    else if (seconds < TIMEOUT_MIN)
        tell(h, CHECK_WARN, "timeoutSeconds leaves less than two seconds for look-ups");
}

/* Does the selector leave this namespace out? */
static bool leaves_out(const struct yaml_node *selector, const char *namespace)
{
    const struct yaml_node *list = get(selector, "matchExpressions");

    if (list == NULL || list->kind != YAML_SEQUENCE)
        return false;
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(text_of(get(list->items[i], "key")), "kubernetes.io/metadata.name") == 0 &&
            strcmp(text_of(get(list->items[i], "operator")), "NotIn") == 0 &&
            list_has(get(list->items[i], "values"), namespace))
            return true;
    return false;
}

static void check_namespace(const struct hook *h)
{
    const struct yaml_node *selector = get(h->node, "namespaceSelector");
    const char *own = text_of(get(get(get(h->node, "clientConfig"), "service"), "namespace"));

    if (own[0] != '\0' && !leaves_out(selector, own))
        tell(h, CHECK_WARN,
             "namespaceSelector does not leave out its own namespace: once it is "
             "down it cannot start again");
}

static void read_rules(const struct hook *h)
{
    const struct yaml_node *rules = get(h->node, "rules");

    if (rules == NULL || rules->kind != YAML_SEQUENCE)
        return;
    for (size_t i = 0; i < rules->n; i++) {
        const struct yaml_node *rule = rules->items[i];
        const struct yaml_node *operations = get(rule, "operations");
        const struct yaml_node *resources = get(rule, "resources");
        const bool created = list_has_or_all(operations, "CREATE");
        const bool updated = list_has_or_all(operations, "UPDATE");
        const bool pods = list_has_or_all(resources, "pods") || list_has(resources, "*/*");
        if (!list_has_or_all(get(rule, "apiGroups"), "") ||
            !list_has_or_all(get(rule, "apiVersions"), "v1") ||
            strcmp(text_of(get(rule, "scope")), "Cluster") == 0)
            continue;
        h->config->pods |= pods && created;
        h->config->updates |= pods && updated;
        h->config->ephemeral |=
            updated &&
            (list_has(resources, "pods/ephemeralcontainers") || list_has(resources, "pods/*") ||
             list_has(resources, "*/*") || list_has(resources, "*/ephemeralcontainers"));
    }
}

static void check_hook(struct config *config, const struct yaml_node *node)
{
    struct hook h = { .config = config, .node = node };

    snprintf(h.name, sizeof(h.name), "%s", text_of(get(node, "name")));
    check_client(&h);
    check_policies(&h);
    check_timeout(&h);
    check_namespace(&h);
    read_rules(&h);
}

static void check_object(struct doctor *d, const struct yaml_node *node, size_t *seen)
{
    const char *kind = text_of(get(node, "kind"));
    const struct yaml_node *hooks = get(node, "webhooks");
    const char *name = text_of(get(get(node, "metadata"), "name"));
    struct config config = { .doctor = d,
                             .mutating = strcmp(kind, "MutatingWebhookConfiguration") == 0 };

    if ((!config.mutating && strcmp(kind, "ValidatingWebhookConfiguration") != 0) ||
        hooks == NULL || hooks->kind != YAML_SEQUENCE)
        return;
    (*seen)++;
    for (size_t i = 0; i < hooks->n; i++)
        check_hook(&config, hooks->items[i]);
    if (!config.pods || !config.updates)
        doctor_tell(d, config.mutating ? CHECK_WARN : CHECK_FAIL, "configuration",
                    "%s: Pods are not asked about on CREATE and UPDATE", name);
    if (!config.ephemeral && !config.mutating)
        doctor_tell(d, CHECK_FAIL, "configuration",
                    "%s: pods/ephemeralcontainers are not asked about on UPDATE", name);
    if (config.pods && config.updates && (config.ephemeral || config.mutating))
        doctor_tell(d, CHECK_OK, "configuration", "%s: asks about Pods", name);
}

/* One document: a configuration, or a list of some as `kubectl get -o yaml` prints it. */
static void check_document(struct doctor *d, const struct yaml_node *root, size_t *seen)
{
    const struct yaml_node *items = get(root, "items");

    check_object(d, root, seen);
    for (size_t i = 0; items != NULL && items->kind == YAML_SEQUENCE && i < items->n; i++)
        check_object(d, items->items[i], seen);
}

static int check_stream(struct doctor *d, struct bytes text, const char *path, size_t *seen,
                        struct err *err)
{
    struct yaml_stream *CLEANUP(yaml_stream_freep) stream = NULL;

    if (yaml_stream_open(&stream, text, path, YAML_TREE_MAX, err) != 0)
        return -1;
    for (;;) {
        struct yaml_doc *CLEANUP(yaml_freep) doc = NULL;
        if (yaml_stream_next(&doc, stream, err) != 0)
            return -1;
        if (doc == NULL)
            return 0;
        check_document(d, yaml_root(doc), seen);
    }
}

int doctor_config(struct doctor *d, const char *path, struct err *err)
{
    struct buf CLEANUP(buf_clear) text = BUF_INIT(CONFIG_FILE_MAX);
    struct err why = ERR_INIT;
    size_t seen = 0;

    if (file_read(&text, path, &why) != 0 ||
        check_stream(d, buf_bytes(&text), path, &seen, &why) != 0)
        doctor_tell(d, CHECK_FAIL, "configuration", "%s", err_text(&why));
    else if (seen == 0)
        doctor_tell(d, CHECK_FAIL, "configuration", "%s: holds no webhook configuration", path);
    if (why.code != ERR_NOMEM)
        return 0;
    *err = why;
    return -1;
}
